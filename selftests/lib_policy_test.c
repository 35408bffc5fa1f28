// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library over what an object was made with: poison, recursion, values that are
 * committed, a once with a value, live counters, deadlocks; and the helpers that go
 * with them.
 */
#include "lib.h"

FIXTURE(lib_policy) {
	struct shs_pipe ready, go;
};

FIXTURE_SETUP(lib_policy)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(lib_policy)
{
}

static struct shs_object *mutex_as(__u32 flags)
{
	return make_as(SHS_KIND_MUTEX, SHS_TYPE_I64, flags);
}

static struct shs_object *rwlock_as(__u32 flags)
{
	return make_as(SHS_KIND_RWLOCK, SHS_TYPE_I64, flags);
}

/* Dies holding, killed. */
static void die_holding(struct shs_object *mutex)
{
	pid_t child = shs_fork();

	if (!child) {
		shs_mutex_lock(mutex);
		raise(SIGKILL);
	}
	if (shs_reap(child) != -SIGKILL)
		abort();
}

static void *try_lock_and_unlock(void *mutex)
{
	int ret = shs_mutex_try_lock(mutex);

	if (!ret || ret == -EOWNERDEAD)
		shs_mutex_unlock(mutex);
	return (void *)(long)ret;
}

/* Told as long as nobody declares it good; then it is as if nobody had died. */
TEST_F(lib_policy, strict_consistent)
{
	struct shs_object *mutex = mutex_as(SHS_INIT_STRICT);

	EXPECT_EQ(0, shs_mutex_is_poisoned(mutex));
	EXPECT_EQ(-EPERM, shs_mutex_consistent(mutex));
	die_holding(mutex);
	EXPECT_EQ(1, shs_mutex_is_poisoned(mutex));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_mutex_abandon(mutex));
	EXPECT_EQ(-EPERM, shs_mutex_abandon(mutex));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_mutex_consistent(mutex));
	EXPECT_EQ(-EINVAL, shs_mutex_consistent(mutex));
	EXPECT_EQ(0, shs_mutex_is_poisoned(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(-EOPNOTSUPP, shs_rwlock_consistent(mutex));
	EXPECT_EQ(-EOPNOTSUPP, shs_rwlock_is_poisoned(mutex));
}

/* Unlocked without a word it is lost to all, but for one who writes a good value. */
TEST_F(lib_policy, strict_lost)
{
	struct shs_object *mutex = mutex_as(SHS_INIT_STRICT);
	int64_t value = 5;

	die_holding(mutex);
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_mutex_lock(mutex));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_mutex_try_lock(mutex));
	EXPECT_EQ(1, shs_mutex_is_poisoned(mutex));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_mutex_clear_poison(mutex));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_value_write(mutex, 0, &value, 8, 0, past()));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_value_read(mutex, 0, &value, 8, 0, past()));
	EXPECT_EQ(SHS_NOTICE_OWNER_DIED, shs_value_peek(mutex, 0, &value, 8));
	EXPECT_EQ(0, value);
	value = 5;
	EXPECT_LE(0, shs_value_write(mutex, 0, &value, 8, SHS_OP_RECOVER, past()));
	EXPECT_EQ(0, shs_mutex_is_poisoned(mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(5, *(int64_t *)shs_mutex_value(mutex));
}

/* Readers are told and lose nothing; a writer must speak before it lets readers in. */
TEST_F(lib_policy, strict_rwlock)
{
	struct shs_object *rwlock = rwlock_as(SHS_INIT_STRICT);
	uint32_t lane;

	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(0, shs_rwlock_abandon(rwlock));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-EOWNERDEAD, shs_rwlock_read(rwlock, &lane));
		EXPECT_EQ(-EPERM, shs_rwlock_consistent(rwlock));
		EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	}
	EXPECT_EQ(1, shs_rwlock_is_poisoned(rwlock));
	EXPECT_EQ(-EOWNERDEAD, shs_rwlock_write(rwlock));
	EXPECT_EQ(-EUCLEAN, shs_rwlock_downgrade(rwlock, &lane));
	EXPECT_EQ(-EUCLEAN, shs_rwlock_downgrade_to_upgradable(rwlock));
	EXPECT_EQ(0, shs_rwlock_consistent(rwlock));
	EXPECT_EQ(0, shs_rwlock_downgrade(rwlock, &lane));
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_rwlock_is_poisoned(rwlock));

	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(0, shs_rwlock_abandon(rwlock));
	EXPECT_EQ(-EOWNERDEAD, shs_rwlock_write(rwlock));
	EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_rwlock_read(rwlock, &lane));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_rwlock_write(rwlock));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_rwlock_clear_poison(rwlock));
}

static void *downgrade_in_vain(void *rwlock)
{
	uint32_t lane;

	if (shs_rwlock_write(rwlock) != -EOWNERDEAD)
		return (void *)1;
	return (void *)(long)(shs_rwlock_downgrade(rwlock, &lane) != -EUCLEAN);
}

/* A thread whose downgrade was refused writes still, and so it is when it ends. */
TEST_F(lib_policy, strict_refused_downgrade_and_thread_ended)
{
	struct shs_object *rwlock = rwlock_as(SHS_INIT_STRICT);

	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(0, shs_rwlock_abandon(rwlock));
	EXPECT_EQ(0, in_thread(downgrade_in_vain, rwlock));
	EXPECT_EQ(-EOWNERDEAD, shs_rwlock_try_write(rwlock));
}

