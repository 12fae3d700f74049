/* clock.h - the monotonic clock. */
#ifndef IST_BASE_CLOCK_H
#define IST_BASE_CLOCK_H

#include <stdint.h>

int64_t ist__nanoseconds(void);
double ist__seconds(void);

#endif
