/* tensor_file.c - what both formats of named tensors share.  Floor: data.  Cold. */
#include "data/tensor_file.h"

#include <string.h>

#include "base/crc.h"
#include "base/mem.h"

enum { PIECE_BYTES = 1 << 18 }; /* summed up while it is in cache */

bool ist__entry_name(ist__entry *entry, const char *name, size_t length)
{
    if (length < 1 || length >= sizeof entry->name) return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] <= ' ' || name[i] > '~') return false;
    memcpy(entry->name, name, length);
    entry->name[length] = '\0';
    return true;
}

void ist__entry_dim(ist__entry *entry, uint64_t size)
{
    if (entry->dims == 0) {
        entry->size[0] = size;
    } else if (__builtin_mul_overflow(entry->size[1], size, &entry->size[1])) {
        entry->size[1] = UINT64_MAX;
    }
    entry->dims++;
}

uint64_t ist__entry_claims(const ist__entry *entry, uint64_t number_bytes)
{
    uint64_t bytes = 0;
    if (__builtin_mul_overflow(entry->size[0], entry->size[1], &bytes)) return UINT64_MAX;
    return __builtin_mul_overflow(bytes, number_bytes, &bytes) ? UINT64_MAX : bytes;
}

/* Sorted by place: do they come one after another, each name once? */
static ist_status check_list(const ist__tensor_file *file, ist__error *error)
{
    for (int32_t i = 0; i < file->count; i++) {
        const ist__entry *e = &file->entry[i];
        if (i > 0 && e[-1].place + e[-1].bytes > e->place)
            return ist__tensor_file_refuse(file, e, 0, "shares bytes with another tensor", error);
        if (ist__tensor_file_find(file, e->name) != e)
            return ist__tensor_file_refuse(file, e, 0, "there are two of this name", error);
    }
    return IST_OK;
}

/* By insertion: files list their tensors as they stand. */
static void sort(ist__tensor_file *file)
{
    for (int32_t i = 1; i < file->count; i++) {
        const ist__entry moving = file->entry[i];
        int32_t at = i;
        for (; at > 0 && file->entry[at - 1].place > moving.place; at--) file->entry[at] = file->entry[at - 1];
        file->entry[at] = moving;
    }
}

static ist_status list(ist__tensor_file *file, ist__error *error)
{
    unsigned char magic[IST__TENSOR_MAGIC_BYTES];
    const char *path = ist__reader_path(file->reader);
    if (ist__reader_packed(file->reader))
        return ist__fail(error, IST_E_FORMAT, "%s: byte 0: packed with gzip: unpack it first", path);
    ist_status status = ist__reader_at(file->reader, 0, magic, sizeof magic, "a file of tensors", error);
    if (status) return status;
    if (memcmp(magic, "PK\3\4", 4) == 0) status = ist__npz_list(file, error);
    else status = ist__safetensors_list(file, magic, error);
    if (status) return status;
    sort(file);
    return check_list(file, error);
}

ist_status ist__tensor_file_open(ist__tensor_file *out, const char *path, ist__error *error)
{
    ist__tensor_file file = {.count = 0};
    ist_status status = ist__reader_open(&file.reader, path, error);
    if (!status) status = list(&file, error);
    if (status) ist__tensor_file_close(&file);
    else *out = file;
    return status;
}

void ist__tensor_file_close(ist__tensor_file *file)
{
    ist__reader_close(file->reader);
    ist__free(file->entry);
    memset(file, 0, sizeof *file);
}

const ist__entry *ist__tensor_file_find(const ist__tensor_file *file, const char *name)
{
    for (int32_t i = 0; i < file->count; i++)
        if (strcmp(file->entry[i].name, name) == 0) return &file->entry[i];
    return NULL;
}

ist_status ist__tensor_file_refuse(const ist__tensor_file *file, const ist__entry *entry, uint64_t at, const char *what,
                                   ist__error *error)
{
    return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: tensor \"%s\": %s", ist__reader_path(file->reader),
                     (unsigned long long)(entry->place + at), entry->name, what);
}

ist_status ist__tensor_read(ist__tensor_reading *reading, void *to, size_t bytes, ist__error *error)
{
    const ist__entry *entry = reading->entry;
    unsigned char *next = to;
    if (reading->done == 0) reading->crc = entry->crc_before;
    for (size_t left = bytes; left > 0;) {
        const size_t piece = left < PIECE_BYTES ? left : PIECE_BYTES;
        const ist_status status =
            ist__reader_at(reading->file->reader, entry->place + reading->done, next, piece, "a tensor", error);
        if (status) return status;
        if (entry->summed) reading->crc = ist__crc(reading->crc, next, piece);
        next += piece;
        left -= piece;
        reading->done += piece;
    }
    if (entry->summed && reading->done == entry->bytes && reading->crc != entry->crc)
        return ist__tensor_file_refuse(reading->file, entry, 0, "its checksum is wrong: the file is damaged", error);
    return IST_OK;
}
