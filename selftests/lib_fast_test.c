// SPDX-License-Identifier: GPL-2.0-only
/*
 * The paths of the library that make no call. That they make none, a handle shows whose
 * descriptors were closed behind its back: what it maps is enough, and a call would say
 * EBADF. That they are as exact and as well repaired as those of the kernel, other
 * processes show, which call.
 */
#include "lib.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define MANY	1000

FIXTURE(fast) {
	struct shs_pipe ready, go;
};

FIXTURE_SETUP(fast)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	unsetenv("SHSTATE_FAST");
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(fast)
{
}

/* The same object by a handle of its own. */
static struct shs_object *another(const struct shs_object *object)
{
	struct shs_object *copy = NULL;

	return shs_object_from_fd(dup(shs_object_fd(object)), &copy) ? NULL : copy;
}

/* From now on it cannot call. */
static void cut_off(struct shs_object *object)
{
	if (shs_object_attach(object))
		abort();
	close(shs_object_attachment_fd(object));
	close(shs_object_fd(object));
}

/* Makes this thread known to the library, as its first lock does. */
static void be_known(void)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_NONE);

	if (shs_mutex_lock(mutex) || shs_mutex_unlock(mutex))
		abort();
	shs_object_close(mutex);
}

static __u32 word_of(const struct shs_object *object)
{
	return __atomic_load_n((__u32 *)object->shared, __ATOMIC_ACQUIRE);
}

static const struct shs_control *control(const struct shs_object *object)
{
	return object->control;
}

TEST_F(fast, mutex)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	struct shs_object *other = another(mutex);

	be_known();
	cut_off(mutex);
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, i % 2 ? shs_mutex_lock(mutex) : shs_mutex_try_lock(mutex));
		ASSERT_EQ(mutex->id, word_of(mutex));
		ASSERT_EQ(1, shs_mutex_is_owned_by_current_thread(mutex));
		*(__u64 *)shs_mutex_value(mutex) += 1;
		if (!i)
			ASSERT_EQ(-EBUSY, shs_mutex_try_lock(other));
		ASSERT_EQ(0, shs_mutex_unlock(mutex));
		ASSERT_EQ(0, word_of(mutex));
	}
	EXPECT_EQ(-EBADF, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, shs_mutex_lock(other));
	EXPECT_EQ(MANY, *(__u64 *)shs_mutex_value(other));
	EXPECT_EQ(-EBADF, shs_mutex_try_lock(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(other));
}

/* What is not committed never was, without a call as with one. */
TEST_F(fast, commit)
{
	struct shs_object *mutex = make_as(SHS_KIND_MUTEX, SHS_TYPE_U64, SHS_INIT_COMMIT);
	struct shs_object *other = another(mutex);
	__u64 seen;

	be_known();
	cut_off(mutex);
	for (__u64 i = 1; i <= MANY; i++) {
		ASSERT_EQ(0, shs_mutex_lock(mutex));
		ASSERT_EQ((i - 1) / 2, *(__u64 *)shs_mutex_value(mutex));
		*(__u64 *)shs_mutex_value(mutex) = i / 2;
		if (i % 2 == 0)
			ASSERT_EQ(0, shs_commit(mutex));
		ASSERT_EQ(0, shs_mutex_unlock(mutex));
	}
	EXPECT_EQ(0, shs_value_peek(other, 0, &seen, sizeof(seen)));
	EXPECT_EQ(MANY / 2, seen);
}

TEST_F(fast, recursive)
{
	struct shs_object *mutex = make_as(SHS_KIND_MUTEX, SHS_TYPE_U64, SHS_INIT_RECURSIVE);
	struct shs_object *other = another(mutex);
	int fd = dup(shs_object_attachment_fd(mutex)), number = shs_object_attachment_fd(mutex);

	EXPECT_EQ(0, shs_mutex_lock(mutex));
	close(number);
	for (int i = 0; i < MANY; i++)
		ASSERT_EQ(0, shs_mutex_lock(mutex));
	for (int i = 0; i < MANY; i++)
		ASSERT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(other));
	ASSERT_EQ(number, dup2(fd, number));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, shs_mutex_try_lock(other));
}

/* Taken without a call it is repaired like any other: of a process ... */
TEST_F(fast, holder_killed)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	pid_t child = shs_fork();

	if (!child) {
		be_known();
		cut_off(mutex);
		if (shs_mutex_lock(mutex))
			_exit(1);
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	shs_hear(&self->ready);
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(mutex));
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_try_lock(mutex));
}

static void *lock_and_end(void *mutex)
{
	be_known();
	return (void *)(long)shs_mutex_lock(mutex);
}

/* ... and of a thread. */
TEST_F(fast, holder_ended)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);

	ASSERT_EQ(0, shs_object_attach(mutex));
	EXPECT_EQ(0, in_thread(lock_and_end, mutex));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
}

/* An unlock sees that somebody waits, and calls. */
TEST_F(fast, waiter)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	pid_t child;

	be_known();
	ASSERT_EQ(0, shs_object_attach(mutex));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, shs_mutex_lock(mutex));
		child = shs_fork();
		if (!child)
			_exit(-shs_mutex_lock(mutex) ?: -shs_mutex_unlock(mutex));
		SHS_AWAIT(shs_object_fd(mutex), info.waiters == 1);
		ASSERT_EQ(0, shs_mutex_unlock(mutex));
		ASSERT_EQ(0, shs_reap(child));
	}
}

static struct shs_object *counter;
static __s64 per_thread;

static void *count(void *unused)
{
	for (__s64 i = 0; i < per_thread; i++)
		shs_counter_add(counter, 0, 1);
	return NULL;
}

