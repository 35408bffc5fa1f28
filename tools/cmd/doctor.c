// SPDX-License-Identifier: GPL-2.0-only
/*
 * What keeps shstate from working on this machine, and the command that mends it. All
 * is read from files, so that a test can lay them out below another root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <mntent.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "doctor.h"
#include "json.h"

static const char help[] =
	"Usage: shstate doctor [OPTION]...\n"
	"Look for what keeps shstate from working here: kernel, headers, module, signature,\n"
	"Secure Boot, mount and its permissions, limits, io_uring. For what is wrong a sentence\n"
	"and, indented, the command that mends it, to be run as root.\n\n"
	"  -J, --json       as JSON: a list \"doctor\" of \"check\", \"severity\" (\"ok\", \"warning\",\n"
	"                   \"problem\"), \"text\" and, where there are any, \"remedy\" and \"log\"\n"
	"      --root DIR   look at the mount, /proc, /sys, /lib, /usr, /var, /run, /etc below DIR\n"
	"  -h, --help\n\n"
	"Exit status: 0 all is well; 1 it works, with warnings; 2 it does not work.\n";

static struct {
	const char *root;
	enum severity worst;
	struct json_object *list;	/* for JSON */
} doctor = { .root = "" };

char *compose(const char *format, ...)
{
	va_list list;
	char *text;
	int ret;

	va_start(list, format);
	ret = vasprintf(&text, format, list);
	va_end(list);
	return must_have(ret < 0 ? NULL : text);
}

