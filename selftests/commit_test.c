// SPDX-License-Identifier: GPL-2.0-only
/*
 * Values in two slots: a holder edits the one that nobody sees and commits by one
 * store. What was not committed never was, whoever dies, and nobody who looks
 * without the lock sees half of it.
 */
#include "actors.h"

enum { MUTEX = SHS_KIND_MUTEX, RWLOCK = SHS_KIND_RWLOCK };

static int create(__u32 kind, __u32 type, __u32 count, __u32 flags)
{
	return shs_create_as(&SHS_INIT(.kind = kind, .type = type, .count = count,
				       .flags = SHS_INIT_COMMIT | flags));
}

/* What a library does: copies the value into the hidden slot, to be edited there. */
static __u64 sequence_of(const struct shs_att *att)
{
	return __atomic_load_n(&att->shared->sequence, __ATOMIC_ACQUIRE);
}

static void *slot(const struct shs_att *att, __u64 sequence)
{
	return (char *)shs_value(att) + (sequence & 1) * att->is.slot_stride;
}

static void *draft(const struct shs_att *att)
{
	__u64 sequence = sequence_of(att);

	return memcpy(slot(att, sequence + 1), slot(att, sequence), att->is.value_size);
}

static void commit(const struct shs_att *att)
{
	__atomic_store_n(&att->shared->sequence, sequence_of(att) + 1, __ATOMIC_RELEASE);
}

FIXTURE(commit) {
	int fd;
	struct shs_att mine, other;
	struct shs_ioc_op op;
};

FIXTURE_VARIANT(commit) {
	__u32 kind, flags;
	enum shs_door door;
};

FIXTURE_VARIANT_ADD(commit, mutex) { MUTEX, 0, SHS_IOCTL };
FIXTURE_VARIANT_ADD(commit, mutex_uring) { MUTEX, 0, SHS_URING };
FIXTURE_VARIANT_ADD(commit, mutex_strict) { MUTEX, SHS_INIT_STRICT, SHS_IOCTL };
FIXTURE_VARIANT_ADD(commit, mutex_more) { MUTEX, SHS_INIT_IGNORE | SHS_INIT_RECURSIVE |
						 SHS_INIT_FIFO, SHS_IOCTL };
FIXTURE_VARIANT_ADD(commit, rwlock) { RWLOCK, 0, SHS_IOCTL };
FIXTURE_VARIANT_ADD(commit, rwlock_ignore_uring) { RWLOCK, SHS_INIT_IGNORE, SHS_URING };

FIXTURE_SETUP(commit)
{
	static const __s64 initial[] = { 10, -20, 30 };

	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	self->fd = shs_create_as(&SHS_INIT(.kind = variant->kind, .type = SHS_TYPE_I64,
			.count = 3, .flags = SHS_INIT_COMMIT | variant->flags,
			.value = (unsigned long)initial, .value_size = sizeof(initial)));
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
}

FIXTURE_TEARDOWN(commit)
{
}

