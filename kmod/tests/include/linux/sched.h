/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHS_TESTS_SCHED_H
#define _SHS_TESTS_SCHED_H

#include <linux/pid.h>
#include "env.h"

struct shs_waiter;

/* A simulated thread. */
struct task_struct {
	const struct shs_waiter *waits;	/* what it sleeps or is about to sleep on */
	struct pid pid;
	const struct mm_struct *mm;
	bool asleep;
	bool killed;
	bool signalled;
};

struct mm_struct {
	int mm_users;
};

#define current env.task

static inline struct pid *task_pid(struct task_struct *task)
{
	return &task->pid;
}

static inline bool signal_pending(const struct task_struct *task)
{
	return task->signalled || task->killed;
}

static inline bool fatal_signal_pending(const struct task_struct *task)
{
	return task->killed;
}

#endif
