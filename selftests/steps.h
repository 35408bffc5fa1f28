/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process is killed at every numbered step of the library (inject.h), while others
 * queue for the same thing. For one run:
 *
 *   first	gets hold of what the victim is to wait for; goes on in turns
 *   victim	parks at its step, or sleeps in a call that nobody ends
 *   rivals	come one after the other, each until it has ended or sleeps
 *   first	takes so many turns
 *   victim	is killed
 *   first	takes the turns that are left; the rivals end by themselves
 *   last	one more rival, who finds what the others have left
 *
 * With a meeting the rivals come when the victim is there, and it goes on to its step
 * before their eyes; or after its death, if it does not get there. What sleeps is seen
 * by SHS_IOC_INFO: nothing depends on time.
 */
#ifndef SHS_STEPS_H
#define SHS_STEPS_H

#define shs_batch shs_batch_ioctl	/* the library has one of that name */
#include "shs.h"
#undef shs_batch

#include <inject.h>
#include <poll.h>
#include <pthread.h>
#include <shstate.h>
#include <stdarg.h>
#include <sys/statfs.h>

#define MOST_RIVALS	3
#define LIMIT_NS	(180000 * SHS_MS)	/* only for what hangs */

enum { FIRST, VICTIM, RIVAL, LAST = RIVAL + MOST_RIVALS, CHILD, SLOTS };
enum where { NOT_THERE, RUNNING, PARKED, ENDED };

/* Of the victim: whether it must, must not or may be the holder that INFO shows. */
enum stage { ANYWHERE, OUTSIDE, INSIDE };

/* What all processes of a run share. Zeroed before each, down to steps. */
struct world {
	volatile enum where where[SLOTS];
	volatile pid_t pid[SLOTS];
	volatile enum stage stage;
	volatile bool met;
	volatile int notice;		/* the next owner must be told -EOWNERDEAD */
	volatile __s64 changes;		/* of the pair, by all */
	volatile __s64 before, after;	/* of the victim's current change */
	volatile int count[8];		/* whatever a scenario counts */
	const char *volatile step;	/* at which the victim parked */
	unsigned long kill_at;
	bool parked;			/* it was killed there, not asleep or ended */
	bool past_sleep;		/* and had slept before */
	bool was_done;			/* by it, what may be done once only */
	/* kept from one run to the next */
	unsigned long steps;		/* of the victim, when it passed them all */
	struct shs_pipe go[SLOTS];
	bool meeting;
	int rivals;
	/* what went wrong first */
	int wrong;
	char what[200];
};

FIXTURE(steps) {
	struct statfs before;
	int fd[2];
	__u64 limit;
	unsigned long runs;
	bool came;	/* the rivals */
};

FIXTURE_VARIANT(steps) {
	struct shs_spec spec[2];	/* of the objects "a" and "b", if it has them */
	void (*prepare)(void);		/* by a process that may die of it */
	void (*first)(void);
	int turns;			/* that first() has */
	void (*victim)(void);
	void (*rival)(int number);
	bool (*lacks)(void);		/* the dead owed the living something: then, not else, */
	void (*help)(void);		/* somebody comes by */
	bool (*done)(FIXTURE_DATA(steps) *self);	/* what may be done once only */
	void (*halts)(FIXTURE_DATA(steps) *self);	/* the victim; others come, or it dies */
	void (*check)(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self);
	bool forks;			/* the victim is a child of first() */
};

static struct world *world;
static int me;		/* slot of this process */
static __u32 policy;	/* SHS_INIT_* of the object "a" */
static struct shs_object *owned;	/* this process's "a" */

static void wrong(const char *format, ...)
{
	va_list list;

	if (__atomic_fetch_add(&world->wrong, 1, __ATOMIC_RELAXED))
		return;
	va_start(list, format);
	vsnprintf(world->what, sizeof(world->what), format, list);
	va_end(list);
}

static void must(const char *what, int ret)
{
	if (ret)
		wrong("process %d, %s: %d", me, what, ret);
}

