// SPDX-License-Identifier: GPL-2.0-only
/* The transitions of a semaphore, one by one. */
#include "box.h"

#define NO_UNDO	true

static struct box box;

/* So many permits, of which so many are there. */
static void init(u32 flags, u32 permits, u32 bound)
{
	u32 value[2] = { permits, bound };

	box_init(&box, SHS_KIND_SEMAPHORE, flags, BOX_SINGLE);
	CHECK_EQ(shs_semaphore_new(value), 0);
	memcpy(shs_value(&box.obj), value, sizeof(value));
}

static u32 available(void)
{
	return *(u32 *)shs_value(&box.obj);
}

static struct shs_waiter *waiter(unsigned int i, u32 permits, bool no_undo)
{
	struct shs_waiter *w = box_waiter(&box, i, SHS_MODE_EXCLUSIVE);

	w->permits = permits;
	w->no_undo = no_undo;
	return w;
}

static int take(unsigned int i, u32 permits)
{
	return waits_enter(&box.obj, waiter(i, permits, false), false);
}

static int take_no_undo(unsigned int i, u32 permits)
{
	return waits_enter(&box.obj, waiter(i, permits, NO_UNDO), false);
}

static int take_and_wait(unsigned int i, u32 permits)
{
	int ret = waits_enter(&box.obj, waiter(i, permits, false), true);

	box.task[i].asleep = ret == -EBUSY && box.w[i].state == SHS_QUEUED;
	return ret;
}

static int give_as(unsigned int i, u32 permits, bool no_undo)
{
	struct shs_waiter w = { .att = &box.att[i], .permits = permits, .no_undo = no_undo };
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&box.obj.lock);
	ret = shs_kind_ops(box.obj.kind)->release(&box.obj, &w, false, &wakes);
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
	return ret;
}

static int give(unsigned int i, u32 permits)
{
	return give_as(i, permits, false);
}

TEST(semaphore_begins)
{
	u32 value[2] = { };

	CHECK_EQ(shs_semaphore_new(value), 0);
	CHECK_EQ(value[0], 0);
	CHECK_EQ(value[1], SHS_SEMAPHORE_MAX);
	value[0] = SHS_SEMAPHORE_MAX;
	CHECK_EQ(shs_semaphore_new(value), 0);
	value[0]++;
	CHECK_EQ(shs_semaphore_new(value), -EINVAL);
	value[1] = value[0];
	CHECK_EQ(shs_semaphore_new(value), -EINVAL);
	value[0] = 3;
	value[1] = 2;
	CHECK_EQ(shs_semaphore_new(value), -EINVAL);
	value[1] = 3;
	CHECK_EQ(shs_semaphore_new(value), 0);
}

TEST(semaphore_counts)
{
	init(0, 3, 5);
	CHECK_EQ(take(0, 2), 0);
	CHECK_EQ(available(), 1);
	CHECK_EQ(take(1, 2), -EBUSY);
	CHECK_EQ(take(1, 1), 0);
	CHECK_EQ(available(), 0);
	CHECK_EQ(box.obj.semaphore.held, 3);
	CHECK_EQ(give(1, 2), -EPERM);
	CHECK_EQ(give(2, 1), -EPERM);
	CHECK_EQ(available(), 0);
	CHECK_EQ(give(0, 1), 0);
	CHECK_EQ(give(0, 1), 0);
	CHECK_EQ(give(0, 1), -EPERM);
	CHECK_EQ(give(1, 1), 0);
	CHECK_EQ(available(), 3);
	CHECK_EQ(box.obj.semaphore.held, 0);
}

