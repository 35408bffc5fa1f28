// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: bench [-i] [-u] [-s SETTING] [-r ROUNDS] [-m MILLISECONDS] [-n REPEATS] [-p PEER]
 *	[FAMILY]...
 *   -i  a tick is an instruction (QEMU with -icount): small batches, the loop's deducted
 *   -u  this is User-mode Linux
 *   -p  only peers whose name has this in it
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

struct bench_options bench_options = {
	.setting = "host", .rounds = 1001, .milliseconds = 200, .repeats = 5,
};
double bench_ticks_per_ns = 1;

void bench_die(const char *format, ...)
{
	va_list list;

	fflush(stdout);
	va_start(list, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	_exit(1);
}

/* ------------------------------------------------------------ statistics -- */

void bench_sample(struct bench_samples *samples, double value)
{
	if (samples->count == samples->room) {
		samples->room = samples->room ? 2 * samples->room : 1024;
		samples->value = realloc(samples->value, samples->room * sizeof(double));
		if (!samples->value)
			bench_die("no memory");
	}
	samples->value[samples->count++] = value;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Prints, and empties the samples. */
void bench_result(const struct bench_what *what, const char *peer, struct bench_samples *samples)
{
	size_t n = samples->count;

	if (!n)
		return;
	qsort(samples->value, n, sizeof(double), compare);
	printf("bench,%s,%s,%s,%lu,%s,%s,%s,%.3f,%.3f,%.3f,%zu\n", bench_options.setting,
	       what->family, what->workload, what->parameter, peer, what->metric, what->unit,
	       samples->value[0], samples->value[n / 2], samples->value[(n - 1) * 99 / 100], n);
	fflush(stdout);
	free(samples->value);
	*samples = (struct bench_samples){};
}

void bench_skip(const struct bench_what *what, const char *peer, const char *reason)
{
	printf("skip,%s,%s,%s,%lu,%s,%s\n", bench_options.setting, what->family, what->workload,
	       what->parameter, peer, reason);
	fflush(stdout);
}

static int failures;

void bench_fail(const struct bench_what *what, const char *peer, const char *reason)
{
	fprintf(stderr, "bench: %s: %s\n", peer, reason);
	bench_skip(what, peer, reason);
	failures += !strncmp(peer, "shstate", 7);
}

/* -------------------------------------------------------------- the runs -- */

int bench_is_wanted(const char *peer)
{
	return !bench_options.peers || strstr(peer, bench_options.peers);
}

const char *bench_setup(const struct bench_case *peer, void **state)
{
	*state = NULL;
	if (bench_options.uml && peer->flags & BENCH_CALLS)
		return "makes system calls, whose price under UML says nothing";
	return peer->setup ? peer->setup(state, peer->argument) : NULL;
}

static double time_batch(const struct bench_case *peer, void *state, unsigned long batch)
{
	uint64_t begin = bench_ticks();

	peer->run(state, batch);
	return (double)(bench_ticks() - begin);
}

unsigned long bench_size_batch(const struct bench_case *peer, void *state)
{
	double goal = 20000 * bench_ticks_per_ns;
	unsigned long batch = 1;

	if (bench_options.instructions)
		return peer->flags & BENCH_SLOW ? 10 : 100;
	if (peer->flags & BENCH_SLOW)
		return 1;
	while (batch < 1UL << 20 && time_batch(peer, state, batch) < goal)
		batch *= 2;
	return batch;
}

BENCH_RUN(empty_run, void *, { (void)failed; })

static const struct bench_case empty = { .peer = "empty loop", .run = empty_run };

/* What measuring itself costs, where all is deterministic. */
static double empty_loop(unsigned long batch)
{
	double least = 1e18;

	if (!bench_options.instructions)
		return 0;
	for (int i = 0; i < 41; i++) {
		double ticks = time_batch(&empty, NULL, batch);

		if (ticks < least)
			least = ticks;
	}
	return least;
}

void bench_alone(const char *family, const char *workload, unsigned long parameter,
		 const struct bench_case *cases, size_t count)
{
	struct bench_what what = {
		.family = family,
		.workload = workload,
		.metric = "alone",
		.unit = bench_options.instructions ? "instructions" : "ns",
		.parameter = parameter,
	};
	struct { void *state; unsigned long batch; double nothing; struct bench_samples samples; }
		*run = calloc(count, sizeof(*run));
	unsigned int rounds = bench_options.instructions ? 41 : bench_options.rounds;

	if (!run)
		bench_die("no memory");
	for (size_t i = 0; i < count; i++) {
		const char *why;

		if (!bench_is_wanted(cases[i].peer))
			continue;
		why = bench_setup(&cases[i], &run[i].state);
		if (why) {
			bench_skip(&what, cases[i].peer, why);
			continue;
		}
		cases[i].run(run[i].state, 2);
		run[i].batch = bench_size_batch(&cases[i], run[i].state);
		run[i].nothing = empty_loop(run[i].batch);
	}
	for (unsigned int round = 0; round < rounds; round++)
		for (size_t i = 0; i < count; i++)
			if (run[i].batch)
				bench_sample(&run[i].samples,
					     (time_batch(&cases[i], run[i].state, run[i].batch) -
					      run[i].nothing) / run[i].batch /
					     (cases[i].each ?: 1) / bench_ticks_per_ns);
	for (size_t i = 0; i < count; i++) {
		if (!run[i].batch)
			continue;
		bench_result(&what, cases[i].peer, &run[i].samples);
		if (cases[i].teardown)
			cases[i].teardown(run[i].state);
	}
	free(run);
}

/* --------------------------------------------------------------- helpers -- */

void *bench_shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		bench_die("no memory: %s", strerror(errno));
	memset(memory, 0, size);
	return memory;
}

int bench_fork(void)
{
	int pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bench_die("fork: %s", strerror(errno));
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* The clock is read between two looks at the ticks: half of a system call matters here. */
static void calibrate(void)
{
	double ns = now_ns(), begin = bench_ticks(), end;

	do
		end = bench_ticks();
	while (now_ns() < ns + 1e8);
	bench_ticks_per_ns = (end - begin) / (now_ns() - ns);
}

static const struct {
	const char *name;
	void (*run)(void);
} families[] = {
	{ "mutex", bench_mutex },
	{ "rwlock", bench_rwlock },
	{ "counter", bench_counter },
	{ "value", bench_value },
	{ "calls", bench_calls },
	{ "contended", bench_contended },
	{ "wake", bench_wake },
	{ "recover", bench_recover },
	{ "many", bench_many },
	{ "big", bench_big },
};

static int is_wanted(const char *name, char *const *wanted)
{
	if (!*wanted)
		return strcmp(name, "big");	/* takes minutes */
	for (; *wanted; wanted++)
		if (!strcmp(*wanted, name))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "ius:r:m:n:p:")) != -1) {
		switch (option) {
		case 'i': bench_options.instructions = 1; break;
		case 'u': bench_options.uml = 1; break;
		case 's': bench_options.setting = optarg; break;
		case 'r': bench_options.rounds = atoi(optarg); break;
		case 'm': bench_options.milliseconds = atoi(optarg); break;
		case 'n': bench_options.repeats = atoi(optarg); break;
		case 'p': bench_options.peers = optarg; break;
		default: return 2;
		}
	}
	if (!bench_options.instructions)
		calibrate();
	for (size_t i = 0; i < BENCH_COUNT(families); i++)
		if (is_wanted(families[i].name, argv + optind))
			families[i].run();
	return failures > 0;
}
