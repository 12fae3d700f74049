/* cli_guard.h - a file of a machine is tried in a process of its own first. */
#ifndef IST_TOOLS_CLI_GUARD_H
#define IST_TOOLS_CLI_GUARD_H

#include <ist/ist.h>

/* cli_context_open; a topology that is a file is first read by a child.  NULL: a line was printed, *exit_status is set:
 * also when reading it ends a process, takes more memory or time than such a file should, or makes hwloc print. */
ist_context *cli_guard_open(const ist_context_config *config, int *exit_status);

#endif
