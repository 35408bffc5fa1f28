// SPDX-License-Identifier: GPL-2.0-only
/*
 * Death at every step: the holder or waiter of each kind is killed at every point of
 * the library's paths, alone, before others come, and with others in the queue. The
 * next owner gets it, is told exactly if somebody died holding, nothing is lost or
 * counted twice, nobody sleeps beside what is free, and nothing of the dead is left.
 */
#include "steps.h"

#define BARE(which, ...)	{ .kind = SHS_KIND_##which, ##__VA_ARGS__ }
#define PAIR(which, ...)	BARE(which, .type = SHS_TYPE_I64, .count = 2, ##__VA_ARGS__)

/*
 * Mutex
 */
static void use_mutex(struct shs_object *mutex, int (*unlock)(struct shs_object *mutex))
{
	int ret = shs_mutex_lock(mutex);

	own("lock", ret, shs_mutex_value(mutex));
	meet();
	change(shs_mutex_value(mutex));
	stage(ANYWHERE);
	must("unlock", unlock(mutex));
	stage(OUTSIDE);
	SHS_STEP("free again");
	stage(ANYWHERE);
}

static void mutex_victim(void)
{
	struct shs_object *mutex = open_object("a");

	stage(OUTSIDE);
	SHS_STEP("begin");
	stage(ANYWHERE);
	use_mutex(mutex, shs_mutex_unlock);
	shs_object_close(mutex);
}

/* The same by a guard, and with the lock handed over. */
static void guard_victim(void)
{
	struct shs_object *mutex = open_object("a");

	shs_scope(held, shs_mutex_hold(mutex)) {
		own("hold", held.status, held.value);
		meet();
		change(held.value);
		stage(ANYWHERE);
	}
	stage(OUTSIDE);
	SHS_STEP("between");
	stage(ANYWHERE);
	use_mutex(mutex, shs_mutex_unlock_fair);
	shs_object_close(mutex);
}

static void mutex_rival(int number)
{
	struct shs_object *mutex = open_object("a");

	use_mutex(mutex, number % 2 ? shs_mutex_unlock_fair : shs_mutex_unlock);
	shs_object_close(mutex);
}

static void mutex_first(void)
{
	struct shs_object *mutex = open_object("a");
	int ret = shs_mutex_lock(mutex);

	own("lock", ret, shs_mutex_value(mutex));
	turn();
	change(shs_mutex_value(mutex));
	must("unlock", shs_mutex_unlock(mutex));
	shs_object_close(mutex);
}

static void die_changing(volatile __s64 *pair)
{
	pair[0]++;
	world->changes += !(policy & SHS_INIT_COMMIT);
	world->notice = 1;
	kill(getpid(), SIGKILL);
}

static void die_with_mutex(void)
{
	struct shs_object *mutex = open_object("a");

	must("lock", shs_mutex_lock(mutex));
	die_changing(shs_mutex_value(mutex));
}

FIXTURE_VARIANT_ADD(steps, mutex) {
	.spec = { PAIR(MUTEX) }, .victim = mutex_victim, .rival = mutex_rival,
};

FIXTURE_VARIANT_ADD(steps, mutex_fifo) {
	.spec = { PAIR(MUTEX, .flags = SHS_INIT_FIFO) },
	.victim = guard_victim, .rival = mutex_rival,
};

FIXTURE_VARIANT_ADD(steps, mutex_waiter) {
	.spec = { PAIR(MUTEX) }, .first = mutex_first, .turns = 1,
	.victim = mutex_victim, .rival = mutex_rival,
};

/* Who was told that an owner died dies himself, before or after he repaired it. */
FIXTURE_VARIANT_ADD(steps, second_owner) {
	.spec = { PAIR(MUTEX) }, .prepare = die_with_mutex,
	.victim = mutex_victim, .rival = mutex_rival,
};

/* The same of those who are told until one of them declares it good. */
FIXTURE_VARIANT_ADD(steps, strict) {
	.spec = { PAIR(MUTEX, .flags = SHS_INIT_STRICT) }, .prepare = die_with_mutex,
	.victim = guard_victim, .rival = mutex_rival,
};

FIXTURE_VARIANT_ADD(steps, strict_waiter) {
	.spec = { PAIR(MUTEX, .flags = SHS_INIT_STRICT) }, .first = mutex_first, .turns = 1,
	.victim = mutex_victim, .rival = mutex_rival,
};

FIXTURE_VARIANT_ADD(steps, ignore) {
	.spec = { PAIR(MUTEX, .flags = SHS_INIT_IGNORE) }, .prepare = die_with_mutex,
	.first = mutex_first, .turns = 1, .victim = mutex_victim, .rival = mutex_rival,
};

/* Who unlocks without a word loses it, for all who queue and all who come. */
enum { LOST };		/* in world->count: by the victim's unlock, unless it dies before */

static void lose_victim(void)
{
	struct shs_object *mutex = open_object("a");

	must("told", shs_mutex_lock(mutex) != -EOWNERDEAD);
	stage(INSIDE);
	meet();
	stage(ANYWHERE);
	world->count[LOST] = 1;
	must("unlock", shs_mutex_unlock(mutex));
	stage(OUTSIDE);
	SHS_STEP("lost");
	shs_object_close(mutex);
}

/* The last one brings a good value. */
static void mend(struct shs_object *mutex)
{
	const __s64 good[2] = { world->changes, world->changes };

	must("mend", shs_value_write(mutex, 0, good, sizeof(good), SHS_OP_RECOVER,
				     shs_deadline_never()) < 0);
	world->count[LOST] = world->notice = 0;
	use_mutex(mutex, shs_mutex_unlock);
}

static void lost_rival(int number)
{
	struct shs_object *mutex = open_object("a");
	int ret = shs_mutex_lock(mutex);

	if ((ret == -ENOTRECOVERABLE) != world->count[LOST])
		wrong("process %d, lock: %d with lost %d", me, ret, world->count[LOST]);
	if (ret == -ENOTRECOVERABLE) {
		if (number == MOST_RIVALS)
			mend(mutex);
	} else {
		own("lock", ret, shs_mutex_value(mutex));
		change(shs_mutex_value(mutex));
		must("unlock", shs_mutex_unlock(mutex));
	}
	shs_object_close(mutex);
}

static void loser_halts(FIXTURE_DATA(steps) *self)
{
	struct shs_ioc_info info = shs_info(self->fd[0]);

	if (info.state & SHS_STATE_HELD && info.holder_pid == world->pid[VICTIM])
		world->count[LOST] = 0;
	if (!(info.state & SHS_STATE_LOST) != !world->count[LOST])
		wrong("state %#x with lost %d", info.state, world->count[LOST]);
}

FIXTURE_VARIANT_ADD(steps, strict_lost) {
	.spec = { PAIR(MUTEX, .flags = SHS_INIT_STRICT) }, .prepare = die_with_mutex,
	.victim = lose_victim, .rival = lost_rival, .halts = loser_halts,
};

/* Nothing but the news is to be cleared; who dies of that leaves news again. */
enum { CLEARING };	/* in world->count: attached, so no call but those of clear */

static void die_idly(void)
{
	must("lock", shs_mutex_lock(open_object("a")));
	world->notice = 1;
	kill(getpid(), SIGKILL);
}

