// SPDX-License-Identifier: GPL-2.0-only
/* Once, cell, and a condvar that nobody waits for. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "ours.h"
#include "peers.h"

/* ------------------------------------------------------------------ once -- */

static const char *once_setup(void **state, long way)
{
	struct shs_spec spec = {
		.kind = SHS_KIND_ONCE,
		.flags = SHS_INIT_DONE,
	};
	struct shs_object *mutex;
	const char *why = ours_new(state, &spec, way);

	if (why)
		return why;
	/* What makes no call does not know a thread that never made one. */
	spec = (struct shs_spec){ .kind = SHS_KIND_MUTEX };
	if (shs_object_create(NULL, &spec, &mutex) || shs_mutex_lock(mutex))
		bench_die("cannot lock");
	shs_mutex_unlock(mutex);
	shs_object_close(mutex);
	return NULL;
}

static int nothing(void *argument, int earlier)
{
	(void)argument;
	(void)earlier;
	return 0;
}

BENCH_RUN(once_done, struct ours *, failed |= !shs_once_is_done(state->object))
BENCH_RUN(once_call, struct ours *, failed |= shs_once_call(state->object, nothing, NULL))

static pthread_once_t pthread_is_done = PTHREAD_ONCE_INIT;
static void nothing_once(void)
{
}

static const char *word_setup(void **state, long size)
{
	*state = bench_shared(4096);
	memset(*state, 1, size);
	return NULL;
}

BENCH_RUN(pthread_once_run, void *, failed |= pthread_once(&pthread_is_done, nothing_once))
BENCH_RUN(load_acquire, uint32_t *, failed |= !__atomic_load_n(state, __ATOMIC_ACQUIRE))

/* ------------------------------------------------------------------ cell -- */

static const char *cell_setup(void **state, long size)
{
	struct shs_spec spec = {
		.kind = SHS_KIND_CELL,
		.type = SHS_TYPE_BYTES,
		.count = size,
	};

	return ours_new(state, &spec, OURS_FAST);
}

static const char *cell_call_setup(void **state, long size)
{
	struct shs_spec spec = {
		.kind = SHS_KIND_CELL,
		.type = SHS_TYPE_BYTES,
		.count = size,
	};

	return ours_new(state, &spec, OURS_CALL);
}

/* Under a lock, or between two counts that only the writer changes. */
struct guarded {
	pthread_mutex_t mutex;
	uint64_t sequence;
	char value[4096] __attribute__((aligned(64)));
};

static const char *guarded_setup(void **state, long unused)
{
	struct guarded *guarded = bench_shared(sizeof(*guarded));
	pthread_mutexattr_t attributes;

	(void)unused;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&guarded->mutex, &attributes);
	*state = guarded;
	return NULL;
}