/* Whatever the policy, it is good again after; what is good stays so. */
TEST_F(lib_policy, clear_poison)
{
	static const __u32 policies[] = { 0, SHS_INIT_STRICT, SHS_INIT_IGNORE };

	for (int i = 0; i < ARRAY_SIZE(policies); i++) {
		struct shs_object *mutex = mutex_as(policies[i]);
		struct shs_object *rwlock = rwlock_as(policies[i]);
		uint32_t lane;

		EXPECT_EQ(0, shs_mutex_clear_poison(mutex));
		EXPECT_EQ(0, shs_mutex_lock(mutex));
		EXPECT_EQ(0, shs_mutex_abandon(mutex));
		EXPECT_EQ(policies[i] != SHS_INIT_IGNORE, shs_mutex_is_poisoned(mutex));
		EXPECT_EQ(0, shs_mutex_clear_poison(mutex));
		EXPECT_EQ(0, shs_mutex_is_poisoned(mutex));
		EXPECT_EQ(0, shs_mutex_lock(mutex));
		EXPECT_EQ(0, shs_rwlock_write(rwlock));
		EXPECT_EQ(0, shs_rwlock_abandon(rwlock));
		EXPECT_EQ(0, shs_rwlock_clear_poison_until(rwlock, past()));
		EXPECT_EQ(0, shs_rwlock_is_poisoned(rwlock));
		EXPECT_EQ(0, shs_rwlock_read(rwlock, &lane));
		EXPECT_EQ(-ETIMEDOUT, shs_rwlock_clear_poison_until(rwlock, past()));
		shs_object_close(mutex);
		shs_object_close(rwlock);
	}
}

/* Nobody is told of a death, and still who it was can be asked. */
TEST_F(lib_policy, ignore)
{
	struct shs_object *mutex = mutex_as(SHS_INIT_IGNORE), *both = NULL;
	struct shs_spec spec = { .kind = SHS_KIND_MUTEX,
				 .flags = SHS_INIT_IGNORE | SHS_INIT_STRICT };
	struct shs_ioc_death death;

	die_holding(mutex);
	EXPECT_EQ(0, shs_mutex_is_poisoned(mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_object_death(mutex, &death));
	EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
	EXPECT_EQ(-EINVAL, shs_object_create(NULL, &spec, &both));
}

/* The guard's way to fail: the next owner is told. */
TEST_F(lib_policy, guard_abandoned)
{
	struct shs_object *mutex = mutex_as(0), *rwlock = rwlock_as(0);

	shs_scope(num, shs_mutex_hold(mutex)) {
		EXPECT_EQ(0, shs_guard_abandon(&num));
		EXPECT_EQ(NULL, num.value);
		EXPECT_EQ(-EPERM, shs_guard_abandon(&num));
	}
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(mutex));
	shs_scope(num, shs_rwlock_hold_read(rwlock))
		EXPECT_EQ(-EPERM, shs_guard_abandon(&num));
	shs_scope(num, shs_rwlock_hold_write(rwlock))
		EXPECT_EQ(0, shs_guard_abandon(&num));
	EXPECT_EQ(-EOWNERDEAD, shs_rwlock_write(rwlock));
}

static void *unlock_of_another(void *mutex)
{
	return (void *)(long)shs_mutex_unlock(mutex);
}

static void *is_owned(void *mutex)
{
	return (void *)(long)shs_mutex_is_owned_by_current_thread(mutex);
}

