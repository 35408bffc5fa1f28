// SPDX-License-Identifier: GPL-2.0-only
/*
 * The condition variable: a wait that gives the mutex away and takes it back, and
 * no notify that gets lost, whatever happens to the one it was for.
 */
#include "shs.h"
#include <pthread.h>
#include <sys/syscall.h>

FIXTURE(condvar) {
	int fd, mutex_fd;
	struct shs_att condvar, mutex;
};

FIXTURE_SETUP(condvar)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	self->mutex_fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 4);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->mutex_fd);
	ASSERT_EQ(0, shs_attach(&self->condvar, self->fd));
	ASSERT_EQ(0, shs_attach(&self->mutex, self->mutex_fd));
}

FIXTURE_TEARDOWN(condvar)
{
}

static bool owns(const struct shs_att *mutex)
{
	return (mutex->shared->word & SHS_WORD_OWNER) == mutex->is.id;
}

static int notify(int fd, __u64 count)
{
	struct shs_ioc_op op = SHS_OP(NOTIFY, .arg = count);
	int ret = shs_op(fd, &op);

	return ret ?: op.result;
}

/*
 * A child that waits and exits with the outcome, a negated errno, or 100 if it has
 * not the mutex where it should have.
 */
static pid_t waiter(FIXTURE_DATA(condvar) *self, struct shs_ioc_wait *wait, int *log)
{
	pid_t child = shs_fork();
	struct shs_att condvar, mutex;
	int ret;

	if (child)
		return child;
	if (shs_attach(&condvar, self->fd) || shs_attach(&mutex, self->mutex_fd) ||
	    shs_lock(&mutex))
		_exit(255);
	wait->mutex_fd = mutex.fd;
	ret = shs_wait(&condvar, wait);
	if (owns(&mutex) != (ret == 0 || ret == -ETIMEDOUT || ret == -EOWNERDEAD))
		_exit(100);
	if (log)
		log[++log[0]] = getpid();
	if (owns(&mutex) && shs_unlock(&mutex))
		_exit(101);
	_exit(-ret);
}

#define WAIT_FOREVER (&SHS_WAIT(.deadline = SHS_FOREVER))

/* A wait releases the mutex; after a notify it is held again. */
TEST_F(condvar, wait_and_notify)
{
	pid_t child = waiter(self, WAIT_FOREVER, NULL);

	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_STREQ("waiters 1", shs_text(self->fd));
	EXPECT_EQ(0, shs_lock(&self->mutex));
	EXPECT_EQ(1, notify(self->fd, 1));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	/* It cannot be back before we release. */
	SHS_AWAIT(self->mutex_fd, info.waiters == 1);
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	EXPECT_EQ(0, shs_unlock(&self->mutex));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_lock(&self->mutex));
}

/* A notify is for those who wait now: it is not kept for later ones. */
TEST_F(condvar, notify_nobody)
{
	pid_t child;

	EXPECT_EQ(0, notify(self->fd, 1));
	EXPECT_EQ(0, notify(self->fd, ~0ULL));
	child = waiter(self, WAIT_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, notify(self->fd, 0));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(1, notify(self->fd, 1));
	EXPECT_EQ(0, shs_reap(child));
}

/* As many are woken as were asked for, those first who wait longest. */
TEST_F(condvar, notify_some)
{
	int *log = shs_common(4096);
	pid_t child[5];

	for (int i = 0; i < 5; i++) {
		child[i] = waiter(self, WAIT_FOREVER, log);
		SHS_AWAIT(self->fd, info.waiters == i + 1);
	}
	EXPECT_EQ(1, notify(self->fd, 1));
	EXPECT_EQ(0, shs_reap(child[0]));
	EXPECT_EQ(child[0], log[1]);
	SHS_AWAIT(self->fd, info.waiters == 4);
	EXPECT_EQ(2, notify(self->fd, 2));
	EXPECT_EQ(0, shs_reap(child[1]));
	EXPECT_EQ(0, shs_reap(child[2]));
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(2, notify(self->fd, ~0ULL));
	EXPECT_EQ(0, shs_reap(child[3]));
	EXPECT_EQ(0, shs_reap(child[4]));
	EXPECT_EQ(5, log[0]);
}

