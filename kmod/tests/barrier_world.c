// SPDX-License-Identifier: GPL-2.0-only
/* Barrier: processes of one thread each are its parties. */
#include "world.h"

enum {
	LEAVES = KIND_EVENT,
	RESETS,
	SETS_FEWER,
};

static u32 parties(void)
{
	return *(u32 *)shs_value(&world.obj);
}

static void kernel_events(struct actor *a)
{
	if (a->state != IDLE || world_process(a)->att.state != SHS_ATT_LIVE)
		return;
	if (a->does & LEAVE && world.parties)
		world_event(a, LEAVES);
	if (a->does & RESET && world.broken)
		world_event(a, RESETS);
	if (a->does & FEWER && world.parties > 1)
		world_event(a, SETS_FEWER);
}

static void leaves(struct actor *a)
{
	CHECK_EQ(shs_barrier_leave(&world_process(a)->att), 0);
	world.parties--;
	world_process(a)->arrived = 0;
	a->state = DONE;
}

/* As change_and_pass() in barwait.c. */
static void do_event(struct actor *a, unsigned int event)
{
	static const char * const what[] = { "leaves", "resets it", "makes it fewer" };
	struct shs_wakes wakes = { };

	explore_say("%s %s", world_name(a), what[event - KIND_EVENT]);
	spin_lock(&world.obj.lock);
	switch (event) {
	case LEAVES:
		leaves(a);
		break;
	case RESETS:
		shs_barrier_reset(&world.obj, &wakes);
		world.broken = false;
		world.generation++;
		break;
	case SETS_FEWER:
		shs_barrier_set(&world.obj, --world.parties);
		break;
	}
	shs_pass(&world.obj, &wakes);
	spin_unlock(&world.obj.lock);
	shs_wakes_flush(&wakes);
}

static void acquired(struct actor *a, int ret)
{
	if (ret)
		CHECK_EQ(a->w.reply, SHS_BARRIER_BROKEN);
	else
		CHECK(!(a->w.reply & SHS_BARRIER_BROKEN));
	if (!ret && a->w.generation > world.generation) {
		world.released++;
		world.leaders += a->w.reply == SHS_BARRIER_LEADER;
		world_process(a)->arrived = a->w.generation;
	}
	world_cycle(a);
}

/* Expected again: it arrived in this generation or in the last one. */
static bool owns(const struct process *p)
{
	return p->arrived && p->arrived >= world.generation;
}

/* Released, and not returned yet. */
static bool is_released(const struct actor *a, u64 generation)
{
	return a->state == WAITS && a->w.state == SHS_SETTLED && !a->w.result &&
	       a->w.generation == generation;
}

/* This step ended a generation: by enough who waited, of whom one leads. */
static void check_end_of_generation(void)
{
	u32 released = world.released, leaders = world.leaders;
	u64 ended = ++world.generation;
	const struct actor *a;

	for_each_actor(a) {
		if (!is_released(a, ended))
			continue;
		CHECK_EQ(world_process(a)->att.state, SHS_ATT_LIVE);
		released++;
		leaders += a->w.reply == SHS_BARRIER_LEADER;
	}
	if (!released || released < world.parties)
		env_fail("%u of %u were released", released, world.parties);
	if (leaders != 1)
		env_fail("%u lead", leaders);
	world.released = 0;
	world.leaders = 0;
}

/* Whose arrival was seen by now; to be told of a death is none. */
static void note_arrivals(void)
{
	const struct actor *a;

	for_each_actor(a) {
		if (a->state != WAITS || world_process(a)->att.state != SHS_ATT_LIVE)
			continue;
		if (a->w.state == SHS_QUEUED)
			world_process(a)->arrived = world.generation + 1;
		else if (is_released(a, world.generation))
			world_process(a)->arrived = world.generation;
	}
}

static void note_deaths(void)
{
	struct process *p;

	for_each_process(p) {
		if (p->state != RELEASED && p->att.state != SHS_ATT_DEAD)
			continue;
		world.broken |= owns(p);
		p->arrived = 0;
	}
}

static void check(void)
{
	note_deaths();
	if (world.obj.barrier.generation != world.generation)
		check_end_of_generation();
	note_arrivals();
	CHECK_EQ(world.obj.barrier.generation, world.generation);
	CHECK_EQ(parties(), world.parties);
	if (world.obj.barrier.broken != world.broken)
		env_fail("it is %s", world.broken ? "whole after a death" : "broken");
	if (world.broken && world.obj.waiters)
		env_fail("somebody waits at what is broken");
	if (world.obj.waiters && world.obj.waiters >= world.parties)
		env_fail("all %u are there and wait", world.parties);
}

/* Who waits, waits for one that never came or gave up, and is not dead. */
static void end(void)
{
	CHECK(list_empty(&world.obj.queue) || world.obj.waiters < world.parties);
}

const struct kind barrier_kind = {
	.events = kernel_events,
	.do_event = do_event,
	.acquired = acquired,
	.owns = owns,
	.check = check,
	.end = end,
};
