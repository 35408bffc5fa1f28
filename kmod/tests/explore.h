/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every interleaving, or many random ones, of a simulated world.
 *
 * A world is one block of memory without pointers out of it but to itself and to
 * code, so it can be saved and put back.  step() does one event that it picks by
 * explore_choose(); all that is left to chance asks there.  Exhaustive search saves
 * the world before each step and tries all answers; a random walk draws them.
 */
#ifndef _SHS_TESTS_EXPLORE_H
#define _SHS_TESTS_EXPLORE_H

#include "env.h"

struct explore {
	const char *name;
	void *world;
	size_t size;
	void (*start)(void);	/* fills the zeroed world */
	bool (*step)(void);	/* false: nothing can happen any more */
	void (*check)(void);	/* what holds between any two steps */
	void (*end)(void);	/* what holds when nothing can happen any more */
	void (*show)(void);	/* one line about the world */
};

/* 0 <= result < n */
unsigned int explore_choose(unsigned int n);
/* What the step is, for the story of a failure. */
__attribute__((format(printf, 1, 2))) void explore_say(const char *fmt, ...);

/* Fails when these are too many. */
void explore_all(const struct explore *e);
void explore_random(const struct explore *e, u64 seed, unsigned int steps);

/* Marsaglia's xorshift: the same walk for the same seed everywhere. */
static inline u64 explore_number(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
