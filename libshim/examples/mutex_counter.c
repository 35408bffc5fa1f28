// SPDX-License-Identifier: MIT
/* Ten processes add 1 to a value behind a mutex. */
#include "parties.h"
#include "ring.h"

static struct shs_object *counter;

/* Lock, change the value in place, unlock at the end of the scope. */
static int add_one(int number)
{
	(void)number;
	shs_scope(num, shs_mutex_hold(counter)) {
		*(int *)num.value += 1;
		return 0;
	}
	return 1;
}

/* The same as one operation: the kernel locks, adds, unlocks. */
static int add_one_by_ioctl(int number)
{
	(void)number;
	return must(shs_value_add(counter, 0, 1, NULL, 0, shs_deadline_never()));
}

static int add_one_by_io_uring(int number)
{
	struct shs_ioc_op add = { .op = SHS_OP_ADD, .arg = 1 };

	(void)number;
	return must(ring_op(counter, &add));
}

static int count(const char *how, int (*add)(int number))
{
	int failed, result = 0;

	counter = anonymous(SHS_KIND_MUTEX, SHS_TYPE_I32, 1, &(int){ 0 });
	failed = parties(10, add);
	shs_scope(num, shs_mutex_hold(counter))
		result = *(const int *)num.view;
	shs_object_close(counter);

	printf("Result: %d (%s)\n", result, how);
	return failed || result != 10;
}

int main(void)
{
	int wrong = count("lock, add, unlock", add_one);

	wrong |= count("one ioctl", add_one_by_ioctl);
	if (ring_works())
		wrong |= count("io_uring", add_one_by_io_uring);
	return wrong;
}
