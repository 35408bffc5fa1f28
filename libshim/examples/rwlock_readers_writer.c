// SPDX-License-Identifier: MIT
/* Readers are inside together and read 5; the writer waits for them and makes it 6. */
#include "parties.h"
#include "ring.h"

#define READERS 4

static struct shs_object *lock;
static pthread_barrier_t *inside, *tried;

static int reader(void)
{
	shs_guard(r, shs_rwlock_hold_read(lock));
	const int *value = r.view;

	must(r.status);
	pthread_barrier_wait(inside);
	printf("reader %d: %d\n", getpid(), *value);
	pthread_barrier_wait(tried);
	return *value != 5;
}

static int writer(void)
{
	int busy;

	pthread_barrier_wait(inside);
	busy = shs_rwlock_try_write(lock);
	pthread_barrier_wait(tried);

	shs_guard(w, shs_rwlock_hold_write(lock));
	must(w.status);
	*(int *)w.value += 1;
	return busy != -EBUSY || *(int *)w.value != 6;
}

static int party(int number)
{
	return number < READERS ? reader() : writer();
}

int main(void)
{
	struct shs_ioc_op read = { .op = SHS_OP_READ };
	int failed, by_ioctl, by_io_uring = 6;

	lock = anonymous(SHS_KIND_RWLOCK, SHS_TYPE_I32, 1, &(int){ 5 });
	inside = barrier(READERS + 1);
	tried = barrier(READERS + 1);
	failed = parties(READERS + 1, party);

	/* The same value by single operations, each of which takes the read lock. */
	must(shs_value_read(lock, 0, &by_ioctl, sizeof(int), 0, shs_deadline_never()));
	if (ring_works()) {
		must(ring_op(lock, &read));
		by_io_uring = read.result;
	}
	printf("Result: %d\n", by_ioctl);
	return failed || by_ioctl != 6 || by_io_uring != 6;
}
