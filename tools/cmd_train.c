/* cmd_train.c - ist train: options, data, model and trainer of a run; the run itself is cli_run.c.
 *
 * Order of things: all that can be wrong about the command line and the output files is asked before the data are read,
 * and all that can be wrong about the data before the first round.  Defaults live in the *_INIT macros of ist.h: the
 * option structs start from them, and help prints what it finds there.
 */
#include <stdio.h>
#include <string.h>

#include "cli_commands.h"
#include "cli_goal.h"
#include "cli_memory.h"
#include "cli_net.h"
#include "cli_number.h"
#include "cli_output.h"
#include "cli_preset.h"
#include "cli_recipe.h"
#include "cli_shares.h"
#include "cli_splits.h"
#include "cli_summary.h"

/* Those of the library, and one that is not a method but a number of subnets. */
enum { METHOD_SGD = -1 };

typedef struct train_options {
    cli_splits data;
    int32_t method, preset;
    cli_hidden hidden;
    cli_shares shares;
    ist_model_config net;
    ist_train_config run;
    ist_evaluate_config evaluate;
    ist_context_config machine;
    double eval_every, target_accuracy, watchdog_s;
    int32_t verify_every;
    const char *log, *model;
    cli_checkpoint saves;
    cli_trace trace;
    cli_best best;
    cli_goal goal;
    cli_retry retry;
    bool json, quiet;
} train_options;

#define AT(field) .offset = offsetof(train_options, field)

static const cli_choice method_words[] = {{"ist", IST_METHOD_IST},
                                          {"sgd", METHOD_SGD},
                                          {"data-parallel", IST_METHOD_DATA_PARALLEL},
                                          {"local-sgd", IST_METHOD_LOCAL_SGD},
                                          {"ensemble", IST_METHOD_ENSEMBLE},
                                          {"masked", IST_METHOD_MASKED},
                                          {NULL, 0}};
static const cli_choice balance_words[] = {{"even", IST_BALANCE_EVEN}, {"adaptive", IST_BALANCE_ADAPTIVE}, {NULL, 0}};
static const cli_option net_options[] = {
    {.name = "hidden",
     .value = "W[,W..]|none",
     .kind = CLI_CUSTOM,
     AT(hidden),
     .required = true,
     .parse = cli_hidden_parse,
     .show = cli_hidden_show,
     .help = "widths of the hidden layers; none: logistic regression"},
    {.name = "statistics",
     .kind = CLI_CHOICE,
     AT(evaluate.statistics),
     .choices = cli_statistics_words,
     .help = "of batch norm in evaluation: measured on training rows and stored, or those of each evaluation batch"},
    {.name = "eval-order",
     .kind = CLI_CHOICE,
     AT(evaluate.order),
     .choices = cli_order_words,
     .help = "with --statistics batch, the rows of an evaluation batch: as they stand in the file, or shuffled"},
    {.name = "calibration-batches",
     .value = "K",
     .kind = CLI_INT32,
     AT(run.calibration_batches),
     .low = 1,
     .high = INT32_MAX,
     .help = "training batches behind the stored statistics"},
};

