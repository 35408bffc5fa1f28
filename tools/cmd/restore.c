// SPDX-License-Identifier: GPL-2.0-only
/*
 * First all of the file is read and compared with what is there; only if that is well
 * anything is changed. A new object gets its names once it is all that it will be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "saved.h"

static const char help[] =
	"Usage: shstate restore [OPTION]... FILE\n"
	"Make the objects again that 'shstate save' wrote to FILE. What is missing is created with\n"
	"its policies, permissions, owner and metadata; of what is there, which must be of the same\n"
	"kind, type and count, the value is set, under its lock, and permissions and owner; its\n"
	"policies and metadata stay, and what a semaphore or barrier counts. Nobody holds a lock\n"
	"because of it. Other objects stay.\n\n"
	"A file that is damaged or does not fit is refused before anything is changed. What is\n"
	"created is charged to its owner, whose limit may refuse it.\n\n"
	"  -c, --check          only look whether FILE is whole and fits\n"
	"      --edited         FILE was changed by hand: do not compare its checksum\n"
	"  -n, --no-wait        fail if one is held\n"
	"  -w, --wait SECONDS   fail if one is held longer; SECONDS are for all of them together\n"
	"  -h, --help\n";

struct entry {
	struct json_object *names;
	const char *name;		/* the first, or the first that is there */
	struct shs_spec spec;
	void *value;			/* or NULL */
	char *meta;
	uid_t uid;
	gid_t gid;
	unsigned int mode;
	bool done;
	struct shs_object *object;	/* what is there, or NULL */
	ino_t inode;
};

static struct {
	const char *path;
	struct entry *entries;
	size_t count;
	struct shs_deadline deadline;
	uint32_t flags;			/* SHS_OP_NOWAIT */
} restore;

static bool refuse(const char *why)
{
	complain("%s: is refused and left as it is: %s", restore.path, why);
	return false;
}

static bool refuse_entry(const struct entry *entry, const char *what)
{
	complain("%s: is refused and left as it is: '%s' of object '%s' is missing or wrong",
		 restore.path, what, entry->name ? entry->name : "?");
	return false;
}

static struct json_object *find(struct json_object *in, const char *key, enum json_type type)
{
	struct json_object *value;

