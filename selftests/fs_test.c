// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects as files: names, permissions, text, limits, life and death.
 */
#include "shs.h"
#include <pthread.h>

#include <dirent.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

FIXTURE(fs) {
	long page;
};

FIXTURE_SETUP(fs)
{
	SHS_MOUNT("");
	self->page = sysconf(_SC_PAGESIZE);
}

FIXTURE_TEARDOWN(fs)
{
}

static char *volatile nowhere = (char *)8;

static int number(void)
{
	return shs_create(SHS_KIND_ATOMIC, SHS_TYPE_I64, 1);
}

/* A number object under a name; the fd. */
static int named(const char *name)
{
	int fd = number(), err = fd < 0 ? fd : shs_link(fd, name);

	return err < 0 ? err : fd;
}

static int set(int fd, __u64 value)
{
	return shs_op(fd, &SHS_OP(STORE, .arg = value));
}

static int renamed(const char *old, const char *new, unsigned int flags)
{
	int dir = shs_open(".", O_RDONLY), ret;

	ret = renameat2(dir, old, dir, new, flags) ? -errno : 0;
	close(dir);
	return ret;
}

/* Part of a test, as an unprivileged user. */
#define AS_NOBODY(...) do {						\
	pid_t child = shs_fork();					\
									\
	if (!child) {							\
		shs_become_nobody();					\
		__VA_ARGS__						\
		_exit(0);						\
	}								\
	EXPECT_EQ(0, shs_reap(child));					\
} while (0)

static int entries(void)
{
	DIR *dir = opendir(SHS_DIR);
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* The object that is linked is the one that is opened by its name. */
TEST_F(fs, create)
{
	int fd = named("hits"), again = shs_open("hits", O_RDWR);

	ASSERT_LE(0, fd);
	ASSERT_LE(0, again);
	EXPECT_EQ(0, set(fd, 7));
	EXPECT_EQ(7, shs_load(again, 0));
	EXPECT_EQ(1, entries());
	/* O_CREAT of what exists opens it. */
	EXPECT_LE(0, shs_open("hits", O_RDWR | O_CREAT));
}

/* Who loses the race for a name learns it, and disturbs nothing. */
TEST_F(fs, name_taken)
{
	int winner = named("hits"), loser = number();

	EXPECT_EQ(0, set(winner, 1));
	EXPECT_EQ(-EEXIST, shs_link(loser, "hits"));
	EXPECT_EQ(1, shs_load(shs_open("hits", O_RDONLY), 0));
	EXPECT_EQ(0, shs_info(loser).links);
	EXPECT_EQ(-EEXIST, shs_open("hits", O_RDWR | O_CREAT | O_EXCL));
}

/* One of many that create at once wins the name. */
TEST_F(fs, name_race)
{
	for (unsigned long round = 0; round < shs_scale(50); round++) {
		struct shs_pipe gate = shs_pipe();
		int winners = 0, losers = 0;
		pid_t child[4];

		for (int i = 0; i < 4; i++) {
			child[i] = shs_fork();
			if (!child[i]) {
				int fd = number(), ret;

				shs_gate_pass(&gate);
				ret = shs_link(fd, "race");
				_exit(!ret ? 0 : ret == -EEXIST ? 1 : 9);
			}
		}
		shs_gate_open(&gate);
		for (int i = 0; i < 4; i++) {
			int status = shs_reap(child[i]);

			winners += status == 0;
			losers += status == 1;
		}
		EXPECT_EQ(1, winners);
		EXPECT_EQ(3, losers);
		EXPECT_EQ(0, shs_unlink("race"));
		close(gate.end[0]);
	}
}

/* O_EXCL says that the object shall never have a name. */
TEST_F(fs, excl_has_no_name)
{
	int fd = open(SHS_DIR, O_TMPFILE | O_RDWR | O_EXCL, 0600);
	struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_ONCE);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, shs_ioctl(fd, SHS_IOC_INIT, &init));
	EXPECT_EQ(-ENOENT, shs_link(fd, "never"));
	EXPECT_EQ(0, entries());
}

/* Whatever would make a name without an object is refused, and leaves no name. */
TEST_F(fs, refused_creation)
{
	EXPECT_EQ(-EOPNOTSUPP, shs_open("new", O_RDWR | O_CREAT));
	EXPECT_EQ(-EOPNOTSUPP, shs_open("new", O_RDWR | O_CREAT | O_EXCL));
	EXPECT_EQ(-1, mkdir(SHS_DIR "/new", 0755));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, symlink("x", SHS_DIR "/new"));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, mknod(SHS_DIR "/new", S_IFCHR | 0600, makedev(1, 3)));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, mknod(SHS_DIR "/new", S_IFIFO | 0600, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-ENOENT, shs_open("new", O_RDONLY));
	EXPECT_EQ(0, entries());
}

/* A second name leads to the same object, and the last one to go frees it. */
TEST_F(fs, hard_link)
{
	int fd = named("one");

	EXPECT_EQ(0, set(fd, 5));
	EXPECT_EQ(0, link(SHS_DIR "/one", SHS_DIR "/two"));
	EXPECT_EQ(2, shs_info(fd).links);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, shs_unlink("one"));
	EXPECT_EQ(-ENOENT, shs_open("one", O_RDONLY));
	fd = shs_open("two", O_RDWR);
	EXPECT_EQ(5, shs_load(fd, 0));
	EXPECT_EQ(1, shs_info(fd).links);
}

