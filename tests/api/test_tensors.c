/* Parameters by name: the names, shapes and numbers of an export, to and from arrays. */
#define _GNU_SOURCE
#include <math.h>

#include "fixture_run.h"

enum { LARGEST = 1 << 16 };

/* Trained a little, normalized, with statistics. */
static run run_of(int32_t hidden_count, int32_t hidden_norm, int32_t output_norm)
{
    run_spec spec = run_spec_small();
    spec.hidden_count = hidden_count;
    spec.hidden_norm = hidden_norm;
    spec.output_norm = output_norm;
    spec.output_scale = 2.5;
    spec.classes = 19; /* more than the rows of the output layer that are turned at a time */
    spec.made_for = hidden_count > 0 ? 3 : 1;
    run r = run_open(&spec);
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    run_go(&r, 1);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    return r;
}

static ist_tensor tensor_at(const ist_model *model, int32_t i)
{
    ist_tensor t = {.struct_size = sizeof t};
    CHECK_EQ(ist_model_tensor(model, i, &t), IST_OK);
    return t;
}

/* Where the numbers of a tensor are in a safetensors file, by its header of JSON; NULL: it has none of that name. */
static unsigned char *find_in_file(const file_bytes *file, const char *name, int64_t *bytes)
{
    uint64_t header;
    char key[64];
    memcpy(&header, file->data, sizeof header);
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = memmem(file->data + 8, header, key, strlen(key));
    const char *offsets = at ? strstr(at, "\"data_offsets\":[") : NULL;
    long long first, last;
    if (!offsets || sscanf(offsets + 16, "%lld,%lld", &first, &last) != 2) return NULL;
    *bytes = last - first;
    return file->data + 8 + header + first;
}

static file_bytes exported(ist_model *model)
{
    CHECK_EQ(ist_model_export(model, scratch_path("m.safetensors"), NULL), IST_OK);
    return file_read(scratch_path("m.safetensors"));
}

/* All that `from` has, in order, to another. */
static void set_all(ist_model *to, ist_model *from)
{
    static double room[LARGEST];
    for (int32_t i = 0; i < ist_model_tensor_count(from); i++) {
        const ist_tensor t = tensor_at(from, i);
        if (!t.known) continue;
        CHECK_EQ(ist_model_get_tensor(from, t.name, room, (size_t)t.bytes), IST_OK);
        CHECK_EQ(ist_model_set_tensor(to, t.name, room, (size_t)t.bytes), IST_OK);
    }
}

TEST(every_tensor_of_an_export_is_there_with_its_numbers)
{
    static double room[LARGEST];
    for (int32_t kind = 0; kind < 8; kind++) {
        run r = run_of(kind >> 2 ? 2 : 0, kind & 1, kind >> 1 & 1);
        file_bytes file = exported(r.model);
        uint64_t header;
        int64_t found_bytes = 0, bytes = 0;
        memcpy(&header, file.data, sizeof header);
        for (int32_t i = 0; i < ist_model_tensor_count(r.model); i++) {
            const ist_tensor t = tensor_at(r.model, i);
            const unsigned char *there = find_in_file(&file, t.name, &bytes);
            CHECK(t.known == 1 && t.size[0] * t.size[1] * (t.type == IST_FLOAT64 ? 8 : 4) == t.bytes);
            CHECK_EQ(ist_model_get_tensor(r.model, t.name, room, (size_t)t.bytes), IST_OK);
            if (!there) { /* it says nothing */
                CHECK(strcmp(t.name, "net.subnets") == 0 || strcmp(t.name, "net.activation") == 0);
                continue;
            }
            CHECK_EQ(bytes, t.bytes);
            CHECK_MEM(room, there, (size_t)bytes);
            found_bytes += bytes;
        }
        CHECK_EQ(found_bytes, (int64_t)(file.count - 8 - header));
        file_free(&file);
        run_close(&r);
    }
}

TEST(who_sets_all_has_the_same_model_to_the_bit)
{
    for (int32_t kind = 0; kind < 8; kind++) {
        run r = run_of(kind >> 2 ? 2 : 0, kind & 1, kind >> 1 & 1);
        ist_model_config config = IST_MODEL_CONFIG_INIT;
        ist_model *copy = NULL;
        CHECK_EQ(ist_model_describe(r.model, &config), IST_OK);
        config.seed = 77;
        config.output_scale = 1;
        CHECK_EQ(ist_model_create(r.context, &copy, &config), IST_OK);
        set_all(copy, r.model);
        file_check_same(model_bytes(copy), model_bytes(r.model));
        set_all(copy, r.model); /* and again: nothing is taken away that was set before */
        file_check_same(model_bytes(copy), model_bytes(r.model));
        ist_model_destroy(copy);
        run_close(&r);
    }
}

