// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any, or all, of several objects, for which no thread waits: by io_uring and by poll.  What
 * many_test.c says of the calls these show by the same doors; here is what only they can do,
 * end without their caller.
 */
#include "shs.h"

#include <pthread.h>

enum { A, B, P, OBJECTS };	/* mutexes that are waited for, and what is polled */

/* One wait, by way of att[P]. */
struct wait {
	struct shs_ioc_many many;
	struct shs_many_item item[2];
	struct shs_att att[OBJECTS];
	struct io_uring ring;
	bool by_ring;
};

FIXTURE(many_door) {
	int fd[OBJECTS];
	struct shs_att other[OBJECTS];	/* holds A and B */
	struct wait wait;
};

FIXTURE_VARIANT(many_door) {
	bool by_ring, all;
};

FIXTURE_VARIANT_ADD(many_door, poll_any) { .by_ring = false, .all = false };
FIXTURE_VARIANT_ADD(many_door, poll_all) { .by_ring = false, .all = true };
FIXTURE_VARIANT_ADD(many_door, ring_any) { .by_ring = true, .all = false };
FIXTURE_VARIANT_ADD(many_door, ring_all) { .by_ring = true, .all = true };

static int make(struct wait *w, const int *fd, bool by_ring, bool all)
{
	int ret = by_ring ? io_uring_queue_init(4, &w->ring, 0) : 0;

	w->by_ring = by_ring;
	for (int i = 0; i < OBJECTS && !ret; i++)
		ret = shs_attach(&w->att[i], fd[i]);
	for (int i = A; i <= B; i++)
		w->item[i] = (struct shs_many_item){ .fd = w->att[i].fd };
	w->many = (struct shs_ioc_many){ .size = sizeof(w->many), .nr = 2,
					 .flags = all ? SHS_MANY_ALL : 0,
					 .items = (unsigned long)w->item,
					 .item_size = sizeof(w->item[0]),
					 .deadline = SHS_FOREVER };
	return ret;
}

static void unmake(struct wait *w)
{
	if (w->by_ring)
		io_uring_queue_exit(&w->ring);
	for (int i = 0; i < OBJECTS; i++)
		shs_detach(&w->att[i]);
}

FIXTURE_SETUP(many_door)
{
	SHS_MOUNT("");
	for (int i = 0; i < OBJECTS; i++) {
		self->fd[i] = shs_create(SHS_KIND_MUTEX, SHS_TYPE_NONE, 0);
		ASSERT_LE(0, self->fd[i]);
		ASSERT_EQ(0, shs_attach(&self->other[i], self->fd[i]));
	}
	ASSERT_EQ(0, make(&self->wait, self->fd, variant->by_ring, variant->all));
	ASSERT_EQ(0, shs_lock(&self->other[A]));
	ASSERT_EQ(0, shs_lock(&self->other[B]));
}

FIXTURE_TEARDOWN(many_door) { }

static int begin(struct wait *w)
{
	struct io_uring_sqe *sqe;

	w->many.index = 0;
	w->many.notice = 0;
	for (int i = A; i <= B; i++)
		w->item[i].result = 0;
	if (!w->by_ring)
		return shs_arm(w->att[P].fd, SHS_IOC_MANY, &w->many);
	sqe = io_uring_get_sqe(&w->ring);
	if (!sqe)
		return -EIO;
	shs_prep_command(sqe, w->att[P].fd, SHS_IOC_MANY, &w->many);
	return io_uring_submit(&w->ring) == 1 ? 0 : -EIO;
}

static int end(struct wait *w)
{
	struct io_uring_cqe *cqe;
	int ret;

	if (!w->by_ring) {
		while (!(shs_polled(w->att[P].fd, -1) & POLLIN))
			sched_yield();	/* POLLHUP alone: it is about to end */
		return shs_collect(w->att[P].fd);
	}
	if (shs_uring_wait(&w->ring, &cqe))
		return -EIO;
	ret = cqe->res;
	io_uring_cqe_seen(&w->ring, cqe);
	return !ret && w->many.notice ? -EOWNERDEAD : ret;
}

