// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll, epoll and select: SHS_IOC_ARM begins a wait that no thread sleeps for (request.c),
 * and when that has ended the attachment is readable until SHS_IOC_COLLECT.
 *
 *   NONE --ARM--> WAITS --posted--> ENDED --COLLECT--> WAITS --its end is over--> NONE
 *     ^-- refused --/                  \--release of the file--> freed
 *
 * All under polled.lock, with which poll's queue is woken, once for each end.  The request
 * belongs to the attachment and holds no attachment's file: nothing keeps itself open.  In
 * WAITS it is the queue's, or of who settled it and is on his way here; so a release ends
 * it if nobody has, and waits for him.
 *
 *   release                             who settles
 *   cancel: queued? settled             lock; off the queue; unlock
 *   ENDED? sleeps                       polled.lock: ENDED, wake up; unlock
 *   polled.lock: ENDED: frees all
 *
 * He touches nothing after that unlock, and the release sees ENDED by that lock, so after
 * it.  He holds nothing that the release needs, and is never the same task: files are
 * released by a task that has returned from all of this.
 *
 * ARM on a command:                       kinds' locks      polled.lock
 *   a grant or the end of the attachment  taken, dropped    then taken
 *   poll                                  -                 taken by poll_wait() and to look
 *   COLLECT, release                      then taken        taken, dropped
 *
 * So the two are never nested, and what epoll takes inside polled.lock is no matter here.
 */
#include <linux/poll.h>
#include <linux/wait.h>
#include "shstate.h"

/* Nothing was armed: it is now. */
static bool begin(struct shs_attachment *att)
{
	bool none;

	spin_lock_irq(&att->polled.lock);
	none = att->arm == SHS_ARM_NONE;
	if (none)
		att->arm = SHS_ARM_WAITS;
	spin_unlock_irq(&att->polled.lock);
	return none;
}

static enum shs_arm state_of(struct shs_attachment *att)
{
	enum shs_arm state;

	spin_lock_irq(&att->polled.lock);
	state = att->arm;
	spin_unlock_irq(&att->polled.lock);
	return state;
}

/*
 * 0: the caller's now, who makes an end of it.  Until that is over nobody arms another: some
 * of what is armed uses the attachment until then (att->many).
 */
static int take(struct shs_attachment *att, struct shs_request **r)
{
	int ret = -EAGAIN;

	spin_lock_irq(&att->polled.lock);
	if (att->arm == SHS_ARM_NONE) {
		ret = -ENOENT;
	} else if (att->arm == SHS_ARM_ENDED) {
		*r = att->request;
		att->request = NULL;
		att->arm = SHS_ARM_WAITS;
		ret = 0;
	}
	spin_unlock_irq(&att->polled.lock);
	return ret;
}

/* Nothing is armed any more. */
static void leave(struct shs_attachment *att)
{
	spin_lock_irq(&att->polled.lock);
	att->arm = SHS_ARM_NONE;
	spin_unlock_irq(&att->polled.lock);
}

/* ---- the door ---- */

static void arm_publish(struct shs_request *r)
{
	struct shs_attachment *att = r->door.att;

	spin_lock_irq(&att->polled.lock);
	att->request = r;
	spin_unlock_irq(&att->polled.lock);
}

static void arm_post(struct shs_request *r)
{
	struct shs_attachment *att = r->door.att;
	unsigned long flags;

	spin_lock_irqsave(&att->polled.lock, flags);
	att->arm = SHS_ARM_ENDED;
	wake_up_locked_poll(&att->polled, EPOLLIN | EPOLLRDNORM);
	spin_unlock_irqrestore(&att->polled.lock, flags);
}

static int arm_wait(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d,
		    struct shs_door *door)
{
	if (!d)
		return -EINVAL;
	w->armed = door->att;
	return shs_request_wait(obj, w, d, door);
}

static const struct shs_door_ops arm_door = {
	.wait = arm_wait,
	.many = shs_request_many,
	.publish = arm_publish,
	.at_once = arm_post,
	.post = arm_post,
};

/* ---- calls ---- */

static bool can_arm(u32 command)
{
	switch (command) {
	case SHS_IOC_LOCK:
	case SHS_IOC_CONVERT:
	case SHS_IOC_WAIT:
	case SHS_IOC_ONCE:
	case SHS_IOC_BARRIER:
	case SHS_IOC_MANY:
	case SHS_IOC_OP:
		return true;
	}
	return false;
}

long shs_arm(struct shs_attachment *att, void __user *argp)
{
	struct shs_door door = {
		.ops = &arm_door,
		.thread = task_pid(current),
		.att = att,
	};
	struct shs_ioc_arm a;
	int ret;

	ret = shs_copy_in(&a, sizeof(a), argp);
	if (ret)
		return ret;
	if (a.flags || a.pad)
		return -EINVAL;
	if (!can_arm(a.command))
		return -EOPNOTSUPP;
	if (!begin(att))
		return -EBUSY;
	ret = shs_att_call(att, a.command, u64_to_user_ptr(a.addr), &door);
	if (ret == -EIOCBQUEUED)
		return 0;
	leave(att);
	return ret;
}

long shs_collect(struct shs_attachment *att, void __user *argp)
{
	struct shs_ioc_collect c;
	struct shs_request *r;
	int ret;

	ret = shs_copy_in(&c, sizeof(c), argp);
	if (ret)
		return ret;
	if (c.flags || c.state || c.pad || c.result)
		return -EINVAL;
	/* a bad pointer fails before anything happens */
	ret = shs_copy_out(argp, &c, sizeof(c)) ?: take(att, &r);
	if (ret)
		return ret;
	ret = shs_request_end(r, false);
	leave(att);
	if (!ret || ret == -EOWNERDEAD) {
		c.state = r->w.reply;
		c.result = r->w.generation;
	}
	shs_request_free(r);
	shs_copy_out(argp, &c, sizeof(c));	/* committed: a racing munmap loses the reply */
	return ret == -EAGAIN ? -EBUSY : ret;	/* which says that it waits on */
}

static bool is_dead(struct shs_attachment *att)
{
	bool dead;

	spin_lock(&att->obj->lock);
	dead = att->state == SHS_ATT_DEAD;
	spin_unlock(&att->obj->lock);
	return dead;
}

/*
 * Another process than the attachment's cannot collect, so to be told that there is
 * something would make it look for ever: it is told its mistake.
 */
__poll_t shs_att_poll(struct file *file, poll_table *wait)
{
	struct shs_attachment *att = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &att->polled, wait);
	if (!(current->flags & PF_KTHREAD) && shs_att_check(att))	/* aio asks from a thread */
		return EPOLLERR;
	if (state_of(att) == SHS_ARM_ENDED)
		events |= EPOLLIN | EPOLLRDNORM;
	if (is_dead(att))
		events |= EPOLLHUP;
	return events;
}

/* With the release of the file, so that nobody arms or collects any more. */
void shs_disarm(struct shs_attachment *att)
{
	struct shs_request *r;

	if (state_of(att) == SHS_ARM_NONE)
		return;
	shs_request_cancel(att->request);
	wait_event(att->polled, state_of(att) == SHS_ARM_ENDED);
	if (take(att, &r))
		return;
	shs_request_end(r, true);
	shs_request_free(r);
}
