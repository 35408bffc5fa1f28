/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of the command share: how it is run, and what it said. */
#ifndef SHS_COMMAND_TEST_H
#define SHS_COMMAND_TEST_H

#include "lib.h"

static char said[1 << 16];	/* what the last one wrote, to both its outputs */

/* Runs "shstate line", of words with one blank between. Returns its exit status. */
static inline int run(const char *line)
{
	char copy[512], *rest = copy, *words[32] = { "shstate" };
	int output[2], count = 1;
	size_t size = 0;
	ssize_t got;
	pid_t child;

	snprintf(copy, sizeof(copy), "%s", line);
	while (count < ARRAY_SIZE(words) - 1 && (words[count] = strsep(&rest, " ")))
		count++;
	if (pipe(output))
		abort();
	child = shs_fork();
	if (!child) {
		dup2(output[1], 1);
		dup2(output[1], 2);
		close(output[0]);
		execv("/bin/shstate", words);
		_exit(99);
	}
	close(output[1]);
	while ((got = read(output[0], said + size, sizeof(said) - 1 - size)) > 0)
		size += got;
	said[size] = 0;
	close(output[0]);
	return shs_reap(child);
}

/* So that JSON is the same whoever prints it. */
static inline void drop_blanks(void)
{
	char *from, *to = said;

	for (from = said; *from; from++)
		if (*from != ' ' && *from != '\n')
			*to++ = *from;
	*to = 0;
}

#define EXPECT_RUN(status, line) EXPECT_EQ(status, run(line)) TH_LOG("%s: %s", line, said)
#define EXPECT_SAID(text) EXPECT_NE(NULL, strstr(said, text)) TH_LOG("'%s' in: %s", text, said)
#define EXPECT_SILENT(text) EXPECT_EQ(NULL, strstr(said, text)) TH_LOG("'%s' in: %s", text, said)

#endif /* SHS_COMMAND_TEST_H */
