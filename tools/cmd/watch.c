// SPDX-License-Identifier: GPL-2.0-only
/* What changes between two looks; what changes and changes back is not seen. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "describe.h"

static const char help[] =
	"Usage: shstate watch [OPTION]... NAME...\n"
	"Print a line for each object, and one whenever its value, holder, readers or waiters have\n"
	"changed, with the rate of numbers. No locks are taken. Ends when all of them are gone.\n\n"
	"  -i, --interval SECONDS   between two looks, 0.5 by default\n"
	"  -c, --count LINES        end after so many\n"
	"  -t, --time SECONDS       end after that time\n"
	"  -J, --json               as JSON, an object a line\n"
	"  -h, --help\n\n"
	"'shstate trace' shows what happens between two looks.\n";

#define MOST_RATES 8		/* that fit into a line for people */

struct watched {
	const char *name;
	struct shs_object *object;
	struct shs_ioc_info info, last_info;
	void *bytes, *last_bytes;	/* NULL: no value */
	bool readable, was_readable;	/* of the value: of a once not before it is done */
	uint64_t at_ns, last_ns;	/* 0: never looked at */
};

static struct {
	uint64_t interval_ns, end_ns;
	int64_t lines;			/* left; -1: any number */
	bool json;
} watch = { .interval_ns = SHS_NS_PER_S / 2, .end_ns = SHS_FOREVER, .lines = -1 };

static int begin(struct watched *watched, const char *name)
{
	int ret = shs_object_open(name, SHS_OPEN_RDONLY, &watched->object);

	if (ret < 0)
		return explain_name(name, ret, TO_READ);
	watched->name = name;
	if (has_value(watched->object)) {
		watched->bytes = must_have(calloc(1, value_size(watched->object)));
		watched->last_bytes = must_have(calloc(1, value_size(watched->object)));
	}
	return SUCCESS;
}

static void look(struct watched *watched)
{
	struct access access = { .peek = true, .deadline = shs_deadline_in(0) };
	struct shs_object *object = watched->object;

	shs_object_info(object, &watched->info);
	watched->at_ns = now_ns();
	watched->readable = watched->bytes &&
			    value_fetch(object, &access, watched->bytes, object->count) >= 0;
}

static bool has_changed(const struct watched *watched)
{
	const struct shs_ioc_info *is = &watched->info, *was = &watched->last_info;

	if (!watched->last_ns || is->holder_pid != was->holder_pid ||
	    is->holder_tid != was->holder_tid || is->state != was->state ||
	    is->readers != was->readers || is->waiters != was->waiters ||
	    is->deaths != was->deaths || !is->links != !was->links ||
	    watched->readable != watched->was_readable)
		return true;
	return watched->readable && memcmp(watched->bytes, watched->last_bytes,
					   value_size(watched->object)) != 0;
}

static void remember(struct watched *watched)
{
	watched->last_info = watched->info;
	watched->last_ns = watched->at_ns;
	watched->was_readable = watched->readable;
	if (watched->readable)
		memcpy(watched->last_bytes, watched->bytes, value_size(watched->object));
}

static bool has_rates(const struct watched *watched)
{
	return watched->last_ns && watched->readable && watched->was_readable &&
	       watched->object->type != SHS_TYPE_BYTES &&
	       watched->object->type != SHS_TYPE_BOOL && watched->at_ns > watched->last_ns;
}

static double rate_of(const struct watched *watched, uint32_t i)
{
	uint32_t type = watched->object->type;
	uint64_t step = (uint64_t)element_load(type, watched->bytes, i) -
			(uint64_t)element_load(type, watched->last_bytes, i);

	return (int64_t)step * (double)SHS_NS_PER_S / (watched->at_ns - watched->last_ns);
}

static struct json_object *rates_of(const struct watched *watched)
{
	struct json_object *rates = json_list();
	char text[40];
	uint32_t i;

	for (i = 0; i < watched->object->count; i++) {
		snprintf(text, sizeof(text), "%.3f", rate_of(watched, i));
		json_append(rates, json_object_new_double_s(rate_of(watched, i), text));
	}
	return rates;
}

static char *clock_text(void)
{
	char text[32], *whole;
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	if (!localtime_r(&now.tv_sec, &tm) || !strftime(text, sizeof(text), "%FT%T", &tm))
		text[0] = '\0';
	return must_have(asprintf(&whole, "%s.%03ld", text, now.tv_nsec / 1000000) < 0 ?
			 NULL : whole);
}

