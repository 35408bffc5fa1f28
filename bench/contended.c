// SPDX-License-Identifier: GPL-2.0-only
/* What several processes do to each other. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "peers.h"

static const unsigned int locks[] = { 2, 4, 8, 16 };
static const unsigned int readers[] = { 1, 2, 4, 8 };
static const unsigned int writers[] = { 1, 2, 4, 8, 16 };
static const unsigned int mixed[] = { 2, 4, 8 };

/* Those that guard something, and those that will say why they are not there. */
static size_t with_change(struct bench_case *few, const struct bench_case *all, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (all[i].change || !all[i].run)
			few[n++] = all[i];
	return n;
}

void bench_contended(void)
{
	struct bench_case few[64];
	size_t count;

	if (bench_options.instructions)
		return;		/* one processor */
	count = with_change(few, mutex_peers, mutex_peers_count);
	bench_together("mutex", "contended", few, count, locks, BENCH_COUNT(locks));
	count = with_change(few, read_peers, read_peers_count);
	bench_together("rwlock", "readers", few, count, readers, BENCH_COUNT(readers));
	bench_together("rwlock", "9 reads 1 write", mix9_peers, mix_peers_count, mixed,
		       BENCH_COUNT(mixed));
	bench_together("rwlock", "99 reads 1 write", mix99_peers, mix_peers_count, mixed,
		       BENCH_COUNT(mixed));
	bench_together("counter", "adders", counter_peers, counter_peers_count, writers,
		       BENCH_COUNT(writers));
}
