// SPDX-License-Identifier: GPL-2.0-only
/* The transitions of once, one by one. */
#include "box.h"

#define FORCE	true

static struct box box;

static u32 state(void)
{
	return shs_once_state(&box.obj);
}

static int begin(unsigned int i, bool force)
{
	box_waiter(&box, i, 0)->force = force;
	return waits_enter(&box.obj, &box.w[i], false);
}

static int begin_and_wait(unsigned int i, bool force)
{
	box_waiter(&box, i, 0)->force = force;
	return waits_enter(&box.obj, &box.w[i], true);
}

static int finish(unsigned int i, bool done)
{
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&box.obj.lock);
	ret = shs_once_finish(&box.obj, box.att[i].id, done, NULL);
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
	return ret;
}

TEST(once_runs_once)
{
	box_init(&box, SHS_KIND_ONCE, 0, 3);
	CHECK_EQ(finish(0, true), -EPERM);
	CHECK_EQ(state(), SHS_ONCE_INCOMPLETE);
	CHECK_EQ(begin(0, false), 0);
	CHECK_EQ(box.w[0].reply, SHS_ONCE_RUNNING);
	CHECK_EQ(begin(1, false), -EBUSY);
	CHECK_EQ(begin(1, FORCE), -EBUSY);
	CHECK_EQ(begin(0, false), -EBUSY);
	CHECK_EQ(finish(1, true), -EPERM);
	CHECK_EQ(state(), SHS_ONCE_RUNNING);
	CHECK_EQ(finish(0, true), 0);
	CHECK_EQ(state(), SHS_ONCE_DONE);
	CHECK_EQ(finish(0, true), -EPERM);
	CHECK_EQ(finish(0, false), -EPERM);
	CHECK_EQ(begin(1, false), 0);
	CHECK_EQ(box.w[1].reply, SHS_ONCE_DONE);
	CHECK_EQ(begin(1, FORCE), 0);		/* does not undo it */
	CHECK_EQ(box.w[1].reply, SHS_ONCE_DONE);
	box_die(&box, 0);
	CHECK_EQ(state(), SHS_ONCE_DONE);
	CHECK_EQ(env.deaths, 0);
}

/* The value comes with the end, and nothing else brings or changes it. */
TEST(once_value)
{
	u64 value = 7;
	struct shs_wakes wakes = { };

	box_init(&box, SHS_KIND_ONCE, 0, 3);
	box.obj.geo.value_size = sizeof(value);
	CHECK_EQ(begin(0, false), 0);
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_once_finish(&box.obj, box.att[1].id, true, &value), -EPERM);
	CHECK_EQ(box.control.base[0], 0);
	CHECK_EQ(shs_once_finish(&box.obj, box.att[0].id, false, &value), 0);
	CHECK_EQ(box.control.base[0], 0);
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	CHECK_EQ(begin(2, false), 0);
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_once_finish(&box.obj, box.att[2].id, true, &value), 0);
	CHECK_EQ(box.control.base[0], 7);
	CHECK_EQ(box.control.base[1], 0);
	value = 8;
	CHECK_EQ(shs_once_finish(&box.obj, box.att[2].id, true, &value), -EPERM);
	CHECK_EQ(box.control.base[0], 7);
	spin_unlock(&box.obj.lock);
}

TEST(once_abandon)
{
	box_init(&box, SHS_KIND_ONCE, 0, 3);
	CHECK_EQ(begin(0, false), 0);
	CHECK_EQ(finish(0, false), 0);
	CHECK_EQ(state(), SHS_ONCE_INCOMPLETE);
	CHECK_EQ(begin(1, false), 0);		/* nobody died */
	box_init(&box, SHS_KIND_ONCE, SHS_INIT_POISON, 3);
	CHECK_EQ(begin(0, false), 0);
	CHECK_EQ(finish(0, false), 0);
	CHECK_EQ(state(), SHS_ONCE_POISONED);
	CHECK_EQ(begin(1, false), -ENOTRECOVERABLE);
	CHECK_EQ(state(), SHS_ONCE_POISONED);
	CHECK_EQ(begin(1, FORCE), 0);
	CHECK_EQ(finish(1, true), 0);
	CHECK_EQ(state(), SHS_ONCE_DONE);
}

