// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting by poll, epoll and select: every wait of every kind, armed on an attachment,
 * which is readable from its end until it is collected.
 */
#include "waits.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define READABLE (POLLIN | POLLRDNORM)

FIXTURE(arm) { };

FIXTURE_SETUP(arm)
{
	struct shs_ioc_abi abi = { .size = sizeof(abi) };
	int fd;

	SHS_MOUNT("");
	fd = shs_open(".", O_RDONLY);
	ASSERT_EQ(0, shs_ioctl(fd, SHS_IOC_ABI, &abi));
	EXPECT_TRUE(abi.features & SHS_FEATURE_ARM);
	close(fd);
}

FIXTURE_TEARDOWN(arm) { }

/* An actor that also has an attachment where its call needs none. */
static int come(struct shs_actor *a, const struct shs_scene *s)
{
	int err = shs_actor_come(a, s);

	return err ?: shs_way_is_op(s->way) ? shs_attach(&a->att, s->fd) : 0;
}

static void go(struct shs_actor *a)
{
	if (shs_way_is_op(a->scene->way))
		shs_unmap(&a->att);
	shs_actor_go(a);
}

/* a's wait, begun. */
static int begin(struct shs_actor *a, __u64 deadline)
{
	int fd;
	unsigned long command = shs_actor_call(a, deadline, SHS_CLOCK_MONOTONIC, &fd);

	return shs_arm(a->att.fd, command, &a->args);
}

/* Its end; the result. */
static int end(struct shs_actor *a)
{
	int told = shs_polled(a->att.fd, -1);

	return told & POLLIN ? shs_collect(a->att.fd) : -1000 - told;
}

static bool is_readable(const struct shs_actor *a)
{
	return shs_polled(a->att.fd, 0) == READABLE;
}

static int cancel(const struct shs_actor *a)
{
	struct shs_ioc_cancel c = { .size = sizeof(c), .addr = (unsigned long)&a->args };

	return shs_ioctl(a->att.fd, SHS_IOC_CANCEL, &c);
}

static int await_end(const struct shs_actor *a)
{
	return shs_polled(a->att.fd, -1) & POLLIN ? 0 : -EIO;
}

#define WAY(name) static void name(struct __test_metadata *_metadata, enum shs_way way)
#define BY_EACH_WAY(name) SHS_BY_EACH_WAY(SHS_RING_WAYS, name)

/* It waits as long as it must, is readable then, and not any more when it was collected. */
WAY(granted_by)
{
	struct shs_ioc_collect collect;
	struct shs_scene s;
	struct shs_actor a;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, come(&a, &s));
	ASSERT_EQ(0, shs_actor_enter(&a));
	EXPECT_EQ(0, shs_polled(a.att.fd, 0));
	ASSERT_EQ(0, begin(&a, SHS_FOREVER));
	SHS_AWAIT(s.fd, info.waiters == 1);
	EXPECT_EQ(0, shs_polled(a.att.fd, 0));
	EXPECT_EQ(-EAGAIN, shs_collect(a.att.fd));
	ASSERT_EQ(0, shs_scene_clear(&s, 1));
	ASSERT_EQ(0, await_end(&a));
	EXPECT_TRUE(is_readable(&a));
	EXPECT_EQ(0, shs_collect_as(a.att.fd, &collect));
	EXPECT_EQ(way == SHS_WAY_ONCE_BEGIN ? SHS_ONCE_RUNNING :
		  way == SHS_WAY_ONCE_WAIT ? SHS_ONCE_DONE : 0, collect.state);
	EXPECT_EQ(0, shs_polled(a.att.fd, 0));
	EXPECT_EQ(-ENOENT, shs_collect(a.att.fd));
	EXPECT_EQ(0, shs_actor_leave(&a));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	go(&a);
	shs_scene_end(&s);
}

TEST_F(arm, granted)
{
	BY_EACH_WAY(granted_by);
}

/* Nobody stands in the way: it is readable at once, and never was in the queue. */
WAY(at_once_by)
{
	struct shs_scene s;
	struct shs_actor a;

	if (way == SHS_WAY_CONDVAR || way == SHS_WAY_ONCE_WAIT)
		return;
	ASSERT_EQ(0, shs_scene_make(&s, way));
	if (way == SHS_WAY_ATOMIC)
		ASSERT_EQ(0, shs_scene_clear(&s, 0));
	ASSERT_EQ(0, come(&a, &s));
	ASSERT_EQ(0, shs_actor_enter(&a));
	ASSERT_EQ(0, begin(&a, SHS_FOREVER));
	EXPECT_TRUE(is_readable(&a));
	EXPECT_EQ(0, shs_collect(a.att.fd));
	EXPECT_EQ(0, shs_actor_leave(&a));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	EXPECT_EQ(0, shs_info(s.fd).waits);
	go(&a);
	shs_scene_end(&s);
}

TEST_F(arm, at_once)
{
	BY_EACH_WAY(at_once_by);
}

/* Its time is up: it has what it had before, and is out of the queue. */
WAY(deadline_by)
{
	struct shs_scene s;
	struct shs_actor a;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, come(&a, &s));
	for (int later = 0; later < 2; later++) {
		__u64 then = later ? shs_now(SHS_CLOCK_MONOTONIC) + 5 * SHS_MS : 0;

		ASSERT_EQ(0, shs_actor_enter(&a));
		ASSERT_EQ(0, begin(&a, then));
		EXPECT_EQ(-ETIMEDOUT, end(&a));
		EXPECT_LE(then, shs_now(SHS_CLOCK_MONOTONIC));
		EXPECT_EQ(0, shs_info(s.fd).waiters);
		EXPECT_EQ(0, shs_actor_give_up(&a));
	}
	go(&a);
	shs_scene_end(&s);
}

