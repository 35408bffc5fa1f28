// SPDX-License-Identifier: GPL-2.0-only
/*
 * A crowd: 64 processes, less on slow kernels, with a ring each, in each ring 64 waits, at
 * mutexes, rwlocks and a semaphore, some with a deadline, some cancelled; and processes are
 * killed as it comes. Nobody is left behind, one at a time has what is exclusive, and all is
 * free at the end.
 */
#include "shs.h"

#define RINGS	64
#define WAITS	64
#define OBJECTS	5
#define PERMITS	3

enum { MUTEX, FIFO, RWLOCK, WRITTEN, SEMAPHORE };

struct crowd {
	__u64 inside[OBJECTS], times[OBJECTS];
};

struct wait {
	struct shs_ioc_lock lock;
	int object;
};

struct fighter {
	struct io_uring ring;
	struct shs_att att[OBJECTS];
	struct wait wait[WAITS];
	struct crowd *crowd;
	__u64 seed;
	unsigned int pending, refused;	/* waits that are begun; those begun too many */
	bool async;
};

FIXTURE(uring_crowd) {
	int fd[OBJECTS];
	struct crowd *crowd;
	bool async;		/* no thread of the kernel's waits */
};

FIXTURE_SETUP(uring_crowd)
{
	struct shs_ioc_abi abi = { .size = sizeof(abi) };
	__u32 permits[2] = { PERMITS, PERMITS };
	struct io_uring ring;
	int fd, err;

	SHS_MOUNT("");
	fd = shs_open(".", O_RDONLY);
	ASSERT_EQ(0, shs_ioctl(fd, SHS_IOC_ABI, &abi));
	close(fd);
	self->async = abi.features & SHS_FEATURE_ASYNC;
	err = io_uring_queue_init(1, &ring, 0);
	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "io_uring is off on this kernel");
	ASSERT_EQ(0, err);
	io_uring_queue_exit(&ring);
	self->crowd = shs_common(sizeof(*self->crowd));
	for (int i = 0; i < OBJECTS; i++) {
		struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64,
						    .count = 1);

		if (i == FIFO)
			init.flags = SHS_INIT_FIFO;
		if (i == RWLOCK || i == WRITTEN)
			init.kind = SHS_KIND_RWLOCK;
		if (i == SEMAPHORE)
			init = SHS_INIT(.kind = SHS_KIND_SEMAPHORE, .type = SHS_TYPE_U32,
					.count = 2, .value = (unsigned long)permits,
					.value_size = sizeof(permits));
		self->fd[i] = shs_create_as(&init);
		ASSERT_LE(0, self->fd[i]);
	}
}

FIXTURE_TEARDOWN(uring_crowd)
{
}

static void begin(struct fighter *f, struct wait *w)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&f->ring);
	__u64 what = shs_number(&f->seed);

	w->object = what % OBJECTS;
	w->lock = SHS_LOCK(.deadline = SHS_FOREVER);
	if (what >> 8 & 1 && w->object == RWLOCK)
		w->lock.mode = SHS_MODE_READ;
	if ((what >> 16) % 8 == 0)
		w->lock.deadline = shs_now(SHS_CLOCK_MONOTONIC) + SHS_MS;
	if (!sqe)
		_exit(10);
	shs_prep_command(sqe, f->att[w->object].fd, SHS_IOC_LOCK, &w->lock);
	sqe->user_data = (unsigned long)w;
	f->pending++;
}

static void enter_and_leave(struct fighter *f, struct wait *w)
{
	struct shs_ioc_lock unlock = SHS_LOCK(.mode = w->lock.mode);
	bool alone = w->object != SEMAPHORE && w->lock.mode == SHS_MODE_EXCLUSIVE;
	struct crowd *c = f->crowd;

	/* Who died inside did not leave; his heir is told so. */
	if (alone && __atomic_exchange_n(&c->inside[w->object], 1, __ATOMIC_SEQ_CST) &&
	    !w->lock.notice)
		_exit(20);
	__atomic_fetch_add(&c->times[w->object], 1, __ATOMIC_RELAXED);
	if (alone)
		__atomic_store_n(&c->inside[w->object], 0, __ATOMIC_SEQ_CST);
	if (shs_unlock_as(&f->att[w->object], &unlock))
		_exit(21);
}

