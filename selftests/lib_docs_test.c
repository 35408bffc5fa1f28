// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands that README.md and docs/ show, as they stand there, by a shell: tools/docs/commands
 * sees to it that each is here, or run elsewhere.  Capital words are names of files or objects as
 * well.
 */
#include "lib.h"

#define FOLDER "/tmp/shstate-docs"	/* new for each */

static const struct example {
	const char *command;
	const char *before;	/* the shell's: what there is */
	const char *works;	/* a process there, a counter's one; then it is killed */
	const char *waits;	/* there; then goes on by */
	const char *then;
	const char *after;	/* must be true */
	int status;		/* the command's */
} examples[] = {
	{ "shstate create hits counter",
	  .after = "[ $(shstate get hits) = 0 ]" },
	{ "echo +1 > /dev/shstate/hits",
	  .before = "shstate create hits counter",
	  .after = "[ $(shstate get hits) = 1 ]" },
	{ "shstate lock deploy -- ./deploy.sh",
	  .before = "shstate create deploy mutex;"
		    "executable deploy.sh '! shstate lock -n deploy -- true && touch deployed'",
	  .after = "[ -e deployed ] && shstate lock -n deploy -- true" },
	{ "shstate wait ready 0 -w 30",
	  .before = "shstate create ready atomic:i32",
	  .waits = "ready", .then = "shstate set ready 1 && shstate notify ready" },
	/* Nothing keeps it from working, but the module is loaded and not installed. */
	{ "shstate doctor",
	  .before = "mkdir -p /lib/modules && mount -t tmpfs tmpfs /lib/modules",
	  .after = "umount /lib/modules", .status = 1 },
	{ "shstate doctor --root DIR",
	  .before = "mkdir -p DIR/proc", .status = 2 },
	{ "shstate export",
	  .before = "shstate create hits counter" },
	{ "shstate save FILE",
	  .before = "shstate create hits counter && shstate add hits 3",
	  .after = "grep -q hits FILE" },
	{ "shstate restore FILE",
	  .before = "shstate create hits counter && shstate add hits 3 && shstate save FILE &&"
		    "shstate rm hits",
	  .after = "[ $(shstate get hits) = 3 ]" },
	{ "shstate wait --all left right -- eat",
	  .before = "shstate create left mutex; shstate create right mutex;"
		    "executable eat '! shstate lock -n left -- true && touch eaten'",
	  .after = "[ -e eaten ]" },
	{ "shstate wait --any 'jobs:>=1000' stopping",
	  .before = "shstate create jobs counter; shstate create stopping once",
	  .waits = "stopping", .then = "shstate add jobs 1000" },
	{ "shstate wait jobs --ge 1000",
	  .before = "shstate create jobs counter",
	  .waits = "jobs", .then = "shstate add jobs 1000" },
	{ "shstate wait workers --le 0",
	  .before = "shstate create workers counter --live",
	  .works = "workers", .waits = "workers" },
	{ "shstate lock work -- COMMAND",
	  .before = "shstate create work mutex; executable COMMAND 'touch done'",
	  .after = "[ -e done ]" },
	{ "shstate add hits 3",
	  .before = "shstate create hits counter",
	  .after = "[ $(shstate get hits) = 3 ]" },
	{ "shstate create hits counter --help-text 'requests answered'",
	  .after = "shstate export | grep -q 'requests answered'" },
	{ "shstate show NAME",
	  .before = "shstate create NAME mutex" },
	{ "df -i",
	  .after = "df -i | grep -q '^shstate  *65536 .* /dev/shstate$'" },
	{ "mount -t shstate -o size=1M shstate /dev/shstate",
	  .after = "df /dev/shstate | grep -q '^shstate  *1024 '" },
	{ "mount -o remount,size=1M /dev/shstate",
	  .after = "df /dev/shstate | grep -q '^shstate  *1024 '" },
};

FIXTURE(lib_docs) { };

FIXTURE_SETUP(lib_docs)
{
	unsetenv("SHSTATE_DIR");
	setenv("PATH", ".:/bin:/sbin:/usr/bin", 1);
}

FIXTURE_TEARDOWN(lib_docs) { }

static pid_t start(const char *text)
{
	pid_t child = shs_fork();

	if (!child) {
		execl("/bin/sh", "sh", "-c", text, NULL);
		_exit(99);
	}
	return child;
}

/* With a function that makes a script of that name and line. */
static int shell(const char *text)
{
	char all[1024];

	snprintf(all, sizeof(all), "executable() { echo \"$2\" >$1; chmod +x $1; }\n%s",
		 text ?: ":");
	return shs_reap(start(all));
}

static pid_t work_at(const char *counter)
{
	struct shs_pipe ready = shs_pipe();
	pid_t child = shs_fork();
	struct shs_object *object;

	if (!child) {
		if (shs_object_open(counter, 0, &object) || shs_counter_add(object, 0, 1))
			_exit(99);
		shs_say(&ready);
		pause();
		_exit(0);
	}
	shs_hear(&ready);
	return child;
}

static void show(struct __test_metadata *_metadata, const struct example *e)
{
	pid_t child, worker = 0;

	SHS_MOUNT("");
	ASSERT_EQ(0, shell("rm -rf " FOLDER " && mkdir " FOLDER));
	ASSERT_EQ(0, chdir(FOLDER));
	EXPECT_EQ(0, shell(e->before));
	if (e->works)
		worker = work_at(e->works);
	child = start(e->command);
	if (e->waits) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/dev/shstate/%s", e->waits);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, fd);
		SHS_AWAIT(fd, info.waiters == 1);
		close(fd);
		EXPECT_EQ(0, shell(e->then));
	}
	if (worker)
		EXPECT_EQ(-SIGKILL, shs_kill(worker));
	EXPECT_EQ(e->status, shs_reap(child)) TH_LOG("%s", e->command);
	EXPECT_EQ(0, shell(e->after)) TH_LOG("%s", e->command);
}

TEST_F(lib_docs, each)
{
	for (int i = 0; i < ARRAY_SIZE(examples); i++)
		show(_metadata, &examples[i]);
}

TEST_HARNESS_MAIN
