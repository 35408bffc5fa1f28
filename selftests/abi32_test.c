// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of 32 and of 64 bits share objects. The structs have one layout, so the
 * kernel does not know the difference and the programs must not notice one: whatever
 * one side makes, maps, holds, waits for or dies with is the same thing to the other.
 *
 * Two peers (peer.h) act, a third of 64 bits repeats alone what they do together: its
 * answers are what theirs have to be, byte for byte.
 */
#include "shs.h"
#include <sys/socket.h>
#include "peer.h"

struct peer {
	pid_t pid;
	int socket;
	__u64 buffer;
	struct peer_reply is;	/* the last reply */
};

static void peer_path(char *path, size_t size, int bits)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);

	path[len > 0 ? len : 0] = 0;
	if (strrchr(path, '/'))
		*strrchr(path, '/') = 0;
	snprintf(path + strlen(path), size - strlen(path), "/peer/peer%d", bits);
}

static void peer_send_fd(struct peer *p, const struct peer_request *q, int fd)
{
	if (!peer_send(p->socket, q, offsetof(struct peer_request, data) + q->len, fd))
		abort();
}

/* The reply, and the descriptor that came with it or -1. */
static int peer_hear_fd(struct peer *p)
{
	struct iovec iov = { &p->is, sizeof(p->is) };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(p->socket, &msg, 0) <= 0)
		abort();
	if (msg.msg_controllen >= CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static long peer_hear(struct peer *p)
{
	peer_hear_fd(p);
	return p->is.ret;
}

#define REQUEST(name, ...) \
	((struct peer_request){ .call = PEER_##name, ##__VA_ARGS__ })

static long peer_do(struct peer *p, const struct peer_request *q)
{
	peer_send_fd(p, q, -1);
	return peer_hear(p);
}

static long peer_do_with(struct peer *p, struct peer_request *q, const void *data, size_t len)
{
	memcpy(q->data, data, len);
	q->len = len;
	return peer_do(p, q);
}

/* 0 or a negative errno. */
static int peer_start(struct peer *p, int bits)
{
	char path[300];
	int pair[2];

	peer_path(path, sizeof(path), bits);
	if (access(path, X_OK) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	p->pid = shs_fork();
	if (!p->pid) {
		if (pair[1] == PEER_SOCKET)
			fcntl(PEER_SOCKET, F_SETFD, 0);
		else
			dup2(pair[1], PEER_SOCKET);
		execl(path, path, NULL);
		_exit(1);
	}
	close(pair[1]);
	p->socket = pair[0];
	if (peer_do(p, &REQUEST(HELLO)) != bits)
		return -ENOEXEC;
	p->buffer = p->is.value;
	return 0;
}

/*
 * What peers do, as the test's own wrappers in shs.h
 */
static void peer_put(struct peer *p, __u32 at, const void *data, size_t len)
{
	peer_do_with(p, &REQUEST(PUT, .a = at), data, len);
}

/* Sends only: for a call that will wait. */
static void peer_ioctl_send(struct peer *p, int fd, unsigned long command, const void *arg)
{
	struct peer_request q = REQUEST(IOCTL, .fd = fd, .a = command, .len = *(__u32 *)arg);

	memcpy(q.data, arg, q.len);
	peer_send_fd(p, &q, -1);
}

static long peer_ioctl(struct peer *p, int fd, unsigned long command, const void *arg)
{
	peer_ioctl_send(p, fd, command, arg);
	return peer_hear(p);
}

static long peer_name(struct peer *p, enum peer_call call, int fd, __u64 flags, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), SHS_DIR "/%s", name);
	return peer_do_with(p, &(struct peer_request){ .call = call, .fd = fd, .a = flags },
			    path, strlen(path) + 1);
}

static int peer_create(struct peer *p, struct shs_ioc_init init, const char *name)
{
	int fd = peer_name(p, PEER_BLANK, 0, 0, "."), err;

	if (fd < 0)
		return fd;
	err = peer_ioctl(p, fd, SHS_IOC_INIT, &init);
	if (!err && name)
		err = peer_name(p, PEER_LINK, fd, 0, name);
	return err ?: fd;
}

/* The first peer makes it with a name, the second opens that, the test as well. */
#define SHARE(self, name, ...) ({						\
	(self)->fd[0] = peer_create(&(self)->peer[0], SHS_INIT(__VA_ARGS__), name); \
	ASSERT_LE(0, (self)->fd[0]);						\
	(self)->fd[1] = peer_name(&(self)->peer[1], PEER_OPEN, 0, O_RDWR, name); \
	ASSERT_LE(0, (self)->fd[1]);						\
	(self)->seen = shs_open(name, O_RDWR);					\
	ASSERT_LE(0, (self)->seen);						\
})

/* An attachment of a peer, all regions mapped. */
struct remote {
	struct peer *peer;
	int fd;
	struct shs_ioc_attach is;
	int control, shared, private;	/* numbers of mappings */
};

static int remote_map(struct remote *r, __u64 offset, __u32 size, int protection)
{
	return size ? peer_do(r->peer, &REQUEST(MAP, .fd = r->fd, .a = offset, .b = size,
						.c = protection)) : 0;
}

static int remote_attach(struct remote *r, struct peer *p, int fd)
{
	memset(r, 0, sizeof(*r));
	r->peer = p;
	memset(&r->is, 0xa5, sizeof(r->is));
	r->is.size = sizeof(r->is);
	r->is.flags = 0;
	r->fd = peer_ioctl(p, fd, SHS_IOC_ATTACH, &r->is);
	if (r->fd < 0)
		return r->fd;
	memcpy(&r->is, p->is.data, sizeof(r->is));
	r->control = remote_map(r, SHS_MMAP_CONTROL, r->is.control_size, PROT_READ);
	r->shared = remote_map(r, SHS_MMAP_SHARED, r->is.shared_size, PROT_READ | PROT_WRITE);
	r->private = remote_map(r, SHS_MMAP_PRIVATE, r->is.private_size, PROT_READ | PROT_WRITE);
	/* lanes are written at will */
	if (r->private >= 0)
		peer_do(p, &REQUEST(STORE, .fd = r->private, .b = 8, .c = ~0ULL));
	return r->control < 0 ? r->control : r->shared < 0 ? r->shared :
	       r->private < 0 ? r->private : 0;
}

static __u64 remote_load(struct remote *r, int mapping, __u32 offset, int width)
{
	peer_do(r->peer, &REQUEST(LOAD, .fd = mapping, .a = offset, .b = width));
	return r->peer->is.value;
}

static void remote_store(struct remote *r, int mapping, __u32 offset, int width, __u64 value)
{
	peer_do(r->peer, &REQUEST(STORE, .fd = mapping, .a = offset, .b = width, .c = value));
}

static __u64 remote_add(struct remote *r, int mapping, __u32 offset, int width, __u64 value)
{
	peer_do(r->peer, &REQUEST(ADD, .fd = mapping, .a = offset, .b = width, .c = value));
	return r->peer->is.value;
}

/* The word's compare and swap; true if it was as expected. */
static bool remote_swap(struct remote *r, __u32 expected, __u32 new)
{
	peer_do(r->peer, &REQUEST(SWAP32, .fd = r->shared, .b = expected, .c = new));
	return r->peer->is.value == expected;
}

static __u32 lane_at(const struct remote *r, __u32 lane)
{
	return SHS_LANES_OFFSET + lane * r->is.lane_stride;
}

static long remote_ioctl(struct remote *r, unsigned long command, const void *arg)
{
	return peer_ioctl(r->peer, r->fd, command, arg);
}

static void remote_send(struct remote *r, unsigned long command, const void *arg)
{
	peer_ioctl_send(r->peer, r->fd, command, arg);
}

