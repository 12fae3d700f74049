/* predictor.h - a net frozen for answers: its weights as the kernels want them, each thread's share on its own node.
 *
 * The same weights serve two ways to ask.  All threads of the crew together, each with its share of every layer's
 * neurons, so that each weight is read once, by a core of the node it lies on: what one row takes is what memory takes.
 * Or the calling thread alone, any number of them at once, in a parallel region of the host's own: nothing here is
 * written then but work space that the thread has taken for itself.
 */
#ifndef IST_TRAIN_PREDICTOR_H
#define IST_TRAIN_PREDICTOR_H

#include "data/dataset.h"
#include "model/params.h"
#include "train/host.h"

typedef struct ist__predictor ist__predictor; /* opaque */

/* Rows that are asked about: as ist_dataset_wrap takes them. */
typedef struct ist__question {
    const void *x;
    int32_t type;
    int64_t rows, row_stride_bytes;
    float *answers; /* out (rows, classes) */
} ist__question;

/* A copy of the net, which needs statistics if it has batch norm.  answer: IST_ANSWER_*; rows_at_once >= 1: of the
 * largest block that goes through all layers.  host: borrowed.  IST_E_MEMORY, IST_E_PLACEMENT. */
ist_status ist__predictor_create(ist__predictor **out, const ist__host *host, const ist__net *net, int32_t answer,
                                 int32_t rows_at_once, ist__error *error);
void ist__predictor_destroy(ist__predictor *predictor); /* NULL is fine */

int32_t ist__predictor_features(const ist__predictor *predictor);

/* By the calling thread.  IST_E_MEMORY.  [any thread] */
ist_status ist__predictor_alone(const ist__predictor *predictor, const ist__question *question);
/* By all threads of the crew: one caller at a time.  IST_E_PLACEMENT. */
ist_status ist__predictor_together(ist__predictor *predictor, const ist__question *question, ist__error *error);

#endif
