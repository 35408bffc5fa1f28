// SPDX-License-Identifier: GPL-2.0-only
/*
 * A holder dies: killed, gone, replaced by another program, or without its mapping.
 * The next one gets the lock together with the news, once, and can ask who it was,
 * also while a child of the dead keeps its descriptors, whoever waits already.
 */
#include "shs.h"

enum cause { KILL, TERM, EXIT, EXEC, UNMAP };

FIXTURE(death) {
	struct shs_pipe ready, go, heir_end;
	char comm[17];
};

FIXTURE_VARIANT(death) {
	enum cause cause;
	bool heir;	/* a child of the dead lives on, with all its descriptors */
	bool queue;	/* somebody waits when it happens */
};

#define VARIANT(name, cause) \
	FIXTURE_VARIANT_ADD(death, name) { cause, false, false }; \
	FIXTURE_VARIANT_ADD(death, name##_heir) { cause, true, false }; \
	FIXTURE_VARIANT_ADD(death, name##_queue) { cause, false, true }; \
	FIXTURE_VARIANT_ADD(death, name##_heir_queue) { cause, true, true }

VARIANT(kill, KILL);
VARIANT(term, TERM);
VARIANT(exit, EXIT);
VARIANT(exec, EXEC);
VARIANT(unmap, UNMAP);

FIXTURE_SETUP(death)
{
	SHS_MOUNT("");
	self->ready = shs_pipe();
	self->go = shs_pipe();
	self->heir_end = shs_pipe();
	prctl(PR_GET_NAME, self->comm);
}

FIXTURE_TEARDOWN(death)
{
}

/* What a victim does to hold, given its attachment; 0 or an errno. */
typedef int (*hold_fn)(const struct shs_att *att);

static int hold_mutex(const struct shs_att *att)
{
	return shs_lock(att);
}

static int hold_read(const struct shs_att *att)
{
	return shs_rdlock(att, 0);
}

static int hold_once(const struct shs_att *att)
{
	return shs_once(att, &SHS_ONCE(.deadline = SHS_FOREVER));
}

/* main() of the program that a victim becomes by exec. */
static int after_exec(const char *ready)
{
	if (write(atoi(ready), "!", 1) != 1)
		return 1;
	for (;;)
		pause();
}

static void become_another_program(FIXTURE_DATA(death) *self)
{
	char ready[12];

	snprintf(ready, sizeof(ready), "%d", self->ready.end[1]);
	execl("/proc/self/exe", "another", "--after-exec", ready, NULL);
	_exit(1);
}

/*
 * A victim: holds, says so, and on a word from the parent meets its end. One that
 * lives on says so once more.
 */
static pid_t victim(FIXTURE_DATA(death) *self, const FIXTURE_VARIANT(death) *variant, int fd,
		    hold_fn hold)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	if (shs_attach(&att, fd) || hold(&att))
		_exit(1);
	/* exec would close it; as if it had been passed on with care */
	fcntl(att.fd, F_SETFD, 0);
	if (variant->heir && !fork()) {
		shs_gate_pass(&self->heir_end);
		_exit(0);
	}
	shs_say(&self->ready);
	shs_hear(&self->go);
	switch (variant->cause) {
	case EXIT:
		_exit(3);
	case EXEC:
		become_another_program(self);
		break;
	case UNMAP:
		munmap(att.private, att.is.private_size);
		shs_say(&self->ready);
		break;
	case KILL:
	case TERM:
		break;
	}
	for (;;)
		pause();
}

static bool lives_on(const FIXTURE_VARIANT(death) *variant)
{
	return variant->cause == EXEC || variant->cause == UNMAP;
}

/* Lets the victim die; returns when that is done. */
static void let_die(struct __test_metadata *_metadata, FIXTURE_DATA(death) *self,
		    const FIXTURE_VARIANT(death) *variant, pid_t child)
{
	if (variant->cause == KILL) {
		EXPECT_EQ(-SIGKILL, shs_kill(child));
		return;
	}
	if (variant->cause == TERM) {
		kill(child, SIGTERM);
		EXPECT_EQ(-SIGTERM, shs_reap(child));
		return;
	}
	shs_say(&self->go);
	if (lives_on(variant))
		shs_hear(&self->ready);
	else
		EXPECT_EQ(3, shs_reap(child));
}

/* The living remainders are taken away once everything has been looked at. */
static void bury(FIXTURE_DATA(death) *self, const FIXTURE_VARIANT(death) *variant, pid_t child)
{
	if (lives_on(variant))
		shs_kill(child);
	if (variant->heir)
		shs_say(&self->heir_end);
}

/* The record says who, why, as what, and when. */
static void check_record(struct __test_metadata *_metadata, FIXTURE_DATA(death) *self,
			 const FIXTURE_VARIANT(death) *variant, int fd, pid_t child, __u32 mode,
			 __u64 since)
{
	static const __u32 why[] = { SHS_WHY_SIGNAL, SHS_WHY_SIGNAL, SHS_WHY_EXIT, SHS_WHY_EXEC,
				     SHS_WHY_UNMAP };
	static const __u32 code[] = { SIGKILL, SIGTERM, 3, 0, 0 };
	__u64 clocks = shs_now(SHS_CLOCK_REALTIME);
	struct shs_ioc_death death;

	clocks -= shs_now(SHS_CLOCK_MONOTONIC);	/* read later, so not too much */
	EXPECT_EQ(0, shs_death(fd, &death));
	EXPECT_EQ(why[variant->cause], death.why);
	EXPECT_EQ(code[variant->cause], death.code);
	EXPECT_EQ(mode, death.mode);
	EXPECT_EQ(lives_on(variant) || variant->heir ? child : death.pid, death.pid);
	EXPECT_STREQ(self->comm, death.comm);
	EXPECT_EQ(0, death.pad);
	EXPECT_LE(since, death.when_monotonic_ns);
	EXPECT_GE(shs_now(SHS_CLOCK_MONOTONIC), death.when_monotonic_ns);
	EXPECT_LE(since + clocks, death.when_realtime_ns + 1000 * SHS_MS);
	EXPECT_GE(shs_now(SHS_CLOCK_REALTIME), death.when_realtime_ns);
	EXPECT_EQ(1, death.deaths);
	EXPECT_EQ(1, shs_info(fd).deaths);
}

/* A child that waits for its turn already; exits with the outcome, a negated errno. */
static pid_t successor(int fd, hold_fn hold)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(255);
	_exit(-hold(&att));
}

/* The owner of a mutex. */
TEST_F(death, mutex)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	pid_t child, next = 0;
	struct shs_att att;
	__u64 since;

	ASSERT_EQ(0, shs_attach(&att, fd));
	child = victim(self, variant, fd, hold_mutex);
	shs_hear(&self->ready);
	EXPECT_EQ(-EBUSY, shs_trylock(&att));
	EXPECT_EQ(child, shs_info(fd).holder_pid);
	if (variant->queue) {
		next = successor(fd, hold_mutex);
		SHS_AWAIT(fd, info.waiters == 1);
	}
	since = shs_now(SHS_CLOCK_MONOTONIC);
	let_die(_metadata, self, variant, child);
	if (variant->queue) {
		EXPECT_EQ(EOWNERDEAD, shs_reap(next));
		/* It ended while holding, so that is the news now. */
		EXPECT_EQ(2, shs_info(fd).deaths);
		EXPECT_EQ(-EOWNERDEAD, shs_trylock(&att));
	} else {
		EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(fd).state);
		EXPECT_EQ(0, shs_info(fd).holder_pid);
		check_record(_metadata, self, variant, fd, child, SHS_MODE_EXCLUSIVE, since);
		EXPECT_EQ(-EOWNERDEAD, shs_trylock(&att));
		EXPECT_EQ(SHS_STATE_HELD, shs_info(fd).state);
	}
	/* Once. */
	EXPECT_EQ(0, shs_unlock(&att));
	EXPECT_EQ(0, shs_info(fd).state);
	EXPECT_EQ(0, shs_trylock(&att));
	EXPECT_EQ(0, shs_unlock(&att));
	bury(self, variant, child);
}

