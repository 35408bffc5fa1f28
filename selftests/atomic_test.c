// SPDX-License-Identifier: GPL-2.0-only
/*
 * Atomic cells: the arithmetic of each width at its boundaries, what is refused,
 * and that no operation is lost or torn among processes, by whatever door.
 */
#include "shs.h"

static struct shs_ioc_op last;	/* as the kernel left it */

static int numeric(enum shs_door door, int fd, __u32 code, __u32 index, __u64 arg)
{
	last = (struct shs_ioc_op){ .size = sizeof(last), .op = code, .index = index, .arg = arg };
	return shs_by(door, fd, &last);
}

static int compare(enum shs_door door, int fd, __u64 expected, __u64 arg)
{
	last = SHS_OP(CMPXCHG, .index = 1, .expected = expected, .arg = arg);
	return shs_by(door, fd, &last);
}

/* Three elements; the tests use the one in the middle. */
FIXTURE(atomic) {
	int fd;
	__u64 value[8];		/* boundaries of the type */
	int values;
	bool is_bool, is_signed;
};

FIXTURE_VARIANT(atomic) {
	enum shs_door door;
	__u32 type;
	unsigned int bits;
};

#define VARIANT(name, bits_) \
	FIXTURE_VARIANT_ADD(atomic, ioctl_##name) { SHS_IOCTL, SHS_TYPE_##name, bits_ }; \
	FIXTURE_VARIANT_ADD(atomic, uring_##name) { SHS_URING, SHS_TYPE_##name, bits_ }

VARIANT(BOOL, 1);
VARIANT(U8, 8);
VARIANT(I8, 8);
VARIANT(U16, 16);
VARIANT(I16, 16);
VARIANT(U32, 32);
VARIANT(I32, 32);
VARIANT(U64, 64);
VARIANT(I64, 64);

/* What becomes of a number in an element of so many bits. */
static __u64 wrap(unsigned int bits, bool is_signed, __u64 v)
{
	unsigned int unused = 64 - bits;

	return is_signed ? (__u64)((__s64)(v << unused) >> unused) : v << unused >> unused;
}

FIXTURE_SETUP(atomic)
{
	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	self->fd = shs_create(SHS_KIND_ATOMIC, variant->type, 3);
	ASSERT_LE(0, self->fd);
	self->is_bool = variant->type == SHS_TYPE_BOOL;
	self->is_signed = variant->type == SHS_TYPE_I8 || variant->type == SHS_TYPE_I16 ||
			  variant->type == SHS_TYPE_I32 || variant->type == SHS_TYPE_I64;
	self->value[self->values++] = 0;
	self->value[self->values++] = 1;
	if (self->is_bool)
		return;
	self->value[self->values++] = wrap(variant->bits, self->is_signed, ~0ULL);
	self->value[self->values++] = wrap(variant->bits, self->is_signed,
					   ~0ULL << (variant->bits - 1));
	self->value[self->values++] = ~(~0ULL << (variant->bits - 1));	/* the largest signed */
	self->value[self->values++] = wrap(variant->bits, self->is_signed, 0x5a5a5a5a5a5a5a5aULL);
}

FIXTURE_TEARDOWN(atomic)
{
}

#define WRAP(v) wrap(variant->bits, self->is_signed, v)
#define OP(code, arg) numeric(variant->door, self->fd, SHS_OP_##code, 1, arg)
#define EXPECT_VALUE(v) do {							\
	EXPECT_EQ(0, OP(LOAD, 0));						\
	EXPECT_EQ(v, last.result);						\
} while (0)
#define EXPECT_NEIGHBOURS_ZERO() do {						\
	EXPECT_EQ(0, shs_load(self->fd, 0));					\
	EXPECT_EQ(0, shs_load(self->fd, 2));					\
} while (0)

/* A value comes back as it went in, and stays in its element. */
TEST_F(atomic, store_load)
{
	EXPECT_VALUE(0);
	for (int i = 0; i < self->values; i++) {
		EXPECT_EQ(0, OP(STORE, self->value[i]));
		EXPECT_EQ(0, last.result);
		EXPECT_VALUE(self->value[i]);
		EXPECT_NEIGHBOURS_ZERO();
	}
}

