/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tickets of a condition variable and their requeueing to the mutex (../condvar.c,
 * ../condwait.c), over the mutex of word.inc.
 *
 *   here                  stands for
 *   waiter                a process in SHS_IOC_WAIT: begin, sleep_on_ticket, take_back,
 *                         end_requeue, ticket_end of condwait.c; after a signal it calls again
 *                         (resume), or does not, and its ticket is dropped by its next
 *                         wait (drop_abandoned) or by its end; until then it may use
 *                         up a notify, so no process here does something else for ever
 *   notifier              takes the mutex, changes what they wait for, notifies one or
 *                         all, with the mutex held or after its release
 *   notify                shs_condvar_notify() with requeue() and is_left_behind(), for one or
 *                         all: both locks held, one pass of the mutex's queue at its end
 *   ticket_drop, forgo    shs_ticket_drop(), shs_ticket_forgo()
 *   unmapper              a thread that unmaps a waiter's attachment to the condvar or
 *                         to the mutex under it: vm_ops->close, condvar_repair()
 *   die                   the end of a process: both attachments close, in any order
 *   gone                  PF_EXITING of its thread, and a little later no users of its mm:
 *                         here both at once
 *   refused               the release of the mutex fails (-EPERM, or -EDEADLK of one held
 *                         twice): the wait ends before it began
 *
 * A condvar operation runs under the condvar's lock, and where it touches the mutex
 * under that lock too, the condvar's first; each is one step.  A signal or SIGKILL that
 * finds the ticket settled is seen at the next sleep, if there is one: here it comes then,
 * or not; and a sleeper that was requeued may go on to that sleep for one that may come.
 * A process has one thread, so one ticket; the mutex is a mutex.
 *
 * Safety: one at most is inside the mutex; a wait returns as notified exactly as often
 * as notifies found a ticket, less those that died with nobody left to pass them to:
 * none is lost, none counts twice, none comes from nowhere.  A wait whose notify was
 * passed on by the end of the attachment returns -ENXIO, so not as notified.
 * Liveness: when nothing moves any more, who has not come to his end sleeps on a ticket
 * that nobody notified, and began that wait after the last change was announced to all.
 */
/* word.inc: rule 3, who leaves passes on */
#define leaver_does_not_pass		1
#define killed_keeps_grant		2
/* the ticket */
#define mutex_released_before_ticket	3
#define killed_keeps_notify		4
#define abandoned_keeps_notify		5
#define expired_stays_queued		6
#define expired_passes			7	/* WORLD 3 */
#define deadline_beats_notify		8
#define signal_leaves_the_queue		9
#define return_passes			10
#define refused_keeps_notify		11
/* death */
#define repair_keeps_notify		12
#define repair_passes_and_drop_too	13
#define closed_and_interrupted_keeps	14	/* WORLD 2 */
#define told_as_it_woke			15	/* WORLD 2 */
#define told_before_the_end		16	/* WORLD 2 */
/* the requeue */
#define requeued_without_pass		17
#define requeued_without_sleeper	18
#define requeued_before_release		19
#define requeued_for_the_dead		20	/* WORLD 2 */
#define all_but_one_forgotten		21

/*
 * Not in the list, for the code heals it: an end of the attachment that passes on the
 * notify of a requeued ticket too, whose sleeper then returns -ENXIO; and a notify for
 * somebody left behind, which the end of his attachment passes on.
 */

/*
 * Worlds to search; the first small enough for make check.  EVENTS: so many at most of
 * kill, signal, deadline and refusal.
 */
/* WORLD: -DPROCESSES=3 -DNOTIFIES=1 -DEVENTS=1 -DUNMAPS=0 */
/* WORLD: -DPROCESSES=3 -DNOTIFIES=1 -DEVENTS=1 -DUNMAPS=1 */
/* WORLD: -DPROCESSES=3 -DNOTIFIES=1 -DEVENTS=2 -DUNMAPS=0 */
/* WORLD: -DPROCESSES=3 -DNOTIFIES=2 -DEVENTS=1 -DUNMAPS=0 */
/* WORLD: -DPROCESSES=4 -DNOTIFIES=1 -DEVENTS=0 -DUNMAPS=0 */

/* word.inc's other rules are mutex.pml's to break */
#define NEVER	255
#define release_does_not_pass		NEVER
#define waiters_bit_stored_blindly	NEVER
#define waiters_bit_not_set		NEVER
#define repair_stores_blindly		NEVER
#define take_forgets_kernel_bit		NEVER
#define handoff_forgets_kernel_bit	NEVER
#define release_forgets_kernel_bit	NEVER
#define repair_without_notice		NEVER
#define returned_without_notice		NEVER
#define handoff_without_notice		NEVER
#define kick_without_notice		NEVER
#define notice_is_kept			NEVER
#define single_operation_eats_notice	NEVER

