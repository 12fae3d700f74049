/* round.c - the round, and the loop of rounds inside one flat parallel region.
 *
 *   R1 deal         worker (0, 0), while all wait: microseconds
 *   R2 gather       each team its subnets' rectangles, into node-local blocks
 *   R3 train        J local steps; only barriers of the team
 *   R4 barrier      all teams.  A subnet whose loss or parameters are not finite ends the run here: nothing has been
 *                   written back yet, so the master is that of the last whole round
 *   R5 write back   disjoint rectangles, so no lock and no atomic
 *   R6 barrier      all teams; then worker (0, 0) averages what all share, tells the caller, and deals anew
 *
 * Floor: train.
 */
#include <string.h>

#include "base/clock.h"
#include "train/average.h"
#include "train/feed.h"
#include "train/masked.h"
#include "train/outer.h"
#include "train/replicas.h"
#include "train/reseat.h"
#include "train/tally.h"
#include "train/whole.h"

static bool is_mine(const ist__training *t, int32_t subnet, const ist__worker *worker)
{
    return t->subnets[subnet].team == worker->team;
}

/* ------------------------------------------------------------------------------- R1, and the end of R6: serial -- */

/* The one array that subnets share, the output bias, becomes the mean over subnets, summed in subnet order. [M5]
 * Of replicas, which have taken their mean already, the first. */
static void average_shared(ist__training *t)
{
    const int32_t n = ist__trains_replicas(&t->config) ? 1 : t->now.count;
    const ist__layer *output = &t->net->shape.layer[t->net->shape.hidden_count];
    if (output->offset < 0) return;
    const bool carried = t->config.state == IST_STATE_CARRIED, steps = ist__outer_now(t);
    const ist__outer outer = ist__outer_of(t);
    for (int32_t i = -1; i < (carried ? t->state_count : 0); i++) { /* -1: the parameters themselves */
        float *master = i < 0 ? t->net->param : (float *)(void *)t->master_state[i].base;
        for (int32_t c = 0; c < output->outputs; c++) {
            float sum = 0;
            for (int32_t s = 0; s < n; s++) {
                const ist__subnet *subnet = &t->now.subnets[s];
                const float *block = i < 0 ? subnet->param : subnet->state[i];
                sum += block[subnet->shape.layer[subnet->shape.hidden_count].offset + c];
            }
            float *number = master + output->offset + c;
            *number = i < 0 && steps ? ist__outer_number(&outer, *number, sum / (float)n,
                                                         outer.velocity ? outer.velocity + output->offset + c : NULL)
                                     : sum / (float)n;
        }
    }
}

/* Mean over threads. */
static double mean_phase_s(ist__training *t, int phase)
{
    int64_t sum_ns = 0;
    for (int32_t k = 0; k < t->host.plan->team_count; k++) sum_ns += atomic_load(&t->teams[k].times.ns[phase]);
    return (double)sum_ns * 1e-9 / t->host.plan->thread_count;
}

/* Does on_round want the call to end?  It runs in the floating-point environment of its own code. */
static bool ask_caller(ist__training *t)
{
    ist__floats_theirs(&t->floats);
    const bool ends = t->on_round(t->on_round_user, &t->progress) != 0;
    t->floats = ist__floats_ours();
    return ends;
}

/* Of sparse rows what their values are multiplied with: the first layer's two products, of the mean row. */
static double step_flops(const ist__training *t, const ist__subnet *subnet)
{
    const ist__shape *shape = &subnet->shape, own = ist__deal_own(t->now.deal, shape, subnet->number);
    const double dense = ist__shape_masked_flops(shape, &own, t->config.batch);
    if (!t->extent.sparse) return dense;
    const double zeros = shape->width[0] - (double)t->extent.nonzeros / (double)t->extent.rows;
    return dense - 4.0 * t->config.batch * zeros * shape->layer[0].outputs;
}

