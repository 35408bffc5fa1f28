// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library over the module: what it adds to the calls that the other tests make
 * themselves. Names and atomic creation, attaching at first use and after fork,
 * waits that no signal ends, guards, and the kinds in the manner of Rust.
 */
#include "lib.h"

FIXTURE(lib) {
	struct shs_object *mutex;
	struct shs_pipe ready, go;
};

static const struct shs_spec mutex_spec = { .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_I64,
					    .count = 2 };

FIXTURE_SETUP(lib)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	ASSERT_EQ(0, shs_object_create("mutex", &mutex_spec, &self->mutex));
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(lib)
{
}

/* A name that is taken is an error to one who must create, and opened by another. */
TEST_F(lib, create_and_open)
{
	struct shs_object *object = (void *)1;

	EXPECT_EQ(-EEXIST, shs_object_create("mutex", &mutex_spec, &object));
	EXPECT_EQ((void *)1, (void *)object);
	EXPECT_EQ(-ENOENT, shs_object_open("other", 0, &object));
	EXPECT_EQ(0, shs_object_open_or_create("mutex", &mutex_spec, &object));
	EXPECT_EQ(SHS_KIND_MUTEX, object->kind);
	EXPECT_EQ(SHS_TYPE_I64, object->type);
	EXPECT_EQ(2, object->count);
	shs_object_close(object);
	EXPECT_EQ(1, shs_object_open_or_create("other", &mutex_spec, &object));
	shs_object_close(object);
	EXPECT_EQ(0, shs_object_open("other", 0, &object));
	shs_object_close(object);
	shs_object_close(NULL);
}

/* An object that is not what was asked for is not taken for it. */
TEST_F(lib, another_object_of_that_name)
{
	struct shs_spec specs[] = {
		{ .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_I64, .count = 2 },
		{ .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 2 },
		{ .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_I64, .count = 3 },
	};
	struct shs_object *object;

	for (int i = 0; i < ARRAY_SIZE(specs); i++)
		EXPECT_EQ(-EEXIST, shs_object_open_or_create("mutex", &specs[i], &object));
}

/* Of many that open or create at once, one creates; all have the same object. */
TEST_F(lib, creation_race)
{
	for (unsigned long round = 0; round < shs_scale(30); round++) {
		struct shs_pipe gate = shs_pipe();
		struct shs_object *object;
		int created = 0, opened = 0;
		int64_t sum = 0;
		pid_t child[5];

		for (int i = 0; i < 5; i++) {
			child[i] = shs_fork();
			if (!child[i]) {
				int ret;

				shs_gate_pass(&gate);
				ret = shs_object_open_or_create("race", &mutex_spec, &object);
				if (ret < 0 || shs_value_add(object, 0, 1, NULL, 0,
							     shs_deadline_never()))
					_exit(9);
				_exit(ret);
			}
		}
		shs_gate_open(&gate);
		for (int i = 0; i < 5; i++) {
			int status = shs_reap(child[i]);

			created += status == 1;
			opened += status == 0;
		}
		EXPECT_EQ(1, created);
		EXPECT_EQ(4, opened);
		ASSERT_EQ(0, shs_object_open("race", 0, &object));
		EXPECT_EQ(0, shs_value_peek(object, 0, &sum, 8));
		EXPECT_EQ(5, sum);
		shs_object_close(object);
		EXPECT_EQ(0, shs_object_unlink("race"));
		close(gate.end[0]);
	}
}

/* Where names lie, and what is wrong with them, said before anything else is. */
TEST_F(lib, names)
{
	struct shs_object *object;
	char path[64], name[300];

	EXPECT_EQ(-EPROTONOSUPPORT, shs_object_open("etcd://host/x", 0, &object));
	EXPECT_EQ(-ENOENT, shs_object_open("/nowhere/x", 0, &object));
	EXPECT_EQ(-ENOENT, shs_object_create("/nowhere/x", &mutex_spec, &object));
	EXPECT_EQ(-ENOTTY, shs_object_open("/proc/self/maps", 0, &object));
	EXPECT_EQ(-ENOTTY, shs_object_unlink("/proc/self/maps"));
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	EXPECT_EQ(-ENAMETOOLONG, shs_object_create(name, &mutex_spec, &object));
	EXPECT_EQ(strlen(SHS_DIR "/x"), shs_name_path("x", path, sizeof(path)));
	EXPECT_STREQ(SHS_DIR "/x", path);
	EXPECT_EQ(-ENAMETOOLONG, shs_name_path("x", path, 5));
	EXPECT_EQ(-EINVAL, shs_name_path("", path, sizeof(path)));
	EXPECT_EQ(-EINVAL, shs_name_path("..", path, sizeof(path)));
	setenv("SHSTATE_DIR", "/nowhere", 1);
	EXPECT_EQ(-ENOENT, shs_object_open("mutex", 0, &object));
	EXPECT_EQ(0, shs_object_open(SHS_DIR "/mutex", 0, &object));
}

/* More names, other names, and none. */
TEST_F(lib, link_rename_unlink)
{
	struct shs_ioc_info info;
	struct shs_object *object;

	EXPECT_EQ(0, shs_object_link(self->mutex, "second"));
	EXPECT_EQ(-EEXIST, shs_object_link(self->mutex, "second"));
	EXPECT_EQ(0, shs_object_rename("second", "third"));
	EXPECT_EQ(-ENOENT, shs_object_open("second", 0, &object));
	EXPECT_EQ(0, shs_object_info(self->mutex, &info));
	EXPECT_EQ(2, info.links);
	EXPECT_EQ(0, shs_object_unlink("mutex"));
	EXPECT_EQ(0, shs_object_unlink("third"));
	EXPECT_EQ(-ENOENT, shs_object_unlink("third"));
	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
}

/* A read-only handle looks and waits, and changes nothing. */
TEST_F(lib, read_only)
{
	struct shs_object *object;
	int64_t value = 1;

	ASSERT_EQ(0, shs_object_open("mutex", SHS_OPEN_RDONLY, &object));
	EXPECT_EQ(-EACCES, shs_mutex_lock(object));
	EXPECT_EQ(-EACCES, shs_value_write(object, 0, &value, 8, 0, past()));
	EXPECT_EQ(0, shs_value_read(object, 0, &value, 8, 0, past()));
	EXPECT_EQ(0, value);
}

/* A descriptor becomes a handle only if it is one of an object. */
TEST_F(lib, from_fd)
{
	struct shs_object *object;
	int fd = shs_reopen(shs_object_fd(self->mutex), O_RDWR);

	EXPECT_EQ(-EBADF, shs_object_from_fd(-1, &object));
	EXPECT_EQ(-ENOTTY, shs_object_from_fd(self->ready.end[0], &object));
	EXPECT_EQ(-EUNATCH, shs_object_from_fd(shs_blank(), &object));
	EXPECT_EQ(-EBADF, shs_object_from_fd(shs_reopen(fd, O_PATH), &object));
	ASSERT_EQ(0, shs_object_from_fd(fd, &object));
	EXPECT_EQ(0, shs_mutex_lock(object));
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
	shs_object_close(object);
	EXPECT_EQ(-1, fcntl(fd, F_GETFD));
}

