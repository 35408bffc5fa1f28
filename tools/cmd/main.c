// SPDX-License-Identifier: GPL-2.0-only
/* shstate: look at, make and change shared objects, and hold their locks. */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "create", cmd_create, "make an object" },
	{ "ls", cmd_ls, "list objects" },
	{ "show", cmd_show, "tell all about an object" },
	{ "get", cmd_get, "print a value" },
	{ "set", cmd_set, "change a value" },
	{ "add", cmd_add, "add to a number" },
	{ "cas", cmd_cas, "change a value if it is what is expected" },
	{ "wait", cmd_wait, "wait for a value, or until a once is done" },
	{ "notify", cmd_notify, "wake who waits" },
	{ "rm", cmd_rm, "remove a name" },
	{ "lock", cmd_lock, "run a command while holding a lock" },
	{ "freeze", cmd_freeze, "run a command while nobody can lock" },
	{ "watch", cmd_watch, "tell of values and holders as they change" },
	{ "trace", cmd_trace, "tell who waits for whom, how long, and who died" },
	{ "deadlocks", cmd_deadlocks, "find processes that wait for each other" },
	{ "export", cmd_export, "print numbers as metrics" },
	{ "save", cmd_save, "write all objects to a file" },
	{ "restore", cmd_restore, "make them again" },
	{ "info", cmd_info, "tell about the mount and the module" },
	{ "doctor", cmd_doctor, "find what keeps it from working, and the remedy" },
};

static void help(FILE *out)
{
	size_t i;

	fputs("Usage: shstate [-d FOLDER] COMMAND [ARGUMENT]...\n"
	      "State that processes share by name, guarded by the kernel.\n\n", out);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "  -d, --dir FOLDER   where names are, else $SHSTATE_DIR, else /dev/shstate\n"
	      "  -h, --help         this, or after COMMAND: its own help\n"
	      "  -V, --version\n\n"
	      "A NAME with a '/' is a path. Exit status: 0 done; 1 no (a value that is not\n"
	      "what was expected, a wait that took too long, a deadlock, a warning); 2 trouble.\n"
	      "\"lock\" and \"freeze\" return their command's.\n", out);
}

static int run(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[0], commands[i].name) == 0) {
			/* 0 makes getopt_long() begin anew. */
			optind = 0;
			return commands[i].run(argc, argv);
		}
	}
	complain("there is no command '%s'; 'shstate --help' lists them", argv[0]);
	return TROUBLE;
}

/* What could not be written was not done. */
static void check_stdout(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		complain("cannot write to the standard output");
		_Exit(TROUBLE);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	int option;

	atexit(check_stdout);
	while ((option = getopt_long(argc, argv, "+d:hV", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			set_usual_folder(optarg);
			break;
		case 'h':
			help(stdout);
			return SUCCESS;
		case 'V':
			printf("shstate %d.%d\n", SHS_VERSION_MAJOR, SHS_VERSION_MINOR);
			return SUCCESS;
		default:
			fputs("Try 'shstate --help'.\n", stderr);
			return TROUBLE;
		}
	}
	if (optind == argc || strcmp(argv[optind], "help") == 0) {
		help(optind == argc ? stderr : stdout);
		return optind == argc ? TROUBLE : SUCCESS;
	}
	return run(argc - optind, argv + optind);
}
