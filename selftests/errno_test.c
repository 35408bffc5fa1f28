// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every error that docs/uapi.rst lists, reached: one entry or more for each pair of a
 * call and an errno, which tools/lint/errnos compares with the document. The calls
 * are named as the sections there; "any" is what every ioctl may return.
 *
 * A refused call changes nothing: around each of them all objects are looked at.
 *
 * ROW is a call that fails in the scene that the fixture sets, ENTRY a test with a
 * scene of its own. OTHER_TEST names the file that reaches what needs more than this.
 */
#include "shs.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>

/*
 * The scene. What A_ begins is an attachment of this process, all regions mapped if
 * nothing else is said.
 */
enum subject {
	BLANK,		/* no kind yet */
	BLANK_RO,
	NUMBER,		/* atomic of three u8 */
	BOOL,		/* atomic of one bool */
	CHECKED,	/* counter that is checked, at its end */
	MUTEX,		/* of one u64, free */
	BOOLS,		/* mutex of four bools */
	HELD,		/* mutex that another process holds */
	DEAD,		/* mutex whose owner died */
	MINE,		/* mutex that this process holds */
	RWLOCK,		/* free */
	HELD_RW,	/* another process writes */
	DEAD_RW,	/* the writer died */
	QUEUED,		/* this process reads by lane 0, a writer waits */
	UPGRADE,	/* this process may upgrade, another one reads */
	CONDVAR,
	AWAITED,	/* condvar that another process waits on, with MUTEX2 */
	MUTEX2,
	ONCE,
	RUNNING,	/* once that another process runs */
	POISONED,	/* once */
	DIED,		/* once whose runner died */
	CELL,		/* of one u64 */
	CELLS,		/* of three u64 */
	HELD_CELL,	/* another process has its word */
	OBJECTS,
	NUMBER_RO = OBJECTS,
	NUMBER_WO,
	MUTEX_RO,
	MUTEX_WO,
	PATH,		/* O_PATH, of NUMBER */
	DIRECTORY,
	NOTHING,	/* no descriptor */
	A_NUMBER, A_MUTEX, A_HELD, A_MINE, A_RWLOCK, A_QUEUED, A_UPGRADE, A_CONDVAR,
	A_AWAITED, A_ONCE, A_RUNNING, A_POISONED,
	A_MUTEX_RO, A_RWLOCK_RO, A_CONDVAR_RO, A_ONCE_RO,
	A_NEW,		/* of MUTEX, nothing mapped; the next four too */
	A_NEW_RO,	/* the same, of MUTEX_RO */
	A_NEW_RW, A_NEW_CONDVAR, A_NEW_ONCE,
	A_GONE,		/* of MUTEX, the private region is unmapped again */
	A_FOREIGN,	/* of MUTEX, another process's */
	A_FOREIGN_RW, A_FOREIGN_CONDVAR, A_FOREIGN_ONCE,
	SUBJECTS
};

static int fd[SUBJECTS];
static struct shs_att att[SUBJECTS];

static const struct shs_ioc_init made[OBJECTS] = {
	[NUMBER]	= { .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U8, .count = 3 },
	[BOOL]		= { .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_BOOL, .count = 1 },
	[CHECKED]	= { .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64, .count = 1,
			    .flags = SHS_INIT_CHECK },
	[MUTEX]		= { .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 1 },
	[BOOLS]		= { .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_BOOL, .count = 4 },
	[HELD]		= { .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 1 },
	[DEAD]		= { .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 1 },
	[MINE]		= { .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 1 },
	[RWLOCK]	= { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64, .count = 1 },
	[HELD_RW]	= { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64, .count = 1 },
	[DEAD_RW]	= { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64, .count = 1 },
	[QUEUED]	= { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64, .count = 1 },
	[UPGRADE]	= { .kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64, .count = 1 },
	[CONDVAR]	= { .kind = SHS_KIND_CONDVAR },
	[AWAITED]	= { .kind = SHS_KIND_CONDVAR },
	[MUTEX2]	= { .kind = SHS_KIND_MUTEX },
	[ONCE]		= { .kind = SHS_KIND_ONCE },
	[RUNNING]	= { .kind = SHS_KIND_ONCE },
	[POISONED]	= { .kind = SHS_KIND_ONCE, .flags = SHS_INIT_POISON },
	[DIED]		= { .kind = SHS_KIND_ONCE },
	[CELL]		= { .kind = SHS_KIND_CELL, .type = SHS_TYPE_U64, .count = 1 },
	[CELLS]		= { .kind = SHS_KIND_CELL, .type = SHS_TYPE_U64, .count = 3 },
	[HELD_CELL]	= { .kind = SHS_KIND_CELL, .type = SHS_TYPE_U64, .count = 1 },
};

/* All that can be seen of it; what a refused call must leave as it was. */
struct world {
	struct shs_ioc_info info[OBJECTS];
	char text[OBJECTS][64];
	struct statfs usage;
	int next_fd;
};

static struct world *look(void)
{
	struct world *w = calloc(1, sizeof(*w));

	for (int i = 0; i < OBJECTS; i++) {
		w->info[i] = shs_info(fd[i]);
		w->info[i].held_ns = 0;		/* what moves on by itself, and statistics */
		w->info[i].waits = 0;
		w->info[i].wakes = 0;
		snprintf(w->text[i], sizeof(w->text[i]), "%.60s", shs_text(fd[i]));
	}
	fstatfs(fd[DIRECTORY], &w->usage);
	w->next_fd = dup(0);
	close(w->next_fd);
	return w;
}

/* The object that differs, or else a number below 0; OBJECTS: none does. */
static int difference(const struct world *before)
{
	struct world *now = look();
	int i, found = OBJECTS;

	for (i = 0; i < OBJECTS; i++)
		if (memcmp(&now->info[i], &before->info[i], sizeof(now->info[i])) ||
		    strcmp(now->text[i], before->text[i]))
			found = i;
	if (memcmp(&now->usage, &before->usage, sizeof(now->usage)))
		found = -1;
	if (now->next_fd != before->next_fd)
		found = -2;
	free(now);
	return found;
}

static int attach(enum subject to, enum subject object)
{
	int err = shs_attach(&att[to], fd[object]);

	fd[to] = att[to].fd;
	return err;
}

static int attach_only(enum subject to, enum subject object)
{
	int err = shs_attach_only(&att[to], fd[object]);

	fd[to] = att[to].fd;
	return err;
}

static int attach_ro(enum subject to, enum subject object)
{
	int again = shs_reopen(fd[object], O_RDONLY), err = shs_attach(&att[to], again);

	close(again);
	fd[to] = att[to].fd;
	return err;
}

/* A child that shares the descriptors but not the memory: what it attaches is foreign. */
static pid_t fork_with_fds(void)
{
	pid_t parent = getpid(), child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

/* Holds what the scene says that another process holds. */
static pid_t start_holder(void)
{
	struct shs_pipe ready = shs_pipe();
	int *foreign = shs_common(4096);
	struct shs_att held;
	pid_t child = fork_with_fds();

	if (!child) {
		bool ok = !attach(A_FOREIGN, MUTEX) && !attach(A_FOREIGN_RW, RWLOCK) &&
			  !attach(A_FOREIGN_CONDVAR, CONDVAR) && !attach(A_FOREIGN_ONCE, ONCE) &&
			  !shs_attach(&held, fd[HELD]) && !shs_lock(&held) &&
			  !shs_attach(&held, fd[HELD_RW]) && !shs_lock(&held) &&
			  !shs_attach(&held, fd[HELD_CELL]) && !shs_lock(&held) &&
			  !shs_attach(&held, fd[UPGRADE]) && !shs_rdlock(&held, 0) &&
			  !shs_attach(&held, fd[RUNNING]) && !shs_once(&held, &SHS_ONCE());

		memcpy(foreign, fd, sizeof(fd));
		if (!ok)
			_exit(1);
		shs_say(&ready);
		shs_until_killed();
		_exit(1);
	}
	shs_hear(&ready);
	for (int i = A_FOREIGN; i <= A_FOREIGN_ONCE; i++)
		fd[i] = foreign[i];
	munmap(foreign, 4096);
	close(ready.end[0]);
	close(ready.end[1]);
	return child;
}

/* Of these some owner died. */
static int let_die(void)
{
	struct shs_att a;
	pid_t child = shs_fork();

	if (!child) {
		shs_attach(&a, fd[DEAD]);
		shs_lock(&a);
		shs_attach(&a, fd[DEAD_RW]);
		shs_lock(&a);
		shs_attach(&a, fd[DIED]);
		shs_once(&a, &SHS_ONCE());
		shs_attach(&a, fd[POISONED]);
		shs_once(&a, &SHS_ONCE());
		_exit(0);
	}
	return shs_reap(child);
}

/* Children that wait, for good. */
static void start_waiters(void)
{
	struct shs_att a, mutex;

	if (!shs_fork()) {
		shs_attach(&a, fd[QUEUED]);
		_exit(shs_lock(&a) ? 1 : 0);
	}
	SHS_AWAIT(fd[QUEUED], info.waiters == 1);
	if (!shs_fork()) {
		shs_attach(&a, fd[AWAITED]);
		shs_attach(&mutex, fd[MUTEX2]);
		shs_lock(&mutex);
		shs_wait(&a, &SHS_WAIT(.mutex_fd = mutex.fd, .deadline = SHS_FOREVER));
		_exit(1);
	}
	SHS_AWAIT(fd[AWAITED], info.waiters == 1);
	SHS_AWAIT(fd[MUTEX2], !info.state);	/* queued, it lets go of it */
}

static __s32 batch_fds[5][2];

static int open_objects(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		struct shs_ioc_init init = made[i];

		init.size = sizeof(init);
		fd[i] = i == BLANK_RO ? shs_reopen(fd[BLANK], O_RDONLY) :
			i == BLANK ? shs_blank() : shs_create_as(&init);
		if (fd[i] < 0)
			return fd[i];
	}
	fd[NUMBER_RO] = shs_reopen(fd[NUMBER], O_RDONLY);
	fd[NUMBER_WO] = shs_reopen(fd[NUMBER], O_WRONLY);
	fd[MUTEX_RO] = shs_reopen(fd[MUTEX], O_RDONLY);
	fd[MUTEX_WO] = shs_reopen(fd[MUTEX], O_WRONLY);
	fd[PATH] = shs_reopen(fd[NUMBER], O_PATH);
	fd[DIRECTORY] = shs_open(".", O_RDONLY);
	fd[NOTHING] = 1000;
	return shs_op(fd[CHECKED], &SHS_OP(RESET, .arg = ~0ULL >> 1));
}

