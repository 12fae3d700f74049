/* predict.c - the cost model: what a round takes on a machine whose rates are known. [M17]
 *
 * A step is walked as subnet.c does it: each layer's band of the widest share of a thread, product by product, and the
 * barriers between them.  A part takes as long as its arithmetic, or as the bytes that it must fetch where the weights do
 * not fit into caches, whichever is longer; what bandwidth adds is counted as such.  Nothing overlaps but these two.
 *
 * Floor: train.  Cold.
 */
#include "train/predict.h"

#include <string.h>

#include "base/mem.h"
#include "base/share.h"
#include "train/pass.h"
#include "train/reseat.h"
#include "train/replicas.h"
#include "train/tally.h"

static const double FLOAT_BYTES = sizeof(float);

/* Seconds by cause. */
typedef struct cost {
    double products, vectors, memory, copies, link, barriers;
} cost;

static double cost_s(const cost *c)
{
    return c->products + c->vectors + c->memory + c->copies + c->link + c->barriers;
}

static void add_cost(cost *sum, const cost *c, double times)
{
    sum->products += times * c->products;
    sum->vectors += times * c->vectors;
    sum->memory += times * c->memory;
    sum->copies += times * c->copies;
    sum->link += times * c->link;
    sum->barriers += times * c->barriers;
}

/* A run that need not exist. */
typedef struct job {
    const ist__host *host;
    const ist__plan *plan;
    const ist__shape *whole;
    const ist_train_config *config;
    const ist_rates *rates;
    const ist__deal *deal;
    const ist__stripe_homes *homes;
    int32_t states, arrays; /* of the optimiser; that the exchange moves */
} job;

/* A team, and what its steps share. */
typedef struct crew_of {
    int32_t team, threads, node;
    double node_gb_per_s; /* its part of its node's bandwidth; 0: no limit */
    double elsewhere;     /* share of its threads that stand on other nodes than its memory */
    bool fits;            /* what it works on, into caches */
} crew_of;

static double over(double bytes, double gb_per_s)
{
    return gb_per_s > 0 ? bytes / (1e9 * gb_per_s) : 0;
}

/* ----------------------------------------------------------------------------------------------------- machine -- */

static double node_bandwidth(const job *j, int32_t node)
{
    const int64_t mibs = j->host->machine->nodes[node].bandwidth_mibs;
    return j->rates->node_gb_per_s > 0 ? j->rates->node_gb_per_s : (double)mibs * (1 << 20) * 1e-9;
}

static int32_t team_of(const job *j, int32_t s)
{
    return ist__team_of_subnet(s, j->config->subnets, j->plan->team_count);
}

/* The first subnet of a team, or of the next one that has any. */
static int32_t first_of(const job *j, int32_t team)
{
    const int64_t teams = j->plan->team_count;
    return (int32_t)(((int64_t)team * j->config->subnets + teams - 1) / teams);
}

static bool is_idle(const job *j, int32_t team)
{
    return first_of(j, team) == first_of(j, team + 1);
}

/* Threads of teams that train something in the memory of `node`. */
static double busy_threads(const job *j, int32_t node)
{
    double threads = 0;
    for (int32_t k = 0; k < j->plan->team_count; k++)
        if (j->plan->teams[k].node == node && !is_idle(j, k)) threads += j->plan->teams[k].threads;
    return threads;
}

static crew_of find_crew(const job *j, int32_t team, double bytes)
{
    const ist__team_plan *t = &j->plan->teams[team];
    crew_of crew = {.team = team, .threads = t->threads, .node = t->node};
    double away = 0;
    for (int32_t r = 0; r < t->threads; r++) away += j->host->machine->cores[t->core[r]].node != t->home;
    crew.elsewhere = t->node == t->home ? away / t->threads : 0; /* HBM full, say: near enough */
    crew.node_gb_per_s = node_bandwidth(j, t->node) * t->threads / busy_threads(j, t->node);
    crew.fits = bytes <= j->rates->cache_bytes * t->threads;
    return crew;
}

/* Meeting of a team, and of all teams. */
static double team_barrier(const job *j, int32_t threads)
{
    return threads > 1 ? threads * j->rates->barrier_thread_s : 0;
}

static double all_barrier(const job *j)
{
    int32_t most = 1;
    for (int32_t k = 0; k < j->plan->team_count; k++)
        if (j->plan->teams[k].threads > most) most = j->plan->teams[k].threads;
    return team_barrier(j, most) + (j->plan->team_count > 1 ? j->plan->team_count * j->rates->barrier_team_s : 0);
}

