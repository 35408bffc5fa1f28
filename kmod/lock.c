// SPDX-License-Identifier: GPL-2.0-only
/* SHS_IOC_LOCK, UNLOCK, CONVERT, RECOVER, WATCH, ONCE: thin, over the kinds' state machines. */
#include <linux/nospec.h>
#include "shstate.h"

static bool pad_is_zero(const u8 *pad, size_t n)
{
	return !memchr_inv(pad, 0, n);
}

/*
 * Whether the thread slot of the lane's number says that the lane is the thread's
 * own.  The process writes these itself: a hint, by which it may fool itself only.
 */
static bool is_own_lane(const struct shs_attachment *att, u32 lane, struct pid *thread)
{
	const struct shs_thread *slot = att->private_mem + SHS_LANES_OFFSET +
					att->obj->geo.lanes_bytes;

	return lane < SHS_THREADS_MAX && READ_ONCE(slot[lane].tid) == pid_vnr(thread);
}

static bool is_lock(u32 kind)
{
	return kind == SHS_KIND_MUTEX || kind == SHS_KIND_RWLOCK || kind == SHS_KIND_CELL ||
	       kind == SHS_KIND_SEMAPHORE;
}

/* What mode and lane mean for this kind; fills w. */
static int fill_waiter(struct shs_waiter *w, struct shs_attachment *att, u32 mode, u32 lane,
		       const struct shs_door *door)
{
	const struct shs_object *obj = att->obj;
	bool read = mode == SHS_MODE_READ;

	if (!is_lock(obj->kind))
		return -EOPNOTSUPP;
	if (mode > SHS_MODE_UPGRADABLE ||
	    (mode != SHS_MODE_EXCLUSIVE && obj->kind != SHS_KIND_RWLOCK))
		return -EINVAL;
	if (read ? lane >= obj->geo.lanes : lane)
		return -EINVAL;
	if (!read && !att->may_write)
		return -EACCES;
	w->att = att;
	w->thread = shs_caller(door);
	w->mode = mode;
	w->lane = read ? array_index_nospec(lane, obj->geo.lanes) : 0;
	w->own_lane = read && is_own_lane(att, w->lane, w->thread);
	return 0;
}

/* How many permits, of a semaphore; what else there is has none. */
static int fill_permits(struct shs_waiter *w, const struct shs_ioc_lock *l)
{
	const struct shs_object *obj = w->att->obj;

	if (obj->kind != SHS_KIND_SEMAPHORE)
		return l->permits || l->flags & SHS_LOCK_NO_UNDO ? -EINVAL : 0;
	if (l->permits > shs_semaphore_bound(obj))
		return -EINVAL;
	w->permits = l->permits ?: 1;
	w->no_undo = l->flags & SHS_LOCK_NO_UNDO;
	return 0;
}

/* The first published struct ended before permits. */
static int lock_in(struct shs_ioc_lock *l, void __user *argp)
{
	int ret;

	static_assert(SHS_LOCK_NO_UNDO == SHS_UNLOCK_NO_UNDO);
	ret = shs_copy_in_from(l, sizeof(*l), offsetof(struct shs_ioc_lock, permits), argp);
	if (ret)
		return ret;
	return l->notice || !pad_is_zero(l->pad, sizeof(l->pad)) ? -EINVAL : 0;
}

/* What l asks for, but for how long to wait; fills w. */
int shs_lock_waiter(struct shs_waiter *w, struct shs_attachment *att,
		    const struct shs_ioc_lock *l, const struct shs_door *door)
{
	int ret = fill_waiter(w, att, l->mode, l->lane, door) ?: fill_permits(w, l);

	if (ret)
		return ret;
	if (l->flags & SHS_LOCK_RECURSIVE && l->mode != SHS_MODE_READ)
		return -EINVAL;
	w->recursive = l->flags & SHS_LOCK_RECURSIVE;
	return 0;
}

long shs_lock(struct shs_attachment *att, void __user *argp, struct shs_door *door)
{
	struct shs_waiter w = { };
	struct shs_ioc_lock l;
	struct shs_deadline d;
	int ret;

	ret = lock_in(&l, argp);
	if (ret)
		return ret;
	if (l.flags & ~(SHS_LOCK_NOWAIT | SHS_LOCK_RECURSIVE | SHS_LOCK_NO_UNDO))
		return -EINVAL;
	ret = shs_deadline_set(&d, l.deadline, l.clock) ?: shs_lock_waiter(&w, att, &l, door);
	if (ret)
		return ret;
	w.call = (uintptr_t)argp;
	return shs_wait(att->obj, &w, l.flags & SHS_LOCK_NOWAIT ? NULL : &d, door);
}

