/* cmd_info.c - ist info: the machine as far as we may use it, the plan of teams, what the system refused, and, given a
 * net, the bytes that a training would put on each node.
 *
 * It works on this machine, and on another one by its hwloc XML or a synthetic text ("numa:2 core:4 pu:1"): a user asks
 * on the login node what a run will look like on the compute node.  All of it is read from the library's reports;
 * what a report does not have is left out here, never guessed.
 */
#include <stdio.h>
#include <string.h>

#include "cli_commands.h"
#include "cli_context.h"
#include "cli_guard.h"
#include "cli_json.h"
#include "cli_limits.h"
#include "cli_number.h"
#include "cli_output.h"
#include "cli_shares.h"
#include "cli_table.h"
#include "cmd_info_draw.h"
#include "cmd_info_predict.h"

typedef struct info_options {
    bool json, checkpoints;
    cli_hidden hidden;
    cli_shares shares;
    ist_model_config net;
    ist_train_config run;
    int64_t rows;
    double values, labels; /* of a sparse row; values 0: rows are dense */
    int32_t type;
    int32_t method;
    const char *predict, *rates_out;
    double samples;
    ist_context_config machine;
} info_options;

#define AT(field) .offset = offsetof(info_options, field)

static const cli_choice type_words[] = {{"uint8", IST_UINT8}, {"float32", IST_FLOAT32}, {NULL, 0}};

static const cli_choice method_words[] = {{"all", INFO_ALL_METHODS},
                                          {"ist", IST_METHOD_IST},
                                          {"sgd", INFO_SGD},
                                          {"data-parallel", IST_METHOD_DATA_PARALLEL},
                                          {"local-sgd", IST_METHOD_LOCAL_SGD},
                                          {"ensemble", IST_METHOD_ENSEMBLE},
                                          {"masked", IST_METHOD_MASKED},
                                          {NULL, 0}};

static const cli_option machine_options[] = {
    {.name = "topology",
     .value = "FILE.xml|TEXT",
     .kind = CLI_TEXT,
     AT(machine.topology),
     .help = "another machine: a file of hwloc (lstopo FILE.xml), or a text such as \"numa:2 core:4 pu:1\""},
    {.name = "json", .kind = CLI_FLAG, AT(json), .help = "the reports as one JSON object on standard output"},
};

static const cli_option net_options[] = {
    {.name = "hidden",
     .value = "W[,W..]|none",
     .kind = CLI_CUSTOM,
     AT(hidden),
     .parse = cli_hidden_parse,
     .show = cli_hidden_show,
     .help = "also plan the training of such a net"},
    {.name = "method",
     .kind = CLI_CHOICE,
     AT(method),
     .choices = method_words,
     .help = "as in ist train; all: the plan is that of ist"},
    {.name = "subnets",
     .value = "N|auto",
     .kind = CLI_INT32,
     AT(run.subnets),
     .low = 1,
     .high = 1 << 24,
     .word = "auto",
     .help = "as in ist train"},
    {.name = "features",
     .value = "D",
     .kind = CLI_INT32,
     AT(net.features),
     .low = 1,
     .high = 1 << 24,
     .help = "of a row"},
    {.name = "classes",
     .value = "C",
     .kind = CLI_INT32,
     AT(net.classes),
     .low = 2,
     .high = 1 << 24,
     .help = "of the labels"},
    {.name = "rows",
     .value = "N",
     .kind = CLI_INT64,
     AT(rows),
     .low = 1,
     .high = 9007199254740992.0,
     .help = "to train on"},
    {.name = "nonzeros",
     .value = "Z|dense",
     .kind = CLI_REAL,
     AT(values),
     .low = 0,
     .low_open = true,
     .high = 1e9,
     .word = "dense",
     .help = "rows are sparse: so many values in a row, the mean"},
    {.name = "labels",
     .value = "L",
     .kind = CLI_REAL,
     AT(labels),
     .low = 0,
     .low_open = true,
     .high = 1e9,
     .help = "with --nonzeros: labels of a row, the mean; other than 1: rows have lists of labels"},
    {.name = "type", .kind = CLI_CHOICE, AT(type), .choices = type_words, .help = "of a feature in memory"},
    {.name = "batch",
     .value = "B",
     .kind = CLI_INT32,
     AT(run.batch),
     .low = 1,
     .high = INT32_MAX,
     .help = "rows of a step of one subnet"},
    {.name = "local-steps",
     .value = "J",
     .kind = CLI_INT32,
     AT(run.local_steps),
     .low = 1,
     .high = INT32_MAX,
     .help = "steps of a round"},
    {.name = "optimizer",
     .kind = CLI_CHOICE,
     AT(run.optimizer),
     .choices = cli_optimizer_words,
     .help = "of every subnet"},
    {.name = "logits-memory",
     .value = "SIZE|auto",
     .kind = CLI_CUSTOM,
     AT(run.logits_bytes),
     .parse = cli_size_parse,
     .show = cli_size_show,
     .help = "of a team, for the logits of an output of very many labels; what does not fit is computed twice; auto: "
             "256MiB"},
    {.name = "data", .kind = CLI_CHOICE, AT(run.data), .choices = cli_data_words, .help = "as in ist train"},
    {.name = "repartition-fraction",
     .value = "F",
     .kind = CLI_REAL,
     AT(run.repartition_fraction),
     .low = 0,
     .low_open = true,
     .high = 1,
     .help = "as in ist train"},
    {.name = "checkpoints",
     .kind = CLI_FLAG,
     AT(checkpoints),
     .help = "with the copy of the run that checkpoints are written from while it goes on"},
    {.name = "shares",
     .value = "F,F,..|even",
     .kind = CLI_CUSTOM,
     AT(shares),
     .parse = cli_shares_parse,
     .show = cli_shares_show,
     .help = "as in ist train"},
};