/* The struct says afterwards that the wait is over, and can be used again. */
TEST_F(condvar, timeout)
{
	EXPECT_EQ(0, shs_lock(&self->mutex));
	for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
		struct shs_ioc_wait wait = SHS_WAIT(.mutex_fd = self->mutex.fd, .clock = clock);
		__u64 near = shs_now(clock) + 20 * SHS_MS;

		EXPECT_EQ(-ETIMEDOUT, shs_wait(&self->condvar, &wait));
		EXPECT_EQ(0, wait.started);
		EXPECT_TRUE(owns(&self->mutex));
		wait.deadline = near;
		EXPECT_EQ(-ETIMEDOUT, shs_wait(&self->condvar, &wait));
		EXPECT_LE(near, shs_now(clock));
		EXPECT_EQ(0, wait.started);
		EXPECT_TRUE(owns(&self->mutex));
	}
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, notify(self->fd, 1));
}

/*
 * A wait whose time is up is over, though it still has to take the mutex back: a
 * notify is not for it any more. On a slow machine the time may be up before we
 * look; then again with more of it.
 */
TEST_F(condvar, timeout_takes_the_mutex_back)
{
	for (__u64 limit = 50 * SHS_MS;; limit *= 4) {
		pid_t child = waiter(self, &SHS_WAIT(.deadline = limit +
					shs_now(SHS_CLOCK_MONOTONIC)), NULL);
		bool too_early;

		while (!shs_info(self->fd).waiters && !shs_is_gone(child))
			sched_yield();
		EXPECT_EQ(0, shs_lock(&self->mutex));
		while (!shs_info(self->mutex_fd).waiters && !shs_is_gone(child))
			sched_yield();
		too_early = shs_is_gone(child);
		EXPECT_EQ(0, shs_info(self->fd).waiters);
		EXPECT_EQ(0, notify(self->fd, 1));
		EXPECT_EQ(0, shs_unlock(&self->mutex));
		EXPECT_EQ(ETIMEDOUT, shs_reap(child));
		if (!too_early)
			break;
	}
}

/* Which file is named as the mutex matters; an error leaves the mutex held. */
TEST_F(condvar, wrong_mutex)
{
	struct shs_att other, foreign, unmapped;
	struct shs_pipe pipe = shs_pipe();
	int fd;

	EXPECT_EQ(-EPERM, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = self->mutex.fd)));
	EXPECT_EQ(0, self->mutex.shared->word);
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_lock(&self->mutex));
	EXPECT_EQ(-EBADF, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = -1)));
	EXPECT_EQ(-EBADF, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = 9999)));
	EXPECT_EQ(-EINVAL, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = pipe.end[0])));
	EXPECT_EQ(-EINVAL, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = self->mutex_fd)));
	EXPECT_EQ(-EINVAL, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = self->condvar.fd)));
	fd = shs_create(SHS_KIND_CELL, SHS_TYPE_U64, 1);
	ASSERT_EQ(0, shs_attach(&other, fd));
	EXPECT_EQ(0, shs_lock(&other));
	EXPECT_EQ(-EINVAL, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = other.fd)));
	/* Of another mount. */
	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, NULL));
	fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	ASSERT_EQ(0, shs_attach(&foreign, fd));
	EXPECT_EQ(0, shs_lock(&foreign));
	EXPECT_EQ(-EINVAL, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = foreign.fd)));
	EXPECT_TRUE(owns(&foreign));
	/* A condvar attachment that owns nothing cannot wait. */
	ASSERT_EQ(0, shs_attach_only(&unmapped, self->fd));
	EXPECT_EQ(-ENXIO, shs_wait(&unmapped, &SHS_WAIT(.mutex_fd = self->mutex.fd)));
	/* A wait that never began cannot be continued. */
	EXPECT_EQ(-EINVAL, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = self->mutex.fd,
							      .started = 1)));
	EXPECT_EQ(-EINVAL, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = self->mutex.fd,
							      .started = 2)));
	EXPECT_TRUE(owns(&self->mutex));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

/*
 * A notify finds the ticket of one who does not hold the mutex, just before he is told
 * so: it must not leave him in the mutex's queue, for he is gone the next moment.
 */
