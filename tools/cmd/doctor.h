/* SPDX-License-Identifier: GPL-2.0-only */
/* What the checks of "doctor" share. */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "cmd.h"

enum severity { FINE, WARNING, PROBLEM };

/* One check's outcome; remedy, a command or NULL, and log, or NULL, are freed. */
void found(const char *check, enum severity severity, char *remedy, char *log,
	   const char *format, ...) __attribute__((format(printf, 5, 6)));
char *compose(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Files below the root. A path has no leading '/'. */
char *path_below(const char *path);
bool is_there(const char *path);
char *read_below(const char *path, size_t *size);	/* or NULL; size is optional */
bool has_line_with(const char *path, const char *words);

/* doctor_module.c */
void check_kernel(void);
void check_headers(void);
void check_module(void);
void check_loaded(void);
void check_secure_boot(void);
void check_signature(void);

/* doctor.c, for those: of no use to be asked twice. */
bool is_module_loaded(void);

#endif /* DOCTOR_H */
