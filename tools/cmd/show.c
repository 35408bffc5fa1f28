// SPDX-License-Identifier: GPL-2.0-only
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "describe.h"

static const char help[] =
	"Usage: shstate show [OPTION]... NAME...\n"
	"Tell all about objects. The value is looked at without taking the lock.\n\n"
	"  -H, --holders   and of each thread that holds it or, in order, waits for it\n"
	"  -J, --json      as JSON\n"
	"  -h, --help\n";

/* Only one command runs in a process. */
static struct {
	bool holders;
	struct json_object *list;	/* for JSON */
} shown;

static void line(const char *what, const char *text)
{
	if (*text)
		printf("%-13s %s\n", what, text);
}

/* By the bits of SHS_INIT_*. */
static const char *const policies[] = {
	"first in first out", "poisoned by death", "stops at its ends", "refuses to overflow",
	"ephemeral", "strict about death", "ignores death", "recursive", "committed",
	"summed exactly", "live", "done from the beginning", "detects deadlocks",
};

/* What the numbers of a kind are, that are no value of its users'; else NULL. */
static const char *value_name(uint32_t kind)
{
	return kind == SHS_KIND_SEMAPHORE ? "Permits:" :
	       kind == SHS_KIND_BARRIER ? "Parties:" : NULL;
}

/* The permits that are there, and how many there may be. */
static void show_numbers(const struct shs_object *object, const uint32_t *numbers)
{
	printf("%-13s %u", value_name(object->kind), numbers[0]);
	if (object->kind == SHS_KIND_SEMAPHORE)
		printf(" there, %u at most", numbers[1]);
	putchar('\n');
}

static void show_kind(const struct shs_object *object, const struct shs_ioc_info *info)
{
	size_t i;

	printf("%-13s %s", "Kind:", shs_kind_name(info->kind));
	if (has_value(object) && !value_name(info->kind))
		printf(" of %u %s, %u bytes", info->count, shs_type_name(info->type),
		       info->value_size);
	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		if (info->flags & (1U << i))
			printf(", %s", policies[i]);
	}
	putchar('\n');
}

static void show_value(struct shs_object *object)
{
	struct access access = { .peek = true, .deadline = shs_deadline_in(0) };
	void *bytes;
	char *text;

	if (!has_value(object))
		return;
	bytes = must_have(malloc(value_size(object)));
	if (value_fetch(object, &access, bytes, object->count) < 0) {
		/* perhaps the next time */
	} else if (value_name(object->kind)) {
		show_numbers(object, bytes);
	} else {
		text = value_format(object, bytes, object->count);
		line("Value:", text);
		free(text);
	}
	free(bytes);
}

static void show_holder(const struct shs_ioc_info *info)
{
	char *span;

	if (!info->holder_pid)
		return;
	printf("%-13s pid %d (%.*s)", "Holder:", info->holder_pid,
	       (int)sizeof(info->holder_comm), info->holder_comm);
	if (info->holder_tid)
		printf(", thread %d", info->holder_tid);
	if (info->held_ns) {
		span = span_text(info->held_ns);
		printf(", for %s", span);
		free(span);
	}
	if (info->depth > 1)
		printf(", locked %u times", info->depth);
	putchar('\n');
}

static void show_state(const struct shs_object *object, const struct shs_ioc_info *info)
{
	char *text = state_text(object, info);

	line("State:", text);
	free(text);
	show_holder(info);
	if (info->readers)
		printf("%-13s %u\n", info->kind == SHS_KIND_SEMAPHORE ? "Held:" : "Readers:",
		       info->readers);
	printf("%-13s %u", "Waiters:", info->waiters);
	if (info->waits)
		printf(" (%llu in all, woken %llu times)", (unsigned long long)info->waits,
		       (unsigned long long)info->wakes);
	putchar('\n');
}

static const char *how_it_held(uint32_t mode)
{
	switch (mode) {
	case SHS_MODE_READ:
		return "while it read";
	case SHS_MODE_UPGRADABLE:
		return "while it could upgrade";
	default:
		return "while it held it";
	}
}

static void show_death(struct shs_object *object)
{
	struct shs_ioc_death death;
	char text[128], *when;

	if (shs_object_death(object, &death) < 0)
		return;
	when = time_text(death.when_realtime_ns);
	printf("%-13s %s %s, %s (%llu in all)\n", "Last death:",
	       shs_death_describe(&death, text, sizeof(text)),
	       how_it_held(death.mode), when,
	       (unsigned long long)death.deaths);
	free(when);
}

