/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A storm of signals: one every millisecond. With SHS_STORM in the environment every
 * test runs in one, in all of its processes, with a handler that restarts what it
 * interrupts: no test may see a difference. With SHS_STORM=2 it does not restart: that
 * is for tests of the library, no call of which says -EINTR.
 */
#ifndef SHS_SELFTEST_STORM_H
#define SHS_SELFTEST_STORM_H

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Whose default is to be ignored: an exec may leave one pending. */
#define SHS_STORM_SIGNAL SIGURG

/* For this process, until it ends or calls exec; flags is 0 or SA_RESTART. */
static inline int shs_storm(void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SHS_STORM_SIGNAL };
	struct itimerspec often = { { 0, 1000000 }, { 0, 1000000 } };
	timer_t timer;

	if (sigaction(SHS_STORM_SIGNAL, &action, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &timer))
		return -1;
	return timer_settime(timer, 0, &often, NULL);
}

static inline void shs_storm_passes(int number)
{
}

static inline void shs_storm_begin(int flags)
{
	if (shs_storm(shs_storm_passes, flags))
		abort();
}

/* The harness forks twice to a test, and takes no -EINTR in either of the two. */
static inline void shs_storm_in_child(void)
{
	static int generation;
	const char *storm = getenv("SHS_STORM");

	generation++;
	shs_storm_begin(generation < 2 || !storm || strcmp(storm, "2") ? SA_RESTART : 0);
}

static __attribute__((constructor, unused)) void shs_storm_from_environment(void)
{
	if (!getenv("SHS_STORM"))
		return;
	if (pthread_atfork(NULL, NULL, shs_storm_in_child))
		abort();
	shs_storm_begin(SA_RESTART);
}

#endif /* SHS_SELFTEST_STORM_H */
