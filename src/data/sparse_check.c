/* sparse_check.c - are the arrays of sparse rows what they should be?
 *
 * Floor: data.  Warm: once a number of a data file.
 */
#include <stdatomic.h>
#include <string.h>

#include "data/sparse.h"

enum { ROWS_AT_ONCE = 1024 };

typedef struct job {
    const ist__sparse *sparse;
    atomic_int_fast64_t next; /* row that nobody has taken */
    atomic_int_fast64_t bad;  /* the first row that is not well */
} job;

/* May the row's part of `total` entries be read at all? */
static bool well_bounded(const int64_t *begin, int64_t row, int64_t rows, int64_t total)
{
    const int64_t from = begin[row], to = begin[row + 1];
    return from >= 0 && from <= to && to <= total && (row > 0 || from == 0) && (row < rows - 1 || to == total);
}

/* Strictly ascending, from 0 to below limit. */
static bool ascending(const int32_t *number, int64_t count, int32_t limit)
{
    bool well = count == 0 || (number[0] >= 0 && number[count - 1] < limit);
    for (int64_t i = 1; i < count; i++) well &= number[i] > number[i - 1];
    return well;
}

static bool finite(const float *value, int64_t count)
{
    uint32_t wrong = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &value[i], sizeof bits);
        wrong |= (uint32_t)((bits & 0x7f800000U) == 0x7f800000U);
    }
    return wrong == 0;
}

/* What is wrong with a row; NULL: nothing. */
static const char *fault_of(const ist__sparse *s, int64_t row)
{
    if (!well_bounded(s->row_begin, row, s->rows, s->nonzeros)) return "its entries are not in their array";
    if (!well_bounded(s->label_begin, row, s->rows, s->label_entries)) return "its labels are not in their array";
    const int64_t entry = s->row_begin[row], entries = s->row_begin[row + 1] - entry;
    const int64_t label = s->label_begin[row], labels = s->label_begin[row + 1] - label;
    if (!ascending(s->feature + entry, entries, s->features)) return "features that do not ascend, or out of range";
    if (!ascending(s->label + label, labels, s->labels)) return "labels that do not ascend, or out of range";
    if (s->value && !finite(s->value + entry, entries)) return "a value that is not finite";
    return NULL;
}

static void check_rows(void *argument, int32_t rank, int32_t size)
{
    job *j = argument;
    (void)rank;
    (void)size;
    for (int64_t first; (first = atomic_fetch_add(&j->next, ROWS_AT_ONCE)) < j->sparse->rows;) {
        const int64_t last = first + ROWS_AT_ONCE < j->sparse->rows ? first + ROWS_AT_ONCE : j->sparse->rows;
        int64_t row = first;
        while (row < last && !fault_of(j->sparse, row)) row++;
        int_fast64_t bad = atomic_load(&j->bad);
        while (row < last && row < bad && !atomic_compare_exchange_weak(&j->bad, &bad, row)) {}
    }
}

ist_status ist__sparse_check(const ist__sparse *sparse, const ist__hands *hands, const char *who, ist__error *error)
{
    job j = {.sparse = sparse};
    atomic_store(&j.bad, INT64_MAX);
    ist__hands_run(hands, check_rows, &j);
    const int64_t bad = atomic_load(&j.bad);
    if (bad == INT64_MAX) return IST_OK;
    return ist__fail(error, IST_E_FORMAT, "%s: row %lld: %s", who, (long long)bad + 1, fault_of(sparse, bad));
}
