// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHS_IOC_BATCH: what many calls of SHS_IOC_OP would do, for the price of entering
 * the kernel once.  Each operation commits by itself; nothing is undone.
 */
#include <linux/file.h>
#include "shstate.h"

struct batch {
	struct file *file;		/* where the batch came */
	struct shs_ioc_batch args;
	u32 op_size;			/* of every element */
};

static int run_on(struct file *file, void __user *op, u32 size)
{
	struct shs_object *obj = file_inode(file)->i_private;
	u32 own_size;
	int ret;

	if (!shs_is_ready(obj))
		return -EUNATCH;
	ret = shs_size_in(&own_size, sizeof(struct shs_ioc_op), op);
	if (ret)
		return ret;
	return own_size == size ? shs_op(file, NULL, op, size, NULL) : -EINVAL;
}

/* The operation goes to the object behind its own fd. */
static int run_on_fd(const struct batch *b, u32 i, void __user *op)
{
	s32 __user *fds = u64_to_user_ptr(b->args.fds);
	struct file *file;
	int fd, ret = -EINVAL;

	if (get_user(fd, fds + i))
		return -EFAULT;
	file = fget(fd);
	if (!file)
		return -EBADF;
	if (file->f_op == &shs_object_fops)
		ret = run_on(file, op, b->op_size);
	fput(file);
	return ret;
}

static int run_one(const struct batch *b, u32 i)
{
	void __user *op = u64_to_user_ptr(b->args.ops) + (size_t)i * b->op_size;

	return b->args.fds ? run_on_fd(b, i, op) : run_on(b->file, op, b->op_size);
}

/*
 * A signal after the first operation ends the batch with -EINTR, not by a restart,
 * which would do that operation twice.
 */
static int run_all(struct batch *b)
{
	int ret = 0;

	for (; !ret && b->args.done < b->args.count; cond_resched()) {
		ret = run_one(b, b->args.done);
		if (!ret)
			b->args.done++;
	}
	return ret == -ERESTARTSYS && b->args.done ? -EINTR : ret;
}

long shs_batch(struct file *file, void __user *argp)
{
	struct batch b = { .file = file };
	int ret;

	ret = shs_copy_in(&b.args, sizeof(b.args), argp);
	if (ret)
		return ret;
	if (b.args.flags || !b.args.count || b.args.count > SHS_BATCH_MAX || b.args.done)
		return -EINVAL;
	ret = shs_size_in(&b.op_size, sizeof(struct shs_ioc_op), u64_to_user_ptr(b.args.ops)) ?:
	      shs_copy_out(argp, &b.args, sizeof(b.args));
	if (ret)
		return ret;
	ret = run_all(&b);
	shs_copy_out(argp, &b.args, sizeof(b.args));	/* committed: a racing munmap loses it */
	return ret;
}
