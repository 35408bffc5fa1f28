// SPDX-License-Identifier: GPL-2.0-only
/* Small worlds of locks with policies, and of all that a rwlock can be converted to. */
#include "world.h"

/* Owed until declared, lost if not; and the second death, and grants that nobody took up. */
TEST(world_strict)
{
	static const struct world_config three = {
		.name = "two deaths, three owners", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_STRICT, .kills = 2, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW },
			{ 1, 2, SLOW | DECLARE },
			{ 2, 1, FAST | SLOW | TIMED },
		},
	}, single = {
		.name = "single operations that recover it", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_STRICT, .kills = 1, .races = 1,
		.script = {
			{ 0, 2, SLOW | ABANDON },
			{ 1, 1, SLOW | TRY },
			{ -1, 1, SLOW | TIMED | RECOVER },
			{ -1, 1, SLOW },
		},
	}, fifo = {
		.name = "handed over in strict order", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_STRICT | SHS_INIT_FIFO, .kills = 2,
		.script = {
			{ 0, 1, SLOW },
			{ 1, 1, SLOW | DECLARE },
			{ 2, 1, SLOW | TIMED },
			{ -1, 1, SLOW | RECOVER },
		},
	}, unmap = {
		.name = "an owner unmaps", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_STRICT, .unmaps = 2, .ticks = 1,
		.script = {
			{ 0, 1, SLOW },
			{ 0, 1, SLOW | DECLARE },
			{ 1, 1, SLOW | TIMED },
			{ 2, 1, SLOW | DECLARE },
		},
	};

	world_all(&three);
	world_all(&single);
	world_all(&fifo);
	world_all(&unmap);
}

/* Repaired, and nobody is told. */
TEST(world_ignore)
{
	static const struct world_config mutex = {
		.name = "a mutex", .kind = SHS_KIND_MUTEX, .flags = SHS_INIT_IGNORE,
		.kills = 2, .races = 1,
		.script = {
			{ 0, 1, FAST | SLOW | ABANDON },
			{ 1, 1, SLOW | TIMED },
			{ 2, 1, SLOW },
			{ -1, 1, SLOW },
		},
	}, rwlock = {
		.name = "a rwlock", .kind = SHS_KIND_RWLOCK, .flags = SHS_INIT_IGNORE,
		.kills = 2,
		.script = {
			{ 0, 2, SLOW | ABANDON },
			{ 1, 1, SLOW | READ },
			{ 2, 1, SLOW | UPGRADE | CONVERT },
			{ -1, 1, SLOW },
		},
	};

	world_all(&mutex);
	world_all(&rwlock);
}

/* By threads: what one holds another of its process neither gets nor gives back. */
TEST(world_recursive)
{
	static const struct world_config threads = {
		.name = "two threads of a process, and another", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_RECURSIVE, .kills = 1, .unmaps = 1,
		.script = {
			{ 0, 1, SLOW | NEST },
			{ 0, 1, SLOW | NEST | STEAL | TIMED },
			{ 1, 1, SLOW | NEST | ABANDON },
		},
	}, strict = {
		.name = "a death at any depth", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_RECURSIVE | SHS_INIT_STRICT, .kills = 2,
		.script = {
			{ 0, 1, SLOW | NEST },
			{ 1, 1, SLOW | NEST | DECLARE },
			{ 2, 1, SLOW },
			{ -1, 1, SLOW | RECOVER },
		},
	}, fifo = {
		.name = "handed over in strict order", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_RECURSIVE | SHS_INIT_FIFO, .kills = 1, .signals = 1,
		.script = {
			{ 0, 1, SLOW | NEST | STEAL },
			{ 0, 1, SLOW | NEST | STEAL },
			{ 1, 2, SLOW | NEST | TIMED },
		},
	};

	world_all(&threads);
	world_all(&strict);
	world_all(&fifo);
}

