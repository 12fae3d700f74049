/* bounds.c - the table of bounds.
 *
 * A row is a field, where it is, its least and its most; which of both does not belong, and where a default comes from: the INIT
 * macro itself.  Whole numbers are exact: all of them are below 2^53.  What depends on other fields is checked where it is used.
 *
 * Floor: base.  Cold.  Thread safety: any thread.
 */
#include "base/bounds.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum kind { WHOLE32, WHOLE64, NUMBER, ELEMENT } kind; /* ELEMENT: of an array, whole */
enum { CLOSED = 0, ABOVE = 1, BELOW = 2, ALONE = 4 }; /* ALONE: checked where it is used, not with its structure */

typedef struct row {
    const char *field;
    const void *standard; /* the structure as its INIT macro makes it */
    size_t at;
    kind kind;
    double least, most;
    int flags;
} row;

static const ist_context_config ist_context_config_standard = IST_CONTEXT_CONFIG_INIT;
static const ist_dataset_config ist_dataset_config_standard = IST_DATASET_CONFIG_INIT;
static const ist_model_config ist_model_config_standard = IST_MODEL_CONFIG_INIT;
static const ist_export_config ist_export_config_standard = IST_EXPORT_CONFIG_INIT;
static const ist_evaluate_config ist_evaluate_config_standard = IST_EVALUATE_CONFIG_INIT;
static const ist_predictor_config ist_predictor_config_standard = IST_PREDICTOR_CONFIG_INIT;
static const ist_train_config ist_train_config_standard = IST_TRAIN_CONFIG_INIT;
static const ist_goal ist_goal_standard = IST_GOAL_INIT;
static const ist_trace_config ist_trace_config_standard = IST_TRACE_CONFIG_INIT;

#define KIND(value) _Generic((value), int32_t : WHOLE32, int64_t : WHOLE64, double : NUMBER, default : ELEMENT)
#define ROW(structure, member, least, most, flags)                                                                  \
  {                                                                                                                 \
#    structure "." #    member, &structure##_standard, offsetof(structure, member), KIND(((structure *)0)->member), \
        least, most, flags                                                                                          \
  }
#define CONTEXT(...)  ROW(ist_context_config, __VA_ARGS__)
#define DATASET(...)  ROW(ist_dataset_config, __VA_ARGS__)
#define MODEL(...)    ROW(ist_model_config, __VA_ARGS__)
#define EXPORT(...)   ROW(ist_export_config, __VA_ARGS__)
#define EVALUATE(...) ROW(ist_evaluate_config, __VA_ARGS__)
#define PREDICT(...)  ROW(ist_predictor_config, __VA_ARGS__)
#define TRAIN(...)    ROW(ist_train_config, __VA_ARGS__)
#define GOAL(...)     ROW(ist_goal, __VA_ARGS__)
#define TRACE(...)    ROW(ist_trace_config, __VA_ARGS__)

enum { WIDEST = 1 << 24, BATCH_MOST = 1 << 20, SUBNETS_MOST = 1 << 16 };

