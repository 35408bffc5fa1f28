/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CHILD_H
#define CHILD_H

/*
 * Runs a command (its arguments end with NULL) as a child, passes on the signals
 * that this process is sent meanwhile, and returns the child's exit status: 128 + N
 * if signal N killed it, 126 if it cannot be run, 127 if it is not there, 125 if
 * there can be no child.
 */
int child_run(char **command);

#endif /* CHILD_H */
