// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command: what it makes, what it says, and how it exits. Where people read it,
 * only the words that matter are looked for.
 */
#include "command.h"

FIXTURE(lib_command) {
	struct shs_pipe ready, go;
};

FIXTURE_SETUP(lib_command)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(lib_command)
{
}

static __u32 flags_of(const char *name)
{
	struct shs_ioc_info info = { };
	struct shs_object *object;

	if (shs_object_open(name, SHS_OPEN_RDONLY, &object))
		return ~0U;
	shs_object_info(object, &info);
	shs_object_close(object);
	return info.flags;
}

/* Dies holding the mutex of that name. */
static void die_holding(const char *name)
{
	struct shs_object *mutex;
	pid_t child = shs_fork();

	if (!child) {
		if (shs_object_open(name, 0, &mutex) || shs_mutex_lock(mutex))
			_exit(1);
		raise(SIGKILL);
	}
	if (shs_reap(child) != -SIGKILL)
		abort();
}

static const struct {
	const char *option, *kind;
	__u32 flag;
	const char *word;
} policies[] = {
	{ "fifo", "mutex", SHS_INIT_FIFO, "first in first out" },
	{ "poison", "once", SHS_INIT_POISON, "poisoned by death" },
	{ "saturate", "counter", SHS_INIT_SATURATE, "stops at its ends" },
	{ "check", "counter", SHS_INIT_CHECK, "refuses to overflow" },
	{ "strict", "rwlock", SHS_INIT_STRICT, "strict about death" },
	{ "ignore", "mutex", SHS_INIT_IGNORE, "ignores death" },
	{ "recursive", "mutex", SHS_INIT_RECURSIVE, "recursive" },
	{ "commit", "rwlock:bytes:5", SHS_INIT_COMMIT, "committed" },
	{ "serial", "counter", SHS_INIT_SERIAL, "summed exactly" },
	{ "live", "counter", SHS_INIT_LIVE, "live" },
	{ "done", "once:u8", SHS_INIT_DONE, "done from the beginning" },
	{ "detect", "mutex", SHS_INIT_DETECT, "detects deadlocks" },
};

/* Each policy has its option, and show and ls have a word for it. */
TEST_F(lib_command, policies)
{
	char line[256], show[256] = "show";

	for (int i = 0; i < ARRAY_SIZE(policies); i++) {
		snprintf(line, sizeof(line), "create %s %s --%s", policies[i].option,
			 policies[i].kind, policies[i].option);
		EXPECT_RUN(0, line);
		EXPECT_EQ(policies[i].flag, flags_of(policies[i].option));
		snprintf(show + strlen(show), sizeof(show) - strlen(show), " %s",
			 policies[i].option);
	}
	EXPECT_RUN(0, show);
	for (int i = 0; i < ARRAY_SIZE(policies); i++) {
		snprintf(line, sizeof(line), ", %s\n", policies[i].word);
		EXPECT_SAID(line);
	}
	EXPECT_RUN(0, "ls -r -o NAME,FLAGS --noheadings");
	for (int i = 0; i < ARRAY_SIZE(policies); i++) {
		snprintf(line, sizeof(line), "%s %s\n", policies[i].option, policies[i].option);
		EXPECT_SAID(line);
	}
	EXPECT_RUN(0, "create all mutex --recursive --strict --commit --detect --fifo");
	EXPECT_EQ(SHS_INIT_RECURSIVE | SHS_INIT_STRICT | SHS_INIT_COMMIT | SHS_INIT_DETECT |
		  SHS_INIT_FIFO, flags_of("all"));
}

/* What the kernel would refuse without a word is refused with one. */
TEST_F(lib_command, policies_refused)
{
	EXPECT_RUN(2, "create wrong rwlock --recursive");
	EXPECT_SAID("--recursive is for a mutex");
	EXPECT_RUN(2, "create wrong cell --commit");
	EXPECT_SAID("mutex or rwlock");
	EXPECT_RUN(2, "create wrong atomic --live");
	EXPECT_SAID("counter");
	EXPECT_RUN(2, "create wrong mutex --strict --ignore");
	EXPECT_SAID("not both");
	EXPECT_RUN(2, "create wrong counter --live --check");
	EXPECT_SAID("not both");
	EXPECT_RUN(2, "create wrong once:u8 --init 4");
	EXPECT_SAID("--done");
}

