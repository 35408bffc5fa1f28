// SPDX-License-Identifier: MIT
/* Ten processes add to a counter through io_uring, 64 additions in one system call. */
#include "parties.h"
#include "ring.h"

#define BATCH	64
#define ROUNDS	10

static struct shs_object *counter;

static int add_batch(struct io_uring *ring, struct shs_ioc_op *ops)
{
	struct io_uring_cqe *cqe;
	int failed = 0, i;

	for (i = 0; i < BATCH; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

		must(sqe ? 0 : -ENOBUFS);
		ops[i] = (struct shs_ioc_op){ .op = SHS_OP_ADD, .arg = 1 };
		shs_prep_op_fd(sqe, shs_object_fd(counter), &ops[i]);
	}
	must(io_uring_submit_and_wait(ring, BATCH));
	for (i = 0; i < BATCH; i++) {
		must(io_uring_wait_cqe(ring, &cqe));
		failed += cqe->res != 0;
		io_uring_cqe_seen(ring, cqe);
	}
	return failed;
}

static int party(int number)
{
	struct shs_ioc_op ops[BATCH];
	struct io_uring ring;
	int failed = 0, i;

	(void)number;
	must(io_uring_queue_init(BATCH, &ring, 0));
	for (i = 0; i < ROUNDS; i++)
		failed += add_batch(&ring, ops);
	io_uring_queue_exit(&ring);
	return failed;
}

int main(void)
{
	int64_t result;
	int failed;

	if (!ring_works())
		return 0;
	counter = anonymous(SHS_KIND_COUNTER, SHS_TYPE_I64, 1, NULL);
	failed = parties(10, party);
	must(shs_counter_read(counter, 0, &result));
	printf("Result: %d\n", (int)result);
	return failed || result != 10 * ROUNDS * BATCH;
}
