// SPDX-License-Identifier: GPL-2.0-only
/* Breadth first, so that the story of a failure is a shortest one. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/string.h>
#include "explore.h"
#include "test.h"

#define STATES_MAX 1500000
#define SEEN_ROOM (1<<22)
#define CHOICES_MAX	32
#define STORY_LINES	40

/* How a state was reached first. */
struct node {
	u32 parent;
	u8 choices;
	u8 choice[CHOICES_MAX];
};

/* States equally deep. */
struct level {
	u8 *worlds;		/* each env and world */
	size_t room;		/* bytes */
	u32 nodes[STATES_MAX];
	unsigned int n;
};

static const struct explore *now;
static enum { RANDOM, SEARCH, REPLAY } mode;

/* The answers of this step; beyond what is given, the first each. */
static u8 answer[CHOICES_MAX], arity[CHOICES_MAX];
static unsigned int answers, asked;
static u64 random_state;

static struct node nodes[STATES_MAX];
static u64 seen[SEEN_ROOM];	/* hash table of states */
static struct level levels[2];
static unsigned int n_nodes;
static u32 current_node;

static char story[STORY_LINES][160];
static unsigned int story_lines;

unsigned int explore_choose(unsigned int n)
{
	if (n < 2)
		return 0;
	if (mode == RANDOM)
		return (explore_number(&random_state) >> 20) % n;
	if (asked == CHOICES_MAX)
		env_fail("a step has too many choices");
	arity[asked] = n;
	if (asked == answers)
		answer[answers++] = 0;
	return answer[asked++];
}

void explore_say(const char *fmt, ...)
{
	char *line = story[story_lines % STORY_LINES];
	va_list args;

	if (mode == SEARCH)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(story[0]), fmt, args);
	va_end(args);
	story_lines++;
}

/* The next set of answers to the same questions; false after the last. */
static bool next_answers(void)
{
	answers = asked;
	while (answers && answer[answers - 1] + 1 >= arity[answers - 1])
		answers--;
	if (!answers)
		return false;
	answer[answers - 1]++;
	return true;
}

static void start_world(void)
{
	env_reset();
	memset(now->world, 0, now->size);
	now->start();
	now->check();
}

static bool step_world(void)
{
	bool more;

	asked = 0;
	env_new_step();
	more = now->step();
	if (env.locks)
		env_fail("a step ends with a lock held");
	env_race = NULL;
	if (more)
		now->check();
	else
		now->end();
	return more;
}

static void save(u8 *to)
{
	memcpy(to, &env, sizeof(env));
	memcpy(to + sizeof(env), now->world, now->size);
}

static void restore(const u8 *from)
{
	memcpy(&env, from, sizeof(env));
	memcpy(now->world, from + sizeof(env), now->size);
}

static void show_line(void)
{
	if (now->show)
		now->show();
}

static void tell_story(void)
{
	unsigned int i = story_lines > STORY_LINES ? story_lines - STORY_LINES : 0;

	for (; i < story_lines; i++)
		test_note("   %s", story[i % STORY_LINES]);
}

static void replay_path(const u32 *path, unsigned int n)
{
	while (n--) {
		answers = nodes[path[n]].choices;
		memcpy(answer, nodes[path[n]].choice, answers);
		step_world();
		show_line();
	}
}

/* Arguments of the replay, which may fail and so cannot have any. */
static u32 replay_nodes[256];
static unsigned int replay_n;
static u8 last_answer[CHOICES_MAX];
static unsigned int last_answers;

static void replay(void)
{
	start_world();
	show_line();
	replay_path(replay_nodes, replay_n);
	answers = last_answers;
	memcpy(answer, last_answer, last_answers);
	step_world();
}

static void tell_search(void)
{
	u32 node = current_node;

	last_answers = answers;
	memcpy(last_answer, answer, sizeof(answer));
	for (replay_n = 0; node && replay_n < ARRAY_SIZE(replay_nodes); replay_n++) {
		replay_nodes[replay_n] = node;
		node = nodes[node].parent;
	}
	mode = REPLAY;
	story_lines = 0;
	test_fails(replay);
	tell_story();
}

__attribute__((no_sanitize("address", "undefined")))
static u64 mix(u64 h, const void *memory, size_t size)
{
	const u64 *p = memory;
	size_t i;

	for (i = 0; i < size / 8; i++) {
		h ^= p[i];
		h *= 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	return h;
}

/* Whether this state was not seen yet. */
static bool mark_seen(void)
{
	u64 h = mix(mix(1, &env, sizeof(env)), now->world, now->size) | 1;
	unsigned int i = (h >> 20) & (SEEN_ROOM - 1);

	while (seen[i] && seen[i] != h)
		i = (i + 1) & (SEEN_ROOM - 1);
	if (seen[i])
		return false;
	seen[i] = h;
	return true;
}

static void push(struct level *level)
{
	size_t size = sizeof(env) + now->size;

	if (n_nodes == STATES_MAX)
		env_fail("more than %u states", STATES_MAX);
	if ((level->n + 1) * size > level->room) {
		level->room = 2 * level->room + 64 * size;
		level->worlds = realloc(level->worlds, level->room);
		if (!level->worlds)
			abort();
	}
	save(level->worlds + level->n * size);
	level->nodes[level->n++] = n_nodes;
	nodes[n_nodes].parent = current_node;
	nodes[n_nodes].choices = asked;
	memcpy(nodes[n_nodes++].choice, answer, asked);
}

/* All successors of all states of a level. */
static u64 expand(const struct level *from, struct level *to)
{
	size_t size = sizeof(env) + now->size;
	unsigned int i;
	u64 steps = 0;

	for (i = 0; i < from->n; i++) {
		current_node = from->nodes[i];
		answers = 0;
		do {
			restore(from->worlds + i * size);
			steps++;
			if (step_world() && mark_seen())
				push(to);
		} while (next_answers());
	}
	return steps;
}

void explore_all(const struct explore *e)
{
	struct level *from = &levels[0], *to = &levels[1], *swap;
	unsigned int depth;
	u64 steps = 0;

	now = e;
	mode = SEARCH;
	memset(seen, 0, sizeof(seen));
	n_nodes = 0;
	current_node = 0;
	from->n = 0;
	start_world();
	asked = 0;
	push(from);
	mark_seen();
	test_on_failure = tell_search;
	for (depth = 0; from->n; depth++) {
		to->n = 0;
		steps += expand(from, to);
		swap = from;
		from = to;
		to = swap;
	}
	test_note("%s: %u states, %llu steps, %u deep, all seen", e->name, n_nodes, steps, depth);
}

void explore_random(const struct explore *e, u64 seed, unsigned int steps)
{
	unsigned int i, runs = 0;

	now = e;
	mode = RANDOM;
	random_state = seed;
	story_lines = 0;
	test_on_failure = tell_story;
	test_note("%s: seed %#llx, %u steps", e->name, seed, steps);
	for (i = 0; i < steps; runs++) {
		start_world();
		while (i++ < steps && step_world())
			;
	}
}
