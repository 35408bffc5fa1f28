// SPDX-License-Identifier: GPL-2.0-only
/* Any, or all, of several objects, by the library and by the command. */
#include "command.h"

FIXTURE(lib_many) {
	struct shs_object *mutex, *rwlock, *semaphore, *once, *atomic;
};

static struct shs_object *named(const char *name, __u32 kind, __u32 type, const void *value)
{
	struct shs_spec spec = { .kind = kind, .type = type, .value = value,
				 .count = kind == SHS_KIND_SEMAPHORE ? 2 : 0 };
	struct shs_object *object = NULL;

	return shs_object_create(name, &spec, &object) ? NULL : object;
}

FIXTURE_SETUP(lib_many)
{
	const uint32_t permits[] = { 3, 3 };

	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	self->mutex = named("m", SHS_KIND_MUTEX, SHS_TYPE_I64, NULL);
	self->rwlock = named("r", SHS_KIND_RWLOCK, SHS_TYPE_I64, NULL);
	self->semaphore = named("s", SHS_KIND_SEMAPHORE, SHS_TYPE_U32, permits);
	self->once = named("o", SHS_KIND_ONCE, SHS_TYPE_NONE, NULL);
	self->atomic = named("a", SHS_KIND_ATOMIC, SHS_TYPE_I32, NULL);
	ASSERT_NE(NULL, self->mutex);
	ASSERT_NE(NULL, self->rwlock);
	ASSERT_NE(NULL, self->semaphore);
	ASSERT_NE(NULL, self->once);
	ASSERT_NE(NULL, self->atomic);
}

FIXTURE_TEARDOWN(lib_many)
{
}

static void *has_all(void *arg);

static void *try_both(void *arg)
{
	FIXTURE_DATA(lib_many) *self = arg;
	long busy = shs_mutex_try_lock(self->mutex) == -EBUSY;

	return (void *)(busy + 2 * (shs_rwlock_try_write(self->rwlock) == -EBUSY));
}

/* What was had is held as by the functions of its kind, and given back by these. */
TEST_F(lib_many, all)
{
	struct shs_wanted list[] = {
		{ .object = self->mutex }, { .object = self->semaphore, .permits = 2 },
		{ .object = self->rwlock, .mode = SHS_MODE_READ }, { .object = self->once },
		{ .object = self->atomic, .expected = -1 },
	};

	EXPECT_EQ(-ETIMEDOUT, shs_wait_all(list, 5, past()));
	EXPECT_EQ(3, shs_semaphore_available(self->semaphore));
	EXPECT_EQ(1, shs_once_begin(self->once, 0, shs_deadline_never()));
	EXPECT_EQ(0, shs_once_complete(self->once));
	EXPECT_EQ(0, shs_wait_all(list, 5, shs_deadline_never()));
	EXPECT_EQ(3, in_thread(try_both, self));
	EXPECT_EQ(1, shs_semaphore_available(self->semaphore));
	EXPECT_EQ(1, shs_mutex_is_owned_by_current_thread(self->mutex));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(0, shs_rwlock_read_unlock(self->rwlock, list[2].lane));
	EXPECT_EQ(0, shs_semaphore_release(self->semaphore, 2));
	EXPECT_EQ(0, in_thread(try_both, self));
}

TEST_F(lib_many, any)
{
	struct shs_wanted list[] = {
		{ .object = self->rwlock, .mode = SHS_MODE_UPGRADABLE }, { .object = self->mutex },
		{ .object = self->semaphore },
	};

	EXPECT_EQ(0, shs_wait_any(list, 3, shs_deadline_never()));
	EXPECT_EQ(1, shs_wait_any(list, 3, shs_deadline_never()));
	EXPECT_EQ(2, shs_wait_any(list, 3, shs_deadline_never()));
	EXPECT_EQ(2, shs_semaphore_available(self->semaphore));
	EXPECT_EQ(-ETIMEDOUT, shs_wait_any(list, 2, past()));
	EXPECT_EQ(0, shs_rwlock_upgrade(self->rwlock));
	EXPECT_EQ(0, shs_rwlock_write_unlock(self->rwlock));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	list[2].object = self->mutex;
	EXPECT_EQ(-EINVAL, shs_wait_any(list, 3, shs_deadline_never()));
	EXPECT_EQ(-EINVAL, shs_wait_any(list, 0, shs_deadline_never()));
	EXPECT_EQ(-EINVAL, shs_wait_all(list, SHS_MANY_MAX + 1, shs_deadline_never()));
	EXPECT_EQ(-EINVAL, shs_wait_all(list, 2, shs_deadline_at(3, 0)));
	list[2].object = make(SHS_KIND_CELL, SHS_TYPE_U64);
	EXPECT_EQ(-EOPNOTSUPP, shs_wait_any(list, 3, shs_deadline_never()));
}

