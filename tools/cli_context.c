/* cli_context.c - options that several verbs share, and the context made from some of them. */
#include "cli_context.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli_json.h"

enum { MOST_PARTS = 65536 }; /* as ist.h promises */

static const cli_choice team_at_words[] = {{"numa", IST_AT_NUMA},       {"l3", IST_AT_L3},
                                           {"package", IST_AT_PACKAGE}, {"core", IST_AT_CORE},
                                           {"machine", IST_AT_MACHINE}, {NULL, 0}};
static const cli_choice placement_words[] = {
    {"try", IST_PLACE_TRY}, {"strict", IST_PLACE_STRICT}, {"none", IST_PLACE_NONE}, {NULL, 0}};
static const cli_choice engine_words[] = {{"auto", IST_ENGINE_AUTO},
                                          {"native", IST_ENGINE_NATIVE},
                                          {"openblas", IST_ENGINE_OPENBLAS},
                                          {"reference", IST_ENGINE_REFERENCE},
                                          {"native-avx512", IST_ENGINE_NATIVE_AVX512},
                                          {"native-avx2", IST_ENGINE_NATIVE_AVX2},
                                          {"native-portable", IST_ENGINE_NATIVE_PORTABLE},
                                          {NULL, 0}};

const cli_choice cli_statistics_words[] = {
    {"stored", IST_STATISTICS_STORED}, {"batch", IST_STATISTICS_BATCH}, {NULL, 0}};
const cli_choice cli_order_words[] = {{"file", IST_ORDER_FILE}, {"shuffled", IST_ORDER_SHUFFLED}, {NULL, 0}};
const cli_choice cli_optimizer_words[] = {
    {"sgd", IST_SGD}, {"momentum", IST_MOMENTUM}, {"nesterov", IST_NESTEROV}, {"adam", IST_ADAM}, {NULL, 0}};
const cli_choice cli_data_words[] = {
    {"shard", IST_DATA_SHARD}, {"replicate", IST_DATA_REPLICATE}, {"shared", IST_DATA_SHARED}, {NULL, 0}};

const cli_option cli_evaluate_options[] = {
    {.name = "batch",
     .value = "B|auto",
     .kind = CLI_INT32,
     .offset = offsetof(ist_evaluate_config, batch),
     .low = 1,
     .high = INT32_MAX,
     .word = "auto",
     .help = "rows at a time; with stored statistics no answer depends on it"},
    {.name = "statistics",
     .kind = CLI_CHOICE,
     .offset = offsetof(ist_evaluate_config, statistics),
     .choices = cli_statistics_words,
     .help = "of batch norm: those stored in the model, or those of each batch"},
    {.name = "eval-order",
     .kind = CLI_CHOICE,
     .offset = offsetof(ist_evaluate_config, order),
     .choices = cli_order_words,
     .help = "with --statistics batch, the rows of a batch: as they stand in the file, or shuffled"},
};
const size_t cli_evaluate_option_count = sizeof cli_evaluate_options / sizeof cli_evaluate_options[0];

/* "I/N": field is the whole ist_context_config. */
static bool parse_part(void *field, char *text, char *why, size_t cap)
{
    ist_context_config *config = field;
    char *end = text;
    const long part = strtol(text, &end, 10);
    char *rest = end;
    const long parts = *end == '/' ? strtol(end + 1, &rest, 10) : 0;
    const bool numbers = isdigit((unsigned char)*text) && *end == '/' && isdigit((unsigned char)end[1]) && !*rest;
    if (!numbers || parts < 1 || parts > MOST_PARTS || part >= parts) {
        snprintf(why, cap, "is not a part I/N with 0 <= I < N <= %d, such as 0/2", MOST_PARTS);
        return false;
    }
    config->part = (int32_t)part;
    config->parts = (int32_t)parts;
    return true;
}

static void show_part(const void *field, char *out, size_t cap)
{
    const ist_context_config *config = field;
    snprintf(out, cap, "%d/%d", config->part, config->parts > 1 ? config->parts : 1);
}

/* The bounds of a team option are those that ist.h promises for its field. */
const cli_option cli_team_options[] = {
    {.name = "teams",
     .value = "N|auto",
     .kind = CLI_INT32,
     .offset = offsetof(ist_context_config, teams),
     .low = 1,
     .high = 4096,
     .word = "auto",
     .help = "subnets trained at once; auto: one for each place of --team-at"},
    {.name = "threads",
     .value = "N|auto",
     .kind = CLI_INT32,
     .offset = offsetof(ist_context_config, threads_per_team),
     .low = 1,
     .high = 4096,
     .word = "auto",
     .help = "threads of a team; auto: the cores of its place that we may use"},
    {.name = "team-at",
     .kind = CLI_CHOICE,
     .offset = offsetof(ist_context_config, team_at),
     .choices = team_at_words,
     .help = "what a team is bound to; machine: one team over everything"},
    {.name = "part",
     .value = "I/N",
     .kind = CLI_CUSTOM,
     .offset = 0,
     .parse = parse_part,
     .show = show_part,
     .help = "of N processes on this machine, this is number I, from 0: share I of the cores"},
    {.name = "placement",
     .kind = CLI_CHOICE,
     .offset = offsetof(ist_context_config, placement),
     .choices = placement_words,
     .help = "bind threads and memory: try reports what the system refuses, strict fails, none binds nothing"},
    {.name = "engine",
     .kind = CLI_CHOICE,
     .offset = offsetof(ist_context_config, engine),
     .choices = engine_words,
     .help = "who multiplies matrices; reference is slow and plain"},
};
const size_t cli_team_option_count = sizeof cli_team_options / sizeof cli_team_options[0];

ist_context *cli_context_open(const ist_context_config *asked, int *exit_status)
{
    ist_context_config config = *asked;
    config.log = cli_library_log;
    ist_context *context = NULL;
    const ist_status status = ist_context_create(&context, &config);
    if (status == IST_OK) return context;
    *exit_status = cli_library_failed(NULL, status, CLI_READING);
    return NULL;
}

cli_teams cli_context_teams(ist_context *context)
{
    cli_teams teams = {.report = cli_context_report(context), .teams = 1, .threads = 1, .at = "?"};
    const json_t *plan = json_object_get(teams.report, "plan");
    const size_t count = json_array_size(json_object_get(plan, "teams"));
    if (count > 0) teams.teams = (int32_t)count;
    teams.threads = (int32_t)cli_json_number(plan, "threads", teams.threads);
    teams.at = cli_json_text(plan, "team_at", teams.at);
    return teams;
}

int32_t cli_answers_of(const ist_model_config *net)
{
    return net->loss == IST_LOSS_MSE || net->loss == IST_LOSS_HUBER ? CLI_TARGETS : CLI_LABELS;
}

ist_dataset *cli_dataset_open(ist_context *context, const char *x, const char *y, const cli_rows *rows, int32_t answers,
                              int32_t features, int *exit_status)
{
    ist_dataset *dataset = NULL;
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    config.need_labels = answers == CLI_LABELS;
    config.targets = answers == CLI_TARGETS;
    if (config.targets && !y) {
        *exit_status = cli_wrong("%s: a regression needs a file of targets, too: X:Y", x);
        return NULL;
    }
    config.features = features;
    cli_rows_tell(rows, &config);
    const ist_status status = ist_dataset_open_as(context, &dataset, x, y, &config);
    if (status == IST_OK) return dataset;
    *exit_status = cli_library_failed(context, status, CLI_READING);
    return NULL;
}
