/* body_norm.h - batch norm, bias and activation, forward and backward, in 16 lanes.
 *
 * Rows are short (a batch: 128 floats are 512 bytes), so a row stays in the first cache while it is passed over two or
 * three times, and the passes can be what numerics wants: first the mean, then the squares of deviations from it.
 * ReLU is part of a pass over a row; the other activations are one of their own, which costs little beside their exps.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_NORM_H
#define IST_MATH_BODY_NORM_H

#include <stddef.h>

#include "ist/ist.h"
#include "math/kernels.h"
#include "math/lanes_activation.h"

/* c walks over blocks of 16 columns, n is how many of them are there: 16, and fewer in the last block. */
#define BLOCKS(c, n, columns)                                                   \
  for (int32_t c = 0, n = (columns) < LANES ? (columns) : LANES; c < (columns); \
       c += LANES, n = (columns)-c < LANES ? (columns)-c : LANES)

LANES_INLINE float row_mean(int32_t columns, const float *z)
{
    lanes sum = lanes_all(0);
    BLOCKS (c, n, columns) sum = lanes_add(sum, lanes_load(z + c, n));
    return lanes_sum(sum) / (float)columns;
}

/* Sum of squared deviations from `mean`. */
LANES_INLINE float row_m2(int32_t columns, const float *z, float mean)
{
    lanes sum = lanes_all(0);
    BLOCKS (c, n, columns) {
        const lanes off = lanes_first(lanes_sub(lanes_load(z + c, n), lanes_all(mean)), n);
        sum = lanes_add(sum, lanes_mul(off, off));
    }
    return lanes_sum(sum);
}

static void row_moments(int32_t rows, int32_t columns, int64_t ld, const float *z, float *mean, float *m2)
{
    for (int32_t r = 0; r < rows; r++) {
        mean[r] = row_mean(columns, z + r * ld);
        m2[r] = row_m2(columns, z + r * ld, mean[r]);
    }
}

LANES_INLINE float inverse_root(float x)
{
    return 1.0F / lanes_part_sqrt((lanes_f32){0} + x)[0];
}

LANES_INLINE bool is_smooth(int32_t activation)
{
    return activation != IST__LINEAR && activation != IST_RELU;
}

/* v becomes f(v), f neither nothing nor ReLU.  Not inline: the loops around the call are what they were without it. */
static __attribute__((noinline)) void activate_row(int32_t columns, int32_t activation, float *v)
{
#define ACTIVATE(function) \
  BLOCKS (c, n, columns) lanes_store(v + c, function(lanes_load(v + c, n)), n)
    if (activation == IST_GELU) ACTIVATE(lanes_gelu);
    else if (activation == IST_TANH) ACTIVATE(lanes_tanh);
    else if (activation == IST_SILU) ACTIVATE(lanes_silu);
#undef ACTIVATE
}

/* Likewise d = dL/df becomes dL/dv: times the slope at v = scale z + shift, as forward had it; scale NULL: 1. */
static __attribute__((noinline)) void slope_row(int32_t columns, int32_t activation, const float *z, const float *scale,
                                                float shift, float *d)
{
#define SLOPE(function)                                                  \
  BLOCKS (c, n, columns) {                                               \
    lanes v = lanes_load(z + c, n);                                      \
    if (scale) v = lanes_mul(lanes_all(*scale), v);                      \
    v = lanes_add(v, lanes_all(shift));                                  \
    lanes_store(d + c, lanes_mul(lanes_load(d + c, n), function(v)), n); \
  }
    if (activation == IST_GELU) SLOPE(lanes_gelu_slope)
    else if (activation == IST_TANH) SLOPE(lanes_tanh_slope)
    else if (activation == IST_SILU) SLOPE(lanes_silu_slope)
#undef SLOPE
}

