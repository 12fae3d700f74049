/* What ist_bounds tells of a field is what the library refuses by: the ends themselves, and the next numbers outside. */
#define _GNU_SOURCE
#include <math.h>
#include <stddef.h>

#include "fixture_run.h"

typedef enum kind { WHOLE32, WHOLE64, NUMBER } kind;
typedef struct field {
    const char *name;
    size_t at;
    kind kind;
} field;

#define FIELD(structure, member)                             \
  {                                                          \
#    structure "." #    member, offsetof(structure, member), \
        _Generic(((structure *)0)->member, int32_t           \
                 : WHOLE32, int64_t                          \
                 : WHOLE64, double                           \
                 : NUMBER)                                   \
  }
#define TRAIN(member) FIELD(ist_train_config, member)
#define MODEL(member) FIELD(ist_model_config, member)

static const field train_fields[] = {TRAIN(subnets),
                                     TRAIN(local_steps),
                                     TRAIN(batch),
                                     TRAIN(optimizer),
                                     TRAIN(state),
                                     TRAIN(schedule),
                                     TRAIN(data),
                                     TRAIN(calibration_batches),
                                     TRAIN(epochs),
                                     TRAIN(rounds),
                                     TRAIN(lr),
                                     TRAIN(momentum),
                                     TRAIN(beta1),
                                     TRAIN(beta2),
                                     TRAIN(epsilon),
                                     TRAIN(weight_decay),
                                     TRAIN(method),
                                     TRAIN(balance),
                                     TRAIN(lr_ramp),
                                     TRAIN(repartition_fraction),
                                     TRAIN(lr_floor),
                                     TRAIN(lr_step_every),
                                     TRAIN(warmup_epochs),
                                     TRAIN(lr_step_factor),
                                     TRAIN(local_steps_last),
                                     TRAIN(full_width_schedule),
                                     TRAIN(warmup_lr),
                                     TRAIN(full_width_epochs),
                                     TRAIN(full_width_lr),
                                     TRAIN(label_smoothing),
                                     TRAIN(input_dropout),
                                     TRAIN(hidden_dropout),
                                     TRAIN(outer_lr),
                                     TRAIN(outer_momentum),
                                     TRAIN(average_from),
                                     TRAIN(average_decay),
                                     TRAIN(background_saves),
                                     TRAIN(logits_bytes),
                                     TRAIN(sampled_labels)};
static const field model_fields[] = {MODEL(features),    MODEL(classes),    MODEL(hidden_count), MODEL(hidden_norm),
                                     MODEL(output_norm), MODEL(subnets),    MODEL(output_scale), MODEL(activation),
                                     MODEL(loss),        MODEL(huber_delta)};
enum { TRAIN_FIELDS = sizeof train_fields / sizeof *train_fields };
enum { MODEL_FIELDS = sizeof model_fields / sizeof *model_fields };

static ist_range range_of(const char *name)
{
    ist_range range = {.struct_size = sizeof range};
    CHECK_EQ(ist_bounds(name, &range), IST_OK);
    CHECK(range.reserved0 == 0 && range.least <= range.most);
    return range;
}

static void put(void *config, const field *f, double value)
{
    unsigned char *at = (unsigned char *)config + f->at;
    if (f->kind == WHOLE32) memcpy(at, &(int32_t){(int32_t)value}, sizeof(int32_t));
    else if (f->kind == WHOLE64) memcpy(at, &(int64_t){(int64_t)value}, sizeof(int64_t));
    else memcpy(at, &value, sizeof value);
}

static double get(const void *config, const field *f)
{
    const unsigned char *at = (const unsigned char *)config + f->at;
    if (f->kind == WHOLE32) return *(const int32_t *)(const void *)at;
    if (f->kind == WHOLE64) return (double)*(const int64_t *)(const void *)at;
    return *(const double *)(const void *)at;
}

typedef struct configs {
    ist_model_config model;
    ist_train_config train;
} configs;

static const int32_t widths[IST_MAX_HIDDEN] = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
                                               8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8};

static configs plain(void)
{
    configs c = {IST_MODEL_CONFIG_INIT, IST_TRAIN_CONFIG_INIT};
    c.model.features = 6;
    c.model.classes = 4;
    c.model.hidden_count = 1;
    c.model.hidden = widths;
    c.model.output_norm = IST_NORM_NONE;
    c.train.subnets = 1;
    return c;
}

/* Is this value of the field refused for itself?  Others may refuse it for their sake. */
static int refused(ist_context *context, const field *f, int of_model, double value)
{
    configs c = plain();
    char begin[64];
    size_t need = 0;
    put(of_model ? (void *)&c.model : (void *)&c.train, f, value);
    const ist_status status = ist_plan_report(context, &c.model, &c.train, 1000, IST_FLOAT32, NULL, 0, &need);
    if (status == IST_OK) return 0;
    CHECK_EQ(status, IST_E_ARGUMENT);
    snprintf(begin, sizeof begin, "%s is ", strchr(f->name, '.') + 1);
    return strncmp(ist_context_error(context), begin, strlen(begin)) == 0;
}

/* The number next to `from` towards `to`. */
static double next(const field *f, double from, double to)
{
    return f->kind == NUMBER ? nextafter(from, to) : from + (to > from ? 1 : -1);
}

