// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <limits.h>
#include <sys/mman.h>

#include "internal.h"

static int is_signed(const struct shs_object *atomic)
{
	return atomic->type == SHS_TYPE_I8 || atomic->type == SHS_TYPE_I16 ||
	       atomic->type == SHS_TYPE_I32 || atomic->type == SHS_TYPE_I64;
}

/* The low bits of a number as the element's type has it. */
static int64_t wrap(const struct shs_object *atomic, uint64_t bits)
{
	int shift = 64 - 8 * (int)shs_type_size(atomic->type);

	if (atomic->type == SHS_TYPE_BOOL)
		return bits & 1;
	return is_signed(atomic) ? (int64_t)(bits << shift) >> shift : (int64_t)(bits << shift >> shift);
}

static uint64_t load(const void *element, size_t size)
{
	switch (size) {
	case 1:
		return __atomic_load_n((const uint8_t *)element, __ATOMIC_SEQ_CST);
	case 2:
		return __atomic_load_n((const uint16_t *)element, __ATOMIC_SEQ_CST);
	case 4:
		return __atomic_load_n((const uint32_t *)element, __ATOMIC_SEQ_CST);
	}
	return __atomic_load_n((const uint64_t *)element, __ATOMIC_SEQ_CST);
}

#define EXCHANGE_IF(type)						\
({									\
	type was_ = *was;						\
	int is_ = __atomic_compare_exchange_n((type *)element, &was_, (type)bits, 0, \
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	*was = was_;							\
	is_;								\
})

/* Returns 1 if element was *was, and is bits; else *was is what it is. */
static int exchange_if(void *element, size_t size, uint64_t *was, uint64_t bits)
{
	switch (size) {
	case 1:
		return EXCHANGE_IF(uint8_t);
	case 2:
		return EXCHANGE_IF(uint16_t);
	case 4:
		return EXCHANGE_IF(uint32_t);
	}
	return EXCHANGE_IF(uint64_t);
}

/* What op makes of an element; as the kernel's apply() in kmod/atomic.c. */
static uint64_t apply(const struct shs_object *atomic, const struct shs_ioc_op *op, int64_t old)
{
	int64_t arg = op->arg;
	int less = is_signed(atomic) ? old < arg : (uint64_t)old < (uint64_t)arg;

	switch (op->op) {
	case SHS_OP_FETCH_ADD:
		return (uint64_t)old + arg;
	case SHS_OP_FETCH_SUB:
		return (uint64_t)old - arg;
	case SHS_OP_FETCH_AND:
		return old & arg;
	case SHS_OP_FETCH_NAND:
		return ~(old & arg);
	case SHS_OP_FETCH_OR:
		return old | arg;
	case SHS_OP_FETCH_XOR:
		return old ^ arg;
	case SHS_OP_FETCH_MAX:
		return less ? arg : old;
	case SHS_OP_FETCH_MIN:
		return less ? old : arg;
	case SHS_OP_FETCH_NOT:
		return ~old;
	}
	return arg;
}

/* Whether op may be done here; what the kernel refuses it is to refuse in its own words. */
static int is_plain(const struct shs_object *atomic, const struct shs_ioc_op *op)
{
	int loads = op->op == SHS_OP_LOAD;
	int adds = op->op == SHS_OP_FETCH_ADD || op->op == SHS_OP_FETCH_SUB ||
		   op->op == SHS_OP_FETCH_MAX || op->op == SHS_OP_FETCH_MIN;

	if (!shs_is_fast(atomic, SHS_FAST_ATOMIC) || op->index >= atomic->count ||
	    wrap(atomic, op->arg) != (int64_t)op->arg ||
	    wrap(atomic, op->expected) != (int64_t)op->expected ||
	    (adds && atomic->type == SHS_TYPE_BOOL))
		return 0;
	if (loads || op->op == SHS_OP_STORE)
		return op->order == SHS_SEQ_CST || op->order == SHS_RELAXED ||
		       op->order == (loads ? SHS_ACQUIRE : SHS_RELEASE);
	return op->order_failure != SHS_RELEASE && op->order_failure != SHS_ACQ_REL;
}

#define BY_COMPILER(type)						\
({									\
	type *at_ = element, arg_ = (type)op->arg;			\
	int is_ = 1;							\
									\
	switch (op->op) {						\
	case SHS_OP_SWAP:						\
		*was = __atomic_exchange_n(at_, arg_, __ATOMIC_SEQ_CST); \
		break;							\
	case SHS_OP_FETCH_ADD:						\
		*was = __atomic_fetch_add(at_, arg_, __ATOMIC_SEQ_CST);	\
		break;							\
	case SHS_OP_FETCH_SUB:						\
		*was = __atomic_fetch_sub(at_, arg_, __ATOMIC_SEQ_CST);	\
		break;							\
	case SHS_OP_FETCH_AND:						\
		*was = __atomic_fetch_and(at_, arg_, __ATOMIC_SEQ_CST);	\
		break;							\
	case SHS_OP_FETCH_OR:						\
		*was = __atomic_fetch_or(at_, arg_, __ATOMIC_SEQ_CST);	\
		break;							\
	case SHS_OP_FETCH_XOR:						\
		*was = __atomic_fetch_xor(at_, arg_, __ATOMIC_SEQ_CST);	\
		break;							\
	default:							\
		is_ = 0;						\
	}								\
	is_;								\
})

/* Returns 1 if the compiler has an atomic operation for what op asks, which was done. */
static int by_compiler(const struct shs_object *atomic, const struct shs_ioc_op *op,
			  void *element, uint64_t *was)
{
	switch (atomic->type) {
	case SHS_TYPE_BOOL:	/* whose other bits are nobody's */
		return 0;
	case SHS_TYPE_U8:
	case SHS_TYPE_I8:
		return BY_COMPILER(uint8_t);
	case SHS_TYPE_U16:
	case SHS_TYPE_I16:
		return BY_COMPILER(uint16_t);
	case SHS_TYPE_U32:
	case SHS_TYPE_I32:
		return BY_COMPILER(uint32_t);
	}
	return BY_COMPILER(uint64_t);
}

/*
 * On the mapped element, in the strongest order, which does for all. As in the kernel
 * bits that are no bool read as their lowest.
 */
static int operate_here(struct shs_object *atomic, struct shs_ioc_op *op)
{
	size_t size = shs_type_size(atomic->type);
	char *element = (char *)atomic->shared + SHS_VALUE_OFFSET + op->index * size;
	uint64_t bits;
	int64_t old;

	if (by_compiler(atomic, op, element, &bits)) {
		op->result = wrap(atomic, bits);
		shs_tell_of_change(atomic, op->index);
		return 0;
	}
	bits = load(element, size);
	do {
		old = wrap(atomic, bits);
		op->result = old;
		if (op->op == SHS_OP_LOAD)
			return 0;
		if (op->op == SHS_OP_CMPXCHG && old != (int64_t)op->expected)
			return -EREMCHG;
	} while (!exchange_if(element, size, &bits, wrap(atomic, apply(atomic, op, old))));
	shs_tell_of_change(atomic, op->index);
	return 0;
}

static int may_write(const struct shs_object *atomic)
{
	return to_handle((struct shs_object *)atomic)->prot & PROT_WRITE;
}

/* Everything here may be asked of an atomic alone: a cell knows some of it too. */
static int operation(struct shs_object *atomic, struct shs_ioc_op *op)
{
	if (atomic->kind != SHS_KIND_ATOMIC)
		return -EOPNOTSUPP;
	if (shs_attach_if_used(atomic)) {
		shs_thread_enter();
		if (is_plain(atomic, op) && (op->op == SHS_OP_LOAD || may_write(atomic)))
			return operate_here(atomic, op);
	}
	return shs_object_op(atomic, op);
}

static int fetch(struct shs_object *atomic, uint32_t opcode, uint32_t index, int64_t value,
		 int order, int64_t *old)
{
	struct shs_ioc_op op = {
		.op = opcode,
		.index = index,
		.arg = value,
		.order = order,
	};
	int ret;

	/* An order is wider than its field. */
	if (order < SHS_SEQ_CST || order > SHS_ACQ_REL)
		return -EINVAL;
	ret = operation(atomic, &op);
	if (!ret && old)
		*old = op.result;
	return ret;
}

int shs_atomic_load_slow(struct shs_object *atomic, uint32_t index, int order, int64_t *value)
{
	return fetch(atomic, SHS_OP_LOAD, index, 0, order, value);
}

int shs_atomic_store_slow(struct shs_object *atomic, uint32_t index, int64_t value, int order)
{
	return fetch(atomic, SHS_OP_STORE, index, value, order, NULL);
}

int shs_atomic_swap_slow(struct shs_object *atomic, uint32_t index, int64_t value, int order,
		    int64_t *old)
{
	return fetch(atomic, SHS_OP_SWAP, index, value, order, old);
}

int shs_atomic_compare_exchange_slow(struct shs_object *atomic, uint32_t index, int64_t *expected,
				int64_t desired, int success, int failure)
{
	struct shs_ioc_op op = {
		.op = SHS_OP_CMPXCHG,
		.index = index,
		.arg = desired,
		.expected = *expected,
		.order = success,
		.order_failure = failure,
	};
	int ret;

	if (success < SHS_SEQ_CST || success > SHS_ACQ_REL ||
	    failure < SHS_SEQ_CST || failure > SHS_ACQ_REL)
		return -EINVAL;
	ret = operation(atomic, &op);
	if (ret == -EREMCHG)
		*expected = op.result;
	return ret;
}

int shs_atomic_fetch_add_slow(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_ADD, index, value, order, old);
}

