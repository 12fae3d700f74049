/* cmd_generate.c - ist generate: synthetic sparse rows with very many labels, as a data file or XMC text.
 *
 * Text is written row by row; the rows of a data file stand in memory, once here and once in the library, before it is written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_commands.h"
#include "cli_context.h"
#include "cli_json.h"
#include "cli_number.h"
#include "cli_output.h"
#include "cli_synthetic.h"
#include "cli_table.h"

enum { MOST_AT_ONCE = 10000, ROWS_A_PROGRESS = 1 << 14 };
static const char word_of_names[] = "synthetic";

typedef struct generate_options {
    cli_synthetic_shape shape;
    int64_t rows, first_row;
    ist_context_config machine;
    bool json;
} generate_options;

#define AT(field) .offset = offsetof(generate_options, field)

static const cli_option options[] = {
    {.name = "rows", .value = "N", .kind = CLI_INT64, AT(rows), .low = 1, .high = UINT32_MAX - 1, .help = "rows"},
    {.name = "features",
     .value = "N",
     .kind = CLI_INT32,
     AT(shape.features),
     .low = 1,
     .high = INT32_MAX,
     .help = "features"},
    {.name = "labels",
     .value = "N",
     .kind = CLI_INT32,
     AT(shape.labels),
     .low = 1,
     .high = INT32_MAX,
     .help = "labels"},
    {.name = "values-per-row",
     .value = "F",
     .kind = CLI_REAL,
     AT(shape.values_a_row),
     .low = 1,
     .high = MOST_AT_ONCE,
     .help = "features of a row that are not 0, on average; a row has from half to one and a half times as many"},
    {.name = "labels-per-row",
     .value = "F",
     .kind = CLI_REAL,
     AT(shape.labels_a_row),
     .low = 1,
     .high = MOST_AT_ONCE,
     .help = "labels of a row, likewise"},
    {.name = "feature-zipf",
     .value = "F",
     .kind = CLI_REAL,
     AT(shape.feature_zipf),
     .low = 0,
     .high = 4,
     .help = "the r-th most frequent feature is drawn with a probability like r^-F"},
    {.name = "label-zipf",
     .value = "F",
     .kind = CLI_REAL,
     AT(shape.label_zipf),
     .low = 0,
     .high = 4,
     .help = "likewise for labels"},
    {.name = "signal",
     .value = "F",
     .kind = CLI_REAL,
     AT(shape.signal),
     .low = 0,
     .high = 1,
     .help = "share of a row's values that are words of its labels: each label has 16 features of its own choice"},
    {.name = "first-row",
     .value = "I",
     .kind = CLI_INT64,
     AT(first_row),
     .low = 0,
     .high = 1e15,
     .help = "begin with that row of the endless data set: rows behind those of a training file test what was learned"},
    {.name = "seed", .value = "S", .kind = CLI_UINT64, AT(shape.seed), .help = "which data set"},
    {.name = "json", .kind = CLI_FLAG, AT(json), .help = "one JSON object on standard output"},
};

/* What was done. */
typedef struct outcome {
    const char *out, *format;
    int64_t values, labels;
    double bytes, seconds;
} outcome;

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static void show_progress(int64_t row, int64_t rows)
{
    char a[CLI_NUMBER_BYTES], b[CLI_NUMBER_BYTES];
    if (row % ROWS_A_PROGRESS == 0)
        cli_progress_show(false, "synthetic rows: %s of %s", cli_show_count(a, row), cli_show_count(b, rows));
}

/* ------------------------------------------------------------------------------------------------------ text -- */

typedef struct text_job {
    const cli_synthetic *made;
    const generate_options *o;
    outcome *r;
    int32_t *feature, *label;
    float *value;
    char *line; /* room for the longest row */
} text_job;

enum { ID_BYTES = 11, VALUE_BYTES = 10 }; /* ",2147483647", " " and ":0.015625" */