TEST_F(condvar, notified_without_the_mutex)
{
	struct shs_pipe ready = shs_pipe();
	pid_t holder = shs_fork(), notifier;
	__u64 end;

	if (!holder) {
		if (shs_attach(&self->mutex, self->mutex_fd) || shs_lock(&self->mutex))
			_exit(1);
		shs_say(&ready);
		shs_until_killed();
	}
	shs_hear(&ready);
	notifier = shs_fork();
	while (!notifier)
		notify(self->fd, ~0ULL);
	end = shs_now(SHS_CLOCK_MONOTONIC) + shs_scale(2000) * SHS_MS;
	while (shs_now(SHS_CLOCK_MONOTONIC) < end) {
		ASSERT_EQ(-EPERM, shs_wait(&self->condvar,
					   &SHS_WAIT(.mutex_fd = self->mutex.fd)));
		ASSERT_EQ(0, shs_info(self->mutex_fd).waiters);
	}
	EXPECT_EQ(-SIGKILL, shs_kill(notifier));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(holder, shs_info(self->mutex_fd).holder_pid);
	EXPECT_EQ(-SIGKILL, shs_kill(holder));
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&self->mutex));
}

/* All who wait at a time use one mutex; without waiters it may be another. */
TEST_F(condvar, second_mutex)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	struct shs_att second;
	pid_t child;

	ASSERT_EQ(0, shs_attach(&second, fd));
	EXPECT_EQ(0, shs_lock(&second));
	child = waiter(self, WAIT_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-EINVAL, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = second.fd)));
	EXPECT_TRUE(owns(&second));
	EXPECT_EQ(1, notify(self->fd, 1));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-ETIMEDOUT, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = second.fd)));
	EXPECT_TRUE(owns(&second));
}

/* A child has no part in its parent's wait or mutex. */
TEST_F(condvar, forked_child)
{
	pid_t child;

	EXPECT_EQ(0, shs_lock(&self->mutex));
	child = shs_fork();
	if (!child) {
		struct shs_att mine;

		EXPECT_EQ(-ESTALE, shs_wait(&self->condvar,
					    &SHS_WAIT(.mutex_fd = self->mutex.fd)));
		EXPECT_EQ(0, shs_attach(&mine, self->fd));
		EXPECT_EQ(-ESTALE, shs_wait(&mine, &SHS_WAIT(.mutex_fd = self->mutex.fd)));
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_TRUE(owns(&self->mutex));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

/*
 * A waiter uses up a notify and binds the mutex, so who may only read can neither
 * wait nor notify.
 */
TEST_F(condvar, read_only)
{
	struct shs_att att;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "condvar"));
	ro = shs_open("condvar", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(0, shs_lock(&self->mutex));
	EXPECT_EQ(-EACCES, shs_wait(&att, &SHS_WAIT(.mutex_fd = self->mutex.fd)));
	EXPECT_TRUE(owns(&self->mutex));
	EXPECT_EQ(-EACCES, notify(ro, 1));
}

static void on_signal(int number)
{
}

static void handle(int number, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(number, &action, NULL);
}

/*
 * A signal interrupts the wait: the mutex is not held, the place in the queue is
 * kept, and a notify that comes before the second call is found by it.
 */
TEST_F(condvar, interrupted)
{
	struct shs_pipe interrupted = shs_pipe(), go = shs_pipe();
	pid_t child;

	handle(SIGUSR1, 0);
	child = shs_fork();
	if (!child) {
		struct shs_ioc_wait wait = SHS_WAIT(.deadline = SHS_FOREVER);
		struct shs_att condvar, mutex;

		if (shs_attach(&condvar, self->fd) || shs_attach(&mutex, self->mutex_fd) ||
		    shs_lock(&mutex))
			_exit(1);
		wait.mutex_fd = mutex.fd;
		if (shs_wait(&condvar, &wait) != -EINTR || wait.started != 1)
			_exit(2);
		if (owns(&mutex))
			_exit(3);
		shs_say(&interrupted);
		shs_hear(&go);
		if (shs_wait(&condvar, &wait) || wait.started)
			_exit(4);
		_exit(owns(&mutex) ? 0 : 5);
	}
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(child, SIGUSR1);
	shs_hear(&interrupted);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_lock(&self->mutex));
	EXPECT_EQ(1, notify(self->fd, 1));
	EXPECT_EQ(0, shs_unlock(&self->mutex));
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(child));
}

/* With SA_RESTART it goes on by itself. */
TEST_F(condvar, restarted)
{
	pid_t child;

	handle(SIGUSR1, SA_RESTART);
	child = waiter(self, WAIT_FOREVER, NULL);
	for (int i = 0; i < 3; i++) {
		SHS_AWAIT(self->fd, info.waiters == 1);
		kill(child, SIGUSR1);
	}
	EXPECT_EQ(1, notify(self->fd, 1));
	EXPECT_EQ(0, shs_reap(child));
}

