// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many single operations in one call: each as if it came alone, in their order, up
 * to the first that fails.
 */
#include "shs.h"

FIXTURE(batch) {
	int fd, readable;
	struct shs_ioc_batch batch;
};

FIXTURE_SETUP(batch)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 4);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_link(self->fd, "atomic"));
	self->readable = shs_open("atomic", O_RDONLY);
	ASSERT_LE(0, self->readable);
}

FIXTURE_TEARDOWN(batch)
{
}

/* What differs from the plain form is assigned to b. */
#define RUN(fd, ops, ...) ({							\
	struct shs_ioc_batch *b = &self->batch;					\
										\
	*b = SHS_BATCH(ops);							\
	__VA_ARGS__;								\
	shs_batch(fd, b);							\
})

/* In their order, and each with its answer. */
TEST_F(batch, in_order)
{
	struct shs_ioc_op ops[SHS_BATCH_MAX];

	for (int i = 0; i < SHS_BATCH_MAX; i++)
		ops[i] = SHS_OP(FETCH_ADD, .index = i % 4, .arg = i);
	EXPECT_EQ(0, RUN(self->fd, ops));
	EXPECT_EQ(SHS_BATCH_MAX, self->batch.done);
	for (int i = 0, sum[4] = { 0 }; i < SHS_BATCH_MAX; i++) {
		EXPECT_EQ(sum[i % 4], ops[i].result) TH_LOG("operation %d", i);
		sum[i % 4] += i;
	}
	EXPECT_EQ(sizeof(self->batch), self->batch.size);
	EXPECT_EQ(SHS_BATCH_MAX, self->batch.count);
	ops[0] = SHS_OP(STORE, .arg = 5);
	self->batch = (struct shs_ioc_batch){ .size = sizeof(self->batch), .count = 1,
					      .ops = (unsigned long)ops };
	EXPECT_EQ(0, shs_batch(self->fd, &self->batch));
	EXPECT_EQ(1, self->batch.done);
	EXPECT_EQ(5, shs_load(self->fd, 0));
}

/* None, or too many, is no batch. */
TEST_F(batch, count)
{
	static struct shs_ioc_op ops[SHS_BATCH_MAX + 1];
	__u32 counts[] = { 0, SHS_BATCH_MAX + 1, 65536, 1U << 31, ~0U };

	for (int i = 0; i <= SHS_BATCH_MAX; i++)
		ops[i] = SHS_OP(FETCH_ADD, .arg = 1);
	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		EXPECT_EQ(-EINVAL, RUN(self->fd, ops, b->count = counts[i]));
		EXPECT_EQ(0, self->batch.done);
	}
	EXPECT_EQ(0, shs_load(self->fd, 0));
}

/* Each operation's error ends it, wherever it stands, and what follows is not done. */
TEST_F(batch, stops_at_an_error)
{
	static const struct {
		struct shs_ioc_op op;
		int error;
	} bad[] = {
		{ { .op = SHS_OP_CMPXCHG, .expected = 77, .arg = 1 }, -EREMCHG },
		{ { .op = SHS_OP_STORE, .index = 4 }, -EINVAL },
		{ { .op = SHS_OP_STORE, .arg = 1ULL << 32 }, -ERANGE },
		{ { .op = SHS_OP_READ }, -EOPNOTSUPP },
		{ { .op = SHS_OP_CHANGED + 1 }, -EINVAL },
		{ { .op = SHS_OP_FETCH_ADD, .pad = 1 }, -EINVAL },
		{ { .op = SHS_OP_FETCH_ADD, .result = 1 }, -EINVAL },
		{ { .op = SHS_OP_FETCH_ADD, .flags = SHS_OP_BYTES }, -EINVAL },
		{ { .op = SHS_OP_WAIT, .index = 3 }, -ETIMEDOUT },
		{ { .op = SHS_OP_WAIT, .index = 3, .flags = SHS_OP_NOWAIT }, -EBUSY },
		{ { .op = SHS_OP_AWAIT_NE, .index = 3 }, -ETIMEDOUT },
		{ { .op = SHS_OP_AWAIT_NE, .index = 3, .flags = SHS_OP_NOWAIT }, -EBUSY },
	};

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		for (int at = 0; at < 3; at++) {
			struct shs_ioc_op ops[3];

			EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(STORE)));
			for (int n = 0; n < 3; n++)
				ops[n] = SHS_OP(FETCH_ADD, .arg = 1);
			ops[at] = bad[i].op;
			ops[at].size = sizeof(ops[at]);
			EXPECT_EQ(bad[i].error, RUN(self->fd, ops)) {
				TH_LOG("error %d at %d", bad[i].error, at);
			}
			EXPECT_EQ(at, self->batch.done);
			EXPECT_EQ(at, shs_load(self->fd, 0));
			if (bad[i].error == -EREMCHG)
				EXPECT_EQ(at, ops[at].result);
			for (int n = at + 1; n < 3; n++)
				EXPECT_EQ(0, ops[n].result);
		}
	}
}