	if (!json_object_object_get_ex(in, key, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

static const char *find_text(struct json_object *in, const char *key)
{
	struct json_object *value = find(in, key, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}

static bool find_number(struct json_object *in, const char *key, int64_t most, int64_t *number)
{
	struct json_object *value = find(in, key, json_type_int);

	if (!value)
		return false;
	*number = json_object_get_int64(value);
	return *number >= 0 && *number <= most;
}

static bool is_name(struct json_object *value)
{
	const char *name = json_object_is_type(value, json_type_string) ?
			   json_object_get_string(value) : "";

	return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..") &&
	       strlen(name) == (size_t)json_object_get_string_len(value);
}

static bool read_names(struct json_object *in, struct entry *entry)
{
	size_t i;

	entry->names = find(in, "names", json_type_array);
	if (!entry->names || !json_object_array_length(entry->names))
		return refuse_entry(entry, "names");
	for (i = 0; i < json_object_array_length(entry->names); i++) {
		if (!is_name(json_object_array_get_idx(entry->names, i)))
			return refuse_entry(entry, "names");
	}
	entry->name = json_object_get_string(json_object_array_get_idx(entry->names, 0));
	return true;
}

/* Those that create does not let choose a type: it says which they have. */
static bool is_untyped(const char *kind)
{
	return strcmp(kind, shs_kind_name(SHS_KIND_SEMAPHORE)) == 0 ||
	       strcmp(kind, shs_kind_name(SHS_KIND_BARRIER)) == 0;
}

/* As for create, which has no word for a lock without a value. */
static bool read_kind(struct json_object *in, struct entry *entry)
{
	const char *kind = find_text(in, "kind"), *type = find_text(in, "type");
	const char *policies = find_text(in, "policies");
	bool valueless = type && strcmp(type, "none") == 0;
	int64_t count;
	char *text;
	bool good;

	if (!kind || !type || !find_number(in, "count", UINT32_MAX, &count))
		return refuse_entry(entry, "kind, type or count");
	if (!policies || !parse_flags(policies, &entry->spec.flags))
		return refuse_entry(entry, "policies");
	must_have(asprintf(&text, "%s:%s:%lld", kind, type, (long long)count) < 0 ? NULL : text);
	good = parse_kind(valueless || is_untyped(kind) ? kind : text, &entry->spec);
	free(text);
	if (!good)
		return refuse_entry(entry, "kind, type or count");
	if (valueless) {
		entry->spec.type = SHS_TYPE_NONE;
		entry->spec.count = 0;
	}
	return true;
}

static bool read_file_facts(struct json_object *in, struct entry *entry)
{
	const char *mode = find_text(in, "mode");
	int64_t uid, gid;
	char *end;

	if (!find_number(in, "uid", UINT32_MAX, &uid) || !find_number(in, "gid", UINT32_MAX, &gid))
		return refuse_entry(entry, "uid or gid");
	entry->uid = uid;
	entry->gid = gid;
	entry->mode = mode ? strtoul(mode, &end, 8) : 0;
	if (!mode || end == mode || *end || entry->mode > 07777)
		return refuse_entry(entry, "mode");
	return true;
}

static bool read_meta(struct json_object *in, struct entry *entry)
{
	const char *text = find_text(in, "metadata"), *hex = find_text(in, "metadata-hex");
	size_t size = text ? strlen(text) : hex ? strlen(hex) / 2 : 0;

	if (size > SHS_META_MAX)
		return refuse_entry(entry, "metadata");
	entry->meta = must_have(malloc(size + 1));
	if (text)
		memcpy(entry->meta, text, size);
	else if (hex && !parse_bytes(hex, (unsigned char *)entry->meta, size))
		return refuse_entry(entry, "metadata-hex");
	entry->spec.meta = size ? entry->meta : NULL;
	entry->spec.meta_size = size;
	return true;
}

static bool read_elements(struct json_object *in, struct entry *entry)
{
	const struct shs_spec *spec = &entry->spec;
	uint32_t i;

	if (!json_object_is_type(in, json_type_array) ||
	    json_object_array_length(in) != spec->count)
		return false;
	for (i = 0; i < spec->count; i++) {
		struct json_object *element = json_object_array_get_idx(in, i);
		int64_t number;

		if (!json_object_is_type(element, json_type_int) ||
		    !parse_number(spec->type, json_object_get_string(element), &number))
			return false;
		element_store(spec->type, entry->value, i, number);
	}
	return true;
}

/* Only a once, and a live counter, may be without. */
static bool read_value(struct json_object *in, struct entry *entry)
{
	const struct shs_spec *spec = &entry->spec;
	struct json_object *value, *done = find(in, "done", json_type_boolean);
	bool optional = spec->kind == SHS_KIND_ONCE || spec->flags & SHS_INIT_LIVE;
	bool good;

	entry->done = done && json_object_get_boolean(done);
	if (!json_object_object_get_ex(in, "value", &value)) {
		good = !spec->type || (optional && !entry->done);
		return good || refuse_entry(entry, "value");
	}
	if (!spec->type)
		return refuse_entry(entry, "value");
	entry->value = must_have(calloc(spec->count, shs_type_size(spec->type)));
	if (spec->type == SHS_TYPE_BYTES)
		good = json_object_is_type(value, json_type_string) &&
		       parse_bytes(json_object_get_string(value), entry->value, spec->count);
	else
		good = read_elements(value, entry);
	return good || refuse_entry(entry, "value");
}

static bool read_entry(struct json_object *in, struct entry *entry)
{
	if (!json_object_is_type(in, json_type_object))
		return refuse_entry(entry, "names");
	return read_names(in, entry) && read_kind(in, entry) && read_file_facts(in, entry) &&
	       read_meta(in, entry) && read_value(in, entry);
}

static char *read_text(const char *path, size_t *size)
{
	FILE *file = fopen(path, "re"), *out;
	char *text = NULL, part[4096];
	size_t got;
	bool bad;

	if (!file) {
		complain("%s: cannot be read: %s", path, strerror(errno));
		return NULL;
	}
	out = must_have(open_memstream(&text, size));
	while ((got = fread(part, 1, sizeof(part), file)) > 0)
		fwrite(part, 1, got, out);
	bad = ferror(file);
	fclose(file);
	fclose(out);
	must_have(text);
	if (!bad)
		return text;
	complain("%s: cannot be read", path);
	free(text);
	return NULL;
}

static struct json_object *parse(const char *text, size_t size)
{
	struct json_tokener *tokener = must_have(json_tokener_new());
	struct json_object *document;
	char why[128];

	while (size && strchr(" \t\r\n", text[size - 1]))
		size--;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	document = size < INT32_MAX ? json_tokener_parse_ex(tokener, text, size) : NULL;
	if (document && json_tokener_get_parse_end(tokener) == size) {
		json_tokener_free(tokener);
		return document;
	}
	snprintf(why, sizeof(why), "at byte %zu it is not JSON, or it ends too early (%s)",
		 json_tokener_get_parse_end(tokener),
		 json_tokener_error_desc(json_tokener_get_error(tokener)));
	refuse(why);
	json_object_put(document);
	json_tokener_free(tokener);
	return NULL;
}

static bool check_document(struct json_object *document, bool edited)
{
	struct json_object *objects;
	const char *sum;
	char real[9];
	int64_t version;

	if (!find_number(document, "shstate", INT64_MAX, &version))
		return refuse("it is not of 'shstate save'");
	if (version != SAVED_VERSION)
		return refuse("it is of another version of 'shstate save': take the command of that version");
	objects = find(document, "objects", json_type_array);
	if (!objects)
		return refuse("it has no 'objects'");
	saved_checksum(objects, real);
	sum = find_text(document, "crc32");
	if (!edited && (!sum || strcmp(sum, real)))
		return refuse("its checksum is wrong, so it is damaged; if it was changed by hand, use --edited");
	return true;
}

static bool read_entries(struct json_object *document)
{
	struct json_object *objects = find(document, "objects", json_type_array);
	size_t i;

	restore.count = json_object_array_length(objects);
	restore.entries = must_have(calloc(restore.count + 1, sizeof(*restore.entries)));
	for (i = 0; i < restore.count; i++) {
		if (!read_entry(json_object_array_get_idx(objects, i), &restore.entries[i]))
			return false;
	}
	return true;
}

static bool is_same_kind(const struct entry *entry, const struct shs_object *object)
{
	return object->kind == entry->spec.kind && object->type == entry->spec.type &&
	       object->count == entry->spec.count;
}

/* Names of one object must not be of two by now. */
static bool look_at(struct entry *entry, const char *name)
{
	struct shs_object *object;
	struct stat st;
	int ret = shs_object_open(name, 0, &object);

	if (ret == -ENOENT)
		return true;
	if (ret < 0)
		return explain_name(name, ret, TO_WRITE) == SUCCESS;
	if (!is_same_kind(entry, object)) {
		complain("%s: there is such an object, of another kind, type or count: see 'shstate show %s', remove it with 'shstate rm %s'",
			 name, name, name);
	} else if (fstat(shs_object_fd(object), &st) < 0) {
		explain_use(name, object, -errno, "restored");
	} else if (!entry->object) {
		entry->object = object;
		entry->inode = st.st_ino;
		entry->name = name;
		return true;
	} else if (entry->inode == st.st_ino) {
		shs_object_close(object);
		return true;
	} else {
		complain("%s: was another name of '%s', but is one of another object now: remove one of them with 'shstate rm'",
			 name, entry->name);
	}
	shs_object_close(object);
	return false;
}

static bool look_at_names(struct entry *entry)
{
	bool good = true;
	size_t n;

	for (n = 0; n < json_object_array_length(entry->names); n++)
		good = look_at(entry, json_object_get_string(
				json_object_array_get_idx(entry->names, n))) && good;
	return good;
}

/* A once that has another value than the saved one has it for good. */
static bool has_other_value(const struct entry *entry)
{
	struct shs_object *object = entry->object;
	struct access access = { .deadline = shs_deadline_in(0) };
	bool other = false;
	void *bytes;

	if (object->kind != SHS_KIND_ONCE || !entry->value)
		return false;
	bytes = must_have(malloc(value_size(object)));
	if (value_fetch(object, &access, bytes, object->count) >= 0)
		other = memcmp(bytes, entry->value, value_size(object)) != 0;
	free(bytes);
	if (other)
		complain("%s: has another value already, and for good: remove it with 'shstate rm %s' and restore again",
			 entry->name, entry->name);
	return other;
}

static bool look_at_all(void)
{
	struct shs_ioc_abi abi;
	bool good = true;
	size_t i;
	int ret = shs_abi(NULL, &abi);

	if (ret < 0)
		return explain_folder(usual_folder(), ret) == SUCCESS;
	for (i = 0; i < restore.count; i++) {
		good = look_at_names(&restore.entries[i]) && good;
		if (restore.entries[i].object && has_other_value(&restore.entries[i]))
			good = false;
	}
	return good;
}

/* Of a once, the end: without a value it is just done. */
static int finish(struct shs_object *once, const struct entry *entry)
{
	struct shs_deadline deadline = restore.flags & SHS_OP_NOWAIT ? shs_deadline_in(0) :
				       restore.deadline;
	int ret;

	if (entry->value)
		return shs_once_lock_set_until(once, entry->value, value_size(once), deadline);
	ret = shs_once_begin(once, 0, deadline);
	if (ret == 1 || ret == -EOWNERDEAD)
		ret = shs_once_complete(once);
	return ret < 0 ? ret : 0;
}

static int store_elements(struct shs_object *object, const struct entry *entry)
{
	uint32_t i;
	int ret = 0;

	for (i = 0; i < object->count && ret >= 0; i++) {
		struct shs_ioc_op op = {
			.op = object->kind == SHS_KIND_COUNTER ? SHS_OP_RESET : SHS_OP_STORE,
			.index = i,
			.arg = element_load(object->type, entry->value, i),
		};

		ret = shs_object_op(object, &op);
	}
	return ret;
}

static int store(struct shs_object *object, const struct entry *entry)
{
	bool locks = object->kind == SHS_KIND_MUTEX || object->kind == SHS_KIND_RWLOCK;
	struct shs_ioc_op op = {
		.op = locks ? SHS_OP_WRITE : SHS_OP_STORE,
		.flags = SHS_OP_BYTES | restore.flags | (locks ? SHS_OP_RECOVER : 0),
		.addr = (uintptr_t)entry->value,
		.len = value_size(object),
		.deadline = restore.deadline.ns,
		.clock = restore.deadline.clock,
	};

	if (object->kind == SHS_KIND_ONCE)
		return entry->done && shs_once_state(object) != SHS_ONCE_DONE ?
		       finish(object, entry) : 0;
	if (!entry->value || has_own_numbers(object->kind))
		return 0;
	if (object->kind == SHS_KIND_ATOMIC || object->kind == SHS_KIND_COUNTER)
		return store_elements(object, entry);
	return shs_object_op(object, &op);
}

/* The mode last: a change of the owner may take bits away. */
static int set_file_facts(const struct shs_object *object, const struct entry *entry)
{
	int fd = shs_object_fd(object);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != entry->uid || st.st_gid != entry->gid) &&
	    fchown(fd, entry->uid, entry->gid) < 0)
		return -errno;
	if ((st.st_mode & 07777) != entry->mode && fchmod(fd, entry->mode) < 0)
		return -errno;
	return 0;
}

static int link_names(struct shs_object *object, const struct entry *entry)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < json_object_array_length(entry->names) && ret >= 0; i++) {
		const char *name = json_object_get_string(
					json_object_array_get_idx(entry->names, i));

		ret = shs_object_link(object, name);
		/* What was there was looked at. */
		if (ret == -EEXIST && entry->object)
			ret = 0;
	}
	return ret;
}

