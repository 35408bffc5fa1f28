// SPDX-License-Identifier: GPL-2.0-only
/* What the library's waits by POLL_ADD can do that commands cannot, on every kernel. */
#include "lib.h"

#define ENTRIES 16	/* so fewer workers may wait, of however many processors */
#define CROWD 24

FIXTURE(lib_polladd) {
	struct io_uring ring;
	struct shs_object *mutex, *condvar;
};

FIXTURE_SETUP(lib_polladd)
{
	int err;

	SHS_MOUNT("");
	err = io_uring_queue_init(ENTRIES, &self->ring, 0);
	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "io_uring is off on this kernel");
	ASSERT_EQ(0, err);
	self->mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	self->condvar = make(SHS_KIND_CONDVAR, SHS_TYPE_NONE);
	ASSERT_NE(NULL, self->mutex);
	ASSERT_NE(NULL, self->condvar);
}

FIXTURE_TEARDOWN(lib_polladd)
{
	io_uring_queue_exit(&self->ring);
}

/* Who has the mutex until told. */
static pid_t holder(FIXTURE_DATA(lib_polladd) *self, struct shs_pipe *go)
{
	pid_t child = shs_fork();

	if (child) {
		SHS_AWAIT(shs_object_fd(self->mutex), info.state & SHS_STATE_HELD);
		return child;
	}
	if (shs_mutex_lock(self->mutex))
		_exit(1);
	shs_hear(go);
	_exit(shs_mutex_unlock(self->mutex) ? 2 : 0);
}

static struct io_uring_sqe *lock(FIXTURE_DATA(lib_polladd) *self, struct shs_call *call)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	if (shs_prep_mutex_lock(NULL, call, self->mutex, shs_deadline_never()) ||
	    shs_prep_poll(sqe, call))
		abort();
	sqe->user_data = (uintptr_t)call;
	return sqe;
}

/* The next completion's result, and whose it is. */
static int complete(FIXTURE_DATA(lib_polladd) *self, struct shs_call **whose)
{
	struct io_uring_cqe *cqe;
	int ret = shs_uring_wait(&self->ring, &cqe);

	if (ret)
		abort();
	ret = cqe->res;
	*whose = (void *)(uintptr_t)cqe->user_data;
	io_uring_cqe_seen(&self->ring, cqe);
	return ret;
}

/* A child that has it until it is killed. */
static pid_t dies_with(struct shs_object *mutex)
{
	pid_t child = shs_fork();

	if (!child) {
		if (shs_mutex_lock(mutex))
			_exit(1);
		for (;;)
			pause();
	}
	SHS_AWAIT(shs_object_fd(mutex), info.state & SHS_STATE_HELD);
	return child;
}

/* The mutex was not granted to who has given up, and is to be had. */
static int is_free(FIXTURE_DATA(lib_polladd) *self)
{
	return shs_mutex_try_lock(self->mutex) || shs_mutex_unlock(self->mutex) ||
	       shs_info(shs_object_fd(self->mutex)).waiters;
}

TEST_F(lib_polladd, linked_timeout)
{
	struct __kernel_timespec soon = { .tv_nsec = 5 * SHS_MS };
	struct shs_pipe go = shs_pipe();
	pid_t child = holder(self, &go);
	struct shs_call call, *whose;
	int seen = 0;

	lock(self, &call)->flags |= IOSQE_IO_LINK;
	io_uring_prep_link_timeout(io_uring_get_sqe(&self->ring), &soon, 0);
	ASSERT_EQ(2, io_uring_submit(&self->ring));
	for (int i = 0; i < 2; i++) {
		int res = complete(self, &whose);

		if (whose != &call)
			continue;
		seen++;
		EXPECT_EQ(-ECANCELED, res);
		EXPECT_EQ(-ECANCELED, shs_call_end(&call, res));
	}
	EXPECT_EQ(1, seen);
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, is_free(self));
}

TEST_F(lib_polladd, async_cancel)
{
	struct shs_pipe go = shs_pipe();
	pid_t child = holder(self, &go);
	struct shs_call call, *whose;
	int seen = 0;

	lock(self, &call);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	io_uring_prep_cancel(io_uring_get_sqe(&self->ring), &call, 0);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	for (int i = 0; i < 2; i++) {
		int res = complete(self, &whose);

		if (whose != &call) {
			EXPECT_EQ(0, res);
			continue;
		}
		seen++;
		EXPECT_EQ(-ECANCELED, shs_call_end(&call, res));
	}
	EXPECT_EQ(1, seen);
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, is_free(self));
}