/* The rights are those of the file. */
TEST_F(batch, read_only)
{
	struct shs_ioc_op ops[] = { SHS_OP(LOAD), SHS_OP(LOAD, .index = 1), SHS_OP(STORE) };

	EXPECT_EQ(-EACCES, RUN(self->readable, ops));
	EXPECT_EQ(2, self->batch.done);
}

/* Over many objects of all kinds, by the file of each. */
TEST_F(batch, many_objects)
{
	int counter = shs_create(SHS_KIND_COUNTER, SHS_TYPE_I64, 1);
	int mutex = shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 8);
	int rwlock = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U8, 2);
	int condvar = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	int once = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	int cell = shs_create(SHS_KIND_CELL, SHS_TYPE_U16, 1);
	char in[8] = "abcdefg", out[8];
	struct shs_ioc_op ops[] = {
		SHS_OP(STORE, .arg = 1),
		SHS_OP(ADD, .arg = 2),
		SHS_OP(WRITE, .flags = SHS_OP_BYTES, .addr = (unsigned long)in, .len = 8),
		SHS_OP(READ, .flags = SHS_OP_BYTES, .addr = (unsigned long)out, .len = 8),
		SHS_OP(ADD, .index = 1, .arg = 4),
		SHS_OP(NOTIFY, .arg = 1),
		SHS_OP(LOAD),
		SHS_OP(SWAP, .arg = 6),
		SHS_OP(TAKE),
		SHS_OP(LOAD),
	};
	__s32 fds[] = { self->fd, counter, mutex, mutex, rwlock, condvar, once, cell, cell,
			self->readable };

	/* Where the batch itself goes gives no rights and takes none. */
	EXPECT_EQ(0, RUN(self->readable, ops, b->fds = (unsigned long)fds));
	EXPECT_EQ(ARRAY_SIZE(ops), self->batch.done);
	EXPECT_EQ(2, shs_load(counter, 0));
	EXPECT_EQ(0, memcmp(in, out, sizeof(in)));
	EXPECT_EQ(4, shs_peek(rwlock, 1));
	EXPECT_EQ(6, ops[8].result);
	EXPECT_EQ(1, ops[9].result);
}

/* Files that are no objects, in each place. */
TEST_F(batch, wrong_files)
{
	struct shs_att att;
	struct {
		int fd, error;
	} wrong[] = {
		{ -1, -EBADF },
		{ 12345, -EBADF },
		{ shs_open("atomic", O_PATH), -EBADF },
		{ shs_pipe().end[0], -EINVAL },
		{ shs_open(".", O_RDONLY), -EINVAL },
		{ 0, -EINVAL },
		{ shs_blank(), -EUNATCH },
		{ self->readable, -EACCES },
	};

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	wrong[5].fd = att.fd;
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		for (int at = 0; at < 3; at++) {
			__s32 fds[3] = { self->fd, self->fd, self->fd };
			struct shs_ioc_op ops[3];

			EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(STORE)));
			for (int n = 0; n < 3; n++)
				ops[n] = SHS_OP(FETCH_ADD, .arg = 1);
			fds[at] = wrong[i].fd;
			EXPECT_EQ(wrong[i].error, RUN(self->fd, ops, b->fds = (unsigned long)fds)) {
				TH_LOG("file %d at %d", i, at);
			}
			EXPECT_EQ(at, self->batch.done);
			EXPECT_EQ(at, shs_load(self->fd, 0));
		}
	}
}

/* The request itself is one for objects only. */
TEST_F(batch, where)
{
	struct shs_ioc_op ops[] = { SHS_OP(LOAD) };
	__s32 fds[] = { self->fd };
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	EXPECT_EQ(-ENOTTY, RUN(att.fd, ops));
	EXPECT_EQ(-ENOTTY, RUN(shs_open(".", O_RDONLY), ops, b->fds = (unsigned long)fds));
	EXPECT_EQ(-EUNATCH, RUN(shs_blank(), ops, b->fds = (unsigned long)fds));
	EXPECT_EQ(-EBADF, RUN(shs_open("atomic", O_PATH), ops));
}

