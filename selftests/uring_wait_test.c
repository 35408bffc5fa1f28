// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting by io_uring: every wait of every kind as a command that completes when it was
 * granted, timed out, was cancelled, or has nobody left to be granted to.
 */
#include "waits.h"

#include <pthread.h>
#include <sys/syscall.h>

#define DEPTH 16

FIXTURE(uring_wait) {
	struct io_uring ring;
	bool async;		/* no thread of the kernel's waits */
};

FIXTURE_VARIANT(uring_wait) {
	unsigned int setup, sqe_flags;
};

#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

FIXTURE_VARIANT_ADD(uring_wait, plain) { };
FIXTURE_VARIANT_ADD(uring_wait, sqpoll) { .setup = IORING_SETUP_SQPOLL };
FIXTURE_VARIANT_ADD(uring_wait, workers) { .sqe_flags = IOSQE_ASYNC };
FIXTURE_VARIANT_ADD(uring_wait, large_entries) {
	.setup = IORING_SETUP_SQE128 | IORING_SETUP_CQE32
};
FIXTURE_VARIANT_ADD(uring_wait, coop_taskrun) { .setup = IORING_SETUP_COOP_TASKRUN };
FIXTURE_VARIANT_ADD(uring_wait, defer_taskrun) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN
};

static __u64 features(void)
{
	struct shs_ioc_abi abi = { .size = sizeof(abi) };
	int fd = shs_open(".", O_RDONLY);

	shs_ioctl(fd, SHS_IOC_ABI, &abi);
	close(fd);
	return abi.features;
}

FIXTURE_SETUP(uring_wait)
{
	int err;

	SHS_MOUNT("");
	err = io_uring_queue_init(DEPTH, &self->ring, variant->setup);
	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "io_uring is off on this kernel");
	ASSERT_EQ(0, err);
	EXPECT_TRUE(features() & SHS_FEATURE_URING_WAIT);
	self->async = features() & SHS_FEATURE_ASYNC;
}

FIXTURE_TEARDOWN(uring_wait)
{
	if (self->ring.ring_fd >= 0)
		io_uring_queue_exit(&self->ring);
}

static struct io_uring_sqe *entry(FIXTURE_DATA(uring_wait) *self)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	while (!sqe) {		/* a submitting thread gives them back a moment later */
		io_uring_sqring_wait(&self->ring);
		sqe = io_uring_get_sqe(&self->ring);
	}
	return sqe;
}

static int submit(FIXTURE_DATA(uring_wait) *self)
{
	int ret = io_uring_submit(&self->ring);

	return ret < 0 ? ret : 0;
}

/* a's wait, begun. */
static int begin(FIXTURE_DATA(uring_wait) *self, const FIXTURE_VARIANT(uring_wait) *variant,
		 struct shs_actor *a, __u64 deadline)
{
	struct io_uring_sqe *sqe = entry(self);

	shs_actor_prep(a, sqe, deadline, SHS_CLOCK_MONOTONIC);
	sqe->flags = variant->sqe_flags;
	return submit(self);
}

/* Any command on fd, begun. */
static int send_to(FIXTURE_DATA(uring_wait) *self, int fd, unsigned long command, void *argument)
{
	struct io_uring_sqe *sqe = entry(self);

	shs_prep_command(sqe, fd, command, argument);
	sqe->user_data = (unsigned long)argument;
	return submit(self);
}

/* The next completion's result; whose it is in *data. */
static int complete(FIXTURE_DATA(uring_wait) *self, void **data)
{
	struct io_uring_cqe *cqe;
	int ret = shs_uring_wait(&self->ring, &cqe);

	if (ret)
		return ret - 1000;
	if (data)
		*data = (void *)(unsigned long)cqe->user_data;
	ret = cqe->res;
	io_uring_cqe_seen(&self->ring, cqe);
	return ret;
}

/* Nothing has completed, also when who submitted looks. */
static bool is_pending(FIXTURE_DATA(uring_wait) *self)
{
	struct io_uring_cqe *cqe;

	io_uring_get_events(&self->ring);
	return io_uring_peek_cqe(&self->ring, &cqe) == -EAGAIN;
}

#define BEGIN(actor, deadline) begin(self, variant, actor, deadline)
#define COMPLETE() complete(self, NULL)
#define AFTER(ms) (shs_now(SHS_CLOCK_MONOTONIC) + (ms) * SHS_MS)

#define WAY(name) static void name(struct __test_metadata *_metadata, enum shs_way way,	\
				   FIXTURE_DATA(uring_wait) *self,			\
				   const FIXTURE_VARIANT(uring_wait) *variant)
#define BY_EACH_WAY(name) SHS_BY_EACH_WAY(SHS_RING_WAYS, name, self, variant)

/* It waits as long as it must, and then has what it waited for. */
WAY(granted_by)
{
	struct shs_scene s;
	struct shs_actor a;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, shs_actor_come(&a, &s));
	ASSERT_EQ(0, shs_actor_enter(&a));
	ASSERT_EQ(0, BEGIN(&a, SHS_FOREVER));
	SHS_AWAIT(s.fd, info.waiters == 1);
	EXPECT_TRUE(is_pending(self));
	ASSERT_EQ(0, shs_scene_clear(&s, 1));
	EXPECT_EQ(0, COMPLETE());
	if (way == SHS_WAY_ONCE_BEGIN)
		EXPECT_EQ(SHS_ONCE_RUNNING, a.args.once.state);
	if (way == SHS_WAY_ONCE_WAIT)
		EXPECT_EQ(SHS_ONCE_DONE, a.args.once.state);
	EXPECT_EQ(0, shs_actor_leave(&a));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	shs_actor_go(&a);
	shs_scene_end(&s);
}

