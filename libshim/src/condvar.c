// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <limits.h>
#include <sys/mman.h>

#include "internal.h"

int shs_condvar_wait(struct shs_object *condvar, struct shs_object *mutex)
{
	return shs_condvar_wait_until(condvar, mutex, shs_deadline_never());
}

/* Of these nothing was released, or it is lost, or not this attachment's. */
static int was_refused(int ret)
{
	return ret != -ENXIO && ret != -EAGAIN && ret != -ENOTRECOVERABLE &&
	       ret != -EINTR && ret != -ENOLCK;
}

void shs_condvar_waited(struct handle *mutex, int status, const void *hidden, pid_t holder)
{
	if (shs_is_held(status) || status == -ETIMEDOUT || status == -ECANCELED) {
		shs_thread_holds(mutex, SHS_MODE_EXCLUSIVE);
		shs_value_resume(mutex, hidden);
	} else if (was_refused(status)) {
		shs_thread_holds_still(mutex, SHS_MODE_EXCLUSIVE, holder);
	}
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
	if (shs_thread_is_nested(to_handle(mutex)))
		return -EDEADLK;
	mutex_fd = mutex->ops->owner_fd(mutex);
	if (mutex_fd < 0)
		return mutex_fd;
	request.mutex_fd = mutex_fd;
	SHS_STEP("wait");
	holder = shs_thread_releases(to_handle(mutex), SHS_MODE_EXCLUSIVE);
	SHS_STEP("wait: noted");
	ret = condvar->ops->owner_call(condvar, SHS_IOC_WAIT, &request);
	SHS_STEP("waited: not yet noted");
	shs_condvar_waited(to_handle(mutex), ret, hidden, holder);
	SHS_STEP("waited");
	return ret;
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

static int may_notify(const struct shs_object *condvar)
{
	return shs_is_fast(condvar, SHS_FAST_NOTIFY) && to_handle(condvar)->prot & PROT_WRITE;
}

static int notify(struct shs_object *condvar, uint64_t most)
{
	struct shs_ioc_op op = { .op = SHS_OP_NOTIFY, .arg = most };
	int ret;

	/* An atomic knows this operation too. */
	if (condvar->kind != SHS_KIND_CONDVAR)
		return -EOPNOTSUPP;
	/* Who waits queued before he released the mutex, which this one held since. */
	if (may_notify(condvar) && !__atomic_load_n(&shs_control_of(condvar)->waiting,
						    __ATOMIC_ACQUIRE))
		return 0;
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