/* What it does not take, each alone. */
TEST_F(batch, refused)
{
	struct shs_ioc_op ops[] = { SHS_OP(FETCH_ADD, .arg = 1) };

	for (int bit = 0; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, RUN(self->fd, ops, b->flags = 1U << bit));
		EXPECT_EQ(-EINVAL, RUN(self->fd, ops, b->done = 1U << bit));
	}
	for (__u32 size = 0; size < sizeof(self->batch); size++)
		EXPECT_EQ(-EINVAL, RUN(self->fd, ops, b->size = size));
	EXPECT_EQ(0, shs_load(self->fd, 0));
}

/* Longer operations of a newer program stand as far apart as they say. */
TEST_F(batch, longer_operations)
{
	struct {
		struct shs_ioc_op op;
		__u64 more;
	} ops[3];

	for (int i = 0; i < 3; i++) {
		memset(&ops[i], 0, sizeof(ops[i]));
		ops[i].op = SHS_OP(FETCH_ADD, .arg = 1);
		ops[i].op.size = sizeof(ops[i]);
	}
	EXPECT_EQ(0, RUN(self->fd, ops));
	EXPECT_EQ(3, self->batch.done);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(i, ops[i].op.result);
		EXPECT_EQ(sizeof(ops[i]), ops[i].op.size);
		EXPECT_EQ(0, ops[i].more);
		ops[i].op.result = 0;
	}
	ops[1].more = 1;
	EXPECT_EQ(-E2BIG, RUN(self->fd, ops));
	EXPECT_EQ(1, self->batch.done);
	for (__u32 size = 0; size < sizeof(struct shs_ioc_op); size++) {
		ops[0].op.result = 0;
		ops[0].op.size = size;
		EXPECT_EQ(-EINVAL, RUN(self->fd, ops));
		EXPECT_EQ(0, self->batch.done);
	}
}

/* All are of one size: one that says another was put there by mistake. */
TEST_F(batch, sizes_differ)
{
	__u32 sizes[] = { 0, sizeof(struct shs_ioc_op) - 8, sizeof(struct shs_ioc_op) + 8 };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct shs_ioc_op ops[3];

		EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(STORE)));
		for (int n = 0; n < 3; n++)
			ops[n] = SHS_OP(FETCH_ADD, .arg = 1);
		ops[1].size = sizes[i];
		EXPECT_EQ(-EINVAL, RUN(self->fd, ops)) TH_LOG("size %u", sizes[i]);
		EXPECT_EQ(1, self->batch.done);
		EXPECT_EQ(sizes[i], ops[1].size);
		EXPECT_EQ(1, shs_load(self->fd, 0));
	}
}

/* Memory that is not there, or may not be written: the operation has not been done. */
TEST_F(batch, bad_memory)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct shs_ioc_op *ops = (void *)(page + 4096 - sizeof(*ops)), good[2];
	__s32 *fds = (void *)(page + 4096 - sizeof(*fds));

	good[0] = good[1] = SHS_OP(FETCH_ADD, .arg = 1);
	EXPECT_EQ(-EFAULT, RUN(self->fd, good, b->ops = 0));
	EXPECT_EQ(-EFAULT, RUN(self->fd, good, b->ops = -4096UL));
	EXPECT_EQ(-EFAULT, RUN(self->fd, good, b->fds = 8));
	EXPECT_EQ(0, self->batch.done);
	EXPECT_EQ(0, shs_load(self->fd, 0));

	/* The second of two. */
	mprotect(page + 4096, 4096, PROT_READ);
	ops[0] = good[0];
	mprotect(page + 4096, 4096, PROT_READ | PROT_WRITE);
	ops[1] = good[1];
	mprotect(page + 4096, 4096, PROT_READ);
	EXPECT_EQ(-EFAULT, RUN(self->fd, good, b->ops = (unsigned long)ops));
	EXPECT_EQ(1, self->batch.done);
	EXPECT_EQ(1, shs_load(self->fd, 0));
	munmap(page + 4096, 4096);
	ops[0] = good[0];
	EXPECT_EQ(-EFAULT, RUN(self->fd, good, b->ops = (unsigned long)ops));
	EXPECT_EQ(1, self->batch.done);
	EXPECT_EQ(2, shs_load(self->fd, 0));
	*fds = self->fd;
	EXPECT_EQ(-EFAULT, RUN(self->fd, good, b->fds = (unsigned long)fds));
	EXPECT_EQ(1, self->batch.done);
	EXPECT_EQ(3, shs_load(self->fd, 0));
	EXPECT_EQ(0, good[1].result);

	/* Its own answer. */
	good[0] = SHS_OP(FETCH_ADD, .arg = 1);
	*(struct shs_ioc_batch *)page = SHS_BATCH(good);
	mprotect(page, 4096, PROT_READ);
	EXPECT_EQ(-EFAULT, shs_batch(self->fd, (void *)page));
	EXPECT_EQ(3, shs_load(self->fd, 0));
}

