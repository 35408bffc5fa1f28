/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who changes an element of an atomic calls the kernel only if somebody waits (../atomic.c
 * and the library's atomic.c), on a machine that reorders independent accesses as arm64
 * does.
 *
 *   here                  stands for
 *   waiter                SHS_OP_WAIT: atomic_try() writes how many will wait, a full fence
 *                         (C), and looks at the element; if it differs, atomic_pass()
 *                         writes how many do
 *   notifier              the store of another number, full fence, waiting; if it is not 0
 *                         SHS_OP_NOTIFY
 *
 * Memory as in lanes.pml: what a CPU stores it sees at once, the others when memory() has
 * made it known, in any order; a full fence waits for the earlier stores, and so does who
 * drops a spinlock.
 *
 * Liveness: Spin finds no state in which a waiter sleeps though the element was changed
 * and its change was notified of.
 */
#include "broken.inc"

#define no_fence_after_waiting		1
#define no_fence_before_waiting		2
#define looks_before_waiting		3
#define refused_takes_others_away	4	/* WORLD 2 */

/* Worlds to search. */
/* WORLD: -DWAITERS=1 */
/* WORLD: -DWAITERS=2 */

#define NOTHING	255		/* pending */

byte element, pending_element = NOTHING;
byte waiting, pending_waiting = NOTHING;	/* of the lock's holder */
bool locked;					/* object->lock */
byte queued;					/* under it */
byte woken;

active proctype memory() {
end:	do
	:: d_step { pending_element != NOTHING ->
		element = pending_element; pending_element = NOTHING }
	:: d_step { pending_waiting != NOTHING ->
		waiting = pending_waiting; pending_waiting = NOTHING }
	od
}

#define LOCK	atomic { !locked -> locked = true }
#define UNLOCK	atomic { pending_waiting == NOTHING -> locked = false }

proctype waiter() {
	bool differs;

	LOCK;
	if
	:: BROKEN(looks_before_waiting) -> differs = element != 0
	:: else
	fi;
	pending_waiting = queued + 1;
	if
	:: BROKEN(no_fence_after_waiting) || BROKEN(looks_before_waiting)
	:: else -> pending_waiting == NOTHING	/* C */
	fi;
	if
	:: BROKEN(looks_before_waiting)
	:: else -> differs = element != 0
	fi;
	if
	:: differs -> pending_waiting = (BROKEN(refused_takes_others_away) -> 0 : queued);
		UNLOCK
	:: else -> queued++;
		UNLOCK;
		atomic { woken > 0 -> woken-- }
	fi
}

/* Two changes, so that one can meet each state of the other side. */
proctype notifier() {
	byte n;

	do
	:: n == 2 -> break
	:: else -> n++;
		pending_element = n;
		if
		:: BROKEN(no_fence_before_waiting)
		:: else -> pending_element == NOTHING
		fi;
		if
		:: waiting == 0
		:: else -> LOCK;
			atomic {
				woken = woken + queued;
				queued = 0;
				pending_waiting = 0
			}
			UNLOCK
		fi
	od
}

init {
	byte i;

	atomic {
		READ_BROKEN;
		do
		:: i < WAITERS -> run waiter(); i++
		:: else -> break
		od;
		run notifier();
		i = 0
	}
	_nr_pr == 2;
	assert(queued == 0)
}
