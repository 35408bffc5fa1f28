// SPDX-License-Identifier: GPL-2.0-only
/*
 * The binary interface: layouts never move, and whatever a program hands in that
 * this kernel does not know is refused and changes nothing. Without that no bit
 * of it could ever get a meaning.
 */
#include "shs.h"

#define AT(type, field, offset) \
	static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, size) static_assert(sizeof(struct type) == (size), #type)

SIZE(shs_ioc_abi, 16);
AT(shs_ioc_abi, abi_level, 4);
AT(shs_ioc_abi, features, 8);
SIZE(shs_ioc_init, 48);
AT(shs_ioc_init, kind, 4);
AT(shs_ioc_init, type, 8);
AT(shs_ioc_init, count, 12);
AT(shs_ioc_init, flags, 16);
AT(shs_ioc_init, value_size, 20);
AT(shs_ioc_init, value, 24);
AT(shs_ioc_init, meta, 32);
AT(shs_ioc_init, meta_size, 40);
AT(shs_ioc_init, pad, 44);
SIZE(shs_ioc_op, 80);
AT(shs_ioc_op, op, 4);
AT(shs_ioc_op, flags, 8);
AT(shs_ioc_op, index, 12);
AT(shs_ioc_op, arg, 16);
AT(shs_ioc_op, expected, 24);
AT(shs_ioc_op, result, 32);
AT(shs_ioc_op, addr, 40);
AT(shs_ioc_op, addr2, 48);
AT(shs_ioc_op, offset, 56);
AT(shs_ioc_op, len, 60);
AT(shs_ioc_op, deadline, 64);
AT(shs_ioc_op, clock, 72);
AT(shs_ioc_op, order, 73);
AT(shs_ioc_op, order_failure, 74);
AT(shs_ioc_op, pad, 75);
AT(shs_ioc_op, notice, 76);
SIZE(shs_ioc_batch, 32);
AT(shs_ioc_batch, flags, 4);
AT(shs_ioc_batch, count, 8);
AT(shs_ioc_batch, done, 12);
AT(shs_ioc_batch, ops, 16);
AT(shs_ioc_batch, fds, 24);
SIZE(shs_sqe, 16);
AT(shs_sqe, size, 8);
AT(shs_sqe, pad, 12);
SIZE(shs_ioc_attach, 64);
AT(shs_ioc_attach, flags, 4);
AT(shs_ioc_attach, id, 8);
AT(shs_ioc_attach, kind, 12);
AT(shs_ioc_attach, type, 16);
AT(shs_ioc_attach, count, 20);
AT(shs_ioc_attach, control_size, 24);
AT(shs_ioc_attach, shared_size, 28);
AT(shs_ioc_attach, private_size, 32);
AT(shs_ioc_attach, value_size, 36);
AT(shs_ioc_attach, value_offset, 40);
AT(shs_ioc_attach, slot_stride, 44);
AT(shs_ioc_attach, lanes, 48);
AT(shs_ioc_attach, lane_stride, 52);
AT(shs_ioc_attach, threads, 56);
AT(shs_ioc_attach, threads_offset, 60);
SIZE(shs_control, 64);
AT(shs_control, wpending, 4);
AT(shs_control, once, 8);
AT(shs_control, waiting, 12);
SIZE(shs_shared, 64);
AT(shs_shared, sequence, 8);
SIZE(shs_private, 64);
AT(shs_private, writes, 8);
SIZE(shs_thread, 64);
AT(shs_thread, lane, 4);
AT(shs_thread, held, 8);
SIZE(shs_ioc_lock, 40);
AT(shs_ioc_lock, flags, 4);
AT(shs_ioc_lock, mode, 8);
AT(shs_ioc_lock, lane, 12);
AT(shs_ioc_lock, deadline, 16);
AT(shs_ioc_lock, clock, 24);
AT(shs_ioc_lock, pad, 25);
AT(shs_ioc_lock, permits, 32);
AT(shs_ioc_lock, notice, 36);
SIZE(shs_ioc_convert, 48);
AT(shs_ioc_convert, flags, 4);
AT(shs_ioc_convert, from, 8);
AT(shs_ioc_convert, to, 12);
AT(shs_ioc_convert, lane, 16);
AT(shs_ioc_convert, pad0, 20);
AT(shs_ioc_convert, deadline, 24);
AT(shs_ioc_convert, clock, 32);
AT(shs_ioc_convert, pad, 33);
AT(shs_ioc_convert, pad1, 40);
AT(shs_ioc_convert, notice, 44);
SIZE(shs_ioc_wait, 40);
AT(shs_ioc_wait, mutex_fd, 8);
AT(shs_ioc_wait, started, 12);
AT(shs_ioc_wait, deadline, 16);
AT(shs_ioc_wait, clock, 24);
AT(shs_ioc_wait, pad1, 32);
AT(shs_ioc_wait, notice, 36);
SIZE(shs_ioc_once, 48);
AT(shs_ioc_once, cmd, 4);
AT(shs_ioc_once, flags, 8);
AT(shs_ioc_once, state, 12);
AT(shs_ioc_once, deadline, 16);
AT(shs_ioc_once, clock, 24);
AT(shs_ioc_once, pad, 25);
AT(shs_ioc_once, value_size, 28);
AT(shs_ioc_once, value, 32);
AT(shs_ioc_once, pad1, 40);
AT(shs_ioc_once, notice, 44);
SIZE(shs_ioc_cancel, 16);
AT(shs_ioc_cancel, flags, 4);
AT(shs_ioc_cancel, addr, 8);
SIZE(shs_ioc_info, 120);
AT(shs_ioc_info, kind, 4);
AT(shs_ioc_info, type, 8);
AT(shs_ioc_info, count, 12);
AT(shs_ioc_info, flags, 16);
AT(shs_ioc_info, value_size, 20);
AT(shs_ioc_info, meta_size, 24);
AT(shs_ioc_info, links, 28);
AT(shs_ioc_info, opens, 32);
AT(shs_ioc_info, attachments, 36);
AT(shs_ioc_info, waiters, 40);
AT(shs_ioc_info, state, 44);
AT(shs_ioc_info, readers, 48);
AT(shs_ioc_info, holder_pid, 52);
AT(shs_ioc_info, holder_comm, 56);
AT(shs_ioc_info, created_ns, 72);
AT(shs_ioc_info, deaths, 80);
AT(shs_ioc_info, holder_tid, 88);
AT(shs_ioc_info, depth, 92);
AT(shs_ioc_info, held_ns, 96);
AT(shs_ioc_info, waits, 104);
AT(shs_ioc_info, wakes, 112);
SIZE(shs_ioc_death, 64);
AT(shs_ioc_death, why, 4);
AT(shs_ioc_death, code, 8);
AT(shs_ioc_death, mode, 12);
AT(shs_ioc_death, pid, 16);
AT(shs_ioc_death, comm, 24);
AT(shs_ioc_death, when_monotonic_ns, 40);
AT(shs_ioc_death, when_realtime_ns, 48);
AT(shs_ioc_death, deaths, 56);
SIZE(shs_ioc_meta, 24);
AT(shs_ioc_meta, capacity, 4);
AT(shs_ioc_meta, addr, 8);
AT(shs_ioc_meta, meta_size, 16);
AT(shs_ioc_meta, pad, 20);
SIZE(shs_ioc_recover, 8);
AT(shs_ioc_recover, flags, 4);
SIZE(shs_ioc_watch, 8);
AT(shs_ioc_watch, flags, 4);
SIZE(shs_ioc_barrier, 48);
AT(shs_ioc_barrier, cmd, 4);
AT(shs_ioc_barrier, flags, 8);
AT(shs_ioc_barrier, parties, 12);
AT(shs_ioc_barrier, generation, 16);
AT(shs_ioc_barrier, state, 24);
AT(shs_ioc_barrier, notice, 28);
AT(shs_ioc_barrier, deadline, 32);
AT(shs_ioc_barrier, clock, 40);
AT(shs_ioc_barrier, pad, 41);
SIZE(shs_ioc_arm, 24);
AT(shs_ioc_arm, flags, 4);
AT(shs_ioc_arm, command, 8);
AT(shs_ioc_arm, pad, 12);
AT(shs_ioc_arm, addr, 16);
SIZE(shs_ioc_collect, 24);
AT(shs_ioc_collect, flags, 4);
AT(shs_ioc_collect, state, 8);
AT(shs_ioc_collect, pad, 12);
AT(shs_ioc_collect, result, 16);
SIZE(shs_ioc_many, 48);
AT(shs_ioc_many, flags, 4);
AT(shs_ioc_many, items, 8);
AT(shs_ioc_many, nr, 16);
AT(shs_ioc_many, item_size, 20);
AT(shs_ioc_many, deadline, 24);
AT(shs_ioc_many, clock, 32);
AT(shs_ioc_many, pad, 33);
AT(shs_ioc_many, index, 36);
AT(shs_ioc_many, pad1, 40);
AT(shs_ioc_many, notice, 44);
SIZE(shs_many_item, 40);
AT(shs_many_item, fd, 0);
AT(shs_many_item, mode, 4);
AT(shs_many_item, flags, 8);
AT(shs_many_item, lane, 12);
AT(shs_many_item, permits, 16);
AT(shs_many_item, index, 20);
AT(shs_many_item, expected, 24);
AT(shs_many_item, result, 32);
AT(shs_many_item, pad, 36);
SIZE(shs_thread_info, 56);
AT(shs_thread_info, flags, 4);
AT(shs_thread_info, pid, 8);
AT(shs_thread_info, tid, 12);
AT(shs_thread_info, comm, 16);
AT(shs_thread_info, since_ns, 32);
AT(shs_thread_info, count, 40);
AT(shs_thread_info, object, 48);
SIZE(shs_ioc_threads, 24);
AT(shs_ioc_threads, flags, 4);
AT(shs_ioc_threads, capacity, 8);
AT(shs_ioc_threads, count, 12);
AT(shs_ioc_threads, addr, 16);
SIZE(shs_ioc_cycle, 24);
AT(shs_ioc_cycle, flags, 4);
AT(shs_ioc_cycle, capacity, 8);
AT(shs_ioc_cycle, count, 12);
AT(shs_ioc_cycle, addr, 16);

#define IS(name, value) static_assert(SHS_##name == (value), #name)

IS(SUPER_MAGIC, 0x53485354);
IS(KIND_NONE, 0); IS(KIND_ATOMIC, 1); IS(KIND_COUNTER, 2); IS(KIND_MUTEX, 3);
IS(KIND_RWLOCK, 4); IS(KIND_CONDVAR, 5); IS(KIND_ONCE, 6); IS(KIND_CELL, 7);
IS(KIND_SEMAPHORE, 8); IS(KIND_BARRIER, 9);
IS(TYPE_NONE, 0); IS(TYPE_BYTES, 1); IS(TYPE_BOOL, 2); IS(TYPE_U8, 3); IS(TYPE_I8, 4);
IS(TYPE_U16, 5); IS(TYPE_I16, 6); IS(TYPE_U32, 7); IS(TYPE_I32, 8); IS(TYPE_U64, 9);
IS(TYPE_I64, 10);
IS(VALUE_MAX, 65536);
IS(CELL_MAX, 4096);
IS(COUNTER_MAX, 512);
IS(META_MAX, 4096);
IS(SEMAPHORE_MAX, 0x7fffffff); IS(BARRIER_MAX, 65536);
IS(CLOCK_MONOTONIC, 0); IS(CLOCK_REALTIME, 1); IS(CLOCK_BOOTTIME, 2);
IS(FOREVER, ~0ULL);
IS(FEATURE_URING, 1); IS(FEATURE_SEMAPHORE, 2); IS(FEATURE_BARRIER, 4);
IS(FEATURE_URING_WAIT, 8); IS(FEATURE_ASYNC, 16); IS(FEATURE_AWAIT, 32);
IS(FEATURE_ARM, 64); IS(FEATURE_MANY, 128);
IS(MANY_MAX, 64); IS(MANY_ALL, 1); IS(MANY_NOWAIT, 2);
IS(INIT_FIFO, 1); IS(INIT_POISON, 2); IS(INIT_SATURATE, 4); IS(INIT_CHECK, 8);
IS(INIT_EPHEMERAL, 16); IS(INIT_STRICT, 32); IS(INIT_IGNORE, 64); IS(INIT_RECURSIVE, 128);
IS(INIT_COMMIT, 256); IS(INIT_SERIAL, 512); IS(INIT_LIVE, 1024); IS(INIT_DONE, 2048);
IS(INIT_DETECT, 4096);
IS(OP_LOAD, 1); IS(OP_STORE, 2); IS(OP_SWAP, 3); IS(OP_CMPXCHG, 4); IS(OP_FETCH_ADD, 5);
IS(OP_FETCH_SUB, 6); IS(OP_FETCH_AND, 7); IS(OP_FETCH_NAND, 8); IS(OP_FETCH_OR, 9);
IS(OP_FETCH_XOR, 10); IS(OP_FETCH_MAX, 11); IS(OP_FETCH_MIN, 12); IS(OP_FETCH_NOT, 13);
IS(OP_TAKE, 14); IS(OP_ADD, 15); IS(OP_RESET, 16); IS(OP_PEEK, 17); IS(OP_READ, 18);
IS(OP_WRITE, 19); IS(OP_NOTIFY, 20); IS(OP_WAIT, 21); IS(OP_BYTES, 1); IS(OP_NOWAIT, 2);
IS(OP_AWAIT_GE, 22); IS(OP_AWAIT_LE, 23); IS(OP_AWAIT_EQ, 24); IS(OP_AWAIT_NE, 25);
IS(OP_AWAIT_ANY, 26); IS(OP_CHANGED, 27);
IS(OP_RECOVER, 4); IS(OP_HELD, 8);
IS(SEQ_CST, 0);
IS(RELAXED, 1);
IS(ACQUIRE, 2);
IS(RELEASE, 3);
IS(ACQ_REL, 4);
IS(NOTICE_OWNER_DIED, 1);
IS(BATCH_MAX, 256);
IS(MMAP_CONTROL, 0); IS(MMAP_SHARED, 0x10000000); IS(MMAP_PRIVATE, 0x20000000);
IS(VALUE_OFFSET, 64);
IS(LANES_OFFSET, 64);
IS(WRITES, 1); IS(WRITES_CALL, 2);
IS(WORD_WAITERS, 0x80000000); IS(WORD_DIED, 0x40000000); IS(WORD_KERNEL, 0x20000000);
IS(WORD_OWNER, 0x1fffffff);
IS(MODE_EXCLUSIVE, 0); IS(MODE_READ, 1); IS(MODE_UPGRADABLE, 2);
IS(LOCK_NOWAIT, 1); IS(LOCK_RECURSIVE, 2); IS(LOCK_NO_UNDO, 8);
IS(UNLOCK_FAIR, 1); IS(UNLOCK_ABANDON, 2); IS(UNLOCK_RETURNED, 4);
IS(UNLOCK_NO_UNDO, 8);
IS(WATCH_ON, 1); IS(WATCH_FREEZE, 2);
IS(ONCE_INCOMPLETE, 0); IS(ONCE_RUNNING, 1); IS(ONCE_DONE, 2); IS(ONCE_POISONED, 3);
IS(ONCE_BEGIN, 0); IS(ONCE_COMPLETE, 1); IS(ONCE_ABANDON, 2); IS(ONCE_WAIT, 3);
IS(ONCE_NOWAIT, 1); IS(ONCE_FORCE, 2);
IS(STATE_HELD, 1); IS(STATE_OWNER_DIED, 2); IS(STATE_DONE, 4); IS(STATE_POISONED, 8);
IS(STATE_UPGRADABLE, 16); IS(STATE_LOST, 32); IS(STATE_WATCHED, 64); IS(STATE_FROZEN, 128);
IS(STATE_BROKEN, 256);
IS(BARRIER_WAIT, 0); IS(BARRIER_LEAVE, 1); IS(BARRIER_SET, 2); IS(BARRIER_RESET, 3);
IS(BARRIER_LEADER, 1); IS(BARRIER_BROKEN, 2);
IS(WHY_UNKNOWN, 0); IS(WHY_SIGNAL, 1); IS(WHY_EXIT, 2); IS(WHY_EXEC, 3); IS(WHY_UNMAP, 4);
IS(THREAD_WAITS, 1); IS(THREAD_POSSIBLE, 2); IS(THREAD_INFO_MAX, 4096);
IS(CYCLE_MAX, 16);
static_assert(SHS_IOC_ABI == 0xe800 && SHS_IOC_INIT == 0xe801 && SHS_IOC_OP == 0xe802 &&
	      SHS_IOC_ATTACH == 0xe803 && SHS_IOC_INFO == 0xe804 && SHS_IOC_DEATH == 0xe805 &&
	      SHS_IOC_META == 0xe806 && SHS_IOC_LOCK == 0xe810 && SHS_IOC_UNLOCK == 0xe811 &&
	      SHS_IOC_WAIT == 0xe812 && SHS_IOC_ONCE == 0xe813 && SHS_IOC_BATCH == 0xe807 &&
	      SHS_IOC_CONVERT == 0xe814 && SHS_IOC_THREADS == 0xe808 &&
	      SHS_IOC_RECOVER == 0xe815 && SHS_IOC_CYCLE == 0xe816 &&
	      SHS_IOC_WATCH == 0xe817 && SHS_IOC_BARRIER == 0xe818 && SHS_IOC_ARM == 0xe819 &&
	      SHS_IOC_COLLECT == 0xe81a && SHS_IOC_MANY == 0xe81b, "numbers");
static_assert(SHS_OP_LOAD == 1 && SHS_OP_FETCH_NOT == 13 && SHS_OP_TAKE == 14 &&
	      SHS_OP_ADD == 15 && SHS_OP_PEEK == 17 && SHS_OP_NOTIFY == 20 && SHS_OP_WAIT == 21,
	      "opcodes");
static_assert(SHS_KIND_CELL == 7 && SHS_TYPE_I64 == 10 && SHS_ONCE_POISONED == 3 &&
	      SHS_WHY_UNMAP == 4 && SHS_ACQ_REL == 4 && SHS_MODE_UPGRADABLE == 2 &&
	      SHS_ONCE_WAIT == 3, "enums");
static_assert(SHS_INIT_FIFO == 1 && SHS_INIT_EPHEMERAL == 16 && SHS_INIT_STRICT == 32 &&
	      SHS_INIT_IGNORE == 64 && SHS_INIT_RECURSIVE == 128 && SHS_INIT_COMMIT == 256 &&
	      SHS_INIT_SERIAL == 512 && SHS_INIT_LIVE == 1024 && SHS_INIT_DONE == 2048 &&
	      SHS_INIT_DETECT == 4096, "flags");
static_assert(SHS_STATE_UPGRADABLE == 16 && SHS_STATE_LOST == 32 &&
	      SHS_THREAD_WAITS == 1 && SHS_THREAD_POSSIBLE == 2 &&
	      SHS_THREAD_GOES_ON == 4, "states");

/* Every request there is, in a form that is served at once. */
enum request {
	ABI, INIT, BATCH, ATTACH,				/* on an object only */
	OP, INFO, DEATH, META, THREADS, CANCEL,			/* on both */
	LOCK, UNLOCK, WAIT, ONCE, CONVERT, RECOVER, CYCLE, WATCH, BARRIER, /* on an attachment */
	ARM, COLLECT, MANY,
	REQUESTS
};

static const struct {
	const char *name;
	unsigned long command;
	__u32 size;
	int valid;	/* what the form below gets, at least */
	bool writes;	/* the struct has fields that are out */
	__u32 first;	/* the first published size; 0: the present one */
} requests[] = {
	[ABI]	 = { "ABI", SHS_IOC_ABI, sizeof(struct shs_ioc_abi), 0, true },
	[INIT]	 = { "INIT", SHS_IOC_INIT, sizeof(struct shs_ioc_init), 0, false },
	[OP]	 = { "OP", SHS_IOC_OP, sizeof(struct shs_ioc_op), 0, true },
	[BATCH]	 = { "BATCH", SHS_IOC_BATCH, sizeof(struct shs_ioc_batch), 0, true },
	[ATTACH] = { "ATTACH", SHS_IOC_ATTACH, sizeof(struct shs_ioc_attach), 1, true },
	[INFO]	 = { "INFO", SHS_IOC_INFO, sizeof(struct shs_ioc_info), 0, true },
	[DEATH]	 = { "DEATH", SHS_IOC_DEATH, sizeof(struct shs_ioc_death), -ENODATA, true },
	[META]	 = { "META", SHS_IOC_META, sizeof(struct shs_ioc_meta), 0, true },
	[THREADS] = { "THREADS", SHS_IOC_THREADS, sizeof(struct shs_ioc_threads), 0, true },
	[CANCEL] = { "CANCEL", SHS_IOC_CANCEL, sizeof(struct shs_ioc_cancel), -ENOENT, false },
	[LOCK]	 = { "LOCK", SHS_IOC_LOCK, sizeof(struct shs_ioc_lock), 0, false,
		     offsetof(struct shs_ioc_lock, permits) },
	[UNLOCK] = { "UNLOCK", SHS_IOC_UNLOCK, sizeof(struct shs_ioc_lock), 0, false,
		     offsetof(struct shs_ioc_lock, permits) },
	[WAIT]	 = { "WAIT", SHS_IOC_WAIT, sizeof(struct shs_ioc_wait), -ETIMEDOUT, true,
		     offsetof(struct shs_ioc_wait, pad1) },
	[ONCE]	 = { "ONCE", SHS_IOC_ONCE, sizeof(struct shs_ioc_once), 0, true,
		     offsetof(struct shs_ioc_once, pad1) },
	[CONVERT] = { "CONVERT", SHS_IOC_CONVERT, sizeof(struct shs_ioc_convert), 0, false,
		     offsetof(struct shs_ioc_convert, pad1) },
	[RECOVER] = { "RECOVER", SHS_IOC_RECOVER, sizeof(struct shs_ioc_recover), 0, false },
	[CYCLE]	 = { "CYCLE", SHS_IOC_CYCLE, sizeof(struct shs_ioc_cycle), 0, true },
	[WATCH]	 = { "WATCH", SHS_IOC_WATCH, sizeof(struct shs_ioc_watch), 0, false },
	[BARRIER] = { "BARRIER", SHS_IOC_BARRIER, sizeof(struct shs_ioc_barrier), -ETIMEDOUT,
		      true },
	[ARM]	 = { "ARM", SHS_IOC_ARM, sizeof(struct shs_ioc_arm), 0, false },
	[COLLECT] = { "COLLECT", SHS_IOC_COLLECT, sizeof(struct shs_ioc_collect), -ENOENT, true },
	[MANY]	 = { "MANY", SHS_IOC_MANY, sizeof(struct shs_ioc_many), 0, true },
};

/* With the type that the kind has, and one element if that is free. */
static int create_one(__u32 kind, __u32 flags)
{
	static const __u32 value[] = { 2, 2 };
	bool numbers = kind == SHS_KIND_SEMAPHORE || kind == SHS_KIND_BARRIER;
	bool valueless = kind == SHS_KIND_CONDVAR || kind == SHS_KIND_ONCE;
	__u32 count = kind == SHS_KIND_SEMAPHORE ? 2 : !valueless;

	return shs_create_as(&SHS_INIT(.kind = kind, .flags = flags, .count = count,
		.type = valueless ? SHS_TYPE_NONE : numbers ? SHS_TYPE_U32 : SHS_TYPE_I64,
		.value = numbers ? (unsigned long)value : 0,
		.value_size = numbers ? 4 * count : 0));
}

FIXTURE(abi) {
	int blank, atomic, mutex, condvar, once, rwlock, strict, detecting, barrier;
	struct shs_att locked, waiting, running, upgradable, owed, refused, party;
	union {
		char bytes[128];
		__u32 size;
		struct shs_ioc_init init;
		struct shs_ioc_op op;
		struct shs_ioc_meta meta;
		struct shs_ioc_lock lock;
		struct shs_ioc_wait wait;
		struct shs_ioc_once once;
		struct shs_ioc_batch batch;
		struct shs_ioc_convert convert;
		struct shs_ioc_threads threads;
		struct shs_ioc_cycle cycle;
		struct shs_ioc_cancel cancel;
		struct shs_ioc_arm arm;
		struct shs_ioc_many many;
	} arg;
	struct shs_ioc_lock lock;	/* that is armed */
	struct shs_many_item item;
	struct shs_thread_info list[2];
	struct shs_ioc_op op;	/* of the batch */
	int fd;
	char meta[8];
};

FIXTURE_SETUP(abi)
{
	struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U64,
					    .count = 3, .meta = (unsigned long)"help",
					    .meta_size = 5);

	SHS_MOUNT("");
	self->blank = shs_blank();
	self->atomic = shs_create_as(&init);
	self->mutex = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U32, 1);
	self->condvar = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	self->once = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	self->rwlock = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U32, 1);
	ASSERT_LE(0, self->rwlock);
	ASSERT_LE(0, self->blank);
	ASSERT_LE(0, self->atomic);
	ASSERT_LE(0, self->mutex);
	ASSERT_LE(0, self->condvar);
	ASSERT_LE(0, self->once);
	ASSERT_EQ(0, shs_attach(&self->locked, self->mutex));
	ASSERT_EQ(0, shs_attach(&self->waiting, self->condvar));
	ASSERT_EQ(0, shs_attach(&self->running, self->once));
	ASSERT_EQ(0, shs_attach(&self->upgradable, self->rwlock));
	init = SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_STRICT);
	self->strict = shs_create_as(&init);
	ASSERT_LE(0, self->strict);
	ASSERT_EQ(0, shs_attach(&self->owed, self->strict));
	init.flags = SHS_INIT_DETECT;
	self->detecting = shs_create_as(&init);
	ASSERT_LE(0, self->detecting);
	ASSERT_EQ(0, shs_attach(&self->refused, self->detecting));
	ASSERT_EQ(0, shs_trylock(&self->refused));
	ASSERT_EQ(-EDEADLK, shs_lock(&self->refused));
	self->barrier = create_one(SHS_KIND_BARRIER, 0);
	ASSERT_LE(0, self->barrier);
	ASSERT_EQ(0, shs_attach(&self->party, self->barrier));
}

