// SPDX-License-Identifier: GPL-2.0-only
/*
 * No memory, or no access to the caller's, at any place of any call: the kernel's
 * fault injection lets the first, then the second, ... of the places fail until there
 * are no more. Whatever failed, the call is then not done: all objects, the usage of
 * the mount and the descriptors are as before; and the same call succeeds when made
 * again. That nothing leaks shows at the end of the run, on a kernel that looks.
 */
#include "shs.h"
#include <sys/vfs.h>

#define NTH_MAX 1000	/* no call has as many places */

static int nth_fd = -1;

static void write_knob(const char *folder, const char *name, const char *value)
{
	char path[100];
	int knob;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", folder, name);
	knob = open(path, O_WRONLY);
	if (knob >= 0 && write(knob, value, strlen(value)) < 0)
		abort();
	close(knob);
}

/* Allocations that may sleep count too, pages of any order; no traces in the log. */
static bool prepare_injection(void)
{
	static const char * const folders[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		return false;
	for (int i = 0; i < ARRAY_SIZE(folders); i++) {
		write_knob(folders[i], "verbose", "0");
		write_knob(folders[i], "ignore-gfp-wait", "0");
		write_knob(folders[i], "min-order", "0");
	}
	return true;
}

static void arm(int n)
{
	char text[12];
	int len = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(nth_fd, text, len, 0) != len)
		abort();
}

/*
 * Whether the call met its failure. To ask is to copy once more, so the answer may
 * be the failure itself; then the call did not meet it.
 */
static bool disarm(void)
{
	char text[12] = { 0 };
	bool met = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);

	while (pwrite(nth_fd, "0", 1, 0) != 1)
		;
	return met;
}

/*
 * What may not have changed
 */
#define SEEN_MAX 8

static int seen[SEEN_MAX];	/* objects */
static int seen_count;
static int directory;

struct world {
	struct shs_ioc_info info[SEEN_MAX];
	__u64 text[SEEN_MAX];	/* hashes */
	struct statfs usage;
	int next_fd;
	int names;
};

static __u64 hash(const char *text)
{
	__u64 h = 0xcbf29ce484222325ULL;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3ULL;
	return h;
}

static int count_names(void)
{
	struct stat st;

	/* the one name that any of these tests gives */
	return !stat(SHS_DIR "/name", &st);
}

/* What an object tells of its past, or of the clock, is not its state. */
static struct shs_ioc_info state_of(int fd)
{
	struct shs_ioc_info info = shs_info(fd);

	info.held_ns = info.waits = info.wakes = 0;
	return info;
}

static struct world look(void)
{
	struct world w;

	memset(&w, 0, sizeof(w));
	for (int i = 0; i < seen_count; i++) {
		w.info[i] = state_of(seen[i]);
		w.text[i] = hash(shs_text(seen[i]));
	}
	fstatfs(directory, &w.usage);
	w.next_fd = dup(0);
	close(w.next_fd);
	w.names = count_names();
	return w;
}

static const char *difference(const struct world *before)
{
	struct world now = look();

	for (int i = 0; i < seen_count; i++) {
		if (memcmp(&now.info[i], &before->info[i], sizeof(now.info[i])))
			return "what an object says of itself";
		if (now.text[i] != before->text[i])
			return "a value";
	}
	if (memcmp(&now.usage, &before->usage, sizeof(now.usage)))
		return "the usage of the mount";
	if (now.next_fd != before->next_fd)
		return "the descriptors";
	if (now.names != before->names)
		return "the names";
	return "nothing";
}

/* For the next object alone: to look at many costs time. */
static void forget(void)
{
	while (seen_count)
		close(seen[--seen_count]);
}

static int see(int fd)
{
	if (fd < 0)
		abort();
	seen[seen_count++] = fd;
	return fd;
}

/*
 * Lets the n-th place fail, for all n. The call gives `usual` when nothing fails
 * (GOOD: 0 or more, whatever), and then `undo` takes it back; else it says ENOMEM or EFAULT.
 * A failure that the kernel gets over is as none. There must be a place at all.
 */
