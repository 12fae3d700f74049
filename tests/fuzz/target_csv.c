/* target_csv.c - CSV as features and as labels, plain and packed. */
#include "fuzz_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_tables(data, size, true);
    return 0;
}