TEST_F(arm, deadline)
{
	BY_EACH_WAY(deadline_by);
}

/* To disarm is to cancel and to collect; then it can be armed again. */
WAY(cancelled_by)
{
	struct shs_scene s;
	struct shs_actor a;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, come(&a, &s));
	for (int round = 0; round < 2; round++) {
		ASSERT_EQ(0, shs_actor_enter(&a));
		EXPECT_EQ(-ENOENT, cancel(&a));
		ASSERT_EQ(0, begin(&a, SHS_FOREVER));
		SHS_AWAIT(s.fd, info.waiters == 1);
		EXPECT_EQ(0, cancel(&a));
		EXPECT_TRUE(is_readable(&a));
		EXPECT_EQ(-ECANCELED, shs_collect(a.att.fd));
		EXPECT_EQ(-ENOENT, cancel(&a));
		EXPECT_EQ(0, shs_info(s.fd).waiters);
		EXPECT_EQ(0, shs_actor_give_up(&a));
	}
	go(&a);
	shs_scene_end(&s);
}

TEST_F(arm, cancelled)
{
	BY_EACH_WAY(cancelled_by);
}

/*
 * Cancelled just when it is granted: either the one or the other, and the lock is nobody's
 * or its own.
 */
TEST_F(arm, cancelled_when_granted)
{
	unsigned long rounds = shs_scale(2000), granted = 0;
	struct shs_pipe go_on = shs_pipe(), done = shs_pipe();
	struct shs_scene s;
	struct shs_actor a;
	__u64 seed = 5;
	pid_t child;

	ASSERT_EQ(0, shs_scene_make(&s, SHS_WAY_LOCK));
	child = shs_fork();
	if (!child) {
		__u64 own_seed = 11;

		if (shs_attach(&s.mine, s.fd))
			_exit(1);
		for (unsigned long i = 0; i < rounds; i++) {
			if (shs_lock(&s.mine))
				_exit(2);
			shs_say(&done);
			shs_hear(&go_on);
			for (__u64 n = shs_number(&own_seed) % 3000; n; n--)
				__asm__ volatile("");
			if (shs_unlock(&s.mine))
				_exit(3);
			shs_say(&done);
			shs_hear(&go_on);
		}
		_exit(0);
	}
	ASSERT_EQ(0, come(&a, &s));
	for (unsigned long i = 0; i < rounds; i++) {
		int ret;

		shs_hear(&done);
		ASSERT_EQ(0, begin(&a, SHS_FOREVER));
		shs_say(&go_on);
		for (__u64 n = shs_number(&seed) % 3000; n; n--)
			__asm__ volatile("");
		ret = cancel(&a);
		EXPECT_TRUE(!ret || ret == -ENOENT);
		ret = end(&a);
		EXPECT_TRUE(!ret || ret == -ECANCELED);
		granted += !ret;
		if (!ret)
			EXPECT_EQ(0, shs_unlock(&a.att));
		shs_hear(&done);
		ASSERT_EQ(0, shs_info(s.fd).state);
		ASSERT_EQ(0, shs_info(s.fd).waiters);
		shs_say(&go_on);
	}
	EXPECT_EQ(0, shs_reap(child));
	TH_LOG("%lu of %lu were granted", granted, rounds);
}

/* A holder dies: what is collected tells. */
TEST_F(arm, owner_died)
{
	static const enum shs_way ways[] = { SHS_WAY_LOCK, SHS_WAY_READ, SHS_WAY_ONCE_BEGIN };

	for (int i = 0; i < ARRAY_SIZE(ways); i++) {
		struct shs_scene s;
		struct shs_actor a;
		pid_t child;

		ASSERT_EQ(0, shs_scene_make(&s, ways[i]));
		child = shs_fork();
		if (!child) {
			if (shs_attach(&s.mine, s.fd) || shs_scene_obstruct(&s))
				_exit(1);
			shs_until_killed();
		}
		SHS_AWAIT(s.fd, info.state & SHS_STATE_HELD);
		ASSERT_EQ(0, come(&a, &s));
		ASSERT_EQ(0, begin(&a, SHS_FOREVER));
		SHS_AWAIT(s.fd, info.waiters == 1);
		EXPECT_EQ(-SIGKILL, shs_kill(child));
		EXPECT_EQ(-EOWNERDEAD, end(&a));
		EXPECT_EQ(0, shs_actor_leave(&a));
		go(&a);
		shs_scene_end(&s);
	}
}

/* An object that somebody stands in the way of, and its watch in an epoll. */
struct watched {
	struct shs_scene s;
	struct shs_actor a;
	int epoll;
};

static int watch(struct watched *w, __u32 events)
{
	struct epoll_event event = { .events = events, .data.ptr = w };

	if (shs_scene_closed(&w->s, SHS_WAY_LOCK) || come(&w->a, &w->s))
		return -EIO;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	return w->epoll < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->a.att.fd, &event) ?
	       -errno : 0;
}

static int events_of(struct watched *w, int timeout)
{
	struct epoll_event event = { };
	int ret;

	do
		ret = epoll_wait(w->epoll, &event, 1, timeout);
	while (ret < 0 && errno == EINTR);
	return ret <= 0 ? ret : event.events;
}

/* Armed, and granted. */
static int one_round(struct watched *w)
{
	return begin(&w->a, SHS_FOREVER) ?: shs_unlock(&w->s.mine);
}

