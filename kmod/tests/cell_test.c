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

/* In place there is one slot, which a writer changes and a reader copies as it is. */
TEST(cell_in_place)
{
	u8 copy[SIZE];

	start();
	box.obj.geo.slot_stride = 0;
	CHECK(shs_slot_published(&box.obj) == box.shared.value);
	CHECK(shs_slot_hidden(&box.obj) == box.shared.value);
	memset(box.shared.value, 7, SIZE);
	shs_slot_publish(&box.obj);
	CHECK_EQ(box.shared.head.sequence, 0);
	CHECK(shs_value_snapshot(&box.obj, 0, SIZE, copy));
	CHECK(is_all(copy, 7));
}

static int publish_at, reads;

/* Another writer, just before the n-th look at the sequence. */
static void publish_meanwhile(enum env_access access, const void *p)
{
	if (access == ENV_READ && p == &box.shared.head.sequence && reads++ == publish_at) {
		publish(2);
		publish(3);
	}
}

/* A copy is of one value, or said to be none: whenever others publish, and how often. */
TEST(cell_snapshot)
{
	u8 copy[SIZE];
	u64 number;
	bool whole;

	for (publish_at = 0; publish_at < 3; publish_at++) {
		start();
		publish(1);
		reads = 0;
		env_race = publish_meanwhile;
		whole = shs_value_snapshot(&box.obj, 0, SIZE, copy);
		env_race = NULL;
		CHECK_EQ(whole, publish_at != 1);
		if (whole)
			CHECK(is_all(copy, publish_at ? 1 : 3));
	}
	for (publish_at = 0; publish_at < 3; publish_at++) {
		start();
		box.obj.type = SHS_TYPE_U32;
		publish(1);
		reads = 0;
		env_race = publish_meanwhile;
		whole = shs_number_snapshot(&box.obj, 2, &number);
		env_race = NULL;
		CHECK_EQ(whole, publish_at != 1);
		if (whole)
			CHECK_EQ(number, publish_at ? 0x01010101 : 0x03030303);
	}
}

/* As a cell, with a mutex around it: what the dead did not publish never was. */
TEST(cell_of_a_mutex)
{
	unsigned int filled;

	for (filled = 0; filled <= SIZE; filled++) {
		box_init(&box, SHS_KIND_MUTEX, SHS_INIT_COMMIT, 2);
		box.obj.geo.value_size = SIZE;
		box.obj.geo.slot_stride = 64;
		publish(1);
		CHECK_EQ(box_try(&box, 0, 0), 0);
		memset(shs_slot_hidden(&box.obj), 9, filled);
		box_die(&box, 0);
		CHECK(is_all(shs_slot_published(&box.obj), 1));
		CHECK_EQ(box_try(&box, 1, 0), -EOWNERDEAD);	/* it is news all the same */
	}
}
