// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module comes and goes, and cannot go while anything of it is in use. These
 * tests unload it: nothing else may use it meanwhile. It is loaded from
 * SHSTATE_MODULE or /shstate.ko where that is there, else by modprobe.
 */
#include "shs.h"

#include <sys/socket.h>
#include <sys/syscall.h>

FIXTURE(module) {
	struct shs_att att;
};

static int load(void)
{
	const char *path = getenv("SHSTATE_MODULE") ?: "/shstate.ko";
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return system("modprobe shstate") ? -ENOENT : 0;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "shstate", O_NONBLOCK) ? -errno : 0;
}

/* What the last use held may be released a moment later, by a worker. */
static int unload_at_last(void)
{
	int ret;

	do {
		ret = unload();
		sched_yield();
	} while (ret == -EWOULDBLOCK);
	return ret;
}

static int mount_here(void)
{
	mkdir(SHS_DIR, 0755);
	return mount("shstate", SHS_DIR, "shstate", 0, NULL) ? -errno : 0;
}

static bool file_has(const char *path, const char *word)
{
	FILE *file = fopen(path, "r");
	char line[1000];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found |= strstr(line, word) != NULL;
	if (file)
		fclose(file);
	return found;
}

FIXTURE_SETUP(module)
{
	__u64 limit = shs_now(SHS_CLOCK_MONOTONIC) + 500000 * SHS_MS;
	int ret;

	while (!umount2(SHS_DIR, 0))
		;
	do {
		ret = unload();
		sched_yield();
	} while (ret == -EWOULDBLOCK && shs_now(SHS_CLOCK_MONOTONIC) < limit);
	if (ret == -EPERM)
		SKIP(return, "unloading needs root");
	if (ret == -EWOULDBLOCK)
		SKIP(return, "somebody uses the module");
	if (ret == -ENOENT && file_has("/proc/filesystems", "shstate"))
		SKIP(return, "it is built into the kernel");
	ASSERT_EQ(0, load());
	ASSERT_EQ(0, mount_here());
}

/* As it was found. */
FIXTURE_TEARDOWN(module)
{
	load();
	mount_here();
}

static int object(void)
{
	return shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
}

/* In use: it stays, and what is in use works on. Not any more: it goes. */
#define EXPECT_BUSY() do {							\
	EXPECT_EQ(-EWOULDBLOCK, unload());					\
	EXPECT_TRUE(file_has("/proc/modules", "shstate "));			\
} while (0)
#define EXPECT_GOES() do {							\
	EXPECT_EQ(0, unload_at_last());						\
	EXPECT_FALSE(file_has("/proc/modules", "shstate "));			\
} while (0)

/* A hundred times in and out, with everything used in between; nothing is left. */
TEST_F_TIMEOUT(module, hundred_times, 900)
{
	ASSERT_EQ(0, umount2(SHS_DIR, 0));
	for (int round = 0; round < 100; round++) {
		int fd;

		if (round)
			ASSERT_EQ(0, load());
		EXPECT_TRUE(file_has("/proc/filesystems", "shstate"));
		ASSERT_EQ(0, mount_here());
		fd = object();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, shs_link(fd, "named"));
		ASSERT_EQ(0, shs_attach(&self->att, fd));
		EXPECT_EQ(0, shs_lock(&self->att));
		munmap((void *)self->att.control, self->att.is.control_size);
		munmap(self->att.shared, self->att.is.shared_size);
		munmap(self->att.private, self->att.is.private_size);
		close(self->att.fd);
		close(fd);
		ASSERT_EQ(0, umount2(SHS_DIR, 0));
		EXPECT_GOES();
	}
	EXPECT_FALSE(file_has("/proc/filesystems", "shstate"));
	EXPECT_EQ(-1, access("/sys/module/shstate", F_OK));
	/* Caches that the kernel merges with others are not seen here. */
	EXPECT_FALSE(file_has("/proc/slabinfo", "shs"));
	EXPECT_EQ(-ENODEV, mount_here());
}

/* It is loaded once. */
TEST_F_TIMEOUT(module, loaded_twice, 900)
{
	if (access(getenv("SHSTATE_MODULE") ?: "/shstate.ko", R_OK))
		SKIP(return, "no module file: set SHSTATE_MODULE");
	EXPECT_EQ(-EEXIST, load());
	EXPECT_TRUE(file_has("/proc/filesystems", "shstate"));
}

/* Mounted, even empty. */
TEST_F_TIMEOUT(module, mounted, 900)
{
	EXPECT_BUSY();
	ASSERT_EQ(0, umount2(SHS_DIR, 0));
	EXPECT_GOES();
}

/* Each sort of descriptor keeps it, when nothing else does. */
TEST_F_TIMEOUT(module, directory_open, 900)
{
	int fd = shs_open(".", O_RDONLY);

	ASSERT_EQ(0, umount2(SHS_DIR, MNT_DETACH));
	EXPECT_BUSY();
	close(fd);
	EXPECT_GOES();
}

TEST_F_TIMEOUT(module, object_open, 900)
{
	int fd = object();

	ASSERT_EQ(0, umount2(SHS_DIR, MNT_DETACH));
	EXPECT_BUSY();
	EXPECT_EQ(0, shs_op(fd, &SHS_OP(WRITE, .arg = 1)));
	close(fd);
	EXPECT_GOES();
}

TEST_F_TIMEOUT(module, weak_reference, 900)
{
	int fd = object(), weak = shs_reopen(fd, O_PATH);

	close(fd);
	ASSERT_EQ(0, umount2(SHS_DIR, MNT_DETACH));
	EXPECT_BUSY();
	close(weak);
	EXPECT_GOES();
}

TEST_F_TIMEOUT(module, attachment_open, 900)
{
	int fd = object();

	ASSERT_EQ(0, shs_attach_only(&self->att, fd));
	close(fd);
	ASSERT_EQ(0, umount2(SHS_DIR, MNT_DETACH));
	EXPECT_BUSY();
	EXPECT_EQ(1, shs_info(self->att.fd).attachments);
	close(self->att.fd);
	EXPECT_GOES();
}

/* So does a mapping without any descriptor. */
TEST_F_TIMEOUT(module, mapped, 900)
{
	int fd = object();

	ASSERT_EQ(0, shs_attach(&self->att, fd));
	close(fd);
	close(self->att.fd);
	ASSERT_EQ(0, umount2(SHS_DIR, MNT_DETACH));
	EXPECT_BUSY();
	EXPECT_EQ(0, self->att.shared->word);
	munmap((void *)self->att.control, self->att.is.control_size);
	EXPECT_BUSY();
	munmap(self->att.private, self->att.is.private_size);
	EXPECT_BUSY();
	munmap(self->att.shared, self->att.is.shared_size);
	EXPECT_GOES();
}

/* And a descriptor on its way in a socket. */
TEST_F_TIMEOUT(module, in_a_socket, 900)
{
	int fd = object(), sockets[2];
	char control[CMSG_SPACE(sizeof(fd))] = "";
	struct iovec iov = { "x", 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	ASSERT_EQ(1, sendmsg(sockets[0], &message, 0));
	close(fd);
	ASSERT_EQ(0, umount2(SHS_DIR, MNT_DETACH));
	EXPECT_BUSY();
	close(sockets[0]);
	close(sockets[1]);
	EXPECT_GOES();
}

TEST_HARNESS_MAIN
