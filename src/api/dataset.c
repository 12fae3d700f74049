/* dataset.c - public functions of datasets.
 *
 * The threads of a context help to read sparse files: what they do is told by src/data, which knows no threads.
 */
#include "api/handles.h"
#include "base/bounds.h"
#include "base/floats.h"
#include "numa/capacity.h"

typedef struct errand {
    ist__hand work;
    void *argument;
} errand;

static void run_errand(void *argument, ist__worker *worker)
{
    const errand *e = argument;
    e->work(e->argument, worker->thread, worker->threads);
}

/* ist__hands.run by the crew of a context.  A crew that is refused does not help; training will tell why. */
static int32_t help(void *user, ist__hand work, void *argument)
{
    const ist_context *context = user;
    errand e = {.work = work, .argument = argument};
    return context->host.crew && ist__crew_run(context->host.crew, run_errand, &e, NULL) == IST_OK;
}

/* What memory can still give us; 0: not known. */
static int64_t room_bytes(const ist_context *context)
{
    ist__capacity capacity;
    if (ist__capacity_read(&capacity, context->host.machine, "", NULL)) return 0;
    int64_t room = capacity.room;
    if (capacity.cgroup.room >= 0 && (room < 0 || capacity.cgroup.room < room)) room = capacity.cgroup.room;
    ist__capacity_free(&capacity);
    return room > 0 ? room : 0;
}

static ist_status check_config(ist_context *context, const ist_dataset_config *c)
{
    if (ist__bounds_check("ist_dataset_config", c, &context->error)) return IST_E_ARGUMENT;
    if (c->targets && (c->sparse == IST_ROWS_SPARSE || c->need_labels))
        return ist__fail(&context->error, IST_E_ARGUMENT, "targets and %s are 1, but rows have targets or labels",
                         c->sparse == IST_ROWS_SPARSE ? "sparse" : "need_labels");
    return IST_OK;
}

static ist__dataset_ask ask_of(const ist_context *context, const ist_dataset_config *c)
{
    return (ist__dataset_ask){.sparse = {.text = c->text, .index_base = c->index_base, .features = c->features},
                              .scale = {.log1p = c->log1p != 0, .row_length = c->row_length},
                              .keep_sparse = c->sparse,
                              .need_labels = c->need_labels != 0,
                              .targets = c->targets != 0,
                              .dense_limit_bytes = c->dense_limit_bytes,
                              .room_bytes = room_bytes(context)};
}

ist_status ist_dataset_open_as(ist_context *context, ist_dataset **out, const char *x_path, const char *y_path,
                               const ist_dataset_config *config)
{
    IST__OUR_FLOATS;
    if (!context || !out || !x_path) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    ist_dataset_config known = IST_DATASET_CONFIG_INIT;
    ist_status status = IST_OK;
    if (config) status = ist__take_config(context, &known, sizeof known, config, config->struct_size, sizeof known);
    if (!status) status = check_config(context, &known);
    if (status) return status;
    if (known.sparse == IST_ROWS_SPARSE && y_path)
        return ist__refuse(context, IST_E_ARGUMENT, "sparse rows have their labels inside, y_path must be NULL");
    if (known.targets && !y_path)
        return ist__refuse(context, IST_E_ARGUMENT, "targets is 1, but y_path, the file that has them, is NULL");
    const ist__dataset_ask ask = ask_of(context, &known);
    const ist__hands hands = {.run = help, .user = context};
    return ist__dataset_open_as(out, x_path, y_path, &ask, &hands, &context->error);
}

ist_status ist_dataset_open(ist_context *context, ist_dataset **out, const char *x_path, const char *y_path)
{
    return ist_dataset_open_as(context, out, x_path, y_path, NULL);
}

ist_status ist_dataset_save(ist_context *context, const ist_dataset *dataset, const char *path)
{
    IST__OUR_FLOATS;
    if (!context || !dataset || !path) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    if (dataset->sparse.rows == 0)
        return ist__refuse(context, IST_E_ARGUMENT, "the dataset was not opened as sparse rows");
    return ist__sparse_save(&dataset->sparse, path, &context->error);
}

