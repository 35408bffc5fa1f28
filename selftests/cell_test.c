// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cell: a value that is exchanged as a whole, of whatever size, and never seen
 * half old and half new.
 */
#include "shs.h"

#define SIZE 40

FIXTURE(cell) {
	int fd;
	char first[SIZE], second[SIZE], zero[SIZE];
};

FIXTURE_VARIANT(cell) {
	enum shs_door door;
};

FIXTURE_VARIANT_ADD(cell, ioctl) { SHS_IOCTL };
FIXTURE_VARIANT_ADD(cell, uring) { SHS_URING };

FIXTURE_SETUP(cell)
{
	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	memset(self->first, 'a', SIZE);
	memset(self->second, 'b', SIZE);
	memset(self->zero, 0, SIZE);
	self->fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_CELL, .type = SHS_TYPE_BYTES,
			.count = SIZE, .value = (unsigned long)self->first, .value_size = SIZE));
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(cell)
{
}

static struct shs_ioc_op last;

static int bytes(enum shs_door door, int fd, __u32 code, const void *addr, const void *addr2,
		 __u32 len)
{
	last = (struct shs_ioc_op){ .size = sizeof(last), .op = code, .flags = SHS_OP_BYTES,
				    .addr = (unsigned long)addr, .addr2 = (unsigned long)addr2,
				    .len = len };
	return shs_by(door, fd, &last);
}

#define DO(code, addr, addr2) \
	bytes(variant->door, self->fd, SHS_OP_##code, addr, addr2, SIZE)
#define EXPECT_CELL(expected) do {						\
	char seen[SIZE];							\
										\
	memset(seen, 'x', SIZE);						\
	EXPECT_EQ(0, DO(LOAD, seen, NULL));					\
	EXPECT_EQ(0, memcmp(expected, seen, SIZE));				\
} while (0)

/* What is stored is loaded. */
TEST_F(cell, load_store)
{
	EXPECT_CELL(self->first);
	EXPECT_EQ(0, DO(STORE, self->second, NULL));
	EXPECT_CELL(self->second);
	EXPECT_EQ(0, DO(STORE, self->first, NULL));
	EXPECT_CELL(self->first);
}

/* A swap takes the new from the one address and puts the old to the other. */
TEST_F(cell, swap)
{
	char old[SIZE] = "";

	EXPECT_EQ(0, DO(SWAP, self->second, old));
	EXPECT_EQ(0, memcmp(old, self->first, SIZE));
	EXPECT_CELL(self->second);
	/* From and to the same place: the two change places. */
	EXPECT_EQ(0, DO(SWAP, old, old));
	EXPECT_EQ(0, memcmp(old, self->second, SIZE));
	EXPECT_CELL(self->first);
}

/* compare_exchange compares all bytes, and tells in either case what was there. */
TEST_F(cell, compare_exchange)
{
	char expected[SIZE];

	memcpy(expected, self->first, SIZE);
	EXPECT_EQ(0, DO(CMPXCHG, self->second, expected));
	EXPECT_EQ(0, memcmp(expected, self->first, SIZE));
	EXPECT_CELL(self->second);
	for (int i = 0; i < SIZE; i += SIZE - 1) {
		memcpy(expected, self->second, SIZE);
		expected[i]++;
		EXPECT_EQ(-EREMCHG, DO(CMPXCHG, self->first, expected));
		EXPECT_EQ(0, memcmp(expected, self->second, SIZE));
		EXPECT_CELL(self->second);
	}
}

/* take leaves zero. */
TEST_F(cell, take)
{
	char old[SIZE] = "";

	EXPECT_EQ(0, DO(TAKE, old, NULL));
	EXPECT_EQ(0, memcmp(old, self->first, SIZE));
	EXPECT_CELL(self->zero);
	EXPECT_EQ(0, DO(TAKE, old, NULL));
	EXPECT_EQ(0, memcmp(old, self->zero, SIZE));
}

