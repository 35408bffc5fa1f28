// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "change.h"

static const char help[] =
	"Usage: shstate add [OPTION]... NAME [INDEX] NUMBER\n"
	"Add NUMBER, which may be negative, to an element (INDEX 0 by default) of an atomic, a\n"
	"counter, or the value of a mutex or rwlock, in one step. It wraps around.\n\n"
	"  -o, --old            print what it was before (not of a counter, which does not know)\n"
	CHANGE_HELP;

/* As it wraps around, an unsigned element goes down by adding almost all of it. */
static bool parse_delta(struct change *change, const char *text, struct shs_ioc_op *op)
{
	uint32_t type = change->object->type;
	uint64_t mask = UINT64_MAX >> (64 - 8 * shs_type_size(type));
	bool is_unsigned = *shs_type_name(type) == 'u';
	int64_t number;

	op->op = change->object->kind == SHS_KIND_ATOMIC ? SHS_OP_FETCH_ADD : SHS_OP_ADD;
	if (*text == '+')
		text++;
	if (!parse_number(type, text + (is_unsigned && *text == '-'), &number))
		return false;
	op->arg = is_unsigned && *text == '-' ? -(uint64_t)number & mask : (uint64_t)number;
	return true;
}

static int add(struct change *change, const char *index, const char *text)
{
	struct shs_ioc_op op = { };
	char *old;
	int ret;

	if (!change_index(change, index, &op) || !parse_delta(change, text, &op))
		return TROUBLE;
	ret = number_op(change->object, &op, &change->access);
	if (ret >= 0 && change->old) {
		old = format_number(change->object->type, op.result);
		puts(old);
		free(old);
	}
	return change_end(change, ret, "added to");
}

int cmd_add(int argc, char **argv)
{
	static const struct option options[] = {
		{ "old", no_argument, NULL, 'o' },
		CHANGE_OPTIONS,
		{ }
	};
	struct args args = {
		argc, argv, help, CHANGE_LETTERS "o", options, .least = 2, .most = 3,
	};
	struct change change = { };
	const struct shs_object *object;

	if (!change_begin(&change, &args))
		return TROUBLE;
	object = change.object;
	if (!has_value(object) || object->type == SHS_TYPE_BYTES ||
	    object->type == SHS_TYPE_BOOL || object->kind == SHS_KIND_CELL)
		return change_end(&change, -EOPNOTSUPP, "added to");
	if (change.old && object->kind == SHS_KIND_COUNTER)
		usage_error(&args, "add: a counter does not know what it was before: use get");
	return add(&change, args.count == 3 ? args.operands[1] : NULL,
		   args.operands[args.count - 1]);
}