/* ------------------------------------------------------------------------------------------------------ a step -- */

/* The largest band of a thread. */
static double band_of(const job *j, const crew_of *crew, int32_t width)
{
    int32_t most = 0;
    for (int32_t r = 0; r < crew->threads; r++) {
        int32_t first, last;
        ist__band(&j->host->engine, width, r, crew->threads, &first, &last);
        if (last - first > most) most = last - first;
    }
    return most;
}

/* The largest of equal shares. */
static double share_of(int64_t count, int32_t threads)
{
    int64_t first, last;
    ist__share(count, 0, threads, &first, &last);
    return (double)last;
}

/* A product of `flops` by the thread that has most of them, over `weights` numbers of all threads, each fetched (and put
 * back) with so many bytes. */
static void add_product(const job *j, const crew_of *crew, double flops, double gflops, double weights,
                        double bytes_each, cost *sum)
{
    const double work = flops / (1e9 * gflops), bytes = crew->fits ? 0 : weights * bytes_each;
    const double local = over(bytes, crew->node_gb_per_s);
    const double link = over(bytes * crew->elsewhere, j->rates->between_gb_per_s);
    sum->products += work;
    if (local > work && local >= link) sum->memory += local - work;
    else if (link > work) sum->link += link - work;
}

static double panels_of(const ist__shape *part, int32_t width)
{
    return part->panels ? (width + IST__PANEL - 1) / IST__PANEL * IST__PANEL : width;
}

static void add_forward(const job *j, const crew_of *crew, const ist__shape *part, cost *sum)
{
    const double columns = (double)ist__padded_columns(j->config->batch);
    for (int32_t l = 0; l < part->layer_count; l++) {
        const double inputs = part->width[l], outputs = part->width[l + 1];
        const double rows = band_of(j, crew, part->width[l + 1]);
        add_product(j, crew, 2 * columns * rows * inputs, j->rates->forward_gflops, inputs * outputs, sizeof(float),
                    sum);
        sum->vectors += rows * j->config->batch * j->rates->norm_forward_s;
    }
}

/* Gradient of what hidden layer h gives, and its norm. */
static void add_pull(const job *j, const crew_of *crew, const ist__shape *part, int32_t h, cost *sum)
{
    const double columns = (double)ist__padded_columns(j->config->batch);
    const double inputs = part->width[h + 1], outputs = part->width[h + 2];
    const double rows = band_of(j, crew, part->width[h + 1]);
    add_product(j, crew, 2 * columns * rows * outputs, j->rates->pull_gflops, inputs * outputs, sizeof(float), sum);
    sum->vectors += rows * j->config->batch * j->rates->norm_backward_s;
}

/* The step of the weights of layer l.  Threads have bands of its outputs; of the output layer, of its inputs. */
static void add_update(const job *j, const crew_of *crew, const ist__shape *part, int32_t l, int32_t rule, cost *sum)
{
    const bool turned = part->layer[l].is_output;
    const double mine = band_of(j, crew, part->width[turned ? l : l + 1]);
    const double flops =
        2.0 * j->config->batch *
        (turned ? mine * panels_of(part, part->width[l + 1]) : panels_of(part, (int32_t)mine) * part->width[l]);
    const double bytes = 2.0 * sizeof(float) * (1 + ist__optimizer_states(rule)); /* read and written */
    add_product(j, crew, flops, j->rates->update_gflops[rule], (double)part->width[l] * part->width[l + 1], bytes, sum);
}

/* B1 .. B7 of subnet.c. */
static int32_t barriers_of(const ist__shape *part)
{
    const int32_t top = part->hidden_count;
    return 2 + part->layer_count + (part->output_norm == IST_NORM_BATCH) + top;
}