/* rename moves a name, replaces one, refuses to replace or exchanges, as asked. */
TEST_F(fs, rename)
{
	int a = named("a"), b = named("b");

	EXPECT_EQ(0, set(a, 1));
	EXPECT_EQ(0, set(b, 2));
	EXPECT_EQ(0, renamed("a", "c", 0));
	EXPECT_EQ(-ENOENT, shs_open("a", O_RDONLY));
	EXPECT_EQ(1, shs_load(shs_open("c", O_RDONLY), 0));
	EXPECT_EQ(-EEXIST, renamed("c", "b", RENAME_NOREPLACE));
	EXPECT_EQ(2, shs_load(shs_open("b", O_RDONLY), 0));
	EXPECT_EQ(0, renamed("c", "b", 0));
	EXPECT_EQ(1, shs_load(shs_open("b", O_RDONLY), 0));
	EXPECT_EQ(-ENOENT, shs_open("c", O_RDONLY));
	EXPECT_EQ(1, shs_info(a).links);
	EXPECT_EQ(0, shs_info(b).links);
	EXPECT_EQ(2, shs_load(b, 0));
	EXPECT_EQ(1, entries());
}

/* An object without a name lives as long as somebody has it open. */
TEST_F(fs, unlinked_but_open)
{
	int fd = named("hits"), other = shs_reopen(fd, O_RDONLY);

	EXPECT_EQ(0, set(fd, 3));
	EXPECT_EQ(0, shs_unlink("hits"));
	EXPECT_EQ(0, entries());
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(3, shs_load(other, 0));
}

/* A named object lives without anybody. */
TEST_F(fs, named_but_closed)
{
	int fd = named("hits");

	EXPECT_EQ(0, set(fd, 3));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(3, shs_load(shs_open("hits", O_RDONLY), 0));
}

/* An unnamed object can be named, and named again after its name was removed. */
TEST_F(fs, name_again)
{
	int fd = named("hits");

	EXPECT_EQ(0, shs_unlink("hits"));
	/* The VFS allows no link from zero but that of O_TMPFILE. */
	EXPECT_EQ(-ENOENT, shs_link(fd, "again"));
	EXPECT_EQ(0, entries());
}

/* O_PATH is the weak reference: it keeps nothing alive and tells when it is gone. */
TEST_F(fs, o_path_is_weak)
{
	int fd = named("hits"), weak = shs_open("hits", O_PATH), strong;
	struct shs_ioc_info info;

	ASSERT_LE(0, weak);
	EXPECT_EQ(1, shs_info(fd).opens);
	EXPECT_EQ(0, set(fd, 4));
	/* It is no way to the value. */
	info.size = sizeof(info);
	EXPECT_EQ(-EBADF, shs_ioctl(weak, SHS_IOC_INFO, &info));
	/* Upgraded while the object lives: by a name, then by an open file. */
	EXPECT_EQ(0, close(fd));
	strong = shs_reopen(weak, O_RDWR);
	EXPECT_EQ(4, shs_load(strong, 0));
	EXPECT_EQ(0, shs_unlink("hits"));
	fd = shs_reopen(weak, O_RDWR);
	EXPECT_EQ(4, shs_load(fd, 0));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, close(strong));
	EXPECT_EQ(-ENOENT, shs_reopen(weak, O_RDWR));
	EXPECT_EQ(-ENOENT, shs_reopen(weak, O_RDONLY));
}

/* The value of a dead object is given back at once, not when the weak one goes. */
TEST_F(fs, dead_object_is_free)
{
	struct statfs before, alive, dead;
	int fd, weak;

	ASSERT_EQ(0, statfs(SHS_DIR, &before));
	fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 65536);
	ASSERT_LE(0, fd);
	weak = shs_reopen(fd, O_PATH);
	ASSERT_EQ(0, statfs(SHS_DIR, &alive));
	EXPECT_LE(alive.f_bfree + 65536 / self->page, before.f_bfree);
	EXPECT_EQ(0, close(fd));
	ASSERT_EQ(0, statfs(SHS_DIR, &dead));
	EXPECT_EQ(before.f_bfree, dead.f_bfree);
	EXPECT_EQ(-ENOENT, shs_reopen(weak, O_RDONLY));
}

/* A passed descriptor is a strong reference like any other. */
TEST_F(fs, child_keeps_it_alive)
{
	struct shs_pipe go = shs_pipe();
	int fd = number(), weak = shs_reopen(fd, O_PATH);
	pid_t child;

	EXPECT_EQ(0, set(fd, 6));
	child = shs_fork();
	if (!child) {
		shs_hear(&go);
		_exit(shs_load(fd, 0) == 6 ? 0 : 1);
	}
	EXPECT_EQ(0, close(fd));
	fd = shs_reopen(weak, O_RDONLY);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, close(fd));
	shs_say(&go);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-ENOENT, shs_reopen(weak, O_RDONLY));
}

