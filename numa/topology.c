/* topology.c - the machine through hwloc: loaded once a context, reduced to the arrays of ist__machine.
 *
 * Why a file of its own: the rest of the library sees cores and nodes as plain numbers and never an hwloc type, so the
 * plan can be tested on machines that we do not own, and a build without hwloc has but this file and bind.c to replace.
 *
 * What "allowed" means: hwloc's allowed set (cgroup) AND the calling thread's affinity mask, or AND the union of the
 * OMP places where such are in force (places.c).  Disallowed objects stay in hwloc's tree (INCLUDE_DISALLOWED) and the
 * tree is never restricted: we count the whole machine for the report, keep the distances of nodes without memory, and
 * hwloc reads masks back with all their bits.
 *
 * Traps met here: the PUs of a node are not one range; a core may be allowed by half; a node may have no CPUs (memory
 * only) or no memory; nodes may be closed to us by cpuset.mems or numactl --membind; a synthetic text need not have
 * cores, caches or packages; with a text, hwloc "binds" successfully and does nothing, so we ask machine->this_system.
 */
#define _GNU_SOURCE
#include "numa/topology.h"

#include <errno.h>
#include <hwloc.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "numa/errno_name.h"
#include "numa/homes.h"
#include "numa/part.h"
#include "numa/places.h"
#include "numa/topology_hwloc.h"

enum { MOST_OS_INDEX = 1 << 20 };

struct ist__topology {
    hwloc_topology_t hwloc;
    ist__machine machine;
};

/* What survey() works with. */
typedef struct survey {
    hwloc_topology_t hwloc;
    const char *description; /* NULL: this machine */
    ist__machine *machine;
    hwloc_bitmap_t pus;   /* allowed to us */
    hwloc_bitmap_t nodes; /* whose memory we may use */
    ist__homes homes;     /* the objects behind machine->nodes */
} survey;

/* ---------------------------------------------------------------------------------------------------- loading -- */

static ist_status check_version(ist__error *error)
{
    const unsigned have = hwloc_get_api_version(), want = HWLOC_API_VERSION;
    if (have >> 16 == want >> 16) return IST_OK;
    return ist__fail(error, IST_E_PLACEMENT, "hwloc: built for version %u.%u, but the one loaded is %u.%u", want >> 16,
                     want >> 8 & 255, have >> 16, have >> 8 & 255);
}

