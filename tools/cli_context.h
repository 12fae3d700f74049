/* cli_context.h - options that several verbs share, and the context made from some of them. */
#ifndef IST_TOOLS_CLI_CONTEXT_H
#define IST_TOOLS_CLI_CONTEXT_H

#include "cli_options.h"
#include "cli_rows.h"

/* Offsets are those of ist_context_config. */
extern const cli_option cli_team_options[];
extern const size_t cli_team_option_count;

/* Rows at a time and statistics, for verbs that only evaluate.  Offsets are those of ist_evaluate_config. */
extern const cli_option cli_evaluate_options[];
extern const size_t cli_evaluate_option_count;

/* What people type for the enums of ist.h. */
extern const cli_choice cli_statistics_words[], cli_order_words[], cli_optimizer_words[], cli_data_words[];

/* NULL: a line was printed, *exit_status is set. */
ist_context *cli_context_open(const ist_context_config *asked, int *exit_status);

/* Teams and threads of the plan, and the report they stand in. */
typedef struct cli_teams {
    json_t *report; /* a reference of its own; NULL: the library gave none */
    int32_t teams, threads;
    const char *at; /* word of IST_AT_*, borrowed from the report */
} cli_teams;
cli_teams cli_context_teams(ist_context *context);

/* What belongs to each row beside its features: nothing, and y is NULL; labels, in y or inside x; targets, in y. */
enum { CLI_ROWS_ALONE, CLI_LABELS, CLI_TARGETS };
int32_t cli_answers_of(const ist_model_config *net); /* what such a net needs */

/* Opens features and answers.  features: of the model, or of the training rows, which sparse files may have less of; 0: as many as there are.  NULL: a line was printed,
 * *exit_status is set. */
ist_dataset *cli_dataset_open(ist_context *context, const char *x, const char *y, const cli_rows *rows, int32_t answers,
                              int32_t features, int *exit_status);

#endif