#define GOOD 0
#define AS_USUAL(usual, ret) ((usual) == GOOD ? (ret) >= 0 : (ret) == (usual))
#define NTH(usual, call, undo) do {						\
	struct world before_ = look();						\
	bool met_ = true;							\
	int n_, met_in_all_ = 0;						\
	long ret = 0;								\
										\
	for (n_ = 1; met_ && n_ < NTH_MAX; n_++) {				\
		arm(n_);							\
		ret = (call);							\
		met_ = disarm();						\
		met_in_all_ += met_;						\
		if (AS_USUAL(usual, ret)) {					\
			undo;							\
		} else {							\
			EXPECT_TRUE(ret == -ENOMEM || ret == -EFAULT)		\
				TH_LOG("%s: %ld at place %d", #call, ret, n_);	\
		}								\
		EXPECT_STREQ("nothing", difference(&before_))			\
			TH_LOG("%s: %ld at place %d", #call, ret, n_);		\
	}									\
	EXPECT_TRUE(AS_USUAL(usual, ret))					\
		TH_LOG("%s: %ld without a failure", #call, ret);		\
	EXPECT_LT(0, met_in_all_) TH_LOG("%s: nothing failed", #call);		\
	EXPECT_GT(NTH_MAX, n_);							\
} while (0)
#define NOTHING_TO_UNDO ((void)0)

static long outcome(long ret)
{
	return ret < 0 ? -errno : ret;
}

FIXTURE(nth) {
};

FIXTURE_SETUP(nth)
{
	SHS_MOUNT("");
	if (!prepare_injection())
		SKIP(return, "the kernel has no fault injection");
	seen_count = 0;
	directory = shs_open(".", O_RDONLY);
	ASSERT_LE(0, directory);
}

FIXTURE_TEARDOWN(nth)
{
}

static char buffer[65536], buffer2[65536];
static const char zeroes[65536];
#define ADDRESS(of) ((unsigned long)(of))

TEST_F(nth, abi)
{
	struct shs_ioc_abi abi = { .size = sizeof(abi) };

	NTH(GOOD, shs_ioctl(directory, SHS_IOC_ABI, &abi), NOTHING_TO_UNDO);
}

TEST_F(nth, tmpfile)
{
	NTH(GOOD, shs_blank(), close(ret));
}

/* Of every kind, with and without value and metadata, small and large. */
TEST_F(nth, init)
{
	struct shs_ioc_init inits[] = {
		SHS_INIT(.kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U64, .count = 1),
		SHS_INIT(.kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U32, .count = 3072,
			 .value = ADDRESS(buffer), .value_size = 12288,
			 .meta = ADDRESS(buffer), .meta_size = 4096),
		SHS_INIT(.kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64, .count = 512,
			 .value = ADDRESS(buffer), .value_size = 4096),
		SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_BYTES, .count = 12288,
			 .value = ADDRESS(buffer), .value_size = 12288),
		SHS_INIT(.kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_I32, .count = 2,
			 .meta = ADDRESS(buffer), .meta_size = 5),
		SHS_INIT(.kind = SHS_KIND_CONDVAR, .meta = ADDRESS(buffer), .meta_size = 5),
		SHS_INIT(.kind = SHS_KIND_ONCE, .flags = SHS_INIT_EPHEMERAL),
		SHS_INIT(.kind = SHS_KIND_CELL, .type = SHS_TYPE_BYTES, .count = 4096,
			 .value = ADDRESS(buffer), .value_size = 4096),
		SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_BYTES, .count = 8192,
			 .flags = SHS_INIT_STRICT | SHS_INIT_RECURSIVE | SHS_INIT_COMMIT,
			 .value = ADDRESS(buffer), .value_size = 8192),
		SHS_INIT(.kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64, .count = 3,
			 .flags = SHS_INIT_DETECT | SHS_INIT_COMMIT),
		SHS_INIT(.kind = SHS_KIND_ONCE, .type = SHS_TYPE_BYTES, .count = 8192,
			 .flags = SHS_INIT_DONE, .value = ADDRESS(buffer), .value_size = 8192),
		SHS_INIT(.kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64, .count = 512,
			 .flags = SHS_INIT_LIVE),
	};

	for (int i = 0; i < ARRAY_SIZE(inits); i++) {
		int fd = see(shs_blank());

		NTH(GOOD, shs_ioctl(fd, SHS_IOC_INIT, &inits[i]),
		    { close(fd); seen[0] = fd = shs_blank(); });
		forget();
	}
}

/* Fresh for each try: what is "out" has been written by the last. */
static long op(int fd, struct shs_ioc_op op)
{
	return shs_op(fd, &op);
}

static const struct {
	__u32 kind, type, count;
} numbers[] = {
	{ SHS_KIND_ATOMIC, SHS_TYPE_U64, 3 }, { SHS_KIND_COUNTER, SHS_TYPE_I64, 3 },
	{ SHS_KIND_MUTEX, SHS_TYPE_U64, 3 }, { SHS_KIND_RWLOCK, SHS_TYPE_U64, 3 },
	{ SHS_KIND_CELL, SHS_TYPE_U64, 1 },
};

static int create_with(__u32 flags, __u32 kind, __u32 type, __u32 count)
{
	return shs_create_as(&SHS_INIT(.kind = kind, .type = type, .count = count,
				       .flags = flags));
}

TEST_F(nth, op_numeric)
{
	int fd[ARRAY_SIZE(numbers)], condvar, once;

	for (int i = 0; i < ARRAY_SIZE(numbers); i++)
		fd[i] = see(shs_create(numbers[i].kind, numbers[i].type, numbers[i].count));
	condvar = see(shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0));
	once = see(shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0));

	NTH(GOOD, op(fd[0], SHS_OP(FETCH_ADD, .index = 2, .arg = 5)),
	    op(fd[0], SHS_OP(FETCH_SUB, .index = 2, .arg = 5)));
	NTH(GOOD, op(fd[0], SHS_OP(STORE, .arg = 5)), op(fd[0], SHS_OP(STORE)));
	NTH(-EREMCHG, op(fd[0], SHS_OP(CMPXCHG, .arg = 5, .expected = 3)), NOTHING_TO_UNDO);
	NTH(-EBUSY, op(fd[0], SHS_OP(WAIT, .flags = SHS_OP_NOWAIT)), NOTHING_TO_UNDO);
	NTH(-ETIMEDOUT, op(fd[0], SHS_OP(WAIT)), NOTHING_TO_UNDO);
	NTH(GOOD, op(fd[0], SHS_OP(NOTIFY, .arg = 1)), NOTHING_TO_UNDO);
	NTH(-ETIMEDOUT, op(fd[0], SHS_OP(AWAIT_NE)), NOTHING_TO_UNDO);
	NTH(-ETIMEDOUT, op(fd[1], SHS_OP(AWAIT_GE, .arg = 5)), NOTHING_TO_UNDO);
	NTH(GOOD, op(fd[0], SHS_OP(CHANGED)), NOTHING_TO_UNDO);
	NTH(GOOD, op(fd[1], SHS_OP(ADD, .arg = 5)), op(fd[1], SHS_OP(ADD, .arg = -5)));
	NTH(GOOD, op(fd[1], SHS_OP(RESET, .index = 1, .arg = 5)),
	    op(fd[1], SHS_OP(RESET, .index = 1)));
	NTH(GOOD, op(fd[2], SHS_OP(WRITE, .arg = 5)), op(fd[2], SHS_OP(WRITE)));
	NTH(GOOD, op(fd[3], SHS_OP(ADD, .arg = 5)), op(fd[3], SHS_OP(ADD, .arg = -5)));
	NTH(GOOD, op(fd[3], SHS_OP(READ)), NOTHING_TO_UNDO);
	NTH(GOOD, op(fd[4], SHS_OP(SWAP, .arg = 5)), op(fd[4], SHS_OP(STORE)));
	NTH(GOOD, op(fd[4], SHS_OP(TAKE)), NOTHING_TO_UNDO);
	NTH(GOOD, op(condvar, SHS_OP(NOTIFY, .arg = 1)), NOTHING_TO_UNDO);
	NTH(GOOD, op(once, SHS_OP(LOAD)), NOTHING_TO_UNDO);
}

