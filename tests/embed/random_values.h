/* random_values.h - numbers, sizes, paths and configurations as a caller gets them wrong.  Each is a function of the seed. */
#ifndef IST_TESTS_RANDOM_VALUES_H
#define IST_TESTS_RANDOM_VALUES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ist/ist.h>

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof *(array)))

static uint64_t random_state;

static inline uint64_t random_bits(void) /* splitmix64 */
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static inline int random_below(int count)
{
    return (int)(random_bits() % (unsigned)count);
}

/* True once in so many times. */
static inline int one_in(int times)
{
    return random_below(times) == 0;
}

static inline int32_t any_int(void)
{
    static const int32_t values[] = {0,
                                     1,
                                     2,
                                     3,
                                     4,
                                     5,
                                     7,
                                     8,
                                     33,
                                     64,
                                     128,
                                     4096,
                                     65537,
                                     -1,
                                     -2,
                                     -128,
                                     (1 << 24),
                                     (1 << 24) + 1,
                                     INT32_MAX - 1,
                                     INT32_MAX,
                                     INT32_MIN,
                                     INT32_MIN + 1};
    return values[random_below(COUNT_OF(values))];
}

static inline int64_t any_long(void)
{
    static const int64_t values[] = {INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_C(1) << 40, INT64_C(1) << 62, -1};
    return one_in(3) ? values[random_below(COUNT_OF(values))] : any_int();
}

static inline double any_number(void)
{
    static const double values[] = {
        0, -0.0, 1, 0.5, 0.1, 0.999, 1e-3, -1, 2, 1e6, 1e7, 1e-20, 1e-21, 1e300, -1e300, 4.9e-324, 0.3333333333333333};
    const int which = random_below(COUNT_OF(values) + 3);
    if (which < COUNT_OF(values)) return values[which];
    return which == COUNT_OF(values)       ? (double)NAN
           : which == COUNT_OF(values) + 1 ? (double)INFINITY
                                           : -(double)INFINITY;
}

static inline float any_float(void)
{
    static const float values[] = {0, 1, -1, 0.5F, 1e-30F, 3e38F, -3e38F, 1e-45F};
    const int which = random_below(COUNT_OF(values) + 2);
    return which < COUNT_OF(values) ? values[which] : which == COUNT_OF(values) ? (float)NAN : (float)INFINITY;
}

/* What a caller may have set struct_size to; the struct lies in at least 64 bytes more than it needs. */
static inline size_t any_size(size_t size)
{
    const size_t values[] = {0, 1, 7, 8, 16, size - 1, size - 8, size + 1, size + 64};
    return one_in(8) ? values[random_below(COUNT_OF(values))] : size;
}

/* Fields of a configuration, for wild values. */
typedef enum field_kind { FIELD_INT, FIELD_LONG, FIELD_SEED, FIELD_NUMBER } field_kind;
typedef struct field {
    size_t at;
    field_kind kind;
} field;

static inline void spoil(void *config, const field *fields, int count)
{
    for (int changes = one_in(3) ? 1 + random_below(2) : 0; changes > 0; changes--) {
        const field *f = &fields[random_below(count)];
        unsigned char *place = (unsigned char *)config + f->at;
        const int32_t whole = any_int();
        const int64_t longer = any_long();
        const uint64_t seed = random_bits();
        const double number = any_number();
        switch (f->kind) {
        case FIELD_INT: memcpy(place, &whole, sizeof whole); break;
        case FIELD_LONG: memcpy(place, &longer, sizeof longer); break;
        case FIELD_SEED: memcpy(place, &seed, sizeof seed); break;
        case FIELD_NUMBER: memcpy(place, &number, sizeof number); break;
        }
    }
}

/* Numbers that are allowed but take long or much memory are not what this is about. */
static inline void at_most(int32_t *value, int32_t most, int32_t allowed)
{
    if (*value > most && *value <= allowed) *value = 1 + *value % most;
}

/* ------------------------------------------------------------------------------------------------ configurations -- */

