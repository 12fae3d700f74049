/* exchange.c - gather and write back: the only traffic between subnets.
 *
 * Rows of the master are whole cache lines of one neuron, so a row is the unit of work, or sixteen rows where the
 * subnet has panels; index lists ascend, so that both sides walk forward in memory (2.5 times faster than permuted
 * order).  First and last layer move whole rows; a hidden-to-hidden row picks the columns of the subnet.
 *
 * Of a sticky deal only what changes hands need move: all of a marked neuron's rows, and of other rows the columns of
 * marked neurons.
 *
 * Floor: model.  Hot once a round.  [any thread on its own share]
 */
#include "model/exchange.h"

#include <string.h>

#include "base/share.h"

/* What is moved, which way, and whose share of it. */
typedef struct job {
    const ist__shape *whole, *part;
    const ist__deal *deal;
    int32_t subnet;
    bool back; /* from block to master */
    const float *from;
    float *to;
    const ist__panel_moves *moves;
    const ist__outer *outer;     /* of the way back: a step, not a copy; NULL: a copy */
    unsigned char *const *marks; /* of the deal: neurons that change hands; NULL: move everything */
    int32_t rank, size;
} job;

/* Output neurons of layer l that are the subnet's, inputs likewise; NULL: all of them. */
static const int32_t *outputs_of(const job *my, int32_t l)
{
    const int32_t *neurons = NULL;
    if (!my->whole->layer[l].is_output) ist__deal_group(my->deal, l, my->subnet, &neurons);
    return neurons;
}

static const int32_t *inputs_of(const job *my, int32_t l)
{
    const int32_t *neurons = NULL;
    if (l > 0) ist__deal_group(my->deal, l - 1, my->subnet, &neurons);
    return neurons;
}

/* Marks of the same; NULL: neurons that are dealt to nobody, or all move. */
static const unsigned char *output_marks(const job *my, int32_t l)
{
    return my->marks && !my->whole->layer[l].is_output ? ist__deal_marks(my->deal, l, my->subnet, my->marks) : NULL;
}

static const unsigned char *input_marks(const job *my, int32_t l)
{
    return my->marks && l > 0 ? ist__deal_marks(my->deal, l - 1, my->subnet, my->marks) : NULL;
}

float ist__outer_number(const ist__outer *outer, float master, float trained, float *velocity)
{
    float v = trained - master;
    if (velocity) *velocity = v = outer->momentum * *velocity + v;
    return master + outer->lr * v;
}

/* `count` numbers of the block, `stride` apart, step those of the master from `master` on, or in the columns given. */
static void step_row(const job *my, int64_t master, int64_t block, int64_t stride, int64_t count,
                     const int32_t *columns)
{
    const float *from = my->from + block;
    float *to = my->to + master, *velocity = my->outer->velocity ? my->outer->velocity + master : NULL;
    for (int64_t j = 0; j < count; j++) {
        const int64_t at = columns ? columns[j] : j;
        to[at] = ist__outer_number(my->outer, to[at], from[j * stride], velocity ? velocity + at : NULL);
    }
}

/* `count` numbers that lie in one piece in the block, at `block`, and in the master at `master`, or from there on in
 * the columns given. */
static void move_row(const job *my, int64_t master, int64_t block, int64_t count, const int32_t *columns)
{
    const float *from = my->from + (my->back ? block : master);
    float *to = my->to + (my->back ? master : block);
    if (my->outer) step_row(my, master, block, 1, count, columns);
    else if (!columns) memcpy(to, from, (size_t)count * sizeof *to);
    else if (my->back)
        for (int64_t j = 0; j < count; j++) to[columns[j]] = from[j];
    else
        for (int64_t j = 0; j < count; j++) to[j] = from[columns[j]];
}

/* Of these, the marked columns. */
static void move_marked(const job *my, int64_t master, int64_t block, int64_t count, const int32_t *columns,
                        const unsigned char *marks)
{
    const float *from = my->from + (my->back ? block : master);
    float *to = my->to + (my->back ? master : block);
    for (int64_t j = 0; j < count; j++) {
        if (!marks[j]) continue;
        if (my->back) to[columns[j]] = from[j];
        else to[j] = from[columns[j]];
    }
}