/* The owning thread locks as often as it likes; any other waits, and cannot unlock. */
TEST_F(lib_policy, recursive)
{
	struct shs_object *mutex = mutex_as(SHS_INIT_RECURSIVE);

	EXPECT_EQ(0, shs_mutex_is_owned_by_current_thread(mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_mutex_try_lock(mutex));
	shs_scope(num, shs_mutex_hold_until(mutex, past()))
		EXPECT_EQ(1, shs_info(shs_object_fd(mutex)).depth);	/* the library counts */
	EXPECT_EQ(1, shs_mutex_is_owned_by_current_thread(mutex));
	EXPECT_EQ(0, in_thread(is_owned, mutex));
	EXPECT_EQ(-EBUSY, in_thread(try_lock_and_unlock, mutex));
	EXPECT_EQ(-EPERM, in_thread(unlock_of_another, mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(-EBUSY, in_thread(try_lock_and_unlock, mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, in_thread(try_lock_and_unlock, mutex));
	EXPECT_EQ(-EPERM, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, shs_mutex_is_owned_by_current_thread(mutex));
}

static struct shs_object *condvar;

static void *lock_thrice_and_end(void *mutex)
{
	return (void *)(long)(shs_mutex_lock(mutex) || shs_mutex_lock(mutex) ||
			      shs_mutex_lock(mutex));
}

static void *unlock_once_and_end(void *mutex)
{
	return (void *)(long)(lock_thrice_and_end(mutex) || shs_mutex_unlock(mutex));
}

static void *wait_in_vain_and_end(void *mutex)
{
	return (void *)(long)(lock_thrice_and_end(mutex) ||
			      shs_condvar_wait_until(condvar, mutex, past()) != -EDEADLK ||
			      shs_mutex_unlock(mutex) || shs_mutex_unlock(mutex));
}

static void *wait_and_end(void *mutex)
{
	return (void *)(long)(shs_mutex_lock(mutex) ||
			      shs_condvar_wait_until(condvar, mutex, past()) != -ETIMEDOUT ||
			      shs_mutex_lock(mutex) || shs_mutex_unlock(mutex));
}

static void *abandon_and_lock(void *mutex)
{
	return (void *)(long)(lock_thrice_and_end(mutex) || shs_mutex_abandon(mutex) ||
			      shs_mutex_try_lock(mutex) != -EOWNERDEAD);
}

static void *unlock_all_and_end(void *mutex)
{
	return (void *)(long)(unlock_once_and_end(mutex) || shs_mutex_unlock(mutex) ||
			      shs_mutex_unlock(mutex));
}

/* All locks of a thread that ends are released at once, however many are left. */
TEST_F(lib_policy, recursive_thread_ended)
{
	struct {
		void *(*run)(void *);
		int next;
	} cases[] = {
		{ lock_thrice_and_end, -EOWNERDEAD }, { unlock_once_and_end, -EOWNERDEAD },
		{ wait_in_vain_and_end, -EOWNERDEAD }, { wait_and_end, -EOWNERDEAD },
		{ abandon_and_lock, -EOWNERDEAD }, { unlock_all_and_end, 0 },
	};
	struct shs_object *mutex = mutex_as(SHS_INIT_RECURSIVE);

	condvar = make(SHS_KIND_CONDVAR, SHS_TYPE_NONE);
	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		ASSERT_EQ(0, in_thread(cases[i].run, mutex)) TH_LOG("case %d", i);
		ASSERT_EQ(cases[i].next, shs_mutex_try_lock(mutex)) TH_LOG("case %d", i);
		EXPECT_EQ(0, shs_mutex_unlock(mutex));
	}
}

/* Whoever waits has had it when bump returns; else nothing happens. */
TEST_F(lib_policy, bump)
{
	struct shs_object *mutex = mutex_as(0), *rwlock = rwlock_as(0);
	pid_t child;

	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_mutex_bump(mutex));
	EXPECT_EQ(-EOPNOTSUPP, shs_mutex_bump(rwlock));
	child = shs_fork();
	if (!child) {
		shs_scope(num, shs_mutex_hold(mutex))
			*(int64_t *)num.value = 3;
		_exit(0);
	}
	SHS_AWAIT(shs_object_fd(mutex), info.waiters == 1);
	EXPECT_EQ(0, shs_mutex_bump(mutex));
	EXPECT_EQ(3, *(int64_t *)shs_mutex_value(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, shs_reap(child));
}

/* So with a guard, as a writer and as a reader whom a writer waits for. */
TEST_F(lib_policy, guard_bump)
{
	struct shs_object *rwlock = rwlock_as(0);
	struct shs_guard held = shs_rwlock_hold_write(rwlock);
	pid_t child;

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, shs_guard_bump(&held));
		child = shs_fork();
		if (!child) {
			shs_scope(num, shs_rwlock_hold_write(rwlock))
				++*(int64_t *)num.value;
			_exit(0);
		}
		SHS_AWAIT(shs_object_fd(rwlock), info.waiters == 1);
		EXPECT_EQ(0, shs_guard_bump(&held));
		EXPECT_EQ(i + 1, *(const int64_t *)held.view);
		EXPECT_EQ(0, shs_reap(child));
		EXPECT_EQ(0, shs_guard_release(&held));
		EXPECT_EQ(-EPERM, shs_guard_bump(&held));
		held = shs_rwlock_hold_read(rwlock);
	}
}

static int64_t peek(struct shs_object *object)
{
	int64_t value = -1;

	return shs_value_peek(object, 0, &value, 8) < 0 ? -1 : value;
}

/* Until it is committed nobody sees a change, and without it is dropped. */
TEST_F(lib_policy, commit)
{
	struct shs_object *mutex = mutex_as(SHS_INIT_COMMIT);
	int64_t *value, old;

	EXPECT_EQ(NULL, shs_mutex_value(mutex));
	EXPECT_EQ(-EPERM, shs_commit(mutex));
	shs_scope(num, shs_mutex_hold(mutex)) {
		EXPECT_NE(num.view, num.value);
		value = num.value;
		*value = 1;
		EXPECT_EQ(0, peek(mutex));
		EXPECT_EQ(0, *(const int64_t *)num.view);
		EXPECT_EQ(0, shs_guard_commit(&num));
		EXPECT_EQ(1, peek(mutex));
		EXPECT_EQ(1, *(const int64_t *)num.view);
		/* The same pointer is good for the next change. */
		EXPECT_EQ(value, num.value);
		*value = 2;
		EXPECT_EQ(1, peek(mutex));
	}
	EXPECT_EQ(1, peek(mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	value = shs_mutex_value(mutex);
	EXPECT_EQ(1, *value);
	*value = 3;
	EXPECT_EQ(0, shs_commit(mutex));
	EXPECT_EQ(value, shs_mutex_value(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, shs_value_add(mutex, 0, 4, &old, 0, past()));
	EXPECT_EQ(3, old);
	EXPECT_EQ(0, shs_value_write(mutex, 0, &(int64_t){ 9 }, 8, 0, past()));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(9, *(int64_t *)shs_mutex_value(mutex));
	EXPECT_EQ(-EOPNOTSUPP, shs_commit(mutex_as(0)));
}

/* What the dead had committed is the value, and what it had not never was. */
TEST_F(lib_policy, commit_and_death)
{
	struct shs_spec spec = { .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_I64, .count = 1000,
				 .flags = SHS_INIT_COMMIT };
	struct shs_object *mutex;
	int64_t sum;
	pid_t child;

	ASSERT_EQ(0, shs_object_create(NULL, &spec, &mutex));
	for (int round = 1; round < 4; round++) {
		child = shs_fork();
		if (!child) {
			struct shs_guard held = shs_mutex_hold(mutex);
			int64_t *value = held.value;

			for (int i = 0; i < 1000; i++)
				value[i]++;
			shs_guard_commit(&held);
			for (int i = 0; i < 500; i++)
				value[i] = -1;
			raise(SIGKILL);
		}
		EXPECT_EQ(-SIGKILL, shs_reap(child));
		shs_scope(num, shs_mutex_hold(mutex)) {
			EXPECT_EQ(-EOWNERDEAD, num.status);
			sum = 0;
			for (int i = 0; i < 1000; i++)
				sum += ((int64_t *)num.value)[i];
			EXPECT_EQ(1000 * round, sum);
		}
	}
}

/* However fast it is committed, who looks and who reads find it whole. */
TEST_F(lib_policy, commit_never_torn)
{
	unsigned long rounds = shs_scale(3000);
	struct shs_spec spec = { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_I64, .count = 100,
				 .flags = SHS_INIT_COMMIT };
	struct shs_object *rwlock;
	int64_t value[100];
	pid_t child;

	ASSERT_EQ(0, shs_object_create(NULL, &spec, &rwlock));
	child = shs_fork();
	if (!child) {
		struct shs_guard held = shs_rwlock_hold_write(rwlock);

		for (unsigned long n = 0; n < rounds; n++) {
			for (int i = 0; i < 100; i++)
				++((int64_t *)held.value)[i];
			shs_guard_commit(&held);
			if (n % 8 == 0) {
				shs_guard_release(&held);
				held = shs_rwlock_hold_write(rwlock);
			}
		}
		_exit(0);
	}
	do {
		EXPECT_LE(0, shs_value_peek(rwlock, 0, value, sizeof(value)));
		for (int i = 1; i < 100; i++)
			ASSERT_EQ(value[0], value[i]);
		shs_scope(num, shs_rwlock_hold_read(rwlock))
			memcpy(value, num.view, sizeof(value));
		for (int i = 1; i < 100; i++)
			ASSERT_EQ(value[0], value[i]);
	} while (!shs_is_gone(child));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_LE(0, shs_value_peek(rwlock, 0, value, sizeof(value)));
	EXPECT_EQ(rounds, value[99]);
}

/* Waits once; expected is what others have made of it by then. */
static int wait_with_pointers(struct shs_object *mutex, int64_t expected)
{
	struct shs_guard held = shs_mutex_hold(mutex);
	int64_t *value = held.value;

	*value = 100;		/* not committed, so lost by the wait */
	if (shs_condvar_wait(condvar, mutex) || *value != expected)
		return 1;
	*value = 50;		/* of the copy */
	if (peek(mutex) != expected || *(const int64_t *)held.view != expected)
		return 2;
	if (shs_guard_commit(&held) || shs_guard_release(&held))
		return 3;
	return peek(mutex) == 50 ? 0 : 4;
}

/*
 * A wait on a condvar gives the mutex away, and a change that was not committed with
 * it; the pointers of the guard are good when it is back, however often others have
 * committed or written meanwhile.
 */
TEST_F(lib_policy, commit_and_wait)
{
	struct shs_object *mutex = mutex_as(SHS_INIT_COMMIT);
	pid_t child;

	condvar = make(SHS_KIND_CONDVAR, SHS_TYPE_NONE);
	for (int times = 1; times < 5; times++) {
		child = shs_fork();
		if (!child)
			_exit(wait_with_pointers(mutex, 9 + times));
		SHS_AWAIT(shs_object_fd(condvar), info.waiters == 1);
		EXPECT_EQ(0, shs_value_write(mutex, 0, &(int64_t){ 9 }, 8, 0,
					     shs_deadline_never()));
		for (int i = 0; i < times; i++) {
			shs_scope(num, shs_mutex_hold(mutex)) {
				++*(int64_t *)num.value;
				EXPECT_EQ(0, shs_guard_commit(&num));
			}
		}
		EXPECT_EQ(1, shs_condvar_notify_one(condvar));
		EXPECT_EQ(0, shs_reap(child)) TH_LOG("%d times", times);
	}
}

/* An inner lock of the same thread neither drops nor commits what the outer changes. */
TEST_F(lib_policy, commit_and_recursion)
{
	struct shs_object *mutex = mutex_as(SHS_INIT_COMMIT | SHS_INIT_RECURSIVE);

	shs_scope(outer, shs_mutex_hold(mutex)) {
		*(int64_t *)outer.value = 5;
		shs_scope(inner, shs_mutex_hold(mutex)) {
			EXPECT_EQ(outer.value, inner.value);
			EXPECT_EQ(5, *(int64_t *)inner.value);
		}
		EXPECT_EQ(5, *(int64_t *)outer.value);
		EXPECT_EQ(0, peek(mutex));
		EXPECT_EQ(0, shs_guard_commit(&outer));
	}
	EXPECT_EQ(5, peek(mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	*(int64_t *)shs_mutex_value(mutex) = 6;
	EXPECT_EQ(0, shs_mutex_abandon(mutex));
	EXPECT_EQ(-EPERM, shs_commit(mutex));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(mutex));
	EXPECT_EQ(5, *(int64_t *)shs_mutex_value(mutex));
}

/* Readers see the value and not the copy; an upgrade begins with a fresh one. */
TEST_F(lib_policy, commit_rwlock)
{
	struct shs_object *rwlock = rwlock_as(SHS_INIT_COMMIT);
	struct shs_guard held = shs_rwlock_hold_write(rwlock);

	*(int64_t *)held.value = 1;
	EXPECT_EQ(held.value, shs_rwlock_value(rwlock));
	EXPECT_EQ(0, shs_guard_commit(&held));
	*(int64_t *)held.value = 2;
	EXPECT_EQ(0, shs_guard_downgrade_to_upgradable(&held));
	EXPECT_EQ(NULL, held.value);
	EXPECT_EQ(1, *(const int64_t *)held.view);
	EXPECT_EQ(held.view, shs_rwlock_value(rwlock));
	EXPECT_EQ(-EPERM, shs_guard_commit(&held));
	EXPECT_EQ(-EPERM, shs_commit(rwlock));
	EXPECT_EQ(0, shs_guard_upgrade(&held));
	EXPECT_EQ(1, *(int64_t *)held.value);
	*(int64_t *)held.value = 3;
	EXPECT_EQ(0, shs_guard_commit(&held));
	EXPECT_EQ(0, shs_guard_downgrade(&held));
	EXPECT_EQ(3, *(const int64_t *)held.view);
	EXPECT_EQ(0, shs_guard_release(&held));
	EXPECT_EQ(3, peek(rwlock));
}

/* A child has neither the lock nor the slots; it commits only what it locked itself. */
TEST_F(lib_policy, commit_after_fork)
{
	struct shs_object *mutex = mutex_as(SHS_INIT_COMMIT);
	struct shs_guard held = shs_mutex_hold(mutex);
	pid_t child;

	for (int i = 0; i < 2; i++) {
		child = i ? _Fork() : shs_fork();
		if (!child)
			_exit(-shs_guard_commit(&held));
		EXPECT_EQ(EPERM, shs_reap(child));
	}
	*(int64_t *)held.value = 4;
	EXPECT_EQ(0, shs_guard_commit(&held));
	EXPECT_EQ(4, peek(mutex));
}

static int is_zero(void *value)
{
	return *(int64_t *)value == 0;
}

/* The write lock of a rwlock is as good as a mutex; a read lock is not. */
TEST_F(lib_policy, condvar_with_rwlock)
{
	struct shs_object *rwlock = rwlock_as(0);
	uint32_t lane;
	pid_t child;

	condvar = make(SHS_KIND_CONDVAR, SHS_TYPE_NONE);
	EXPECT_EQ(-EPERM, shs_condvar_wait(condvar, rwlock));
	EXPECT_EQ(0, shs_rwlock_read(rwlock, &lane));
	EXPECT_EQ(-EPERM, shs_condvar_wait(condvar, rwlock));
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	child = shs_fork();
	if (!child) {
		shs_guard(num, shs_rwlock_hold_write(rwlock));

		if (shs_condvar_wait_while(condvar, rwlock, is_zero, num.value))
			_exit(1);
		_exit(*(int64_t *)num.value == 6 && !shs_guard_downgrade(&num) ? 0 : 2);
	}
	SHS_AWAIT(shs_object_fd(condvar), info.waiters == 1);
	shs_scope(num, shs_rwlock_hold_write(rwlock)) {
		EXPECT_EQ(1, shs_condvar_notify_all(condvar));
		*(int64_t *)num.value = 6;
	}
	EXPECT_EQ(0, shs_reap(child));
}

static void *write_and_wait_and_end(void *rwlock)
{
	return (void *)(long)(shs_rwlock_write(rwlock) ||
			      shs_condvar_wait_until(condvar, rwlock, past()) != -ETIMEDOUT);
}

/* What a wait gave back is the thread's again; what it lost is not. */
TEST_F(lib_policy, condvar_and_thread_ended)
{
	struct shs_object *rwlock = rwlock_as(0);
	struct shs_object *mutex = mutex_as(SHS_INIT_STRICT | SHS_INIT_COMMIT);

	condvar = make(SHS_KIND_CONDVAR, SHS_TYPE_NONE);
	EXPECT_EQ(0, in_thread(write_and_wait_and_end, rwlock));
	EXPECT_EQ(-EOWNERDEAD, shs_rwlock_try_write(rwlock));
	die_holding(mutex);
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(mutex));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_condvar_wait_until(condvar, mutex, past()));
	EXPECT_EQ(-EPERM, shs_commit(mutex));
	EXPECT_EQ(-EPERM, shs_mutex_unlock(mutex));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_mutex_lock(mutex));
}

/* A value is set once, whole, for all. */
TEST_F(lib_policy, once_lock)
{
	struct shs_spec spec = { .kind = SHS_KIND_ONCE, .type = SHS_TYPE_U32, .count = 2 };
	uint32_t first[2] = { 7, 8 }, second[2] = { 9, 9 }, value[2] = { 1, 1 };
	struct shs_object *once, *looker;
	const uint32_t *mapped;

	ASSERT_EQ(0, shs_object_create("once", &spec, &once));
	ASSERT_EQ(0, shs_object_open("once", SHS_OPEN_RDONLY, &looker));
	EXPECT_EQ(-ENODATA, shs_once_lock_get(looker, value, 8));
	EXPECT_EQ(1, value[0]);
	EXPECT_EQ(NULL, shs_once_lock_value(looker));
	EXPECT_EQ(-EACCES, shs_once_lock_set(looker, first, 8));
	EXPECT_EQ(-EINVAL, shs_once_lock_set(once, first, 4));
	EXPECT_EQ(-EINVAL, shs_once_lock_get(once, value, 4));
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_once_state(once));
	EXPECT_EQ(0, shs_once_lock_set(once, first, 8));
	EXPECT_EQ(-EEXIST, shs_once_lock_set(once, second, 8));
	EXPECT_EQ(0, shs_once_lock_get(looker, value, 8));
	EXPECT_EQ(7, value[0]);
	EXPECT_EQ(8, value[1]);
	mapped = shs_once_lock_value(looker);
	ASSERT_NE(NULL, mapped);
	EXPECT_EQ(8, mapped[1]);
	EXPECT_EQ(0, shs_once_wait_until(looker, past()));
	once = make(SHS_KIND_ONCE, SHS_TYPE_NONE);
	EXPECT_EQ(-EOPNOTSUPP, shs_once_lock_get(once, value, 0));
	EXPECT_EQ(-EOPNOTSUPP, shs_once_lock_set(once, first, 8));
	EXPECT_EQ(NULL, shs_once_lock_value(once));
}

/* Done, with a value, before anybody came. */
TEST_F(lib_policy, once_done)
{
	int16_t value = -5;
	struct shs_spec spec = { .kind = SHS_KIND_ONCE, .type = SHS_TYPE_I16, .value = &value,
				 .flags = SHS_INIT_DONE };
	struct shs_object *once;

	ASSERT_EQ(0, shs_object_create(NULL, &spec, &once));
	value = 0;
	EXPECT_EQ(0, shs_once_lock_get(once, &value, 2));
	EXPECT_EQ(-5, value);
	EXPECT_EQ(-EEXIST, shs_once_lock_set(once, &value, 2));
	EXPECT_EQ(SHS_ONCE_DONE, shs_once_state(once));
	spec.flags = 0;
	EXPECT_EQ(-EINVAL, shs_object_create(NULL, &spec, &once));
}

static int by_argument(void *value, size_t size, void *argument, int earlier)
{
	int64_t given = *(int64_t *)argument;

	if (given < 0)
		return given;
	*(int64_t *)value = earlier ? -given : given;
	return size == 8 ? 0 : -EIO;
}

static int killed(void *value, size_t size, void *argument, int earlier)
{
	*(int64_t *)value = 13;
	raise(SIGKILL);
	return 0;
}

/* One initialiser succeeds; who fails or dies leaves it to the next, who is told. */
TEST_F(lib_policy, once_lock_get_or_init)
{
	struct shs_object *once = make(SHS_KIND_ONCE, SHS_TYPE_I64);
	int64_t given = -EPROTO, value = 0;
	pid_t child;

	EXPECT_EQ(-EPROTO, shs_once_lock_get_or_init(once, &value, 8, by_argument, &given));
	EXPECT_EQ(-ENODATA, shs_once_lock_get(once, &value, 8));
	child = shs_fork();
	if (!child)
		_exit(shs_once_lock_get_or_init(once, &value, 8, killed, NULL));
	EXPECT_EQ(-SIGKILL, shs_reap(child));
	EXPECT_EQ(-ENODATA, shs_once_lock_get(once, &value, 8));
	given = 21;
	EXPECT_EQ(-EINVAL, shs_once_lock_get_or_init(once, &value, 4, by_argument, &given));
	EXPECT_EQ(1, shs_once_lock_get_or_init(once, &value, 8, by_argument, &given));
	EXPECT_EQ(-21, value);
	value = 0;
	EXPECT_EQ(0, shs_once_lock_get_or_init(once, &value, 8, killed, NULL));
	EXPECT_EQ(-21, value);
}

/* Of many who come at once one sets it, and all have that value. */
TEST_F(lib_policy, once_lock_race)
{
	for (unsigned long round = 0; round < shs_scale(20); round++) {
		struct shs_object *once = make(SHS_KIND_ONCE, SHS_TYPE_I64);
		int64_t *got = shs_common(4096), given, value;
		struct shs_pipe gate = shs_pipe();
		int ran = 0;
		pid_t child[4];

		for (int i = 0; i < 4; i++) {
			child[i] = shs_fork();
			if (child[i])
				continue;
			given = 100 + i;
			shs_gate_pass(&gate);
			_exit(shs_once_lock_get_or_init(once, &got[i], 8, by_argument, &given));
		}
		shs_gate_open(&gate);
		for (int i = 0; i < 4; i++)
			ran += shs_reap(child[i]) == 1;
		EXPECT_EQ(1, ran);
		EXPECT_EQ(0, shs_once_lock_get(once, &value, 8));
		for (int i = 0; i < 4; i++)
			EXPECT_EQ(value, got[i]);
		close(gate.end[0]);
		shs_object_close(once);
	}
}

/* What is no bool is refused and leaves the once to the next; in steps it still runs. */
TEST_F(lib_policy, once_lock_refused)
{
	struct shs_object *once = make(SHS_KIND_ONCE, SHS_TYPE_BOOL);
	uint8_t value = 2;

	EXPECT_EQ(-ERANGE, shs_once_lock_set(once, &value, 1));
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_once_state(once));
	EXPECT_EQ(1, shs_once_begin(once, 0, past()));
	EXPECT_EQ(-ERANGE, shs_once_complete_with(once, &value, 1));
	EXPECT_EQ(-EINVAL, shs_once_complete_with(once, &value, 2));
	EXPECT_EQ(SHS_ONCE_RUNNING, shs_once_state(once));
	value = 1;
	EXPECT_EQ(0, shs_once_complete_with(once, &value, 1));
	EXPECT_EQ(-EPERM, shs_once_complete_with(once, &value, 1));
	EXPECT_EQ(1, *(const uint8_t *)shs_once_lock_value(once));
}

