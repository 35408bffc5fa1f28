// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes of all sorts: those that share memory, that become another program, that
 * are given descriptors, that live in namespaces or change their user, and what is
 * done to names and mounts meanwhile. Who owns is always the address space; who pays
 * is always the user who made.
 */
#include "waits.h"

#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define SELF "/proc/self/exe"

FIXTURE(process) {
	int fd;			/* a mutex with two numbers */
	struct shs_att mine;
	struct shs_pipe ready, go;
};

FIXTURE_SETUP(process)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 2);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(process)
{
}

/* Another owner than this process's attachment finds it held, and nobody dead. */
#define EXPECT_HELD(object) do {						\
	struct shs_att stranger;						\
	struct shs_ioc_death none;						\
										\
	ASSERT_EQ(0, shs_attach(&stranger, object));				\
	EXPECT_EQ(-EBUSY, shs_trylock(&stranger));				\
	EXPECT_EQ(-ENODATA, shs_death(object, &none));				\
	shs_unmap(&stranger);							\
} while (0)

/*
 * The program that others become: --probe OBJECT ATTACHMENT READY GO. Exits with what
 * it found: bits that tell what inherited descriptors are good for.
 */
enum {
	OBJECT_IS_OPEN		= 1,	/* and it is the object */
	ATTACHMENT_IS_OPEN	= 2,	/* and tells of the object */
	ATTACHMENT_IS_STALE	= 4,	/* and good for nothing else */
	OWNER_HAS_DIED		= 8,	/* who locked it before */
	IS_MAPPED		= 16,	/* some region still is */
	IS_BUSY			= 32,	/* somebody holds it */
};

static bool has_mapping(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[500];
	bool found = false;

	while (maps && fgets(line, sizeof(line), maps))
		found |= !!strstr(line, "[shstate]");
	if (maps)
		fclose(maps);
	return found;
}

/* Every operation of an attachment, by a process that it does not belong to. */
static bool is_stale(const struct shs_att *att)
{
	static const off_t regions[] = { SHS_MMAP_CONTROL, SHS_MMAP_SHARED, SHS_MMAP_PRIVATE };

	for (int i = 0; i < ARRAY_SIZE(regions); i++)
		if (shs_map(att, regions[i], 4096, PROT_READ) != MAP_FAILED || errno != ESTALE)
			return false;
	return shs_trylock(att) == -ESTALE && shs_unlock(att) == -ESTALE &&
	       shs_once(att, &SHS_ONCE()) == -ESTALE &&
	       shs_wait(att, &SHS_WAIT(.mutex_fd = att->fd)) == -ESTALE &&
	       shs_convert(att, &SHS_CONVERT(.from = SHS_MODE_UPGRADABLE)) == -ESTALE;
}

static int probe(int object, int attachment)
{
	struct shs_att given = { .fd = attachment }, att;
	int found = has_mapping() ? IS_MAPPED : 0;

	if (shs_info(attachment).kind == SHS_KIND_MUTEX) {
		found |= ATTACHMENT_IS_OPEN;
		if (is_stale(&given))
			found |= ATTACHMENT_IS_STALE;
	}
	if (shs_info(object).kind == SHS_KIND_MUTEX && !shs_attach(&att, object)) {
		int ret = shs_trylock(&att);

		found |= OBJECT_IS_OPEN | (ret == -EOWNERDEAD ? OWNER_HAS_DIED : 0) |
			 (ret == -EBUSY ? IS_BUSY : 0);
		if (ret != -EBUSY)
			shs_unlock(&att);
	}
	return found;
}

/* Arguments for becoming that program. */
struct probe {
	char text[2][12];
	char *argv[5];
};

static struct probe probe_of(int object, int attachment)
{
	struct probe p = { };

	snprintf(p.text[0], sizeof(p.text[0]), "%d", object);
	snprintf(p.text[1], sizeof(p.text[1]), "%d", attachment);
	return p;
}

static char **probe_argv(struct probe *p)
{
	p->argv[0] = "probe";
	p->argv[1] = "--probe";
	p->argv[2] = p->text[0];
	p->argv[3] = p->text[1];
	return p->argv;
}

static void become_probe(int object, int attachment)
{
	struct probe p = probe_of(object, attachment);

	execv(SELF, probe_argv(&p));
	_exit(255);
}

/*
 * Memory that is shared
 */

/*
 * The child of vfork runs in its parent's memory: what it locks the parent owns, and
 * its end is no death.
 */
