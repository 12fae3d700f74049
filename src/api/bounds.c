/* bounds.c - the public function that tells what fields of configurations may be. */
#include "base/bounds.h"

ist_status ist_bounds(const char *field, ist_range *out)
{
    if (!field || !out || out->struct_size < sizeof *out) return IST_E_ARGUMENT;
    return ist__bound_of(field, out) ? IST_OK : IST_E_ARGUMENT;
}
