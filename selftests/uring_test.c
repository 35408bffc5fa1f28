// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single operations through io_uring: the same struct, the same answers as by
 * ioctl, alone and in batches, whatever way the ring takes to issue them.
 */
#include "shs.h"

#define DEPTH 64

FIXTURE(uring) {
	struct io_uring ring;
	int fd;
	struct shs_ioc_op op[DEPTH];
	int res[DEPTH];
	int order[DEPTH];	/* of completion */
};

FIXTURE_VARIANT(uring) {
	unsigned int setup, sqe_flags;
};

#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

FIXTURE_VARIANT_ADD(uring, plain) { };
FIXTURE_VARIANT_ADD(uring, sqpoll) { .setup = IORING_SETUP_SQPOLL };
FIXTURE_VARIANT_ADD(uring, workers) { .sqe_flags = IOSQE_ASYNC };
FIXTURE_VARIANT_ADD(uring, fixed_file) { .sqe_flags = IOSQE_FIXED_FILE };
FIXTURE_VARIANT_ADD(uring, large_entries) { .setup = IORING_SETUP_SQE128 | IORING_SETUP_CQE32 };
FIXTURE_VARIANT_ADD(uring, coop_taskrun) { .setup = IORING_SETUP_COOP_TASKRUN };
FIXTURE_VARIANT_ADD(uring, defer_taskrun) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN
};

FIXTURE_SETUP(uring)
{
	int err;

	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U64, 4);
	ASSERT_LE(0, self->fd);
	err = io_uring_queue_init(DEPTH, &self->ring, variant->setup);
	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "io_uring is off on this kernel");
	ASSERT_EQ(0, err);
	if (variant->sqe_flags & IOSQE_FIXED_FILE)
		ASSERT_EQ(0, io_uring_register_files(&self->ring, &self->fd, 1));
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->ring);
}

/* Puts op[i] into the ring. A file that is registered goes by its number. */
static struct io_uring_sqe *add(FIXTURE_DATA(uring) *self, const FIXTURE_VARIANT(uring) *variant,
				int i, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	unsigned int flags = variant->sqe_flags;

	/* A submitting thread gives entries back a moment after their completion. */
	while (!sqe && variant->setup & IORING_SETUP_SQPOLL) {
		io_uring_sqring_wait(&self->ring);	/* which a signal may end */
		sqe = io_uring_get_sqe(&self->ring);
	}
	if (!sqe)
		return NULL;
	if (flags & IOSQE_FIXED_FILE && fd != self->fd)
		flags &= ~IOSQE_FIXED_FILE;
	shs_prep(sqe, flags & IOSQE_FIXED_FILE ? 0 : fd, &self->op[i]);
	sqe->flags = flags;
	sqe->user_data = i;
	return sqe;
}

/* Submits what is in the ring by one call and collects so many completions. */
static int run(FIXTURE_DATA(uring) *self, int count)
{
	int ret = io_uring_submit_and_wait(&self->ring, count);
	struct io_uring_cqe *cqe;

	if (ret < 0 && ret != -EINTR)	/* a signal ends the wait alone */
		return ret;
	for (int i = 0; i < count; i++) {
		ret = shs_uring_wait(&self->ring, &cqe);
		if (ret)
			return ret;
		self->res[cqe->user_data] = cqe->res;
		self->order[i] = cqe->user_data;
		io_uring_cqe_seen(&self->ring, cqe);
	}
	return 0;
}

/* One operation; its errno. */
static int one(FIXTURE_DATA(uring) *self, const FIXTURE_VARIANT(uring) *variant, int fd,
	       struct shs_ioc_op op)
{
	self->op[0] = op;
	if (!add(self, variant, 0, fd))
		return -EIO;
	return run(self, 1) ?: self->res[0];
}

#define ONE(fd, ...) one(self, variant, fd, SHS_OP(__VA_ARGS__))