TEST_F(uring_wait, granted)
{
	BY_EACH_WAY(granted_by);
}

/* Nobody stands in the way: it need not wait. */
WAY(at_once_by)
{
	struct shs_scene s;
	struct shs_actor a;

	if (way == SHS_WAY_CONDVAR || way == SHS_WAY_ONCE_WAIT)
		return;
	ASSERT_EQ(0, shs_scene_make(&s, way));
	if (way == SHS_WAY_ATOMIC)
		ASSERT_EQ(0, shs_scene_clear(&s, 0));
	ASSERT_EQ(0, shs_actor_come(&a, &s));
	ASSERT_EQ(0, shs_actor_enter(&a));
	ASSERT_EQ(0, BEGIN(&a, SHS_FOREVER));
	EXPECT_EQ(0, COMPLETE());
	EXPECT_EQ(0, shs_actor_leave(&a));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	EXPECT_EQ(0, shs_info(s.fd).waits);
	shs_actor_go(&a);
	shs_scene_end(&s);
}

TEST_F(uring_wait, at_once)
{
	BY_EACH_WAY(at_once_by);
}

/* Its time is up: it has what it had before, and is out of the queue. */
WAY(deadline_by)
{
	__u64 times[] = { 0, AFTER(5) };
	struct shs_scene s;
	struct shs_actor a;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, shs_actor_come(&a, &s));
	for (int i = 0; i < ARRAY_SIZE(times); i++) {
		ASSERT_EQ(0, shs_actor_enter(&a));
		ASSERT_EQ(0, BEGIN(&a, times[i]));
		EXPECT_EQ(-ETIMEDOUT, COMPLETE());
		EXPECT_LE(times[i], shs_now(SHS_CLOCK_MONOTONIC));
		EXPECT_EQ(0, shs_info(s.fd).waiters);
		EXPECT_EQ(0, shs_actor_give_up(&a));
	}
	shs_actor_go(&a);
	shs_scene_end(&s);
}

TEST_F(uring_wait, deadline)
{
	BY_EACH_WAY(deadline_by);
}

TEST_F(uring_wait, clocks)
{
	for (__u8 clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
		struct shs_scene s;
		struct shs_actor a;
		__u64 then;

		ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_LOCK));
		ASSERT_EQ(0, shs_actor_come(&a, &s));
		then = shs_now(clock) + 5 * SHS_MS;
		shs_actor_prep(&a, entry(self), then, clock);
		ASSERT_EQ(0, submit(self));
		EXPECT_EQ(-ETIMEDOUT, COMPLETE());
		EXPECT_LE(then, shs_now(clock));
		shs_actor_go(&a);
		shs_scene_end(&s);
	}
}

/* By an ioctl or by an entry that names the same struct; once. */
WAY(cancelled_by)
{
	struct shs_ioc_cancel cancel = { .size = sizeof(cancel) };
	struct shs_scene s;
	struct shs_actor a;
	void *whose;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, shs_actor_come(&a, &s));
	cancel.addr = (unsigned long)&a.args;
	for (int by_ring = 0; by_ring < 2; by_ring++) {
		int fd = shs_way_is_op(way) ? s.fd : a.att.fd, first, second;

		ASSERT_EQ(0, shs_actor_enter(&a));
		ASSERT_EQ(0, BEGIN(&a, SHS_FOREVER));
		SHS_AWAIT(s.fd, info.waiters == 1);
		cancel.addr++;
		EXPECT_EQ(-ENOENT, shs_ioctl(fd, SHS_IOC_CANCEL, &cancel));
		cancel.addr--;
		EXPECT_TRUE(is_pending(self));
		if (!by_ring) {
			EXPECT_EQ(0, shs_ioctl(fd, SHS_IOC_CANCEL, &cancel));
			EXPECT_EQ(-ECANCELED, COMPLETE());
		} else {
			ASSERT_EQ(0, send_to(self, fd, SHS_IOC_CANCEL, &cancel));
			first = complete(self, &whose);
			second = COMPLETE();
			EXPECT_EQ(-ECANCELED, whose == &a ? first : second);
			EXPECT_EQ(0, whose == &a ? second : first);
		}
		EXPECT_EQ(-ENOENT, shs_ioctl(fd, SHS_IOC_CANCEL, &cancel));
		EXPECT_EQ(0, shs_info(s.fd).waiters);
		EXPECT_EQ(0, shs_actor_give_up(&a));
	}
	shs_actor_go(&a);
	shs_scene_end(&s);
}

TEST_F(uring_wait, cancelled)
{
	BY_EACH_WAY(cancelled_by);
}