static void print_indented(const char *text)
{
	size_t length;

	while (*text) {
		length = strcspn(text, "\n");
		printf("              %.*s\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

void found(const char *check, enum severity severity, char *remedy, char *log,
	   const char *format, ...)
{
	static const char *const names[] = { "ok", "warning", "problem" };
	struct json_object *entry;
	va_list list;
	char *text;

	va_start(list, format);
	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	va_end(list);
	must_have(text);
	if (severity > doctor.worst)
		doctor.worst = severity;
	if (doctor.list) {
		entry = json_map();
		json_put_text(entry, "check", check);
		json_put_text(entry, "severity", names[severity]);
		json_put_text(entry, "text", text);
		json_put_text(entry, "remedy", remedy);
		json_put_text(entry, "log", log);
		json_append(doctor.list, entry);
	} else {
		printf("%-8s %s: %s\n", names[severity], check, text);
		print_indented(log ? log : "");
		print_indented(remedy ? remedy : "");
	}
	free(text);
	free(remedy);
	free(log);
}

char *path_below(const char *path)
{
	return compose("%s/%s", doctor.root, path);
}

bool is_there(const char *path)
{
	char *whole = path_below(path);
	bool there = access(whole, F_OK) == 0;

	free(whole);
	return there;
}

/* Files of /proc do not tell their size. */
char *read_below(const char *path, size_t *size)
{
	char *whole = path_below(path), *text = NULL, part[4096];
	FILE *file = fopen(whole, "re"), *out;
	size_t got, whole_size;

	free(whole);
	if (!file)
		return NULL;
	out = must_have(open_memstream(&text, &whole_size));
	while ((got = fread(part, 1, sizeof(part), file)) > 0)
		fwrite(part, 1, got, out);
	fclose(file);
	fclose(out);
	if (size)
		*size = whole_size;
	return must_have(text);
}

bool has_line_with(const char *path, const char *words)
{
	char *text = read_below(path, NULL);
	bool has = text && strstr(text, words);

	free(text);
	return has;
}

bool is_module_loaded(void)
{
	return is_there("sys/module/shstate") ||
	       has_line_with("proc/filesystems", "\tshstate\n");
}

static bool find_mount(const char *folder, char *other, size_t size)
{
	char *path = path_below("proc/self/mounts");
	FILE *mounts = setmntent(path, "re");
	struct mntent *entry;
	bool at_folder = false;

	free(path);
	*other = '\0';
	while (mounts && (entry = getmntent(mounts))) {
		if (strcmp(entry->mnt_type, "shstate"))
			continue;
		if (strcmp(entry->mnt_dir, folder) == 0)
			at_folder = true;
		else if (!*other)
			snprintf(other, size, "%s", entry->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
	return at_folder;
}

static void check_mount(const char *folder)
{
	bool has_folder = is_there(folder + 1);
	char other[256];

	if (find_mount(folder, other, sizeof(other)))
		found("mount", FINE, NULL, NULL, "%s", folder);
	else if (*other)
		found("mount", WARNING, compose("export SHSTATE_DIR=%s", other), NULL,
		      "It is mounted at %s, but names are looked for in %s.", other, folder);
	else
		found("mount", PROBLEM,
		      compose("%s%s%smount -t shstate shstate %s", has_folder ? "" : "mkdir -p ",
			      has_folder ? "" : folder, has_folder ? "" : " && ", folder),
		      NULL, "Nothing of type shstate is mounted at %s.", folder);
}

/* systemd's name for the unit, of a folder without characters that it would escape. */
static char *mount_unit(const char *folder)
{
	char *name = compose("%s.mount", folder + 1), *at;

	for (at = name; *at; at++) {
		if (*at == '/')
			*at = '-';
	}
	return name;
}

/* A unit is systemd's by its file, and enabled by a link to it beside what wants it. */
static bool has_unit(const char *unit, const char *beside)
{
	static const char *const places[] = { "etc", "run", "usr/local/lib", "usr/lib", "lib" };
	bool there = false;
	char *below, *path;
	glob_t matches;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places) && !there; i++) {
		below = compose("%s/systemd/system/%s%s", places[i], beside, unit);
		path = path_below(below);
		there = glob(path, GLOB_NOSORT, NULL, &matches) == 0;
		globfree(&matches);
		free(path);
		free(below);
	}
	return there;
}

static bool is_in_fstab(void)
{
	char *path = path_below("etc/fstab");
	FILE *table = setmntent(path, "re");
	struct mntent *entry;
	bool there = false;

	free(path);
	while (table && (entry = getmntent(table)))
		there = there || strcmp(entry->mnt_type, "shstate") == 0;
	if (table)
		endmntent(table);
	return there;
}

static void check_boot(const char *folder)
{
	char *unit = mount_unit(folder);

	if (is_in_fstab() || has_unit(unit, "*.wants/") || has_unit(unit, "*.requires/"))
		found("boot", FINE, NULL, NULL, "mounted at each boot");
	else if (has_unit(unit, ""))
		found("boot", WARNING, compose("systemctl enable %s", unit), NULL,
		      "%s is not enabled: at the next boot it is mounted only if another unit wants it.",
		      unit);
	else
		found("boot", WARNING,
		      compose("echo 'shstate %s shstate defaults,X-mount.mkdir 0 0' >>/etc/fstab",
			      folder),
		      NULL, "Neither /etc/fstab nor a unit of systemd mounts it at the next boot.");
	free(unit);
}

static void check_permissions(const char *folder)
{
	char *path = path_below(folder + 1);
	struct passwd *user;
	struct group *group;
	struct stat st;
	int ret = stat(path, &st);

	free(path);
	if (ret < 0)
		return;			/* the mount has been told of */
	if (st.st_mode & 0002 && !(st.st_mode & S_ISVTX)) {
		found("permissions", WARNING,
		      compose("mount -o remount,mode=%04o %s",
			      (unsigned int)(st.st_mode & 07777) | S_ISVTX, folder),
		      NULL, "Anybody may remove the names of anybody else in %s.", folder);
		return;
	}
	user = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	found("permissions", FINE, NULL, NULL, "%04o, of user %s and group %s; %s may create",
	      (unsigned int)st.st_mode & 07777, user ? user->pw_name : "?",
	      group ? group->gr_name : "?",
	      st.st_mode & 0002 ? "anybody" : st.st_mode & 0020 ? "the group" : "the user");
}

static bool is_mount(const char *folder, struct statfs *fs)
{
	char *path = path_below(folder + 1);
	int ret = statfs(path, fs);

	free(path);
	return ret == 0 && (uint32_t)fs->f_type == SHS_SUPER_MAGIC;
}

/* Full at 90 %, for what is a tenth today is little tomorrow. */
static void check_limit(const char *what, unsigned long long used, unsigned long long most,
			char *remedy)
{
	enum severity severity = used >= most ? PROBLEM : used >= most - most / 10 ? WARNING :
				 FINE;

	if (severity == FINE) {
		free(remedy);
		remedy = NULL;
	}
	found("limits", severity, remedy, NULL, "%llu of %llu %s in use%s", used, most, what,
	      severity == FINE ? "" : ": remove objects or raise the limit.");
}

static int compare_users(const void *a, const void *b)
{
	uid_t one = *(const uid_t *)a, other = *(const uid_t *)b;

	return (one > other) - (one < other);
}

/* The owner of every name in the folder, sorted; to be freed. */
static uid_t *list_owners(const char *folder, size_t *count)
{
	char *path = path_below(folder + 1);
	DIR *names = opendir(path);
	uid_t *owners = NULL;
	struct dirent *entry;
	struct stat st;

	free(path);
	*count = 0;
	while (names && (entry = readdir(names))) {
		if (*entry->d_name == '.' ||
		    fstatat(dirfd(names), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		owners = must_have(realloc(owners, (*count + 1) * sizeof(*owners)));
		owners[(*count)++] = st.st_uid;
	}
	if (names)
		closedir(names);
	if (owners)
		qsort(owners, *count, sizeof(*owners), compare_users);
	return owners;
}

/* How many objects one user may have: by the mount's option, or a quarter of all. */
static unsigned long long most_of_user(const char *folder, unsigned long long all)
{
	char *path = path_below("proc/self/mounts");
	FILE *mounts = setmntent(path, "re");
	unsigned long long most = all / 4 ? all / 4 : 1;
	struct mntent *entry;
	char *option;

	free(path);
	while (mounts && (entry = getmntent(mounts))) {
		option = hasmntopt(entry, "nr_objects_user");
		if (strcmp(entry->mnt_type, "shstate") == 0 &&
		    strcmp(entry->mnt_dir, folder) == 0 && option)
			most = strtoull(option + strlen("nr_objects_user="), NULL, 10);
	}
	if (mounts)
		endmntent(mounts);
	return most;
}

/* Of the user with the most that have a name. Bytes of users the module does not tell. */
static void check_user_limit(const char *folder, unsigned long long all)
{
	unsigned long long most = most_of_user(folder, all);
	size_t count, i, run = 0, used = 0;
	uid_t *owners = list_owners(folder, &count), user = 0;
	char *what;

	for (i = 0; i < count; i++) {
		run = i && owners[i] == owners[i - 1] ? run + 1 : 1;
		if (run > used) {
			used = run;
			user = owners[i];
		}
	}
	free(owners);
	if (!used)
		return;
	what = compose("objects of user %u", user);
	check_limit(what, used, most,
		    compose("mount -o remount,nr_objects_user=%llu %s", 2 * most, folder));
	free(what);
}

static void check_limits(const char *folder)
{
	unsigned long long used, most;
	struct statfs fs;

	if (!is_mount(folder, &fs))
		return;
	most = fs.f_files;
	check_limit("objects", most - fs.f_ffree, most,
		    compose("mount -o remount,nr_objects=%llu %s", 2 * most, folder));
	check_user_limit(folder, most);
	most = (unsigned long long)fs.f_blocks * fs.f_bsize / 1024;
	used = most - (unsigned long long)fs.f_bfree * fs.f_bsize / 1024;
	check_limit("KiB", used, most,
		    compose("mount -o remount,size=%lluK %s", 2 * most, folder));
}

static void check_abi(const char *folder)
{
	char *path = path_below(folder + 1);
	struct shs_ioc_abi abi;
	int ret = shs_abi(path, &abi);

	free(path);
	if (ret < 0)
		return;
	if (abi.abi_level >= SHS_ABI_LEVEL)
		found("interface", FINE, NULL, NULL, "level %u", abi.abi_level);
	else
		found("interface", PROBLEM,
		      compose("umount %s && rmmod shstate && modprobe shstate", folder), NULL,
		      "The loaded module has level %u of the interface and this command %d: load the present one.",
		      abi.abi_level, SHS_ABI_LEVEL);
}

/* Asks for a ring of no entries, which is refused for another reason where it is allowed. */
static int try_uring(void)
{
	if (*doctor.root)
		return 0;
	syscall(SYS_io_uring_setup, 0, NULL);
	return errno == EPERM || errno == EACCES || errno == ENOSYS ? -errno : 0;
}

static bool is_filtered(void)
{
	return has_line_with("proc/self/status", "\nSeccomp:\t2");
}

/* Nothing needs it: batches and single operations have their ioctls too. */
static void check_uring(const char *folder)
{
	char *text = read_below("proc/sys/kernel/io_uring_disabled", NULL);
	int disabled = text ? atoi(text) : 0, ret = try_uring();

	free(text);
	if (disabled == 2)
		found("io_uring", WARNING, compose("sysctl -w kernel.io_uring_disabled=0"), NULL,
		      "It is switched off for everybody; ioctls do the same, one at a time.");
	else if (disabled == 1)
		found("io_uring", WARNING, compose("sysctl -w kernel.io_uring_disabled=0"), NULL,
		      "It is for administrators and the group of kernel.io_uring_group alone; ioctls do the same.");
	else if (ret == -ENOSYS)
		found("io_uring", WARNING, compose("grep -l CONFIG_IO_URING=y /boot/config-*"), NULL,
		      "This kernel was built without CONFIG_IO_URING; ioctls do the same, one at a time. Boot one that has it:");
	else if (ret < 0 || (*doctor.root && is_filtered()))
		found("io_uring", WARNING,
		      compose("docker run -it --security-opt seccomp=unconfined -v %s:%s debian",
			      folder, folder),
		      NULL, "A seccomp filter %s here, as of a container; ioctls do the same. A container without a filter:",
		      ret < 0 ? "blocks it" : "is on that may block it");
	else
		found("io_uring", FINE, NULL, NULL, "available");
}

static void check_all(void)
{
	const char *folder = usual_folder();

	check_kernel();
	check_headers();
	check_module();
	check_secure_boot();
	check_signature();
	check_loaded();
	check_mount(folder);
	check_boot(folder);
	check_permissions(folder);
	check_limits(folder);
	check_abi(folder);
	check_uring(folder);
}

enum { OPT_ROOT = 256 };

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'J' },
		{ "root", required_argument, NULL, OPT_ROOT },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-Jh", options, .least = 0, .most = 0,
	};
	int option;

	while ((option = next_option(&args)) != -1) {
		if (option == 'J')
			doctor.list = json_list();
		else
			doctor.root = optarg;
	}
	if (args.count)
		usage_error(&args, "doctor: '%s' is too much", args.operands[0]);
	if (*doctor.root && !is_there("proc")) {
		complain("%s: there is no 'proc' in it to look at", doctor.root);
		return TROUBLE;
	}
	if (*usual_folder() != '/') {
		complain("%s: give the folder by its whole path", usual_folder());
		return TROUBLE;
	}
	check_all();
	if (doctor.list)
		json_print_document("doctor", doctor.list);
	return doctor.worst == PROBLEM ? TROUBLE : doctor.worst == WARNING ? NO : SUCCESS;
}
