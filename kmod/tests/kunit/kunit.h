/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before everything else in this module.
 *
 * From the kernel, so that they are tested with it: spinlocks with lockdep, lists,
 * atomics, barriers, compare-and-swap, overflow checks, its compiler flags and
 * sanitizers.  From the tests: threads, address spaces and identities (structs that
 * tests fill in), the table of attachments (nothing is allocated, so nothing has to be
 * given back when a test starts anew), and the hook before each access to shared
 * memory, by which a test is another CPU.
 */
#ifndef _SHS_TESTS_KUNIT_H
#define _SHS_TESTS_KUNIT_H

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/pid.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/xarray.h>

/* ---- the tests' own, under other names than the kernel's ---- */

#define task_struct	shs_kunit_task
#define mm_struct	shs_kunit_mm
#define pid		shs_kunit_pid
#define get_pid		shs_kunit_get_pid
#define put_pid		shs_kunit_put_pid
#define task_pid	shs_kunit_task_pid
#define fatal_signal_pending	shs_kunit_fatal_signal_pending
#define signal_pending	shs_kunit_signal_pending
#define file		shs_kunit_file
#undef current
#undef for_each_process
#undef for_each_thread
#undef READ
#undef WRITE

/*
 * env_fail() does not return, but objtool knows such functions by a list only: what is
 * behind a call of this one has to look like code.
 */
#define noreturn
#include "../include/env.h"
#undef noreturn
#define env_fail(...)					\
do {							\
	env_fail(__VA_ARGS__);				\
	for (;;)					\
		cpu_relax();				\
} while (0)

#include "../include/linux/pid.h"
#include "../include/linux/sched.h"

#define xarray		shs_kunit_xarray
#define xa_load		shs_kunit_xa_load
#define xa_store	shs_kunit_xa_store
#define xa_erase	shs_kunit_xa_erase
#define xa_find		shs_kunit_xa_find
#undef xa_for_each_marked
#include "../include/linux/xarray.h"

/* ---- other CPUs ---- */

#undef READ_ONCE
#define READ_ONCE(x)					\
({							\
	env_touch(ENV_READ, (const void *)&(x));	\
	__READ_ONCE(x);					\
})

#undef WRITE_ONCE
#define WRITE_ONCE(x, v)				\
do {							\
	env_touch(ENV_WRITE, (const void *)&(x));	\
	__WRITE_ONCE(x, v);				\
} while (0)

#undef cmpxchg
#define cmpxchg(p, old, new)				\
({							\
	typeof(*(p)) __seen = (old);			\
							\
	env_touch(ENV_CMPXCHG, p);			\
	(void)try_cmpxchg(p, &__seen, new);		\
	__seen;						\
})
#undef cmpxchg64
#define cmpxchg64 cmpxchg

#define atomic64_read(v)				\
({							\
	env_touch(ENV_READ, v);				\
	(atomic64_read)(v);				\
})

#define atomic64_set(v, i)				\
do {							\
	env_touch(ENV_WRITE, v);			\
	(atomic64_set)(v, i);				\
} while (0)

#define atomic64_xchg(v, i)				\
({							\
	env_touch(ENV_READ, v);				\
	(atomic64_xchg)(v, i);				\
})

/* ---- locks: real ones; a test that fails drops what it holds ---- */

void kunit_lock_prepare(spinlock_t *lock);
void kunit_locked(spinlock_t *lock);
void kunit_unlocked(spinlock_t *lock);

#define spin_lock(lock)					\
do {							\
	kunit_lock_prepare(lock);			\
	(spin_lock)(lock);				\
	kunit_locked(lock);				\
} while (0)

#undef spin_lock_nested
#define spin_lock_nested(lock, subclass)		\
do {							\
	kunit_lock_prepare(lock);			\
	raw_spin_lock_nested(spinlock_check(lock), subclass);	\
	kunit_locked(lock);				\
} while (0)

#define spin_unlock(lock)				\
do {							\
	kunit_unlocked(lock);				\
	(spin_unlock)(lock);				\
} while (0)

/* ---- in place of test.h ---- */

#define _SHS_TESTS_TEST_H

#define TEST(name)					\
	static void body_of_##name(void);		\
	void shs_kunit_##name(struct kunit *test);	\
	void shs_kunit_##name(struct kunit *test)	\
	{						\
		kunit_begin(test);			\
		body_of_##name();			\
	}						\
	static void body_of_##name(void)

#define CHECK(condition)						\
do {									\
	if (!(condition))						\
		env_fail("%s:%d: %s does not hold", __FILE__, __LINE__, #condition);	\
} while (0)

#define CHECK_EQ(a, b)							\
do {									\
	long long __x = (long long)(a), __y = (long long)(b);		\
									\
	if (__x != __y)							\
		env_fail("%s:%d: %s is %lld, not %lld", __FILE__, __LINE__, #a, __x, __y); \
} while (0)

void kunit_begin(struct kunit *test);
__printf(1, 2) void test_note(const char *fmt, ...);
extern void (*test_on_failure)(void);
bool test_fails(void (*run)(void));
void env_new_step(void);

#endif