static long remote_lock(struct remote *r, __u32 mode, __u32 flags)
{
	return remote_ioctl(r, SHS_IOC_LOCK, &SHS_LOCK(.mode = mode, .flags = flags,
						       .deadline = SHS_FOREVER));
}

static void remote_lock_send(struct remote *r, __u32 mode)
{
	remote_send(r, SHS_IOC_LOCK, &SHS_LOCK(.mode = mode, .deadline = SHS_FOREVER));
}

static long remote_unlock(struct remote *r, __u32 mode)
{
	return remote_ioctl(r, SHS_IOC_UNLOCK, &SHS_LOCK(.mode = mode));
}

static int peer_end(struct peer *p)
{
	kill(p->pid, SIGKILL);
	return shs_reap(p->pid);
}

/*
 * The fixture: a variant says of how many bits who is
 */
FIXTURE(abi32) {
	struct peer peer[2], twin;
	int fd[2];		/* of what they share, in each of them */
	int seen;		/* the test's own */
	struct remote att[2];
};

FIXTURE_VARIANT(abi32) {
	int bits[2];
};

FIXTURE_VARIANT_ADD(abi32, made_by_64) { .bits = { 64, 32 } };
FIXTURE_VARIANT_ADD(abi32, made_by_32) { .bits = { 32, 64 } };

/*
 * They act in turn: on one processor the next one need not be woken on another,
 * which under emulation costs more than all the rest.
 */
FIXTURE_SETUP(abi32)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	SHS_MOUNT("");
	ASSERT_EQ(0, peer_start(&self->peer[0], variant->bits[0]));
	ASSERT_EQ(0, peer_start(&self->peer[1], variant->bits[1]));
	ASSERT_EQ(0, peer_start(&self->twin, 64));
}

FIXTURE_TEARDOWN(abi32)
{
}

#define ATTACH(self) do {							\
	ASSERT_EQ(0, remote_attach(&(self)->att[0], &(self)->peer[0], (self)->fd[0])); \
	ASSERT_EQ(0, remote_attach(&(self)->att[1], &(self)->peer[1], (self)->fd[1])); \
} while (0)

/* Each compiler, asked for all sizes and offsets and numbers, says the same. */
TEST_F(abi32, layout)
{
	ASSERT_EQ(64, peer_do(&self->twin, &REQUEST(HELLO)));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(variant->bits[i], peer_do(&self->peer[i], &REQUEST(HELLO)));
		EXPECT_LT(0, self->peer[i].is.len);
		ASSERT_EQ(self->twin.is.len, self->peer[i].is.len);
		EXPECT_EQ(0, memcmp(self->twin.is.data, self->peer[i].is.data,
				    self->twin.is.len));
	}
}

TEST_F(abi32, level)
{
	struct shs_ioc_abi abi = { .size = sizeof(abi) };
	char twin[sizeof(abi)];
	int dir = peer_name(&self->twin, PEER_OPEN, 0, O_RDONLY, ".");

	ASSERT_EQ(0, peer_ioctl(&self->twin, dir, SHS_IOC_ABI, &abi));
	memcpy(twin, self->twin.is.data, sizeof(twin));
	for (int i = 0; i < 2; i++) {
		dir = peer_name(&self->peer[i], PEER_OPEN, 0, O_RDONLY, ".");
		ASSERT_EQ(0, peer_ioctl(&self->peer[i], dir, SHS_IOC_ABI, &abi));
		EXPECT_EQ(0, memcmp(twin, self->peer[i].is.data, sizeof(twin)));
	}
}

/* What one side gives to an object at birth, the other finds; by name and by fd. */
TEST_F(abi32, birth)
{
	__s64 value[] = { -1, 1LL << 40, 7 };
	struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
					    .count = 3, .value_size = sizeof(value),
					    .meta_size = 6);
	struct shs_ioc_meta meta = { .size = sizeof(meta), .capacity = 10 };
	struct peer *p = self->peer;
	int named, passed;

	peer_put(&p[0], 0, value, sizeof(value));
	peer_put(&p[0], 64, "litres", 6);
	init.value = p[0].buffer;
	init.meta = p[0].buffer + 64;
	self->fd[0] = peer_create(&p[0], init, "fuel");
	ASSERT_LE(0, self->fd[0]);

	/* its descriptor travels by way of the test */
	peer_send_fd(&p[0], &REQUEST(GIVE, .fd = self->fd[0]), -1);
	self->seen = peer_hear_fd(&p[0]);
	ASSERT_LE(0, self->seen);
	peer_send_fd(&p[1], &REQUEST(TAKE), self->seen);
	passed = peer_hear(&p[1]);
	named = peer_name(&p[1], PEER_OPEN, 0, O_RDONLY, "fuel");
	ASSERT_LE(0, passed);
	ASSERT_LE(0, named);
	for (int i = 0; i < 2; i++) {
		int fd = i ? named : passed;

		ASSERT_EQ(19, peer_do(&p[1], &REQUEST(READ, .fd = fd)));
		p[1].is.data[19] = 0;
		EXPECT_STREQ("-1 1099511627776 7\n", p[1].is.data);
		meta.addr = p[1].buffer + 128;
		EXPECT_EQ(0, peer_ioctl(&p[1], fd, SHS_IOC_META, &meta));
		EXPECT_EQ(6, ((struct shs_ioc_meta *)p[1].is.data)->meta_size);
		peer_do(&p[1], &REQUEST(GET, .a = 128, .b = 6));
		EXPECT_EQ(0, memcmp("litres", p[1].is.data, 6));
	}
	EXPECT_EQ(-EACCES, peer_ioctl(&p[1], named, SHS_IOC_OP, &SHS_OP(ADD, .arg = 1)));
	EXPECT_EQ(0, peer_ioctl(&p[1], passed, SHS_IOC_OP, &SHS_OP(ADD, .arg = 1)));
	EXPECT_EQ(0, shs_load(self->seen, 0));
}

/*
 * Single operations, one after the other by either side, and all by the twin on an
 * object of its own: same answers, same bytes, same value in the end. That includes
 * what is refused.
 */
static const struct subject {
	__u32 kind, type, count;
	int bytes;	/* of the value */
	__u32 flags;
} subjects[] = {
	{ SHS_KIND_ATOMIC, SHS_TYPE_BOOL, 3, 3 },
	{ SHS_KIND_ATOMIC, SHS_TYPE_U8, 3, 3 },
	{ SHS_KIND_ATOMIC, SHS_TYPE_I16, 3, 6 },
	{ SHS_KIND_ATOMIC, SHS_TYPE_U32, 3, 12 },
	{ SHS_KIND_ATOMIC, SHS_TYPE_I32, 3, 12 },
	{ SHS_KIND_ATOMIC, SHS_TYPE_U64, 3, 24 },
	{ SHS_KIND_ATOMIC, SHS_TYPE_I64, 3, 24 },
	{ SHS_KIND_COUNTER, SHS_TYPE_I64, 3, 24 },
	{ SHS_KIND_COUNTER, SHS_TYPE_I64, 3, 24, SHS_INIT_SATURATE },
	{ SHS_KIND_COUNTER, SHS_TYPE_I64, 3, 24, SHS_INIT_CHECK },
	{ SHS_KIND_MUTEX, SHS_TYPE_I32, 3, 12 },
	{ SHS_KIND_MUTEX, SHS_TYPE_U64, 3, 24 },
	{ SHS_KIND_MUTEX, SHS_TYPE_BOOL, 3, 3, SHS_INIT_FIFO },
	{ SHS_KIND_MUTEX, SHS_TYPE_NONE },
	{ SHS_KIND_MUTEX, SHS_TYPE_BYTES, 300, 300 },
	{ SHS_KIND_RWLOCK, SHS_TYPE_I64, 3, 24 },
	{ SHS_KIND_RWLOCK, SHS_TYPE_BYTES, 5, 5 },
	{ SHS_KIND_CONDVAR, SHS_TYPE_NONE },
	{ SHS_KIND_ONCE, SHS_TYPE_NONE, .flags = SHS_INIT_POISON },
	{ SHS_KIND_CELL, SHS_TYPE_U64, 1, 8 },
	{ SHS_KIND_CELL, SHS_TYPE_I16, 4, 8 },
	{ SHS_KIND_CELL, SHS_TYPE_BYTES, 40, 40 },
	{ SHS_KIND_CELL, SHS_TYPE_BYTES, 4096, 4096 },
	{ SHS_KIND_COUNTER, SHS_TYPE_I64, 3, 24, SHS_INIT_SERIAL },
	{ SHS_KIND_COUNTER, SHS_TYPE_I64, 3, 24, SHS_INIT_LIVE },
	{ SHS_KIND_MUTEX, SHS_TYPE_U64, 3, 24, SHS_INIT_COMMIT | SHS_INIT_STRICT },
	{ SHS_KIND_RWLOCK, SHS_TYPE_BYTES, 300, 300, SHS_INIT_COMMIT | SHS_INIT_DETECT },
	{ SHS_KIND_MUTEX, SHS_TYPE_I16, 3, 6, SHS_INIT_RECURSIVE | SHS_INIT_IGNORE },
	{ SHS_KIND_ONCE, SHS_TYPE_BYTES, 40, 40 },
};