int shs_atomic_fetch_sub_slow(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_SUB, index, value, order, old);
}

int shs_atomic_fetch_and_slow(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_AND, index, value, order, old);
}

int shs_atomic_fetch_nand(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			  int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_NAND, index, value, order, old);
}

int shs_atomic_fetch_or_slow(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_OR, index, value, order, old);
}

int shs_atomic_fetch_xor_slow(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_XOR, index, value, order, old);
}

int shs_atomic_fetch_max(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_MAX, index, value, order, old);
}

int shs_atomic_fetch_min(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_MIN, index, value, order, old);
}

int shs_atomic_fetch_not(struct shs_object *atomic, uint32_t index, int order, int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_NOT, index, 0, order, old);
}

int shs_atomic_fetch_update(struct shs_object *atomic, uint32_t index, int order,
			    int64_t (*change)(int64_t value, void *argument), void *argument,
			    int64_t *old)
{
	int64_t value;
	int ret = shs_atomic_load(atomic, index, SHS_RELAXED, &value);

	if (ret < 0)
		return ret;
	do {
		ret = shs_atomic_compare_exchange(atomic, index, &value, change(value, argument),
						  order, SHS_RELAXED);
	} while (ret == -EREMCHG);
	if (!ret && old)
		*old = value;
	return ret;
}