/* My share of the rows of array `which` of layer l, where both sides have rows. */
static void move_rows(const job *my, int32_t l, int32_t which)
{
    ist__array of_master, of_block;
    if (!ist__shape_array(my->whole, l, which, &of_master) || !ist__shape_array(my->part, l, which, &of_block)) return;
    const bool turned = which == 0 && my->whole->layer[l].is_output; /* rows are inputs */
    const int32_t *rows = turned ? inputs_of(my, l) : outputs_of(my, l);
    const int32_t *columns = turned ? outputs_of(my, l) : which == 0 ? inputs_of(my, l) : NULL;
    const unsigned char *row_marks = turned ? input_marks(my, l) : output_marks(my, l);
    const unsigned char *column_marks = turned || which > 0 ? NULL : input_marks(my, l);
    int64_t first, last;
    ist__share(of_block.rows, my->rank, my->size, &first, &last);
    for (int64_t i = first; i < last; i++) {
        const int64_t master = of_master.offset + (rows ? rows[i] : i) * of_master.columns;
        const int64_t block = of_block.offset + i * of_block.stride;
        if (!row_marks || row_marks[i]) move_row(my, master, block, of_block.columns, columns);
        else if (column_marks) move_marked(my, master, block, of_block.columns, columns, column_marks);
    }
}

/* A panel of which not all neurons are marked, at `panel` of the block; row: of each neuron in the master, -1 idle. */
static void move_panel_marked(const job *my, int64_t panel, const int64_t *row, const unsigned char *marked,
                              const int32_t *columns, const unsigned char *column_marks, int32_t inputs)
{
    for (int64_t j = 0; j < IST__PANEL; j++) {
        if (row[j] < 0 || !marked[j]) continue;
        for (int32_t k = 0; k < inputs; k++) {
            const int64_t master = row[j] + (columns ? columns[k] : k), block = panel + (int64_t)k * IST__PANEL + j;
            my->to[my->back ? master : block] = my->from[my->back ? block : master];
        }
    }
    for (int32_t k = 0; column_marks && k < inputs; k++) {
        if (!column_marks[k]) continue;
        for (int64_t j = 0; j < IST__PANEL; j++) {
            if (row[j] < 0 || marked[j]) continue;
            const int64_t master = row[j] + columns[k], block = panel + (int64_t)k * IST__PANEL + j;
            my->to[my->back ? master : block] = my->from[my->back ? block : master];
        }
    }
}

/* My share of a hidden layer's panels: sixteen neurons, which are rows of the master, in each. */
static void move_panels(const job *my, int32_t l)
{
    const ist__layer *of_master = &my->whole->layer[l], *of_block = &my->part->layer[l];
    const int32_t *neurons = outputs_of(my, l), *columns = inputs_of(my, l);
    const unsigned char *marks = output_marks(my, l), *column_marks = input_marks(my, l);
    int64_t first, last;
    ist__share(((int64_t)of_block->outputs + IST__PANEL - 1) / IST__PANEL, my->rank, my->size, &first, &last);
    for (int64_t p = first; p < last; p++) {
        const int64_t panel = of_block->weight + p * of_block->panel_stride;
        const float *from[IST__PANEL];
        float *to[IST__PANEL];
        int64_t row[IST__PANEL];
        bool all = true;
        for (int64_t j = 0; j < IST__PANEL; j++) {
            const int64_t neuron = p * IST__PANEL + j;
            const bool idle = neuron >= of_block->outputs;
            row[j] = idle ? -1 : of_master->weight + neurons[neuron] * (int64_t)of_master->inputs;
            from[j] = idle ? NULL : my->from + row[j];
            to[j] = idle ? NULL : my->to + row[j];
            all = all && (idle || !marks || marks[neuron]);
        }
        if (!all) move_panel_marked(my, panel, row, marks + p * IST__PANEL, columns, column_marks, of_block->inputs);
        else if (my->outer)
            for (int64_t j = 0; j < IST__PANEL && row[j] >= 0; j++)
                step_row(my, row[j], panel + j, IST__PANEL, of_block->inputs, columns);
        else if (my->back) my->moves->unpack(my->from + panel, columns, of_block->inputs, to);
        else my->moves->pack(from, columns, of_block->inputs, my->to + panel);
    }
}

