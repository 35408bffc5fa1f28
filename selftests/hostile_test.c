// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile peers: processes that may write an object write random and replayed values
 * over all that they have mapped of it, and call at random, while others use it by the
 * library and by plain calls. The value is theirs to spoil. But every call returns what
 * is documented and soon after its deadline, everybody can be killed, what the same
 * processes do to other objects stays exact, nobody reaches a page that is the kernel's
 * or another attachment's, and with the hostile gone the object works again.
 */
#include "hostile.h"

#include <poll.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#define SEED	0x5eed0004ULL
#define LONG_NS	(120000 * SHS_MS)	/* a guest may be starved for long */
#define PATTERN	0x5a		/* of thread slots that nobody is to write */

FIXTURE(hostile) {
	struct common *common;
	struct statfs before;
	struct object set[SETS][KINDS];	/* the parent's attachments do nothing */
	struct process me;
	pid_t honest[HONEST], hostile[HOSTILE];
	unsigned long rounds, deaths;
};

FIXTURE_VARIANT(hostile) {
	int kind;
	__u32 flags;
	int access;	/* of the hostile */
};

#define VARIANT(name, kind_, flags_, access_) \
	FIXTURE_VARIANT_ADD(hostile, name) { .kind = kind_, .flags = flags_, .access = access_ }

VARIANT(mutex, MUTEX, 0, O_RDWR);
VARIANT(mutex_fifo, MUTEX, SHS_INIT_FIFO, O_RDWR);
VARIANT(mutex_recursive, MUTEX, SHS_INIT_RECURSIVE, O_RDWR);
VARIANT(mutex_strict, MUTEX, SHS_INIT_STRICT, O_RDWR);
VARIANT(mutex_detect, MUTEX, SHS_INIT_DETECT, O_RDWR);
VARIANT(mutex_commit, MUTEX, SHS_INIT_COMMIT, O_RDWR);
VARIANT(rwlock, RWLOCK, 0, O_RDWR);
VARIANT(rwlock_commit, RWLOCK, SHS_INIT_COMMIT, O_RDWR);
VARIANT(rwlock_detect, RWLOCK, SHS_INIT_DETECT, O_RDWR);
VARIANT(rwlock_readers, RWLOCK, 0, O_RDONLY);
VARIANT(cell, CELL, 0, O_RDWR);
VARIANT(cell_readers, CELL, 0, O_RDONLY);
VARIANT(atomic, ATOMIC, 0, O_RDWR);
VARIANT(counter, COUNTER, 0, O_RDWR);
VARIANT(counter_readers, COUNTER, 0, O_RDONLY);
VARIANT(condvar, CONDVAR, 0, O_RDWR);
VARIANT(once, ONCE, 0, O_RDWR);

/*
 * Processes
 */

/* Thread slots that are filled, for it would be seen if anybody else wrote there. */
static bool attach(struct shs_att *att, int fd)
{
	if (shs_attach(att, fd))
		return false;
	memset(att->private + att->is.threads_offset, PATTERN,
	       att->is.private_size - att->is.threads_offset);
	return true;
}

/* Who holds nothing and wrote nothing finds it so. */
static bool is_untouched(const struct shs_att *att)
{
	const struct shs_private *head = (void *)att->private;
	__u32 i;

	if (head->used != ~0ULL)
		return false;
	for (i = sizeof(head->used); i < att->is.threads_offset; i++)
		if (att->private[i])
			return false;
	for (; i < att->is.private_size; i++)
		if (att->private[i] != PATTERN)
			return false;
	return true;
}

/* By calls the attachment is the test's own, else the library's. */
static bool join(struct object *o, bool library, __u32 *id)
{
	if (!library) {
		*id = attach(&o->att, o->fd) ? o->att.is.id : 0;
		return *id;
	}
	if (shs_object_from_fd(dup(o->fd), &o->lib) || shs_object_attach(o->lib))
		return false;
	*id = o->lib->id;
	return true;
}

static void join_all(struct process *me, int set, bool library)
{
	__u32 id;

	for (int i = 0; i < KINDS; i++) {
		if (!me->set[set][i].fd)
			continue;
		if (!join(&me->set[set][i], library, &id))
			_exit(1);
		if (set == CONTROL)
			continue;
		me->common->living = id;
		if (id > me->common->newest)
			me->common->newest = id;
	}
}