/* One local step of one subnet; rule: IST_SGD .. of its weights. */
static cost step_cost(const job *j, const crew_of *crew, const ist__shape *part, int32_t rule)
{
    const ist_rates *r = j->rates;
    const int32_t top = part->hidden_count, batch = j->config->batch;
    const double classes = part->width[top + 1];
    cost sum = {0};
    add_forward(j, crew, part, &sum);
    sum.vectors += classes * IST__LANES * share_of(ist__padded_columns(batch) / IST__LANES, crew->threads) * r->loss_s;
    const int64_t units = ((int64_t)part->width[0] + IST__LANES - 1) / IST__LANES;
    sum.vectors += share_of(units, crew->threads) * IST__LANES * batch * r->assemble_s;
    sum.vectors += band_of(j, crew, part->width[top + 1]) * batch * r->norm_backward_s;
    for (int32_t h = 0; h < top; h++) add_pull(j, crew, part, h, &sum);
    for (int32_t l = 0; l <= top; l++) add_update(j, crew, part, l, rule, &sum);
    sum.barriers = barriers_of(part) * team_barrier(j, crew->threads) + r->step_s;
    cost scaled = {0};
    add_cost(&scaled, &sum, r->step_factor > 0 ? r->step_factor : 1);
    return scaled;
}

/* -------------------------------------------------------------------------------------------------- the exchange -- */

/* Bytes of a block that move as whole rows of the master, and as columns picked from rows. */
typedef struct block_bytes {
    double rows, columns;
} block_bytes;

static block_bytes bytes_of(const job *j, const ist__shape *part)
{
    block_bytes b = {0, 0};
    for (int32_t l = 1; l < part->hidden_count; l++) b.columns += (double)part->width[l] * part->width[l + 1];
    b.rows = (double)part->parameters - b.columns;
    b.rows *= FLOAT_BYTES * j->arrays;
    b.columns *= FLOAT_BYTES * j->arrays;
    return b;
}

/* What copies take of `threads` threads, and what bandwidth adds to it. */
static cost copy_cost(const job *j, double work, double node_bytes, double node_gb_per_s, double crossed)
{
    const double memory = over(node_bytes, node_gb_per_s), link = over(crossed, j->rates->between_gb_per_s);
    cost sum = {.copies = work};
    if (memory > work && memory >= link) sum.memory = memory - work;
    else if (link > work) sum.link = link - work;
    return sum;
}

/* Bytes that cross to, and that move into or out of, the memory of each node in one way of the exchange. */
typedef struct flows {
    double *into, *crossed; /* (nodes) */
    double all;             /* the sum of into */
} flows;

static double stripes_on(const job *j, int32_t node)
{
    int64_t before = 0, here = 0;
    for (int32_t k = 0; k < j->homes->count; k++) {
        const int64_t end = j->homes->last[k] < j->whole->floats ? j->homes->last[k] : j->whole->floats;
        if (end > before && j->homes->home[k] == node) here += end - before;
        if (end > before) before = end;
    }
    return (double)here / (double)j->whole->floats;
}

static ist__traffic_mean traffic_of(const job *j, int32_t s)
{
    const int32_t node = j->plan->teams[team_of(j, s)].node;
    if (!j->deal->replicas) return ist__traffic_expected(j->whole, j->deal, s, j->homes, node);
    const ist__traffic t = ist__traffic_count(j->whole, j->deal, s, NULL, j->homes, node);
    return (ist__traffic_mean){(double)t.moved, (double)t.crossed};
}

static void find_flows(const job *j, flows *f)
{
    for (int32_t s = 0; s < j->config->subnets; s++) {
        const int32_t node = j->plan->teams[team_of(j, s)].node;
        const ist__traffic_mean t = traffic_of(j, s);
        f->into[node] += FLOAT_BYTES * j->arrays * t.moved;
        f->crossed[node] += FLOAT_BYTES * j->arrays * t.crossed;
        f->all += FLOAT_BYTES * j->arrays * t.moved;
    }
}

/* One way, for one team: its subnets' blocks, one after another. */
static cost exchange_cost(const job *j, const flows *f, const crew_of *crew, bool back)
{
    const ist_rates *r = j->rates;
    const bool panels = j->host->engine.kind == IST_ENGINE_NATIVE;
    double work = 0;
    for (int32_t s = first_of(j, crew->team); s < first_of(j, crew->team + 1); s++) {
        const ist__shape part = ist__deal_shape(j->deal, j->whole, s, panels);
        const block_bytes b = bytes_of(j, &part);
        const double moving = traffic_of(j, s).moved / (double)part.parameters; /* of a sticky deal a share */
        work += moving * over(b.rows, back ? r->write_rows_gb_per_s : r->gather_rows_gb_per_s);
        work += moving * over(b.columns, back ? r->write_columns_gb_per_s : r->gather_columns_gb_per_s);
        const double empty = (double)part.parameters * sizeof(float) * (1 + j->states - j->arrays);
        if (!back) work += over(empty, r->fill_gb_per_s); /* state that is reset */
    }
    const double bytes = f->into[crew->node] + f->all * stripes_on(j, crew->node);
    return copy_cost(j, work / crew->threads, bytes, node_bandwidth(j, crew->node), f->crossed[crew->node]);
}