#define WAITERS	(PROCESSES + 1)	/* 0 is nobody here */
/* What takes the mutex back has none. */
#define HAS_DEADLINE(w)	(ticket[w] == NONE)
#include "word.inc"

mtype = { NONE, WAITING, NOTIFIED, EXPIRED, ENDED };

/* A process has one ticket at most, so it goes by the process. */
byte tickets[WAITERS], in_queue;	/* the condvar's queue; under its lock, as all here */
mtype ticket[WAITERS] = NONE;		/* ENDED: result -ENXIO */
bool sleeper[WAITERS];			/* ticket.w.task: somebody sleeps on it */
bool woken[WAITERS];			/* that one was woken by the notify itself */
bool requeued[WAITERS];			/* waits by ticket.again in the mutex's queue */
bool closed[WAITERS];			/* the attachment to the condvar is dead */

byte inside;				/* for the assertions only */
byte notified;				/* notifies on their way to somebody */
bool announced;				/* the change was made and all were notified */
byte unmaps, refusals;			/* that are still to come */
byte begins;				/* who has a ticket and still the mutex */

#define FREE	(!locked)		/* both locks */

inline take_out(p) {
	j = 0;
	do
	:: tickets[j] != p -> j++
	:: else -> break
	od;
	do
	:: j + 1 < in_queue -> tickets[j] = tickets[j + 1]; j++
	:: else -> break
	od;
	in_queue--;
	tickets[in_queue] = 0;
	j = 0
}

/* Its sleeper, if it has one, now waits for the mutex. */
inline requeue(p) {
	if
	:: (sleeper[p] || BROKEN(requeued_without_sleeper)) &&
	   (!dead[p] || BROKEN(requeued_for_the_dead)) ->
		sleeper[p] = false;
		if
		:: n > 0 && BROKEN(all_but_one_forgotten)
		:: else ->
			requeued[p] = true;
			queue_tail(p)
		fi
	:: else -> woken[p] = true
	fi
}

/* The longest waiting ticket, or all; fresh: else it is a notify that is passed on. */
inline notify(all, fresh) {
	if
	:: in_queue > 0 ->
		do
		:: in_queue > 0 && (n == 0 || (all)) ->
			t = tickets[0];
			take_out(t);
			if
			:: !sleeper[t] && gone[t] -> ticket[t] = ENDED	/* left behind */
			:: else ->
				ticket[t] = NOTIFIED;
				requeue(t);
				n++
			fi;
			t = 0
		:: else -> break
		od;
		if
		:: BROKEN(requeued_without_pass)
		:: else -> word_pass()
		fi
	:: else
	fi;
	notified = notified + n - !(fresh);
	n = 0
}

/* A notify that p's ticket has goes to the next. */
inline forgo(p) {
	if
	:: ticket[p] == NOTIFIED -> ticket[p] = ENDED; notify(false, false)
	:: else
	fi
}

/* Takes p's ticket out of everything; pass_on: an unused notify goes to the next. */
inline ticket_drop(p, pass_on) {
	if
	:: ticket[p] == WAITING -> take_out(p)
	:: (ticket[p] == NOTIFIED && (pass_on)) ||
	   (ticket[p] == NOTIFIED && !(pass_on) && BROKEN(return_passes)) ||
	   (ticket[p] == EXPIRED && (pass_on) && BROKEN(expired_passes)) ||
	   (ticket[p] == ENDED && (pass_on) && BROKEN(repair_passes_and_drop_too)) ->
		notify(false, false)
	:: else
	fi;
	ticket[p] = NONE;
	woken[p] = false;
	sleeper[p] = false
}

/* The condvar's attachment dies: condvar_repair() */
inline close_condvar(p) {
	if
	:: !closed[p] ->
		closed[p] = true;
		if
		:: ticket[p] == WAITING ->
			take_out(p);
			ticket[p] = ENDED;
			woken[p] = true
		:: ticket[p] != WAITING && !requeued[p] && !BROKEN(repair_keeps_notify) ->
			forgo(p)
		:: else
		fi
	:: else
	fi
}

/* The mutex's attachment dies. */
inline close_mutex(p) {
	repair(p);
	word_pass()
}

#define COMES_TO_ITS_WAIT	(ticket[me] == NOTIFIED || ticket[me] == ENDED)
/* Woken by the mutex, to which the notify moved it, or by the notify. */
#define REASON	(woken[me] || (requeued[me] && (kicked[me] || state[me] == SETTLED)))

