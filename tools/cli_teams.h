/* cli_teams.h - how long each team worked and waited: for the log and for people. */
#ifndef IST_TOOLS_CLI_TEAMS_H
#define IST_TOOLS_CLI_TEAMS_H

#include "cli_json.h"

/* Adds "team_busy_s", "team_wait_s" and "team_share", one number a team each. */
void cli_teams_add(json_t *event, const ist_trainer *trainer);

/* One row a team; nothing where there is one team, which has nobody to wait for. */
void cli_print_teams(const ist_trainer *trainer);

#endif
