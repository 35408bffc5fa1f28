/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reader lanes with bias and wpending (DESIGN 7, ../rwlock.c), on a machine that
 * reorders independent accesses as arm64 does.
 *
 *   here                  stands for
 *   reader                user space: the lane marked as in use, lane++, full fence, bias
 *                         (acquire); or undo and SHS_IOC_LOCK.  lane-- (release), full fence, wpending; if set
 *                         a call that serves the queue.  Or SHS_IOC_UNLOCK does it all
 *   writer                SHS_IOC_LOCK and SHS_IOC_UNLOCK, and between them user space
 *   enter, leave          enter() and leave() of wait.c with rw_try() of rwlock.c
 *   pass                  rw_pass() with is_blocked(), has_readers(), enter_read() and
 *                         enter_write()
 *   die                   exit_mm(): no users of the mm, then vm_ops->close, shs_att_die()
 *                         and rw_repair()
 *   try_once              rw_try(): a writer that finds nobody queued turns bias off, then
 *                         looks for readers; a reader that is let in may turn it on again,
 *                         by offer(), which depends on the time too (inhibit())
 *   revoke                shs_rwlock_revoke(), there and in pass
 *
 * That a call marks the lane it counts in, upgradable reads, single operations, who
 * watches and the policies are left to ../tests.  So is that bias is off while somebody
 * queues: here each of the two that see to it, try and pass, makes up for the other.
 *
 * Memory: what a CPU stores it sees at once, the others when memory() has made it known,
 * in any order; a release waits for the earlier stores, a full fence for all of them.  A
 * load that nothing holds back may be done early: where such an order matters the broken
 * rule does it early, or late, beside the load in its place.  (arm64 is multi-copy
 * atomic, so local reordering is all there is.)  A spinlock is taken with acquire and
 * dropped with release, no more.  (What writers wrote all have seen before a reader can
 * take the lock after them and offer; the release of bias, B, is for other machines.)
 *
 * Safety is what the processes see of the value: a reader sees no half of a write, unless
 * it is told that a writer died; a writer sees all that the readers before it wrote.
 * Liveness: Spin finds no state in which nothing moves and somebody is not at its end.
 */
#include "broken.inc"

/* the reader's fences, and what the compiler's orders must be */
#define no_fence_in_lock		1
#define no_acquire_of_bias		2	/* WORLD 3 */
#define no_release_of_lane		3
#define reads_after_release_of_lane	4
#define no_fence_in_unlock		5
/* the writer's */
#define no_fence_before_scan		6
#define scans_before_wpending		7
#define scans_before_bias_is_off	8
#define no_acquire_after_scan		9
#define writer_does_not_revoke		10
/* the queue */
#define enter_does_not_pass		11
#define leaver_does_not_pass		12	/* WORLD 3 */
#define one_lane_is_scanned		13	/* WORLD 3 */
#define wpending_is_not_set		14
#define refused_does_not_call		15
/* death */
#define lanes_of_the_dead_stay		16
#define repair_does_not_pass		17
#define repaired_before_the_flush	18
#define bias_on_after_death		19
#define dead_writer_stays		20
/* lanes in use */
#define marks_when_inside		21

/* Worlds to search; the first small enough for make check. */
/* WORLD: -DREADERS=1 -DWRITERS=1 -DROUNDS=2 -DKILLS=1 */
/* WORLD: -DREADERS=1 -DWRITERS=2 -DROUNDS=1 -DKILLS=1 */
/* WORLD: -DREADERS=2 -DWRITERS=1 -DROUNDS=1 -DKILLS=1 */

#define ALL	(READERS + WRITERS)
#define NOTHING	255		/* pending */
#define NOBODY	255

/* The value that the lock guards, two words, and a word that each reader writes. */
byte value0, value1, note[READERS];
byte pending0 = NOTHING, pending1 = NOTHING, pending_note[READERS] = NOTHING;

byte lane[READERS], pending_lane[READERS] = NOTHING;
bool used[READERS];
byte pending_used[READERS] = NOTHING;
bool bias = true, wpending;
byte pending_bias = NOTHING, pending_wpending = NOTHING;	/* of the lock's holder */

bool locked;			/* object->lock; [l] it protects: */
byte queue[ALL], queued;	/* [l] readers from 0, then writers */
bool settled[ALL], told[ALL];	/* [l] but settled is read without */
byte writer = NOBODY;		/* [l] */
bool died;			/* [l] */
bool gone[ALL], dead[ALL];	/* no users of the mm; [l] repaired */

