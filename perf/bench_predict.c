/* bench_predict.c - how long real rounds take, for predict.sh to hold predictions against (perf/README.md).
 *
 *     ist-bench-predict TURNS METHOD:CONFIG...        CONFIG as for ist-bench-step; the first one is the reference
 *
 * All trainings are in memory at once and take turns, a few rounds each; before each of them the reference takes its turn.
 * A round's time is the processor's time of the calling thread: it works as all others do and spins where it waits, so
 * that this is the wall's time on a machine by itself, and without what other programs got where it is not.  Printed are
 * lines of tab-separated columns: method, net, optimizer, subnets, teams, threads, steps, batch, rows; seconds of a round:
 * median and quartiles over turns; the same as ratio to the reference of the turn; part of the wall's time that the
 * thread had its processor.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ist/ist.h"
#include "stats.h"
#include "step.h"

enum { MOST = 40, TURNS_MOST = 200, ROUNDS = 2 };

typedef struct entry {
    char method[32];
    step_config config;
    ist_context *context;
    ist_dataset *dataset;
    ist_model *model;
    ist_trainer *trainer;
    uint8_t *x;
    int32_t *labels;
    double last_s, round_s[ROUNDS]; /* of the turn; last_s 0: none yet */
    int rounds;
    double turn_s[TURNS_MOST], ratio[TURNS_MOST];
    double wall_s, cpu_s;
} entry;

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double wall_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void tell(void *user, int32_t level, const char *line)
{
    (void)user;
    if (level == IST_LOG_ERROR) fprintf(stderr, "ist-bench-predict: %s\n", line);
}

static bool parse(char *text, entry *e)
{
    char *colon = strchr(text, ':');
    if (!colon || colon - text >= (int)sizeof e->method) return false;
    memcpy(e->method, text, (size_t)(colon - text));
    return step_config_parse(colon + 1, &e->config);
}

static int32_t method_of(const char *name)
{
    static const char *const names[] = {"ist", "data-parallel", "local-sgd", "ensemble"}; /* IST_METHOD_* */
    for (int32_t i = 0; i < 4; i++)
        if (strcmp(names[i], name) == 0) return i;
    return strcmp(name, "sgd") == 0 ? IST_METHOD_IST : -1;
}

static ist_status open_entry(entry *e)
{
    const step_config *c = &e->config;
    const int32_t features = c->widths[0], classes = c->widths[c->width_count - 1];
    ist_context_config machine = IST_CONTEXT_CONFIG_INIT;
    machine.teams = c->teams;
    machine.threads_per_team = c->threads;
    machine.engine = c->engine_value;
    machine.log = tell;
    ist_status status = ist_context_create(&e->context, &machine);
    if (status) return status;
    const size_t bytes = (size_t)c->rows * (size_t)features;
    e->x = malloc(bytes);
    e->labels = malloc((size_t)c->rows * sizeof *e->labels);
    if (!e->x || !e->labels) return IST_E_MEMORY;
    uint64_t noise = 1;
    for (size_t i = 0; i < bytes; i++) e->x[i] = (uint8_t)((noise = noise * 6364136223846793005U + 1) >> 56);
    for (int32_t i = 0; i < c->rows; i++) e->labels[i] = (int32_t)(i * 7919LL % classes);
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = features;
    net.classes = classes;
    net.hidden_count = c->width_count - 2;
    net.hidden = c->widths + 1;
    ist_train_config train = IST_TRAIN_CONFIG_INIT;
    train.method = method_of(e->method);
    train.subnets = c->subnets;
    train.local_steps = c->local_steps;
    train.batch = c->batch;
    train.optimizer = c->optimizer_value;
    train.lr = 1e-4;
    train.rounds = 1000000;
    const bool deals = train.method == IST_METHOD_IST || train.method == IST_METHOD_ENSEMBLE;
    net.subnets = deals ? c->subnets : 1;
    status =
        ist_dataset_wrap(e->context, &e->dataset, e->x, IST_UINT8, c->rows, features, features, e->labels, classes);
    if (!status) status = ist_model_create(e->context, &e->model, &net);
    const float shift = 127.5F, factor = 1.0F / 74.0F;
    if (!status) status = ist_model_set_normalization(e->model, 1, &shift, &factor);
    if (!status) status = ist_trainer_create(e->context, &e->trainer, e->model, e->dataset, &train);
    if (!status) status = ist_trainer_run(e->trainer, 1, NULL, NULL); /* memory is touched, caches are warm */
    if (status) fprintf(stderr, "ist-bench-predict: %s\n", ist_context_error(e->context));
    return status;
}