static void be_honest(struct process *me)
{
	const struct shs_att *att = &me->set[TARGET][me->kind].att;
	int kind;

	for (int set = 0; set < SETS; set++)
		join_all(me, set, me->number != BY_CALLS);
	while (me->number == PATIENT || !__atomic_load_n(&me->common->stop, __ATOMIC_ACQUIRE)) {
		kind = chance(me, KINDS);
		use[kind](me, CONTROL, kind);
		use[me->kind](me, TARGET, me->kind);
		me->common->rounds[me->number]++;
	}
	if (me->number == BY_CALLS && !is_untouched(att))
		wrong(me, "another attachment's private region was written");
	_exit(0);
}

/*
 * The hostile: whatever may be written is, again and again
 */
static __u32 some_word(struct process *me)
{
	struct common *common = me->common;
	__u32 ids[] = { 0, me->set[TARGET][me->kind].att.is.id, common->living, common->dead,
			common->newest + 1 + chance(me, 3), SHS_WORD_OWNER, 0,
			shs_number(&me->random) & SHS_WORD_OWNER };

	return ids[chance(me, 8)] | chance(me, 8) << 29;
}

static __u64 some_number(struct process *me, __u64 old)
{
	__u64 random = shs_number(&me->random) << 8 ^ shs_number(&me->random);
	__u64 numbers[] = { 0, 1, ~0ULL, 1ULL << 63, old + 1, old - 1, random, random };

	return numbers[chance(me, 8)];
}

/* What was read here before is written again, and that which is here now later. */
static void replay(struct process *me, volatile __u64 *from, __u32 size)
{
	static struct {
		volatile __u64 *at;
		__u64 value;
	} seen[32];
	int i = chance(me, 32);

	if (seen[i].at)
		*seen[i].at = seen[i].value;
	seen[i].at = from + chance(me, (chance(me, 2) ? 256 : size) / sizeof(*from));
	seen[i].value = *seen[i].at;
}

static void scribble_shared(struct process *me, const struct shs_att *att)
{
	volatile __u64 *shared = (void *)att->shared, *at;

	switch (chance(me, 8)) {
	case 0:
		at = (void *)&att->shared->sequence;
		*at = some_number(me, *at);
		break;
	case 1:
		replay(me, shared, att->is.shared_size);
		break;
	case 2:
		at = (void *)((char *)shared + SHS_VALUE_OFFSET);
		at += chance(me, 2 * WORDS);
		*at = some_number(me, *at);
		break;
	case 3:
		at = shared + chance(me, att->is.shared_size / sizeof(*at));
		*at = some_number(me, *at);
		break;
	default:
		*(volatile __u32 *)&att->shared->word = some_word(me);
	}
}

static void scribble_private(struct process *me, const struct shs_att *att)
{
	volatile __u64 *private = (void *)att->private, *at;
	struct shs_thread *slots = (void *)(att->private + att->is.threads_offset);

	switch (chance(me, att->is.lanes ? 6 : 4)) {
	case 0:
		*private = some_number(me, *private);
		break;
	case 1:
		replay(me, private, att->is.private_size);
		break;
	case 2:
		at = private + chance(me, att->is.private_size / sizeof(*at));
		*at = some_number(me, *at);
		break;
	case 3:
		slots[chance(me, att->is.threads)].tid = chance(me, 2) ? gettid() : me->random;
		break;
	default:
		/* Else nobody would ever write. */
		for (int i = 0; i < att->is.lanes; i++)
			*(__u64 *)shs_lane(att, i) = 0;
		at = shs_lane(att, chance(me, att->is.lanes));
		*at = chance(me, 2) ? 0 : some_number(me, *at);
	}
}

static void *scribble(void *argument)
{
	struct process *me = argument;

	for (unsigned int n = 0;; n++) {
		const struct shs_att *att = &me->set[TARGET][me->kind].att;

		if (me->kind == CONDVAR && chance(me, 4))
			att = &me->set[TARGET][MUTEX].att;
		if (att->shared && !me->harmless && chance(me, 4))
			scribble_shared(me, att);
		else
			scribble_private(me, att);
		if (!(n & 63))
			sched_yield();
	}
	return NULL;
}