#define DO(code, ...) \
	(self->op = SHS_OP(code, ##__VA_ARGS__), shs_by(variant->door, self->fd, &self->op))

static __s64 *current(const struct shs_att *att)
{
	return slot(att, sequence_of(att));
}

/* Two slots, with room for all of the value each; the first has the initial one. */
TEST_F(commit, layout)
{
	EXPECT_LE(24, self->mine.is.slot_stride);
	EXPECT_EQ(24, self->mine.is.value_size);
	EXPECT_EQ(SHS_VALUE_OFFSET, self->mine.is.value_offset);
	EXPECT_LE(self->mine.is.value_offset + self->mine.is.slot_stride + 24,
		  self->mine.is.shared_size);
	EXPECT_EQ(0, self->mine.is.slot_stride % 8);
	EXPECT_EQ(0, sequence_of(&self->mine));
	EXPECT_EQ(10, current(&self->mine)[0]);
	EXPECT_EQ(-20, current(&self->mine)[1]);
	EXPECT_EQ(SHS_INIT_COMMIT | variant->flags, shs_info(self->fd).flags);
	EXPECT_STREQ("10 -20 30", shs_text(self->fd));
}

/* Operations publish: the slot that was seen is not touched, the rest is carried over. */
TEST_F(commit, operations)
{
	__s64 bytes[] = { 7, 8 };

	EXPECT_EQ(0, DO(WRITE, .index = 1, .arg = 5));
	EXPECT_EQ(1, sequence_of(&self->mine));
	EXPECT_EQ(-20, ((__s64 *)slot(&self->mine, 0))[1]);
	EXPECT_STREQ("10 5 30", shs_text(self->fd));
	EXPECT_EQ(0, DO(ADD, .index = 2, .arg = -31));
	EXPECT_EQ(30, self->op.result);
	EXPECT_EQ(2, sequence_of(&self->mine));
	EXPECT_STREQ("10 5 -1", shs_text(self->fd));
	EXPECT_EQ(0, DO(WRITE, .flags = SHS_OP_BYTES, .offset = 8, .len = 16,
			.addr = (unsigned long)bytes));
	EXPECT_EQ(3, sequence_of(&self->mine));
	EXPECT_STREQ("10 7 8", shs_text(self->fd));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, DO(READ, .index = i));
		EXPECT_EQ(current(&self->mine)[i], self->op.result);
		EXPECT_EQ(0, DO(PEEK, .index = i));
		EXPECT_EQ(current(&self->mine)[i], self->op.result);
	}
	EXPECT_EQ(0, DO(PEEK, .flags = SHS_OP_BYTES, .offset = 8, .len = 16,
			.addr = (unsigned long)bytes));
	EXPECT_EQ(7, bytes[0]);
	EXPECT_EQ(8, bytes[1]);
	EXPECT_EQ(0, shs_write(self->fd, "0:+5\n"));
	EXPECT_STREQ("15 7 8", shs_text(self->fd));
	/* To look is no change; what is refused is none either. */
	EXPECT_EQ(4, sequence_of(&self->mine));
	EXPECT_EQ(-EINVAL, DO(WRITE, .index = 3, .arg = 5));
	EXPECT_EQ(-EFAULT, DO(WRITE, .flags = SHS_OP_BYTES, .len = 24, .addr = 8));
	EXPECT_EQ(4, sequence_of(&self->mine));
}

/* What a holder writes into the hidden slot is seen when it is committed, then at once. */
TEST_F(commit, by_the_holder)
{
	__s64 *edited;

	EXPECT_EQ(0, shs_lock(&self->mine));
	edited = draft(&self->mine);
	EXPECT_EQ(10, edited[0]);
	edited[0] = 1;
	edited[2] = 3;
	EXPECT_STREQ("10 -20 30", shs_text(self->fd));
	EXPECT_EQ(0, DO(PEEK));
	EXPECT_EQ(10, self->op.result);
	EXPECT_EQ(-EBUSY, DO(READ, .flags = SHS_OP_NOWAIT));
	EXPECT_EQ(-EBUSY, DO(WRITE, .flags = SHS_OP_NOWAIT));
	commit(&self->mine);
	EXPECT_STREQ("1 -20 3", shs_text(self->fd));
	EXPECT_EQ(0, DO(PEEK, .index = 2));
	EXPECT_EQ(3, self->op.result);
	/* A second draft of the same holder, which it thinks better of. */
	edited = draft(&self->mine);
	edited[0] = 99;
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_STREQ("1 -20 3", shs_text(self->fd));
	EXPECT_EQ(0, DO(READ));
	EXPECT_EQ(1, self->op.result);
	EXPECT_EQ(0, self->op.notice);
	EXPECT_EQ(0, DO(ADD, .index = 1, .arg = 2));
	EXPECT_STREQ("1 -18 3", shs_text(self->fd));
	EXPECT_EQ(0, shs_lock(&self->other));
	EXPECT_EQ(1, current(&self->other)[0]);
	EXPECT_EQ(-18, current(&self->other)[1]);
}

/* So it is with a wait on a condvar, which unlocks. */
TEST_F(commit, condvar)
{
	int fd = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	struct shs_ioc_wait wait = SHS_WAIT(.mutex_fd = self->mine.fd);
	struct shs_att condvar;

	ASSERT_EQ(0, shs_attach(&condvar, fd));
	EXPECT_EQ(0, shs_lock(&self->mine));
	((__s64 *)draft(&self->mine))[0] = 99;
	EXPECT_EQ(-ETIMEDOUT, shs_wait(&condvar, &wait));
	EXPECT_EQ(10, current(&self->mine)[0]);
	((__s64 *)draft(&self->mine))[0] = 98;
	commit(&self->mine);
	EXPECT_EQ(-ETIMEDOUT, shs_wait(&condvar, &wait));
	EXPECT_EQ(98, current(&self->mine)[0]);
}