IST__PHASE static void close_round(ist__training *t)
{
    const ist_train_config *config = &t->config;
    ist_progress *p = &t->progress;
    const int32_t n = t->now.count;
    ist__tally_round(t);
    average_shared(t);
    ist__net_changed(t->net);
    const double samples = (double)t->round_steps * config->batch * n;
    double loss = 0;
    for (int32_t s = 0; s < n; s++) {
        const ist__subnet *subnet = &t->now.subnets[s];
        loss += subnet->loss;
        p->flops += step_flops(t, subnet) * t->round_steps;
    }
    t->master_whole = t->write_all;
    p->loss = loss / samples;
    p->phase = t->now.phase->kind;
    p->local_steps = t->round_steps;
    p->round++;
    p->step += t->round_steps;
    p->samples += (int64_t)samples;
    p->lr = ist__training_last_lr(t);
    t->folds = ist__average_takes(t, p->step);
    p->averaged += t->folds;
    p->epoch = (double)p->samples / (double)t->data->rows;
    p->seconds = t->seconds_before + ist__seconds() - t->began;
    p->gather_s = mean_phase_s(t, IST__GATHER);
    p->train_s = mean_phase_s(t, IST__TRAIN);
    p->wait_s = mean_phase_s(t, IST__WAIT);
    p->writeback_s = mean_phase_s(t, IST__WRITE_BACK);
    t->rounds_left--;
    if (t->on_round && ask_caller(t)) t->rounds_left = 0;
    if (atomic_load(&t->stop)) t->rounds_left = 0;
}

static void open_whole(ist__training *t)
{
    t->now.subnets = &t->whole->subnet;
    t->now.count = 1;
    t->now.deal = &t->whole->deal;
    t->write_all = true;
}

static void open_subnets(ist__training *t)
{
    const int64_t round = t->progress.round - t->now.phase->first_round;
    t->now.subnets = t->subnets;
    t->now.count = t->config.subnets;
    t->now.deal = &t->deal;
    if (round == 0) ist__reseat_begin(t); /* what teams did before does not count */
    ist__reseat_round(t);
    ist__deal_round(&t->deal, t->config.seed,
                    t->config.method == IST_METHOD_ENSEMBLE ? 0 : round); /* never dealt anew */
    t->write_all = !ist__deal_sticks(&t->deal) || t->rounds_left == 1 || round == t->now.phase->rounds - 1 ||
                   ist__average_takes(t, t->progress.step + t->round_steps);
}

IST__PHASE static void open_round(ist__training *t)
{
    const ist_progress *p = &t->progress;
    t->going = t->rounds_left > 0 && p->round < p->rounds && !atomic_load(&t->diverged);
    t->settle = !t->going && !t->master_whole;
    if (!t->going) return;
    t->now.phase = ist__phase_of_round(&t->phases, p->round);
    t->round_steps = ist__phase_round_steps(t->now.phase, p->step);
    if (t->now.phase->kind == IST_PHASE_SUBNETS) open_subnets(t);
    else open_whole(t);
    ist__feed_open(t);
}

/* -------------------------------------------------------------------------------------------------- R2, R3, R5 -- */

ist__panel_moves ist__training_moves(const ist__training *t)
{
    const ist__kernel_set *kernels = t->host.engine.kernels;
    return (ist__panel_moves){kernels->pack_panel, kernels->unpack_panel};
}

/* This worker's part of what a gather or a write back of a subnet copies: parameters of `shape`, state of its own. */
static void mark_moved(const ist__training *t, const ist__shape *shape, const ist__shape *own,
                       const ist__worker *worker)
{
    const int32_t states = t->config.state == IST_STATE_CARRIED ? t->state_count : 0;
    if (ist__deal_sticks(t->now.deal)) return; /* a part of it: the log has the sum */
    ist__mark_bytes(worker,
                    ((double)shape->parameters + states * (double)own->parameters) * sizeof(float) / worker->size);
}

/* Everything, or with a sticky deal what came with this round. */
typedef void (*fetch)(const ist__shape *, const ist__deal *, int32_t, const float *, const ist__shape *, float *,
                      const ist__panel_moves *, int32_t, int32_t);
static fetch fetch_for(const ist__training *t)
{
    return t->master_whole ? ist__gather : ist__gather_new;
}

/* My share of an array of a subnet's block becomes 0. */
static void clear(const ist__subnet *subnet, float *array, int32_t rank, int32_t size)
{
    int64_t first, last;
    ist__share(subnet->shape.floats, rank, size, &first, &last);
    memset(array + first, 0, (size_t)(last - first) * sizeof *array);
}

void ist__training_fill_state(const ist__training *t, const ist__subnet *subnet, int32_t i, int32_t rank, int32_t size)
{
    if (t->config.state == IST_STATE_CARRIED) {
        const ist__panel_moves moves = ist__training_moves(t);
        const ist__shape own = ist__deal_own(t->now.deal, &subnet->shape, subnet->number);
        fetch_for(t)(&t->net->shape, t->now.deal, subnet->number, (const float *)(void *)t->master_state[i].base, &own,
                     subnet->state[i], &moves, rank, size);
    } else clear(subnet, subnet->state[i], rank, size);
}