/* Values that take a buffer of their own in the kernel, from one page and from several. */
TEST_F(nth, op_bytes)
{
	static const struct {
		__u32 kind, flags;
	} made[] = {
		{ SHS_KIND_MUTEX }, { SHS_KIND_RWLOCK }, { SHS_KIND_MUTEX, SHS_INIT_COMMIT },
		{ SHS_KIND_RWLOCK, SHS_INIT_COMMIT },
	};
	int cell;

	memset(buffer, 7, sizeof(buffer));
	for (int i = 0; i < ARRAY_SIZE(made); i++) {
		int fd = see(create_with(made[i].flags, made[i].kind, SHS_TYPE_BYTES, 12288));

		for (__u32 len = 300; len <= 12288; len += 12288 - 300) {
			const struct shs_ioc_op write = SHS_OP(WRITE, .flags = SHS_OP_BYTES,
					.len = len, .addr = ADDRESS(buffer));
			const struct shs_ioc_op clear = SHS_OP(WRITE, .flags = SHS_OP_BYTES,
					.len = len, .addr = ADDRESS(zeroes));
			const struct shs_ioc_op read = SHS_OP(READ, .flags = SHS_OP_BYTES,
					.len = len, .addr = ADDRESS(buffer2));

			NTH(GOOD, op(fd, write), op(fd, clear));
			NTH(GOOD, op(fd, read), NOTHING_TO_UNDO);
		}
		forget();
	}
	cell = see(shs_create(SHS_KIND_CELL, SHS_TYPE_BYTES, 4096));
	NTH(GOOD, op(cell, SHS_OP(STORE, .flags = SHS_OP_BYTES, .len = 4096,
				  .addr = ADDRESS(buffer))),
	    op(cell, SHS_OP(STORE, .flags = SHS_OP_BYTES, .len = 4096,
			    .addr = ADDRESS(zeroes))));
}

/* The same of what is committed, also by the mapped slots: hidden bytes are no value. */
TEST_F(nth, op_commit)
{
	static const __u32 kinds[] = { SHS_KIND_MUTEX, SHS_KIND_RWLOCK };

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = see(create_with(SHS_INIT_COMMIT, kinds[i], SHS_TYPE_U64, 3));

		NTH(GOOD, op(fd, SHS_OP(WRITE, .index = 2, .arg = 5)),
		    op(fd, SHS_OP(WRITE, .index = 2)));
		NTH(GOOD, op(fd, SHS_OP(ADD, .arg = 5)), op(fd, SHS_OP(ADD, .arg = -5)));
		NTH(GOOD, op(fd, SHS_OP(READ)), NOTHING_TO_UNDO);
		NTH(GOOD, op(fd, SHS_OP(PEEK)), NOTHING_TO_UNDO);
		NTH(GOOD, shs_write(fd, "7"), shs_write(fd, "0"));
		forget();
	}
}

/* Without lanes; and in the name of an attachment, with which it is gone. */
TEST_F(nth, op_counters)
{
	int serial = see(create_with(SHS_INIT_SERIAL, SHS_KIND_COUNTER, SHS_TYPE_I64, 3));
	int live = see(create_with(SHS_INIT_LIVE, SHS_KIND_COUNTER, SHS_TYPE_I64, 3));
	struct shs_att att;

	NTH(GOOD, op(serial, SHS_OP(ADD, .arg = 5)), op(serial, SHS_OP(ADD, .arg = -5)));
	NTH(GOOD, op(serial, SHS_OP(RESET, .arg = 5)), op(serial, SHS_OP(RESET)));
	NTH(GOOD, op(serial, SHS_OP(LOAD)), NOTHING_TO_UNDO);
	ASSERT_EQ(0, shs_attach(&att, live));
	NTH(GOOD, op(att.fd, SHS_OP(ADD, .index = 1, .arg = 5)),
	    op(att.fd, SHS_OP(ADD, .index = 1, .arg = -5)));
	NTH(GOOD, op(att.fd, SHS_OP(LOAD, .index = 1)), NOTHING_TO_UNDO);
	NTH(-ENXIO, op(live, SHS_OP(ADD, .arg = 5)), NOTHING_TO_UNDO);
	NTH(GOOD, op(live, SHS_OP(RESET, .arg = 5)), op(live, SHS_OP(RESET)));
}