static void *begin_and_end(void *once)
{
	uint8_t value = 2;

	if (shs_once_begin(once, 0, past()) != 1)
		return (void *)1;
	/* Refused, so it still runs. */
	return (void *)(long)(shs_once_complete_with(once, &value, 1) != -ERANGE);
}

static void *begin_and_complete(void *once)
{
	return (void *)(long)(shs_once_begin(once, 0, past()) != 1 || shs_once_complete(once));
}

static void *begin_only(void *once)
{
	return (void *)(long)(shs_once_begin(once, 0, past()) != 1);
}

/* A thread that ends in an initialiser gives it up; one that a thread ended runs on. */
TEST_F(lib_policy, once_thread_ended)
{
	struct shs_object *once = make(SHS_KIND_ONCE, SHS_TYPE_BOOL);
	struct shs_object *poisoned = make_as(SHS_KIND_ONCE, SHS_TYPE_NONE, SHS_INIT_POISON);

	EXPECT_EQ(0, in_thread(begin_and_end, once));
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_once_state(once));
	EXPECT_EQ(0, in_thread(begin_and_complete, once));
	EXPECT_EQ(SHS_ONCE_DONE, shs_once_state(once));
	EXPECT_EQ(0, in_thread(begin_only, poisoned));
	EXPECT_EQ(SHS_ONCE_POISONED, shs_once_state(poisoned));
}

