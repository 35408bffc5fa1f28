// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"

static const char help[] =
	"Usage: shstate create [OPTION]... NAME KIND[:TYPE[:COUNT]]\n"
	"Make an object.\n\n"
	"KIND  atomic, counter, mutex, rwlock, condvar, once, cell, semaphore or barrier\n"
	"TYPE  of an element: bool, u8, i8, u16, i16, u32, i32, u64, i64 (the default); for\n"
	"      mutex, rwlock, cell and once also bytes; a counter is i64, a condvar, semaphore or\n"
	"      barrier has none, a once has none by default\n"
	"COUNT of elements, 1 by default; of bytes for bytes\n\n"
	"  -i, --init VALUE         first value: numbers separated by commas or blanks, bytes as\n"
	"                           hexadecimal digits; zero by default; of a once with --done;\n"
	"                           of a semaphore PERMITS or PERMITS,BOUND, where one number is\n"
	"                           both and a bound of 0 is none; of a barrier its parties\n"
	"  -m, --mode MODE          permissions, in octal; 0666 less the umask by default\n"
	"  -e, --existing           be content with an object of the same kind, type and count\n"
	"      --fifo               mutex, semaphore: strict queue order\n"
	"      --recursive          mutex: the thread that holds it may lock it again\n"
	"      --strict             mutex, rwlock: after a death lost for good, unless an owner\n"
	"                           who was told declares the value good before it unlocks\n"
	"      --ignore             mutex, rwlock: nobody is told of a death\n"
	"      --commit             mutex, rwlock: a change counts only once it is committed\n"
	"      --detect             mutex, rwlock: a wait that would never end is refused\n"
	"      --poison             once: a process that dies initialising poisons it\n"
	"      --done               once: done from the beginning\n"
	"      --saturate           counter: an add stops at the ends of i64, not to wrap\n"
	"      --check              counter: an add beyond them is refused\n"
	"      --serial             counter: every sum is exact, at the price of slower adds\n"
	"      --live               counter: what a process added goes with it\n"
	"      --ephemeral          the name goes with the last process that has it open; this\n"
	"                           one has until it is killed\n"
	"      --help-text TEXT     what it is for, shown by ls and show\n"
	"      --unit UNIT          of the numbers, such as bytes or seconds\n"
	"      --label KEY=VALUE    any more, repeatedly\n"
	"      --element NAME       names element 0, then 1 and so on, repeatedly\n"
	"      --elements NAMES     the same for several, separated by commas\n"
	"  -h, --help\n\n"
	"Examples:\n"
	"  shstate create hits counter --help-text 'requests answered'\n"
	"  shstate create limits atomic:u32:3 --init 10,20,30 --mode 0640\n"
	"  shstate create config mutex:bytes:256 --commit\n"
	"  shstate create port once:u16\n"
	"  shstate create licences semaphore --init 5\n";

struct request {
	struct shs_spec spec;
	struct meta meta;
	const char *init;
	long mode;		/* -1: not given */
	uint32_t elements;	/* named so far */
	bool existing;
};

static bool find_word(const char *word, uint32_t last, const char *(*name)(uint32_t),
		      uint32_t *number)
{
	for (*number = 1; *number <= last; ++*number) {
		if (strcmp(word, name(*number)) == 0)
			return true;
	}
	return false;
}

bool has_own_numbers(uint32_t kind)
{
	return kind == SHS_KIND_SEMAPHORE || kind == SHS_KIND_BARRIER;
}

static bool parse_kind_words(const char *kind, const char *type, const char *count,
			     struct shs_spec *spec)
{
	bool valueless;
	int64_t number = 1;

