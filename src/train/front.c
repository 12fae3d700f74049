/* front.c - copies a first layer into panels and runs sparse rows through it.  Floor: train. */
#include "train/front.h"

#include "base/share.h"
#include "train/stripes.h"

static size_t front_bytes(const ist__shape *shape)
{
    const int64_t panels = (shape->layer[0].outputs + IST__PANEL - 1) / IST__PANEL;
    return (size_t)(panels * IST__PANEL * shape->layer[0].inputs) * sizeof(float);
}

void ist__front_need(const ist__host *host, const ist__shape *shape, ist__need *needs)
{
    const size_t bytes = (front_bytes(shape) + IST__HUGE_PAGE_BYTES - 1) / IST__HUGE_PAGE_BYTES * IST__HUGE_PAGE_BYTES;
    for (int32_t t = 0; t < host->plan->team_count; t++) {
        size_t first, last;
        ist__stripe_of(bytes, t, host->plan->team_count, &first, &last);
        needs[host->plan->teams[t].home].later += (int64_t)(last - first);
    }
}

typedef struct copying {
    const ist__front *front;
    const ist__host *host;
    const ist__net *net;
} copying;

static void copy_panels(void *argument, ist__worker *worker)
{
    const copying *c = argument;
    const ist__layer *to = &c->front->layer, *from = &c->net->shape.layer[0];
    int64_t first, last;
    ist__share((to->outputs + IST__PANEL - 1) / IST__PANEL, worker->thread, worker->threads, &first, &last);
    for (int64_t p = first; p < last; p++) {
        const float *rows[IST__PANEL];
        for (int j = 0; j < IST__PANEL; j++) {
            const int64_t o = p * IST__PANEL + j;
            rows[j] = o < to->outputs ? c->net->param + from->weight + o * from->inputs : NULL;
        }
        float *panel = (float *)(void *)c->front->region.base + p * to->panel_stride;
        c->host->engine.kernels->pack_panel(rows, NULL, to->inputs, panel);
    }
}

ist_status ist__front_create(ist__front *out, const ist__host *host, const ist__net *net, ist__error *error)
{
    *out = (ist__front){.layer = net->shape.layer[0]};
    out->layer.panel = IST__PANEL;
    out->layer.panel_stride = (int64_t)out->layer.inputs * IST__PANEL;
    out->layer.weight = 0;
    const ist_status status = ist__stripes_create(&out->region, host, front_bytes(&net->shape), error);
    copying c = {out, host, net};
    return status ? status : ist__crew_run(host->crew, copy_panels, &c, error);
}

void ist__front_destroy(ist__front *front)
{
    ist__region_destroy(&front->region);
}

int64_t ist__front_chunk_floats(int64_t columns)
{
    return columns * (int64_t)((sizeof(int64_t) + sizeof(int32_t)) / sizeof(float));
}

ist__front_chunk ist__front_chunk_at(float *memory, int64_t columns)
{
    int64_t *first = (int64_t *)(void *)memory;
    return (ist__front_chunk){first, (int32_t *)(void *)(first + columns)};
}

void ist__front_load(const ist__front_chunk *chunk, const ist__rows *rows, const uint32_t *index, int64_t first_row,
                     int32_t count, int32_t columns, int32_t *labels, const ist__worker *worker)
{
    int64_t c, end;
    ist__share(columns, worker->rank, worker->size, &c, &end);
    for (; c < end; c++) {
        const bool there = c < count;
        const int64_t row = !there ? 0 : index ? (int64_t)index[c] : first_row + c;
        chunk->first[c] = rows->sparse->row_begin[row];
        chunk->count[c] = there ? (int32_t)(rows->sparse->row_begin[row + 1] - chunk->first[c]) : 0;
        if (there && labels && rows->labels) labels[c] = rows->labels[row];
    }
}

void ist__front_forward(const ist__front *front, const ist__rows *rows, const ist__net *net, int32_t l,
                        const ist__engine *engine, const ist__layer_pass *pass, float *input, float *z, int64_t ld,
                        int32_t columns, int32_t product_columns, const ist__worker *worker)
{
    if (l > 0 || !rows->sparse) {
        ist__forward_layer(&net->shape.layer[l], net->param, engine, pass, input, z, z, ld, columns, product_columns,
                           worker);
        return;
    }
    const ist__front_chunk chunk = ist__front_chunk_at(input, ld);
    const ist__sparse_columns samples = {chunk.first, chunk.count, rows->sparse->feature, rows->sparse->value};
    ist__forward_sparse(&front->layer, (const float *)(const void *)front->region.base, engine, pass, &samples, z, z,
                        ld, columns, product_columns, worker);
}