static int next_round(struct watched *w)
{
	return shs_collect(w->a.att.fd) ?: shs_unlock(&w->a.att) ?: shs_trylock(&w->s.mine);
}

/* As long as the result lies there. */
TEST_F(arm, level)
{
	struct watched w;

	ASSERT_EQ(0, watch(&w, EPOLLIN));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, events_of(&w, 0));
		ASSERT_EQ(0, one_round(&w));
		for (int again = 0; again < 3; again++)
			EXPECT_EQ(EPOLLIN, events_of(&w, -1));
		ASSERT_EQ(0, next_round(&w));
		EXPECT_EQ(0, events_of(&w, 0));
	}
}

/* Once for each end, also if it was never collected in between when it was looked at. */
TEST_F(arm, edge)
{
	struct watched w;

	ASSERT_EQ(0, watch(&w, EPOLLIN | EPOLLET));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, events_of(&w, 0));
		ASSERT_EQ(0, one_round(&w));
		EXPECT_EQ(EPOLLIN, events_of(&w, -1));
		for (int again = 0; again < 3; again++)
			EXPECT_EQ(0, events_of(&w, 0));
		EXPECT_TRUE(is_readable(&w.a));
		ASSERT_EQ(0, next_round(&w));
	}
}

/* One that had ended before it was added is told of, too. */
TEST_F(arm, edge_of_what_ended)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct watched w;

	ASSERT_EQ(0, watch(&w, EPOLLIN));
	ASSERT_EQ(0, epoll_ctl(w.epoll, EPOLL_CTL_DEL, w.a.att.fd, NULL));
	ASSERT_EQ(0, one_round(&w));
	EXPECT_EQ(0, events_of(&w, 0));
	ASSERT_EQ(0, epoll_ctl(w.epoll, EPOLL_CTL_ADD, w.a.att.fd, &event));
	EXPECT_EQ(EPOLLIN, events_of(&w, -1));
	EXPECT_EQ(0, events_of(&w, 0));
}

TEST_F(arm, oneshot)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
	struct watched w;

	ASSERT_EQ(0, watch(&w, EPOLLIN | EPOLLONESHOT));
	ASSERT_EQ(0, one_round(&w));
	EXPECT_EQ(EPOLLIN, events_of(&w, -1));
	ASSERT_EQ(0, next_round(&w));
	ASSERT_EQ(0, one_round(&w));
	ASSERT_EQ(0, await_end(&w.a));
	EXPECT_EQ(0, events_of(&w, 0));
	ASSERT_EQ(0, epoll_ctl(w.epoll, EPOLL_CTL_MOD, w.a.att.fd, &event));
	EXPECT_EQ(EPOLLIN, events_of(&w, -1));
}

/* An epoll in an epoll in an epoll. */
TEST_F(arm, nested)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct watched w, outer[2];

	ASSERT_EQ(0, watch(&w, EPOLLIN));
	for (int i = 0; i < 2; i++) {
		outer[i].epoll = epoll_create1(EPOLL_CLOEXEC);
		ASSERT_EQ(0, epoll_ctl(outer[i].epoll, EPOLL_CTL_ADD,
				       i ? outer[0].epoll : w.epoll, &event));
	}
	ASSERT_EQ(0, begin(&w.a, SHS_FOREVER));
	EXPECT_EQ(0, events_of(&outer[1], 0));
	ASSERT_EQ(0, shs_unlock(&w.s.mine));
	EXPECT_EQ(EPOLLIN, events_of(&outer[1], -1));
	EXPECT_EQ(EPOLLIN, events_of(&w, 0));
	ASSERT_EQ(0, next_round(&w));
	EXPECT_EQ(0, events_of(&outer[1], 0));
}

/* One who sleeps in select is woken. */
TEST_F(arm, select)
{
	struct shs_scene s;
	struct shs_actor a;
	fd_set reads;
	pid_t child;

	ASSERT_EQ(0, shs_scene_make(&s, SHS_WAY_LOCK));
	child = shs_fork();
	if (!child) {
		if (shs_attach(&s.mine, s.fd) || shs_lock(&s.mine))
			_exit(1);
		SHS_AWAIT(s.fd, info.waiters == 1);
		shs_await_sleep(getppid());
		_exit(shs_unlock(&s.mine) ? 2 : 0);
	}
	SHS_AWAIT(s.fd, info.state & SHS_STATE_HELD);
	ASSERT_EQ(0, come(&a, &s));
	ASSERT_EQ(0, begin(&a, SHS_FOREVER));
	FD_ZERO(&reads);
	FD_SET(a.att.fd, &reads);
	EXPECT_EQ(1, select(a.att.fd + 1, &reads, NULL, NULL, NULL));
	EXPECT_TRUE(FD_ISSET(a.att.fd, &reads));
	EXPECT_EQ(0, shs_collect(a.att.fd));
	EXPECT_EQ(0, shs_reap(child));
}

/* Of many the one that ended. */
TEST_F(arm, many)
{
	enum { N = 40 };
	struct pollfd polled[N];
	struct shs_scene s[N];
	struct shs_actor a[N];

	for (int i = 0; i < N; i++) {
		ASSERT_EQ(0, shs_scene_closed(&s[i], i % 2 ? SHS_WAY_LOCK : SHS_WAY_READ));
		ASSERT_EQ(0, come(&a[i], &s[i]));
		ASSERT_EQ(0, begin(&a[i], SHS_FOREVER));
		polled[i] = (struct pollfd){ .fd = a[i].att.fd, .events = POLLIN };
	}
	EXPECT_EQ(0, poll(polled, N, 0));
	for (int i = 0; i < N; i++) {
		int one = i * 7 % N;

		ASSERT_EQ(0, shs_scene_clear(&s[one], 1));
		ASSERT_EQ(0, await_end(&a[one]));
		EXPECT_EQ(1, poll(polled, N, -1));
		EXPECT_EQ(POLLIN, polled[one].revents);
		EXPECT_EQ(0, shs_collect(a[one].att.fd));
		EXPECT_EQ(0, shs_actor_leave(&a[one]));
	}
	EXPECT_EQ(0, poll(polled, N, 0));
}

