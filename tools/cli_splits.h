/* cli_splits.h - the rows of a run: those to train on, and the splits that it is judged by. */
#ifndef IST_TOOLS_CLI_SPLITS_H
#define IST_TOOLS_CLI_SPLITS_H

#include "cli_goal.h"
#include "cli_number.h"
#include "cli_rows.h"
#include "cli_run.h"

typedef struct cli_splits {
    cli_data train, valid, test;
    cli_rows rows;
    double valid_fraction; /* of the training rows, which are the split "valid"; 0: none are */
    cli_normalize normalize;
} cli_splits;
/* clang-format off */
#define CLI_SPLITS_INIT { .normalize = {.mode = IST_NORMALIZE_GLOBAL} }
/* clang-format on */

/* Offsets are those of cli_splits. */
extern const cli_option cli_splits_options[];
extern const size_t cli_splits_option_count;

bool cli_splits_has_valid(const cli_splits *splits);

/* Options that do not go together.  -1, or an exit status after a line. */
int cli_splits_check(const cli_splits *splits);

/* Where the rows go: for the caller to destroy, also after a failure. */
typedef struct cli_split_rows {
    ist_dataset **train, **split; /* split: (CLI_MAX_SPLITS) valid, test */
    uint64_t seed;                /* of the rows that are held out */
} cli_split_rows;

/* What sparse rows cannot have: normalized inputs, and with lists of labels a norm of the output.  Defaults give way, what the
 * user gave does not.  -1, or an exit status after a line. */
int cli_splits_settle(cli_splits *splits, const cli_args *args, const ist_dataset *train, ist_model_config *net);

/* Opens them all, tells the net its features and outputs and the run its splits.  -1, or an exit status after a line. */
int cli_splits_open(const cli_splits *splits, ist_context *context, const cli_goal *goal, ist_model_config *net,
                    const cli_split_rows *rows, cli_run *run);

#endif