static __s64 total(struct shs_object *of)
{
	int64_t sum;

	if (shs_counter_read(of, 0, &sum))
		abort();
	return sum;
}

TEST_F(fast, counter)
{
	struct shs_object *other;
	pid_t child;

	counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	other = another(counter);
	be_known();
	ASSERT_EQ(0, shs_object_attach(counter));
	EXPECT_EQ(0, shs_counter_add(counter, 0, 1));
	EXPECT_EQ(-EINVAL, shs_counter_add(counter, 1, 1));
	cut_off(counter);
	for (int i = 1; i < MANY; i++)
		ASSERT_EQ(0, shs_counter_add(counter, 0, 1));
	EXPECT_EQ(-EBADF, shs_counter_add(counter, 1, 1));
	EXPECT_EQ(MANY, total(other));
	/* Two hundred threads, one after the other: lanes are given back. */
	per_thread = 10;
	for (int i = 0; i < 200; i++) {
		in_thread(count, NULL);
		ASSERT_EQ(MANY + 10 * (i + 1), total(other));
	}
	/* What is added stays when the process is killed. */
	child = shs_fork();
	if (!child) {
		counter = another(other);
		per_thread = MANY;
		count(NULL);
		raise(SIGKILL);
	}
	EXPECT_EQ(-SIGKILL, shs_reap(child));
	EXPECT_EQ(2 * MANY + 2000, total(other));
}

/* All threads at once, more than there are lanes, beside who adds by the kernel. */
TEST_F(fast, counter_crowd)
{
	struct shs_object *other;
	pthread_t thread[80];

	counter = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	other = another(counter);
	per_thread = MANY;
	for (int i = 0; i < 80; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, count, NULL));
	for (int i = 0; i < MANY; i++) {
		struct shs_ioc_op op = { .op = SHS_OP_ADD, .arg = 1 };

		ASSERT_EQ(0, shs_object_op(other, &op));
	}
	for (int i = 0; i < 80; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(81 * MANY, total(other));
}

/* Of a live one they go with the process. */
TEST_F(fast, counter_live)
{
	struct shs_object *live = make_as(SHS_KIND_COUNTER, SHS_TYPE_I64, SHS_INIT_LIVE);
	pid_t child = shs_fork();

	if (!child) {
		counter = live;
		per_thread = MANY;
		count(NULL);
		shs_say(&self->ready);
		shs_hear(&self->go);
		raise(SIGKILL);
	}
	shs_hear(&self->ready);
	EXPECT_EQ(MANY, total(live));
	shs_say(&self->go);
	EXPECT_EQ(-SIGKILL, shs_reap(child));
	EXPECT_EQ(0, total(live));
}

TEST_F(fast, once)
{
	struct shs_object *once = make(SHS_KIND_ONCE, SHS_TYPE_NONE);

	ASSERT_EQ(0, shs_object_attach(once));
	EXPECT_EQ(0, shs_once_is_done(once));
	EXPECT_EQ(1, shs_once_begin(once, 0, shs_deadline_never()));
	EXPECT_EQ(0, shs_once_is_done(once));
	EXPECT_EQ(0, shs_once_complete(once));
	cut_off(once);
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(1, shs_once_is_done(once));
		ASSERT_EQ(0, shs_once_begin(once, 0, shs_deadline_never()));
		ASSERT_EQ(0, shs_once_wait(once));
	}
}

struct pattern {
	__u64 word[5];
};

static struct shs_object *make_cell(void)
{
	struct shs_spec spec = { .kind = SHS_KIND_CELL, .type = SHS_TYPE_BYTES,
				 .count = sizeof(struct pattern) };
	struct shs_object *cell = NULL;

	return shs_object_create(NULL, &spec, &cell) ? NULL : cell;
}

static struct pattern pattern(__u64 number)
{
	struct pattern p;

	for (int i = 0; i < 5; i++)
		p.word[i] = number * (i + 1);
	return p;
}

static bool is_whole(const struct pattern *p)
{
	struct pattern q = pattern(p->word[0]);

	return !memcmp(p, &q, sizeof(q));
}

TEST_F(fast, cell)
{
	struct shs_object *cell = make_cell(), *other = another(cell);
	struct pattern p, q;

	be_known();
	cut_off(cell);
	for (int i = 0; i < MANY; i++) {
		p = pattern(i);
		ASSERT_EQ(0, shs_cell_store(cell, &p, sizeof(p)));
		ASSERT_EQ(0, shs_cell_load(cell, &q, sizeof(q)));
		ASSERT_EQ(0, memcmp(&p, &q, sizeof(p)));
		memset(&q, 0, sizeof(q));
		if (i % 10 == 0) {
			ASSERT_EQ(0, shs_cell_load_until(other, &q, sizeof(q),
							 shs_deadline_never()));
			ASSERT_EQ(0, memcmp(&p, &q, sizeof(p)));
		}
	}
	EXPECT_EQ(-EBADF, shs_cell_load(cell, &q, 8));
	EXPECT_EQ(-EBADF, shs_cell_store(cell, &q, 8));
}

