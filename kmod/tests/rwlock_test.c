// SPDX-License-Identifier: GPL-2.0-only
/* The transitions of the reader-writer lock, one by one. */
#include "box.h"

#define R	SHS_MODE_READ
#define X	SHS_MODE_EXCLUSIVE

static struct box box;

static void start(void)
{
	box_init(&box, SHS_KIND_RWLOCK, 0, BOX_SINGLE);
}

static u32 readers(void)
{
	u32 n;

	spin_lock(&box.obj.lock);
	n = shs_rwlock_readers(&box.obj);
	spin_unlock(&box.obj.lock);
	return n;
}

TEST(rwlock_try)
{
	start();
	CHECK_EQ(box_try(&box, 0, R), 0);
	CHECK_EQ(box_try(&box, 0, R), 0);	/* twice in one lane */
	CHECK_EQ(box_try(&box, 1, R), 0);
	CHECK_EQ(box_try(&box, BOX_SINGLE, R), 0);
	CHECK_EQ(box.private[0].lanes[0][0], 2);
	CHECK_EQ(readers(), 4);
	CHECK_EQ(box_try(&box, 2, X), -EBUSY);
	CHECK_EQ(box_try(&box, BOX_SINGLE, X), -EBUSY);
	CHECK_EQ(box.obj.rwlock.writer, 0);
	CHECK_EQ(box_unlock(&box, 0, R), 0);
	CHECK_EQ(box_unlock(&box, 0, R), 0);
	CHECK_EQ(box_unlock(&box, 0, R), -EPERM);
	CHECK_EQ(box_unlock(&box, 1, R), 0);
	CHECK_EQ(box_try(&box, 2, X), -EBUSY);
	CHECK_EQ(box_unlock(&box, BOX_SINGLE, R), 0);
	CHECK_EQ(box_try(&box, 2, X), 0);
	CHECK_EQ(box.obj.rwlock.writer, 3);
	CHECK_EQ(box_try(&box, 2, X), -EBUSY);
	CHECK_EQ(box_try(&box, 2, R), -EBUSY);
	CHECK_EQ(box_try(&box, BOX_SINGLE, R), -EBUSY);
	CHECK_EQ(readers(), 0);
}

static u32 writer(void)
{
	u32 id;

	spin_lock(&box.obj.lock);
	id = shs_rwlock_writer(&box.obj);
	spin_unlock(&box.obj.lock);
	return id;
}

/* The writer's own word: he leaves by it while nobody has to be told. */
TEST(rwlock_writes)
{
	static struct shs_graph graph;
	u32 *writes = &box.private[0].head.writes;

	start();
	CHECK_EQ(box_try(&box, 0, X), 0);
	CHECK_EQ(*writes, SHS_WRITES);
	CHECK_EQ(writer(), 1);
	CHECK_EQ(*writes, SHS_WRITES);
	CHECK_EQ(box_try(&box, 1, R), -EBUSY);
	CHECK_EQ(*writes, SHS_WRITES_CALL);
	CHECK_EQ(box_unlock(&box, 0, X), 0);
	CHECK_EQ(*writes, 0);
	CHECK_EQ(box_try(&box, 0, X), 0);
	*writes = 0;
	CHECK_EQ(writer(), 0);
	CHECK_EQ(box.obj.hold.id, 1);		/* nobody has asked for the lock */
	CHECK_EQ(box_unlock(&box, 0, X), -EPERM);
	box_die(&box, 0);
	CHECK_EQ(box.obj.rwlock.writer, 0);
	CHECK_EQ(box.obj.hold.id, 0);
	CHECK(!box.obj.rwlock.died);
	CHECK_EQ(box_try(&box, 1, R), 0);

	start();
	shs_graph_init(&graph);
	box.obj.graph = &graph;
	CHECK_EQ(box_try(&box, 0, X), 0);
	CHECK_EQ(*writes, SHS_WRITES_CALL);
}

TEST(rwlock_release_by_others)
{
	start();
	CHECK_EQ(box_unlock(&box, 0, X), -EPERM);
	CHECK_EQ(box_unlock(&box, 0, R), -EPERM);
	CHECK_EQ(box_try(&box, 0, X), 0);
	CHECK_EQ(box_unlock(&box, 1, X), -EPERM);
	CHECK_EQ(box_unlock(&box, BOX_SINGLE, X), -EPERM);
	CHECK_EQ(box.obj.rwlock.writer, 1);
	CHECK_EQ(box_unlock(&box, 0, X), 0);
	CHECK_EQ(box_try(&box, BOX_SINGLE, X), 0);
	CHECK_EQ(box_unlock(&box, 0, X), -EPERM);
	CHECK_EQ(box.obj.rwlock.writer, SHS_ID_KERNEL);
}