/* clang-format off */
static const row rows[] = {
    CONTEXT(teams, 0, 4096, CLOSED),
    CONTEXT(threads_per_team, 0, 4096, CLOSED),
    CONTEXT(team_at, IST_AT_NUMA, IST_AT_MACHINE, CLOSED),
    CONTEXT(placement, IST_PLACE_NONE, IST_PLACE_STRICT, CLOSED),
    CONTEXT(engine, IST_ENGINE_AUTO, IST_ENGINE_NATIVE_PORTABLE, CLOSED),
    CONTEXT(reserved0, 0, 0, CLOSED),
    CONTEXT(parts, 0, 65536, CLOSED),
    DATASET(text, IST_TEXT_AUTO, IST_TEXT_LIBSVM, CLOSED),
    DATASET(index_base, 0, 1, CLOSED),
    DATASET(features, 0, INT32_MAX, CLOSED),
    DATASET(dense_limit_bytes, 0, INFINITY, BELOW),
    DATASET(targets, 0, 1, CLOSED),
    DATASET(sparse, IST_ROWS_DENSE, IST_ROWS_AUTO, CLOSED),
    DATASET(log1p, 0, 1, CLOSED),
    DATASET(row_length, 0, 1e30, CLOSED),
    MODEL(features, 1, WIDEST, CLOSED),
    MODEL(classes, 1, WIDEST, CLOSED),
    MODEL(hidden_count, 0, IST_MAX_HIDDEN, CLOSED),
    MODEL(hidden, 1, WIDEST, CLOSED),
    MODEL(hidden_norm, IST_NORM_NONE, IST_NORM_BATCH, CLOSED),
    MODEL(output_norm, IST_NORM_NONE, IST_NORM_BATCH, CLOSED),
    MODEL(subnets, 1, WIDEST, ALONE),
    MODEL(output_scale, 1e-4, 1e4, ALONE),
    MODEL(activation, IST_RELU, IST_SILU, CLOSED),
    MODEL(loss, IST_LOSS_CROSS_ENTROPY, IST_LOSS_BINARY, CLOSED),
    MODEL(huber_delta, 1e-6, 1e6, CLOSED),
    EXPORT(format, IST_FILE_AUTO, IST_FILE_ONNX, CLOSED),
    EXPORT(fold, 0, 1, CLOSED),
    EXPORT(answer, IST_ANSWER_PROBABILITIES, IST_ANSWER_LOGITS, CLOSED),
    EVALUATE(statistics, IST_STATISTICS_STORED, IST_STATISTICS_BATCH, CLOSED),
    EVALUATE(batch, 0, BATCH_MOST, CLOSED),
    EVALUATE(order, IST_ORDER_FILE, IST_ORDER_SHUFFLED, CLOSED),
    PREDICT(answer, IST_ANSWER_PROBABILITIES, IST_ANSWER_LOGITS, CLOSED),
    PREDICT(rows_at_once, 1, 1 << 16, CLOSED),
    TRAIN(subnets, 0, SUBNETS_MOST, CLOSED),
    TRAIN(local_steps, 1, INT32_MAX, CLOSED),
    TRAIN(batch, 1, BATCH_MOST, CLOSED),
    TRAIN(optimizer, IST_SGD, IST_ADAM, CLOSED),
    TRAIN(state, IST_STATE_CARRIED, IST_STATE_RESET, CLOSED),
    TRAIN(schedule, IST_LR_CONSTANT, IST_LR_STEP, CLOSED),
    TRAIN(data, IST_DATA_SHARD, IST_DATA_SHARED, CLOSED),
    TRAIN(calibration_batches, 1, BATCH_MOST, CLOSED),
    TRAIN(epochs, 0, 1e6, ABOVE),
    TRAIN(rounds, 0, INT32_MAX, CLOSED),
    TRAIN(lr, 0, 1e6, CLOSED),
    TRAIN(momentum, 0, 1, BELOW),
    TRAIN(beta1, 0, 1, BELOW),
    TRAIN(beta2, 0, 1, BELOW),
    TRAIN(epsilon, 1e-20, 1, CLOSED),
    TRAIN(weight_decay, 0, INFINITY, BELOW),
    TRAIN(method, IST_METHOD_IST, IST_METHOD_MASKED, CLOSED),
    TRAIN(balance, IST_BALANCE_EVEN, IST_BALANCE_ADAPTIVE, CLOSED),
    TRAIN(repartition_fraction, 0, 1, ABOVE),
    TRAIN(lr_ramp, 0, 1, BELOW),
    TRAIN(lr_floor, 0, 1, CLOSED),
    TRAIN(lr_step_every, 0, 1, ABOVE),
    TRAIN(lr_step_factor, 0, 1, ABOVE),
    TRAIN(local_steps_last, 0, INT32_MAX, CLOSED),
    TRAIN(full_width_schedule, IST_LR_CONSTANT, IST_LR_STEP, CLOSED),
    TRAIN(warmup_epochs, 0, 1e6, CLOSED),
    TRAIN(full_width_epochs, 0, 1e6, CLOSED),
    TRAIN(warmup_lr, 0, 1e6, CLOSED),
    TRAIN(full_width_lr, 0, 1e6, CLOSED),
    TRAIN(label_smoothing, 0, 1, BELOW),
    TRAIN(input_dropout, 0, 1, BELOW),
    TRAIN(hidden_dropout, 0, 1, BELOW),
    TRAIN(outer_lr, 0, 10, ABOVE),
    TRAIN(outer_momentum, 0, 1, BELOW),
    TRAIN(average_from, 0, 1, CLOSED),
    TRAIN(average_decay, 0, 1, BELOW),
    TRAIN(background_saves, 0, 1, CLOSED),
    TRAIN(logits_bytes, 0, 0x1p40, CLOSED),
    TRAIN(sampled_labels, 0, WIDEST, CLOSED),
    GOAL(accuracy, 0, 1, CLOSED),
    GOAL(loss, 0, INFINITY, BELOW),
    GOAL(every_rounds, 1, INT32_MAX, CLOSED),
    TRACE(events_per_thread, 1 << 10, 1 << 26, CLOSED)};