/* Stores beside loads beside operations of the kernel, and writers that are killed. */
TEST_F(fast, cell_never_torn)
{
	struct shs_object *cell = make_cell();
	struct pattern p = pattern(0);
	pid_t writer[3];

	ASSERT_EQ(0, shs_cell_store(cell, &p, sizeof(p)));
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 3; i++) {
			writer[i] = shs_fork();
			if (writer[i])
				continue;
			for (__u64 n = i;; n += 3) {
				p = pattern(n);
				if (i ? shs_cell_store(cell, &p, sizeof(p)) :
					shs_cell_swap(cell, &p, &p, sizeof(p)))
					_exit(1);
				if (!is_whole(&p))
					_exit(2);
			}
		}
		for (int i = 0; i < 3000; i++) {
			ASSERT_EQ(0, i % 10 ? shs_cell_load(cell, &p, sizeof(p)) :
				     shs_cell_load_until(cell, &p, sizeof(p),
							 shs_deadline_never()));
			ASSERT_TRUE(is_whole(&p));
		}
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(-SIGKILL, shs_kill(writer[i]));
		ASSERT_EQ(0, shs_cell_load(cell, &p, sizeof(p)));
		ASSERT_TRUE(is_whole(&p));
	}
	p = pattern(7);
	EXPECT_EQ(0, shs_cell_store(cell, &p, sizeof(p)));
}

/* One reader by the kernel opens the lanes, a writer closes them. */
TEST_F(fast, rwlock)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
	struct shs_object *other = another(rwlock);
	uint32_t lane, first;

	EXPECT_EQ(0, shs_rwlock_read(rwlock, &first));
	EXPECT_EQ(1, control(rwlock)->bias);
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, first));
	cut_off(rwlock);
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, i % 2 ? shs_rwlock_read(rwlock, &lane) :
			     shs_rwlock_try_read(rwlock, &lane));
		ASSERT_EQ(first, lane);
		if (!i) {
			ASSERT_EQ(1, shs_info(shs_object_fd(other)).readers);
			ASSERT_EQ(-EBUSY, shs_rwlock_try_write(other));
			/* Tried in vain, but closed; opened again by who comes that way. */
			ASSERT_EQ(0, control(rwlock)->bias);
			ASSERT_EQ(0, shs_rwlock_read(other, &lane));
			ASSERT_EQ(1, control(rwlock)->bias);
			ASSERT_EQ(0, shs_rwlock_read_unlock(other, lane));
			lane = first;
		}
		ASSERT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	}
	EXPECT_EQ(0, shs_info(shs_object_fd(other)).readers);
	EXPECT_EQ(-EBADF, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_rwlock_write(other));
	EXPECT_EQ(0, control(rwlock)->bias);
	EXPECT_EQ(-EBADF, shs_rwlock_read(rwlock, &lane));
	EXPECT_EQ(0, shs_rwlock_write_unlock(other));
}

/* A writer waits for one who reads by his lane alone, and is served by his unlock. */
TEST_F(fast, writer_waits)
{
	struct shs_object *rwlock;
	uint32_t lane;
	pid_t writer;

	for (int i = 0; i < 50; i++) {
		/* Another one: a writer that cost much time keeps the lanes closed for more. */
		rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
		ASSERT_EQ(0, shs_rwlock_read(rwlock, &lane));
		ASSERT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
		ASSERT_EQ(1, control(rwlock)->bias);
		ASSERT_EQ(0, shs_rwlock_read(rwlock, &lane));
		writer = shs_fork();
		if (!writer)
			_exit(-shs_rwlock_write(rwlock) ?: -shs_rwlock_write_unlock(rwlock));
		SHS_AWAIT(shs_object_fd(rwlock), info.waiters == 1);
		ASSERT_EQ(0, control(rwlock)->bias);
		ASSERT_EQ(1, control(rwlock)->wpending);
		ASSERT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
		ASSERT_EQ(0, shs_reap(writer));
		shs_object_close(rwlock);
	}
}

static __u32 *writes_of(const struct shs_object *rwlock)
{
	return &((struct shs_private *)rwlock->lanes)->writes;
}

/* A writer leaves without a call while nobody waits, and is then nobody's writer. */
TEST_F(fast, writer_leaves)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
	struct shs_object *other = another(rwlock);
	int fd = shs_object_fd(other);
	pid_t child;

	be_known();
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, shs_rwlock_write(rwlock));
		ASSERT_EQ(SHS_WRITES, *writes_of(rwlock));
		EXPECT_EQ(SHS_STATE_HELD, shs_info(fd).state);
		EXPECT_EQ(getpid(), shs_info(fd).holder_pid);
		ASSERT_EQ(0, shs_rwlock_write_unlock(rwlock));
		EXPECT_EQ(0, *writes_of(rwlock));
		EXPECT_EQ(0, shs_info(fd).state);
		EXPECT_EQ(0, shs_info(fd).holder_pid);
	}
	EXPECT_EQ(-EPERM, shs_rwlock_write_unlock(rwlock));
	/* Who was refused has been told that it is held: now it takes a call. */
	ASSERT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(-EBUSY, shs_rwlock_try_write(other));
	EXPECT_EQ(SHS_WRITES_CALL, *writes_of(rwlock));
	EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	child = shs_fork();
	if (!child)
		_exit(-shs_rwlock_write(other) ?: -shs_rwlock_write_unlock(other));
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
	EXPECT_EQ(0, shs_reap(child));
	/* That none is made. */
	ASSERT_EQ(0, shs_rwlock_write(rwlock));
	cut_off(rwlock);
	EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
	EXPECT_EQ(-EBADF, shs_rwlock_write_unlock(rwlock));
	EXPECT_EQ(0, shs_rwlock_try_write(other));
	EXPECT_EQ(0, shs_rwlock_write_unlock(other));
}