/* What holds when the ring goes: nothing that its waits were for. */
static bool is_free(const struct shs_scene *s)
{
	struct shs_ioc_info held = shs_info(shs_scene_held(s));
	__u32 mine = s->way == SHS_WAY_CONDVAR || s->way == SHS_WAY_ATOMIC ? 0 : SHS_STATE_HELD;

	if (s->way == SHS_WAY_WRITE)
		return held.readers == 1 && !held.state;
	if (s->way == SHS_WAY_UPGRADE)
		return held.readers == 1;	/* and the actor's upgradable lock */
	return (held.state & SHS_STATE_HELD) == mine && !held.readers;
}

/* The ring is closed while it waits. */
WAY(closed_by)
{
	struct shs_scene s;
	struct shs_actor a;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, shs_actor_come(&a, &s));
	ASSERT_EQ(0, shs_actor_enter(&a));
	ASSERT_EQ(0, BEGIN(&a, SHS_FOREVER));
	SHS_AWAIT(s.fd, info.waiters == 1);
	io_uring_queue_exit(&self->ring);
	SHS_AWAIT(s.fd, info.waiters == 0);
	SHS_AWAIT(shs_scene_held(&s), info.waiters == 0);
	EXPECT_TRUE(is_free(&s));
	ASSERT_EQ(0, io_uring_queue_init(DEPTH, &self->ring, variant->setup));
	shs_actor_go(&a);
	shs_scene_end(&s);
}

TEST_F(uring_wait, closed)
{
	BY_EACH_WAY(closed_by);
}

/* It is granted what it waits for just when its ring is closed, or the other way round. */
TEST_F(uring_wait, closed_when_granted)
{
	unsigned long rounds = shs_scale(30);
	__u64 seed = 7;

	for (unsigned long round = 0; round < rounds; round++) {
		struct shs_pipe gate = shs_pipe();
		struct shs_scene s;
		struct shs_actor a;
		pid_t child;

		ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_LOCK));
		child = shs_fork();
		if (!child) {
			if (io_uring_queue_init(DEPTH, &self->ring, variant->setup) ||
			    shs_actor_come(&a, &s) || BEGIN(&a, SHS_FOREVER))
				_exit(1);
			shs_gate_pass(&gate);
			for (__u64 n = shs_number(&seed) % 300; n; n--)
				__asm__ volatile("");
			io_uring_queue_exit(&self->ring);
			/* It may have completed, unseen: what holds then is given up whole. */
			shs_detach(&a.att);
			_exit(0);
		}
		SHS_AWAIT(s.fd, info.waiters == 1);
		shs_gate_open(&gate);
		for (__u64 n = shs_number(&seed) % 3000; n; n--)
			__asm__ volatile("");
		ASSERT_EQ(0, shs_scene_clear(&s, 1));
		ASSERT_EQ(0, shs_reap(child));
		SHS_AWAIT(s.fd, info.waiters == 0);
		EXPECT_NE(-EBUSY, shs_trylock(&s.mine));
		EXPECT_EQ(0, shs_unlock(&s.mine));
		shs_scene_end(&s);
	}
}

static pid_t child_waits(FIXTURE_DATA(uring_wait) *self,
			 const FIXTURE_VARIANT(uring_wait) *variant, struct shs_scene *s,
			 struct shs_pipe *exec)
{
	static char * const sleep[] = { "/bin/sleep", "1000", NULL };
	pid_t child = shs_fork();
	struct shs_actor a;

	if (child)
		return child;
	if (io_uring_queue_init(DEPTH, &self->ring, variant->setup) ||
	    shs_actor_come(&a, s) || shs_actor_enter(&a) || BEGIN(&a, SHS_FOREVER))
		_exit(1);
	shs_hear(exec);
	execv(sleep[0], sleep);
	_exit(2);
}

/* Who waits is killed, or becomes another program: the next one is not kept waiting. */
WAY(ended_by)
{
	for (int exec = 0; exec < 2; exec++) {
		struct shs_pipe go = shs_pipe();
		struct shs_scene s;
		struct shs_actor a;
		pid_t child;

		if (way == SHS_WAY_UPGRADE)	/* one at a time */
			return;
		ASSERT_EQ(0, shs_scene_closed(&s, way));
		child = child_waits(self, variant, &s, &go);
		SHS_AWAIT(s.fd, info.waiters == 1);
		if (exec)
			shs_say(&go);
		else
			EXPECT_EQ(-SIGKILL, shs_kill(child));
		SHS_AWAIT(s.fd, info.waiters == 0);
		ASSERT_EQ(0, shs_actor_come(&a, &s));
		ASSERT_EQ(0, shs_actor_enter(&a));
		ASSERT_EQ(0, BEGIN(&a, SHS_FOREVER));
		SHS_AWAIT(s.fd, info.waiters == 1);
		ASSERT_EQ(0, shs_scene_clear(&s, 1));
		EXPECT_EQ(0, COMPLETE());
		EXPECT_EQ(0, shs_actor_leave(&a));
		EXPECT_TRUE(shs_scene_is_quiet(&s));
		shs_actor_go(&a);
		shs_scene_end(&s);
		if (exec)
			EXPECT_EQ(-SIGKILL, shs_kill(child));
	}
}

TEST_F(uring_wait, ended)
{
	BY_EACH_WAY(ended_by);
}

