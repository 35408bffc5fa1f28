// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Words for numbers. */
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

const char *shs_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[SHS_KIND_NONE] = "none",
		[SHS_KIND_ATOMIC] = "atomic",
		[SHS_KIND_COUNTER] = "counter",
		[SHS_KIND_MUTEX] = "mutex",
		[SHS_KIND_RWLOCK] = "rwlock",
		[SHS_KIND_CONDVAR] = "condvar",
		[SHS_KIND_ONCE] = "once",
		[SHS_KIND_CELL] = "cell",
		[SHS_KIND_SEMAPHORE] = "semaphore",
		[SHS_KIND_BARRIER] = "barrier",
	};

	return kind < ARRAY_SIZE(names) ? names[kind] : "?";
}

static const struct {
	const char *name;
	size_t size;
} types[] = {
	[SHS_TYPE_NONE] = { "none", 0 },
	[SHS_TYPE_BYTES] = { "bytes", 1 },
	[SHS_TYPE_BOOL] = { "bool", 1 },
	[SHS_TYPE_U8] = { "u8", 1 },
	[SHS_TYPE_I8] = { "i8", 1 },
	[SHS_TYPE_U16] = { "u16", 2 },
	[SHS_TYPE_I16] = { "i16", 2 },
	[SHS_TYPE_U32] = { "u32", 4 },
	[SHS_TYPE_I32] = { "i32", 4 },
	[SHS_TYPE_U64] = { "u64", 8 },
	[SHS_TYPE_I64] = { "i64", 8 },
};

const char *shs_type_name(uint32_t type)
{
	return type < ARRAY_SIZE(types) ? types[type].name : "?";
}

size_t shs_type_size(uint32_t type)
{
	return type < ARRAY_SIZE(types) ? types[type].size : 0;
}

static void describe_cause(const struct shs_ioc_death *death, char *text, size_t size)
{
	const char *signal;

	switch (death->why) {
	case SHS_WHY_SIGNAL:
		signal = sigabbrev_np(death->code);
		if (signal)
			snprintf(text, size, "was killed by SIG%s", signal);
		else
			snprintf(text, size, "was killed by signal %u", death->code);
		break;
	case SHS_WHY_EXIT:
		snprintf(text, size, "exited with status %u", death->code);
		break;
	case SHS_WHY_EXEC:
		snprintf(text, size, "executed another program");
		break;
	case SHS_WHY_UNMAP:
		snprintf(text, size, "closed its handle");
		break;
	default:
		snprintf(text, size, "ended");
		break;
	}
}

char *shs_death_describe(const struct shs_ioc_death *death, char *text, size_t size)
{
	const int comm = sizeof(death->comm);
	char cause[64];

	describe_cause(death, cause, sizeof(cause));
	if (death->pid)
		snprintf(text, size, "pid %d (%.*s) %s", death->pid, comm, death->comm, cause);
	else
		snprintf(text, size, "a process (%.*s) that cannot be seen from here %s", comm,
			 death->comm, cause);
	return text;
}
