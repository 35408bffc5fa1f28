/* SPDX-License-Identifier: GPL-2.0-only */
/* A lock that knows whether it is held: one thread, so taking a held one is a bug. */
#ifndef _SHS_TESTS_SPINLOCK_H
#define _SHS_TESTS_SPINLOCK_H

#include "env.h"

typedef struct {
	bool held;
} spinlock_t;

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->held = false;
}

/* The object model: no two object locks at once. */
static inline void spin_lock(spinlock_t *lock)
{
	if (lock->held)
		env_fail("a lock is taken twice");
	if (env.locks)
		env_fail("two object locks are held at once");
	lock->held = true;
	env.locks++;
}

static inline void spin_unlock(spinlock_t *lock)
{
	if (!lock->held)
		env_fail("a lock is dropped that is not held");
	lock->held = false;
	env.locks--;
}

#endif
