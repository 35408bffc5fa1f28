/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is a concurrent history linearizable: is there one order of its operations, which
 * keeps the order of those that did not overlap, in which each of them does what a
 * sequential model of the object allows?
 */
#ifndef SHS_LIN_H
#define SHS_LIN_H

#include <stdbool.h>
#include <stddef.h>

#define LIN_OPS		128	/* at most, in a history */
#define LIN_STATE	96	/* bytes of a state, at most */

/*
 * One operation. call and ret are moments on one scale, all of them different but for
 * operations that are parts of the same call. An operation that is optional may also
 * not have happened at all, and has no return: it may happen as late as the model
 * lets it.
 */
struct lin_op {
	const void *what;	/* for the model, as part */
	unsigned int part;
	unsigned int ways;	/* in which it may happen, at least one */
	unsigned int call, ret;
	bool optional;
};

/*
 * Whether the operation may be next, in one of its ways (way: 0, 1, ...), and what
 * state it leaves. States are compared as bytes, so padding must be zero. What a failed
 * apply leaves in state does not matter.
 */
struct lin_model {
	size_t state_size;
	bool (*apply)(void *state, const struct lin_op *op, unsigned int way,
		      const void *context);
};

enum lin_verdict {
	LIN_YES,
	LIN_NO,
	LIN_TOO_LARGE		/* to say: more than LIN_OPS, or too many states */
};

/* How it was explained; of a history that is not linearizable, as far as it can be. */
struct lin_order {
	unsigned int n;
	unsigned char op[LIN_OPS];
	unsigned int states;	/* that were looked at */
};

enum lin_verdict lin_check(const struct lin_model *model, const void *initial,
			   const void *context, const struct lin_op *ops, unsigned int n,
			   struct lin_order *order);

#endif /* SHS_LIN_H */