/* A holder dies: the completion is 0, for the links' sake, and the notice tells. */
TEST_F(uring_wait, owner_died)
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
		ASSERT_EQ(0, shs_actor_come(&a, &s));
		ASSERT_EQ(0, BEGIN(&a, SHS_FOREVER));
		SHS_AWAIT(s.fd, info.waiters == 1);
		EXPECT_EQ(-SIGKILL, shs_kill(child));
		EXPECT_EQ(0, COMPLETE());
		EXPECT_EQ(SHS_NOTICE_OWNER_DIED, ways[i] == SHS_WAY_ONCE_BEGIN ?
			  a.args.once.notice : a.args.lock.notice);
		EXPECT_EQ(0, shs_actor_leave(&a));
		shs_actor_go(&a);
		shs_scene_end(&s);
	}
}

static void add_linked(FIXTURE_DATA(uring_wait) *self, const FIXTURE_VARIANT(uring_wait) *variant,
		       int fd, unsigned long command, void *argument)
{
	struct io_uring_sqe *sqe = entry(self);

	shs_prep_command(sqe, fd, command, argument);
	sqe->flags = IOSQE_IO_LINK | variant->sqe_flags;
}

/* Lock, change the value, unlock: one chain, which waits for its turn; also behind the dead. */
TEST_F(uring_wait, chain)
{
	struct shs_pipe end = shs_pipe();

	for (int dead = 0; dead < 2; dead++) {
		struct shs_ioc_lock lock = SHS_LOCK(.deadline = SHS_FOREVER), unlock = SHS_LOCK();
		struct shs_ioc_op add = SHS_OP(ADD, .arg = 5, .flags = SHS_OP_HELD);
		int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
		struct io_uring_sqe *sqe;
		struct shs_att att;
		pid_t child;

		ASSERT_EQ(0, shs_attach(&att, fd));
		child = shs_fork();
		if (!child) {
			if (shs_attach(&att, fd) || shs_lock(&att))
				_exit(1);
			shs_hear(&end);
			if (!dead)
				_exit(shs_unlock(&att) ? 2 : 0);
			shs_until_killed();
		}
		SHS_AWAIT(fd, info.state & SHS_STATE_HELD);
		if (!dead)	/* as it would be without it */
			EXPECT_EQ(-EPERM, shs_ioctl(att.fd, SHS_IOC_OP, &add));
		add_linked(self, variant, att.fd, SHS_IOC_LOCK, &lock);
		add_linked(self, variant, att.fd, SHS_IOC_OP, &add);
		sqe = entry(self);
		shs_prep_command(sqe, att.fd, SHS_IOC_UNLOCK, &unlock);
		sqe->flags = variant->sqe_flags;
		ASSERT_EQ(0, submit(self));
		SHS_AWAIT(fd, info.waiters == 1);
		EXPECT_EQ(0, shs_peek(fd, 0));
		shs_say(&end);
		EXPECT_EQ(dead ? -SIGKILL : 0, dead ? shs_kill(child) : shs_reap(child));
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(0, COMPLETE());
		EXPECT_EQ(dead ? SHS_NOTICE_OWNER_DIED : 0, lock.notice);
		EXPECT_EQ(0, add.notice);
		EXPECT_EQ(5, shs_peek(fd, 0));
		EXPECT_EQ(0, shs_info(fd).state);
		shs_detach(&att);
		close(fd);
	}
}

/* Who waits by a ring and who sleeps wait in one queue, and each has its turn. */
TEST_F(uring_wait, beside_sleepers)
{
	struct shs_scene s;
	struct shs_actor a[3];
	pid_t child[3];

	ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_LOCK_FIFO));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, shs_actor_come(&a[i], &s));
		ASSERT_EQ(0, BEGIN(&a[i], SHS_FOREVER));
		SHS_AWAIT(s.fd, info.waiters == 2 * i + 1);
		child[i] = shs_actor_fork(&s, SHS_FOREVER, SHS_CLOCK_MONOTONIC);
		SHS_AWAIT(s.fd, info.waiters == 2 * i + 2);
	}
	ASSERT_EQ(0, shs_scene_clear(&s, 1));
	for (int i = 0; i < 3; i++) {
		void *whose;

		EXPECT_EQ(0, complete(self, &whose));
		EXPECT_EQ(&a[i], whose);
		EXPECT_FALSE(shs_is_gone(child[i]));
		EXPECT_EQ(5 - 2 * i, shs_info(s.fd).waiters);
		EXPECT_EQ(0, shs_actor_leave(&a[i]));
		EXPECT_EQ(0, shs_reap(child[i]));
	}
	EXPECT_TRUE(shs_scene_is_quiet(&s));
}

/* Permits, several at a time, and what a death returns. */
TEST_F(uring_wait, semaphore)
{
	__u32 value[2] = { 3, 0 };
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_SEMAPHORE, .type = SHS_TYPE_U32,
					 .count = 2, .value = (unsigned long)value,
					 .value_size = sizeof(value)));
	struct shs_ioc_lock lock = SHS_LOCK(.deadline = SHS_FOREVER, .permits = 2);
	struct shs_att att;
	pid_t child;

	ASSERT_EQ(0, shs_attach(&att, fd));
	child = shs_fork();
	if (!child) {
		if (shs_attach(&att, fd) || shs_lock_as(&att, &lock))
			_exit(1);
		shs_until_killed();
	}
	while (shs_load(fd, 0) != 1)
		sched_yield();
	ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_LOCK, &lock));
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_TRUE(is_pending(self));
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, COMPLETE());
	EXPECT_EQ(1, shs_load(fd, 0));
	lock = SHS_LOCK(.permits = 2);
	ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_UNLOCK, &lock));
	EXPECT_EQ(0, COMPLETE());
	EXPECT_EQ(3, shs_load(fd, 0));
}