/* Nobody is told how it ends, which of a ring is by and by: see AWAIT_END. */
static void drop(struct wait *w)
{
	if (w->by_ring)
		io_uring_queue_exit(&w->ring);
	shs_detach(&w->att[P]);
}

static int cancel(const struct wait *w)
{
	struct shs_ioc_cancel c = { .size = sizeof(c), .addr = (unsigned long)&w->many };

	return shs_ioctl(w->att[P].fd, SHS_IOC_CANCEL, &c);
}

/* Wherever it waits. */
static int cancel_it(const struct wait *w)
{
	struct shs_ioc_cancel c = { .size = sizeof(c), .addr = (unsigned long)&w->many };

	return shs_ioctl(w->att[A].fd, SHS_IOC_CANCEL, &c);
}

static bool is_grant(int ret)
{
	return !ret || ret == -EOWNERDEAD;
}

static bool is_held(int fd)
{
	return shs_info(fd).state & SHS_STATE_HELD;
}

/* A command keeps the file by which it came: only the other attachment is left. */
#define AWAIT_END() SHS_AWAIT(self->fd[P], info.attachments == 1)

/* In the queue of each, or (all) of the first. */
#define AWAIT_QUEUED() do {							\
	SHS_AWAIT(self->fd[A], info.waiters == 1);				\
	if (!variant->all)							\
		SHS_AWAIT(self->fd[B], info.waiters == 1);			\
} while (0)

#define AWAIT_QUIET() do {							\
	SHS_AWAIT(self->fd[A], !info.waiters && !(info.state & SHS_STATE_HELD));	\
	SHS_AWAIT(self->fd[B], !info.waiters && !(info.state & SHS_STATE_HELD));	\
} while (0)

/* It waits as long as it must, and has what it waited for, and no more. */
TEST_F(many_door, granted)
{
	struct wait *w = &self->wait;

	for (int turn = 0; turn < 3; turn++) {
		ASSERT_EQ(0, begin(w));
		AWAIT_QUEUED();
		if (!w->by_ring)
			EXPECT_EQ(-EAGAIN, shs_collect(w->att[P].fd));
		ASSERT_EQ(0, shs_unlock(&self->other[A]));
		if (variant->all) {
			SHS_AWAIT(self->fd[B], info.waiters == 1);
			SHS_AWAIT(self->fd[A], !(info.state & SHS_STATE_HELD));
			ASSERT_EQ(0, shs_unlock(&self->other[B]));
		}
		EXPECT_EQ(0, end(w));
		EXPECT_EQ(0, w->many.index);
		EXPECT_TRUE(is_held(self->fd[A]));
		EXPECT_EQ(0, shs_info(self->fd[A]).waiters);
		EXPECT_EQ(0, shs_info(self->fd[B]).waiters);
		EXPECT_EQ(0, shs_unlock(&w->att[A]));
		EXPECT_EQ(variant->all ? 0 : -EPERM, shs_unlock(&w->att[B]));
		ASSERT_EQ(0, shs_lock(&self->other[A]));
		ASSERT_EQ(0, variant->all ? shs_lock(&self->other[B]) : 0);
	}
}

/* What need not wait has ended when it began, a death with it. */
TEST_F(many_door, at_once)
{
	struct wait *w = &self->wait;

	shs_detach(&self->other[A]);	/* as if it had died */
	ASSERT_EQ(0, shs_unlock(&self->other[B]));
	ASSERT_EQ(0, begin(w));
	EXPECT_EQ(-EOWNERDEAD, end(w));
	EXPECT_EQ(-EOWNERDEAD, w->item[A].result);
	EXPECT_EQ(0, w->item[B].result);
	EXPECT_EQ(0, w->many.index);
	EXPECT_EQ(0, shs_unlock(&w->att[A]));
	EXPECT_EQ(variant->all ? 0 : -EPERM, shs_unlock(&w->att[B]));
	EXPECT_EQ(0, shs_info(self->fd[A]).waits);
	/* One that would not wait is none that could be armed. */
	w->many.flags |= SHS_MANY_NOWAIT;
	EXPECT_EQ(w->by_ring ? 0 : -EINVAL, begin(w));
	EXPECT_EQ(0, w->by_ring ? end(w) : 0);
}