static const __u64 numbers[] = { 0, 1, 2, ~0ULL, 1ULL << 32, (1ULL << 32) + 1, 1ULL << 63, 200 };

/* Number n of the operations: each in both forms, then again with other numbers. */
static struct shs_ioc_op draw(const struct subject *s, unsigned int n)
{
	static const __u32 without_arg = 1 << SHS_OP_LOAD | 1 << SHS_OP_TAKE | 1 << SHS_OP_PEEK |
					 1 << SHS_OP_READ | 1 << SHS_OP_WAIT |
					 1 << SHS_OP_FETCH_NOT | 1 << SHS_OP_CHANGED;
	unsigned int round = n / (2 * SHS_OP_CHANGED);
	struct shs_ioc_op op = { .size = sizeof(op), .flags = SHS_OP_NOWAIT };

	op.op = 1 + n % SHS_OP_CHANGED;
	op.order = round % 3 == 2 ? round % 5 : 0;
	if (n / SHS_OP_CHANGED % 2) {
		op.flags |= SHS_OP_BYTES;
		op.len = s->bytes;
		if (s->kind != SHS_KIND_CELL && round % 2) {
			op.offset = round % 4;
			op.len = 1 + round % 3;
		}
		return op;
	}
	op.index = round % 4;
	if (!(without_arg & 1 << op.op))
		op.arg = numbers[(n + round) % ARRAY_SIZE(numbers)];
	if (op.op == SHS_OP_CMPXCHG || op.op == SHS_OP_WAIT)
		op.expected = numbers[round % 2 ? 0 : round % ARRAY_SIZE(numbers)];
	return op;
}

/* As another peer would have it, whose buffer lies elsewhere. */
static void unaddress(struct peer *p, struct shs_ioc_op *op)
{
	op->addr = op->addr ? op->addr - p->buffer : 0;
	op->addr2 = op->addr2 ? op->addr2 - p->buffer : 0;
}

struct outcome {
	long ret;
	struct shs_ioc_op op;
	char bytes[2 * SHS_CELL_MAX];	/* of the two buffers */
};

/*
 * Lets p do the n-th operation. The bytes are mostly 0 and 1, so that a bool takes
 * some of them and a compare finds what it expects.
 */
static void act(struct peer *p, int fd, const struct subject *s, unsigned int n,
		struct outcome *outcome)
{
	struct peer_request q = REQUEST(IOCTL, .fd = fd, .a = SHS_IOC_OP);
	struct shs_ioc_op op = draw(s, n);
	char *bytes = q.data + sizeof(op);

	if (op.flags & SHS_OP_BYTES) {
		q.b = 2 * s->bytes;
		for (int i = 0; i < s->bytes; i++)
			bytes[i] = n % 5 ? i & 1 : i + n;
		memset(bytes + s->bytes, n % 3 ? 0 : 1, s->bytes);
		op.addr = p->buffer;
		if (op.op == SHS_OP_SWAP || op.op == SHS_OP_CMPXCHG)
			op.addr2 = p->buffer + s->bytes;
	}
	memcpy(q.data, &op, sizeof(op));
	q.len = sizeof(op) + q.b;
	memset(outcome, 0, sizeof(*outcome));
	outcome->ret = peer_do(p, &q);
	memcpy(&outcome->op, p->is.data, p->is.len);
	unaddress(p, &outcome->op);
}

static int make_subject(struct peer *p, const struct subject *s, const char *name)
{
	return peer_create(p, SHS_INIT(.kind = s->kind, .type = s->type, .count = s->count,
				       .flags = s->flags), name);
}

/* At least each operation in both forms, twice. */
static unsigned int draws(void)
{
	unsigned int n = shs_scale(420);

	return n < 4 * SHS_OP_CHANGED ? 4 * SHS_OP_CHANGED : n;
}

TEST_F(abi32, operations)
{
	static struct outcome theirs, twins;
	unsigned int done[ARRAY_SIZE(subjects)] = { 0 };

	for (int i = 0; i < ARRAY_SIZE(subjects); i++) {
		const struct subject *s = &subjects[i];
		char name[16];
		int twin;

		snprintf(name, sizeof(name), "o%d", i);
		SHARE(self, name, .kind = s->kind, .type = s->type, .count = s->count,
		      .flags = s->flags);
		twin = make_subject(&self->twin, s, NULL);
		ASSERT_LE(0, twin);
		for (unsigned int n = 0; n < draws(); n++) {
			int who = (n + n / SHS_OP_CHANGED) & 1;

			act(&self->peer[who], self->fd[who], s, n, &theirs);
			act(&self->twin, twin, s, n, &twins);
			ASSERT_EQ(0, memcmp(&theirs, &twins, sizeof(theirs)))
				TH_LOG("kind %u type %u, operation %u: op %u returns %ld and %ld",
				       s->kind, s->type, n, draw(s, n).op, theirs.ret, twins.ret);
			done[i] += !theirs.ret;
		}
		EXPECT_LT(0, peer_do(&self->twin, &REQUEST(READ, .fd = twin)));
		for (int who = 0; who < 2; who++) {
			peer_do(&self->peer[who], &REQUEST(READ, .fd = self->fd[who]));
			EXPECT_EQ(self->twin.is.ret, self->peer[who].is.ret);
			EXPECT_EQ(0, memcmp(self->twin.is.data, self->peer[who].is.data,
					    self->twin.is.len));
		}
		/* a mutex without value has no operation that succeeds */
		EXPECT_EQ(s->kind == SHS_KIND_MUTEX && !s->bytes, !done[i])
			TH_LOG("kind %u type %u: %u succeeded", s->kind, s->type, done[i]);
		close(self->seen);
		for (int who = 0; who < 2; who++)
			peer_do(&self->peer[who], &REQUEST(CLOSE, .fd = self->fd[who]));
		shs_unlink(name);
	}
}

/* Text goes in and out the same way. */
TEST_F(abi32, text)
{
	struct peer *p = self->peer;

	SHARE(self, "text", .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_I64, .count = 2);
	EXPECT_EQ(22, peer_do_with(&p[0], &REQUEST(WRITE, .fd = self->fd[0]),
				   "1:-9223372036854775807", 22));
	EXPECT_EQ(12, peer_do_with(&p[1], &REQUEST(WRITE, .fd = self->fd[1]),
				   "+4294967297\n", 12));
	EXPECT_EQ(-ERANGE, peer_do_with(&p[1], &REQUEST(WRITE, .fd = self->fd[1]),
					"9223372036854775808", 19));
	EXPECT_STREQ("4294967297 -9223372036854775807", shs_text(self->seen));
	EXPECT_EQ(32, peer_do(&p[1], &REQUEST(READ, .fd = self->fd[1])));
}

