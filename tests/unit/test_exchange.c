/* Gather and write back against their definition, element by element, and shares of workers; subnets are plain or in
 * panels. */
#define _GNU_SOURCE
#include "api/fixture_run.h"
#include "fixture_oracle.h"
#include "model/exchange.h"

enum { FEATURES = 21, CLASSES = 19 }; /* a panel and some more */
static const float UNTOUCHED = -3;

typedef struct exchange {
    ist__shape whole;
    ist__deal deal;
    float *master; /* each float its own value, gaps -1 */
} exchange;

static exchange exchange_open(int32_t depth, int32_t norms, int32_t subnets)
{
    static const int32_t hidden[3] = {70, 41, 53};
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = FEATURES;
    config.classes = CLASSES;
    config.hidden_count = depth;
    config.hidden = hidden;
    config.hidden_norm = norms & 1;
    config.output_norm = norms >> 1;
    exchange e;
    CHECK_EQ(ist__shape_make(&e.whole, &config, NULL), IST_OK);
    CHECK_EQ(ist__deal_create(&e.deal, &e.whole, subnets, NULL), IST_OK);
    ist__deal_round(&e.deal, 4, 2);
    e.master = table_room(e.whole.floats, sizeof(float));
    for (int64_t i = 0; i < e.whole.floats; i++) e.master[i] = -1;
    for (int32_t l = 0; l < e.whole.layer_count; l++)
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
            ist__array a;
            if (!ist__shape_array(&e.whole, l, which, &a)) continue;
            for (int64_t i = 0; i < a.rows * a.columns; i++) e.master[a.offset + i] = (float)(a.offset + i);
        }
    return e;
}

static void exchange_close(exchange *e)
{
    ist__deal_destroy(&e->deal);
    free(e->master);
}

static float *block_room(const ist__shape *part)
{
    float *block = aligned_alloc(64, (size_t)part->floats * sizeof *block); /* all arrays are whole lines */
    CHECK(block != NULL);
    for (int64_t i = 0; i < part->floats; i++) block[i] = UNTOUCHED;
    return block;
}

static ist__panel_moves moves_of_this_machine(void)
{
    const ist__kernel_set *set = ist__kernel_set_at(0);
    return (ist__panel_moves){set->pack_panel, set->unpack_panel};
}

static void gather(const exchange *e, int32_t s, const ist__shape *part, float *block, int32_t workers)
{
    const ist__panel_moves moves = moves_of_this_machine();
    for (int32_t rank = 0; rank < workers; rank++)
        ist__gather(&e->whole, &e->deal, s, e->master, part, block, &moves, rank, workers);
}

static void write_back(const exchange *e, int32_t s, const ist__shape *part, const float *block, int32_t workers)
{
    const ist__panel_moves moves = moves_of_this_machine();
    for (int32_t rank = 0; rank < workers; rank++)
        ist__write_back(&e->whole, &e->deal, s, e->master, part, block, &moves, rank, workers);
}

/* Neuron k of subnet s in the layer of width w (0: inputs) is which neuron of the whole net? */
static int32_t neuron_of(const exchange *e, int32_t w, int32_t s, int32_t k)
{
    const int32_t *neurons;
    if (w == 0 || w == e->whole.layer_count) return k;
    ist__deal_group(&e->deal, w - 1, s, &neurons);
    return neurons[k];
}

/* Call visit for each number of the subnet's block with its place there and in the master. */
static void each_number(const exchange *e, int32_t s, const ist__shape *part,
                        void (*visit)(void *user, int64_t in_part, int64_t in_master, bool shared), void *user)
{
    for (int32_t l = 0; l < part->layer_count; l++) {
        const ist__layer *layer = &part->layer[l], *all = &e->whole.layer[l];
        for (int32_t i = 0; i < layer->outputs; i++) {
            const int32_t to = neuron_of(e, l + 1, s, i);
            for (int32_t j = 0; j < layer->inputs; j++)
                visit(user, oracle_place(part, l, i, j), oracle_place(&e->whole, l, to, neuron_of(e, l, s, j)), false);
            if (layer->gain >= 0) visit(user, layer->gain + i, all->gain + to, false);
            if (layer->offset >= 0) visit(user, layer->offset + i, all->offset + to, layer->is_output);
        }
    }
}

typedef struct seen {
    float *part;
    const float *master;
    int64_t numbers, wrong;
    unsigned char *touched; /* of the master */
} seen;

/* Counts what differs, and takes it away. */
static void compare(void *user, int64_t in_part, int64_t in_master, bool shared)
{
    seen *s = user;
    (void)shared;
    s->numbers++;
    s->wrong += s->part[in_part] != s->master[in_master];
    s->part[in_part] = UNTOUCHED;
}

/* Idle lanes of the last panels that are not 0; they are taken away too. */
static int64_t count_busy_lanes(const ist__shape *part, float *block)
{
    int64_t busy = 0;
    for (int32_t l = 0; part->panels && l < part->layer_count; l++) {
        const ist__layer *layer = &part->layer[l];
        for (int32_t i = layer->outputs; i % layer->panel; i++)
            for (int32_t j = 0; j < layer->inputs; j++) {
                float *lane = &block[oracle_place(part, l, i, j)];
                busy += *lane != 0;
                *lane = UNTOUCHED;
            }
    }
    return busy;
}