static const cli_option predict_options[] = {
    {.name = "predict",
     .value = "measure|RATES.json",
     .kind = CLI_TEXT,
     AT(predict),
     .bare = "measure",
     .help = "time and bytes of a round, from rates measured on this machine (seconds), or read from a file"},
    {.name = "rates-out", .value = "FILE", .kind = CLI_TEXT, AT(rates_out), .help = "keep the rates"},
    {.name = "samples",
     .value = "N",
     .kind = CLI_REAL,
     AT(samples),
     .low = 0,
     .high = 1e18,
     .help = "also predict the time to train on so many rows, all subnets together; 0: do not"},
};

/* --------------------------------------------------------------------------------------------------------- lines -- */

static void cell_machine(cli_table *table, const json_t *machine)
{
    const int nodes = (int)json_array_size(json_object_get(machine, "nodes"));
    const int packages = (int)cli_json_number(machine, "packages", 0), l3s = (int)cli_json_number(machine, "l3s", 0);
    const int cores = (int)cli_json_number(machine, "cores", 0);
    const bool here = json_is_true(json_object_get(machine, "this_system"));
    cli_table_cell(table, "machine");
    cli_table_cell(table, "%d package%s, %d NUMA node%s, %d shared L3, %d core%s%s", packages, packages == 1 ? "" : "s",
                   nodes, nodes == 1 ? "" : "s", l3s, cores, cores == 1 ? "" : "s", here ? "" : " (not this one)");
    cli_table_cell(table, "read by");
    cli_table_cell(table, "%s", cli_json_text(machine, "source", "unknown"));
}

static void cell_part(cli_table *table, const json_t *machine)
{
    const int parts = (int)cli_json_number(machine, "parts", 1);
    if (parts < 2) return;
    cli_table_cell(table, "part");
    cli_table_cell(table, "%d/%d: %d of %d cores", (int)cli_json_number(machine, "part", 0), parts,
                   (int)cli_json_number(machine, "cores", 0), (int)cli_json_number(machine, "cores_allowed", 0));
}

