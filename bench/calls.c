// SPDX-License-Identifier: GPL-2.0-only
/* What goes to the kernel: one at a time, many in one call, by io_uring. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "ours.h"

#include <shstate_uring.h>

#define MOST	256	/* operations at once */

/* ------------------------------------------------------------ one by one -- */

static const char *null_setup(void **state, long unused)
{
	int *fd = bench_shared(sizeof(*fd));

	(void)unused;
	*fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	*state = fd;
	return *fd < 0 ? "there is no /dev/null" : NULL;
}

BENCH_RUN(getppid_run, void *, failed |= syscall(SYS_getppid) < 0)
BENCH_RUN(failing_ioctl, int *, failed |= ioctl(*state, SHS_IOC_OP, NULL) == 0)
BENCH_RUN(pread_null, int *, failed |= pread(*state, &(char){ 0 }, 1, 0) != 0)

static const char *kind_setup(void **state, long kind)
{
	struct shs_spec spec = {
		.kind = kind,
		.type = kind == SHS_KIND_CELL ? SHS_TYPE_BYTES : SHS_TYPE_I64,
		.count = kind == SHS_KIND_CELL ? 40 : 1,
	};

	if (kind == SHS_KIND_CONDVAR)
		spec = (struct shs_spec){ .kind = kind };
	return ours_new(state, &spec, OURS_FAST);
}

static inline int single(struct ours *ours, uint32_t op, uint64_t arg)
{
	struct shs_ioc_op request = {
		.size = sizeof(request),
		.op = op,
		.arg = arg,
		.deadline = SHS_FOREVER,
	};

	return ioctl(ours->fd, SHS_IOC_OP, &request);
}

static inline int single_bytes(struct ours *ours, uint32_t op)
{
	char value[40] = "";
	struct shs_ioc_op request = {
		.size = sizeof(request),
		.op = op,
		.flags = SHS_OP_BYTES,
		.addr = (uintptr_t)value,
		.len = sizeof(value),
		.deadline = SHS_FOREVER,
	};

	return ioctl(ours->fd, SHS_IOC_OP, &request);
}

BENCH_RUN(op_add, struct ours *, failed |= single(state, SHS_OP_ADD, 1))
BENCH_RUN(op_fetch_add, struct ours *, failed |= single(state, SHS_OP_FETCH_ADD, 1))
BENCH_RUN(op_load, struct ours *, failed |= single(state, SHS_OP_LOAD, 0))
BENCH_RUN(op_peek, struct ours *, failed |= single(state, SHS_OP_PEEK, 0))
BENCH_RUN(op_read, struct ours *, failed |= single(state, SHS_OP_READ, 0))
BENCH_RUN(op_write, struct ours *, failed |= single(state, SHS_OP_WRITE, 1))
BENCH_RUN(op_notify, struct ours *, failed |= single(state, SHS_OP_NOTIFY, 1))
BENCH_RUN(op_cell_load, struct ours *, failed |= single_bytes(state, SHS_OP_LOAD))
BENCH_RUN(op_cell_store, struct ours *, failed |= single_bytes(state, SHS_OP_STORE))

/* How far a call gets that is refused: at the number, after the copy of the struct. */
BENCH_RUN(refused_number, struct ours *, failed |= !ioctl(state->fd, _IO(SHS_IOC_MAGIC, 99), 0))
BENCH_RUN(refused_op, struct ours *, failed |= !single(state, ~0U, 0))

static inline int info(struct ours *ours)
{
	struct shs_ioc_info request = { .size = sizeof(request) };

	return ioctl(ours->fd, SHS_IOC_INFO, &request);
}

BENCH_RUN(info_run, struct ours *, failed |= info(state))

/* ---------------------------------------------------------- many at once -- */

struct many {
	struct ours *ours;
	struct io_uring ring;
	unsigned int at_once;
	int fixed, nothing;	/* io_uring: by index; IORING_OP_NOP */
	struct shs_ioc_op op[MOST];
};

static const char *many_setup(void **state, long at_once)
{
	struct many *many = bench_shared(sizeof(*many));
	const char *why = kind_setup((void **)&many->ours, SHS_KIND_COUNTER);

	many->at_once = at_once;
	for (long i = 0; i < at_once; i++)
		many->op[i] = (struct shs_ioc_op){
			.size = sizeof(many->op[i]),
			.op = SHS_OP_ADD,
			.arg = 1,
		};
	*state = many;
	return why;
}

static const char *ring_setup(void **state, long at_once)
{
	const char *why = many_setup(state, at_once);
	struct many *many = *state;
	int ret;

	if (why)
		return why;
	ret = io_uring_queue_init(at_once, &many->ring, 0);
	if (ret == -ENOSYS || ret == -EPERM)
		return "the kernel has no io_uring";
	if (ret)
		bench_die("io_uring: %s", strerror(-ret));
	return NULL;
}

static const char *fixed_setup(void **state, long at_once)
{
	const char *why = ring_setup(state, at_once);
	struct many *many = *state;

	if (why)
		return why;
	many->fixed = 1;
	if (io_uring_register_files(&many->ring, &many->ours->fd, 1))
		bench_die("cannot register a file");
	return NULL;
}

