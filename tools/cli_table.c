/* cli_table.c - small tables on stdout whose columns line up.
 *
 * Cells are kept until the table ends, because only then the widest of each column is known.
 */
#include "cli_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_memory.h"

void cli_table_begin(cli_table *table, const char *align)
{
    *table = (cli_table){.align = align, .columns = strlen(align)};
}

void cli_table_cell(cli_table *table, const char *format, ...)
{
    va_list list;
    if (table->count == table->room) {
        const size_t room = table->room ? 2 * table->room : 64;
        char(*larger)[CLI_CELL_BYTES] = realloc(table->cell, room * sizeof *larger);
        if (!larger) {
            cli_memory_lose();
            return;
        }
        table->cell = larger;
        table->room = room;
    }
    va_start(list, format);
    vsnprintf(table->cell[table->count++], CLI_CELL_BYTES, format, list);
    va_end(list);
}

void cli_table_end(cli_table *table, int indent)
{
    int width[16] = {0};
    for (size_t i = 0; i < table->count; i++) {
        const int len = (int)strlen(table->cell[i]);
        if (len > width[i % table->columns]) width[i % table->columns] = len;
    }
    for (size_t i = 0; i < table->count; i++) {
        const size_t column = i % table->columns;
        const bool last = column + 1 == table->columns || i + 1 == table->count;
        if (column == 0) printf("%*s", indent, "");
        if (table->align[column] == 'r') {
            printf("%*s", width[column], table->cell[i]);
        } else {
            printf("%-*s", last ? 0 : width[column], table->cell[i]);
        }
        fputs(last ? "\n" : "  ", stdout);
    }
    free(table->cell);
    table->cell = NULL;
    table->count = 0;
}
