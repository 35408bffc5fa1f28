/* SPDX-License-Identifier: GPL-2.0-only */
/* Tests that register themselves and print KTAP. */
#ifndef _SHS_TESTS_TEST_H
#define _SHS_TESTS_TEST_H

#include "env.h"

#define TEST(name)					\
	static void name(void);				\
	static void __attribute__((constructor)) add_##name(void)	\
	{						\
		test_add(#name, name);			\
	}						\
	static void name(void)

#define CHECK(condition)								\
do {											\
	if (!(condition))								\
		env_fail("%s:%d: %s does not hold", __FILE__, __LINE__, #condition);	\
} while (0)

#define CHECK_EQ(a, b)									\
do {											\
	long long __x = (long long)(a), __y = (long long)(b);				\
											\
	if (__x != __y)									\
		env_fail("%s:%d: %s is %lld, not %lld", __FILE__, __LINE__, #a, __x, __y);	\
} while (0)

void test_add(const char *name, void (*run)(void));
/* Whether run() ends by env_fail(). */
bool test_fails(void (*run)(void));
/* A line of information under the running test. */
__attribute__((format(printf, 1, 2))) void test_note(const char *fmt, ...);
/* Called when the running test fails, to tell how it came there. */
extern void (*test_on_failure)(void);

void env_new_step(void);

#endif