FIXTURE_TEARDOWN(abi)
{
}

/* Puts a request into self->arg, and the objects into a state that serves it. */
static void make(FIXTURE_DATA(abi) *self, enum request request)
{
	memset(&self->arg, 0, sizeof(self->arg));
	self->arg.size = requests[request].size;
	self->fd = self->atomic;
	switch (request) {
	case INIT:
		self->fd = self->blank;
		self->arg.init.kind = SHS_KIND_MUTEX;
		self->arg.init.type = SHS_TYPE_U32;
		self->arg.init.count = 1;
		break;
	case OP:
		self->arg.op.op = SHS_OP_FETCH_ADD;
		self->arg.op.arg = 1;
		break;
	case BATCH:
		self->op = SHS_OP(FETCH_ADD, .arg = 1);
		self->arg.batch.count = 1;
		self->arg.batch.ops = (unsigned long)&self->op;
		break;
	case CANCEL:
		self->arg.cancel.addr = (unsigned long)self;
		break;
	case META:
		self->arg.meta.addr = (unsigned long)self->meta;
		self->arg.meta.capacity = sizeof(self->meta);
		break;
	case UNLOCK:
		shs_trylock(&self->locked);
		self->fd = self->locked.fd;
		break;
	case LOCK:
	case WATCH:
		self->fd = self->locked.fd;
		break;
	case BARRIER:
		self->fd = self->party.fd;
		break;
	case ARM:
		shs_unlock(&self->locked);
		self->lock = SHS_LOCK();
		self->fd = self->locked.fd;
		self->arg.arm.command = SHS_IOC_LOCK;
		self->arg.arm.addr = (unsigned long)&self->lock;
		break;
	case COLLECT:
		self->fd = self->locked.fd;
		break;
	case MANY:
		shs_unlock(&self->locked);
		self->fd = self->locked.fd;
		self->item = (struct shs_many_item){ .fd = self->locked.fd };
		self->arg.many.items = (unsigned long)&self->item;
		self->arg.many.item_size = sizeof(self->item);
		self->arg.many.nr = 1;
		break;
	case WAIT:
		shs_trylock(&self->locked);
		self->fd = self->waiting.fd;
		self->arg.wait.mutex_fd = self->locked.fd;
		break;
	case ONCE:
		self->fd = self->running.fd;
		break;
	case CONVERT:
		shs_lock_as(&self->upgradable, &SHS_LOCK(.mode = SHS_MODE_UPGRADABLE,
							 .flags = SHS_LOCK_NOWAIT));
		self->fd = self->upgradable.fd;
		self->arg.convert.from = SHS_MODE_UPGRADABLE;
		break;
	case RECOVER:
		shs_trylock(&self->owed);
		shs_unlock_as(&self->owed, &SHS_LOCK(.flags = SHS_UNLOCK_ABANDON));
		shs_trylock(&self->owed);
		self->fd = self->owed.fd;
		break;
	case THREADS:
		self->arg.threads.addr = (unsigned long)self->list;
		self->arg.threads.capacity = ARRAY_SIZE(self->list);
		break;
	case CYCLE:
		self->fd = self->refused.fd;
		self->arg.cycle.addr = (unsigned long)self->list;
		self->arg.cycle.capacity = ARRAY_SIZE(self->list);
		break;
	default:
		break;
	}
}

