/* rng.c - streams over Random123's Philox. */
#include "base/rng.h"

#include <Random123/philox.h>

ist__rng ist__rng_make(uint64_t seed, ist__purpose purpose, uint32_t a, uint32_t b)
{
    return (ist__rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)}, .counter = {0, (uint32_t)purpose, a, b}, .used = 4};
}

uint32_t ist__rng_u32(ist__rng *rng)
{
    if (rng->used == 4) {
        const philox4x32_ctr_t counter = {{rng->counter[0], rng->counter[1], rng->counter[2], rng->counter[3]}};
        const philox4x32_key_t key = {{rng->key[0], rng->key[1]}};
        const philox4x32_ctr_t block = philox4x32(counter, key);
        for (int i = 0; i < 4; i++) rng->block[i] = block.v[i];
        rng->counter[0]++;
        rng->used = 0;
    }
    return rng->block[rng->used++];
}

uint32_t ist__rng_below(ist__rng *rng, uint32_t bound)
{
    /* The high word of u32 * bound is uniform once the few low words below 2^32 mod bound are drawn again. */
    const uint32_t unfair = (0U - bound) % bound;
    uint64_t product;
    do product = (uint64_t)ist__rng_u32(rng) * bound;
    while ((uint32_t)product < unfair);
    return (uint32_t)(product >> 32);
}

float ist__rng_uniform(ist__rng *rng)
{
    return (float)(ist__rng_u32(rng) >> 8) * 0x1p-24F;
}

void ist__rng_permutation(ist__rng *rng, int64_t count, uint32_t *order)
{
    for (int64_t i = 0; i < count; i++) { /* Fisher and Yates, inside out */
        const uint32_t j = ist__rng_below(rng, (uint32_t)(i + 1));
        order[i] = order[j];
        order[j] = (uint32_t)i;
    }
}
