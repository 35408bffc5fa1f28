// SPDX-License-Identifier: GPL-2.0-only
/*
 * Metadata as this command writes it: lines "key=value", UTF-8. Keys in use: help
 * (what it is, in a sentence), unit, label.NAME, element.INDEX (its name).
 */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

bool meta_add(struct meta *meta, const char *key, const char *value)
{
	size_t room = sizeof(meta->text) - meta->size;
	int length;

	if (strchr(value, '\n') || strpbrk(key, "=\n")) {
		complain("'%s': metadata is one line", value);
		return false;
	}
	length = snprintf(meta->text + meta->size, room, "%s=%s\n", key, value);
	if ((size_t)length >= room) {
		complain("metadata is limited to %d bytes", SHS_META_MAX);
		return false;
	}
	meta->size += length;
	return true;
}

void meta_read(struct shs_object *object, struct meta *meta)
{
	int ret = shs_object_meta(object, meta->text, SHS_META_MAX);

	meta->size = ret > 0 ? ret : 0;
	meta->text[meta->size] = '\0';
}

char *meta_find(const struct meta *meta, const char *key)
{
	size_t length = strlen(key);
	const char *line = meta->text;

	while (line && *line) {
		if (strncmp(line, key, length) == 0 && line[length] == '=') {
			line += length + 1;
			return must_have(strndup(line, strcspn(line, "\n")));
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return NULL;
}
