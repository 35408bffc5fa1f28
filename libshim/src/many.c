// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Any, or all, of several objects. */
#include <errno.h>

#include "internal.h"

/* A lock that a thread has already by SHS_INIT_RECURSIVE: the library counts, the kernel not. */
static int is_held_before(struct handle *handle)
{
	return handle->flags & SHS_INIT_RECURSIVE && shs_thread_is_holder(handle);
}

static int fill_one(struct shs_many_item *item, struct shs_wanted *wanted)
{
	struct shs_object *object = wanted->object;
	struct handle *handle = to_handle(object);
	int fd = object->ops->owner_fd(object);

	/* One field of the item is both; of each kind only one of them means anything. */
	if (wanted->mode && wanted->condition)
		return -EINVAL;
	*item = (struct shs_many_item){
		.fd = fd, .mode = wanted->mode | wanted->condition, .permits = wanted->permits,
		.index = wanted->index, .expected = wanted->expected,
	};
	wanted->lane = 0;
	wanted->status = 0;
	if (is_held_before(handle) && handle->depth >= INT32_MAX)
		return -EOVERFLOW;
	if (fd < 0 || object->kind != SHS_KIND_RWLOCK || wanted->mode != SHS_MODE_READ)
		return fd < 0 ? fd : 0;
	wanted->lane = shs_thread_lane(handle);
	shs_thread_name_lane(handle, wanted->lane);
	item->lane = wanted->lane;
	return 0;
}

/* Granted: written down as the other functions do that lock. */
static void note(struct shs_wanted *wanted, int status)
{
	struct shs_object *object = wanted->object;

	wanted->status = status;
	if (object->kind != SHS_KIND_MUTEX && object->kind != SHS_KIND_RWLOCK)
		return;
	if (object->kind == SHS_KIND_MUTEX && is_held_before(to_handle(object)) &&
	    shs_thread_holds_more(to_handle(object)) > 0) {
		object->ops->owner_call(object, SHS_IOC_UNLOCK,
					&(struct shs_ioc_lock){ .size = sizeof(struct shs_ioc_lock) });
		return;
	}
	shs_granted(object, wanted->mode, status);
}

/* What to ask the kernel for; item is room for count of them. */
int shs_many_fill(struct shs_ioc_many *request, struct shs_many_item *item,
		  struct shs_wanted *list, uint32_t count, uint32_t flags,
		  struct shs_deadline deadline)
{
	uint32_t i;
	int ret;

	/* The clock of a deadline is wider than that of the request. */
	if (!count || count > SHS_MANY_MAX || deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	*request = (struct shs_ioc_many){
		.size = sizeof(*request), .flags = flags,
		.items = (uintptr_t)item, .nr = count, .item_size = sizeof(item[0]),
		.deadline = deadline.ns, .clock = deadline.clock,
	};
	for (i = 0; i < count; i++) {
		ret = fill_one(&item[i], &list[i]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The kernel has returned ret: what the library returns. */
int shs_many_end(const struct shs_ioc_many *request, struct shs_wanted *list, int ret)
{
	const struct shs_many_item *item = (const void *)(uintptr_t)request->items;
	int all = request->flags & SHS_MANY_ALL;
	uint32_t i;

	if (!shs_is_held(ret))
		return ret;
	for (i = 0; i < request->nr; i++)
		if (all || i == request->index)
			note(&list[i], item[i].result);
	return all ? ret : (int)request->index;
}

static int wait_for(struct shs_wanted *list, uint32_t count, uint32_t flags,
		    struct shs_deadline deadline)
{
	struct shs_many_item item[SHS_MANY_MAX];
	struct shs_ioc_many request;
	int ret = shs_many_fill(&request, item, list, count, flags, deadline);

	if (ret)
		return ret;
	SHS_STEP("many");
	ret = list[0].object->ops->owner_call(list[0].object, SHS_IOC_MANY, &request);
	return shs_many_end(&request, list, ret);
}

int shs_wait_any(struct shs_wanted *list, uint32_t count, struct shs_deadline deadline)
{
	return wait_for(list, count, 0, deadline);
}

int shs_wait_all(struct shs_wanted *list, uint32_t count, struct shs_deadline deadline)
{
	return wait_for(list, count, SHS_MANY_ALL, deadline);
}
