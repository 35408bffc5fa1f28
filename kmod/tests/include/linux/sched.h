/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHS_TESTS_SCHED_H
#define _SHS_TESTS_SCHED_H

#include "env.h"

struct shs_waiter;

/* A simulated thread. */
struct task_struct {
	const struct shs_waiter *waits;	/* what it sleeps or is about to sleep on */
	bool asleep;
	bool killed;
};

struct mm_struct {
	int mm_users;
};

struct pid {
	int unused;
};

#define current env.task

static inline bool fatal_signal_pending(const struct task_struct *task)
{
	return task->killed;
}

#endif
