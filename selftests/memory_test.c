// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the memory management can do to the regions of one who holds a lock: advice,
 * locking, moving, pinning, dumping, and running out. Whatever is refused has done no
 * harm, whatever is granted is a death that is repaired, and no page leaves.
 */
#include "cgroup.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/vfs.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define MIB (1024 * 1024)
#define VALUE 9000		/* bytes of the value, some pages */

FIXTURE(memory) {
	int fd;			/* a rwlock, which has every region */
	struct shs_att mine, other;
	struct shs_pipe ready, go;
};

static bool is_filled(const char *bytes, size_t size)
{
	for (size_t b = 0; b < size; b++)
		if (bytes[b] != 0x5a)
			return false;
	return true;
}

static void fill_slots(const struct shs_att *att)
{
	memset(att->private + att->is.threads_offset, 0x5a,
	       att->is.threads * sizeof(struct shs_thread));
}

static bool has_filled_slots(const struct shs_att *att)
{
	return is_filled(att->private + att->is.threads_offset,
			 att->is.threads * sizeof(struct shs_thread));
}

FIXTURE_SETUP(memory)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_BYTES, VALUE);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
	ASSERT_EQ(0, shs_lock(&self->mine));
	memset(shs_value(&self->mine), 0x5a, VALUE);
	/* lanes of readers who do not exist would keep writers out: thread slots alone */
	fill_slots(&self->mine);
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(memory)
{
}

struct region {
	const char *name;
	char *map;
	size_t size;
	bool writable;
};

#define REGIONS 3

static void find_regions(struct region *r, const struct shs_att *att)
{
	r[0] = (struct region){ "control", (char *)att->control, att->is.control_size, false };
	r[1] = (struct region){ "shared", (char *)att->shared, att->is.shared_size, true };
	r[2] = (struct region){ "private", att->private, att->is.private_size, true };
}

/* Held by mine, every byte in place, nobody dead, nothing inherited. */
static bool is_unharmed(const struct shs_att *mine, const struct shs_att *other)
{
	struct shs_ioc_death none;

	return is_filled(shs_value(mine), VALUE) && is_filled(shs_value(other), VALUE) &&
	       has_filled_slots(mine) &&
	       shs_trylock(other) == -EBUSY && shs_death(other->fd, &none) == -ENODATA;
}

#define EXPECT_UNHARMED() EXPECT_TRUE(is_unharmed(&self->mine, &self->other))

/* And it can be given back as ever. */
#define EXPECT_RELEASED() do {							\
	EXPECT_UNHARMED();							\
	EXPECT_EQ(0, shs_unlock(&self->mine));					\
	EXPECT_EQ(0, shs_trylock(&self->other));				\
} while (0)

/*
 * Without regions
 */

/*
 * The holder lets go of control and shared, so does a waiter while it waits: they
 * know less, and own and wait as before.
 */
static struct shs_pipe *unmapped;

static void *unmap_when_waiting(void *argument)
{
	const struct shs_att *att = argument;

	SHS_AWAIT(att->fd, info.waiters == 1);
	munmap((void *)att->control, att->is.control_size);
	munmap(att->shared, att->is.shared_size);
	shs_say(unmapped);
	return NULL;
}

TEST_F(memory, unmapped_while_waiting)
{
	pid_t child = shs_fork();

	unmapped = &self->ready;
	if (!child) {
		struct shs_att att;
		pthread_t thread;

		if (shs_attach(&att, self->fd) ||
		    pthread_create(&thread, NULL, unmap_when_waiting, &att))
			_exit(1);
		_exit(shs_lock(&att) || pthread_join(thread, NULL) || shs_unlock(&att));
	}
	shs_hear(&self->ready);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, munmap((void *)self->mine.control, self->mine.is.control_size));
	EXPECT_EQ(0, munmap(self->mine.shared, self->mine.is.shared_size));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_lock(&self->mine));
}