static void batch_norm_forward(int32_t rows, int32_t columns, int64_t ld, float *z, const float *gamma,
                               const float *beta, int32_t activation, float *y, float *inv_std)
{
    const bool relu = activation == IST_RELU;
    for (int32_t r = 0; r < rows; r++, z += ld, y += ld) {
        const float mean = row_mean(columns, z);
        const float variance = row_m2(columns, z, mean) / (float)columns;
        inv_std[r] = inverse_root(variance + IST__NORM_EPSILON);
        BLOCKS (c, n, columns) {
            lanes v = lanes_mul(lanes_sub(lanes_load(z + c, n), lanes_all(mean)), lanes_all(inv_std[r]));
            lanes_store(z + c, v, n);
            if (gamma) v = lanes_add(lanes_mul(lanes_all(gamma[r]), v), lanes_all(beta[r]));
            lanes_store(y + c, relu ? lanes_relu(v) : v, n);
        }
        if (is_smooth(activation)) activate_row(columns, activation, y);
    }
}

/* With g = dL/dv, v what the activation is of:  dbeta = sum g,  dgamma = sum g xhat,  and because mean and deviation
 * depend on every sample of the row too:  dL/dz = gamma inv_std ((g - dbeta / B) - xhat (dgamma / B)).  [M4] */
static void batch_norm_backward(int32_t rows, int32_t columns, int64_t ld, const float *xhat, const float *y,
                                int32_t activation, const float *gamma, const float *beta, const float *inv_std,
                                float *d, float *dgamma, float *dbeta)
{
    const bool relu = activation == IST_RELU;
    for (int32_t r = 0; r < rows; r++) {
        const float *x_row = xhat + r * ld, *y_row = relu ? y + r * ld : NULL;
        float *d_row = d + r * ld;
        if (is_smooth(activation))
            slope_row(columns, activation, x_row, gamma ? gamma + r : NULL, beta ? beta[r] : 0, d_row);
        lanes sum_g = lanes_all(0), sum_gx = lanes_all(0);
        BLOCKS (c, n, columns) {
            lanes g = lanes_load(d_row + c, n);
            if (relu) {
                g = lanes_unless_negative(lanes_load(y_row + c, n), g);
                lanes_store(d_row + c, g, n);
            }
            sum_g = lanes_add(sum_g, g);
            sum_gx = lanes_add(sum_gx, lanes_mul(g, lanes_load(x_row + c, n)));
        }
        const float g_total = lanes_sum(sum_g), gx_total = lanes_sum(sum_gx);
        if (dgamma) dgamma[r] = gx_total;
        if (dbeta) dbeta[r] = g_total;
        const lanes g_mean = lanes_all(g_total / (float)columns), gx_mean = lanes_all(gx_total / (float)columns);
        const lanes factor = lanes_all(gamma ? gamma[r] * inv_std[r] : inv_std[r]);
        BLOCKS (c, n, columns) {
            const lanes centred = lanes_sub(lanes_load(d_row + c, n), g_mean);
            const lanes tilt = lanes_mul(lanes_load(x_row + c, n), gx_mean);
            lanes_store(d_row + c, lanes_mul(factor, lanes_sub(centred, tilt)), n);
        }
    }
}

static void affine_forward(int32_t rows, int32_t columns, int64_t ld, const float *z, const float *scale,
                           const float *shift, int32_t activation, float *y)
{
    const bool relu = activation == IST_RELU;
    for (int32_t r = 0; r < rows; r++, z += ld, y += ld) {
        BLOCKS (c, n, columns) {
            lanes v = lanes_load(z + c, n);
            if (scale) v = lanes_mul(lanes_all(scale[r]), v);
            v = lanes_add(v, lanes_all(shift[r]));
            lanes_store(y + c, relu ? lanes_relu(v) : v, n);
        }
        if (is_smooth(activation)) activate_row(columns, activation, y);
    }
}

static void bias_backward(int32_t rows, int32_t columns, int64_t ld, const float *z, const float *shift, const float *y,
                          int32_t activation, float *d, float *dbias)
{
    const bool relu = activation == IST_RELU;
    for (int32_t r = 0; r < rows; r++, d += ld) {
        if (is_smooth(activation)) slope_row(columns, activation, z + r * ld, NULL, shift[r], d);
        lanes sum = lanes_all(0);
        BLOCKS (c, n, columns) {
            lanes g = lanes_load(d + c, n);
            if (relu) {
                g = lanes_unless_negative(lanes_load(y + r * ld + c, n), g);
                lanes_store(d + c, g, n);
            }
            sum = lanes_add(sum, g);
        }
        dbias[r] = lanes_sum(sum);
    }
}

#endif
