// SPDX-License-Identifier: GPL-2.0-only
/* What the columns of "ls" say about an object. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"

static char *text_of(const char *text)
{
	return must_have(strdup(text));
}

static char *number_of(unsigned long long number)
{
	char *text;

	return must_have(asprintf(&text, "%llu", number) < 0 ? NULL : text);
}

static char *row_value(const struct row *row)
{
	struct access access = { .peek = true, .deadline = shs_deadline_in(0) };
	struct shs_object *object = row->object;
	uint32_t most = object->type == SHS_TYPE_BYTES ? 16 : 8;
	uint32_t count = !row->whole_value && object->count > most ? most : object->count;
	char *text = NULL, *cut;
	void *bytes;
	int ret;

	if (!has_value(object))
		return text_of("");
	bytes = must_have(malloc(value_size(object)));
	ret = value_fetch(object, &access, bytes, count);
	if (ret >= 0)
		text = value_format(object, bytes, count);
	else if (ret == -ENODATA)
		text = text_of("");
	free(bytes);
	if (text && *text && count < object->count) {
		cut = must_have(asprintf(&cut, "%s...", text) < 0 ? NULL : cut);
		free(text);
		text = cut;
	}
	return text ? text : text_of("?");
}

static char *row_holder(const struct row *row)
{
	const struct shs_ioc_info *info = &row->info;
	char *text;

	if (!info->holder_pid)
		return text_of("");
	return must_have(asprintf(&text, "%d (%.*s)", info->holder_pid,
				  (int)sizeof(info->holder_comm), info->holder_comm) < 0 ?
			 NULL : text);
}

static char *row_held(const struct row *row)
{
	return row->info.held_ns ? span_text(row->info.held_ns) : text_of("");
}

static char *row_thread(const struct row *row)
{
	return row->info.holder_tid ? number_of(row->info.holder_tid) : text_of("");
}

static char *row_death(const struct row *row)
{
	struct shs_ioc_death death;
	char text[128];

	if (!row->info.deaths || shs_object_death(row->object, &death) < 0)
		return text_of("");
	return text_of(shs_death_describe(&death, text, sizeof(text)));
}

static char *row_perms(const struct row *row)
{
	unsigned int mode = row->st.st_mode;
	char text[10] = "rwxrwxrwx";
	char *octal;
	int i;

	if (row->numeric_perms)
		return must_have(asprintf(&octal, "%04o", mode & 07777) < 0 ? NULL : octal);
	for (i = 0; i < 9; i++) {
		if (!(mode & (0400 >> i)))
			text[i] = '-';
	}
	return text_of(text);
}

static char *row_owner(const struct row *row)
{
	struct passwd *user = getpwuid(row->st.st_uid);

	return user ? text_of(user->pw_name) : number_of(row->st.st_uid);
}

static char *row_group(const struct row *row)
{
	struct group *group = getgrgid(row->st.st_gid);

	return group ? text_of(group->gr_name) : number_of(row->st.st_gid);
}

static char *row_meta(const struct row *row, const char *key)
{
	char *text = meta_find(&row->meta, key);

	return text ? text : text_of("");
}

static char *row_name(const struct row *row) { return text_of(row->name); }
static char *row_kind(const struct row *row) { return text_of(shs_kind_name(row->info.kind)); }
static char *row_type(const struct row *row) { return text_of(shs_type_name(row->info.type)); }
static char *row_count(const struct row *row) { return number_of(row->info.count); }
static char *row_size(const struct row *row) { return number_of(row->info.value_size); }
static char *row_state(const struct row *row) { return state_text(row->object, &row->info); }
static char *row_flags(const struct row *row) { return flags_text(row->info.flags); }
static char *row_readers(const struct row *row) { return number_of(row->info.readers); }
static char *row_waiters(const struct row *row) { return number_of(row->info.waiters); }
static char *row_depth(const struct row *row) { return number_of(row->info.depth); }
static char *row_waits(const struct row *row) { return number_of(row->info.waits); }
static char *row_wakes(const struct row *row) { return number_of(row->info.wakes); }
static char *row_opens(const struct row *row) { return number_of(row->info.opens); }
static char *row_attached(const struct row *row) { return number_of(row->info.attachments); }
static char *row_links(const struct row *row) { return number_of(row->info.links); }
static char *row_deaths(const struct row *row) { return number_of(row->info.deaths); }
static char *row_created(const struct row *row) { return time_text(row->info.created_ns); }
static char *row_help(const struct row *row) { return row_meta(row, "help"); }
static char *row_unit(const struct row *row) { return row_meta(row, "unit"); }

const struct column columns[COLUMNS] = {
	{ "NAME", row_name, true, true, TEXT, "name" },
	{ "KIND", row_kind, false, true, TEXT, "atomic, counter, mutex, ..." },
	{ "TYPE", row_type, false, true, TEXT, "of an element" },
	{ "COUNT", row_count, false, true, NUMBER, "elements" },
	{ "VALUE", row_value, false, true, LONG_TEXT, "without taking the lock" },
	{ "STATE", row_state, false, true, TEXT,
	  "free, held, read, upgradable, written; of a once incomplete, running, done, poisoned; of a barrier whole, broken; owner-died, lost, frozen" },
	{ "HOLDER", row_holder, false, true, TEXT, "owner, writer, upgrader or initialiser" },
	{ "WAITERS", row_waiters, false, true, NUMBER, "who wait now" },
	{ "FLAGS", row_flags, false, false, TEXT, "as create has them: fifo, strict, ..." },
	{ "THREAD", row_thread, false, false, NUMBER, "of the holder, that took it" },
	{ "HELD", row_held, false, false, TEXT, "for how long the holder has it" },
	{ "DEPTH", row_depth, false, false, NUMBER, "how often the holder has locked it, if recursive" },
	{ "WAITS", row_waits, false, false, NUMBER, "how often somebody had to queue" },
	{ "WAKES", row_wakes, false, false, NUMBER, "how often one who queued was woken" },
	{ "READERS", row_readers, false, false, NUMBER, "read locks, or permits of a semaphore, held" },
	{ "SIZE", row_size, false, false, NUMBER, "of the value in bytes" },
	{ "OPENS", row_opens, false, false, NUMBER, "open files of it, this command's not" },
	{ "ATTACHED", row_attached, false, false, NUMBER, "processes that may own its lock" },
	{ "LINKS", row_links, false, false, NUMBER, "names" },
	{ "PERMS", row_perms, true, false, TEXT, "permissions" },
	{ "OWNER", row_owner, true, false, TEXT, "user" },
	{ "GROUP", row_group, true, false, TEXT, "group" },
	{ "CREATED", row_created, false, false, TEXT, "when" },
	{ "DEATHS", row_deaths, false, false, NUMBER, "holders that died holding it" },
	{ "LAST-DEATH", row_death, false, false, TEXT, "who it was" },
	{ "UNIT", row_unit, false, false, TEXT, "of the numbers" },
	{ "HELP", row_help, false, false, LONG_TEXT, "what it is for" },
};
