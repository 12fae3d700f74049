/* checkpoint.h - a net, and the state of its run, as a file: docs/format.md.
 *
 * A model file is a row of sections, each with its length and checksum.  A checkpoint is a model file with more of them.
 */
#ifndef IST_MODEL_CHECKPOINT_H
#define IST_MODEL_CHECKPOINT_H

#include "base/reader.h"
#include "model/params.h"

/* What a checkpoint holds beside the net. */
typedef struct ist__run_state {
    void *run;           /* identity and position of the run, as src/train lays it out */
    size_t run_bytes;
    int32_t state_count; /* optimiser arrays of the shape of the parameters, 0 .. 2 */
    float *state[2];
} ist__run_state;

/* Write atomically; run NULL: a model only.  IST_E_IO, IST_E_MEMORY. */
ist_status ist__net_write(const ist__net *net, const ist__run_state *run, const char *path, ist__error *error);

/* Read in three calls, because the parameters' memory is placed by the floor above once the shape is known:
 * open    header, shape and small arrays: creates *net with param NULL
 * params  fills net->param
 * run     fills run->run (its size must be run_bytes) and the states; IST_E_FORMAT when the file is a mere model.
 *         With run NULL it skips to the end, so that a damaged tail is noticed by everybody; likewise the states when
 *         state_count is less than the file has. */
ist_status ist__net_read_open(ist__reader *reader, ist__net *net, ist__error *error);
ist_status ist__net_read_params(ist__reader *reader, ist__net *net, ist__error *error);
ist_status ist__net_read_run(ist__reader *reader, const ist__net *net, ist__run_state *run, ist__error *error);

/* In place of ist__net_read_params: check the section's length and checksum, keep nothing. */
ist_status ist__net_skip_params(ist__reader *reader, ist__error *error);

#endif