/* First in, first out; neighbouring readers together. */
TEST(rwlock_order)
{
	start();
	CHECK_EQ(box_try(&box, 0, R), 0);
	CHECK_EQ(box_lock(&box, 1, X), -EBUSY);
	CHECK_EQ(box.control.head.wpending, 1);
	CHECK_EQ(box_lock(&box, 2, R), -EBUSY);		/* not past the writer */
	CHECK_EQ(box_lock(&box, 3, R), -EBUSY);
	CHECK_EQ(box_lock(&box, 4, X), -EBUSY);
	CHECK_EQ(box_lock(&box, 5, R), -EBUSY);
	CHECK_EQ(box_unlock(&box, 0, R), 0);
	CHECK_EQ(box.obj.rwlock.writer, 2);
	CHECK_EQ(box_wake(&box, 1, 0), 0);
	CHECK_EQ(box.control.head.wpending, 0);		/* a reader is next */
	CHECK_EQ(box_unlock(&box, 1, X), 0);
	CHECK_EQ(readers(), 2);
	CHECK_EQ(box.obj.waiters, 2);
	CHECK_EQ(box.control.head.wpending, 1);
	CHECK_EQ(box_wake(&box, 2, 0), 0);
	CHECK_EQ(box_wake(&box, 3, 0), 0);
	CHECK_EQ(box_unlock(&box, 2, R), 0);
	CHECK_EQ(box.obj.rwlock.writer, 0);
	CHECK_EQ(box_unlock(&box, 3, R), 0);
	CHECK_EQ(box.obj.rwlock.writer, 5);
	CHECK_EQ(box_unlock(&box, 4, X), 0);
	CHECK_EQ(box_wake(&box, 5, 0), 0);
	CHECK_EQ(box.control.head.wpending, 0);
}

/* A writer that gives up lets the readers behind it in. */
TEST(rwlock_writer_times_out)
{
	start();
	CHECK_EQ(box_try(&box, 0, R), 0);
	CHECK_EQ(box_lock(&box, 1, X), -EBUSY);
	CHECK_EQ(box_lock(&box, 2, R), -EBUSY);
	CHECK_EQ(box_wake(&box, 1, -ETIMEDOUT), -ETIMEDOUT);
	CHECK_EQ(box_wake(&box, 2, 0), 0);
	CHECK_EQ(box.control.head.wpending, 0);
}

/* Ten readers die, in any order, one of them only seen to have no users. */
TEST(rwlock_ten_readers_die)
{
	int i;

	start();
	for (i = 0; i < 10; i++) {
		CHECK_EQ(box_try(&box, i, R), 0);
		box.private[i].lanes[BOX_LANES - 1][0] = 2;	/* other threads of it */
	}
	CHECK_EQ(readers(), 30);
	CHECK_EQ(box_lock(&box, BOX_SINGLE, X), -EBUSY);
	box.mm[4].mm_users = 0;
	for (i = 9; i >= 0; i--) {
		CHECK_EQ(box.w[BOX_SINGLE].state, SHS_QUEUED);
		if (i != 4)
			box_die(&box, i);
	}
	CHECK_EQ(box_wake(&box, BOX_SINGLE, 0), 0);
	CHECK_EQ(env.deaths, 10);
	CHECK_EQ(env.death_mode, R);
	CHECK_EQ(readers(), 0);
	CHECK(!box.obj.rwlock.died);		/* readers leave nothing torn */
	box_die(&box, 4);
	CHECK_EQ(env.deaths, 10);
}

/* Readers are told as long as no writer was; single operations are not told. */
TEST(rwlock_writer_dies)
{
	start();
	CHECK_EQ(box_try(&box, 0, X), 0);
	box_die(&box, 0);
	CHECK_EQ(env.deaths, 1);
	CHECK_EQ(env.death_mode, X);
	CHECK_EQ(box_try(&box, 1, R), -EOWNERDEAD);
	CHECK_EQ(box_try(&box, 2, R), -EOWNERDEAD);
	CHECK_EQ(box_try(&box, BOX_SINGLE, R), 0);
	box_unlock(&box, BOX_SINGLE, R);
	box_unlock(&box, 1, R);
	box_unlock(&box, 2, R);
	CHECK_EQ(box_try(&box, BOX_SINGLE, X), 0);
	box_unlock(&box, BOX_SINGLE, X);
	CHECK(box.obj.rwlock.died);
	CHECK_EQ(box_try(&box, 1, X), -EOWNERDEAD);
	box_unlock(&box, 1, X);
	CHECK_EQ(box_try(&box, 1, R), 0);
}

