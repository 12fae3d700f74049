/* dropout.c - chances, and the keys of masks.  Floor: train.  Hot: once a layer, thread and step. */
#include "train/dropout.h"

#include "base/rng.h"

enum { CHANCES = 1 << 16, LAYERS = 64 };
_Static_assert((int)LAYERS > (int)IST_MAX_HIDDEN, "a mask for the input and each hidden layer");

/* The nearest of what 16 bits can say, but never all. */
static uint32_t chance_of(double p)
{
    const uint32_t nearest = (uint32_t)(p * CHANCES + 0.5);
    return nearest < CHANCES ? nearest : CHANCES - 1;
}

ist__dropout ist__dropout_of(const ist_train_config *config)
{
    return (ist__dropout){config->seed, chance_of(config->input_dropout), chance_of(config->hidden_dropout)};
}

float ist__dropout_factor(uint32_t chance)
{
    return (float)CHANCES / (float)(CHANCES - chance);
}

static ist__drops drops_of(const ist__dropout *dropout, uint32_t chance, ist__draw_place place, int32_t layer)
{
    const uint64_t step = (uint64_t)place.step;
    ist__rng keys = ist__rng_make(dropout->seed, IST__FOR_DROPOUT, (uint32_t)step, (uint32_t)place.subnet);
    keys.counter[0] = (uint32_t)layer + LAYERS * (uint32_t)(step >> 32);
    ist__drops drops = {.threshold = chance, .factor = ist__dropout_factor(chance)};
    for (int i = 0; i < 2; i++) drops.key[i] = ist__rng_u32(&keys);
    return drops;
}

void ist__dropout_apply(const ist__dropout *dropout, uint32_t chance, ist__draw_place place, int32_t layer,
                        const ist__engine *engine, int32_t first, int32_t last, int32_t columns, int64_t ld, float *y)
{
    if (chance == 0 || first >= last) return;
    const ist__drops drops = drops_of(dropout, chance, place, layer);
    engine->kernels->drop(&drops, first, last - first, columns, ld, y + first * ld);
}

void ist__dropout_entries(const ist__dropout *dropout, uint32_t chance, ist__draw_place place, int32_t column,
                          int32_t count, const int32_t *feature, float *value)
{
    enum { GROUP = 8 }; /* features that share a draw of four words: kernels.h */
    if (chance == 0) return;
    const ist__drops drops = drops_of(dropout, chance, place, 0);
    ist__rng drawn = {.key = {drops.key[0], drops.key[1]}};
    for (int32_t j = 0; j < count; j++) {
        const uint32_t group = (uint32_t)feature[j] / GROUP, half = (uint32_t)feature[j] % GROUP;
        if (j == 0 || group != (uint32_t)feature[j - 1] / GROUP) {
            drawn.counter[0] = (uint32_t)column;
            drawn.counter[1] = group;
            drawn.used = 4;
            ist__rng_u32(&drawn); /* the whole block */
        }
        const uint32_t draw = drawn.block[half / 2] >> half % 2 * 16 & 0xFFFFU;
        value[j] = draw < drops.threshold ? 0 : value[j] * drops.factor;
    }
}
