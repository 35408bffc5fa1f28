// SPDX-License-Identifier: GPL-2.0-only
/* The demonstration of demo/, with small numbers: no request is lost, none counts twice. */
#include "lib.h"

FIXTURE(lib_prefork) {
};

FIXTURE_SETUP(lib_prefork)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
}

FIXTURE_TEARDOWN(lib_prefork)
{
}

/* Beside this program, in the folder of those that are no tests. */
static void prefork_path(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);

	path[len > 0 ? len : 0] = 0;
	if (strrchr(path, '/'))
		*strrchr(path, '/') = 0;
	snprintf(path + strlen(path), size - strlen(path), "/peer/prefork");
}

/* Its exit status says so: counted is what was answered, and nothing is left in flight. */
TEST_F(lib_prefork, no_request_lost)
{
	char path[300];
	pid_t child;

	prefork_path(path, sizeof(path));
	child = shs_fork();
	if (!child) {
		execl(path, "prefork", "shstate", "50", NULL);
		_exit(99);
	}
	EXPECT_EQ(0, shs_reap(child));
}

TEST_HARNESS_MAIN
