/* SPDX-License-Identifier: MIT */
/* One single operation through io_uring: the same struct as for shs_object_op(). */
#ifndef RING_H
#define RING_H

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include <liburing.h>
#include <shstate.h>
#include <shstate_uring.h>

/* The ring of this process: one that was inherited is the parent's. NULL: none. */
static inline struct io_uring *own_ring(void)
{
	static struct io_uring ring;
	static pid_t owner;

	if (owner != getpid()) {
		if (io_uring_queue_init(1, &ring, 0) < 0)
			return NULL;
		owner = getpid();
	}
	return &ring;
}

/* Kernels can be built or told to be without: container hosts often are. */
static inline int ring_works(void)
{
	if (own_ring())
		return 1;
	printf("io_uring: not available here, left out\n");
	return 0;
}

static inline int ring_submit_one(struct io_uring *ring, int fd, struct shs_ioc_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int ret;

	if (!sqe)
		return -ENOBUFS;
	shs_prep_op_fd(sqe, fd, op);
	io_uring_submit(ring);
	ret = io_uring_wait_cqe(ring, &cqe);
	if (ret < 0)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

/* A busy object is asked again: one operation does not wait inside io_uring. */
static inline int ring_op(struct shs_object *object, struct shs_ioc_op *op)
{
	struct io_uring *ring = own_ring();
	int ret;

	if (!ring)
		return -ENOSYS;
	do {
		ret = ring_submit_one(ring, shs_object_fd(object), op);
	} while (ret == -EBUSY && sched_yield() == 0);
	return ret;
}

#endif /* RING_H */
