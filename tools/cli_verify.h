/* cli_verify.h - --verify-placement: where the pages of a run are, asked between its rounds. */
#ifndef IST_TOOLS_CLI_VERIFY_H
#define IST_TOOLS_CLI_VERIFY_H

#include "cli_json.h"

typedef struct cli_verify {
    int32_t every; /* rounds between two checks; 0: never */

    ist_status status; /* of the last check: IST_E_PLACEMENT under strict placement */
    int64_t checks, wrong_checks;
    int64_t moved_bytes; /* of all checks */
    int64_t told_bytes;  /* remote bytes that a line was printed about */
    double seconds;      /* of all checks */
} cli_verify;

/* Check if it is due after this round (0: before the first), write the log's event, and print a line when more bytes than
 * before are on a wrong node, or some have moved.  False: the library refuses to go on, see `status`. */
bool cli_verify_after(cli_verify *verify, ist_trainer *trainer, cli_log *log, const ist_progress *at);

/* "100.00 % of 1.2 GB at home (checked 12 times)", for ist_trainer_report's object.  Returns `out`. */
const char *cli_verify_words(const cli_verify *verify, const json_t *report, char *out, size_t cap);

/* Of the end event: the sums; null without the option.  A new reference. */
json_t *cli_verify_json(const cli_verify *verify);

#endif
