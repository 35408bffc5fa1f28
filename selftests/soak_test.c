// SPDX-License-Identifier: GPL-2.0-only
/*
 * Death at random through the library: processes of four threads use objects of every
 * kind, by name, by guards, across fork and the end of threads, while one after the
 * other is killed and replaced. In the end all sums are exact, nobody sleeps beside
 * what is free, and the mount and the kernel's caches are as they were.
 *
 * Some seconds long in the suite; SHS_SOAK is how many in "make soak".
 */
#define shs_batch shs_batch_ioctl	/* the library has one of that name */
#include "shs.h"
#undef shs_batch

#include <poll.h>
#include <pthread.h>
#include <shstate.h>
#include <stdarg.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>

#define SEED		0x50a0001ULL
#define PROCESSES	64	/* at most */
#define THREADS		4
#define PLACES		16	/* in the store */
#define CELL_WORDS	5
#define SHORT_MS	3000	/* of killing, in the suite */

enum { MUTEX, RWLOCK, STORE, CONDVAR, ONCE, ATOMIC, COUNTER, CELL, LIVE, OBJECTS };
enum { FIRST, SECOND, ADDED, WORDS };			/* of mutex and rwlock */
enum { PUT, TAKEN, PLACE, STORE_WORDS = PLACE + PLACES };
enum { MUTEX_PAIR, MUTEX_ADD, RWLOCK_PAIR, STORE_PUT, STORE_TAKEN, SUM, COUNT, SUMS };

/* What is in the object lies between the two: a kill leaves one change unconfirmed. */
struct tally {
	volatile __u64 begun, done;
};

struct common {
	int stop;		/* 1: begin nothing; 2: nor wait for things */
	int running[PROCESSES];	/* threads */
	int wrong;
	char what[200];
	volatile int inside;	/* the once */
	volatile __u64 rounds[OBJECTS + 1], ends;
	struct tally tally[PROCESSES][THREADS][SUMS];
	__u64 live[PROCESSES][THREADS];	/* of the process that is there now */
};

static struct common *common;

struct thread {
	int place, number;
	__u64 random;
	struct tally *tally;
	__s64 seen;	/* of the counter */
};

static struct shs_object *object[OBJECTS];	/* of this process */

static const struct {
	const char *name;
	struct shs_spec spec;
} objects[OBJECTS] = {
	[MUTEX] = { "mutex", { SHS_KIND_MUTEX, SHS_TYPE_I64, WORDS,
			       SHS_INIT_STRICT | SHS_INIT_COMMIT } },
	[RWLOCK] = { "rwlock", { SHS_KIND_RWLOCK, SHS_TYPE_I64, WORDS, SHS_INIT_DETECT } },
	[STORE] = { "store", { SHS_KIND_MUTEX, SHS_TYPE_I64, STORE_WORDS, SHS_INIT_FIFO } },
	[CONDVAR] = { "condvar", { SHS_KIND_CONDVAR } },
	[ONCE] = { "once", { SHS_KIND_ONCE } },
	[ATOMIC] = { "atomic", { SHS_KIND_ATOMIC, SHS_TYPE_I64, 2 } },
	[COUNTER] = { "counter", { SHS_KIND_COUNTER, SHS_TYPE_I64, 1 } },
	[CELL] = { "cell", { SHS_KIND_CELL, SHS_TYPE_BYTES, 8 * CELL_WORDS } },
	[LIVE] = { "live", { SHS_KIND_COUNTER, SHS_TYPE_I64, 1, SHS_INIT_LIVE } },
};

static void wrong(const char *format, ...)
{
	va_list list;

	if (__atomic_fetch_add(&common->wrong, 1, __ATOMIC_RELAXED))
		return;
	va_start(list, format);
	vsnprintf(common->what, sizeof(common->what), format, list);
	va_end(list);
}

static void must(const char *what, int ret)
{
	if (ret)
		wrong("%s: %d", what, ret);
}

static unsigned int chance(struct thread *me, unsigned int below)
{
	return shs_number(&me->random) % below;
}

static struct shs_deadline some_limit(struct thread *me)
{
	return chance(me, 3) ? shs_deadline_never() : shs_deadline_in(chance(me, 5 * SHS_MS));
}

/* Time in which a kill may come. */
static void linger(struct thread *me)
{
	if (!chance(me, 8))
		sched_yield();
	for (volatile unsigned int i = chance(me, 200); i; i--)
		;
}

static bool held(int ret)
{
	return ret == 0 || ret == -EOWNERDEAD;
}

/* Whether it is held; anything but the two ways to give up is an error. */
static bool got(const char *what, int ret)
{
	if (!held(ret) && ret != -EBUSY && ret != -ETIMEDOUT)
		wrong("%s: %d", what, ret);
	return held(ret);
}

/*
 * Mutex: a pair of words that are changed together by a commit, and never differ.
 * Each owner is told of a death until one declares the pair good.
 */
