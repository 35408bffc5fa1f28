// SPDX-License-Identifier: GPL-2.0-only
/*
 * A once with a value: set by the one who ran it, together with its end, and from
 * then on the same for all who look.
 */
#include "shs.h"

FIXTURE(once_value) {
	int fd;
	struct shs_att mine, other;
	struct shs_ioc_op op;
	struct shs_ioc_once once;
};

FIXTURE_VARIANT(once_value) {
	enum shs_door door;
};

FIXTURE_VARIANT_ADD(once_value, ioctl) { SHS_IOCTL };
FIXTURE_VARIANT_ADD(once_value, uring) { SHS_URING };

static int create(__u32 type, __u32 count, __u32 flags)
{
	return shs_create_as(&SHS_INIT(.kind = SHS_KIND_ONCE, .type = type, .count = count,
				       .flags = flags));
}

FIXTURE_SETUP(once_value)
{
	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	self->fd = create(SHS_TYPE_I64, 2, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
}

FIXTURE_TEARDOWN(once_value)
{
}

#define LOAD(buffer, where, length)						\
	(self->op = SHS_OP(LOAD, .flags = SHS_OP_BYTES, .addr = (unsigned long)(buffer), \
			   .offset = where, .len = length),			\
	 shs_by(variant->door, self->fd, &self->op))

static int begin(const struct shs_att *att)
{
	return shs_once(att, &SHS_ONCE(.flags = SHS_ONCE_NOWAIT));
}

static int complete(const struct shs_att *att, const void *value, __u32 size)
{
	struct shs_ioc_once once = SHS_ONCE(.cmd = SHS_ONCE_COMPLETE, .value_size = size,
					    .value = (unsigned long)value);
	int ret = shs_once(att, &once);

	return ret ?: once.state == SHS_ONCE_DONE ? 0 : -EIO;
}

static int state(int fd)
{
	return shs_load(fd, 0);
}

static const void *mapped(const struct shs_att *att)
{
	return (const char *)att->control + att->is.value_offset;
}

/* The value is there with the state DONE, by operation, in the mapping, and as text. */
TEST_F(once_value, complete)
{
	__s64 value[] = { 42, -5 }, seen[2] = { 1, 1 };

	EXPECT_EQ(SHS_VALUE_OFFSET, self->mine.is.value_offset);
	EXPECT_EQ(16, self->mine.is.value_size);
	EXPECT_EQ(0, self->mine.is.shared_size);
	EXPECT_EQ(16, shs_info(self->fd).value_size);
	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, complete(&self->mine, value, sizeof(value)));
	EXPECT_EQ(SHS_ONCE_DONE, state(self->fd));
	EXPECT_EQ(SHS_STATE_DONE, shs_info(self->fd).state);
	EXPECT_EQ(0, LOAD(seen, 0, 16));
	EXPECT_EQ(0, memcmp(value, seen, 16));
	EXPECT_EQ(0, memcmp(value, mapped(&self->mine), 16));
	EXPECT_EQ(0, memcmp(value, mapped(&self->other), 16));
	EXPECT_EQ(SHS_ONCE_DONE, self->other.control->once);
	EXPECT_STREQ("done 42 -5", shs_text(self->fd));
	/* In parts, and nothing beyond. */
	memset(seen, 0, 16);
	EXPECT_EQ(0, LOAD(seen, 8, 8));
	EXPECT_EQ(-5, seen[0]);
	EXPECT_EQ(0, seen[1]);
	EXPECT_EQ(0, LOAD(seen, 15, 1));
	EXPECT_EQ(-EINVAL, LOAD(seen, 15, 2));
	EXPECT_EQ(-EINVAL, LOAD(seen, 16, 1));
	EXPECT_EQ(-EINVAL, LOAD(seen, 0, 17));
	EXPECT_EQ(-EINVAL, LOAD(seen, ~0U, 2));
	EXPECT_EQ(-EFAULT, LOAD(8, 0, 16));
	/* For good. */
	EXPECT_EQ(-EPERM, complete(&self->mine, value, sizeof(value)));
	EXPECT_STREQ("done 42 -5", shs_text(self->fd));
}

