// SPDX-License-Identifier: GPL-2.0-only
/*
 * The doctor: for each state that a machine may be in, laid out in a folder, the sentence,
 * the command and the exit status; and what it says of this machine.
 */
#include "command.h"

#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/statfs.h>

#define ROOT "/tmp/shstate-doctor"

FIXTURE(lib_doctor) {
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void remove_root(void)
{
	nftw(ROOT, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void lay_bytes(const char *path, const void *bytes, size_t size)
{
	char whole[300], *slash;
	int fd;

	snprintf(whole, sizeof(whole), ROOT "/%s", path);
	for (slash = whole + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(whole, 0755);
		*slash = '/';
	}
	if (!bytes) {
		if (mkdir(whole, 0755))
			abort();
		return;
	}
	fd = open(whole, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	close(fd);
}

/* A file below the root, or a folder if there is no text. */
static void lay(const char *path, const char *text)
{
	lay_bytes(path, text, text ? strlen(text) : 0);
}

/* As systemctl lays it: to where the unit is on that machine, and nothing is on this one. */
static void lay_link(const char *path)
{
	char whole[300];

	lay(path, "");
	snprintf(whole, sizeof(whole), ROOT "/%s", path);
	if (unlink(whole) || symlink("/nowhere/dev-shstate.mount", whole))
		abort();
}

static void take_away(const char *path)
{
	char whole[300];

	snprintf(whole, sizeof(whole), ROOT "/%s", path);
	if (remove(whole))
		abort();
}

#define SECURE_BOOT "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define MOK_LIST "sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23"
#define MODULE "lib/modules/6.12.1-test/updates/dkms/shstate.ko"

/* A machine that is well. */
FIXTURE_SETUP(lib_doctor)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	remove_root();
	lay("etc/os-release", "ID=debian\n");
	lay("etc/fstab", "shstate /dev/shstate shstate defaults 0 0\n");
	lay("proc/sys/kernel/osrelease", "6.12.1-test\n");
	lay("proc/sys/kernel/io_uring_disabled", "0\n");
	lay("proc/self/mounts", "shstate /dev/shstate shstate rw 0 0\n");
	lay("proc/self/status", "Name:\tshstate\nSeccomp:\t0\n");
	lay("proc/filesystems", "nodev\tproc\nnodev\tshstate\n");
	lay("lib/modules/6.12.1-test/build/Makefile", "");
	lay("lib/modules/6.12.1-test/modules.dep", "updates/dkms/shstate.ko:\n");
	lay(MODULE, "elf~Module signature appended~\n");
	lay("sys/module/shstate/version", "0.1\n");
	lay("sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	lay("dev/shstate", NULL);
}

FIXTURE_TEARDOWN(lib_doctor)
{
	remove_root();
}

#define EXPECT_DOCTOR(status) EXPECT_RUN(status, "doctor --root " ROOT)

static void unload(void)
{
	take_away("sys/module/shstate/version");
	take_away("sys/module/shstate");
	lay("proc/filesystems", "nodev\tproc\n");
}

static void take_module_away(void)
{
	take_away(MODULE);
	lay("lib/modules/6.12.1-test/modules.dep", "");
	unload();
}

static void lock_down(void)
{
	lay_bytes(SECURE_BOOT, "\6\0\0\0\1", 5);
	lay("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
}

/* Nothing is wrong, and nothing is advised. */
TEST_F(lib_doctor, well)
{
	EXPECT_DOCTOR(0);
	EXPECT_SAID("ok       kernel: 6.12.1-test\n");
	EXPECT_SAID("ok       module: /" MODULE "\n");
	EXPECT_SAID("ok       mount: /dev/shstate\n");
	EXPECT_SAID("ok       io_uring: available\n");
	EXPECT_SILENT("warning");
	EXPECT_SILENT("problem");
	EXPECT_SILENT("              ");
}

/* The same as JSON, one entry a check. */
TEST_F(lib_doctor, json)
{
	unload();
	EXPECT_RUN(2, "doctor -J --root " ROOT);
	drop_blanks();
	EXPECT_SAID("{\"doctor\":[{\"check\":\"kernel\",\"severity\":\"ok\",\"text\":\"6.12.1-test\"}");
	EXPECT_SAID("{\"check\":\"loaded\",\"severity\":\"problem\",\"text\":\"Themoduleisnotloaded.\",\"remedy\":\"modprobeshstate\"}");
}

TEST_F(lib_doctor, kernel)
{
	lay("proc/sys/kernel/osrelease", "5.10.0\n");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  kernel: Kernel 5.10.0 is too old: shstate needs 6.1 or later.\n"
		    "              apt upgrade\n");
}

/* One that is newer than what DKMS builds for: nothing is advised that DKMS refuses. */
TEST_F(lib_doctor, newer_kernel)
{
	lay("proc/sys/kernel/osrelease", "7.3.99-test\n");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("ok       kernel: 7.3.99-test\n");
	lay("proc/sys/kernel/osrelease", "7.4.0-test\n");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  kernel: Kernel 7.4.0-test is newer than what this shstate is tested on, and DKMS does not build for it: boot one from 6.1 to 7.3, or take a newer shstate.\n"
		    "              git pull && make install dkms-install\n");
	unload();
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  kernel: Kernel 7.4.0-test is newer");
	EXPECT_SAID("problem  module: There is no module for kernel 7.4.0-test: see the kernel, above.\n");
	EXPECT_SILENT("dkms install");
	EXPECT_SILENT("linux-headers");
}

/* Headers are missed only by who has to build. */
TEST_F(lib_doctor, headers)
{
	take_away("lib/modules/6.12.1-test/build/Makefile");
	EXPECT_DOCTOR(0);
	EXPECT_SAID("ok       headers: not installed, and not needed but to build\n");
	take_module_away();
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  headers: The headers of kernel 6.12.1-test are not installed");
	EXPECT_SAID("\n              apt install linux-headers-6.12.1-test\n");
	lay("etc/os-release", "ID=fedora\n");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("\n              dnf install kernel-devel-6.12.1-test\n");
}

TEST_F(lib_doctor, no_module)
{
	take_module_away();
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  module: No module was built for kernel 6.12.1-test");
	EXPECT_SAID("\n              make dkms-install\n");
	EXPECT_SAID("problem  loaded: The module is not loaded, for there is none to load.\n");
	lay("usr/src/shstate-0.1/dkms.conf", "");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  module: The source of shstate 0.1 is in /usr/src, but was not built");
	EXPECT_SAID("\n              dkms install shstate/0.1 -k 6.12.1-test\n");
}

/* DKMS failed: the end of its log. Of another kernel's log nothing is shown. */
TEST_F(lib_doctor, dkms)
{
	take_module_away();
	lay("var/lib/dkms/shstate/0.1/source", "");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  module: DKMS has shstate 0.1, but has not installed it for kernel 6.12.1-test.\n"
		    "              dkms install shstate/0.1 -k 6.12.1-test\n");
	lay("var/lib/dkms/shstate/0.1/build/make.log",
	    "DKMS make.log for shstate-0.1 for kernel 6.12.1-test (x86_64)\n"
	    "line 1\n2\n3\n4\n5\n6\n7\n8\n9\nmain.c:7: error: no such thing\nmake: Error 2\n");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  module: DKMS could not build shstate 0.1 for kernel 6.12.1-test; its log ends:\n");
	EXPECT_SAID("              main.c:7: error: no such thing\n"
		    "              make: Error 2\n"
		    "              dkms install shstate/0.1 -k 6.12.1-test\n");
	EXPECT_SILENT("line 1");
	take_away("lib/modules/6.12.1-test/build/Makefile");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("              apt install linux-headers-6.12.1-test && dkms install shstate/0.1 -k 6.12.1-test\n");
	lay("var/lib/dkms/shstate/0.1/build/make.log", "for kernel 5.9.9\nerror\n");
	EXPECT_DOCTOR(2);
	EXPECT_SILENT("5.9.9");
}

/* It is there but modprobe does not know; it is loaded but not there. */
TEST_F(lib_doctor, module_of_no_list)
{
	lay("lib/modules/6.12.1-test/modules.dep", "");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  module: It is /" MODULE ", which modprobe does not know of yet.\n"
		    "              depmod -a 6.12.1-test\n");
	take_away(MODULE);
	lay("lib/modules/6.12.1-test/kernel/drivers/misc/shstate/shstate.ko", "elf");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  module: It is /lib/modules/6.12.1-test/kernel/drivers/misc/shstate/shstate.ko, which");
	take_away("lib/modules/6.12.1-test/kernel/drivers/misc/shstate/shstate.ko");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  module: It is loaded but not installed, so the next boot will not find it.\n"
		    "              make install && depmod -a\n");
}

