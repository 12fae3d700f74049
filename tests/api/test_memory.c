/* What cannot fit into any machine is refused before it is allocated, and the handles are as before. */
#define _GNU_SOURCE
#include "fixture_run.h"

/* A handle's place that no failing call may touch. */
#define UNTOUCHED ((void *)(uintptr_t)0x5a5a)

static void check_line(ist_context *context, const char *part)
{
    CHECK(strncmp(ist_context_error(context), "not enough memory: ", 19) == 0);
    CHECK(strstr(ist_context_error(context), part) != NULL);
}

TEST(a_model_that_cannot_fit_is_refused)
{
    ist_context *context = run_context(2, 1, IST_ENGINE_AUTO);
    const int32_t hidden[] = {1 << 24, 1 << 22}; /* 281 TB */
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = 4;
    config.classes = 2;
    config.hidden = hidden;
    config.hidden_count = 2;
    ist_model *model = UNTOUCHED;
    CHECK_EQ(ist_model_create(context, &model, &config), IST_E_MEMORY);
    CHECK(model == UNTOUCHED);
    check_line(context, "this model needs 281 TB");
    const int32_t narrow[] = {8, 8};
    config.hidden = narrow;
    CHECK_EQ(ist_model_create(context, &model, &config), IST_OK);
    ist_model_destroy(model);
    ist_context_destroy(context);
}

/* A small net whose work space, or whose pool of calibration, is too large. */
TEST(a_training_that_cannot_fit_is_refused)
{
    run_spec spec = run_spec_small();
    spec.hidden[0] = 1 << 16;
    table t = table_make(spec.rows, spec.features, spec.classes);
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    ist_dataset *dataset = run_dataset(context, &t);
    ist_model *model = run_model(context, &spec);
    ist_train_config config = spec.train;
    ist_trainer *trainer = UNTOUCHED;
    config.batch = 1 << 20; /* 275 GB for one activation */
    CHECK_EQ(ist_trainer_create(context, &trainer, model, dataset, &config), IST_E_MEMORY);
    CHECK(trainer == UNTOUCHED);
    check_line(context, "; a smaller batch needs less");
    CHECK_EQ(ist_trainer_create(context, &trainer, model, dataset, &spec.train), IST_OK);
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(dataset);
    ist_context_destroy(context);
    table_free(&t);
}

typedef struct lines {
    int count[3]; /* by level */
} lines;

static void count_line(void *user, int32_t level, const char *line)
{
    lines *heard = user;
    CHECK(level >= IST_LOG_ERROR && level <= IST_LOG_INFO && *line && !strchr(line, '\n'));
    heard->count[level]++;
}

TEST(where_all_is_granted_nothing_is_told)
{
    lines heard = {{0}};
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    config.threads_per_team = 1;
    config.log = count_line;
    config.log_user = &heard;
    ist_context *context = NULL;
    CHECK_EQ(ist_context_create(&context, &config), IST_OK);
    const int32_t hidden[] = {8};
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = 4;
    net.classes = 2;
    net.hidden = hidden;
    net.hidden_count = 1;
    for (int i = 0; i < 3; i++) {
        ist_model *model = NULL;
        CHECK_EQ(ist_model_create(context, &model, &net), IST_OK);
        ist_model_destroy(model);
    }
    size_t need = 0;
    CHECK_EQ(ist_context_report(context, NULL, 0, &need), IST_OK);
    char *report = table_room((int64_t)need, 1);
    CHECK_EQ(ist_context_report(context, report, need, &need), IST_OK);
    const int refused =
        strstr(report, "\"bind_refused\":0") == NULL || strstr(report, "\"huge_pages_refused\":0") == NULL;
    CHECK_EQ(heard.count[IST_LOG_WARNING] > 0, refused); /* three models, one line */
    CHECK(heard.count[IST_LOG_WARNING] <= 1);
    CHECK_EQ(heard.count[IST_LOG_ERROR], 0);
    free(report);
    ist_context_destroy(context);
}