static const cli_option run_options[] = {
    {.name = "preset",
     .kind = CLI_CHOICE,
     AT(preset),
     .choices = cli_preset_words,
     .help = "options set as if typed first: the authors' recipe for Speech Commands, with two or three layers"},
    {.name = "method",
     .kind = CLI_CHOICE,
     AT(method),
     .choices = method_words,
     .help =
         "ist: subnets dealt anew each round; sgd: one whole net on all cores; data-parallel: whole nets, gradients "
         "averaged in each step; local-sgd: whole nets averaged once a round; ensemble: subnets dealt once; "
         "masked: as ist, but each subnet's step goes through the whole net"},
    {.name = "subnets",
     .value = "N|auto",
     .kind = CLI_INT32,
     AT(run.subnets),
     .low = 1,
     .high = 1 << 24,
     .word = "auto",
     .help = "subnets of a round, replicas or members; auto: one a team, but at least two"},
    {.name = "local-steps",
     .value = "J",
     .kind = CLI_INT32,
     AT(run.local_steps),
     .low = 1,
     .high = INT32_MAX,
     .help = "steps of a subnet in a round"},
    {.name = "batch",
     .value = "B",
     .kind = CLI_INT32,
     AT(run.batch),
     .low = 1,
     .high = INT32_MAX,
     .help = "rows of a step of one subnet"},
    {.name = "epochs",
     .value = "E",
     .kind = CLI_REAL,
     AT(run.epochs),
     .low = 0,
     .low_open = true,
     .high = -1,
     .help = "passes over the training rows, counted over all subnets"},
    {.name = "rounds",
     .value = "R",
     .kind = CLI_INT64,
     AT(run.rounds),
     .low = 1,
     .high = 9007199254740992.0,
     .help = "instead of --epochs: so many rounds"},
    {.name = "data",
     .kind = CLI_CHOICE,
     AT(run.data),
     .choices = cli_data_words,
     .help = "shard: each subnet keeps its rows; replicate: all rows, a copy on each team's node; shared: all rows, "
             "no copies"},
    {.name = "repartition-fraction",
     .value = "F",
     .kind = CLI_REAL,
     AT(run.repartition_fraction),
     .low = 0,
     .low_open = true,
     .high = 1,
     .help = "of each hidden layer so many neurons are dealt anew in a round; the others stay with their subnet"},
    {.name = "shares",
     .value = "F,F,..|even",
     .kind = CLI_CUSTOM,
     AT(shares),
     .parse = cli_shares_parse,
     .show = cli_shares_show,
     .help = "one for each subnet: hidden neurons in these proportions"},
    {.name = "balance",
     .kind = CLI_CHOICE,
     AT(run.balance),
     .choices = balance_words,
     .help = "adaptive: shares follow the measured speed of the teams, and runs are NOT reproducible"},
    {.name = "seed", .value = "S", .kind = CLI_UINT64, AT(run.seed), .help = "of weights, deals and batch order"},
    {.name = "target-accuracy",
     .value = "A",
     .kind = CLI_REAL,
     AT(target_accuracy),
     .low = 0,
     .low_open = true,
     .high = 1,
     .help = "stop when the valid split (without one: the test split) reaches it"},
    {.name = "eval-every",
     .value = "EPOCHS|auto",
     .kind = CLI_REAL,
     AT(eval_every),
     .low = 0,
     .high = -1,
     .word = "auto",
     .word_value = CLI_EVERY_AUTO,
     .help = "auto: ten times in all; 0: only at the end"},
};

static const cli_option file_options[] = {
    {.name = "model", .value = "OUT.ist", .kind = CLI_TEXT, AT(model), .help = "write the trained net"},
    {.name = "log",
     .value = "RUN.jsonl",
     .kind = CLI_TEXT,
     AT(log),
     .help = "write one JSON object a line: start, every round, every evaluation, end"},
    {.name = "verify-placement",
     .value = "N",
     .kind = CLI_INT32,
     AT(verify_every),
     .low = 1,
     .high = INT32_MAX,
     .bare = "1",
     .help =
         "ask where every page is, at the start and after every N rounds (without N: every round), and say when one "
         "is on a wrong node or has moved"},
    {.name = "json", .kind = CLI_FLAG, AT(json), .help = "the summary as one JSON object on standard output"},
    {.name = "watchdog",
     .value = "SECONDS",
     .kind = CLI_REAL,
     AT(watchdog_s),
     .low = 0,
     .high = 1e6,
     .help = "when no thread has moved for so long, say whom the others wait for; 0: never"},
    {.name = "quiet", .kind = CLI_FLAG, AT(quiet), .help = "nothing but errors"},
};

#define GROUP(title, table, values)                      \
  {                                                      \
    title, table, sizeof table / sizeof table[0], values \
  }

/* ------------------------------------------------------------------------------------------------------ checks -- */

static int check_outputs(const train_options *o)
{
    char best[4096];
    const bool kept = o->saves.path && cli_best_wanted(&o->best);
    if (!cli_best_path(best, sizeof best, o->saves.path)) return cli_wrong("--checkpoint: the name is too long");
    const struct {
        const char *option, *path;
    } out[] = {{"model", o->model},
               {"log", o->log},
               {"checkpoint", o->saves.path},
               {"trace", o->trace.path},
               {"checkpoint", kept ? best : NULL}};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < i; j++) {
            if (out[i].path && out[j].path && strcmp(out[i].path, out[j].path) == 0) {
                return cli_wrong("--%s and --%s are the same file: %s", out[j].option, out[i].option, out[i].path);
            }
        }
    }
    for (size_t i = 0; i < 3; i++) {
        const int wrong = cli_output_probe(out[i].option, out[i].path);
        if (wrong >= 0) return wrong;
    }
    return cli_checkpoint_look(&o->saves);
}