/* A once with a value: none yet, set, and for good; done from the beginning. */
TEST_F(lib_command, once_with_value)
{
	EXPECT_RUN(0, "create port once:u16");
	EXPECT_RUN(1, "get port");
	EXPECT_SAID("no value before it is done");
	EXPECT_RUN(0, "set port 8080");
	EXPECT_RUN(1, "set port 8081");
	EXPECT_SAID("already");
	EXPECT_RUN(0, "get port");
	EXPECT_STREQ("8080\n", said);
	EXPECT_RUN(0, "create pair once:i32:2 --done --init -4,5");
	EXPECT_RUN(0, "get pair 1");
	EXPECT_STREQ("5\n", said);
	EXPECT_RUN(0, "create key once:bytes:3");
	EXPECT_RUN(0, "set key 0a0b0c");
	EXPECT_RUN(0, "get key");
	EXPECT_STREQ("0a0b0c\n", said);
}

/* How long, by whom and how often it is held. */
TEST_F(lib_command, holder)
{
	struct shs_object *mutex;
	struct shs_att att;
	char text[64];
	pid_t child;

	EXPECT_RUN(0, "create m mutex --recursive");
	ASSERT_EQ(0, shs_object_open("m", 0, &mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	att.fd = shs_object_attachment_fd(mutex);
	EXPECT_EQ(0, shs_lock(&att));	/* the library would not ask the kernel again */
	child = shs_fork();
	if (!child)
		_exit(-shs_mutex_lock(mutex));
	SHS_AWAIT(shs_object_fd(mutex), info.waiters == 1);
	EXPECT_RUN(0, "show m");
	snprintf(text, sizeof(text), "pid %d", getpid());
	EXPECT_SAID(text);
	snprintf(text, sizeof(text), "thread %d, for ", gettid());
	EXPECT_SAID(text);
	EXPECT_SAID("locked 2 times");
	EXPECT_SAID("1 (1 in all, woken 0 times)");
	EXPECT_RUN(0, "ls -r --noheadings -o THREAD,DEPTH,WAITS,WAKES m");
	snprintf(text, sizeof(text), "%d 2 1 0\n", gettid());
	EXPECT_STREQ(text, said);
	EXPECT_EQ(0, shs_unlock(&att));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_EQ(0, shs_reap(child));
}

/* Until a value meets a condition, of an atomic or of a counter. */
TEST_F(lib_command, wait_for_a_value)
{
	struct shs_object *counter;
	pid_t child;

	EXPECT_RUN(0, "create a atomic:i16:2 --init -5,0");
	EXPECT_RUN(0, "wait a --le -3");
	EXPECT_STREQ("-5\n", said);
	EXPECT_RUN(0, "wait a 1 --eq 0 --timeout 60");
	EXPECT_STREQ("0\n", said);
	EXPECT_RUN(0, "wait -i 1 a --ne 7");
	EXPECT_STREQ("0\n", said);
	EXPECT_RUN(0, "wait a --any-bit 0x100");
	EXPECT_STREQ("-5\n", said);
	EXPECT_RUN(1, "wait a --ge 0 --timeout 0");
	EXPECT_RUN(1, "wait -w 0 --index 1 a --ne 0");
	EXPECT_RUN(2, "wait a --ge 40000");
	EXPECT_RUN(2, "wait a 1 0 --ge 0");
	EXPECT_RUN(2, "wait a 2 --ge 0");
	EXPECT_RUN(0, "create c counter");
	EXPECT_RUN(2, "wait c 0");
	EXPECT_RUN(0, "create m mutex:i32");
	EXPECT_RUN(2, "wait m --eq 0");
	ASSERT_EQ(0, shs_object_open("c", 0, &counter));
	ASSERT_EQ(0, shs_object_attach(counter));
	child = shs_fork();
	if (!child) {
		SHS_AWAIT(shs_object_fd(counter), info.waiters == 1);
		for (int i = 0; i < 100; i++)
			if (shs_counter_add(counter, 0, 1))
				_exit(1);
		_exit(0);
	}
	EXPECT_RUN(0, "wait c --ge 100 --timeout 600");
	EXPECT_STREQ("100\n", said);
	EXPECT_EQ(0, shs_reap(child));
	shs_object_close(counter);
}

/* Nobody locks while a command runs, which sees the value and who waits. */
TEST_F(lib_command, freeze)
{
	struct shs_object *mutex;

	EXPECT_RUN(0, "create m mutex:i32 --init 7");
	ASSERT_EQ(0, shs_object_open("m", 0, &mutex));
	EXPECT_RUN(1, "freeze m -- false");
	EXPECT_RUN(0, "freeze m shstate get --peek m");
	EXPECT_SAID("7\n");
	EXPECT_RUN(0, "freeze m shstate show m");
	EXPECT_SAID("free,frozen");
	EXPECT_RUN(1, "freeze m shstate lock m -n -v true");
	EXPECT_SAID("m is frozen, by 'shstate freeze' perhaps: wait for it with --wait");
	EXPECT_RUN(0, "show m");
	EXPECT_EQ(NULL, strstr(said, "frozen"));
	EXPECT_EQ(0, shs_mutex_try_lock(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_RUN(127, "freeze m no-such-command");
	EXPECT_RUN(125, "freeze nothing true");
	EXPECT_SAID("nothing: ");
	EXPECT_RUN(0, "create c cell:u8");
	EXPECT_RUN(0, "freeze c shstate ls -r --noheadings -o STATE c");
	EXPECT_SAID("frozen\n");
	EXPECT_RUN(0, "create a atomic:u8");
	EXPECT_RUN(125, "freeze a true");
	EXPECT_SAID("cannot be frozen");
	EXPECT_RUN(125, "freeze m");
}

/* A lost value is said to be, and set with --recover. */
TEST_F(lib_command, lost)
{
	struct shs_object *mutex;

	EXPECT_RUN(0, "create m mutex --strict");
	die_holding("m");
	ASSERT_EQ(0, shs_object_open("m", 0, &mutex));
	EXPECT_EQ(-EOWNERDEAD, shs_mutex_lock(mutex));
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
	EXPECT_RUN(0, "ls -r --noheadings -o STATE m");
	EXPECT_STREQ("free,lost\n", said);
	EXPECT_RUN(2, "get m");
	EXPECT_SAID("--peek");
	EXPECT_RUN(2, "set m 5");
	EXPECT_SAID("--recover");
	EXPECT_RUN(125, "lock m true");
	EXPECT_SAID("lost");
	EXPECT_RUN(0, "set --recover m 5");
	EXPECT_RUN(0, "get m");
	EXPECT_STREQ("5\n", said);
}

/* lock does not lose a value: it is mended by a command that says so and succeeds. */
TEST_F(lib_command, lock_recover)
{
	struct shs_object *mutex;

	EXPECT_RUN(0, "create m mutex --strict");
	die_holding("m");
	ASSERT_EQ(0, shs_object_open("m", 0, &mutex));
	EXPECT_RUN(125, "lock m busybox echo ran");
	EXPECT_SAID("--recover");
	EXPECT_SILENT("ran\n");
	EXPECT_RUN(1, "lock m -R busybox false");
	EXPECT_EQ(1, shs_mutex_is_poisoned(mutex));
	EXPECT_RUN(0, "lock m -R busybox true");
	EXPECT_EQ(0, shs_mutex_is_poisoned(mutex));
	EXPECT_RUN(0, "lock m busybox echo ran");
	EXPECT_STREQ("ran\n", said);
}

/* So of a rwlock; readers, who are told too, lose nothing and are let run. */
TEST_F(lib_command, lock_recover_rwlock)
{
	struct shs_object *rwlock;

	EXPECT_RUN(0, "create r rwlock --strict");
	ASSERT_EQ(0, shs_object_open("r", 0, &rwlock));
	EXPECT_EQ(0, shs_rwlock_write(rwlock));
	EXPECT_EQ(0, shs_rwlock_abandon(rwlock));
	EXPECT_RUN(125, "lock r busybox true");
	EXPECT_RUN(0, "lock r --shared busybox true");
	EXPECT_EQ(1, shs_rwlock_is_poisoned(rwlock));
	EXPECT_RUN(0, "lock r -R busybox true");
	EXPECT_EQ(0, shs_rwlock_is_poisoned(rwlock));
}

/* What it would add goes with it: so it does not. */
TEST_F(lib_command, live)
{
	EXPECT_RUN(0, "create users counter --live");
	EXPECT_RUN(2, "add users 1");
	EXPECT_SAID("live");
	EXPECT_RUN(0, "get users");
	EXPECT_STREQ("0\n", said);
}

static struct shs_object *open_or_die(const char *name)
{
	struct shs_object *object;

	if (shs_object_open(name, 0, &object))
		abort();
	return object;
}

/* A child that locks first and, once it hears go, second. */
static pid_t lock_both(const char *first, const char *second, struct shs_pipe *ready,
		       struct shs_pipe *go)
{
	pid_t child = shs_fork();

	if (child) {
		shs_hear(ready);
		return child;
	}
	if (shs_mutex_lock(open_or_die(first)))
		_exit(1);
	shs_say(ready);
	shs_hear(go);
	_exit(-shs_mutex_lock(open_or_die(second)));
}

static void expect_edge(struct __test_metadata *_metadata, pid_t waits, const char *object,
			pid_t holds)
{
	char text[128];
	char *line;

	snprintf(text, sizeof(text), "thread %d (lib_command_tes, pid %d) waits for mutex '%s' ",
		 waits, waits, object);
	line = strstr(said, text);
	ASSERT_NE(NULL, line) TH_LOG("'%s' in: %s", text, said);
	snprintf(text, sizeof(text), "by thread %d (", holds);
	ASSERT_NE(NULL, strstr(line, text));
	EXPECT_GT(strchr(line, '\n'), strstr(line, text)) TH_LOG("'%s' in: %s", text, said);
}

/* Who waits crosswise is found, and named once; who only waits is not. */
TEST_F(lib_command, deadlocks)
{
	struct shs_pipe go[3] = { shs_pipe(), shs_pipe(), shs_pipe() };
	char text[64];
	pid_t child[3];

	EXPECT_RUN(0, "deadlocks");
	EXPECT_STREQ("", said);
	EXPECT_RUN(0, "create left mutex");
	EXPECT_RUN(0, "create right mutex");
	EXPECT_RUN(0, "create third mutex");
	EXPECT_EQ(0, shs_object_link(open_or_die("left"), "also-left"));
	child[0] = lock_both("left", "right", &self->ready, &go[0]);
	child[1] = lock_both("right", "left", &self->ready, &go[1]);
	child[2] = lock_both("third", "left", &self->ready, &go[2]);
	shs_say(&go[1]);
	shs_say(&go[2]);
	SHS_AWAIT(shs_object_fd(open_or_die("left")), info.waiters == 2);
	EXPECT_RUN(0, "deadlocks");
	EXPECT_STREQ("", said);
	shs_say(&go[0]);
	SHS_AWAIT(shs_object_fd(open_or_die("right")), info.waiters == 1);
	EXPECT_RUN(1, "deadlocks");
	EXPECT_EQ(0, strncmp(said, "Possible deadlock 1:\n", 21)) TH_LOG("%s", said);
	EXPECT_SILENT("deadlock 2");
	EXPECT_SILENT("third");
	expect_edge(_metadata, child[0], "right", child[1]);
	expect_edge(_metadata, child[1], "also-left", child[0]);
	EXPECT_RUN(1, "deadlocks -J /dev/shstate");
	drop_blanks();
	EXPECT_SAID("\"possible\":true");
	snprintf(text, sizeof(text), "\"holder-tid\":%d,", child[0]);
	EXPECT_SAID(text);
	EXPECT_RUN(2, "deadlocks /proc");
	/* It ends with one of them. */
	EXPECT_EQ(-SIGKILL, shs_kill(child[1]));
	EXPECT_EQ(EOWNERDEAD, shs_reap(child[0]));
	EXPECT_RUN(0, "deadlocks -J");
	EXPECT_SILENT("tid");
	shs_kill(child[2]);
}

static void *lock_in_thread(void *name)
{
	shs_mutex_lock(open_or_die(name));
	return NULL;
}

/* One thread has the one and another waits for the other: none of them waits in a circle. */
TEST_F(lib_command, no_deadlock_of_threads)
{
	static const char *const names[] = { "left", "right" };
	pid_t child[2];

	EXPECT_RUN(0, "create left mutex");
	EXPECT_RUN(0, "create right mutex");
	for (int i = 0; i < 2; i++) {
		pthread_t thread;

		child[i] = shs_fork();
		if (child[i]) {
			shs_hear(&self->ready);
			continue;
		}
		if (shs_mutex_lock(open_or_die(names[i])))
			_exit(1);
		shs_say(&self->ready);
		shs_hear(&self->go);
		pthread_create(&thread, NULL, lock_in_thread, (void *)names[!i]);
		for (;;)
			pause();
	}
	shs_say(&self->go);
	shs_say(&self->go);
	for (int i = 0; i < 2; i++)
		SHS_AWAIT(shs_object_fd(open_or_die(names[i])), info.waiters == 1);
	EXPECT_RUN(0, "deadlocks");
	EXPECT_STREQ("", said);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
}

/*
 * What the kernel does not refuse although all is made with --detect: a wait on a
 * condvar that has to take its mutex back. That one is certain.
 */
TEST_F(lib_command, certain_deadlock)
{
	struct shs_object *left, *right, *condvar;
	pid_t waiter, other;

	EXPECT_RUN(0, "create left mutex --detect");
	EXPECT_RUN(0, "create right mutex --detect");
	EXPECT_RUN(0, "create condvar condvar");
	left = open_or_die("left");
	right = open_or_die("right");
	condvar = open_or_die("condvar");
	waiter = shs_fork();
	if (!waiter)
		_exit(shs_mutex_lock(right) || shs_mutex_lock(left) ||
		      shs_condvar_wait(condvar, left));
	SHS_AWAIT(shs_object_fd(condvar), info.waiters == 1);
	other = lock_both("left", "right", &self->ready, &self->go);
	shs_say(&self->go);
	SHS_AWAIT(shs_object_fd(right), info.waiters == 1);
	EXPECT_RUN(0, "deadlocks");
	EXPECT_EQ(1, shs_condvar_notify_one(condvar));
	SHS_AWAIT(shs_object_fd(left), info.waiters == 1);
	EXPECT_RUN(1, "deadlocks");
	EXPECT_EQ(0, strncmp(said, "Deadlock 1:\n", 12)) TH_LOG("%s", said);
	expect_edge(_metadata, waiter, "left", other);
	expect_edge(_metadata, other, "right", waiter);
	EXPECT_RUN(1, "deadlocks -J");
	drop_blanks();
	EXPECT_SAID("\"possible\":false");
	EXPECT_EQ(-SIGKILL, shs_kill(other));
	EXPECT_EQ(1, shs_reap(waiter));		/* told of that */
}

/* A circle all the same, but each of its threads could still release what it has. */
TEST_F(lib_command, deadlock_of_those_who_go_on)
{
	const char *names[] = { "left", "right" };
	struct shs_object *object[2];
	pid_t child[2];

	for (int i = 0; i < 2; i++) {
		EXPECT_RUN(0, i ? "create right mutex --detect" : "create left mutex --detect");
		object[i] = open_or_die(names[i]);
	}
	for (int i = 0; i < 2; i++) {
		child[i] = shs_fork();
		if (!child[i]) {
			struct shs_ioc_lock lock = SHS_LOCK(.deadline = SHS_FOREVER);
			struct shs_att mine, other;

			if (shs_attach(&mine, shs_object_fd(object[i])) || shs_lock(&mine))
				_exit(1);
			shs_say(&self->ready);
			shs_hear(&self->go);
			if (shs_attach(&other, shs_object_fd(object[!i])) ||
			    shs_arm(other.fd, SHS_IOC_LOCK, &lock))
				_exit(2);
			for (;;)
				pause();
		}
		shs_hear(&self->ready);
	}
	shs_say(&self->go);
	shs_say(&self->go);
	for (int i = 0; i < 2; i++)
		SHS_AWAIT(shs_object_fd(object[i]), info.waiters == 1);
	EXPECT_RUN(1, "deadlocks");
	EXPECT_EQ(0, strncmp(said, "Possible deadlock 1:\n", 21)) TH_LOG("%s", said);
	expect_edge(_metadata, child[0], "right", child[1]);
	EXPECT_RUN(0, "show --holders left");
	EXPECT_SAID(", and may go on meanwhile\n");
	EXPECT_RUN(0, "show --holders -J left");
	drop_blanks();
	EXPECT_SAID("\"goes-on\":true");
	EXPECT_SAID("\"goes-on\":false");
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
}

/* Readers of whom the kernel does not know the thread: the process stands for it. */
TEST_F(lib_command, deadlock_of_readers)
{
	struct shs_object *left, *right;
	uint32_t lane;
	pid_t child[2];

	EXPECT_RUN(0, "create left rwlock");
	EXPECT_RUN(0, "create right rwlock");
	left = open_or_die("left");
	right = open_or_die("right");
	for (int i = 0; i < 2; i++) {
		child[i] = shs_fork();
		if (!child[i]) {
			if (shs_rwlock_read(i ? right : left, &lane))
				_exit(1);
			shs_say(&self->ready);
			shs_hear(&self->go);
			_exit(-shs_rwlock_write(i ? left : right));
		}
		shs_hear(&self->ready);
	}
	EXPECT_RUN(0, "deadlocks");
	shs_say(&self->go);
	shs_say(&self->go);
	SHS_AWAIT(shs_object_fd(left), info.waiters == 1);
	SHS_AWAIT(shs_object_fd(right), info.waiters == 1);
	EXPECT_RUN(1, "deadlocks");
	EXPECT_SAID("Possible deadlock 1:");
	EXPECT_SAID("to write");
	EXPECT_SAID("it is read, for");
	EXPECT_EQ(-SIGKILL, shs_kill(child[0]));
	EXPECT_EQ(0, shs_reap(child[1]));
}

TEST_HARNESS_MAIN
