// SPDX-License-Identifier: GPL-2.0-only
/* SHS_IOC_LOCK, SHS_IOC_UNLOCK and SHS_IOC_ONCE: thin, over the kinds' state machines. */
#include <linux/nospec.h>
#include "shstate.h"

static bool pad_is_zero(const u8 *pad, size_t n)
{
	return !memchr_inv(pad, 0, n);
}

/* What mode and lane mean for this kind; fills w. */
static int fill_waiter(struct shs_waiter *w, struct shs_attachment *att,
		       const struct shs_ioc_lock *l)
{
	const struct shs_object *obj = att->obj;
	bool read = l->mode == SHS_MODE_READ;

	if (obj->kind != SHS_KIND_MUTEX && obj->kind != SHS_KIND_RWLOCK &&
	    obj->kind != SHS_KIND_CELL)
		return -EOPNOTSUPP;
	if (l->mode != SHS_MODE_EXCLUSIVE && !(read && obj->kind == SHS_KIND_RWLOCK))
		return -EINVAL;
	if (read ? l->lane >= obj->geo.lanes : l->lane)
		return -EINVAL;
	if (!read && !att->may_write)
		return -EACCES;
	w->att = att;
	w->mode = l->mode;
	w->lane = read ? array_index_nospec(l->lane, obj->geo.lanes) : 0;
	return 0;
}

long shs_lock(struct shs_attachment *att, void __user *argp)
{
	struct shs_waiter w = { };
	struct shs_ioc_lock l;
	struct shs_deadline d;
	int ret;

	ret = shs_copy_in(&l, sizeof(l), argp);
	if (ret)
		return ret;
	if (l.flags & ~SHS_LOCK_NOWAIT || !pad_is_zero(l.pad, sizeof(l.pad)))
		return -EINVAL;
	ret = shs_deadline_set(&d, l.deadline, l.clock) ?: fill_waiter(&w, att, &l);
	if (ret)
		return ret;
	return shs_acquire(att->obj, &w, l.flags & SHS_LOCK_NOWAIT ? NULL : &d);
}

long shs_unlock(struct shs_attachment *att, void __user *argp)
{
	struct shs_object *obj = att->obj;
	struct shs_wakes wakes = { };
	struct shs_waiter w = { };
	struct shs_ioc_lock l;
	int ret;

	ret = shs_copy_in(&l, sizeof(l), argp);
	if (ret)
		return ret;
	if (l.flags || l.deadline || l.clock || !pad_is_zero(l.pad, sizeof(l.pad)))
		return -EINVAL;
	ret = fill_waiter(&w, att, &l);
	if (ret)
		return ret;
	spin_lock(&obj->lock);
	ret = -ENXIO;
	if (att->state == SHS_ATT_LIVE) {
		ret = shs_kind_ops(obj->kind)->release(obj, &w, false);
		shs_pass(obj, &wakes);
	}
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

static int once_begin(struct shs_attachment *att, struct shs_ioc_once *o)
{
	struct shs_waiter w = { .att = att, .force = o->flags & SHS_ONCE_FORCE };
	struct shs_deadline d;
	int ret = shs_deadline_set(&d, o->deadline, o->clock);

	if (ret)
		return ret;
	ret = shs_acquire(att->obj, &w, o->flags & SHS_ONCE_NOWAIT ? NULL : &d);
	o->state = w.reply;
	return ret;
}

static int once_finish(struct shs_attachment *att, struct shs_ioc_once *o)
{
	struct shs_object *obj = att->obj;
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	spin_lock(&obj->lock);
	if (att->state == SHS_ATT_LIVE)
		ret = shs_once_finish(obj, att->id, o->cmd == SHS_ONCE_COMPLETE);
	if (!ret)
		o->state = shs_once_state(obj);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

long shs_once(struct shs_attachment *att, void __user *argp)
{
	struct shs_ioc_once o;
	bool begin;
	int ret;

	ret = shs_copy_in(&o, sizeof(o), argp);
	if (ret)
		return ret;
	begin = o.cmd == SHS_ONCE_BEGIN;
	if (o.cmd > SHS_ONCE_ABANDON || o.state || !pad_is_zero(o.pad, sizeof(o.pad)) ||
	    o.flags & ~(SHS_ONCE_NOWAIT | SHS_ONCE_FORCE) ||
	    (!begin && (o.flags || o.deadline || o.clock)))
		return -EINVAL;
	if (att->obj->kind != SHS_KIND_ONCE)
		return -EOPNOTSUPP;
	/* a bad pointer fails before anything happens */
	ret = shs_copy_out(argp, &o, sizeof(o));
	if (ret)
		return ret;
	ret = begin ? once_begin(att, &o) : once_finish(att, &o);
	shs_copy_out(argp, &o, sizeof(o));	/* committed: a racing munmap loses the reply */
	return ret;
}
