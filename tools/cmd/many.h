/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MANY_H
#define MANY_H

#include <stdbool.h>

/* "wait --any" and "wait --all". */
bool is_for_many(int argc, char **argv);
int cmd_wait_many(int argc, char **argv);

#endif /* MANY_H */
