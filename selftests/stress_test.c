// SPDX-License-Identifier: GPL-2.0-only
/*
 * Death at random: processes of two threads work on one set of objects, of every
 * kind that can be held or waited for, while one after the other is killed at any
 * moment and replaced. Nothing may get stuck or lost, and nobody may find a half-made
 * change without having been told; in the end every sum is exact.
 *
 * On hostile ground the second thread of each works on a second set, over which one
 * more process scribbles. There only a call that does not return is a failure; the
 * first set has to stay exact.
 */
#include "shs.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/statfs.h>

#define SEED		0x5eed0001ULL
#define PROCESSES	16	/* at most */
#define THREADS		2
#define HEIRS		8	/* one process in so many leaves a child */
#define EPISODE		20	/* kills; then all come to an end, and it begins anew */
#define PLACES		8	/* in the queue */
#define CELL_WORDS	5	/* 40 bytes */

enum { MUTEX, RWLOCK, ONCE, CONDVAR, QUEUE, COUNTER, CELL, OBJECTS };

/* Words of the values of mutex and rwlock, and of the queue. */
enum { FIRST, SECOND, ADDED, WORDS };
enum { PUT, TAKEN, PLACE, QUEUE_WORDS = PLACE + PLACES };

/* What is summed: by a thread in memory that survives it, and in an object. */
enum { MUTEX_PAIR, MUTEX_ADD, RWLOCK_PAIR, RWLOCK_ADD, QUEUE_PUT, QUEUE_TAKEN, COUNT, SUMS };

/* What is in the object lies between the two: a kill leaves one change unconfirmed. */
struct tally {
	volatile __u64 begun, done;
};

/* Memory common to all processes. */
struct common {
	int stop;		/* 1: after what is under way; 2: waiters of the queue too */
	int ended[PROCESSES];	/* threads that have stopped */
	int heirs;
	int wrong;		/* how often; what says it of the first */
	char what[200];
	__u64 late_ns;		/* the latest return after a deadline */
	volatile int inside;	/* who runs the once of the first set */
	volatile __u64 rounds[OBJECTS];
	struct tally tally[PROCESSES][THREADS][SUMS];
};

/* One thread of a process that will be killed. */
struct thread {
	struct common *common;
	const int *fd;
	const struct shs_att *att;
	struct tally *tally;
	__u64 random, seen;
	int number, name;	/* in its process; in all */
	int *ended;
	bool exact;		/* what goes wrong is the module's fault */
	bool uring;
};

FIXTURE(stress) {
	struct common *common;
	struct statfs before;
	struct shs_pipe gate;
	int fd[2][OBJECTS];
	struct shs_att att[2][OBJECTS];	/* the parent's own */
	pid_t child[PROCESSES], scribbler;
	unsigned long processes, kills, dead, started;
	__u64 random;
	bool hostile;
};

static void wrong(struct thread *me, const char *format, ...)
{
	va_list list;

	if (!me->exact || __atomic_fetch_add(&me->common->wrong, 1, __ATOMIC_RELAXED))
		return;
	va_start(list, format);
	vsnprintf(me->common->what, sizeof(me->common->what), format, list);
	va_end(list);
}

/*
 * Chance
 */
static unsigned int chance(struct thread *me, unsigned int below)
{
	return shs_number(&me->random) % below;
}

/* Time in which a kill may come. */
static void linger(struct thread *me)
{
	if (!chance(me, 8))
		sched_yield();
	for (volatile unsigned int i = chance(me, 200); i; i--)
		;
}

struct limit {
	__u64 deadline;
	__u8 clock;
	bool nowait;
};

/* On hostile ground nobody waits without a limit: whom should it help? */
static struct limit some_limit(struct thread *me)
{
	struct limit limit = { .clock = chance(me, 3) };

	switch (chance(me, me->exact ? 6 : 3)) {
	case 0:
		limit.nowait = true;
		break;
	case 1:
		limit.deadline = shs_now(limit.clock) + chance(me, 100000);
		break;
	case 2:
		limit.deadline = shs_now(limit.clock) + chance(me, 10 * SHS_MS);
		break;
	default:
		limit.deadline = SHS_FOREVER;
	}
	return limit;
}