/* By hand in the file, and by name: the same model. */
TEST(what_is_set_is_what_an_edited_file_gives)
{
    static float room[LARGEST];
    static const char *const names[] = {"layers.0.weight", "norms.1.bias", "layers.2.weight", "layers.2.bias"};
    run r = run_of(2, IST_NORM_BATCH, IST_NORM_NONE);
    file_bytes file = exported(r.model);
    int64_t bytes = 0;
    ist_model *edited = NULL, *kept = NULL;
    CHECK_EQ(ist_model_import(r.context, &kept, scratch_path("m.safetensors")), IST_OK);
    for (int i = 0; i < 4; i++) {
        unsigned char *there = find_in_file(&file, names[i], &bytes);
        memcpy(room, there, (size_t)bytes);
        for (int64_t k = 0; k < bytes / 4; k++) room[k] = room[k] * 1.5F + 0.01F * (float)(k % 7);
        memcpy(there, room, (size_t)bytes);
        CHECK_EQ(ist_model_set_tensor(r.model, names[i], room, (size_t)bytes), IST_OK);
    }
    file_write(scratch_path("edited.safetensors"), file.data, file.count);
    CHECK_EQ(ist_model_import(r.context, &edited, scratch_path("edited.safetensors")), IST_OK);
    /* The file says that its statistics hold; by name it is to be said, too. */
    static float answers[2][61 * 19];
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, answers[0]), IST_E_ARGUMENT);
    for (int32_t i = 0; i < ist_model_tensor_count(kept); i++) {
        const ist_tensor t = tensor_at(kept, i);
        if (!strstr(t.name, "running")) continue;
        CHECK_EQ(ist_model_get_tensor(kept, t.name, room, (size_t)t.bytes), IST_OK);
        CHECK_EQ(ist_model_set_tensor(r.model, t.name, room, (size_t)t.bytes), IST_OK);
    }
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, answers[0]), IST_OK);
    CHECK_EQ(ist_model_predict(edited, r.dataset, NULL, answers[1]), IST_OK);
    CHECK_MEM(answers[0], answers[1], sizeof answers[0]);
    file_check_same(model_bytes(r.model), model_bytes(edited));
    ist_model_destroy(kept);
    ist_model_destroy(edited);
    file_free(&file);
    run_close(&r);
}

TEST(a_regression_has_its_targets_too)
{
    run_spec spec = run_spec_small();
    spec.loss = IST_LOSS_MSE;
    run r = run_open(&spec);
    run_go(&r, 1);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    ist_model *copy = run_model(r.context, &spec);
    const float shift = 0.5F, zero = 0;
    const double scale = 2;
    float found[4] = {0};
    set_all(copy, r.model);
    file_check_same(model_bytes(copy), model_bytes(r.model));
    CHECK_EQ(ist_model_get_tensor(copy, "target.factor", found, sizeof found), IST_OK);
    CHECK(found[0] > 0 && found[0] != 1);
    CHECK_EQ(ist_model_set_tensor(copy, "target.shift", &shift, sizeof shift), IST_OK);
    CHECK_EQ(ist_model_get_tensor(copy, "target.factor", found, sizeof *found), IST_OK);
    CHECK(found[0] == 1);
    CHECK_EQ(ist_model_set_tensor(copy, "target.factor", &zero, sizeof zero), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_set_tensor(copy, "net.output_scale", &scale, sizeof scale), IST_E_ARGUMENT);
    CHECK_STR(ist_context_error(r.context), "net.output_scale is 2, expected 1 of a regression");
    ist_goal goal = IST_GOAL_INIT;
    goal.dataset = r.dataset;
    goal.accuracy = 0.5;
    CHECK_EQ(ist_trainer_run_until(r.trainer, &goal, NULL, NULL, NULL, NULL), IST_E_ARGUMENT);
    ist_model_destroy(copy);
    run_close(&r);
}

static int32_t known(const ist_model *model, const char *name)
{
    for (int32_t i = 0; i < ist_model_tensor_count(model); i++) {
        const ist_tensor t = tensor_at(model, i);
        if (strcmp(t.name, name) == 0) return t.known;
    }
    return -1;
}

