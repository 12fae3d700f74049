/* bench_kernels.c - ist-bench-kernels: times and verifies each kernel of a training step.
 *
 * For each size and number of threads, all kernels take their samples in turn, so that whatever happens to the machine
 * happens to all of them.  bench_kernels_time.h says which samples count.
 */
#include "bench_kernels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_kernels_print.h"
#include "bench_kernels_time.h"
#include "math/gemm.h"
#include "probe.h"
#include "stats.h"

enum { SETS_MOST = 8, SIZES_MOST = 64, NAMES_MOST = 16, UNFUSED_WEIGHTS_MOST = 1 << 20, PATIENCE = 4 };

static const bench_shape default_sizes[] = {{4096, 4096, 128}, {2048, 4096, 128}, {2048, 2048, 128}, {1024, 4096, 128},
                                            {1024, 1024, 128}, {1024, 1024, 7},   {512, 4096, 128},  {512, 512, 128},
                                            {35, 4096, 128},   {517, 1003, 128}};

static const double TRIAD_S = 0.3;

static const char help[] = "usage: ist-bench-kernels [options]\n"
                           "Times and verifies the kernels of a training step.  Exit status 1: a result is wrong.\n\n"
                           "  --kernel NAME     only this one; may be repeated (--list shows them)\n"
                           "  --set NAME        only avx512, avx2, portable or openblas; may be repeated\n"
                           "  --size OUTxIN[xBATCH]  only this layer, IN at least 2; may be repeated; batch 128\n"
                           "  --threads N[,N]   default 1,2\n"
                           "  --samples N       of each kernel that count, default 15; at most 4 N are taken\n"
                           "  --check           verify, time nothing\n"
                           "  --csv, --json     instead of a table\n"
                           "  --list            names of kernels\n";

typedef struct options {
    int32_t kernels, sets, sizes, threads; /* how many were given */
    const char *kernel[NAMES_MOST], *set[NAMES_MOST];
    bench_shape size[SIZES_MOST];
    int32_t thread[NAMES_MOST];
    int32_t samples;
    int format;
} options;

static int wrong(const char *what, const char *text)
{
    fprintf(stderr, "ist-bench-kernels: %s: %s; see --help\n", what, text);
    return 2;
}

static bool among(const char *name, const char *const *names, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return count == 0;
}

/* -------------------------------------------------------------------------------------------------------- options -- */

/* A number from 1 to `most` at *text, which moves behind it. */
static bool number(const char **text, int32_t most, int32_t *out)
{
    char *end;
    errno = 0;
    const long value = strtol(*text, &end, 10);
    if (end == *text || errno || value < 1 || value > most) return false;
    *text = end;
    *out = (int32_t)value;
    return true;
}

static bool parse_size(const char *text, bench_shape *out)
{
    enum { WIDTH_MOST = 1 << 16, BATCH_MOST = 1 << 12 };
    bench_shape s = {.batch = 128};
    bool good = number(&text, WIDTH_MOST, &s.outputs) && *text++ == 'x' && number(&text, WIDTH_MOST, &s.inputs);
    if (good && *text == 'x') {
        text++;
        good = number(&text, BATCH_MOST, &s.batch);
    }
    *out = s;
    return good && *text == 0 && s.inputs >= 2; /* pack_columns takes one of two */
}

static bool parse_threads(const char *text, options *o)
{
    do {
        if (o->threads == NAMES_MOST || !number(&text, BENCH_THREADS_MOST, &o->thread[o->threads++])) return false;
    } while (*text++ == ',');
    return text[-1] == 0;
}

static bool known_kernel(const char *name)
{
    for (int32_t i = 0; i < bench_kernel_count; i++)
        if (strcmp(name, bench_kernels[i].name) == 0) return true;
    return false;
}

/* An option with a value. */
static bool parse_value(const char *name, const char *value, options *o)
{
    if (strcmp(name, "--kernel") == 0) {
        if (o->kernels == NAMES_MOST || !known_kernel(value)) return false;
        o->kernel[o->kernels++] = value;
        return true;
    }
    if (strcmp(name, "--set") == 0) {
        if (o->sets == NAMES_MOST || (strcmp(value, "openblas") != 0 && !ist__kernel_set_named(value))) return false;
        o->set[o->sets++] = value;
        return true;
    }
    if (strcmp(name, "--size") == 0) return o->sizes < SIZES_MOST && parse_size(value, &o->size[o->sizes++]);
    if (strcmp(name, "--threads") == 0) return parse_threads(value, o);
    if (strcmp(name, "--samples") == 0) return number(&value, 100000, &o->samples) && *value == 0;
    return false;
}

