// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bench.h"
#include "ours.h"

/* The library asks when it attaches. */
static void attach(struct ours *ours)
{
	int ret;

	if (ours->way == OURS_CALL)
		setenv("SHSTATE_FAST", "0", 1);
	ret = shs_object_attach(ours->object);
	unsetenv("SHSTATE_FAST");
	if (ret)
		bench_die("cannot attach: %s", strerror(-ret));
	ours->fd = shs_object_fd(ours->object);
	ours->attachment = shs_object_attachment_fd(ours->object);
}

const char *ours_new(void **state, const struct shs_spec *spec, enum ours_way way)
{
	struct ours *ours = calloc(1, sizeof(*ours));
	struct shs_ioc_abi abi;
	int ret;

	if (!ours)
		bench_die("no memory");
	if (shs_abi(NULL, &abi)) {
		free(ours);
		return "the module is not there";
	}
	ret = shs_object_create(NULL, spec, &ours->object);
	if (ret)
		bench_die("cannot create an object: %s", strerror(-ret));
	ours->way = way;
	attach(ours);
	*state = ours;
	return NULL;
}

void ours_join(void *ours)
{
	attach(ours);
}

void ours_close(void *argument)
{
	struct ours *ours = argument;

	shs_object_close(ours->object);
	free(ours);
}

void ours_must(int fd, unsigned long request, void *argument)
{
	if (ioctl(fd, request, argument))
		bench_die("ioctl: %s", strerror(errno));
}
