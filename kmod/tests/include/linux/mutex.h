/* SPDX-License-Identifier: GPL-2.0-only */
/* The guard of an object is no business of the state machines. */
#ifndef _SHS_TESTS_MUTEX_H
#define _SHS_TESTS_MUTEX_H

struct mutex {
	int unused;
};

#endif
