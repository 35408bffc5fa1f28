// SPDX-License-Identifier: GPL-2.0-only
/*
 * What io_uring's own operations can do with a wait: registered files, cancellation, linked
 * timeouts, and rings that poll for completions. docs/waiting.md has the table.
 */
#include "waits.h"

#define DEPTH 8

FIXTURE(uring_link) {
	struct io_uring ring;
	struct shs_scene scene;
	struct shs_actor waiter;
	bool async;		/* no thread of the kernel's waits */
};

FIXTURE_SETUP(uring_link)
{
	struct shs_ioc_abi abi = { .size = sizeof(abi) };
	int fd, err;

	SHS_MOUNT("");
	fd = shs_open(".", O_RDONLY);
	ASSERT_EQ(0, shs_ioctl(fd, SHS_IOC_ABI, &abi));
	close(fd);
	self->async = abi.features & SHS_FEATURE_ASYNC;
	err = io_uring_queue_init(DEPTH, &self->ring, 0);
	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "io_uring is off on this kernel");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, shs_scene_closed(&self->scene, SHS_WAY_LOCK));
	ASSERT_EQ(0, shs_actor_come(&self->waiter, &self->scene));
	ASSERT_EQ(0, shs_actor_enter(&self->waiter));
}

FIXTURE_TEARDOWN(uring_link)
{
	shs_actor_go(&self->waiter);
	shs_scene_end(&self->scene);
	io_uring_queue_exit(&self->ring);
}

/* An entry of its own for each; DEPTH are enough for every test. */
static struct io_uring_sqe *entry(FIXTURE_DATA(uring_link) *self)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	if (!sqe)
		abort();
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

/* The waiter's lock, which somebody else has. */
static struct io_uring_sqe *add_wait(FIXTURE_DATA(uring_link) *self, __u64 deadline)
{
	struct io_uring_sqe *sqe = entry(self);

	shs_actor_prep(&self->waiter, sqe, deadline, SHS_CLOCK_MONOTONIC);
	return sqe;
}

static void add_timeout(FIXTURE_DATA(uring_link) *self, __u8 opcode,
			struct __kernel_timespec *after, __u8 flags)
{
	struct io_uring_sqe *sqe = entry(self);

	sqe->opcode = opcode;
	sqe->fd = -1;
	sqe->addr = (unsigned long)after;
	sqe->len = 1;
	sqe->flags = flags;
}

/* Waits for the completion of what has this user_data, past any other. */
static int result_of(FIXTURE_DATA(uring_link) *self, const void *which)
{
	struct io_uring_cqe *cqe;

	for (;;) {
		int ret = shs_uring_wait(&self->ring, &cqe);
		bool found;

		if (ret)
			return ret - 1000;
		found = cqe->user_data == (unsigned long)which;
		ret = cqe->res;
		io_uring_cqe_seen(&self->ring, cqe);
		if (found)
			return ret;
	}
}

/* The lock is handed to the waiter, who then gives it back. */
static void expect_granted(struct __test_metadata *_metadata, FIXTURE_DATA(uring_link) *self)
{
	ASSERT_EQ(0, shs_scene_clear(&self->scene, 1));
	EXPECT_EQ(0, result_of(self, &self->waiter));
	EXPECT_EQ(0, shs_actor_leave(&self->waiter));
	EXPECT_TRUE(shs_scene_is_quiet(&self->scene));
}

TEST_F(uring_link, fixed_file)
{
	struct io_uring_sqe *sqe;
	int fd;

	sqe = add_wait(self, SHS_FOREVER);
	fd = sqe->fd;
	ASSERT_EQ(0, io_uring_register_files(&self->ring, &fd, 1));
	sqe->fd = 0;
	sqe->flags = IOSQE_FIXED_FILE;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	SHS_AWAIT(self->scene.fd, info.waiters == 1);
	expect_granted(_metadata, self);
}

/* Commands cannot be cancelled from outside since they need no thread; a worker's sleep can. */
TEST_F(uring_link, async_cancel)
{
	struct io_uring_sqe *sqe;

	add_wait(self, SHS_FOREVER);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	SHS_AWAIT(self->scene.fd, info.waiters == 1);
	sqe = entry(self);
	sqe->opcode = IORING_OP_ASYNC_CANCEL;
	sqe->fd = -1;
	sqe->addr = (unsigned long)&self->waiter;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	if (self->async) {
		EXPECT_GT(0, result_of(self, NULL));
		EXPECT_EQ(1, shs_info(self->scene.fd).waiters);
		expect_granted(_metadata, self);
	} else {
		EXPECT_EQ(-EINTR, result_of(self, &self->waiter));
		EXPECT_EQ(0, shs_info(self->scene.fd).waiters);
	}
}

TEST_F(uring_link, link_timeout)
{
	struct __kernel_timespec soon = { .tv_nsec = SHS_MS };
	int ret;

	add_wait(self, SHS_FOREVER)->flags = IOSQE_IO_LINK;
	add_timeout(self, IORING_OP_LINK_TIMEOUT, &soon, 0);
	ASSERT_EQ(2, io_uring_submit(&self->ring));
	if (self->async) {
		EXPECT_GT(0, result_of(self, NULL));
		EXPECT_EQ(1, shs_info(self->scene.fd).waiters);
		expect_granted(_metadata, self);
	} else {
		ret = result_of(self, &self->waiter);
		EXPECT_TRUE(ret == -EINTR || ret == -ECANCELED);	/* asleep, or not begun */
		EXPECT_EQ(0, shs_info(self->scene.fd).waiters);
	}
}

/* What stands in for it on each kernel: a timeout to which our own cancellation is linked. */
TEST_F(uring_link, timeout_cancels)
{
	struct __kernel_timespec soon = { .tv_nsec = SHS_MS };
	struct shs_ioc_cancel cancel = {
		.size = sizeof(cancel), .addr = (unsigned long)&self->waiter.args
	};
	struct io_uring_sqe *sqe;

	add_wait(self, SHS_FOREVER);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	SHS_AWAIT(self->scene.fd, info.waiters == 1);
	add_timeout(self, IORING_OP_TIMEOUT, &soon, IOSQE_IO_HARDLINK);
	sqe = entry(self);
	shs_prep_command(sqe, self->scene.fd, SHS_IOC_CANCEL, &cancel);
	sqe->user_data = (unsigned long)&cancel;
	ASSERT_EQ(2, io_uring_submit(&self->ring));
	EXPECT_EQ(-ECANCELED, result_of(self, &self->waiter));
	EXPECT_EQ(0, shs_info(self->scene.fd).waiters);
}

/* Such a ring takes a wait, or refuses it and holds nothing. */
TEST_F(uring_link, iopoll)
{
	io_uring_queue_exit(&self->ring);
	ASSERT_EQ(0, io_uring_queue_init(DEPTH, &self->ring, IORING_SETUP_IOPOLL));
	add_wait(self, SHS_FOREVER);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	if (shs_info(self->scene.fd).waiters) {
		EXPECT_TRUE(self->async);
		expect_granted(_metadata, self);
		return;
	}
	EXPECT_EQ(-EOPNOTSUPP, result_of(self, &self->waiter));
	ASSERT_EQ(0, shs_scene_clear(&self->scene, 0));
	EXPECT_TRUE(shs_scene_is_quiet(&self->scene));
}

TEST_HARNESS_MAIN
