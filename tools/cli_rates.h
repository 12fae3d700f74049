/* cli_rates.h - the rates of a machine that predictions are made from: their names, where each comes from, their file. */
#ifndef IST_TOOLS_CLI_RATES_H
#define IST_TOOLS_CLI_RATES_H

#include <jansson.h>
#include <stdbool.h>

#include "ist/ist.h"

/* Where a rate comes from: nobody measured it; it was measured by trainings on a machine; somebody wrote it down. */
enum { CLI_ASSUMED, CLI_MEASURED, CLI_GIVEN };

typedef struct cli_rate {
    const char *name; /* of the field of ist_rates, and the key in a file */
    size_t offset;
} cli_rate;

enum { CLI_RATES = 25 };
extern const cli_rate cli_rate_table[CLI_RATES];

typedef struct cli_rates {
    ist_rates value;
    int32_t is[CLI_RATES]; /* CLI_ASSUMED .. */
    char on[160];          /* which machine was measured; "": none */
} cli_rates;

/* Everything assumed: what a server of today may have where that can be said, and 0 where it cannot. */
void cli_rates_assume(cli_rates *rates);
void cli_rate_set(cli_rates *rates, size_t offset, double value, int32_t is);
double cli_rate_value(const cli_rates *rates, size_t i);
int32_t cli_rate_is(const cli_rates *rates, size_t offset);
const char *cli_rate_word(int32_t is); /* "assumed", .. */

/* {"on", "rates": {name: {"value", "is"}}}, as files have it. */
json_t *cli_rates_json(const cli_rates *rates);
/* A file of these; a bare number is a given one; what it leaves out is assumed.  -1: well; else a line was printed, and this
 * is the exit status. */
int cli_rates_read(cli_rates *out, const char *path);
/* False: a line was printed. */
bool cli_rates_write(const cli_rates *rates, const char *path);

/* Measure this machine by short trainings on made data, with the teams of `machine`: cli_measure.c.  As cli_rates_read. */
int cli_rates_measure(cli_rates *out, const ist_context_config *machine);

#endif
