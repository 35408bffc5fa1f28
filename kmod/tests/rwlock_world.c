// SPDX-License-Identifier: GPL-2.0-only
/* Readers may give back their lane by themselves, as ../rwlock.c provides for. */
#include "world.h"

enum {
	LANE_DOWN = KIND_EVENT,
	READ_WPENDING,
	TELL,
	RECOVER_VALUE,
};

static bool is_reader(const struct actor *a)
{
	return a->mode == SHS_MODE_READ;
}

static bool attached(const struct actor *a)
{
	return a->process >= 0 && world_process(a)->att.state == SHS_ATT_LIVE;
}

/* Who scribbles over its lanes counts for nothing but a reader at its own expense. */
static bool is_honest(const struct process *p)
{
	return !world_config->hostile || p != world.process;
}

static void user_events(struct actor *a)
{
	if (!(a->does & FAST) || !is_reader(a) || !attached(a))
		return;
	if (a->state == HOLDS)
		world_event(a, LANE_DOWN);
	if (a->state == TELLS)
		world_event(a, READ_WPENDING);
}

static void kernel_events(struct actor *a)
{
	if (a->state == CALLS || (a->state == TELLS && !attached(a)))
		world_event(a, TELL);
	if (a->process < 0 && !is_reader(a) && a->state == HOLDS && a->does & RECOVER &&
	    world.dirty)
		world_event(a, RECOVER_VALUE);
}

static void do_event(struct actor *a, unsigned int event)
{
	switch (event) {
	case LANE_DOWN:
		explore_say("%s takes back its lane", world_name(a));
		world_process(a)->lanes[a->lane][0]--;
		a->state = TELLS;
		break;
	case READ_WPENDING:
		explore_say("%s reads wpending %u", world_name(a), world.control.wpending);
		if (world.control.wpending)
			a->state = CALLS;
		else
			world_cycle(a);
		break;
	case TELL:
		world_unlock(a, -EPERM);	/* its lane is zero already; the queue is served */
		break;
	case RECOVER_VALUE:
		CHECK(world.obj.rwlock.died);
		world.obj.rwlock.died = false;
		world.dirty = false;
		break;
	}
}

static bool races_at(enum env_access access, const void *p)
{
	const struct process *process;

	if (p == &world.control.wpending)
		return true;
	for_each_process(process)
		if (p >= (const void *)process->lanes && p < (const void *)(process + 1))
			return access == ENV_READ;
	return false;
}

static void acquired(struct actor *a, int ret)
{
	if (a->process < 0) {
		CHECK_EQ(ret, 0);
		return;
	}
	if ((ret == -EOWNERDEAD) != world.dirty && is_honest(world_process(a)))
		env_fail("%s is %s of a death", world_name(a),
			 ret ? "told wrongly" : "not told");
	if (!is_reader(a))
		world.dirty = false;
}

static bool owns(const struct process *p)
{
	return world.obj.rwlock.writer == p->att.id;
}

static void check_lanes(void)
{
	const struct process *p;
	const struct actor *a;
	u64 expected[LANES];
	u32 singles = 0, i;

	for_each_process(p) {
		if (!p->att.obj || p->state == RELEASED || world_unrepaired(p->att.id) ||
		    !is_honest(p))
			continue;
		memset(expected, 0, sizeof(expected));
		for_each_actor(a)
			if (world_process(a) == p && is_reader(a) && world_owns(a))
				expected[a->lane]++;
		for (i = 0; i < LANES; i++)
			CHECK_EQ(p->lanes[i][0], expected[i]);
	}
	for_each_actor(a)
		singles += a->process < 0 && is_reader(a) && world_owns(a);
	CHECK_EQ(world.obj.rwlock.kernel_readers, singles);
}

static void check_writer(void)
{
	const struct actor *a, *writer = NULL;
	u32 id = world.obj.rwlock.writer;

	for_each_actor(a) {
		if (is_reader(a) || !world_owns(a))
			continue;
		if (writer)
			env_fail("%s and %s both write", world_name(a), world_name(writer));
		writer = a;
	}
	if (!writer) {
		if (id && !world_unrepaired(id))
			env_fail("nobody writes, but the writer is %u", id);
		return;
	}
	CHECK_EQ(id, writer->process < 0 ? SHS_ID_KERNEL : world_process(writer)->att.id);
	for_each_actor(a)
		if (is_reader(a) && world_owns(a) && is_honest(world_process(a)))
			env_fail("%s reads while %s writes", world_name(a), world_name(writer));
}

static bool somebody_reads(void)
{
	const struct actor *a;

	for_each_actor(a)
		if (is_reader(a) && (a->state == HOLDS || world_owns(a) ||
				     a->state == TELLS || a->state == CALLS) &&
		    (a->process < 0 || attached(a)))
			return true;
	return false;
}

static void check_waiters(void)
{
	const struct actor *head = world_head();

	CHECK_EQ(world.control.wpending, head && !is_reader(head));
	if (!head || world.obj.rwlock.writer || world_config->hostile)
		return;
	if (is_reader(head) || !somebody_reads())
		env_fail("%s waits for a free lock and nobody is on the way",
			 world_name(head));
}

static void check_died(void)
{
	if (world_unrepaired(world.obj.rwlock.writer))
		return;
	if (world.dirty != (world.obj.rwlock.died || world_notice_under_way()))
		env_fail("a death is %s", world.dirty ? "forgotten" : "told of again");
}

static void check(void)
{
	check_writer();
	check_lanes();
	check_waiters();
	check_died();
}

static void end(void)
{
	CHECK(!world.obj.rwlock.writer || world_config->hostile);
	CHECK_EQ(world.control.wpending, 0);
	CHECK(list_empty(&world.obj.queue));
	spin_lock(&world.obj.lock);
	CHECK_EQ(shs_rwlock_readers(&world.obj), 0);
	spin_unlock(&world.obj.lock);
}

const struct kind rwlock_kind = {
	.events = kernel_events,
	.user_events = user_events,
	.do_event = do_event,
	.races_at = races_at,
	.acquired = acquired,
	.owns = owns,
	.check = check,
	.end = end,
};
