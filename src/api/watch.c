/* watch.c - what threads do just now, asked by any thread. */
#include <stdio.h>
#include <string.h>

#include "api/handles.h"
#include "numa/marks.h"
#include "numa/pulse.h"

static void tell_doing(char *out, size_t capacity, const ist__pulse *pulse)
{
    const int32_t mark = ist__pulse_get(&pulse->mark), number = ist__pulse_get(&pulse->number);
    out[0] = '\0';
    if (mark < 0 || mark >= IST__MARKS) return;
    if (ist__mark_counts(mark)) snprintf(out, capacity, "%s %d", ist__mark_name(mark), (int)number);
    else snprintf(out, capacity, "%s", ist__mark_name(mark));
}

ist_status ist_trainer_threads(const ist_trainer *trainer, ist_thread_state *out, int32_t capacity, int32_t *count)
{
    if (!trainer || !count || capacity < 0 || (!out && capacity > 0)) return IST_E_ARGUMENT;
    const size_t stride = capacity > 0 ? out->struct_size : 0;
    if (capacity > 0 && stride < sizeof *out) return IST_E_ARGUMENT;
    const ist__plan *plan = trainer->training->host.plan;
    const ist__pulse *pulses = ist__crew_pulses(trainer->training->host.crew);
    int32_t thread = 0;
    for (int32_t k = 0; k < plan->team_count; k++)
        for (int32_t r = 0; r < plan->teams[k].threads; r++, thread++) {
            if (thread >= capacity) continue;
            const ist__pulse *pulse = &pulses[thread];
            ist_thread_state state = {.struct_size = stride,
                                      .team = k,
                                      .node = plan->teams[k].node,
                                      .rank = r,
                                      .processor = ist__pulse_get(&pulse->pu),
                                      .round = atomic_load_explicit(&pulse->round, memory_order_relaxed),
                                      .subnet = ist__pulse_get(&pulse->subnet),
                                      .waiting = ist__pulse_get(&pulse->waiting),
                                      .beats = atomic_load_explicit(&pulse->beats, memory_order_relaxed)};
            tell_doing(state.doing, sizeof state.doing, pulse);
            memcpy((unsigned char *)out + (size_t)thread * stride, &state, sizeof state);
        }
    *count = thread;
    return IST_OK;
}
