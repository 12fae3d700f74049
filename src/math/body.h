/* body.h - all bodies, and `set_named`, the table of what was made of them.  Included by kernels_*.c alone. */
#ifndef IST_MATH_BODY_H
#define IST_MATH_BODY_H

#include "math/body_norm.h"
#include "math/body_optimize.h"
#include "math/body_softmax.h"
#include "math/kernel_set.h"

#define SET_NAMED(text)                                                                                               \
  {                                                                                                                   \
    .name = (text), .batch_norm_forward = batch_norm_forward, .batch_norm_backward = batch_norm_backward,             \
    .affine_relu_forward = affine_relu_forward, .bias_relu_backward = bias_relu_backward, .row_moments = row_moments, \
    .softmax_cross_entropy = softmax_cross_entropy, .update_sgd = update_sgd, .update_momentum = update_momentum,     \
    .update_adam = update_adam                                                                                        \
  }

#endif
