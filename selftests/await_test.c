// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits for a value, of atomics and counters: until it meets a condition, whoever changes
 * it, by calls or by memory, and whoever dies.
 */
#include "shs.h"

#define ELEMENTS 4

FIXTURE(await) {
	int fd, readable, writable;
};

FIXTURE_VARIANT(await) {
	__u32 kind, type;
};

FIXTURE_VARIANT_ADD(await, atomic) { SHS_KIND_ATOMIC, SHS_TYPE_I64 };
FIXTURE_VARIANT_ADD(await, narrow) { SHS_KIND_ATOMIC, SHS_TYPE_I16 };
FIXTURE_VARIANT_ADD(await, counter) { SHS_KIND_COUNTER, SHS_TYPE_I64 };

FIXTURE_SETUP(await)
{
	SHS_MOUNT("");
	self->fd = shs_create(variant->kind, variant->type, ELEMENTS);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_link(self->fd, "awaited"));
	self->readable = shs_open("awaited", O_RDONLY);
	self->writable = shs_open("awaited", O_WRONLY);
	ASSERT_LE(0, self->readable);
	ASSERT_LE(0, self->writable);
}

FIXTURE_TEARDOWN(await)
{
}

#define AWAIT(condition, ...) SHS_OP(AWAIT_##condition, .deadline = SHS_FOREVER, ##__VA_ARGS__)

static int set(int fd, __u32 index, __s64 value)
{
	struct shs_ioc_op op = SHS_OP(SWAP, .index = index, .arg = value);
	int ret = shs_op(fd, &op);

	if (ret != -EOPNOTSUPP)
		return ret;
	return shs_op(fd, &SHS_OP(RESET, .index = index, .arg = value));
}

/* How many were woken, or a negative errno. */
static long changed(int fd, __u32 index)
{
	struct shs_ioc_op op = SHS_OP(CHANGED, .index = index);
	int ret = shs_op(fd, &op);

	return ret ?: op.result;
}

/*
 * A child that waits; it exits with the value that it was told, or 200 and the errno. Comes
 * back when it is queued.
 */
static pid_t waiter(int fd, struct shs_ioc_op op)
{
	__u32 before = shs_info(fd).waiters;
	pid_t child = shs_fork();
	int ret;

	if (!child) {
		ret = shs_op(fd, &op);
		_exit(ret ? 200 - ret : (int)op.result);
	}
	SHS_AWAIT(fd, info.waiters == before + 1);
	return child;
}

#define ERRNO(number) (200 + (number))

/* What is met already is not waited for; the value comes with it. */
TEST_F(await, met)
{
	static const struct {
		__u32 op;
		__s64 arg;
	} met[] = {
		{ SHS_OP_AWAIT_GE, 6 }, { SHS_OP_AWAIT_GE, -6 }, { SHS_OP_AWAIT_LE, 6 },
		{ SHS_OP_AWAIT_LE, 7 }, { SHS_OP_AWAIT_EQ, 6 }, { SHS_OP_AWAIT_NE, 5 },
		{ SHS_OP_AWAIT_ANY, 2 }, { SHS_OP_AWAIT_ANY, 13 }, { SHS_OP_AWAIT_ANY, -4 },
	};

	ASSERT_EQ(0, set(self->fd, 2, 6));
	for (int i = 0; i < ARRAY_SIZE(met); i++)
		for (int flags = 0; flags <= SHS_OP_NOWAIT; flags += SHS_OP_NOWAIT) {
			struct shs_ioc_op op = SHS_OP(LOAD, .index = 2, .arg = met[i].arg,
						      .flags = flags);

			op.op = met[i].op;
			EXPECT_EQ(0, shs_op(self->readable, &op));
			EXPECT_EQ(6, op.result) TH_LOG("condition %d", i);
		}
}