/* Is each step one of the whole net? */
static bool trains_replicas(const train_options *o)
{
    return o->method == IST_METHOD_DATA_PARALLEL || o->method == IST_METHOD_LOCAL_SGD || o->method == IST_METHOD_MASKED;
}

/* Options that are well each by itself, but not together. */
static int check_options(train_options *o, const cli_args *args)
{
    const int twice = cli_splits_check(&o->data);
    if (twice >= 0) return twice;
    const int without_aim = cli_goal_check(&o->goal, args, o->method, &o->net, &o->run);
    if (without_aim >= 0) return without_aim;
    if (cli_was_given(args, "rounds") && cli_was_given(args, "epochs")) {
        return cli_wrong("--rounds and --epochs: one of them says how long");
    }
    if ((o->target_accuracy > 0 || o->goal.target_loss > 0) && !cli_splits_has_valid(&o->data) && !o->data.test.x) {
        return cli_wrong("--target-%s: needs --valid or --test to look at",
                         o->target_accuracy > 0 ? "accuracy" : "loss");
    }
    if (cli_best_wanted(&o->best) && !cli_splits_has_valid(&o->data)) {
        return cli_wrong("--%s: needs --valid or --valid-fraction to look at", o->best.keep ? "keep-best" : "patience");
    }
    if (o->best.patience > 0 && o->eval_every == 0) {
        return cli_wrong("--patience: with --eval-every 0 there is one evaluation, at the end");
    }
    if (o->run.average_decay > 0 && o->run.average_from >= 1) {
        return cli_wrong("--average-decay: needs --average-from, where the mean begins");
    }
    if ((cli_was_given(args, "checkpoint-every") || cli_was_given(args, "keep")) && !o->saves.path) {
        return cli_wrong("--%s: needs --checkpoint, the file to write",
                         cli_was_given(args, "keep") ? "keep" : "checkpoint-every");
    }
    if (o->saves.any && !o->saves.resume) return cli_wrong("--resume-any: needs --resume, the file to go on from");
    const int retries = cli_retry_check(&o->retry, args);
    if (retries >= 0) return retries;
    if (o->method == METHOD_SGD) {
        if (o->run.subnets > 1) return cli_wrong("--subnets: --method sgd trains one whole net");
        o->run.subnets = 1;
        if (!cli_was_given(args, "teams") && !cli_was_given(args, "team-at")) o->machine.team_at = IST_AT_MACHINE;
    }
    o->run.method = o->method == METHOD_SGD ? IST_METHOD_IST : o->method;
    if (o->method == IST_METHOD_ENSEMBLE &&
        (o->net.output_norm == IST_NORM_NONE || (o->net.hidden_norm == IST_NORM_NONE && o->hidden.count > 1))) {
        return cli_wrong(
            "--method: an ensemble needs batch norm on the output, and on all hidden layers but the first");
    }
    const int unlike = cli_recipe_check(&o->run);
    if (unlike >= 0) return unlike;
    if (o->shares.count > 0) {
        if (o->run.subnets > 0 && o->run.subnets != o->shares.count) {
            return cli_wrong("--shares: %d shares for %d subnets", o->shares.count, o->run.subnets);
        }
        o->run.subnets = o->shares.count;
        o->run.shares = o->shares.share;
    }
    if (o->run.balance == IST_BALANCE_ADAPTIVE && o->shares.count > 0) {
        return cli_wrong("--balance: adaptive shares begin even, --shares gives others");
    }
    if (o->run.balance == IST_BALANCE_ADAPTIVE && o->run.repartition_fraction < 1) {
        return cli_wrong("--balance: adaptive moves seats, --repartition-fraction keeps them");
    }
    if (!trains_replicas(o) && o->run.subnets > cli_hidden_narrowest(&o->hidden)) {
        return cli_wrong("--subnets: %d subnets cannot share %s", o->run.subnets,
                         o->hidden.count ? "the narrowest hidden layer, which has fewer neurons"
                                         : "a net without hidden layers");
    }
    o->net.hidden = o->hidden.width;
    o->net.hidden_count = o->hidden.count;
    o->net.seed = o->run.seed;
    const int wrong = check_outputs(o);
    return wrong >= 0 ? wrong : cli_trace_check(&o->trace, args);
}

