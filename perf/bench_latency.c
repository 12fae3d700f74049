/* bench_latency.c - ist-bench-latency: how long answers take, beside what the machine could do that moment (perf/README.md).
 *
 *     ist-bench-latency [--net 4096-4096-35] [--turns 15] [--threads N]
 *
 * One row: its time over the time to read as many bytes as the net's weights have, once, from memory that the same number
 * of threads touched first.  Many rows: share of the peak of the same threads.  A turn measures all of them one after
 * another, each between two probes; its time is the fastest of five calls, as a probe is the fastest of its passes.  Turns in which a probe does not reach 0.96 of the 90th percentile of all probes of its kind
 * were disturbed, and are left out where 5 others remain.
 */
#define _GNU_SOURCE
#include <omp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ist/ist.h"
#include "probe.h"
#include "stats.h"

enum { WIDTHS_MOST = IST_MAX_HIDDEN + 2, TURNS_MOST = 1000, CALLS = 5, ROWS_MOST = 128, KEPT_LEAST = 5 };

typedef struct kind {
    const char *who;
    int rows;
    bool teams;
    double micros[TURNS_MOST], ratio[TURNS_MOST];
    double before[TURNS_MOST], after[TURNS_MOST]; /* probes, GB/s or GFLOP/s */
} kind;

typedef struct bench {
    int widths[WIDTHS_MOST], width_count, turns, threads, isa;
    double weight_bytes, row_flops;
    ist_context *context;
    ist_model *model;
    ist_predictor *predictor;
    float *x, *out;
} bench;

static void stop(const char *what, const bench *b)
{
    fprintf(stderr, "ist-bench-latency: %s: %s\n", what, b->context ? ist_context_error(b->context) : "");
    exit(1);
}

static void parse_net(bench *b, const char *text)
{
    char *end = NULL;
    b->width_count = 0;
    for (;; text = end + 1) {
        const long width = strtol(text, &end, 10);
        if (width < 1 || width > 1 << 20 || b->width_count == WIDTHS_MOST) break;
        b->widths[b->width_count++] = (int)width;
        if (*end != '-') break;
    }
    if (*end == '\0' && b->width_count >= 2) return;
    fprintf(stderr, "ist-bench-latency: --net: expected widths as 4096-4096-35\n");
    exit(2);
}

static void parse(bench *b, int argc, char **argv)
{
    *b = (bench){.turns = 15, .threads = probe_cores()};
    parse_net(b, "4096-4096-35");
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--net") == 0) parse_net(b, value);
        else if (strcmp(argv[i], "--turns") == 0) b->turns = atoi(value);
        else if (strcmp(argv[i], "--threads") == 0) b->threads = atoi(value);
        else b->turns = 0;
        if (b->turns >= 1 && b->turns <= TURNS_MOST && b->threads >= 1) continue;
        fprintf(stderr, "usage: ist-bench-latency [--net 4096-4096-35] [--turns 1 .. %d] [--threads N]\n", TURNS_MOST);
        exit(2);
    }
}

static void create(bench *b)
{
    ist_context_config machine = IST_CONTEXT_CONFIG_INIT;
    if (b->threads == 1) machine.teams = 1;
    machine.threads_per_team = machine.teams == 1 ? 1 : 0;
    if (ist_context_create(&b->context, &machine)) stop("context", b);
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = b->widths[0];
    net.classes = b->widths[b->width_count - 1];
    net.hidden_count = b->width_count - 2;
    net.hidden = b->widths + 1;
    net.hidden_norm = net.output_norm = IST_NORM_NONE;
    if (ist_model_create(b->context, &b->model, &net)) stop("model", b);
    ist_predictor_config config = IST_PREDICTOR_CONFIG_INIT;
    if (ist_predictor_create(b->model, &b->predictor, &config)) stop("predictor", b);
    for (int l = 0; l + 1 < b->width_count; l++) {
        b->weight_bytes += (double)b->widths[l] * b->widths[l + 1] * sizeof(float);
        b->row_flops += 2.0 * b->widths[l] * b->widths[l + 1];
    }
    b->x = calloc((size_t)net.features * ROWS_MOST, sizeof *b->x);
    b->out = calloc((size_t)net.classes * ROWS_MOST, sizeof *b->out);
    if (!b->x || !b->out) stop("no memory", b);
    for (int i = 0; i < net.features * ROWS_MOST; i++) b->x[i] = (float)(i * 7 % 1009) / 1009.0F;
}

/* What bounds this kind, now. */
static double probe(const bench *b, const kind *k)
{
    const int threads = k->teams ? b->threads : 1;
    if (k->rows > 1) return probe_peak_gflops(b->isa, threads, PROBE_SECONDS);
    return probe_read_gb_per_s(b->isa, threads, (size_t)b->weight_bytes, CALLS);
}

