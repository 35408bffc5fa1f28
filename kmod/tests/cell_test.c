// SPDX-License-Identifier: GPL-2.0-only
/* A process may be killed at any byte of a store: the old value stays whole. */
#include "box.h"

#define SIZE	40

static struct box box;

static void start(void)
{
	box_init(&box, SHS_KIND_CELL, 0, 2);
	box.obj.geo.value_size = SIZE;
	box.obj.geo.slot_stride = 64;
}

static bool is_all(const u8 *p, u8 byte)
{
	int i;

	for (i = 0; i < SIZE; i++)
		if (p[i] != byte)
			return false;
	return true;
}

static void publish(u8 byte)
{
	memset(shs_slot_hidden(&box.obj), byte, SIZE);
	shs_slot_publish(&box.obj);
}

TEST(cell_alternates_slots)
{
	start();
	CHECK((u8 *)shs_slot_published(&box.obj) == box.shared.value);
	publish(1);
	CHECK_EQ(box.shared.head.sequence, 1);
	CHECK((u8 *)shs_slot_published(&box.obj) == box.shared.value + 64);
	CHECK(is_all((u8 *)shs_slot_published(&box.obj), 1));
	publish(2);
	CHECK_EQ(box.shared.head.sequence, 2);
	CHECK((u8 *)shs_slot_published(&box.obj) == box.shared.value);
	CHECK(is_all((u8 *)shs_slot_published(&box.obj), 2));
	CHECK(is_all(box.shared.value + 64, 1));	/* who reads it still, is not disturbed */
	CHECK_EQ(box.shared.value[SIZE], 0);
	CHECK_EQ(box.shared.value[64 + SIZE], 0);
}

TEST(cell_writer_dies)
{
	unsigned int filled;

	for (filled = 0; filled <= SIZE; filled++) {
		start();
		publish(1);
		CHECK_EQ(box_try(&box, 0, 0), 0);
		memset(box.shared.value, 9, filled);
		box_die(&box, 0);
		CHECK_EQ(env.deaths, filled + 1);
		CHECK(is_all((u8 *)shs_slot_published(&box.obj), 1));
		CHECK_EQ(box_try(&box, 1, 0), 0);	/* no notice: nothing is broken */
		publish(3);
		CHECK(is_all((u8 *)shs_slot_published(&box.obj), 3));
	}
}

/* Only the lowest bit counts, so every sequence names a slot. */
TEST(cell_hostile_sequence)
{
	static const u64 some[] = { ~0ULL, ~0ULL - 1, 1ULL << 63, 0x6b6b6b6b6b6b6b6b, 2, 3 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(some); i++) {
		start();
		box.shared.head.sequence = some[i];
		CHECK((u8 *)shs_slot_published(&box.obj) == box.shared.value + (some[i] & 1) * 64);
		publish(5);
		CHECK_EQ(box.shared.head.sequence, some[i] + 1);
		CHECK(is_all((u8 *)shs_slot_published(&box.obj), 5));
	}
}