/* The exchanges give something back as well, so they write the caller's memory first. */
TEST_F(nth, op_bytes_exchange)
{
	int cell = see(shs_create(SHS_KIND_CELL, SHS_TYPE_BYTES, 4096));
	const struct shs_ioc_op zero = SHS_OP(STORE, .flags = SHS_OP_BYTES, .len = 4096,
					      .addr = ADDRESS(zeroes));
	const struct shs_ioc_op load = SHS_OP(LOAD, .flags = SHS_OP_BYTES, .len = 4096,
					      .addr = ADDRESS(buffer2));
	const struct shs_ioc_op swap = SHS_OP(SWAP, .flags = SHS_OP_BYTES, .len = 4096,
					      .addr = ADDRESS(buffer),
					      .addr2 = ADDRESS(buffer2));
	const struct shs_ioc_op take = SHS_OP(TAKE, .flags = SHS_OP_BYTES, .len = 4096,
					      .addr = ADDRESS(buffer2));
	const struct shs_ioc_op exchange = SHS_OP(CMPXCHG, .flags = SHS_OP_BYTES, .len = 4096,
						  .addr = ADDRESS(buffer),
						  .addr2 = ADDRESS(buffer2));

	memset(buffer, 7, 4096);
	NTH(GOOD, op(cell, load), NOTHING_TO_UNDO);
	NTH(GOOD, op(cell, swap), op(cell, zero));
	memset(buffer2, 0, 4096);
	NTH(GOOD, op(cell, exchange), op(cell, zero));
	NTH(-EREMCHG, (buffer2[9] = 1, op(cell, exchange)), NOTHING_TO_UNDO);
	ASSERT_EQ(0, op(cell, SHS_OP(STORE, .flags = SHS_OP_BYTES, .len = 4096,
				     .addr = ADDRESS(buffer))));
	NTH(GOOD, op(cell, take), op(cell, SHS_OP(STORE, .flags = SHS_OP_BYTES, .len = 4096,
						  .addr = ADDRESS(buffer))));
}

/* Each operation of a batch is done or not, and done says how many. */
static long batch(int fd, struct shs_ioc_batch *b, struct shs_ioc_op *ops, int *fds)
{
	for (int i = 0; i < 3; i++)
		ops[i] = SHS_OP(FETCH_ADD, .arg = 1);
	*b = SHS_BATCH(*(struct shs_ioc_op (*)[3])ops, .fds = ADDRESS(fds));
	return shs_batch(fd, b);
}

static void undo_batch(int fd, int n)
{
	op(fd, SHS_OP(FETCH_SUB, .arg = n));
}

TEST_F(nth, batch)
{
	int fd = see(shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U64, 1));
	int fds[3] = { fd, fd, fd };
	struct shs_ioc_op ops[3];
	struct shs_ioc_batch b;

	NTH(GOOD, ({ long r = batch(fd, &b, ops, NULL); if (r) undo_batch(fd, b.done); r; }),
	    undo_batch(fd, 3));
	NTH(GOOD, ({ long r = batch(fd, &b, ops, fds); if (r) undo_batch(fd, b.done); r; }),
	    undo_batch(fd, 3));
}

static long attach(int fd)
{
	struct shs_ioc_attach a = { .size = sizeof(a) };

	return shs_ioctl(fd, SHS_IOC_ATTACH, &a);
}

/* Of an object that has its pages; of small and of large ones. */
TEST_F(nth, attach)
{
	static const struct {
		__u32 kind, type, count, flags;
	} made[] = {
		{ SHS_KIND_ATOMIC, SHS_TYPE_U64, 1536 }, { SHS_KIND_COUNTER, SHS_TYPE_I64, 512 },
		{ SHS_KIND_MUTEX, SHS_TYPE_U64, 1 }, { SHS_KIND_RWLOCK, SHS_TYPE_U64, 1 },
		{ SHS_KIND_CONDVAR }, { SHS_KIND_ONCE }, { SHS_KIND_CELL, SHS_TYPE_BYTES, 4096 },
		{ SHS_KIND_COUNTER, SHS_TYPE_I64, 512, SHS_INIT_LIVE },
		{ SHS_KIND_MUTEX, SHS_TYPE_BYTES, 8192, SHS_INIT_COMMIT | SHS_INIT_DETECT },
		{ SHS_KIND_RWLOCK, SHS_TYPE_U64, 1, SHS_INIT_COMMIT | SHS_INIT_DETECT },
		{ SHS_KIND_ONCE, SHS_TYPE_BYTES, 8192 },
	};

	for (int i = 0; i < ARRAY_SIZE(made); i++) {
		int fd = see(create_with(made[i].flags, made[i].kind, made[i].type,
					 made[i].count));

		close(attach(fd));
		NTH(GOOD, attach(fd), close(ret));
		forget();
	}
}

/* Its pages too are there after the first attachment or not at all. */
TEST_F(nth, attach_first)
{
	int fd = see(shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 12288));

	NTH(GOOD, attach(fd), {
		close(ret);
		close(fd);
		fd = seen[0] = shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 12288);
		before_ = look();
	});
}

/*
 * A mapping that fails is none: the attachment is not alive by it, and takes it the
 * next time.
 */