/* clang-format on */
enum { ROWS = sizeof rows / sizeof *rows };

static double value_of(const row *r, const void *config)
{
    const unsigned char *at = (const unsigned char *)config + r->at;
    int32_t whole32;
    int64_t whole64;
    double number;
    switch (r->kind) {
    case WHOLE32: memcpy(&whole32, at, sizeof whole32); return whole32;
    case WHOLE64: memcpy(&whole64, at, sizeof whole64); return (double)whole64;
    case NUMBER: memcpy(&number, at, sizeof number); return number;
    default: return 0;
    }
}

/* "1e6" rather than "1e+06", and whole numbers with all their digits. */
static void show(char out[32], const row *r, double value)
{
    if (r->kind != NUMBER) snprintf(out, 32, "%.0f", value);
    else snprintf(out, 32, "%g", value);
    char *sign = strchr(out, 'e');
    if (!sign) return;
    sign++;
    char *digits = sign + (*sign == '-');
    const size_t skip = strspn(digits, "+0");
    memmove(digits, digits + skip, strlen(digits + skip) + 1);
}

/* Written so that NaN fails. */
static ist_status check(const row *r, double value, ist__error *error)
{
    const bool fits = (r->flags & ABOVE ? value > r->least : value >= r->least) &&
                      (r->flags & BELOW ? value < r->most : value <= r->most);
    if (fits) return IST_OK;
    char is[32], least[32], most[32], expected[80];
    show(is, r, value);
    show(least, r, r->least);
    show(most, r, r->most);
    if (isinf(r->most)) snprintf(expected, sizeof expected, "%s or more", least);
    else if (r->flags & ABOVE) snprintf(expected, sizeof expected, "above %s, at most %s", least, most);
    else if (r->flags & BELOW) snprintf(expected, sizeof expected, "%s or more, below %s", least, most);
    else if (r->least < r->most) snprintf(expected, sizeof expected, "%s .. %s", least, most);
    else snprintf(expected, sizeof expected, "%s", least);
    return ist__fail(error, IST_E_ARGUMENT, "%s is %s, expected %s", strchr(r->field, '.') + 1, is, expected);
}

ist_status ist__bounds_check(const char *structure, const void *config, ist__error *error)
{
    const size_t length = strlen(structure);
    ist_status status = IST_OK;
    for (int i = 0; i < ROWS && !status; i++) {
        const row *r = &rows[i];
        if (r->flags & ALONE || r->kind == ELEMENT) continue;
        if (strncmp(r->field, structure, length) == 0 && r->field[length] == '.')
            status = check(r, value_of(r, config), error);
    }
    return status;
}

static const row *find(const char *field)
{
    for (int i = 0; i < ROWS; i++)
        if (strcmp(rows[i].field, field) == 0) return &rows[i];
    return NULL;
}

ist_status ist__bound_check(const char *field, double value, ist__error *error)
{
    const row *r = find(field);
    return r ? check(r, value, error) : ist__fail(error, IST_E_ARGUMENT, "%s has no bounds", field);
}

bool ist__bound_of(const char *field, ist_range *out)
{
    const row *r = find(field);
    if (!r) return false;
    *out = (ist_range){.struct_size = out->struct_size,
                       .least = r->least,
                       .most = r->most,
                       .standard = value_of(r, r->standard),
                       .least_belongs = !(r->flags & ABOVE),
                       .most_belongs = !(r->flags & BELOW),
                       .whole = r->kind != NUMBER};
    return true;
}
