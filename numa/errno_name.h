/* errno_name.h - the name of an errno for reports and error lines: "EPERM" says more than a translated sentence, and
 * needs neither the locale nor a buffer. */
#ifndef IST_NUMA_ERRNO_NAME_H
#define IST_NUMA_ERRNO_NAME_H

/* Static, never NULL; "another error" for a number that no call of this room is known to give.  [any thread] */
const char *ist__errno_name(int number);

#endif
