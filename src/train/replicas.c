/* replicas.c - data parallel and local SGD: whole nets, one replica a subnet.  Floor: train.  Hot.
 *
 * Data parallel leaves each replica's gradient in a block of its own (subnet.h) and takes one step of the optimiser with
 * their mean.  Its state exists once, striped over the nodes; each thread steps its piece on the replica of its own team,
 * then copies the new numbers to the others.  So a step moves n gradients and n blocks of parameters, which is what an
 * all-reduce over shared memory must move at least.
 */
#include "train/replicas.h"

#include <string.h>

#include "base/share.h"
#include "model/traffic.h"
#include "numa/marks.h"

/* Numbers that stay in the first cache while the replicas are added up; numbers of a cache line. */
enum { CHUNK = 2048, LINE_FLOATS = 16 };

/* The same piece of every replica: floats [first, last). */
typedef struct piece {
    int64_t first, last;
} piece;

/* My piece of a block, in whole cache lines. */
static piece my_piece(const ist__training *t, const ist__worker *worker)
{
    const int64_t floats = t->subnets[0].shape.floats;
    piece mine;
    ist__share((floats + LINE_FLOATS - 1) / LINE_FLOATS, worker->thread, worker->threads, &mine.first, &mine.last);
    mine.first *= LINE_FLOATS;
    mine.last = mine.last * LINE_FLOATS < floats ? mine.last * LINE_FLOATS : floats;
    return mine;
}

enum { GRADIENTS = -2, PARAMETERS = -1 }; /* else a number of a state array */

static float *array_of(const ist__subnet *replica, int32_t array)
{
    return array == GRADIENTS ? replica->gradient : array == PARAMETERS ? replica->param : replica->state[array];
}

/* out (count) = the mean over replicas of an array from `at` on, summed in replica order. */
static void take_mean(const ist__training *t, int32_t array, int64_t at, int64_t count, float *out)
{
    const int32_t n = t->config.subnets;
    memcpy(out, array_of(&t->subnets[0], array) + at, (size_t)count * sizeof *out);
    for (int32_t s = 1; s < n; s++) {
        const float *from = array_of(&t->subnets[s], array) + at;
        for (int64_t i = 0; i < count; i++) out[i] += from[i];
    }
    const float share = 1 / (float)n;
    if (n > 1)
        for (int64_t i = 0; i < count; i++) out[i] *= share;
}

/* ----------------------------------------------------------------------------------------------- data parallel -- */

/* The replicas that one team trains, one after another in each step. */
typedef struct lineup {
    int32_t first, count;
} lineup;

static lineup lineup_of(const ist__training *t, int32_t team)
{
    lineup mine = {0, 0};
    for (int32_t s = 0; s < t->config.subnets; s++)
        if (t->subnets[s].team == team && mine.count++ == 0) mine.first = s;
    return mine;
}

/* Turn i of a team in a round: which replica, at which step. */
typedef struct turn {
    ist__subnet *replica;
    int32_t step;
} turn;

static turn turn_at(const ist__training *t, lineup mine, int64_t i)
{
    return (turn){&t->subnets[mine.first + (int32_t)(i % mine.count)], (int32_t)(i / mine.count)};
}

static ist__draw_place place_of(const ist__training *t, turn at)
{
    return (ist__draw_place){t->progress.step + at.step, at.replica->number};
}

/* Where in its stream a turn's batch begins. */
static int64_t position_of(const ist__training *t, turn at)
{
    return (t->progress.step + at.step) * t->config.batch;
}

static void begin_turns(ist__training *t, lineup mine, ist__worker *worker)
{
    if (mine.count == 0) return;
    const int64_t turns = (int64_t)t->round_steps * mine.count;
    for (int64_t i = 0; worker->rank == 0 && i < 2 && i < turns; i++) {
        const turn now = turn_at(t, mine, i);
        ist__batches_rows(&now.replica->batches, position_of(t, now), t->config.batch,
                          t->teams[worker->team].scratch.index[i]);
    }
    for (int32_t s = mine.first; worker->rank == 0 && s < mine.first + mine.count; s++) t->subnets[s].loss = 0;
    ist__team_barrier(worker); /* the replicas are gathered, the first rows are drawn */
    const ist__step step = ist__training_step(t, turn_at(t, mine, 0).replica, worker->team);
    ist__subnet_prepare(&step, worker);
}

