// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects as metrics, in the text of OpenMetrics 1.0 or of Prometheus: one family an
 * object, one sample an element. The name is the object's, with '_' for what the format
 * does not know; then the unit, which OpenMetrics wants there; then, of a counter,
 * "_total". A live counter is a gauge, for it falls when somebody dies.
 */
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "metrics.h"

struct family {
	struct shs_object *object;
	const char *of;			/* the object's name, for complaints */
	struct meta meta;
	bool is_counter;
	char *name;			/* without "_total" */
	char *unit;			/* or NULL */
	char *labels;			/* of every sample: a="b",c="d" */
	char **elements;		/* their names, or NULL */
	bool has_element_label;
};

struct page {
	FILE *out;
	enum metrics_format format;
	void *taken;			/* names, a tree of tsearch(3) */
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Colons are for names of metrics alone. */
static char *sanitise(const char *text, size_t length, bool colons)
{
	char *name = must_have(malloc(length + 2)), *to = name;
	size_t i;

	if (!length || (*text >= '0' && *text <= '9'))
		*to++ = '_';
	for (i = 0; i < length; i++) {
		bool good = is_letter(text[i]) || (text[i] >= '0' && text[i] <= '9') ||
			    (colons && text[i] == ':');

		*to++ = good ? text[i] : '_';
	}
	*to = '\0';
	return name;
}

/* Help texts of Prometheus have their quotes as they are. */
static void put_escaped(FILE *out, const char *text, size_t size, bool quotes)
{
	size_t length;

	for (; size; text += length, size -= length) {
		length = utf8_length(text, size);
		if (!length) {
			fputs("\xef\xbf\xbd", out);
			length = 1;
		} else if (*text == '\n') {
			fputs("\\n", out);
		} else if (*text == '\\' || (quotes && *text == '"')) {
			fprintf(out, "\\%c", *text);
		} else {
			fwrite(text, 1, length, out);
		}
	}
}

static bool ends_in(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	return length > end_length && strcmp(name + length - end_length, end) == 0;
}

static char *append(char *name, const char *end)
{
	char *longer;

	must_have(asprintf(&longer, "%s_%s", name, end) < 0 ? NULL : longer);
	free(name);
	return longer;
}

/* A unit that is no word, such as "%", has no place in a name. */
static char *find_unit(const struct meta *meta)
{
	char *unit = meta_find(meta, "unit"), *clean;
	bool good;

	if (!unit)
		return NULL;
	clean = sanitise(unit, strlen(unit), true);
	good = strcmp(unit, clean) == 0;
	free(clean);
	if (good)
		return unit;
	free(unit);
	return NULL;
}

static void name_family(struct family *family)
{
	const char *of = strrchr(family->of, '/') ? strrchr(family->of, '/') + 1 : family->of;
	char end[64];

	family->name = sanitise(of, strlen(of), true);
	if (family->is_counter && ends_in(family->name, "_total"))
		family->name[strlen(family->name) - strlen("_total")] = '\0';
	family->unit = find_unit(&family->meta);
	if (!family->unit)
		return;
	snprintf(end, sizeof(end), "_%s", family->unit);
	if (!ends_in(family->name, end))
		family->name = append(family->name, family->unit);
}

static bool has_label(const char *labels, const char *name)
{
	size_t length = strlen(name);
	const char *at = labels;

	while ((at = strstr(at, name))) {
		if ((at == labels || at[-1] == ',') && at[length] == '=' && at[length + 1] == '"')
			return true;
		at += length;
	}
	return false;
}

/* From "label.KEY=value", a line of metadata. */
static bool add_label(struct family *family, const char *line, size_t length)
{
	const char *equals = memchr(line, '=', length);
	char *name, *text;
	size_t size;
	FILE *out;

	if (!equals)
		return true;
	name = sanitise(line, equals - line, false);
	if (has_label(family->labels, name) || strncmp(name, "__", 2) == 0 ||
	    (family->has_element_label && strcmp(name, "element") == 0)) {
		complain("%s: is not exported: it has two labels '%s', or that is reserved: create it with another label",
			 family->of, name);
		free(name);
		return false;
	}
	out = must_have(open_memstream(&text, &size));
	fprintf(out, "%s%s%s=\"", family->labels, *family->labels ? "," : "", name);
	put_escaped(out, equals + 1, length - (equals + 1 - line), true);
	fputc('"', out);
	fclose(out);
	free(name);
	free(family->labels);
	family->labels = must_have(text);
	return true;
}

static void add_element(struct family *family, const char *line, size_t length)
{
	char *end;
	unsigned long index = strtoul(line, &end, 10);

	if (end == line || *end != '=' || index >= family->object->count)
		return;
	free(family->elements[index]);
	family->elements[index] = must_have(strndup(end + 1, length - (end + 1 - line)));
	family->has_element_label = true;
}

/* Whether another element has that name, or as its index, having none. */
static bool is_double(const struct family *family, uint32_t index)
{
	const char *name = family->elements[index];
	char number[16];
	uint32_t i;

	for (i = 0; i < index; i++) {
		if (family->elements[i] && strcmp(family->elements[i], name) == 0)
			return true;
	}
	i = strtoul(name, NULL, 10);
	snprintf(number, sizeof(number), "%u", i);
	return i < family->object->count && !family->elements[i] && strcmp(number, name) == 0;
}

static bool check_elements(const struct family *family)
{
	uint32_t i;

	for (i = 0; i < family->object->count; i++) {
		if (family->elements[i] && is_double(family, i)) {
			complain("%s: is not exported: two elements are '%s': create it with other names",
				 family->of, family->elements[i]);
			return false;
		}
	}
	return true;
}

static void name_elements(struct family *family)
{
	static const char *const names[] = { "there", "bound" };
	size_t i;

	for (i = 0; family->object->kind == SHS_KIND_SEMAPHORE && i < ARRAY_SIZE(names); i++) {
		if (!family->elements[i])
			family->elements[i] = must_have(strdup(names[i]));
	}
}

/* Elements first: labels must not have their label's name. */
static bool read_meta(struct family *family)
{
	static const char *const prefixes[] = { "element.", "label." };
	bool good = true;
	size_t i;

	family->elements = must_have(calloc(family->object->count, sizeof(char *)));
	family->labels = must_have(strdup(""));
	family->has_element_label = family->object->count > 1;
	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t prefix = strlen(prefixes[i]), length;
		const char *line = family->meta.text;

		for (; *line; line += length + (line[length] == '\n')) {
			length = strcspn(line, "\n");
			if (length < prefix || strncmp(line, prefixes[i], prefix))
				continue;
			if (i == 0)
				add_element(family, line + prefix, length - prefix);
			else
				good = good && add_label(family, line + prefix, length - prefix);
		}
	}
	name_elements(family);
	return good && check_elements(family);
}

