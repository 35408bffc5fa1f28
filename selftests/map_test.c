// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mapped regions: who may write what, what can be done to the mappings, and
 * that nobody else gets at them, children included.
 */
#include "shs.h"

#include <setjmp.h>
#include <sys/uio.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

struct region {
	const char *name;
	off_t offset;
	size_t size;
	bool writable;
};

FIXTURE(map) {
	int rw, fd;		/* for preparing, and as the variant has it */
	struct shs_att att;
	struct region region[3];
	int regions;
	long page;
};

FIXTURE_VARIANT(map) {
	__u32 kind, type, count;
	int flags;
};

#define VARIANT(name, kind, type, count) \
	FIXTURE_VARIANT_ADD(map, name##_rw) { SHS_KIND_##kind, SHS_TYPE_##type, count, O_RDWR }; \
	FIXTURE_VARIANT_ADD(map, name##_ro) { SHS_KIND_##kind, SHS_TYPE_##type, count, O_RDONLY }

VARIANT(atomic, ATOMIC, U64, 1);
VARIANT(atomic_large, ATOMIC, U8, 65536);
VARIANT(counter, COUNTER, I64, 1);
VARIANT(counter_large, COUNTER, I64, 512);
VARIANT(mutex, MUTEX, U64, 1);
VARIANT(rwlock, RWLOCK, BYTES, 9000);
VARIANT(condvar, CONDVAR, NONE, 0);
VARIANT(once, ONCE, NONE, 0);
VARIANT(cell, CELL, BYTES, 4096);

static void find_regions(FIXTURE_DATA(map) *self, bool writable)
{
	const struct shs_ioc_attach *is = &self->att.is;

	self->regions = 0;
	self->region[self->regions++] = (struct region){ "control", SHS_MMAP_CONTROL,
							 is->control_size, false };
	self->region[self->regions++] = (struct region){ "private", SHS_MMAP_PRIVATE,
							 is->private_size, true };
	if (is->shared_size)
		self->region[self->regions++] = (struct region){ "shared", SHS_MMAP_SHARED,
								 is->shared_size, writable };
}

FIXTURE_SETUP(map)
{
	SHS_MOUNT("");
	self->page = sysconf(_SC_PAGESIZE);
	self->rw = shs_create(variant->kind, variant->type, variant->count);
	ASSERT_LE(0, self->rw);
	self->fd = shs_reopen(self->rw, variant->flags);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach_only(&self->att, self->fd));
	find_regions(self, variant->flags == O_RDWR);
}

FIXTURE_TEARDOWN(map)
{
}

static int protection_of(const struct region *r)
{
	return r->writable ? PROT_READ | PROT_WRITE : PROT_READ;
}

static int try_map(FIXTURE_DATA(map) *self, off_t offset, size_t size, int protection, int flags)
{
	void *map = mmap(NULL, size, protection, flags, self->att.fd, offset);

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, size);
	return 0;
}

/* The region between two pages that nobody may touch. */
static char *map_fenced(FIXTURE_DATA(map) *self, const struct region *r)
{
	char *fence = mmap(NULL, r->size + 2 * self->page, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fence == MAP_FAILED)
		return fence;
	return mmap(fence + self->page, r->size, protection_of(r), MAP_SHARED | MAP_FIXED,
		    self->att.fd, r->offset);
}

static sigjmp_buf fault;

static void on_fault(int number)
{
	siglongjmp(fault, number);
}