static void ask(const bench *b, const kind *k)
{
    const int64_t stride = b->widths[0] * (int64_t)sizeof(float);
    const ist_status status = k->teams
                                  ? ist_predictor_run_teams(b->predictor, b->x, IST_FLOAT32, k->rows, stride, b->out)
                                  : ist_predictor_run(b->predictor, b->x, IST_FLOAT32, k->rows, stride, b->out);
    if (status) stop("predictor", b);
}

static void measure(const bench *b, kind *k, int turn)
{
    const double before = probe(b, k);
    double best_s = 1e30;
    for (int i = 0; i < CALLS; i++) {
        const double start_s = probe_now_s();
        ask(b, k);
        const double s = probe_now_s() - start_s;
        if (s < best_s) best_s = s;
    }
    const double after = probe(b, k), bound = 0.5 * (before + after);
    k->micros[turn] = 1e6 * best_s;
    k->before[turn] = before;
    k->after[turn] = after;
    k->ratio[turn] =
        k->rows == 1 ? best_s * 1e9 * bound / b->weight_bytes : b->row_flops * k->rows * 1e-9 / best_s / bound;
}

/* The turns that were not disturbed go first; returns how many, or -turns where they are too few and all count. */
static int keep_quiet(const bench *b, kind *k)
{
    double probes[2 * TURNS_MOST];
    memcpy(probes, k->before, (size_t)b->turns * sizeof *probes);
    memcpy(probes + b->turns, k->after, (size_t)b->turns * sizeof *probes);
    const double least = 0.96 * stats_quantile(probes, 2 * b->turns, 0.9);
    double micros[TURNS_MOST], ratio[TURNS_MOST], bound[TURNS_MOST];
    int kept = 0;
    for (int t = 0; t < b->turns; t++) {
        if (k->before[t] < least || k->after[t] < least) continue;
        micros[kept] = k->micros[t];
        ratio[kept] = k->ratio[t];
        bound[kept++] = 0.5 * (k->before[t] + k->after[t]);
    }
    if (kept < KEPT_LEAST) return -b->turns;
    memcpy(k->micros, micros, sizeof micros);
    memcpy(k->ratio, ratio, sizeof ratio);
    memcpy(k->before, bound, sizeof bound);
    return kept;
}

static void report(const bench *b, kind *kinds, int count)
{
    printf("net");
    for (int i = 0; i < b->width_count; i++) printf("%c%d", i ? '-' : ' ', b->widths[i]);
    printf(", weights %.1f MB, %s, %d threads, %d turns\n", 1e-6 * b->weight_bytes, probe_isa_name(b->isa), b->threads,
           b->turns);
    printf("%4s  %-12s %10s %7s   %s\n", "rows", "by", "us", "kept", "median (quartiles), the bound beside it");
    for (int i = 0; i < count; i++) {
        kind *k = &kinds[i];
        const int kept = keep_quiet(b, k), n = abs(kept);
        const bool reads = k->rows == 1;
        printf("%4d  %-12s %10.1f %3d/%d%s   %.3f (%.3f .. %.3f) %s, %.1f %s\n", k->rows, k->who,
               stats_quantile(k->micros, n, 0.5), n, b->turns, kept < 0 ? "!" : "", stats_quantile(k->ratio, n, 0.5),
               stats_quantile(k->ratio, n, 0.25), stats_quantile(k->ratio, n, 0.75),
               reads ? "x the time to read the weights" : "of peak", stats_quantile(k->before, n, 0.5),
               reads ? "GB/s" : "GFLOP/s");
    }
}

int main(int argc, char **argv)
{
    static kind kinds[] = {{.who = "one thread", .rows = 1},
                           {.who = "all threads", .rows = 1, .teams = true},
                           {.who = "one thread", .rows = 128},
                           {.who = "all threads", .rows = 128, .teams = true}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    bench b;
    parse(&b, argc, argv);
    b.isa = probe_best_isa();
    create(&b);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)(probe_cpu(0) < 0 ? 0 : probe_cpu(0)), &one);
    (void)sched_setaffinity(0, sizeof one, &one); /* where the probes of one thread stand; teams are bound anyway */
    for (int turn = 0; turn < b.turns; turn++)
        for (int i = 0; i < KINDS; i++) measure(&b, &kinds[turn & 1 ? KINDS - 1 - i : i], turn);
    report(&b, kinds, KINDS);
    ist_predictor_destroy(b.predictor);
    ist_model_destroy(b.model);
    ist_context_destroy(b.context);
    (void)probe_read_gb_per_s(b.isa, 0, 0, 0);
    free(b.x);
    free(b.out);
    return 0;
}