/* What nobody holds is there or not; with what is held it stays below the bound. */
TEST(semaphore_no_undo)
{
	init(0, 0, 5);
	CHECK_EQ(give_as(0, 4, NO_UNDO), 0);
	CHECK_EQ(available(), 4);
	CHECK_EQ(take(1, 3), 0);
	CHECK_EQ(give_as(0, 2, NO_UNDO), -EOVERFLOW);
	CHECK_EQ(available(), 1);
	CHECK_EQ(give_as(0, 1, NO_UNDO), 0);
	CHECK_EQ(take_no_undo(2, 2), 0);
	CHECK_EQ(box.att[2].held, 0);
	CHECK_EQ(give(2, 1), -EPERM);
	box_die(&box, 2);
	CHECK_EQ(available(), 0);
	CHECK_EQ(env.deaths, 0);
	CHECK_EQ(give_as(0, 3, NO_UNDO), -EOVERFLOW);
	CHECK_EQ(give_as(0, 2, NO_UNDO), 0);
	box_die(&box, 1);
	CHECK_EQ(available(), 5);
	CHECK_EQ(give_as(0, 1, NO_UNDO), -EOVERFLOW);
}

TEST(semaphore_largest)
{
	init(0, SHS_SEMAPHORE_MAX, 0);
	CHECK_EQ(take(0, SHS_SEMAPHORE_MAX - 1), 0);
	CHECK_EQ(take(1, 1), 0);
	CHECK_EQ(give_as(2, SHS_SEMAPHORE_MAX, NO_UNDO), -EOVERFLOW);
	CHECK_EQ(give_as(2, 1, NO_UNDO), -EOVERFLOW);
	box_die(&box, 0);
	CHECK_EQ(available(), SHS_SEMAPHORE_MAX - 1);
	CHECK_EQ(give_as(2, 1, NO_UNDO), -EOVERFLOW);
	CHECK_EQ(give(1, 1), 0);
	CHECK_EQ(available(), SHS_SEMAPHORE_MAX);
}

/* All that fit are served by one release. */
TEST(semaphore_serves_many)
{
	unsigned int i;

	init(0, 9, 9);
	CHECK_EQ(take(0, 9), 0);
	for (i = 1; i < BOX_SINGLE; i++)
		CHECK_EQ(take_and_wait(i, 1), -EBUSY);
	CHECK_EQ(give(0, 9), 0);
	for (i = 1; i < BOX_SINGLE; i++) {
		if (i > 9) {
			CHECK(box.task[i].asleep);
			continue;
		}
		CHECK(!box.task[i].asleep);
		CHECK_EQ(box_wake(&box, i, 0), 0);
	}
	CHECK_EQ(available(), 0);
	CHECK_EQ(box.obj.waiters, BOX_SINGLE - 10);
	CHECK_EQ(give(1, 1), 0);
	CHECK_EQ(box_wake(&box, 10, 0), 0);
}

