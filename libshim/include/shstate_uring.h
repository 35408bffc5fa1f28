/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libshstate: single operations through the caller's io_uring. Include it after
 * liburing.h, or alone: nothing but the kernel's struct io_uring_sqe is needed.
 */
#ifndef SHSTATE_URING_H
#define SHSTATE_URING_H

#include <string.h>

#include <linux/io_uring.h>

#include <shstate.h>

#ifdef __cplusplus
extern "C" {
#endif

/* shs_prep_op() without the call, for a descriptor or an index of a fixed file. */
static inline void shs_prep_op_fd(struct io_uring_sqe *sqe, int fd, struct shs_ioc_op *op)
{
	struct shs_sqe payload;

	op->size = sizeof(*op);
	op->result = 0;
	op->notice = 0;

	memset(&payload, 0, sizeof(payload));
	payload.addr = (uintptr_t)op;
	payload.size = op->size;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = SHS_IOC_OP;
	/* cmd[] is declared empty: go by its place, not by its size. */
	memcpy((char *)sqe + offsetof(struct io_uring_sqe, cmd), &payload, sizeof(payload));
}

#ifdef __cplusplus
}
#endif

#endif /* SHSTATE_URING_H */
