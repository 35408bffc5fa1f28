// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small worlds completely, bigger ones at random.  The first part of a name says which
 * builds with a broken rule it has to reject: see mutations/.
 */
#include "world.h"

TEST(world_mutex)
{
	static const struct world_config three = {
		.name = "three processes, two deaths", .kind = SHS_KIND_MUTEX,
		.kills = 2, .races = 2,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 2, FAST | SLOW },
			{ 2, 1, SLOW | TRY },
		},
	}, timeouts = {
		.name = "timeouts, signals and a death", .kind = SHS_KIND_MUTEX,
		.kills = 1, .signals = 1, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 1, SLOW | TIMED },
			{ 2, 1, SLOW | TIMED },
		},
	}, handoff = {
		.name = "waiters that grow old", .kind = SHS_KIND_MUTEX,
		.kills = 1, .ticks = 1, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 1, SLOW | TIMED },
			{ 2, 1, FAST | SLOW },
		},
	}, single = {
		.name = "single operations beside processes", .kind = SHS_KIND_MUTEX,
		.kills = 1, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 1, SLOW },
			{ -1, 2, SLOW | TIMED | RECOVER },
			{ -1, 1, SLOW | TRY },
		},
	}, threads = {
		.name = "two threads of one process, an unmap", .kind = SHS_KIND_MUTEX,
		.kills = 1, .unmaps = 1, .ticks = 1, .races = 1,
		.script = {
			{ 0, 1, SLOW },
			{ 0, 1, FAST | SLOW },
			{ 1, 1, FAST | SLOW },
		},
	};

	world_all(&three);
	world_all(&timeouts);
	world_all(&handoff);
	world_all(&single);
	world_all(&threads);
}

TEST(world_fifo)
{
	static const struct world_config fifo = {
		.name = "strict order, bit K", .kind = SHS_KIND_MUTEX, .flags = SHS_INIT_FIFO,
		.kills = 1, .signals = 1,
		.script = {
			{ 0, 2, FAST | SLOW },
			{ 1, 1, SLOW | TIMED },
			{ 2, 1, FAST | SLOW },
			{ -1, 1, SLOW | TIMED },
		},
	};

	world_all(&fifo);
}

TEST(world_cell)
{
	static const struct world_config cell = {
		.name = "a cell: a death is no news", .kind = SHS_KIND_CELL,
		.kills = 2, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 1, FAST | SLOW },
			{ -1, 2, SLOW | TIMED },
		},
	};

	world_all(&cell);
}

TEST(world_mutex_random)
{
	static const struct world_config busy = {
		.name = "five actors, many deaths", .kind = SHS_KIND_MUTEX,
		.kills = 60, .unmaps = 20, .signals = 40, .ticks = 40, .races = 3, .again = true,
		.script = {
			{ 0, 60, FAST | SLOW | TRY | TIMED },
			{ 0, 60, SLOW },
			{ 1, 60, FAST | SLOW | TIMED },
			{ 2, 60, FAST | SLOW | TRY },
			{ -1, 60, SLOW | TRY | TIMED | RECOVER },
		},
	}, fifo = {
		.name = "five actors in strict order", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_FIFO,
		.kills = 60, .unmaps = 20, .signals = 40, .ticks = 40, .races = 3, .again = true,
		.script = {
			{ 0, 60, SLOW | TIMED },
			{ 1, 60, SLOW },
			{ 2, 60, SLOW | TRY },
			{ 3, 60, FAST | SLOW | TRY },
			{ -1, 60, SLOW | TIMED | RECOVER },
		},
	};

	world_random(&busy, 0x5eed0001, 200000);
	world_random(&fifo, 0x5eed0002, 100000);
}

TEST(world_rwlock)
{
	static const struct world_config three = {
		.name = "two readers, a writer, two deaths", .kind = SHS_KIND_RWLOCK,
		.kills = 2, .races = 2,
		.script = {
			{ 0, 1, FAST | SLOW | READ },
			{ 1, 1, SLOW | READ | TIMED },
			{ 2, 2, SLOW },
		},
	}, writers = {
		.name = "two writers, a reader, two deaths", .kind = SHS_KIND_RWLOCK,
		.kills = 2, .signals = 1, .races = 1,
		.script = {
			{ 0, 2, FAST | SLOW | READ | TRY },
			{ 1, 1, SLOW | TIMED },
			{ 2, 1, SLOW },
		},
	}, single = {
		.name = "single operations beside processes", .kind = SHS_KIND_RWLOCK,
		.kills = 2, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW | READ },
			{ 1, 1, SLOW },
			{ -1, 1, SLOW | READ | TIMED },
			{ -1, 1, SLOW | RECOVER },
		},
	}, threads = {
		.name = "a reader and a writer of one process, an unmap",
		.kind = SHS_KIND_RWLOCK, .kills = 1, .unmaps = 1, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW | READ },
			{ 0, 1, SLOW },
			{ 1, 1, SLOW },
			{ 2, 1, FAST | SLOW | READ },
		},
	};

	world_all(&three);
	world_all(&writers);
	world_all(&single);
	world_all(&threads);
}

