// SPDX-License-Identifier: GPL-2.0-only
/* "shstate wait --any" and "--all": several objects at once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "cmd.h"
#include "many.h"

static const char help[] =
	"Usage: shstate wait --any|--all [OPTION]... NAME[:WHAT]...\n"
	"                    [-- COMMAND [ARGUMENT]...]\n"
	"Wait for any, or for all, of up to 64 objects, and run COMMAND while holding\n"
	"the locks of what was waited for. By WHAT of each:\n\n"
	"  mutex                  its lock\n"
	"  rwlock                 its write lock; NAME:read, NAME:upgradable\n"
	"  semaphore              a permit; NAME:N, so many\n"
	"  once                   that it is done\n"
	"  atomic, counter NAME:[INDEX]RELATION\n"
	"                         an element (0 by default) in relation to a number:\n"
	"                         '>=5', '<=5', '==5', '!=5'\n\n"
	"  -A, --any            the first that comes free; its name is printed, or if\n"
	"                       there is a COMMAND in its environment as SHSTATE_ANY\n"
	"  -a, --all            all at one moment; until then none of them is held\n"
	"  -w, --wait SECONDS   exit with 1 if it takes longer\n"
	"      --timeout SECONDS  the same as --wait\n"
	"  -h, --help\n\n"
	"Without COMMAND the locks are given back at once. Exit status: that of COMMAND;\n"
	"1 it took too long; 2, with COMMAND 125, trouble.\n\n"
	"Example:\n"
	"  shstate wait --all fork1 fork2 -- eat\n"
	"  shstate wait --any printer1 printer2 -- sh -c 'print to $SHSTATE_ANY'\n"
	"  shstate wait --any 'jobs:>=1000' stopping\n";

struct list {
	char **names;			/* as they were given */
	char **what;			/* what follows the ':', or NULL */
	struct shs_wanted *wanted;
	uint32_t count;			/* that are open */
};

static bool bad_what(const char *name, const char *what)
{
	complain("%s: what is ':%s' of it? See 'shstate wait --any --help'", name, what);
	return false;
}

static bool parse_mode(const char *name, const char *what, struct shs_wanted *wanted)
{
	if (!what || strcmp(what, "write") == 0)
		wanted->mode = SHS_MODE_EXCLUSIVE;
	else if (strcmp(what, "read") == 0)
		wanted->mode = SHS_MODE_READ;
	else if (strcmp(what, "upgradable") == 0)
		wanted->mode = SHS_MODE_UPGRADABLE;
	else
		return bad_what(name, what);
	return true;
}

static const struct relation {
	char sign[3];
	uint32_t condition;
} relations[] = {
	{ ">=", SHS_OP_AWAIT_GE }, { "<=", SHS_OP_AWAIT_LE },
	{ "==", SHS_OP_AWAIT_EQ }, { "!=", SHS_OP_AWAIT_NE },
};

static bool parse_condition(const char *name, char *what, struct shs_wanted *wanted)
{
	const struct relation *r;
	char *sign = NULL;

	for (r = relations; r < relations + sizeof(relations) / sizeof(*r); r++) {
		sign = what ? strstr(what, r->sign) : NULL;
		if (sign)
			break;
	}
	if (!sign) {
		complain("%s: say which value to wait for, as '%s:>=1'", name, name);
		return false;
	}
	*sign = 0;
	wanted->condition = r->condition;
	return (!*what || parse_index(name, wanted->object, what, &wanted->index)) &&
	       parse_number(wanted->object->type, sign + 2, &wanted->expected);
}

static bool parse_what(const char *name, char *what, struct shs_wanted *wanted)
{
	int64_t permits;

	switch (wanted->object->kind) {
	case SHS_KIND_RWLOCK:
		return parse_mode(name, what, wanted);
	case SHS_KIND_ATOMIC:
	case SHS_KIND_COUNTER:
		return parse_condition(name, what, wanted);
	case SHS_KIND_SEMAPHORE:
		if (what && !parse_number(SHS_TYPE_U32, what, &permits))
			return false;
		wanted->permits = what ? permits : 1;
		return true;
	}
	return what ? bad_what(name, what) : true;
}

/* A lock is had only by who may write, but to read; the rest also by who may look. */
static int open_one(const char *name, struct shs_object **object)
{
	int ret = shs_object_open(name, 0, object);

	return ret == -EACCES ? shs_object_open(name, SHS_OPEN_RDONLY, object) : ret;
}

static bool open_all(struct list *list, char **operands, int count)
{
	char *colon;
	int ret, i;

	list->names = must_have(calloc(count, sizeof(char *)));
	list->what = must_have(calloc(count, sizeof(char *)));
	list->wanted = must_have(calloc(count, sizeof(*list->wanted)));
	for (i = 0; i < count; i++) {
		list->names[i] = operands[i];
		colon = strrchr(operands[i], ':');
		if (colon) {
			*colon = 0;
			list->what[i] = colon + 1;
		}
		ret = open_one(operands[i], &list->wanted[i].object);
		if (ret < 0) {
			explain_name(operands[i], ret, TO_READ);
			return false;
		}
		list->count++;
		if (!parse_what(operands[i], list->what[i], &list->wanted[i]))
			return false;
	}
	return true;
}

static void close_all(struct list *list)
{
	uint32_t i;

	for (i = 0; i < list->count; i++)
		shs_object_close(list->wanted[i].object);
	free(list->names);
	free(list->what);
	free(list->wanted);
}

