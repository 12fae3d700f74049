/* embed.c - the whole library in one page: train a net on the caller's arrays, ask it, keep it.
 *
 * Data: points in a plane, in a ring or within it; a straight line cannot tell them apart.
 * Build: cc embed.c $(pkg-config --cflags --libs ist), or find_package(ist) and ist::ist in CMake. */
#include <ist/ist.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 4096, FEATURES = 2, CLASSES = 2 };

static float point[ROWS][FEATURES];
static int32_t label[ROWS];

static void make_data(void)
{
    for (int i = 0; i < ROWS; i++) {
        for (int f = 0; f < FEATURES; f++) point[i][f] = (float)rand() / (float)RAND_MAX * 2 - 1;
        const float square = point[i][0] * point[i][0] + point[i][1] * point[i][1];
        label[i] = square > 0.25F && square < 0.75F;
    }
}

static int give_up(ist_context *context, ist_status status)
{
    fprintf(stderr, "%s: %s\n", ist_strerror(status), ist_context_error(context));
    return EXIT_FAILURE;
}

int main(void)
{
    ist_context *context = NULL;
    ist_dataset *data = NULL;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    make_data();

    /* One scan of the machine: teams of threads, one a NUMA node. */
    ist_status status = ist_context_create(&context, NULL);
    if (status) return give_up(context, status);

    const int32_t hidden[] = {512};
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = FEATURES;
    net.classes = CLASSES;
    net.hidden = hidden;
    net.hidden_count = 1;
    net.output_norm = IST_NORM_NONE; /* a bias instead: the classes are not equally frequent */
    net.subnets = 2;

    ist_train_config run = IST_TRAIN_CONFIG_INIT;
    run.epochs = 60;
    run.local_steps = 20;

    status = ist_dataset_wrap(context, &data, point, IST_FLOAT32, ROWS, FEATURES, sizeof point[0], label, CLASSES);
    if (!status) status = ist_model_create(context, &model, &net);
    if (!status) status = ist_trainer_create(context, &trainer, model, data, &run);
    if (!status) status = ist_trainer_run(trainer, 0, NULL, NULL);
    if (!status) status = ist_trainer_calibrate(trainer); /* statistics of batch norm, for the whole net */

    ist_evaluation result = IST_EVALUATION_INIT;
    if (!status) status = ist_model_evaluate(model, data, NULL, &result);
    if (!status) status = ist_model_save(model, "ring.ist");
    if (status) return give_up(context, status);
    printf("accuracy %.4f, loss %.4f\n", result.accuracy, result.loss);

    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(data);
    ist_context_destroy(context);
    return result.accuracy > 0.9 ? EXIT_SUCCESS : EXIT_FAILURE;
}
