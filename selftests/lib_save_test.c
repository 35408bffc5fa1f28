// SPDX-License-Identifier: GPL-2.0-only
/* save and restore: what comes back, into what, and what is refused. */
#include "command.h"

#define FILE_ "/tmp/shstate-saved"

FIXTURE(lib_save) {
};

FIXTURE_SETUP(lib_save)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	unlink(FILE_);
}

FIXTURE_TEARDOWN(lib_save)
{
	unlink(FILE_);
}

static const struct {
	const char *name, *kind, *value, *show;
} kinds[] = {
	{ "an_atomic", "atomic:u64:2 --init 18446744073709551615,7",
	  "18446744073709551615 7\n", "atomic of 2 u64" },
	{ "a_bool", "atomic:bool:3 --init 1,0,1", "1 0 1\n", "atomic of 3 bool" },
	{ "a_counter", "counter:i64:2 --init 3,-4 --serial", "3 -4\n", "summed exactly" },
	{ "a_mutex", "mutex:bytes:3 --init 0a0bff --commit", "0a0bff\n", "committed" },
	{ "a_rwlock", "rwlock:i16:2 --init -5,6 --strict", "-5 6\n", "strict about death" },
	{ "a_cell", "cell:i8 --init -128", "-128\n", "cell of 1 i8" },
	{ "a_condvar", "condvar", "waiters 0\n", "condvar" },
	{ "a_semaphore", "semaphore --init 2,5", "2 5\n", "semaphore" },
	{ "a_barrier", "barrier --init 3", "3\n", "barrier" },
	{ "a_once", "once", "incomplete\n", "once" },
	{ "a_port", "once:u16 --done --init 80", "80\n", "done from the beginning" },
};

static void make_all(struct __test_metadata *_metadata)
{
	char line[128];

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(line, sizeof(line), "create %s %s --mode 0640 --help-text helps",
			 kinds[i].name, kinds[i].kind);
		EXPECT_RUN(0, line);
	}
}

static void expect_all(struct __test_metadata *_metadata)
{
	char line[64];

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(line, sizeof(line), "get %s", kinds[i].name);
		EXPECT_RUN(0, line);
		EXPECT_STREQ(kinds[i].value, said) TH_LOG("%s", kinds[i].name);
		snprintf(line, sizeof(line), "show %s", kinds[i].name);
		EXPECT_RUN(0, line);
		EXPECT_SAID(kinds[i].show);
		EXPECT_SAID("0640 root (0)");
		EXPECT_SAID("help=helps");
	}
}

/* Every kind, into an empty folder, and once more into a full one. */
TEST_F(lib_save, kinds)
{
	make_all(_metadata);
	EXPECT_RUN(0, "save " FILE_);
	EXPECT_STREQ("", said);
	ASSERT_EQ(0, umount(SHS_DIR));
	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, ""));
	EXPECT_RUN(0, "restore " FILE_);
	EXPECT_STREQ("", said);
	expect_all(_metadata);
	EXPECT_RUN(0, "set an_atomic 1 5");
	EXPECT_RUN(0, "set a_counter 0 100");
	EXPECT_RUN(0, "set a_mutex 000000");
	EXPECT_RUN(0, "set a_rwlock 1 0");
	EXPECT_RUN(0, "set a_cell 1");
	EXPECT_EQ(0, chmod(SHS_DIR "/a_cell", 0600));
	EXPECT_RUN(0, "restore " FILE_);
	expect_all(_metadata);
}

/* A once that became done is done again, with its value, and without one. */
TEST_F(lib_save, once)
{
	struct shs_object *once;

	EXPECT_RUN(0, "create port once:u16");
	EXPECT_RUN(0, "set port 8080");
	EXPECT_RUN(0, "create plain once");
	ASSERT_EQ(0, shs_object_open("plain", 0, &once));
	EXPECT_EQ(1, shs_once_begin(once, 0, past()));
	EXPECT_EQ(0, shs_once_complete(once));
	EXPECT_RUN(0, "save " FILE_);
	EXPECT_RUN(0, "rm port plain");
	EXPECT_RUN(0, "create plain once");
	EXPECT_RUN(0, "restore " FILE_);
	EXPECT_RUN(0, "get port");
	EXPECT_STREQ("8080\n", said);
	EXPECT_RUN(0, "get plain");
	EXPECT_STREQ("done\n", said);
	EXPECT_RUN(0, "ls -r --noheadings -o FLAGS port");
	EXPECT_STREQ("\n", said);
	EXPECT_RUN(0, "rm port");
	EXPECT_RUN(0, "create port once:u16 --done --init 1");
	EXPECT_RUN(0, "rm plain");
	EXPECT_RUN(2, "restore " FILE_);
	EXPECT_SAID("port: has another value already, and for good");
	EXPECT_RUN(2, "get plain");		/* nothing was changed */
	EXPECT_RUN(2, "restore --check " FILE_);
}