/* Begins the wait, whose poll is never submitted but said to have failed. */
static int fails(struct shs_call *call)
{
	struct io_uring_sqe sqe;
	int ret = shs_prep_poll(&sqe, call);

	return ret ? ret - 1000 : shs_call_end(call, -ECANCELED);
}

/* What came before its poll was cancelled has come, with all that it says. */
TEST_F(lib_polladd, granted_first)
{
	struct shs_deadline never = shs_deadline_never();
	struct shs_object *once = make(SHS_KIND_ONCE, SHS_TYPE_NONE);
	struct shs_object *counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	struct shs_wanted want[2] = { { .object = once }, { .object = self->mutex } };
	struct shs_many_item items[2];
	struct shs_call call;

	ASSERT_NE(NULL, once);
	ASSERT_NE(NULL, counter);
	ASSERT_EQ(0, shs_prep_mutex_lock(NULL, &call, self->mutex, never));
	EXPECT_EQ(0, fails(&call));
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));

	ASSERT_EQ(0, shs_prep_once_begin(NULL, &call, once, never));
	EXPECT_EQ(1, fails(&call));

	ASSERT_EQ(0, shs_prep_wait_any(NULL, &call, want, items, 2, never));
	EXPECT_EQ(1, fails(&call));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));

	ASSERT_EQ(0, shs_counter_add(counter, 0, 7));
	ASSERT_EQ(0, shs_prep_counter_await(NULL, &call, counter, 0, SHS_OP_AWAIT_GE, 5, never));
	EXPECT_EQ(0, fails(&call));
	EXPECT_EQ(7, call.request.op.result);

	if (shs_kill(dies_with(self->mutex)) != -SIGKILL)
		abort();
	ASSERT_EQ(0, shs_prep_mutex_lock(NULL, &call, self->mutex, never));
	EXPECT_EQ(-EOWNERDEAD, fails(&call));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
}

/* A condvar's wait that was notified is not cancelled. */
TEST_F(lib_polladd, notified_first)
{
	struct io_uring_sqe sqe;
	struct shs_call call;

	ASSERT_EQ(0, shs_mutex_lock(self->mutex));
	ASSERT_EQ(0, shs_prep_condvar_wait(NULL, &call, self->condvar, self->mutex,
					   shs_deadline_never()));
	ASSERT_EQ(0, shs_prep_poll(&sqe, &call));
	EXPECT_EQ(1, shs_condvar_notify_one(self->condvar));
	EXPECT_EQ(0, shs_call_end(&call, -ECANCELED));
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
}

/* Its wait ends when the mutex, which another one has, is locked again. */
TEST_F(lib_polladd, condvar_cancelled)
{
	struct shs_pipe go = shs_pipe();
	struct shs_call call;
	pid_t child;

	ASSERT_EQ(0, shs_mutex_lock(self->mutex));
	ASSERT_EQ(0, shs_prep_condvar_wait(NULL, &call, self->condvar, self->mutex,
					   shs_deadline_never()));
	ASSERT_EQ(0, shs_prep_poll(io_uring_get_sqe(&self->ring), &call));
	child = holder(self, &go);
	if (!shs_fork()) {	/* lets the holder go on once this one wants the mutex */
		SHS_AWAIT(shs_object_fd(self->mutex), info.waiters == 1);
		shs_say(&go);
		_exit(0);
	}
	EXPECT_EQ(-ECANCELED, shs_call_end(&call, -ECANCELED));
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(0, shs_reap(child));
	while (wait(NULL) > 0)
		continue;
}

