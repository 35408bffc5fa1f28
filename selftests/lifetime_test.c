// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ephemeral objects: their one name goes with the last open file, however that ends,
 * and until then they are objects like any other.
 */
#include "shs.h"
#include <dirent.h>
#include <stdio.h>
#include <sys/vfs.h>

FIXTURE(lifetime) {
	struct statfs empty;
};

FIXTURE_SETUP(lifetime)
{
	SHS_MOUNT("nr_objects=64,nr_objects_user=64");
	ASSERT_EQ(0, statfs(SHS_DIR, &self->empty));
}

FIXTURE_TEARDOWN(lifetime)
{
}

static int ephemeral(void)
{
	return shs_create_as(&SHS_INIT(.kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U32, .count = 1,
				       .flags = SHS_INIT_EPHEMERAL));
}

/* Ready under that name, and open for reading and writing. */
static int named(const char *name)
{
	int fd = ephemeral();

	if (fd < 0 || shs_link(fd, name))
		abort();
	return fd;
}

static int names(void)
{
	DIR *dir = opendir(SHS_DIR);
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static int move(const char *from, const char *to, unsigned int flags)
{
	char old[300], new[300];

	snprintf(old, sizeof(old), SHS_DIR "/%s", from);
	snprintf(new, sizeof(new), SHS_DIR "/%s", to);
	return renameat2(AT_FDCWD, old, AT_FDCWD, new, flags) ? -errno : 0;
}

/* Nothing is left: no name, no object, no memory. Freeing an inode may take a moment. */
#define EXPECT_NOTHING_LEFT() do {						\
	struct statfs now;							\
										\
	EXPECT_EQ(0, names());							\
	do {									\
		ASSERT_EQ(0, statfs(SHS_DIR, &now));				\
	} while (now.f_ffree != self->empty.f_ffree ||				\
		 now.f_bfree != self->empty.f_bfree);				\
} while (0)

/* Every kind can be. */
TEST_F(lifetime, kinds)
{
	static const struct shs_ioc_init inits[] = {
		{ .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U8, .count = 1 },
		{ .kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64, .count = 1,
		  .flags = SHS_INIT_CHECK },
		{ .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_BYTES, .count = 9,
		  .flags = SHS_INIT_FIFO },
		{ .kind = SHS_KIND_RWLOCK },
		{ .kind = SHS_KIND_CONDVAR },
		{ .kind = SHS_KIND_ONCE, .flags = SHS_INIT_POISON },
		{ .kind = SHS_KIND_CELL, .type = SHS_TYPE_U8, .count = 1 },
	};

	for (int i = 0; i < ARRAY_SIZE(inits); i++) {
		struct shs_ioc_init init = inits[i];
		int fd;

		init.size = sizeof(init);
		init.flags |= SHS_INIT_EPHEMERAL;
		fd = shs_create_as(&init);
		ASSERT_LE(0, fd) TH_LOG("kind %u", init.kind);
		EXPECT_EQ(init.flags, shs_info(fd).flags);
		EXPECT_EQ(0, shs_link(fd, "kind"));
		EXPECT_EQ(1, shs_info(fd).links);
		EXPECT_EQ(1, names());
		EXPECT_EQ(0, close(fd));
		EXPECT_NOTHING_LEFT();
	}
}

/* The name lasts as long as anybody has it open, in whatever way. */
TEST_F(lifetime, last_file)
{
	int fd = named("e"), ro = shs_open("e", O_RDONLY), wo = shs_open("e", O_WRONLY), copy;

	EXPECT_EQ(3, shs_info(fd).opens);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, close(wo));
	EXPECT_EQ(1, shs_info(ro).links);
	copy = dup(ro);
	EXPECT_EQ(0, close(ro));
	fd = shs_open("e", O_RDWR);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, close(copy));
	EXPECT_EQ(0, shs_load(fd, 0));
	EXPECT_EQ(1, names());
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-ENOENT, shs_open("e", O_RDONLY));
	EXPECT_NOTHING_LEFT();
	/* The name is free again. */
	fd = named("e");
	EXPECT_EQ(0, close(fd));
	EXPECT_NOTHING_LEFT();
}

/* Others outlive their files. */
TEST_F(lifetime, others_stay)
{
	int fd = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1), e = named("e");

	EXPECT_EQ(0, shs_link(fd, "stays"));
	EXPECT_EQ(0, shs_link(fd, "too"));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, close(e));
	EXPECT_EQ(2, names());
	EXPECT_EQ(0, shs_unlink("stays"));
	EXPECT_EQ(0, shs_unlink("too"));
	EXPECT_NOTHING_LEFT();
}

