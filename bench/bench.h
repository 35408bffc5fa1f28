/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark: cases side by side, timed by the clock or counted in instructions.
 *
 * A group is one workload; its cases are the peers that do it. All cases of a group
 * stand ready at once and take turns batch by batch, so that what disturbs the machine
 * meets them alike. Each result is one line of CSV on stdout:
 *
 *	bench,SETTING,FAMILY,WORKLOAD,PARAMETER,PEER,METRIC,UNIT,MIN,MEDIAN,P99,SAMPLES
 *
 * and each peer that cannot be measured here one line with the reason:
 *
 *	skip,SETTING,FAMILY,WORKLOAD,PARAMETER,PEER,REASON
 */
#ifndef SHS_BENCH_H
#define SHS_BENCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_CALLS	(1U << 0)	/* enters the kernel, even if nobody contends */
#define BENCH_THREADS	(1U << 1)	/* for the threads of one process only */
#define BENCH_SLOW	(1U << 2)	/* takes more than 0.1 ms: small batches */

struct bench_case {
	const char *peer;
	unsigned int flags;
	/* Returns NULL, or why there is no such peer here. */
	const char *(*setup)(void **state, long argument);
	long argument;
	/* What each process of several does first, beside setup by their parent. */
	void (*join)(void *state);
	void (*run)(void *state, unsigned long count);
	unsigned long each;	/* run counts by so many; 0: one */
	/* Where it is a lock: run with a change of what it guards, and that in two halves. */
	void (*change)(void *state, unsigned long count);
	void (*begin)(void *state);
	void (*end)(void *state);
	/* May be NULL: the state is then left to the end of the process. */
	void (*teardown)(void *state);
};

struct bench_samples {
	double *value;
	size_t count, room;
};

struct bench_what {
	const char *family, *workload, *metric, *unit;
	unsigned long parameter;	/* processes, operations at once, bytes; 0: none */
};

extern struct bench_options {
	const char *setting;	/* of the output's first column */
	int instructions;	/* one tick is one instruction */
	int uml;		/* calls are dear, threads never parallel */
	unsigned int rounds;	/* batches of each case */
	unsigned int milliseconds;	/* of each run of several processes */
	unsigned int repeats;	/* of those runs */
	const char *peers;	/* only those whose name has this in it; NULL: all */
} bench_options;

extern double bench_ticks_per_ns;

/* Ends the program: a benchmark of what fails is worth nothing. */
void bench_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

void bench_sample(struct bench_samples *samples, double value);
void bench_result(const struct bench_what *what, const char *peer, struct bench_samples *samples);
void bench_skip(const struct bench_what *what, const char *peer, const char *reason);

/* A case went wrong, but the others can go on: skips it. If it is ours the program fails. */
void bench_fail(const struct bench_what *what, const char *peer, const char *reason);

int bench_is_wanted(const char *peer);

/* NULL, or why this case is not for this setting; else sets it up. */
const char *bench_setup(const struct bench_case *peer, void **state);

/* Takes batches of all cases in turn: the price of one operation, alone. */
void bench_alone(const char *family, const char *workload, unsigned long parameter,
		 const struct bench_case *cases, size_t count);

/*
 * The same operation by so many processes (BENCH_THREADS: threads) that do nothing else,
 * of change, or else of run. Metrics: "together", wall time per operation of all; "busy",
 * what one takes while it is not disturbed; "fairness" by Jain; and of change "longest",
 * the longest that one took.
 */
void bench_together(const char *family, const char *workload, const struct bench_case *cases,
		    size_t count, const unsigned int *parties, size_t parties_count);
#define BENCH_PARTIES_MAX	16

/* So many operations that a batch takes about 20 us: short beside the kernel's ticks. */
unsigned long bench_size_batch(const struct bench_case *peer, void *state);

/* Zeroed memory that children share. */
void *bench_shared(size_t size);

/* A child process; like fork(), but it dies with its parent and ends with _exit. */
int bench_fork(void);

#define BENCH_COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#ifdef __x86_64__
#include <x86intrin.h>
static inline uint64_t bench_ticks(void)
{
	_mm_lfence();
	return __rdtsc();
}
#else
#include <time.h>
static inline uint64_t bench_ticks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}
#endif

/*
 * The function of a case that does operation so often; state points to what setup left
 * and is of that type, and failed is to become other than 0 if anything fails.
 */
#define BENCH_RUN(name, type, operation)				\
	static void name(void *argument, unsigned long count)		\
	{								\
		type state = (type)argument;				\
		int failed = 0;						\
									\
		(void)state;						\
		for (unsigned long i = 0; i < count; i++) {		\
			operation;					\
			__asm__ volatile("" ::: "memory");		\
		}							\
		if (failed)						\
			bench_die("%s failed: %d", #name, failed);	\
	}

/* Of a lock: NAME_run, and with look in between NAME_change, _begin and _end. */
#define BENCH_PAIR(name, type, lock, unlock, look)			\
	BENCH_RUN(name##_run, type, { lock; unlock; })			\
	BENCH_RUN(name##_change, type, { lock; look; unlock; })		\
	static void name##_begin(void *argument)			\
	{								\
		type state = (type)argument;				\
		int failed = 0;						\
									\
		lock;							\
		look;							\
		if (failed)						\
			bench_die("%s cannot lock", #name);		\
	}								\
	static void name##_end(void *argument)				\
	{								\
		type state = (type)argument;				\
		int failed = 0;						\
									\
		unlock;							\
		if (failed)						\
			bench_die("%s cannot unlock", #name);		\
	}

/* Of one that excludes: one is added to *inside. */
#define BENCH_LOCK(name, type, lock, unlock, inside)			\
	BENCH_PAIR(name, type, lock, unlock, *(inside) += 1)

#define BENCH_OF(name)							\
	.run = name##_run, .change = name##_change, .begin = name##_begin, .end = name##_end

/* The groups, one function for each file. */
void bench_mutex(void);
void bench_rwlock(void);
void bench_counter(void);
void bench_value(void);
void bench_contended(void);
void bench_wake(void);
void bench_recover(void);
void bench_big(void);
void bench_calls(void);
void bench_many(void);

#ifdef __cplusplus
}
#endif

#endif /* SHS_BENCH_H */
