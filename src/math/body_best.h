/* body_best.h - what ranking wants of a tile of labels: of each column the largest logit, and a sum of exps.
 *
 * 16 columns (samples) at a time, one in each lane; a column's sum runs over its labels in ascending order.  The tile is
 * read only: unlike training, ranking has no use for the exps.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_BEST_H
#define IST_MATH_BODY_BEST_H

#include <stddef.h>

#include "math/body_softmax.h"

static void label_tops(int32_t labels, int32_t columns, int64_t ld, float sharpness, const float *block, float *top,
                       float *sum)
{
    const lanes sharp = lanes_all(sharpness);
    for (int32_t c = 0; c < columns; c += LANES) {
        lanes_int unused;
        const lanes most = lanes_mul(sharp, largest_logit(labels, LANES, ld, block + c, &unused));
        lanes_store_16(top + c, most);
        if (sum) lanes_store_16(sum + c, sum_of_exps(labels, LANES, ld, block + c, sharp, most, NULL));
    }
}

#endif