static int open_attachments(void)
{
	struct shs_thread *slot;
	int err;

	err = attach(A_NUMBER, NUMBER) ?: attach(A_MUTEX, MUTEX) ?: attach(A_HELD, HELD) ?:
	      attach(A_MINE, MINE) ?: attach(A_RWLOCK, RWLOCK) ?: attach(A_QUEUED, QUEUED) ?:
	      attach(A_UPGRADE, UPGRADE) ?: attach(A_CONDVAR, CONDVAR) ?:
	      attach(A_AWAITED, AWAITED) ?: attach(A_ONCE, ONCE) ?: attach(A_RUNNING, RUNNING) ?:
	      attach(A_POISONED, POISONED) ?: attach_ro(A_MUTEX_RO, MUTEX) ?:
	      attach_ro(A_RWLOCK_RO, RWLOCK) ?: attach_ro(A_CONDVAR_RO, CONDVAR) ?:
	      attach_ro(A_ONCE_RO, ONCE) ?: attach_only(A_NEW, MUTEX) ?:
	      attach_only(A_NEW_RO, MUTEX_RO) ?: attach_only(A_NEW_RW, RWLOCK) ?:
	      attach_only(A_NEW_CONDVAR, CONDVAR) ?: attach_only(A_NEW_ONCE, ONCE) ?:
	      attach(A_GONE, MUTEX);
	if (err)
		return err;
	munmap(att[A_GONE].private, att[A_GONE].is.private_size);
	slot = (void *)(att[A_QUEUED].private + att[A_QUEUED].is.threads_offset);
	slot->tid = syscall(SYS_gettid);
	return shs_lock(&att[A_MINE]) ?: shs_rdlock(&att[A_QUEUED], 0) ?:
	       shs_lock_as(&att[A_UPGRADE], &SHS_LOCK(.mode = SHS_MODE_UPGRADABLE));
}

FIXTURE(refused) {
};

FIXTURE_SETUP(refused)
{
	SHS_MOUNT("");
	ASSERT_EQ(0, open_objects());
	ASSERT_EQ(0, open_attachments());
	ASSERT_LT(0, start_holder());
	ASSERT_EQ(0, let_die());
	start_waiters();
	/* a batch of two, of which the second has a wrong descriptor */
	for (int i = 0; i < 4; i++)
		batch_fds[i][0] = fd[NUMBER];
	batch_fds[0][1] = fd[DIRECTORY];
	batch_fds[1][1] = fd[NOTHING];
	batch_fds[2][1] = fd[BLANK];
	batch_fds[3][1] = fd[PATH];
	batch_fds[4][0] = fd[PATH];
}

FIXTURE_TEARDOWN(refused)
{
}

/*
 * The table
 */

/* Calls that are no ioctl; their arguments. */
enum { TEXT_READ = 1, TEXT_WRITE, MAP, URING };

struct map {
	__u64 offset;
	size_t size;
	int protection, flags;
};

/* Structs of any call that are too long or too short. */
struct longer {
	__u32 size;
	char rest[251];
	char last;
};

struct row {
	const char *call;
	int error;
	const char *name;
	enum subject subject;
	unsigned long command;
	size_t size;
	const void *argument;
};

#define ROW(call, error, subject, command, ...)					\
	{ #call, error, #call " " #error " of " #subject, subject, command,	\
	  sizeof(__VA_ARGS__), &__VA_ARGS__ }
#define OP(...)		(struct shs_ioc_op)SHS_OP_OF(__VA_ARGS__)
#define SHS_OP_OF(code, ...) \
	{ .size = sizeof(struct shs_ioc_op), .op = SHS_OP_##code, ##__VA_ARGS__ }
#define INIT(...)	(struct shs_ioc_init){ .size = sizeof(struct shs_ioc_init), \
					       __VA_ARGS__ }
#define BATCH(...)	(struct shs_ioc_batch){ .size = sizeof(struct shs_ioc_batch), \
						__VA_ARGS__ }
#define ATTACH(...)	(struct shs_ioc_attach){ .size = sizeof(struct shs_ioc_attach), \
						 ##__VA_ARGS__ }
#define INFO		(struct shs_ioc_info){ .size = sizeof(struct shs_ioc_info) }
#define DEATH(...)	(struct shs_ioc_death){ .size = sizeof(struct shs_ioc_death), ##__VA_ARGS__ }
#define META(...)	(struct shs_ioc_meta){ .size = sizeof(struct shs_ioc_meta), ##__VA_ARGS__ }
#define LOCK(...)	(struct shs_ioc_lock){ .size = sizeof(struct shs_ioc_lock), ##__VA_ARGS__ }
#define CONVERT(...)	(struct shs_ioc_convert){ .size = sizeof(struct shs_ioc_convert), \
						  ##__VA_ARGS__ }
#define WAIT(...)	(struct shs_ioc_wait){ .size = sizeof(struct shs_ioc_wait), ##__VA_ARGS__ }
#define ONCE_(...)	(struct shs_ioc_once){ .size = sizeof(struct shs_ioc_once), ##__VA_ARGS__ }
#define NOWHERE		(struct { char none[0]; }){ }
#define LONGER		(struct longer){ .size = sizeof(struct longer), .last = 1 }
#define SHORTER		(struct longer){ .size = 8 }
#define TEXT(text)	(char []){ text }
#define ADDRESS(of)	((unsigned long)(of))
#define TO_EXCLUSIVE	.from = SHS_MODE_UPGRADABLE
#define UP		SHS_MODE_UPGRADABLE
#define RD		SHS_MODE_READ

static char buffer[4096], two[8] = { 2 }, three[8] = { 3 };
static struct shs_ioc_op adds[2] = { OP(FETCH_ADD, .index = 3), OP(FETCH_ADD, .arg = 1) };
static struct shs_ioc_op zeroes[2] = { OP(FETCH_ADD), OP(FETCH_ADD) };
static struct shs_ioc_op short_op[1] = { { .size = 8, .op = SHS_OP_LOAD } };
static struct shs_ioc_op two_sizes[2] = { OP(FETCH_ADD), { .size = 88, .op = SHS_OP_LOAD } };