/* Before it is done there is none, whatever happened already. */
TEST_F(once_value, no_value_yet)
{
	__s64 seen[2] = { 7, 7 }, value[] = { 1, 2 };

	EXPECT_EQ(-ENODATA, LOAD(seen, 0, 16));
	EXPECT_STREQ("incomplete", shs_text(self->fd));
	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(-ENODATA, LOAD(seen, 0, 16));
	EXPECT_STREQ("running", shs_text(self->fd));
	EXPECT_EQ(-EPERM, complete(&self->other, value, 16));
	EXPECT_EQ(0, shs_once(&self->mine, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON)));
	EXPECT_EQ(-ENODATA, LOAD(seen, 0, 16));
	EXPECT_EQ(7, seen[0]);
	EXPECT_EQ(0, *(const __s64 *)mapped(&self->mine));
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, state(self->fd));
}

/* One that died had no time to set one; the next sets its own. */
TEST_F(once_value, died)
{
	__s64 value[] = { 3, 4 }, seen[2];

	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	EXPECT_EQ(-ENODATA, LOAD(seen, 0, 16));
	EXPECT_EQ(-EOWNERDEAD, begin(&self->other));
	EXPECT_EQ(0, complete(&self->other, value, 16));
	EXPECT_EQ(0, LOAD(seen, 0, 16));
	EXPECT_EQ(0, memcmp(value, seen, 16));
}

/* Poisoned, it has none either. */
TEST_F(once_value, poisoned)
{
	int fd = create(SHS_TYPE_I64, 1, SHS_INIT_POISON);
	__s64 seen, value = 9;
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, fd));
	self->fd = fd;
	EXPECT_EQ(0, begin(&att));
	EXPECT_EQ(0, shs_once(&att, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON)));
	EXPECT_EQ(-ENODATA, LOAD(&seen, 0, 8));
	EXPECT_STREQ("poisoned", shs_text(fd));
	EXPECT_EQ(0, shs_once(&att, &SHS_ONCE(.flags = SHS_ONCE_FORCE)));
	EXPECT_EQ(0, complete(&att, &value, 8));
	EXPECT_EQ(0, LOAD(&seen, 0, 8));
	EXPECT_EQ(9, seen);
}

/* Without a value given it is zero, and done all the same. */
TEST_F(once_value, zero)
{
	__s64 seen[2] = { 7, 7 };

	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, complete(&self->mine, NULL, 0));
	EXPECT_EQ(0, LOAD(seen, 0, 16));
	EXPECT_EQ(0, seen[0]);
	EXPECT_EQ(0, seen[1]);
	EXPECT_STREQ("done 0 0", shs_text(self->fd));
}

/* What is refused leaves it running. */
TEST_F(once_value, refused)
{
	static const __u32 sizes[] = { 1, 8, 15, 17, 24, 65536, ~0U };
	__s64 value[] = { 1, 2 };

	EXPECT_EQ(0, begin(&self->mine));
	for (int i = 0; i < ARRAY_SIZE(sizes); i++)
		EXPECT_EQ(-EINVAL, complete(&self->mine, value, sizes[i]));
	EXPECT_EQ(-EINVAL, complete(&self->mine, value, 0));
	EXPECT_GT(0, complete(&self->mine, NULL, 16));
	EXPECT_EQ(-EFAULT, complete(&self->mine, (void *)8, 16));
	EXPECT_EQ(-EFAULT, complete(&self->mine, (void *)-4096L, 16));
	for (__u32 cmd = SHS_ONCE_BEGIN; cmd <= SHS_ONCE_WAIT; cmd++) {
		if (cmd == SHS_ONCE_COMPLETE)
			continue;
		EXPECT_EQ(-EINVAL, shs_once(&self->mine, &SHS_ONCE(.cmd = cmd, .value_size = 16,
				.value = (unsigned long)value)));
		EXPECT_EQ(-EINVAL, shs_once(&self->mine, &SHS_ONCE(.cmd = cmd, .value = 1)));
		EXPECT_EQ(-EINVAL, shs_once(&self->mine, &SHS_ONCE(.cmd = cmd,
								    .value_size = 1)));
	}
	EXPECT_EQ(SHS_ONCE_RUNNING, state(self->fd));
	EXPECT_EQ(0, *(const __s64 *)mapped(&self->mine));
	EXPECT_EQ(0, complete(&self->mine, value, 16));
	EXPECT_STREQ("done 1 2", shs_text(self->fd));
}

