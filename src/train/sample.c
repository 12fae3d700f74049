/* sample.c - draws the labels of a step.  Floor: train.  Warm: once a step, by one thread. */
#include "train/sample.h"

#include <string.h>

#include "base/rng.h"
#include "math/kernels.h"

enum { PANEL = IST__PANEL, BITS = 64 };

void ist__sample_size(ist__sample *sample, const ist__shape *shape, const ist_train_config *config, int64_t targets)
{
    sample->panels = (shape->width[shape->layer_count] + PANEL - 1) / PANEL;
    sample->drawn = (config->sampled_labels + PANEL - 1) / PANEL;
    const int64_t room = sample->drawn + targets;
    sample->room = room < sample->panels ? (int32_t)room : sample->panels;
}

static bool is_marked(const uint64_t *marks, int32_t i)
{
    return marks[i / BITS] >> i % BITS & 1;
}

/* Mark `count` of 0 .. all - 1, each set of them as likely as any other (Floyd; Bentley, CACM 30(9), 1987). */
static void mark(uint64_t *marks, int32_t all, int32_t count, ist__rng *rng)
{
    memset(marks, 0, (size_t)((all + BITS - 1) / BITS) * sizeof *marks);
    for (int32_t i = all - count; i < all; i++) {
        const int32_t at = (int32_t)ist__rng_below(rng, (uint32_t)i + 1), taken = is_marked(marks, at) ? i : at;
        marks[taken / BITS] |= (uint64_t)1 << taken % BITS;
    }
}

/* Panels of the targets, of which the labels ascend. */
static int32_t count_own(const ist__label_batch *targets)
{
    int32_t count = 0, last = -1;
    for (int64_t i = 0; i < *targets->count; i++) {
        const int32_t panel = targets->target[i].label / PANEL;
        count += panel != last;
        last = panel;
    }
    return count;
}

void ist__sample_draw(const ist__sample *sample, int32_t parity, const ist__label_batch *targets, int32_t labels,
                      uint64_t seed, ist__draw_place place)
{
    const uint64_t step = (uint64_t)place.step;
    ist__rng rng = ist__rng_make(seed, IST__FOR_SAMPLING, (uint32_t)step, (uint32_t)place.subnet);
    rng.counter[0] = (uint32_t)(step >> 32) << 24;
    const int32_t others = sample->panels - count_own(targets);
    const int32_t drawn = sample->drawn < others ? sample->drawn : others;
    mark(sample->marks, others, drawn, &rng);
    int32_t count = 0, other = 0;
    int64_t next = 0; /* target */
    for (int32_t p = 0; p < sample->panels; p++) {
        const bool own = next < *targets->count && targets->target[next].label / PANEL == p;
        if (!own && !is_marked(sample->marks, other++)) continue;
        sample->panel[parity][count] = p;
        sample->own[parity][count] = own;
        for (; next < *targets->count && targets->target[next].label / PANEL == p; next++)
            targets->target[next].label += (count - p) * PANEL;
        count++;
    }
    const int32_t lacking = sample->panels * PANEL - labels; /* of the last panel of all */
    const bool has_last = count > 0 && sample->panel[parity][count - 1] == sample->panels - 1;
    *sample->choice[parity] = (ist__choice){.count = count,
                                            .labels = count * PANEL - (has_last ? lacking : 0),
                                            .more = drawn > 0 ? (float)ist__log((double)others / drawn) : 0};
}
