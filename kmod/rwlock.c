// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader-writer lock.
 *
 *   readers   counted in lanes: 64-bit words in the private region of each
 *             attachment, written by that process and the kernel only.  Any lane
 *             in use (shs_lanes_in_use()) non-zero: somebody reads.  Single
 *             operations count in kernel_readers.
 *   writer    rwlock.writer, in kernel memory: 0, an attachment's id, or
 *             SHS_ID_KERNEL.  One whose own word (shs_private.writes) is 0 has given
 *             the lock back by himself: nobody writes (shs_rwlock_writer()).
 *   upgrader  rwlock.upgrader, an attachment's id or 0: reads beside the readers, and
 *             alone may wait to become the writer; there is one, or two of them would
 *             wait for each other.
 *
 * There is no list of readers, so none can be left behind: death zeroes the lanes
 * of the dead attachment and serves the queue, whatever number of readers it was.
 * No process can reach another's lanes, so readers cannot forge one another; one
 * that spoils its own lanes holds or loses its own read lock.
 *
 * The control page tells user space: bias = readers may enter by their lane alone;
 * wpending = the head of the queue is a writer (an unlock must call the kernel).
 *
 *   reader (user space)             writer (object->lock)
 *   mark the lane as in use
 *   lane++                          bias = 0; wpending = 1
 *   fence            /\ A /\        smp_mb()  A
 *   read bias: 0, lane--, calls     scan all lanes in use
 *
 *   lane--
 *   fence            /\ A /\        (the same)
 *   read wpending: 1, calls
 *
 * so either the writer's scan sees the reader in its lane or the reader sees that it
 * may not enter so; and either the scan sees the lane at zero or the reader sees
 * wpending and calls.  Both may happen, neither cannot.
 *
 * The writer's word, written by his process and the kernel only, is to him what the
 * word of a mutex is to all:
 *
 *   writer (user space)             contender (object->lock)
 *   to read on: lane++
 *   CAS WRITES -> 0 (release)       CAS WRITES -> WRITES_CALL
 *     fails: lane--, calls            finds 0 (acquire): he has left, scan the lanes
 *                                     else: waits for the call
 *
 * so whoever waits for a writer has told him before.  It is WRITES with the grant if
 * may_leave(), and never becomes it later: who queued before him tells him by the pass
 * that follows each grant.  Who spoils his own word loses his own lock.
 *
 * Bias is set by a reader that comes here (B: by a store with release order, which a
 * reader's load with acquire order meets, so that it sees what writers wrote), while
 * nobody writes, queues, watches or is to be told of a death, and not with
 * SHS_INIT_DETECT.  Whoever would write or queues clears it.  A revocation that cost
 * the writer a time t keeps it off for 9 t more (BRAVO, Dice and Kogan, ATC 2019).
 *
 * The queue is first in, first out: a reader behind a queued writer queues, and a
 * release serves the head and, if that is a reader, all readers up to the next
 * writer.  So neither side starves.  Two go before the queue, for the queue waits
 * for them: the upgrader that wants to write, and a reader that says that it holds
 * already (SHS_LOCK_RECURSIVE); one that does not say so and would wait for itself
 * is told -EDEADLK.
 *
 * Poison: died is set by the death of a writer.  Readers and upgraders are told and
 * leave it; the next writer is told and it is gone, or with SHS_INIT_STRICT when he
 * declares the value good (shs_recover); if he unlocks without, the lock is lost.
 */
#include "core.h"

static u32 *writes_of(const struct shs_attachment *att)
{
	struct shs_private *head = att->private_mem;

	return &head->writes;
}

/* The attachment of who writes, or did and has left; NULL: a single operation, or nobody. */
static struct shs_attachment *writer_of(const struct shs_object *obj)
{
	return xa_load((struct xarray *)&obj->atts, obj->rwlock.writer);
}

/* Who writes: an id, or 0. */
u32 shs_rwlock_writer(const struct shs_object *obj)
{
	const struct shs_attachment *att = writer_of(obj);

	lockdep_assert_held(&obj->lock);
	if (att && !smp_load_acquire(writes_of(att)))	/* pairs with his release */
		return 0;
	return obj->rwlock.writer;
}

/* False if he has left, and is then forgotten; else he has to call when he does. */
static bool must_call(struct shs_object *obj, struct shs_attachment *writer)
{
	if (cmpxchg(writes_of(writer), SHS_WRITES, SHS_WRITES_CALL))
		return true;
	smp_acquire__after_ctrl_dep();	/* what he did, in his lane too */
	obj->rwlock.writer = 0;
	shs_hold_forget(obj);
	return false;
}

static bool has_writer(struct shs_object *obj, struct shs_wakes *wakes)
{
	u32 id = obj->rwlock.writer;
	struct shs_attachment *att;

	if (!id || id == SHS_ID_KERNEL)
		return id;
	att = shs_att_live(obj, id, wakes);
	return att && must_call(obj, att);
}

/* Called before lanes are scanned for a writer, and by whoever waits. */
static void revoke(struct shs_object *obj)
{
	lockdep_assert_held(&obj->lock);
	if (READ_ONCE(obj->control->bias)) {
		WRITE_ONCE(obj->control->bias, 0);
		obj->rwlock.revoked_ns = shs_now_ns();
	}
	smp_mb();	/* A, pairs with the fences after lane++ and lane-- in user space */
}

/* Whoever holds from now on calls, and so does a writer who does already. */
void shs_rwlock_see_all(struct shs_object *obj)
{
	struct shs_attachment *att = writer_of(obj);

	revoke(obj);
	obj->rwlock.revoked_ns = 0;	/* it cost no writer anything */
	if (att)
		must_call(obj, att);
}

/* A reader came here and holds. */
static void offer(struct shs_object *obj)
{
	if (READ_ONCE(obj->control->bias) || obj->rwlock.died || obj->watchers || obj->graph ||
	    !list_empty(&obj->queue) || shs_now_ns() < obj->rwlock.bias_after_ns)
		return;
	obj->rwlock.revoked_ns = 0;
	smp_store_release(&obj->control->bias, 1);	/* B */
}

/* A writer holds at last. */
static void inhibit(struct shs_object *obj)
{
	u64 cost = shs_time_since(obj->rwlock.revoked_ns);

	obj->rwlock.revoked_ns = 0;
	if (cost)
		obj->rwlock.bias_after_ns = shs_now_ns() + 9 * cost;
}

static u64 lane_sum(const struct shs_attachment *att)
{
	u64 sum = 0, left;

	for (left = shs_lanes_in_use(att); left; left &= left - 1)
		sum += min_t(u64, atomic64_read(shs_lane(att, __ffs64(left))), U32_MAX);
	return sum;
}

/* A dead mm's lanes are repaired here, so a slow teardown does not delay a writer. */
static bool has_readers(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_attachment *att;
	unsigned long id;

	if (obj->rwlock.kernel_readers)
		return true;
	shs_for_each_att(obj, id, att)
		if (att->state == SHS_ATT_LIVE && lane_sum(att) && shs_att_live(obj, id, wakes))
			return true;
	smp_acquire__after_ctrl_dep();	/* what those did who have left their lanes */
	return false;
}

/* Whether att reads, upgradable or not. */
bool shs_rwlock_reads(const struct shs_attachment *att)
{
	lockdep_assert_held(&att->obj->lock);
	return att->obj->rwlock.upgrader == att->id || lane_sum(att);
}

/* Readers that hold now, at most U32_MAX. */
u32 shs_rwlock_readers(struct shs_object *obj)
{
	u64 sum = obj->rwlock.kernel_readers;
	struct shs_attachment *att;
	unsigned long id;

	lockdep_assert_held(&obj->lock);
	shs_for_each_att(obj, id, att)
		if (att->state == SHS_ATT_LIVE)
			sum += lane_sum(att);
	return min_t(u64, sum, U32_MAX);
}

/* A writer must say whether the value is good before he lets others have it. */
static bool is_owed(const struct shs_object *obj)
{
	return obj->flags & SHS_INIT_STRICT && obj->rwlock.died;
}

/* Whether a writer may give the lock back by himself, as long as nobody waits for him. */
static bool may_leave(const struct shs_object *obj)
{
	return !obj->watchers && !obj->graph && !is_owed(obj);
}

static bool has_upgrader(struct shs_object *obj, struct shs_wakes *wakes)
{
	u32 id = obj->rwlock.upgrader;

	return id && shs_att_live(obj, id, wakes);
}

/* Whether w, first in line, must wait.  What it finds dead it repairs. */
static bool is_blocked(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	if (has_writer(obj, wakes))
		return true;
	switch ((enum shs_mode)w->mode) {
	case SHS_MODE_READ:
		return false;
	case SHS_MODE_UPGRADABLE:
		return has_upgrader(obj, wakes);
	case SHS_MODE_EXCLUSIVE:
		break;
	}
	return (!w->upgrade && has_upgrader(obj, wakes)) || has_readers(obj, wakes);
}

static void enter_lane(struct shs_object *obj, struct shs_waiter *w)
{
	w->att->used |= BIT_ULL(w->lane);
	atomic64_inc(shs_lane(w->att, w->lane));
	shs_read_begin(obj, w);
}

static int enter_read(struct shs_object *obj, struct shs_waiter *w)
{
	if (!w->att) {
		obj->rwlock.kernel_readers++;
		return 0;
	}
	enter_lane(obj, w);
	offer(obj);
	return obj->rwlock.died ? -EOWNERDEAD : 0;
}

static int enter_upgradable(struct shs_object *obj, struct shs_waiter *w)
{
	obj->rwlock.upgrader = w->att->id;
	shs_hold_begin(obj, w);
	return obj->rwlock.died ? -EOWNERDEAD : 0;
}

/* A writer is told of a death, and that is then news no more. */
static int enter_write(struct shs_object *obj, struct shs_waiter *w)
{
	bool died = w->att && obj->rwlock.died;

	if (w->upgrade) {
		if (obj->rwlock.upgrader != w->att->id)
			return -EPERM;
		obj->rwlock.upgrader = 0;
	}
	obj->rwlock.writer = shs_waiter_id(w);
	inhibit(obj);
	obj->rwlock.died &= !died || obj->flags & SHS_INIT_STRICT;
	if (w->att)
		WRITE_ONCE(*writes_of(w->att), may_leave(obj) ? SHS_WRITES : SHS_WRITES_CALL);
	shs_hold_begin(obj, w);
	return died ? -EOWNERDEAD : 0;
}

static int enter(struct shs_object *obj, struct shs_waiter *w)
{
	switch ((enum shs_mode)w->mode) {
	case SHS_MODE_READ:
		return enter_read(obj, w);
	case SHS_MODE_UPGRADABLE:
		return enter_upgradable(obj, w);
	case SHS_MODE_EXCLUSIVE:
		break;
	}
	return enter_write(obj, w);
}

static bool writer_queues(const struct shs_object *obj)
{
	const struct shs_waiter *w;

	list_for_each_entry(w, &obj->queue, node)
		if (w->mode == SHS_MODE_EXCLUSIVE)
			return true;
	return false;
}

static bool lane_holds(const struct shs_waiter *w)
{
	return w->att && w->mode == SHS_MODE_READ && atomic64_read(shs_lane(w->att, w->lane));
}

/* By a lane that holds already, as it says: no one that waits may be waited for. */
static bool reads_again(const struct shs_waiter *w)
{
	return w->recursive && lane_holds(w);
}

/* 0: w need not queue behind those who do. */
static int overtake(struct shs_object *obj, struct shs_waiter *w)
{
	if (w->upgrade)
		return obj->rwlock.upgrader == w->att->id ? 0 : -EPERM;
	if (list_empty(&obj->queue) || reads_again(w))
		return 0;
	if (obj->attempted)		/* the lane is an attempt's, perhaps: as if it were not */
		return -EBUSY;
	return lane_holds(w) && w->own_lane && writer_queues(obj) ? -EDEADLK : -EBUSY;
}

static int rw_try(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	int ret;

	lockdep_assert_held(&obj->lock);
	if (obj->lost && !w->force)
		return -ENOTRECOVERABLE;
	ret = overtake(obj, w);
	if (ret)
		return ret;
	if (obj->freezers && !reads_again(w))
		return -EBUSY;
	if (w->mode == SHS_MODE_EXCLUSIVE) {
		if (list_empty(&obj->queue))
			obj->rwlock.revoked_ns = 0;	/* cost no writer anything */
		revoke(obj);
	}
	return is_blocked(obj, w, wakes) ? -EBUSY : enter(obj, w);
}

static void rw_pass(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *head;
	bool writer;

	lockdep_assert_held(&obj->lock);
	if (obj->lost)
		shs_tell_lost(obj, wakes);
	for (;;) {
		head = shs_head(obj, wakes);
		writer = head && head->mode == SHS_MODE_EXCLUSIVE;
		WRITE_ONCE(obj->control->wpending, writer);
		if (!head)
			return;
		revoke(obj);
		if (is_blocked(obj, head, wakes))
			return;
		if (head->state != SHS_QUEUED)	/* it died and is_blocked() saw it */
			continue;
		if (!shs_claim(obj, head, wakes))
			continue;
		shs_trace(obj, SHS_EVENT_HANDOFF, shs_waiter_id(head), head->mode, 0);
		shs_settle(obj, head, enter(obj, head), wakes);
	}
}

/* w->att, or a single operation, has what it says: 0 or -EPERM. */
static int end_exclusive(struct shs_object *obj, const struct shs_waiter *w)
{
	u32 id = shs_waiter_id(w);

	if (w->mode == SHS_MODE_UPGRADABLE) {
		if (obj->rwlock.upgrader != id)
			return -EPERM;
		obj->rwlock.upgrader = 0;
		return 0;
	}
	if (shs_rwlock_writer(obj) != id)
		return -EPERM;
	obj->rwlock.writer = 0;
	if (w->att)
		WRITE_ONCE(*writes_of(w->att), 0);
	return 0;
}

/*
 * A held lock becomes a weaker one at once: 0, -EPERM if w->mode is not held, or
 * -EUCLEAN for a writer who has a death to declare (SHS_INIT_STRICT).
 */
int shs_rwlock_convert(struct shs_object *obj, struct shs_waiter *w, u32 to)
{
	bool owed = w->mode == SHS_MODE_EXCLUSIVE && is_owed(obj);
	int ret;

	lockdep_assert_held(&obj->lock);
	if (owed && shs_rwlock_writer(obj) == w->att->id)
		return -EUCLEAN;
	ret = end_exclusive(obj, w);
	if (ret)
		return ret;
	if (to == SHS_MODE_READ) {
		shs_hold_end(obj, w->att->id, w->mode, SHS_EVENT_RELEASE);
		enter_lane(obj, w);
	} else {
		shs_hold_mode(obj, to);
		obj->rwlock.upgrader = w->att->id;
	}
	return 0;
}

static int release_exclusive(struct shs_object *obj, struct shs_waiter *w, bool notice)
{
	bool write = w->mode == SHS_MODE_EXCLUSIVE;
	int ret = end_exclusive(obj, w);

	if (ret)
		return ret;
	if (w->upgrade) {		/* an unused grant: back to what it was before */
		obj->rwlock.upgrader = w->att->id;
		shs_hold_mode(obj, SHS_MODE_UPGRADABLE);
	} else if (w->att) {
		shs_hold_end(obj, w->att->id, w->mode, SHS_EVENT_RELEASE);
	}
	if (!write || !w->att)
		return 0;
	obj->lost |= is_owed(obj) && !notice;
	obj->rwlock.died |= notice && !(obj->flags & SHS_INIT_IGNORE);
	return 0;
}

static int rw_release(struct shs_object *obj, struct shs_waiter *w, bool notice,
		      struct shs_wakes *wakes)
{
	atomic64_t *lane;

	lockdep_assert_held(&obj->lock);
	if (w->mode != SHS_MODE_READ)
		return release_exclusive(obj, w, notice);
	if (!w->att) {
		obj->rwlock.kernel_readers--;
		return 0;
	}
	lane = shs_lane(w->att, w->lane);
	if (!atomic64_read(lane))
		return -EPERM;
	atomic64_dec(lane);	/* racing with itself a process spoils its own lane only */
	shs_read_end(w->att, w->lane, SHS_EVENT_RELEASE);
	return 0;
}

/* One that writes, and counts in a lane, was about to read on: it did not yet. */
static void repair_reads(struct shs_object *obj, struct shs_attachment *att, bool writes)
{
	u64 left;
	u32 i;

	if (lane_sum(att) && !writes)
		shs_death_note(att, SHS_MODE_READ);
	for (left = shs_lanes_in_use(att); left; left &= left - 1) {
		i = __ffs64(left);
		if ((atomic64_xchg(shs_lane(att, i), 0) && !writes) || shs_reads(att, i))
			shs_read_end(att, i, SHS_EVENT_OWNER_DIED);
	}
}

static void rw_repair(struct shs_object *obj, struct shs_attachment *att,
		      struct shs_wakes *wakes)
{
	bool writes = obj->rwlock.writer == att->id && must_call(obj, att);

	lockdep_assert_held(&obj->lock);
	repair_reads(obj, att, writes);
	if (obj->rwlock.upgrader == att->id) {
		shs_death_note(att, SHS_MODE_UPGRADABLE);
		shs_hold_end(obj, att->id, SHS_MODE_UPGRADABLE, SHS_EVENT_OWNER_DIED);
		obj->rwlock.upgrader = 0;
	}
	if (writes) {
		shs_death_note(att, SHS_MODE_EXCLUSIVE);
		shs_hold_end(obj, att->id, SHS_MODE_EXCLUSIVE, SHS_EVENT_OWNER_DIED);
		obj->rwlock.writer = 0;
		obj->rwlock.died |= !(obj->flags & SHS_INIT_IGNORE);
	}
}

const struct shs_kind_ops shs_rwlock_ops = {
	.try = rw_try,
	.release = rw_release,
	.repair = rw_repair,
	.pass = rw_pass,
};