static int make(struct entry *entry)
{
	struct shs_object *object;
	int ret;

	if (entry->spec.kind != SHS_KIND_ONCE || entry->spec.flags & SHS_INIT_DONE)
		entry->spec.value = entry->value;
	ret = shs_object_create(NULL, &entry->spec, &object);
	if (ret < 0)
		return ret;
	if (entry->spec.kind == SHS_KIND_ONCE && entry->done &&
	    !(entry->spec.flags & SHS_INIT_DONE))
		ret = finish(object, entry);
	if (ret >= 0)
		ret = set_file_facts(object, entry);
	if (ret >= 0)
		ret = link_names(object, entry);
	shs_object_close(object);
	return ret;
}

/*
 * A name that was free may be there by now, as where a service restores the same after a
 * mount: then it is one of those that were there.
 */
static int apply(struct entry *entry)
{
	int ret;

	if (!entry->object) {
		ret = make(entry);
		if (ret == -EEXIST && !look_at_names(entry))
			return TROUBLE;
		if (!entry->object)
			return ret < 0 ? explain_name(entry->name, ret, TO_CREATE) : SUCCESS;
	}
	if (has_other_value(entry))
		return TROUBLE;		/* since all were looked at */
	ret = store(entry->object, entry);
	if (ret >= 0)
		ret = set_file_facts(entry->object, entry);
	if (ret >= 0)
		ret = link_names(entry->object, entry);
	return ret < 0 ? explain_use(entry->name, entry->object, ret, "restored") : SUCCESS;
}