/* Sizes mean nothing here: asked to change, nothing does. */
TEST_F(fs, size_changes_nothing)
{
	int fd = named("hits");
	struct stat st;

	EXPECT_EQ(0, set(fd, 8));
	EXPECT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(0, ftruncate(fd, 1 << 20));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0, st.st_size);
	EXPECT_EQ(0, truncate(SHS_DIR "/hits", 0));
	EXPECT_LE(0, shs_open("hits", O_RDWR | O_TRUNC));
	EXPECT_EQ(8, shs_load(fd, 0));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0, st.st_size);
	EXPECT_TRUE(S_ISREG(st.st_mode));
}

/* Truncating a mapped object does not take the mapping away. */
TEST_F(fs, truncate_leaves_mappings)
{
	struct shs_att att;
	int fd = number();

	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(0, set(fd, 9));
	EXPECT_EQ(9, *(__s64 *)shs_value(&att));
}

/* Owner, mode and times change as on any file. */
TEST_F(fs, attributes)
{
	struct timespec times[2] = { { 1000, 5 }, { 2000, 6 } };
	int fd = named("hits");
	struct stat st;

	EXPECT_EQ(0, fchmod(fd, 0640));
	EXPECT_EQ(0, fchown(fd, 12, 34));
	EXPECT_EQ(0, futimens(fd, times));
	ASSERT_EQ(0, stat(SHS_DIR "/hits", &st));
	EXPECT_EQ(0640, st.st_mode & 07777);
	EXPECT_EQ(12, st.st_uid);
	EXPECT_EQ(34, st.st_gid);
	EXPECT_EQ(1000, st.st_atim.tv_sec);
	EXPECT_EQ(5, st.st_atim.tv_nsec);
	EXPECT_EQ(2000, st.st_mtim.tv_sec);
}

/* The creator's mode counts, less the umask, and its own ids. */
TEST_F(fs, creator_owns)
{
	struct stat st;
	int fd;

	umask(027);
	fd = open(SHS_DIR, O_TMPFILE | O_RDWR, 0666);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0640, st.st_mode & 07777);
	AS_NOBODY({
		EXPECT_EQ(0, fstat(number(), &st));
		EXPECT_EQ(SHS_NOBODY, st.st_uid);
		EXPECT_EQ(SHS_NOBODY, st.st_gid);
	});
}

/* Everyone may create in the directory, only the owner may remove: as in /tmp. */
TEST_F(fs, sticky_directory)
{
	int fd = named("roots");

	ASSERT_LE(0, fd);
	AS_NOBODY({
		EXPECT_LE(0, named("mine"));
		EXPECT_EQ(0, shs_unlink("mine"));
		EXPECT_EQ(-EPERM, shs_unlink("roots"));
		EXPECT_EQ(-EPERM, renamed("roots", "stolen", 0));
	});
	EXPECT_EQ(1, entries());
}

/* Without a permission there is no descriptor. */
TEST_F(fs, permission_to_open)
{
	int fd = named("hits");

	EXPECT_EQ(0, fchmod(fd, 0600));
	AS_NOBODY({
		EXPECT_EQ(-EACCES, shs_open("hits", O_RDONLY));
		EXPECT_EQ(-EACCES, shs_open("hits", O_RDWR));
	});
	EXPECT_EQ(0, fchmod(fd, 0644));
	AS_NOBODY({
		EXPECT_LE(0, shs_open("hits", O_RDONLY));
		EXPECT_EQ(-EACCES, shs_open("hits", O_RDWR));
		EXPECT_EQ(-EACCES, shs_open("hits", O_WRONLY));
	});
}

/* A descriptor that was passed is a permission; opening it again checks afresh. */
TEST_F(fs, passed_descriptor)
{
	int fd = named("hits"), readable;

	EXPECT_EQ(0, fchmod(fd, 0644));
	readable = shs_open("hits", O_RDONLY);
	AS_NOBODY({
		EXPECT_EQ(0, set(fd, 1));
		EXPECT_EQ(-EACCES, set(readable, 2));
		EXPECT_EQ(-EACCES, shs_reopen(readable, O_RDWR));
	});
	EXPECT_EQ(1, shs_load(fd, 0));
}