byte sections[READERS];		/* that were begun; for the assertion only */
byte early_note[READERS];	/* for a broken rule: what a writer read too early */
bool is_early;
byte kills, timeouts;		/* that are still to come */

active proctype memory() {
	byte r;

end:	do
	:: d_step { pending0 != NOTHING -> value0 = pending0; pending0 = NOTHING }
	:: d_step { pending1 != NOTHING -> value1 = pending1; pending1 = NOTHING }
	:: d_step { pending_bias != NOTHING -> bias = pending_bias; pending_bias = NOTHING }
	:: d_step { pending_wpending != NOTHING ->
		wpending = pending_wpending; pending_wpending = NOTHING }
	:: d_step { pending_lane[0] != NOTHING ->
		lane[0] = pending_lane[0]; pending_lane[0] = NOTHING }
	:: d_step { pending_note[0] != NOTHING ->
		note[0] = pending_note[0]; pending_note[0] = NOTHING }
	:: d_step { pending_used[0] != NOTHING -> used[0] = true; pending_used[0] = NOTHING }
#if READERS > 1
	:: d_step { pending_lane[1] != NOTHING ->
		lane[1] = pending_lane[1]; pending_lane[1] = NOTHING }
	:: d_step { pending_note[1] != NOTHING ->
		note[1] = pending_note[1]; pending_note[1] = NOTHING }
	:: d_step { pending_used[1] != NOTHING -> used[1] = true; pending_used[1] = NOTHING }
#endif
	od
}

#define DRAINED_KERNEL	(pending_bias == NOTHING && pending_wpending == NOTHING)
#define DRAINED_VALUE	(pending0 == NOTHING && pending1 == NOTHING)
#define DRAINED_READER(r) (pending_lane[r] == NOTHING && pending_note[r] == NOTHING && \
			   pending_used[r] == NOTHING)
/* All stores of process p, which holds the lock. */
#define DRAINED(p)	(DRAINED_KERNEL && \
			 ((p) < READERS -> DRAINED_READER(p) : DRAINED_VALUE))
#define LANE(r)		(pending_lane[r] != NOTHING -> pending_lane[r] : lane[r])

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

inline repair_writer(p) {
	dead[p] = true;
	died = true;
	writer = NOBODY
}

#define WRITER_IS_GONE (writer != NOBODY && gone[writer] && !BROKEN(dead_writer_stays))

/* busy: a lane of a live attachment is not zero.  me sees its own stores. */
inline scan_lane(r) {
	atomic {
		if
		:: r == me && LANE(r) != 0 -> busy = true
		:: r != me && used[r] && lane[r] != 0 && !dead[r] ->
			if
			:: gone[r] && !BROKEN(lanes_of_the_dead_stay) ->
				dead[r] = true;		/* shs_att_live() repairs it */
				lane[r] = 0
			:: else -> busy = true
			fi
		:: else
		fi
	}
}

inline scan() {
	busy = false;
#if READERS > 1
	if
	:: scan_lane(0);
		if
		:: busy || BROKEN(one_lane_is_scanned)
		:: else -> scan_lane(1)
		fi
	:: !BROKEN(one_lane_is_scanned) -> scan_lane(1);
		if
		:: busy
		:: else -> scan_lane(0)
		fi
	fi
#else
	scan_lane(0)
#endif
}

/* Bias is off, and all see it before the lanes are looked at. */
inline revoke() {
	if
	:: bias || pending_bias == 1 -> pending_bias = 0
	:: else
	fi;
	if
	:: BROKEN(no_fence_before_scan)
	:: else -> DRAINED(me)		/* fence A */
	fi
}

/* For a broken rule: what the writer will read is read before the lanes. */
inline look_early() {
	if
	:: BROKEN(no_acquire_after_scan) -> atomic {
		early_note[0] = note[0];
		early_note[READERS - 1] = note[READERS - 1];
		is_early = true }
	:: else
	fi
}

inline settle_head() {
	first = queue[0];
	dequeue(first);
	told[first] = died;
	if
	:: first < READERS -> lane[first]++
	:: else -> writer = first; died = false
	fi;
	settled[first] = true;
	first = 0
}

