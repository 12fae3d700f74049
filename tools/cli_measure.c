/* cli_measure.c - rates of this machine, from short trainings on made data: what is measured is what is predicted.
 *
 * Every team of the plan trains a replica of its own, so that a core's rate is that of a core whose neighbours work, too.
 * A timeline tells how long each kernel of each step took; the lower quartile of these stands for a kernel on a machine
 * that is not disturbed.  How much longer whole steps take than all parts together is kept as step_factor.  Whole rounds
 * are timed by the processor's time of the calling thread, which works as all others do, and spins where it waits: so
 * time that the system gives to other programs is not counted, and without them it is the wall's.  All nets take turns,
 * so that a machine whose speed changes changes all of them alike.
 *
 * Two nets that differ in the inputs of a layer alone tell its product from its norm.  A net with next to nothing to
 * compute tells what a step and its barriers take by themselves: with all threads, and with one.
 */
#define _GNU_SOURCE /* mkdtemp, CPU affinity */
#include "cli_measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli_context.h"
#include "cli_json.h"
#include "cli_rates.h"
#include "cli_triad.h"

enum {
    BATCH = 128,
    FEATURES = 1024,
    CLASSES = 48, /* whole panels */
    FEW = 16,     /* inputs of a layer that is nearly all norm */
    ROWS = 8192,
    TURNS = 4,
    ROUNDS = 3, /* of a turn; of tiny ones more */
    TINY_STEPS = 50,
    TINY_ROUNDS = 60
};

/* What the benches are. */
enum { BY_SGD, BY_MOMENTUM, BY_NESTEROV, BY_ADAM, NORMS, MOVE_ROWS, MOVE_COLUMNS, MEAN, TINY, TINY_ALONE, BENCHES };

typedef struct bench {
    ist_context *context; /* borrowed, as is the dataset */
    ist_dataset *dataset;
    ist_model *model;
    ist_trainer *trainer;
    ist_model_config net;
    ist_train_config train;
    int32_t hidden[2];
    cli_slices slices;
    double last_s; /* when the last round ended, 0: none yet */
} bench;

typedef struct lab {
    ist_context *all, *alone; /* the plan's teams; one thread */
    int32_t teams, threads;   /* of the plan; of a team */
    int32_t width;            /* a layer of which every thread has as much */
    uint8_t *x;
    int32_t *labels;
    ist_dataset *many[2], *few[2]; /* features; of either context */
    bench bench[BENCHES];
    char folder[64], path[96];
} lab;

/* ------------------------------------------------------------------------------------------------------ benches -- */

static ist_status open_bench(bench *b, ist_context *context, ist_dataset *dataset)
{
    b->context = context;
    b->dataset = dataset;
    b->net.features = ist_dataset_features(dataset);
    b->net.classes = CLASSES;
    b->net.hidden = b->hidden;
    b->train.batch = BATCH;
    b->train.schedule = IST_LR_CONSTANT;
    b->train.rounds = 1000000;
    b->train.lr = 1e-4; /* nothing is learned here, and nothing diverges */
    const float shift = 127.5F, factor = 1.0F / 74.0F;
    ist_status status = ist_model_create(context, &b->model, &b->net);
    if (!status) status = ist_model_set_normalization(b->model, 1, &shift, &factor);
    if (!status) status = ist_trainer_create(context, &b->trainer, b->model, dataset, &b->train);
    return status;
}

static ist_status open_benches(lab *l)
{
    for (int i = 0; i < BENCHES; i++) {
        bench *b = &l->bench[i];
        b->net = (ist_model_config)IST_MODEL_CONFIG_INIT;
        b->train = (ist_train_config)IST_TRAIN_CONFIG_INIT;
        b->net.hidden_count = i <= BY_ADAM || i == MOVE_COLUMNS ? 2 : 1;
        b->hidden[0] = b->hidden[1] = l->width;
        b->train.optimizer = i <= BY_ADAM ? IST_SGD + i : IST_MOMENTUM;
        b->train.method = IST_METHOD_LOCAL_SGD;
        b->train.subnets = i == TINY_ALONE ? 1 : l->teams;
        b->train.local_steps = i <= BY_ADAM ? 6 : i == NORMS ? 40 : 1;
        if (i == MOVE_ROWS || i == MOVE_COLUMNS || i == MEAN) {
            b->train.method = i == MEAN ? IST_METHOD_DATA_PARALLEL : IST_METHOD_IST;
            b->train.subnets = b->net.subnets = l->teams > 1 ? l->teams : 2;
            b->hidden[0] = b->hidden[1] = 2048 / (FEW * b->net.subnets) * (FEW * b->net.subnets);
            if (b->hidden[0] == 0) b->hidden[0] = b->hidden[1] = FEW * b->net.subnets;
            if (i == MEAN) b->net.subnets = 1;
            b->train.local_steps = i == MEAN ? 4 : 1;
            b->train.batch = FEW;
        }
        if (i == TINY || i == TINY_ALONE) {
            b->hidden[0] = i == TINY ? FEW * l->threads : FEW;
            b->train.local_steps = TINY_STEPS;
        }
        const bool few = i == NORMS || i == MOVE_COLUMNS || i >= TINY;
        const int where = i == TINY_ALONE;
        const ist_status status = open_bench(b, where ? l->alone : l->all, few ? l->few[where] : l->many[where]);
        if (status) return status;
    }
    return IST_OK;
}