static void park(const char *step)
{
	if (me == VICTIM)
		world->step = step;
	world->where[me] = PARKED;
	shs_hear(&world->go[me]);
}

/* An injected action; a child of the victim is not it. */
static void park_victim(const char *step)
{
	if (getpid() == world->pid[VICTIM])
		park(step);
}

/* A child of FIRST, already in the handlers of fork. */
static void park_child(const char *step)
{
	if (getpid() == world->pid[FIRST])
		return;
	me = VICTIM;
	world->pid[VICTIM] = getpid();
	park(step);
}

/* Of FIRST: its turn ends. */
static void turn(void)
{
	park("turn");
}

/* Of the victim: here the rivals may come. */
static void meet(void)
{
	if (!world->meeting || world->met || me != VICTIM)
		return;
	world->met = true;
	park("meeting");
}

static void stage(enum stage stage)
{
	if (me == VICTIM)
		world->stage = stage;
}

/*
 * What the scenarios do
 */
static struct shs_object *open_object(const char *name)
{
	struct shs_object *object = NULL;

	must("open", shs_object_open(name, 0, &object));
	if (!object)
		_exit(1);
	if (!strcmp(name, "a"))
		owned = object;
	return object;
}

/* With SHS_INIT_IGNORE nobody is told, though there is something to tell. */
static void check_told(const char *how, int ret)
{
	if (ret != (world->notice && !(policy & SHS_INIT_IGNORE) ? -EOWNERDEAD : 0))
		wrong("process %d, %s: %d with notice %d", me, how, ret, world->notice);
}

/* The words differ only after a death; what is committed not even then. */
static void check_words(const char *how, const volatile __s64 *pair)
{
	if (policy & SHS_INIT_COMMIT && (pair[0] != world->changes || pair[1] != world->changes))
		wrong("process %d, %s: %lld %lld after %lld commits", me, how, pair[0], pair[1],
		      world->changes);
	if (!world->notice && pair[0] != pair[1])
		wrong("process %d, %s: half a change, and not told", me, how);
}

/* With SHS_INIT_STRICT each owner is told until one says this. */
static void declare_good(int ret)
{
	if (!ret || !(policy & SHS_INIT_STRICT))
		return;
	SHS_STEP("told");
	if (owned->kind == SHS_KIND_MUTEX)
		must("consistent", shs_mutex_consistent(owned));
	else
		must("consistent", shs_rwlock_consistent(owned));
}

/* Who may change is told of a death exactly if there was one, and once. */
static void own(const char *how, int ret, volatile __s64 *pair)
{
	check_told(how, ret);
	check_words(how, pair);
	stage(INSIDE);
	SHS_STEP("owner");
	pair[1] = pair[0];
	declare_good(ret);
	world->notice = 0;
	SHS_STEP("repaired");
}

/* As own() for one who only looks: that uses nothing up. */
static void look(const char *how, int ret, const volatile __s64 *pair)
{
	check_told(how, ret);
	stage(INSIDE);
	SHS_STEP("looking");
	check_words(how, pair);
}

/* Two words that differ only meanwhile; with SHS_INIT_COMMIT it counts when it is said. */
static void change(volatile __s64 *pair)
{
	pair[0] = pair[1] + 1;
	world->changes += !(policy & SHS_INIT_COMMIT);
	SHS_STEP("half a change");
	pair[1]++;
	SHS_STEP("changed");
	if (!(policy & SHS_INIT_COMMIT))
		return;
	must("commit", shs_commit(owned));
	world->changes++;
	pair[0] += 100;
	SHS_STEP("not committed");
}

/* What the value may be: that before the change, or that after. */
static void between(__s64 before, __s64 after)
{
	world->before = before;
	world->after = after;
}

/*
 * One run
 */
