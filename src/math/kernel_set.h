/* kernel_set.h - the kernels of kernels.h once more for each instruction set, as a table.
 *
 * body_*.h say what is computed, in 16 lanes; kernels_portable.c, kernels_avx2.c and kernels_avx512.c compile them for
 * the registers that they are named for, and kernels.c picks a table when it is called.  All tables give the same
 * bits: tests/unit/test_kernels.c holds every table that this machine can run against the portable one.
 * Floor: math; for kernels*.c and tests alone.
 */
#ifndef IST_MATH_KERNEL_SET_H
#define IST_MATH_KERNEL_SET_H

#include "math/kernels.h"

typedef struct ist__kernel_set {
    const char *name; /* "portable", "avx2", "avx512" */
    void (*batch_norm_forward)(int32_t rows, int32_t columns, int64_t ld, float *z, const float *gamma,
                               const float *beta, bool relu, float *y, float *inv_std);
    void (*batch_norm_backward)(int32_t rows, int32_t columns, int64_t ld, const float *xhat, const float *y, bool relu,
                                const float *gamma, const float *inv_std, float *d, float *dgamma, float *dbeta);
    void (*affine_relu_forward)(int32_t rows, int32_t columns, int64_t ld, const float *z, const float *scale,
                                const float *shift, bool relu, float *y);
    void (*bias_relu_backward)(int32_t rows, int32_t columns, int64_t ld, const float *y, bool relu, float *d,
                               float *dbias);
    void (*row_moments)(int32_t rows, int32_t columns, int64_t ld, const float *z, float *mean, float *m2);
    void (*softmax_cross_entropy)(int32_t classes, int32_t first, int32_t last, int64_t ld, const float *logits,
                                  const int32_t *labels, float scale, float *d, float *loss, int32_t *best);
    void (*update_sgd)(int64_t count, float *w, const float *g, float lr, float keep);
    void (*update_momentum)(int64_t count, float *w, float *v, const float *g, float lr, float keep, float mu,
                            bool nesterov);
    void (*update_adam)(int64_t count, float *w, float *m, float *v, const float *g, float lr, float keep,
                        const ist__adam *adam);
} ist__kernel_set;

/* NULL where the compiler was not told of the instruction set. */
extern const ist__kernel_set *const ist__kernels_portable;
extern const ist__kernel_set *const ist__kernels_avx2;
extern const ist__kernel_set *const ist__kernels_avx512;

/* Table number i of those that this processor can run, fastest first; NULL beyond the last. */
const ist__kernel_set *ist__kernel_set_at(int32_t i);

#endif
