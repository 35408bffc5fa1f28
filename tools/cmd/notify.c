// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "cmd.h"

static const char help[] =
	"Usage: shstate notify [OPTION]... NAME [INDEX]\n"
	"Wake all who wait for an element (INDEX 0 by default) of an atomic, or for a condvar,\n"
	"and print how many it were.\n\n"
	"  -o, --one    only the longest waiting\n"
	"  -h, --help\n";

static int notify(struct shs_object *object, uint32_t index, bool one)
{
	if (object->kind == SHS_KIND_CONDVAR)
		return one ? shs_condvar_notify_one(object) : shs_condvar_notify_all(object);
	return one ? shs_atomic_notify_one(object, index) : shs_atomic_notify_all(object, index);
}

int cmd_notify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "one", no_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-oh", options, .least = 1, .most = 2,
	};
	struct shs_object *object;
	const char *name;
	uint32_t index = 0;
	bool one = false;
	int status = SUCCESS, ret;

	while (next_option(&args) != -1)
		one = true;
	name = args.operands[0];
	ret = shs_object_open(name, 0, &object);
	if (ret < 0)
		return explain_name(name, ret, TO_WRITE);
	if (args.count == 2 && object->kind == SHS_KIND_ATOMIC &&
	    !parse_index(name, object, args.operands[1], &index)) {
		shs_object_close(object);
		return TROUBLE;
	}
	ret = args.count == 2 && object->kind == SHS_KIND_CONDVAR ? -EOPNOTSUPP :
								    notify(object, index, one);
	if (ret < 0)
		status = explain_use(name, object, ret, "notified");
	else
		printf("%d\n", ret);
	shs_object_close(object);
	return status;
}