/* A cell is accessed whole. */
TEST_F(cell, in_parts)
{
	static const __u32 codes[] = { SHS_OP_LOAD, SHS_OP_STORE, SHS_OP_TAKE };
	char buffer[2 * SIZE] = "";

	for (int i = 0; i < ARRAY_SIZE(codes); i++) {
		EXPECT_EQ(-EINVAL, bytes(variant->door, self->fd, codes[i], buffer, NULL, 0));
		EXPECT_EQ(-EINVAL, bytes(variant->door, self->fd, codes[i], buffer, NULL,
					 SIZE - 1));
		EXPECT_EQ(-EINVAL, bytes(variant->door, self->fd, codes[i], buffer, NULL,
					 SIZE + 1));
		EXPECT_EQ(-EINVAL, bytes(variant->door, self->fd, codes[i], buffer, NULL, ~0U));
		last = SHS_OP(LOAD, .flags = SHS_OP_BYTES, .addr = (unsigned long)buffer,
			      .offset = 1, .len = SIZE - 1);
		last.op = codes[i];
		EXPECT_EQ(-EINVAL, shs_by(variant->door, self->fd, &last));
		/* Bytes have no number. */
		last = SHS_OP(LOAD);
		last.op = codes[i];
		EXPECT_EQ(-EINVAL, shs_by(variant->door, self->fd, &last));
	}
	EXPECT_CELL(self->first);
}

/* What cannot be read or written is found before anything has changed. */
TEST_F(cell, bad_address)
{
	char *constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *nowhere = (char *)8, good[SIZE];

	memcpy(good, self->first, SIZE);
	EXPECT_EQ(-EFAULT, DO(LOAD, nowhere, NULL));
	EXPECT_EQ(-EFAULT, DO(LOAD, constant, NULL));
	EXPECT_EQ(-EFAULT, DO(STORE, nowhere, NULL));
	EXPECT_EQ(-EFAULT, DO(SWAP, nowhere, good));
	EXPECT_EQ(-EFAULT, DO(SWAP, self->second, nowhere));
	EXPECT_EQ(-EFAULT, DO(SWAP, self->second, constant));
	EXPECT_EQ(-EFAULT, DO(CMPXCHG, nowhere, good));
	EXPECT_EQ(-EFAULT, DO(CMPXCHG, self->second, nowhere));
	EXPECT_EQ(-EFAULT, DO(CMPXCHG, self->second, constant));
	EXPECT_EQ(-EFAULT, DO(TAKE, nowhere, NULL));
	EXPECT_EQ(-EFAULT, DO(TAKE, constant, NULL));
	EXPECT_CELL(self->first);
	EXPECT_EQ(0, shs_info(self->fd).state);
}

/* Reading needs reading, writing writing, and an exchange both. */
TEST_F(cell, access_modes)
{
	static const __u32 codes[] = { SHS_OP_STORE, SHS_OP_SWAP, SHS_OP_CMPXCHG, SHS_OP_TAKE };
	char seen[SIZE];
	int ro, wo;

	ASSERT_EQ(0, shs_link(self->fd, "cell"));
	ro = shs_open("cell", O_RDONLY);
	wo = shs_open("cell", O_WRONLY);
	EXPECT_EQ(0, bytes(variant->door, ro, SHS_OP_LOAD, seen, NULL, SIZE));
	EXPECT_EQ(-EACCES, bytes(variant->door, wo, SHS_OP_LOAD, seen, NULL, SIZE));
	for (int i = 0; i < ARRAY_SIZE(codes); i++) {
		bool two = codes[i] == SHS_OP_SWAP || codes[i] == SHS_OP_CMPXCHG;

		EXPECT_EQ(-EACCES, bytes(variant->door, ro, codes[i], seen, two ? seen : NULL,
					 SIZE));
		if (i)
			EXPECT_EQ(-EACCES, bytes(variant->door, wo, codes[i], seen,
						 two ? seen : NULL, SIZE));
	}
	EXPECT_CELL(self->first);
	EXPECT_EQ(0, bytes(variant->door, wo, SHS_OP_STORE, self->second, NULL, SIZE));
	EXPECT_CELL(self->second);
}

/* The numeric form, for a value that is one number. */
TEST_F(cell, number)
{
	int fd = shs_create(SHS_KIND_CELL, SHS_TYPE_I8, 1);

#define NUMBER(code, ...) ({							\
	last = SHS_OP(code, ##__VA_ARGS__);					\
	shs_by(variant->door, fd, &last);					\
})
	EXPECT_EQ(0, NUMBER(STORE, .arg = -128));
	EXPECT_EQ(0, last.result);
	EXPECT_EQ(0, NUMBER(LOAD));
	EXPECT_EQ(-128, last.result);
	EXPECT_EQ(0, NUMBER(SWAP, .arg = 127));
	EXPECT_EQ(-128, last.result);
	EXPECT_EQ(-ERANGE, NUMBER(STORE, .arg = 128));
	EXPECT_EQ(-ERANGE, NUMBER(SWAP, .arg = -129));
	EXPECT_EQ(-ERANGE, NUMBER(CMPXCHG, .expected = 127, .arg = 255));
	EXPECT_EQ(-ERANGE, NUMBER(CMPXCHG, .expected = 255, .arg = 1));
	EXPECT_EQ(-EREMCHG, NUMBER(CMPXCHG, .expected = 1, .arg = 2));
	EXPECT_EQ(127, last.result);
	EXPECT_EQ(0, NUMBER(CMPXCHG, .expected = 127, .arg = 5));
	EXPECT_EQ(127, last.result);
	EXPECT_EQ(-EINVAL, NUMBER(LOAD, .index = 1));
	EXPECT_EQ(0, NUMBER(TAKE));
	EXPECT_EQ(5, last.result);
	EXPECT_EQ(0, NUMBER(LOAD));
	EXPECT_EQ(0, last.result);
	EXPECT_STREQ("0", shs_text(fd));
}