/* The result is written to the struct; the completion says only how it went. */
TEST_F(uring, result)
{
	EXPECT_EQ(0, ONE(self->fd, STORE, .index = 3, .arg = ~0ULL));
	EXPECT_EQ(0, self->op[0].result);
	EXPECT_EQ(0, ONE(self->fd, FETCH_ADD, .index = 3, .arg = 2));
	EXPECT_EQ(~0ULL, self->op[0].result);
	EXPECT_EQ(0, ONE(self->fd, LOAD, .index = 3));
	EXPECT_EQ(1, self->op[0].result);
	EXPECT_EQ(-EREMCHG, ONE(self->fd, CMPXCHG, .index = 3, .expected = 2, .arg = 7));
	EXPECT_EQ(1, self->op[0].result);
	EXPECT_EQ(1, shs_load(self->fd, 3));
}

/*
 * Every operation of every kind, right and wrong, gives by this door what it gives
 * by ioctl: the same errno, result, notice, bytes, and value afterwards.
 */
TEST_F(uring, same_as_ioctl)
{
	for (__u32 kind = SHS_KIND_ATOMIC; kind <= SHS_KIND_CELL; kind++) {
		bool valueless = kind == SHS_KIND_CONDVAR || kind == SHS_KIND_ONCE;
		struct shs_ioc_init init = SHS_INIT(.kind = kind,
			.type = valueless ? SHS_TYPE_NONE : SHS_TYPE_I64,
			.count = valueless ? 0 : 1);
		int a = shs_create_as(&init), b = shs_create_as(&init);

		for (__u32 code = 0; code <= SHS_OP_NOTIFY + 1; code++) {
			for (int form = 0; form < 4; form++) {
				__s64 first[2] = { 5, 5 }, second[2] = { 7, 7 };
				struct shs_ioc_op op[2];
				int ret[2];

				for (int i = 0; i < 2; i++) {
					op[i] = (struct shs_ioc_op){ .size = sizeof(op[i]),
								     .op = code };
					op[i].arg = form == 1 ? 5 : 0;
					op[i].index = form == 2;
					if (form < 3)
						continue;
					op[i].flags = SHS_OP_BYTES;
					op[i].addr = (unsigned long)&first[i];
					op[i].len = 8;
					if (code == SHS_OP_SWAP || code == SHS_OP_CMPXCHG)
						op[i].addr2 = (unsigned long)&second[i];
				}
				ret[0] = shs_op(a, &op[0]);
				ret[1] = one(self, variant, b, op[1]);
				op[1] = self->op[0];
				EXPECT_EQ(ret[0], ret[1])
					TH_LOG("kind %u op %u form %d", kind, code, form);
				EXPECT_EQ(op[0].result, op[1].result);
				EXPECT_EQ(op[0].notice, op[1].notice);
				EXPECT_EQ(first[0], first[1]);
				EXPECT_EQ(second[0], second[1]);
			}
		}
		{
			char text[64];

			strcpy(text, shs_text(a));
			EXPECT_STREQ(text, shs_text(b));
		}
		close(a);
		close(b);
	}
}

/* 64 operations by one system call, each done once, each with a result of its own. */
TEST_F(uring, batch)
{
	bool seen[DEPTH] = { false };

	for (int i = 0; i < DEPTH; i++) {
		self->op[i] = SHS_OP(FETCH_ADD, .arg = 1);
		ASSERT_NE(NULL, add(self, variant, i, self->fd));
	}
	ASSERT_EQ(0, run(self, DEPTH));
	for (int i = 0; i < DEPTH; i++) {
		EXPECT_EQ(0, self->res[i]);
		ASSERT_GT(DEPTH, self->op[i].result);
		EXPECT_FALSE(seen[self->op[i].result]);
		seen[self->op[i].result] = true;
	}
	EXPECT_EQ(DEPTH, shs_load(self->fd, 0));
}

