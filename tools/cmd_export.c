/* cmd_export.c - ist export: a model for other programs; ist import: one of theirs for us. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>

#include "cli_calibrate.h"
#include "cli_commands.h"
#include "cli_context.h"
#include "cli_json.h"
#include "cli_net.h"
#include "cli_number.h"
#include "cli_output.h"
#include "cli_shares.h"
#include "cli_table.h"

typedef struct export_options {
    const char *out;
    bool fold, json;
    ist_export_config file;
    ist_subnet_config deal;
    cli_shares shares;
    cli_calibrate calibrate;
    cli_rows rows;
    ist_context_config machine;
} export_options;

static const cli_choice format_words[] = {{"auto", IST_FILE_AUTO},
                                          {"safetensors", IST_FILE_SAFETENSORS},
                                          {"npz", IST_FILE_NPZ},
                                          {"onnx", IST_FILE_ONNX},
                                          {NULL, 0}};
static const cli_choice answer_words[] = {
    {"probabilities", IST_ANSWER_PROBABILITIES}, {"logits", IST_ANSWER_LOGITS}, {NULL, 0}};
enum { WHOLE_NET = -1, NO_ROUND = -1 };

#define AT(field) .offset = offsetof(export_options, field)

static const cli_option export_table[] = {
    {.name = "out", .value = "FILE", .kind = CLI_TEXT, AT(out), .required = true, .help = "the file to write"},
    {.name = "format",
     .kind = CLI_CHOICE,
     AT(file.format),
     .choices = format_words,
     .help = "of FILE; auto: by the end of its name, .safetensors, .npz or .onnx"},
    {.name = "fold-bn",
     .kind = CLI_FLAG,
     AT(fold),
     .help = "batch norm and all scales become part of weights and biases: each layer is W x + b"},
    {.name = "answer",
     .kind = CLI_CHOICE,
     AT(file.answer),
     .choices = answer_words,
     .help = "what an ONNX graph ends with"},
    {.name = "json", .kind = CLI_FLAG, AT(json), .help = "one JSON object on standard output"},
};

static const cli_option subnet_table[] = {
    {.name = "subnet",
     .value = "K|none",
     .kind = CLI_INT32,
     AT(deal.subnet),
     .low = 0,
     .high = (1 << 24) - 1,
     .word = "none",
     .word_value = WHOLE_NET,
     .help = "only the narrow net of the hidden neurons that subnet K has in the deal of --round; none: the whole net"},
    {.name = "round",
     .value = "R|none",
     .kind = CLI_INT64,
     AT(deal.round),
     .low = 0,
     .high = INT32_MAX,
     .word = "none",
     .word_value = NO_ROUND,
     .help = "rounds of subnets before that deal: the last one of a run of N rounds is N - 1"},
    {.name = "seed", .value = "S", .kind = CLI_UINT64, AT(deal.seed), .help = "the seed of ist train"},
    {.name = "subnets",
     .value = "N|auto",
     .kind = CLI_INT32,
     AT(deal.subnets),
     .low = 1,
     .high = 1 << 24,
     .word = "auto",
     .help = "of that deal; auto: what the model was made for"},
    {.name = "shares",
     .value = "F[,F..]|even",
     .kind = CLI_CUSTOM,
     AT(shares),
     .parse = cli_shares_parse,
     .show = cli_shares_show,
     .help = "the --shares of ist train"},
};

/* What was done. */
typedef struct outcome {
    const char *in, *out, *format; /* of what is not ours */
    bool fold;
    ist_model_config net;
    int64_t parameters;
    double out_bytes, seconds;
} outcome;

static void describe(outcome *r, const ist_model *model)
{
    r->net = (ist_model_config)IST_MODEL_CONFIG_INIT;
    ist_model_describe(model, &r->net);
    r->parameters = ist_model_parameter_count(model);
}

static bool print_json(const outcome *r)
{
    json_t *hidden = json_array();
    for (int32_t h = 0; h < r->net.hidden_count; h++) json_array_append_new(hidden, json_integer(r->net.hidden[h]));
    json_t *object = json_pack("{s:s, s:s, s:s, s:b, s:i, s:o, s:i, s:I, s:I, s:o}", "in", r->in, "out", r->out,
                               "format", r->format, "fold_bn", r->fold, "features", r->net.features, "hidden", hidden,
                               "classes", r->net.classes, "parameters", (json_int_t)r->parameters, "out_bytes",
                               (json_int_t)r->out_bytes, "seconds", cli_json_real(r->seconds));
    json_object_set_new(object, "activation", json_string(cli_choice_word(cli_activation_words, r->net.activation)));
    const bool well = cli_json_print(object);
    json_decref(object);
    return well;
}

