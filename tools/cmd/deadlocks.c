// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deadlocks of the objects of a mount, found from outside: the kernel tells of one
 * object at a time who holds and who waits, which makes a graph of threads.
 *
 * What is true at the time of one object need not be so at that of the next. So
 * all are read twice, and only what is there both times, since the same moment, counts:
 * between the two readings it was there all at once.
 *
 * An edge leads from a thread that waits to one that holds in a mode that excludes what
 * it wants, or what somebody before it in the queue wants; where it is not known which
 * thread of a process holds, to all of them that wait. What the kernel is not sure of
 * makes a deadlock a possible one, and so do a thread that goes on while it waits and an
 * object that was made without --detect: there the holder is the thread that took it,
 * and another may be going to release it.
 */
#include <dirent.h>
#include <errno.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "describe.h"

static const char help[] =
	"Usage: shstate deadlocks [OPTION]... [FOLDER]\n"
	"Find threads that wait for each other in a circle, over the objects with a name in\n"
	"FOLDER. One is called possible where an object could still be released: it was made\n"
	"without --detect, it is not sure which thread of the process holds it, it is a semaphore,\n"
	"or a thread may go on while it waits, by io_uring or armed. A wait with a deadline counts\n"
	"as any other, though it ends.\n\n"
	"  -J, --json   as JSON: a line for each thread\n"
	"  -h, --help\n\n"
	"Exit status: 0 there are none; 1 there are some; 2 trouble.\n";

/* An object and its threads, the holders first, as they were read last. */
struct place {
	const char *name;
	struct shs_object *object;
	ino_t inode;
	struct shs_ioc_info info;
	struct shs_thread_info *threads;
	uint32_t count;
};

/* A thread that waits, and on the way through the graph how it was come by. */
struct node {
	const struct place *place;
	uint32_t index;			/* in place->threads */
	const struct node *from;
	const struct shs_thread_info *holds;	/* what from waits for */
	bool seen;
};

static struct {
	struct place *places;
	size_t place_count;
	struct node *nodes;
	size_t node_count;
	unsigned int unreadable, found;
	uint64_t now;
	struct libscols_table *table;	/* for JSON */
} graph;

static const struct shs_thread_info *thread_of(const struct node *node)
{
	return &node->place->threads[node->index];
}

static int read_threads(struct place *place)
{
	int count = threads_read(place->object, &place->threads);

	place->count = count > 0 ? count : 0;
	return count;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	if (left->inode == right->inode)
		return strcmp(left->name, right->name);
	return left->inode < right->inode ? -1 : 1;
}

/* An object may have several names: the first is enough. */
static void drop_doubles(void)
{
	size_t i, kept = 0;

	qsort(graph.places, graph.place_count, sizeof(*graph.places), compare_places);
	for (i = 0; i < graph.place_count; i++) {
		if (kept && graph.places[kept - 1].inode == graph.places[i].inode)
			shs_object_close(graph.places[i].object);
		else
			graph.places[kept++] = graph.places[i];
	}
	graph.place_count = kept;
}

/* What vanishes meanwhile holds up nobody. */
static void open_place(const char *name)
{
	struct place *place = &graph.places[graph.place_count];
	int ret = shs_object_open(name, SHS_OPEN_RDONLY, &place->object);
	struct stat st;

	if (ret >= 0 && (shs_object_info(place->object, &place->info) < 0 ||
			 fstat(shs_object_fd(place->object), &st) < 0)) {
		shs_object_close(place->object);
		ret = -ENOENT;
	}
	if (ret >= 0) {
		place->inode = st.st_ino;
		place->name = must_have(strdup(name));
		graph.place_count++;
	} else if (ret == -EACCES) {
		graph.unreadable++;
	}
}