IST__PHASE static void gather(ist__training *t, ist__subnet *subnet, ist__worker *worker)
{
    const ist__shape own = ist__deal_own(t->now.deal, &subnet->shape, subnet->number);
    mark_moved(t, &subnet->shape, &own, worker);
    const ist__panel_moves moves = ist__training_moves(t);
    fetch_for(t)(&t->net->shape, t->now.deal, subnet->number, t->net->param, &subnet->shape, subnet->param, &moves,
                 worker->rank, worker->size);
    if (t->config.method == IST_METHOD_DATA_PARALLEL) return; /* has one state for all replicas */
    for (int32_t i = 0; i < t->state_count; i++) ist__training_fill_state(t, subnet, i, worker->rank, worker->size);
}

ist__step ist__training_step(const ist__training *t, const ist__subnet *subnet, int32_t team)
{
    const ist__desk *desk = t->teams[team].desk;
    return (ist__step){.engine = &desk->engine,
                       .shape = &subnet->shape,
                       .param = subnet->param,
                       .state = {subnet->state[0], subnet->state[1]},
                       .scratch = &desk->scratch,
                       .rows = &subnet->rows,
                       .scaling = desk->scaling,
                       .target_scaling = desk->target_scaling,
                       .dropout = desk->dropout,
                       .place = {t->progress.step, subnet->number},
                       .output_scale = desk->output_scale,
                       .smoothing = desk->smoothing,
                       .batch = t->config.batch};
}

/* updates: of the optimiser's state before this step */
static ist__rule rule_at(const ist__training *t, const ist__phase *phase, int64_t step, int64_t updates)
{
    ist__lr_curve curve = ist__phase_curve(phase, step);
    curve.lr *= t->progress.lr_scale;
    return ist__optimizer_at(&t->config, &curve, updates);
}

ist__rule ist__training_rule(const ist__training *t, int32_t j)
{
    const int64_t at = t->progress.step + j;
    return rule_at(t, t->now.phase, at, t->config.state == IST_STATE_CARRIED ? at : j);
}

double ist__training_last_lr(const ist__training *t)
{
    const ist_progress *p = &t->progress;
    if (p->round == 0) return t->phases.phase[0].lr;
    return (double)rule_at(t, ist__phase_of_round(&t->phases, p->round - 1), p->step - 1, 0).lr;
}

/* A round that fails leaves the master as it was, but with a sticky deal the master is old where neurons stay: so what a
 * block holds when the round begins is kept beside it. */
static void keep_block(const ist__training *t, const ist__subnet *subnet, const ist__worker *worker)
{
    if (t->master_whole) return;
    int64_t first, last;
    ist__share(subnet->shape.floats, worker->rank, worker->size, &first, &last);
    for (int i = 0; i < 3 && subnet->kept[i]; i++)
        memcpy(subnet->kept[i] + first, (i == 0 ? subnet->param : subnet->state[i - 1]) + first,
               (size_t)(last - first) * sizeof(float));
}

IST__PHASE static void train(ist__training *t, ist__subnet *subnet, ist__worker *worker)
{
    ist__team_space *team = &t->teams[worker->home];
    ist__desk *desk = team->desk;
    const int32_t steps = t->round_steps, batch = t->config.batch;
    const int64_t first_step = t->progress.step;
    const int64_t first_batch = t->now.phase->first_batch + first_step - t->now.phase->first_step;
    ist__step step = ist__training_step(t, subnet, worker->home);
    const ist__shape own = ist__deal_own(t->now.deal, &subnet->shape, subnet->number);
    step.shape = &desk->shape;
    step.rows = &desk->rows;
    step.own = &own;
    step.gradient = subnet->gradient;
    if (worker->home_rank == 0) ist__desk_open(team, subnet, worker->joined ? t->whole : NULL);
    for (int32_t j = 0; worker->rank == 0 && j < 2 && j < steps; j++)
        ist__batches_rows(&desk->batches, (first_batch + j) * batch, batch, step.scratch->index[j]);
    ist__team_barrier(worker); /* the block is gathered, the first rows are drawn, the last subnet is done */
    keep_block(t, subnet, worker);
    ist__subnet_prepare(&step, worker);
    double loss = 0, keep = 1;
    for (int32_t j = 0; j < steps; j++) {
        step.rule = ist__training_rule(t, j);
        keep *= (double)step.rule.keep;
        step.parity = j & 1;
        step.place.step = first_step + j;
        step.next_place = (ist__draw_place){first_step + j + 1, step.place.subnet};
        step.next_rows = j + 1 < steps ? &desk->rows : NULL;
        step.batches = j + 2 < steps ? &desk->batches : NULL;
        step.draw_position = (first_batch + j + 2) * batch;
        ist__mark_begin(worker, IST__MARK_STEP, j);
        loss += ist__subnet_step(&step, worker);
        if (step.gradient) ist__masked_step(&step, worker);
        ist__mark_end(worker, IST__MARK_STEP);
    }
    ist__team_barrier(worker); /* all rows of the block have taken their last step */
    if (step.rows->sparse && keep != 1) {
        ist__subnet_decay(&step, (float)keep, worker);
        ist__team_barrier(worker);
    }
    int64_t first, last;
    ist__share(subnet->shape.floats, worker->rank, worker->size, &first, &last);
    const bool loss_finite = loss - loss == 0;
    if (!loss_finite || !t->host.engine.kernels->all_finite(last - first, subnet->param + first))
        atomic_store(&t->diverged, 1 + subnet->number);
    if (worker->rank != 0) return;
    subnet->loss = loss;
    ist__desk_close(desk, subnet);
}