static void on_signal(int number)
{
}

/*
 * A child that runs two additions with an operation between, or before, that waits
 * for the held mutex; its exit status is the negated errno, and done in common.
 */
static pid_t waiting_batch(int atomic, int mutex, int before, struct shs_ioc_batch *common)
{
	pid_t child = shs_fork();

	if (!child) {
		struct shs_ioc_op ops[3];
		__s32 fds[3];

		for (int i = 0; i < 3; i++) {
			ops[i] = i == before ? SHS_OP(ADD, .arg = 1, .deadline = SHS_FOREVER) :
					       SHS_OP(FETCH_ADD, .arg = 1);
			fds[i] = i == before ? mutex : atomic;
		}
		*common = SHS_BATCH(ops, .fds = (unsigned long)fds);
		_exit(-shs_batch(atomic, common));
	}
	SHS_AWAIT(mutex, info.waiters == 1);
	return child;
}

FIXTURE(waiting) {
	int atomic, mutex;
	struct shs_att mine;
	struct shs_ioc_batch *batch;
};

FIXTURE_SETUP(waiting)
{
	SHS_MOUNT("");
	self->atomic = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1);
	self->mutex = shs_create(SHS_KIND_MUTEX, SHS_TYPE_I64, 1);
	ASSERT_EQ(0, shs_attach(&self->mine, self->mutex));
	ASSERT_EQ(0, shs_lock(&self->mine));
	self->batch = shs_common(4096);
}

FIXTURE_TEARDOWN(waiting)
{
}

/* One that has to wait does so, with the rest behind it. */
TEST_F(waiting, waits)
{
	pid_t child = waiting_batch(self->atomic, self->mutex, 1, self->batch);

	EXPECT_EQ(1, shs_load(self->atomic, 0));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(3, self->batch->done);
	EXPECT_EQ(2, shs_load(self->atomic, 0));
	EXPECT_EQ(1, shs_peek(self->mutex, 0));
}

/* Or not, or not longer than it says. */
TEST_F(waiting, does_not)
{
	__s32 fds[] = { self->atomic, self->mutex };
	struct shs_ioc_op ops[2] = { SHS_OP(FETCH_ADD, .arg = 1), SHS_OP(ADD, .arg = 1) };
	struct shs_ioc_batch b = SHS_BATCH(ops, .fds = (unsigned long)fds);
	__u64 near = shs_now(SHS_CLOCK_MONOTONIC) + 20 * SHS_MS;

	EXPECT_EQ(-ETIMEDOUT, shs_batch(self->atomic, &b));
	EXPECT_EQ(1, b.done);
	ops[0].result = b.done = 0;
	ops[1].deadline = near;
	EXPECT_EQ(-ETIMEDOUT, shs_batch(self->atomic, &b));
	EXPECT_LE(near, shs_now(SHS_CLOCK_MONOTONIC));
	ops[0].result = b.done = 0;
	ops[1].flags = SHS_OP_NOWAIT;
	EXPECT_EQ(-EBUSY, shs_batch(self->atomic, &b));
	EXPECT_EQ(1, b.done);
	EXPECT_EQ(3, shs_load(self->atomic, 0));
	EXPECT_EQ(0, shs_peek(self->mutex, 0));
}

/* Begun, it is not begun again by a restart. */
TEST_F(waiting, interrupted_in_the_middle)
{
	struct sigaction action = { .sa_handler = on_signal };

	for (int restart = 0; restart < 2; restart++) {
		pid_t child;

		action.sa_flags = restart ? SA_RESTART : 0;
		sigaction(SIGUSR1, &action, NULL);
		child = waiting_batch(self->atomic, self->mutex, 1, self->batch);
		kill(child, SIGUSR1);
		EXPECT_EQ(EINTR, shs_reap(child));
		EXPECT_EQ(1, self->batch->done);
		EXPECT_EQ(restart + 1, shs_load(self->atomic, 0));
		EXPECT_EQ(0, shs_info(self->mutex).waiters);
	}
}