/* Set a tensor to what it is, and tell by "1" and "0" which statistics hold then: mean and variance of three norms. */
static void check_known(ist_model *model, const char *name, const char *expected)
{
    static const char *const parts[] = {"mean", "var"};
    static float room[LARGEST];
    static char said[8], full[32];
    ist_tensor t = {.bytes = 0};
    for (int32_t i = 0; i < ist_model_tensor_count(model) && strcmp(t.name, name) != 0; i++) t = tensor_at(model, i);
    for (int64_t i = 0; i < t.bytes / 4; i++) room[i] = 1;
    if (t.known) CHECK_EQ(ist_model_get_tensor(model, name, room, (size_t)t.bytes), IST_OK);
    else CHECK_EQ(ist_model_get_tensor(model, name, room, (size_t)t.bytes), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_set_tensor(model, name, room, (size_t)t.bytes), IST_OK);
    for (int i = 0; i < 6; i++) {
        snprintf(full, sizeof full, "norms.%d.running_%s", i / 2, parts[i % 2]);
        said[i] = (char)('0' + known(model, full));
    }
    CHECK_STR(said, expected);
}

TEST(statistics_hold_until_something_before_them_is_set)
{
    static float answers[61 * 19];
    run r = run_of(2, IST_NORM_BATCH, IST_NORM_BATCH);
    check_known(r.model, "net.output_scale", "111111");
    check_known(r.model, "norms.2.running_var", "111111");
    check_known(r.model, "norms.1.weight", "111100");
    check_known(r.model, "layers.1.weight", "110000");
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, answers), IST_E_ARGUMENT);
    check_known(r.model, "norms.2.running_var", "110001");
    check_known(r.model, "norms.1.running_var", "110101");
    check_known(r.model, "norms.1.running_mean", "111101");
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, answers), IST_E_ARGUMENT);
    check_known(r.model, "norms.2.running_mean", "111111");
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, answers), IST_OK);
    check_known(r.model, "input.factor", "000000");
    check_known(r.model, "norms.0.running_mean", "100000");
    run_go(&r, 1); /* other parameters: what was said before does not count */
    check_known(r.model, "norms.2.running_mean", "000010");
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    check_known(r.model, "net.subnets", "111111");
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, answers), IST_OK);
    run_close(&r);
}

TEST(a_run_goes_on_with_what_was_set)
{
    for (int32_t sticky = 0; sticky < 2; sticky++) {
        run_spec spec = run_spec_small();
        spec.train.repartition_fraction = sticky ? 0.4 : 1;
        run named = run_open(&spec), copied = run_open(&spec);
        ist_model_config config = run_model_config(&spec);
        ist_model *other[2] = {NULL, NULL};
        config.seed = 99;
        CHECK_EQ(ist_model_create(named.context, &other[0], &config), IST_OK);
        CHECK_EQ(ist_model_create(copied.context, &other[1], &config), IST_OK);
        run_go(&named, 1);
        run_go(&copied, 1);
        set_all(named.model, other[0]);
        CHECK_EQ(ist_model_copy(copied.model, other[1]), IST_OK);
        run_go(&named, 0);
        run_go(&copied, 0);
        file_check_same(trainer_bytes(named.trainer), trainer_bytes(copied.trainer));
        ist_model_destroy(other[0]);
        ist_model_destroy(other[1]);
        run_close(&named);
        run_close(&copied);
    }
}

TEST(the_normalization_has_one_number_or_one_a_feature)
{
    const run_spec spec = run_spec_small();
    const float many[] = {1, 2, 3, 4, 5, 6}, one = 0.5F;
    float found[6];
    run r = run_open(&spec);
    CHECK_EQ(ist_model_set_tensor(r.model, "input.shift", many, sizeof many), IST_OK);
    CHECK_EQ(ist_model_get_tensor(r.model, "input.factor", found, sizeof found), IST_OK);
    for (int i = 0; i < 6; i++) CHECK(found[i] == 1);
    CHECK_EQ(ist_model_set_tensor(r.model, "input.factor", &one, sizeof one), IST_OK);
    CHECK_EQ(ist_model_get_tensor(r.model, "input.shift", found, sizeof found), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_get_tensor(r.model, "input.shift", found, sizeof *found), IST_OK);
    CHECK(found[0] == 0);
    const file_bytes by_name = model_bytes(r.model);
    CHECK_EQ(ist_model_set_normalization(r.model, 1, &(float){0}, &one), IST_OK);
    file_check_same(by_name, model_bytes(r.model));
    run_close(&r);
}