	if (!find_word(kind, SHS_KIND_BARRIER, shs_kind_name, &spec->kind)) {
		complain("there is no kind '%s': atomic, counter, mutex, rwlock, condvar, once, cell, semaphore, barrier",
			 kind);
		return false;
	}
	if (has_own_numbers(spec->kind)) {
		if (type)
			complain("a %s has no type: its numbers are given by --init", kind);
		spec->type = SHS_TYPE_U32;
		spec->count = spec->kind == SHS_KIND_SEMAPHORE ? 2 : 1;
		return !type;
	}
	valueless = spec->kind == SHS_KIND_CONDVAR || (spec->kind == SHS_KIND_ONCE && !type);
	if (valueless && type) {
		complain("a %s has no type, for it has no value", kind);
		return false;
	}
	if (valueless)
		return true;
	if (!find_word(type ? type : "i64", SHS_TYPE_I64, shs_type_name, &spec->type)) {
		complain("there is no type '%s': bytes, bool, u8, i8, u16, i16, u32, i32, u64, i64",
			 type);
		return false;
	}
	if (count && !parse_number(SHS_TYPE_U32, count, &number))
		return false;
	spec->count = number;
	return true;
}

#define KIND(kind) (1U << SHS_KIND_##kind)

static const struct {
	const char *option;
	uint32_t flag;
	uint32_t kinds;
	const char *kind_names;
} policies[] = {
	{ "fifo", SHS_INIT_FIFO, KIND(MUTEX) | KIND(SEMAPHORE), "mutex or semaphore" },
	{ "recursive", SHS_INIT_RECURSIVE, KIND(MUTEX), "mutex" },
	{ "strict", SHS_INIT_STRICT, KIND(MUTEX) | KIND(RWLOCK), "mutex or rwlock" },
	{ "ignore", SHS_INIT_IGNORE, KIND(MUTEX) | KIND(RWLOCK), "mutex or rwlock" },
	{ "commit", SHS_INIT_COMMIT, KIND(MUTEX) | KIND(RWLOCK), "mutex or rwlock" },
	{ "detect", SHS_INIT_DETECT, KIND(MUTEX) | KIND(RWLOCK), "mutex or rwlock" },
	{ "poison", SHS_INIT_POISON, KIND(ONCE), "once" },
	{ "done", SHS_INIT_DONE, KIND(ONCE), "once" },
	{ "saturate", SHS_INIT_SATURATE, KIND(COUNTER), "counter" },
	{ "check", SHS_INIT_CHECK, KIND(COUNTER), "counter" },
	{ "serial", SHS_INIT_SERIAL, KIND(COUNTER), "counter" },
	{ "live", SHS_INIT_LIVE, KIND(COUNTER), "counter" },
	{ "ephemeral", SHS_INIT_EPHEMERAL, ~0U, NULL },
};

static const struct {
	uint32_t flags;
	const char *options;
} contradictions[] = {
	{ SHS_INIT_STRICT | SHS_INIT_IGNORE, "--strict and --ignore" },
	{ SHS_INIT_SATURATE | SHS_INIT_CHECK, "--saturate and --check" },
	{ SHS_INIT_LIVE | SHS_INIT_SATURATE, "--live and --saturate" },
	{ SHS_INIT_LIVE | SHS_INIT_CHECK, "--live and --check" },
};

static bool check_policies(const struct shs_spec *spec)
{
	const char *kind = shs_kind_name(spec->kind);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		if (spec->flags & policies[i].flag && !(policies[i].kinds & 1U << spec->kind)) {
			complain("%s: --%s is for a %s", kind, policies[i].option,
				 policies[i].kind_names);
			return false;
		}
	}
	for (i = 0; i < ARRAY_SIZE(contradictions); i++) {
		if ((spec->flags & contradictions[i].flags) == contradictions[i].flags) {
			complain("one of %s, not both", contradictions[i].options);
			return false;
		}
	}
	return true;
}