enum moment { LOCKED, DRAFTED, HALFWAY, EDITED, COMMITTED, DRAFTED_AGAIN, MOMENTS };

/* A holder that goes so far and is killed. */
static int die_at(int fd, enum moment moment)
{
	pid_t child = shs_fork();
	struct shs_att att;
	volatile __s64 *edited = NULL;

	if (child)
		return shs_reap(child);
	if (shs_attach(&att, fd) || shs_lock(&att))
		_exit(1);
	for (enum moment now = LOCKED; now < moment; now++) {
		switch (now) {
		case LOCKED:
		case COMMITTED:
			edited = draft(&att);
			break;
		case DRAFTED:
			edited[0] = 11;
			break;
		case HALFWAY:
			edited[2] = 33;
			break;
		case EDITED:
			commit(&att);
			break;
		default:
			break;
		}
	}
	if (moment == DRAFTED_AGAIN)
		edited[1] = 0;
	raise(SIGKILL);
	_exit(2);
}

/*
 * Whoever dies before the commit has changed nothing, whoever dies after it has
 * changed all. The news of the death is the policy's affair.
 */
TEST_F(commit, death)
{
	bool told = !(variant->flags & SHS_INIT_IGNORE);

	for (enum moment moment = LOCKED; moment < MOMENTS; moment++) {
		const char *seen = moment < COMMITTED ? "10 -20 30" : "11 -20 33";
		__s64 initial[] = { 10, -20, 30 };

		EXPECT_EQ(-SIGKILL, die_at(self->fd, moment));
		EXPECT_EQ(moment + 1, shs_info(self->fd).deaths);
		EXPECT_STREQ(seen, shs_text(self->fd)) TH_LOG("moment %d", moment);
		EXPECT_EQ(0, DO(READ, .index = 1));
		EXPECT_EQ(-20, self->op.result);
		EXPECT_EQ(told ? SHS_NOTICE_OWNER_DIED : 0, self->op.notice);
		if (told)
			EXPECT_EQ(-EUCLEAN, DO(WRITE, .arg = 1));
		EXPECT_EQ(told ? -EOWNERDEAD : 0, shs_lock(&self->mine));
		EXPECT_EQ(seen[1] - '0' + 10, current(&self->mine)[0]);
		if (variant->flags & SHS_INIT_STRICT)
			EXPECT_EQ(0, shs_recover(&self->mine));
		memcpy(draft(&self->mine), initial, sizeof(initial));
		commit(&self->mine);
		EXPECT_EQ(0, shs_unlock(&self->mine));
		EXPECT_STREQ("10 -20 30", shs_text(self->fd));
	}
}

/* The kernel takes one bit of the sequence, whatever somebody has written there. */
TEST_F(commit, hostile_sequence)
{
	static const __u64 hostile[] = {
		0, 1, 2, 3, ~0ULL, ~0ULL - 1, 1ULL << 63, (1ULL << 63) + 1, 1ULL << 32,
		(1ULL << 32) - 1, 0x0fffffffffffffff, 4096, 4097,
	};
	__s64 *first = slot(&self->mine, 0), *second = slot(&self->mine, 1);
	char bytes[24];

	for (int i = 0; i < ARRAY_SIZE(hostile); i++) {
		__s64 seen = hostile[i] & 1 ? 222 : 111;

		first[0] = 111;
		second[0] = 222;
		__atomic_store_n(&self->mine.shared->sequence, hostile[i], __ATOMIC_SEQ_CST);
		EXPECT_EQ(0, DO(PEEK));
		EXPECT_EQ(seen, self->op.result) TH_LOG("sequence %llx", hostile[i]);
		EXPECT_EQ(0, DO(READ, .flags = SHS_OP_BYTES, .len = 24,
				.addr = (unsigned long)bytes));
		EXPECT_EQ(seen, *(__s64 *)bytes);
		EXPECT_EQ(seen, atoi(shs_text(self->fd)));
		EXPECT_EQ(0, DO(ADD, .arg = 1));
		EXPECT_EQ(seen, self->op.result);
		EXPECT_EQ(hostile[i] + 1, sequence_of(&self->mine));
		EXPECT_EQ(hostile[i] & 1 ? 223 : 111, first[0]);
		EXPECT_EQ(hostile[i] & 1 ? 222 : 112, second[0]);
		EXPECT_EQ(0, DO(PEEK));
		EXPECT_EQ(seen + 1, self->op.result);
		EXPECT_EQ(0, shs_trylock(&self->mine));
		EXPECT_EQ(0, shs_unlock(&self->mine));
	}
}