/* ... or reads on, and nobody gets in between. */
TEST_F(fast, writer_reads_on)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
	struct shs_object *other = another(rwlock);
	uint32_t lane, others;

	ASSERT_EQ(0, shs_rwlock_read(rwlock, &lane));
	ASSERT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	/* Who has begun to wait is let in, by a call. */
	ASSERT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(-EBUSY, shs_rwlock_try_read(other, &others));
	EXPECT_EQ(0, shs_rwlock_downgrade(rwlock, &lane));
	EXPECT_EQ(0, shs_rwlock_try_read(other, &others));
	EXPECT_EQ(0, shs_rwlock_read_unlock(other, others));
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	ASSERT_EQ(0, shs_rwlock_write(rwlock));
	cut_off(rwlock);
	ASSERT_EQ(0, shs_rwlock_downgrade(rwlock, &lane));
	EXPECT_EQ(0, *writes_of(rwlock));
	EXPECT_EQ(1, shs_info(shs_object_fd(other)).readers);
	EXPECT_EQ(0, shs_info(shs_object_fd(other)).state);
	EXPECT_EQ(-EBUSY, shs_rwlock_try_write(other));
	/* The writes may have cost much, and keep the lanes closed for more. */
	while (!control(rwlock)->bias) {
		ASSERT_EQ(0, shs_rwlock_try_read(other, &others));
		ASSERT_EQ(0, shs_rwlock_read_unlock(other, others));
	}
	EXPECT_EQ(0, shs_rwlock_try_read(other, &others));
	EXPECT_EQ(2, shs_info(shs_object_fd(other)).readers);
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_rwlock_read_unlock(other, others));
	EXPECT_EQ(0, shs_rwlock_try_write(other));
	EXPECT_EQ(0, shs_rwlock_write_unlock(other));
}

/* Whoever dies after he left did not die writing; before it he did. Seen before or not. */
TEST_F(fast, writer_killed)
{
	static const int told[] = { -EOWNERDEAD, 0, 0 };
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
	uint32_t lane;
	pid_t child;

	for (int n = 0; n < 6; n++) {
		int i = n / 2;

		child = shs_fork();
		if (!child) {
			if (shs_rwlock_read(rwlock, &lane) ||
			    shs_rwlock_read_unlock(rwlock, lane) || shs_rwlock_write(rwlock))
				_exit(1);
			cut_off(rwlock);
			if (i == 1 && shs_rwlock_write_unlock(rwlock))
				_exit(2);
			if (i == 2 && shs_rwlock_downgrade(rwlock, &lane))
				_exit(3);
			shs_say(&self->ready);
			for (;;)
				pause();
		}
		shs_hear(&self->ready);
		if (n % 2)
			EXPECT_EQ(i == 1 ? 0 : -EBUSY, shs_rwlock_try_write(rwlock));
		if (n % 2 && i == 1)
			EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
		EXPECT_EQ(-SIGKILL, shs_kill(child));
		EXPECT_EQ(told[i], shs_rwlock_try_write(rwlock));
		EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
	}
}

/* The same if he is killed instead; and if his descriptor is open for reading only. */
TEST_F(fast, reader_killed)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64), *reader;
	pid_t child;

	ASSERT_EQ(0, shs_object_link(rwlock, "read"));
	ASSERT_EQ(0, shs_object_open("read", SHS_OPEN_RDONLY, &reader));
	child = shs_fork();
	if (!child) {
		uint32_t lane;

		if (shs_rwlock_read(reader, &lane) || shs_rwlock_read_unlock(reader, lane))
			_exit(1);
		cut_off(reader);
		if (shs_rwlock_read(reader, &lane))
			_exit(2);
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	shs_hear(&self->ready);
	EXPECT_EQ(-EBUSY, shs_rwlock_try_write(rwlock));
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, shs_rwlock_try_write(rwlock));
}

/* Readers and writers in several processes, some of them killed: words stay a pair. */
TEST_F(fast, readers_and_writers)
{
	struct shs_spec spec = { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64, .count = 2 };
	struct shs_object *rwlock;
	volatile int *turns;
	pid_t child[6];
	int ret;

	turns = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, turns);
	ASSERT_EQ(0, shs_object_create(NULL, &spec, &rwlock));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 6; i++) {
			child[i] = shs_fork();
			if (child[i])
				continue;
			for (int n = 0;; n++, turns[i]++) {
				volatile __u64 *pair;
				uint32_t lane;

				if (n % 16 == i) {
					int ret = shs_rwlock_write(rwlock);

					pair = shs_rwlock_value(rwlock);
					if (ret == -EOWNERDEAD)
						pair[1] = pair[0];
					else if (ret || pair[0] != pair[1])
						_exit(1);
					pair[0]++;
					pair[1]++;
					if (shs_rwlock_write_unlock(rwlock))
						_exit(2);
				} else {
					int ret = shs_rwlock_read(rwlock, &lane);

					pair = shs_rwlock_value(rwlock);
					if (ret != -EOWNERDEAD && (ret || pair[0] != pair[1]))
						_exit(3);
					if (shs_rwlock_read_unlock(rwlock, lane))
						_exit(4);
				}
			}
		}
		for (int i = 0; i < 6; i++)
			while (turns[i] < 100 * (round + 1) && !shs_is_gone(child[i]))
				sched_yield();
		for (int i = 0; i < 6; i++)
			EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	}
	EXPECT_EQ(0, shs_info(shs_object_fd(rwlock)).readers);
	EXPECT_EQ(0, shs_info(shs_object_fd(rwlock)).waiters);
	ret = shs_rwlock_try_write(rwlock);
	EXPECT_TRUE(ret == 0 || ret == -EOWNERDEAD);
}