static void change_half(struct thread *me, volatile __s64 *pair)
{
	__s64 old = pair[FIRST];

	if (pair[SECOND] != old)
		wrong("what was not committed is there: %lld %lld", old, pair[SECOND]);
	pair[FIRST] = old + 1;
	linger(me);
	if (pair[FIRST] != old + 1 || pair[SECOND] != old)
		wrong("two at a time changed a copy");
}

static void commit_pair(struct thread *me, volatile __s64 *pair, int told)
{
	change_half(me, pair);
	pair[SECOND] = pair[FIRST];
	linger(me);
	if (told)
		must("consistent", shs_mutex_consistent(object[MUTEX]));
	me->tally[MUTEX_PAIR].begun++;
	must("commit", shs_commit(object[MUTEX]));
	me->tally[MUTEX_PAIR].done++;
	change_half(me, pair);	/* which nobody shall see */
}

/*
 * Rwlock: a pair of words that differ only in the middle of a change
 */
static void check_pair(const volatile __s64 *pair, int told)
{
	if (!told && pair[FIRST] != pair[SECOND])
		wrong("half a change and no notice: %lld %lld", pair[FIRST], pair[SECOND]);
}

static void change_first(struct thread *me, volatile __s64 *pair, int told, int sum)
{
	__s64 old;

	check_pair(pair, told);
	old = pair[FIRST];
	pair[SECOND] = old;
	linger(me);
	me->tally[sum].begun++;
	pair[FIRST] = old + 1;
	me->tally[sum].done++;
	linger(me);
	if (pair[FIRST] != old + 1 || pair[SECOND] != old)
		wrong("two at a time changed a pair");
}

static void change_pair(struct thread *me, volatile __s64 *pair, int told, int sum)
{
	change_first(me, pair, told, sum);
	pair[SECOND]++;
}

static void use_mutex(struct thread *me)
{
	shs_guard(held, shs_mutex_hold_until(object[MUTEX], some_limit(me)));

	if (got("hold", held.status))
		commit_pair(me, held.value, held.status);
}

static void use_mutex_fairly(struct thread *me)
{
	int ret = chance(me, 4) ? shs_mutex_lock(object[MUTEX]) :
				  shs_mutex_try_lock(object[MUTEX]);

	if (!got("lock", ret))
		return;
	commit_pair(me, shs_mutex_value(object[MUTEX]), ret);
	must("unlock", shs_mutex_unlock_fair(object[MUTEX]));
}

/* The value by single operations, which wait for holders, and are told as well. */
static void add_to_value(struct thread *me)
{
	int ret;

	me->tally[MUTEX_ADD].begun++;
	ret = shs_value_add(object[MUTEX], ADDED, 1, NULL, 0, some_limit(me));
	if (ret >= 0) {
		me->tally[MUTEX_ADD].done++;
		return;
	}
	me->tally[MUTEX_ADD].begun--;
	if (ret != -EUCLEAN)
		got("value", ret);
}

static void use_write(struct thread *me)
{
	shs_guard(held, shs_rwlock_hold_write_until(object[RWLOCK], some_limit(me)));

	if (!got("write", held.status))
		return;
	change_pair(me, held.value, held.status, RWLOCK_PAIR);
	/* The only circle that there is: got() says so of all other waits. */
	if (!chance(me, 8) && shs_rwlock_write(object[RWLOCK]) != -EDEADLK)
		wrong("a writer waits for itself");
}

static void look_at_pair(struct thread *me, const volatile __s64 *pair, int told)
{
	__s64 first = pair[FIRST], second = pair[SECOND];

	check_pair(pair, told);
	linger(me);
	if (pair[FIRST] != first || pair[SECOND] != second)
		wrong("a change beside a reader");
}

static void use_read(struct thread *me)
{
	shs_guard(held, shs_rwlock_hold_read_until(object[RWLOCK], some_limit(me)));
	uint32_t lane;
	int ret;

	if (!got("read", held.status))
		return;
	look_at_pair(me, held.view, held.status);
	if (chance(me, 4))
		return;
	ret = shs_rwlock_read_recursive(object[RWLOCK], &lane);
	if (ret != held.status)
		wrong("read %d, then recursively %d", held.status, ret);
	must("read unlock", shs_rwlock_read_unlock(object[RWLOCK], lane));
}

static void use_upgradable(struct thread *me)
{
	shs_guard(held, shs_rwlock_hold_upgradable_until(object[RWLOCK], some_limit(me)));
	int ret;

	if (!got("upgradable", held.status))
		return;
	look_at_pair(me, held.view, held.status);
	ret = shs_guard_upgrade_until(&held, some_limit(me));
	if (!got("upgrade", ret))
		return;
	change_pair(me, held.value, ret, RWLOCK_PAIR);
	if (chance(me, 2))
		must("downgrade", shs_guard_downgrade_to_upgradable(&held));
	else
		must("downgrade", shs_guard_downgrade(&held));
	look_at_pair(me, held.view, 0);
}