/* Passes on what a call with this limit returned. */
static int on_time(struct thread *me, const struct limit *limit, int ret)
{
	__u64 now = shs_now(limit->clock), late = now - limit->deadline, most;

	if (limit->nowait || limit->deadline == SHS_FOREVER)
		return ret;
	if (now < limit->deadline) {
		if (ret == -ETIMEDOUT)
			wrong(me, "too early by %lld ns", -late);
		return ret;
	}
	most = __atomic_load_n(&me->common->late_ns, __ATOMIC_RELAXED);
	while (late > most &&
	       !__atomic_compare_exchange_n(&me->common->late_ns, &most, late, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return ret;
}

static bool held(int ret)
{
	return ret == 0 || ret == -EOWNERDEAD;
}

/* Whether it is held; anything but the two ways to give up is an error. */
static bool got(struct thread *me, const char *what, int ret)
{
	if (!held(ret) && ret != -EBUSY && ret != -ETIMEDOUT)
		wrong(me, "%s: %d", what, ret);
	return held(ret);
}

static void must(struct thread *me, const char *what, int ret)
{
	if (ret)
		wrong(me, "%s: %d", what, ret);
}

/*
 * Locks: by a call, or as the library would without one
 */
static bool change_word(const struct shs_att *att, __u32 from, __u32 to)
{
	return __atomic_compare_exchange_n(&att->shared->word, &from, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static int lock(struct thread *me, int object, __u32 mode)
{
	const struct shs_att *att = &me->att[object];
	struct limit limit = some_limit(me);

	if (object != RWLOCK && chance(me, 2) && change_word(att, 0, att->is.id))
		return 0;
	return on_time(me, &limit, shs_lock_as(att, &SHS_LOCK(
			.flags = limit.nowait ? SHS_LOCK_NOWAIT : 0, .mode = mode,
			.lane = mode == SHS_MODE_READ ? me->number : 0,
			.deadline = limit.deadline, .clock = limit.clock)));
}

static void unlock(struct thread *me, int object, __u32 mode, __u32 flags)
{
	const struct shs_att *att = &me->att[object];

	if (object != RWLOCK && !flags && chance(me, 2) && change_word(att, att->is.id, 0))
		return;
	must(me, "unlock", shs_unlock_as(att, &SHS_LOCK(.flags = flags, .mode = mode,
			.lane = mode == SHS_MODE_READ ? me->number : 0)));
}

static int operate(struct thread *me, int object, struct shs_ioc_op *op)
{
	struct limit limit = some_limit(me);
	int ret;

	op->flags |= limit.nowait ? SHS_OP_NOWAIT : 0;
	op->deadline = limit.deadline;
	op->clock = limit.clock;
	ret = shs_by(me->uring && chance(me, 2) ? SHS_URING : SHS_IOCTL, me->fd[object], op);
	return on_time(me, &limit, ret);
}

/*
 * Mutex and rwlock: a pair of words that differ only in the middle of a change
 */
static void check_pair(struct thread *me, const volatile __u64 *pair, int told)
{
	if (!told && pair[FIRST] != pair[SECOND])
		wrong(me, "a half-made change and no notice: %llu %llu", pair[FIRST], pair[SECOND]);
}

/* By an owner; at times it leaves half a change behind, and says so: then false. */
static bool change_pair(struct thread *me, int object, int told)
{
	struct tally *tally = &me->tally[object == MUTEX ? MUTEX_PAIR : RWLOCK_PAIR];
	volatile __u64 *pair = shs_value(&me->att[object]);
	__u64 old;

	check_pair(me, pair, told);
	old = pair[FIRST];
	pair[SECOND] = old;
	linger(me);
	tally->begun++;
	pair[FIRST] = old + 1;
	tally->done++;
	linger(me);
	if (pair[FIRST] != old + 1 || pair[SECOND] != old)
		wrong(me, "two at a time changed object %d", object);
	if (!chance(me, 16))
		return false;
	pair[SECOND] = old + 1;
	return true;
}

static void use_mutex(struct thread *me)
{
	int ret = lock(me, MUTEX, SHS_MODE_EXCLUSIVE);

	if (!got(me, "lock", ret))
		return;
	if (change_pair(me, MUTEX, ret))
		unlock(me, MUTEX, SHS_MODE_EXCLUSIVE, chance(me, 4) ? 0 : SHS_UNLOCK_FAIR);
	else
		unlock(me, MUTEX, SHS_MODE_EXCLUSIVE, SHS_UNLOCK_ABANDON);
}

static void write_rwlock(struct thread *me)
{
	int ret = lock(me, RWLOCK, SHS_MODE_EXCLUSIVE);

	if (got(me, "write lock", ret))
		unlock(me, RWLOCK, SHS_MODE_EXCLUSIVE,
		       change_pair(me, RWLOCK, ret) ? 0 : SHS_UNLOCK_ABANDON);
}

static void read_pair(struct thread *me, int told)
{
	volatile __u64 *pair = shs_value(&me->att[RWLOCK]);
	__u64 first = pair[FIRST], second = pair[SECOND];

	check_pair(me, pair, told);
	linger(me);
	if (pair[FIRST] != first || pair[SECOND] != second)
		wrong(me, "a change beside a reader");
}

static void read_rwlock(struct thread *me)
{
	int ret = lock(me, RWLOCK, SHS_MODE_READ), again;

	if (!got(me, "read lock", ret))
		return;
	read_pair(me, ret);
	if (!chance(me, 4)) {
		again = shs_lock_as(&me->att[RWLOCK], &SHS_LOCK(.mode = SHS_MODE_READ,
			.flags = SHS_LOCK_RECURSIVE | SHS_LOCK_NOWAIT, .lane = me->number));
		if (again != ret)
			wrong(me, "read lock %d, then recursively %d", ret, again);
		read_pair(me, again);
		unlock(me, RWLOCK, SHS_MODE_READ, 0);
	}
	unlock(me, RWLOCK, SHS_MODE_READ, 0);
}

static int convert(struct thread *me, __u32 from, __u32 to, struct limit *limit)
{
	return shs_convert(&me->att[RWLOCK], &SHS_CONVERT(.from = from, .to = to,
			.flags = limit->nowait ? SHS_LOCK_NOWAIT : 0,
			.lane = to == SHS_MODE_READ ? me->number : 0,
			.deadline = limit->deadline, .clock = limit->clock));
}

/* The writer's way out, by one of the weaker modes. */
static void downgrade(struct thread *me)
{
	__u32 to = chance(me, 2) ? SHS_MODE_READ : SHS_MODE_UPGRADABLE;

	must(me, "downgrade", convert(me, SHS_MODE_EXCLUSIVE, to, &(struct limit){ 0 }));
	read_pair(me, 0);
	unlock(me, RWLOCK, to, 0);
}

static void upgrade_rwlock(struct thread *me)
{
	int ret = lock(me, RWLOCK, SHS_MODE_UPGRADABLE), upgraded;
	struct limit limit = some_limit(me);

	if (!got(me, "upgradable lock", ret))
		return;
	read_pair(me, ret);
	upgraded = on_time(me, &limit, convert(me, SHS_MODE_UPGRADABLE, SHS_MODE_EXCLUSIVE,
					       &limit));
	if (!got(me, "upgrade", upgraded)) {
		unlock(me, RWLOCK, SHS_MODE_UPGRADABLE, 0);
		return;
	}
	if (upgraded != ret)
		wrong(me, "upgradable lock %d, then upgrade %d", ret, upgraded);
	if (change_pair(me, RWLOCK, upgraded))
		downgrade(me);
	else
		unlock(me, RWLOCK, SHS_MODE_EXCLUSIVE, SHS_UNLOCK_ABANDON);
}

/* Single operations on either: they wait for owners, and are told as well. */
static void operate_on_pair(struct thread *me)
{
	int object = chance(me, 2) ? MUTEX : RWLOCK, ret;
	struct tally *tally = &me->tally[object == MUTEX ? MUTEX_ADD : RWLOCK_ADD];
	__u64 pair[2] = { 0, 0 };
	struct shs_ioc_op op;

	if (chance(me, 2)) {
		op = SHS_OP(READ, .flags = SHS_OP_BYTES, .addr = (unsigned long)pair,
			    .len = sizeof(pair));
		if (got(me, "READ", operate(me, object, &op)))
			check_pair(me, pair, op.notice);
		return;
	}
	op = SHS_OP(ADD, .index = ADDED, .arg = 1);
	tally->begun++;
	ret = operate(me, object, &op);
	if (!ret) {
		tally->done++;
		return;
	}
	tally->begun--;
	if (ret != -EUCLEAN)
		got(me, "ADD", ret);
}

/*
 * Once: never done here, so that there is always a next time
 */
static void use_once(struct thread *me)
{
	struct limit limit = some_limit(me);
	struct shs_ioc_once once = SHS_ONCE(.flags = limit.nowait ? SHS_ONCE_NOWAIT : 0,
					    .deadline = limit.deadline, .clock = limit.clock);
	int ret;

	if (limit.deadline != SHS_FOREVER && !chance(me, 3))
		once.cmd = SHS_ONCE_WAIT;
	ret = on_time(me, &limit, shs_once(&me->att[ONCE], &once));
	if (!got(me, "once", ret))
		return;
	if (once.cmd != SHS_ONCE_BEGIN || once.state != SHS_ONCE_RUNNING)
		wrong(me, "once %u: state %u", once.cmd, once.state);
	if (me->exact) {
		if (!ret && me->common->inside)
			wrong(me, "once: runs already");
		me->common->inside = me->name;
		linger(me);
		if (me->common->inside != me->name)
			wrong(me, "once: ran twice at a time");
		me->common->inside = 0;
	}
	must(me, "abandon", shs_once(&me->att[ONCE], &SHS_ONCE(.cmd = SHS_ONCE_ABANDON)));
}

/*
 * A queue: who takes waits for a condition, and each thing put in wakes one. So a
 * notify that is lost with its receiver leaves one waiting beside a full queue.
 */
static void notify(struct thread *me, __u64 count)
{
	must(me, "notify", operate(me, CONDVAR, &SHS_OP(NOTIFY, .arg = count)));
}

static void put(struct thread *me, volatile __u64 *queue)
{
	struct tally *tally = &me->tally[QUEUE_PUT];
	__u64 number = queue[PUT];

	if (number - queue[TAKEN] >= PLACES)
		return;
	queue[PLACE + number % PLACES] = number + 1;
	linger(me);
	tally->begun++;
	queue[PUT] = number + 1;
	tally->done++;
	linger(me);
	notify(me, 1);
}

static void take(struct thread *me, volatile __u64 *queue)
{
	struct tally *tally = &me->tally[QUEUE_TAKEN];
	__u64 number = queue[TAKEN];

	if (queue[PLACE + number % PLACES] != number + 1)
		wrong(me, "took %llu for %llu", queue[PLACE + number % PLACES], number + 1);
	linger(me);
	tally->begun++;
	queue[TAKEN] = number + 1;
	tally->done++;
}

/* Holding the mutex; false: no longer. */
static bool wait_for_something(struct thread *me, volatile __u64 *queue)
{
	struct limit limit;
	int ret;

	while (queue[PUT] == queue[TAKEN]) {
		if (__atomic_load_n(&me->common->stop, __ATOMIC_ACQUIRE) == 2)
			return true;
		limit = some_limit(me);
		ret = shs_wait(&me->att[CONDVAR], &SHS_WAIT(.mutex_fd = me->att[QUEUE].fd,
				.deadline = limit.deadline, .clock = limit.clock));
		if (ret == -EOWNERDEAD)
			notify(me, ~0ULL);
		else if (ret == -ETIMEDOUT)
			return true;
		else if (ret) {
			wrong(me, "wait: %d", ret);
			return false;
		}
	}
	return true;
}

static void use_queue(struct thread *me)
{
	volatile __u64 *queue = shs_value(&me->att[QUEUE]);
	int ret = lock(me, QUEUE, SHS_MODE_EXCLUSIVE);

	if (!got(me, "lock of the queue", ret))
		return;
	/* The dead may have put something in and not come to tell. */
	if (ret)
		notify(me, ~0ULL);
	if (queue[PUT] - queue[TAKEN] > PLACES)
		wrong(me, "queue: put %llu, taken %llu", queue[PUT], queue[TAKEN]);
	if (chance(me, 2)) {
		put(me, queue);
	} else {
		if (!wait_for_something(me, queue))
			return;
		if (queue[PUT] != queue[TAKEN])
			take(me, queue);
	}
	unlock(me, QUEUE, SHS_MODE_EXCLUSIVE, 0);
}

/*
 * Counter: by all doors, and without one
 */
static int add_batch(struct thread *me)
{
	struct shs_ioc_op ops[3];

	for (int i = 0; i < 3; i++)
		ops[i] = SHS_OP(ADD, .arg = 1);
	return shs_batch(me->fd[COUNTER], &SHS_BATCH(ops));
}

static void use_counter(struct thread *me)
{
	struct tally *tally = &me->tally[COUNT];
	struct shs_ioc_op op = SHS_OP(LOAD);

	switch (chance(me, 4)) {
	case 0:
		tally->begun++;
		must(me, "add", operate(me, COUNTER, &SHS_OP(ADD, .arg = 1)));
		tally->done++;
		break;
	case 1:
		tally->begun++;
		++*(volatile __s64 *)shs_lane(&me->att[COUNTER], me->number);
		tally->done++;
		break;
	case 2:
		tally->begun += 3;
		must(me, "batch", add_batch(me));
		tally->done += 3;
		break;
	default:
		must(me, "load", operate(me, COUNTER, &op));
		if (op.result < me->seen)
			wrong(me, "counter went back from %llu to %llu", me->seen, op.result);
		me->seen = op.result;
	}
}

/*
 * Cell: all its words are the same, always
 */
static void check_cell(struct thread *me, const __u64 *words, const char *what)
{
	for (int i = 1; i < CELL_WORDS; i++)
		if (words[i] != words[0])
			wrong(me, "a torn cell by %s", what);
}

static volatile __u64 *slot(const struct shs_att *att, __u64 sequence)
{
	return (void *)((char *)shs_value(att) + (sequence & 1) * att->is.slot_stride);
}

static void store_mapped(struct thread *me, const __u64 *words)
{
	const struct shs_att *att = &me->att[CELL];
	volatile __u64 *hidden;
	__u64 sequence;

	if (!got(me, "lock of the cell", lock(me, CELL, SHS_MODE_EXCLUSIVE)))
		return;
	sequence = __atomic_load_n(&att->shared->sequence, __ATOMIC_RELAXED);
	hidden = slot(att, sequence + 1);
	for (int i = 0; i < CELL_WORDS; i++) {
		hidden[i] = words[i];
		if (i == 2)
			linger(me);
	}
	__atomic_store_n(&att->shared->sequence, sequence + 1, __ATOMIC_RELEASE);
	linger(me);
	unlock(me, CELL, SHS_MODE_EXCLUSIVE, 0);
}

static void load_mapped(struct thread *me)
{
	const struct shs_att *att = &me->att[CELL];
	__u64 sequence = __atomic_load_n(&att->shared->sequence, __ATOMIC_ACQUIRE);
	__u64 words[CELL_WORDS];

	for (int i = 0; i < CELL_WORDS; i++)
		words[i] = slot(att, sequence)[i];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&att->shared->sequence, __ATOMIC_RELAXED) == sequence)
		check_cell(me, words, "a look at the page");
}

static void use_cell(struct thread *me)
{
	static const struct {
		__u32 op;
		bool old;	/* uses addr2 */
		const char *name;
	} ops[] = {
		{ SHS_OP_LOAD, false, "LOAD" }, { SHS_OP_STORE, false, "STORE" },
		{ SHS_OP_SWAP, true, "SWAP" }, { SHS_OP_TAKE, false, "TAKE" },
		{ SHS_OP_CMPXCHG, true, "CMPXCHG" },
	};
	int which = chance(me, ARRAY_SIZE(ops) + 2), ret;
	__u64 words[CELL_WORDS], old[CELL_WORDS] = { 0 };
	struct shs_ioc_op op;

	words[0] = shs_number(&me->random);
	for (int i = 1; i < CELL_WORDS; i++)
		words[i] = words[0];
	if (which == ARRAY_SIZE(ops))
		return store_mapped(me, words);
	if (which > ARRAY_SIZE(ops))
		return load_mapped(me);
	op = (struct shs_ioc_op){ .size = sizeof(op), .op = ops[which].op, .flags = SHS_OP_BYTES,
				  .addr = (unsigned long)words, .len = sizeof(words),
				  .addr2 = ops[which].old ? (unsigned long)old : 0 };
	ret = operate(me, CELL, &op);
	if (ret != -EREMCHG)
		got(me, ops[which].name, ret);
	check_cell(me, words, ops[which].name);
	check_cell(me, old, ops[which].name);
}

/*
 * Processes that are killed
 */
static const struct {
	void (*use)(struct thread *me);
	int object;
} uses[] = {
	{ use_mutex, MUTEX }, { use_mutex, MUTEX }, { operate_on_pair, MUTEX },
	{ write_rwlock, RWLOCK }, { read_rwlock, RWLOCK }, { read_rwlock, RWLOCK },
	{ upgrade_rwlock, RWLOCK }, { use_once, ONCE }, { use_queue, QUEUE },
	{ use_queue, QUEUE }, { use_counter, COUNTER }, { use_cell, CELL },
};

static void *work(void *argument)
{
	struct thread *me = argument;
	int which;

	while (!__atomic_load_n(&me->common->stop, __ATOMIC_ACQUIRE)) {
		which = chance(me, ARRAY_SIZE(uses));
		uses[which].use(me);
		if (me->exact)
			me->common->rounds[uses[which].object]++;
	}
	__atomic_fetch_add(me->ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* A child that has all descriptors of a process, until the parent lets it go. */
static void *leave_heir(void *argument)
{
	FIXTURE_DATA(stress) *self = argument;

	if (fork())
		return NULL;
	__atomic_fetch_add(&self->common->heirs, 1, __ATOMIC_RELAXED);
	shs_gate_pass(&self->gate);
	_exit(0);
}

static bool attach_all(const int *fd, struct shs_att *att)
{
	for (int i = 0; i < OBJECTS; i++)
		if (shs_attach(&att[i], fd[i]))
			return false;
	return true;
}

/* A process: one thread by both doors, the other without io_uring. */
static void be_killed(FIXTURE_DATA(stress) *self, int place, unsigned long serial)
{
	static struct shs_att att[2][OBJECTS];
	static struct thread thread[THREADS];
	static struct tally nothing[SUMS];
	pthread_t second, mother;

	for (int i = 0; i < 1 + self->hostile; i++)
		if (!attach_all(self->fd[i], att[i]))
			_exit(1);
	for (int i = 0; i < THREADS; i++) {
		bool hostile = self->hostile && i;

		thread[i] = (struct thread){
			.common = self->common,
			.fd = self->fd[hostile],
			.att = att[hostile],
			.tally = hostile ? nothing : self->common->tally[place][i],
			.random = SEED * (THREADS * serial + i + 1),
			.number = i,
			.name = 1 + place * THREADS + i,
			.ended = &self->common->ended[place],
			.exact = !hostile,
			.uring = i == 0 && shs_ring(),
		};
	}
	if (pthread_create(&second, NULL, work, &thread[1]))
		_exit(2);
	if (serial % HEIRS == HEIRS - 1 && pthread_create(&mother, NULL, leave_heir, self))
		_exit(3);
	work(&thread[0]);
	pthread_join(second, NULL);
	_exit(0);
}

static pid_t start(FIXTURE_DATA(stress) *self, int place)
{
	unsigned long serial = self->started++;
	pid_t child = shs_fork();

	if (!child)
		be_killed(self, place, serial);
	return child;
}

/*
 * A hostile process: whatever may be written is, again and again. Half of it goes to
 * the word, and half of that looks as if it meant something.
 */
static __u32 some_word(__u64 random)
{
	static const __u32 bits[] = { 0, SHS_WORD_WAITERS, SHS_WORD_DIED, SHS_WORD_KERNEL,
				      SHS_WORD_WAITERS | SHS_WORD_DIED, ~0U, SHS_WORD_OWNER, 0 };

	return random & 8 ? random >> 32 : bits[random & 7] | (random >> 32 & 255);
}

static void scribble(FIXTURE_DATA(stress) *self)
{
	static struct shs_att att[OBJECTS];
	__u64 state = SEED, random, *lane;
	volatile __u32 *shared;

	if (!attach_all(self->fd[1], att))
		_exit(1);
	for (unsigned int n = 0;; n++) {
		const struct shs_att *victim = &att[shs_number(&state) % OBJECTS];

		random = shs_number(&state);
		shared = (volatile __u32 *)victim->shared;
		if (shared)
			shared[random & 16 ? 0 : (random >> 5) % (victim->is.shared_size / 4)] =
				some_word(shs_number(&state));
		if (victim->is.lanes && !(random >> 20 & 63)) {
			lane = shs_lane(victim, 0);
			*lane = *lane ? 0 : random;
		}
		if (!(n & 255))
			sched_yield();
	}
}

/*
 * The test
 */
static void create(struct __test_metadata *_metadata, FIXTURE_DATA(stress) *self, int set)
{
	static const struct {
		__u32 kind, type, count;
	} objects[OBJECTS] = {
		[MUTEX] = { SHS_KIND_MUTEX, SHS_TYPE_U64, WORDS },
		[RWLOCK] = { SHS_KIND_RWLOCK, SHS_TYPE_U64, WORDS },
		[ONCE] = { SHS_KIND_ONCE, SHS_TYPE_NONE, 0 },
		[CONDVAR] = { SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0 },
		[QUEUE] = { SHS_KIND_MUTEX, SHS_TYPE_U64, QUEUE_WORDS },
		[COUNTER] = { SHS_KIND_COUNTER, SHS_TYPE_I64, 1 },
		[CELL] = { SHS_KIND_CELL, SHS_TYPE_BYTES, 8 * CELL_WORDS },
	};

	for (int i = 0; i < OBJECTS; i++) {
		self->fd[set][i] = shs_create(objects[i].kind, objects[i].type, objects[i].count);
		ASSERT_LE(0, self->fd[set][i]);
		ASSERT_EQ(0, shs_attach(&self->att[set][i], self->fd[set][i]));
	}
}

FIXTURE_SETUP(stress)
{
	unsigned long processes = shs_scale(4 * PROCESSES);

	SHS_MOUNT("size=64m,size_user=64m");
	ASSERT_EQ(0, statfs(SHS_DIR, &self->before));
	/* The children of the killed become ours. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	self->gate = shs_pipe();
	self->common = shs_common(sizeof(*self->common));
	self->random = SEED;
	self->processes = processes < PROCESSES ? processes : PROCESSES;
	create(_metadata, self, 0);
}

FIXTURE_TEARDOWN(stress)
{
}

static bool is_wrong(FIXTURE_DATA(stress) *self)
{
	return __atomic_load_n(&self->common->wrong, __ATOMIC_RELAXED);
}

/* One that has come to its end already has done nothing wrong. */
static void kill_one(struct __test_metadata *_metadata, FIXTURE_DATA(stress) *self, int place,
		     bool may_have_ended)
{
	int status = shs_kill(self->child[place]);

	if (!may_have_ended || status)
		EXPECT_EQ(-SIGKILL, status);
	self->child[place] = 0;
	self->dead++;
}

/* However slow the machine: everything was used, and so many died of it. */
static bool enough(FIXTURE_DATA(stress) *self)
{
	for (int i = 0; i < OBJECTS; i++)
		if (i != CONDVAR && !self->common->rounds[i])
			return false;
	return self->dead >= self->kills;
}

static void kill_at_random(struct __test_metadata *_metadata, FIXTURE_DATA(stress) *self)
{
	self->common->stop = 0;
	memset(self->common->ended, 0, sizeof(self->common->ended));
	for (int i = 0; i < self->processes; i++)
		self->child[i] = start(self, i);
	for (int n = 0; n < EPISODE && !enough(self) && !is_wrong(self); n++) {
		struct timespec pace = { .tv_nsec = shs_number(&self->random) % (6 * SHS_MS) };
		int victim = shs_number(&self->random) % self->processes;

		ppoll(NULL, 0, &pace, NULL);
		kill_one(_metadata, self, victim, false);
		self->child[victim] = start(self, victim);
	}
}

/*
 * A mutex is taken back without a deadline; where its word may say anything, somebody
 * has to come by for that to be looked at again.
 */
static void come_by(FIXTURE_DATA(stress) *self)
{
	struct shs_att *queue = &self->att[1][QUEUE];

	sched_yield();
	if (!self->hostile)
		return;
	shs_lock_as(queue, &SHS_LOCK(.deadline = shs_now(SHS_CLOCK_MONOTONIC) + SHS_MS));
	shs_unlock(queue);
}

/* Those who wait for the queue, with all others gone, wait in vain: it is empty. */
static void check_waiters(struct __test_metadata *_metadata, FIXTURE_DATA(stress) *self)
{
	const struct shs_att *queue = &self->att[0][QUEUE];
	volatile __u64 *value = shs_value(queue);
	int told = shs_lock(queue);

	EXPECT_TRUE(held(told));
	if (!told && shs_info(self->fd[0][CONDVAR]).waiters)
		EXPECT_EQ(value[PUT], value[TAKEN]);
	__atomic_store_n(&self->common->stop, 2, __ATOMIC_RELEASE);
	EXPECT_EQ(0, shs_op(self->fd[0][CONDVAR], &SHS_OP(NOTIFY, .arg = ~0ULL)));
	EXPECT_EQ(0, shs_unlock(queue));
}

/* Whether each thread that lives has stopped, or waits for something to be put in. */
static bool all_stopped(FIXTURE_DATA(stress) *self)
{
	int running = 0;

	for (int i = 0; i < self->processes; i++)
		if (self->child[i])
			running += THREADS - __atomic_load_n(&self->common->ended[i],
							     __ATOMIC_ACQUIRE);
	return running == shs_info(self->fd[0][CONDVAR]).waiters;
}

/*
 * Nobody begins anything. Half of all die where they stand: nobody comes by any more
 * who would put right what they leave, so the others get what they wait for from the
 * dead, and end by themselves.
 */
static void let_end(struct __test_metadata *_metadata, FIXTURE_DATA(stress) *self)
{
	int status;

	__atomic_store_n(&self->common->stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < self->processes; i++)
		if (shs_number(&self->random) & 1)
			kill_one(_metadata, self, i, true);
	while (!all_stopped(self))
		come_by(self);
	check_waiters(_metadata, self);
	for (int i = 0; i < self->processes; i++) {
		status = 0;
		while (self->child[i] && !waitpid(self->child[i], &status, WNOHANG))
			come_by(self);
		EXPECT_EQ(0, status);
	}
}

/* Free at once; or left by one who died, of which we are told. */
static int take_lock(struct __test_metadata *_metadata, const struct shs_att *att, bool pair)
{
	const __u64 *value = shs_value(att);
	int ret = shs_lock_as(att, &SHS_LOCK(.deadline = shs_now(SHS_CLOCK_MONOTONIC) +
					     1000 * SHS_MS));

	EXPECT_TRUE(held(ret)) TH_LOG("%d", ret);
	if (!ret && pair)
		EXPECT_EQ(value[FIRST], value[SECOND]);
	EXPECT_EQ(0, shs_unlock(att));
	return ret;
}

/* Nobody holds, nobody waits. Hostile words may tell of holders that never were. */
static void check_free(struct __test_metadata *_metadata, FIXTURE_DATA(stress) *self, int set)
{
	static const int lockable[] = { MUTEX, RWLOCK, QUEUE, CELL };
	enum { PAIRS = 2 };	/* so many of them */
	struct shs_ioc_once once = SHS_ONCE(.flags = SHS_ONCE_NOWAIT);
	struct shs_att fresh;

	for (int i = 0; i < OBJECTS; i++) {
		struct shs_ioc_info info = shs_info(self->fd[set][i]);

		EXPECT_EQ(0, info.waiters) TH_LOG("object %d", i);
		EXPECT_EQ(0, info.readers) TH_LOG("object %d", i);
		if (!set)
			EXPECT_EQ(0, info.state & ~SHS_STATE_OWNER_DIED) TH_LOG("object %d", i);
	}
	for (int i = 0; i < ARRAY_SIZE(lockable); i++) {
		ASSERT_EQ(0, shs_attach(&fresh, self->fd[set][lockable[i]]));
		if (set) {	/* a word may name who lives now: he gives it back */
			shs_unlock(&self->att[set][lockable[i]]);
			shs_unlock(&fresh);
		}
		if (take_lock(_metadata, &fresh, !set && i < PAIRS))
			EXPECT_EQ(0, take_lock(_metadata, &fresh, false));
		shs_detach(&fresh);
	}
	EXPECT_TRUE(held(shs_once(&self->att[set][ONCE], &once)));
	EXPECT_EQ(SHS_ONCE_RUNNING, once.state);
	EXPECT_EQ(0, shs_once(&self->att[set][ONCE], &SHS_ONCE(.cmd = SHS_ONCE_COMPLETE)));
	EXPECT_EQ(SHS_ONCE_DONE, shs_load(self->fd[set][ONCE], 0));
}

/* Each sum has all that was confirmed, and of the rest no more than was begun. */
static void check_sums(struct __test_metadata *_metadata, FIXTURE_DATA(stress) *self)
{
	const int *fd = self->fd[0];
	__u64 sum[SUMS] = {
		[MUTEX_PAIR] = shs_peek(fd[MUTEX], FIRST),
		[MUTEX_ADD] = shs_peek(fd[MUTEX], ADDED),
		[RWLOCK_PAIR] = shs_peek(fd[RWLOCK], FIRST),
		[RWLOCK_ADD] = shs_peek(fd[RWLOCK], ADDED),
		[QUEUE_PUT] = shs_peek(fd[QUEUE], PUT),
		[QUEUE_TAKEN] = shs_peek(fd[QUEUE], TAKEN),
		[COUNT] = shs_load(fd[COUNTER], 0),
	};

	for (int i = 0; i < SUMS; i++) {
		__u64 begun = 0, done = 0;

		for (int n = 0; n < PROCESSES * THREADS; n++) {
			begun += self->common->tally[n / THREADS][n % THREADS][i].begun;
			done += self->common->tally[n / THREADS][n % THREADS][i].done;
		}
		EXPECT_LE(done, sum[i]) TH_LOG("sum %d", i);
		EXPECT_GE(begun, sum[i]) TH_LOG("sum %d", i);
		/* A batch is three. */
		EXPECT_GE((i == COUNT ? 3 : 1) * THREADS * self->dead, begun - done);
	}
}

/* The heirs were the last to have anything of the dead. */
static void check_remains(struct __test_metadata *_metadata, FIXTURE_DATA(stress) *self)
{
	shs_gate_open(&self->gate);
	while (waitpid(-1, NULL, 0) > 0)
		;
	for (int set = 0; set < 1 + self->hostile; set++) {
		for (int i = 0; i < OBJECTS; i++) {
			EXPECT_EQ(1, shs_info(self->fd[set][i]).attachments);
			shs_detach(&self->att[set][i]);
			EXPECT_EQ(0, shs_info(self->fd[set][i]).attachments);
			SHS_AWAIT(self->fd[set][i], info.opens == 1);
			close(self->fd[set][i]);
		}
	}
}

/* The kernel may close the last of io_uring's files a little later than its process. */
static void check_limits(struct __test_metadata *_metadata, FIXTURE_DATA(stress) *self)
{
	__u64 limit = shs_now(SHS_CLOCK_MONOTONIC) + 300000 * SHS_MS;
	struct statfs now;

	do {
		ASSERT_EQ(0, statfs(SHS_DIR, &now));
	} while ((now.f_ffree != self->before.f_ffree || now.f_bfree != self->before.f_bfree) &&
		 shs_now(SHS_CLOCK_MONOTONIC) < limit && !sched_yield());
	EXPECT_EQ(self->before.f_ffree, now.f_ffree);
	EXPECT_EQ(self->before.f_bfree, now.f_bfree);
}

static void stress(struct __test_metadata *_metadata, FIXTURE_DATA(stress) *self)
{
	struct common *common = self->common;

	while (!enough(self) && !is_wrong(self)) {
		kill_at_random(_metadata, self);
		let_end(_metadata, self);
	}
	if (self->hostile)
		EXPECT_EQ(-SIGKILL, shs_kill(self->scribbler));
	for (int set = 0; set < 1 + self->hostile; set++)
		check_free(_metadata, self, set);
	check_sums(_metadata, self);
	check_remains(_metadata, self);
	check_limits(_metadata, self);
	EXPECT_EQ(0, common->wrong) TH_LOG("the first of them: %s", common->what);
	TH_LOG("seed %#llx, %lu processes, %lu kills, %d heirs, latest return %llu us",
	       SEED, self->processes, self->dead, common->heirs, common->late_ns / 1000);
	TH_LOG("rounds: mutex %llu rwlock %llu once %llu queue %llu counter %llu cell %llu",
	       common->rounds[MUTEX], common->rounds[RWLOCK], common->rounds[ONCE],
	       common->rounds[QUEUE], common->rounds[COUNTER], common->rounds[CELL]);
}

TEST_F_TIMEOUT(stress, death_at_random, 7200)
{
	self->kills = shs_soak() ? 30 * shs_soak() : shs_scale(300);
	stress(_metadata, self);
}

TEST_F_TIMEOUT(stress, hostile_ground, 7200)
{
	self->kills = shs_soak() ? 20 * shs_soak() : shs_scale(200);
	self->hostile = true;
	create(_metadata, self, 1);
	self->scribbler = shs_fork();
	if (!self->scribbler)
		scribble(self);
	stress(_metadata, self);
}

TEST_HARNESS_MAIN
