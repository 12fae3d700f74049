/* desk.c - what a team's threads read in every step beside the large arrays, copied to where they are.
 *
 * Why: the run, its subnets and the net's normalization are written down by whichever thread made them, so on its node,
 * next to what other teams write.  Read there in every step they would cross nodes whenever a cache has lost them.
 *
 * Floor: train.  Warm: a few kilobytes a subnet and round.
 */
#include <string.h>

#include "train/whole.h"

static size_t target_bytes(const ist__shape *shape)
{
    return ist__shape_regresses(shape) ? (size_t)ist__shape_answer_bytes(shape) : 0;
}

size_t ist__desk_bytes(const ist__shape *shape)
{
    const size_t bytes = (size_t)shape->width[0] * sizeof(float);
    return ist__region_size(sizeof(ist__desk)) + 2 * ist__region_size(bytes) +
           2 * ist__region_size(target_bytes(shape));
}

/* Nothing is written here: the first touch is still to come. */
void ist__desk_take(ist__team_space *team, const ist__shape *shape)
{
    const size_t bytes = (size_t)shape->width[0] * sizeof(float);
    team->desk = ist__region_take(&team->region, sizeof *team->desk);
    team->shift = ist__region_take(&team->region, bytes);
    team->factor = ist__region_take(&team->region, bytes);
    if (!ist__shape_regresses(shape)) return;
    team->target_shift = ist__region_take(&team->region, target_bytes(shape));
    team->target_factor = ist__region_take(&team->region, target_bytes(shape));
}

void ist__desk_begin(ist__team_space *team, const ist__engine *engine, const ist__net *net,
                     const ist_train_config *config)
{
    const size_t bytes = (size_t)net->normalization_count * sizeof(float);
    memcpy(team->shift, net->shift, bytes);
    memcpy(team->factor, net->factor, bytes);
    team->desk->scaling = (ist__scaling){team->shift, team->factor, net->normalization_count == 1};
    if (net->target_count > 0) {
        const size_t targets = (size_t)net->target_count * sizeof(float);
        memcpy(team->target_shift, net->target_shift, targets);
        memcpy(team->target_factor, net->target_factor, targets);
        team->desk->target_scaling = (ist__scaling){team->target_shift, team->target_factor, net->target_count == 1};
    }
    team->desk->dropout = ist__dropout_of(config);
    team->desk->output_scale = (float)net->output_scale;
    team->desk->smoothing = (float)config->label_smoothing;
    team->desk->engine = *engine;
    team->desk->scratch = team->scratch;
}

void ist__desk_open(ist__team_space *team, const ist__subnet *subnet, const ist__whole *whole)
{
    ist__desk *desk = team->desk;
    desk->scratch = whole ? whole->scratch : team->scratch;
    if (whole) desk->scratch.own = team->whole_own;
    desk->shape = subnet->shape;
    desk->rows = subnet->rows;
    desk->batches = subnet->batches;
}

void ist__desk_close(const ist__desk *desk, ist__subnet *subnet)
{
    subnet->batches = desk->batches; /* the epoch whose order it holds */
}