/*
 * A batch has addresses twice over, of the operations and of the descriptors, and
 * within the operations again. The third operation fails: the same two are done.
 */
TEST_F(abi32, batch)
{
	for (int who = 0; who < 2; who++) {
		struct peer *p = &self->peer[who];
		struct shs_ioc_op ops[4] = {
			SHS_OP(FETCH_ADD, .arg = 1ULL << 33),
			SHS_OP(WRITE, .flags = SHS_OP_BYTES, .offset = 2, .len = 4,
			       .addr = p->buffer + 2000),
			SHS_OP(FETCH_ADD, .index = 9),
			SHS_OP(FETCH_ADD, .arg = 1),
		};
		struct shs_ioc_batch batch = { .size = sizeof(batch), .count = 4,
					       .ops = p->buffer, .fds = p->buffer + 1000 };
		int number = peer_create(p, SHS_INIT(.kind = SHS_KIND_ATOMIC,
					 .type = SHS_TYPE_U64, .count = 1), NULL);
		int bytes = peer_create(p, SHS_INIT(.kind = SHS_KIND_MUTEX,
					.type = SHS_TYPE_BYTES, .count = 8), NULL);
		__s32 fds[4] = { number, bytes, number, number };

		ASSERT_LE(0, number);
		ASSERT_LE(0, bytes);
		peer_put(p, 0, ops, sizeof(ops));
		peer_put(p, 1000, fds, sizeof(fds));
		peer_put(p, 2000, "word", 4);
		EXPECT_EQ(-EINVAL, peer_ioctl(p, number, SHS_IOC_BATCH, &batch));
		EXPECT_EQ(2, ((struct shs_ioc_batch *)p->is.data)->done);
		peer_do(p, &REQUEST(READ, .fd = number));
		EXPECT_EQ(0, memcmp("8589934592\n", p->is.data, 11));
		peer_do(p, &REQUEST(READ, .fd = bytes));
		EXPECT_EQ(0, memcmp("0000776f72640000\n", p->is.data, 17));
		peer_do(p, &REQUEST(GET, .b = sizeof(ops)));
		memcpy(ops, p->is.data, sizeof(ops));
		EXPECT_EQ(0, ops[0].result);
		EXPECT_EQ(0, ops[3].result);
	}
}

/*
 * Attachments of both sides map regions of the same sizes with the same things at
 * the same places, whatever the kind.
 */
TEST_F(abi32, regions)
{
	for (int i = 0; i < ARRAY_SIZE(subjects); i++) {
		const struct subject *s = &subjects[i];
		struct remote twin;
		int object;
		char name[16];

		snprintf(name, sizeof(name), "r%d", i);
		SHARE(self, name, .kind = s->kind, .type = s->type, .count = s->count,
		      .flags = s->flags);
		object = make_subject(&self->twin, s, NULL);
		ATTACH(self);
		ASSERT_EQ(0, remote_attach(&twin, &self->twin, object));
		for (int who = 0; who < 2; who++) {
			EXPECT_EQ(who + 1, self->att[who].is.id);
			self->att[who].is.id = twin.is.id;
			EXPECT_EQ(0, memcmp(&twin.is, &self->att[who].is, sizeof(twin.is)))
				TH_LOG("kind %u type %u", s->kind, s->type);
		}
		/* what one side stores at a place the other loads there */
		for (__u32 at = twin.is.value_offset; twin.is.shared_size && s->bytes &&
		     at + 8 <= twin.is.shared_size; at += twin.is.shared_size / 8) {
			remote_store(&self->att[0], self->att[0].shared, at, 8, ~0ULL - at);
			EXPECT_EQ(~0ULL - at, remote_load(&self->att[1], self->att[1].shared,
							  at, 8));
		}
		shs_unlink(name);
		close(self->seen);
	}
}

/* Cells of every width: instructions of both sides and the kernel's on the same memory. */
TEST_F(abi32, atomic_cells)
{
	static const struct {
		__u32 type;
		int width;
	} types[] = { { SHS_TYPE_U8, 1 }, { SHS_TYPE_U16, 2 }, { SHS_TYPE_U32, 4 },
		      { SHS_TYPE_U64, 8 } };

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		int width = types[i].width;
		__u64 mask = ~0ULL >> (64 - 8 * width);
		char name[2] = { 'a' + i };

		SHARE(self, name, .kind = SHS_KIND_ATOMIC, .type = types[i].type, .count = 3);
		ATTACH(self);
		for (int who = 0; who < 2; who++) {
			struct remote *one = &self->att[who], *other = &self->att[!who];
			__u32 at = one->is.value_offset + 2 * width;

			remote_store(one, one->shared, at, width, mask - 1);
			EXPECT_EQ(mask - 1, remote_load(other, other->shared, at, width));
			EXPECT_EQ(mask - 1, remote_add(other, other->shared, at, width, 3));
			EXPECT_EQ(1, shs_load(self->seen, 2));
			EXPECT_EQ(0, shs_op(self->seen, &SHS_OP(FETCH_SUB, .index = 2, .arg = 2)));
			EXPECT_EQ(mask, remote_load(one, one->shared, at, width));
			EXPECT_EQ(0, shs_load(self->seen, 1));
		}
	}
}

/* Lanes are 64 bits wide on both sides, and what a dead side added stays. */
TEST_F(abi32, counter_lanes)
{
	struct remote *a = self->att;
	__u64 sum = 0;

	SHARE(self, "sum", .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64, .count = 2);
	ATTACH(self);
	ASSERT_LT(1, a[0].is.lanes);
	for (int n = 0; n < 10; n++)
		for (int who = 0; who < 2; who++) {
			__u64 more = (1ULL << (28 + n)) + n - 5;
			__u32 at = lane_at(&a[who], n % 2) + 8;

			sum += more;
			remote_add(&a[who], a[who].private, at, 8, more);
			EXPECT_EQ(0, peer_ioctl(a[!who].peer, self->fd[!who], SHS_IOC_OP,
						&SHS_OP(LOAD, .index = 1)));
			EXPECT_EQ(sum, ((struct shs_ioc_op *)a[!who].peer->is.data)->result);
		}
	EXPECT_EQ(-SIGKILL, peer_end(&self->peer[0]));
	SHS_AWAIT(self->seen, info.attachments == 1);
	EXPECT_EQ(sum, shs_load(self->seen, 1));
	EXPECT_EQ(0, shs_load(self->seen, 0));
	EXPECT_EQ(sum - remote_load(&a[1], a[1].private, lane_at(&a[1], 0) + 8, 8) -
		  remote_load(&a[1], a[1].private, lane_at(&a[1], 1) + 8, 8),
		  remote_load(&a[1], a[1].control, SHS_VALUE_OFFSET + 8, 8));
	EXPECT_EQ(0, shs_op(self->seen, &SHS_OP(RESET, .index = 1, .arg = -3ULL)));
	EXPECT_EQ(-3ULL, shs_load(self->seen, 1));
}

/*
 * A cell's word, sequence and slots: one side stores by hand, the other loads by
 * hand and by the kernel; one that dies in the middle of a store has stored nothing.
 */
