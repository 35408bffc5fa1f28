// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#include "file.h"
#include "saved.h"

static const char help[] =
	"Usage: shstate save [OPTION]... FILE [NAME]...\n"
	"Write objects, all by default, to FILE, for 'shstate restore': names, kinds, types,\n"
	"policies, permissions, owners, metadata and values, each read under its lock, but not all\n"
	"at one moment. Of locks only values are saved, not who holds them; of a once that runs\n"
	"nothing. Not saved are what a live counter counts and ephemeral objects.\n\n"
	"FILE is whole or not there at all: if an object cannot be read, what was there stays.\n\n"
	"  -n, --no-wait        fail if one is held\n"
	"  -w, --wait SECONDS   fail if one is held longer; SECONDS are for all of them together\n"
	"  -p, --peek           take no locks: a value may be in the middle of a change\n"
	"  -h, --help\n";

/* Objects so far; another name of one is added to it. */
static struct {
	struct access access;
	struct json_object *objects;
	struct {
		ino_t inode;
		struct json_object *names;
	} *seen;
	size_t count;
} save;

void saved_checksum(struct json_object *objects, char text[9])
{
	size_t length;
	const char *plain = json_object_to_json_string_length(objects, JSON_C_TO_STRING_PLAIN,
							      &length);
	uLong sum = crc32_z(0, (const Bytef *)must_have((void *)plain), length);

	snprintf(text, 9, "%08lx", sum & 0xffffffff);
}

static bool has_name(struct json_object *names, const char *name)
{
	size_t i;

	for (i = 0; i < json_object_array_length(names); i++) {
		if (strcmp(json_object_get_string(json_object_array_get_idx(names, i)), name) == 0)
			return true;
	}
	return false;
}

static bool add_name(ino_t inode, const char *name)
{
	size_t i;

	for (i = 0; i < save.count; i++) {
		if (save.seen[i].inode != inode)
			continue;
		if (!has_name(save.seen[i].names, name))
			json_append(save.seen[i].names, json_object_new_string(name));
		return true;
	}
	return false;
}

static void put_names(struct json_object *entry, ino_t inode, const char *name)
{
	struct json_object *names = json_list();

	json_append(names, json_object_new_string(name));
	json_put(entry, "names", names);
	save.seen = must_have(realloc(save.seen, (save.count + 1) * sizeof(*save.seen)));
	save.seen[save.count].inode = inode;
	save.seen[save.count++].names = names;
}

static void put_file(struct json_object *entry, const struct stat *st)
{
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", (unsigned int)st->st_mode & 07777);
	json_put_text(entry, "mode", mode);
	json_put_number(entry, "uid", st->st_uid);
	json_put_number(entry, "gid", st->st_gid);
}

static void put_meta(struct json_object *entry, struct shs_object *object)
{
	struct meta meta;
	char *hex, *at;
	size_t i;

	meta_read(object, &meta);
	if (!meta.size)
		return;
	if (strlen(meta.text) == meta.size && is_utf8(meta.text, meta.size)) {
		json_put_text(entry, "metadata", meta.text);
		return;
	}
	at = hex = must_have(malloc(2 * meta.size + 1));
	for (i = 0; i < meta.size; i++)
		at += sprintf(at, "%02x", (unsigned char)meta.text[i]);
	json_put_text(entry, "metadata-hex", hex);
	free(hex);
}

/* Nobody holds permits of the one that is restored: all of them are there. */
static void add_held(uint32_t *numbers, const struct shs_ioc_info *info)
{
	uint32_t bound = numbers[1] ? numbers[1] : SHS_SEMAPHORE_MAX;

	numbers[0] = info->readers > bound - numbers[0] ? bound : numbers[0] + info->readers;
}

static int put_value(struct json_object *entry, const char *name, struct shs_object *object,
		     const struct shs_ioc_info *info)
{
	void *bytes;
	int ret;

	if (!has_value(object) || info->flags & SHS_INIT_LIVE)
		return 0;
	bytes = must_have(malloc(value_size(object)));
	ret = value_fetch(object, &save.access, bytes, object->count);
	if (info->kind == SHS_KIND_SEMAPHORE && ret >= 0)
		add_held(bytes, info);
	if (ret >= 0)
		json_put(entry, "value", json_value(object, bytes));
	if (ret > 0 && ret & SHS_NOTICE_OWNER_DIED)
		warn_owner_died(name, object);
	free(bytes);
	return ret == -ENODATA ? 0 : ret;
}

