// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

static bool is_signed(uint32_t type)
{
	return type == SHS_TYPE_I8 || type == SHS_TYPE_I16 || type == SHS_TYPE_I32 ||
	       type == SHS_TYPE_I64;
}

static unsigned int bits_of(uint32_t type)
{
	return type == SHS_TYPE_BOOL ? 1 : 8 * shs_type_size(type);
}

static bool parse_signed(uint32_t type, const char *text, char **end, int64_t *number)
{
	unsigned int unused = 64 - bits_of(type);

	*number = strtoll(text, end, strncmp(text, "0x", 2) ? 10 : 16);
	return errno || *number < INT64_MIN >> unused || *number > INT64_MAX >> unused;
}

static bool parse_unsigned(uint32_t type, const char *text, char **end, int64_t *number)
{
	uint64_t value = strtoull(text, end, strncmp(text, "0x", 2) ? 10 : 16);

	/* strtoull() takes "-1" for the largest number. */
	*number = value;
	return errno || *text == '-' || value > UINT64_MAX >> (64 - bits_of(type));
}

static void complain_range(uint32_t type, const char *text)
{
	unsigned int unused = 64 - bits_of(type);

	if (is_signed(type))
		complain("%s does not fit: %s is %" PRId64 " to %" PRId64, text,
			 shs_type_name(type), INT64_MIN >> unused, INT64_MAX >> unused);
	else
		complain("%s does not fit: %s is 0 to %" PRIu64, text, shs_type_name(type),
			 UINT64_MAX >> unused);
}

bool parse_number(uint32_t type, const char *text, int64_t *number)
{
	bool outside;
	char *end;

	if (type == SHS_TYPE_BOOL && strcmp(text, "true") == 0)
		text = "1";
	if (type == SHS_TYPE_BOOL && strcmp(text, "false") == 0)
		text = "0";
	errno = 0;
	outside = is_signed(type) ? parse_signed(type, text, &end, number) :
				    parse_unsigned(type, text, &end, number);
	if (end == text || *end || isspace((unsigned char)*text)) {
		complain("'%s' is not a number", text);
		return false;
	}
	if (outside)
		complain_range(type, text);
	return !outside;
}

bool parse_index(const char *name, const struct shs_object *object, const char *text,
		 uint32_t *index)
{
	int64_t number;

	if (!parse_number(SHS_TYPE_U32, text, &number))
		return false;
	if ((uint64_t)number >= object->count) {
		complain("%s has %u element%s: index %s must be less", name, object->count,
			 object->count == 1 ? "" : "s", text);
		return false;
	}
	*index = number;
	return true;
}

bool parse_bytes(const char *hex, unsigned char *bytes, size_t size)
{
	size_t i;

	if (strlen(hex) != 2 * size || strspn(hex, "0123456789abcdefABCDEF") != 2 * size) {
		complain("'%s' is not %zu bytes as %zu hexadecimal digits", hex, size, 2 * size);
		return false;
	}
	for (i = 0; i < size; i++)
		sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
	return true;
}

bool parse_seconds(const char *text, uint64_t *ns)
{
	char *end;
	double seconds = strtod(text, &end);

	/* Also not a number, which is not less than anything. */
	if (end == text || *end || !(seconds >= 0)) {
		complain("'%s' is not a number of seconds", text);
		return false;
	}
	*ns = seconds < 1e9 ? (uint64_t)(seconds * 1e9) : SHS_FOREVER;
	return true;
}

char *format_number(uint32_t type, int64_t number)
{
	char *text;
	int ret;

	if (is_signed(type))
		ret = asprintf(&text, "%" PRId64, number);
	else
		ret = asprintf(&text, "%" PRIu64, (uint64_t)number);
	return must_have(ret < 0 ? NULL : text);
}

int64_t element_load(uint32_t type, const void *bytes, uint32_t index)
{
	switch (type) {
	case SHS_TYPE_I8:
		return ((const int8_t *)bytes)[index];
	case SHS_TYPE_U16:
		return ((const uint16_t *)bytes)[index];
	case SHS_TYPE_I16:
		return ((const int16_t *)bytes)[index];
	case SHS_TYPE_U32:
		return ((const uint32_t *)bytes)[index];
	case SHS_TYPE_I32:
		return ((const int32_t *)bytes)[index];
	case SHS_TYPE_U64:
	case SHS_TYPE_I64:
		return ((const int64_t *)bytes)[index];
	default:
		return ((const uint8_t *)bytes)[index];
	}
}

void element_store(uint32_t type, void *bytes, uint32_t index, int64_t number)
{
	switch (shs_type_size(type)) {
	case 1:
		((uint8_t *)bytes)[index] = number;
		break;
	case 2:
		((uint16_t *)bytes)[index] = number;
		break;
	case 4:
		((uint32_t *)bytes)[index] = number;
		break;
	case 8:
		((uint64_t *)bytes)[index] = number;
		break;
	}
}
