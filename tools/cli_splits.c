/* cli_splits.c - the rows of a run: those to train on, and the splits that it is judged by. */
#include "cli_splits.h"

#include "cli_context.h"
#include "cli_output.h"

#define AT(field) .offset = offsetof(cli_splits, field)

_Static_assert(CLI_MAX_SPLITS == 2, "valid and test");

const cli_option cli_splits_options[] = {
    {.name = "train",
     .value = "X[:Y]",
     .kind = CLI_CUSTOM,
     AT(train),
     .required = true,
     .parse = cli_data_parse,
     .show = cli_data_show,
     .help =
         "features and labels to train on: .npy, idx (.gz) or .csv; or one file of sparse rows (libsvm, XMC, .isd)"},
    {.name = "valid",
     .value = "X[:Y]",
     .kind = CLI_CUSTOM,
     AT(valid),
     .parse = cli_data_parse,
     .show = cli_data_show,
     .help = "a split to look at during training"},
    {.name = "valid-fraction",
     .value = "F",
     .kind = CLI_REAL,
     AT(valid_fraction),
     .low = 0,
     .high = 0.5,
     .help = "instead of --valid: so many of the training rows, drawn by --seed, are held out of training and are that "
             "split"},
    {.name = "test",
     .value = "X[:Y]",
     .kind = CLI_CUSTOM,
     AT(test),
     .parse = cli_data_parse,
     .show = cli_data_show,
     .help = "the split whose accuracy is the result"},
    {.name = "normalize",
     .value = "none|global|zscore|SHIFT,SCALE",
     .kind = CLI_CUSTOM,
     AT(normalize),
     .parse = cli_normalize_parse,
     .show = cli_normalize_show,
     .help = "inputs are seen as (x - SHIFT) / SCALE; global measures one pair on the training rows, zscore one for "
             "each feature; stored in the model"},
};

const size_t cli_splits_option_count = sizeof cli_splits_options / sizeof cli_splits_options[0];

bool cli_splits_has_valid(const cli_splits *s)
{
    return s->valid.x || s->valid_fraction > 0;
}

int cli_splits_check(const cli_splits *s)
{
    if (s->valid.x && s->valid_fraction > 0) {
        return cli_wrong("--valid and --valid-fraction: one of them says which rows are looked at");
    }
    return -1;
}
/* Some of the training rows become the split "valid". */
static int hold_out(const cli_splits *s, ist_context *context, const cli_split_rows *rows, cli_run *run)
{
    ist_dataset *rest = NULL;
    const ist_status status =
        ist_dataset_split(context, *rows->train, s->valid_fraction, rows->seed, &rest, &rows->split[0]);
    if (status != IST_OK) return cli_library_failed(context, status, CLI_READING);
    ist_dataset_destroy(*rows->train);
    *rows->train = rest;
    run->split[run->split_count++] = (cli_split){.name = "valid", .data = rows->split[0]};
    return -1;
}

/* The file of a split. */
static int open_split(const cli_data *file, const char *name, const cli_rows *how, ist_context *context,
                      const cli_goal *goal, ist_model_config *net, ist_dataset **out, cli_run *run)
{
    int status = CLI_BAD_DATA;
    *out = cli_dataset_open(context, file->x, file->y, how, cli_answers_of(net), net->features, &status);
    if (!*out) return status;
    if (ist_dataset_features(*out) != net->features) {
        cli_error("--%s: %s has %d features a row, the training rows have %d", name, file->x,
                  ist_dataset_features(*out), net->features);
        return CLI_BAD_DATA;
    }
    status = cli_goal_fit(goal, name, file->y, *out, &net->classes);
    if (status >= 0) return status;
    run->split[run->split_count++] = (cli_split){.name = name, .data = *out};
    return -1;
}

int cli_splits_open(const cli_splits *s, ist_context *context, const cli_goal *goal, ist_model_config *net,
                    const cli_split_rows *rows, cli_run *run)
{
    int status = CLI_BAD_DATA;
    *rows->train = cli_dataset_open(context, s->train.x, s->train.y, &s->rows, cli_answers_of(net), 0, &status);
    if (!*rows->train) return status;
    net->features = ist_dataset_features(*rows->train);
    cli_goal_fit(goal, "train", s->train.x, *rows->train, &net->classes);
    if (s->valid_fraction > 0) {
        if ((status = hold_out(s, context, rows, run)) >= 0) return status;
    } else if (s->valid.x) {
        status = open_split(&s->valid, "valid", &s->rows, context, goal, net, &rows->split[0], run);
        if (status >= 0) return status;
    }
    if (s->test.x) {
        status = open_split(&s->test, "test", &s->rows, context, goal, net, &rows->split[1], run);
        if (status >= 0) return status;
    }
    return cli_goal_learnable(goal, s->train.y ? s->train.y : s->train.x, net->classes);
}

int cli_splits_settle(cli_splits *s, const cli_args *args, const ist_dataset *train, ist_model_config *net)
{
    ist_dataset_info info = {.struct_size = sizeof info};
    ist_dataset_describe(train, &info);
    if (info.sparse && s->normalize.mode != IST_NORMALIZE_NONE) {
        if (cli_was_given(args, "normalize"))
            return cli_wrong("--normalize: sparse rows are taken as they are, see --log1p and --row-length");
        s->normalize.mode = IST_NORMALIZE_NONE;
    }
    if (info.lists && net->output_norm != IST_NORM_NONE) {
        if (cli_was_given(args, "output-norm"))
            return cli_wrong("--output-norm: rows with lists of labels need an output without norm");
        net->output_norm = IST_NORM_NONE;
    }
    return -1;
}
