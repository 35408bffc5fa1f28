// SPDX-License-Identifier: GPL-2.0-only
/*
 * In place of ../explore.c: a bounded walk at random through each world, the small ones
 * too.  All of their states take user space a minute, and a debug kernel in a guest
 * more than a hundred; what was proved there is only to hold here as well, with the
 * kernel's compiler, locks and atomics under it.
 */
#include "explore.h"

#define STEPS_MAX (IS_ENABLED(CONFIG_PROVE_LOCKING) ? 1000 : 20000)

static const struct explore *now;
static u64 random_state, first_seed;
static unsigned int steps_done;

unsigned int explore_choose(unsigned int n)
{
	return n < 2 ? 0 : (explore_number(&random_state) >> 20) % n;
}

void explore_say(const char *fmt, ...)
{
}

static void tell(void)
{
	test_note("%s: seed %#llx, step %u", now->name, first_seed, steps_done);
}

static void start_world(void)
{
	env_reset();
	memset(now->world, 0, now->size);
	now->start();
	now->check();
}

static bool step_world(void)
{
	bool more;

	env_new_step();
	more = now->step();
	if (env.locks)
		env_fail("a step ends with a lock held");
	env_race = NULL;
	if (more)
		now->check();
	else
		now->end();
	cond_resched();
	return more;
}

void explore_random(const struct explore *e, u64 seed, unsigned int steps)
{
	steps = min_t(unsigned int, steps, STEPS_MAX);
	now = e;
	random_state = seed;
	first_seed = seed;
	test_on_failure = tell;
	for (steps_done = 0; steps_done < steps;) {
		start_world();
		while (steps_done++ < steps && step_world())
			;
	}
}

void explore_all(const struct explore *e)
{
	explore_random(e, 0x5eed, STEPS_MAX);
}