/* Gradient of replica's batch at turn i; the next turn's batch is assembled meanwhile. */
static void take_turn(ist__training *t, lineup mine, int64_t i, ist__worker *worker)
{
    const int64_t turns = (int64_t)t->round_steps * mine.count;
    const turn now = turn_at(t, mine, i), next = turn_at(t, mine, i + 1), later = turn_at(t, mine, i + 2);
    ist__step step = ist__training_step(t, now.replica, worker->team);
    step.gradient = now.replica->gradient;
    step.parity = (int32_t)(i & 1);
    step.place = place_of(t, now);
    step.next_place = place_of(t, next);
    step.next_rows = i + 1 < turns ? &next.replica->rows : NULL;
    step.batches = i + 2 < turns ? &later.replica->batches : NULL;
    step.draw_position = position_of(t, later);
    ist__mark_begin(worker, IST__MARK_SUBNET, now.replica->number);
    ist__mark_begin(worker, IST__MARK_STEP, now.step);
    const double loss = ist__subnet_step(&step, worker);
    ist__mark_end(worker, IST__MARK_STEP);
    ist__mark_end(worker, IST__MARK_SUBNET);
    if (worker->rank == 0) now.replica->loss += loss;
}

/* One step of the optimiser on `count` numbers from `at` on, by the mean gradient, for all replicas. */
static void step_chunk(ist__training *t, const ist__rule *rule, int32_t own, int64_t at, int64_t count)
{
    float mean[CHUNK];
    float *const param = t->subnets[own].param + at, *const *state = t->subnets[0].state;
    take_mean(t, GRADIENTS, at, count, mean);
    t->host.engine.kernels->step(rule, count, mean, param, state[0] ? state[0] + at : NULL,
                                 state[1] ? state[1] + at : NULL);
    for (int32_t s = 0; s < t->config.subnets; s++)
        if (s != own) memcpy(t->subnets[s].param + at, param, (size_t)count * sizeof *param);
}

static void step_range(ist__training *t, const ist__rule *rule, int32_t own, piece mine, int64_t first, int64_t floats)
{
    const int64_t end = mine.last < first + floats ? mine.last : first + floats;
    for (int64_t at = mine.first > first ? mine.first : first; at < end; at += CHUNK)
        step_chunk(t, rule, own, at, end - at < CHUNK ? end - at : CHUNK);
}

/* My piece of every replica takes the step: weights with decay, vectors without. */
static void step_piece(ist__training *t, const ist__rule *rule, int32_t own, const ist__worker *worker)
{
    const ist__shape *shape = &t->subnets[0].shape;
    const piece mine = my_piece(t, worker);
    ist__rule no_decay = *rule;
    no_decay.keep = 1;
    for (int32_t l = 0; l < shape->layer_count; l++) {
        const ist__layer *layer = &shape->layer[l];
        step_range(t, rule, own, mine, layer->weight, ist__layer_weight_floats(layer));
        if (layer->gain >= 0) step_range(t, &no_decay, own, mine, layer->gain, layer->outputs);
        if (layer->offset >= 0) step_range(t, &no_decay, own, mine, layer->offset, layer->outputs);
    }
}

static void check_piece(ist__training *t, int32_t own, lineup team, const ist__worker *worker)
{
    const piece mine = my_piece(t, worker);
    if (!t->host.engine.kernels->all_finite(mine.last - mine.first, t->subnets[own].param + mine.first))
        atomic_store(&t->diverged, 1 + own);
    for (int32_t s = team.first; worker->rank == 0 && s < team.first + team.count; s++)
        if (t->subnets[s].loss - t->subnets[s].loss != 0) atomic_store(&t->diverged, 1 + s);
}

