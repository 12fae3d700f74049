/* target_npy.c - NPY as features and as labels, plain and packed. */
#include "fuzz_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_tables(data, size, false);
    return 0;
}