/* Weak and strong, as Arc has them. */
TEST_F(lib, weak)
{
	struct shs_object *strong = make(SHS_KIND_ATOMIC, SHS_TYPE_U64), *other;
	int weak = shs_object_weak_fd(strong);
	int64_t value;

	ASSERT_LE(0, weak);
	EXPECT_EQ(0, shs_atomic_store(strong, 0, 7, SHS_SEQ_CST));
	ASSERT_EQ(0, shs_object_upgrade(weak, 0, &other));
	shs_object_close(strong);
	EXPECT_EQ(0, shs_atomic_load(other, 0, SHS_SEQ_CST, &value));
	EXPECT_EQ(7, value);
	shs_object_close(other);
	EXPECT_EQ(-ENOENT, shs_object_upgrade(weak, 0, &other));
}

/* Locked, it has a value to change; a deadline, and a try, that fail leave it so. */
TEST_F(lib, mutex)
{
	struct shs_object *other;
	int64_t *value;

	ASSERT_EQ(0, shs_object_open("mutex", 0, &other));
	EXPECT_EQ(NULL, shs_mutex_value(self->mutex));
	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
	value = shs_mutex_value(self->mutex);
	ASSERT_NE(NULL, value);
	value[0] = 5;
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(other));
	EXPECT_EQ(-ETIMEDOUT, shs_mutex_lock_until(other, past()));
	EXPECT_EQ(-ETIMEDOUT, shs_mutex_lock_until(other, shs_deadline_in(10 * SHS_NS_PER_MS)));
	EXPECT_EQ(-EPERM, shs_mutex_unlock(other));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(-EPERM, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(0, shs_mutex_lock_until(other, past()));
	EXPECT_EQ(5, *(int64_t *)shs_mutex_value(other));
	EXPECT_EQ(0, shs_mutex_unlock(other));
	EXPECT_EQ(-EOPNOTSUPP, shs_rwlock_write(other));
}

/* Threads of a process are kept apart like processes. */
static void *add_in_thread(void *mutex)
{
	unsigned long rounds = shs_scale(100);

	for (unsigned long n = 0; n < rounds; n++)
		shs_scope(num, shs_mutex_hold(mutex))
			++*(int64_t *)num.value;
	return NULL;
}

TEST_F(lib, threads)
{
	pthread_t thread[3];
	int64_t sum;

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, add_in_thread, self->mutex));
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, shs_value_read(self->mutex, 0, &sum, 8, 0, past()));
	EXPECT_EQ(3 * shs_scale(100), sum);
}

/* A scope runs its body once holding, releases however it is left, or does not run. */
TEST_F(lib, guards)
{
	struct shs_object *other;
	int ran = 0;

	ASSERT_EQ(0, shs_object_open("mutex", 0, &other));
	shs_scope(num, shs_mutex_hold(self->mutex)) {
		ran++;
		EXPECT_EQ(-EBUSY, shs_mutex_try_lock(other));
		shs_scope(none, shs_mutex_hold_until(other, past()))
			ran += 100;
		if (ran)
			break;
	}
	EXPECT_EQ(1, ran);
	EXPECT_EQ(0, shs_mutex_try_lock(other));
	{
		shs_guard(num, shs_mutex_hold_until(self->mutex, past()));

		EXPECT_EQ(-ETIMEDOUT, num.status);
		EXPECT_EQ(NULL, num.value);
		EXPECT_EQ(NULL, num.view);
	}
	EXPECT_EQ(0, shs_mutex_unlock(other));
	{
		shs_guard(num, shs_mutex_hold(self->mutex));

		EXPECT_EQ(0, num.status);
		EXPECT_EQ(0, shs_guard_release(&num));
		EXPECT_EQ(0, shs_mutex_try_lock(other));
		/* The end of the scope releases nobody else's lock. */
	}
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
}

/* After fork the child owns nothing, attaches by itself, and works like anyone. */
TEST_F(lib, fork)
{
	int64_t sum = 0;
	pid_t child;

	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
	child = shs_fork();
	if (!child) {
		EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
		EXPECT_EQ(-EPERM, shs_mutex_unlock(self->mutex));
		shs_say(&self->ready);
		EXPECT_EQ(0, shs_mutex_lock(self->mutex));
		++*(int64_t *)shs_mutex_value(self->mutex);
		EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
		_exit(0);
	}
	shs_hear(&self->ready);
	SHS_AWAIT(shs_object_fd(self->mutex), info.waiters == 1);
	*(int64_t *)shs_mutex_value(self->mutex) = 41;
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_value_read(self->mutex, 0, &sum, 8, 0, past()));
	EXPECT_EQ(42, sum);
	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
}

/* So do a child's children, and a child that forks while its parent locks and locks. */
TEST_F(lib, fork_of_fork)
{
	pid_t child = shs_fork();
	int64_t sum = 0;

	if (!child) {
		shs_scope(num, shs_mutex_hold(self->mutex))
			++*(int64_t *)num.value;
		child = shs_fork();
		shs_scope(num, shs_mutex_hold(self->mutex))
			++*(int64_t *)num.value;
		_exit(child ? shs_reap(child) : 0);
	}
	shs_scope(num, shs_mutex_hold(self->mutex))
		++*(int64_t *)num.value;
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_value_read(self->mutex, 0, &sum, 8, 0, past()));
	EXPECT_EQ(4, sum);
}