/* What one of its own waits, by chance, has come to. */
static void cancel(struct fighter *f)
{
	struct wait *w = &f->wait[shs_number(&f->seed) % WAITS];
	struct shs_ioc_cancel cancel = {
		.size = sizeof(cancel), .addr = (unsigned long)&w->lock
	};
	int ret = shs_ioctl(f->att[w->object].fd, SHS_IOC_CANCEL, &cancel);

	if (ret && ret != -ENOENT)
		_exit(30);
}

static void end(struct fighter *f, struct io_uring_cqe *cqe)
{
	struct wait *w = (void *)(unsigned long)cqe->user_data;
	int ret = cqe->res;

	io_uring_cqe_seen(&f->ring, cqe);
	f->pending--;
	if (!ret)
		enter_and_leave(f, w);
	else if (ret == -EBUSY && !f->async)	/* no worker is left for it */
		f->refused++;
	else if (ret != -ETIMEDOUT && ret != -ECANCELED)
		_exit(40);
	if (ret != -EBUSY || f->pending < 2)
		begin(f, w);
}

static void fight(struct fighter *f, const int *fd)
{
	struct io_uring_cqe *cqe;

	if (io_uring_queue_init(WAITS, &f->ring, 0))
		_exit(1);
	for (int i = 0; i < OBJECTS; i++)
		if (shs_attach(&f->att[i], fd[i]))
			_exit(2);
	for (int i = 0; i < WAITS; i++)
		begin(f, &f->wait[i]);
	for (;;) {
		if (io_uring_submit(&f->ring) < 0)
			_exit(3);
		if (shs_number(&f->seed) % 16 == 0)
			cancel(f);
		if (shs_uring_wait(&f->ring, &cqe))
			_exit(4);
		end(f, cqe);
	}
}

static pid_t send_in(FIXTURE_DATA(uring_crowd) *self, __u64 seed)
{
	static struct fighter f;
	pid_t child = shs_fork();

	if (child)
		return child;
	f = (struct fighter){ .seed = seed, .crowd = self->crowd, .async = self->async };
	fight(&f, self->fd);
	return 0;
}

static __u64 all_times(const struct crowd *c)
{
	__u64 sum = 0;

	for (int i = 0; i < OBJECTS; i++)
		sum += __atomic_load_n(&c->times[i], __ATOMIC_RELAXED);
	return sum;
}

TEST_F(uring_crowd, killed_at_random)
{
	int n = shs_scale(self->async ? RINGS : 16);	/* each with a worker for each wait */
	unsigned long rounds = shs_scale(100);
	struct shs_ioc_lock take;
	struct shs_att att;
	__u64 seed = 7;
	pid_t child[RINGS];

	n = n > RINGS ? RINGS : n;
	for (int i = 0; i < n; i++)
		child[i] = send_in(self, i + 1);
	for (unsigned long round = 0; round < rounds; round++) {
		__u64 then = all_times(self->crowd) + shs_number(&seed) % 64;
		int i = shs_number(&seed) % n;

		while (all_times(self->crowd) < then)
			sched_yield();
		ASSERT_EQ(-SIGKILL, shs_kill(child[i]));
		child[i] = send_in(self, round + 1000);
	}
	for (int o = 0; o < OBJECTS; o++)	/* each has been had, by then or soon */
		while (!__atomic_load_n(&self->crowd->times[o], __ATOMIC_RELAXED))
			sched_yield();
	for (int i = 0; i < n; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	for (int o = 0; o < OBJECTS; o++) {
		SHS_AWAIT(self->fd[o], info.waiters == 0 && info.attachments == 0);
		ASSERT_EQ(0, shs_attach(&att, self->fd[o]));
		take = SHS_LOCK(.flags = SHS_LOCK_NOWAIT,
				.permits = o == SEMAPHORE ? PERMITS : 0);
		EXPECT_NE(-EBUSY, shs_lock_as(&att, &take)) TH_LOG("object %d", o);
		shs_detach(&att);
	}
	TH_LOG("%d rings of %d waits, %lu killed, %llu times", n, WAITS, rounds + n,
	       (unsigned long long)all_times(self->crowd));
}

TEST_HARNESS_MAIN
