// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the state machines and the tests need beside ../env.c: how a test fails, and the
 * steps of a wait.
 */
#include "waits.h"
#undef file	/* KUnit has a field of that name */

#define LOCKS_MAX 4

void (*test_on_failure)(void);

static struct kunit *running;
static spinlock_t *held[LOCKS_MAX];

void kunit_begin(struct kunit *test)
{
	running = test;
	test_on_failure = NULL;
	env_reset();
}

/* What tests zero is no spinlock to lockdep. */
void kunit_lock_prepare(spinlock_t *lock)
{
	if (!memchr_inv(lock, 0, sizeof(*lock)))
		spin_lock_init(lock);
}

void kunit_locked(spinlock_t *lock)
{
	if (env.locks < LOCKS_MAX)
		held[env.locks] = lock;
	env.locks++;
}

void kunit_unlocked(spinlock_t *lock)
{
	env.locks--;
}

void (env_fail)(const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	env_race = NULL;
	env_new_step();
	while (env.locks)
		(spin_unlock)(held[--env.locks]);
	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	KUNIT_FAIL(running, "%pV", &vaf);
	va_end(args);
	if (test_on_failure)
		test_on_failure();
	__kunit_abort(running);
}

void test_note(const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	kunit_info(running, "%pV\n", &vaf);
	va_end(args);
}

/* The tests that need it are left out, see suites.sh. */
bool test_fails(void (*run)(void))
{
	env_fail("%ps cannot be watched failing", run);
}

/*
 * ---- as ../waits.c, but for the way out of a sleep that has not ended: leave() after
 * it does nothing and says CUT, which is an end to the loops around ----
 */

#define CUT 1

struct shs_deadline {
	int unused;
};

static const struct shs_deadline some_deadline;

/* Nobody attempts to have all of several. */
#define enter_between(obj, w)	enter(obj, w, false)
static const struct shs_waiter *ended;
static int sleep_result;

static int shs_sleep(struct shs_waiter *w, const struct shs_deadline *d)
{
	if (ended == w) {
		ended = NULL;
		return sleep_result;
	}
	return w->state == SHS_SETTLED ? 0 : CUT;
}

enum { WRITES = 1 };

struct op_rule {
	u16 uses;
};

struct call {
	struct shs_object *obj;
	struct shs_ioc_op *op;
	const struct op_rule *rule;
};

static int leave(struct shs_object *obj, struct shs_waiter *w, int ret);
int shs_acquire(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d);
int shs_acquire_queued(struct shs_object *obj, struct shs_waiter *w,
		       const struct shs_deadline *d);

static int leave_or_cut(struct shs_object *obj, struct shs_waiter *w, int slept)
{
	return slept == CUT ? CUT : leave(obj, w, slept);
}

/* All of them are calls. */
struct shs_door;
#define shs_caller(door)	task_pid(current)

#include "waits_kunit.inc"	/* made by waits_kunit.sh */

static int answer(int ret)
{
	return ret == CUT ? -EBUSY : ret;
}

int waits_enter(struct shs_object *obj, struct shs_waiter *w, bool may_wait)
{
	return answer(shs_acquire(obj, w, may_wait ? &some_deadline : NULL));
}

int waits_leave(struct shs_object *obj, struct shs_waiter *w, int slept)
{
	ended = w;
	sleep_result = slept;
	return answer(shs_acquire_queued(obj, w, &some_deadline));
}

int waits_release_mutex(struct shs_attachment *att)
{
	return release_mutex(att, NULL);
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
