/* The masked method against its definition [M21], done naively in double precision: each subnet has a copy of the net,
 * takes the whole net's gradient, and moves the numbers between its own neurons alone. */
#define _GNU_SOURCE
#include <math.h>

#include "fixture_plain.h"

enum { SUBNETS = 3 };

static run_spec masked_small(void)
{
    run_spec spec = run_spec_small();
    spec.made_for = 1;
    spec.train.method = IST_METHOD_MASKED;
    spec.train.subnets = SUBNETS;
    spec.train.rounds = 3;
    spec.train.schedule = IST_LR_CONSTANT;
    spec.train.weight_decay = 0.1;
    return spec;
}

/* owner[h][neuron]: the subnet that has it in this round. */
typedef struct naive {
    plain_run plain; /* whose deal, batches and master are used */
    int32_t *owner[IST_MAX_HIDDEN];
} naive;

static naive naive_open(const run *r, const ist_train_config *config)
{
    naive n = {.plain = plain_open(r, config, config->rounds * config->local_steps)};
    const ist__shape *whole = &n.plain.net->shape;
    for (int32_t h = 0; h < whole->hidden_count; h++) n.owner[h] = table_room(whole->width[h + 1], sizeof *n.owner[h]);
    return n;
}

static void naive_close(naive *n)
{
    for (int32_t h = 0; h < n->plain.net->shape.hidden_count; h++) free(n->owner[h]);
    plain_close(&n->plain);
}

static void naive_deal(naive *n, int64_t round)
{
    const plain_run *p = &n->plain;
    ist__deal_round(&n->plain.deal, p->config.seed, round);
    for (int32_t h = 0; h < p->net->shape.hidden_count; h++)
        for (int32_t s = 0; s < p->config.subnets; s++) {
            const int32_t *neurons, count = ist__deal_group(&p->deal, h, s, &neurons);
            for (int32_t k = 0; k < count; k++) n->owner[h][neurons[k]] = s;
        }
}

/* Is neuron i of width w (0: features) subnet s's, or everybody's? */
static bool has(const naive *n, int32_t s, int32_t w, int32_t i)
{
    return w == 0 || w == n->plain.net->shape.layer_count || n->owner[w - 1][i] == s;
}

/* The textbook step of number `at` of the block along g. */
static void step_number(const ist_train_config *c, float *param, float *velocity, int64_t at, double g, bool decays)
{
    const double keep = decays ? 1 - c->lr * c->weight_decay : 1;
    double along = g;
    if (c->optimizer == IST_MOMENTUM) {
        velocity[at] = (float)(c->momentum * (double)velocity[at] + g);
        along = (double)velocity[at];
    }
    param[at] = (float)(keep * (double)param[at] - c->lr * along);
}

static void step_own(const naive *n, int32_t s, float *param, float *velocity, const double *gradient)
{
    const ist_train_config *c = &n->plain.config;
    const ist__shape *whole = &n->plain.net->shape;
    for (int32_t l = 0; l < whole->layer_count; l++) {
        const ist__layer *layer = &whole->layer[l];
        for (int32_t i = 0; i < layer->outputs; i++) {
            if (!has(n, s, l + 1, i)) continue;
            for (int32_t j = 0; j < layer->inputs; j++) {
                const int64_t at = oracle_place(whole, l, i, j);
                if (has(n, s, l, j)) step_number(c, param, velocity, at, gradient[at], true);
            }
            if (layer->gain >= 0) step_number(c, param, velocity, layer->gain + i, gradient[layer->gain + i], false);
            if (layer->offset >= 0)
                step_number(c, param, velocity, layer->offset + i, gradient[layer->offset + i], false);
        }
    }
}

