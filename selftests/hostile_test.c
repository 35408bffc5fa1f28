// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile peers: processes that may write an object write random and replayed values
 * over all that they have mapped of it, and call at random, while others use it by the
 * library and by plain calls. The value is theirs to spoil. But every call returns what
 * is documented and soon after its deadline, everybody can be killed, what the same
 * processes do to other objects stays exact, nobody reaches a page that is the kernel's
 * or another attachment's, and with the hostile gone the object works again.
 */
#include "lib.h"

#include <poll.h>
#include <stdarg.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#define SEED	0x5eed0004ULL
#define HOSTILE	2
#define LONG_NS	(120000 * SHS_MS)	/* a guest may be starved for long */
#define PATTERN	0x5a		/* of thread slots that nobody is to write */

/* How they call: the patient one without a deadline, so that he may be killed waiting. */
enum { BY_LIBRARY, BY_CALLS, PATIENT, HONEST };

enum { MUTEX, RWLOCK, CELL, ATOMIC, COUNTER, CONDVAR, ONCE, KINDS };
enum { TARGET, CONTROL, SETS };
enum { FIRST, SECOND, ADDED, WORDS };

static const struct {
	__u32 kind, type, count;
} kinds[KINDS] = {
	[MUTEX] = { SHS_KIND_MUTEX, SHS_TYPE_U64, WORDS },
	[RWLOCK] = { SHS_KIND_RWLOCK, SHS_TYPE_U64, WORDS },
	[CELL] = { SHS_KIND_CELL, SHS_TYPE_BYTES, 8 * WORDS },
	[ATOMIC] = { SHS_KIND_ATOMIC, SHS_TYPE_U64, WORDS },
	[COUNTER] = { SHS_KIND_COUNTER, SHS_TYPE_I64, WORDS },
	[CONDVAR] = { SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0 },
	[ONCE] = { SHS_KIND_ONCE, SHS_TYPE_NONE, 0 },
};

struct object {
	int fd;			/* 0: not in this set */
	struct shs_object *lib;
	struct shs_att att;
};

/* What is added to the control group, in memory that outlives who adds. */
enum { PAIR_OF_MUTEX, PAIR_OF_RWLOCK, OF_MUTEX, OF_RWLOCK, OF_ATOMIC, OF_COUNTER,
       OF_TARGET, SUMS };	/* the last: of a counter that is the target */

struct tally {
	volatile __u64 begun, done;
};

struct common {
	int stop, wrong;		/* how often; what says it of the first */
	char what[200];
	__u64 late_ns;			/* the latest return after a deadline */
	__u32 living, dead, newest;	/* owner ids of the target, to write */
	volatile __u32 inside[SETS][KINDS];
	volatile __u64 rounds[HONEST], held[HONEST];
	struct tally tally[HONEST + HOSTILE][SUMS];
};

struct process {
	struct common *common;
	struct object (*set)[KINDS];
	struct tally *tally;
	__u64 random;
	int number;
	int kind;			/* of the target */
	__u32 flags;			/* SHS_INIT_* of it */
	bool harmless;			/* who is hostile to it may only read it */
};

FIXTURE(hostile) {
	struct common *common;
	struct statfs before;
	struct object set[SETS][KINDS];	/* the parent's attachments do nothing */
	struct process me;
	pid_t honest[HONEST], hostile[HOSTILE];
	unsigned long rounds, deaths;
};

FIXTURE_VARIANT(hostile) {
	int kind;
	__u32 flags;
	int access;	/* of the hostile */
};

#define VARIANT(name, kind_, flags_, access_) \
	FIXTURE_VARIANT_ADD(hostile, name) { .kind = kind_, .flags = flags_, .access = access_ }

VARIANT(mutex, MUTEX, 0, O_RDWR);
VARIANT(mutex_fifo, MUTEX, SHS_INIT_FIFO, O_RDWR);
VARIANT(mutex_recursive, MUTEX, SHS_INIT_RECURSIVE, O_RDWR);
VARIANT(mutex_strict, MUTEX, SHS_INIT_STRICT, O_RDWR);
VARIANT(mutex_detect, MUTEX, SHS_INIT_DETECT, O_RDWR);
VARIANT(mutex_commit, MUTEX, SHS_INIT_COMMIT, O_RDWR);
VARIANT(rwlock, RWLOCK, 0, O_RDWR);
VARIANT(rwlock_commit, RWLOCK, SHS_INIT_COMMIT, O_RDWR);
VARIANT(rwlock_detect, RWLOCK, SHS_INIT_DETECT, O_RDWR);
VARIANT(rwlock_readers, RWLOCK, 0, O_RDONLY);
VARIANT(cell, CELL, 0, O_RDWR);
VARIANT(cell_readers, CELL, 0, O_RDONLY);
VARIANT(atomic, ATOMIC, 0, O_RDWR);
VARIANT(counter, COUNTER, 0, O_RDWR);
VARIANT(counter_readers, COUNTER, 0, O_RDONLY);
VARIANT(condvar, CONDVAR, 0, O_RDWR);
VARIANT(once, ONCE, 0, O_RDWR);

/* The others use the library. */
static bool calls(const struct process *me)
{
	return me->number == BY_CALLS || me->number >= HONEST;
}

static void wrong(struct process *me, const char *format, ...)
{
	va_list list;

	if (__atomic_fetch_add(&me->common->wrong, 1, __ATOMIC_RELAXED))
		return;
	va_start(list, format);
	vsnprintf(me->common->what, sizeof(me->common->what), format, list);
	va_end(list);
}