/* Any lock or unlock, conversion, look or operation; what comes of it is no matter. */
static void call_at_random(struct process *me, const struct object *o, const struct object *mutex)
{
	__u64 until = some_deadline(me);
	struct shs_ioc_lock lock = SHS_LOCK(.mode = chance(me, 3), .lane = chance(me, 3));
	struct shs_thread_info list[8];

	switch (chance(me, 10)) {
	case 0:
		lock.deadline = until;
		lock.flags = chance(me, 4);
		shs_lock_as(&o->att, &lock);
		break;
	case 1:
		shs_convert(&o->att, &SHS_CONVERT(.from = chance(me, 3), .to = chance(me, 3),
						  .deadline = chance(me, 2) ? until : 0));
		break;
	case 2:
		shs_ioctl(o->att.fd, SHS_IOC_WATCH, &(struct shs_ioc_watch){
				.size = sizeof(struct shs_ioc_watch), .flags = chance(me, 2) });
		break;
	case 3:
		shs_info(o->att.fd);
		shs_threads(o->att.fd, list, 8);
		shs_cycle(o->att.fd, list, 8);
		shs_text(o->fd);
		break;
	case 4:
		shs_once(&o->att, &SHS_ONCE(.flags = SHS_ONCE_NOWAIT));
		shs_once(&o->att, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON));
		break;
	case 5:
		shs_op(o->fd, &(struct shs_ioc_op){ .size = sizeof(struct shs_ioc_op),
				.op = 1 + chance(me, SHS_OP_WAIT), .flags = chance(me, 8) & ~1,
				.index = chance(me, WORDS), .deadline = until });
		break;
	case 6:
		shs_wait(&o->att, &SHS_WAIT(.mutex_fd = mutex->att.fd, .deadline = until));
		break;
	default:
		lock.flags = chance(me, 4);
		shs_unlock_as(&o->att, &lock);
	}
}

/* Its threads: one writes; one calls, and is honest to the control group. */
static void be_hostile(struct process *me)
{
	static struct process caller;
	pthread_t thread;

	for (int i = 0; i < KINDS; i++)
		if (me->harmless && me->set[TARGET][i].fd)
			me->set[TARGET][i].fd = shs_reopen(me->set[TARGET][i].fd, O_RDONLY);
	for (int set = 0; set < SETS; set++)
		join_all(me, set, false);
	caller = *me;
	caller.random ^= SEED;
	if (pthread_create(&thread, NULL, scribble, me))
		_exit(2);
	for (;;) {
		struct object *mutex = &caller.set[TARGET][MUTEX];

		call_at_random(&caller, &caller.set[TARGET][me->kind], mutex);
		if (me->kind == CONDVAR)
			call_at_random(&caller, mutex, mutex);
		add(&caller, CONTROL, chance(&caller, 2) ? MUTEX : RWLOCK);
		use_counter(&caller, CONTROL, COUNTER);
		linger(&caller);
	}
}

/* number: of the honest, and beyond them of the hostile. */
static pid_t start(FIXTURE_DATA(hostile) *self, int number)
{
	static __u64 serial;
	pid_t child;

	self->me.number = number;
	self->me.tally = self->common->tally[number];
	self->me.random = SEED * ++serial;
	child = shs_fork();
	if (child)
		return child;
	if (number < HONEST)
		be_honest(&self->me);
	be_hostile(&self->me);
	_exit(0);
}

/*
 * The test
 */
static void create(struct __test_metadata *_metadata, struct object *o, int kind, __u32 flags)
{
	o->fd = shs_create_as(&SHS_INIT(.kind = kinds[kind].kind, .type = kinds[kind].type,
					.count = kinds[kind].count, .flags = flags));
	ASSERT_LT(0, o->fd);
	ASSERT_TRUE(attach(&o->att, o->fd));
}

FIXTURE_SETUP(hostile)
{
	SHS_MOUNT("size=64m,size_user=64m");
	ASSERT_EQ(0, statfs(SHS_DIR, &self->before));
	self->common = shs_common(sizeof(*self->common));
	self->rounds = shs_scale(150);
	self->deaths = shs_scale(20);
	self->me = (struct process){ .common = self->common, .set = self->set,
				     .kind = variant->kind, .flags = variant->flags,
				     .harmless = variant->access == O_RDONLY };
	create(_metadata, &self->set[TARGET][variant->kind], variant->kind, variant->flags);
	if (variant->kind == CONDVAR)
		create(_metadata, &self->set[TARGET][MUTEX], MUTEX, 0);
	for (int i = 0; i < KINDS; i++)
		create(_metadata, &self->set[CONTROL][i], i, 0);
}

FIXTURE_TEARDOWN(hostile)
{
}

/* Who waits for a word that says anything is served when somebody comes by. */
static void come_by(FIXTURE_DATA(hostile) *self)
{
	struct shs_att *mutex = &self->set[TARGET][MUTEX].att;
	struct timespec pace = { .tv_nsec = SHS_MS };

	ppoll(NULL, 0, &pace, NULL);
	if (self->me.kind != CONDVAR)
		return;
	shs_lock_as(mutex, &SHS_LOCK(.flags = SHS_LOCK_NOWAIT));
	shs_unlock(mutex);
}