/* My share of the output layer's inputs: a row of the master is cut into pieces, one a panel. */
static void move_output(const job *my, int32_t l)
{
    const ist__layer *of_master = &my->whole->layer[l], *of_block = &my->part->layer[l];
    const int32_t *inputs = inputs_of(my, l), classes = of_block->outputs;
    const unsigned char *marks = input_marks(my, l);
    int64_t first, last;
    ist__share(of_block->inputs, my->rank, my->size, &first, &last);
    for (int64_t i = first; i < last; i++) {
        if (marks && !marks[i]) continue;
        const int64_t row = of_master->weight + (inputs ? inputs[i] : i) * classes;
        int64_t line = of_block->weight + i * IST__PANEL;
        for (int32_t c = 0; c < classes; c += IST__PANEL, line += of_block->panel_stride) {
            const int32_t count = classes - c < IST__PANEL ? classes - c : IST__PANEL;
            move_row(my, row + c, line, count, NULL);
            if (!my->back) memset(my->to + line + count, 0, (size_t)(IST__PANEL - count) * sizeof *my->to);
        }
    }
}

static void move_weights(const job *my, int32_t l)
{
    if (!my->part->panels) move_rows(my, l, 0);
    else if (my->part->layer[l].is_output) move_output(my, l);
    else move_panels(my, l);
}

static void move(const job *my)
{
    for (int32_t l = 0; l < my->whole->layer_count; l++) {
        move_weights(my, l);
        if (my->back && my->whole->layer[l].is_output)
            continue; /* a bias that all subnets share: its mean is no copy */
        for (int32_t which = 1; which < IST__ARRAYS_PER_LAYER; which++) move_rows(my, l, which);
    }
}

static void exchange(const ist__shape *whole, const ist__deal *deal, int32_t subnet, const float *from,
                     const ist__shape *part, float *to, bool back, const ist__panel_moves *moves,
                     unsigned char *const *marks, int32_t rank, int32_t size)
{
    const job my = {.whole = whole,
                    .part = part,
                    .deal = deal,
                    .subnet = subnet,
                    .back = back,
                    .from = from,
                    .to = to,
                    .moves = moves,
                    .marks = marks,
                    .rank = rank,
                    .size = size};
    move(&my);
}

void ist__gather(const ist__shape *whole, const ist__deal *deal, int32_t subnet, const float *master,
                 const ist__shape *part, float *block, const ist__panel_moves *moves, int32_t rank, int32_t size)
{
    exchange(whole, deal, subnet, master, part, block, false, moves, NULL, rank, size);
}

void ist__gather_new(const ist__shape *whole, const ist__deal *deal, int32_t subnet, const float *master,
                     const ist__shape *part, float *block, const ist__panel_moves *moves, int32_t rank, int32_t size)
{
    exchange(whole, deal, subnet, master, part, block, false, moves, deal->came, rank, size);
}

void ist__write_back(const ist__shape *whole, const ist__deal *deal, int32_t subnet, float *master,
                     const ist__shape *part, const float *block, const ist__panel_moves *moves, int32_t rank,
                     int32_t size)
{
    exchange(whole, deal, subnet, block, part, master, true, moves, NULL, rank, size);
}

void ist__write_back_outer(const ist__shape *whole, const ist__deal *deal, int32_t subnet, float *master,
                           const ist__outer *outer, const ist__shape *part, const float *block, int32_t rank,
                           int32_t size)
{
    const job my = {.whole = whole,
                    .part = part,
                    .deal = deal,
                    .subnet = subnet,
                    .back = true,
                    .outer = outer,
                    .from = block,
                    .to = master,
                    .rank = rank,
                    .size = size};
    move(&my);
}

void ist__write_back_leaving(const ist__shape *whole, const ist__deal *deal, int32_t subnet, float *master,
                             const ist__shape *part, const float *block, const ist__panel_moves *moves, int32_t rank,
                             int32_t size)
{
    exchange(whole, deal, subnet, block, part, master, true, moves, deal->leaves, rank, size);
}
