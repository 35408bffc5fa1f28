// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for an element of an atomic to change, and waking who waits: in the order
 * of their coming, element by element, and without losing a wakeup to the dead.
 */
#include "shs.h"

FIXTURE(atomic_wait) {
	int fd, readable, writable;
};

FIXTURE_SETUP(atomic_wait)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 4);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_link(self->fd, "atomic"));
	self->readable = shs_open("atomic", O_RDONLY);
	self->writable = shs_open("atomic", O_WRONLY);
	ASSERT_LE(0, self->readable);
	ASSERT_LE(0, self->writable);
}

FIXTURE_TEARDOWN(atomic_wait)
{
}

#define ALL (~0ULL)

static int await(int fd, __u32 index, __u64 expected, __u64 deadline)
{
	return shs_op(fd, &SHS_OP(WAIT, .index = index, .expected = expected,
				  .deadline = deadline));
}

/* How many were woken, or a negative errno. */
static long notify(int fd, __u32 index, __u64 count)
{
	struct shs_ioc_op op = SHS_OP(NOTIFY, .index = index, .arg = count);
	int ret = shs_op(fd, &op);

	return ret ?: op.result;
}

static int store(int fd, __u32 index, __u64 value)
{
	return shs_op(fd, &SHS_OP(STORE, .index = index, .arg = value));
}

/* A child that waits and exits with the negated errno; comes back when it is queued. */
static pid_t waiter(int fd, __u32 index, __u64 expected)
{
	__u32 before = shs_info(fd).waiters;
	pid_t child = shs_fork();

	if (!child)
		_exit(-await(fd, index, expected, SHS_FOREVER));
	SHS_AWAIT(fd, info.waiters == before + 1);
	return child;
}

/* What differs already is not waited for, by either door. */
TEST_F(atomic_wait, differs)
{
	struct shs_ioc_op op = SHS_OP(WAIT, .expected = 7);

	EXPECT_EQ(0, await(self->fd, 0, 1, 0));
	EXPECT_EQ(0, await(self->fd, 3, ~0U, SHS_FOREVER));
	EXPECT_EQ(0, shs_op(self->fd, &op));
	EXPECT_EQ(0, op.result);
	EXPECT_EQ(7, op.expected);
	op = SHS_OP(WAIT, .expected = 7, .flags = SHS_OP_NOWAIT);
	EXPECT_EQ(0, shs_op(self->fd, &op));
	EXPECT_EQ(0, store(self->fd, 2, 5));
	EXPECT_EQ(0, await(self->fd, 2, 0, 0));
	SHS_NEED_DOOR(SHS_URING);
	op = SHS_OP(WAIT, .expected = 7);
	EXPECT_EQ(0, shs_uring_op(self->fd, &op));
	EXPECT_EQ(0, op.result);
}

/* What does not is, as long as it is worth it. */
TEST_F(atomic_wait, equal)
{
	struct shs_ioc_op op = SHS_OP(WAIT, .flags = SHS_OP_NOWAIT, .deadline = SHS_FOREVER);

	EXPECT_EQ(-EBUSY, shs_op(self->fd, &op));
	EXPECT_EQ(-ETIMEDOUT, await(self->fd, 0, 0, 0));
	for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
		__u64 near = shs_now(clock) + 20 * SHS_MS;

		op = SHS_OP(WAIT, .clock = clock, .deadline = near);
		EXPECT_EQ(-ETIMEDOUT, shs_op(self->fd, &op));
		EXPECT_LE(near, shs_now(clock));
		EXPECT_EQ(0, op.result);
	}
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, notify(self->fd, 0, ALL));
	SHS_NEED_DOOR(SHS_URING);
	op = SHS_OP(WAIT, .flags = SHS_OP_NOWAIT, .deadline = SHS_FOREVER);
	EXPECT_EQ(-EBUSY, shs_uring_op(self->fd, &op));
	op = SHS_OP(WAIT);
	EXPECT_EQ(-ETIMEDOUT, shs_uring_op(self->fd, &op));
}

/* A store alone wakes nobody; a notify does, and says so. */
TEST_F(atomic_wait, notify)
{
	pid_t child = waiter(self->fd, 1, 0);

	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, store(self->fd, 1, 9));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(1, notify(self->fd, 1, 1));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, notify(self->fd, 1, 1));
	EXPECT_EQ(9, shs_load(self->fd, 1));
}

