// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod-tests [-p PREFIX | -f PREFIX] [MUTANT...]
 *
 * Runs every registered test, or those whose names begin with PREFIX (-f: up to the
 * first failure), and prints KTAP.  Then each mutant: a build of this same program with
 * one rule of the module broken, named PREFIX.RULE, in which those tests must fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core.h"
#include "test.h"

#define TESTS_MAX	256
#define LIMIT_SECONDS	300	/* of one test: it hangs; the longest takes some seconds */
#define EXIT_REJECTED	3	/* anything else is a crash */

struct test {
	const char *name;
	void (*run)(void);
};

static struct test tests[TESTS_MAX];
static unsigned int count, passed, failed;
static jmp_buf *failure;
static char reason[256];
void (*test_on_failure)(void);

void test_add(const char *name, void (*run)(void))
{
	if (count == TESTS_MAX)
		abort();
	tests[count++] = (struct test){ name, run };
}

void env_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	longjmp(*failure, 1);
}

bool test_fails(void (*run)(void))
{
	jmp_buf here, *before = failure;
	bool fails = true;

	failure = &here;
	if (!setjmp(here)) {
		run();
		fails = false;
	}
	failure = before;
	return fails;
}

void test_note(const char *fmt, ...)
{
	va_list args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

static void report(bool ok, const char *name)
{
	if (ok)
		passed++;
	else
		failed++;
	printf("%sok %u %s\n", ok ? "" : "not ", passed + failed, name);
	fflush(stdout);
}

static void run_test(const struct test *t)
{
	bool ok;

	env_reset();
	test_on_failure = NULL;
	alarm(LIMIT_SECONDS);
	ok = !test_fails(t->run);
	if (!ok) {
		test_note("%s", reason);
		env_race = NULL;
		if (test_on_failure)
			test_on_failure();
	}
	report(ok, t->name);
}

/* In a child, silent: whether it found the broken rule. */
static void run_mutant(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char prefix[64], text[128];
	int status = -1;
	pid_t pid;

	snprintf(prefix, sizeof(prefix), "%.*s", (int)strcspn(name, "."), name);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(126);
		execl(path, path, "-f", prefix, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = -1;
	snprintf(text, sizeof(text), "rejects %s", name);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_REJECTED)
		test_note("wait status %#x of a build with a broken rule", (unsigned int)status);
	report(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REJECTED, text);
}

static bool selected(const struct test *t, const char *prefix)
{
	return !strncmp(t->name, prefix, strlen(prefix));
}

int main(int argc, char **argv)
{
	const char *prefix = "";
	bool one_failure = false;
	unsigned int i, plan = 0;
	int arg = 1;

	if (argc > 2 && (!strcmp(argv[1], "-p") || !strcmp(argv[1], "-f"))) {
		prefix = argv[2];
		one_failure = argv[1][1] == 'f';
		arg = 3;
	}
	for (i = 0; i < count; i++)
		plan += selected(&tests[i], prefix);
	printf("TAP version 13\n1..%u\n", plan + argc - arg);
	for (i = 0; i < count && !(one_failure && failed); i++)
		if (selected(&tests[i], prefix))
			run_test(&tests[i]);
	for (; arg < argc; arg++)
		run_mutant(argv[arg]);
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:0 error:0\n", passed, failed);
	return failed ? EXIT_REJECTED : 0;
}
