/* trace.h - the timeline of a run: slices of each thread, kept in its node's memory, written as Chrome's trace format,
 * which Perfetto and chrome://tracing open. */
#ifndef IST_NUMA_TRACE_H
#define IST_NUMA_TRACE_H

#include "numa/pages.h"
#include "numa/plan.h"

typedef struct ist__trace ist__trace;           /* opaque: a lane for each thread of a plan */
typedef struct ist__trace_lane ist__trace_lane; /* opaque: what one thread did */

/* At least `events` for each thread; when a lane is full its oldest ones go.  Rounds first_round ..
 * last_round are kept; what belongs to no round, such as evaluation, counts as round 0.  placement, refusals: as for
 * regions.  IST_E_MEMORY, IST_E_PLACEMENT. */
ist_status ist__trace_create(ist__trace **out, const ist__topology *topology, const ist__plan *plan, int64_t events,
                             int64_t first_round, int64_t last_round, int32_t placement, ist__refusals *refusals,
                             ist__error *error);
void ist__trace_destroy(ist__trace *trace); /* NULL is fine */

/* Write all lanes; appears whole or not at all.  Not while a run is going.  *dropped: slices that had to go. */
ist_status ist__trace_write(ist__trace *trace, const char *path, int64_t *dropped, ist__error *error);

/* For marks.c; see there.  now_ns IST__MARK_NOW: the lane reads the clock, if it keeps this round at all.
 * The lane of a thread, by that thread: touches its memory the first time. */
ist__trace_lane *ist__trace_join(ist__trace *trace, int32_t thread);
void ist__trace_round(ist__trace_lane *lane, int64_t round);
void ist__trace_begin(ist__trace_lane *lane, int32_t mark, int64_t number, int64_t now_ns);
void ist__trace_end(ist__trace_lane *lane, int64_t now_ns);
void ist__trace_bytes(ist__trace_lane *lane, double bytes);
void ist__trace_count(ist__trace_lane *lane, int32_t count, double value);

#endif
