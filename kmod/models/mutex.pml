/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mutex word (../mutex.c), its waiters (../wait.c, ../core.c) and its users, with the
 * poison policy "report".  (The other policies and recursion: ../tests.)
 *
 *   here and in word.inc  stands for
 *   fast lock and unlock  the two compare-and-swaps of user space, 0 -> id, id -> 0
 *   word_try              word_try() of mutex.c
 *   word_pass             word_pass() with hand_off(), and shs_kick_head() of core.c;
 *                         no W (WBIT) while the head is kicked;
 *                         whether the head is old enough for a hand-off is left open
 *   free_word             free_word(), by word_release() and word_repair()
 *   owned, repair         owned() of mutex.c, shs_att_live() and repair() of core.c
 *   enter, leave          those of wait.c; between them a sleep that ends by a reason
 *                         to wake, at the deadline, or by SIGKILL
 *   die                   exit_mm(): first the mm has no users, then vm_ops->close and
 *                         in it shs_att_die()
 *   single                a single operation by the kernel, shs_op_run() of op.c
 *
 * A kernel operation runs under object->lock, and beside it only user space changes
 * the word.  So its steps are its changes of the word: a read and the compare-and-swap
 * that succeeds on it are one, for one that fails reads again.  Where something broken
 * stores without comparing, the read is a step of its own.  In the order of the
 * program: every access is a compare-and-swap, or under the lock.
 *
 * Safety: one at most is inside; whoever gets in is told of a death exactly if an
 * owner died since somebody was told; no fast path succeeds while K is set.
 * Liveness: Spin finds no state in which nothing moves and somebody is not at its end;
 * and at the end of all nobody owns the word.  (How many kills and timeouts there are
 * is chosen first: one that could still come would be a way out for whoever is stuck.)
 */
/* rule 1: an unlock with waiters is one kernel operation */
#define unlock_stores_then_wakes	1
/* rule 2: the user's compare-and-swaps take exactly 0 and exactly id */
#define lock_takes_owner_part_0		2
#define lock_takes_kernel_bit		3
#define unlock_takes_waiters_bit	4
/* rule 3: who leaves passes on */
#define leaver_does_not_pass		5
#define killed_keeps_grant		6
#define repair_does_not_pass		7
#define release_does_not_pass		8
/* rule 4: W is set by a compare-and-swap after the waiter queued, before it sleeps */
#define waiters_bit_stored_blindly	9
#define waiters_bit_not_set		10
/* what the kernel writes over the word */
#define repair_stores_blindly		11
#define take_forgets_kernel_bit		12
#define handoff_forgets_kernel_bit	13
#define release_forgets_kernel_bit	14
/* the notice of a death */
#define repair_without_notice		15
#define returned_without_notice		16	/* WORLD 3 */
#define handoff_without_notice		17
#define kick_without_notice		18
#define notice_is_kept			19
#define single_operation_eats_notice	20	/* WORLD 2 */

/*
 * Not in the list, for the code heals it: a lock that takes the word with W, or a take
 * or hand-off that forgets W.  The head that was kicked, or the waiter that was handed
 * the lock, calls pass before it returns, and that sets W again.
 */

/* Worlds to search; the first small enough for make check. */
/* WORLD: -DROUNDS=1 -DKILLS=1 -DSINGLES=0 */
/* WORLD: -DUSERS=2 -DROUNDS=2 -DKILLS=1 */
/* WORLD: -DROUNDS=1 -DKILLS=2 -DSINGLES=0 */
/* WORLD: -DROUNDS=1 -DKILLS=1 */
/* WORLD: -DUSERS=2 -DROUNDS=2 -DKILLS=2 */

#ifndef USERS
#define USERS	3
#endif
#ifndef ROUNDS
#define ROUNDS	2
#endif
#ifndef KILLS
#define KILLS	2
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 1
#endif
#ifndef SINGLES
#define SINGLES	1
#endif

#define WAITERS	(USERS + 1)
#define HAS_DEADLINE(w) true
#include "word.inc"

byte inside;			/* for the assertions only */
bool news;			/* an owner died, nobody was told */

proctype user(byte me) {
	byte old, i, first, rounds = ROUNDS;
	bool own;
	mtype ret = OK;

	do
	:: atomic { rounds == 0 -> goto end }
	:: atomic { rounds > 0 &&			/* fast lock */
		    (word & ~((BROKEN(lock_takes_owner_part_0) -> W | D : 0) |
			      (BROKEN(lock_takes_kernel_bit) -> K : 0))) == 0 ->
		rounds--;
		assert(!fifo && !kernel_only);
		word = me;
		goto owns }
	:: atomic { rounds > 0 -> rounds-- }		/* that failed, or nobody tried it */
		acquire(me);
		if
		:: atomic { ret == OK || ret == OWNERDEAD -> goto owns }
		:: atomic { ret == TIMEDOUT -> ret = OK }
		:: atomic { ret == KILLED -> goto die }
		fi;
		goto next;
owns:
		atomic {
			inside++;
			assert(inside == 1);
			assert((ret == OWNERDEAD) == news);
			news = false;
			ret = OK
		}
		if
		:: atomic { kills > 0 -> kills--; inside--; news = true; goto die }
		:: atomic { (word == me || (BROKEN(unlock_takes_waiters_bit) &&
					    (word & ~W) == me)) &&	/* fast unlock */
			    !BROKEN(unlock_stores_then_wakes) ->
			assert(!fifo && !kernel_only);
			inside--;
			word = 0 }
		:: atomic { !locked && (!BROKEN(unlock_stores_then_wakes) || (word & K)) ->
			inside--;
			release(me) }
		:: atomic { BROKEN(unlock_stores_then_wakes) && !(word & K) ->
			inside--;
			old = word & W }
			word = 0;
			atomic { old == 0 || !locked ->
				if
				:: old != 0 && queued > 0 -> kicked[queue[0]] = true
				:: else
				fi;
				old = 0 }
		fi;
next:		skip
	od;
die:
	gone[me] = true;
	atomic {
		!locked -> repair(me);
		if
		:: !BROKEN(repair_does_not_pass) -> word_pass()
		:: else
		fi
	}
end:
	ret = OK
}

#if SINGLES > 0
proctype single() {
	byte me = SINGLE, old, i, first, rounds = SINGLES;
	bool own;
	mtype ret = OK;

	do
	:: rounds == 0 -> break
	:: else ->
		rounds--;
		acquire(me);
		if
		:: atomic { ret == OK -> inside++; assert(inside == 1) }
			atomic { !locked -> inside--; release(me) }
		:: else
		fi;
		ret = OK
	od
}
#endif

init {
	byte i;

	atomic {
		READ_BROKEN;
		select(kills : 0 .. KILLS);
		select(timeouts : 0 .. TIMEOUTS);
		if
		:: true
		:: fifo = true; word = K
		:: kernel_only = true; word = K
		fi;
		i = 1;
		do
		:: i <= USERS -> run user(i); i++
		:: else -> break
		od;
#if SINGLES > 0
		run single();
#endif
		i = 0
	}
	_nr_pr == 1;
	assert((word & OWNER) == 0);
	assert(queued == 0 && inside == 0)
}