static void cell_blas(cli_table *table, const json_t *report)
{
    static const char *const kind[] = {"serial build", "pthread build", "OpenMP build"};
    const json_t *blas = json_object_get(report, "blas");
    const char *engine = cli_json_text(blas, "engine", NULL);
    const int parallel = (int)cli_json_number(blas, "parallel", -1);
    if (engine) {
        cli_table_cell(table, "engine");
        cli_table_cell(table, "%s, %s kernels", engine, cli_json_text(blas, "kernels", "unknown"));
    }
    if (!blas) return;
    cli_table_cell(table, "BLAS");
    cli_table_cell(table, "%s", cli_json_text(blas, "config", "unknown"));
    cli_table_cell(table, "BLAS kernels");
    cli_table_cell(table, "%s, %s", cli_json_text(blas, "core_type", "unknown"),
                   parallel >= 0 && parallel < 3 ? kind[parallel] : "unknown build");
}

static void cell_refused(cli_table *table, const json_t *system)
{
    const struct {
        const char *count, *error, *what;
    } row[] = {{"bind_refused", "bind_error", "binding of threads"},
               {"memory_refused", "memory_error", "placing of memory"},
               {"huge_pages_refused", "huge_pages_error", "huge pages"},
               {"where_refused", "where_error", "telling where pages are"}};
    bool any = false;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const int count = (int)cli_json_number(system, row[i].count, 0);
        const char *error = cli_json_text(system, row[i].error, NULL);
        if (count == 0) continue;
        cli_table_cell(table, "%s", any ? "" : "refused");
        cli_table_cell(table, "%s, %d time%s%s%s", row[i].what, count, count == 1 ? "" : "s", error ? ": " : "",
                       error ? error : "");
        any = true;
    }
    if (any) return;
    cli_table_cell(table, "refused");
    cli_table_cell(table, "nothing");
}

static void print_plan(const info_options *o, const json_t *planned)
{
    char a[CLI_NUMBER_BYTES], b[CLI_NUMBER_BYTES];
    cli_table table;
    const json_t *subnet;
    size_t i;
    printf("\ntraining %d subnet%s of a net of %s parameters on %s rows: %s in all, %s of it the master\n",
           o->run.subnets, o->run.subnets == 1 ? "" : "s",
           cli_show_count((char[CLI_NUMBER_BYTES]){0}, (int64_t)cli_json_number(planned, "parameters", 0)),
           cli_show_count((char[CLI_NUMBER_BYTES]){0}, o->rows),
           cli_show_bytes(a, cli_json_number(planned, "planned_bytes", 0)),
           cli_show_bytes(b, cli_json_number(planned, "master_bytes", 0)));
    if (o->values > 0)
        printf("with the rows and what evaluation takes: %s at most; data parallel on dense batches: %s\n",
               cli_show_bytes(a, cli_json_number(planned, "peak_bytes", 0)),
               cli_show_bytes(b, cli_json_number(planned, "data_parallel_bytes", 0)));
    if (o->checkpoints)
        printf("%s of it a copy that checkpoints are written from\n",
               cli_show_bytes(a, cli_json_number(planned, "copy_bytes", 0)));
    const json_t *traffic = json_object_get(planned, "traffic");
    const double moved = cli_json_number(traffic, "round_bytes_moved", 0);
    const double crossed = cli_json_number(traffic, "round_bytes_crossed", 0);
    printf("a round moves %s between master and subnets, on average %s of it (%.1f %%) between nodes\n",
           cli_show_bytes(a, moved), cli_show_bytes(b, crossed), moved > 0 ? 100 * crossed / moved : 0);
    cli_table_begin(&table, "rrrrr");
    static const char *const head[] = {"subnet", "team", "node", "parameters", "bytes"};
    for (i = 0; i < 5; i++) cli_table_cell(&table, "%s", head[i]);
    json_array_foreach(json_object_get(planned, "subnets"), i, subnet)
    {
        cli_table_cell(&table, "%d", (int)cli_json_number(subnet, "subnet", (double)i));
        cli_table_cell(&table, "%d", (int)cli_json_number(subnet, "team", 0));
        cli_table_cell(&table, "%d", (int)cli_json_number(subnet, "node", 0));
        cli_table_cell(&table, "%s", cli_show_count(a, (int64_t)cli_json_number(subnet, "parameters", 0)));
        cli_table_cell(&table, "%s", cli_show_bytes(b, cli_json_number(subnet, "bytes", 0)));
    }
    cli_table_end(&table, 2);
    const char *lacks = cli_json_text(json_object_get(planned, "room"), "line", NULL);
    if (lacks) printf("\n%s\n", lacks);
}

