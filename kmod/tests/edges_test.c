// SPDX-License-Identifier: GPL-2.0-only
/* The word in each of its states, and counters at the ends of their numbers: tables. */
#include <linux/limits.h>
#include "word_box.h"

struct repair {
	u32 before, after;
	u32 deaths;
};

/* Attachment 1 (id 1) dies: what was not its own stays as it was, to the last bit. */
static void check_repair(const struct repair *t, size_t n, u32 kind, u32 flags)
{
	size_t i;

	for (i = 0; i < n; i++) {
		start(kind, flags, t[i].before);
		box_die(&box, 0);
		if (word() != t[i].after)
			env_fail("%#x becomes %#x, not %#x", t[i].before, word(), t[i].after);
		CHECK_EQ(env.deaths, t[i].deaths);
		box_die(&box, 0);
		CHECK_EQ(word(), t[i].after);
		CHECK_EQ(env.deaths, t[i].deaths);
	}
}

TEST(edges_repair_of_word)
{
	static const struct repair mutex[] = {
		{ 0,		0,		0 },
		{ W,		W,		0 },
		{ D,		D,		0 },
		{ W | D,	W | D,		0 },
		{ 1,		D,		1 },
		{ 1 | W,	D,		1 },	/* nobody waits */
		{ 1 | D,	D,		1 },
		{ 1 | K,	D,		1 },	/* a K that was scribbled in */
		{ 2,		2,		0 },
		{ 2 | W,	2 | W,		0 },
		{ 2 | D,	2 | D,		0 },
		{ DEAD,		DEAD,		0 },
		{ NOBODY,	NOBODY,		0 },
		{ KERNEL,	KERNEL,		0 },
		{ KERNEL | D,	KERNEL | D,	0 },
	}, fifo[] = {
		{ K,		K,		0 },
		{ 1 | K,	K | D,		1 },
		{ 1,		K | D,		1 },
		{ 2 | K,	2 | K,		0 },
	}, cell[] = {
		{ 1,		0,		1 },
		{ 1 | W,	0,		1 },
		{ 2,		2,		0 },
	};

	check_repair(mutex, ARRAY_SIZE(mutex), SHS_KIND_MUTEX, 0);
	check_repair(fifo, ARRAY_SIZE(fifo), SHS_KIND_MUTEX, SHS_INIT_FIFO);
	check_repair(cell, ARRAY_SIZE(cell), SHS_KIND_CELL, 0);
}

#define ASLEEP	1		/* no result: the head was not served */

struct service {
	u32 before, young, old;		/* the word after, by the age of the head */
	int result;			/* of an old head; a young one is kicked */
};

/*
 * Attachment 2 (id 2) waits alone and the queue is served: a word that is owned keeps
 * its owner and gets W, a free or stale one goes to the head.
 */
static void check_pass(const struct service *t, size_t n, u32 flags, bool old)
{
	struct shs_wakes wakes = { };
	bool served;
	size_t i;

	for (i = 0; i < n; i++) {
		served = t[i].result != ASLEEP;
		start(SHS_KIND_MUTEX, flags, 1 | (flags & SHS_INIT_FIFO ? K : 0));
		CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
		box.shared.head.word = t[i].before;
		box.obj.mutex.kernel_holds = (t[i].before & SHS_WORD_OWNER) == KERNEL;
		env.now_ns += old ? SHS_HANDOFF_NS + 1 : 0;
		spin_lock(&box.obj.lock);
		shs_pass(&box.obj, &wakes);
		spin_unlock(&box.obj.lock);
		shs_wakes_flush(&wakes);
		if (word() != (old ? t[i].old : t[i].young))
			env_fail("%#x becomes %#x, not %#x", t[i].before, word(),
				 old ? t[i].old : t[i].young);
		CHECK_EQ(box.task[1].asleep, !served);
		CHECK_EQ(box.w[1].kicked, served && !old);
		CHECK_EQ(box.w[1].state, served && old ? SHS_SETTLED : SHS_QUEUED);
		if (served && old)
			CHECK_EQ(box.w[1].result, t[i].result);
	}
}