static void catch_faults(void)
{
	struct sigaction action = { .sa_handler = on_fault };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* The signal that an access raises, or 0. A write keeps the value. */
static int touch(volatile char *byte, bool write)
{
	int number = sigsetjmp(fault, 1);
	char value;

	if (number)
		return number;
	value = *byte;
	if (write)
		*byte = value;
	return 0;
}

/* Only the whole region, from its beginning, and shared: anything else is refused. */
TEST_F(map, wrong_place_or_size)
{
	for (int i = 0; i < self->regions; i++) {
		struct region *r = &self->region[i];
		int protection = protection_of(r);

		EXPECT_EQ(-EINVAL, try_map(self, r->offset, r->size + self->page, protection,
					   MAP_SHARED)) TH_LOG("%s", r->name);
		EXPECT_EQ(-EINVAL, try_map(self, r->offset, r->size * 16, protection, MAP_SHARED));
		if (r->size > self->page)
			EXPECT_EQ(-EINVAL, try_map(self, r->offset, r->size - self->page,
						   protection, MAP_SHARED));
		EXPECT_EQ(-EINVAL, try_map(self, r->offset + self->page, r->size, protection,
					   MAP_SHARED));
		EXPECT_EQ(-EINVAL, try_map(self, r->offset + 0x8000000, r->size, protection,
					   MAP_SHARED));
		EXPECT_EQ(-EINVAL, try_map(self, r->offset + 0x40000000, r->size, protection,
					   MAP_SHARED));
		EXPECT_EQ(-EINVAL, try_map(self, r->offset, r->size, protection, MAP_PRIVATE));
		EXPECT_EQ(-EINVAL, try_map(self, r->offset, r->size, PROT_READ, MAP_PRIVATE));
	}
	/* None of that has used the region up. */
	EXPECT_EQ(0, shs_map_all(&self->att));
}

/* What is for reading cannot be mapped for writing, and nothing for execution. */
TEST_F(map, protection_of_mmap)
{
	for (int i = 0; i < self->regions; i++) {
		struct region *r = &self->region[i];
		int got = try_map(self, r->offset, r->size, PROT_READ | PROT_EXEC, MAP_SHARED);

		/* Newer kernels refuse it themselves, for any anonymous file. */
		EXPECT_TRUE(got == -EACCES || got == -EPERM) TH_LOG("%s: %d", r->name, got);
		if (!r->writable) {
			EXPECT_EQ(-EACCES, try_map(self, r->offset, r->size,
						   PROT_READ | PROT_WRITE, MAP_SHARED))
				TH_LOG("%s", r->name);
			EXPECT_EQ(-EACCES, try_map(self, r->offset, r->size, PROT_WRITE,
						   MAP_SHARED));
		}
	}
	EXPECT_EQ(0, shs_map_all(&self->att));
}

/* Nor can it be made so afterwards. */
TEST_F(map, protection_by_mprotect)
{
	catch_faults();
	for (int i = 0; i < self->regions; i++) {
		struct region *r = &self->region[i];
		char *map = map_fenced(self, r);

		ASSERT_NE(MAP_FAILED, map) TH_LOG("%s", r->name);
		EXPECT_EQ(-1, mprotect(map, r->size, PROT_READ | PROT_EXEC));
		EXPECT_EQ(EACCES, errno) TH_LOG("%s", r->name);
		if (r->writable)
			continue;
		EXPECT_EQ(-1, mprotect(map, r->size, PROT_READ | PROT_WRITE));
		EXPECT_EQ(EACCES, errno) TH_LOG("%s", r->name);
		EXPECT_EQ(-1, mprotect(map, r->size, PROT_WRITE));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(SIGSEGV, touch(map, true)) TH_LOG("%s", r->name);
	}
}

/*
 * Every byte of every region: readable; writable exactly where it should be; and
 * nothing beyond either end.
 */
TEST_F(map, every_byte)
{
	catch_faults();
	for (int i = 0; i < self->regions; i++) {
		struct region *r = &self->region[i];
		char *map = map_fenced(self, r);
		long wrong = 0;

		ASSERT_NE(MAP_FAILED, map) TH_LOG("%s", r->name);
		EXPECT_EQ(SIGSEGV, touch(map - 1, false));
		EXPECT_EQ(SIGSEGV, touch(map + r->size, false));
		/* All bytes of a page share its fate; a fault costs more than a store. */
		for (size_t b = 0; b < r->size; b += r->writable || b % 64 == 0 ? 1 : 63)
			wrong += touch(map + b, true) != (r->writable ? 0 : SIGSEGV);
		EXPECT_EQ(0, wrong) TH_LOG("%s", r->name);
		for (size_t b = 0; b < r->size; b++)
			wrong += touch(map + b, false) != 0;
		EXPECT_EQ(0, wrong) TH_LOG("%s", r->name);
	}
}

/* There is nothing in them that the kernel forgot there. */
TEST_F(map, begin_zeroed)
{
	for (int i = 0; i < self->regions; i++) {
		struct region *r = &self->region[i];
		char *map = map_fenced(self, r);
		size_t b = 0;

		ASSERT_NE(MAP_FAILED, map);
		while (b < r->size && !map[b])
			b++;
		EXPECT_EQ(r->size, b) TH_LOG("%s", r->name);
	}
}

/* A read-only region stays so for those who write through the kernel. */
TEST_F(map, written_through_the_kernel)
{
	int mem = open("/proc/self/mem", O_RDWR);
	char junk[8] = "junkjunk", seen[8];

	for (int i = 0; i < self->regions; i++) {
		struct region *r = &self->region[i];
		char *map = map_fenced(self, r);
		struct iovec from = { junk, 8 }, to = { map, 8 };
		struct shs_pipe pipe = shs_pipe();

		ASSERT_NE(MAP_FAILED, map);
		if (r->writable)
			continue;
		EXPECT_GT(1, pwrite(mem, junk, 8, (off_t)(unsigned long)map))
			TH_LOG("%s", r->name);
		EXPECT_EQ(-1, process_vm_writev(getpid(), &from, 1, &to, 1, 0));
		EXPECT_EQ(8, write(pipe.end[1], junk, 8));
		EXPECT_EQ(-1, read(pipe.end[0], map, 8));
		EXPECT_EQ(EFAULT, errno);
		memcpy(seen, map, 8);
		EXPECT_NE(0, memcmp(junk, seen, 8));
	}
}

/* Each region is mapped once, for the life of the attachment. */
TEST_F(map, once_only)
{
	for (int i = 0; i < self->regions; i++) {
		struct region *r = &self->region[i];
		char *map = map_fenced(self, r);

		ASSERT_NE(MAP_FAILED, map);
		EXPECT_EQ(-EBUSY, try_map(self, r->offset, r->size, protection_of(r), MAP_SHARED))
			TH_LOG("%s", r->name);
		EXPECT_EQ(0, touch(map, r->writable));
		EXPECT_EQ(0, munmap(map, r->size));
		EXPECT_EQ(-EBUSY, try_map(self, r->offset, r->size, protection_of(r), MAP_SHARED))
			TH_LOG("%s", r->name);
	}
}

/* A region goes as a whole: part of it can be neither unmapped nor protected. */
TEST_F(map, no_parts)
{
	catch_faults();
	for (int i = 0; i < self->regions; i++) {
		struct region *r = &self->region[i];
		char *map = map_fenced(self, r);

		ASSERT_NE(MAP_FAILED, map);
		if (r->size == self->page)
			continue;
		EXPECT_EQ(-1, munmap(map, self->page)) TH_LOG("%s", r->name);
		EXPECT_EQ(-1, munmap(map + self->page, r->size - self->page));
		EXPECT_EQ(-1, mprotect(map, self->page, PROT_NONE));
		EXPECT_EQ(MAP_FAILED, mmap(map, self->page, PROT_READ,
					   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
		for (size_t b = 0; b < r->size; b += self->page)
			EXPECT_EQ(0, touch(map + b, r->writable));
	}
	EXPECT_EQ(1, shs_info(self->fd).attachments);
}

/* It can be neither moved nor resized, nor can the attempt do harm. */
TEST_F(map, no_mremap)
{
	char *elsewhere = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	catch_faults();
	for (int i = 0; i < self->regions; i++) {
		struct region *r = &self->region[i];
		char *map = map_fenced(self, r);

		ASSERT_NE(MAP_FAILED, map);
		EXPECT_EQ(MAP_FAILED, mremap(map, r->size, r->size, MREMAP_MAYMOVE | MREMAP_FIXED,
					     elsewhere)) TH_LOG("%s", r->name);
		EXPECT_EQ(MAP_FAILED, mremap(map, r->size, 2 * r->size, MREMAP_MAYMOVE));
		EXPECT_EQ(MAP_FAILED, mremap(map, r->size, 2 * r->size, 0));
		EXPECT_EQ(MAP_FAILED, mremap(map, 0, r->size, MREMAP_MAYMOVE));
		EXPECT_EQ(MAP_FAILED, mremap(map, r->size, r->size,
					     MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
		if (r->size > self->page)
			EXPECT_EQ(MAP_FAILED, mremap(map, r->size, self->page, 0));
		EXPECT_EQ(0, touch(map, r->writable)) TH_LOG("%s", r->name);
		EXPECT_EQ(0, touch(map + r->size - 1, r->writable)) TH_LOG("%s", r->name);
	}
}

/* The children of a fork have nothing there, and no advice changes that. */
TEST_F(map, not_inherited)
{
	for (int i = 0; i < self->regions; i++) {
		struct region *r = &self->region[i];
		char *map = map_fenced(self, r);

		ASSERT_NE(MAP_FAILED, map);
		for (int advised = 0; advised < 2; advised++) {
			pid_t child;

			if (advised) {
				EXPECT_EQ(-1, madvise(map, r->size, MADV_DOFORK));
				EXPECT_EQ(EINVAL, errno) TH_LOG("%s", r->name);
			}
			child = shs_fork();
			if (!child) {
				touch(map + r->size - 1, false);
				_exit(0);
			}
			EXPECT_EQ(-SIGSEGV, shs_reap(child)) TH_LOG("%s", r->name);
		}
	}
	EXPECT_EQ(1, shs_info(self->fd).attachments);
}

/* Nor can a child map what it has inherited the descriptor of. */
TEST_F(map, stale_descriptor)
{
	pid_t child = shs_fork();

	if (!child) {
		for (int i = 0; i < self->regions; i++) {
			struct region *r = &self->region[i];

			EXPECT_EQ(-ESTALE, try_map(self, r->offset, r->size, protection_of(r),
						   MAP_SHARED)) TH_LOG("%s", r->name);
		}
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_map_all(&self->att));
}

/* Advice that would throw pages away does not. */
TEST_F(map, not_thrown_away)
{
	static const int advice[] = { MADV_DONTNEED, MADV_FREE, MADV_REMOVE };
	unsigned char *lane;

	ASSERT_EQ(0, shs_map_all(&self->att));
	lane = (unsigned char *)self->att.private;
	lane[0] = 77;
	for (int i = 0; i < ARRAY_SIZE(advice); i++)
		madvise(lane, self->att.is.private_size, advice[i]);
	EXPECT_EQ(77, lane[0]);
}

/* The mappings outlive every descriptor, and keep the object alive. */
TEST_F(map, outlives_descriptors)
{
	int weak = shs_reopen(self->fd, O_PATH), fd;

	ASSERT_EQ(0, shs_map_all(&self->att));
	EXPECT_EQ(0, close(self->att.fd));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, close(self->rw));
	fd = shs_reopen(weak, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, shs_info(fd).attachments);
	EXPECT_EQ(2, shs_info(fd).opens);
	if (variant->kind == SHS_KIND_ATOMIC) {
		EXPECT_EQ(0, shs_op(fd, &SHS_OP(STORE, .arg = 7)));
		EXPECT_EQ(7, *(unsigned char *)shs_value(&self->att));
	}
	if (variant->kind == SHS_KIND_COUNTER) {
		EXPECT_EQ(0, shs_op(fd, &SHS_OP(ADD, .arg = 7)));
		*(__s64 *)shs_lane(&self->att, 0) = 1;
		/* one that may only read has no lane that counts */
		EXPECT_EQ(self->att.is.lanes ? 8 : 7, shs_load(fd, 0));
	}
	EXPECT_EQ(0, munmap(self->att.private, self->att.is.private_size));
	EXPECT_EQ(0, munmap((void *)self->att.control, self->att.is.control_size));
	if (self->att.shared)
		EXPECT_EQ(0, munmap(self->att.shared, self->att.is.shared_size));
	EXPECT_EQ(0, shs_info(fd).attachments);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-ENOENT, shs_reopen(weak, O_RDWR));
}

/* Every attachment has a private region of its own. */
TEST_F(map, private_is_private)
{
	struct shs_att other;

	ASSERT_EQ(0, shs_map_all(&self->att));
	ASSERT_EQ(0, shs_attach(&other, self->fd));
	memset(self->att.private, 0x77, self->att.is.private_size);
	for (__u32 b = sizeof(__u64); b < other.is.private_size; b++)
		ASSERT_EQ(0, other.private[b]);
}

/* A mapping needs to read: with a write-only descriptor there is none. */
TEST_F(map, write_only_object)
{
	int wo = shs_reopen(self->rw, O_WRONLY);
	struct shs_att att;

	ASSERT_LE(0, wo);
	EXPECT_EQ(-EACCES, shs_attach_only(&att, wo));
	EXPECT_EQ(1, shs_info(self->fd).attachments);
}

/* A kind without a shared region has none to map. */
TEST(no_shared_region)
{
	static const __u32 kinds[] = { SHS_KIND_COUNTER, SHS_KIND_CONDVAR, SHS_KIND_ONCE };

	SHS_MOUNT("");
	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool counter = kinds[i] == SHS_KIND_COUNTER;
		int fd = shs_create(kinds[i], counter ? SHS_TYPE_I64 : SHS_TYPE_NONE, counter);
		struct shs_att att;

		ASSERT_EQ(0, shs_attach_only(&att, fd));
		EXPECT_EQ(0, att.is.shared_size);
		EXPECT_EQ(MAP_FAILED, shs_map(&att, SHS_MMAP_SHARED, 4096, PROT_READ));
		EXPECT_EQ(EINVAL, errno);
	}
}

/*
 * The same things done to a region whose owner holds a lock: refused, and the lock
 * is held as before.
 */
FIXTURE(held) {
	int fd;
	struct shs_att mine, other;
};

FIXTURE_SETUP(held)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
	ASSERT_EQ(0, shs_lock(&self->mine));
}

FIXTURE_TEARDOWN(held)
{
}

#define EXPECT_STILL_HELD() do {						\
	EXPECT_EQ(self->mine.is.id, self->other.shared->word);			\
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));				\
	EXPECT_EQ(0, shs_info(self->fd).deaths);				\
	EXPECT_EQ(0, shs_unlock(&self->mine));					\
	EXPECT_EQ(0, shs_trylock(&self->other));				\
} while (0)

