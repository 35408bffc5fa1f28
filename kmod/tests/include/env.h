/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the state machines have in place of a kernel, and the means to drive them:
 * a clock that is set, sleepers that are flags, and other CPUs that act between
 * one access to shared memory and the next.
 */
#ifndef _SHS_TESTS_ENV_H
#define _SHS_TESTS_ENV_H

#include <linux/types.h>

struct task_struct;

enum env_access { ENV_READ, ENV_WRITE, ENV_CMPXCHG };

/* All of it is part of a state that the explorer saves and puts back. */
struct env {
	u64 now_ns;
	struct task_struct *task;	/* who runs */
	unsigned int locks, leaves;	/* spinlocks held: of objects, others */
	u32 deaths;			/* death notes written */
	u32 death_id, death_mode;	/* the last */
	u64 death_ids;			/* all, a bit each */
	bool awaits_soon, awaits_fence;	/* asked for; the test does it */
};

extern struct env env;

/* What other CPUs do just before an access to p; NULL: nothing. */
extern void (*env_race)(enum env_access access, const void *p);

/* Hashes are as wide as they are asked for; only for the running test. */
extern bool env_wide_hash;

/* How often it was asked whether a waiter was killed. */
extern unsigned int env_asked;

void env_reset(void);
void env_forget(void);
void env_touch(enum env_access access, const void *p);

/* Ends the test as failed, with the reason. */
__attribute__((format(printf, 1, 2), noreturn)) void env_fail(const char *fmt, ...);

#endif
