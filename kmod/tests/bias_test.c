// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space does without the kernel, and the kernel turns off: readers by their
 * lane (bias), the word while somebody watches.
 */
#include "box.h"
#include "world.h"

#define R	SHS_MODE_READ
#define X	SHS_MODE_EXCLUSIVE
#define SECOND	1000000000ULL

TEST(world_lanes)
{
	static const struct world_config lanes = {
		.name = "lanes that come into use", .kind = SHS_KIND_RWLOCK, .kills = 1,
		.marks = true, .races = 1,
		.script = {
			{ 0, 1, FAST | READ },
			{ 1, 1, SLOW | READ },
			{ 2, 1, SLOW },
		},
	};

	world_all(&lanes);
}

TEST(world_bias)
{
	static const struct world_config writer = {
		.name = "two readers by their lanes, a writer, a death", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .races = 2,
		.script = {
			{ 0, 2, FAST | SLOW | READ },
			{ 1, 1, FAST | TRY | READ },
			{ 2, 1, SLOW },
		},
	}, writers = {
		.name = "two writers, of whom one tries, two deaths", .kind = SHS_KIND_RWLOCK,
		.kills = 2, .races = 1,
		.script = {
			{ 0, 2, FAST | SLOW | READ },
			{ 1, 1, TRY },
			{ 2, 1, SLOW | ABANDON | TIMED },
		},
	}, watched = {
		.name = "watched, by one who may die", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .unmaps = 1, .watches = 2, .races = 1,
		.script = {
			{ 0, 2, FAST | SLOW | READ },
			{ 1, 1, SLOW },
			{ 2, 1, SPY },
		},
	}, watchers = {
		.name = "a reader and a writer that watch", .kind = SHS_KIND_RWLOCK,
		.kills = 2, .watches = 2,
		.script = {
			{ 0, 2, FAST | SLOW | READ | SPY },
			{ 1, 1, SLOW | SPY },
		},
	}, recursive = {
		.name = "readers that read again", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .races = 2,
		.script = {
			{ 0, 1, FAST | SLOW | READ | NEST },
			{ 1, 1, FAST | SLOW | READ | FORGET },
			{ 2, 1, SLOW },
		},
	};

	world_all(&writer);
	world_all(&writers);
	world_all(&watched);
	world_all(&watchers);
	world_all(&recursive);
}

TEST(world_bias_upgradable)
{
	static const struct world_config two = {
		.name = "two upgraders beside a reader", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .races = 1,
		.script = {
			{ 0, 1, SLOW | UPGRADE | CONVERT },
			{ 1, 1, SLOW | UPGRADE | TIMED },
			{ 2, 2, FAST | SLOW | READ },
		},
	}, single = {
		.name = "single operations", .kind = SHS_KIND_RWLOCK,
		.flags = SHS_INIT_STRICT, .kills = 1, .races = 1,
		.script = {
			{ 0, 2, FAST | SLOW | READ },
			{ 1, 1, SLOW | DECLARE },
			{ -1, 1, SLOW | RECOVER },
			{ -1, 1, SLOW | READ },
		},
	};

	world_all(&two);
	world_all(&single);
}

TEST(world_bias_random)
{
	static const struct world_config busy = {
		.name = "readers by their lanes, many deaths", .kind = SHS_KIND_RWLOCK,
		.kills = 60, .unmaps = 20, .signals = 40, .watches = 60, .races = 4, .again = true,
		.script = {
			{ 0, 60, FAST | SLOW | READ | TIMED },
			{ 0, 60, FAST | TRY | READ | SPY },
			{ 1, 60, FAST | SLOW | READ | NEST },
			{ 2, 60, SLOW | TRY | TIMED | SPY },
			{ -1, 60, SLOW | TIMED | RECOVER },
		},
	}, upgrades = {
		.name = "upgrades, many deaths", .kind = SHS_KIND_RWLOCK,
		.kills = 60, .unmaps = 20, .signals = 40, .ticks = 20, .races = 4, .again = true,
		.script = {
			{ 0, 60, FAST | SLOW | READ | TIMED },
			{ 0, 60, SLOW | UPGRADE | CONVERT | TIMED },
			{ 1, 60, FAST | SLOW | READ },
			{ 2, 60, SLOW | UPGRADE | CONVERT | ABANDON },
			{ 3, 60, FAST | SLOW | TIMED | CONVERT },
		},
	};

	world_random(&busy, 0x5eed0061, 200000);
	world_random(&upgrades, 0x5eed0062, 200000);
}

