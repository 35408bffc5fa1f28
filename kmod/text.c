// SPDX-License-Identifier: GPL-2.0-only
/*
 * read() gives the value as one line; write() of "7" sets and of "+7" adds, "3:+7" to
 * element 3.  Formats are in docs/uapi.rst.
 */
#include <linux/ctype.h>
#include "shstate.h"

#define NUMBER_CHARS	21	/* longest 64-bit number and a blank */

struct line {
	char *buf;
	size_t size, len;
};

static __printf(2, 3) void append(struct line *l, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	l->len += vscnprintf(l->buf + l->len, l->size - l->len, fmt, args);
	va_end(args);
}

static void append_number(struct line *l, u32 type, u64 v, bool first)
{
	if (!first)
		append(l, " ");
	if (shs_type_is_signed(type))
		append(l, "%lld", (s64)v);
	else
		append(l, "%llu", v);
}

/* value may be what processes change meanwhile: each element is loaded once, whole. */
static void append_value(struct line *l, const struct shs_object *obj, const u8 *value)
{
	u32 step = shs_type_size(obj->type), i;

	if (obj->type == SHS_TYPE_BYTES)
		l->len = bin2hex(l->buf + l->len, value, obj->geo.value_size) - l->buf;
	else
		for (i = 0; i < obj->count; i++)
			append_number(l, obj->type,
				      shs_number_load(obj->type, value + (size_t)i * step), !i);
}

static void append_counter(struct line *l, struct shs_object *obj)
{
	u64 sum;
	u32 i;

	for (i = 0; i < obj->count; i++) {
		spin_lock(&obj->lock);
		shs_counter_sum(obj, i, &sum);
		spin_unlock(&obj->lock);
		append_number(l, SHS_TYPE_I64, sum, !i);
	}
}

/* State, and once it is done the value, which does not change; guard keeps it in place. */
static void append_once(struct line *l, struct shs_object *obj)
{
	static const char * const name[] = { "incomplete", "running", "done", "poisoned" };
	u32 state;

	shs_guard_lock(obj, true);
	state = shs_once_state(obj);
	append(l, "%s", name[state & 3]);
	if (state == SHS_ONCE_DONE && obj->count) {
		append(l, " ");
		append_value(l, obj, shs_value(obj));
	}
	shs_guard_unlock(obj, true);
}

/* 0, or -ERESTARTSYS: values were published faster than copied. */
static int copy_value(struct shs_object *obj, u8 *copy)
{
	bool whole;

	for (;;) {
		shs_guard_lock(obj, true);
		whole = shs_value_snapshot(obj, 0, obj->geo.value_size, copy);
		shs_guard_unlock(obj, true);
		if (whole)
			return 0;
		if (signal_pending(current))
			return -ERESTARTSYS;
		cond_resched();
	}
}

/* A snapshot: of what a process is changing under its lock it may show the middle. */
static int append_kind(struct line *l, struct shs_object *obj, u8 *copy)
{
	int ret = 0;

	switch ((enum shs_kind)obj->kind) {
	case SHS_KIND_CONDVAR:
		spin_lock(&obj->lock);
		append(l, "waiters %u", obj->waiters);
		spin_unlock(&obj->lock);
		break;
	case SHS_KIND_ONCE:
		append_once(l, obj);
		break;
	case SHS_KIND_COUNTER:
		append_counter(l, obj);
		break;
	case SHS_KIND_ATOMIC:
	case SHS_KIND_SEMAPHORE:
	case SHS_KIND_BARRIER:
		shs_guard_lock(obj, true);	/* keeps the cells in place */
		append_value(l, obj, shs_value(obj));
		shs_guard_unlock(obj, true);
		break;
	case SHS_KIND_MUTEX:
	case SHS_KIND_RWLOCK:
	case SHS_KIND_CELL:
		ret = copy_value(obj, copy);
		append_value(l, obj, copy);
		break;
	case SHS_KIND_NONE:
		break;
	}
	append(l, "\n");
	return ret;
}

ssize_t shs_text_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct shs_object *obj = file_inode(file)->i_private;
	struct line l = { };
	u8 *copy;
	ssize_t ret = -ENOMEM;

	if (!shs_is_ready(obj))
		return -EUNATCH;
	l.size = (size_t)obj->count * NUMBER_CHARS + 32;
	l.buf = kvmalloc(l.size, SHS_GFP);
	copy = kvmalloc(max_t(u32, obj->geo.value_size, 1), SHS_GFP);
	if (l.buf && copy)
		ret = append_kind(&l, obj, copy) ?:
		      simple_read_from_buffer(buf, len, pos, l.buf, l.len);
	kvfree(copy);
	kvfree(l.buf);
	return ret;
}

/* ---- write ---- */

/* The operation that sets, or adds to, an element of this kind; 0: none. */
static u32 write_op(u32 kind, bool add)
{
	switch ((enum shs_kind)kind) {
	case SHS_KIND_ATOMIC:
		return add ? SHS_OP_FETCH_ADD : SHS_OP_STORE;
	case SHS_KIND_COUNTER:
		return add ? SHS_OP_ADD : SHS_OP_RESET;
	case SHS_KIND_MUTEX:
	case SHS_KIND_RWLOCK:
		return add ? SHS_OP_ADD : SHS_OP_WRITE;
	case SHS_KIND_CELL:
		return add ? 0 : SHS_OP_STORE;
	case SHS_KIND_CONDVAR:
	case SHS_KIND_ONCE:
	case SHS_KIND_SEMAPHORE:
	case SHS_KIND_BARRIER:
	case SHS_KIND_NONE:
		break;
	}
	return 0;
}

/* A decimal number of the type; for an add its magnitude must fit, and the sum wraps. */
static int parse_number(const char *s, u32 type, bool add, u64 *v)
{
	bool negative = *s == '-', is_signed = shs_type_is_signed(type);
	u64 magnitude;
	int ret;

	ret = isdigit(s[negative]) ? kstrtou64(s + negative, 10, &magnitude) : -EINVAL;
	if (ret)
		return ret;
	if (is_signed && magnitude > (u64)S64_MAX + negative)
		return -ERANGE;
	if (!is_signed && negative && magnitude && !add)
		return -ERANGE;
	*v = negative ? -magnitude : magnitude;
	if (!shs_number_fits(type, is_signed ? *v : magnitude))
		return -ERANGE;
	*v = shs_number_wrap(type, *v);
	return 0;
}

static int parse(char *s, const struct shs_object *obj, struct shs_ioc_op *op)
{
	char *colon;
	bool add;

	s = strim(s);
	colon = strchr(s, ':');
	if (colon) {
		*colon = '\0';
		if (!isdigit(*s) || kstrtou32(s, 10, &op->index))
			return -EINVAL;
		s = colon + 1;
	}
	add = *s == '+';
	op->op = write_op(obj->kind, add);
	if (!op->op || !shs_type_is_number(obj->type))
		return -EINVAL;
	return parse_number(s + add, obj->type, add, &op->arg);
}

ssize_t shs_text_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct shs_object *obj = file_inode(file)->i_private;
	struct shs_ioc_op op = { .size = sizeof(op), .deadline = SHS_FOREVER };
	char text[64];
	int ret;

	if (!shs_is_ready(obj))
		return -EUNATCH;
	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, len))
		return -EFAULT;
	text[len] = '\0';
	ret = parse(text, obj, &op) ?: shs_op_run(obj, &op, true);
	return ret ?: len;
}
