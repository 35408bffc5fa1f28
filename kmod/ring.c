// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits that came by io_uring, where the kernel can cancel commands: request.c's.  Posted
 * is to the task that submitted the command, or to io_uring's own if that is gone; there
 * the reply is written and the command done, so r goes after that: until then io_uring may
 * want to cancel it.
 */
#include <linux/sched/signal.h>
#include "shstate.h"

#ifdef SHS_HAVE_URING_CANCELABLE

/* Where the command keeps its request. */
static struct shs_request **request_of(struct io_uring_cmd *cmd)
{
	BUILD_BUG_ON(sizeof(struct shs_request *) > sizeof(cmd->pdu));
	return (struct shs_request **)cmd->pdu;
}

/* The completion has nobody to go to if the task is gone or killed, or the ring closed. */
static void finish(struct shs_request *r, bool dead, unsigned int issue_flags)
{
	bool closed = dead || shs_door_closed(r->door.cmd) || fatal_signal_pending(current);
	int ret = shs_request_end(r, closed);

	shs_uring_done(r->door.cmd, shs_door_end(&r->door, &r->w, ret), issue_flags);
	shs_request_free(r);
}

static void finish_command(struct io_uring_cmd *cmd, unsigned int issue_flags, bool dead)
{
	finish(*request_of(cmd), dead, issue_flags);
}

SHS_URING_TW(finish_in_task, finish_command)

static void ring_post(struct shs_request *r)
{
	shs_uring_complete_in_task(r->door.cmd, finish_in_task);
}

/* It ends by shs_uring_done() only. */
static void ring_publish(struct shs_request *r)
{
	*request_of(r->door.cmd) = r;
	io_uring_cmd_mark_cancelable(r->door.cmd, r->door.issue_flags);
}

/*
 * io_uring cancels the command, with uring_lock held, perhaps again and again until it is
 * done; it is not yet, so the request is still there.
 */
void shs_ring_cancel(struct io_uring_cmd *cmd)
{
	shs_request_cancel(*request_of(cmd));
}

static void ring_at_once(struct shs_request *r)
{
	finish(r, false, r->door.issue_flags);
}

static int ring_wait(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d,
		     struct shs_door *door)
{
	int ret = shs_first_try(obj, w, door);

	if (ret == -EBUSY && d)
		return shs_request_wait(obj, w, d, door);
	/* a worker may come to issue it when the ring is closed already */
	return shs_door_closed(door->cmd) ? shs_give_back(obj, w, ret) : ret;
}

const struct shs_door_ops shs_ring = {
	.wait = ring_wait,
	.many = shs_request_many,
	.publish = ring_publish,
	.at_once = ring_at_once,
	.post = ring_post,
};

#endif
