/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHS_TESTS_STRING_H
#define _SHS_TESTS_STRING_H

#include <string.h>

#endif
