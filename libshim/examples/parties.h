/* SPDX-License-Identifier: MIT */
/* What all examples need: to fail in one word, and processes that start together. */
#ifndef PARTIES_H
#define PARTIES_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shstate.h>

/* unwrap(): the result, or the end. */
#define must(call) must_succeed(#call, call)
static inline int must_succeed(const char *call, int ret)
{
	if (ret < 0) {
		fprintf(stderr, "%s: %s\n", call, strerror(-ret));
		exit(1);
	}
	return ret;
}

/* An object without a name, which children inherit. value as in struct shs_spec. */
static inline struct shs_object *anonymous(uint32_t kind, uint32_t type, uint32_t count,
					   const void *value)
{
	struct shs_spec spec = { .kind = kind, .type = type, .count = count, .value = value };
	struct shs_object *object = NULL;

	must(shs_object_create(NULL, &spec, &object));
	return object;
}

/* A place where n processes meet: pthread_barrier_wait(). */
static inline pthread_barrier_t *barrier(unsigned int n)
{
	pthread_barrier_t *new = mmap(NULL, sizeof(*new), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t shared;

	must(new == MAP_FAILED ? -errno : 0);
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	must(-pthread_barrier_init(new, &shared, n));
	return new;
}

/* Seconds after which an example has failed, also on a slow debug kernel. */
#define TIME_LIMIT 120

/*
 * Runs body(0) to body(n - 1), each in a process of its own, all let go at the
 * same moment. Returns how many did not return 0.
 */
static inline int parties(int n, int (*body)(int number))
{
	pthread_barrier_t *gate = barrier(n);
	int failed = 0, status, i;

	fflush(stdout);
	for (i = 0; i < n; i++) {
		if (must(fork()) == 0) {
			alarm(TIME_LIMIT);
			pthread_barrier_wait(gate);
			status = body(i);
			fflush(stdout);
			_exit(status ? 1 : 0);
		}
	}
	while (wait(&status) > 0)
		failed += status != 0;
	munmap(gate, sizeof(*gate));
	return failed;
}

#endif /* PARTIES_H */
