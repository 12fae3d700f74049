/* target_model.c - model files: as they are, and with their checksums mended.  What is accepted answers for every row,
 * and is the same file when it is saved, loaded and saved again. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_sections.h"

enum { MOST_FEATURES = 4096, MOST_PARAMETERS = 1 << 16, ROWS = 3 };

static void use(ist_model *model)
{
    ist_model_config shape = IST_MODEL_CONFIG_INIT;
    fuzz_require(ist_model_describe(model, &shape) == IST_OK);
    fuzz_require(shape.features > 0 && shape.classes > 1 && shape.hidden_count >= 0);
    if (shape.features > MOST_FEATURES || ist_model_parameter_count(model) > MOST_PARAMETERS) return;
    ist_dataset *rows;
    const int32_t labels[ROWS] = {0, 1, 0};
    float *x = calloc((size_t)shape.features * ROWS, sizeof *x),
          *out = calloc((size_t)shape.classes * ROWS, sizeof *out);
    fuzz_require(x && out);
    fuzz_require(ist_dataset_wrap(fuzz_context(), &rows, x, IST_FLOAT32, ROWS, shape.features,
                                  shape.features * (int64_t)sizeof *x, labels, shape.classes) == IST_OK);
    ist_evaluation result;
    ist_status status = ist_model_predict(model, rows, NULL, out);
    if (status) fuzz_check_refusal(status, ist_context_error(fuzz_context()));
    status = ist_model_evaluate(model, rows, NULL, &result);
    if (status) fuzz_check_refusal(status, ist_context_error(fuzz_context()));
    else fuzz_require(result.rows == ROWS && result.correct >= 0 && result.correct <= ROWS);
    ist_dataset_destroy(rows);
    free(out);
    free(x);
}

static void check_round_trip(ist_model *model)
{
    const char *once = fuzz_path("once"), *twice = fuzz_path("twice");
    ist_model *again;
    fuzz_require(ist_model_save(model, once) == IST_OK);
    fuzz_require(ist_model_load(fuzz_context(), &again, once) == IST_OK);
    fuzz_require(ist_model_save(again, twice) == IST_OK);
    ist_model_destroy(again);
    size_t a_bytes, b_bytes;
    void *a = fuzz_bytes(once, &a_bytes), *b = fuzz_bytes(twice, &b_bytes);
    fuzz_require(a_bytes == b_bytes && memcmp(a, b, a_bytes) == 0);
    free(a);
    free(b);
}

static void load(const uint8_t *data, size_t size)
{
    ist_model *model = NULL;
    const ist_status status = ist_model_load(fuzz_context(), &model, fuzz_file(0, data, size));
    if (status) {
        fuzz_check_refusal(status, ist_context_error(fuzz_context()));
        fuzz_require(!model);
        return;
    }
    use(model);
    check_round_trip(model);
    ist_model_destroy(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    load(data, size);
    uint8_t *mended = fuzz_mended(data, size);
    if (size > 0 && memcmp(mended, data, size) != 0) load(mended, size);
    free(mended);
    return 0;
}
