// SPDX-License-Identifier: GPL-2.0-only
/* Once: who holds, runs the initialiser. */
#include "world.h"

#define ONCE_VALUE	0x123456789abcdef

enum {
	COMPLETE = KIND_EVENT,
	GIVE_UP,
};

static void kernel_events(struct actor *a)
{
	if (a->state != HOLDS)
		return;
	world_event(a, COMPLETE);
	if (a->does & ABANDON)
		world_event(a, GIVE_UP);
}

/* As once_finish() in lock.c. */
static void do_event(struct actor *a, unsigned int event)
{
	struct shs_attachment *att = &world_process(a)->att;
	struct shs_wakes wakes = { };
	const u64 value = ONCE_VALUE;
	int ret = -ENXIO;

	explore_say("%s %s", world_name(a), event == COMPLETE ? "completes" : "gives up");
	spin_lock(&world.obj.lock);
	if (att->state == SHS_ATT_LIVE)
		ret = shs_once_finish(&world.obj, att->id, event == COMPLETE, &value);
	shs_pass(&world.obj, &wakes);
	spin_unlock(&world.obj.lock);
	shs_wakes_flush(&wakes);
	CHECK_EQ(ret, att->state == SHS_ATT_LIVE ? 0 : -ENXIO);
	if (!ret) {
		world.done |= event == COMPLETE;
		world.poisoned = event == GIVE_UP && world_config->flags & SHS_INIT_POISON;
	}
	world_cycle(a);
}

static void acquired(struct actor *a, int ret)
{
	CHECK_EQ(shs_once_state(&world.obj), a->w.reply);
	if (a->w.reply == SHS_ONCE_DONE) {
		CHECK(world.done && !ret);
		world_cycle(a);
		return;
	}
	CHECK_EQ(a->w.reply, SHS_ONCE_RUNNING);
	CHECK(!(a->does & (RDONLY | WATCH)));
	if (world.done)
		env_fail("%s runs what is done", world_name(a));
	if (world.poisoned && !(a->does & FORCE))
		env_fail("%s runs what is poisoned", world_name(a));
	if ((ret == -EOWNERDEAD) != world.dirty)
		env_fail("%s is %s of a death", world_name(a), ret ? "told twice" : "not told");
	world.dirty = false;
	world.poisoned = false;
}

static bool owns(const struct process *p)
{
	return shs_once_state(&world.obj) == SHS_ONCE_RUNNING &&
	       world.obj.once.owner == p->att.id;
}

static u32 idle_state(void)
{
	return world.done ? SHS_ONCE_DONE :
	       world.poisoned ? SHS_ONCE_POISONED : SHS_ONCE_INCOMPLETE;
}

/* While nobody runs there are none but watchers, and these with something to wait for. */
static void check_waiters(void)
{
	const struct actor *a;

	for_each_actor(a) {
		if (a->state != WAITS || a->w.state != SHS_QUEUED || a->task.killed)
			continue;
		if (!a->w.watch)
			env_fail("%s waits and nobody runs", world_name(a));
		if (world.done || world.poisoned)
			env_fail("%s waits for what comes no more", world_name(a));
	}
}

/* Whole and for good with the end, nothing before. */
static void check_value(void)
{
	CHECK_EQ(world.control.value, world.done ? ONCE_VALUE : 0);
}

static void check(void)
{
	u32 state = shs_once_state(&world.obj);
	const struct actor *a, *runner = NULL;

	for_each_actor(a) {
		if (!world_owns(a))
			continue;
		if (runner)
			env_fail("%s and %s both run", world_name(a), world_name(runner));
		runner = a;
	}
	check_value();
	if (world_unrepaired(world.obj.once.owner))
		return;
	world_check_hold(runner);
	CHECK_EQ(state, runner ? SHS_ONCE_RUNNING : idle_state());
	CHECK_EQ(world.obj.once.owner, runner ? world_process(runner)->att.id : 0);
	if (!runner)
		check_waiters();
	if (world.dirty != (world.obj.once.died || world_notice_under_way()))
		env_fail("a death is %s", world.dirty ? "forgotten" : "told of again");
}

static void end(void)
{
	CHECK_EQ(world.obj.once.owner, 0);
	CHECK_EQ(shs_once_state(&world.obj), idle_state());
	CHECK(list_empty(&world.obj.queue) || world_head()->w.watch);
}

const struct kind once_kind = {
	.events = kernel_events,
	.do_event = do_event,
	.acquired = acquired,
	.owns = owns,
	.check = check,
	.end = end,
};
