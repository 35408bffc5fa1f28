// SPDX-License-Identifier: GPL-2.0-only
/*
 * Serves what "shstate export" prints at /metrics, by HTTP, on the socket that systemd
 * passes (see sd_listen_fds(3)); it has none of its own.
 */
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../metrics.h"

#define FIRST_SOCKET 3
#define MOST_CLIENTS 16
#define CLIENT_SECONDS 10

static const char help[] =
	"Usage: shstate-exporter\n"
	"Serve the numbers of shared objects, as 'shstate export' prints them, at /metrics, in the\n"
	"format that the client accepts: OpenMetrics or Prometheus. Started by systemd:\n"
	"'systemctl enable --now shstate-exporter.socket'. Its user must be allowed to read the\n"
	"objects; SHSTATE_DIR names another folder than /dev/shstate.\n";

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status,
			     const char *type, char *text, size_t size)
{
	struct MHD_Response *response;
	enum MHD_Result ret;

	response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	ret = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return ret;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status,
			      const char *text)
{
	return reply(connection, status, "text/plain", must_have(strdup(text)), strlen(text));
}

static enum MHD_Result serve(struct MHD_Connection *connection)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
	bool open = accept && strstr(accept, "application/openmetrics-text");
	struct shs_ioc_abi abi;
	int ret = shs_abi(NULL, &abi);
	char *text = NULL;
	size_t size;
	FILE *out;

	if (ret < 0) {
		explain_folder(usual_folder(), ret);
		return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "see 'shstate doctor'\n");
	}
	/* What is wrong with an object is in the log; the others are served. */
	out = must_have(open_memstream(&text, &size));
	metrics_write(out, open ? OPENMETRICS : PROMETHEUS, NULL, 0);
	fclose(out);
	return reply(connection, MHD_HTTP_OK, open ? OPENMETRICS_TYPE : PROMETHEUS_TYPE,
		     must_have(text), size);
}

static enum MHD_Result answer(void *unused, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	static int seen;

	(void)unused;
	(void)version;
	(void)upload;
	/* The first call is for the headers; a client that is answered then is cut off. */
	if (!*state) {
		*state = &seen;
		return MHD_YES;
	}
	*upload_size = 0;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	if (strcmp(url, "/metrics"))
		return refuse(connection, MHD_HTTP_NOT_FOUND, "see /metrics\n");
	return serve(connection);
}

static bool has_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	return pid && count && atol(pid) == getpid() && atoi(count) == 1;
}

int main(int argc, char **argv)
{
	struct MHD_Daemon *daemon;
	sigset_t signals;
	int signal;

	if (argc > 1) {
		bool asked = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;

		fputs(help, asked ? stdout : stderr);
		return asked ? SUCCESS : TROUBLE;
	}
	if (!has_socket()) {
		complain("shstate-exporter has no socket: run 'systemctl enable --now shstate-exporter.socket'");
		return TROUBLE;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	daemon = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
				  answer, NULL, MHD_OPTION_LISTEN_SOCKET, FIRST_SOCKET,
				  MHD_OPTION_CONNECTION_LIMIT, MOST_CLIENTS,
				  MHD_OPTION_CONNECTION_TIMEOUT, CLIENT_SECONDS, MHD_OPTION_END);
	if (!daemon) {
		complain("shstate-exporter cannot serve on its socket: see 'systemctl status shstate-exporter.socket'");
		return TROUBLE;
	}
	sigwait(&signals, &signal);
	MHD_stop_daemon(daemon);
	return SUCCESS;
}