/* Each operation on each type, with numbers of all sorts: as the kernel does it. */
TEST_F(fast, atomic)
{
	static const int opcodes[] = {
		SHS_OP_LOAD, SHS_OP_STORE, SHS_OP_SWAP, SHS_OP_CMPXCHG, SHS_OP_FETCH_ADD,
		SHS_OP_FETCH_SUB, SHS_OP_FETCH_AND, SHS_OP_FETCH_NAND, SHS_OP_FETCH_OR,
		SHS_OP_FETCH_XOR, SHS_OP_FETCH_MAX, SHS_OP_FETCH_MIN,
	};
	static const __s64 numbers[] = {
		0, 1, 2, -1, -2, 77, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2147483647,
		2147483648, 4294967295, 4294967296, __INT64_MAX__, -__INT64_MAX__ - 1,
	};
	unsigned int seed = 1;

	be_known();
	for (__u32 type = SHS_TYPE_BOOL; type <= SHS_TYPE_I64; type++) {
		struct shs_spec spec = { .kind = SHS_KIND_ATOMIC, .type = type, .count = 3 };
		struct shs_object *here, *there;

		ASSERT_EQ(0, shs_object_create(NULL, &spec, &here));
		ASSERT_EQ(0, shs_object_create(NULL, &spec, &there));
		ASSERT_EQ(0, shs_object_attach(here));
		for (int i = 0; i < 4000; i++) {
			int opcode = opcodes[rand_r(&seed) % ARRAY_SIZE(opcodes)];
			__s64 arg = numbers[rand_r(&seed) % ARRAY_SIZE(numbers)];
			__s64 expected = numbers[rand_r(&seed) % ARRAY_SIZE(numbers)];
			int index = rand_r(&seed) % 4, order = (int)(rand_r(&seed) % 7) - 1, ret;
			int failure = (int)(rand_r(&seed) % 7) - 1;
			int64_t old = 4711, found = expected;
			struct shs_ioc_op op = { .op = opcode, .index = index, .order = order };

			if (opcode != SHS_OP_LOAD)
				op.arg = arg;
			if (opcode == SHS_OP_CMPXCHG)
				op.expected = expected;
			switch (opcode) {
			case SHS_OP_LOAD:
				ret = shs_atomic_load(here, index, order, &old);
				break;
			case SHS_OP_STORE:
				ret = shs_atomic_store(here, index, arg, order);
				break;
			case SHS_OP_CMPXCHG:
				op.order_failure = failure;
				ret = shs_atomic_compare_exchange(here, index, &found, arg, order,
								  failure);
				break;
#define CASE(OP, name)								\
			case SHS_OP_##OP:					\
				ret = shs_atomic_##name(here, index, arg, order, &old); \
				break
			CASE(SWAP, swap);
			CASE(FETCH_ADD, fetch_add);
			CASE(FETCH_SUB, fetch_sub);
			CASE(FETCH_AND, fetch_and);
			CASE(FETCH_NAND, fetch_nand);
			CASE(FETCH_OR, fetch_or);
			CASE(FETCH_XOR, fetch_xor);
			CASE(FETCH_MAX, fetch_max);
			default:
			CASE(FETCH_MIN, fetch_min);
			}
			ASSERT_EQ(shs_object_op(there, &op), ret)
				TH_LOG("type %u op %d arg %lld order %d", type, opcode, arg, order);
			if (opcode == SHS_OP_CMPXCHG)
				old = found;
			if (opcode == SHS_OP_CMPXCHG && ret != -EREMCHG)
				op.result = expected;
			if (!ret && opcode == SHS_OP_STORE)
				continue;
			if (!ret || ret == -EREMCHG)
				EXPECT_EQ((__s64)op.result, old)
					TH_LOG("type %u op %d arg %lld", type, opcode, arg);
		}
		ASSERT_STREQ(shs_text(shs_object_fd(there)), shs_text(shs_object_fd(here)));
		shs_object_close(here);
		shs_object_close(there);
	}
}

/* Not counted on as a call: by the mapping alone, while others go by the kernel. */
TEST_F(fast, atomic_alone)
{
	struct shs_object *atomic = make(SHS_KIND_ATOMIC, SHS_TYPE_U32);
	struct shs_object *other = another(atomic);
	int64_t old;
	pid_t child;

	be_known();
	cut_off(atomic);
	child = shs_fork();
	if (!child) {
		for (int i = 0; i < MANY; i++) {
			struct shs_ioc_op op = { .op = SHS_OP_FETCH_ADD, .arg = 1 };

			if (shs_object_op(other, &op))
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < MANY; i++)
		ASSERT_EQ(0, shs_atomic_fetch_add(atomic, 0, 1, SHS_RELAXED, &old));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_atomic_load(atomic, 0, SHS_SEQ_CST, &old));
	EXPECT_EQ(2 * MANY, old);
	EXPECT_EQ(0, shs_atomic_notify_all(atomic, 0));
	EXPECT_EQ(-EBADF, shs_atomic_notify_all(atomic, 1));
}

/* Who waits is seen, and a change and notify without a call between are not lost. */
TEST_F(fast, atomic_ping_pong)
{
	struct shs_spec spec = { .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U32, .count = 1 };
	struct shs_object *turn;
	pid_t child;

	ASSERT_EQ(0, shs_object_create(NULL, &spec, &turn));
	child = shs_fork();
	be_known();
	ASSERT_EQ(0, shs_object_attach(turn));
	for (int i = !child; i < 2 * MANY; i += 2) {
		int64_t now;

		while (!shs_atomic_load(turn, 0, SHS_ACQUIRE, &now) && now != i)
			if (shs_atomic_wait(turn, 0, now, SHS_RELAXED))
				abort();
		shs_atomic_store(turn, 0, i + 1, SHS_RELEASE);
		if (shs_atomic_notify_one(turn, 0) < 0)
			abort();
	}
	if (!child)
		_exit(0);
	EXPECT_EQ(0, shs_reap(child));
}

