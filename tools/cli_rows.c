/* cli_rows.c - what becomes of the rows of sparse files. */
#include "cli_rows.h"

#define AT(field) .offset = offsetof(cli_rows, field)

const cli_option cli_rows_options[] = {
    {.name = "log1p", .kind = CLI_FLAG, AT(log1p), .help = "values v of the rows become log(1 + v)"},
    {.name = "row-length",
     .value = "F|as-is",
     .kind = CLI_REAL,
     AT(row_length),
     .low = 0,
     .low_open = true,
     .high = 1e30,
     .word = "as-is",
     .help = "then each row is scaled to this Euclidean length"},
    {.name = "sparse",
     .kind = CLI_FLAG,
     AT(sparse),
     .help = "rows stay sparse also where each has one class and dense ones would be small; others stay so anyway"},
};
const size_t cli_rows_option_count = sizeof cli_rows_options / sizeof cli_rows_options[0];

void cli_rows_tell(const cli_rows *rows, ist_dataset_config *config)
{
    config->sparse = rows->sparse ? IST_ROWS_SPARSE : IST_ROWS_AUTO;
    config->log1p = rows->log1p;
    config->row_length = rows->row_length;
}
