// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "change.h"

static const char help[] =
	"Usage: shstate set [OPTION]... NAME [INDEX] VALUE\n"
	"       shstate set [OPTION]... --raw NAME <FILE\n"
	"Change a value, or its element INDEX (0 by default). VALUE is a number, or for bytes\n"
	"hexadecimal digits for all of them. A counter's total becomes VALUE.\n\n"
	"The value of a mutex or rwlock is changed under its lock. A once gets its value, whole,\n"
	"if it has none yet; else the exit status is 1.\n\n"
	"  -r, --raw            the whole value as bytes from the standard input: mutex, rwlock,\n"
	"                       cell, once\n"
	CHANGE_HELP;

static int store_opcode(const struct shs_object *object)
{
	switch (object->kind) {
	case SHS_KIND_COUNTER:
		return SHS_OP_RESET;
	case SHS_KIND_MUTEX:
	case SHS_KIND_RWLOCK:
		return SHS_OP_WRITE;
	default:
		return SHS_OP_STORE;
	}
}

/* One may be about to set it: that is waited for. */
static int set_once(struct change *change, const void *bytes)
{
	struct shs_deadline deadline = change->access.deadline;
	int ret;

	if (change->access.flags & SHS_OP_NOWAIT)
		deadline = shs_deadline_in(0);
	ret = shs_once_lock_set_until(change->object, bytes, value_size(change->object),
				      deadline);
	if (ret != -EEXIST)
		return change_end(change, ret, "set");
	complain("%s: it has its value already, and for good: see 'shstate get %s'", change->name,
		 change->name);
	shs_object_close(change->object);
	return NO;
}

static int store_bytes(struct change *change, const void *bytes)
{
	struct shs_ioc_op op = {
		.op = store_opcode(change->object),
		.flags = SHS_OP_BYTES,
		.addr = (uintptr_t)bytes,
		.len = value_size(change->object),
	};

	if (change->object->kind == SHS_KIND_ONCE)
		return set_once(change, bytes);
	return change_end(change, number_op(change->object, &op, &change->access),
			  "set as bytes");
}

static int set_number(struct change *change, const char *index, const char *text)
{
	struct shs_ioc_op op = { .op = store_opcode(change->object) };
	int64_t number;

	if (!change_index(change, index, &op) ||
	    !parse_number(change->object->type, text, &number))
		return TROUBLE;
	if (change->object->kind == SHS_KIND_ONCE && change->object->count == 1) {
		element_store(change->object->type, &number, 0, number);
		return set_once(change, &number);
	}
	op.arg = number;
	return change_end(change, number_op(change->object, &op, &change->access), "set");
}

static int set_hex(struct change *change, const char *text)
{
	unsigned char *bytes = must_have(malloc(change->object->count));
	int ret = TROUBLE;

	if (parse_bytes(text, bytes, change->object->count))
		ret = store_bytes(change, bytes);
	free(bytes);
	return ret;
}

static int set_raw(struct change *change)
{
	size_t size = value_size(change->object), got;
	char *bytes = must_have(malloc(size + 1));
	int ret = TROUBLE;

	got = fread(bytes, 1, size + 1, stdin);
	if (got == size)
		ret = store_bytes(change, bytes);
	else
		complain("%s has %zu bytes, but the standard input has %s", change->name, size,
			 got < size ? "fewer" : "more");
	free(bytes);
	return ret;
}

int cmd_set(int argc, char **argv)
{
	static const struct option options[] = {
		{ "raw", no_argument, NULL, 'r' },
		CHANGE_OPTIONS,
		{ }
	};
	struct args args = {
		argc, argv, help, CHANGE_LETTERS "r", options, .least = 1, .most = 3,
	};
	struct change change = { };
	const char *value, *index;

	if (!change_begin(&change, &args))
		return TROUBLE;
	if (change.raw != (args.count == 1))
		usage_error(&args, "set: one of VALUE and --raw is needed");
	if (!has_value(change.object))
		return change_end(&change, -EOPNOTSUPP, "set");
	if (change.raw)
		return set_raw(&change);

	index = args.count == 3 ? args.operands[1] : NULL;
	value = args.operands[args.count - 1];
	if (change.object->type != SHS_TYPE_BYTES)
		return set_number(&change, index, value);
	if (index)
		return change_end(&change, -EOPNOTSUPP, "set by index");
	return set_hex(&change, value);
}
