/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A lock that knows whether it is held: one thread, so taking a held one is a bug.  The
 * locks of objects are of one class and all zero, the others are initialised.
 */
#ifndef _SHS_TESTS_SPINLOCK_H
#define _SHS_TESTS_SPINLOCK_H

#include "env.h"

typedef struct {
	bool held;
	bool leaf;
} spinlock_t;

#define SINGLE_DEPTH_NESTING 1

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->held = false;
	lock->leaf = true;
}

static inline void env_lock(spinlock_t *lock, unsigned int others)
{
	if (lock->held)
		env_fail("a lock is taken twice");
	if (env.leaves)
		env_fail("a lock is taken under one that is a leaf");
	if (!lock->leaf && env.locks != others)
		env_fail("%u object locks are held at once", env.locks + 1);
	lock->held = true;
	if (lock->leaf)
		env.leaves++;
	else
		env.locks++;
}

/* The object model: no two object locks at once ... */
static inline void spin_lock(spinlock_t *lock)
{
	env_lock(lock, 0);
}

/* ... but where it is said. */
static inline void spin_lock_nested(spinlock_t *lock, unsigned int subclass)
{
	env_lock(lock, subclass);
}

static inline void spin_unlock(spinlock_t *lock)
{
	if (!lock->held)
		env_fail("a lock is dropped that is not held");
	lock->held = false;
	if (lock->leaf)
		env.leaves--;
	else
		env.locks--;
}

static inline bool spin_is_locked(const spinlock_t *lock)
{
	return lock->held;
}

#define __acquire(lock) ((void)0)
#define __release(lock) ((void)0)

#endif
