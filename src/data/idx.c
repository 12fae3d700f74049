/* idx.c - the header of the MNIST family: 00 00 TYPE DIMS, then each dimension, then the numbers, all big-endian.
 *
 * Source: http://yann.lecun.com/exdb/mnist, "the idx file format".
 */
#include "data/loaders.h"

enum { MAX_DIMS = 4 };

/* -1 for an unknown type. */
static int number_of(unsigned char type)
{
    switch (type) {
    case 0x08: return IST__U8;
    case 0x09: return IST__I8;
    case 0x0b: return IST__I16;
    case 0x0c: return IST__I32;
    case 0x0d: return IST__F32;
    case 0x0e: return IST__F64;
    default: return -1;
    }
}

ist_status ist__idx_header(ist__reader *reader, const unsigned char magic[IST__MAGIC_BYTES], ist__array *out,
                           ist__error *error)
{
    const int number = number_of(magic[2]);
    if (number < 0)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 2: 0x%02x is not a type of idx (08, 09, 0b, 0c, 0d, 0e)",
                         ist__reader_path(reader), magic[2]);
    if (magic[3] < 1 || magic[3] > MAX_DIMS)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 3: %d dimensions, but idx data have 1 .. %d",
                         ist__reader_path(reader), magic[3], MAX_DIMS);

    ist__array array = {.number = (ist__number)number, .big_endian = true};
    for (int dim = 0; dim < magic[3]; dim++) {
        unsigned char size[4];
        const ist_status status = ist__reader_bytes(reader, size, sizeof size, "the idx header", error);
        if (status) return status;
        ist__array_add_dim(&array,
                           (uint64_t)size[0] << 24 | (uint64_t)size[1] << 16 | (uint64_t)size[2] << 8 | size[3]);
    }
    *out = array;
    return IST_OK;
}