TEST_F(fast, condvar)
{
	struct shs_object *condvar = make(SHS_KIND_CONDVAR, SHS_TYPE_NONE);
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U32);
	struct shs_object *other = another(condvar);
	pid_t child;

	be_known();
	cut_off(condvar);
	EXPECT_EQ(0, shs_condvar_notify_one(condvar));
	EXPECT_EQ(0, shs_condvar_notify_all(condvar));
	child = shs_fork();
	if (!child)
		_exit(-shs_mutex_lock(mutex) ?: -shs_condvar_wait(other, mutex));
	SHS_AWAIT(shs_object_fd(other), info.waiters == 1);
	EXPECT_EQ(1, control(condvar)->waiting);
	EXPECT_EQ(-EBADF, shs_condvar_notify_one(condvar));
	EXPECT_EQ(1, shs_condvar_notify_one(other));
	EXPECT_EQ(0, control(condvar)->waiting);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_condvar_notify_one(condvar));
}

/* What the child of a fork inherits is nothing to go by, however it was made. */
TEST_F(fast, forked)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	struct shs_object *adds = make(SHS_KIND_COUNTER, SHS_TYPE_I64);
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
	struct shs_object *atomic = make(SHS_KIND_ATOMIC, SHS_TYPE_U64);
	struct shs_object *cell = make_cell();
	uint32_t lane;
	int64_t old;

	be_known();
	ASSERT_EQ(0, shs_object_attach(atomic));
	ASSERT_EQ(0, shs_object_attach(adds));
	ASSERT_EQ(0, shs_object_attach(cell));
	ASSERT_EQ(0, shs_counter_add(adds, 0, 1));
	ASSERT_EQ(0, shs_mutex_lock(mutex));
	ASSERT_EQ(0, shs_rwlock_read(rwlock, &lane));
	for (int raw = 0; raw < 2; raw++) {
		pid_t child = raw ? syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : shs_fork();
		struct pattern p;

		if (!child) {
			if (shs_mutex_unlock(mutex) != -EPERM)
				_exit(1);
			if (shs_mutex_try_lock(mutex) != -EBUSY)
				_exit(2);
			if (shs_counter_add(adds, 0, 1))
				_exit(3);
			if (shs_cell_load(cell, &p, sizeof(p)) ||
			    shs_cell_store(cell, &p, sizeof(p)))
				_exit(4);
			if (shs_rwlock_read_unlock(rwlock, lane) != -EPERM)
				_exit(5);
			if (shs_rwlock_read(rwlock, &lane) ||
			    shs_rwlock_read_unlock(rwlock, lane))
				_exit(6);
			if (shs_mutex_is_owned_by_current_thread(mutex))
				_exit(7);
			if (shs_atomic_fetch_add(atomic, 0, 1, SHS_RELAXED, &old) || old != raw)
				_exit(8);
			_exit(0);
		}
		EXPECT_EQ(0, shs_reap(child));
	}
	EXPECT_EQ(3, total(adds));
	EXPECT_EQ(0, shs_atomic_load(atomic, 0, SHS_SEQ_CST, &old));
	EXPECT_EQ(2, old);
	EXPECT_EQ(1, shs_mutex_is_owned_by_current_thread(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_rwlock_try_write(rwlock));
}

/* In another namespace a child's thread may have the number of the holder. */
static int child_of_same_number(struct shs_object *mutex)
{
	pid_t child;

	if (gettid() != 1 || shs_mutex_lock(mutex))
		return 1;
	child = syscall(SYS_clone, SIGCHLD | CLONE_NEWPID, 0, 0, 0, 0);
	if (!child) {
		if (gettid() != 1)
			_exit(2);
		if (shs_mutex_try_lock(mutex) != -EBUSY)
			_exit(3);
		if (shs_mutex_is_owned_by_current_thread(mutex))
			_exit(4);
		_exit(-shs_mutex_unlock(mutex) == EPERM ? 0 : 5);
	}
	return child < 0 ? 6 : shs_reap(child);
}

TEST_F(fast, forked_with_the_same_number)
{
	struct shs_object *mutex = make_as(SHS_KIND_MUTEX, SHS_TYPE_U64, SHS_INIT_RECURSIVE);
	pid_t child = syscall(SYS_clone, SIGCHLD | CLONE_NEWPID, 0, 0, 0, 0);

	if (!child)
		_exit(child_of_same_number(mutex));
	ASSERT_LT(0, child);
	EXPECT_EQ(0, shs_reap(child));
}

/* Switched off for all handles that attach from then on. */
TEST_F(fast, off)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);

	be_known();
	setenv("SHSTATE_FAST", "0", 1);
	ASSERT_EQ(0, shs_object_attach(mutex));
	EXPECT_EQ(0, *mutex->mode);
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	cut_off(mutex);
	EXPECT_EQ(-EBADF, shs_mutex_lock(mutex));
}

/* How many of every so many, from the first on, may do something by themselves. */
static int modes(struct shs_object **handle, int count, int every)
{
	int n = 0;

	for (int i = 0; i < count; i += every)
		n += *handle[i]->mode != 0;
	return n;
}

/* More than fit one page of words, some given back: each has its own, and no child any. */
TEST_F(fast, many_handles)
{
	enum { HANDLES = 1100 };
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_NONE), *handle[HANDLES];
	struct rlimit limit = { 8192, 8192 };
	pid_t child;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (int round = 0; round < 2; round++) {
		for (int i = round; i < HANDLES; i += 1 + round) {
			handle[i] = another(mutex);
			ASSERT_NE(NULL, handle[i]);
			ASSERT_EQ(0, shs_object_attach(handle[i]));
		}
		ASSERT_EQ(HANDLES, modes(handle, HANDLES, 1));
		child = _Fork();
		if (!child)
			_exit(!!modes(handle, HANDLES, 1));
		EXPECT_EQ(0, shs_reap(child));
		for (int i = 1; i < HANDLES && !round; i += 2)
			shs_object_close(handle[i]);
		EXPECT_EQ(HANDLES / 2, modes(handle, HANDLES, 2));
	}
	for (int i = 0; i < HANDLES; i++)
		shs_object_close(handle[i]);
}

