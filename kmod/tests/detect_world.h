/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A world of some locks with SHS_INIT_DETECT and some threads, which take them in any
 * order and mode.  What they hold and wait for is written down twice: by the kernel, in
 * the objects and in the graph, and here by what the calls returned.
 */
#ifndef _SHS_TESTS_DETECT_WORLD_H
#define _SHS_TESTS_DETECT_WORLD_H

#include "core.h"
#include "explore.h"
#include "test.h"

#define THREADS		4
#define OBJECTS		3
#define DETECT_LANES	2
#define POISON		0x6b

/* What a world's threads do, beside locking and unlocking. */
enum {
	TIMED	= 1 << 0,	/* waits time out */
	RELOCK	= 1 << 1,	/* lock what they hold */
	CONVERT	= 1 << 2,	/* convert what they hold */
	SINGLE	= 1 << 3,	/* single operations, in between */
	TRY	= 1 << 4,	/* lock without waiting */
	WRITERS	= 1 << 5,	/* of a rwlock's modes these only */
	READERS	= 1 << 6,
	UPGRADERS = 1 << 7,
	SHARED_LANES = 1 << 8,	/* threads of a process read by one lane */
	LANES_DOWN = 1 << 9,	/* user space gives its lanes back by itself */
	DIE_AT_ONCE = 1 << 10,	/* all mappings are closed with the last user's end */
	FIRST_DIES = 1 << 11,	/* of the processes, which are all alike, only that */
};

struct detect_config {
	const char *name;
	u32 does;
	u8 kills, closes, races;
	u8 threads, objects;
	u8 process[THREADS];	/* of the threads, from 0 and without a gap */
	u32 kind[OBJECTS];
	u32 flags[OBJECTS];	/* DETECT is one of them, or it is no part of the graph */
};

enum thread_state { RUNS, WAITS, OPERATES, DEAD };

struct thread {
	struct task_struct task;
	struct shs_waiter w;
	u8 state, process;
	u8 object;		/* that it waits for or operates on */
	u8 reads[OBJECTS];	/* so often it holds them for reading ... */
	u8 writes[OBJECTS];	/* ... and so often locked, or for writing */
	bool upgradable[OBJECTS];
};

struct detect_process {
	struct shs_attachment att[OBJECTS];
	struct shs_read reads[OBJECTS][DETECT_LANES];
	struct {
		struct shs_private head;
		u64 lanes[DETECT_LANES];
	} private[OBJECTS];
	struct mm_struct mm;
	bool killed, gone;
};

struct detect_object {
	struct shs_object obj;
	struct shs_control control;
	struct shs_shared shared;
};

struct detect {
	struct shs_graph graph;
	struct detect_object object[OBJECTS];
	struct thread thread[THREADS];
	struct detect_process process[THREADS];
	u8 kills, closes;
};

extern struct detect detect;
extern const struct detect_config *detect_config;

void detect_all(const struct detect_config *c);
void detect_random_world(const struct detect_config *c, u64 seed, unsigned int steps);

/* Whether t would wait for ever, were it queued with its waiter, or is so already. */
bool oracle_is_stuck(const struct thread *t);
/* Whether each waits for what the next holds, beginning with t. */
void oracle_check_cycle(const struct thread *t, const struct shs_thread_info *cycle, u32 n);
/* That the kernel's books say the same as these. */
void oracle_check(void);

#define for_each_thread(t) \
	for (t = detect.thread; t < detect.thread + detect_config->threads; t++)
#define for_each_object(o) \
	for (o = 0; o < detect_config->objects; o++)

static inline u32 thread_lane(const struct thread *t)
{
	return detect_config->does & SHARED_LANES ? 0 : (t - detect.thread) % DETECT_LANES;
}

#endif