/* -------------------------------------------------------------------------------------------------- the methods -- */

/* What the parts of a round sum up to; each is the slowest team's. */
typedef struct round_cost {
    cost gather, train, mean, back, between;
    double step_s, wait_s;
    int32_t idle;
} round_cost;

/* Parameters, state and gradients that a team goes through again and again. */
static double working_bytes(const job *j, int32_t team)
{
    const bool parallel = j->config->method == IST_METHOD_DATA_PARALLEL;
    const bool panels = j->host->engine.kind == IST_ENGINE_NATIVE;
    double sum = 0, most = 0;
    for (int32_t s = first_of(j, team); s < first_of(j, team + 1); s++) {
        const ist__shape part = ist__deal_shape(j->deal, j->whole, s, panels);
        const double bytes = (double)part.parameters * sizeof(float) * (parallel ? 2 : 1 + j->states);
        sum += bytes;
        if (bytes > most) most = bytes;
    }
    return parallel ? sum : most; /* data parallel takes its replicas in turn in every step */
}

/* Before and after the steps of a subnet: its check, and barriers of the team. */
static cost frame_cost(const job *j, const crew_of *crew, const ist__shape *part)
{
    return (cost){.vectors = over((double)part->parameters * sizeof(float), j->rates->fill_gb_per_s) / crew->threads,
                  .barriers = 2 * team_barrier(j, crew->threads)};
}

/* All steps of a round of one team; *step_s: one step of each of its subnets. */
static cost train_cost(const job *j, const crew_of *crew, double *step_s)
{
    const bool parallel = j->config->method == IST_METHOD_DATA_PARALLEL;
    const bool panels = j->host->engine.kind == IST_ENGINE_NATIVE;
    const double steps = j->config->local_steps;
    cost sum = {0};
    *step_s = 0;
    for (int32_t s = first_of(j, crew->team); s < first_of(j, crew->team + 1); s++) {
        const ist__shape part = ist__deal_shape(j->deal, j->whole, s, panels);
        const cost step =
            step_cost(j, crew, &part, parallel ? IST_SGD : j->config->optimizer); /* a gradient is stored */
        const cost frame = frame_cost(j, crew, &part);
        add_cost(&sum, &step, steps);
        if (!parallel) add_cost(&sum, &frame, 1);
        *step_s += cost_s(&step);
    }
    return sum;
}

/* A pass of all threads over all replicas, each thread over its piece of them: `moved` blocks, of which each replica's
 * crosses `ways` times between its node and the threads elsewhere. */
static cost pass_cost(const job *j, double moved, double ways)
{
    const double block = (double)j->whole->parameters * sizeof(float);
    const double work = over(moved * block, j->rates->mean_gb_per_s) / j->plan->thread_count;
    cost most = {.copies = work};
    for (int32_t node = 0; node < j->host->machine->node_count; node++) {
        double here = 0;
        for (int32_t s = 0; s < j->config->subnets; s++) here += j->plan->teams[team_of(j, s)].node == node;
        const double away = ist__replicas_elsewhere(j->plan, node), n = j->config->subnets;
        const double out = here * away, in = (n - here) * (1 - away);
        const cost c =
            copy_cost(j, work, moved * block * here / n, node_bandwidth(j, node), ways * block * (out > in ? out : in));
        if (cost_s(&c) > cost_s(&most)) most = c;
    }
    return most;
}

/* The mean in every step of data parallel, and its barriers. */
static cost step_mean_cost(const job *j)
{
    const double n = j->config->subnets;
    cost sum = pass_cost(j, 2 * n + 2 * j->states, 2);
    sum.barriers = 2 * all_barrier(j);
    return sum;
}

/* All threads move one net. */
static cost whole_cost(const job *j, const ist__shape *part, int32_t arrays, bool back)
{
    const ist_rates *r = j->rates;
    const block_bytes b = bytes_of(j, part);
    const double work = over(b.rows, back ? r->write_rows_gb_per_s : r->gather_rows_gb_per_s) +
                        over(b.columns, back ? r->write_columns_gb_per_s : r->gather_columns_gb_per_s);
    const int32_t node = j->plan->teams[team_of(j, 0)].node;
    const double bytes = (b.rows + b.columns) * arrays / j->arrays, away = ist__replicas_elsewhere(j->plan, node);
    return copy_cost(j, work * arrays / j->arrays / j->plan->thread_count, bytes * (1 + stripes_on(j, node)),
                     node_bandwidth(j, node), bytes * away);
}