/* The kernel needs no right of the process to its region: out of reach, it works. */
TEST_F(memory, out_of_reach)
{
	struct region r[REGIONS];

	find_regions(r, &self->mine);
	for (int i = 0; i < REGIONS; i++) {
		EXPECT_EQ(0, mprotect(r[i].map, r[i].size, PROT_NONE)) TH_LOG("%s", r[i].name);
	}
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, shs_tryrdlock(&self->mine, i));
		EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
		EXPECT_EQ(0, shs_rdunlock(&self->mine, i));
	}
	EXPECT_EQ(0, shs_trylock(&self->mine));
	for (int i = 0; i < REGIONS; i++)
		EXPECT_EQ(0, mprotect(r[i].map, r[i].size, r[i].writable ?
				      PROT_READ | PROT_WRITE : PROT_READ));
	EXPECT_RELEASED();
}

/*
 * Changes of shape
 */

/* An anonymous page at that place, or MAP_FAILED if something is there. */
static char *page_at(char *place)
{
	return mmap(place, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

/*
 * Moved onto another place, another region, together with a neighbour (which newer
 * kernels do for other mappings), left behind empty: refused, and nothing is lost.
 */
TEST_F(memory, moved)
{
	char *elsewhere = mmap(NULL, 16 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct region r[REGIONS];

	find_regions(r, &self->mine);
	for (int i = 0; i < REGIONS; i++) {
		size_t size = r[i].size;
		char *next = page_at(r[i].map + size);

		EXPECT_EQ(MAP_FAILED, mremap(r[i].map, size, size, MREMAP_MAYMOVE | MREMAP_FIXED |
					     MREMAP_DONTUNMAP, elsewhere)) TH_LOG("%s", r[i].name);
		EXPECT_EQ(MAP_FAILED, mremap(r[i].map, size, 4 * size, MREMAP_MAYMOVE |
					     MREMAP_FIXED, elsewhere));
		EXPECT_EQ(MAP_FAILED, mremap(r[i].map, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED,
					     elsewhere));
		if (next != MAP_FAILED) {	/* else the next may be another region */
			EXPECT_EQ(MAP_FAILED, mremap(r[i].map, size + 4096, size + 4096,
						     MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere));
			EXPECT_TRUE(size == 4096 ||
				    mremap(r[i].map, size + 4096, 4096, 0) == MAP_FAILED);
			munmap(next, 4096);
		}
		EXPECT_UNHARMED() TH_LOG("%s", r[i].name);
	}
	EXPECT_RELEASED();
}

/* The old way to another place in a file is a mapping over it: so that is a death, too. */
TEST_F(memory, moved_in_the_file)
{
	size_t size = self->mine.is.private_size;

	EXPECT_NE(0, syscall(SYS_remap_file_pages, self->mine.private, size, 0, 1, 0));
	EXPECT_NE(0, syscall(SYS_remap_file_pages, self->mine.private, size, 0, 0x20000, 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->other));
	EXPECT_EQ(-ENXIO, shs_unlock(&self->mine));
}

/* Something else that is moved over the private region unmaps it: that is a death. */
TEST_F(memory, moved_over)
{
	size_t size = self->mine.is.private_size;
	char *from = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct shs_ioc_death death;

	from[0] = 1;
	EXPECT_EQ(MAP_FAILED, mremap(from, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED,
				     self->mine.private + 4096));	/* a part */
	EXPECT_UNHARMED();
	EXPECT_EQ(self->mine.private, mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
					     self->mine.private));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->other));
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_EQ(SHS_WHY_UNMAP, death.why);
	EXPECT_EQ(-ENXIO, shs_unlock(&self->mine));
}

/*
 * Advice
 */
#define HIGHEST_ADVICE 110

/* What the kernel cannot take back, and may do to any memory: not tried. */
static bool destroys(int advice)
{
	return advice == 100 || advice == 101;	/* MADV_HWPOISON, MADV_SOFT_OFFLINE */
}

/* The child of a fork finds nothing there, whatever was advised. */
static bool is_inherited(const struct region *r)
{
	pid_t child = shs_fork();

	if (!child)
		_exit(*(volatile char *)r->map & 0);
	return shs_reap(child) != -SIGSEGV;
}

