// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader-writer lock.
 *
 *   readers   counted in lanes: 64-bit words in the private region of each
 *             attachment, written by that process and the kernel only.  Any lane
 *             non-zero: somebody reads.  Single operations count in kernel_readers.
 *   writer    rwlock.writer, in kernel memory: 0, an attachment's id, or
 *             SHS_ID_KERNEL.
 *
 * There is no list of readers, so none can be left behind: death zeroes the lanes
 * of the dead attachment and serves the queue, whatever number of readers it was.
 * No process can reach another's lanes, so readers cannot forge one another; one
 * that spoils its own lanes holds or loses its own read lock.
 *
 * The control page tells user space: wpending = the head of the queue is a writer
 * (an unlock must call the kernel); bias = readers may enter by their lane alone
 * (not offered yet: always 0, so every reader comes here).  The writer's order is
 *
 *   reader (user space)             writer (object->lock)
 *   lane--                          wpending = 1
 *   fence            /\ A /\        smp_mb()  A
 *   read wpending                   scan all lanes
 *
 * so either the writer's scan sees the lane at zero or the reader sees wpending
 * and calls; both may happen, neither cannot.
 *
 * The queue is first in, first out: a reader behind a queued writer queues, and a
 * release serves the head and, if that is a reader, all readers up to the next
 * writer.  So neither side starves.
 */
#include "core.h"

static bool has_writer(struct shs_object *obj, struct shs_wakes *wakes)
{
	u32 id = obj->rwlock.writer;

	return id == SHS_ID_KERNEL || (id && shs_att_live(obj, id, wakes));
}

static u64 lane_sum(const struct shs_attachment *att)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < att->obj->geo.lanes; i++)
		sum += min_t(u64, atomic64_read(shs_lane(att, i)), U32_MAX);
	return sum;
}

/* A dead mm's lanes are repaired here, so a slow teardown does not delay a writer. */
static bool has_readers(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_attachment *att;
	unsigned long id;

	if (obj->rwlock.kernel_readers)
		return true;
	xa_for_each(&obj->atts, id, att)
		if (att->state == SHS_ATT_LIVE && lane_sum(att) && shs_att_live(obj, id, wakes))
			return true;
	return false;
}

/* Readers that hold now, at most U32_MAX. */
u32 shs_rwlock_readers(struct shs_object *obj)
{
	u64 sum = obj->rwlock.kernel_readers;
	struct shs_attachment *att;
	unsigned long id;

	lockdep_assert_held(&obj->lock);
	xa_for_each(&obj->atts, id, att)
		if (att->state == SHS_ATT_LIVE)
			sum += lane_sum(att);
	return min_t(u64, sum, U32_MAX);
}

static int enter_read(struct shs_object *obj, struct shs_waiter *w)
{
	if (!w->att) {
		obj->rwlock.kernel_readers++;
		return 0;
	}
	atomic64_inc(shs_lane(w->att, w->lane));
	return obj->rwlock.died ? -EOWNERDEAD : 0;
}

static int enter_write(struct shs_object *obj, struct shs_waiter *w)
{
	bool died = obj->rwlock.died;

	obj->rwlock.writer = shs_waiter_id(w);
	if (!w->att)
		return 0;
	obj->rwlock.died = false;
	return died ? -EOWNERDEAD : 0;
}

static int rw_try(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	if (has_writer(obj, wakes) || !list_empty(&obj->queue))
		return -EBUSY;
	if (w->mode == SHS_MODE_READ)
		return enter_read(obj, w);
	if (has_readers(obj, wakes))
		return -EBUSY;
	return enter_write(obj, w);
}

static void set_wpending(struct shs_object *obj, u32 pending)
{
	WRITE_ONCE(obj->control->wpending, pending);
}

static void rw_pass(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *head;

	lockdep_assert_held(&obj->lock);
	while (!list_empty(&obj->queue) && !has_writer(obj, wakes)) {
		head = list_first_entry_or_null(&obj->queue, struct shs_waiter, node);
		if (!head)	/* has_writer() repaired and cancelled waiters */
			break;
		if (head->mode == SHS_MODE_READ) {
			shs_settle(obj, head, enter_read(obj, head), wakes);
			continue;
		}
		set_wpending(obj, 1);
		smp_mb();	/* A, pairs with the fence after lane-- in user space */
		if (has_readers(obj, wakes))
			return;
		if (head != list_first_entry_or_null(&obj->queue, struct shs_waiter, node))
			continue;	/* has_readers() did the same */
		shs_settle(obj, head, enter_write(obj, head), wakes);
	}
	head = list_first_entry_or_null(&obj->queue, struct shs_waiter, node);
	set_wpending(obj, head && head->mode == SHS_MODE_EXCLUSIVE);
}

static int rw_release(struct shs_object *obj, struct shs_waiter *w, bool notice)
{
	atomic64_t *lane;

	lockdep_assert_held(&obj->lock);
	if (w->mode == SHS_MODE_EXCLUSIVE) {
		if (obj->rwlock.writer != shs_waiter_id(w))
			return -EPERM;
		obj->rwlock.writer = 0;
		obj->rwlock.died |= notice;
		return 0;
	}
	if (!w->att) {
		obj->rwlock.kernel_readers--;
		return 0;
	}
	lane = shs_lane(w->att, w->lane);
	if (!atomic64_read(lane))
		return -EPERM;
	atomic64_dec(lane);	/* racing with itself a process spoils its own lane only */
	return 0;
}

static void rw_repair(struct shs_object *obj, struct shs_attachment *att,
		      struct shs_wakes *wakes)
{
	u32 i;

	lockdep_assert_held(&obj->lock);
	if (lane_sum(att)) {
		shs_death_note(att, SHS_MODE_READ);
		for (i = 0; i < obj->geo.lanes; i++)
			atomic64_set(shs_lane(att, i), 0);
	}
	if (obj->rwlock.writer == att->id) {
		shs_death_note(att, SHS_MODE_EXCLUSIVE);
		obj->rwlock.writer = 0;
		obj->rwlock.died = true;
	}
}

const struct shs_kind_ops shs_rwlock_ops = {
	.try = rw_try,
	.release = rw_release,
	.repair = rw_repair,
	.pass = rw_pass,
};
