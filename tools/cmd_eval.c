/* cmd_eval.c - ist eval: accuracy and loss of a model on a data set with labels, and how well it ranks them. */
#include <stdio.h>

#include "cli_calibrate.h"
#include "cli_commands.h"
#include "cli_goal.h"
#include "cli_net.h"
#include "cli_number.h"
#include "cli_rank.h"
#include "cli_summary.h"
#include "cli_table.h"

typedef struct eval_options {
    cli_data data, propensity;
    cli_rows rows;
    ist_evaluate_config evaluate;
    cli_calibrate calibrate;
    ist_context_config machine;
    bool json;
} eval_options;

#define AT(field) .offset = offsetof(eval_options, field)

static const cli_option options[] = {
    {.name = "data",
     .value = "X[:Y]",
     .kind = CLI_CUSTOM,
     AT(data),
     .required = true,
     .parse = cli_data_parse,
     .show = cli_data_show,
     .help = "features and labels: .npy, idx (.gz) or .csv; or one file of sparse rows (libsvm, XMC, .isd)"},
    {.name = "propensity",
     .value = "X[:Y]",
     .kind = CLI_CUSTOM,
     AT(propensity),
     .parse = cli_data_parse,
     .show = cli_data_show,
     .help = "the training data, whose labels tell how likely each is to be missing: also propensity-scored precision"},
    {.name = "json", .kind = CLI_FLAG, AT(json), .help = "one JSON object on standard output"},
};

static bool print_result(const eval_options *o, const char *path, const ist_model *model, const ist_evaluation *e,
                         const ist_ranking *ranking)
{
    char text[512], words[64], a[CLI_NUMBER_BYTES], b[CLI_NUMBER_BYTES];
    const double gflops = e->seconds > 0 ? e->flops / e->seconds / 1e9 : 0;
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    ist_model_describe(model, &net);
    const bool regresses = net.loss == IST_LOSS_MSE || net.loss == IST_LOSS_HUBER;
    cli_describe_model(model, text, sizeof text);
    if (o->json) {
        json_t *object =
            json_pack("{s:s, s:s, s:s, s:s, s:I}", "model", path, "net", text, "split", "data", "statistics",
                      cli_choice_word(cli_statistics_words, o->evaluate.statistics), "rows", (json_int_t)e->rows);
        if (regresses) json_object_set_new(object, "mae", cli_json_real(e->mae));
        else json_object_set_new(object, "correct", json_integer(e->correct));
        cli_goal_add(object, regresses, e);
        cli_rank_add(object, ranking, o->propensity.x != NULL);
        json_object_set_new(object, "loss", cli_json_real(e->loss));
        json_object_set_new(object, "seconds", cli_json_real(e->seconds));
        json_object_set_new(object, "gflops", cli_json_real(gflops));
        json_object_set_new(object, "flops", cli_json_real(e->flops));
        json_object_set_new(object, "output_scale", cli_json_real(net.output_scale));
        json_object_set_new(object, "activation", json_string(cli_choice_word(cli_activation_words, net.activation)));
        const bool well = cli_json_print(object);
        json_decref(object);
        return well;
    }
    cli_table table;
    cli_table_begin(&table, "ll");
    cli_table_cell(&table, regresses ? "error" : "accuracy");
    if (regresses) {
        cli_table_cell(&table, "%s  (mean size %.6g, %s rows)", cli_goal_words(true, e, words, sizeof words), e->mae,
                       cli_show_count(a, e->rows));
    } else {
        cli_table_cell(&table, "%.4f  (%s of %s right)", e->accuracy, cli_show_count(a, e->correct),
                       cli_show_count(b, e->rows));
    }
    cli_rank_rows(&table, "", ranking, o->propensity.x != NULL);
    cli_table_cell(&table, "loss");
    cli_table_cell(&table, "%.4f", e->loss);
    cli_table_cell(&table, "net");
    cli_table_cell(&table, "%s", text);
    cli_table_cell(&table, "time");
    cli_table_cell(&table, "%.3f s, %.1f GFLOP/s", e->seconds, gflops);
    cli_table_end(&table, 0);
    return cli_stdout_is_well();
}

/* An exit status; *failed is the library's, which is still to be told. */
static int evaluate(const eval_options *o, const char *path, ist_context *context, ist_model *model, ist_status *failed)
{
    int status = CLI_FAILED;
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    ist_evaluation result;
    ist_ranking ranking;
    ist_dataset *data = NULL, *trained = NULL;
    *failed = ist_model_describe(model, &net);
    if (*failed != IST_OK) return status;
    const int wrong = cli_calibrate_model(&o->calibrate, &o->rows, context, model);
    if (wrong >= 0) return wrong;
    const int32_t answers = cli_answers_of(&net);
    if (o->propensity.x && answers != CLI_LABELS)
        return cli_wrong("--propensity: the model is a regression, and ranks no labels");
    bool opened =
        (data = cli_dataset_open(context, o->data.x, o->data.y, &o->rows, answers, net.features, &status)) != NULL;
    if (opened && o->propensity.x)
        opened = (trained = cli_dataset_open(context, o->propensity.x, o->propensity.y, &o->rows, answers, net.features,
                                             &status)) != NULL;
    if (opened) {
        *failed = cli_rank(model, data, trained, &o->evaluate, &result, &ranking);
        if (*failed == IST_OK) status = print_result(o, path, model, &result, &ranking) ? CLI_DONE : CLI_FAILED;
    }
    ist_dataset_destroy(trained);
    ist_dataset_destroy(data);
    return status;
}

int cmd_eval(int argc, char **argv)
{
    eval_options o = {
        .evaluate = IST_EVALUATE_CONFIG_INIT, .calibrate = cli_calibrate_init, .machine = IST_CONTEXT_CONFIG_INIT};
    const cli_group groups[] = {
        {"options", options, sizeof options / sizeof options[0], &o},
        {"rows of sparse files", cli_rows_options, cli_rows_option_count, &o.rows},
        {"evaluation", cli_evaluate_options, cli_evaluate_option_count, &o.evaluate},
        {"statistics of batch norm", cli_calibrate_options, cli_calibrate_option_count, &o.calibrate},
        {"machine", cli_team_options, cli_team_option_count, &o.machine},
    };
    const cli_verb verb = {.name = "eval",
                           .purpose = "accuracy, or errors of a regression, and loss of a model on a data set",
                           .operand = "MODEL",
                           .operand_help = "a file written by ist train --model or --checkpoint",
                           .groups = groups,
                           .group_count = sizeof groups / sizeof groups[0]};
    cli_args args;
    int status = cli_parse(&verb, argc, argv, &args);
    if (status >= 0) return status;
    ist_context *context = cli_context_open(&o.machine, &status);
    if (!context) return status;

    ist_model *model = NULL;
    ist_status failed = ist_model_load(context, &model, args.operand);
    if (failed == IST_OK) status = evaluate(&o, args.operand, context, model, &failed);
    if (failed != IST_OK) status = cli_calibrate_failed(context, failed, args.operand);
    ist_model_destroy(model);
    ist_context_destroy(context);
    return status;
}
