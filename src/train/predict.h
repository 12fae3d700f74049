/* predict.h - what a round will cost, by arithmetic: plan, net, training and rates give seconds and bytes. [M17] */
#ifndef IST_TRAIN_PREDICT_H
#define IST_TRAIN_PREDICT_H

#include "train/training.h"

/* Checks rates: IST_E_ARGUMENT names the field. */
ist_status ist__rates_check(const ist_rates *rates, ist__error *error);

/* A pure function.  host: its plan is the one of this training (settle.h), its engine cuts the work; config: checked, subnets
 * resolved; rates: checked.  out: struct_size is left alone.  IST_E_ARGUMENT, IST_E_MEMORY. */
ist_status ist__predict(const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                        const ist_rates *rates, ist_prediction *out, ist__error *error);

#endif
