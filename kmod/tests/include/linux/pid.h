/* SPDX-License-Identifier: GPL-2.0-only */
/* The identity of a simulated thread, and how many remember it. */
#ifndef _SHS_TESTS_PID_H
#define _SHS_TESTS_PID_H

#include "env.h"

struct pid {
	int count;
	int nr;
	bool gone;
};

static inline struct pid *get_pid(struct pid *pid)
{
	if (pid)
		pid->count++;
	return pid;
}

static inline void put_pid(struct pid *pid)
{
	if (pid && --pid->count < 0)
		env_fail("a thread's identity is given back too often");
}

#endif