static const struct row rows[] = {
	/* Conventions */
	ROW(any, EFAULT, NUMBER, SHS_IOC_ABI, NOWHERE),
	ROW(any, EFAULT, BLANK, SHS_IOC_INIT, NOWHERE),
	ROW(any, EFAULT, NUMBER, SHS_IOC_OP, NOWHERE),
	ROW(any, EFAULT, NUMBER, SHS_IOC_BATCH, NOWHERE),
	ROW(any, EFAULT, NUMBER, SHS_IOC_ATTACH, NOWHERE),
	ROW(any, EFAULT, NUMBER, SHS_IOC_INFO, NOWHERE),
	ROW(any, EFAULT, DEAD, SHS_IOC_DEATH, NOWHERE),
	ROW(any, EFAULT, NUMBER, SHS_IOC_META, NOWHERE),
	ROW(any, EFAULT, A_MUTEX, SHS_IOC_LOCK, NOWHERE),
	ROW(any, EFAULT, A_MINE, SHS_IOC_UNLOCK, NOWHERE),
	ROW(any, EFAULT, A_UPGRADE, SHS_IOC_CONVERT, NOWHERE),
	ROW(any, EFAULT, A_CONDVAR, SHS_IOC_WAIT, NOWHERE),
	ROW(any, EFAULT, A_ONCE, SHS_IOC_ONCE, NOWHERE),
	ROW(any, E2BIG, DIRECTORY, SHS_IOC_ABI, LONGER),
	ROW(any, E2BIG, BLANK, SHS_IOC_INIT, LONGER),
	ROW(any, E2BIG, NUMBER, SHS_IOC_OP, LONGER),
	ROW(any, E2BIG, NUMBER, SHS_IOC_BATCH, LONGER),
	ROW(any, E2BIG, NUMBER, SHS_IOC_ATTACH, LONGER),
	ROW(any, E2BIG, NUMBER, SHS_IOC_INFO, LONGER),
	ROW(any, E2BIG, DEAD, SHS_IOC_DEATH, LONGER),
	ROW(any, E2BIG, NUMBER, SHS_IOC_META, LONGER),
	ROW(any, E2BIG, A_MUTEX, SHS_IOC_LOCK, LONGER),
	ROW(any, E2BIG, A_MINE, SHS_IOC_UNLOCK, LONGER),
	ROW(any, E2BIG, A_UPGRADE, SHS_IOC_CONVERT, LONGER),
	ROW(any, E2BIG, A_CONDVAR, SHS_IOC_WAIT, LONGER),
	ROW(any, E2BIG, A_ONCE, SHS_IOC_ONCE, LONGER),
	ROW(any, EINVAL, DIRECTORY, SHS_IOC_ABI, SHORTER),
	ROW(any, EINVAL, BLANK, SHS_IOC_INIT, SHORTER),
	ROW(any, EINVAL, NUMBER, SHS_IOC_OP, SHORTER),
	ROW(any, EINVAL, NUMBER, SHS_IOC_BATCH, SHORTER),
	ROW(any, EINVAL, NUMBER, SHS_IOC_ATTACH, SHORTER),
	ROW(any, EINVAL, NUMBER, SHS_IOC_INFO, SHORTER),
	ROW(any, EINVAL, DEAD, SHS_IOC_DEATH, SHORTER),
	ROW(any, EINVAL, NUMBER, SHS_IOC_META, SHORTER),
	ROW(any, EINVAL, A_MUTEX, SHS_IOC_LOCK, SHORTER),
	ROW(any, EINVAL, A_MINE, SHS_IOC_UNLOCK, SHORTER),
	ROW(any, EINVAL, A_UPGRADE, SHS_IOC_CONVERT, SHORTER),
	ROW(any, EINVAL, A_CONDVAR, SHS_IOC_WAIT, SHORTER),
	ROW(any, EINVAL, A_ONCE, SHS_IOC_ONCE, SHORTER),
	ROW(any, EINVAL, NUMBER, SHS_IOC_ATTACH, ATTACH(.flags = 1)),
	ROW(any, EINVAL, NUMBER, SHS_IOC_META, META(.pad = 1)),
	ROW(any, EUNATCH, BLANK, SHS_IOC_OP, OP(LOAD)),
	ROW(any, EUNATCH, BLANK, SHS_IOC_BATCH, BATCH(.count = 1, .ops = ADDRESS(zeroes))),
	ROW(any, EUNATCH, BLANK, SHS_IOC_ATTACH, ATTACH()),
	ROW(any, EUNATCH, BLANK, SHS_IOC_INFO, INFO),
	ROW(any, EUNATCH, BLANK_RO, SHS_IOC_DEATH, DEATH()),
	ROW(any, EUNATCH, BLANK, SHS_IOC_META, META()),
	ROW(any, ENOTTY, DIRECTORY, SHS_IOC_INIT, INIT(.kind = SHS_KIND_ONCE)),
	ROW(any, ENOTTY, DIRECTORY, SHS_IOC_INFO, INFO),
	ROW(any, ENOTTY, A_MUTEX, SHS_IOC_ABI, INFO),
	ROW(any, ENOTTY, A_NUMBER, SHS_IOC_BATCH, BATCH(.count = 1, .ops = ADDRESS(zeroes))),
	ROW(any, ENOTTY, A_NUMBER, SHS_IOC_ATTACH, ATTACH()),
	ROW(any, ENOTTY, MUTEX, SHS_IOC_LOCK, LOCK()),
	ROW(any, ENOTTY, MINE, SHS_IOC_UNLOCK, LOCK()),
	ROW(any, ENOTTY, UPGRADE, SHS_IOC_CONVERT, CONVERT()),
	ROW(any, ENOTTY, CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_MINE)),
	ROW(any, ENOTTY, ONCE, SHS_IOC_ONCE, ONCE_()),
	ROW(any, ENOTTY, MUTEX, _IO(SHS_IOC_MAGIC, 255), LOCK()),
	ROW(any, EBADF, NOTHING, SHS_IOC_INFO, INFO),
	ROW(any, EBADF, NOTHING, SHS_IOC_LOCK, LOCK()),
	ROW(any, EBADF, PATH, SHS_IOC_OP, OP(LOAD)),
	ROW(any, EBADF, PATH, SHS_IOC_INFO, INFO),

	/* Text */
	ROW(text, EUNATCH, BLANK, TEXT_READ, TEXT("")),
	ROW(text, EUNATCH, BLANK, TEXT_WRITE, TEXT("1")),
	ROW(text, EINVAL, NUMBER, TEXT_WRITE, TEXT("one")),
	ROW(text, EINVAL, NUMBER, TEXT_WRITE, TEXT("")),
	ROW(text, EINVAL, NUMBER, TEXT_WRITE, TEXT("1 2")),
	ROW(text, EINVAL, NUMBER, TEXT_WRITE, TEXT("3:1")),
	ROW(text, EINVAL, CONDVAR, TEXT_WRITE, TEXT("1")),
	ROW(text, EINVAL, ONCE, TEXT_WRITE, TEXT("1")),
	ROW(text, EINVAL, CELL, TEXT_WRITE, TEXT("+1")),
	ROW(text, EINVAL, CELLS, TEXT_WRITE, TEXT("1")),
	ROW(text, ERANGE, NUMBER, TEXT_WRITE, TEXT("256")),
	ROW(text, ERANGE, NUMBER, TEXT_WRITE, TEXT("-1")),
	ROW(text, ERANGE, BOOL, TEXT_WRITE, TEXT("2")),
	ROW(text, ERANGE, CHECKED, TEXT_WRITE, TEXT("+1")),
	ROW(text, EOPNOTSUPP, BOOL, TEXT_WRITE, TEXT("+1")),
	ROW(text, EUCLEAN, DEAD, TEXT_WRITE, TEXT("1")),
	ROW(text, EUCLEAN, DEAD_RW, TEXT_WRITE, TEXT("+1")),

	ROW(INIT, EACCES, BLANK_RO, SHS_IOC_INIT, INIT(.kind = SHS_KIND_ONCE)),
	ROW(INIT, EALREADY, NUMBER, SHS_IOC_INIT, INIT(.kind = SHS_KIND_ONCE)),
	ROW(INIT, EINVAL, BLANK, SHS_IOC_INIT, INIT(.kind = SHS_KIND_BARRIER + 1)),
	ROW(INIT, EINVAL, BLANK, SHS_IOC_INIT, INIT(.kind = SHS_KIND_MUTEX,
	    .type = SHS_TYPE_I64 + 1, .count = 1)),
	ROW(INIT, EINVAL, BLANK, SHS_IOC_INIT, INIT(.kind = SHS_KIND_ONCE, .count = 1)),
	ROW(INIT, EINVAL, BLANK, SHS_IOC_INIT, INIT(.kind = SHS_KIND_ONCE,
	    .flags = SHS_INIT_FIFO)),
	ROW(INIT, EINVAL, BLANK, SHS_IOC_INIT, INIT(.kind = SHS_KIND_COUNTER,
	    .type = SHS_TYPE_I64, .count = 1, .flags = SHS_INIT_SATURATE | SHS_INIT_CHECK)),
	ROW(INIT, EINVAL, BLANK, SHS_IOC_INIT, INIT(.kind = SHS_KIND_MUTEX,
	    .type = SHS_TYPE_U64, .count = 1, .value = ADDRESS(buffer), .value_size = 4)),
	ROW(INIT, EINVAL, BLANK, SHS_IOC_INIT, INIT(.kind = SHS_KIND_ONCE,
	    .meta = ADDRESS(buffer), .meta_size = SHS_META_MAX + 1)),
	ROW(INIT, EINVAL, BLANK, SHS_IOC_INIT, INIT(.kind = SHS_KIND_ONCE,
	    .meta = ADDRESS(buffer))),
	ROW(INIT, ERANGE, BLANK, SHS_IOC_INIT, INIT(.kind = SHS_KIND_ATOMIC,
	    .type = SHS_TYPE_BOOL, .count = 1, .value = ADDRESS(two), .value_size = 1)),

	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, (struct shs_ioc_op){
	    .size = sizeof(struct shs_ioc_op), .op = 999 }),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(LOAD, .flags = 8)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(LOAD, .order = SHS_RELEASE)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(STORE, .order = SHS_ACQUIRE)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(WAIT, .expected = 1, .order = SHS_ACQ_REL)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(AWAIT_EQ, .order = SHS_ACQ_REL)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(AWAIT_ANY)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(CMPXCHG, .order_failure = SHS_RELEASE)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(LOAD, .order = SHS_ACQ_REL + 1)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(LOAD, .clock = SHS_CLOCK_BOOTTIME + 1)),
	ROW(OP, EINVAL, MUTEX, SHS_IOC_OP, OP(READ, .order = SHS_RELAXED)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(STORE, .flags = SHS_OP_RECOVER)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(LOAD, .flags = SHS_OP_BYTES, .len = 3,
	    .addr = ADDRESS(buffer))),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(STORE, .index = 3, .arg = 1)),
	ROW(OP, EINVAL, MUTEX, SHS_IOC_OP, OP(WRITE, .flags = SHS_OP_BYTES, .len = 9,
	    .addr = ADDRESS(two))),
	ROW(OP, EINVAL, MUTEX, SHS_IOC_OP, OP(WRITE, .flags = SHS_OP_BYTES, .offset = 8,
	    .len = 1, .addr = ADDRESS(two))),
	ROW(OP, EINVAL, MUTEX, SHS_IOC_OP, OP(WRITE, .flags = SHS_OP_BYTES,
	    .addr = ADDRESS(two))),
	ROW(OP, EINVAL, MUTEX2, SHS_IOC_OP, OP(WRITE, .arg = 1)),
	ROW(OP, EINVAL, CELLS, SHS_IOC_OP, OP(STORE, .arg = 1)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(LOAD, .arg = 1)),
	ROW(OP, EINVAL, NUMBER, SHS_IOC_OP, OP(LOAD, .result = 1)),
	ROW(OP, EOPNOTSUPP, NUMBER, SHS_IOC_OP, OP(ADD, .arg = 1)),
	ROW(OP, EOPNOTSUPP, CHECKED, SHS_IOC_OP, OP(STORE)),
	ROW(OP, EOPNOTSUPP, MUTEX, SHS_IOC_OP, OP(SWAP)),
	ROW(OP, EOPNOTSUPP, CONDVAR, SHS_IOC_OP, OP(LOAD)),
	ROW(OP, EOPNOTSUPP, ONCE, SHS_IOC_OP, OP(STORE)),
	ROW(OP, EOPNOTSUPP, CELL, SHS_IOC_OP, OP(WAIT)),
	ROW(OP, EOPNOTSUPP, CELL, SHS_IOC_OP, OP(AWAIT_EQ)),
	ROW(OP, EOPNOTSUPP, BOOL, SHS_IOC_OP, OP(AWAIT_GE)),
	ROW(OP, EOPNOTSUPP, BOOL, SHS_IOC_OP, OP(FETCH_ADD, .arg = 1)),
	ROW(OP, EOPNOTSUPP, BOOL, SHS_IOC_OP, OP(FETCH_MAX, .arg = 1)),
	ROW(OP, EOPNOTSUPP, BOOLS, SHS_IOC_OP, OP(ADD, .arg = 1)),
	ROW(OP, ERANGE, NUMBER, SHS_IOC_OP, OP(STORE, .arg = 256)),
	ROW(OP, ERANGE, NUMBER, SHS_IOC_OP, OP(CMPXCHG, .arg = 1, .expected = 256)),
	ROW(OP, ERANGE, NUMBER, SHS_IOC_OP, OP(AWAIT_EQ, .arg = 256)),
	ROW(OP, ERANGE, BOOLS, SHS_IOC_OP, OP(WRITE, .flags = SHS_OP_BYTES, .len = 2,
	    .addr = ADDRESS(two))),
	ROW(OP, ERANGE, CHECKED, SHS_IOC_OP, OP(ADD, .arg = 1)),
	ROW(OP, EACCES, NUMBER_RO, SHS_IOC_OP, OP(STORE, .arg = 1)),
	ROW(OP, EACCES, NUMBER_RO, SHS_IOC_OP, OP(NOTIFY, .arg = 1)),
	ROW(OP, EACCES, NUMBER_RO, SHS_IOC_OP, OP(CHANGED)),
	ROW(OP, EACCES, NUMBER_WO, SHS_IOC_OP, OP(AWAIT_EQ)),
	ROW(OP, EACCES, NUMBER_WO, SHS_IOC_OP, OP(LOAD)),
	ROW(OP, EACCES, NUMBER_WO, SHS_IOC_OP, OP(SWAP, .arg = 1)),
	ROW(OP, EACCES, MUTEX_WO, SHS_IOC_OP, OP(PEEK)),
	ROW(OP, EACCES, MUTEX_RO, SHS_IOC_OP, OP(WRITE)),
	ROW(OP, EREMCHG, NUMBER, SHS_IOC_OP, OP(CMPXCHG, .arg = 2, .expected = 1)),
	ROW(OP, EREMCHG, CELL, SHS_IOC_OP, OP(CMPXCHG, .arg = 2, .expected = 1)),
	ROW(OP, EREMCHG, CELL, SHS_IOC_OP, OP(CMPXCHG, .flags = SHS_OP_BYTES, .len = 8,
	    .addr = ADDRESS(two), .addr2 = ADDRESS(three))),
	ROW(OP, EUCLEAN, DEAD, SHS_IOC_OP, OP(WRITE, .arg = 1)),
	ROW(OP, EUCLEAN, DEAD, SHS_IOC_OP, OP(ADD, .arg = 1)),
	ROW(OP, EUCLEAN, DEAD_RW, SHS_IOC_OP, OP(WRITE, .arg = 1)),
	ROW(OP, EBUSY, HELD, SHS_IOC_OP, OP(WRITE, .arg = 1, .flags = SHS_OP_NOWAIT)),
	ROW(OP, EBUSY, HELD_RW, SHS_IOC_OP, OP(READ, .flags = SHS_OP_NOWAIT)),
	ROW(OP, EBUSY, HELD_CELL, SHS_IOC_OP, OP(LOAD, .flags = SHS_OP_NOWAIT)),
	ROW(OP, EBUSY, NUMBER, SHS_IOC_OP, OP(WAIT, .flags = SHS_OP_NOWAIT)),
	ROW(OP, EBUSY, NUMBER, SHS_IOC_OP, OP(AWAIT_NE, .flags = SHS_OP_NOWAIT)),
	ROW(OP, ETIMEDOUT, HELD, SHS_IOC_OP, OP(READ)),
	ROW(OP, ETIMEDOUT, HELD_RW, SHS_IOC_OP, OP(ADD, .arg = 1)),
	ROW(OP, ETIMEDOUT, HELD_CELL, SHS_IOC_OP, OP(SWAP, .arg = 1)),
	ROW(OP, ETIMEDOUT, NUMBER, SHS_IOC_OP, OP(WAIT, .deadline = 1)),
	ROW(OP, ETIMEDOUT, NUMBER, SHS_IOC_OP, OP(AWAIT_NE, .deadline = 1)),

	ROW(BATCH, EINVAL, NUMBER, SHS_IOC_BATCH, BATCH(.count = 1, .flags = 1,
	    .ops = ADDRESS(zeroes))),
	ROW(BATCH, EINVAL, NUMBER, SHS_IOC_BATCH, BATCH(.count = 1, .done = 1,
	    .ops = ADDRESS(zeroes))),
	ROW(BATCH, EINVAL, NUMBER, SHS_IOC_BATCH, BATCH(.ops = ADDRESS(zeroes))),
	ROW(BATCH, EINVAL, NUMBER, SHS_IOC_BATCH, BATCH(.count = SHS_BATCH_MAX + 1,
	    .ops = ADDRESS(zeroes))),
	ROW(BATCH, EINVAL, NUMBER, SHS_IOC_BATCH, BATCH(.count = 1, .ops = ADDRESS(short_op))),
	ROW(BATCH, EINVAL, NUMBER, SHS_IOC_BATCH, BATCH(.count = 2, .ops = ADDRESS(two_sizes))),
	ROW(BATCH, EINVAL, NUMBER, SHS_IOC_BATCH, BATCH(.count = 2, .ops = ADDRESS(adds))),
	ROW(BATCH, EINVAL, NUMBER, SHS_IOC_BATCH, BATCH(.count = 2, .ops = ADDRESS(zeroes),
	    .fds = ADDRESS(batch_fds[0]))),
	ROW(BATCH, EBADF, NUMBER, SHS_IOC_BATCH, BATCH(.count = 2, .ops = ADDRESS(zeroes),
	    .fds = ADDRESS(batch_fds[1]))),
	ROW(BATCH, EUNATCH, NUMBER, SHS_IOC_BATCH, BATCH(.count = 2, .ops = ADDRESS(zeroes),
	    .fds = ADDRESS(batch_fds[2]))),
	ROW(BATCH, EBADF, NUMBER, SHS_IOC_BATCH, BATCH(.count = 2, .ops = ADDRESS(zeroes),
	    .fds = ADDRESS(batch_fds[3]))),
	ROW(BATCH, EBADF, NUMBER, SHS_IOC_BATCH, BATCH(.count = 1, .ops = ADDRESS(zeroes),
	    .fds = ADDRESS(batch_fds[4]))),
	ROW(BATCH, EFAULT, NUMBER, SHS_IOC_BATCH, BATCH(.count = 1)),
	ROW(BATCH, EFAULT, NUMBER, SHS_IOC_BATCH, BATCH(.count = 1, .ops = ADDRESS(zeroes),
	    .fds = 1)),

	ROW(ATTACH, EACCES, NUMBER_WO, SHS_IOC_ATTACH, ATTACH()),

	ROW(DEATH, ENODATA, MUTEX, SHS_IOC_DEATH, DEATH()),
	ROW(DEATH, ENODATA, A_RWLOCK, SHS_IOC_DEATH, DEATH()),
	ROW(DEATH, EINVAL, DEAD, SHS_IOC_DEATH, DEATH(.pad = 1)),

	/* On an attachment fd */
	ROW(attachment, ESTALE, A_FOREIGN, SHS_IOC_LOCK, LOCK()),
	ROW(attachment, ESTALE, A_FOREIGN, SHS_IOC_UNLOCK, LOCK()),
	ROW(attachment, ESTALE, A_FOREIGN_RW, SHS_IOC_CONVERT, CONVERT(TO_EXCLUSIVE)),
	ROW(attachment, ESTALE, A_FOREIGN_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_MINE)),
	ROW(attachment, ESTALE, A_FOREIGN_ONCE, SHS_IOC_ONCE, ONCE_()),
	ROW(attachment, ENXIO, A_NEW, SHS_IOC_LOCK, LOCK()),
	ROW(attachment, ENXIO, A_NEW, SHS_IOC_UNLOCK, LOCK()),
	ROW(attachment, ENXIO, A_GONE, SHS_IOC_LOCK, LOCK()),
	ROW(attachment, ENXIO, A_GONE, SHS_IOC_UNLOCK, LOCK()),
	ROW(attachment, ENXIO, A_NEW_RW, SHS_IOC_LOCK, LOCK(.mode = RD)),
	ROW(attachment, ENXIO, A_NEW_RW, SHS_IOC_CONVERT, CONVERT(TO_EXCLUSIVE)),
	ROW(attachment, ENXIO, A_NEW_ONCE, SHS_IOC_ONCE, ONCE_()),
	ROW(attachment, ENXIO, A_NEW_ONCE, SHS_IOC_ONCE, ONCE_(.cmd = SHS_ONCE_COMPLETE)),
	ROW(attachment, EOPNOTSUPP, A_NUMBER, SHS_IOC_LOCK, LOCK()),
	ROW(attachment, EOPNOTSUPP, A_ONCE, SHS_IOC_UNLOCK, LOCK()),
	ROW(attachment, EOPNOTSUPP, A_MINE, SHS_IOC_CONVERT, CONVERT(TO_EXCLUSIVE)),
	ROW(attachment, EOPNOTSUPP, A_MUTEX, SHS_IOC_WAIT, WAIT(.mutex_fd = A_MINE)),
	ROW(attachment, EOPNOTSUPP, A_MUTEX, SHS_IOC_ONCE, ONCE_()),

	ROW(LOCK, EACCES, A_MUTEX_RO, SHS_IOC_LOCK, LOCK()),
	ROW(LOCK, EACCES, A_RWLOCK_RO, SHS_IOC_LOCK, LOCK()),
	ROW(LOCK, EACCES, A_RWLOCK_RO, SHS_IOC_LOCK, LOCK(.mode = UP)),
	ROW(LOCK, EINVAL, A_RWLOCK, SHS_IOC_LOCK, LOCK(.mode = UP + 1)),
	ROW(LOCK, EINVAL, A_MUTEX, SHS_IOC_LOCK, LOCK(.mode = RD)),
	ROW(LOCK, EINVAL, A_RWLOCK, SHS_IOC_LOCK, LOCK(.mode = RD, .lane = 1 << 16)),
	ROW(LOCK, EINVAL, A_RWLOCK, SHS_IOC_LOCK, LOCK(.lane = 1)),
	ROW(LOCK, EINVAL, A_RWLOCK, SHS_IOC_LOCK, LOCK(.flags = SHS_LOCK_RECURSIVE)),
	ROW(LOCK, EINVAL, A_MUTEX, SHS_IOC_LOCK, LOCK(.clock = SHS_CLOCK_BOOTTIME + 1)),
	ROW(LOCK, EDEADLK, A_QUEUED, SHS_IOC_LOCK, LOCK(.mode = RD, .deadline = SHS_FOREVER)),
	ROW(LOCK, EBUSY, A_HELD, SHS_IOC_LOCK, LOCK(.flags = SHS_LOCK_NOWAIT)),
	ROW(LOCK, EBUSY, A_MINE, SHS_IOC_LOCK, LOCK(.flags = SHS_LOCK_NOWAIT)),
	ROW(LOCK, EBUSY, A_QUEUED, SHS_IOC_LOCK, LOCK(.flags = SHS_LOCK_NOWAIT)),
	ROW(LOCK, ETIMEDOUT, A_HELD, SHS_IOC_LOCK, LOCK()),
	ROW(LOCK, ETIMEDOUT, A_QUEUED, SHS_IOC_LOCK, LOCK(.deadline = 1,
	    .clock = SHS_CLOCK_REALTIME)),

	ROW(UNLOCK, EPERM, A_MUTEX, SHS_IOC_UNLOCK, LOCK()),
	ROW(UNLOCK, EPERM, A_HELD, SHS_IOC_UNLOCK, LOCK()),
	ROW(UNLOCK, EPERM, A_RWLOCK, SHS_IOC_UNLOCK, LOCK(.mode = RD)),
	ROW(UNLOCK, EPERM, A_QUEUED, SHS_IOC_UNLOCK, LOCK(.mode = RD, .lane = 1)),
	ROW(UNLOCK, EPERM, A_QUEUED, SHS_IOC_UNLOCK, LOCK(.mode = UP)),
	ROW(UNLOCK, EINVAL, A_MINE, SHS_IOC_UNLOCK, LOCK(.mode = UP + 1)),
	ROW(UNLOCK, EINVAL, A_MINE, SHS_IOC_UNLOCK, LOCK(.deadline = 1)),
	ROW(UNLOCK, EINVAL, A_MINE, SHS_IOC_UNLOCK, LOCK(.clock = SHS_CLOCK_REALTIME)),
	ROW(UNLOCK, EINVAL, A_UPGRADE, SHS_IOC_UNLOCK, LOCK(.mode = UP,
	    .flags = SHS_UNLOCK_FAIR)),
	ROW(UNLOCK, EINVAL, A_QUEUED, SHS_IOC_UNLOCK, LOCK(.mode = RD,
	    .flags = SHS_UNLOCK_ABANDON)),
	ROW(UNLOCK, EACCES, A_MUTEX_RO, SHS_IOC_UNLOCK, LOCK()),

	ROW(CONVERT, EPERM, A_RWLOCK, SHS_IOC_CONVERT, CONVERT(TO_EXCLUSIVE)),
	ROW(CONVERT, EPERM, A_QUEUED, SHS_IOC_CONVERT, CONVERT(.to = RD)),
	ROW(CONVERT, EINVAL, A_QUEUED, SHS_IOC_CONVERT, CONVERT(.from = RD)),
	ROW(CONVERT, EINVAL, A_UPGRADE, SHS_IOC_CONVERT, CONVERT(.from = UP, .to = UP)),
	ROW(CONVERT, EINVAL, A_UPGRADE, SHS_IOC_CONVERT, CONVERT(TO_EXCLUSIVE, .lane = 1)),
	ROW(CONVERT, EINVAL, A_UPGRADE, SHS_IOC_CONVERT, CONVERT(.from = UP, .to = RD,
	    .lane = 1 << 16)),
	ROW(CONVERT, EINVAL, A_UPGRADE, SHS_IOC_CONVERT, CONVERT(.from = UP, .to = RD,
	    .deadline = 1)),
	ROW(CONVERT, EINVAL, A_UPGRADE, SHS_IOC_CONVERT, CONVERT(.from = UP, .to = RD,
	    .flags = SHS_LOCK_NOWAIT)),
	ROW(CONVERT, EINVAL, A_UPGRADE, SHS_IOC_CONVERT, CONVERT(TO_EXCLUSIVE, .clock = 3)),
	ROW(CONVERT, EACCES, A_RWLOCK_RO, SHS_IOC_CONVERT, CONVERT(TO_EXCLUSIVE)),
	ROW(CONVERT, EACCES, A_RWLOCK_RO, SHS_IOC_CONVERT, CONVERT(.to = UP)),
	ROW(CONVERT, EBUSY, A_UPGRADE, SHS_IOC_CONVERT, CONVERT(TO_EXCLUSIVE,
	    .flags = SHS_LOCK_NOWAIT)),
	ROW(CONVERT, ETIMEDOUT, A_UPGRADE, SHS_IOC_CONVERT, CONVERT(TO_EXCLUSIVE)),

	ROW(WAIT, ETIMEDOUT, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_MINE)),
	ROW(WAIT, EACCES, A_CONDVAR_RO, SHS_IOC_WAIT, WAIT(.mutex_fd = A_MINE)),
	ROW(WAIT, EBADF, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = NOTHING)),
	ROW(WAIT, EINVAL, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = MINE)),
	ROW(WAIT, EPERM, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_QUEUED)),
	ROW(WAIT, EINVAL, A_AWAITED, SHS_IOC_WAIT, WAIT(.mutex_fd = A_MINE)),
	ROW(WAIT, EINVAL, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_MINE, .flags = 1)),
	ROW(WAIT, EINVAL, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_MINE, .started = 1)),
	ROW(WAIT, ESTALE, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_FOREIGN)),
	ROW(WAIT, ENXIO, A_NEW_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_MINE)),
	ROW(WAIT, ENXIO, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_NEW)),
	ROW(WAIT, ENXIO, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_GONE)),
	ROW(WAIT, EPERM, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_MUTEX)),
	ROW(WAIT, EPERM, A_CONDVAR, SHS_IOC_WAIT, WAIT(.mutex_fd = A_HELD)),

	ROW(ONCE, EBUSY, A_RUNNING, SHS_IOC_ONCE, ONCE_(.flags = SHS_ONCE_NOWAIT)),
	ROW(ONCE, EBUSY, A_ONCE, SHS_IOC_ONCE, ONCE_(.cmd = SHS_ONCE_WAIT,
	    .flags = SHS_ONCE_NOWAIT)),
	ROW(ONCE, ETIMEDOUT, A_RUNNING, SHS_IOC_ONCE, ONCE_()),
	ROW(ONCE, ETIMEDOUT, A_ONCE, SHS_IOC_ONCE, ONCE_(.cmd = SHS_ONCE_WAIT)),
	ROW(ONCE, EPERM, A_ONCE, SHS_IOC_ONCE, ONCE_(.cmd = SHS_ONCE_COMPLETE)),
	ROW(ONCE, EPERM, A_RUNNING, SHS_IOC_ONCE, ONCE_(.cmd = SHS_ONCE_ABANDON)),
	ROW(ONCE, EACCES, A_ONCE_RO, SHS_IOC_ONCE, ONCE_()),
	ROW(ONCE, EINVAL, A_ONCE, SHS_IOC_ONCE, ONCE_(.cmd = SHS_ONCE_WAIT + 1)),
	ROW(ONCE, EINVAL, A_ONCE, SHS_IOC_ONCE, ONCE_(.cmd = SHS_ONCE_COMPLETE, .deadline = 1)),
	ROW(ONCE, EINVAL, A_ONCE, SHS_IOC_ONCE, ONCE_(.cmd = SHS_ONCE_ABANDON, .flags = 1)),
	ROW(ONCE, EINVAL, A_ONCE, SHS_IOC_ONCE, ONCE_(.cmd = SHS_ONCE_WAIT,
	    .flags = SHS_ONCE_FORCE)),
	ROW(ONCE, ENOTRECOVERABLE, A_POISONED, SHS_IOC_ONCE, ONCE_()),
	ROW(ONCE, ENOTRECOVERABLE, A_POISONED, SHS_IOC_ONCE, ONCE_(.cmd = SHS_ONCE_WAIT)),

	ROW(mmap, ESTALE, A_FOREIGN, MAP, (struct map){ SHS_MMAP_CONTROL, 4096, PROT_READ }),
	ROW(mmap, EINVAL, A_NEW, MAP, (struct map){ 4096, 4096, PROT_READ }),
	ROW(mmap, EINVAL, A_NEW, MAP, (struct map){ SHS_MMAP_CONTROL, 8192, PROT_READ }),
	ROW(mmap, EINVAL, A_NEW, MAP, (struct map){ SHS_MMAP_CONTROL, 4096, PROT_READ,
	    MAP_PRIVATE }),
	ROW(mmap, EINVAL, A_NEW_CONDVAR, MAP, (struct map){ SHS_MMAP_SHARED, 4096, PROT_READ }),
	ROW(mmap, EACCES, A_NEW, MAP, (struct map){ SHS_MMAP_CONTROL, 4096, PROT_WRITE }),
	ROW(mmap, EACCES, A_NEW_RO, MAP, (struct map){ SHS_MMAP_SHARED, 4096, PROT_WRITE }),
	ROW(mmap, EBUSY, A_MUTEX, MAP, (struct map){ SHS_MMAP_CONTROL, 4096, PROT_READ }),
	ROW(mmap, EBUSY, A_MUTEX, MAP, (struct map){ SHS_MMAP_SHARED, 4096, PROT_READ }),
	ROW(mmap, EBUSY, A_GONE, MAP, (struct map){ SHS_MMAP_PRIVATE, 4096, PROT_READ }),

	ROW(uring, EOPNOTSUPP, NUMBER, URING, (struct shs_sqe){ SHS_IOC_INFO }),
	ROW(uring, EINVAL, NUMBER, URING, (struct shs_sqe){ SHS_IOC_OP, .size = 88 }),
	ROW(uring, EINVAL, NUMBER, URING, (struct shs_sqe){ SHS_IOC_OP, .size = 80, .pad = 1 }),
	ROW(uring, EBUSY, HELD, URING, (struct shs_sqe){ SHS_IOC_OP, .size = 80 }),
	ROW(uring, EBUSY, HELD_RW, URING, (struct shs_sqe){ SHS_IOC_OP, .size = 80 }),
};