/* Or told that it is hopeless. */
static bool is_served(int ret)
{
	return !ret || ret == -EAGAIN || ret == -EBUSY;
}

/* One who changes the sequence without end spoils what others see, and holds none up. */
TEST_F(commit, hostile_writer)
{
	pid_t child = shs_fork();
	char bytes[24];

	if (!child)
		for (;;)
			__atomic_add_fetch(&self->mine.shared->sequence, 1, __ATOMIC_SEQ_CST);
	/* A forked child has no mapping: it is an attachment of its own that does this. */
	EXPECT_EQ(-SIGSEGV, shs_reap(child));
	child = shs_fork();
	if (!child) {
		struct shs_att att;

		if (shs_attach(&att, self->fd))
			_exit(1);
		for (;;)
			__atomic_add_fetch(&att.shared->sequence, 1, __ATOMIC_SEQ_CST);
	}
	while (!sequence_of(&self->mine) && !shs_is_gone(child))
		sched_yield();
	for (unsigned long n = 0; n < shs_scale(500); n++) {
		EXPECT_TRUE(is_served(DO(PEEK)));
		EXPECT_TRUE(is_served(DO(READ, .deadline = SHS_FOREVER)));
		EXPECT_TRUE(is_served(DO(ADD, .arg = 1, .deadline = SHS_FOREVER)));
		EXPECT_TRUE(is_served(DO(PEEK, .flags = SHS_OP_BYTES, .len = 24,
					 .addr = (unsigned long)bytes)));
		EXPECT_TRUE(*shs_text(self->fd));
	}
	EXPECT_EQ(-SIGKILL, shs_kill(child));
}