ist_status ist_dataset_describe(const ist_dataset *dataset, ist_dataset_info *out)
{
    if (!dataset || !out || out->struct_size < sizeof *out) return IST_E_ARGUMENT;
    const ist__sparse *s = &dataset->sparse;
    const bool sparse = s->rows > 0;
    *out = (ist_dataset_info){.struct_size = out->struct_size,
                              .rows = dataset->rows,
                              .features = dataset->features,
                              .classes = dataset->classes,
                              .values = sparse ? s->nonzeros : dataset->rows * dataset->features,
                              .labels = sparse            ? s->label_entries
                                        : dataset->labels ? dataset->rows
                                                          : 0,
                              .content_bytes = s->content_bytes,
                              .text = s->text,
                              .sparse = sparse,
                              .targets = dataset->target_count,
                              .lists = sparse && !dataset->labels && s->label_entries > 0};
    return IST_OK;
}

ist_status ist_dataset_wrap(ist_context *context, ist_dataset **out, const void *x, int32_t type, int64_t rows,
                            int32_t features, int64_t row_stride_bytes, const int32_t *labels, int32_t classes)
{
    if (!context || !out || !x) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    return ist__dataset_wrap(out, x, type, rows, features, row_stride_bytes, labels, classes, &context->error);
}

ist_status ist_dataset_from_arrays(ist_context *context, ist_dataset **out, const ist_dataset_arrays *arrays)
{
    IST__OUR_FLOATS;
    if (!context || !out || !arrays) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    ist_dataset_arrays known = IST_DATASET_ARRAYS_INIT;
    const ist_status status =
        ist__take_config(context, &known, sizeof known, arrays, arrays->struct_size, sizeof known);
    return status ? status : ist__dataset_arrays(out, &known, &context->error);
}

/* fill runs in the floating-point environment of its own code. */
typedef struct filling {
    ist_fill_fn fill;
    void *user;
    ist__floats *floats;
} filling;

static int32_t fill_as_theirs(void *user, int64_t first_row, int64_t count, void *x, int32_t *labels, float *y)
{
    const filling *f = user;
    ist__floats_theirs(f->floats);
    const int32_t ended = f->fill(f->user, first_row, count, x, labels, y);
    *f->floats = ist__floats_ours();
    return ended;
}

ist_status ist_dataset_from_rows(ist_context *context, ist_dataset **out, const ist_rows_config *config,
                                 ist_fill_fn fill, void *user)
{
    IST__OUR_FLOATS;
    if (!context || !out || !config || !fill) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    ist_rows_config known = IST_ROWS_CONFIG_INIT;
    const ist_status status =
        ist__take_config(context, &known, sizeof known, config, config->struct_size, sizeof known);
    if (status) return status;
    filling f = {fill, user, &ist__floats_kept};
    return ist__dataset_fill(out, &known, fill_as_theirs, &f, &context->error);
}

ist_status ist_dataset_from_csr(ist_context *context, ist_dataset **out, const ist_csr *csr,
                                const ist_dataset_config *config)
{
    IST__OUR_FLOATS;
    if (!context || !out || !csr) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    ist_csr known = IST_CSR_INIT;
    ist_dataset_config how = IST_DATASET_CONFIG_INIT;
    ist_status status = ist__take_config(context, &known, sizeof known, csr, csr->struct_size, sizeof known);
    if (!status && config)
        status = ist__take_config(context, &how, sizeof how, config, config->struct_size, sizeof how);
    if (!status) status = check_config(context, &how);
    if (status) return status;
    if (how.targets) return ist__refuse(context, IST_E_ARGUMENT, "targets is 1, but sparse rows have labels");
    const ist__dataset_ask ask = ask_of(context, &how);
    const ist__hands hands = {.run = help, .user = context};
    return ist__dataset_csr(out, &known, &ask, &hands, &context->error);
}

ist_status ist_dataset_split(ist_context *context, const ist_dataset *dataset, double fraction, uint64_t seed,
                             ist_dataset **rest, ist_dataset **held)
{
    IST__OUR_FLOATS;
    if (!context || !dataset || !rest || !held) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    return ist__dataset_split(dataset, fraction, seed, rest, held, &context->error);
}

void ist_dataset_destroy(ist_dataset *dataset)
{
    ist__dataset_destroy(dataset);
}

int64_t ist_dataset_rows(const ist_dataset *dataset)
{
    return dataset ? dataset->rows : 0;
}

int32_t ist_dataset_features(const ist_dataset *dataset)
{
    return dataset ? dataset->features : 0;
}

int32_t ist_dataset_classes(const ist_dataset *dataset)
{
    return dataset ? dataset->classes : 0;
}
