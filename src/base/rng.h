/* rng.h - counter-based random numbers: Random123's Philox 4x32-10.
 *
 * Why counter-based: a draw is a function of (seed, purpose, a, b, index) and of nothing else, so the same deal, the
 * same batch and the same initial weight come out whichever thread asks, on any number of threads, after any resume.
 */
#ifndef IST_BASE_RNG_H
#define IST_BASE_RNG_H

#include <stdint.h>

/* What the numbers are for.  Values are part of the identity of a run: append only. */
typedef enum ist__purpose {
    IST__FOR_WEIGHTS = 1,     /* a = 0, b = layer */
    IST__FOR_DEAL = 2,        /* a = round, b = layer */
    IST__FOR_SHARDS = 3,      /* a = 0, b = 0 */
    IST__FOR_BATCHES = 4,     /* a = epoch, b = subnet */
    IST__FOR_CALIBRATION = 5, /* a = 0, b = 0 */
    IST__FOR_DROPOUT = 6,     /* a = step, b = subnet: keys of masks, see train/dropout.h */
    IST__FOR_EVALUATION = 7,  /* a = 0, b = 0: which rows are a batch */
    IST__FOR_HOLDING_OUT = 8, /* a = 0, b = 0: rows for validation */
    IST__FOR_SAMPLING = 9     /* a = step, b = subnet: labels of a step, see train/sample.h */
} ist__purpose;

typedef struct ist__rng {
    uint32_t key[2];
    uint32_t counter[4]; /* block index, purpose, a, b */
    uint32_t block[4];
    uint32_t used; /* numbers of the block already given out */
} ist__rng;

/* A stream of 2^34 numbers; different (seed, purpose, a, b) give independent streams. */
ist__rng ist__rng_make(uint64_t seed, ist__purpose purpose, uint32_t a, uint32_t b);

uint32_t ist__rng_u32(ist__rng *rng);

/* Uniform on 0 .. bound - 1, exactly (rejection); bound >= 1. */
uint32_t ist__rng_below(ist__rng *rng, uint32_t bound);

/* Uniform on [0, 1), 24 bits. */
float ist__rng_uniform(ist__rng *rng);

/* Fill order (count) with a uniform random permutation of 0 .. count - 1; count < 2^32. */
void ist__rng_permutation(ist__rng *rng, int64_t count, uint32_t *order);

#endif