static void clear_victim(void)
{
	struct shs_object *mutex = open_object("a");

	must("attach", shs_object_attach(mutex));
	world->count[CLEARING] = 1;
	must("clear", shs_mutex_clear_poison(mutex));
	world->count[CLEARING] = 0;
	stage(OUTSIDE);
	world->notice = 0;
	SHS_STEP("free again");
	shs_object_close(mutex);
}

static void clearer_halts(FIXTURE_DATA(steps) *self)
{
	struct shs_ioc_info info = shs_info(self->fd[0]);

	if (world->count[CLEARING] && is_at("called") && !(info.state & SHS_STATE_HELD))
		world->notice = 0;
	if (!(info.state & SHS_STATE_OWNER_DIED) && world->notice &&
	    !(info.state & SHS_STATE_HELD))
		wrong("the news is gone");
}

FIXTURE_VARIANT_ADD(steps, strict_clear) {
	.spec = { PAIR(MUTEX, .flags = SHS_INIT_STRICT) }, .prepare = die_idly,
	.victim = clear_victim, .rival = mutex_rival, .halts = clearer_halts,
};

/* Whatever was not committed never was, whether the next is told of a death or not. */
FIXTURE_VARIANT_ADD(steps, commit) {
	.spec = { PAIR(MUTEX, .flags = SHS_INIT_COMMIT) }, .prepare = die_with_mutex,
	.victim = guard_victim, .rival = mutex_rival,
};

/*
 * Gives way to those who wait, and finds its copy where it was: single operations move
 * the value to the other slot.
 */
enum { ADDS };		/* in world->count, and the third word */

static void bump_victim(void)
{
	struct shs_object *mutex = open_object("a");
	int ret = shs_mutex_lock(mutex);
	volatile __s64 *pair = shs_mutex_value(mutex);

	own("lock", ret, pair);
	meet();
	change(pair);
	pair[0] = pair[1];
	stage(ANYWHERE);
	ret = shs_mutex_bump(mutex);
	must("moved", pair != shs_mutex_value(mutex));
	own("bump", ret, pair);
	change(pair);
	stage(ANYWHERE);
	must("unlock", shs_mutex_unlock(mutex));
	stage(OUTSIDE);
	SHS_STEP("free again");
	shs_object_close(mutex);
}

static void bump_rival(int number)
{
	struct shs_object *mutex = open_object("a");
	int ret = number % 2 ? 0 : shs_value_add(mutex, 2, 1, NULL, 0, shs_deadline_never());

	if (ret != -EUCLEAN)
		must("add", ret);
	if (ret || number % 2)
		use_mutex(mutex, shs_mutex_unlock);
	if (ret)
		must("add", shs_value_add(mutex, 2, 1, NULL, 0, shs_deadline_never()));
	__atomic_fetch_add(&world->count[ADDS], !(number % 2), __ATOMIC_RELAXED);
	shs_object_close(mutex);
}

static void check_bumps(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	check_pair(_metadata, self);
	EXPECT_EQ(world->count[ADDS], shs_peek(self->fd[0], 2));
}

FIXTURE_VARIANT_ADD(steps, commit_bump) {
	.spec = { { .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_I64, .count = 3,
		    .flags = SHS_INIT_COMMIT | SHS_INIT_STRICT } },
	.victim = bump_victim, .rival = bump_rival, .check = check_bumps,
};

/* Locked twice: the first unlock lets nobody in, and a death is one. */
static void use_twice(struct shs_object *mutex)
{
	int ret = shs_mutex_lock(mutex);

	own("lock", ret, shs_mutex_value(mutex));
	must("lock again", shs_mutex_lock(mutex));
	meet();
	if (me == FIRST)
		turn();
	change(shs_mutex_value(mutex));
	must("unlock once", shs_mutex_unlock(mutex));
	SHS_STEP("locked once");
	change(shs_mutex_value(mutex));
	stage(ANYWHERE);
	must("unlock", shs_mutex_unlock(mutex));
	stage(OUTSIDE);
	SHS_STEP("free again");
	stage(ANYWHERE);
}

static void recursive_victim(void)
{
	struct shs_object *mutex = open_object("a");

	use_twice(mutex);
	shs_object_close(mutex);
}

static void recursive_rival(int number)
{
	recursive_victim();
}

FIXTURE_VARIANT_ADD(steps, recursive) {
	.spec = { PAIR(MUTEX, .flags = SHS_INIT_RECURSIVE | SHS_INIT_COMMIT) },
	.first = recursive_victim, .turns = 1,
	.victim = recursive_victim, .rival = recursive_rival,
};

/*
 * Rwlock
 */
static void read_lock(struct shs_object *lock, int (*how)(struct shs_object *lock, uint32_t *lane),
		      uint32_t *lane)
{
	int ret = how(lock, lane);

	look("read", ret, shs_rwlock_value(lock));
}

static void use_read(struct shs_object *lock)
{
	uint32_t lane, again;

	read_lock(lock, shs_rwlock_read, &lane);
	meet();
	read_lock(lock, shs_rwlock_read_recursive, &again);
	must("read unlock", shs_rwlock_read_unlock(lock, again));
	SHS_STEP("one left");
	stage(ANYWHERE);
	must("read unlock", shs_rwlock_read_unlock(lock, lane));
	stage(OUTSIDE);
	SHS_STEP("free again");
	stage(ANYWHERE);
}

static void use_write(struct shs_object *lock)
{
	int ret = shs_rwlock_write(lock);

	own("write", ret, shs_rwlock_value(lock));
	meet();
	change(shs_rwlock_value(lock));
	stage(ANYWHERE);
	must("write unlock", shs_rwlock_write_unlock(lock));
	stage(OUTSIDE);
	SHS_STEP("free again");
	stage(ANYWHERE);
}

static void use_upgradable(struct shs_object *lock)
{
	int ret = shs_rwlock_upgradable(lock);
	uint32_t lane;

	look("upgradable", ret, shs_rwlock_value(lock));
	meet();
	ret = shs_rwlock_upgrade(lock);
	own("upgrade", ret, shs_rwlock_value(lock));
	change(shs_rwlock_value(lock));
	must("downgrade", shs_rwlock_downgrade_to_upgradable(lock));
	SHS_STEP("upgradable again");
	must("downgrade", shs_rwlock_downgrade_upgradable(lock, &lane));
	SHS_STEP("reader");
	stage(ANYWHERE);
	must("read unlock", shs_rwlock_read_unlock(lock, lane));
	stage(OUTSIDE);
	SHS_STEP("free again");
	stage(ANYWHERE);
}

/* The second time without a call, for the lane is in use by then. */
static void use_downgrade(struct shs_object *lock)
{
	uint32_t lane;
	int ret;

	for (int i = 0; i < 2; i++) {
		ret = shs_rwlock_write(lock);
		own("write", ret, shs_rwlock_value(lock));
		meet();
		change(shs_rwlock_value(lock));
		stage(ANYWHERE);
		must("downgrade", shs_rwlock_downgrade(lock, &lane));
		look("downgraded", 0, shs_rwlock_value(lock));
		stage(ANYWHERE);
		must("read unlock", shs_rwlock_read_unlock(lock, lane));
		stage(OUTSIDE);
		SHS_STEP("free again");
		stage(ANYWHERE);
	}
}

