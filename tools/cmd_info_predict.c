/* cmd_info_predict.c - ist info --predict: rates are read or measured, each method is predicted, all of it is labelled. */
#include "cmd_info_predict.h"

#include <stdio.h>
#include <string.h>

#include "cli_context.h"
#include "cli_json.h"
#include "cli_number.h"
#include "cli_table.h"

static const struct {
    const char *name;
    int32_t method;
} methods[] = {{"ist", IST_METHOD_IST},
               {"sgd", INFO_SGD},
               {"data-parallel", IST_METHOD_DATA_PARALLEL},
               {"local-sgd", IST_METHOD_LOCAL_SGD},
               {"ensemble", IST_METHOD_ENSEMBLE}};
enum { METHODS = sizeof methods / sizeof *methods };

/* The cause that takes most of a round. */
static const char *bound_of(const ist_prediction *p)
{
    const struct {
        const char *name;
        double seconds;
    } causes[] = {{"products", p->products_s}, {"norms and batches", p->vectors_s}, {"memory of a node", p->memory_s},
                  {"copies", p->copies_s},     {"between nodes", p->link_s},        {"barriers", p->barriers_s}};
    size_t most = 0;
    for (size_t i = 1; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].seconds > causes[most].seconds) most = i;
    return causes[most].name;
}

static json_t *method_json(const char *name, int32_t subnets, double samples, const ist_prediction *p)
{
    json_t *json = json_pack("{s:s, s:s, s:i, s:i, s:i, s:f, s:f, s:s}", "method", name, "is", "predicted", "subnets",
                             (int)subnets, "teams", (int)p->teams, "idle_teams", (int)p->idle_teams, "step_s",
                             p->step_s, "round_s", p->round_s, "bound_by", bound_of(p));
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"gather_s", p->gather_s},
                   {"train_s", p->train_s},
                   {"mean_s", p->mean_s},
                   {"writeback_s", p->writeback_s},
                   {"between_s", p->between_s},
                   {"products_s", p->products_s},
                   {"vectors_s", p->vectors_s},
                   {"memory_s", p->memory_s},
                   {"copies_s", p->copies_s},
                   {"link_s", p->link_s},
                   {"barriers_s", p->barriers_s},
                   {"wait_s", p->wait_s},
                   {"samples", p->samples},
                   {"samples_per_s", p->samples_per_s},
                   {"flops", p->flops},
                   {"gflops", p->gflops},
                   {"bytes_moved", p->bytes_moved},
                   {"bytes_crossed", p->bytes_crossed}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(json, numbers[i].key, cli_json_real(numbers[i].value));
    if (samples > 0) json_object_set_new(json, "seconds", cli_json_real(samples / p->samples_per_s));
    return json;
}

/* A whole net wants one team over everything, as ist train --method sgd has it.  NULL: a line was printed. */
static json_t *predict_method(const info_question *q, size_t i, const cli_rates *rates, int *exit_status)
{
    ist_context_config machine = *q->machine;
    ist_model_config net = *q->net;
    ist_train_config run = *q->run;
    const bool sgd = methods[i].method == INFO_SGD;
    if (sgd) {
        if (machine.teams == 0) machine.team_at = IST_AT_MACHINE;
        net.subnets = run.subnets = 1;
        run.shares = NULL;
    }
    run.method = sgd ? IST_METHOD_IST : methods[i].method;
    if (run.method != IST_METHOD_IST) { /* which these are for alone */
        run.shares = NULL;
        run.repartition_fraction = 1;
    }
    ist_context *context = cli_context_open(&machine, exit_status);
    if (!context) return NULL;
    ist_prediction p = {.struct_size = sizeof p};
    const ist_status status = ist_plan_predict(context, &net, &run, q->rows, q->type, &rates->value, &p);
    json_t *json = NULL;
    if (status) *exit_status = cli_library_failed(context, status, CLI_READING);
    else json = method_json(methods[i].name, run.subnets, q->samples, &p);
    ist_context_destroy(context);
    return json;
}

/* What was measured with few cores says little of another machine's nodes, nor of barriers of more threads. */
static void forget_nodes(cli_rates *rates, const json_t *report)
{
    enum { NODE_GB_PER_S = 200 }; /* eight channels of DDR5, at two thirds of what they could */
    const json_t *nodes = json_object_get(json_object_get(report, "machine"), "nodes"), *node;
    bool told = true;
    size_t i;
    cli_rates assumed;
    cli_rates_assume(&assumed);
    if (cli_rate_is(rates, offsetof(ist_rates, barrier_thread_s)) == CLI_MEASURED)
        cli_rate_set(rates, offsetof(ist_rates, barrier_thread_s), assumed.value.barrier_thread_s, CLI_ASSUMED);
    if (cli_rate_is(rates, offsetof(ist_rates, node_gb_per_s)) == CLI_GIVEN) return;
    json_array_foreach(nodes, i, node)
    {
        told &= cli_json_number(node, "cores", 0) == 0 || cli_json_number(node, "bandwidth_mibs", 0) > 0;
    }
    cli_rate_set(rates, offsetof(ist_rates, node_gb_per_s), told ? 0 : NODE_GB_PER_S, CLI_ASSUMED);
}

static int find_rates(const info_question *q, cli_rates *rates)
{
    int status =
        strcmp(q->predict, "measure") == 0 ? cli_rates_measure(rates, q->machine) : cli_rates_read(rates, q->predict);
    if (status < 0 && q->rates_out && !cli_rates_write(rates, q->rates_out)) status = CLI_FAILED;
    if (status < 0 && q->machine->topology) forget_nodes(rates, q->report);
    return status;
}