static char *put_number(char *at, uint32_t number)
{
    char digits[ID_BYTES];
    int32_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (count) *at++ = digits[--count];
    return at;
}

/* A whole number of 64ths, without the zeros at its end: 1 or 0.5 or 0.015625. */
static char *put_value(char *at, float value)
{
    uint32_t millionths = (uint32_t)(value * CLI_SYNTHETIC_STEPS) * (1000000 / CLI_SYNTHETIC_STEPS);
    *at++ = (char)('0' + millionths / 1000000);
    millionths %= 1000000;
    if (millionths) *at++ = '.';
    for (uint32_t unit = 100000; millionths; unit /= 10) {
        *at++ = (char)('0' + millionths / unit);
        millionths %= unit;
    }
    return at;
}

static bool write_text(FILE *file, void *user)
{
    text_job *const job = user;
    const generate_options *const o = job->o;
    if (fprintf(file, "%lld %d %d\n", (long long)o->rows, o->shape.features, o->shape.labels) < 0) return false;
    for (int64_t row = 0; row < o->rows; row++) {
        int32_t values, labels;
        cli_synthetic_count(job->made, o->first_row + row, &values, &labels);
        cli_synthetic_row(job->made, o->first_row + row, job->feature, job->value, job->label);
        char *at = job->line;
        for (int32_t i = 0; i < labels; i++) {
            if (i) *at++ = ',';
            at = put_number(at, (uint32_t)job->label[i]);
        }
        for (int32_t i = 0; i < values; i++) {
            *at++ = ' ';
            at = put_number(at, (uint32_t)job->feature[i]);
            *at++ = ':';
            at = put_value(at, job->value[i]);
        }
        *at++ = '\n';
        const size_t length = (size_t)(at - job->line);
        if (fwrite(job->line, 1, length, file) != length) return false;
        job->r->values += values;
        job->r->labels += labels;
        show_progress(row, o->rows);
    }
    return true;
}

static int no_memory(void)
{
    cli_error("%s", ist_strerror(IST_E_MEMORY));
    return CLI_FAILED;
}

static int make_text(const cli_synthetic *made, const generate_options *o, outcome *r)
{
    const size_t values = (size_t)made->most_values, labels = (size_t)made->most_labels;
    text_job job = {.made = made,
                    .o = o,
                    .r = r,
                    .feature = malloc(values * sizeof *job.feature),
                    .label = malloc(labels * sizeof *job.label),
                    .value = malloc(values * sizeof *job.value),
                    .line = malloc(values * (ID_BYTES + VALUE_BYTES) + labels * ID_BYTES + 1)};
    int status = CLI_FAILED;
    if (!job.feature || !job.label || !job.value || !job.line) status = no_memory();
    else if (cli_file_write(r->out, write_text, &job)) status = CLI_DONE;
    free(job.feature);
    free(job.label);
    free(job.value);
    free(job.line);
    return status;
}

/* ------------------------------------------------------------------------------------------------- data file -- */

/* The rows as the arrays of CSR.  False: no memory; what there is is freed by the caller either way. */
typedef struct csr_arrays {
    int64_t *row_begin, *label_begin;
    int32_t *feature, *label;
    float *value;
} csr_arrays;

static bool fill_csr(const cli_synthetic *made, const generate_options *o, csr_arrays *a)
{
    const size_t ends = (size_t)o->rows + 1;
    a->row_begin = malloc(ends * sizeof *a->row_begin);
    a->label_begin = malloc(ends * sizeof *a->label_begin);
    if (!a->row_begin || !a->label_begin) return false;
    a->row_begin[0] = a->label_begin[0] = 0;
    for (int64_t row = 0; row < o->rows; row++) {
        int32_t values, labels;
        cli_synthetic_count(made, o->first_row + row, &values, &labels);
        a->row_begin[row + 1] = a->row_begin[row] + values;
        a->label_begin[row + 1] = a->label_begin[row] + labels;
    }
    a->feature = malloc((size_t)a->row_begin[o->rows] * sizeof *a->feature);
    a->value = malloc((size_t)a->row_begin[o->rows] * sizeof *a->value);
    a->label = malloc((size_t)a->label_begin[o->rows] * sizeof *a->label);
    if (!a->feature || !a->value || !a->label) return false;
    for (int64_t row = 0; row < o->rows; row++) {
        const int64_t at = a->row_begin[row];
        cli_synthetic_row(made, o->first_row + row, a->feature + at, a->value + at, a->label + a->label_begin[row]);
        show_progress(row, o->rows);
    }
    return true;
}