/* Writers who leave or read on by their own word. */
TEST(world_writer)
{
	static const struct world_config three = {
		.name = "two writers who leave, a reader, two deaths",
		.kind = SHS_KIND_RWLOCK, .kills = 2, .races = 2,
		.script = {
			{ 0, 2, FAST | SLOW | TRY },
			{ 1, 1, FAST | SLOW | READ },
			{ 2, 1, FAST | SLOW | TIMED },
		},
	}, downgrade = {
		.name = "a writer who reads on, two deaths", .kind = SHS_KIND_RWLOCK,
		.kills = 2, .races = 2,
		.script = {
			{ 0, 1, FAST | SLOW | CONVERT },
			{ 1, 1, FAST | SLOW | CONVERT },
			{ 2, 1, FAST | SLOW | READ },
		},
	}, threads = {
		.name = "threads of one process, an unmap", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .unmaps = 1, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW | CONVERT },
			{ 0, 1, FAST | SLOW | READ | TRY },
			{ 1, 1, FAST | SLOW },
			{ -1, 1, SLOW | RECOVER },
		},
	}, watched = {
		.name = "a writer who leaves, watched", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .races = 1, .watches = 2,
		.script = {
			{ 0, 2, FAST | SLOW | CONVERT },
			{ 1, 1, SLOW | SPY },
		},
	}, frozen = {
		.name = "a writer who leaves, frozen", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .races = 1, .watches = 2,
		.script = {
			{ 0, 2, FAST | SLOW | CONVERT },
			{ 1, 1, FAST | SLOW },
			{ 2, 1, SLOW | READ | SPY | FREEZE },
		},
	}, strict = {
		.name = "a writer who leaves, strict", .kind = SHS_KIND_RWLOCK,
		.flags = SHS_INIT_STRICT, .kills = 2, .races = 1,
		.script = {
			{ 0, 2, FAST | SLOW | CONVERT | DECLARE | ABANDON },
			{ 1, 1, FAST | SLOW },
			{ -1, 1, SLOW | RECOVER },
		},
	}, upgrade = {
		.name = "an upgrader who leaves", .kind = SHS_KIND_RWLOCK, .kills = 1,
		.signals = 1, .races = 2,
		.script = {
			{ 0, 1, FAST | SLOW | UPGRADE | CONVERT | TIMED },
			{ 1, 1, FAST | SLOW },
			{ 2, 1, FAST | SLOW | READ },
		},
	};

	world_all(&three);
	world_all(&downgrade);
	world_all(&threads);
	world_all(&watched);
	world_all(&frozen);
	world_all(&strict);
	world_all(&upgrade);
}

TEST(world_rwlock_random)
{
	static const struct world_config busy = {
		.name = "five actors, many deaths", .kind = SHS_KIND_RWLOCK,
		.kills = 60, .unmaps = 20, .signals = 40, .races = 3, .again = true,
		.script = {
			{ 0, 60, FAST | SLOW | READ | TIMED },
			{ 0, 60, SLOW | TRY | READ },
			{ 1, 60, FAST | SLOW | READ },
			{ 2, 60, FAST | SLOW | TRY | TIMED | CONVERT },
			{ -1, 60, SLOW | TIMED | RECOVER },
		},
	};

	world_random(&busy, 0x5eed0003, 200000);
}

TEST(world_once)
{
	static const struct world_config three = {
		.name = "three initialisers, two deaths", .kind = SHS_KIND_ONCE,
		.kills = 2, .signals = 1,
		.script = {
			{ 0, 1, SLOW | ABANDON },
			{ 1, 1, SLOW | TIMED },
			{ 2, 1, SLOW | TRY },
			{ 3, 1, SLOW | RDONLY },
		},
	}, poison = {
		.name = "poisoned", .kind = SHS_KIND_ONCE, .flags = SHS_INIT_POISON,
		.kills = 2, .unmaps = 1,
		.script = {
			{ 0, 1, SLOW | ABANDON },
			{ 1, 1, SLOW | TIMED },
			{ 2, 2, SLOW | FORCE },
		},
	}, watched = {
		.name = "watched by two, two deaths", .kind = SHS_KIND_ONCE,
		.kills = 2, .signals = 1,
		.script = {
			{ 0, 1, SLOW | ABANDON },
			{ 1, 1, SLOW | WATCH | TIMED },
			{ 2, 1, SLOW | TIMED },
			{ 3, 1, SLOW | RDONLY | WATCH },
		},
	}, watched_poison = {
		.name = "poisoned and watched", .kind = SHS_KIND_ONCE, .flags = SHS_INIT_POISON,
		.kills = 1, .unmaps = 1,
		.script = {
			{ 0, 1, SLOW | ABANDON },
			{ 1, 2, SLOW | WATCH | TRY },
			{ 2, 1, SLOW | FORCE },
		},
	};

	world_all(&three);
	world_all(&poison);
	world_all(&watched);
	world_all(&watched_poison);
}