/* Devices and small caches cost most of the load time on large machines, and nobody here asks for them. */
static int set_filters(hwloc_topology_t hwloc)
{
    int bad = hwloc_topology_set_flags(hwloc, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    bad |= hwloc_topology_set_io_types_filter(hwloc, HWLOC_TYPE_FILTER_KEEP_NONE);
    bad |= hwloc_topology_set_cache_types_filter(hwloc, HWLOC_TYPE_FILTER_KEEP_NONE);
    bad |= hwloc_topology_set_icache_types_filter(hwloc, HWLOC_TYPE_FILTER_KEEP_NONE);
    bad |= hwloc_topology_set_type_filter(hwloc, HWLOC_OBJ_L3CACHE, HWLOC_TYPE_FILTER_KEEP_ALL);
    return bad;
}

static bool is_file(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

static ist_status load_hwloc(hwloc_topology_t hwloc, const char *description, ist__error *error)
{
    if (hwloc_topology_abi_check(hwloc) != 0)
        return ist__fail(error, IST_E_PLACEMENT, "hwloc: the library loaded has another ABI than its header");
    if (set_filters(hwloc) != 0) return ist__fail(error, IST_E_PLACEMENT, "hwloc: it refuses our filters");

    const bool file = description && is_file(description);
    if (file && hwloc_topology_set_xml(hwloc, description) != 0)
        return ist__fail(error, IST_E_FORMAT, "%.300s: not a topology that hwloc wrote (XML)", description);
    if (description && !file && hwloc_topology_set_synthetic(hwloc, description) != 0)
        return ist__fail(error, IST_E_ARGUMENT,
                         "topology \"%.300s\": neither a file nor text such as \"numa:2 core:4 pu:1\"", description);
    if (hwloc_topology_load(hwloc) == 0) {
        hwloc_topology_refresh(hwloc); /* distances and the like are else put in order lazily, by several threads */
        return IST_OK;
    }
    if (errno == ENOMEM) return ist__fail(error, IST_E_MEMORY, "hwloc: out of memory");
    if (file) return ist__fail(error, IST_E_FORMAT, "%.300s: hwloc cannot read this topology", description);
    return ist__fail(error, description ? IST_E_ARGUMENT : IST_E_PLACEMENT, "hwloc: cannot load the topology: %s",
                     ist__errno_name(errno));
}

/* ---------------------------------------------------------------------------------------------------- allowed -- */

/* s->pus &= the user's OMP places, or else the calling thread's mask.  Returns 0 or ENOMEM. */
static int restrict_to_mask(survey *s)
{
    int32_t *pus, count;
    const int failed = ist__omp_places(&pus, &count);
    hwloc_bitmap_t mask = hwloc_bitmap_alloc();
    if (failed || !mask) {
        ist__free(pus);
        hwloc_bitmap_free(mask);
        return ENOMEM;
    }
    s->machine->omp_places = count > 0;
    for (int32_t i = 0; i < count; i++) hwloc_bitmap_set(mask, (unsigned)pus[i]);
    if (count > 0 || hwloc_get_cpubind(s->hwloc, mask, HWLOC_CPUBIND_THREAD) == 0)
        hwloc_bitmap_and(s->pus, s->pus, mask);
    ist__free(pus);
    hwloc_bitmap_free(mask);
    return 0;
}

/* s->nodes &= the nodes of numactl --membind.  hwloc does not tell a strict policy from a preferred one, so the mode
 * comes from the kernel; where that is not allowed (containers) nothing is known and nothing is taken away. */
static int restrict_to_membind(survey *s)
{
    int mode = MPOL_DEFAULT;
    if (syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, 0UL) != 0) {
        s->machine->policy_errno = errno;
        return 0;
    }
    if ((mode & ~MPOL_MODE_FLAGS) != MPOL_BIND) return 0;
    hwloc_bitmap_t nodes = hwloc_bitmap_alloc();
    if (!nodes) return ENOMEM;
    hwloc_membind_policy_t policy;
    if (hwloc_get_membind(s->hwloc, nodes, &policy, HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET) == 0 &&
        hwloc_bitmap_intersects(s->nodes, nodes))
        hwloc_bitmap_and(s->nodes, s->nodes, nodes);
    hwloc_bitmap_free(nodes);
    return 0;
}

static ist_status find_allowed(survey *s, ist__error *error)
{
    s->pus = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(s->hwloc));
    s->nodes = hwloc_bitmap_dup(hwloc_topology_get_allowed_nodeset(s->hwloc));
    if (!s->pus || !s->nodes) return ist__fail(error, IST_E_MEMORY, "hwloc: out of memory");
    hwloc_bitmap_and(s->pus, s->pus, hwloc_topology_get_topology_cpuset(s->hwloc));
    if (s->machine->this_system && (restrict_to_mask(s) != 0 || restrict_to_membind(s) != 0))
        return ist__fail(error, IST_E_MEMORY, "hwloc: out of memory");
    s->machine->pus = hwloc_bitmap_weight(hwloc_topology_get_topology_cpuset(s->hwloc));
    s->machine->pus_allowed = hwloc_bitmap_weight(s->pus);
    if (s->machine->pus_allowed > 0) return IST_OK;
    return ist__fail(error, IST_E_PLACEMENT, "no processing unit is left to us: cgroup AND affinity mask%s is empty",
                     s->machine->omp_places ? " (OMP places)" : "");
}

