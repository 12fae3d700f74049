#include "bench_kernels_print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "stats.h"

enum { FEW = 5 }; /* samples that count: fewer say little */

/* What a case comes to.  Shares: lower quartile, median, upper quartile of the samples that count. */
typedef struct summary {
    double flops, bytes, intensity; /* of all items; flops a byte */
    int32_t kept;
    double gflops, gb_per_s;
    double of_peak[3];    /* of the widest instruction set of this processor */
    double roof_gflops;   /* min(peak of the kernel's own instruction set, intensity x triad) */
    double roof_gb_per_s; /* the same in bytes, for what computes nothing */
    bool memory_bound;    /* the roof is the triad's */
    double of_roof[3];
} summary;

/* Peak of the instruction set that a row uses, as a share of the widest one's. */
static double own_isa_share(const bench_case *c, const bench_machine *machine)
{
    for (int isa = 0; isa < 3 && !c->set->blas; isa++)
        if (strcmp(probe_isa_name(isa), c->set->kernels->name) == 0) return machine->isa_share[isa];
    return 1;
}

static void quartiles(double *values, int32_t count, double out[3])
{
    for (int i = 0; i < 3; i++) out[i] = stats_quantile(values, count, 0.25 * (i + 1));
}

static summary summarise(const bench_case *c, const bench_machine *machine)
{
    const bench_cost cost = c->kernel->cost(&c->shape);
    const double items = c->kernel->items(&c->shape), triad = machine->triad_gb_per_s;
    const double own_peak = machine->good_peak * own_isa_share(c, machine);
    summary s = {.flops = cost.flops, .bytes = cost.bytes, .intensity = cost.flops / cost.bytes};
    s.memory_bound = s.intensity * triad < own_peak;
    s.roof_gflops = s.memory_bound ? s.intensity * triad : own_peak;
    s.roof_gb_per_s = s.memory_bound ? triad : own_peak / s.intensity;
    double *rates = malloc(3 * (size_t)(c->taken + 1) * sizeof *rates);
    if (!rates) return s;
    double *of_peak = rates + c->taken, *of_roof = of_peak + c->taken;
    for (int32_t i = 0; i < c->taken; i++) {
        const bench_sample *sample = &c->samples[i];
        if (!bench_keeps(sample, machine->good_peak)) continue;
        const double gflops = 1e-9 * sample->items_per_s * cost.flops / items;
        const double gb_per_s = 1e-9 * sample->items_per_s * cost.bytes / items;
        rates[s.kept] = sample->items_per_s;
        of_peak[s.kept] = gflops / sample->peak;
        of_roof[s.kept++] = s.memory_bound ? gb_per_s / triad : gflops / (sample->peak * own_isa_share(c, machine));
    }
    const double rate = stats_quantile(rates, s.kept, 0.5);
    s.gflops = 1e-9 * rate * cost.flops / items;
    s.gb_per_s = 1e-9 * rate * cost.bytes / items;
    quartiles(of_peak, s.kept, s.of_peak);
    quartiles(of_roof, s.kept, s.of_roof);
    free(rates);
    return s;
}

static void begin_table(const bench_machine *machines, int32_t count, bool timed)
{
    printf("OpenBLAS: %s kernels, %s\n", machines[0].blas_core_type, machines[0].blas_config);
    for (const bench_machine *m = machines; m < machines + count; m++) {
        printf("%d thread%s: multiply-adds", (int)m->threads, m->threads == 1 ? "" : "s");
        for (int isa = 0; isa < 3; isa++)
            if (m->isa_share[isa] > 0) printf(" %s %.1f,", probe_isa_name(isa), m->isa_share[isa] * m->good_peak);
        printf(" GFLOP/s; triad %.1f GB/s\n", m->triad_gb_per_s);
    }
    if (timed)
        printf("\n%-13s %-8s %-15s %2s %7s %7s %6s %8s %7s %19s %6s %19s %7s  %s\n", "kernel", "set",
               "out x in x batch", "th", "Mflop", "MB", "flop/B", "GFLOP/s", "GB/s", "% of peak [q1 q3]", "roof",
               "% of roof [q1 q3]", "kept", "error / bound");
    else printf("\n%-13s %-8s %-15s %2s  %s\n", "kernel", "set", "out x in x batch", "th", "error / bound");
}

static void begin_json(const bench_machine *machines, int32_t count)
{
    printf("{\"blas_core_type\": \"%s\", \"blas_config\": \"%s\",\n \"machine\": [", machines[0].blas_core_type,
           machines[0].blas_config);
    for (int32_t i = 0; i < count; i++) {
        const bench_machine *m = &machines[i];
        printf("%s{\"threads\": %d, \"peak_gflops\": {", i ? ", " : "", (int)m->threads);
        const char *comma = "";
        for (int isa = 0; isa < 3; isa++) {
            if (m->isa_share[isa] <= 0) continue;
            printf("%s\"%s\": %.2f", comma, probe_isa_name(isa), m->isa_share[isa] * m->good_peak);
            comma = ", ";
        }
        printf("}, \"triad_gb_per_s\": %.2f}", m->triad_gb_per_s);
    }
    printf("],\n \"kernels\": [");
}