/* Values beside locks: one that is met, and one that is not. */
TEST_F(lib_many, values)
{
	struct shs_object *counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	struct shs_wanted list[] = {
		{ .object = self->atomic, .condition = SHS_OP_AWAIT_LE, .expected = -1 },
		{ .object = counter, .condition = SHS_OP_AWAIT_GE, .expected = 5 },
		{ .object = self->mutex },
	};

	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
	EXPECT_EQ(-ETIMEDOUT, shs_wait_any(list, 2, past()));
	EXPECT_EQ(0, shs_counter_add(counter, 0, 7));
	EXPECT_EQ(1, shs_wait_any(list, 2, past()));
	EXPECT_EQ(0, shs_atomic_store(self->atomic, 0, -9, SHS_SEQ_CST));
	EXPECT_EQ(0, shs_wait_any(list, 2, past()));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(0, shs_wait_all(list, 3, past()));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	list[2].condition = SHS_OP_AWAIT_GE;
	EXPECT_EQ(-EINVAL, shs_wait_all(list, 3, past()));
	list[2].mode = SHS_MODE_READ;
	EXPECT_EQ(-EINVAL, shs_wait_all(list, 3, past()));
	list[1].condition = 0;
	EXPECT_EQ(-EINVAL, shs_wait_any(list, 2, past()));
}

/* Armed, and collected when the semaphore is there. */
TEST_F(lib_many, by_poll)
{
	struct shs_wanted list[] = {
		{ .object = self->mutex }, { .object = self->semaphore, .permits = 2 },
	};
	struct shs_many_item items[2];
	struct shs_call call;
	int fd;

	for (int all = 0; all < 2; all++) {
		EXPECT_EQ(0, shs_semaphore_acquire(self->semaphore, 2));
		EXPECT_EQ(0, all ? 0 : shs_mutex_lock(self->mutex));
		ASSERT_EQ(0, (all ? shs_prep_wait_all : shs_prep_wait_any)(NULL, &call, list, items,
									   2, shs_deadline_never()));
		fd = shs_call_arm(&call);
		ASSERT_LE(0, fd);
		EXPECT_EQ(-EAGAIN, shs_call_collect(&call));
		EXPECT_EQ(0, shs_semaphore_release(self->semaphore, 2));
		EXPECT_TRUE(shs_polled(fd, -1) & POLLIN);
		EXPECT_EQ(all ? 0 : 1, shs_call_collect(&call));
		EXPECT_EQ(1, shs_semaphore_available(self->semaphore));
		EXPECT_EQ(1, shs_mutex_is_owned_by_current_thread(self->mutex));
		EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
		EXPECT_EQ(0, shs_semaphore_release(self->semaphore, 2));
	}
	EXPECT_EQ(0, shs_semaphore_acquire(self->semaphore, 2));
	ASSERT_EQ(0, shs_prep_wait_all(NULL, &call, list, items, 2, shs_deadline_never()));
	fd = shs_call_arm(&call);
	EXPECT_EQ(0, shs_call_cancel(&call));
	EXPECT_TRUE(shs_polled(fd, -1) & POLLIN);
	EXPECT_EQ(-ECANCELED, shs_call_collect(&call));
	EXPECT_EQ(-EINVAL, shs_prep_wait_any(NULL, &call, list, items, 0, shs_deadline_never()));
}

/* By one entry; of a dead owner the completion tells too. */
TEST_F(lib_many, by_uring)
{
	struct shs_wanted list[] = { { .object = self->rwlock }, { .object = self->mutex } };
	struct shs_many_item items[2];
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	struct shs_call call;
	int err = io_uring_queue_init(8, &ring, 0);

	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "io_uring is off on this kernel");
	ASSERT_EQ(0, err);
	EXPECT_EQ(0, in_thread(has_all, self));
	for (int all = 1; all >= 0; all--) {
		ASSERT_EQ(0, (all ? shs_prep_wait_all : shs_prep_wait_any)(
			io_uring_get_sqe(&ring), &call, list, items, 2, shs_deadline_never()));
		ASSERT_EQ(1, io_uring_submit(&ring));
		ASSERT_EQ(0, shs_uring_wait(&ring, &cqe));
		EXPECT_EQ(all ? -EOWNERDEAD : 0, shs_call_end(&call, cqe->res));
		io_uring_cqe_seen(&ring, cqe);
		EXPECT_EQ(all ? -EOWNERDEAD : 0, list[1].status);
		EXPECT_EQ(0, list[0].status);
		EXPECT_EQ(0, shs_rwlock_write_unlock(self->rwlock));
		EXPECT_EQ(all, shs_mutex_is_owned_by_current_thread(self->mutex));
		EXPECT_EQ(0, all ? shs_mutex_unlock(self->mutex) : 0);
	}
	list[1].object = self->rwlock;
	EXPECT_EQ(0, shs_prep_wait_any(io_uring_get_sqe(&ring), &call, list, items, 2,
				       shs_deadline_never()));
	ASSERT_EQ(1, io_uring_submit(&ring));
	ASSERT_EQ(0, shs_uring_wait(&ring, &cqe));
	EXPECT_EQ(-EINVAL, shs_call_end(&call, cqe->res));
	io_uring_cqe_seen(&ring, cqe);
	io_uring_queue_exit(&ring);
}