json_t *info_predict(const info_question *q, int *exit_status)
{
    cli_rates rates;
    const int status = find_rates(q, &rates);
    if (status >= 0) {
        *exit_status = status;
        return NULL;
    }
    json_t *all = json_array();
    for (size_t i = 0; i < METHODS; i++) {
        if (q->method != INFO_ALL_METHODS && q->method != methods[i].method) continue;
        json_t *one = predict_method(q, i, &rates, exit_status);
        if (!one) {
            json_decref(all);
            return NULL;
        }
        json_array_append_new(all, one);
    }
    json_t *predicted = cli_rates_json(&rates);
    json_object_set_new(predicted, "methods", all);
    return predicted;
}

/* ------------------------------------------------------------------------------------------------------- tables -- */

/* "812 us", "41.3 ms", "2.07 s", "3.4 h" */
static const char *show_seconds(char out[CLI_NUMBER_BYTES], double seconds)
{
    if (seconds < 1e-3) snprintf(out, CLI_NUMBER_BYTES, "%.3g us", 1e6 * seconds);
    else if (seconds < 1) snprintf(out, CLI_NUMBER_BYTES, "%.3g ms", 1e3 * seconds);
    else if (seconds < 600) snprintf(out, CLI_NUMBER_BYTES, "%.3g s", seconds);
    else if (seconds < 36000) snprintf(out, CLI_NUMBER_BYTES, "%.3g min", seconds / 60);
    else snprintf(out, CLI_NUMBER_BYTES, "%.3g h", seconds / 3600);
    return out;
}

/* A bandwidth of 0 is none that we limit; of a node the library asks hwloc. */
static int show_rate(char *out, size_t cap, const char *key, double value)
{
    if (value > 0 || !strstr(key, "gb_per_s")) return snprintf(out, cap, " %s %.3g", key, value);
    return snprintf(out, cap, " %s %s", key, strcmp(key, "node_gb_per_s") == 0 ? "told by hwloc, or free" : "free");
}

/* "forward_gflops 98.1, pull_gflops 97.0, .." of one label, in lines of a width that terminals have. */
static void print_rates(const json_t *rates, const char *label)
{
    enum { COLUMNS = 100 };
    const char *key;
    json_t *rate;
    int column = 0;
    json_object_foreach((json_t *)(uintptr_t)rates, key, rate)
    {
        char text[96];
        if (strcmp(cli_json_text(rate, "is", ""), label) != 0) continue;
        const int length = show_rate(text, sizeof text, key, cli_json_number(rate, "value", 0));
        if (column == 0) column = printf("%s:", label);
        else column += printf(",");
        if (column + length > COLUMNS) {
            printf("\n         ");
            column = 9;
        }
        column += printf("%s", text);
    }
    if (column) putchar('\n');
}

/* Rates from a file may be such that the answer is beyond all integers. */
static int64_t whole(double value)
{
    return value < 9e18 ? (int64_t)value : INT64_MAX;
}

void info_predict_print(const info_question *q, const json_t *predicted)
{
    char a[CLI_NUMBER_BYTES], b[CLI_NUMBER_BYTES];
    cli_table table;
    const json_t *m;
    size_t i;
    const json_t *rates = json_object_get(predicted, "rates");
    printf("\npredicted, for rounds of %d steps of %d rows a subnet:\n", q->run->local_steps, q->run->batch);
    cli_table_begin(&table, q->samples > 0 ? "lrrrrrrrrrl" : "lrrrrrrrrl");
    static const char *const head[] = {"method",    "subnets", "teams", "step",   "round",
                                       "samples/s", "GFLOP/s", "moved", "crossed"};
    for (i = 0; i < sizeof head / sizeof *head; i++) cli_table_cell(&table, "%s", head[i]);
    if (q->samples > 0) cli_table_cell(&table, "%.4g samples", q->samples);
    cli_table_cell(&table, "bound by");
    json_array_foreach(json_object_get(predicted, "methods"), i, m)
    {
        const int idle = (int)cli_json_number(m, "idle_teams", 0), teams = (int)cli_json_number(m, "teams", 0);
        cli_table_cell(&table, "%s", cli_json_text(m, "method", "?"));
        cli_table_cell(&table, "%d", (int)cli_json_number(m, "subnets", 0));
        cli_table_cell(&table, idle ? "%d, %d idle" : "%d", teams, idle);
        cli_table_cell(&table, "%s", show_seconds(a, cli_json_number(m, "step_s", 0)));
        cli_table_cell(&table, "%s", show_seconds(a, cli_json_number(m, "round_s", 0)));
        cli_table_cell(&table, "%s", cli_show_count(a, whole(cli_json_number(m, "samples_per_s", 0))));
        cli_table_cell(&table, "%.4g", cli_json_number(m, "gflops", 0));
        cli_table_cell(&table, "%s", cli_show_bytes(a, cli_json_number(m, "bytes_moved", 0)));
        cli_table_cell(&table, "%s", cli_show_bytes(b, cli_json_number(m, "bytes_crossed", 0)));
        if (q->samples > 0) cli_table_cell(&table, "%s", show_seconds(a, cli_json_number(m, "seconds", 0)));
        cli_table_cell(&table, "%s", cli_json_text(m, "bound_by", "?"));
    }
    cli_table_end(&table, 2);
    const char *on = cli_json_text(predicted, "on", "");
    printf("from rates%s%s\n", *on ? " of " : "", on);
    print_rates(rates, "measured");
    print_rates(rates, "given");
    print_rates(rates, "assumed");
}
