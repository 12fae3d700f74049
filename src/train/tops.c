/* tops.c - the last layer by tiles of labels.
 *
 * A chunk has one barrier inside: before it threads own tiles, behind it rows.  Lists of threads are merged in the order of
 * threads, whose labels ascend with them: so an equal logit that comes later is always of a higher label.
 *
 * Floor: train.  Hot.
 */
#include "train/tops.h"

#include <math.h>
#include <string.h>

#include "data/labels.h"

/* Weights of more inputs than this are read where they lie: a packed tile has 8 MiB then. */
enum { TILE = IST__TOPS_TILE, PACKED_INPUTS = 16384, AHEAD = 16 };

static int32_t tiles_of(const ist__tops *tops)
{
    return (tops->layer->outputs + TILE - 1) / TILE;
}

static bool packs(const ist__tops *tops)
{
    return tops->engine->kind == IST_ENGINE_NATIVE && tops->layer->inputs <= PACKED_INPUTS;
}

/* -------------------------------------------------------------------------------------------------------- room -- */

void ist__tops_prepare(ist__tops *tops)
{
    int32_t longest = 0;
    for (int64_t row = 0; tops->data && row < tops->data->rows; row++) {
        const int32_t count = ist__labels_of(tops->data, row).count;
        if (count > longest) longest = count;
    }
    tops->pairs = longest * tops->ld;
}

enum { SEAT_PIECES = 11, TEAM_PIECES = 4 };

/* Bytes of the pieces of a seat, in the order of its fields. */
static void seat_sizes(const ist__tops *tops, size_t sizes[SEAT_PIECES])
{
    const size_t ld = (size_t)tops->ld, list = ld * (size_t)tops->most;
    const size_t packed = packs(tops) ? (size_t)tops->layer->inputs * TILE : 0;
    const size_t floats[] = {TILE * ld, packed, TILE, ld, TILE, list, list, ld, 2 * ld, ld, 2 * ld};
    for (size_t i = 0; i < SEAT_PIECES; i++) sizes[i] = floats[i] * sizeof(float);
}

static void team_sizes(const ist__tops *tops, int32_t threads, size_t sizes[TEAM_PIECES])
{
    const size_t sums = tops->sums ? (size_t)tiles_of(tops) * (size_t)tops->ld * sizeof(float) : 0;
    sizes[0] = (size_t)threads * sizeof(ist__tops_seat);
    sizes[1] = sizes[2] = sums;
    sizes[3] = (size_t)tops->pairs * sizeof(float);
}

size_t ist__tops_bytes(const ist__tops *tops, int32_t threads)
{
    size_t of_seat[SEAT_PIECES], of_team[TEAM_PIECES], bytes = 0;
    seat_sizes(tops, of_seat);
    team_sizes(tops, threads, of_team);
    for (size_t i = 0; i < SEAT_PIECES; i++) bytes += (size_t)threads * ist__region_size(of_seat[i]);
    for (size_t i = 0; i < TEAM_PIECES; i++) bytes += ist__region_size(of_team[i]);
    return bytes;
}

void ist__tops_take(const ist__tops *tops, ist__region *region, int32_t threads, ist__tops_team *out)
{
    size_t of_seat[SEAT_PIECES], of_team[TEAM_PIECES];
    seat_sizes(tops, of_seat);
    team_sizes(tops, threads, of_team);
    void **const of_all[] = {(void **)&out->seats, (void **)&out->tops, (void **)&out->sums, (void **)&out->pair_logit};
    for (size_t i = 0; i < TEAM_PIECES; i++) *of_all[i] = ist__region_take(region, of_team[i]);
    for (int32_t t = 0; t < threads; t++) {
        ist__tops_seat *seat = &out->seats[t];
        void **const pieces[] = {(void **)&seat->block,   (void **)&seat->packed, (void **)&seat->inv_std,
                                 (void **)&seat->top,     (void **)&seat->none,   (void **)&seat->logit,
                                 (void **)&seat->label,   (void **)&seat->next,   (void **)&seat->pair_begin,
                                 (void **)&seat->largest, (void **)&seat->total};
        for (size_t i = 0; i < SEAT_PIECES; i++) *pieces[i] = ist__region_take(region, of_seat[i]);
    }
}

/* ------------------------------------------------------------------------------------------------------- tiles -- */

/* Weights of labels [first, first + labels), which stand in rows of all labels, in panels of 16.  Idle lanes of the last are not
 * read. */
static void pack_tile(const ist__layer *layer, const float *param, int32_t first, int32_t labels, float *packed)
{
    const int64_t stride = (int64_t)layer->inputs * IST__PANEL;
    const float *from = param + layer->weight + first;
    for (int32_t k = 0; k < layer->inputs; k++, from += layer->panel)
        for (int32_t at = 0; at < labels; at += IST__PANEL) {
            /* Rows lie pages apart, where the processor foresees nothing. */
            if (k + AHEAD < layer->inputs) __builtin_prefetch(from + AHEAD * (int64_t)layer->panel + at, 0, 3);
            float *to = packed + at / IST__PANEL * stride + (int64_t)k * IST__PANEL;
            if (labels - at >= IST__PANEL) memcpy(to, from + at, IST__PANEL * sizeof *to);
            else memcpy(to, from + at, (size_t)(labels - at) * sizeof *to);
        }
}