static void print_info(const info_options *o, const json_t *report, const json_t *planned)
{
    const json_t *machine = json_object_get(report, "machine"), *plan = json_object_get(report, "plan");
    const json_t *system = json_object_get(report, "system"), *teams = json_object_get(plan, "teams");
    const int count = (int)json_array_size(teams), threads = (int)cli_json_number(plan, "threads", 0);
    cli_table table;

    cli_table_begin(&table, "ll");
    cell_machine(&table, machine);
    cli_limits_rows(&table, report);
    cell_part(&table, machine);
    cli_table_cell(&table, "plan");
    cli_table_cell(&table, "%d team%s at %s, %d thread%s in all%s", count, count == 1 ? "" : "s",
                   cli_json_text(plan, "team_at", "?"), threads, threads == 1 ? "" : "s",
                   json_is_true(json_object_get(plan, "oversubscribed")) ? "; some cores have several threads" : "");
    cell_blas(&table, report);
    cli_table_cell(&table, "memory");
    cli_table_cell(&table, "transparent huge pages %s, NUMA balancing %s",
                   cli_json_text(system, "huge_pages", "unknown"), cli_json_text(system, "numa_balancing", "unknown"));
    cli_table_cell(&table, "placement");
    cli_table_cell(&table, "%s", cli_json_text(system, "placement", "unknown"));
    cell_refused(&table, system);
    cli_table_end(&table, 0);

    putchar('\n');
    info_draw(report, planned);
    if (planned) print_plan(o, planned);
}

/* What is asked of --predict; false: nothing. */
static bool ask_predict(const info_options *o, const json_t *report, info_question *question)
{
    *question = (info_question){.machine = &o->machine,
                                .report = report,
                                .net = &o->net,
                                .run = &o->run,
                                .rows = o->rows,
                                .type = o->type,
                                .method = o->method,
                                .samples = o->samples,
                                .predict = o->predict,
                                .rates_out = o->rates_out};
    return o->predict != NULL;
}

/* The plan of sparse rows, and beside it what data parallel would take, which cannot train on them. */
static json_t *plan_sparse(const info_options *o, ist_context *context, ist_status *status)
{
    ist_sparse_rows rows = IST_SPARSE_ROWS_INIT;
    rows.rows = o->rows;
    rows.values = (int64_t)(o->values * (double)o->rows + 0.5);
    rows.labels = (int64_t)(o->labels * (double)o->rows + 0.5);
    ist_train_config averaged = o->run;
    averaged.method = IST_METHOD_DATA_PARALLEL;
    averaged.shares = NULL;
    averaged.repartition_fraction = 1;
    json_t *planned = cli_plan_sparse(context, &o->net, &o->run, &rows, status);
    json_t *other = planned ? cli_plan_sparse(context, &o->net, &averaged, &rows, status) : NULL;
    if (planned) json_object_set_new(planned, "data_parallel_bytes", json_incref(json_object_get(other, "peak_bytes")));
    json_decref(other);
    return planned;
}

/* The net and its training, as far as the machine decides. */
static void complete(info_options *o, int32_t teams)
{
    o->net.hidden = o->hidden.width;
    o->net.hidden_count = o->hidden.count;
    o->run.background_saves = o->checkpoints;
    if (o->shares.count > 0) o->run.shares = o->shares.share;
    if (o->run.subnets == 0) o->run.subnets = o->shares.count;
    if (o->run.subnets == 0 && o->method == INFO_SGD) o->run.subnets = 1;
    if (o->run.subnets == 0) o->run.subnets = cli_automatic_subnets(&o->hidden, teams);
    o->net.subnets = o->run.subnets;
    o->run.method = o->method < 0 ? IST_METHOD_IST : o->method;
    if (o->values > 0 && o->labels != 1) o->net.output_norm = IST_NORM_NONE; /* as ist train has it */
}