/* Ten of one object, in their order, beside sleepers. */
TEST_F(arm, beside_sleepers)
{
	struct shs_scene s;
	struct shs_actor a[3];
	pid_t child[3];

	ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_LOCK_FIFO));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, come(&a[i], &s));
		ASSERT_EQ(0, begin(&a[i], SHS_FOREVER));
		SHS_AWAIT(s.fd, info.waiters == 2 * i + 1);
		child[i] = shs_actor_fork(&s, SHS_FOREVER, SHS_CLOCK_MONOTONIC);
		SHS_AWAIT(s.fd, info.waiters == 2 * i + 2);
	}
	ASSERT_EQ(0, shs_scene_clear(&s, 1));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, end(&a[i]));
		EXPECT_FALSE(shs_is_gone(child[i]));
		EXPECT_EQ(5 - 2 * i, shs_info(s.fd).waiters);
		EXPECT_EQ(0, shs_actor_leave(&a[i]));
		EXPECT_EQ(0, shs_reap(child[i]));
	}
	EXPECT_TRUE(shs_scene_is_quiet(&s));
}

/* Its attachment ends while it waits: the end is told, and its place is not kept. */
WAY(unmapped_by)
{
	struct shs_scene s;
	struct shs_actor a;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, come(&a, &s));
	ASSERT_EQ(0, shs_actor_enter(&a));
	ASSERT_EQ(0, begin(&a, SHS_FOREVER));
	SHS_AWAIT(s.fd, info.waiters == 1);
	munmap(a.att.private, a.att.is.private_size);
	EXPECT_EQ(0, shs_info(s.fd).waiters);
	ASSERT_EQ(0, await_end(&a));
	EXPECT_EQ(READABLE | POLLHUP, shs_polled(a.att.fd, 0));
	EXPECT_EQ(-ENXIO, shs_collect(a.att.fd));
	EXPECT_EQ(POLLHUP, shs_polled(a.att.fd, 0));
	EXPECT_EQ(-ENOENT, shs_collect(a.att.fd));
	if (way == SHS_WAY_CONDVAR)
		EXPECT_EQ(0, shs_unlock(&a.mutex));
	go(&a);
	EXPECT_EQ(1, shs_info(s.fd).attachments);
	shs_scene_end(&s);
}

TEST_F(arm, unmapped)
{
	BY_EACH_WAY(unmapped_by);
}

/* It goes, with all that it has, while it waits. */
WAY(closed_by)
{
	struct shs_scene s;
	struct shs_actor a, next;

	if (way == SHS_WAY_UPGRADE)	/* one at a time */
		return;
	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, come(&a, &s));
	ASSERT_EQ(0, shs_actor_enter(&a));
	ASSERT_EQ(0, begin(&a, SHS_FOREVER));
	SHS_AWAIT(s.fd, info.waiters == 1);
	go(&a);
	EXPECT_EQ(0, shs_info(s.fd).waiters);
	EXPECT_EQ(1, shs_info(s.fd).attachments);
	ASSERT_EQ(0, come(&next, &s));
	ASSERT_EQ(0, shs_actor_enter(&next));
	ASSERT_EQ(0, begin(&next, SHS_FOREVER));
	SHS_AWAIT(s.fd, info.waiters == 1);
	ASSERT_EQ(0, shs_scene_clear(&s, 1));
	EXPECT_EQ(0, end(&next));
	EXPECT_EQ(0, shs_actor_leave(&next));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	go(&next);
	shs_scene_end(&s);
}

TEST_F(arm, closed)
{
	BY_EACH_WAY(closed_by);
}

/* The same when it was granted, and nobody had collected: that goes to the next, no news. */
WAY(closed_when_granted_by)
{
	struct shs_scene s;
	struct shs_actor a, next;

	if (way == SHS_WAY_UPGRADE || way == SHS_WAY_CONDVAR || way == SHS_WAY_ONCE_WAIT)
		return;
	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, come(&a, &s));
	ASSERT_EQ(0, begin(&a, SHS_FOREVER));
	ASSERT_EQ(0, come(&next, &s));
	ASSERT_EQ(0, begin(&next, SHS_FOREVER));
	ASSERT_EQ(0, shs_scene_clear(&s, 1));
	ASSERT_EQ(0, await_end(&a));
	go(&a);
	EXPECT_EQ(0, end(&next));
	EXPECT_EQ(0, shs_actor_leave(&next));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	go(&next);
	shs_scene_end(&s);
}

TEST_F(arm, closed_when_granted)
{
	BY_EACH_WAY(closed_when_granted_by);
}