/* Not begun, it may be. */
TEST_F(waiting, interrupted_at_the_beginning)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t child;

	sigaction(SIGUSR1, &action, NULL);
	child = waiting_batch(self->atomic, self->mutex, 0, self->batch);
	kill(child, SIGUSR1);
	EXPECT_EQ(EINTR, shs_reap(child));
	EXPECT_EQ(0, self->batch->done);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	child = waiting_batch(self->atomic, self->mutex, 0, self->batch);
	kill(child, SIGUSR1);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(3, self->batch->done);
	EXPECT_EQ(2, shs_load(self->atomic, 0));
	EXPECT_EQ(1, shs_peek(self->mutex, 0));
}

/* What was done before a kill is done, what was not is not. */
TEST_F(waiting, killed)
{
	pid_t child = waiting_batch(self->atomic, self->mutex, 1, self->batch);

	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, shs_info(self->mutex).waiters);
	EXPECT_EQ(1, shs_load(self->atomic, 0));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_peek(self->mutex, 0));
}

/* Notices are told operation by operation. */
TEST_F(waiting, notices)
{
	struct shs_ioc_op ops[3] = { SHS_OP(READ), SHS_OP(WRITE, .arg = 1,
							  .flags = SHS_OP_RECOVER), SHS_OP(READ) };

	EXPECT_EQ(0, shs_unlock_as(&self->mine, &SHS_LOCK(.flags = SHS_UNLOCK_ABANDON)));
	EXPECT_EQ(0, shs_batch(self->mutex, &SHS_BATCH(ops)));
	EXPECT_EQ(SHS_NOTICE_OWNER_DIED, ops[0].notice);
	EXPECT_EQ(SHS_NOTICE_OWNER_DIED, ops[1].notice);
	EXPECT_EQ(0, ops[2].notice);
	EXPECT_EQ(1, ops[2].result);
}

/* An object fd owns nothing: a child has it as its parent does. */
TEST_F(batch, by_a_child)
{
	struct shs_ioc_op ops[2] = { SHS_OP(FETCH_ADD, .arg = 1), SHS_OP(FETCH_ADD, .arg = 1) };
	pid_t child = shs_fork();

	if (!child)
		_exit(RUN(self->fd, ops) || self->batch.done != 2);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(2, shs_load(self->fd, 0));
}

/* By io_uring there are single operations only; it has its own way to take many. */
TEST_F(batch, not_by_uring)
{
	struct shs_ioc_op ops[1] = { SHS_OP(FETCH_ADD, .arg = 1) };
	struct shs_ioc_batch b = SHS_BATCH(ops);
	struct shs_sqe payload = { .addr = (unsigned long)&b, .size = sizeof(b) };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;

	SHS_NEED_DOOR(SHS_URING);
	sqe = io_uring_get_sqe(shs_ring());
	if (!sqe)
		abort();
	shs_prep(sqe, self->fd, ops);
	sqe->cmd_op = SHS_IOC_BATCH;
	memcpy((char *)sqe + offsetof(struct io_uring_sqe, cmd), &payload, sizeof(payload));
	ASSERT_EQ(1, io_uring_submit(shs_ring()));
	ASSERT_EQ(0, shs_uring_wait(shs_ring(), &cqe));
	EXPECT_EQ(-EOPNOTSUPP, cqe->res);
	io_uring_cqe_seen(shs_ring(), cqe);
	EXPECT_EQ(0, shs_load(self->fd, 0));
}

/* Batches of many processes mix, operation by operation, and lose none. */
TEST_F(batch, many_at_once)
{
	unsigned long each = shs_scale(200);
	struct shs_pipe gate = shs_pipe();
	pid_t child[4];

	for (int i = 0; i < 4; i++) {
		child[i] = shs_fork();
		if (child[i])
			continue;
		shs_gate_pass(&gate);
		for (unsigned long n = 0; n < each; n++) {
			struct shs_ioc_op ops[16];

			for (int k = 0; k < 16; k++)
				ops[k] = SHS_OP(FETCH_ADD, .index = k % 4, .arg = 1);
			if (RUN(self->fd, ops))
				_exit(1);
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(16 * each, shs_load(self->fd, i));
}

TEST_HARNESS_MAIN
