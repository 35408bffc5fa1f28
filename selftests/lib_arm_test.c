// SPDX-License-Identifier: GPL-2.0-only
/* The library's waits by poll: each ends as its sleeping twin does, without io_uring. */
#include "lib.h"

FIXTURE(lib_arm) {
	struct shs_object *mutex, *rwlock, *condvar, *once, *atomic;
};

FIXTURE_SETUP(lib_arm)
{
	SHS_MOUNT("");
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

FIXTURE_TEARDOWN(lib_arm) { }

/* Armed, polled for and collected. */
static int end(struct shs_call *call, int fd)
{
	if (fd < 0)
		return fd - 1000;
	return shs_polled(fd, -1) & POLLIN ? shs_call_collect(call) : -2000;
}

static int finish(struct shs_call *call)
{
	return end(call, shs_call_arm(call));
}

static pid_t holder(FIXTURE_DATA(lib_arm) *self, struct shs_pipe *go)
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

static void await_waiter(struct shs_object *object)
{
	SHS_AWAIT(shs_object_fd(object), info.waiters == 1);
}

TEST_F(lib_arm, mutex)
{
	for (int dies = 0; dies < 2; dies++) {
		struct shs_pipe go = shs_pipe();
		pid_t child = holder(self, &go);
		struct shs_call call;
		int fd;

		ASSERT_EQ(0, shs_prep_mutex_lock(NULL, &call, self->mutex,
						 shs_deadline_never()));
		fd = shs_call_arm(&call);
		ASSERT_LE(0, fd);
		EXPECT_EQ(-EAGAIN, shs_call_collect(&call));
		EXPECT_EQ(-EBUSY, shs_call_arm(&call));
		await_waiter(self->mutex);
		if (!dies)
			shs_say(&go);
		EXPECT_EQ(dies ? -SIGKILL : 0, dies ? shs_kill(child) : shs_reap(child));
		EXPECT_EQ(dies ? -EOWNERDEAD : 0, end(&call, fd));
		EXPECT_EQ(-ENOENT, shs_call_collect(&call));
		EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
		EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	}
}

TEST_F(lib_arm, timed_out_or_cancelled)
{
	struct shs_pipe go = shs_pipe();
	pid_t child = holder(self, &go);
	struct shs_call call;

	ASSERT_EQ(0, shs_prep_mutex_lock(NULL, &call, self->mutex,
					 shs_deadline_in(5 * SHS_MS)));
	EXPECT_EQ(-ETIMEDOUT, finish(&call));
	ASSERT_EQ(0, shs_prep_mutex_lock(NULL, &call, self->mutex, shs_deadline_never()));
	ASSERT_LE(0, shs_call_arm(&call));
	EXPECT_EQ(0, shs_call_cancel(&call));
	EXPECT_EQ(-ECANCELED, shs_call_collect(&call));
	EXPECT_EQ(-ENOENT, shs_call_cancel(&call));
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_mutex_try_lock(self->mutex));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
}

TEST_F(lib_arm, rwlock)
{
	struct shs_call read, write, upgrade;
	int fd;

	ASSERT_EQ(0, shs_prep_rwlock_read(NULL, &read, self->rwlock, shs_deadline_never()));
	EXPECT_EQ(0, finish(&read));
	ASSERT_EQ(0, shs_prep_rwlock_write(NULL, &write, self->rwlock, shs_deadline_never()));
	fd = shs_call_arm(&write);
	await_waiter(self->rwlock);
	EXPECT_EQ(0, shs_rwlock_read_unlock(self->rwlock, read.lane));
	EXPECT_EQ(0, end(&write, fd));
	EXPECT_EQ(0, shs_rwlock_write_unlock(self->rwlock));
	ASSERT_EQ(0, shs_prep_rwlock_upgradable(NULL, &write, self->rwlock,
						shs_deadline_never()));
	EXPECT_EQ(0, finish(&write));
	ASSERT_EQ(0, shs_prep_rwlock_upgrade(NULL, &upgrade, self->rwlock,
					     shs_deadline_never()));
	EXPECT_EQ(0, finish(&upgrade));
	EXPECT_EQ(0, shs_rwlock_write_unlock(self->rwlock));
	EXPECT_EQ(0, shs_info(shs_object_fd(self->rwlock)).state);
}

TEST_F(lib_arm, condvar)
{
	struct shs_call call;
	int fd;

	for (int way = 0; way < 3; way++) {
		ASSERT_EQ(0, shs_mutex_lock(self->mutex));
		ASSERT_EQ(0, shs_prep_condvar_wait(NULL, &call, self->condvar, self->mutex,
						   way == 1 ? shs_deadline_in(5 * SHS_MS) :
							      shs_deadline_never()));
		fd = shs_call_arm(&call);
		if (way == 0) {
			await_waiter(self->condvar);
			ASSERT_EQ(0, shs_mutex_lock(self->mutex));	/* which was released */
			EXPECT_EQ(1, shs_condvar_notify_one(self->condvar));
			await_waiter(self->mutex);
			EXPECT_EQ(0, shs_polled(fd, 0));
			EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
		}
		if (way == 2)
			EXPECT_EQ(0, shs_call_cancel(&call));
		EXPECT_EQ(way == 0 ? 0 : way == 1 ? -ETIMEDOUT : -ECANCELED, end(&call, fd));
		EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
		EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	}
}

