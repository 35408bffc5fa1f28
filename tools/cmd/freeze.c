// SPDX-License-Identifier: GPL-2.0-only
/* Let nobody lock while a command runs. */
#include "cmd.h"
#include "child.h"

static const char help[] =
	"Usage: shstate freeze NAME [--] COMMAND [ARGUMENT]...\n"
	"Run COMMAND while nobody can lock NAME, a mutex, rwlock or cell: who would waits until\n"
	"COMMAND has ended. Who holds it goes on holding; 'shstate show' tells whether somebody\n"
	"does, and 'shstate get --peek' the value of a mutex or rwlock.\n\n"
	"  -h, --help\n\n"
	"Exit status: that of COMMAND; 125 trouble; 126 COMMAND cannot be run; 127 there is no\n"
	"COMMAND. If this process is killed, NAME can be locked again.\n\n"
	"Example:\n"
	"  shstate freeze queue -- systemctl restart worker\n";

int cmd_freeze(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-h", options,
		.least = 2, .stop = 2, .trouble = CHILD_TROUBLE,
	};
	struct shs_object *object;
	int ret;

	while (next_option(&args) != -1)
		;
	ret = shs_object_open(args.operands[0], 0, &object);
	if (ret < 0) {
		explain_name(args.operands[0], ret, TO_WRITE);
		return CHILD_TROUBLE;
	}
	ret = shs_object_watch(object, SHS_WATCH_ON | SHS_WATCH_FREEZE);
	if (ret < 0) {
		explain_use(args.operands[0], object, ret, "frozen");
		ret = CHILD_TROUBLE;
	} else {
		ret = child_run(args.operands + 1);
	}
	shs_object_close(object);
	return ret;
}