static int by_ring(const struct row *row, const struct shs_sqe *how)
{
	bool held = row->subject == HELD || row->subject == HELD_RW;
	struct shs_ioc_op op = { .size = sizeof(op), .op = held ? SHS_OP_WRITE : SHS_OP_LOAD };
	struct shs_sqe payload = { ADDRESS(&op), how->size, how->pad };
	struct io_uring *ring = shs_ring();
	struct io_uring_sqe *sqe = ring ? io_uring_get_sqe(ring) : NULL;
	struct io_uring_cqe *cqe;
	int ret;

	if (!sqe)
		return -ENOSYS;
	shs_prep(sqe, fd[row->subject], &op);
	sqe->cmd_op = how->addr;
	memcpy((char *)sqe + offsetof(struct io_uring_sqe, cmd), &payload, sizeof(payload));
	if (io_uring_submit(ring) != 1 || shs_uring_wait(ring, &cqe))
		return -EIO;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

static int by_ioctl(const struct row *row)
{
	union {
		char bytes[sizeof(struct longer)];
		struct shs_ioc_wait wait;
	} argument;

	memcpy(&argument, row->argument, row->size);
	if (row->command == SHS_IOC_WAIT && row->size == sizeof(argument.wait))
		argument.wait.mutex_fd = fd[argument.wait.mutex_fd];
	return shs_ioctl(fd[row->subject], row->command, row->size ? &argument : NULL);
}

static int perform(const struct row *row)
{
	const struct map *map = row->argument;

	switch (row->command) {
	case TEXT_READ:
		return pread(fd[row->subject], buffer, sizeof(buffer), 0) < 0 ? -errno : 0;
	case TEXT_WRITE:
		return write(fd[row->subject], row->argument, row->size - 1) < 0 ? -errno : 0;
	case MAP:
		return mmap(NULL, map->size, map->protection, map->flags ?: MAP_SHARED,
			    fd[row->subject], map->offset) == MAP_FAILED ? -errno : 0;
	case URING:
		return by_ring(row, row->argument);
	}
	return by_ioctl(row);
}

/* Each row fails as it says, and nothing has changed. */
TEST_F(refused, table)
{
	shs_ring();	/* which takes a descriptor */
	for (int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world *before = look();
		int ret;

		ret = perform(&rows[i]);
		EXPECT_EQ(-rows[i].error, ret) TH_LOG("row %d: %s", i, rows[i].name);
		EXPECT_EQ(OBJECTS, difference(before))
			TH_LOG("row %d: %s: something changed", i, rows[i].name);
		free(before);
	}
}

/*
 * What takes a scene of its own: a body says of a call by EXPECT_REFUSED(how, call)
 * that it fails so and changes nothing.
 */
#define ENTRY(call, error)	TEST_F(refused, call##_##error)
#define OTHER_TEST(call, error, file)

#define EXPECT_REFUSED(error, call) do {					\
	struct world *before = look();						\
										\
	EXPECT_EQ(-(error), (call));						\
	EXPECT_EQ(OBJECTS, difference(before));					\
	free(before);								\
} while (0)