/* Exit status, or -1: go on. */
static int parse(int count, char **words, options *o)
{
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        if (strcmp(word, "--help") == 0) {
            fputs(help, stdout);
            return 0;
        }
        if (strcmp(word, "--list") == 0) {
            for (int32_t k = 0; k < bench_kernel_count; k++) puts(bench_kernels[k].name);
            return 0;
        }
        if (strcmp(word, "--check") == 0) o->samples = 0;
        else if (strcmp(word, "--csv") == 0) o->format = PRINT_CSV;
        else if (strcmp(word, "--json") == 0) o->format = PRINT_JSON;
        else if (i + 1 == count) return wrong("not an option, or its value is missing", word);
        else if (!parse_value(word, words[i + 1], o)) return wrong(word, words[i + 1]);
        else i++;
    }
    if (o->sizes == 0) {
        o->sizes = sizeof default_sizes / sizeof *default_sizes;
        memcpy(o->size, default_sizes, sizeof default_sizes);
    }
    if (o->threads == 0) {
        o->threads = 2;
        o->thread[0] = 1;
        o->thread[1] = 2;
    }
    return -1;
}

/* ---------------------------------------------------------------------------------------------------------- cases -- */

static int32_t find_sets(const options *o, bench_set sets[SETS_MOST])
{
    int32_t count = 0;
    const ist__kernel_set *kernels;
    for (int32_t i = 0; (kernels = ist__kernel_set_at(i)) && count + 1 < SETS_MOST; i++)
        if (among(kernels->name, o->set, o->sets)) sets[count++] = (bench_set){kernels->name, kernels, false};
    if (among("openblas", o->set, o->sets)) sets[count++] = (bench_set){"openblas", ist__kernel_set_at(0), true};
    return count;
}

/* Does an earlier size ask for the same work? */
static bool repeats(const bench_kernel *k, const options *o, int32_t size)
{
    const bench_shape *s = &o->size[size];
    for (const bench_shape *e = o->size; e < s; e++)
        if (e->batch == s->batch && (!k->takes_outputs || e->outputs == s->outputs) &&
            (!k->takes_inputs || e->inputs == s->inputs))
            return true;
    return false;
}

static bool wanted(const bench_kernel *k, const bench_set *set, const options *o, int32_t size)
{
    const bench_shape *s = &o->size[size];
    if (!among(k->name, o->kernel, o->kernels) || repeats(k, o, size) || (set->blas && !k->blas)) return false;
    const bool slow = k->product && !set->blas && !set->kernels->fused; /* minutes, if the layer is wide */
    return !slow || o->sets > 0 || (int64_t)s->outputs * s->inputs <= UNFUSED_WEIGHTS_MOST;
}

/* Cases of one size, for all numbers of threads, thread by thread.  Returns how many. */
static int32_t find_cases(const options *o, int32_t size, const bench_set *sets, int32_t set_count, bench_case *out)
{
    int32_t count = 0;
    for (int32_t t = 0; t < o->threads; t++)
        for (int32_t k = 0; k < bench_kernel_count; k++)
            for (int32_t s = 0; s < set_count; s++)
                if (wanted(&bench_kernels[k], &sets[s], o, size))
                    out[count++] = (bench_case){
                        .kernel = &bench_kernels[k], .set = &sets[s], .shape = o->size[size], .threads = o->thread[t]};
    return count;
}

/* Samples in turn, until each case has as many as were asked for that count, or has taken PATIENCE times as many. */
static bool take_samples(bench_case *cases, int32_t count, int32_t threads, int32_t samples, bench_probes *probes,
                         const bench_data *data)
{
    if (!bench_probe(probes, threads)) return false;
    for (bool more = true; more;) {
        more = false;
        const double good_peak = bench_good_peak(probes); /* of all probes so far, those of other sizes too */
        for (int32_t i = 0; i < count; i++) {
            bench_case *c = &cases[i];
            if (c->threads != threads || c->taken == PATIENCE * samples || bench_kept(c, good_peak) >= samples)
                continue;
            if (!bench_take(c, data, probes)) return false;
            more = true;
        }
    }
    return true;
}