/* The mutex that a condvar's wait took back goes on likewise, whichever goes first. */
TEST_F(arm, condvar_closed_when_granted)
{
	for (int mutex_first = 0; mutex_first < 2; mutex_first++) {
		struct shs_scene s;
		struct shs_actor a;
		struct shs_att other;

		ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_CONDVAR));
		ASSERT_EQ(0, come(&a, &s));
		ASSERT_EQ(0, shs_actor_enter(&a));
		ASSERT_EQ(0, begin(&a, SHS_FOREVER));
		ASSERT_EQ(0, shs_scene_clear(&s, 1));
		ASSERT_EQ(0, await_end(&a));
		ASSERT_EQ(0, shs_attach(&other, s.beside));
		EXPECT_EQ(-EBUSY, shs_trylock(&other));
		shs_unmap(mutex_first ? &a.mutex : &a.att);
		EXPECT_EQ(0, shs_trylock(&other));
		shs_unmap(mutex_first ? &a.att : &a.mutex);
		EXPECT_EQ(-EBUSY, shs_trylock(&other));
		EXPECT_EQ(0, shs_unlock(&other));
		EXPECT_EQ(0, shs_info(s.beside).deaths);
		EXPECT_EQ(1, shs_info(s.beside).attachments);
		shs_unmap(&other);
		shs_scene_end(&s);
	}
}

/* What the dead had armed: nobody waits for him, and he took nothing with him. */
static pid_t child_waits(struct shs_scene *s, bool granted, struct shs_pipe *exec)
{
	static char * const sleep[] = { "/bin/sleep", "1000", NULL };
	pid_t child = shs_fork();
	struct shs_actor a;

	if (child)
		return child;
	if (come(&a, s) || shs_actor_enter(&a) || begin(&a, SHS_FOREVER))
		_exit(1);
	if (granted && await_end(&a))
		_exit(2);
	shs_hear(exec);
	execv(sleep[0], sleep);
	_exit(3);
}

WAY(ended_by)
{
	for (int how = 0; how < 4; how++) {
		bool exec = how & 1, granted = how & 2;
		struct shs_pipe go_on = shs_pipe();
		struct shs_scene s;
		struct shs_actor a;
		pid_t child;

		if (way == SHS_WAY_UPGRADE || (granted && !shs_way_holds(way)))
			return;
		ASSERT_EQ(0, shs_scene_closed(&s, way));
		child = child_waits(&s, granted, &go_on);
		SHS_AWAIT(s.fd, info.waiters == 1);
		if (granted) {
			ASSERT_EQ(0, shs_scene_clear(&s, 1));
			SHS_AWAIT(s.fd, info.waiters == 0);
			SHS_AWAIT(shs_scene_held(&s), info.state & SHS_STATE_HELD || info.readers ||
				  info.state & SHS_STATE_UPGRADABLE);
		}
		if (exec)
			shs_say(&go_on);
		else
			EXPECT_EQ(-SIGKILL, shs_kill(child));
		SHS_AWAIT(s.fd, info.waiters == 0 && info.attachments == 1);
		if (granted) {
			EXPECT_TRUE(shs_scene_is_quiet(&s));
		} else {
			ASSERT_EQ(0, come(&a, &s));
			ASSERT_EQ(0, shs_actor_enter(&a));
			ASSERT_EQ(0, begin(&a, SHS_FOREVER));
			SHS_AWAIT(s.fd, info.waiters == 1);
			ASSERT_EQ(0, shs_scene_clear(&s, 1));
			EXPECT_EQ(0, end(&a));
			EXPECT_EQ(0, shs_actor_leave(&a));
			EXPECT_TRUE(shs_scene_is_quiet(&s));
			go(&a);
		}
		shs_scene_end(&s);
		if (exec)
			EXPECT_EQ(-SIGKILL, shs_kill(child));
	}
}

TEST_F(arm, ended)
{
	BY_EACH_WAY(ended_by);
}

/* A killed process that had armed while a child of it keeps the descriptor open. */
TEST_F(arm, descriptor_kept)
{
	struct shs_pipe ready = shs_pipe(), over = shs_pipe();
	struct shs_scene s;
	struct shs_actor a;
	struct shs_att next;
	pid_t child;

	ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_LOCK));
	child = shs_fork();
	if (!child) {
		if (come(&a, &s) || begin(&a, SHS_FOREVER))
			_exit(1);
		close(over.end[1]);
		if (!fork()) {
			shs_say(&ready);
			while (read(over.end[0], &(char){ 0 }, 1) < 0 && errno == EINTR)
				;
			_exit(0);
		}
		shs_until_killed();
	}
	SHS_AWAIT(s.fd, info.waiters == 1);
	shs_hear(&ready);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	SHS_AWAIT(s.fd, info.waiters == 0);
	EXPECT_EQ(2, shs_info(s.fd).attachments);	/* its, dead */
	ASSERT_EQ(0, shs_attach(&next, s.fd));
	EXPECT_EQ(0, shs_unlock(&s.mine));
	EXPECT_EQ(0, shs_trylock(&next));
	shs_gate_open(&over);
	SHS_AWAIT(s.fd, info.attachments == 2);
}

/* A child owns nothing: it is told so, and the parent's wait stays. */
TEST_F(arm, forked)
{
	struct shs_scene s;
	struct shs_actor a;
	pid_t child;

	ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_LOCK));
	ASSERT_EQ(0, come(&a, &s));
	ASSERT_EQ(0, begin(&a, SHS_FOREVER));
	for (int ended = 0; ended < 2; ended++) {
		child = shs_fork();
		if (!child) {
			if (shs_polled(a.att.fd, 0) != POLLERR)
				_exit(1);
			if (shs_collect(a.att.fd) != -ESTALE || begin(&a, 0) != -ESTALE)
				_exit(2);
			_exit(0);
		}
		EXPECT_EQ(0, shs_reap(child));
		EXPECT_EQ(!ended, shs_info(s.fd).waiters);
		if (!ended)
			ASSERT_EQ(0, shs_scene_clear(&s, 1));
	}
	EXPECT_EQ(0, end(&a));
	EXPECT_EQ(0, shs_actor_leave(&a));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
}