/* splitmix64, as the benchmarks have it. */
static uint64_t noise(uint64_t counter)
{
    uint64_t z = counter * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static ist_status open_data(lab *l)
{
    l->x = malloc((size_t)ROWS * FEATURES);
    l->labels = malloc(ROWS * sizeof *l->labels);
    if (!l->x || !l->labels) return IST_E_MEMORY;
    for (size_t i = 0; i < (size_t)ROWS * FEATURES; i++) l->x[i] = (uint8_t)noise(i);
    for (uint64_t i = 0; i < ROWS; i++) l->labels[i] = (int32_t)(noise(~i) % CLASSES);
    ist_status status = IST_OK;
    for (int where = 0; where < 2 && !status; where++) {
        ist_context *context = where ? l->alone : l->all;
        status =
            ist_dataset_wrap(context, &l->many[where], l->x, IST_UINT8, ROWS, FEATURES, FEATURES, l->labels, CLASSES);
        if (!status)
            status =
                ist_dataset_wrap(context, &l->few[where], l->x, IST_UINT8, ROWS, FEW, FEATURES, l->labels, CLASSES);
    }
    return status;
}

/* -------------------------------------------------------------------------------------------------------- turns -- */

static int32_t note_round(void *user, const ist_progress *progress)
{
    bench *b = user;
    struct timespec t;
    (void)progress;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t)) return 0;
    const double now = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    if (b->last_s > 0) cli_slices_add(&b->slices, CLI_SLICE_ROUND, now - b->last_s);
    b->last_s = now;
    return 0;
}

/* One turn: a few rounds, with a timeline; of tiny nets without, which would be most of their work. */
static ist_status take_turn(lab *l, bench *b, bool tiny)
{
    b->last_s = 0;
    if (tiny) return ist_trainer_run(b->trainer, TINY_ROUNDS, note_round, b);
    ist_trace_config config = IST_TRACE_CONFIG_INIT;
    ist_status status = ist_trace_start(b->context, &config);
    if (!status) status = ist_trainer_run(b->trainer, ROUNDS, note_round, b);
    if (!status) status = ist_trace_write(b->context, l->path, NULL);
    ist_trace_stop(b->context);
    if (!status && !cli_slices_read(&b->slices, l->path)) status = IST_E_IO;
    return status;
}

static ist_status take_turns(lab *l)
{
    for (int turn = -1; turn < TURNS; turn++)
        for (int i = 0; i < BENCHES; i++) {
            bench *b = &l->bench[i];
            cli_progress_show(i == 0, "measuring: turn %d of %d", turn < 0 ? 1 : turn + 1, TURNS);
            if (turn < 0) {
                const ist_status warm = ist_trainer_run(b->trainer, 1, NULL, NULL);
                if (warm) return warm;
                continue;
            }
            const ist_status status = take_turn(l, b, i >= TINY);
            if (status) return status;
        }
    cli_progress_clear();
    return IST_OK;
}

/* ------------------------------------------------------------------------------------------------- from times to rates -- */

static double quartile(bench *b, int kind)
{
    return cli_slices_quantile(&b->slices, kind, 0.25);
}

#define SET(field, value_) cli_rate_set(rates, offsetof(ist_rates, field), value_, CLI_MEASURED)

/* A product whose time differs by `seconds` for so many more flops. */
static double gflops_of(double flops, double seconds)
{
    return seconds > 0 ? 1e-9 * flops / seconds : 0;
}

static double at_least_0(double value)
{
    return value > 0 ? value : 0;
}