static void show_file(const struct shs_object *object, const struct shs_ioc_info *info)
{
	struct passwd *user;
	struct group *group;
	struct stat st;
	char *when = time_text(info->created_ns);

	line("Created:", when);
	free(when);
	printf("%-13s %u name%s, %u open, %u attached\n", "Used by:", info->links,
	       info->links == 1 ? "" : "s", info->opens - 1, info->attachments);
	if (fstat(shs_object_fd(object), &st) < 0)
		return;
	user = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	printf("%-13s %04o %s (%u) %s (%u)\n", "Permissions:",
	       (unsigned int)st.st_mode & 07777, user ? user->pw_name : "?", st.st_uid,
	       group ? group->gr_name : "?", st.st_gid);
}

/* Others may write metadata too, of any form. */
static void show_meta(struct shs_object *object)
{
	struct meta meta;
	char *rest, *text;

	meta_read(object, &meta);
	rest = meta.text;
	while ((text = strsep(&rest, "\n"))) {
		if (*text)
			printf("%-13s %s\n", "Metadata:", text);
	}
}

static void show_thread(const struct shs_thread_info *thread)
{
	uint64_t now = now_ns();
	char *span;

	printf("%-13s ", thread->flags & SHS_THREAD_WAITS ? "Waits:" : "Holds:");
	if (thread->tid)
		printf("thread %d of ", thread->tid);
	printf("pid %d (%.*s), %s", thread->pid, (int)sizeof(thread->comm), thread->comm,
	       mode_word(thread->mode));
	if (thread->count > 1)
		printf(" %llu times", (unsigned long long)thread->count);
	if (thread->since_ns && thread->since_ns <= now) {
		span = span_text(now - thread->since_ns);
		printf(", for %s", span);
		free(span);
	}
	puts(thread->flags & SHS_THREAD_POSSIBLE ? ", or another thread of it" :
	     thread->flags & SHS_THREAD_GOES_ON ? ", and may go on meanwhile" : "");
}

static void show_threads(const struct shs_thread_info *threads, int count)
{
	int i;

	for (i = 0; i < count; i++)
		show_thread(&threads[i]);
}

static void show_text(struct shs_object *object, const struct shs_ioc_info *info,
		      const char *path)
{
	static bool more;

	if (more)
		putchar('\n');
	more = true;
	line("Name:", path);
	show_kind(object, info);
	show_value(object);
	show_state(object, info);
	show_death(object);
	show_file(object, info);
	show_meta(object);
}

static int show(const char *name)
{
	struct shs_thread_info *threads = NULL;
	struct json_object *entry;
	struct shs_object *object;
	struct shs_ioc_info info;
	char path[PATH_MAX];
	int ret = shs_object_open(name, SHS_OPEN_RDONLY, &object), count = 0;

	if (ret < 0)
		return explain_name(name, ret, TO_READ);
	ret = shs_object_info(object, &info);
	if (ret >= 0 && shown.holders)
		count = ret = threads_read(object, &threads);
	if (ret < 0) {
		explain_use(name, object, ret, "shown");
		shs_object_close(object);
		return TROUBLE;
	}
	shs_name_path(name, path, sizeof(path));
	if (shown.list) {
		entry = describe(object, &info, path);
		if (shown.holders)
			json_put(entry, "threads", describe_threads(threads, count));
		json_append(shown.list, entry);
	} else {
		show_text(object, &info, path);
		show_threads(threads, count);
	}
	free(threads);
	shs_object_close(object);
	return SUCCESS;
}

int cmd_show(int argc, char **argv)
{
	static const struct option options[] = {
		{ "holders", no_argument, NULL, 'H' },
		{ "json", no_argument, NULL, 'J' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-HJh", options, .least = 1,
	};
	int option, status = SUCCESS, i;

	while ((option = next_option(&args)) != -1) {
		if (option == 'H')
			shown.holders = true;
		else
			shown.list = json_list();
	}
	for (i = 0; i < args.count; i++) {
		if (show(args.operands[i]))
			status = TROUBLE;
	}
	if (shown.list)
		json_print_document("objects", shown.list);
	return status;
}