/* What only reads needs reading, what changes needs writing, and nothing else. */
TEST_F(fs, access_modes)
{
	struct shs_ioc_info info = { .size = sizeof(info) };
	struct shs_att att;
	int fd = named("hits"), ro, wo;

	EXPECT_EQ(0, set(fd, 5));
	ro = shs_open("hits", O_RDONLY);
	wo = shs_open("hits", O_WRONLY);
	ASSERT_LE(0, ro);
	ASSERT_LE(0, wo);
	EXPECT_EQ(5, shs_load(ro, 0));
	EXPECT_EQ(-EACCES, shs_op(wo, &SHS_OP(LOAD)));
	for (__u32 code = SHS_OP_STORE; code <= SHS_OP_FETCH_NOT; code++) {
		struct shs_ioc_op op = { .size = sizeof(op), .op = code };

		EXPECT_EQ(-EACCES, shs_op(ro, &op)) TH_LOG("op %u", code);
	}
	EXPECT_EQ(0, set(wo, 6));
	/* The old value is what a write-only descriptor must not learn. */
	EXPECT_EQ(-EACCES, shs_op(wo, &SHS_OP(FETCH_ADD, .arg = 1)));
	EXPECT_EQ(-EACCES, shs_op(wo, &SHS_OP(SWAP, .arg = 1)));
	EXPECT_EQ(6, shs_load(ro, 0));
	EXPECT_EQ(0, shs_ioctl(ro, SHS_IOC_INFO, &info));
	EXPECT_EQ(0, shs_ioctl(wo, SHS_IOC_INFO, &info));
	EXPECT_EQ(-1, write(ro, "7", 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(0, shs_write(wo, "7"));
	EXPECT_EQ(7, shs_load(ro, 0));
	EXPECT_EQ(0, shs_attach_only(&att, ro));
}

/* The text forms of the value of each kind. */
TEST_F(fs, text_read)
{
	__s16 numbers[] = { 1, -2, 3 };
	__u8 bools[] = { 1, 0, 1 }, bytes[] = { 0x00, 0xab, 0x0f };
	struct shs_ioc_init init;
	int fd;

	init = SHS_INIT(.kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_I16, .count = 3,
			.value = (unsigned long)numbers, .value_size = 6);
	EXPECT_STREQ("1 -2 3", shs_text(shs_create_as(&init)));
	init.kind = SHS_KIND_MUTEX;
	EXPECT_STREQ("1 -2 3", shs_text(shs_create_as(&init)));
	init.kind = SHS_KIND_RWLOCK;
	EXPECT_STREQ("1 -2 3", shs_text(shs_create_as(&init)));
	init.kind = SHS_KIND_CELL;
	EXPECT_STREQ("1 -2 3", shs_text(shs_create_as(&init)));
	init = SHS_INIT(.kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_BOOL, .count = 3,
			.value = (unsigned long)bools, .value_size = 3);
	EXPECT_STREQ("1 0 1", shs_text(shs_create_as(&init)));
	init = SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_BYTES, .count = 3,
			.value = (unsigned long)bytes, .value_size = 3);
	EXPECT_STREQ("00ab0f", shs_text(shs_create_as(&init)));
	init.kind = SHS_KIND_CELL;
	EXPECT_STREQ("00ab0f", shs_text(shs_create_as(&init)));
	EXPECT_STREQ("0 0", shs_text(shs_create(SHS_KIND_COUNTER, SHS_TYPE_I64, 2)));
	EXPECT_STREQ("waiters 0", shs_text(shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0)));
	EXPECT_STREQ("incomplete", shs_text(shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0)));
	fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U64, 1);
	EXPECT_EQ(0, set(fd, ~0ULL));
	EXPECT_STREQ("18446744073709551615", shs_text(fd));
	fd = number();
	EXPECT_EQ(0, set(fd, 1ULL << 63));
	EXPECT_STREQ("-9223372036854775808", shs_text(fd));
}

/* The largest values have a whole line, too. */
TEST_F(fs, text_read_large)
{
	int fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U8, 65536);
	const char *text = shs_text(fd);

	EXPECT_EQ(2 * 65536 - 1, strlen(text));
	fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 65536);
	EXPECT_EQ(2 * 65536, strlen(shs_text(fd)));
}

/* Read piece by piece, the line is the same and then ends, as cat expects. */
TEST_F(fs, text_read_in_pieces)
{
	char text[32] = "", expected[] = "123456\n";
	int fd = number(), length = 0;

	EXPECT_EQ(0, set(fd, 123456));
	while (length < 16 && read(fd, text + length, 1) == 1)
		length++;
	EXPECT_STREQ(expected, text);
	EXPECT_EQ(0, read(fd, text, sizeof(text)));
	/* From the beginning it is the present value. */
	EXPECT_EQ(0, set(fd, 5));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(2, read(fd, text, sizeof(text)));
	EXPECT_EQ(-1, pread(fd, nowhere, 2, 0));
	EXPECT_EQ(EFAULT, errno);
}

/* "7" sets, "+7" adds, in every kind whose value is a number. */
TEST_F(fs, text_write)
{
	static const __u32 kinds[] = { SHS_KIND_ATOMIC, SHS_KIND_COUNTER, SHS_KIND_MUTEX,
				       SHS_KIND_RWLOCK, SHS_KIND_CELL };

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = shs_create(kinds[i], SHS_TYPE_I64, 1);

		EXPECT_EQ(0, shs_write(fd, "7\n"));
		EXPECT_STREQ("7", shs_text(fd)) TH_LOG("kind %u", kinds[i]);
		EXPECT_EQ(0, shs_write(fd, "-9"));
		EXPECT_STREQ("-9", shs_text(fd));
		/* A person who writes 010 means ten. */
		EXPECT_EQ(0, shs_write(fd, "010"));
		EXPECT_STREQ("10", shs_text(fd));
		EXPECT_EQ(0, shs_write(fd, "-0"));
		EXPECT_STREQ("0", shs_text(fd));
		EXPECT_EQ(0, shs_write(fd, "-9"));
		if (kinds[i] == SHS_KIND_CELL) {
			EXPECT_EQ(-EINVAL, shs_write(fd, "+1\n"));
			continue;
		}
		EXPECT_EQ(0, shs_write(fd, "+10\n"));
		EXPECT_STREQ("1", shs_text(fd)) TH_LOG("kind %u", kinds[i]);
		EXPECT_EQ(0, shs_write(fd, "+-4\n"));
		EXPECT_STREQ("-3", shs_text(fd));
	}
}

