/* cmd_demo.c - ist demo: real work, no download, a result in a minute.
 *
 * Ways to learn the same pictures, side by side: a linear model, one whole net, and the same net trained as independent
 * subnets, first on as many samples, then on three times as many, which still is less arithmetic than the whole net
 * takes.  All through the public API, with the defaults that everybody gets; no row is tuned to look better.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli_commands.h"
#include "cli_glyphs.h"
#include "cli_number.h"
#include "cli_summary.h"
#include "cli_table.h"

typedef struct demo_options {
    cli_hidden hidden;
    int64_t rows, test_rows;
    ist_train_config run;
    ist_context_config machine;
    cli_trace trace; /* of the third run */
    int32_t verify_every;
    bool json, quiet;
} demo_options;

static const double LINEAR_LR = 0.03;

#define AT(field) .offset = offsetof(demo_options, field)

static const cli_option options[] = {
    {.name = "hidden",
     .value = "W[,W..]|none",
     .kind = CLI_CUSTOM,
     AT(hidden),
     .parse = cli_hidden_parse,
     .show = cli_hidden_show,
     .help = "widths of the hidden layers of the two nets"},
    {.name = "subnets",
     .value = "N",
     .kind = CLI_INT32,
     AT(run.subnets),
     .low = 1,
     .high = 1 << 24,
     .help = "of the runs with independent subnets"},
    {.name = "local-steps",
     .value = "J",
     .kind = CLI_INT32,
     AT(run.local_steps),
     .low = 1,
     .high = INT32_MAX,
     .help = "steps of a subnet in a round"},
    {.name = "epochs",
     .value = "E",
     .kind = CLI_REAL,
     AT(run.epochs),
     .low = 0,
     .low_open = true,
     .high = -1,
     .help = "of each run but the last, which has three times as many"},
    {.name = "rows",
     .value = "N",
     .kind = CLI_INT64,
     AT(rows),
     .low = CLI_GLYPH_CLASSES,
     .high = 10000000,
     .help = "pictures to train on"},
    {.name = "test-rows",
     .value = "N",
     .kind = CLI_INT64,
     AT(test_rows),
     .low = 1,
     .high = 10000000,
     .help = "pictures to test on"},
    {.name = "seed", .value = "S", .kind = CLI_UINT64, AT(run.seed), .help = "of pictures and training"},
    {.name = "verify-placement",
     .value = "N",
     .kind = CLI_INT32,
     AT(verify_every),
     .low = 1,
     .high = INT32_MAX,
     .bare = "1",
     .help = "ask where every page is, at the start and after every N rounds (without N: every round)"},
    {.name = "json", .kind = CLI_FLAG, AT(json), .help = "the results as one JSON object on standard output"},
    {.name = "quiet", .kind = CLI_FLAG, AT(quiet), .help = "no progress"},
};

typedef struct pictures {
    uint8_t *image; /* (rows + test_rows, 784): training rows, then test rows */
    int32_t *label; /* (rows + test_rows) */
} pictures;

typedef struct method {
    char name[64];
    const cli_hidden *hidden;
    int32_t subnets;
    double epochs;
} method;

typedef struct outcome {
    cli_run run;
    json_t *event; /* as ist train --json tells it */
} outcome;

/* One run in a context of its own, because a whole net wants one team over everything, subnets a team a place.
 * Returns an exit status. */
