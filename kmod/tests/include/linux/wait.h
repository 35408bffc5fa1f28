/* SPDX-License-Identifier: GPL-2.0-only */
/* Who polls: nobody here. */
#ifndef _SHS_TESTS_WAIT_H
#define _SHS_TESTS_WAIT_H

typedef struct {
	int unused;
} wait_queue_head_t;

#endif
