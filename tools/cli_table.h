/* cli_table.h - small tables on stdout whose columns line up. */
#ifndef IST_TOOLS_CLI_TABLE_H
#define IST_TOOLS_CLI_TABLE_H

#include <stddef.h>

#include "cli_say.h"

enum { CLI_CELL_BYTES = 256 };

typedef struct cli_table {
    const char *align; /* one letter a column: l or r */
    size_t columns, count, room;
    char (*cell)[CLI_CELL_BYTES]; /* (count) row after row */
} cli_table;

void cli_table_begin(cli_table *table, const char *align);
void cli_table_cell(cli_table *table, const char *format, ...) CLI_PRINTF(2, 3);
/* Prints all rows behind `indent` spaces, and frees. */
void cli_table_end(cli_table *table, int indent);

#endif
