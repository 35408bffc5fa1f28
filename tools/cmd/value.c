// SPDX-License-Identifier: GPL-2.0-only
/* Whole values of every kind, and what an object is doing, as text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"

bool has_value(const struct shs_object *object)
{
	return object->type != SHS_TYPE_NONE;
}

size_t value_size(const struct shs_object *object)
{
	return object->count * shs_type_size(object->type);
}

static bool is_locked_kind(const struct shs_object *object)
{
	return object->kind == SHS_KIND_MUTEX || object->kind == SHS_KIND_RWLOCK;
}

int load_opcode(const struct shs_object *object, const struct access *access)
{
	if (!is_locked_kind(object))
		return SHS_OP_LOAD;
	return access->peek ? SHS_OP_PEEK : SHS_OP_READ;
}

int number_op(struct shs_object *object, struct shs_ioc_op *op, const struct access *access)
{
	int ret;

	op->flags |= access->flags;
	op->deadline = access->deadline.ns;
	op->clock = access->deadline.clock;
	ret = shs_object_op(object, op);
	return ret < 0 ? ret : (int)op->notice;
}

static int fetch_bytes(struct shs_object *object, const struct access *access, void *bytes,
		       uint32_t count)
{
	struct shs_ioc_op op = {
		.op = load_opcode(object, access),
		.flags = SHS_OP_BYTES,
		.addr = (uintptr_t)bytes,
		.len = count * shs_type_size(object->type),
	};

	return number_op(object, &op, access);
}

/* Elements of these have nothing to do with each other: many of them by one call. */
static int fetch_elements(struct shs_object *object, const struct access *access, void *bytes,
			  uint32_t count)
{
	struct shs_ioc_op ops[SHS_BATCH_MAX];
	uint32_t first, part, i;
	int ret;

	for (first = 0; first < count; first += part) {
		part = count - first < SHS_BATCH_MAX ? count - first : SHS_BATCH_MAX;
		for (i = 0; i < part; i++)
			ops[i] = (struct shs_ioc_op){
				.op = SHS_OP_LOAD,
				.flags = access->flags,
				.index = first + i,
				.deadline = access->deadline.ns,
				.clock = access->deadline.clock,
			};
		ret = shs_batch(object, NULL, ops, part, NULL);
		if (ret < 0)
			return ret;
		for (i = 0; i < part; i++)
			element_store(object->type, bytes, first + i, ops[i].result);
	}
	return 0;
}

int value_fetch(struct shs_object *object, const struct access *access, void *bytes,
		uint32_t count)
{
	switch (object->kind) {
	case SHS_KIND_ATOMIC:
	case SHS_KIND_COUNTER:
	case SHS_KIND_SEMAPHORE:
	case SHS_KIND_BARRIER:
		return fetch_elements(object, access, bytes, count);
	case SHS_KIND_MUTEX:
	case SHS_KIND_RWLOCK:
		return fetch_bytes(object, access, bytes, count);
	case SHS_KIND_CELL:
	case SHS_KIND_ONCE:
		/* bytes has room for all: these are only to be had whole. */
		return fetch_bytes(object, access, bytes, object->count);
	default:
		return -EOPNOTSUPP;
	}
}

char *value_format(const struct shs_object *object, const void *bytes, uint32_t count)
{
	char *text = NULL, *element;
	size_t size;
	FILE *out = must_have(open_memstream(&text, &size));
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (object->type == SHS_TYPE_BYTES) {
			fprintf(out, "%02x", ((const unsigned char *)bytes)[i]);
			continue;
		}
		element = format_number(object->type, element_load(object->type, bytes, i));
		fprintf(out, "%s%s", i ? " " : "", element);
		free(element);
	}
	fclose(out);
	return must_have(text);
}

static const char *once_state(uint32_t state)
{
	if (state & SHS_STATE_DONE)
		return "done";
	if (state & SHS_STATE_POISONED)
		return "poisoned";
	return state & SHS_STATE_HELD ? "running" : "incomplete";
}

static const char *lock_state(const struct shs_ioc_info *info)
{
	if (info->state & SHS_STATE_UPGRADABLE)
		return info->readers ? "read,upgradable" : "upgradable";
	if (info->readers)
		return "read";
	if (info->state & SHS_STATE_HELD)
		return info->kind == SHS_KIND_RWLOCK ? "written" : "held";
	return "free";
}

/* By the bits of SHS_INIT_*, as the options of create. */
static const char *const flag_names[] = {
	"fifo", "poison", "saturate", "check", "ephemeral", "strict", "ignore", "recursive",
	"commit", "serial", "live", "done", "detect",
};

char *flags_text(uint32_t flags)
{
	char *text = NULL;
	size_t size, i;
	FILE *out = must_have(open_memstream(&text, &size));
	bool any = false;

	for (i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (flags & (1U << i)) {
			fprintf(out, "%s%s", any ? "," : "", flag_names[i]);
			any = true;
		}
	}
	fclose(out);
	return must_have(text);
}

bool parse_flags(const char *text, uint32_t *flags)
{
	char *copy = must_have(strdup(text)), *rest = copy, *word;
	bool good = true;
	size_t i;

	*flags = 0;
	while (good && *text && (word = strsep(&rest, ","))) {
		for (i = 0; i < ARRAY_SIZE(flag_names) && strcmp(word, flag_names[i]); i++)
			;
		good = i < ARRAY_SIZE(flag_names);
		if (good)
			*flags |= 1U << i;
	}
	free(copy);
	return good;
}

char *state_text(const struct shs_object *object, const struct shs_ioc_info *info)
{
	const char *died = info->state & SHS_STATE_LOST ? ",lost" :
			   info->state & SHS_STATE_OWNER_DIED ? ",owner-died" : "";
	const char *frozen = info->state & SHS_STATE_FROZEN ? ",frozen" : "";
	const char *state;
	char *text;

	if (object->kind == SHS_KIND_ONCE)
		state = once_state(info->state);
	else if (object->kind == SHS_KIND_SEMAPHORE)
		state = info->state & SHS_STATE_HELD ? "held" : "free";
	else if (object->kind == SHS_KIND_BARRIER)
		state = info->state & SHS_STATE_BROKEN ? "broken" : "whole";
	else if (is_locked_kind(object))
		state = lock_state(info);
	else
		return must_have(strdup(*frozen ? "frozen" : ""));	/* a cell */
	return must_have(asprintf(&text, "%s%s%s", state, died, frozen) < 0 ? NULL : text);
}

char *span_text(uint64_t ns)
{
	unsigned long long seconds = ns / SHS_NS_PER_S;
	char *text;
	int ret;

	if (seconds < 1)
		ret = asprintf(&text, "%llu ms", (unsigned long long)(ns / SHS_NS_PER_MS));
	else if (seconds < 100)
		ret = asprintf(&text, "%.1f s", (double)ns / SHS_NS_PER_S);
	else if (seconds < 100 * 60)
		ret = asprintf(&text, "%llu min", seconds / 60);
	else
		ret = asprintf(&text, "%llu h", seconds / 3600);
	return must_have(ret < 0 ? NULL : text);
}

char *time_text(uint64_t realtime_ns)
{
	time_t seconds = realtime_ns / SHS_NS_PER_S;
	struct tm tm;
	char text[64];

	if (!localtime_r(&seconds, &tm) || !strftime(text, sizeof(text), "%FT%T%z", &tm))
		text[0] = '\0';
	return must_have(strdup(text));
}