static void free_csr(csr_arrays *a)
{
    free(a->row_begin);
    free(a->label_begin);
    free(a->feature);
    free(a->label);
    free(a->value);
    *a = (csr_arrays){0};
}

static int save(ist_context *context, const generate_options *o, const csr_arrays *a, outcome *r, ist_dataset **data)
{
    ist_csr csr = IST_CSR_INIT;
    csr.rows = o->rows;
    csr.features = o->shape.features;
    csr.labels = o->shape.labels;
    csr.row_begin = a->row_begin;
    csr.feature = a->feature;
    csr.value = a->value;
    csr.label_begin = a->label_begin;
    csr.label = a->label;
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    config.sparse = 1;
    r->values = a->row_begin[o->rows];
    r->labels = a->label_begin[o->rows];
    const ist_status status = ist_dataset_from_csr(context, data, &csr, &config);
    return status == IST_OK ? CLI_DONE : cli_library_failed(context, status, CLI_WRITING);
}

static int make_data_file(const cli_synthetic *made, const generate_options *o, outcome *r)
{
    int status = CLI_DONE;
    ist_context *context = cli_context_open(&o->machine, &status);
    if (!context) return status;
    csr_arrays arrays = {0};
    ist_dataset *data = NULL;
    status = fill_csr(made, o, &arrays) ? save(context, o, &arrays, r, &data) : no_memory();
    free_csr(&arrays); /* the dataset has its own */
    if (data) {
        const ist_status saved = ist_dataset_save(context, data, r->out);
        if (saved != IST_OK) status = cli_library_failed(context, saved, CLI_WRITING);
    }
    ist_dataset_destroy(data);
    ist_context_destroy(context);
    return status;
}

/* ------------------------------------------------------------------------------------------------- the verb -- */

static bool print_json(const generate_options *o, const outcome *r)
{
    json_t *object = json_pack("{s:s, s:s, s:b, s:I, s:I, s:i, s:i, s:I, s:I, s:o, s:o, s:I, s:I, s:o}", "out", r->out,
                               "format", r->format, "synthetic", 1, "first_row", (json_int_t)o->first_row, "rows",
                               (json_int_t)o->rows, "features", o->shape.features, "labels", o->shape.labels, "values",
                               (json_int_t)r->values, "labels_of_rows", (json_int_t)r->labels, "values_a_row",
                               cli_json_real((double)r->values / (double)o->rows), "labels_a_row",
                               cli_json_real((double)r->labels / (double)o->rows), "seed", (json_int_t)o->shape.seed,
                               "out_bytes", (json_int_t)r->bytes, "seconds", cli_json_real(r->seconds));
    const bool well = cli_json_print(object);
    json_decref(object);
    return well;
}