TEST_F(lib_doctor, not_loaded)
{
	unload();
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  loaded: The module is not loaded.\n"
		    "              modprobe shstate\n");
}

/* Only a kernel that wants a signature makes the lack of one a problem. */
TEST_F(lib_doctor, unsigned_module)
{
	unload();
	lay(MODULE, "elf");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("ok       signature: unsigned\n");
	EXPECT_SAID("ok       secure boot: off; lockdown off; unsigned modules are loaded too\n");
	lay("sys/module/module/parameters/sig_enforce", "Y\n");
	lay("sys/firmware/efi", NULL);
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  signature: The module is not signed, and this kernel loads signed ones only");
	EXPECT_SAID("\n              dkms generate_mok && dkms install --force shstate/0.1 -k 6.12.1-test\n");
}

#define MODINFO "#!/bin/sh\n[ \"$*\" = '-F sig_id " ROOT "/" MODULE ".xz' ] || exit 1\n"

/* Which modinfo tells of a packed module. */
TEST_F(lib_doctor, packed_module)
{
	unload();
	take_away(MODULE);
	lay(MODULE ".xz", "xz");
	lay("lib/modules/6.12.1-test/modules.dep", "updates/dkms/shstate.ko.xz:\n");
	setenv("PATH", ROOT "/bin", 1);
	EXPECT_DOCTOR(2);
	EXPECT_SAID("ok       signature: packed\n");

	lay("bin/modinfo", MODINFO);
	ASSERT_EQ(0, chmod(ROOT "/bin/modinfo", 0755));
	EXPECT_DOCTOR(2);
	EXPECT_SAID("ok       signature: unsigned\n");
	lay("bin/modinfo", MODINFO "echo PKCS#7\n");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("ok       signature: signed\n");
}

