/* report.h - machine, plan, and asked against got, as JSON (jansson). */
#ifndef IST_NUMA_REPORT_H
#define IST_NUMA_REPORT_H

#include <jansson.h>

#include "numa/pages.h"
#include "numa/team.h"

/* {"source", "this_system", "pus", "pus_allowed", "cores", "cores_allowed", "part", "parts", "packages", "l3s",
 * "omp_places", "nodes": [{"node", "os_index", "memory_bytes", "cores", "cores_allowed", "cores_all", "pus": [..],
 * "packages": [first, last] or null, "kind", "bandwidth_mibs", "next"}], "closed": [{"os_index", "memory_bytes",
 * "packages"}]}, as in topology.h, null for what is not known; a new reference, NULL when out of memory. */
json_t *ist__report_machine(const ist__machine *machine);

/* {"team_at", "places", "oversubscribed", "threads", "teams": [{"team", "node", "node_os_index", "why", "far", "nodes": [..],
 * "threads", "pus": [..], "bound": [..]}]}; why: "local", "bandwidth", "nearest", of its first core; far:
 * threads on cores without local memory; nodes: all on which its threads stand;
 * crew NULL: "bound" is left out. */
json_t *ist__report_plan(const ist__machine *machine, const ist__plan *plan, const ist__crew *crew);

/* [{"team", "node", "node_os_index", "why"}]: whose memory each team takes; why: as above, or "room": the home has none. */
json_t *ist__report_homes(const ist__machine *machine, const ist__plan *plan);

/* {"placement", "bind_refused", "bind_error", "memory_refused", "memory_error", "huge_pages_refused",
 * "huge_pages_error", "where_refused", "where_error", "huge_pages", "numa_balancing"} */
json_t *ist__report_system(int32_t placement, const ist__crew *crew, const ist__refusals *refusals);

/* Where a range is: {"bytes", "local_bytes", "by_node": [..], "unknown_bytes"}; node: the home asked for, -1 none. */
json_t *ist__report_pages(const ist__machine *machine, const void *base, size_t bytes, int32_t node);

#endif
