/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A world of one lock (mutex, cell, rwlock, once) and some processes.
 *
 *   process   an attachment; runs until it is killed, then: its mm has no users, its
 *             mapping is closed, its file is released; or it unmaps and lives on
 *   actor     a thread of a process, or a caller of single operations (process < 0),
 *             that takes and gives back the lock a number of times
 *
 * World.c does what is the same for each kind: entering, waiting, leaving, dying;
 * each kind adds what user space does and what must hold.
 */
#ifndef _SHS_TESTS_WORLD_H
#define _SHS_TESTS_WORLD_H

#include "core.h"
#include "explore.h"
#include "test.h"

#define PROCESSES	4
#define ACTORS		5
#define LANES		2

/* What an actor does. */
enum {
	FAST	= 1 << 0,	/* its user space uses the word or its lane by itself */
	SLOW	= 1 << 1,	/* locks by the kernel, waiting */
	TRY	= 1 << 2,	/* locks by the kernel, not waiting */
	TIMED	= 1 << 3,	/* its waits may time out */
	READ	= 1 << 4,	/* rwlock: reads */
	WRITE	= 1 << 5,	/* rwlock: writes */
	RECOVER	= 1 << 6,	/* single operation: may consume the notice */
	FORCE	= 1 << 7,	/* once */
	ABANDON	= 1 << 8,	/* once: may not complete */
	RDONLY	= 1 << 9,
	WATCH	= 1 << 10,	/* once: waits for the end only */
};

struct script {
	s8 process;
	u8 cycles;
	u16 does;
};

struct world_config {
	const char *name;
	u32 kind, flags;
	u8 kills, unmaps, signals, ticks, races;
	bool again;		/* processes attach anew after their death */
	bool hostile;		/* scribbles over all that it can reach */
	struct script script[ACTORS];
};

enum actor_state {
	IDLE,
	WAITS,		/* in the kernel, queued or settled */
	HOLDS,
	TELLS,		/* rwlock: user space took back its lane and looks at wpending next */
	CALLS,		/* rwlock: it saw wpending and tells the kernel next */
	DONE,
};

struct actor {
	struct task_struct task;
	struct shs_waiter w;
	s8 process;
	u8 state;
	u8 cycles;
	u16 does;
	u32 lane;
	u32 mode;
};

enum process_state {
	RUNS,
	KILLED,		/* no user code runs; sleepers are on the way out */
	NO_USERS,	/* mm_users is 0 */
	CLOSED,		/* the private region is unmapped */
	RELEASED,	/* the attachment's file is gone */
};

struct process {
	struct shs_attachment att;
	struct mm_struct mm;
	u8 state;
	u64 lanes[LANES][8];
};

struct world {
	struct shs_object obj;
	struct shs_control control;
	struct {
		struct shs_shared head;
		u8 value[128];
	} shared;
	struct process process[PROCESSES];
	struct actor actor[ACTORS];
	u32 next_id;
	u8 kills, unmaps, signals, ticks;	/* left */
	bool dirty;		/* somebody died holding and nobody was told yet */
	bool done, poisoned;	/* once */
};

extern struct world world;

/* What a kind adds. */
struct kind {
	/* Its events of this actor, by world_event(): calls of the kernel, ... */
	void (*events)(struct actor *a);
	/* ... and what user space does, also while another CPU is in the kernel, ... */
	void (*user_events)(struct actor *a);
	void (*do_event)(struct actor *a, unsigned int event);
	/* ... that is, just before such an access. */
	bool (*races_at)(enum env_access access, const void *p);
	/* a returned from the kernel with the lock. */
	void (*acquired)(struct actor *a, int ret);
	/* Whether the death of p is news. */
	bool (*owns)(const struct process *p);
	void (*check)(void);
	void (*end)(void);
};

extern const struct kind mutex_kind, rwlock_kind, once_kind;
extern const struct world_config *world_config;

void world_all(const struct world_config *c);
void world_random(const struct world_config *c, u64 seed, unsigned int steps);

/* ---- for the kinds ---- */

#define KIND_EVENT	16	/* their events are numbered from here */

void world_event(const struct actor *a, unsigned int event);
void world_unlock(struct actor *a, int expected);
void world_cycle(struct actor *a);
const char *world_name(const struct actor *a);
struct process *world_process(const struct actor *a);
/* It returned with the lock or is about to, and can still use it. */
bool world_owns(const struct actor *a);
/* The process of this id is dead and not repaired. */
bool world_unrepaired(u32 id);
/* Somebody was granted the lock with a notice and did not return yet. */
bool world_notice_under_way(void);
/* NULL: nobody is queued. */
struct actor *world_head(void);

/* Another object, which a hostile process has no part in and no influence on. */
void bystander_start(void);
void bystander_step(void);

#define for_each_actor(a) \
	for (a = world.actor; a < world.actor + ACTORS; a++)
#define for_each_process(p) \
	for (p = world.process; p < world.process + PROCESSES; p++)

#endif