static __u64 number(__u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dULL >> 8;
}

static unsigned int chance(struct process *me, unsigned int below)
{
	return number(&me->random) % below;
}

static __u64 some_deadline(struct process *me)
{
	return shs_now(SHS_CLOCK_MONOTONIC) + chance(me, 2 * SHS_MS);
}

/* Time in which something may come in between. */
static void linger(struct process *me)
{
	if (!chance(me, 8))
		sched_yield();
	for (volatile unsigned int i = chance(me, 100); i; i--)
		;
}

/*
 * What a call may say
 */
enum what { LOCK, UNLOCK, OPERATE, WAIT, RUN };

/* Of any object; which nobody can help if another may hold it, or dies holding it. */
static bool is_usual(struct process *me, enum what what, int set, int ret)
{
	if (ret == -EBUSY || ret == -ETIMEDOUT)
		return what != UNLOCK;
	if (set == CONTROL || me->harmless)
		return false;
	return (ret == -EOWNERDEAD && what != UNLOCK && what != OPERATE) ||
	       (ret == -EUCLEAN && what == OPERATE);
}

/* Only of one whose word the hostile may write. */
static bool is_spoilt(struct process *me, enum what what, int kind, int ret)
{
	if (me->harmless || (kind != MUTEX && kind != CELL && kind != CONDVAR))
		return false;
	if (ret == -EPERM)
		return what == UNLOCK || what == WAIT;
	return ret == -EAGAIN || (ret == -ENOTRECOVERABLE && me->flags & SHS_INIT_STRICT);
}

/* Whether it was done. */
static bool check(struct process *me, enum what what, int set, int kind, int ret)
{
	static const char *const name[] = { "lock", "unlock", "operation", "wait", "run" };
	bool detects = set == TARGET && me->flags & SHS_INIT_DETECT;

	if (ret >= 0)
		return true;
	if (!is_usual(me, what, set, ret) && !(ret == -EDEADLK && detects) &&
	    !(set == TARGET && is_spoilt(me, what, kind, ret)))
		wrong(me, "process %d, set %d, kind %d: %s: %d", me->number, set, kind,
		      name[what], ret);
	return ret == -EOWNERDEAD;
}