/* The writer of a rwlock: readers are told without end, the next writer is the last. */
TEST_F(death, writer)
{
	int fd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 1);
	pid_t child, next = 0;
	struct shs_att att;
	__u64 since;

	ASSERT_EQ(0, shs_attach(&att, fd));
	child = victim(self, variant, fd, hold_mutex);
	shs_hear(&self->ready);
	EXPECT_EQ(-EBUSY, shs_tryrdlock(&att, 0));
	EXPECT_EQ(child, shs_info(fd).holder_pid);
	if (variant->queue) {
		next = successor(fd, hold_read);
		SHS_AWAIT(fd, info.waiters == 1);
	}
	since = shs_now(SHS_CLOCK_MONOTONIC);
	let_die(_metadata, self, variant, child);
	if (variant->queue) {
		EXPECT_EQ(EOWNERDEAD, shs_reap(next));
		EXPECT_EQ(2, shs_info(fd).deaths);
	} else {
		EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(fd).state);
		check_record(_metadata, self, variant, fd, child, SHS_MODE_EXCLUSIVE, since);
	}
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-EOWNERDEAD, shs_tryrdlock(&att, i));
		EXPECT_EQ(0, shs_rdunlock(&att, i));
	}
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&att));
	EXPECT_EQ(0, shs_unlock(&att));
	EXPECT_EQ(0, shs_info(fd).state);
	EXPECT_EQ(0, shs_tryrdlock(&att, 0));
	EXPECT_EQ(0, shs_rdunlock(&att, 0));
	EXPECT_EQ(0, shs_trylock(&att));
	bury(self, variant, child);
}

