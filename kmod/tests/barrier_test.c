// SPDX-License-Identifier: GPL-2.0-only
/* The transitions of a barrier, one by one. */
#include "box.h"

static struct box box;

static void init(u32 parties)
{
	box_init(&box, SHS_KIND_BARRIER, 0, BOX_SINGLE);
	CHECK_EQ(shs_barrier_new(&parties), 0);
	*(u32 *)shs_value(&box.obj) = parties;
}

static u32 parties(void)
{
	return *(u32 *)shs_value(&box.obj);
}

/* Thread i of the process of attachment a arrives: -EBUSY, it sleeps; 0, it was the last. */
static int arrive_as(unsigned int i, unsigned int a)
{
	int ret;

	box_waiter(&box, i, 0)->att = &box.att[a];
	ret = waits_enter(&box.obj, &box.w[i], true);
	box.task[i].asleep = ret == -EBUSY && box.w[i].state == SHS_QUEUED;
	return ret;
}

static int arrive(unsigned int i)
{
	return arrive_as(i, i);
}

static int leave(unsigned int a)
{
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&box.obj.lock);
	ret = shs_barrier_leave(&box.att[a]);
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
	return ret;
}

static void set(u32 n)
{
	struct shs_wakes wakes = { };

	spin_lock(&box.obj.lock);
	shs_barrier_set(&box.obj, n);
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
}

static void reset(void)
{
	struct shs_wakes wakes = { };

	spin_lock(&box.obj.lock);
	shs_barrier_reset(&box.obj, &wakes);
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
}

/* Released as one of a generation. */
static void check_released(unsigned int i, u32 reply, u64 generation)
{
	CHECK(!box.task[i].asleep);
	CHECK_EQ(box_wake(&box, i, 0), 0);
	CHECK_EQ(box.w[i].reply, reply);
	CHECK_EQ(box.w[i].generation, generation);
}

static void check_broken(unsigned int i)
{
	CHECK(!box.task[i].asleep);
	CHECK_EQ(box_wake(&box, i, 0), -EOWNERDEAD);
	CHECK_EQ(box.w[i].reply, SHS_BARRIER_BROKEN);
}

TEST(barrier_begins)
{
	u32 n = 0;

	CHECK_EQ(shs_barrier_new(&n), -EINVAL);
	n = 1;
	CHECK_EQ(shs_barrier_new(&n), 0);
	n = SHS_BARRIER_MAX;
	CHECK_EQ(shs_barrier_new(&n), 0);
	n++;
	CHECK_EQ(shs_barrier_new(&n), -EINVAL);
}

/* Again and again, more than fit into a shs_wakes; the last one leads. */
TEST(barrier_releases_all)
{
	unsigned int round, i;

	init(BOX_SINGLE);
	for (round = 1; round < 4; round++) {
		for (i = 0; i < BOX_SINGLE; i++) {
			CHECK_EQ(box.obj.waiters, i);
			CHECK_EQ(arrive(i), i == BOX_SINGLE - 1 ? 0 : -EBUSY);
		}
		CHECK_EQ(box.obj.waiters, 0);
		for (i = 0; i < BOX_SINGLE; i++)
			check_released(i, i == BOX_SINGLE - 1 ? SHS_BARRIER_LEADER : 0, round);
	}
	init(1);
	CHECK_EQ(arrive(0), 0);
	check_released(0, SHS_BARRIER_LEADER, 1);
}

/* Who stops waiting is not counted; one released meanwhile is. */
TEST(barrier_taken_back)
{
	init(2);
	CHECK_EQ(arrive(0), -EBUSY);
	CHECK_EQ(box_wake(&box, 0, -ETIMEDOUT), -ETIMEDOUT);
	CHECK_EQ(arrive(1), -EBUSY);
	CHECK(box.task[1].asleep);
	CHECK_EQ(box_wake(&box, 1, -ERESTARTSYS), -ERESTARTSYS);
	CHECK_EQ(arrive(0), -EBUSY);
	CHECK(box.task[0].asleep);
	CHECK_EQ(arrive(1), 0);
	CHECK_EQ(box_wake(&box, 0, -ETIMEDOUT), 0);
	check_released(1, SHS_BARRIER_LEADER, 1);
	CHECK(!box.obj.barrier.broken);
}

