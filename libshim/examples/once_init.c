// SPDX-License-Identifier: MIT
/* Ten processes want something initialised; one does it and the others wait for it. */
#include "parties.h"

static struct shs_object *start, *runs;

static int initialise(void *argument, int earlier)
{
	(void)argument;
	(void)earlier;
	printf("process %d initialises\n", getpid());
	usleep(10 * 1000);	/* the others have come */
	return shs_atomic_fetch_add(runs, 0, 1, SHS_SEQ_CST, NULL);
}

static int party(int number)
{
	int64_t seen;

	(void)number;
	must(shs_once_call(start, initialise, NULL));
	/* Whoever comes out of call_once sees what the initialiser did. */
	must(shs_atomic_load(runs, 0, SHS_SEQ_CST, &seen));
	return seen != 1;
}

int main(void)
{
	int failed;
	int64_t result;

	start = anonymous(SHS_KIND_ONCE, SHS_TYPE_NONE, 0, NULL);
	runs = anonymous(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1, NULL);
	failed = parties(10, party);
	must(shs_atomic_load(runs, 0, SHS_SEQ_CST, &result));

	printf("Result: initialised %d time(s) for 10 processes\n", (int)result);
	return failed || result != 1 || shs_once_state(start) != SHS_ONCE_DONE;
}
