/* step_report.c - from samples to a table, JSON or CSV. */
#include "step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "probe.h"
#include "stats.h"

enum { ENOUGH = 5 };                    /* samples that make a median */
static const double QUIET_SHARE = 0.96; /* of the peak of a quiet machine: what a sample's probes must show */
enum { TRIAD_TIMES = 4 };               /* 256 MiB an array: caches of 100 MB are usual */
static const double TRIAD_S = 0.3;

typedef struct summary {
    double median, q1, q3;
} summary;

static summary summarize(double *values, int count)
{
    return (summary){stats_quantile(values, count, 0.5), stats_quantile(values, count, 0.25),
                     stats_quantile(values, count, 0.75)};
}

static int threads_of(const step_member *m)
{
    return m->config.teams * m->config.threads;
}

/* ------------------------------------------------------------------------------------------------ the quiet filter */

/* The 90th percentile of all probes of this instruction set and number of threads. */
static double quiet_peak_gflops(const step_run *run, const step_member *like, double *values)
{
    int count = 0;
    for (int i = 0; i < run->member_count; i++) {
        const step_member *m = &run->members[i];
        if (m->hello.isa != like->hello.isa || threads_of(m) != threads_of(like)) continue;
        for (int t = 0; t < m->taken; t++) {
            values[count++] = m->samples[t].peak_before_gflops;
            values[count++] = m->samples[t].peak_after_gflops;
        }
    }
    return stats_quantile(values, count, 0.9);
}

/* Marks the samples that a neighbour did not disturb, as far as both probes tell. */
static void mark_quiet(step_member *m, double quiet_gflops)
{
    const double enough_gflops = QUIET_SHARE * quiet_gflops;
    for (int t = 0; t < m->taken; t++) {
        const step_sample *s = &m->samples[t];
        m->kept[t] = s->peak_before_gflops >= enough_gflops && s->peak_after_gflops >= enough_gflops;
    }
}

/* ------------------------------------------------------------------------------------------- numbers of one sample */

typedef double (*number)(const step_sample *s);

static double samples_per_s(const step_sample *s)
{
    return s->samples / s->seconds;
}

static double gflops(const step_sample *s)
{
    return 1e-9 * s->flops / s->seconds;
}

static double peak_gflops(const step_sample *s)
{
    return 0.5 * (s->peak_before_gflops + s->peak_after_gflops);
}

static double share_of_peak(const step_sample *s)
{
    return gflops(s) / peak_gflops(s);
}

static double barrier_share(const step_sample *s)
{
    return (s->gather_s + s->writeback_s) / s->seconds;
}

static double wait_share(const step_sample *s)
{
    return s->wait_s / s->seconds;
}

/* Over the samples that were kept, or over all when too few were. */
static summary summary_of(const step_member *m, int kept, number of, double *values)
{
    int count = 0;
    for (int t = 0; t < m->taken; t++)
        if (kept < ENOUGH || m->kept[t]) values[count++] = of(&m->samples[t]);
    return summarize(values, count);
}

/* ---------------------------------------------------------------------------------------------------------- ratios */

/* Whom a configuration is compared with: the other program's, else OpenBLAS's; NULL: nobody. */
static const step_member *rival_of(const step_run *run, const step_member *m)
{
    const step_member *found = NULL;
    for (int i = 0; i < run->member_count; i++) {
        const step_member *r = &run->members[i];
        if (r == m || r->taken == 0 || !step_config_alike(&r->config, &m->config)) continue;
        if (r->other && !m->other && r->config.engine_value == m->config.engine_value) return r;
        if (r->other == m->other && strcmp(r->hello.engine, "openblas") == 0 &&
            strcmp(m->hello.engine, "openblas") != 0)
            found = r;
    }
    return found;
}

/* Samples a second of m for one of r, turn by turn: what slows a whole turn slows both. */
static summary ratio_of(const step_member *m, const step_member *r, double *values, int *count)
{
    const int turns = m->taken < r->taken ? m->taken : r->taken;
    *count = 0;
    for (int t = 0; t < turns; t++) *count += m->kept[t] && r->kept[t];
    const bool all = *count < ENOUGH;
    *count = 0;
    for (int t = 0; t < turns; t++)
        if (all || (m->kept[t] && r->kept[t]))
            values[(*count)++] = samples_per_s(&m->samples[t]) / samples_per_s(&r->samples[t]);
    return summarize(values, *count);
}

/* ---------------------------------------------------------------------------------------------------- one as JSON */

static json_t *real(double value)
{
    json_t *finite = json_real(value);
    return finite ? finite : json_null(); /* JSON has no infinity: a machine without the memory for triad, say */
}