TEST(edges_pass_of_word)
{
	static const struct service eventual[] = {
		{ 1,		1 | W,		1 | W,		ASLEEP },
		{ 1 | W,	1 | W,		1 | W,		ASLEEP },
		{ 1 | D,	1 | D | W,	1 | D | W,	ASLEEP },
		{ KERNEL,	KERNEL | W,	KERNEL | W,	ASLEEP },
		{ 0,		0,		2,		0 },
		{ W,		0,		2,		0 },
		{ D,		D,		2,		-EOWNERDEAD },
		{ W | D,	D,		2,		-EOWNERDEAD },
		{ DEAD,		D,		2,		-EOWNERDEAD },
		{ GONE | W,	D,		2,		-EOWNERDEAD },
		{ NOBODY,	D,		2,		-EOWNERDEAD },
	}, fifo[] = {
		{ 1 | K,	1 | K | W,	1 | K | W,	ASLEEP },
		{ K,		2 | K,		2 | K,		0 },
		{ K | D,	2 | K,		2 | K,		-EOWNERDEAD },
		{ GONE | K,	2 | K,		2 | K,		-EOWNERDEAD },
	};

	check_pass(eventual, ARRAY_SIZE(eventual), 0, false);
	check_pass(eventual, ARRAY_SIZE(eventual), 0, true);
	check_pass(fifo, ARRAY_SIZE(fifo), SHS_INIT_FIFO, true);
}

/* Beyond the ends: around, to the end and no farther, or not at all. */
TEST(edges_counter)
{
	static const struct {
		s64 base, arg;
		s64 wraps, saturates;
		int checks;
	} t[] = {
		{ 0, 0, 0, 0, 0 },
		{ S64_MAX, 0, S64_MAX, S64_MAX, 0 },
		{ S64_MAX - 1, 1, S64_MAX, S64_MAX, 0 },
		{ S64_MAX, 1, S64_MIN, S64_MAX, -ERANGE },
		{ S64_MAX, S64_MAX, -2, S64_MAX, -ERANGE },
		{ S64_MIN, -1, S64_MAX, S64_MIN, -ERANGE },
		{ S64_MIN, S64_MIN, 0, S64_MIN, -ERANGE },
		{ S64_MIN + 1, -1, S64_MIN, S64_MIN, 0 },
		{ S64_MIN, S64_MAX, -1, -1, 0 },
		{ S64_MAX, S64_MIN, -1, -1, 0 },
		{ -1, S64_MIN, S64_MAX, S64_MIN, -ERANGE },
		{ 1, S64_MAX, S64_MIN, S64_MAX, -ERANGE },
		{ 0, S64_MIN, S64_MIN, S64_MIN, 0 },
	};
	static const u32 flags[] = { 0, SHS_INIT_SATURATE, SHS_INIT_CHECK };
	size_t i, policy;
	s64 expected;
	u64 sum;
	int ret;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		for (policy = 0; policy < ARRAY_SIZE(flags); policy++) {
			box_init(&box, SHS_KIND_COUNTER, flags[policy], 0);
			box.obj.count = 3;
			box.control.base[1] = t[i].base;
			spin_lock(&box.obj.lock);
			ret = shs_counter_add(&box.obj, NULL, 1, t[i].arg);
			shs_counter_sum(&box.obj, 1, &sum);
			spin_unlock(&box.obj.lock);
			expected = flags[policy] & SHS_INIT_SATURATE ? t[i].saturates : t[i].wraps;
			if (flags[policy] & SHS_INIT_CHECK && t[i].checks)
				expected = t[i].base;
			CHECK_EQ(ret, flags[policy] & SHS_INIT_CHECK ? t[i].checks : 0);
			CHECK_EQ(sum, expected);
			CHECK(!box.control.base[0] && !box.control.base[2]);
		}
}