static int on_time(struct process *me, __u64 deadline, int ret)
{
	__u64 now = shs_now(SHS_CLOCK_MONOTONIC), late = now - deadline, most;

	if (deadline == SHS_FOREVER || now < deadline) {
		if (ret == -ETIMEDOUT)
			wrong(me, "too early by %llu ns", -late);
		return ret;
	}
	most = __atomic_load_n(&me->common->late_ns, __ATOMIC_RELAXED);
	while (late > most &&
	       !__atomic_compare_exchange_n(&me->common->late_ns, &most, late, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return ret;
}

/*
 * Locks
 */
static int lock_by_library(struct process *me, struct object *o, int kind, bool read,
			   __u32 *lane)
{
	bool patient = me->number == PATIENT;
	struct shs_deadline until = patient ? shs_deadline_never() :
			shs_deadline_at(SHS_CLOCK_MONOTONIC, some_deadline(me));
	int ret;

	if (!chance(me, 3))
		return kind == MUTEX ? shs_mutex_try_lock(o->lib) :
		       read ? shs_rwlock_try_read(o->lib, lane) : shs_rwlock_try_write(o->lib);
	if (kind == MUTEX)
		ret = patient ? shs_mutex_lock(o->lib) : shs_mutex_lock_until(o->lib, until);
	else if (read)
		ret = patient ? shs_rwlock_read(o->lib, lane) :
				shs_rwlock_read_until(o->lib, lane, until);
	else
		ret = shs_rwlock_write_until(o->lib, until);
	return on_time(me, until.ns, ret);
}

static int lock_by_call(struct process *me, struct object *o, bool read, __u32 *lane)
{
	__u64 until = some_deadline(me);

	*lane = read;
	return on_time(me, until, shs_lock_as(&o->att, &SHS_LOCK(.deadline = until,
			.mode = read ? SHS_MODE_READ : SHS_MODE_EXCLUSIVE, .lane = *lane)));
}

static int unlock(struct process *me, struct object *o, int kind, bool read, __u32 lane)
{
	if (calls(me))
		return shs_unlock_as(&o->att, &SHS_LOCK(.lane = lane,
				.mode = read ? SHS_MODE_READ : SHS_MODE_EXCLUSIVE));
	return kind == MUTEX ? shs_mutex_unlock(o->lib) :
	       read ? shs_rwlock_read_unlock(o->lib, lane) : shs_rwlock_write_unlock(o->lib);
}

/* Where the value is for its holder. A hostile sequence may say the one slot or the other. */
static volatile __u64 *value_of(struct process *me, struct object *o, int kind)
{
	if (!calls(me))
		return kind == MUTEX ? shs_mutex_value(o->lib) : shs_rwlock_value(o->lib);
	return (void *)((char *)shs_value(&o->att) +
			(o->att.shared->sequence + 1) % 2 * o->att.is.slot_stride);
}

/* A rwlock and the turn of a once are the kernel's to give, whatever the hostile write. */
static bool is_exclusive(int set, int kind)
{
	return set == CONTROL || kind == RWLOCK || kind == ONCE;
}

static void enter(struct process *me, int set, int kind)
{
	if (__atomic_exchange_n(&me->common->inside[set][kind], me->number + 1,
				__ATOMIC_ACQ_REL) && is_exclusive(set, kind))
		wrong(me, "set %d, kind %d: two at a time", set, kind);
	linger(me);
}

static void leave(struct process *me, int set, int kind)
{
	__u32 *inside = (__u32 *)&me->common->inside[set][kind];

	linger(me);
	if (__atomic_exchange_n(inside, 0, __ATOMIC_ACQ_REL) != me->number + 1 &&
	    is_exclusive(set, kind))
		wrong(me, "set %d, kind %d: another came in", set, kind);
}

static void change(struct process *me, struct object *o, int set, int kind)
{
	struct tally *tally = &me->tally[kind == MUTEX ? PAIR_OF_MUTEX : PAIR_OF_RWLOCK];
	volatile __u64 *pair = value_of(me, o, kind);

	enter(me, set, kind);
	if (set == CONTROL && pair[FIRST] != pair[SECOND])
		wrong(me, "control: half a change");
	tally->begun += set == CONTROL;
	pair[FIRST]++;
	linger(me);
	pair[SECOND]++;
	if (set == TARGET && me->flags & SHS_INIT_COMMIT && !calls(me))
		shs_commit(o->lib);
	tally->done += set == CONTROL;
	leave(me, set, kind);
}

static void look(struct process *me, struct object *o, int set)
{
	volatile __u64 *pair = value_of(me, o, RWLOCK);
	__u64 first = pair[FIRST];

	linger(me);
	if (set == CONTROL && (pair[FIRST] != first || pair[SECOND] != first))
		wrong(me, "control: a change beside a reader");
	if (me->common->inside[set][RWLOCK])
		wrong(me, "set %d: a writer beside a reader", set);
}

/* What may have become of it since it was granted, its word says. */
static void recover(struct process *me, struct object *o)
{
	int ret = calls(me) ? shs_recover(&o->att) : shs_mutex_consistent(o->lib);

	if (ret && ret != -EPERM && ret != -EINVAL && ret != -EAGAIN)
		wrong(me, "recover: %d", ret);
}

static void use_lock(struct process *me, int set, int kind)
{
	struct object *o = &me->set[set][kind];
	bool read = kind == RWLOCK && chance(me, 3);
	__u32 lane = 0;
	int ret;

	ret = calls(me) ? lock_by_call(me, o, read, &lane) :
				       lock_by_library(me, o, kind, read, &lane);
	if (!check(me, LOCK, set, kind, ret))
		return;
	me->common->held[me->number] += set == TARGET;
	if (read)
		look(me, o, set);
	else
		change(me, o, set, kind);
	if (ret == -EOWNERDEAD && me->flags & SHS_INIT_STRICT && chance(me, 2))
		recover(me, o);
	check(me, UNLOCK, set, kind, unlock(me, o, kind, read, lane));
}

/*
 * Single operations
 */
static int operate(struct process *me, struct object *o, struct shs_ioc_op *op)
{
	op->deadline = me->number == PATIENT ? SHS_FOREVER : some_deadline(me);
	return on_time(me, op->deadline, calls(me) ? shs_op(o->fd, op) :
								  shs_object_op(o->lib, op));
}

static void add(struct process *me, int set, int kind)
{
	struct tally *tally = &me->tally[kind == MUTEX ? OF_MUTEX : OF_RWLOCK];
	struct object *o = &me->set[set][kind];
	struct shs_ioc_op op = SHS_OP(ADD, .index = ADDED, .arg = 1);

	if (set == TARGET && chance(me, 2))
		op.flags = SHS_OP_RECOVER;
	tally->begun += set == CONTROL;
	if (check(me, OPERATE, set, kind, operate(me, o, &op)))
		tally->done += set == CONTROL;
	else
		tally->begun -= set == CONTROL;
}

static void use_value(struct process *me, int set, int kind)
{
	if (chance(me, 3))
		use_lock(me, set, kind);
	else
		add(me, set, kind);
}

static int cell_operation(struct process *me, struct object *o, bool store, __u64 *words)
{
	struct shs_ioc_op op = SHS_OP(LOAD, .flags = SHS_OP_BYTES, .len = 8 * WORDS,
				      .addr = (unsigned long)words);

	if (me->number == PATIENT)
		return store ? shs_cell_store(o->lib, words, 8 * WORDS) :
			       shs_cell_load(o->lib, words, 8 * WORDS);
	op.op = store ? SHS_OP_STORE : SHS_OP_LOAD;
	return operate(me, o, &op);
}

/* Whole always, if who may only read is hostile. */
static void use_cell(struct process *me, int set, int kind)
{
	__u64 words[WORDS] = { me->random, me->random, me->random };
	struct object *o = &me->set[set][CELL];
	bool store = chance(me, 2), exact = set == CONTROL || me->harmless;
	int ret = cell_operation(me, o, store, words);

	if (check(me, OPERATE, set, CELL, ret) && exact && !store &&
	    (words[0] != words[1] || words[1] != words[2]))
		wrong(me, "set %d: a torn cell", set);
}

static void use_atomic(struct process *me, int set, int kind)
{
	struct tally *tally = &me->tally[OF_ATOMIC];
	struct object *o = &me->set[set][ATOMIC];
	int ret;

	if (!chance(me, 4)) {
		struct shs_ioc_op op = SHS_OP(WAIT, .index = 1);

		op.deadline = some_deadline(me);
		check(me, WAIT, set, ATOMIC, on_time(me, op.deadline, shs_op(o->fd, &op)));
		return;
	}
	tally->begun += set == CONTROL;
	if (calls(me))
		ret = shs_op(o->fd, &SHS_OP(FETCH_ADD, .arg = 1));
	else
		ret = shs_atomic_fetch_add(o->lib, 0, 1, SHS_SEQ_CST, NULL);
	tally->done += set == CONTROL;
	if (ret || (ret = shs_op(o->fd, &SHS_OP(NOTIFY, .index = 1, .arg = 1))))
		wrong(me, "set %d: atomic: %d", set, ret);
}

static void use_counter(struct process *me, int set, int kind)
{
	struct tally *tally = &me->tally[set == CONTROL ? OF_COUNTER : OF_TARGET];
	struct object *o = &me->set[set][COUNTER];
	int ret;

	tally->begun++;
	if (calls(me))
		ret = shs_op(o->fd, &SHS_OP(ADD, .arg = 1));
	else
		ret = shs_counter_add(o->lib, 0, 1);
	tally->done++;
	if (ret || (ret = shs_op(o->fd, &SHS_OP(LOAD))))
		wrong(me, "set %d: counter: %d", set, ret);
}

static int wait_beside(struct process *me, struct object *o, struct object *mutex)
{
	__u64 until = some_deadline(me);
	int ret;

	if (calls(me))
		ret = shs_wait(&o->att, &SHS_WAIT(.mutex_fd = mutex->att.fd, .deadline = until));
	else
		ret = shs_condvar_wait_until(o->lib, mutex->lib,
					     shs_deadline_at(SHS_CLOCK_MONOTONIC, until));
	return ret == -ETIMEDOUT ? on_time(me, until, ret) : ret;
}

static void use_condvar(struct process *me, int set, int kind)
{
	struct object *o = &me->set[set][CONDVAR], *mutex = &me->set[set][MUTEX];
	__u32 lane;
	int ret;

	ret = calls(me) ? lock_by_call(me, mutex, false, &lane) :
				       lock_by_library(me, mutex, MUTEX, false, &lane);
	if (!check(me, LOCK, set, MUTEX, ret))
		return;
	if (chance(me, 2))
		check(me, WAIT, set, CONDVAR, wait_beside(me, o, mutex));
	else if (calls(me))
		shs_op(o->fd, &SHS_OP(NOTIFY, .arg = 1));
	else
		shs_condvar_notify_one(o->lib);
	check(me, UNLOCK, set, MUTEX, unlock(me, mutex, MUTEX, false, 0));
}

static int begin_once(struct process *me, struct object *o)
{
	struct shs_ioc_once once = SHS_ONCE(.deadline = some_deadline(me));

	if (calls(me))
		return on_time(me, once.deadline, shs_once(&o->att, &once));
	return on_time(me, once.deadline, shs_once_begin(o->lib, 0,
			shs_deadline_at(SHS_CLOCK_MONOTONIC, once.deadline)));
}

/* Never done, so that there is always a next turn. */
static void use_once(struct process *me, int set, int kind)
{
	struct object *o = &me->set[set][ONCE];
	int ret;

	if (!check(me, RUN, set, ONCE, begin_once(me, o)))
		return;
	enter(me, set, ONCE);
	leave(me, set, ONCE);
	ret = calls(me) ?
	      shs_once(&o->att, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON)) : shs_once_abandon(o->lib);
	if (ret)
		wrong(me, "set %d: abandon: %d", set, ret);
}

static void (*const use[KINDS])(struct process *me, int set, int kind) = {
	use_value, use_value, use_cell, use_atomic, use_counter, use_condvar, use_once,
};

/*
 * Processes
 */

/* Thread slots that are filled, for it would be seen if anybody else wrote there. */
static bool attach(struct shs_att *att, int fd)
{
	if (shs_attach(att, fd))
		return false;
	memset(att->private + att->is.threads_offset, PATTERN,
	       att->is.private_size - att->is.threads_offset);
	return true;
}

/* Who holds nothing and wrote nothing finds it so. */
static bool is_untouched(const struct shs_att *att)
{
	const struct shs_private *head = (void *)att->private;
	__u32 i;

	if (head->used != ~0ULL)
		return false;
	for (i = sizeof(head->used); i < att->is.threads_offset; i++)
		if (att->private[i])
			return false;
	for (; i < att->is.private_size; i++)
		if (att->private[i] != PATTERN)
			return false;
	return true;
}

/* By calls the attachment is the test's own, else the library's. */
static bool join(struct object *o, bool library, __u32 *id)
{
	if (!library) {
		*id = attach(&o->att, o->fd) ? o->att.is.id : 0;
		return *id;
	}
	if (shs_object_from_fd(dup(o->fd), &o->lib) || shs_object_attach(o->lib))
		return false;
	*id = o->lib->id;
	return true;
}

static void join_all(struct process *me, int set, bool library)
{
	__u32 id;

	for (int i = 0; i < KINDS; i++) {
		if (!me->set[set][i].fd)
			continue;
		if (!join(&me->set[set][i], library, &id))
			_exit(1);
		if (set == CONTROL)
			continue;
		me->common->living = id;
		if (id > me->common->newest)
			me->common->newest = id;
	}
}

static void be_honest(struct process *me)
{
	const struct shs_att *att = &me->set[TARGET][me->kind].att;
	int kind;

	for (int set = 0; set < SETS; set++)
		join_all(me, set, me->number != BY_CALLS);
	while (!__atomic_load_n(&me->common->stop, __ATOMIC_ACQUIRE)) {
		kind = chance(me, KINDS);
		use[kind](me, CONTROL, kind);
		use[me->kind](me, TARGET, me->kind);
		me->common->rounds[me->number]++;
	}
	if (me->number == BY_CALLS && !is_untouched(att))
		wrong(me, "another attachment's private region was written");
	_exit(0);
}

/*
 * The hostile: whatever may be written is, again and again
 */
static __u32 some_word(struct process *me)
{
	struct common *common = me->common;
	__u32 ids[] = { 0, me->set[TARGET][me->kind].att.is.id, common->living, common->dead,
			common->newest + 1 + chance(me, 3), SHS_WORD_OWNER, 0,
			number(&me->random) & SHS_WORD_OWNER };

	return ids[chance(me, 8)] | chance(me, 8) << 29;
}

static __u64 some_number(struct process *me, __u64 old)
{
	__u64 random = number(&me->random) << 8 ^ number(&me->random);
	__u64 numbers[] = { 0, 1, ~0ULL, 1ULL << 63, old + 1, old - 1, random, random };

	return numbers[chance(me, 8)];
}

/* What was read here before is written again, and that which is here now later. */
static void replay(struct process *me, volatile __u64 *from, __u32 size)
{
	static struct {
		volatile __u64 *at;
		__u64 value;
	} seen[32];
	int i = chance(me, 32);

	if (seen[i].at)
		*seen[i].at = seen[i].value;
	seen[i].at = from + chance(me, (chance(me, 2) ? 256 : size) / sizeof(*from));
	seen[i].value = *seen[i].at;
}

static void scribble_shared(struct process *me, const struct shs_att *att)
{
	volatile __u64 *shared = (void *)att->shared, *at;

	switch (chance(me, 8)) {
	case 0:
		at = (void *)&att->shared->sequence;
		*at = some_number(me, *at);
		break;
	case 1:
		replay(me, shared, att->is.shared_size);
		break;
	case 2:
		at = (void *)((char *)shared + SHS_VALUE_OFFSET);
		at += chance(me, 2 * WORDS);
		*at = some_number(me, *at);
		break;
	case 3:
		at = shared + chance(me, att->is.shared_size / sizeof(*at));
		*at = some_number(me, *at);
		break;
	default:
		*(volatile __u32 *)&att->shared->word = some_word(me);
	}
}

static void scribble_private(struct process *me, const struct shs_att *att)
{
	volatile __u64 *private = (void *)att->private, *at;
	struct shs_thread *slots = (void *)(att->private + att->is.threads_offset);

	switch (chance(me, att->is.lanes ? 6 : 4)) {
	case 0:
		*private = some_number(me, *private);
		break;
	case 1:
		replay(me, private, att->is.private_size);
		break;
	case 2:
		at = private + chance(me, att->is.private_size / sizeof(*at));
		*at = some_number(me, *at);
		break;
	case 3:
		slots[chance(me, att->is.threads)].tid = chance(me, 2) ? gettid() : me->random;
		break;
	default:
		/* Else nobody would ever write. */
		for (int i = 0; i < att->is.lanes; i++)
			*(__u64 *)shs_lane(att, i) = 0;
		at = shs_lane(att, chance(me, att->is.lanes));
		*at = chance(me, 2) ? 0 : some_number(me, *at);
	}
}

static void *scribble(void *argument)
{
	struct process *me = argument;

	for (unsigned int n = 0;; n++) {
		const struct shs_att *att = &me->set[TARGET][me->kind].att;

		if (me->kind == CONDVAR && chance(me, 4))
			att = &me->set[TARGET][MUTEX].att;
		if (att->shared && !me->harmless && chance(me, 4))
			scribble_shared(me, att);
		else
			scribble_private(me, att);
		if (!(n & 63))
			sched_yield();
	}
	return NULL;
}

/* Any lock or unlock, conversion, look or operation; what comes of it is no matter. */
static void call_at_random(struct process *me, const struct object *o, const struct object *mutex)
{
	__u64 until = some_deadline(me);
	struct shs_ioc_lock lock = SHS_LOCK(.mode = chance(me, 3), .lane = chance(me, 3));
	struct shs_thread_info list[8];

	switch (chance(me, 10)) {
	case 0:
		lock.deadline = until;
		lock.flags = chance(me, 4);
		shs_lock_as(&o->att, &lock);
		break;
	case 1:
		shs_convert(&o->att, &SHS_CONVERT(.from = chance(me, 3), .to = chance(me, 3),
						  .deadline = chance(me, 2) ? until : 0));
		break;
	case 2:
		shs_ioctl(o->att.fd, SHS_IOC_WATCH, &(struct shs_ioc_watch){
				.size = sizeof(struct shs_ioc_watch), .flags = chance(me, 2) });
		break;
	case 3:
		shs_info(o->att.fd);
		shs_threads(o->att.fd, list, 8);
		shs_cycle(o->att.fd, list, 8);
		shs_text(o->fd);
		break;
	case 4:
		shs_once(&o->att, &SHS_ONCE(.flags = SHS_ONCE_NOWAIT));
		shs_once(&o->att, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON));
		break;
	case 5:
		shs_op(o->fd, &(struct shs_ioc_op){ .size = sizeof(struct shs_ioc_op),
				.op = 1 + chance(me, SHS_OP_WAIT), .flags = chance(me, 8) & ~1,
				.index = chance(me, WORDS), .deadline = until });
		break;
	case 6:
		shs_wait(&o->att, &SHS_WAIT(.mutex_fd = mutex->att.fd, .deadline = until));
		break;
	default:
		lock.flags = chance(me, 4);
		shs_unlock_as(&o->att, &lock);
	}
}

