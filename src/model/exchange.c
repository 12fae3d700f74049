/* exchange.c - gather and write back: the only traffic between subnets.
 *
 * Rows of the master are whole cache lines of one neuron, so a row is the unit of work; index lists ascend, so that
 * both sides walk forward in memory (2.5 times faster than permuted order).  First and last layer move whole rows;
 * a hidden-to-hidden row picks the columns of the subnet.
 *
 * Floor: model.  Hot once a round.  [any thread on its own share]
 */
#include "model/exchange.h"

#include <string.h>

/* The rows (and columns) of the master that array `which` of layer l touches for a subnet; NULL: all of them. */
typedef struct rectangle {
    const int32_t *rows, *columns;
} rectangle;

static rectangle find_rectangle(const ist__deal *deal, int32_t subnet, const ist__shape *whole, int32_t l,
                                int32_t which)
{
    rectangle r = {NULL, NULL};
    const bool is_output = whole->layer[l].is_output;
    if (!is_output) ist__deal_group(deal, l, subnet, &r.rows); /* my output neurons, of weight, gain and offset */
    if (which == 0 && l > 0) ist__deal_group(deal, l - 1, subnet, is_output ? &r.rows : &r.columns);
    return r;
}

/* Which rows of `rows` worker `rank` moves. */
static void share_rows(int64_t rows, int32_t rank, int32_t size, int64_t *first, int64_t *last)
{
    *first = rows * rank / size;
    *last = rows * (rank + 1) / size;
}

void ist__gather(const ist__shape *whole, const ist__deal *deal, int32_t subnet, const float *master,
                 const ist__shape *part, float *block, int32_t rank, int32_t size)
{
    for (int32_t l = 0; l < whole->layer_count; l++)
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
            ist__array from, to;
            if (!ist__shape_array(whole, l, which, &from) || !ist__shape_array(part, l, which, &to)) continue;
            const rectangle r = find_rectangle(deal, subnet, whole, l, which);
            int64_t first, last;
            share_rows(to.rows, rank, size, &first, &last);
            for (int64_t i = first; i < last; i++) {
                const float *source = master + from.offset + (r.rows ? r.rows[i] : i) * from.columns;
                float *target = block + to.offset + i * to.columns;
                if (!r.columns) memcpy(target, source, (size_t)to.columns * sizeof *target);
                else
                    for (int64_t j = 0; j < to.columns; j++) target[j] = source[r.columns[j]];
            }
        }
}

void ist__write_back(const ist__shape *whole, const ist__deal *deal, int32_t subnet, float *master,
                     const ist__shape *part, const float *block, int32_t rank, int32_t size)
{
    for (int32_t l = 0; l < whole->layer_count; l++)
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
            if (whole->layer[l].is_output && which > 0) continue; /* the shared output bias */
            ist__array from, to;
            if (!ist__shape_array(part, l, which, &from) || !ist__shape_array(whole, l, which, &to)) continue;
            const rectangle r = find_rectangle(deal, subnet, whole, l, which);
            int64_t first, last;
            share_rows(from.rows, rank, size, &first, &last);
            for (int64_t i = first; i < last; i++) {
                const float *source = block + from.offset + i * from.columns;
                float *target = master + to.offset + (r.rows ? r.rows[i] : i) * to.columns;
                if (!r.columns) memcpy(target, source, (size_t)from.columns * sizeof *target);
                else
                    for (int64_t j = 0; j < from.columns; j++) target[r.columns[j]] = source[j];
            }
        }
}
