/* part.h - the share of a machine that one of several processes takes. */
#ifndef IST_NUMA_PART_H
#define IST_NUMA_PART_H

#include "numa/topology.h"

/* Leave to the machine share `part` of its cores, in machine order: the shares of `parts` parts are disjoint, cover all
 * cores, and the first ones have a core more than the rest.  Machine order keeps the cores of a node together, so that
 * two processes on two equal nodes get a node each.  Nodes stay; the cores, caches and packages of ours are counted
 * anew.  parts 0 or 1 (part 0): all of it.
 * IST_E_ARGUMENT unless 0 <= part < parts, within their bounds, IST_E_PLACEMENT with more parts than cores. */
ist_status ist__part_take(ist__machine *machine, int32_t part, int32_t parts, ist__error *error);

/* Bytes of a node that are for our part: of those that stand at home there or fall back to it, ours take as much as they
 * are cores of all that are allowed.  INT64_MAX where the size of the node is not known. */
int64_t ist__part_memory(const ist__machine *machine, int32_t node);

#endif