/* Serves the queue; the lock is held. */
inline pass() {
	do
	:: true ->
		if
		:: atomic { queued > 0 && WRITER_IS_GONE -> repair_writer(writer) }
		:: else
		fi;
		if
		:: queued == 0 ->
			if
			:: wpending || pending_wpending == 1 -> pending_wpending = 0
			:: else
			fi;
			break
		:: queued > 0 && queue[0] < READERS ->
			if
			:: wpending || pending_wpending == 1 -> pending_wpending = 0
			:: else
			fi;
			revoke();
			if
			:: writer != NOBODY -> break
			:: else -> DRAINED(me);		/* settles with release */
				d_step { settle_head() }
			fi
		:: else ->
			if
			:: BROKEN(scans_before_wpending)
			:: else -> pending_wpending = (BROKEN(wpending_is_not_set) -> NOTHING : 1)
			fi;
			if
			:: BROKEN(scans_before_bias_is_off)
			:: else -> revoke()
			fi;
			if
			:: writer != NOBODY -> pending_wpending =
				(BROKEN(scans_before_wpending) -> 1 : pending_wpending);
				break
			:: else
			fi;
			if
			:: queue[0] == me -> look_early()
			:: else
			fi;
			scan();
			if
			:: BROKEN(scans_before_wpending) -> pending_wpending = 1
			:: BROKEN(scans_before_bias_is_off) -> revoke()
			:: else
			fi;
			if
			:: busy -> is_early = false; break
			:: else -> DRAINED(me);
				d_step { settle_head() }
			fi
		fi
	od;
	busy = false
}

#define LOCK	atomic { !locked -> locked = true }

/* A reader at the head is never left waiting for nobody. */
inline unlock() {
	atomic {
		DRAINED(me) -> locked = false;
		assert(queued == 0 || queue[0] >= READERS || writer != NOBODY)
	}
}

/* First look, the lock is held: ret true if it owns. */
inline try_once() {
	ret = false;
	if
	:: atomic { queued == 0 && WRITER_IS_GONE -> repair_writer(writer) }
	:: else
	fi;
	if
	:: atomic { me < READERS && queued == 0 && writer == NOBODY ->
		/* atomic64_inc() on the lane, with what is pending there */
		pending_lane[me] = LANE(me) + 1;
		told[me] = died;
		ret = true };
		if
		:: true
		:: !bias && pending_bias == NOTHING && (!died || BROKEN(bias_on_after_death)) ->
			atomic { DRAINED(me) -> pending_bias = 1 }	/* B */
		fi
	:: me >= READERS && queued == 0 ->
		if
		:: BROKEN(writer_does_not_revoke) || BROKEN(scans_before_bias_is_off)
		:: else -> revoke()
		fi;
		if
		:: writer != NOBODY
		:: else -> look_early();
			scan();
			if
			:: BROKEN(scans_before_bias_is_off) -> revoke()
			:: else
			fi;
			if
			:: atomic { !busy ->
				writer = me; told[me] = died; died = false; ret = true }
			:: else -> busy = false; is_early = false
			fi
		fi
	:: else
	fi
}

/* Waits in the kernel: ret true if it owns. */
inline acquire() {
	LOCK;
	try_once();
	if
	:: ret
	:: atomic { !ret -> queue[queued] = me; queued++ }
	fi;
	if
	:: BROKEN(enter_does_not_pass)
	:: else -> pass()
	fi;
	unlock();
	if
	:: ret
	:: else ->
		if
		:: settled[me]
		:: atomic { timeouts > 0 && !settled[me] -> timeouts-- }
		:: atomic { kills > 0 -> kills--; killed = true }
		fi;
		LOCK;
		if
		:: settled[me] && !killed -> ret = true
		:: settled[me] && killed -> atomic {		/* gives the grant back */
			if
			:: me < READERS -> lane[me]--
			:: else -> writer = NOBODY; died = died || told[me]
			fi }
		:: else -> d_step { dequeue(me) }
		fi;
		settled[me] = false;
		if
		:: !ret && BROKEN(leaver_does_not_pass)
		:: else -> pass()
		fi;
		unlock()
	fi
}

inline call_to_pass() {
	LOCK;
	pass();
	unlock()
}

#define MAY_DIE	atomic { kills > 0 -> kills--; goto die }

