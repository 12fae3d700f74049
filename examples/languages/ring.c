/* ring.c - one training in four languages: ring.c, ring.cpp, ring.f90 and ring.py print the same digits.
 *
 * Data: points in a plane, in a ring or within it, drawn by a small generator of whole numbers, so that no language has
 * its own.  Build: CMakeLists.txt in this folder, or cc ring.c $(pkg-config --cflags --libs ist). */
#include <ist/ist.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 2048, FEATURES = 2, CLASSES = 2, TOLD = 8 };

static float point[ROWS][FEATURES];
static int32_t label[ROWS];
static float chance[ROWS][CLASSES];

static void make_data(void)
{
    int64_t state = 1;
    for (int i = 0; i < ROWS; i++) {
        int64_t at[FEATURES]; /* -32768 .. 32767: -1 .. 1 */
        for (int f = 0; f < FEATURES; f++) {
            state = (state * 1103515245 + 12345) % 2147483648;
            at[f] = state / 32768 - 32768;
            point[i][f] = (float)at[f] / 32768;
        }
        const int64_t square = at[0] * at[0] + at[1] * at[1];
        label[i] = square > 268435456 && square < 805306368; /* a quarter, three quarters of 2^30 */
    }
}

int main(void)
{
    ist_context *context = NULL;
    ist_dataset *data = NULL;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    make_data();

    const int32_t hidden[] = {256};
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = FEATURES;
    net.classes = CLASSES;
    net.hidden = hidden;
    net.hidden_count = 1;
    net.output_norm = IST_NORM_NONE;
    net.subnets = 2;
    net.seed = 7;

    ist_train_config run = IST_TRAIN_CONFIG_INIT;
    run.epochs = 60;
    run.local_steps = 10;
    run.seed = 7;

    ist_status status = ist_context_create(&context, NULL);
    if (!status)
        status = ist_dataset_wrap(context, &data, point, IST_FLOAT32, ROWS, FEATURES, sizeof point[0], label, CLASSES);
    if (!status) status = ist_model_create(context, &model, &net);
    if (!status) status = ist_trainer_create(context, &trainer, model, data, &run);
    if (!status) status = ist_trainer_run(trainer, 0, NULL, NULL);
    if (!status) status = ist_trainer_calibrate(trainer);
    ist_evaluation result = IST_EVALUATION_INIT;
    if (!status) status = ist_model_evaluate(model, data, NULL, &result);
    if (!status) status = ist_model_predict(model, data, NULL, chance[0]);
    if (status) {
        fprintf(stderr, "%s: %s\n", ist_strerror(status), context ? ist_context_error(context) : "");
        return EXIT_FAILURE;
    }

    printf("right %lld of %d\n", (long long)result.correct, ROWS);
    for (int i = 0; i < TOLD; i++) printf("%d %.8E %.8E\n", label[i], chance[i][0], chance[i][1]);

    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(data);
    ist_context_destroy(context);
    return EXIT_SUCCESS;
}
