// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library's waits by the caller's io_uring, as commands and by POLL_ADD: each ends as its
 * sleeping twin does.
 */
#include "lib.h"

FIXTURE(lib_uring) {
	struct io_uring ring;
	struct io_uring_sqe *last;
	bool polls;
	struct shs_object *mutex, *rwlock, *condvar, *once, *atomic;
};

FIXTURE_VARIANT(lib_uring) {
	bool polls;
};

FIXTURE_VARIANT_ADD(lib_uring, command) { .polls = false };
FIXTURE_VARIANT_ADD(lib_uring, poll) { .polls = true };

FIXTURE_SETUP(lib_uring)
{
	int err;

	SHS_MOUNT("");
	err = io_uring_queue_init(8, &self->ring, 0);
	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "io_uring is off on this kernel");
	ASSERT_EQ(0, err);
	self->polls = variant->polls;
	self->mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	self->rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
	self->condvar = make(SHS_KIND_CONDVAR, SHS_TYPE_NONE);
	self->once = make(SHS_KIND_ONCE, SHS_TYPE_NONE);
	self->atomic = make(SHS_KIND_ATOMIC, SHS_TYPE_U64);
	ASSERT_NE(NULL, self->mutex);
	ASSERT_NE(NULL, self->rwlock);
	ASSERT_NE(NULL, self->condvar);
	ASSERT_NE(NULL, self->once);
	ASSERT_NE(NULL, self->atomic);
}

FIXTURE_TEARDOWN(lib_uring)
{
	io_uring_queue_exit(&self->ring);
}

/* The next entry; what is prepared in it belongs to call. */
static struct io_uring_sqe *entry(FIXTURE_DATA(lib_uring) *self)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	if (!sqe)
		abort();
	self->last = sqe;
	return sqe;
}

static int submit(FIXTURE_DATA(lib_uring) *self)
{
	int ret = io_uring_submit(&self->ring);

	return ret < 0 ? ret : 0;
}

/* The wait that was prepared last. */
static int begin(FIXTURE_DATA(lib_uring) *self, struct shs_call *call)
{
	int ret = self->polls ? shs_prep_poll(self->last, call) : 0;

	return ret ? ret : submit(self);
}

/* The next completion. */
static int complete(FIXTURE_DATA(lib_uring) *self)
{
	struct io_uring_cqe *cqe;
	int ret = shs_uring_wait(&self->ring, &cqe);

	if (ret)
		return ret - 1000;
	ret = cqe->res;
	io_uring_cqe_seen(&self->ring, cqe);
	return ret;
}

/* Submits the wait that is prepared, and ends it with its completion. */
static int finish(FIXTURE_DATA(lib_uring) *self, struct shs_call *call)
{
	int ret = begin(self, call);

	return ret ? ret - 1000 : shs_call_end(call, complete(self));
}

/* A child that locks the mutex, says so, and when told unlocks it, or is killed. */
static pid_t holder(FIXTURE_DATA(lib_uring) *self, struct shs_pipe *go)
{
	pid_t child = shs_fork();

	if (child) {
		while (!(shs_info(shs_object_fd(self->mutex)).state & SHS_STATE_HELD))
			sched_yield();
		return child;
	}
	if (shs_mutex_lock(self->mutex))
		_exit(1);
	shs_hear(go);
	_exit(shs_mutex_unlock(self->mutex) ? 2 : 0);
}

static void await_waiter(struct shs_object *object)
{
	SHS_AWAIT(shs_object_fd(object), info.waiters == 1);
}

TEST_F(lib_uring, mutex)
{
	for (int dies = 0; dies < 2; dies++) {
		struct shs_pipe go = shs_pipe();
		pid_t child = holder(self, &go);
		struct shs_call call;

		ASSERT_EQ(0, shs_prep_mutex_lock(entry(self), &call, self->mutex,
						 shs_deadline_never()));
		ASSERT_EQ(0, begin(self, &call));
		await_waiter(self->mutex);
		if (!dies)
			shs_say(&go);
		EXPECT_EQ(dies ? -SIGKILL : 0, dies ? shs_kill(child) : shs_reap(child));
		EXPECT_EQ(dies ? -EOWNERDEAD : 0, shs_call_end(&call, complete(self)));
		EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
		EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	}
}

