// SPDX-License-Identifier: GPL-2.0-only
/* Counting: one addition, and the sum. */
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include "bench.h"
#include "ours.h"
#include "peers.h"

/* --------------------------------------------------------------- shstate -- */

static const char *counter_of(void **state, long way, uint32_t flags)
{
	struct shs_spec spec = {
		.kind = SHS_KIND_COUNTER,
		.type = SHS_TYPE_I64,
		.flags = flags,
	};

	return ours_new(state, &spec, way);
}

static const char *ours_setup(void **state, long way)
{
	return counter_of(state, way, 0);
}

static const char *serial_setup(void **state, long way)
{
	return counter_of(state, way, SHS_INIT_SERIAL);
}

static const char *atomic_setup(void **state, long way)
{
	struct shs_spec spec = { .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_I64 };

	return ours_new(state, &spec, way);
}

BENCH_RUN(ours_add, struct ours *, failed |= shs_counter_add(state->object, 0, 1))
BENCH_RUN(ours_read, struct ours *, {
	int64_t sum;

	failed |= shs_counter_read(state->object, 0, &sum);
})
BENCH_RUN(atomic_add, struct ours *,
	  failed |= shs_atomic_fetch_add(state->object, 0, 1, SHS_SEQ_CST, NULL))
BENCH_RUN(atomic_load, struct ours *, {
	int64_t value;

	failed |= shs_atomic_load(state->object, 0, SHS_SEQ_CST, &value);
})

static inline int single_add(int fd, uint32_t op)
{
	struct shs_ioc_op request = { .size = sizeof(request), .op = op, .arg = 1 };

	return ioctl(fd, SHS_IOC_OP, &request);
}

BENCH_RUN(ours_ioctl, struct ours *, failed |= single_add(state->fd, SHS_OP_ADD))
BENCH_RUN(atomic_ioctl, struct ours *, failed |= single_add(state->fd, SHS_OP_FETCH_ADD))

/* The floor: what the processor needs on the very page that the module maps. */
BENCH_RUN(page_add, struct ours *,
	  __atomic_fetch_add((int64_t *)ours_value(state), 1, __ATOMIC_SEQ_CST))

/* ----------------------------------------------------------- bare memory -- */

static const char *word_setup(void **state, long unused)
{
	(void)unused;
	*state = bench_shared(4096);
	return NULL;
}