long shs_unlock(struct shs_attachment *att, void __user *argp, struct shs_door *door)
{
	struct shs_object *obj = att->obj;
	const struct shs_kind_ops *ops;
	struct shs_wakes wakes = { };
	struct shs_waiter w = { };
	struct shs_ioc_lock l;
	int ret;

	ret = lock_in(&l, argp);
	if (ret)
		return ret;
	if (l.flags & ~(SHS_UNLOCK_FAIR | SHS_UNLOCK_ABANDON | SHS_UNLOCK_RETURNED |
			SHS_UNLOCK_NO_UNDO) ||
	    l.deadline || l.clock)
		return -EINVAL;
	ret = fill_waiter(&w, att, l.mode, l.lane, door) ?: fill_permits(&w, &l);
	if (ret)
		return ret;
	if ((l.flags & SHS_UNLOCK_FAIR && obj->kind != SHS_KIND_MUTEX) ||
	    (l.flags & SHS_UNLOCK_ABANDON &&
	     (l.mode == SHS_MODE_READ || obj->kind == SHS_KIND_SEMAPHORE)) ||
	    (l.flags & SHS_UNLOCK_RETURNED && l.mode != SHS_MODE_READ))
		return -EINVAL;
	ops = shs_kind_ops(obj->kind);
	spin_lock(&obj->lock);
	ret = -ENXIO;
	if (att->state == SHS_ATT_LIVE) {
		ret = l.flags & SHS_UNLOCK_RETURNED ? 0 :
		      ops->release(obj, &w, l.flags & SHS_UNLOCK_ABANDON, &wakes);
		if (!ret && l.flags & SHS_UNLOCK_FAIR)
			shs_mutex_be_fair(obj);
		shs_pass(obj, &wakes);
	}
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

static int weaken(struct shs_attachment *att, struct shs_waiter *w, u32 to)
{
	struct shs_object *obj = att->obj;
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	spin_lock(&obj->lock);
	if (att->state == SHS_ATT_LIVE)
		ret = shs_rwlock_convert(obj, w, to);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

/* Which conversions there are: to write from UPGRADABLE, else to something weaker. */
static bool can_convert(u32 from, u32 to)
{
	return (from == SHS_MODE_UPGRADABLE && to == SHS_MODE_EXCLUSIVE) ||
	       (from == SHS_MODE_UPGRADABLE && to == SHS_MODE_READ) ||
	       (from == SHS_MODE_EXCLUSIVE && to == SHS_MODE_UPGRADABLE) ||
	       (from == SHS_MODE_EXCLUSIVE && to == SHS_MODE_READ);
}

long shs_convert(struct shs_attachment *att, void __user *argp, struct shs_door *door)
{
	struct shs_waiter w = { };
	struct shs_ioc_convert c;
	struct shs_deadline d;
	int ret;

	ret = shs_copy_in_from(&c, sizeof(c), offsetof(struct shs_ioc_convert, pad1), argp);
	if (ret)
		return ret;
	if (c.flags & ~SHS_LOCK_NOWAIT || c.pad0 || !pad_is_zero(c.pad, sizeof(c.pad)) ||
	    c.pad1 || c.notice || !can_convert(c.from, c.to) ||
	    (c.to != SHS_MODE_EXCLUSIVE && (c.flags || c.deadline || c.clock)))
		return -EINVAL;
	if (att->obj->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	ret = shs_deadline_set(&d, c.deadline, c.clock) ?:
	      fill_waiter(&w, att, c.to, c.lane, door);
	if (ret)
		return ret;
	if (c.to == SHS_MODE_EXCLUSIVE) {
		w.upgrade = true;
		w.call = (uintptr_t)argp;
		return shs_wait(att->obj, &w, c.flags & SHS_LOCK_NOWAIT ? NULL : &d, door);
	}
	if (door && door->att)
		return -EINVAL;
	w.mode = c.from;
	return weaken(att, &w, c.to);
}

static int once_begin(struct shs_attachment *att, struct shs_ioc_once *o, void __user *argp,
		      struct shs_door *door)
{
	struct shs_waiter w = {
		.att = att,
		.thread = shs_caller(door),
		.call = (uintptr_t)argp,
		.force = o->flags & SHS_ONCE_FORCE,
		.watch = o->cmd == SHS_ONCE_WAIT,
	};
	struct shs_deadline d;
	int ret = shs_deadline_set(&d, o->deadline, o->clock);

	if (ret)
		return ret;
	ret = shs_wait(att->obj, &w, o->flags & SHS_ONCE_NOWAIT ? NULL : &d, door);
	o->state = w.reply;
	return ret;
}

static int once_end(struct shs_attachment *att, struct shs_ioc_once *o, const void *value)
{
	struct shs_object *obj = att->obj;
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	spin_lock(&obj->lock);
	if (att->state == SHS_ATT_LIVE)
		ret = shs_once_finish(obj, att->id, o->cmd == SHS_ONCE_COMPLETE, value);
	if (!ret)
		o->state = shs_once_state(obj);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

static int once_finish(struct shs_attachment *att, struct shs_ioc_once *o)
{
	void *value = NULL;
	int ret = 0;

	if (o->value_size) {
		value = kvmalloc(o->value_size, SHS_GFP);
		if (!value)
			return -ENOMEM;
		if (copy_from_user(value, u64_to_user_ptr(o->value), o->value_size))
			ret = -EFAULT;
		else if (!shs_bytes_valid(att->obj->type, value, o->value_size))
			ret = -ERANGE;
	}
	ret = ret ?: once_end(att, o, value);
	kvfree(value);
	return ret;
}

/* The value comes with COMPLETE only, and whole. */
static bool once_value_valid(const struct shs_object *obj, const struct shs_ioc_once *o)
{
	if (!o->value_size)
		return !o->value;
	return o->cmd == SHS_ONCE_COMPLETE && o->value && o->value_size == obj->geo.value_size;
}

long shs_recover_value(struct shs_attachment *att, void __user *argp)
{
	struct shs_object *obj = att->obj;
	struct shs_ioc_recover r;
	int ret;

	ret = shs_copy_in(&r, sizeof(r), argp);
	if (ret)
		return ret;
	if (r.flags)
		return -EINVAL;
	if (obj->kind != SHS_KIND_MUTEX && obj->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	spin_lock(&obj->lock);
	ret = att->state == SHS_ATT_LIVE ? shs_recover(obj, att) : -ENXIO;
	spin_unlock(&obj->lock);
	return ret;
}

long shs_watch_locks(struct shs_attachment *att, void __user *argp)
{
	struct shs_object *obj = att->obj;
	struct shs_wakes wakes = { };
	struct shs_ioc_watch w;
	int ret;

	ret = shs_copy_in(&w, sizeof(w), argp);
	if (ret)
		return ret;
	if (w.flags & ~(SHS_WATCH_ON | SHS_WATCH_FREEZE) || w.flags == SHS_WATCH_FREEZE)
		return -EINVAL;
	if (!is_lock(obj->kind))
		return -EOPNOTSUPP;
	if (!att->may_write)
		return -EACCES;
	spin_lock(&obj->lock);
	ret = att->state == SHS_ATT_LIVE ? shs_watch(att, w.flags) : -ENXIO;
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

long shs_once(struct shs_attachment *att, void __user *argp, struct shs_door *door)
{
	struct shs_ioc_once o;
	bool waits;
	int ret;

	ret = shs_copy_in_from(&o, sizeof(o), offsetof(struct shs_ioc_once, pad1), argp);
	if (ret)
		return ret;
	waits = o.cmd == SHS_ONCE_BEGIN || o.cmd == SHS_ONCE_WAIT;
	if (o.cmd > SHS_ONCE_WAIT || o.state || !pad_is_zero(o.pad, sizeof(o.pad)) ||
	    o.pad1 || o.notice ||
	    o.flags & ~(SHS_ONCE_NOWAIT | SHS_ONCE_FORCE) ||
	    (!waits && (o.flags || o.deadline || o.clock)) ||
	    (o.cmd == SHS_ONCE_WAIT && o.flags & SHS_ONCE_FORCE) ||
	    (!waits && door && door->att))
		return -EINVAL;
	if (att->obj->kind != SHS_KIND_ONCE)
		return -EOPNOTSUPP;
	if (!once_value_valid(att->obj, &o))
		return -EINVAL;
	/* a bad pointer fails before anything happens */
	ret = shs_copy_out(argp, &o, sizeof(o));
	if (ret)
		return ret;
	ret = waits ? once_begin(att, &o, argp, door) : once_finish(att, &o);
	/* o is the command's now; or as it came, and its memory perhaps not io_uring's any more */
	if (ret == -EIOCBQUEUED || ret == -ERESTARTSYS)
		return ret;
	shs_copy_out(argp, &o, sizeof(o));	/* committed: a racing munmap loses the reply */
	return ret;
}
