// SPDX-License-Identifier: GPL-2.0-only
#include "box.h"

#define COUNT	3
#define STEPS	60000

static struct box box;

static void start(void)
{
	box_init(&box, SHS_KIND_COUNTER, 0, 4);
	box.obj.count = COUNT;
	box.obj.geo.value_size = COUNT * sizeof(s64);
}

static u64 sum(u32 index)
{
	u64 v;

	spin_lock(&box.obj.lock);
	shs_counter_sum(&box.obj, index, &v);
	spin_unlock(&box.obj.lock);
	return v;
}

static void add(u32 index, u64 v)
{
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_counter_add(&box.obj, NULL, index, v), 0);
	spin_unlock(&box.obj.lock);
}

static u64 reset(u32 index, u64 v)
{
	u64 old;

	spin_lock(&box.obj.lock);
	shs_counter_reset(&box.obj, index, v, &old);
	spin_unlock(&box.obj.lock);
	return old;
}

/* All 64 bits, both signs, wrapping at both ends; neighbours unchanged. */
TEST(counter_wraps)
{
	start();
	add(1, ~0ULL >> 1);
	CHECK_EQ(sum(1), ~0ULL >> 1);
	add(1, 1);
	CHECK_EQ(sum(1), 1ULL << 63);
	add(1, -1ULL);
	CHECK_EQ(sum(1), ~0ULL >> 1);
	box.private[2].lanes[3][1] = 1;
	CHECK_EQ(sum(1), 1ULL << 63);
	CHECK_EQ(reset(1, -5ULL), 1ULL << 63);
	CHECK_EQ(sum(1), -5);
	CHECK_EQ(box.private[2].lanes[3][1], 1);
	CHECK_EQ(sum(0), 0);
	CHECK_EQ(sum(2), 0);
}

/* Lanes that nobody marked are not looked at, alive or dead, nor bits beyond the last. */
TEST(counter_lanes_in_use)
{
	unsigned int i, lane;

	start();
	for (i = 0; i < 2; i++)
		for (lane = 0; lane < BOX_LANES; lane++)
			box.private[i].lanes[lane][0] = 1ULL << (8 * i + lane);
	box.private[0].head.used = ~0ULL << 2;
	box.private[1].head.used = 1ULL << 1 | 1ULL << 63;
	CHECK_EQ(sum(0), 1 << 2 | 1 << 3 | 1 << 9);
	box_die(&box, 0);
	CHECK_EQ(sum(0), 1 << 2 | 1 << 3 | 1 << 9);
	box.obj.geo.lanes = 1;
	CHECK_EQ(sum(0), 1 << 2 | 1 << 3);
	box.obj.geo.lanes = 0;
	CHECK_EQ(sum(0), 1 << 2 | 1 << 3);
}

/* What the dead added stays; being repaired again adds nothing. */
TEST(counter_death)
{
	unsigned int i, lane;

	start();
	for (i = 0; i < 4; i++)
		for (lane = 0; lane < BOX_LANES; lane++)
			box.private[i].lanes[lane][2] = 10 * i + lane;
	CHECK_EQ(sum(2), 264);
	box_die(&box, 1);
	CHECK_EQ(sum(2), 264);
	box_die(&box, 1);
	CHECK_EQ(sum(2), 264);
	xa_erase(&box.obj.atts, 2);
	CHECK_EQ(sum(2), 264);
	box_die(&box, 3);
	box.private[3].lanes[0][2] = 1000000;	/* nobody can, but nobody looks either */
	CHECK_EQ(sum(2), 264);
	CHECK_EQ(env.deaths, 0);	/* a counter has no holders */
}

/* An attachment whose private region is not mapped yet has no say. */
TEST(counter_new_attachment)
{
	start();
	box.att[0].state = SHS_ATT_NEW;
	box.private[0].lanes[0][0] = 7;
	CHECK_EQ(sum(0), 0);
}

static u64 state = 0x5eed0006;

static u64 draw(u64 n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % n;
}

static u64 some_number(void)
{
	static const u64 numbers[] = {
		1, -1ULL, 1000, ~0ULL >> 1, 1ULL << 63, 0x123456789abcdefULL,
	};

	return numbers[draw(ARRAY_SIZE(numbers))];
}

