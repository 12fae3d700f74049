/* fit.h - does a dataset fit a net, do its statistics?  Asked by training, evaluation, predictors and exports alike. */
#ifndef IST_TRAIN_FIT_H
#define IST_TRAIN_FIT_H

#include "data/dataset.h"
#include "math/engine.h"
#include "model/params.h"

/* The same number of features, or IST_E_SHAPE with both.  Sparse rows: the engine and the net's normalization must be such
 * that zeros need not be looked at, or IST_E_ARGUMENT; engine NULL: nothing will be computed. */
ist_status ist__fit_features(const ist__engine *engine, const ist__net *net, const ist_dataset *data,
                             ist__error *error);

/* Labels are there, one a row or in lists, and no class is unknown to the net; of a regression, as many targets as it has; else IST_E_SHAPE. */
ist_status ist__fit_answers(const ist__net *net, const ist_dataset *data, ist__error *error);

/* Statistics of batch norm, if it has any, are those of the present parameters; else IST_E_ARGUMENT. */
ist_status ist__fit_statistics(const ist__net *net, ist__error *error);

#endif