/* It leaves no trace when nobody waits for it any more. */
TEST_F(many_door, dropped)
{
	struct wait *w = &self->wait;

	ASSERT_EQ(0, begin(w));
	AWAIT_QUEUED();
	drop(w);
	AWAIT_END();
	EXPECT_EQ(0, shs_info(self->fd[A]).waiters);
	EXPECT_EQ(0, shs_info(self->fd[B]).waiters);
	EXPECT_EQ(0, shs_unlock(&self->other[A]));
	EXPECT_EQ(0, shs_unlock(&self->other[B]));
	EXPECT_EQ(0, shs_trylock(&w->att[A]));
	EXPECT_EQ(0, shs_trylock(&w->att[B]));
}

/* Begun, and granted while nobody has looked yet. */
#define BEGIN_AND_GRANT() do {							\
	ASSERT_EQ(0, begin(w));							\
	AWAIT_QUEUED();								\
	EXPECT_EQ(0, shs_unlock(&self->other[A]));				\
	EXPECT_EQ(0, shs_unlock(&self->other[B]));				\
	EXPECT_TRUE(w->by_ring || shs_polled(w->att[P].fd, -1) & POLLIN);	\
} while (0)

/* What was granted and never collected was never had. */
TEST_F(many_door, dropped_with_the_grant)
{
	struct wait *w = &self->wait;

	if (w->by_ring) {	/* a completion that is there has been told: closed, not dropped */
		ASSERT_EQ(0, begin(w));
		AWAIT_QUEUED();
		drop(w);
		EXPECT_EQ(0, shs_unlock(&self->other[A]));
		EXPECT_EQ(0, shs_unlock(&self->other[B]));
		AWAIT_END();
	} else {
		BEGIN_AND_GRANT();
		EXPECT_TRUE(is_held(self->fd[A]));
		drop(w);
	}
	EXPECT_EQ(0, shs_trylock(&self->other[A]));
	EXPECT_EQ(0, shs_trylock(&self->other[B]));
	EXPECT_EQ(0, shs_info(self->fd[A]).deaths);
	EXPECT_EQ(0, shs_info(self->fd[B]).deaths);
}

TEST_F(many_door, deadline)
{
	struct wait *w = &self->wait;
	__u64 at = shs_now(SHS_CLOCK_MONOTONIC) + 20 * SHS_MS;

	w->many.deadline = at;
	ASSERT_EQ(0, begin(w));
	EXPECT_EQ(-ETIMEDOUT, end(w));
	EXPECT_LE(at, shs_now(SHS_CLOCK_MONOTONIC));
	EXPECT_EQ(0, shs_info(self->fd[A]).waiters);
	EXPECT_EQ(0, shs_info(self->fd[B]).waiters);
	/* In the past: it is tried, no more. */
	ASSERT_EQ(0, shs_unlock(&self->other[A]));
	ASSERT_EQ(0, variant->all ? shs_unlock(&self->other[B]) : 0);
	ASSERT_EQ(0, begin(w));
	EXPECT_EQ(0, end(w));
}

TEST_F(many_door, cancelled)
{
	struct wait *w = &self->wait;

	EXPECT_EQ(-ENOENT, cancel(w));
	ASSERT_EQ(0, begin(w));
	AWAIT_QUEUED();
	EXPECT_EQ(variant->all ? 0 : -ENOENT, cancel(w));
	EXPECT_EQ(0, variant->all ? 0 : cancel_it(w));
	EXPECT_EQ(-ECANCELED, end(w));
	EXPECT_EQ(-ENOENT, cancel(w));
	EXPECT_EQ(0, shs_info(self->fd[A]).waiters);
	EXPECT_EQ(0, shs_info(self->fd[B]).waiters);
}