/* Its threads: one writes; one calls, and is honest to the control group. */
static void be_hostile(struct process *me)
{
	static struct process caller;
	pthread_t thread;

	for (int i = 0; i < KINDS; i++)
		if (me->harmless && me->set[TARGET][i].fd)
			me->set[TARGET][i].fd = shs_reopen(me->set[TARGET][i].fd, O_RDONLY);
	for (int set = 0; set < SETS; set++)
		join_all(me, set, false);
	caller = *me;
	caller.random ^= SEED;
	if (pthread_create(&thread, NULL, scribble, me))
		_exit(2);
	for (;;) {
		struct object *mutex = &caller.set[TARGET][MUTEX];

		call_at_random(&caller, &caller.set[TARGET][me->kind], mutex);
		if (me->kind == CONDVAR)
			call_at_random(&caller, mutex, mutex);
		add(&caller, CONTROL, chance(&caller, 2) ? MUTEX : RWLOCK);
		use_counter(&caller, CONTROL, COUNTER);
		linger(&caller);
	}
}

/* number: of the honest, and beyond them of the hostile. */
static pid_t start(FIXTURE_DATA(hostile) *self, int number)
{
	static __u64 serial;
	pid_t child;

	self->me.number = number;
	self->me.tally = self->common->tally[number];
	self->me.random = SEED * ++serial;
	child = shs_fork();
	if (child)
		return child;
	if (number < HONEST)
		be_honest(&self->me);
	be_hostile(&self->me);
	_exit(0);
}

