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

#include "base/share.h"

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

/* A row as it lies on both sides; columns NULL: contiguous in the master too. */
typedef struct row_move {
    int64_t master, block; /* offsets in floats */
    int64_t count;
    const int32_t *columns;
} row_move;

static void gather_row(const row_move *row, const float *master, float *block)
{
    const float *from = master + row->master;
    float *to = block + row->block;
    if (!row->columns) memcpy(to, from, (size_t)row->count * sizeof *to);
    else
        for (int64_t j = 0; j < row->count; j++) to[j] = from[row->columns[j]];
}

static void write_back_row(const row_move *row, const float *block, float *master)
{
    const float *from = block + row->block;
    float *to = master + row->master;
    if (!row->columns) memcpy(to, from, (size_t)row->count * sizeof *to);
    else
        for (int64_t j = 0; j < row->count; j++) to[row->columns[j]] = from[j];
}

/* My share of the rows of array `which` of layer l. */
static void move_array(const ist__shape *whole, const ist__deal *deal, int32_t subnet, const ist__shape *part,
                       int32_t l, int32_t which, const float *from, float *to, int32_t rank, int32_t size,
                       void (*move)(const row_move *, const float *, float *))
{
    ist__array of_master, of_block;
    if (!ist__shape_array(whole, l, which, &of_master) || !ist__shape_array(part, l, which, &of_block)) return;
    const rectangle r = find_rectangle(deal, subnet, whole, l, which);
    int64_t first, last;
    ist__share(of_block.rows, rank, size, &first, &last);
    for (int64_t i = first; i < last; i++) {
        const row_move row = {.master = of_master.offset + (r.rows ? r.rows[i] : i) * of_master.columns,
                              .block = of_block.offset + i * of_block.columns,
                              .count = of_block.columns,
                              .columns = r.columns};
        move(&row, from, to);
    }
}

void ist__gather(const ist__shape *whole, const ist__deal *deal, int32_t subnet, const float *master,
                 const ist__shape *part, float *block, int32_t rank, int32_t size)
{
    for (int32_t l = 0; l < whole->layer_count; l++)
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++)
            move_array(whole, deal, subnet, part, l, which, master, block, rank, size, gather_row);
}

void ist__write_back(const ist__shape *whole, const ist__deal *deal, int32_t subnet, float *master,
                     const ist__shape *part, const float *block, int32_t rank, int32_t size)
{
    for (int32_t l = 0; l < whole->layer_count; l++) {
        const bool is_output = whole->layer[l].is_output; /* whose bias all subnets share: its mean is no copy */
        for (int32_t which = 0; which < (is_output ? 1 : IST__ARRAYS_PER_LAYER); which++)
            move_array(whole, deal, subnet, part, l, which, block, master, rank, size, write_back_row);
    }
}
