/* helper.h - a thread of ours beside the teams: it may run wherever the context may, yields to everybody, hears no signal. */
#ifndef IST_NUMA_HELPER_H
#define IST_NUMA_HELPER_H

#include <pthread.h>

#include "numa/topology.h"

typedef struct ist__helper {
    const ist__machine *machine; /* borrowed until it is joined, as are all below */
    int32_t placement;           /* IST_PLACE_*: with NONE it stays on the CPUs of whoever starts it */
    const char *name;            /* what top -H and gdb call it: up to 15 characters */
    void (*work)(void *argument);
    void *argument;
    pthread_t thread; /* private */
} ist__helper;

/* Start work(argument) in a thread that has all signals blocked, so that handlers of the host never run in it.  It may use
 * every core of the context, whatever its starter is bound to (an OpenMP runtime may have bound that), and has the lowest
 * priority; where the system refuses either, it goes on without.  The caller's mask and signals are as before.
 * Returns 0 or an errno. */
int ist__helper_start(ist__helper *helper);
/* Wait for its end; of a helper that was started, once. */
void ist__helper_join(ist__helper *helper);

#endif