/* An element is named by its number. */
TEST_F(fs, text_write_element)
{
	int fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_I64, 3);

	EXPECT_EQ(0, shs_write(fd, "1:7\n"));
	EXPECT_EQ(0, shs_write(fd, "2:+3\n"));
	EXPECT_EQ(0, shs_write(fd, "2:+-1\n"));
	EXPECT_EQ(0, shs_write(fd, "9\n"));
	EXPECT_STREQ("9 7 2", shs_text(fd));
	EXPECT_EQ(-EINVAL, shs_write(fd, "3:1\n"));
	EXPECT_EQ(-EINVAL, shs_write(fd, "4294967297:1\n"));
	EXPECT_EQ(-EINVAL, shs_write(fd, "1:\n"));
	EXPECT_STREQ("9 7 2", shs_text(fd));
}

/* Text that is not exactly one number is refused and changes nothing. */
TEST_F(fs, text_write_refused)
{
	static const char *const bad[] = {
		"\n", "x", "7x", "7 8", "+", "-", "+-", "--7", "++7", "0x", "0x10", "1.5",
		"7\n8\n", "\0017", "9:7", "-1:7", ":7",
	};
	char longest[5000];
	int fd = number(), byte;

	EXPECT_EQ(0, set(fd, 42));
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		int ret = shs_write(fd, bad[i]);

		EXPECT_EQ(-EINVAL, ret) TH_LOG("\"%s\"", bad[i]);
	}
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	EXPECT_NE(0, shs_write(fd, longest));
	EXPECT_EQ(-ERANGE, shs_write(fd, "9223372036854775808\n"));
	EXPECT_EQ(-ERANGE, shs_write(fd, "-9223372036854775809\n"));
	EXPECT_EQ(-1, write(fd, nowhere, 2));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(42, shs_load(fd, 0));
	byte = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U8, 1);
	EXPECT_EQ(0, shs_write(byte, "255"));
	EXPECT_EQ(-ERANGE, shs_write(byte, "256"));
	EXPECT_EQ(-ERANGE, shs_write(byte, "-1"));
	EXPECT_EQ(255, shs_load(byte, 0));
	byte = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U64, 1);
	EXPECT_EQ(0, shs_write(byte, "18446744073709551615"));
	EXPECT_EQ(-ERANGE, shs_write(byte, "18446744073709551616"));
	EXPECT_EQ(-ERANGE, shs_write(byte, "-1"));
	EXPECT_EQ(~0ULL, shs_load(byte, 0));
	EXPECT_EQ(-EINVAL, shs_write(shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 4), "1\n"));
	EXPECT_EQ(-EINVAL, shs_write(shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0), "1\n"));
	EXPECT_EQ(-EINVAL, shs_write(shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0), "1\n"));
}

/* statfs tells the limits and what is used of them. */
TEST_F(fs, statfs)
{
	struct statfs before, after;
	struct statvfs vfs;

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, "nr_objects=10,size=1m"));
	ASSERT_EQ(0, statfs(SHS_DIR, &before));
	EXPECT_EQ(SHS_SUPER_MAGIC, before.f_type);
	EXPECT_EQ(self->page, before.f_bsize);
	EXPECT_EQ((1 << 20) / self->page, before.f_blocks);
	EXPECT_EQ(10, before.f_files);
	EXPECT_EQ(before.f_blocks, before.f_bfree);
	EXPECT_EQ(10, before.f_ffree);
	ASSERT_LE(0, number());
	ASSERT_EQ(0, statfs(SHS_DIR, &after));
	EXPECT_EQ(9, after.f_ffree);
	EXPECT_GT(before.f_bfree, after.f_bfree);
	ASSERT_EQ(0, statvfs(SHS_DIR, &vfs));
	EXPECT_EQ(255, vfs.f_namemax);
}

/* The options of the directory, and the refusal of nonsense. */
TEST_F(fs, mount_options)
{
	static const char *const bad[] = { "nonsense", "uid=x", "mode=9", "nr_objects=-1", "size=x",
					   "uid=-1", "nr_objects_user=1x" };
	struct stat st;

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-1, mount("shstate", SHS_DIR, "shstate", 0, bad[i]))
			TH_LOG("%s", bad[i]);
		EXPECT_EQ(EINVAL, errno) TH_LOG("%s", bad[i]);
	}
	ASSERT_EQ(0, stat(SHS_DIR, &st));
	EXPECT_EQ(01777, st.st_mode & 07777);
	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, "uid=5,gid=6,mode=750"));
	ASSERT_EQ(0, stat(SHS_DIR, &st));
	EXPECT_EQ(5, st.st_uid);
	EXPECT_EQ(6, st.st_gid);
	EXPECT_EQ(0750, st.st_mode & 07777);
	AS_NOBODY({
		EXPECT_EQ(-EACCES, shs_blank());
		EXPECT_EQ(-EACCES, shs_open("x", O_RDONLY));
	});
}

/* /proc/mounts shows what the mount was made with. */
TEST_F(fs, options_shown)
{
	char line[1000];
	bool found = false;
	FILE *mounts;

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, "mode=750,nr_objects=77"));
	mounts = fopen("/proc/self/mounts", "r");
	while (fgets(line, sizeof(line), mounts))
		found |= strstr(line, " " SHS_DIR " shstate ") && strstr(line, "mode=750") &&
			 strstr(line, "nr_objects=77");
	fclose(mounts);
	EXPECT_TRUE(found);
}