/* A dead writer that nobody repaired yet does not keep a reader out. */
TEST(rwlock_writer_gone)
{
	start();
	CHECK_EQ(box_try(&box, 0, X), 0);
	box.mm[0].mm_users = 0;
	CHECK_EQ(box_try(&box, 1, R), -EOWNERDEAD);
	CHECK_EQ(box.att[0].state, SHS_ATT_DEAD);
	box_die(&box, 0);
	CHECK_EQ(env.deaths, 1);
	CHECK_EQ(readers(), 1);
}

/* Lanes hold what their process likes; sums neither wrap nor turn to zero. */
TEST(rwlock_hostile_lanes)
{
	start();
	box.private[0].lanes[0][0] = ~0ULL;
	box.private[0].lanes[1][0] = 1ULL << 63;
	box.private[0].lanes[2][0] = 1ULL << 32;
	CHECK_EQ(readers(), U32_MAX);
	CHECK_EQ(box_try(&box, 1, X), -EBUSY);
	box.private[0].lanes[0][0] = ~0ULL;
	box.private[0].lanes[1][0] = 1;
	box.private[0].lanes[2][0] = 0;
	CHECK_EQ(readers(), U32_MAX);
	CHECK_EQ(box_try(&box, 1, X), -EBUSY);
	CHECK_EQ(box_try(&box, 0, R), 0);
	box.private[0].lanes[0][0] = 1ULL << 63;
	CHECK_EQ(box_unlock(&box, 0, R), 0);
	box_die(&box, 0);
	CHECK_EQ(readers(), 0);
	CHECK_EQ(box_try(&box, 1, X), 0);
}

/* Queues a second thread of attachment 0 as waiter i. */
static void queue_thread(unsigned int i, u32 mode)
{
	box_waiter(&box, i, mode)->att = &box.att[0];
	CHECK_EQ(waits_enter(&box.obj, &box.w[i], true), -EBUSY);
}

/* Repair amid the service of the queue cancels waiters, up to the last one. */
TEST(rwlock_repair_amid_service)
{
	start();
	CHECK_EQ(box_try(&box, 0, X), 0);
	queue_thread(5, X);
	CHECK_EQ(box_lock(&box, 1, X), -EBUSY);
	box.mm[0].mm_users = 0;
	CHECK_EQ(box_wake(&box, 1, -ETIMEDOUT), -ETIMEDOUT);
	CHECK_EQ(box.w[5].result, -ENXIO);
	CHECK_EQ(box.obj.rwlock.writer, 0);
	CHECK_EQ(box.obj.waiters, 0);
	CHECK_EQ(box.control.head.wpending, 0);

	start();
	CHECK_EQ(box_try(&box, 0, R), 0);
	queue_thread(5, X);
	CHECK_EQ(box_lock(&box, 1, X), -EBUSY);
	box.mm[0].mm_users = 0;
	CHECK_EQ(box_try(&box, 2, R), -EBUSY);
	CHECK_EQ(box.w[5].result, -ENXIO);
	CHECK_EQ(box_wake(&box, 1, 0), 0);	/* not the head when the service began */
	CHECK_EQ(box.obj.rwlock.writer, 2);
}

#define U	SHS_MODE_UPGRADABLE

/* As shs_convert(), to write. */
static int upgrade(unsigned int i, bool may_wait)
{
	box_waiter(&box, i, X)->upgrade = true;
	return waits_enter(&box.obj, &box.w[i], may_wait);
}

/* As weaken(). */
static int weaken(unsigned int i, u32 from, u32 to)
{
	struct shs_waiter w = { .att = &box.att[i], .mode = from };
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&box.obj.lock);
	ret = shs_rwlock_convert(&box.obj, &w, to);
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
	return ret;
}

TEST(rwlock_upgradable)
{
	start();
	CHECK_EQ(box_try(&box, 0, R), 0);
	CHECK_EQ(box_try(&box, 1, U), 0);
	CHECK_EQ(box_try(&box, 2, R), 0);
	CHECK_EQ(box_try(&box, 2, U), -EBUSY);
	CHECK_EQ(box_try(&box, 3, X), -EBUSY);
	CHECK_EQ(upgrade(2, false), -EPERM);
	CHECK_EQ(upgrade(1, false), -EBUSY);
	CHECK_EQ(box_unlock(&box, 2, U), -EPERM);
	CHECK_EQ(box_unlock(&box, 0, R), 0);
	CHECK_EQ(box_unlock(&box, 2, R), 0);
	CHECK_EQ(box_try(&box, 3, X), -EBUSY);
	CHECK_EQ(upgrade(1, false), 0);
	CHECK_EQ(box.obj.rwlock.writer, 2);
	CHECK_EQ(box.obj.rwlock.upgrader, 0);
	CHECK_EQ(weaken(1, U, R), -EPERM);
	CHECK_EQ(weaken(1, X, U), 0);
	CHECK_EQ(box.obj.rwlock.upgrader, 2);
	CHECK_EQ(weaken(1, U, R), 0);
	CHECK_EQ(readers(), 1);
	CHECK_EQ(box_try(&box, 2, U), 0);
}

