// SPDX-License-Identifier: GPL-2.0-only
/* Small worlds of a condvar. */
#include "condvar_world.h"

#define MUTEX	SHS_KIND_MUTEX
#define RWLOCK	SHS_KIND_RWLOCK

TEST(world_condvar)
{
	static const struct condvar_config plain = {
		.name = "two waiters, a notifier, a death", .kind = MUTEX,
		.kills = 1, .gaps = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 1, WAITER | TIMED },
			{ 2, 2, NOTIFY_ONE },
		},
	}, signals = {
		.name = "two waiters, signals", .kind = MUTEX, .signals = 2, .kills = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 1, WAITER | TIMED },
			{ 2, 1, NOTIFY_ALL },
		},
	}, threads = {
		.name = "two threads of one process wait", .kind = MUTEX,
		.kills = 1, .unmaps = 1, .gaps = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 0, 1, WAITER },
			{ 1, 1, NOTIFY_ONE },
		},
	}, held = {
		.name = "notified while the mutex is held", .kind = MUTEX, .kills = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 1, WAITER },
			{ 2, 1, NOTIFY_ALL | ONLY_HOLDING },
			{ 3, 1, LOCKER },
		},
	}, forgotten = {
		.name = "who does not come back", .kind = MUTEX, .signals = 1,
		.script = {
			{ 0, 2, WAITER | FORGETS },
			{ 0, 1, WAITER | ENDS },
			{ 1, 2, NOTIFY_ONE },
		},
	};

	static const struct condvar_config stranger = {
		.name = "one who does not hold the mutex", .kind = MUTEX,
		.kills = 1, .gaps = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 2, STRANGER },
			{ 2, 2, NOTIFY_ONE },
			{ 3, 1, LOCKER },
		},
	};

	condvar_all(&plain);
	condvar_all(&stranger);
	condvar_all(&signals);
	condvar_all(&threads);
	condvar_all(&held);
	condvar_all(&forgotten);
}

/* The other locks that can be beside it. */
TEST(world_condvar_locks)
{
	static const struct condvar_config rwlock = {
		.name = "a rwlock, and a reader", .kind = RWLOCK, .kills = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 1, WAITER | TIMED },
			{ 2, 1, NOTIFY_ALL | ONLY_HOLDING },
			{ 3, 1, LOCKER | READER },
		},
	}, fifo = {
		.name = "handed over in strict order", .kind = MUTEX, .flags = SHS_INIT_FIFO,
		.kills = 1, .signals = 1, .gaps = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 1, WAITER },
			{ 2, 1, NOTIFY_ALL },
		},
	}, strict = {
		.name = "strict: lost by a wait", .kind = MUTEX, .flags = SHS_INIT_STRICT,
		.kills = 1, .gaps = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 1, WAITER },
			{ 2, 1, NOTIFY_ONE },
			{ 3, 1, LOCKER },
		},
	}, detect = {
		.name = "in the graph", .kind = MUTEX, .flags = SHS_INIT_DETECT,
		.kills = 1, .unmaps = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 1, WAITER },
			{ 2, 1, NOTIFY_ALL },
		},
	};

	static const struct condvar_config stranger = {
		.name = "one who does not hold the rwlock", .kind = RWLOCK, .gaps = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 2, STRANGER },
			{ 2, 2, NOTIFY_ALL },
			{ 3, 1, LOCKER | READER },
		},
	};

	condvar_all(&rwlock);
	condvar_all(&stranger);
	condvar_all(&fifo);
	condvar_all(&strict);
	condvar_all(&detect);
}

TEST(world_condvar_random)
{
	static const struct condvar_config busy = {
		.name = "three waiters, a notifier, deaths", .kind = MUTEX,
		.kills = 2, .unmaps = 1, .signals = 20, .ticks = 5, .gaps = 1,
		.script = {
			{ 0, 20, WAITER | TIMED | FORGETS },
			{ 0, 20, WAITER },
			{ 1, 20, WAITER | TIMED },
			{ 2, 60, NOTIFY_ONE },
		},
	}, rwlock = {
		.name = "the same with a rwlock", .kind = RWLOCK, .flags = SHS_INIT_STRICT,
		.kills = 1, .unmaps = 1, .signals = 20, .gaps = 1,
		.script = {
			{ 0, 20, WAITER | TIMED },
			{ 0, 20, WAITER | FORGETS },
			{ 1, 20, WAITER },
			{ 2, 60, NOTIFY_ALL },
		},
	};

	condvar_random(&busy, 0x5eed0041, 100000);
	condvar_random(&rwlock, 0x5eed0042, 100000);
}
