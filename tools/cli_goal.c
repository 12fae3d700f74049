/* cli_goal.c - what a net is trained for. */
#include "cli_goal.h"

#include <stdio.h>

#include "cli_say.h"

#define AT(field) .offset = offsetof(cli_goal, field)

static const cli_choice loss_words[] = {{"cross-entropy", IST_LOSS_CROSS_ENTROPY},
                                        {"mse", IST_LOSS_MSE},
                                        {"huber", IST_LOSS_HUBER},
                                        {"binary", IST_LOSS_BINARY},
                                        {NULL, 0}};
static const cli_choice target_words[] = {{"zscore", CLI_TARGETS_ZSCORE}, {"none", CLI_TARGETS_NONE}, {NULL, 0}};

const cli_option cli_goal_options[] = {
    {.name = "loss",
     .kind = CLI_CHOICE,
     AT(loss),
     .choices = loss_words,
     .help = "cross-entropy: Y has classes; mse, huber: a regression, Y has numbers, one or several a row; "
             "binary: each label is there or not, by itself"},
    {.name = "huber-delta",
     .value = "D",
     .kind = CLI_REAL,
     AT(huber_delta),
     .low = 1e-6,
     .high = 1e6,
     .help = "of huber: the error of a normalized target from which on the loss is a line"},
    {.name = "targets",
     .kind = CLI_CHOICE,
     AT(targets),
     .choices = target_words,
     .help = "of a regression; zscore: trained as (y - mean) / deviation of the training rows, and told in their own "
             "units; stored in the model"},
    {.name = "target-loss",
     .value = "L",
     .kind = CLI_REAL,
     AT(target_loss),
     .low = 0,
     .low_open = true,
     .high = -1,
     .help = "stop when the loss on the valid split (without one: the test split) is no more than that"},
};
const size_t cli_goal_option_count = sizeof cli_goal_options / sizeof cli_goal_options[0];

bool cli_goal_regresses(const cli_goal *goal)
{
    return goal->loss == IST_LOSS_MSE || goal->loss == IST_LOSS_HUBER;
}

int cli_goal_check(const cli_goal *goal, const cli_args *args, int32_t method, ist_model_config *net,
                   const ist_train_config *run)
{
    net->loss = goal->loss;
    net->huber_delta = goal->huber_delta;
    if (goal->loss != IST_LOSS_HUBER && cli_was_given(args, "huber-delta"))
        return cli_wrong("--huber-delta: needs --loss huber");
    if (!cli_goal_regresses(goal)) {
        if (cli_was_given(args, "targets")) return cli_wrong("--targets: needs --loss mse or huber");
        if (goal->loss != IST_LOSS_BINARY) return -1;
        if (cli_was_given(args, "output-norm") && net->output_norm != IST_NORM_NONE)
            return cli_wrong("--output-norm: --loss binary has sigmoids, without norm");
        if (method == IST_METHOD_DATA_PARALLEL || method == IST_METHOD_ENSEMBLE || method == IST_METHOD_MASKED)
            return cli_wrong("--method: not with --loss binary");
        if (run->label_smoothing > 0) return cli_wrong("--label-smoothing: not with --loss binary");
        net->output_norm = IST_NORM_NONE;
        return -1;
    }
    if (cli_was_given(args, "target-accuracy"))
        return cli_wrong("--target-accuracy: a regression has errors, see --target-loss");
    if (cli_was_given(args, "output-norm") && net->output_norm != IST_NORM_NONE)
        return cli_wrong("--output-norm: a regression has linear outputs, without norm");
    if (net->output_scale != 1) return cli_wrong("--output-scale: a regression has no logits to scale");
    if (method == IST_METHOD_ENSEMBLE)
        return cli_wrong("--method: an ensemble sums what its members say of classes, a regression has values");
    if (run->label_smoothing > 0) return cli_wrong("--label-smoothing: a regression has no labels");
    net->output_norm = IST_NORM_NONE;
    return -1;
}

int cli_goal_fit(const cli_goal *goal, const char *option, const char *file, const ist_dataset *data, int32_t *outputs)
{
    ist_dataset_info info = {.struct_size = sizeof info};
    ist_dataset_describe(data, &info);
    if (!cli_goal_regresses(goal)) {
        /* A class that only a split has is never learned, but it must have a name to be wrong about. */
        if (info.classes > *outputs) *outputs = info.classes;
        return -1;
    }
    if (*outputs == 0) *outputs = info.targets;
    if (info.targets == *outputs) return -1;
    cli_error("--%s: %s has %d targets a row, the training rows have %d", option, file, info.targets, *outputs);
    return CLI_BAD_DATA;
}

int cli_goal_learnable(const cli_goal *goal, const char *file, int32_t outputs)
{
    if (outputs >= 2 || cli_goal_regresses(goal)) return -1;
    cli_error("--train: %s has only one class", file);
    return CLI_BAD_DATA;
}

ist_status cli_goal_normalize(const cli_goal *goal, ist_model *model, const ist_dataset *data)
{
    if (!cli_goal_regresses(goal) || goal->targets == CLI_TARGETS_NONE) return IST_OK;
    return ist_model_measure_target_normalization(model, data);
}

const char *cli_goal_words(bool regression, const ist_evaluation *e, char *out, size_t cap)
{
    if (regression) snprintf(out, cap, "rmse %.6g, R2 %.4f", e->rmse, e->r2);
    else snprintf(out, cap, "accuracy %.4f", e->accuracy);
    return out;
}

void cli_goal_add(json_t *object, bool regression, const ist_evaluation *e)
{
    if (!regression) {
        json_object_set_new(object, "accuracy", cli_json_real(e->accuracy));
        return;
    }
    json_object_set_new(object, "rmse", cli_json_real(e->rmse));
    json_object_set_new(object, "r2", cli_json_real(e->r2));
}