/* Gradient of the whole net at `param`, of subnet s's batch number `at`. */
static void whole_gradient(const naive *n, int32_t s, int64_t at, const float *param, double *block)
{
    const plain_run *p = &n->plain;
    const ist__shape *whole = &p->net->shape;
    const int32_t batch = p->config.batch, features = whole->width[0];
    const ist__rows rows = ist__dataset_rows(p->data);
    oracle o, gradient;
    oracle_make(&o, whole);
    oracle_make(&gradient, whole);
    oracle_load(&o, whole, param);
    uint32_t *index = table_room(batch, sizeof *index);
    double *x = table_room((int64_t)batch * features, sizeof *x), loss;
    int32_t *labels = table_room(batch, sizeof *labels);
    ist__batches_rows(&p->batches[s], at * batch, batch, index);
    for (int32_t c = 0; c < batch; c++) {
        const uint32_t row = p->rows[s][index[c]];
        const float *from = (const float *)(const void *)((const char *)rows.x + row * rows.row_stride_bytes);
        labels[c] = rows.labels[row];
        for (int32_t f = 0; f < features; f++) x[c * features + f] = (double)from[f];
    }
    CHECK_EQ(ist__reference_step(&o.net, batch, x, labels, &loss, NULL, &gradient.net), IST_OK);
    oracle_store(&gradient, whole, block);
    oracle_free(&o);
    oracle_free(&gradient);
    free(index);
    free(x);
    free(labels);
}

/* What subnet s has of its replica goes back to `to`; of the output bias, which all share, its part of the mean. */
static void put_own(const naive *n, int32_t s, const float *from, float *to)
{
    const ist__shape *whole = &n->plain.net->shape;
    for (int32_t l = 0; l < whole->layer_count; l++) {
        const ist__layer *layer = &whole->layer[l];
        for (int32_t i = 0; i < layer->outputs; i++) {
            if (!has(n, s, l + 1, i)) continue;
            for (int32_t j = 0; j < layer->inputs; j++)
                if (has(n, s, l, j)) to[oracle_place(whole, l, i, j)] = from[oracle_place(whole, l, i, j)];
            if (layer->gain >= 0) to[layer->gain + i] = from[layer->gain + i];
            if (layer->offset < 0) continue;
            if (!layer->is_output) to[layer->offset + i] = from[layer->offset + i];
            else to[layer->offset + i] = (s == 0 ? 0 : to[layer->offset + i]) + from[layer->offset + i] / SUBNETS;
        }
    }
}

static void naive_round(naive *n, int64_t round)
{
    plain_run *p = &n->plain;
    const int64_t floats = p->net->shape.floats;
    const bool carried = p->config.state == IST_STATE_CARRIED && p->states > 0;
    float *param = plain_copy(p->param, floats), *before = plain_copy(carried ? p->state[0] : NULL, floats);
    double *gradient = table_room(floats, sizeof *gradient);
    naive_deal(n, round);
    for (int32_t s = 0; s < SUBNETS; s++) {
        float *replica = plain_copy(param, floats), *state = plain_copy(before, floats);
        for (int32_t j = 0; j < p->config.local_steps; j++) {
            whole_gradient(n, s, round * p->config.local_steps + j, replica, gradient);
            step_own(n, s, replica, state, gradient);
        }
        put_own(n, s, replica, p->param);
        if (carried) put_own(n, s, state, p->state[0]);
        free(replica);
        free(state);
    }
    free(param);
    free(before);
    free(gradient);
}

static void check_against_definition(const run_spec *spec)
{
    run r = run_open(spec);
    const ist__net *net = &r.model->net;
    ist_train_config other = spec->train;
    other.lr *= 1.02;
    naive same = naive_open(&r, &spec->train), unlike = naive_open(&r, &other);
    run_go(&r, 0);
    for (int64_t round = 0; round < spec->train.rounds; round++) {
        naive_round(&same, round);
        naive_round(&unlike, round);
    }
    CHECK(largest_difference(net->param, same.plain.param, net->shape.floats) < 2e-5);
    CHECK(largest_difference(net->param, unlike.plain.param, net->shape.floats) > 2e-4); /* which sees two percent */
    naive_close(&same);
    naive_close(&unlike);
    run_close(&r);
}

TEST(rounds_are_those_of_the_definition)
{
    for (int32_t engine = IST_ENGINE_REFERENCE; engine <= IST_ENGINE_NATIVE; engine++)
        for (int32_t norm = IST_NORM_NONE; norm <= IST_NORM_BATCH; norm++)
            for (int32_t optimizer = IST_SGD; optimizer <= IST_MOMENTUM; optimizer++)
                for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
                    run_spec spec = masked_small();
                    spec.engine = engine;
                    spec.hidden_norm = norm;
                    spec.train.optimizer = optimizer;
                    spec.train.state = state;
                    check_against_definition(&spec);
                }
}

