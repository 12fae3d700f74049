/* rank.h - how good the best labels of rows are: precision, nDCG and propensity-scored precision at k. [M20] */
#ifndef IST_TRAIN_RANK_H
#define IST_TRAIN_RANK_H

#include "train/evaluate.h"

/* Are there too many classes for an array of all logits, or lists of labels?  Then rows are answered for by tops.h. */
bool ist__ranks(const ist__net *net, const ist_dataset *data);

/* How many of these rows (rows, 1) have what was told of them among their labels? */
int64_t ist__count_right(const ist_dataset *data, const int32_t *best);

/* 1 / propensity of each label, by how many rows of `data` have it: out (classes), which is data->classes or more. */
void ist__inverse_propensities(const ist_dataset *data, int32_t classes, double *out);

/* Means over rows, in their order, of what `top` (rows, kept) is worth, best first; rows without labels count as 0.  Where
 * fewer than k labels are kept, the others were wrong.  inverse (classes); NULL: psp stays 0. */
void ist__rank_rows(const ist_dataset *data, int32_t kept, const int32_t *top, const double *inverse, ist_ranking *out);

#endif