/* Interrupted while it takes the mutex back, it goes on with that. */
TEST_F(condvar, interrupted_at_the_mutex)
{
	struct shs_pipe interrupted = shs_pipe(), go = shs_pipe();
	pid_t child;

	handle(SIGUSR1, 0);
	child = shs_fork();
	if (!child) {
		struct shs_ioc_wait wait = SHS_WAIT(.deadline = SHS_FOREVER);
		struct shs_att condvar, mutex;

		if (shs_attach(&condvar, self->fd) || shs_attach(&mutex, self->mutex_fd) ||
		    shs_lock(&mutex))
			_exit(1);
		wait.mutex_fd = mutex.fd;
		if (shs_wait(&condvar, &wait) != -EINTR || owns(&mutex))
			_exit(2);
		shs_say(&interrupted);
		shs_hear(&go);
		_exit(shs_wait(&condvar, &wait) || !owns(&mutex) ? 3 : 0);
	}
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_lock(&self->mutex));
	EXPECT_EQ(1, notify(self->fd, 1));
	SHS_AWAIT(self->mutex_fd, info.waiters == 1);
	kill(child, SIGUSR1);
	shs_hear(&interrupted);
	EXPECT_EQ(0, shs_info(self->mutex_fd).waiters);
	EXPECT_EQ(0, shs_unlock(&self->mutex));
	/* The notify was for it and stays so: nobody else's turn comes. */
	EXPECT_EQ(0, notify(self->fd, 1));
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(child));
}

/* A notified waiter that is killed before it is back passes the notify on. */
TEST_F(condvar, killed_after_notify)
{
	pid_t first, second;

	first = waiter(self, WAIT_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 1);
	second = waiter(self, WAIT_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(0, shs_lock(&self->mutex));
	EXPECT_EQ(1, notify(self->fd, 1));
	SHS_AWAIT(self->mutex_fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(first));
	SHS_AWAIT(self->mutex_fd, info.waiters == 1);
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_unlock(&self->mutex));
	EXPECT_EQ(0, shs_reap(second));
}

