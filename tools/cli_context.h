/* cli_context.h - the options of machine and teams that most verbs share, and the context made from them. */
#ifndef IST_TOOLS_CLI_CONTEXT_H
#define IST_TOOLS_CLI_CONTEXT_H

#include "cli_options.h"

/* Offsets are those of ist_context_config. */
extern const cli_option cli_team_options[];
extern const size_t cli_team_option_count;
extern const cli_choice cli_team_at_words[];

/* NULL: a line was printed, *exit_status is set. */
ist_context *cli_context_open(const ist_context_config *asked, int *exit_status);

/* Teams and threads of the plan, and the report they stand in. */
typedef struct cli_teams {
    json_t *report; /* a reference of its own; NULL: the library gave none */
    int32_t teams, threads;
    const char *at; /* word of IST_AT_*, borrowed from the report */
} cli_teams;
cli_teams cli_context_teams(ist_context *context);

/* Opens features and labels (y NULL: none).  NULL: a line was printed, *exit_status is set. */
ist_dataset *cli_dataset_open(ist_context *context, const char *x, const char *y, int *exit_status);

#endif