/* A child that no fork handler saw: the first refusal makes the library attach anew. */
TEST_F(lib, fork_without_handlers)
{
	struct shs_spec spec = { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_I64 };
	struct shs_object *rwlock;
	uint32_t lane;
	pid_t child;

	ASSERT_EQ(0, shs_object_create(NULL, &spec, &rwlock));
	ASSERT_EQ(0, shs_rwlock_read(rwlock, &lane));
	ASSERT_EQ(0, shs_mutex_lock(self->mutex));
	ASSERT_EQ(0, shs_mutex_unlock(self->mutex));
	child = _Fork();
	if (!child) {
		if (shs_rwlock_read(rwlock, &lane) || shs_rwlock_read_unlock(rwlock, lane))
			_exit(1);
		_exit(shs_mutex_lock(self->mutex) || shs_mutex_unlock(self->mutex) ? 2 : 0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	shs_object_close(rwlock);
}

/* The holder dies while its child, the handle in hand, lives: the next one is told. */
TEST_F(lib, owner_died)
{
	struct shs_ioc_death death;
	char text[128], pid[16];
	int64_t value = 0;
	pid_t child;

	child = shs_fork();
	if (!child) {
		if (shs_mutex_lock(self->mutex))
			_exit(1);
		*(int64_t *)shs_mutex_value(self->mutex) = 7;
		if (!fork()) {
			shs_gate_pass(&self->go);
			_exit(0);
		}
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	shs_hear(&self->ready);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(-EUCLEAN, shs_value_write(self->mutex, 0, &value, 8, 0, past()));
	EXPECT_EQ(SHS_NOTICE_OWNER_DIED, shs_value_read(self->mutex, 0, &value, 8, 0, past()));
	EXPECT_EQ(7, value);
	EXPECT_EQ(0, shs_object_death(self->mutex, &death));
	snprintf(pid, sizeof(pid), "%d", child);
	EXPECT_NE(NULL, strstr(shs_death_describe(&death, text, sizeof(text)), pid));
	EXPECT_NE(NULL, strstr(text, "SIGKILL"));
	{
		shs_guard(num, shs_mutex_hold(self->mutex));

		EXPECT_EQ(-EOWNERDEAD, num.status);
		ASSERT_NE(NULL, num.value);
	}
	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
	shs_say(&self->go);
}

/* A recovery consumes the news. */
TEST_F(lib, recover)
{
	int64_t value = 1;
	pid_t child = shs_fork();

	if (!child)
		_exit(-shs_mutex_lock(self->mutex));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-EUCLEAN, shs_value_add(self->mutex, 0, 1, NULL, 0, past()));
	EXPECT_EQ(SHS_NOTICE_OWNER_DIED, shs_value_add(self->mutex, 0, 1, &value, SHS_OP_RECOVER,
						       past()));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
}

/* Closing the handle of a lock that is held is a death of its holder, as documented. */
TEST_F(lib, closed_while_held)
{
	struct shs_object *other;

	ASSERT_EQ(0, shs_object_open("mutex", 0, &other));
	EXPECT_EQ(0, shs_mutex_lock(other));
	shs_object_close(other);
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(self->mutex));
}

static volatile sig_atomic_t signals;
static struct shs_pipe handled;

static void on_signal(int number)
{
	signals++;
	shs_say(&handled);
}

/* No signal ends a wait, with SA_RESTART or without. */
TEST_F(lib, signals)
{
	struct sigaction action = { .sa_handler = on_signal };
	int fd = shs_object_fd(self->mutex);
	pid_t child;

	handled = shs_pipe();
	for (int restart = 0; restart < 2; restart++) {
		action.sa_flags = restart ? SA_RESTART : 0;
		sigaction(SIGUSR1, &action, NULL);
		EXPECT_EQ(0, shs_mutex_lock(self->mutex));
		child = shs_fork();
		if (!child) {
			if (shs_mutex_lock(self->mutex) || shs_mutex_unlock(self->mutex))
				_exit(100);
			_exit(signals);
		}
		for (int i = 0; i < 3; i++) {
			SHS_AWAIT(fd, info.waiters == 1);
			kill(child, SIGUSR1);
			shs_hear(&handled);
		}
		SHS_AWAIT(fd, info.waiters == 1);
		EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
		EXPECT_EQ(3, shs_reap(child));
	}
}

/* Readers together, a writer alone; a guard remembers its lane. */
TEST_F(lib, rwlock)
{
	struct shs_spec spec = { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_I32 };
	struct shs_object *rwlock, *other;
	uint32_t lane[3];

	ASSERT_EQ(0, shs_object_create("rwlock", &spec, &rwlock));
	ASSERT_EQ(0, shs_object_open("rwlock", 0, &other));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_rwlock_read(rwlock, &lane[i]));
	{
		shs_guard(num, shs_rwlock_hold_read(other));

		EXPECT_EQ(0, num.status);
		EXPECT_EQ(NULL, num.value);
		ASSERT_NE(NULL, num.view);
		EXPECT_EQ(0, *(const int32_t *)num.view);
		EXPECT_EQ(-EBUSY, shs_rwlock_try_write(other));
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-EBUSY, shs_rwlock_try_write(other));
		EXPECT_EQ(-ETIMEDOUT, shs_rwlock_write_until(other, past()));
		EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane[i]));
	}
	EXPECT_EQ(-EPERM, shs_rwlock_read_unlock(rwlock, lane[0]));
	shs_scope(num, shs_rwlock_hold_write(other)) {
		*(int32_t *)num.value = 6;
		EXPECT_EQ(-EBUSY, shs_rwlock_try_read(rwlock, &lane[0]));
		EXPECT_EQ(-ETIMEDOUT, shs_rwlock_read_until(rwlock, &lane[0], past()));
	}
	EXPECT_EQ(0, shs_rwlock_try_read(rwlock, &lane[0]));
	EXPECT_EQ(6, *(int32_t *)shs_rwlock_value(rwlock));
}

/* A killed reader does not block a writer. */
TEST_F(lib, reader_killed)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_I32);
	uint32_t lane;
	pid_t child = shs_fork();

	if (!child) {
		if (shs_rwlock_read(rwlock, &lane))
			_exit(1);
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	shs_hear(&self->ready);
	EXPECT_EQ(-EBUSY, shs_rwlock_try_write(rwlock));
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, shs_rwlock_try_write(rwlock));
}

static int is_not_yet(void *value)
{
	return *(volatile int64_t *)value == 0;
}

/* wait_while looks at the condition again and again, signals or not. */
TEST_F(lib, condvar)
{
	struct shs_object *condvar = make(SHS_KIND_CONDVAR, SHS_TYPE_NONE);
	struct sigaction action = { .sa_handler = on_signal };
	int fd = shs_object_fd(condvar);
	pid_t child;

	handled = shs_pipe();
	sigaction(SIGUSR1, &action, NULL);
	child = shs_fork();
	if (!child) {
		int ret;

		if (shs_mutex_lock(self->mutex))
			_exit(1);
		ret = shs_condvar_wait_while(condvar, self->mutex, is_not_yet,
					     shs_mutex_value(self->mutex));
		if (ret || !*(int64_t *)shs_mutex_value(self->mutex))
			_exit(2);
		_exit(shs_mutex_unlock(self->mutex) ? 3 : 0);
	}
	SHS_AWAIT(fd, info.waiters == 1);
	kill(child, SIGUSR1);
	shs_hear(&handled);
	/* A notify without a cause. */
	EXPECT_EQ(1, shs_condvar_notify_one(condvar));
	SHS_AWAIT(fd, info.waiters == 1);
	shs_scope(num, shs_mutex_hold(self->mutex)) {
		*(int64_t *)num.value = 1;
		EXPECT_EQ(1, shs_condvar_notify_all(condvar));
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_condvar_notify_all(condvar));
	EXPECT_EQ(-EPERM, shs_condvar_wait(condvar, self->mutex));
	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
	EXPECT_EQ(-ETIMEDOUT, shs_condvar_wait_until(condvar, self->mutex, past()));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
}

/* With a deadline it ends with that, holding, unless the condition has come true. */
TEST_F(lib, condvar_deadline)
{
	struct shs_object *condvar = make(SHS_KIND_CONDVAR, SHS_TYPE_NONE);
	int64_t *value;

	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
	value = shs_mutex_value(self->mutex);
	EXPECT_EQ(-ETIMEDOUT, shs_condvar_wait_while_until(condvar, self->mutex, is_not_yet, value,
							   shs_deadline_in(SHS_NS_PER_MS)));
	*value = 1;
	EXPECT_EQ(0, shs_condvar_wait_while_until(condvar, self->mutex, is_not_yet, value,
						  past()));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
}

static int initialise(void *argument, int earlier)
{
	int *calls = argument;

	calls[0]++;
	calls[1] = earlier;
	return calls[2];
}