static void check_field(ist_context *context, const field *f, int of_model, double standard)
{
    const ist_range r = range_of(f->name);
    CHECK(r.standard == standard && r.whole == (f->kind != NUMBER));
    CHECK_EQ(refused(context, f, of_model, r.least), !r.least_belongs);
    CHECK_EQ(refused(context, f, of_model, next(f, r.least, INFINITY)), 0);
    CHECK_EQ(refused(context, f, of_model, next(f, r.least, -INFINITY)), 1);
    if (f->kind == NUMBER) CHECK_EQ(refused(context, f, of_model, NAN), 1);
    if (isinf(r.most)) return;
    CHECK_EQ(refused(context, f, of_model, r.most), !r.most_belongs);
    CHECK_EQ(refused(context, f, of_model, next(f, r.most, -INFINITY)), 0);
    if (f->kind == WHOLE32 && r.most == INT32_MAX) return;
    CHECK_EQ(refused(context, f, of_model, next(f, r.most, INFINITY)), 1);
}

TEST(what_lies_outside_is_refused_and_what_lies_inside_is_not)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    const ist_train_config train = IST_TRAIN_CONFIG_INIT;
    const ist_model_config model = IST_MODEL_CONFIG_INIT;
    for (int i = 0; i < TRAIN_FIELDS; i++) check_field(context, &train_fields[i], 0, get(&train, &train_fields[i]));
    for (int i = 0; i < MODEL_FIELDS; i++) {
        const field *f = &model_fields[i];
        if (strcmp(f->name, "ist_model_config.classes") != 0) check_field(context, f, 1, get(&model, f));
        else CHECK_EQ(refused(context, f, 1, range_of(f->name).least - 1), 1); /* one is a regression's */
    }
    ist_context_destroy(context);
}

TEST(bounds_of_contexts_are_theirs)
{
    static const char *const names[] = {"teams", "threads_per_team", "team_at", "placement", "engine", "parts"};
    for (int i = 0; i < 6; i++)
        for (int above = 0; above < 2; above++) {
            char name[64];
            snprintf(name, sizeof name, "ist_context_config.%s", names[i]);
            const ist_range r = range_of(name);
            ist_context_config config = IST_CONTEXT_CONFIG_INIT;
            int32_t *const at[] = {&config.teams,     &config.threads_per_team, &config.team_at,
                                   &config.placement, &config.engine,           &config.parts};
            ist_context *context = NULL;
            CHECK(r.standard == *at[i]);
            *at[i] = (int32_t)(above ? r.most + 1 : r.least - 1);
            CHECK_EQ(ist_context_create(&context, &config), IST_E_ARGUMENT);
        }
}

TEST(what_has_no_bounds_is_refused)
{
    ist_range range = {.struct_size = sizeof range, .least = 7};
    CHECK_EQ(ist_bounds("ist_train_config.seed", &range), IST_E_ARGUMENT);
    CHECK_EQ(ist_bounds("ist_train_config", &range), IST_E_ARGUMENT);
    CHECK_EQ(ist_bounds("batch", &range), IST_E_ARGUMENT);
    CHECK_EQ(ist_bounds("", &range), IST_E_ARGUMENT);
    CHECK_EQ(ist_bounds(NULL, &range), IST_E_ARGUMENT);
    CHECK_EQ(ist_bounds("ist_train_config.lr", NULL), IST_E_ARGUMENT);
    range.struct_size--;
    CHECK_EQ(ist_bounds("ist_train_config.lr", &range), IST_E_ARGUMENT);
    CHECK(range.least == 7);
    const ist_range hidden = range_of("ist_model_config.hidden");
    CHECK(hidden.least == 1 && hidden.most == 1 << 24 && hidden.whole == 1 && hidden.standard == 0);
}

/* In digits that one would write. */
TEST(a_refusal_tells_the_bounds)
{
    static const struct {
        size_t at;
        double value;
        const char *line;
    } wrong[] = {{offsetof(ist_train_config, lr), -1, "lr is -1, expected 0 .. 1e6"},
                 {offsetof(ist_train_config, epsilon), 2, "epsilon is 2, expected 1e-20 .. 1"},
                 {offsetof(ist_train_config, momentum), 1, "momentum is 1, expected 0 or more, below 1"},
                 {offsetof(ist_train_config, outer_lr), 0, "outer_lr is 0, expected above 0, at most 10"},
                 {offsetof(ist_train_config, weight_decay), -1, "weight_decay is -1, expected 0 or more"}};
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        configs c = plain();
        size_t need = 0;
        memcpy((unsigned char *)&c.train + wrong[i].at, &wrong[i].value, sizeof wrong[i].value);
        CHECK_EQ(ist_plan_report(context, &c.model, &c.train, 1000, IST_FLOAT32, NULL, 0, &need), IST_E_ARGUMENT);
        CHECK_STR(ist_context_error(context), wrong[i].line);
    }
    configs c = plain();
    size_t need = 0;
    c.train.batch = 0;
    CHECK_EQ(ist_plan_report(context, &c.model, &c.train, 1000, IST_FLOAT32, NULL, 0, &need), IST_E_ARGUMENT);
    CHECK_STR(ist_context_error(context), "batch is 0, expected 1 .. 1048576");
    ist_context_destroy(context);
}
