/* cli_summary.c - what a finished run tells: tables for people, one object for programs.
 *
 * Written for somebody who has never seen the tool: the answer (accuracy) first, then what was trained on what, then
 * where the time went, then where the pages are.  A share that the kernel did not tell is "unknown", never 100 %.
 */
#include "cli_summary.h"

#include <stdio.h>
#include <string.h>

#include "cli_goal.h"
#include "cli_net.h"
#include "cli_number.h"
#include "cli_table.h"
#include "cli_teams.h"

void cli_describe_model(const ist_model *model, char *out, size_t cap)
{
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    char count[CLI_NUMBER_BYTES];
    out[0] = '\0';
    if (ist_model_describe(model, &config) != IST_OK) return;
    size_t len = (size_t)snprintf(out, cap, "%d", config.features);
    for (int32_t i = 0; i < config.hidden_count && len < cap; i++) {
        len += (size_t)snprintf(out + len, cap - len, " - %d", config.hidden[i]);
    }
    if (len >= cap) return;
    const bool hidden = config.hidden_count > 0 && config.hidden_norm == IST_NORM_BATCH;
    const bool output = config.output_norm == IST_NORM_BATCH;
    char scale[CLI_NUMBER_BYTES + 64] = "";
    if (config.loss == IST_LOSS_MSE) snprintf(scale, sizeof scale, ", a regression by squares");
    if (config.loss == IST_LOSS_BINARY) snprintf(scale, sizeof scale, ", a sigmoid for each label");
    if (config.loss == IST_LOSS_HUBER)
        snprintf(scale, sizeof scale, ", a regression by Huber's loss, delta %g", config.huber_delta);
    if (config.output_scale != 1) snprintf(scale, sizeof scale, ", logits times %g", config.output_scale);
    snprintf(out + len, cap - len, " - %d, %s%s%s, %s parameters", config.classes,
             hidden && output ? "batch norm on hidden layers and output"
             : hidden         ? "batch norm"
             : output         ? "batch norm on the output"
                              : "no norm",
             cli_activation_text(&config), scale, cli_show_count(count, ist_model_parameter_count(model)));
}

static double share(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

/* The kernel tells for bytes - unknown; without any of these nothing can be said. */
static void cell_local(cli_table *table, const json_t *place)
{
    const double bytes = cli_json_number(place, "bytes", 0);
    const double unknown = cli_json_number(place, "unknown_bytes", 0);
    const double local = cli_json_number(place, "local_bytes", 0);
    if (bytes <= 0 || unknown >= bytes) {
        cli_table_cell(table, "%s", bytes <= 0 ? "-" : "unknown");
    } else if (unknown > 0) {
        cli_table_cell(table, "%.1f %% (%.1f %% unknown)", share(local, bytes), share(unknown, bytes));
    } else {
        cli_table_cell(table, "%.1f %%", share(local, bytes));
    }
}

static void cell_node(cli_table *table, const json_t *place)
{
    const int node = (int)cli_json_number(place, "node", -1);
    if (node < 0) {
        cli_table_cell(table, "any");
    } else {
        cli_table_cell(table, "%d", node);
    }
}

void cli_print_pages(const json_t *placement)
{
    const json_t *subnets = json_object_get(placement, "subnets"), *teams = json_object_get(placement, "teams");
    const json_t *master = json_object_get(placement, "master"), *place;
    size_t i;
    cli_table table;
    char bytes[CLI_NUMBER_BYTES];
    if (json_array_size(subnets) == 0) return;
    puts("\nwhere each subnet's pages are");
    cli_table_begin(&table, "rrrrr");
    static const char *const head[] = {"subnet", "team", "node", "bytes", "on its node"};
    for (i = 0; i < 5; i++) cli_table_cell(&table, "%s", head[i]);
    json_array_foreach(subnets, i, place)
    {
        cli_table_cell(&table, "%d", (int)cli_json_number(place, "subnet", (double)i));
        cli_table_cell(&table, "%d", (int)cli_json_number(place, "team", 0));
        cell_node(&table, place);
        cli_table_cell(&table, "%s", cli_show_bytes(bytes, cli_json_number(place, "bytes", 0)));
        cell_local(&table, place);
    }
    json_array_foreach(teams, i, place)
    {
        cli_table_cell(&table, "work space");
        cli_table_cell(&table, "%d", (int)cli_json_number(place, "team", (double)i));
        cell_node(&table, place);
        cli_table_cell(&table, "%s", cli_show_bytes(bytes, cli_json_number(place, "bytes", 0)));
        cell_local(&table, place);
    }
    if (json_is_object(master)) {
        cli_table_cell(&table, "master");
        cli_table_cell(&table, "all");
        cli_table_cell(&table, "all");
        cli_table_cell(&table, "%s", cli_show_bytes(bytes, cli_json_number(master, "bytes", 0)));
        cell_local(&table, master);
    }
    cli_table_end(&table, 2);
}

static void print_times(const cli_run *run)
{
    const ist_progress *at = &run->at;
    const double whole = at->seconds + run->evaluate_s + run->saves.waited_s;
    /* Deals, waking the teams, the log: what the library's four phases leave of its own time. */
    const double other = at->seconds - at->gather_s - at->train_s - at->wait_s - at->writeback_s;
    const struct {
        const char *what;
        double seconds;
    } row[] = {
        {"gather", at->gather_s},
        {"train", at->train_s},
        {"wait", at->wait_s},
        {"write back", at->writeback_s},
        {"between rounds", other > 0 ? other : 0},
        {"evaluation", run->evaluate_s},
        {"checkpoints", run->saves.waited_s},
        {"all", whole},
    };
    cli_table table;
    puts("\nwhere the time went");
    cli_table_begin(&table, "lrr");
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        cli_table_cell(&table, "%s", row[i].what);
        cli_table_cell(&table, "%.3f s", row[i].seconds);
        cli_table_cell(&table, "%.1f %%", share(row[i].seconds, whole));
    }
    cli_table_end(&table, 2);
}