static int submit(FIXTURE_DATA(abi) *self, enum request request)
{
	return shs_ioctl(self->fd, requests[request].command, &self->arg);
}

/* Takes the effect of a request that was served back. */
static void undo(FIXTURE_DATA(abi) *self, enum request request, int ret)
{
	if (request == INIT) {
		close(self->blank);
		self->blank = shs_blank();
	} else if (request == ATTACH && ret >= 0) {
		close(ret);
	} else if (request == LOCK || request == MANY) {
		shs_unlock(&self->locked);
	} else if (request == ARM) {
		shs_collect(self->locked.fd);
		shs_unlock(&self->locked);
	} else if (request == ONCE) {
		shs_once(&self->running, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON));
	} else if (request == CONVERT) {
		shs_unlock(&self->upgradable);
	}
}

/* Descriptors vary. */
#define EXPECT_SERVED(request, ret) \
	EXPECT_EQ(requests[request].valid, requests[request].valid > 0 ? (ret) >= 0 : (ret)) \
		TH_LOG("%s: %d", requests[request].name, ret)

/* All that a refused request must leave as it was. */
struct state {
	struct shs_ioc_info info[9];
	__u64 value;
	__u32 word;
	int next_fd;
};

static struct state observe(FIXTURE_DATA(abi) *self)
{
	struct state state;