/* As many as there are handles; where commands need workers, these do not. */
TEST_F(lib_polladd, beyond_the_workers)
{
	bool async = shs_uring_features(self->mutex) & SHS_FEATURE_ASYNC;
	struct shs_object *handle[CROWD];
	struct shs_pipe go = shs_pipe();
	pid_t child = holder(self, &go);
	struct shs_call call[CROWD], *whose;
	int busy = 0, had = 0;

	for (int i = 0; i < CROWD; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
		int fd = shs_reopen(shs_object_fd(self->mutex), O_RDWR);

		ASSERT_EQ(0, shs_object_from_fd(fd, &handle[i]));
		ASSERT_EQ(0, shs_prep_mutex_lock(sqe, &call[i], handle[i],
						 shs_deadline_never()));
		sqe->user_data = (uintptr_t)&call[i];
		ASSERT_EQ(1, io_uring_submit(&self->ring));
	}
	/* Who is refused comes again, by poll. */
	while (shs_info(shs_object_fd(self->mutex)).waiters < CROWD) {
		struct io_uring_cqe *cqe;
		struct io_uring_sqe *sqe;

		if (io_uring_peek_cqe(&self->ring, &cqe)) {
			sched_yield();
			continue;
		}
		ASSERT_EQ(-EBUSY, complete(self, &whose));
		EXPECT_EQ(-EBUSY, shs_call_end(whose, -EBUSY));
		ASSERT_EQ(0, shs_prep_mutex_lock(NULL, whose, handle[whose - call],
						 shs_deadline_never()));
		sqe = io_uring_get_sqe(&self->ring);
		ASSERT_EQ(0, shs_prep_poll(sqe, whose));
		sqe->user_data = (uintptr_t)whose;
		ASSERT_EQ(1, io_uring_submit(&self->ring));
		busy++;
	}
	EXPECT_EQ(!async, busy > 0);
	shs_say(&go);
	for (; had < CROWD; had++) {
		int res = complete(self, &whose);

		EXPECT_EQ(0, shs_call_end(whose, res));
		EXPECT_EQ(0, shs_mutex_unlock(handle[whose - call]));
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, is_free(self));
}

/* One wait for each handle; what is refused makes an entry that does nothing. */
TEST_F(lib_polladd, refused)
{
	struct shs_pipe go = shs_pipe();
	pid_t child = holder(self, &go);
	struct shs_call call, more = {}, *whose;

	lock(self, &call);
	EXPECT_EQ(-EINVAL, shs_prep_poll(io_uring_get_sqe(&self->ring), &more));
	EXPECT_EQ(0, shs_prep_mutex_lock(NULL, &more, self->mutex, shs_deadline_never()));
	EXPECT_EQ(-EBUSY, shs_prep_poll(io_uring_get_sqe(&self->ring), &more));
	ASSERT_EQ(3, io_uring_submit(&self->ring));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, complete(self, &whose));
		EXPECT_EQ(NULL, whose);
	}
	shs_say(&go);
	EXPECT_EQ(0, shs_call_end(&call, complete(self, &whose)));
	EXPECT_EQ(&call, whose);
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(0, shs_reap(child));
}

struct dying {
	struct shs_object *mutex;
	int result;
};

/* Is cancelled before it asks for the end, so at the first place where it can be. */
static void *die(void *argument)
{
	struct dying *dying = argument;
	struct io_uring_sqe sqe;
	struct shs_call call;

	if (shs_prep_mutex_lock(NULL, &call, dying->mutex, shs_deadline_never()) ||
	    shs_prep_poll(&sqe, &call) || pthread_cancel(pthread_self()))
		abort();
	dying->result = shs_call_end(&call, -ECANCELED);
	pthread_testcancel();
	return NULL;
}

/* The end of a wait is no place to be cancelled at: nobody would have what was granted. */
TEST_F(lib_polladd, thread_cancelled)
{
	struct dying dying = { .mutex = self->mutex };
	struct shs_pipe go = shs_pipe();
	pid_t child = holder(self, &go);

	EXPECT_EQ((long)PTHREAD_CANCELED, in_thread(die, &dying));
	EXPECT_EQ(-ECANCELED, dying.result);
	EXPECT_EQ(0, shs_info(shs_object_fd(self->mutex)).waiters);
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, is_free(self));
}

/* The ring is gone, the wait is not. */
TEST_F(lib_polladd, ring_closed)
{
	struct shs_pipe go = shs_pipe();
	pid_t child = holder(self, &go);
	struct shs_call call;

	lock(self, &call);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	io_uring_queue_exit(&self->ring);
	SHS_AWAIT(shs_object_fd(self->mutex), info.waiters == 1);
	EXPECT_EQ(0, shs_call_cancel(&call));
	EXPECT_EQ(-ECANCELED, shs_call_collect(&call));
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, is_free(self));
	ASSERT_EQ(0, io_uring_queue_init(2, &self->ring, 0));	/* for the teardown */
}

TEST_HARNESS_MAIN
