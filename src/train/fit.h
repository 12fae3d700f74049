/* fit.h - does a dataset fit a net?  Asked by training, evaluation and normalization alike. */
#ifndef IST_TRAIN_FIT_H
#define IST_TRAIN_FIT_H

#include "data/dataset.h"
#include "model/params.h"

/* The same number of features, or IST_E_SHAPE with both. */
ist_status ist__fit_features(const ist__net *net, const ist_dataset *data, ist__error *error);

/* Labels are there, and no class is unknown to the net; of a regression, as many targets as it has; else IST_E_SHAPE. */
ist_status ist__fit_answers(const ist__net *net, const ist_dataset *data, ist__error *error);

#endif