TEST_F(abi32, cell_slots)
{
	const __u32 sequence = offsetof(struct shs_shared, sequence);

	SHARE(self, "cell", .kind = SHS_KIND_CELL, .type = SHS_TYPE_U64, .count = 1);
	ATTACH(self);
	for (__u64 n = 1; n <= 6; n++) {
		struct remote *one = &self->att[n & 1], *other = &self->att[!(n & 1)];
		__u64 turn = remote_load(one, one->shared, sequence, 8);
		__u32 at = one->is.value_offset + (~turn & 1) * one->is.slot_stride;

		ASSERT_TRUE(remote_swap(one, 0, one->is.id));
		remote_store(one, one->shared, at, 8, n << 40);
		remote_store(one, one->shared, sequence, 8, turn + 1);
		ASSERT_TRUE(remote_swap(one, one->is.id, 0));
		turn = remote_load(other, other->shared, sequence, 8);
		EXPECT_EQ(n, turn);
		EXPECT_EQ(n << 40, remote_load(other, other->shared, other->is.value_offset +
					       (turn & 1) * other->is.slot_stride, 8));
		EXPECT_EQ(n << 40, shs_load(self->seen, 0));
	}
	ASSERT_TRUE(remote_swap(&self->att[0], 0, self->att[0].is.id));
	remote_store(&self->att[0], self->att[0].shared,
		     self->att[0].is.value_offset + self->att[0].is.slot_stride, 8, 99);
	EXPECT_EQ(-EBUSY, peer_ioctl(&self->peer[1], self->fd[1], SHS_IOC_OP,
				     &SHS_OP(LOAD, .flags = SHS_OP_NOWAIT)));
	peer_ioctl_send(&self->peer[1], self->fd[1], SHS_IOC_OP,
			&SHS_OP(LOAD, .deadline = SHS_FOREVER));
	SHS_AWAIT(self->seen, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, peer_end(&self->peer[0]));
	EXPECT_EQ(0, peer_hear(&self->peer[1]));
	EXPECT_EQ(6ULL << 40, ((struct shs_ioc_op *)self->peer[1].is.data)->result);
}

/*
 * Two sides that want the same lock: by the word without a call, by the kernel with
 * one waiting, then handed over, both ways.
 */
TEST_F(abi32, mutex_handoff)
{
	struct remote *a = self->att;

	SHARE(self, "lock", .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 1);
	ATTACH(self);
	for (int who = 0; who < 2; who++) {
		struct remote *one = &a[who], *other = &a[!who];

		ASSERT_TRUE(remote_swap(one, 0, one->is.id));
		EXPECT_FALSE(remote_swap(other, 0, other->is.id));
		EXPECT_EQ(-EBUSY, remote_lock(other, SHS_MODE_EXCLUSIVE, SHS_LOCK_NOWAIT));
		EXPECT_EQ(-ETIMEDOUT, remote_ioctl(other, SHS_IOC_LOCK, &SHS_LOCK(
				.deadline = shs_now(SHS_CLOCK_BOOTTIME) + SHS_MS,
				.clock = SHS_CLOCK_BOOTTIME)));
		EXPECT_EQ(-EPERM, remote_unlock(other, SHS_MODE_EXCLUSIVE));
		remote_store(one, one->shared, one->is.value_offset, 8, 1ULL << (40 + who));
		remote_lock_send(other, SHS_MODE_EXCLUSIVE);
		SHS_AWAIT(self->seen, info.waiters == 1);
		EXPECT_EQ(one->peer->pid, shs_info(self->seen).holder_pid);
		EXPECT_FALSE(remote_swap(one, one->is.id, 0));
		EXPECT_EQ(0, remote_ioctl(one, SHS_IOC_UNLOCK,
					  &SHS_LOCK(.flags = SHS_UNLOCK_FAIR)));
		EXPECT_EQ(0, peer_hear(other->peer));
		EXPECT_EQ(1ULL << (40 + who), remote_load(other, other->shared,
							  other->is.value_offset, 8));
		EXPECT_EQ(other->peer->pid, shs_info(self->seen).holder_pid);
		EXPECT_EQ(0, remote_unlock(other, SHS_MODE_EXCLUSIVE));
	}
	EXPECT_EQ(0, remote_load(&a[0], a[0].shared, 0, 4));
}

/* Readers of both sides together; a writer of either waits for them; conversions. */
TEST_F(abi32, rwlock_handoff)
{
	struct remote *a = self->att;

	SHARE(self, "lock", .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U32, .count = 1);
	ATTACH(self);
	for (int who = 0; who < 2; who++) {
		struct remote *one = &a[who], *other = &a[!who];

		ASSERT_EQ(0, remote_lock(one, SHS_MODE_READ, 0));
		ASSERT_EQ(0, remote_lock(other, SHS_MODE_UPGRADABLE, 0));
		EXPECT_EQ(1, remote_load(one, one->private, lane_at(one, 0), 4));
		EXPECT_EQ(-EBUSY, remote_lock(one, SHS_MODE_EXCLUSIVE, SHS_LOCK_NOWAIT));
		remote_send(other, SHS_IOC_CONVERT, &SHS_CONVERT(
				.from = SHS_MODE_UPGRADABLE, .to = SHS_MODE_EXCLUSIVE,
				.deadline = SHS_FOREVER));
		SHS_AWAIT(self->seen, info.waiters == 1);
		EXPECT_EQ(1, remote_load(one, one->control,
					 offsetof(struct shs_control, wpending), 4));
		EXPECT_EQ(0, remote_unlock(one, SHS_MODE_READ));
		EXPECT_EQ(0, peer_hear(other->peer));
		remote_lock_send(one, SHS_MODE_READ);
		SHS_AWAIT(self->seen, info.waiters == 1);
		EXPECT_EQ(0, remote_ioctl(other, SHS_IOC_CONVERT, &SHS_CONVERT(
				.from = SHS_MODE_EXCLUSIVE, .to = SHS_MODE_READ)));
		EXPECT_EQ(0, peer_hear(one->peer));
		EXPECT_EQ(2, shs_info(self->seen).readers);
		EXPECT_EQ(0, remote_unlock(one, SHS_MODE_READ));
		EXPECT_EQ(0, remote_unlock(other, SHS_MODE_READ));
	}
	EXPECT_EQ(0, shs_info(self->seen).state);
}

/* Both ask the kernel for the same facts and get the same bytes, by either descriptor. */
static void expect_same_facts(struct __test_metadata *_metadata, FIXTURE_DATA(abi32) *self,
			      struct peer *other, int object, int attachment, bool died)
{
	struct shs_ioc_info info = shs_info(self->seen);
	int fds[] = { object, attachment };
	struct shs_ioc_death death;

	EXPECT_EQ(died ? 0 : -ENODATA, shs_death(self->seen, &death));
	for (int i = 0; i < 2; i++) {
		struct shs_ioc_info poison = { .size = sizeof(poison) };
		struct shs_ioc_death poisoned = { .size = sizeof(poisoned) };

		EXPECT_EQ(0, peer_ioctl(other, fds[i], SHS_IOC_INFO, &poison));
		info.held_ns = ((struct shs_ioc_info *)other->is.data)->held_ns;
		EXPECT_EQ(0, memcmp(&info, other->is.data, sizeof(info)));
		EXPECT_EQ(died ? 0 : -ENODATA, peer_ioctl(other, fds[i], SHS_IOC_DEATH, &poisoned));
		EXPECT_TRUE(!died || !memcmp(&death, other->is.data, sizeof(death)));
	}
}

/* The holder is killed while the other side waits; that side is told, and by whom. */
TEST_F(abi32, death_of_a_mutex_owner)
{
	struct remote *a = self->att;
	struct shs_ioc_death death;

	SHARE(self, "lock", .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 1);
	ATTACH(self);
	expect_same_facts(_metadata, self, &self->peer[1], self->fd[1], a[1].fd, false);
	ASSERT_TRUE(remote_swap(&a[0], 0, a[0].is.id));
	remote_store(&a[0], a[0].shared, a[0].is.value_offset, 8, 1ULL << 50);
	remote_lock_send(&a[1], SHS_MODE_EXCLUSIVE);
	SHS_AWAIT(self->seen, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, peer_end(&self->peer[0]));
	EXPECT_EQ(-EOWNERDEAD, peer_hear(&self->peer[1]));
	EXPECT_EQ(1ULL << 50, shs_peek(self->seen, 0));
	SHS_AWAIT(self->seen, info.attachments == 1);
	expect_same_facts(_metadata, self, &self->peer[1], self->fd[1], a[1].fd, true);
	ASSERT_EQ(0, shs_death(self->seen, &death));
	EXPECT_EQ(self->peer[0].pid, death.pid);
	EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
	EXPECT_EQ(SIGKILL, death.code);
	EXPECT_EQ(0, memcmp(variant->bits[0] == 32 ? "peer32" : "peer64", death.comm, 7));
	EXPECT_EQ(0, remote_unlock(&a[1], SHS_MODE_EXCLUSIVE));
}