TEST_F(process, vfork_exits)
{
	pid_t child = vfork();

	if (!child) {
		if (shs_lock(&self->mine) || shs_trylock(&self->mine) != -EBUSY)
			_exit(1);
		*(volatile __u64 *)shs_value(&self->mine) = 7;
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(self->mine.is.id, self->mine.shared->word);
	EXPECT_EQ(getpid(), shs_info(self->fd).holder_pid);
	EXPECT_HELD(self->fd);
	EXPECT_EQ(7, shs_peek(self->fd, 0));
	EXPECT_EQ(0, shs_unlock(&self->mine));
}

/* Nor is its exec: the memory that it leaves is still its parent's. */
TEST_F(process, vfork_execs)
{
	struct probe p = probe_of(self->fd, self->mine.fd);
	pid_t child;

	fcntl(self->mine.fd, F_SETFD, 0);
	probe_argv(&p);
	EXPECT_EQ(0, shs_lock(&self->mine));
	child = vfork();
	if (!child) {
		execv(SELF, p.argv);
		_exit(255);
	}
	EXPECT_EQ(OBJECT_IS_OPEN | ATTACHMENT_IS_OPEN | ATTACHMENT_IS_STALE | IS_BUSY,
		  shs_reap(child));
	EXPECT_HELD(self->fd);
	EXPECT_EQ(0, shs_unlock(&self->mine));
}

/* As posix_spawn does it; the descriptor of the attachment closes by itself. */
TEST_F(process, spawned)
{
	struct probe p = probe_of(self->fd, self->mine.fd);
	pid_t child;

	EXPECT_EQ(0, shs_lock(&self->mine));
	ASSERT_EQ(0, posix_spawn(&child, SELF, NULL, NULL, probe_argv(&p), environ));
	EXPECT_EQ(OBJECT_IS_OPEN | IS_BUSY, shs_reap(child));
	EXPECT_HELD(self->fd);
	EXPECT_EQ(0, shs_unlock(&self->mine));
}

#define STACK 65536

/* A process of its own in this memory, without files in common. */
static pid_t share_memory(int (*work)(void *), void *argument)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return clone(work, stack + STACK, CLONE_VM | SIGCHLD, argument);
}

static int lock_in_shared_memory(void *att)
{
	syscall(SYS_exit, -shs_lock(att));
	return 0;
}

static int unlock_in_shared_memory(void *att)
{
	syscall(SYS_exit, -shs_unlock(att));
	return 0;
}

/*
 * Processes with one memory are one owner: one locks and ends, another unlocks, and
 * nobody has died.
 */
TEST_F(process, one_memory)
{
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, shs_reap(share_memory(lock_in_shared_memory, &self->mine)));
		EXPECT_EQ(self->mine.is.id, self->mine.shared->word);
		EXPECT_HELD(self->fd);
		EXPECT_EQ(0, shs_reap(share_memory(unlock_in_shared_memory, &self->mine)));
		EXPECT_EQ(0, shs_info(self->fd).state);
	}
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(EPERM, shs_reap(share_memory(unlock_in_shared_memory, &self->mine)));
}

static int exec_in_shared_memory(void *p)
{
	execv(SELF, ((struct probe *)p)->argv);
	syscall(SYS_exit, 255);
	return 0;
}

/* One of them becomes another program: the memory stays with the others. */
TEST_F(process, one_memory_execs)
{
	struct probe p = probe_of(self->fd, self->mine.fd);

	probe_argv(&p);
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(OBJECT_IS_OPEN | IS_BUSY, shs_reap(share_memory(exec_in_shared_memory, &p)));
	EXPECT_HELD(self->fd);
	EXPECT_EQ(0, shs_unlock(&self->mine));
}

/*
 * exec
 */
FIXTURE(exec) {
	int fd;
	struct shs_pipe ready;
};

FIXTURE_VARIANT(exec) {
	bool keep_object, keep_attachment, thread;
};

FIXTURE_VARIANT_ADD(exec, keep_none) { false, false, false };
FIXTURE_VARIANT_ADD(exec, keep_object) { true, false, false };
FIXTURE_VARIANT_ADD(exec, keep_attachment) { false, true, false };
FIXTURE_VARIANT_ADD(exec, keep_both) { true, true, false };
FIXTURE_VARIANT_ADD(exec, by_thread) { true, true, true };

FIXTURE_SETUP(exec)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 2);
	ASSERT_LE(0, self->fd);
	self->ready = shs_pipe();
}

FIXTURE_TEARDOWN(exec)
{
}

struct exec {
	int object, attachment;
};

static void *exec_in_thread(void *argument)
{
	struct exec *e = argument;

	become_probe(e->object, e->attachment);
	return NULL;
}

/* A child that holds, and becomes the other program when it is told to. */
static pid_t exec_holder(int fd, const FIXTURE_VARIANT(exec) *variant, struct shs_pipe *ready,
			 struct shs_pipe *go)
{
	pid_t child = shs_fork();
	struct shs_att att;
	struct exec e;
	pthread_t thread;

	if (child)
		return child;
	if (shs_attach(&att, fd) || shs_lock(&att))
		_exit(254);
	fcntl(fd, F_SETFD, variant->keep_object ? 0 : FD_CLOEXEC);
	fcntl(att.fd, F_SETFD, variant->keep_attachment ? 0 : FD_CLOEXEC);
	shs_say(ready);
	shs_hear(go);
	e = (struct exec){ fd, att.fd };
	if (!variant->thread)
		exec_in_thread(&e);
	if (pthread_create(&thread, NULL, exec_in_thread, &e))
		_exit(253);
	for (;;)
		pause();
}

/*
 * exec ends the ownership, whatever descriptors survive it: the new program has no
 * mapping, a kept attachment is stale, and the record says why.
 */
