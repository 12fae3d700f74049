/* traffic.c - counts what an exchange moves, and what of it crosses nodes.
 *
 * A row of the master lies in one stripe but for the few that a stripe ends in, so a round is counted by rows, not by
 * numbers: microseconds.  Floor: model.  Cold: once a round, by one thread.
 */
#include "model/traffic.h"

/* The stripe of the float at `at`. */
static int32_t stripe_of(const ist__stripe_homes *homes, int64_t at)
{
    int32_t low = 0, high = homes->count - 1;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (homes->last[middle] > at) high = middle;
        else low = middle + 1;
    }
    return low;
}

/* Of floats [first, last), those that are not on `node`. */
static int64_t foreign_run(const ist__stripe_homes *homes, int32_t node, int64_t first, int64_t last)
{
    int64_t foreign = 0;
    for (int32_t k = stripe_of(homes, first); first < last; k++) {
        const int64_t end = homes->last[k] < last ? homes->last[k] : last;
        if (homes->home[k] != node) foreign += end - first;
        first = end;
    }
    return foreign;
}

/* Of the floats at row + columns[..], `count` of them in a row of `width`, those that are not on `node`. */
static int64_t foreign_columns(const ist__stripe_homes *homes, int32_t node, int64_t row, int64_t width,
                               const int32_t *columns, int64_t count)
{
    const int32_t stripe = stripe_of(homes, row);
    if (homes->last[stripe] >= row + width) return homes->home[stripe] == node ? 0 : count;
    int64_t foreign = 0;
    for (int64_t j = 0; j < count; j++) foreign += homes->home[stripe_of(homes, row + columns[j])] != node;
    return foreign;
}

static void count_array(const ist__array *array, const int32_t *rows, int64_t row_count, const int32_t *columns,
                        int64_t column_count, const ist__stripe_homes *homes, int32_t node, ist__traffic *sum)
{
    sum->moved += row_count * column_count;
    if (!rows && !columns) {
        sum->crossed += foreign_run(homes, node, array->offset, array->offset + row_count * column_count);
        return;
    }
    for (int64_t i = 0; i < row_count; i++) {
        const int64_t row = array->offset + (rows ? rows[i] : i) * array->columns;
        sum->crossed += columns ? foreign_columns(homes, node, row, array->columns, columns, column_count)
                                : foreign_run(homes, node, row, row + array->columns);
    }
}

ist__traffic ist__traffic_count(const ist__shape *whole, const ist__deal *deal, int32_t subnet,
                                const ist__stripe_homes *homes, int32_t node)
{
    ist__traffic sum = {0, 0};
    for (int32_t l = 0; l < whole->layer_count; l++) {
        const ist__layer *layer = &whole->layer[l];
        const int32_t *inputs = NULL, *outputs = NULL;
        const int64_t from = l > 0 ? ist__deal_group(deal, l - 1, subnet, &inputs) : layer->inputs;
        const int64_t to = layer->is_output ? layer->outputs : ist__deal_group(deal, l, subnet, &outputs);
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
            ist__array array;
            if (!ist__shape_array(whole, l, which, &array)) continue;
            if (which > 0) count_array(&array, outputs, to, NULL, 1, homes, node, &sum);
            else if (layer->is_output) count_array(&array, inputs, from, outputs, to, homes, node, &sum);
            else count_array(&array, outputs, to, inputs, from, homes, node, &sum);
        }
    }
    return sum;
}

double ist__traffic_expected(const ist__shape *whole, const ist__shape *part, const ist__stripe_homes *homes,
                             int32_t node)
{
    double crossed = 0;
    for (int32_t l = 0; l < whole->layer_count; l++)
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
            ist__array array;
            if (!ist__shape_array(whole, l, which, &array)) continue;
            const int64_t numbers = array.rows * array.columns;
            const ist__layer *of = &part->layer[l];
            const double mine = which == 0 ? (double)of->inputs * of->outputs : (double)of->outputs;
            crossed += mine * (double)foreign_run(homes, node, array.offset, array.offset + numbers) / (double)numbers;
        }
    return crossed;
}