/* A swap puts the new in and takes the old out. */
TEST_F(atomic, swap)
{
	__u64 old = 0;

	for (int i = 0; i < self->values; i++) {
		EXPECT_EQ(0, OP(SWAP, self->value[i]));
		EXPECT_EQ(old, last.result);
		old = self->value[i];
		EXPECT_VALUE(old);
	}
	EXPECT_NEIGHBOURS_ZERO();
}

/* compare_exchange stores exactly if the old value is the expected one. */
TEST_F(atomic, compare_exchange)
{
	for (int i = 0; i < self->values; i++) {
		for (int j = 0; j < self->values; j++) {
			__u64 old = self->value[i], expected = self->value[j];
			__u64 new = self->value[(i + 1) % self->values];

			EXPECT_EQ(0, OP(STORE, old));
			EXPECT_EQ(old == expected ? 0 : -EREMCHG,
				  compare(variant->door, self->fd, expected, new));
			EXPECT_EQ(old, last.result);
			EXPECT_VALUE(old == expected ? new : old);
		}
	}
	EXPECT_NEIGHBOURS_ZERO();
}

static __u64 arithmetic(__u32 code, bool is_signed, __u64 a, __u64 b)
{
	bool less = is_signed ? (__s64)a < (__s64)b : a < b;

	switch (code) {
	case SHS_OP_FETCH_ADD:
		return a + b;
	case SHS_OP_FETCH_SUB:
		return a - b;
	case SHS_OP_FETCH_AND:
		return a & b;
	case SHS_OP_FETCH_NAND:
		return ~(a & b);
	case SHS_OP_FETCH_OR:
		return a | b;
	case SHS_OP_FETCH_XOR:
		return a ^ b;
	case SHS_OP_FETCH_MAX:
		return less ? b : a;
	case SHS_OP_FETCH_MIN:
		return less ? a : b;
	}
	return ~a;
}

static bool is_for_bool(__u32 code)
{
	return code != SHS_OP_FETCH_ADD && code != SHS_OP_FETCH_SUB &&
	       code != SHS_OP_FETCH_MAX && code != SHS_OP_FETCH_MIN;
}

/* Every fetch operation at every pair of boundaries: it wraps, never spills over. */
TEST_F(atomic, fetch_operations)
{
	for (__u32 code = SHS_OP_FETCH_ADD; code <= SHS_OP_FETCH_NOT; code++) {
		if (self->is_bool && !is_for_bool(code))
			continue;
		for (int i = 0; i < self->values; i++) {
			for (int j = 0; j < self->values; j++) {
				__u64 a = self->value[i];
				__u64 b = code == SHS_OP_FETCH_NOT ? 0 : self->value[j];
				__u64 expected = WRAP(arithmetic(code, self->is_signed, a, b));

				EXPECT_EQ(0, OP(STORE, a));
				EXPECT_EQ(0, numeric(variant->door, self->fd, code, 1, b));
				EXPECT_EQ(a, last.result);
				EXPECT_EQ(expected, shs_load(self->fd, 1))
					TH_LOG("op %u of %llx, %llx", code, a, b);
			}
		}
	}
	EXPECT_NEIGHBOURS_ZERO();
}

/* A number that does not fit is an error, not a smaller number. */
TEST_F(atomic, number_that_does_not_fit)
{
	__u64 top = 1ULL << (variant->bits - 1);
	__u64 unfit[] = { self->is_signed ? top : top << 1,	/* one more than the most */
			  self->is_signed ? -top - 1 : -1ULL,	/* one less than the least */
			  self->is_signed ? 2 * top - 1 : 1ULL << 63, 1ULL << 32 };

	EXPECT_EQ(0, OP(STORE, 1));
	for (int i = 0; i < ARRAY_SIZE(unfit) && variant->bits < 64; i++) {
		if (WRAP(unfit[i]) == unfit[i])
			continue;
		for (__u32 code = SHS_OP_STORE; code < SHS_OP_FETCH_NOT; code++) {
			if (self->is_bool && !is_for_bool(code))
				continue;
			EXPECT_EQ(-ERANGE, numeric(variant->door, self->fd, code, 1, unfit[i]))
				TH_LOG("op %u of %llx", code, unfit[i]);
			EXPECT_EQ(0, last.result);
		}
		EXPECT_EQ(-ERANGE, compare(variant->door, self->fd, unfit[i], 0));
		EXPECT_EQ(-ERANGE, compare(variant->door, self->fd, 1, unfit[i]));
	}
	EXPECT_VALUE(1);
	EXPECT_NEIGHBOURS_ZERO();
}

