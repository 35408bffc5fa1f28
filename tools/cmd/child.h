/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CHILD_H
#define CHILD_H

/* As of timeout(1) and env(1): the rest can be the command's. */
enum { CHILD_TROUBLE = 125, CHILD_CANNOT_RUN, CHILD_NOT_THERE };

/*
 * Runs a command (its arguments end with NULL) as a child, passes on the signals
 * that this process is sent meanwhile, and returns the child's exit status: 128 + N
 * if signal N killed it, or one of these; TROUBLE if there can be no child.
 */
int child_run(char **command);

#endif /* CHILD_H */