/* What is not is waited for, as long as it is worth it, and its result stays clear. */
TEST_F(await, not_met)
{
	static const struct {
		__u32 op;
		__s64 arg;
	} unmet[] = {
		{ SHS_OP_AWAIT_GE, 7 }, { SHS_OP_AWAIT_LE, 5 }, { SHS_OP_AWAIT_LE, -7 },
		{ SHS_OP_AWAIT_EQ, 7 }, { SHS_OP_AWAIT_NE, 6 }, { SHS_OP_AWAIT_ANY, 1 },
		{ SHS_OP_AWAIT_ANY, -8 },
	};

	ASSERT_EQ(0, set(self->fd, 2, 6));
	for (int i = 0; i < ARRAY_SIZE(unmet); i++) {
		int clock = i % (SHS_CLOCK_BOOTTIME + 1);
		__u64 near = shs_now(clock) + 20 * SHS_MS;
		struct shs_ioc_op op = SHS_OP(LOAD, .index = 2, .arg = unmet[i].arg,
					      .flags = SHS_OP_NOWAIT, .deadline = SHS_FOREVER);

		op.op = unmet[i].op;
		EXPECT_EQ(-EBUSY, shs_op(self->fd, &op)) TH_LOG("condition %d", i);
		op.flags = 0;
		op.deadline = near;
		op.clock = clock;
		EXPECT_EQ(-ETIMEDOUT, shs_op(self->fd, &op)) TH_LOG("condition %d", i);
		EXPECT_LE(near, shs_now(clock));
		EXPECT_EQ(0, op.result);
	}
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

/* Of all who wait each change wakes those whose condition it meets, in any order. */
TEST_F(await, only_whom_it_concerns)
{
	pid_t ge10 = waiter(self->fd, AWAIT(GE, .arg = 10));
	pid_t eq7 = waiter(self->fd, AWAIT(EQ, .arg = 7));
	pid_t ge5 = waiter(self->fd, AWAIT(GE, .arg = 5));
	pid_t le = waiter(self->readable, AWAIT(LE, .arg = -1));
	pid_t any = waiter(self->fd, AWAIT(ANY, .arg = 8));
	pid_t elsewhere = waiter(self->fd, AWAIT(NE, .arg = 0, .index = 3));

	ASSERT_EQ(0, set(self->fd, 0, 4));
	EXPECT_EQ(6, shs_info(self->fd).waiters);
	ASSERT_EQ(0, set(self->fd, 0, 6));
	EXPECT_EQ(5, shs_info(self->fd).waiters);
	EXPECT_EQ(6, shs_reap(ge5));
	ASSERT_EQ(0, set(self->fd, 0, 7));
	EXPECT_EQ(4, shs_info(self->fd).waiters);
	EXPECT_EQ(7, shs_reap(eq7));
	ASSERT_EQ(0, set(self->fd, 1, 12));
	EXPECT_EQ(4, shs_info(self->fd).waiters);
	ASSERT_EQ(0, set(self->fd, 0, 12));
	EXPECT_EQ(2, shs_info(self->fd).waiters);
	EXPECT_EQ(12, shs_reap(ge10));
	EXPECT_EQ(12, shs_reap(any));
	ASSERT_EQ(0, set(self->fd, 0, -3));
	EXPECT_EQ((-3) & 0xff, shs_reap(le));
	EXPECT_EQ(1, shs_info(self->fd).waiters);
	ASSERT_EQ(0, set(self->fd, 3, 1));
	EXPECT_EQ(1, shs_reap(elsewhere));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

/* Each operation by which a call changes a value tells of it. */
TEST_F(await, each_change)
{
	static const __u32 ops[] = {
		SHS_OP_STORE, SHS_OP_SWAP, SHS_OP_CMPXCHG, SHS_OP_FETCH_ADD, SHS_OP_FETCH_OR,
		SHS_OP_FETCH_XOR, SHS_OP_FETCH_MAX, SHS_OP_ADD, SHS_OP_RESET,
	};
	int tried = 0;

	for (int i = 0; i < ARRAY_SIZE(ops); i++) {
		struct shs_ioc_op op = SHS_OP(LOAD, .index = 1, .arg = 9);
		pid_t child;

		ASSERT_EQ(0, set(self->fd, 1, 0));
		op.op = ops[i];
		if (shs_op(self->fd, &op) == -EOPNOTSUPP)
			continue;
		ASSERT_EQ(0, set(self->fd, 1, 0));
		tried++;
		child = waiter(self->fd, AWAIT(EQ, .index = 1, .arg = 9));
		op.result = 0;
		ASSERT_EQ(0, shs_op(self->fd, &op));
		EXPECT_EQ(9, shs_reap(child)) TH_LOG("operation %u", ops[i]);
	}
	EXPECT_EQ(variant->kind == SHS_KIND_COUNTER ? 2 : 7, tried);
}

TEST_F(await, text_and_batch)
{
	pid_t child = waiter(self->fd, AWAIT(EQ, .arg = 3));
	bool counts = variant->kind == SHS_KIND_COUNTER;
	struct shs_ioc_op ops[2] = { SHS_OP(LOAD), SHS_OP(FETCH_ADD, .arg = 2) };

	ASSERT_EQ(0, shs_write(self->fd, counts ? "+3\n" : "3\n"));
	EXPECT_EQ(3, shs_reap(child));
	if (counts)
		ops[1].op = SHS_OP_ADD;
	child = waiter(self->fd, AWAIT(GE, .arg = 5));
	EXPECT_EQ(0, shs_batch(self->fd, &SHS_BATCH(ops)));
	EXPECT_EQ(5, shs_reap(child));
}

/* A waiter is told what it was, not what it is by the time he runs. */
TEST_F(await, value_of_then)
{
	pid_t child = waiter(self->fd, AWAIT(GE, .arg = 5));

	ASSERT_EQ(0, shs_hold_off(child));
	EXPECT_EQ(0, set(self->fd, 0, 6));
	EXPECT_EQ(0, set(self->fd, 0, 0));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	shs_let_go();
	EXPECT_EQ(6, shs_reap(child));
}

/* Who may not read is not told, who may not write tells nobody. */
TEST_F(await, access)
{
	EXPECT_EQ(-EACCES, shs_op(self->writable, &AWAIT(EQ)));
	EXPECT_EQ(-EACCES, shs_op(self->writable, &AWAIT(EQ, .arg = 1)));
	EXPECT_EQ(-EACCES, changed(self->readable, 0));
	EXPECT_EQ(0, changed(self->writable, 0));
}

/* Each field that they do not use, and each bit that means nothing, alone. */
TEST_F(await, refused)
{
	for (__u32 code = SHS_OP_AWAIT_GE; code <= SHS_OP_CHANGED; code++) {
		struct shs_ioc_op good = SHS_OP(LOAD, .deadline = SHS_FOREVER), op;

		good.op = code;
		if (code == SHS_OP_AWAIT_NE || code == SHS_OP_AWAIT_ANY)
			good.arg = 1;

#define REFUSED(...) do {							\
	op = good;								\
	__VA_ARGS__;								\
	EXPECT_EQ(-EINVAL, shs_op(self->fd, &op)) {				\
		TH_LOG("op %u: %s", code, #__VA_ARGS__);			\
	}									\
} while (0)
		if (code == SHS_OP_AWAIT_ANY)
			REFUSED(op.arg = 0);
		ASSERT_EQ(0, set(self->fd, 0, code == SHS_OP_AWAIT_ANY));
		op = good;
		EXPECT_EQ(0, shs_op(self->fd, &op)) TH_LOG("op %u", code);
		for (int bit = 0; bit < 32; bit++) {
			if (bit != 1)	/* NOWAIT */
				REFUSED(op.flags = 1U << bit);
			REFUSED(op.offset = 1U << bit);
			REFUSED(op.len = 1U << bit);
			REFUSED(op.notice = 1U << bit);
			if (bit > 1)
				REFUSED(op.index = 1U << bit);
		}
		for (int bit = 0; bit < 64; bit++) {
			REFUSED(op.result = 1ULL << bit);
			REFUSED(op.addr = 1ULL << bit);
			REFUSED(op.addr2 = 1ULL << bit);
			REFUSED(op.expected = 1ULL << bit);
			if (code == SHS_OP_CHANGED)
				REFUSED(op.arg = 1ULL << bit);
		}
		for (int bit = 0; bit < 8; bit++) {
			REFUSED(op.pad = 1U << bit);
			REFUSED(op.order_failure = 1U << bit);
		}
		REFUSED(op.clock = SHS_CLOCK_BOOTTIME + 1);
		REFUSED(op.order = SHS_ACQ_REL + 1);
#undef REFUSED
	}
}

/* A wait loads: on an atomic it may acquire; a counter knows no order. */
TEST_F(await, orders)
{
	bool atomic = variant->kind == SHS_KIND_ATOMIC;

	for (int order = SHS_SEQ_CST; order <= SHS_ACQ_REL; order++) {
		bool good = atomic ? order != SHS_RELEASE && order != SHS_ACQ_REL : !order;

		EXPECT_EQ(good ? 0 : -EINVAL, shs_op(self->fd, &AWAIT(EQ, .order = order))) {
			TH_LOG("order %d", order);
		}
	}
}

/* Into the ring, until it completes; false: there is no room. */
static bool submit(struct io_uring *ring, int fd, struct shs_ioc_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe)
		return false;
	shs_prep(sqe, fd, op);
	return io_uring_submit(ring) == 1;
}

static void on_signal(int number)
{
}

/* A signal ends the wait, or with SA_RESTART does not. */
TEST_F(await, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t child;

	sigaction(SIGUSR1, &action, NULL);
	child = waiter(self->fd, AWAIT(NE));
	kill(child, SIGUSR1);
	EXPECT_EQ(ERRNO(EINTR), shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	child = waiter(self->fd, AWAIT(NE));
	kill(child, SIGUSR1);
	EXPECT_EQ(0, set(self->fd, 0, 1));
	EXPECT_EQ(1, shs_reap(child));
}

/* A signal that is caught does not take away what was told before it. */
TEST_F(await, interrupted_when_told)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t child;

	sigaction(SIGUSR1, &action, NULL);
	child = waiter(self->fd, AWAIT(NE));
	ASSERT_EQ(0, shs_hold_off(child));
	EXPECT_EQ(0, set(self->fd, 0, 2));
	kill(child, SIGUSR1);
	shs_let_go();
	EXPECT_EQ(2, shs_reap(child));
}

/* A waiter that is killed, told or not, was never there, and takes nothing from others. */
TEST_F(await, killed)
{
	pid_t first = waiter(self->fd, AWAIT(GE, .arg = 2));
	pid_t second = waiter(self->fd, AWAIT(GE, .arg = 2));

	EXPECT_EQ(-SIGKILL, shs_kill(first));
	SHS_AWAIT(self->fd, info.waiters == 1);
	first = waiter(self->fd, AWAIT(GE, .arg = 2));
	ASSERT_EQ(0, shs_hold_off(first));
	EXPECT_EQ(0, set(self->fd, 0, 2));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	kill(first, SIGKILL);
	shs_let_go();
	EXPECT_EQ(-SIGKILL, shs_reap(first));
	EXPECT_EQ(2, shs_reap(second));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* Ended from outside: by the address of its struct, or not at all. */
TEST_F(await, cancelled)
{
	struct shs_ioc_op *op = shs_common(sizeof(*op));
	struct shs_ioc_cancel cancel = { .size = sizeof(cancel), .addr = (unsigned long)op };
	struct io_uring_cqe *cqe;
	struct io_uring *ring;

	EXPECT_EQ(-ENOENT, shs_call(self->fd, SHS_IOC_CANCEL, &cancel));
	SHS_NEED_DOOR(SHS_URING);
	ring = shs_ring();
	for (int round = 0; round < 3; round++) {
		*op = AWAIT(GE, .arg = 5);
		ASSERT_TRUE(submit(ring, self->fd, op));
		SHS_AWAIT(self->fd, info.waiters == 1);
		if (round == 1) {
			EXPECT_EQ(0, set(self->fd, 0, 5));
		} else {
			EXPECT_EQ(0, shs_call(self->fd, SHS_IOC_CANCEL, &cancel));
		}
		ASSERT_EQ(0, shs_uring_wait(ring, &cqe));
		EXPECT_EQ(round == 1 ? 0 : -ECANCELED, cqe->res);
		EXPECT_EQ(round == 1 ? 5 : 0, op->result);
		io_uring_cqe_seen(ring, cqe);
		EXPECT_EQ(0, shs_info(self->fd).waiters);
		ASSERT_EQ(0, set(self->fd, 0, 0));
	}
}

/* Many waits of one thread, each told its own value. */
TEST_F(await, many_by_uring)
{
	struct shs_ioc_op op[6];
	struct io_uring_cqe *cqe;
	struct io_uring *ring;

	SHS_NEED_DOOR(SHS_URING);
	ring = shs_ring();
	/* as many as a kernel without SHS_FEATURE_ASYNC has threads for */
	for (int i = 0; i < 3; i++) {
		op[i] = AWAIT(GE, .arg = i + 1);
		ASSERT_TRUE(submit(ring, self->fd, &op[i]));
		SHS_AWAIT(self->fd, info.waiters == i + 1);
	}
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, set(self->fd, 0, i + 1));
		ASSERT_EQ(0, shs_uring_wait(ring, &cqe));
		EXPECT_EQ(0, cqe->res);
		io_uring_cqe_seen(ring, cqe);
		EXPECT_EQ(i + 1, op[i].result);
		EXPECT_EQ(2 - i, shs_info(self->fd).waiters);
	}
	op[0] = AWAIT(GE, .arg = 9);
	op[0].deadline = shs_now(SHS_CLOCK_MONOTONIC) + 20 * SHS_MS;
	EXPECT_EQ(-ETIMEDOUT, shs_uring_op(self->fd, &op[0]));
	EXPECT_EQ(0, op[0].result);
}