/* A once without a value takes none and gives none. */
TEST_F(once_value, none)
{
	int fd = create(SHS_TYPE_NONE, 0, 0);
	struct shs_att att;
	char byte;

	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, begin(&att));
	EXPECT_EQ(-EINVAL, complete(&att, "x", 1));
	EXPECT_EQ(SHS_ONCE_RUNNING, state(fd));
	EXPECT_EQ(0, complete(&att, NULL, 0));
	EXPECT_STREQ("done", shs_text(fd));
	self->fd = fd;
	EXPECT_EQ(-EINVAL, LOAD(&byte, 0, 1));
}

/* The numeric form of a load is the state, which has no index. */
TEST_F(once_value, numeric_load)
{
	__s64 value[] = { 11, 12 };

	EXPECT_EQ(0, begin(&self->mine));
	self->op = SHS_OP(LOAD);
	EXPECT_EQ(0, shs_by(variant->door, self->fd, &self->op));
	EXPECT_EQ(SHS_ONCE_RUNNING, self->op.result);
	EXPECT_EQ(0, complete(&self->mine, value, 16));
	self->op = SHS_OP(LOAD);
	EXPECT_EQ(0, shs_by(variant->door, self->fd, &self->op));
	EXPECT_EQ(SHS_ONCE_DONE, self->op.result);
	self->op = SHS_OP(LOAD, .index = 1);
	EXPECT_EQ(-EINVAL, shs_by(variant->door, self->fd, &self->op));
	/* It is set once: no operation writes it, and no text. */
	EXPECT_EQ(-EOPNOTSUPP, shs_op(self->fd, &SHS_OP(STORE, .arg = 1)));
	EXPECT_EQ(-EOPNOTSUPP, shs_op(self->fd, &SHS_OP(WRITE, .arg = 1)));
	EXPECT_EQ(-EINVAL, shs_write(self->fd, "1\n"));
	EXPECT_STREQ("done 11 12", shs_text(self->fd));
}

/* No byte becomes a bool that is none. */
TEST_F(once_value, bools)
{
	int fd = create(SHS_TYPE_BOOL, 3, 0);
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, begin(&att));
	EXPECT_EQ(-ERANGE, complete(&att, "\1\0\2", 3));
	EXPECT_EQ(SHS_ONCE_RUNNING, state(fd));
	EXPECT_EQ(0, complete(&att, "\1\0\1", 3));
	EXPECT_STREQ("done 1 0 1", shs_text(fd));
}

/* Each type, as text. */
TEST_F(once_value, types)
{
	static const struct {
		__u32 type, count, size;
		const char *value, *text;
	} cases[] = {
		{ SHS_TYPE_BYTES, 3, 3, "ab\xff", "done 6162ff" },
		{ SHS_TYPE_BOOL, 1, 1, "\1", "done 1" },
		{ SHS_TYPE_U8, 2, 2, "\xff\0", "done 255 0" },
		{ SHS_TYPE_I8, 2, 2, "\xff\1", "done -1 1" },
		{ SHS_TYPE_U16, 1, 2, "\xff\xff", "done 65535" },
		{ SHS_TYPE_I16, 1, 2, "\0\x80", "done -32768" },
		{ SHS_TYPE_U32, 1, 4, "\xff\xff\xff\xff", "done 4294967295" },
		{ SHS_TYPE_I32, 1, 4, "\xff\xff\xff\xff", "done -1" },
		{ SHS_TYPE_U64, 1, 8, "\xff\xff\xff\xff\xff\xff\xff\xff",
		  "done 18446744073709551615" },
		{ SHS_TYPE_I64, 1, 8, "\0\0\0\0\0\0\0\x80", "done -9223372036854775808" },
	};

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct shs_att att;
		int fd = create(cases[i].type, cases[i].count, 0);

		ASSERT_LE(0, fd) TH_LOG("type %u", cases[i].type);
		ASSERT_EQ(0, shs_attach(&att, fd));
		EXPECT_EQ(0, begin(&att));
		EXPECT_EQ(0, complete(&att, cases[i].value, cases[i].size));
		EXPECT_STREQ(cases[i].text, shs_text(fd));
		EXPECT_EQ(0, memcmp(cases[i].value, mapped(&att), cases[i].size));
	}
}

