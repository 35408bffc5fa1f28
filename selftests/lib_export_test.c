// SPDX-License-Identifier: GPL-2.0-only
/* Objects as metrics: both formats, their rules for names, and the ways to get them. */
#include "command.h"

#include <sys/socket.h>
#include <sys/un.h>

FIXTURE(lib_export) {
};

FIXTURE_SETUP(lib_export)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
}

FIXTURE_TEARDOWN(lib_export)
{
}

static struct shs_object *make_named(const char *name, __u32 kind, __u32 type, __u32 count,
				     const void *value, const char *meta)
{
	struct shs_spec spec = {
		.kind = kind, .type = type, .count = count, .value = value,
		.meta = *meta ? meta : NULL, .meta_size = strlen(meta),
	};
	struct shs_object *object;

	if (shs_object_create(name, &spec, &object))
		abort();
	return object;
}

/* The example of the manual, whole, in both formats. */
TEST_F(lib_export, formats)
{
	static const int64_t values[] = { 12, 5 };

	make_named("http_requests", SHS_KIND_COUNTER, SHS_TYPE_I64, 2, values,
		   "help=Requests \"answered\".\nlabel.k=v\nelement.0=GET\nelement.1=POST\n");
	EXPECT_RUN(0, "export");
	EXPECT_STREQ("# HELP http_requests Requests \\\"answered\\\".\n"
		     "# TYPE http_requests counter\n"
		     "http_requests_total{k=\"v\",element=\"GET\"} 12\n"
		     "http_requests_total{k=\"v\",element=\"POST\"} 5\n"
		     "# EOF\n", said);
	EXPECT_RUN(0, "export -f prometheus http_requests");
	EXPECT_STREQ("# HELP http_requests_total Requests \"answered\".\n"
		     "# TYPE http_requests_total counter\n"
		     "http_requests_total{k=\"v\",element=\"GET\"} 12\n"
		     "http_requests_total{k=\"v\",element=\"POST\"} 5\n", said);
	EXPECT_RUN(2, "export -f xml");
	EXPECT_SAID("openmetrics, prometheus");
}

/* What create stores for it. */
TEST_F(lib_export, created)
{
	EXPECT_RUN(0, "create http_requests counter:i64:2 --help-text Requests --unit requests --label k=v --elements GET,POST");
	EXPECT_RUN(0, "export");
	EXPECT_STREQ("# HELP http_requests Requests\n"
		     "# TYPE http_requests counter\n"
		     "# UNIT http_requests requests\n"
		     "http_requests_total{k=\"v\",element=\"GET\"} 0\n"
		     "http_requests_total{k=\"v\",element=\"POST\"} 0\n"
		     "# EOF\n", said);
}

/* Every kind with numbers; what has none is left out, and told of if it was asked for. */
TEST_F(lib_export, kinds)
{
	EXPECT_RUN(0, "create a atomic:u64 --init 18446744073709551615");
	EXPECT_RUN(0, "create b atomic:bool --init true");
	EXPECT_RUN(0, "create c cell:i8 --init -7");
	EXPECT_RUN(0, "create d condvar");
	EXPECT_RUN(0, "create l counter --live");
	EXPECT_RUN(0, "create m mutex:i32 --init -3");
	EXPECT_RUN(0, "create o once:u16");
	EXPECT_RUN(0, "create r rwlock:u8:2 --init 1,2");
	EXPECT_RUN(0, "create s semaphore --init 2,5");
	EXPECT_RUN(0, "create x mutex:bytes:4");
	EXPECT_RUN(0, "export");
	EXPECT_STREQ("# HELP a A shared atomic.\n# TYPE a gauge\na 18446744073709551615\n"
		     "# HELP b A shared atomic.\n# TYPE b gauge\nb 1\n"
		     "# HELP c A shared cell.\n# TYPE c gauge\nc -7\n"
		     "# HELP l A shared counter.\n# TYPE l gauge\nl 0\n"
		     "# HELP m A shared mutex.\n# TYPE m gauge\nm -3\n"
		     "# HELP r A shared rwlock.\n# TYPE r gauge\n"
		     "r{element=\"0\"} 1\nr{element=\"1\"} 2\n"
		     "# HELP s A shared semaphore.\n# TYPE s gauge\n"
		     "s{element=\"there\"} 2\ns{element=\"bound\"} 5\n"
		     "# EOF\n", said);
	EXPECT_RUN(2, "export x d");
	EXPECT_SAID("x: has no numbers");
	EXPECT_SAID("d: has no numbers");
	EXPECT_RUN(0, "set o 80");
	EXPECT_RUN(0, "export o");
	EXPECT_SAID("\no 80\n");
}