/* A reader has changed nothing, so its death is nobody's concern: it is just out. */
TEST_F(death, reader)
{
	int fd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 1);
	pid_t child, next = 0;
	struct shs_att att;
	__u64 since;

	ASSERT_EQ(0, shs_attach(&att, fd));
	child = victim(self, variant, fd, hold_read);
	shs_hear(&self->ready);
	EXPECT_EQ(-EBUSY, shs_trylock(&att));
	EXPECT_EQ(1, shs_info(fd).readers);
	if (variant->queue) {
		next = successor(fd, hold_mutex);
		SHS_AWAIT(fd, info.waiters == 1);
	}
	since = shs_now(SHS_CLOCK_MONOTONIC);
	let_die(_metadata, self, variant, child);
	if (variant->queue) {
		EXPECT_EQ(0, shs_reap(next));
		EXPECT_EQ(-EOWNERDEAD, shs_trylock(&att));	/* of the successor */
	} else {
		EXPECT_EQ(0, shs_info(fd).readers);
		EXPECT_EQ(0, shs_info(fd).state);
		check_record(_metadata, self, variant, fd, child, SHS_MODE_READ, since);
		EXPECT_EQ(0, shs_trylock(&att));
	}
	EXPECT_EQ(0, shs_unlock(&att));
	bury(self, variant, child);
}

#define READERS 10

/* Any number of readers that die block a writer no longer than the one that lives. */
TEST_F(death, ten_readers)
{
	int fd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 1);
	pid_t child[READERS], next = 0;
	struct shs_att att, living;

	ASSERT_EQ(0, shs_attach(&att, fd));
	ASSERT_EQ(0, shs_attach(&living, fd));
	EXPECT_EQ(0, shs_rdlock(&living, 0));
	for (int i = 0; i < READERS; i++) {
		child[i] = victim(self, variant, fd, hold_read);
		shs_hear(&self->ready);
	}
	EXPECT_EQ(READERS + 1, shs_info(fd).readers);
	EXPECT_EQ(-EBUSY, shs_trylock(&att));
	if (variant->queue) {
		next = successor(fd, hold_mutex);
		SHS_AWAIT(fd, info.waiters == 1);
	}
	for (int i = 0; i < READERS; i++) {
		/* By a word anyone of them is reached, by a signal only the named one. */
		if (variant->cause == EXIT || lives_on(variant))
			shs_say(&self->go);
		else
			kill(child[i], variant->cause == KILL ? SIGKILL : SIGTERM);
	}
	for (int i = 0; i < READERS; i++) {
		if (lives_on(variant))
			shs_hear(&self->ready);
		else
			shs_reap(child[i]);
	}
	EXPECT_EQ(1, shs_info(fd).readers);
	EXPECT_EQ(READERS, shs_info(fd).deaths);
	SHS_AWAIT(fd, info.waiters == variant->queue);
	EXPECT_EQ(-EBUSY, shs_trylock(&att));
	EXPECT_EQ(0, shs_rdunlock(&living, 0));
	if (variant->queue) {
		EXPECT_EQ(0, shs_reap(next));
		EXPECT_EQ(-EOWNERDEAD, shs_trylock(&att));
	} else {
		EXPECT_EQ(0, shs_trylock(&att));
	}
	for (int i = 0; i < READERS; i++)
		bury(self, variant, child[i]);
}

