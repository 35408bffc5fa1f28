// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracefs.h"

const char *const trace_event_names[TRACE_EVENTS] = {
	[TRACE_CONTEND] = "contend", [TRACE_ACQUIRE] = "acquire", [TRACE_HANDOFF] = "handoff",
	[TRACE_RELEASE] = "release", [TRACE_DIED] = "owner_died",
};

static struct {
	char instance[PATH_MAX];
	int pipe;
	char text[8192];		/* read and not yet taken */
	size_t size;
} tracefs = { .pipe = -1 };

static bool find_tracefs(char *folder, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	bool found = false;

	while (mounts && !found && (entry = getmntent(mounts))) {
		found = strcmp(entry->mnt_type, "tracefs") == 0;
		if (found)
			snprintf(folder, size, "%s", entry->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
	return found;
}

static bool put(const char *name, const char *text)
{
	char path[PATH_MAX + 64];
	ssize_t put = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", tracefs.instance, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		put = write(fd, text, strlen(text));
		close(fd);
	}
	return put == (ssize_t)strlen(text);
}

static bool make_instance(void)
{
	char folder[PATH_MAX - 64];

	if (!find_tracefs(folder, sizeof(folder))) {
		complain("the kernel's traces are not mounted: run 'mount -t tracefs tracefs /sys/kernel/tracing' as root");
		return false;
	}
	snprintf(tracefs.instance, sizeof(tracefs.instance), "%s/instances/shstate-%d", folder,
		 getpid());
	if (mkdir(tracefs.instance, 0700) == 0)
		return true;
	if (errno == EACCES || errno == EPERM)
		complain("%s: you may not trace: run 'shstate trace' as root", folder);
	else
		complain("%s: %s", tracefs.instance, strerror(errno));
	*tracefs.instance = '\0';
	return false;
}

bool tracefs_begin(void)
{
	char path[PATH_MAX + 64];

	if (!make_instance())
		return false;
	put("trace_clock", "mono");
	snprintf(path, sizeof(path), "%s/trace_pipe", tracefs.instance);
	tracefs.pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (tracefs.pipe >= 0 && put("events/shstate/enable", "1") && put("tracing_on", "1"))
		return true;
	complain("the module has no tracepoints: run 'modprobe shstate' as root; if it is loaded, the kernel was built without them");
	tracefs_end();
	return false;
}

void tracefs_stop(void)
{
	put("tracing_on", "0");
}

void tracefs_end(void)
{
	put("events/shstate/enable", "0");
	if (tracefs.pipe >= 0)
		close(tracefs.pipe);
	tracefs.pipe = -1;
	if (*tracefs.instance && rmdir(tracefs.instance) < 0)
		complain("%s: cannot be removed: %s", tracefs.instance, strerror(errno));
	*tracefs.instance = '\0';
}

/* "  name-of-it-17  [001] d..1.  12.345678: shstate_acquire: object=5 ..." */
static void read_head(const char *text, size_t length, struct trace_line *line)
{
	const char *cpu = memrchr(text, '[', length), *end = text + length, *dash, *time;

	time = memrchr(text, ' ', length);
	time = time ? time + 1 : text;
	snprintf(line->time, sizeof(line->time), "%.*s", (int)(end - time), time);
	dash = cpu ? memrchr(text, '-', cpu - text) : NULL;
	if (!dash)
		return;
	line->tid = atoi(dash + 1);
	text += strspn(text, " ");
	snprintf(line->comm, sizeof(line->comm), "%.*s", (int)(dash - text), text);
}

static bool read_event(const char *text, struct trace_line *line)
{
	static const char mark[] = ": shstate_";
	const char *at = strstr(text, mark), *fields;
	size_t length, i;

	*line = (struct trace_line){ };
	if (!at)
		return false;
	read_head(text, at - text, line);
	at += strlen(mark);
	length = strcspn(at, ":");
	for (i = 0; i < TRACE_EVENTS; i++) {
		if (strlen(trace_event_names[i]) == length &&
		    strncmp(at, trace_event_names[i], length) == 0)
			break;
	}
	if (i == TRACE_EVENTS)
		return false;
	line->event = i;
	fields = at + length;
	return sscanf(fields, ": object=%llu kind=%u id=%u mode=%u %*[a-z_]=%llu", &line->object,
		      &line->kind, &line->id, &line->mode, &line->ns) >= 4;
}

/* Names are recorded for some threads only; one that lives can be asked for its own. */
static void find_comm(struct trace_line *line)
{
	char path[64];
	FILE *file;

	if (*line->comm && strcmp(line->comm, "<...>"))
		return;
	snprintf(path, sizeof(path), "/proc/%d/comm", line->tid);
	file = fopen(path, "re");
	if (!file || !fgets(line->comm, sizeof(line->comm), file))
		strcpy(line->comm, "?");
	line->comm[strcspn(line->comm, "\n")] = '\0';
	if (file)
		fclose(file);
}

static bool fill(void)
{
	size_t room = sizeof(tracefs.text) - 1 - tracefs.size;
	ssize_t got = read(tracefs.pipe, tracefs.text + tracefs.size, room);

	if (got > 0)
		tracefs.size += got;
	if (got == 0)
		errno = EAGAIN;
	tracefs.text[tracefs.size] = '\0';
	return got > 0;
}

int tracefs_read(struct trace_line *line)
{
	char *end;
	bool good, lost;

	for (;;) {
		end = memchr(tracefs.text, '\n', tracefs.size);
		if (!end && tracefs.size < sizeof(tracefs.text) - 1) {
			if (fill())
				continue;
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		}
		if (!end)		/* no line is that long */
			end = tracefs.text + tracefs.size - 1;
		*end = '\0';
		good = read_event(tracefs.text, line);
		lost = !good && strstr(tracefs.text, "LOST");
		if (lost)
			complain("more happened than could be shown: %s", tracefs.text);
		tracefs.size -= end + 1 - tracefs.text;
		memmove(tracefs.text, end + 1, tracefs.size);
		if (good) {
			find_comm(line);
			return 1;
		}
	}
}