/* Every advice that there is and some that there is not yet, for every region. */
TEST_F(memory, advised)
{
	struct region r[REGIONS];

	find_regions(r, &self->mine);
	for (int i = 0; i < REGIONS; i++) {
		for (int advice = 0; advice <= HIGHEST_ADVICE; advice++) {
			if (destroys(advice))
				continue;
			madvise(r[i].map, r[i].size, advice);
			EXPECT_UNHARMED() TH_LOG("%s: advice %d", r[i].name, advice);
		}
		EXPECT_FALSE(is_inherited(&r[i])) TH_LOG("%s", r[i].name);
		EXPECT_EQ(-1, madvise(r[i].map, r[i].size, MADV_DODUMP));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, madvise(r[i].map, r[i].size, MADV_DOFORK));
		EXPECT_EQ(-1, madvise(r[i].map, r[i].size, MADV_DONTNEED));
		EXPECT_EQ(-1, madvise(r[i].map, r[i].size, MADV_REMOVE));
	}
	EXPECT_RELEASED();
}

/* The same for a part of a region, which would make two of one. */
TEST_F(memory, advised_in_part)
{
	struct region r[REGIONS];

	find_regions(r, &self->mine);
	for (int i = 1; i < REGIONS; i++) {
		ASSERT_LT(4096, r[i].size);
		for (int advice = 0; advice <= HIGHEST_ADVICE; advice++) {
			if (destroys(advice))
				continue;
			madvise(r[i].map + 4096, 4096, advice);
			EXPECT_UNHARMED() TH_LOG("%s: advice %d", r[i].name, advice);
		}
		EXPECT_FALSE(is_inherited(&r[i])) TH_LOG("%s", r[i].name);
	}
	EXPECT_RELEASED();
}

/* Locked into memory, before or after, with all the rest: it is there anyway. */
TEST_F(memory, locked_in)
{
	struct region r[REGIONS];
	struct shs_att late;

	EXPECT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	EXPECT_UNHARMED();
	EXPECT_EQ(0, shs_attach(&late, self->fd));
	EXPECT_EQ(-EBUSY, shs_trylock(&late));
	find_regions(r, &late);
	for (int i = 0; i < REGIONS; i++) {
		mlock(r[i].map, r[i].size);
		munlock(r[i].map, r[i].size);
		EXPECT_EQ(0, munmap(r[i].map, r[i].size)) TH_LOG("%s", r[i].name);
	}
	EXPECT_EQ(0, munlockall());
	EXPECT_RELEASED();
}

/*
 * Ways around the page tables
 */

/* User-mode Linux shows a debugger no pages that have no struct page. */
static bool shows_pages(void)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[200];
	bool um = false;

	while (file && fgets(line, sizeof(line), file))
		um |= !!strstr(line, "User Mode Linux");
	if (file)
		fclose(file);
	return !um;
}

/* Reading is a debugger's right; writing past the rules nobody's. */
TEST_F(memory, by_a_debugger)
{
	long sizes = sizeof(long), word = 0x5a5a5a5a5a5a5a5a;
	char path[40], seen[sizeof(long)];
	struct shs_att att;
	char *place[2];
	int mem, status;
	pid_t child;

	EXPECT_EQ(0, shs_unlock(&self->mine));
	child = shs_fork();
	if (!child) {
		if (shs_attach(&att, self->fd) || shs_lock(&att))
			_exit(1);
		fill_slots(&att);
		if (write(self->ready.end[1], &att, sizeof(att)) != sizeof(att))
			_exit(2);
		shs_hear(&self->go);
		_exit(is_filled(shs_value(&att), VALUE) &&
		      has_filled_slots(&att) ? 0 : 3);
	}
	ASSERT_EQ(sizeof(att), read(self->ready.end[0], &att, sizeof(att)));
	place[0] = shs_value(&att);
	place[1] = att.private + att.is.threads_offset;
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, child, 0, 0));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	snprintf(path, sizeof(path), "/proc/%d/mem", child);
	mem = open(path, O_RDWR);
	ASSERT_LE(0, mem);
	for (int i = 0; i < 2; i++) {
		struct iovec here = { seen, sizes }, there = { place[i], sizes };

		errno = 0;
		EXPECT_EQ(shows_pages() ? word : -1, ptrace(PTRACE_PEEKDATA, child, place[i], 0));
		EXPECT_EQ(shows_pages() ? 0 : EIO, errno);
		EXPECT_EQ(-1, ptrace(PTRACE_POKEDATA, child, place[i], 1));
		memset(seen, shows_pages() ? 0 : 0x5a, sizes);
		EXPECT_EQ(shows_pages() ? sizes : -1,
			  pread(mem, seen, sizes, (off_t)(unsigned long)place[i]));
		EXPECT_TRUE(is_filled(seen, sizes));
		memset(seen, 1, sizes);
		EXPECT_GT(1, pwrite(mem, seen, sizes, (off_t)(unsigned long)place[i]));
		EXPECT_EQ(-1, process_vm_writev(child, &here, 1, &there, 1, 0));
		EXPECT_EQ(-1, process_vm_readv(child, &here, 1, &there, 1, 0));
	}
	EXPECT_EQ(0, ptrace(PTRACE_DETACH, child, 0, 0));
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->other));
}

