/* target_libsvm.c - text of sparse rows as libsvm, and as whatever it looks like. */
#include "fuzz_sparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_sparse(data, size, IST_TEXT_LIBSVM, true);
    fuzz_sparse(data, size, IST_TEXT_AUTO, false);
    return 0;
}