/* A reader's death is nobody's loss, a writer's is told, also to a reader. */
TEST_F(abi32, death_of_rwlock_holders)
{
	struct remote *a = self->att;

	SHARE(self, "lock", .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64, .count = 1);
	ATTACH(self);
	ASSERT_EQ(0, remote_lock(&a[0], SHS_MODE_READ, 0));
	remote_lock_send(&a[1], SHS_MODE_EXCLUSIVE);
	SHS_AWAIT(self->seen, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, peer_end(&self->peer[0]));
	EXPECT_EQ(0, peer_hear(&self->peer[1]));

	ASSERT_EQ(0, peer_start(&self->peer[0], variant->bits[0]));
	self->fd[0] = peer_name(&self->peer[0], PEER_OPEN, 0, O_RDWR, "lock");
	ASSERT_EQ(0, remote_attach(&a[0], &self->peer[0], self->fd[0]));
	remote_lock_send(&a[0], SHS_MODE_READ);
	SHS_AWAIT(self->seen, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, peer_end(&self->peer[1]));
	EXPECT_EQ(-EOWNERDEAD, peer_hear(&self->peer[0]));
	SHS_AWAIT(self->seen, info.attachments == 1);
	EXPECT_EQ(2, shs_info(self->seen).deaths);
	expect_same_facts(_metadata, self, &self->peer[0], self->fd[0], a[0].fd, true);
}

/* One side runs, the other waits: for the end, and for the death of who runs. */
TEST_F(abi32, once)
{
	struct remote *a = self->att;
	const struct shs_ioc_once begin = SHS_ONCE(.deadline = SHS_FOREVER);

	SHARE(self, "once", .kind = SHS_KIND_ONCE);
	ATTACH(self);
	ASSERT_EQ(0, remote_ioctl(&a[0], SHS_IOC_ONCE, &begin));
	EXPECT_EQ(SHS_ONCE_RUNNING, ((struct shs_ioc_once *)self->peer[0].is.data)->state);
	remote_send(&a[1], SHS_IOC_ONCE, &begin);
	SHS_AWAIT(self->seen, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, peer_end(&self->peer[0]));
	EXPECT_EQ(-EOWNERDEAD, peer_hear(&self->peer[1]));
	EXPECT_EQ(SHS_ONCE_RUNNING, ((struct shs_ioc_once *)self->peer[1].is.data)->state);

	ASSERT_EQ(0, peer_start(&self->peer[0], variant->bits[0]));
	self->fd[0] = peer_name(&self->peer[0], PEER_OPEN, 0, O_RDWR, "once");
	ASSERT_EQ(0, remote_attach(&a[0], &self->peer[0], self->fd[0]));
	EXPECT_EQ(SHS_ONCE_RUNNING, remote_load(&a[0], a[0].control,
						offsetof(struct shs_control, once), 4));
	remote_send(&a[0], SHS_IOC_ONCE, &SHS_ONCE(.cmd = SHS_ONCE_WAIT, .deadline = SHS_FOREVER));
	SHS_AWAIT(self->seen, info.waiters == 1);
	EXPECT_EQ(0, remote_ioctl(&a[1], SHS_IOC_ONCE, &SHS_ONCE(.cmd = SHS_ONCE_COMPLETE)));
	EXPECT_EQ(0, peer_hear(&self->peer[0]));
	EXPECT_EQ(SHS_ONCE_DONE, ((struct shs_ioc_once *)self->peer[0].is.data)->state);
	EXPECT_EQ(SHS_ONCE_DONE, remote_load(&a[0], a[0].control,
					     offsetof(struct shs_control, once), 4));
}

/* Each side waits in turn beside a lock of both, and the other notifies. */
static void take_turns_waiting(struct __test_metadata *_metadata, FIXTURE_DATA(abi32) *self,
			       __u32 kind)
{
	struct remote mutex[2], *a = self->att;
	int condition, lock;

	SHARE(self, "lock", .kind = kind, .type = SHS_TYPE_U64, .count = 1);
	ATTACH(self);
	memcpy(mutex, a, sizeof(mutex));
	lock = self->seen;
	SHARE(self, "condition", .kind = SHS_KIND_CONDVAR);
	ATTACH(self);
	condition = self->seen;
	for (int who = 0; who < 2; who++) {
		struct peer *one = &self->peer[who], *other = &self->peer[!who];
		struct shs_ioc_wait wait = SHS_WAIT(.mutex_fd = mutex[who].fd,
						    .deadline = SHS_FOREVER);

		ASSERT_EQ(0, remote_lock(&mutex[who], SHS_MODE_EXCLUSIVE, 0));
		remote_send(&a[who], SHS_IOC_WAIT, &wait);
		SHS_AWAIT(condition, info.waiters == 1);
		ASSERT_EQ(0, remote_lock(&mutex[!who], SHS_MODE_EXCLUSIVE, 0));
		EXPECT_EQ(0, peer_ioctl(other, self->fd[!who], SHS_IOC_OP,
					&SHS_OP(NOTIFY, .arg = 1)));
		EXPECT_EQ(1, ((struct shs_ioc_op *)other->is.data)->result);
		SHS_AWAIT(lock, info.waiters == 1);
		EXPECT_EQ(0, remote_unlock(&mutex[!who], SHS_MODE_EXCLUSIVE));
		EXPECT_EQ(0, peer_hear(one));
		EXPECT_EQ(one->pid, shs_info(lock).holder_pid);

		wait.deadline = shs_now(SHS_CLOCK_REALTIME) + SHS_MS;
		wait.clock = SHS_CLOCK_REALTIME;
		EXPECT_EQ(-ETIMEDOUT, remote_ioctl(&a[who], SHS_IOC_WAIT, &wait));
		EXPECT_EQ(0, remote_unlock(&mutex[who], SHS_MODE_EXCLUSIVE));
	}
}

TEST_F(abi32, condvar)
{
	take_turns_waiting(_metadata, self, SHS_KIND_MUTEX);
}

TEST_F(abi32, condvar_beside_rwlock)
{
	take_turns_waiting(_metadata, self, SHS_KIND_RWLOCK);
}

/* Waits for a change of an element, told apart by all 64 bits of what is expected. */
TEST_F(abi32, atomic_wait)
{
	SHARE(self, "flag", .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U64, .count = 2);
	ASSERT_EQ(0, shs_op(self->seen, &SHS_OP(STORE, .index = 1, .arg = 1ULL << 32)));
	for (int who = 0; who < 2; who++) {
		struct peer *one = &self->peer[who], *other = &self->peer[!who];
		struct shs_ioc_op wait = SHS_OP(WAIT, .index = 1, .deadline = SHS_FOREVER);

		EXPECT_EQ(0, peer_ioctl(one, self->fd[who], SHS_IOC_OP, &wait));
		wait.expected = 1ULL << 32;
		peer_ioctl_send(one, self->fd[who], SHS_IOC_OP, &wait);
		SHS_AWAIT(self->seen, info.waiters == 1);
		EXPECT_EQ(0, peer_ioctl(other, self->fd[!who], SHS_IOC_OP,
					&SHS_OP(SWAP, .index = 1, .arg = 1ULL << 33)));
		EXPECT_EQ(0, peer_ioctl(other, self->fd[!who], SHS_IOC_OP,
					&SHS_OP(NOTIFY, .index = 1, .arg = ~0ULL)));
		EXPECT_EQ(1, ((struct shs_ioc_op *)other->is.data)->result);
		EXPECT_EQ(0, peer_hear(one));
		ASSERT_EQ(0, shs_op(self->seen, &SHS_OP(STORE, .index = 1, .arg = 1ULL << 32)));
	}
}