/* There is no element beyond the last. */
TEST_F(atomic, index)
{
	static const __u32 beyond[] = { 3, 4, 64, 65536, 1U << 29, 1U << 31, ~0U };

	for (__u32 i = 0; i < 3; i++)
		EXPECT_EQ(0, numeric(variant->door, self->fd, SHS_OP_STORE, i, i % 2));
	for (__u32 i = 0; i < 3; i++)
		EXPECT_EQ(i % 2, shs_load(self->fd, i));
	for (int i = 0; i < ARRAY_SIZE(beyond); i++) {
		EXPECT_EQ(-EINVAL, numeric(variant->door, self->fd, SHS_OP_LOAD, beyond[i], 0));
		EXPECT_EQ(-EINVAL, numeric(variant->door, self->fd, SHS_OP_STORE, beyond[i], 1));
		EXPECT_EQ(0, last.result);
	}
}

/* The orders that Rust and C11 allow, and no other: a refusal changes nothing. */
TEST_F(atomic, orders)
{
	for (__u32 code = SHS_OP_LOAD; code <= SHS_OP_FETCH_NOT; code++) {
		if (self->is_bool && !is_for_bool(code))
			continue;
		for (int order = SHS_SEQ_CST; order <= SHS_ACQ_REL; order++) {
			bool load = order != SHS_RELEASE && order != SHS_ACQ_REL;
			bool store = order != SHS_ACQUIRE && order != SHS_ACQ_REL;
			bool allowed = code == SHS_OP_LOAD ? load :
				       code == SHS_OP_STORE ? store : true;
			__u64 arg = code != SHS_OP_LOAD && code != SHS_OP_FETCH_NOT;

			EXPECT_EQ(0, OP(STORE, 0));
			last = (struct shs_ioc_op){ .size = sizeof(last), .op = code, .index = 1,
						    .order = order, .arg = arg };
			EXPECT_EQ(allowed ? 0 : -EINVAL, shs_by(variant->door, self->fd, &last))
				TH_LOG("op %u order %d", code, order);
			if (!allowed)
				EXPECT_VALUE(0);
		}
	}
}

/* On failure compare_exchange only loads, so it takes only what a load takes. */
TEST_F(atomic, failure_orders)
{
	for (int order = SHS_SEQ_CST; order <= SHS_ACQ_REL + 1; order++) {
		bool allowed = order < SHS_RELEASE;

		EXPECT_EQ(0, OP(STORE, 0));
		last = SHS_OP(CMPXCHG, .index = 1, .arg = 1, .order_failure = order);
		EXPECT_EQ(allowed ? 0 : -EINVAL, shs_by(variant->door, self->fd, &last))
			TH_LOG("order %d", order);
		EXPECT_VALUE(allowed);
	}
}

/* An element has its natural place in the mapping, and one value by every door. */
TEST_F(atomic, mapped)
{
	unsigned int bytes = variant->bits < 8 ? 1 : variant->bits / 8;
	struct shs_att att;

	EXPECT_EQ(0, OP(STORE, self->value[1]));
	ASSERT_EQ(0, shs_attach(&att, self->fd));
	EXPECT_EQ(3 * bytes, att.is.value_size);
	EXPECT_EQ(0, att.is.value_offset % 8);
	for (int i = 0; i < self->values; i++) {
		char *cell = (char *)shs_value(&att) + bytes;

		EXPECT_EQ(0, OP(STORE, self->value[i]));
		EXPECT_EQ(0, memcmp(cell, &self->value[i], bytes));
		memset(cell, 0, bytes);
		EXPECT_VALUE(0);
		memcpy(cell, &self->value[i], bytes);
		EXPECT_VALUE(self->value[i]);
	}
	EXPECT_NEIGHBOURS_ZERO();
}

FIXTURE(boolean) {
	int fd;
};

FIXTURE_VARIANT(boolean) {
	enum shs_door door;
};

