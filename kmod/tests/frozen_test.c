// SPDX-License-Identifier: GPL-2.0-only
/* What nobody gets, because somebody freezes it: shs_watch() of core.c. */
#include "word_box.h"
#include "world.h"

#define FREEZE_IT	(SHS_WATCH_ON | SHS_WATCH_FREEZE)
#define R		SHS_MODE_READ
#define X		SHS_MODE_EXCLUSIVE
#define SECOND		1000000000ULL

TEST(world_frozen)
{
	static const struct world_config mutex = {
		.name = "a mutex that a third freezes", .kind = SHS_KIND_MUTEX,
		.kills = 1, .ticks = 1, .watches = 1, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 1, FAST | SLOW | TIMED },
			{ 2, 1, SPY | FREEZE },
		},
	}, owners = {
		.name = "owners that freeze, an unmap", .kind = SHS_KIND_MUTEX,
		.kills = 1, .unmaps = 1, .watches = 2, .races = 1,
		.script = {
			{ 0, 2, FAST | SLOW | SPY | FREEZE },
			{ 1, 1, FAST | SLOW | SPY | FREEZE },
		},
	}, both = {
		.name = "one watches, one freezes, operations", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_FIFO, .kills = 1, .watches = 2,
		.script = {
			{ 0, 1, SLOW | TRY | SPY },
			{ 1, 1, SLOW | TIMED | SPY | FREEZE },
			{ -1, 1, SLOW | TIMED },
		},
	}, operations = {
		.name = "operations on what is frozen", .kind = SHS_KIND_MUTEX, .watches = 1,
		.script = {
			{ 0, 1, SLOW | SPY | FREEZE },
			{ -1, 1, SLOW | TIMED },
			{ -1, 1, SLOW | TRY },
		},
	}, recursive = {
		.name = "a recursive mutex", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_RECURSIVE, .kills = 1, .watches = 1,
		.script = {
			{ 0, 1, SLOW | NEST },
			{ 1, 1, SLOW | TIMED },
			{ 2, 1, SPY | FREEZE },
		},
	}, again = {
		.name = "readers that read again", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .watches = 1,
		.script = {
			{ 0, 1, FAST | SLOW | READ | NEST },
			{ 1, 1, SLOW },
			{ 2, 1, SPY | FREEZE },
		},
	}, rwlock = {
		.name = "a rwlock that a third freezes", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .watches = 1, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW | READ },
			{ 1, 1, SLOW | TIMED },
			{ 2, 1, SPY | FREEZE },
		},
	}, upgrade = {
		.name = "an upgrade of what is frozen", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .watches = 1,
		.script = {
			{ 0, 1, FAST | SLOW | READ },
			{ 1, 1, SLOW | UPGRADE | CONVERT },
			{ 2, 1, SLOW | TIMED | SPY | FREEZE },
		},
	};

	world_all(&mutex);
	world_all(&owners);
	world_all(&both);
	world_all(&operations);
	world_all(&recursive);
	world_all(&again);
	world_all(&rwlock);
	world_all(&upgrade);
}

TEST(world_frozen_random)
{
	static const struct world_config mutex = {
		.name = "two freeze a mutex, many deaths", .kind = SHS_KIND_MUTEX,
		.kills = 60, .unmaps = 20, .signals = 40, .ticks = 40, .watches = 60,
		.races = 3, .again = true,
		.script = {
			{ 0, 60, FAST | SLOW | TRY | TIMED | SPY | FREEZE },
			{ 0, 60, SLOW },
			{ 1, 60, FAST | SLOW | TIMED },
			{ 2, 60, FAST | SLOW | TRY | SPY | FREEZE },
			{ -1, 60, SLOW | TRY | TIMED | RECOVER },
		},
	}, rwlock = {
		.name = "two freeze a rwlock, many deaths", .kind = SHS_KIND_RWLOCK,
		.kills = 60, .unmaps = 20, .signals = 40, .ticks = 40, .watches = 60,
		.races = 3, .again = true,
		.script = {
			{ 0, 60, FAST | SLOW | READ | SPY | FREEZE },
			{ 0, 60, SLOW | TIMED },
			{ 1, 60, SLOW | UPGRADE | CONVERT | TIMED },
			{ 2, 60, FAST | SLOW | READ | TRY | SPY },
			{ -1, 60, SLOW | TRY | TIMED },
		},
	};

	world_random(&mutex, 0x5eed0065, 200000);
	world_random(&rwlock, 0x5eed0066, 200000);
}