/* One name. */
TEST_F(lifetime, second_name)
{
	int other = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1), fd = ephemeral();

	EXPECT_EQ(0, shs_link(other, "taken"));
	EXPECT_EQ(-EEXIST, shs_link(fd, "taken"));	/* which did not count */
	EXPECT_EQ(0, shs_link(fd, "e"));
	EXPECT_EQ(-EMLINK, shs_link(fd, "f"));
	EXPECT_EQ(-EEXIST, shs_link(fd, "taken"));
	EXPECT_EQ(-1, link(SHS_DIR "/e", SHS_DIR "/f"));
	EXPECT_EQ(EMLINK, errno);
	EXPECT_EQ(-ENOENT, shs_open("f", O_RDONLY));
	EXPECT_EQ(1, shs_info(fd).links);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-ENOENT, shs_open("e", O_RDONLY));
	EXPECT_EQ(0, shs_unlink("taken"));
	EXPECT_EQ(0, close(other));
	EXPECT_NOTHING_LEFT();
}

/* Without a name, or without it any more, it is an object without a name. */
TEST_F(lifetime, no_name)
{
	int fd = ephemeral();

	EXPECT_EQ(0, close(fd));
	EXPECT_NOTHING_LEFT();
	fd = named("e");
	EXPECT_EQ(0, shs_unlink("e"));
	EXPECT_EQ(0, shs_info(fd).links);
	EXPECT_EQ(0, shs_op(fd, &SHS_OP(STORE, .arg = 1)));
	EXPECT_EQ(0, close(fd));
	EXPECT_NOTHING_LEFT();
}

/* Its name may become another, and that one goes. */
TEST_F(lifetime, renamed)
{
	int fd = named("e"), other = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1);

	EXPECT_EQ(0, move("e", "f", 0));
	EXPECT_EQ(1, shs_info(fd).links);
	EXPECT_EQ(-ENOENT, shs_open("e", O_RDONLY));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, names());

	/* In place of another; another in its place. */
	EXPECT_EQ(0, shs_link(other, "o"));
	fd = named("e");
	EXPECT_EQ(0, move("e", "o", 0));
	EXPECT_EQ(0, shs_info(other).links);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, names());
	EXPECT_EQ(0, close(other));
	other = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1);
	EXPECT_EQ(0, shs_link(other, "o"));
	fd = named("e");
	EXPECT_EQ(0, move("o", "e", 0));
	EXPECT_EQ(0, shs_info(fd).links);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(1, names());
	EXPECT_EQ(1, shs_info(other).links);

	/* The two exchanged. */
	fd = named("f");
	EXPECT_EQ(0, move("e", "f", RENAME_EXCHANGE));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-ENOENT, shs_open("e", O_RDONLY));
	fd = shs_open("f", O_RDWR);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, shs_unlink("f"));
	EXPECT_EQ(0, close(other));
	EXPECT_NOTHING_LEFT();
}

/* Two of them in one place: the replaced one has no name, the other that one. */
TEST_F(lifetime, renamed_onto_another)
{
	int first = named("e"), second = named("f");

	EXPECT_EQ(0, move("e", "f", 0));
	EXPECT_EQ(1, shs_info(first).links);
	EXPECT_EQ(0, shs_info(second).links);
	EXPECT_EQ(0, close(second));
	EXPECT_EQ(1, names());
	EXPECT_EQ(0, close(first));
	EXPECT_NOTHING_LEFT();
}

/* A file that is none does not keep it. */
TEST_F(lifetime, path)
{
	int fd = named("e"), path = shs_open("e", O_PATH);

	EXPECT_EQ(1, shs_info(fd).opens);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, names());
	EXPECT_EQ(-ENOENT, shs_reopen(path, O_RDWR));
	EXPECT_EQ(-ENOENT, shs_open("e", O_RDWR));
	EXPECT_GT(0, shs_link(path, "again"));
	EXPECT_EQ(0, close(path));
	EXPECT_NOTHING_LEFT();
}

/* An attachment does, and the mapping of one. */
TEST_F(lifetime, attached)
{
	struct shs_att att;
	int fd = named("e");

	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(1, shs_info(att.fd).links);
	fd = shs_open("e", O_RDWR);
	EXPECT_EQ(0, shs_op(fd, &SHS_OP(STORE, .arg = 7)));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, close(att.fd));
	EXPECT_EQ(7, *(__u32 *)shs_value(&att));
	EXPECT_EQ(1, names());
	EXPECT_EQ(0, munmap((void *)att.control, att.is.control_size));
	EXPECT_EQ(0, munmap(att.private, att.is.private_size));
	EXPECT_EQ(1, names());
	EXPECT_EQ(0, munmap(att.shared, att.is.shared_size));
	EXPECT_NOTHING_LEFT();
}

