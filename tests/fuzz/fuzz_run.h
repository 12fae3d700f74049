/* fuzz_run.h - the small run whose checkpoints are seeds, and into which they are resumed. */
#ifndef IST_TESTS_FUZZ_RUN_H
#define IST_TESTS_FUZZ_RUN_H

#include "fuzz.h"

enum { FUZZ_ROWS = 24, FUZZ_FEATURES = 3, FUZZ_CLASSES = 3 };

typedef struct fuzz_run {
    ist_dataset *data;
    ist_model *model;
    ist_trainer *trainer;
} fuzz_run;

/* With all arrays that a run can have: two of Adam, velocity, mean. */
fuzz_run fuzz_run_open(ist_context *context);
void fuzz_run_close(fuzz_run *run);

#endif