static inline ist_context_config any_context(void)
{
#define FIELD(name, kind)                    \
  {                                          \
    offsetof(ist_context_config, name), kind \
  }
    static const field fields[] = {FIELD(teams, FIELD_INT),   FIELD(threads_per_team, FIELD_INT),
                                   FIELD(team_at, FIELD_INT), FIELD(placement, FIELD_INT),
                                   FIELD(engine, FIELD_INT),  FIELD(reserved0, FIELD_INT),
                                   FIELD(part, FIELD_INT),    FIELD(parts, FIELD_INT)};
#undef FIELD
    static const char *const texts[] = {"numa:2 core:2 pu:1", "numa:1 core:4 pu:2", "", "no such thing: 7", "core:0"};
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    config.teams = 1 + random_below(2);
    config.threads_per_team = 1 + random_below(2);
    config.placement = random_below(2); /* strict is refused where the system refuses */
    config.engine = one_in(4) ? random_below(7) : IST_ENGINE_AUTO;
    spoil(&config, fields, COUNT_OF(fields));
    at_most(&config.teams, 3, 4096);
    at_most(&config.threads_per_team, 2, 4096);
    if (config.teams == 0 || config.threads_per_team == 0) config.team_at = IST_AT_MACHINE;
    if (one_in(6)) config.topology = texts[random_below(COUNT_OF(texts))];
    config.struct_size = any_size(sizeof config);
    return config;
}

/* hidden of the configuration, as long as any count that is allowed. */
static inline ist_model_config any_model(int32_t hidden[IST_MAX_HIDDEN])
{
#define FIELD(name, kind)                  \
  {                                        \
    offsetof(ist_model_config, name), kind \
  }
    static const field fields[] = {
        FIELD(features, FIELD_INT),    FIELD(classes, FIELD_INT),         FIELD(hidden_count, FIELD_INT),
        FIELD(hidden_norm, FIELD_INT), FIELD(output_norm, FIELD_INT),     FIELD(subnets, FIELD_INT),
        FIELD(seed, FIELD_SEED),       FIELD(output_scale, FIELD_NUMBER), FIELD(activation, FIELD_INT),
        FIELD(loss, FIELD_INT),        FIELD(huber_delta, FIELD_NUMBER)};
#undef FIELD
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = one_in(8) ? 5 : 6;
    config.classes = one_in(8) ? 3 : 4;
    config.hidden_count = random_below(4);
    config.activation = one_in(3) ? random_below(4) : IST_RELU;
    config.hidden_norm = one_in(4) ? IST_NORM_NONE : IST_NORM_BATCH;
    config.output_norm = one_in(3) ? IST_NORM_NONE : IST_NORM_BATCH;
    config.subnets = config.hidden_count ? 1 + random_below(3) : 1;
    for (int i = 0; i < IST_MAX_HIDDEN; i++) {
        hidden[i] = one_in(60) ? any_int() : 3 + random_below(12);
        at_most(&hidden[i], 40, 1 << 24);
    }
    if (one_in(3)) {
        config.loss = 1 + random_below(2);
        if (!one_in(8)) config.output_norm = IST_NORM_NONE;
        if (one_in(3)) config.classes = 1;
    }
    spoil(&config, fields, COUNT_OF(fields));
    at_most(&config.features, 40, 1 << 24);
    at_most(&config.classes, 40, 1 << 24);
    if (one_in(40)) {
        config.features = config.classes = 1 << 24; /* allowed, and more than there is */
        config.hidden_count = 0;
    }
    config.hidden = one_in(20) ? NULL : hidden;
    config.struct_size = any_size(sizeof config);
    return config;
}

enum { SHARES = 64 };

