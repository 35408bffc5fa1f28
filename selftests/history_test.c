// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linearizability: short histories of 4 to 8 processes on one object, recorded as they
 * happen, kills included, and searched for one order that explains them (lin.c) by what
 * the kind of object does in sequence (history_model.c).
 *
 * Call and return are moments of a counter that all processes share, so what is in
 * order there was in order. Records are written in shared memory, the call before it
 * begins: a process that is killed leaves behind what it was about to do.
 *
 * Processes live for many histories; between two the object is set to a known state by
 * the parent, at once: that fails if anything still holds it.
 */
#include "shs.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include "history.h"
#include "history_planted.h"

#define SEED		0x5eed0002ULL
#define OPS_EACH	24	/* records of a process */
#define BATCH		100	/* histories, after which another object is used */
#define OBJECTS_MAX	100	/* at a time */
#define CELL_WORDS	512	/* the largest */
#define STUCK_NS	(120000 * SHS_MS)	/* a guest may be starved for long */

#define STOP (~0U)

enum program { ATOMIC, ATOMIC_WAIT, ADDS, LANES, SUMS, LOCK, CONDVAR, ONCE, CELL };

enum { OBJECT, MUTEX, OBJECTS };

struct record {
	volatile __u32 n;
	volatile __u32 lingers;		/* will be killed, and waits for that */
	volatile __u32 idle;		/* finished, or in a call that others must end */
	__u32 round;			/* that it is to take part in, or STOP */
	volatile __u32 finished;	/* last round */
	struct hist_op op[OPS_EACH];
};

/* Memory common to all processes. */
struct common {
	__u32 sequence;
	__u32 round;
	__u32 events;			/* that the parent wants to know of */
	__u32 processes, steps, number;	/* of this round; number: of the history, in its batch */
	__u32 victim, last_step;	/* of who lingers from then on; or HIST_WHO */
	__u32 doomed, doom_step;	/* of who is killed at any moment from then on */
	__u64 seed, amount;
	struct record record[HIST_WHO];
};

/* What a test wants. */
struct plan {
	enum program program;
	__u32 kind, type, count, flags;
	unsigned int histories, kill;	/* one in so many histories has kills; 0: none */
};

/* One process, the parent too. */
struct me {
	const struct plan *plan;
	struct common *common;
	struct record *record;
	const int (*fd)[OBJECTS];
	struct shs_att att[OBJECTS];
	int attached;			/* number of the object, or -1 */
	unsigned int who;
	__u64 random, seen;
	int mode, depth;		/* what is held, -1: nothing */
	__u32 round;			/* before its first one */
};

static void attach(struct me *me, int number);
static void detach(struct me *me);

/*
 * Chance
 */
static unsigned int chance(struct me *me, unsigned int below)
{
	return shs_number(&me->random) % below;
}

/* Lets others run: between operations, and between one and its record. */
static void linger(struct me *me)
{
	if (!chance(me, 16))
		sched_yield();
}

/* A number that nobody else writes in this history, not 0, and fits every type but bool. */
static __u64 own_number(struct me *me)
{
	return hist_wrap(me->plan->type, 1 + me->who * 13 + me->record->n % 13);
}

/*
 * Records
 */
static __u32 moment(struct common *common)
{
	return __atomic_add_fetch(&common->sequence, 1, __ATOMIC_SEQ_CST);
}

static void futex(__u32 *word, int what, __u32 value, const struct timespec *limit)
{
	syscall(SYS_futex, word, what, value, limit, NULL, 0);
}

static void tell_parent(struct common *common)
{
	__atomic_add_fetch(&common->events, 1, __ATOMIC_SEQ_CST);
	futex(&common->events, FUTEX_WAKE, 1, NULL);
}

static bool all_idle(const struct common *common)
{
	for (unsigned int who = 0; who < common->processes; who++)
		if (!__atomic_load_n(&common->record[who].idle, __ATOMIC_SEQ_CST))
			return false;
	return true;
}

static void set_idle(struct me *me, bool idle)
{
	__atomic_store_n(&me->record->idle, idle, __ATOMIC_SEQ_CST);
	if (idle && all_idle(me->common))
		tell_parent(me->common);
}

static void wait_to_be_killed(struct me *me)
{
	me->record->lingers = 1;
	tell_parent(me->common);
	for (;;)
		pause();
}

/* It does not come back before somebody else has done something. */
static bool may_wait_for_others(const struct hist_op *op)
{
	return !(op->flags & (HIST_NOWAIT | HIST_EXPIRED)) &&
	       (op->act == HIST_WAIT || op->act == HIST_BEGIN || op->act == HIST_WATCH ||
		(op->act == HIST_OP && op->op == SHS_OP_WAIT));
}

static struct hist_op *call(struct me *me, struct hist_op asked)
{
	struct record *record = me->record;
	struct hist_op *op = &record->op[record->n];

	linger(me);
	/* better while it holds something */
	if (me->common->victim == me->who && record->n >= me->common->last_step &&
	    (me->mode >= 0 || !chance(me, 4)))
		wait_to_be_killed(me);
	asked.who = me->who;
	asked.call = asked.ret = asked.done = 0;
	*op = asked;
	__atomic_store_n(&record->n, record->n + 1, __ATOMIC_RELEASE);
	if (me->common->doomed == me->who && record->n == me->common->doom_step + 1)
		tell_parent(me->common);
	if (may_wait_for_others(op))
		set_idle(me, true);
	op->call = moment(me->common);
	linger(me);
	return op;
}

/* What came of it is in op already, or else comes before done. */
static void done(struct me *me, struct hist_op *op, int err)
{
	op->err = err;
	__atomic_store_n(&op->done, 1, __ATOMIC_RELEASE);
	if (may_wait_for_others(op))
		set_idle(me, false);
}

static void returned(struct me *me, struct hist_op *op, int err)
{
	op->ret = moment(me->common);
	done(me, op, err);
}

static bool is_full(const struct me *me)
{
	return me->record->n == OPS_EACH;
}

#define DO(name, ...) ((struct hist_op){ .act = HIST_##name, ##__VA_ARGS__ })

/* Limits of waiting: none, or one of the ways not to wait. */
static __u8 some_limit(struct me *me)
{
	static const __u8 limit[] = { 0, 0, 0, HIST_NOWAIT, HIST_EXPIRED };

	return limit[chance(me, 5)];
}

static __u64 deadline(const struct hist_op *op)
{
	return op->flags & HIST_EXPIRED ? 0 : SHS_FOREVER;
}