/* What the kernel would refuse without a word. */
static bool check_spec(const struct shs_spec *spec)
{
	const char *kind = shs_kind_name(spec->kind);
	uint64_t size = (uint64_t)spec->count * shs_type_size(spec->type);
	uint64_t most = spec->kind == SHS_KIND_CELL ? SHS_CELL_MAX :
			spec->kind == SHS_KIND_COUNTER ? SHS_COUNTER_MAX * 8 : SHS_VALUE_MAX;

	if (spec->kind == SHS_KIND_COUNTER && spec->type != SHS_TYPE_I64) {
		complain("a counter is i64");
		return false;
	}
	if (spec->kind == SHS_KIND_ATOMIC && spec->type == SHS_TYPE_BYTES) {
		complain("bytes cannot be an atomic: take a cell");
		return false;
	}
	if (spec->type && (!size || size > most)) {
		complain("%s: the value has 1 to %llu bytes, not %llu", kind,
			 (unsigned long long)most, (unsigned long long)size);
		return false;
	}
	return check_policies(spec);
}

bool parse_kind(const char *text, struct shs_spec *spec)
{
	char *copy = must_have(strdup(text)), *rest = copy;
	const char *kind = strsep(&rest, ":");
	const char *type = strsep(&rest, ":");
	const char *count = strsep(&rest, ":");
	bool good = !rest;

	if (!good)
		complain("'%s' is not KIND[:TYPE[:COUNT]]", text);
	good = good && parse_kind_words(kind, type, count, spec) && check_spec(spec);
	free(copy);
	return good;
}

/* One number stands for all elements. */
static bool parse_init(const char *text, struct shs_spec *spec, void *bytes)
{
	char *copy, *rest, *word;
	int64_t number = 0;
	uint32_t given = 0, i;
	bool good = true;

	if (spec->type == SHS_TYPE_BYTES)
		return parse_bytes(text, bytes, spec->count);
	copy = rest = must_have(strdup(text));
	while (good && (word = strsep(&rest, ", "))) {
		good = parse_number(spec->type, word, &number);
		if (good && given < spec->count)
			element_store(spec->type, bytes, given, number);
		given++;
	}
	free(copy);
	if (good && given == 1) {
		for (i = 1; i < spec->count; i++)
			element_store(spec->type, bytes, i, number);
	} else if (good && given != spec->count) {
		complain("--init has %u numbers for %u elements", given, spec->count);
		return false;
	}
	return good;
}

/* Of a semaphore or barrier; value is zero if none is given. */
static bool check_own_numbers(uint32_t kind, const uint32_t *value)
{
	uint32_t bound = value[1] ? value[1] : SHS_SEMAPHORE_MAX;

	if (kind == SHS_KIND_BARRIER && (!value[0] || value[0] > SHS_BARRIER_MAX)) {
		complain("a barrier has 1 to %u parties, not %u: --init says how many",
			 SHS_BARRIER_MAX, value[0]);
		return false;
	}
	if (kind == SHS_KIND_SEMAPHORE && (value[0] > bound || bound > SHS_SEMAPHORE_MAX)) {
		complain("a semaphore cannot have %u permits with a bound of %u: --init takes PERMITS,BOUND, at most %u",
			 value[0], bound, SHS_SEMAPHORE_MAX);
		return false;
	}
	return true;
}

static bool add_label(struct meta *meta, const char *text)
{
	char *key, *value = strchr(text, '=');
	bool good;

	if (!value || value == text) {
		complain("'%s' is not KEY=VALUE", text);
		return false;
	}
	if (asprintf(&key, "label.%.*s", (int)(value - text), text) < 0)
		key = NULL;
	good = meta_add(meta, must_have(key), value + 1);
	free(key);
	return good;
}

static bool add_element(struct request *request, const char *name)
{
	char key[32];

	snprintf(key, sizeof(key), "element.%u", request->elements++);
	return meta_add(&request->meta, key, name);
}

static bool add_elements(struct request *request, char *names)
{
	char *name;

	while ((name = strsep(&names, ","))) {
		if (!add_element(request, name))
			return false;
	}
	return true;
}

static bool parse_mode(const char *text, long *mode)
{
	char *end;

	*mode = strtol(text, &end, 8);
	if (end == text || *end || *mode < 0 || *mode > 07777) {
		complain("'%s' is not a mode in octal, such as 0640", text);
		return false;
	}
	return true;
}

/* A policy's option is its place in the table after OPT_POLICY. */
enum { OPT_HELP_TEXT = 256, OPT_UNIT, OPT_LABEL, OPT_ELEMENT, OPT_ELEMENTS, OPT_POLICY };