/* As a service and a person do after a mount: whoever comes second finds what is there. */
TEST_F(lib_save, at_once)
{
	char line[64];

	for (int i = 0; i < 40; i++) {
		snprintf(line, sizeof(line), "create n%d atomic --init %d", i, i);
		EXPECT_RUN(0, line);
	}
	EXPECT_RUN(0, "save " FILE_);
	for (int round = 0; round < 10; round++) {
		pid_t child[3];

		for (int i = 0; i < 40; i++) {
			snprintf(line, sizeof(line), SHS_DIR "/n%d", i);
			EXPECT_EQ(0, unlink(line));
		}
		for (int i = 0; i < 3; i++) {
			child[i] = shs_fork();
			if (!child[i])
				_exit(run("restore " FILE_));
		}
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(0, shs_reap(child[i]));
		EXPECT_RUN(0, "get n39");
		EXPECT_STREQ("39\n", said);
	}
}

/* Each is its owner's, so it is his limit that it counts against, not root's. */
TEST_F(lib_save, charged_to_owners)
{
	char name[16], line[64];

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, "nr_objects=9,nr_objects_user=2"));
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), SHS_DIR "/n%d", i);
		snprintf(line, sizeof(line), "create n%d atomic", i);
		EXPECT_RUN(0, line);
		EXPECT_EQ(0, chown(name, SHS_NOBODY - i, -1));
	}
	/* Two of root, the first and the last by name: they leave no room for others'. */
	EXPECT_RUN(0, "create a atomic");
	EXPECT_RUN(0, "create z atomic");
	EXPECT_RUN(0, "save " FILE_);
	EXPECT_RUN(0, "rm n0 n1 n2 n3 a z");
	EXPECT_RUN(0, "restore " FILE_);
	EXPECT_RUN(0, "rm a z");
	EXPECT_RUN(0, "rm n0 n1");
	EXPECT_EQ(0, chown(SHS_DIR "/n2", SHS_NOBODY, -1));
	EXPECT_EQ(0, chown(SHS_DIR "/n3", SHS_NOBODY, -1));
	EXPECT_RUN(2, "restore " FILE_);
	EXPECT_SAID("nr_objects_user");
}

/* Names of one object are names of one again; owners come back. */
TEST_F(lib_save, names_and_owner)
{
	struct stat first, second;
	struct shs_object *object;

	EXPECT_RUN(0, "create one atomic --init 1");
	ASSERT_EQ(0, shs_object_open("one", 0, &object));
	EXPECT_EQ(0, shs_object_link(object, "two"));
	EXPECT_EQ(0, chown(SHS_DIR "/one", SHS_NOBODY, SHS_NOBODY));
	EXPECT_RUN(0, "save " FILE_);
	EXPECT_RUN(0, "rm one");
	EXPECT_RUN(0, "restore " FILE_);
	EXPECT_EQ(0, stat(SHS_DIR "/one", &first));
	EXPECT_EQ(0, stat(SHS_DIR "/two", &second));
	EXPECT_EQ(first.st_ino, second.st_ino);
	EXPECT_RUN(0, "rm one two");
	EXPECT_RUN(0, "restore " FILE_);
	EXPECT_EQ(0, stat(SHS_DIR "/one", &first));
	EXPECT_EQ(0, stat(SHS_DIR "/two", &second));
	EXPECT_EQ(first.st_ino, second.st_ino);
	EXPECT_EQ(SHS_NOBODY, first.st_uid);
	EXPECT_EQ(SHS_NOBODY, first.st_gid);
	EXPECT_RUN(0, "rm one");
	EXPECT_RUN(0, "create one atomic");
	EXPECT_RUN(2, "restore " FILE_);
	EXPECT_SAID("two: was another name of 'one', but is one of another object now");
}

