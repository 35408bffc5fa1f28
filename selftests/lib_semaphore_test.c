// SPDX-License-Identifier: GPL-2.0-only
/* Semaphores and barriers, by the library and by the command. */
#include "command.h"

FIXTURE(lib_semaphore) {
	struct shs_pipe ready, go;
};

FIXTURE_SETUP(lib_semaphore)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(lib_semaphore)
{
}

static struct shs_object *semaphore_of(const char *name, uint32_t permits, uint32_t bound)
{
	const uint32_t value[2] = { permits, bound };
	struct shs_spec spec = { .kind = SHS_KIND_SEMAPHORE, .type = SHS_TYPE_U32, .count = 2,
				 .value = value };
	struct shs_object *object = NULL;

	return shs_object_create(name, &spec, &object) ? NULL : object;
}

static struct shs_object *barrier_of(const char *name, uint32_t parties)
{
	struct shs_spec spec = { .kind = SHS_KIND_BARRIER, .type = SHS_TYPE_U32,
				 .value = &parties };
	struct shs_object *object = NULL;

	return shs_object_create(name, &spec, &object) ? NULL : object;
}

/* Taken and given back, by any thread; refused with what the header says. */
TEST_F(lib_semaphore, semaphore)
{
	struct shs_object *semaphore = semaphore_of(NULL, 3, 5), *mutex;

	ASSERT_NE(NULL, semaphore);
	EXPECT_EQ(3, shs_semaphore_available(semaphore));
	EXPECT_EQ(0, shs_semaphore_acquire(semaphore, 2));
	EXPECT_EQ(0, shs_semaphore_try_acquire(semaphore, 1));
	EXPECT_EQ(-EBUSY, shs_semaphore_try_acquire(semaphore, 1));
	EXPECT_EQ(-ETIMEDOUT, shs_semaphore_acquire_until(semaphore, 1, past()));
	EXPECT_EQ(-ETIMEDOUT, shs_semaphore_acquire_until(semaphore, 1,
							  shs_deadline_in(SHS_NS_PER_MS)));
	EXPECT_EQ(-EINVAL, shs_semaphore_acquire_until(semaphore, 1, shs_deadline_at(3, 0)));
	EXPECT_EQ(-EINVAL, shs_semaphore_acquire(semaphore, 0));
	EXPECT_EQ(-EINVAL, shs_semaphore_acquire(semaphore, 6));
	EXPECT_EQ(-EINVAL, shs_semaphore_release(semaphore, 0));
	EXPECT_EQ(-EPERM, shs_semaphore_release(semaphore, 4));
	EXPECT_EQ(0, shs_semaphore_available(semaphore));
	EXPECT_EQ(0, shs_semaphore_release(semaphore, 3));
	EXPECT_EQ(3, shs_semaphore_available(semaphore));
	mutex = make(SHS_KIND_MUTEX, SHS_TYPE_U32);
	EXPECT_EQ(-EOPNOTSUPP, shs_semaphore_acquire(mutex, 1));
	EXPECT_EQ(-EOPNOTSUPP, shs_semaphore_release(mutex, 1));
	EXPECT_EQ(-EOPNOTSUPP, shs_semaphore_available(mutex));
	EXPECT_EQ(-EOPNOTSUPP, shs_mutex_lock(semaphore));
	shs_object_close(mutex);
	shs_object_close(semaphore);
}

/* What nobody holds: added by one, taken by another, and gone with nobody. */
TEST_F(lib_semaphore, semaphore_no_undo)
{
	struct shs_object *semaphore = semaphore_of(NULL, 0, 2);
	pid_t child = shs_fork();

	if (!child) {
		if (shs_semaphore_acquire_no_undo(semaphore, 1))
			_exit(1);
		raise(SIGKILL);
	}
	EXPECT_EQ(0, shs_semaphore_release_no_undo(semaphore, 2));
	EXPECT_EQ(-SIGKILL, shs_reap(child));
	EXPECT_EQ(1, shs_semaphore_available(semaphore));
	EXPECT_EQ(-EOVERFLOW, shs_semaphore_release_no_undo(semaphore, 2));
	EXPECT_EQ(0, shs_semaphore_try_acquire_no_undo(semaphore, 1));
	EXPECT_EQ(-EBUSY, shs_semaphore_try_acquire_no_undo(semaphore, 1));
	EXPECT_EQ(-ETIMEDOUT, shs_semaphore_acquire_no_undo_until(semaphore, 1, past()));
	EXPECT_EQ(-EPERM, shs_semaphore_release(semaphore, 1));
	shs_object_close(semaphore);
}

