/* fuzz_sparse.h - what the loader of sparse rows promises of any file. */
#ifndef IST_TESTS_FUZZ_SPARSE_H
#define IST_TESTS_FUZZ_SPARSE_H

#include "fuzz.h"

/* Load the bytes as sparse rows, features counted from 0 and from 1, plain and, if wanted, as gzip: packing changes no
 * answer; what is accepted has ascending numbers in range and finite values.  text: IST_TEXT_*. */
void fuzz_sparse(const uint8_t *data, size_t size, int32_t text, bool packed_too);

#endif