TEST_F(atomic_wait, notify_by_uring)
{
	struct shs_ioc_op op = SHS_OP(NOTIFY, .arg = 1);
	pid_t child;

	SHS_NEED_DOOR(SHS_URING);
	child = waiter(self->fd, 0, 0);
	EXPECT_EQ(0, store(self->fd, 0, 1));
	EXPECT_EQ(0, shs_uring_op(self->fd, &op));
	EXPECT_EQ(1, op.result);
	EXPECT_EQ(0, shs_reap(child));
}

/* Who is woken for nothing waits on. */
TEST_F(atomic_wait, unchanged)
{
	pid_t child = waiter(self->fd, 0, 0);

	for (int i = 0; i < 5; i++) {
		notify(self->fd, 0, ALL);
		EXPECT_EQ(0, store(self->fd, 0, 0));
		SHS_AWAIT(self->fd, info.waiters == 1);
	}
	EXPECT_EQ(0, store(self->fd, 0, 1));
	EXPECT_EQ(1, notify(self->fd, 0, ALL));
	EXPECT_EQ(0, shs_reap(child));
}

/* So many, the longest waiting first. */
TEST_F(atomic_wait, count_and_order)
{
	pid_t child[6];

	for (int i = 0; i < 6; i++)
		child[i] = waiter(self->fd, 0, 0);
	EXPECT_EQ(0, store(self->fd, 0, 1));
	EXPECT_EQ(0, notify(self->fd, 0, 0));
	SHS_AWAIT(self->fd, info.waiters == 6);
	EXPECT_EQ(2, notify(self->fd, 0, 2));
	EXPECT_EQ(0, shs_reap(child[0]));
	EXPECT_EQ(0, shs_reap(child[1]));
	SHS_AWAIT(self->fd, info.waiters == 4);
	EXPECT_EQ(1, notify(self->fd, 0, 1));
	EXPECT_EQ(0, shs_reap(child[2]));
	SHS_AWAIT(self->fd, info.waiters == 3);
	EXPECT_EQ(3, notify(self->fd, 0, 100));
	for (int i = 3; i < 6; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
}

TEST_F(atomic_wait, all)
{
	pid_t child[12];

	for (int i = 0; i < 12; i++)
		child[i] = waiter(self->fd, 0, 0);
	EXPECT_EQ(0, store(self->fd, 0, 1));
	EXPECT_EQ(12, notify(self->fd, 0, ALL));
	for (int i = 0; i < 12; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
}

/* Each element has waiters of its own, between whom nothing passes. */
TEST_F(atomic_wait, elements)
{
	pid_t zero = waiter(self->fd, 0, 0), three = waiter(self->fd, 3, 0);
	pid_t more = waiter(self->fd, 3, 0);

	EXPECT_EQ(0, store(self->fd, 0, 1));
	EXPECT_EQ(0, store(self->fd, 3, 1));
	EXPECT_EQ(0, notify(self->fd, 1, ALL));
	EXPECT_EQ(1, notify(self->fd, 3, 1));
	EXPECT_EQ(0, shs_reap(three));
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(1, notify(self->fd, 3, ALL));
	EXPECT_EQ(0, shs_reap(more));
	EXPECT_EQ(1, notify(self->fd, 0, ALL));
	EXPECT_EQ(0, shs_reap(zero));
}

/* One for whom nothing changed does not use up a notify that another waits for. */
TEST_F(atomic_wait, other_expectations)
{
	pid_t five, six;

	EXPECT_EQ(0, store(self->fd, 0, 5));
	five = waiter(self->fd, 0, 5);
	EXPECT_EQ(0, store(self->fd, 0, 6));
	six = waiter(self->fd, 0, 6);
	EXPECT_EQ(0, store(self->fd, 0, 5));
	EXPECT_EQ(1, notify(self->fd, 0, 1));
	EXPECT_EQ(0, shs_reap(six));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, notify(self->fd, 0, ALL));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(five));
}