/* There is no firmware to take a key: however the module is signed, the kernel must ask less. */
TEST_F(lib_doctor, enforced_without_uefi)
{
	unload();
	lay("sys/module/module/parameters/sig_enforce", "Y\n");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  signature: The kernel was told to load only modules signed by a key that it knows, and without UEFI none can be enrolled: take module.sig_enforce or lockdown= out of its arguments.\n");
	EXPECT_SILENT("mokutil");
	EXPECT_SILENT("grub-mkconfig");
	EXPECT_SAID("              grep -rIlE 'module.sig_enforce|lockdown=' /boot /etc\n");
	lay("etc/kernel/cmdline", "module.sig_enforce=1\n");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("              sed -Ei 's/(module.sig_enforce|lockdown)(=\\w+)?//' /etc/kernel/cmdline && kernel-install add 6.12.1-test /boot/vmlinuz-6.12.1-test && reboot\n");
	lay("etc/default/grub", "GRUB_CMDLINE_LINUX=\"module.sig_enforce=1\"\n");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("              sed -Ei 's/(module.sig_enforce|lockdown)(=\\w+)?//' /etc/default/grub && grub-mkconfig -o /boot/grub/grub.cfg && reboot\n");
	take_away("sys/module/module/parameters/sig_enforce");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("ok       signature: signed\n");
}

/* Signed by a key that the firmware knows or not. */
TEST_F(lib_doctor, secure_boot)
{
	static const char key[] = "0\202a certificate\0with zeros";
	char list[100] = "\7\0\0\0....";

	lock_down();
	EXPECT_DOCTOR(0);
	EXPECT_SAID("ok       secure boot: on; lockdown on; only signed modules are loaded\n");
	unload();
	lay_bytes("var/lib/dkms/mok.pub", key, sizeof(key));
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  signature: The key of DKMS is not enrolled");
	EXPECT_SAID("\n              mokutil --import /var/lib/dkms/mok.pub && reboot\n");
	memcpy(list + 40, key, sizeof(key));
	lay_bytes(MOK_LIST, list, sizeof(list));
	EXPECT_DOCTOR(2);
	EXPECT_SAID("ok       signature: signed, by a key that is enrolled\n");
	lay(MODULE, "elf");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("\n              dkms install --force shstate/0.1 -k 6.12.1-test\n");
}

