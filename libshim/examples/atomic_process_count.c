// SPDX-License-Identifier: MIT
/* Each process adds itself to a global count, and goes out of it at the end. */
#include "parties.h"
#include "ring.h"

#define PROCESSES 10

static struct shs_object *global_process_count;
static pthread_barrier_t *all_live;
static int use_io_uring;

static int64_t fetch_add(int64_t value)
{
	struct shs_ioc_op op = { .op = SHS_OP_FETCH_ADD, .arg = value };
	int64_t old;

	if (use_io_uring) {
		must(ring_op(global_process_count, &op));
		return op.result;
	}
	must(shs_atomic_fetch_add(global_process_count, 0, value, SHS_SEQ_CST, &old));
	return old;
}

static int party(int number)
{
	int64_t old = fetch_add(1), live;

	(void)number;
	printf("live processes: %d\n", (int)old + 1);
	pthread_barrier_wait(all_live);
	must(shs_atomic_load(global_process_count, 0, SHS_SEQ_CST, &live));
	pthread_barrier_wait(all_live);
	fetch_add(-1);
	return live != PROCESSES;
}

static int count(const char *how)
{
	int failed = parties(PROCESSES, party);
	int64_t left;

	must(shs_atomic_load(global_process_count, 0, SHS_SEQ_CST, &left));
	printf("Result: %d live processes in the end (%s)\n", (int)left, how);
	return failed || left;
}

int main(void)
{
	int wrong;

	global_process_count = anonymous(SHS_KIND_ATOMIC, SHS_TYPE_I64, 1, NULL);
	all_live = barrier(PROCESSES);
	wrong = count("ioctl");
	use_io_uring = ring_works();
	if (use_io_uring)
		wrong |= count("io_uring");
	return wrong;
}
