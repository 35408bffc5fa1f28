// SPDX-License-Identifier: GPL-2.0-only
/* The objects that a command is about: those that are named, or all of the folder. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

static int is_name(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

static int each_of_folder(visit_function *visit, void *argument)
{
	struct shs_ioc_abi abi;
	struct dirent **entries;
	int status = SUCCESS, ret = shs_abi(NULL, &abi), count, i;

	if (ret < 0)
		return explain_folder(usual_folder(), ret);
	count = scandir(usual_folder(), &entries, is_name, alphasort);
	if (count < 0)
		return explain_folder(usual_folder(), -errno);
	for (i = 0; i < count; i++) {
		if (visit(entries[i]->d_name, false, argument))
			status = TROUBLE;
		free(entries[i]);
	}
	free(entries);
	return status;
}

int each_object(char *const *names, int count, visit_function *visit, void *argument)
{
	int status = SUCCESS, i;

	if (!count)
		return each_of_folder(visit, argument);
	for (i = 0; i < count; i++) {
		if (visit(names[i], true, argument))
			status = TROUBLE;
	}
	return status;
}