/*
 * Cells: every word says which number the value is made of
 */
static void make_cell(__u64 *words, __u64 number)
{
	for (int i = 0; i < CELL_WORDS; i++)
		words[i] = number ? number << 16 | i : 0;
}

static __u64 number_of_cell(const __u64 *words)
{
	__u64 number = words[0] >> 16;

	for (int i = 0; i < CELL_WORDS; i++)
		if (words[i] != (number ? number << 16 | i : 0))
			return HIST_TORN;
	return number;
}

/*
 * Single operations
 */
static bool writes(const struct hist_op *op)
{
	return op->op != SHS_OP_LOAD && op->op != SHS_OP_READ && op->op != SHS_OP_PEEK &&
	       op->op != SHS_OP_TAKE;
}

static void operate(struct me *me, struct hist_op asked)
{
	bool cell = me->plan->kind == SHS_KIND_CELL, both = asked.flags & HIST_BOTH;
	bool bytes = both || (cell && me->plan->type == SHS_TYPE_BYTES);
	int fd = me->fd[me->attached][asked.op == SHS_OP_READ || asked.op == SHS_OP_WRITE ||
				      asked.op == SHS_OP_ADD || asked.op == SHS_OP_PEEK ?
				      me->plan->program == CONDVAR : OBJECT];
	static __u64 first[CELL_WORDS], second[CELL_WORDS];
	struct shs_ioc_op op = {
		.size = sizeof(op), .op = asked.op,
		.flags = (asked.flags & HIST_NOWAIT ? SHS_OP_NOWAIT : 0) |
			 (asked.flags & HIST_RECOVER ? SHS_OP_RECOVER : 0) |
			 (bytes ? SHS_OP_BYTES : 0),
		.deadline = deadline(&asked),
	};
	struct hist_op *mine;
	int err;

	if (!bytes) {
		op.index = asked.index;
		op.arg = asked.arg;
		op.expected = asked.expected;
	} else {
		op.addr = (unsigned long)first;
		op.len = both ? 16 : sizeof(first);
		if (asked.op == SHS_OP_CMPXCHG || asked.op == SHS_OP_SWAP)
			op.addr2 = (unsigned long)second;
		if (both) {
			first[0] = asked.arg;
			first[1] = asked.arg + 1;
		} else {
			make_cell(first, asked.arg);
			make_cell(second, asked.expected);
		}
	}
	mine = call(me, asked);
	err = shs_by(asked.door == HIST_URING ? SHS_URING : SHS_IOCTL, fd, &op);
	linger(me);
	mine->ret = moment(me->common);
	mine->result = op.result;
	mine->notice = op.notice;
	if (both) {
		mine->result = first[0];
		mine->result2 = first[1];
	} else if (bytes) {
		mine->result = number_of_cell(writes(&asked) ? second : first);
	}
	me->seen = mine->result;
	done(me, mine, err);
}

/* One process only has a ring: it is dear, and killed like any other. */
static __u8 some_door(struct me *me)
{
	return me->who == 1 && chance(me, 2) ? HIST_URING : HIST_IOCTL;
}

/*
 * Locks: by a call, or as the library would without one
 */