/* The initialiser runs once; one that fails has not run. */
TEST_F(lib, once)
{
	struct shs_object *once = make(SHS_KIND_ONCE, SHS_TYPE_NONE);
	int calls[3] = { 0, 1, -EIO };

	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_once_state(once));
	EXPECT_EQ(-EIO, shs_once_call(once, initialise, calls));
	EXPECT_EQ(1, calls[0]);
	EXPECT_EQ(0, calls[1]);
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_once_state(once));
	calls[2] = 0;
	EXPECT_EQ(1, shs_once_call(once, initialise, calls));
	EXPECT_EQ(2, calls[0]);
	EXPECT_EQ(0, shs_once_call(once, initialise, calls));
	EXPECT_EQ(0, shs_once_call_until(once, initialise, calls, past()));
	EXPECT_EQ(2, calls[0]);
	EXPECT_EQ(SHS_ONCE_DONE, shs_once_state(once));
	EXPECT_EQ(-EPERM, shs_once_complete(once));
}

/* One that died in the middle is told to the one who does it again. */
TEST_F(lib, initialiser_killed)
{
	struct shs_object *once = make(SHS_KIND_ONCE, SHS_TYPE_NONE);
	int calls[3] = { 0 };
	pid_t child = shs_fork();

	if (!child) {
		shs_once_begin(once, 0, shs_deadline_never());
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	shs_hear(&self->ready);
	EXPECT_EQ(-EBUSY, shs_once_begin(once, SHS_ONCE_NOWAIT, past()));
	EXPECT_EQ(-ETIMEDOUT, shs_once_call_until(once, initialise, calls, past()));
	EXPECT_EQ(0, calls[0]);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(1, shs_once_call(once, initialise, calls));
	EXPECT_EQ(-EOWNERDEAD, calls[1]);
}

static int64_t double_it(int64_t value, void *argument)
{
	return value * *(int *)argument;
}

/* Every atomic function does what its name says. */
TEST_F(lib, atomic)
{
	struct shs_object *atomic = make(SHS_KIND_ATOMIC, SHS_TYPE_I16);
	int64_t value, expected = 3;
	int two = 2;

#define EXPECT_STEP(old, new, call) do {						\
	value = 12345;									\
	EXPECT_EQ(0, call);								\
	EXPECT_EQ(old, value);								\
	EXPECT_EQ(0, shs_atomic_load(atomic, 0, SHS_ACQUIRE, &value));			\
	EXPECT_EQ(new, value);								\
} while (0)
	EXPECT_EQ(0, shs_atomic_store(atomic, 0, -3, SHS_RELEASE));
	EXPECT_STEP(-3, 12, shs_atomic_swap(atomic, 0, 12, SHS_ACQ_REL, &value));
	EXPECT_STEP(12, 15, shs_atomic_fetch_add(atomic, 0, 3, 0, &value));
	EXPECT_STEP(15, 10, shs_atomic_fetch_sub(atomic, 0, 5, 0, &value));
	EXPECT_STEP(10, 2, shs_atomic_fetch_and(atomic, 0, 6, 0, &value));
	EXPECT_STEP(2, -3, shs_atomic_fetch_nand(atomic, 0, 6, 0, &value));
	EXPECT_STEP(-3, -1, shs_atomic_fetch_or(atomic, 0, 2, 0, &value));
	EXPECT_STEP(-1, -6, shs_atomic_fetch_xor(atomic, 0, 5, 0, &value));
	EXPECT_STEP(-6, 4, shs_atomic_fetch_max(atomic, 0, 4, 0, &value));
	EXPECT_STEP(4, -9, shs_atomic_fetch_min(atomic, 0, -9, 0, &value));
	EXPECT_STEP(-9, 8, shs_atomic_fetch_not(atomic, 0, 0, &value));
	EXPECT_STEP(8, 16, shs_atomic_fetch_update(atomic, 0, 0, double_it, &two, &value));
	EXPECT_EQ(0, shs_atomic_fetch_add(atomic, 0, 1, SHS_RELAXED, NULL));
	EXPECT_EQ(-EREMCHG, shs_atomic_compare_exchange(atomic, 0, &expected, 5, 0, 0));
	EXPECT_EQ(17, expected);
	EXPECT_EQ(0, shs_atomic_compare_exchange(atomic, 0, &expected, 5, 0, 0));
	EXPECT_EQ(-ERANGE, shs_atomic_store(atomic, 0, 32768, 0));
	EXPECT_EQ(-EINVAL, shs_atomic_store(atomic, 0, 1, SHS_ACQUIRE));
	EXPECT_EQ(-EINVAL, shs_atomic_load(atomic, 1, 0, &value));
	EXPECT_EQ(0, shs_atomic_load(atomic, 0, 0, &value));
	EXPECT_EQ(5, value);
}

