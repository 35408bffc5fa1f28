/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How honest processes of hostile_test use objects, by the library and by plain calls,
 * and what a call may say to them.
 */
#ifndef SHS_HOSTILE_H
#define SHS_HOSTILE_H

#include "lib.h"

#include <stdarg.h>

#define HOSTILE	2	/* so many of them */

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

static unsigned int chance(struct process *me, unsigned int below)
{
	return shs_number(&me->random) % below;
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
	if (set == CONTROL)		/* the patient is the first to die there */
		return what == OPERATE && ret == -EUCLEAN && me->common->stop;
	if (me->harmless)
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

#endif /* SHS_HOSTILE_H */
