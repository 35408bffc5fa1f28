// SPDX-License-Identifier: GPL-2.0-only
/* Several processes, or threads, at the same operation. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define SAMPLES	2000

struct party {
	uint64_t operations, begin, end, longest;
	unsigned int samples;
	float sample[SAMPLES];	/* ticks per operation, of a batch each */
} __attribute__((aligned(64)));

/* Of one run. In shared memory, so that processes and threads are told alike. */
struct crowd {
	const struct bench_case *peer;
	void *state;
	unsigned int parties;
	unsigned long batch;
	int each_timed;		/* look at the clock after each operation */
	int gate[2];		/* closed when all may begin */
	unsigned int ready __attribute__((aligned(64)));
	unsigned int stop __attribute__((aligned(64)));
	struct party party[BENCH_PARTIES_MAX];
};

struct outcome {
	struct bench_samples together, busy, fairness, longest;
};

static void sleep_ms(double ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms * 1e6) % 1000000000 };

	nanosleep(&time, NULL);
}

static void work(const struct crowd *crowd, struct party *party)
{
	const struct bench_case *peer = crowd->peer;
	void (*run)(void *, unsigned long) = peer->change ?: peer->run;
	uint64_t before, after;

	before = party->begin = bench_ticks();
	do {
		run(crowd->state, crowd->batch);
		after = bench_ticks();
		party->operations += crowd->batch;
		if (after - before > party->longest)
			party->longest = after - before;
		if (party->samples < SAMPLES)
			party->sample[party->samples++] = (float)(after - before) / crowd->batch;
		before = after;
	} while (!__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED));
	party->end = before;
}

struct start {
	struct crowd *crowd;
	unsigned int number;
	pid_t pid;
};

static void *take_part(void *argument)
{
	struct start *start = argument;
	struct crowd *crowd = start->crowd;
	char nothing;

	/* So that the first of the counted ones is like the others. */
	(crowd->peer->change ?: crowd->peer->run)(crowd->state, 1);
	__atomic_fetch_add(&crowd->ready, 1, __ATOMIC_SEQ_CST);
	if (read(crowd->gate[0], &nothing, 1))
		bench_die("the gate: %s", strerror(errno));
	work(crowd, &crowd->party[start->number]);
	return NULL;
}

static void begin_process(struct start *start)
{
	start->pid = bench_fork();
	if (start->pid)
		return;
	close(start->crowd->gate[1]);
	if (start->crowd->peer->join)
		start->crowd->peer->join(start->crowd->state);
	take_part(start);
	_exit(0);
}

/* A child that fails has said so, and the others may wait for it for ever: 1. */
static int end_processes(const struct start *start, unsigned int count)
{
	int status, failed = 0;

	for (unsigned int left = count; left; left--) {
		if (wait(&status) >= 0 && !status)
			continue;
		for (unsigned int i = 0; !failed && i < count; i++)
			kill(start[i].pid, SIGKILL);
		failed = 1;
	}
	return failed;
}

static void let_them(struct crowd *crowd)
{
	while (__atomic_load_n(&crowd->ready, __ATOMIC_SEQ_CST) < crowd->parties)
		sleep_ms(0.2);
	sleep_ms(1);
	close(crowd->gate[1]);
	sleep_ms(bench_options.milliseconds);
	__atomic_store_n(&crowd->stop, 1, __ATOMIC_RELAXED);
}

static int run_crowd(struct crowd *crowd)
{
	struct start start[BENCH_PARTIES_MAX];
	pthread_t thread[BENCH_PARTIES_MAX];
	int threads = crowd->peer->flags & BENCH_THREADS;
	int failed = 0;

	if (pipe(crowd->gate))
		bench_die("pipe: %s", strerror(errno));
	for (unsigned int i = 0; i < crowd->parties; i++) {
		start[i] = (struct start){ .crowd = crowd, .number = i };
		if (!threads)
			begin_process(&start[i]);
		else if (pthread_create(&thread[i], NULL, take_part, &start[i]))
			bench_die("no thread");
	}
	let_them(crowd);
	if (!threads)
		failed = end_processes(start, crowd->parties);
	for (unsigned int i = 0; threads && i < crowd->parties; i++)
		pthread_join(thread[i], NULL);
	close(crowd->gate[0]);
	return failed;
}

