/* share.c - nearly equal contiguous shares: the first ones have an item more than the rest. */
#include "base/share.h"

void ist__share(int64_t count, int32_t rank, int32_t size, int64_t *first, int64_t *last)
{
    const int64_t even = count / size, extra = count % size; /* rank * count would overflow */
    *first = rank * even + (rank < extra ? rank : extra);
    *last = *first + even + (rank < extra ? 1 : 0);
}