static int outcome(long ret)
{
	return ret < 0 ? -errno : 0;
}

static int remount(const char *options)
{
	return outcome(mount("shstate", SHS_DIR, "shstate", MS_REMOUNT, options));
}

ENTRY(mount, EINVAL)
{
	EXPECT_REFUSED(EINVAL, remount("size=0"));
	EXPECT_REFUSED(EINVAL, remount("nr_objects=0"));
	EXPECT_REFUSED(EINVAL, remount("size_user=0"));
	EXPECT_REFUSED(EINVAL, remount("nr_objects_user=0"));
	EXPECT_REFUSED(EINVAL, remount("colour=red"));
}

ENTRY(names, ENOSPC)
{
	ASSERT_EQ(0, remount("nr_objects=1"));
	EXPECT_REFUSED(ENOSPC, shs_blank());
}

ENTRY(names, EDQUOT)
{
	ASSERT_EQ(0, remount("nr_objects_user=1"));
	EXPECT_REFUSED(EDQUOT, shs_blank());
	ASSERT_EQ(0, fchown(fd[NUMBER], SHS_NOBODY, -1));
	EXPECT_REFUSED(EDQUOT, outcome(fchown(fd[MUTEX], SHS_NOBODY, -1)));
}

ENTRY(names, EOPNOTSUPP)
{
	EXPECT_REFUSED(EOPNOTSUPP, shs_open("new", O_CREAT | O_RDWR));
	EXPECT_REFUSED(EOPNOTSUPP, outcome(mknod(SHS_DIR "/new", S_IFREG | 0600, 0)));
}