	memset(&state, 0, sizeof(state));
	state.info[0] = shs_info(self->blank);
	state.info[1] = shs_info(self->atomic);
	state.info[2] = shs_info(self->mutex);
	state.info[3] = shs_info(self->condvar);
	state.info[4] = shs_info(self->once);
	state.info[5] = shs_info(self->rwlock);
	state.info[6] = shs_info(self->strict);
	state.info[7] = shs_info(self->detecting);
	state.info[8] = shs_info(self->barrier);
	for (int i = 0; i < ARRAY_SIZE(state.info); i++)
		state.info[i].held_ns = 0;	/* time goes on */
	state.value = shs_load(self->atomic, 0);
	state.word = self->locked.shared->word;
	state.next_fd = dup(0);
	close(state.next_fd);
	return state;
}

static bool unchanged(FIXTURE_DATA(abi) *self, const struct state *before)
{
	struct state now = observe(self);

	return !memcmp(&now, before, sizeof(now));
}

/* The forms above are served: else the refusals below would prove nothing. */
TEST_F(abi, valid_requests)
{
	for (enum request r = 0; r < REQUESTS; r++) {
		int ret;

		make(self, r);
		ret = submit(self, r);
		EXPECT_SERVED(r, ret);
		undo(self, r, ret);
	}
}

/* Any file of the file system answers, so that a program can ask before it acts. */
TEST_F(abi, level_and_features)
{
	int fds[] = { shs_open(".", O_RDONLY), self->blank, self->atomic };

	for (int i = 0; i < ARRAY_SIZE(fds); i++) {
		struct shs_ioc_abi abi = { sizeof(abi), ~0U, ~0ULL };

		EXPECT_EQ(0, shs_ioctl(fds[i], SHS_IOC_ABI, &abi));
		EXPECT_EQ(SHS_ABI_LEVEL, abi.abi_level);
		EXPECT_EQ(SHS_FEATURE_SEMAPHORE | SHS_FEATURE_BARRIER | SHS_FEATURE_ARM |
			  SHS_FEATURE_MANY | SHS_FEATURE_AWAIT,
			  abi.features & ~(SHS_FEATURE_URING | SHS_FEATURE_URING_WAIT |
					   SHS_FEATURE_ASYNC));
	}
}

static __u32 first_size(enum request r)
{
	return requests[r].first ?: requests[r].size;
}

/* No struct shorter than the first published one was ever in use. */
TEST_F(abi, short_struct)
{
	for (enum request r = 0; r < REQUESTS; r++) {
		struct state before;

		make(self, r);
		before = observe(self);
		for (__u32 size = 0; size < first_size(r); size++) {
			self->arg.size = size;
			EXPECT_EQ(-EINVAL, submit(self, r))
				TH_LOG("%s of size %u", requests[r].name, size);
		}
		EXPECT_TRUE(unchanged(self, &before)) TH_LOG("%s", requests[r].name);
	}
}

/* What grew is served as long as before, as if the rest were zero. */
TEST_F(abi, first_struct)
{
	for (enum request r = 0; r < REQUESTS; r++) {
		if (!requests[r].first)
			continue;
		for (__u32 size = requests[r].first; size < requests[r].size; size++) {
			int ret;

			make(self, r);
			memset(self->arg.bytes + size, 0xa5, sizeof(self->arg.bytes) - size);
			self->arg.size = size;
			ret = submit(self, r);
			EXPECT_SERVED(r, ret);
			undo(self, r, ret);
		}
	}
}

/* A program built with a newer header works as long as it uses nothing new. */
TEST_F(abi, longer_struct_of_zeroes)
{
	for (enum request r = 0; r < REQUESTS; r++) {
		int ret;

		make(self, r);
		self->arg.size = requests[r].size + 8;
		ret = submit(self, r);
		EXPECT_SERVED(r, ret);
		undo(self, r, ret);
	}
}

/* It is told when it does use something new: each byte of the tail counts. */
TEST_F(abi, longer_struct_with_something)
{
	for (enum request r = 0; r < REQUESTS; r++) {
		struct state before;

		make(self, r);
		before = observe(self);
		self->arg.size = requests[r].size + 8;
		for (int i = 0; i < 8; i++) {
			self->arg.bytes[requests[r].size + i] = 1;
			EXPECT_EQ(-E2BIG, submit(self, r))
				TH_LOG("%s byte %d", requests[r].name, i);
			self->arg.bytes[requests[r].size + i] = 0;
		}
		EXPECT_TRUE(unchanged(self, &before)) TH_LOG("%s", requests[r].name);
	}
}

/* A size that cannot be true is an error, not a long walk through memory. */
TEST_F(abi, absurd_size)
{
	for (enum request r = 0; r < REQUESTS; r++) {
		make(self, r);
		for (int shift = 13; shift < 32; shift++) {
			int ret;

			self->arg.size = 1U << shift;
			ret = submit(self, r);
			EXPECT_TRUE(ret == -E2BIG || ret == -EFAULT || ret == -EINVAL)
				TH_LOG("%s of size 1 << %d: %d", requests[r].name, shift, ret);
		}
	}
}

/* The bits of each field that have no meaning, in the form above. */
#define FIELD(request, type, field, known) \
	{ request, #type "." #field, offsetof(struct type, field), \
	  sizeof(((struct type *)0)->field), known }

static const struct {
	enum request request;
	const char *name;
	unsigned int offset, size;
	__u64 known;
} meaningless[] = {
	FIELD(INIT, shs_ioc_init, flags, SHS_INIT_FIFO | SHS_INIT_EPHEMERAL | SHS_INIT_STRICT |
	      SHS_INIT_IGNORE | SHS_INIT_RECURSIVE | SHS_INIT_COMMIT | SHS_INIT_DETECT),
	FIELD(INIT, shs_ioc_init, pad, 0),
	FIELD(OP, shs_ioc_op, flags, SHS_OP_BYTES | SHS_OP_NOWAIT | SHS_OP_RECOVER),
	FIELD(OP, shs_ioc_op, expected, 0),
	FIELD(OP, shs_ioc_op, result, 0),
	FIELD(OP, shs_ioc_op, addr, 0),
	FIELD(OP, shs_ioc_op, addr2, 0),
	FIELD(OP, shs_ioc_op, offset, 0),
	FIELD(OP, shs_ioc_op, len, 0),
	FIELD(OP, shs_ioc_op, clock, 3),
	FIELD(OP, shs_ioc_op, order, 7),
	FIELD(OP, shs_ioc_op, order_failure, 0),
	FIELD(OP, shs_ioc_op, pad, 0),
	FIELD(OP, shs_ioc_op, notice, 0),
	FIELD(BATCH, shs_ioc_batch, flags, 0),
	FIELD(BATCH, shs_ioc_batch, done, 0),
	FIELD(ATTACH, shs_ioc_attach, flags, 0),
	FIELD(DEATH, shs_ioc_death, pad, 0),
	FIELD(META, shs_ioc_meta, pad, 0),
	FIELD(CANCEL, shs_ioc_cancel, flags, 0),
	FIELD(LOCK, shs_ioc_lock, flags, SHS_LOCK_NOWAIT),
	FIELD(LOCK, shs_ioc_lock, mode, SHS_MODE_READ),
	FIELD(LOCK, shs_ioc_lock, lane, 0),
	FIELD(LOCK, shs_ioc_lock, clock, 3),
	FIELD(LOCK, shs_ioc_lock, pad, 0),
	FIELD(LOCK, shs_ioc_lock, permits, 0),
	FIELD(LOCK, shs_ioc_lock, notice, 0),
	FIELD(UNLOCK, shs_ioc_lock, flags, SHS_UNLOCK_FAIR | SHS_UNLOCK_ABANDON),
	FIELD(UNLOCK, shs_ioc_lock, mode, SHS_MODE_READ),
	FIELD(UNLOCK, shs_ioc_lock, lane, 0),
	FIELD(UNLOCK, shs_ioc_lock, deadline, 0),
	FIELD(UNLOCK, shs_ioc_lock, clock, 0),
	FIELD(UNLOCK, shs_ioc_lock, pad, 0),
	FIELD(UNLOCK, shs_ioc_lock, permits, 0),
	FIELD(UNLOCK, shs_ioc_lock, notice, 0),
	FIELD(WAIT, shs_ioc_wait, flags, 0),
	FIELD(WAIT, shs_ioc_wait, clock, 3),
	FIELD(WAIT, shs_ioc_wait, pad, 0),
	FIELD(WAIT, shs_ioc_wait, pad1, 0),
	FIELD(WAIT, shs_ioc_wait, notice, 0),
	FIELD(ONCE, shs_ioc_once, cmd, 3),
	FIELD(ONCE, shs_ioc_once, flags, SHS_ONCE_NOWAIT | SHS_ONCE_FORCE),
	FIELD(ONCE, shs_ioc_once, state, 0),
	FIELD(ONCE, shs_ioc_once, clock, 3),
	FIELD(ONCE, shs_ioc_once, pad, 0),
	FIELD(ONCE, shs_ioc_once, pad1, 0),
	FIELD(ONCE, shs_ioc_once, notice, 0),
	FIELD(ONCE, shs_ioc_once, value_size, 0),
	FIELD(ONCE, shs_ioc_once, value, 0),
	FIELD(CONVERT, shs_ioc_convert, flags, SHS_LOCK_NOWAIT),
	FIELD(CONVERT, shs_ioc_convert, from, 0),
	FIELD(CONVERT, shs_ioc_convert, to, SHS_MODE_READ),
	FIELD(CONVERT, shs_ioc_convert, lane, 0),
	FIELD(CONVERT, shs_ioc_convert, pad0, 0),
	FIELD(CONVERT, shs_ioc_convert, clock, 3),
	FIELD(CONVERT, shs_ioc_convert, pad, 0),
	FIELD(CONVERT, shs_ioc_convert, pad1, 0),
	FIELD(CONVERT, shs_ioc_convert, notice, 0),
	FIELD(RECOVER, shs_ioc_recover, flags, 0),
	FIELD(WATCH, shs_ioc_watch, flags, SHS_WATCH_ON),
	FIELD(BARRIER, shs_ioc_barrier, cmd, 3),
	FIELD(BARRIER, shs_ioc_barrier, flags, 0),
	FIELD(BARRIER, shs_ioc_barrier, parties, 0),
	FIELD(BARRIER, shs_ioc_barrier, generation, 0),
	FIELD(BARRIER, shs_ioc_barrier, state, 0),
	FIELD(BARRIER, shs_ioc_barrier, notice, 0),
	FIELD(BARRIER, shs_ioc_barrier, clock, 3),
	FIELD(BARRIER, shs_ioc_barrier, pad, 0),
	FIELD(ARM, shs_ioc_arm, flags, 0),
	FIELD(ARM, shs_ioc_arm, pad, 0),
	FIELD(COLLECT, shs_ioc_collect, flags, 0),
	FIELD(COLLECT, shs_ioc_collect, state, 0),
	FIELD(COLLECT, shs_ioc_collect, pad, 0),
	FIELD(COLLECT, shs_ioc_collect, result, 0),
	FIELD(MANY, shs_ioc_many, flags, SHS_MANY_ALL | SHS_MANY_NOWAIT),
	FIELD(MANY, shs_ioc_many, clock, 3),
	FIELD(MANY, shs_ioc_many, pad, 0),
	FIELD(MANY, shs_ioc_many, index, 0),
	FIELD(MANY, shs_ioc_many, pad1, 0),
	FIELD(MANY, shs_ioc_many, notice, 0),
	FIELD(THREADS, shs_ioc_threads, flags, 0),
	FIELD(THREADS, shs_ioc_threads, count, 0),
	FIELD(CYCLE, shs_ioc_cycle, flags, 0),
	FIELD(CYCLE, shs_ioc_cycle, count, 0),
};