/* What a process added goes with it; what this one did with its handle. */
TEST_F(lib_policy, live_counter)
{
	struct shs_spec spec = { .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
				 .flags = SHS_INIT_LIVE };
	struct shs_ioc_op op = { .op = SHS_OP_ADD, .arg = 1 };
	struct shs_object *counter, *other, *looker;
	int64_t value;
	pid_t child;

	ASSERT_EQ(0, shs_object_create("live", &spec, &counter));
	ASSERT_EQ(0, shs_object_open("live", 0, &other));
	ASSERT_EQ(0, shs_object_open("live", SHS_OPEN_RDONLY, &looker));
	EXPECT_EQ(-ENXIO, shs_object_op(counter, &op));
	EXPECT_EQ(-EACCES, shs_counter_add(looker, 0, 1));
	EXPECT_EQ(-EINVAL, shs_counter_add(counter, 1, 1));
	EXPECT_EQ(0, shs_counter_add(counter, 0, 5));
	EXPECT_EQ(0, shs_counter_add(other, 0, 30));
	child = shs_fork();
	if (!child) {
		value = shs_counter_add(counter, 0, 100);
		shs_say(&self->ready);
		if (!value)
			shs_until_killed();
		_exit(1);
	}
	shs_hear(&self->ready);
	EXPECT_EQ(0, shs_counter_read(looker, 0, &value));
	EXPECT_EQ(135, value);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, shs_counter_read(looker, 0, &value));
	EXPECT_EQ(35, value);
	shs_object_close(other);
	EXPECT_EQ(0, shs_counter_read(looker, 0, &value));
	EXPECT_EQ(5, value);
	EXPECT_EQ(0, shs_counter_add(counter, 0, -5));
	EXPECT_EQ(0, shs_counter_read(looker, 0, &value));
	EXPECT_EQ(0, value);
}

