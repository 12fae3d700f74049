/* fuzz_run.c - the small run whose checkpoints are seeds, and into which they are resumed. */
#include "fuzz_run.h"

fuzz_run fuzz_run_open(ist_context *context)
{
    static float x[FUZZ_ROWS * FUZZ_FEATURES];
    static int32_t labels[FUZZ_ROWS];
    static const int32_t hidden[2] = {4, 5};
    for (int i = 0; i < FUZZ_ROWS * FUZZ_FEATURES; i++) x[i] = (float)(i * 37 % 101) / 50 - 1;
    for (int i = 0; i < FUZZ_ROWS; i++) labels[i] = i % FUZZ_CLASSES;

    fuzz_run run;
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = FUZZ_FEATURES;
    net.classes = FUZZ_CLASSES;
    net.hidden = hidden;
    net.hidden_count = 2;
    net.subnets = 2;
    ist_train_config train = IST_TRAIN_CONFIG_INIT;
    train.subnets = 2;
    train.local_steps = 2;
    train.batch = 4;
    train.rounds = 8;
    train.optimizer = IST_ADAM;
    train.lr = 0.01;
    train.outer_lr = 0.7;
    train.outer_momentum = 0.5;
    train.average_from = 0.25;
    fuzz_require(ist_dataset_wrap(context, &run.data, x, IST_FLOAT32, FUZZ_ROWS, FUZZ_FEATURES,
                                  FUZZ_FEATURES * (int64_t)sizeof *x, labels, FUZZ_CLASSES) == IST_OK);
    fuzz_require(ist_model_create(context, &run.model, &net) == IST_OK);
    fuzz_require(ist_trainer_create(context, &run.trainer, run.model, run.data, &train) == IST_OK);
    return run;
}

void fuzz_run_close(fuzz_run *run)
{
    ist_trainer_destroy(run->trainer);
    ist_model_destroy(run->model);
    ist_dataset_destroy(run->data);
}