/*
 * Each unknown flag, each bit of padding and of a field that the request does
 * not use is refused alone: one that is ignored today can never be used.
 */
TEST_F(abi, meaningless_bits)
{
	for (int i = 0; i < ARRAY_SIZE(meaningless); i++) {
		enum request r = meaningless[i].request;
		struct state before;

		make(self, r);
		before = observe(self);
		for (unsigned int bit = 0; bit < meaningless[i].size * 8; bit++) {
			char *byte = self->arg.bytes + meaningless[i].offset + bit / 8;

			if (bit < 64 && meaningless[i].known & 1ULL << bit)
				continue;
			*byte ^= 1 << bit % 8;
			EXPECT_EQ(-EINVAL, submit(self, r))
				TH_LOG("%s of %s, bit %u", meaningless[i].name,
				       requests[r].name, bit);
			*byte ^= 1 << bit % 8;
		}
		EXPECT_TRUE(unchanged(self, &before)) TH_LOG("%s", meaningless[i].name);
	}
}

/* The values of the small enums that do not exist. */
TEST_F(abi, unknown_enum_values)
{
	struct state before;

	make(self, OP);
	before = observe(self);
	for (int order = SHS_ACQ_REL + 1; order < 256; order++) {
		self->arg.op.order = order;
		EXPECT_EQ(-EINVAL, submit(self, OP)) TH_LOG("order %d", order);
	}
	self->arg.op.order = 0;
	self->arg.op.clock = SHS_CLOCK_BOOTTIME + 1;
	EXPECT_EQ(-EINVAL, submit(self, OP));
	self->arg.op.clock = 0;
	for (unsigned int shift = 0; shift < 32; shift++) {
		self->arg.op.op = SHS_OP_CHANGED + (1U << shift);
		EXPECT_EQ(-EINVAL, submit(self, OP)) TH_LOG("op %u", self->arg.op.op);
	}
	self->arg.op.op = 0;
	EXPECT_EQ(-EINVAL, submit(self, OP));

	make(self, LOCK);
	self->arg.lock.clock = SHS_CLOCK_BOOTTIME + 1;
	EXPECT_EQ(-EINVAL, submit(self, LOCK));
	make(self, ONCE);
	self->arg.once.clock = SHS_CLOCK_BOOTTIME + 1;
	EXPECT_EQ(-EINVAL, submit(self, ONCE));
	self->arg.once.clock = 0;
	self->arg.once.cmd = SHS_ONCE_WAIT + 1;
	EXPECT_EQ(-EINVAL, submit(self, ONCE));
	EXPECT_TRUE(unchanged(self, &before));
	make(self, WAIT);
	self->arg.wait.clock = SHS_CLOCK_BOOTTIME + 1;
	EXPECT_EQ(-EINVAL, submit(self, WAIT));
}

/* Only a BEGIN and a WAIT may wait; the others take neither flags nor a deadline. */
TEST_F(abi, once_fields_of_begin_alone)
{
	ASSERT_EQ(0, shs_once(&self->running, &SHS_ONCE()));
	for (__u32 cmd = SHS_ONCE_COMPLETE; cmd <= SHS_ONCE_ABANDON; cmd++) {
		EXPECT_EQ(-EINVAL, shs_once(&self->running, &SHS_ONCE(
				.cmd = cmd, .flags = SHS_ONCE_NOWAIT)));
		EXPECT_EQ(-EINVAL, shs_once(&self->running, &SHS_ONCE(
				.cmd = cmd, .flags = SHS_ONCE_FORCE)));
		EXPECT_EQ(-EINVAL, shs_once(&self->running, &SHS_ONCE(
				.cmd = cmd, .deadline = 1)));
		EXPECT_EQ(-EINVAL, shs_once(&self->running, &SHS_ONCE(
				.cmd = cmd, .clock = SHS_CLOCK_REALTIME)));
	}
	EXPECT_EQ(SHS_ONCE_RUNNING, shs_load(self->once, 0));
}

/* A pointer to nowhere, or to a struct that ends nowhere, changes nothing. */
TEST_F(abi, bad_pointer)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(0, munmap(page + 4096, 4096));
	for (enum request r = 0; r < REQUESTS; r++) {
		char *straddling = page + 4096 - requests[r].size + 4;
		struct state before;

		make(self, r);
		before = observe(self);
		memcpy(straddling, &self->arg, requests[r].size - 4);
		EXPECT_EQ(-EFAULT, shs_ioctl(self->fd, requests[r].command, NULL))
			TH_LOG("%s", requests[r].name);
		EXPECT_EQ(-EFAULT, shs_ioctl(self->fd, requests[r].command, (void *)-4096L))
			TH_LOG("%s", requests[r].name);
		EXPECT_EQ(-EFAULT, shs_ioctl(self->fd, requests[r].command, straddling))
			TH_LOG("%s", requests[r].name);
		EXPECT_TRUE(unchanged(self, &before)) TH_LOG("%s", requests[r].name);
	}
}

/*
 * Where the answer cannot be written, nothing has been done either: no
 * addition that the caller believes failed, no descriptor that nobody knows.
 */
TEST_F(abi, read_only_struct)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (enum request r = 0; r < REQUESTS; r++) {
		struct state before;

		if (!requests[r].writes || requests[r].valid == -ENODATA)
			continue;
		make(self, r);
		before = observe(self);
		memcpy(page, &self->arg, requests[r].size);
		mprotect(page, 4096, PROT_READ);
		EXPECT_EQ(-EFAULT, shs_ioctl(self->fd, requests[r].command, page))
			TH_LOG("%s", requests[r].name);
		mprotect(page, 4096, PROT_READ | PROT_WRITE);
		EXPECT_TRUE(unchanged(self, &before)) TH_LOG("%s", requests[r].name);
	}
}

/* Requests meant for another file, and ones that do not exist. */
TEST_F(abi, wrong_file)
{
	int dir = shs_open(".", O_RDONLY);
	char arg[128] = { 0 };
	struct state before;

	make(self, ABI);
	before = observe(self);
	for (enum request r = INIT; r < REQUESTS; r++) {
		EXPECT_EQ(-ENOTTY, shs_ioctl(dir, requests[r].command, arg))
			TH_LOG("%s on the directory", requests[r].name);
		if (r >= LOCK)
			EXPECT_EQ(-ENOTTY, shs_ioctl(self->atomic, requests[r].command, arg))
				TH_LOG("%s on an object", requests[r].name);
		if (r < OP)
			EXPECT_EQ(-ENOTTY, shs_ioctl(self->locked.fd, requests[r].command, arg))
				TH_LOG("%s on an attachment", requests[r].name);
	}
	for (int number = 0x0a; number < 256; number++) {
		unsigned long unknown;

		if (number == 0x10)
			number = 0x1c;
		unknown = _IO(SHS_IOC_MAGIC, number);
		EXPECT_EQ(-ENOTTY, shs_ioctl(dir, unknown, arg));
		EXPECT_EQ(-ENOTTY, shs_ioctl(self->atomic, unknown, arg));
		EXPECT_EQ(-ENOTTY, shs_ioctl(self->locked.fd, unknown, arg));
	}
	EXPECT_EQ(-ENOTTY, shs_ioctl(self->atomic, _IOWR(SHS_IOC_MAGIC, 2, struct shs_ioc_op),
				     arg));
	EXPECT_TRUE(unchanged(self, &before));
}

/* A file that is no object yet does nothing but become one. */
TEST_F(abi, uninitialised)
{
	char text[8];

	for (enum request r = BATCH; r <= CANCEL; r++) {
		make(self, r);
		self->fd = self->blank;
		EXPECT_EQ(-EUNATCH, submit(self, r)) TH_LOG("%s", requests[r].name);
	}
	EXPECT_EQ(-1, read(self->blank, text, sizeof(text)));
	EXPECT_EQ(EUNATCH, errno);
	EXPECT_EQ(-EUNATCH, shs_write(self->blank, "1\n"));
	EXPECT_EQ(-EINVAL, shs_link(self->blank, "half-made"));
	EXPECT_EQ(-ENOENT, shs_open("half-made", O_RDONLY));
	make(self, INIT);
	EXPECT_EQ(0, submit(self, INIT));
}