static bool print_table(const generate_options *o, const outcome *r)
{
    char a[CLI_NUMBER_BYTES], b[CLI_NUMBER_BYTES];
    cli_table table;
    cli_table_begin(&table, "ll");
    cli_table_cell(&table, "synthetic");
    cli_table_cell(&table,
                   "made up from seed %llu: good for speed and memory, no evidence of what nets learn from real data",
                   (unsigned long long)o->shape.seed);
    cli_table_cell(&table, "rows");
    cli_table_cell(&table, "%s, from row %s", cli_show_count(a, o->rows), cli_show_count(b, o->first_row));
    cli_table_cell(&table, "features");
    cli_table_cell(&table, "%s, %s values, %.1f a row", cli_show_count(a, o->shape.features),
                   cli_show_count(b, r->values), (double)r->values / (double)o->rows);
    cli_table_cell(&table, "labels");
    cli_table_cell(&table, "%s, %s of all rows, %.2f a row", cli_show_count(a, o->shape.labels),
                   cli_show_count(b, r->labels), (double)r->labels / (double)o->rows);
    cli_table_cell(&table, "written");
    cli_table_cell(&table, "%s, %s, %s, %.1f s", r->out, r->format, cli_show_bytes(a, r->bytes), r->seconds);
    cli_table_end(&table, 0);
    return cli_stdout_is_well();
}

/* What no single bound can tell.  -1: all is well. */
static int check(const generate_options *o, const char *out)
{
    const char *const slash = strrchr(out, '/'), *const name = slash ? slash + 1 : out;
    if (ends_with(name, ".gz")) return cli_wrong("OUT: %s: packed files are not written; gzip does it", out);
    if (strncmp(out, "/dev/", 5) != 0 && !strstr(name, word_of_names))
        return cli_wrong("OUT: %s: its name must have the word %s, so that no result passes for one of real data", out,
                         word_of_names);
    if (o->shape.values_a_row > o->shape.features)
        return cli_wrong("values-per-row: a row of %d features cannot have %g", o->shape.features,
                         o->shape.values_a_row);
    if (o->shape.labels_a_row > o->shape.labels)
        return cli_wrong("labels-per-row: of %d labels a row cannot have %g", o->shape.labels, o->shape.labels_a_row);
    return -1;
}

static int generate(const generate_options *o, outcome *r)
{
    const double begin = cli_wall_s();
    cli_synthetic made;
    if (!cli_synthetic_make(&made, &o->shape)) return no_memory();
    const bool text = !ends_with(r->out, ".isd");
    r->format = text ? "xmc" : "data file";
    const int status = text ? make_text(&made, o, r) : make_data_file(&made, o, r);
    cli_synthetic_free(&made);
    cli_progress_clear();
    r->seconds = cli_wall_s() - begin;
    r->bytes = cli_file_bytes(r->out);
    return status;
}

int cmd_generate(int argc, char **argv)
{
    /* The size of Amazon-670k, as the paper has it. */
    generate_options o = {.shape = {.features = 135909,
                                    .labels = 670091,
                                    .values_a_row = 76,
                                    .labels_a_row = 5.45,
                                    .feature_zipf = 1,
                                    .label_zipf = 0.8,
                                    .signal = 0.6,
                                    .seed = 1},
                          .rows = 490449,
                          .machine = IST_CONTEXT_CONFIG_INIT};
    const cli_group groups[] = {
        {"options", options, sizeof options / sizeof options[0], &o},
        {"machine", cli_team_options, cli_team_option_count, &o.machine},
    };
    const cli_verb verb = {.name = "generate",
                           .purpose = "synthetic sparse rows with very many labels, seeded; sized as Amazon-670k",
                           .operand = "OUT",
                           .operand_help = "the file to write, synthetic in its name; .isd: a data file, else text",
                           .groups = groups,
                           .group_count = sizeof groups / sizeof groups[0]};
    cli_args args;
    int status = cli_parse(&verb, argc, argv, &args);
    if (status >= 0) return status;
    status = check(&o, args.operand);
    if (status < 0) status = cli_output_probe("OUT", args.operand);
    if (status >= 0) return status;
    cli_output_survive();
    outcome result = {.out = args.operand};
    status = generate(&o, &result);
    if (status != CLI_DONE) return status;
    return (o.json ? print_json(&o, &result) : print_table(&o, &result)) ? CLI_DONE : CLI_FAILED;
}