/* The word that says so in mapped memory, which comes and goes with who waits. */
TEST_F(await, awaited)
{
	pid_t first = waiter(self->fd, AWAIT(GE, .arg = 5)), second;
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	EXPECT_NE(0, att.control->awaited);
	EXPECT_EQ(-SIGKILL, shs_kill(first));
	SHS_AWAIT(self->fd, info.waiters == 0);
	EXPECT_EQ(0, att.control->awaited);
	EXPECT_EQ(-EBUSY, shs_op(self->fd, &AWAIT(NE, .flags = SHS_OP_NOWAIT)));
	EXPECT_EQ(0, att.control->awaited);
	first = waiter(self->fd, AWAIT(GE, .arg = 5));
	second = waiter(self->fd, AWAIT(GE, .arg = 6));
	EXPECT_NE(0, att.control->awaited);
	ASSERT_EQ(0, set(self->fd, 0, 5));
	EXPECT_NE(0, att.control->awaited);
	ASSERT_EQ(0, set(self->fd, 0, 6));
	EXPECT_EQ(0, att.control->awaited);
	EXPECT_EQ(5, shs_reap(first));
	EXPECT_EQ(6, shs_reap(second));
	shs_detach(&att);
}

/* One change of element index by memory alone, of an atomic or by a lane, as +n. */
static void add_by_memory(const struct shs_att *att, __u32 index, __s64 n)
{
	if (att->is.kind == SHS_KIND_COUNTER) {
		__s64 *at = (__s64 *)shs_lane(att, 0) + index;

		__atomic_store_n(at, *at + n, __ATOMIC_RELAXED);
	} else if (att->is.type == SHS_TYPE_I16) {
		__atomic_fetch_add((__s16 *)shs_value(att) + index, n, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_add((__s64 *)shs_value(att) + index, n, __ATOMIC_RELAXED);
	}
}

/* The same, told of as it has to be. */
static void add_and_tell(int fd, const struct shs_att *att, __u32 index, __s64 n)
{
	add_by_memory(att, index, n);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&att->control->awaited, __ATOMIC_RELAXED) && changed(fd, index) < 0)
		abort();
}