/* A remount changes the limits, and not what exists. */
TEST_F(fs, remount)
{
	int fd[3];

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, "nr_objects=2,nr_objects_user=9"));
	fd[0] = number();
	fd[1] = named("two");
	ASSERT_LE(0, fd[1]);
	EXPECT_EQ(0, set(fd[1], 2));
	EXPECT_EQ(-ENOSPC, number());
	ASSERT_EQ(0, mount("shstate", SHS_DIR, NULL, MS_REMOUNT, "nr_objects=3"));
	EXPECT_EQ(2, shs_load(shs_open("two", O_RDONLY), 0));
	fd[2] = number();
	EXPECT_LE(0, fd[2]);
	EXPECT_EQ(-ENOSPC, number());
	/* Below what is used: no more until enough has gone. */
	ASSERT_EQ(0, mount("shstate", SHS_DIR, NULL, MS_REMOUNT, "nr_objects=1"));
	EXPECT_EQ(2, shs_load(fd[1], 0));
	close(fd[0]);
	EXPECT_EQ(-ENOSPC, number());
	EXPECT_EQ(-1, mount("shstate", SHS_DIR, NULL, MS_REMOUNT, "nonsense"));
	EXPECT_EQ(EINVAL, errno);
}

/* A read-only mount lets nobody create or change. */
TEST_F(fs, read_only_mount)
{
	int fd = named("hits");

	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, mount("shstate", SHS_DIR, NULL, MS_REMOUNT | MS_RDONLY | MS_BIND, NULL));
	EXPECT_EQ(-EROFS, shs_blank());
	EXPECT_EQ(-EROFS, shs_open("hits", O_RDWR));
	EXPECT_EQ(-EROFS, shs_unlink("hits"));
	EXPECT_LE(0, shs_open("hits", O_RDONLY));
}

/* Two mounts know nothing of each other: not by name, not by link. */
TEST_F(fs, two_mounts)
{
	char from[40];
	int first = named("same"), second, dir;

	EXPECT_EQ(0, set(first, 1));
	ASSERT_EQ(0, mount("shstate", "/tmp", "shstate", 0, NULL));
	EXPECT_EQ(-1, open("/tmp/same", O_RDONLY));
	EXPECT_EQ(ENOENT, errno);
	second = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	ASSERT_LE(0, second);
	EXPECT_EQ(0, shs_ioctl(second, SHS_IOC_INIT, &SHS_INIT(.kind = SHS_KIND_ATOMIC,
			.type = SHS_TYPE_I64, .count = 1)));
	EXPECT_EQ(-EXDEV, shs_link(second, "across"));
	dir = open("/tmp", O_RDONLY);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", second);
	EXPECT_EQ(0, linkat(AT_FDCWD, from, dir, "same", AT_SYMLINK_FOLLOW));
	EXPECT_EQ(0, set(second, 2));
	EXPECT_EQ(1, shs_load(first, 0));
	EXPECT_EQ(-1, rename("/tmp/same", SHS_DIR "/other"));
	EXPECT_EQ(EXDEV, errno);
	EXPECT_EQ(1, entries());
}

/* An object that is open survives the unmounting of its file system. */
TEST_F(fs, open_after_umount)
{
	int fd = named("hits");

	EXPECT_EQ(0, set(fd, 3));
	EXPECT_EQ(-1, umount2(SHS_DIR, 0));
	EXPECT_EQ(EBUSY, errno);
	ASSERT_EQ(0, umount2(SHS_DIR, MNT_DETACH));
	EXPECT_EQ(3, shs_load(fd, 0));
	EXPECT_EQ(1, shs_info(fd).links);
}

/* The mount's number of objects is exact, whatever way they go. */
TEST_F(fs, limit_objects)
{
	int fd[4], weak;

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, "nr_objects=4,nr_objects_user=4"));
	for (int i = 0; i < 4; i++) {
		fd[i] = number();
		ASSERT_LE(0, fd[i]) TH_LOG("object %d", i);
	}
	EXPECT_EQ(-ENOSPC, number());
	/* A closed one makes room, a named one does not. */
	close(fd[0]);
	fd[0] = named("keeps");
	ASSERT_LE(0, fd[0]);
	EXPECT_EQ(0, close(fd[0]));
	EXPECT_EQ(-ENOSPC, number());
	weak = shs_open("keeps", O_PATH);
	EXPECT_EQ(0, shs_unlink("keeps"));
	close(weak);
	fd[0] = number();
	EXPECT_LE(0, fd[0]);
	EXPECT_EQ(-ENOSPC, number());
}

/* What a failed creation has taken, it has given back. */
TEST_F(fs, limit_after_failures)
{
	struct statfs before, after;

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0,
			   "nr_objects=4,nr_objects_user=4,size=64k,size_user=64k"));
	ASSERT_EQ(0, statfs(SHS_DIR, &before));
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(-EINVAL, shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U64, 0));
		EXPECT_EQ(-EFAULT, shs_create_as(&SHS_INIT(.kind = SHS_KIND_ATOMIC,
				.type = SHS_TYPE_U8, .count = 60000, .value = 8,
				.value_size = 60000)));
		EXPECT_EQ(-EFAULT, shs_create_as(&SHS_INIT(.kind = SHS_KIND_ATOMIC,
				.type = SHS_TYPE_U8, .count = 100, .meta = 8,
				.meta_size = 100)));
		EXPECT_EQ(-ENOSPC, shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U8, 65536));
	}
	ASSERT_EQ(0, statfs(SHS_DIR, &after));
	EXPECT_EQ(before.f_bfree, after.f_bfree);
	EXPECT_EQ(before.f_ffree, after.f_ffree);
	EXPECT_LE(0, number());
}

