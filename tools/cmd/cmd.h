/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the shstate command share; one file for each subcommand. */
#ifndef CMD_H
#define CMD_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include <shstate.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Exit statuses, but for "lock", which returns its command's. */
enum { SUCCESS, NO, TROUBLE };

int cmd_add(int argc, char **argv);
int cmd_cas(int argc, char **argv);
int cmd_create(int argc, char **argv);
int cmd_deadlocks(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_freeze(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_lock(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_notify(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_rm(int argc, char **argv);
int cmd_save(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_watch(int argc, char **argv);

/*
 * args.c: options and operands in any order, "-5" being an operand. A command
 * reads options until next_option() is -1 and then finds its operands here.
 */
struct args {
	int argc;
	char **argv;
	const char *help;		/* for --help, which every command has */
	const char *letters;		/* as for getopt(), beginning with "-" */
	const struct option *options;
	int least, most;		/* operands; most 0: any number */
	int stop;			/* what follows so many operands is not ours; 0: all is */
	int trouble;			/* exit status of a usage error */
	char **operands;
	int count;			/* operands so far */
};
int next_option(struct args *args);
_Noreturn void usage_error(const struct args *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* explain.c: sentences for errors: what, why, and what to do about it. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
enum intent { TO_READ, TO_WRITE, TO_CREATE, TO_REMOVE };
int explain_name(const char *name, int error, enum intent intent);
int explain_use(const char *name, struct shs_object *object, int error, const char *done);
int explain_folder(const char *folder, int error);
void warn_owner_died(const char *name, struct shs_object *object);
const char *usual_folder(void);
void set_usual_folder(const char *folder);
void *must_have(void *memory);		/* ends the program if there is none */

/*
 * each.c: visits those that are named, or with none all of the usual folder, which may be
 * gone by then or not be readable: asked_for is false. TROUBLE if any visit did not
 * return SUCCESS.
 */
typedef int visit_function(const char *name, bool asked_for, void *argument);
int each_object(char *const *names, int count, visit_function *visit, void *argument);

/* number.c: elements as text. Both complain and return false on a bad one. */
bool parse_number(uint32_t type, const char *text, int64_t *number);
bool parse_index(const char *name, const struct shs_object *object, const char *text,
		 uint32_t *index);
bool parse_bytes(const char *hex, unsigned char *bytes, size_t size);
bool parse_seconds(const char *text, uint64_t *ns);
char *format_number(uint32_t type, int64_t number);	/* to be freed */
int64_t element_load(uint32_t type, const void *bytes, uint32_t index);
void element_store(uint32_t type, void *bytes, uint32_t index, int64_t number);

/* value.c: whole values of every kind. */
struct access {
	unsigned int flags;		/* SHS_OP_NOWAIT, SHS_OP_RECOVER */
	bool peek;			/* mutex, rwlock: without the lock */
	struct shs_deadline deadline;
};
bool has_value(const struct shs_object *object);
size_t value_size(const struct shs_object *object);
int number_op(struct shs_object *object, struct shs_ioc_op *op, const struct access *access);
int load_opcode(const struct shs_object *object, const struct access *access);
/* The first count elements. Returns notices or -errno. */
int value_fetch(struct shs_object *object, const struct access *access, void *bytes,
		uint32_t count);
char *value_format(const struct shs_object *object, const void *bytes, uint32_t count);
char *flags_text(uint32_t flags);
bool parse_flags(const char *text, uint32_t *flags);	/* the reverse, without a word */
char *state_text(const struct shs_object *object, const struct shs_ioc_info *info);
char *span_text(uint64_t ns);
char *time_text(uint64_t realtime_ns);	/* to be freed, as those above */

/* meta.c: metadata as lines "key=value". */
struct meta {
	char text[SHS_META_MAX + 1];
	size_t size;
};
bool meta_add(struct meta *meta, const char *key, const char *value);
void meta_read(struct shs_object *object, struct meta *meta);
char *meta_find(const struct meta *meta, const char *key);	/* to be freed, or NULL */

/* create.c: whether its numbers are the kernel's, as of a semaphore or barrier. */
bool has_own_numbers(uint32_t kind);
/* KIND[:TYPE[:COUNT]], with the policies in spec->flags. */
bool parse_kind(const char *text, struct shs_spec *spec);

#endif /* CMD_H */
