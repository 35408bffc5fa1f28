// SPDX-License-Identifier: MIT
/* A queue of four places behind a mutex: producers wait for room, consumers for items. */
#include "parties.h"

#define PRODUCERS	3
#define CONSUMERS	2
#define EACH		100	/* items of a producer */

struct queue {
	unsigned int put, taken;	/* so far */
	int items[4];
};

static struct shs_object *queue, *changed, *sum;

static int is_full(void *argument)
{
	const struct queue *q = argument;

	return q->put - q->taken == 4;
}

static int is_empty(void *argument)
{
	const struct queue *q = argument;

	return q->put == q->taken && q->taken < PRODUCERS * EACH;
}

static int produce(void)
{
	int item;

	for (item = 1; item <= EACH; item++) {
		shs_guard(guard, shs_mutex_hold(queue));
		struct queue *q = guard.value;

		must(guard.status);
		must(shs_condvar_wait_while(changed, queue, is_full, q));
		q->items[q->put++ % 4] = item;
		must(shs_condvar_notify_all(changed));
	}
	return 0;
}

static int consume(void)
{
	for (;;) {
		shs_guard(guard, shs_mutex_hold(queue));
		struct queue *q = guard.value;

		must(guard.status);
		must(shs_condvar_wait_while(changed, queue, is_empty, q));
		if (q->put == q->taken)
			return 0;
		must(shs_counter_add(sum, 0, q->items[q->taken++ % 4]));
		must(shs_condvar_notify_all(changed));
	}
}

static int party(int number)
{
	return number < PRODUCERS ? produce() : consume();
}

int main(void)
{
	int failed;
	int64_t result;

	queue = anonymous(SHS_KIND_MUTEX, SHS_TYPE_BYTES, sizeof(struct queue), NULL);
	changed = anonymous(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0, NULL);
	sum = anonymous(SHS_KIND_COUNTER, SHS_TYPE_I64, 1, NULL);
	failed = parties(PRODUCERS + CONSUMERS, party);
	must(shs_counter_read(sum, 0, &result));

	printf("Result: %d\n", (int)result);
	return failed || result != PRODUCERS * EACH * (EACH + 1) / 2;
}
