// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Layouts that programs were compiled with: what the kernel reads, the same on 32
 * and 64 bits, and the public line of a handle.
 */
#include <assert.h>

#include "internal.h"

static_assert(sizeof(struct shs_ioc_abi) == 16, "shs_ioc_abi");
static_assert(sizeof(struct shs_ioc_init) == 48, "shs_ioc_init");
static_assert(sizeof(struct shs_ioc_op) == 80, "shs_ioc_op");
static_assert(sizeof(struct shs_sqe) == 16, "shs_sqe");
static_assert(sizeof(struct shs_ioc_attach) == 64, "shs_ioc_attach");
static_assert(sizeof(struct shs_control) == 64, "shs_control");
static_assert(sizeof(struct shs_shared) == SHS_VALUE_OFFSET, "shs_shared");
static_assert(sizeof(struct shs_private) == SHS_LANES_OFFSET, "shs_private");
static_assert(sizeof(struct shs_thread) == 64, "shs_thread");
static_assert(sizeof(struct shs_ioc_lock) == 40, "shs_ioc_lock");
static_assert(sizeof(struct shs_ioc_barrier) == 48, "shs_ioc_barrier");
static_assert(sizeof(struct shs_ioc_batch) == 32, "shs_ioc_batch");
static_assert(sizeof(struct shs_ioc_convert) == 48, "shs_ioc_convert");
static_assert(sizeof(struct shs_ioc_wait) == 40, "shs_ioc_wait");
static_assert(sizeof(struct shs_ioc_once) == 48, "shs_ioc_once");
static_assert(sizeof(struct shs_ioc_cancel) == 16, "shs_ioc_cancel");
static_assert(sizeof(struct shs_ioc_info) == 120, "shs_ioc_info");
static_assert(sizeof(struct shs_ioc_death) == 64, "shs_ioc_death");
static_assert(sizeof(struct shs_ioc_meta) == 24, "shs_ioc_meta");
static_assert(sizeof(struct shs_ioc_recover) == 8, "shs_ioc_recover");
static_assert(sizeof(struct shs_thread_info) == 56, "shs_thread_info");
static_assert(sizeof(struct shs_ioc_threads) == 24, "shs_ioc_threads");
static_assert(sizeof(struct shs_ioc_cycle) == 24, "shs_ioc_cycle");
static_assert(offsetof(struct shs_ioc_op, deadline) == 64, "shs_ioc_op.deadline");
static_assert(offsetof(struct shs_ioc_info, created_ns) == 72, "shs_ioc_info.created_ns");
static_assert(offsetof(struct shs_ioc_info, held_ns) == 96, "shs_ioc_info.held_ns");
static_assert(offsetof(struct shs_ioc_once, value) == 32, "shs_ioc_once.value");
static_assert(offsetof(struct shs_shared, sequence) == 8, "shs_shared.sequence");
static_assert(offsetof(struct shs_thread_info, since_ns) == 32, "shs_thread_info.since_ns");

static_assert(sizeof(struct shs_object) == 64, "the public line of a handle");
static_assert(offsetof(struct handle, object) == 0, "a handle begins with it");
static_assert(sizeof(struct shs_deadline) == 16, "shs_deadline");