TEST(world_policy_random)
{
	static const struct world_config strict = {
		.name = "strict, many deaths", .kind = SHS_KIND_MUTEX, .flags = SHS_INIT_STRICT,
		.kills = 60, .unmaps = 20, .signals = 40, .ticks = 40, .races = 3, .again = true,
		.script = {
			{ 0, 60, FAST | SLOW | TIMED | DECLARE },
			{ 0, 60, SLOW | DECLARE | ABANDON },
			{ 1, 60, FAST | SLOW | TRY | DECLARE },
			{ 2, 60, SLOW | TIMED },
			{ -1, 60, SLOW | TIMED | RECOVER },
		},
	}, recursive = {
		.name = "recursive, many deaths", .kind = SHS_KIND_MUTEX,
		.flags = SHS_INIT_RECURSIVE,
		.kills = 60, .unmaps = 20, .signals = 40, .ticks = 40, .again = true,
		.script = {
			{ 0, 60, SLOW | NEST | TIMED },
			{ 0, 60, SLOW | NEST | STEAL },
			{ 1, 60, SLOW | TRY | NEST | ABANDON },
			{ 1, 60, SLOW | STEAL },
			{ -1, 60, SLOW | TRY | RECOVER },
		},
	}, rwlock = {
		.name = "a strict rwlock, many deaths", .kind = SHS_KIND_RWLOCK,
		.flags = SHS_INIT_STRICT,
		.kills = 60, .unmaps = 20, .signals = 40, .races = 3, .again = true,
		.script = {
			{ 0, 60, FAST | SLOW | READ | NEST | TIMED },
			{ 1, 60, SLOW | UPGRADE | CONVERT | DECLARE | TIMED },
			{ 1, 60, SLOW | TRY | DECLARE | CONVERT },
			{ 2, 60, SLOW | UPGRADE | CONVERT | ABANDON },
			{ -1, 60, SLOW | TIMED | RECOVER },
		},
	};

	world_random(&strict, 0x5eed0021, 100000);
	world_random(&recursive, 0x5eed0022, 100000);
	world_random(&rwlock, 0x5eed0023, 100000);
}

/* One beside the readers, who alone may become the writer, before all who queue. */
TEST(world_upgradable)
{
	static const struct world_config two = {
		.name = "two upgraders and a reader, two deaths", .kind = SHS_KIND_RWLOCK,
		.kills = 2,
		.script = {
			{ 0, 1, SLOW | UPGRADE | CONVERT | TIMED },
			{ 1, 1, SLOW | UPGRADE | CONVERT | TRY },
			{ 2, 1, FAST | SLOW | READ },
		},
	}, mixed = {
		.name = "an upgrader, a writer and a reader", .kind = SHS_KIND_RWLOCK,
		.kills = 1, .signals = 1, .races = 1,
		.script = {
			{ 0, 1, SLOW | UPGRADE | CONVERT | ABANDON },
			{ 1, 1, SLOW | CONVERT },
			{ 2, 1, FAST | SLOW | READ },
		},
	}, threads = {
		.name = "an upgrader and a reader of one process, an unmap",
		.kind = SHS_KIND_RWLOCK, .kills = 1, .unmaps = 1,
		.script = {
			{ 0, 1, SLOW | UPGRADE | CONVERT },
			{ 0, 1, SLOW | READ },
			{ 1, 1, SLOW | READ | TIMED },
			{ -1, 1, SLOW | RECOVER },
		},
	};

	world_all(&two);
	world_all(&mixed);
	world_all(&threads);
}

/* Who reads already and says so goes on; who does not say so is told, if he has to be. */
TEST(world_recursive_read)
{
	static const struct world_config nest = {
		.name = "beside a writer", .kind = SHS_KIND_RWLOCK, .kills = 1,
		.script = {
			{ 0, 1, SLOW | READ | NEST },
			{ 1, 1, SLOW | READ | FORGET | TIMED },
			{ 2, 1, SLOW },
		},
	}, upgrade = {
		.name = "beside upgraders", .kind = SHS_KIND_RWLOCK, .kills = 1,
		.script = {
			{ 0, 1, SLOW | READ | NEST },
			{ 1, 1, SLOW | READ | FORGET },
			{ 2, 1, SLOW | UPGRADE | CONVERT | TIMED },
			{ 3, 1, SLOW | UPGRADE },
		},
	};

	world_all(&nest);
	world_all(&upgrade);
}

TEST(world_rwlock_strict)
{
	static const struct world_config three = {
		.name = "two deaths, readers and writers", .kind = SHS_KIND_RWLOCK,
		.flags = SHS_INIT_STRICT, .kills = 2,
		.script = {
			{ 0, 2, SLOW | DECLARE },
			{ 1, 1, SLOW | READ },
			{ 2, 1, SLOW | TIMED },
		},
	}, upgrade = {
		.name = "upgrades of what is owed", .kind = SHS_KIND_RWLOCK,
		.flags = SHS_INIT_STRICT, .kills = 2,
		.script = {
			{ 0, 1, SLOW | ABANDON },
			{ 1, 1, SLOW | UPGRADE | CONVERT | DECLARE },
			{ 2, 1, SLOW | READ | TIMED },
		},
	}, single = {
		.name = "single operations that recover it", .kind = SHS_KIND_RWLOCK,
		.flags = SHS_INIT_STRICT, .kills = 1, .signals = 1,
		.script = {
			{ 0, 2, SLOW | ABANDON },
			{ 1, 1, SLOW | READ },
			{ -1, 1, SLOW | RECOVER | TIMED },
			{ -1, 1, SLOW | READ },
		},
	};

	world_all(&three);
	world_all(&upgrade);
	world_all(&single);
}