TEST(world_watch)
{
	static const struct world_config mutex = {
		.name = "a mutex that a third watches", .kind = SHS_KIND_MUTEX,
		.kills = 2, .watches = 2, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 1, FAST | SLOW | TIMED },
			{ 2, 1, SPY },
		},
	}, owners = {
		.name = "owners that watch, an unmap", .kind = SHS_KIND_MUTEX,
		.kills = 1, .unmaps = 1, .watches = 2, .races = 2,
		.script = {
			{ 0, 2, FAST | SLOW | SPY },
			{ 1, 1, FAST | SLOW | SPY },
		},
	}, strict = {
		.name = "lost and watched", .kind = SHS_KIND_MUTEX, .flags = SHS_INIT_STRICT,
		.kills = 2, .watches = 1, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 1, FAST | SLOW | DECLARE },
			{ 2, 1, SPY },
			{ -1, 1, SLOW | RECOVER },
		},
	}, fifo = {
		.name = "strict order, watched", .kind = SHS_KIND_MUTEX, .flags = SHS_INIT_FIFO,
		.kills = 1, .watches = 2,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 1, SLOW | TIMED },
			{ 2, 1, SLOW | SPY },
		},
	}, cell = {
		.name = "a cell that is watched", .kind = SHS_KIND_CELL,
		.kills = 1, .watches = 2, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 1, FAST | SLOW | SPY },
			{ -1, 1, SLOW | TIMED },
		},
	};

	world_all(&mutex);
	world_all(&owners);
	world_all(&strict);
	world_all(&fifo);
	world_all(&cell);
}

TEST(world_watch_random)
{
	static const struct world_config busy = {
		.name = "two watch, many deaths", .kind = SHS_KIND_MUTEX,
		.kills = 60, .unmaps = 20, .signals = 40, .ticks = 40, .watches = 60,
		.races = 3, .again = true,
		.script = {
			{ 0, 60, FAST | SLOW | TRY | TIMED | SPY },
			{ 0, 60, SLOW },
			{ 1, 60, FAST | SLOW | TIMED },
			{ 2, 60, FAST | SLOW | TRY | SPY },
			{ -1, 60, SLOW | TRY | TIMED | RECOVER },
		},
	}, hostile = {
		.name = "a hostile word, watched", .kind = SHS_KIND_MUTEX, .hostile = true,
		.kills = 2, .unmaps = 1, .signals = 5, .watches = 20, .races = 2,
		.script = {
			{ 0, 20, FAST | SLOW | TIMED },
			{ 1, 20, FAST | SLOW | TRY | SPY },
			{ 2, 20, SLOW | TIMED | SPY },
			{ -1, 20, SLOW | TIMED | RECOVER },
		},
	};

	world_random(&busy, 0x5eed0063, 200000);
	world_random(&hostile, 0x5eed0064, 100000);
}

static struct box box;

static void watch(unsigned int i, bool on)
{
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_watch(&box.att[i], on), 0);
	spin_unlock(&box.obj.lock);
}

static void read_and_leave(void)
{
	CHECK_EQ(box_try(&box, 0, R), 0);
	CHECK_EQ(box_unlock(&box, 0, R), 0);
}

static void write_and_leave(void)
{
	CHECK_EQ(box_try(&box, 1, X), 0);
	CHECK_EQ(box_unlock(&box, 1, X), 0);
}