static void read_victim(void)
{
	struct shs_object *lock = open_object("a");

	use_read(lock);
	shs_object_close(lock);
}

static void write_victim(void)
{
	struct shs_object *lock = open_object("a");

	use_write(lock);
	shs_object_close(lock);
}

static void convert_victim(void)
{
	struct shs_object *lock = open_object("a");

	use_upgradable(lock);
	shs_object_close(lock);
}

static void downgrade_victim(void)
{
	struct shs_object *lock = open_object("a");

	use_downgrade(lock);
	shs_object_close(lock);
}

/* The last one is a writer, to be told if nobody was. */
static void rwlock_rival(int number)
{
	static void (*const use[])(struct shs_object *lock) = { use_write, use_read,
								use_upgradable };
	struct shs_object *lock = open_object("a");

	use[number % ARRAY_SIZE(use)](lock);
	shs_object_close(lock);
}

static void reader_first(void)
{
	struct shs_object *lock = open_object("a");
	uint32_t lane;

	read_lock(lock, shs_rwlock_read, &lane);
	turn();
	must("read unlock", shs_rwlock_read_unlock(lock, lane));
	shs_object_close(lock);
}

static void writer_first(void)
{
	struct shs_object *lock = open_object("a");
	int ret = shs_rwlock_write(lock);

	own("write", ret, shs_rwlock_value(lock));
	turn();
	change(shs_rwlock_value(lock));
	must("write unlock", shs_rwlock_write_unlock(lock));
	shs_object_close(lock);
}

FIXTURE_VARIANT_ADD(steps, reader) {
	.spec = { PAIR(RWLOCK) }, .victim = read_victim, .rival = rwlock_rival,
};

FIXTURE_VARIANT_ADD(steps, writer) {
	.spec = { PAIR(RWLOCK) }, .victim = write_victim, .rival = rwlock_rival,
};

FIXTURE_VARIANT_ADD(steps, convert) {
	.spec = { PAIR(RWLOCK) }, .victim = convert_victim, .rival = rwlock_rival,
};

FIXTURE_VARIANT_ADD(steps, downgrade) {
	.spec = { PAIR(RWLOCK) }, .victim = downgrade_victim, .rival = rwlock_rival,
};

FIXTURE_VARIANT_ADD(steps, reader_waits) {
	.spec = { PAIR(RWLOCK) }, .first = writer_first, .turns = 1,
	.victim = read_victim, .rival = rwlock_rival,
};

FIXTURE_VARIANT_ADD(steps, writer_waits) {
	.spec = { PAIR(RWLOCK) }, .first = reader_first, .turns = 1,
	.victim = write_victim, .rival = rwlock_rival,
};

FIXTURE_VARIANT_ADD(steps, upgrade_waits) {
	.spec = { PAIR(RWLOCK) }, .first = reader_first, .turns = 1,
	.victim = convert_victim, .rival = rwlock_rival,
};

static void die_writing(void)
{
	struct shs_object *lock = open_object("a");

	must("write", shs_rwlock_write(lock));
	die_changing(shs_rwlock_value(lock));
}

FIXTURE_VARIANT_ADD(steps, strict_convert) {
	.spec = { PAIR(RWLOCK, .flags = SHS_INIT_STRICT) }, .prepare = die_writing,
	.victim = convert_victim, .rival = rwlock_rival,
};

FIXTURE_VARIANT_ADD(steps, ignore_writer) {
	.spec = { PAIR(RWLOCK, .flags = SHS_INIT_IGNORE) }, .prepare = die_writing,
	.victim = write_victim, .rival = rwlock_rival,
};

FIXTURE_VARIANT_ADD(steps, commit_convert) {
	.spec = { PAIR(RWLOCK, .flags = SHS_INIT_COMMIT) }, .first = reader_first, .turns = 1,
	.victim = convert_victim, .rival = rwlock_rival,
};

/*
 * Two locks in two orders: the victim writes "a" and waits for "b", the first writes "b"
 * and then asks for "a". It is refused exactly if the victim waits for it: not by what
 * one who died once waited for.
 */
enum { SECOND_NOTICE };		/* in world->count: the next writer of "b" must be told */

static bool victim_waits(struct shs_object *a, struct shs_object *b)
{
	struct shs_ioc_info of_a, of_b;

	/* Killed is not yet dead. */
	do {
		must("info", shs_object_info(a, &of_a));
		must("info", shs_object_info(b, &of_b));
	} while (of_a.holder_pid == world->pid[VICTIM] && world->where[VICTIM] == NOT_THERE);
	return of_a.holder_pid == world->pid[VICTIM] && of_b.waiters;
}

static void circle_first(void)
{
	struct shs_object *a = open_object("a"), *b = open_object("b");
	struct shs_thread_info threads[2];
	bool circle;
	int ret;

	must("write", shs_rwlock_write(b));
	turn();
	circle = victim_waits(a, b);
	ret = shs_rwlock_write(a);
	if ((ret == -EDEADLK) != circle)
		wrong("the second lock: %d with a circle %d", ret, circle);
	if (ret == -EDEADLK) {
		must("cycle", shs_object_cycle(a, threads, 2) != 2);
		must("whom", threads[1].pid != world->pid[VICTIM]);
	} else {
		own("write", ret, shs_rwlock_value(a));
		change(shs_rwlock_value(a));
		must("write unlock", shs_rwlock_write_unlock(a));
	}
	turn();
	must("write unlock", shs_rwlock_write_unlock(b));
	shs_object_close(b);
	shs_object_close(a);
}

static void circle_victim(void)
{
	struct shs_object *a = open_object("a"), *b = open_object("b");
	int ret = shs_rwlock_write(a);

	own("write", ret, shs_rwlock_value(a));
	meet();
	must("the second lock", shs_rwlock_write(b));
	change(shs_rwlock_value(a));
	must("write unlock", shs_rwlock_write_unlock(b));
	SHS_STEP("one left");
	stage(ANYWHERE);
	must("write unlock", shs_rwlock_write_unlock(a));
	stage(OUTSIDE);
	SHS_STEP("free again");
	shs_object_close(b);
	shs_object_close(a);
}

static void circle_halts(FIXTURE_DATA(steps) *self)
{
	world->count[SECOND_NOTICE] = shs_info(self->fd[1]).holder_pid == world->pid[VICTIM];
}

static void circle_rival(int number)
{
	struct shs_object *b;
	int ret;

	rwlock_rival(number);
	if (number < MOST_RIVALS)
		return;
	b = open_object("b");
	ret = shs_rwlock_write(b);
	must("notice", ret != (world->count[SECOND_NOTICE] ? -EOWNERDEAD : 0));
	must("write unlock", shs_rwlock_write_unlock(b));
	shs_object_close(b);
}

FIXTURE_VARIANT_ADD(steps, detect) {
	.spec = { PAIR(RWLOCK, .flags = SHS_INIT_DETECT), PAIR(RWLOCK, .flags = SHS_INIT_DETECT) },
	.first = circle_first, .turns = 2, .victim = circle_victim, .rival = circle_rival,
	.halts = circle_halts,
};

