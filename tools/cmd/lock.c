// SPDX-License-Identifier: GPL-2.0-only
/* Hold a lock while a command runs, in the manner of flock(1). */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "cmd.h"
#include "child.h"

static const char help[] =
	"Usage: shstate lock NAME [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	"       shstate lock NAME [OPTION]... -c COMMANDS\n"
	"Run COMMAND while holding the lock of NAME, a mutex or rwlock, or permits of a semaphore;\n"
	"one that is not there is created as a rwlock.\n\n"
	"  -s, --shared               a read lock (rwlock)\n"
	"  -x, --exclusive            a write lock, or the mutex: the default\n"
	"  -p, --permits N            so many permits (semaphore), 1 by default\n"
	"  -n, --no-wait              fail if it is held\n"
	"  -w, --wait SECONDS         fail if it is held for longer\n"
	"  -E, --conflict-exit-code N exit with N in these cases, not with 1\n"
	"      --no-create            fail if there is no such object\n"
	"  -R, --recover              also if its last owner died while it held it: COMMAND is to\n"
	"                             mend the value; if it exits with 0 that is good again\n"
	"  -c, --command COMMANDS     run this by /bin/sh\n"
	"  -v, --verbose              tell what happens\n"
	"  -h, --help\n\n"
	"This process, not the command, owns the lock: it passes on signals that it is sent, and\n"
	"exits as the command does (128 + N if signal N killed it). If it is killed itself the\n"
	"lock is released, COMMAND goes on, and the next owner is told that the owner died. One\n"
	"that was made --strict is then locked by nobody without --recover. Permits come back and\n"
	"nobody is told.\n"
	"Exit status else: 1 or N conflict; 125 trouble; 126 COMMAND cannot be run; 127 there is\n"
	"no COMMAND.\n\n"
	"Example:\n"
	"  shstate lock backup -n -E 75 -- rsync -a /home /backup\n"
	"  shstate lock licences --permits 2 -- make\n";

struct request {
	const char *name;
	struct shs_deadline deadline;
	bool shared, nowait, recover, no_create, verbose;
	uint32_t permits;	/* 0: not given */
	int conflict;
	char *shell[4];		/* of -c */
};

static int open_lock(const struct request *request, struct shs_object **object)
{
	static const struct shs_spec spec = {
		.kind = SHS_KIND_RWLOCK,
		.type = SHS_TYPE_I64,
		.mode = 0666,
	};
	unsigned int flags = request->shared ? SHS_OPEN_RDONLY : 0;
	int turns, ret = -EAGAIN;

	/* One lost between the two is somebody's success or removal: try again. */
	for (turns = 0; turns < 10000; turns++, sched_yield()) {
		ret = shs_object_open(request->name, flags, object);
		if (ret != -ENOENT || request->no_create)
			break;
		ret = shs_object_create(request->name, &spec, object);
		if (ret != -EEXIST)
			break;
	}
	if (ret < 0)
		explain_name(request->name, ret, ret == -ENOSPC || ret == -EDQUOT ? TO_CREATE :
			     request->shared ? TO_READ : TO_WRITE);
	return ret;
}

static int acquire(struct shs_object *object, const struct request *request)
{
	uint32_t permits = request->permits ? request->permits : 1;

	return request->nowait ? shs_semaphore_try_acquire(object, permits) :
				 shs_semaphore_acquire_until(object, permits, request->deadline);
}

static int lock(struct shs_object *object, const struct request *request, uint32_t *lane)
{
	if (object->kind == SHS_KIND_SEMAPHORE && !request->shared)
		return acquire(object, request);
	if (request->permits)
		return -EOPNOTSUPP;
	if (object->kind == SHS_KIND_MUTEX && !request->shared)
		return request->nowait ? shs_mutex_try_lock(object) :
					 shs_mutex_lock_until(object, request->deadline);
	if (object->kind == SHS_KIND_RWLOCK && !request->shared)
		return request->nowait ? shs_rwlock_try_write(object) :
					 shs_rwlock_write_until(object, request->deadline);
	if (object->kind == SHS_KIND_RWLOCK)
		return request->nowait ? shs_rwlock_try_read(object, lane) :
					 shs_rwlock_read_until(object, lane, request->deadline);
	return -EOPNOTSUPP;
}

/* One who unlocks a strict object after a death, without a word, loses it for all. */
static bool is_owed(struct shs_object *object, const struct request *request)
{
	struct shs_ioc_info info;

	return !request->shared && !shs_object_info(object, &info) &&
	       info.flags & SHS_INIT_STRICT && info.state & SHS_STATE_OWNER_DIED;
}

static void consistent(struct shs_object *object)
{
	if (object->kind == SHS_KIND_MUTEX)
		shs_mutex_consistent(object);
	else
		shs_rwlock_consistent(object);
}

static void abandon(struct shs_object *object)
{
	if (object->kind == SHS_KIND_MUTEX)
		shs_mutex_abandon(object);
	else
		shs_rwlock_abandon(object);
}

static void unlock(struct shs_object *object, const struct request *request, uint32_t lane)
{
	if (object->kind == SHS_KIND_SEMAPHORE)
		shs_semaphore_release(object, request->permits ? request->permits : 1);
	else if (object->kind == SHS_KIND_MUTEX)
		shs_mutex_unlock(object);
	else if (request->shared)
		shs_rwlock_read_unlock(object, lane);
	else
		shs_rwlock_write_unlock(object);
}