static int put_object(struct json_object *entry, const char *name, struct shs_object *object,
		      const struct shs_ioc_info *info, const struct stat *st)
{
	char *flags = flags_text(info->flags);
	int ret;

	put_names(entry, st->st_ino, name);
	json_put_text(entry, "kind", shs_kind_name(info->kind));
	json_put_text(entry, "type", shs_type_name(info->type));
	json_put_number(entry, "count", info->count);
	json_put_text(entry, "policies", flags);
	free(flags);
	put_file(entry, st);
	put_meta(entry, object);
	if (info->state & SHS_STATE_DONE)
		json_put_bool(entry, "done", true);
	ret = put_value(entry, name, object, info);
	return ret < 0 ? explain_use(name, object, ret, "saved") : SUCCESS;
}

/* What vanishes meanwhile is not there. */
static int save_one(const char *name, bool asked_for, void *unused)
{
	struct json_object *entry;
	struct shs_object *object;
	struct shs_ioc_info info;
	struct stat st;
	int ret = shs_object_open(name, SHS_OPEN_RDONLY, &object), status = SUCCESS;

	(void)unused;
	if (ret == -ENOENT && !asked_for)
		return SUCCESS;
	if (ret < 0)
		return explain_name(name, ret, TO_READ);
	ret = shs_object_info(object, &info);
	if (ret >= 0 && fstat(shs_object_fd(object), &st) < 0)
		ret = -errno;
	if (ret < 0) {
		status = explain_use(name, object, ret, "saved");
	} else if (!is_utf8(name, strlen(name)) || strchr(name, '/')) {
		complain("%s: cannot be saved: its name is not UTF-8, or a path: rename it, or name the folder with --dir",
			 name);
		status = TROUBLE;
	} else if (!(info.flags & SHS_INIT_EPHEMERAL) && !add_name(st.st_ino, name)) {
		entry = json_map();
		status = put_object(entry, name, object, &info, &st);
		json_append(save.objects, entry);
	}
	shs_object_close(object);
	return status;
}

/* Values may be secrets: the file is the owner's. */
static int write_file(const char *path)
{
	struct json_object *document = json_map();
	struct new_file file;
	struct timespec now;
	char sum[9], *when;

	clock_gettime(CLOCK_REALTIME, &now);
	when = time_text(now.tv_sec * SHS_NS_PER_S);
	saved_checksum(save.objects, sum);
	json_put_number(document, "shstate", SAVED_VERSION);
	json_put_text(document, "saved", when);
	json_put_text(document, "crc32", sum);
	json_put(document, "objects", save.objects);
	free(when);
	if (!new_file_begin(&file, path, 0600))
		return TROUBLE;
	fprintf(file.out, "%s\n", json_object_to_json_string_ext(document,
			JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED));
	json_object_put(document);
	return new_file_end(&file) ? SUCCESS : TROUBLE;
}

int cmd_save(int argc, char **argv)
{
	static const struct option options[] = {
		{ "no-wait", no_argument, NULL, 'n' },
		{ "wait", required_argument, NULL, 'w' },
		{ "peek", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-nw:ph", options, .least = 1,
	};
	int option, status;
	uint64_t ns;

	save.access.deadline = shs_deadline_never();
	save.objects = json_list();
	while ((option = next_option(&args)) != -1) {
		if (option == 'n')
			save.access.flags |= SHS_OP_NOWAIT;
		if (option == 'p')
			save.access.peek = true;
		if (option != 'w')
			continue;
		if (!parse_seconds(optarg, &ns))
			return TROUBLE;
		save.access.deadline = shs_deadline_in(ns);
	}
	status = each_object(args.operands + 1, args.count - 1, save_one, NULL);
	if (status == SUCCESS)
		return write_file(args.operands[0]);
	complain("%s: is not written, for not all could be saved; what was there before is as it was",
		 args.operands[0]);
	return TROUBLE;
}
