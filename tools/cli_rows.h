/* cli_rows.h - what becomes of the rows of sparse files: options of all commands that read rows for a net. */
#ifndef IST_TOOLS_CLI_ROWS_H
#define IST_TOOLS_CLI_ROWS_H

#include <ist/ist.h>

#include "cli_options.h"

typedef struct cli_rows {
    bool sparse; /* where the library would make them dense, too */
    bool log1p;
    double row_length; /* 0: as it is */
} cli_rows;

extern const cli_option
    cli_rows_options[]; /* the last one says dense or sparse, and is of no use to who wants sparse rows */
extern const size_t cli_rows_option_count;

void cli_rows_tell(const cli_rows *rows, ist_dataset_config *config);

#endif
