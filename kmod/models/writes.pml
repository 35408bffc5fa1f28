/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A writer who gives a rwlock back, or reads on, by his own word (../rwlock.c), on a
 * machine that reorders independent accesses as arm64 does.
 *
 *   here                  stands for
 *   process               SHS_IOC_LOCK to write, and user space: what it writes, perhaps
 *                         lane++, then WRITES -> 0 (release); or SHS_IOC_UNLOCK, CONVERT
 *   must_call             must_call() of rwlock.c: WRITES -> WRITES_CALL
 *   pass                  rw_pass() with is_blocked() and enter_write()
 *   die                   as in lanes.pml
 *
 * Readers who enter by their lane, and bias, are in lanes.pml; who watches and the
 * policies are left to ../tests.  Memory is as there.
 *
 * Safety is what the processes see: a writer, or who reads on, finds what the last writer
 * wrote, whole, unless he is told that one died; and is told of that only.  Liveness: Spin
 * finds no state in which nothing moves and somebody is not at his end.
 */
#include "broken.inc"

#define no_release_of_word		1
#define no_acquire_of_word		2
#define scans_before_word		3
#define counts_after_leaving		4
#define leaves_by_store			5
#define contender_does_not_tell		6
#define left_is_a_death			7
#define repaired_before_the_flush	8

/* Worlds to search; the first small enough for make check. */
/* WORLD: -DPROCESSES=2 -DROUNDS=2 -DKILLS=1 */
/* WORLD: -DPROCESSES=3 -DROUNDS=1 -DKILLS=1 */

#define NOTHING	255		/* pending */
#define NOBODY	255
#define LEFT	0
#define ALONE	1		/* SHS_WRITES */
#define CALLS	2		/* SHS_WRITES_CALL */

byte value0, value1;
byte pending0[PROCESSES] = NOTHING, pending1[PROCESSES] = NOTHING;
byte lane[PROCESSES], pending_lane[PROCESSES] = NOTHING;
byte word[PROCESSES];

bool locked;			/* object->lock; [l] it protects: */
byte queue[PROCESSES], queued;	/* [l] */
bool settled[PROCESSES], told[PROCESSES];	/* [l] but settled is read without */
byte writer = NOBODY;		/* [l] */
bool died;			/* [l] */
bool gone[PROCESSES], dead[PROCESSES];	/* no users of the mm; [l] repaired */
byte kills;			/* that are still to come */

/* For the assertions only. */
byte written;			/* what the last writer wrote, or was about to */
bool writes[PROCESSES];
byte deaths;			/* of writers, that nobody was told of */

active proctype memory() {
	byte p;

end:	do
	:: d_step { pending0[0] != NOTHING -> value0 = pending0[0]; pending0[0] = NOTHING }
	:: d_step { pending1[0] != NOTHING -> value1 = pending1[0]; pending1[0] = NOTHING }
	:: d_step { pending_lane[0] != NOTHING ->
		lane[0] = pending_lane[0]; pending_lane[0] = NOTHING }
	:: d_step { pending0[1] != NOTHING -> value0 = pending0[1]; pending0[1] = NOTHING }
	:: d_step { pending1[1] != NOTHING -> value1 = pending1[1]; pending1[1] = NOTHING }
	:: d_step { pending_lane[1] != NOTHING ->
		lane[1] = pending_lane[1]; pending_lane[1] = NOTHING }
#if PROCESSES > 2
	:: d_step { pending0[2] != NOTHING -> value0 = pending0[2]; pending0[2] = NOTHING }
	:: d_step { pending1[2] != NOTHING -> value1 = pending1[2]; pending1[2] = NOTHING }
	:: d_step { pending_lane[2] != NOTHING ->
		lane[2] = pending_lane[2]; pending_lane[2] = NOTHING }
#endif
	od
}

#define DRAINED	(pending0[me] == NOTHING && pending1[me] == NOTHING && \
		 pending_lane[me] == NOTHING)
#define VALUE0	(pending0[me] != NOTHING -> pending0[me] : value0)
#define VALUE1	(pending1[me] != NOTHING -> pending1[me] : value1)
#define LOCK	atomic { !locked -> locked = true }
#define UNLOCK	atomic { DRAINED -> locked = false }

inline dequeue(p) {
	i = 0;
	do
	:: queue[i] != p -> i++
	:: else -> break
	od;
	do
	:: i + 1 < queued -> queue[i] = queue[i + 1]; i++
	:: else -> break
	od;
	queued--;
	queue[queued] = 0;
	i = 0
}

inline repair(p) {
	dead[p] = true;
	lane[p] = 0;
	if
	:: writer == p ->
		died = died || word[p] != LEFT || BROKEN(left_is_a_death);
		writer = NOBODY
	:: else
	fi
}

/* busy: somebody writes, and will call. */
inline must_call() {
	d_step {
		busy = false;
		if
		:: writer == NOBODY
		:: writer != NOBODY && gone[writer] -> repair(writer)
		:: writer != NOBODY && !gone[writer] && word[writer] == LEFT -> writer = NOBODY
		:: else -> busy = true;
			if
			:: BROKEN(contender_does_not_tell)
			:: else -> word[writer] = CALLS
			fi
		fi
	}
}

