// SPDX-License-Identifier: GPL-2.0-only
#include "change.h"

static bool take_option(struct change *change, int option)
{
	uint64_t ns;

	switch (option) {
	case 'n':
		change->access.flags |= SHS_OP_NOWAIT;
		return true;
	case 'w':
		if (!parse_seconds(optarg, &ns))
			return false;
		change->access.deadline = shs_deadline_in(ns);
		return true;
	case 'R':
		change->access.flags |= SHS_OP_RECOVER;
		return true;
	case 'r':
		change->raw = true;
		return true;
	case 'o':
		change->old = true;
		return true;
	}
	return false;
}

/* The kernel refuses a flag that means nothing to a kind; here it is no harm. */
static void drop_flags(struct change *change)
{
	if (change->object->kind != SHS_KIND_MUTEX && change->object->kind != SHS_KIND_RWLOCK)
		change->access.flags &= ~SHS_OP_RECOVER;
}

bool change_begin(struct change *change, struct args *args)
{
	int option, ret;

	change->access.deadline = shs_deadline_never();
	while ((option = next_option(args)) != -1) {
		if (!take_option(change, option))
			return false;
	}
	change->name = args->operands[0];
	ret = shs_object_open(change->name, 0, &change->object);
	if (ret < 0) {
		explain_name(change->name, ret, TO_WRITE);
		return false;
	}
	drop_flags(change);
	return true;
}

bool change_index(struct change *change, const char *index, struct shs_ioc_op *op)
{
	return !index || parse_index(change->name, change->object, index, &op->index);
}

int change_end(struct change *change, int ret, const char *done)
{
	int status = SUCCESS;

	if (ret < 0)
		status = explain_use(change->name, change->object, ret, done);
	else if (ret & SHS_NOTICE_OWNER_DIED)
		warn_owner_died(change->name, change->object);
	shs_object_close(change->object);
	return status;
}
