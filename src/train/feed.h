/* feed.h - rows that are fed while rounds go on. */
#ifndef IST_TRAIN_FEED_H
#define IST_TRAIN_FEED_H

#include "train/training.h"

/* Its queue, empty.  IST_E_MEMORY. */
ist_status ist__feed_create(ist__training *training, ist__error *error);
void ist__feed_destroy(ist__training *training);

/* As ist_trainer_feed tells.  [any thread] */
ist_status ist__feed_rows(ist__training *training, const ist_feed *rows, ist__error *error);

/* By worker (0, 0), while all others wait: what waits is taken for the round that opens; joins tells whether there is any. */
void ist__feed_open(ist__training *training);
/* Where it does, by all threads: their share, into the dataset and into what lies on their node; and a barrier of all. */
void ist__feed_join(ist__training *training, ist__worker *worker);

#endif