/* Who may only read sees both slots and writes none. */
TEST_F(commit, read_only)
{
	struct shs_att att;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "object"));
	ro = shs_open("object", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(self->mine.is.slot_stride, att.is.slot_stride);
	EXPECT_EQ(0, DO(WRITE, .arg = 77));
	EXPECT_EQ(1, sequence_of(&att));
	EXPECT_EQ(77, current(&att)[0]);
	EXPECT_EQ(-1, mprotect(att.shared, att.is.shared_size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
}

/* A writer of a rwlock commits and goes on as a reader, without a gap. */
TEST_F(commit, convert)
{
	if (variant->kind != RWLOCK)
		return;
	EXPECT_EQ(0, shs_lock_as(&self->mine, &SHS_LOCK(.mode = SHS_MODE_UPGRADABLE)));
	EXPECT_EQ(0, shs_convert(&self->mine, &SHS_CONVERT(.from = SHS_MODE_UPGRADABLE)));
	((__s64 *)draft(&self->mine))[0] = 42;
	commit(&self->mine);
	((__s64 *)draft(&self->mine))[0] = 43;
	EXPECT_EQ(0, shs_convert(&self->mine, &SHS_CONVERT(.to = SHS_MODE_READ)));
	EXPECT_EQ(0, shs_tryrdlock(&self->other, 0));
	EXPECT_EQ(42, current(&self->other)[0]);
	EXPECT_EQ(0, DO(READ));
	EXPECT_EQ(42, self->op.result);
}

/*
 * Any size
 */
FIXTURE(sizes) {
	int fd;
	struct shs_att att;
	char *in, *out;
};

FIXTURE_VARIANT(sizes) {
	__u32 kind, size;
};

FIXTURE_VARIANT_ADD(sizes, mutex_1) { MUTEX, 1 };
FIXTURE_VARIANT_ADD(sizes, mutex_7) { MUTEX, 7 };
FIXTURE_VARIANT_ADD(sizes, mutex_64) { MUTEX, 64 };
FIXTURE_VARIANT_ADD(sizes, mutex_max) { MUTEX, SHS_VALUE_MAX };
FIXTURE_VARIANT_ADD(sizes, rwlock_4097) { RWLOCK, 4097 };
FIXTURE_VARIANT_ADD(sizes, rwlock_max) { RWLOCK, SHS_VALUE_MAX };

FIXTURE_SETUP(sizes)
{
	SHS_MOUNT("");
	self->fd = create(variant->kind, SHS_TYPE_BYTES, variant->size, 0);
	ASSERT_LE(0, self->fd);
	self->in = malloc(variant->size);
	self->out = malloc(variant->size);
}

FIXTURE_TEARDOWN(sizes)
{
}

static void fill(char *bytes, __u32 size, unsigned int seed)
{
	for (__u32 i = 0; i < size; i++)
		bytes[i] = rand_r(&seed);
}

/* Whole and in parts, by operations and by a holder, before and after the mapping. */
TEST_F(sizes, every_byte)
{
	__u32 size = variant->size, part = (size + 1) / 2;
	struct shs_ioc_op op;

	for (unsigned int round = 0; round < 6; round++) {
		fill(self->in, size, round + 1);
		if (round == 2)
			ASSERT_EQ(0, shs_attach(&self->att, self->fd));
		if (round < 4) {
			op = SHS_OP(WRITE, .flags = SHS_OP_BYTES, .len = size,
				    .addr = (unsigned long)self->in);
			EXPECT_EQ(0, shs_op(self->fd, &op));
		} else {
			EXPECT_EQ(0, shs_lock(&self->att));
			memcpy(draft(&self->att), self->in, size);
			commit(&self->att);
			EXPECT_EQ(0, shs_unlock(&self->att));
		}
		memset(self->out, 0x5a, size);
		op = SHS_OP(PEEK, .flags = SHS_OP_BYTES, .len = size,
			    .addr = (unsigned long)self->out);
		EXPECT_EQ(0, shs_op(self->fd, &op));
		EXPECT_EQ(0, memcmp(self->in, self->out, size)) TH_LOG("round %u", round);
		/* A part of it changes, the rest is what it was. */
		fill(self->in + size - part, part, round + 100);
		op = SHS_OP(WRITE, .flags = SHS_OP_BYTES, .len = part, .offset = size - part,
			    .addr = (unsigned long)(self->in + size - part));
		EXPECT_EQ(0, shs_op(self->fd, &op));
		op = SHS_OP(READ, .flags = SHS_OP_BYTES, .len = size,
			    .addr = (unsigned long)self->out);
		EXPECT_EQ(0, shs_op(self->fd, &op));
		EXPECT_EQ(0, memcmp(self->in, self->out, size)) TH_LOG("round %u", round);
		if (round < 2)
			continue;
		EXPECT_EQ(0, memcmp(self->in, slot(&self->att, sequence_of(&self->att)), size));
	}
	EXPECT_EQ(12, sequence_of(&self->att));
	EXPECT_EQ(-EINVAL, shs_op(self->fd, &SHS_OP(READ, .flags = SHS_OP_BYTES, .len = size + 1,
						    .addr = (unsigned long)self->out)));
	EXPECT_LE(SHS_VALUE_OFFSET + self->att.is.slot_stride + size, self->att.is.shared_size);
	EXPECT_LE(size, self->att.is.slot_stride);
}

/*
 * A writer process fills the value with one byte after the other. Whoever looks
 * without the lock, by operation or as text, sees one byte all over.
 */
static bool is_whole(const char *bytes, __u32 size)
{
	return size < 2 || !memcmp(bytes, bytes + 1, size - 1);
}

static pid_t writer(int fd, __u32 size)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(1);
	for (unsigned int n = 0;; n++) {
		__u64 since;

		if (shs_lock(&att))
			_exit(2);
		/*
		 * Several in a row: then the slot that somebody copies is soon the hidden one
		 * and written to, if he is not careful. After that he must get on.
		 */
		for (int burst = 0; burst < 16; burst++) {
			memset(slot(&att, sequence_of(&att) + 1), '0' + (n + burst) % 64, size);
			commit(&att);
		}
		if (n % 2)
			((char *)draft(&att))[size / 2] ^= 1;
		if (shs_unlock(&att))
			_exit(3);
		since = shs_now(SHS_CLOCK_MONOTONIC);
		while (shs_now(SHS_CLOCK_MONOTONIC) < since + SHS_MS / 20)
			;
	}
}

TEST_F(sizes, never_torn)
{
	__u32 size = variant->size;
	char *text;
	pid_t child;

	fill(self->in, 1, 1);
	memset(self->in, '0', size);
	EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(WRITE, .flags = SHS_OP_BYTES, .len = size,
					      .addr = (unsigned long)self->in)));
	child = writer(self->fd, size);
	for (unsigned long n = 0; n < shs_scale(2000); n++) {
		memset(self->out, 0x5a, size);
		self->out[size / 2] = 0x5b;
		ASSERT_EQ(0, shs_op(self->fd, &SHS_OP(PEEK, .flags = SHS_OP_BYTES, .len = size,
						      .addr = (unsigned long)self->out)));
		ASSERT_TRUE(is_whole(self->out, size));
		if (n % 16)
			continue;
		ASSERT_EQ(0, shs_op(self->fd, &SHS_OP(READ, .flags = SHS_OP_BYTES, .len = size,
						      .addr = (unsigned long)self->out,
						      .deadline = SHS_FOREVER)));
		ASSERT_TRUE(is_whole(self->out, size));
		text = (char *)shs_text(self->fd);
		ASSERT_EQ(2 * size, strlen(text));
		ASSERT_TRUE(size < 2 || !memcmp(text, text + 2, 2 * size - 2));
	}
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(PEEK, .flags = SHS_OP_BYTES, .len = size,
					      .addr = (unsigned long)self->out)));
	EXPECT_TRUE(is_whole(self->out, size));
}

