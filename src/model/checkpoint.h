/* checkpoint.h - a net, and the state of its run, as a file: docs/format.md.
 *
 * A model file is a row of sections, each with its length and checksum.  A checkpoint is a model file with more of them.
 */
#ifndef IST_MODEL_CHECKPOINT_H
#define IST_MODEL_CHECKPOINT_H

#include "base/reader.h"
#include "model/params.h"

/* Arrays of a run: state of the optimiser, velocity of the master, its mean over rounds. */
enum { IST__RUN_STATE1, IST__RUN_STATE2, IST__RUN_VELOCITY, IST__RUN_MEAN, IST__RUN_ARRAYS };
enum { IST__NOTE_MOST = IST_NOTE_BYTES }; /* so much may be read before anything is known of the file */

/* What a checkpoint holds beside the net. */
typedef struct ist__run_state {
    void *run; /* identity and position of the run, as src/train lays it out */
    size_t run_bytes;
    void *tail;        /* what follows it: as many numbers as the run has subnets, say */
    size_t tail_bytes; /* reading: room for them; what is more is looked at, and not kept */
    size_t tail_found; /* reading, out: how many bytes the file has */
    /* Arrays of the shape of the parameters, by IST__RUN_*: NULL: writing, there is none; reading, it is looked at and not
     * kept. */
    float *array[IST__RUN_ARRAYS];
    bool found[IST__RUN_ARRAYS]; /* reading, out: which of them the file has */
    void *note;                  /* the caller's own bytes; reading: room for IST__NOTE_MOST, NULL: not kept */
    size_t note_bytes;           /* writing: 0: there is none */
    size_t note_found;           /* reading, out: how many bytes the file has */
} ist__run_state;

/* Write atomically; run NULL: a model only.  IST_E_IO, IST_E_MEMORY. */
ist_status ist__net_write(const ist__net *net, const ist__run_state *run, const char *path, ist__error *error);

/* The same bytes into memory: as many as there are go to *need; when that is at most `capacity`, they go to `to`. */
void ist__net_write_memory(const ist__net *net, const ist__run_state *run, void *to, size_t capacity, size_t *need);

/* Read in three calls, because the parameters' memory is placed by the floor above once the shape is known:
 * open    header, shape and small arrays: creates *net with param NULL; *sections: how many the file must have
 * params  fills net->param; NULL: looks at the section, checksum too, and keeps nothing
 * run     fills run->run (the file must have run_bytes for it), run->tail the arrays and the note; IST_E_FORMAT when the file is a mere model.
 *         With run NULL it skips to the end, so that a damaged tail is noticed by everybody.  The file must end where
 *         its last section does. */
ist_status ist__net_read_open(ist__reader *reader, ist__net *net, int32_t *sections, ist__error *error);
ist_status ist__net_read_params(ist__reader *reader, ist__net *net, ist__error *error);
ist_status ist__net_read_run(ist__reader *reader, const ist__net *net, int32_t sections, ist__run_state *run,
                             ist__error *error);

#endif