/* The mount's bytes are exact: values, attachments, and both come back. */
TEST_F(fs, limit_bytes)
{
	struct statfs before, now;
	struct shs_att att[64];
	int fd, n = 0, err;

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, "size=256k,size_user=256k"));
	ASSERT_EQ(0, statfs(SHS_DIR, &before));
	fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	ASSERT_LE(0, fd);
	do {
		ASSERT_GT(64, n);
		err = shs_attach_only(&att[n++], fd);
	} while (!err);
	EXPECT_EQ(-ENOSPC, err);
	EXPECT_LT(1, n--);
	EXPECT_EQ(n, shs_info(fd).attachments);
	EXPECT_EQ(-ENOSPC, shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 65536));
	/* One that goes makes room for one. */
	close(att[0].fd);
	EXPECT_EQ(0, shs_attach_only(&att[0], fd));
	EXPECT_EQ(-ENOSPC, shs_attach_only(&att[n], fd));
	for (int i = 0; i < n; i++)
		close(att[i].fd);
	close(fd);
	ASSERT_EQ(0, statfs(SHS_DIR, &now));
	EXPECT_EQ(before.f_bfree, now.f_bfree);
}

/* One user cannot take what is the others': neither objects nor bytes. */
TEST_F(fs, limit_of_a_user)
{
	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0,
			   "nr_objects=6,nr_objects_user=2,size=1m,size_user=128k"));
	AS_NOBODY({
		int fd[2] = { number(), number() };

		EXPECT_LE(0, fd[0]);
		EXPECT_LE(0, fd[1]);
		EXPECT_EQ(-EDQUOT, number());
		close(fd[0]);
		fd[0] = number();
		EXPECT_LE(0, fd[0]);
		EXPECT_EQ(-EDQUOT, number());
		close(fd[0]);
		close(fd[1]);
	});
	AS_NOBODY({
		EXPECT_LE(0, shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 65536));
		EXPECT_EQ(-EDQUOT, shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, 65536));
	});
}

/* A quarter is what a user has without an option; root is a user, too. */
TEST_F(fs, limit_of_a_user_by_default)
{
	int n = 0;

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, "nr_objects=40"));
	AS_NOBODY({
		while (number() >= 0)
			n++;
		EXPECT_EQ(10, n);
		EXPECT_EQ(-EDQUOT, number());
	});
}

/* The bytes of an attachment are its user's, not those of the object's owner. */
TEST_F(fs, attachment_is_charged_to_its_user)
{
	int fd;

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, "size=1m,size_user=64k"));
	fd = number();
	AS_NOBODY({
		struct shs_att att;
		int n = 0;

		while (n < 100 && !shs_attach_only(&att, fd))
			n++;
		EXPECT_EQ(-EDQUOT, shs_attach_only(&att, fd));
		EXPECT_LT(0, n);
	});
	SHS_AWAIT(fd, info.attachments == 0);
	EXPECT_LE(0, number());
}

static int value_of(int bytes)
{
	return shs_create(SHS_KIND_MUTEX, SHS_TYPE_BYTES, bytes);
}

/*
 * chown moves all that an object is charged: itself, its value, pages and names. Where
 * the new owner has no room for it nothing has changed, times neither.
 */
TEST_F(fs, charge_goes_with_the_owner)
{
	struct stat before, now;
	struct statfs empty, end;
	struct shs_att att;
	int fd[3], more;

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0,
			   "nr_objects=9,nr_objects_user=2,size=1m,size_user=256k"));
	ASSERT_EQ(0, statfs(SHS_DIR, &empty));
	fd[0] = number();
	fd[1] = value_of(65536);
	ASSERT_LE(0, fd[1]);
	ASSERT_EQ(-EDQUOT, number());
	ASSERT_EQ(0, shs_link(fd[1], "moved"));
	ASSERT_EQ(0, shs_attach(&att, fd[1]));
	EXPECT_EQ(0, fchown(fd[1], SHS_NOBODY, -1));
	EXPECT_EQ(0, fchown(fd[1], SHS_NOBODY, -1));	/* once is all it counts */
	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", MS_REMOUNT, "size_user=100k"));

	/* What was the first owner's is free, what is the second's is used. */
	fd[2] = value_of(65536);
	ASSERT_LE(0, fd[2]);
	AS_NOBODY({
		EXPECT_EQ(-EDQUOT, value_of(65536));
		EXPECT_LE(0, number());
		EXPECT_EQ(-EDQUOT, number());
	});
	ASSERT_EQ(0, fstat(fd[2], &before));
	EXPECT_EQ(-1, fchown(fd[2], SHS_NOBODY, SHS_NOBODY));
	EXPECT_EQ(EDQUOT, errno);
	ASSERT_EQ(0, fstat(fd[2], &now));
	EXPECT_EQ(0, memcmp(&before, &now, sizeof(now)));
	EXPECT_EQ(0, fchown(fd[0], SHS_NOBODY, -1));
	more = number();
	EXPECT_LE(0, more);

	/* All of it comes back to whom it is charged now. */
	EXPECT_EQ(0, unlink(SHS_DIR "/moved"));
	shs_detach(&att);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	close(more);
	ASSERT_EQ(0, statfs(SHS_DIR, &end));
	EXPECT_EQ(empty.f_bfree, end.f_bfree);
	EXPECT_EQ(empty.f_ffree, end.f_ffree);
	AS_NOBODY({
		EXPECT_LE(0, value_of(65536));
		EXPECT_LE(0, number());
	});
	EXPECT_LE(0, value_of(65536));
	EXPECT_LE(0, number());
}