static void *map(const struct shs_att *att, off_t region, size_t size, int protection)
{
	void *at = shs_map(att, region, size, protection);

	return at == MAP_FAILED ? (void *)(long)-errno : at;
}

static long try_map(struct shs_att *att, off_t region)
{
	size_t size = region == SHS_MMAP_CONTROL ? att->is.control_size :
		      region == SHS_MMAP_SHARED ? att->is.shared_size : att->is.private_size;
	void *at = map(att, region, size, region == SHS_MMAP_CONTROL ? PROT_READ :
		       PROT_READ | PROT_WRITE);

	if ((long)at < 0)
		return (long)at;
	munmap(at, size);
	return 0;
}

TEST_F(nth, mmap)
{
	static const off_t regions[] = { SHS_MMAP_CONTROL, SHS_MMAP_SHARED, SHS_MMAP_PRIVATE };
	int fd = see(shs_create(SHS_KIND_RWLOCK, SHS_TYPE_BYTES, 8192));
	struct shs_att att;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, shs_attach_only(&att, fd));
		NTH(GOOD, try_map(&att, regions[i]),
		    { close(att.fd); shs_attach_only(&att, fd); });
		EXPECT_EQ(-ENXIO, shs_lock(&att));
		close(att.fd);
	}
}

TEST_F(nth, questions)
{
	int fd = see(shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_BYTES,
			.count = 12288, .meta = ADDRESS(buffer), .meta_size = 3000)));
	struct shs_ioc_meta meta = { .size = sizeof(meta), .capacity = 4096,
				     .addr = ADDRESS(buffer2) };
	struct shs_ioc_info info = { .size = sizeof(info) };
	struct shs_ioc_death death = { .size = sizeof(death) };
	struct shs_att att;
	pid_t child = shs_fork();
	struct statfs st;
	char path[40];

	if (!child) {
		shs_attach(&att, fd);
		_exit(shs_lock(&att));
	}
	ASSERT_EQ(0, shs_reap(child));
	ASSERT_EQ(0, shs_attach(&att, fd));
	NTH(GOOD, shs_ioctl(fd, SHS_IOC_INFO, &info), NOTHING_TO_UNDO);
	NTH(GOOD, shs_ioctl(att.fd, SHS_IOC_INFO, &info), NOTHING_TO_UNDO);
	NTH(GOOD, shs_ioctl(fd, SHS_IOC_DEATH, &death), NOTHING_TO_UNDO);
	NTH(GOOD, shs_ioctl(fd, SHS_IOC_META, &meta), NOTHING_TO_UNDO);
	NTH(GOOD, outcome(statfs(SHS_DIR, &st)), NOTHING_TO_UNDO);
	NTH(GOOD, outcome(pread(fd, buffer2, sizeof(buffer2), 0)), NOTHING_TO_UNDO);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", att.fd);
	NTH(GOOD, outcome(open(path, O_RDONLY)), close(ret));
}

TEST_F(nth, lock)
{
	static const __u32 kinds[] = { SHS_KIND_MUTEX, SHS_KIND_RWLOCK, SHS_KIND_CELL };
	struct shs_att att;

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_EQ(0, shs_attach(&att, see(shs_create(kinds[i], SHS_TYPE_U64, 1))));
		NTH(GOOD, shs_lock(&att), shs_unlock(&att));
		NTH(GOOD, shs_trylock(&att), shs_unlock(&att));
		ASSERT_EQ(0, shs_lock(&att));
		NTH(GOOD, shs_unlock(&att), shs_lock(&att));
		NTH(-EBUSY, shs_trylock(&att), NOTHING_TO_UNDO);
		NTH(-ETIMEDOUT, shs_lock_as(&att, &SHS_LOCK(.deadline = 1)), NOTHING_TO_UNDO);
	}
}

/* Any, or all, of two that have to be taken, and of two of which one is held. */
static int many(const struct shs_att *att, __u32 flags, __u64 deadline)
{
	struct shs_many_item item[2] = { { .fd = att[0].fd }, { .fd = att[1].fd } };
	struct shs_ioc_many many = {
		.size = sizeof(many), .flags = flags, .items = (unsigned long)item, .nr = 2,
		.item_size = sizeof(item[0]), .deadline = deadline,
	};

	return shs_ioctl(att[0].fd, SHS_IOC_MANY, &many);
}

TEST_F(nth, any_or_all)
{
	struct shs_att att[2];

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, shs_attach(&att[i], see(shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1))));
	NTH(GOOD, many(att, 0, SHS_FOREVER), shs_unlock(&att[0]));
	NTH(GOOD, many(att, SHS_MANY_ALL, SHS_FOREVER),
	    { shs_unlock(&att[0]); shs_unlock(&att[1]); });
	ASSERT_EQ(0, shs_lock(&att[1]));
	NTH(-ETIMEDOUT, many(att, SHS_MANY_ALL, 1), NOTHING_TO_UNDO);
	ASSERT_EQ(0, shs_lock(&att[0]));
	NTH(-ETIMEDOUT, many(att, 0, 1), NOTHING_TO_UNDO);
}

/* The same, begun only; the structs are written when it is collected. */
static int arm_many(const struct shs_att *att, __u32 flags)
{
	static struct shs_many_item item[2];
	static struct shs_ioc_many many;

	for (int i = 0; i < 2; i++)
		item[i] = (struct shs_many_item){ .fd = att[i].fd };
	many = (struct shs_ioc_many){
		.size = sizeof(many), .flags = flags, .items = (unsigned long)item, .nr = 2,
		.item_size = sizeof(item[0]), .deadline = SHS_FOREVER,
	};
	return shs_arm(att[0].fd, SHS_IOC_MANY, &many);
}

