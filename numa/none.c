/* none.c - what stands in for topology.c and bind.c in a build without hwloc (IST_WITH_HWLOC=OFF).
 *
 * The machine is then one node, and each CPU of the affinity mask is a core: enough to run anywhere, not enough to
 * place memory (ENOSYS) or to tell hardware threads from cores.  The report says "none", so that nobody takes it for a
 * NUMA plan.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "numa/bind.h"
#include "numa/errno_name.h"
#include "numa/part.h"
#include "numa/places.h"
#include "numa/topology.h"

struct ist__topology {
    ist__machine machine;
};

struct ist__binding {
    int32_t cpus; /* room of the mask, in CPUs */
    size_t bytes; /* the same, as the CPU_*_S macros want it */
    cpu_set_t *mask;
};

/* ------------------------------------------------------------------------------------------------------ masks -- */

static void free_mask(ist__binding *mask)
{
    if (!mask) return;
    ist__free(mask->mask);
    ist__free(mask);
}

/* An empty mask of `cpus` CPUs: CPU_ALLOC_SIZE rounds to whole words as CPU_ALLOC does, but the memory is ours. */
static ist__binding *make_mask(int32_t cpus)
{
    ist__binding *mask = ist__alloc(1, sizeof *mask);
    if (!mask) return NULL;
    mask->cpus = cpus;
    mask->bytes = CPU_ALLOC_SIZE((size_t)cpus);
    mask->mask = ist__alloc(1, mask->bytes);
    if (mask->mask) return mask;
    ist__free(mask);
    return NULL;
}

/* The calling thread's mask.  The kernel says EINVAL while there is not room for every CPU it can have. */
static int read_mask(ist__binding **out)
{
    enum { FIRST = 1024, MOST = 1 << 22 };
    int refusal = EINVAL;
    for (int32_t cpus = FIRST; refusal == EINVAL && cpus <= MOST; cpus *= 2) {
        ist__binding *mask = make_mask(cpus);
        if (!mask) return ENOMEM;
        refusal = sched_getaffinity(0, mask->bytes, mask->mask) == 0 ? 0 : errno;
        if (refusal == 0) *out = mask;
        else free_mask(mask);
    }
    return refusal;
}

static bool in_mask(const ist__binding *mask, int32_t cpu)
{
    return cpu >= 0 && cpu < mask->cpus && CPU_ISSET_S((size_t)cpu, mask->bytes, mask->mask);
}

/* ----------------------------------------------------------------------------------------------------- machine -- */

/* The thread's mask, or the union of the user's OMP places.  A mask of places is as wide as the thread's, which has
 * room for every CPU of the system. */
static int read_allowed(ist__binding **out, bool *places)
{
    int32_t *pus, count;
    ist__binding *mask = NULL;
    int refusal = ist__omp_places(&pus, &count);
    if (refusal == 0) refusal = read_mask(&mask);
    *places = refusal == 0 && count > 0;
    if (*places) CPU_ZERO_S(mask->bytes, mask->mask);
    for (int32_t i = 0; *places && i < count; i++)
        if (pus[i] >= 0 && pus[i] < mask->cpus) CPU_SET_S((size_t)pus[i], mask->bytes, mask->mask);
    ist__free(pus);
    *out = mask;
    return refusal;
}

static int64_t memory_bytes(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && page_bytes > 0 ? (int64_t)pages * page_bytes : 0;
}

