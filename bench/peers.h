/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Peers in other languages: functions of the same form as those that BENCH_LOCK makes,
 * in boost.cc and rust/lib.rs, if their libraries are installed.
 */
#ifndef SHS_BENCH_PEERS_H
#define SHS_BENCH_PEERS_H

#include "bench.h"


static inline const char *bench_no_boost(void **state, long unused)
{
	(void)state;
	(void)unused;
	return "built without libboost-dev";
}

static inline const char *bench_no_rust(void **state, long unused)
{
	(void)state;
	(void)unused;
	return "built without rustc and Debian's crates parking_lot and crossbeam-utils";
}

#define PEER_LOCK(name)							\
	void name##_run(void *state, unsigned long count);		\
	void name##_change(void *state, unsigned long count);		\
	void name##_begin(void *state);					\
	void name##_end(void *state)

#ifdef __cplusplus
extern "C" {
#endif

/* What is also done by several processes at once. */
extern const struct bench_case mutex_peers[], read_peers[], counter_peers[];
extern const struct bench_case mix9_peers[], mix99_peers[];
extern const size_t mutex_peers_count, read_peers_count, counter_peers_count, mix_peers_count;

#ifdef BENCH_WITH_BOOST
const char *boost_mutex_setup(void **state, long unused);
const char *boost_sharable_setup(void **state, long unused);
const char *boost_exclusive_setup(void **state, long unused);
const char *boost_upgradable_setup(void **state, long unused);
PEER_LOCK(boost_mutex);
PEER_LOCK(boost_sharable);
PEER_LOCK(boost_exclusive);
PEER_LOCK(boost_upgradable);
#define BENCH_BOOST(name)	.setup = boost_##name##_setup, BENCH_OF(boost_##name)
#else
#define BENCH_BOOST(name)	.setup = bench_no_boost
#endif

#ifdef BENCH_WITH_RUST
#define RUST_LOCK(name)							\
	void name##_run(void *state, unsigned long count);		\
	void name##_change(void *state, unsigned long count)

void *rust_new(void);
RUST_LOCK(rust_mutex_std);
RUST_LOCK(rust_mutex_parking_lot);
RUST_LOCK(rust_read_std);
RUST_LOCK(rust_read_parking_lot);
RUST_LOCK(rust_write_std);
RUST_LOCK(rust_write_parking_lot);
void rust_once_std_run(void *state, unsigned long count);
void rust_once_parking_lot_run(void *state, unsigned long count);
void rust_cell_load8_run(void *state, unsigned long count);
void rust_cell_store8_run(void *state, unsigned long count);
void rust_cell_load40_run(void *state, unsigned long count);
void rust_cell_store40_run(void *state, unsigned long count);
void rust_reentrant_run(void *state, unsigned long count);

static inline const char *rust_setup(void **state, long unused)
{
	(void)unused;
	*state = rust_new();
	return NULL;
}

#define BENCH_RUST(kind, name)	.setup = rust_setup,			\
	.run = rust_##kind##_##name##_run, .change = rust_##kind##_##name##_change
#define BENCH_RUST_RUN(name)	.setup = rust_setup, .run = rust_##name##_run
#else
#define BENCH_RUST(kind, name)	.setup = bench_no_rust
#define BENCH_RUST_RUN(name)	.setup = bench_no_rust
#endif

#ifdef __cplusplus
}
#endif

#endif /* SHS_BENCH_PEERS_H */
