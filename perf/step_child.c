/* step_child.c - one configuration in a process of its own: so its memory is its own, and so is its OpenBLAS. */
#include "step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "probe.h"

enum { ALL_ROUNDS = 1000000 }; /* of the run: more than anybody waits for */

typedef struct bench {
    step_config config;
    step_hello hello;
    uint8_t *x;      /* (rows, features) */
    int32_t *labels; /* (rows) */
    ist_context *context;
    ist_dataset *dataset;
    ist_model *model;
    ist_trainer *trainer;
    ist_train_config train;
    double round_s; /* how long a round took last */
} bench;

bool step_read(int fd, void *to, size_t bytes)
{
    char *at = to;
    while (bytes > 0) {
        const ssize_t got = read(fd, at, bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        bytes -= (size_t)got;
    }
    return true;
}

bool step_write(int fd, const void *from, size_t bytes)
{
    const char *at = from;
    while (bytes > 0) {
        const ssize_t put = write(fd, at, bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        at += put;
        bytes -= (size_t)put;
    }
    return true;
}

/* splitmix64: the same bytes for the same counter, wherever they are made. */
static uint64_t noise(uint64_t counter)
{
    uint64_t z = counter * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static bool make_data(bench *b)
{
    const size_t rows = (size_t)b->config.rows, features = (size_t)b->config.widths[0], bytes = rows * features;
    const uint64_t classes = (uint64_t)b->config.widths[b->config.width_count - 1];
    b->x = malloc(bytes);
    b->labels = malloc(rows * sizeof *b->labels);
    if (!b->x || !b->labels) return false;
    for (size_t i = 0; i < bytes; i++) b->x[i] = (uint8_t)noise(i);
    for (size_t i = 0; i < rows; i++) b->labels[i] = (int32_t)(noise(~(uint64_t)i) % classes);
    return true;
}

static void keep_line(void *user, int32_t level, const char *line)
{
    bench *b = user;
    if (level == IST_LOG_ERROR) snprintf(b->hello.error, sizeof b->hello.error, "%s", line);
}

static ist_status create(bench *b)
{
    const step_config *c = &b->config;
    ist_context_config machine = IST_CONTEXT_CONFIG_INIT;
    machine.teams = c->teams;
    machine.threads_per_team = c->threads;
    machine.team_at = c->teams == 1 ? IST_AT_MACHINE : IST_AT_NUMA;
    machine.engine = c->engine_value;
    machine.log = keep_line;
    machine.log_user = b;
    ist_status status = ist_context_create(&b->context, &machine);
    if (status) return status;

    const int32_t features = c->widths[0], classes = c->widths[c->width_count - 1];
    status =
        ist_dataset_wrap(b->context, &b->dataset, b->x, IST_UINT8, c->rows, features, features, b->labels, classes);
    if (status) return status;

    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = features;
    net.classes = classes;
    net.hidden_count = c->width_count - 2;
    net.hidden = c->widths + 1;
    net.subnets = c->subnets;
    status = ist_model_create(b->context, &b->model, &net);
    const float shift = 127.5F, factor = 1.0F / 74.0F; /* to mean 0 and deviation 1, as with real data */
    if (!status) status = ist_model_set_normalization(b->model, 1, &shift, &factor);
    if (status) return status;

    b->train = (ist_train_config)IST_TRAIN_CONFIG_INIT;
    b->train.local_steps = c->local_steps;
    b->train.batch = c->batch;
    b->train.optimizer = c->optimizer_value;
    b->train.schedule = IST_LR_CONSTANT;
    b->train.rounds = ALL_ROUNDS;
    status = ist_trainer_create(b->context, &b->trainer, b->model, b->dataset, &b->train);
    if (status) return status;

    size_t bytes = 0;
    status = ist_plan_report(b->context, &net, &b->train, c->rows, IST_UINT8, NULL, 0, &bytes);
    char *text = status ? NULL : malloc(bytes);
    if (!text) return status ? status : IST_E_MEMORY;
    status = ist_plan_report(b->context, &net, &b->train, c->rows, IST_UINT8, text, bytes, &bytes);
    json_t *plan = status ? NULL : json_loads(text, 0, NULL);
    b->hello.planned_bytes = (double)json_integer_value(json_object_get(plan, "planned_bytes")) +
                             (double)json_integer_value(json_object_get(plan, "dataset_bytes"));
    json_decref(plan);
    free(text);
    return status;
}

static void copy_word(char *out, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text) snprintf(out, STEP_WORD_BYTES, "%s", text);
}

/* What the report of the context says: who multiplies, and with which instructions. */
static ist_status ask_engine(bench *b)
{
    step_hello *h = &b->hello;
    size_t bytes = 0;
    ist_status status = ist_context_report(b->context, NULL, 0, &bytes);
    char *text = status ? NULL : malloc(bytes);
    if (!text) return status ? status : IST_E_MEMORY;
    status = ist_context_report(b->context, text, bytes, &bytes);
    json_t *report = status ? NULL : json_loads(text, 0, NULL);
    const json_t *blas = json_object_get(report, "blas");
    copy_word(h->engine, blas, "engine");
    copy_word(h->kernels, blas, "kernels");
    copy_word(h->core_type, blas, "core_type");
    copy_word(h->huge_pages, json_object_get(report, "system"), "huge_pages");
    json_decref(report);
    free(text);

    /* The engine as it was asked for says more than the report: native-avx2 is native there. */
    if (strncmp(b->config.engine, h->engine, strlen(h->engine)) == 0)
        snprintf(h->engine, sizeof h->engine, "%s", b->config.engine);
    const bool openblas = strcmp(h->engine, "openblas") == 0, reference = strcmp(h->engine, "reference") == 0;
    static const char *const wide[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    static const char *const middle[] = {"Haswell", "Zen"};
    h->isa = PROBE_PORTABLE;
    for (size_t i = 0; i < sizeof wide / sizeof *wide && openblas; i++)
        if (strcmp(h->core_type, wide[i]) == 0) h->isa = PROBE_AVX512;
    for (size_t i = 0; i < sizeof middle / sizeof *middle && openblas; i++)
        if (strcmp(h->core_type, middle[i]) == 0) h->isa = PROBE_AVX2;
    for (int isa = PROBE_AVX2; isa <= PROBE_AVX512 && !openblas && !reference; isa++)
        if (strcmp(h->kernels, probe_isa_name(isa)) == 0) h->isa = isa;
    return status;
}

/* The numbers of one call of ist_trainer_run; peak_* are left alone. */
static ist_status train(bench *b, int64_t rounds, step_sample *s)
{
    ist_progress before = {.struct_size = sizeof before}, after = {.struct_size = sizeof after};
    ist_status status = ist_trainer_progress(b->trainer, &before);
    const double begin_s = probe_now_s();
    if (!status) status = ist_trainer_run(b->trainer, rounds, NULL, NULL);
    s->seconds = probe_now_s() - begin_s;
    if (!status) status = ist_trainer_progress(b->trainer, &after);
    s->samples = (double)(after.samples - before.samples);
    s->flops = after.flops - before.flops;
    s->gather_s = after.gather_s - before.gather_s;
    s->train_s = after.train_s - before.train_s;
    s->wait_s = after.wait_s - before.wait_s;
    s->writeback_s = after.writeback_s - before.writeback_s;
    s->exchange_bytes = after.bytes_moved - before.bytes_moved;
    b->round_s = s->seconds / (double)rounds;
    return status;
}

int step_child(const char *config_text, double sample_s)
{
    bench b = {0};
    step_sample sample = {0};
    if (!step_config_parse(config_text, &b.config)) return 2;
    ist_status status = make_data(&b) ? create(&b) : IST_E_MEMORY;
    if (!status) status = ask_engine(&b);
    if (!status) status = train(&b, 1, &sample); /* to touch all pages and to learn how long a round takes */
    if (status) {
        b.hello.failed = 1;
        const char *line = b.context ? ist_context_error(b.context) : b.hello.error;
        if (line != b.hello.error)
            snprintf(b.hello.error, sizeof b.hello.error, "%s", *line ? line : ist_strerror(status));
    }
    bool well = step_write(STDOUT_FILENO, &b.hello, sizeof b.hello) && !status;

    const int threads = b.config.teams * b.config.threads;
    char wanted;
    while (well && step_read(STDIN_FILENO, &wanted, 1)) {
        const double rounds = sample_s / b.round_s;
        sample.peak_before_gflops = probe_peak_gflops(b.hello.isa, threads, PROBE_SECONDS);
        status = train(&b, rounds > 1.0 ? (int64_t)(rounds + 0.5) : 1, &sample);
        sample.peak_after_gflops = probe_peak_gflops(b.hello.isa, threads, PROBE_SECONDS);
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        sample.peak_rss_bytes = 1024.0 * (double)usage.ru_maxrss;
        if (status) fprintf(stderr, "ist-bench-step: %s: %s\n", config_text, ist_context_error(b.context));
        well = !status && step_write(STDOUT_FILENO, &sample, sizeof sample);
    }
    ist_trainer_destroy(b.trainer);
    ist_model_destroy(b.model);
    ist_dataset_destroy(b.dataset);
    ist_context_destroy(b.context);
    free(b.x);
    free(b.labels);
    return status ? 1 : 0;
}
