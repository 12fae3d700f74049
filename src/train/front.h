/* front.h - the first layer for sparse rows of a net that is evaluated: its weights in panels, for as long as that takes.
 *
 * Why a copy: a row reads a line of weights for each of its features, and in the master's layout that would be one line for
 * every neuron instead of every sixteen.  The copy costs what reading the layer once costs.
 */
#ifndef IST_TRAIN_FRONT_H
#define IST_TRAIN_FRONT_H

#include "data/batches.h"
#include "model/params.h"
#include "numa/team.h"
#include "train/pass.h"
#include "train/room.h"

typedef struct ist__front {
    ist__region region; /* striped */
    ist__layer layer;   /* of panels; its weights begin the region */
} ist__front;

/* Copies net's first layer, with all threads.  IST_E_MEMORY, IST_E_PLACEMENT. */
ist_status ist__front_create(ist__front *out, const ist__host *host, const ist__net *net, ist__error *error);
void ist__front_destroy(ist__front *front); /* a zeroed one is fine */
/* Add what it takes of each node while it is there to needs (machine->node_count). */
void ist__front_need(const ist__host *host, const ist__shape *shape, ist__need *needs);

/* Where the samples of a chunk of columns are, in the dataset's own memory. */
typedef struct ist__front_chunk {
    int64_t *first; /* (room) */
    int32_t *count; /* (room) */
} ist__front_chunk;
/* Floats of its memory, and that memory laid out. */
int64_t ist__front_chunk_floats(int64_t columns);
ist__front_chunk ist__front_chunk_at(float *memory, int64_t columns);

/* My share of `columns` columns, of which `count` are rows index[c], or first_row + c where index is NULL; the others are
 * empty.  labels (count): of rows with one each; NULL: not wanted. */
void ist__front_load(const ist__front_chunk *chunk, const ist__rows *rows, const uint32_t *index, int64_t first_row,
                     int32_t count, int32_t columns, int32_t *labels, const ist__worker *worker);

/* Layer l of the net as ist__forward_layer runs it; of the first one on sparse rows, input is the memory of a chunk of ld
 * columns. */
void ist__front_forward(const ist__front *front, const ist__rows *rows, const ist__net *net, int32_t l,
                        const ist__engine *engine, const ist__layer_pass *pass, float *input, float *z, int64_t ld,
                        int32_t columns, int32_t product_columns, const ist__worker *worker);

#endif
