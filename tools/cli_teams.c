/* cli_teams.c - how long each team worked and waited.  The library counts; here it is only shown. */
#include "cli_teams.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli_memory.h"
#include "cli_table.h"

/* All teams, or NULL; free() them. */
static ist_team_times *ask(const ist_trainer *trainer, int32_t *count)
{
    if (!trainer || ist_trainer_teams(trainer, NULL, 0, count) != IST_OK || *count < 1) return NULL;
    ist_team_times *teams = calloc((size_t)*count, sizeof *teams);
    if (!teams) {
        cli_memory_lose();
        return NULL;
    }
    teams->struct_size = sizeof *teams;
    if (ist_trainer_teams(trainer, teams, *count, count) == IST_OK) return teams;
    free(teams);
    return NULL;
}

void cli_teams_add(json_t *event, const ist_trainer *trainer)
{
    int32_t count = 0;
    ist_team_times *teams = ask(trainer, &count);
    json_t *busy = json_array(), *wait = json_array(), *share = json_array();
    for (int32_t k = 0; teams && k < count; k++) {
        json_array_append_new(busy, cli_json_real(teams[k].busy_s));
        json_array_append_new(wait, cli_json_real(teams[k].wait_s));
        json_array_append_new(share, cli_json_real(teams[k].share));
    }
    json_object_set_new(event, "team_busy_s", busy);
    json_object_set_new(event, "team_wait_s", wait);
    json_object_set_new(event, "team_share", share);
    free(teams);
}

void cli_print_teams(const ist_trainer *trainer)
{
    int32_t count = 0;
    ist_team_times *teams = ask(trainer, &count);
    cli_table table;
    if (teams && count > 1) {
        puts("\nhow long each team worked, and waited for the others");
        cli_table_begin(&table, "rrrrrrrr");
        static const char *const head[] = {"team", "node", "threads", "subnets", "share", "busy", "wait", ""};
        for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) cli_table_cell(&table, "%s", head[i]);
        for (int32_t k = 0; k < count; k++) {
            const ist_team_times *t = &teams[k];
            const double all_s = t->busy_s + t->wait_s;
            cli_table_cell(&table, "%d", t->team);
            cli_table_cell(&table, "%d", t->node);
            cli_table_cell(&table, "%d", t->threads);
            cli_table_cell(&table, "%d", t->subnets);
            cli_table_cell(&table, "%.1f %%", 100 * t->share);
            cli_table_cell(&table, "%.3f s", t->busy_s);
            cli_table_cell(&table, "%.3f s", t->wait_s);
            cli_table_cell(&table, "%.1f %%", all_s > 0 ? 100 * t->wait_s / all_s : 0);
        }
        cli_table_end(&table, 2);
    }
    free(teams);
}
