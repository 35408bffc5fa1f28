/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A world of one lock (mutex, cell, rwlock, once, semaphore) or barrier and some processes.
 *
 *   process   an attachment; runs until it is killed, then: its mm has no users, its
 *             mapping is closed, its file is released; or it unmaps and lives on
 *   actor     a thread of a process, or a caller of single operations (process < 0),
 *             that takes and gives back the lock a number of times
 *
 * World.c does what actors do with any kind (entering, waiting, leaving), world_life.c
 * how processes live and die, world_check.c says what always holds, and each kind adds
 * what user space does with it and what must hold.
 */
#ifndef _SHS_TESTS_WORLD_H
#define _SHS_TESTS_WORLD_H

#include "core.h"
#include "explore.h"
#include "test.h"

#define PROCESSES	4
#define ACTORS		5
#define LANES		2
#define POISON		0x6b	/* what memory is once nobody may use it */

/* What an actor does. */
enum {
	FAST	= 1 << 0,	/* its user space uses a word or its lane by itself */
	SLOW	= 1 << 1,	/* locks by the kernel, waiting */
	TRY	= 1 << 2,	/* locks by the kernel, not waiting */
	TIMED	= 1 << 3,	/* its waits may time out */
	READ	= 1 << 4,	/* rwlock: reads */
	UPGRADE	= 1 << 5,	/* rwlock: locks upgradable */
	CONVERT	= 1 << 6,	/* rwlock: makes of what it holds what it can */
	RECOVER	= 1 << 7,	/* single operation: consumes the notice */
	DECLARE	= 1 << 8,	/* SHS_INIT_STRICT: may declare the value good */
	ABANDON	= 1 << 9,	/* may give back what it holds as if it had died */
	NEST	= 1 << 10,	/* locks once more what it holds; a reader says so */
	FORGET	= 1 << 11,	/* rwlock: a reader that does not say so */
	STEAL	= 1 << 12,	/* unlocks what another thread of its process holds */
	FORCE	= 1 << 13,	/* once */
	RDONLY	= 1 << 14,
	WATCH	= 1 << 15,	/* once: waits for the end only */
	SPY	= 1 << 16,	/* watches the locks, now and then: shs_watch() */
	FREEZE	= 1 << 17,	/* and lets nobody lock meanwhile */
	TWO	= 1 << 18,	/* semaphore: two permits */
	NO_UNDO	= 1 << 19,	/* semaphore: that its death does not give back */
	LEAVE	= 1 << 20,	/* barrier: may leave, for good */
	RESET	= 1 << 21,	/* barrier: may reset a broken one */
	FEWER	= 1 << 22,	/* barrier: may make the parties fewer */
};

struct script {
	s8 process;
	u8 cycles;
	u32 does;
};

struct world_config {
	const char *name;
	u32 kind, flags;
	u8 kills, unmaps, signals, ticks, races;
	u8 watches;		/* so often a SPY begins to watch */
	bool again;		/* processes attach anew after their death */
	bool marks;		/* no lane is in use before it is marked or a call counts in it */
	bool hostile;		/* scribbles over all that it can reach */
	u32 value[2];		/* semaphore, barrier: as at INIT */
	struct script script[ACTORS];
};

enum actor_state {
	IDLE,
	WAITS,		/* in the kernel, queued or settled */
	HOLDS,
	ENTERS,		/* rwlock: counted in its lane, user space looks at bias next */
	REFUSED,	/* rwlock: it was not let in and takes back its lane next */
	RETURNED,	/* rwlock: it did, and calls the kernel next */
	TELLS,		/* rwlock: user space took back its lane and looks at wpending next */
	CALLS,		/* rwlock: it saw wpending and tells the kernel next */
	DOWNGRADES,	/* rwlock: a writer, counted in its lane; looks at its own word next */
	DONE,
};

