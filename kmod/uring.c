// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring: single operations on an object fd.  The SQE carries address and size of
 * the struct that the ioctl takes; both are read once, at once, for the SQE is
 * shared memory.  The operation completes in the issue, never waits for a holder
 * (-EBUSY), and returns 0 or an errno only: 6.1 loses a positive result, and -EAGAIN
 * would be issued anew by a worker.
 */
#include "shstate.h"

static int errno_for_cqe(long ret)
{
	switch (ret) {
	case -EAGAIN:
		return -EBUSY;
	case -ERESTARTSYS:	/* 6.12 would pass it through */
		return -EINTR;
	}
	return ret;
}

int shs_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct shs_object *obj = file_inode(cmd->file)->i_private;
	struct shs_sqe sqe;
	void __user *argp;
	u32 size;
	int ret;

	if (cmd->cmd_op != SHS_IOC_OP)
		return -EOPNOTSUPP;
	memcpy(&sqe, shs_uring_payload(cmd), sizeof(sqe));
	if (sqe.pad)
		return -EINVAL;
	if (!shs_is_ready(obj))
		return -EUNATCH;
	argp = u64_to_user_ptr(sqe.addr);
	ret = shs_size_in(&size, sizeof(struct shs_ioc_op), argp);
	if (ret)
		return ret;
	if (size != sqe.size)
		return -EINVAL;
	return errno_for_cqe(shs_op(cmd->file, NULL, argp, size, false));
}