FIXTURE_SETUP(steps)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	ASSERT_EQ(0, statfs(SHS_DIR, &self->before));
	/* The children of the killed become ours. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	world = shs_common(sizeof(*world));
	for (int i = 0; i < SLOTS; i++)
		world->go[i] = shs_pipe();
}

FIXTURE_TEARDOWN(steps)
{
}

static void start(int slot, void (*use)(void), void (*rival)(int number))
{
	pid_t child;

	world->where[slot] = RUNNING;
	child = shs_fork();
	if (child) {
		world->pid[slot] = child;
		return;
	}
	me = slot;
	world->pid[me] = getpid();
	if (me == VICTIM)
		shs_inject_at(world->kill_at, park_victim);
	if (use)
		use();
	else
		rival(slot - RIVAL);
	if (me == VICTIM)
		world->steps = shs_inject_passed();
	world->where[me] = ENDED;
	_exit(0);
}

static void resume(int slot)
{
	world->where[slot] = RUNNING;
	shs_say(&world->go[slot]);
}

static bool stopped(int slot)
{
	return world->where[slot] != RUNNING;
}

static int running(void)
{
	int n = 0;

	for (int i = 0; i < SLOTS; i++)
		n += !stopped(i);
	return n;
}

/* Of the victim: between which two steps of the library it is. */
static bool is_at(const char *step)
{
	return world->where[VICTIM] == PARKED && !strcmp(world->step, step);
}

static struct shs_ioc_info look_at(FIXTURE_DATA(steps) *self, int object)
{
	return self->fd[object] < 0 ? (struct shs_ioc_info){ 0 } : shs_info(self->fd[object]);
}

static bool has_owner(__u32 kind)
{
	return kind == SHS_KIND_MUTEX || kind == SHS_KIND_RWLOCK;
}

/* Beside a condvar: who waits there still holds for a moment. */
static bool is_on_the_way(const struct shs_ioc_info *held)
{
	for (int i = 0; i < SLOTS; i++)
		if (held->state & SHS_STATE_HELD && world->pid[i] == held->holder_pid &&
		    world->where[i] != PARKED)
			return true;
	return false;
}

/*
 * Who is running sleeps in the kernel; but one beside a free lock is about to wake.
 * One object is seen after the other, and a notify moves who waits from the second to
 * the first: only if nobody came to wait there meanwhile was it so at one moment.
 */
static bool is_quiet(FIXTURE_DATA(steps) *self)
{
	struct shs_ioc_info first = look_at(self, 0), again, info;
	int awake = running();

	for (int i = 0; i < ARRAY_SIZE(self->fd) && awake; i++) {
		info = i ? look_at(self, i) : first;
		if (has_owner(info.kind) && info.waiters && !info.readers &&
		    !(info.state & SHS_STATE_HELD))
			return false;
		if (info.kind == SHS_KIND_CONDVAR && is_on_the_way(&first))
			return false;
		awake -= info.waiters;
	}
	again = look_at(self, 0);
	return !awake && again.waits == first.waits && again.wakes == first.wakes &&
	       again.state == first.state && again.holder_pid == first.holder_pid;
}

/*
 * One that ended otherwise than it should is a failure, and not waited for. False:
 * there are no more.
 */
static bool reap(void)
{
	int status = 0;
	pid_t child = waitpid(-1, &status, WNOHANG);

	for (int i = 0; i < SLOTS && child > 0; i++) {
		if (world->pid[i] != child)
			continue;
		if (status && i != VICTIM && world->where[i] != NOT_THERE)
			wrong("process %d ended with %#x", i, status);
		if (world->where[i] != NOT_THERE)
			world->where[i] = ENDED;
	}
	return child >= 0;
}

static bool in_time(FIXTURE_DATA(steps) *self)
{
	if (shs_now(SHS_CLOCK_MONOTONIC) < self->limit)
		return true;
	wrong("hangs: processes %d %d %d %d %d %d %d", world->where[0], world->where[1],
	      world->where[2], world->where[3], world->where[4], world->where[5],
	      world->where[6]);
	return false;
}

#define AWAIT(condition) do {							\
	reap();									\
	sched_yield();								\
} while (!(condition) && in_time(self))

static void others_come(FIXTURE_DATA(steps) *self, const FIXTURE_VARIANT(steps) *is)
{
	if (self->came)
		return;
	self->came = true;
	for (int i = 0; i < world->rivals; i++) {
		start(RIVAL + i, NULL, is->rival);
		AWAIT(is_quiet(self));
	}
}