TEST_F(lib_doctor, mount)
{
	lay("proc/self/mounts", "tmpfs /tmp tmpfs rw 0 0\n");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  mount: Nothing of type shstate is mounted at /dev/shstate.\n"
		    "              mount -t shstate shstate /dev/shstate\n");
	take_away("dev/shstate");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("              mkdir -p /dev/shstate && mount -t shstate shstate /dev/shstate\n");
	lay("proc/self/mounts", "shstate /srv/names shstate rw 0 0\n");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  mount: It is mounted at /srv/names, but names are looked for in /dev/shstate.\n"
		    "              export SHSTATE_DIR=/srv/names\n");
}

/* By fstab or by a unit of systemd. */
TEST_F(lib_doctor, boot)
{
	lay("etc/fstab", "proc /proc proc defaults 0 0\n");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  boot: Neither /etc/fstab nor a unit of systemd mounts it at the next boot.\n"
		    "              echo 'shstate /dev/shstate shstate defaults,X-mount.mkdir 0 0' >>/etc/fstab\n");
	lay("usr/lib/systemd/system/dev-shstate.mount", "");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  boot: dev-shstate.mount is not enabled: at the next boot it is mounted only if another unit wants it.\n"
		    "              systemctl enable dev-shstate.mount\n");
	lay_link("etc/systemd/system/sysinit.target.wants/dev-shstate.mount");
	EXPECT_DOCTOR(0);
	EXPECT_SAID("ok       boot: mounted at each boot\n");
}

/* As "make install" with PREFIX=/usr/local lays it, and as another unit may want it. */
TEST_F(lib_doctor, boot_from_elsewhere)
{
	lay("etc/fstab", "");
	lay("usr/local/lib/systemd/system/dev-shstate.mount", "");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  boot: dev-shstate.mount is not enabled");
	lay_link("usr/local/lib/systemd/system/counts.service.requires/dev-shstate.mount");
	EXPECT_DOCTOR(0);
}

TEST_F(lib_doctor, permissions)
{
	EXPECT_EQ(0, chmod(ROOT "/dev/shstate", 0777));
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  permissions: Anybody may remove the names of anybody else in /dev/shstate.\n"
		    "              mount -o remount,mode=1777 /dev/shstate\n");
	EXPECT_EQ(0, chmod(ROOT "/dev/shstate", 01777));
	EXPECT_DOCTOR(0);
	EXPECT_SAID("ok       permissions: 1777, of user root and group root; anybody may create\n");
}

TEST_F(lib_doctor, uring)
{
	lay("proc/sys/kernel/io_uring_disabled", "2\n");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  io_uring: It is switched off for everybody");
	EXPECT_SAID("\n              sysctl -w kernel.io_uring_disabled=0\n");
	lay("proc/sys/kernel/io_uring_disabled", "1\n");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  io_uring: It is for administrators and the group of kernel.io_uring_group alone");
	lay("proc/sys/kernel/io_uring_disabled", "0\n");
	lay("proc/self/status", "Name:\tshstate\nSeccomp:\t2\n");
	EXPECT_DOCTOR(1);
	EXPECT_SAID("warning  io_uring: A seccomp filter is on that may block it here");
	EXPECT_SAID("\n              docker run -it --security-opt seccomp=unconfined -v /dev/shstate:/dev/shstate debian\n");
}

