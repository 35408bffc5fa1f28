// SPDX-License-Identifier: GPL-2.0-only
/* Small worlds of locks that are taken in any order. */
#include "detect_world.h"

#define MUTEX	SHS_KIND_MUTEX
#define RWLOCK	SHS_KIND_RWLOCK
#define DETECT	SHS_INIT_DETECT

TEST(detect_mutexes)
{
	static const struct detect_config three = {
		.name = "three threads, three mutexes",
		.threads = 3, .objects = 3, .process = { 0, 1, 1 },
		.kind = { MUTEX, MUTEX, MUTEX }, .flags = { DETECT, DETECT, DETECT },
	}, recursive = {
		.name = "recursive, strict order, single operations",
		.does = RELOCK | TRY | SINGLE | TIMED,
		.threads = 3, .objects = 2, .process = { 0, 1, 2 },
		.kind = { MUTEX, MUTEX },
		.flags = { DETECT | SHS_INIT_RECURSIVE, DETECT | SHS_INIT_FIFO },
	};

	detect_all(&three);
	detect_all(&recursive);
}

TEST(detect_rwlocks)
{
	static const struct detect_config two = {
		.name = "two threads, two rwlocks in all modes",
		.does = READERS | WRITERS | UPGRADERS | CONVERT,
		.threads = 2, .objects = 2, .process = { 0, 1 },
		.kind = { RWLOCK, RWLOCK }, .flags = { DETECT, DETECT },
	}, three = {
		.name = "three threads, a rwlock and a mutex",
		.does = READERS | WRITERS,
		.threads = 3, .objects = 2, .process = { 0, 0, 1 },
		.kind = { RWLOCK, MUTEX }, .flags = { DETECT, DETECT },
	}, upgrade = {
		.name = "upgrades", .does = READERS | UPGRADERS | CONVERT,
		.threads = 3, .objects = 2, .process = { 0, 1, 2 },
		.kind = { RWLOCK, MUTEX }, .flags = { DETECT, DETECT },
	}, single = {
		.name = "locked again, single operations",
		.does = READERS | WRITERS | UPGRADERS | RELOCK | SINGLE | TRY | TIMED,
		.threads = 2, .objects = 2, .process = { 0, 0 },
		.kind = { MUTEX, RWLOCK }, .flags = { DETECT, DETECT },
	}, lanes = {
		.name = "lanes given back by user space",
		.does = READERS | WRITERS | LANES_DOWN,
		.threads = 3, .objects = 2, .process = { 0, 1, 2 },
		.kind = { MUTEX, RWLOCK }, .flags = { DETECT, DETECT },
	};

	detect_all(&two);
	detect_all(&three);
	detect_all(&upgrade);
	detect_all(&single);
	detect_all(&lanes);
}

/* Who dies, or loses what it holds, or was killed and is on its way out, is no link. */
TEST(detect_deaths)
{
	static const struct detect_config mutexes = {
		.name = "mutexes, a death and an unmap", .kills = 1, .closes = 1,
		.threads = 3, .objects = 2, .process = { 0, 1, 1 },
		.kind = { MUTEX, MUTEX }, .flags = { DETECT, DETECT },
	}, rwlock = {
		.name = "a rwlock and a mutex, a death", .kills = 1,
		.does = READERS | WRITERS | DIE_AT_ONCE | FIRST_DIES,
		.threads = 3, .objects = 2, .process = { 0, 1, 2 },
		.kind = { RWLOCK, MUTEX }, .flags = { DETECT, DETECT },
	};

	detect_all(&mutexes);
	detect_all(&rwlock);
}

/* Other CPUs lock other objects in the middle of a call. */
TEST(detect_races)
{
	static const struct detect_config mutexes = {
		.name = "three threads, two mutexes", .races = 1,
		.threads = 3, .objects = 2, .process = { 0, 1, 2 },
		.kind = { MUTEX, MUTEX }, .flags = { DETECT, DETECT },
	};

	detect_all(&mutexes);
}

TEST(detect_at_random)
{
	static const struct detect_config all = {
		.name = "four threads, three locks", .races = 1,
		.does = TIMED | RELOCK | CONVERT | SINGLE | TRY | READERS | WRITERS | UPGRADERS |
			LANES_DOWN,
		.threads = 4, .objects = 3, .process = { 0, 1, 1, 2 },
		.kind = { MUTEX, RWLOCK, RWLOCK }, .flags = { DETECT, DETECT, DETECT },
	}, deaths = {
		.name = "and deaths", .kills = 3, .closes = 3, .races = 1,
		.does = RELOCK | CONVERT | SINGLE | READERS | WRITERS | UPGRADERS,
		.threads = 4, .objects = 3, .process = { 0, 1, 2, 3 },
		.kind = { RWLOCK, RWLOCK, MUTEX }, .flags = { DETECT, DETECT, DETECT },
	};

	detect_random_world(&all, 0x5eed0031, 100000);
	detect_random_world(&deaths, 0x5eed0032, 100000);
}