TEST_F(nth, armed)
{
	struct shs_ioc_lock lock = SHS_LOCK();
	struct shs_att att[2];

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, shs_attach(&att[i], see(shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1))));
	NTH(GOOD, shs_arm(att[0].fd, SHS_IOC_LOCK, &lock),
	    { shs_collect(att[0].fd); shs_unlock(&att[0]); });
	NTH(GOOD, arm_many(att, 0), { shs_collect(att[0].fd); shs_unlock(&att[0]); });
	NTH(GOOD, arm_many(att, SHS_MANY_ALL),
	    { shs_collect(att[0].fd); shs_unlock(&att[0]); shs_unlock(&att[1]); });
	ASSERT_EQ(0, arm_many(att, SHS_MANY_ALL));
	NTH(GOOD, shs_collect(att[0].fd),
	    { shs_unlock(&att[0]); shs_unlock(&att[1]); arm_many(att, SHS_MANY_ALL); });
	NTH(-EBUSY, shs_arm(att[0].fd, SHS_IOC_LOCK, &lock), NOTHING_TO_UNDO);
}

TEST_F(nth, read_lock_and_convert)
{
	const struct shs_ioc_lock upgradable = SHS_LOCK(.mode = SHS_MODE_UPGRADABLE);
	struct shs_ioc_convert up = SHS_CONVERT(.from = SHS_MODE_UPGRADABLE);
	struct shs_ioc_convert down = SHS_CONVERT(.to = SHS_MODE_UPGRADABLE);
	struct shs_ioc_convert read = SHS_CONVERT(.to = SHS_MODE_READ, .lane = 3);
	struct shs_ioc_lock mode = upgradable;
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, see(shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 1))));
	NTH(GOOD, shs_rdlock(&att, 1), shs_rdunlock(&att, 1));
	NTH(GOOD, shs_lock_as(&att, &mode), shs_unlock_as(&att, &mode));
	ASSERT_EQ(0, shs_lock_as(&att, &mode));
	NTH(GOOD, shs_convert(&att, &up), shs_convert(&att, &down));
	ASSERT_EQ(0, shs_convert(&att, &up));
	NTH(GOOD, shs_convert(&att, &down), shs_convert(&att, &up));
	NTH(GOOD, shs_convert(&att, &read), { shs_rdunlock(&att, 3); shs_lock(&att); });
}

/* Each level of a recursive lock is there or not; what is refused beside it is. */
TEST_F(nth, lock_again)
{
	struct shs_att att, condition;
	int fd = see(create_with(SHS_INIT_RECURSIVE, SHS_KIND_MUTEX, SHS_TYPE_U64, 1));

	ASSERT_EQ(0, shs_attach(&condition, see(shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0))));
	ASSERT_EQ(0, shs_attach(&att, fd));
	NTH(GOOD, shs_lock(&att), shs_unlock(&att));
	ASSERT_EQ(0, shs_lock(&att));
	NTH(GOOD, shs_lock(&att), shs_unlock(&att));
	NTH(GOOD, shs_trylock(&att), shs_unlock(&att));
	ASSERT_EQ(0, shs_lock(&att));
	NTH(GOOD, shs_unlock(&att), shs_lock(&att));
	NTH(-EDEADLK, shs_wait(&condition, &SHS_WAIT(.mutex_fd = att.fd)), NOTHING_TO_UNDO);
	EXPECT_EQ(2, shs_info(fd).depth);
}

static struct shs_ioc_recover recover;

/* What a dead child left; then it is declared good, or lost. */
TEST_F(nth, recover)
{
	static const __u32 kinds[] = { SHS_KIND_MUTEX, SHS_KIND_RWLOCK };
	const struct shs_ioc_op mend = SHS_OP(WRITE, .flags = SHS_OP_RECOVER, .arg = 5);

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = see(create_with(SHS_INIT_STRICT, kinds[i], SHS_TYPE_U64, 1));
		struct shs_att att;
		pid_t child = shs_fork();

		if (!child) {
			shs_attach(&att, fd);
			_exit(shs_lock(&att));
		}
		ASSERT_EQ(0, shs_reap(child));
		ASSERT_EQ(0, shs_attach(&att, fd));
		NTH(-EUCLEAN, op(fd, SHS_OP(WRITE, .arg = 5)), NOTHING_TO_UNDO);
		/* who locks again is told again, as long as nobody declares it good */
		NTH(-EOWNERDEAD, shs_lock(&att),
		    shs_unlock_as(&att, &SHS_LOCK(.flags = SHS_UNLOCK_ABANDON)));
		ASSERT_EQ(-EOWNERDEAD, shs_lock(&att));
		NTH(GOOD, (recover = (struct shs_ioc_recover){ sizeof(recover) },
			   shs_ioctl(att.fd, SHS_IOC_RECOVER, &recover)), {
			EXPECT_EQ(0, shs_info(fd).state & SHS_STATE_OWNER_DIED);
			shs_unlock_as(&att, &SHS_LOCK(.flags = SHS_UNLOCK_ABANDON));
			shs_lock(&att);
		});
		NTH(GOOD, shs_unlock(&att), {
			op(fd, SHS_OP(WRITE, .flags = SHS_OP_RECOVER));
			shs_lock(&att);
			shs_unlock_as(&att, &SHS_LOCK(.flags = SHS_UNLOCK_ABANDON));
			shs_lock(&att);
		});
		ASSERT_EQ(0, shs_unlock(&att));
		ASSERT_EQ(SHS_STATE_LOST, shs_info(fd).state & SHS_STATE_LOST);
		NTH(-ENOTRECOVERABLE, shs_lock(&att), NOTHING_TO_UNDO);
		NTH(GOOD, op(fd, mend), {
			op(fd, SHS_OP(WRITE));
			shs_lock(&att);
			shs_unlock_as(&att, &SHS_LOCK(.flags = SHS_UNLOCK_ABANDON));
			shs_lock(&att);
			shs_unlock(&att);
		});
		forget();
	}
}