static void add_replicas(const job *j, round_cost *round)
{
    const bool panels = j->host->engine.kind == IST_ENGINE_NATIVE;
    const ist__shape part = ist__deal_shape(j->deal, j->whole, 0, panels);
    const double n = j->config->subnets, steps = j->config->local_steps;
    if (j->config->method == IST_METHOD_DATA_PARALLEL) {
        const cost mean = step_mean_cost(j);
        add_cost(&round->mean, &mean, steps);
        round->step_s += cost_s(&mean);
        const cost state = whole_cost(j, &part, j->arrays - 1, false);
        add_cost(&round->gather, &state, 1);
        const double empty = (double)part.parameters * sizeof(float) * (1 + j->states - j->arrays);
        round->gather.copies += over(empty, j->rates->fill_gb_per_s) / j->plan->thread_count;
    } else if (j->config->subnets > 1) {
        round->mean = pass_cost(j, j->arrays * (n + 1), j->arrays);
        round->mean.barriers += all_barrier(j);
    }
    round->back = whole_cost(j, &part, j->arrays, true);
}

/* How the exchange of a gather weighs for data parallel: parameters alone, its state is one for all. */
static job gather_job(const job *j)
{
    job g = *j;
    if (j->config->method == IST_METHOD_DATA_PARALLEL) {
        g.arrays = 1;
        g.states = 0;
    }
    return g;
}

static round_cost find_round(const job *j, const flows *f)
{
    round_cost round = {0};
    const job gathers = gather_job(j);
    double slowest = 0, sum_s = 0, back_s = 0;
    for (int32_t k = 0; k < j->plan->team_count; k++) {
        if (is_idle(j, k)) {
            round.idle++;
            continue;
        }
        const crew_of crew = find_crew(j, k, working_bytes(j, k));
        double step_s;
        const cost gather = exchange_cost(&gathers, f, &crew, false), train = train_cost(j, &crew, &step_s);
        const cost back = exchange_cost(j, f, &crew, true);
        const double team_s = cost_s(&gather) + cost_s(&train);
        sum_s += team_s;
        if (team_s > slowest) {
            slowest = team_s;
            round.gather = gather;
            round.train = train;
            round.step_s = step_s;
        }
        if (!j->deal->replicas && cost_s(&back) > back_s) {
            back_s = cost_s(&back);
            round.back = back;
        }
    }
    round.wait_s = slowest - sum_s / (j->plan->team_count - round.idle);
    if (j->deal->replicas) add_replicas(j, &round);
    double neurons = 0;
    for (int32_t h = 0; h < j->whole->hidden_count && !j->deal->replicas; h++) neurons += j->whole->width[h + 1];
    round.between.barriers = 3 * all_barrier(j) + neurons * j->rates->deal_s + j->rates->round_s;
    return round;
}

static double flops_of(const job *j)
{
    double flops = 0;
    for (int32_t s = 0; s < j->config->subnets; s++) {
        const ist__shape part = ist__deal_shape(j->deal, j->whole, s, false);
        flops += ist__shape_step_flops(&part, j->config->batch) * j->config->local_steps;
    }
    return flops;
}

static void fill(const job *j, const round_cost *round, ist_prediction *out)
{
    cost sum = {0};
    const cost *parts[] = {&round->gather, &round->train, &round->mean, &round->back, &round->between};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) add_cost(&sum, parts[i], 1);
    out->round_s = cost_s(&sum);
    out->step_s = round->step_s;
    out->gather_s = cost_s(&round->gather);
    out->train_s = cost_s(&round->train);
    out->mean_s = cost_s(&round->mean);
    out->writeback_s = cost_s(&round->back);
    out->between_s = cost_s(&round->between);
    out->products_s = sum.products;
    out->vectors_s = sum.vectors;
    out->memory_s = sum.memory;
    out->copies_s = sum.copies;
    out->link_s = sum.link;
    out->barriers_s = sum.barriers;
    out->wait_s = round->wait_s;
    out->teams = j->plan->team_count;
    out->idle_teams = round->idle;
    out->samples = (double)j->config->local_steps * j->config->batch * j->config->subnets;
    out->samples_per_s = out->samples / out->round_s;
    out->flops = flops_of(j);
    out->gflops = 1e-9 * out->flops / out->round_s;
}

