// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Watching who locks, and freezing. */
#include "internal.h"

int shs_object_watch(struct shs_object *object, uint32_t flags)
{
	struct shs_ioc_watch request = { .size = sizeof(request), .flags = flags };
	int ret = shs_object_attach(object);

	return ret < 0 ? ret : object->ops->owner_call(object, SHS_IOC_WATCH, &request);
}