/*
 * The test
 */
static void create(struct __test_metadata *_metadata, struct object *o, int kind, __u32 flags)
{
	o->fd = shs_create_as(&SHS_INIT(.kind = kinds[kind].kind, .type = kinds[kind].type,
					.count = kinds[kind].count, .flags = flags));
	ASSERT_LT(0, o->fd);
	ASSERT_TRUE(attach(&o->att, o->fd));
}

FIXTURE_SETUP(hostile)
{
	SHS_MOUNT("size=64m,size_user=64m");
	ASSERT_EQ(0, statfs(SHS_DIR, &self->before));
	self->common = shs_common(sizeof(*self->common));
	self->rounds = shs_scale(150);
	self->deaths = shs_scale(20);
	self->me = (struct process){ .common = self->common, .set = self->set,
				     .kind = variant->kind, .flags = variant->flags,
				     .harmless = variant->access == O_RDONLY };
	create(_metadata, &self->set[TARGET][variant->kind], variant->kind, variant->flags);
	if (variant->kind == CONDVAR)
		create(_metadata, &self->set[TARGET][MUTEX], MUTEX, 0);
	for (int i = 0; i < KINDS; i++)
		create(_metadata, &self->set[CONTROL][i], i, 0);
}

FIXTURE_TEARDOWN(hostile)
{
}