static void *acquire_two(void *semaphore)
{
	return (void *)(long)shs_semaphore_acquire(semaphore, 2);
}

/* Of a process, not of a thread: what one that ended took, another gives back. */
TEST_F(lib_semaphore, semaphore_of_threads)
{
	struct shs_object *semaphore = semaphore_of(NULL, 2, 2);
	pid_t child;

	EXPECT_EQ(0, in_thread(acquire_two, semaphore));
	EXPECT_EQ(0, shs_semaphore_available(semaphore));
	child = shs_fork();
	if (!child)
		_exit(-shs_semaphore_release(semaphore, 1));
	EXPECT_EQ(EPERM, shs_reap(child));
	EXPECT_EQ(0, shs_semaphore_release(semaphore, 2));
	child = shs_fork();
	if (!child) {
		shs_semaphore_acquire(semaphore, 2);
		raise(SIGKILL);
	}
	EXPECT_EQ(-SIGKILL, shs_reap(child));
	EXPECT_EQ(0, shs_semaphore_acquire(semaphore, 2));
	/* So does the end of the handle. */
	EXPECT_EQ(0, shs_object_link(semaphore, "s"));
	shs_object_close(semaphore);
	ASSERT_EQ(0, shs_object_open("s", SHS_OPEN_RDONLY, &semaphore));
	EXPECT_EQ(2, shs_semaphore_available(semaphore));
	EXPECT_EQ(-EACCES, shs_semaphore_try_acquire(semaphore, 1));
	shs_object_close(semaphore);
}

static void *wait_once(void *barrier)
{
	return (void *)(long)shs_barrier_wait(barrier);
}

/* Threads and processes meet; one is told that it leads. */
TEST_F(lib_semaphore, barrier)
{
	struct shs_object *barrier = barrier_of("b", 3);
	pthread_t thread;
	void *result;
	pid_t child;
	long leads;

	ASSERT_NE(NULL, barrier);
	EXPECT_EQ(-ETIMEDOUT, shs_barrier_wait_until(barrier, past()));
	EXPECT_EQ(-EINVAL, shs_barrier_wait_until(barrier, shs_deadline_at(3, 0)));
	EXPECT_EQ(-EINVAL, shs_barrier_set_parties(barrier, 0));
	EXPECT_EQ(-EINVAL, shs_barrier_set_parties(barrier, SHS_BARRIER_MAX + 1));
	child = shs_fork();
	if (!child) {
		int ret = shs_barrier_wait(barrier);

		_exit(shs_barrier_leave(barrier) ? 99 : ret);
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_once, barrier));
	leads = shs_barrier_wait(barrier);
	pthread_join(thread, &result);
	EXPECT_EQ(1, leads + (long)result + shs_reap(child));
	/* That one left. */
	EXPECT_EQ(0, shs_barrier_set_parties(barrier, 1));
	EXPECT_EQ(1, shs_barrier_wait(barrier));
	EXPECT_EQ(0, shs_barrier_leave(barrier));
	EXPECT_EQ(-EPERM, shs_barrier_leave(barrier));
	EXPECT_EQ(-EPERM, shs_barrier_wait(barrier));
	shs_object_close(barrier);
	ASSERT_EQ(0, shs_object_open("b", SHS_OPEN_RDONLY, &barrier));
	EXPECT_EQ(-EACCES, shs_barrier_wait(barrier));
	shs_object_close(barrier);
	barrier = make(SHS_KIND_MUTEX, SHS_TYPE_U32);
	EXPECT_EQ(-EOPNOTSUPP, shs_barrier_wait(barrier));
	EXPECT_EQ(-EOPNOTSUPP, shs_barrier_reset(barrier));
}

/* A party that dies is waited for by nobody; the reset begins anew. */
TEST_F(lib_semaphore, barrier_breaks)
{
	struct shs_object *barrier = barrier_of(NULL, 2);
	struct shs_ioc_death death;
	pid_t child = shs_fork();

	if (!child) {
		shs_barrier_wait(barrier);
		raise(SIGKILL);
	}
	EXPECT_LE(0, shs_barrier_wait(barrier));
	EXPECT_EQ(-EOWNERDEAD, shs_barrier_wait(barrier));
	EXPECT_EQ(-SIGKILL, shs_reap(child));
	EXPECT_EQ(0, shs_object_death(barrier, &death));
	EXPECT_EQ(child, death.pid);
	EXPECT_EQ(-EOWNERDEAD, shs_barrier_wait_until(barrier, past()));
	EXPECT_EQ(0, shs_barrier_reset(barrier));
	EXPECT_EQ(0, shs_barrier_set_parties(barrier, 1));
	EXPECT_EQ(1, shs_barrier_wait(barrier));
	shs_object_close(barrier);
}

