/* tell.h - lines for the caller's log about what the system withholds; each thing is told once a context. */
#ifndef IST_API_TELL_H
#define IST_API_TELL_H

#include "api/handles.h"

/* At create: places that the user set (info), a quota that has less than our threads (warning). */
void ist__tell_limits(ist_context *context);

/* After memory was placed and the crew ran: what was refused, in one line (warning).  region: some of that memory, to
 * see whether the system tells where pages are. */
void ist__tell_refusals(ist_context *context, const ist__region *region);

/* The reports: {"memory", "limits"} of ist_context_report. */
json_t *ist__report_memory(const ist_context *context);
json_t *ist__report_limits(const ist_context *context);

#endif