/* An object is what it is for all its life. */
TEST_F(abi, init_twice)
{
	struct shs_ioc_init other = SHS_INIT(.kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
					     .count = 1);
	struct shs_ioc_info before = shs_info(self->atomic), after;

	EXPECT_EQ(-EALREADY, shs_ioctl(self->atomic, SHS_IOC_INIT, &other));
	after = shs_info(self->atomic);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

/* One of several that initialise at once wins; the others learn that they lost. */
TEST_F(abi, init_race)
{
	for (unsigned long round = 0; round < shs_scale(50); round++) {
		struct shs_pipe gate = shs_pipe();
		int fd = shs_blank(), winners = 0, losers = 0;
		pid_t child[4];

		for (int i = 0; i < 4; i++) {
			child[i] = shs_fork();
			if (!child[i]) {
				struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_ATOMIC,
						.type = SHS_TYPE_U64, .count = i + 1);
				int ret;

				shs_gate_pass(&gate);
				ret = shs_ioctl(fd, SHS_IOC_INIT, &init);
				_exit(!ret ? shs_info(fd).count == i + 1 ? 0 : 9 :
				      ret == -EALREADY ? 1 : 9);
			}
		}
		shs_gate_open(&gate);
		for (int i = 0; i < 4; i++) {
			int status = shs_reap(child[i]);

			winners += status == 0;
			losers += status == 1;
		}
		EXPECT_EQ(1, winners);
		EXPECT_EQ(3, losers);
		close(gate.end[0]);
		close(fd);
	}
}

#define KIND(kind, type, count, expected) { SHS_KIND_##kind, SHS_TYPE_##type, count, expected }

/* What can be made, and what cannot. */
TEST_F(abi, init_kinds)
{
	__u8 no_bool = 2;
	static const struct {
		__u32 kind, type, count;
		int expected;
	} cases[] = {
		{ 0, SHS_TYPE_U64, 1, -EINVAL },
		{ SHS_KIND_BARRIER + 1, SHS_TYPE_U64, 1, -EINVAL },
		{ ~0U, SHS_TYPE_U64, 1, -EINVAL },
		{ SHS_KIND_ATOMIC, SHS_TYPE_I64 + 1, 1, -EINVAL },
		{ SHS_KIND_ATOMIC, ~0U, 1, -EINVAL },
		KIND(ATOMIC, NONE, 0, -EINVAL), KIND(ATOMIC, NONE, 1, -EINVAL),
		KIND(ATOMIC, BYTES, 8, -EINVAL),
		KIND(ATOMIC, U64, 0, -EINVAL),
		KIND(ATOMIC, BOOL, 65536, 0), KIND(ATOMIC, BOOL, 65537, -EINVAL),
		KIND(ATOMIC, U8, 65536, 0), KIND(ATOMIC, U8, 65537, -EINVAL),
		KIND(ATOMIC, U16, 32768, 0), KIND(ATOMIC, U16, 32769, -EINVAL),
		KIND(ATOMIC, I32, 16384, 0), KIND(ATOMIC, I32, 16385, -EINVAL),
		KIND(ATOMIC, U64, 8192, 0), KIND(ATOMIC, U64, 8193, -EINVAL),
		KIND(ATOMIC, U64, 0x20000001, -EINVAL),	/* 8 in 32 bits of bytes */
		KIND(ATOMIC, U64, ~0U, -EINVAL),
		KIND(COUNTER, I64, 1, 0), KIND(COUNTER, I64, 512, 0),
		KIND(COUNTER, I64, 513, -EINVAL), KIND(COUNTER, I64, 0, -EINVAL),
		KIND(COUNTER, U64, 1, -EINVAL), KIND(COUNTER, I32, 1, -EINVAL),
		KIND(COUNTER, BYTES, 8, -EINVAL), KIND(COUNTER, NONE, 0, -EINVAL),
		KIND(MUTEX, BYTES, 1, 0), KIND(MUTEX, BYTES, 65536, 0),
		KIND(MUTEX, BYTES, 65537, -EINVAL), KIND(MUTEX, BYTES, 0, -EINVAL),
		KIND(MUTEX, BOOL, 1, 0), KIND(MUTEX, I64, 8192, 0),
		KIND(MUTEX, I64, 8193, -EINVAL), KIND(MUTEX, I64, ~0U, -EINVAL),
		KIND(RWLOCK, BYTES, 65536, 0), KIND(RWLOCK, BYTES, 65537, -EINVAL),
		KIND(RWLOCK, U16, 32768, 0), KIND(RWLOCK, U16, 32769, -EINVAL),
		KIND(CELL, BYTES, 4096, 0), KIND(CELL, BYTES, 4097, -EINVAL),
		KIND(CELL, U64, 512, 0), KIND(CELL, U64, 513, -EINVAL),
		KIND(CONDVAR, NONE, 0, 0), KIND(CONDVAR, NONE, 1, -EINVAL),
		KIND(CONDVAR, U64, 0, -EINVAL), KIND(CONDVAR, U64, 1, -EINVAL),
		KIND(ONCE, NONE, 0, 0), KIND(ONCE, NONE, 1, -EINVAL),
		KIND(ONCE, U64, 1, 0), KIND(ONCE, U64, 0, -EINVAL), KIND(ONCE, BYTES, 0, -EINVAL),
		KIND(ONCE, BYTES, 65536, 0), KIND(ONCE, BYTES, 65537, -EINVAL),
		KIND(ONCE, U64, 8192, 0), KIND(ONCE, U64, 8193, -EINVAL),
		KIND(ONCE, BOOL, 1, 0), KIND(ONCE, U64, 0x20000001, -EINVAL),
		KIND(SEMAPHORE, U32, 2, 0), KIND(SEMAPHORE, U32, 1, -EINVAL),
		KIND(SEMAPHORE, U32, 3, -EINVAL), KIND(SEMAPHORE, I32, 2, -EINVAL),
		KIND(SEMAPHORE, NONE, 0, -EINVAL), KIND(SEMAPHORE, BYTES, 8, -EINVAL),
		KIND(BARRIER, U32, 1, -EINVAL),		/* of no parties */
		KIND(BARRIER, U32, 2, -EINVAL), KIND(BARRIER, NONE, 0, -EINVAL),
	};

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = shs_create(cases[i].kind, cases[i].type, cases[i].count);

		EXPECT_EQ(cases[i].expected, fd < 0 ? fd : 0)
			TH_LOG("kind %u type %u count %u", cases[i].kind, cases[i].type,
			       cases[i].count);
		if (fd < 0)
			continue;
		EXPECT_EQ(cases[i].kind, shs_info(fd).kind);
		EXPECT_EQ(cases[i].type, shs_info(fd).type);
		EXPECT_EQ(cases[i].count, shs_info(fd).count);
		close(fd);
	}
	EXPECT_EQ(-ERANGE, shs_create_as(&SHS_INIT(.kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_BOOL,
			.count = 1, .value = (unsigned long)&no_bool, .value_size = 1)));
}

#define ALL_KINDS ((2U << SHS_KIND_BARRIER) - (1U << SHS_KIND_ATOMIC))
#define LOCKS (1U << SHS_KIND_MUTEX | 1U << SHS_KIND_RWLOCK)

/* Which kinds a policy is for. */
TEST_F(abi, init_flags_by_kind)
{
	static const struct {
		__u32 flag, kinds;
	} policies[] = {
		{ SHS_INIT_FIFO, 1U << SHS_KIND_MUTEX | 1U << SHS_KIND_SEMAPHORE },
		{ SHS_INIT_POISON, 1U << SHS_KIND_ONCE },
		{ SHS_INIT_SATURATE, 1U << SHS_KIND_COUNTER },
		{ SHS_INIT_CHECK, 1U << SHS_KIND_COUNTER },
		{ SHS_INIT_EPHEMERAL, ALL_KINDS },
		{ SHS_INIT_STRICT, LOCKS },
		{ SHS_INIT_IGNORE, LOCKS },
		{ SHS_INIT_RECURSIVE, 1U << SHS_KIND_MUTEX },
		{ SHS_INIT_COMMIT, LOCKS },
		{ SHS_INIT_SERIAL, 1U << SHS_KIND_COUNTER },
		{ SHS_INIT_LIVE, 1U << SHS_KIND_COUNTER },
		{ SHS_INIT_DONE, 1U << SHS_KIND_ONCE },
		{ SHS_INIT_DETECT, LOCKS },
		{ SHS_INIT_DETECT << 1, 0 },
		{ 1U << 31, 0 },
	};

	for (__u32 kind = SHS_KIND_ATOMIC; kind <= SHS_KIND_BARRIER; kind++) {
		for (int i = 0; i < ARRAY_SIZE(policies); i++) {
			int fd = create_one(kind, policies[i].flag);

			EXPECT_EQ(policies[i].kinds & 1U << kind ? 0 : -EINVAL, fd < 0 ? fd : 0)
				TH_LOG("kind %u flag %#x", kind, policies[i].flag);
			if (fd >= 0)
				EXPECT_EQ(policies[i].flag, shs_info(fd).flags);
			close(fd);
		}
	}
}

/* Which of them go together, and with what value. */
TEST_F(abi, init_flags_together)
{
	static const __u32 every = SHS_INIT_STRICT | SHS_INIT_COMMIT | SHS_INIT_DETECT |
				   SHS_INIT_EPHEMERAL;
	static const struct {
		__u32 kind, flags, type;
		int expected;
	} cases[] = {
		{ SHS_KIND_MUTEX, every | SHS_INIT_FIFO | SHS_INIT_RECURSIVE, SHS_TYPE_I64, 0 },
		{ SHS_KIND_RWLOCK, every, SHS_TYPE_I64, 0 },
		{ SHS_KIND_MUTEX, SHS_INIT_STRICT | SHS_INIT_IGNORE, SHS_TYPE_I64, -EINVAL },
		{ SHS_KIND_RWLOCK, SHS_INIT_STRICT | SHS_INIT_IGNORE, SHS_TYPE_I64, -EINVAL },
		{ SHS_KIND_MUTEX, SHS_INIT_COMMIT | SHS_INIT_IGNORE, SHS_TYPE_I64, 0 },
		{ SHS_KIND_MUTEX, SHS_INIT_COMMIT, SHS_TYPE_NONE, -EINVAL },
		{ SHS_KIND_RWLOCK, SHS_INIT_COMMIT, SHS_TYPE_NONE, -EINVAL },
		{ SHS_KIND_MUTEX, every & ~SHS_INIT_COMMIT, SHS_TYPE_NONE, 0 },
		{ SHS_KIND_RWLOCK, every & ~SHS_INIT_COMMIT, SHS_TYPE_NONE, 0 },
		{ SHS_KIND_RWLOCK, SHS_INIT_DETECT | SHS_INIT_FIFO, SHS_TYPE_I64, -EINVAL },
		{ SHS_KIND_COUNTER, SHS_INIT_LIVE | SHS_INIT_SERIAL, SHS_TYPE_I64, 0 },
		{ SHS_KIND_COUNTER, SHS_INIT_LIVE | SHS_INIT_SATURATE, SHS_TYPE_I64, -EINVAL },
		{ SHS_KIND_COUNTER, SHS_INIT_LIVE | SHS_INIT_CHECK, SHS_TYPE_I64, -EINVAL },
		{ SHS_KIND_COUNTER, SHS_INIT_CHECK | SHS_INIT_SATURATE, SHS_TYPE_I64, -EINVAL },
		{ SHS_KIND_ONCE, SHS_INIT_DONE, SHS_TYPE_I64, 0 },
		{ SHS_KIND_ONCE, SHS_INIT_DONE, SHS_TYPE_NONE, 0 },
	};

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct shs_ioc_init init = SHS_INIT(.kind = cases[i].kind, .type = cases[i].type,
			.count = cases[i].type != SHS_TYPE_NONE, .flags = cases[i].flags);
		int fd = shs_create_as(&init);

		EXPECT_EQ(cases[i].expected, fd < 0 ? fd : 0)
			TH_LOG("kind %u flags %#x", init.kind, init.flags);
		close(fd);
	}
}