static ist_status fill_machine(ist__machine *machine, const ist__binding *allowed, ist__error *error)
{
    const long configured = sysconf(_SC_NPROCESSORS_CONF);
    const int32_t cpus = CPU_COUNT_S(allowed->bytes, allowed->mask);
    if (cpus < 1) return ist__fail(error, IST_E_PLACEMENT, "no processor is left to us: the affinity mask is empty");
    machine->cores = ist__alloc(cpus, sizeof *machine->cores);
    machine->nodes = ist__alloc(1, sizeof *machine->nodes);
    if (!machine->cores || !machine->nodes) return ist__fail(error, IST_E_MEMORY, "out of memory for %d cores", cpus);
    for (int32_t cpu = 0; cpu < allowed->cpus; cpu++)
        if (in_mask(allowed, cpu)) machine->cores[machine->core_count++].pu = cpu;
    machine->nodes[0] =
        (ist__node){.cores = cpus, .cores_all = cpus, .next = -1, .packages = {-1, -1}, .memory_bytes = memory_bytes()};
    machine->node_count = machine->l3_count = machine->package_count = 1;
    machine->pus = configured > cpus ? (int32_t)configured : cpus;
    machine->pus_allowed = cpus;
    machine->this_system = true;
    snprintf(machine->source, sizeof machine->source, "none (built without hwloc)");
    return ist__part_take(machine, 0, 1, error);
}

ist_status ist__topology_load(ist__topology **out, const char *description, ist__error *error)
{
    if (description)
        return ist__fail(error, IST_E_ARGUMENT, "topology \"%.300s\": this library was built without hwloc",
                         description);
    ist__topology *topology = ist__alloc(1, sizeof *topology);
    if (!topology) return ist__fail(error, IST_E_MEMORY, "out of memory for the topology");
    ist__binding *allowed = NULL;
    const int refusal = read_allowed(&allowed, &topology->machine.omp_places);
    ist_status status = IST_OK;
    if (refusal)
        status = ist__fail(error, refusal == ENOMEM ? IST_E_MEMORY : IST_E_PLACEMENT,
                           "the system does not tell our processors: %s", ist__errno_name(refusal));
    else status = fill_machine(&topology->machine, allowed, error);
    free_mask(allowed);
    if (status != IST_OK) {
        ist__topology_destroy(topology);
        return status;
    }
    *out = topology;
    return IST_OK;
}

void ist__topology_destroy(ist__topology *topology)
{
    if (!topology) return;
    ist__free(topology->machine.cores);
    ist__free(topology->machine.nodes);
    ist__free(topology);
}

ist_status ist__topology_take_part(ist__topology *topology, int32_t part, int32_t parts, ist__error *error)
{
    return ist__part_take(&topology->machine, part, parts, error);
}

const ist__machine *ist__topology_machine(const ist__topology *topology)
{
    return &topology->machine;
}

int ist__topology_bind_memory(const ist__topology *topology, void *base, size_t bytes, int32_t node)
{
    (void)base;
    (void)bytes;
    return node < 0 || node >= topology->machine.node_count ? EINVAL : ENOSYS;
}

/* ----------------------------------------------------------------------------------------------------- binding -- */

int ist__bind_save(const ist__topology *topology, ist__binding **saved)
{
    (void)topology;
    *saved = NULL;
    return read_mask(saved);
}

int ist__bind_to(const ist__topology *topology, int32_t pu)
{
    (void)topology;
    if (pu < 0) return EINVAL;
    ist__binding *want = make_mask(pu + 1), *got = NULL;
    if (!want) return ENOMEM;
    CPU_SET_S((size_t)pu, want->bytes, want->mask);
    int refusal = sched_setaffinity(0, want->bytes, want->mask) == 0 ? 0 : errno;
    free_mask(want);
    if (refusal == 0) refusal = read_mask(&got);
    if (refusal) return refusal;
    const bool alone = in_mask(got, pu) && CPU_COUNT_S(got->bytes, got->mask) == 1;
    free_mask(got);
    return alone ? 0 : EXDEV;
}

int ist__bind_restore(const ist__topology *topology, ist__binding *saved)
{
    (void)topology;
    if (!saved) return 0;
    const int refusal = sched_setaffinity(0, saved->bytes, saved->mask) == 0 ? 0 : errno;
    free_mask(saved);
    return refusal;
}

int32_t ist__bind_where(const ist__topology *topology)
{
    (void)topology;
    return sched_getcpu();
}
