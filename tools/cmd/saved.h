/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What save writes and restore reads:
 *
 *	{ "shstate": 1, "saved": TIME, "crc32": OF OBJECTS, "objects": [ {
 *		"names": [ ... ], "kind": "atomic", "type": "u8", "count": 2,
 *		"policies": "", "mode": "0644", "uid": 0, "gid": 0,
 *		"value": [ 1, 2 ], "metadata": "help=...\n" } ] }
 *
 * Bytes are hexadecimal digits; so is metadata that is no text, as "metadata-hex". A once
 * that is done has "done". crc32 is of the objects as json-c prints them plainly.
 */
#ifndef SAVED_H
#define SAVED_H

#include "json.h"

#define SAVED_VERSION 1

void saved_checksum(struct json_object *objects, char text[9]);

#endif /* SAVED_H */