/* A resumed run keeps its number of subnets, whatever machine it has come to. */
static int32_t automatic_subnets(const train_options *o, ist_context *context, int32_t teams)
{
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    ist_model *before = cli_checkpoint_model(&o->saves, context);
    config.subnets = 0;
    if (before) ist_model_describe(before, &config);
    ist_model_destroy(before);
    if (trains_replicas(o)) return teams > 2 ? teams : 2;
    return config.subnets > 0 ? config.subnets : cli_automatic_subnets(&o->hidden, teams);
}

/* --------------------------------------------------------------------------------------------------------- run -- */

/* Everything that must be destroyed, in the order of ist.h. */
typedef struct train_parts {
    ist_context *context;
    ist_dataset *train, *split[CLI_MAX_SPLITS];
    ist_model *model, *average, *best;
    ist_trainer *trainer;
    cli_teams teams;
    json_t *placement;
    cli_log log;
} train_parts;

static void destroy_parts(train_parts *p)
{
    cli_log_close(&p->log);
    json_decref(p->placement);
    json_decref(p->teams.report);
    ist_trainer_destroy(p->trainer);
    ist_model_destroy(p->best);
    ist_model_destroy(p->average);
    ist_model_destroy(p->model);
    for (int i = 0; i < CLI_MAX_SPLITS; i++) ist_dataset_destroy(p->split[i]);
    ist_dataset_destroy(p->train);
    ist_context_destroy(p->context);
}

static int make_trainer(train_parts *p, train_options *o)
{
    ist_status status = ist_model_create(p->context, &p->model, &o->net);
    if (status == IST_OK && o->data.normalize.mode == CLI_NORMALIZE_FIXED) {
        const float shift = (float)o->data.normalize.shift, factor = (float)(1 / o->data.normalize.scale);
        status = ist_model_set_normalization(p->model, 1, &shift, &factor);
    } else if (status == IST_OK && o->data.normalize.mode != IST_NORMALIZE_NONE) {
        status = ist_model_measure_normalization(p->model, p->train, o->data.normalize.mode);
    }
    if (status == IST_OK) status = cli_goal_normalize(&o->goal, p->model, p->train);
    if (status == IST_OK && o->run.average_from < 1) status = ist_model_create(p->context, &p->average, &o->net);
    if (status == IST_OK && o->best.keep) status = ist_model_create(p->context, &p->best, &o->net);
    o->run.background_saves = cli_checkpoint_is_periodic(&o->saves);
    if (status != IST_OK) return cli_library_failed(p->context, status, CLI_READING);
    status = ist_trainer_create(p->context, &p->trainer, p->model, p->train, &o->run);
    if (status == IST_E_MEMORY && o->run.background_saves) { /* without the copy that checkpoints are written from? */
        o->run.background_saves = 0;
        status = ist_trainer_create(p->context, &p->trainer, p->model, p->train, &o->run);
        o->saves.stops = true;
        if (status == IST_OK) cli_note("no room to copy the run: training waits while a checkpoint is written");
    }
    return status == IST_OK ? -1 : cli_library_failed(p->context, status, CLI_READING);
}

static int64_t round_of(const ist_trainer *trainer)
{
    ist_progress at = {.struct_size = sizeof at};
    return ist_trainer_progress(trainer, &at) == IST_OK ? at.round : 0;
}

static bool is_sparse(const ist_dataset *data)
{
    ist_dataset_info info = {.struct_size = sizeof info};
    return ist_dataset_describe(data, &info) == IST_OK && info.sparse;
}

