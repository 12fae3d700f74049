/* label_batch.c - collects and sorts the labels of a batch.  Floor: train.  Warm: once a step, by one thread. */
#include "train/label_batch.h"

#include <string.h>

int64_t ist__label_room(const ist__extent *data, int64_t ld)
{
    return data->batch_labels > ld ? data->batch_labels : ld;
}

/* Stable, so columns, which ascend at first, go on to ascend where labels are the same. */
static void sort(const ist__label_batch *b)
{
    enum { BITS = 8, BINS = 1 << BITS };
    const int64_t count = *b->count;
    ist__target *from = b->target, *to = b->spare;
    uint32_t most = 0;
    for (int64_t i = 0; i < count; i++)
        if ((uint32_t)from[i].label > most) most = (uint32_t)from[i].label;
    for (int32_t shift = 0; shift < 32 && most >> shift > 0; shift += BITS) {
        int64_t begin[BINS + 1] = {0};
        for (int64_t i = 0; i < count; i++) begin[1 + ((uint32_t)from[i].label >> shift) % BINS]++;
        for (int32_t k = 0; k < BINS; k++) begin[k + 1] += begin[k];
        for (int64_t i = 0; i < count; i++) to[begin[((uint32_t)from[i].label >> shift) % BINS]++] = from[i];
        ist__target *const sorted = to;
        to = from;
        from = sorted;
    }
    if (from != b->target) memcpy(b->target, from, (size_t)count * sizeof *from);
}

void ist__label_batch_make(const ist__label_batch *out, const ist__rows *rows, const uint32_t *index, int32_t batch,
                           int64_t ld, bool whole)
{
    const bool lists = ist__rows_have_lists(rows);
    int64_t count = 0;
    for (int32_t c = 0; c < batch; c++) {
        const int64_t row = rows->list ? rows->list[index[c]] : index[c];
        const int32_t *label = lists ? rows->sparse->label + rows->sparse->label_begin[row] : rows->labels + row;
        const int64_t labels = lists ? rows->sparse->label_begin[row + 1] - rows->sparse->label_begin[row] : 1;
        const float share = whole ? 1.0F : 1.0F / (float)labels;
        for (int64_t i = 0; i < labels; i++) out->target[count++] = (ist__target){label[i], c, share};
        out->weight[c] = labels > 0 ? 1 : 0;
    }
    for (int64_t c = batch; c < ld; c++) out->weight[c] = 0;
    *out->count = count;
    sort(out);
}

int64_t ist__label_batch_find(const ist__label_batch *labels, int32_t label)
{
    int64_t first = 0, last = *labels->count;
    while (first < last) {
        const int64_t middle = (first + last) / 2;
        if (labels->target[middle].label < label) first = middle + 1;
        else last = middle;
    }
    return first;
}
