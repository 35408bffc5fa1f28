/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of the library share. */
#ifndef SHS_LIB_TEST_H
#define SHS_LIB_TEST_H

#define shs_batch shs_batch_ioctl	/* the library has some of the same names */
#define shs_commit shs_commit_ioctl
#include "shs.h"
#undef shs_batch
#undef shs_commit

#include <pthread.h>
#include <semaphore.h>
#include <shstate.h>
#include <shstate_uring.h>

#ifdef SHS_CALLS
static void __attribute__((constructor)) no_fast_paths(void)
{
	setenv("SHSTATE_FAST", "0", 1);
}
#endif

/* An object without a name, of one element. */
static inline struct shs_object *make_as(__u32 kind, __u32 type, __u32 flags)
{
	struct shs_spec spec = { .kind = kind, .type = type, .flags = flags };
	struct shs_object *object = NULL;

	return shs_object_create(NULL, &spec, &object) ? NULL : object;
}

static inline struct shs_object *make(__u32 kind, __u32 type)
{
	return make_as(kind, type, 0);
}

static inline struct shs_deadline past(void)
{
	return shs_deadline_at(SHS_CLOCK_MONOTONIC, 0);
}

/* Run in a thread of its own, whose result it is. */
static inline long in_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, run, argument) || pthread_join(thread, &result))
		abort();
	return (long)result;
}

#endif /* SHS_LIB_TEST_H */
