/* kernel_text.h - files of /proc and /sys as text, and numbers in them by their names. */
#ifndef IST_NUMA_KERNEL_TEXT_H
#define IST_NUMA_KERNEL_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* All of the file root + path, for ist__free; NULL when it cannot be read.  root: "" the system's files, else a folder
 * that holds copies of them (tests).  lost: becomes true when it was memory that was missing; or NULL. */
char *ist__kernel_text(const char *root, const char *path, bool *lost);

/* The number behind a name that begins a line or a word: "MemFree:  12 kB", "low 12", "Max data size  12".  -1: there is
 * no such name, or no number behind it ("max", "unlimited"). */
int64_t ist__kernel_number(const char *text, const char *name);

#endif