static json_t *start_event(const cli_verb *verb, const train_parts *p, const train_options *o, const cli_run *run)
{
    json_t *e = json_object(), *rows = json_object();
    json_object_set_new(e, "event", json_string("start"));
    json_object_set_new(e, "version", json_string(IST_VERSION_STRING));
    json_object_set_new(e, "resumed", json_boolean(o->saves.resume != NULL));
    json_object_set_new(e, "round", json_integer(round_of(p->trainer)));
    json_object_set_new(e, "events", json_integer(run->saves.position.events));
    json_object_set_new(e, "options", cli_options_json(verb));
    json_object_set_new(rows, "train", json_integer(ist_dataset_rows(p->train)));
    for (int i = 0; i < run->split_count; i++) {
        json_object_set_new(rows, run->split[i].name, json_integer(ist_dataset_rows(run->split[i].data)));
    }
    json_object_set_new(e, "rows", rows);
    json_object_set_new(e, "reproducible",
                        json_boolean(o->run.balance == IST_BALANCE_EVEN && o->best.time_limit_s == 0));
    json_object_set_new(e, "features", json_integer(o->net.features));
    json_object_set_new(e, "sparse", json_boolean(is_sparse(p->train)));
    json_object_set_new(e, run->regresses ? "targets" : "classes", json_integer(o->net.classes));
    json_object_set_new(e, "parameters", json_integer(ist_model_parameter_count(p->model)));
    json_object_set_new(e, "context", p->teams.report ? json_incref(p->teams.report) : json_null());
    json_object_set_new(e, "wall_s", cli_json_real(cli_wall_s()));
    return e;
}

static int finish(train_parts *p, const train_options *o, cli_run *run)
{
    p->placement = cli_trainer_report(p->trainer);
    const cli_summary summary = {
        run, &p->teams, p->placement, o->run.subnets, o->run.method, o->run.balance == IST_BALANCE_ADAPTIVE};
    int status = run->exit_status;
    json_t *end = cli_summary_event(&summary);
    const bool whole = !cli_memory_lost();
    if (!whole && status == CLI_DONE) {
        cli_error("out of memory for the summary");
        status = CLI_FAILED;
    }
    if (whole && o->json && !cli_json_print(end)) status = CLI_FAILED;
    if (whole) cli_log_write(&p->log, end);
    else json_decref(end);
    cli_log_close(&p->log);
    if (whole && !o->json && !o->quiet && run->exit_status == CLI_DONE) {
        cli_summary_print(&summary);
        if (!cli_stdout_is_well()) status = CLI_FAILED;
    }
    return p->log.failed && status == CLI_DONE ? CLI_FAILED : status;
}

static int open_log(train_parts *p, const train_options *o, cli_run *run)
{
    ist_progress at = {.struct_size = sizeof at};
    if (!*run->saves.resumed) return cli_log_open(&p->log, o->log, false) ? -1 : CLI_FAILED;
    ist_trainer_progress(p->trainer, &at);
    const int wrong = cli_position_open_log(&run->saves.position, &p->log, o->log, &at);
    if (run->saves.position.events < 0) run->saves.position.events = 0; /* of a checkpoint that did not tell */
    return wrong;
}