/* Names become such as the format allows; the unit is the end of one. */
TEST_F(lib_export, names)
{
	make_named("9.lives-left", SHS_KIND_ATOMIC, SHS_TYPE_I64, 1, NULL, "");
	make_named("sent_total", SHS_KIND_COUNTER, SHS_TYPE_I64, 1, NULL, "unit=bytes\n");
	make_named("up_seconds", SHS_KIND_ATOMIC, SHS_TYPE_I64, 1, NULL, "unit=seconds\n");
	make_named("load", SHS_KIND_ATOMIC, SHS_TYPE_I64, 1, NULL,
		   "unit=%\nlabel.a-b=1\nlabel.host.name=2\n");
	EXPECT_RUN(0, "export");
	EXPECT_SAID("\n_9_lives_left 0\n");
	EXPECT_SAID("# TYPE sent_bytes counter\n# UNIT sent_bytes bytes\nsent_bytes_total 0\n");
	EXPECT_SAID("# UNIT up_seconds seconds\nup_seconds 0\n");
	EXPECT_SAID("# TYPE load gauge\nload{a_b=\"1\",host_name=\"2\"} 0\n");
}

/* Quotes, backslashes and what is not UTF-8 in what people wrote. */
TEST_F(lib_export, escapes)
{
	make_named("e", SHS_KIND_ATOMIC, SHS_TYPE_I64, 1, NULL,
		   "help=a\\b \"c\" \xff\xc3\xa9\nlabel.l=a\\b\"c\"\xc0\xaf\nelement.0=\"\n");
	EXPECT_RUN(0, "export");
	EXPECT_SAID("# HELP e a\\\\b \\\"c\\\" \xef\xbf\xbd\xc3\xa9\n");
	EXPECT_SAID("e{l=\"a\\\\b\\\"c\\\"\xef\xbf\xbd\xef\xbf\xbd\",element=\"\\\"\"} 0\n");
	EXPECT_RUN(0, "export -f prometheus");
	EXPECT_SAID("# HELP e a\\\\b \"c\" \xef\xbf\xbd\xc3\xa9\n");
}

/* What would make the page invalid is left out with a word, and the rest is there. */
TEST_F(lib_export, refused)
{
	static const int64_t negative = -1;

	make_named("a.b", SHS_KIND_ATOMIC, SHS_TYPE_I64, 1, NULL, "");
	make_named("a-b", SHS_KIND_ATOMIC, SHS_TYPE_I64, 1, NULL, "");
	make_named("below", SHS_KIND_COUNTER, SHS_TYPE_I64, 1, &negative, "");
	make_named("hits", SHS_KIND_COUNTER, SHS_TYPE_I64, 1, NULL, "");
	make_named("hits_total", SHS_KIND_ATOMIC, SHS_TYPE_I64, 1, NULL, "");
	make_named("twice", SHS_KIND_ATOMIC, SHS_TYPE_I64, 1, NULL, "label.a.b=1\nlabel.a-b=2\n");
	make_named("element", SHS_KIND_ATOMIC, SHS_TYPE_I64, 2, NULL, "label.element=1\n");
	make_named("same", SHS_KIND_ATOMIC, SHS_TYPE_I64, 3, NULL, "element.0=x\nelement.2=x\n");
	make_named("index", SHS_KIND_ATOMIC, SHS_TYPE_I64, 3, NULL, "element.0=2\n");
	make_named("reserved", SHS_KIND_ATOMIC, SHS_TYPE_I64, 1, NULL, "label.__name__=1\n");
	EXPECT_RUN(2, "export -o /tmp/metrics");
	EXPECT_SAID("a.b: is not exported: another object is the metric 'a_b'");
	EXPECT_SAID("below: is not exported: it is below zero");
	EXPECT_SAID("hits_total: is not exported: another object");
	EXPECT_SAID("twice: is not exported: it has two labels 'a_b'");
	EXPECT_SAID("element: is not exported");
	EXPECT_SAID("reserved: is not exported");
	EXPECT_SAID("same: is not exported: two elements are 'x'");
	EXPECT_SAID("index: is not exported: two elements are '2'");
	EXPECT_SILENT("hits: ");
	EXPECT_RUN(2, "export nothing");
	EXPECT_SAID("# EOF");
}

static void read_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t got = fd < 0 ? 0 : read(fd, said, sizeof(said) - 1);

	said[got > 0 ? got : 0] = 0;
	if (fd >= 0)
		close(fd);
}