/* busy: somebody reads on. */
inline scan_lane(p) {
	d_step {
		if
		:: lane[p] != 0 && gone[p] -> repair(p)
		:: lane[p] != 0 && !gone[p] -> busy = true
		:: else
		fi
	}
}

inline scan() {
	scan_lane(0);
	scan_lane(1);
#if PROCESSES > 2
	scan_lane(2)
#endif
}

/* For a broken rule: what the next writer will read is read before the word. */
inline look_early() {
	if
	:: BROKEN(no_acquire_of_word) -> x = VALUE0; y = VALUE1; early = true
	:: else
	fi
}

inline is_blocked() {
	if
	:: BROKEN(scans_before_word) -> busy = false;
		scan();
		if
		:: busy
		:: else -> must_call()
		fi
	:: else -> must_call();
		if
		:: busy
		:: else -> scan()
		fi
	fi
}

inline grant(p) {
	writer = p;
	word[p] = ALONE;
	told[p] = died;
	died = false;
	writes[p] = true
}

/* Serves the queue; the lock is held. */
inline pass() {
	do
	:: queued == 0 -> break
	:: else -> is_blocked();
		if
		:: busy -> break
		:: else -> atomic { DRAINED ->
			first = queue[0];
			dequeue(first);
			grant(first);
			settled[first] = true;
			first = 0 }
		fi
	od;
	busy = false
}

#define MAY_DIE	atomic { kills > 0 -> kills--; goto die }

inline acquire() {
	LOCK;
	ret = false;
	if
	:: queued == 0 -> look_early();
		is_blocked();
		if
		:: busy -> early = false
		:: else -> d_step { grant(me); ret = true }
		fi
	:: else
	fi;
	if
	:: ret
	:: else -> queue[queued] = me; queued++
	fi;
	pass();
	UNLOCK;
	if
	:: ret
	:: else ->
		if
		:: settled[me]
		:: atomic { kills > 0 -> kills--; killed = true }
		fi;
		LOCK;
		if
		:: settled[me] && !killed
		:: settled[me] && killed -> d_step {		/* gives the grant back */
			writer = NOBODY;
			word[me] = LEFT;
			writes[me] = false;
			died = died || told[me] }
		:: else -> d_step { dequeue(me) }
		fi;
		settled[me] = false;
		pass();
		UNLOCK
	fi
}

/* left: by the word alone. */
inline leave() {
	if
	:: BROKEN(no_release_of_word)
	:: else -> DRAINED
	fi;
	d_step {
		left = word[me] == ALONE || BROKEN(leaves_by_store);
		word[me] = (left -> LEFT : word[me]);
		writes[me] = writes[me] && !left
	}
}

inline look() {
	if
	:: early
	:: else -> x = VALUE0; y = VALUE1
	fi;
	assert(x == written && y == written);
	atomic { early = false; x = 0; y = 0 }
}

proctype process(byte me) {
	byte i, first, x, y, rounds = ROUNDS;
	bool busy, ret, killed, early, left;

	do
	:: rounds == 0 -> goto end
	:: else -> rounds--;
		acquire();
		if
		:: killed -> goto die
		:: else
		fi;
		if
		:: told[me] -> atomic { assert(deaths > 0); deaths-- }
		:: else -> assert(deaths == 0); look()
		fi;
		atomic { early = false; x = 0; y = 0; told[me] = false;
			 written++; pending0[me] = written }
		if
		:: true
		:: MAY_DIE
		fi;
		pending1[me] = written;
		if
		:: true ->				/* writes no more */
			leave();
			if
			:: left
			:: else -> LOCK;
				d_step { writer = NOBODY; word[me] = LEFT; writes[me] = false }
				pass();
				UNLOCK
			fi
		:: true ->				/* reads on */
			if
			:: BROKEN(counts_after_leaving)
			:: else -> pending_lane[me] = 1
			fi;
			if
			:: true
			:: MAY_DIE
			fi;
			leave();
			if
			:: left && BROKEN(counts_after_leaving) -> pending_lane[me] = 1
			:: left && !BROKEN(counts_after_leaving)
			:: else -> pending_lane[me] = 0;
				LOCK;
				pending_lane[me] = NOTHING;
				d_step { writer = NOBODY; word[me] = LEFT; writes[me] = false;
					 lane[me] = 1 }
				pass();
				UNLOCK
			fi;
			look();
			if
			:: true
			:: MAY_DIE
			fi;
			LOCK;				/* bias is off: by SHS_IOC_UNLOCK */
			pending_lane[me] = NOTHING;
			lane[me] = 0;
			pass();
			UNLOCK
		fi;
		left = false
	od;
die:
	if
	:: BROKEN(repaired_before_the_flush)
	:: else -> DRAINED
	fi;
	d_step { gone[me] = true; deaths = deaths + writes[me]; writes[me] = false }
	LOCK;
	if
	:: !dead[me] -> d_step { repair(me) }
	:: else
	fi;
	pass();
	UNLOCK;
end:	skip
}

init {
	byte i;

	atomic {
		READ_BROKEN;
		select(kills : 0 .. KILLS);
		i = 0;
		do
		:: i < PROCESSES -> run process(i); i++
		:: else -> break
		od;
		i = 0
	}
	_nr_pr == 2;
	assert(queued == 0)
}
