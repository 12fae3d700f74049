/* cli_triad.h - bandwidth of memory, and sizes of caches. */
#ifndef IST_TOOLS_CLI_TRIAD_H
#define IST_TOOLS_CLI_TRIAD_H

#include "cli_rates.h"

/* fill_gb_per_s of one core, node_gb_per_s of all our cores of a node at once, between_gb_per_s where there is a second
 * node, cache_bytes as the system tells them. */
void cli_triad_measure(cli_rates *rates, ist_context *context);

#endif
