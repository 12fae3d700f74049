/* cli_slices.c - a timeline's slices, by kind: those of one step belong together. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli_json.h"
#include "cli_measure.h"
#include "cli_memory.h"

void cli_slices_add(cli_slices *slices, int kind, double seconds)
{
    if (slices->count[kind] == slices->room[kind]) {
        const size_t room = slices->room[kind] ? 2 * slices->room[kind] : 64;
        double *larger = realloc(slices->s[kind], room * sizeof *larger);
        if (!larger) {
            cli_memory_lose();
            return;
        }
        slices->s[kind] = larger;
        slices->room[kind] = room;
    }
    slices->s[kind][slices->count[kind]++] = seconds;
}

void cli_slices_free(cli_slices *slices)
{
    for (int i = 0; i < CLI_SLICES; i++) free(slices->s[i]);
    *slices = (cli_slices){0};
}

static int ascending(const void *one, const void *other)
{
    const double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

double cli_slices_quantile(cli_slices *slices, int kind, double quantile)
{
    const size_t count = slices->count[kind];
    if (count == 0) return 0;
    qsort(slices->s[kind], count, sizeof *slices->s[kind], ascending);
    return slices->s[kind][(size_t)(quantile * (double)(count - 1) + 0.5)];
}

/* What has been seen of a thread's step, or phase of a round; seconds, 0: nothing. */
typedef struct open_slices {
    double tid;
    double step[CLI_SLICES];
    int phase; /* CLI_SLICE_GATHER, .. -1: none */
    double phase_s, phase_end_us;
} open_slices;

static void close_step(cli_slices *slices, open_slices *open)
{
    for (int i = 0; i < CLI_SLICES; i++)
        if (open->step[i] > 0) cli_slices_add(slices, i, open->step[i]);
    memset(open->step, 0, sizeof open->step);
}

static void close_phase(cli_slices *slices, open_slices *open)
{
    if (open->phase >= 0) cli_slices_add(slices, open->phase, open->phase_s);
    open->phase = -1;
}

/* The kind of a slice, by its name and layer; -1: of no interest. */
static int kind_of(const char *name, int layer)
{
    static const struct {
        const char *name;
        int kind, layers;
    } kinds[] = {
        {"step", CLI_SLICE_STEP, 0},     {"assemble", CLI_SLICE_ASSEMBLE, 0},     {"loss", CLI_SLICE_LOSS, 0},
        {"gather", CLI_SLICE_GATHER, 0}, {"write back", CLI_SLICE_WRITE_BACK, 0}, {"close round", CLI_SLICE_CLOSE, 0},
        {"deal", CLI_SLICE_DEAL, 0},     {"forward", CLI_SLICE_FORWARD, 3},       {"backward", CLI_SLICE_BACKWARD, 3},
        {"update", CLI_SLICE_UPDATE, 3}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return layer < kinds[i].layers ? kinds[i].kind + layer : kinds[i].layers ? -1 : kinds[i].kind;
    return -1;
}

/* Events come thread by thread, what encloses before what is enclosed. */
static void take_event(cli_slices *slices, open_slices *open, const json_t *event)
{
    const char *name = cli_json_text(event, "name", "");
    const double tid = cli_json_number(event, "tid", 0), ts = cli_json_number(event, "ts", 0);
    const double dur_us = cli_json_number(event, "dur", 0);
    const int kind = kind_of(name, (int)cli_json_number(json_object_get(event, "args"), "layer", 0));
    if (tid != open->tid || kind == CLI_SLICE_STEP) close_step(slices, open);
    if (tid != open->tid || ts >= open->phase_end_us) close_phase(slices, open);
    open->tid = tid;
    if (kind == CLI_SLICE_GATHER || kind == CLI_SLICE_WRITE_BACK) {
        open->phase = kind;
        open->phase_s = 1e-6 * dur_us;
        open->phase_end_us = ts + dur_us;
    } else if (kind == CLI_SLICE_CLOSE || kind == CLI_SLICE_DEAL) {
        cli_slices_add(slices, kind, 1e-6 * dur_us);
    } else if (kind >= 0) {
        open->step[kind] += 1e-6 * dur_us;
    } else if (open->phase >= 0 && strstr(name, "barrier")) {
        open->phase_s -= 1e-6 * dur_us;
    }
}

bool cli_slices_read(cli_slices *slices, const char *path)
{
    json_t *root = json_load_file(path, 0, NULL);
    const json_t *events = json_object_get(root, "traceEvents"), *event;
    size_t i;
    open_slices open = {.tid = -1, .phase = -1};
    json_array_foreach(events, i, event)
    {
        if (strcmp(cli_json_text(event, "ph", ""), "X") == 0) take_event(slices, &open, event);
    }
    close_step(slices, &open);
    close_phase(slices, &open);
    const bool well = json_is_array(events);
    json_decref(root);
    return well;
}