/* The initial value is there from the first moment, whole or not at all. */
TEST_F(abi, init_value)
{
	__u16 value[] = { 0, 1, 65535 };
	struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_U16,
					    .count = 3, .value = (unsigned long)value,
					    .value_size = sizeof(value));
	int fd = shs_create_as(&init);

	ASSERT_LE(0, fd);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(value[i], shs_load(fd, i));
	for (__u32 size = 0; size < 10; size++) {
		init.value_size = size;
		if (size != sizeof(value))
			EXPECT_EQ(-EINVAL, shs_create_as(&init)) TH_LOG("%u bytes", size);
	}
	init.value_size = sizeof(value);
	init.value = 1;
	EXPECT_EQ(-EFAULT, shs_create_as(&init));
}

/* An initialisation that failed leaves the file as blank as it was. */
TEST_F(abi, init_failed_then_done)
{
	static char too_much[SHS_META_MAX + 1];
	struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64,
					    .count = 1, .value = 1, .value_size = 8);

	EXPECT_EQ(-EFAULT, shs_ioctl(self->blank, SHS_IOC_INIT, &init));
	init.value = 0;
	init.value_size = 0;
	init.meta = 1;
	init.meta_size = 1;
	EXPECT_EQ(-EFAULT, shs_ioctl(self->blank, SHS_IOC_INIT, &init));
	init.meta = (unsigned long)too_much;
	init.meta_size = SHS_META_MAX + 1;
	EXPECT_EQ(-EINVAL, shs_ioctl(self->blank, SHS_IOC_INIT, &init));
	init.meta_size = 0;
	EXPECT_EQ(-EINVAL, shs_ioctl(self->blank, SHS_IOC_INIT, &init));
	init.meta = 0;
	EXPECT_EQ(0, shs_ioctl(self->blank, SHS_IOC_INIT, &init));
	EXPECT_EQ(0, shs_info(self->blank).meta_size);
}

/* The metadata comes back as it was given; a buffer too small says how much. */
TEST_F(abi, meta)
{
	static char given[SHS_META_MAX], got[SHS_META_MAX + 1];
	static const __u32 sizes[] = { 0, 1, 5, 4095, 4096 };

	for (int i = 0; i < sizeof(given); i++)
		given[i] = i * 7;
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_ONCE,
			.meta = sizes[i] ? (unsigned long)given : 0, .meta_size = sizes[i]);
		struct shs_ioc_meta meta = { .size = sizeof(meta), .addr = (unsigned long)got,
					     .meta_size = ~0U };
		int fd = shs_create_as(&init);

		ASSERT_LE(0, fd);
		EXPECT_EQ(sizes[i], shs_info(fd).meta_size);
		memset(got, 0x5a, sizeof(got));
		if (sizes[i]) {
			meta.capacity = sizes[i] - 1;
			EXPECT_EQ(-ENOSPC, shs_ioctl(fd, SHS_IOC_META, &meta));
			EXPECT_EQ(sizes[i], meta.meta_size);
			EXPECT_EQ(0x5a, got[0]);
			meta.meta_size = ~0U;
		}
		meta.capacity = sizes[i];
		EXPECT_EQ(0, shs_ioctl(fd, SHS_IOC_META, &meta));
		EXPECT_EQ(sizes[i], meta.meta_size);
		EXPECT_EQ(0, memcmp(given, got, sizes[i]));
		EXPECT_EQ(0x5a, got[sizes[i]]);
		meta.addr = 1;
		EXPECT_EQ(sizes[i] ? -EFAULT : 0, shs_ioctl(fd, SHS_IOC_META, &meta));
		close(fd);
	}
}

/* What there is to know about an object that nobody holds. */
TEST_F(abi, info)
{
	__u64 before = shs_now(SHS_CLOCK_REALTIME) - 1000 * SHS_MS;
	struct shs_ioc_init init = SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_I32,
					    .count = 3, .flags = SHS_INIT_FIFO);
	int fd = shs_create_as(&init), again;
	struct shs_ioc_info info = shs_info(fd);
	struct shs_att att;

	EXPECT_EQ(SHS_KIND_MUTEX, info.kind);
	EXPECT_EQ(SHS_TYPE_I32, info.type);
	EXPECT_EQ(3, info.count);
	EXPECT_EQ(SHS_INIT_FIFO, info.flags);
	EXPECT_EQ(12, info.value_size);
	EXPECT_EQ(0, info.meta_size);
	EXPECT_EQ(0, info.links);
	EXPECT_EQ(1, info.opens);
	EXPECT_EQ(0, info.attachments);
	EXPECT_EQ(0, info.waiters);
	EXPECT_EQ(0, info.state);
	EXPECT_EQ(0, info.readers);
	EXPECT_EQ(0, info.holder_pid);
	EXPECT_STREQ("", info.holder_comm);
	EXPECT_EQ(0, info.deaths);
	EXPECT_EQ(0, info.holder_tid);
	EXPECT_EQ(0, info.depth);
	EXPECT_EQ(0, info.held_ns);
	EXPECT_EQ(0, info.waits);
	EXPECT_EQ(0, info.wakes);
	EXPECT_LT(before, info.created_ns);
	EXPECT_GE(shs_now(SHS_CLOCK_REALTIME), info.created_ns);

	EXPECT_EQ(0, shs_link(fd, "one"));
	EXPECT_EQ(1, shs_info(fd).links);
	again = shs_open("one", O_RDONLY);
	EXPECT_EQ(2, shs_info(again).opens);
	EXPECT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(1, shs_info(fd).attachments);
	EXPECT_EQ(SHS_KIND_MUTEX, shs_info(att.fd).kind);
	close(again);
	munmap((void *)att.control, att.is.control_size);
	munmap(att.shared, att.is.shared_size);
	munmap(att.private, att.is.private_size);
	close(att.fd);
	SHS_AWAIT(fd, info.attachments == 0);
	EXPECT_EQ(1, shs_info(fd).opens);
	EXPECT_EQ(0, shs_unlink("one"));
	EXPECT_EQ(0, shs_info(fd).links);
}

/* What an attachment tells of itself lets a program map it without guessing. */
TEST_F(abi, attach)
{
	for (__u32 kind = SHS_KIND_ATOMIC; kind <= SHS_KIND_CELL; kind++) {
		bool valueless = kind == SHS_KIND_CONDVAR || kind == SHS_KIND_ONCE;
		bool shared = kind == SHS_KIND_ATOMIC || kind == SHS_KIND_MUTEX ||
			      kind == SHS_KIND_RWLOCK || kind == SHS_KIND_CELL;
		int fd = shs_create(kind, valueless ? SHS_TYPE_NONE : SHS_TYPE_I64,
				    valueless ? 0 : 3);
		long page = sysconf(_SC_PAGESIZE);
		struct shs_att att, other;

		ASSERT_EQ(0, shs_attach_only(&att, fd));
		ASSERT_EQ(0, shs_attach_only(&other, fd));
		EXPECT_NE(0, att.is.id);
		EXPECT_GT(SHS_WORD_OWNER, att.is.id);
		EXPECT_NE(att.is.id, other.is.id);
		EXPECT_EQ(kind, att.is.kind);
		EXPECT_EQ(valueless ? 0 : 3, att.is.count);
		EXPECT_EQ(valueless ? 0 : 24, att.is.value_size);
		EXPECT_NE(0, att.is.control_size);
		EXPECT_NE(0, att.is.private_size);
		EXPECT_EQ(0, (att.is.control_size | att.is.shared_size | att.is.private_size) %
			     page);
		EXPECT_EQ(shared, att.is.shared_size != 0) TH_LOG("kind %u", kind);
		if (shared)
			EXPECT_LE(att.is.value_offset + att.is.slot_stride + 24,
				  att.is.shared_size);
		EXPECT_EQ(kind == SHS_KIND_CELL, att.is.slot_stride != 0);
		EXPECT_EQ(kind == SHS_KIND_COUNTER || kind == SHS_KIND_RWLOCK, att.is.lanes != 0);
		EXPECT_EQ(0, att.is.lane_stride % 64);
		EXPECT_EQ(FD_CLOEXEC, fcntl(att.fd, F_GETFD));
		EXPECT_LE(SHS_LANES_OFFSET + att.is.lanes * att.is.lane_stride,
			  att.is.private_size);
		EXPECT_LE(att.is.threads_offset + att.is.threads * sizeof(struct shs_thread),
			  att.is.private_size);
		if (att.is.lanes && att.is.threads)
			EXPECT_LE(SHS_LANES_OFFSET + att.is.lanes * att.is.lane_stride,
				  att.is.threads_offset);
		close(att.fd);
		close(other.fd);
		close(fd);
	}
}

/* Fields that an operation does not use must be zero, in each of its forms. */
enum { INDEX = 1, ARG = 2, EXPECTED = 4, ADDR = 8, ADDR2 = 16, OFFSET = 32, LEN = 64,
       ORDER_FAILURE = 128 };

#define USES(kind, op, flags, fields) { SHS_KIND_##kind, SHS_OP_##op, flags, fields }

