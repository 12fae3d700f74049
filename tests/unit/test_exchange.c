/* Gather and write back against their definition, element by element, and shares of workers. */
#define _GNU_SOURCE
#include "api/fixture_run.h"
#include "fixture_oracle.h"
#include "model/exchange.h"

typedef struct exchange {
    ist__shape whole;
    ist__deal deal;
    float *master; /* each float its own value, gaps -1 */
} exchange;

static exchange exchange_open(int32_t depth, int32_t norms, int32_t subnets)
{
    static const int32_t hidden[3] = {11, 9, 14};
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = 5;
    config.classes = 3;
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
    const float *part, *master;
    int64_t numbers, wrong;
    unsigned char *touched; /* of the master */
} seen;

static void compare(void *user, int64_t in_part, int64_t in_master, bool shared)
{
    seen *s = user;
    (void)shared;
    s->numbers++;
    s->wrong += s->part[in_part] != s->master[in_master];
}

TEST(gather_brings_every_number_of_the_subnet_for_any_count_of_workers)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++)
            for (int32_t workers = 1; workers <= 5; workers++) {
                exchange e = exchange_open(depth, norms, depth == 0 ? 1 : 4);
                for (int32_t s = 0; s < e.deal.subnets; s++) {
                    const ist__shape part = ist__deal_shape(&e.deal, &e.whole, s);
                    float *block = table_room(part.floats, sizeof *block);
                    for (int32_t rank = 0; rank < workers; rank++)
                        ist__gather(&e.whole, &e.deal, s, e.master, &part, block, rank, workers);
                    seen found = {.part = block, .master = e.master};
                    each_number(&e, s, &part, compare, &found);
                    CHECK_EQ(found.numbers, part.parameters);
                    CHECK_EQ(found.wrong, 0);
                    free(block);
                }
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

TEST(write_back_reaches_each_number_of_one_subnet_once_and_leaves_all_others)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++)
            for (int32_t workers = 1; workers <= 4; workers++) {
                exchange e = exchange_open(depth, norms, depth == 0 ? 1 : 4);
                float *before = table_room(e.whole.floats, sizeof *before);
                unsigned char *touched = table_room(e.whole.floats, 1);
                memcpy(before, e.master, (size_t)e.whole.floats * sizeof(float));
                for (int32_t s = 0; s < e.deal.subnets; s++) {
                    const ist__shape part = ist__deal_shape(&e.deal, &e.whole, s);
                    float *block = table_room(part.floats, sizeof *block);
                    for (int64_t i = 0; i < part.floats; i++) block[i] = (float)(100000 * (s + 1) + i);
                    for (int32_t rank = 0; rank < workers; rank++)
                        ist__write_back(&e.whole, &e.deal, s, e.master, &part, block, rank, workers);
                    seen found = {.part = block, .master = e.master, .touched = touched};
                    each_number(&e, s, &part, mark, &found);
                    CHECK_EQ(found.wrong, 0); /* none was touched by another subnet */
                    free(block);
                }
                for (int64_t i = 0; i < e.whole.floats; i++) CHECK(touched[i] || e.master[i] == before[i]);
                free(before);
                free(touched);
                exchange_close(&e);
            }
}

TEST(a_round_trip_changes_nothing)
{
    exchange e = exchange_open(3, 1, 4);
    float *before = table_room(e.whole.floats, sizeof *before);
    memcpy(before, e.master, (size_t)e.whole.floats * sizeof(float));
    for (int32_t s = 0; s < 4; s++) {
        const ist__shape part = ist__deal_shape(&e.deal, &e.whole, s);
        float *block = table_room(part.floats, sizeof *block);
        ist__gather(&e.whole, &e.deal, s, e.master, &part, block, 0, 1);
        ist__write_back(&e.whole, &e.deal, s, e.master, &part, block, 0, 1);
        free(block);
    }
    CHECK_MEM(e.master, before, (size_t)e.whole.floats * sizeof(float));
    free(before);
    exchange_close(&e);
}

TEST(hidden_layers_with_two_ends_are_covered_in_part_and_all_others_wholly)
{
    exchange e = exchange_open(2, IST_NORM_BATCH, 3);
    const ist__layer *layers = e.whole.layer;
    for (int32_t s = 0; s < 3; s++) {
        const ist__shape part = ist__deal_shape(&e.deal, &e.whole, s);
        float *block = table_room(part.floats, sizeof *block);
        for (int64_t i = 0; i < part.floats; i++) block[i] = -7;
        ist__write_back(&e.whole, &e.deal, s, e.master, &part, block, 0, 1);
        free(block);
    }
    int64_t written[3] = {0};
    for (int32_t l = 0; l < 3; l++)
        for (int64_t i = 0; i < (int64_t)layers[l].inputs * layers[l].outputs; i++)
            written[l] += e.master[layers[l].weight + i] == -7;
    CHECK_EQ(written[0], 5 * 11);
    CHECK_EQ(written[1], 4 * 3 + 4 * 3 + 3 * 3); /* 11 as 4 4 3, and 9 as 3 3 3 */
    CHECK_EQ(written[2], 9 * 3);
    for (int32_t c = 0; c < 3; c++) CHECK(e.master[layers[2].offset + c] == (float)(layers[2].offset + c));
    exchange_close(&e);
}