/* Ends by itself or by the signal; false: not even so, or not in time. */
static bool ends(FIXTURE_DATA(hostile) *self, pid_t child, int number, int *status)
{
	__u64 limit = shs_now(SHS_CLOCK_MONOTONIC) + LONG_NS;

	if (number)
		kill(child, number);
	while (!shs_is_gone(child)) {
		if (shs_now(SHS_CLOCK_MONOTONIC) > limit)
			return false;
		come_by(self);
	}
	*status = shs_reap(child);
	return true;
}

/* Whether those who have deadlines all went on since. */
static bool go_on(FIXTURE_DATA(hostile) *self, const __u64 *before)
{
	__u64 limit = shs_now(SHS_CLOCK_MONOTONIC) + LONG_NS;

	for (int i = 0; i < PATIENT; i++)
		while (self->common->rounds[i] == before[i]) {
			if (shs_now(SHS_CLOCK_MONOTONIC) > limit || shs_is_gone(self->honest[i]))
				return false;
			come_by(self);
		}
	return true;
}

static void storm(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	volatile __u64 *rounds = self->common->rounds;
	int status, i;

	for (i = 0; i < HONEST + HOSTILE; i++)
		*(i < HONEST ? &self->honest[i] : &self->hostile[i - HONEST]) = start(self, i);
	for (unsigned long n = 0; n < self->deaths || rounds[BY_LIBRARY] < self->rounds ||
				  rounds[BY_CALLS] < self->rounds; n++) {
		__u64 before[] = { rounds[BY_LIBRARY], rounds[BY_CALLS] };

		ASSERT_TRUE(go_on(self, before)) TH_LOG("rounds %llu %llu: a call does not return",
							rounds[0], rounds[1]);
		i = n % HOSTILE;
		self->common->dead = self->common->newest;
		ASSERT_TRUE(ends(self, self->hostile[i], SIGKILL, &status));
		ASSERT_EQ(-SIGKILL, status);
		self->hostile[i] = start(self, HONEST + i);
	}
}

/* The patient is killed in the storm, for who may write a word may keep him waiting. */
static void calm(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	int status;

	__atomic_store_n(&self->common->stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < HONEST; i++) {
		ASSERT_TRUE(ends(self, self->honest[i], i == PATIENT ? SIGKILL : 0, &status))
			TH_LOG("honest process %d does not end", i);
		EXPECT_EQ(i == PATIENT ? -SIGKILL : 0, status);
	}
	for (int i = 0; i < HOSTILE; i++) {
		ASSERT_TRUE(ends(self, self->hostile[i], SIGKILL, &status));
		ASSERT_EQ(-SIGKILL, status);
	}
}

/* As the kernel leaves it when nobody holds or waits: nothing but what is at its place. */
static void check_page(struct __test_metadata *_metadata, const struct object *o, int kind)
{
	struct shs_control is = *o->att.control;
	const char *byte = (const char *)o->att.control;
	__u32 used = SHS_VALUE_OFFSET + (kind == COUNTER ? 8 * WORDS : 0);

	EXPECT_GE(kind == RWLOCK, is.bias);
	is.bias = 0;
	EXPECT_EQ(0, memcmp(&is, &(struct shs_control){ 0 }, sizeof(is)))
		TH_LOG("kind %d: wpending %u once %u waiting %u", kind, is.wpending, is.once,
		       is.waiting);
	while (used < o->att.is.control_size && !byte[used])
		used++;
	EXPECT_EQ(o->att.is.control_size, used);
	EXPECT_TRUE(is_untouched(&o->att));
}

static bool is_locked(int ret)
{
	return ret == 0 || ret == -EOWNERDEAD;
}

/*
 * A word may name whoever attaches next, who then gives it back; if it is recursive,
 * his thread did not take it, and it is free when he ends.
 */
static void attach_to_free(struct __test_metadata *_metadata, struct object *o)
{
	int ret = -EBUSY;

	for (int i = 0; i < 2 && ret == -EBUSY; i++) {
		if (i)
			shs_detach(&o->att);
		ASSERT_TRUE(attach(&o->att, o->fd));
		shs_unlock(&o->att);
		ret = shs_trylock(&o->att);
	}
	if (ret == -ENOTRECOVERABLE)
		ret = shs_op(o->fd, &SHS_OP(WRITE, .flags = SHS_OP_RECOVER)) ?:
		      shs_trylock(&o->att);
	EXPECT_TRUE(is_locked(ret)) TH_LOG("%d, word %#x", ret, o->att.shared->word);
	if (ret == -EOWNERDEAD)
		shs_recover(&o->att);
	EXPECT_EQ(0, shs_unlock(&o->att));
}