static int open_all(const char *folder)
{
	struct dirent **entries;
	struct shs_ioc_abi abi;
	int ret = shs_abi(folder, &abi), count, i;

	if (ret < 0)
		return ret;
	count = scandir(folder, &entries, NULL, alphasort);
	if (count < 0)
		return -errno;
	graph.places = must_have(calloc(count, sizeof(*graph.places)));
	for (i = 0; i < count; i++) {
		if (strcmp(entries[i]->d_name, ".") && strcmp(entries[i]->d_name, ".."))
			open_place(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	drop_doubles();
	return 0;
}

/* What a thread did, and since when: read locks of a lane may have become more. */
static bool is_same(const struct shs_thread_info *a, const struct shs_thread_info *b)
{
	return a->flags == b->flags && a->mode == b->mode && a->pid == b->pid &&
	       a->tid == b->tid && a->since_ns == b->since_ns;
}

static bool was_there(const struct shs_thread_info *thread,
		      const struct shs_thread_info *threads, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (is_same(thread, &threads[i]))
			return true;
	}
	return false;
}

/* Reads it again, and forgets what was not there, as it is, before. */
static int read_again(struct place *place)
{
	struct shs_thread_info *before = place->threads;
	uint32_t count = place->count, i, kept = 0;
	int ret = read_threads(place);

	for (i = 0; i < place->count; i++) {
		if (was_there(&place->threads[i], before, count))
			place->threads[kept++] = place->threads[i];
	}
	place->count = kept;
	free(before);
	return ret;
}

static int read_all(int (*read)(struct place *place))
{
	size_t i;
	int ret;

	for (i = 0; i < graph.place_count; i++) {
		ret = read(&graph.places[i]);
		if (ret < 0)
			return explain_use(graph.places[i].name, graph.places[i].object, ret,
					   "asked who waits for it");
	}
	return SUCCESS;
}

static void make_nodes(void)
{
	const struct place *place;
	size_t most = 0, i;
	uint32_t t;

	for (i = 0; i < graph.place_count; i++)
		most += graph.places[i].count;
	graph.nodes = must_have(calloc(most + 1, sizeof(*graph.nodes)));
	for (i = 0; i < graph.place_count; i++) {
		place = &graph.places[i];
		for (t = 0; t < place->count; t++) {
			if (place->threads[t].flags & SHS_THREAD_WAITS && place->threads[t].pid)
				graph.nodes[graph.node_count++] =
					(struct node){ .place = place, .index = t };
		}
	}
}

/* A bit for each mode that excludes it. */
static unsigned int excluders(uint32_t mode)
{
	switch (mode) {
	case SHS_MODE_READ:
		return 1U << SHS_MODE_EXCLUSIVE;
	case SHS_MODE_UPGRADABLE:
		return 1U << SHS_MODE_EXCLUSIVE | 1U << SHS_MODE_UPGRADABLE;
	default:
		return ~0U;
	}
}

static unsigned int waits_for(const struct node *node)
{
	unsigned int modes = 0;
	uint32_t i;

	for (i = 0; i <= node->index; i++) {
		if (node->place->threads[i].flags & SHS_THREAD_WAITS)
			modes |= excluders(node->place->threads[i].mode);
	}
	return modes;
}

static bool is_known(const struct shs_thread_info *holder)
{
	return holder->tid;
}

/* One who may upgrade and waits to write is taken to upgrade. */
static bool holds_up(const struct shs_thread_info *holder, const struct node *waiter)
{
	const struct shs_thread_info *thread = thread_of(waiter);

	if (holder->flags & SHS_THREAD_WAITS || !(waits_for(waiter) & 1U << holder->mode))
		return false;
	return holder->mode != SHS_MODE_UPGRADABLE || thread->mode != SHS_MODE_EXCLUSIVE ||
	       !is_known(holder) || holder->tid != thread->tid;
}

static bool is_of(const struct shs_thread_info *holder, const struct node *node)
{
	const struct shs_thread_info *thread = thread_of(node);

	return is_known(holder) ? holder->tid == thread->tid : holder->pid == thread->pid;
}

/* Nodes from start on that node waits for go to the end of the queue; true: start itself. */
static bool follow(struct node **queue, size_t *end, const struct node *node,
		   struct node *start)
{
	const struct place *place = node->place;
	struct node *next;
	uint32_t i;

	for (i = 0; i < place->count; i++) {
		if (!holds_up(&place->threads[i], node))
			continue;
		for (next = start; next < graph.nodes + graph.node_count; next++) {
			if (!is_of(&place->threads[i], next) || (next->seen && next != start))
				continue;
			next->seen = true;
			next->from = node;
			next->holds = &place->threads[i];
			if (next == start)
				return true;
			queue[(*end)++] = next;
		}
	}
	return false;
}

/*
 * The shortest circle through start and nodes after it: each deadlock is found from
 * the first of its nodes, and once from there.
 */
static bool find(struct node *start)
{
	struct node **queue = must_have(calloc(graph.node_count, sizeof(*queue))), *node;
	size_t begin = 0, end = 0;
	bool found = false;

	for (node = start; node < graph.nodes + graph.node_count; node++)
		node->seen = false;
	queue[end++] = start;
	start->seen = true;
	while (!found && begin < end)
		found = follow(queue, &end, queue[begin++], start);
	free(queue);
	return found;
}

static bool is_certain(const struct node *waiter, const struct shs_thread_info *holder)
{
	const struct shs_thread_info *thread = thread_of(waiter);

	return waiter->place->info.flags & SHS_INIT_DETECT && is_known(holder) &&
	       !(holder->flags & SHS_THREAD_POSSIBLE) && !(thread->flags & SHS_THREAD_GOES_ON) &&
	       holder->since_ns && thread->since_ns;
}

static char *since(uint64_t ns)
{
	return ns && ns <= graph.now ? span_text(graph.now - ns) : must_have(strdup("?"));
}

static const char *wants(const struct node *waiter)
{
	switch (waiter->place->info.kind) {
	case SHS_KIND_ONCE:
		return "to be done";
	case SHS_KIND_RWLOCK:
		break;
	default:
		return "to lock it";
	}
	switch (thread_of(waiter)->mode) {
	case SHS_MODE_READ:
		return "to read";
	case SHS_MODE_UPGRADABLE:
		return "to be upgradable";
	default:
		return "to write";
	}
}

static const char *has(const struct node *waiter, const struct shs_thread_info *holder)
{
	if (waiter->place->info.kind == SHS_KIND_ONCE)
		return "run";
	switch (holder->mode) {
	case SHS_MODE_READ:
		return "read";
	case SHS_MODE_UPGRADABLE:
		return "upgradable";
	default:
		return waiter->place->info.kind == SHS_KIND_RWLOCK ? "written" : "held";
	}
}

/* "thread 17 (name, process 15)", or the process alone. */
static char *who(const struct shs_thread_info *thread)
{
	const int comm = sizeof(thread->comm);
	char *text;
	int ret;

	if (is_known(thread))
		ret = asprintf(&text, "thread %d (%.*s, pid %d)", thread->tid, comm, thread->comm,
			       thread->pid);
	else
		ret = asprintf(&text, "a thread of pid %d (%.*s)", thread->pid, comm,
			       thread->comm);
	return must_have(ret < 0 ? NULL : text);
}

static void print_edge(const struct node *waiter, const struct shs_thread_info *holder)
{
	const struct shs_thread_info *thread = thread_of(waiter);
	char *waiting = who(thread), *waited = since(thread->since_ns);
	char *holding = who(holder), *held = since(holder->since_ns);

	printf("  %s waits for %s '%s' %s, for %s; it is %s, for %s, by %s\n", waiting,
	       shs_kind_name(waiter->place->info.kind), waiter->place->name, wants(waiter), waited,
	       has(waiter, holder), held, holding);
	free(waiting);
	free(waited);
	free(holding);
	free(held);
}

enum {
	CYCLE, POSSIBLE, PID, TID, COMM, OBJECT, KIND, WANTS, WAITED,
	HOLDER_PID, HOLDER_TID, HELD_AS, HELD
};

static const struct {
	const char *name;
	bool is_number;
} columns[] = {
	[CYCLE] = { "cycle", true },
	[POSSIBLE] = { "possible", false },
	[PID] = { "pid", true },
	[TID] = { "tid", true },
	[COMM] = { "comm", false },
	[OBJECT] = { "object", false },
	[KIND] = { "kind", false },
	[WANTS] = { "wants", false },
	[WAITED] = { "waited-ns", true },
	[HOLDER_PID] = { "holder-pid", true },
	[HOLDER_TID] = { "holder-tid", true },
	[HELD_AS] = { "held-as", false },
	[HELD] = { "held-ns", true },
};

static void make_table(void)
{
	struct libscols_column *column;
	size_t i;

	graph.table = must_have(scols_new_table());
	scols_table_set_name(graph.table, "deadlocks");
	scols_table_enable_json(graph.table, 1);
	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		column = must_have(scols_table_new_column(graph.table, columns[i].name, 0, 0));
		scols_column_set_json_type(column, columns[i].is_number ? SCOLS_JSON_NUMBER :
									  SCOLS_JSON_STRING);
	}
	scols_column_set_json_type(scols_table_get_column(graph.table, POSSIBLE),
				   SCOLS_JSON_BOOLEAN);
}

