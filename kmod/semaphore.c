// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting semaphore.
 *
 *   available   how many permits are there.  In the control page, which only the kernel
 *               writes, with the bound behind it: who maps it looks without a call.
 *   held        what attachments took, of each and of all.  It comes back by a release or
 *               by the death of its attachment, by either once, for both take it from held.
 *   the rest    of the bound, if anything, is nobody's: never added yet, or taken with
 *               NO_UNDO.  A release with NO_UNDO makes some of it available.
 *
 * available + held never exceeds the bound: only that release raises the sum, and looks.
 * So a death, which may not fail, has room for what it gives back.
 *
 * A grant is made by who passes, not by the waiter when it wakes, so permits that fit
 * somebody are his before object->lock drops, and no wakeup is lost with a waiter that
 * leaves.  Who was granted some and is killed before it returned gives them back, unless
 * the death of its attachment did:
 *
 *   waiter, killed                     who releases, or another thread that unmaps
 *                                      available += n; pass: w fits: held += n, settled
 *   settled, fatal signal: release:
 *   held -= n, available += n; pass
 *                                      close: repair: held is 0, nothing to give back
 *
 *   or                                 close: repair: available += held, held := 0; pass
 *   release: holds less than n: -EPERM,
 *   nothing changes
 *
 * Order: a request that does not fit keeps nobody back while it is young, so small ones
 * go by a large one; but when it is SHS_HANDOFF_NS old, or with SHS_INIT_FIFO at once, all
 * that came later wait behind it, and what is given back stays until it fits.  Whether
 * somebody is kept back changes by age only from no to yes, which calls for no pass.
 */
#include "core.h"

static u32 *values(const struct shs_object *obj)
{
	return shs_value(obj);
}

static u32 available(const struct shs_object *obj)
{
	return READ_ONCE(values(obj)[0]);
}

static void set_available(struct shs_object *obj, u32 permits)
{
	WRITE_ONCE(values(obj)[0], permits);
}

u32 shs_semaphore_bound(const struct shs_object *obj)
{
	return values(obj)[1];
}

/* What INIT brings, completed: 0, or -EINVAL. */
int shs_semaphore_new(u32 *value)
{
	if (!value[1])
		value[1] = SHS_SEMAPHORE_MAX;
	return value[1] <= SHS_SEMAPHORE_MAX && value[0] <= value[1] ? 0 : -EINVAL;
}

/* Whether w, which does not fit, keeps back who came later. */
static bool goes_first(const struct shs_object *obj, const struct shs_waiter *w)
{
	return obj->flags & SHS_INIT_FIFO || shs_time_since(w->since_ns) >= SHS_HANDOFF_NS;
}

static bool fits(const struct shs_object *obj, const struct shs_waiter *w)
{
	return w->permits <= available(obj);
}

/* A newcomer; who is queued does not fit, or it had been served. */
static bool may_take(struct shs_object *obj, const struct shs_waiter *w)
{
	if (obj->freezers || !fits(obj, w))
		return false;
	return list_empty(&obj->queue) ||
	       !goes_first(obj, list_first_entry(&obj->queue, struct shs_waiter, node));
}

static void take(struct shs_object *obj, struct shs_waiter *w)
{
	set_available(obj, available(obj) - w->permits);
	if (!w->no_undo) {
		w->att->held += w->permits;
		obj->semaphore.held += w->permits;
	}
	shs_trace(obj, SHS_EVENT_ACQUIRE, w->att->id, w->mode, shs_time_since(w->since_ns));
}

static void give_back(struct shs_object *obj, struct shs_attachment *att, u32 permits)
{
	att->held -= permits;
	obj->semaphore.held -= permits;
	set_available(obj, available(obj) + permits);
}

/* Repairs holders that are gone but for the close of their mappings. */
static void find_gone(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_attachment *att;
	unsigned long id;

	if (!obj->semaphore.held)
		return;
	shs_for_each_att(obj, id, att)
		if (att->held)
			shs_att_live(obj, id, wakes);
}

static int semaphore_try(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	if (!may_take(obj, w))
		find_gone(obj, wakes);
	if (!may_take(obj, w))
		return -EBUSY;
	take(obj, w);
	return 0;
}

/* 0; -EPERM: more than it holds; -EOVERFLOW: no room below the bound. */
static int semaphore_release(struct shs_object *obj, struct shs_waiter *w, bool notice,
			     struct shs_wakes *wakes)
{
	u32 used = available(obj) + obj->semaphore.held;

	lockdep_assert_held(&obj->lock);
	if (!w->no_undo) {
		if (w->permits > w->att->held)
			return -EPERM;
		give_back(obj, w->att, w->permits);
	} else {
		if (w->permits > shs_semaphore_bound(obj) - used)
			return -EOVERFLOW;
		set_available(obj, available(obj) + w->permits);
	}
	shs_trace(obj, SHS_EVENT_RELEASE, shs_waiter_id(w), w->mode, 0);
	return 0;
}

/* Permits that w took become nobody's: no death returns them.  Unless one has. */
void shs_semaphore_disown(struct shs_object *obj, struct shs_waiter *w)
{
	lockdep_assert_held(&obj->lock);
	if (w->permits > w->att->held)
		return;
	w->att->held -= w->permits;
	obj->semaphore.held -= w->permits;
}

static void semaphore_repair(struct shs_object *obj, struct shs_attachment *att,
			     struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	if (!att->held)
		return;
	shs_death_note(att, SHS_MODE_EXCLUSIVE);
	give_back(obj, att, att->held);
	shs_trace(obj, SHS_EVENT_OWNER_DIED, att->id, SHS_MODE_EXCLUSIVE, 0);
}

static void semaphore_pass(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *w, *next;

	lockdep_assert_held(&obj->lock);
again:
	list_for_each_entry_safe(w, next, &obj->queue, node) {
		if (!available(obj))
			return;
		if (shs_is_leaving(obj, w, wakes))	/* with all that its attachment waits */
			goto again;
		if (fits(obj, w)) {
			if (!shs_claim(obj, w, wakes))
				continue;
			take(obj, w);
			shs_settle(obj, w, 0, wakes);
		} else if (goes_first(obj, w)) {
			return;
		}
	}
}

const struct shs_kind_ops shs_semaphore_ops = {
	.try = semaphore_try,
	.release = semaphore_release,
	.repair = semaphore_repair,
	.pass = semaphore_pass,
};