/* A counter counts, whoever adds. */
TEST_F(lib, counter)
{
	struct shs_object *counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	pid_t child[3];
	int64_t sum;

	for (int i = 0; i < 3; i++) {
		child[i] = shs_fork();
		if (!child[i])
			_exit(shs_counter_add(counter, 0, i + 1) ? 1 : 0);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(0, shs_counter_read(counter, 0, &sum));
	EXPECT_EQ(6, sum);
	EXPECT_EQ(0, shs_counter_reset(counter, 0, -1, &sum));
	EXPECT_EQ(6, sum);
	EXPECT_EQ(0, shs_counter_read(counter, 0, &sum));
	EXPECT_EQ(-1, sum);
}

/* A cell of 40 bytes, and what is left of it in the end. */
TEST_F(lib, cell)
{
	char a[40], b[40], out[40];
	struct shs_spec spec = { .kind = SHS_KIND_CELL, .type = SHS_TYPE_BYTES, .count = 40,
				 .value = memset(a, 'a', 40) };
	struct shs_object *cell;

	memset(b, 'b', 40);
	ASSERT_EQ(0, shs_object_create(NULL, &spec, &cell));
	EXPECT_EQ(0, shs_cell_load(cell, out, 40));
	EXPECT_EQ(0, memcmp(a, out, 40));
	EXPECT_EQ(0, shs_cell_swap(cell, b, out, 40));
	EXPECT_EQ(0, memcmp(a, out, 40));
	EXPECT_EQ(-EREMCHG, shs_cell_compare_exchange(cell, out, a, 40));
	EXPECT_EQ(0, memcmp(b, out, 40));
	EXPECT_EQ(0, shs_cell_compare_exchange(cell, out, a, 40));
	EXPECT_EQ(-EINVAL, shs_cell_load(cell, out, 39));
	EXPECT_EQ(0, shs_cell_store(cell, b, 40));
	EXPECT_EQ(0, shs_cell_into_inner(cell, out, 40));
	EXPECT_EQ(0, memcmp(b, out, 40));
}

/* Both ways to fill an io_uring entry make the same operation. */
TEST_F(lib, uring)
{
	struct shs_object *atomic = make(SHS_KIND_ATOMIC, SHS_TYPE_U64);
	struct io_uring *ring = shs_ring();
	struct io_uring_cqe *cqe;

	SHS_NEED_DOOR(SHS_URING);
	for (int i = 0; i < 2; i++) {
		struct shs_ioc_op op = { .op = SHS_OP_FETCH_ADD, .arg = 5, .result = 99 };
		struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

		if (i)
			shs_prep_op(sqe, atomic, &op);
		else
			shs_prep_op_fd(sqe, shs_object_fd(atomic), &op);
		ASSERT_EQ(1, io_uring_submit(ring));
		ASSERT_EQ(0, shs_uring_wait(ring, &cqe));
		EXPECT_EQ(0, cqe->res);
		EXPECT_EQ(5 * i, op.result);
		io_uring_cqe_seen(ring, cqe);
	}
}

/* Nothing that the library opens is inherited by another program. */
TEST_F(lib, close_on_exec)
{
	EXPECT_EQ(0, shs_object_attach(self->mutex));
	EXPECT_EQ(FD_CLOEXEC, fcntl(shs_object_fd(self->mutex), F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(shs_object_attachment_fd(self->mutex), F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(shs_object_weak_fd(self->mutex), F_GETFD));
}

/* What was given at creation for people to read comes back. */
TEST_F(lib, meta)
{
	struct shs_spec spec = { .kind = SHS_KIND_ONCE, .meta = "unit: ms", .meta_size = 8 };
	struct shs_object *object;
	char meta[16];

	ASSERT_EQ(0, shs_object_create(NULL, &spec, &object));
	EXPECT_EQ(8, shs_object_meta(object, meta, sizeof(meta)));
	EXPECT_EQ(0, memcmp(meta, "unit: ms", 8));
	EXPECT_EQ(-ENOSPC, shs_object_meta(object, meta, 7));
	EXPECT_EQ(0, shs_object_meta(self->mutex, meta, 0));
}

/* A fair unlock leaves no moment in which anybody but the waiter could take it. */
TEST_F(lib, unlock_fair)
{
	pid_t child;

	EXPECT_EQ(-EPERM, shs_mutex_unlock_fair(self->mutex));
	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
	child = shs_fork();
	if (!child) {
		if (shs_mutex_lock(self->mutex))
			_exit(1);
		shs_hear(&self->go);
		_exit(shs_mutex_unlock_fair(self->mutex) ? 2 : 0);
	}
	SHS_AWAIT(shs_object_fd(self->mutex), info.waiters == 1);
	EXPECT_EQ(0, shs_mutex_unlock_fair(self->mutex));
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_mutex_try_lock(self->mutex));
	EXPECT_EQ(-EOPNOTSUPP, shs_mutex_unlock_fair(make(SHS_KIND_RWLOCK, SHS_TYPE_I32)));
}

static const struct shs_spec rwlock_spec = { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_I32 };

/* One beside readers, who becomes the writer when they have gone, and not before. */
TEST_F(lib, upgradable)
{
	struct shs_object *rwlock, *other, *looker;
	uint32_t lane;

	ASSERT_EQ(0, shs_object_create("rwlock", &rwlock_spec, &rwlock));
	ASSERT_EQ(0, shs_object_open("rwlock", 0, &other));
	ASSERT_EQ(0, shs_object_open("rwlock", SHS_OPEN_RDONLY, &looker));
	EXPECT_EQ(-EACCES, shs_rwlock_upgradable(looker));
	EXPECT_EQ(0, shs_rwlock_read(other, &lane));
	EXPECT_EQ(0, shs_rwlock_upgradable(rwlock));
	EXPECT_EQ(-EBUSY, shs_rwlock_try_upgradable(other));
	EXPECT_EQ(-ETIMEDOUT, shs_rwlock_upgradable_until(other, past()));
	EXPECT_EQ(-EPERM, shs_rwlock_upgradable_unlock(other));
	EXPECT_EQ(-EPERM, shs_rwlock_upgrade(other));
	EXPECT_EQ(-EBUSY, shs_rwlock_try_upgrade(rwlock));
	EXPECT_EQ(-ETIMEDOUT, shs_rwlock_upgrade_until(rwlock, past()));
	EXPECT_EQ(SHS_STATE_UPGRADABLE | SHS_STATE_HELD, shs_info(shs_object_fd(rwlock)).state);
	EXPECT_EQ(0, shs_rwlock_read_unlock(other, lane));
	EXPECT_EQ(0, shs_rwlock_upgrade(rwlock));
	EXPECT_EQ(-EBUSY, shs_rwlock_try_read(other, &lane));
	EXPECT_EQ(-EPERM, shs_rwlock_upgradable_unlock(rwlock));
	EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
	EXPECT_EQ(0, shs_rwlock_try_upgradable(other));
	EXPECT_EQ(0, shs_rwlock_upgradable_unlock(other));
	EXPECT_EQ(0, shs_rwlock_upgradable_until(other, past()));
}

/* An upgrade that waits goes before the writer that has queued. */
TEST_F(lib, upgrade_waits)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_I32);
	int fd = shs_object_fd(rwlock);
	pid_t upgrader, writer;
	uint32_t lane;

	EXPECT_EQ(0, shs_rwlock_read(rwlock, &lane));
	upgrader = shs_fork();
	if (!upgrader) {
		shs_guard(num, shs_rwlock_hold_upgradable(rwlock));

		shs_say(&self->ready);
		shs_hear(&self->go);
		if (num.value || !num.view || shs_guard_upgrade(&num) || !num.value)
			_exit(1);
		*(int32_t *)num.value += 1;
		_exit(*(int32_t *)num.value == 1 && !shs_guard_release(&num) ? 0 : 2);
	}
	shs_hear(&self->ready);
	writer = shs_fork();
	if (!writer) {
		shs_scope(num, shs_rwlock_hold_write(rwlock))
			_exit(*(int32_t *)num.value == 1 ? 0 : 3);
		_exit(4);
	}
	SHS_AWAIT(fd, info.waiters == 1);
	shs_say(&self->go);
	SHS_AWAIT(fd, info.waiters == 2);
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_reap(upgrader));
	EXPECT_EQ(0, shs_reap(writer));
}

/* Downwards nothing waits, and at no time may another write. */
TEST_F(lib, downgrade)
{
	struct shs_object *rwlock, *other;
	uint32_t lane = 99, others;

	ASSERT_EQ(0, shs_object_create("rwlock", &rwlock_spec, &rwlock));
	ASSERT_EQ(0, shs_object_open("rwlock", 0, &other));
	EXPECT_EQ(-EPERM, shs_rwlock_downgrade(rwlock, &lane));
	EXPECT_EQ(-EPERM, shs_rwlock_downgrade_to_upgradable(rwlock));
	EXPECT_EQ(-EPERM, shs_rwlock_downgrade_upgradable(rwlock, &lane));
	EXPECT_EQ(99, lane);
	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(0, shs_rwlock_downgrade(rwlock, &lane));
	EXPECT_EQ(0, shs_rwlock_try_read(other, &others));
	EXPECT_EQ(-EBUSY, shs_rwlock_try_write(other));
	EXPECT_EQ(0, shs_rwlock_read_unlock(other, others));
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(0, shs_rwlock_downgrade_to_upgradable(rwlock));
	EXPECT_EQ(-EBUSY, shs_rwlock_try_upgradable(other));
	EXPECT_EQ(0, shs_rwlock_downgrade_upgradable(rwlock, &lane));
	EXPECT_EQ(0, shs_rwlock_try_upgradable(other));
	EXPECT_EQ(0, shs_rwlock_upgradable_unlock(other));
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_rwlock_try_write(other));
	EXPECT_EQ(-EOPNOTSUPP, shs_rwlock_downgrade(self->mutex, &lane));
}