FIXTURE_VARIANT_ADD(boolean, ioctl) { SHS_IOCTL };
FIXTURE_VARIANT_ADD(boolean, uring) { SHS_URING };

FIXTURE_SETUP(boolean)
{
	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	self->fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_BOOL, 3);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(boolean)
{
}

/* Rust's AtomicBool has no arithmetic: it could leave what is no bool. */
TEST_F(boolean, no_arithmetic)
{
	EXPECT_EQ(0, OP(STORE, 1));
	for (__u32 code = SHS_OP_FETCH_ADD; code <= SHS_OP_FETCH_NOT; code++) {
		if (is_for_bool(code))
			continue;
		EXPECT_EQ(-EOPNOTSUPP, numeric(variant->door, self->fd, code, 1, 1));
		EXPECT_EQ(0, last.result);
	}
	EXPECT_VALUE(1);
}

/* A bool has two values, whatever a process with the mapping writes there. */
TEST_F(boolean, stays_bool)
{
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	for (int junk = 0; junk < 256; junk++) {
		((unsigned char *)shs_value(&att))[1] = junk;
		EXPECT_EQ(0, OP(LOAD, 0));
		EXPECT_GE(1, last.result);
		EXPECT_EQ(0, OP(FETCH_NOT, 0));
		EXPECT_GE(1, last.result);
		EXPECT_GE(1, ((unsigned char *)shs_value(&att))[1]);
	}
}

/*
 * Many processes at once
 */
#define PROCESSES 4

FIXTURE(race) {
	int fd;
	struct shs_att att;
	unsigned long rounds;
	struct shs_pipe gate;
	pid_t child[PROCESSES];
};

FIXTURE_VARIANT(race) {
	enum shs_door door;
	__u32 type;
	__u64 mask;
	bool mapped;
};