/* The end of an attachment that it waits by is the end of the wait. */
TEST_F(many_door, attachment_ends)
{
	struct wait *w = &self->wait;

	ASSERT_EQ(0, begin(w));
	AWAIT_QUEUED();
	shs_detach(&w->att[A]);
	EXPECT_EQ(-ENXIO, end(w));
	EXPECT_EQ(A, w->many.index);
	EXPECT_EQ(0, shs_info(self->fd[A]).waiters);
	EXPECT_EQ(0, shs_info(self->fd[B]).waiters);
}

/* As does the end of that by which it came, also if somebody else has it open. */
TEST_F(many_door, polled_attachment_ends)
{
	struct wait *w = &self->wait;
	int copy = dup(w->att[P].fd);

	ASSERT_EQ(0, begin(w));
	AWAIT_QUEUED();
	if (!w->by_ring) {
		shs_detach(&w->att[P]);
		w->att[P].fd = copy;
	}
	EXPECT_EQ(w->by_ring ? 0 : -ENXIO, w->by_ring ? cancel_it(w) : end(w));
	EXPECT_EQ(w->by_ring ? -ECANCELED : -ENOENT, w->by_ring ? end(w) : shs_collect(copy));
	EXPECT_EQ(0, shs_info(self->fd[A]).waiters);
	EXPECT_EQ(0, shs_info(self->fd[B]).waiters);
	/* One that is not mapped is none to arm. */
	EXPECT_EQ(0, w->by_ring ? 0 : begin(w));
	EXPECT_EQ(w->by_ring ? 0 : -ENXIO, w->by_ring ? 0 : end(w));
	close(copy);
}

/* The same after the grant, which nobody has then. */
TEST_F(many_door, polled_attachment_ends_after_the_grant)
{
	struct wait *w = &self->wait;
	int copy = dup(w->att[P].fd);

	if (w->by_ring)		/* its completion is there, or on its way */
		return;
	BEGIN_AND_GRANT();
	shs_detach(&w->att[P]);
	w->att[P].fd = copy;
	EXPECT_EQ(-ENXIO, end(w));
	EXPECT_EQ(0, shs_trylock(&self->other[A]));
	EXPECT_EQ(0, shs_trylock(&self->other[B]));
	close(copy);
}

/* After the grant, and before it was collected: the others are given back. */
TEST_F(many_door, attachment_ends_after_the_grant)
{
	struct wait *w = &self->wait;
	int last = variant->all ? B : A;

	BEGIN_AND_GRANT();
	if (w->by_ring) {	/* nobody collects: a death as any other */
		EXPECT_EQ(0, end(w));
		shs_detach(&w->att[last]);
		EXPECT_EQ(1, shs_info(self->fd[last]).deaths);
		return;
	}
	EXPECT_TRUE(is_held(self->fd[last]));
	shs_detach(&w->att[last]);
	EXPECT_FALSE(is_held(self->fd[last]));
	EXPECT_EQ(-ENXIO, shs_collect(w->att[P].fd));
	EXPECT_EQ(last, w->many.index);
	EXPECT_EQ(0, shs_trylock(&self->other[A]));
	EXPECT_EQ(0, shs_trylock(&self->other[B]));
}

/* Whoever is killed while it waits, or as it is granted, takes nothing along. */
TEST_F(many_door, killed)
{
	__u64 seed = 0x5eed;

	for (unsigned long n = 0; n < shs_scale(60); n++) {
		struct shs_pipe ready = shs_pipe();
		bool late = shs_number(&seed) & 1;
		pid_t child = shs_fork();

		if (!child) {
			struct wait w;

			if (make(&w, self->fd, variant->by_ring, variant->all) || begin(&w))
				_exit(255);
			shs_say(&ready);
			if (shs_number(&seed) & 2)
				end(&w);
			shs_until_killed();
		}
		shs_hear(&ready);
		if (!late)
			kill(child, SIGKILL);
		EXPECT_EQ(0, shs_unlock(&self->other[B]));
		EXPECT_EQ(0, shs_unlock(&self->other[A]));
		EXPECT_EQ(-SIGKILL, late ? shs_kill(child) : shs_reap(child));
		AWAIT_QUIET();
		EXPECT_TRUE(is_grant(shs_lock(&self->other[A])));
		EXPECT_TRUE(is_grant(shs_lock(&self->other[B])));
	}
}