static int run_train(const cli_verb *verb, const cli_args *args, train_options *o, train_parts *p)
{
    int status = CLI_FAILED;
    char normalize[128];
    p->context = cli_context_open(&o->machine, &status);
    if (!p->context) return status;
    p->teams = cli_context_teams(p->context);
    if (!p->teams.report) return cli_library_failed(p->context, IST_E_MEMORY, CLI_READING);
    if (o->run.subnets == 0) o->run.subnets = automatic_subnets(o, p->context, p->teams.teams);
    o->net.subnets = trains_replicas(o) ? 1 : o->run.subnets;

    cli_run run = {.evaluate = o->evaluate,
                   .eval_every = o->eval_every,
                   .target_accuracy = o->target_accuracy,
                   .target_loss = o->goal.target_loss,
                   .regresses = cli_goal_regresses(&o->goal),
                   .best = o->best,
                   .watchdog_s = o->watchdog_s,
                   .retry = &o->retry,
                   .model_path = o->model,
                   .label = "",
                   .log = &p->log,
                   .trace = &o->trace,
                   .verify = {.every = o->verify_every}};
    const cli_split_rows rows = {&p->train, p->split, o->run.seed};
    if ((status = cli_splits_open(&o->data, p->context, &o->goal, &o->net, &rows, &run)) >= 0) return status;
    if ((status = cli_splits_settle(&o->data, args, p->train, &o->net)) >= 0) return status;
    if (o->run.rounds > 0) { /* so the log tells what that is in epochs; the library looks at rounds alone */
        o->run.epochs = (double)o->run.rounds * o->run.local_steps * o->run.batch * o->run.subnets /
                        (double)ist_dataset_rows(p->train);
    }
    if ((status = make_trainer(p, o)) >= 0) return status;
    run.context = p->context;
    run.model = p->model;
    run.average = p->average;
    run.best.model = p->best;
    run.best.by_loss = run.regresses;
    run.trainer = p->trainer;
    run.saves = o->saves;
    run.saves.context = p->context;
    run.saves.trainer = p->trainer;
    cli_normalize_show(&o->data.normalize, normalize, sizeof normalize);
    run.saves.position.normalize = normalize;
    if ((status = cli_checkpoint_resume(&run.saves, verb)) >= 0) return status;
    run.epochs = o->run.epochs;
    run.phases = o->run.warmup_epochs > 0 || o->run.full_width_epochs > 0;
    run.uneven = run.phases || o->run.local_steps_last > 0;
    if ((status = open_log(p, o, &run)) >= 0) return status;
    if (o->log) cli_log_write(&p->log, start_event(verb, p, o, &run));
    if (p->log.failed) return CLI_FAILED; /* before the work, not after it */
    cli_run_go(&run);
    return finish(p, o, &run);
}

int cmd_train(int argc, char **argv)
{
    train_options o = {.method = IST_METHOD_IST,
                       .data = CLI_SPLITS_INIT,
                       .net = IST_MODEL_CONFIG_INIT,
                       .run = IST_TRAIN_CONFIG_INIT,
                       .evaluate = IST_EVALUATE_CONFIG_INIT,
                       .machine = IST_CONTEXT_CONFIG_INIT,
                       .trace = CLI_TRACE_INIT,
                       .retry = CLI_RETRY_INIT,
                       .goal = CLI_GOAL_INIT,
                       .watchdog_s = 60,
                       .eval_every = CLI_EVERY_AUTO,
                       .saves = {.every = {CLI_UNIT_EPOCHS, CLI_EVERY_AUTO}, .keep = 1}};
    const cli_group groups[] = {
        {"data", cli_splits_options, cli_splits_option_count, &o.data},
        {"rows of sparse files", cli_rows_options, cli_rows_option_count, &o.data.rows},
        GROUP("net", net_options, &o),
        {"layers", cli_net_options, cli_net_option_count, &o.net},
        {"goal", cli_goal_options, cli_goal_option_count, &o.goal},
        GROUP("training", run_options, &o),
        {"recipe", cli_recipe_options, cli_recipe_option_count, &o.run},
        {"early end", cli_best_options, cli_best_option_count, &o.best},
        {"divergence", cli_retry_options, cli_retry_option_count, &o.retry},
        GROUP("files and output", file_options, &o),
        {"checkpoints", cli_checkpoint_options, cli_checkpoint_option_count, &o.saves},
        {"timeline", cli_trace_options, cli_trace_option_count, &o.trace},
        {"machine", cli_team_options, cli_team_option_count, &o.machine},
    };
    const cli_verb verb = {
        .name = "train",
        .purpose = "train a net from files",
        .groups = groups,
        .group_count = sizeof groups / sizeof groups[0],
        .notes = "Progress goes to standard error, the summary to standard output.\n"
                 "Exit status: 0 done, 1 the run failed, 2 the command line is wrong, 3 the data "
                 "are bad,\n130, 143 and 138 after SIGINT, SIGTERM and SIGUSR1, with the checkpoint written.\n"
                 "SIGUSR2 writes a checkpoint, and the run goes on."};
    cli_args args;
    int status = cli_preset_take(&verb, argc, argv);
    if (status < 0) status = cli_parse(&verb, argc, argv, &args);
    if (status >= 0) return status;
    if (o.quiet) cli_say_quietly();
    cli_output_survive();
    if ((status = check_options(&o, &args)) >= 0) return status;
    train_parts parts = {0};
    status = run_train(&verb, &args, &o, &parts);
    destroy_parts(&parts);
    return status;
}