static void free_family(struct family *family)
{
	uint32_t i;

	for (i = 0; family->elements && i < family->object->count; i++)
		free(family->elements[i]);
	free(family->elements);
	free(family->labels);
	free(family->name);
	free(family->unit);
	shs_object_close(family->object);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool take_name(struct page *page, const char *name)
{
	char *own = must_have(strdup(name));

	if (*(char **)must_have(tsearch(own, &page->taken, compare_names)) == own)
		return true;
	free(own);
	return false;
}

/* A counter has two names, of which no other family may have one. */
static bool take_names(struct page *page, const struct family *family)
{
	char *sample = append(must_have(strdup(family->name)), "total");
	bool good = take_name(page, family->name) &&
		    (!family->is_counter || take_name(page, sample));

	free(sample);
	if (!good)
		complain("%s: is not exported: another object is the metric '%s': rename one of them",
			 family->of, family->name);
	return good;
}

static void write_head(const struct page *page, const struct family *family)
{
	bool whole = family->is_counter && page->format == PROMETHEUS;
	const char *total = whole ? "_total" : "";
	char *text = meta_find(&family->meta, "help");

	fprintf(page->out, "# HELP %s%s ", family->name, total);
	if (text)
		put_escaped(page->out, text, strlen(text), page->format == OPENMETRICS);
	else
		fprintf(page->out, "A shared %s.", shs_kind_name(family->object->kind));
	fprintf(page->out, "\n# TYPE %s%s %s\n", family->name, total,
		family->is_counter ? "counter" : "gauge");
	if (family->unit && page->format == OPENMETRICS)
		fprintf(page->out, "# UNIT %s %s\n", family->name, family->unit);
	free(text);
}

static void write_labels(const struct page *page, const struct family *family, uint32_t index)
{
	const char *element = family->elements[index];

	if (!*family->labels && !family->has_element_label)
		return;
	fprintf(page->out, "{%s", family->labels);
	if (family->has_element_label) {
		fprintf(page->out, "%selement=\"", *family->labels ? "," : "");
		if (element)
			put_escaped(page->out, element, strlen(element), true);
		else
			fprintf(page->out, "%u", index);
		fputc('"', page->out);
	}
	fputc('}', page->out);
}

static void write_samples(const struct page *page, const struct family *family,
			  const void *bytes)
{
	const struct shs_object *object = family->object;
	uint32_t i;

	for (i = 0; i < object->count; i++) {
		int64_t number = element_load(object->type, bytes, i);

		fprintf(page->out, "%s%s", family->name, family->is_counter ? "_total" : "");
		write_labels(page, family, i);
		if (object->type == SHS_TYPE_U64)
			fprintf(page->out, " %" PRIu64 "\n", (uint64_t)number);
		else
			fprintf(page->out, " %" PRId64 "\n", number);
	}
}

static bool is_below_zero(const struct family *family, const void *bytes)
{
	uint32_t i;

	for (i = 0; i < family->object->count; i++) {
		if (element_load(family->object->type, bytes, i) < 0)
			return true;
	}
	return false;
}

/* What has no value at the moment, as a once that is not done, is left out quietly. */
static int write_family(struct page *page, struct family *family)
{
	struct access access = { .peek = true, .deadline = shs_deadline_in(0) };
	void *bytes = must_have(malloc(value_size(family->object)));
	int ret = value_fetch(family->object, &access, bytes, family->object->count);
	int status = TROUBLE;

	if (ret == -ENODATA) {
		status = SUCCESS;
	} else if (ret < 0) {
		explain_use(family->of, family->object, ret, "exported");
	} else if (family->is_counter && is_below_zero(family, bytes)) {
		complain("%s: is not exported: it is below zero, as no counter of the format may be: what goes both ways should be an atomic",
			 family->of);
	} else if (take_names(page, family)) {
		write_head(page, family);
		write_samples(page, family, bytes);
		status = SUCCESS;
	}
	free(bytes);
	return status;
}

static int write_object(const char *name, bool asked_for, void *argument)
{
	struct page *page = argument;
	struct family family = { .of = name };
	struct shs_ioc_info info;
	int ret = shs_object_open(name, SHS_OPEN_RDONLY, &family.object);

	if (ret < 0)
		return asked_for || (ret != -ENOENT && ret != -ENOTTY && ret != -EUNATCH) ?
		       explain_name(name, ret, TO_READ) : SUCCESS;
	if (!has_value(family.object) || family.object->type == SHS_TYPE_BYTES) {
		shs_object_close(family.object);
		if (asked_for)
			complain("%s: has no numbers to be exported", name);
		return asked_for ? TROUBLE : SUCCESS;
	}
	ret = shs_object_info(family.object, &info);
	if (ret < 0) {
		explain_use(name, family.object, ret, "exported");
		shs_object_close(family.object);
		return TROUBLE;
	}
	family.is_counter = info.kind == SHS_KIND_COUNTER && !(info.flags & SHS_INIT_LIVE);
	if (info.meta_size)
		meta_read(family.object, &family.meta);
	name_family(&family);
	ret = read_meta(&family) ? write_family(page, &family) : TROUBLE;
	free_family(&family);
	return ret;
}

int metrics_write(FILE *out, enum metrics_format format, char *const *names, int count)
{
	struct page page = { .out = out, .format = format };
	int status = each_object(names, count, write_object, &page);

	if (format == OPENMETRICS)
		fputs("# EOF\n", out);
	tdestroy(page.taken, free);
	return status;
}
