/* assemble.c - splits the assembly of a batch between the threads of a team.  Floor: train.  Hot: once a batch. */
#include "train/assemble.h"

#include "ist/ist.h"

void ist__assemble_band(int32_t features, const ist__worker *worker, int32_t *first, int32_t *last)
{
    enum { UNIT = IST__LANES }; /* features that the kernel turns around together */
    int64_t a, b;
    ist__share((features + UNIT - 1) / UNIT, worker->rank, worker->size, &a, &b);
    *first = (int32_t)a * UNIT;
    *last = b * UNIT < features ? (int32_t)b * UNIT : features;
}

void ist__assemble_share(const ist__engine *engine, const ist__rows *rows, const uint32_t *index, int64_t first_row,
                         int32_t count, const ist__scaling *scaling, float *out, int64_t ld, int32_t *labels,
                         const ist__worker *worker)
{
    const ist__samples samples = {.x = rows->x,
                                  .row_stride_bytes = rows->row_stride_bytes,
                                  .bytes = rows->type == IST_UINT8,
                                  .index = index,
                                  .first_row = first_row};
    int32_t begin, end;
    ist__assemble_band(rows->features, worker, &begin, &end);
    if (begin < end)
        engine->kernels->assemble(&samples, count, begin, end, scaling->shift, scaling->factor, scaling->uniform, out,
                                  ld);
    if (worker->rank != 0 || !labels || !rows->labels) return;
    for (int32_t c = 0; c < count; c++) labels[c] = rows->labels[index ? (int64_t)index[c] : first_row + c];
}

void ist__assemble_targets(const ist__engine *engine, const ist__rows *rows, const uint32_t *index, int64_t first_row,
                           int32_t count, const ist__scaling *scaling, float *out, int64_t ld,
                           const ist__worker *worker)
{
    const ist__samples samples = {.x = rows->targets,
                                  .row_stride_bytes = rows->target_stride * (int64_t)sizeof(float),
                                  .index = index,
                                  .first_row = first_row};
    int32_t begin, end;
    ist__assemble_band(rows->target_count, worker, &begin, &end);
    if (begin < end)
        engine->kernels->assemble(&samples, count, begin, end, scaling->shift, scaling->factor, scaling->uniform, out,
                                  ld);
}