/* In a batch each fails or succeeds for itself. */
TEST_F(uring, mixed_batch)
{
	int counter = shs_create(SHS_KIND_COUNTER, SHS_TYPE_I64, 1);

	for (int i = 0; i < DEPTH; i++) {
		self->op[i] = SHS_OP(FETCH_ADD, .arg = 1);
		if (i % 4 == 1)
			self->op[i].index = 4;
		if (i % 4 == 2)
			self->op[i].op = SHS_OP_ADD;
		ASSERT_NE(NULL, add(self, variant, i, i % 4 == 2 ? counter : self->fd));
	}
	ASSERT_EQ(0, run(self, DEPTH));
	for (int i = 0; i < DEPTH; i++)
		EXPECT_EQ(i % 4 == 1 ? -EINVAL : 0, self->res[i]);
	EXPECT_EQ(DEPTH / 2, shs_load(self->fd, 0));
	EXPECT_EQ(DEPTH / 4, shs_load(counter, 0));
}

/* Far more than the ring holds at a time: its entries are used again and again. */
TEST_F(uring, many_batches)
{
	unsigned long rounds = shs_scale(50);

	for (unsigned long round = 0; round < rounds; round++) {
		for (int i = 0; i < DEPTH; i++) {
			self->op[i] = SHS_OP(FETCH_ADD, .index = i % 4, .arg = i);
			ASSERT_NE(NULL, add(self, variant, i, self->fd));
		}
		ASSERT_EQ(0, run(self, DEPTH));
		for (int i = 0; i < DEPTH; i++)
			EXPECT_EQ(0, self->res[i]);
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(rounds * (16 * i + 4 * 120), shs_load(self->fd, i));
}

/* Linked operations run one after the other. */
TEST_F(uring, linked)
{
	self->op[0] = SHS_OP(STORE, .arg = 1);
	self->op[1] = SHS_OP(CMPXCHG, .expected = 1, .arg = 2);
	self->op[2] = SHS_OP(FETCH_ADD, .arg = 10);
	self->op[3] = SHS_OP(LOAD);
	for (int i = 0; i < 4; i++) {
		struct io_uring_sqe *sqe = add(self, variant, i, self->fd);

		ASSERT_NE(NULL, sqe);
		sqe->flags |= i < 3 ? IOSQE_IO_LINK : 0;
	}
	ASSERT_EQ(0, run(self, 4));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, self->res[i]);
		EXPECT_EQ(i, self->order[i]);
	}
	EXPECT_EQ(12, self->op[3].result);
}

/* One that fails takes the rest of its chain with it, and nothing else. */
TEST_F(uring, link_severed)
{
	self->op[0] = SHS_OP(STORE, .arg = 1);
	self->op[1] = SHS_OP(CMPXCHG, .expected = 99, .arg = 2);
	self->op[2] = SHS_OP(FETCH_ADD, .arg = 10);
	self->op[3] = SHS_OP(STORE, .index = 1, .arg = 5);
	for (int i = 0; i < 4; i++) {
		struct io_uring_sqe *sqe = add(self, variant, i, self->fd);

		ASSERT_NE(NULL, sqe);
		sqe->flags |= i < 2 ? IOSQE_IO_LINK : 0;
	}
	ASSERT_EQ(0, run(self, 4));
	EXPECT_EQ(0, self->res[0]);
	EXPECT_EQ(-EREMCHG, self->res[1]);
	EXPECT_EQ(-ECANCELED, self->res[2]);
	EXPECT_EQ(0, self->res[3]);
	EXPECT_EQ(1, shs_load(self->fd, 0));
	EXPECT_EQ(5, shs_load(self->fd, 1));
}