/*
 * Condvar: things are put under the mutex, or the write lock of a rwlock, and each
 * waiter takes one. The words are what is there and what was taken; half a taking is
 * repaired by the sum, and does not occur where it is committed.
 */
enum { THERE, TAKEN };
enum { PUT, GOT };	/* in world->count: by all, by the victim */

static int lock_store(struct shs_object *lock)
{
	return lock->kind == SHS_KIND_RWLOCK ? shs_rwlock_write(lock) : shs_mutex_lock(lock);
}

static int unlock_store(struct shs_object *lock)
{
	return lock->kind == SHS_KIND_RWLOCK ? shs_rwlock_write_unlock(lock) :
					       shs_mutex_unlock(lock);
}

static volatile __s64 *store_of(struct shs_object *lock)
{
	return lock->kind == SHS_KIND_RWLOCK ? shs_rwlock_value(lock) : shs_mutex_value(lock);
}

/* So many were put, so many taken by the victim. */
static void count_things(int put, int got)
{
	world->count[PUT] += put;
	world->count[GOT] += got;
}

/* What a commit will have put and got counts if it is killed on the way, see below. */
static void commit_things(int put, int got)
{
	between(put, got);
	must("commit", shs_commit(owned));
	count_things(put, got);
	between(0, 0);
}

static void store_halts(FIXTURE_DATA(steps) *self)
{
	if (is_at("committed") || is_at("commit: copied") || is_at("commit: as it was")) {
		count_things(world->before, world->after);
		between(0, 0);
	}
}

static int nothing_there(void *words)
{
	return !((volatile __s64 *)words)[THERE];
}

/* As own(). What the dead may have been about to tell is told by who learns of it. */
static void own_store(struct shs_object *condvar, int ret, volatile __s64 *words)
{
	if (ret != (world->notice ? -EOWNERDEAD : 0))
		wrong("process %d, lock: %d with notice %d", me, ret, world->notice);
	world->notice = 0;
	if (policy & SHS_INIT_COMMIT && words[THERE] + words[TAKEN] != world->count[PUT])
		wrong("process %d: %lld and %lld of %d", me, words[THERE], words[TAKEN],
		      world->count[PUT]);
	if (!ret)
		return;
	words[THERE] = world->count[PUT] - words[TAKEN];
	if (shs_condvar_notify_all(condvar) < 0)
		wrong("process %d: notify failed", me);
}

static void put(volatile __s64 *words, int things)
{
	words[THERE] += things;
	if (policy & SHS_INIT_COMMIT)
		commit_things(things, 0);
	else
		count_things(things, 0);
	SHS_STEP("put");
}

static void take_one(struct shs_object *mutex, struct shs_object *condvar)
{
	int ret = lock_store(mutex);
	volatile __s64 *words = store_of(mutex);

	own_store(condvar, ret, words);
	stage(INSIDE);
	meet();
	stage(ANYWHERE);
	while (nothing_there((void *)words)) {
		ret = shs_condvar_wait_while(condvar, mutex, nothing_there, (void *)words);
		own_store(condvar, ret, words);
	}
	stage(INSIDE);
	SHS_STEP("notified");
	words[TAKEN]++;
	if (!(policy & SHS_INIT_COMMIT))
		count_things(0, me == VICTIM);
	SHS_STEP("half taken");
	words[THERE]--;
	if (policy & SHS_INIT_COMMIT)
		commit_things(0, me == VICTIM);
	SHS_STEP("taken");
	stage(ANYWHERE);
	must("unlock", unlock_store(mutex));
	stage(OUTSIDE);
}

/* So many things must have been put for each rival to get one. */
static int lacking(void)
{
	int lacking = world->rivals + world->count[GOT] - world->count[PUT];

	return lacking > 0 ? lacking : 0;
}

static void put_what_lacks(struct shs_object *mutex, struct shs_object *condvar)
{
	int ret = lock_store(mutex);
	volatile __s64 *words = store_of(mutex);

	own_store(condvar, ret, words);
	put(words, lacking());
	if (shs_condvar_notify_all(condvar) < 0)
		wrong("process %d: notify failed", me);
	must("unlock", unlock_store(mutex));
}

/* As many things and as many notifies as there are rivals: none for the victim. */
static void put_and_notify(struct shs_object *mutex, struct shs_object *condvar)
{
	int ret = lock_store(mutex), things = world->rivals ?: 1;
	volatile __s64 *words = store_of(mutex);

	own_store(condvar, ret, words);
	put(words, things);
	for (int i = 0; i < things; i++)
		if (shs_condvar_notify_one(condvar) < 0)
			wrong("process %d: notify failed", me);
	if (me == FIRST)
		turn();
	SHS_STEP("notified all");
	must("unlock", unlock_store(mutex));
}

static void with_store(void (*use)(struct shs_object *mutex, struct shs_object *condvar))
{
	struct shs_object *mutex = open_object("a"), *condvar = open_object("b");

	if (me == FIRST)
		turn();
	use(mutex, condvar);
	shs_object_close(condvar);
	shs_object_close(mutex);
}

static void take_victim(void)
{
	with_store(take_one);
}

static void notify_first(void)
{
	with_store(put_and_notify);
}

static void notify_victim(void)
{
	meet();
	with_store(put_and_notify);
}

static void take_rival(int number)
{
	with_store(number < MOST_RIVALS ? take_one : put_what_lacks);
}

static bool takers_lack(void)
{
	return world->notice || lacking();
}

static void help_takers(void)
{
	with_store(put_what_lacks);
}

static void check_store(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	EXPECT_EQ(world->count[PUT], shs_peek(self->fd[0], THERE) + shs_peek(self->fd[0], TAKEN));
	EXPECT_EQ(world->rivals + world->count[GOT], shs_peek(self->fd[0], TAKEN));
}