/* Who may only read waits beside the others and takes nothing from them. */
TEST_F(atomic_wait, read_only)
{
	pid_t reader[2], child[2];

	EXPECT_EQ(-EACCES, notify(self->readable, 0, 1));
	EXPECT_EQ(-EACCES, await(self->writable, 0, 0, 0));
	EXPECT_EQ(-EACCES, await(self->writable, 0, 1, 0));
	EXPECT_EQ(0, await(self->readable, 0, 1, 0));
	EXPECT_EQ(-ETIMEDOUT, await(self->readable, 0, 0, 0));
	reader[0] = waiter(self->readable, 0, 0);
	child[0] = waiter(self->fd, 0, 0);
	reader[1] = waiter(self->readable, 0, 0);
	child[1] = waiter(self->fd, 0, 0);
	EXPECT_EQ(0, store(self->writable, 0, 1));
	EXPECT_EQ(1, notify(self->writable, 0, 1));
	EXPECT_EQ(0, shs_reap(reader[0]));
	EXPECT_EQ(0, shs_reap(reader[1]));
	EXPECT_EQ(0, shs_reap(child[0]));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(1, notify(self->fd, 0, ALL));
	EXPECT_EQ(0, shs_reap(child[1]));
	reader[0] = waiter(self->readable, 0, 1);
	EXPECT_EQ(0, store(self->fd, 0, 2));
	EXPECT_EQ(0, notify(self->fd, 0, ALL));
	EXPECT_EQ(0, shs_reap(reader[0]));
	reader[0] = waiter(self->readable, 2, 0);
	EXPECT_EQ(0, notify(self->fd, 0, ALL));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(reader[0]));
}

/* A mapped element is stored to without a call; the notify is one. */
TEST_F(atomic_wait, mapped)
{
	struct shs_att att;
	pid_t child;
	__u32 *cell;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	cell = shs_value(&att);
	child = waiter(self->fd, 2, 0);
	__atomic_store_n(&cell[2], 3, __ATOMIC_SEQ_CST);
	EXPECT_EQ(0, await(self->fd, 2, 0, 0));
	EXPECT_EQ(1, notify(self->fd, 2, 1));
	EXPECT_EQ(0, shs_reap(child));
}

/* The move of the value into pages takes the waiters along. */
TEST_F(atomic_wait, attached_meanwhile)
{
	pid_t child = waiter(self->fd, 1, 0);
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	((__u32 *)shs_value(&att))[1] = 3;
	EXPECT_EQ(1, notify(self->fd, 1, 1));
	EXPECT_EQ(0, shs_reap(child));
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

/* Both ends of each type are told apart, and what is beyond is no value at all. */
TEST_F(atomic_wait, types)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		int fd = shs_create(SHS_KIND_ATOMIC, types[i].type, 3);
		__u64 ends[2] = { types[i].least, types[i].most };
		bool whole = types[i].most - types[i].least == ~0ULL;

		for (int e = 0; e < 2; e++) {
			pid_t child;

			ASSERT_EQ(0, store(fd, 2, ends[e]));
			EXPECT_EQ(-ETIMEDOUT, await(fd, 2, ends[e], 0));
			EXPECT_EQ(0, await(fd, 2, ends[!e], 0));
			child = waiter(fd, 2, ends[e]);
			ASSERT_EQ(0, store(fd, 2, ends[!e]));
			EXPECT_EQ(1, notify(fd, 2, 1));
			EXPECT_EQ(0, shs_reap(child));
		}
		if (!whole) {
			EXPECT_EQ(-ERANGE, await(fd, 2, types[i].most + 1, 0));
			EXPECT_EQ(-ERANGE, await(fd, 2, types[i].least - 1, 0));
		}
		/* The number of a notify is none of the type. */
		EXPECT_EQ(0, notify(fd, 2, ALL - 1));
		EXPECT_EQ(-EINVAL, await(fd, 3, 0, 0));
		EXPECT_EQ(-EINVAL, notify(fd, 3, 1));
		close(fd);
	}
}

/* Each field that the two do not use, and each bit that means nothing, alone. */
TEST_F(atomic_wait, refused)
{
	for (int number = 0; number < 2; number++) {
		__u32 code = number ? SHS_OP_NOTIFY : SHS_OP_WAIT;
		struct shs_ioc_op good = { .size = sizeof(good), .op = code, .expected = !number },
				  op;

#define REFUSED(...) do {							\
	op = good;								\
	__VA_ARGS__;								\
	EXPECT_EQ(-EINVAL, shs_op(self->fd, &op)) {				\
		TH_LOG("op %u: %s", code, #__VA_ARGS__);			\
	}									\
} while (0)
		op = good;
		EXPECT_EQ(0, shs_op(self->fd, &op));
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
			if (number)
				REFUSED(op.expected = 1ULL << bit);
			else
				REFUSED(op.arg = 1ULL << bit);
		}
		for (int bit = 0; bit < 8; bit++) {
			REFUSED(op.pad = 1U << bit);
			REFUSED(op.order_failure = 1U << bit);
		}
		REFUSED(op.clock = SHS_CLOCK_BOOTTIME + 1);
		REFUSED(op.order = SHS_ACQ_REL + 1);
	}
}

