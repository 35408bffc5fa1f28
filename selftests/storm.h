/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A storm of signals: one every millisecond. With SHS_STORM in the environment every
 * test runs in one, in all of its processes, with a handler that restarts what it
 * interrupts: no test may see a difference.
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

static inline void shs_storm_in_child(void)
{
	if (shs_storm(shs_storm_passes, SA_RESTART))
		abort();
}

static __attribute__((constructor, unused)) void shs_storm_from_environment(void)
{
	if (!getenv("SHS_STORM"))
		return;
	if (pthread_atfork(NULL, NULL, shs_storm_in_child))
		abort();
	shs_storm_in_child();
}

#endif /* SHS_SELFTEST_STORM_H */
