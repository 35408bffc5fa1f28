// SPDX-License-Identifier: GPL-2.0-only
/* Readers and writers: one pair of lock and unlock. */
#include <pthread.h>
#include <sys/ioctl.h>

#include "bench.h"
#include "ours.h"
#include "peers.h"

struct locked {
	pthread_rwlock_t lock;
	pthread_mutex_t mutex;
	uint64_t value __attribute__((aligned(64)));
};

/* What a reader does in a contended run: it looks. */
#define LOOK(name, type, lock, unlock, inside)				\
	BENCH_PAIR(name, type, lock, unlock, (void)*(volatile uint64_t *)(inside))

static const char *ours_setup(void **state, long way)
{
	struct shs_spec spec = { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64 };

	return ours_new(state, &spec, way);
}

/* A thread's own: a process here has but one. */
static uint32_t lane;

LOOK(ours_read, struct ours *, failed |= shs_rwlock_read(state->object, &lane),
     failed |= shs_rwlock_read_unlock(state->object, lane), (uint64_t *)ours_value(state))
BENCH_LOCK(ours_write, struct ours *, failed |= shs_rwlock_write(state->object),
	   failed |= shs_rwlock_write_unlock(state->object), (uint64_t *)ours_value(state))
BENCH_LOCK(ours_upgradable, struct ours *, failed |= shs_rwlock_upgradable(state->object),
	   failed |= shs_rwlock_upgradable_unlock(state->object),
	   (uint64_t *)ours_value(state))

static const char *pthread_setup(void **state, long unused)
{
	struct locked *locked = bench_shared(sizeof(*locked));
	pthread_rwlockattr_t attributes;
	pthread_mutexattr_t robust;

	(void)unused;
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_rwlock_init(&locked->lock, &attributes);
	pthread_mutexattr_init(&robust);
	pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&locked->mutex, &robust);
	*state = locked;
	return NULL;
}

LOOK(pthread_read, struct locked *, failed |= pthread_rwlock_rdlock(&state->lock),
     failed |= pthread_rwlock_unlock(&state->lock), &state->value)
BENCH_LOCK(pthread_write, struct locked *, failed |= pthread_rwlock_wrlock(&state->lock),
	   failed |= pthread_rwlock_unlock(&state->lock), &state->value)
LOOK(pthread_mutex, struct locked *, failed |= pthread_mutex_lock(&state->mutex),
     failed |= pthread_mutex_unlock(&state->mutex), &state->value)

#define OURS(way, flags_)						\
	.setup = ours_setup, .argument = way, .flags = flags_, .join = ours_join,	\
	.teardown = ours_close

const struct bench_case read_peers[] = {
	{ .peer = "shstate", OURS(OURS_FAST, 0), BENCH_OF(ours_read) },
	{ .peer = "shstate by call", OURS(OURS_CALL, BENCH_CALLS), BENCH_OF(ours_read) },
	{ .peer = "pthread rwlock", .setup = pthread_setup, BENCH_OF(pthread_read) },
	{ .peer = "pthread robust mutex", .setup = pthread_setup, BENCH_OF(pthread_mutex) },
	{ .peer = "Boost.Interprocess", BENCH_BOOST(sharable) },
	{ .peer = "parking_lot", .flags = BENCH_THREADS, BENCH_RUST(read, parking_lot) },
	{ .peer = "Rust std", .flags = BENCH_THREADS, BENCH_RUST(read, std) },
};
const size_t read_peers_count = BENCH_COUNT(read_peers);

static const struct bench_case write_peers[] = {
	{ .peer = "shstate", OURS(OURS_FAST, BENCH_CALLS), BENCH_OF(ours_write) },
	{ .peer = "pthread rwlock", .setup = pthread_setup, BENCH_OF(pthread_write) },
	{ .peer = "Boost.Interprocess", BENCH_BOOST(exclusive) },
	{ .peer = "parking_lot", .flags = BENCH_THREADS, BENCH_RUST(write, parking_lot) },
	{ .peer = "Rust std", .flags = BENCH_THREADS, BENCH_RUST(write, std) },
};

static const struct bench_case upgradable_peers[] = {
	{ .peer = "shstate", OURS(OURS_FAST, BENCH_CALLS), BENCH_OF(ours_upgradable) },
	{ .peer = "Boost.Interprocess", BENCH_BOOST(upgradable) },
};

/* So many reads and then a write, of a lock that has both. */
#define MIX(name, reads)						\
	static void name##_mix##reads(void *state, unsigned long count)	\
	{								\
		for (unsigned long i = 1; i <= count; i++)		\
			if (i % (reads + 1))				\
				name##_read_change(state, 1);		\
			else						\
				name##_write_change(state, 1);		\
	}

#define MIXES(name)							\
	MIX(name, 9)							\
	MIX(name, 99)

#define boost_read_change	boost_sharable_change
#define boost_write_change	boost_exclusive_change
#define lot_read_change		rust_read_parking_lot_change
#define lot_write_change	rust_write_parking_lot_change
#define std_read_change		rust_read_std_change
#define std_write_change	rust_write_std_change

MIXES(ours)
MIXES(pthread)
#ifdef BENCH_WITH_BOOST
MIXES(boost)
#define BOOST_MIX(reads)	.setup = boost_sharable_setup, .run = boost_mix##reads
#else
#define BOOST_MIX(reads)	.setup = bench_no_boost
#endif
#ifdef BENCH_WITH_RUST
MIXES(lot)
MIXES(std)
#define RUST_MIX(name, reads)	.setup = rust_setup, .run = name##_mix##reads
#else
#define RUST_MIX(name, reads)	.setup = bench_no_rust
#endif

/* A batch is 100 operations at least, so that writes are in it. */
#define MIX_PEERS(reads)						\
	{ .peer = "shstate", OURS(OURS_FAST, 0), .run = ours_mix##reads },	\
	{ .peer = "pthread rwlock", .setup = pthread_setup, .run = pthread_mix##reads },	\
	{ .peer = "Boost.Interprocess", BOOST_MIX(reads) },		\
	{ .peer = "parking_lot", .flags = BENCH_THREADS, RUST_MIX(lot, reads) },	\
	{ .peer = "Rust std", .flags = BENCH_THREADS, RUST_MIX(std, reads) }

const struct bench_case mix9_peers[] = { MIX_PEERS(9) };
const struct bench_case mix99_peers[] = { MIX_PEERS(99) };
const size_t mix_peers_count = BENCH_COUNT(mix9_peers);

void bench_rwlock(void)
{
	bench_alone("rwlock", "read pair", 0, read_peers, read_peers_count);
	bench_alone("rwlock", "write pair", 0, write_peers, BENCH_COUNT(write_peers));
	bench_alone("rwlock", "upgradable pair", 0, upgradable_peers,
		    BENCH_COUNT(upgradable_peers));
}