TEST(semaphore_death)
{
	init(0, 3, 3);
	CHECK_EQ(take(0, 1), 0);
	CHECK_EQ(take(0, 1), 0);
	CHECK_EQ(take_and_wait(1, 3), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(env.deaths, 1);
	CHECK_EQ(box_wake(&box, 1, 0), 0);		/* no news: a permit is no value */
	CHECK_EQ(available(), 0);
	box_die(&box, 0);
	CHECK_EQ(available(), 0);
	CHECK_EQ(env.deaths, 1);
	box_die(&box, 2);
	CHECK_EQ(env.deaths, 1);
}

/* Who was seen without users has nothing, long before its mapping is closed. */
TEST(semaphore_gone_holder)
{
	init(0, 2, 2);
	CHECK_EQ(take(0, 2), 0);
	box.mm[0].mm_users = 0;
	CHECK_EQ(take(1, 1), 0);
	CHECK_EQ(available(), 1);
	CHECK_EQ(env.deaths, 1);
	box_die(&box, 0);
	CHECK_EQ(available(), 1);
	CHECK_EQ(env.deaths, 1);
}

/* A large request lets small ones by while it is young. */
TEST(semaphore_grows_old)
{
	init(0, 3, 3);
	CHECK_EQ(take(0, 2), 0);
	CHECK_EQ(take_and_wait(1, 3), -EBUSY);
	CHECK_EQ(take(2, 1), 0);
	CHECK_EQ(give(2, 1), 0);
	env.now_ns += 2 * SHS_HANDOFF_NS;
	CHECK_EQ(take(2, 1), -EBUSY);
	CHECK_EQ(take_and_wait(3, 1), -EBUSY);
	CHECK_EQ(box.w[3].state, SHS_QUEUED);
	CHECK_EQ(give(0, 1), 0);
	CHECK_EQ(available(), 2);
	CHECK_EQ(give(0, 1), 0);
	CHECK_EQ(box_wake(&box, 1, 0), 0);
	CHECK_EQ(box.w[3].state, SHS_QUEUED);
	CHECK_EQ(give(1, 3), 0);
	CHECK_EQ(box_wake(&box, 3, 0), 0);
}

TEST(semaphore_fifo)
{
	init(SHS_INIT_FIFO, 3, 3);
	CHECK_EQ(take(0, 2), 0);
	CHECK_EQ(take_and_wait(1, 2), -EBUSY);
	CHECK_EQ(take(2, 1), -EBUSY);
	CHECK_EQ(take_and_wait(3, 1), -EBUSY);
	CHECK_EQ(available(), 1);
	/* The one that the others waited for goes. */
	CHECK_EQ(box_wake(&box, 1, -ETIMEDOUT), -ETIMEDOUT);
	CHECK_EQ(box_wake(&box, 3, 0), 0);
	CHECK_EQ(available(), 0);
}

/* The permits of a killed task go to the next, but only once. */
TEST(semaphore_grant_returned)
{
	init(0, 2, 2);
	CHECK_EQ(take(0, 2), 0);
	CHECK_EQ(take_and_wait(1, 2), -EBUSY);
	CHECK_EQ(take_and_wait(2, 2), -EBUSY);
	CHECK_EQ(give(0, 2), 0);
	CHECK_EQ(box.att[1].held, 2);
	box.task[1].killed = true;
	CHECK_EQ(box_wake(&box, 1, 0), -ERESTARTSYS);
	CHECK_EQ(box.att[1].held, 0);
	CHECK_EQ(box_wake(&box, 2, 0), 0);

	init(0, 2, 2);
	CHECK_EQ(take(0, 2), 0);
	CHECK_EQ(take_and_wait(1, 2), -EBUSY);
	CHECK_EQ(give(0, 2), 0);
	box_die(&box, 1);		/* unmapped by another thread */
	CHECK_EQ(available(), 2);
	box.task[1].killed = true;
	CHECK_EQ(box_wake(&box, 1, 0), -ERESTARTSYS);
	CHECK_EQ(available(), 2);
}

/* Without undo as far as there is room. */
TEST(semaphore_grant_returned_no_undo)
{
	init(0, 0, 2);
	CHECK_EQ(waits_enter(&box.obj, waiter(1, 2, NO_UNDO), true), -EBUSY);
	CHECK_EQ(give_as(0, 2, NO_UNDO), 0);
	CHECK_EQ(available(), 0);
	box.task[1].killed = true;
	CHECK_EQ(box_wake(&box, 1, 0), -ERESTARTSYS);
	CHECK_EQ(available(), 2);
	CHECK_EQ(take_no_undo(0, 2), 0);
	CHECK_EQ(waits_enter(&box.obj, waiter(1, 2, NO_UNDO), true), -EBUSY);
	CHECK_EQ(give_as(0, 2, NO_UNDO), 0);
	CHECK_EQ(give_as(0, 2, NO_UNDO), 0);
	box.task[1].killed = true;
	CHECK_EQ(box_wake(&box, 1, 0), -ERESTARTSYS);
	CHECK_EQ(available(), 2);
}

/* Frozen, nobody takes any; they come back all the same. */
TEST(semaphore_frozen)
{
	struct shs_wakes wakes = { };

	init(0, 2, 2);
	CHECK_EQ(take(0, 1), 0);
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_watch(&box.att[3], SHS_WATCH_ON | SHS_WATCH_FREEZE), 0);
	spin_unlock(&box.obj.lock);
	CHECK_EQ(take(1, 1), -EBUSY);
	CHECK_EQ(take_and_wait(1, 1), -EBUSY);
	CHECK_EQ(give(0, 1), 0);
	CHECK_EQ(available(), 2);
	CHECK_EQ(box.w[1].state, SHS_QUEUED);
	box_die(&box, 3);
	shs_wakes_flush(&wakes);
	CHECK_EQ(box_wake(&box, 1, 0), 0);
	CHECK_EQ(available(), 1);
}