/*
 * A store: each thing that is put wakes one who waits for it
 */
static void notify_all(void)
{
	int ret = shs_condvar_notify_all(object[CONDVAR]);

	if (ret < 0)
		wrong("notify: %d", ret);
}

static int nothing_there(void *store)
{
	volatile __s64 *words = store;

	return words[PUT] == words[TAKEN] && __atomic_load_n(&common->stop, __ATOMIC_ACQUIRE) != 2;
}

static void put(struct thread *me, volatile __s64 *words)
{
	__s64 n = words[PUT];
	int ret;

	if (n - words[TAKEN] >= PLACES)
		return;
	words[PLACE + n % PLACES] = n + 1;
	linger(me);
	me->tally[STORE_PUT].begun++;
	words[PUT] = n + 1;
	me->tally[STORE_PUT].done++;
	linger(me);
	ret = shs_condvar_notify_one(object[CONDVAR]);
	if (ret < 0)
		wrong("notify: %d", ret);
}

/* False: the mutex is not held any more, which never happens. */
static bool await_thing(struct thread *me, volatile __s64 *words)
{
	int ret;

	do {
		ret = shs_condvar_wait_while_until(object[CONDVAR], object[STORE], nothing_there,
						   (void *)words, some_limit(me));
		if (ret == -EOWNERDEAD)
			notify_all();
	} while (ret == -EOWNERDEAD);
	if (ret && ret != -ETIMEDOUT)
		wrong("wait: %d", ret);
	return !ret || ret == -ETIMEDOUT;
}

static void take(struct thread *me, volatile __s64 *words)
{
	__s64 n = words[TAKEN];

	if (n == words[PUT])
		return;
	if (words[PLACE + n % PLACES] != n + 1)
		wrong("took %lld for %lld", words[PLACE + n % PLACES], n + 1);
	linger(me);
	me->tally[STORE_TAKEN].begun++;
	words[TAKEN] = n + 1;
	me->tally[STORE_TAKEN].done++;
}

static void use_store(struct thread *me)
{
	int ret = shs_mutex_lock_until(object[STORE], some_limit(me));
	volatile __s64 *words;

	if (!got("store", ret))
		return;
	words = shs_mutex_value(object[STORE]);
	/* The dead may have put something in and not come to tell. */
	if (ret)
		notify_all();
	if (chance(me, 2))
		put(me, words);
	else if (await_thing(me, words))
		take(me, words);
	else
		return;
	must("unlock", shs_mutex_unlock(object[STORE]));
}

/*
 * Once, never done here, so that there is always a next time; and numbers
 */
static int run_once(void *argument, int earlier)
{
	struct thread *me = argument;
	int name = 1 + me->place * THREADS + me->number;

	if (!earlier && common->inside)
		wrong("once: runs already");
	common->inside = name;
	linger(me);
	if (common->inside != name)
		wrong("once: ran twice at a time");
	common->inside = 0;
	return -ECANCELED;
}

static void use_once(struct thread *me)
{
	int ret;

	if (!chance(me, 3)) {
		ret = shs_once_wait_until(object[ONCE], shs_deadline_in(chance(me, SHS_MS)));
		if (ret != -ETIMEDOUT)
			wrong("once wait: %d", ret);
		return;
	}
	ret = shs_once_call_until(object[ONCE], run_once, me, some_limit(me));
	if (ret != -ECANCELED && ret != -ETIMEDOUT)
		wrong("once: %d", ret);
}

static void use_atomic(struct thread *me)
{
	struct shs_object *atomic = object[ATOMIC];
	int64_t value;
	int ret;

	switch (chance(me, 3)) {
	case 0:
		me->tally[SUM].begun++;
		must("add", shs_atomic_fetch_add(atomic, 0, 1, SHS_ACQ_REL, NULL));
		me->tally[SUM].done++;
		if (shs_atomic_notify_one(atomic, 0) < 0)
			wrong("notify failed");
		break;
	case 1:
		must("load", shs_atomic_load(atomic, 0, SHS_ACQUIRE, &value));
		ret = shs_atomic_wait_until(atomic, 0, value, SHS_ACQUIRE,
					    shs_deadline_in(chance(me, SHS_MS)));
		if (ret != -ETIMEDOUT)
			must("atomic wait", ret);
		break;
	default:
		must("load", shs_atomic_load(atomic, 1, SHS_RELAXED, &value));
		ret = shs_atomic_compare_exchange(atomic, 1, &value, value + 1, SHS_SEQ_CST,
						  SHS_RELAXED);
		if (ret != -EREMCHG)
			must("compare", ret);
	}
}

