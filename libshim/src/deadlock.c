// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Who holds and who waits. */
#include <errno.h>

#include "internal.h"

static uint32_t at_most(uint32_t capacity, uint32_t most)
{
	return capacity < most ? capacity : most;
}

int shs_object_threads(const struct shs_object *object, struct shs_thread_info *threads,
		       uint32_t capacity)
{
	struct shs_ioc_threads request = {
		.size = sizeof(request),
		.capacity = at_most(capacity, SHS_THREAD_INFO_MAX),
		.addr = capacity ? (uintptr_t)threads : 0,
	};
	int ret = object->ops->call(object, SHS_IOC_THREADS, &request);

	return ret < 0 ? ret : (int)request.count;
}

int shs_object_cycle(struct shs_object *object, struct shs_thread_info *threads,
		     uint32_t capacity)
{
	struct shs_ioc_cycle request = {
		.size = sizeof(request),
		.capacity = at_most(capacity, SHS_CYCLE_MAX),
		.addr = capacity ? (uintptr_t)threads : 0,
	};
	int ret = object->ops->owner_call(object, SHS_IOC_CYCLE, &request);

	return ret < 0 ? ret : (int)request.count;
}
