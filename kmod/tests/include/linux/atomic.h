/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses to memory that others change.  One thread runs everything; what other
 * CPUs do meanwhile, env_touch() does just before an access.
 */
#ifndef _SHS_TESTS_ATOMIC_H
#define _SHS_TESTS_ATOMIC_H

#include "env.h"

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

#define READ_ONCE(x)					\
({							\
	env_touch(ENV_READ, (const void *)&(x));	\
	*(const volatile typeof(x) *)&(x);		\
})

#define WRITE_ONCE(x, v)				\
do {							\
	env_touch(ENV_WRITE, (const void *)&(x));	\
	*(volatile typeof(x) *)&(x) = (v);		\
} while (0)

#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_acquire__after_ctrl_dep() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_load_acquire(p) READ_ONCE(*(p))
#define smp_store_release(p, v) WRITE_ONCE(*(p), v)

#define cmpxchg(p, old, new)					\
({								\
	env_touch(ENV_CMPXCHG, p);				\
	__sync_val_compare_and_swap(p, old, new);		\
})
#define cmpxchg64 cmpxchg

static inline s64 atomic64_read(const atomic64_t *v)
{
	return READ_ONCE(v->counter);
}

static inline void atomic64_set(atomic64_t *v, s64 i)
{
	WRITE_ONCE(v->counter, i);
}

static inline s64 atomic64_xchg(atomic64_t *v, s64 i)
{
	s64 old = READ_ONCE(v->counter);

	v->counter = i;
	return old;
}

static inline void atomic64_inc(atomic64_t *v)
{
	v->counter = (s64)((u64)v->counter + 1);
}

static inline void atomic64_dec(atomic64_t *v)
{
	v->counter = (s64)((u64)v->counter - 1);
}

#endif