TEST_F(abi, op_unused_fields)
{
	static const struct {
		__u32 kind, op, flags, fields;
	} uses[] = {
		USES(ATOMIC, LOAD, 0, INDEX),
		USES(ATOMIC, STORE, 0, INDEX | ARG),
		USES(ATOMIC, SWAP, 0, INDEX | ARG),
		USES(ATOMIC, CMPXCHG, 0, INDEX | ARG | EXPECTED | ORDER_FAILURE),
		USES(ATOMIC, FETCH_ADD, 0, INDEX | ARG),
		USES(ATOMIC, FETCH_SUB, 0, INDEX | ARG),
		USES(ATOMIC, FETCH_AND, 0, INDEX | ARG),
		USES(ATOMIC, FETCH_NAND, 0, INDEX | ARG),
		USES(ATOMIC, FETCH_OR, 0, INDEX | ARG),
		USES(ATOMIC, FETCH_XOR, 0, INDEX | ARG),
		USES(ATOMIC, FETCH_MAX, 0, INDEX | ARG),
		USES(ATOMIC, FETCH_MIN, 0, INDEX | ARG),
		USES(ATOMIC, FETCH_NOT, 0, INDEX),
		USES(ATOMIC, NOTIFY, 0, INDEX | ARG),
		USES(ATOMIC, WAIT, 0, INDEX | EXPECTED),
		USES(ATOMIC, AWAIT_GE, 0, INDEX | ARG),
		USES(ATOMIC, AWAIT_NE, 0, INDEX | ARG),
		USES(ATOMIC, CHANGED, 0, INDEX),
		USES(COUNTER, LOAD, 0, INDEX),
		USES(COUNTER, AWAIT_GE, 0, INDEX | ARG),
		USES(COUNTER, CHANGED, 0, INDEX),
		USES(COUNTER, ADD, 0, INDEX | ARG),
		USES(COUNTER, RESET, 0, INDEX | ARG),
		USES(MUTEX, PEEK, 0, INDEX),
		USES(MUTEX, READ, 0, INDEX),
		USES(MUTEX, WRITE, 0, INDEX | ARG),
		USES(MUTEX, ADD, 0, INDEX | ARG),
		USES(MUTEX, PEEK, SHS_OP_BYTES, ADDR | OFFSET | LEN),
		USES(MUTEX, READ, SHS_OP_BYTES, ADDR | OFFSET | LEN),
		USES(MUTEX, WRITE, SHS_OP_BYTES, ADDR | OFFSET | LEN),
		USES(RWLOCK, PEEK, 0, INDEX),
		USES(RWLOCK, READ, 0, INDEX),
		USES(RWLOCK, WRITE, 0, INDEX | ARG),
		USES(RWLOCK, ADD, 0, INDEX | ARG),
		USES(RWLOCK, READ, SHS_OP_BYTES, ADDR | OFFSET | LEN),
		USES(RWLOCK, WRITE, SHS_OP_BYTES, ADDR | OFFSET | LEN),
		USES(CELL, LOAD, 0, INDEX),
		USES(CELL, STORE, 0, INDEX | ARG),
		USES(CELL, SWAP, 0, INDEX | ARG),
		USES(CELL, CMPXCHG, 0, INDEX | ARG | EXPECTED | ORDER_FAILURE),
		USES(CELL, TAKE, 0, INDEX),
		USES(CELL, LOAD, SHS_OP_BYTES, ADDR | LEN),
		USES(CELL, STORE, SHS_OP_BYTES, ADDR | LEN),
		USES(CELL, SWAP, SHS_OP_BYTES, ADDR | ADDR2 | LEN),
		USES(CELL, CMPXCHG, SHS_OP_BYTES, ADDR | ADDR2 | LEN | ORDER_FAILURE),
		USES(CELL, TAKE, SHS_OP_BYTES, ADDR | LEN),
		USES(CONDVAR, NOTIFY, 0, ARG),
		USES(ONCE, LOAD, 0, 0),
		USES(ONCE, LOAD, SHS_OP_BYTES, ADDR | OFFSET | LEN),
	};
	static const __u64 initial = 0x1122334455667788;

	for (int i = 0; i < ARRAY_SIZE(uses); i++) {
		bool once = uses[i].kind == SHS_KIND_ONCE;
		bool valueless = uses[i].kind == SHS_KIND_CONDVAR || (once && !uses[i].flags);
		struct shs_ioc_init init = SHS_INIT(.kind = uses[i].kind,
			.flags = once ? SHS_INIT_DONE : 0,
			.type = valueless ? SHS_TYPE_NONE : SHS_TYPE_I64,
			.count = valueless ? 0 : 1,
			.value = valueless ? 0 : (unsigned long)&initial,
			.value_size = valueless ? 0 : sizeof(initial));
		int fd = shs_create_as(&init);
		__u64 one = 1, two = 2;
		struct shs_ioc_op valid = { .size = sizeof(valid), .op = uses[i].op,
					    .flags = uses[i].flags }, op;
		char before[64];

		ASSERT_LE(0, fd);
		if (uses[i].flags & SHS_OP_BYTES) {
			valid.addr = (unsigned long)&one;
			valid.len = 8;
			if (uses[i].fields & ADDR2)
				valid.addr2 = (unsigned long)&two;
		}
		strcpy(before, shs_text(fd));
		for (__u32 field = 1; field <= ORDER_FAILURE; field <<= 1) {
			if (uses[i].fields & field)
				continue;
			op = valid;
			switch (field) {
			case INDEX:
				op.index = 1;
				break;
			case ARG:
				op.arg = 1;
				break;
			case EXPECTED:
				op.expected = 1;
				break;
			case ADDR:
				op.addr = (unsigned long)&one;
				break;
			case ADDR2:
				op.addr2 = (unsigned long)&two;
				break;
			case OFFSET:
				op.offset = 1;
				break;
			case LEN:
				op.len = 1;
				break;
			case ORDER_FAILURE:
				op.order_failure = SHS_RELAXED;
				break;
			}
			EXPECT_EQ(-EINVAL, shs_op(fd, &op))
				TH_LOG("kind %u op %u flags %u field %u", uses[i].kind, op.op,
				       op.flags, field);
		}
		EXPECT_STREQ(before, shs_text(fd));
		EXPECT_EQ(uses[i].op == SHS_OP_CMPXCHG ? -EREMCHG : 0, shs_op(fd, &valid))
			TH_LOG("kind %u op %u flags %u", uses[i].kind, uses[i].op, uses[i].flags);
		close(fd);
	}
}

/* An operation of another kind is refused whatever its arguments, and changes nothing. */
TEST_F(abi, op_of_another_kind)
{
	static const __u32 known[] = {
#define BIT_OF(op) (1U << SHS_OP_##op)
#define AWAITS (BIT_OF(CHANGED) * 2 - BIT_OF(AWAIT_GE))
		[SHS_KIND_ATOMIC] = ((1U << (SHS_OP_FETCH_NOT + 1)) - 2) | BIT_OF(NOTIFY) |
				    BIT_OF(WAIT) | AWAITS,
		[SHS_KIND_COUNTER] = BIT_OF(LOAD) | BIT_OF(ADD) | BIT_OF(RESET) | AWAITS,
		[SHS_KIND_MUTEX] = BIT_OF(PEEK) | BIT_OF(READ) | BIT_OF(WRITE) | BIT_OF(ADD),
		[SHS_KIND_RWLOCK] = BIT_OF(PEEK) | BIT_OF(READ) | BIT_OF(WRITE) | BIT_OF(ADD),
		[SHS_KIND_CONDVAR] = BIT_OF(NOTIFY),
		[SHS_KIND_ONCE] = BIT_OF(LOAD),
		[SHS_KIND_CELL] = BIT_OF(LOAD) | BIT_OF(STORE) | BIT_OF(SWAP) |
				  BIT_OF(CMPXCHG) | BIT_OF(TAKE),
		[SHS_KIND_SEMAPHORE] = BIT_OF(LOAD),
		[SHS_KIND_BARRIER] = BIT_OF(LOAD),
	};

	for (__u32 kind = SHS_KIND_ATOMIC; kind <= SHS_KIND_BARRIER; kind++) {
		int fd = create_one(kind, 0);
		char before[64];

		strcpy(before, shs_text(fd));
		for (__u32 code = SHS_OP_LOAD; code <= SHS_OP_CHANGED; code++) {
			struct shs_ioc_op op = { .size = sizeof(op), .op = code };

			if (!(known[kind] & 1U << code))
				EXPECT_EQ(-EOPNOTSUPP, shs_op(fd, &op))
					TH_LOG("kind %u op %u", kind, code);
		}
		EXPECT_STREQ(before, shs_text(fd));
		close(fd);
	}
}

/* So is a lock request on an attachment of a kind without that lock. */
TEST_F(abi, lock_of_another_kind)
{
	struct shs_att counter;
	int fd = shs_create(SHS_KIND_COUNTER, SHS_TYPE_I64, 1);

	ASSERT_EQ(0, shs_attach(&counter, fd));
	EXPECT_EQ(-EOPNOTSUPP, shs_lock(&counter));
	EXPECT_EQ(-EOPNOTSUPP, shs_unlock(&counter));
	EXPECT_EQ(-EOPNOTSUPP, shs_once(&counter, &SHS_ONCE()));
	EXPECT_EQ(-EOPNOTSUPP, shs_wait(&counter, &SHS_WAIT(.mutex_fd = self->locked.fd)));
	EXPECT_EQ(-EOPNOTSUPP, shs_recover(&counter));
	EXPECT_EQ(-EOPNOTSUPP, shs_cycle(counter.fd, self->list, ARRAY_SIZE(self->list)));
	EXPECT_EQ(-EOPNOTSUPP, shs_lock(&self->running));
	EXPECT_EQ(-EOPNOTSUPP, shs_lock(&self->party));
	EXPECT_EQ(-EOPNOTSUPP, shs_unlock(&self->party));
	EXPECT_EQ(-EOPNOTSUPP, shs_barrier(&counter, &SHS_BARRIER()));
	EXPECT_EQ(-EOPNOTSUPP, shs_barrier(&self->locked, &SHS_BARRIER()));
	EXPECT_EQ(-EOPNOTSUPP, shs_once(&self->locked, &SHS_ONCE()));
	EXPECT_EQ(0, self->locked.shared->word);
	EXPECT_EQ(0, shs_info(self->once).state);
}

TEST_HARNESS_MAIN