static void use_counter(struct thread *me)
{
	struct shs_ioc_op ops[3];
	int64_t sum;

	switch (chance(me, 3)) {
	case 0:
		me->tally[COUNT].begun++;
		must("count", shs_counter_add(object[COUNTER], 0, 1));
		me->tally[COUNT].done++;
		break;
	case 1:
		for (int i = 0; i < ARRAY_SIZE(ops); i++)
			ops[i] = SHS_OP(ADD, .arg = 1);
		me->tally[COUNT].begun += ARRAY_SIZE(ops);
		must("batch", shs_batch(object[COUNTER], NULL, ops, ARRAY_SIZE(ops), NULL));
		me->tally[COUNT].done += ARRAY_SIZE(ops);
		break;
	default:
		must("read", shs_counter_read(object[COUNTER], 0, &sum));
		if (sum < me->seen)
			wrong("the counter went back from %lld to %lld", me->seen,
			      (long long)sum);
		me->seen = sum;
	}
}

/* What this thread added is there, and nothing of it goes while its process lives. */
static void use_live(struct thread *me)
{
	__u64 *mine = &common->live[me->place][me->number];
	int64_t sum;

	must("count", shs_counter_add(object[LIVE], 0, 1));
	__atomic_store_n(mine, *mine + 1, __ATOMIC_RELEASE);
	must("read", shs_counter_read(object[LIVE], 0, &sum));
	if (sum < (int64_t)*mine)
		wrong("of %llu that live only %lld", *mine, (long long)sum);
}

static void check_cell(const char *how, const __u64 *words)
{
	for (int i = 1; i < CELL_WORDS; i++)
		if (words[i] != words[0])
			wrong("a torn cell by %s", how);
}

static void use_cell(struct thread *me)
{
	__u64 words[CELL_WORDS], old[CELL_WORDS];
	int ret;

	words[0] = shs_number(&me->random);
	for (int i = 1; i < CELL_WORDS; i++)
		words[i] = words[0];
	switch (chance(me, 4)) {
	case 0:
		must("store", shs_cell_store(object[CELL], words, sizeof(words)));
		break;
	case 1:
		must("swap", shs_cell_swap(object[CELL], words, old, sizeof(words)));
		check_cell("swap", old);
		break;
	case 2:
		must("load", shs_cell_load(object[CELL], old, sizeof(old)));
		check_cell("load", old);
		ret = shs_cell_compare_exchange(object[CELL], old, words, sizeof(words));
		if (ret != -EREMCHG)
			must("compare", ret);
		check_cell("compare", old);
		break;
	default:
		must("take", shs_cell_take(object[CELL], old, sizeof(old)));
		check_cell("take", old);
	}
}

/* Names come and go: with their last user, or for the next who comes by. */
static void use_name(struct thread *me)
{
	struct shs_spec spec = { .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_I64,
				 .flags = chance(me, 4) ? SHS_INIT_EPHEMERAL : 0 };
	struct shs_object *mine;
	char name[8];
	int ret;

	snprintf(name, sizeof(name), "n%u", chance(me, 4));
	ret = shs_object_open_or_create(name, &spec, &mine);
	if (ret < 0)
		return must("open or create", ret);
	shs_scope(held, shs_mutex_hold(mine))
		linger(me);
	shs_object_close(mine);
	if (!chance(me, 4)) {
		ret = shs_object_unlink(name);
		if (ret != -ENOENT)
			must("unlink", ret);
	}
}

/* A child that locks, attached anew, and its parent, which may be killed beside it. */
static void use_fork(struct thread *me)
{
	pid_t child;

	if (chance(me, 16))
		return;
	child = fork();
	if (child) {
		if (child > 0)
			waitpid(child, NULL, 0);
		return;
	}
	shs_scope(held, shs_mutex_hold_until(object[MUTEX], shs_deadline_in(SHS_MS))) {
		check_pair(held.value, 0);
		if (held.status)
			must("consistent", shs_mutex_consistent(object[MUTEX]));
	}
	_exit(0);
}

/*
 * Threads that end
 */
static int ending;	/* threads of this process */