/* From a byte to a page, each size comes back whole. */
TEST_F(cell, sizes)
{
	static const __u32 sizes[] = { 1, 2, 3, 7, 8, 9, 63, 64, 65, 128, 129, 1000, 4095, 4096 };
	char in[4096], out[4097];

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = shs_create(SHS_KIND_CELL, SHS_TYPE_BYTES, sizes[i]);

		for (int round = 0; round < 3; round++) {
			memset(in, '1' + round, sizeof(in));
			memset(out, 'x', sizeof(out));
			EXPECT_EQ(0, bytes(variant->door, fd, SHS_OP_STORE, in, NULL, sizes[i]));
			EXPECT_EQ(0, bytes(variant->door, fd, SHS_OP_LOAD, out, NULL, sizes[i]));
			EXPECT_EQ(0, memcmp(in, out, sizes[i]));
			EXPECT_EQ('x', out[sizes[i]]);
		}
		close(fd);
	}
}

/* The slot that the sequence names is the value, before and after a store. */
TEST_F(cell, mapped)
{
	struct shs_att att;
	const char *slot;
	__u64 before;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	EXPECT_EQ(0, att.shared->word);
	before = att.shared->sequence;
	slot = (char *)shs_value(&att) + (before & 1) * att.is.slot_stride;
	EXPECT_EQ(0, memcmp(slot, self->first, SIZE));
	EXPECT_EQ(0, DO(STORE, self->second, NULL));
	EXPECT_EQ(before + 1, att.shared->sequence);
	/* A reader that copies the old slot just now is not disturbed. */
	EXPECT_EQ(0, memcmp(slot, self->first, SIZE));
	slot = (char *)shs_value(&att) + ((before + 1) & 1) * att.is.slot_stride;
	EXPECT_EQ(0, memcmp(slot, self->second, SIZE));
	EXPECT_EQ(0, att.shared->word);
}