/* Before the queue, which waits for it. */
TEST(rwlock_upgrade_order)
{
	start();
	CHECK_EQ(box_try(&box, 0, R), 0);
	CHECK_EQ(box_try(&box, 1, U), 0);
	CHECK_EQ(box_lock(&box, 2, X), -EBUSY);
	CHECK_EQ(box_lock(&box, 3, R), -EBUSY);
	CHECK_EQ(upgrade(1, true), -EBUSY);
	CHECK_EQ(box_unlock(&box, 0, R), 0);
	CHECK_EQ(box.obj.rwlock.writer, 2);
	CHECK_EQ(box_wake(&box, 1, 0), 0);
	CHECK_EQ(box.obj.waiters, 2);
	CHECK_EQ(box_unlock(&box, 1, X), 0);
	CHECK_EQ(box.obj.rwlock.writer, 3);
}

/* A killed task's unused grant is what it was before, until its death is repaired. */
TEST(rwlock_upgrade_returned)
{
	start();
	CHECK_EQ(box_try(&box, 0, R), 0);
	CHECK_EQ(box_try(&box, 1, U), 0);
	CHECK_EQ(upgrade(1, true), -EBUSY);
	CHECK_EQ(box_unlock(&box, 0, R), 0);
	box.task[1].killed = true;
	CHECK_EQ(box_wake(&box, 1, 0), -ERESTARTSYS);
	CHECK_EQ(box.obj.rwlock.writer, 0);
	CHECK_EQ(box.obj.rwlock.upgrader, 2);
	box_die(&box, 1);
	CHECK_EQ(env.deaths, 1);
	CHECK_EQ(env.death_mode, U);
	CHECK(!box.obj.rwlock.died);
	CHECK_EQ(box.obj.rwlock.upgrader, 0);
	CHECK_EQ(box_try(&box, 2, X), 0);
}

/* Dead with its upgrade queued; or only seen to have no users. */
TEST(rwlock_upgrader_dies)
{
	int gone;

	for (gone = 0; gone < 2; gone++) {
		start();
		env.deaths = 0;
		CHECK_EQ(box_try(&box, 0, R), 0);
		CHECK_EQ(box_try(&box, 1, U), 0);
		CHECK_EQ(upgrade(1, true), -EBUSY);
		CHECK_EQ(box_lock(&box, 2, R), -EBUSY);
		CHECK_EQ(box_lock(&box, 3, U), -EBUSY);
		if (gone) {
			box.mm[1].mm_users = 0;
			box.task[1].killed = true;
			CHECK_EQ(box_wake(&box, 1, -ERESTARTSYS), -ERESTARTSYS);
		} else {
			box_die(&box, 1);
			CHECK_EQ(box_wake(&box, 1, 0), -ENXIO);
		}
		CHECK_EQ(env.deaths, 1);
		CHECK_EQ(env.death_mode, U);
		CHECK_EQ(box_wake(&box, 2, 0), 0);
		CHECK_EQ(box_wake(&box, 3, 0), 0);
		CHECK_EQ(box.obj.rwlock.upgrader, 4);
		CHECK_EQ(box.control.head.wpending, 0);
	}
}

/* A reader that comes again: says so, or is told, or is not known to. */
TEST(rwlock_recursive)
{
	start();
	CHECK_EQ(box_try(&box, 0, R), 0);
	CHECK_EQ(box_lock(&box, 1, X), -EBUSY);
	CHECK_EQ(box_try(&box, 0, R), -EBUSY);
	box_waiter(&box, 0, R)->own_lane = true;
	CHECK_EQ(waits_enter(&box.obj, &box.w[0], true), -EDEADLK);
	box_waiter(&box, 2, R)->own_lane = true;	/* holds nothing */
	CHECK_EQ(waits_enter(&box.obj, &box.w[2], false), -EBUSY);
	box_waiter(&box, 2, R)->recursive = true;
	CHECK_EQ(waits_enter(&box.obj, &box.w[2], false), -EBUSY);
	box_waiter(&box, 0, R)->recursive = true;
	CHECK_EQ(waits_enter(&box.obj, &box.w[0], true), 0);
	CHECK_EQ(readers(), 2);
	CHECK_EQ(box.obj.waiters, 1);
}