/* What was best, and why it ended where it did. */
static void print_end(cli_table *table, const cli_run *run)
{
    char text[CLI_NUMBER_BYTES];
    if (run->best.round > 0) {
        cli_table_cell(table, "best");
        char words[64];
        cli_table_cell(table, "%s %s in round %s, epoch %.2f%s", run->split[0].name,
                       cli_goal_words(run->regresses, &run->best.result, words, sizeof words),
                       cli_show_count(text, run->best.round), run->best.epoch,
                       run->best.keep ? ": its net is the result" : "");
    }
    if (run->end == CLI_END_PATIENCE) {
        cli_table_cell(table, "ended");
        cli_table_cell(table, "after %d evaluation%s without a better one", run->best.since,
                       run->best.since == 1 ? "" : "s");
    } else if (run->end == CLI_END_TIME) {
        cli_table_cell(table, "ended");
        cli_table_cell(table, "by --time-limit: how far it came depends on the clock, this result cannot be repeated");
    }
}

void cli_summary_print(const cli_summary *summary)
{
    const cli_run *run = summary->run;
    const ist_progress *at = &run->at;
    char text[512], a[CLI_NUMBER_BYTES], b[CLI_NUMBER_BYTES];
    cli_table table;

    cli_table_begin(&table, "ll");
    for (int i = 0; run->evaluated_round >= 0 && i < run->split_count; i++) {
        const cli_split *split = &run->split[i];
        if (run->regresses) {
            cli_table_cell(&table, "%s error", split->name);
            cli_table_cell(&table, "%s  (mean size %.6g, loss %.4g, %s rows)",
                           cli_goal_words(true, &split->result, text, sizeof text), split->result.mae,
                           split->result.loss, cli_show_count(a, split->result.rows));
            continue;
        }
        cli_table_cell(&table, "%s accuracy", split->name);
        cli_table_cell(&table, "%.4f  (%s of %s right, loss %.4f)", split->result.accuracy,
                       cli_show_count(a, split->result.correct), cli_show_count(b, split->result.rows),
                       split->result.loss);
        snprintf(text, sizeof text, "%s ", split->name);
        cli_rank_rows(&table, text, &split->ranking, false);
    }
    if (run->averaged > 0) {
        cli_table_cell(&table, "weights");
        cli_table_cell(&table, "the average over %s rounds", cli_show_count(a, run->averaged));
    }
    print_end(&table, run);
    cli_table_cell(&table, "training loss");
    cli_table_cell(&table, "%.4f", at->loss);
    cli_table_cell(&table, "net");
    cli_describe_model(run->model, text, sizeof text);
    cli_table_cell(&table, "%s", text);
    cli_table_cell(&table, "trained as");
    const int32_t teams = summary->teams->teams, threads = summary->teams->threads;
    static const char *const kinds[] = {"subnet", "replica", "replica", "member", "replica"}; /* IST_METHOD_* */
    cli_table_cell(&table, "%d %s%s on %d team%s (%s), %d thread%s in all", summary->subnets, kinds[summary->method],
                   summary->subnets == 1 ? "" : "s", teams, teams == 1 ? "" : "s", summary->teams->at, threads,
                   threads == 1 ? "" : "s");
    if (summary->adaptive) {
        cli_table_cell(&table, "note");
        cli_table_cell(&table, "--balance adaptive: shares followed the clock, this result cannot be repeated");
    }
    cli_table_cell(&table, "samples");
    cli_table_cell(&table, "%s in %s rounds, %s a second", cli_show_count(a, at->samples), cli_show_count(b, at->round),
                   cli_show_count((char[CLI_NUMBER_BYTES]){0}, (int64_t)cli_run_samples_per_s(run)));
    cli_table_cell(&table, "products");
    cli_table_cell(&table, "%.1f GFLOP/s (%.3g TFLOP)", cli_run_gflops(run), (at->flops - run->begin.flops) / 1e12);
    cli_table_cell(&table, "exchange");
    const double rounds = at->round > run->begin.round ? (double)(at->round - run->begin.round) : 1;
    const double moved = at->bytes_moved - run->begin.bytes_moved,
                 crossed = at->bytes_crossed - run->begin.bytes_crossed;
    cli_table_cell(&table, "%s a round between master and %ss, %s of it (%.1f %%) between nodes",
                   cli_show_bytes(a, moved / rounds), kinds[summary->method], cli_show_bytes(b, crossed / rounds),
                   share(crossed, moved));
    if (json_is_object(json_object_get(summary->placement, "proof"))) {
        cli_table_cell(&table, "pages");
        cli_table_cell(&table, "%s", cli_verify_words(&run->verify, summary->placement, text, sizeof text));
    }
    cli_table_end(&table, 0);
    print_times(run);
    cli_print_teams(run->trainer);
    cli_print_pages(summary->placement);
}

