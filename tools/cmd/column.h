/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COLUMN_H
#define COLUMN_H

#include <sys/stat.h>

#include "cmd.h"

/* A line of the list; of an object that may not be opened only st is known. */
struct row {
	const char *name;
	struct stat st;
	struct shs_object *object;
	struct shs_ioc_info info;
	struct meta meta;
	bool whole_value;		/* else the beginning of a long one */
	bool numeric_perms;
};

enum looks { TEXT, LONG_TEXT, NUMBER };

struct column {
	const char *name;
	char *(*text)(const struct row *row);	/* to be freed */
	bool by_stat;				/* known without opening the object */
	bool shown;				/* without -o */
	enum looks looks;
	const char *help;
};

#define COLUMNS 27
extern const struct column columns[COLUMNS];

#endif /* COLUMN_H */
