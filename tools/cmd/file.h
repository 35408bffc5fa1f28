/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FILE_H
#define FILE_H

#include "cmd.h"

/* file.c: a file that appears whole, in place of what was there, or not at all. */
struct new_file {
	FILE *out;
	char *path, *aside;
};
/* Both complain and return false; what was there is kept then. */
bool new_file_begin(struct new_file *file, const char *path, unsigned int mode);
bool new_file_end(struct new_file *file);
void new_file_drop(struct new_file *file);

#endif /* FILE_H */