/*
 * Killed anywhere
 */
FIXTURE(killed) {
	int fd;
};

FIXTURE_VARIANT(killed) {
	__u32 kind, flags;
};

FIXTURE_VARIANT_ADD(killed, mutex) { MUTEX, SHS_INIT_IGNORE };
FIXTURE_VARIANT_ADD(killed, mutex_fifo) { MUTEX, SHS_INIT_IGNORE | SHS_INIT_FIFO };
FIXTURE_VARIANT_ADD(killed, rwlock) { RWLOCK, SHS_INIT_IGNORE };

FIXTURE_SETUP(killed)
{
	SHS_MOUNT("");
	self->fd = create(variant->kind, SHS_TYPE_U64, 32, variant->flags);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(killed)
{
}

static pid_t counting(int fd)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(1);
	for (;;) {
		volatile __u64 *edited;

		if (shs_lock(&att))
			_exit(2);
		edited = draft(&att);
		for (int i = 0; i < 32; i++) {
			if (edited[i] != edited[0] - (i > 0))
				_exit(3);
			edited[i] = edited[i] + 1;
		}
		commit(&att);
		if (shs_unlock(&att))
			_exit(4);
	}
}

/*
 * With nobody to be told: 32 numbers that are counted up one by one are always the
 * same, to owners and to whoever looks on, and never go back.
 */
TEST_F(killed, stress)
{
	__u64 seen[32], least = 0;
	pid_t child[3];

	for (int i = 0; i < 3; i++)
		child[i] = counting(self->fd);
	for (unsigned long n = 0; n < shs_scale(200); n++) {
		do {
			ASSERT_EQ(0, shs_op(self->fd, &SHS_OP(PEEK, .flags = SHS_OP_BYTES,
					.len = sizeof(seen), .addr = (unsigned long)seen)));
			ASSERT_EQ(0, memcmp(seen, seen + 1, sizeof(seen) - sizeof(seen[0])));
			ASSERT_LE(least, seen[0]);
			for (int i = 0; i < 3; i++)
				ASSERT_FALSE(shs_is_gone(child[i]));
			sched_yield();
		} while (seen[0] == least);
		least = seen[0];
		EXPECT_EQ(-SIGKILL, shs_kill(child[n % 3]));
		child[n % 3] = counting(self->fd);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(ADD, .arg = 0)));
}

TEST_HARNESS_MAIN
