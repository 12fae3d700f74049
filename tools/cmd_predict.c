/* cmd_predict.c - ist predict: class probabilities of every row, or the most probable classes, as a .npy file. */
#include <stdio.h>
#include <stdlib.h>

#include "cli_calibrate.h"
#include "cli_commands.h"
#include "cli_context.h"
#include "cli_number.h"
#include "cli_output.h"
#include "cli_rank.h"

typedef struct predict_options {
    const char *data, *out;
    int32_t top_k;
    cli_rows rows;
    ist_evaluate_config evaluate;
    cli_calibrate calibrate;
    ist_context_config machine;
} predict_options;

#define AT(field) .offset = offsetof(predict_options, field)

static const cli_option options[] = {
    {.name = "data",
     .value = "X",
     .kind = CLI_TEXT,
     AT(data),
     .required = true,
     .help = "features; labels are not needed: .npy, idx (.gz), .csv or sparse rows (libsvm, XMC, .isd)"},
    {.name = "out",
     .value = "P.npy",
     .kind = CLI_TEXT,
     AT(out),
     .required = true,
     .help =
         "float32 probabilities (rows, classes), or what --top-k says; of a regression its targets (rows, targets)"},
    {.name = "top-k",
     .value = "K",
     .kind = CLI_INT32,
     AT(top_k),
     .low = 1,
     .high = 1 << 24,
     .help =
         "instead: int32 class ids (rows, K), most probable first; of equal ones the lowest first; of a net of 4096 "
         "classes and more, or of sparse rows, up to 1024 of them take no memory for all"},
};

/* The k most probable classes of one row, by insertion: k is small, and a class that does not beat the last one kept
 * costs one comparison.  A later class must be strictly better, so the lowest id wins a tie. */
static void pick_top(const float *probability, int32_t classes, int32_t k, int32_t *top)
{
    int32_t kept = 0;
    for (int32_t c = 0; c < classes; c++) {
        if (kept == k && !(probability[c] > probability[top[k - 1]])) continue;
        int32_t at = kept < k ? kept++ : k - 1;
        for (; at > 0 && probability[c] > probability[top[at - 1]]; at--) top[at] = top[at - 1];
        top[at] = c;
    }
}

/* probability (rows, classes) becomes .npy; -1 never: returns an exit status. */
static int write_result(const predict_options *o, const float *probability, int64_t rows, int32_t classes)
{
    if (o->top_k == 0) return cli_npy_write(o->out, "<f4", probability, rows, classes) ? CLI_DONE : CLI_FAILED;
    int32_t *top = calloc((size_t)rows, (size_t)o->top_k * sizeof *top);
    if (!top) {
        cli_error("%s", ist_strerror(IST_E_MEMORY));
        return CLI_FAILED;
    }
    for (int64_t r = 0; r < rows; r++) pick_top(probability + r * classes, classes, o->top_k, top + r * o->top_k);
    const bool well = cli_npy_write(o->out, "<i4", top, rows, o->top_k);
    free(top);
    return well ? CLI_DONE : CLI_FAILED;
}

/* The best labels alone: no array of rows times classes. */
static ist_status write_best(const predict_options *o, ist_model *model, const ist_dataset *data, int *status)
{
    const int64_t rows = ist_dataset_rows(data);
    int32_t *top = calloc((size_t)rows, (size_t)o->top_k * sizeof *top);
    const ist_status failed = top ? ist_model_top(model, data, &o->evaluate, o->top_k, top, NULL) : IST_E_MEMORY;
    if (failed == IST_OK) *status = cli_npy_write(o->out, "<i4", top, rows, o->top_k) ? CLI_DONE : CLI_FAILED;
    free(top);
    return failed;
}

static ist_status write_all(const predict_options *o, ist_model *model, const ist_dataset *data, int32_t classes,
                            int *status)
{
    const int64_t rows = ist_dataset_rows(data);
    float *probability = calloc((size_t)rows, (size_t)classes * sizeof *probability);
    const ist_status failed = probability ? ist_model_predict(model, data, &o->evaluate, probability) : IST_E_MEMORY;
    if (failed == IST_OK) *status = write_result(o, probability, rows, classes);
    free(probability);
    return failed;
}

static int predict(const predict_options *o, const char *path, ist_context *context)
{
    int status = CLI_FAILED, wrong;
    ist_model *model = NULL;
    ist_dataset *data = NULL;
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    ist_status failed = ist_model_load(context, &model, path);
    if (failed == IST_OK) failed = ist_model_describe(model, &config);
    if (failed == IST_OK && o->top_k > config.classes) {
        status = cli_wrong("--top-k: the model has %d classes", config.classes);
    } else if (failed == IST_OK && o->top_k > 0 && (config.loss == IST_LOSS_MSE || config.loss == IST_LOSS_HUBER)) {
        status = cli_wrong("--top-k: the model is a regression, and tells no classes");
    } else if (failed == IST_OK && (wrong = cli_calibrate_model(&o->calibrate, &o->rows, context, model)) >= 0) {
        status = wrong;
    } else if (failed == IST_OK &&
               (data = cli_dataset_open(context, o->data, NULL, &o->rows, CLI_ROWS_ALONE, config.features, &status))) {
        const bool best = o->top_k > 0 && o->top_k <= IST_TOP_MOST && cli_ranks(model, data);
        failed = best ? write_best(o, model, data, &status) : write_all(o, model, data, config.classes, &status);
    }
    if (failed != IST_OK) status = cli_calibrate_failed(context, failed, path);
    ist_dataset_destroy(data);
    ist_model_destroy(model);
    return status;
}

int cmd_predict(int argc, char **argv)
{
    predict_options o = {
        .evaluate = IST_EVALUATE_CONFIG_INIT, .calibrate = cli_calibrate_init, .machine = IST_CONTEXT_CONFIG_INIT};
    const cli_group groups[] = {
        {"options", options, sizeof options / sizeof options[0], &o},
        {"rows of sparse files", cli_rows_options, cli_rows_option_count, &o.rows},
        {"evaluation", cli_evaluate_options, cli_evaluate_option_count, &o.evaluate},
        {"statistics of batch norm", cli_calibrate_options, cli_calibrate_option_count, &o.calibrate},
        {"machine", cli_team_options, cli_team_option_count, &o.machine},
    };
    const cli_verb verb = {.name = "predict",
                           .purpose = "class probabilities, or the most probable classes, or targets, of every row",
                           .operand = "MODEL",
                           .operand_help = "a file written by ist train --model or --checkpoint",
                           .groups = groups,
                           .group_count = sizeof groups / sizeof groups[0]};
    cli_args args;
    int status = cli_parse(&verb, argc, argv, &args);
    if (status >= 0) return status;
    if ((status = cli_output_probe("out", o.out)) >= 0) return status;
    ist_context *context = cli_context_open(&o.machine, &status);
    if (!context) return status;
    status = predict(&o, args.operand, context);
    ist_context_destroy(context);
    return status;
}