/* So does one that was interrupted and never called again. */
TEST_F(condvar, abandoned_after_notify)
{
	struct shs_pipe interrupted = shs_pipe();
	pid_t first, second;

	handle(SIGUSR1, 0);
	first = shs_fork();
	if (!first) {
		struct shs_ioc_wait wait = SHS_WAIT(.deadline = SHS_FOREVER);
		struct shs_att condvar, mutex;

		if (shs_attach(&condvar, self->fd) || shs_attach(&mutex, self->mutex_fd) ||
		    shs_lock(&mutex))
			_exit(1);
		wait.mutex_fd = mutex.fd;
		if (shs_wait(&condvar, &wait) != -EINTR)
			_exit(2);
		shs_say(&interrupted);
		for (;;)
			pause();
	}
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(first, SIGUSR1);
	shs_hear(&interrupted);
	second = waiter(self, WAIT_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(1, notify(self->fd, 1));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(first));
	EXPECT_EQ(0, shs_reap(second));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

static void *wait_once(void *argument)
{
	struct shs_att *att = argument;

	shs_lock(&att[1]);
	return (void *)(long)shs_wait(&att[0], &SHS_WAIT(.mutex_fd = att[1].fd,
							 .deadline = SHS_FOREVER));
}

/*
 * A thread whose wait was interrupted ended without calling again, and its process
 * lives on: a notify passes its place over.
 */
TEST_F(condvar, thread_ended_after_interruption)
{
	struct shs_pipe ended = shs_pipe();
	pid_t first, second;

	handle(SIGUSR1, 0);
	first = shs_fork();
	if (!first) {
		struct shs_att att[2];
		pthread_t thread;
		void *outcome;

		if (shs_attach(&att[0], self->fd) || shs_attach(&att[1], self->mutex_fd) ||
		    pthread_create(&thread, NULL, wait_once, att))
			_exit(1);
		SHS_AWAIT(self->fd, info.waiters == 1);
		pthread_kill(thread, SIGUSR1);
		pthread_join(thread, &outcome);
		if ((long)outcome != -EINTR)
			_exit(2);
		shs_say(&ended);
		for (;;)
			pause();
	}
	shs_hear(&ended);
	second = waiter(self, WAIT_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(1, notify(self->fd, 1));
	EXPECT_EQ(0, shs_reap(second));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(-SIGKILL, shs_kill(first));
}

static struct shs_pipe *told;

/* Interrupts the first thread in its wait, and says when that has ended. */
static void *outlive(void *fd)
{
	pid_t leader = getpid();
	char path[40], text[300];

	SHS_AWAIT((int)(long)fd, info.waiters == 1);
	syscall(SYS_tgkill, leader, leader, SIGUSR1);
	snprintf(path, sizeof(path), "/proc/%d/stat", leader);
	do {
		FILE *stat = fopen(path, "r");

		if (!stat || !fgets(text, sizeof(text), stat))
			_exit(2);
		fclose(stat);
	} while (!strstr(text, ") Z "));
	shs_say(told);
	for (;;)
		pause();
	return NULL;
}

/* The same of the first thread, which stays a zombie as long as the others live. */
TEST_F(condvar, leader_ended_after_interruption)
{
	struct shs_pipe ended = shs_pipe();
	pid_t first, second;

	handle(SIGUSR1, 0);
	told = &ended;
	first = shs_fork();
	if (!first) {
		struct shs_att att[2];
		pthread_t thread;

		if (shs_attach(&att[0], self->fd) || shs_attach(&att[1], self->mutex_fd) ||
		    pthread_create(&thread, NULL, outlive, (void *)(long)self->fd) ||
		    (long)wait_once(att) != -EINTR)
			_exit(1);
		syscall(SYS_exit, 0);
	}
	shs_hear(&ended);
	second = waiter(self, WAIT_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(1, notify(self->fd, 1));
	EXPECT_EQ(0, shs_reap(second));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(-SIGKILL, shs_kill(first));
}

/* However many wait, all of them are woken by one notify. */
TEST_F(condvar, notify_many)
{
	pid_t child[20];

	for (int i = 0; i < 20; i++)
		child[i] = waiter(self, WAIT_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 20);
	EXPECT_EQ(20, notify(self->fd, ~0ULL));
	for (int i = 0; i < 20; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
}

/* If the mutex's owner died meanwhile, the wait says so, and the mutex is held. */
TEST_F(condvar, owner_died_meanwhile)
{
	pid_t child = waiter(self, WAIT_FOREVER, NULL);

	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_lock(&self->mutex));
	EXPECT_EQ(1, notify(self->fd, 1));
	SHS_AWAIT(self->mutex_fd, info.waiters == 1);
	EXPECT_EQ(0, munmap(self->mutex.private, self->mutex.is.private_size));
	EXPECT_EQ(EOWNERDEAD, shs_reap(child));
}

/* Notifying goes by io_uring as well. */
TEST_F(condvar, notify_by_uring)
{
	struct shs_ioc_op op = SHS_OP(NOTIFY, .arg = ~0ULL);
	pid_t child[2];

	SHS_NEED_DOOR(SHS_URING);
	for (int i = 0; i < 2; i++)
		child[i] = waiter(self, WAIT_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(0, shs_uring_op(self->fd, &op));
	EXPECT_EQ(2, op.result);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
}

enum { QUEUED, TAKEN };	/* elements of the value */

/*
 * A queue of one place: producers and consumers wait for each other. A lost notify
 * stops it, a spurious success loses or doubles an item.
 */
TEST_F(condvar, producers_and_consumers)
{
	unsigned long items = shs_scale(1000);
	pid_t child[4];

	for (int i = 0; i < 4; i++) {
		struct shs_att condvar, mutex;
		volatile __u64 *value;

		child[i] = shs_fork();
		if (child[i])
			continue;
		if (shs_attach(&condvar, self->fd) || shs_attach(&mutex, self->mutex_fd))
			_exit(1);
		value = shs_value(&mutex);
		for (unsigned long n = 0; n < items; n++) {
			bool producer = i < 2;

			if (shs_lock(&mutex))
				_exit(2);
			while (value[QUEUED] == producer)
				if (shs_wait(&condvar, &SHS_WAIT(.mutex_fd = mutex.fd,
								 .deadline = SHS_FOREVER)))
					_exit(3);
			value[QUEUED] = producer;
			value[TAKEN] += !producer;
			/* One queue for both sides: wake all. */
			if (notify(self->fd, ~0ULL) < 0 || shs_unlock(&mutex))
				_exit(4);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(2 * items, shs_peek(self->mutex_fd, TAKEN));
	EXPECT_EQ(0, shs_peek(self->mutex_fd, QUEUED));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_info(self->mutex_fd).deaths);
}

TEST_HARNESS_MAIN