/*
 * What is created is charged to who restores until it is given to its owner. So his own come
 * last: before them all of his share is there for the others to pass through.
 */
static int apply_all(bool own)
{
	int status = SUCCESS;
	size_t i;

	for (i = 0; i < restore.count; i++) {
		if ((restore.entries[i].uid == geteuid()) == own && apply(&restore.entries[i]))
			status = TROUBLE;
	}
	return status;
}

static int run(bool check, bool edited)
{
	struct json_object *document;
	size_t size;
	char *text = read_text(restore.path, &size);
	int status = SUCCESS;

	if (!text)
		return TROUBLE;
	document = parse(text, size);
	free(text);
	if (!document || !check_document(document, edited) || !read_entries(document) ||
	    !look_at_all())
		return TROUBLE;
	if (!check && (apply_all(false) | apply_all(true)))
		status = TROUBLE;
	json_object_put(document);
	return status;
}

enum { OPT_EDITED = 256 };

int cmd_restore(int argc, char **argv)
{
	static const struct option options[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "edited", no_argument, NULL, OPT_EDITED },
		{ "no-wait", no_argument, NULL, 'n' },
		{ "wait", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-cnw:h", options, .least = 1, .most = 1,
	};
	bool check = false, edited = false;
	uint64_t ns;
	int option;

	restore.deadline = shs_deadline_never();
	while ((option = next_option(&args)) != -1) {
		if (option == 'c')
			check = true;
		if (option == OPT_EDITED)
			edited = true;
		if (option == 'n')
			restore.flags |= SHS_OP_NOWAIT;
		if (option != 'w')
			continue;
		if (!parse_seconds(optarg, &ns))
			return TROUBLE;
		restore.deadline = shs_deadline_in(ns);
	}
	restore.path = args.operands[0];
	return run(check, edited);
}