/* All complete when the last party comes; one is the leader. A broken one is an error. */
TEST_F(uring_wait, barrier)
{
	__u32 value = 3;
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_BARRIER, .type = SHS_TYPE_U32,
					 .count = 1, .value = (unsigned long)&value,
					 .value_size = sizeof(value)));
	struct shs_ioc_barrier wait[3];
	struct shs_att att[3];
	int leaders = 0;

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, shs_attach(&att[i], fd));
	for (int round = 1; round <= 2; round++) {
		leaders = 0;
		for (int i = 0; i < 3; i++) {
			SHS_AWAIT(fd, info.waiters == i);
			wait[i] = (struct shs_ioc_barrier){ .size = sizeof(wait[i]),
							    .deadline = SHS_FOREVER };
			ASSERT_EQ(0, send_to(self, att[i].fd, SHS_IOC_BARRIER, &wait[i]));
		}
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(0, COMPLETE());
		for (int i = 0; i < 3; i++) {
			EXPECT_EQ(round, wait[i].generation);
			leaders += !!(wait[i].state & SHS_BARRIER_LEADER);
		}
		EXPECT_EQ(1, leaders);
	}
	wait[0] = (struct shs_ioc_barrier){ .size = sizeof(wait[0]), .deadline = SHS_FOREVER };
	ASSERT_EQ(0, send_to(self, att[0].fd, SHS_IOC_BARRIER, &wait[0]));
	SHS_AWAIT(fd, info.waiters == 1);
	shs_detach(&att[1]);
	EXPECT_EQ(-EOWNERDEAD, COMPLETE());
	EXPECT_TRUE(wait[0].state & SHS_BARRIER_BROKEN);
}

struct other_thread {
	struct shs_actor *a;
	struct io_uring ring;
	struct shs_pipe go;
	int err;
};

static void *submits_and_ends(void *arg)
{
	struct other_thread *t = arg;
	struct io_uring_sqe *sqe;

	t->err = io_uring_queue_init(DEPTH, &t->ring, 0);
	if (t->err)
		return NULL;
	sqe = io_uring_get_sqe(&t->ring);
	if (!sqe)
		return NULL;
	shs_actor_prep(t->a, sqe, SHS_FOREVER, SHS_CLOCK_MONOTONIC);
	t->err = io_uring_submit(&t->ring) == 1 ? 0 : -EIO;
	shs_hear(&t->go);
	return NULL;
}

/* The thread that submitted has ended: the lock goes to the next, though the ring is open. */
TEST_F(uring_wait, thread_ended)
{
	struct other_thread t = { .go = shs_pipe() };
	struct io_uring_cqe *cqe;
	struct shs_actor a, next;
	struct shs_scene s;
	pthread_t thread;

	t.a = &a;
	ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_LOCK));
	ASSERT_EQ(0, shs_actor_come(&a, &s));
	ASSERT_EQ(0, shs_actor_come(&next, &s));
	ASSERT_EQ(0, pthread_create(&thread, NULL, submits_and_ends, &t));
	SHS_AWAIT(s.fd, info.waiters == 1);
	shs_say(&t.go);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, t.err);
	ASSERT_EQ(0, BEGIN(&next, SHS_FOREVER));
	SHS_AWAIT(s.fd, info.waiters == 1 + self->async);
	ASSERT_EQ(0, shs_scene_clear(&s, 1));
	EXPECT_EQ(0, COMPLETE());
	EXPECT_EQ(0, shs_uring_wait(&t.ring, &cqe));
	EXPECT_EQ(self->async ? -ECANCELED : -EINTR, cqe->res);
	EXPECT_EQ(0, shs_actor_leave(&next));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	io_uring_queue_exit(&t.ring);
}

/* The thread owns what it submitted for, so it may lock again, and it unlocks. */
TEST_F(uring_wait, thread_owns)
{
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_RECURSIVE));
	struct shs_ioc_lock lock = SHS_LOCK(.deadline = SHS_FOREVER);
	struct shs_att att, other;

	ASSERT_EQ(0, shs_attach(&att, fd));
	ASSERT_EQ(0, shs_attach(&other, fd));
	ASSERT_EQ(0, shs_lock(&other));
	ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_LOCK, &lock));
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&other));
	EXPECT_EQ(0, COMPLETE());
	if (variant->setup & IORING_SETUP_SQPOLL) {
		EXPECT_NE(syscall(SYS_gettid), shs_info(att.fd).holder_tid);
		EXPECT_EQ(-EPERM, shs_unlock(&att));
	} else {
		EXPECT_EQ(syscall(SYS_gettid), shs_info(att.fd).holder_tid);
		EXPECT_EQ(0, shs_trylock(&att));
		EXPECT_EQ(2, shs_info(fd).depth);
		EXPECT_EQ(0, shs_unlock(&att));
	}
	lock = SHS_LOCK();
	ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_UNLOCK, &lock));
	EXPECT_EQ(0, COMPLETE());
	EXPECT_EQ(0, shs_info(fd).state);
}