/* A wait loads: it may acquire, and has nothing to release. */
TEST_F(atomic_wait, orders)
{
	for (int order = SHS_SEQ_CST; order <= SHS_ACQ_REL; order++) {
		struct shs_ioc_op op = SHS_OP(WAIT, .expected = 1, .order = order);

		EXPECT_EQ(order == SHS_RELEASE || order == SHS_ACQ_REL ? -EINVAL : 0,
			  shs_op(self->fd, &op)) TH_LOG("order %d", order);
	}
}

TEST_F(atomic_wait, other_kinds)
{
	static const struct {
		__u32 kind, type, count;
	} kinds[] = {
		{ SHS_KIND_COUNTER, SHS_TYPE_I64, 1 }, { SHS_KIND_MUTEX, SHS_TYPE_U8, 1 },
		{ SHS_KIND_RWLOCK, SHS_TYPE_U8, 1 }, { SHS_KIND_CELL, SHS_TYPE_U8, 1 },
		{ SHS_KIND_ONCE, SHS_TYPE_NONE, 0 }, { SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0 },
	};

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = shs_create(kinds[i].kind, kinds[i].type, kinds[i].count);
		bool condvar = kinds[i].kind == SHS_KIND_CONDVAR;

		EXPECT_EQ(-EOPNOTSUPP, await(fd, 0, 0, 0)) TH_LOG("kind %u", kinds[i].kind);
		EXPECT_EQ(condvar ? 0 : -EOPNOTSUPP, notify(fd, 0, 1)) {
			TH_LOG("kind %u", kinds[i].kind);
		}
		if (condvar)
			EXPECT_EQ(-EINVAL, notify(fd, 1, 1));
	}
}

static void on_signal(int number)
{
}

/* A signal ends the wait, or with SA_RESTART does not. */
TEST_F(atomic_wait, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t child;

	sigaction(SIGUSR1, &action, NULL);
	child = waiter(self->fd, 0, 0);
	kill(child, SIGUSR1);
	EXPECT_EQ(EINTR, shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	child = waiter(self->fd, 0, 0);
	kill(child, SIGUSR1);
	EXPECT_EQ(0, store(self->fd, 0, 1));
	notify(self->fd, 0, ALL);
	EXPECT_EQ(0, shs_reap(child));
}

/* A stopped waiter that was notified meanwhile learns so when it goes on. */
TEST_F(atomic_wait, stopped)
{
	pid_t child = waiter(self->fd, 0, 0);
	int status;

	kill(child, SIGSTOP);
	EXPECT_EQ(child, waitpid(child, &status, WUNTRACED));
	EXPECT_EQ(0, store(self->fd, 0, 1));
	notify(self->fd, 0, ALL);
	kill(child, SIGCONT);
	EXPECT_EQ(0, shs_reap(child));
}

/* A waiter that is killed was never there. */
TEST_F(atomic_wait, killed)
{
	pid_t first = waiter(self->fd, 0, 0), second = waiter(self->fd, 0, 0);

	EXPECT_EQ(-SIGKILL, shs_kill(first));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, store(self->fd, 0, 1));
	EXPECT_EQ(1, notify(self->fd, 0, 1));
	EXPECT_EQ(0, shs_reap(second));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* One that was notified, and is killed before it knows, leaves that to the next. */
TEST_F(atomic_wait, killed_when_notified)
{
	pid_t other = waiter(self->fd, 1, 0), first = waiter(self->fd, 0, 0);
	pid_t second = waiter(self->fd, 0, 0), third = waiter(self->fd, 0, 0);

	EXPECT_EQ(0, store(self->fd, 0, 1));
	EXPECT_EQ(0, store(self->fd, 1, 1));
	ASSERT_EQ(0, shs_hold_off(first));
	EXPECT_EQ(1, notify(self->fd, 0, 1));
	SHS_AWAIT(self->fd, info.waiters == 3);
	kill(first, SIGKILL);
	shs_let_go();
	EXPECT_EQ(-SIGKILL, shs_reap(first));
	EXPECT_EQ(0, shs_reap(second));
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(-SIGKILL, shs_kill(third));
	EXPECT_EQ(-SIGKILL, shs_kill(other));
}

/* One that may only read had no notify to leave. */
TEST_F(atomic_wait, killed_reader_when_notified)
{
	pid_t first = waiter(self->readable, 0, 0), second = waiter(self->fd, 0, 0);
	pid_t third = waiter(self->fd, 0, 0);

	EXPECT_EQ(0, store(self->fd, 0, 1));
	ASSERT_EQ(0, shs_hold_off(first));
	EXPECT_EQ(1, notify(self->fd, 0, 1));
	kill(first, SIGKILL);
	shs_let_go();
	EXPECT_EQ(-SIGKILL, shs_reap(first));
	EXPECT_EQ(0, shs_reap(second));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(third));
}