/* Acquires the mutex, ret. */
inline lock_mutex() {
	if
	:: atomic { word == 0 && !fifo && !dead[me] -> word = me; ret = OK }
	:: true -> acquire(me)
	fi
}

inline unlock_mutex() {
	if
	:: atomic { word == me -> inside--; word = 0 }
	:: atomic { !locked -> inside--; release(me) }
	fi
}

/* Nobody changes what the mutex guards once the ticket is queued.  ret BUSY: refused. */
inline begin() {
	if
	:: BROKEN(mutex_released_before_ticket) -> unlock_mutex()
	:: else
	fi;
	atomic { FREE -> ticket_drop(me, !BROKEN(abandoned_keeps_notify)) }
	atomic {
		inside = inside - !BROKEN(mutex_released_before_ticket);
		if
		:: closed[me] -> ret = NXIO	/* here it ends, as an owner */
		:: else ->
			tickets[in_queue] = me;
			in_queue++;
			ticket[me] = WAITING;
			begins = me;
			sleeper[me] = BROKEN(requeued_before_release);
			ret = OK
		fi
	}
	if
	:: ret == OK && !BROKEN(mutex_released_before_ticket) ->
		atomic {
			!locked ->
			if
			:: dead[me] -> ret = NXIO	/* and nobody holds it by me */
			:: !dead[me] && refusals > 0 -> refusals--; ret = BUSY
			:: !dead[me] -> release(me)
			fi;
			begins = 0
		}
	:: else
	fi;
	if
	:: ret != OK && ticket[me] != NONE ->
		atomic {
			FREE ->
			ticket_drop(me, !BROKEN(refused_keeps_notify));
			inside = inside + (ret == BUSY)
		}
	:: else
	fi
}

/*
 * shs_sleep() and sleep_on_ticket(): ret OK (notified, expired or ended), INTERRUPTED or
 * KILLED.
 */
inline sleep_on_ticket() {
	ret = OK;
	if
	:: ticket[me] != WAITING
	:: else ->
end_sleep:	if
		:: atomic { COMES_TO_ITS_WAIT &&
			    (REASON || (requeued[me] && signals + kills > 0)) }
		:: atomic { timeouts > 0 && (ticket[me] == WAITING ||
					     BROKEN(deadline_beats_notify)) ->
			timeouts--; ret = TIMEDOUT }
		:: atomic { signals > 0 && ticket[me] == WAITING -> signals--; ret = INTERRUPTED }
		:: atomic { kills > 0 && ticket[me] == WAITING -> kills--; ret = KILLED }
		fi
	fi;
	atomic {
		if
		:: ret == TIMEDOUT && (ticket[me] == WAITING ||
				       BROKEN(deadline_beats_notify)) ->
			if
			:: ticket[me] == WAITING && !BROKEN(expired_stays_queued) -> take_out(me)
			:: else
			fi;
			ticket[me] = EXPIRED;
			ret = OK
		:: ret == INTERRUPTED && ticket[me] == WAITING &&
		   BROKEN(signal_leaves_the_queue) ->
			take_out(me);
			ticket[me] = NONE
		:: ret != OK && ticket[me] != WAITING && !(ret == TIMEDOUT &&
							   BROKEN(deadline_beats_notify)) ->
			/* settled meanwhile */
			signals = signals + (ret == INTERRUPTED);
			kills = kills + (ret == KILLED);
			ret = OK
		:: else
		fi;
		woken[me] = false;
		sleeper[me] = false;
		told = (BROKEN(told_as_it_woke) -> ticket[me] : NONE)
	}
}

/* ret OK or OWNERDEAD: it owns. */
inline take_back() {
	if
	:: requeued[me] -> ret = BUSY
	:: else -> enter(me)
	fi;
	do
	:: ret == BUSY -> sleep_and_leave(me)
	:: else -> break
	od;
	atomic {				/* end_requeue() */
		FREE ->
		requeued[me] = false;
		if
		:: (ret == INTERRUPTED || ret == KILLED) && closed[me] &&
		   !BROKEN(closed_and_interrupted_keeps) -> forgo(me)
		:: else
		fi
	}
}

#define MAY_DIE	atomic { kills > 0 -> kills--; inside--; goto die }