static void explain_bound(struct shs_object *object, const struct request *request)
{
	struct shs_ioc_op op = { .op = SHS_OP_LOAD, .index = 1 };

	if (shs_object_op(object, &op) < 0)
		op.result = 0;
	complain("%s: there will never be %u permits, for its bound is %llu: ask for fewer",
		 request->name, request->permits, (unsigned long long)op.result);
}

/* Returns the exit status of a failure to lock. */
static int explain_lock(struct shs_object *object, const struct request *request, int error)
{
	const char *how = request->shared ? "locked shared: only a rwlock can" :
			  request->permits ? "locked by --permits: only a semaphore can" : "locked";

	switch (-error) {
	case EBUSY:
	case ETIMEDOUT:
		if (request->verbose)
			explain_use(request->name, object, error, how);
		return request->conflict;
	case EINVAL:
		if (object->kind == SHS_KIND_SEMAPHORE) {
			explain_bound(object, request);
			return CHILD_TROUBLE;
		}
		/* fallthrough */
	default:
		explain_use(request->name, object, error, how);
		return CHILD_TROUBLE;
	}
}

/* The next owner is told as this one was, unless the command has mended it. */
static int run_owed(struct shs_object *object, const struct request *request, char **command)
{
	int status;

	if (!request->recover) {
		abandon(object);
		complain("%s: it was made --strict, so mend its value first: 'shstate lock %s --recover COMMAND'",
			 request->name, request->name);
		return CHILD_TROUBLE;
	}
	status = child_run(command);
	if (status) {
		abandon(object);
		return status;
	}
	consistent(object);
	unlock(object, request, 0);
	return status;
}

static int lock_and_run(struct shs_object *object, const struct request *request, char **command)
{
	uint32_t lane = 0;
	int ret = lock(object, request, &lane);

	if (ret == -EOWNERDEAD)
		warn_owner_died(request->name, object);
	else if (ret < 0)
		return explain_lock(object, request, ret);
	if (request->verbose)
		complain("%s: locked, running %s", request->name, command[0]);
	if (ret == -EOWNERDEAD && is_owed(object, request))
		return run_owed(object, request, command);
	ret = child_run(command);
	unlock(object, request, lane);
	return ret;
}

static bool take_number(const char *text, int *number)
{
	int64_t parsed;

	if (!parse_number(SHS_TYPE_U8, text, &parsed))
		return false;
	*number = parsed;
	return true;
}

static bool take_permits(const char *text, uint32_t *permits)
{
	int64_t number;

	if (!parse_number(SHS_TYPE_U32, text, &number))
		return false;
	if (!number)
		complain("--permits is 1 or more");
	*permits = number;
	return number;
}

enum { OPT_NO_CREATE = 256 };

static bool take_option(struct request *request, int option)
{
	uint64_t ns;

	switch (option) {
	case 's':
	case 'x':
		request->shared = option == 's';
		return true;
	case 'n':
		request->nowait = true;
		return true;
	case 'w':
		if (!parse_seconds(optarg, &ns))
			return false;
		request->deadline = shs_deadline_in(ns);
		return true;
	case 'p':
		return take_permits(optarg, &request->permits);
	case 'R':
		request->recover = true;
		return true;
	case 'E':
		return take_number(optarg, &request->conflict);
	case 'c':
		request->shell[0] = "/bin/sh";
		request->shell[1] = "-c";
		request->shell[2] = optarg;
		return true;
	case 'v':
		request->verbose = true;
		return true;
	case OPT_NO_CREATE:
		request->no_create = true;
		return true;
	}
	return false;
}

static const struct option options[] = {
	{ "shared", no_argument, NULL, 's' },
	{ "exclusive", no_argument, NULL, 'x' },
	{ "permits", required_argument, NULL, 'p' },
	{ "no-wait", no_argument, NULL, 'n' },
	{ "nonblock", no_argument, NULL, 'n' },		/* as flock(1) says */
	{ "wait", required_argument, NULL, 'w' },
	{ "timeout", required_argument, NULL, 'w' },	/* as flock(1) says */
	{ "conflict-exit-code", required_argument, NULL, 'E' },
	{ "recover", no_argument, NULL, 'R' },
	{ "no-create", no_argument, NULL, OPT_NO_CREATE },
	{ "command", required_argument, NULL, 'c' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

int cmd_lock(int argc, char **argv)
{
	struct args args = {
		argc, argv, help, "-sxp:nw:E:Rc:vh", options,
		.least = 1, .stop = 2, .trouble = CHILD_TROUBLE,
	};
	struct request request = { .deadline = shs_deadline_never(), .conflict = NO };
	struct shs_object *object;
	int option, status;

	while ((option = next_option(&args)) != -1) {
		if (!take_option(&request, option))
			return CHILD_TROUBLE;
	}
	if ((args.count == 1) == !request.shell[0])
		usage_error(&args, "lock: one of COMMAND and -c is needed");
	request.name = args.operands[0];
	if (open_lock(&request, &object) < 0)
		return CHILD_TROUBLE;
	status = lock_and_run(object, &request,
			      request.shell[0] ? request.shell : args.operands + 1);
	shs_object_close(object);
	return status;
}