/* A refused mremap has opened and closed a copy meanwhile: that was no death. */
TEST_F(held, refused_mremap)
{
	size_t size = self->mine.is.private_size;
	char *elsewhere = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(MAP_FAILED, mremap(self->mine.private, size, size,
					     MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere));
		EXPECT_EQ(MAP_FAILED, mremap(self->mine.private, size, 2 * size, MREMAP_MAYMOVE));
		EXPECT_EQ(MAP_FAILED, mremap(self->mine.private, size, size,
					     MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
		EXPECT_EQ(MAP_FAILED, mremap(self->mine.private, 0, size, MREMAP_MAYMOVE));
	}
	EXPECT_STILL_HELD();
}

/* Nor is a fork, whether the child touches the region or ends at once. */
TEST_F(held, fork)
{
	for (int i = 0; i < 3; i++) {
		pid_t child = shs_fork();

		if (!child) {
			if (i)
				self->mine.private[0] = 1;
			_exit(0);
		}
		EXPECT_EQ(i ? -SIGSEGV : 0, shs_reap(child));
	}
	EXPECT_STILL_HELD();
}

/* Nor the unmapping of the other regions, nor the closing of descriptors. */
TEST_F(held, other_regions_unmapped)
{
	EXPECT_EQ(0, munmap((void *)self->mine.control, self->mine.is.control_size));
	EXPECT_EQ(0, munmap(self->mine.shared, self->mine.is.shared_size));
	EXPECT_STILL_HELD();
}

/* Closing is no unlocking: the mapping owns. */
TEST_F(held, descriptor_closed)
{
	close(self->mine.fd);
	EXPECT_EQ(self->mine.is.id, self->other.shared->word);
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
	EXPECT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->other));
}

/* A new mapping over the private region unmaps it, and that ends the ownership. */
TEST_F(held, mapped_over)
{
	EXPECT_NE(MAP_FAILED, mmap(self->mine.private, self->mine.is.private_size, PROT_READ,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->other));
	EXPECT_EQ(-ENXIO, shs_unlock(&self->mine));
	EXPECT_EQ(self->other.is.id, self->other.shared->word);
}

TEST_HARNESS_MAIN