static json_t *describe(const step_run *run, const step_member *m, double quiet_gflops, double triad_gb_per_s,
                        double *values)
{
    const step_config *c = &m->config;
    const step_sample *last = &m->samples[m->taken - 1];
    int kept = 0, turns = 0;
    for (int t = 0; t < m->taken; t++) kept += m->kept[t];
    const summary rate = summary_of(m, kept, samples_per_s, values), share = summary_of(m, kept, share_of_peak, values);
    const double speed = summary_of(m, kept, gflops, values).median;
    const double peak = summary_of(m, kept, peak_gflops, values).median;

    /* The roofline: no faster than the peak, nor than memory can bring the bytes of step_bytes_per_sample. */
    const double flops_per_sample = last->flops / last->samples;
    const double bytes = step_bytes_per_sample(c, last->exchange_bytes / last->samples);
    const double intensity = flops_per_sample / bytes, memory_gflops = intensity * triad_gb_per_s;
    const double roof = memory_gflops < peak ? memory_gflops : peak;

    json_t *o = json_object();
    json_object_set_new(o, "net", json_string(c->net));
    json_object_set_new(o, "engine", json_string(m->hello.engine));
    json_object_set_new(o, "method", json_string(c->subnets == 1 ? "sgd" : "ist"));
    json_object_set_new(o, "optimizer", json_string(c->optimizer));
    json_object_set_new(o, "subnets", json_integer(c->subnets));
    json_object_set_new(o, "threads", json_integer(threads_of(m)));
    json_object_set_new(o, "samples_per_s", real(rate.median));
    json_object_set_new(o, "gflops", real(speed));
    json_object_set_new(o, "peak_gflops", real(peak));
    json_object_set_new(o, "share_of_peak", real(share.median));
    json_object_set_new(o, "barrier_share", real(summary_of(m, kept, barrier_share, values).median));
    json_object_set_new(o, "peak_rss_bytes", json_integer((json_int_t)last->peak_rss_bytes));
    json_object_set_new(o, "planned_bytes", json_integer((json_int_t)m->hello.planned_bytes));

    json_object_set_new(o, "local_steps", json_integer(c->local_steps));
    json_object_set_new(o, "batch", json_integer(c->batch));
    json_object_set_new(o, "wait_share", real(summary_of(m, kept, wait_share, values).median));
    json_object_set_new(o, "kept", json_integer(kept));
    json_object_set_new(o, "taken", json_integer(m->taken));
    json_object_set_new(o, "quiet", json_boolean(kept >= ENOUGH));
    json_object_set_new(o, "share_q1", real(share.q1));
    json_object_set_new(o, "share_q3", real(share.q3));
    json_object_set_new(o, "core_type", json_string(m->hello.core_type));
    json_object_set_new(o, "kernels", json_string(m->hello.kernels));
    json_object_set_new(o, "samples_per_s_q1", real(rate.q1));
    json_object_set_new(o, "samples_per_s_q3", real(rate.q3));
    json_object_set_new(o, "teams", json_integer(c->teams));
    json_object_set_new(o, "isa", json_string(probe_isa_name(m->hello.isa)));
    json_object_set_new(o, "huge_pages", json_string(m->hello.huge_pages));
    json_object_set_new(o, "quiet_peak_gflops", real(quiet_gflops));
    json_object_set_new(o, "triad_gb_per_s", real(triad_gb_per_s));
    json_object_set_new(o, "flops_per_sample", real(flops_per_sample));
    json_object_set_new(o, "bytes_per_sample", real(bytes));
    json_object_set_new(o, "flop_per_byte", real(intensity));
    json_object_set_new(o, "bound", json_string(memory_gflops < peak ? "memory" : "compute"));
    json_object_set_new(o, "roofline_gflops", real(roof));
    json_object_set_new(o, "share_of_roofline", real(roof > 0.0 ? speed / roof : 0.0));
    json_object_set_new(o, "program", json_string(m->other ? "other" : "this"));

    const step_member *rival = rival_of(run, m);
    const summary ratio = rival ? ratio_of(m, rival, values, &turns) : (summary){0};
    json_object_set_new(o, "ratio_to",
                        rival ? json_string(rival->other != m->other ? "other" : "openblas") : json_null());
    json_object_set_new(o, "ratio", rival ? real(ratio.median) : json_null());
    json_object_set_new(o, "ratio_q1", rival ? real(ratio.q1) : json_null());
    json_object_set_new(o, "ratio_q3", rival ? real(ratio.q3) : json_null());
    json_object_set_new(o, "ratio_turns", json_integer(turns));
    return o;
}

/* ---------------------------------------------------------------------------------------------------------- output */

static void print_csv(json_t *o, bool first)
{
    const char *key, *comma = "";
    json_t *value;
    if (first) {
        json_object_foreach(o, key, value)
        {
            printf("%s%s", comma, key);
            comma = ",";
        }
        putchar('\n');
    }
    comma = "";
    json_object_foreach(o, key, value)
    {
        char *text = json_is_string(value) || json_is_null(value)
                         ? NULL
                         : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        printf("%s%s", comma, text ? text : json_is_string(value) ? json_string_value(value) : "");
        free(text);
        comma = ",";
    }
    putchar('\n');
}

