// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>

#include "internal.h"

static int barrier_call(struct shs_object *barrier, struct shs_ioc_barrier *request)
{
	request->size = sizeof(*request);
	return barrier->ops->owner_call(barrier, SHS_IOC_BARRIER, request);
}

int shs_barrier_wait(struct shs_object *barrier)
{
	return shs_barrier_wait_until(barrier, shs_deadline_never());
}

int shs_barrier_wait_until(struct shs_object *barrier, struct shs_deadline deadline)
{
	struct shs_ioc_barrier request = {
		.cmd = SHS_BARRIER_WAIT,
		.deadline = deadline.ns,
		.clock = deadline.clock,
	};
	int ret;

	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	ret = barrier_call(barrier, &request);
	return ret ? ret : !!(request.state & SHS_BARRIER_LEADER);
}

int shs_barrier_leave(struct shs_object *barrier)
{
	return barrier_call(barrier, &(struct shs_ioc_barrier){ .cmd = SHS_BARRIER_LEAVE });
}

int shs_barrier_set_parties(struct shs_object *barrier, uint32_t parties)
{
	return barrier_call(barrier, &(struct shs_ioc_barrier){
		.cmd = SHS_BARRIER_SET,
		.parties = parties,
	});
}

int shs_barrier_reset(struct shs_object *barrier)
{
	return barrier_call(barrier, &(struct shs_ioc_barrier){ .cmd = SHS_BARRIER_RESET });
}