/* Whether a line of the descriptor's fdinfo begins with key and has value in it. */
static bool fdinfo_has(int fd, const char *key, const char *value)
{
	char path[40], line[300];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		found |= !strncmp(line, key, strlen(key)) && strstr(line, value);
	if (file)
		fclose(file);
	return found;
}

static void *attach_to(void *fd)
{
	struct shs_ioc_attach attach = { .size = sizeof(attach) };
	int att = ioctl((int)(long)fd, SHS_IOC_ATTACH, &attach);

	if (att >= 0)
		close(att);
	return NULL;
}

/* The first attach moves the state of a once, while fdinfo tells of it. */
TEST_F(fs, fdinfo_beside_attach)
{
	for (int i = 0; i < 200; i++) {
		int fd = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
		pthread_t thread;

		ASSERT_EQ(0, pthread_create(&thread, NULL, attach_to, (void *)(long)fd));
		for (int j = 0; j < 3; j++)
			EXPECT_TRUE(fdinfo_has(fd, "once:", "0"));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		close(fd);
	}
}

/* Names are charged, or one object could pin directory entries without end. */
TEST_F(fs, names_are_limited)
{
	char name[20];
	int fd, err, n;

	ASSERT_EQ(0, umount(SHS_DIR));
	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, "size=64k,size_user=64k"));
	fd = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	for (n = 0, err = 0; !err && n < 1000; n++) {
		snprintf(name, sizeof(name), "name%d", n);
		err = shs_link(fd, name);
	}
	EXPECT_EQ(-ENOSPC, err);
	EXPECT_LT(200, n);
	EXPECT_EQ(0, shs_unlink("name0"));
	EXPECT_EQ(0, shs_link(fd, "again"));
	EXPECT_EQ(-ENOSPC, shs_link(fd, name));
	EXPECT_EQ(0, rename(SHS_DIR "/name1", SHS_DIR "/name2"));
	EXPECT_EQ(-ENOSPC, shs_link(fd, name));
	EXPECT_EQ(0, shs_unlink("name2"));
	EXPECT_EQ(0, shs_link(fd, name));
	close(fd);
}

/* fdinfo says what the object is and who holds it, on both sorts of descriptor. */
TEST_F(fs, fdinfo)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	struct shs_att att;
	char pid[20];

	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_TRUE(fdinfo_has(fd, "kind:", "mutex"));
	EXPECT_TRUE(fdinfo_has(att.fd, "kind:", "mutex"));
	EXPECT_TRUE(fdinfo_has(fd, "waiters:", "0"));
	snprintf(pid, sizeof(pid), "%d", getpid());
	EXPECT_FALSE(fdinfo_has(fd, "holder:", pid));
	ASSERT_EQ(0, shs_lock(&att));
	EXPECT_TRUE(fdinfo_has(fd, "holder:", pid));
	EXPECT_TRUE(fdinfo_has(att.fd, "holder:", pid));
	ASSERT_EQ(0, shs_unlock(&att));
	EXPECT_FALSE(fdinfo_has(fd, "holder:", pid));
}

/* A descriptor that may not read the value does not show it there either. */
TEST_F(fs, fdinfo_of_write_only)
{
	int fd = named("hits"), wo = shs_open("hits", O_WRONLY);

	ASSERT_EQ(0, shs_write(fd, "77"));
	EXPECT_TRUE(fdinfo_has(fd, "value:", "77"));
	EXPECT_TRUE(fdinfo_has(wo, "kind:", ""));
	EXPECT_FALSE(fdinfo_has(wo, "value:", ""));
}

/* A process cannot write lines of its own there by the name that it gives itself. */
TEST_F(fs, fdinfo_is_not_forged)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	struct shs_att att;

	prctl(PR_SET_NAME, "x\nvalue:\t77");
	ASSERT_EQ(0, shs_attach(&att, fd));
	ASSERT_EQ(0, shs_lock(&att));
	EXPECT_TRUE(fdinfo_has(fd, "holder:", "x"));
	EXPECT_FALSE(fdinfo_has(fd, "value:", "77"));
	EXPECT_EQ(0, munmap(att.private, att.is.private_size));
	EXPECT_TRUE(fdinfo_has(fd, "death:", "x"));
	EXPECT_FALSE(fdinfo_has(fd, "value:", "77"));
}

/* An object cannot be mapped or executed itself: only its attachments can be mapped. */
TEST_F(fs, object_is_not_mappable)
{
	int fd = named("hits");

	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->page, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(0, fchmod(fd, 0755));
	close(fd);
	EXPECT_EQ(-1, execl(SHS_DIR "/hits", "hits", NULL));
	EXPECT_EQ(EACCES, errno);
}

TEST_HARNESS_MAIN