/* Whoever has the word stores; others wait, as they were told, and see the old value. */
TEST_F(cell, held_by_a_process)
{
	struct shs_att att;
	__u32 free = 0;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	EXPECT_TRUE(__atomic_compare_exchange_n(&att.shared->word, &free, att.is.id, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	last = SHS_OP(STORE, .flags = SHS_OP_BYTES | SHS_OP_NOWAIT, .len = SIZE,
		      .addr = (unsigned long)self->zero);
	EXPECT_EQ(-EBUSY, shs_by(variant->door, self->fd, &last));
	last.flags = SHS_OP_BYTES;
	EXPECT_EQ(variant->door == SHS_URING ? -EBUSY : -ETIMEDOUT,
		  shs_by(variant->door, self->fd, &last));
	last.deadline = shs_now(SHS_CLOCK_MONOTONIC) + 20 * SHS_MS;
	EXPECT_EQ(variant->door == SHS_URING ? -EBUSY : -ETIMEDOUT,
		  shs_by(variant->door, self->fd, &last));
	/* What the process does meanwhile is a store like any. */
	memcpy((char *)shs_value(&att) + ((att.shared->sequence + 1) & 1) * att.is.slot_stride,
	       self->second, SIZE);
	__atomic_add_fetch(&att.shared->sequence, 1, __ATOMIC_RELEASE);
	if ((att.shared->word & ~SHS_WORD_OWNER) == 0)
		att.shared->word = 0;
	else
		EXPECT_EQ(0, shs_unlock(&att));
	EXPECT_CELL(self->second);
}

/* An operation that waited for the word goes on when it is given back. */
TEST_F(cell, operation_waits)
{
	struct shs_att att;
	__u32 free = 0;
	pid_t child;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	EXPECT_TRUE(__atomic_compare_exchange_n(&att.shared->word, &free, att.is.id, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	child = shs_fork();
	if (!child)
		_exit(-shs_op(self->fd, &SHS_OP(STORE, .flags = SHS_OP_BYTES, .len = SIZE,
				.addr = (unsigned long)self->second, .deadline = SHS_FOREVER)));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&att));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_CELL(self->second);
}

static bool is_whole(const char *value)
{
	for (int i = 1; i < SIZE; i++)
		if (value[i] != value[0])
			return false;
	return true;
}

/* Held for a moment only: io_uring says so instead of waiting, and tries again. */
static int insist(enum shs_door door, int fd, __u32 code, const void *addr, const void *addr2)
{
	int ret;

	do {
		last = (struct shs_ioc_op){ .size = sizeof(last), .op = code,
			.flags = SHS_OP_BYTES, .addr = (unsigned long)addr,
			.addr2 = (unsigned long)addr2, .len = SIZE, .deadline = SHS_FOREVER };
		ret = shs_by(door, fd, &last);
	} while (ret == -EBUSY && door == SHS_URING);
	return ret;
}

/* With several writers at once no reader ever sees parts of two values. */
TEST_F(cell, never_torn)
{
	unsigned long rounds = shs_scale(3000);
	struct shs_pipe gate = shs_pipe();
	pid_t child[4];

	for (int i = 0; i < 4; i++) {
		char value[SIZE], old[SIZE];

		child[i] = shs_fork();
		if (child[i])
			continue;
		shs_gate_pass(&gate);
		for (unsigned long n = 0; n < rounds; n++) {
			memset(value, i * 64 + n % 64, SIZE);
			switch (i) {
			case 0:
				if (insist(variant->door, self->fd, SHS_OP_STORE, value, NULL))
					_exit(1);
				continue;
			case 1:
				if (insist(variant->door, self->fd, SHS_OP_SWAP, value, old))
					_exit(2);
				break;
			default:
				if (insist(variant->door, self->fd, SHS_OP_LOAD, old, NULL))
					_exit(3);
			}
			if (!is_whole(old))
				_exit(4);
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
}

/* Each value that was swapped in comes out once: nothing is lost or doubled. */
TEST_F(cell, swaps_conserve)
{
	unsigned long rounds = shs_scale(2000);
	struct shs_pipe gate = shs_pipe();
	__u64 *balance = shs_common(4096);
	char left[SIZE];
	pid_t child[4];
	__u64 sum = 0;

	EXPECT_EQ(0, DO(STORE, self->zero, NULL));
	for (int i = 0; i < 4; i++) {
		__u64 token[SIZE / 8];

		child[i] = shs_fork();
		if (child[i])
			continue;
		shs_gate_pass(&gate);
		for (unsigned long n = 1; n <= rounds; n++) {
			for (int w = 0; w < SIZE / 8; w++)
				token[w] = i * 1000000 + n;
			balance[i] += token[0];
			if (insist(variant->door, self->fd, SHS_OP_SWAP, token, token))
				_exit(1);
			balance[i] -= token[0];
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, shs_reap(child[i]));
		sum += balance[i];
	}
	EXPECT_EQ(0, DO(LOAD, left, NULL));
	EXPECT_EQ(*(__u64 *)left, sum);
}

/* Updates by compare_exchange are none of them lost. */
TEST_F(cell, compare_exchange_updates)
{
	unsigned long rounds = shs_scale(1000);
	struct shs_pipe gate = shs_pipe();
	pid_t child[4];
	__u64 now[SIZE / 8];

	EXPECT_EQ(0, DO(STORE, self->zero, NULL));
	for (int i = 0; i < 4; i++) {
		__u64 seen[SIZE / 8] = { 0 }, new[SIZE / 8];

		child[i] = shs_fork();
		if (child[i])
			continue;
		shs_gate_pass(&gate);
		for (unsigned long n = 0; n < rounds; n++) {
			int ret;

			do {
				for (int w = 0; w < SIZE / 8; w++)
					new[w] = seen[w] + w + 1;
				ret = insist(variant->door, self->fd, SHS_OP_CMPXCHG, new, seen);
			} while (ret == -EREMCHG);
			if (ret)
				_exit(1);
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(0, DO(LOAD, now, NULL));
	for (int w = 0; w < SIZE / 8; w++)
		EXPECT_EQ(4 * rounds * (w + 1), now[w]);
}

TEST_HARNESS_MAIN
