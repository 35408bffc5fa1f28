/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who changes a value by memory, without a fence, calls the kernel only if somebody waits for
 * it (../await.c and the library's shs_tell_of_change()), on a machine that reorders
 * independent accesses as arm64 does.
 *
 *   here                  stands for
 *   waiter                SHS_OP_AWAIT_EQ of what all adders add together: shs_await_try(),
 *                         shs_await_enter(); its time may be up (shs_await_leave() and
 *                         shs_await_end()), and it waits anew
 *   adder                 the addition to its lane, and awaited; if it is not 0
 *                         SHS_OP_CHANGED.  It may be killed between the two
 *   fence                 the grace period, shs_await_fenced() and tell_all()
 *   tell                  shs_await_tell(): lane by lane, under the lock
 *
 * Memory as in lanes.pml: what a CPU stores it sees at once, the others when memory() has
 * made it known, in any order.  So a store that is not known yet also stands for a look at
 * awaited that was done too early.  Who drops a spinlock waits for its earlier stores; the
 * grace period waits, of each CPU at some time of its own, for all of them.
 *
 * Liveness: Spin finds no state in which a waiter sleeps though all has been added, and
 * nobody is on the way to see that.
 */
#include "broken.inc"

#define awaited_is_not_set		1
#define no_fence			2
#define fence_before_awaited		3
#define fence_tells_nobody		4
#define no_second_fence			5
#define death_tells_nobody		6
#define adder_does_not_look		7

/* Worlds to search. */
/* WORLD: -DADDERS=2 -DWAITERS=1 */
/* WORLD: -DADDERS=2 -DWAITERS=2 */

#define NOTHING	255		/* pending */
#define NOBODY	255		/* me, who has no lane */

byte lane[ADDERS], pending_lane[ADDERS] = NOTHING;
bool awaited;
byte pending_awaited = NOTHING;		/* of the lock's holder */
bool locked;				/* object->lock; [l] it protects: */
byte waiters;				/* [l] */
bool queued[WAITERS], settled[WAITERS];	/* [l] but settled is read without */
bool fencing, again;			/* [l] but fencing is what RCU was told */
byte timeouts;				/* that are still to come */
byte kills;
bool began;

active proctype memory() {
end:	do
	:: d_step { pending_lane[0] != NOTHING ->
		lane[0] = pending_lane[0]; pending_lane[0] = NOTHING }
	:: d_step { pending_lane[1] != NOTHING ->
		lane[1] = pending_lane[1]; pending_lane[1] = NOTHING }
	:: d_step { pending_awaited != NOTHING ->
		awaited = pending_awaited; pending_awaited = NOTHING }
	od
}

#define LOCK	atomic { !locked -> locked = true }
#define UNLOCK	atomic { pending_awaited == NOTHING && \
			 (me == NOBODY || pending_lane[me] == NOTHING) -> locked = false }

/* A CPU sees its own stores. */
#define LANE(a)	(me == a && pending_lane[a] != NOTHING -> pending_lane[a] : lane[a])

inline sum_up() {
	sum = LANE(0);
	sum = sum + LANE(1)
}

/* shs_await_leave() of each that is settled, too. */
inline settle_all() {
	i = 0;
	do
	:: i < WAITERS ->
		if
		:: queued[i] -> queued[i] = false; settled[i] = true
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	if
	:: waiters > 0 -> waiters = 0; pending_awaited = 0
	:: else
	fi
}

inline tell() {
	LOCK;
	sum_up();
	if
	:: sum == ADDERS -> d_step { settle_all() }
	:: else
	fi;
	sum = 0;
	UNLOCK
}

inline begin() {
	if
	:: waiters == 1 ->
		pending_awaited = (BROKEN(awaited_is_not_set) -> NOTHING : 1);
		if
		:: fencing -> again = !BROKEN(no_second_fence)
		:: else -> fencing = true
		fi
	:: else
	fi
}

proctype waiter(byte number) {
	byte i, sum, me = NOBODY;

wait:	LOCK;
	sum_up();
	if
	:: sum == ADDERS -> sum = 0; UNLOCK; goto end
	:: else -> sum = 0;
		atomic { queued[number] = true; waiters++ }
		begin();
		UNLOCK
	fi;
	if
	:: atomic { settled[number] -> goto end }
	:: atomic { timeouts > 0 && !settled[number] -> timeouts-- }
	fi;
	LOCK;
	if
	:: settled[number] -> UNLOCK; goto end
	:: else ->
		atomic {
			queued[number] = false;
			waiters--;
			if
			:: waiters == 0 -> pending_awaited = 0
			:: else
			fi
		}
		UNLOCK;
		goto wait
	fi;
end:	skip
}

proctype adder(byte me) {
	byte i, sum;

	pending_lane[me] = 1;
	if
	:: true
	:: atomic { kills > 0 -> kills--; goto die }
	fi;
	if
	:: awaited && !BROKEN(adder_does_not_look) -> tell()
	:: !awaited || BROKEN(adder_does_not_look)
	fi;
	goto end;
die:	pending_lane[me] == NOTHING;
	if
	:: BROKEN(death_tells_nobody)
	:: else -> tell()
	fi;
end:	skip
}

active proctype fence() {
	byte i, sum, me = NOBODY;

end:	do
	:: fencing ->
		if
		:: BROKEN(fence_before_awaited)
		:: else -> pending_awaited == NOTHING
		fi;
		if
		:: BROKEN(no_fence)
		:: else -> pending_lane[0] == NOTHING;
			pending_lane[1] == NOTHING
		fi;
		LOCK;
		atomic {
			fencing = again && waiters > 0;
			again = false
		}
		UNLOCK;
		if
		:: BROKEN(fence_tells_nobody)
		:: else -> tell()
		fi
	:: !fencing && began && _nr_pr == 3 -> break
	od
}

init {
	byte i;

	atomic {
		READ_BROKEN;
		select(kills : 0 .. 1);
		select(timeouts : 0 .. 2);
		i = 0;
		do
		:: i < WAITERS -> run waiter(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < ADDERS -> run adder(i); i++
		:: else -> break
		od;
		i = 0
	}
	began = true;
	_nr_pr <= 3;
	assert(waiters == 0)
}