/* A guard follows its lock, and releases what it then is. */
TEST_F(lib, guard_converted)
{
	struct shs_object *rwlock, *other;
	uint32_t lane;

	ASSERT_EQ(0, shs_object_create("rwlock", &rwlock_spec, &rwlock));
	ASSERT_EQ(0, shs_object_open("rwlock", 0, &other));
	{
		shs_guard(num, shs_rwlock_hold_write(rwlock));

		EXPECT_EQ(-EPERM, shs_guard_upgrade(&num));
		EXPECT_EQ(0, shs_guard_downgrade_to_upgradable(&num));
		EXPECT_EQ(NULL, num.value);
		EXPECT_EQ(0, shs_rwlock_try_read(other, &lane));
		EXPECT_EQ(-ETIMEDOUT, shs_guard_upgrade_until(&num, past()));
		EXPECT_EQ(NULL, num.value);
		EXPECT_EQ(0, shs_rwlock_read_unlock(other, lane));
		EXPECT_EQ(0, shs_guard_upgrade(&num));
		ASSERT_NE(NULL, num.value);
		EXPECT_EQ(0, shs_guard_downgrade(&num));
		EXPECT_EQ(NULL, num.value);
		EXPECT_EQ(-EPERM, shs_guard_downgrade_to_upgradable(&num));
		EXPECT_EQ(-EBUSY, shs_rwlock_try_write(other));
	}
	EXPECT_EQ(0, shs_rwlock_try_write(other));
	EXPECT_EQ(0, shs_rwlock_write_unlock(other));
	{
		shs_guard(num, shs_rwlock_hold_upgradable_until(rwlock, past()));

		EXPECT_EQ(0, num.status);
		EXPECT_EQ(0, shs_guard_downgrade(&num));
	}
	EXPECT_EQ(0, shs_rwlock_try_write(other));
	{
		shs_guard(num, shs_rwlock_hold_upgradable_until(rwlock, past()));

		EXPECT_EQ(-ETIMEDOUT, num.status);
		EXPECT_EQ(-EPERM, shs_guard_upgrade(&num));
		EXPECT_EQ(-EPERM, shs_guard_downgrade(&num));
	}
}

static void *read_in_thread(void *rwlock)
{
	uint32_t lane;

	return (void *)(long)shs_rwlock_read_until(rwlock, &lane, past());
}

/*
 * A thread that would wait for itself is told, one that says that it reads already
 * passes, and a thread that does not read waits like anyone.
 */
TEST_F(lib, recursive_read)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_I32);
	uint32_t lane[4];
	pid_t child;

	EXPECT_EQ(0, shs_rwlock_read_recursive(rwlock, &lane[0]));
	EXPECT_EQ(0, shs_rwlock_read(rwlock, &lane[1]));
	child = shs_fork();
	if (!child)
		_exit(-shs_rwlock_write(rwlock));
	SHS_AWAIT(shs_object_fd(rwlock), info.waiters == 1);
	EXPECT_EQ(-EDEADLK, shs_rwlock_read(rwlock, &lane[2]));
	EXPECT_EQ(-EDEADLK, shs_rwlock_try_read(rwlock, &lane[2]));
	EXPECT_EQ(-EDEADLK, shs_rwlock_read_until(rwlock, &lane[2], past()));
	EXPECT_EQ(-ETIMEDOUT, in_thread(read_in_thread, rwlock));
	EXPECT_EQ(0, shs_rwlock_read_recursive(rwlock, &lane[2]));
	EXPECT_EQ(0, shs_rwlock_try_read_recursive(rwlock, &lane[3]));
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane[3]));
	EXPECT_EQ(0, shs_rwlock_read_recursive_until(rwlock, &lane[3], past()));
	EXPECT_EQ(4, shs_info(shs_object_fd(rwlock)).readers);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane[i]));
	EXPECT_EQ(0, shs_reap(child));
}

/* Who reads while a writer waits, but is another than those who hold, only waits. */
static void expect_no_deadlock(struct __test_metadata *_metadata, struct shs_object *rwlock)
{
	int fd = shs_object_fd(rwlock);
	pid_t writer = shs_fork();

	if (!writer)
		_exit(-shs_rwlock_write(rwlock));
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(-ETIMEDOUT, in_thread(read_in_thread, rwlock));
	EXPECT_EQ(-SIGKILL, shs_kill(writer));
	SHS_AWAIT(fd, info.waiters == 0);
}

/* More threads than lanes: they share one, and no read lock is lost or left. */
struct crowd {
	struct shs_object *rwlock;
	pthread_barrier_t all;
	_Atomic int failed;
};

static void *read_in_crowd(void *argument)
{
	struct crowd *crowd = argument;
	uint32_t lane;

	crowd->failed += shs_rwlock_read(crowd->rwlock, &lane) != 0;
	pthread_barrier_wait(&crowd->all);
	pthread_barrier_wait(&crowd->all);
	crowd->failed += shs_rwlock_read_unlock(crowd->rwlock, lane) != 0;
	return NULL;
}

TEST_F(lib, crowd_of_readers)
{
	struct crowd crowd = { .rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_I32) };
	pthread_t thread[70];
	uint32_t lane;

	for (int round = 0; round < 2; round++) {
		pthread_barrier_init(&crowd.all, NULL, ARRAY_SIZE(thread) + 1);
		for (int i = 0; i < ARRAY_SIZE(thread); i++)
			ASSERT_EQ(0, pthread_create(&thread[i], NULL, read_in_crowd, &crowd));
		pthread_barrier_wait(&crowd.all);
		EXPECT_EQ(ARRAY_SIZE(thread), shs_info(shs_object_fd(crowd.rwlock)).readers);
		expect_no_deadlock(_metadata, crowd.rwlock);
		pthread_barrier_wait(&crowd.all);
		for (int i = 0; i < ARRAY_SIZE(thread); i++)
			pthread_join(thread[i], NULL);
		EXPECT_EQ(0, crowd.failed);
		EXPECT_EQ(0, shs_rwlock_try_write(crowd.rwlock));
		EXPECT_EQ(0, shs_rwlock_write_unlock(crowd.rwlock));
	}
	EXPECT_EQ(0, shs_rwlock_read(crowd.rwlock, &lane));
}

static void *lock_and_end(void *object)
{
	return (void *)(long)shs_mutex_lock(object);
}

static void *write_and_end(void *object)
{
	return (void *)(long)shs_rwlock_write(object);
}

static void *upgradable_and_end(void *object)
{
	return (void *)(long)shs_rwlock_upgradable(object);
}

static void *upgrade_and_end(void *object)
{
	return (void *)(long)(shs_rwlock_upgradable(object) ?: shs_rwlock_upgrade(object));
}

static void *downgrade_and_end(void *object)
{
	uint32_t lane;

	return (void *)(long)(shs_rwlock_write(object) ?: shs_rwlock_downgrade(object, &lane));
}

static void *read_thrice_and_end(void *object)
{
	uint32_t lane;

	for (int i = 0; i < 3; i++)
		if (shs_rwlock_read(object, &lane))
			return (void *)1;
	return NULL;
}

