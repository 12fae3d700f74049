/* handles.h - what stands behind the opaque types, and the pattern of every public function.
 *
 * A public function checks its arguments, calls the floors below with the context's error record, and returns the
 * status; no arithmetic here.
 */
#ifndef IST_API_HANDLES_H
#define IST_API_HANDLES_H

#include <jansson.h>

#include "base/log.h"
#include "data/dataset.h"
#include "model/params.h"
#include "numa/trace.h"
#include "train/host.h"
#include "train/training.h"

struct ist_context {
    ist__topology *topology;
    ist__plan plan;
    ist__refusals refusals;
    ist__host host;
    ist__logger log;
    ist__trace *trace; /* NULL: none */
    unsigned told;     /* refusals that the log has heard of (tell.c) */
    ist__error error;  /* of the last call that failed on this context */
};

struct ist_model {
    ist_context *context; /* borrowed */
    ist__net net;
    ist__region region; /* of net.param */
};

struct ist_trainer {
    ist_context *context; /* borrowed */
    ist_model *model;     /* borrowed */
    ist__training *training;
};

/* Record and return a failure; context NULL: only return it. */
ist_status ist__refuse(ist_context *context, ist_status status, const char *text);

/* Copy a caller's config of any age over the defaults in *config (already initialised): as many bytes as both know.
 * IST_E_ARGUMENT when its struct_size is less than `least` bytes. */
ist_status ist__take_config(ist_context *context, void *config, size_t bytes, const void *from, size_t from_bytes,
                            size_t least);

/* A model around a net whose param is not there yet: takes the net over, also on failure. */
ist_status ist__model_adopt(ist_context *context, ist_model **out, ist__net *net);

/* IST_E_PLACEMENT for a context that only plans. */
ist_status ist__need_crew(ist_context *context);

/* Hand a JSON object to the caller under the buffer rules of ist.h; takes over the reference. */
ist_status ist__give_json(ist_context *context, json_t *json, char *buffer, size_t capacity_bytes, size_t *need_bytes);

/* Is the dataset one for this model, as far as its rows go, and the config one of evaluations?  known: out, with nothing left
 * to be chosen. */
ist_status ist__check_evaluation(ist_model *model, const ist_dataset *dataset, const ist_evaluate_config *config,
                                 ist_evaluate_config *known);

#endif