static bool print_table(const outcome *r)
{
    char widths[12 * (IST_MAX_HIDDEN + 2)], a[CLI_NUMBER_BYTES];
    size_t n = (size_t)snprintf(widths, sizeof widths, "%d", r->net.features);
    for (int32_t h = 0; h < r->net.hidden_count; h++)
        n += (size_t)snprintf(widths + n, sizeof widths - n, "-%d", r->net.hidden[h]);
    snprintf(widths + n, sizeof widths - n, "-%d", r->net.classes);
    cli_table table;
    cli_table_begin(&table, "ll");
    cli_table_cell(&table, "net");
    cli_table_cell(&table, "%s%s, %s parameters%s", widths, cli_activation_text(&r->net),
                   cli_show_count(a, r->parameters), r->fold ? ", norms and scales in weights and biases" : "");
    cli_table_cell(&table, "written");
    cli_table_cell(&table, "%s, %s, %s, %.2f s", r->out, r->format, cli_show_bytes(a, r->out_bytes), r->seconds);
    cli_table_end(&table, 0);
    return cli_stdout_is_well();
}

static int tell(outcome *r, bool json)
{
    r->out_bytes = cli_file_bytes(r->out);
    return (json ? print_json(r) : print_table(r)) ? CLI_DONE : CLI_FAILED;
}

/* The word of the format, and the number of it when the name of the file says which. */
static const char *format_of(export_options *o)
{
    const char *end = strrchr(o->out, '.');
    for (const cli_choice *c = format_words; c->word && o->file.format == IST_FILE_AUTO && end; c++)
        if (strcmp(end + 1, c->word) == 0) o->file.format = c->value;
    return cli_choice_word(format_words, o->file.format);
}

/* ------------------------------------------------------------------------------------------------------ export -- */

/* Take the subnet's net in the place of the whole one. */
static ist_status narrow(const export_options *o, ist_model **model)
{
    if (o->deal.subnet == WHOLE_NET) return IST_OK;
    ist_model *subnet = NULL;
    ist_subnet_config deal = o->deal;
    if (o->shares.count > 0) deal.shares = o->shares.share;
    const ist_status status = ist_model_subnet(*model, &subnet, &deal);
    if (status) return status;
    ist_model_destroy(*model);
    *model = subnet;
    return IST_OK;
}

/* The library refused to export: the statistics of batch norm, most often. */
static int refused(const export_options *o, const ist_context *context, const char *path)
{
    if (o->deal.subnet == WHOLE_NET || !strstr(ist_context_error(context), "no statistics"))
        return cli_calibrate_failed(context, IST_E_ARGUMENT, path);
    return cli_wrong(
        "--subnet: a narrow net has statistics of its own for batch norm: measure them with --calibrate X, "
        "the features that the net was trained on");
}

static int write_model(const export_options *o, ist_context *context, outcome *r)
{
    ist_model *model = NULL;
    const double begin = cli_wall_s();
    ist_status failed = ist_model_load(context, &model, r->in);
    if (failed == IST_OK) failed = narrow(o, &model);
    int status = failed == IST_OK ? cli_calibrate_model(&o->calibrate, &o->rows, context, model)
                                  : cli_library_failed(context, failed, CLI_READING);
    if (status < 0) {
        failed = ist_model_export(model, r->out, &o->file);
        r->seconds = cli_wall_s() - begin;
        describe(r, model);
        if (failed == IST_OK) status = tell(r, o->json);
        else if (failed == IST_E_ARGUMENT) status = refused(o, context, r->in);
        else status = cli_library_failed(context, failed, CLI_WRITING);
    }
    ist_model_destroy(model);
    return status;
}

