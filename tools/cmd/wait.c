// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "cmd.h"
#include "many.h"

static const char help[] =
	"Usage: shstate wait [OPTION]... NAME [INDEX] EXPECTED\n"
	"       shstate wait [OPTION]... NAME [INDEX] CONDITION\n"
	"       shstate wait [OPTION]... NAME\n"
	"       shstate wait --any|--all [OPTION]... NAME[:WHAT]...\n"
	"                    [-- COMMAND [ARGUMENT]...]\n"
	"Wait while an element (INDEX 0 by default) of an atomic is EXPECTED, then print\n"
	"what it is. Only a notify wakes: see 'shstate notify'. Or wait until an element\n"
	"of an atomic, or the total of a counter, meets a CONDITION, whoever changes it,\n"
	"and print what met it; it may be something else by then. Or wait until a once\n"
	"is done.\n\n"
	"      --ge NUMBER      it is at least NUMBER\n"
	"      --le NUMBER      it is at most NUMBER\n"
	"      --eq NUMBER      it is NUMBER\n"
	"      --ne NUMBER      it is not NUMBER\n"
	"      --any-bit MASK   a bit of MASK is set in it\n"
	"  -i, --index INDEX    the same as INDEX after NAME\n"
	"  -w, --wait SECONDS   exit with 1 if it takes longer\n"
	"      --timeout SECONDS  the same as --wait\n"
	"  -A, --any            for one of several: see 'shstate wait --any --help'\n"
	"  -a, --all            for all of them: the same\n"
	"  -h, --help\n";

/* What to wait for, if it is a condition: of options, each of which has the letter of it. */
struct condition {
	uint32_t op;		/* SHS_OP_AWAIT_*; 0: none */
	const char *number;
	const char *index;
};

static bool take_condition(struct condition *c, int option)
{
	if (option == 'i') {
		c->index = optarg;
		return true;
	}
	if (option < SHS_OP_AWAIT_GE || option > SHS_OP_AWAIT_ANY)
		return false;
	c->op = option;
	c->number = optarg;
	return true;
}

/* Prints what an element is, or was. */
static void print_number(const struct shs_object *object, int64_t number)
{
	char *text = format_number(object->type, number);

	puts(text);
	free(text);
}

static int wait_for_condition(struct shs_object *object, const char *name,
			      const struct condition *c, uint32_t element,
			      struct shs_deadline deadline)
{
	int64_t number;
	int ret;

	if (!parse_number(object->type, c->number, &number))
		return TROUBLE;
	ret = object->kind == SHS_KIND_COUNTER ?
	      shs_counter_await_until(object, element, c->op, number, &number, deadline) :
	      shs_atomic_await_until(object, element, c->op, number, &number, deadline);
	if (!ret)
		print_number(object, number);
	if (ret == -ETIMEDOUT)
		return NO;
	return ret < 0 ? explain_use(name, object, ret, "waited for") : SUCCESS;
}

static int wait_for(struct shs_object *object, const char *name, const struct args *args,
		    const struct condition *c, struct shs_deadline deadline)
{
	int indexed = c->op ? 2 : 3;
	const char *index = args->count == indexed ? args->operands[1] : c->index ? c->index : "0";
	uint32_t element;
	int64_t number;
	int ret;

	if (object->kind == SHS_KIND_ONCE) {
		if (args->count > 1)
			usage_error(args, "wait: a once is waited for until it is done: without EXPECTED");
		ret = shs_once_wait_until(object, deadline);
		goto out;
	}
	if (object->kind != SHS_KIND_ATOMIC && (object->kind != SHS_KIND_COUNTER || !c->op))
		return explain_use(name, object, -EOPNOTSUPP, "waited for");
	if (c->op)
		return parse_index(name, object, index, &element) ?
		       wait_for_condition(object, name, c, element, deadline) : TROUBLE;
	if (args->count == 1)
		usage_error(args, "wait: what is EXPECTED of an atomic?");
	if (!parse_index(name, object, index, &element) ||
	    !parse_number(object->type, args->operands[args->count - 1], &number))
		return TROUBLE;
	ret = shs_atomic_wait_until(object, element, number, SHS_SEQ_CST, deadline);
	if (!ret)
		ret = shs_atomic_load(object, element, SHS_SEQ_CST, &number);
	if (!ret)
		print_number(object, number);
out:
	if (ret == -ETIMEDOUT)
		return NO;
	return ret < 0 ? explain_use(name, object, ret, "waited for") : SUCCESS;
}

int cmd_wait(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ge", required_argument, NULL, SHS_OP_AWAIT_GE },
		{ "le", required_argument, NULL, SHS_OP_AWAIT_LE },
		{ "eq", required_argument, NULL, SHS_OP_AWAIT_EQ },
		{ "ne", required_argument, NULL, SHS_OP_AWAIT_NE },
		{ "any-bit", required_argument, NULL, SHS_OP_AWAIT_ANY },
		{ "index", required_argument, NULL, 'i' },
		{ "wait", required_argument, NULL, 'w' },
		{ "timeout", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-i:w:h", options, .least = 1, .most = 3,
	};
	struct shs_deadline deadline = shs_deadline_never();
	struct condition condition = { 0 };
	struct shs_object *object;
	uint64_t ns;
	int status, ret, option;

	if (is_for_many(argc, argv))
		return cmd_wait_many(argc, argv);
	while ((option = next_option(&args)) != -1) {
		if (take_condition(&condition, option))
			continue;
		if (!parse_seconds(optarg, &ns))
			return TROUBLE;
		deadline = shs_deadline_in(ns);
	}
	if (condition.op && args.count > 2)
		usage_error(&args, "wait: EXPECTED or a CONDITION, not both");
	/* One who may only look is woken too, but not counted by who notifies. */
	ret = shs_object_open(args.operands[0], 0, &object);
	if (ret == -EACCES)
		ret = shs_object_open(args.operands[0], SHS_OPEN_RDONLY, &object);
	if (ret < 0)
		return explain_name(args.operands[0], ret, TO_READ);
	status = wait_for(object, args.operands[0], &args, &condition, deadline);
	shs_object_close(object);
	return status;
}