struct actor {
	struct task_struct task;
	struct shs_waiter w;
	s8 process;
	u8 state;
	u8 cycles;
	u8 depth;		/* how often it holds, by AGAIN */
	u32 does;
	u32 lane;
	u32 mode;		/* that it locks in, and holds */
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
	u8 spies;		/* SHS_WATCH_* */
	bool unmapped;		/* no store reaches head and lanes */
	u64 arrived;		/* barrier: last in the generation before this */
	struct shs_private head;	/* then the lanes */
	u64 lanes[LANES][8];
};

struct world {
	struct shs_object obj;
	struct {
		struct shs_control head;
		u64 value;
	} control;
	struct {
		struct shs_shared head;
		u8 value[128];
	} shared;
	struct process process[PROCESSES];
	struct actor actor[ACTORS];
	u32 next_id;
	u8 kills, unmaps, signals, ticks, watches;	/* left */
	bool dirty;		/* somebody died holding, and that is to be told yet */
	bool lost;		/* SHS_INIT_STRICT: nobody declared the value good */
	bool done, poisoned;	/* once */
	bool broken;		/* barrier, as all that follow */
	u32 parties;
	u64 generation;
	u8 released, leaders;	/* who ended one by this step and returned */
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
	/* Whether p holds so that its death may break something. */
	bool (*owns)(const struct process *p);
	void (*check)(void);
	void (*end)(void);
};

extern const struct kind mutex_kind, rwlock_kind, once_kind, semaphore_kind, barrier_kind;
extern const struct kind *world_kind;
extern const struct world_config *world_config;

void world_all(const struct world_config *c);
void world_random(const struct world_config *c, u64 seed, unsigned int steps);

/* ---- for the kinds ---- */

#define KIND_EVENT	32	/* their events are numbered from here */

void world_event(const struct actor *a, unsigned int event);
void world_enter(struct actor *a, bool may_wait, bool upgrade);
void world_unlock(struct actor *a, int expected);
void world_cycle(struct actor *a);
const char *world_name(const struct actor *a);
struct process *world_process(const struct actor *a);
/* It returned with the lock or is about to, and can still use it; and how. */
bool world_owns(const struct actor *a);
u32 world_mode(const struct actor *a);
/* The process of this id is dead and not repaired. */
bool world_unrepaired(u32 id);
/* Somebody was granted the lock with a notice and did not return yet. */
bool world_notice_under_way(void);
/* Live attachments that watch. */
u32 world_watchers(void);
bool world_is_frozen(void);
/* NULL: nobody is queued. */
struct actor *world_head(void);
/* What obj.hold must say: of this actor, or of nobody. */
void world_check_hold(const struct actor *holder);

/* ---- between the parts of the world ---- */

enum {
	ENTER,		/* the system call: lock, and wait if need be */
	ENTER_TRY,
	LOOK,		/* shs_sleep() looks whether it has to sleep */
	TIME_OUT,
	SIGNAL,
	UNLOCK,
	UNLOCK_ABANDON,
	UNLOCK_STOLEN,
	AGAIN,
	DECLARE_GOOD,
	OPERATE,
	WATCH_ON,
	WATCH_OFF,
	KILL,
	LAST_USER,
	UNMAP,
	RELEASE,
	ATTACH,
	TICK,
	SCRIBBLE,
};

/* Actor and process: index or -1. */
void world_add_event(unsigned int event, s8 actor, s8 process);
void world_do_process(struct process *p, unsigned int event);
void world_process_events(const struct process *p);
void world_process_races(const struct process *p);
void world_leave(struct actor *a, int slept);
bool world_in_kernel(const struct actor *a);
void world_begin_life(struct process *p);
void world_release(struct process *p);

struct actor *world_actor_of(const struct shs_waiter *w);
void world_remember_order(void);
void world_check_queue(void);
void world_check(void);

void hostile_scribble(void);
void hostile_end(void);

/* Another object, which a hostile process has no part in and no influence on. */
void bystander_start(void);
void bystander_step(void);

#define for_each_actor(a) \
	for (a = world.actor; a < world.actor + ACTORS; a++)
#define for_each_process(p) \
	for (p = world.process; p < world.process + PROCESSES; p++)

#endif
