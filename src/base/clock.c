/* clock.c - the monotonic clock: never jumps when somebody sets the time. */
#define _POSIX_C_SOURCE 200809L
#include "base/clock.h"

#include <time.h>

int64_t ist__nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

double ist__seconds(void)
{
    return 1e-9 * (double)ist__nanoseconds();
}
