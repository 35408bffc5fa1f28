// SPDX-License-Identifier: GPL-2.0-only
/* Semaphore: who holds, holds one or two permits. */
#include "world.h"

static u32 available(void)
{
	return *(u32 *)shs_value(&world.obj);
}

static void acquired(struct actor *a, int ret)
{
	CHECK_EQ(ret, 0);
}

static bool owns(const struct process *p)
{
	return p->att.held;
}

static u32 permits(const struct actor *a)
{
	return a->does & TWO ? 2 : 1;
}

/* That p's threads hold, or are about to return with. */
static u32 held_by(const struct process *p)
{
	const struct actor *a;
	u32 n = 0;

	for_each_actor(a)
		if (world_process(a) == p && world_owns(a) && !(a->does & NO_UNDO))
			n += permits(a);
	return n;
}

/* What a death gives back is what is held; that of who is not repaired is its own yet. */
static u32 check_held(void)
{
	const struct process *p;
	u32 held = 0;

	for_each_process(p) {
		if (!p->att.obj || p->state == RELEASED)
			continue;
		if (!world_unrepaired(p->att.id))
			CHECK_EQ(p->att.held, held_by(p));
		held += p->att.held;
	}
	CHECK_EQ(world.obj.semaphore.held, held);
	return held;
}

/* Somebody died who perhaps had some that nobody gives back. */
static bool may_lose(void)
{
	const struct actor *a;

	if (world.kills == world_config->kills && world.unmaps == world_config->unmaps)
		return false;
	for_each_actor(a)
		if (a->does & NO_UNDO)
			return true;
	return false;
}

static void check_sum(u32 held)
{
	u32 sum = available() + held, all = world_config->value[0];
	const struct actor *a;

	for_each_actor(a)
		if (a->does & NO_UNDO && world_owns(a))
			sum += permits(a);
	if (sum > all)
		env_fail("%u permits came from nowhere", sum - all);
	if (sum < all && !may_lose())
		env_fail("%u permits are lost", all - sum);
}

/* Whoever fits was served, but behind one that goes first. */
static void check_waiters(void)
{
	const struct shs_waiter *w;

	if (world_is_frozen())
		return;
	list_for_each_entry(w, &world.obj.queue, node) {
		if (w->permits <= available())
			env_fail("%s waits for permits that are there",
				 world_name(world_actor_of(w)));
		if (world_config->flags & SHS_INIT_FIFO ||
		    env.now_ns - w->since_ns >= SHS_HANDOFF_NS)
			return;
	}
}

static void check(void)
{
	check_sum(check_held());
	check_waiters();
}

static void end(void)
{
	CHECK_EQ(world.obj.semaphore.held, 0);
	CHECK(list_empty(&world.obj.queue));
}

const struct kind semaphore_kind = {
	.acquired = acquired,
	.owns = owns,
	.check = check,
	.end = end,
};