/* At the end of a region a debugger's read ends, too. */
TEST_F(memory, debugger_at_the_end)
{
	int mem = open("/proc/self/mem", O_RDONLY);
	struct region r[REGIONS];
	char seen[64];

	find_regions(r, &self->mine);
	for (int i = 0; i < REGIONS; i++) {
		char *last = r[i].map + r[i].size - 32;
		ssize_t got = pread(mem, seen, sizeof(seen), (off_t)(unsigned long)last);

		/* More is there if another mapping follows. */
		EXPECT_TRUE(shows_pages() ? got == 32 || got == 64 : got == -1)
			TH_LOG("%s: %zd", r[i].name, got);
		EXPECT_TRUE(got == -1 || !memcmp(seen, last, 32));
	}
}

/* Nobody gets a page to keep: not a ring, not a pipe, not a device. */
TEST_F(memory, not_pinned)
{
	struct io_uring *ring = shs_ring();
	struct shs_pipe pipe = shs_pipe();
	struct region r[REGIONS];
	char path[] = "/tmp/shstate-XXXXXX";
	int file = mkstemp(path), direct = open(path, O_RDWR | O_DIRECT);

	unlink(path);
	ASSERT_EQ(0, ftruncate(file, 65536));
	find_regions(r, &self->mine);
	for (int i = 0; i < REGIONS; i++) {
		struct iovec v = { r[i].map, r[i].size };

		if (ring)
			EXPECT_GT(0, io_uring_register_buffers(ring, &v, 1));
		EXPECT_GT(1, vmsplice(pipe.end[1], &v, 1, SPLICE_F_GIFT | SPLICE_F_NONBLOCK))
			TH_LOG("%s", r[i].name);
		/* Not every file system has it, and some that do copy plainly. */
		if (direct >= 0 && !r[i].writable)
			EXPECT_GT(1, pread(direct, r[i].map, 4096, 0));
		if (direct >= 0)
			pwrite(direct, r[i].map, 4096, 0);
		/* A futex that processes share needs the page; what it finds is refused. */
		syscall(SYS_futex, r[i].map, 0 /* FUTEX_WAIT */, 0x77, NULL, NULL, 0);
		EXPECT_UNHARMED() TH_LOG("%s", r[i].name);
	}
	EXPECT_RELEASED();
}

/*
 * A core dump
 */
#define NEEDLE 64

/* Bytes that are nowhere but where they were put: computed, not stored. */
static char needle_byte(int which, int i)
{
	return (which + 3) * 73 + i * (which * 2 + 41) + (i >> 2);
}

static void put_needle(volatile char *place, int which)
{
	for (int i = 0; i < NEEDLE; i++)
		place[i] = needle_byte(which, i);
}

static bool has_needle(const char *hay, size_t size, int which)
{
	for (size_t b = 0; b + NEEDLE <= size; b++) {
		int i = 0;

		while (i < NEEDLE && hay[b + i] == needle_byte(which, i))
			i++;
		if (i == NEEDLE)
			return true;
	}
	return false;
}

/* The setting is the machine's; where there is none, it is "core". */
#define CORE_PATTERN "/proc/sys/kernel/core_pattern"

FIXTURE(core) {
	char dir[40], pattern[200];
};