/* A wait without a thread that sleeps closes no circle: the thread can still let go. */
TEST_F(uring_wait, no_deadlock)
{
	struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_DETECT);
	struct shs_ioc_lock lock = SHS_LOCK(.deadline = SHS_FOREVER);
	int first = shs_create_as(&init), second = shs_create_as(&init);
	struct shs_pipe go = shs_pipe();
	struct shs_att a, b, other;
	pid_t child;

	if (!self->async)	/* a thread of the kernel's sleeps */
		return;
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
	ASSERT_EQ(0, send_to(self, b.fd, SHS_IOC_LOCK, &lock));
	SHS_AWAIT(second, info.waiters == 1);
	shs_say(&go);
	SHS_AWAIT(first, info.waiters == 1);
	EXPECT_TRUE(is_pending(self));
	EXPECT_EQ(0, shs_unlock(&a));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, COMPLETE());
	EXPECT_EQ(SHS_NOTICE_OWNER_DIED, lock.notice);
}

/* Its attachment ends while it waits. */
WAY(attachment_ends_by)
{
	struct shs_scene s;
	struct shs_actor a;

	if (shs_way_is_op(way) || way == SHS_WAY_CONDVAR)
		return;
	ASSERT_EQ(0, shs_scene_closed(&s, way));
	ASSERT_EQ(0, shs_actor_come(&a, &s));
	ASSERT_EQ(0, shs_actor_enter(&a));
	ASSERT_EQ(0, BEGIN(&a, SHS_FOREVER));
	SHS_AWAIT(s.fd, info.waiters == 1);
	munmap(a.att.private, a.att.is.private_size);
	EXPECT_EQ(-ENXIO, COMPLETE());
	EXPECT_EQ(0, shs_info(s.fd).waiters);
	close(a.att.fd);
	shs_scene_end(&s);
}

TEST_F(uring_wait, attachment_ends)
{
	BY_EACH_WAY(attachment_ends_by);
}

/* What the ring read it does not read again. */
TEST_F(uring_wait, changed_after_submit)
{
	struct io_uring_sqe *sqe;
	struct shs_scene s;
	struct shs_actor a;

	ASSERT_EQ(0, shs_scene_closed(&s, SHS_WAY_LOCK));
	ASSERT_EQ(0, shs_actor_come(&a, &s));
	sqe = entry(self);
	shs_actor_prep(&a, sqe, SHS_FOREVER, SHS_CLOCK_MONOTONIC);
	sqe->flags = variant->sqe_flags;
	ASSERT_EQ(0, submit(self));
	SHS_AWAIT(s.fd, info.waiters == 1);
	memset((char *)sqe + offsetof(struct io_uring_sqe, cmd), 0xff, 16);
	memset(&a.args, 0xff, sizeof(a.args));
	ASSERT_EQ(0, shs_scene_clear(&s, 1));
	EXPECT_EQ(0, COMPLETE());
	EXPECT_EQ(0, shs_actor_leave(&a));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
}

/* A child has the ring, but not the attachment. */
TEST_F(uring_wait, forked)
{
	struct shs_ioc_lock lock = SHS_LOCK(.flags = SHS_LOCK_NOWAIT);
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	struct shs_att att;
	pid_t child;

	if (variant->setup & (IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER))
		return;		/* a child cannot submit */
	ASSERT_EQ(0, shs_attach(&att, fd));
	child = shs_fork();
	if (!child) {
		if (send_to(self, att.fd, SHS_IOC_LOCK, &lock))
			_exit(1);
		_exit(-COMPLETE());
	}
	EXPECT_EQ(ESTALE, shs_reap(child));
	EXPECT_EQ(0, shs_info(fd).state);
}

/* Nothing but what the ioctl takes; and the struct has room for a notice. */
TEST_F(uring_wait, refused)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	static const __u32 others[] = { SHS_IOC_INFO, SHS_IOC_WATCH, SHS_IOC_CYCLE, SHS_IOC_BATCH };
	struct shs_ioc_lock lock = SHS_LOCK();
	struct shs_ioc_wait wait = SHS_WAIT(.started = 1);
	struct shs_ioc_cancel cancel = { .size = sizeof(cancel), .addr = 8, .flags = 1 };
	void *readable = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct shs_att att, condvar;

	ASSERT_EQ(0, shs_attach(&att, fd));
	ASSERT_EQ(0, shs_attach(&condvar, shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0)));
	for (int i = 0; i < ARRAY_SIZE(others); i++) {
		ASSERT_EQ(0, send_to(self, att.fd, others[i], &lock));
		EXPECT_EQ(-EOPNOTSUPP, COMPLETE());
	}
	ASSERT_EQ(0, send_to(self, fd, SHS_IOC_LOCK, &lock));
	EXPECT_EQ(-EOPNOTSUPP, COMPLETE());
	lock.notice = 1;
	ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_LOCK, &lock));
	EXPECT_EQ(-EINVAL, COMPLETE());
	lock = SHS_LOCK();
	lock.size = offsetof(struct shs_ioc_lock, permits);
	EXPECT_EQ(0, shs_lock_as(&att, &lock));
	EXPECT_EQ(0, shs_unlock_as(&att, &lock));
	ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_LOCK, &lock));
	EXPECT_EQ(-EINVAL, COMPLETE());
	ASSERT_EQ(0, send_to(self, condvar.fd, SHS_IOC_WAIT, &wait));
	EXPECT_EQ(-EINVAL, COMPLETE());
	ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_CANCEL, &cancel));
	EXPECT_EQ(-EINVAL, COMPLETE());
	cancel = (struct shs_ioc_cancel){ .size = sizeof(cancel) };
	EXPECT_EQ(-EINVAL, shs_ioctl(att.fd, SHS_IOC_CANCEL, &cancel));
	ASSERT_EQ(0, mprotect(readable, 4096, PROT_READ | PROT_WRITE));
	*(struct shs_ioc_lock *)readable = SHS_LOCK(.deadline = SHS_FOREVER);
	ASSERT_EQ(0, mprotect(readable, 4096, PROT_READ));
	ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_LOCK, readable));
	EXPECT_EQ(-EFAULT, COMPLETE());
	EXPECT_EQ(0, shs_info(fd).state);
}

