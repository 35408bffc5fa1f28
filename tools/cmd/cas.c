// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "change.h"

static const char help[] =
	"Usage: shstate cas [OPTION]... NAME [INDEX] EXPECTED NEW\n"
	"Compare and swap: if an element (INDEX 0 by default) of an atomic, or a cell, is\n"
	"EXPECTED, make it NEW, in one step. Else print what it is, and exit with 1.\n\n"
	CHANGE_HELP;

static void print_number(const struct shs_object *object, int64_t number)
{
	char *text = format_number(object->type, number);

	puts(text);
	free(text);
}

static int cas_number(struct change *change, const char *index, char **texts)
{
	struct shs_ioc_op op = { .op = SHS_OP_CMPXCHG };
	int64_t expected, desired;
	int ret;

	if (!change_index(change, index, &op) ||
	    !parse_number(change->object->type, texts[0], &expected) ||
	    !parse_number(change->object->type, texts[1], &desired))
		return TROUBLE;
	op.expected = expected;
	op.arg = desired;
	ret = number_op(change->object, &op, &change->access);
	if (ret != -EREMCHG)
		return change_end(change, ret, "compared and swapped");
	print_number(change->object, op.result);
	shs_object_close(change->object);
	return NO;
}

static int cas_bytes(struct change *change, char **texts)
{
	struct shs_object *object = change->object;
	size_t size = value_size(object);
	unsigned char *expected = must_have(malloc(size)), *desired = must_have(malloc(size));
	char *text;
	int ret = -EINVAL;

	if (parse_bytes(texts[0], expected, size) && parse_bytes(texts[1], desired, size))
		ret = shs_cell_compare_exchange_until(object, expected, desired, size,
						      change->access.deadline);
	else
		exit(TROUBLE);
	if (ret == -EREMCHG) {
		text = value_format(object, expected, object->count);
		puts(text);
		free(text);
	}
	free(expected);
	free(desired);
	if (ret != -EREMCHG)
		return change_end(change, ret, "compared and swapped");
	shs_object_close(object);
	return NO;
}

int cmd_cas(int argc, char **argv)
{
	static const struct option options[] = {
		CHANGE_OPTIONS,
		{ }
	};
	struct args args = {
		argc, argv, help, CHANGE_LETTERS, options, .least = 3, .most = 4,
	};
	struct change change = { };

	if (!change_begin(&change, &args))
		return TROUBLE;
	if (change.object->kind != SHS_KIND_ATOMIC && change.object->kind != SHS_KIND_CELL)
		return change_end(&change, -EOPNOTSUPP, "compared and swapped");
	if (change.object->type != SHS_TYPE_BYTES)
		return cas_number(&change, args.count == 4 ? args.operands[1] : NULL,
				  args.operands + args.count - 2);
	if (args.count == 4)
		return change_end(&change, -EOPNOTSUPP, "compared and swapped by index");
	return cas_bytes(&change, args.operands + 1);
}