/* To its end, its step, or to sleep; with others, if it meets them on the way. */
static void follow_victim(FIXTURE_DATA(steps) *self, const FIXTURE_VARIANT(steps) *is,
			  bool may_sleep)
{
	AWAIT(stopped(VICTIM) || (may_sleep && is_quiet(self)));
	if (!world->met || self->came)
		return;
	others_come(self, is);
	resume(VICTIM);
	AWAIT(stopped(VICTIM) || (may_sleep && is_quiet(self)));
}

static void gather(FIXTURE_DATA(steps) *self, const FIXTURE_VARIANT(steps) *is)
{
	if (is->first) {
		start(FIRST, is->first, NULL);
		AWAIT(stopped(FIRST));
	}
	if (is->forks)
		AWAIT(world->where[VICTIM] != NOT_THERE);
	else
		start(VICTIM, is->victim, NULL);
	follow_victim(self, is, is->first);
	if (is->halts)
		is->halts(self);
	if (!world->meeting)
		others_come(self, is);
}

/* FIRST takes its turns; after the last one the victim does not sleep any more. */
static void take_turns(FIXTURE_DATA(steps) *self, const FIXTURE_VARIANT(steps) *is, int turns)
{
	for (int i = 0; i < turns && world->where[FIRST] == PARKED; i++) {
		resume(FIRST);
		AWAIT(stopped(FIRST) || (stopped(VICTIM) && is_quiet(self)));
	}
	if (turns == is->turns)
		follow_victim(self, is, false);
}

/*
 * What the kernel shows of the victim just before: whether it holds, and thereby
 * whether the next owner is to be told.
 */
static int note_holdings(FIXTURE_DATA(steps) *self, int object)
{
	struct shs_ioc_info info = shs_info(self->fd[object]);
	bool holds = info.state & SHS_STATE_HELD && info.holder_pid == world->pid[VICTIM];
	bool reads = info.readers > (world->where[FIRST] == PARKED);

	if (!object && holds && !(info.state & SHS_STATE_UPGRADABLE))
		world->notice = 1;
	if (!object && world->where[VICTIM] == PARKED) {
		if (world->stage == INSIDE && !holds && !reads)
			wrong("inside, but not the holder");
		if (world->stage == OUTSIDE && (holds || reads))
			wrong("outside, but the holder");
	}
	/* A writer about to read on dies once. */
	return holds && !(info.state & SHS_STATE_UPGRADABLE) ? 1 : holds + reads;
}

/* What it changed became the value with the first of the three stores, or never. */
static void note_commit(void)
{
	if (policy & SHS_INIT_COMMIT)
		world->changes += is_at("committed") || is_at("commit: copied") ||
				  is_at("commit: as it was");
}

static void kill_victim(FIXTURE_DATA(steps) *self, const FIXTURE_VARIANT(steps) *is, int *deaths)
{
	world->parked = world->where[VICTIM] == PARKED;
	world->was_done = is->done && is->done(self) && !world->count[0];
	for (int i = 0; i < ARRAY_SIZE(self->fd); i++)
		deaths[i] = self->fd[i] < 0 ? 0 : note_holdings(self, i);
	note_commit();
	if (is->halts)
		is->halts(self);
	kill(world->pid[VICTIM], SIGKILL);
	world->where[VICTIM] = NOT_THERE;
}

/* Nobody is killed any more: all come to an end, without help unless it is due. */
static void let_end(FIXTURE_DATA(steps) *self, const FIXTURE_VARIANT(steps) *is)
{
	while (running() || world->where[FIRST] == PARKED) {
		if (world->where[FIRST] == PARKED)
			resume(FIRST);
		AWAIT(!running() || is_quiet(self) || world->where[FIRST] == PARKED);
		if (is->lacks && world->where[CHILD] == NOT_THERE && is_quiet(self) &&
		    is->lacks())
			start(CHILD, is->help, NULL);
		if (!in_time(self))
			return;
	}
}

