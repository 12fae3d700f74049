/* use.c - who trains on a dataset, and rows that take the place of others.
 *
 * A training whose rows change must be alone with them: others would read rows while they are written, and their results would
 * depend on when.  So trainings are counted, and one that is alone may close the door behind itself.
 *
 * Floor: data.  Cold, but for ist__dataset_put: a row.  Thread safety: as dataset.h tells.
 */
#include <string.h>

#include "base/mem.h"
#include "data/dataset.h"

enum { HELD = 1 << 30 }; /* added to the count of 1 */

typedef struct counted { /* so that both go with one ist__free */
    ist_dataset dataset;
    atomic_int users;
} counted;

ist_dataset *ist__dataset_new(void)
{
    counted *made = ist__alloc(1, sizeof *made);
    if (!made) return NULL;
    atomic_init(&made->users, 0);
    made->dataset.users = &made->users;
    return &made->dataset;
}

ist_status ist__dataset_use(const ist_dataset *d, ist__error *error)
{
    int users = atomic_load(d->users);
    do {
        if (users & HELD)
            return ist__fail(error, IST_E_ARGUMENT,
                             "the dataset is fed by another trainer: until that is destroyed nobody else trains on it");
    } while (!atomic_compare_exchange_weak(d->users, &users, users + 1));
    return IST_OK;
}

void ist__dataset_leave(const ist_dataset *d)
{
    if (atomic_load(d->users) & HELD) atomic_store(d->users, 0); /* who holds it is alone */
    else atomic_fetch_sub(d->users, 1);
}

ist_status ist__dataset_hold(const ist_dataset *d, ist__error *error)
{
    int users = 1;
    if (atomic_compare_exchange_strong(d->users, &users, HELD | 1)) return IST_OK;
    return ist__fail(error, IST_E_ARGUMENT,
                     "feed: %d trainers share the dataset, and rows of one would be all the others'", users);
}

bool ist__dataset_owns(const ist_dataset *d)
{
    const bool answers = d->labels ? d->labels == d->owned_labels : d->targets && d->targets == d->owned_targets;
    return d->x && d->x == d->owned_x && answers;
}

size_t ist__dataset_row_bytes(const ist_dataset *d)
{
    return (size_t)d->features * ist__type_bytes(d->type);
}

size_t ist__dataset_answer_bytes(const ist_dataset *d)
{
    return d->labels ? sizeof *d->labels : (size_t)d->target_count * sizeof *d->targets;
}

void ist__dataset_put(const ist_dataset *d, int64_t row, const void *x, const void *answer)
{
    memcpy((char *)d->owned_x + row * d->row_stride_bytes, x, ist__dataset_row_bytes(d));
    if (d->labels) memcpy((int32_t *)d->owned_labels + row, answer, sizeof *d->labels);
    else memcpy((float *)d->owned_targets + row * d->target_stride, answer, ist__dataset_answer_bytes(d));
}
