/* import.h - a net from a file of named tensors: docs/export.md. */
#ifndef IST_TRAIN_IMPORT_H
#define IST_TRAIN_IMPORT_H

#include "data/tensor_file.h"
#include "train/tensors.h"

typedef struct ist__import {
    ist__tensor_file file;
    int32_t count; /* tensors of the net, and where the file has them */
    ist__tensor tensor[IST__TENSORS_MOST];
    const ist__entry *entry[IST__TENSORS_MOST];
} ist__import;

/* In two calls, because the parameters' memory is placed by the floor above once the shape is known:
 * open    reads what the file says of itself, and creates *net with param NULL; every number that the net wants is in the file
 * params  fills net->param and the small arrays; refuses numbers that are not finite, and variances below 0
 * IST_E_FORMAT names file, byte and tensor; IST_E_IO, IST_E_MEMORY. */
ist_status ist__import_open(ist__import *out, const char *path, ist__net *net, ist__error *error);
ist_status ist__import_params(const ist__import *import, ist__net *net, ist__error *error);
void ist__import_close(ist__import *import); /* a zeroed one is fine */

#endif