static inline ist_train_config any_training(double shares[SHARES])
{
#define FIELD(name, kind)                  \
  {                                        \
    offsetof(ist_train_config, name), kind \
  }
    static const field fields[] = {FIELD(subnets, FIELD_INT),
                                   FIELD(local_steps, FIELD_INT),
                                   FIELD(batch, FIELD_INT),
                                   FIELD(optimizer, FIELD_INT),
                                   FIELD(state, FIELD_INT),
                                   FIELD(schedule, FIELD_INT),
                                   FIELD(data, FIELD_INT),
                                   FIELD(calibration_batches, FIELD_INT),
                                   FIELD(epochs, FIELD_NUMBER),
                                   FIELD(rounds, FIELD_LONG),
                                   FIELD(lr, FIELD_NUMBER),
                                   FIELD(momentum, FIELD_NUMBER),
                                   FIELD(beta1, FIELD_NUMBER),
                                   FIELD(beta2, FIELD_NUMBER),
                                   FIELD(epsilon, FIELD_NUMBER),
                                   FIELD(weight_decay, FIELD_NUMBER),
                                   FIELD(seed, FIELD_SEED),
                                   FIELD(method, FIELD_INT),
                                   FIELD(balance, FIELD_INT),
                                   FIELD(repartition_fraction, FIELD_NUMBER),
                                   FIELD(lr_ramp, FIELD_NUMBER),
                                   FIELD(lr_floor, FIELD_NUMBER),
                                   FIELD(lr_step_every, FIELD_NUMBER),
                                   FIELD(lr_step_factor, FIELD_NUMBER),
                                   FIELD(local_steps_last, FIELD_INT),
                                   FIELD(full_width_schedule, FIELD_INT),
                                   FIELD(warmup_epochs, FIELD_NUMBER),
                                   FIELD(full_width_epochs, FIELD_NUMBER),
                                   FIELD(warmup_lr, FIELD_NUMBER),
                                   FIELD(full_width_lr, FIELD_NUMBER),
                                   FIELD(label_smoothing, FIELD_NUMBER),
                                   FIELD(input_dropout, FIELD_NUMBER),
                                   FIELD(hidden_dropout, FIELD_NUMBER),
                                   FIELD(outer_lr, FIELD_NUMBER),
                                   FIELD(outer_momentum, FIELD_NUMBER),
                                   FIELD(average_from, FIELD_NUMBER),
                                   FIELD(average_decay, FIELD_NUMBER),
                                   FIELD(background_saves, FIELD_INT),
                                   FIELD(logits_bytes, FIELD_LONG),
                                   FIELD(sampled_labels, FIELD_INT),
                                   FIELD(reserved1, FIELD_INT)};
#undef FIELD
    ist_train_config config = IST_TRAIN_CONFIG_INIT;
    config.local_steps = 1 + random_below(3);
    config.batch = 1 + random_below(9);
    config.calibration_batches = 1 + random_below(3);
    config.epochs = 1;
    config.rounds = one_in(3) ? 1 + random_below(6) : 0;
    config.optimizer = random_below(4);
    config.state = random_below(2);
    config.schedule = random_below(3);
    config.data = random_below(3);
    config.method = one_in(4) ? random_below(5) : IST_METHOD_IST;
    if (one_in(4)) config.average_from = 0.25;
    if (one_in(8)) config.balance = IST_BALANCE_ADAPTIVE;
    if (one_in(8)) config.repartition_fraction = 0.5;
    if (one_in(8)) config.warmup_epochs = 0.25;
    if (one_in(8)) config.full_width_epochs = 0.25;
    if (one_in(8)) config.hidden_dropout = 0.25;
    if (one_in(8)) config.outer_momentum = 0.5;
    if (one_in(8)) config.local_steps_last = 1 + random_below(6);
    if (one_in(3)) config.subnets = 1 + random_below(3);
    if (one_in(16)) config.lr = 1e6;
    spoil(&config, fields, COUNT_OF(fields));
    at_most(&config.local_steps, 5, INT32_MAX);
    at_most(&config.local_steps_last, 5, INT32_MAX);
    at_most(&config.batch, 16, 1 << 20);
    at_most(&config.calibration_batches, 8, 1 << 20);
    if (config.epochs > 10 && config.epochs <= 1e6) config.epochs = 10;
    for (int i = 0; i < SHARES; i++) shares[i] = one_in(200) ? any_number() : 1 + random_below(3);
    if (one_in(8) && config.subnets >= 1 && config.subnets <= SHARES) config.shares = shares;
    config.struct_size = any_size(sizeof config);
    return config;
}

static inline ist_rates any_rates(void)
{
    ist_rates rates = IST_RATES_INIT;
    double *numbers = &rates.forward_gflops;
    const int count = (int)((sizeof rates - offsetof(ist_rates, forward_gflops)) / sizeof *numbers);
    for (int i = 0; i < count; i++) numbers[i] = 1 + random_below(100);
    for (int changes = one_in(2) ? 0 : 1 + random_below(2); changes > 0; changes--)
        numbers[random_below(count)] = any_number();
    rates.struct_size = any_size(sizeof rates);
    return rates;
}

static inline ist_evaluate_config any_evaluation(void)
{
    ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
    config.statistics = one_in(12) ? any_int() : random_below(2);
    config.order = one_in(12) ? any_int() : random_below(2);
    config.batch = one_in(6) ? any_int() : random_below(20);
    at_most(&config.batch, 100, 1 << 20);
    config.struct_size = any_size(sizeof config);
    return config;
}

