// SPDX-License-Identifier: MIT
/* A cell is changed whole: a struct that processes swap is never seen torn. */
#include "parties.h"
#include "ring.h"

struct point {
	int64_t part[5];	/* all the same, or it was torn */
};

static struct shs_object *cell;

static struct point point(int64_t value)
{
	return (struct point){ { value, value, value, value, value } };
}

static int is_torn(const struct point *p)
{
	struct point whole = point(p->part[0]);

	return memcmp(p, &whole, sizeof(whole)) != 0;
}

static int swap_by_ioctl(const struct point *new, struct point *old)
{
	return shs_cell_swap(cell, new, old, sizeof(*new));
}

static int swap_by_io_uring(const struct point *new, struct point *old)
{
	struct shs_ioc_op op = {
		.op = SHS_OP_SWAP,
		.flags = SHS_OP_BYTES,
		.addr = (uintptr_t)new,
		.addr2 = (uintptr_t)old,
		.len = sizeof(*new),
	};

	return ring_op(cell, &op);
}

static int (*swap)(const struct point *new, struct point *old);

static int party(int number)
{
	struct point mine = point(number), old;
	int torn = 0, i;

	for (i = 0; i < 500; i++) {
		must(swap(&mine, &old));
		torn += is_torn(&old);
	}
	return torn;
}

static int swap_among_processes(const char *how)
{
	struct point start = point(0), last;
	int failed;

	cell = anonymous(SHS_KIND_CELL, SHS_TYPE_BYTES, sizeof(struct point), &start);
	failed = parties(4, party);
	must(shs_cell_into_inner(cell, &last, sizeof(last)));
	printf("%s: %zu bytes swapped 2000 times, never torn: %s\n", how, sizeof(last),
	       failed || is_torn(&last) ? "no" : "yes");
	return failed || is_torn(&last);
}

int main(void)
{
	struct shs_object *a = anonymous(SHS_KIND_CELL, SHS_TYPE_I32, 1, &(int){ 7 });
	int wrong, v;

	must(shs_cell_into_inner(a, &v, sizeof(v)));
	printf("Result: %d\n", v);
	wrong = v != 7;

	swap = swap_by_ioctl;
	wrong |= swap_among_processes("ioctl");
	swap = swap_by_io_uring;
	if (ring_works())
		wrong |= swap_among_processes("io_uring");
	return wrong;
}
