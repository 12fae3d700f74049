/* cmd_eval.c - ist eval: accuracy and loss of a model on a data set with labels. */
#include <stdio.h>

#include "cli_calibrate.h"
#include "cli_commands.h"
#include "cli_net.h"
#include "cli_number.h"
#include "cli_summary.h"
#include "cli_table.h"

typedef struct eval_options {
    cli_data data;
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
    {.name = "json", .kind = CLI_FLAG, AT(json), .help = "one JSON object on standard output"},
};

static bool print_result(const eval_options *o, const char *path, const ist_model *model, const ist_evaluation *e)
{
    char text[512], a[CLI_NUMBER_BYTES], b[CLI_NUMBER_BYTES];
    const double gflops = e->seconds > 0 ? e->flops / e->seconds / 1e9 : 0;
    cli_describe_model(model, text, sizeof text);
    if (o->json) {
        ist_model_config net = IST_MODEL_CONFIG_INIT;
        ist_model_describe(model, &net);
        json_t *object = json_pack(
            "{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "model", path, "net", text, "split", "data",
            "statistics", cli_choice_word(cli_statistics_words, o->evaluate.statistics), "rows", (json_int_t)e->rows,
            "correct", (json_int_t)e->correct, "accuracy", cli_json_real(e->accuracy), "loss", cli_json_real(e->loss),
            "seconds", cli_json_real(e->seconds), "gflops", cli_json_real(gflops), "flops", cli_json_real(e->flops));
        json_object_set_new(object, "output_scale", cli_json_real(net.output_scale));
        json_object_set_new(object, "activation", json_string(cli_choice_word(cli_activation_words, net.activation)));
        const bool well = cli_json_print(object);
        json_decref(object);
        return well;
    }
    cli_table table;
    cli_table_begin(&table, "ll");
    cli_table_cell(&table, "accuracy");
    cli_table_cell(&table, "%.4f  (%s of %s right)", e->accuracy, cli_show_count(a, e->correct),
                   cli_show_count(b, e->rows));
    cli_table_cell(&table, "loss");
    cli_table_cell(&table, "%.4f", e->loss);
    cli_table_cell(&table, "net");
    cli_table_cell(&table, "%s", text);
    cli_table_cell(&table, "time");
    cli_table_cell(&table, "%.3f s, %.1f GFLOP/s", e->seconds, gflops);
    cli_table_end(&table, 0);
    return cli_stdout_is_well();
}

int cmd_eval(int argc, char **argv)
{
    eval_options o = {
        .evaluate = IST_EVALUATE_CONFIG_INIT, .calibrate = cli_calibrate_init, .machine = IST_CONTEXT_CONFIG_INIT};
    const cli_group groups[] = {
        {"options", options, sizeof options / sizeof options[0], &o},
        {"evaluation", cli_evaluate_options, cli_evaluate_option_count, &o.evaluate},
        {"statistics of batch norm", cli_calibrate_options, cli_calibrate_option_count, &o.calibrate},
        {"machine", cli_team_options, cli_team_option_count, &o.machine},
    };
    const cli_verb verb = {.name = "eval",
                           .purpose = "accuracy and loss of a model on a data set",
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
    ist_evaluation result = IST_EVALUATION_INIT;
    ist_dataset *data = NULL;
    ist_status failed = ist_model_load(context, &model, args.operand);
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    if (failed == IST_OK) failed = ist_model_describe(model, &net);
    int wrong = failed == IST_OK ? cli_calibrate_model(&o.calibrate, context, model) : -1;
    if (wrong >= 0) {
        status = wrong;
    } else if (failed == IST_OK &&
               (data = cli_dataset_open(context, o.data.x, o.data.y, true, net.features, &status))) {
        failed = ist_model_evaluate(model, data, &o.evaluate, &result);
        if (failed == IST_OK) status = print_result(&o, args.operand, model, &result) ? CLI_DONE : CLI_FAILED;
    }
    if (failed != IST_OK) status = cli_calibrate_failed(context, failed, args.operand);
    ist_dataset_destroy(data);
    ist_model_destroy(model);
    ist_context_destroy(context);
    return status;
}
