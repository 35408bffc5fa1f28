/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernel code takes for granted, for a user-space build; so the whole folder. */
#ifndef _SHS_TESTS_TYPES_H
#define _SHS_TESTS_TYPES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef long long s64;

typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s8 __s8;
typedef s16 __s16;
typedef s32 __s32;
typedef s64 __s64;

typedef struct {
	u32 val;
} kuid_t;

#define U32_MAX UINT32_MAX
#define S32_MAX INT32_MAX

#define BIT(nr) (1UL << (nr))
#define BIT_ULL(nr) (1ULL << (nr))
#define __ffs64(x) ((u32)__builtin_ctzll(x))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define min_t(type, a, b)		\
({					\
	type __a = (a), __b = (b);	\
					\
	__a < __b ? __a : __b;		\
})

#define container_of(ptr, type, member)				\
({								\
	typeof(((type *)0)->member) *__member = (ptr);		\
								\
	(type *)((char *)__member - offsetof(type, member));	\
})

#endif