/* It is what it would be without a past but for its value, and does what it is for. */
static void check_works(struct __test_metadata *_metadata, struct object *o, int kind, __u32 flags)
{
	__u32 kernel = flags & (SHS_INIT_FIFO | SHS_INIT_RECURSIVE | SHS_INIT_DETECT) ?
		       SHS_WORD_KERNEL : 0;
	__u64 words[WORDS] = { 1, 2, 3 }, found[WORDS] = { 0 };
	struct shs_ioc_op put, get;

	attach_to_free(_metadata, o);
	if (kind != RWLOCK)
		EXPECT_EQ(kernel, o->att.shared->word);
	put = SHS_OP(STORE, .flags = SHS_OP_BYTES, .len = sizeof(words),
		     .addr = (unsigned long)words);
	get = SHS_OP(LOAD, .flags = SHS_OP_BYTES, .len = sizeof(words),
		     .addr = (unsigned long)found);
	if (kind != CELL) {
		put.op = SHS_OP_WRITE;
		get.op = SHS_OP_READ;
	}
	EXPECT_EQ(0, shs_op(o->fd, &put));
	EXPECT_EQ(0, shs_op(o->fd, &get));
	EXPECT_EQ(0, memcmp(words, found, sizeof(words)));
	EXPECT_EQ(0, get.notice);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, shs_trylock(&o->att));
		EXPECT_EQ(0, shs_unlock(&o->att));
	}
}

static void check_target(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	for (int i = 0; i < KINDS; i++) {
		struct object *o = &self->set[TARGET][i];
		struct shs_ioc_info info;

		if (!o->fd)
			continue;
		info = shs_info(o->fd);
		EXPECT_EQ(1, info.attachments);
		EXPECT_EQ(0, info.waiters);
		EXPECT_EQ(0, info.readers);
		EXPECT_EQ(0, info.state & SHS_STATE_WATCHED);
		check_page(_metadata, o, i);
		shs_detach(&o->att);
		if (i == MUTEX || i == RWLOCK || i == CELL)
			check_works(_metadata, o, i, self->me.flags);
		else
			ASSERT_TRUE(attach(&o->att, o->fd));
	}
}

static void check_sums(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	const struct object *o = self->set[CONTROL];
	__u64 sum[SUMS] = {
		[PAIR_OF_MUTEX] = shs_peek(o[MUTEX].fd, FIRST),
		[PAIR_OF_RWLOCK] = shs_peek(o[RWLOCK].fd, FIRST),
		[OF_MUTEX] = shs_peek(o[MUTEX].fd, ADDED),
		[OF_RWLOCK] = shs_peek(o[RWLOCK].fd, ADDED),
		[OF_ATOMIC] = shs_load(o[ATOMIC].fd, 0),
		[OF_COUNTER] = shs_load(o[COUNTER].fd, 0),
	};
	bool exact = self->me.kind == COUNTER && self->me.harmless;

	if (exact)
		sum[OF_TARGET] = shs_load(self->set[TARGET][COUNTER].fd, 0);
	for (int i = 0; i < SUMS - !exact; i++) {
		__u64 begun = 0, done = 0;

		for (int n = 0; n < HONEST + HOSTILE; n++) {
			begun += self->common->tally[n][i].begun;
			done += self->common->tally[n][i].done;
		}
		EXPECT_LE(done, sum[i]) TH_LOG("sum %d", i);
		EXPECT_GE(begun, sum[i]) TH_LOG("sum %d", i);
	}
}

static void check_control(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	for (int i = 0; i < KINDS; i++) {
		struct object *o = &self->set[CONTROL][i];

		check_page(_metadata, o, i);
		if (i == MUTEX || i == RWLOCK)
			EXPECT_TRUE(is_locked(shs_trylock(&o->att)));
	}
}