/* A column of CSV and a key of JSON. */
typedef struct field {
    const char *name;
    double value;
} field;
enum { FIELDS = 21 };

static void fields_of(const bench_case *c, const summary *s, const bench_machine *m, field out[FIELDS])
{
    const field all[FIELDS] = {{"outputs", c->shape.outputs},
                               {"inputs", c->shape.inputs},
                               {"batch", c->shape.batch},
                               {"threads", c->threads},
                               {"flops", s->flops},
                               {"bytes", s->bytes},
                               {"flops_per_byte", s->intensity},
                               {"taken", c->taken},
                               {"kept", s->kept},
                               {"gflops", s->gflops},
                               {"gb_per_s", s->gb_per_s},
                               {"of_peak_q1", s->of_peak[0]},
                               {"of_peak_median", s->of_peak[1]},
                               {"of_peak_q3", s->of_peak[2]},
                               {"roof_gflops", s->roof_gflops},
                               {"of_roof_q1", s->of_roof[0]},
                               {"of_roof_median", s->of_roof[1]},
                               {"of_roof_q3", s->of_roof[2]},
                               {"peak_gflops", m->good_peak},
                               {"set_peak_gflops", m->good_peak * own_isa_share(c, m)},
                               {"triad_gb_per_s", m->triad_gb_per_s}};
    memcpy(out, all, sizeof all);
}

void bench_print_begin(int format, const bench_machine *machines, int32_t count, bool timed)
{
    if (format == PRINT_TABLE) begin_table(machines, count, timed);
    if (format == PRINT_JSON) begin_json(machines, count);
    if (format == PRINT_CSV) {
        const bench_shape nothing = {1, 1, 1};
        const bench_set blas = {.blas = true};
        const bench_case none = {.kernel = &bench_kernels[0], .set = &blas, .shape = nothing};
        const summary empty = {0};
        field fields[FIELDS];
        fields_of(&none, &empty, machines, fields);
        printf("kernel,set");
        for (int i = 0; i < FIELDS; i++) printf(",%s", fields[i].name);
        printf(",error,error_bound,ok\n");
    }
}

/* "87.3 [86.9 87.8]" */
static const char *show_share(char out[32], const double share[3])
{
    snprintf(out, 32, "%.1f [%.1f %.1f]", 100 * share[1], 100 * share[0], 100 * share[2]);
    return out;
}

static void print_row(const bench_case *c, const summary *s)
{
    char size[40], peak[32], roof[32], kept[24];
    snprintf(size, sizeof size, "%dx%dx%d", (int)c->shape.outputs, (int)c->shape.inputs, (int)c->shape.batch);
    printf("%-13s %-8s %-15s %2d ", c->kernel->name, c->set->name, size, (int)c->threads);
    snprintf(kept, sizeof kept, "%d/%d%s", (int)s->kept, (int)c->taken, s->kept < FEW ? "!" : "");
    if (s->kept > 0)
        printf("%7.1f %7.1f %6.2f %8.1f %7.1f %19s %6s %19s %7s ", 1e-6 * s->flops, 1e-6 * s->bytes, s->intensity,
               s->gflops, s->gb_per_s, s->flops > 0 ? show_share(peak, s->of_peak) : "-",
               s->memory_bound ? "triad" : "peak", show_share(roof, s->of_roof), kept);
    else if (c->taken > 0)
        printf("%7.1f %7.1f %6.2f %8s %7s %19s %6s %19s %7s ", 1e-6 * s->flops, 1e-6 * s->bytes, s->intensity, "-", "-",
               "-", s->memory_bound ? "triad" : "peak", "-", kept);
    printf(" %.1e / %.1e%s\n", c->error.error, c->error.bound, c->error.bad ? "  WRONG" : "");
}

void bench_print_case(int format, const bench_case *c, const bench_machine *machine)
{
    static bool first = true;
    const summary s = summarise(c, machine);
    field fields[FIELDS];
    fields_of(c, &s, machine, fields);
    if (format == PRINT_TABLE) print_row(c, &s);
    if (format == PRINT_CSV) {
        printf("%s,%s", c->kernel->name, c->set->name);
        for (int i = 0; i < FIELDS; i++) printf(",%.6g", fields[i].value);
        printf(",%.3g,%.3g,%d\n", c->error.error, c->error.bound, !c->error.bad);
    }
    if (format == PRINT_JSON) {
        printf("%s\n  {\"kernel\": \"%s\", \"set\": \"%s\"", first ? "" : ",", c->kernel->name, c->set->name);
        for (int i = 0; i < FIELDS; i++) printf(", \"%s\": %.6g", fields[i].name, fields[i].value);
        if (isnan(c->error.error)) printf(", \"error\": null"); /* JSON has no NaN */
        else printf(", \"error\": %.3g", c->error.error);
        printf(", \"error_bound\": %.3g, \"ok\": %s}", c->error.bound, c->error.bad ? "false" : "true");
    }
    first = false;
}

void bench_print_end(int format)
{
    if (format == PRINT_JSON) printf("\n]}\n");
}