/* A bad address, of the struct or in it, is an error of that operation alone. */
TEST_F(uring, bad_address)
{
	struct shs_ioc_op *constant = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u64 bad[] = { 0, 8, -4096ULL, (unsigned long)constant };
	int mutex = shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 8);

	*constant = SHS_OP(FETCH_ADD, .arg = 1);
	mprotect(constant, 4096, PROT_READ);
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct shs_sqe payload = { .addr = bad[i], .size = sizeof(struct shs_ioc_op) };
		struct io_uring_sqe *sqe = add(self, variant, 0, self->fd);

		ASSERT_NE(NULL, sqe);
		memcpy((char *)sqe + offsetof(struct io_uring_sqe, cmd), &payload,
		       sizeof(payload));
		ASSERT_EQ(0, run(self, 1));
		EXPECT_EQ(-EFAULT, self->res[0]);
	}
	EXPECT_EQ(0, shs_load(self->fd, 0));
	EXPECT_EQ(-EFAULT, ONE(mutex, WRITE, .flags = SHS_OP_BYTES, .addr = 8, .len = 8));
	EXPECT_EQ(0, ONE(mutex, PEEK, .flags = SHS_OP_BYTES, .addr = (unsigned long)bad,
			 .len = 8));
	EXPECT_EQ(0, bad[0]);
}

/* The payload of the entry: its size is the struct's, its padding is zero. */
TEST_F(uring, payload)
{
	struct shs_sqe good = { .addr = (unsigned long)&self->op[0], .size = sizeof(self->op[0]) };

	for (int bit = -1; bit < 64; bit++) {
		struct shs_sqe payload = good;
		struct io_uring_sqe *sqe;

		if (bit >= 32)
			payload.pad ^= 1U << (bit - 32);
		else if (bit >= 0)
			payload.size ^= 1U << bit;
		self->op[0] = SHS_OP(FETCH_ADD, .arg = 1);
		sqe = add(self, variant, 0, self->fd);
		ASSERT_NE(NULL, sqe);
		memcpy((char *)sqe + offsetof(struct io_uring_sqe, cmd), &payload,
		       sizeof(payload));
		ASSERT_EQ(0, run(self, 1));
		EXPECT_EQ(bit < 0 ? 0 : -EINVAL, self->res[0]) TH_LOG("bit %d", bit);
	}
	EXPECT_EQ(1, shs_load(self->fd, 0));
}

/* On an object nothing but single operations goes this way. */
TEST_F(uring, other_commands)
{
	static const __u32 commands[] = { 0, 1, ~0U, SHS_IOC_ABI, SHS_IOC_INIT, SHS_IOC_ATTACH,
					  SHS_IOC_INFO, SHS_IOC_LOCK, SHS_IOC_ONCE,
					  _IOWR(SHS_IOC_MAGIC, 2, struct shs_ioc_op) };

	for (int i = 0; i < ARRAY_SIZE(commands); i++) {
		struct io_uring_sqe *sqe;

		self->op[0] = SHS_OP(FETCH_ADD, .arg = 1);
		sqe = add(self, variant, 0, self->fd);
		ASSERT_NE(NULL, sqe);
		sqe->cmd_op = commands[i];
		ASSERT_EQ(0, run(self, 1));
		EXPECT_EQ(-EOPNOTSUPP, self->res[0]) TH_LOG("%#x", commands[i]);
	}
	EXPECT_EQ(0, shs_load(self->fd, 0));
	EXPECT_EQ(1, shs_info(self->fd).opens);
}

/* Nor does it go to anything but an object, or an attachment of it. */
TEST_F(uring, other_files)
{
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	EXPECT_EQ(0, ONE(att.fd, FETCH_ADD, .arg = 1));
	EXPECT_EQ(-EOPNOTSUPP, ONE(shs_open(".", O_RDONLY), FETCH_ADD, .arg = 1));
	EXPECT_EQ(-EUNATCH, ONE(shs_blank(), FETCH_ADD, .arg = 1));
	EXPECT_EQ(-EBADF, ONE(9999, FETCH_ADD, .arg = 1));
	EXPECT_EQ(1, shs_load(self->fd, 0));
}