#define RACE(name, bits) \
	FIXTURE_VARIANT_ADD(race, ioctl_##name) \
		{ SHS_IOCTL, SHS_TYPE_##name, ~0ULL >> (64 - (bits)), false }; \
	FIXTURE_VARIANT_ADD(race, ioctl_##name##_mapped) \
		{ SHS_IOCTL, SHS_TYPE_##name, ~0ULL >> (64 - (bits)), true }; \
	FIXTURE_VARIANT_ADD(race, uring_##name) \
		{ SHS_URING, SHS_TYPE_##name, ~0ULL >> (64 - (bits)), false }

RACE(U8, 8);
RACE(U16, 16);
RACE(U32, 32);
RACE(U64, 64);

FIXTURE_SETUP(race)
{
	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	self->fd = shs_create(SHS_KIND_ATOMIC, variant->type, PROCESSES);
	ASSERT_LE(0, self->fd);
	self->rounds = shs_scale(10000);
	self->gate = shs_pipe();
}

FIXTURE_TEARDOWN(race)
{
}

static void increment(enum shs_door door, int fd, __u32 index)
{
	if (numeric(door, fd, SHS_OP_FETCH_ADD, index, 1))
		_exit(1);
}

/* The same by compare_exchange, as a program updates what no fetch operation can. */
static void update(enum shs_door door, int fd, __u64 mask)
{
	__u64 old = 0;
	int ret;

	do {
		last = SHS_OP(CMPXCHG, .expected = old, .arg = (old + 1) & mask);
		ret = shs_by(door, fd, &last);
		old = last.result;
	} while (ret == -EREMCHG);
	if (ret)
		_exit(1);
}

/* The same by the processor, in the mapping. */
static void increment_mapped(const struct shs_att *att, __u32 type)
{
	void *cell = shs_value(att);

	switch (type) {
	case SHS_TYPE_U8:
		__atomic_fetch_add((__u8 *)cell, 1, __ATOMIC_SEQ_CST);
		break;
	case SHS_TYPE_U16:
		__atomic_fetch_add((__u16 *)cell, 1, __ATOMIC_SEQ_CST);
		break;
	case SHS_TYPE_U32:
		__atomic_fetch_add((__u32 *)cell, 1, __ATOMIC_SEQ_CST);
		break;
	case SHS_TYPE_U64:
		__atomic_fetch_add((__u64 *)cell, 1, __ATOMIC_SEQ_CST);
		break;
	}
}

static bool all_succeed(FIXTURE_DATA(race) *self)
{
	int failed = 0;

	shs_gate_open(&self->gate);
	for (int i = 0; i < PROCESSES; i++)
		failed += shs_reap(self->child[i]) != 0;
	return !failed;
}

/* A processor that adds all the time, until the others are done; its count. */
static __u64 hammer(const struct shs_att *att, __u32 type, volatile int *running)
{
	__u64 count = 0;

	while (*running) {
		increment_mapped(att, type);
		count++;
		/* A little air: else a compare-and-swap could lose for ever. */
		for (volatile int i = 0; i < 10; i++)
			;
	}
	return count;
}

/*
 * No addition is lost: by calls alone, or while a processor adds to the mapping in
 * every gap that a call leaves between its load and its store.
 */
TEST_F(race, fetch_add)
{
	struct {
		int running;
		__u64 hammered;
	} *common = shs_common(sizeof(*common));
	int callers = variant->mapped ? PROCESSES - 1 : PROCESSES;

	common->running = callers;
	for (int i = 0; i < PROCESSES; i++) {
		self->child[i] = shs_fork();
		if (self->child[i])
			continue;
		if (variant->mapped && shs_attach(&self->att, self->fd))
			_exit(1);
		shs_gate_pass(&self->gate);
		if (i == callers) {
			common->hammered = hammer(&self->att, variant->type, &common->running);
			_exit(0);
		}
		for (unsigned long n = 0; n < self->rounds; n++)
			increment(variant->door, self->fd, 0);
		__atomic_sub_fetch(&common->running, 1, __ATOMIC_SEQ_CST);
		_exit(0);
	}
	EXPECT_TRUE(all_succeed(self));
	EXPECT_EQ((callers * self->rounds + common->hammered) & variant->mask,
		  shs_load(self->fd, 0));
}

/* Nor is an update by compare_exchange. */
TEST_F(race, compare_exchange)
{
	for (int i = 0; i < PROCESSES; i++) {
		self->child[i] = shs_fork();
		if (self->child[i])
			continue;
		if (variant->mapped && shs_attach(&self->att, self->fd))
			_exit(1);
		shs_gate_pass(&self->gate);
		for (unsigned long n = 0; n < self->rounds; n++) {
			if (variant->mapped && i % 2)
				increment_mapped(&self->att, variant->type);
			else
				update(variant->door, self->fd, variant->mask);
		}
		_exit(0);
	}
	EXPECT_TRUE(all_succeed(self));
	EXPECT_EQ(PROCESSES * self->rounds & variant->mask, shs_load(self->fd, 0));
}

/* Neighbours are others' business: an operation is no wider than its element. */
TEST_F(race, neighbours)
{
	for (int i = 0; i < PROCESSES; i++) {
		self->child[i] = shs_fork();
		if (self->child[i])
			continue;
		if (variant->mapped && shs_attach(&self->att, self->fd))
			_exit(1);
		shs_gate_pass(&self->gate);
		for (unsigned long n = 0; n < self->rounds; n++)
			increment(variant->door, self->fd, i);
		_exit(0);
	}
	EXPECT_TRUE(all_succeed(self));
	for (int i = 0; i < PROCESSES; i++)
		EXPECT_EQ(self->rounds & variant->mask, shs_load(self->fd, i));
}

/*
 * The first attachment moves the value into pages: an operation that runs
 * meanwhile must not write to where the value was.
 */
TEST_F(race, first_attachment)
{
	for (unsigned long round = 0; round < shs_scale(40); round++) {
		struct shs_pipe ready = shs_pipe();
		int fd = shs_create(SHS_KIND_ATOMIC, variant->type, 2);
		struct shs_att att;
		pid_t child = shs_fork();

		if (!child) {
			shs_say(&ready);
			for (int n = 0; n < 200; n++)
				increment(variant->door, fd, 1);
			_exit(0);
		}
		shs_hear(&ready);
		ASSERT_EQ(0, shs_attach_only(&att, fd));
		EXPECT_EQ(0, shs_reap(child));
		EXPECT_EQ(200, shs_load(fd, 1));
		close(att.fd);
		close(fd);
		close(ready.end[0]);
		close(ready.end[1]);
	}
}

TEST_HARNESS_MAIN
