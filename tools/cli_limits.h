/* cli_limits.h - what ist info shows of the limits on memory and processors. */
#ifndef IST_TOOLS_CLI_LIMITS_H
#define IST_TOOLS_CLI_LIMITS_H

#include "cli_json.h"
#include "cli_table.h"

/* Rows "ours" and, where there are such, "quota", "OpenMP", "memory limit".  report: ist_context_report. */
void cli_limits_rows(cli_table *table, const json_t *report);

/* "3.1 GB free, 412 MB page cache" of a node; "" when the system does not tell, or all of it is free.  Returns out. */
const char *cli_limits_node(char *out, size_t cap, const json_t *report, int node);

#endif
