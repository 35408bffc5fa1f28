/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHS_TESTS_HASH_H
#define _SHS_TESTS_HASH_H

#include <linux/types.h>
#include "env.h"

/* Two values mostly: worlds are small, and threads that share a bucket are worth a look. */
static inline u32 hash_ptr(const void *p, unsigned int bits)
{
	return (uintptr_t)p * 0x9e3779b97f4a7c15ULL >> (64 - (env_wide_hash ? bits : 1));
}

#endif