static int run_one(const demo_options *o, const pictures *p, const method *m, const cli_trace *trace, outcome *out)
{
    int status = CLI_FAILED;
    ist_context_config machine = o->machine;
    if (m->subnets == 1) machine.team_at = IST_AT_MACHINE;
    ist_context *context = cli_context_open(&machine, &status);
    if (!context) return status;

    ist_dataset *train = NULL, *test = NULL;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    ist_train_config config = o->run;
    config.subnets = m->subnets;
    config.epochs = m->epochs;
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = CLI_GLYPH_PIXELS;
    net.classes = CLI_GLYPH_CLASSES;
    net.hidden = m->hidden->width;
    net.hidden_count = m->hidden->count;
    net.subnets = m->subnets;
    net.seed = config.seed;
    if (m->hidden->count == 0) { /* the settings at which a linear model is best here */
        net.output_norm = IST_NORM_NONE;
        config.lr = LINEAR_LR;
    }
    ist_status failed = ist_dataset_wrap(context, &train, p->image, IST_UINT8, o->rows, CLI_GLYPH_PIXELS,
                                         CLI_GLYPH_PIXELS, p->label, CLI_GLYPH_CLASSES);
    if (failed == IST_OK) {
        failed = ist_dataset_wrap(context, &test, p->image + o->rows * CLI_GLYPH_PIXELS, IST_UINT8, o->test_rows,
                                  CLI_GLYPH_PIXELS, CLI_GLYPH_PIXELS, p->label + o->rows, CLI_GLYPH_CLASSES);
    }
    if (failed == IST_OK) failed = ist_model_create(context, &model, &net);
    if (failed == IST_OK) failed = ist_model_measure_normalization(model, train, IST_NORMALIZE_GLOBAL);
    if (failed == IST_OK) failed = ist_trainer_create(context, &trainer, model, train, &config);
    if (failed == IST_OK) {
        cli_log log = {0};
        out->run = (cli_run){.context = context,
                             .model = model,
                             .trainer = trainer,
                             .split = {{.name = "test", .data = test}},
                             .split_count = 1,
                             .evaluate = IST_EVALUATE_CONFIG_INIT,
                             .epochs = config.epochs,
                             .label = m->name,
                             .log = &log,
                             .trace = trace,
                             .verify = {.every = o->verify_every}};
        status = cli_run_go(&out->run);
        cli_teams teams = cli_context_teams(context);
        json_t *placement = cli_trainer_report(trainer);
        out->event = cli_summary_event(&(cli_summary){&out->run, &teams, placement, m->subnets, IST_METHOD_IST, false});
        json_object_set_new(out->event, "name", json_string(m->name));
        json_decref(placement);
        json_decref(teams.report);
    } else {
        status = cli_library_failed(context, failed, CLI_READING);
    }
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(test);
    ist_dataset_destroy(train);
    ist_context_destroy(context);
    return status;
}

static void print_table(const method *methods, const outcome *out, size_t count)
{
    static const char *const head[] = {"",        "accuracy", "samples", "seconds", "samples/s",
                                       "GFLOP/s", "gather",   "train",   "wait",    "write back"};
    cli_table table;
    char text[CLI_NUMBER_BYTES];
    cli_table_begin(&table, "lrrrrrrrrr");
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) cli_table_cell(&table, "%s", head[i]);
    for (size_t i = 0; i < count; i++) {
        const ist_progress *at = &out[i].run.at;
        const double phase[] = {at->gather_s, at->train_s, at->wait_s, at->writeback_s};
        cli_table_cell(&table, "%s", methods[i].name);
        cli_table_cell(&table, "%.4f", out[i].run.split[0].result.accuracy);
        cli_table_cell(&table, "%s", cli_show_count(text, at->samples));
        cli_table_cell(&table, "%.2f", at->seconds);
        cli_table_cell(&table, "%s", cli_show_count(text, (int64_t)cli_run_samples_per_s(&out[i].run)));
        cli_table_cell(&table, "%.1f", cli_run_gflops(&out[i].run));
        for (size_t k = 0; k < 4; k++) {
            cli_table_cell(&table, "%.1f %%", at->seconds > 0 ? 100 * phase[k] / at->seconds : 0);
        }
    }
    cli_table_end(&table, 0);
}

/* With --verify-placement: where the pages of each run were. */
static void print_pages(const demo_options *o, const method *methods, const outcome *out, size_t count)
{
    cli_table table;
    char text[256];
    if (o->verify_every == 0) return;
    puts("\npages");
    cli_table_begin(&table, "ll");
    for (size_t i = 0; i < count; i++) {
        cli_table_cell(&table, "%s", methods[i].name);
        cli_table_cell(
            &table, "%s",
            cli_verify_words(&out[i].run.verify, json_object_get(out[i].event, "report"), text, sizeof text));
    }
    cli_table_end(&table, 2);
}

/* The answer of --json. */
static bool print_json(const demo_options *o, const outcome *out, size_t count)
{
    json_t *all = json_pack("{s:I, s:I, s:i, s:i}", "rows", (json_int_t)o->rows, "test_rows", (json_int_t)o->test_rows,
                            "features", CLI_GLYPH_PIXELS, "classes", CLI_GLYPH_CLASSES);
    json_t *runs = json_array();
    for (size_t i = 0; i < count; i++) json_array_append(runs, out[i].event);
    json_object_set_new(all, "runs", runs);
    const bool well = cli_json_print(all);
    json_decref(all);
    return well;
}