/* What is changed by memory is told of by a call, which says how many that concerned. */
TEST_F(await, by_memory)
{
	pid_t first, second;
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	add_by_memory(&att, 1, 2);
	EXPECT_EQ(0, shs_op(self->fd, &AWAIT(EQ, .index = 1, .arg = 2)));
	first = waiter(self->fd, AWAIT(GE, .index = 1, .arg = 5));
	second = waiter(self->fd, AWAIT(EQ, .index = 1, .arg = 7));
	add_and_tell(self->fd, &att, 1, 3);
	EXPECT_EQ(5, shs_reap(first));
	EXPECT_EQ(1, shs_info(self->fd).waiters);
	EXPECT_EQ(0, changed(self->fd, 1));
	add_by_memory(&att, 1, 2);
	EXPECT_EQ(0, changed(self->fd, 0));
	EXPECT_EQ(-EINVAL, changed(self->fd, ELEMENTS));
	/* By the fence that its coming began or by this: once. */
	EXPECT_GE(1, changed(self->fd, 1));
	EXPECT_EQ(7, shs_reap(second));
	shs_detach(&att);
}

/* Who is killed between a change and its telling has told: his death does. */
TEST_F(await, changer_killed)
{
	for (int round = 0; round < 8; round++) {
		pid_t child, changer;

		child = waiter(self->fd, AWAIT(EQ, .index = 2, .arg = 3 * round + 3));
		changer = shs_fork();
		if (!changer) {
			struct shs_att att;

			if (shs_attach(&att, self->fd))
				_exit(1);
			add_by_memory(&att, 2, 3);
			raise(SIGKILL);
		}
		EXPECT_EQ(-SIGKILL, shs_reap(changer));
		EXPECT_EQ(3 * round + 3, shs_reap(child));
	}
}