static double field(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static const char *word(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static void machine_name(char *out, size_t bytes)
{
    struct utsname name;
    snprintf(out, bytes, "%s", uname(&name) == 0 ? name.machine : "unknown machine");
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(out, bytes, "%s", colon + 2);
        break;
    }
    if (file) fclose(file);
}

static void print_head(const step_member *m, const json_t *o)
{
    char name[256];
    machine_name(name, sizeof name);
    printf("%s, %d cores; OpenBLAS %s; huge pages %s; peak %.0f GFLOP/s (%s, %d threads); triad %.1f GB/s\n", name,
           probe_cores(), m->hello.core_type, m->hello.huge_pages, field(o, "quiet_peak_gflops"), word(o, "isa"),
           threads_of(m), field(o, "triad_gb_per_s"));
}

static void print_row(const json_t *o, const char **net)
{
    if (!*net || strcmp(*net, word(o, "net")) != 0) {
        *net = word(o, "net");
        printf("\n%s\n%-15s %-9s %3s %3s %3s %4s %9s %17s %7s %6s %11s %5s %7s %5s %8s %8s %6s  %s\n", *net, "engine",
               "optimizer", "n", "thr", "J", "B", "samples/s", "quartiles", "GFLOP/s", "% peak", "quartiles", "roof",
               "barrier", "wait", "RSS MB", "plan MB", "kept", "ratio");
    }
    char engine[64], rates[32], shares[32], kept[32], ratio[96] = "";
    snprintf(engine, sizeof engine, "%s%s", word(o, "engine"), strcmp(word(o, "program"), "other") == 0 ? "*" : "");
    snprintf(rates, sizeof rates, "%.1f-%.1f", field(o, "samples_per_s_q1"), field(o, "samples_per_s_q3"));
    snprintf(shares, sizeof shares, "%.1f-%.1f", 100 * field(o, "share_q1"), 100 * field(o, "share_q3"));
    snprintf(kept, sizeof kept, "%.0f/%.0f%s", field(o, "kept"), field(o, "taken"),
             json_is_true(json_object_get(o, "quiet")) ? "" : "!");
    if (json_is_string(json_object_get(o, "ratio_to")))
        snprintf(ratio, sizeof ratio, "%.3f (%.3f-%.3f) of %s", field(o, "ratio"), field(o, "ratio_q1"),
                 field(o, "ratio_q3"), word(o, "ratio_to"));
    printf("%-15s %-9s %3.0f %3.0f %3.0f %4.0f %9.1f %17s %7.1f %6.1f %11s %5.1f %6.2f%% %4.1f%% %8.0f %8.0f %6s  %s\n",
           engine, word(o, "optimizer"), field(o, "subnets"), field(o, "threads"), field(o, "local_steps"),
           field(o, "batch"), field(o, "samples_per_s"), rates, field(o, "gflops"), 100 * field(o, "share_of_peak"),
           shares, 100 * field(o, "share_of_roofline"), 100 * field(o, "barrier_share"), 100 * field(o, "wait_share"),
           1e-6 * field(o, "peak_rss_bytes"), 1e-6 * field(o, "planned_bytes"), kept, ratio);
}

void step_report(step_run *run, int format)
{
    json_t *objects = json_array();
    double *values = malloc((size_t)(2 * run->turns * run->member_count) * sizeof *values), triad = 0.0;
    const step_member *first = NULL;
    int triad_threads = 0;
    for (int i = 0; i < run->member_count && values; i++)
        if (run->members[i].taken > 0) mark_quiet(&run->members[i], quiet_peak_gflops(run, &run->members[i], values));
    for (int i = 0; i < run->member_count && values; i++) {
        const step_member *m = &run->members[i];
        if (m->taken == 0) continue;
        if (!first) first = m;
        if (threads_of(m) != triad_threads) /* here and now: children are gone, and its memory is none of theirs */
            triad = probe_triad_gb_per_s(triad_threads = threads_of(m), TRIAD_TIMES * PROBE_TRIAD_BYTES, TRIAD_S);
        json_array_append_new(objects, describe(run, m, quiet_peak_gflops(run, m, values), triad, values));
    }
    if (first && format == STEP_TABLE) print_head(first, json_array_get(objects, 0));
    const char *net = NULL;
    size_t i;
    json_t *object;
    json_array_foreach(objects, i, object)
    {
        if (format == STEP_TABLE) print_row(object, &net);
        else if (format == STEP_CSV) print_csv(object, i == 0);
        else json_dumpf(object, stdout, JSON_REAL_PRECISION(6)), putchar('\n');
    }
    json_decref(objects);
    free(values);
}
