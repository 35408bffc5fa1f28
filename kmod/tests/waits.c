// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include "waits.h"

#define POISON		0x6b
#define KTIME_MAX	INT64_MAX
#define CLOCK_MONOTONIC	1

struct shs_deadline {
	s64 at;
	int clock;
};

static const struct shs_deadline some_deadline;

/* Nobody attempts to have all of several. */
#define enter_between(obj, w)	enter(obj, w, false)

/* All of them are calls. */
struct shs_door;
struct shs_request;
#define shs_caller(door)	task_pid(current)
#define SHS_URING_WORKERS	0
#define shs_door_closed(cmd)	false
#define shs_give_back(obj, w, ret)	(ret)

struct condwait {
	const struct shs_door *door;
	struct shs_request *request;
	u64 call;
	struct shs_attachment *att;
	struct shs_attachment *mutex;
	struct file *mutex_file;
	struct shs_deadline deadline;
	struct shs_ticket *ticket;
};

enum { WRITES = 1 };

struct op_rule {
	u16 uses;
};

struct call {
	struct shs_object *obj;
	struct shs_ioc_op *op;
	const struct op_rule *rule;
};

/*
 * The sleep on ended has ended with sleep_result; any other but on what is settled cuts
 * the call: cut_in.
 */
static const struct shs_waiter *ended, *cut_in;
static int sleep_result;
static jmp_buf cut;

static int shs_sleep(struct shs_waiter *w, const struct shs_deadline *d)
{
	if (ended == w) {
		ended = NULL;
		return sleep_result;
	}
	if (w->state == SHS_SETTLED)
		return 0;
	cut_in = w;
	longjmp(cut, 1);
}

static void *ticket_memory;

#define kzalloc(size, flags)	memset(ticket_memory, 0, size)
#define kfree(p)		memset(p, POISON, sizeof(*(p)))
#define cond_resched()		((void)0)
#define ERR_PTR(ret)		NULL

static struct file *get_file(struct file *file)
{
	file->count++;
	return file;
}

static void fput(struct file *file)
{
	if (--file->count < 0)
		env_fail("a file is given back too often");
}

int shs_acquire(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d);
int shs_acquire_queued(struct shs_object *obj, struct shs_waiter *w,
		       const struct shs_deadline *d);

/* Another CPU's call may come in the middle of this one. */
struct frame {
	jmp_buf cut;
	const struct shs_waiter *ended;
};

static void push(struct frame *f, const struct shs_waiter *on, int slept)
{
	memcpy(&f->cut, &cut, sizeof(cut));
	f->ended = ended;
	ended = on;
	sleep_result = slept;
}

static int pop(const struct frame *f, int ret)
{
	memcpy(&cut, &f->cut, sizeof(cut));
	ended = f->ended;
	return ret;
}

/* condwait() is entered again from its top, and goes on where it slept. */
static bool go_on;
static int resume_or_go_on(struct condwait *c);
static int acquire_or_go_on(struct shs_object *obj, struct shs_waiter *w,
			    const struct shs_deadline *d);
static int gap_and_release_mutex(struct shs_attachment *att, const struct shs_door *door);
void (*waits_gap)(void);

static void gap(void)
{
	if (waits_gap)
		waits_gap();
}

#include "waits.inc"	/* made by waits.sh */
#undef release_mutex
#undef resume
#undef shs_acquire
#undef shs_ticket_end

static int gap_and_release_mutex(struct shs_attachment *att, const struct shs_door *door)
{
	gap();
	return release_mutex(att, door);
}

static int resume_or_go_on(struct condwait *c)
{
	if (!go_on)
		return resume(c);
	c->ticket = find_own(c->att);
	return 0;
}

static int acquire_or_go_on(struct shs_object *obj, struct shs_waiter *w,
			    const struct shs_deadline *d)
{
	return ended == w ? shs_acquire_queued(obj, w, d) : shs_acquire(obj, w, d);
}

int waits_enter(struct shs_object *obj, struct shs_waiter *w, bool may_wait)
{
	struct frame f;

	push(&f, NULL, 0);
	if (setjmp(cut))
		return pop(&f, -EBUSY);
	return pop(&f, shs_acquire(obj, w, may_wait ? &some_deadline : NULL));
}

int waits_leave(struct shs_object *obj, struct shs_waiter *w, int slept)
{
	struct frame f;

	push(&f, w, slept);
	if (setjmp(cut))
		return pop(&f, -EBUSY);
	return pop(&f, shs_acquire_queued(obj, w, &some_deadline));
}

int waits_condwait(struct condwait_call *call)
{
	struct condwait c = {
		.att = call->condvar, .mutex = call->mutex, .mutex_file = call->mutex_file,
	};
	struct frame f;

	ticket_memory = call->memory;
	go_on = call->go_on;
	push(&f, call->go_on ? call->on : NULL, call->slept);
	if (setjmp(cut)) {
		call->on = cut_in;
		return pop(&f, -EBUSY);
	}
	return pop(&f, condwait(&c, call->started || call->go_on));
}

void waits_drop_abandoned(struct shs_attachment *att)
{
	drop_abandoned(att, NULL);
}

int waits_release_mutex(struct shs_attachment *att)
{
	return release_mutex(att, NULL);
}

int waits_sleep_on_ticket(struct shs_attachment *att, struct shs_ticket *t, int slept)
{
	struct condwait c = { .att = att, .ticket = t };
	struct frame f;

	push(&f, &t->w, slept);
	return pop(&f, sleep_on_ticket(&c));
}

int waits_check_notice(struct shs_object *obj, bool writes, bool recovers, bool *notice)
{
	struct shs_ioc_op op = { .flags = recovers ? SHS_OP_RECOVER : 0 };
	const struct op_rule rule = { .uses = writes ? WRITES : 0 };
	const struct call c = { .obj = obj, .op = &op, .rule = &rule };
	int ret = check_notice(&c);

	*notice = op.notice & SHS_NOTICE_OWNER_DIED;
	return ret;
}