static void find_products(lab *l, cli_rates *rates)
{
    bench *b = &l->bench[BY_SGD], *norms = &l->bench[NORMS];
    const double rows = (double)l->width / l->threads, width = l->width; /* neurons of a thread */
    double forward_s = 0, pull_s = 0, top_s = 0;
    for (int i = BY_SGD; i <= BY_ADAM; i++) { /* all optimisers have these in common */
        forward_s += quartile(&l->bench[i], CLI_SLICE_FORWARD + 1) / 4;
        pull_s += quartile(&l->bench[i], CLI_SLICE_BACKWARD) / 4;
        top_s += quartile(&l->bench[i], CLI_SLICE_BACKWARD + 1) / 4;
    }
    const double few_s = quartile(norms, CLI_SLICE_FORWARD), each = 2.0 * BATCH * rows;
    const double forward = gflops_of(each * (width - FEW), forward_s - few_s);
    const double pull = gflops_of(each * (width - CLASSES), pull_s - top_s);
    SET(forward_gflops, forward);
    SET(pull_gflops, pull);
    SET(norm_forward_s, at_least_0(few_s - each * FEW / (1e9 * forward)) / (rows * BATCH));
    SET(norm_backward_s, at_least_0(top_s - each * CLASSES / (1e9 * pull)) / (rows * BATCH));
    for (int i = BY_SGD; i <= BY_ADAM; i++)
        SET(update_gflops[i], gflops_of(each * (FEATURES + width), quartile(&l->bench[i], CLI_SLICE_UPDATE) +
                                                                       quartile(&l->bench[i], CLI_SLICE_UPDATE + 1)));
    const double share = ceil((double)BATCH / FEW / l->threads) * FEW; /* samples, in vectors of 16 */
    SET(loss_s, quartile(b, CLI_SLICE_LOSS) / (share * CLASSES));
    const double features = ceil((double)FEATURES / FEW / l->threads) * FEW;
    SET(assemble_s, quartile(b, CLI_SLICE_ASSEMBLE) / (features * BATCH));
}

/* The rate at which a thread has moved its share of so many numbers, parameters and one state. */
static double gb_per_s(double numbers, double threads, double seconds)
{
    return seconds > 0 ? 1e-9 * 2 * sizeof(float) * numbers / threads / seconds : 0;
}

static void find_moves(lab *l, cli_rates *rates)
{
    const double threads = l->threads;
    bench *b = &l->bench[MOVE_ROWS];
    const double n = b->net.subnets, per_team = n / l->teams; /* subnets of a team */
    double width = b->hidden[0] / n, numbers = per_team * (FEATURES + CLASSES + 2) * width;
    const double gather = gb_per_s(numbers, threads, quartile(b, CLI_SLICE_GATHER));
    const double write = gb_per_s(numbers, threads, quartile(b, CLI_SLICE_WRITE_BACK));
    SET(gather_rows_gb_per_s, gather);
    SET(write_rows_gb_per_s, write);
    b = &l->bench[MOVE_COLUMNS];
    width = b->hidden[0] / n;
    numbers = per_team * (FEW + CLASSES + 4) * width;
    const double rows_bytes = 1e-9 * 2 * sizeof(float) * numbers / threads;
    SET(gather_columns_gb_per_s,
        gb_per_s(per_team * width * width, threads, quartile(b, CLI_SLICE_GATHER) - rows_bytes / gather));
    SET(write_columns_gb_per_s,
        gb_per_s(per_team * width * width, threads, quartile(b, CLI_SLICE_WRITE_BACK) - rows_bytes / write));
    SET(deal_s, cli_slices_quantile(&b->slices, CLI_SLICE_DEAL, 0.5) / (2.0 * b->hidden[0]));
    SET(round_s, cli_slices_quantile(&b->slices, CLI_SLICE_CLOSE, 0.5));
    b = &l->bench[MEAN]; /* n gradients, n replicas, the state both ways */
    const double block = (double)ist_model_parameter_count(b->model) * sizeof(float);
    SET(mean_gb_per_s, 1e-9 * (2 * n + 2) * block / (threads * l->teams) / quartile(b, CLI_SLICE_WRITE_BACK));
}

static ist_prediction predicted(const bench *b, const cli_rates *rates)
{
    ist_prediction p = {.struct_size = sizeof p};
    if (ist_plan_predict(b->context, &b->net, &b->train, ROWS, IST_UINT8, &rates->value, &p)) p.step_s = p.round_s = 0;
    return p;
}

/* A step of a tiny net beyond what is predicted of it. */
static double beyond(bench *b, const cli_rates *rates)
{
    const double round_s = cli_slices_quantile(&b->slices, CLI_SLICE_ROUND, 0.1); /* short: the least disturbed */
    return at_least_0(round_s - predicted(b, rates).round_s) / TINY_STEPS;
}

