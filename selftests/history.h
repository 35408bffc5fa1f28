/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What several processes did to one object (a condvar: and to its mutex), as it was
 * recorded, and whether one process after the other could have done the same.
 */
#ifndef SHS_HISTORY_H
#define SHS_HISTORY_H

#include <linux/shstate.h>

#include "lin.h"

#define HIST_PROCESSES	8
#define HIST_PARENT	HIST_PROCESSES	/* it acts too: at the end, or if all wait */
#define HIST_WHO	(HIST_PROCESSES + 1)
#define HIST_ELEMENTS	2

enum hist_act {
	HIST_OP = 1,		/* a single operation, op says which */
	HIST_LOCK,
	HIST_UNLOCK,
	HIST_CONVERT,
	HIST_GET,		/* one element of the mapped value, by who holds the lock */
	HIST_SET,
	HIST_LANE,		/* a plain add to a counter's mapped lane */
	HIST_WAIT,		/* on a condvar, holding the mutex */
	HIST_BEGIN,		/* once, by the commands' names; WATCH is SHS_ONCE_WAIT */
	HIST_COMPLETE,
	HIST_ABANDON,
	HIST_WATCH,
	HIST_DEATH		/* from the kill to the end of the process */
};

enum hist_door { HIST_IOCTL, HIST_URING, HIST_MAPPED };

/* flags */
#define HIST_NOWAIT	(1U << 0)
#define HIST_EXPIRED	(1U << 1)	/* with a deadline in the past */
#define HIST_RECOVER	(1U << 2)
#define HIST_RECURSIVE	(1U << 3)
#define HIST_FAIR	(1U << 4)
#define HIST_ABANDONED	(1U << 5)	/* SHS_UNLOCK_ABANDON */
#define HIST_FORCE	(1U << 6)
#define HIST_BOTH	(1U << 7)	/* both elements: arg, arg + 1; result, result2 */

/* Of a cell, whose values the test makes of a number: bytes that no number makes. */
#define HIST_TORN	(~0ULL)

struct hist_op {
	__u8 who;
	__u8 act;		/* enum hist_act */
	__u8 op;		/* enum shs_opcode */
	__u8 mode, to;		/* enum shs_mode */
	__u8 door;		/* enum hist_door */
	__u8 flags;
	__u8 index;
	__u64 arg, expected;
	/* what came of it, if done: else it never returned, for its process was killed */
	__u64 result, result2;
	__s32 err;
	__u8 notice;
	__u8 state;		/* enum shs_once_state */
	volatile __u8 done;
	__u8 contended;		/* it overlapped something of another process */
	/* moments, all different, from 1 on; 0: none */
	volatile __u32 call, ret;
};

struct history {
	__u32 kind;		/* enum shs_kind */
	__u32 type;
	__u32 flags;		/* SHS_INIT_* */
	__u64 initial[HIST_ELEMENTS];
	unsigned int n;
	struct hist_op op[LIN_OPS];
};

/* The number that is left of it in an element of this type, extended to 64 bits. */
__u64 hist_wrap(__u32 type, __u64 number);

enum lin_verdict hist_check(struct history *h, struct lin_order *order);

/*
 * Of a counter whose lanes take amounts that differ, a LOAD is not linearizable. It
 * lies between the sum with all subtractions and the sum with all additions that it
 * overlapped; of each process it has seen the first so many; and if nothing is ever
 * subtracted, it never goes back. NULL, or which of these is broken.
 */
const char *hist_check_sums(const struct history *h);

/* In the order of the calls; of an order as far as it was explained. */
void hist_print(const struct history *h, const struct lin_order *order);

#endif /* SHS_HISTORY_H */