/* Nor does who was sent the descriptor. */
TEST_F(arm, sent)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { };
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct shs_scene s;
	struct shs_actor a;
	int socket[2];
	pid_t child;

	ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_LOCK));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socket));
	child = shs_fork();
	if (!child) {
		int fd;

		if (recvmsg(socket[1], &message, 0) != 1)
			_exit(1);
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
		_exit(shs_polled(fd, -1) != POLLERR || shs_collect(fd) != -ESTALE);
	}
	ASSERT_EQ(0, come(&a, &s));
	ASSERT_EQ(0, begin(&a, SHS_FOREVER));
	control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					   .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), &a.att.fd, sizeof(int));
	ASSERT_EQ(1, sendmsg(socket[0], &message, 0));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_polled(a.att.fd, 0));
	ASSERT_EQ(0, shs_scene_clear(&s, 1));
	EXPECT_EQ(0, end(&a));
}

static void *arms(void *arg)
{
	return (void *)(long)begin(arg, SHS_FOREVER);
}

/* The thread that armed owns, whoever collects; and one wait at a time. */
TEST_F(arm, thread_owns)
{
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_RECURSIVE));
	struct shs_scene s = { .way = SHS_WAY_LOCK, .fd = fd, .beside = -1 };
	struct shs_actor a;
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, shs_attach(&s.mine, fd));
	ASSERT_EQ(0, come(&a, &s));
	ASSERT_EQ(0, begin(&a, SHS_FOREVER));
	EXPECT_EQ(-EBUSY, begin(&a, SHS_FOREVER));
	EXPECT_EQ(syscall(SYS_gettid), shs_info(fd).holder_tid);
	EXPECT_EQ(0, end(&a));
	EXPECT_EQ(0, shs_trylock(&a.att));
	EXPECT_EQ(2, shs_info(fd).depth);
	EXPECT_EQ(0, shs_unlock(&a.att));
	EXPECT_EQ(0, shs_unlock(&a.att));
	ASSERT_EQ(0, pthread_create(&thread, NULL, arms, &a));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(0, (long)ret);
	EXPECT_EQ(0, end(&a));
	EXPECT_EQ(-EPERM, shs_unlock(&a.att));
}

/* A wait without a thread that sleeps closes no circle: the thread can still let go. */
TEST_F(arm, no_deadlock)
{
	struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_DETECT);
	struct shs_ioc_lock lock = SHS_LOCK(.deadline = SHS_FOREVER);
	int first = shs_create_as(&init), second = shs_create_as(&init);
	struct shs_pipe go = shs_pipe();
	struct shs_att a, b, other;
	pid_t child;

	ASSERT_EQ(0, shs_attach(&a, first));
	ASSERT_EQ(0, shs_attach(&b, second));
	ASSERT_EQ(0, shs_lock(&a));
	child = shs_fork();
	if (!child) {
		if (shs_attach(&other, second) || shs_lock(&other) || shs_attach(&a, first))
			_exit(1);
		shs_hear(&go);
		_exit(shs_lock(&a) ? 2 : 0);	/* who looks for a circle */
	}
	SHS_AWAIT(second, info.state & SHS_STATE_HELD);
	ASSERT_EQ(0, shs_arm(b.fd, SHS_IOC_LOCK, &lock));
	SHS_AWAIT(second, info.waiters == 1);
	shs_say(&go);
	SHS_AWAIT(first, info.waiters == 1);
	EXPECT_EQ(0, shs_polled(b.fd, 0));
	EXPECT_EQ(0, shs_unlock(&a));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(READABLE, shs_polled(b.fd, -1));
	EXPECT_EQ(-EOWNERDEAD, shs_collect(b.fd));
}

/* Permits, and what a death returns. */
TEST_F(arm, semaphore)
{
	__u32 value[2] = { 3, 0 };
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_SEMAPHORE, .type = SHS_TYPE_U32,
					 .count = 2, .value = (unsigned long)value,
					 .value_size = sizeof(value)));
	struct shs_ioc_lock lock = SHS_LOCK(.deadline = SHS_FOREVER, .permits = 2);
	struct shs_att att, other;

	ASSERT_EQ(0, shs_attach(&att, fd));
	ASSERT_EQ(0, shs_attach(&other, fd));
	ASSERT_EQ(0, shs_lock_as(&other, &lock));
	ASSERT_EQ(0, shs_arm(att.fd, SHS_IOC_LOCK, &lock));
	EXPECT_EQ(0, shs_polled(att.fd, 0));
	shs_detach(&other);
	EXPECT_EQ(READABLE, shs_polled(att.fd, -1));
	EXPECT_EQ(1, shs_load(fd, 0));
	shs_detach(&att);		/* uncollected */
	EXPECT_EQ(3, shs_load(fd, 0));
	EXPECT_EQ(1, shs_info(fd).deaths);
}