#define STORE_OF(which, ...)							\
	.spec = { PAIR(which, ##__VA_ARGS__), BARE(CONDVAR) }, .rival = take_rival, \
	.lacks = takers_lack, .help = help_takers, .check = check_store,	\
	.halts = store_halts
#define STORE	STORE_OF(MUTEX)

/* The notify that a killed waiter was given, and had not heard of, is for another. */
FIXTURE_VARIANT_ADD(steps, condvar_waiter) {
	STORE, .first = notify_first, .turns = 2, .victim = take_victim,
};

FIXTURE_VARIANT_ADD(steps, condvar_notifier) {
	STORE, .victim = notify_victim,
};

FIXTURE_VARIANT_ADD(steps, condvar_rwlock_waiter) {
	STORE_OF(RWLOCK), .first = notify_first, .turns = 2, .victim = take_victim,
};

FIXTURE_VARIANT_ADD(steps, condvar_commit_waiter) {
	STORE_OF(RWLOCK, .flags = SHS_INIT_COMMIT), .first = notify_first, .turns = 2,
	.victim = take_victim,
};

FIXTURE_VARIANT_ADD(steps, condvar_commit_notifier) {
	STORE_OF(MUTEX, .flags = SHS_INIT_COMMIT), .victim = notify_victim,
};

/*
 * Once
 */
enum { RAN };	/* in world->count: to the end, and not in vain */

/* As own(), for the right to run. */
static int initialise(void *once, int earlier)
{
	if (earlier != (world->notice ? -EOWNERDEAD : 0))
		wrong("process %d, once: %d with notice %d", me, earlier, world->notice);
	world->notice = 0;
	stage(INSIDE);
	meet();
	SHS_STEP("running");
	if (me == FIRST) {
		turn();
		return -EAGAIN;
	}
	stage(ANYWHERE);
	return 0;
}

static void once_victim(void)
{
	struct shs_object *once = open_object("a");

	must("once", shs_once_call(once, initialise, NULL) < 0);
	stage(OUTSIDE);
	shs_object_close(once);
}

/* One of them only watches. */
static void once_rival(int number)
{
	struct shs_object *once = open_object("a");
	int ret = number == 1 ? shs_once_wait(once) : shs_once_call(once, initialise, NULL);

	if (ret < 0)
		wrong("process %d, once: %d", me, ret);
	if (shs_once_state(once) != SHS_ONCE_DONE)
		wrong("process %d: not done", me);
	__atomic_fetch_add(&world->count[RAN], ret, __ATOMIC_RELAXED);
	shs_object_close(once);
}

static int initialise_untold(void *once, int earlier)
{
	if (earlier)
		wrong("process %d: told of a death, but not poisoned", me);
	return initialise(once, earlier);
}

/* Poisoned for all who come, until the last one uses force. */
static void poison_rival(int number)
{
	struct shs_object *once = open_object("a");
	int ret = shs_once_call(once, initialise_untold, NULL);

	if (ret < 0 && ret != -ENOTRECOVERABLE)
		wrong("process %d, once: %d", me, ret);
	if ((ret == -ENOTRECOVERABLE) != world->notice)
		wrong("process %d, once: %d with notice %d", me, ret, world->notice);
	if (number == MOST_RIVALS && ret < 0) {
		must("poisoned", shs_once_state(once) != SHS_ONCE_POISONED);
		ret = shs_once_call_force(once, initialise, NULL);
	}
	__atomic_fetch_add(&world->count[RAN], ret == 1, __ATOMIC_RELAXED);
	shs_object_close(once);
}

static void once_first(void)
{
	struct shs_object *once = open_object("a");

	must("once", shs_once_call(once, initialise, NULL) != -EAGAIN);
	shs_object_close(once);
}

static bool is_done(FIXTURE_DATA(steps) *self)
{
	return shs_load(self->fd[0], 0) == SHS_ONCE_DONE;
}

/* Done once: by a rival, or by the victim. */
static void check_once(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	EXPECT_TRUE(is_done(self));
	EXPECT_EQ(world->was_done ? 0 : 1, world->count[RAN]);
}

FIXTURE_VARIANT_ADD(steps, once) {
	.spec = { BARE(ONCE) }, .victim = once_victim, .rival = once_rival,
	.done = is_done, .check = check_once,
};

FIXTURE_VARIANT_ADD(steps, once_waiter) {
	.spec = { BARE(ONCE) }, .first = once_first, .turns = 1, .victim = once_victim,
	.rival = once_rival, .done = is_done, .check = check_once,
};

/* With a value: eight bools that say who made it. One that is refused is none. */
enum { MAKER = RAN + 1 };	/* in world->count: who knows that it was he */
enum { BITS = 8 };

static int make_value(void *value, size_t size, void *once, int earlier)
{
	__u8 *bits = value;
	int ret = initialise(once, earlier);

	for (size_t i = 0; i < size; i++)
		bits[i] = me >> i & 1;
	return ret;
}

static int make_refused(void *value, size_t size, void *once, int earlier)
{
	int ret = initialise(once, earlier);

	memset(value, 2, size);
	return ret;
}

static int maker_of(const __u8 *bits)
{
	int maker = 0;

	for (int i = 0; i < BITS; i++)
		maker |= bits[i] << i;
	return maker;
}

static void value_of_victim(void)
{
	struct shs_object *once = open_object("a");
	__u8 bits[BITS];
	int ret = shs_once_lock_get_or_init(once, bits, BITS, make_refused, NULL);

	if (ret == -ERANGE) {
		stage(OUTSIDE);
		SHS_STEP("refused");
		stage(ANYWHERE);
		ret = shs_once_lock_get_or_init(once, bits, BITS, make_value, NULL);
	}
	must("once", ret < 0);
	stage(OUTSIDE);
	must("value", ret == 1 && maker_of(bits) != VICTIM);
	shs_object_close(once);
}

static void set_value(struct shs_object *once)
{
	__u8 bits[BITS] = { 0 };
	int ret;

	for (int i = 0; i < BITS; i++)
		bits[i] = me >> i & 1;
	ret = shs_once_lock_set(once, bits, BITS);
	if (ret && ret != -EEXIST)
		wrong("process %d, set: %d", me, ret);
	if (ret)
		return;
	world->notice = 0;	/* it is not told */
	world->count[RAN]++;
	world->count[MAKER] = me;
}

static void value_rival_of(int number)
{
	struct shs_object *once = open_object("a");
	__u8 bits[BITS], again[BITS];
	const void *mapped;
	int ret;

	if (number == 1)
		set_value(once);
	ret = shs_once_lock_get_or_init(once, bits, BITS, make_value, NULL);
	must("once", ret < 0);
	if (ret == 1) {
		world->count[RAN]++;
		world->count[MAKER] = me;
	}
	must("get", shs_once_lock_get(once, again, BITS));
	must("the same", memcmp(bits, again, BITS));
	mapped = shs_once_lock_value(once);
	must("mapped", !mapped || memcmp(bits, mapped, BITS));
	shs_object_close(once);
}

static void value_first(void)
{
	struct shs_object *once = open_object("a");
	__u8 bits[BITS];

	must("once", shs_once_lock_get_or_init(once, bits, BITS, make_value, NULL) != -EAGAIN);
	shs_object_close(once);
}

static void check_maker(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	__u8 bits[BITS] = { 0 };

	check_once(_metadata, self);
	EXPECT_EQ(0, shs_op(self->fd[0], &SHS_OP(LOAD, .flags = SHS_OP_BYTES,
			.addr = (unsigned long)bits, .len = BITS)));
	EXPECT_EQ(world->was_done ? VICTIM : world->count[MAKER], maker_of(bits));
}

FIXTURE_VARIANT_ADD(steps, once_value) {
	.spec = { BARE(ONCE, .type = SHS_TYPE_BOOL, .count = BITS) }, .victim = value_of_victim,
	.rival = value_rival_of, .done = is_done, .check = check_maker,
};

FIXTURE_VARIANT_ADD(steps, once_value_waiter) {
	.spec = { BARE(ONCE, .type = SHS_TYPE_BOOL, .count = BITS) }, .first = value_first,
	.turns = 1, .victim = value_of_victim, .rival = value_rival_of, .done = is_done,
	.check = check_maker,
};

FIXTURE_VARIANT_ADD(steps, once_poison) {
	.spec = { BARE(ONCE, .flags = SHS_INIT_POISON) }, .victim = once_victim,
	.rival = poison_rival, .done = is_done, .check = check_once,
};

/*
 * Atomic: who is woken wakes the next
 */
enum { WOKEN, TOLD };	/* in world->count: of the victim, how far it got */

static void wait_for_change(void)
{
	struct shs_object *atomic = open_object("a");

	meet();
	must("wait", shs_atomic_wait(atomic, 0, 0, SHS_ACQUIRE));
	world->count[WOKEN] += me == VICTIM;
	SHS_STEP("woken");
	if (shs_atomic_notify_one(atomic, 0) < 0)
		wrong("process %d: notify failed", me);
	world->count[TOLD] += me == VICTIM;
	shs_object_close(atomic);
}

static void wait_rival(int number)
{
	wait_for_change();
}

static void change_and_notify(void)
{
	struct shs_object *atomic = open_object("a");

	if (me == FIRST)
		turn();
	meet();
	must("store", shs_atomic_store(atomic, 0, 1, SHS_RELEASE));
	if (me == FIRST)
		turn();
	if (shs_atomic_notify_one(atomic, 0) < 0)
		wrong("process %d: notify failed", me);
	world->count[TOLD] += me == VICTIM;
	shs_object_close(atomic);
}

/* The victim returned from its wait, and had not told the next. */
static bool waiters_lack(void)
{
	return !world->count[TOLD] && world->past_sleep;
}

/* The victim has not told anybody. */
static bool waiters_lack_a_change(void)
{
	return !world->count[TOLD];
}

static void help_waiters(void)
{
	struct shs_object *atomic = open_object("a");

	must("store", shs_atomic_store(atomic, 0, 1, SHS_RELEASE));
	if (shs_atomic_notify_all(atomic, 0) < 0)
		wrong("help: notify failed");
	shs_object_close(atomic);
}

/* That all came to an end is all. */
static void check_changed(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	EXPECT_EQ(1, shs_load(self->fd[0], 0));
}

FIXTURE_VARIANT_ADD(steps, atomic_waiter) {
	.spec = { PAIR(ATOMIC) }, .first = change_and_notify, .turns = 2,
	.victim = wait_for_change, .rival = wait_rival,
	.lacks = waiters_lack, .check = check_changed, .help = help_waiters,
};

FIXTURE_VARIANT_ADD(steps, atomic_notifier) {
	.spec = { PAIR(ATOMIC) }, .victim = change_and_notify, .rival = wait_rival,
	.lacks = waiters_lack_a_change, .check = check_changed, .help = help_waiters,
};

/*
 * What the kernel executes whole: before a step it was not done, after it, it was
 */
enum { CELL_WORDS = 5 };

static void fill(__u64 *words, __u64 number)
{
	for (int i = 0; i < CELL_WORDS; i++)
		words[i] = number;
}

static void whole(const char *how, const __u64 *words, __u64 least, __u64 most)
{
	for (int i = 0; i < CELL_WORDS; i++)
		if (words[i] != words[0] || words[i] < least || words[i] > most)
			wrong("process %d, %s: word %d is %llu of %llu to %llu", me, how, i,
			      words[i], least, most);
}

static void cell_victim(void)
{
	struct shs_object *cell = open_object("a");
	__u64 words[CELL_WORDS], old[CELL_WORDS];

	meet();
	fill(words, 1);
	between(0, 1);
	must("store", shs_cell_store(cell, words, sizeof(words)));
	fill(words, 2);
	between(1, 2);
	must("swap", shs_cell_swap(cell, words, old, sizeof(words)));
	whole("swap", old, 1, 1);
	fill(words, 3);
	fill(old, 2);
	between(2, 3);
	must("compare", shs_cell_compare_exchange(cell, old, words, sizeof(words)));
	between(3, 3);
	must("load", shs_cell_load(cell, old, sizeof(old)));
	whole("load", old, 3, 3);
	must("into inner", shs_cell_into_inner(cell, old, sizeof(old)));
}

/* They only look; changes of theirs would hide what the victim did. */
static void cell_rival(int number)
{
	struct shs_object *cell = open_object("a");
	__u64 words[CELL_WORDS];

	must("load", shs_cell_load(cell, words, sizeof(words)));
	whole("load", words, 0, 3);
	shs_object_close(cell);
}

static void check_cell(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	__u64 words[CELL_WORDS];

	EXPECT_EQ(0, shs_op(self->fd[0], &SHS_OP(LOAD, .flags = SHS_OP_BYTES,
			.addr = (unsigned long)words, .len = sizeof(words))));
	whole("at last", words, 0, 3);
	if (words[0])	/* else it may have been taken out */
		whole("at last", words, world->before, world->after);
}

FIXTURE_VARIANT_ADD(steps, cell) {
	.spec = { { .kind = SHS_KIND_CELL, .type = SHS_TYPE_BYTES, .count = 8 * CELL_WORDS } },
	.victim = cell_victim, .rival = cell_rival, .check = check_cell,
};

static void counter_victim(void)
{
	struct shs_object *counter = open_object("a");
	struct shs_ioc_op ops[3];
	int64_t sum;

	meet();
	between(0, 1);
	must("add", shs_counter_add(counter, 0, 1));
	for (int i = 0; i < ARRAY_SIZE(ops); i++)
		ops[i] = SHS_OP(ADD, .arg = 1);
	between(1, 4);
	must("batch", shs_batch(counter, NULL, ops, ARRAY_SIZE(ops), NULL));
	between(4, 4);
	SHS_STEP("added");
	must("read", shs_counter_read(counter, 0, &sum));
	shs_object_close(counter);
}

/* Beside the victim's they count too, in the other element. */
static void counter_rival(int number)
{
	struct shs_object *counter = open_object("a");
	int64_t sum = -1;

	must("add", shs_counter_add(counter, 1, 1));
	must("read", shs_counter_read(counter, 0, &sum));
	if (sum != 0 && sum != 1 && sum != 4)
		wrong("process %d: sum %lld", me, (long long)sum);
	shs_object_close(counter);
}

static void check_counter(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	__s64 sum = shs_load(self->fd[0], 0);

	EXPECT_TRUE(sum == world->before || sum == world->after) TH_LOG("sum %lld", sum);
	EXPECT_EQ(world->rivals + 1, shs_load(self->fd[0], 1));
}

/* What is one call of the kernel has been done after it, and not before. */
static void counter_halts(FIXTURE_DATA(steps) *self)
{
	__s64 sum = shs_load(self->fd[0], 0);

	if (is_at("call") || is_at("batch"))
		world->after = world->before;
	if (is_at("called") || is_at("batch done"))
		world->before = world->after;
	if (sum != world->before && sum != world->after)
		wrong("sum %lld, not %lld or %lld", sum, world->before, world->after);
}

FIXTURE_VARIANT_ADD(steps, counter) {
	.spec = { PAIR(COUNTER) }, .victim = counter_victim, .rival = counter_rival,
	.check = check_counter, .halts = counter_halts,
};

/* Sums of both signs, each exact. */
static void serial_victim(void)
{
	struct shs_object *counter = open_object("a");
	struct shs_ioc_op ops[2] = { SHS_OP(ADD, .arg = -3), SHS_OP(ADD, .arg = 2) };
	int64_t sum;

	between(0, 5);
	must("add", shs_counter_add(counter, 0, 5));
	between(5, 5);
	meet();
	between(5, 4);
	must("batch", shs_batch(counter, NULL, ops, ARRAY_SIZE(ops), NULL));
	between(4, 4);
	SHS_STEP("added");
	must("read", shs_counter_read(counter, 0, &sum));
	must("sum", sum != 4);
	shs_object_close(counter);
}

static void serial_rival(int number)
{
	struct shs_object *counter = open_object("a");
	int64_t sum = -1;

	must("add", shs_counter_add(counter, 1, 3));
	must("add", shs_counter_add(counter, 1, -2));
	must("read", shs_counter_read(counter, 0, &sum));
	if (sum != 0 && sum != 5 && sum != 4 && sum != 2)
		wrong("process %d: sum %lld", me, (long long)sum);
	shs_object_close(counter);
}

FIXTURE_VARIANT_ADD(steps, counter_serial) {
	.spec = { PAIR(COUNTER, .flags = SHS_INIT_SERIAL) }, .victim = serial_victim,
	.rival = serial_rival, .check = check_counter, .halts = counter_halts,
};

/* What the victim added is there until it dies, and then for nobody. */
static void live_victim(void)
{
	struct shs_object *counter = open_object("a");
	int64_t sum;

	must("attach", shs_object_attach(counter));
	between(0, 1);
	must("add", shs_counter_add(counter, 0, 1));
	between(1, 1);
	meet();
	between(1, 3);
	must("add", shs_counter_add(counter, 0, 2));
	between(3, 3);
	SHS_STEP("added");
	must("read", shs_counter_read(counter, 0, &sum));
	must("sum", sum != 3);
	between(3, 0);
	shs_object_close(counter);
	between(0, 0);
	SHS_STEP("closed, all of it");
}

static void live_rival(int number)
{
	struct shs_object *counter = open_object("a");
	int64_t sum = -1;

	must("add", shs_counter_add(counter, 1, 1));
	must("read", shs_counter_read(counter, 1, &sum));
	if (sum < 1 || sum > world->rivals + (number == MOST_RIVALS))
		wrong("process %d: sum %lld", me, (long long)sum);
	must("read", shs_counter_read(counter, 0, &sum));
	if (sum != 0 && sum != 1 && sum != 3)
		wrong("process %d: sum of the victim %lld", me, (long long)sum);
	shs_object_close(counter);
}

static void check_live(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	EXPECT_EQ(0, shs_load(self->fd[0], 0));
	EXPECT_EQ(0, shs_load(self->fd[0], 1));
}

FIXTURE_VARIANT_ADD(steps, counter_live) {
	.spec = { PAIR(COUNTER, .flags = SHS_INIT_LIVE) }, .victim = live_victim,
	.rival = live_rival, .check = check_live, .halts = counter_halts,
};

/* A single operation that waits for a holder. */
static void value_victim(void)
{
	struct shs_object *mutex = open_object("a");

	must("add", shs_value_add(mutex, 0, 1, NULL, 0, shs_deadline_never()));
	between(2, 2);
	SHS_STEP("added");
	shs_object_close(mutex);
}

static void value_rival(int number)
{
	struct shs_object *mutex = open_object("a");

	must("add", shs_value_add(mutex, 1, 1, NULL, 0, shs_deadline_never()));
	shs_object_close(mutex);
}

static void check_value(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	__s64 value = shs_peek(self->fd[0], 0);

	EXPECT_TRUE(value == 1 || value == 2) TH_LOG("value %lld", value);
	EXPECT_LE(world->before, value);
	EXPECT_EQ(world->rivals + 2, shs_peek(self->fd[0], 1));
}

FIXTURE_VARIANT_ADD(steps, single_operation_waits) {
	.spec = { PAIR(MUTEX) }, .first = mutex_first, .turns = 1, .victim = value_victim,
	.rival = value_rival, .check = check_value,
};

/*
 * Names
 */
static const __s64 initial[2] = { 7, 8 };
static const struct shs_spec named = {
	.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_I64, .count = 2, .value = initial,
	.meta = "what it is", .meta_size = 10,
};

enum { CREATED, LINKS };	/* in world->count: by all; those that the victim is sure of */

/* An object that has a name is whole, whoever died holding it. */
static void check_whole(struct shs_object *object)
{
	char meta[16] = "";
	__s64 value[2];
	int ret = shs_value_peek(object, 0, value, sizeof(value));

	must("peek", ret == SHS_NOTICE_OWNER_DIED ? 0 : ret);
	if (memcmp(value, initial, sizeof(value)) ||
	    shs_object_meta(object, meta, sizeof(meta)) != 10 ||
	    strcmp(meta, named.meta))
		wrong("process %d: half an object", me);
}

static void open_or_create(const struct shs_spec *spec)
{
	struct shs_object *object = NULL;
	int ret = shs_object_open_or_create("new", spec, &object);

	if (ret < 0 || !object)
		return must("open or create", ret);
	__atomic_fetch_add(&world->count[CREATED], ret, __ATOMIC_RELAXED);
	check_whole(object);
	meet();
	shs_object_close(object);
}

static void create_victim(void)
{
	open_or_create(&named);
}

static void create_rival(int number)
{
	open_or_create(&named);
}

static bool is_created(FIXTURE_DATA(steps) *self)
{
	return access(SHS_DIR "/new", F_OK) == 0;
}

/* One created it, or the victim did and was killed before it knew. */
static void check_created(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	EXPECT_EQ(world->was_done ? 0 : 1, world->count[CREATED]);
	EXPECT_EQ(0, shs_unlink("new"));
}

FIXTURE_VARIANT_ADD(steps, creation) {
	.victim = create_victim, .rival = create_rival, .done = is_created,
	.check = check_created,
};

/* The name goes with the last who has it open, killed or not. */
static const struct shs_spec ephemeral = {
	.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_I64, .count = 2, .value = initial,
	.meta = "what it is", .meta_size = 10, .flags = SHS_INIT_EPHEMERAL,
};

static void ephemeral_victim(void)
{
	struct shs_object *object = NULL, *again = NULL;

	must("create", shs_object_create("new", &ephemeral, &object));
	must("open", shs_object_open("new", 0, &again));
	shs_object_close(object);
	SHS_STEP("one left");
	must("lock", shs_mutex_lock(again));
	meet();
	must("unlock", shs_mutex_unlock(again));
	shs_object_close(again);
}

static void ephemeral_rival(int number)
{
	open_or_create(&ephemeral);
}

static void check_gone(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	EXPECT_EQ(-ENOENT, shs_open("new", O_RDONLY));
}

FIXTURE_VARIANT_ADD(steps, ephemeral) {
	.victim = ephemeral_victim, .rival = ephemeral_rival, .check = check_gone,
};

static const char *const names[] = { "new", "second", "moved" };

static void names_victim(void)
{
	struct shs_object *object = NULL;

	between(0, 1);
	must("create", shs_object_create("new", &named, &object));
	between(1, 2);
	must("link", shs_object_link(object, "second"));
	between(2, 2);
	meet();
	must("rename", shs_object_rename("new", "moved"));
	between(1, 2);
	must("unlink", shs_object_unlink("second"));
	between(1, 1);
	shs_object_close(object);
	SHS_STEP("only a name");
	between(0, 1);
	must("unlink", shs_object_unlink("moved"));
	between(0, 0);
	SHS_STEP("no name");
}

/* What has a name can be opened, and is whole. */
static void names_rival(int number)
{
	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		struct shs_object *object;

		if (shs_object_open(names[i], 0, &object))
			continue;
		check_whole(object);
		shs_object_close(object);
	}
}

static void check_names(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self)
{
	int there = 0, links = 0;

	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		int fd = shs_open(names[i], O_RDWR);

		if (fd < 0)
			continue;
		there++;
		links = shs_info(fd).links;
		close(fd);
	}
	EXPECT_EQ(there, links);
	EXPECT_LE(world->before, there);
	EXPECT_GE(world->after, there);
	for (int i = 0; i < ARRAY_SIZE(names); i++)
		shs_unlink(names[i]);
}