/*
 * Watched and frozen
 */
#define FREEZE (SHS_WATCH_ON | SHS_WATCH_FREEZE)

TEST_F(fast, watched)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	struct shs_object *other = another(mutex);
	__u32 state;
	pid_t child;

	be_known();
	ASSERT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(-EINVAL, shs_object_watch(other, SHS_WATCH_FREEZE));
	EXPECT_EQ(-EINVAL, shs_object_watch(other, 1 << 2));
	EXPECT_EQ(0, shs_object_watch(other, SHS_WATCH_ON));
	EXPECT_EQ(0, shs_object_watch(other, SHS_WATCH_ON));
	EXPECT_EQ(mutex->id | SHS_WORD_KERNEL, word_of(mutex));
	state = shs_info(shs_object_fd(mutex)).state;
	EXPECT_EQ(SHS_STATE_HELD | SHS_STATE_WATCHED, state);
	/* Taken without the kernel, but freed by it. */
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(SHS_WORD_KERNEL, word_of(mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(gettid(), shs_info(shs_object_fd(mutex)).holder_tid);
	/* Freed without it as soon as nobody watches. */
	EXPECT_EQ(0, shs_object_watch(other, 0));
	EXPECT_EQ(mutex->id, word_of(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, word_of(mutex));
	/* It ends with who watches. */
	child = shs_fork();
	if (!child) {
		if (shs_object_watch(mutex, SHS_WATCH_ON))
			_exit(1);
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	shs_hear(&self->ready);
	EXPECT_EQ(SHS_WORD_KERNEL, word_of(mutex));
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, word_of(mutex));
}

TEST_F(fast, watched_rwlock)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
	struct shs_object *other = another(rwlock);
	uint32_t lane;

	EXPECT_EQ(0, shs_rwlock_read(rwlock, &lane));
	EXPECT_EQ(1, control(rwlock)->bias);
	EXPECT_EQ(0, shs_object_watch(other, SHS_WATCH_ON));
	EXPECT_EQ(0, control(rwlock)->bias);
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_rwlock_read(rwlock, &lane));
	EXPECT_EQ(0, control(rwlock)->bias);
	EXPECT_EQ(0, shs_object_watch(other, 0));
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_rwlock_read(rwlock, &lane));
	EXPECT_EQ(1, control(rwlock)->bias);
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(SHS_WRITES, *writes_of(rwlock));
	EXPECT_EQ(0, shs_object_watch(other, SHS_WATCH_ON));
	EXPECT_EQ(SHS_WRITES_CALL, *writes_of(rwlock));
	EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(SHS_WRITES_CALL, *writes_of(rwlock));
	EXPECT_EQ(0, shs_object_watch(other, 0));
	EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
	EXPECT_EQ(0, shs_rwlock_read(rwlock, &lane));
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
}

TEST_F(fast, watch_refused)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64), *reader;
	struct shs_object *atomic = make(SHS_KIND_ATOMIC, SHS_TYPE_U64);

	ASSERT_EQ(0, shs_object_link(mutex, "m"));
	ASSERT_EQ(0, shs_object_open("m", SHS_OPEN_RDONLY, &reader));
	EXPECT_EQ(-EACCES, shs_object_watch(reader, SHS_WATCH_ON));
	EXPECT_EQ(-EOPNOTSUPP, shs_object_watch(atomic, SHS_WATCH_ON));
}

/* A child that locks, and then exits with 0; at once or when it is let. */
static pid_t locker(struct shs_object *object)
{
	pid_t child = shs_fork();

	if (!child)
		_exit(-(object->kind == SHS_KIND_MUTEX ? shs_mutex_lock(object) :
							 shs_rwlock_write(object)));
	return child;
}

TEST_F(fast, frozen)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	struct shs_object *other = another(mutex);
	int fd = shs_object_fd(mutex);
	pid_t child;

	be_known();
	ASSERT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_object_watch(other, FREEZE));
	EXPECT_EQ(SHS_STATE_HELD | SHS_STATE_WATCHED | SHS_STATE_FROZEN, shs_info(fd).state);
	/* Who holds may unlock; nobody may lock, and who waits is not served. */
	child = locker(mutex);
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, shs_mutex_unlock_fair(mutex));	/* else it would be the child's */
	EXPECT_EQ(SHS_STATE_WATCHED | SHS_STATE_FROZEN, shs_info(fd).state);
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(mutex));
	EXPECT_EQ(-ETIMEDOUT, shs_mutex_lock_until(mutex, shs_deadline_in(SHS_MS)));
	EXPECT_EQ(-EBUSY, shs_op(fd, &SHS_OP(ADD, .arg = 1, .flags = SHS_OP_NOWAIT)));
	EXPECT_EQ(0, shs_peek(fd, 0));
	SHS_AWAIT(fd, info.waiters == 1);
	/* Watched only: the child has it, dies with it, and the next is told. */
	EXPECT_EQ(0, shs_object_watch(other, SHS_WATCH_ON));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_object_watch(other, 0));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, word_of(mutex));
}