/* What can be made, and what is said of what cannot. */
TEST_F(lib_semaphore, command_create)
{
	EXPECT_RUN(0, "create s semaphore --init 3 --fifo");
	EXPECT_RUN(0, "get s");
	EXPECT_STREQ("3 3\n", said);
	EXPECT_RUN(0, "get s 1");
	EXPECT_STREQ("3\n", said);
	EXPECT_RUN(0, "create t semaphore --init 2,5");
	EXPECT_RUN(0, "get t");
	EXPECT_STREQ("2 5\n", said);
	EXPECT_RUN(0, "create u semaphore");
	EXPECT_RUN(0, "get u");
	EXPECT_STREQ("0 2147483647\n", said);
	EXPECT_RUN(0, "create b barrier --init 4");
	EXPECT_RUN(0, "get b");
	EXPECT_STREQ("4\n", said);
	EXPECT_RUN(0, "create b barrier --init 4 --existing");
	EXPECT_RUN(2, "create x semaphore:u32");
	EXPECT_SAID("--init");
	EXPECT_RUN(2, "create x semaphore --init 5,2");
	EXPECT_SAID("PERMITS,BOUND");
	EXPECT_RUN(2, "create x barrier");
	EXPECT_SAID("--init");
	EXPECT_RUN(2, "create x barrier --init 0");
	EXPECT_RUN(2, "create x barrier --init 1 --fifo");
	EXPECT_SAID("mutex or semaphore");
	EXPECT_RUN(2, "set s 5");
	EXPECT_SAID("cannot be");
}

/* What they are like is shown. */
TEST_F(lib_semaphore, command_show)
{
	struct shs_object *semaphore = semaphore_of("s", 3, 5), *barrier = barrier_of("b", 2);

	EXPECT_EQ(0, shs_semaphore_acquire(semaphore, 2));
	EXPECT_RUN(0, "show s");
	EXPECT_SAID("semaphore\n");
	EXPECT_SAID("1 there, 5 at most\n");
	EXPECT_SAID("held\n");
	EXPECT_SAID("Held:         2\n");
	EXPECT_RUN(0, "show b");
	EXPECT_SAID("barrier\n");
	EXPECT_SAID("Parties:      2\n");
	EXPECT_SAID("whole\n");
	EXPECT_RUN(0, "ls -r --noheadings -o KIND,VALUE,STATE,READERS");
	EXPECT_STREQ("barrier 2 whole 0\nsemaphore 1\\x205 held 2\n", said);
	EXPECT_EQ(-ETIMEDOUT, shs_barrier_wait_until(barrier, past()));
	shs_object_close(barrier);
	EXPECT_RUN(0, "ls -r --noheadings -o STATE b");
	EXPECT_STREQ("broken\n", said);
	EXPECT_EQ(0, shs_semaphore_release(semaphore, 2));
	EXPECT_RUN(0, "ls -r --noheadings -o STATE s");
	EXPECT_STREQ("free\n", said);
}

/* Permits are held while a command runs, as a lock is. */
TEST_F(lib_semaphore, command_lock)
{
	struct shs_object *semaphore = semaphore_of("s", 3, 3);

	EXPECT_RUN(0, "lock s --permits 2 busybox echo ran");
	EXPECT_STREQ("ran\n", said);
	EXPECT_RUN(0, "lock s -p 2 -- shstate get s");
	EXPECT_STREQ("1 3\n", said);
	EXPECT_RUN(0, "lock s -- shstate get s");
	EXPECT_STREQ("2 3\n", said);
	EXPECT_EQ(0, shs_semaphore_acquire(semaphore, 2));
	EXPECT_RUN(0, "lock s -n busybox true");
	EXPECT_RUN(1, "lock s -n -p 2 busybox true");
	EXPECT_RUN(1, "lock s -w 0.01 -v -p 2 busybox true");
	EXPECT_SAID("too few permits");
	EXPECT_RUN(75, "lock s -E 75 -n -p 3 busybox true");
	EXPECT_RUN(125, "lock s -p 4 busybox true");
	EXPECT_SAID("its bound is 3");
	EXPECT_RUN(125, "lock s -p 0 busybox true");
	EXPECT_RUN(125, "lock s --shared busybox true");
	EXPECT_RUN(0, "create m mutex");
	EXPECT_RUN(125, "lock m -p 1 busybox true");
	EXPECT_SAID("only a semaphore can");
	EXPECT_EQ(1, shs_semaphore_available(semaphore));
}

TEST_HARNESS_MAIN
