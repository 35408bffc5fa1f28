// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd.h"

static const char help[] =
	"Usage: shstate get [OPTION]... NAME [INDEX]\n"
	"Print a value: numbers separated by blanks, bytes as hexadecimal digits; of a once\n"
	"without a value its state, of a condvar the number of its waiters. With INDEX, that\n"
	"element alone. A once that is not done yet has no value: exit status 1.\n\n"
	"The value of a mutex or rwlock is read under its lock, waiting for who holds it.\n\n"
	"  -n, --no-wait        fail if it is held\n"
	"  -w, --wait SECONDS   fail if it is held for longer\n"
	"  -p, --peek           take no lock: the value may be in the middle of a change\n"
	"  -r, --raw            write the bytes themselves\n"
	"  -h, --help\n";

struct request {
	struct access access;
	const char *index;
	bool raw;
};

static int cannot_get(const char *name, struct shs_object *object, int error)
{
	explain_use(name, object, error, "read");
	return error == -ENODATA ? NO : TROUBLE;
}

static int get_element(const char *name, struct shs_object *object, struct request *request)
{
	struct shs_ioc_op op = { .op = load_opcode(object, &request->access) };
	char *text;
	int ret;

	if (!parse_index(name, object, request->index, &op.index))
		return TROUBLE;
	ret = number_op(object, &op, &request->access);
	if (ret < 0)
		return explain_use(name, object, ret, "read by index");
	if (ret & SHS_NOTICE_OWNER_DIED)
		warn_owner_died(name, object);
	text = format_number(object->type, op.result);
	puts(text);
	free(text);
	return SUCCESS;
}

/* Of a once an operation on a number tells the state. */
static int get_element_of_once(const char *name, struct shs_object *object,
			       struct request *request)
{
	uint32_t index;
	void *bytes;
	char *text;
	int ret;

	if (object->type == SHS_TYPE_BYTES)
		return explain_use(name, object, -EOPNOTSUPP, "read by index");
	if (!parse_index(name, object, request->index, &index))
		return TROUBLE;
	bytes = must_have(malloc(value_size(object)));
	ret = value_fetch(object, &request->access, bytes, object->count);
	if (ret >= 0) {
		text = format_number(object->type, element_load(object->type, bytes, index));
		puts(text);
		free(text);
	}
	free(bytes);
	return ret < 0 ? cannot_get(name, object, ret) : SUCCESS;
}

static int get_value(const char *name, struct shs_object *object, struct request *request)
{
	void *bytes = must_have(malloc(value_size(object)));
	int ret = value_fetch(object, &request->access, bytes, object->count);
	char *text;

	if (ret < 0) {
		free(bytes);
		return cannot_get(name, object, ret);
	}
	if (ret & SHS_NOTICE_OWNER_DIED)
		warn_owner_died(name, object);
	if (request->raw) {
		fwrite(bytes, 1, value_size(object), stdout);
	} else {
		text = value_format(object, bytes, object->count);
		puts(text);
		free(text);
	}
	free(bytes);
	return SUCCESS;
}

/* What has no value has a state. */
static int get_state(const char *name, struct shs_object *object)
{
	struct shs_ioc_info info;
	int ret = shs_object_info(object, &info);
	char *text;

	if (ret < 0)
		return explain_use(name, object, ret, "read");
	if (object->kind == SHS_KIND_CONDVAR) {
		printf("waiters %u\n", info.waiters);
		return SUCCESS;
	}
	text = state_text(object, &info);
	puts(text);
	free(text);
	return SUCCESS;
}

static int get(const char *name, struct request *request)
{
	struct shs_object *object;
	int ret = shs_object_open(name, SHS_OPEN_RDONLY, &object);

	if (ret < 0)
		return explain_name(name, ret, TO_READ);
	if (!has_value(object) && (request->index || request->raw))
		ret = explain_use(name, object, -EOPNOTSUPP, "read by index or as bytes");
	else if (!has_value(object))
		ret = get_state(name, object);
	else if (request->index && object->kind == SHS_KIND_ONCE)
		ret = get_element_of_once(name, object, request);
	else if (request->index)
		ret = get_element(name, object, request);
	else
		ret = get_value(name, object, request);
	shs_object_close(object);
	return ret;
}

int cmd_get(int argc, char **argv)
{
	static const struct option options[] = {
		{ "no-wait", no_argument, NULL, 'n' },
		{ "wait", required_argument, NULL, 'w' },
		{ "peek", no_argument, NULL, 'p' },
		{ "raw", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-nw:prh", options, .least = 1, .most = 2,
	};
	struct request request = { .access.deadline = shs_deadline_never() };
	uint64_t ns;
	int option;

	while ((option = next_option(&args)) != -1) {
		switch (option) {
		case 'n':
			request.access.flags |= SHS_OP_NOWAIT;
			break;
		case 'w':
			if (!parse_seconds(optarg, &ns))
				return TROUBLE;
			request.access.deadline = shs_deadline_in(ns);
			break;
		case 'p':
			request.access.peek = true;
			break;
		case 'r':
			request.raw = true;
			break;
		}
	}
	request.index = args.count > 1 ? args.operands[1] : NULL;
	if (request.index && request.raw)
		usage_error(&args, "get: --raw is for the whole value");
	return get(args.operands[0], &request);
}