FIXTURE_VARIANT_ADD(steps, names) {
	.victim = names_victim, .rival = names_rival, .check = check_names,
};

/*
 * Fork and threads
 */

static void be_child(void)
{
	me = CHILD;
	world->pid[me] = getpid();
	world->where[me] = RUNNING;
}

/* A child that inherits everything goes on when its parent, who holds, is killed. */
static void with_child(pid_t (*how)(void))
{
	struct shs_object *mutex = open_object("a");
	int ret = shs_mutex_lock(mutex);

	own("lock", ret, shs_mutex_value(mutex));
	if (!how()) {
		be_child();
		use_mutex(mutex, shs_mutex_unlock);
		world->where[me] = ENDED;
		_exit(0);
	}
	meet();
	change(shs_mutex_value(mutex));
	stage(ANYWHERE);
	must("unlock", shs_mutex_unlock(mutex));
	shs_object_close(mutex);
}

static void fork_victim(void)
{
	with_child(fork);
}

/* No handler sees this one: the child has the attachment, which is not its own. */
static void raw_fork_victim(void)
{
	with_child(_Fork);
}

FIXTURE_VARIANT_ADD(steps, parent) {
	.spec = { PAIR(MUTEX) }, .victim = fork_victim, .rival = mutex_rival,
};

