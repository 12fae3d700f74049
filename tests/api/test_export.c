/* Models as files of other programs, and back; one subnet as a model of its own.  What NumPy and ONNX read in such files is
 * asked in tests/e2e/export.sh. */
#define _GNU_SOURCE
#include <math.h>

#include "fixture_run.h"

/* ------------------------------------------------------------------------------------------------------- models -- */

typedef struct kind {
    int32_t hidden_count, hidden_norm, output_norm, made_for;
    double output_scale;
    int zscore;
    int32_t activation;
} kind;

static const kind kinds[] = {
    {2, IST_NORM_BATCH, IST_NORM_BATCH, 3, 0.5, 1, IST_RELU}, {2, IST_NORM_BATCH, IST_NORM_NONE, 3, 1, 0, IST_GELU},
    {2, IST_NORM_NONE, IST_NORM_NONE, 3, 2, 1, IST_TANH},     {1, IST_NORM_NONE, IST_NORM_BATCH, 2, 1, 0, IST_SILU},
    {0, IST_NORM_BATCH, IST_NORM_NONE, 1, 1, 0, IST_RELU},    {0, IST_NORM_BATCH, IST_NORM_BATCH, 1, 3, 1, IST_TANH}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static run_spec spec_of(const kind *k)
{
    run_spec spec = run_spec_small();
    spec.hidden_count = k->hidden_count;
    spec.hidden_norm = k->hidden_norm;
    spec.output_norm = k->output_norm;
    spec.made_for = k->made_for;
    spec.output_scale = k->output_scale;
    spec.activation = k->activation;
    spec.train.rounds = 3;
    return spec;
}

/* A net of that kind after some rounds, its statistics measured. */
static run trained(const kind *k)
{
    const run_spec spec = spec_of(k);
    run r = run_open(&spec);
    if (k->zscore) CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    return r;
}

static const char *const names[] = {"model.safetensors", "model.npz", "model.onnx"};

static const char *exported(ist_model *model, int which, int32_t fold)
{
    const char *path = scratch_path(names[which]);
    ist_export_config config = IST_EXPORT_CONFIG_INIT;
    config.fold = fold;
    CHECK_EQ(ist_model_export(model, path, &config), IST_OK);
    return path;
}

static ist_model *imported(ist_context *context, const char *path)
{
    ist_model *model = NULL;
    CHECK_EQ(ist_model_import(context, &model, path), IST_OK);
    return model;
}

static float *answers(ist_model *model, const run *r)
{
    float *out = table_room(r->table.rows * r->table.classes, sizeof *out);
    CHECK_EQ(ist_model_predict(model, r->dataset, NULL, out), IST_OK);
    return out;
}

static void check_near(const float *a, const float *b, int64_t count, double most)
{
    for (int64_t i = 0; i < count; i++) CHECK_NEAR(a[i], b[i], most);
}

/* -------------------------------------------------------------------------------------------------- there and back -- */

TEST(a_model_comes_back_to_the_bit)
{
    for (int k = 0; k < KINDS; k++) {
        run r = trained(&kinds[k]);
        for (int which = 0; which < 2; which++) {
            ist_model *back = imported(r.context, exported(r.model, which, 0));
            file_check_same(model_bytes(r.model), model_bytes(back));
            ist_model_destroy(back);
        }
        run_close(&r);
    }
}

TEST(a_wide_model_comes_back_to_the_bit)
{
    run_spec spec = run_spec_wide(); /* an output layer of 70 classes passes through its room in several turns */
    run r = run_open(&spec);
    run_go(&r, 0);
    for (int which = 0; which < 2; which++) {
        ist_model *back = imported(r.context, exported(r.model, which, 0));
        file_check_same(model_bytes(r.model), model_bytes(back));
        ist_model_destroy(back);
    }
    run_close(&r);
}

static run_spec regression(int which)
{
    run_spec spec = run_spec_small();
    spec.loss = which & 1 ? IST_LOSS_HUBER : IST_LOSS_MSE;
    spec.huber_delta = which == 3 ? 0.3 : 1;
    spec.hidden_norm = which & 2 ? IST_NORM_BATCH : IST_NORM_NONE;
    spec.classes = which == 2 ? 1 : 19;
    return spec;
}

/* Targets each by itself, all alike, or not at all normalized; and folded, in their own units. */
TEST(a_regression_comes_back_to_the_bit_and_folded_tells_the_same)
{
    for (int which = 0; which < 4; which++)
        for (int scaled = 0; scaled <= 2; scaled++) {
            const run_spec spec = regression(which);
            const float shift = scaled ? 7 : 0, factor = scaled ? 0.25F : 1;
            run r = run_open(&spec);
            if (scaled < 2) CHECK_EQ(ist_model_set_target_normalization(r.model, 1, &shift, &factor), IST_OK);
            run_go(&r, 2);
            CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
            float *whole = answers(r.model, &r);
            for (int format = 0; format < 2; format++) {
                ist_model *back = imported(r.context, exported(r.model, format, 0));
                file_check_same(model_bytes(r.model), model_bytes(back));
                ist_model_destroy(back);
                back = imported(r.context, exported(r.model, format, 1));
                ist_model_config is = IST_MODEL_CONFIG_INIT;
                CHECK_EQ(ist_model_describe(back, &is), IST_OK);
                CHECK(is.loss == spec.loss && is.hidden_norm == IST_NORM_NONE);
                CHECK_NEAR(is.huber_delta, which == 3 ? 0.3 : 1, 1e-7);
                float *folded = answers(back, &r);
                for (int64_t i = 0; i < r.table.rows * r.table.classes; i++)
                    CHECK_NEAR(whole[i], folded[i], 1e-5 * (20 + fabs((double)whole[i])));
                free(folded);
                ist_model_destroy(back);
            }
            const char *onnx = exported(r.model, 2, 0);
            file_bytes file = file_read(onnx);
            CHECK(memmem(file.data, file.count, "Softmax", 7) == NULL && memmem(file.data, file.count, "targets", 7));
            CHECK((memmem(file.data, file.count, "Div", 3) != NULL) == (scaled > 0));
            file_free(&file);
            free(whole);
            run_close(&r);
        }
}

TEST(statistics_that_do_not_hold_stay_at_home)
{
    run r = trained(&kinds[0]);
    const file_bytes with = file_read(exported(r.model, 0, 0));
    CHECK(memmem(with.data, with.count, "running_var", 11) != NULL);
    run_go(&r, 0); /* the run is over: nothing happens, but .. */
    const float shift = 0, factor = 1;
    CHECK_EQ(ist_model_set_normalization(r.model, 1, &shift, &factor), IST_OK); /* .. now they are another net's */
    file_bytes without = file_read(exported(r.model, 0, 0)), other = with;
    CHECK(memmem(without.data, without.count, "running_var", 11) == NULL);
    ist_model *back = imported(r.context, scratch_path(names[0]));
    float *answer = table_room(r.table.rows * 4, sizeof *answer);
    CHECK_EQ(ist_model_predict(back, r.dataset, NULL, answer), IST_E_ARGUMENT);
    free(answer);
    ist_model_destroy(back);
    file_free(&without);
    file_free(&other);
    run_close(&r);
}

TEST(a_folded_model_is_the_same_function_without_norms)
{
    for (int k = 0; k < KINDS; k++) {
        run r = trained(&kinds[k]);
        float *whole = answers(r.model, &r);
        for (int which = 0; which < 2; which++) {
            ist_model *back = imported(r.context, exported(r.model, which, 1));
            ist_model_config is = IST_MODEL_CONFIG_INIT;
            CHECK_EQ(ist_model_describe(back, &is), IST_OK);
            CHECK(is.hidden_count == 0 || is.hidden_norm == IST_NORM_NONE);
            CHECK(is.output_norm == IST_NORM_NONE && is.subnets == 1 && is.output_scale == 1);
            CHECK_EQ(is.activation, kinds[k].activation);
            float *folded = answers(back, &r);
            check_near(whole, folded, r.table.rows * r.table.classes, 1e-5);
            free(folded);
            ist_model_destroy(back);
        }
        free(whole);
        run_close(&r);
    }
}

TEST(equal_models_give_equal_files)
{
    run r = trained(&kinds[0]);
    for (int which = 0; which < 3; which++) {
        const file_bytes once = file_read(exported(r.model, which, 0));
        file_check_same(once, file_read(exported(r.model, which, 0)));
    }
    const char *path = scratch_path("named.otherwise");
    ist_export_config config = IST_EXPORT_CONFIG_INIT;
    config.format = IST_FILE_NPZ;
    CHECK_EQ(ist_model_export(r.model, path, &config), IST_OK);
    file_check_same(file_read(path), file_read(exported(r.model, 1, 0)));
    run_close(&r);
}

/* ---------------------------------------------------------------------------------------------------- refusals -- */

static void check_refused(run *r, const char *path, const ist_export_config *config, ist_status status,
                          const char *words)
{
    CHECK_EQ(ist_model_export(r->model, path, config), status);
    check_one_line(r->context);
    CHECK(strstr(ist_context_error(r->context), words) != NULL);
}

TEST(exports_that_cannot_be_are_refused_and_leave_what_is_there)
{
    run_spec spec = spec_of(&kinds[0]);
    run r = run_open(&spec); /* batch norm, and nothing measured */
    const int before = scratch_count();
    const char *path = scratch_path("there.onnx");
    file_write(path, "old", 3);
    ist_export_config config = IST_EXPORT_CONFIG_INIT;
    check_refused(&r, path, NULL, IST_E_ARGUMENT, "calibrate it first");
    config.format = IST_FILE_NPZ;
    config.fold = 1;
    check_refused(&r, path, &config, IST_E_ARGUMENT, "calibrate it first");
    config.fold = 2;
    check_refused(&r, path, &config, IST_E_ARGUMENT, "fold is ");
    config.fold = 0;
    config.format = IST_FILE_ONNX + 1;
    check_refused(&r, path, &config, IST_E_ARGUMENT, "format is ");
    config.format = -1;
    check_refused(&r, path, &config, IST_E_ARGUMENT, "format is ");
    config.format = IST_FILE_AUTO;
    config.answer = 2;
    check_refused(&r, path, &config, IST_E_ARGUMENT, "answer is ");
    config.answer = 0;
    config.struct_size = 8;
    check_refused(&r, path, &config, IST_E_ARGUMENT, "struct_size");
    check_refused(&r, scratch_path("onnx"), NULL, IST_E_ARGUMENT, "does not say which format");
    check_refused(&r, scratch_path("no/such.npz"), NULL, IST_E_IO, "no/such.npz");
    CHECK_EQ(ist_model_export(NULL, path, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_export(r.model, NULL, NULL), IST_E_ARGUMENT);
    file_bytes old = file_read(path);
    CHECK(old.count == 3 && memcmp(old.data, "old", 3) == 0);
    file_free(&old);
    CHECK_EQ(scratch_count(), before + 1);
    run_close(&r);
}

/* A safetensors file of that header, its numbers all `value`. */
static const char *tensors(const char *header, int numbers, float value)
{
    enum { MOST = 4096 };
    static unsigned char bytes[MOST];
    const char *path = scratch_path("made.safetensors");
    const uint64_t length = strlen(header);
    const size_t all = 8 + (size_t)length + (size_t)numbers * sizeof value;
    CHECK(all <= MOST);
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + 8, header, (size_t)length);
    for (int i = 0; i < numbers; i++) memcpy(bytes + 8 + length + (size_t)i * 4, &value, 4);
    file_write(path, bytes, all);
    return path;
}

#define F32(name, shape, from, to) \
  "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"
#define LINEAR F32("layers.0.weight", "[2,3]", 0, 24) "," F32("layers.0.bias", "[2]", 24, 32)

TEST(files_that_are_no_model_of_ours_are_told_with_byte_and_tensor)
{
    static const struct {
        const char *header;
        int numbers;
        float value;
        const char *words;
    } wrong[] = {
        {"{" F32("layers.0.weight", "[2,3]", 0, 24) "," F32("layers.1.weight", "[2,2]", 24, 40) "}", 10, 1,
         "byte 0: there is no tensor \"norms.0.weight\""},
        {"{" LINEAR "}", 8, NAN, "tensor \"layers.0.weight\": a number that is not finite"},
        {"{" LINEAR "}", 7, 1, "do not fit the shape, or the file"},
        {"{" LINEAR "}", 9, 1, "the tensors take 32 bytes, but the file has 36"},
        {"{" LINEAR "," F32("other", "[1]", 32, 36) "}", 9, 1, "tensor \"other\": no tensor of such a net"},
        {"{" LINEAR "," F32("input.shift", "[2]", 32, 40) "}", 10, 1, "neither one number nor one a feature"},
        {"{" LINEAR "," F32("input.shift", "[1]", 32, 36) "}", 9, 1, "there is no tensor \"input.factor\""},
        {"{" LINEAR "," F32("input.shift", "[1]", 32, 36) "," F32("input.factor", "[1]", 36, 40) "}", 10, 0,
         "tensor \"input.factor\": a factor of 0"},
        {"{" F32("layers.0.weight", "[2,3]", 0, 24) "," F32("layers.0.bias", "[6]", 0, 24) "}", 12, 1, "shares bytes"},
        {"{" F32("layers.0.weight", "[2,3]", 0, 24) "," F32("layers.0.bias", "[3]", 24, 36) "}", 9, 1,
         "expected float32 (2,)"},
        {"{" F32("layers.0.weight", "[2,3]", 0, 24) "," F32("layers.1.weight", "[2,3]", 24, 48) "}", 12, 1,
         "its inputs are not the outputs"},
        {"{" F32("layers.0.weight", "[1,3]", 0, 12) "," F32("layers.0.bias", "[1]", 12, 16) "}", 4, 1, "classes"},
        {"{" F32("layers.0.weight", "[4294967296,4294967296,4]", 0, 24) "}", 6, 1, "do not fit the shape"},
        {"{" F32("layers.0.weight", "[2,-3]", 0, 24) "}", 6, 1, "byte 53: safetensors: expected a whole number"},
        {"{" LINEAR "," LINEAR "}", 8, 1, "the tensors take 64 bytes, but the file has 32"},
        {"{" F32("layers.0.weight", "[2,3]", 0, 24) "," F32("layers.0.weight", "[2,3]", 24, 48) "}", 12, 1,
         "tensor \"layers.0.weight\": there are two of this name"},
        {"{" LINEAR ",}", 8, 1, "expected a string"},
        {"{" LINEAR "} {", 8, 1, "expected nothing but white space"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 1, 1, "a key is there twice"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 1, 1, "more than 2^64"},
        {"{\"__metadata__\":{\"a\":{}}," LINEAR "}", 8, 1, "expected a string"},
        {"{\"a\":{\"dtype\":\"F9\",\"shape\":[1],\"data_offsets\":[0,4]}}", 1, 1, "an unknown dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 1, 1, "expected dtype, shape and two data_offsets"},
        {"{\"a b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 1, 1, "printable characters"},
        {"[1]", 1, 1, "byte 8: safetensors: expected '{'"},
        {"{\"a\":", 1, 1, "byte 13: safetensors: expected '{'"},
        {"{}", 0, 1, "there is no tensor \"layers.0.weight\""},
    };
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ist_model *model = NULL;
        CHECK_EQ(ist_model_import(context, &model, tensors(wrong[i].header, wrong[i].numbers, wrong[i].value)),
                 IST_E_FORMAT);
        CHECK(model == NULL);
        check_one_line(context);
        CHECK(strstr(ist_context_error(context), "made.safetensors: byte ") != NULL);
        if (!strstr(ist_context_error(context), wrong[i].words)) CHECK_STR(ist_context_error(context), wrong[i].words);
    }
    ist_model_destroy(imported(context, tensors("{" LINEAR "}", 8, 1)));
    ist_model *model = NULL;
    CHECK_EQ(ist_model_import(context, &model, scratch_path("nothing.npz")), IST_E_IO);
    CHECK_EQ(ist_model_import(context, NULL, scratch_path("made.safetensors")), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_import(context, &model, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_import(NULL, &model, scratch_path("made.safetensors")), IST_E_ARGUMENT);
    ist_context_destroy(context);
}

TEST(what_pytorch_counts_beside_its_statistics_is_passed_over)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    ist_model_destroy(imported(
        context,
        tensors(" {\"__metadata__\" : {\"format\":\"pt\\\\\\\"}\"} ,\n" F32("layers.0.weight", "[2,3]", 0, 24) "," F32(
                    "norms.0.running_mean", "[2]", 24,
                    32) "," F32("norms.0.running_var", "[2]", 32,
                                40) ",\"norms.0.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],"
                                    "\"data_offsets\":[40,48]}}",
                12, 1)));
    ist_context_destroy(context);
}

/* Every file that is shorter, or differs in one byte: a model, or one line. */
static void check_damaged(run *r, int which)
{
    file_bytes whole = file_read(exported(r->model, which, 0));
    const char *path = scratch_path("damaged");
    const file_bytes same = model_bytes(r->model);
    int refused = 0;
    for (size_t i = 0; i < 2 * whole.count; i++) {
        ist_model *model = NULL;
        const size_t at = i / 2;
        if (i % 2 == 0) {
            file_write(path, whole.data, at);
        } else {
            whole.data[at] ^= (unsigned char)(1 << at % 8);
            file_write(path, whole.data, whole.count);
            whole.data[at] ^= (unsigned char)(1 << at % 8);
        }
        const ist_status status = ist_model_import(r->context, &model, path);
        CHECK(status == IST_OK || status == IST_E_FORMAT);
        CHECK(i % 2 == 1 || status == IST_E_FORMAT); /* none of what is cut short */
        if (status) {
            refused++;
            CHECK(model == NULL && strstr(ist_context_error(r->context), "damaged: byte ") != NULL);
        } else if (which == 1) { /* checksums let through what does not matter: times, versions, attributes */
            file_bytes got = model_bytes(model);
            CHECK(got.count == same.count && memcmp(got.data, same.data, got.count) == 0);
            file_free(&got);
        }
        ist_model_destroy(model);
    }
    free(same.data);
    CHECK(refused > (int)whole.count);
    file_free(&whole);
}

TEST(a_damaged_safetensors_file_is_a_line_or_another_model)
{
    run r = trained(&kinds[4]);
    check_damaged(&r, 0);
    run_close(&r);
}

TEST(a_damaged_npz_file_is_a_line_or_the_same_model)
{
    run r = trained(&kinds[4]);
    check_damaged(&r, 1);
    run_close(&r);
}

TEST(an_archive_whose_members_are_not_what_its_directory_says_is_refused)
{
    enum { NAME = 30, CUT = 26 };
    run r = trained(&kinds[4]);
    file_bytes bytes = file_read(exported(r.model, 1, 0));
    const char *path = scratch_path("otherwise.npz");
    ist_model *model = NULL;
    bytes.data[NAME] ^= 1; /* the first member's own name */
    file_write(path, bytes.data, bytes.count);
    CHECK_EQ(ist_model_import(r.context, &model, path), IST_E_FORMAT);
    CHECK(strstr(ist_context_error(r.context), "byte 0: NPZ: a member has another name than the directory says") !=
          NULL);
    bytes.data[NAME] ^= 1;
    bytes.data[CUT] ^= 1; /* .. and its length */
    file_write(path, bytes.data, bytes.count);
    CHECK_EQ(ist_model_import(r.context, &model, path), IST_E_FORMAT);
    CHECK(strstr(ist_context_error(r.context), "expected the head of a member") != NULL);
    CHECK(model == NULL);
    file_free(&bytes);
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------ one subnet alone -- */

static ist_model *subnet(ist_model *model, int32_t subnets, int32_t s, int64_t round)
{
    ist_model *out = NULL;
    ist_subnet_config config = IST_SUBNET_CONFIG_INIT;
    config.subnets = subnets;
    config.subnet = s;
    config.round = round;
    CHECK_EQ(ist_model_subnet(model, &out, &config), IST_OK);
    return out;
}

TEST(subnets_of_one_hidden_layer_are_the_whole_net_together)
{
    /* Logits of the whole net are the mean of the subnets', so the mean of log probabilities gives its answers. */
    static const kind plain = {1, IST_NORM_NONE, IST_NORM_NONE, 3, 1, 1, IST_RELU};
    run r = trained(&plain);
    const int64_t count = r.table.rows * 4;
    float *whole = answers(r.model, &r);
    double *mean = table_room(count, sizeof *mean);
    int32_t neurons = 0;
    for (int32_t s = 0; s < 3; s++) {
        ist_model *part = subnet(r.model, 0, s, 2);
        ist_model_config is = IST_MODEL_CONFIG_INIT;
        CHECK_EQ(ist_model_describe(part, &is), IST_OK);
        CHECK(is.subnets == 1 && is.features == 6 && is.classes == 4);
        CHECK_EQ(is.hidden[0], s == 0 ? 5 : 4);
        neurons += is.hidden[0];
        float *own = answers(part, &r);
        for (int64_t i = 0; i < count; i++) mean[i] += log((double)own[i]) / 3;
        free(own);
        ist_model_destroy(part);
    }
    CHECK_EQ(neurons, 13);
    for (int64_t row = 0; row < r.table.rows; row++) {
        double sum = 0;
        for (int c = 0; c < 4; c++) sum += exp(mean[row * 4 + c]);
        for (int c = 0; c < 4; c++) CHECK_NEAR(exp(mean[row * 4 + c]) / sum, whole[row * 4 + c], 1e-5);
    }
    free(whole);
    free(mean);
    run_close(&r);
}

/* How many weights between the hidden layers are the same in both models. */
static int same_weights(ist_model *a, ist_model *b)
{
    static const char name[] = "\"layers.1.weight\":{\"dtype\":\"F32\",\"shape\":[";
    file_bytes bytes[2];
    const float *weight[2];
    long rows = 0, columns = 0;
    for (int i = 0; i < 2; i++) {
        bytes[i] = file_read(exported(i ? b : a, 0, 0));
        uint64_t header;
        long from, to;
        memcpy(&header, bytes[i].data, sizeof header);
        const char *at = memmem(bytes[i].data, bytes[i].count, name, sizeof name - 1);
        CHECK(at != NULL);
        CHECK_EQ(sscanf(at + sizeof name - 1, "%ld,%ld],\"data_offsets\":[%ld,%ld]", &rows, &columns, &from, &to), 4);
        weight[i] = (const float *)(const void *)(bytes[i].data + 8 + header + from);
    }
    int same = 0;
    for (long w = 0; w < rows * columns; w++) same += weight[0][w] == weight[1][w];
    file_free(&bytes[0]);
    file_free(&bytes[1]);
    return same;
}

TEST(the_subnet_of_the_last_round_is_the_one_that_was_trained)
{
    run_spec spec = spec_of(&kinds[1]);
    run r = run_open(&spec);
    ist_model *before = run_model(r.context, &spec);
    run_go(&r, 1);
    for (int32_t s = 0; s < 3; s++) {
        ist_model *now = subnet(r.model, 3, s, 0), *then = subnet(before, 3, s, 0);
        CHECK_EQ(same_weights(now, then), 0); /* all have moved; between neurons of different subnets none has */
        ist_model_destroy(now);
        ist_model_destroy(then);
        now = subnet(r.model, 3, s, 1);
        then = subnet(before, 3, s, 1);
        CHECK(same_weights(now, then) > 0);
        ist_model_destroy(now);
        ist_model_destroy(then);
    }
    ist_model_destroy(before);
    run_close(&r);
}

TEST(a_deep_subnet_wants_statistics_of_its_own)
{
    run r = trained(&kinds[0]);
    ist_model *part = subnet(r.model, 3, 1, 0);
    const char *path = scratch_path("part.onnx");
    CHECK_EQ(ist_model_export(part, path, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_calibrate(part, r.dataset, 100, 1), IST_OK);
    CHECK_EQ(ist_model_export(part, path, NULL), IST_OK);
    ist_evaluation e = IST_EVALUATION_INIT;
    CHECK_EQ(ist_model_evaluate(part, r.dataset, NULL, &e), IST_OK);
    ist_model_destroy(part);
    run_close(&r);
    /* With one layer of it, below, what the whole net has holds. */
    static const kind shallow = {1, IST_NORM_BATCH, IST_NORM_NONE, 3, 1, 0, IST_TANH};
    r = trained(&shallow);
    part = subnet(r.model, 3, 1, 0);
    CHECK_EQ(ist_model_evaluate(part, r.dataset, NULL, &e), IST_OK);
    const double kept = e.loss;
    CHECK_EQ(ist_model_calibrate(part, r.dataset, r.table.rows, 1), IST_OK);
    CHECK_EQ(ist_model_evaluate(part, r.dataset, NULL, &e), IST_OK);
    ist_model *whole = subnet(r.model, 3, 1, 0);
    CHECK_EQ(ist_model_calibrate(r.model, r.dataset, r.table.rows, 1), IST_OK); /* the same rows */
    ist_model_destroy(whole);
    whole = subnet(r.model, 3, 1, 0);
    file_check_same(model_bytes(whole), model_bytes(part));
    CHECK(fabs(kept - e.loss) < 0.5);
    ist_model_destroy(whole);
    ist_model_destroy(part);
    run_close(&r);
}

TEST(shares_say_how_wide_subnets_are_and_wrong_ones_are_refused)
{
    run_spec spec = spec_of(&kinds[1]);
    run r = run_open(&spec);
    const double shares[2] = {3, 1}, bad[2] = {1, -1};
    ist_model *part = NULL;
    ist_subnet_config config = IST_SUBNET_CONFIG_INIT;
    config.subnets = 2;
    config.shares = shares;
    CHECK_EQ(ist_model_subnet(r.model, &part, &config), IST_OK);
    ist_model_config is = IST_MODEL_CONFIG_INIT;
    CHECK_EQ(ist_model_describe(part, &is), IST_OK);
    CHECK(is.hidden[0] == 10 && is.hidden[1] == 8);
    ist_model_destroy(part);
    part = NULL;
    config.shares = bad;
    CHECK_EQ(ist_model_subnet(r.model, &part, &config), IST_E_ARGUMENT);
    config.shares = NULL;
    config.subnet = 2;
    CHECK_EQ(ist_model_subnet(r.model, &part, &config), IST_E_ARGUMENT);
    config.subnet = 0;
    config.subnets = 11; /* the second hidden layer has 10 */
    CHECK_EQ(ist_model_subnet(r.model, &part, &config), IST_E_ARGUMENT);
    config.subnets = 2;
    config.round = -1;
    CHECK_EQ(ist_model_subnet(r.model, &part, &config), IST_E_ARGUMENT);
    check_one_line(r.context);
    CHECK_EQ(ist_model_subnet(r.model, &part, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_subnet(r.model, NULL, &config), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_subnet(NULL, &part, &config), IST_E_ARGUMENT);
    CHECK(part == NULL);
    run_close(&r);
}
