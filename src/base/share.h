/* share.h - how work is split between the members of a team, or between teams. */
#ifndef IST_BASE_SHARE_H
#define IST_BASE_SHARE_H

#include <stdint.h>

/* Contiguous share [*first, *last) of `count` items for worker `rank` of `size`. */
void ist__share(int64_t count, int32_t rank, int32_t size, int64_t *first, int64_t *last);

#endif