/*
 * A change at the very beginning of a wait, of which nobody is told, for its changer may have
 * looked before there was somebody: the look after a grace period sees it. Comes it after that,
 * because this one did not run for so long, it goes unseen: another round.
 */
TEST_F(await, untold_at_the_beginning)
{
	struct shs_att att;
	int seen = 0;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	for (int round = 1; round <= 6 && !seen; round++) {
		pid_t child = shs_fork();

		if (!child) {
			struct shs_ioc_op op = AWAIT(EQ, .index = 1, .arg = round);

			alarm(5);
			_exit(shs_op(self->fd, &op) ? 200 : (int)op.result);
		}
		while (!__atomic_load_n(&att.control->awaited, __ATOMIC_RELAXED))
			continue;
		add_by_memory(&att, 1, 1);
		seen = shs_reap(child) == round;
	}
	EXPECT_TRUE(seen);
	shs_detach(&att);
}

/* The move of the value into pages takes along who waits, and the word. */
TEST_F(await, attached_meanwhile)
{
	pid_t child = waiter(self->fd, AWAIT(NE, .index = 3));
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	add_and_tell(self->fd, &att, 3, 2);
	EXPECT_EQ(2, shs_reap(child));
	EXPECT_EQ(0, att.control->awaited);
}

/* The object goes with the last who waits on it, too, though a fence is under way. */
TEST_F(await, last_user)
{
	for (int round = 0; round < 20; round++) {
		int fd = shs_create(variant->kind, variant->type, ELEMENTS);
		pid_t child = waiter(fd, AWAIT(NE));

		ASSERT_EQ(0, close(fd));
		EXPECT_EQ(-SIGKILL, shs_kill(child));
	}
}

