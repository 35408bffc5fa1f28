// SPDX-License-Identifier: GPL-2.0-only
/* From the state machines, which build without tracing, to the tracepoints. */
#include "core.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

void shs_trace(const struct shs_object *obj, enum shs_event event, u32 id, u32 mode, u64 ns)
{
	switch (event) {
	case SHS_EVENT_CONTEND:
		trace_shstate_contend(obj, id, mode);
		break;
	case SHS_EVENT_ACQUIRE:
		trace_shstate_acquire(obj, id, mode, ns);
		break;
	case SHS_EVENT_HANDOFF:
		trace_shstate_handoff(obj, id, mode);
		break;
	case SHS_EVENT_RELEASE:
		trace_shstate_release(obj, id, mode, ns);
		break;
	case SHS_EVENT_OWNER_DIED:
		trace_shstate_owner_died(obj, id, mode, ns);
		break;
	}
}