/* Somebody unlocks, and locks again, in the moment in which the wait is cancelled, or dropped. */
static void unlock_when_told(const int *fd, struct shs_pipe *go, struct shs_pipe *done)
{
	struct shs_att att[2];

	for (int i = A; i <= B; i++)
		if (shs_attach(&att[i], fd[i]))
			_exit(255);
	for (;;) {
		shs_hear(go);
		for (int i = A; i <= B; i++)
			if (shs_lock(&att[i]))
				_exit(1);
		shs_say(done);
		shs_hear(go);
		if (shs_unlock(&att[A]) || shs_unlock(&att[B]))
			_exit(2);
		shs_say(done);
	}
}

/* One of the two comes first, and the wait's end and the canceller agree on which. */
TEST_F(many_door, cancelled_or_granted)
{
	struct shs_pipe go = shs_pipe(), done = shs_pipe();
	unsigned long granted = 0, rounds = shs_scale(1000);
	struct wait *w = &self->wait;
	__u64 seed = 0xabcdef;
	pid_t child;

	EXPECT_EQ(0, shs_unlock(&self->other[A]));
	EXPECT_EQ(0, shs_unlock(&self->other[B]));
	child = shs_fork();
	if (!child)
		unlock_when_told(self->fd, &go, &done);
	for (unsigned long n = 0; n < rounds; n++) {
		int cancelled, ended;

		shs_say(&go);
		shs_hear(&done);
		ASSERT_EQ(0, begin(w));
		AWAIT_QUEUED();
		if (n % 8)
			shs_say(&go);
		for (int pause = shs_number(&seed) % 2000; pause; pause--)
			asm volatile("");
		if (n & 1)
			sched_yield();
		if (n % 8 == 1) {	/* as n % 8 == 0, one that cannot be but one way */
			shs_hear(&done);
			SHS_AWAIT(self->fd[variant->all ? B : A], info.state & SHS_STATE_HELD);
		}
		cancelled = cancel_it(w);
		EXPECT_EQ(n % 8 > 1 ? cancelled : n % 8 ? -ENOENT : 0, cancelled);
		if (!(n % 8))
			shs_say(&go);
		if (n % 8 != 1)
			shs_hear(&done);
		ended = end(w);
		EXPECT_EQ(cancelled ? 0 : -ECANCELED, ended);
		EXPECT_TRUE(!cancelled || cancelled == -ENOENT);
		granted += !ended;
		for (int i = A; !ended && i <= (variant->all ? B : A); i++)
			EXPECT_EQ(0, shs_unlock(&w->att[variant->all ? i : w->many.index]));
		EXPECT_FALSE(is_held(self->fd[A]));
		EXPECT_FALSE(is_held(self->fd[B]));
	}
	TH_LOG("%lu of %lu granted", granted, rounds);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
}