/* What a thread held when it ended is free, and the next owner is told of a change. */
TEST_F(lib, thread_ended)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_I32);
	struct {
		void *(*run)(void *);
		int next;
	} cases[] = {
		{ write_and_end, -EOWNERDEAD }, { upgradable_and_end, 0 },
		{ upgrade_and_end, -EOWNERDEAD }, { downgrade_and_end, 0 },
		{ read_thrice_and_end, 0 }, { write_and_end, -EOWNERDEAD },
	};

	EXPECT_EQ(0, in_thread(lock_and_end, self->mutex));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_try_lock(self->mutex));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(0, in_thread(cases[i].run, rwlock));
		EXPECT_EQ(cases[i].next, shs_rwlock_try_write(rwlock)) TH_LOG("case %d", i);
		EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
	}
}

/* As many threads as may come: each has the lane of one that ended. */
TEST_F(lib, threads_ended)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_I32);

	for (int i = 0; i < 70; i++) {
		EXPECT_EQ(0, in_thread(read_thrice_and_end, rwlock));
		ASSERT_EQ(0, shs_rwlock_try_write(rwlock)) TH_LOG("thread %d", i);
		EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
	}
}

static struct shs_object *condvar_of_thread;

static void *wait_and_end(void *mutex)
{
	if (shs_mutex_lock(mutex))
		return (void *)1;
	if (shs_condvar_wait_until(condvar_of_thread, mutex, past()) != -ETIMEDOUT)
		return (void *)2;
	return NULL;
}

/* The mutex that a wait gave back is the thread's again. */
TEST_F(lib, thread_ended_after_wait)
{
	condvar_of_thread = make(SHS_KIND_CONDVAR, SHS_TYPE_NONE);
	EXPECT_EQ(0, in_thread(wait_and_end, self->mutex));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_try_lock(self->mutex));
}

struct relay {
	struct shs_object *mutex;
	sem_t locked, end;
};

/* Not less for a signal. */
static void await(sem_t *sem)
{
	while (sem_wait(sem))
		;
}

static void *lock_and_wait(void *argument)
{
	struct relay *relay = argument;
	long ret = shs_mutex_lock(relay->mutex);

	sem_post(&relay->locked);
	await(&relay->end);
	return (void *)ret;
}

/* What another thread unlocked, and locked anew, is not this thread's to release. */
TEST_F(lib, thread_ended_without)
{
	struct relay relay = { .mutex = self->mutex };
	struct shs_object *other;
	pthread_t thread;

	ASSERT_EQ(0, shs_object_open("mutex", 0, &other));
	sem_init(&relay.locked, 0, 0);
	sem_init(&relay.end, 0, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, lock_and_wait, &relay));
	await(&relay.locked);
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
	sem_post(&relay.end);
	pthread_join(thread, NULL);
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(other));
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(0, shs_mutex_try_lock(other));
}

/* A handle that was closed meanwhile took its lock with it. */
TEST_F(lib, thread_ended_after_close)
{
	struct relay relay;
	pthread_t thread;

	ASSERT_EQ(0, shs_object_open("mutex", 0, &relay.mutex));
	sem_init(&relay.locked, 0, 0);
	sem_init(&relay.end, 0, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, lock_and_wait, &relay));
	await(&relay.locked);
	shs_object_close(relay.mutex);
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_try_lock(self->mutex));
	sem_post(&relay.end);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(0, shs_mutex_try_lock(self->mutex));
}

/* A child has none of its parent's locks, and its threads end like any. */
TEST_F(lib, thread_ended_in_child)
{
	struct relay relay = { .mutex = self->mutex };
	pthread_t thread;
	pid_t child;

	sem_init(&relay.locked, 0, 0);
	sem_init(&relay.end, 0, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, lock_and_wait, &relay));
	await(&relay.locked);
	child = shs_fork();
	if (!child) {
		struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_I32);

		if (in_thread(read_thrice_and_end, rwlock) || in_thread(write_and_end, rwlock))
			_exit(1);
		_exit(-shs_rwlock_try_write(rwlock));
	}
	EXPECT_EQ(EOWNERDEAD, shs_reap(child));
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(self->mutex));
	sem_post(&relay.end);
	pthread_join(thread, NULL);
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_try_lock(self->mutex));
}

/* A wait ends when the element is another and a notify of this element says so. */
TEST_F(lib, atomic_wait)
{
	struct shs_spec spec = { .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_I8, .count = 2 };
	struct shs_object *atomic;
	int fd;
	pid_t child;

	ASSERT_EQ(0, shs_object_create("atomic", &spec, &atomic));
	fd = shs_object_fd(atomic);
	EXPECT_EQ(0, shs_atomic_wait(atomic, 0, -1, SHS_ACQUIRE));
	EXPECT_EQ(-ETIMEDOUT, shs_atomic_wait_until(atomic, 0, 0, 0, past()));
	EXPECT_EQ(-EINVAL, shs_atomic_wait(atomic, 0, 0, SHS_RELEASE));
	EXPECT_EQ(-EINVAL, shs_atomic_wait(atomic, 2, 0, 0));
	EXPECT_EQ(-ERANGE, shs_atomic_wait(atomic, 0, 128, 0));
	EXPECT_EQ(-EOPNOTSUPP, shs_atomic_wait(self->mutex, 0, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, shs_atomic_notify_one(make(SHS_KIND_CONDVAR, 0), 0));
	EXPECT_EQ(-EOPNOTSUPP, shs_condvar_notify_one(atomic));
	child = shs_fork();
	if (!child)
		_exit(-shs_atomic_wait(atomic, 1, 0, 0));
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, shs_atomic_notify_all(atomic, 0));
	/* Nothing has changed: it waits on. */
	EXPECT_EQ(0, shs_atomic_notify_one(atomic, 1));
	EXPECT_EQ(0, shs_atomic_store(atomic, 1, -3, SHS_RELEASE));
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(1, shs_atomic_notify_one(atomic, 1));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_atomic_notify_all(atomic, 1));
}

/* One who may only look is woken, and uses up no notify. */
TEST_F(lib, atomic_wait_read_only)
{
	struct shs_spec spec = { .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U64 };
	struct shs_object *atomic, *looker;
	pid_t child[2];

	ASSERT_EQ(0, shs_object_create("atomic", &spec, &atomic));
	ASSERT_EQ(0, shs_object_open("atomic", SHS_OPEN_RDONLY, &looker));
	EXPECT_EQ(-EACCES, shs_atomic_notify_one(looker, 0));
	for (int i = 0; i < 2; i++) {
		child[i] = shs_fork();
		if (!child[i])
			_exit(-shs_atomic_wait(i ? atomic : looker, 0, 0, 0));
		SHS_AWAIT(shs_object_fd(atomic), info.waiters == i + 1);
	}
	EXPECT_EQ(0, shs_atomic_store(atomic, 0, 1, 0));
	EXPECT_EQ(1, shs_atomic_notify_one(atomic, 0));
	EXPECT_EQ(0, shs_reap(child[0]));
	EXPECT_EQ(0, shs_reap(child[1]));
}

