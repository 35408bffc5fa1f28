// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <limits.h>

#include "internal.h"

int shs_condvar_wait(struct shs_object *condvar, struct shs_object *mutex)
{
	return shs_condvar_wait_until(condvar, mutex, shs_deadline_never());
}

/* Of these nothing was released, or it is lost, or not this attachment's. */
static int was_refused(int ret)
{
	return ret != -ENXIO && ret != -EAGAIN && ret != -ENOTRECOVERABLE;
}

/* An interrupted wait is gone on with: the struct says that it has started. */
int shs_condvar_wait_until(struct shs_object *condvar, struct shs_object *mutex,
			   struct shs_deadline deadline)
{
	struct shs_ioc_wait request = {
		.size = sizeof(request),
		.deadline = deadline.ns,
		.clock = deadline.clock,
	};
	const void *hidden = shs_value_for(mutex, SHS_MODE_EXCLUSIVE);
	int mutex_fd, ret;
	pid_t holder;

	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	mutex_fd = mutex->ops->owner_fd(mutex);
	if (mutex_fd < 0)
		return mutex_fd;
	request.mutex_fd = mutex_fd;
	SHS_STEP("wait");
	holder = shs_thread_releases(to_handle(mutex), SHS_MODE_EXCLUSIVE);
	SHS_STEP("wait: noted");
	ret = condvar->ops->owner_call(condvar, SHS_IOC_WAIT, &request);
	SHS_STEP("waited: not yet noted");
	if (shs_is_held(ret) || ret == -ETIMEDOUT) {
		shs_thread_holds(to_handle(mutex), SHS_MODE_EXCLUSIVE);
		shs_value_resume(to_handle(mutex), hidden);
	} else if (was_refused(ret)) {
		shs_thread_holds_still(to_handle(mutex), SHS_MODE_EXCLUSIVE, holder);
	}
	SHS_STEP("waited");
	/* The condvar was attached anew: the mutex is what a fork has left behind. */
	return ret == -ESTALE ? -EPERM : ret;
}

int shs_condvar_wait_while(struct shs_object *condvar, struct shs_object *mutex,
			   int (*condition)(void *argument), void *argument)
{
	return shs_condvar_wait_while_until(condvar, mutex, condition, argument,
					    shs_deadline_never());
}

int shs_condvar_wait_while_until(struct shs_object *condvar, struct shs_object *mutex,
				 int (*condition)(void *argument), void *argument,
				 struct shs_deadline deadline)
{
	int ret = 0;

	while (ret == 0 && condition(argument))
		ret = shs_condvar_wait_until(condvar, mutex, deadline);
	/* What came with the last moment still counts. */
	if (ret == -ETIMEDOUT && !condition(argument))
		ret = 0;
	return ret;
}

static int notify(struct shs_object *condvar, uint64_t most)
{
	struct shs_ioc_op op = { .op = SHS_OP_NOTIFY, .arg = most };
	int ret;

	/* An atomic knows this operation too. */
	if (condvar->kind != SHS_KIND_CONDVAR)
		return -EOPNOTSUPP;
	ret = shs_object_op(condvar, &op);
	if (ret < 0)
		return ret;
	return op.result < INT_MAX ? (int)op.result : INT_MAX;
}

int shs_condvar_notify_one(struct shs_object *condvar)
{
	return notify(condvar, 1);
}

int shs_condvar_notify_all(struct shs_object *condvar)
{
	return notify(condvar, ~(uint64_t)0);
}
