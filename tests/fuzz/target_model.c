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
    ist_evaluation result = IST_EVALUATION_INIT;
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
    ist_model *again;
    size_t count, twice_count;
    fuzz_require(ist_model_save_bytes(model, NULL, 0, &count) == IST_OK);
    void *once = malloc(count), *twice = malloc(count);
    fuzz_require(once && twice);
    fuzz_require(ist_model_save_bytes(model, once, count, &count) == IST_OK);
    fuzz_require(ist_model_load_bytes(fuzz_context(), &again, once, count) == IST_OK);
    fuzz_require(ist_model_save_bytes(again, twice, count, &twice_count) == IST_OK);
    ist_model_destroy(again);
    fuzz_require(count == twice_count && memcmp(once, twice, count) == 0);
    free(once);
    free(twice);
}

static void load(const uint8_t *data, size_t size)
{
    ist_model *model = NULL;
    const ist_status status = ist_model_load_bytes(fuzz_context(), &model, data, size);
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
