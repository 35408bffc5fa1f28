// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal handler that forks, by _Fork() as it has to, at each step of attaching, and
 * returns in the child too: both go on, each with what is its own.
 */
#include "lib.h"

#include "inject.h"

FIXTURE(fork_steps) {
	struct shs_object *mutex, *rwlock, *counter, *cell;
};

FIXTURE_SETUP(fork_steps)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_FAST");
	self->mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	self->rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
	self->counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	self->cell = make(SHS_KIND_CELL, SHS_TYPE_U64);
}

FIXTURE_TEARDOWN(fork_steps)
{
}

#define NO_SUCH_STEP	99

static int in_child;
static pid_t child;

static void fork_here(const char *name)
{
	child = _Fork();
	in_child = !child;
}

static int use_mutex(struct shs_object *mutex)
{
	if (shs_mutex_lock(mutex) || !shs_mutex_is_owned_by_current_thread(mutex))
		return 1;
	++*(volatile __u64 *)shs_mutex_value(mutex);
	return -shs_mutex_unlock(mutex);
}

static int use_rwlock(struct shs_object *rwlock)
{
	uint32_t lane;

	return shs_rwlock_read(rwlock, &lane) || shs_rwlock_read_unlock(rwlock, lane);
}

static int use_counter(struct shs_object *counter)
{
	return -shs_counter_add(counter, 0, 1);
}

static int use_cell(struct shs_object *cell)
{
	__u64 value;

	return shs_cell_load(cell, &value, sizeof(value)) ||
	       shs_cell_store(cell, &value, sizeof(value));
}

/* Twice: the first time by a call perhaps. */
static int use(FIXTURE_DATA(fork_steps) *self)
{
	for (int i = 0; i < 2; i++) {
		if (use_mutex(self->mutex))
			return 1;
		if (use_rwlock(self->rwlock))
			return 2;
		if (use_counter(self->counter))
			return 3;
		if (use_cell(self->cell))
			return 4;
	}
	return 0;
}

/* Attaches one and uses it, by a thread that is known; forks at that step, and both go on. */
static int attach_and_use(FIXTURE_DATA(fork_steps) *self, struct shs_object *one,
			  int (*use_one)(struct shs_object *one), unsigned long step)
{
	struct shs_object *first = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	int ret;

	if (use_mutex(first))
		return 10;
	shs_inject_at(step, fork_here);
	ret = shs_object_attach(one) ? 11 : 0;
	shs_inject_at(0, NULL);
	ret = ret ?: use_one(one) ? 12 : use(self);
	if (in_child)
		_exit(ret);
	if (child < 0)
		return 13;
	return ret ?: child > 0 ? shs_reap(child) : NO_SUCH_STEP;
}

static void fork_at_each_step(struct __test_metadata *_metadata, FIXTURE_DATA(fork_steps) *self,
			      struct shs_object *one, int (*use_one)(struct shs_object *one))
{
	for (unsigned long step = 1;; step++) {
		pid_t worker = shs_fork();
		int ret;

		if (!worker)
			_exit(attach_and_use(self, one, use_one, step));
		ret = shs_reap(worker);
		if (ret == NO_SUCH_STEP) {
			ASSERT_LT(5, step);
			return;
		}
		ASSERT_EQ(0, ret) {
			TH_LOG("at step %lu", step);
		}
	}
}

TEST_F(fork_steps, mutex)
{
	fork_at_each_step(_metadata, self, self->mutex, use_mutex);
}

TEST_F(fork_steps, rwlock)
{
	fork_at_each_step(_metadata, self, self->rwlock, use_rwlock);
}

TEST_F(fork_steps, counter)
{
	fork_at_each_step(_metadata, self, self->counter, use_counter);
}

TEST_F(fork_steps, cell)
{
	fork_at_each_step(_metadata, self, self->cell, use_cell);
}

/* What the thread that forked holds is its own, also where another one comes first. */
static void *use_in_thread(void *argument)
{
	return (void *)(long)use(argument);
}

static int use_by_two(FIXTURE_DATA(fork_steps) *self)
{
	int ret = in_thread(use_in_thread, self);

	ret = ret ?: use(self);
	if (ret)
		return ret;
	if (shs_mutex_lock(self->mutex) || shs_mutex_is_owned_by_current_thread(self->mutex) != 1)
		return 11;
	return -shs_mutex_unlock(self->mutex);
}

TEST_F(fork_steps, another_thread_first)
{
	pid_t pid;

	ASSERT_EQ(0, use(self));
	pid = _Fork();
	if (!pid) {
		pid = _Fork();
		_exit(use_by_two(self) ?: pid ? shs_reap(pid) : 0);
	}
	EXPECT_EQ(0, shs_reap(pid));
	pid = _Fork();
	if (!pid) {
		int ret = use_by_two(self);
		pid_t grandchild = fork();

		if (!grandchild)
			_exit(use_by_two(self));
		_exit(ret ?: shs_reap(grandchild));
	}
	EXPECT_EQ(0, shs_reap(pid));
	EXPECT_EQ(0, use(self));
}

TEST_HARNESS_MAIN