FIXTURE_SETUP(core)
{
	FILE *file = fopen(CORE_PATTERN, "r");

	SHS_MOUNT("");
	strcpy(self->dir, "/tmp/shstate-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	ASSERT_EQ(0, chdir(self->dir));
	if (file) {
		ASSERT_NE(NULL, fgets(self->pattern, sizeof(self->pattern), file));
		fclose(file);
		ASSERT_EQ(0, shs_put_file(CORE_PATTERN, "core"));
	}
}

FIXTURE_TEARDOWN(core)
{
	if (self->pattern[0])
		shs_put_file(CORE_PATTERN, self->pattern);
	unlink("core");
	chdir("/");
	rmdir(self->dir);
}

/* The core, whole; its name may have the pid added. */
static char *read_core(pid_t pid, size_t *size)
{
	char name[30], *core;
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "core.%d", pid);
	rename(name, "core");
	fd = open("core", O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		return NULL;
	core = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	*size = st.st_size;
	return core == MAP_FAILED ? NULL : core;
}

/*
 * A holder crashes and its memory is written to a file: the lock is repaired, and what
 * was in the regions, which is others' too, is not in the file.
 */
TEST_F(core, while_holding)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int fd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_BYTES, VALUE);
	struct shs_pipe ready = shs_pipe(), go = shs_pipe();
	struct shs_ioc_death death;
	struct shs_att att;
	size_t size = 0;
	pid_t child, next;
	char *core;

	child = shs_fork();
	if (!child) {
		char *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		setrlimit(RLIMIT_CORE, &all);
		if (shs_attach(&att, fd) || shs_lock(&att))
			_exit(1);
		put_needle(own, 0);
		put_needle(shs_value(&att), 1);
		put_needle(att.private + att.is.threads_offset, 2);
		shs_say(&ready);
		shs_hear(&go);
		abort();
	}
	shs_hear(&ready);
	next = shs_fork();
	if (!next)
		_exit(shs_attach(&att, fd) || shs_lock(&att) != -EOWNERDEAD || shs_unlock(&att));
	SHS_AWAIT(fd, info.waiters == 1);
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(next));
	EXPECT_EQ(-SIGABRT, shs_reap(child));
	EXPECT_EQ(0, shs_death(fd, &death));
	EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
	EXPECT_EQ(SIGABRT, death.code);
	core = read_core(child, &size);
	ASSERT_NE(NULL, core);
	EXPECT_TRUE(has_needle(core, size, 0));		/* it is a dump of the memory */
	EXPECT_FALSE(has_needle(core, size, 1));
	EXPECT_FALSE(has_needle(core, size, 2));
	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_TRUE(has_needle(shs_value(&att), NEEDLE, 1));
}

/*
 * Out of memory
 */
FIXTURE(group) {
	struct shs_cgroup group;
	struct shs_pipe ready, go;
	struct statfs empty;
};

FIXTURE_SETUP(group)
{
	int err;

	SHS_MOUNT("nr_objects=10000,nr_objects_user=10000,size=1g,size_user=1g");
	err = shs_cgroup_make(&self->group, "memory");
	if (err)
		SKIP(return, "there is no cgroup that limits memory: %d", err);
	shs_cgroup_put(&self->group, "memory.swap.max", "0");
	ASSERT_EQ(0, statfs(SHS_DIR, &self->empty));
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(group)
{
	if (self->group.path[0])
		shs_cgroup_end(&self->group);
}

static long long used(const struct shs_cgroup *g)
{
	return shs_cgroup_get(g, "memory.current", NULL);
}

static int large(void)
{
	return shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 65536);
}

/* 0, or what went wrong at the limit, in a process that the killer must spare. */
static int fill_group(FIXTURE_DATA(group) *self)
{
	struct shs_att att;
	struct statfs now;
	int fd[1000], n = 0, tries = 0, err, attached;

	if (shs_cgroup_add(&self->group, getpid()) ||
	    shs_put_file("/proc/self/oom_score_adj", "-1000"))
		return 1;
	/* Bytes that another processor keeps in reserve come back late: until it is full. */
	do {
		for (err = 0; n < ARRAY_SIZE(fd) && !err; n += !err) {
			fd[n] = large();
			err = fd[n] < 0 ? fd[n] : 0;
		}
		if (err != -ENOMEM || n < 10)
			return 2;
		/* What failed has left nothing: as many objects as there are. */
		do
			statfs(SHS_DIR, &now);
		while (self->empty.f_ffree - now.f_ffree != n);
		attached = shs_attach_only(&att, fd[tries++]);
		if (!attached)
			close(att.fd);
	} while (!attached && tries < n);
	if (attached != -ENOMEM)
		return 3;
	if (shs_info(fd[tries - 1]).attachments)
		return 4;
	/* What there is works. */
	if (shs_op(fd[0], &SHS_OP(WRITE, .flags = SHS_OP_BYTES, .len = 5,
				  .addr = (unsigned long)"hello")))
		return 5;
	/* And what is given back can be had again. */
	for (int i = n / 2; i < n; i++)
		close(fd[i]);
	while (used(&self->group) > 4 * MIB)
		sched_yield();
	if (shs_attach(&att, fd[0]) || shs_lock(&att))
		return 6;
	for (int i = 0; i < n / 2; i++)
		close(fd[i]);
	return 0;
}