FIXTURE_VARIANT_ADD(steps, parent_raw) {
	.spec = { PAIR(MUTEX) }, .victim = raw_fork_victim, .rival = mutex_rival,
};

/* One that inherits the attachment, and does nothing but outlive all. */
static void leave_heir(void)
{
	if (_Fork())
		return;
	be_child();
	park("heir");
	world->where[me] = ENDED;
	_exit(0);
}

static void mutex_heir_victim(void)
{
	struct shs_object *mutex = open_object("a");

	use_mutex(mutex, shs_mutex_unlock);
	leave_heir();
	use_mutex(mutex, shs_mutex_unlock);
	shs_object_close(mutex);
}

static void reader_heir_victim(void)
{
	struct shs_object *lock = open_object("a");

	must("attach", shs_object_attach(lock));
	leave_heir();
	use_read(lock);
	use_upgradable(lock);
	shs_object_close(lock);
}

FIXTURE_VARIANT_ADD(steps, mutex_heir) {
	.spec = { PAIR(MUTEX) }, .victim = mutex_heir_victim, .rival = mutex_rival,
};

FIXTURE_VARIANT_ADD(steps, rwlock_heir) {
	.spec = { PAIR(RWLOCK) }, .victim = reader_heir_victim, .rival = rwlock_rival,
};