/* Tiny nets have 4 barriers in a step, and one more with the output's norm. */
static void find_overheads(lab *l, cli_rates *rates)
{
    enum { BARRIERS = 5 };
    rates->value.step_s = rates->value.barrier_thread_s = 0;
    SET(step_s, beyond(&l->bench[TINY_ALONE], rates));
    if (l->threads > 1) SET(barrier_thread_s, beyond(&l->bench[TINY], rates) / (BARRIERS * l->threads));
    else rates->value.barrier_thread_s = 1e-7;
}

static void find_factor(lab *l, cli_rates *rates)
{
    cli_slices factors = {0};
    rates->value.step_factor = 1;
    for (int i = BY_SGD; i <= BY_ADAM; i++) {
        bench *b = &l->bench[i];
        const ist_prediction p = predicted(b, rates);
        const double steps_s = b->train.local_steps * p.step_s, rest_s = p.round_s - steps_s;
        cli_slices_add(&factors, 0, (cli_slices_quantile(&b->slices, CLI_SLICE_ROUND, 0.5) - rest_s) / steps_s);
    }
    SET(step_factor, cli_slices_quantile(&factors, 0, 0.5));
    cli_slices_free(&factors);
}

/* ------------------------------------------------------------------------------------------------------ the lab -- */

static void describe(const lab *l, cli_rates *rates)
{
    json_t *report = cli_context_report(l->all);
    const json_t *blas = json_object_get(report, "blas");
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    snprintf(rates->on, sizeof rates->on, "%s: %d team%s of %d thread%s, engine %s, %s kernels, batch %d", host,
             l->teams, l->teams == 1 ? "" : "s", l->threads, l->threads == 1 ? "" : "s",
             cli_json_text(blas, "engine", "?"), cli_json_text(blas, "kernels", "?"), BATCH);
    json_decref(report);
}

static ist_status open_lab(lab *l, const ist_context_config *machine, int *exit_status)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(l->folder, sizeof l->folder, "%.40s/ist-rates-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(l->folder)) {
        *l->folder = '\0';
        return IST_E_IO;
    }
    snprintf(l->path, sizeof l->path, "%s/slices.json", l->folder);
    ist_context_config config = *machine;
    config.topology = NULL;
    l->all = cli_context_open(&config, exit_status);
    if (!l->all) return IST_E_PLACEMENT;
    config.teams = config.threads_per_team = 1;
    l->alone = cli_context_open(&config, exit_status);
    if (!l->alone) return IST_E_PLACEMENT;
    const cli_teams plan = cli_context_teams(l->all);
    json_decref(plan.report);
    l->teams = plan.teams;
    l->threads = plan.threads / plan.teams > 0 ? plan.threads / plan.teams : 1;
    /* Slices of half a millisecond: shorter than what the system gives to others at a time, long enough for a clock. */
    const int32_t rows = (int32_t)(512 / sqrt(l->threads)) / FEW * FEW;
    l->width = l->threads * (rows < 4 * FEW ? 4 * FEW : rows);
    ist_status status = open_data(l);
    if (!status) status = open_benches(l);
    return status;
}

static void close_lab(lab *l)
{
    for (int i = 0; i < BENCHES; i++) {
        ist_trainer_destroy(l->bench[i].trainer);
        ist_model_destroy(l->bench[i].model);
        cli_slices_free(&l->bench[i].slices);
    }
    for (int where = 0; where < 2; where++) {
        ist_dataset_destroy(l->many[where]);
        ist_dataset_destroy(l->few[where]);
    }
    ist_context_destroy(l->all);
    ist_context_destroy(l->alone);
    free(l->x);
    free(l->labels);
    if (!*l->folder) return;
    unlink(l->path);
    rmdir(l->folder);
}

int cli_rates_measure(cli_rates *out, const ist_context_config *machine)
{
    static lab l; /* large, and one at a time */
    int exit_status = CLI_FAILED;
    cli_rates rates;
    cli_rates_assume(&rates);
    l = (lab){0};
    ist_status status = open_lab(&l, machine, &exit_status);
    if (!status) status = take_turns(&l);
    if (status && l.all) exit_status = cli_library_failed(l.all, status, CLI_WRITING);
    if (!status) {
        cli_triad_measure(&rates, l.all);
        find_products(&l, &rates);
        find_moves(&l, &rates);
        find_overheads(&l, &rates);
        find_factor(&l, &rates);
        describe(&l, &rates);
        *out = rates;
    }
    close_lab(&l);
    return status ? exit_status : -1;
}