/* Who waits for a word that says anything is served when somebody comes by. */
static void come_by(FIXTURE_DATA(hostile) *self)
{
	struct shs_att *mutex = &self->set[TARGET][MUTEX].att;
	struct timespec pace = { .tv_nsec = SHS_MS };

	ppoll(NULL, 0, &pace, NULL);
	if (self->me.kind != CONDVAR)
		return;
	shs_lock_as(mutex, &SHS_LOCK(.flags = SHS_LOCK_NOWAIT));
	shs_unlock(mutex);
}

/* Ends by itself or by the signal; false: not even so, or not in time. */
static bool ends(FIXTURE_DATA(hostile) *self, pid_t child, int number, int *status)
{
	__u64 limit = shs_now(SHS_CLOCK_MONOTONIC) + LONG_NS;

	if (number)
		kill(child, number);
	while (!shs_is_gone(child)) {
		if (shs_now(SHS_CLOCK_MONOTONIC) > limit)
			return false;
		come_by(self);
	}
	*status = shs_reap(child);
	return true;
}

/* Whether those who have deadlines all went on since. */
static bool go_on(FIXTURE_DATA(hostile) *self, const __u64 *before)
{
	__u64 limit = shs_now(SHS_CLOCK_MONOTONIC) + LONG_NS;

	for (int i = 0; i < PATIENT; i++)
		while (self->common->rounds[i] == before[i]) {
			if (shs_now(SHS_CLOCK_MONOTONIC) > limit || shs_is_gone(self->honest[i]))
				return false;
			come_by(self);
		}
	return true;
}

static void storm(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	volatile __u64 *rounds = self->common->rounds;
	int status, i;

	for (i = 0; i < HONEST + HOSTILE; i++)
		*(i < HONEST ? &self->honest[i] : &self->hostile[i - HONEST]) = start(self, i);
	for (unsigned long n = 0; n < self->deaths || rounds[BY_LIBRARY] < self->rounds ||
				  rounds[BY_CALLS] < self->rounds; n++) {
		__u64 before[] = { rounds[BY_LIBRARY], rounds[BY_CALLS] };

		ASSERT_TRUE(go_on(self, before)) TH_LOG("rounds %llu %llu: a call does not return",
							rounds[0], rounds[1]);
		i = n % HOSTILE;
		self->common->dead = self->common->newest;
		ASSERT_TRUE(ends(self, self->hostile[i], SIGKILL, &status));
		ASSERT_EQ(-SIGKILL, status);
		self->hostile[i] = start(self, HONEST + i);
	}
}