/* ----------------------------------------------------------------------------------------------------- entrance -- */

ist_status ist__rates_check(const ist_rates *r, ist__error *error)
{
    const struct {
        const char *name;
        double value;
        bool needed;
    } rate[] = {{"forward_gflops", r->forward_gflops, true},
                {"pull_gflops", r->pull_gflops, true},
                {"update_gflops of sgd", r->update_gflops[IST_SGD], true},
                {"update_gflops of momentum", r->update_gflops[IST_MOMENTUM], true},
                {"update_gflops of nesterov", r->update_gflops[IST_NESTEROV], true},
                {"update_gflops of adam", r->update_gflops[IST_ADAM], true},
                {"norm_forward_s", r->norm_forward_s, false},
                {"norm_backward_s", r->norm_backward_s, false},
                {"loss_s", r->loss_s, false},
                {"assemble_s", r->assemble_s, false},
                {"gather_rows_gb_per_s", r->gather_rows_gb_per_s, false},
                {"gather_columns_gb_per_s", r->gather_columns_gb_per_s, false},
                {"write_rows_gb_per_s", r->write_rows_gb_per_s, false},
                {"write_columns_gb_per_s", r->write_columns_gb_per_s, false},
                {"mean_gb_per_s", r->mean_gb_per_s, false},
                {"fill_gb_per_s", r->fill_gb_per_s, false},
                {"barrier_thread_s", r->barrier_thread_s, false},
                {"barrier_team_s", r->barrier_team_s, false},
                {"step_s", r->step_s, false},
                {"round_s", r->round_s, false},
                {"deal_s", r->deal_s, false},
                {"step_factor", r->step_factor, false},
                {"cache_bytes", r->cache_bytes, false},
                {"node_gb_per_s", r->node_gb_per_s, false},
                {"between_gb_per_s", r->between_gb_per_s, false}};
    for (size_t i = 0; i < sizeof rate / sizeof *rate; i++) {
        const double value = rate[i].value;
        const bool fits = value - value == 0 && (rate[i].needed ? value > 0 : value >= 0);
        if (!fits)
            return ist__fail(error, IST_E_ARGUMENT, "the rate %s is %g, expected %s", rate[i].name, value,
                             rate[i].needed ? "above 0" : "0 or more");
    }
    return IST_OK;
}

ist_status ist__predict(const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                        const ist_rates *rates, ist_prediction *out, ist__error *error)
{
    ist__deal deal;
    ist__stripe_homes homes;
    ist__traffic_mean bytes = {0};
    ist_status status = ist__train_shares_check(config, shape, error);
    if (!status && config->method == IST_METHOD_MASKED)
        status = ist__fail(error, IST_E_ARGUMENT, "method: what a masked round would take is not predicted");
    if (!status) status = ist__training_deal(&deal, shape, config, error);
    if (status) return status;
    status = ist__homes_create(&homes, host->plan, (size_t)shape->floats * sizeof(float), error);
    if (!status) {
        const int32_t nodes = host->machine->node_count, states = ist__optimizer_states(config->optimizer);
        flows f = {.into = ist__alloc(nodes, sizeof *f.into), .crossed = ist__alloc(nodes, sizeof *f.crossed)};
        if (!f.into || !f.crossed) status = ist__fail(error, IST_E_MEMORY, "no memory for %d nodes", nodes);
        if (!status) status = ist__tally_expect(host->plan, shape, &deal, config, &bytes, error);
        if (!status) {
            const job j = {.host = host,
                           .plan = host->plan,
                           .whole = shape,
                           .config = config,
                           .rates = rates,
                           .deal = &deal,
                           .homes = &homes,
                           .states = states,
                           .arrays = 1 + (config->state == IST_STATE_CARRIED ? states : 0)};
            const job gathers = gather_job(&j);
            find_flows(&gathers, &f);
            const round_cost round = find_round(&j, &f);
            fill(&j, &round, out);
            out->bytes_moved = bytes.moved;
            out->bytes_crossed = bytes.crossed;
        }
        ist__free(f.into);
        ist__free(f.crossed);
        ist__homes_destroy(&homes);
    }
    ist__deal_destroy(&deal);
    return status;
}
