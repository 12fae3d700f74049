/* kernels.c - chooses, at each call, the fastest kernels that this processor can run.
 *
 * Why at run time: one package serves every x86-64, and the registers differ fourfold in width.  Why it may: all sets
 * give the same bits (kernel_set.h), so the choice shows in time alone.  The question costs a load and a branch; a call
 * works on a band of rows.
 *
 * Floor: math.
 */
#include "math/kernel_set.h"

#include <stddef.h>

static bool runs_avx2(void)
{
#if defined(__x86_64__)
    return ist__kernels_avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static bool runs_avx512(void)
{
#if defined(__x86_64__) /* all that the build allows the compiler to use in kernels_avx512.c */
    return ist__kernels_avx512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static const ist__kernel_set *fastest(void)
{
    return runs_avx512() ? ist__kernels_avx512 : runs_avx2() ? ist__kernels_avx2 : ist__kernels_portable;
}

const ist__kernel_set *ist__kernel_set_at(int32_t i)
{
    if (runs_avx512() && i-- == 0) return ist__kernels_avx512;
    if (runs_avx2() && i-- == 0) return ist__kernels_avx2;
    return i == 0 ? ist__kernels_portable : NULL;
}

void ist__batch_norm_forward(int32_t rows, int32_t columns, int64_t ld, float *z, const float *gamma, const float *beta,
                             bool relu, float *y, float *inv_std)
{
    fastest()->batch_norm_forward(rows, columns, ld, z, gamma, beta, relu, y, inv_std);
}

void ist__batch_norm_backward(int32_t rows, int32_t columns, int64_t ld, const float *xhat, const float *y, bool relu,
                              const float *gamma, const float *inv_std, float *d, float *dgamma, float *dbeta)
{
    fastest()->batch_norm_backward(rows, columns, ld, xhat, y, relu, gamma, inv_std, d, dgamma, dbeta);
}

void ist__affine_relu_forward(int32_t rows, int32_t columns, int64_t ld, const float *z, const float *scale,
                              const float *shift, bool relu, float *y)
{
    fastest()->affine_relu_forward(rows, columns, ld, z, scale, shift, relu, y);
}

void ist__bias_relu_backward(int32_t rows, int32_t columns, int64_t ld, const float *y, bool relu, float *d,
                             float *dbias)
{
    fastest()->bias_relu_backward(rows, columns, ld, y, relu, d, dbias);
}

void ist__row_moments(int32_t rows, int32_t columns, int64_t ld, const float *z, float *mean, float *m2)
{
    fastest()->row_moments(rows, columns, ld, z, mean, m2);
}

void ist__softmax_cross_entropy(int32_t classes, int32_t first, int32_t last, int64_t ld, const float *logits,
                                const int32_t *labels, float scale, float *d, float *loss, int32_t *best)
{
    fastest()->softmax_cross_entropy(classes, first, last, ld, logits, labels, scale, d, loss, best);
}

void ist__update_sgd(int64_t count, float *w, const float *g, float lr, float keep)
{
    fastest()->update_sgd(count, w, g, lr, keep);
}

void ist__update_momentum(int64_t count, float *w, float *v, const float *g, float lr, float keep, float mu,
                          bool nesterov)
{
    fastest()->update_momentum(count, w, v, g, lr, keep, mu, nesterov);
}

void ist__update_adam(int64_t count, float *w, float *m, float *v, const float *g, float lr, float keep,
                      const ist__adam *adam)
{
    fastest()->update_adam(count, w, m, v, g, lr, keep, adam);
}
