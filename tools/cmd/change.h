/* SPDX-License-Identifier: GPL-2.0-only */
/* change.c: what set, add and cas have in common. */
#ifndef CHANGE_H
#define CHANGE_H

#include "cmd.h"

struct change {
	const char *name;
	struct shs_object *object;
	struct access access;
	bool raw;			/* set: the value comes from the standard input */
	bool old;			/* add: print what was there */
};

#define CHANGE_LETTERS "-nw:Rh"
#define CHANGE_OPTIONS \
	{ "no-wait", no_argument, NULL, 'n' }, \
	{ "wait", required_argument, NULL, 'w' }, \
	{ "recover", no_argument, NULL, 'R' }, \
	{ "help", no_argument, NULL, 'h' }
#define CHANGE_HELP \
	"  -n, --no-wait        fail if it is held\n" \
	"  -w, --wait SECONDS   fail if it is held for longer\n" \
	"  -R, --recover        also if its last owner died while it held it\n" \
	"  -h, --help\n"

/* Reads options and the object's name, and opens it; false: exit with TROUBLE. */
bool change_begin(struct change *change, struct args *args);
int change_end(struct change *change, int ret, const char *done);

/* One numeric operation on an element; index NULL is element 0 and operand unset. */
bool change_index(struct change *change, const char *index, struct shs_ioc_op *op);

#endif /* CHANGE_H */