static void watch(unsigned int i, u32 flags)
{
	struct shs_wakes wakes = { };

	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_watch(&box.att[i], flags), 0);
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
}

/* Thread i locks once more, by another waiter. */
static int lock_again(unsigned int i, unsigned int waiter, const struct shs_waiter *how)
{
	struct shs_waiter *w = box_waiter(&box, waiter, how->mode);

	w->att = &box.att[i];
	w->thread = &box.task[i].pid;
	w->recursive = how->recursive;
	w->own_lane = how->own_lane;
	w->upgrade = how->upgrade;
	env.task = &box.task[i];
	return waits_enter(&box.obj, w, true);
}

/* Frozen and only watched, back and forth. */
TEST(frozen_or_watched)
{
	box_init(&box, SHS_KIND_MUTEX, 0, 2);
	watch(0, FREEZE_IT);
	watch(0, FREEZE_IT);
	CHECK_EQ(box.obj.watchers, 1);
	CHECK_EQ(box.obj.freezers, 1);
	watch(1, SHS_WATCH_ON);
	watch(0, SHS_WATCH_ON);
	CHECK_EQ(box.obj.watchers, 2);
	CHECK_EQ(box.obj.freezers, 0);
	watch(0, FREEZE_IT);
	watch(0, 0);
	CHECK_EQ(box.obj.watchers, 1);
	CHECK_EQ(box.obj.freezers, 0);
	CHECK_EQ(word(), K);
}

/* Who holds it has it already. */
TEST(frozen_recursive)
{
	box_init(&box, SHS_KIND_MUTEX, SHS_INIT_RECURSIVE, 4);
	box.shared.head.word = K;
	CHECK_EQ(box_lock(&box, 0, 0), 0);
	watch(1, FREEZE_IT);
	CHECK_EQ(lock_again(0, 2, &(struct shs_waiter){ }), 0);
	CHECK_EQ(box.obj.hold.depth, 2);
	CHECK_EQ(box_try(&box, 3, 0), -EBUSY);
}

/* The same for a reader: behind a writer that waits it would wait for itself. */
TEST(frozen_reader)
{
	box_init(&box, SHS_KIND_RWLOCK, 0, 4);
	CHECK_EQ(box_lock(&box, 0, R), 0);
	watch(1, FREEZE_IT);
	CHECK_EQ(box_lock(&box, 3, X), -EBUSY);
	CHECK_EQ(lock_again(0, 2, &(struct shs_waiter){ .mode = R, .own_lane = true }),
		 -EDEADLK);
	CHECK_EQ(lock_again(0, 2, &(struct shs_waiter){ .mode = R, .recursive = true }), 0);
	CHECK_EQ(box_try(&box, 1, R), -EBUSY);
}

/* What is refused anyway is refused as ever. */
TEST(frozen_refusals)
{
	box_init(&box, SHS_KIND_RWLOCK, 0, 4);
	watch(1, FREEZE_IT);
	CHECK_EQ(lock_again(0, 2, &(struct shs_waiter){ .mode = X, .upgrade = true }), -EPERM);
	box_init(&box, SHS_KIND_MUTEX, SHS_INIT_STRICT, 4);
	box.obj.lost = true;
	watch(1, FREEZE_IT);
	CHECK_EQ(box_try(&box, 0, 0), -ENOTRECOVERABLE);
}

/* Bias is inhibited for what a writer waited for readers, not for how long it froze. */
TEST(frozen_bias)
{
	box_init(&box, SHS_KIND_RWLOCK, 0, 4);
	CHECK_EQ(box_lock(&box, 0, R), 0);
	CHECK_EQ(box.control.head.bias, 1);
	CHECK_EQ(box_unlock(&box, 0, R), 0);
	watch(1, FREEZE_IT);
	CHECK_EQ(box_lock(&box, 3, X), -EBUSY);
	env.now_ns += 60 * SECOND;
	watch(1, 0);
	CHECK_EQ(box_wake(&box, 3, 0), 0);
	CHECK_EQ(box_unlock(&box, 3, X), 0);
	CHECK_EQ(box_lock(&box, 0, R), 0);
	CHECK_EQ(box.control.head.bias, 1);
}
