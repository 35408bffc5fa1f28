// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <time.h>

#include "internal.h"

struct shs_deadline shs_deadline_at(uint32_t clock, uint64_t ns)
{
	return (struct shs_deadline){ .ns = ns, .clock = clock };
}

struct shs_deadline shs_deadline_never(void)
{
	return shs_deadline_at(SHS_CLOCK_MONOTONIC, SHS_FOREVER);
}

/* What would be later than the clock can count is never. */
struct shs_deadline shs_deadline_in(uint64_t ns)
{
	struct timespec now;
	uint64_t start;

	clock_gettime(CLOCK_MONOTONIC, &now);
	start = now.tv_sec * SHS_NS_PER_S + now.tv_nsec;
	if (ns > SHS_FOREVER - start)
		return shs_deadline_never();
	return shs_deadline_at(SHS_CLOCK_MONOTONIC, start + ns);
}