static int count_files(const char *folder)
{
	char command[100];

	snprintf(command, sizeof(command), "exit $(ls -A %s | wc -l)", folder);
	return WEXITSTATUS(system(command));
}

/* For node_exporter: in place of the last one, whole, readable to it. */
TEST_F(lib_export, textfile)
{
	struct stat st;

	mkdir("/tmp/textfile", 0755);
	EXPECT_RUN(0, "create hits counter");
	EXPECT_RUN(0, "export --textfile /tmp/textfile");
	EXPECT_STREQ("", said);
	EXPECT_RUN(0, "add hits 1");
	EXPECT_RUN(0, "export --textfile /tmp/textfile");
	EXPECT_EQ(0, stat("/tmp/textfile/shstate.prom", &st));
	EXPECT_EQ(0100644, st.st_mode);
	EXPECT_EQ(1, count_files("/tmp/textfile"));
	read_file("/tmp/textfile/shstate.prom");
	EXPECT_STREQ("# HELP hits_total A shared counter.\n# TYPE hits_total counter\n"
		     "hits_total 1\n", said);
	EXPECT_RUN(2, "export --textfile /tmp/no-such-folder");
	EXPECT_SAID("cannot be written");
	EXPECT_RUN(2, "export --textfile /tmp/textfile -f openmetrics");
	unlink("/tmp/textfile/shstate.prom");
	rmdir("/tmp/textfile");
}

static const struct sockaddr_un address = { .sun_family = AF_UNIX,
					    .sun_path = "/tmp/shstate-exporter" };

/* Listens as systemd does for a service. */
static pid_t start_exporter(void)
{
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t child;

	unlink(address.sun_path);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 8))
		abort();
	child = shs_fork();
	if (!child) {
		char pid[20];

		dup2(listener, 3);
		snprintf(pid, sizeof(pid), "%d", getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", "1", 1);
		execl("/bin/shstate-exporter", "shstate-exporter", NULL);
		_exit(99);
	}
	close(listener);
	return child;
}

/* Asks, and leaves the answer in said. */
static void ask(const char *request)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t size = 0;
	ssize_t got;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		abort();
	while ((got = read(fd, said + size, sizeof(said) - 1 - size)) > 0)
		size += got;
	said[size] = 0;
	close(fd);
}

#define REST " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"

/* By HTTP: the format that is accepted, and nothing else. */
TEST_F(lib_export, http)
{
	pid_t child;

	EXPECT_RUN(0, "create hits counter --init 3");
	child = start_exporter();
	ask("GET /metrics" REST "\r\n");
	EXPECT_SAID("HTTP/1.1 200");
	EXPECT_SAID("text/plain; version=0.0.4; charset=utf-8");
	EXPECT_SAID("# TYPE hits_total counter\nhits_total 3\n");
	EXPECT_RUN(0, "add hits 1");
	ask("GET /metrics" REST
	    "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n");
	EXPECT_SAID("application/openmetrics-text; version=1.0.0; charset=utf-8");
	EXPECT_SAID("# TYPE hits counter\nhits_total 4\n# EOF\n");
	ask("GET /" REST "\r\n");
	EXPECT_SAID("HTTP/1.1 404");
	ask("DELETE /metrics" REST "\r\n");
	EXPECT_SAID("HTTP/1.1 405");
	while (!umount(SHS_DIR))
		;
	ask("GET /metrics" REST "\r\n");
	EXPECT_SAID("HTTP/1.1 503");
	unlink(address.sun_path);
	EXPECT_EQ(0, kill(child, SIGTERM));
	EXPECT_EQ(0, shs_reap(child));
}

/* 50,000 series: the best of some runs, for a test machine has other things to do. */
TEST_F(lib_export, many)
{
	__u64 best = ~0ULL, before, took;
	char name[16];
	struct stat st;

	for (int i = 0; i < 98; i++) {
		snprintf(name, sizeof(name), "counter%d", i);
		make_named(name, SHS_KIND_COUNTER, SHS_TYPE_I64, 512, NULL, "label.host=h\n");
	}
	for (int i = 0; i < 5; i++) {
		before = shs_now(SHS_CLOCK_MONOTONIC);
		EXPECT_RUN(0, "export -o /tmp/metrics");
		took = shs_now(SHS_CLOCK_MONOTONIC) - before;
		best = took < best ? took : best;
	}
	EXPECT_EQ(0, stat("/tmp/metrics", &st));
	EXPECT_LT(50000 * 20, st.st_size);
	TH_LOG("%d series in %llu us", 98 * 512, (unsigned long long)best / 1000);
	unlink("/tmp/metrics");
}

TEST_HARNESS_MAIN