proctype reader(byte me) {
	byte i, first, x, y, rounds = ROUNDS;
	bool busy, ret, killed, early;

	do
	:: rounds == 0 -> goto end
	:: else -> rounds--;
		told[me] = false;
		if
		:: used[me] || BROKEN(marks_when_inside)
		:: else -> pending_used[me] = 1
		fi;
		pending_lane[me] = LANE(me) + 1;
		if
		:: BROKEN(no_fence_in_lock)
		:: else -> DRAINED_READER(me)
		fi;
		if
		:: BROKEN(no_acquire_of_bias) -> x = value0; y = value1; early = true
		:: true
		:: MAY_DIE
		fi;
		if
		:: bias
		:: else ->
			early = false;
			pending_lane[me] = LANE(me) - 1;
			if
			:: BROKEN(refused_does_not_call) -> goto next
			:: !BROKEN(refused_does_not_call)
			:: MAY_DIE
			fi;
			acquire();
			if
			:: killed -> goto die
			:: !killed && !ret -> goto next
			:: else
			fi
		fi;
		/* inside */
		if
		:: BROKEN(marks_when_inside) && !used[me] -> pending_used[me] = 1
		:: else
		fi;
		atomic { sections[me]++; pending_note[me] = sections[me] }
		if
		:: early
		:: !early && BROKEN(reads_after_release_of_lane)
		:: !early && !BROKEN(reads_after_release_of_lane) ->
			if
			:: x = value0; y = value1
			:: MAY_DIE
			fi
		fi;
		early = false;
		if
		:: LOCK;			/* SHS_IOC_UNLOCK */
			assert(x == y || told[me]);
			pending_lane[me] = LANE(me) - 1;
			pass();
			unlock();
			atomic { x = 0; y = 0; goto next }
		:: true				/* by itself */
		fi;
		if
		:: BROKEN(no_release_of_lane)
		:: else -> pending_note[me] == NOTHING
		fi;
		pending_lane[me] = LANE(me) - 1;
		if
		:: BROKEN(reads_after_release_of_lane) -> x = value0; y = value1
		:: else
		fi;
		assert(x == y || told[me]);
		atomic { x = 0; y = 0 }
		if
		:: BROKEN(no_fence_in_unlock)
		:: else -> DRAINED_READER(me)
		fi;
		if
		:: wpending -> call_to_pass()
		:: !wpending
		:: MAY_DIE
		fi;
next:		skip
	od;
die:
	if
	:: BROKEN(repaired_before_the_flush)
	:: else -> DRAINED_READER(me)
	fi;
	gone[me] = true;
	LOCK;
	if
	:: !dead[me] && !BROKEN(lanes_of_the_dead_stay) ->
		atomic { dead[me] = true; lane[me] = 0 }
	:: else
	fi;
	if
	:: BROKEN(repair_does_not_pass)
	:: else -> pass()
	fi;
	unlock();
end:	skip
}

proctype writer_process(byte me) {
	byte i, first, rounds = ROUNDS;
	bool busy, ret, killed;

	do
	:: rounds == 0 -> goto end
	:: else -> rounds--;
		acquire();
		if
		:: killed -> goto die
		:: !killed && !ret -> goto next
		:: else
		fi;
		i = 0;
		do
		:: i < READERS ->
			assert((is_early -> early_note[i] : note[i]) == sections[i]);
			i++
		:: else -> break
		od;
		atomic { i = 0; is_early = false }
		pending0 = rounds + 1 + me * 10;
		if
		:: true
		:: MAY_DIE
		fi;
		pending1 = rounds + 1 + me * 10;
		LOCK;
		writer = NOBODY;
		pass();
		unlock();
next:		skip
	od;
die:
	DRAINED_VALUE;
	gone[me] = true;
	LOCK;
	if
	:: writer == me && !BROKEN(dead_writer_stays) -> atomic { repair_writer(me) }
	:: else
	fi;
	if
	:: BROKEN(repair_does_not_pass)
	:: else -> pass()
	fi;
	unlock();
end:	skip
}

init {
	byte i;

	atomic {
		READ_BROKEN;
		select(kills : 0 .. KILLS);
		select(timeouts : 0 .. 1);
		i = 0;
		do
		:: i < READERS -> run reader(i); i++
		:: i >= READERS && i < ALL -> run writer_process(i); i++
		:: else -> break
		od;
		i = 0
	}
	_nr_pr == 2;
	assert(queued == 0 && writer == NOBODY)
}
