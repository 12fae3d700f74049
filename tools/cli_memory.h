/* cli_memory.h - tables and JSON objects are built without looking at each step: here it is kept whether one lacks something. */
#ifndef IST_TOOLS_CLI_MEMORY_H
#define IST_TOOLS_CLI_MEMORY_H

#include <stdbool.h>

/* From here on notice when jansson has no memory.  Used by one thread at a time, as is all of this. */
void cli_memory_watch(void);
/* Another part of what will be told is missing. */
void cli_memory_lose(void);
/* Was any lost since the last call? */
bool cli_memory_lost(void);

#endif