static void set_number(struct libscols_line *line, int column, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	scols_line_set_data(line, column, text);
}

static void set_span(struct libscols_line *line, int column, uint64_t since_ns)
{
	if (since_ns && since_ns <= graph.now)
		set_number(line, column, graph.now - since_ns);
}

static void add_edge(const struct node *waiter, const struct shs_thread_info *holder,
		     bool possible)
{
	struct libscols_line *line = must_have(scols_table_new_line(graph.table, NULL));
	const struct shs_thread_info *thread = thread_of(waiter);
	char comm[sizeof(thread->comm) + 1];

	snprintf(comm, sizeof(comm), "%.*s", (int)sizeof(thread->comm), thread->comm);
	set_number(line, CYCLE, graph.found);
	scols_line_set_data(line, POSSIBLE, possible ? "1" : "0");
	set_number(line, PID, thread->pid);
	set_number(line, TID, thread->tid);
	scols_line_set_data(line, COMM, comm);
	scols_line_set_data(line, OBJECT, waiter->place->name);
	scols_line_set_data(line, KIND, shs_kind_name(waiter->place->info.kind));
	scols_line_set_data(line, WANTS, wants(waiter));
	set_span(line, WAITED, thread->since_ns);
	set_number(line, HOLDER_PID, holder->pid);
	if (is_known(holder))
		set_number(line, HOLDER_TID, holder->tid);
	scols_line_set_data(line, HELD_AS, has(waiter, holder));
	set_span(line, HELD, holder->since_ns);
}

