// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHS_IOC_BARRIER: thin, over barrier.c.  A signal ends the sleep and with it the arrival;
 * the restarted call arrives anew.
 */
#include "shstate.h"

static int arrive(struct shs_attachment *att, struct shs_ioc_barrier *b, void __user *argp,
		  struct shs_door *door)
{
	struct shs_waiter w = {
		.att = att,
		.thread = shs_caller(door),
		.call = (uintptr_t)argp,
	};
	struct shs_deadline d;
	int ret = shs_deadline_set(&d, b->deadline, b->clock) ?:
		  shs_wait(att->obj, &w, &d, door);

	if (!ret || ret == -EOWNERDEAD) {
		b->state = w.reply;
		b->generation = w.generation;
	}
	return ret;
}

/* With the lock held, of a live attachment. */
static int change(struct shs_attachment *att, const struct shs_ioc_barrier *b,
		  struct shs_wakes *wakes)
{
	switch (b->cmd) {
	case SHS_BARRIER_LEAVE:
		return shs_barrier_leave(att);
	case SHS_BARRIER_SET:
		shs_barrier_set(att->obj, b->parties);
		break;
	case SHS_BARRIER_RESET:
		shs_barrier_reset(att->obj, wakes);
		break;
	}
	return 0;
}

static int change_and_pass(struct shs_attachment *att, struct shs_ioc_barrier *b)
{
	struct shs_object *obj = att->obj;
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	spin_lock(&obj->lock);
	if (att->state == SHS_ATT_LIVE)
		ret = change(att, b, &wakes);
	shs_pass(obj, &wakes);
	if (!ret) {
		b->state = obj->barrier.broken ? SHS_BARRIER_BROKEN : 0;
		b->generation = obj->barrier.generation;
	}
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

static bool is_valid(const struct shs_ioc_barrier *b)
{
	bool waits = b->cmd == SHS_BARRIER_WAIT, sets = b->cmd == SHS_BARRIER_SET;

	if (b->cmd > SHS_BARRIER_RESET || b->flags || b->generation || b->state || b->notice ||
	    memchr_inv(b->pad, 0, sizeof(b->pad)))
		return false;
	if (sets ? !b->parties || b->parties > SHS_BARRIER_MAX : b->parties)
		return false;
	return waits || (!b->deadline && !b->clock);
}

long shs_barrier(struct shs_attachment *att, void __user *argp, struct shs_door *door)
{
	struct shs_ioc_barrier b;
	int ret;

	ret = shs_copy_in(&b, sizeof(b), argp);
	if (ret)
		return ret;
	if (!is_valid(&b) || (b.cmd != SHS_BARRIER_WAIT && door && door->att))
		return -EINVAL;
	if (att->obj->kind != SHS_KIND_BARRIER)
		return -EOPNOTSUPP;
	if (!att->may_write)
		return -EACCES;
	/* a bad pointer fails before anything happens */
	ret = shs_copy_out(argp, &b, sizeof(b));
	if (ret)
		return ret;
	ret = b.cmd == SHS_BARRIER_WAIT ? arrive(att, &b, argp, door) :
					  change_and_pass(att, &b);
	/* b is the command's now; or as it came, and its memory perhaps not io_uring's any more */
	if (ret == -EIOCBQUEUED || ret == -ERESTARTSYS)
		return ret;
	shs_copy_out(argp, &b, sizeof(b));	/* committed: a racing munmap loses the reply */
	return ret;
}
