/* csr.c - a dataset from sparse rows in the caller's memory.  Floor: data.  Cold. */
#include <string.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "data/loaders.h"

#define MOST_ENTRIES (INT64_MAX / 8)

/* What can be said without reading rows. */
static ist_status check_head(const ist_csr *c, ist__error *error)
{
    if (c->rows < 1 || c->rows > IST__MAX_ROWS)
        return ist__fail(error, IST_E_ARGUMENT, "csr: %lld rows, but 1 .. %lld can be used", (long long)c->rows,
                         (long long)IST__MAX_ROWS);
    if (c->features < 1) return ist__fail(error, IST_E_ARGUMENT, "csr: %d features, expected 1 or more", c->features);
    if (!c->row_begin) return ist__fail(error, IST_E_ARGUMENT, "csr: row_begin is NULL");
    const int64_t entries = c->row_begin[c->rows];
    if (entries < 0 || entries > MOST_ENTRIES || (entries > 0 && !c->feature))
        return ist__fail(error, IST_E_ARGUMENT, "csr: row_begin tells %lld entries%s", (long long)entries,
                         c->feature ? "" : ", but feature is NULL");
    if (c->labels < 0 || (c->labels > 0) != (c->label || c->label_begin))
        return ist__fail(error, IST_E_ARGUMENT, "csr: labels is %d, but %s", c->labels,
                         c->label || c->label_begin ? "expected 1 or more" : "there are none");
    const int64_t labels = c->label_begin ? c->label_begin[c->rows] : 0;
    if (labels < 0 || labels > MOST_ENTRIES || (labels > 0 && !c->label))
        return ist__fail(error, IST_E_ARGUMENT, "csr: label_begin tells %lld labels%s", (long long)labels,
                         c->label ? "" : ", but label is NULL");
    return IST_OK;
}

/* The caller's arrays, and where each row's labels begin if the caller does not say: one a row, or none.  For destroy. */
static ist_status lay_over(ist__sparse *s, const ist_csr *c, int32_t features, ist__error *error)
{
    *s = (ist__sparse){.rows = c->rows,
                       .features = features,
                       .labels = c->labels,
                       .nonzeros = c->row_begin[c->rows],
                       .row_begin = c->row_begin,
                       .feature = c->feature,
                       .value = c->value,
                       .label_begin = c->label_begin,
                       .label = c->label};
    if (!c->label_begin) {
        int64_t *begin = ist__alloc(c->rows + 1, sizeof *begin);
        if (!begin) return ist__fail(error, IST_E_MEMORY, "out of memory for labels");
        for (int64_t row = 0; c->label && row <= c->rows; row++) begin[row] = row;
        s->label_begin = s->owned[0] = begin;
    }
    s->label_entries = s->label_begin[c->rows];
    return IST_OK;
}

static void *copy(const void *from, int64_t count, size_t size)
{
    void *to = ist__alloc_raw(count, size);
    if (to && count > 0) memcpy(to, from, (size_t)count * size);
    return to;
}

/* Everything in memory of its own. */
static ist_status copy_rows(ist__sparse *to, const ist__sparse *s, ist__error *error)
{
    float *value = ist__alloc_raw(s->nonzeros, sizeof *value);
    for (int64_t i = 0; value && i < s->nonzeros; i++) value[i] = s->value ? s->value[i] : 1;
    *to = *s;
    to->row_begin = to->owned[0] = copy(s->row_begin, s->rows + 1, sizeof *s->row_begin);
    to->feature = to->owned[1] = copy(s->feature, s->nonzeros, sizeof *s->feature);
    to->value = to->owned[2] = value;
    to->label_begin = to->owned[3] = copy(s->label_begin, s->rows + 1, sizeof *s->label_begin);
    to->label = to->owned[4] = copy(s->label, s->label_entries, sizeof *s->label);
    for (int i = 0; i < IST__SPARSE_ARRAYS; i++)
        if (!to->owned[i]) return ist__fail(error, IST_E_MEMORY, "out of memory for %lld rows", (long long)s->rows);
    return IST_OK;
}

/* Dense rows of values that are not to be changed where they are. */
static ist_status make_scaled(ist_dataset *d, const ist__sparse *s, const ist__dataset_ask *ask,
                              const ist__hands *hands, ist__error *error)
{
    ist__sparse copied = {.rows = 0};
    ist_status status = copy_rows(&copied, s, error);
    if (!status) status = ist__sparse_rescale(&copied, &ask->scale, "csr", hands, error);
    if (!status) status = ist__dataset_of_sparse(d, &copied, "csr", ask, hands, error);
    ist__sparse_destroy(&copied);
    return status;
}

static ist_status make(ist_dataset *d, const ist__sparse *s, const ist__dataset_ask *ask, const ist__hands *hands,
                       ist__error *error)
{
    ist__error found = {.status = IST_OK};
    if (ist__sparse_check(s, hands, "csr", &found)) return ist__fail(error, IST_E_ARGUMENT, "%s", found.text);
    const bool scaled = ask->scale.log1p || ask->scale.row_length != 0;
    const bool sparse = ask->keep_sparse == IST_ROWS_SPARSE ||
                        (ask->keep_sparse == IST_ROWS_AUTO && !ist__dataset_can_be_dense(s, ask));
    if (!sparse && !scaled) return ist__dataset_of_sparse(d, s, "csr", ask, hands, error);
    if (!sparse) return make_scaled(d, s, ask, hands, error);
    d->rows = s->rows;
    d->features = s->features;
    d->classes = s->labels;
    d->type = IST_FLOAT32;
    ist_status status = copy_rows(&d->sparse, s, error);
    if (!status) status = ist__sparse_rescale(&d->sparse, &ask->scale, "csr", hands, error);
    if (!status && ask->need_labels && s->label_entries == 0)
        status = ist__fail(error, IST_E_SHAPE, "csr: no row has a label");
    if (!status) d->labels = ist__sparse_classes(&d->sparse);
    return status;
}

ist_status ist__dataset_csr(ist_dataset **out, const ist_csr *csr, const ist__dataset_ask *ask, const ist__hands *hands,
                            ist__error *error)
{
    ist_status status = check_head(csr, error);
    if (!status && ask->sparse.features > 0 && ask->sparse.features < csr->features)
        status = ist__fail(error, IST_E_ARGUMENT, "csr: %d features, but config->features is %d", csr->features,
                           ask->sparse.features);
    if (status) return status;
    ist__sparse sparse = {.rows = 0};
    ist_dataset *d = ist__dataset_new();
    if (!d) return ist__fail(error, IST_E_MEMORY, "out of memory");
    status = lay_over(&sparse, csr, ask->sparse.features > 0 ? ask->sparse.features : csr->features, error);
    if (!status) status = make(d, &sparse, ask, hands, error);
    ist__sparse_destroy(&sparse);
    if (status) ist__dataset_destroy(d);
    else *out = d;
    return status;
}
