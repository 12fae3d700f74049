/* step_config.c - what one configuration is, as text and as numbers. */
#include "step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

typedef struct word {
    const char *text;
    int32_t value;
} word;

static const word engines[] = {
    {"auto", IST_ENGINE_AUTO},
    {"openblas", IST_ENGINE_OPENBLAS},
    {"reference", IST_ENGINE_REFERENCE},
#ifdef STEP_WITHOUT_NATIVE
    /* The header of an older library (compare.sh): its best engine stands for ours. */
    {"native", IST_ENGINE_AUTO},
#else
    {"native", IST_ENGINE_NATIVE},
    {"native-avx512", IST_ENGINE_NATIVE_AVX512},
    {"native-avx2", IST_ENGINE_NATIVE_AVX2},
    {"native-portable", IST_ENGINE_NATIVE_PORTABLE},
#endif
};
static const word optimizers[] = {
    {"sgd", IST_SGD}, {"momentum", IST_MOMENTUM}, {"nesterov", IST_NESTEROV}, {"adam", IST_ADAM}};
enum { ENGINES = sizeof engines / sizeof *engines, OPTIMIZERS = sizeof optimizers / sizeof *optimizers };

static bool find_word(const char *text, const word *words, int count, char *name, int32_t *value)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(text, words[i].text) != 0) continue;
        snprintf(name, STEP_WORD_BYTES, "%s", text);
        *value = words[i].value;
        return true;
    }
    return false;
}

static bool parse_natural(const char *text, char end, int32_t *out, const char **rest)
{
    char *after;
    errno = 0;
    const long value = strtol(text, &after, 10);
    if (after == text || (*after != end && *after != '\0') || errno || value < 1 || value > INT32_MAX) return false;
    *out = (int32_t)value;
    *rest = after;
    return true;
}

static bool parse_net(const char *text, step_config *c)
{
    if (snprintf(c->net, sizeof c->net, "%s", text) >= (int)sizeof c->net) return false;
    for (c->width_count = 0; c->width_count < STEP_MAX_WIDTHS; text++) {
        if (!parse_natural(text, '-', &c->widths[c->width_count++], &text)) return false;
        if (*text == '\0') return c->width_count >= 2;
    }
    return false;
}

static bool parse_pair(const char *key, const char *value, step_config *c)
{
    const struct {
        const char *key;
        int32_t *field;
    } numbers[] = {{"subnets", &c->subnets},   {"teams", &c->teams}, {"threads", &c->threads},
                   {"steps", &c->local_steps}, {"batch", &c->batch}, {"rows", &c->rows}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(key, numbers[i].key) == 0) return parse_natural(value, '\0', numbers[i].field, &value);
    if (strcmp(key, "net") == 0) return parse_net(value, c);
    if (strcmp(key, "engine") == 0) return find_word(value, engines, ENGINES, c->engine, &c->engine_value);
    return strcmp(key, "optimizer") == 0 && find_word(value, optimizers, OPTIMIZERS, c->optimizer, &c->optimizer_value);
}

bool step_config_parse(const char *text, step_config *out)
{
    step_config c = {.subnets = 1, .local_steps = 30, .batch = 128, .rows = 4096};
    bool well =
        parse_net("4096-4096-4096-35", &c) && parse_pair("engine", "auto", &c) && parse_pair("optimizer", "sgd", &c);
    char copy[512], *rest = copy;
    well = well && snprintf(copy, sizeof copy, "%s", text) < (int)sizeof copy;
    while (well && rest) {
        char *pair = rest, *equals;
        rest = strchr(pair, ',');
        if (rest) *rest++ = '\0';
        equals = strchr(pair, '=');
        if (equals) *equals++ = '\0';
        well = equals && parse_pair(pair, equals, &c);
    }
    if (!well) {
        fprintf(stderr, "ist-bench-step: not understood: %s (see --help)\n", text);
        return false;
    }
    /* All cores, a team for each subnet as long as there are cores for it. */
    const int32_t cores = (int32_t)probe_cores();
    if (c.teams == 0) c.teams = c.subnets < cores ? c.subnets : cores;
    if (c.threads == 0) c.threads = cores / c.teams > 0 ? cores / c.teams : 1;
    *out = c;
    return true;
}

bool step_config_alike(const step_config *a, const step_config *b)
{
    return strcmp(a->net, b->net) == 0 && a->optimizer_value == b->optimizer_value && a->subnets == b->subnets &&
           a->teams == b->teams && a->threads == b->threads && a->local_steps == b->local_steps &&
           a->batch == b->batch && a->rows == b->rows;
}

/* The model of bytes behind the roofline: what any implementation must fetch when weights do not fit in caches and all
 * the rest does.  A weight (4 bytes) is read forward, read for the gradient of the inputs (not in the first layer), read
 * and written by the update, and so is each number of optimiser state beside it.  To that the row itself (a byte a
 * feature) and the exchange with the master.  Activations of a batch are taken to stay in caches; copies that an engine
 * makes (OpenBLAS packs all of W) are its own cost and not counted. */
double step_bytes_per_sample(const step_config *c, double exchange_bytes_per_sample)
{
    const double states = c->optimizer_value == IST_SGD ? 0.0 : c->optimizer_value == IST_ADAM ? 2.0 : 1.0;
    double bytes = 0.0;
    for (int32_t layer = 1; layer < c->width_count; layer++) {
        const double inputs = layer == 1 ? (double)c->widths[0] : (double)c->widths[layer - 1] / c->subnets;
        const double outputs = layer == c->width_count - 1 ? c->widths[layer] : (double)c->widths[layer] / c->subnets;
        bytes += 4.0 * inputs * outputs * ((layer == 1 ? 3.0 : 4.0) + 2.0 * states);
    }
    return bytes / c->batch + (double)c->widths[0] + exchange_bytes_per_sample;
}