static void add_up(const struct crowd *crowd, struct outcome *outcome)
{
	double rate = 0, sum = 0, squares = 0, longest = 0;

	for (unsigned int i = 0; i < crowd->parties; i++) {
		const struct party *party = &crowd->party[i];
		double own = (double)party->operations / (party->end - party->begin);

		rate += own;
		sum += own;
		squares += own * own;
		if (party->longest > longest)
			longest = party->longest;
		for (unsigned int j = 0; !crowd->each_timed && j < party->samples; j++)
			bench_sample(&outcome->busy, party->sample[j] / bench_ticks_per_ns);
	}
	if (crowd->each_timed) {
		bench_sample(&outcome->longest, longest / bench_ticks_per_ns / 1000);
		return;
	}
	bench_sample(&outcome->together, 1 / rate / bench_ticks_per_ns);
	bench_sample(&outcome->fairness, sum * sum / (crowd->parties * squares));
}

/* 0, or 1: a party failed. */
static int once_more(const struct bench_case *peer, void *state, unsigned long batch,
		     unsigned int parties, struct outcome *outcome)
{
	int failed = 0, runs = peer->change ? 2 : 1;
	struct crowd *crowd;

	for (int timed = 0; timed < runs && !failed; timed++) {
		crowd = bench_shared(sizeof(*crowd));
		crowd->peer = peer;
		crowd->state = state;
		crowd->parties = parties;
		crowd->each_timed = timed;
		crowd->batch = timed ? 1 : batch;
		failed = run_crowd(crowd);
		if (!failed)
			add_up(crowd, outcome);
		munmap(crowd, sizeof(*crowd));
	}
	return failed;
}

static void publish(struct bench_what what, const char *peer, struct outcome *outcome)
{
	what.metric = "together";
	what.unit = "ns";
	bench_result(&what, peer, &outcome->together);
	what.metric = "busy";
	bench_result(&what, peer, &outcome->busy);
	what.metric = "fairness";
	what.unit = "Jain";
	bench_result(&what, peer, &outcome->fairness);
	what.metric = "longest";
	what.unit = "us";
	bench_result(&what, peer, &outcome->longest);
}

static const char *reason(const struct bench_case *peer)
{
	if (peer->setup && !peer->run)
		return NULL;	/* setup says why */
	if (bench_options.uml && peer->flags & BENCH_THREADS)
		return "threads of one process are not parallel under UML";
	return NULL;
}

void bench_together(const char *family, const char *workload, const struct bench_case *cases,
		    size_t count, const unsigned int *parties, size_t parties_count)
{
	struct outcome *outcome = calloc(count, sizeof(*outcome));
	unsigned long *batch = calloc(count, sizeof(*batch));
	void **state = calloc(count, sizeof(*state));
	struct bench_what what = { .family = family, .workload = workload };

	if (!outcome || !batch || !state)
		bench_die("no memory");
	for (size_t i = 0; i < count; i++) {
		const char *why;

		if (!bench_is_wanted(cases[i].peer))
			continue;
		why = reason(&cases[i]) ?: bench_setup(&cases[i], &state[i]);
		if (why) {
			bench_skip(&what, cases[i].peer, why);
			continue;
		}
		cases[i].run(state[i], 2);
		batch[i] = bench_size_batch(&cases[i], state[i]) / 4 ?: 1;
	}
	for (size_t p = 0; p < parties_count; p++) {
		what.parameter = parties[p];
		for (unsigned int n = 0; n < bench_options.repeats; n++)
			for (size_t i = 0; i < count; i++)
				if (batch[i] && once_more(&cases[i], state[i], batch[i],
							  parties[p], &outcome[i])) {
					bench_fail(&what, cases[i].peer, "an operation failed");
					batch[i] = 0;
				}
		for (size_t i = 0; i < count; i++)
			publish(what, cases[i].peer, &outcome[i]);
	}
	for (size_t i = 0; i < count; i++)
		if (batch[i] && cases[i].teardown)
			cases[i].teardown(state[i]);
	free(state);
	free(batch);
	free(outcome);
}
