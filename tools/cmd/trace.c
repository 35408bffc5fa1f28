// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's tracepoints made readable. They know objects by inode numbers and processes
 * by the ids of attachments: here these get the names in the folder, and the thread that
 * was last seen to queue or lock by that id.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "describe.h"
#include "tracefs.h"

static const char help[] =
	"Usage: shstate trace [OPTION]... [NAME]...\n"
	"Print who waits for whom, who is let in after how long, who gives back what after how\n"
	"long, and who died, of these objects or of all; at the end, but with --json, how long each\n"
	"was waited for by those who got it. What contends with nobody needs no call, and is not\n"
	"seen but with --all-locks. Needs root.\n\n"
	"  -a, --all-locks       every lock and unlock of NAME..., each of which is a call meanwhile\n"
	"  -t, --time SECONDS    end after that time, else when interrupted\n"
	"  -c, --count LINES     end after so many\n"
	"  -J, --json            as JSON, an event a line\n"
	"  -h, --help\n";

#define PAUSE_NS (50 * SHS_NS_PER_MS)

struct actor {
	unsigned int id;		/* of the attachment */
	int tid;
	char comm[32];
	bool holds;
	bool handed;			/* by another thread, which is the one that acquires */
};

struct traced {
	unsigned long long inode;
	char *name;			/* or "#" and the inode number */
	bool has_name;
	bool asked_for;
	uint32_t kind;
	struct shs_object *object;	/* with --all-locks */
	struct actor *actors;
	size_t actor_count;
	unsigned long long waits, wait_ns, longest_ns, deaths;
};

static struct {
	struct traced *objects;
	size_t count;
	bool some, json, all_locks;	/* some: only those asked for */
	int64_t lines;			/* left; -1: any number */
	uint64_t end_ns;
} trace = { .lines = -1, .end_ns = SHS_FOREVER };

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static struct traced *add_object(unsigned long long inode, const char *name)
{
	struct traced *traced;
	char text[32];

	snprintf(text, sizeof(text), "#%llu", inode);
	trace.objects = must_have(realloc(trace.objects,
					  (trace.count + 1) * sizeof(*trace.objects)));
	traced = &trace.objects[trace.count++];
	*traced = (struct traced){
		.inode = inode,
		.name = must_have(strdup(name ? name : text)),
		.has_name = name,
	};
	return traced;
}

static struct traced *known(unsigned long long inode)
{
	size_t i;

	for (i = 0; i < trace.count; i++) {
		if (trace.objects[i].inode == inode)
			return &trace.objects[i];
	}
	return NULL;
}

/* The inode number is that of the file: the object need not be opened. */
static void learn_names(void)
{
	DIR *folder = opendir(usual_folder());
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    !known(entry->d_ino))
			add_object(entry->d_ino, entry->d_name);
	}
	if (folder)
		closedir(folder);
}

static struct traced *find_object(unsigned long long inode)
{
	struct traced *traced = known(inode);

	if (!traced) {
		learn_names();
		traced = known(inode);
	}
	return traced ? traced : add_object(inode, NULL);
}

static int ask_for(const char *name)
{
	struct traced *traced;
	struct shs_object *object;
	struct stat st;
	int ret = shs_object_open(name, trace.all_locks ? 0 : SHS_OPEN_RDONLY, &object);

	if (ret >= 0 && fstat(shs_object_fd(object), &st) < 0)
		ret = -errno;
	if (ret < 0)
		return explain_name(name, ret, trace.all_locks ? TO_WRITE : TO_READ);
	traced = known(st.st_ino);
	if (!traced)
		traced = add_object(st.st_ino, name);
	traced->asked_for = true;
	if (!trace.all_locks) {
		shs_object_close(object);
		return SUCCESS;
	}
	ret = shs_object_watch(object, SHS_WATCH_ON);
	if (ret < 0) {
		explain_use(name, object, ret, "traced by every lock");
		shs_object_close(object);
		return TROUBLE;
	}
	traced->object = object;	/* as long as it is open */
	return SUCCESS;
}

static struct actor *find_actor(struct traced *traced, unsigned int id)
{
	size_t i;

	for (i = 0; i < traced->actor_count; i++) {
		if (traced->actors[i].id == id)
			return &traced->actors[i];
	}
	traced->actors = must_have(realloc(traced->actors, (traced->actor_count + 1) *
					   sizeof(*traced->actors)));
	traced->actors[traced->actor_count] = (struct actor){ .id = id, .comm = "?" };
	return &traced->actors[traced->actor_count++];
}

