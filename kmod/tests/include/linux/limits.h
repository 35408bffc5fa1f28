/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHS_TESTS_LINUX_LIMITS_H
#define _SHS_TESTS_LINUX_LIMITS_H

#include <linux/types.h>

#define S64_MAX ((s64)INT64_MAX)
#define S64_MIN ((s64)INT64_MIN)

#endif
