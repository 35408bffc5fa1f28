/* SPDX-License-Identifier: GPL-2.0-only */
/* The C library's errno.h comes by here too. */
#ifndef _SHS_TESTS_ERRNO_H
#define _SHS_TESTS_ERRNO_H

#include <asm/errno.h>

#define ERESTARTSYS 512		/* never leaves the kernel */

#endif