/* The descriptor's mode counts here, too. */
TEST_F(uring, access_modes)
{
	int ro = shs_reopen(self->fd, O_RDONLY), wo = shs_reopen(self->fd, O_WRONLY);

	EXPECT_EQ(-EACCES, ONE(ro, STORE, .arg = 1));
	EXPECT_EQ(0, ONE(ro, LOAD));
	EXPECT_EQ(-EACCES, ONE(wo, LOAD));
	EXPECT_EQ(-EACCES, ONE(wo, FETCH_ADD, .arg = 1));
	EXPECT_EQ(0, ONE(wo, STORE, .arg = 3));
	EXPECT_EQ(3, shs_load(ro, 0));
}

/* A struct of a newer program, longer and with nothing new in it, is served. */
TEST_F(uring, longer_struct)
{
	struct {
		struct shs_ioc_op op;
		char more[8];
	} longer = { .op = SHS_OP(FETCH_ADD, .arg = 1) };

	longer.op.size = sizeof(longer);
	for (int something = 0; something < 2; something++) {
		struct io_uring_sqe *sqe = add(self, variant, 0, self->fd);

		longer.more[7] = something;
		longer.op.result = 0;
		ASSERT_NE(NULL, sqe);
		shs_prep(sqe, variant->sqe_flags & IOSQE_FIXED_FILE ? 0 : self->fd, &longer.op);
		sqe->flags = variant->sqe_flags;
		ASSERT_EQ(0, run(self, 1));
		EXPECT_EQ(something ? -E2BIG : 0, self->res[0]);
	}
	EXPECT_EQ(1, shs_load(self->fd, 0));
}

/* The ring keeps the object alive until the operation is done, and no longer. */
TEST_F(uring, closed_after_submit)
{
	int fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U64, 1), weak = shs_reopen(fd, O_PATH);
	/* Another thread of the kernel looks the descriptor up when it comes to it. */
	bool later = variant->setup & IORING_SETUP_SQPOLL || variant->sqe_flags & IOSQE_ASYNC;

	self->op[0] = SHS_OP(STORE, .arg = 5);
	ASSERT_NE(NULL, add(self, variant, 0, fd));
	EXPECT_EQ(1, io_uring_submit(&self->ring));
	if (!later)
		close(fd);
	ASSERT_EQ(0, run(self, 1));
	EXPECT_EQ(0, self->res[0]);
	if (later)
		close(fd);
	io_uring_queue_exit(&self->ring);
	ASSERT_EQ(0, io_uring_queue_init(8, &self->ring, 0));
	/* The ring's last references may go a moment later. */
	while ((fd = shs_reopen(weak, O_RDONLY)) >= 0) {
		close(fd);
		sched_yield();
	}
	EXPECT_EQ(-ENOENT, fd);
}

/* Processes with a ring each: no operation is lost among them. */
TEST_F(uring, processes)
{
	unsigned long rounds = shs_scale(20);
	struct shs_pipe gate = shs_pipe();
	pid_t child[4];

	for (int p = 0; p < 4; p++) {
		child[p] = shs_fork();
		if (child[p])
			continue;
		if (io_uring_queue_init(DEPTH, &self->ring, variant->setup) ||
		    (variant->sqe_flags & IOSQE_FIXED_FILE &&
		     io_uring_register_files(&self->ring, &self->fd, 1)))
			_exit(1);
		shs_gate_pass(&gate);
		for (unsigned long round = 0; round < rounds; round++) {
			for (int i = 0; i < DEPTH; i++) {
				self->op[i] = SHS_OP(FETCH_ADD, .arg = 1);
				if (!add(self, variant, i, self->fd))
					_exit(2);
			}
			if (run(self, DEPTH))
				_exit(3);
			for (int i = 0; i < DEPTH; i++)
				if (self->res[i])
					_exit(4);
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int p = 0; p < 4; p++)
		EXPECT_EQ(0, shs_reap(child[p]));
	EXPECT_EQ(4 * rounds * DEPTH, shs_load(self->fd, 0));
}

TEST_HARNESS_MAIN
