/* SPDX-License-Identifier: GPL-2.0-only */
/* The objects of shstate that the cases use. */
#ifndef SHS_BENCH_OURS_H
#define SHS_BENCH_OURS_H

#include <shstate.h>

/* How a case goes about it. */
enum ours_way {
	OURS_FAST,	/* the library, in mapped memory where it can */
	OURS_CALL,	/* the library with SHSTATE_FAST=0 */
};

struct ours {
	struct shs_object *object;
	enum ours_way way;
	int fd, attachment;	/* for single operations by ioctl */
};

static inline void *ours_value(const struct ours *ours)
{
	return (char *)ours->object->shared + SHS_VALUE_OFFSET;
}

/* For a case's setup: an object without a name, attached. NULL, or why there is none. */
const char *ours_new(void **state, const struct shs_spec *spec, enum ours_way way);

/* For cases: a child has to attach anew, and both are to be closed. */
void ours_join(void *ours);
void ours_close(void *ours);

/* An ioctl that must succeed. */
void ours_must(int fd, unsigned long request, void *argument);

#endif /* SHS_BENCH_OURS_H */