/* An heir may stay until here. */
static void let_go(FIXTURE_DATA(steps) *self)
{
	while (reap() && in_time(self)) {
		if (world->where[CHILD] == PARKED)
			resume(CHILD);
		sched_yield();
	}
}

static void prepare(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self,
		    const FIXTURE_VARIANT(steps) *is)
{
	struct shs_object *object;
	char name[2] = "a";

	for (int i = 0; i < ARRAY_SIZE(self->fd); i++, name[0]++) {
		self->fd[i] = -1;
		if (!is->spec[i].kind)
			continue;
		ASSERT_EQ(0, shs_object_create(name, &is->spec[i], &object));
		self->fd[i] = dup(shs_object_fd(object));
		shs_object_close(object);
		ASSERT_LE(0, self->fd[i]);
	}
	if (!is->prepare)
		return;
	start(CHILD, is->prepare, NULL);
	world->where[CHILD] = NOT_THERE;
	while (reap())
		sched_yield();
}

/* Nothing is left of anybody; and the name and value go with the last handle. */
static void check_object(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self, int object,
			 int deaths)
{
	struct shs_ioc_info info = shs_info(self->fd[object]);
	struct shs_ioc_death death;

	EXPECT_EQ(0, info.waiters);
	EXPECT_EQ(0, info.readers);
	EXPECT_EQ(0, info.attachments);
	EXPECT_EQ(0, info.state & ~SHS_STATE_DONE);
	EXPECT_EQ(1, info.opens);
	EXPECT_EQ(deaths, info.deaths);
	if (deaths) {
		EXPECT_EQ(0, shs_death(self->fd[object], &death));
		EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
		EXPECT_EQ(SIGKILL, death.code);
	}
	EXPECT_EQ(0, shs_unlink(object ? "b" : "a"));
	EXPECT_EQ(0, close(self->fd[object]));
}

static void check_pair(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	EXPECT_EQ(world->changes, shs_peek(self->fd[0], 0));
	EXPECT_EQ(world->changes, shs_peek(self->fd[0], 1));
}

static void check_all(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self,
		      const FIXTURE_VARIANT(steps) *is, const int *deaths)
{
	struct statfs now;

	(is->check ?: check_pair)(_metadata, self);
	for (int i = 0; i < ARRAY_SIZE(self->fd); i++)
		if (self->fd[i] >= 0)
			check_object(_metadata, self, i, deaths[i] + !!is->prepare);
	EXPECT_EQ(0, statfs(SHS_DIR, &now));
	EXPECT_EQ(self->before.f_ffree, now.f_ffree);
	EXPECT_EQ(self->before.f_bfree, now.f_bfree);
	EXPECT_EQ(0, world->wrong) TH_LOG("%s", world->what);
}

/* Kills at that step, after so many turns. False: it slept, and so it would later. */
static bool run(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self,
		const FIXTURE_VARIANT(steps) *is, unsigned long step, int turns)
{
	int deaths[ARRAY_SIZE(self->fd)];
	bool slept;

	memset(world, 0, offsetof(struct world, steps));
	world->kill_at = step;
	self->limit = shs_now(SHS_CLOCK_MONOTONIC) + LIMIT_NS;
	self->runs++;
	self->came = false;
	policy = is->spec[0].flags;
	prepare(_metadata, self, is);
	gather(self, is);
	slept = !stopped(VICTIM);
	take_turns(self, is, turns);
	AWAIT(is_quiet(self));
	world->past_sleep = slept && world->where[VICTIM] == PARKED;
	slept = !stopped(VICTIM);
	kill_victim(self, is, deaths);
	others_come(self, is);
	let_end(self, is);
	start(LAST, NULL, is->rival);
	let_end(self, is);
	let_go(self);
	check_all(_metadata, self, is, deaths);
	if (!_metadata->exit_code)
		return !slept;
	TH_LOG("%d rivals, meeting %d, step %lu \"%s\", %d turns", world->rivals, world->meeting,
	       step, world->step ?: "none", turns);
	return false;
}

#endif /* SHS_STEPS_H */