/*
 * One who may have no more memory gets an error and no more objects; nothing that was
 * half made stays, and every byte comes back to the group.
 */
TEST_F(group, limit)
{
	struct statfs now;
	pid_t child;

	ASSERT_EQ(0, shs_cgroup_put(&self->group, "memory.max", "6M"));
	child = shs_fork();
	if (!child)
		_exit(fill_group(self));
	EXPECT_EQ(0, shs_reap(child));
	do {
		ASSERT_EQ(0, statfs(SHS_DIR, &now));
	} while (now.f_ffree != self->empty.f_ffree || now.f_bfree != self->empty.f_bfree);
	while (used(&self->group) > MIB)
		sched_yield();
}

static char *touch(size_t size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t b = 0; memory != MAP_FAILED && b < size; b += 4096)
		memory[b] = 1;
	return memory;
}

/* One who takes too much while it holds is killed for it: as ever, the next is told. */
TEST_F(group, holder_out_of_memory)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	struct shs_ioc_death death;
	struct shs_att att;
	pid_t child, next;

	ASSERT_EQ(0, shs_cgroup_put(&self->group, "memory.max", "6M"));
	child = shs_fork();
	if (!child) {
		if (shs_attach(&att, fd) || shs_lock(&att) ||
		    shs_cgroup_add(&self->group, getpid()))
			_exit(1);
		shs_say(&self->ready);
		shs_hear(&self->go);
		touch(64 * MIB);
		_exit(2);
	}
	shs_hear(&self->ready);
	next = shs_fork();
	if (!next)
		_exit(shs_attach(&att, fd) || shs_lock(&att) != -EOWNERDEAD || shs_unlock(&att));
	SHS_AWAIT(fd, info.waiters == 1);
	shs_say(&self->go);
	EXPECT_EQ(-SIGKILL, shs_reap(child));
	EXPECT_EQ(0, shs_reap(next));
	EXPECT_EQ(1, shs_cgroup_get(&self->group, "memory.events", "oom_kill"));
	EXPECT_EQ(0, shs_death(fd, &death));
	EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
	EXPECT_EQ(SIGKILL, death.code);
	EXPECT_EQ(1, death.deaths);
}

/*
 * It takes long to take the memory of a large process away. Who comes meanwhile need
 * not wait for the end of that: when it has the lock, most of the memory is still
 * there. Whether it looks in time is chance, so it tries often.
 */
TEST_F(group, large_holder)
{
	const char *mib = getenv("SHS_TOUCH_MIB");
	size_t size = (mib ? strtoul(mib, NULL, 10) : 64) * MIB;
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	long long left = 0;
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, fd));
	for (int i = 0; left < (long long)size / 2 && i < 200 && __test_passed(_metadata); i++) {
		pid_t child = shs_fork();
		int got;

		if (!child) {
			if (shs_cgroup_add(&self->group, getpid()) || shs_attach(&att, fd))
				_exit(1);
			touch(size);
			shs_lock(&att);
			shs_say(&self->ready);
			for (;;)
				pause();
		}
		shs_hear(&self->ready);
		EXPECT_EQ(-EBUSY, shs_trylock(&att));
		kill(child, SIGKILL);
		do
			got = shs_trylock(&att);
		while (got == -EBUSY);
		left = used(&self->group);
		ASSERT_LE(0, left);
		EXPECT_EQ(-EOWNERDEAD, got);
		EXPECT_EQ(-SIGKILL, shs_reap(child));
		EXPECT_EQ(0, shs_unlock(&att));
		EXPECT_EQ(0, shs_info(fd).state);
	}
	EXPECT_LE((long long)size / 2, left);
}

TEST_HARNESS_MAIN
