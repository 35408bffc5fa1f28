// SPDX-License-Identifier: MIT
/* A mutex whose value counts once it is committed, and a counter of those who live. */
#include "parties.h"
#include "prefork.h"

static struct shs_object *ledger, *flying;

static void create(void)
{
	struct shs_spec mutex = {
		.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_BYTES,
		.count = sizeof(struct ledger), .flags = SHS_INIT_COMMIT,
	};
	struct shs_spec live = {
		.kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64, .count = 1,
		.flags = SHS_INIT_LIVE,
	};

	must(shs_object_create(NULL, &mutex, &ledger));
	must(shs_object_create(NULL, &live, &flying));
}

/* A child attaches by itself. */
static void worker_begins(void)
{
}

static int count(const struct request *request)
{
	shs_guard(held, shs_mutex_hold(ledger));
	struct ledger *copy = held.value;

	if (!held.view)
		return held.status;
	if (copy->last[request->client] == request->number)
		return 0;
	copy->last[request->client] = request->number;
	think();
	copy->total++;
	return shs_guard_commit(&held);
}

static void in_flight(int change)
{
	must(shs_counter_add(flying, 0, change));
}

static int64_t total(void)
{
	shs_guard(held, shs_mutex_hold(ledger));

	return held.view ? ((const struct ledger *)held.view)->total : held.status;
}

static int64_t total_flying(void)
{
	int64_t value;

	must(shs_counter_read(flying, 0, &value));
	return value;
}

static void report(void)
{
	struct shs_ioc_info info;

	must(shs_object_info(ledger, &info));
	printf("shstate: %llu of them died holding the lock; it went on to the next each time\n",
	       (unsigned long long)info.deaths);
}

const struct way by_shstate = {
	"shstate", create, worker_begins, count, in_flight, report, total, total_flying,
};