/* A condition is met by who changes the value, in its lane too; what met it is told. */
TEST_F(arm, condition)
{
	int fd = shs_create(SHS_KIND_COUNTER, SHS_TYPE_I64, 2);
	struct shs_ioc_op wait = SHS_OP(AWAIT_GE, .index = 1, .arg = 5, .deadline = SHS_FOREVER);
	struct shs_ioc_collect collect;
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, fd));
	for (int round = 1; round <= 2; round++) {
		ASSERT_EQ(0, shs_arm(att.fd, SHS_IOC_OP, &wait));
		EXPECT_EQ(0, shs_op(fd, &SHS_OP(ADD, .index = 1, .arg = 3)));
		EXPECT_EQ(0, shs_polled(att.fd, 0));
		EXPECT_EQ(1, shs_info(fd).waiters);
		EXPECT_EQ(0, shs_op(fd, &SHS_OP(ADD, .index = 1, .arg = 4)));
		EXPECT_EQ(READABLE, shs_polled(att.fd, -1));
		EXPECT_EQ(0, shs_collect_as(att.fd, &collect));
		EXPECT_EQ(7, collect.result);
		EXPECT_EQ(0, shs_op(fd, &SHS_OP(RESET, .index = 1)));
	}
	ASSERT_EQ(0, shs_arm(att.fd, SHS_IOC_OP, &wait));
	shs_detach(&att);		/* uncollected */
	SHS_AWAIT(fd, info.waiters == 0);
}

/* All end when the last party comes; one is the leader. A broken one is an error. */
TEST_F(arm, barrier)
{
	__u32 value = 3;
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_BARRIER, .type = SHS_TYPE_U32,
					 .count = 1, .value = (unsigned long)&value,
					 .value_size = sizeof(value)));
	struct shs_ioc_barrier wait = SHS_BARRIER(.deadline = SHS_FOREVER);
	struct shs_ioc_collect collect;
	struct shs_att att[3];

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, shs_attach(&att[i], fd));
	for (int round = 1; round <= 2; round++) {
		int leaders = 0;

		for (int i = 0; i < 3; i++) {
			SHS_AWAIT(fd, info.waiters == i);
			ASSERT_EQ(0, shs_arm(att[i].fd, SHS_IOC_BARRIER, &wait));
		}
		for (int i = 0; i < 3; i++) {
			EXPECT_EQ(READABLE, shs_polled(att[i].fd, -1));
			EXPECT_EQ(0, shs_collect_as(att[i].fd, &collect));
			EXPECT_EQ(round, collect.result);
			leaders += !!(collect.state & SHS_BARRIER_LEADER);
		}
		EXPECT_EQ(1, leaders);
	}
	ASSERT_EQ(0, shs_arm(att[0].fd, SHS_IOC_BARRIER, &wait));
	SHS_AWAIT(fd, info.waiters == 1);
	shs_detach(&att[1]);
	EXPECT_EQ(READABLE, shs_polled(att[0].fd, -1));
	EXPECT_EQ(-EOWNERDEAD, shs_collect_as(att[0].fd, &collect));
	EXPECT_TRUE(collect.state & SHS_BARRIER_BROKEN);
}

/* A private region that is not mapped yet owns nothing, and has nothing to tell. */
TEST_F(arm, not_mapped)
{
	struct shs_ioc_lock lock = SHS_LOCK(.deadline = SHS_FOREVER);
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	struct shs_ioc_op wait = SHS_OP(WAIT, .deadline = SHS_FOREVER);
	int atomic = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1);
	struct shs_att att, of_atomic;

	ASSERT_EQ(0, shs_attach_only(&att, fd));
	ASSERT_EQ(0, shs_attach_only(&of_atomic, atomic));
	EXPECT_EQ(0, shs_polled(att.fd, 0));
	EXPECT_EQ(-ENOENT, shs_collect(att.fd));
	ASSERT_EQ(0, shs_arm(att.fd, SHS_IOC_LOCK, &lock));
	EXPECT_EQ(READABLE, shs_polled(att.fd, -1));
	EXPECT_EQ(-ENXIO, shs_collect(att.fd));
	ASSERT_EQ(0, shs_arm(of_atomic.fd, SHS_IOC_OP, &wait));
	EXPECT_EQ(READABLE, shs_polled(of_atomic.fd, -1));
	EXPECT_EQ(-ENXIO, shs_collect(of_atomic.fd));
}

/* What one copied it does not read again. */
TEST_F(arm, changed_after)
{
	struct shs_scene s;
	struct shs_actor a;

	ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_LOCK));
	ASSERT_EQ(0, come(&a, &s));
	ASSERT_EQ(0, begin(&a, SHS_FOREVER));
	memset(&a.args, 0xff, sizeof(a.args));
	ASSERT_EQ(0, shs_scene_clear(&s, 1));
	EXPECT_EQ(0, end(&a));
	EXPECT_EQ(0, shs_actor_leave(&a));
}