int shs_atomic_try_update(struct shs_object *atomic, uint32_t index, int order,
			  int (*change)(int64_t *value, void *argument), void *argument,
			  int64_t *old)
{
	int64_t value, desired;
	int ret = shs_atomic_load(atomic, index, SHS_RELAXED, &value);

	if (ret < 0)
		return ret;
	do {
		desired = value;
		ret = change(&desired, argument);
		if (ret)
			return ret;
		ret = shs_atomic_compare_exchange(atomic, index, &value, desired, order,
						  SHS_RELAXED);
	} while (ret == -EREMCHG);
	if (!ret && old)
		*old = value;
	return ret;
}

int shs_atomic_wait(struct shs_object *atomic, uint32_t index, int64_t expected, int order)
{
	return shs_atomic_wait_until(atomic, index, expected, order, shs_deadline_never());
}

int shs_atomic_wait_until(struct shs_object *atomic, uint32_t index, int64_t expected, int order,
			  struct shs_deadline deadline)
{
	struct shs_ioc_op op = {
		.op = SHS_OP_WAIT,
		.index = index,
		.expected = expected,
		.order = order,
		.deadline = deadline.ns,
		.clock = deadline.clock,
	};

	if (order < SHS_SEQ_CST || order > SHS_ACQ_REL || deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	if (atomic->kind != SHS_KIND_ATOMIC)
		return -EOPNOTSUPP;
	return shs_object_op(atomic, &op);
}

static int nobody_waits(const struct shs_object *atomic, uint32_t index)
{
	if (!shs_is_fast(atomic, SHS_FAST_NOTIFY) || index >= atomic->count || !may_write(atomic))
		return 0;
	/* After the change that is to be notified of; see kmod/atomic.c. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !__atomic_load_n(&shs_control_of(atomic)->waiting, __ATOMIC_RELAXED);
}

static int notify(struct shs_object *atomic, uint32_t index, uint64_t most)
{
	struct shs_ioc_op op = { .op = SHS_OP_NOTIFY, .index = index, .arg = most };
	int ret;

	if (atomic->kind != SHS_KIND_ATOMIC)
		return -EOPNOTSUPP;
	if (nobody_waits(atomic, index))
		return 0;
	ret = shs_object_op(atomic, &op);

	if (ret < 0)
		return ret;
	return op.result < INT_MAX ? (int)op.result : INT_MAX;
}

int shs_atomic_notify_one(struct shs_object *atomic, uint32_t index)
{
	return notify(atomic, index, 1);
}

int shs_atomic_notify_all(struct shs_object *atomic, uint32_t index)
{
	return notify(atomic, index, ~(uint64_t)0);
}
