// SPDX-License-Identifier: GPL-2.0-only
/* Mutex and cell: user space uses the word by itself. */
#include "world.h"

enum {
	CAS_LOCK = KIND_EVENT,
	CAS_UNLOCK,
};

static u32 owner(void)
{
	return world.shared.head.word & SHS_WORD_OWNER;
}

static void user_events(struct actor *a)
{
	const struct process *p = world_process(a);

	if (!(a->does & FAST) || p->att.state != SHS_ATT_LIVE)
		return;
	if (a->state == IDLE && !world.shared.head.word)
		world_event(a, CAS_LOCK);
	if (a->state == HOLDS && world.shared.head.word == p->att.id)
		world_event(a, CAS_UNLOCK);
}

static void do_event(struct actor *a, unsigned int event)
{
	switch (event) {
	case CAS_LOCK:
		explore_say("%s locks by itself", world_name(a));
		world.shared.head.word = world_process(a)->att.id;
		a->state = HOLDS;
		a->depth = 1;
		CHECK(!world.dirty || world_config->hostile);
		break;
	case CAS_UNLOCK:
		explore_say("%s unlocks by itself", world_name(a));
		world.shared.head.word = 0;
		world_cycle(a);
		break;
	}
}

static bool races_at(enum env_access access, const void *p)
{
	return access != ENV_READ && p == &world.shared.head.word;
}

static void acquired(struct actor *a, int ret)
{
	if (world_config->hostile)
		return;
	if (a->process < 0) {
		CHECK_EQ(ret, 0);
		return;
	}
	if ((ret == -EOWNERDEAD) != world.dirty)
		env_fail("%s is %s of a death", world_name(a),
			 ret ? "told twice" : "not told");
	if (!(world_config->flags & SHS_INIT_STRICT))
		world.dirty = false;
}

static bool owns(const struct process *p)
{
	return owner() == p->att.id;
}

static void check_holders(void)
{
	const struct actor *a, *holder = NULL;
	u32 singles = 0, id;

	for_each_actor(a) {
		if (!world_owns(a))
			continue;
		if (a->process < 0)
			singles++;
		else if (holder)
			env_fail("%s and %s both hold", world_name(holder), world_name(a));
		else
			holder = a;
		id = a->process < 0 ? SHS_ID_KERNEL : world_process(a)->att.id;
		if (owner() != id)
			env_fail("%s holds, but the word is %#x", world_name(a),
				 world.shared.head.word);
	}
	if (holder && singles)
		env_fail("%s holds beside a single operation", world_name(holder));
	CHECK_EQ(world.obj.mutex.kernel_holds, singles);
	if (owner() && !holder && !singles && !world_unrepaired(owner()))
		env_fail("nobody holds, but the word is %#x", world.shared.head.word);
	if (shs_mutex_new_word(world.obj.flags))	/* else user space takes it alone */
		world_check_hold(holder);
}

/*
 * Told exactly once: D is there, or its cause, or somebody who is to be told.  In the
 * strict sense until somebody declares the value good, so D stays.
 */
static void check_died(void)
{
	bool kept = world.shared.head.word & SHS_WORD_DIED;

	if (world.obj.kind == SHS_KIND_MUTEX && !(world.obj.flags & SHS_INIT_IGNORE))
		kept |= world_unrepaired(owner());
	if (!(world.obj.flags & SHS_INIT_STRICT))
		kept |= world_notice_under_way();
	if (kept && !world.dirty)
		env_fail("a death is told of that was told before");
	if (!kept && world.dirty)
		env_fail("a death is forgotten");
}

/* Whether user space must leave the word to the kernel. */
static bool needs_kernel(void)
{
	return shs_mutex_new_word(world.obj.flags) || world.lost || world_watchers();
}

/* By a single operation that still holds what was lost. */
static bool recovered_under_way(void)
{
	return world_config->flags & SHS_INIT_STRICT && owner() == SHS_ID_KERNEL;
}

static void check_waiters(void)
{
	const struct actor *head = world_head();
	u32 word = world.shared.head.word;

	if (needs_kernel() && !(word & SHS_WORD_KERNEL))
		env_fail("K is not there");
	if (!needs_kernel() && word & SHS_WORD_KERNEL && !recovered_under_way())
		env_fail("K is still there");
	if (!head || world_is_frozen())
		return;
	if (!(word & SHS_WORD_WAITERS) && !head->w.kicked)
		env_fail("%s waits without W", world_name(head));
	if (!owner() && !head->w.kicked)
		env_fail("%s waits for a free lock and nobody is on the way",
			 world_name(head));
}

/* With a word of no worth, what the kernel keeps by itself is right all the same. */
static void check_hostile(void)
{
	const struct actor *a;
	u32 singles = 0;

	for_each_actor(a)
		singles += a->process < 0 && world_owns(a);
	CHECK_EQ(world.obj.mutex.kernel_holds, singles);
}

static void check(void)
{
	if (world_config->hostile) {
		check_hostile();
		return;
	}
	check_holders();
	check_died();
	check_waiters();
}

static void end(void)
{
	CHECK(!owner() || world_config->hostile);
	CHECK(list_empty(&world.obj.queue));
	CHECK_EQ(world.obj.watchers, world_watchers());
}

const struct kind mutex_kind = {
	.user_events = user_events,
	.do_event = do_event,
	.races_at = races_at,
	.acquired = acquired,
	.owns = owns,
	.check = check,
	.end = end,
};
