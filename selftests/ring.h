/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The little of liburing that the tests use, by liburing's names, for programs
 * that it is not there for: those of 32 bits.
 */
#ifndef SHS_RING_H
#define SHS_RING_H

#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct io_uring {
	int fd;
	unsigned int entries, prepared;
	unsigned int *sq_tail, *sq_array, *cq_head, *cq_tail;
	unsigned int sq_mask, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static inline void *ring_map(int fd, size_t size, off_t offset)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
}

/* With one mapping for both rings, as all kernels that have commands for files do. */
static inline int io_uring_queue_init(unsigned int entries, struct io_uring *ring,
				      unsigned int flags)
{
	struct io_uring_params p = { .flags = flags };
	char *rings;

	ring->fd = syscall(__NR_io_uring_setup, entries, &p);
	if (ring->fd < 0)
		return -errno;
	rings = ring_map(ring->fd, p.cq_off.cqes + p.cq_entries * sizeof(*ring->cqes),
			 IORING_OFF_SQ_RING);
	ring->sqes = ring_map(ring->fd, p.sq_entries * sizeof(*ring->sqes), IORING_OFF_SQES);
	if (rings == MAP_FAILED || ring->sqes == MAP_FAILED) {
		close(ring->fd);
		return -ENOMEM;
	}
	ring->entries = p.sq_entries;
	ring->prepared = 0;
	ring->sq_tail = (void *)(rings + p.sq_off.tail);
	ring->sq_array = (void *)(rings + p.sq_off.array);
	ring->sq_mask = *(unsigned int *)(rings + p.sq_off.ring_mask);
	ring->cq_head = (void *)(rings + p.cq_off.head);
	ring->cq_tail = (void *)(rings + p.cq_off.tail);
	ring->cq_mask = *(unsigned int *)(rings + p.cq_off.ring_mask);
	ring->cqes = (void *)(rings + p.cq_off.cqes);
	return 0;
}

static inline struct io_uring_sqe *io_uring_get_sqe(struct io_uring *ring)
{
	unsigned int slot = (*ring->sq_tail + ring->prepared) & ring->sq_mask;

	if (ring->prepared == ring->entries)
		return NULL;
	ring->prepared++;
	ring->sq_array[slot] = slot;
	return &ring->sqes[slot];
}

static inline int io_uring_submit_and_wait(struct io_uring *ring, unsigned int wait)
{
	unsigned int n = ring->prepared;
	int ret;

	ring->prepared = 0;
	__atomic_store_n(ring->sq_tail, *ring->sq_tail + n, __ATOMIC_RELEASE);
	ret = syscall(__NR_io_uring_enter, ring->fd, n, wait,
		      wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
	return ret < 0 ? -errno : ret;
}

static inline int io_uring_submit(struct io_uring *ring)
{
	return io_uring_submit_and_wait(ring, 0);
}

static inline int io_uring_wait_cqe(struct io_uring *ring, struct io_uring_cqe **cqe)
{
	*cqe = NULL;
	while (*ring->cq_head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		if (syscall(__NR_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL,
			    0) < 0 && errno != EINTR)
			return -errno;
	*cqe = &ring->cqes[*ring->cq_head & ring->cq_mask];
	return 0;
}

static inline void io_uring_cqe_seen(struct io_uring *ring, struct io_uring_cqe *cqe)
{
	(void)cqe;
	__atomic_store_n(ring->cq_head, *ring->cq_head + 1, __ATOMIC_RELEASE);
}

#endif /* SHS_RING_H */
