/* helper.c - a thread of ours beside the teams.  Floor: numa.  Cold: once a checkpoint.
 *
 * Its CPUs are set with the kernel's own call rather than through hwloc: so it is the same in a build without.
 */
#define _GNU_SOURCE
#include "numa/helper.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/floats.h"
#include "base/mem.h"

enum { LOWEST = 19 }; /* of nice(2), which on Linux is a thread's own */

static void spread(const ist__machine *machine)
{
    int32_t pus = 0;
    for (int32_t i = 0; i < machine->core_count; i++)
        if (machine->cores[i].pu >= pus) pus = machine->cores[i].pu + 1;
    const size_t bytes = CPU_ALLOC_SIZE((size_t)pus);
    cpu_set_t *mask = ist__alloc(1, bytes);
    if (!mask) return;
    for (int32_t i = 0; i < machine->core_count; i++) CPU_SET_S((size_t)machine->cores[i].pu, bytes, mask);
    (void)sched_setaffinity(0, bytes, mask);
    ist__free(mask);
}

static void *run(void *argument)
{
    const ist__helper *helper = argument;
    IST__OUR_FLOATS;
    (void)prctl(PR_SET_NAME, helper->name);
    if (helper->placement != IST_PLACE_NONE) spread(helper->machine);
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), LOWEST);
    helper->work(helper->argument);
    return NULL;
}

int ist__helper_start(ist__helper *helper)
{
    sigset_t all, before;
    sigfillset(&all);
    int refusal = pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread begins with the mask of who starts it */
    if (refusal) return refusal;
    refusal = pthread_create(&helper->thread, NULL, run, helper);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return refusal;
}

void ist__helper_join(ist__helper *helper)
{
    (void)pthread_join(helper->thread, NULL);
}