TEST_F(exec, while_holding)
{
	int expected = (variant->keep_object ? OBJECT_IS_OPEN | OWNER_HAS_DIED : 0) |
		       (variant->keep_attachment ? ATTACHMENT_IS_OPEN | ATTACHMENT_IS_STALE : 0);
	struct shs_pipe go = shs_pipe();
	struct shs_ioc_death death;
	struct shs_att att;
	pid_t child;

	child = exec_holder(self->fd, variant, &self->ready, &go);
	shs_hear(&self->ready);
	EXPECT_EQ(child, shs_info(self->fd).holder_pid);
	shs_say(&go);
	EXPECT_EQ(expected, shs_reap(child));
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_EQ(SHS_WHY_EXEC, death.why);
	EXPECT_EQ(0, death.code);
	EXPECT_EQ(1, death.deaths);
	ASSERT_EQ(0, shs_attach(&att, self->fd));
	EXPECT_EQ(variant->keep_object ? 0 : -EOWNERDEAD, shs_trylock(&att));
	EXPECT_EQ(1, shs_info(self->fd).attachments);
}

/* Who waits at that moment gets it, while the new program still runs. */
TEST_F(exec, while_waited_for)
{
	struct shs_pipe go = shs_pipe();
	struct shs_ioc_death death;
	pid_t child, next;
	__u64 since;

	child = exec_holder(self->fd, variant, &self->ready, &go);
	shs_hear(&self->ready);
	next = shs_fork();
	if (!next) {
		struct shs_att att;

		if (shs_attach(&att, self->fd))
			_exit(200);
		_exit(-shs_lock(&att) == EOWNERDEAD && !shs_unlock(&att) ? 0 : 1);
	}
	SHS_AWAIT(self->fd, info.waiters == 1);
	/* To one who has waited for so long it is handed, and the program has no chance. */
	since = shs_now(SHS_CLOCK_MONOTONIC);
	while (shs_now(SHS_CLOCK_MONOTONIC) < since + 3 * SHS_MS)
		;
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(next));
	EXPECT_LE(0, shs_reap(child));
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_EQ(SHS_WHY_EXEC, death.why);
}

/*
 * Threads that end by the bare system call
 */
static void *lock_and_vanish(void *att)
{
	if (!shs_lock(att))
		syscall(SYS_exit, 0);
	return NULL;
}

/* A thread that vanishes leaves the lock to its process, which may unlock it. */
TEST_F(process, thread_vanishes)
{
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, lock_and_vanish, &self->mine));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(self->mine.is.id, self->mine.shared->word);
	EXPECT_HELD(self->fd);
	EXPECT_EQ(0, shs_unlock(&self->mine));
}

static struct shs_pipe *say_then_hear[2];

static void *outlive_leader(void *att)
{
	shs_say(say_then_hear[0]);
	shs_hear(say_then_hear[1]);
	if (shs_unlock(att) || shs_trylock(att))
		_exit(2);
	_exit(3);
	return NULL;
}

/*
 * The first thread vanishes while it holds: its process lives on with the lock as long
 * as one thread does, and the death is then the process's.
 */
TEST_F(process, leader_vanishes)
{
	pid_t child = shs_fork();
	struct shs_ioc_death death;
	char path[40], text[300];

	if (!child) {
		struct shs_att att;
		pthread_t thread;

		say_then_hear[0] = &self->ready;
		say_then_hear[1] = &self->go;
		if (shs_attach(&att, self->fd) || shs_lock(&att) ||
		    pthread_create(&thread, NULL, outlive_leader, &att))
			_exit(1);
		syscall(SYS_exit, 0);
	}
	shs_hear(&self->ready);
	/* The state of the leader: a zombie that cannot be reaped yet. */
	snprintf(path, sizeof(path), "/proc/%d/stat", child);
	do {
		FILE *stat = fopen(path, "r");

		ASSERT_NE(NULL, stat);
		ASSERT_NE(NULL, fgets(text, sizeof(text), stat));
		fclose(stat);
	} while (!strstr(text, ") Z "));
	EXPECT_EQ(child, shs_info(self->fd).holder_pid);
	EXPECT_HELD(self->fd);
	shs_say(&self->go);
	EXPECT_EQ(3, shs_reap(child));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_EQ(SHS_WHY_EXIT, death.why);
}

static struct shs_att *unmapped;

static void *unmap_without_leader(void *leader)
{
	char path[40], text[300];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)(long)leader);
	do {
		FILE *stat = fopen(path, "r");

		if (!stat || !fgets(text, sizeof(text), stat))
			_exit(2);
		fclose(stat);
	} while (!strstr(text, ") Z "));
	munmap(unmapped->private, unmapped->is.private_size);
	_exit(3);
	return NULL;
}

/* That the leader has ended is not why the lock is lost if another thread unmaps it. */
TEST_F(process, leader_vanishes_and_another_unmaps)
{
	pid_t child = shs_fork();
	struct shs_ioc_death death;

	if (!child) {
		struct shs_att att;
		pthread_t thread;

		unmapped = &att;
		if (shs_attach(&att, self->fd) || shs_lock(&att) ||
		    pthread_create(&thread, NULL, unmap_without_leader, (void *)(long)getpid()))
			_exit(1);
		syscall(SYS_exit, 0);
	}
	EXPECT_EQ(3, shs_reap(child));
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_EQ(SHS_WHY_UNMAP, death.why);
}

/*
 * Descriptors that travel
 */