/*
 * Processes add by memory a known sum, while another waits for just that: it always comes.
 * The first addition of a round meets the wait at its beginning, on whichever side.
 */
#define ADDERS 2

struct race {
	__u32 round, added[ADDERS];
};

static __attribute__((noreturn)) void add_each_round(int fd, struct race *race, int number,
						     __u32 rounds)
{
	__u64 random = 0x5eed + number;
	struct shs_att att;

	if (shs_attach(&att, fd))
		_exit(1);
	for (__u32 round = 1; round <= rounds; round++) {
		while (__atomic_load_n(&race->round, __ATOMIC_ACQUIRE) != round)
			sched_yield();
		for (unsigned int n = shs_number(&random) % 4096; n; n--)
			__asm__ volatile("" ::: "memory");
		add_and_tell(fd, &att, 0, 1);
		__atomic_store_n(&race->added[number], round, __ATOMIC_RELEASE);
	}
	_exit(0);
}

TEST_F(await, always_comes)
{
	struct race *race = shs_common(sizeof(*race));
	__u32 rounds = shs_scale(4000);
	pid_t adder[ADDERS];

	for (int i = 0; i < ADDERS; i++) {
		adder[i] = shs_fork();
		if (!adder[i])
			add_each_round(self->fd, race, i, rounds);
	}
	for (__u32 round = 1; round <= rounds; round++) {
		struct shs_ioc_op op = AWAIT(EQ, .arg = ADDERS * round);

		__atomic_store_n(&race->round, round, __ATOMIC_RELEASE);
		ASSERT_EQ(0, shs_op(self->fd, &op));
		ASSERT_EQ(ADDERS * round, op.result);
	}
	for (int i = 0; i < ADDERS; i++)
		EXPECT_EQ(0, shs_reap(adder[i]));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

/*
 * Types and kinds
 */
FIXTURE(await_kinds) {
};

FIXTURE_SETUP(await_kinds)
{
	SHS_MOUNT("");
}

FIXTURE_TEARDOWN(await_kinds)
{
}

static const struct {
	__u32 type;
	__u64 least, most;
} types[] = {
	{ SHS_TYPE_BOOL, 0, 1 },
	{ SHS_TYPE_U8, 0, 255 },
	{ SHS_TYPE_I8, -128, 127 },
	{ SHS_TYPE_U16, 0, 65535 },
	{ SHS_TYPE_I16, -32768, 32767 },
	{ SHS_TYPE_U32, 0, 4294967295 },
	{ SHS_TYPE_I32, -2147483648LL, 2147483647 },
	{ SHS_TYPE_U64, 0, ~0ULL },
	{ SHS_TYPE_I64, 1ULL << 63, ~0ULL >> 1 },
};

/* Both ends of each type are in their order, and what is beyond is no value at all. */
TEST_F(await_kinds, types)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		int fd = shs_create(SHS_KIND_ATOMIC, types[i].type, 2);
		int order = types[i].type == SHS_TYPE_BOOL ? -EOPNOTSUPP : -EBUSY;
		__u64 least = types[i].least, most = types[i].most;

#define NOW(condition, number) \
	shs_op(fd, &AWAIT(condition, .arg = number, .index = 1, .flags = SHS_OP_NOWAIT))
		ASSERT_EQ(0, set(fd, 1, least));
		EXPECT_EQ(order == -EBUSY ? 0 : order, NOW(LE, least));
		EXPECT_EQ(order, NOW(GE, most));
		EXPECT_EQ(0, NOW(EQ, least));
		EXPECT_EQ(0, NOW(NE, most));
		ASSERT_EQ(0, set(fd, 1, most));
		EXPECT_EQ(order == -EBUSY ? 0 : order, NOW(GE, least + 1));
		EXPECT_EQ(order, NOW(LE, most - 1));
		EXPECT_EQ(0, NOW(EQ, most));
		EXPECT_EQ(0, NOW(ANY, 1));
		EXPECT_EQ(-EBUSY, NOW(NE, most));
		if (most - least != ~0ULL) {
			EXPECT_EQ(order == -EBUSY ? -ERANGE : order, NOW(GE, most + 1));
			EXPECT_EQ(-ERANGE, NOW(EQ, most + 1));
			EXPECT_EQ(-ERANGE, NOW(NE, least - 1));
		}
		close(fd);
	}
}