/* Verifies, then times.  False without memory. */
static bool measure(bench_case *cases, int32_t count, const options *o, bench_probes *probes)
{
    int32_t threads = 1;
    for (int32_t i = 0; i < count; i++) threads = cases[i].threads > threads ? cases[i].threads : threads;
    bench_data data;
    if (!bench_data_make(&data, &cases[0].shape, threads)) return false;
    bool good = true;
    for (int32_t i = 0; i < count && good; i++) {
        bench_case *c = &cases[i];
        c->error = bench_check(c->kernel, &data, c->set, bench_run_all, c->threads);
        if (o->samples == 0) continue;
        c->samples = calloc((size_t)o->samples * PATIENCE, sizeof *c->samples);
        good = c->samples != NULL;
        if (good) bench_calibrate(c, &data);
    }
    for (int32_t t = 0; t < o->threads && good && o->samples > 0; t++)
        good = take_samples(cases, count, o->thread[t], o->samples, &probes[t], &data);
    bench_data_free(&data);
    return good;
}

/* -------------------------------------------------------------------------------------------------------- machine -- */

/* Peaks of the instruction sets beside each other, in turn. */
static bench_machine look_at_machine(int32_t threads)
{
    enum { TURNS = 25 };
    const ist__blas_info blas = ist__blas_describe();
    bench_machine m = {.threads = threads, .blas_config = blas.config, .blas_core_type = blas.core_type};
    double peak[3][TURNS], best;
    for (int turn = 0; turn < TURNS; turn++)
        for (int isa = 0; isa < 3; isa++) peak[isa][turn] = probe_peak_gflops(isa, threads, 0.001);
    best = stats_quantile(peak[probe_best_isa()], TURNS, 0.9);
    for (int isa = 0; isa < 3; isa++) m.isa_share[isa] = stats_quantile(peak[isa], TURNS, 0.9) / best;
    m.good_peak = best;
    m.triad_gb_per_s = probe_triad_gb_per_s(threads, PROBE_TRIAD_BYTES, TRIAD_S);
    return m;
}

static const bench_machine *machine_of(const bench_case *c, const bench_machine *machines)
{
    while (machines->threads != c->threads) machines++;
    return machines;
}

/* ----------------------------------------------------------------------------------------------------------- main -- */

/* Sets that make other bits than the reference, told on stderr.  How many. */
static int32_t check_bits(const bench_set *sets, int32_t count)
{
    int32_t bad = 0;
    for (int32_t i = 0; i < count; i++) {
        if (sets[i].blas) continue; /* OpenBLAS sums in orders of its own */
        const char *differs = bench_check_bits(&sets[i]);
        if (!differs) continue;
        fprintf(stderr, "ist-bench-kernels: %s of %s does not make the bits of the reference\n", differs, sets[i].name);
        bad++;
    }
    return bad;
}

int main(int argument_count, char **arguments)
{
    static options o = {.samples = 15};
    const int status = parse(argument_count, arguments, &o);
    if (status >= 0) return status;
    bench_set sets[SETS_MOST];
    const int32_t set_count = find_sets(&o, sets);
    int32_t bad = check_bits(sets, set_count), total = 0;

    static bench_machine machines[NAMES_MOST];
    static bench_probes probes[NAMES_MOST];
    for (int32_t t = 0; t < o.threads; t++) machines[t] = look_at_machine(o.thread[t]);
    const int32_t most = o.sizes * o.threads * bench_kernel_count * SETS_MOST;
    bench_case *cases = calloc((size_t)most, sizeof *cases);
    bool good = cases != NULL;
    for (int32_t size = 0; size < o.sizes && good; size++) {
        const int32_t count = find_cases(&o, size, sets, set_count, cases + total);
        fprintf(stderr, "%dx%d, batch %d: %d kernels\n", (int)o.size[size].outputs, (int)o.size[size].inputs,
                (int)o.size[size].batch, (int)count);
        if (count > 0) good = measure(cases + total, count, &o, probes);
        total += count;
    }
    for (int32_t t = 0; t < o.threads; t++)
        if (probes[t].count > 0) {
            machines[t].good_peak = bench_good_peak(&probes[t]);
            const double triad = probe_triad_gb_per_s(o.thread[t], PROBE_TRIAD_BYTES, TRIAD_S);
            if (triad > machines[t].triad_gb_per_s) machines[t].triad_gb_per_s = triad; /* the better moment */
        }
    if (good) {
        bench_print_begin(o.format, machines, o.threads, o.samples > 0);
        for (int32_t i = 0; i < total; i++) {
            bench_print_case(o.format, &cases[i], machine_of(&cases[i], machines));
            bad += cases[i].error.bad;
        }
        bench_print_end(o.format);
    }
    for (int32_t i = 0; i < total; i++) free(cases[i].samples);
    for (int32_t t = 0; t < o.threads; t++) free(probes[t].peak);
    free(cases);
    if (!good) fputs("ist-bench-kernels: out of memory\n", stderr);
    else if (bad) fprintf(stderr, "ist-bench-kernels: %d results are wrong\n", (int)bad);
    return !good || bad ? 1 : 0;
}