IST__PHASE static void write_back(ist__training *t, ist__subnet *subnet, ist__worker *worker)
{
    const ist__panel_moves moves = ist__training_moves(t);
    const ist__shape own = ist__deal_own(t->now.deal, &subnet->shape, subnet->number);
    mark_moved(t, &own, &own, worker);
    void (*const put)(const ist__shape *, const ist__deal *, int32_t, float *, const ist__shape *, const float *,
                      const ist__panel_moves *, int32_t, int32_t) =
        t->write_all ? ist__write_back : ist__write_back_leaving;
    const ist__outer outer = ist__outer_of(t);
    if (ist__outer_now(t))
        ist__write_back_outer(&t->net->shape, t->now.deal, subnet->number, t->net->param, &outer, &own, subnet->param,
                              worker->rank, worker->size);
    else
        put(&t->net->shape, t->now.deal, subnet->number, t->net->param, &own, subnet->param, &moves, worker->rank,
            worker->size);
    if (t->config.state != IST_STATE_CARRIED) return;
    for (int32_t i = 0; i < t->state_count; i++)
        put(&t->net->shape, t->now.deal, subnet->number, (float *)(void *)t->master_state[i].base, &own,
            subnet->state[i], &moves, worker->rank, worker->size);
}

/* The end of a call: all numbers to the master, of the last round or, if one has failed, of the one before. */
static void settle(ist__training *t, ist__subnet *subnet, ist__worker *worker)
{
    const ist__panel_moves moves = ist__training_moves(t);
    const bool failed = atomic_load(&t->diverged) != 0;
    for (int i = 0; i < 3 && subnet->kept[i]; i++) {
        float *master = i == 0 ? t->net->param : (float *)(void *)t->master_state[i - 1].base;
        const float *block = failed ? subnet->kept[i] : i == 0 ? subnet->param : subnet->state[i - 1];
        ist__write_back(&t->net->shape, &t->deal, subnet->number, master, &subnet->shape, block, &moves, worker->rank,
                        worker->size);
    }
}

/* After a round that failed: a new gradient is added to 0 times the old one, which may not be finite. */
static void forget_gradient(ist__training *t, ist__subnet *subnet, ist__worker *worker)
{
    (void)t;
    if (subnet->gradient) clear(subnet, subnet->gradient, worker->rank, worker->size);
}

typedef void (*part)(ist__training *, ist__subnet *, ist__worker *);

static void for_the_whole(ist__training *t, ist__worker *worker, part work)
{
    ist__worker joined = ist__worker_of_all(worker);
    ist__mark_begin(worker, IST__MARK_WHOLE, 0);
    work(t, &t->whole->subnet, &joined);
    ist__mark_end(worker, IST__MARK_WHOLE);
    worker->waited_s = joined.waited_s;
}

static void for_my_subnets(ist__training *t, ist__worker *worker, part work)
{
    if (t->now.phase->kind != IST_PHASE_SUBNETS) {
        for_the_whole(t, worker, work);
        return;
    }
    for (int32_t s = 0; s < t->config.subnets; s++) {
        if (!is_mine(t, s, worker)) continue;
        ist__mark_begin(worker, IST__MARK_SUBNET, s);
        work(t, &t->subnets[s], worker);
        ist__mark_end(worker, IST__MARK_SUBNET);
    }
}