/* More completions than the ring has room for: none is lost. */
TEST_F(uring_wait, overflow)
{
	int fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1), count = 3 * DEPTH;
	struct shs_ioc_op wait[3 * DEPTH];

	if (!self->async)	/* there are not so many workers */
		return;
	for (int i = 0; i < count; i++) {
		wait[i] = SHS_OP(WAIT, .deadline = SHS_FOREVER);
		ASSERT_EQ(0, send_to(self, fd, SHS_IOC_OP, &wait[i]));
	}
	SHS_AWAIT(fd, info.waiters == count);
	EXPECT_EQ(0, shs_op(fd, &SHS_OP(STORE, .arg = 1)));
	EXPECT_EQ(0, shs_op(fd, &SHS_OP(NOTIFY, .arg = ~0ULL)));
	for (int i = 0; i < count; i++)
		EXPECT_EQ(0, COMPLETE());
	EXPECT_EQ(0, shs_info(fd).waiters);
}

/* As many as there are workers may wait, less one; what they wait for still gets through. */
TEST_F(uring_wait, workers_left)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1), count = 2 * DEPTH;
	int workers = 4 * sysconf(_SC_NPROCESSORS_ONLN), may_wait;
	struct shs_ioc_lock lock[2 * DEPTH], unlock = SHS_LOCK();
	struct shs_att att;

	if (self->async)	/* no worker waits */
		return;
	may_wait = (workers < DEPTH ? workers : DEPTH) - 1;
	ASSERT_EQ(0, shs_attach(&att, fd));
	ASSERT_EQ(0, shs_lock(&att));
	for (int i = 0; i < count; i++) {
		lock[i] = SHS_LOCK(.deadline = SHS_FOREVER);
		ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_LOCK, &lock[i]));
	}
	for (int i = may_wait; i < count; i++)
		EXPECT_EQ(-EBUSY, COMPLETE());
	SHS_AWAIT(fd, info.waiters == may_wait);
	for (int i = 0; i < may_wait; i++) {
		ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_UNLOCK, &unlock));
		EXPECT_EQ(0, COMPLETE());	/* and of who waits next */
		EXPECT_EQ(0, COMPLETE());
	}
	EXPECT_EQ(0, shs_unlock(&att));
	EXPECT_EQ(0, shs_info(fd).waiters);
}

/* Ten thousand in flight, of one thread. */
TEST_F(uring_wait, many)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	unsigned long count = shs_scale(10000), got = 0;
	struct shs_ioc_lock *lock = calloc(count, sizeof(*lock)), unlock = SHS_LOCK();
	struct shs_att att;
	void *whose;

	if (!self->async)	/* there are not so many workers */
		return;
	if (variant->setup & IORING_SETUP_SQPOLL || variant->sqe_flags)
		return;
	ASSERT_EQ(0, shs_attach(&att, fd));
	ASSERT_EQ(0, shs_lock(&att));
	for (unsigned long i = 0; i < count; i++) {
		lock[i] = SHS_LOCK(.deadline = SHS_FOREVER);
		ASSERT_EQ(0, send_to(self, att.fd, SHS_IOC_LOCK, &lock[i]));
	}
	EXPECT_EQ(count, shs_info(fd).waiters);
	ASSERT_EQ(0, shs_unlock(&att));
	while (got < count) {
		ASSERT_EQ(0, complete(self, &whose));
		EXPECT_EQ(&lock[got], whose);
		got++;
		ASSERT_EQ(0, shs_unlock_as(&att, &unlock));
	}
	EXPECT_EQ(0, shs_info(fd).waiters);
	EXPECT_EQ(0, shs_info(fd).state);
	free(lock);
}

/* Who may only read keeps neither the writers out nor the lock of the object for long. */
TEST_F(uring_wait, too_many)
{
	int fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1), ro = shs_reopen(fd, O_RDONLY);
	struct shs_ioc_op wait = SHS_OP(WAIT, .deadline = SHS_FOREVER);

	if (!self->async || variant->setup || variant->sqe_flags)
		return;
	for (int i = 0; i < 8192; i++)
		ASSERT_EQ(0, send_to(self, ro, SHS_IOC_OP, &wait));
	EXPECT_EQ(8192, shs_info(fd).waiters);
	EXPECT_TRUE(is_pending(self));
	ASSERT_EQ(0, send_to(self, ro, SHS_IOC_OP, &wait));
	EXPECT_EQ(-EUSERS, COMPLETE());
	ASSERT_EQ(0, send_to(self, fd, SHS_IOC_OP, &wait));
	EXPECT_EQ(8193, shs_info(fd).waiters);
	EXPECT_EQ(0, shs_op(fd, &SHS_OP(STORE, .arg = 1)));
	EXPECT_EQ(0, shs_op(fd, &SHS_OP(NOTIFY, .arg = ~0ULL)));
	for (int i = 0; i < 8193; i++)
		ASSERT_EQ(0, COMPLETE());
}