void ist__replicas_train(ist__training *t, ist__worker *worker, ist__stopwatch *watch)
{
    const lineup mine = lineup_of(t, worker->team);
    const int32_t own = mine.count > 0 ? mine.first : 0;
    for (int32_t i = 0; i < t->state_count; i++)
        ist__training_fill_state(t, &t->subnets[0], i, worker->thread, worker->threads);
    begin_turns(t, mine, worker);
    for (int32_t j = 0; j < t->round_steps; j++) {
        for (int32_t k = 0; k < mine.count; k++) take_turn(t, mine, (int64_t)j * mine.count + k, worker);
        ist__all_barrier(worker); /* all gradients are complete */
        ist__stopwatch_next(watch, IST__WRITE_BACK);
        const ist__rule rule = ist__training_rule(t, j);
        step_piece(t, &rule, own, worker);
        ist__all_barrier(worker); /* all replicas are the same again */
        ist__stopwatch_next(watch, IST__TRAIN);
    }
    check_piece(t, own, mine, worker);
}

/* -------------------------------------------------------------------------------------------------- write back -- */

static void average(ist__training *t, int32_t array, piece mine)
{
    float mean[CHUNK];
    for (int64_t at = mine.first; at < mine.last; at += CHUNK) {
        const int64_t count = mine.last - at < CHUNK ? mine.last - at : CHUNK;
        take_mean(t, array, at, count, mean);
        memcpy(array_of(&t->subnets[0], array) + at, mean, (size_t)count * sizeof *mean);
    }
}

void ist__replicas_write_back(ist__training *t, ist__worker *worker)
{
    const ist__subnet *first = &t->subnets[0];
    const ist__panel_moves moves = ist__training_moves(t);
    const int32_t carried = t->config.state == IST_STATE_CARRIED ? t->state_count : 0;
    if (t->config.method == IST_METHOD_LOCAL_SGD && t->config.subnets > 1) {
        for (int32_t array = PARAMETERS; array < carried; array++) average(t, array, my_piece(t, worker));
        ist__all_barrier(worker);
    }
    for (int32_t array = PARAMETERS; array < carried; array++) {
        float *master = array == PARAMETERS ? t->net->param : (float *)(void *)t->master_state[array].base;
        ist__write_back(&t->net->shape, &t->deal, 0, master, &first->shape, array_of(first, array), &moves,
                        worker->thread, worker->threads);
    }
}

/* ----------------------------------------------------------------------------------------------------- traffic -- */

static int32_t node_of(const ist__replicas_case *c, int32_t s)
{
    return c->plan->teams[ist__team_of_subnet(s, c->config->subnets, c->plan->team_count)].node;
}

double ist__replicas_elsewhere(const ist__plan *plan, int32_t node)
{
    double threads = 0;
    for (int32_t k = 0; k < plan->team_count; k++)
        if (plan->teams[k].node != node) threads += plan->teams[k].threads;
    return threads / plan->thread_count;
}

/* Blocks that a round moves: all, and what crosses nodes of them. */
typedef struct blocks {
    double moved, crossed;
} blocks;

static void add_blocks(blocks *sum, double count, double share_crossed)
{
    sum->moved += count;
    sum->crossed += count * share_crossed;
}

void ist__replicas_traffic(const ist__replicas_case *c, double *moved_bytes, double *crossed_bytes)
{
    const ist_train_config *config = c->config;
    const bool parallel = config->method == IST_METHOD_DATA_PARALLEL;
    const double arrays = 1.0 + (config->state == IST_STATE_CARRIED ? ist__optimizer_states(config->optimizer) : 0);
    const double parameters = (double)c->whole->parameters, first = ist__replicas_elsewhere(c->plan, node_of(c, 0));
    blocks sum = {0, 0};
    for (int32_t s = 0; s < config->subnets; s++) {
        const int32_t node = node_of(c, s);
        const ist__traffic master = ist__traffic_count(c->whole, c->deal, s, NULL, c->homes, node);
        add_blocks(&sum, parallel ? 1 : arrays, (double)master.crossed / parameters); /* gather */
        add_blocks(&sum, parallel ? 2.0 * c->steps : arrays,
                   ist__replicas_elsewhere(c->plan, node)); /* gradients and parameters; mean */
    }
    if (parallel) add_blocks(&sum, arrays - 1, 0); /* the shared state lies as the master's does */
    else add_blocks(&sum, arrays, first);          /* the mean */
    add_blocks(&sum, arrays, first);               /* write back */
    *moved_bytes = sum.moved * parameters * sizeof(float);
    *crossed_bytes = sum.crossed * parameters * sizeof(float);
}