TEST(world_once_random)
{
	static const struct world_config busy = {
		.name = "five initialisers, many deaths", .kind = SHS_KIND_ONCE,
		.flags = SHS_INIT_POISON,
		.kills = 60, .unmaps = 20, .signals = 40, .again = true,
		.script = {
			{ 0, 60, SLOW | TIMED | FORCE | ABANDON },
			{ 0, 60, SLOW | TRY | FORCE | ABANDON },
			{ 1, 60, SLOW | FORCE | ABANDON },
			{ 2, 60, SLOW | FORCE | ABANDON | TIMED },
			{ 3, 60, SLOW | RDONLY },
		},
	};

	static const struct world_config watched = {
		.name = "initialisers and watchers, many deaths", .kind = SHS_KIND_ONCE,
		.kills = 60, .unmaps = 20, .signals = 40, .again = true,
		.script = {
			{ 0, 60, SLOW | TIMED | ABANDON },
			{ 1, 60, SLOW | WATCH },
			{ 1, 60, SLOW | TRY | WATCH | TIMED },
			{ 2, 60, SLOW | ABANDON },
			{ 3, 60, SLOW | RDONLY | WATCH | TIMED },
		},
	};

	world_random(&busy, 0x5eed0004, 100000);
	world_random(&watched, 0x5eed0005, 100000);
}

/* Random words, lanes and sequences between and amid the steps. */
TEST(world_hostile)
{
	static const struct world_config mutex = {
		.name = "a hostile word", .kind = SHS_KIND_MUTEX, .hostile = true,
		.kills = 2, .unmaps = 1, .signals = 5, .ticks = 5, .races = 2,
		.script = {
			{ 0, 20, FAST | SLOW | TIMED },
			{ 1, 20, FAST | SLOW | TRY },
			{ 2, 20, SLOW | TIMED },
			{ -1, 20, SLOW | TIMED | RECOVER },
			{ -1, 20, SLOW | TRY },
		},
	}, fifo = {
		.name = "a hostile word, strict order", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_FIFO, .hostile = true,
		.kills = 2, .unmaps = 1, .signals = 5, .races = 2,
		.script = {
			{ 0, 20, SLOW | TIMED },
			{ 1, 20, SLOW | TRY },
			{ 2, 20, SLOW | TIMED },
			{ -1, 20, SLOW | TIMED | RECOVER },
		},
	}, cell = {
		.name = "a hostile word and sequence", .kind = SHS_KIND_CELL, .hostile = true,
		.kills = 2, .races = 2,
		.script = {
			{ 0, 20, FAST | SLOW },
			{ 1, 20, FAST | SLOW | TIMED },
			{ -1, 20, SLOW | TIMED },
			{ -1, 20, SLOW },
		},
	}, rwlock = {
		.name = "hostile lanes", .kind = SHS_KIND_RWLOCK, .hostile = true,
		.kills = 2, .unmaps = 1, .signals = 5, .races = 2,
		.script = {
			{ 0, 20, FAST | SLOW | READ },
			{ 0, 20, FAST | SLOW | TIMED | CONVERT },
			{ 1, 20, FAST | SLOW | READ | TIMED },
			{ 2, 20, FAST | SLOW | TIMED | CONVERT },
			{ -1, 20, SLOW | TIMED | READ },
		},
	};

	world_random(&mutex, 0x5eed0011, 150000);
	world_random(&fifo, 0x5eed0012, 80000);
	world_random(&cell, 0x5eed0013, 80000);
	world_random(&rwlock, 0x5eed0014, 150000);
}

