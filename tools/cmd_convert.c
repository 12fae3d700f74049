/* cmd_convert.c - ist convert: sparse text into a data file, or a look at what a file has. */
#include <stdio.h>

#include "cli_commands.h"
#include "cli_context.h"
#include "cli_json.h"
#include "cli_number.h"
#include "cli_output.h"
#include "cli_table.h"

typedef struct convert_options {
    ist_dataset_config data;
    cli_rows rows;
    ist_context_config machine;
    bool json;
} convert_options;

static const cli_choice text_words[] = {
    {"auto", IST_TEXT_AUTO}, {"xmc", IST_TEXT_XMC}, {"libsvm", IST_TEXT_LIBSVM}, {NULL, 0}};

#define AT(field) .offset = offsetof(convert_options, field)

static const cli_option options[] = {
    {.name = "text",
     .kind = CLI_CHOICE,
     AT(data.text),
     .choices = text_words,
     .help = "what IN is; auto: by its first line"},
    {.name = "index-base",
     .value = "0|1",
     .kind = CLI_INT32,
     AT(data.index_base),
     .low = 0,
     .high = 1,
     .help = "the number of the first feature of libsvm text"},
    {.name = "features",
     .value = "N|auto",
     .kind = CLI_INT32,
     AT(data.features),
     .low = 1,
     .high = INT32_MAX,
     .word = "auto",
     .help = "features of a row, a file with more is refused; auto: as many as IN has"},
    {.name = "json", .kind = CLI_FLAG, AT(json), .help = "one JSON object on standard output"},
};

/* What was done. */
typedef struct outcome {
    const char *in, *out; /* out NULL: nothing was written */
    ist_dataset_info info;
    double in_bytes, out_bytes, read_s, write_s;
} outcome;

static double rate(double bytes, double seconds)
{
    return seconds > 0 ? bytes / seconds / 1e6 : 0;
}

static const char *kind_of(const ist_dataset_info *info)
{
    return info->text == IST_TEXT_AUTO ? "data file" : cli_choice_word(text_words, info->text);
}

static bool print_json(const outcome *r)
{
    const ist_dataset_info *i = &r->info;
    const double rows = (double)i->rows;
    json_t *object =
        json_pack("{s:s, s:o, s:s, s:I, s:i, s:i, s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:o}", "in", r->in, "out",
                  r->out ? json_string(r->out) : json_null(), "format", kind_of(i), "rows", (json_int_t)i->rows,
                  "features", i->features, "classes", i->classes, "values", (json_int_t)i->values, "labels",
                  (json_int_t)i->labels, "values_a_row", cli_json_real((double)i->values / rows), "labels_a_row",
                  cli_json_real((double)i->labels / rows), "in_bytes", (json_int_t)r->in_bytes, "content_bytes",
                  (json_int_t)i->content_bytes, "read_s", cli_json_real(r->read_s), "read_mb_per_s",
                  cli_json_real(rate((double)i->content_bytes, r->read_s)));
    if (r->out) {
        json_object_set_new(object, "out_bytes", json_integer((json_int_t)r->out_bytes));
        json_object_set_new(object, "write_s", cli_json_real(r->write_s));
        json_object_set_new(object, "write_mb_per_s", cli_json_real(rate(r->out_bytes, r->write_s)));
    }
    const bool well = cli_json_print(object);
    json_decref(object);
    return well;
}

static bool print_table(const outcome *r)
{
    const ist_dataset_info *i = &r->info;
    const double rows = (double)i->rows;
    char a[CLI_NUMBER_BYTES], b[CLI_NUMBER_BYTES];
    cli_table table;
    cli_table_begin(&table, "ll");
    cli_table_cell(&table, "rows");
    cli_table_cell(&table, "%s", cli_show_count(a, i->rows));
    cli_table_cell(&table, "features");
    cli_table_cell(&table, "%s, %s values, %.1f a row", cli_show_count(a, i->features), cli_show_count(b, i->values),
                   (double)i->values / rows);
    cli_table_cell(&table, "classes");
    cli_table_cell(&table, "%s, %s labels, %.2f a row", cli_show_count(a, i->classes), cli_show_count(b, i->labels),
                   (double)i->labels / rows);
    cli_table_cell(&table, "read");
    cli_table_cell(&table, "%s, %s of %s, %.2f s, %.0f MB/s", r->in, cli_show_bytes(a, (double)i->content_bytes),
                   kind_of(i), r->read_s, rate((double)i->content_bytes, r->read_s));
    if (r->out) {
        cli_table_cell(&table, "written");
        cli_table_cell(&table, "%s, %s, %.2f s, %.0f MB/s", r->out, cli_show_bytes(a, r->out_bytes), r->write_s,
                       rate(r->out_bytes, r->write_s));
    }
    cli_table_end(&table, 0);
    return cli_stdout_is_well();
}

static int convert(ist_context *context, const convert_options *o, outcome *r)
{
    ist_dataset *data = NULL;
    const double begin = cli_wall_s();
    ist_status status = ist_dataset_open_as(context, &data, r->in, NULL, &o->data);
    if (status != IST_OK) return cli_library_failed(context, status, CLI_READING);
    r->read_s = cli_wall_s() - begin;
    r->in_bytes = cli_file_bytes(r->in);
    r->info.struct_size = sizeof r->info;
    ist_dataset_describe(data, &r->info);
    if (r->out) {
        const double written = cli_wall_s();
        status = ist_dataset_save(context, data, r->out);
        r->write_s = cli_wall_s() - written;
        r->out_bytes = cli_file_bytes(r->out);
    }
    ist_dataset_destroy(data);
    if (status != IST_OK) return cli_library_failed(context, status, CLI_WRITING);
    return (o->json ? print_json(r) : print_table(r)) ? CLI_DONE : CLI_FAILED;
}

int cmd_convert(int argc, char **argv)
{
    convert_options o = {.data = IST_DATASET_CONFIG_INIT, .machine = IST_CONTEXT_CONFIG_INIT};
    o.rows.sparse = true;
    const cli_group groups[] = {
        {"options", options, sizeof options / sizeof options[0], &o},
        {"values", cli_rows_options, cli_rows_option_count - 1, &o.rows},
        {"machine", cli_team_options, cli_team_option_count, &o.machine},
    };
    const cli_verb verb = {.name = "convert",
                           .purpose = "sparse text into a data file that opens at once; or what is in it",
                           .operand = "IN",
                           .operand_help = "XMC repository or libsvm text (.gz), or a data file",
                           .second = "OUT.isd",
                           .second_help = "the data file to write; without it IN is read, checked and told of",
                           .groups = groups,
                           .group_count = sizeof groups / sizeof groups[0]};
    cli_args args;
    int status = cli_parse(&verb, argc, argv, &args);
    if (status >= 0) return status;
    if (args.second && cli_same_file(args.operand, args.second))
        return cli_wrong("OUT.isd: %s is IN itself", args.second);
    ist_context *context = cli_context_open(&o.machine, &status);
    if (!context) return status;
    cli_rows_tell(&o.rows, &o.data);
    outcome result = {.in = args.operand, .out = args.second};
    status = convert(context, &o, &result);
    ist_context_destroy(context);
    return status;
}