static void print_json(const struct watched *watched, const char *when)
{
	struct json_object *line = json_map();

	json_put_text(line, "time", when);
	json_put_text(line, "name", watched->name);
	if (watched->readable)
		json_put(line, "value", json_value(watched->object, watched->bytes));
	if (has_rates(watched))
		json_put(line, "rates", rates_of(watched));
	describe_state(line, watched->object, &watched->info);
	json_put_number(line, "deaths", watched->info.deaths);
	json_put_bool(line, "gone", !watched->info.links);
	json_print_line(line);
}

static void print_value(const struct watched *watched)
{
	char *text = value_format(watched->object, watched->bytes, watched->object->count);
	uint32_t i;

	printf("  %s", text);
	free(text);
	if (!has_rates(watched) || watched->object->count > MOST_RATES)
		return;
	for (i = 0; i < watched->object->count; i++)
		printf("%s%+.1f/s", i ? " " : " (", rate_of(watched, i));
	putchar(')');
}

static void print_text(const struct watched *watched, const char *when)
{
	const struct shs_ioc_info *info = &watched->info;
	char *state = state_text(watched->object, info);

	printf("%s  %s", when, watched->name);
	if (watched->readable)
		print_value(watched);
	if (*state)
		printf("  %s", state);
	free(state);
	if (info->holder_pid)
		printf(" by pid %d (%.*s)", info->holder_pid, (int)sizeof(info->holder_comm),
		       info->holder_comm);
	if (info->readers)
		printf(", %u reader%s", info->readers, info->readers == 1 ? "" : "s");
	if (info->waiters)
		printf(", %u waiter%s", info->waiters, info->waiters == 1 ? "" : "s");
	if (watched->last_ns && info->deaths > watched->last_info.deaths)
		printf(", a holder died");
	puts(info->links ? "" : "  its last name is gone");
}

static void print(const struct watched *watched)
{
	char *when = clock_text();

	if (watch.json)
		print_json(watched, when);
	else
		print_text(watched, when);
	fflush(stdout);
	free(when);
	if (watch.lines > 0)
		watch.lines--;
}

/* False when there is no more to tell. */
static bool look_at_all(struct watched *all, int count)
{
	bool any = false;
	int i;

	for (i = 0; i < count; i++) {
		if (all[i].last_ns && !all[i].last_info.links)
			continue;
		look(&all[i]);
		if (has_changed(&all[i])) {
			print(&all[i]);
			remember(&all[i]);
			if (!watch.lines)
				return false;
		}
		any = any || all[i].info.links;
	}
	return any && !ferror(stdout);
}

static void run(struct watched *all, int count)
{
	uint64_t now, ns;

	while (look_at_all(all, count) && (now = now_ns()) < watch.end_ns) {
		ns = watch.end_ns - now < watch.interval_ns ? watch.end_ns - now :
		     watch.interval_ns;
		nanosleep(&(struct timespec){ ns / SHS_NS_PER_S, ns % SHS_NS_PER_S }, NULL);
	}
}

static bool take_option(int option)
{
	uint64_t ns;

	switch (option) {
	case 'i':
		return parse_seconds(optarg, &watch.interval_ns);
	case 'c':
		return parse_number(SHS_TYPE_U32, optarg, &watch.lines);
	case 't':
		if (!parse_seconds(optarg, &ns))
			return false;
		watch.end_ns = ns == SHS_FOREVER ? ns : now_ns() + ns;
		return true;
	case 'J':
		watch.json = true;
		return true;
	}
	return false;
}

int cmd_watch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'c' },
		{ "time", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'J' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-i:c:t:Jh", options, .least = 1,
	};
	struct watched *all;
	int option, i;

	while ((option = next_option(&args)) != -1) {
		if (!take_option(option))
			return TROUBLE;
	}
	all = must_have(calloc(args.count, sizeof(*all)));
	for (i = 0; i < args.count; i++) {
		if (begin(&all[i], args.operands[i]))
			return TROUBLE;
	}
	run(all, args.count);
	for (i = 0; i < args.count; i++) {
		shs_object_close(all[i].object);
		free(all[i].bytes);
		free(all[i].last_bytes);
	}
	free(all);
	return SUCCESS;
}