static int info(info_options *o, ist_context *context)
{
    cli_teams teams = cli_context_teams(context);
    json_t *planned = NULL, *predicted = NULL;
    int exit_status = CLI_DONE;
    info_question question;
    if (!teams.report) return cli_library_failed(context, IST_E_MEMORY, CLI_READING);
    if (o->hidden.given) {
        ist_status status = IST_OK;
        complete(o, teams.teams);
        planned = o->values > 0 ? plan_sparse(o, context, &status)
                                : cli_plan_report(context, &o->net, &o->run, o->rows, o->type, &status);
        if (!planned) exit_status = cli_library_failed(context, status, CLI_READING);
    }
    const bool predicts = ask_predict(o, teams.report, &question);
    if (exit_status == CLI_DONE && predicts) predicted = info_predict(&question, &exit_status);
    if (exit_status == CLI_DONE && o->json) {
        json_t *all = json_pack("{s:O, s:O?}", "context", teams.report, "plan", planned);
        if (predicted) json_object_set(all, "prediction", predicted);
        exit_status = cli_json_print(all) ? CLI_DONE : CLI_FAILED;
        json_decref(all);
    } else if (exit_status == CLI_DONE) {
        print_info(o, teams.report, planned);
        if (predicted) info_predict_print(&question, predicted);
        exit_status = cli_stdout_is_well() ? CLI_DONE : CLI_FAILED;
    }
    json_decref(predicted);
    json_decref(planned);
    json_decref(teams.report);
    return exit_status;
}

/* Options that are well each by itself, but not together. */
static int check(const info_options *o, const cli_args *args)
{
    if (o->predict && !o->hidden.given) return cli_wrong("--predict: needs --hidden, the net that would be trained");
    if (o->predict && o->method == IST_METHOD_MASKED)
        return cli_wrong("--predict: what --method masked would take is not predicted");
    if (!o->predict && (o->rates_out || o->samples > 0))
        return cli_wrong("--%s: needs --predict", o->rates_out ? "rates-out" : "samples");
    if (o->method == INFO_SGD && o->run.subnets > 1) return cli_wrong("--subnets: --method sgd trains one whole net");
    if (o->method != INFO_ALL_METHODS && o->method != IST_METHOD_IST &&
        (o->shares.count > 0 || cli_was_given(args, "repartition-fraction")))
        return cli_wrong("--%s: for the method ist alone", o->shares.count > 0 ? "shares" : "repartition-fraction");
    if (o->predict && o->values > 0) return cli_wrong("--predict: of dense rows alone");
    if (o->values == 0 && cli_was_given(args, "labels")) return cli_wrong("--labels: needs --nonzeros");
    if (o->values > 0 && o->hidden.given && o->hidden.count == 0)
        return cli_wrong("--nonzeros: sparse rows need a net with a hidden layer");
    return o->rates_out ? cli_output_probe("rates-out", o->rates_out) : -1;
}

int cmd_info(int argc, char **argv)
{
    info_options o = {.net = IST_MODEL_CONFIG_INIT, .run = IST_TRAIN_CONFIG_INIT, .machine = IST_CONTEXT_CONFIG_INIT};
    o.net.features = 784; /* MNIST: a size that people know */
    o.net.classes = 10;
    o.rows = 60000;
    o.type = IST_UINT8;
    o.labels = 1;
    o.method = INFO_ALL_METHODS;
    const cli_group groups[] = {
        {"options", machine_options, sizeof machine_options / sizeof machine_options[0], &o},
        {"what would be trained", net_options, sizeof net_options / sizeof net_options[0], &o},
        {"prediction", predict_options, sizeof predict_options / sizeof predict_options[0], &o},
        {"machine", cli_team_options, cli_team_option_count, &o.machine},
    };
    const cli_verb verb = {.name = "info",
                           .purpose = "the machine, the plan of teams, the bytes of a training, and its time",
                           .groups = groups,
                           .group_count = sizeof groups / sizeof groups[0]};
    cli_args args;
    int status = cli_parse(&verb, argc, argv, &args);
    if (status < 0) status = check(&o, &args);
    if (status >= 0) return status;
    if (o.method == INFO_SGD && o.machine.teams == 0) o.machine.team_at = IST_AT_MACHINE; /* as ist train has it */
    ist_context *context = cli_guard_open(&o.machine, &status);
    if (!context) return status;
    status = info(&o, context);
    ist_context_destroy(context);
    return status;
}