/* It ends in the middle of a change: the library releases, the next is told. */
static void *end_holding(void *argument)
{
	struct thread me = *(struct thread *)argument;
	uint32_t lane;
	int ret;

	pthread_detach(pthread_self());
	switch (chance(&me, 3)) {
	case 0:
		ret = shs_mutex_lock(object[MUTEX]);
		if (got("lock", ret))
			change_half(&me, shs_mutex_value(object[MUTEX]));
		break;
	case 1:
		ret = shs_rwlock_write(object[RWLOCK]);
		if (got("write", ret))
			change_first(&me, shs_rwlock_value(object[RWLOCK]), ret, RWLOCK_PAIR);
		break;
	default:
		got("read", shs_rwlock_read(object[RWLOCK], &lane));
	}
	common->ends++;
	free(argument);
	__atomic_fetch_sub(&ending, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* One more thread; what it tallies it does under a lock, so the tally can be shared. */
static void use_thread(struct thread *me)
{
	struct thread *last;
	pthread_t thread;

	if (chance(me, 16) || __atomic_load_n(&ending, __ATOMIC_ACQUIRE))
		return;
	last = malloc(sizeof(*last));
	*last = *me;
	__atomic_fetch_add(&ending, 1, __ATOMIC_RELEASE);
	if (pthread_create(&thread, NULL, end_holding, last)) {
		__atomic_fetch_sub(&ending, 1, __ATOMIC_RELEASE);
		free(last);
	}
}

/*
 * Processes that are killed
 */
static const struct {
	void (*use)(struct thread *me);
	int object;
} uses[] = {
	{ use_mutex, MUTEX }, { use_mutex_fairly, MUTEX }, { add_to_value, MUTEX },
	{ use_write, RWLOCK }, { use_read, RWLOCK }, { use_read, RWLOCK },
	{ use_upgradable, RWLOCK }, { use_store, STORE }, { use_store, STORE },
	{ use_once, ONCE }, { use_atomic, ATOMIC }, { use_counter, COUNTER },
	{ use_cell, CELL }, { use_live, LIVE }, { use_name, OBJECTS }, { use_fork, OBJECTS },
	{ use_thread, OBJECTS },
};

static void *work(void *argument)
{
	struct thread *me = argument;
	int which;

	while (!__atomic_load_n(&common->stop, __ATOMIC_ACQUIRE)) {
		which = chance(me, ARRAY_SIZE(uses));
		uses[which].use(me);
		common->rounds[uses[which].object]++;
	}
	__atomic_fetch_sub(&common->running[me->place], 1, __ATOMIC_RELEASE);
	return NULL;
}

static void open_all(void)
{
	for (int i = 0; i < OBJECTS; i++)
		if (shs_object_open(objects[i].name, 0, &object[i]))
			_exit(1);
}

static void be_killed(int place, unsigned long serial)
{
	static struct thread thread[THREADS];
	pthread_t other[THREADS];

	open_all();
	for (int i = 0; i < THREADS; i++)
		thread[i] = (struct thread){
			.place = place, .number = i, .tally = common->tally[place][i],
			.random = SEED * (THREADS * serial + i + 1),
		};
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&other[i], NULL, work, &thread[i]))
			_exit(2);
	work(&thread[0]);
	for (int i = 1; i < THREADS; i++)
		pthread_join(other[i], NULL);
	while (__atomic_load_n(&ending, __ATOMIC_ACQUIRE))
		poll(NULL, 0, 1);
	/* What it added is there until it ends. */
	while (__atomic_load_n(&common->stop, __ATOMIC_ACQUIRE) != 2)
		poll(NULL, 0, 1);
	_exit(0);
}

/*
 * The caches of the module. The runner boots with slab_nomerge, so that they are its own.
 */
enum { UNKNOWN = -1, UNREADABLE = -2 };	/* the kernel tells of no cache; of these not */

static int open_cache(const char *cache, const char *file, int flags)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/%s", cache, file);
	return open(path, flags);
}

/* Without SLUB_DEBUG the kernel counts those in slabs that are not full. */
static long cached(const char *cache)
{
	int shrink, objects;
	char text[20] = "";
	bool done;

	if (access("/sys/kernel/slab", F_OK))
		return UNKNOWN;
	shrink = open_cache(cache, "shrink", O_WRONLY);
	done = shrink >= 0 && write(shrink, "1", 1) == 1;
	objects = open_cache(cache, "objects", O_RDONLY);
	if (objects < 0)
		objects = open_cache(cache, "objects_partial", O_RDONLY);
	done = done && objects >= 0 && read(objects, text, sizeof(text) - 1) > 0;
	close(shrink);
	close(objects);
	return done ? atol(text) : UNREADABLE;
}

/* Then they would be no news of the module. */
static bool is_merged(const char *cache)
{
	char path[80];
	struct stat is;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s", cache);
	return !lstat(path, &is) && S_ISLNK(is.st_mode);
}

FIXTURE(soak) {
	struct statfs before;
	long objects, attachments;
	int fd[OBJECTS];
	pid_t child[PROCESSES];
	unsigned long processes, started, dead;
	__u64 random, end;
};

static void remember(FIXTURE_DATA(soak) *self)
{
	statfs(SHS_DIR, &self->before);
	self->objects = cached("shs_object");
	self->attachments = cached("shs_attachment");
}

/* The kernel frees an inode a little later than its last file. */
static bool as_before(FIXTURE_DATA(soak) *self)
{
	struct statfs now;

	return !statfs(SHS_DIR, &now) && now.f_ffree == self->before.f_ffree &&
	       now.f_bfree == self->before.f_bfree && cached("shs_object") == self->objects &&
	       cached("shs_attachment") == self->attachments;
}

