// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library's waits for a value: whatever of its functions changes one tells who waits,
 * from mapped memory too, and every sum that is reached is noticed.
 */
#include "lib.h"

#define ADDERS 2

FIXTURE(lib_await) {
};

FIXTURE_SETUP(lib_await)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	unsetenv("SHSTATE_FAST");
}

FIXTURE_TEARDOWN(lib_await)
{
}

static int store(struct shs_object *atomic)
{
	return shs_atomic_store(atomic, 0, 3, SHS_SEQ_CST);
}

static int store_release(struct shs_object *atomic)
{
	return shs_atomic_store(atomic, 0, 3, SHS_RELEASE);
}

static int swap(struct shs_object *atomic)
{
	return shs_atomic_swap(atomic, 0, 3, SHS_SEQ_CST, NULL);
}

static int compare_exchange(struct shs_object *atomic)
{
	int64_t expected = 0;

	return shs_atomic_compare_exchange(atomic, 0, &expected, 3, SHS_SEQ_CST, SHS_SEQ_CST);
}

static int fetch_add(struct shs_object *atomic)
{
	return shs_atomic_fetch_add(atomic, 0, 3, SHS_RELAXED, NULL);
}

static int fetch_sub(struct shs_object *atomic)
{
	return shs_atomic_fetch_sub(atomic, 0, -3, SHS_RELAXED, NULL);
}

static int fetch_or(struct shs_object *atomic)
{
	return shs_atomic_fetch_or(atomic, 0, 3, SHS_SEQ_CST, NULL);
}

static int fetch_xor(struct shs_object *atomic)
{
	return shs_atomic_fetch_xor(atomic, 0, 3, SHS_SEQ_CST, NULL);
}

static int fetch_max(struct shs_object *atomic)
{
	return shs_atomic_fetch_max(atomic, 0, 3, SHS_SEQ_CST, NULL);
}

static int by_call(struct shs_object *atomic)
{
	struct shs_ioc_op op = { .op = SHS_OP_STORE, .arg = 3 };

	return shs_object_op(atomic, &op);
}

/* A child that waits until the object is at least three; come back when it does. */
static pid_t waiter(struct shs_object *object)
{
	pid_t child = shs_fork();
	int64_t value = 0;
	int ret;

	if (!child) {
		ret = object->kind == SHS_KIND_COUNTER ?
		      shs_counter_await(object, 0, SHS_OP_AWAIT_GE, 3, &value) :
		      shs_atomic_await(object, 0, SHS_OP_AWAIT_GE, 3, &value);
		_exit(ret ? -ret : 200 + value);
	}
	SHS_AWAIT(shs_object_fd(object), info.waiters == 1);
	return child;
}

/* Wide ones by inline instructions, narrow ones in the library. */
TEST_F(lib_await, each_change)
{
	static int (*const change[])(struct shs_object *atomic) = {
		store, store_release, swap, compare_exchange, fetch_add, fetch_sub, fetch_or,
		fetch_xor, fetch_max, by_call,
	};
	static const __u32 types[] = { SHS_TYPE_I64, SHS_TYPE_I16 };

	for (int t = 0; t < ARRAY_SIZE(types); t++) {
		struct shs_object *atomic = make(SHS_KIND_ATOMIC, types[t]);

		ASSERT_EQ(0, shs_object_attach(atomic));
		for (int i = 0; i < ARRAY_SIZE(change); i++) {
			pid_t child;

			ASSERT_EQ(0, shs_atomic_store(atomic, 0, 0, SHS_SEQ_CST));
			child = waiter(atomic);
			EXPECT_EQ(0, change[i](atomic));
			EXPECT_EQ(203, shs_reap(child)) TH_LOG("type %u, change %d", types[t], i);
		}
		shs_object_close(atomic);
	}
}

TEST_F(lib_await, counter)
{
	struct shs_object *counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	pid_t child;

	ASSERT_EQ(0, shs_object_attach(counter));
	/* the first add takes a lane, the next ones have it */
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, shs_counter_reset(counter, 0, 0, NULL));
		child = waiter(counter);
		EXPECT_EQ(0, shs_counter_add(counter, 0, 2));
		EXPECT_EQ(1, shs_info(shs_object_fd(counter)).waiters);
		EXPECT_EQ(0, shs_counter_add(counter, 0, 3));
		EXPECT_EQ(205, shs_reap(child));
	}
}