static inline void seqlock_load(struct guarded *guarded, void *value, size_t size)
{
	uint64_t sequence;

	do {
		sequence = __atomic_load_n(&guarded->sequence, __ATOMIC_ACQUIRE);
		memcpy(value, guarded->value, size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (sequence & 1 ||
		 __atomic_load_n(&guarded->sequence, __ATOMIC_RELAXED) != sequence);
}

static inline void seqlock_store(struct guarded *guarded, const void *value, size_t size)
{
	uint64_t sequence = __atomic_load_n(&guarded->sequence, __ATOMIC_RELAXED);

	while (sequence & 1 ||
	       !__atomic_compare_exchange_n(&guarded->sequence, &sequence, sequence + 1, 0,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		;
	memcpy(guarded->value, value, size);
	__atomic_store_n(&guarded->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/* A value that the compiler cannot know. */
static char given[4096];

#define SIZES(size)							\
	BENCH_RUN(cell_load##size, struct ours *, {			\
		char value[size];					\
									\
		failed |= shs_cell_load(state->object, value, size);	\
		__asm__ volatile("" : : "r" (value) : "memory");	\
	})								\
	BENCH_RUN(cell_store##size, struct ours *,			\
		  failed |= shs_cell_store(state->object, given, size))	\
	BENCH_RUN(seqlock_load##size, struct guarded *, {		\
		char value[size];					\
									\
		seqlock_load(state, value, size);			\
		__asm__ volatile("" : : "r" (value) : "memory");	\
	})								\
	BENCH_RUN(seqlock_store##size, struct guarded *, seqlock_store(state, given, size)) \
	BENCH_RUN(mutex_store##size, struct guarded *, {		\
		failed |= pthread_mutex_lock(&state->mutex);		\
		memcpy(state->value, given, size);			\
		failed |= pthread_mutex_unlock(&state->mutex);		\
	})								\
	BENCH_RUN(mutex_load##size, struct guarded *, {			\
		char value[size];					\
									\
		failed |= pthread_mutex_lock(&state->mutex);		\
		memcpy(value, state->value, size);			\
		failed |= pthread_mutex_unlock(&state->mutex);		\
		__asm__ volatile("" : : "r" (value) : "memory");	\
	})

SIZES(8)
SIZES(40)
SIZES(1024)

/* --------------------------------------------------------------- condvar -- */

static const char *condvar_setup(void **state, long way)
{
	struct shs_spec spec = { .kind = SHS_KIND_CONDVAR };

	return ours_new(state, &spec, way);
}

static const char *atomic_setup(void **state, long way)
{
	struct shs_spec spec = { .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U32 };

	return ours_new(state, &spec, way);
}

BENCH_RUN(condvar_notify, struct ours *, failed |= shs_condvar_notify_one(state->object))
BENCH_RUN(atomic_notify, struct ours *, failed |= shs_atomic_notify_one(state->object, 0))

static const char *pthread_cond_setup(void **state, long unused)
{
	pthread_cond_t *condition = bench_shared(sizeof(*condition));
	pthread_condattr_t attributes;

	(void)unused;
	pthread_condattr_init(&attributes);
	pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(condition, &attributes);
	*state = condition;
	return NULL;
}

BENCH_RUN(pthread_cond_run, pthread_cond_t *, failed |= pthread_cond_signal(state))
BENCH_RUN(futex_wake, uint32_t *,
	  failed |= syscall(SYS_futex, state, FUTEX_WAKE, 1, NULL, NULL, 0) < 0)

/* ---------------------------------------------------------------- tables -- */

#define OURS(setup_, argument_, flags_)					\
	.setup = setup_, .argument = argument_, .flags = flags_, .join = ours_join,	\
	.teardown = ours_close

static const struct bench_case once_peers[] = {
	{ .peer = "shstate", OURS(once_setup, OURS_FAST, 0), .run = once_done },
	{ .peer = "shstate once_call", OURS(once_setup, OURS_FAST, 0), .run = once_call },
	{ .peer = "load acquire", .setup = word_setup, .argument = 4, .run = load_acquire },
	{ .peer = "pthread_once", .run = pthread_once_run },
	{ .peer = "parking_lot", BENCH_RUST_RUN(once_parking_lot) },
	{ .peer = "Rust std", BENCH_RUST_RUN(once_std) },
};

#define CELL(what, size)						\
	{ .peer = "shstate", OURS(cell_setup, size, 0), .run = cell_##what##size },	\
	{ .peer = "shstate by call", OURS(cell_call_setup, size, BENCH_CALLS),	\
	  .run = cell_##what##size },						\
	{ .peer = "seqlock without repair", .setup = guarded_setup, .run = seqlock_##what##size }, \
	{ .peer = "pthread robust", .setup = guarded_setup, .run = mutex_##what##size }

static const struct bench_case load8[] = {
	CELL(load, 8), { .peer = "AtomicCell", BENCH_RUST_RUN(cell_load8) }
};
static const struct bench_case store8[] = {
	CELL(store, 8), { .peer = "AtomicCell", BENCH_RUST_RUN(cell_store8) }
};
static const struct bench_case load40[] = {
	CELL(load, 40), { .peer = "AtomicCell", BENCH_RUST_RUN(cell_load40) }
};
static const struct bench_case store40[] = {
	CELL(store, 40), { .peer = "AtomicCell", BENCH_RUST_RUN(cell_store40) }
};
static const struct bench_case load1024[] = { CELL(load, 1024) };
static const struct bench_case store1024[] = { CELL(store, 1024) };

static const struct bench_case notify[] = {
	{ .peer = "shstate", OURS(condvar_setup, OURS_FAST, 0), .run = condvar_notify },
	{ .peer = "shstate by call", OURS(condvar_setup, OURS_CALL, BENCH_CALLS),
	  .run = condvar_notify },
	{ .peer = "shstate atomic", OURS(atomic_setup, OURS_FAST, 0), .run = atomic_notify },
	{ .peer = "pthread_cond", .setup = pthread_cond_setup, .run = pthread_cond_run },
	{ .peer = "futex", .flags = BENCH_CALLS, .setup = word_setup, .run = futex_wake },
};

void bench_value(void)
{
	bench_alone("once", "is done", 0, once_peers, BENCH_COUNT(once_peers));
	bench_alone("cell", "load 8", 0, load8, BENCH_COUNT(load8));
	bench_alone("cell", "store 8", 0, store8, BENCH_COUNT(store8));
	bench_alone("cell", "load 40", 0, load40, BENCH_COUNT(load40));
	bench_alone("cell", "store 40", 0, store40, BENCH_COUNT(store40));
	bench_alone("cell", "load 1024", 0, load1024, BENCH_COUNT(load1024));
	bench_alone("cell", "store 1024", 0, store1024, BENCH_COUNT(store1024));
	bench_alone("condvar", "notify nobody", 0, notify, BENCH_COUNT(notify));
}