/*
 * What one side commits the other reads, by hand and by the kernel; one that dies with
 * the other slot half filled has changed nothing, though its death is told.
 */
static void commit_in_turn(struct __test_metadata *_metadata, FIXTURE_DATA(abi32) *self,
			   __u32 kind)
{
	const __u32 sequence = offsetof(struct shs_shared, sequence);
	struct remote *a = self->att;
	__u64 turn = 0;

	SHARE(self, "pair", .kind = kind, .type = SHS_TYPE_U64, .count = 2,
	      .flags = SHS_INIT_COMMIT);
	ATTACH(self);
	for (__u64 n = 1; n <= 4; n++) {
		struct remote *one = &a[n & 1], *other = &a[!(n & 1)];
		__u32 at = one->is.value_offset + (~turn & 1) * one->is.slot_stride;

		ASSERT_LT(0, one->is.slot_stride);
		ASSERT_EQ(0, remote_lock(one, SHS_MODE_EXCLUSIVE, 0));
		remote_store(one, one->shared, at + 8, 8, n << 40);
		EXPECT_EQ((n - 1) << 40, shs_peek(self->seen, 1));
		remote_store(one, one->shared, sequence, 8, ++turn);
		EXPECT_EQ(0, remote_unlock(one, SHS_MODE_EXCLUSIVE));
		EXPECT_EQ(turn, remote_load(other, other->shared, sequence, 8));
		EXPECT_EQ(n << 40, remote_load(other, other->shared, at + 8, 8));
		EXPECT_EQ(0, peer_ioctl(other->peer, self->fd[!(n & 1)], SHS_IOC_OP,
					&SHS_OP(READ, .index = 1)));
		EXPECT_EQ(n << 40, ((struct shs_ioc_op *)other->peer->is.data)->result);
	}
	ASSERT_EQ(0, remote_lock(&a[0], SHS_MODE_EXCLUSIVE, 0));
	remote_store(&a[0], a[0].shared, a[0].is.value_offset + a[0].is.slot_stride + 8, 8, 99);
	remote_lock_send(&a[1], SHS_MODE_EXCLUSIVE);
	SHS_AWAIT(self->seen, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, peer_end(&self->peer[0]));
	EXPECT_EQ(-EOWNERDEAD, peer_hear(&self->peer[1]));
	EXPECT_EQ(4ULL << 40, shs_peek(self->seen, 1));
}

TEST_F(abi32, commit_mutex)
{
	commit_in_turn(_metadata, self, SHS_KIND_MUTEX);
}

TEST_F(abi32, commit_rwlock)
{
	commit_in_turn(_metadata, self, SHS_KIND_RWLOCK);
}

/* One side ends a once with a value, the other has it, by a call and in its mapping. */
TEST_F(abi32, once_value)
{
	static const __u64 value[] = { 1ULL << 40, ~0ULL, 7 };
	const struct shs_ioc_op load = SHS_OP(LOAD, .flags = SHS_OP_BYTES, .len = sizeof(value));
	struct shs_ioc_once complete = SHS_ONCE(.cmd = SHS_ONCE_COMPLETE,
						.value_size = sizeof(value));
	struct remote *a = self->att;

	SHARE(self, "once", .kind = SHS_KIND_ONCE, .type = SHS_TYPE_U64, .count = 3);
	ATTACH(self);
	for (int who = 0; who < 2; who++) {
		struct shs_ioc_op there = load;

		there.addr = self->peer[who].buffer;
		EXPECT_EQ(-ENODATA, peer_ioctl(&self->peer[who], self->fd[who], SHS_IOC_OP,
					       &there));
	}
	ASSERT_EQ(0, remote_ioctl(&a[0], SHS_IOC_ONCE, &SHS_ONCE(.deadline = SHS_FOREVER)));
	peer_put(&self->peer[0], 64, value, sizeof(value));
	complete.value = self->peer[0].buffer + 64;
	remote_send(&a[1], SHS_IOC_ONCE, &SHS_ONCE(.deadline = SHS_FOREVER));
	SHS_AWAIT(self->seen, info.waiters == 1);
	EXPECT_EQ(0, remote_ioctl(&a[0], SHS_IOC_ONCE, &complete));
	EXPECT_EQ(0, peer_hear(&self->peer[1]));
	EXPECT_EQ(SHS_ONCE_DONE, ((struct shs_ioc_once *)self->peer[1].is.data)->state);
	for (int who = 0; who < 2; who++) {
		struct shs_ioc_op there = load;

		there.addr = self->peer[who].buffer;
		EXPECT_EQ(0, peer_ioctl(&self->peer[who], self->fd[who], SHS_IOC_OP, &there));
		peer_do(&self->peer[who], &REQUEST(GET, .b = sizeof(value)));
		EXPECT_EQ(0, memcmp(value, self->peer[who].is.data, sizeof(value)));
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(value[i], remote_load(&a[who], a[who].control,
							a[who].is.value_offset + 8 * i, 8));
	}
}

/* Locked twice by one side, it is the other's after the second unlock and no sooner. */
TEST_F(abi32, recursive)
{
	struct remote *a = self->att;

	SHARE(self, "lock", .kind = SHS_KIND_MUTEX, .flags = SHS_INIT_RECURSIVE);
	ATTACH(self);
	for (int who = 0; who < 2; who++) {
		struct remote *one = &a[who], *other = &a[!who];

		EXPECT_EQ(SHS_WORD_KERNEL, remote_load(one, one->shared, 0, 4));
		for (int depth = 1; depth <= 2; depth++) {
			ASSERT_EQ(0, remote_lock(one, SHS_MODE_EXCLUSIVE, 0));
			EXPECT_EQ(0, peer_ioctl(other->peer, other->fd, SHS_IOC_INFO,
					&(struct shs_ioc_info){ sizeof(struct shs_ioc_info) }));
			EXPECT_EQ(depth, ((struct shs_ioc_info *)other->peer->is.data)->depth);
		}
		EXPECT_EQ(-EBUSY, remote_lock(other, SHS_MODE_EXCLUSIVE, SHS_LOCK_NOWAIT));
		EXPECT_EQ(-EPERM, remote_unlock(other, SHS_MODE_EXCLUSIVE));
		remote_lock_send(other, SHS_MODE_EXCLUSIVE);
		SHS_AWAIT(self->seen, info.waiters == 1);
		EXPECT_EQ(0, remote_unlock(one, SHS_MODE_EXCLUSIVE));
		SHS_AWAIT(self->seen, info.waiters == 1);
		EXPECT_EQ(one->peer->pid, shs_info(self->seen).holder_pid);
		EXPECT_EQ(0, remote_unlock(one, SHS_MODE_EXCLUSIVE));
		EXPECT_EQ(0, peer_hear(other->peer));
		EXPECT_EQ(0, remote_unlock(other, SHS_MODE_EXCLUSIVE));
	}
}

