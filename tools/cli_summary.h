/* cli_summary.h - what a finished run tells: tables for people, one object for programs. */
#ifndef IST_TOOLS_CLI_SUMMARY_H
#define IST_TOOLS_CLI_SUMMARY_H

#include "cli_context.h"
#include "cli_run.h"

typedef struct cli_summary {
    const cli_run *run;
    const cli_teams *teams;
    const json_t *placement; /* ist_trainer_report, NULL: none */
    int32_t subnets;
    int32_t method; /* IST_METHOD_* */
    bool adaptive;  /* shares followed the teams: no other run gives these numbers */
} cli_summary;

void cli_summary_print(const cli_summary *summary);
/* The log's end event, also the answer of --json; a new reference. */
json_t *cli_summary_event(const cli_summary *summary);

/* "784 - 1024 - 1024 - 36, batch norm, 1,862,692 parameters" */
void cli_describe_model(const ist_model *model, char *out, size_t cap);

/* One row a subnet: team, node, bytes, share on its node.  Nothing for a report without subnets. */
void cli_print_pages(const json_t *placement);

#endif