json_t *cli_summary_event(const cli_summary *summary)
{
    const cli_run *run = summary->run;
    char text[512];
    json_t *o = cli_run_event(run, "end");
    json_object_set_new(o, "status", json_integer(run->exit_status));
    json_object_set_new(o, "reason", json_string(cli_run_end_word(run->end)));
    json_t *final = json_object();
    for (int i = 0; run->evaluated_round >= 0 && i < run->split_count; i++) {
        const ist_evaluation *e = &run->split[i].result;
        json_t *one = json_pack("{s:I}", "rows", (json_int_t)e->rows);
        if (run->regresses) json_object_set_new(one, "mae", cli_json_real(e->mae));
        else json_object_set_new(one, "correct", json_integer(e->correct));
        cli_goal_add(one, run->regresses, e);
        cli_rank_add(one, &run->split[i].ranking, false);
        json_object_set_new(one, "loss", cli_json_real(e->loss));
        json_object_set_new(final, run->split[i].name, one);
    }
    json_object_set_new(o, "final", final);
    json_object_set_new(o, "weights", json_string(run->averaged ? "average" : "master"));
    json_object_set_new(o, "best", cli_best_json(&run->best));
    json_object_set_new(o, "evaluated_round", json_integer(run->evaluated_round));
    json_object_set_new(o, "rounds", json_integer(run->at.rounds));
    json_object_set_new(o, "stalls", json_integer(run->stalls));
    json_object_set_new(o, "retries", json_integer(run->at.lr_scalings));
    json_object_set_new(o, "samples_per_s", cli_json_real(cli_run_samples_per_s(run)));
    json_object_set_new(o, "subnets", json_integer(summary->subnets));
    json_object_set_new(o, "reproducible", json_boolean(!summary->adaptive && run->end != CLI_END_TIME));
    json_object_set_new(o, "teams", json_integer(summary->teams->teams));
    json_object_set_new(o, "threads", json_integer(summary->teams->threads));
    cli_describe_model(run->model, text, sizeof text);
    json_object_set_new(o, "net", json_string(text));
    json_object_set_new(o, "parameters", json_integer(ist_model_parameter_count(run->model)));
    json_object_set_new(o, "checkpoints", cli_checkpoint_json(&run->saves));
    json_object_set_new(o, "verify", cli_verify_json(&run->verify));
    json_object_set_new(o, "report", summary->placement ? json_deep_copy(summary->placement) : json_null());
    return o;
}
