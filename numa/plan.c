/* plan.c - which cores and which node each team gets.
 *
 * Why a file of its own: it is a pure function of the machine and of two wishes.  It asks the system nothing, so the
 * tests run it on eight sockets and sixteen nodes that nobody here owns.
 *
 * How: cores are sorted by place (a counting sort, so the machine's order stays inside a place).  Team t stands on
 * place t * places / teams, for fewer teams than places as for more; the teams of one place split its cores.
 */
#include "numa/plan.h"

#include <limits.h>
#include <string.h>

#include "base/bounds.h"
#include "base/mem.h"

enum { MOST_IN_ALL = 65536 };

/* Cores sorted by place: place p owns order[begin[p]] .. order[begin[p + 1] - 1]. */
typedef struct places {
    int32_t count;
    int32_t *begin; /* (count + 1) */
    int32_t *order; /* (core_count) */
} places;

/* What one team may use: `cores` entries of places.order from `first`. */
typedef struct share {
    int32_t first, cores;
} share;

static int32_t kinds_of(const ist__machine *machine, int32_t team_at)
{
    switch (team_at) {
    case IST_AT_NUMA: return machine->node_count;
    case IST_AT_L3: return machine->l3_count;
    case IST_AT_PACKAGE: return machine->package_count;
    case IST_AT_CORE: return machine->core_count;
    default: return 1;
    }
}

static int32_t kind_of(const ist__machine *machine, int32_t team_at, int32_t core)
{
    switch (team_at) {
    case IST_AT_NUMA: return machine->cores[core].node;
    case IST_AT_L3: return machine->cores[core].l3;
    case IST_AT_PACKAGE: return machine->cores[core].package;
    case IST_AT_CORE: return core;
    default: return 0;
    }
}

static void free_places(places *p)
{
    ist__free(p->begin);
    ist__free(p->order);
}

/* Objects without cores of ours (memory-only nodes) are no places. */
static ist_status find_places(places *p, const ist__machine *machine, int32_t team_at, ist__error *error)
{
    const int32_t kinds = kinds_of(machine, team_at), cores = machine->core_count;
    *p = (places){.begin = ist__alloc((int64_t)kinds + 1, sizeof *p->begin),
                  .order = ist__alloc(cores, sizeof *p->order)};
    if (!p->begin || !p->order) return ist__fail(error, IST_E_MEMORY, "out of memory for a plan of %d cores", cores);

    /* begin[k + 1] counts the cores of kind k, then tells where they end; filling moves begin[k] to that end too. */
    for (int32_t c = 0; c < cores; c++) p->begin[kind_of(machine, team_at, c) + 1]++;
    for (int32_t k = 0; k < kinds; k++) p->begin[k + 1] += p->begin[k];
    for (int32_t c = 0; c < cores; c++) p->order[p->begin[kind_of(machine, team_at, c)]++] = c;
    int32_t last_end = 0;
    for (int32_t k = 0; k < kinds; k++) {
        const int32_t end = p->begin[k];
        if (end > last_end) p->begin[p->count++] = end; /* never ahead of k: kinds behind are read already */
        last_end = end;
    }
    for (int32_t i = p->count; i > 0; i--) p->begin[i] = p->begin[i - 1]; /* ends become begins */
    p->begin[0] = 0;
    return IST_OK;
}

/* First team on `place` or on a later one: the least t with t * count / teams >= place. */
static int32_t first_team(const places *p, int32_t teams, int32_t place)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): every machine has a core, so there is a place */
    return (int32_t)(((int64_t)place * teams + p->count - 1) / p->count);
}

static share share_of(const places *p, int32_t teams, int32_t team)
{
    const int32_t place = (int32_t)((int64_t)team * p->count / teams);
    const int32_t first = first_team(p, teams, place);
    const int64_t mates = first_team(p, teams, place + 1) - first, mine = team - first;
    const int64_t begin = p->begin[place], cores = p->begin[place + 1] - p->begin[place];
    const int64_t from = mine * cores / mates, to = (mine + 1) * cores / mates;
    return (share){(int32_t)(begin + from), to > from ? (int32_t)(to - from) : 1};
}

static void place_team(ist__team_plan *team, const places *p, share mine, const ist__machine *machine)
{
    for (int32_t r = 0; r < team->threads; r++) team->core[r] = p->order[mine.first + r % mine.cores];
    team->node = team->home = machine->cores[team->core[0]].node;
}

