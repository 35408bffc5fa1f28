/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include "json.h"

/* describe.c: what an object is doing, as JSON, and who holds it and waits. */
struct json_object *describe(struct shs_object *object, const struct shs_ioc_info *info,
			     const char *path);
void describe_state(struct json_object *to, const struct shs_object *object,
		    const struct shs_ioc_info *info);
struct json_object *describe_threads(const struct shs_thread_info *threads, int count);
/* Into *threads, to be freed. Returns how many, or -errno. */
int threads_read(const struct shs_object *object, struct shs_thread_info **threads);
const char *mode_word(uint32_t mode);
uint64_t now_ns(void);			/* of the monotonic clock */

#endif /* DESCRIBE_H */