/* By the links back from start: turned round, each line ends with who begins the next. */
static void report(const struct node *start)
{
	const struct node **order = must_have(calloc(graph.node_count + 1, sizeof(*order)));
	const struct node *node = start;
	size_t count = 0, i;
	bool possible = false;

	do {
		order[count++] = node;
		possible = possible || !is_certain(node->from, node->holds);
		node = node->from;
	} while (node != start);
	graph.found++;
	if (!graph.table)
		printf("%s%s %u:\n", graph.found > 1 ? "\n" : "",
		       possible ? "Possible deadlock" : "Deadlock", graph.found);
	for (i = count; i-- > 0;) {
		if (graph.table)
			add_edge(order[i]->from, order[i]->holds, possible);
		else
			print_edge(order[i]->from, order[i]->holds);
	}
	free(order);
}

static int search(void)
{
	size_t i;

	graph.now = now_ns();
	make_nodes();
	for (i = 0; i < graph.node_count; i++) {
		if (find(&graph.nodes[i]))
			report(&graph.nodes[i]);
	}
	if (graph.table) {
		scols_print_table(graph.table);
		scols_unref_table(graph.table);
	}
	if (graph.unreadable)
		complain("%u object%s may not be read, and so may be part of others",
			 graph.unreadable, graph.unreadable == 1 ? "" : "s");
	return graph.found ? NO : SUCCESS;
}

int cmd_deadlocks(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'J' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-Jh", options, .least = 0, .most = 1,
	};
	bool json = false;
	int ret;

	while (next_option(&args) != -1)
		json = true;
	if (args.count)
		set_usual_folder(args.operands[0]);
	ret = open_all(usual_folder());
	if (ret < 0)
		return explain_folder(usual_folder(), ret);
	if (read_all(read_threads) || read_all(read_again))
		return TROUBLE;
	if (json)
		make_table();
	return search();
}
