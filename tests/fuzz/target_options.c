/* target_options.c - the parser of options: words that end with newlines, given to a verb that has most of the options that
 * verbs share. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli_best.h"
#include "cli_context.h"
#include "cli_number.h"
#include "cli_recipe.h"
#include "cli_say.h"
#include "cli_shares.h"
#include "cli_trace.h"
#include "fuzz.h"

enum { MOST_WORDS = 200 };

typedef struct custom {
    cli_data data;
    cli_hidden hidden;
    cli_normalize normalize;
    cli_shares shares;
    const char *file;
} custom;

#define AT(field) .offset = offsetof(custom, field)

static const cli_option custom_options[] = {
    {.name = "train",
     .value = "X:Y",
     .kind = CLI_CUSTOM,
     AT(data),
     .parse = cli_data_parse,
     .show = cli_data_show,
     .help = "data"},
    {.name = "hidden",
     .value = "W",
     .kind = CLI_CUSTOM,
     AT(hidden),
     .parse = cli_hidden_parse,
     .show = cli_hidden_show,
     .help = "net"},
    {.name = "normalize",
     .value = "N",
     .kind = CLI_CUSTOM,
     AT(normalize),
     .parse = cli_normalize_parse,
     .show = cli_normalize_show,
     .help = "data"},
    {.name = "shares",
     .value = "F",
     .kind = CLI_CUSTOM,
     AT(shares),
     .parse = cli_shares_parse,
     .show = cli_shares_show,
     .help = "deal"},
    {.name = "file", .value = "F", .kind = CLI_TEXT, AT(file), .bare = "none", .help = "text"},
};

static int parse(int argc, char **argv)
{
    custom own;
    ist_context_config machine = IST_CONTEXT_CONFIG_INIT;
    ist_evaluate_config evaluate = IST_EVALUATE_CONFIG_INIT;
    ist_train_config recipe = IST_TRAIN_CONFIG_INIT;
    cli_trace trace = CLI_TRACE_INIT;
    cli_best best;
    memset(&own, 0, sizeof own);
    memset(&best, 0, sizeof best);
    const cli_group groups[] = {
        {"own", custom_options, sizeof custom_options / sizeof custom_options[0], &own},
        {"machine", cli_team_options, cli_team_option_count, &machine},
        {"evaluation", cli_evaluate_options, cli_evaluate_option_count, &evaluate},
        {"recipe", cli_recipe_options, cli_recipe_option_count, &recipe},
        {"trace", cli_trace_options, cli_trace_option_count, &trace},
        {"best", cli_best_options, cli_best_option_count, &best},
    };
    const cli_verb verb = {.name = "fuzz",
                           .purpose = "to see the parser",
                           .operand = "FILE",
                           .operand_help = "any",
                           .groups = groups,
                           .group_count = sizeof groups / sizeof groups[0]};
    cli_args args;
    int status = cli_parse(&verb, argc, argv, &args);
    if (status < 0) {
        json_decref(cli_options_json(&verb));
        const int checked = cli_recipe_check(&recipe);
        if (checked >= 0) status = checked;
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *argv[MOST_WORDS + 1];
    int argc = 0;
    fuzz_require(text != NULL);
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    for (char *word = text; word && argc < MOST_WORDS;) {
        char *end = strchr(word, '\n');
        if (end) *end = '\0';
        argv[argc++] = word;
        word = end ? end + 1 : NULL;
    }
    argv[argc] = NULL;
    fuzz_hush();
    const int status = parse(argc, argv), lines = fuzz_unhush();
    fuzz_require(status == -1 || status == CLI_DONE || status == CLI_WRONG);
    fuzz_require(lines == (status == CLI_WRONG));
    free(text);
    return 0;
}
