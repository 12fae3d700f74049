/* body_few.h - a layer for few samples: neurons in the lanes, every weight read once, in the order it lies in.
 *
 * With one sample a product does two operations for each weight it reads, and memory is all that counts.  The tiles of
 * body_product.h keep samples in the lanes and would multiply sixteen for the sake of one.  Here a step takes P lines of
 * weights, one of each of P panels, and spreads the R numbers of the samples over their lanes.  An element's chain of
 * multiply-adds is the one of body_product.h, so the bits are the same.
 *
 * Why several panels at once: a chain of multiply-adds waits 4 cycles from link to link, in which a line arrives.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_FEW_H
#define IST_MATH_BODY_FEW_H

#include "math/body_norm.h"
#include "math/kernels.h"
#include "math/lanes.h"

enum { FEW_PARTS = LANES / LANES_PART, FEW_PANELS = 4, FEW_LINES_AHEAD = 16 };

typedef struct few_work {
    const ist__few *f;
    const float *weight; /* of the first panel of the tile */
    const float *scale, *shift;
    float *y;
} few_work;

LANES_INLINE void few_tile(const int R, const int P, const few_work *t)
{
    const ist__few *f = t->f;
    lanes sum[IST__FEW_ROWS][FEW_PANELS];
    LANES_UNROLL
    for (int r = 0; r < R; r++) {
        LANES_UNROLL
        for (int p = 0; p < P; p++) sum[r][p] = lanes_all(0);
    }
    const float *weight = t->weight;
    for (int32_t k = 0; k < f->inputs; k++, weight += LANES) {
        lanes_f32 factor[IST__FEW_ROWS];
        LANES_UNROLL
        for (int r = 0; r < R; r++) factor[r] = lanes_part_all(f->x[r * f->ldx + k]);
        LANES_UNROLL
        for (int p = 0; p < P; p++) {
            const float *line = weight + p * f->panel_stride;
            __builtin_prefetch(line + FEW_LINES_AHEAD * LANES, 0, 3);
            LANES_EACH (i) {
                const lanes_f32 some = lanes_part_load(line + i * LANES_PART);
                LANES_UNROLL
                for (int r = 0; r < R; r++) sum[r][p].part[i] = lanes_part_fma(factor[r], some, sum[r][p].part[i]);
            }
        }
    }
    LANES_UNROLL
    for (int r = 0; r < R; r++) {
        LANES_UNROLL
        for (int p = 0; p < P; p++) {
            lanes v = lanes_mul(lanes_load_16(t->scale + p * LANES), sum[r][p]);
            v = lanes_add(v, lanes_load_16(t->shift + p * LANES));
            lanes_store_16(t->y + r * f->ldy + p * LANES, f->activation == IST_RELU ? lanes_relu(v) : v);
        }
    }
}

#define FEW(R)                                             \
  static void few_rows_##R(const ist__few *f)              \
  {                                                        \
    few_work t = {f, f->weight, f->scale, f->shift, f->y}; \
    for (int32_t p = 0; p < f->panels;) {                  \
      const bool many = f->panels - p >= FEW_PANELS;       \
      if (many) few_tile(R, FEW_PANELS, &t);               \
      else few_tile(R, 1, &t);                             \
      const int32_t done = many ? FEW_PANELS : 1;          \
      p += done;                                           \
      t.weight += done * f->panel_stride;                  \
      t.scale += done * LANES;                             \
      t.shift += done * LANES;                             \
      t.y += done * LANES;                                 \
    }                                                      \
  }
FEW(1)
FEW(2)
FEW(3)
FEW(4)
#undef FEW

static void few(const ist__few *f)
{
    switch (f->rows) {
    case 1: few_rows_1(f); break;
    case 2: few_rows_2(f); break;
    case 3: few_rows_3(f); break;
    default: few_rows_4(f);
    }
    for (int32_t r = 0; is_smooth(f->activation) && r < f->rows; r++)
        activate_row(f->panels * LANES, f->activation, f->y + r * f->ldy);
}

#endif
