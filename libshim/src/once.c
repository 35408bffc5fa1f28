// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>

#include "internal.h"

static int once_call(struct shs_object *once, struct shs_ioc_once *request)
{
	request->size = sizeof(*request);
	return once->ops->owner_call(once, SHS_IOC_ONCE, request);
}

/* Returns 1 if it is this process's turn to run, which WAIT never says. */
static int wait_for_turn(struct shs_object *once, uint32_t cmd, unsigned int flags,
			 struct shs_deadline deadline)
{
	struct shs_ioc_once request = {
		.cmd = cmd,
		.flags = flags,
		.deadline = deadline.ns,
		.clock = deadline.clock,
	};
	int ret;

	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	if (shs_once_is_done(once))
		return 0;
	ret = once_call(once, &request);
	shs_thread_enter();
	if (shs_is_held(ret) && request.state == SHS_ONCE_RUNNING)
		shs_thread_holds(to_handle(once), SHS_MODE_EXCLUSIVE);
	return ret ? ret : request.state == SHS_ONCE_RUNNING;
}

int shs_once_begin(struct shs_object *once, unsigned int flags, struct shs_deadline deadline)
{
	return wait_for_turn(once, SHS_ONCE_BEGIN, flags, deadline);
}

int shs_once_wait(struct shs_object *once)
{
	return shs_once_wait_until(once, shs_deadline_never());
}

int shs_once_wait_until(struct shs_object *once, struct shs_deadline deadline)
{
	return wait_for_turn(once, SHS_ONCE_WAIT, 0, deadline);
}

/* If that is refused it still runs. */
static int finish(struct shs_object *once, struct shs_ioc_once *request)
{
	struct handle *handle = to_handle(once);
	pid_t holder = shs_thread_releases(handle, SHS_MODE_EXCLUSIVE);
	int ret = once_call(once, request);

	if (ret < 0 && ret != -EPERM && ret != -ENXIO)
		shs_thread_holds_still(handle, SHS_MODE_EXCLUSIVE, holder);
	return ret;
}

int shs_once_complete(struct shs_object *once)
{
	return finish(once, &(struct shs_ioc_once){ .cmd = SHS_ONCE_COMPLETE });
}

int shs_once_complete_with(struct shs_object *once, const void *value, size_t size)
{
	struct shs_ioc_once request = {
		.cmd = SHS_ONCE_COMPLETE,
		.value = (uintptr_t)value,
		.value_size = size,
	};

	return size <= SHS_VALUE_MAX ? finish(once, &request) : -EINVAL;
}

int shs_once_abandon(struct shs_object *once)
{
	return finish(once, &(struct shs_ioc_once){ .cmd = SHS_ONCE_ABANDON });
}

/* The initialiser's own failure matters more than one to say so. */
static int run(struct shs_object *once, shs_once_function *initialiser, void *argument,
	       int earlier)
{
	int ret = initialiser(argument, earlier);

	SHS_STEP("initialised");
	if (ret) {
		shs_once_abandon(once);
		return ret;
	}
	ret = shs_once_complete(once);
	return ret < 0 ? ret : 1;
}

static int call(struct shs_object *once, unsigned int flags, shs_once_function *initialiser,
		void *argument, struct shs_deadline deadline)
{
	int ret = shs_once_begin(once, flags, deadline);

	if (ret == 1)
		return run(once, initialiser, argument, 0);
	if (ret == -EOWNERDEAD)
		return run(once, initialiser, argument, -EOWNERDEAD);
	return ret;
}

int shs_once_call(struct shs_object *once, shs_once_function *initialiser, void *argument)
{
	return call(once, 0, initialiser, argument, shs_deadline_never());
}

int shs_once_call_until(struct shs_object *once, shs_once_function *initialiser, void *argument,
			struct shs_deadline deadline)
{
	return call(once, 0, initialiser, argument, deadline);
}

int shs_once_call_force(struct shs_object *once, shs_once_function *initialiser, void *argument)
{
	return call(once, SHS_ONCE_FORCE, initialiser, argument, shs_deadline_never());
}

int shs_once_state(struct shs_object *once)
{
	struct shs_ioc_op op = { .op = SHS_OP_LOAD };
	int ret;

	if (once->kind != SHS_KIND_ONCE)
		return -EOPNOTSUPP;
	ret = shs_object_op(once, &op);
	return ret < 0 ? ret : (int)op.result;
}
