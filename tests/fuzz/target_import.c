/* target_import.c - safetensors and NPZ files.  What is accepted answers for every row, and is the same model when it is
 * exported, imported and saved again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { MOST_FEATURES = 4096, MOST_PARAMETERS = 1 << 16, ROWS = 2 };

static void use(ist_model *model)
{
    ist_model_config shape = IST_MODEL_CONFIG_INIT;
    fuzz_require(ist_model_describe(model, &shape) == IST_OK);
    fuzz_require(shape.features > 0 && shape.classes > 1 && shape.subnets > 0 && shape.output_scale > 0);
    if (shape.features > MOST_FEATURES || ist_model_parameter_count(model) > MOST_PARAMETERS) return;
    ist_dataset *rows;
    float *x = calloc((size_t)shape.features * ROWS, sizeof *x),
          *out = calloc((size_t)shape.classes * ROWS, sizeof *out);
    fuzz_require(x && out);
    fuzz_require(ist_dataset_wrap(fuzz_context(), &rows, x, IST_FLOAT32, ROWS, shape.features,
                                  shape.features * (int64_t)sizeof *x, NULL, 0) == IST_OK);
    const ist_status status = ist_model_predict(model, rows, NULL, out);
    if (status) fuzz_check_refusal(status, ist_context_error(fuzz_context()));
    ist_dataset_destroy(rows);
    free(out);
    free(x);
}

static void check_same(const char *a_path, const char *b_path)
{
    size_t a_bytes, b_bytes;
    void *a = fuzz_bytes(a_path, &a_bytes), *b = fuzz_bytes(b_path, &b_bytes);
    fuzz_require(a_bytes == b_bytes && memcmp(a, b, a_bytes) == 0);
    free(a);
    free(b);
}

static void check_round_trip(ist_model *model, int32_t format)
{
    const char *file = fuzz_path("file"), *once = fuzz_path("once"), *twice = fuzz_path("twice");
    ist_export_config config = IST_EXPORT_CONFIG_INIT;
    ist_model *again;
    config.format = format;
    fuzz_require(ist_model_export(model, file, &config) == IST_OK);
    fuzz_require(ist_model_import(fuzz_context(), &again, file) == IST_OK);
    fuzz_require(ist_model_save(model, once) == IST_OK);
    fuzz_require(ist_model_save(again, twice) == IST_OK);
    ist_model_destroy(again);
    check_same(once, twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ist_model *model = NULL;
    const ist_status status = ist_model_import(fuzz_context(), &model, fuzz_file(0, data, size));
    if (status) {
        fuzz_check_refusal(status, ist_context_error(fuzz_context()));
        fuzz_require(!model);
        return 0;
    }
    use(model);
    check_round_trip(model, IST_FILE_SAFETENSORS);
    check_round_trip(model, IST_FILE_NPZ);
    ist_model_destroy(model);
    return 0;
}