/* The initialiser: the next caller runs, and is told that one has tried. */
TEST_F(death, initialiser)
{
	int fd = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	struct shs_ioc_once once = SHS_ONCE(.flags = SHS_ONCE_NOWAIT);
	pid_t child, next = 0;
	struct shs_att att;
	__u64 since;

	ASSERT_EQ(0, shs_attach(&att, fd));
	child = victim(self, variant, fd, hold_once);
	shs_hear(&self->ready);
	EXPECT_EQ(-EBUSY, shs_once(&att, &once));
	EXPECT_EQ(0, once.state);
	EXPECT_EQ(child, shs_info(fd).holder_pid);
	if (variant->queue) {
		next = successor(fd, hold_once);
		SHS_AWAIT(fd, info.waiters == 1);
	}
	since = shs_now(SHS_CLOCK_MONOTONIC);
	let_die(_metadata, self, variant, child);
	if (variant->queue) {
		EXPECT_EQ(EOWNERDEAD, shs_reap(next));
		EXPECT_EQ(2, shs_info(fd).deaths);
	} else {
		EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(fd).state);
		EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_load(fd, 0));
		check_record(_metadata, self, variant, fd, child, SHS_MODE_EXCLUSIVE, since);
	}
	EXPECT_EQ(-EOWNERDEAD, shs_once(&att, &once));
	EXPECT_EQ(SHS_ONCE_RUNNING, once.state);
	EXPECT_EQ(0, shs_once(&att, &SHS_ONCE(.cmd = SHS_ONCE_COMPLETE)));
	EXPECT_EQ(SHS_ONCE_DONE, shs_load(fd, 0));
	EXPECT_EQ(SHS_STATE_DONE, shs_info(fd).state);
	bury(self, variant, child);
}

/* With POISON nobody runs any more, except one who says that he knows. */
TEST_F(death, initialiser_poisons)
{
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_ONCE, .flags = SHS_INIT_POISON));
	struct shs_ioc_once once = SHS_ONCE(.flags = SHS_ONCE_NOWAIT);
	pid_t child, next = 0;
	struct shs_att att;
	int ret;

	ASSERT_EQ(0, shs_attach(&att, fd));
	child = victim(self, variant, fd, hold_once);
	shs_hear(&self->ready);
	if (variant->queue) {
		next = successor(fd, hold_once);
		SHS_AWAIT(fd, info.waiters == 1);
	}
	let_die(_metadata, self, variant, child);
	if (variant->queue)
		EXPECT_EQ(ENOTRECOVERABLE, shs_reap(next));
	EXPECT_EQ(SHS_ONCE_POISONED, shs_load(fd, 0));
	EXPECT_NE(0, shs_info(fd).state & SHS_STATE_POISONED);
	EXPECT_EQ(-ENOTRECOVERABLE, shs_once(&att, &once));
	once = SHS_ONCE(.flags = SHS_ONCE_FORCE);
	ret = shs_once(&att, &once);
	EXPECT_TRUE(ret == 0 || ret == -EOWNERDEAD);
	EXPECT_EQ(SHS_ONCE_RUNNING, once.state);
	EXPECT_EQ(0, shs_once(&att, &SHS_ONCE(.cmd = SHS_ONCE_COMPLETE)));
	EXPECT_EQ(SHS_ONCE_DONE, shs_load(fd, 0));
	bury(self, variant, child);
}

/*
 * A process that dies in the middle of a store to a cell holds its word; the value
 * is the old one, whole, and nobody is told anything.
 */
static int hold_cell(const struct shs_att *att)
{
	__u32 free = 0;

	if (!__atomic_compare_exchange_n(&att->shared->word, &free, att->is.id, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return -EBUSY;
	/* Half of the hidden slot. */
	memset((char *)shs_value(att) + ((att->shared->sequence + 1) & 1) * att->is.slot_stride,
	       0xee, 20);
	return 0;
}

TEST_F(death, cell_writer)
{
	char old[40], new[40], seen[40];
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_CELL, .type = SHS_TYPE_BYTES,
			.count = 40, .value = (unsigned long)memset(old, 'o', 40),
			.value_size = 40));
	struct shs_ioc_op load = SHS_OP(LOAD, .flags = SHS_OP_BYTES,
					.addr = (unsigned long)seen, .len = 40);
	pid_t child, next = 0;

	child = victim(self, variant, fd, hold_cell);
	shs_hear(&self->ready);
	if (variant->queue) {
		next = shs_fork();
		if (!next)
			_exit(-shs_op(fd, &SHS_OP(STORE, .flags = SHS_OP_BYTES,
				.addr = (unsigned long)memset(new, 'n', 40), .len = 40,
				.deadline = SHS_FOREVER)));
		SHS_AWAIT(fd, info.waiters == 1);
	}
	let_die(_metadata, self, variant, child);
	if (variant->queue)
		EXPECT_EQ(0, shs_reap(next));
	EXPECT_EQ(0, shs_op(fd, &load));
	EXPECT_EQ(0, load.notice);
	EXPECT_EQ(0, memcmp(seen, memset(new, variant->queue ? 'n' : 'o', 40), 40));
	EXPECT_EQ(0, shs_info(fd).state);
	bury(self, variant, child);
}