/* -1, or an exit status after a line. */
static int check(export_options *o, const char *in)
{
    if (o->shares.count > 0) {
        if (o->deal.subnets == 0) o->deal.subnets = o->shares.count;
        if (o->deal.subnets != o->shares.count)
            return cli_wrong("--shares: %d shares for %d subnets", o->shares.count, o->deal.subnets);
    }
    if (o->deal.subnet != WHOLE_NET && o->deal.round == NO_ROUND)
        return cli_wrong("--subnet: its neurons are those of a round: say --round, too");
    if (cli_same_file(in, o->out)) return cli_wrong("--out: %s is MODEL itself", o->out);
    return cli_output_probe("out", o->out);
}

int cmd_export(int argc, char **argv)
{
    static export_options o = {
        .file = IST_EXPORT_CONFIG_INIT, .deal = IST_SUBNET_CONFIG_INIT, .machine = IST_CONTEXT_CONFIG_INIT};
    o.deal.subnet = WHOLE_NET;
    o.deal.round = NO_ROUND;
    o.calibrate = cli_calibrate_init;
    const cli_group groups[] = {
        {"options", export_table, sizeof export_table / sizeof export_table[0], &o},
        {"one subnet alone", subnet_table, sizeof subnet_table / sizeof subnet_table[0], &o},
        {"statistics of batch norm", cli_calibrate_options, cli_calibrate_option_count, &o.calibrate},
        {"rows of sparse files", cli_rows_options, cli_rows_option_count, &o.rows},
        {"machine", cli_team_options, cli_team_option_count, &o.machine},
    };
    const cli_verb verb = {.name = "export",
                           .purpose = "a model for other programs: safetensors, NPZ, ONNX",
                           .operand = "MODEL",
                           .operand_help = "a file written by ist train --model or --checkpoint",
                           .groups = groups,
                           .group_count = sizeof groups / sizeof groups[0]};
    cli_args args;
    int status = cli_parse(&verb, argc, argv, &args);
    if (status >= 0 || (status = check(&o, args.operand)) >= 0) return status;
    o.file.fold = o.fold;
    outcome result = {.in = args.operand, .out = o.out, .format = format_of(&o), .fold = o.fold};
    ist_context *context = cli_context_open(&o.machine, &status);
    if (!context) return status;
    status = write_model(&o, context, &result);
    ist_context_destroy(context);
    return status;
}

/* ------------------------------------------------------------------------------------------------------ import -- */

typedef struct import_options {
    const char *out;
    bool json;
    ist_context_config machine;
} import_options;

static const cli_option import_table[] = {
    {.name = "out",
     .value = "MODEL.ist",
     .kind = CLI_TEXT,
     .offset = offsetof(import_options, out),
     .required = true,
     .help = "the model file to write"},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(import_options, json),
     .help = "one JSON object on standard output"},
};

static int read_model(const import_options *o, ist_context *context, outcome *r)
{
    ist_model *model = NULL;
    const double begin = cli_wall_s();
    ist_status status = ist_model_import(context, &model, r->in);
    if (status != IST_OK) return cli_library_failed(context, status, CLI_READING);
    status = ist_model_save(model, r->out);
    r->seconds = cli_wall_s() - begin;
    describe(r, model);
    const int told = status == IST_OK ? tell(r, o->json) : cli_library_failed(context, status, CLI_WRITING);
    ist_model_destroy(model);
    return told;
}

int cmd_import(int argc, char **argv)
{
    import_options o = {.machine = IST_CONTEXT_CONFIG_INIT};
    const cli_group groups[] = {
        {"options", import_table, sizeof import_table / sizeof import_table[0], &o},
        {"machine", cli_team_options, cli_team_option_count, &o.machine},
    };
    const cli_verb verb = {.name = "import",
                           .purpose = "a model file from safetensors or NPZ with the names of ist export",
                           .operand = "FILE",
                           .operand_help = "safetensors or NPZ, recognised by its content",
                           .groups = groups,
                           .group_count = sizeof groups / sizeof groups[0]};
    cli_args args;
    int status = cli_parse(&verb, argc, argv, &args);
    if (status >= 0) return status;
    if (cli_same_file(args.operand, o.out)) return cli_wrong("--out: %s is FILE itself", o.out);
    if ((status = cli_output_probe("out", o.out)) >= 0) return status;
    outcome result = {.in = args.operand, .out = o.out, .format = "model file"};
    ist_context *context = cli_context_open(&o.machine, &status);
    if (!context) return status;
    status = read_model(&o, context, &result);
    ist_context_destroy(context);
    return status;
}