/* Between two rounds, while all others wait: the last one's results, the next one's deal. */
static void turn(ist__training *t, const ist__worker *worker, bool first)
{
    t->folds = false;
    if (!first && !atomic_load(&t->diverged)) {
        const ist_progress before = t->progress;
        ist__mark_begin(worker, IST__MARK_CLOSE, worker->round);
        close_round(t);
        ist__mark_end(worker, IST__MARK_CLOSE);
        ist__mark_count(worker, IST__COUNT_LOSS, t->progress.loss);
        ist__mark_count(worker, IST__COUNT_GFLOPS,
                        1e-9 * (t->progress.flops - before.flops) / (t->progress.seconds - before.seconds));
    }
    ist__mark_begin(worker, IST__MARK_DEAL, t->progress.round + 1);
    open_round(t);
    ist__mark_end(worker, IST__MARK_DEAL);
}

static void keep(ist__training *t, ist__worker *worker)
{
    if (ist__trains_replicas(&t->config)) ist__replicas_write_back(t, worker);
    else for_my_subnets(t, worker, write_back);
}

static void rounds(void *argument, ist__worker *worker)
{
    ist__training *t = argument;
    ist__team_space *team = &t->teams[worker->team];
    const bool leader = worker->team == 0 && worker->rank == 0;
    ist__stopwatch watch = ist__stopwatch_start(worker);
    if (worker->rank == 0 && team->desk) ist__desk_begin(team, &t->host.engine, t->net, &t->config);
    for (bool first = true;; first = false) {
        if (leader) turn(t, worker, first); /* the end of R6, and R1 */
        ist__all_barrier(worker);
        if (t->folds) ist__average_fold(t, worker, &watch);
        if (t->settle) for_my_subnets(t, worker, settle);
        if (!t->going) break;
        ist__mark_round(worker, t->progress.round + 1);
        ist__stopwatch_next(&watch, IST__GATHER);
        const double began_s = (double)watch.since_ns * 1e-9;
        if (leader) t->round_began_s = began_s;
        if (t->joins) ist__feed_join(t, worker);
        for_my_subnets(t, worker, gather); /* R2 */
        ist__stopwatch_next(&watch, IST__TRAIN);
        if (t->config.method == IST_METHOD_DATA_PARALLEL) ist__replicas_train(t, worker, &watch);
        else for_my_subnets(t, worker, train); /* R3 */
        const double waited_s = worker->waited_s;
        ist__all_barrier(worker); /* R4 */
        const double others_s = worker->waited_s - waited_s;
        ist__stopwatch_next(&watch, IST__WRITE_BACK);
        if (!atomic_load(&t->diverged)) keep(t, worker); /* R5 */
        else for_my_subnets(t, worker, forget_gradient);
        ist__stopwatch_next(&watch, IST__WAIT);
        if (worker->rank == 0) team->round_busy_s = (double)watch.since_ns * 1e-9 - began_s - others_s;
        ist__stopwatch_hand_in(&watch, &team->times); /* before the barrier: the leader reads it behind */
        ist__all_barrier(worker);                     /* R6 */
    }
    ist__stopwatch_stop(&watch);
    ist__stopwatch_hand_in(&watch, &team->times);
}

ist_status ist__training_run(ist__training *t, int64_t limit, ist_round_fn on_round, void *user, ist__error *error)
{
    IST__OUR_FLOATS;
    t->floats = ist__floats_kept;
    t->rounds_left = limit > 0 ? limit : INT64_MAX;
    t->on_round = on_round;
    t->on_round_user = user;
    t->began = ist__seconds();
    t->seconds_before = t->progress.seconds;
    atomic_store(&t->stop, 0);
    atomic_store(&t->diverged, 0);
    t->master_whole = true;
    t->settle = false;
    const ist_status status = ist__crew_run(t->host.crew, rounds, t, error);
    t->progress.seconds = t->seconds_before + ist__seconds() - t->began;
    if (status) return status;
    if (t->settle) ist__tally_settle(t);
    if (atomic_load(&t->diverged) && t->now.phase->kind != IST_PHASE_SUBNETS)
        return ist__fail(error, IST_E_DIVERGED, "round %lld: loss or parameters of the whole net are not finite",
                         (long long)t->progress.round + 1);
    if (atomic_load(&t->diverged))
        return ist__fail(error, IST_E_DIVERGED, "round %lld: loss or parameters of subnet %d are not finite",
                         (long long)t->progress.round + 1, atomic_load(&t->diverged) - 1);
    return IST_OK;
}
