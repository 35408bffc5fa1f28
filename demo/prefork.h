/* SPDX-License-Identifier: MIT */
/* A server of many processes, and what these share. */
#ifndef PREFORK_H
#define PREFORK_H

#include <stdint.h>

#define CLIENTS 4
#define WORKERS 4

/* What has to agree at the end: a request counts once, however often it was sent. */
struct ledger {
	int64_t total;
	int64_t last[CLIENTS];		/* the client's request that was counted last */
};

struct request {
	int64_t client, number;
};

/* One way to share. Workers are killed in the middle of any of these. */
struct way {
	const char *name;
	void (*create)(void);			/* once, before any worker is forked */
	void (*worker_begins)(void);		/* in each worker */
	int (*count)(const struct request *request);
	void (*in_flight)(int change);
	void (*report)(void);			/* in words, what else there is to say */
	int64_t (*total)(void);
	int64_t (*flying)(void);
};

extern const struct way by_shstate, by_sem;

/* Between the two halves of a change, where a kill does most harm. */
void think(void);

#endif /* PREFORK_H */
