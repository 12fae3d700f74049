/* split.c - some rows of a dataset held out of it: two datasets of their own.
 *
 * Which rows: drawn one after another with the chance that is left, so that every choice of so many rows is as likely as any
 * other, and both parts keep the order of the whole.
 * Floor: data.  Cold.  [any thread, see dataset.h]
 */
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "data/dataset.h"

/* Rows of one part, and what its sparse rows have. */
typedef struct part {
    int64_t rows, nonzeros, label_entries;
    ist_dataset *made;
} part;

static int64_t run_of(const int64_t *begin, int64_t row)
{
    return begin[row + 1] - begin[row];
}

/* is_held[row]: 0 or 1, the part that the row goes to. */
static void draw(const ist_dataset *d, int64_t held, uint64_t seed, unsigned char *is_held, part parts[2])
{
    ist__rng rng = ist__rng_make(seed, IST__FOR_HOLDING_OUT, 0, 0);
    for (int64_t row = 0; row < d->rows; row++) {
        is_held[row] = ist__rng_below(&rng, (uint32_t)(d->rows - row)) < (uint32_t)held;
        held -= is_held[row];
        part *p = &parts[is_held[row]];
        p->rows++;
        if (d->sparse.rows == 0) continue;
        p->nonzeros += run_of(d->sparse.row_begin, row);
        p->label_entries += run_of(d->sparse.label_begin, row);
    }
}

/* ------------------------------------------------------------------------------------------------------- dense -- */

static bool make_dense(const ist_dataset *d, part *p)
{
    ist_dataset *m = p->made;
    const size_t row_bytes = ist__dataset_row_bytes(d);
    m->row_stride_bytes = (int64_t)row_bytes;
    m->x = m->owned_x = ist__alloc_raw(p->rows, row_bytes);
    if (d->targets) m->targets = m->owned_targets = ist__alloc_raw(p->rows * d->target_count, sizeof *d->targets);
    m->target_stride = m->target_count = d->target_count;
    return m->x && !m->targets == !d->targets;
}

static void copy_dense(const ist_dataset *d, int64_t row, ist_dataset *m, int64_t at)
{
    const size_t row_bytes = ist__dataset_row_bytes(d);
    memcpy((char *)m->owned_x + (size_t)at * row_bytes, (const char *)d->x + row * d->row_stride_bytes, row_bytes);
    if (d->targets)
        memcpy((float *)m->owned_targets + at * d->target_count, d->targets + row * d->target_stride,
               (size_t)d->target_count * sizeof *d->targets);
}

/* ------------------------------------------------------------------------------------------------------ sparse -- */

static bool make_sparse(const ist_dataset *d, part *p)
{
    ist__sparse *s = &p->made->sparse;
    *s = (ist__sparse){.features = d->sparse.features, .labels = d->sparse.labels, .text = d->sparse.text};
    s->rows = p->rows;
    s->row_begin = s->owned[0] = ist__alloc(p->rows + 1, sizeof *s->row_begin);
    s->feature = s->owned[1] = ist__alloc_raw(p->nonzeros, sizeof *s->feature);
    s->value = s->owned[2] = ist__alloc_raw(p->nonzeros, sizeof *s->value);
    s->label_begin = s->owned[3] = ist__alloc(p->rows + 1, sizeof *s->label_begin);
    s->label = s->owned[4] = ist__alloc_raw(p->label_entries, sizeof *s->label);
    for (int i = 0; i < IST__SPARSE_ARRAYS; i++)
        if (!s->owned[i]) return false;
    return true;
}

/* The runs of `row` behind those that are there. */
static void copy_sparse(const ist__sparse *from, int64_t row, ist__sparse *to, int64_t at)
{
    const int64_t values = run_of(from->row_begin, row), labels = run_of(from->label_begin, row);
    const int64_t value = from->row_begin[row], label = from->label_begin[row];
    memcpy((int32_t *)to->owned[1] + to->nonzeros, from->feature + value, (size_t)values * sizeof *from->feature);
    memcpy((float *)to->owned[2] + to->nonzeros, from->value + value, (size_t)values * sizeof *from->value);
    memcpy((int32_t *)to->owned[4] + to->label_entries, from->label + label, (size_t)labels * sizeof *from->label);
    ((int64_t *)to->owned[0])[at + 1] = to->nonzeros += values;
    ((int64_t *)to->owned[3])[at + 1] = to->label_entries += labels;
}

/* ------------------------------------------------------------------------------------------------------- parts -- */

static bool make_part(const ist_dataset *d, part *p)
{
    p->made = ist__dataset_new();
    if (!p->made) return false;
    p->made->rows = p->rows;
    p->made->features = d->features;
    p->made->classes = d->classes;
    p->made->type = d->type;
    if (d->labels) {
        p->made->labels = p->made->owned_labels = ist__alloc_raw(p->rows, sizeof *d->labels);
        if (!p->made->labels) return false;
    }
    return d->sparse.rows > 0 ? make_sparse(d, p) : make_dense(d, p);
}

static void fill_parts(const ist_dataset *d, const unsigned char *is_held, part parts[2])
{
    int64_t at[2] = {0, 0};
    for (int64_t row = 0; row < d->rows; row++) {
        const unsigned char to = is_held[row];
        ist_dataset *m = parts[to].made;
        if (d->labels) ((int32_t *)m->owned_labels)[at[to]] = d->labels[row];
        if (d->sparse.rows > 0) copy_sparse(&d->sparse, row, &m->sparse, at[to]++);
        else copy_dense(d, row, m, at[to]++);
    }
}

ist_status ist__dataset_split(const ist_dataset *d, double fraction, uint64_t seed, ist_dataset **rest,
                              ist_dataset **held, ist__error *error)
{
    if (!(fraction > 0 && fraction < 1))
        return ist__fail(error, IST_E_ARGUMENT, "fraction is %g, expected more than 0 and less than 1", fraction);
    if (d->rows < 2) return ist__fail(error, IST_E_SHAPE, "one row cannot be split");
    if (d->rows > UINT32_MAX)
        return ist__fail(error, IST_E_SHAPE, "%lld rows, expected fewer than 2^32", (long long)d->rows);
    int64_t count = (int64_t)(fraction * (double)d->rows + 0.5);
    count = count < 1 ? 1 : count >= d->rows ? d->rows - 1 : count;
    part parts[2] = {{0}, {0}};
    unsigned char *is_held = ist__alloc_raw(d->rows, 1);
    bool whole = is_held != NULL;
    if (whole) draw(d, count, seed, is_held, parts);
    for (int i = 0; i < 2 && whole; i++) whole = make_part(d, &parts[i]);
    if (whole) fill_parts(d, is_held, parts);
    ist__free(is_held);
    if (!whole) {
        for (int i = 0; i < 2; i++) ist__dataset_destroy(parts[i].made);
        return ist__fail(error, IST_E_MEMORY, "out of memory for a copy of %lld rows", (long long)d->rows);
    }
    *rest = parts[0].made;
    *held = parts[1].made;
    return IST_OK;
}