/* The largest there may be, and one more. */
TEST_F(once_value, largest)
{
	static char value[SHS_VALUE_MAX], seen[SHS_VALUE_MAX];
	int fd = create(SHS_TYPE_BYTES, SHS_VALUE_MAX, 0);
	struct shs_att early, late;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, create(SHS_TYPE_BYTES, SHS_VALUE_MAX + 1, 0));
	EXPECT_EQ(-EINVAL, create(SHS_TYPE_U64, SHS_VALUE_MAX / 8 + 1, 0));
	for (int i = 0; i < SHS_VALUE_MAX; i++)
		value[i] = i * 31 + i / 256;
	ASSERT_EQ(0, shs_attach(&early, fd));
	EXPECT_LE(SHS_VALUE_OFFSET + SHS_VALUE_MAX, early.is.control_size);
	EXPECT_EQ(0, begin(&early));
	EXPECT_EQ(0, complete(&early, value, sizeof(value)));
	EXPECT_EQ(0, memcmp(value, mapped(&early), sizeof(value)));
	ASSERT_EQ(0, shs_attach(&late, fd));
	EXPECT_EQ(0, memcmp(value, mapped(&late), sizeof(value)));
	self->fd = fd;
	EXPECT_EQ(0, LOAD(seen, 0, sizeof(seen)));
	EXPECT_EQ(0, memcmp(value, seen, sizeof(value)));
	EXPECT_EQ(5 + 2 * SHS_VALUE_MAX, strlen(shs_text(fd)));
}

/* Who may only read sees the value and can write it nowhere; who may not, does not. */
TEST_F(once_value, access)
{
	__s64 value[] = { 5, 6 }, seen[2];
	struct shs_att att;
	int ro, wo;

	ASSERT_EQ(0, shs_link(self->fd, "once"));
	ro = shs_open("once", O_RDONLY);
	wo = shs_open("once", O_WRONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, complete(&self->mine, value, 16));
	self->fd = ro;
	EXPECT_EQ(0, LOAD(seen, 0, 16));
	EXPECT_EQ(6, seen[1]);
	EXPECT_EQ(5, *(const __s64 *)mapped(&att));
	self->fd = wo;
	EXPECT_EQ(-EACCES, LOAD(seen, 0, 16));
	for (int i = 0; i < 2; i++) {
		struct shs_att *at = i ? &att : &self->mine;

		EXPECT_EQ(-1, mprotect((void *)at->control, at->is.control_size,
				       PROT_READ | PROT_WRITE));
		EXPECT_EQ(EACCES, errno);
	}
}

/* One that begins done: nobody runs it, all have its value. */
TEST_F(once_value, done_from_the_beginning)
{
	__s64 value[] = { 8, 9 }, seen[2];
	struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_ONCE, .type = SHS_TYPE_I64,
			.count = 2, .flags = SHS_INIT_DONE, .value = (unsigned long)value,
			.value_size = 16);

	for (int given = 1; given >= 0; given--) {
		struct shs_ioc_once once = SHS_ONCE();
		struct shs_att att;

		if (!given)
			init.value = init.value_size = 0;
		self->fd = shs_create_as(&init);
		ASSERT_LE(0, self->fd);
		EXPECT_STREQ(given ? "done 8 9" : "done 0 0", shs_text(self->fd));
		EXPECT_EQ(SHS_STATE_DONE, shs_info(self->fd).state);
		EXPECT_EQ(SHS_ONCE_DONE, state(self->fd));
		EXPECT_EQ(0, LOAD(seen, 0, 16));
		EXPECT_EQ(given ? 9 : 0, seen[1]);
		ASSERT_EQ(0, shs_attach(&att, self->fd));
		EXPECT_EQ(SHS_ONCE_DONE, att.control->once);
		EXPECT_EQ(given ? 8 : 0, *(const __s64 *)mapped(&att));
		EXPECT_EQ(0, shs_once(&att, &once));
		EXPECT_EQ(SHS_ONCE_DONE, once.state);
		EXPECT_EQ(-EPERM, complete(&att, value, 16));
		once = SHS_ONCE(.cmd = SHS_ONCE_WAIT);
		EXPECT_EQ(0, shs_once(&att, &once));
		EXPECT_EQ(SHS_ONCE_DONE, once.state);
	}
	self->fd = create(SHS_TYPE_NONE, 0, SHS_INIT_DONE);
	ASSERT_LE(0, self->fd);
	EXPECT_STREQ("done", shs_text(self->fd));
}