/* No lanes, so a sum is that of one moment. */
TEST_F(lib_policy, serial_counter)
{
	struct shs_object *counter = make_as(SHS_KIND_COUNTER, SHS_TYPE_I64, SHS_INIT_SERIAL);
	int64_t value;

	EXPECT_EQ(0, shs_counter_add(counter, 0, 5));
	EXPECT_EQ(0, shs_object_attach(counter));
	EXPECT_EQ(0, counter->lane_count);
	EXPECT_EQ(0, shs_counter_read(counter, 0, &value));
	EXPECT_EQ(5, value);
}

/* Who holds and who waits can be asked, more than there is room for too. */
TEST_F(lib_policy, threads)
{
	struct shs_object *mutex = mutex_as(SHS_INIT_FIFO);
	struct shs_thread_info threads[3];
	pid_t child;

	EXPECT_EQ(0, shs_object_threads(mutex, NULL, 0));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	child = shs_fork();
	if (!child)
		_exit(-shs_mutex_lock(mutex));
	SHS_AWAIT(shs_object_fd(mutex), info.waiters == 1);
	EXPECT_EQ(2, shs_object_threads(mutex, NULL, 0));
	memset(threads, 0, sizeof(threads));
	EXPECT_EQ(2, shs_object_threads(mutex, threads, 1));
	EXPECT_EQ(getpid(), threads[0].pid);
	EXPECT_EQ(0, threads[1].pid);
	EXPECT_EQ(2, shs_object_threads(mutex, threads, 1000000));
	EXPECT_EQ(gettid(), threads[0].tid);
	EXPECT_EQ(0, threads[0].flags);
	EXPECT_EQ(child, threads[1].tid);
	EXPECT_EQ(SHS_THREAD_WAITS, threads[1].flags);
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, shs_reap(child));
}

