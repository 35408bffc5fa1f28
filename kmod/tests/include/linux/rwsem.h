/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHS_TESTS_RWSEM_H
#define _SHS_TESTS_RWSEM_H

struct rw_semaphore {
	int unused;
};

#endif