static struct shs_thread_info threads[SHS_THREAD_INFO_MAX];

/* Those for which there was room are whole, and what lies behind them is not touched. */
static long entries_are_whole(__u32 capacity, long n)
{
	__u32 i;

	for (i = 0; i < capacity && i < n; i++)
		if (threads[i].pid <= 0 || !threads[i].object)
			return -EILSEQ;
	return i < SHS_THREAD_INFO_MAX && threads[i].object != ~0ULL ? -EILSEQ : n;
}

static long ask_threads(int fd, __u32 capacity)
{
	struct shs_ioc_threads t = { .size = sizeof(t), .capacity = capacity,
				     .addr = capacity ? ADDRESS(threads) : 0 };
	long ret;

	memset(threads, 0xff, 4 * sizeof(*threads));
	ret = shs_ioctl(fd, SHS_IOC_THREADS, &t);
	return ret ?: entries_are_whole(capacity, t.count);
}

static long ask_cycle(int fd, __u32 capacity)
{
	struct shs_ioc_cycle c = { .size = sizeof(c), .capacity = capacity,
				   .addr = capacity ? ADDRESS(threads) : 0 };
	long ret;

	memset(threads, 0xff, 4 * sizeof(*threads));
	ret = shs_ioctl(fd, SHS_IOC_CYCLE, &c);
	return ret ?: entries_are_whole(capacity, c.count);
}

/* A child holds the one and waits for the other, so that here none may be waited for. */
TEST_F(nth, threads_and_cycle)
{
	static const __u32 kinds[] = { SHS_KIND_MUTEX, SHS_KIND_RWLOCK };

	memset(threads, 0xff, sizeof(threads));
	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int mine = see(create_with(SHS_INIT_DETECT, kinds[i], SHS_TYPE_NONE, 0));
		int its = see(create_with(SHS_INIT_DETECT, SHS_KIND_MUTEX, SHS_TYPE_NONE, 0));
		struct shs_att one, other;
		pid_t child;

		ASSERT_EQ(0, shs_attach(&one, mine));
		ASSERT_EQ(0, shs_lock_as(&one, &SHS_LOCK(.mode = i ? SHS_MODE_READ : 0)));
		child = shs_fork();
		if (!child) {
			if (shs_attach(&one, mine) || shs_attach(&other, its) || shs_lock(&other))
				_exit(1);
			_exit(shs_lock(&one));
		}
		SHS_AWAIT(mine, info.waiters == 1);
		ASSERT_EQ(0, shs_attach(&other, its));
		NTH(2, ask_threads(mine, SHS_THREAD_INFO_MAX), NOTHING_TO_UNDO);
		NTH(2, ask_threads(mine, 1), NOTHING_TO_UNDO);
		NTH(1, ask_threads(its, 0), NOTHING_TO_UNDO);
		NTH(2, ask_threads(one.fd, 2), NOTHING_TO_UNDO);
		NTH(-ENODATA, ask_cycle(other.fd, SHS_CYCLE_MAX), NOTHING_TO_UNDO);
		NTH(-EDEADLK, shs_lock(&other), NOTHING_TO_UNDO);
		NTH(-EBUSY, shs_trylock(&other), NOTHING_TO_UNDO);
		NTH(2, ask_cycle(other.fd, SHS_CYCLE_MAX), NOTHING_TO_UNDO);
		NTH(2, ask_cycle(other.fd, 1), NOTHING_TO_UNDO);
		NTH(2, ask_cycle(other.fd, 0), NOTHING_TO_UNDO);
		EXPECT_EQ(-SIGKILL, shs_kill(child));
		close(one.fd);
		close(other.fd);
		forget();
	}
}

/* A wait that cannot begin leaves the mutex, or the write lock, with its owner. */
TEST_F(nth, wait)
{
	static const __u32 kinds[] = { SHS_KIND_MUTEX, SHS_KIND_RWLOCK };

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct shs_att att, mutex;

		ASSERT_EQ(0, shs_attach(&mutex, see(shs_create(kinds[i], SHS_TYPE_NONE, 0))));
		ASSERT_EQ(0, shs_attach(&att, see(shs_create(SHS_KIND_CONDVAR,
							     SHS_TYPE_NONE, 0))));
		ASSERT_EQ(0, shs_lock(&mutex));
		NTH(-ETIMEDOUT, shs_wait(&att, &SHS_WAIT(.mutex_fd = mutex.fd)),
		    NOTHING_TO_UNDO);
		EXPECT_EQ(0, shs_unlock(&mutex));
		NTH(-EPERM, shs_wait(&att, &SHS_WAIT(.mutex_fd = mutex.fd)), NOTHING_TO_UNDO);
		forget();
	}
}