static int send_fd(int socket, int fd)
{
	char c = '!', control[CMSG_SPACE(sizeof(fd))] = "";
	struct iovec data = { &c, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int socket)
{
	char c, control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec data = { &c, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	int fd = -EIO;

	while (recvmsg(socket, &message, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/*
 * A message with a descriptor keeps the file and not the ownership: its sender dies,
 * and the next one has the lock while the message lies there. Received by another
 * process, the attachment is a stranger's.
 */
TEST_F(process, sent_attachment)
{
	struct shs_att given = { };
	int sockets[2];
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	child = shs_fork();
	if (!child) {
		struct shs_att att;

		if (shs_attach(&att, self->fd) || shs_lock(&att) || send_fd(sockets[0], att.fd))
			_exit(1);
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	shs_hear(&self->ready);
	EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(2, shs_info(self->fd).attachments);
	given.fd = receive_fd(sockets[1]);
	ASSERT_LE(0, given.fd);
	EXPECT_TRUE(is_stale(&given));
	EXPECT_EQ(SHS_KIND_MUTEX, shs_info(given.fd).kind);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, close(given.fd));
	EXPECT_EQ(1, shs_info(self->fd).attachments);
}

/* A message alone keeps an object alive; thrown away with its socket, it does not. */
TEST_F(process, sent_object)
{
	struct shs_ioc_op op = SHS_OP(FETCH_ADD, .arg = 5);
	int fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1), weak = shs_reopen(fd, O_PATH);
	int readable = shs_reopen(fd, O_RDONLY), sockets[2], got;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	EXPECT_EQ(0, shs_op(fd, &op));
	EXPECT_EQ(0, send_fd(sockets[0], readable));
	EXPECT_EQ(0, send_fd(sockets[0], readable));
	close(fd);
	close(readable);
	got = receive_fd(sockets[1]);
	ASSERT_LE(0, got);
	EXPECT_EQ(5, shs_load(got, 0));
	op.result = 0;
	EXPECT_EQ(-EACCES, shs_op(got, &op));	/* it is what it was sent as */
	fd = shs_reopen(got, O_RDWR);		/* and the file says what more is allowed */
	EXPECT_LE(0, fd);
	close(fd);
	close(got);
	fd = shs_reopen(weak, O_RDONLY);	/* and the other message's makes two */
	EXPECT_EQ(2, shs_info(fd).opens);
	close(sockets[0]);
	close(sockets[1]);
	EXPECT_EQ(1, shs_info(fd).opens);
}

/* Once the message is gone, so is the object. */
TEST_F(process, sent_and_lost)
{
	int fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1), weak = shs_reopen(fd, O_PATH);
	int sockets[2], again;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	EXPECT_EQ(0, send_fd(sockets[0], fd));
	close(fd);
	again = shs_reopen(weak, O_RDONLY);
	EXPECT_LE(0, again);
	close(again);
	close(sockets[0]);
	close(sockets[1]);
	EXPECT_EQ(-ENOENT, shs_reopen(weak, O_RDONLY));
}

/* Taken out of another process: the object's is as good as there, the attachment's not. */
TEST_F(process, pidfd_getfd)
{
	struct shs_att given = { };
	int pidfd, object, *number = shs_common(4096);
	pid_t child = shs_fork();

	if (!child) {
		struct shs_att att;

		number[0] = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
		if (shs_attach(&att, number[0]) || shs_lock(&att))
			_exit(1);
		number[1] = att.fd;
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	shs_hear(&self->ready);
	pidfd = syscall(SYS_pidfd_open, child, 0);
	ASSERT_LE(0, pidfd);
	object = syscall(SYS_pidfd_getfd, pidfd, number[0], 0);
	ASSERT_LE(0, object);
	given.fd = syscall(SYS_pidfd_getfd, pidfd, number[1], 0);
	ASSERT_LE(0, given.fd);
	EXPECT_TRUE(is_stale(&given));
	EXPECT_EQ(child, shs_info(given.fd).holder_pid);
	EXPECT_HELD(object);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	ASSERT_EQ(0, shs_attach(&self->mine, object));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(2, shs_info(object).attachments);
}

/* There is no second file of an attachment: it cannot be opened again, by nobody. */
TEST_F(process, attachment_reopened)
{
	EXPECT_EQ(-ENXIO, shs_reopen(self->mine.fd, O_RDWR));
	EXPECT_EQ(-ENXIO, shs_reopen(self->mine.fd, O_RDONLY));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(1, shs_info(self->fd).attachments);
}

/*
 * pid namespaces
 */
struct inside {
	volatile pid_t pid;	/* outside, of the one inside; told by its parent */
};

/*
 * A child that is process 1 of a pid namespace of its own; its pid here goes to *pid.
 * To be reaped by what is returned, which exits as it does.
 */
static pid_t fork_into_pid_namespace(struct inside *outside)
{
	pid_t middle = shs_fork(), inner;

	if (middle)
		return middle;
	if (unshare(CLONE_NEWPID))
		_exit(250);
	inner = fork();
	if (!inner) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return 0;
	}
	outside->pid = inner;
	_exit(shs_reap(inner) & 255);
}

/* Reads in lane 0, with a slot that says that the lane is this thread's. */
static int read_in_own_lane(const struct shs_att *att)
{
	struct shs_thread *slots = (void *)(att->private + att->is.threads_offset);

	slots[0].tid = syscall(SYS_gettid);
	return shs_tryrdlock(att, 0);
}

/*
 * Two processes, each with the number 1 in a namespace of its own, and one outside:
 * equal numbers make nobody an owner, nor a lane the own one, and each sees of the
 * others what is visible to it.
 */
TEST_F(process, same_tid)
{
	int fd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 1);
	struct shs_pipe reads = shs_pipe(), ends = shs_pipe();
	struct inside *inside = shs_common(4096);
	pid_t reader, other, writer;

	reader = fork_into_pid_namespace(&inside[0]);
	if (!reader) {
		struct shs_att att;

		if (getpid() != 1 || shs_attach(&att, fd) || read_in_own_lane(&att))
			_exit(1);
		shs_say(&reads);
		shs_hear(&self->go);
		/* Somebody queues who waits for this very lock. */
		if (shs_tryrdlock(&att, 0) != -EDEADLK)
			_exit(2);
		_exit(shs_rdunlock(&att, 0) ? 3 : 0);
	}
	shs_hear(&reads);
	writer = shs_fork();
	if (!writer) {
		struct shs_att att;

		_exit(shs_attach(&att, fd) || shs_lock(&att) || shs_unlock(&att));
	}
	SHS_AWAIT(fd, info.waiters == 1);
	other = fork_into_pid_namespace(&inside[1]);
	if (!other) {
		struct shs_att att;

		if (getpid() != 1 || shs_attach(&att, fd))
			_exit(1);
		if (read_in_own_lane(&att) != -EBUSY)
			_exit(2);
		if (shs_rdunlock(&att, 0) != -EPERM || shs_unlock(&att) != -EPERM)
			_exit(3);
		shs_say(&ends);
		_exit(0);
	}
	shs_hear(&ends);
	EXPECT_EQ(0, shs_reap(other));
	EXPECT_EQ(1, shs_info(fd).readers);
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(reader));
	EXPECT_EQ(0, shs_reap(writer));
}

/* The holder's pid and the dead one's are those of whoever asks, or 0. */
TEST_F(process, pid_as_seen)
{
	struct inside *inside = shs_common(4096);
	struct shs_ioc_death death;
	pid_t child, looker;

	child = fork_into_pid_namespace(inside);
	if (!child) {
		struct shs_att att;

		if (shs_attach(&att, self->fd) || shs_lock(&att) ||
		    shs_info(self->fd).holder_pid != 1)
			_exit(1);
		shs_say(&self->ready);
		shs_hear(&self->go);
		munmap(att.private, att.is.private_size);
		if (shs_death(self->fd, &death) || death.pid != 1)
			_exit(2);
		shs_say(&self->ready);
		shs_hear(&self->go);
		_exit(0);
	}
	shs_hear(&self->ready);
	while (!inside->pid)
		sched_yield();
	EXPECT_EQ(inside->pid, shs_info(self->fd).holder_pid);
	looker = fork_into_pid_namespace(inside + 1);
	if (!looker)
		_exit(shs_info(self->fd).holder_pid);
	EXPECT_EQ(0, shs_reap(looker));
	shs_say(&self->go);
	shs_hear(&self->ready);
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_EQ(inside->pid, death.pid);
	EXPECT_EQ(SHS_WHY_UNMAP, death.why);
	looker = fork_into_pid_namespace(inside + 1);
	if (!looker)
		_exit(shs_death(self->fd, &death) || death.pid);
	EXPECT_EQ(0, shs_reap(looker));
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(child));
}