/* The sysctl is the machine's, so it is put back. */
ENTRY(names, EACCES)
{
	int knob = open("/proc/sys/fs/protected_regular", O_RDWR);
	char old[16] = { 0 };

	ASSERT_LE(0, knob);
	ASSERT_LT(0, read(knob, old, sizeof(old) - 1));
	ASSERT_EQ(0, shs_link(fd[NUMBER], "somebodys"));
	ASSERT_EQ(0, fchown(fd[NUMBER], SHS_NOBODY, SHS_NOBODY));
	ASSERT_EQ(1, pwrite(knob, "1", 1, 0));
	EXPECT_REFUSED(EACCES, shs_open("somebodys", O_CREAT | O_RDWR));
	EXPECT_LT(0, pwrite(knob, old, strlen(old), 0));
}

ENTRY(names, ENOENT)
{
	char path[40];
	int exclusive = open(SHS_DIR, O_TMPFILE | O_EXCL | O_RDWR, 0600), weak;

	ASSERT_LE(0, exclusive);
	ASSERT_EQ(0, shs_ioctl(exclusive, SHS_IOC_INIT, &INIT(.kind = SHS_KIND_ONCE)));
	EXPECT_REFUSED(ENOENT, shs_link(exclusive, "name"));
	weak = shs_reopen(exclusive, O_PATH);
	close(exclusive);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", weak);
	EXPECT_REFUSED(ENOENT, outcome(open(path, O_RDONLY)));
	EXPECT_REFUSED(ENOENT, shs_open("name", O_RDONLY));
}

ENTRY(names, EINVAL)
{
	ASSERT_EQ(0, shs_link(fd[NUMBER], "number"));
	EXPECT_REFUSED(EINVAL, shs_open("number", O_RDWR | O_DIRECT));
	EXPECT_REFUSED(EINVAL, shs_link(fd[BLANK], "blank"));
}

ENTRY(names, EMLINK)
{
	int once = shs_create_as(&INIT(.kind = SHS_KIND_ONCE, .flags = SHS_INIT_EPHEMERAL));

	ASSERT_EQ(0, shs_link(once, "first"));
	EXPECT_REFUSED(EMLINK, shs_link(once, "second"));
	EXPECT_EQ(1, shs_info(once).links);
}

ENTRY(names, EPERM)
{
	EXPECT_REFUSED(EPERM, outcome(mkdir(SHS_DIR "/folder", 0700)));
	EXPECT_REFUSED(EPERM, outcome(symlink("there", SHS_DIR "/here")));
	EXPECT_REFUSED(EPERM, outcome(mknod(SHS_DIR "/null", S_IFCHR | 0600, makedev(1, 3))));
	EXPECT_REFUSED(EPERM, outcome(mkfifo(SHS_DIR "/fifo", 0600)));
}

ENTRY(names, ENODEV)
{
	EXPECT_REFUSED(ENODEV, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd[MUTEX], 0) ==
			       MAP_FAILED ? -errno : 0);
}

ENTRY(linkat, EEXIST)
{
	ASSERT_EQ(0, shs_link(fd[MUTEX], "taken"));
	EXPECT_REFUSED(EEXIST, shs_link(fd[NUMBER], "taken"));
	EXPECT_REFUSED(EEXIST, shs_link(fd[MUTEX], "taken"));
}

ENTRY(linkat, ENOENT)
{
	ASSERT_EQ(0, shs_link(fd[MUTEX], "last"));
	ASSERT_EQ(0, shs_unlink("last"));
	EXPECT_REFUSED(ENOENT, shs_link(fd[MUTEX], "again"));
}

/* A weak reference does not keep the value, and says so. */
ENTRY(lifetime, ENOENT)
{
	int object = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	int weak = shs_reopen(object, O_PATH), strong = shs_reopen(weak, O_RDWR);

	ASSERT_LE(0, strong);
	close(object);
	close(strong);
	EXPECT_REFUSED(ENOENT, shs_reopen(weak, O_RDWR));
}

#define INIT_SOME INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_BYTES, .count = 4096)

ENTRY(INIT, ENOSPC)
{
	ASSERT_EQ(0, remount("size=1"));
	EXPECT_REFUSED(ENOSPC, shs_ioctl(fd[BLANK], SHS_IOC_INIT, &INIT_SOME));
}

ENTRY(INIT, EDQUOT)
{
	ASSERT_EQ(0, remount("size_user=1"));
	EXPECT_REFUSED(EDQUOT, shs_ioctl(fd[BLANK], SHS_IOC_INIT, &INIT_SOME));
}

static int try_attach(enum subject object)
{
	struct shs_ioc_attach a = ATTACH();

	return shs_ioctl(fd[object], SHS_IOC_ATTACH, &a);
}

/* Of an object that has no pages yet, and of one that has. */
ENTRY(ATTACH, ENOSPC)
{
	ASSERT_EQ(0, remount("size=1"));
	EXPECT_REFUSED(ENOSPC, try_attach(CHECKED));
	EXPECT_REFUSED(ENOSPC, try_attach(MUTEX));
}

ENTRY(ATTACH, EDQUOT)
{
	ASSERT_EQ(0, remount("size_user=1"));
	EXPECT_REFUSED(EDQUOT, try_attach(CHECKED));
	EXPECT_REFUSED(EDQUOT, try_attach(MUTEX));
}

static void allow_files(rlim_t n)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ n, n });
}

/* Those who may only read get half of the places, all of them 4096. */
ENTRY(ATTACH, EUSERS)
{
	int n = 0, ret;

	allow_files(8192);
	ASSERT_EQ(0, remount("size=1G,size_user=1G"));
	while ((ret = try_attach(NUMBER_RO)) >= 0)
		n++;
	EXPECT_EQ(-EUSERS, ret);
	EXPECT_EQ(2048, n);
	EXPECT_REFUSED(EUSERS, try_attach(NUMBER_RO));
	EXPECT_EQ(2049, shs_info(fd[NUMBER]).attachments);
	EXPECT_LE(0, try_attach(NUMBER));
}

ENTRY(ATTACH, EMFILE)
{
	struct rlimit old;

	getrlimit(RLIMIT_NOFILE, &old);
	for (int next = 0; next >= 0; )	/* no holes */
		next = dup(0);
	EXPECT_EQ(EMFILE, errno);
	for (int i = 0; i < OBJECTS; i++) {
		struct shs_ioc_info before = shs_info(fd[i]), after;

		if (made[i].kind)
			EXPECT_EQ(-EMFILE, try_attach(i));
		after = shs_info(fd[i]);
		before.held_ns = after.held_ns;
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	}
}