/* Nothing that does not wait; and with an error nothing is armed. */
TEST_F(arm, refused)
{
	static const __u32 others[] = { 0, SHS_IOC_UNLOCK, SHS_IOC_RECOVER, SHS_IOC_INFO,
					SHS_IOC_WATCH, SHS_IOC_CANCEL, SHS_IOC_CYCLE, SHS_IOC_ARM,
					SHS_IOC_COLLECT };
	struct shs_ioc_convert weaker = SHS_CONVERT(.from = SHS_MODE_EXCLUSIVE,
						    .to = SHS_MODE_READ);
	struct shs_ioc_barrier leave = SHS_BARRIER(.cmd = SHS_BARRIER_LEAVE);
	struct shs_ioc_once abandon = SHS_ONCE(.cmd = SHS_ONCE_ABANDON);
	struct shs_ioc_lock lock = SHS_LOCK(.flags = SHS_LOCK_NOWAIT);
	struct shs_ioc_op load = SHS_OP(LOAD), add = SHS_OP(ADD, .arg = 1);
	struct shs_ioc_wait wait = SHS_WAIT(.started = 1);
	__u32 parties = 2;
	struct shs_att mutex, rwlock, once, barrier, atomic, condvar;

	ASSERT_EQ(0, shs_attach(&mutex, shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1)));
	ASSERT_EQ(0, shs_attach(&rwlock, shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 1)));
	ASSERT_EQ(0, shs_attach(&once, shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0)));
	ASSERT_EQ(0, shs_attach(&atomic, shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1)));
	ASSERT_EQ(0, shs_attach(&condvar, shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0)));
	ASSERT_EQ(0, shs_attach(&barrier, shs_create_as(
			&SHS_INIT(.kind = SHS_KIND_BARRIER, .type = SHS_TYPE_U32, .count = 1,
				  .value = (unsigned long)&parties,
				  .value_size = sizeof(parties)))));
	for (int i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT_EQ(-EOPNOTSUPP, shs_arm(mutex.fd, others[i], &lock));
	EXPECT_EQ(-EINVAL, shs_arm(mutex.fd, SHS_IOC_LOCK, &lock));
	EXPECT_EQ(-EINVAL, shs_arm(mutex.fd, SHS_IOC_OP, &add));
	EXPECT_EQ(0, shs_peek(mutex.fd, 0));
	EXPECT_EQ(-EINVAL, shs_arm(atomic.fd, SHS_IOC_OP, &load));
	EXPECT_EQ(-EINVAL, shs_arm(barrier.fd, SHS_IOC_BARRIER, &leave));
	EXPECT_EQ(2, shs_load(barrier.fd, 0));
	EXPECT_EQ(-EINVAL, shs_arm(condvar.fd, SHS_IOC_WAIT, &wait));
	wait = SHS_WAIT(.mutex_fd = mutex.fd);
	EXPECT_EQ(-EPERM, shs_arm(condvar.fd, SHS_IOC_WAIT, &wait));
	ASSERT_EQ(0, shs_lock(&rwlock));
	EXPECT_EQ(-EINVAL, shs_arm(rwlock.fd, SHS_IOC_CONVERT, &weaker));
	EXPECT_EQ(0, shs_unlock(&rwlock));
	ASSERT_EQ(0, shs_once(&once, &SHS_ONCE()));
	EXPECT_EQ(-EINVAL, shs_arm(once.fd, SHS_IOC_ONCE, &abandon));
	EXPECT_EQ(SHS_ONCE_RUNNING, shs_load(once.fd, 0));
	EXPECT_EQ(-EOPNOTSUPP, shs_arm(atomic.fd, SHS_IOC_LOCK, &SHS_LOCK()));
	EXPECT_EQ(-EFAULT, shs_arm(mutex.fd, SHS_IOC_LOCK, NULL));
	EXPECT_EQ(-ENOENT, shs_collect(mutex.fd));
	EXPECT_EQ(0, shs_polled(mutex.fd, 0));
	EXPECT_EQ(0, shs_arm(mutex.fd, SHS_IOC_LOCK, &SHS_LOCK(.deadline = SHS_FOREVER)));
	EXPECT_EQ(0, shs_collect(mutex.fd));
}

/* A result that cannot be written is not taken. */
TEST_F(arm, collected_nowhere)
{
	struct shs_ioc_collect *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1)));
	ASSERT_EQ(0, shs_arm(att.fd, SHS_IOC_LOCK, &SHS_LOCK(.deadline = SHS_FOREVER)));
	EXPECT_EQ(-EFAULT, shs_ioctl(att.fd, SHS_IOC_COLLECT, NULL));
	*at = (struct shs_ioc_collect){ .size = sizeof(*at) };
	ASSERT_EQ(0, mprotect(at, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, shs_ioctl(att.fd, SHS_IOC_COLLECT, at));
	ASSERT_EQ(0, mprotect(at, 4096, PROT_READ | PROT_WRITE));
	at->state = 1;
	EXPECT_EQ(-EINVAL, shs_ioctl(att.fd, SHS_IOC_COLLECT, at));
	*at = (struct shs_ioc_collect){ .size = sizeof(*at) };
	EXPECT_EQ(READABLE, shs_polled(att.fd, 0));
	EXPECT_EQ(0, shs_ioctl(att.fd, SHS_IOC_COLLECT, at));
	EXPECT_EQ(0, shs_unlock(&att));
}

/* The end of one process of many that arm, poll, and are killed anywhere. */
TEST_F(arm, killed_anywhere)
{
	unsigned long rounds = shs_scale(100);
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	struct shs_att att;
	__u64 seed = 3;
	pid_t child[3];

	for (unsigned long round = 0; round < rounds; round++) {
		__u64 waits = shs_info(fd).waits;

		for (int i = 0; i < 3; i++) {
			child[i] = shs_fork();
			if (child[i])
				continue;
			if (shs_attach(&att, fd))
				_exit(1);
			for (;;) {
				struct shs_ioc_lock lock = SHS_LOCK(.deadline = SHS_FOREVER);
				int ret = shs_arm(att.fd, SHS_IOC_LOCK, &lock);

				if (ret || shs_polled(att.fd, -1) != READABLE)
					_exit(2);
				ret = shs_collect(att.fd);
				if ((ret && ret != -EOWNERDEAD) || shs_unlock(&att))
					_exit(3);
			}
		}
		SHS_AWAIT(fd, info.waits > waits + 3);
		for (__u64 n = shs_number(&seed) % 100000; n; n--)
			__asm__ volatile("");
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
		SHS_AWAIT(fd, !info.waiters && !info.attachments);
		EXPECT_FALSE(shs_info(fd).state & SHS_STATE_HELD);
	}
}

TEST_HARNESS_MAIN