static void calm(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	int status;

	for (int i = 0; i < HOSTILE; i++) {
		ASSERT_TRUE(ends(self, self->hostile[i], SIGKILL, &status));
		ASSERT_EQ(-SIGKILL, status);
	}
	__atomic_store_n(&self->common->stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < HONEST; i++) {
		ASSERT_TRUE(ends(self, self->honest[i], i == PATIENT ? SIGKILL : 0, &status))
			TH_LOG("honest process %d does not end", i);
		if (i != PATIENT || status)
			EXPECT_EQ(i == PATIENT ? -SIGKILL : 0, status);
	}
}

/* As the kernel leaves it when nobody holds or waits: nothing but what is at its place. */
static void check_page(struct __test_metadata *_metadata, const struct object *o, int kind)
{
	struct shs_control is = *o->att.control;
	const char *byte = (const char *)o->att.control;
	__u32 used = SHS_VALUE_OFFSET + (kind == COUNTER ? 8 * WORDS : 0);

	EXPECT_GE(kind == RWLOCK, is.bias);
	is.bias = 0;
	EXPECT_EQ(0, memcmp(&is, &(struct shs_control){ 0 }, sizeof(is)))
		TH_LOG("kind %d: wpending %u once %u waiting %u", kind, is.wpending, is.once,
		       is.waiting);
	while (used < o->att.is.control_size && !byte[used])
		used++;
	EXPECT_EQ(o->att.is.control_size, used);
	EXPECT_TRUE(is_untouched(&o->att));
}

static void detach(struct __test_metadata *_metadata, struct shs_att *att)
{
	EXPECT_EQ(0, munmap(att->private, att->is.private_size));
	EXPECT_EQ(0, munmap((void *)att->control, att->is.control_size));
	if (att->shared)
		EXPECT_EQ(0, munmap(att->shared, att->is.shared_size));
	EXPECT_EQ(0, close(att->fd));
}

static bool is_locked(int ret)
{
	return ret == 0 || ret == -EOWNERDEAD;
}

/*
 * A word may name whoever attaches next, who then gives it back; if it is recursive,
 * his thread did not take it, and it is free when he ends.
 */
static void attach_to_free(struct __test_metadata *_metadata, struct object *o)
{
	int ret = -EBUSY;

	for (int i = 0; i < 2 && ret == -EBUSY; i++) {
		if (i)
			detach(_metadata, &o->att);
		ASSERT_TRUE(attach(&o->att, o->fd));
		shs_unlock(&o->att);
		ret = shs_trylock(&o->att);
	}
	if (ret == -ENOTRECOVERABLE)
		ret = shs_op(o->fd, &SHS_OP(WRITE, .flags = SHS_OP_RECOVER)) ?:
		      shs_trylock(&o->att);
	EXPECT_TRUE(is_locked(ret)) TH_LOG("%d, word %#x", ret, o->att.shared->word);
	if (ret == -EOWNERDEAD)
		shs_recover(&o->att);
	EXPECT_EQ(0, shs_unlock(&o->att));
}

/* It is what it would be without a past but for its value, and does what it is for. */
static void check_works(struct __test_metadata *_metadata, struct object *o, int kind, __u32 flags)
{
	__u32 kernel = flags & (SHS_INIT_FIFO | SHS_INIT_RECURSIVE | SHS_INIT_DETECT) ?
		       SHS_WORD_KERNEL : 0;
	__u64 words[WORDS] = { 1, 2, 3 }, found[WORDS] = { 0 };
	struct shs_ioc_op put, get;

	attach_to_free(_metadata, o);
	if (kind != RWLOCK)
		EXPECT_EQ(kernel, o->att.shared->word);
	put = SHS_OP(STORE, .flags = SHS_OP_BYTES, .len = sizeof(words),
		     .addr = (unsigned long)words);
	get = SHS_OP(LOAD, .flags = SHS_OP_BYTES, .len = sizeof(words),
		     .addr = (unsigned long)found);
	if (kind != CELL) {
		put.op = SHS_OP_WRITE;
		get.op = SHS_OP_READ;
	}
	EXPECT_EQ(0, shs_op(o->fd, &put));
	EXPECT_EQ(0, shs_op(o->fd, &get));
	EXPECT_EQ(0, memcmp(words, found, sizeof(words)));
	EXPECT_EQ(0, get.notice);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, shs_trylock(&o->att));
		EXPECT_EQ(0, shs_unlock(&o->att));
	}
}

static void check_target(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	for (int i = 0; i < KINDS; i++) {
		struct object *o = &self->set[TARGET][i];
		struct shs_ioc_info info;

		if (!o->fd)
			continue;
		info = shs_info(o->fd);
		EXPECT_EQ(1, info.attachments);
		EXPECT_EQ(0, info.waiters);
		EXPECT_EQ(0, info.readers);
		EXPECT_EQ(0, info.state & SHS_STATE_WATCHED);
		check_page(_metadata, o, i);
		detach(_metadata, &o->att);
		if (i == MUTEX || i == RWLOCK || i == CELL)
			check_works(_metadata, o, i, self->me.flags);
		else
			ASSERT_TRUE(attach(&o->att, o->fd));
	}
}