static void unlock(struct shs_wanted *wanted)
{
	struct shs_object *object = wanted->object;

	if (object->kind == SHS_KIND_MUTEX)
		shs_mutex_unlock(object);
	else if (object->kind == SHS_KIND_SEMAPHORE)
		shs_semaphore_release(object, wanted->permits ? wanted->permits : 1);
	else if (object->kind != SHS_KIND_RWLOCK)
		return;
	else if (wanted->mode == SHS_MODE_READ)
		shs_rwlock_read_unlock(object, wanted->lane);
	else if (wanted->mode == SHS_MODE_UPGRADABLE)
		shs_rwlock_upgradable_unlock(object);
	else
		shs_rwlock_write_unlock(object);
}

/* One who unlocks a strict object after a death, without a word, loses it for all. */
static bool is_owed(const struct shs_wanted *wanted)
{
	struct shs_ioc_info info;

	return wanted->status == -EOWNERDEAD && wanted->mode == SHS_MODE_EXCLUSIVE &&
	       !shs_object_info(wanted->object, &info) && info.flags & SHS_INIT_STRICT;
}

/* The next owner is told as this one was. */
static void abandon(struct shs_wanted *wanted)
{
	if (wanted->object->kind == SHS_KIND_MUTEX)
		shs_mutex_abandon(wanted->object);
	else
		shs_rwlock_abandon(wanted->object);
}

/* From first on. */
static void give_back(struct list *list, uint32_t first, uint32_t count)
{
	uint32_t i;

	for (i = first; i < first + count; i++)
		if (is_owed(&list->wanted[i]))
			abandon(&list->wanted[i]);
		else
			unlock(&list->wanted[i]);
}

/* What is had of the list from first on; false if one of it has to be mended before. */
static bool look_at(struct list *list, uint32_t first, uint32_t count)
{
	bool good = true;
	uint32_t i;

	for (i = first; i < first + count; i++) {
		if (list->wanted[i].status == -EOWNERDEAD)
			warn_owner_died(list->names[i], list->wanted[i].object);
		if (!is_owed(&list->wanted[i]))
			continue;
		complain("%s: it was made --strict, so mend its value first: 'shstate lock %s --recover COMMAND'",
			 list->names[i], list->names[i]);
		good = false;
	}
	return good;
}

static int had(struct list *list, uint32_t first, uint32_t count, bool all, char **command)
{
	int status = SUCCESS;

	if (!look_at(list, first, count)) {
		status = command ? CHILD_TROUBLE : TROUBLE;
	} else if (command) {
		if (!all)
			setenv("SHSTATE_ANY", list->names[first], 1);
		status = child_run(command);
	} else if (!all) {
		puts(list->names[first]);
	}
	give_back(list, first, count);
	return status;
}

static int explain(const struct list *list, int error, int trouble)
{
	switch (-error) {
	case ETIMEDOUT:
		return NO;
	case EINVAL:
		complain("an object is named twice, or more permits are asked for than there can be");
		return trouble;
	case ENOTTY:
		complain("the module is too old for that: load a newer one");
		return trouble;
	}
	explain_use(list->names[0], list->wanted[0].object, error, "waited for with the others");
	return trouble;
}

static int wait_for(struct list *list, bool all, struct shs_deadline deadline, char **command)
{
	int ret = all ? shs_wait_all(list->wanted, list->count, deadline) :
			shs_wait_any(list->wanted, list->count, deadline);

	if (ret < 0 && !(all && ret == -EOWNERDEAD))
		return explain(list, ret, command ? CHILD_TROUBLE : TROUBLE);
	return all ? had(list, 0, list->count, true, command) : had(list, ret, 1, false, command);
}

/* The words after "--", which are then not the others' any more; or NULL. */
static char **take_command(int *argc, char **argv)
{
	int i;

	for (i = 0; i < *argc; i++)
		if (strcmp(argv[i], "--") == 0) {
			*argc = i;
			argv[i] = NULL;
			return argv[i + 1] ? argv + i + 1 : NULL;
		}
	return NULL;
}

bool is_for_many(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (strcmp(argv[i], "--any") == 0 || strcmp(argv[i], "--all") == 0 ||
		    strcmp(argv[i], "-A") == 0 || strcmp(argv[i], "-a") == 0)
			return true;
	return false;
}

int cmd_wait_many(int argc, char **argv)
{
	static const struct option options[] = {
		{ "any", no_argument, NULL, 'A' },
		{ "all", no_argument, NULL, 'a' },
		{ "wait", required_argument, NULL, 'w' },
		{ "timeout", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	char **command = take_command(&argc, argv);
	struct args args = {
		argc, argv, help, "-Aaw:h", options, .least = 1, .most = SHS_MANY_MAX,
		.trouble = command ? CHILD_TROUBLE : TROUBLE,
	};
	struct shs_deadline deadline = shs_deadline_never();
	struct list list = { 0 };
	bool all = false;
	int option, status;
	uint64_t ns;

	while ((option = next_option(&args)) != -1) {
		if (option == 'a' || option == 'A')
			all = option == 'a';
		else if (parse_seconds(optarg, &ns))
			deadline = shs_deadline_in(ns);
		else
			return args.trouble;
	}
	status = args.trouble;
	if (open_all(&list, args.operands, args.count))
		status = wait_for(&list, all, deadline, command);
	close_all(&list);
	return status;
}
