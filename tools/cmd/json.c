// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define LOOKS (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | \
	       JSON_C_TO_STRING_NOSLASHESCAPE)

struct json_object *json_map(void)
{
	return must_have(json_object_new_object());
}

struct json_object *json_list(void)
{
	return must_have(json_object_new_array());
}

void json_put(struct json_object *to, const char *key, struct json_object *value)
{
	must_have(value);
	must_have(json_object_object_add(to, key, value) < 0 ? NULL : to);
}

/* A broken character is shown as one: what is not UTF-8 is not JSON. */
static char *mend_text(const char *text)
{
	size_t size = strlen(text), length, mended_size;
	char *mended = NULL;
	FILE *out = must_have(open_memstream(&mended, &mended_size));

	while (size) {
		length = utf8_length(text, size);
		if (length)
			fwrite(text, 1, length, out);
		else
			fputs("\xef\xbf\xbd", out);
		length = length ? length : 1;
		text += length;
		size -= length;
	}
	fclose(out);
	return must_have(mended);
}

void json_put_text(struct json_object *to, const char *key, const char *text)
{
	char *mended;

	if (!text)
		return;
	mended = mend_text(text);
	json_put(to, key, json_object_new_string(mended));
	free(mended);
}

void json_put_number(struct json_object *to, const char *key, int64_t number)
{
	json_put(to, key, json_object_new_int64(number));
}

void json_put_bool(struct json_object *to, const char *key, bool is)
{
	json_put(to, key, json_object_new_boolean(is));
}

void json_append(struct json_object *array, struct json_object *value)
{
	must_have(value);
	must_have(json_object_array_add(array, value) < 0 ? NULL : array);
}

struct json_object *json_element(uint32_t type, int64_t number)
{
	return must_have(type == SHS_TYPE_U64 ? json_object_new_uint64(number) :
						json_object_new_int64(number));
}

struct json_object *json_value(const struct shs_object *object, const void *bytes)
{
	struct json_object *array;
	char *hex;
	uint32_t i;

	if (object->type == SHS_TYPE_BYTES) {
		hex = value_format(object, bytes, object->count);
		array = must_have(json_object_new_string(hex));
		free(hex);
		return array;
	}
	array = json_list();
	for (i = 0; i < object->count; i++)
		json_append(array, json_element(object->type,
						element_load(object->type, bytes, i)));
	return array;
}

void json_print_line(struct json_object *line)
{
	puts(must_have((void *)json_object_to_json_string_ext(line,
			JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
	json_object_put(line);
}

void json_print_document(const char *key, struct json_object *list)
{
	struct json_object *document = json_map();

	json_put(document, key, list);
	puts(must_have((void *)json_object_to_json_string_ext(document, LOOKS)));
	json_object_put(document);
}

/* RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
size_t utf8_length(const char *text, size_t size)
{
	const unsigned char *t = (const unsigned char *)text;
	size_t length, i;

	if (!size)
		return 0;
	length = *t < 0x80 ? 1 : *t < 0xc2 ? 0 : *t < 0xe0 ? 2 : *t < 0xf0 ? 3 :
		 *t < 0xf5 ? 4 : 0;
	if (length > size)
		return 0;
	for (i = 1; i < length; i++) {
		if ((t[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((t[0] == 0xe0 && t[1] < 0xa0) || (t[0] == 0xed && t[1] > 0x9f) ||
	    (t[0] == 0xf0 && t[1] < 0x90) || (t[0] == 0xf4 && t[1] > 0x8f))
		return 0;
	return length;
}

bool is_utf8(const char *text, size_t size)
{
	size_t length;

	for (; size; text += length, size -= length) {
		length = utf8_length(text, size);
		if (!length)
			return false;
	}
	return true;
}