static ist_status count_threads(ist__plan *plan, const places *p, int32_t threads, ist__error *error)
{
    int64_t all = 0;
    for (int32_t t = 0; t < plan->team_count; t++) {
        plan->teams[t].threads = threads ? threads : share_of(p, plan->team_count, t).cores;
        all += plan->teams[t].threads;
    }
    if (all > MOST_IN_ALL)
        return ist__fail(error, IST_E_ARGUMENT, "%d teams with %lld threads in all: at most %d", plan->team_count,
                         (long long)all, MOST_IN_ALL);
    plan->thread_count = (int32_t)all;
    return IST_OK;
}

/* One block of core indices for all teams; teams[0].core owns it. */
static ist_status place_teams(ist__plan *plan, const places *p, const ist__machine *machine, ist__error *error)
{
    int32_t *core = ist__alloc(plan->thread_count, sizeof *core);
    int32_t *uses = ist__alloc(machine->core_count, sizeof *uses);
    plan->teams[0].core = core;
    if (!core || !uses) {
        ist__free(uses);
        return ist__fail(error, IST_E_MEMORY, "out of memory for a plan of %d threads", plan->thread_count);
    }
    for (int32_t t = 0; t < plan->team_count; t++) {
        plan->teams[t].core = core;
        place_team(&plan->teams[t], p, share_of(p, plan->team_count, t), machine);
        for (int32_t r = 0; r < plan->teams[t].threads; r++) plan->oversubscribed |= uses[core[r]]++ > 0;
        core += plan->teams[t].threads;
    }
    ist__free(uses);
    return IST_OK;
}

static ist_status check(const ist__machine *machine, int32_t team_at, int32_t teams, int32_t threads, ist__error *error)
{
    ist_status status = ist__bound_check("ist_context_config.team_at", team_at, error);
    if (!status) status = ist__bound_check("ist_context_config.teams", teams, error);
    if (!status) status = ist__bound_check("ist_context_config.threads_per_team", threads, error);
    if (status) return status;
    if (machine->core_count < 1) return ist__fail(error, IST_E_PLACEMENT, "the machine has no core for us");
    return IST_OK;
}

ist_status ist__plan_make(ist__plan *out, const ist__machine *machine, int32_t team_at, int32_t teams, int32_t threads,
                          ist__error *error)
{
    ist_status status = check(machine, team_at, teams, threads, error);
    if (status != IST_OK) return status;

    places p;
    ist__plan plan = {.team_at = team_at};
    status = find_places(&p, machine, team_at, error);
    if (status == IST_OK) {
        plan.places = p.count;
        plan.team_count = teams ? teams : p.count;
        plan.teams = ist__alloc(plan.team_count, sizeof *plan.teams);
        if (!plan.teams) status = ist__fail(error, IST_E_MEMORY, "out of memory for %d teams", plan.team_count);
    }
    if (status == IST_OK) status = count_threads(&plan, &p, threads, error);
    if (status == IST_OK) status = place_teams(&plan, &p, machine, error);
    free_places(&p);
    if (status != IST_OK) {
        ist__plan_free(&plan);
        return status;
    }
    *out = plan;
    return IST_OK;
}

void ist__plan_free(ist__plan *plan)
{
    if (!plan) return;
    if (plan->teams) ist__free(plan->teams[0].core);
    ist__free(plan->teams);
    *plan = (ist__plan){0};
}

ist_status ist__plan_copy(ist__plan *out, const ist__plan *plan, ist__error *error)
{
    ist__plan copy = *plan;
    copy.teams = ist__alloc(plan->team_count, sizeof *copy.teams);
    int32_t *core = ist__alloc(plan->thread_count, sizeof *core);
    if (!copy.teams || !core) {
        ist__free(copy.teams);
        ist__free(core);
        return ist__fail(error, IST_E_MEMORY, "out of memory for a plan of %d threads", plan->thread_count);
    }
    memcpy(core, plan->teams[0].core, (size_t)plan->thread_count * sizeof *core);
    for (int32_t t = 0; t < plan->team_count; t++) {
        copy.teams[t] = plan->teams[t];
        copy.teams[t].core = core;
        core += plan->teams[t].threads;
    }
    *out = copy;
    return IST_OK;
}
