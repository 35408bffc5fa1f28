// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

void usage_error(const struct args *args, const char *format, ...)
{
	va_list list;

	fputs("shstate: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, "\nTry 'shstate %s --help'.\n", args->argv[0]);
	exit(args->trouble ? args->trouble : TROUBLE);
}

static void take(struct args *args, char *operand)
{
	if (!args->operands)
		args->operands = must_have(calloc(args->argc, sizeof(char *)));
	args->operands[args->count++] = operand;
}

static bool is_negative_number(const char *text)
{
	return text[0] == '-' && isdigit((unsigned char)text[1]);
}

static void finish(struct args *args)
{
	while (optind < args->argc)
		take(args, args->argv[optind++]);
	if (args->count < args->least)
		usage_error(args, "%s: something is missing", args->argv[0]);
	if (args->most && args->count > args->most)
		usage_error(args, "%s: '%s' is too much", args->argv[0],
			    args->operands[args->most]);
}

int next_option(struct args *args)
{
	int option;

	for (;;) {
		/* The rest belongs to somebody else, options and all. */
		if (args->stop && args->count >= args->stop)
			break;
		if (optind < args->argc && is_negative_number(args->argv[optind])) {
			take(args, args->argv[optind++]);
			continue;
		}
		option = getopt_long(args->argc, args->argv, args->letters, args->options, NULL);
		switch (option) {
		case 1:
			take(args, optarg);
			continue;
		case 'h':
			fputs(args->help, stdout);
			exit(SUCCESS);
		case '?':
			/* getopt_long() has said what. */
			fprintf(stderr, "Try 'shstate %s --help'.\n", args->argv[0]);
			exit(args->trouble ? args->trouble : TROUBLE);
		case -1:
			break;
		default:
			return option;
		}
		break;
	}
	finish(args);
	return -1;
}
