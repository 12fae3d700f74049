/* every_call.h - every function of <ist/ist.h>, called so that it goes well and so that it fails, and after each call the
 * state of the host compared (host_state.h).  Include after #define _GNU_SOURCE.
 *
 *     host_watch(&host_signals);
 *     every_call();
 *     CHECK_STR(host_difference, "");
 *
 * A status other than the expected one is a difference, too.  No CHECK in here: it may be called from any thread, but from
 * one at a time.
 */
#ifndef IST_TESTS_EVERY_CALL_H
#define IST_TESTS_EVERY_CALL_H

#include <errno.h>

#include "fixture_run.h"
#include "host_state.h"

/* This program once more, with a variable of the environment that is read when a process begins; returns where it is set. */
static inline void again_with(const char *test, const char *variable, const char *value)
{
    char program[512] = "", name[128];
    const char *set = getenv(variable);
    if (set && strcmp(set, value) == 0) return;
    snprintf(name, sizeof name, "%s", test);
    CHECK(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    CHECK_EQ(setenv(variable, value, 1), 0);
    char *const arguments[] = {program, name, NULL};
    fflush(NULL);
    execv(program, arguments);
    CHECK_STR(strerror(errno), "");
}

/* ------------------------------------------------------------------------------------------- what was called so far -- */

enum { CALLS_MOST = 128 };
typedef struct call_seen {
    char name[64];
    int fine, failed; /* calls */
} call_seen;
static call_seen calls_seen[CALLS_MOST];

static inline call_seen *call_of(const char *name, size_t length)
{
    int i = 0;
    while (i < CALLS_MOST - 1 && *calls_seen[i].name &&
           (strlen(calls_seen[i].name) != length || strncmp(calls_seen[i].name, name, length) != 0))
        i++;
    if (!*calls_seen[i].name) snprintf(calls_seen[i].name, sizeof calls_seen[i].name, "%.*s", (int)length, name);
    return &calls_seen[i];
}

/* What errno holds when a function is called: no result may depend on it. */
static int call_errno;

static inline void call_done(const char *call, ist_status status, ist_status expected, int saving)
{
    call_seen *seen = call_of(call, strcspn(call, "("));
    if (status == IST_OK) seen->fine++;
    else seen->failed++;
    if (status != expected) {
        char was[64], is[64];
        snprintf(was, sizeof was, "status %d", expected);
        snprintf(is, sizeof is, "status %d", status);
        host_note(call, was, is);
    }
    if (!saving || !host_watched || !host_watched->saving) host_compare(call);
}

#define CALLED(call, expected, saving)                 \
  do {                                                 \
    errno = call_errno;                                \
    const ist_status call_status = (call);             \
    call_done(#call, call_status, (expected), saving); \
  } while (0)
#define FINE(call)         CALLED(call, IST_OK, 0)
#define FAILS(call, error) CALLED(call, error, 0)
#define DONE(call)                       \
  do {                                   \
    errno = call_errno;                  \
    (void)(call);                        \
    call_done(#call, IST_OK, IST_OK, 0); \
  } while (0)

/* ------------------------------------------------------------------------------------------------------ the calls -- */

typedef struct calls {
    run_spec spec;
    table table;
    ist_model_config net;
    ist_context *context, *text; /* text: of a machine that is a text; NULL without hwloc */
    ist_dataset *dataset, *file, *sparse, *targets;
    ist_model *model, *other;
    ist_trainer *trainer;
    float *probabilities;
    char report[1 << 16];
} calls;

static inline void calls_files(void)
{
    file_write(scratch_path("x.csv"), "1,2,3,4,5,6\n3.5,4,5,6,7,8\n", 26);
    file_write(scratch_path("y.csv"), "0\n1\n", 4);
    file_write(scratch_path("bad.csv"), "1,2\n3,x\n", 8);
    file_write(scratch_path("sparse.txt"), "0 1:1.5 3:2\n1 2:0.5\n", 20);
}

static inline void calls_about_nothing(void)
{
    DONE(ist_version());
    DONE(ist_strerror(IST_E_MEMORY));
    DONE(ist_strerror(INT32_MIN));
    DONE(ist_default_lr(IST_ADAM));
    DONE(ist_default_lr(-1));
    DONE(ist_context_destroy(NULL));
    DONE(ist_dataset_destroy(NULL));
    DONE(ist_model_destroy(NULL));
    DONE(ist_trainer_destroy(NULL));
    DONE(ist_trainer_stop(NULL));
    DONE(ist_trace_stop(NULL));
    DONE(ist_context_error(NULL));
    DONE(ist_dataset_rows(NULL));
    DONE(ist_dataset_features(NULL));
    DONE(ist_dataset_classes(NULL));
    DONE(ist_model_parameter_count(NULL));
    DONE(ist_trainer_rounds_until(NULL, 1));
}

static inline void calls_of_contexts(calls *c)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_context *bad = NULL;
    size_t need = 0;
    config.teams = c->spec.teams;
    config.threads_per_team = c->spec.threads;
    ist_range range = {.struct_size = sizeof range};
    FINE(ist_bounds("ist_train_config.batch", &range));
    FAILS(ist_bounds("ist_train_config.seed", &range), IST_E_ARGUMENT);
    FINE(ist_set_allocator(NULL));
    FINE(ist_context_create(&c->context, &config));
    FAILS(ist_set_allocator(NULL), IST_E_ARGUMENT);
    config.teams = -1;
    FAILS(ist_context_create(&bad, &config), IST_E_ARGUMENT);
    config.teams = 0;
    config.topology = "no such machine: 7";
    FAILS(ist_context_create(&bad, &config), IST_E_ARGUMENT);
    config.topology = "numa:2 core:2 pu:1";
    if (ist_context_create(&c->text, &config) == IST_OK) host_compare("ist_context_create() of a text");
    FINE(ist_context_report(c->context, c->report, sizeof c->report, &need));
    FAILS(ist_context_report(c->context, NULL, 5, &need), IST_E_ARGUMENT);
    FINE(ist_trace_start(c->context, NULL));
    ist_trace_config trace = IST_TRACE_CONFIG_INIT;
    trace.events_per_thread = 1;
    FAILS(ist_trace_start(c->context, &trace), IST_E_ARGUMENT);
    if (c->text) FAILS(ist_trace_start(c->text, NULL), IST_E_PLACEMENT);
}

static inline int32_t calls_fill(void *user, int64_t first_row, int64_t count, void *x, int32_t *labels, float *y)
{
    (void)x;
    (void)labels;
    (void)y;
    *(int64_t *)user += count;
    return first_row < 2 ? 0 : 5; /* what is there is 0 */
}

static inline void calls_of_rows(calls *c)
{
    ist_dataset *made = NULL;
    ist_rows_config rows = IST_ROWS_CONFIG_INIT;
    ist_csr csr = IST_CSR_INIT;
    static const int64_t begin[] = {0, 1, 1};
    static const int32_t feature[] = {2};
    int64_t seen = 0;
    rows.rows = rows.features = 2;
    rows.rows_at_once = 1;
    FINE(ist_dataset_from_rows(c->context, &made, &rows, calls_fill, &seen));
    DONE(ist_dataset_destroy(made));
    rows.rows = 3;
    FAILS(ist_dataset_from_rows(c->context, &made, &rows, calls_fill, &seen), IST_E_ARGUMENT);
    csr.rows = 2;
    csr.features = 3;
    csr.row_begin = begin;
    csr.feature = feature;
    FINE(ist_dataset_from_csr(c->context, &made, &csr, NULL));
    ist_dataset *rest = NULL, *held = NULL;
    FINE(ist_dataset_split(c->context, made, 0.5, 1, &rest, &held));
    DONE(ist_dataset_destroy(rest));
    DONE(ist_dataset_destroy(held));
    FAILS(ist_dataset_split(c->context, made, 1, 1, &rest, &held), IST_E_ARGUMENT);
    DONE(ist_dataset_destroy(made));
    csr.features = 2;
    FAILS(ist_dataset_from_csr(c->context, &made, &csr, NULL), IST_E_ARGUMENT);
}

static inline void calls_of_data(calls *c)
{
    ist_dataset *bad = NULL;
    ist_dataset_config sparse = IST_DATASET_CONFIG_INIT;
    ist_dataset_info info = {.struct_size = sizeof info};
    sparse.sparse = 1;
    FINE(ist_dataset_wrap(c->context, &c->dataset, c->table.x, IST_FLOAT32, c->table.rows, 6, 24, c->table.labels, 4));
    FAILS(ist_dataset_wrap(c->context, &bad, c->table.x, IST_FLOAT32, 0, 6, 24, NULL, 0), IST_E_ARGUMENT);
    ist_dataset_arrays arrays = IST_DATASET_ARRAYS_INIT;
    arrays.rows = arrays.features = arrays.targets = 3;
    arrays.x = arrays.y = c->table.x;
    arrays.copy = 1;
    FINE(ist_dataset_from_arrays(c->context, &c->targets, &arrays));
    arrays.labels = c->table.labels;
    FAILS(ist_dataset_from_arrays(c->context, &bad, &arrays), IST_E_ARGUMENT);
    FINE(ist_dataset_open(c->context, &c->file, scratch_path("x.csv"), scratch_path("y.csv")));
    FAILS(ist_dataset_open(c->context, &bad, scratch_path("missing.npy"), NULL), IST_E_IO);
    FAILS(ist_dataset_open(c->context, &bad, scratch_path("bad.csv"), NULL), IST_E_FORMAT);
    FAILS(ist_dataset_open(c->context, &bad, scratch_path("x.csv"), scratch_path("x.csv")), IST_E_FORMAT);
    FINE(ist_dataset_open_as(c->context, &c->sparse, scratch_path("sparse.txt"), NULL, &sparse));
    sparse.text = 9;
    FAILS(ist_dataset_open_as(c->context, &bad, scratch_path("sparse.txt"), NULL, &sparse), IST_E_ARGUMENT);
    FINE(ist_dataset_save(c->context, c->sparse, scratch_path("sparse.istd")));
    FAILS(ist_dataset_save(c->context, c->sparse, "/dev/full/x"), IST_E_IO);
    FAILS(ist_dataset_save(c->context, c->dataset, scratch_path("no.istd")), IST_E_ARGUMENT);
    FINE(ist_dataset_describe(c->sparse, &info));
    FAILS(ist_dataset_describe(c->sparse, NULL), IST_E_ARGUMENT);
    DONE(ist_dataset_rows(c->file));
    DONE(ist_dataset_features(c->file));
    DONE(ist_dataset_classes(c->file));
}

static inline void calls_of_models(calls *c)
{
    static const float shift = 0.5F, factor = 2, zero = 0;
    ist_model *bad = NULL;
    ist_model_config net = c->net, described = IST_MODEL_CONFIG_INIT;
    FINE(ist_model_create(c->context, &c->model, &net));
    FINE(ist_model_create(c->context, &c->other, &net));
    net.classes = 0;
    FAILS(ist_model_create(c->context, &bad, &net), IST_E_ARGUMENT);
    net.classes = net.features = 1 << 24;
    net.hidden_count = 0;
    net.subnets = 1;
    FAILS(ist_model_create(c->context, &bad, &net), IST_E_MEMORY);
    if (c->text) FAILS(ist_model_create(c->text, &bad, &c->net), IST_E_PLACEMENT);
    FINE(ist_model_describe(c->model, &described));
    FAILS(ist_model_describe(c->model, NULL), IST_E_ARGUMENT);
    DONE(ist_model_parameter_count(c->model));
    FINE(ist_model_set_normalization(c->model, 1, &shift, &factor));
    FAILS(ist_model_set_normalization(c->model, 1, &shift, &zero), IST_E_ARGUMENT);
    FINE(ist_model_measure_normalization(c->model, c->dataset, IST_NORMALIZE_ZSCORE));
    FAILS(ist_model_measure_normalization(c->model, c->sparse, IST_NORMALIZE_ZSCORE), IST_E_SHAPE);
    net = c->net;
    net.features = net.classes = 3;
    net.output_norm = IST_NORM_NONE;
    net.output_scale = 1;
    net.loss = IST_LOSS_MSE;
    ist_model *regression = NULL;
    FINE(ist_model_create(c->context, &regression, &net));
    FINE(ist_model_set_target_normalization(regression, 1, &shift, &factor));
    FAILS(ist_model_set_target_normalization(c->model, 1, &shift, &factor), IST_E_ARGUMENT);
    FINE(ist_model_measure_target_normalization(regression, c->targets));
    FAILS(ist_model_measure_target_normalization(regression, c->dataset), IST_E_SHAPE);
    DONE(ist_model_destroy(regression));
    FINE(ist_model_copy(c->other, c->model));
    FAILS(ist_model_copy(c->other, NULL), IST_E_ARGUMENT);
}

static inline void calls_of_exchange(calls *c)
{
    ist_model *made = NULL;
    ist_export_config format = IST_EXPORT_CONFIG_INIT;
    ist_subnet_config subnet = IST_SUBNET_CONFIG_INIT;
    FINE(ist_model_export(c->model, scratch_path("model.npz"), &format));
    FINE(ist_model_export(c->model, scratch_path("model.safetensors"), NULL));
    FAILS(ist_model_export(c->model, "/dev/full/x.npz", NULL), IST_E_IO);
    format.format = 9;
    FAILS(ist_model_export(c->model, scratch_path("model.npz"), &format), IST_E_ARGUMENT);
    FINE(ist_model_import(c->context, &made, scratch_path("model.npz")));
    DONE(ist_model_destroy(made));
    FAILS(ist_model_import(c->context, &made, scratch_path("x.csv")), IST_E_FORMAT);
    FAILS(ist_model_import(c->context, &made, scratch_path("missing.npz")), IST_E_IO);
    FINE(ist_model_subnet(c->model, &made, &subnet));
    DONE(ist_model_destroy(made));
    ist_tensor tensor = {.struct_size = sizeof tensor};
    double scale = 1;
    DONE(ist_model_tensor_count(c->model));
    FINE(ist_model_tensor(c->model, 0, &tensor));
    FAILS(ist_model_tensor(c->model, -1, &tensor), IST_E_ARGUMENT);
    FINE(ist_model_get_tensor(c->model, "net.output_scale", &scale, sizeof scale));
    FAILS(ist_model_get_tensor(c->model, "net.output", &scale, sizeof scale), IST_E_ARGUMENT);
    FINE(ist_model_set_tensor(c->model, "net.output_scale", &scale, sizeof scale));
    FAILS(ist_model_set_tensor(c->model, "net.output_scale", &scale, 1), IST_E_ARGUMENT);
    subnet.subnet = -1;
    FAILS(ist_model_subnet(c->model, &made, &subnet), IST_E_ARGUMENT);
}

static inline int32_t calls_round(void *user, const ist_progress *progress)
{
    ist_team_times times = {.struct_size = sizeof times};
    int32_t count = 0;
    (void)progress;
    return ist_trainer_teams(user, &times, 1, &count) != IST_OK;
}

static inline void calls_of_training(calls *c)
{
    ist_trainer *bad = NULL;
    ist_progress progress = {.struct_size = sizeof progress};
    ist_team_times times[2] = {{.struct_size = sizeof *times}};
    ist_thread_state threads[2] = {{.struct_size = sizeof *threads}};
    int32_t count = 0;
    FINE(ist_trainer_create(c->context, &c->trainer, c->model, c->dataset, &c->spec.train));
    FAILS(ist_trainer_create(c->context, &bad, c->model, c->file, &c->spec.train), IST_E_SHAPE);
    ist_train_config wrong = c->spec.train;
    wrong.lr = -1;
    FAILS(ist_trainer_create(c->context, &bad, c->model, c->dataset, &wrong), IST_E_ARGUMENT);
    FAILS(ist_trainer_average(c->trainer, c->other), IST_E_ARGUMENT);
    FINE(ist_trainer_run(c->trainer, 3, calls_round, c->trainer));
    FAILS(ist_trainer_run(c->trainer, -1, NULL, NULL), IST_E_ARGUMENT);
    ist_goal goal = IST_GOAL_INIT;
    int32_t ended = -1;
    goal.dataset = c->dataset;
    goal.accuracy = 0.01;
    FINE(ist_trainer_run_until(c->trainer, &goal, calls_round, c->trainer, NULL, &ended));
    goal.every_rounds = 0;
    FAILS(ist_trainer_run_until(c->trainer, &goal, NULL, NULL, NULL, NULL), IST_E_ARGUMENT);
    ist_trainer *fed = NULL;
    ist_model *fed_model = NULL;
    ist_feed rows = IST_FEED_INIT;
    const float x[] = {0.5F, 1.5F, 2.5F}, y[] = {1, 2, 3};
    ist_model_config net = c->net;
    net.features = net.classes = 3;
    net.output_norm = IST_NORM_NONE;
    net.subnets = 1;
    net.loss = IST_LOSS_MSE;
    wrong = c->spec.train;
    wrong.subnets = 1;
    rows.rows = 1;
    rows.x = x;
    rows.y = y;
    FAILS(ist_trainer_feed(c->trainer, &rows), IST_E_ARGUMENT);
    FINE(ist_model_create(c->context, &fed_model, &net));
    FINE(ist_trainer_create(c->context, &fed, fed_model, c->targets, &wrong));
    FINE(ist_trainer_feed(fed, &rows));
    FINE(ist_trainer_run(fed, 1, NULL, NULL));
    DONE(ist_trainer_destroy(fed));
    DONE(ist_model_destroy(fed_model));
    FINE(ist_trainer_progress(c->trainer, &progress));
    FAILS(ist_trainer_progress(c->trainer, NULL), IST_E_ARGUMENT);
    DONE(ist_trainer_rounds_until(c->trainer, 2.5));
    FINE(ist_trainer_teams(c->trainer, times, 2, &count));
    FAILS(ist_trainer_teams(c->trainer, times, -1, &count), IST_E_ARGUMENT);
    FINE(ist_trainer_threads(c->trainer, threads, 2, &count));
    FAILS(ist_trainer_threads(c->trainer, threads, -1, &count), IST_E_ARGUMENT);
    FINE(ist_trainer_scale_lr(c->trainer, 0.5));
    FAILS(ist_trainer_scale_lr(c->trainer, -0.5), IST_E_ARGUMENT);
    DONE(ist_trainer_stop(c->trainer));
    ist_trainer *clone = NULL;
    FINE(ist_trainer_clone(c->trainer, &clone, c->other));
    DONE(ist_trainer_destroy(clone));
    FAILS(ist_trainer_clone(c->trainer, &clone, c->model), IST_E_ARGUMENT);
    FINE(ist_trainer_calibrate(c->trainer));
    FAILS(ist_trainer_calibrate(NULL), IST_E_ARGUMENT);
    FINE(ist_trainer_average(c->trainer, c->other));
    FAILS(ist_trainer_average(c->trainer, c->model), IST_E_ARGUMENT);
}

static inline void calls_of_files(calls *c)
{
    ist_saves saves = {.struct_size = sizeof saves};
    ist_difference difference = {.struct_size = sizeof difference};
    ist_model *loaded = NULL;
    int32_t busy = 0;
    size_t need = 0;
    int64_t dropped = 0;
    FINE(ist_trainer_set_note(c->trainer, "a note", 7));
    FAILS(ist_trainer_set_note(c->trainer, "a note", IST_NOTE_BYTES + 1), IST_E_ARGUMENT);
    FINE(ist_trainer_note(c->trainer, c->report, sizeof c->report, &need));
    FAILS(ist_trainer_note(c->trainer, c->report, sizeof c->report, NULL), IST_E_ARGUMENT);
    FINE(ist_trainer_save(c->trainer, scratch_path("run.ist")));
    FAILS(ist_trainer_save(c->trainer, "/dev/full/x"), IST_E_IO);
    CALLED(ist_trainer_save_begin(c->trainer, scratch_path("begun.ist")), IST_OK, 1);
    FINE(ist_trainer_save_end(c->trainer, 1, &busy));
    FAILS(ist_trainer_save_begin(c->trainer, NULL), IST_E_ARGUMENT);
    CALLED(ist_trainer_save_begin(c->trainer, "/dev/full/x"), IST_OK, 1);
    FAILS(ist_trainer_save_end(c->trainer, 1, &busy), IST_E_IO);
    FINE(ist_trainer_saves(c->trainer, &saves));
    FAILS(ist_trainer_saves(c->trainer, NULL), IST_E_ARGUMENT);
    FINE(ist_trainer_resume(c->trainer, scratch_path("run.ist")));
    FAILS(ist_trainer_resume(c->trainer, scratch_path("x.csv")), IST_E_FORMAT);
    FINE(ist_trainer_difference(c->trainer, &difference));
    FAILS(ist_trainer_difference(c->trainer, NULL), IST_E_ARGUMENT);
    FINE(ist_model_save(c->model, scratch_path("model.ist")));
    FAILS(ist_model_save(c->model, "/dev/full/x"), IST_E_IO);
    FINE(ist_model_load(c->context, &loaded, scratch_path("model.ist")));
    DONE(ist_model_destroy(loaded));
    FAILS(ist_model_load(c->context, &loaded, scratch_path("bad.csv")), IST_E_FORMAT);
    FINE(ist_model_save_bytes(c->model, c->report, sizeof c->report, &need));
    FAILS(ist_model_save_bytes(c->model, NULL, 9, &need), IST_E_ARGUMENT);
    FINE(ist_model_load_bytes(c->context, &loaded, c->report, need));
    DONE(ist_model_destroy(loaded));
    FAILS(ist_model_load_bytes(c->context, &loaded, c->report, need - 1), IST_E_FORMAT);
    FINE(ist_trainer_save_bytes(c->trainer, c->report, sizeof c->report, &need));
    FAILS(ist_trainer_save_bytes(c->trainer, c->report, 9, NULL), IST_E_ARGUMENT);
    FINE(ist_trainer_resume_bytes(c->trainer, c->report, need));
    FAILS(ist_trainer_resume_bytes(c->trainer, c->report, need - 1), IST_E_FORMAT);
    FINE(ist_trace_write(c->context, scratch_path("trace.json"), &dropped));
    FAILS(ist_trace_write(c->context, "/dev/full/x", &dropped), IST_E_IO);
    DONE(ist_trace_stop(c->context));
}

static inline void calls_of_reports(calls *c)
{
    ist_placement placement = IST_PLACEMENT_INIT;
    ist_rates rates = IST_RATES_INIT;
    ist_prediction prediction = {.struct_size = sizeof prediction};
    size_t need = 0;
    FINE(ist_trainer_report(c->trainer, c->report, sizeof c->report, &need));
    FAILS(ist_trainer_report(c->trainer, NULL, 3, &need), IST_E_ARGUMENT);
    FINE(ist_trainer_verify(c->trainer, &placement));
    placement.struct_size = 1;
    FAILS(ist_trainer_verify(c->trainer, &placement), IST_E_ARGUMENT);
    FINE(ist_plan_report(c->context, &c->net, &c->spec.train, 100, IST_FLOAT32, NULL, 0, &need));
    ist_sparse_rows thin = IST_SPARSE_ROWS_INIT;
    thin.rows = thin.labels = 100;
    thin.values = 700;
    FINE(ist_plan_sparse(c->context, &c->net, &c->spec.train, &thin, NULL, 0, &need));
    thin.values = -1;
    FAILS(ist_plan_sparse(c->context, &c->net, &c->spec.train, &thin, NULL, 0, &need), IST_E_ARGUMENT);
    FAILS(ist_plan_report(c->context, &c->net, &c->spec.train, -1, IST_FLOAT32, NULL, 0, &need), IST_E_ARGUMENT);
    FAILS(ist_plan_predict(c->context, &c->net, &c->spec.train, 100, IST_FLOAT32, &rates, &prediction), IST_E_ARGUMENT);
    rates.forward_gflops = rates.pull_gflops = 1;
    for (int i = 0; i < 4; i++) rates.update_gflops[i] = 1;
    FINE(ist_plan_predict(c->context, &c->net, &c->spec.train, 100, IST_FLOAT32, &rates, &prediction));
}

static inline void calls_of_answers(calls *c)
{
    ist_evaluation evaluation = IST_EVALUATION_INIT;
    FAILS(ist_model_calibrate(c->model, c->dataset, 0, 1), IST_E_ARGUMENT);
    FINE(ist_model_calibrate(c->model, c->dataset, 30, 1));
    FINE(ist_model_evaluate(c->model, c->dataset, NULL, &evaluation));
    FAILS(ist_model_evaluate(c->model, c->file, NULL, NULL), IST_E_ARGUMENT);
    FINE(ist_model_predict(c->model, c->dataset, NULL, c->probabilities));
    FAILS(ist_model_predict(c->model, c->sparse, NULL, c->probabilities), IST_E_SHAPE);
    ist_ranking ranking = IST_RANKING_INIT;
    int32_t *best = table_room(ist_dataset_rows(c->dataset), sizeof *best);
    FINE(ist_model_rank(c->model, c->dataset, c->dataset, NULL, &ranking));
    FAILS(ist_model_rank(c->model, c->dataset, c->dataset, NULL, NULL), IST_E_ARGUMENT);
    FINE(ist_model_top(c->model, c->dataset, NULL, 1, best, c->probabilities));
    FAILS(ist_model_top(c->model, c->dataset, NULL, 0, best, NULL), IST_E_ARGUMENT);
    free(best);
    DONE(ist_context_error(c->context));
}

static inline void calls_of_predictors(calls *c)
{
    ist_predictor *predictor = NULL;
    const void *x = c->table.x;
    const int64_t stride = c->table.features * (int64_t)sizeof(float);
    FINE(ist_predictor_create(c->model, &predictor, NULL));
    FAILS(ist_predictor_create(c->model, NULL, NULL), IST_E_ARGUMENT);
    FINE(ist_predictor_run(predictor, x, IST_FLOAT32, 1, stride, c->probabilities));
    FAILS(ist_predictor_run(predictor, x, IST_FLOAT32, 0, stride, c->probabilities), IST_E_ARGUMENT);
    FINE(ist_predictor_run_teams(predictor, x, IST_FLOAT32, 9, stride, c->probabilities));
    FAILS(ist_predictor_run_teams(predictor, NULL, IST_FLOAT32, 9, stride, c->probabilities), IST_E_ARGUMENT);
    DONE(ist_predictor_destroy(predictor));
}

/* Without norm, with a learning rate that no net bears. */
static inline void calls_that_diverge(calls *c)
{
    ist_model_config net = c->net;
    ist_train_config train = c->spec.train;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    const int32_t widths[] = {60, 50};
    net.hidden = widths;
    net.hidden_norm = IST_NORM_NONE;
    train.optimizer = IST_SGD;
    train.average_from = 1;
    train.lr = 1e6;
    train.rounds = 100;
    FINE(ist_model_create(c->context, &model, &net));
    FINE(ist_trainer_create(c->context, &trainer, model, c->dataset, &train));
    FAILS(ist_trainer_run(trainer, 0, NULL, NULL), IST_E_DIVERGED);
    DONE(ist_trainer_destroy(trainer));
    DONE(ist_model_destroy(model));
}

/* A whole life, with this many teams of this many threads. */
static inline void every_call(int32_t teams, int32_t threads)
{
    calls *c = calloc(1, sizeof *c);
    if (!c) return;
    c->spec = run_spec_small();
    c->spec.teams = teams;
    c->spec.threads = threads;
    c->spec.train.average_from = 0;
    c->table = table_make(c->spec.rows, c->spec.features, c->spec.classes);
    c->net = run_model_config(&c->spec);
    c->probabilities = calloc((size_t)(c->spec.rows * c->spec.classes), sizeof(float));
    (void)feclearexcept(FE_ALL_EXCEPT); /* what the table's numbers raised is not theirs */
    calls_about_nothing();
    calls_of_contexts(c);
    calls_of_data(c);
    calls_of_rows(c);
    calls_of_models(c);
    calls_of_exchange(c);
    calls_of_training(c);
    calls_of_files(c);
    calls_of_reports(c);
    calls_of_answers(c);
    calls_of_predictors(c);
    calls_that_diverge(c);
    DONE(ist_trainer_destroy(c->trainer));
    DONE(ist_model_destroy(c->model));
    DONE(ist_model_destroy(c->other));
    DONE(ist_dataset_destroy(c->dataset));
    DONE(ist_dataset_destroy(c->file));
    DONE(ist_dataset_destroy(c->sparse));
    DONE(ist_dataset_destroy(c->targets));
    DONE(ist_context_destroy(c->text));
    DONE(ist_context_destroy(c->context));
    free(c->probabilities);
    table_free(&c->table);
    free(c);
}

#endif
