/* rank.c - ranking metrics of the XMC repository.  Floor: train.  Cold: its sums are over a few labels a row. */
#include "train/rank.h"

#include <math.h>
#include <string.h>

#include "data/labels.h"
#include "math/kernels.h"
#include "train/wide.h"

/* Of the model of propensities: Jain, Prabhu and Varma, KDD 2016, with the numbers that are usual where none were fitted. */
static const double PROPENSITY_A = 0.55, PROPENSITY_B = 1.5;

bool ist__ranks(const ist__net *net, const ist_dataset *data)
{
    const ist__rows rows = ist__dataset_rows(data);
    if (ist__shape_regresses(&net->shape)) return false;
    return net->shape.width[net->shape.layer_count] >= IST__WIDE || ist__rows_have_lists(&rows);
}

static bool has_label(ist__row_labels own, int32_t label)
{
    int32_t low = 0, high = own.count; /* the first that is not below it */
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (own.at[middle] < label) low = middle + 1;
        else high = middle;
    }
    return low < own.count && own.at[low] == label;
}

int64_t ist__count_right(const ist_dataset *data, const int32_t *best)
{
    int64_t right = 0;
    for (int64_t row = 0; row < data->rows; row++) right += has_label(ist__labels_of(data, row), best[row]);
    return right;
}

void ist__inverse_propensities(const ist_dataset *data, int32_t classes, double *out)
{
    memset(out, 0, (size_t)classes * sizeof *out);
    for (int64_t row = 0; row < data->rows; row++) {
        const ist__row_labels own = ist__labels_of(data, row);
        for (int32_t i = 0; i < own.count; i++) out[own.at[i]] += 1;
    }
    const double factor = (log((double)data->rows) - 1) * pow(PROPENSITY_B + 1, PROPENSITY_A);
    for (int32_t l = 0; l < classes; l++) out[l] = 1 + factor * pow(out[l] + PROPENSITY_B, -PROPENSITY_A);
}

/* The largest inverse propensities of the row's own labels, descending, then 0: what could be had. */
static void best_had(ist__row_labels own, const double *inverse, double had[IST_RANKS])
{
    for (int32_t k = 0; k < IST_RANKS; k++) had[k] = 0;
    for (int32_t i = 0; i < own.count; i++) {
        const double x = inverse[own.at[i]];
        int32_t at = IST_RANKS - 1;
        if (!(x > had[at])) continue;
        for (; at > 0 && x > had[at - 1]; at--) had[at] = had[at - 1];
        had[at] = x;
    }
}

void ist__rank_rows(const ist_dataset *data, int32_t kept, const int32_t *top, const double *inverse, ist_ranking *out)
{
    double discount[IST_RANKS], gained[IST_RANKS] = {0}, possible[IST_RANKS] = {0};
    for (int32_t k = 0; k < IST_RANKS; k++) {
        discount[k] = 1 / log2(k + 2.0);
        out->precision[k] = out->ndcg[k] = out->psp[k] = 0;
    }
    out->rows = data->rows;
    out->labels = out->rows_without = 0;
    for (int64_t row = 0; row < data->rows; row++, top += kept) {
        const ist__row_labels own = ist__labels_of(data, row);
        double right = 0, worth = 0, ideal = 0, scored = 0, most = 0, had[IST_RANKS] = {0};
        out->labels += own.count;
        out->rows_without += own.count == 0;
        if (inverse) best_had(own, inverse, had);
        for (int32_t k = 0; k < IST_RANKS; k++) {
            const bool hit = k < kept && has_label(own, top[k]);
            right += hit;
            worth += hit ? discount[k] : 0;
            ideal += k < own.count ? discount[k] : 0;
            scored += hit && inverse ? inverse[top[k]] : 0;
            most += had[k];
            out->precision[k] += right / (k + 1);
            out->ndcg[k] += own.count > 0 ? worth / ideal : 0;
            gained[k] += scored;
            possible[k] += most;
        }
    }
    for (int32_t k = 0; k < IST_RANKS; k++) {
        out->precision[k] /= (double)data->rows;
        out->ndcg[k] /= (double)data->rows;
        if (possible[k] > 0) out->psp[k] = gained[k] / possible[k];
    }
}