TEST_F(fast, frozen_rwlock)
{
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
	struct shs_object *other = another(rwlock);
	int fd = shs_object_fd(rwlock);
	uint32_t lane;
	pid_t child;

	EXPECT_EQ(0, shs_rwlock_read(rwlock, &lane));
	EXPECT_EQ(0, shs_object_watch(other, FREEZE));
	child = locker(rwlock);
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, shs_rwlock_read_unlock(rwlock, lane));
	EXPECT_EQ(SHS_STATE_WATCHED | SHS_STATE_FROZEN, shs_info(fd).state);
	EXPECT_EQ(-EBUSY, shs_rwlock_try_read(rwlock, &lane));
	EXPECT_EQ(-EBUSY, shs_rwlock_try_upgradable(rwlock));
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, shs_object_watch(other, 0));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-EOWNERDEAD, shs_rwlock_write(rwlock));
	/* Made weaker, but not stronger again. */
	EXPECT_EQ(0, shs_object_watch(other, FREEZE));
	EXPECT_EQ(0, shs_rwlock_downgrade_to_upgradable(rwlock));
	EXPECT_EQ(-EBUSY, shs_rwlock_try_upgrade(rwlock));
	EXPECT_EQ(0, shs_object_watch(other, 0));
	EXPECT_EQ(0, shs_rwlock_try_upgrade(rwlock));
	EXPECT_EQ(0, shs_rwlock_write_unlock(rwlock));
}

/* A cell's stores and what the kernel does wait; what is mapped is read. */
TEST_F(fast, frozen_cell)
{
	struct shs_object *cell = make_cell(), *other = another(cell);
	struct pattern p = pattern(1), q;
	int fd = shs_object_fd(cell);

	be_known();
	ASSERT_EQ(0, shs_object_attach(cell));
	ASSERT_EQ(0, shs_cell_store(cell, &p, sizeof(p)));
	EXPECT_EQ(0, shs_object_watch(other, FREEZE));
	EXPECT_EQ(0, shs_cell_load(cell, &q, sizeof(q)));
	EXPECT_EQ(0, memcmp(&p, &q, sizeof(q)));
	EXPECT_EQ(-EBUSY, shs_op(fd, &SHS_OP(LOAD, .flags = SHS_OP_BYTES | SHS_OP_NOWAIT,
					     .addr = (uintptr_t)&q, .len = sizeof(q))));
	EXPECT_EQ(-ETIMEDOUT, shs_cell_store_until(cell, &p, sizeof(p),
						   shs_deadline_in(SHS_MS)));
	EXPECT_EQ(0, shs_object_watch(other, 0));
	EXPECT_EQ(0, shs_cell_store(cell, &p, sizeof(p)));
}

/* What the dead have frozen thaws, and two freeze until both have ceased to. */
TEST_F(fast, frozen_by_the_dead)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	struct shs_object *other = another(mutex);
	int fd = shs_object_fd(mutex);
	pid_t freezer, child;

	freezer = shs_fork();
	if (!freezer) {
		if (shs_object_watch(mutex, FREEZE))
			_exit(1);
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	shs_hear(&self->ready);
	EXPECT_EQ(0, shs_object_watch(other, FREEZE));
	child = locker(mutex);
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, shs_object_watch(other, 0));
	EXPECT_EQ(SHS_STATE_WATCHED | SHS_STATE_FROZEN, shs_info(fd).state);
	EXPECT_EQ(-EBUSY, shs_mutex_try_lock(mutex));
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(freezer));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
}

/* Adds to both, and reads one, as one of four; or what failed. */
static int add_to_both(struct shs_object *mutex, struct shs_object *rwlock, int me)
{
	uint32_t lane;

	for (int n = 0; n < 2000; n++) {
		if (shs_mutex_lock(mutex))
			return 1;
		*(volatile __u64 *)shs_mutex_value(mutex) += 1;
		if (shs_mutex_unlock(mutex))
			return 2;
		if (n % 8 != me) {
			if (shs_rwlock_read(rwlock, &lane) || shs_rwlock_read_unlock(rwlock, lane))
				return 3;
			continue;
		}
		if (shs_rwlock_write(rwlock))
			return 4;
		*(volatile __u64 *)shs_rwlock_value(rwlock) += 1;
		if (shs_rwlock_write_unlock(rwlock))
			return 5;
	}
	return 0;
}

/* On and off under load: nobody sleeps beside a free lock, nothing is counted twice. */
static void watch_now_and_then(struct __test_metadata *_metadata, FIXTURE_DATA(fast) *self,
			       uint32_t on)
{
	struct shs_object *mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U64);
	struct shs_object *rwlock = make(SHS_KIND_RWLOCK, SHS_TYPE_U64);
	pid_t child[4];

	ASSERT_EQ(0, shs_object_attach(mutex));
	ASSERT_EQ(0, shs_object_attach(rwlock));
	for (int i = 0; i < 4; i++) {
		child[i] = shs_fork();
		if (!child[i]) {
			shs_hear(&self->go);
			_exit(add_to_both(mutex, rwlock, i));
		}
	}
	for (int i = 0, left = 4; left; i++) {
		ASSERT_EQ(0, shs_object_watch(mutex, i % 3 ? 0 : on));
		ASSERT_EQ(0, shs_object_watch(rwlock, i % 3 == 1 ? on : 0));
		if (i < 4)
			shs_say(&self->go);
		sched_yield();
		for (left = 4; left && shs_is_gone(child[left - 1]); left--)
			;
	}
	ASSERT_EQ(0, shs_object_watch(mutex, 0));
	ASSERT_EQ(0, shs_object_watch(rwlock, 0));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_EQ(8000, *(__u64 *)shs_mutex_value(mutex));
	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(1000, *(__u64 *)shs_rwlock_value(rwlock));
}

TEST_F(fast, watched_now_and_then)
{
	watch_now_and_then(_metadata, self, SHS_WATCH_ON);
}

TEST_F(fast, frozen_now_and_then)
{
	watch_now_and_then(_metadata, self, FREEZE);
}

TEST_HARNESS_MAIN