/* A value from the beginning is that of one that is done from the beginning. */
TEST_F(once_value, initial_value_refused)
{
	__s64 value = 1;
	struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_ONCE, .type = SHS_TYPE_I64,
			.count = 1, .value = (unsigned long)&value, .value_size = 8);

	EXPECT_EQ(-EINVAL, shs_create_as(&init));
	init.flags = SHS_INIT_POISON;
	EXPECT_EQ(-EINVAL, shs_create_as(&init));
	init.flags = SHS_INIT_DONE;
	init.value_size = 4;
	EXPECT_EQ(-EINVAL, shs_create_as(&init));
	init.type = SHS_TYPE_NONE;
	init.count = 0;
	init.value_size = 8;
	EXPECT_EQ(-EINVAL, shs_create_as(&init));
}

/*
 * Who finds DONE, in the mapping or by an operation, finds the whole value with it,
 * however many run for it and are killed on the way.
 */
#define BYTES 8192

static int look(const struct shs_att *att, int fd, char *seen)
{
	struct shs_ioc_op op = SHS_OP(LOAD, .flags = SHS_OP_BYTES, .len = BYTES,
				      .addr = (unsigned long)seen);
	int ret;

	if (__atomic_load_n(&att->control->once, __ATOMIC_ACQUIRE) == SHS_ONCE_DONE) {
		memcpy(seen, mapped(att), BYTES);
		return 0;
	}
	ret = shs_op(fd, &op);
	sched_yield();
	return ret;
}

static pid_t onlooker(int fd, struct shs_pipe *gate)
{
	pid_t child = shs_fork();
	static char seen[BYTES];
	struct shs_att att;
	int ret;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(1);
	shs_gate_pass(gate);
	do
		ret = look(&att, fd, seen);
	while (ret == -ENODATA);
	_exit(ret ? 2 : !seen[0] || memcmp(seen, seen + 1, BYTES - 1) ? 3 : 0);
}

static pid_t runner(int fd, struct shs_pipe *gate, char byte, bool dies)
{
	struct shs_ioc_once once = SHS_ONCE(.deadline = SHS_FOREVER);
	pid_t child = shs_fork();
	static char value[BYTES];
	struct shs_att att;
	int ret;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(1);
	memset(value, byte, BYTES);
	shs_gate_pass(gate);
	ret = shs_once(&att, &once);
	if (ret && ret != -EOWNERDEAD)
		_exit(2);
	if (once.state == SHS_ONCE_RUNNING && dies)
		raise(SIGKILL);
	if (once.state == SHS_ONCE_RUNNING && complete(&att, value, BYTES))
		_exit(3);
	_exit(0);
}

TEST_F(once_value, race)
{
	if (variant->door == SHS_URING)
		return;
	for (unsigned long round = 0; round < shs_scale(50); round++) {
		struct shs_pipe gate = shs_pipe();
		int fd = create(SHS_TYPE_BYTES, BYTES, 0), status;
		pid_t child[4];

		child[0] = onlooker(fd, &gate);
		child[1] = onlooker(fd, &gate);
		child[2] = runner(fd, &gate, 'a' + round % 26, round % 2);
		child[3] = runner(fd, &gate, 'A' + round % 26, false);
		shs_gate_open(&gate);
		for (int i = 0; i < 4; i++) {
			status = shs_reap(child[i]);
			EXPECT_TRUE(!status || (i == 2 && status == -SIGKILL)) {
				TH_LOG("child %d: %d", i, status);
			}
		}
		close(gate.end[0]);
		close(fd);
	}
}

TEST_HARNESS_MAIN