/*
 * A wait that was interrupted in one of them is nobody else's to go on with, though
 * it has the same number.
 */
static void on_signal(int number)
{
}

TEST_F(process, same_tid_condvar)
{
	struct sigaction action = { .sa_handler = on_signal };
	int fd = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	struct shs_ioc_wait wait = SHS_WAIT(.deadline = SHS_FOREVER);
	struct shs_ioc_op notify = SHS_OP(NOTIFY, .arg = ~0ULL);
	struct inside *inside = shs_common(4096);
	struct shs_att condvar, mutex;
	pid_t child, other;

	sigaction(SIGUSR1, &action, NULL);
	child = fork_into_pid_namespace(&inside[0]);
	if (!child) {
		if (shs_attach(&condvar, fd) || shs_attach(&mutex, self->fd) || shs_lock(&mutex))
			_exit(1);
		wait.mutex_fd = mutex.fd;
		shs_say(&self->ready);
		if (shs_wait(&condvar, &wait) != -EINTR)
			_exit(2);
		shs_say(&self->ready);
		shs_hear(&self->go);
		_exit(shs_wait(&condvar, &wait) || shs_unlock(&mutex) ? 3 : 0);
	}
	shs_hear(&self->ready);
	SHS_AWAIT(fd, info.waiters == 1);
	while (!inside[0].pid)
		sched_yield();
	kill(inside[0].pid, SIGUSR1);
	shs_hear(&self->ready);
	other = fork_into_pid_namespace(&inside[1]);
	if (!other) {
		if (shs_attach(&condvar, fd) || shs_attach(&mutex, self->fd) || shs_lock(&mutex))
			_exit(1);
		wait.mutex_fd = mutex.fd;
		wait.started = 1;
		if (shs_wait(&condvar, &wait) != -EINVAL)
			_exit(2);
		_exit(shs_unlock(&mutex) ? 3 : 0);
	}
	EXPECT_EQ(0, shs_reap(other));
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, shs_op(fd, &notify));
	EXPECT_EQ(1, notify.result);
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(child));
}

