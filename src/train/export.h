/* export.h - a net as a file of other programs: docs/export.md. */
#ifndef IST_TRAIN_EXPORT_H
#define IST_TRAIN_EXPORT_H

#include "base/reader.h"
#include "train/tensors.h"

/* Write atomically.  format: IST_FILE_*, not AUTO; answer: of ONNX.
 * IST_E_ARGUMENT: statistics of batch norm are missing, or it does not fit the format; IST_E_IO, IST_E_MEMORY. */
ist_status ist__net_export(const ist__net *net, int32_t format, bool folded, int32_t answer, const char *path,
                           ist__error *error);

/* The format that a path's end names; IST_FILE_AUTO: none. */
int32_t ist__export_format(const char *path);

/* ------------------------------------------------------------------------------------------ for export*.c, onnx.c -- */

/* Where bytes go: to a writer, or, before that is asked for, nowhere, to be counted. */
typedef struct ist__sink {
    ist__writer *writer; /* NULL: only count */
    ist__error *error;
    ist_status status; /* of the first failure; later calls do nothing */
    uint64_t count;    /* of bytes so far */
} ist__sink;

void ist__sink_put(ist__sink *sink, const void *bytes, size_t count);
void ist__sink_tensor(ist__sink *sink, const ist__net_view *view, const ist__tensor *tensor);

/* The writers of one format each. */
void ist__write_safetensors(ist__sink *sink, const ist__net_view *view);
void ist__write_npz(ist__sink *sink, const ist__net_view *view);
void ist__write_onnx(ist__sink *sink, const ist__net_view *view, int32_t answer);

#endif
