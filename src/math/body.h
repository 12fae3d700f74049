/* body.h - all bodies, and `set_named`, the table of what was made of them.  Included by kernels_*.c alone. */
#ifndef IST_MATH_BODY_H
#define IST_MATH_BODY_H

#include "math/body_assemble.h"
#include "math/body_best.h"
#include "math/body_drop.h"
#include "math/body_few.h"
#include "math/body_labels.h"
#include "math/body_norm.h"
#include "math/body_optimize.h"
#include "math/body_panel.h"
#include "math/body_product.h"
#include "math/body_regression.h"
#include "math/body_softmax.h"
#include "math/body_sparse.h"
#include "math/kernels.h"

#define SET_NAMED(text)                                                                                               \
  {                                                                                                                   \
    .name = (text), .fused = LANES_FUSED, .product = product, .weight_step = weight_step, .step = step,               \
    .pack_panel = pack_panel, .unpack_panel = unpack_panel, .assemble = assemble,                                     \
    .batch_norm_forward = batch_norm_forward, .batch_norm_backward = batch_norm_backward,                             \
    .affine_forward = affine_forward, .bias_backward = bias_backward, .row_moments = row_moments,                     \
    .softmax_cross_entropy = softmax_cross_entropy, .regression_loss = regression_loss, .drop = drop, .scale = scale, \
    .all_finite = all_finite, .few = few, .product_onto = product_onto, .label_exps = label_exps,                     \
    .label_totals = label_totals, .label_gradient = label_gradient, .label_sigmoids = label_sigmoids,                 \
    .label_tops = label_tops, .sparse_product = sparse_product, .sparse_step = sparse_step                            \
  }

#endif
