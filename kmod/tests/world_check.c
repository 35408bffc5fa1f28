// SPDX-License-Identifier: GPL-2.0-only
/* What holds between any two steps, whatever the kind. */
#include "world.h"

/* Who was queued when the step began, in order. */
static const struct actor *order[ACTORS];
static unsigned int n_order;
static bool owned_before[ACTORS];
static bool frozen_before;

void world_remember_order(void)
{
	const struct shs_waiter *w;
	const struct actor *a;

	n_order = 0;
	list_for_each_entry(w, &world.obj.queue, node)
		order[n_order++] = world_actor_of(w);
	for_each_actor(a)
		owned_before[a - world.actor] = world_owns(a);
	frozen_before = world_is_frozen();
}

/* Whoever owns since this step did not overtake a waiter that queued before. */
static void check_order(void)
{
	const struct actor *a;
	unsigned int i;

	for_each_actor(a) {
		if (!world_owns(a) || owned_before[a - world.actor])
			continue;
		for (i = 0; i < n_order && order[i] != a; i++)
			if (order[i]->state == WAITS && order[i]->w.state == SHS_QUEUED &&
			    !order[i]->task.killed)
				env_fail("%s overtakes %s", world_name(a), world_name(order[i]));
	}
}

void world_check_queue(void)
{
	const struct shs_waiter *w;
	const struct actor *a;
	unsigned int n = 0;

	list_for_each_entry(w, &world.obj.queue, node) {
		a = world_actor_of(w);
		if (a->state != WAITS)
			env_fail("%s left, but its waiter is on the queue", world_name(a));
		if (w->state != SHS_QUEUED)
			env_fail("%s is settled, but on the queue", world_name(a));
		if (w->att && w->att->state != SHS_ATT_LIVE)
			env_fail("%s of a dead attachment is queued", world_name(a));
		if (world.obj.lost && !w->force)
			env_fail("%s waits for what is lost", world_name(a));
		if (++n > ACTORS)
			env_fail("the queue is a ring");
	}
	if (n != world.obj.waiters)
		env_fail("%u waiters are counted, %u are queued", world.obj.waiters, n);
	for_each_actor(a)
		if (a->state == WAITS && (a->w.state == SHS_SETTLED || a->w.kicked) &&
		    a->task.asleep)
			env_fail("%s was served, but sleeps", world_name(a));
}

void world_check_hold(const struct actor *holder)
{
	const struct shs_hold *h = &world.obj.hold;

	if (!holder) {
		if (h->id && !world_unrepaired(h->id))
			env_fail("nobody holds, but %u is remembered", h->id);
		return;
	}
	CHECK_EQ(h->id, world_process(holder)->att.id);
	CHECK(h->thread == &holder->task.pid);
	CHECK_EQ(h->mode, world_mode(holder));
	if (h->depth != holder->depth)
		env_fail("%s holds %u times, not %u", world_name(holder), holder->depth, h->depth);
}

/* Who is remembered is not freed, and freed when he is not. */
static void check_threads(void)
{
	const struct actor *a;

	for_each_actor(a)
		CHECK_EQ(a->task.pid.count, world.obj.hold.thread == &a->task.pid);
}

/* What nothing depends on would make new states of old ones. */
static void forget(void)
{
	world.obj.waits = 0;
	world.obj.wakes = 0;
	memset(&world.obj.death, 0, sizeof(world.obj.death));
	if (world.obj.kind == SHS_KIND_RWLOCK && !world_config->ticks)
		world.obj.rwlock.revoked_ns = 0;	/* no time goes by */
	env_forget();
}

/* As it was before the step: who thaws lets others in by the same step. */
static void check_frozen(void)
{
	const struct actor *a;

	CHECK_EQ(!!world.obj.freezers, world_is_frozen());
	if (frozen_before && world_is_frozen())
		for_each_actor(a)
			if (world_owns(a) && !owned_before[a - world.actor])
				env_fail("%s locks what is frozen", world_name(a));
}

void world_check(void)
{
	world_check_queue();
	check_frozen();
	check_threads();
	CHECK_EQ(world.obj.watchers, world_watchers());
	CHECK_EQ(world.control.head.waiting, world.obj.waiters);
	world_kind->check();
	if (!world_config->hostile)
		CHECK_EQ(world.obj.lost, world.lost);
	if (world.obj.kind == SHS_KIND_RWLOCK || world.obj.flags & SHS_INIT_FIFO)
		check_order();
	forget();
}