/*
 * Who dies in a queue owned nothing: nobody is told, nobody is held up
 */
FIXTURE(waiter) {
};

FIXTURE_VARIANT(waiter) {
	int signal;
};

FIXTURE_VARIANT_ADD(waiter, kill) { SIGKILL };
FIXTURE_VARIANT_ADD(waiter, term) { SIGTERM };

static int condvar_mutex;	/* object that the condvar's waiters use */

FIXTURE_SETUP(waiter)
{
	SHS_MOUNT("");
	condvar_mutex = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	ASSERT_LE(0, condvar_mutex);
}

FIXTURE_TEARDOWN(waiter)
{
}

static int wait_for_condvar(const struct shs_att *att)
{
	struct shs_att mutex;

	if (shs_attach(&mutex, condvar_mutex) || shs_lock(&mutex))
		return -EIO;
	return shs_wait(att, &SHS_WAIT(.mutex_fd = mutex.fd, .deadline = SHS_FOREVER));
}

/* One dies among three who wait for a condition: the other two are woken as ever. */
TEST_F(waiter, condvar)
{
	struct shs_ioc_op notify = SHS_OP(NOTIFY, .arg = ~0ULL);
	int fd = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	struct shs_att mutex;
	pid_t child[3];

	ASSERT_EQ(0, shs_attach(&mutex, condvar_mutex));
	for (int i = 0; i < 3; i++) {
		child[i] = successor(fd, wait_for_condvar);
		SHS_AWAIT(fd, info.waiters == i + 1);
	}
	SHS_AWAIT(condvar_mutex, !info.state);	/* queued, the last one lets go of it */
	kill(child[0], variant->signal);
	EXPECT_EQ(-variant->signal, shs_reap(child[0]));
	SHS_AWAIT(fd, info.waiters == 2);
	EXPECT_EQ(0, shs_info(fd).deaths);
	EXPECT_EQ(0, shs_info(condvar_mutex).deaths);
	EXPECT_EQ(0, shs_trylock(&mutex));
	EXPECT_EQ(0, shs_unlock(&mutex));
	EXPECT_EQ(0, shs_op(fd, &notify));
	EXPECT_EQ(2, notify.result);
	for (int i = 1; i < 3; i++) {
		int got = shs_reap(child[i]);

		/* One of them ends while holding, which the other is told. */
		EXPECT_TRUE(got == 0 || got == EOWNERDEAD) TH_LOG("%d", got);
	}
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&mutex));
}

/* The only one who waits for a condition dies: a notify finds nobody. */
TEST_F(waiter, condvar_alone)
{
	struct shs_ioc_op notify = SHS_OP(NOTIFY, .arg = 1);
	int fd = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	pid_t child = successor(fd, wait_for_condvar);

	SHS_AWAIT(fd, info.waiters == 1);
	kill(child, variant->signal);
	EXPECT_EQ(-variant->signal, shs_reap(child));
	EXPECT_EQ(0, shs_info(fd).waiters);
	EXPECT_EQ(0, shs_op(fd, &notify));
	EXPECT_EQ(0, notify.result);
	EXPECT_EQ(0, shs_info(condvar_mutex).deaths);
}