TEST(own_neurons_of_several_panels_and_tiles_are_those_of_the_definition)
{
    for (int32_t hidden = 1; hidden <= 3; hidden++) {
        run_spec spec = masked_small();
        spec.hidden_count = hidden;
        spec.hidden[0] = 200;
        spec.hidden[1] = 117;
        spec.hidden[2] = 58;
        spec.classes = 21;
        spec.train.lr = 0.02;
        spec.train.rounds = 2;
        spec.train.optimizer = IST_MOMENTUM;
        check_against_definition(&spec);
    }
}

/* Which weights of the middle layer are between neurons of one subnet; free() it. */
static unsigned char *owned_weights(const run *r, const ist__layer *middle)
{
    const ist__deal *deal = &r->trainer->training->deal;
    unsigned char *own = table_room((int64_t)middle->inputs * middle->outputs, 1);
    for (int32_t s = 0; s < SUBNETS; s++) {
        const int32_t *outputs, *inputs;
        const int32_t output_count = ist__deal_group(deal, 1, s, &outputs);
        const int32_t input_count = ist__deal_group(deal, 0, s, &inputs);
        for (int32_t o = 0; o < output_count; o++)
            for (int32_t i = 0; i < input_count; i++) own[outputs[o] * middle->inputs + inputs[i]] = 1;
    }
    return own;
}

/* Between neurons of different subnets nothing moves, bit for bit; all else does. */
TEST(what_is_nobodys_rests)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++)
        for (int32_t optimizer = IST_MOMENTUM; optimizer <= IST_ADAM; optimizer++) {
            run_spec spec = masked_small();
            spec.engine = engine;
            spec.teams = 2;
            spec.threads = 2;
            spec.train.optimizer = optimizer;
            run r = run_open(&spec);
            const ist__net *net = &r.model->net;
            const ist__layer *middle = &net->shape.layer[1];
            float *before = plain_copy(NULL, net->shape.floats);
            for (int round = 0; round < 2; round++) {
                memcpy(before, net->param, (size_t)net->shape.floats * sizeof *before);
                run_go(&r, 1);
                unsigned char *own = owned_weights(&r, middle);
                for (int32_t i = 0; i < middle->inputs * middle->outputs; i++)
                    CHECK_EQ(memcmp(&before[middle->weight + i], &net->param[middle->weight + i], sizeof(float)) != 0,
                             own[i]);
                free(own);
            }
            free(before);
            run_close(&r);
        }
}

TEST(flops_and_bytes_are_those_of_the_method)
{
    run_spec spec = masked_small();
    spec.hidden_count = 1;
    spec.hidden[0] = 12;
    spec.train.optimizer = IST_ADAM;
    spec.train.rounds = 2;
    run r = run_open(&spec);
    run_go(&r, 0);
    const ist_progress p = run_progress(&r);
    const double f = spec.features, c = spec.classes, h = spec.hidden[0], steps = 2.0 * spec.train.local_steps;
    const double forward = f * h + h * c, own = forward / SUBNETS, down = h * c / SUBNETS;
    CHECK(fabs(p.flops - SUBNETS * steps * 2 * spec.train.batch * (forward + own + down)) < 1);
    const double whole = f * h + 2 * h + h * c + c, mine = (f * h + 2 * h + h * c) / SUBNETS + c;
    CHECK(fabs(p.bytes_moved - 2 * SUBNETS * sizeof(float) * (whole + 2 * mine + 3 * mine)) < 1);
    run_close(&r);
}

TEST(what_it_cannot_do_is_refused)
{
    run_spec spec = masked_small();
    spec.hidden_norm = IST_NORM_NONE;
    run r = run_open(&spec);
    ist_train_config config = spec.train;
    ist_trainer *trainer = NULL;
    config.repartition_fraction = 0.5;
    CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
    config = spec.train;
    config.warmup_epochs = 1;
    CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
    spec.made_for = SUBNETS; /* its scale is that of subnets, which go forward alone */
    ist_model *narrow = run_model(r.context, &spec);
    CHECK_EQ(ist_trainer_create(r.context, &trainer, narrow, r.dataset, &spec.train), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(r.context), "made for 3 subnets") != NULL);
    ist_model_destroy(narrow);
    run_close(&r);
}