TEST_F(lib_await, refused)
{
	struct shs_object *counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	struct shs_object *atomic = make(SHS_KIND_ATOMIC, SHS_TYPE_BOOL);
	int64_t value = 77;

	EXPECT_EQ(-EINVAL, shs_counter_await(counter, 0, SHS_OP_ADD, 1, &value));
	EXPECT_EQ(-EINVAL, shs_counter_await(counter, 0, SHS_OP_CHANGED, 0, &value));
	EXPECT_EQ(-EINVAL, shs_counter_await(counter, 1, SHS_OP_AWAIT_EQ, 0, &value));
	EXPECT_EQ(-EINVAL, shs_counter_await(counter, 0, SHS_OP_AWAIT_ANY, 0, &value));
	EXPECT_EQ(-EINVAL, shs_counter_await_until(counter, 0, SHS_OP_AWAIT_NE, 0, &value,
						   shs_deadline_at(9, 0)));
	EXPECT_EQ(-EOPNOTSUPP, shs_atomic_await(counter, 0, SHS_OP_AWAIT_EQ, 0, &value));
	EXPECT_EQ(-EOPNOTSUPP, shs_counter_await(atomic, 0, SHS_OP_AWAIT_EQ, 0, &value));
	EXPECT_EQ(-EOPNOTSUPP, shs_atomic_await(atomic, 0, SHS_OP_AWAIT_LE, 0, &value));
	EXPECT_EQ(-ERANGE, shs_atomic_await(atomic, 0, SHS_OP_AWAIT_EQ, 2, &value));
	EXPECT_EQ(-ETIMEDOUT, shs_atomic_await_until(atomic, 0, SHS_OP_AWAIT_EQ, 1, &value,
						     past()));
	EXPECT_EQ(-ETIMEDOUT, shs_counter_await_until(counter, 0, SHS_OP_AWAIT_GE, 1, &value,
						      past()));
	EXPECT_EQ(77, value);
	EXPECT_EQ(0, shs_counter_await_until(counter, 0, SHS_OP_AWAIT_LE, 1, NULL, past()));
	EXPECT_EQ(0, shs_atomic_await(atomic, 0, SHS_OP_AWAIT_NE, 1, &value));
	EXPECT_EQ(0, value);
}

TEST_F(lib_await, by_uring)
{
	struct shs_object *counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	struct shs_object *atomic = make(SHS_KIND_ATOMIC, SHS_TYPE_U8);
	struct shs_call call[2];
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int err = io_uring_queue_init(8, &ring, 0);

	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "io_uring is off on this kernel");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, shs_object_attach(counter));
	ASSERT_EQ(0, shs_prep_counter_await(io_uring_get_sqe(&ring), &call[0], counter, 0,
					    SHS_OP_AWAIT_GE, 3, shs_deadline_never()));
	ASSERT_EQ(1, io_uring_submit(&ring));
	SHS_AWAIT(shs_object_fd(counter), info.waiters == 1);
	ASSERT_EQ(0, shs_prep_atomic_await(io_uring_get_sqe(&ring), &call[1], atomic, 0,
					   SHS_OP_AWAIT_ANY, 6, shs_deadline_never()));
	ASSERT_EQ(1, io_uring_submit(&ring));
	SHS_AWAIT(shs_object_fd(atomic), info.waiters == 1);
	EXPECT_EQ(0, shs_atomic_store(atomic, 0, 5, SHS_SEQ_CST));
	ASSERT_EQ(0, shs_uring_wait(&ring, &cqe));
	EXPECT_EQ(0, shs_call_end(&call[1], cqe->res));
	EXPECT_EQ(5, call[1].request.op.result);
	io_uring_cqe_seen(&ring, cqe);
	EXPECT_EQ(0, shs_counter_add(counter, 0, 4));
	ASSERT_EQ(0, shs_uring_wait(&ring, &cqe));
	EXPECT_EQ(0, shs_call_end(&call[0], cqe->res));
	EXPECT_EQ(4, call[0].request.op.result);
	io_uring_cqe_seen(&ring, cqe);
	EXPECT_EQ(-EINVAL, shs_prep_counter_await(io_uring_get_sqe(&ring), &call[0], counter, 0,
						  SHS_OP_LOAD, 3, shs_deadline_never()));
	EXPECT_EQ(-EOPNOTSUPP, shs_prep_atomic_await(io_uring_get_sqe(&ring), &call[0], counter,
						     0, SHS_OP_AWAIT_EQ, 3,
						     shs_deadline_never()));
	ASSERT_EQ(2, io_uring_submit(&ring));
	io_uring_queue_exit(&ring);
}

/* Many add by their lanes, and are killed, while one waits for just what they add. */
static __attribute__((noreturn)) void add_in_rounds(struct shs_object *counter, __u32 *round,
						    __u32 rounds)
{
	if (shs_object_attach(counter))
		_exit(1);
	for (__u32 n = 1; n <= rounds; n++) {
		while (__atomic_load_n(round, __ATOMIC_ACQUIRE) < n)
			sched_yield();
		if (shs_counter_add(counter, 0, 1) || shs_counter_add(counter, 0, 2))
			_exit(2);
	}
	raise(SIGKILL);
	_exit(3);
}

TEST_F(lib_await, always_comes)
{
	struct shs_object *counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	__u32 *round = shs_common(sizeof(*round)), rounds = shs_scale(3000);
	pid_t adder[ADDERS];
	int64_t value;

	for (int i = 0; i < ADDERS; i++) {
		adder[i] = shs_fork();
		if (!adder[i])
			add_in_rounds(counter, round, rounds);
	}
	for (__u32 n = 1; n <= rounds; n++) {
		__atomic_store_n(round, n, __ATOMIC_RELEASE);
		ASSERT_EQ(0, shs_counter_await(counter, 0, SHS_OP_AWAIT_EQ, 3 * ADDERS * n,
					       &value));
		ASSERT_EQ(3 * ADDERS * n, value);
	}
	for (int i = 0; i < ADDERS; i++)
		EXPECT_EQ(-SIGKILL, shs_reap(adder[i]));
}

TEST_HARNESS_MAIN
