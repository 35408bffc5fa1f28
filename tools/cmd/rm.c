// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "cmd.h"

static const char help[] =
	"Usage: shstate rm [OPTION]... NAME...\n"
	"Remove names. Who has the object open goes on using it; it is gone when nobody has.\n\n"
	"  -f, --force   say nothing about names that are not there\n"
	"  -h, --help\n";

int cmd_rm(int argc, char **argv)
{
	static const struct option options[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-fh", options, .least = 1,
	};
	int option, status = SUCCESS, ret, i;
	bool force = false;

	while ((option = next_option(&args)) != -1) {
		if (option == 'f')
			force = true;
	}
	for (i = 0; i < args.count; i++) {
		ret = shs_object_unlink(args.operands[i]);
		if (ret < 0 && !(force && ret == -ENOENT))
			status = explain_name(args.operands[i], ret, TO_REMOVE);
	}
	return status;
}