/* Its process 1 ends, and all the others of the namespace with it: each is repaired. */
TEST_F(process, pid_namespace_ends)
{
	struct inside *inside = shs_common(4096);
	struct shs_ioc_death death;
	pid_t child;

	child = fork_into_pid_namespace(inside);
	if (!child) {
		if (!fork()) {
			struct shs_att att;

			if (shs_attach(&att, self->fd) || shs_lock(&att))
				_exit(1);
			shs_say(&self->ready);
			for (;;)
				pause();
		}
		shs_hear(&self->go);
		_exit(0);
	}
	shs_hear(&self->ready);
	EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
	EXPECT_EQ(SIGKILL, death.code);
}

/*
 * Users
 */
#define ALICE 1001
#define BOB 1002

FIXTURE(user) {
	struct shs_pipe ready, go;
};

FIXTURE_SETUP(user)
{
	SHS_MOUNT("nr_objects=100,nr_objects_user=3,size=8m,size_user=128k");
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(user)
{
}

static int number(void)
{
	return shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U64, 1);
}

static int kilobytes(int n)
{
	return shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, n * 1024);
}

static void become(uid_t uid)
{
	if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		_exit(251);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
}

/* The user in a user namespace of its own, where it is root. */
static void become_root_inside(uid_t uid)
{
	char map[30];

	become(uid);
	if (unshare(CLONE_NEWUSER))
		_exit(252);
	snprintf(map, sizeof(map), "0 %d 1", uid);
	for (int i = 0; i < 3; i++) {
		static const char * const file[] = { "/proc/self/setgroups",
						     "/proc/self/uid_map",
						     "/proc/self/gid_map" };
		const char *text = i ? map : "deny";
		int fd = open(file[i], O_WRONLY);

		if (fd < 0 || write(fd, text, strlen(text)) != strlen(text))
			_exit(253);
		close(fd);
	}
	if (getuid())
		_exit(254);
}

/* In a child, which exits with its return value. */
#define IN_CHILD(...) ({							\
	pid_t one = shs_fork();							\
										\
	if (!one) {								\
		__VA_ARGS__;							\
		_exit(0);							\
	}									\
	shs_reap(one);								\
})

/* Everything that counts for a user with room: makes, attaches, locks, adds. */
static int live_well(void)
{
	struct shs_att att;
	int fd = kilobytes(50), other = number();

	return fd < 0 || other < 0 || shs_attach(&att, fd) || shs_lock(&att) ||
	       shs_unlock(&att) || shs_op(other, &SHS_OP(FETCH_ADD, .arg = 1));
}

/*
 * One user has all that he may have, objects and bytes: nobody else notices, and what
 * he has goes on working for him.
 */
TEST_F(user, at_the_limit)
{
	pid_t child = shs_fork();

	if (!child) {
		struct shs_att att;
		int fd;

		become(ALICE);
		fd = kilobytes(30);
		if (shs_attach(&att, fd) || number() < 0 || number() < 0 || number() != -EDQUOT)
			_exit(1);
		while (!shs_attach_only(&att, fd))
			;
		if (shs_attach_only(&att, fd) != -EDQUOT)
			_exit(2);
		shs_say(&self->ready);
		shs_hear(&self->go);
		_exit(0);
	}
	shs_hear(&self->ready);
	EXPECT_EQ(0, IN_CHILD(become(BOB); _exit(live_well())));
	EXPECT_EQ(0, IN_CHILD(_exit(live_well())));
	EXPECT_EQ(1, IN_CHILD(become(ALICE); _exit(live_well())));
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, IN_CHILD(become(ALICE); _exit(live_well())));
}

/* At the limit one can still use what one has: attached before, it locks and waits. */
TEST_F(user, use_at_the_limit)
{
	EXPECT_EQ(0, IN_CHILD({
		struct shs_att att;
		struct shs_att more;
		int fd;

		become(ALICE);
		fd = kilobytes(30);
		if (shs_attach(&att, fd))
			_exit(1);
		while (!shs_attach_only(&more, fd))
			;
		if (shs_lock(&att) || shs_unlock(&att))
			_exit(2);
		if (shs_op(fd, &SHS_OP(WRITE, .flags = SHS_OP_BYTES, .len = 5,
				       .addr = (unsigned long)"hello")))
			_exit(3);
		close(more.fd);
	}));
}

/*
 * Opened by root, used by a user: the descriptor is the permission. What is made of
 * it later is charged to who makes it: the attachment to the user, the value to the
 * maker of the object.
 */
TEST_F(user, setuid_between)
{
	int fd = kilobytes(30), blank = shs_blank(), kept;
	struct shs_att att;
	pid_t child;

	EXPECT_EQ(0, shs_attach(&att, fd));
	child = shs_fork();
	if (!child) {
		int n = 0, most = 128 * 1024 / att.is.private_size;

		become(ALICE);
		if (shs_op(fd, &SHS_OP(WRITE, .flags = SHS_OP_BYTES, .len = 5,
				       .addr = (unsigned long)"hello")))
			_exit(1);
		/* root's object, and not a byte of it is hers */
		if (shs_ioctl(blank, SHS_IOC_INIT, &SHS_INIT(.kind = SHS_KIND_MUTEX,
				.type = SHS_TYPE_BYTES, .count = 40 * 1024)))
			_exit(2);
		while (n < 1000 && !shs_attach_only(&att, fd))
			n++;
		if (n != most || kilobytes(1) != -EDQUOT)
			_exit(3);
		shs_say(&self->ready);
		shs_hear(&self->go);
		_exit(0);
	}
	shs_hear(&self->ready);
	/* Of root's 128 the first object with its pages has 36, this attachment 4. */
	kept = kilobytes(40);
	EXPECT_LE(0, kept);
	EXPECT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(-EDQUOT, shs_attach(&att, kept));
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(child));
}