static const float *at_label(const float *of_layer, int32_t label)
{
    return of_layer ? of_layer + label : NULL;
}

static void forward_tile(const ist__tops *tops, const ist__tops_seat *seat, const ist__layer_pass *pass,
                         const float *hidden, int32_t count, int32_t product_columns, int32_t first, int32_t labels)
{
    const ist__layer_pass of_tile = {.kind = pass->kind,
                                     .gamma = at_label(pass->gamma, first),
                                     .beta = at_label(pass->beta, first),
                                     .inv_std = seat->inv_std,
                                     .scale = at_label(pass->scale, first),
                                     .shift = at_label(pass->shift, first)};
    ist__layer layer = *tops->layer;
    const float *param = tops->param;
    int32_t row = first;
    if (packs(tops)) {
        pack_tile(tops->layer, tops->param, first, labels, seat->packed);
        layer.panel = IST__PANEL;
        layer.panel_stride = (int64_t)layer.inputs * IST__PANEL;
        layer.weight = 0;
        param = seat->packed;
        row = 0;
    }
    if (tops->engine->kind == IST_ENGINE_NATIVE)
        product_columns = (int32_t)ist__padded_columns(count); /* the same bits */
    ist__forward_rows(&layer, param, tops->engine, &of_tile, row, labels, hidden, seat->block, seat->block, tops->ld,
                      count, product_columns);
}

/* ------------------------------------------------------------------------------------------------------- lists -- */

/* Into a list that descends, of `kept` numbers, at most `most`; the caller knows that it belongs there.  Behind its equals:
 * its label is higher than theirs. */
static int32_t insert(float *logit, int32_t *label, int32_t kept, int32_t most, float x, int32_t of)
{
    int32_t at = kept < most ? kept++ : most - 1;
    for (; at > 0 && x > logit[at - 1]; at--) {
        logit[at] = logit[at - 1];
        label[at] = label[at - 1];
    }
    logit[at] = x;
    label[at] = of;
    return kept;
}

/* Labels of a tile into the lists.  Most tiles have nothing for most rows: their largest number says so. */
static void offer_tile(const ist__tops *tops, ist__tops_seat *seat, const float *top, int32_t count, int32_t first,
                       int32_t labels)
{
    const int32_t most = tops->most;
    int32_t kept = seat->kept;
    for (int32_t c = 0; c < count; c++) {
        float *logit = seat->logit + (int64_t)c * most;
        int32_t *label = seat->label + (int64_t)c * most;
        kept = seat->kept;
        if (kept == most && top[c] <= logit[most - 1]) continue; /* a NaN is looked behind */
        for (int32_t r = 0; r < labels; r++) {
            float x = tops->sharpness * seat->block[r * tops->ld + c];
            if (isnan(x)) x = -INFINITY;
            if (kept < most || x > logit[most - 1]) kept = insert(logit, label, kept, most, x, first + r);
        }
    }
    seat->kept = seat->kept + labels < most ? seat->kept + labels : most;
}

