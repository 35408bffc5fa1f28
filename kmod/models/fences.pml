/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is read without a lock, on a machine that reorders independent accesses as arm64
 * does: the two slots of a cell or a committed value (../cell.c and the library's
 * commit.c) and the state of a once (../once.c) with the value behind it.
 *
 *   here                  stands for
 *   holder                has the lock: fills the hidden slot, publishes it by the store
 *                         of the sequence (release, C); then, as shs_commit(), goes on in
 *                         the slot that was shown before, or lets another holder do so
 *   peeker                shs_value_snapshot(): sequence (acquire, C), copy, a fence (D),
 *                         sequence again
 *   runner, caller        COMPLETE, by a store of DONE (release), and who finds DONE by
 *                         an acquire load
 *
 * Memory as in lanes.pml: what a CPU stores it sees at once, the others when memory() has
 * made it known, in any order; a release waits for the earlier stores.  A load that
 * nothing holds back may be done early: by a broken rule, or with nothing there.
 *
 * Safety: an accepted copy is whole; who finds DONE finds the value.
 */
#include "broken.inc"

#define no_release_of_sequence		1
#define no_acquire_of_sequence		2
#define no_fence_before_second_look	3
#define no_second_look			4
#define no_fence_after_sequence		5
#define shown_slot_is_filled		6
#define no_release_of_done		7
#define no_acquire_of_done		8

/* Worlds to search. */
/* WORLD: -DVALUES=3 */

#define NOTHING	255		/* pending */

/* Two slots of two words each. */
byte slot[4], pending_slot[4] = NOTHING;
byte sequence, pending_sequence = NOTHING;
byte value, pending_value = NOTHING;
bool done;
byte pending_done = NOTHING;

active proctype memory() {
	byte i;

end:	do
	:: d_step { pending_sequence != NOTHING ->
		sequence = pending_sequence; pending_sequence = NOTHING }
	:: d_step { pending_value != NOTHING -> value = pending_value; pending_value = NOTHING }
	:: d_step { pending_done != NOTHING -> done = true; pending_done = NOTHING }
	:: d_step { pending_slot[0] != NOTHING ->
		slot[0] = pending_slot[0]; pending_slot[0] = NOTHING }
	:: d_step { pending_slot[1] != NOTHING ->
		slot[1] = pending_slot[1]; pending_slot[1] = NOTHING }
	:: d_step { pending_slot[2] != NOTHING ->
		slot[2] = pending_slot[2]; pending_slot[2] = NOTHING }
	:: d_step { pending_slot[3] != NOTHING ->
		slot[3] = pending_slot[3]; pending_slot[3] = NOTHING }
	od
}

#define DRAINED_SLOTS	(pending_slot[0] == NOTHING && pending_slot[1] == NOTHING && \
			 pending_slot[2] == NOTHING && pending_slot[3] == NOTHING)

proctype holder() {
	byte n, to;

	do
	:: n == VALUES -> break
	:: else ->
		n++;
		to = ((n + BROKEN(shown_slot_is_filled)) & 1) * 2;
		pending_slot[to] = n;
		pending_slot[to + 1] = n;
		if
		:: BROKEN(no_release_of_sequence)
		:: else -> DRAINED_SLOTS	/* C */
		fi;
		pending_sequence = n;
		if
		:: BROKEN(no_fence_after_sequence)
		:: else -> pending_sequence == NOTHING	/* or the lock is let go and taken */
		fi
	od
}

proctype peeker() {
	byte at, x, y, again;

	if
	:: BROKEN(no_acquire_of_sequence) ->	/* guesses the slot, and guesses right */
		if
		:: at = 0
		:: at = 1
		fi;
		x = slot[at * 2];
		y = slot[at * 2 + 1];
		if
		:: (sequence & 1) == at -> at = sequence
		:: else -> goto end
		fi
	:: !BROKEN(no_acquire_of_sequence) && BROKEN(no_fence_before_second_look) ->
		at = sequence;
		again = sequence;
		x = slot[(at & 1) * 2];
		y = slot[(at & 1) * 2 + 1];
		goto compare
	:: else ->
		at = sequence;			/* C */
		if
		:: x = slot[(at & 1) * 2]; y = slot[(at & 1) * 2 + 1]
		:: y = slot[(at & 1) * 2 + 1]; x = slot[(at & 1) * 2]
		fi
	fi;
	again = sequence;			/* after D */
compare:
	assert(x == y || (again != at && !BROKEN(no_second_look)));
end:	skip
}

proctype runner() {
	pending_value = 1;
	if
	:: BROKEN(no_release_of_done)
	:: else -> pending_value == NOTHING
	fi;
	pending_done = 1
}

proctype caller() {
	byte x;

	if
	:: BROKEN(no_acquire_of_done) -> x = value; done
	:: else -> done; x = value
	fi;
	assert(x == 1)
}

init {
	atomic {
		READ_BROKEN;
		run holder();
		run peeker();
		run runner();
		run caller()
	}
}