#define OWN_OPTIONS 9	/* besides the policies */

static bool take_option(struct request *request, int option)
{
	switch (option) {
	case 'i':
		request->init = optarg;
		return true;
	case 'm':
		return parse_mode(optarg, &request->mode);
	case 'e':
		request->existing = true;
		return true;
	case OPT_HELP_TEXT:
		return meta_add(&request->meta, "help", optarg);
	case OPT_UNIT:
		return meta_add(&request->meta, "unit", optarg);
	case OPT_LABEL:
		return add_label(&request->meta, optarg);
	case OPT_ELEMENT:
		return add_element(request, optarg);
	case OPT_ELEMENTS:
		return add_elements(request, optarg);
	}
	request->spec.flags |= policies[option - OPT_POLICY].flag;
	return true;
}

static int create(const char *name, struct request *request)
{
	struct shs_spec *spec = &request->spec;
	struct shs_object *object;
	int ret;

	/* A mode that was asked for is meant, as with mkfifo(1). */
	if (request->mode >= 0)
		umask(0);
	spec->mode = request->mode >= 0 ? request->mode : 0666;
	spec->meta = request->meta.size ? request->meta.text : NULL;
	spec->meta_size = request->meta.size;
	if (request->existing)
		ret = shs_object_open_or_create(name, spec, &object);
	else
		ret = shs_object_create(name, spec, &object);
	if (ret == -EEXIST && request->existing) {
		complain("%s: there is such a name already, of another kind, type or count: see 'shstate show %s'",
			 name, name);
		return TROUBLE;
	}
	if (ret < 0)
		return explain_name(name, ret, TO_CREATE);
	while (spec->flags & SHS_INIT_EPHEMERAL)	/* until a signal ends this process */
		pause();
	shs_object_close(object);
	return SUCCESS;
}

static void add_policies(struct option *options)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(policies); i++)
		options[i] = (struct option){ policies[i].option, no_argument, NULL,
					      OPT_POLICY + i };
}

int cmd_create(int argc, char **argv)
{
	static struct option options[OWN_OPTIONS + ARRAY_SIZE(policies) + 1] = {
		{ "init", required_argument, NULL, 'i' },
		{ "mode", required_argument, NULL, 'm' },
		{ "existing", no_argument, NULL, 'e' },
		{ "help-text", required_argument, NULL, OPT_HELP_TEXT },
		{ "unit", required_argument, NULL, OPT_UNIT },
		{ "label", required_argument, NULL, OPT_LABEL },
		{ "element", required_argument, NULL, OPT_ELEMENT },
		{ "elements", required_argument, NULL, OPT_ELEMENTS },
		{ "help", no_argument, NULL, 'h' },
	};
	struct args args = {
		argc, argv, help, "-i:m:eh", options, .least = 2, .most = 2,
	};
	static struct request request = { .mode = -1 };
	static uint64_t value[SHS_VALUE_MAX / sizeof(uint64_t)];
	int option;

	add_policies(options + OWN_OPTIONS);
	while ((option = next_option(&args)) != -1) {
		if (!take_option(&request, option))
			return TROUBLE;
	}
	if (!parse_kind(args.operands[1], &request.spec))
		return TROUBLE;
	if (request.init && !request.spec.type) {
		complain("a %s has no value to begin with", shs_kind_name(request.spec.kind));
		return TROUBLE;
	}
	if (request.init && request.spec.kind == SHS_KIND_ONCE &&
	    !(request.spec.flags & SHS_INIT_DONE)) {
		complain("a once with a value from the beginning is --done");
		return TROUBLE;
	}
	if (request.init) {
		if (!parse_init(request.init, &request.spec, value))
			return TROUBLE;
		request.spec.value = value;
	}
	if (has_own_numbers(request.spec.kind) &&
	    !check_own_numbers(request.spec.kind, (const uint32_t *)value))
		return TROUBLE;
	return create(args.operands[0], &request);
}