/* Lists of all threads into the first one's, which ends with `most`. */
static void merge_lists(const ist__tops *tops, const ist__tops_team *team, int32_t threads, int32_t c)
{
    const int32_t most = tops->most;
    float *logit = team->seats[0].logit + (int64_t)c * most;
    int32_t *label = team->seats[0].label + (int64_t)c * most;
    int32_t kept = team->seats[0].kept;
    for (int32_t t = 1; t < threads; t++) {
        const ist__tops_seat *seat = &team->seats[t];
        const int64_t of = (int64_t)c * most;
        for (int32_t i = 0; i < seat->kept; i++) {
            if (kept == most && !(seat->logit[of + i] > logit[most - 1])) break;
            kept = insert(logit, label, kept, most, seat->logit[of + i], seat->label[of + i]);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------- losses -- */

static int64_t row_of(const ist__tops_rows *rows, int32_t c)
{
    return rows->index ? rows->index[c] : rows->first + c;
}

static void begin_pairs(const ist__tops *tops, const ist__tops_seat *seat, const ist__tops_rows *rows)
{
    int64_t pair = 0;
    for (int32_t c = 0; c < rows->count; c++) {
        seat->next[c] = 0;
        seat->pair_begin[c] = pair;
        pair += ist__labels_of(tops->data, row_of(rows, c)).count;
    }
}

/* Logits of the rows' own labels that are in this tile, aside. */
static void note_pairs(const ist__tops *tops, const ist__tops_team *team, const ist__tops_seat *seat,
                       const ist__tops_rows *rows, int32_t first, int32_t labels)
{
    for (int32_t c = 0; c < rows->count; c++) {
        const ist__row_labels own = ist__labels_of(tops->data, row_of(rows, c));
        int32_t i = seat->next[c];
        while (i < own.count && own.at[i] < first) i++; /* tiles of other threads */
        for (; i < own.count && own.at[i] < first + labels; i++)
            team->pair_logit[seat->pair_begin[c] + i] =
                tops->sharpness * seat->block[(own.at[i] - first) * tops->ld + c];
        seat->next[c] = i;
    }
}

/* Sum of the logits of the row's own labels, ascending. */
static double own_logits(const ist__tops_team *team, int64_t pair, int32_t own)
{
    double sum = 0;
    for (int32_t i = 0; i < own; i++) sum += (double)team->pair_logit[pair + i];
    return sum;
}

static float loss_of(const ist__tops *tops, const ist__tops_team *team, const ist__tops_seat *seat,
                     const ist__tops_rows *rows, int32_t c)
{
    const int32_t own = ist__labels_of(tops->data, row_of(rows, c)).count, tiles = tiles_of(tops);
    const double sum = own_logits(team, seat->pair_begin[c], own);
    if (!tops->binary) return own > 0 ? (float)(ist__log(seat->total[c]) + ((double)seat->largest[c] - sum / own)) : 0;
    double all = 0;
    for (int32_t t = 0; t < tiles; t++) all += (double)team->sums[t * tops->ld + c];
    return (float)(all - sum);
}

static float score_of(const ist__tops *tops, const ist__tops_seat *seat, int32_t c, float logit)
{
    if (!tops->binary) return (float)((double)ist__exp(logit - seat->largest[c]) / seat->total[c]);
    return ist__sigmoid(logit);
}

/* -------------------------------------------------------------------------------------------------------- chunk -- */

static void run_tiles(const ist__tops *tops, const ist__tops_team *team, const ist__layer_pass *pass,
                      const float *hidden, const ist__tops_rows *rows, int32_t product_columns, bool losses,
                      const ist__worker *worker)
{
    ist__tops_seat *seat = &team->seats[worker->rank];
    int64_t begin, end;
    ist__share(tiles_of(tops), worker->rank, worker->size, &begin, &end);
    const ist__kernel_set *kernels = tops->engine->kernels;
    const int32_t columns = (int32_t)ist__padded_columns(rows->count);
    seat->kept = 0;
    if (losses) begin_pairs(tops, seat, rows);
    for (int64_t tile = begin; tile < end; tile++) {
        const int32_t first = (int32_t)tile * TILE, left = tops->layer->outputs - first;
        const int32_t labels = left < TILE ? left : TILE;
        float *top = tops->sums ? team->tops + tile * tops->ld : seat->top;
        float *sum = tops->sums ? team->sums + tile * tops->ld : NULL;
        forward_tile(tops, seat, pass, hidden, rows->count, product_columns, first, labels);
        kernels->label_tops(labels, columns, tops->ld, tops->sharpness, seat->block, top, tops->binary ? NULL : sum);
        offer_tile(tops, seat, top, rows->count, first, labels);
        if (losses) note_pairs(tops, team, seat, rows, first, labels);
        if (sum && tops->binary)
            kernels->label_sigmoids(labels, columns, tops->ld, tops->sharpness, seat->none, 1, seat->block, sum);
    }
}

void ist__tops_chunk(const ist__tops *tops, const ist__tops_team *team, const ist__layer_pass *pass,
                     const float *hidden, const ist__tops_rows *rows, int32_t product_columns, const ist__tops_out *out,
                     ist__worker *worker)
{
    run_tiles(tops, team, pass, hidden, rows, product_columns, out->loss != NULL, worker);
    ist__team_barrier(worker); /* lists and sums of all tiles */
    const int32_t most = tops->most, blocks = (int32_t)ist__padded_columns(rows->count) / IST__LANES;
    const ist__tops_seat *lists = &team->seats[0], *mine = &team->seats[worker->rank];
    int64_t from, to;
    ist__share(blocks, worker->rank, worker->size, &from, &to);
    from *= IST__LANES;
    to *= IST__LANES;
    if (tops->sums && !tops->binary && from < to)
        tops->engine->kernels->label_totals(tiles_of(tops), (int32_t)from, (int32_t)to, tops->ld, team->tops,
                                            team->sums, mine->largest, mine->total);
    for (int32_t c = (int32_t)from; c < (int32_t)to && c < rows->count; c++) {
        const int64_t row = row_of(rows, c), at = (int64_t)c * most;
        merge_lists(tops, team, worker->size, c);
        memcpy(out->label + row * most, lists->label + at, (size_t)most * sizeof *out->label);
        if (out->loss) out->loss[row] = loss_of(tops, team, mine, rows, c);
        for (int32_t i = 0; out->score && i < most; i++)
            out->score[row * most + i] = score_of(tops, mine, c, lists->logit[at + i]);
    }
}