static inline ist_dataset_config any_opening(void)
{
#define FIELD(name, kind)                    \
  {                                          \
    offsetof(ist_dataset_config, name), kind \
  }
    static const field fields[] = {FIELD(text, FIELD_INT),
                                   FIELD(index_base, FIELD_INT),
                                   FIELD(features, FIELD_INT),
                                   FIELD(sparse, FIELD_INT),
                                   FIELD(need_labels, FIELD_INT),
                                   FIELD(targets, FIELD_INT),
                                   FIELD(dense_limit_bytes, FIELD_LONG),
                                   FIELD(log1p, FIELD_INT),
                                   FIELD(row_length, FIELD_NUMBER)};
#undef FIELD
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    config.sparse = random_below(3);
    spoil(&config, fields, COUNT_OF(fields));
    config.struct_size = any_size(sizeof config);
    return config;
}

static inline ist_export_config any_export(void)
{
    ist_export_config config = IST_EXPORT_CONFIG_INIT;
    config.format = one_in(12) ? any_int() : random_below(4);
    config.fold = one_in(12) ? any_int() : random_below(2);
    config.answer = one_in(12) ? any_int() : random_below(2);
    if (one_in(12)) config.reserved0 = any_int();
    config.struct_size = any_size(sizeof config);
    return config;
}

static inline ist_subnet_config any_subnet(double shares[SHARES])
{
    ist_subnet_config config = IST_SUBNET_CONFIG_INIT;
    config.subnet = one_in(8) ? any_int() : random_below(3);
    config.subnets = one_in(8) ? any_int() : random_below(4);
    config.round = one_in(4) ? any_long() : random_below(9);
    config.seed = random_bits();
    for (int i = 0; i < SHARES; i++) shares[i] = one_in(100) ? any_number() : 1 + random_below(3);
    if (one_in(4) && config.subnets >= 1 && config.subnets <= SHARES) config.shares = shares;
    config.struct_size = any_size(sizeof config);
    return config;
}

/* Would so many rows be read from more than `room` bytes, if nothing else is wrong? */
static inline int reads_beyond(int64_t rows, int64_t stride, int32_t columns, int32_t type, int64_t room)
{
    const int64_t bytes = type == IST_UINT8 ? 1 : type == IST_FLOAT64 ? 8 : 4, row = columns * bytes;
    if (rows < 1 || rows > INT64_C(1) << 32 || columns < 1 || stride < 0) return 0;
    return row > room || (stride ? stride : row) > room || (rows - 1) * (stride ? stride : row) + row > room;
}

/* Over (rows, columns) floats and `rows` labels that must be there. */
static inline ist_dataset_arrays any_arrays(const float *at, int32_t most_rows, int32_t columns, const int32_t *labels,
                                            int32_t classes)
{
    ist_dataset_arrays a = IST_DATASET_ARRAYS_INIT;
#define FIELD(name, kind)                    \
  {                                          \
    offsetof(ist_dataset_arrays, name), kind \
  }
    static const field fields[] = {FIELD(rows, FIELD_LONG),
                                   FIELD(x_row_stride_bytes, FIELD_LONG),
                                   FIELD(x_type, FIELD_INT),
                                   FIELD(features, FIELD_INT),
                                   FIELD(classes, FIELD_INT),
                                   FIELD(targets, FIELD_INT),
                                   FIELD(y_row_stride_bytes, FIELD_LONG),
                                   FIELD(y_type, FIELD_INT),
                                   FIELD(copy, FIELD_INT)};
#undef FIELD
    const int64_t room = (int64_t)most_rows * columns * (int64_t)sizeof *at;
    a.rows = 1 + random_below(most_rows / 2);
    a.x = one_in(30) ? NULL : at;
    a.x_type = one_in(4) ? IST_FLOAT64 : IST_FLOAT32;
    a.features = a.x_type == IST_FLOAT64 ? columns / 2 : columns;
    a.copy = random_below(2);
    if (one_in(3)) {
        a.labels = labels;
        a.classes = classes;
    } else if (!one_in(6)) {
        a.y = one_in(30) ? (const void *)((const char *)at + 1) : at;
        a.targets = one_in(3) ? 1 : classes;
        a.y_row_stride_bytes = one_in(3) ? columns * (int64_t)sizeof *at : 0;
    }
    if (one_in(3)) spoil(&a, fields, COUNT_OF(fields));
    if (a.rows > most_rows && a.rows < INT64_C(1) << 32) a.rows = most_rows;
    if (reads_beyond(a.rows, a.x_row_stride_bytes, a.features, a.x_type, room) ||
        reads_beyond(a.rows, a.y_row_stride_bytes, a.targets, a.y_type, room - 1)) {
        a.rows = a.features = 1;
        if (a.targets > 1) a.targets = 1;
    }
    a.struct_size = any_size(sizeof a);
    return a;
}

#endif