static void close_entry(entry *e)
{
    ist_trainer_destroy(e->trainer);
    ist_model_destroy(e->model);
    ist_dataset_destroy(e->dataset);
    ist_context_destroy(e->context);
    free(e->x);
    free(e->labels);
}

static int32_t note_round(void *user, const ist_progress *progress)
{
    entry *e = user;
    (void)progress;
    const double now = cpu_now();
    if (e->last_s > 0 && e->rounds < ROUNDS) e->round_s[e->rounds++] = now - e->last_s;
    e->last_s = now;
    return 0;
}

/* Seconds of a round, by a turn; 0: it failed. */
static double take_turn(entry *e)
{
    e->last_s = 0;
    e->rounds = 0;
    const double wall = wall_now(), cpu = cpu_now();
    if (ist_trainer_run(e->trainer, ROUNDS, note_round, e)) {
        fprintf(stderr, "ist-bench-predict: %s\n", ist_context_error(e->context));
        return 0;
    }
    e->wall_s += wall_now() - wall;
    e->cpu_s += cpu_now() - cpu;
    return stats_quantile(e->round_s, e->rounds, 0.5);
}

static bool take_turns(entry *all, int count, int turns)
{
    for (int turn = 0; turn < turns; turn++)
        for (int k = 0; k < count; k++) {
            const int i = turn % 2 ? count - 1 - k : k;
            const double reference = take_turn(&all[0]), own = i == 0 ? reference : take_turn(&all[i]);
            if (reference <= 0 || own <= 0) return false;
            all[i].turn_s[turn] = own;
            all[i].ratio[turn] = own / reference;
        }
    return true;
}

static void print(entry *e, int turns)
{
    const step_config *c = &e->config;
    printf("%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d", e->method, c->net, c->optimizer, c->subnets, c->teams, c->threads,
           c->local_steps, c->batch, c->rows);
    static const double quantiles[] = {0.5, 0.25, 0.75};
    for (int i = 0; i < 3; i++) printf("\t%.6g", stats_quantile(e->turn_s, turns, quantiles[i]));
    for (int i = 0; i < 3; i++) printf("\t%.6g", stats_quantile(e->ratio, turns, quantiles[i]));
    printf("\t%.3f\n", e->cpu_s / e->wall_s);
}

int main(int argc, char **argv)
{
    static entry all[MOST];
    const int turns = argc > 2 ? atoi(argv[1]) : 0, count = argc - 2;
    if (turns < 1 || turns > TURNS_MOST || count > MOST) {
        fprintf(stderr, "usage: ist-bench-predict TURNS METHOD:CONFIG...\n");
        return 2;
    }
    bool well = true;
    for (int i = 0; i < count && well; i++) {
        well = parse(argv[2 + i], &all[i]) && method_of(all[i].method) >= 0;
        if (!well) fprintf(stderr, "ist-bench-predict: not understood: %s\n", argv[2 + i]);
        else well = open_entry(&all[i]) == IST_OK;
    }
    well = well && take_turns(all, count, turns);
    for (int i = 0; i < count && well; i++) print(&all[i], turns);
    for (int i = 0; i < count; i++) close_entry(&all[i]);
    return well ? 0 : 1;
}
