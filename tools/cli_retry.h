/* cli_retry.h - what becomes of a run whose loss or weights are no longer finite. */
#ifndef IST_TOOLS_CLI_RETRY_H
#define IST_TOOLS_CLI_RETRY_H

#include "cli_json.h"
#include "cli_options.h"

enum { CLI_DIVERGED_STOP, CLI_DIVERGED_KEEP, CLI_DIVERGED_RETRY };

typedef struct cli_retry {
    int32_t on_divergence; /* CLI_DIVERGED_* */
    int32_t retries;       /* of the whole run, before and after a break */
    double lr_factor;
} cli_retry;

/* clang-format off */
#define CLI_RETRY_INIT {CLI_DIVERGED_STOP, 3, 0.5}
/* clang-format on */

/* Offsets are those of cli_retry. */
extern const cli_option cli_retry_options[];
extern const size_t cli_retry_option_count;

/* Options of a retry without one; -1 or an exit status after a line. */
int cli_retry_check(const cli_retry *retry, const cli_args *args);

/* The trainer has returned IST_E_DIVERGED and stands behind its last good round: go on from there with a smaller learning
 * rate?  Then a line and an event tell of it. */
bool cli_retry_take(const cli_retry *retry, ist_trainer *trainer, const char *why, cli_log *log);

#endif
