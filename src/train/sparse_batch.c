/* sparse_batch.c - copies sparse rows into a batch, and sorts it by feature.
 *
 * Where a sample's copy begins is told by the lengths of those before it, so every thread adds them up for itself: two
 * numbers a row, and no barrier.  The sort goes by digits of the feature's number, lowest first; it is stable, so samples
 * stay ascending within a feature.
 *
 * Floor: train.  Hot: once a step.
 */
#include "train/sparse_batch.h"

#include <string.h>

#include "base/share.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

size_t ist__sparse_batch_take(ist__sparse_batch *b, ist__region *region, const ist__extent *data, int64_t ld)
{
    size_t total = 0;
    if (!data->sparse) return 0;
    const int64_t room = data->batch_nonzeros;
#define BUFFER(pointer, count)                                      \
  do {                                                              \
    const size_t bytes = (size_t)((count) + 1) * sizeof *(pointer); \
    total += ist__region_size(bytes);                               \
    if (region) (pointer) = ist__region_take(region, bytes);        \
  } while (0)
    for (int i = 0; i < 2; i++) {
        BUFFER(b->samples[i].first, ld);
        BUFFER(b->samples[i].count, ld);
        BUFFER(b->samples[i].feature, room);
        BUFFER(b->samples[i].value, room);
        BUFFER(b->sorted[i], room);
    }
    BUFFER(b->features.count, 1);
    BUFFER(b->features.feature, room);
    BUFFER(b->features.begin, room);
    BUFFER(b->features.column, room);
    BUFFER(b->features.value, room);
#undef BUFFER
    return total;
}

/* ------------------------------------------------------------------------------------------------- by sample -- */

static int64_t row_of(const ist__rows *rows, uint32_t index)
{
    return rows->list ? rows->list[index] : index;
}

void ist__sparse_batch_load(const ist__sparse_batch *b, int32_t parity, const ist__rows *rows, const uint32_t *index,
                            int32_t count, int32_t *labels, const ist__dropout *drops, ist__draw_place place,
                            const ist__worker *worker)
{
    const ist__sparse *s = rows->sparse;
    int64_t at = 0, mine, end;
    ist__share(count, worker->rank, worker->size, &mine, &end);
    for (int64_t c = 0; c < mine; c++) {
        const int64_t row = row_of(rows, index[c]);
        at += s->row_begin[row + 1] - s->row_begin[row];
    }
    for (int64_t c = mine; c < end; c++) {
        const int64_t row = row_of(rows, index[c]), from = s->row_begin[row], entries = s->row_begin[row + 1] - from;
        int32_t *feature = b->samples[parity].feature + at;
        float *value = b->samples[parity].value + at;
        if (entries > 0) memcpy(feature, s->feature + from, (size_t)entries * sizeof *feature);
        if (entries > 0) memcpy(value, s->value + from, (size_t)entries * sizeof *value);
        b->samples[parity].first[c] = at;
        b->samples[parity].count[c] = (int32_t)entries;
        if (labels && rows->labels) labels[c] = rows->labels[row];
        ist__dropout_entries(drops, drops->input, place, (int32_t)c, (int32_t)entries, feature, value);
        at += entries;
    }
}

/* ------------------------------------------------------------------------------------------------ by feature -- */

/* By bits shift .. shift + DIGIT_BITS - 1 of the feature. */
static void sort_digit(const ist__sparse_entry *from, ist__sparse_entry *to, int64_t count, int shift)
{
    int32_t begin[DIGITS] = {0};
    int32_t sum = 0;
    for (int64_t i = 0; i < count; i++) begin[from[i].feature >> shift & (DIGITS - 1)]++;
    for (int32_t d = 0; d < DIGITS; d++) {
        const int32_t some = begin[d];
        begin[d] = sum;
        sum += some;
    }
    for (int64_t i = 0; i < count; i++) to[begin[from[i].feature >> shift & (DIGITS - 1)]++] = from[i];
}

void ist__sparse_batch_turn(const ist__sparse_batch *b, int32_t parity, int32_t count, int32_t features)
{
    ist__sparse_entry *now = b->sorted[0], *then = b->sorted[1];
    int64_t entries = 0;
    for (int32_t c = 0; c < count; c++) {
        const int64_t first = b->samples[parity].first[c];
        for (int32_t j = 0; j < b->samples[parity].count[c]; j++, entries++)
            now[entries] =
                (ist__sparse_entry){b->samples[parity].feature[first + j], c, b->samples[parity].value[first + j]};
    }
    for (int shift = 0; shift < 31 && (features - 1) >> shift > 0; shift += DIGIT_BITS) {
        sort_digit(now, then, entries, shift);
        ist__sparse_entry *const sorted = then;
        then = now;
        now = sorted;
    }
    int32_t distinct = 0;
    for (int64_t i = 0; i < entries; i++) {
        if (i == 0 || now[i].feature != now[i - 1].feature) {
            b->features.feature[distinct] = now[i].feature;
            b->features.begin[distinct++] = (int32_t)i;
        }
        b->features.column[i] = now[i].column;
        b->features.value[i] = now[i].value;
    }
    b->features.begin[distinct] = (int32_t)entries;
    *b->features.count = distinct;
}

/* --------------------------------------------------------------------------------------------------- as seen -- */

ist__sparse_columns ist__sparse_batch_columns(const ist__sparse_batch *b, int32_t parity)
{
    return (ist__sparse_columns){b->samples[parity].first, b->samples[parity].count, b->samples[parity].feature,
                                 b->samples[parity].value};
}

ist__sparse_features ist__sparse_batch_features(const ist__sparse_batch *b)
{
    return (ist__sparse_features){*b->features.count, b->features.feature, b->features.begin, b->features.column,
                                  b->features.value};
}
