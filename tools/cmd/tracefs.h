/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACEFS_H
#define TRACEFS_H

#include "cmd.h"

enum trace_event { TRACE_CONTEND, TRACE_ACQUIRE, TRACE_HANDOFF, TRACE_RELEASE, TRACE_DIED,
		   TRACE_EVENTS };

/* A line of the module's tracepoints. */
struct trace_line {
	enum trace_event event;
	char time[32];			/* seconds of the monotonic clock */
	char comm[32];
	int tid;			/* of who ran, which of a death need not be who died */
	unsigned long long object, ns;
	unsigned int kind, id, mode;
};

extern const char *const trace_event_names[TRACE_EVENTS];

/* tracefs.c: an instance of its own, so that other users of tracing see nothing of it. */
bool tracefs_begin(void);
/* 1 with a line; 0: none at the moment; -1: trouble. Both complain. */
int tracefs_read(struct trace_line *line);
/* No more lines than there are. */
void tracefs_stop(void);
void tracefs_end(void);

#endif /* TRACEFS_H */