/* Who waits for a once never runs it, and is told when it is done or never will be. */
TEST_F(lib, once_wait)
{
	struct shs_spec spec = { .kind = SHS_KIND_ONCE };
	struct shs_object *once, *looker;
	pid_t child;

	ASSERT_EQ(0, shs_object_create("once", &spec, &once));
	ASSERT_EQ(0, shs_object_open("once", SHS_OPEN_RDONLY, &looker));
	EXPECT_EQ(-ETIMEDOUT, shs_once_wait_until(once, past()));
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_once_state(once));
	child = shs_fork();
	if (!child)
		_exit(-shs_once_wait(looker));
	SHS_AWAIT(shs_object_fd(once), info.waiters == 1);
	EXPECT_EQ(1, shs_once_begin(once, 0, past()));
	EXPECT_EQ(0, shs_once_complete(once));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_once_wait_until(looker, past()));
	EXPECT_EQ(-EOPNOTSUPP, shs_once_wait(self->mutex));

	spec.flags = SHS_INIT_POISON;
	ASSERT_EQ(0, shs_object_create(NULL, &spec, &once));
	EXPECT_EQ(1, shs_once_begin(once, 0, past()));
	EXPECT_EQ(0, shs_once_abandon(once));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_once_wait(once));
}

/* As many single operations, on one object or several, up to the first that fails. */
TEST_F(lib, batch)
{
	struct shs_object *atomic = make(SHS_KIND_ATOMIC, SHS_TYPE_U8);
	struct shs_object *counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	struct shs_object *objects[] = { counter, atomic, counter };
	struct shs_ioc_op ops[3] = {
		{ .op = SHS_OP_FETCH_ADD, .arg = 200, .result = 7 },
		{ .op = SHS_OP_FETCH_ADD, .arg = 100 },
		{ .op = SHS_OP_LOAD },
	};
	struct shs_ioc_op several[3] = {
		{ .op = SHS_OP_ADD, .arg = 5 },
		{ .op = SHS_OP_STORE, .arg = 256 },
		{ .op = SHS_OP_ADD, .arg = 5 },
	};
	uint32_t done = 99;
	int64_t value;

	EXPECT_EQ(0, shs_batch(atomic, NULL, ops, 3, &done));
	EXPECT_EQ(3, done);
	EXPECT_EQ(0, ops[0].result);
	EXPECT_EQ(200, ops[1].result);
	EXPECT_EQ(300 - 256, ops[2].result);
	EXPECT_EQ(0, shs_batch(atomic, NULL, ops, 3, NULL));
	EXPECT_EQ(-ERANGE, shs_batch(NULL, objects, several, 3, &done));
	EXPECT_EQ(1, done);
	EXPECT_EQ(0, shs_counter_read(counter, 0, &value));
	EXPECT_EQ(5, value);
	several[1].arg = 255;
	EXPECT_EQ(0, shs_batch(NULL, objects, several, 3, &done));
	EXPECT_EQ(3, done);
	EXPECT_EQ(0, shs_counter_read(counter, 0, &value));
	EXPECT_EQ(15, value);
	EXPECT_EQ(-EINVAL, shs_batch(atomic, NULL, ops, 0, &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(-EINVAL, shs_batch(atomic, NULL, ops, SHS_BATCH_MAX + 1, &done));
}

/* A signal in the middle neither ends it nor makes anything happen twice. */
TEST_F(lib, batch_interrupted)
{
	struct shs_object *counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	struct shs_object *objects[] = { counter, self->mutex, counter, self->mutex };
	struct shs_ioc_op ops[] = {
		{ .op = SHS_OP_ADD, .arg = 1 },
		{ .op = SHS_OP_ADD, .arg = 10, .deadline = SHS_FOREVER },
		{ .op = SHS_OP_ADD, .arg = 1 },
		{ .op = SHS_OP_READ },
	};
	int fd = shs_object_fd(self->mutex);
	struct sigaction action = { .sa_handler = on_signal };
	int64_t value;
	pid_t child;

	handled = shs_pipe();
	signals = 0;
	sigaction(SIGUSR1, &action, NULL);
	EXPECT_EQ(0, shs_mutex_lock(self->mutex));
	child = shs_fork();
	if (!child) {
		uint32_t done;

		if (shs_batch(NULL, objects, ops, 4, &done) || done != 4 || signals != 2)
			_exit(1);
		_exit(ops[3].result);
	}
	for (int i = 0; i < 2; i++) {
		SHS_AWAIT(fd, info.waiters == 1);
		kill(child, SIGUSR1);
		shs_hear(&handled);
	}
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, shs_mutex_unlock(self->mutex));
	EXPECT_EQ(10, shs_reap(child));
	EXPECT_EQ(0, shs_counter_read(counter, 0, &value));
	EXPECT_EQ(2, value);
}

/* A counter that stops at its ends, and one that refuses to go beyond. */
TEST_F(lib, counter_policies)
{
	int64_t first = INT64_MAX - 1, value;
	struct shs_spec spec = { .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
				 .value = &first, .flags = SHS_INIT_SATURATE };
	struct shs_object *counter;

	ASSERT_EQ(0, shs_object_create(NULL, &spec, &counter));
	EXPECT_EQ(0, shs_counter_add(counter, 0, 5));
	EXPECT_EQ(0, shs_counter_read(counter, 0, &value));
	EXPECT_EQ(INT64_MAX, value);
	spec.flags = SHS_INIT_CHECK;
	ASSERT_EQ(0, shs_object_create(NULL, &spec, &counter));
	EXPECT_EQ(-ERANGE, shs_counter_add(counter, 0, 2));
	EXPECT_EQ(0, shs_counter_add(counter, 0, 1));
	EXPECT_EQ(0, shs_counter_read(counter, 0, &value));
	EXPECT_EQ(INT64_MAX, value);
	spec.flags |= SHS_INIT_SATURATE;
	EXPECT_EQ(-EINVAL, shs_object_create(NULL, &spec, &counter));
}

/* The name of an ephemeral object goes with the last handle, and comes anew. */
TEST_F(lib, ephemeral)
{
	struct shs_spec spec = mutex_spec;
	struct shs_object *object, *other;

	spec.flags = SHS_INIT_EPHEMERAL;
	ASSERT_EQ(0, shs_object_create("brief", &spec, &object));
	EXPECT_EQ(-EMLINK, shs_object_link(object, "second"));
	EXPECT_EQ(0, shs_object_rename("brief", "short"));
	EXPECT_EQ(0, shs_object_open_or_create("short", &spec, &other));
	EXPECT_EQ(0, shs_mutex_lock(other));
	shs_object_close(object);
	EXPECT_EQ(0, shs_object_open("short", 0, &object));
	shs_object_close(object);
	shs_object_close(other);
	EXPECT_EQ(-ENOENT, shs_object_open("short", 0, &object));
	EXPECT_EQ(1, shs_object_open_or_create("short", &spec, &object));
}

/* Of processes that come and go each has an object, never an error between two. */
TEST_F(lib, ephemeral_race)
{
	unsigned long rounds = shs_scale(300);
	struct shs_pipe gate = shs_pipe();
	struct shs_spec spec = mutex_spec;
	struct shs_object *object;
	pid_t child[3];

	spec.flags = SHS_INIT_EPHEMERAL;
	for (int i = 0; i < 3; i++) {
		child[i] = shs_fork();
		if (child[i])
			continue;
		shs_gate_pass(&gate);
		for (unsigned long n = 0; n < rounds; n++) {
			if (shs_object_open_or_create("brief", &spec, &object) < 0)
				_exit(1);
			if (shs_value_add(object, 0, 1, NULL, 0, shs_deadline_never()))
				_exit(2);
			shs_object_close(object);
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(-ENOENT, shs_object_open("brief", 0, &object));
}

TEST_HARNESS_MAIN