static void attach_anew(unsigned int i)
{
	memset(box.private[i].lanes, 0, sizeof(box.private[i].lanes));
	box.att[i].state = SHS_ATT_LIVE;
}

/* Adds to lanes and to the base, resets, deaths and new lives: the sum is exact. */
TEST(counter_random)
{
	u64 total[COUNT] = { 0 }, v;
	unsigned int i, n, index;

	test_note("seed %#llx, %u steps", state, STEPS);
	start();
	for (n = 0; n < STEPS; n++) {
		env_new_step();
		index = draw(COUNT);
		i = draw(4);
		v = some_number();
		switch (draw(8)) {
		case 0:
			add(index, v);
			total[index] += v;
			break;
		case 1:
			CHECK_EQ(reset(index, v), total[index]);
			total[index] = v;
			break;
		case 2:
			box_die(&box, i);
			break;
		case 3:
			if (box.att[i].state == SHS_ATT_DEAD)
				attach_anew(i);
			break;
		default:
			if (box.att[i].state != SHS_ATT_LIVE)
				break;
			box.private[i].lanes[draw(BOX_LANES)][index] += v;
			total[index] += v;
		}
		CHECK_EQ(sum(index), total[index]);
	}
}

/* What lives only: the sum is what the living added, by themselves or by the kernel. */
static u64 added[4][COUNT];

static int add_live(unsigned int i, u32 index, u64 v)
{
	int ret;

	spin_lock(&box.obj.lock);
	ret = shs_counter_add(&box.obj, &box.att[i], index, v);
	spin_unlock(&box.obj.lock);
	return ret;
}

TEST(counter_live)
{
	u64 mine[4][COUNT] = { 0 }, base[COUNT] = { 0 }, total, v;
	unsigned int i, n, index, other;

	start();
	box.obj.flags = SHS_INIT_LIVE;
	memset(added, 0, sizeof(added));
	for (i = 0; i < 4; i++)
		box.att[i].added = added[i];
	for (n = 0; n < STEPS; n++) {
		env_new_step();
		index = draw(COUNT);
		i = draw(4);
		v = some_number();
		for (total = base[index], other = 0; other < 4; other++)
			total += mine[other][index];
		switch (draw(6)) {
		case 0:
			CHECK_EQ(add_live(i, index, v),
				 box.att[i].state == SHS_ATT_LIVE ? 0 : -ENXIO);
			if (box.att[i].state == SHS_ATT_LIVE)
				mine[i][index] += v;
			break;
		case 1:
			CHECK_EQ(reset(index, v), total);
			base[index] += v - total;
			break;
		case 2:
			box_die(&box, i);
			memset(mine[i], 0, sizeof(mine[i]));
			break;
		case 3:
			if (box.att[i].state != SHS_ATT_DEAD)
				break;
			attach_anew(i);
			memset(added[i], 0, sizeof(added[i]));
			break;
		default:
			if (box.att[i].state != SHS_ATT_LIVE)
				break;
			box.private[i].lanes[draw(BOX_LANES)][index] += v;
			mine[i][index] += v;
		}
		for (total = base[index], other = 0; other < 4; other++)
			total += mine[other][index];
		CHECK_EQ(sum(index), total);
	}
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_counter_add(&box.obj, NULL, 0, 1), -ENXIO);
	box.att[0].state = SHS_ATT_NEW;
	CHECK_EQ(shs_counter_add(&box.obj, &box.att[0], 0, 1), -ENXIO);
	spin_unlock(&box.obj.lock);
}

static u64 greatest;

static void add_some(enum env_access access, const void *p)
{
	if (draw(2))
		return;
	box.private[draw(4)].lanes[draw(BOX_LANES)][0] += 3;
	greatest += 3;
}

/* Beside adds of one sign: between the total before and the total after. */
TEST(counter_sum_amid_adds)
{
	u64 least, seen;
	int n;

	start();
	greatest = 0;
	env_race = add_some;
	for (n = 0; n < 2000; n++) {
		env_new_step();
		least = greatest;
		seen = sum(0);
		CHECK(seen >= least && seen <= greatest);
	}
	CHECK(greatest > 2000);
}
