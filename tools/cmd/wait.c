// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "cmd.h"
#include "many.h"

static const char help[] =
	"Usage: shstate wait [OPTION]... NAME [INDEX] EXPECTED\n"
	"       shstate wait [OPTION]... NAME\n"
	"       shstate wait --any|--all [OPTION]... NAME[:WHAT]... [-- COMMAND [ARGUMENT]...]\n"
	"Wait while an element (INDEX 0 by default) of an atomic is EXPECTED, then print what it\n"
	"is. Only a notify wakes: see 'shstate notify'. Or wait until a once is done.\n\n"
	"  -w, --wait SECONDS   exit with 1 if it takes longer\n"
	"  -A, --any; -a, --all of several: see 'shstate wait --any --help'\n"
	"  -h, --help\n";

static int wait_for(struct shs_object *object, const char *name, const struct args *args,
		    struct shs_deadline deadline)
{
	const char *index = args->count == 3 ? args->operands[1] : "0";
	uint32_t element;
	int64_t number;
	char *text;
	int ret;

	if (object->kind == SHS_KIND_ONCE) {
		if (args->count > 1)
			usage_error(args, "wait: a once is waited for until it is done: without EXPECTED");
		ret = shs_once_wait_until(object, deadline);
		goto out;
	}
	if (object->kind != SHS_KIND_ATOMIC)
		return explain_use(name, object, -EOPNOTSUPP, "waited for");
	if (args->count == 1)
		usage_error(args, "wait: what is EXPECTED of an atomic?");
	if (!parse_index(name, object, index, &element) ||
	    !parse_number(object->type, args->operands[args->count - 1], &number))
		return TROUBLE;
	ret = shs_atomic_wait_until(object, element, number, SHS_SEQ_CST, deadline);
	if (!ret)
		ret = shs_atomic_load(object, element, SHS_SEQ_CST, &number);
	if (!ret) {
		text = format_number(object->type, number);
		puts(text);
		free(text);
	}
out:
	if (ret == -ETIMEDOUT)
		return NO;
	return ret < 0 ? explain_use(name, object, ret, "waited for") : SUCCESS;
}

int cmd_wait(int argc, char **argv)
{
	static const struct option options[] = {
		{ "wait", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-w:h", options, .least = 1, .most = 3,
	};
	struct shs_deadline deadline = shs_deadline_never();
	struct shs_object *object;
	uint64_t ns;
	int status, ret;

	if (is_for_many(argc, argv))
		return cmd_wait_many(argc, argv);
	while (next_option(&args) != -1) {
		if (!parse_seconds(optarg, &ns))
			return TROUBLE;
		deadline = shs_deadline_in(ns);
	}
	/* One who may only look is woken too, but not counted by who notifies. */
	ret = shs_object_open(args.operands[0], 0, &object);
	if (ret == -EACCES)
		ret = shs_object_open(args.operands[0], SHS_OPEN_RDONLY, &object);
	if (ret < 0)
		return explain_name(args.operands[0], ret, TO_READ);
	status = wait_for(object, args.operands[0], &args, deadline);
	shs_object_close(object);
	return status;
}
