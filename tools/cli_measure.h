/* cli_measure.h - what a short training says of a machine: times of its slices, by kind. */
#ifndef IST_TOOLS_CLI_MEASURE_H
#define IST_TOOLS_CLI_MEASURE_H

#include <stdbool.h>

#include "ist/ist.h"

enum {
    CLI_SLICE_STEP,
    CLI_SLICE_ROUND, /* not of a timeline */
    CLI_SLICE_ASSEMBLE,
    CLI_SLICE_LOSS,
    CLI_SLICE_GATHER,
    CLI_SLICE_WRITE_BACK,
    CLI_SLICE_CLOSE,
    CLI_SLICE_DEAL,
    CLI_SLICE_FORWARD, /* of layers 0, 1, 2 */
    CLI_SLICE_BACKWARD = CLI_SLICE_FORWARD + 3,
    CLI_SLICE_UPDATE = CLI_SLICE_BACKWARD + 3,
    CLI_SLICES = CLI_SLICE_UPDATE + 3
};

/* Seconds that one thread took for one thing in one step (or round), waits at barriers not counted; of a step all of it. */
typedef struct cli_slices {
    double *s[CLI_SLICES];
    size_t count[CLI_SLICES], room[CLI_SLICES];
} cli_slices;

/* Add the slices of a timeline (ist_trace_write).  False: it cannot be read. */
bool cli_slices_read(cli_slices *slices, const char *path);
void cli_slices_add(cli_slices *slices, int kind, double seconds);
/* The quantile 0 .. 1 of a kind; 0 if there is none.  Sorts. */
double cli_slices_quantile(cli_slices *slices, int kind, double quantile);
void cli_slices_free(cli_slices *slices);

#endif