TEST(barrier_waiter_dies)
{
	init(3);
	CHECK_EQ(arrive(0), -EBUSY);
	CHECK_EQ(arrive(1), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(box.w[0].result, -ENXIO);
	CHECK_EQ(env.deaths, 1);
	check_broken(1);
	CHECK_EQ(arrive(2), -EOWNERDEAD);
	CHECK_EQ(box.w[2].reply, SHS_BARRIER_BROKEN);
	CHECK_EQ(box.obj.waiters, 0);
	set(2);
	CHECK_EQ(arrive(2), -EOWNERDEAD);
	reset();
	CHECK_EQ(arrive(1), -EBUSY);
	CHECK_EQ(arrive(2), 0);
	check_released(1, 0, 2);
	check_released(2, SHS_BARRIER_LEADER, 2);
}

/* Killed, it leaves the queue before it dies: it was a party all the same. */
TEST(barrier_killed_waiter)
{
	init(2);
	CHECK_EQ(arrive(0), -EBUSY);
	box.task[0].killed = true;
	CHECK_EQ(box_wake(&box, 0, -ERESTARTSYS), -ERESTARTSYS);
	CHECK_EQ(arrive(1), -EBUSY);
	CHECK(box.task[1].asleep);
	box_die(&box, 0);
	check_broken(1);
}

/* A party is expected for one generation after its last. */
TEST(barrier_parties)
{
	unsigned int i;

	init(2);
	for (i = 0; i < 2; i++)
		CHECK_EQ(arrive(i), i ? 0 : -EBUSY);
	CHECK_EQ(arrive(2), -EBUSY);
	box_die(&box, 4);			/* never came */
	CHECK(box.task[2].asleep);
	box_die(&box, 0);			/* was there last time */
	check_broken(2);

	init(2);
	for (i = 0; i < 6; i++)
		CHECK_EQ(arrive(i), i % 2 ? 0 : -EBUSY);
	CHECK_EQ(arrive(6), -EBUSY);
	box_die(&box, 0);			/* was there two times before */
	box_die(&box, 2);
	CHECK(box.task[6].asleep);
	CHECK(!box.obj.barrier.broken);
	box_die(&box, 5);
	check_broken(6);
}

TEST(barrier_leave)
{
	unsigned int i;

	init(3);
	for (i = 0; i < 3; i++)
		CHECK_EQ(arrive(i), i == 2 ? 0 : -EBUSY);
	for (i = 0; i < 2; i++)
		CHECK_EQ(arrive(i), -EBUSY);
	CHECK_EQ(leave(2), 0);
	CHECK_EQ(parties(), 2);
	check_released(0, 0, 2);
	check_released(1, SHS_BARRIER_LEADER, 2);
	box_die(&box, 2);
	CHECK(!box.obj.barrier.broken);
	CHECK_EQ(leave(0), 0);
	CHECK_EQ(leave(1), 0);
	CHECK_EQ(leave(1), -EPERM);
	CHECK_EQ(arrive(1), -EPERM);
	CHECK_EQ(box.obj.waiters, 0);
	box_die(&box, 0);
	CHECK(!box.obj.barrier.broken);
	set(1);
	CHECK_EQ(arrive(3), 0);
	check_released(3, SHS_BARRIER_LEADER, 3);
}

/* Two threads of a process are two parties: of one that leaves the other is left. */
TEST(barrier_leave_of_threads)
{
	init(3);
	CHECK_EQ(arrive_as(0, 0), -EBUSY);
	CHECK_EQ(arrive_as(1, 0), -EBUSY);
	CHECK_EQ(arrive(2), 0);
	CHECK_EQ(leave(0), 0);
	CHECK_EQ(arrive(2), -EBUSY);
	box_die(&box, 0);
	check_broken(2);

	init(3);
	CHECK_EQ(arrive_as(0, 0), -EBUSY);
	CHECK_EQ(arrive_as(1, 0), -EBUSY);
	CHECK_EQ(box_wake(&box, 1, -ETIMEDOUT), -ETIMEDOUT);
	CHECK_EQ(arrive_as(1, 0), -EBUSY);	/* again, as the same */
	CHECK_EQ(box_wake(&box, 1, -ETIMEDOUT), -ETIMEDOUT);
	CHECK_EQ(leave(0), 0);
	CHECK_EQ(box_wake(&box, 0, -ETIMEDOUT), -ETIMEDOUT);
	CHECK_EQ(leave(0), 0);
	box_die(&box, 0);
	CHECK(!box.obj.barrier.broken);
	CHECK_EQ(parties(), 1);
}

TEST(barrier_set)
{
	init(4);
	CHECK_EQ(arrive(0), -EBUSY);
	CHECK_EQ(arrive(1), -EBUSY);
	set(3);
	CHECK_EQ(box.obj.waiters, 2);
	set(2);
	check_released(0, 0, 1);
	check_released(1, SHS_BARRIER_LEADER, 1);
	set(3);
	CHECK_EQ(arrive(0), -EBUSY);
	CHECK_EQ(arrive(1), -EBUSY);
	set(1);					/* more than parties: all go */
	check_released(0, 0, 2);
	check_released(1, SHS_BARRIER_LEADER, 2);
}

TEST(barrier_reset)
{
	init(2);
	CHECK_EQ(arrive(0), -EBUSY);
	reset();
	check_broken(0);
	CHECK(!box.obj.barrier.broken);
	CHECK_EQ(box.obj.barrier.generation, 1);
	CHECK_EQ(arrive(1), -EBUSY);
	box_die(&box, 0);			/* it may have been about to come again */
	check_broken(1);
}

/* One that is killed after its release was released; nobody else is told of it. */
TEST(barrier_killed_when_released)
{
	init(2);
	CHECK_EQ(arrive(0), -EBUSY);
	CHECK_EQ(arrive(1), 0);
	box.task[0].killed = true;
	CHECK_EQ(box_wake(&box, 0, 0), -ERESTARTSYS);
	CHECK(!box.obj.barrier.broken);
	box_die(&box, 0);
	CHECK_EQ(arrive(1), -EOWNERDEAD);
}
