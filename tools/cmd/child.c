// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "cmd.h"

/* SIGKILL and SIGSTOP cannot be passed on; SIGTTIN and SIGTTOU mean this process. */
static const int passed_on[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGTSTP,
	SIGWINCH,
};

static _Noreturn void execute(char **command, const sigset_t *mask)
{
	int error;

	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	error = errno;
	complain("%s: %s", command[0],
		 error == ENOENT ? "there is no such command" : strerror(error));
	_exit(error == ENOENT ? CHILD_NOT_THERE : CHILD_CANNOT_RUN);
}

/*
 * What the terminal sends goes to the whole group, hence to the child already;
 * what the child sends it does not want back.
 */
static void pass_on(const siginfo_t *info, pid_t child)
{
	if (info->si_code <= 0 && info->si_pid != child)
		kill(child, info->si_signo);
}

/*
 * What the terminal stops is stopped as one, so that the shell sees the job stop and
 * continues both. Who stops the child alone by SIGSTOP continues it alone. True when
 * it has ended.
 */
static bool has_ended(pid_t child, int *status)
{
	while (waitpid(child, status, WNOHANG | WUNTRACED) == child) {
		if (!WIFSTOPPED(*status))
			return true;
		if (WSTOPSIG(*status) != SIGSTOP)
			raise(SIGSTOP);
	}
	return false;
}

static int wait_for(pid_t child, const sigset_t *signals)
{
	siginfo_t info;
	int status;

	while (!has_ended(child, &status)) {
		if (sigwaitinfo(signals, &info) > 0 && info.si_signo != SIGCHLD)
			pass_on(&info, child);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(char **command)
{
	sigset_t signals, old;
	pid_t child;
	size_t i;

	/* A parent may have left it ignored, and then there is nothing to wait for. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	for (i = 0; i < ARRAY_SIZE(passed_on); i++)
		sigaddset(&signals, passed_on[i]);
	sigprocmask(SIG_BLOCK, &signals, &old);

	fflush(NULL);
	child = fork();
	if (child < 0) {
		complain("cannot fork: %s", strerror(errno));
		return CHILD_TROUBLE;
	}
	if (child == 0)
		execute(command, &old);
	return wait_for(child, &signals);
}