/* In the queue of a lock, of each kind that has one. */
TEST_F(waiter, lock)
{
	static const struct {
		__u32 kind, type, count;
		hold_fn hold, wait;
	} kinds[] = {
		{ SHS_KIND_MUTEX, SHS_TYPE_U64, 1, hold_mutex, hold_mutex },
		{ SHS_KIND_RWLOCK, SHS_TYPE_U64, 1, hold_mutex, hold_mutex },
		{ SHS_KIND_RWLOCK, SHS_TYPE_U64, 1, hold_mutex, hold_read },
		{ SHS_KIND_RWLOCK, SHS_TYPE_U64, 1, hold_read, hold_mutex },
		{ SHS_KIND_ONCE, SHS_TYPE_NONE, 0, hold_once, hold_once },
	};

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = shs_create(kinds[i].kind, kinds[i].type, kinds[i].count);
		struct shs_ioc_info before;
		struct shs_att att;
		pid_t child;

		ASSERT_EQ(0, shs_attach(&att, fd));
		ASSERT_EQ(0, kinds[i].hold(&att));
		before = shs_info(fd);
		child = successor(fd, kinds[i].wait);
		SHS_AWAIT(fd, info.waiters == 1);
		kill(child, variant->signal);
		EXPECT_EQ(-variant->signal, shs_reap(child));
		SHS_AWAIT(fd, info.attachments == 1);
		EXPECT_EQ(0, shs_info(fd).waiters);
		EXPECT_EQ(0, shs_info(fd).deaths);
		EXPECT_EQ(before.state, shs_info(fd).state);
		EXPECT_EQ(before.holder_pid, shs_info(fd).holder_pid);
		EXPECT_EQ(before.readers, shs_info(fd).readers);
	}
}

/*
 * The notice and the value, once the owner of a mutex or the writer of a rwlock died
 */
FIXTURE(notice) {
	int fd;
	struct shs_att att;
};

FIXTURE_VARIANT(notice) {
	__u32 kind;
	enum shs_door door;
};

FIXTURE_VARIANT_ADD(notice, mutex) { SHS_KIND_MUTEX, SHS_IOCTL };
FIXTURE_VARIANT_ADD(notice, rwlock) { SHS_KIND_RWLOCK, SHS_IOCTL };
FIXTURE_VARIANT_ADD(notice, mutex_uring) { SHS_KIND_MUTEX, SHS_URING };
FIXTURE_VARIANT_ADD(notice, rwlock_uring) { SHS_KIND_RWLOCK, SHS_URING };

/* A process has changed half of the value, and unmapped. */
FIXTURE_SETUP(notice)
{
	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	self->fd = shs_create(variant->kind, SHS_TYPE_U64, 2);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->att, self->fd));
	ASSERT_EQ(0, shs_lock(&self->att));
	*(__u64 *)shs_value(&self->att) = 5;
	ASSERT_EQ(0, munmap(self->att.private, self->att.is.private_size));
	ASSERT_EQ(0, shs_attach(&self->att, self->fd));
}

FIXTURE_TEARDOWN(notice)
{
}

#define DO(...) ({								\
	op = SHS_OP(__VA_ARGS__);						\
	shs_by(variant->door, self->fd, &op);					\
})

/* Looking at the value tells of the death and leaves the news to the next owner. */
TEST_F(notice, reading_does_not_consume)
{
	struct shs_ioc_op op;

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, DO(PEEK));
		EXPECT_EQ(SHS_NOTICE_OWNER_DIED, op.notice);
		EXPECT_EQ(5, op.result);
		EXPECT_EQ(0, DO(READ));
		EXPECT_EQ(SHS_NOTICE_OWNER_DIED, op.notice);
		EXPECT_EQ(5, op.result);
	}
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&self->att));
	EXPECT_EQ(0, shs_unlock(&self->att));
	EXPECT_EQ(0, DO(READ));
	EXPECT_EQ(0, op.notice);
}

/* A change is refused, and makes none, until somebody says that he knows. */
TEST_F(notice, changing_needs_recover)
{
	struct shs_ioc_op op;

	EXPECT_EQ(-EUCLEAN, DO(WRITE, .arg = 7));
	EXPECT_EQ(-EUCLEAN, DO(ADD, .arg = 7));
	EXPECT_EQ(-EUCLEAN, DO(WRITE, .flags = SHS_OP_BYTES, .addr = (unsigned long)"bytes",
			       .len = 5));
	EXPECT_EQ(5, shs_peek(self->fd, 0));
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(0, DO(WRITE, .arg = 7, .flags = SHS_OP_RECOVER));
	EXPECT_EQ(SHS_NOTICE_OWNER_DIED, op.notice);
	EXPECT_EQ(7, shs_peek(self->fd, 0));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, DO(ADD, .arg = 1));
	EXPECT_EQ(0, op.notice);
	EXPECT_EQ(0, shs_lock(&self->att));
}

