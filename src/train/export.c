/* export.c - writes a net for other programs; safetensors is here, NPZ and ONNX have files of their own.
 *
 * A safetensors file is a length (8 bytes), a JSON object that names tensors, types, shapes and places, and then the tensors.
 * It is padded so that they begin at a multiple of 8 bytes: who maps the file reads them where they are.
 *
 * Floor: train.  Cold.  One thread: a disk is slower.
 * Source: the format's description in the README of huggingface/safetensors.
 */
#include "train/export.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "train/fit.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are little-endian and written as memory lies");

void ist__sink_put(ist__sink *sink, const void *bytes, size_t count)
{
    if (sink->status) return;
    sink->count += count;
    if (sink->writer) sink->status = ist__writer_bytes(sink->writer, bytes, count, sink->error);
}

static ist_status take(void *user, const void *bytes, size_t count)
{
    ist__sink *sink = user;
    ist__sink_put(sink, bytes, count);
    return sink->status;
}

void ist__sink_tensor(ist__sink *sink, const ist__net_view *view, const ist__tensor *tensor)
{
    if (sink->writer) (void)ist__net_view_stream(view, tensor, take, sink); /* the sink keeps the status */
    else sink->count += ist__tensor_bytes(tensor);
}

/* ------------------------------------------------------------------------------------------------- safetensors -- */

enum { ENTRY_BYTES = 192 };

static const char *type_name(int32_t type)
{
    return type == IST_FLOAT64 ? "F64" : type == IST_INT32 ? "I32" : "F32";
}

/* The JSON of all tensors, padded; its length, at most count * ENTRY_BYTES. */
static size_t describe(const ist__tensor *tensor, int32_t count, char *text)
{
    uint64_t at = 0;
    size_t length = 0;
    for (int32_t i = 0; i < count; i++) {
        const ist__tensor *t = &tensor[i];
        char columns[24] = "";
        if (t->dims == 2) snprintf(columns, sizeof columns, ",%lld", (long long)t->size[1]);
        const uint64_t end = at + ist__tensor_bytes(t);
        length += (size_t)snprintf(text + length, ENTRY_BYTES,
                                   "%c\"%s\":{\"dtype\":\"%s\",\"shape\":[%lld%s],\"data_offsets\":[%llu,%llu]}",
                                   i > 0 ? ',' : '{', t->name, type_name(t->type), (long long)t->size[0], columns,
                                   (unsigned long long)at, (unsigned long long)end);
        at = end;
    }
    text[length++] = '}';
    while (length % 8 != 0) text[length++] = ' ';
    return length;
}

void ist__write_safetensors(ist__sink *sink, const ist__net_view *view)
{
    ist__tensor tensor[IST__TENSORS_MOST];
    const int32_t count = ist__net_view_tensors(view, tensor);
    char *text = ist__alloc(count + 1, ENTRY_BYTES);
    if (!text) {
        sink->status = ist__fail(sink->error, IST_E_MEMORY, "no memory to name %d tensors", count);
        return;
    }
    const uint64_t length = describe(tensor, count, text);
    ist__sink_put(sink, &length, sizeof length);
    ist__sink_put(sink, text, (size_t)length);
    ist__free(text);
    for (int32_t i = 0; i < count; i++) ist__sink_tensor(sink, view, &tensor[i]);
}

/* --------------------------------------------------------------------------------------------------------- all -- */

int32_t ist__export_format(const char *path)
{
    static const struct {
        const char *end;
        int32_t format;
    } known[] = {{".safetensors", IST_FILE_SAFETENSORS}, {".npz", IST_FILE_NPZ}, {".onnx", IST_FILE_ONNX}};
    const size_t length = strlen(path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t end = strlen(known[i].end);
        if (length > end && strcmp(path + length - end, known[i].end) == 0) return known[i].format;
    }
    return IST_FILE_AUTO;
}

static void write_as(ist__sink *sink, const ist__net_view *view, int32_t format, int32_t answer)
{
    if (format == IST_FILE_SAFETENSORS) ist__write_safetensors(sink, view);
    else if (format == IST_FILE_NPZ) ist__write_npz(sink, view);
    else ist__write_onnx(sink, view, answer);
}

/* protobuf's parsers take no message of 2 GiB. */
static ist_status check_onnx(const ist__net_view *view, int32_t answer, ist__error *error)
{
    ist__sink counted = {.error = error};
    ist__write_onnx(&counted, view, answer);
    if (!counted.status && counted.count > INT32_MAX)
        return ist__fail(error, IST_E_ARGUMENT,
                         "an ONNX file holds at most 2147483647 bytes, and this one would take %llu: write safetensors",
                         (unsigned long long)counted.count);
    return counted.status;
}

ist_status ist__net_export(const ist__net *net, int32_t format, bool folded, int32_t answer, const char *path,
                           ist__error *error)
{
    ist__net_view view;
    ist__sink sink = {.error = error};
    ist_status status = format == IST_FILE_ONNX || folded ? ist__fit_statistics(net, error) : IST_OK;
    if (!status) status = ist__net_view_open(&view, net, folded, error);
    if (status) return status;
    if (format == IST_FILE_ONNX) status = check_onnx(&view, answer, error);
    if (!status) status = ist__writer_open(&sink.writer, path, error);
    if (!status) {
        write_as(&sink, &view, format, answer);
        status = sink.status;
        if (!status) status = ist__writer_commit(sink.writer, error);
        else ist__writer_abandon(sink.writer);
    }
    ist__net_view_close(&view);
    return status;
}
