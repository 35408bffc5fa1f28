// SPDX-License-Identifier: GPL-2.0-only
/* Numbers at the edges of each type. */
#include "core.h"
#include "test.h"

static const struct {
	u32 type, size;
	u64 min, max;		/* as the interface has them: extended to 64 bits */
} types[] = {
	{ SHS_TYPE_BOOL, 1, 0, 1 },
	{ SHS_TYPE_U8, 1, 0, 0xff },
	{ SHS_TYPE_I8, 1, -0x80LL, 0x7f },
	{ SHS_TYPE_U16, 2, 0, 0xffff },
	{ SHS_TYPE_I16, 2, -0x8000LL, 0x7fff },
	{ SHS_TYPE_U32, 4, 0, 0xffffffff },
	{ SHS_TYPE_I32, 4, -0x80000000LL, 0x7fffffff },
	{ SHS_TYPE_U64, 8, 0, ~0ULL },
	{ SHS_TYPE_I64, 8, 1ULL << 63, ~0ULL >> 1 },
};

TEST(value_sizes)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		CHECK_EQ(shs_type_size(types[i].type), types[i].size);
		CHECK(shs_type_is_number(types[i].type));
		CHECK_EQ(shs_type_is_signed(types[i].type), types[i].min != 0);
	}
	CHECK_EQ(shs_type_size(SHS_TYPE_BYTES), 1);
	CHECK(!shs_type_is_number(SHS_TYPE_BYTES));
	CHECK_EQ(shs_type_size(SHS_TYPE_NONE), 0);
	CHECK(!shs_type_is_number(SHS_TYPE_NONE));
	CHECK_EQ(shs_type_size(SHS_TYPE_I64 + 1), 0);
	CHECK(!shs_type_is_number(SHS_TYPE_I64 + 1));
	CHECK_EQ(shs_type_size(~0U), 0);
	CHECK(!shs_type_is_number(~0U));
}

/* One beyond an end comes out at the other; only what fits stays what it is. */
TEST(value_fits_and_wraps)
{
	unsigned int i;
	u64 min, max;
	u32 type;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		type = types[i].type;
		min = types[i].min;
		max = types[i].max;
		CHECK(shs_number_fits(type, min) && shs_number_fits(type, max));
		CHECK(shs_number_fits(type, 0) && shs_number_fits(type, 1));
		CHECK_EQ(shs_number_wrap(type, max + 1), min);
		CHECK_EQ(shs_number_wrap(type, min - 1), max);
		if (types[i].size == 8)
			continue;
		CHECK(!shs_number_fits(type, max + 1) && !shs_number_fits(type, min - 1));
		CHECK(!shs_number_fits(type, 1ULL << 63) && !shs_number_fits(type, ~0ULL >> 1));
		CHECK_EQ(shs_number_fits(type, ~0ULL), min != 0);
	}
}

/* A store writes its own bytes only, and a load reads them back extended. */
TEST(value_load_and_store)
{
	static const u64 some[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x1234, 0x8000, 0x7fffffff,
				    0x80000000, 0x123456789abcdef0, ~0ULL >> 1, 1ULL << 63, ~0ULL };
	unsigned int i, j, k;
	u8 memory[24];
	u32 type;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		type = types[i].type;
		for (j = 0; j < ARRAY_SIZE(some); j++) {
			memset(memory, 0xa5, sizeof(memory));
			shs_number_store(type, memory + 8, shs_number_wrap(type, some[j]));
			CHECK_EQ(shs_number_load(type, memory + 8), shs_number_wrap(type, some[j]));
			for (k = 0; k < sizeof(memory); k++)
				if (k < 8 || k >= 8 + types[i].size)
					CHECK_EQ(memory[k], 0xa5);
		}
	}
}

/* A process may write any bit pattern over a bool. */
TEST(value_hostile_bool)
{
	u8 memory;
	int i;

	for (i = 0; i < 256; i++) {
		memory = i;
		CHECK_EQ(shs_number_load(SHS_TYPE_BOOL, &memory), i & 1);
	}
}

/* Bytes that are to become bools have to be some; other types take any. */
TEST(value_bytes_valid)
{
	static const u8 good[] = { 0, 1, 1, 0 }, bad[] = { 0, 1, 0, 2 }, high[] = { 0x80 };

	CHECK(shs_bytes_valid(SHS_TYPE_BOOL, good, sizeof(good)));
	CHECK(!shs_bytes_valid(SHS_TYPE_BOOL, bad, sizeof(bad)));
	CHECK(shs_bytes_valid(SHS_TYPE_BOOL, bad, sizeof(bad) - 1));
	CHECK(!shs_bytes_valid(SHS_TYPE_BOOL, high, sizeof(high)));
	CHECK(shs_bytes_valid(SHS_TYPE_BOOL, bad, 0));
	CHECK(shs_bytes_valid(SHS_TYPE_U8, bad, sizeof(bad)));
	CHECK(shs_bytes_valid(SHS_TYPE_BYTES, bad, sizeof(bad)));
}
