// SPDX-License-Identifier: GPL-2.0-only
/* The list, in the manner of lsipc(1). */
#include <errno.h>
#include <libsmartcols.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"

static const char help_head[] =
	"Usage: shstate ls [OPTION]... [NAME]...\n"
	"List objects, all by default. Values are looked at without taking locks.\n\n"
	"  -o, --output COLUMNS   these, separated by commas; with a leading +, these too\n"
	"      --output-all       all columns\n"
	"  -J, --json             as JSON\n"
	"  -e, --export           as KEY=\"value\"\n"
	"  -r, --raw              columns separated by one blank\n"
	"      --noheadings       no first line with the columns' names\n"
	"      --notruncate       long values and help texts whole\n"
	"  -P, --numeric-perms    PERMS in octal\n"
	"  -h, --help\n\n"
	"Columns, * by default:\n";

/* Only one command runs in a process. */
static struct {
	int chosen[2 * COLUMNS];
	int count;
	char format;			/* 'J', 'e', 'r' or 0 */
	bool noheadings, notruncate, numeric_perms;
	struct libscols_table *table;
} list;

static const char *help_text(void)
{
	char *text;
	size_t size;
	int i;
	FILE *out = must_have(open_memstream(&text, &size));

	fputs(help_head, out);
	for (i = 0; i < COLUMNS; i++)
		fprintf(out, "  %c %-10s %s\n", columns[i].shown ? '*' : ' ', columns[i].name,
			columns[i].help);
	fclose(out);
	return must_have(text);
}

static void choose(bool all)
{
	int i;

	list.count = 0;
	for (i = 0; i < COLUMNS; i++) {
		if (all || columns[i].shown)
			list.chosen[list.count++] = i;
	}
}

static bool choose_column(const char *name)
{
	int i;

	for (i = 0; i < COLUMNS; i++) {
		if (strcasecmp(name, columns[i].name) == 0)
			break;
	}
	if (i == COLUMNS) {
		complain("there is no column '%s': 'shstate ls --help' lists them", name);
		return false;
	}
	if (list.count == (int)ARRAY_SIZE(list.chosen)) {
		complain("too many columns");
		return false;
	}
	list.chosen[list.count++] = i;
	return true;
}

static bool choose_columns(char *names)
{
	char *name;

	if (*names == '+')
		names++;
	else
		list.count = 0;
	while ((name = strsep(&names, ","))) {
		if (!choose_column(name))
			return false;
	}
	return true;
}

static int flags_of(const struct column *column)
{
	switch (column->looks) {
	case NUMBER:
		return SCOLS_FL_RIGHT;
	case LONG_TEXT:
		return list.notruncate ? 0 : SCOLS_FL_TRUNC;
	case TEXT:
		break;
	}
	return 0;
}

static void make_table(void)
{
	struct libscols_column *column;
	int i;

	list.table = must_have(scols_new_table());
	scols_table_set_name(list.table, "objects");
	scols_table_enable_json(list.table, list.format == 'J');
	scols_table_enable_export(list.table, list.format == 'e');
	scols_table_enable_raw(list.table, list.format == 'r');
	scols_table_enable_noheadings(list.table, list.noheadings);
	for (i = 0; i < list.count; i++) {
		const struct column *c = &columns[list.chosen[i]];

		column = must_have(scols_table_new_column(list.table, c->name, 0, flags_of(c)));
		scols_column_set_json_type(column, c->looks == NUMBER ? SCOLS_JSON_NUMBER :
								       SCOLS_JSON_STRING);
	}
}

static void add_row(const struct row *row)
{
	struct libscols_line *line = must_have(scols_table_new_line(list.table, NULL));
	char *text;
	int i;

	for (i = 0; i < list.count; i++) {
		const struct column *c = &columns[list.chosen[i]];

		if (!row->object && !c->by_stat)
			continue;
		text = c->text(row);
		/* The table frees it. A number that is not there is null in JSON. */
		if (*text || c->looks != NUMBER)
			scols_line_refer_data(line, i, text);
		else
			free(text);
	}
}

/* Names that vanish meanwhile are not there; ones that may not be read are. */
static int list_one(const char *name, bool asked_for, void *unused)
{
	struct row row = {
		.name = name,
		.whole_value = list.format || list.notruncate,
		.numeric_perms = list.numeric_perms,
	};
	char path[PATH_MAX];
	int ret = shs_name_path(name, path, sizeof(path));

	(void)unused;
	if (ret >= 0)
		ret = lstat(path, &row.st) < 0 ? -errno : 0;
	if (ret == -ENOENT && !asked_for)
		return SUCCESS;
	if (ret >= 0)
		ret = shs_object_open(name, SHS_OPEN_RDONLY, &row.object);
	if (ret >= 0)
		ret = shs_object_info(row.object, &row.info);
	if (ret < 0 && ret != -EACCES)
		return asked_for ? explain_name(name, ret, TO_READ) : SUCCESS;
	if (row.object) {
		row.info.opens--;
		meta_read(row.object, &row.meta);
	}
	add_row(&row);
	shs_object_close(row.object);
	return SUCCESS;
}

enum { OPT_ALL = 256, OPT_NOHEADINGS, OPT_NOTRUNCATE };

static bool take_option(int option)
{
	switch (option) {
	case 'o':
		return choose_columns(optarg);
	case OPT_ALL:
		choose(true);
		return true;
	case 'J':
	case 'e':
	case 'r':
		list.format = option;
		return true;
	case OPT_NOHEADINGS:
		list.noheadings = true;
		return true;
	case OPT_NOTRUNCATE:
		list.notruncate = true;
		return true;
	case 'P':
		list.numeric_perms = true;
		return true;
	}
	return false;
}

int cmd_ls(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "output-all", no_argument, NULL, OPT_ALL },
		{ "json", no_argument, NULL, 'J' },
		{ "export", no_argument, NULL, 'e' },
		{ "raw", no_argument, NULL, 'r' },
		{ "noheadings", no_argument, NULL, OPT_NOHEADINGS },
		{ "notruncate", no_argument, NULL, OPT_NOTRUNCATE },
		{ "numeric-perms", no_argument, NULL, 'P' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help_text(), "-o:JerPh", options, .least = 0,
	};
	int option, status;

	choose(false);
	while ((option = next_option(&args)) != -1) {
		if (!take_option(option))
			return TROUBLE;
	}
	make_table();
	status = each_object(args.operands, args.count, list_one, NULL);
	if (status == SUCCESS || scols_table_get_nlines(list.table))
		scols_print_table(list.table);
	scols_unref_table(list.table);
	return status;
}