/* A condvar's wait that ends early is told of the death of who had the lock, like any other. */
TEST_F(uring_wait, condvar_cancelled_behind_the_dead)
{
	struct shs_ioc_wait wait = SHS_WAIT(.deadline = SHS_FOREVER);
	struct shs_ioc_cancel cancel = { .size = sizeof(cancel), .addr = (unsigned long)&wait };
	int mutex = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	int condvar = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	struct shs_pipe locked = shs_pipe();
	struct shs_att c, m;
	pid_t child;

	ASSERT_EQ(0, shs_attach(&c, condvar));
	ASSERT_EQ(0, shs_attach(&m, mutex));
	ASSERT_EQ(0, shs_lock(&m));
	wait.mutex_fd = m.fd;
	ASSERT_EQ(0, send_to(self, c.fd, SHS_IOC_WAIT, &wait));
	child = shs_fork();
	if (!child) {
		if (shs_attach(&m, mutex) || shs_lock(&m))
			_exit(1);
		shs_say(&locked);
		shs_until_killed();
	}
	shs_hear(&locked);
	SHS_AWAIT(condvar, info.waiters == 1);
	EXPECT_EQ(0, shs_ioctl(c.fd, SHS_IOC_CANCEL, &cancel));
	SHS_AWAIT(mutex, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, COMPLETE());
	EXPECT_EQ(SHS_NOTICE_OWNER_DIED, wait.notice);
	EXPECT_EQ(0, shs_unlock(&m));
}

/*
 * Processes with a ring each wait, cancel, let waits time out, close their ring, and are
 * killed, as it comes. Nobody is left behind, and one at a time has the lock.
 */
struct melee {
	__u64 inside, times;
};

static void fight(FIXTURE_DATA(uring_wait) *self, const FIXTURE_VARIANT(uring_wait) *variant,
		  int fd, struct melee *m, __u64 seed)
{
	struct shs_ioc_cancel cancel = { .size = sizeof(cancel) };
	struct shs_ioc_lock lock;
	struct shs_att att;

	if (shs_attach(&att, fd) || io_uring_queue_init(DEPTH, &self->ring, variant->setup))
		_exit(1);
	for (;;) {
		__u64 what = shs_number(&seed) % 8;
		int ret;

		lock = SHS_LOCK(.deadline = what == 1 ? AFTER(1) : SHS_FOREVER);
		if (send_to(self, att.fd, SHS_IOC_LOCK, &lock))
			_exit(2);
		if (what == 2) {
			cancel.addr = (unsigned long)&lock;
			ret = shs_ioctl(att.fd, SHS_IOC_CANCEL, &cancel);
			if (ret && ret != -ENOENT)
				_exit(3);
		}
		if (what == 3) {
			io_uring_queue_exit(&self->ring);
			/* It may have completed, unseen: what holds then is given up whole. */
			shs_detach(&att);
			if (io_uring_queue_init(DEPTH, &self->ring, variant->setup) ||
			    shs_attach(&att, fd))
				_exit(4);
			continue;
		}
		ret = COMPLETE();
		/* -EBUSY: the workers of rings that were closed have not left yet */
		if (ret == -ETIMEDOUT || ret == -ECANCELED || (ret == -EBUSY && !self->async))
			continue;
		if (ret)
			_exit(6);
		if (__atomic_fetch_add(&m->inside, 1, __ATOMIC_SEQ_CST) && !lock.notice)
			_exit(7);
		__atomic_fetch_add(&m->times, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&m->inside, 0, __ATOMIC_SEQ_CST);
		if (shs_unlock(&att))
			_exit(8);
	}
}

/* So many of them have had the lock since. */
static void until(struct melee *m, __u64 more)
{
	__u64 then = __atomic_load_n(&m->times, __ATOMIC_RELAXED) + more;

	while (__atomic_load_n(&m->times, __ATOMIC_RELAXED) < then)
		sched_yield();
}

TEST_F(uring_wait, melee)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1), n = 4;
	struct melee *m = shs_common(sizeof(*m));
	unsigned long rounds = shs_scale(40);
	__u64 seed = 99;
	pid_t child[4];
	struct shs_att att;

	for (int i = 0; i < n; i++) {
		child[i] = shs_fork();
		if (!child[i])
			fight(self, variant, fd, m, i + 1);
	}
	for (unsigned long round = 0; round < rounds; round++) {
		int i = round % n;

		until(m, shs_number(&seed) % 16);
		ASSERT_EQ(-SIGKILL, shs_kill(child[i]));
		child[i] = shs_fork();
		if (!child[i])
			fight(self, variant, fd, m, round + 100);
	}
	for (int i = 0; i < n; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	SHS_AWAIT(fd, info.waiters == 0 && info.attachments == 0);
	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_TRUE(shs_trylock(&att) != -EBUSY);
	EXPECT_LT(0, m->times);
}

TEST_HARNESS_MAIN