TEST_F(lib_uring, timed_out_or_cancelled)
{
	struct shs_pipe go = shs_pipe();
	pid_t child = holder(self, &go);
	struct shs_call call, cancel;
	int first, second;

	ASSERT_EQ(0, shs_prep_mutex_lock(entry(self), &call, self->mutex,
					 shs_deadline_in(5 * SHS_MS)));
	EXPECT_EQ(-ETIMEDOUT, finish(self, &call));
	ASSERT_EQ(0, shs_prep_mutex_lock(entry(self), &call, self->mutex,
					 shs_deadline_never()));
	ASSERT_EQ(0, begin(self, &call));
	await_waiter(self->mutex);
	EXPECT_EQ(0, shs_call_cancel(&call));
	EXPECT_EQ(-ECANCELED, shs_call_end(&call, complete(self)));
	EXPECT_EQ(-ENOENT, shs_call_cancel(&call));
	ASSERT_EQ(0, shs_prep_mutex_lock(entry(self), &call, self->mutex,
					 shs_deadline_never()));
	ASSERT_EQ(0, begin(self, &call));
	await_waiter(self->mutex);
	ASSERT_EQ(0, shs_prep_cancel(entry(self), &cancel, &call));
	ASSERT_EQ(0, submit(self));
	first = complete(self);
	second = complete(self);
	EXPECT_EQ(0, first * second);	/* one is the cancellation's */
	EXPECT_EQ(-ECANCELED, shs_call_end(&call, first + second));
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_mutex_try_lock(self->mutex));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
}

TEST_F(lib_uring, rwlock)
{
	struct shs_call read, write, upgrade;

	ASSERT_EQ(0, shs_prep_rwlock_read(entry(self), &read, self->rwlock,
					  shs_deadline_never()));
	EXPECT_EQ(0, finish(self, &read));
	ASSERT_EQ(0, shs_prep_rwlock_write(entry(self), &write, self->rwlock,
					   shs_deadline_never()));
	ASSERT_EQ(0, begin(self, &write));
	await_waiter(self->rwlock);
	EXPECT_EQ(0, shs_rwlock_read_unlock(self->rwlock, read.lane));
	EXPECT_EQ(0, shs_call_end(&write, complete(self)));
	EXPECT_EQ(0, shs_rwlock_write_unlock(self->rwlock));
	ASSERT_EQ(0, shs_prep_rwlock_upgradable(entry(self), &write, self->rwlock,
						shs_deadline_never()));
	EXPECT_EQ(0, finish(self, &write));
	ASSERT_EQ(0, shs_prep_rwlock_upgrade(entry(self), &upgrade, self->rwlock,
					     shs_deadline_never()));
	EXPECT_EQ(0, finish(self, &upgrade));
	EXPECT_EQ(0, shs_rwlock_write_unlock(self->rwlock));
	EXPECT_EQ(0, shs_info(shs_object_fd(self->rwlock)).state);
}

TEST_F(lib_uring, condvar)
{
	struct shs_call call;

	for (int way = 0; way < 3; way++) {
		ASSERT_EQ(0, shs_mutex_lock(self->mutex));
		ASSERT_EQ(0, shs_prep_condvar_wait(entry(self), &call, self->condvar, self->mutex,
						   way == 1 ? shs_deadline_in(5 * SHS_MS) :
							      shs_deadline_never()));
		ASSERT_EQ(0, begin(self, &call));
		if (way != 1)
			await_waiter(self->condvar);
		if (way == 0) {
			ASSERT_EQ(0, shs_mutex_lock(self->mutex));	/* which was released */
			EXPECT_EQ(1, shs_condvar_notify_one(self->condvar));
			await_waiter(self->mutex);
			EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
		}
		if (way == 2)
			EXPECT_EQ(0, shs_call_cancel(&call));
		EXPECT_EQ(way == 0 ? 0 : way == 1 ? -ETIMEDOUT : -ECANCELED,
			  shs_call_end(&call, complete(self)));
		EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
		EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	}
}

static int initialise(void *argument, int earlier)
{
	(void)argument;
	(void)earlier;
	return 0;
}

TEST_F(lib_uring, once)
{
	struct shs_call run, wait;

	ASSERT_EQ(0, shs_prep_once_begin(entry(self), &run, self->once, shs_deadline_never()));
	EXPECT_EQ(1, finish(self, &run));
	ASSERT_EQ(0, shs_prep_once_wait(entry(self), &wait, self->once, shs_deadline_never()));
	ASSERT_EQ(0, begin(self, &wait));
	await_waiter(self->once);
	EXPECT_EQ(0, shs_once_complete(self->once));
	EXPECT_EQ(0, shs_call_end(&wait, complete(self)));
	ASSERT_EQ(0, shs_prep_once_begin(entry(self), &run, self->once, shs_deadline_never()));
	EXPECT_EQ(0, finish(self, &run));
	EXPECT_EQ(0, shs_once_call(self->once, initialise, NULL));
}

