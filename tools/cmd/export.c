// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "metrics.h"

static const char help[] =
	"Usage: shstate export [OPTION]... [NAME]...\n"
	"Print objects with numbers, all by default, as metrics, without taking locks. Help, unit,\n"
	"labels and the names of elements are those of 'shstate create'. A counter is a counter,\n"
	"all else, and a live counter, a gauge.\n\n"
	"  -f, --format FORMAT     openmetrics (the default but for --textfile) or prometheus\n"
	"  -o, --output FILE       into FILE, which appears whole\n"
	"  -t, --textfile FOLDER   into shstate.prom in the folder of node_exporter, which reads\n"
	"                          the format prometheus\n"
	"  -h, --help\n\n"
	"A name that the format does not allow gets '_' for what is wrong; a unit that is no word,\n"
	"such as %, is left out, and so is a once that is not done. What else cannot be told is left\n"
	"out with a word, and the exit status is 2. shstate-exporter serves the same by HTTP:\n"
	"'systemctl enable --now shstate-exporter.socket'.\n\n"
	"Example:\n"
	"  shstate export --textfile /var/lib/prometheus/node-exporter\n";

struct request {
	int format;		/* enum metrics_format, or -1 */
	const char *file, *folder;
};

static bool parse_format(const char *text, int *format)
{
	if (strcmp(text, "openmetrics") == 0)
		*format = OPENMETRICS;
	else if (strcmp(text, "prometheus") == 0)
		*format = PROMETHEUS;
	else
		complain("there is no format '%s': openmetrics, prometheus", text);
	return *format >= 0;
}

/* What was left out is told, and the rest is there. */
static int export_to(const char *path, enum metrics_format format, const struct args *args)
{
	struct new_file file;
	int status;

	if (!new_file_begin(&file, path, 0644))
		return TROUBLE;
	status = metrics_write(file.out, format, args->operands, args->count);
	return new_file_end(&file) ? status : TROUBLE;
}

static int export(const struct request *request, const struct args *args)
{
	enum metrics_format format = request->format >= 0 ? (enum metrics_format)request->format :
				     request->folder ? PROMETHEUS : OPENMETRICS;
	char *path;
	int status;

	if (request->file)
		return export_to(request->file, format, args);
	if (!request->folder)
		return metrics_write(stdout, format, args->operands, args->count);
	must_have(asprintf(&path, "%s/shstate.prom", request->folder) < 0 ? NULL : path);
	status = export_to(path, format, args);
	free(path);
	return status;
}

int cmd_export(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "textfile", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-f:o:t:h", options, .least = 0,
	};
	struct request request = { .format = -1 };
	int option;

	while ((option = next_option(&args)) != -1) {
		if (option == 'f' && !parse_format(optarg, &request.format))
			return TROUBLE;
		if (option == 'o')
			request.file = optarg;
		if (option == 't')
			request.folder = optarg;
	}
	if (request.file && request.folder)
		usage_error(&args, "export: one of --output and --textfile, not both");
	if (request.folder && request.format == OPENMETRICS)
		usage_error(&args, "export: node_exporter reads the format prometheus");
	return export(&request, &args);
}