static void *has_all(void *arg)
{
	FIXTURE_DATA(lib_many) *self = arg;
	struct shs_wanted list[] = {
		{ .object = self->mutex }, { .object = self->rwlock, .mode = SHS_MODE_READ },
	};

	return (void *)(long)shs_wait_all(list, 2, shs_deadline_never());
}

/* A thread that ends with the locks leaves them as any thread does. */
TEST_F(lib_many, thread_ends)
{
	struct shs_wanted list[] = { { .object = self->rwlock }, { .object = self->mutex } };

	EXPECT_EQ(0, in_thread(has_all, self));
	EXPECT_EQ(-EOWNERDEAD, shs_wait_all(list, 2, shs_deadline_never()));
	EXPECT_EQ(0, list[0].status);
	EXPECT_EQ(-EOWNERDEAD, list[1].status);
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(0, shs_rwlock_write_unlock(self->rwlock));
}

/* The library counts a recursive lock itself. */
TEST_F(lib_many, recursive)
{
	struct shs_object *recursive = make_as(SHS_KIND_MUTEX, SHS_TYPE_NONE, SHS_INIT_RECURSIVE);
	struct shs_wanted list[] = { { .object = recursive }, { .object = self->mutex } };
	struct shs_ioc_info info;

	for (int i = 1; i <= 3; i++) {
		EXPECT_EQ(0, shs_wait_all(list, 2, shs_deadline_never()));
		EXPECT_EQ(0, shs_object_info(recursive, &info));
		EXPECT_EQ(1, info.depth);
		EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	}
	for (int i = 1; i <= 3; i++) {
		EXPECT_EQ(1, shs_mutex_is_owned_by_current_thread(recursive));
		EXPECT_EQ(0, shs_mutex_unlock(recursive));
	}
	EXPECT_EQ(0, shs_mutex_is_owned_by_current_thread(recursive));
	EXPECT_EQ(0, shs_object_info(recursive, &info));
	EXPECT_FALSE(info.state & SHS_STATE_HELD);
}

/* Locks are held while a command runs; of any it is told which. */
TEST_F(lib_many, command)
{
	EXPECT_RUN(0, "wait --all m r:read s:2 a:0!=5 -- shstate get s");
	EXPECT_STREQ("1 3\n", said);
	EXPECT_RUN(1, "wait --all m r -- busybox false");
	EXPECT_RUN(0, "wait --any r m");
	EXPECT_STREQ("r\n", said);
	EXPECT_EQ(0, shs_rwlock_write(self->rwlock));
	EXPECT_RUN(0, "wait --any r m -- busybox sh -c set");
	EXPECT_SAID("SHSTATE_ANY='m'");
	EXPECT_RUN(1, "wait --all -w 0.01 m r -- busybox true");
	EXPECT_RUN(1, "wait --any --timeout 0 r o a:!=0");
	EXPECT_RUN(125, "wait --all m m -- busybox true");
	EXPECT_RUN(2, "wait --any m m");
	EXPECT_SAID("twice");
	EXPECT_RUN(2, "wait --any a m");
	EXPECT_SAID("a:>=1");
	EXPECT_RUN(0, "wait --any a:0==0 m");
	EXPECT_STREQ("a\n", said);
	EXPECT_RUN(0, "create c counter");
	EXPECT_RUN(0, "add c 9");
	EXPECT_RUN(0, "wait --all m c:>=9 -- busybox true");
	EXPECT_RUN(1, "wait --all --timeout 0 m c:<=8 -- busybox true");
	EXPECT_RUN(2, "wait --any r:5 m");
	EXPECT_RUN(2, "wait --any nobody m");
	EXPECT_EQ(0, shs_rwlock_write_unlock(self->rwlock));
	EXPECT_RUN(0, "wait --all m r s:3");
	EXPECT_STREQ("", said);
	EXPECT_EQ(3, shs_semaphore_available(self->semaphore));
}

TEST_HARNESS_MAIN