/* Attached by root, mapped and used by a user: root goes on paying. */
TEST_F(user, setuid_after_attach)
{
	int fd = number();

	EXPECT_EQ(0, IN_CHILD({
		struct shs_att att, more;
		int n = 0;

		if (shs_attach_only(&att, fd))
			_exit(1);
		become(ALICE);
		if (shs_map_all(&att))
			_exit(2);
		while (n < 1000 && !shs_attach_only(&more, fd))
			n++;
		_exit(n != 128 * 1024 / att.is.private_size);
	}));
	EXPECT_EQ(0, shs_info(fd).attachments);
}

/*
 * In a user namespace one is root and still who one is outside: the limits are that
 * user's, together with what he has outside, and not those of the real root.
 */
TEST_F(user, namespace)
{
	struct stat st;
	pid_t child;
	int fd;

	child = shs_fork();
	if (!child) {
		become_root_inside(ALICE);
		fd = number();
		if (fd < 0 || shs_link(fd, "made-inside") || fstat(fd, &st) || st.st_uid)
			_exit(1);
		if (number() < 0)
			_exit(2);
		shs_say(&self->ready);
		shs_hear(&self->go);
		_exit(0);
	}
	shs_hear(&self->ready);
	ASSERT_EQ(0, stat(SHS_DIR "/made-inside", &st));
	EXPECT_EQ(ALICE, st.st_uid);
	EXPECT_EQ(0, IN_CHILD(become_root_inside(ALICE);
			      _exit(number() < 0 ? 1 : number() != -EDQUOT)));
	EXPECT_EQ(0, IN_CHILD(become(ALICE); _exit(number() < 0 ? 1 : number() != -EDQUOT)));
	EXPECT_EQ(0, IN_CHILD(become_root_inside(BOB); _exit(live_well())));
	EXPECT_EQ(0, IN_CHILD(_exit(live_well())));
	/* Root inside is not root here: it opens nothing that is not its own. */
	fd = number();
	EXPECT_EQ(0, shs_link(fd, "made-outside"));
	EXPECT_EQ(EACCES, IN_CHILD(become_root_inside(ALICE);
				   _exit(-shs_open("made-outside", O_RDWR))));
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(child));
}

/* Nor does it mount the file system: that is the real root's. */
TEST_F(user, no_mount_in_a_namespace)
{
	EXPECT_EQ(EPERM, IN_CHILD(become_root_inside(ALICE); _exit(-shs_mount(NULL))));
}

/*
 * Names and mounts
 */
static int move(const char *from, const char *to)
{
	char old[300], new[300];

	snprintf(old, sizeof(old), SHS_DIR "/%s", from);
	snprintf(new, sizeof(new), SHS_DIR "/%s", to);
	return rename(old, new) ? -errno : 0;
}

/* A child that waits for the lock, releases it, and says with 0 that all was well. */
static pid_t waiter(int fd)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	_exit(shs_attach(&att, fd) || shs_lock(&att) || shs_unlock(&att));
}

/*
 * Held and waited for, its name becomes another, another object takes the first, and
 * then it has none: the lock is the object's, whatever it is called.
 */
TEST_F(process, renamed)
{
	int other = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 2), again;
	struct shs_att att;
	pid_t child;

	EXPECT_EQ(0, shs_link(self->fd, "a"));
	EXPECT_EQ(0, shs_lock(&self->mine));
	child = waiter(self->fd);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, move("a", "b"));
	EXPECT_EQ(0, shs_link(other, "a"));
	again = shs_open("b", O_RDWR);
	SHS_AWAIT(again, info.waiters == 1);
	EXPECT_HELD(again);
	close(again);
	again = shs_open("a", O_RDWR);
	ASSERT_EQ(0, shs_attach(&att, again));
	EXPECT_EQ(0, shs_trylock(&att));
	EXPECT_EQ(0, move("a", "b"));
	EXPECT_EQ(0, shs_info(self->fd).links);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_HELD(self->fd);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(other).state);
	EXPECT_EQ(0, shs_info(self->fd).state);
}

/* Its last name goes, a new object comes by that name: two locks. */
TEST_F(process, unlinked)
{
	struct shs_att att;
	pid_t child, other;
	int new;

	EXPECT_EQ(0, shs_link(self->fd, "a"));
	EXPECT_EQ(0, shs_lock(&self->mine));
	child = waiter(self->fd);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_unlink("a"));
	new = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 2);
	EXPECT_EQ(0, shs_link(new, "a"));
	ASSERT_EQ(0, shs_attach(&att, new));
	EXPECT_EQ(0, shs_trylock(&att));
	other = waiter(new);
	SHS_AWAIT(new, info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(child));
	SHS_AWAIT(new, info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&att));
	EXPECT_EQ(0, shs_reap(other));
}