static void note_actor(struct actor *actor, const struct trace_line *line)
{
	actor->tid = line->tid;
	snprintf(actor->comm, sizeof(actor->comm), "%s", line->comm);
}

/* Who is seen to hold; else whom the kernel names by now, which may be a later one. */
static bool find_holder(struct traced *traced, struct actor *holder)
{
	struct shs_object *object;
	struct shs_ioc_info info;
	size_t i;
	bool is;

	for (i = 0; i < traced->actor_count; i++) {
		if (traced->actors[i].holds) {
			*holder = traced->actors[i];
			return true;
		}
	}
	if (!traced->has_name || shs_object_open(traced->name, SHS_OPEN_RDONLY, &object) < 0)
		return false;
	is = shs_object_info(object, &info) >= 0 && info.holder_pid;
	if (is) {
		*holder = (struct actor){
			.tid = info.holder_tid ? info.holder_tid : info.holder_pid,
		};
		snprintf(holder->comm, sizeof(holder->comm), "%.16s", info.holder_comm);
	}
	shs_object_close(object);
	return is;
}

/* The last death of the object, which by now may be of another holder. */
static void find_death(const struct traced *traced, const struct actor *actor, char *text,
		       size_t size)
{
	struct shs_object *object;
	struct shs_ioc_death death;
	bool is = false;

	if (traced->has_name && shs_object_open(traced->name, SHS_OPEN_RDONLY, &object) >= 0) {
		is = shs_object_death(object, &death) >= 0;
		if (is)
			shs_death_describe(&death, text, size);
		shs_object_close(object);
	}
	if (!is && actor->tid)
		snprintf(text, size, "thread %d (%s) died", actor->tid, actor->comm);
	else if (!is)
		snprintf(text, size, "a holder died");
}

/* What is told of an event, beside the line. */
struct story {
	struct traced *traced;
	struct actor actor, holder;
	bool has_holder;
	char death[128];
};

static void follow(struct story *story, const struct trace_line *line)
{
	struct traced *traced = story->traced;
	struct actor *actor = find_actor(traced, line->id);

	traced->kind = line->kind;
	switch (line->event) {
	case TRACE_CONTEND:
		story->has_holder = find_holder(traced, &story->holder);
		actor = find_actor(traced, line->id);
		note_actor(actor, line);
		break;
	case TRACE_ACQUIRE:
		if (!actor->handed)
			note_actor(actor, line);
		actor->handed = false;
		actor->holds = true;
		traced->waits += line->ns != 0;
		traced->wait_ns += line->ns;
		if (line->ns > traced->longest_ns)
			traced->longest_ns = line->ns;
		break;
	case TRACE_HANDOFF:
		actor->handed = true;
		break;
	case TRACE_RELEASE:
		note_actor(actor, line);
		actor->holds = false;
		break;
	case TRACE_DIED:
		find_death(traced, actor, story->death, sizeof(story->death));
		actor->holds = false;
		traced->deaths++;
		break;
	case TRACE_EVENTS:
		break;
	}
	story->actor = *actor;
}

/* "12.3 ms": such spans are often short. */
static char *fine_span(uint64_t ns)
{
	char *text;

	if (ns >= SHS_NS_PER_S)
		return span_text(ns);
	must_have(asprintf(&text, "%.3f ms", ns / 1e6) < 0 ? NULL : text);
	return text;
}

static void print_who(const struct actor *actor)
{
	if (actor->id == SHS_WORD_OWNER)
		fputs("a single operation of ", stdout);
	printf("thread %d (%s)", actor->tid, actor->comm);
}

static void print_text(const struct story *story, const struct trace_line *line)
{
	char *span = line->ns ? fine_span(line->ns) : NULL;

	printf("%s  %s '%s': ", line->time, shs_kind_name(line->kind), story->traced->name);
	switch (line->event) {
	case TRACE_CONTEND:
		print_who(&story->actor);
		printf(" waits, %s", mode_word(line->mode));
		if (story->has_holder) {
			fputs(", for ", stdout);
			print_who(&story->holder);
		}
		break;
	case TRACE_ACQUIRE:
		print_who(&story->actor);
		printf(" has it, %s%s%s", mode_word(line->mode), span ? ", after " : "",
		       span ? span : "");
		break;
	case TRACE_HANDOFF:
		printf("is handed to thread %d (%s)", story->actor.tid, story->actor.comm);
		break;
	case TRACE_RELEASE:
		print_who(&story->actor);
		printf(" gives it back%s%s", span ? ", after " : "", span ? span : "");
		break;
	case TRACE_DIED:
		printf("%s%s%s", story->death, span ? ", having had it for " : "",
		       span ? span : "");
		break;
	case TRACE_EVENTS:
		break;
	}
	putchar('\n');
	free(span);
}