TEST(a_regression_has_its_loss_and_the_scale_of_its_targets_by_name)
{
    run_spec spec = run_spec_small();
    spec.loss = IST_LOSS_HUBER;
    spec.huber_delta = 0.5;
    const float many[] = {1, 2, 3, 4}, one = 0.5F;
    const int32_t huber = IST_LOSS_HUBER, squares = IST_LOSS_MSE;
    const double delta = 0.5, other = 0.25;
    float found[4];
    run r = run_open(&spec), copy = run_open(&spec);
    CHECK_EQ(ist_model_set_tensor(r.model, "target.shift", many, sizeof many), IST_OK);
    CHECK_EQ(ist_model_set_tensor(r.model, "target.factor", &one, sizeof one), IST_OK);
    CHECK_EQ(ist_model_get_tensor(r.model, "target.shift", found, sizeof *found), IST_OK);
    CHECK(found[0] == 0); /* of another count, it began anew */
    CHECK_EQ(ist_model_set_tensor(r.model, "target.factor", &(float){0}, sizeof one), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_set_tensor(r.model, "net.loss", &huber, sizeof huber), IST_OK);
    CHECK_EQ(ist_model_set_tensor(r.model, "net.loss", &squares, sizeof squares), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_set_tensor(r.model, "net.huber_delta", &delta, sizeof delta), IST_OK);
    CHECK_EQ(ist_model_set_tensor(r.model, "net.huber_delta", &other, sizeof other), IST_E_ARGUMENT);
    set_all(copy.model, r.model);
    file_check_same(model_bytes(copy.model), model_bytes(r.model));
    run_close(&r);
    run_close(&copy);
}

static void check_refused(run *r, const char *name, const void *in, size_t bytes, const char *expected)
{
    const file_bytes before = model_bytes(r->model);
    CHECK_EQ(ist_model_set_tensor(r->model, name, in, bytes), IST_E_ARGUMENT);
    CHECK_STR(ist_context_error(r->context), expected);
    file_check_same(before, model_bytes(r->model));
}

TEST(what_does_not_fit_is_refused_by_name)
{
    run r = run_of(2, IST_NORM_BATCH, IST_NORM_NONE);
    float room[13 * 6] = {0};
    const double scale = 1e9;
    const int32_t subnets = 2;
    ist_tensor t = {.struct_size = sizeof t - 1};
    CHECK_EQ(ist_model_tensor_count(NULL), 0);
    CHECK_EQ(ist_model_tensor(r.model, 0, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_tensor(r.model, 0, &t), IST_E_ARGUMENT);
    t.struct_size++;
    CHECK_EQ(ist_model_tensor(NULL, 0, &t), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_tensor(r.model, -1, &t), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_tensor(r.model, ist_model_tensor_count(r.model), &t), IST_E_ARGUMENT);
    CHECK_STR(t.name, "");
    CHECK_EQ(ist_model_get_tensor(NULL, "layers.0.weight", room, sizeof room), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_get_tensor(r.model, NULL, room, sizeof room), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_get_tensor(r.model, "layers.0.weight", NULL, sizeof room), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_get_tensor(r.model, "layers.0.weight", room, sizeof room - 4), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_set_tensor(NULL, "layers.0.weight", room, sizeof room), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_set_tensor(r.model, NULL, room, sizeof room), IST_E_ARGUMENT);
    check_refused(&r, "layers.0.weight", NULL, sizeof room, "an argument is NULL");
    check_refused(&r, "layers.\n", room, 4,
                  "layers.?: no tensor of this model, which has \"net.output_scale\" to \"layers.2.bias\"");
    check_refused(&r, "layers.0.weight", room, sizeof room - 4,
                  "layers.0.weight: 308 bytes, expected 312, float32 (13, 6)");
    check_refused(&r, "net.subnets", &subnets, sizeof subnets,
                  "net.subnets is 2, expected 3, which the model was made with");
    check_refused(&r, "net.activation", &subnets, sizeof subnets,
                  "net.activation is 2, expected 0, which the model was made with");
    check_refused(&r, "net.output_scale", &scale, sizeof scale, "output_scale is 1e9, expected 0.0001 .. 10000");
    check_refused(&r, "input.factor", room, 6 * sizeof *room, "input.factor: number 0 is a factor of 0");
    check_refused(&r, "input.factor", room, 2 * sizeof *room, "input.factor: 8 bytes, expected 24, float32 (6, 1)");
    room[7] = -1;
    check_refused(&r, "norms.0.running_var", room, 13 * sizeof *room,
                  "norms.0.running_var: number 7 is a variance below 0");
    room[77] = NAN;
    check_refused(&r, "layers.0.weight", room, sizeof room,
                  "layers.0.weight: number 77 is a number that is not finite");
    run_close(&r);
}