TEST_F(await_kinds, other_kinds)
{
	static const struct {
		__u32 kind, type, count;
	} kinds[] = {
		{ SHS_KIND_MUTEX, SHS_TYPE_U8, 1 }, { SHS_KIND_RWLOCK, SHS_TYPE_U8, 1 },
		{ SHS_KIND_CELL, SHS_TYPE_U8, 1 }, { SHS_KIND_ONCE, SHS_TYPE_NONE, 0 },
		{ SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0 },
	};

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = shs_create(kinds[i].kind, kinds[i].type, kinds[i].count);

		EXPECT_EQ(-EOPNOTSUPP, shs_op(fd, &AWAIT(EQ))) TH_LOG("kind %u", kinds[i].kind);
		EXPECT_EQ(-EOPNOTSUPP, changed(fd, 0)) TH_LOG("kind %u", kinds[i].kind);
		close(fd);
	}
}

/* Who notifies, and who waits to be notified, have nothing to do with it. */
TEST_F(await_kinds, beside_notify)
{
	int fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U8, 1);
	pid_t notified = waiter(fd, SHS_OP(WAIT, .deadline = SHS_FOREVER));
	pid_t child = waiter(fd, AWAIT(GE, .arg = 2));
	struct shs_ioc_op notify = SHS_OP(NOTIFY, .arg = ~0ULL);

	EXPECT_EQ(0, shs_op(fd, &notify));
	EXPECT_EQ(0, notify.result);
	ASSERT_EQ(0, set(fd, 0, 3));
	EXPECT_EQ(3, shs_reap(child));
	EXPECT_EQ(1, shs_info(fd).waiters);
	EXPECT_EQ(0, changed(fd, 0));
	child = waiter(fd, AWAIT(GE, .arg = 4));
	notify.result = 0;
	EXPECT_EQ(0, shs_op(fd, &notify));
	EXPECT_EQ(1, notify.result);
	EXPECT_EQ(0, shs_reap(notified));
	EXPECT_EQ(1, shs_info(fd).waiters);
	ASSERT_EQ(0, set(fd, 0, 5));
	EXPECT_EQ(5, shs_reap(child));
}

