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
 * The state lives in the control page, which only the kernel writes, and behind it the
 * value, if there is one: COMPLETE brings it, and it does not change after DONE.  The
 * store of DONE is a release, so that a process that reads it by an acquire load sees
 * the value and what the initialiser wrote.  "Owning" is the right and duty to run.
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

static void stop_running(struct shs_object *obj, bool died, bool poison)
{
	shs_hold_end(obj, obj->once.owner, SHS_MODE_EXCLUSIVE,
		     died ? SHS_EVENT_OWNER_DIED : SHS_EVENT_RELEASE);
	obj->once.owner = 0;
	obj->once.died = died;
	set_state(obj, poison ? SHS_ONCE_POISONED : SHS_ONCE_INCOMPLETE);
}

/* Whether somebody lives and runs it; a dead runner is repaired here. */
static bool is_running(struct shs_object *obj, struct shs_wakes *wakes)
{
	if (shs_once_state(obj) != SHS_ONCE_RUNNING)
		return false;
	if (shs_att_live(obj, obj->once.owner, wakes))
		return true;
	if (shs_once_state(obj) == SHS_ONCE_RUNNING)
		stop_running(obj, true, obj->flags & SHS_INIT_POISON);
	return false;
}

/* While nobody runs it: what w is told, or -EBUSY if it only watches and must wait. */
static int answer(struct shs_object *obj, struct shs_waiter *w)
{
	bool died = obj->once.died;

	if (shs_once_state(obj) == SHS_ONCE_DONE) {
		w->reply = SHS_ONCE_DONE;
		return 0;
	}
	if (shs_once_state(obj) == SHS_ONCE_POISONED && !w->force)
		return -ENOTRECOVERABLE;
	if (w->watch)
		return -EBUSY;
	if (!w->att->may_write)
		return -EACCES;
	w->was_poisoned = shs_once_state(obj) == SHS_ONCE_POISONED;
	w->reply = SHS_ONCE_RUNNING;
	obj->once.died = false;
	obj->once.owner = w->att->id;
	shs_hold_begin(obj, w);
	set_state(obj, SHS_ONCE_RUNNING);
	return died ? -EOWNERDEAD : 0;
}

static int once_try(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	return is_running(obj, wakes) ? -EBUSY : answer(obj, w);
}

/* Watchers stay in the queue while whoever queued behind them is given the turn. */
static void once_pass(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *w, *next;
	int ret;

	lockdep_assert_held(&obj->lock);
	if (is_running(obj, wakes))
		return;
again:
	list_for_each_entry_safe(w, next, &obj->queue, node) {
		if (shs_is_leaving(obj, w, wakes))
			goto again;
		ret = answer(obj, w);
		if (ret == -EBUSY || (!ret && !shs_claim(obj, w, wakes)))
			continue;
		shs_settle(obj, w, ret, wakes);
		if (shs_once_state(obj) == SHS_ONCE_RUNNING)
			return;
	}
}

static bool runs(const struct shs_object *obj, u32 id)
{
	return shs_once_state(obj) == SHS_ONCE_RUNNING && obj->once.owner == id;
}

/* COMPLETE, with the value or NULL, and ABANDON: 0, or -EPERM if id does not run it. */
int shs_once_finish(struct shs_object *obj, u32 id, bool done, const void *value)
{
	lockdep_assert_held(&obj->lock);
	if (!runs(obj, id))
		return -EPERM;
	if (done) {
		shs_hold_end(obj, id, SHS_MODE_EXCLUSIVE, SHS_EVENT_RELEASE);
		obj->once.owner = 0;
		if (value)
			memcpy(shs_value(obj), value, obj->geo.value_size);
		set_state(obj, SHS_ONCE_DONE);
	} else {
		stop_running(obj, false, obj->flags & SHS_INIT_POISON);
	}
	return 0;
}

/* Gives back a turn that nobody took up; a death in between has ended it already. */
static int once_release(struct shs_object *obj, struct shs_waiter *w, bool notice,
			struct shs_wakes *wakes)
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