static int refuse_uring(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		abort();
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* 0 if the doctor says this where io_uring_setup() fails so. */
static int is_said_of(int error, const char *text)
{
	pid_t child = shs_fork();

	if (!child) {
		bool filters = access("/proc/sys/kernel/seccomp", F_OK) == 0;

		/* A kernel without filters, as UML, has none to tell of. */
		if (!refuse_uring(error) != filters)
			_exit(98);
		run("doctor");
		_exit(!strstr(said, filters ? text : "ok       io_uring: available\n"));
	}
	return shs_reap(child);
}

/* What this kernel really says: a filter as of a container, and as of no io_uring. */
TEST_F(lib_doctor, refused_uring)
{
	EXPECT_EQ(0, is_said_of(EPERM, "warning  io_uring: A seccomp filter blocks it here"));
	EXPECT_EQ(0, is_said_of(ENOSYS, "warning  io_uring: This kernel was built without CONFIG_IO_URING; ioctls do the same, one at a time. Boot one that has it:\n"
				"              grep -l CONFIG_IO_URING=y /boot/config-*\n"));
}

/* A full mount, which is a real one at that place. */
TEST_F(lib_doctor, limits)
{
	ASSERT_EQ(0, mount("shstate", ROOT "/dev/shstate", "shstate", 0,
			   "nr_objects=10,nr_objects_user=10"));
	lay("proc/self/mounts", "shstate /dev/shstate shstate rw,nr_objects=10,nr_objects_user=10 0 0\n");
	EXPECT_DOCTOR(0);
	EXPECT_SAID("ok       limits: 0 of 10 objects in use\n");
	EXPECT_SAID("ok       interface: level 1\n");
	for (int i = 0; i < 10; i++) {
		char line[64];

		if (i == 9) {
			EXPECT_DOCTOR(1);
			EXPECT_SAID("warning  limits: 9 of 10 objects in use: remove objects or raise the limit.\n"
				    "              mount -o remount,nr_objects=20 /dev/shstate\n");
		}
		snprintf(line, sizeof(line), "-d " ROOT "/dev/shstate create n%d counter", i);
		EXPECT_RUN(0, line);
	}
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  limits: 10 of 10 objects in use");
	EXPECT_EQ(0, umount(ROOT "/dev/shstate"));
}

/* One user's share, by default a quarter, is full before the mount is. */
TEST_F(lib_doctor, limit_of_user)
{
	ASSERT_EQ(0, mount("shstate", ROOT "/dev/shstate", "shstate", 0, "nr_objects=8"));
	EXPECT_RUN(0, "-d " ROOT "/dev/shstate create one counter");
	EXPECT_DOCTOR(0);
	EXPECT_SAID("ok       limits: 1 of 2 objects of user 0 in use\n");
	EXPECT_RUN(0, "-d " ROOT "/dev/shstate create two counter");
	EXPECT_DOCTOR(2);
	EXPECT_SAID("ok       limits: 2 of 8 objects in use\n");
	EXPECT_SAID("problem  limits: 2 of 2 objects of user 0 in use: remove objects or raise the limit.\n"
		    "              mount -o remount,nr_objects_user=4 /dev/shstate\n");
	lay("proc/self/mounts", "shstate /dev/shstate shstate rw,nr_objects=8,nr_objects_user=3 0 0\n");
	EXPECT_DOCTOR(0);
	EXPECT_SAID("ok       limits: 2 of 3 objects of user 0 in use\n");
	EXPECT_EQ(0, umount(ROOT "/dev/shstate"));
}

/* Memory: what the objects have taken fills the mount when it is made that small. */
TEST_F(lib_doctor, limit_of_size)
{
	char line[64];

	ASSERT_EQ(0, mount("shstate", ROOT "/dev/shstate", "shstate", 0, "size=16K,size_user=16K"));
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "-d " ROOT "/dev/shstate create n%d atomic", i);
		if (run(line))
			break;
	}
	EXPECT_DOCTOR(2);
	EXPECT_SAID("problem  limits: 16 of 16 KiB in use: remove objects or raise the limit.\n"
		    "              mount -o remount,size=32K /dev/shstate\n");
	EXPECT_EQ(0, umount(ROOT "/dev/shstate"));
}

TEST_F(lib_doctor, usage)
{
	EXPECT_RUN(2, "doctor --root /tmp/there-is-nothing");
	EXPECT_SAID("there is no 'proc' in it");
	EXPECT_RUN(2, "doctor word");
	EXPECT_RUN(2, "-d names doctor");
	EXPECT_SAID("give the folder by its whole path");
}

/* This guest loads the module by hand and mounts it by hand: warnings, no problem. */
TEST_F(lib_doctor, here)
{
	EXPECT_RUN(1, "doctor");
	EXPECT_SAID("ok       loaded: version ");
	EXPECT_SAID("ok       mount: /dev/shstate\n");
	EXPECT_SAID("ok       interface: level 1\n");
	EXPECT_SAID("warning  module: It is loaded but not installed");
	EXPECT_SILENT("problem");
	while (!umount(SHS_DIR))
		;
	EXPECT_RUN(2, "doctor");
	EXPECT_SAID("problem  mount: Nothing of type shstate is mounted at /dev/shstate.\n"
		    "              mount -t shstate shstate /dev/shstate\n");
}

TEST_HARNESS_MAIN
