/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A world of a condvar, the mutex (or rwlock) beside it, and threads that wait, notify,
 * or only lock.  A wait is condwait() as it is, cut where it sleeps:
 *
 *   HOLDS -> SLEEPS (on the condvar) -> TAKES_BACK (sleeps on the mutex) -> HELD_AGAIN
 *                      \____________________/ \-> INTERRUPTED -> SLEEPS
 *
 * A credit is a notify that settled a ticket and that no wait returned with yet.  Credits
 * are what must neither be lost nor doubled: condvar_check.c counts them.
 */
#ifndef _SHS_TESTS_CONDVAR_WORLD_H
#define _SHS_TESTS_CONDVAR_WORLD_H

#include "waits.h"
#include "explore.h"
#include "test.h"

#define ACTORS		4
#define POISON		0x6b

/* What an actor does. */
enum {
	WAITER	= 1 << 0,
	TIMED	= 1 << 1,
	NOTIFY_ONE = 1 << 2,
	NOTIFY_ALL = 1 << 3,
	ONLY_HOLDING = 1 << 4,	/* notifies with the mutex held, else also without */
	LOCKER	= 1 << 5,	/* locks and unlocks; of a rwlock ... */
	READER	= 1 << 6,	/* ... for reading */
	FORGETS	= 1 << 7,	/* does not come back after a signal */
	ENDS	= 1 << 8,	/* its thread ends then */
	STRANGER = 1 << 9,	/* waits without the mutex, and is refused */
};

struct script {
	s8 process;
	u8 cycles;
	u16 does;
};

struct condvar_config {
	const char *name;
	u32 kind, flags;	/* of the mutex */
	u8 kills, unmaps, signals, ticks, gaps;
	struct script script[ACTORS];
};

enum actor_state {
	IDLE, LOCKS, HOLDS, SLEEPS, TAKES_BACK, INTERRUPTED, HELD_AGAIN, NOTIFIED, DONE,
};

struct actor {
	struct task_struct task;
	struct shs_waiter w;		/* on the mutex, before the wait */
	struct shs_ticket ticket;
	s8 process;
	u8 state, cycles;
	u16 does;
};

enum process_state { RUNS, KILLED, NO_USERS, RELEASED };

struct process {
	struct shs_attachment condvar, mutex;
	struct mm_struct mm;
	struct file mutex_file;
	struct shs_private head;	/* then the lane */
	u64 lane;
	u8 state;
};

struct condvar_world {
	struct shs_object condvar, mutex;
	struct shs_graph graph;
	struct shs_control control, mutex_control;
	struct shs_shared shared;
	struct process process[ACTORS];
	struct actor actor[ACTORS];
	u8 kills, unmaps, signals, ticks;
	bool dirty, lost;		/* of the mutex: as in world.h */
};

/* What a step changes of the credits by right. */
struct credit_step {
	u32 before;
	u32 given;	/* by notifies */
	u32 used;	/* by waits that returned */
	u32 dropped;	/* with their tickets; these go to others, if there are any ... */
	u32 added;	/* ... not to who began to wait after that */
	bool had[ACTORS];
};

extern struct condvar_world cv;
extern const struct condvar_config *cv_config;
extern struct credit_step cv_credit;

#define for_each_actor(a)	for (a = cv.actor; a < cv.actor + ACTORS; a++)
#define for_each_process(p)	for (p = cv.process; p < cv.process + ACTORS; p++)

void condvar_all(const struct condvar_config *c);
void condvar_random(const struct condvar_config *c, u64 seed, unsigned int steps);

struct process *cv_process(const struct actor *a);
char cv_name(const struct actor *a);
bool cv_has_ticket(const struct actor *a);
bool cv_has_credit(const struct actor *a);
u32 cv_credits(void);
/* Tickets that a notify can settle. */
u32 cv_queued(void);
/* The living owner or writer, or 0. */
u32 cv_owner(void);

void cv_check_begin(void);	/* of a step */
void cv_check(void);
void cv_show(void);

#endif
