/* target_xmc.c - text of sparse rows as xmc, and as whatever it looks like. */
#include "fuzz_sparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_sparse(data, size, IST_TEXT_XMC, true);
    fuzz_sparse(data, size, IST_TEXT_AUTO, false);
    return 0;
}