/* One side dies, the other declares it good; or does not, and then it is lost to both. */
TEST_F(abi32, strict)
{
	const struct shs_ioc_recover recover = { .size = sizeof(recover) };
	struct shs_ioc_op write = SHS_OP(WRITE, .flags = SHS_OP_RECOVER, .arg = 1ULL << 40);
	struct remote *a = self->att;

	SHARE(self, "lock", .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 1,
	      .flags = SHS_INIT_STRICT);
	ATTACH(self);
	EXPECT_EQ(-EPERM, remote_ioctl(&a[0], SHS_IOC_RECOVER, &recover));
	for (int again = 0; again < 2; again++) {
		ASSERT_EQ(0, remote_lock(&a[0], SHS_MODE_EXCLUSIVE, 0));
		EXPECT_EQ(-EINVAL, remote_ioctl(&a[0], SHS_IOC_RECOVER, &recover));
		remote_lock_send(&a[1], SHS_MODE_EXCLUSIVE);
		SHS_AWAIT(self->seen, info.waiters == 1);
		EXPECT_EQ(-SIGKILL, peer_end(&self->peer[0]));
		EXPECT_EQ(-EOWNERDEAD, peer_hear(&self->peer[1]));
		if (!again)
			EXPECT_EQ(0, remote_ioctl(&a[1], SHS_IOC_RECOVER, &recover));
		EXPECT_EQ(0, remote_unlock(&a[1], SHS_MODE_EXCLUSIVE));
		EXPECT_EQ(again ? SHS_STATE_LOST : 0,
			  shs_info(self->seen).state & SHS_STATE_LOST);
		ASSERT_EQ(0, peer_start(&self->peer[0], variant->bits[0]));
		self->fd[0] = peer_name(&self->peer[0], PEER_OPEN, 0, O_RDWR, "lock");
		ASSERT_EQ(0, remote_attach(&a[0], &self->peer[0], self->fd[0]));
	}
	for (int who = 0; who < 2; who++)
		EXPECT_EQ(-ENOTRECOVERABLE, remote_lock(&a[who], SHS_MODE_EXCLUSIVE,
							SHS_LOCK_NOWAIT));
	EXPECT_EQ(0, peer_ioctl(&self->peer[0], self->fd[0], SHS_IOC_OP, &write));
	EXPECT_EQ(0, remote_lock(&a[1], SHS_MODE_EXCLUSIVE, 0));
	EXPECT_EQ(1ULL << 40, remote_load(&a[1], a[1].shared, a[1].is.value_offset, 8));
}

/* Without lanes; and of those who live: by their lanes and by calls, until one is dead. */
TEST_F(abi32, counters)
{
	const __u64 more = (1ULL << 33) + 1;
	struct remote *a = self->att;

	SHARE(self, "serial", .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64, .count = 2,
	      .flags = SHS_INIT_SERIAL);
	ATTACH(self);
	for (int who = 0; who < 2; who++) {
		EXPECT_EQ(0, a[who].is.lanes);
		EXPECT_EQ(0, peer_ioctl(&self->peer[who], self->fd[who], SHS_IOC_OP,
					&SHS_OP(ADD, .index = 1, .arg = more)));
	}
	EXPECT_EQ(2 * more, shs_load(self->seen, 1));
	SHARE(self, "live", .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64, .count = 2,
	      .flags = SHS_INIT_LIVE);
	ATTACH(self);
	for (int who = 0; who < 2; who++) {
		EXPECT_EQ(-ENXIO, peer_ioctl(&self->peer[who], self->fd[who], SHS_IOC_OP,
					     &SHS_OP(ADD, .index = 1, .arg = 1)));
		EXPECT_EQ(0, remote_ioctl(&a[who], SHS_IOC_OP,
					  &SHS_OP(ADD, .index = 1, .arg = more)));
		remote_add(&a[who], a[who].private, lane_at(&a[who], 1) + 8, 8, 5 + who);
		EXPECT_EQ((who + 1) * more + (who ? 11 : 5), shs_load(self->seen, 1));
	}
	EXPECT_EQ(-SIGKILL, peer_end(&self->peer[0]));
	SHS_AWAIT(self->seen, info.attachments == 1);
	EXPECT_EQ(more + 6, shs_load(self->seen, 1));
}

/* What p is told by a call that lists threads, in list; returns how many there are. */
static int remote_list(struct peer *p, int fd, unsigned long command,
		       struct shs_thread_info *list, __u32 capacity)
{
	struct shs_ioc_threads ask = { .size = sizeof(ask), .capacity = capacity,
				       .addr = p->buffer };
	int ret;

	_Static_assert(sizeof(struct shs_ioc_cycle) == sizeof(ask), "both are asked alike");
	ret = peer_ioctl(p, fd, command, &ask);
	if (ret)
		return ret;
	ret = ((struct shs_ioc_threads *)p->is.data)->count;
	peer_do(p, &REQUEST(GET, .b = capacity * sizeof(*list)));
	memcpy(list, p->is.data, capacity * sizeof(*list));
	return ret;
}

/* Crosswise: the second to wait is refused, and both are told the same of who and why. */
TEST_F(abi32, deadlock)
{
	struct shs_thread_info told[2], seen[2];
	struct remote first[2], *a = self->att;
	int one;

	SHARE(self, "one", .kind = SHS_KIND_MUTEX, .flags = SHS_INIT_DETECT);
	ATTACH(self);
	memcpy(first, a, sizeof(first));
	one = self->seen;
	SHARE(self, "other", .kind = SHS_KIND_RWLOCK, .flags = SHS_INIT_DETECT);
	ATTACH(self);
	ASSERT_EQ(0, remote_lock(&first[0], SHS_MODE_EXCLUSIVE, 0));
	ASSERT_EQ(0, remote_lock(&a[1], SHS_MODE_READ, 0));
	remote_lock_send(&a[0], SHS_MODE_EXCLUSIVE);
	SHS_AWAIT(self->seen, info.waiters == 1);
	EXPECT_EQ(-ENODATA, remote_list(&self->peer[1], first[1].fd, SHS_IOC_CYCLE, told, 2));
	EXPECT_EQ(-EDEADLK, remote_lock(&first[1], SHS_MODE_EXCLUSIVE, 0));
	ASSERT_EQ(2, remote_list(&self->peer[1], first[1].fd, SHS_IOC_CYCLE, told, 2));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(self->peer[!i].pid, told[i].pid);
		EXPECT_EQ(self->peer[!i].pid, told[i].tid);
		EXPECT_EQ(0, memcmp(variant->bits[!i] == 32 ? "peer32" : "peer64",
				    told[i].comm, 7));
		EXPECT_EQ(shs_inode(i ? self->seen : one), told[i].object);
		EXPECT_EQ(SHS_THREAD_WAITS, told[i].flags);
	}
	ASSERT_EQ(2, shs_threads(self->seen, seen, 2));
	ASSERT_EQ(2, remote_list(&self->peer[1], a[1].fd, SHS_IOC_THREADS, told, 2));
	EXPECT_EQ(0, memcmp(seen, told, sizeof(seen)));
	ASSERT_EQ(2, remote_list(&self->peer[1], self->fd[1], SHS_IOC_THREADS, told, 1));
	EXPECT_EQ(0, memcmp(seen, told, sizeof(*seen)));
	EXPECT_EQ(0, remote_unlock(&a[1], SHS_MODE_READ));
	EXPECT_EQ(0, peer_hear(&self->peer[0]));
}

/* An attachment sent to a process of other width is as little its own as any other's. */
TEST_F(abi32, attachment_of_the_other)
{
	int sent, got;

	SHARE(self, "lock", .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 1);
	ATTACH(self);
	peer_send_fd(&self->peer[0], &REQUEST(GIVE, .fd = self->att[0].fd), -1);
	sent = peer_hear_fd(&self->peer[0]);
	peer_send_fd(&self->peer[1], &REQUEST(TAKE), sent);
	got = peer_hear(&self->peer[1]);
	ASSERT_LE(0, got);
	EXPECT_EQ(-ESTALE, peer_ioctl(&self->peer[1], got, SHS_IOC_LOCK, &SHS_LOCK()));
	EXPECT_EQ(-ESTALE, peer_do(&self->peer[1], &REQUEST(MAP, .fd = got, .b = 4096, .c = 1)));
	EXPECT_EQ(0, shs_info(self->seen).state);
}

TEST_HARNESS_MAIN
