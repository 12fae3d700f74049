/* clock.h - the monotonic clock, in seconds. */
#ifndef IST_BASE_CLOCK_H
#define IST_BASE_CLOCK_H

double ist__seconds(void);

#endif