proctype waiter(byte me) {
	byte old, i, j, n, t, first;
	bool own;
	mtype ret = OK, told = NONE;

lock:
	lock_mutex();
	if
	:: ret == OK || ret == OWNERDEAD -> atomic { inside++; assert(inside == 1) }
	:: ret == KILLED -> goto die
	:: else -> goto out
	fi;
	if
	:: announced -> goto leave		/* nothing to wait for */
	:: else
	fi;
	begin();
	if
	:: ret == NXIO -> goto die
	:: ret == BUSY -> goto leave
	:: else
	fi;
call:
	if
	:: BROKEN(signal_leaves_the_queue) && ticket[me] == NONE ->
		atomic { tickets[in_queue] = me; in_queue++; ticket[me] = WAITING }
	:: else
	fi;
	sleeper[me] = ticket[me] == WAITING;
	sleep_on_ticket();
	if
	:: ret == OK -> take_back()
	:: else
	fi;
	if
	:: ret == INTERRUPTED ->
		if
		:: goto call		/* SA_RESTART */
		:: goto lock		/* the handler jumped out of the wait */
		:: goto die		/* or ended the process */
		fi
	:: else
	fi;
	if
	:: BROKEN(told_before_the_end) -> told = ticket[me]
	:: else
	fi;
	/* ticket_end() */
	atomic {
		FREE ->
		if
		:: BROKEN(told_as_it_woke) || BROKEN(told_before_the_end)
		:: else -> told = ticket[me]
		fi;
		if
		:: ret == OK || ret == OWNERDEAD ->
			inside++;
			assert(inside == 1);
			if
			:: told == NOTIFIED -> assert(notified > 0); notified--
			:: else
			fi;
			ticket_drop(me, false)
		:: else -> ticket_drop(me, !BROKEN(killed_keeps_notify))
		fi;
		told = NONE
	}
	if
	:: ret == KILLED || ret == NXIO -> goto die
	:: else
	fi;
leave:
	if
	:: unlock_mutex()
	:: MAY_DIE
	fi;
out:
	if
	:: ticket[me] == NONE -> goto end
	:: else				/* one that it abandoned goes with the process */
	fi;
die:
	gone[me] = true;
	if
	:: atomic { FREE -> close_condvar(me) }
		atomic { !locked -> close_mutex(me) }
	:: atomic { !locked -> close_mutex(me) }
		atomic { FREE -> close_condvar(me) }
	fi;
	if
	:: atomic { FREE -> ticket_drop(me, true) }	/* its file: shs_tickets_free() */
	:: true						/* a child keeps the file */
	fi;
end:
	skip
}

proctype notifier(byte me) {
	byte old, i, j, n, t, first, rounds = NOTIFIES;
	bool own;
	mtype ret = OK;

	do
	:: rounds == 0 -> break
	:: else ->
		rounds--;
		lock_mutex();
		if
		:: ret == OK || ret == OWNERDEAD -> atomic { inside++; assert(inside == 1) }
		:: else -> goto out
		fi;
		if
		:: atomic { FREE -> notify(false, true) }
		:: atomic { FREE -> announced = true; notify(true, true) }
		:: atomic { !locked -> inside--; release(me) }
			atomic { FREE -> notify(false, true) }
			goto next
		:: atomic { !locked -> announced = true; inside--; release(me) }
			atomic { FREE -> notify(true, true) }
			goto next
		fi;
		if
		:: unlock_mutex()
		:: MAY_DIE
		fi;
next:		ret = OK
	od;
	goto end;
die:
	gone[me] = true;
	atomic { !locked -> close_mutex(me) }
out:
end:
	skip
}

/* Of a process that waits; one thread does it while another sleeps. */
#if UNMAPS > 0
proctype unmapper() {
	byte me, old, i, j, n, t, first;
	bool own;

	select(me : 1 .. PROCESSES - 1);
	if
	:: atomic { FREE && unmaps > 0 && ticket[me] != NONE -> unmaps--; close_condvar(me) }
	:: atomic { !locked && unmaps > 0 &&
		    (begins == me || (ticket[me] != NONE && (word & OWNER) != me)) ->
		unmaps--; close_mutex(me) }
	:: true
	fi
}
#endif

init {
	byte i;

	atomic {
		READ_BROKEN;
		i = EVENTS;
		do
		:: i > 0 ->
			i--;
			if
			:: kills++
			:: timeouts++
			:: signals++
			:: refusals++
			:: true
			fi
		:: else -> break
		od;
		unmaps = UNMAPS;
		if
		:: fifo = false
		:: fifo = true; word = K
		fi;
		i = 1;
		do
		:: i < PROCESSES -> run waiter(i); i++
		:: else -> break
		od;
		run notifier(PROCESSES);
#if UNMAPS > 0
		run unmapper();
#endif
		i = 0
	}
	timeout ->
	atomic {
		i = 1;
		do
		:: i <= PROCESSES ->
			assert(ticket[i] == NONE || closed[i] ||
			       (ticket[i] == WAITING && sleeper[i] && !announced));
			i++
		:: else -> break
		od;
		assert((word & OWNER) == 0 && queued == 0 && inside == 0);
		assert(notified == 0)
	}
}