static int counter(__u32 flags)
{
	return shs_create_as(&SHS_INIT(.kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
				       .count = 2, .flags = flags));
}

/* The policies of counters. */
TEST_F(await_kinds, saturated)
{
	int fd = counter(SHS_INIT_SATURATE);
	pid_t child;

	ASSERT_EQ(0, set(fd, 1, (1ULL << 63) + 5));
	child = waiter(fd, AWAIT(EQ, .index = 1, .arg = 1ULL << 63));
	EXPECT_EQ(0, shs_op(fd, &SHS_OP(ADD, .index = 1, .arg = -9)));
	EXPECT_EQ(0, shs_reap(child));		/* its low byte */
	fd = counter(SHS_INIT_CHECK);
	ASSERT_EQ(0, set(fd, 1, ~0ULL >> 1));
	child = waiter(fd, AWAIT(NE, .index = 1, .arg = ~0ULL >> 1));
	EXPECT_EQ(-ERANGE, shs_op(fd, &SHS_OP(ADD, .index = 1, .arg = 1)));
	EXPECT_EQ(1, shs_info(fd).waiters);
	EXPECT_EQ(0, shs_op(fd, &SHS_OP(ADD, .index = 1, .arg = -1)));
	EXPECT_EQ(0xfe, shs_reap(child));
}

/* What an attachment added goes with it, so until nobody works any more can be awaited. */
TEST_F(await_kinds, live)
{
	int fd = counter(SHS_INIT_LIVE);
	struct shs_pipe ready = shs_pipe();
	pid_t worker[3], child;

	for (int i = 0; i < 3; i++) {
		worker[i] = shs_fork();
		if (!worker[i]) {
			struct shs_att att;

			if (shs_attach(&att, fd))
				_exit(1);
			if (i == 1 && shs_op(att.fd, &SHS_OP(ADD, .index = 1, .arg = 1)))
				_exit(2);
			if (i != 1)
				add_by_memory(&att, 1, 1);
			shs_say(&ready);
			shs_until_killed();
		}
		shs_hear(&ready);
	}
	child = waiter(fd, AWAIT(LE, .index = 1));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(1, shs_info(fd).waiters);
		EXPECT_EQ(-SIGKILL, shs_kill(worker[i]));
	}
	EXPECT_EQ(0, shs_reap(child));
}

/* What the dead added by lanes counts on, and nobody is woken for it. */
TEST_F(await_kinds, folded)
{
	int fd = counter(0);
	pid_t child = waiter(fd, AWAIT(NE, .index = 1)), adder = shs_fork();

	if (!adder) {
		struct shs_att att;

		if (shs_attach(&att, fd))
			_exit(1);
		add_by_memory(&att, 0, 7);
		raise(SIGKILL);
	}
	EXPECT_EQ(-SIGKILL, shs_reap(adder));
	EXPECT_EQ(0, shs_op(fd, &AWAIT(EQ, .arg = 7)));
	EXPECT_EQ(1, shs_info(fd).waiters);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
}

TEST_HARNESS_MAIN
