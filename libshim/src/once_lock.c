// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* A once with a value: set with its end, and read from then on. */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* 0, or why that once cannot have a value of that size. */
static int check(const struct shs_object *once, size_t size)
{
	if (once->kind != SHS_KIND_ONCE || once->type == SHS_TYPE_NONE)
		return -EOPNOTSUPP;
	return size == once->count * shs_type_size(once->type) ? 0 : -EINVAL;
}

int shs_once_lock_get(struct shs_object *once, void *value, size_t size)
{
	struct shs_ioc_op op = {
		.op = SHS_OP_LOAD,
		.flags = SHS_OP_BYTES,
		.addr = (uintptr_t)value,
		.len = size,
	};
	int ret = check(once, size);

	return ret ? ret : shs_object_op(once, &op);
}

/* The control region is the kernel's: what is done stays as it is. */
const void *shs_once_lock_value(struct shs_object *once)
{
	const struct handle *handle = to_handle(once);
	const struct shs_control *control;

	if (once->kind != SHS_KIND_ONCE || once->type == SHS_TYPE_NONE)
		return NULL;
	if (!shs_attached_here(handle) && shs_object_attach(once) < 0)
		return NULL;
	control = once->control;
	if (__atomic_load_n(&control->once, __ATOMIC_ACQUIRE) != SHS_ONCE_DONE)
		return NULL;
	return (const char *)control + handle->layout.value_offset;
}

/* Returns 1 with *earlier if it is this thread's turn. */
static int turn(struct shs_object *once, int *earlier, struct shs_deadline deadline)
{
	int ret = shs_once_begin(once, 0, deadline);

	*earlier = ret == -EOWNERDEAD ? ret : 0;
	return *earlier ? 1 : ret;
}

/* A value that is refused is no value. */
static int complete(struct shs_object *once, const void *value, size_t size)
{
	int ret = shs_once_complete_with(once, value, size);

	SHS_STEP("value given");
	if (ret < 0)
		shs_once_abandon(once);
	return ret;
}

int shs_once_lock_set_until(struct shs_object *once, const void *value, size_t size,
			    struct shs_deadline deadline)
{
	int earlier, ret = check(once, size);

	if (!ret)
		ret = turn(once, &earlier, deadline);
	else
		return ret;
	if (ret == 1)
		return complete(once, value, size);
	return ret ? ret : -EEXIST;
}

int shs_once_lock_set(struct shs_object *once, const void *value, size_t size)
{
	return shs_once_lock_set_until(once, value, size, shs_deadline_never());
}

static int initialise(struct shs_object *once, void *value, size_t size,
		      shs_once_lock_function *initialiser, void *argument, int earlier)
{
	int ret = initialiser(value, size, argument, earlier);

	SHS_STEP("value made");
	if (ret) {
		shs_once_abandon(once);
		return ret;
	}
	ret = complete(once, value, size);
	return ret < 0 ? ret : 1;
}

int shs_once_lock_get_or_init_until(struct shs_object *once, void *value, size_t size,
				    shs_once_lock_function *initialiser, void *argument,
				    struct shs_deadline deadline)
{
	int earlier, ret = shs_once_lock_get(once, value, size);

	if (ret != -ENODATA)
		return ret;
	ret = turn(once, &earlier, deadline);
	if (ret == 1)
		return initialise(once, value, size, initialiser, argument, earlier);
	return ret ? ret : shs_once_lock_get(once, value, size);
}

int shs_once_lock_get_or_init(struct shs_object *once, void *value, size_t size,
			      shs_once_lock_function *initialiser, void *argument)
{
	return shs_once_lock_get_or_init_until(once, value, size, initialiser, argument,
					       shs_deadline_never());
}