static void write_file_max(const char *text)
{
	int knob = open("/proc/sys/fs/file-max", O_WRONLY);

	if (write(knob, text, strlen(text)) < 0)
		_exit(100);
	close(knob);
}

/*
 * The limit of the machine does not bind root. It is lowered for the time of the
 * call only, in which nobody else here opens anything.
 */
ENTRY(ATTACH, ENFILE)
{
	struct shs_pipe ready = shs_pipe(), go = shs_pipe();
	char old[32] = { 0 };
	int knob = open("/proc/sys/fs/file-max", O_RDONLY);
	struct world *before;
	pid_t child;

	ASSERT_LT(0, read(knob, old, sizeof(old) - 1));
	child = shs_fork();
	if (!child) {
		shs_become_nobody();
		shs_say(&ready);
		shs_hear(&go);
		_exit(-try_attach(CHECKED));
	}
	shs_hear(&ready);
	before = look();
	write_file_max("1");
	shs_say(&go);
	EXPECT_EQ(ENFILE, shs_reap(child));
	write_file_max(old);
	EXPECT_EQ(before->info[CHECKED].attachments, shs_info(fd[CHECKED]).attachments);
	EXPECT_EQ(before->info[CHECKED].opens, shs_info(fd[CHECKED]).opens);
}

ENTRY(META, ENOSPC)
{
	int once = shs_create_as(&INIT(.kind = SHS_KIND_ONCE, .meta = ADDRESS("help"),
				       .meta_size = 5));
	struct shs_ioc_meta meta = META(.addr = ADDRESS(buffer), .capacity = 4);

	memset(buffer, 0xa5, 8);
	EXPECT_REFUSED(ENOSPC, shs_ioctl(once, SHS_IOC_META, &meta));
	EXPECT_EQ(5, meta.meta_size);
	EXPECT_EQ((char)0xa5, buffer[0]);
}

/*
 * A signal, for which there is a handler, comes while the call waits
 */
static void on_signal(int signal)
{
}

static void catch_signal(void)
{
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal }, NULL);
}

/* Lets a child wait in the call for the object, then interrupts it. */
#define EXPECT_INTERRUPTED(object, call) do {					\
	struct world *before = look();						\
	__u32 waiters = shs_info(fd[object]).waiters;				\
	pid_t child = shs_fork();						\
										\
	if (!child) {								\
		catch_signal();							\
		_exit(-(call));							\
	}									\
	SHS_AWAIT(fd[object], info.waiters == waiters + 1);			\
	kill(child, SIGUSR1);							\
	EXPECT_EQ(EINTR, shs_reap(child));					\
	EXPECT_EQ(OBJECTS, difference(before));					\
	free(before);								\
} while (0)

ENTRY(text, EINTR)
{
	EXPECT_INTERRUPTED(HELD, outcome(write(fd[HELD], "7", 1)));
	EXPECT_INTERRUPTED(HELD_CELL, outcome(write(fd[HELD_CELL], "7", 1)));
}

ENTRY(OP, EINTR)
{
	EXPECT_INTERRUPTED(HELD, shs_op(fd[HELD], &OP(WRITE, .deadline = SHS_FOREVER)));
	EXPECT_INTERRUPTED(HELD_RW, shs_op(fd[HELD_RW], &OP(READ, .deadline = SHS_FOREVER)));
	EXPECT_INTERRUPTED(HELD_CELL, shs_op(fd[HELD_CELL], &OP(TAKE, .deadline = SHS_FOREVER)));
	EXPECT_INTERRUPTED(NUMBER, shs_op(fd[NUMBER], &OP(WAIT, .deadline = SHS_FOREVER)));
}

/* The second of two waits; the first stays done. */
ENTRY(BATCH, EINTR)
{
	struct shs_ioc_batch *batch = shs_common(4096);
	struct shs_ioc_op *ops = (void *)(batch + 1);
	int *fds = (int *)(ops + 2);
	struct world *before = look();
	pid_t child = shs_fork();

	if (!child) {
		catch_signal();
		ops[0] = OP(FETCH_ADD, .arg = 0);
		ops[1] = OP(WRITE, .deadline = SHS_FOREVER);
		fds[0] = fd[NUMBER];
		fds[1] = fd[HELD];
		*batch = BATCH(.count = 2, .ops = ADDRESS(ops), .fds = ADDRESS(fds));
		_exit(-shs_batch(fd[MUTEX], batch));
	}
	SHS_AWAIT(fd[HELD], info.waiters == 1);
	kill(child, SIGUSR1);
	EXPECT_EQ(EINTR, shs_reap(child));
	EXPECT_EQ(1, batch->done);
	EXPECT_EQ(OBJECTS, difference(before));
}

static int attach_and(enum subject object, unsigned long command, void *argument)
{
	struct shs_att a;

	return shs_attach(&a, fd[object]) ?: shs_ioctl(a.fd, command, argument);
}

static int hold_and_upgrade(enum subject object)
{
	struct shs_att a;

	return shs_attach(&a, fd[object]) ?: shs_rdlock(&a, 0);
}

ENTRY(attachment, EINTR)
{
	EXPECT_INTERRUPTED(HELD, attach_and(HELD, SHS_IOC_LOCK,
					    &LOCK(.deadline = SHS_FOREVER)));
	EXPECT_INTERRUPTED(HELD_CELL, attach_and(HELD_CELL, SHS_IOC_LOCK,
						 &LOCK(.deadline = SHS_FOREVER)));
	EXPECT_INTERRUPTED(HELD_RW, hold_and_upgrade(HELD_RW));
	EXPECT_INTERRUPTED(RUNNING, attach_and(RUNNING, SHS_IOC_ONCE,
					       &ONCE_(.deadline = SHS_FOREVER)));
	EXPECT_INTERRUPTED(RUNNING, attach_and(RUNNING, SHS_IOC_ONCE,
					       &ONCE_(.cmd = SHS_ONCE_WAIT,
						      .deadline = SHS_FOREVER)));
}

/*
 * The end of an owner
 */

/* A child that takes what it is told, and dies with it. */
static void die_holding(enum subject object, __u32 mode)
{
	pid_t child = shs_fork();
	struct shs_att a;

	if (!child) {
		shs_attach(&a, fd[object]);
		shs_lock_as(&a, &LOCK(.mode = mode, .deadline = SHS_FOREVER));
		_exit(0);
	}
	shs_reap(child);
}

/* Told once, with the lock. */
ENTRY(LOCK, EOWNERDEAD)
{
	die_holding(MUTEX, 0);
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(fd[MUTEX]).state);
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&att[A_MUTEX]));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(fd[MUTEX]).state);
	EXPECT_EQ(0, shs_unlock(&att[A_MUTEX]));
	EXPECT_EQ(0, shs_trylock(&att[A_MUTEX]));
	die_holding(RWLOCK, 0);
	EXPECT_EQ(-EOWNERDEAD, shs_tryrdlock(&att[A_RWLOCK], 0));
	EXPECT_EQ(0, shs_rdunlock(&att[A_RWLOCK], 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&att[A_RWLOCK]));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(fd[RWLOCK]).state);
}

/* An upgradable lock is told and leaves it to the upgrade. */
ENTRY(CONVERT, EOWNERDEAD)
{
	die_holding(RWLOCK, 0);
	EXPECT_EQ(-EOWNERDEAD, shs_lock_as(&att[A_RWLOCK], &LOCK(.mode = UP)));
	EXPECT_EQ(-EOWNERDEAD, shs_convert(&att[A_RWLOCK], &CONVERT(TO_EXCLUSIVE)));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(fd[RWLOCK]).state);
}

ENTRY(ONCE, EOWNERDEAD)
{
	struct shs_ioc_once begin = ONCE_(.flags = SHS_ONCE_NOWAIT);
	struct shs_att a;

	ASSERT_EQ(0, shs_attach(&a, fd[DIED]));
	EXPECT_EQ(-EOWNERDEAD, shs_once(&a, &begin));
	EXPECT_EQ(SHS_ONCE_RUNNING, begin.state);
	EXPECT_EQ(SHS_STATE_HELD, shs_info(fd[DIED]).state);
}

/*
 * Whoever held the mutex when the waiter was notified dies with it: the waiter has
 * it again, and is told.
 */
ENTRY(WAIT, EOWNERDEAD)
{
	pid_t waiter = shs_fork(), killed;
	struct shs_att a, mutex;

	if (!waiter) {
		int ret;

		shs_attach(&a, fd[CONDVAR]);
		shs_attach(&mutex, fd[MUTEX]);
		shs_lock(&mutex);
		ret = shs_wait(&a, &WAIT(.mutex_fd = mutex.fd, .deadline = SHS_FOREVER));
		_exit(shs_unlock(&mutex) ? 200 : -ret);
	}
	SHS_AWAIT(fd[CONDVAR], info.waiters == 1);
	killed = shs_fork();
	if (!killed) {
		shs_attach(&mutex, fd[MUTEX]);
		shs_lock(&mutex);
		shs_op(fd[CONDVAR], &OP(NOTIFY, .arg = 1));
		SHS_AWAIT(fd[MUTEX], info.waiters == 1);
		kill(getpid(), SIGKILL);
	}
	EXPECT_EQ(-SIGKILL, shs_reap(killed));
	EXPECT_EQ(EOWNERDEAD, shs_reap(waiter));
	EXPECT_EQ(1, shs_info(fd[MUTEX]).deaths);
}

