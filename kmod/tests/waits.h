/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The system calls that wait, taken out of ../wait.c, ../condwait.c and ../op.c as they
 * are, and cut where they sleep: each of these runs up to there (-EBUSY) or to the end.
 * How a sleep ended is what the next one is called with.
 */
#ifndef _SHS_TESTS_WAITS_H
#define _SHS_TESTS_WAITS_H

#include "core.h"

/* shs_acquire() by current; -EBUSY: w is queued, or if it may not wait, must not be. */
int waits_enter(struct shs_object *obj, struct shs_waiter *w, bool may_wait);
int waits_leave(struct shs_object *obj, struct shs_waiter *w, int slept);
void shs_release_waiter(struct shs_object *obj, struct shs_waiter *w);

/* An open file, of which only the references are of interest. */
struct file {
	int count;
};

/*
 * condwait() by current, which keeps its ticket in memory; go_on: it was cut in a sleep on
 * *on, which ended with slept; else started is the caller's.  Where it is cut now: *on.
 */
struct condwait_call {
	struct shs_attachment *condvar, *mutex;
	struct file *mutex_file;
	void *memory;
	const struct shs_waiter *on;
	bool started, go_on;
	int slept;
};

int waits_condwait(struct condwait_call *call);
void shs_tickets_free(struct shs_attachment *att);

/* Its parts, for tests that call them step by step. */
int waits_release_mutex(struct shs_attachment *att);
int waits_sleep_on_ticket(struct shs_attachment *att, struct shs_ticket *t, int slept);
void waits_drop_abandoned(struct shs_attachment *att);

/*
 * What other CPUs do while a wait has its ticket, and the mutex too, at its beginning and
 * at its end; or NULL.
 */
extern void (*waits_gap)(void);

/* Of a single operation that holds the value. */
int waits_check_notice(struct shs_object *obj, bool writes, bool recovers, bool *notice);

#endif
