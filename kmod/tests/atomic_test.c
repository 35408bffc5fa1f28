// SPDX-License-Identifier: GPL-2.0-only
/* Atomic operations against arithmetic in 128 bits, and against a racing process. */
#include "box.h"

static struct box box;

static const struct {
	u32 type;
	unsigned int bits;
	bool is_signed;
} types[] = {
	{ SHS_TYPE_BOOL, 1, false },
	{ SHS_TYPE_U8, 8, false }, { SHS_TYPE_I8, 8, true },
	{ SHS_TYPE_U16, 16, false }, { SHS_TYPE_I16, 16, true },
	{ SHS_TYPE_U32, 32, false }, { SHS_TYPE_I32, 32, true },
	{ SHS_TYPE_U64, 64, false }, { SHS_TYPE_I64, 64, true },
};

static const u64 numbers[] = {
	0, 1, 2, 0x55, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff, 0x7fff, 0x8000, 0xffff,
	0x7fffffff, 0x80000000, 0xffffffff, ~0ULL >> 1, 1ULL << 63, ~0ULL - 1, ~0ULL,
};

/* The value of the low bits, as a mathematician would have it. */
static __int128 meaning(unsigned int type, unsigned __int128 v)
{
	unsigned __int128 one = 1;

	v &= (one << types[type].bits) - 1;
	if (types[type].is_signed && v >> (types[type].bits - 1))
		return (__int128)v - ((__int128)1 << types[type].bits);
	return v;
}

static __int128 expected(unsigned int type, u32 op, __int128 a, __int128 b)
{
	switch (op) {
	case SHS_OP_LOAD:
		return a;
	case SHS_OP_STORE:
	case SHS_OP_SWAP:
		return b;
	case SHS_OP_FETCH_ADD:
		return meaning(type, a + b);
	case SHS_OP_FETCH_SUB:
		return meaning(type, a - b);
	case SHS_OP_FETCH_AND:
		return meaning(type, a & b);
	case SHS_OP_FETCH_NAND:
		return meaning(type, ~(a & b));
	case SHS_OP_FETCH_OR:
		return meaning(type, a | b);
	case SHS_OP_FETCH_XOR:
		return meaning(type, a ^ b);
	case SHS_OP_FETCH_MAX:
		return a > b ? a : b;
	case SHS_OP_FETCH_MIN:
		return a < b ? a : b;
	case SHS_OP_FETCH_NOT:
		return meaning(type, ~a);
	}
	env_fail("operation %u", op);
}

static int run(struct shs_ioc_op *op)
{
	int ret;

	env_new_step();
	spin_lock(&box.obj.lock);
	ret = shs_atomic_op(&box.obj, op);
	spin_unlock(&box.obj.lock);
	return ret;
}

static void set(u32 index, u64 v)
{
	u32 size = shs_type_size(box.obj.type);

	shs_number_store(box.obj.type, box.shared.value + index * size, v);
}

static u64 get(u32 index)
{
	u32 size = shs_type_size(box.obj.type);

	return shs_number_load(box.obj.type, box.shared.value + index * size);
}

static void check_one(unsigned int type, u32 opcode, u64 a, u64 b)
{
	struct shs_ioc_op op = { .op = opcode, .index = 1, .arg = b };

	set(0, 1);
	set(1, a);
	set(2, 1);
	CHECK_EQ(run(&op), 0);
	CHECK_EQ(get(1), (u64)expected(type, opcode, meaning(type, a), meaning(type, b)));
	CHECK_EQ(op.result, opcode == SHS_OP_STORE ? 0 : a);
	CHECK_EQ(get(0), 1);
	CHECK_EQ(get(2), 1);
}

TEST(atomic_arithmetic)
{
	unsigned int type, i, j;
	u32 op;
	u64 a, b;

	box_init(&box, SHS_KIND_ATOMIC, 0, 0);
	for (type = 0; type < ARRAY_SIZE(types); type++) {
		box.obj.type = types[type].type;
		for (i = 0; i < ARRAY_SIZE(numbers); i++)
			for (j = 0; j < ARRAY_SIZE(numbers); j++)
				for (op = SHS_OP_LOAD; op <= SHS_OP_FETCH_NOT; op++) {
					a = shs_number_wrap(box.obj.type, numbers[i]);
					b = shs_number_wrap(box.obj.type, numbers[j]);
					if (op != SHS_OP_CMPXCHG)
						check_one(type, op, a, b);
				}
	}
}

TEST(atomic_cmpxchg)
{
	struct shs_ioc_op op;
	unsigned int type, i, j;
	u64 a, b;

	box_init(&box, SHS_KIND_ATOMIC, 0, 0);
	for (type = 0; type < ARRAY_SIZE(types); type++) {
		box.obj.type = types[type].type;
		for (i = 0; i < ARRAY_SIZE(numbers); i++)
			for (j = 0; j < ARRAY_SIZE(numbers); j++) {
				a = shs_number_wrap(box.obj.type, numbers[i]);
				b = shs_number_wrap(box.obj.type, numbers[j]);
				set(0, a);
				op = (struct shs_ioc_op){
					.op = SHS_OP_CMPXCHG, .expected = b, .arg = 1,
				};
				CHECK_EQ(run(&op), a == b ? 0 : -EREMCHG);
				CHECK_EQ(op.result, a);
				CHECK_EQ(get(0), a == b ? 1 : a);
			}
	}
}

/* Whatever bits a process leaves in a bool, they are a bool to the kernel. */
TEST(atomic_hostile_bool)
{
	struct shs_ioc_op op;
	int i;

	box_init(&box, SHS_KIND_ATOMIC, 0, 0);
	box.obj.type = SHS_TYPE_BOOL;
	for (i = 0; i < 256; i++) {
		box.shared.value[0] = i;
		op = (struct shs_ioc_op){
			.op = SHS_OP_CMPXCHG, .expected = i & 1, .arg = !(i & 1),
		};
		CHECK_EQ(run(&op), 0);
		CHECK_EQ(op.result, i & 1);
		CHECK_EQ(box.shared.value[0], !(i & 1));
	}
}

static int races;

static void add_ten(enum env_access access, const void *p)
{
	if (access == ENV_CMPXCHG && p == box.shared.value && races) {
		races--;
		set(0, get(0) + 10);
	}
}

/* Lost races are run again on the new value; so nothing of it is lost. */
TEST(atomic_races)
{
	struct shs_ioc_op op = { .op = SHS_OP_FETCH_ADD, .arg = 1 };

	box_init(&box, SHS_KIND_ATOMIC, 0, 0);
	box.obj.type = SHS_TYPE_U32;
	env_race = add_ten;
	races = SHS_CAS_TRIES - 1;
	CHECK_EQ(run(&op), 0);
	CHECK_EQ(op.result, 10 * (SHS_CAS_TRIES - 1));
	CHECK_EQ(get(0), 10 * (SHS_CAS_TRIES - 1) + 1);
}

/* ... but not for ever, and then nothing happened. */
TEST(atomic_gives_up)
{
	struct shs_ioc_op op = { .op = SHS_OP_FETCH_ADD, .arg = 1 };

	box_init(&box, SHS_KIND_ATOMIC, 0, 0);
	box.obj.type = SHS_TYPE_U32;
	env_race = add_ten;
	races = 1000;
	CHECK_EQ(run(&op), -EAGAIN);
	CHECK_EQ(races, 1000 - SHS_CAS_TRIES);
	CHECK_EQ(get(0), 10 * SHS_CAS_TRIES);
}