static const char *nothing_setup(void **state, long at_once)
{
	const char *why = ring_setup(state, at_once);

	((struct many *)*state)->nothing = 1;
	return why;
}

static void many_teardown(void *argument)
{
	struct many *many = argument;

	if (many->ring.ring_fd)
		io_uring_queue_exit(&many->ring);
	ours_close(many->ours);
}

BENCH_RUN(each_run, struct many *, {
	for (unsigned int j = 0; j < state->at_once; j++) {
		state->op[j].result = 0;
		failed |= ioctl(state->ours->fd, SHS_IOC_OP, &state->op[j]);
	}
})

static inline int batch(struct many *many)
{
	struct shs_ioc_batch request = {
		.size = sizeof(request),
		.count = many->at_once,
		.ops = (uintptr_t)many->op,
	};

	for (unsigned int j = 0; j < many->at_once; j++)
		many->op[j].result = 0;
	return ioctl(many->ours->fd, SHS_IOC_BATCH, &request);
}

BENCH_RUN(batch_run, struct many *, failed |= batch(state))

static inline void prepare(struct many *many, unsigned int j)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&many->ring);

	if (many->nothing) {
		io_uring_prep_nop(sqe);
		return;
	}
	shs_prep_op_fd(sqe, many->fixed ? 0 : many->ours->fd, &many->op[j]);
	if (many->fixed)
		sqe->flags = IOSQE_FIXED_FILE;
}

/* All are complete when the call returns. */
static inline int submit(struct many *many)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;
	int failed = 0;

	for (unsigned int j = 0; j < many->at_once; j++)
		prepare(many, j);
	failed |= io_uring_submit_and_wait(&many->ring, many->at_once) != (int)many->at_once;
	io_uring_for_each_cqe(&many->ring, head, cqe) {
		failed |= cqe->res;
		seen++;
	}
	io_uring_cq_advance(&many->ring, seen);
	return failed | (seen != many->at_once);
}

BENCH_RUN(ring_run, struct many *, failed |= submit(state))

/* ---------------------------------------------------------------- tables -- */

#define OURS(kind) .flags = BENCH_CALLS, .setup = kind_setup, .argument = SHS_KIND_##kind,	\
	.teardown = ours_close

static const struct bench_case single_peers[] = {
	{ .peer = "getppid", .flags = BENCH_CALLS, .run = getppid_run },
	{ .peer = "failing ioctl", .flags = BENCH_CALLS, .setup = null_setup,
	  .run = failing_ioctl },
	{ .peer = "pread of /dev/null", .flags = BENCH_CALLS, .setup = null_setup,
	  .run = pread_null },
	{ .peer = "shstate refused number", OURS(COUNTER), .run = refused_number },
	{ .peer = "shstate refused operation", OURS(COUNTER), .run = refused_op },
	{ .peer = "shstate counter add", OURS(COUNTER), .run = op_add },
	{ .peer = "shstate atomic fetch_add", OURS(ATOMIC), .run = op_fetch_add },
	{ .peer = "shstate atomic load", OURS(ATOMIC), .run = op_load },
	{ .peer = "shstate mutex peek", OURS(MUTEX), .run = op_peek },
	{ .peer = "shstate mutex read", OURS(MUTEX), .run = op_read },
	{ .peer = "shstate mutex write", OURS(MUTEX), .run = op_write },
	{ .peer = "shstate mutex add", OURS(MUTEX), .run = op_add },
	{ .peer = "shstate rwlock read", OURS(RWLOCK), .run = op_read },
	{ .peer = "shstate rwlock write", OURS(RWLOCK), .run = op_write },
	{ .peer = "shstate cell load 40", OURS(CELL), .run = op_cell_load },
	{ .peer = "shstate cell store 40", OURS(CELL), .run = op_cell_store },
	{ .peer = "shstate condvar notify", OURS(CONDVAR), .run = op_notify },
	{ .peer = "shstate info", OURS(ATOMIC), .run = info_run },
};

#define MANY(setup_, n)							\
	.flags = BENCH_CALLS | BENCH_SLOW, .setup = setup_, .argument = n, .each = n,	\
	.teardown = many_teardown

static void at_once(unsigned int n)
{
	const struct bench_case cases[] = {
		{ .peer = "shstate ioctl each", MANY(many_setup, n), .run = each_run },
		{ .peer = "shstate batch", MANY(many_setup, n), .run = batch_run },
		{ .peer = "shstate io_uring", MANY(ring_setup, n), .run = ring_run },
		{ .peer = "shstate io_uring fixed", MANY(fixed_setup, n), .run = ring_run },
		{ .peer = "io_uring nothing", MANY(nothing_setup, n), .run = ring_run },
	};

	bench_alone("calls", "at once", n, cases, BENCH_COUNT(cases));
}

void bench_calls(void)
{
	bench_alone("calls", "single operation", 0, single_peers, BENCH_COUNT(single_peers));
	for (unsigned int n = 1; n <= MOST; n *= 4)
		at_once(n);
}