static void check_gather(const exchange *e, bool panels, int32_t workers)
{
    for (int32_t s = 0; s < e->deal.subnets; s++) {
        const ist__shape part = ist__deal_shape(&e->deal, &e->whole, s, panels);
        float *block = block_room(&part);
        gather(e, s, &part, block, workers);
        seen found = {.part = block, .master = e->master};
        each_number(e, s, &part, compare, &found);
        CHECK_EQ(found.numbers, part.parameters);
        CHECK_EQ(found.wrong, 0);
        CHECK_EQ(count_busy_lanes(&part, block), 0);
        for (int64_t i = 0; i < part.floats; i++) CHECK(block[i] == UNTOUCHED); /* the gaps are all that is left */
        free(block);
    }
}

TEST(gather_brings_every_number_of_the_subnet_for_any_count_of_workers)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++)
            for (int32_t workers = 1; workers <= 5; workers++) {
                exchange e = exchange_open(depth, norms, depth == 0 ? 1 : 4);
                check_gather(&e, false, workers);
                check_gather(&e, true, workers);
                exchange_close(&e);
            }
}

static void mark(void *user, int64_t in_part, int64_t in_master, bool shared)
{
    seen *s = user;
    if (shared) return;
    s->wrong += s->touched[in_master]++;
    s->wrong += s->master[in_master] != s->part[in_part];
}

static void check_write_back(exchange *e, bool panels, int32_t workers)
{
    float *before = table_room(e->whole.floats, sizeof *before);
    unsigned char *touched = table_room(e->whole.floats, 1);
    memcpy(before, e->master, (size_t)e->whole.floats * sizeof(float));
    for (int32_t s = 0; s < e->deal.subnets; s++) {
        const ist__shape part = ist__deal_shape(&e->deal, &e->whole, s, panels);
        float *block = block_room(&part);
        for (int64_t i = 0; i < part.floats; i++) block[i] = (float)(100000 * (s + 1) + i);
        write_back(e, s, &part, block, workers);
        seen found = {.part = block, .master = e->master, .touched = touched};
        each_number(e, s, &part, mark, &found);
        CHECK_EQ(found.wrong, 0); /* none was touched by another subnet */
        free(block);
    }
    for (int64_t i = 0; i < e->whole.floats; i++) CHECK(touched[i] || e->master[i] == before[i]);
    free(before);
    free(touched);
}

TEST(write_back_reaches_each_number_of_one_subnet_once_and_leaves_all_others)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++)
            for (int32_t workers = 1; workers <= 4; workers++)
                for (int panels = 0; panels <= 1; panels++) {
                    exchange e = exchange_open(depth, norms, depth == 0 ? 1 : 4);
                    check_write_back(&e, panels, workers);
                    exchange_close(&e);
                }
}

TEST(a_round_trip_changes_nothing)
{
    for (int panels = 0; panels <= 1; panels++) {
        exchange e = exchange_open(3, 1, 4);
        float *before = table_room(e.whole.floats, sizeof *before);
        memcpy(before, e.master, (size_t)e.whole.floats * sizeof(float));
        for (int32_t s = 0; s < 4; s++) {
            const ist__shape part = ist__deal_shape(&e.deal, &e.whole, s, panels);
            float *block = block_room(&part);
            gather(&e, s, &part, block, 1);
            write_back(&e, s, &part, block, 1);
            free(block);
        }
        CHECK_MEM(e.master, before, (size_t)e.whole.floats * sizeof(float));
        free(before);
        exchange_close(&e);
    }
}

static void check_cover(bool panels)
{
    exchange e = exchange_open(2, IST_NORM_BATCH, 3);
    const ist__layer *layers = e.whole.layer;
    for (int32_t s = 0; s < 3; s++) {
        const ist__shape part = ist__deal_shape(&e.deal, &e.whole, s, panels);
        float *block = block_room(&part);
        for (int64_t i = 0; i < part.floats; i++) block[i] = -7;
        write_back(&e, s, &part, block, 1);
        free(block);
    }
    int64_t written[3] = {0};
    for (int32_t l = 0; l < 3; l++)
        for (int64_t i = 0; i < (int64_t)layers[l].inputs * layers[l].outputs; i++)
            written[l] += e.master[layers[l].weight + i] == -7;
    CHECK_EQ(written[0], FEATURES * 70);
    CHECK_EQ(written[1], 24 * 14 + 23 * 14 + 23 * 13); /* 70 as 24 23 23, and 41 as 14 14 13 */
    CHECK_EQ(written[2], 41 * CLASSES);
    for (int32_t c = 0; c < CLASSES; c++) CHECK(e.master[layers[2].offset + c] == (float)(layers[2].offset + c));
    exchange_close(&e);
}

TEST(hidden_layers_with_two_ends_are_covered_in_part_and_all_others_wholly)
{
    check_cover(false);
    check_cover(true);
}
