// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run once.
 *
 *               BEGIN                    COMPLETE
 *   INCOMPLETE --------> RUNNING(owner) ----------> DONE
 *       ^                   |
 *       +---- ABANDON ------+---- ABANDON or death, with SHS_INIT_POISON ---> POISONED
 *             or death                                          BEGIN with FORCE -> RUNNING
 *
 * The state lives in the control page, which only the kernel writes; the store of
 * DONE is a release, so that a process that reads it by an acquire load sees what
 * the initialiser wrote.  "Owning" is the right and duty to run.
 */
#include "core.h"

u32 shs_once_state(const struct shs_object *obj)
{
	return READ_ONCE(obj->control->once);
}

static void set_state(struct shs_object *obj, enum shs_once_state state)
{
	/* pairs with the acquire load of a process that finds DONE */
	smp_store_release(&obj->control->once, state);
}

/* The answer to w in the present state, or -EBUSY: somebody runs. */
static int answer(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	bool died = false;

	if (shs_once_state(obj) == SHS_ONCE_RUNNING && shs_att_live(obj, obj->once.owner, wakes))
		return -EBUSY;
	/* the liveness test may have repaired: look again */
	switch ((enum shs_once_state)shs_once_state(obj)) {
	case SHS_ONCE_DONE:
		w->reply = SHS_ONCE_DONE;
		return 0;
	case SHS_ONCE_RUNNING:	/* by nobody who lives */
		died = true;
		break;
	case SHS_ONCE_POISONED:
		if (!w->force)
			return -ENOTRECOVERABLE;
		break;
	case SHS_ONCE_INCOMPLETE:
		break;
	}
	if (!w->att->may_write)
		return -EACCES;
	died |= obj->once.died;
	w->was_poisoned = shs_once_state(obj) == SHS_ONCE_POISONED;
	obj->once.died = false;
	obj->once.owner = w->att->id;
	set_state(obj, SHS_ONCE_RUNNING);
	w->reply = SHS_ONCE_RUNNING;
	return died ? -EOWNERDEAD : 0;
}

static int once_try(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	return answer(obj, w, wakes);
}

static void once_pass(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *head;
	int ret;

	lockdep_assert_held(&obj->lock);
	while (!list_empty(&obj->queue)) {
		head = list_first_entry(&obj->queue, struct shs_waiter, node);
		ret = answer(obj, head, wakes);
		if (ret == -EBUSY)
			return;
		if (head->state != SHS_QUEUED)
			continue;	/* cancelled by the repair in answer() */
		shs_settle(obj, head, ret, wakes);
	}
}

static void stop_running(struct shs_object *obj, bool died, bool poison)
{
	obj->once.owner = 0;
	obj->once.died = died;
	set_state(obj, poison ? SHS_ONCE_POISONED : SHS_ONCE_INCOMPLETE);
}

static bool runs(const struct shs_object *obj, u32 id)
{
	return shs_once_state(obj) == SHS_ONCE_RUNNING && obj->once.owner == id;
}

/* COMPLETE and ABANDON: 0, or -EPERM if id does not run it. */
int shs_once_finish(struct shs_object *obj, u32 id, bool done)
{
	lockdep_assert_held(&obj->lock);
	if (!runs(obj, id))
		return -EPERM;
	if (done) {
		obj->once.owner = 0;
		set_state(obj, SHS_ONCE_DONE);
	} else {
		stop_running(obj, false, obj->flags & SHS_INIT_POISON);
	}
	return 0;
}

/* Gives back a turn that nobody took up; a death in between has ended it already. */
static int once_release(struct shs_object *obj, struct shs_waiter *w, bool notice)
{
	lockdep_assert_held(&obj->lock);
	if (w->reply == SHS_ONCE_RUNNING && runs(obj, w->att->id))
		stop_running(obj, notice, w->was_poisoned);
	return 0;
}

static void once_repair(struct shs_object *obj, struct shs_attachment *att,
			struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	if (!runs(obj, att->id))
		return;
	shs_death_note(att, SHS_MODE_EXCLUSIVE);
	stop_running(obj, true, obj->flags & SHS_INIT_POISON);
}

const struct shs_kind_ops shs_once_ops = {
	.try = once_try,
	.release = once_release,
	.repair = once_repair,
	.pass = once_pass,
};