/* The one error after which the mutex is not held; the place in the queue is kept. */
ENTRY(WAIT, EINTR)
{
	pid_t waiter = shs_fork();

	if (!waiter) {
		struct shs_ioc_wait wait = WAIT(.deadline = SHS_FOREVER);
		struct shs_att a, mutex;
		int ret;

		catch_signal();
		shs_attach(&a, fd[CONDVAR]);
		shs_attach(&mutex, fd[MUTEX]);
		shs_lock(&mutex);
		wait.mutex_fd = mutex.fd;
		ret = shs_wait(&a, &wait);
		if (wait.started != 1 || shs_info(fd[MUTEX]).state ||
		    shs_info(fd[CONDVAR]).waiters != 1)
			_exit(200);
		_exit(-ret);
	}
	SHS_AWAIT(fd[CONDVAR], info.waiters == 1);
	SHS_AWAIT(fd[MUTEX], !info.state);
	kill(waiter, SIGUSR1);
	EXPECT_EQ(EINTR, shs_reap(waiter));
	SHS_AWAIT(fd[CONDVAR], !info.waiters);
}

ENTRY(WAIT, EINVAL)
{
	struct shs_att elsewhere;

	/* a mutex of another mount */
	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, ""));
	ASSERT_EQ(0, shs_attach(&elsewhere, shs_create(SHS_KIND_MUTEX, SHS_TYPE_NONE, 0)));
	ASSERT_EQ(0, shs_lock(&elsewhere));
	EXPECT_REFUSED(EINVAL, shs_wait(&att[A_CONDVAR], &WAIT(.mutex_fd = elsewhere.fd)));
}

/*
 * Calls on a region that is mapped
 */
ENTRY(region, EINVAL)
{
	int big = shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 8192);
	struct shs_att a;
	size_t size;

	ASSERT_EQ(0, shs_attach(&a, big));
	size = a.is.shared_size;
	ASSERT_EQ(3 * 4096, size);
	EXPECT_REFUSED(EINVAL, outcome(munmap(a.shared, 4096)));
	EXPECT_REFUSED(EINVAL, outcome(mprotect((char *)a.shared + 4096, 4096, PROT_READ)));
	EXPECT_REFUSED(EINVAL, outcome(madvise(a.shared, size, MADV_DOFORK)));
	EXPECT_REFUSED(EINVAL, outcome(madvise(a.shared, size, MADV_DODUMP)));
	EXPECT_REFUSED(EINVAL, outcome(madvise(a.shared, size, MADV_DONTNEED)));
	EXPECT_REFUSED(EINVAL, mremap(a.shared, size, size - 4096, 0) == MAP_FAILED ? -errno : 0);
	EXPECT_REFUSED(EINVAL, mremap(a.private, a.is.private_size, a.is.private_size,
				      MREMAP_MAYMOVE | MREMAP_FIXED,
				      (char *)a.private + (1 << 24)) == MAP_FAILED ? -errno : 0);
	a.shared->word = 0;
	EXPECT_EQ(0, shs_trylock(&a));
}

ENTRY(region, EACCES)
{
	EXPECT_REFUSED(EACCES, outcome(mprotect((void *)att[A_MUTEX].control, 4096,
						PROT_READ | PROT_WRITE)));
	EXPECT_REFUSED(EACCES, outcome(mprotect(att[A_MUTEX_RO].shared, 4096,
						PROT_READ | PROT_WRITE)));
	EXPECT_REFUSED(EACCES, outcome(mprotect(att[A_MUTEX].shared, 4096,
						PROT_READ | PROT_EXEC)));
}

ENTRY(region, EFAULT)
{
	struct shs_att *a = &att[A_MUTEX];

	EXPECT_REFUSED(EFAULT, mremap(a->shared, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED ?
			       -errno : 0);
	EXPECT_REFUSED(EFAULT, outcome(syscall(SYS_futex, &a->shared->word, 0 /* WAIT */, 0,
					       NULL, NULL, 0)));
}

/* 6.1 says ENOMEM, later kernels say EINVAL. */
ENTRY(region, ENOMEM)
{
	int big = shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 8192), ret;
	struct world *before;
	struct shs_att a;

	ASSERT_EQ(0, shs_attach(&a, big));
	before = look();
	ret = mmap(a.shared, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	      MAP_FAILED ? -errno : 0;
	EXPECT_TRUE(ret == -ENOMEM || ret == -EINVAL);
	EXPECT_EQ(OBJECTS, difference(before));
	a.shared->word = 0;
	EXPECT_EQ(0, shs_trylock(&a));
}

/* The directory takes no commands. */
ENTRY(uring, EOPNOTSUPP)
{
	shs_ring();
	EXPECT_REFUSED(EOPNOTSUPP, shs_uring_op(fd[DIRECTORY], &OP(LOAD)));
}

/* Every allocation fails once in fail_nth_test. */
OTHER_TEST(CONVERT, EDEADLK, "detect_test.c")
OTHER_TEST(CONVERT, EUCLEAN, "poison_test.c")
OTHER_TEST(LOCK, ENOTRECOVERABLE, "poison_test.c")
OTHER_TEST(LOCK, EOVERFLOW, "../kmod/tests/mutex_test.c")
OTHER_TEST(ONCE, ERANGE, "once_value_test.c")
OTHER_TEST(OP, EDEADLK, "detect_test.c")
OTHER_TEST(OP, ENODATA, "once_value_test.c")
OTHER_TEST(OP, ENOTRECOVERABLE, "poison_test.c")
OTHER_TEST(OP, ENXIO, "counter_live_test.c")
OTHER_TEST(OP, ESTALE, "counter_live_test.c")
OTHER_TEST(WAIT, EDEADLK, "recursive_test.c")
OTHER_TEST(WAIT, ENOTRECOVERABLE, "poison_test.c")
OTHER_TEST(text, EDEADLK, "detect_test.c")
OTHER_TEST(text, ENOTRECOVERABLE, "poison_test.c")
OTHER_TEST(text, ENXIO, "counter_live_test.c")
OTHER_TEST(THREADS, EACCES, "threads_test.c")
OTHER_TEST(THREADS, EINVAL, "threads_test.c")
OTHER_TEST(RECOVER, EPERM, "poison_test.c")
OTHER_TEST(RECOVER, EINVAL, "poison_test.c")
OTHER_TEST(CYCLE, ENODATA, "detect_test.c")
OTHER_TEST(WATCH, EACCES, "lib_fast_test.c")
OTHER_TEST(WATCH, EINVAL, "lib_fast_test.c")
OTHER_TEST(WATCH, EOPNOTSUPP, "lib_fast_test.c")
OTHER_TEST(UNLOCK, EOVERFLOW, "semaphore_test.c")
OTHER_TEST(BARRIER, EACCES, "barrier_test.c")
OTHER_TEST(BARRIER, EINVAL, "barrier_test.c")
OTHER_TEST(BARRIER, EOWNERDEAD, "barrier_test.c")
OTHER_TEST(BARRIER, EPERM, "barrier_test.c")
OTHER_TEST(BARRIER, ETIMEDOUT, "barrier_test.c")
OTHER_TEST(MANY, EACCES, "many_test.c")
OTHER_TEST(MANY, EBADF, "many_test.c")
OTHER_TEST(MANY, EBUSY, "many_test.c")
OTHER_TEST(MANY, EINVAL, "many_test.c")
OTHER_TEST(MANY, ENOTRECOVERABLE, "many_test.c")
OTHER_TEST(MANY, ENXIO, "many_test.c")
OTHER_TEST(MANY, EOPNOTSUPP, "many_test.c")
OTHER_TEST(MANY, EOWNERDEAD, "many_test.c")
OTHER_TEST(MANY, ERANGE, "many_test.c")
OTHER_TEST(MANY, ESTALE, "many_test.c")
OTHER_TEST(MANY, ETIMEDOUT, "many_test.c")
OTHER_TEST(MANY, EXDEV, "many_test.c")
OTHER_TEST(CYCLE, EOPNOTSUPP, "abi_test.c")
OTHER_TEST(CYCLE, EINVAL, "abi_test.c")
OTHER_TEST(any, ENOMEM, "fail_nth_test.c")
OTHER_TEST(text, ENOMEM, "fail_nth_test.c")
OTHER_TEST(OP, ENOMEM, "fail_nth_test.c")
OTHER_TEST(ATTACH, ENOMEM, "fail_nth_test.c")
OTHER_TEST(WAIT, ENOMEM, "fail_nth_test.c")
OTHER_TEST(MANY, ENOMEM, "fail_nth_test.c")
/*
 * A word that changes between each look of the kernel and its compare and swap, 64
 * times in a row: there the test is the other side.
 */
OTHER_TEST(OP, EAGAIN, "../kmod/tests/mutex_test.c")
OTHER_TEST(text, EAGAIN, "../kmod/tests/mutex_test.c")
OTHER_TEST(LOCK, EAGAIN, "../kmod/tests/mutex_test.c")
OTHER_TEST(UNLOCK, EAGAIN, "../kmod/tests/mutex_test.c")
OTHER_TEST(WAIT, EAGAIN, "../kmod/tests/mutex_test.c")
OTHER_TEST(RECOVER, EAGAIN, "../kmod/tests/mutex_test.c")
OTHER_TEST(MANY, EAGAIN, "../kmod/tests/many_test.c")
OTHER_TEST(WATCH, EAGAIN, "../kmod/tests/mutex_test.c")
OTHER_TEST(OP, ECANCELED, "uring_wait_test.c")
OTHER_TEST(OP, EPERM, "uring_wait_test.c")
OTHER_TEST(CANCEL, ENOENT, "uring_wait_test.c")
OTHER_TEST(CANCEL, EINVAL, "uring_wait_test.c")
OTHER_TEST(uring, EUSERS, "uring_wait_test.c")
OTHER_TEST(attachment, ECANCELED, "uring_wait_test.c")
OTHER_TEST(uring, ECANCELED, "uring_wait_test.c")
OTHER_TEST(uring, EINTR, "uring_wait_test.c")
OTHER_TEST(ARM, EBUSY, "arm_test.c")
OTHER_TEST(ARM, EINVAL, "arm_test.c")
OTHER_TEST(ARM, EOPNOTSUPP, "arm_test.c")
OTHER_TEST(COLLECT, EAGAIN, "arm_test.c")
OTHER_TEST(COLLECT, EBUSY, "../kmod/tests/mutex_test.c")
OTHER_TEST(COLLECT, ECANCELED, "arm_test.c")
OTHER_TEST(COLLECT, EINVAL, "arm_test.c")
OTHER_TEST(COLLECT, ENOENT, "arm_test.c")
OTHER_TEST(COLLECT, EUSERS, "uring_wait_test.c")

TEST_HARNESS_MAIN
