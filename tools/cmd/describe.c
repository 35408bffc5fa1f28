// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "describe.h"

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SHS_NS_PER_S + now.tv_nsec;
}

const char *mode_word(uint32_t mode)
{
	switch (mode) {
	case SHS_MODE_READ:
		return "read";
	case SHS_MODE_UPGRADABLE:
		return "upgradable";
	default:
		return "exclusive";
	}
}

/* There may be more of them by the time that there is room. */
int threads_read(const struct shs_object *object, struct shs_thread_info **threads)
{
	int count = shs_object_threads(object, NULL, 0);
	uint32_t room;

	*threads = NULL;
	if (count <= 0)
		return count;
	do {
		room = count + 8 < SHS_THREAD_INFO_MAX ? count + 8 : SHS_THREAD_INFO_MAX;
		free(*threads);
		*threads = must_have(calloc(room, sizeof(**threads)));
		count = shs_object_threads(object, *threads, room);
	} while (count > (int)room && room < SHS_THREAD_INFO_MAX);
	return count < (int)room ? count : (int)room;
}

static void put_comm(struct json_object *to, const char comm[16])
{
	char text[17];

	snprintf(text, sizeof(text), "%.16s", comm);
	json_put_text(to, "comm", text);
}

struct json_object *describe_threads(const struct shs_thread_info *threads, int count)
{
	struct json_object *list = json_list(), *entry;
	uint64_t now = now_ns();
	int i;

	for (i = 0; i < count; i++) {
		entry = json_map();
		json_put_text(entry, "is",
			      threads[i].flags & SHS_THREAD_WAITS ? "waiter" : "holder");
		json_put_text(entry, "mode", mode_word(threads[i].mode));
		json_put_bool(entry, "certain", !(threads[i].flags & SHS_THREAD_POSSIBLE));
		json_put_bool(entry, "goes-on", threads[i].flags & SHS_THREAD_GOES_ON);
		json_put_number(entry, "pid", threads[i].pid);
		if (threads[i].tid)
			json_put_number(entry, "tid", threads[i].tid);
		put_comm(entry, threads[i].comm);
		json_put_number(entry, "count", threads[i].count);
		if (threads[i].since_ns && threads[i].since_ns <= now)
			json_put_number(entry, "for-ns", now - threads[i].since_ns);
		json_append(list, entry);
	}
	return list;
}

static void put_holder(struct json_object *to, const struct shs_ioc_info *info)
{
	struct json_object *holder;

	if (!info->holder_pid)
		return;
	holder = json_map();
	json_put_number(holder, "pid", info->holder_pid);
	if (info->holder_tid)
		json_put_number(holder, "tid", info->holder_tid);
	put_comm(holder, info->holder_comm);
	if (info->held_ns)
		json_put_number(holder, "held-ns", info->held_ns);
	if (info->depth)
		json_put_number(holder, "depth", info->depth);
	json_put(to, "holder", holder);
}

void describe_state(struct json_object *to, const struct shs_object *object,
		    const struct shs_ioc_info *info)
{
	char *state = state_text(object, info);

	if (*state)
		json_put_text(to, "state", state);
	free(state);
	put_holder(to, info);
	json_put_number(to, "readers", info->readers);
	json_put_number(to, "waiters", info->waiters);
}

static void put_value(struct json_object *to, struct shs_object *object)
{
	struct access access = { .peek = true, .deadline = shs_deadline_in(0) };
	void *bytes;

	if (!has_value(object))
		return;
	bytes = must_have(malloc(value_size(object)));
	if (value_fetch(object, &access, bytes, object->count) >= 0)
		json_put(to, "value", json_value(object, bytes));
	free(bytes);
}

static void put_death(struct json_object *to, const struct shs_object *object)
{
	struct json_object *entry;
	struct shs_ioc_death death;
	char text[128], *when;

	if (shs_object_death(object, &death) < 0)
		return;
	entry = json_map();
	when = time_text(death.when_realtime_ns);
	json_put_number(entry, "pid", death.pid);
	put_comm(entry, death.comm);
	json_put_text(entry, "text", shs_death_describe(&death, text, sizeof(text)));
	json_put_text(entry, "mode", mode_word(death.mode));
	json_put_text(entry, "when", when);
	json_put_number(entry, "deaths", death.deaths);
	json_put(to, "last-death", entry);
	free(when);
}

static void put_file(struct json_object *to, const struct shs_object *object)
{
	struct stat st;
	char mode[8];

	if (fstat(shs_object_fd(object), &st) < 0)
		return;
	snprintf(mode, sizeof(mode), "%04o", (unsigned int)st.st_mode & 07777);
	json_put_text(to, "permissions", mode);
	json_put_number(to, "uid", st.st_uid);
	json_put_number(to, "gid", st.st_gid);
}

struct json_object *describe(struct shs_object *object, const struct shs_ioc_info *info,
			     const char *path)
{
	struct json_object *to = json_map();
	char *flags = flags_text(info->flags), *when = time_text(info->created_ns);
	struct meta meta;

	meta_read(object, &meta);
	json_put_text(to, "name", path);
	json_put_text(to, "kind", shs_kind_name(info->kind));
	json_put_text(to, "type", shs_type_name(info->type));
	json_put_number(to, "count", info->count);
	json_put_text(to, "policies", flags);
	put_value(to, object);
	describe_state(to, object, info);
	json_put_number(to, "waits", info->waits);
	json_put_number(to, "wakes", info->wakes);
	put_death(to, object);
	json_put_text(to, "created", when);
	json_put_number(to, "links", info->links);
	json_put_number(to, "opens", info->opens - 1);
	json_put_number(to, "attached", info->attachments);
	put_file(to, object);
	json_put_text(to, "metadata", meta.text);
	free(flags);
	free(when);
	return to;
}