/* The same with the end of the ring, or of the polled attachment: nothing is lost. */
TEST_F(many_door, dropped_or_granted)
{
	struct shs_pipe go = shs_pipe(), done = shs_pipe();
	struct wait *w = &self->wait;
	__u64 seed = 0xfedcba;
	pid_t child;

	EXPECT_EQ(0, shs_unlock(&self->other[A]));
	EXPECT_EQ(0, shs_unlock(&self->other[B]));
	unmake(w);		/* or the child would keep the ring open */
	child = shs_fork();
	if (!child)
		unlock_when_told(self->fd, &go, &done);
	for (unsigned long n = 0; n < shs_scale(200); n++) {
		ASSERT_EQ(0, make(w, self->fd, variant->by_ring, variant->all));
		shs_say(&go);
		shs_hear(&done);
		ASSERT_EQ(0, begin(w));
		AWAIT_QUEUED();
		shs_say(&go);
		for (int pause = shs_number(&seed) % 2000; pause; pause--)
			asm volatile("");
		drop(w);
		shs_hear(&done);
		AWAIT_END();
		/* The ring may have got the completion before it ended: that it had. */
		for (int i = A; i <= B && w->by_ring; i++)
			shs_unlock(&w->att[i]);
		for (int i = A; i <= B; i++) {
			EXPECT_FALSE(is_held(self->fd[i]));
			EXPECT_EQ(0, shs_info(self->fd[i]).waiters);
			EXPECT_EQ(0, shs_info(self->fd[i]).deaths);
			shs_detach(&w->att[i]);
		}
	}
	EXPECT_EQ(-SIGKILL, shs_kill(child));
}

/* One of two threads that arm, and collect what either of them armed. */
struct party {
	struct wait wait[4];	/* who collects writes to the one before yet */
	unsigned long armed, collected, wrong;
};

static void *arm_and_collect(void *data)
{
	struct party *p = data;

	for (unsigned long n = 0; n < shs_scale(4000); n++) {
		struct wait *w = &p->wait[p->armed % ARRAY_SIZE(p->wait)];
		int ret = begin(w);

		p->armed += !ret;
		p->wrong += ret && ret != -EBUSY;
		ret = shs_collect(w->att[P].fd);
		p->collected += !ret;
		p->wrong += ret && ret != -EAGAIN && ret != -ENOENT;
		shs_unlock(&w->att[A]);
		shs_unlock(&w->att[B]);
	}
	return NULL;
}

/* Two threads share the place of an attachment: what was armed there is collected once. */
TEST_F(many_door, threads)
{
	struct party party[2] = { };
	pthread_t thread[2];

	if (self->wait.by_ring)
		return;
	EXPECT_EQ(0, shs_unlock(&self->other[A]));
	EXPECT_EQ(0, shs_unlock(&self->other[B]));
	for (int i = 0; i < 2; i++) {
		for (int n = 0; n < ARRAY_SIZE(party[i].wait); n++) {
			struct wait *w = &party[i].wait[n];

			*w = self->wait;
			w->many.items = (unsigned long)w->item;
		}
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, arm_and_collect, &party[i]));
	}
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
		EXPECT_EQ(0, party[i].wrong);
	}
	/* The last may wait yet, for what one of them was granted. */
	for (int ret = 0; ret != -ENOENT; sched_yield()) {
		shs_unlock(&self->wait.att[A]);
		shs_unlock(&self->wait.att[B]);
		ret = shs_collect(self->wait.att[P].fd);
		party[0].collected += !ret;
		ASSERT_TRUE(!ret || ret == -EAGAIN || ret == -ENOENT);
	}
	EXPECT_EQ(party[0].armed + party[1].armed, party[0].collected + party[1].collected);
	EXPECT_EQ(0, shs_trylock(&self->other[A]));
	EXPECT_EQ(0, shs_trylock(&self->other[B]));
}

/* The child of a fork has the descriptors, and is no part of it. */
TEST_F(many_door, forked)
{
	struct wait *w = &self->wait;
	pid_t child;

	ASSERT_EQ(0, begin(w));
	AWAIT_QUEUED();
	child = shs_fork();
	if (!child) {
		if (!w->by_ring && (shs_polled(w->att[P].fd, 0) != POLLERR ||
				    shs_collect(w->att[P].fd) != -ESTALE))
			_exit(1);
		_exit(cancel(w) == -ESTALE ? 0 : 2);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_unlock(&self->other[A]));
	EXPECT_EQ(0, shs_unlock(&self->other[B]));
	EXPECT_EQ(0, end(w));
}

TEST_HARNESS_MAIN