/* Off for 9 times what the revocation cost the writer, and on again. */
TEST(bias_inhibited)
{
	box_init(&box, SHS_KIND_RWLOCK, 0, 2);
	CHECK_EQ(box_try(&box, 0, R), 0);
	CHECK_EQ(box.control.head.bias, 1);
	CHECK_EQ(box_lock(&box, 1, X), -EBUSY);
	CHECK_EQ(box.control.head.bias, 0);
	env.now_ns += SECOND;
	CHECK_EQ(box_unlock(&box, 0, R), 0);
	CHECK_EQ(box_wake(&box, 1, 0), 0);
	CHECK_EQ(box_unlock(&box, 1, X), 0);
	read_and_leave();
	CHECK_EQ(box.control.head.bias, 0);
	env.now_ns += 9 * SECOND - 1;
	read_and_leave();
	CHECK_EQ(box.control.head.bias, 0);
	env.now_ns++;
	read_and_leave();
	CHECK_EQ(box.control.head.bias, 1);
}

/* What cost no writer anything is not held against the readers. */
TEST(bias_idle)
{
	box_init(&box, SHS_KIND_RWLOCK, 0, 3);
	read_and_leave();
	CHECK_EQ(box.control.head.bias, 1);
	watch(2, true);
	CHECK_EQ(box.control.head.bias, 0);
	env.now_ns += 3600 * SECOND;
	watch(2, false);
	write_and_leave();
	read_and_leave();
	CHECK_EQ(box.control.head.bias, 1);

	/* one that only tried, long ago */
	CHECK_EQ(box_try(&box, 0, R), 0);
	CHECK_EQ(box_try(&box, 1, X), -EBUSY);
	CHECK_EQ(box.control.head.bias, 0);
	env.now_ns += 3600 * SECOND;
	CHECK_EQ(box_unlock(&box, 0, R), 0);
	write_and_leave();
	read_and_leave();
	CHECK_EQ(box.control.head.bias, 1);
}

/* With SHS_INIT_DETECT the kernel sees every reader. */
TEST(bias_detect)
{
	static struct shs_graph graph;

	box_init(&box, SHS_KIND_RWLOCK, SHS_INIT_DETECT, 2);
	shs_graph_init(&graph);
	box.obj.graph = &graph;
	read_and_leave();
	CHECK_EQ(box.control.head.bias, 0);
}

/* Also a dead one's watching ends, and a second one's goes on. */
TEST(bias_watchers)
{
	box_init(&box, SHS_KIND_RWLOCK, 0, 3);
	watch(1, true);
	watch(1, true);
	watch(2, true);
	CHECK_EQ(box.obj.watchers, 2);
	box_die(&box, 1);
	CHECK_EQ(box.obj.watchers, 1);
	read_and_leave();
	CHECK_EQ(box.control.head.bias, 0);
	watch(2, false);
	watch(2, false);
	CHECK_EQ(box.obj.watchers, 0);
	read_and_leave();
	CHECK_EQ(box.control.head.bias, 1);
}

/* Another process rewrites the word whenever the kernel would. */
static void rewrite(enum env_access access, const void *p)
{
	if (access == ENV_CMPXCHG && p == &box.shared.head.word)
		box.shared.head.word ^= SHS_WORD_DIED;
}

/* Not told that it watches, it does not; and it can always cease to. */
TEST(watch_hostile)
{
	int ret;

	box_init(&box, SHS_KIND_MUTEX, 0, 2);
	env_race = rewrite;
	spin_lock(&box.obj.lock);
	ret = shs_watch(&box.att[0], SHS_WATCH_ON);
	spin_unlock(&box.obj.lock);
	CHECK_EQ(ret, -EAGAIN);
	CHECK_EQ(box.obj.watchers, 0);
	CHECK(!box.att[0].watch);
	CHECK(!(box.shared.head.word & SHS_WORD_KERNEL));

	env_race = NULL;
	watch(0, true);
	CHECK(box.shared.head.word & SHS_WORD_KERNEL);
	env_race = rewrite;
	watch(0, false);
	CHECK_EQ(box.obj.watchers, 0);
	env_race = NULL;
	box.shared.head.word &= ~SHS_WORD_DIED;
	CHECK_EQ(box_try(&box, 1, X), 0);	/* whoever takes it here takes K off */
	CHECK_EQ(box.shared.head.word, 2);
}