static void check_sums(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	const struct object *o = self->set[CONTROL];
	__u64 sum[SUMS] = {
		[PAIR_OF_MUTEX] = shs_peek(o[MUTEX].fd, FIRST),
		[PAIR_OF_RWLOCK] = shs_peek(o[RWLOCK].fd, FIRST),
		[OF_MUTEX] = shs_peek(o[MUTEX].fd, ADDED),
		[OF_RWLOCK] = shs_peek(o[RWLOCK].fd, ADDED),
		[OF_ATOMIC] = shs_load(o[ATOMIC].fd, 0),
		[OF_COUNTER] = shs_load(o[COUNTER].fd, 0),
	};
	bool exact = self->me.kind == COUNTER && self->me.harmless;

	if (exact)
		sum[OF_TARGET] = shs_load(self->set[TARGET][COUNTER].fd, 0);
	for (int i = 0; i < SUMS - !exact; i++) {
		__u64 begun = 0, done = 0;

		for (int n = 0; n < HONEST + HOSTILE; n++) {
			begun += self->common->tally[n][i].begun;
			done += self->common->tally[n][i].done;
		}
		EXPECT_LE(done, sum[i]) TH_LOG("sum %d", i);
		EXPECT_GE(begun, sum[i]) TH_LOG("sum %d", i);
	}
}

static void check_control(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	for (int i = 0; i < KINDS; i++) {
		struct object *o = &self->set[CONTROL][i];

		check_page(_metadata, o, i);
		if (i == MUTEX || i == RWLOCK)
			EXPECT_TRUE(is_locked(shs_trylock(&o->att)));
	}
}

static void check_remains(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	struct statfs now;

	for (int i = 0; i < SETS * KINDS; i++) {
		struct object *o = &self->set[i / KINDS][i % KINDS];

		if (!o->fd)
			continue;
		detach(_metadata, &o->att);
		EXPECT_EQ(0, shs_info(o->fd).attachments);
		EXPECT_EQ(1, shs_info(o->fd).opens);
		close(o->fd);
	}
	ASSERT_EQ(0, statfs(SHS_DIR, &now));
	EXPECT_EQ(self->before.f_ffree, now.f_ffree);
	EXPECT_EQ(self->before.f_bfree, now.f_bfree);
}

TEST_F_TIMEOUT(hostile, storm, 1200)
{
	struct common *common = self->common;

	storm(_metadata, self);
	calm(_metadata, self);
	EXPECT_EQ(0, common->wrong) TH_LOG("the first of them: %s", common->what);
	EXPECT_GT(LONG_NS, common->late_ns);
	check_sums(_metadata, self);
	check_target(_metadata, self);
	check_control(_metadata, self);
	check_remains(_metadata, self);
	TH_LOG("rounds %llu %llu %llu, held %llu %llu %llu, latest return %llu us",
	       common->rounds[0], common->rounds[1], common->rounds[2], common->held[0],
	       common->held[1], common->held[2], common->late_ns / 1000);
}

/*
 * What is not writable does not become so, by any way a process has into its memory.
 */
static int write_by_any_way(const struct shs_att *att, off_t region, void *map, size_t size)
{
	struct iovec from = { (void *)"!", 1 }, to = { map, 1 };
	int mem = open("/proc/self/mem", O_RDWR), zero = open("/dev/zero", O_RDONLY);

	if (mprotect(map, size, PROT_READ | PROT_WRITE) != -1 || errno != EACCES)
		return 1;
	if (shs_map(att, region, size, PROT_READ | PROT_WRITE) != MAP_FAILED)
		return 2;
	if (mem < 0 || pwrite(mem, "!", 1, (off_t)(unsigned long)map) > 0)
		return 3;
	if (zero < 0 || read(zero, map, 1) != -1 || errno != EFAULT)
		return 4;
	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) > 0)
		return 5;
	madvise(map, size, MADV_DONTNEED);
	madvise(map, size, MADV_REMOVE);
	*(volatile char *)map = '!';
	return 6;
}

static int be_refused(int fd, bool shared)
{
	struct shs_att att;

	if (shs_attach_only(&att, fd))
		return 11;
	if (shs_map(&att, shared ? SHS_MMAP_SHARED : SHS_MMAP_CONTROL, shared ?
		    att.is.shared_size : att.is.control_size, PROT_READ | PROT_WRITE) !=
	    MAP_FAILED || errno != EACCES)
		return 12;
	if (shs_map_all(&att))
		return 13;
	if (shared)
		return write_by_any_way(&att, SHS_MMAP_SHARED, att.shared, att.is.shared_size);
	return write_by_any_way(&att, SHS_MMAP_CONTROL, (void *)att.control,
				att.is.control_size);
}

TEST_F(hostile, reach)
{
	struct object *o = &self->set[TARGET][variant->kind];
	int fd = shs_reopen(o->fd, variant->access);

	ASSERT_LE(0, fd);
	for (int shared = 0; shared < 2; shared++) {
		pid_t child;

		if (shared && (!o->att.shared || variant->access == O_RDWR))
			continue;
		child = shs_fork();
		if (!child)
			_exit(be_refused(fd, shared));
		EXPECT_EQ(-SIGSEGV, shs_reap(child));
	}
	check_page(_metadata, o, variant->kind);
	if (o->att.shared)
		for (__u32 i = sizeof(__u32); i < o->att.is.shared_size; i++)
			ASSERT_EQ(0, ((char *)o->att.shared)[i]);
}

TEST_HARNESS_MAIN