TEST_F(nth, once)
{
	int fd = see(shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0));
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, fd));
	NTH(GOOD, shs_once(&att, &SHS_ONCE()),
	    shs_once(&att, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON)));
	ASSERT_EQ(0, shs_once(&att, &SHS_ONCE()));
	NTH(-ETIMEDOUT, shs_once(&att, &SHS_ONCE()), NOTHING_TO_UNDO);
	NTH(GOOD, shs_once(&att, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON)),
	    shs_once(&att, &SHS_ONCE()));
	NTH(-ETIMEDOUT, shs_once(&att, &SHS_ONCE(.cmd = SHS_ONCE_WAIT)), NOTHING_TO_UNDO);
}

/* It is done with its value or runs on; the value is whole then, and stays. */
TEST_F(nth, once_value)
{
	struct shs_att att;
	int fd;

	memset(buffer, 7, sizeof(buffer));
	for (__u32 size = 40; size <= 12288; size += 12288 - 40) {
		const struct shs_ioc_op load = SHS_OP(LOAD, .flags = SHS_OP_BYTES, .len = size,
						      .addr = ADDRESS(buffer2));
		const struct shs_ioc_once complete = SHS_ONCE(.cmd = SHS_ONCE_COMPLETE,
				.value = ADDRESS(buffer), .value_size = size);
		struct shs_ioc_once try;

		fd = see(shs_create(SHS_KIND_ONCE, SHS_TYPE_BYTES, size));
		ASSERT_EQ(0, shs_attach(&att, fd));
		ASSERT_EQ(0, shs_once(&att, &SHS_ONCE()));
		NTH(-ENODATA, op(fd, load), NOTHING_TO_UNDO);
		NTH(GOOD, (try = complete, shs_once(&att, &try)), {
			EXPECT_EQ(0, op(fd, load));
			EXPECT_EQ(0, memcmp(buffer, buffer2, size));
			close(att.fd);
			munmap(att.private, att.is.private_size);
			munmap((void *)att.control, att.is.control_size);
			close(fd);
			fd = seen[0] = shs_create(SHS_KIND_ONCE, SHS_TYPE_BYTES, size);
			shs_attach(&att, fd);
			shs_once(&att, &SHS_ONCE());
			before_ = look();
		});
		ASSERT_EQ(0, shs_once(&att, &(struct shs_ioc_once){ complete.size, complete.cmd,
				.value = complete.value, .value_size = size }));
		memset(buffer2, 0, size);
		NTH(GOOD, op(fd, load), NOTHING_TO_UNDO);
		EXPECT_EQ(0, memcmp(buffer, buffer2, size));
		forget();
	}
}

TEST_F(nth, text)
{
	for (int i = 0; i < ARRAY_SIZE(numbers); i++) {
		int fd = see(shs_create(numbers[i].kind, numbers[i].type, numbers[i].count));

		NTH(GOOD, outcome(pread(fd, buffer, sizeof(buffer), 0)), NOTHING_TO_UNDO);
		NTH(GOOD, shs_write(fd, "7"), shs_write(fd, "0"));
		forget();
	}
}

/* Names come and go whole, and so does the file system. */
TEST_F(nth, names)
{
	int fd = see(shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0));
	int brief = see(shs_create_as(&SHS_INIT(.kind = SHS_KIND_ONCE,
						.flags = SHS_INIT_EPHEMERAL)));

	/* one that lost its only name cannot have another: a second one stays */
	ASSERT_EQ(0, shs_link(fd, "stays"));
	NTH(GOOD, shs_link(fd, "name"), shs_unlink("name"));
	NTH(GOOD, shs_link(brief, "name"), {
		shs_unlink("name");
		close(brief);
		brief = seen[1] = shs_create_as(&SHS_INIT(.kind = SHS_KIND_ONCE,
							  .flags = SHS_INIT_EPHEMERAL));
		before_ = look();
	});
	NTH(GOOD, shs_open("stays", O_RDWR), close(ret));
	NTH(GOOD, shs_reopen(fd, O_RDONLY), close(ret));
	NTH(GOOD, outcome(rename(SHS_DIR "/stays", SHS_DIR "/name")),
	    rename(SHS_DIR "/name", SHS_DIR "/stays"));
	ASSERT_EQ(0, shs_link(fd, "name"));
	NTH(GOOD, shs_unlink("name"), shs_link(fd, "name"));
}

TEST_F(nth, mount)
{
	see(shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0));
	ASSERT_EQ(0, mkdir("/tmp/nth", 0700) && errno != EEXIST);
	NTH(GOOD, outcome(mount("shstate", "/tmp/nth", "shstate", 0, "size=1M,mode=700")),
	    umount("/tmp/nth"));
	NTH(GOOD, outcome(mount("shstate", SHS_DIR, "shstate", MS_REMOUNT, "uid=0")),
	    NOTHING_TO_UNDO);
	rmdir("/tmp/nth");
}

/* By io_uring, whose own memory may be missing as well. */
TEST_F(nth, uring)
{
	int fd = see(shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U64, 1));
	struct shs_ioc_op add;

	SHS_NEED_DOOR(SHS_URING);
	NTH(GOOD, ({ add = SHS_OP(FETCH_ADD, .arg = 5); shs_uring_op(fd, &add); }),
	    op(fd, SHS_OP(FETCH_SUB, .arg = 5)));
}

TEST_HARNESS_MAIN