static bool change_word(const struct shs_att *att, __u32 from, __u32 to)
{
	return __atomic_compare_exchange_n(&att->shared->word, &from, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static const struct shs_att *lock_of(const struct me *me)
{
	return &me->att[me->plan->program == CONDVAR ? MUTEX : OBJECT];
}

static bool held(int err)
{
	return err == 0 || err == -EOWNERDEAD;
}

static void lock(struct me *me, __u32 mode, __u8 flags)
{
	const struct shs_att *att = lock_of(me);
	bool word = me->plan->kind != SHS_KIND_RWLOCK && chance(me, 2);
	struct hist_op *op = call(me, DO(LOCK, .mode = mode, .flags = flags,
					 .door = word ? HIST_MAPPED : HIST_IOCTL));
	int err = 0;

	if (!word || !change_word(att, 0, att->is.id))
		err = shs_lock_as(att, &SHS_LOCK(.mode = mode, .deadline = deadline(op),
				.flags = (flags & HIST_NOWAIT ? SHS_LOCK_NOWAIT : 0) |
					 (flags & HIST_RECURSIVE ? SHS_LOCK_RECURSIVE : 0)));
	returned(me, op, err);
	if (!held(err))
		return;
	me->mode = mode;
	me->depth++;
}

static void unlock(struct me *me, __u32 mode, __u8 flags)
{
	const struct shs_att *att = lock_of(me);
	bool word = me->plan->kind != SHS_KIND_RWLOCK && !flags && chance(me, 2);
	struct hist_op *op = call(me, DO(UNLOCK, .mode = mode, .flags = flags,
					 .door = word ? HIST_MAPPED : HIST_IOCTL));
	int err = 0;

	if (!word || !change_word(att, att->is.id, 0))
		err = shs_unlock_as(att, &SHS_LOCK(.mode = mode,
				.flags = (flags & HIST_FAIR ? SHS_UNLOCK_FAIR : 0) |
					 (flags & HIST_ABANDONED ? SHS_UNLOCK_ABANDON : 0)));
	returned(me, op, err);
	if (!err && !--me->depth)
		me->mode = -1;
}

static void convert(struct me *me, __u32 to, __u8 flags)
{
	struct hist_op *op = call(me, DO(CONVERT, .mode = me->mode, .to = to, .flags = flags));
	bool waits = to == SHS_MODE_EXCLUSIVE;
	int err = shs_convert(lock_of(me), &SHS_CONVERT(.from = me->mode, .to = to,
			.flags = flags & HIST_NOWAIT ? SHS_LOCK_NOWAIT : 0,
			.deadline = waits ? deadline(op) : 0));

	returned(me, op, err);
	if (held(err))
		me->mode = to;
}

/* One element of the value in place. */
static void get(struct me *me)
{
	struct hist_op *op = call(me, DO(GET, .index = chance(me, 2)));

	op->result = ((volatile __u64 *)shs_value(lock_of(me)))[op->index];
	returned(me, op, 0);
}

static void set(struct me *me)
{
	struct hist_op *op = call(me, DO(SET, .index = chance(me, 2), .arg = own_number(me)));

	((volatile __u64 *)shs_value(lock_of(me)))[op->index] = op->arg;
	returned(me, op, 0);
}

static void operate_locked(struct me *me)
{
	__u8 limit = some_limit(me), door = some_door(me), both = chance(me, 2) ? HIST_BOTH : 0;
	__u8 recover = chance(me, 2) ? HIST_RECOVER : 0;

	if (door == HIST_URING)
		limit = 0;
	switch (chance(me, 6)) {
	case 0:
		operate(me, DO(OP, .op = SHS_OP_PEEK, .index = chance(me, 2)));
		break;
	case 1:
	case 2:
		operate(me, DO(OP, .op = SHS_OP_READ, .flags = both | limit, .door = door,
			       .index = both ? 0 : chance(me, 2)));
		break;
	case 3:
	case 4:
		operate(me, DO(OP, .op = SHS_OP_ADD, .flags = recover | limit, .door = door,
			       .index = chance(me, 2), .arg = own_number(me)));
		break;
	case 5:
		operate(me, DO(OP, .op = SHS_OP_WRITE, .flags = both | recover | limit,
			       .door = door, .index = both ? 0 : chance(me, 2),
			       .arg = own_number(me)));
		break;
	}
}

/* The end of a critical section. */
static void leave(struct me *me)
{
	__u8 flags = 0;

	if (me->mode != SHS_MODE_READ && !chance(me, 4))
		flags = HIST_ABANDONED;
	else if (me->plan->kind != SHS_KIND_RWLOCK && !chance(me, 3))
		flags = HIST_FAIR;
	unlock(me, me->mode, flags);
}

/* One more, while it holds: not to wait, for it would wait for itself. */
static void insist(struct me *me)
{
	if (me->mode == SHS_MODE_READ)
		lock(me, SHS_MODE_READ, HIST_RECURSIVE);
	else if (chance(me, 2))
		operate(me, DO(OP, .op = SHS_OP_READ, .flags = HIST_NOWAIT, .index = chance(me, 2)));
	else
		unlock(me, me->plan->kind == SHS_KIND_RWLOCK && me->mode != SHS_MODE_READ ?
		       SHS_MODE_READ : me->mode, 0);
}

static void step_holding(struct me *me)
{
	unsigned int what = chance(me, 8);

	if (what < 2)
		get(me);
	else if (what < 4 && me->mode == SHS_MODE_EXCLUSIVE)
		set(me);
	else if (what < 5)
		insist(me);
	else if (what < 6 && me->mode == SHS_MODE_UPGRADABLE)
		convert(me, SHS_MODE_READ, 0);
	else if (what < 7 && me->mode == SHS_MODE_UPGRADABLE)
		convert(me, SHS_MODE_EXCLUSIVE, some_limit(me));
	else if (what < 7 && me->mode == SHS_MODE_EXCLUSIVE &&
		 me->plan->kind == SHS_KIND_RWLOCK)
		convert(me, chance(me, 2) ? SHS_MODE_READ : SHS_MODE_UPGRADABLE, 0);
	else
		leave(me);
}

static __u32 some_mode(struct me *me)
{
	return me->plan->kind == SHS_KIND_RWLOCK ? chance(me, 3) : SHS_MODE_EXCLUSIVE;
}

static void step_lock(struct me *me)
{
	if (me->mode >= 0)
		step_holding(me);
	else if (chance(me, 2))
		operate_locked(me);
	else if (chance(me, 8))
		lock(me, some_mode(me), some_limit(me));
	else
		unlock(me, some_mode(me), 0);
}

/*
 * Condvar
 */
static void notify(struct me *me, __u64 count)
{
	operate(me, DO(OP, .op = SHS_OP_NOTIFY, .arg = count));
}

static void wait_for_notify(struct me *me)
{
	struct hist_op *op = call(me, DO(WAIT, .flags = chance(me, 4) ? 0 : HIST_EXPIRED));
	int err = shs_wait(&me->att[OBJECT], &SHS_WAIT(.mutex_fd = me->att[MUTEX].fd,
						       .deadline = deadline(op)));

	returned(me, op, err);
}

static void step_condvar(struct me *me)
{
	unsigned int what = chance(me, 4);

	if (!what)
		notify(me, chance(me, 4) ? 1 : 2);
	else if (me->mode < 0)
		lock(me, SHS_MODE_EXCLUSIVE, some_limit(me));
	else if (what == 1)
		wait_for_notify(me);
	else if (what == 2)
		chance(me, 2) ? get(me) : set(me);
	else
		leave(me);
}

/*
 * Atomics
 */
#define ON_WIDTH(type, address, do_it) do {					\
	switch (type) {								\
	case SHS_TYPE_BOOL: case SHS_TYPE_U8: do_it((__u8 *)(address)); break;	\
	case SHS_TYPE_I8: do_it((__s8 *)(address)); break;			\
	case SHS_TYPE_U16: do_it((__u16 *)(address)); break;			\
	case SHS_TYPE_I16: do_it((__s16 *)(address)); break;			\
	case SHS_TYPE_U32: do_it((__u32 *)(address)); break;			\
	case SHS_TYPE_I32: do_it((__s32 *)(address)); break;			\
	default: do_it((__u64 *)(address)); break;				\
	}									\
} while (0)

static __u32 size_of_type(__u32 type)
{
	return type <= SHS_TYPE_I8 ? 1 : type <= SHS_TYPE_I16 ? 2 : type <= SHS_TYPE_I32 ? 4 : 8;
}

/* By the processor alone, on the mapped cell. */
static void operate_mapped(struct me *me, struct hist_op asked)
{
	__u32 type = me->plan->type;
	char *cell = (char *)shs_value(&me->att[OBJECT]) + asked.index * size_of_type(type);
	struct hist_op *op;
	__u64 result = 0;
	int err = 0;

	asked.door = HIST_MAPPED;
	op = call(me, asked);
#define LOAD(p) (result = __atomic_load_n(p, __ATOMIC_SEQ_CST))
#define STORE(p) __atomic_store_n(p, asked.arg, __ATOMIC_SEQ_CST)
#define SWAP(p) (result = __atomic_exchange_n(p, asked.arg, __ATOMIC_SEQ_CST))
#define FETCH_ADD(p) (result = __atomic_fetch_add(p, asked.arg, __ATOMIC_SEQ_CST))
#define CMPXCHG(p) do {								\
	__typeof__(*(p)) old = asked.expected;					\
										\
	err = __atomic_compare_exchange_n(p, &old, asked.arg, false,		\
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ? 0 : -EREMCHG;	\
	result = old;								\
} while (0)
	switch (asked.op) {
	case SHS_OP_LOAD:
		ON_WIDTH(type, cell, LOAD);
		break;
	case SHS_OP_STORE:
		ON_WIDTH(type, cell, STORE);
		break;
	case SHS_OP_SWAP:
		ON_WIDTH(type, cell, SWAP);
		break;
	case SHS_OP_FETCH_ADD:
		ON_WIDTH(type, cell, FETCH_ADD);
		break;
	case SHS_OP_CMPXCHG:
		ON_WIDTH(type, cell, CMPXCHG);
		break;
	}
	op->result = result;
	me->seen = result;
	returned(me, op, err);
}

static void step_atomic(struct me *me)
{
	struct hist_op op = DO(OP, .op = SHS_OP_LOAD + chance(me, SHS_OP_FETCH_NOT),
			       .index = chance(me, 2), .door = some_door(me));
	bool is_bool = me->plan->type == SHS_TYPE_BOOL;

	/* half of them loads and changes that tell most of the order */
	if (chance(me, 2))
		op.op = SHS_OP_LOAD + chance(me, 5);
	if (is_bool && (op.op == SHS_OP_FETCH_ADD || op.op == SHS_OP_FETCH_SUB ||
			op.op == SHS_OP_FETCH_MAX || op.op == SHS_OP_FETCH_MIN))
		op.op = SHS_OP_FETCH_NOT;
	if (op.op != SHS_OP_LOAD && op.op != SHS_OP_FETCH_NOT)
		op.arg = chance(me, 4) ? own_number(me) :
					 hist_wrap(me->plan->type, shs_number(&me->random));
	if (op.op == SHS_OP_CMPXCHG)
		op.expected = me->seen;
	if (op.op <= SHS_OP_FETCH_ADD && !is_bool && !chance(me, 3))
		operate_mapped(me, op);
	else
		operate(me, op);
}

/* Few values, so that some wait for a change that has come and gone. */
static void step_atomic_wait(struct me *me)
{
	__u8 limit = some_limit(me), index = !chance(me, 4);

	switch (chance(me, 4)) {
	case 0:
		operate(me, DO(OP, .op = SHS_OP_WAIT, .index = index, .flags = limit,
			       .expected = chance(me, 2)));
		break;
	case 1:
		operate(me, DO(OP, .op = SHS_OP_NOTIFY, .index = index,
			       .arg = 1 + chance(me, 2)));
		break;
	default:
		operate(me, DO(OP, .op = chance(me, 3) ? SHS_OP_STORE : SHS_OP_FETCH_XOR,
			       .index = index, .arg = chance(me, 2)));
	}
}

/*
 * Counters
 */
static void add_to_lane(struct me *me, __s64 amount)
{
	struct hist_op *op = call(me, DO(LANE, .arg = amount));

	*(volatile __s64 *)shs_lane(&me->att[OBJECT], 0) += amount;
	returned(me, op, 0);
}

/* By single operations only: a total that is often at one of its ends. */
static void step_adds(struct me *me)
{
	__s64 amount = own_number(me);
	__u8 door = some_door(me);

	if (chance(me, 2))
		amount = -amount;
	switch (chance(me, 6)) {
	case 0:
	case 1:
		operate(me, DO(OP, .op = SHS_OP_LOAD, .door = door));
		break;
	case 2:
		operate(me, DO(OP, .op = SHS_OP_RESET, .door = door,
			       .arg = INT64_MAX - chance(me, 100)));
		break;
	default:
		operate(me, DO(OP, .op = SHS_OP_ADD, .door = door, .arg = amount));
	}
}

/* Lanes take one amount, so a sum that passes them by counts right all the same. */
static void step_lanes(struct me *me)
{
	switch (chance(me, 8)) {
	case 0:
	case 1:
		operate(me, DO(OP, .op = SHS_OP_LOAD, .door = some_door(me)));
		break;
	case 2:
		operate(me, DO(OP, .op = SHS_OP_ADD, .arg = -1000 * (__s64)own_number(me)));
		break;
	case 3:
		operate(me, DO(OP, .op = SHS_OP_RESET, .arg = own_number(me)));
		break;
	default:
		add_to_lane(me, me->common->amount);
	}
}

/* Amounts of which each sum can be made in one way only, half the time of one sign. */
static void step_sums(struct me *me)
{
	__s64 amount = 1LL << (me->who * 7 + me->record->n % 7);

	if (me->common->amount & 1 && me->record->n & 1)
		amount = -amount;
	switch (chance(me, 6)) {
	case 0:
	case 1:
		operate(me, DO(OP, .op = SHS_OP_LOAD, .door = some_door(me)));
		break;
	case 2:
		operate(me, DO(OP, .op = SHS_OP_ADD, .arg = amount));
		break;
	default:
		add_to_lane(me, amount);
	}
}

/*
 * Once
 */
static int run_once(struct me *me, enum hist_act act, enum shs_once_cmd cmd, __u8 flags)
{
	struct shs_ioc_once once = SHS_ONCE(.cmd = cmd,
			.flags = (flags & HIST_NOWAIT ? SHS_ONCE_NOWAIT : 0) |
				 (flags & HIST_FORCE ? SHS_ONCE_FORCE : 0));
	struct hist_op *op = call(me, (struct hist_op){ .act = act, .flags = flags });
	int err;

	if (cmd == SHS_ONCE_BEGIN || cmd == SHS_ONCE_WAIT)
		once.deadline = deadline(op);
	err = shs_once(&me->att[OBJECT], &once);
	op->state = once.state;
	returned(me, op, err);
	if (cmd == SHS_ONCE_BEGIN && held(err) && once.state == SHS_ONCE_RUNNING)
		me->mode = SHS_MODE_EXCLUSIVE;
	else if (cmd != SHS_ONCE_WAIT && cmd != SHS_ONCE_BEGIN && !err)
		me->mode = -1;
	return err;
}

static void look_at_once(struct me *me)
{
	struct hist_op *op;

	if (chance(me, 2)) {
		operate(me, DO(OP, .op = SHS_OP_LOAD, .door = some_door(me)));
		return;
	}
	op = call(me, DO(OP, .op = SHS_OP_LOAD, .door = HIST_MAPPED));
	op->result = __atomic_load_n(&me->att[OBJECT].control->once, __ATOMIC_ACQUIRE);
	returned(me, op, 0);
}

static void step_once(struct me *me)
{
	unsigned int what = chance(me, 8);
	__u8 limit = some_limit(me);

	if (what < 2)
		look_at_once(me);
	else if (what < 3)
		run_once(me, HIST_WATCH, SHS_ONCE_WAIT, me->mode < 0 ? limit : HIST_NOWAIT);
	else if (what < 4 || me->mode >= 0)
		chance(me, 5) ? run_once(me, HIST_ABANDON, SHS_ONCE_ABANDON, 0) :
				run_once(me, HIST_COMPLETE, SHS_ONCE_COMPLETE, 0);
	else
		run_once(me, HIST_BEGIN, SHS_ONCE_BEGIN, limit | (chance(me, 2) ? HIST_FORCE : 0));
}

/*
 * Cells: by a call, or as the library would without one
 */
static void load_cell(struct me *me)
{
	const struct shs_att *att = &me->att[OBJECT];
	volatile struct shs_shared *shared = att->shared;
	static __u64 words[CELL_WORDS];
	struct hist_op *op = call(me, DO(OP, .op = SHS_OP_LOAD, .door = HIST_MAPPED));
	__u64 sequence;

	do {
		sequence = __atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE);
		memcpy(words, (char *)shs_value(att) + (sequence & 1) * att->is.slot_stride,
		       att->is.value_size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (shared->sequence != sequence);
	op->ret = moment(me->common);
	op->result = me->plan->type == SHS_TYPE_BYTES ? number_of_cell(words) : words[0];
	done(me, op, 0);
}

static void store_cell(struct me *me)
{
	const struct shs_att *att = &me->att[OBJECT];
	static __u64 words[CELL_WORDS];
	__u64 number = own_number(me), next;
	struct hist_op *op;
	int err = 0;

	make_cell(words, number);
	if (me->plan->type != SHS_TYPE_BYTES)
		words[0] = number;
	op = call(me, DO(OP, .op = SHS_OP_STORE, .arg = number, .door = HIST_MAPPED));
	if (!change_word(att, 0, att->is.id))
		err = shs_lock(att);
	next = att->shared->sequence + 1;
	memcpy((char *)shs_value(att) + (next & 1) * att->is.slot_stride, words,
	       att->is.value_size);
	__atomic_store_n(&att->shared->sequence, next, __ATOMIC_RELEASE);
	if (!change_word(att, att->is.id, 0))
		err = err ?: shs_unlock(att);
	returned(me, op, err);
}

static void step_cell(struct me *me)
{
	static const __u8 ops[] = { SHS_OP_LOAD, SHS_OP_LOAD, SHS_OP_STORE, SHS_OP_SWAP,
				    SHS_OP_CMPXCHG, SHS_OP_CMPXCHG, SHS_OP_TAKE };
	struct hist_op op = DO(OP, .op = ops[chance(me, 7)], .door = some_door(me));

	switch (chance(me, 5)) {
	case 0:
	case 1:
		load_cell(me);
		return;
	case 2:
		store_cell(me);
		return;
	}
	if (writes(&op))
		op.arg = own_number(me);
	if (op.op == SHS_OP_CMPXCHG)
		op.expected = me->seen == HIST_TORN ? 0 : me->seen;
	if (op.door == HIST_IOCTL)
		op.flags = some_limit(me);
	operate(me, op);
}

/*
 * A process
 */
static void step(struct me *me)
{
	switch (me->plan->program) {
	case ATOMIC:
		step_atomic(me);
		break;
	case ATOMIC_WAIT:
		step_atomic_wait(me);
		break;
	case ADDS:
		step_adds(me);
		break;
	case LANES:
		step_lanes(me);
		break;
	case SUMS:
		step_sums(me);
		break;
	case LOCK:
		step_lock(me);
		break;
	case CONDVAR:
		step_condvar(me);
		break;
	case ONCE:
		step_once(me);
		break;
	case CELL:
		step_cell(me);
		break;
	}
}

static void let_go(struct me *me)
{
	while (me->mode >= 0 && !is_full(me)) {
		if (me->plan->program == ONCE)
			run_once(me, HIST_ABANDON, SHS_ONCE_ABANDON, 0);
		else
			unlock(me, me->mode, 0);
	}
}

static void take_part(struct me *me)
{
	struct common *common = me->common;
	unsigned int steps;

	me->random = common->seed + me->who * 0x9e3779b97f4a7c15ULL;
	shs_number(&me->random);
	me->seen = 0;
	me->mode = -1;
	me->depth = 0;
	attach(me, common->number);
	for (steps = common->steps; steps; steps--)
		step(me);
	if (common->victim == me->who)
		wait_to_be_killed(me);
	let_go(me);
}

/* The life of a process: one round after the other. */
static void serve(struct me *me)
{
	__u32 *next = &me->record->round, done = me->round, round;

	for (;;) {
		while ((round = __atomic_load_n(next, __ATOMIC_ACQUIRE)) == done)
			futex(next, FUTEX_WAIT, done, NULL);
		if (round == STOP)
			_exit(0);
		take_part(me);
		done = round;
		__atomic_store_n(&me->record->finished, done, __ATOMIC_RELEASE);
		set_idle(me, true);
	}
}

static void detach(struct me *me)
{
	for (int i = OBJECT; i < OBJECTS; i++) {
		struct shs_att *att = &me->att[i];

		if (!att->private)
			continue;
		munmap((void *)att->control, att->is.control_size);
		if (att->shared)
			munmap(att->shared, att->is.shared_size);
		munmap(att->private, att->is.private_size);
		close(att->fd);
		att->private = NULL;
	}
}

static void attach(struct me *me, int number)
{
	enum program program = me->plan->program;

	if (me->attached == number)
		return;
	detach(me);
	me->attached = number;
	if (program == ATOMIC_WAIT || program == ADDS)
		return;
	if (shs_attach(&me->att[OBJECT], me->fd[number][OBJECT]) ||
	    (program == CONDVAR && shs_attach(&me->att[MUTEX], me->fd[number][MUTEX])))
		_exit(2);
}

/*
 * The parent
 */
FIXTURE(history) {
	struct plan plan;
	struct common *common;
	struct me me;
	struct history is;
	int fd[OBJECTS_MAX][OBJECTS];
	unsigned int objects, batch;	/* fresh ones, and after how many histories */
	pid_t child[HIST_PROCESSES];
	unsigned long ops, deaths, notices, contended, most_states, undecided;
};

FIXTURE_VARIANT(history) {
	struct plan plan;
};

#define VARIANT(name, ...) \
	FIXTURE_VARIANT_ADD(history, name) { .plan = { __VA_ARGS__ } }

VARIANT(atomic_u8, .program = ATOMIC, .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U8,
	.count = 2, .histories = 400, .kill = 50);
VARIANT(atomic_i16, .program = ATOMIC, .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_I16,
	.count = 2, .histories = 300, .kill = 50);
VARIANT(atomic_u32, .program = ATOMIC, .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U32,
	.count = 2, .histories = 300, .kill = 50);
VARIANT(atomic_i64, .program = ATOMIC, .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_I64,
	.count = 2, .histories = 400, .kill = 50);
VARIANT(atomic_bool, .program = ATOMIC, .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_BOOL,
	.count = 2, .histories = 300, .kill = 50);
VARIANT(atomic_wait, .program = ATOMIC_WAIT, .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U32,
	.count = 2, .histories = 1000, .kill = 24);
VARIANT(counter, .program = ADDS, .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
	.count = 1, .histories = 300, .kill = 50);
VARIANT(counter_saturate, .program = ADDS, .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
	.count = 1, .flags = SHS_INIT_SATURATE, .histories = 200, .kill = 50);
VARIANT(counter_check, .program = ADDS, .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
	.count = 1, .flags = SHS_INIT_CHECK, .histories = 200, .kill = 50);
VARIANT(counter_lanes, .program = LANES, .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
	.count = 1, .histories = 800, .kill = 24);
VARIANT(counter_sums, .program = SUMS, .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
	.count = 1, .histories = 800, .kill = 24);
VARIANT(mutex, .program = LOCK, .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64,
	.count = 2, .histories = 1000, .kill = 12);
VARIANT(mutex_fifo, .program = LOCK, .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64,
	.count = 2, .flags = SHS_INIT_FIFO, .histories = 400, .kill = 12);
VARIANT(rwlock, .program = LOCK, .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64,
	.count = 2, .histories = 1200, .kill = 12);
VARIANT(condvar, .program = CONDVAR, .kind = SHS_KIND_CONDVAR, .histories = 1000, .kill = 12);
VARIANT(once, .program = ONCE, .kind = SHS_KIND_ONCE, .histories = 400, .kill = 7);
VARIANT(once_poison, .program = ONCE, .kind = SHS_KIND_ONCE, .flags = SHS_INIT_POISON,
	.histories = 400, .kill = 7);
VARIANT(cell, .program = CELL, .kind = SHS_KIND_CELL, .type = SHS_TYPE_U64, .count = 1,
	.histories = 200, .kill = 24);
VARIANT(cell_bytes, .program = CELL, .kind = SHS_KIND_CELL, .type = SHS_TYPE_BYTES,
	.count = 8 * CELL_WORDS, .histories = 800, .kill = 24);

/*
 * A kernel that is slow because it is emulated runs all; one full of detectors does not:
 * there each new process alone is a tenth of a second.
 */
static unsigned int scaled(unsigned int histories)
{
	const char *slow = getenv("SHSTATE_SLOW");

	if (getenv("SHS_SCALE") || !slow)
		return shs_scale(histories);
	return atoi(slow) <= 2 ? histories : (shs_scale(histories) + 1) / 2;
}

FIXTURE_SETUP(history)
{
	SHS_MOUNT("mode=0777");
	self->plan = variant->plan;
	self->plan.histories = scaled(self->plan.histories);
	self->common = shs_common(sizeof(*self->common));
	/* what is done once can be used once */
	self->batch = self->plan.program == ONCE ? 1 : BATCH;
	self->objects = self->plan.program == ONCE ? OBJECTS_MAX : 12;
	self->common->victim = self->common->doomed = HIST_WHO;
	self->me = (struct me){
		.plan = &self->plan, .common = self->common, .who = HIST_PARENT,
		.record = &self->common->record[HIST_PARENT], .fd = self->fd,
		.random = SEED + variant->plan.kind * 1000 + variant->plan.type * 100 +
			  variant->plan.flags,
	};
	SHS_NEED_DOOR(SHS_URING);
}

FIXTURE_TEARDOWN(history)
{
}

static int create(const struct plan *plan, int object)
{
	struct shs_ioc_init init = SHS_INIT(.kind = plan->kind, .type = plan->type,
					    .count = plan->count, .flags = plan->flags);

	if (object == MUTEX)
		init = SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 2);
	return shs_create_as(&init);
}

static pid_t start_process(FIXTURE_DATA(history) *self, unsigned int who)
{
	struct me me = self->me;
	pid_t child;

	me.round = self->common->record[who].round;
	child = shs_fork();

	if (child)
		return child;
	me.who = who;
	me.record = &self->common->record[who];
	detach(&me);
	me.attached = -1;
	serve(&me);
	_exit(1);
}

static void start(struct __test_metadata *_metadata, FIXTURE_DATA(history) *self)
{
	for (unsigned int i = 0; i < self->objects; i++) {
		for (int object = OBJECT; object < OBJECTS; object++) {
			self->fd[i][object] = -1;
			if (object == MUTEX && self->plan.program != CONDVAR)
				continue;
			self->fd[i][object] = create(&self->plan, object);
			ASSERT_LE(0, self->fd[i][object]);
		}
	}
	self->me.attached = -1;
}

/* Those that the next round needs, and that are not there or no more. */
static void start_processes(FIXTURE_DATA(history) *self)
{
	for (unsigned int who = 0; who < self->common->processes; who++) {
		if (self->child[who])
			continue;
		self->common->record[who].round = self->common->round;
		self->child[who] = start_process(self, who);
	}
}

static void let_act(struct common *common, unsigned int who, __u32 round)
{
	__atomic_store_n(&common->record[who].round, round, __ATOMIC_RELEASE);
	futex(&common->record[who].round, FUTEX_WAKE, 1, NULL);
}

/* They begin in any order. */
static void next_round(FIXTURE_DATA(history) *self)
{
	struct common *common = self->common;
	unsigned int first = chance(&self->me, common->processes);

	common->round++;
	for (unsigned int i = 0; i < common->processes; i++)
		let_act(common, (first + i) % common->processes, common->round);
}

static void end(struct __test_metadata *_metadata, FIXTURE_DATA(history) *self)
{
	for (unsigned int who = 0; who < HIST_PROCESSES; who++) {
		if (!self->child[who])
			continue;
		let_act(self->common, who, STOP);
		EXPECT_EQ(0, shs_reap(self->child[who]));
		self->child[who] = 0;
	}
	for (unsigned int i = 0; i < self->objects; i++)
		for (int object = OBJECT; object < OBJECTS; object++)
			if (self->fd[i][object] >= 0)
				close(self->fd[i][object]);
	detach(&self->me);
}

/*
 * Before a history: the object is free, so what sets it does not wait
 */
static int set_value(FIXTURE_DATA(history) *self, int index, __u64 value)
{
	enum program program = self->plan.program;
	static __u64 words[CELL_WORDS];
	struct shs_ioc_op op = SHS_OP(STORE, .index = index, .arg = value);

	if (program == ADDS || program == LANES || program == SUMS)
		op.op = SHS_OP_RESET;
	if (program == LOCK || program == CONDVAR) {
		op.op = SHS_OP_WRITE;
		op.flags = SHS_OP_RECOVER | SHS_OP_NOWAIT;
	}
	if (program == CELL)
		op.flags = SHS_OP_NOWAIT;
	if (program == CELL && self->plan.type == SHS_TYPE_BYTES) {
		make_cell(words, value);
		op.flags |= SHS_OP_BYTES;
		op.addr = (unsigned long)words;
		op.len = sizeof(words);
		op.arg = 0;
	}
	return shs_op(self->fd[self->common->number][program == CONDVAR ? MUTEX : OBJECT], &op);
}

static __u64 some_value(FIXTURE_DATA(history) *self)
{
	struct me *me = &self->me;

	switch (self->plan.program) {
	case ATOMIC:
		return hist_wrap(self->plan.type, shs_number(&me->random));
	case ATOMIC_WAIT:
		return chance(me, 2);
	case ADDS:
		return chance(me, 2) ? INT64_MAX - chance(me, 200) : INT64_MIN + chance(me, 200);
	default:
		return 120 + chance(me, 8);
	}
}

/* 0, or what kept the object from being set. */
static int initialise(FIXTURE_DATA(history) *self)
{
	bool two = self->plan.count == HIST_ELEMENTS || self->plan.program == CONDVAR;
	int err;

	self->is = (struct history){ .kind = self->plan.kind, .type = self->plan.type,
				     .flags = self->plan.flags };
	if (self->plan.program == ONCE)
		return 0;
	for (int i = 0; i < 1 + two; i++) {
		self->is.initial[i] = some_value(self);
		err = set_value(self, i, self->is.initial[i]);
		if (err)
			return err;
	}
	return 0;
}

static void new_round(FIXTURE_DATA(history) *self, unsigned int history)
{
	struct common *common = self->common;
	struct me *me = &self->me;

	for (unsigned int who = 0; who < HIST_WHO; who++)
		common->record[who].n = common->record[who].lingers =
		common->record[who].idle = 0;
	common->sequence = 0;
	common->processes = 4 + chance(me, 1 + chance(me, HIST_PROCESSES - 3));
	common->number = history / self->batch % self->objects;
	common->steps = 26 / common->processes;
	common->seed = shs_number(&me->random);
	common->amount = 1 + chance(me, 5);
	common->victim = common->doomed = HIST_WHO;
	me->mode = -1;
	me->depth = 0;
	attach(me, common->number);
	if (!self->plan.kill || chance(me, self->plan.kill))
		return;
	if (chance(me, 2)) {
		common->victim = chance(me, common->processes);
		common->last_step = chance(me, common->steps);
	}
	if (chance(me, 2)) {
		common->doomed = chance(me, common->processes);
		common->doom_step = chance(me, common->steps);
	}
	if (common->doomed == common->victim)
		common->doomed = HIST_WHO;
}

/* An owner that gives up before the others come. */
static void leave_notice(FIXTURE_DATA(history) *self)
{
	struct me *me = &self->me;

	if ((self->plan.program != LOCK && self->plan.program != CONDVAR) || chance(me, 4))
		return;
	lock(me, SHS_MODE_EXCLUSIVE, 0);
	set(me);
	unlock(me, SHS_MODE_EXCLUSIVE, HIST_ABANDONED);
}

/*
 * During a history
 */
static void end_process(struct __test_metadata *_metadata, FIXTURE_DATA(history) *self,
			unsigned int who)
{
	struct hist_op *op = call(&self->me, DO(DEATH));

	op->who = who;
	EXPECT_EQ(-SIGKILL, shs_kill(self->child[who]));
	returned(&self->me, op, 0);
	self->child[who] = 0;
	self->common->record[who].idle = 1;
	self->deaths++;
}

static unsigned int unfinished(const FIXTURE_DATA(history) *self)
{
	const struct common *common = self->common;
	unsigned int n = 0;

	for (unsigned int who = 0; who < common->processes; who++)
		n += self->child[who] && __atomic_load_n(&common->record[who].finished,
							 __ATOMIC_ACQUIRE) != common->round;
	return n;
}

/* All of them wait for each other: the parent acts. */
static void relieve(FIXTURE_DATA(history) *self)
{
	struct me *me = &self->me;

	if (self->plan.program == CONDVAR) {
		notify(me, ~0ULL);
	} else if (self->plan.program == ONCE) {
		run_once(me, HIST_BEGIN, SHS_ONCE_BEGIN, HIST_NOWAIT | HIST_FORCE);
		if (me->mode >= 0)
			run_once(me, HIST_COMPLETE, SHS_ONCE_COMPLETE, 0);
	} else {
		for (int i = 0; i < HIST_ELEMENTS; i++) {
			operate(me, DO(OP, .op = SHS_OP_STORE, .index = i, .arg = 77));
			operate(me, DO(OP, .op = SHS_OP_NOTIFY, .index = i, .arg = ~0ULL));
		}
	}
}

static bool is_stuck(FIXTURE_DATA(history) *self, __u32 *sequence, __u64 *since)
{
	__u32 now = __atomic_load_n(&self->common->sequence, __ATOMIC_RELAXED);
	__u64 time = shs_now(SHS_CLOCK_MONOTONIC);

	if (now != *sequence) {
		*sequence = now;
		*since = time;
	}
	return time - *since > STUCK_NS || self->me.record->n > OPS_EACH - 6;
}

static bool doom_has_come(const struct common *common, bool all_wait)
{
	const struct record *record = &common->record[common->doomed];

	if (common->doomed == HIST_WHO)
		return false;
	return record->n > common->doom_step || all_wait || record->finished == common->round;
}

/* What the parent has to do now. */
static bool act(struct __test_metadata *_metadata, FIXTURE_DATA(history) *self, bool all_wait)
{
	struct common *common = self->common;

	if (common->victim != HIST_WHO && common->record[common->victim].lingers) {
		end_process(_metadata, self, common->victim);
		common->victim = HIST_WHO;
	} else if (doom_has_come(common, all_wait)) {
		end_process(_metadata, self, common->doomed);
		common->doomed = HIST_WHO;
	} else if (all_wait) {
		relieve(self);
	} else {
		return false;
	}
	return true;
}

/* Whether all came to an end. */
static bool watch(struct __test_metadata *_metadata, FIXTURE_DATA(history) *self)
{
	static const struct timespec second = { .tv_sec = 1 };
	struct common *common = self->common;
	__u64 since = shs_now(SHS_CLOCK_MONOTONIC);
	__u32 sequence = 0, events;
	unsigned int left;
	bool idle;

	for (;;) {
		events = __atomic_load_n(&common->events, __ATOMIC_SEQ_CST);
		left = unfinished(self);
		if (!left)
			return true;
		idle = all_idle(common);
		if (is_stuck(self, &sequence, &since))
			return false;
		if (act(_metadata, self, idle &&
			shs_info(self->fd[common->number][OBJECT]).waiters == left))
			continue;
		/* they are about to wait, or to find that they need not */
		if (idle)
			sched_yield();
		else
			futex(&common->events, FUTEX_WAIT, events, &second);
	}
}

/*
 * After a history
 */
static void look_at_end(FIXTURE_DATA(history) *self)
{
	struct me *me = &self->me;
	struct hist_op op = DO(OP, .op = SHS_OP_LOAD);

	if (self->plan.program == LOCK || self->plan.program == CONDVAR)
		op = DO(OP, .op = SHS_OP_READ, .flags = HIST_BOTH | HIST_NOWAIT);
	operate(me, op);
	op.index = 1;
	if (self->plan.kind == SHS_KIND_ATOMIC)
		operate(me, op);
}

static void collect(FIXTURE_DATA(history) *self)
{
	struct history *h = &self->is;

	for (unsigned int who = 0; who < HIST_WHO; who++) {
		const struct record *record = &self->common->record[who];

		for (unsigned int i = 0; i < record->n && h->n < LIN_OPS; i++) {
			const struct hist_op *op = &record->op[i];

			if (!op->call)
				continue;
			h->op[h->n++] = *op;
			self->notices += op->done && (op->notice || op->err == -EOWNERDEAD);
		}
	}
	self->ops += h->n;
}

/* NULL, or what is wrong with it. */
static const char *judge(FIXTURE_DATA(history) *self, struct lin_order *order)
{
	enum lin_verdict verdict;

	order->n = order->states = 0;
	if (self->plan.program == SUMS)
		return hist_check_sums(&self->is);
	verdict = hist_check(&self->is, order);
	for (unsigned int i = 0; i < self->is.n; i++)
		self->contended += self->is.op[i].contended;
	if (order->states > self->most_states)
		self->most_states = order->states;
	/* Who was delayed in each of his calls overlaps with all others in too many ways. */
	self->undecided += verdict == LIN_TOO_LARGE;
	return verdict == LIN_NO ? "is not linearizable" : NULL;
}

static bool has_result(const struct history *h, const struct hist_op *op)
{
	if (!op->done || op->err || op->act != HIST_OP)
		return op->act == HIST_GET && op->done;
	return op->op != SHS_OP_STORE && op->op != SHS_OP_WRITE && op->op != SHS_OP_WAIT &&
	       (op->op != SHS_OP_ADD || h->kind != SHS_KIND_COUNTER);
}

/* With one result that cannot be, the history is one that the checker must reject. */
static bool is_rejected_when_spoilt(FIXTURE_DATA(history) *self)
{
	struct history *h = &self->is;
	unsigned int first = chance(&self->me, h->n), i;
	unsigned long undecided = self->undecided;
	struct lin_order order;
	struct hist_op *op;

	for (i = 0; i < h->n; i++) {
		op = &h->op[(first + i) % h->n];
		if (has_result(h, op) && (self->plan.program != SUMS || op->op == SHS_OP_LOAD)) {
			op->result ^= 1ULL << 59;
			break;
		}
	}
	return i == h->n || judge(self, &order) || self->undecided > undecided;
}

static bool make_history(struct __test_metadata *_metadata, FIXTURE_DATA(history) *self,
			 unsigned int number)
{
	struct lin_order order = { 0 };
	const char *wrong = NULL;
	int err;

	new_round(self, number);
	start_processes(self);
	err = initialise(self);
	EXPECT_EQ(0, err) TH_LOG("before history %u the object is not free", number);
	if (err)
		return false;
	leave_notice(self);
	next_round(self);
	if (!watch(_metadata, self))
		wrong = "does not come to an end";
	else
		look_at_end(self);
	collect(self);
	if (!wrong)
		wrong = judge(self, &order);
	if (wrong) {
		TH_LOG("history %u %s", number, wrong);
		hist_print(&self->is, &order);
	}
	EXPECT_EQ(NULL, wrong);
	if (!wrong && number % 16 == 0)
		EXPECT_TRUE(is_rejected_when_spoilt(self)) hist_print(&self->is, &order);
	return !wrong;
}

static void give_up(FIXTURE_DATA(history) *self)
{
	for (unsigned int who = 0; who < HIST_PROCESSES; who++)
		if (self->child[who])
			shs_kill(self->child[who]);
}

/* What processes see of an object is what they would see if one came after the other. */
TEST_F_TIMEOUT(history, is_linearizable, 900)
{
	for (unsigned int i = 0; i < self->plan.histories; i++) {
		if (i % (self->batch * self->objects) == 0) {
			if (i)
				end(_metadata, self);
			start(_metadata, self);
		}
		if (!make_history(_metadata, self, i)) {
			give_up(self);
			return;
		}
	}
	end(_metadata, self);
	TH_LOG("%u histories, %lu operations, %lu of them beside others", self->plan.histories,
	       self->ops, self->contended);
	TH_LOG("%lu deaths, %lu notices, up to %lu states, %lu histories undecided",
	       self->deaths, self->notices, self->most_states, self->undecided);
	EXPECT_GE(self->plan.histories / 10, self->undecided);
	if (self->plan.program != SUMS)
		EXPECT_LT(0, self->contended);
}

/*
 * The checker itself: what it must reject, and what it must not. A mistake that it does
 * not see in these it would not see in a kernel.
 */
TEST(planted_histories)
{
	struct lin_order order;
	enum lin_verdict verdict;
	struct history is;

	for (unsigned int i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {
		is = planted[i].is;
		while (is.op[is.n].call)
			is.n++;
		order.n = 0;
		if (planted[i].sums)
			verdict = hist_check_sums(&is) ? LIN_NO : LIN_YES;
		else
			verdict = hist_check(&is, &order);
		EXPECT_EQ(planted[i].good ? LIN_YES : LIN_NO, verdict) {
			TH_LOG("planted: %s", planted[i].name);
			hist_print(&is, &order);
		}
	}
}

TEST_HARNESS_MAIN
