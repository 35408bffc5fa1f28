// SPDX-License-Identifier: MIT
/* Ten thousand waits in flight in one thread, each for an element of its own. */
#include "parties.h"
#include "ring.h"

#define WAITS	10000
#define ENTRIES	512

static struct shs_object *flags;

/* Raises them all, from the last to the first. */
static void other_process(void)
{
	int i;

	alarm(TIME_LIMIT);
	for (i = WAITS - 1; i >= 0; i--) {
		must(shs_atomic_store(flags, i, 1, SHS_RELEASE));
		must(shs_atomic_notify_one(flags, i));
	}
	_exit(0);
}

static struct io_uring_sqe *entry(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe) {
		must(io_uring_submit(ring));
		sqe = io_uring_get_sqe(ring);
	}
	must(sqe ? 0 : -ENOBUFS);
	return sqe;
}

int main(void)
{
	static struct shs_call calls[WAITS];
	struct io_uring_cqe *cqe;
	int ended = 0, status, i;
	struct io_uring ring;

	if (!ring_works())
		return 0;
	flags = anonymous(SHS_KIND_ATOMIC, SHS_TYPE_BOOL, WAITS, NULL);
	if (!(must(shs_uring_features(flags)) & SHS_FEATURE_ASYNC)) {
		printf("a wait needs a thread of the kernel's here, left out\n");
		return 0;
	}
	must(io_uring_queue_init(ENTRIES, &ring, 0));
	must(io_uring_ring_dontfork(&ring));	/* a child has no use for it */
	for (i = 0; i < WAITS; i++) {
		struct io_uring_sqe *sqe = entry(&ring);

		must(shs_prep_atomic_wait(sqe, &calls[i], flags, i, 0, shs_deadline_never()));
		sqe->user_data = i;
	}
	must(io_uring_submit(&ring));
	fflush(stdout);
	if (must(fork()) == 0)
		other_process();
	for (i = 0; i < WAITS; i++) {
		must(io_uring_wait_cqe(&ring, &cqe));
		ended += shs_call_end(&calls[cqe->user_data], cqe->res) == 0;
		io_uring_cqe_seen(&ring, cqe);
	}
	must(wait(&status));
	printf("Result: %d waits ended\n", ended);
	return status || ended != WAITS;
}
