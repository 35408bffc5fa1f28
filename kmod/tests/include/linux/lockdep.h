/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHS_TESTS_LOCKDEP_H
#define _SHS_TESTS_LOCKDEP_H

#include "env.h"

#define lockdep_assert_held(lock)						\
do {										\
	if (!(lock)->held)							\
		env_fail("%s needs %s, which is not held", __func__, #lock);	\
} while (0)

#endif