/* What people did not write by hand comes back too. */
TEST_F(lib_save, metadata)
{
	static const char blob[] = "\1\0\xff\n";
	struct shs_spec spec = { .kind = SHS_KIND_CONDVAR, .meta = blob, .meta_size = 4 };
	struct shs_object *object;
	char got[8];

	ASSERT_EQ(0, shs_object_create("c", &spec, &object));
	EXPECT_RUN(0, "save " FILE_);
	EXPECT_RUN(0, "rm c");
	EXPECT_RUN(0, "restore " FILE_);
	ASSERT_EQ(0, shs_object_open("c", 0, &object));
	EXPECT_EQ(4, shs_object_meta(object, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(got, blob, 4));
}

/* A held lock: its value is waited for, and nobody holds the restored one. */
TEST_F(lib_save, held)
{
	struct shs_object *mutex;

	EXPECT_RUN(0, "create m mutex --init 5");
	ASSERT_EQ(0, shs_object_open("m", 0, &mutex));
	EXPECT_EQ(0, shs_mutex_lock(mutex));
	EXPECT_RUN(2, "save -n " FILE_);
	EXPECT_SAID("m is held by pid");
	EXPECT_SAID("is not written");
	EXPECT_NE(0, access(FILE_, F_OK));
	EXPECT_RUN(2, "save -w 0.01 " FILE_);
	EXPECT_RUN(0, "save -p " FILE_);
	EXPECT_RUN(2, "restore -n " FILE_);
	EXPECT_SAID("m is held by pid");
	EXPECT_RUN(0, "rm m");
	EXPECT_RUN(0, "restore " FILE_);
	EXPECT_RUN(0, "ls -r --noheadings -o STATE,VALUE m");
	EXPECT_STREQ("free 5\n", said);
	EXPECT_EQ(0, shs_mutex_unlock(mutex));
}

/* What goes with a process is not kept. */
TEST_F(lib_save, not_saved)
{
	struct shs_spec spec = { .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_I64,
				 .flags = SHS_INIT_EPHEMERAL };
	struct shs_object *ephemeral, *live;

	ASSERT_EQ(0, shs_object_create("ephemeral", &spec, &ephemeral));
	EXPECT_RUN(0, "create live counter --live");
	ASSERT_EQ(0, shs_object_open("live", 0, &live));
	EXPECT_EQ(0, shs_counter_add(live, 0, 5));
	EXPECT_RUN(0, "save " FILE_);
	EXPECT_RUN(0, "restore " FILE_);
	EXPECT_RUN(0, "get live");
	EXPECT_STREQ("5\n", said);
	shs_object_close(live);
	shs_object_close(ephemeral);
	EXPECT_RUN(0, "rm live");
	EXPECT_RUN(0, "restore " FILE_);
	EXPECT_RUN(0, "ls -r --noheadings -o NAME,VALUE,FLAGS");
	EXPECT_STREQ("live 0 live\n", said);
}

static size_t read_whole(char *text, size_t size)
{
	int fd = open(FILE_, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

	if (got < 0)
		abort();
	text[got] = 0;
	close(fd);
	return got;
}

static void write_whole(const char *text, size_t size)
{
	int fd = open(FILE_, O_WRONLY | O_TRUNC | O_CREAT, 0600);

	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		abort();
	close(fd);
}

/* Refused, kept, and nothing done. */
static void expect_refused(struct __test_metadata *_metadata, const char *text, size_t size,
			   const char *why)
{
	char after[4096];

	write_whole(text, size);
	EXPECT_RUN(2, "restore " FILE_);
	EXPECT_SAID(why);
	EXPECT_EQ(size, read_whole(after, sizeof(after)));
	EXPECT_EQ(0, memcmp(text, after, size));
	EXPECT_RUN(0, "ls -r --noheadings -o NAME,VALUE");
	EXPECT_STREQ("a 1\n", said);
}

/* Damage anywhere: cut off, changed, of another version or of something else. */
TEST_F(lib_save, damaged)
{
	char text[4096], spoilt[4096];
	size_t size;

	EXPECT_RUN(0, "create a atomic --init 1");
	EXPECT_RUN(0, "create b atomic --init 22");
	EXPECT_RUN(0, "save " FILE_);
	EXPECT_RUN(0, "rm b");
	size = read_whole(text, sizeof(text));
	for (size_t cut = 0; cut < size - 2; cut += 37)
		expect_refused(_metadata, text, cut, "is refused and left as it is");
	memcpy(spoilt, text, size + 1);
	*strstr(strstr(spoilt, "objects"), "22") = '3';
	expect_refused(_metadata, spoilt, size, "its checksum is wrong");
	memcpy(spoilt, text, size + 1);
	*strstr(spoilt, "1,") = '2';
	expect_refused(_metadata, spoilt, size, "of another version");
	expect_refused(_metadata, "[1]", 3, "it is not of 'shstate save'");
	expect_refused(_metadata, "{}", 2, "it is not of 'shstate save'");
	write_whole(text, size);
	EXPECT_RUN(0, "restore --check " FILE_);
	EXPECT_RUN(0, "ls -r --noheadings -o NAME");
	EXPECT_STREQ("a\n", said);
	EXPECT_RUN(0, "restore " FILE_);
	EXPECT_RUN(0, "get b");
	EXPECT_STREQ("22\n", said);
}

/* One that people edited, well and badly: all of it is looked at before any of it counts. */
TEST_F(lib_save, edited)
{
	static const struct {
		const char *from, *to, *why;
	} edits[] = {
		{ "\"u8\"", "\"q8\"", "there is no type" },
		{ "\"atomic\"", "\"futex\"", "there is no kind" },
		{ "255", "256", "does not fit" },
		{ "255", "2.5", "'value' of object 'b' is missing or wrong" },
		{ "\"b\"", "\"/\"", "'names'" },
		{ "\"0640\"", "\"64xx\"", "'mode'" },
		{ "\"uid\"", "\"vid\"", "'uid or gid'" },
		{ "\"policies\":\"\"", "\"policies\":\"x\"", "'policies'" },
		{ "\"value\"", "\"worth\"", "'value'" },
	};
	char text[4096], *at;
	size_t size;

	EXPECT_RUN(0, "create a atomic:i8 --mode 0600");
	EXPECT_RUN(0, "create b atomic:u8 --init 255 --mode 0640");
	EXPECT_RUN(0, "save " FILE_);
	EXPECT_RUN(0, "rm b");
	for (int i = 0; i < ARRAY_SIZE(edits); i++) {
		size = read_whole(text, sizeof(text));
		write_whole(text, size);
		/* Blanks are of no matter, so there need not be any. */
		snprintf(said, sizeof(said), "%s", text);
		drop_blanks();
		at = strstr(strstr(said, "\"b\"") - strlen("{\"names\":["), edits[i].from);
		ASSERT_NE(NULL, at) TH_LOG("%s", edits[i].from);
		size = at - said;
		snprintf(text + 0, sizeof(text), "%.*s%s%s", (int)size, said, edits[i].to,
			 at + strlen(edits[i].from));
		write_whole(text, strlen(text));
		EXPECT_RUN(2, "restore --edited " FILE_);
		EXPECT_SAID(edits[i].why);
		EXPECT_RUN(0, "ls -r --noheadings -o NAME");
		EXPECT_STREQ("a\n", said);
		EXPECT_RUN(0, "create b atomic:u8 --init 255 --mode 0640");
		EXPECT_RUN(0, "save " FILE_);
		EXPECT_RUN(0, "rm b");
	}
	read_whole(text, sizeof(text));
	memcpy(strstr(text, "255"), "254", 3);
	write_whole(text, strlen(text));
	EXPECT_RUN(2, "restore " FILE_);
	EXPECT_RUN(0, "restore --edited " FILE_);
	EXPECT_RUN(0, "get b");
	EXPECT_STREQ("254\n", said);
}

/* What is there and does not fit keeps everything as it is. */
TEST_F(lib_save, does_not_fit)
{
	EXPECT_RUN(0, "create a atomic --init 1");
	EXPECT_RUN(0, "create b mutex");
	EXPECT_RUN(0, "save " FILE_);
	EXPECT_RUN(0, "rm b");
	EXPECT_RUN(0, "create b cell");
	EXPECT_RUN(0, "set a 2");
	EXPECT_RUN(2, "restore " FILE_);
	EXPECT_SAID("b: there is such an object, of another kind, type or count");
	EXPECT_RUN(0, "get a");
	EXPECT_STREQ("2\n", said);
	EXPECT_RUN(2, "restore /tmp/no-such-file");
	EXPECT_SAID("/tmp/no-such-file: cannot be read");
	EXPECT_RUN(2, "save /tmp/no-such-folder/file");
	EXPECT_SAID("cannot be written");
}

TEST_HARNESS_MAIN