TEST(once_death)
{
	box_init(&box, SHS_KIND_ONCE, 0, 3);
	CHECK_EQ(begin(0, false), 0);
	CHECK_EQ(begin_and_wait(1, false), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(env.deaths, 1);
	CHECK_EQ(box_wake(&box, 1, 0), -EOWNERDEAD);
	CHECK_EQ(box.w[1].reply, SHS_ONCE_RUNNING);
	CHECK_EQ(finish(1, false), 0);
	CHECK_EQ(begin(2, false), 0);		/* told once */
	box_init(&box, SHS_KIND_ONCE, SHS_INIT_POISON, 3);
	CHECK_EQ(begin(0, false), 0);
	CHECK_EQ(begin_and_wait(1, false), -EBUSY);
	CHECK_EQ(begin_and_wait(2, FORCE), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(box_wake(&box, 1, 0), -ENOTRECOVERABLE);
	CHECK_EQ(box_wake(&box, 2, 0), -EOWNERDEAD);
}

/* Who was seen without users is no runner, long before its mapping is closed. */
TEST(once_gone_runner)
{
	box_init(&box, SHS_KIND_ONCE, 0, 3);
	CHECK_EQ(begin(0, false), 0);
	box.mm[0].mm_users = 0;
	CHECK_EQ(begin(1, false), -EOWNERDEAD);
	box_die(&box, 0);
	CHECK_EQ(env.deaths, 1);
	CHECK_EQ(state(), SHS_ONCE_RUNNING);
	CHECK_EQ(finish(1, true), 0);
}

/* All that wait are told at once. */
TEST(once_done_wakes_all)
{
	unsigned int i;

	box_init(&box, SHS_KIND_ONCE, 0, BOX_ATTS);
	CHECK_EQ(begin(0, false), 0);
	for (i = 1; i < BOX_SINGLE; i++) {
		CHECK_EQ(begin_and_wait(i, false), -EBUSY);
		box.task[i].asleep = true;
	}
	CHECK_EQ(finish(0, true), 0);
	CHECK_EQ(box.obj.waiters, 0);
	for (i = 1; i < BOX_SINGLE; i++) {
		CHECK(!box.task[i].asleep);	/* more than fit into a shs_wakes */
		CHECK_EQ(box_wake(&box, i, 0), 0);
		CHECK_EQ(box.w[i].reply, SHS_ONCE_DONE);
	}
}

/* A reader may learn that it is done, but not do it. */
TEST(once_read_only)
{
	box_init(&box, SHS_KIND_ONCE, 0, 3);
	box.att[2].may_write = false;
	CHECK_EQ(begin(2, false), -EACCES);
	CHECK_EQ(begin(0, false), 0);
	CHECK_EQ(begin_and_wait(2, false), -EBUSY);
	CHECK_EQ(begin_and_wait(1, false), -EBUSY);
	CHECK_EQ(finish(0, false), 0);
	CHECK_EQ(box_wake(&box, 2, 0), -EACCES);
	CHECK_EQ(box_wake(&box, 1, 0), 0);
	CHECK_EQ(finish(1, true), 0);
	CHECK_EQ(begin(2, false), 0);
	CHECK_EQ(box.w[2].reply, SHS_ONCE_DONE);
}

/* The turn of a killed task goes back as it was: to the next, or poisoned. */
TEST(once_turn_returned)
{
	box_init(&box, SHS_KIND_ONCE, SHS_INIT_POISON, 3);
	CHECK_EQ(begin(0, false), 0);
	CHECK_EQ(begin_and_wait(1, FORCE), -EBUSY);
	CHECK_EQ(begin_and_wait(2, FORCE), -EBUSY);
	box_die(&box, 0);
	box.task[1].killed = true;
	CHECK_EQ(box_wake(&box, 1, 0), -ERESTARTSYS);
	CHECK_EQ(box_wake(&box, 2, 0), -EOWNERDEAD);	/* still news */
	box.task[2].killed = true;
	CHECK_EQ(finish(2, false), 0);
	CHECK_EQ(state(), SHS_ONCE_POISONED);
}

/*
 * The same when its attachment was unmapped meanwhile and the turn is another's, who
 * even completed: what is no longer its own it does not give back.
 */
TEST(once_turn_lost_then_killed)
{
	box_init(&box, SHS_KIND_ONCE, 0, 3);
	CHECK_EQ(begin(0, false), 0);
	CHECK_EQ(begin_and_wait(1, false), -EBUSY);
	CHECK_EQ(finish(0, false), 0);
	CHECK_EQ(box.w[1].state, SHS_SETTLED);
	box_die(&box, 1);
	CHECK_EQ(begin(2, false), -EOWNERDEAD);
	CHECK_EQ(finish(2, true), 0);
	box.task[1].killed = true;
	CHECK_EQ(box_wake(&box, 1, 0), -ERESTARTSYS);
	CHECK_EQ(state(), SHS_ONCE_DONE);
}

/* Repair amid the service of the queue cancels a waiter that was about to be served. */
TEST(once_repair_amid_service)
{
	box_init(&box, SHS_KIND_ONCE, 0, 3);
	CHECK_EQ(begin(0, false), 0);
	box_waiter(&box, 5, 0)->att = &box.att[0];
	CHECK_EQ(waits_enter(&box.obj, &box.w[5], true), -EBUSY);
	CHECK_EQ(begin_and_wait(1, false), -EBUSY);
	CHECK_EQ(begin_and_wait(2, false), -EBUSY);
	box.mm[0].mm_users = 0;
	CHECK_EQ(box_wake(&box, 2, -ETIMEDOUT), -ETIMEDOUT);
	CHECK_EQ(box.w[5].result, -ENXIO);
	CHECK_EQ(box_wake(&box, 1, 0), -EOWNERDEAD);
	CHECK_EQ(box.obj.waiters, 0);
}

/* A runner that is not even there any more is a dead one. */
TEST(once_runner_of_no_attachment)
{
	box_init(&box, SHS_KIND_ONCE, 0, 3);
	CHECK_EQ(begin(0, false), 0);
	xa_erase(&box.obj.atts, 1);
	CHECK_EQ(begin(1, false), -EOWNERDEAD);
	CHECK_EQ(finish(1, true), 0);
}
