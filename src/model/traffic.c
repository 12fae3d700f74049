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

/* One side of an array: the subnet's neurons, or all rows or columns as they lie. */
typedef struct side {
    const int32_t *neurons;     /* NULL: 0 .. count - 1, dealt to nobody */
    const unsigned char *marks; /* NULL: all move */
    int64_t count;
} side;

static bool moves(const side *s, int64_t i)
{
    return !s->marks || s->marks[i];
}

static int64_t count_moving(const side *s)
{
    int64_t moving = 0;
    for (int64_t i = 0; i < s->count; i++) moving += moves(s, i);
    return moving;
}

/* A row of `width` floats at `row`: of its columns all, or the marked ones, of which there are `moving`. */
static int64_t foreign_row(const ist__stripe_homes *homes, int32_t node, int64_t row, int64_t width,
                           const side *columns, bool all, int64_t moving)
{
    if (all && !columns->neurons) return foreign_run(homes, node, row, row + width);
    const int32_t stripe = stripe_of(homes, row);
    if (homes->last[stripe] >= row + width) return homes->home[stripe] == node ? 0 : all ? columns->count : moving;
    int64_t foreign = 0;
    for (int64_t j = 0; j < columns->count; j++)
        if (all || moves(columns, j))
            foreign += homes->home[stripe_of(homes, row + (columns->neurons ? columns->neurons[j] : j))] != node;
    return foreign;
}

static void count_array(const ist__array *array, const side *rows, const side *columns, const ist__stripe_homes *homes,
                        int32_t node, ist__traffic *sum)
{
    if (!rows->neurons && !columns->neurons) { /* one run */
        sum->moved += rows->count * columns->count;
        sum->crossed += foreign_run(homes, node, array->offset, array->offset + rows->count * columns->count);
        return;
    }
    const int64_t moving = columns->marks ? count_moving(columns) : 0;
    for (int64_t i = 0; i < rows->count; i++) {
        const bool all = rows->marks ? rows->marks[i] : !columns->marks;
        if (!all && moving == 0) continue;
        sum->moved += all ? columns->count : moving;
        sum->crossed +=
            foreign_row(homes, node, array->offset + (rows->neurons ? rows->neurons[i] : i) * array->columns,
                        array->columns, columns, all, moving);
    }
}

/* The side of layer l's outputs, or inputs, in subnet s. */
static side side_of(const ist__shape *whole, const ist__deal *deal, int32_t subnet, unsigned char *const *marks,
                    int32_t width)
{
    side s = {NULL, NULL, whole->width[width]};
    if (!deal || width == 0 || width == whole->layer_count) return s;
    s.count = ist__deal_group(deal, width - 1, subnet, &s.neurons);
    if (marks) s.marks = ist__deal_marks(deal, width - 1, subnet, marks);
    return s;
}

ist__traffic ist__traffic_count(const ist__shape *whole, const ist__deal *deal, int32_t subnet,
                                unsigned char *const *marks, const ist__stripe_homes *homes, int32_t node)
{
    static const side one = {NULL, NULL, 1};
    ist__traffic sum = {0, 0};
    for (int32_t l = 0; l < whole->layer_count; l++) {
        const side inputs = side_of(whole, deal, subnet, marks, l),
                   outputs = side_of(whole, deal, subnet, marks, l + 1);
        const bool turned = whole->layer[l].is_output;
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
            ist__array array;
            if (!ist__shape_array(whole, l, which, &array)) continue;
            if (which > 0) count_array(&array, &outputs, &one, homes, node, &sum);
            else count_array(&array, turned ? &inputs : &outputs, turned ? &outputs : &inputs, homes, node, &sum);
        }
    }
    return sum;
}

/* The chance that a number of layer l's side changes hands. */
static double chance_of(const ist__shape *whole, const ist__deal *deal, int32_t subnet, int32_t width)
{
    return width == 0 || width == whole->layer_count ? 0 : ist__deal_change(deal, width - 1, subnet);
}

ist__traffic_mean ist__traffic_expected(const ist__shape *whole, const ist__deal *deal, int32_t subnet,
                                        const ist__stripe_homes *homes, int32_t node)
{
    const ist__shape part = ist__deal_own(deal, whole, subnet);
    ist__traffic_mean sum = {0, 0};
    for (int32_t l = 0; l < whole->layer_count; l++)
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
            ist__array all, mine;
            if (!ist__shape_array(whole, l, which, &all) || !ist__shape_array(&part, l, which, &mine)) continue;
            const double in = which > 0 ? 0 : chance_of(whole, deal, subnet, l);
            const double out = chance_of(whole, deal, subnet, l + 1);
            const bool dealt = l < whole->hidden_count || (which == 0 && l > 0);
            const double moved = (double)(mine.rows * mine.columns) * (dealt ? 1 - (1 - in) * (1 - out) : 1);
            const int64_t numbers = all.rows * all.columns;
            sum.moved += moved;
            sum.crossed += moved * (double)foreign_run(homes, node, all.offset, all.offset + numbers) / (double)numbers;
        }
    return sum;
}
