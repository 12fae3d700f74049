/* tensor_file.h - files of named tensors, as other programs write them: safetensors and NumPy's NPZ.
 *
 * Opening one reads what it says of itself, and holds every claim against the file: names, types, shapes, places, that no two
 * tensors share a byte.  No number is read, and no memory taken but for the list.  Then tensors are read one at a time, in
 * pieces, to where they belong.
 */
#ifndef IST_DATA_TENSOR_FILE_H
#define IST_DATA_TENSOR_FILE_H

#include "base/reader.h"

enum { IST__ENTRY_NAME_BYTES = 64, IST__ENTRIES_MOST = 1024, IST__LIST_BYTES_MOST = 1 << 18 };

typedef enum ist__dtype { IST__DTYPE_F32, IST__DTYPE_F64, IST__DTYPE_I32, IST__DTYPE_OTHER } ist__dtype;

/* What is said of one tensor. */
typedef struct ist__entry {
    char name[IST__ENTRY_NAME_BYTES]; /* printable ASCII */
    ist__dtype type;                  /* OTHER: one that nobody here reads */
    int32_t dims;                     /* 0: a single number */
    uint64_t size[2];                 /* the first dimension; the product of the others, 1 without */
    uint64_t place, bytes;            /* of its numbers in the file; at least one number */
    bool summed;                      /* NPZ: crc is the checksum of what stands before its numbers, and of them */
    uint32_t crc_before, crc;
} ist__entry;

typedef struct ist__tensor_file {
    ist__reader *reader;
    int32_t count;
    ist__entry *entry; /* (count) */
} ist__tensor_file;

/* The format is recognised by content.  IST_E_FORMAT names the byte, IST_E_IO, IST_E_MEMORY. */
ist_status ist__tensor_file_open(ist__tensor_file *out, const char *path, ist__error *error);
void ist__tensor_file_close(ist__tensor_file *file); /* a zeroed one is fine */

/* NULL: there is none of that name. */
const ist__entry *ist__tensor_file_find(const ist__tensor_file *file, const char *name);

/* IST_E_FORMAT: "PATH: byte N: tensor "NAME": WHAT", N where its numbers begin and `at` bytes further. */
ist_status ist__tensor_file_refuse(const ist__tensor_file *file, const ist__entry *entry, uint64_t at, const char *what,
                                   ist__error *error);

/* Numbers of one tensor in pieces, from first to last; the last piece checks its checksum.  Begin with {file, entry}. */
typedef struct ist__tensor_reading {
    const ist__tensor_file *file;
    const ist__entry *entry;
    uint64_t done; /* bytes */
    uint32_t crc;
} ist__tensor_reading;
ist_status ist__tensor_read(ist__tensor_reading *reading, void *to, size_t bytes, ist__error *error);

/* ------------------------------------------------------------------------------------ for safetensors.c, npz.c -- */

enum { IST__TENSOR_MAGIC_BYTES = 8 };
ist_status ist__safetensors_list(ist__tensor_file *file, const unsigned char magic[IST__TENSOR_MAGIC_BYTES],
                                 ist__error *error);
ist_status ist__npz_list(ist__tensor_file *file, ist__error *error);

/* Take a name from a stranger: false unless it is 1 .. IST__ENTRY_NAME_BYTES - 1 printable characters. */
bool ist__entry_name(ist__entry *entry, const char *name, size_t length);
/* One more dimension, outermost first. */
void ist__entry_dim(ist__entry *entry, uint64_t size);
/* What all numbers take; UINT64_MAX when that overflows. */
uint64_t ist__entry_claims(const ist__entry *entry, uint64_t number_bytes);

#endif
