/* allocator.c - the public function that is of no context. */
#include <string.h>

#include "base/mem.h"

ist_status ist_set_allocator(const ist_allocator *allocator)
{
    ist_allocator known = IST_ALLOCATOR_INIT;
    if (allocator) {
        if (allocator->struct_size < sizeof known) return IST_E_ARGUMENT;
        memcpy(&known, allocator, sizeof known);
        if (!known.allocate || !known.release) return IST_E_ARGUMENT;
    }
    return ist__set_allocator(allocator ? &known : NULL) ? IST_OK : IST_E_ARGUMENT;
}