static void put_actor(struct json_object *to, const char *key, const struct actor *actor)
{
	struct json_object *entry = json_map();

	json_put_number(entry, "tid", actor->tid);
	json_put_text(entry, "comm", actor->comm);
	json_put(to, key, entry);
}

static void print_json(const struct story *story, const struct trace_line *line)
{
	struct json_object *to = json_map();

	json_put(to, "time", json_object_new_double_s(atof(line->time), line->time));
	json_put_text(to, "event", trace_event_names[line->event]);
	json_put_text(to, "object", story->traced->name);
	json_put_number(to, "inode", line->object);
	json_put_text(to, "kind", shs_kind_name(line->kind));
	json_put_text(to, "mode", mode_word(line->mode));
	json_put_number(to, "attachment", line->id);
	if (story->actor.tid)
		put_actor(to, "who", &story->actor);
	if (story->has_holder)
		put_actor(to, "holder", &story->holder);
	if (line->event == TRACE_ACQUIRE)
		json_put_number(to, "waited-ns", line->ns);
	else if (line->ns)
		json_put_number(to, "held-ns", line->ns);
	if (line->event == TRACE_DIED)
		json_put_text(to, "death", story->death);
	json_print_line(to);
}

static void tell(const struct trace_line *line)
{
	struct story story = { .traced = find_object(line->object) };

	if (trace.some && !story.traced->asked_for)
		return;
	follow(&story, line);
	if (trace.json)
		print_json(&story, line);
	else
		print_text(&story, line);
	fflush(stdout);
	if (trace.lines > 0)
		trace.lines--;
}

static void sum_up(void)
{
	char *all, *longest;
	size_t i;

	for (i = 0; i < trace.count && !trace.json; i++) {
		const struct traced *traced = &trace.objects[i];

		if (!traced->waits && !traced->deaths)
			continue;
		all = fine_span(traced->wait_ns);
		longest = fine_span(traced->longest_ns);
		printf("%s '%s': %llu waits, %s in all, %s the longest; %llu deaths\n",
		       shs_kind_name(traced->kind), traced->name, traced->waits, all, longest,
		       traced->deaths);
		free(all);
		free(longest);
	}
}

/* What happened before the end is told, and nothing that comes after it. */
static int run(void)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct trace_line line;
	bool is_over = false;
	int ret = 0;

	while (!interrupted && trace.lines && ret >= 0 && !ferror(stdout)) {
		if (!is_over && now_ns() >= trace.end_ns) {
			tracefs_stop();
			is_over = true;
		}
		ret = tracefs_read(&line);
		if (ret > 0)
			tell(&line);
		else if (is_over)
			break;
		else
			nanosleep(&pause, NULL);
	}
	return ret < 0 ? TROUBLE : SUCCESS;
}

static bool take_option(int option)
{
	uint64_t ns;

	switch (option) {
	case 'a':
		trace.all_locks = true;
		return true;
	case 'c':
		return parse_number(SHS_TYPE_U32, optarg, &trace.lines);
	case 't':
		if (!parse_seconds(optarg, &ns))
			return false;
		trace.end_ns = ns == SHS_FOREVER ? ns : now_ns() + ns;
		return true;
	case 'J':
		trace.json = true;
		return true;
	}
	return false;
}

static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction action = { .sa_handler = interrupt };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

int cmd_trace(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all-locks", no_argument, NULL, 'a' },
		{ "time", required_argument, NULL, 't' },
		{ "count", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'J' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-at:c:Jh", options, .least = 0,
	};
	int option, status, i;

	while ((option = next_option(&args)) != -1) {
		if (!take_option(option))
			return TROUBLE;
	}
	if (trace.all_locks && !args.count)
		usage_error(&args, "trace: --all-locks of which objects?");
	trace.some = args.count;
	learn_names();
	for (i = 0; i < args.count; i++) {
		if (ask_for(args.operands[i]))
			return TROUBLE;
	}
	catch_signals();
	if (!tracefs_begin())
		return TROUBLE;
	status = run();
	tracefs_end();
	sum_up();
	return status;
}
