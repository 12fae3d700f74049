/* thread_name.c - names of threads, by the system's own means.  Floor: numa.  Cold: twice a run. */
#include "numa/thread_name.h"

#include <stdio.h>
#include <sys/prctl.h>

void ist__thread_name_set(int32_t team, int32_t rank, char saved[IST__THREAD_NAME_BYTES])
{
    char name[32]; /* a plan has at most 4096 teams of 4096 threads, which just fits; else the system cuts it */
    snprintf(name, sizeof name, "ist/t%d.c%d", team, rank);
    saved[0] = '\0';
    if (prctl(PR_GET_NAME, saved) == 0) (void)prctl(PR_SET_NAME, name);
}

void ist__thread_name_restore(const char saved[IST__THREAD_NAME_BYTES])
{
    (void)prctl(PR_SET_NAME, saved);
}
