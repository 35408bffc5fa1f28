// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring: the ioctls that wait, and those that end what they began, as commands.  The
 * SQE carries address and size of the struct that the ioctl takes; both are read once,
 * at once, for the SQE is shared memory.
 *
 * What need not wait completes in the issue.  What must is ring.c's (the command
 * completes when its waiter is settled), or on kernels that cannot cancel commands
 * worker.c's (a worker of the ring sleeps).  What ends a holding never waits, so it needs
 * no worker that the waits could have used up.
 *
 * The completion is 0 or an errno: 6.1 loses a positive result.  -EOWNERDEAD would cut a
 * chain of links where its lock is held, so it is 0, and a notice in the struct; of a
 * barrier it is an error, for there it says that the wait was for nothing.  An
 * operation that would wait for a holder is -EBUSY.
 */
#include "shstate.h"

/* Whether nobody will see the completion any more. */
bool shs_door_closed(const struct io_uring_cmd *cmd)
{
	return percpu_ref_is_dying(&cmd_to_io_kiocb((void *)cmd)->ctx->refs) ||
	       shs_uring_task(cmd)->flags & PF_EXITING;
}

/* To who submitted it, in his address space; what fails is lost to himself. */
static void reply(const struct shs_door *door, size_t at, u32 what)
{
	if (at)
		put_user(what, (u32 __user *)(door->argp + at));
}

/*
 * What the command completes with, w having ended with ret; w NULL: the call has replied.
 * 6.12 would pass a restart on, and -EAGAIN would be issued anew by a worker.
 */
int shs_door_end(const struct shs_door *door, const struct shs_waiter *w, int ret)
{
	if (w && (!ret || ret == -EOWNERDEAD)) {
		reply(door, door->state_at, w->reply);
		if (door->generation_at)
			put_user(w->generation,
				 (u64 __user *)(door->argp + door->generation_at));
	}
	switch (ret) {
	case -EOWNERDEAD:
		reply(door, door->notice_at, SHS_NOTICE_OWNER_DIED);
		return door->notice_at ? 0 : ret;
	case -EAGAIN:
		return -EBUSY;
	case -ERESTARTSYS:
		return -EINTR;
	}
	return ret;
}

/* Whether it need not wait at all.  At a barrier everybody does: to try is to arrive. */
int shs_first_try(struct shs_object *obj, struct shs_waiter *w, const struct shs_door *door)
{
	w->thread = door->thread;
	w->by_ring = true;
	return obj->kind == SHS_KIND_BARRIER ? -EBUSY : shs_acquire(obj, w, NULL);
}

static const struct rule {
	u32 cmd;
	size_t size, notice_at, state_at, generation_at;
	bool on_object;		/* as well as on an attachment */
} rules[] = {
	{ SHS_IOC_OP, sizeof(struct shs_ioc_op), offsetof(struct shs_ioc_op, notice),
	  .on_object = true },
	{ SHS_IOC_CANCEL, sizeof(struct shs_ioc_cancel), .on_object = true },
	{ SHS_IOC_LOCK, sizeof(struct shs_ioc_lock), offsetof(struct shs_ioc_lock, notice) },
	{ SHS_IOC_UNLOCK, sizeof(struct shs_ioc_lock), offsetof(struct shs_ioc_lock, notice) },
	{ SHS_IOC_CONVERT, sizeof(struct shs_ioc_convert),
	  offsetof(struct shs_ioc_convert, notice) },
	{ SHS_IOC_WAIT, sizeof(struct shs_ioc_wait), offsetof(struct shs_ioc_wait, notice) },
	{ SHS_IOC_ONCE, sizeof(struct shs_ioc_once), offsetof(struct shs_ioc_once, notice),
	  offsetof(struct shs_ioc_once, state) },
	{ SHS_IOC_RECOVER, sizeof(struct shs_ioc_recover) },
	{ SHS_IOC_BARRIER, sizeof(struct shs_ioc_barrier),
	  .state_at = offsetof(struct shs_ioc_barrier, state),
	  .generation_at = offsetof(struct shs_ioc_barrier, generation) },
	{ SHS_IOC_MANY, sizeof(struct shs_ioc_many), offsetof(struct shs_ioc_many, notice) },
};

static const struct rule *find_rule(u32 cmd, bool on_object)
{
	const struct rule *r;

	for (r = rules; r < rules + ARRAY_SIZE(rules); r++)
		if (r->cmd == cmd && (r->on_object || !on_object))
			return r;
	return NULL;
}

static long run(struct shs_door *door, u32 size)
{
	struct file *file = door->cmd->file;
	struct shs_object *obj;
	int ret;

	if (file->f_op == &shs_att_fops) {
		ret = shs_att_check(file->private_data);
		return ret ?: shs_att_call(file->private_data, door->cmd->cmd_op, door->argp, door);
	}
	obj = file_inode(file)->i_private;
	if (!shs_is_ready(obj))
		return -EUNATCH;
	return door->cmd->cmd_op == SHS_IOC_OP ? shs_op(file, NULL, door->argp, size, door) :
						 shs_cancel_wait(obj, door->argp);
}

/*
 * The struct's size, as the SQE and its first word say; and room for the notice, which
 * can be written.
 */
static int check_struct(const struct shs_sqe *sqe, const struct rule *rule)
{
	void __user *argp = u64_to_user_ptr(sqe->addr);
	u32 __user *notice = argp + rule->notice_at;
	u32 size, old;
	int ret = shs_size_in(&size, rule->size, argp);

	if (ret)
		return ret;
	if (size != sqe->size)
		return -EINVAL;
	if (!rule->notice_at)
		return 0;
	if (get_user(old, notice))
		return -EFAULT;
	return old ? -EINVAL : put_user(0, notice);
}

int shs_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct shs_door door = { .ops = &shs_ring, .cmd = cmd, .issue_flags = issue_flags };
	bool on_object = cmd->file->f_op == &shs_object_fops;
	const struct rule *rule;
	struct shs_sqe sqe;
	int ret;

	if (shs_uring_is_cancel(issue_flags)) {
		shs_ring_cancel(cmd);
		return 0;
	}
	memcpy(&sqe, shs_uring_payload(cmd), sizeof(sqe));
	rule = find_rule(cmd->cmd_op, on_object);
	if (!rule)
		return -EOPNOTSUPP;
	if (sqe.pad)
		return -EINVAL;
	ret = check_struct(&sqe, rule);
	if (ret)
		return ret;
	door.argp = u64_to_user_ptr(sqe.addr);
	door.thread = task_pid(shs_uring_task(cmd));
	door.notice_at = rule->notice_at;
	door.state_at = rule->state_at;
	door.generation_at = rule->generation_at;
	ret = run(&door, sqe.size);
	return door.retry ? ret : shs_door_end(&door, NULL, ret);
}