/* A signal that is caught does not take a notify away that came before it. */
TEST_F(atomic_wait, interrupted_when_notified)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t first;

	sigaction(SIGUSR1, &action, NULL);
	first = waiter(self->fd, 0, 0);
	EXPECT_EQ(0, store(self->fd, 0, 1));
	ASSERT_EQ(0, shs_hold_off(first));
	EXPECT_EQ(1, notify(self->fd, 0, 1));
	kill(first, SIGUSR1);
	shs_let_go();
	EXPECT_EQ(0, shs_reap(first));
}

/* The object goes with the last who waits on it, too. */
TEST_F(atomic_wait, closed)
{
	int fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U8, 1);
	pid_t child = waiter(fd, 0, 0);

	close(fd);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, shs_unlink("atomic"));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, close(self->readable));
	EXPECT_EQ(0, close(self->writable));
	EXPECT_EQ(0, umount(SHS_DIR));
}

/* Each waits for its turn and then passes it on. */
TEST_F(atomic_wait, ring)
{
	unsigned long rounds = shs_scale(2000);
	pid_t child[4];

	for (int i = 0; i < 4; i++) {
		child[i] = shs_fork();
		if (child[i])
			continue;
		for (unsigned long n = 0; n < rounds; n++) {
			struct shs_ioc_op op = SHS_OP(CMPXCHG, .index = i, .expected = n + 1,
						      .arg = n + 1);

			if (await(self->fd, i, n, SHS_FOREVER) || shs_op(self->fd, &op))
				_exit(1);
			if (store(self->fd, (i + 1) % 4, i == 3 ? n + 2 : n + 1) ||
			    notify(self->fd, (i + 1) % 4, 1) < 0)
				_exit(2);
		}
		_exit(0);
	}
	EXPECT_EQ(0, store(self->fd, 0, 1));
	EXPECT_LE(0, notify(self->fd, 0, 1));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(rounds + 1, shs_load(self->fd, 0));
	EXPECT_EQ(rounds, shs_load(self->fd, 3));
}

/* A semaphore of it: as many are taken as were given, and nobody sleeps through one. */
TEST_F(atomic_wait, semaphore)
{
	unsigned long each = shs_scale(1500);
	pid_t taker[3], giver[3];

	for (int i = 0; i < 3; i++) {
		giver[i] = shs_fork();
		if (!giver[i]) {
			for (unsigned long n = 0; n < each; n++)
				if (shs_op(self->fd, &SHS_OP(FETCH_ADD, .arg = 1)) ||
				    notify(self->fd, 0, 1) < 0)
					_exit(1);
			_exit(0);
		}
		taker[i] = shs_fork();
		if (taker[i])
			continue;
		for (unsigned long n = 0; n < each;) {
			__u64 now = shs_load(self->fd, 0);

			if (!now && await(self->fd, 0, 0, SHS_FOREVER))
				_exit(1);
			if (now && !shs_op(self->fd, &SHS_OP(CMPXCHG, .expected = now,
							     .arg = now - 1)))
				n++;
		}
		_exit(0);
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, shs_reap(giver[i]));
		EXPECT_EQ(0, shs_reap(taker[i]));
	}
	EXPECT_EQ(0, shs_load(self->fd, 0));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

TEST_HARNESS_MAIN