TEST_F(lib_uring, atomic)
{
	struct shs_call call;

	ASSERT_EQ(0, shs_prep_atomic_wait(entry(self), &call, self->atomic, 0, 1,
					  shs_deadline_never()));
	EXPECT_EQ(0, finish(self, &call));
	ASSERT_EQ(0, shs_prep_atomic_wait(entry(self), &call, self->atomic, 0, 0,
					  shs_deadline_never()));
	ASSERT_EQ(0, begin(self, &call));
	await_waiter(self->atomic);
	EXPECT_EQ(0, shs_atomic_store(self->atomic, 0, 7, SHS_SEQ_CST));
	EXPECT_EQ(1, shs_atomic_notify_all(self->atomic, 0));
	EXPECT_EQ(0, shs_call_end(&call, complete(self)));
}

/* Lock, add, unlock, in one submission; if the add fails the lock stays. */
TEST_F(lib_uring, chain)
{
	for (int broken = 0; broken < 2; broken++) {
		struct shs_ioc_op add = { .op = SHS_OP_ADD, .arg = 5, .index = broken };
		struct shs_call lock, unlock;
		struct io_uring_sqe *sqe;

		sqe = entry(self);
		ASSERT_EQ(0, shs_prep_mutex_lock(sqe, &lock, self->mutex, shs_deadline_never()));
		sqe->flags |= IOSQE_IO_LINK;
		sqe = entry(self);
		ASSERT_EQ(0, shs_prep_held_op(sqe, self->mutex, &add));
		sqe->flags |= IOSQE_IO_LINK;
		ASSERT_EQ(0, shs_prep_unlock(entry(self), &unlock, &lock));
		ASSERT_EQ(0, submit(self));
		EXPECT_EQ(0, shs_call_end(&lock, complete(self)));
		EXPECT_EQ(broken ? -EINVAL : 0, complete(self));
		EXPECT_EQ(broken ? -ECANCELED : 0, shs_call_end(&unlock, complete(self)));
		EXPECT_EQ(5, shs_peek(shs_object_fd(self->mutex), 0));
		EXPECT_EQ(broken ? -EBUSY : 0, shs_mutex_try_lock(self->mutex));
		EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	}
}


static void *locks_and_ends(void *argument)
{
	FIXTURE_DATA(lib_uring) *self = argument;
	struct shs_call call;

	if (shs_prep_mutex_lock(entry(self), &call, self->mutex, shs_deadline_never()))
		return (void *)1;
	return (void *)(long)finish(self, &call);
}

/* A thread that ends while it holds what a ring has locked for it gives it up. */
TEST_F(lib_uring, thread_ends)
{
	EXPECT_EQ(0, in_thread(locks_and_ends, self));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_try_lock(self->mutex));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
}

/* What is refused makes an entry that does nothing. */
TEST_F(lib_uring, refused)
{
	struct shs_deadline no_clock = shs_deadline_at(99, 0), never = shs_deadline_never();
	struct shs_call call;

	EXPECT_EQ(-EOPNOTSUPP, shs_prep_mutex_lock(entry(self), &call, self->rwlock, never));
	EXPECT_EQ(-EOPNOTSUPP, shs_prep_rwlock_read(entry(self), &call, self->mutex, never));
	EXPECT_EQ(-EOPNOTSUPP, shs_prep_condvar_wait(entry(self), &call, self->once, self->mutex,
						     never));
	EXPECT_EQ(-EOPNOTSUPP, shs_prep_once_begin(entry(self), &call, self->mutex, never));
	EXPECT_EQ(-EOPNOTSUPP, shs_prep_atomic_wait(entry(self), &call, self->mutex, 0, 0, never));
	EXPECT_EQ(-EINVAL, shs_prep_mutex_lock(entry(self), &call, self->mutex, no_clock));
	ASSERT_EQ(0, shs_mutex_lock(self->mutex));
	EXPECT_EQ(-EDEADLK, shs_prep_mutex_lock(entry(self), &call, self->mutex, never));
	ASSERT_EQ(0, submit(self));
	for (int i = 0; i < 7; i++)
		EXPECT_EQ(0, complete(self));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
}

/* It says what there is, and what is switched off. */
TEST_F(lib_uring, features)
{
	int all = SHS_FEATURE_URING | SHS_FEATURE_URING_WAIT, have;

	have = shs_uring_features(self->mutex);
	EXPECT_EQ(all, have & ~SHS_FEATURE_ASYNC);
	if (shs_put_file("/proc/sys/kernel/io_uring_disabled", "2\n"))
		return;		/* there is no such switch before 6.6 */
	EXPECT_EQ(-EPERM, shs_uring_features(self->mutex));
	EXPECT_EQ(0, shs_put_file("/proc/sys/kernel/io_uring_disabled", "0\n"));
	EXPECT_EQ(have, shs_uring_features(self->mutex));
}

TEST_HARNESS_MAIN