TEST(world_semaphore)
{
	static const struct world_config three = {
		.name = "two permits, three processes, two deaths", .kind = SHS_KIND_SEMAPHORE,
		.kills = 2, .value = { 2, 2 },
		.script = {
			{ 0, 1, SLOW | TWO },
			{ 1, 2, SLOW },
			{ 2, 1, SLOW | TRY },
		},
	}, timeouts = {
		.name = "timeouts, signals and a death", .kind = SHS_KIND_SEMAPHORE,
		.kills = 1, .signals = 1, .ticks = 1, .value = { 2, 3 },
		.script = {
			{ 0, 1, SLOW },
			{ 1, 1, SLOW | TWO | TIMED },
			{ 2, 2, SLOW | TIMED },
		},
	}, threads = {
		.name = "two threads of one process, an unmap", .kind = SHS_KIND_SEMAPHORE,
		.kills = 1, .unmaps = 1, .value = { 2, 2 },
		.script = {
			{ 0, 1, SLOW | TWO },
			{ 0, 2, SLOW },
			{ 1, 1, SLOW | TWO },
		},
	}, no_undo = {
		.name = "one without undo, two deaths", .kind = SHS_KIND_SEMAPHORE,
		.kills = 2, .value = { 3, 3 },
		.script = {
			{ 0, 1, SLOW | NO_UNDO },
			{ 1, 2, SLOW | TWO },
			{ 2, 1, SLOW },
		},
	};

	world_all(&three);
	world_all(&timeouts);
	world_all(&threads);
	world_all(&no_undo);
}

TEST(world_semaphore_fifo)
{
	static const struct world_config fifo = {
		.name = "strict order", .kind = SHS_KIND_SEMAPHORE, .flags = SHS_INIT_FIFO,
		.kills = 1, .signals = 1, .value = { 2, 2 },
		.script = {
			{ 0, 1, SLOW },
			{ 1, 2, SLOW | TWO | TIMED },
			{ 2, 1, SLOW | TRY },
			{ 3, 1, SLOW },
		},
	}, frozen = {
		.name = "frozen", .kind = SHS_KIND_SEMAPHORE, .kills = 1, .watches = 2,
		.value = { 2, 2 },
		.script = {
			{ 0, 2, SLOW | TWO },
			{ 1, 1, SLOW | TRY },
			{ 2, 1, SLOW | SPY | FREEZE },
		},
	};

	world_all(&fifo);
	world_all(&frozen);
}

TEST(world_semaphore_random)
{
	static const struct world_config busy = {
		.name = "five actors, many deaths", .kind = SHS_KIND_SEMAPHORE,
		.kills = 60, .unmaps = 20, .signals = 40, .ticks = 40, .again = true,
		.value = { 3, 4 },
		.script = {
			{ 0, 60, SLOW | TWO | TIMED },
			{ 0, 60, SLOW | TRY },
			{ 1, 60, SLOW | TIMED },
			{ 2, 60, SLOW | TWO | TRY },
			{ 3, 60, SLOW },
		},
	};

	world_random(&busy, 0x5eed0006, 100000);
}

TEST(world_barrier)
{
	static const struct world_config three = {
		.name = "three parties, two deaths", .kind = SHS_KIND_BARRIER,
		.kills = 2, .value = { 3 },
		.script = {
			{ 0, 2, SLOW },
			{ 1, 2, SLOW },
			{ 2, 2, SLOW },
		},
	}, timeouts = {
		.name = "timeouts, signals and a death", .kind = SHS_KIND_BARRIER,
		.kills = 1, .signals = 1, .value = { 2 },
		.script = {
			{ 0, 2, SLOW | TIMED },
			{ 1, 2, SLOW },
			{ 2, 2, SLOW },
		},
	}, leavers = {
		.name = "one that leaves, two deaths", .kind = SHS_KIND_BARRIER,
		.kills = 2, .value = { 3 },
		.script = {
			{ 0, 2, SLOW | LEAVE },
			{ 1, 2, SLOW | TIMED | LEAVE },
			{ 2, 2, SLOW },
		},
	}, reset = {
		.name = "reset by two, two deaths", .kind = SHS_KIND_BARRIER,
		.kills = 1, .unmaps = 1, .value = { 3 },
		.script = {
			{ 0, 2, SLOW | RESET | FEWER },
			{ 1, 1, SLOW | RESET },
			{ 2, 2, SLOW },
		},
	};

	world_all(&three);
	world_all(&timeouts);
	world_all(&leavers);
	world_all(&reset);
}

TEST(world_barrier_random)
{
	static const struct world_config busy = {
		.name = "four parties, many deaths", .kind = SHS_KIND_BARRIER,
		.kills = 60, .unmaps = 20, .signals = 40, .again = true, .value = { 3 },
		.script = {
			{ 0, 60, SLOW | TIMED | RESET },
			{ 1, 60, SLOW | RESET },
			{ 2, 60, SLOW | TIMED },
			{ 3, 60, SLOW | RESET },
		},
	};

	world_random(&busy, 0x5eed0007, 100000);
}