/* One who would wait for itself is told at once, and by whom; try is only busy. */
TEST_F(lib_policy, detect)
{
	struct shs_object *first = mutex_as(SHS_INIT_DETECT);
	struct shs_object *second = rwlock_as(SHS_INIT_DETECT);
	struct shs_thread_info cycle[SHS_CYCLE_MAX];
	uint32_t lane;
	pid_t child;

	EXPECT_EQ(-ENODATA, shs_object_cycle(first, cycle, SHS_CYCLE_MAX));
	EXPECT_EQ(0, shs_mutex_lock(first));
	EXPECT_EQ(-EDEADLK, shs_mutex_lock(first));
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(first));
	EXPECT_EQ(1, shs_object_cycle(first, cycle, 1000));
	EXPECT_EQ(gettid(), cycle[0].tid);
	child = shs_fork();
	if (!child)
		_exit(shs_rwlock_write(second) || shs_mutex_lock(first) != -EOWNERDEAD);
	SHS_AWAIT(shs_object_fd(first), info.waiters == 1);
	EXPECT_EQ(-EDEADLK, shs_rwlock_read(second, &lane));
	EXPECT_EQ(-EDEADLK, shs_rwlock_write_until(second, shs_deadline_in(SHS_NS_PER_S)));
	EXPECT_EQ(-EDEADLK, shs_value_add(second, 0, 1, NULL, 0, shs_deadline_never()));
	memset(cycle, 0, sizeof(cycle));
	EXPECT_EQ(2, shs_object_cycle(second, cycle, 1));
	EXPECT_EQ(gettid(), cycle[0].tid);
	EXPECT_EQ(0, cycle[1].tid);
	EXPECT_EQ(2, shs_object_cycle(second, cycle, 2));
	EXPECT_EQ(child, cycle[1].tid);
	EXPECT_EQ(0, shs_mutex_abandon(first));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-EOPNOTSUPP, shs_object_cycle(make(SHS_KIND_CONDVAR, 0), cycle, 1));
}

