/* cli_calibrate.h - statistics of batch norm for a file that has none: a checkpoint between two evaluations. */
#ifndef IST_TOOLS_CLI_CALIBRATE_H
#define IST_TOOLS_CLI_CALIBRATE_H

#include "cli_rows.h"

typedef struct cli_calibrate {
    const char *x; /* rows of features; NULL: take what the file has */
    int64_t rows;
    uint64_t seed;
} cli_calibrate;
/* As ist train with its defaults measures them. */
extern const cli_calibrate cli_calibrate_init;

/* Offsets are those of cli_calibrate. */
extern const cli_option cli_calibrate_options[];
extern const size_t cli_calibrate_option_count;

/* Measure, where that is asked for.  -1, or an exit status after a line. */
int cli_calibrate_model(const cli_calibrate *c, const cli_rows *rows, ist_context *context, ist_model *model);
/* An evaluation failed: says so, and what to do where statistics are missing.  Returns the exit status. */
int cli_calibrate_failed(const ist_context *context, ist_status status, const char *path);

#endif