/* Numbers of the system are bits of `seen`: no machine has such large ones, and none has one twice, but a damaged file may. */
static ist_status check_number(const survey *s, hwloc_bitmap_t seen, hwloc_obj_t o, ist__error *error)
{
    const char *source = s->description ? s->description : "hwloc", *type = hwloc_obj_type_string(o->type);
    if (o->os_index > MOST_OS_INDEX)
        return ist__fail(error, IST_E_FORMAT, "%.300s: a %s has number %u, but at most %d can be used", source, type,
                         o->os_index, MOST_OS_INDEX);
    if (hwloc_bitmap_isset(seen, o->os_index))
        return ist__fail(error, IST_E_FORMAT, "%.300s: two of type %s have number %u, but each should have its own",
                         source, type, o->os_index);
    if (hwloc_bitmap_set(seen, o->os_index) != 0) return ist__fail(error, IST_E_MEMORY, "hwloc: out of memory");
    return IST_OK;
}

static ist_status check_numbers(const survey *s, ist__error *error)
{
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_PU, HWLOC_OBJ_NUMANODE};
    ist_status status = IST_OK;
    for (int i = 0; i < 2 && status == IST_OK; i++) {
        hwloc_bitmap_t seen = hwloc_bitmap_alloc();
        if (!seen) return ist__fail(error, IST_E_MEMORY, "hwloc: out of memory");
        hwloc_obj_t o = NULL;
        while (status == IST_OK && (o = hwloc_get_next_obj_by_type(s->hwloc, types[i], o)) != NULL)
            status = check_number(s, seen, o, error);
        hwloc_bitmap_free(seen);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------------ nodes -- */

/* Objects of one kind; hwloc's count is negative for kinds that stand at several depths. */
static int32_t count_objects(hwloc_topology_t hwloc, hwloc_obj_type_t type)
{
    const int count = hwloc_get_nbobjs_by_type(hwloc, type);
    return count > 0 ? count : 0;
}

static bool has_memory(const survey *s, hwloc_obj_t node)
{
    return hwloc_bitmap_isset(s->nodes, node->os_index) && node->attr->numanode.local_memory > 0;
}

/* The first and the last package that the node belongs to: it stands in one, or over several. */
static void find_packages(const survey *s, hwloc_obj_t node, int32_t *packages)
{
    const hwloc_obj_t around = hwloc_get_ancestor_obj_by_type(s->hwloc, HWLOC_OBJ_PACKAGE, node);
    packages[0] = packages[1] = around ? (int32_t)around->logical_index : -1;
    hwloc_obj_t inside = NULL;
    while (!around && (inside = hwloc_get_next_obj_inside_cpuset_by_type(s->hwloc, node->cpuset, HWLOC_OBJ_PACKAGE,
                                                                         inside)) != NULL) {
        packages[1] = (int32_t)inside->logical_index;
        if (packages[0] < 0) packages[0] = packages[1];
    }
}

static void add_node(survey *s, hwloc_obj_t object)
{
    ist__machine *m = s->machine;
    ist__node *node = &m->nodes[m->node_count];
    s->homes.node[m->node_count++] = object;
    *node = (ist__node){.os_index = (int32_t)object->os_index,
                        .next = -1,
                        .memory_bytes = (int64_t)object->attr->numanode.local_memory};
    snprintf(node->kind, sizeof node->kind, "%s", object->subtype ? object->subtype : "");
    find_packages(s, object, node->packages);
}

static void add_closed_node(survey *s, hwloc_obj_t object)
{
    ist__closed_node *node = &s->machine->closed[s->machine->closed_count++];
    *node = (ist__closed_node){.os_index = (int32_t)object->os_index,
                               .memory_bytes = (int64_t)object->attr->numanode.local_memory};
    find_packages(s, object, node->packages);
}

/* The usable nodes, in hwloc's order.  Where no size is known (a VM, an old XML), every node of the machine counts. */
static ist_status list_nodes(survey *s, ist__error *error)
{
    const int32_t all = count_objects(s->hwloc, HWLOC_OBJ_NUMANODE);
    int32_t sized = 0;
    s->machine->nodes = ist__alloc(all, sizeof *s->machine->nodes);
    s->machine->closed = ist__alloc(all, sizeof *s->machine->closed);
    s->homes.node = ist__alloc(all, sizeof(hwloc_obj_t));
    if (!s->machine->nodes || !s->machine->closed || !s->homes.node)
        return ist__fail(error, IST_E_MEMORY, "out of memory for %d nodes", all);
    for (int32_t i = 0; i < all; i++)
        sized += has_memory(s, hwloc_get_obj_by_type(s->hwloc, HWLOC_OBJ_NUMANODE, (unsigned)i));
    for (int32_t i = 0; i < all; i++) {
        const hwloc_obj_t node = hwloc_get_obj_by_type(s->hwloc, HWLOC_OBJ_NUMANODE, (unsigned)i);
        if (sized == 0 || has_memory(s, node)) add_node(s, node);
        else add_closed_node(s, node);
    }
    s->homes.count = s->machine->node_count;
    return IST_OK;
}

/* ------------------------------------------------------------------------------------------------------ cores -- */

/* PUs are walked in hwloc's order, in which the members of one object stand together: a new object is one that
 * differs from the last. */
typedef struct walk {
    hwloc_obj_t core, package;
    const void *l3;
} walk;

static void add_core(survey *s, walk *last, hwloc_obj_t pu, ist__home home)
{
    ist__machine *m = s->machine;
    const hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(s->hwloc, HWLOC_OBJ_PACKAGE, pu);
    const void *l3 = hwloc_get_ancestor_obj_by_type(s->hwloc, HWLOC_OBJ_L3CACHE, pu);
    if (!l3) l3 = s->homes.node[home.node]; /* no such cache is known: the cores of a node stand for those of one */
    if (m->package_count == 0 || package != last->package) m->package_count++;
    if (m->l3_count == 0 || l3 != last->l3) m->l3_count++;
    last->package = package;
    last->l3 = l3;

    m->nodes[home.node].cores++;
    m->cores[m->core_count++] = (ist__core){.pu = (int32_t)pu->os_index,
                                            .node = home.node,
                                            .l3 = m->l3_count - 1,
                                            .package = m->package_count - 1,
                                            .why = home.why};
}

/* Count a core of the machine, ours or not, at its home; and see where its cores go when that has no room. */
static void count_core(survey *s, hwloc_obj_t pu, ist__home home)
{
    ist__machine *m = s->machine;
    m->nodes[home.node].cores_all++;
    if (home.why == IST__HOME_NEAREST) return;
    for (int32_t n = home.node, steps = 0; n >= 0 && steps < m->node_count; steps++) {
        if (m->nodes[n].bandwidth_mibs > 0) break; /* seen by a core before */
        m->nodes[n].bandwidth_mibs = ist__home_bandwidth(&s->homes, pu, n);
        m->nodes[n].next = ist__home_after(&s->homes, pu, n);
        n = m->nodes[n].next;
    }
}

/* One core for each run of PUs under one core object that has an allowed one; a PU without such an object is a core by
 * itself.  Cores without an allowed PU are counted only. */
static ist_status list_cores(survey *s, ist__error *error)
{
    const int32_t most = s->machine->pus_allowed;
    s->machine->cores = ist__alloc(most, sizeof *s->machine->cores);
    if (!s->machine->cores) return ist__fail(error, IST_E_MEMORY, "out of memory for %d cores", most);
    walk last = {0};
    hwloc_obj_t pu = NULL;
    bool taken = false;
    ist__home home = {0};
    while ((pu = hwloc_get_next_obj_by_type(s->hwloc, HWLOC_OBJ_PU, pu)) != NULL) {
        const hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(s->hwloc, HWLOC_OBJ_CORE, pu);
        if (!core || core != last.core) {
            home = ist__home_of(&s->homes, pu);
            count_core(s, pu, home);
            taken = false;
        }
        last.core = core;
        if (taken || !hwloc_bitmap_isset(s->pus, pu->os_index)) continue;
        add_core(s, &last, pu, home);
        taken = true;
    }
    return IST_OK;
}

/* ----------------------------------------------------------------------------------------------------- survey -- */

/* hwloc tells the version of its interface only: 2.8 stands for releases 2.8 and 2.9. */
static void describe_source(ist__machine *machine, const char *description)
{
    const unsigned version = hwloc_get_api_version();
    snprintf(machine->source, sizeof machine->source, "hwloc (API %u.%u)%s", version >> 16, version >> 8 & 255,
             !description           ? ""
             : is_file(description) ? ", XML file"
                                    : ", synthetic text");
}

static ist_status run_survey(survey *s, ist__error *error)
{
    unsigned matrices = 1;
    if (hwloc_distances_get_by_type(s->hwloc, HWLOC_OBJ_NUMANODE, &matrices, &s->homes.distances,
                                    HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) != 0 ||
        matrices == 0)
        s->homes.distances = NULL;
    ist_status status = check_numbers(s, error);
    if (status == IST_OK) status = find_allowed(s, error);
    if (status == IST_OK) status = list_nodes(s, error);
    if (status == IST_OK) status = list_cores(s, error);
    return status == IST_OK ? ist__part_take(s->machine, 0, 1, error) : status;
}

static ist_status fill_machine(ist__topology *topology, const char *description, ist__error *error)
{
    survey s = {.hwloc = topology->hwloc,
                .description = description,
                .machine = &topology->machine,
                .homes = {.hwloc = topology->hwloc}};
    topology->machine.this_system = hwloc_topology_is_thissystem(topology->hwloc) != 0;
    describe_source(&topology->machine, description);
    const ist_status status = run_survey(&s, error);
    if (s.homes.distances) hwloc_distances_release(s.hwloc, s.homes.distances);
    ist__free(s.homes.node);
    hwloc_bitmap_free(s.pus);
    hwloc_bitmap_free(s.nodes);
    return status;
}

ist_status ist__topology_load(ist__topology **out, const char *description, ist__error *error)
{
    ist_status status = check_version(error);
    if (status != IST_OK) return status;
    ist__topology *topology = ist__alloc(1, sizeof *topology);
    if (!topology || hwloc_topology_init(&topology->hwloc) != 0) {
        ist__free(topology);
        return ist__fail(error, IST_E_MEMORY, "out of memory for the topology");
    }
    status = load_hwloc(topology->hwloc, description, error);
    if (status == IST_OK) status = fill_machine(topology, description, error);
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
    hwloc_topology_destroy(topology->hwloc);
    ist__free(topology->machine.cores);
    ist__free(topology->machine.nodes);
    ist__free(topology->machine.closed);
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

struct hwloc_topology *ist__topology_hwloc(const ist__topology *topology)
{
    return topology->hwloc;
}

/* Without STRICT, hwloc asks Linux for MPOL_PREFERRED: when the node is full, pages spill to another one and
 * ist__pages_where shows it; with MPOL_BIND the kernel kills the process instead. */
int ist__topology_bind_memory(const ist__topology *topology, void *base, size_t bytes, int32_t node)
{
    const ist__machine *machine = &topology->machine;
    if (node < 0 || node >= machine->node_count) return EINVAL;
    if (!machine->this_system) return ENOSYS;
    if (machine->node_count == 1) return 0; /* it is there already: nothing that a container could refuse us */
    hwloc_bitmap_t nodes = hwloc_bitmap_alloc();
    if (!nodes) return ENOMEM;
    int refusal = 0;
    if (hwloc_bitmap_only(nodes, (unsigned)machine->nodes[node].os_index) != 0) refusal = ENOMEM;
    if (!refusal &&
        hwloc_set_area_membind(topology->hwloc, base, bytes, nodes, HWLOC_MEMBIND_BIND, HWLOC_MEMBIND_BYNODESET) != 0)
        refusal = errno ? errno : EINVAL;
    hwloc_bitmap_free(nodes);
    return refusal;
}