static int at_most_ten(int64_t *value, void *argument)
{
	++*(int *)argument;
	if (*value >= 10)
		return -EDOM;
	*value += 4;
	return 0;
}

/* A change that refuses leaves the atomic as it is. */
TEST_F(lib_policy, atomic_try_update)
{
	struct shs_object *atomic = make(SHS_KIND_ATOMIC, SHS_TYPE_I32);
	int64_t value, old = -1;
	int calls = 0;

	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, shs_atomic_try_update(atomic, 0, 0, at_most_ten, &calls, &old));
		EXPECT_EQ(4 * i, old);
	}
	EXPECT_EQ(-EDOM, shs_atomic_try_update(atomic, 0, 0, at_most_ten, &calls, &old));
	EXPECT_EQ(8, old);
	EXPECT_EQ(4, calls);
	EXPECT_EQ(0, shs_atomic_load(atomic, 0, 0, &value));
	EXPECT_EQ(12, value);
	EXPECT_EQ(-EINVAL, shs_atomic_try_update(atomic, 1, 0, at_most_ten, &calls, &old));
}

struct pair {
	int64_t left, right;
};

static int move_one(void *value, void *argument)
{
	struct pair *pair = value;

	pair->left--;
	pair->right++;
	return pair->left < *(int *)argument ? -EDOM : 0;
}

/* Of processes that update a cell at once each has its turn. */
TEST_F(lib_policy, cell_fetch_update)
{
	unsigned long rounds = shs_scale(50);
	struct pair begin = { 1000, 0 }, pair;
	struct shs_spec spec = { .kind = SHS_KIND_CELL, .type = SHS_TYPE_BYTES,
				 .count = sizeof(pair), .value = &begin };
	struct shs_object *cell;
	int least = 0;
	pid_t child[3];

	ASSERT_EQ(0, shs_object_create(NULL, &spec, &cell));
	for (int i = 0; i < 3; i++) {
		child[i] = shs_fork();
		if (child[i])
			continue;
		for (unsigned long n = 0; n < rounds; n++)
			if (shs_cell_fetch_update(cell, sizeof(pair), move_one, &least, NULL))
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	least = 1000;
	EXPECT_EQ(-EDOM, shs_cell_fetch_update(cell, sizeof(pair), move_one, &least, &pair));
	least = 0;
	EXPECT_EQ(0, shs_cell_fetch_update(cell, sizeof(pair), move_one, &least, &pair));
	EXPECT_EQ(3 * rounds, pair.right);
	EXPECT_EQ(0, shs_cell_load(cell, &pair, sizeof(pair)));
	EXPECT_EQ(3 * rounds + 1, pair.right);
	EXPECT_EQ(999 - 3 * rounds, pair.left);
	EXPECT_EQ(-EINVAL, shs_cell_fetch_update(cell, 8, move_one, &least, NULL));
	EXPECT_EQ(-EINVAL, shs_cell_fetch_update(cell, SHS_CELL_MAX + 1, move_one, &least, NULL));
}

static void add_one(struct shs_guard *guard, void *calls)
{
	++*(int *)calls;
	++*(int64_t *)guard->value;
}

/* Writer for the time of a function, upgradable before and after, if it may. */
TEST_F(lib_policy, with_upgraded)
{
	struct shs_object *rwlock = rwlock_as(0);
	struct shs_guard held = shs_rwlock_hold_upgradable(rwlock);
	uint32_t lane;
	int calls = 0;

	EXPECT_EQ(0, shs_guard_with_upgraded(&held, add_one, &calls));
	EXPECT_EQ(SHS_MODE_UPGRADABLE, held.mode);
	EXPECT_EQ(NULL, held.value);
	EXPECT_EQ(1, *(const int64_t *)held.view);
	EXPECT_EQ(0, shs_rwlock_try_read(rwlock, &lane));
	EXPECT_EQ(-ETIMEDOUT, shs_guard_with_upgraded_until(&held, add_one, &calls, past()));
	EXPECT_EQ(1, calls);
	EXPECT_EQ(SHS_MODE_UPGRADABLE, held.mode);
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_guard_release(&held));
	EXPECT_EQ(-EPERM, shs_guard_with_upgraded(&held, add_one, &calls));
	EXPECT_EQ(0, shs_rwlock_try_write(rwlock));
}

static void do_nothing(struct shs_guard *guard, void *argument)
{
}

/* One who was told of a death and does not declare the value good writes still. */
TEST_F(lib_policy, with_upgraded_strict)
{
	struct shs_object *rwlock = rwlock_as(SHS_INIT_STRICT);
	struct shs_guard held;
	int calls = 0;

	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(0, shs_rwlock_abandon(rwlock));
	held = shs_rwlock_hold_upgradable(rwlock);
	EXPECT_EQ(-EOWNERDEAD, held.status);
	EXPECT_EQ(-EUCLEAN, shs_guard_with_upgraded(&held, do_nothing, NULL));
	EXPECT_EQ(SHS_MODE_EXCLUSIVE, held.mode);
	EXPECT_NE(NULL, held.value);
	EXPECT_EQ(0, shs_rwlock_consistent(rwlock));
	EXPECT_EQ(0, shs_guard_downgrade_to_upgradable(&held));
	EXPECT_EQ(0, shs_guard_with_upgraded(&held, add_one, &calls));
	EXPECT_EQ(0, shs_guard_release(&held));
}

TEST_HARNESS_MAIN