/* A child that has it, by name if there is one. */
static pid_t holder(const char *name, int attached)
{
	struct shs_pipe ready = shs_pipe();
	pid_t child = shs_fork();

	if (!child) {
		int fd = shs_open(name, O_RDWR);
		struct shs_att att;

		if (fd == -ENOENT)
			fd = named(name);
		if (attached && shs_attach(&att, fd))
			_exit(1);
		shs_say(&ready);
		for (;;)
			pause();
	}
	shs_hear(&ready);
	close(ready.end[0]);
	close(ready.end[1]);
	return child;
}

/* Those who have it are killed, one after the other. */
TEST_F(lifetime, killed)
{
	for (int attached = 0; attached < 2; attached++) {
		pid_t child[3];

		for (int i = 0; i < 3; i++)
			child[i] = holder("e", attached);
		for (int i = 0; i < 3; i++) {
			EXPECT_EQ(1, names());
			EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
		}
		EXPECT_NOTHING_LEFT();
	}
}

/* A child of the dead one that has its files keeps it. */
TEST_F(lifetime, kept_by_a_child)
{
	struct shs_pipe ready = shs_pipe(), over = shs_pipe();
	pid_t child = shs_fork();

	if (!child) {
		named("e");
		if (!fork()) {
			shs_say(&ready);
			shs_gate_pass(&over);
			_exit(0);
		}
		close(over.end[1]);
		for (;;)
			pause();
	}
	shs_hear(&ready);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(1, names());
	shs_gate_open(&over);
	while (names())
		sched_yield();
	EXPECT_NOTHING_LEFT();
}

/* Waiters in it, who die with it. */
TEST_F(lifetime, waited_for)
{
	int fd = named("e");
	pid_t child = shs_fork();

	if (!child)
		_exit(-shs_op(fd, &SHS_OP(WAIT, .deadline = SHS_FOREVER)));
	SHS_AWAIT(fd, info.waiters == 1);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(1, names());
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_NOTHING_LEFT();
}

/* What is gone makes room at once. */
TEST_F(lifetime, room)
{
	for (int i = 0; i < 200; i++) {
		int fd = named("e");

		ASSERT_LE(0, fd);
		EXPECT_EQ(0, close(fd));
		EXPECT_NOTHING_LEFT();
	}
}

/* The last close in the way of an umount, and a mount that is gone but for the file. */
TEST_F(lifetime, umount)
{
	int fd = named("e");

	EXPECT_EQ(-1, umount(SHS_DIR));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(0, umount2(SHS_DIR, MNT_DETACH));
	EXPECT_EQ(0, shs_load(fd, 0));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, ""));
	fd = named("e");
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, umount(SHS_DIR));
}

/* In a directory that one may not write it goes all the same: it is not the user's act. */
TEST_F(lifetime, without_rights)
{
	pid_t child;
	int fd = named("e");

	EXPECT_EQ(0, chmod(SHS_DIR "/e", 0666));
	EXPECT_EQ(0, chmod(SHS_DIR, 0555));
	child = shs_fork();
	if (!child) {
		int own;

		shs_become_nobody();
		own = shs_open("e", O_RDONLY);
		if (own < 0 || shs_unlink("e") != -EACCES)
			_exit(1);
		close(fd);
		raise(SIGSTOP);
		_exit(0);
	}
	EXPECT_EQ(child, waitpid(child, &(int){ 0 }, WUNTRACED));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(1, names());
	kill(child, SIGCONT);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_NOTHING_LEFT();
}

/* Who opens it while it goes has it whole, or there is none. */
TEST_F(lifetime, races)
{
	unsigned long rounds = shs_scale(1000);
	struct shs_pipe gate = shs_pipe();
	pid_t child[4];

	for (int i = 0; i < 4; i++) {
		child[i] = shs_fork();
		if (child[i])
			continue;
		shs_gate_pass(&gate);
		for (unsigned long n = 0; n < rounds; n++) {
			int fd = i ? shs_open("e", O_RDWR) : ephemeral(), ret;

			if (fd == -ENOENT && i)
				continue;
			if (fd < 0)
				_exit(1);
			ret = i ? 0 : shs_link(fd, "e");
			if (ret && ret != -EEXIST)
				_exit(2);
			if (i == 1) {
				ret = shs_link(fd, "f");
				/* -ENOENT: renamed or removed meanwhile */
				if (ret != -EMLINK && ret != -ENOENT)
					_exit(3);
			}
			if (i == 2) {
				ret = move("e", "e2", 0) ?: move("e2", "e", 0);
				if (ret && ret != -ENOENT)
					_exit(4);
			}
			if (i == 3) {
				ret = shs_unlink("e");
				if (ret && ret != -ENOENT)
					_exit(5);
			}
			if (shs_op(fd, &SHS_OP(FETCH_ADD, .arg = 1)))
				_exit(6);
			close(fd);
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_NOTHING_LEFT();
	EXPECT_EQ(0, umount(SHS_DIR));
}

TEST_HARNESS_MAIN