/* ADD recovers as well; where nobody died, RECOVER does nothing special. */
TEST_F(notice, add_recovers)
{
	struct shs_ioc_op op;

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, DO(ADD, .arg = 1, .flags = SHS_OP_RECOVER));
		EXPECT_EQ(i ? 0 : SHS_NOTICE_OWNER_DIED, op.notice);
		EXPECT_EQ(5 + i, op.result);
	}
}

/* RECOVER that is refused for another reason consumes nothing. */
TEST_F(notice, refused_recover)
{
	struct shs_ioc_op op;
	struct shs_att reader;

	EXPECT_EQ(-EINVAL, DO(READ, .flags = SHS_OP_RECOVER));
	EXPECT_EQ(-EINVAL, DO(WRITE, .index = 2, .flags = SHS_OP_RECOVER));
	EXPECT_EQ(-EFAULT, DO(WRITE, .flags = SHS_OP_BYTES | SHS_OP_RECOVER, .addr = 8, .len = 5));
	if (variant->kind == SHS_KIND_RWLOCK) {
		ASSERT_EQ(0, shs_attach(&reader, self->fd));
		EXPECT_EQ(-EOWNERDEAD, shs_rdlock(&reader, 0));
		EXPECT_EQ(-EBUSY, DO(WRITE, .flags = SHS_OP_RECOVER | SHS_OP_NOWAIT));
		EXPECT_EQ(0, shs_rdunlock(&reader, 0));
	}
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&self->att));
}

/* The text tells nothing of it, but does not overwrite it either. */
TEST_F(notice, text)
{
	EXPECT_STREQ("5 0", shs_text(self->fd));
	EXPECT_EQ(-EUCLEAN, shs_write(self->fd, "9\n"));
	EXPECT_EQ(-EUCLEAN, shs_write(self->fd, "+9\n"));
	EXPECT_STREQ("5 0", shs_text(self->fd));
}

/*
 * Other things about a death
 */
FIXTURE(record) {
	int fd;
	struct shs_att att;
	struct shs_pipe ready;
};

FIXTURE_SETUP(record)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->att, self->fd));
	self->ready = shs_pipe();
}

FIXTURE_TEARDOWN(record)
{
}

/* Without a death there is no record; who exits without holding leaves none. */
TEST_F(record, none)
{
	struct shs_ioc_death death;
	pid_t child;

	EXPECT_EQ(-ENODATA, shs_death(self->fd, &death));
	EXPECT_EQ(0xa5a5a5a5, death.why);
	child = shs_fork();
	if (!child) {
		if (shs_attach(&self->att, self->fd) || shs_lock(&self->att) ||
		    shs_unlock(&self->att))
			_exit(1);
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-ENODATA, shs_death(self->fd, &death));
	EXPECT_EQ(0, shs_lock(&self->att));
}

/* The record is of the last one, and counts them all. */
TEST_F(record, last_of_many)
{
	struct shs_ioc_death death;

	for (int i = 1; i <= 5; i++) {
		pid_t child = shs_fork();

		if (!child) {
			if (shs_attach(&self->att, self->fd))
				_exit(200);
			shs_lock(&self->att);
			_exit(i);
		}
		EXPECT_EQ(i, shs_reap(child));
		EXPECT_EQ(0, shs_death(self->att.fd, &death));
		EXPECT_EQ(SHS_WHY_EXIT, death.why);
		EXPECT_EQ(i, death.code);
		EXPECT_EQ(i, death.deaths);
	}
	/* However many they were, the next owner is told once. */
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&self->att));
	EXPECT_EQ(0, shs_unlock(&self->att));
	EXPECT_EQ(0, shs_lock(&self->att));
	/* The record stays for those who come later. */
	EXPECT_EQ(0, shs_death(self->fd, &death));
}

/* A signal that kills is told apart from one that does not, and core dumps count. */
TEST_F(record, signals)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGSEGV, SIGHUP, SIGABRT, SIGALRM };
	struct shs_ioc_death death;

	for (int i = 0; i < ARRAY_SIZE(signals); i++) {
		pid_t child = shs_fork();

		if (!child) {
			if (shs_attach(&self->att, self->fd))
				_exit(200);
			shs_lock(&self->att);
			raise(signals[i]);
			_exit(201);
		}
		EXPECT_EQ(-signals[i], shs_reap(child));
		EXPECT_EQ(0, shs_death(self->fd, &death));
		EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
		EXPECT_EQ(signals[i], death.code);
	}
}