/* The child is killed: in the handlers, attaching anew, waiting for its parent. */
static void first_forks(void)
{
	struct shs_object *mutex = open_object("a");
	int ret = shs_mutex_lock(mutex);

	own("lock", ret, shs_mutex_value(mutex));
	shs_inject_at(world->kill_at, park_child);
	if (!fork()) {
		me = VICTIM;
		world->pid[me] = getpid();
		world->where[me] = RUNNING;
		use_mutex(mutex, shs_mutex_unlock);
		shs_object_close(mutex);
		world->steps = shs_inject_passed();
		world->where[me] = ENDED;
		_exit(0);
	}
	turn();
	change(shs_mutex_value(mutex));
	must("unlock", shs_mutex_unlock(mutex));
	shs_object_close(mutex);
}

FIXTURE_VARIANT_ADD(steps, child) {
	.spec = { PAIR(MUTEX) }, .first = first_forks, .turns = 1, .forks = true,
	.rival = mutex_rival,
};

/* A thread ends holding; its process is killed while the library cleans up. */
static void *end_holding(void *unused)
{
	struct shs_object *mutex = open_object("a"), *lock = open_object("b");
	volatile __s64 *pair;
	uint32_t lane;
	int ret;

	must("read", shs_rwlock_read(lock, &lane));
	must("upgradable", shs_rwlock_upgradable(lock));
	ret = shs_mutex_lock(mutex);
	pair = shs_mutex_value(mutex);
	own("lock", ret, pair);
	pair[0]++;
	world->changes++;
	world->notice = 1;
	meet();
	stage(ANYWHERE);
	return NULL;
}

static void thread_victim(void)
{
	pthread_t thread;

	must("thread", pthread_create(&thread, NULL, end_holding, NULL));
	must("join", pthread_join(thread, NULL));
	stage(OUTSIDE);
	SHS_STEP("joined");
}

static void thread_rival(int number)
{
	struct shs_object *lock = open_object("b");

	mutex_rival(number);
	must("write", shs_rwlock_write(lock));
	must("unlock", shs_rwlock_write_unlock(lock));
	shs_object_close(lock);
}

FIXTURE_VARIANT_ADD(steps, thread) {
	.spec = { PAIR(MUTEX), PAIR(RWLOCK) }, .victim = thread_victim, .rival = thread_rival,
};

/*
 * All of them
 */
/* Who else comes: nobody, others when the victim is at its step, others before. */
enum { WAYS = 1 + 2 * MOST_RIVALS };

static void choose_way(int way)
{
	world->rivals = (way + 1) / 2;
	world->meeting = way && way % 2 == 0;
}

/* One in so many steps, which a slow kernel can bear. */
static unsigned long stride(void)
{
	unsigned long slow = 100 / shs_scale(100);

	return slow > 4 ? 2 * slow : slow;
}

/* All ways at all steps are for "make soak"; here they take turns, but for one asleep. */
static bool kill_at(struct __test_metadata *_metadata, FIXTURE_DATA(steps) *self,
		    const FIXTURE_VARIANT(steps) *is, unsigned long step, int turns)
{
	bool awake = true;

	for (int i = 0; i < WAYS; i++) {
		choose_way((step + turns + i) % WAYS);
		awake &= run(_metadata, self, is, step, turns);
		if (!shs_soak() && (awake || stride() > 4))
			break;
	}
	return awake;
}

TEST_F_TIMEOUT(steps, killed, 900)
{
	unsigned long from = variant->forks ? 2 : 1, steps;	/* it is born after 1 */

	/* Nobody is killed: so many steps there are. */
	choose_way(0);
	ASSERT_TRUE(run(_metadata, self, variant, 0, variant->turns));
	steps = world->steps;
	EXPECT_LT(8, steps);
	for (int turns = 0; turns <= variant->turns; turns++)
		for (unsigned long step = from + turns % stride(); step <= steps; step += stride())
			if (!kill_at(_metadata, self, variant, step, turns))
				break;
	TH_LOG("%lu steps, %lu runs", steps, self->runs);
}

TEST_HARNESS_MAIN
