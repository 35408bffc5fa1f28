/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints.  object is the inode number, id that of the attachment (all ones: the
 * kernel itself, for a single operation), mode enum shs_mode.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM shstate

#if !defined(_SHS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _SHS_TRACE_H

#include <linux/tracepoint.h>
#include "core.h"

DECLARE_EVENT_CLASS(shstate_moment,

	TP_PROTO(const struct shs_object *obj, u32 id, u32 mode),

	TP_ARGS(obj, id, mode),

	TP_STRUCT__entry(
		__field(u64, object)
		__field(u32, kind)
		__field(u32, id)
		__field(u32, mode)
	),

	TP_fast_assign(
		__entry->object = obj->serial;
		__entry->kind = obj->kind;
		__entry->id = id;
		__entry->mode = mode;
	),

	TP_printk("object=%llu kind=%u id=%u mode=%u",
		  __entry->object, __entry->kind, __entry->id, __entry->mode)
);

/* Has to queue. */
DEFINE_EVENT(shstate_moment, shstate_contend,
	TP_PROTO(const struct shs_object *obj, u32 id, u32 mode),
	TP_ARGS(obj, id, mode)
);

/* Is made the holder by whoever releases; shstate_acquire follows. */
DEFINE_EVENT(shstate_moment, shstate_handoff,
	TP_PROTO(const struct shs_object *obj, u32 id, u32 mode),
	TP_ARGS(obj, id, mode)
);

/* ns: acquire: how long it queued; the others: how long it was held, 0: not known. */
DECLARE_EVENT_CLASS(shstate_span,

	TP_PROTO(const struct shs_object *obj, u32 id, u32 mode, u64 ns),

	TP_ARGS(obj, id, mode, ns),

	TP_STRUCT__entry(
		__field(u64, object)
		__field(u32, kind)
		__field(u32, id)
		__field(u32, mode)
		__field(u64, ns)
	),

	TP_fast_assign(
		__entry->object = obj->serial;
		__entry->kind = obj->kind;
		__entry->id = id;
		__entry->mode = mode;
		__entry->ns = ns;
	),

	TP_printk("object=%llu kind=%u id=%u mode=%u ns=%llu",
		  __entry->object, __entry->kind, __entry->id, __entry->mode, __entry->ns)
);

DEFINE_EVENT_PRINT(shstate_span, shstate_acquire,
	TP_PROTO(const struct shs_object *obj, u32 id, u32 mode, u64 ns),
	TP_ARGS(obj, id, mode, ns),
	TP_printk("object=%llu kind=%u id=%u mode=%u wait_ns=%llu",
		  __entry->object, __entry->kind, __entry->id, __entry->mode, __entry->ns)
);

DEFINE_EVENT_PRINT(shstate_span, shstate_release,
	TP_PROTO(const struct shs_object *obj, u32 id, u32 mode, u64 ns),
	TP_ARGS(obj, id, mode, ns),
	TP_printk("object=%llu kind=%u id=%u mode=%u held_ns=%llu",
		  __entry->object, __entry->kind, __entry->id, __entry->mode, __entry->ns)
);

DEFINE_EVENT_PRINT(shstate_span, shstate_owner_died,
	TP_PROTO(const struct shs_object *obj, u32 id, u32 mode, u64 ns),
	TP_ARGS(obj, id, mode, ns),
	TP_printk("object=%llu kind=%u id=%u mode=%u held_ns=%llu",
		  __entry->object, __entry->kind, __entry->id, __entry->mode, __entry->ns)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