/* An arming that is refused leaves the mutex held, by this thread. */
TEST_F(lib_arm, refused)
{
	struct shs_object *other = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	struct shs_call first, call, nothing;

	ASSERT_EQ(0, shs_mutex_lock(self->mutex));
	ASSERT_EQ(0, shs_prep_condvar_wait(NULL, &first, self->condvar, self->mutex,
					   shs_deadline_never()));
	ASSERT_LE(0, shs_call_arm(&first));
	ASSERT_EQ(0, shs_mutex_lock(other));
	ASSERT_EQ(0, shs_prep_condvar_wait(NULL, &call, self->condvar, other,
					   shs_deadline_never()));
	EXPECT_EQ(-EBUSY, shs_call_arm(&call));
	EXPECT_EQ(-EDEADLK, shs_prep_mutex_lock(NULL, &nothing, other, shs_deadline_never()));
	EXPECT_EQ(0, shs_mutex_unlock(other));
	EXPECT_EQ(-EOPNOTSUPP, shs_prep_once_wait(NULL, &nothing, other, shs_deadline_never()));
	EXPECT_EQ(-EINVAL, shs_prep_mutex_lock(NULL, &nothing, other,
					       (struct shs_deadline){ .clock = 9 }));
	EXPECT_EQ(0, shs_call_cancel(&first));
	EXPECT_EQ(-ECANCELED, shs_call_collect(&first));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
}

TEST_F(lib_arm, once)
{
	struct shs_call begin, wait;
	int fd;

	ASSERT_EQ(0, shs_prep_once_begin(NULL, &begin, self->once, shs_deadline_never()));
	EXPECT_EQ(1, finish(&begin));
	ASSERT_EQ(0, shs_prep_once_wait(NULL, &wait, self->once, shs_deadline_never()));
	fd = shs_call_arm(&wait);
	await_waiter(self->once);
	EXPECT_EQ(0, shs_once_complete(self->once));
	EXPECT_EQ(0, end(&wait, fd));
	ASSERT_EQ(0, shs_prep_once_begin(NULL, &begin, self->once, shs_deadline_never()));
	EXPECT_EQ(0, finish(&begin));
}

TEST_F(lib_arm, atomic)
{
	struct shs_call call;
	int fd;

	ASSERT_EQ(0, shs_prep_atomic_wait(NULL, &call, self->atomic, 0, 1,
					  shs_deadline_never()));
	EXPECT_EQ(0, finish(&call));
	ASSERT_EQ(0, shs_prep_atomic_wait(NULL, &call, self->atomic, 0, 0,
					  shs_deadline_never()));
	fd = shs_call_arm(&call);
	await_waiter(self->atomic);
	EXPECT_EQ(0, shs_atomic_store(self->atomic, 0, 7, SHS_SEQ_CST));
	EXPECT_EQ(1, shs_atomic_notify_all(self->atomic, 0));
	EXPECT_EQ(0, end(&call, fd));
}

/* By an atomic in mapped memory: who changes it tells. */
TEST_F(lib_arm, condition)
{
	struct shs_call call;
	int fd;

	ASSERT_EQ(0, shs_prep_atomic_await(NULL, &call, self->atomic, 0, SHS_OP_AWAIT_GE, 5,
					   shs_deadline_never()));
	fd = shs_call_arm(&call);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, shs_atomic_store(self->atomic, 0, 4, SHS_SEQ_CST));
	EXPECT_EQ(-EAGAIN, shs_call_collect(&call));
	EXPECT_EQ(0, shs_atomic_store(self->atomic, 0, 9, SHS_SEQ_CST));
	EXPECT_EQ(0, end(&call, fd));
	EXPECT_EQ(9, call.request.op.result);
}

/* A handle that is closed keeps nothing of what it had armed, and was granted. */
TEST_F(lib_arm, closed)
{
	struct shs_object *again[2];
	struct shs_call call[2];
	int fd[2];

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, shs_object_from_fd(shs_reopen(shs_object_fd(self->mutex), O_RDWR),
						&again[i]));
		ASSERT_EQ(0, shs_prep_mutex_lock(NULL, &call[i], again[i],
						 shs_deadline_never()));
		fd[i] = shs_call_arm(&call[i]);
	}
	ASSERT_LE(0, fd[0]);
	EXPECT_EQ(POLLIN | POLLRDNORM, shs_polled(fd[0], -1));
	shs_object_close(again[0]);
	EXPECT_EQ(0, end(&call[1], fd[1]));
	EXPECT_EQ(0, shs_mutex_unlock(again[1]));
	EXPECT_EQ(0, shs_info(shs_object_fd(self->mutex)).deaths);
}

/* A child has a handle of its own kind, with nothing armed; the parent's wait stays. */
TEST_F(lib_arm, forked)
{
	struct shs_pipe go = shs_pipe();
	pid_t child, other = holder(self, &go);
	struct shs_call call;
	int fd;

	ASSERT_EQ(0, shs_prep_mutex_lock(NULL, &call, self->mutex, shs_deadline_never()));
	fd = shs_call_arm(&call);
	child = shs_fork();
	if (!child) {
		_exit(shs_call_collect(&call) == -ENOENT ? 0 : 2);
	}
	EXPECT_EQ(0, shs_reap(child));
	await_waiter(self->mutex);
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(other));
	EXPECT_EQ(0, end(&call, fd));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
}

TEST_HARNESS_MAIN