static void expect_as_before(struct __test_metadata *_metadata, FIXTURE_DATA(soak) *self)
{
	__u64 limit = shs_now(SHS_CLOCK_MONOTONIC) + 500000 * SHS_MS;

	while (!as_before(self) && shs_now(SHS_CLOCK_MONOTONIC) < limit)
		sched_yield();
	EXPECT_TRUE(as_before(self)) TH_LOG("objects %ld of %ld, attachments %ld of %ld",
		cached("shs_object"), self->objects, cached("shs_attachment"), self->attachments);
}

static void create(struct __test_metadata *_metadata, FIXTURE_DATA(soak) *self, int which)
{
	struct shs_object *new;

	ASSERT_EQ(0, shs_object_create(objects[which].name, &objects[which].spec, &new));
	self->fd[which] = dup(shs_object_fd(new));
	shs_object_close(new);
}

FIXTURE_SETUP(soak)
{
	SHS_MOUNT("size=256m,size_user=256m");
	unsetenv("SHSTATE_DIR");
	/* The children of the killed become ours. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	common = shs_common(sizeof(*common));
	self->random = SEED;
	remember(self);
	ASSERT_NE(UNREADABLE, self->objects);
	ASSERT_NE(UNREADABLE, self->attachments);
	ASSERT_FALSE(is_merged("shs_object") || is_merged("shs_attachment"))
		TH_LOG("with others: boot with slab_nomerge");
}

FIXTURE_TEARDOWN(soak)
{
}

/*
 * Death at random
 */
static void start(FIXTURE_DATA(soak) *self, int place)
{
	unsigned long serial = self->started++;

	common->running[place] = THREADS;
	memset(common->live[place], 0, sizeof(common->live[place]));
	self->child[place] = shs_fork();
	if (!self->child[place])
		be_killed(place, serial);
}

static void kill_one(FIXTURE_DATA(soak) *self, int place)
{
	int status = shs_kill(self->child[place]);

	if (status && status != -SIGKILL)
		wrong("a process ended with %d", status);
	self->child[place] = 0;
	self->dead++;
}

/* However slow the machine: everything was used, and several died of it. */
static bool enough(FIXTURE_DATA(soak) *self)
{
	for (int i = 0; i <= OBJECTS; i++)
		if (i != CONDVAR && !common->rounds[i])
			return false;
	return self->dead >= self->processes && shs_now(SHS_CLOCK_MONOTONIC) >= self->end;
}

static void kill_at_random(FIXTURE_DATA(soak) *self)
{
	for (int i = 0; i < self->processes; i++)
		start(self, i);
	while (!enough(self) && !common->wrong) {
		struct timespec pace = { .tv_nsec = shs_number(&self->random) % (6 * SHS_MS) };
		int victim = shs_number(&self->random) % self->processes;

		ppoll(NULL, 0, &pace, NULL);
		kill_one(self, victim);
		start(self, victim);
	}
}

/* Of those who live each thread has ended, or waits for something to be put. */
static bool all_stopped(FIXTURE_DATA(soak) *self)
{
	int running = 0;

	for (int i = 0; i < self->processes; i++)
		if (self->child[i])
			running += __atomic_load_n(&common->running[i], __ATOMIC_ACQUIRE);
	return running == shs_info(self->fd[CONDVAR]).waiters;
}

/* Exactly what those added who live: of the dead nothing is left. */
static void check_live(struct __test_metadata *_metadata, FIXTURE_DATA(soak) *self)
{
	__u64 sum = 0;

	for (int i = 0; i < self->processes; i++)
		for (int n = 0; n < THREADS && self->child[i]; n++)
			sum += __atomic_load_n(&common->live[i][n], __ATOMIC_ACQUIRE);
	EXPECT_EQ(sum, shs_load(self->fd[LIVE], 0));
}

/* Who waits with all others gone waits in vain, or the dead had not come to tell. */
static void check_waiters(struct __test_metadata *_metadata, FIXTURE_DATA(soak) *self)
{
	volatile __s64 *words;
	int told;

	open_all();
	told = shs_mutex_lock(object[STORE]);
	words = shs_mutex_value(object[STORE]);
	EXPECT_TRUE(held(told));
	if (!told && shs_info(self->fd[CONDVAR]).waiters)
		EXPECT_EQ(words[PUT], words[TAKEN]);
	__atomic_store_n(&common->stop, 2, __ATOMIC_RELEASE);
	notify_all();
	EXPECT_EQ(0, shs_mutex_unlock(object[STORE]));
	for (int i = 0; i < OBJECTS; i++)
		shs_object_close(object[i]);
}

/* Half of all die as they stand; what they leave is all that the others get. */
static void let_end(struct __test_metadata *_metadata, FIXTURE_DATA(soak) *self)
{
	__atomic_store_n(&common->stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < self->processes; i += 2)
		kill_one(self, i);
	while (!all_stopped(self))
		sched_yield();
	check_live(_metadata, self);
	check_waiters(_metadata, self);
	for (int i = 1; i < self->processes; i += 2)
		EXPECT_EQ(0, shs_reap(self->child[i]));
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void check_sums(struct __test_metadata *_metadata, FIXTURE_DATA(soak) *self)
{
	const int *fd = self->fd;
	__u64 sum[SUMS] = {
		[MUTEX_PAIR] = shs_peek(fd[MUTEX], FIRST),
		[MUTEX_ADD] = shs_peek(fd[MUTEX], ADDED),
		[RWLOCK_PAIR] = shs_peek(fd[RWLOCK], FIRST),
		[STORE_PUT] = shs_peek(fd[STORE], PUT),
		[STORE_TAKEN] = shs_peek(fd[STORE], TAKEN),
		[SUM] = shs_load(fd[ATOMIC], 0),
		[COUNT] = shs_load(fd[COUNTER], 0),
	};

	for (int i = 0; i < SUMS; i++) {
		__u64 begun = 0, done = 0;

		for (int n = 0; n < PROCESSES * THREADS; n++) {
			begun += common->tally[n / THREADS][n % THREADS][i].begun;
			done += common->tally[n / THREADS][n % THREADS][i].done;
		}
		EXPECT_LE(done, sum[i]) TH_LOG("sum %d", i);
		EXPECT_GE(begun, sum[i]) TH_LOG("sum %d", i);
		/* A batch is three, and a thread more may be ending. */
		EXPECT_GE(3 * (THREADS + 1) * self->dead, begun - done);
	}
}

/* The last owner of each, who finds it free; whatever he is told of is the last news. */
static void check_free(struct __test_metadata *_metadata, FIXTURE_DATA(soak) *self)
{
	const struct shs_deadline soon = shs_deadline_in(1000 * SHS_MS);
	uint32_t lane;

	open_all();
	for (int i = 0; i < OBJECTS; i++) {
		struct shs_ioc_info info = shs_info(self->fd[i]);

		EXPECT_EQ(0, info.waiters) TH_LOG("object %d", i);
		EXPECT_EQ(0, info.readers) TH_LOG("object %d", i);
		EXPECT_EQ(0, info.attachments) TH_LOG("object %d", i);
		EXPECT_EQ(0, info.state & ~SHS_STATE_OWNER_DIED) TH_LOG("object %d", i);
	}
	EXPECT_EQ(0, shs_load(self->fd[LIVE], 0));
	for (int again = 0; again < 2; again++) {
		int ret = shs_mutex_lock_until(object[MUTEX], soon);
		const __s64 *pair = shs_mutex_value(object[MUTEX]);

		EXPECT_TRUE(again ? !ret : held(ret));
		EXPECT_EQ(pair[FIRST], pair[SECOND]);
		if (ret)
			EXPECT_EQ(0, shs_mutex_consistent(object[MUTEX]));
		EXPECT_EQ(0, shs_mutex_unlock(object[MUTEX]));
		EXPECT_TRUE(held(shs_rwlock_write_until(object[RWLOCK], soon)));
		EXPECT_EQ(0, shs_rwlock_write_unlock(object[RWLOCK]));
	}
	EXPECT_EQ(0, shs_rwlock_read_until(object[RWLOCK], &lane, soon));
	EXPECT_EQ(0, shs_rwlock_read_unlock(object[RWLOCK], lane));
	EXPECT_TRUE(shs_once_begin(object[ONCE], SHS_ONCE_NOWAIT, soon) != -EBUSY);
	EXPECT_EQ(0, shs_once_complete(object[ONCE]));
	for (int i = 0; i < OBJECTS; i++)
		shs_object_close(object[i]);
}

static void remove_all(struct __test_metadata *_metadata, FIXTURE_DATA(soak) *self)
{
	char name[8];

	for (int i = 0; i < OBJECTS; i++) {
		EXPECT_EQ(1, shs_info(self->fd[i]).opens);
		close(self->fd[i]);
		EXPECT_EQ(0, shs_object_unlink(objects[i].name));
	}
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		shs_object_unlink(name);
	}
}

TEST_F_TIMEOUT(soak, death_at_random, 7200)
{
	unsigned long processes = shs_scale(PROCESSES);
	__u64 length = shs_soak() ? shs_soak() * 1000 * SHS_MS : SHORT_MS * SHS_MS;

	for (int i = 0; i < OBJECTS; i++)
		create(_metadata, self, i);
	self->processes = processes < 4 ? 4 : processes < PROCESSES ? processes : PROCESSES;
	self->end = shs_now(SHS_CLOCK_MONOTONIC) + length;
	kill_at_random(self);
	let_end(_metadata, self);
	check_free(_metadata, self);
	check_sums(_metadata, self);
	remove_all(_metadata, self);
	EXPECT_EQ(0, common->wrong) TH_LOG("the first of them: %s", common->what);
	expect_as_before(_metadata, self);
	TH_LOG("%lu processes, %lu dead, %llu threads ended; rounds: mutex %llu rwlock %llu "
	       "store %llu once %llu atomic %llu counter %llu cell %llu live %llu "
	       "names, forks %llu",
	       self->processes, self->dead, common->ends, common->rounds[MUTEX],
	       common->rounds[RWLOCK], common->rounds[STORE], common->rounds[ONCE],
	       common->rounds[ATOMIC], common->rounds[COUNTER], common->rounds[CELL],
	       common->rounds[LIVE], common->rounds[OBJECTS]);
}

/*
 * Many readers die at once: the writer behind them is told nothing, for they changed
 * nothing, and the object has a count of them.
 */
TEST_F_TIMEOUT(soak, hundred_readers, 1200)
{
	enum { READERS = 100 };
	pid_t reader[READERS], writer;
	uint32_t lane;

	create(_metadata, self, RWLOCK);
	for (int i = 0; i < READERS; i++) {
		reader[i] = shs_fork();
		if (reader[i])
			continue;
		if (shs_object_open("rwlock", 0, &object[RWLOCK]) ||
		    shs_rwlock_read(object[RWLOCK], &lane))
			_exit(1);
		for (;;)
			pause();
	}
	SHS_AWAIT(self->fd[RWLOCK], info.readers == READERS);
	writer = shs_fork();
	if (!writer)
		_exit(shs_object_open("rwlock", 0, &object[RWLOCK]) ||
		      shs_rwlock_write(object[RWLOCK]) ||
		      shs_rwlock_write_unlock(object[RWLOCK]));
	SHS_AWAIT(self->fd[RWLOCK], info.waiters == 1);
	for (int i = 0; i < READERS; i++)
		kill(reader[i], SIGKILL);
	EXPECT_EQ(0, shs_reap(writer));
	for (int i = 0; i < READERS; i++)
		EXPECT_EQ(-SIGKILL, shs_reap(reader[i]));
	EXPECT_EQ(0, shs_info(self->fd[RWLOCK]).readers);
	EXPECT_EQ(0, shs_info(self->fd[RWLOCK]).attachments);
	EXPECT_EQ(READERS, shs_info(self->fd[RWLOCK]).deaths);
	close(self->fd[RWLOCK]);
	EXPECT_EQ(0, shs_object_unlink("rwlock"));
	expect_as_before(_metadata, self);
}

/*
 * A holder of much memory dies. To take that down takes long, and comes before the
 * mapping that tells of the death; so who waits gets the lock as soon as somebody
 * comes by and sees that the owner is no more.
 */
static size_t much(void)
{
	struct sysinfo is;
	__u64 most = shs_soak() ? 4ULL << 30 : 32ULL << 20;

	sysinfo(&is);
	return is.freeram / 2 < most ? is.freeram / 2 : most;
}

static void hold_and_be_large(size_t size, struct shs_pipe *ready)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	madvise(memory, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		memory[i] = 1;
	if (shs_object_open("mutex", 0, &object[MUTEX]) || shs_mutex_lock(object[MUTEX]))
		_exit(1);
	shs_say(ready);
	for (;;)
		pause();
}

TEST_F_TIMEOUT(soak, large_holder, 1200)
{
	struct shs_pipe ready = shs_pipe();
	pid_t holder, waiter;
	size_t size = much();
	bool still_there;
	__u64 killed, got, gone;

	create(_metadata, self, MUTEX);
	holder = shs_fork();
	if (!holder)
		hold_and_be_large(size, &ready);
	shs_hear(&ready);
	waiter = shs_fork();
	if (!waiter) {
		if (shs_object_open("mutex", 0, &object[MUTEX]) ||
		    shs_mutex_lock(object[MUTEX]) != -EOWNERDEAD)
			_exit(1);
		shs_say(&ready);
		_exit(shs_mutex_unlock(object[MUTEX]));
	}
	SHS_AWAIT(self->fd[MUTEX], info.waiters == 1);
	killed = shs_now(SHS_CLOCK_MONOTONIC);
	kill(holder, SIGKILL);
	/* A read that does not wait looks at the owner, and takes no news away. */
	while (shs_info(self->fd[MUTEX]).waiters)
		shs_op(self->fd[MUTEX], &SHS_OP(READ, .flags = SHS_OP_NOWAIT));
	shs_hear(&ready);
	still_there = !shs_is_gone(holder);
	got = shs_now(SHS_CLOCK_MONOTONIC);
	EXPECT_EQ(0, shs_reap(waiter));
	EXPECT_EQ(-SIGKILL, shs_reap(holder));
	gone = shs_now(SHS_CLOCK_MONOTONIC);
	TH_LOG("%zu MiB: lock after %llu us, end after %llu us, %s", size >> 20,
	       (got - killed) / 1000, (gone - killed) / 1000,
	       still_there ? "with the dead still there" : "after it");
	close(self->fd[MUTEX]);
	EXPECT_EQ(0, shs_object_unlink("mutex"));
	expect_as_before(_metadata, self);
}

TEST_HARNESS_MAIN