/* A pid of another pid namespace is not shown as if it were one here. */
TEST_F(record, pid_namespace)
{
	pid_t child = shs_fork(), inner;

	if (!child) {
		if (unshare(CLONE_NEWPID))
			_exit(1);
		inner = fork();
		if (!inner) {
			struct shs_ioc_death death;

			EXPECT_EQ(0, shs_info(self->fd).holder_pid);
			shs_say(&self->ready);
			SHS_AWAIT(self->fd, info.deaths == 1);
			EXPECT_EQ(0, shs_death(self->fd, &death));
			EXPECT_EQ(0, death.pid);
			EXPECT_EQ(SHS_WHY_UNMAP, death.why);
			_exit(0);
		}
		_exit(shs_reap(inner));
	}
	EXPECT_EQ(0, shs_lock(&self->att));
	shs_hear(&self->ready);
	EXPECT_EQ(0, munmap(self->att.private, self->att.is.private_size));
	EXPECT_EQ(0, shs_reap(child));
}

/* Whoever renames itself after attaching is known by the name it attached with. */
TEST_F(record, comm)
{
	struct shs_ioc_death death;
	pid_t child = shs_fork();

	if (!child) {
		prctl(PR_SET_NAME, "fifteen-letters");
		if (shs_attach(&self->att, self->fd))
			_exit(200);
		_exit(-shs_lock(&self->att));
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_STREQ("fifteen-letters", death.comm);
}

/* A process that shares the owner's memory keeps it alive: there is one owner. */
static int sleep_in_shared_memory(void *pipe)
{
	shs_hear(pipe);
	return 0;
}

TEST_F(record, shared_memory)
{
	struct shs_pipe go = shs_pipe();
	pid_t child = shs_fork();

	if (!child) {
		static char stack[16384];
		pid_t other;

		if (shs_attach(&self->att, self->fd) || shs_lock(&self->att))
			_exit(200);
		other = clone(sleep_in_shared_memory, stack + sizeof(stack),
			      CLONE_VM | CLONE_FILES | SIGCHLD, &go);
		if (other < 0)
			_exit(201);
		shs_say(&self->ready);
		shs_until_killed();
	}
	shs_hear(&self->ready);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->att));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
	shs_say(&go);
	/* Its end is not ours to wait for; the death is. */
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&self->att));
}

/* A holder of many locks releases all of them by one death. */
TEST_F(record, many_locks)
{
	int fd[20];
	pid_t child;

	for (int i = 0; i < 20; i++)
		fd[i] = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	child = shs_fork();
	if (!child) {
		for (int i = 0; i < 20; i++) {
			struct shs_att att;

			if (shs_attach(&att, fd[i]) || shs_lock(&att))
				_exit(1);
		}
		raise(SIGKILL);
	}
	EXPECT_EQ(-SIGKILL, shs_reap(child));
	for (int i = 0; i < 20; i++) {
		struct shs_att att;

		ASSERT_EQ(0, shs_attach(&att, fd[i]));
		EXPECT_EQ(-EOWNERDEAD, shs_trylock(&att));
	}
}

/*
 * Processes that lock, change the value and are killed at any moment: the lock is
 * never lost, and whoever finds a half-made change has been told.
 */
TEST_F(record, killed_at_any_moment)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 2);
	unsigned long rounds = shs_scale(200);
	volatile __u64 *value;
	pid_t child[3];

	ASSERT_EQ(0, shs_attach(&self->att, fd));
	value = shs_value(&self->att);
	for (unsigned long round = 0; round < rounds; round++) {
		int told;

		for (int i = 0; i < 3; i++) {
			struct shs_att att;

			child[i] = shs_fork();
			if (child[i])
				continue;
			if (shs_attach(&att, fd))
				_exit(1);
			value = shs_value(&att);
			shs_say(&self->ready);
			for (;;) {
				if (shs_lock(&att) == -EOWNERDEAD)
					value[1] = value[0];
				if (value[0] != value[1])
					_exit(2);
				value[0]++;
				value[1]++;
				shs_unlock(&att);
			}
		}
		for (int i = 0; i < 3; i++)
			shs_hear(&self->ready);
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
		told = shs_lock(&self->att);
		EXPECT_TRUE(told == 0 || told == -EOWNERDEAD);
		if (!told)
			EXPECT_EQ(value[0], value[1]);
		value[1] = value[0];
		EXPECT_EQ(0, shs_unlock(&self->att));
		EXPECT_EQ(0, shs_info(fd).waiters);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--after-exec"))
		return after_exec(argv[2]);
	return test_harness_run(argc, argv);
}