static void check_remains(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self)
{
	struct statfs now;

	for (int i = 0; i < SETS * KINDS; i++) {
		struct object *o = &self->set[i / KINDS][i % KINDS];

		if (!o->fd)
			continue;
		shs_detach(&o->att);
		EXPECT_EQ(0, shs_info(o->fd).attachments);
		EXPECT_EQ(1, shs_info(o->fd).opens);
		close(o->fd);
	}
	ASSERT_EQ(0, statfs(SHS_DIR, &now));
	EXPECT_EQ(self->before.f_ffree, now.f_ffree);
	EXPECT_EQ(self->before.f_bfree, now.f_bfree);
}

TEST_F_TIMEOUT(hostile, storm, 1200)
{
	struct common *common = self->common;

	storm(_metadata, self);
	calm(_metadata, self);
	EXPECT_EQ(0, common->wrong) TH_LOG("the first of them: %s", common->what);
	EXPECT_GT(LONG_NS, common->late_ns);
	check_sums(_metadata, self);
	check_target(_metadata, self);
	check_control(_metadata, self);
	check_remains(_metadata, self);
	TH_LOG("rounds %llu %llu %llu, held %llu %llu %llu, latest return %llu us",
	       common->rounds[0], common->rounds[1], common->rounds[2], common->held[0],
	       common->held[1], common->held[2], common->late_ns / 1000);
}

/* Who waits for a holder that never was can be killed. */
TEST_F(hostile, killable)
{
	struct object *o = &self->set[TARGET][variant->kind];
	int status = 0, kind = variant->kind;
	pid_t child;

	if (kind != MUTEX && kind != RWLOCK && kind != CELL)
		return;
	if (kind == RWLOCK)
		*(__u64 *)shs_lane(&o->att, 0) = ~0ULL;
	else
		o->att.shared->word = o->att.is.id;
	child = shs_fork();
	if (!child)
		_exit(!attach(&o->att, o->fd) || shs_lock(&o->att));
	SHS_AWAIT(o->fd, info.waiters == 1);
	shs_await_sleep(child);
	ASSERT_TRUE(ends(self, child, SIGKILL, &status));
	EXPECT_EQ(-SIGKILL, status);
	EXPECT_EQ(0, shs_info(o->fd).waiters);
}

/*
 * What is not writable does not become so, by any way a process has into its memory.
 */
static int write_by_any_way(const struct shs_att *att, off_t region, void *map, size_t size)
{
	struct iovec from = { (void *)"!", 1 }, to = { map, 1 };
	int mem = open("/proc/self/mem", O_RDWR), zero = open("/dev/zero", O_RDONLY);

	if (mprotect(map, size, PROT_READ | PROT_WRITE) != -1 || errno != EACCES)
		return 1;
	if (shs_map(att, region, size, PROT_READ | PROT_WRITE) != MAP_FAILED)
		return 2;
	if (mem < 0 || pwrite(mem, "!", 1, (off_t)(unsigned long)map) > 0)
		return 3;
	if (zero < 0 || read(zero, map, 1) != -1 || errno != EFAULT)
		return 4;
	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) > 0)
		return 5;
	madvise(map, size, MADV_DONTNEED);
	madvise(map, size, MADV_REMOVE);
	*(volatile char *)map = '!';
	return 6;
}

static int be_refused(int fd, bool shared)
{
	struct shs_att att;

	if (shs_attach_only(&att, fd))
		return 11;
	if (shs_map(&att, shared ? SHS_MMAP_SHARED : SHS_MMAP_CONTROL, shared ?
		    att.is.shared_size : att.is.control_size, PROT_READ | PROT_WRITE) !=
	    MAP_FAILED || errno != EACCES)
		return 12;
	if (shs_map_all(&att))
		return 13;
	if (shared)
		return write_by_any_way(&att, SHS_MMAP_SHARED, att.shared, att.is.shared_size);
	return write_by_any_way(&att, SHS_MMAP_CONTROL, (void *)att.control,
				att.is.control_size);
}

TEST_F(hostile, reach)
{
	struct object *o = &self->set[TARGET][variant->kind];
	int fd = shs_reopen(o->fd, variant->access);

	ASSERT_LE(0, fd);
	for (int shared = 0; shared < 2; shared++) {
		pid_t child;

		if (shared && (!o->att.shared || variant->access == O_RDWR))
			continue;
		child = shs_fork();
		if (!child)
			_exit(be_refused(fd, shared));
		EXPECT_EQ(-SIGSEGV, shs_reap(child));
	}
	check_page(_metadata, o, variant->kind);
	if (o->att.shared)
		for (__u32 i = sizeof(__u32); i < o->att.is.shared_size; i++)
			ASSERT_EQ(0, ((char *)o->att.shared)[i]);
}

TEST_HARNESS_MAIN