#ifdef __x86_64__
BENCH_RUN(plain_add, int64_t *, __asm__ volatile("addq $1, %0" : "+m" (*state) : : "cc"))
#else
BENCH_RUN(plain_add, int64_t *, *(volatile int64_t *)state += 1)
#endif
BENCH_RUN(locked_add, int64_t *, __atomic_fetch_add(state, 1, __ATOMIC_SEQ_CST))
BENCH_RUN(cas_add, int64_t *, {
	int64_t old = __atomic_load_n(state, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(state, &old, old + 1, 0, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		;
})
BENCH_RUN(plain_load, int64_t *, (void)__atomic_load_n(state, __ATOMIC_SEQ_CST))

/* ------------------------------------------------------------------ rseq -- */

#if defined(__x86_64__) && defined(RSEQ_SIG)
#define CACHE_LINE	64

static struct rseq *rseq(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static const char *rseq_setup(void **state, long unused)
{
	(void)unused;
	if (!__rseq_size)
		return "the kernel has no restartable sequences";
	*state = bench_shared(4096 * CACHE_LINE);
	return NULL;
}

/* Adds to this processor's; begins anew if it is moved or interrupted before the add. */
static inline void rseq_add_one(char *counters)
{
	__asm__ goto volatile(
		".pushsection __rseq_cs, \"aw\"\n"
		".balign 32\n"
		"3: .long 0, 0\n"
		".quad 1f, 2f - 1f, 4f\n"
		".popsection\n"
		"5: leaq 3b(%%rip), %%rax\n"
		"movq %%rax, %c[cs](%[rseq])\n"
		"1: movl %c[cpu](%[rseq]), %%eax\n"
		"shlq $6, %%rax\n"
		"addq $1, (%[counters], %%rax)\n"
		"2: jmp %l[done]\n"
		".pushsection __rseq_failure, \"ax\"\n"
		".byte 0x0f, 0xb9, 0x3d\n"
		".long %c[signature]\n"
		"4: jmp 5b\n"
		".popsection\n"
		: : [rseq] "r" (rseq()), [counters] "r" (counters),
		    [cs] "i" (offsetof(struct rseq, rseq_cs)),
		    [cpu] "i" (offsetof(struct rseq, cpu_id)), [signature] "i" (RSEQ_SIG)
		: "rax", "memory", "cc" : done);
done:
	return;
}

BENCH_RUN(rseq_add, char *, rseq_add_one(state))
#else
static const char *rseq_setup(void **state, long unused)
{
	(void)state;
	(void)unused;
	return "the C library knows no restartable sequences";
}
#define rseq_add NULL
#endif

/* ---------------------------------------------------------------- tables -- */

#define OURS(setup_, way, flags_)						\
	.setup = setup_, .argument = way, .flags = flags_, .join = ours_join,	\
	.teardown = ours_close

const struct bench_case counter_peers[] = {
	{ .peer = "shstate", OURS(ours_setup, OURS_FAST, 0), .run = ours_add },
	{ .peer = "shstate by call", OURS(ours_setup, OURS_CALL, BENCH_CALLS), .run = ours_add },
	{ .peer = "shstate by ioctl", OURS(ours_setup, OURS_FAST, BENCH_CALLS),
	  .run = ours_ioctl },
	{ .peer = "shstate serial", OURS(serial_setup, OURS_FAST, BENCH_CALLS), .run = ours_add },
	{ .peer = "shstate atomic", OURS(atomic_setup, OURS_FAST, 0), .run = atomic_add },
	{ .peer = "shstate atomic by call", OURS(atomic_setup, OURS_CALL, BENCH_CALLS),
	  .run = atomic_add },
	{ .peer = "shstate atomic by ioctl", OURS(atomic_setup, OURS_FAST, BENCH_CALLS),
	  .run = atomic_ioctl },
	{ .peer = "lock xadd", .setup = word_setup, .run = locked_add },
	{ .peer = "lock xadd on our page", OURS(atomic_setup, OURS_FAST, 0), .run = page_add },
	{ .peer = "CAS loop", .setup = word_setup, .run = cas_add },
	{ .peer = "rseq per CPU", .setup = rseq_setup, .run = rseq_add },
};
const size_t counter_peers_count = BENCH_COUNT(counter_peers);

/* Not by several. */
static const struct bench_case plain_peers[] = {
	{ .peer = "plain add", .setup = word_setup, .run = plain_add },
};

static const struct bench_case exact_peers[] = {
	{ .peer = "shstate", OURS(ours_setup, OURS_FAST, BENCH_CALLS), .run = ours_read },
	{ .peer = "shstate atomic", OURS(atomic_setup, OURS_FAST, 0), .run = atomic_load },
	{ .peer = "plain load", .setup = word_setup, .run = plain_load },
};

static pid_t adder[16];		/* of the one such case that is set up at a time */

/* The more attachments there are the more lanes are to be summed. */
static const char *crowd_setup(void **state, long adders)
{
	const char *why = ours_setup(state, OURS_FAST);
	int ready[2];
	char byte;

	if (why)
		return why;
	if (pipe(ready))
		bench_die("no pipe");
	for (long i = 0; i < adders; i++) {
		adder[i] = bench_fork();
		if (adder[i]) {
			if (read(ready[0], &byte, 1) != 1)
				bench_die("an adder failed");
			continue;
		}
		ours_join(*state);
		ours_add(*state, 1);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[0]);
	close(ready[1]);
	return NULL;
}

static void crowd_teardown(void *state)
{
	ours_close(state);
	for (size_t i = 0; i < BENCH_COUNT(adder) && adder[i]; i++) {
		kill(adder[i], SIGKILL);
		waitpid(adder[i], NULL, 0);
		adder[i] = 0;
	}
}

static void read_beside(unsigned int adders)
{
	const struct bench_case cases[] = {
		{ .peer = "shstate", .flags = BENCH_CALLS, .setup = crowd_setup,
		  .argument = adders, .run = ours_read, .teardown = crowd_teardown },
	};

	bench_alone("counter", "exact read beside adders", adders, cases, BENCH_COUNT(cases));
}

void bench_counter(void)
{
	bench_alone("counter", "add", 0, counter_peers, counter_peers_count);
	bench_alone("counter", "plain add", 0, plain_peers, BENCH_COUNT(plain_peers));
	bench_alone("counter", "exact read", 0, exact_peers, BENCH_COUNT(exact_peers));
	for (unsigned int adders = 1; adders <= 16; adders *= 4)
		read_beside(adders);
}