/* Who holds it dies, after its name is gone and nobody else has it open but a waiter. */
TEST_F(process, unlinked_and_dead)
{
	struct shs_ioc_info *seen = shs_common(4096);
	struct shs_att att;
	pid_t child, next;
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1), weak = shs_reopen(fd, O_PATH);

	child = shs_fork();
	if (!child) {
		if (shs_attach(&att, fd) || shs_lock(&att))
			_exit(1);
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	shs_hear(&self->ready);
	EXPECT_EQ(0, shs_link(fd, "a"));
	next = shs_fork();
	if (!next) {
		if (shs_attach(&att, fd) || shs_lock(&att) != -EOWNERDEAD)
			_exit(1);
		*seen = shs_info(fd);
		_exit(shs_unlock(&att));
	}
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, shs_unlink("a"));
	close(fd);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, shs_reap(next));
	EXPECT_EQ(0, seen->links);
	EXPECT_EQ(1, seen->deaths);
	EXPECT_EQ(-ENOENT, shs_reopen(weak, O_RDWR));
}

/* How many use the module, all in all; -1 where it is part of the kernel. */
static int module_users(void)
{
	FILE *file = fopen("/sys/module/shstate/refcnt", "r");
	int n = -1;

	if (file && fscanf(file, "%d", &n) != 1)
		n = -1;
	if (file)
		fclose(file);
	return n;
}

/*
 * The mount goes from the tree while an object is open, held and waited for: all of
 * it works on, also dying; with the last file everything goes.
 */
TEST_F(process, unmounted)
{
	struct statfs empty, now;
	struct shs_att att;
	pid_t child, next;
	int users, fd, dir;

	users = module_users();
	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, NULL));
	dir = open(SHS_DIR, O_RDONLY);
	ASSERT_EQ(0, fstatfs(dir, &empty));
	fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 2);
	EXPECT_EQ(0, shs_link(fd, "a"));
	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, shs_lock(&att));
	child = shs_fork();
	if (!child) {
		close(dir);
		if (shs_attach(&att, fd) || shs_lock(&att))
			_exit(1);
		shs_say(&self->ready);
		for (;;)
			pause();
	}
	SHS_AWAIT(fd, info.waiters == 1);
	ASSERT_EQ(0, umount2(SHS_DIR, MNT_DETACH));
	EXPECT_EQ(-ENOENT, shs_open("a", O_RDWR));
	EXPECT_EQ(0, shs_unlock(&att));
	shs_hear(&self->ready);
	next = shs_fork();
	if (!next) {
		close(dir);
		_exit(shs_attach(&att, fd) || shs_lock(&att) != -EOWNERDEAD || shs_unlock(&att));
	}
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(-EBUSY, shs_trylock(&att));
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, shs_reap(next));
	EXPECT_EQ(1, shs_info(fd).links);
	/* By the directory's file it can still be reached, and removed. */
	EXPECT_EQ(0, unlinkat(dir, "a", 0));
	shs_unmap(&att);
	close(fd);
	do {	/* the last bytes of an inode may go a moment later */
		ASSERT_EQ(0, fstatfs(dir, &now));
	} while (now.f_ffree != empty.f_ffree || now.f_bfree != empty.f_bfree);
	close(dir);
	while (module_users() > users)	/* fewer: those of an earlier test */
		sched_yield();
}

/* A name that is still there when the mount goes, goes with it. */
TEST_F(process, unmounted_with_a_name)
{
	int users = module_users(), fd;
	struct shs_att att;

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, NULL));
	fd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_BYTES, 9000);
	EXPECT_EQ(0, shs_link(fd, "a"));
	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, shs_lock(&att));
	ASSERT_EQ(0, umount2(SHS_DIR, MNT_DETACH));
	close(fd);
	EXPECT_EQ(-EBUSY, shs_lock_as(&att, &SHS_LOCK(.flags = SHS_LOCK_NOWAIT)));
	EXPECT_EQ(0, shs_unlock(&att));
	shs_unmap(&att);
	while (module_users() > users)	/* fewer: those of an earlier test */
		sched_yield();
}

/*
 * An object bound to a place elsewhere, seen by a process whose mount namespace does
 * not have the file system at all: the same lock. A place is no name, though.
 */
TEST_F(process, bound_elsewhere)
{
	char place[] = "/tmp/shstate-XXXXXX";
	struct shs_att att;
	int again;

	close(mkstemp(place));
	EXPECT_EQ(0, shs_link(self->fd, "a"));
	ASSERT_EQ(0, mount(SHS_DIR "/a", place, NULL, MS_BIND, NULL));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, IN_CHILD({
		if (unshare(CLONE_NEWNS) || umount2(SHS_DIR, MNT_DETACH))
			_exit(1);
		again = open(place, O_RDWR);
		if (again < 0 || shs_attach(&att, again) || shs_trylock(&att) != -EBUSY)
			_exit(2);
		_exit(shs_open("a", O_RDWR) != -ENOENT);
	}));
	EXPECT_EQ(0, shs_unlink("a"));
	again = open(place, O_RDWR);
	EXPECT_LE(0, again);
	EXPECT_HELD(again);
	close(again);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	shs_unmap(&self->mine);
	close(self->fd);
	EXPECT_EQ(-1, open(place, O_RDWR));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(0, umount(place));
	EXPECT_EQ(0, unlink(place));
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--probe"))
		return probe(atoi(argv[2]), atoi(argv[3]));
	return test_harness_run(argc, argv);
}
