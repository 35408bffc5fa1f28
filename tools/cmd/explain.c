// SPDX-License-Identifier: GPL-2.0-only
/* An error names the object, the cause and the remedy. */
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "cmd.h"

void complain(const char *format, ...)
{
	va_list list;

	fflush(stdout);
	fputs("shstate: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

void *must_have(void *memory)
{
	if (!memory) {
		complain("out of memory");
		exit(TROUBLE);
	}
	return memory;
}

const char *usual_folder(void)
{
	const char *folder = getenv("SHSTATE_DIR");

	return folder && *folder ? folder : "/dev/shstate";
}

void set_usual_folder(const char *folder)
{
	setenv("SHSTATE_DIR", folder, 1);
}

static bool is_mounted(const char *folder)
{
	struct statfs fs;

	/* The type of the field differs between architectures. */
	return statfs(folder, &fs) == 0 && (uint32_t)fs.f_type == SHS_SUPER_MAGIC;
}

static bool is_loaded(void)
{
	FILE *file = fopen("/proc/filesystems", "re");
	char line[128];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, "\tshstate\n") != NULL;
	if (file)
		fclose(file);
	return found;
}

/* Only of the usual folder is it known that it is meant to be a mount. */
static void explain_mount(const char *name, const char *folder)
{
	struct stat st;
	const char *make = stat(folder, &st) == 0 ? "" : "mkdir -p ";
	const char *made = *make ? folder : "";
	const char *and = *make ? " && " : "";

	if (name && strcmp(folder, usual_folder()))
		complain("%s: %s is not a mount of shstate: give a name without '/' for an object in %s",
			 name, folder, usual_folder());
	else if (is_loaded())
		complain("%s is not mounted: run '%s%s%smount -t shstate shstate %s' as root",
			 folder, make, made, and, folder);
	else
		complain("%s is not mounted and the kernel module is not loaded: run 'modprobe shstate && %s%s%smount -t shstate shstate %s' as root",
			 folder, make, made, and, folder);
}

int explain_folder(const char *folder, int error)
{
	if (!is_mounted(folder))
		explain_mount(NULL, folder);
	else if (error == -EACCES)
		complain("%s: you may not read it: have it mounted with another mode=, uid= or gid=",
			 folder);
	else
		complain("%s: %s", folder, strerror(-error));
	return TROUBLE;
}

static void explain_permission(const char *name, const char *path, const char *folder,
			       enum intent intent)
{
	static const char *const what[] = {
		[TO_READ] = "read it",
		[TO_WRITE] = "change it",
	};
	struct stat st;
	struct passwd *user;
	struct group *group;

	if (intent == TO_CREATE || intent == TO_REMOVE) {
		complain("%s: you may not %s in %s: ask the owner of the object or of the folder",
			 name, intent == TO_CREATE ? "create" : "remove it", folder);
		return;
	}
	if (stat(path, &st) < 0) {
		complain("%s: %s: %s", name, path, strerror(errno));
		return;
	}
	user = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	complain("%s: you may not %s: it is %s:%s's with mode %04o; its owner can allow it with 'chmod ... %s'",
		 name, what[intent], user ? user->pw_name : "?", group ? group->gr_name : "?",
		 (unsigned int)st.st_mode & 07777, path);
}

static void explain_full(const char *name, const char *folder)
{
	struct statfs fs;

	if (statfs(folder, &fs) < 0)
		memset(&fs, 0, sizeof(fs));
	complain("%s: a limit of %s is reached (%llu of %llu objects, %llu of %llu KiB in use): remove objects, or raise it by 'mount -o remount,nr_objects=...,size=... %s' as root",
		 name, folder, (unsigned long long)(fs.f_files - fs.f_ffree),
		 (unsigned long long)fs.f_files,
		 (unsigned long long)(fs.f_blocks - fs.f_bfree) * fs.f_bsize / 1024,
		 (unsigned long long)fs.f_blocks * fs.f_bsize / 1024, folder);
}

/* Errors of opening, creating and removing. */
static void explain_path(const char *name, const char *path, const char *folder, int error,
			 enum intent intent)
{
	switch (-error) {
	case ENOENT:
		complain("%s: there is no such object: 'shstate ls' lists them, 'shstate create' makes one",
			 name);
		break;
	case EEXIST:
		complain("%s: there is such an object already: see 'shstate show %s', remove it with 'shstate rm %s', or use --existing if it is the same",
			 name, name, name);
		break;
	case EACCES:
	case EPERM:
		explain_permission(name, path, folder, intent);
		break;
	case ENOSPC:
		explain_full(name, folder);
		break;
	case EDQUOT:
		complain("%s: a user's share of %s is used up, yours or the owner's: remove objects, or have nr_objects_user= or size_user= of the mount raised",
			 name, folder);
		break;
	case ENOTTY:
	case EISDIR:
		complain("%s: %s is not a shared object", name, path);
		break;
	default:
		complain("%s: %s", name, strerror(-error));
		break;
	}
}

int explain_name(const char *name, int error, enum intent intent)
{
	char path[PATH_MAX], copy[PATH_MAX];
	const char *folder;

	switch (shs_name_path(name, path, sizeof(path))) {
	case -EINVAL:
		complain("'%s' is not a name", name);
		return TROUBLE;
	case -ENAMETOOLONG:
		complain("%s: the name is too long", name);
		return TROUBLE;
	case -EPROTONOSUPPORT:
		complain("%s: names with '://' are reserved for objects on other machines, which do not exist yet",
			 name);
		return TROUBLE;
	}
	strcpy(copy, path);
	folder = dirname(copy);
	if (is_mounted(folder))
		explain_path(name, path, folder, error, intent);
	else
		explain_mount(name, folder);
	return TROUBLE;
}

static void explain_busy(const char *name, struct shs_object *object, int error)
{
	bool waited = error == -ETIMEDOUT;
	const char *still = waited ? "still " : "";
	const char *remedy = waited ? "wait longer" : "wait for it with --wait";
	struct shs_ioc_info info;

	if (shs_object_info(object, &info) < 0)
		memset(&info, 0, sizeof(info));
	if (info.holder_pid)
		complain("%s is %sheld by pid %d (%.*s): %s, or see 'shstate show %s'", name, still,
			 info.holder_pid, (int)sizeof(info.holder_comm), info.holder_comm, remedy,
			 name);
	else if (object->kind == SHS_KIND_SEMAPHORE && !(info.state & SHS_STATE_FROZEN))
		complain("%s has %stoo few permits, for %u are held: %s, or see 'shstate show %s'",
			 name, still, info.readers, remedy, name);
	else if (info.readers && object->kind != SHS_KIND_SEMAPHORE)
		complain("%s is %sheld by %u reader%s: %s", name, still, info.readers,
			 info.readers == 1 ? "" : "s", remedy);
	else if (info.state & SHS_STATE_FROZEN)
		complain("%s is %sfrozen, by 'shstate freeze' perhaps: %s", name, still, remedy);
	else
		complain("%s is %sheld: %s", name, still, remedy);
}

static const char *last_death(struct shs_object *object, char *text, size_t size)
{
	struct shs_ioc_death death;

	if (shs_object_death(object, &death) < 0) {
		snprintf(text, size, "a process died");
		return text;
	}
	return shs_death_describe(&death, text, size);
}

void warn_owner_died(const char *name, struct shs_object *object)
{
	char text[128];

	complain("warning: %s: %s while it held it", name,
		 last_death(object, text, sizeof(text)));
}

static void explain_lost(const char *name, const struct shs_object *object, const char *done)
{
	if (object->kind == SHS_KIND_ONCE)
		complain("%s: cannot be %s: it is poisoned, for an initialiser died or gave up",
			 name, done);
	else if (has_value(object))
		complain("%s: cannot be %s: its value is lost, for an owner died and the next one did not mend it: look at it with 'shstate get --peek', write a good one with 'shstate set --recover'",
			 name, done);
	else
		complain("%s: cannot be %s: it is lost, for an owner died and the next one did not mend it: remove it and make it anew",
			 name, done);
}

/* Errors of operations. "done" completes "cannot be". */
int explain_use(const char *name, struct shs_object *object, int error, const char *done)
{
	char text[128];

	switch (-error) {
	case EOPNOTSUPP:
		complain("%s: of kind %s%s%s, which cannot be %s", name,
			 shs_kind_name(object->kind), object->type ? " and type " : "",
			 object->type ? shs_type_name(object->type) : "", done);
		break;
	case EBUSY:
	case ETIMEDOUT:
		explain_busy(name, object, error);
		break;
	case EUCLEAN:
		complain("%s: %s while it held it, so the value may be half changed: look at it with 'shstate get', then repeat with --recover",
			 name, last_death(object, text, sizeof(text)));
		break;
	case ERANGE:
		complain("%s: cannot be %s: the result would be out of range, which it was made to check",
			 name, done);
		break;
	case ENOTRECOVERABLE:
		explain_lost(name, object, done);
		break;
	case EDEADLK:
		complain("%s: cannot be %s: this would wait for itself, through others perhaps: 'shstate deadlocks' shows who waits for whom",
			 name, done);
		break;
	case EOVERFLOW:
		complain("%s: cannot be %s: it is locked too often by one thread", name, done);
		break;
	case ENODATA:
		complain("%s: cannot be %s: it has no value before it is done: 'shstate wait %s' waits for that",
			 name, done, name);
		break;
	case ENXIO:
		complain("%s: cannot be %s: it is live, and what this command adds would go with it at once",
			 name, done);
		break;
	case EACCES:
		explain_name(name, error, TO_WRITE);
		break;
	case ENOSPC:
	case EDQUOT:
		explain_name(name, error, TO_WRITE);
		break;
	default:
		complain("%s: cannot be %s: %s", name, done, strerror(-error));
		break;
	}
	return TROUBLE;
}