static int run_all(const demo_options *o, const pictures *p)
{
    enum { RUNS = 4, MORE = 3, TRACED = 2 };
    const cli_hidden none = {.given = true};
    char widths[40], rows[CLI_NUMBER_BYTES], test_rows[CLI_NUMBER_BYTES];
    cli_hidden_show(&o->hidden, widths, sizeof widths);
    method methods[RUNS] = {{"linear model", &none, 1, o->run.epochs},
                            {"", &o->hidden, 1, o->run.epochs},
                            {"", &o->hidden, o->run.subnets, o->run.epochs},
                            {"", &o->hidden, o->run.subnets, MORE * o->run.epochs}};
    snprintf(methods[1].name, sizeof methods[1].name, "one net %s", widths);
    snprintf(methods[2].name, sizeof methods[2].name, "IST, %d subnets of it", o->run.subnets);
    snprintf(methods[3].name, sizeof methods[3].name, "IST, %d times the samples", MORE);

    outcome out[RUNS] = {{.event = NULL}};
    int status = CLI_DONE;
    for (int i = 0; i < RUNS && status == CLI_DONE; i++)
        status = run_one(o, p, &methods[i], i == TRACED ? &o->trace : NULL, &out[i]);
    if (status == CLI_DONE && o->json) {
        if (!print_json(o, out, RUNS)) status = CLI_FAILED;
    } else if (status == CLI_DONE) {
        printf(
            "%s + %s drawn pictures of 36 signs, 28 x 28; accuracy on the second part, which no run has trained on\n\n",
            cli_show_count(rows, o->rows), cli_show_count(test_rows, o->test_rows));
        print_table(methods, out, RUNS);
        print_pages(o, methods, out, RUNS);
        puts("\nA sample passes through one subnet, not through the whole net: so IST needs less arithmetic a sample, "
             "and\n"
             "more samples.  With files of your own: ist train --train X:Y --hidden W; see ist help train.");
        if (!cli_stdout_is_well()) status = CLI_FAILED;
    }
    for (int i = 0; i < RUNS; i++) json_decref(out[i].event);
    return status;
}

int cmd_demo(int argc, char **argv)
{
    demo_options o = {.hidden = {.count = 2, .width = {1024, 1024}, .given = true},
                      .rows = 12000,
                      .test_rows = 2000,
                      .run = IST_TRAIN_CONFIG_INIT,
                      .machine = IST_CONTEXT_CONFIG_INIT,
                      .trace = CLI_TRACE_INIT};
    o.run.subnets = 4;
    o.run.epochs = 10; /* a result in a minute, on two cores */
    const cli_group groups[] = {
        {"options", options, sizeof options / sizeof options[0], &o},
        {"machine", cli_team_options, cli_team_option_count, &o.machine},
        {"timeline, of the run with independent subnets", cli_trace_options, cli_trace_option_count, &o.trace},
    };
    const cli_verb verb = {.name = "demo",
                           .purpose = "a result in a minute, without any file",
                           .groups = groups,
                           .group_count = sizeof groups / sizeof groups[0]};
    cli_args args;
    int status = cli_parse(&verb, argc, argv, &args);
    if (status >= 0) return status;
    if (o.quiet) cli_say_quietly();
    if (o.run.subnets > cli_hidden_narrowest(&o.hidden)) {
        return cli_wrong("--subnets: %d subnets cannot share the narrowest hidden layer", o.run.subnets);
    }

    if ((status = cli_trace_check(&o.trace, &args)) >= 0) return status;
    const size_t rows = (size_t)(o.rows + o.test_rows);
    pictures p = {malloc(rows * CLI_GLYPH_PIXELS), malloc(rows * sizeof(int32_t))};
    if (p.image && p.label) {
        cli_glyphs_render(o.run.seed, 0, o.rows + o.test_rows, p.image, p.label);
        status = run_all(&o, &p);
    } else {
        cli_error("%s", ist_strerror(IST_E_MEMORY));
        status = CLI_FAILED;
    }
    free(p.image);
    free(p.label);
    return status;
}
