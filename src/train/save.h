/* save.h - checkpoints that are written while rounds go on. */
#ifndef IST_TRAIN_SAVE_H
#define IST_TRAIN_SAVE_H

#include "model/checkpoint.h"
#include "train/training.h"

/* resume.c: what a checkpoint holds beside the net, as the run stands now: pointers into the training, and into `record`,
 * room for ist__record_bytes() bytes. */
size_t ist__record_bytes(void);
ist__run_state ist__training_state(ist__training *training, void *record);

/* Striped arrays of the master's size that a copy of a run takes. */
int ist__save_arrays(const ist_train_config *config);
/* Where config->background_saves: take that memory now.  IST_E_MEMORY, IST_E_PLACEMENT. */
ist_status ist__save_prepare(ist__training *training, ist__error *error);
/* The copies (up to SAVE_REGIONS), each zeroed or striped as the master is; NULL: nothing was saved yet. */
enum { IST__SAVE_REGIONS = 1 + IST__RUN_ARRAYS };
const ist__region *ist__save_regions(const ist__training *training);
/* Ends the one under way first. */
void ist__save_destroy(ist__training *training);

#endif
