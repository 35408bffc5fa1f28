/* SPDX-License-Identifier: GPL-2.0-only */
/* json.c: json-c, where memory that is not there ends the program. */
#ifndef JSON_H
#define JSON_H

#include <json-c/json.h>

#include "cmd.h"

struct json_object *json_map(void);
struct json_object *json_list(void);
void json_put(struct json_object *to, const char *key, struct json_object *value);
/* NULL leaves the key out. */
void json_put_text(struct json_object *to, const char *key, const char *text);
void json_put_number(struct json_object *to, const char *key, int64_t number);
void json_put_bool(struct json_object *to, const char *key, bool is);
void json_append(struct json_object *array, struct json_object *value);
/* An element of a value; bool is 0 or 1 as everywhere in this command. */
struct json_object *json_element(uint32_t type, int64_t number);
/* A whole value: numbers, or bytes as hexadecimal digits. */
struct json_object *json_value(const struct shs_object *object, const void *bytes);
/* All print and free. */
void json_print_line(struct json_object *line);
void json_print_document(const char *key, struct json_object *list);

/* Bytes of the UTF-8 character that text, of so many bytes, begins with; 0: of none. */
size_t utf8_length(const char *text, size_t size);
bool is_utf8(const char *text, size_t size);

#endif /* JSON_H */
