/* training.c - checks a configuration, builds a run, takes it down.  Floor: train.  Cold. */
#include "train/training.h"

#include <string.h>

#include "base/mem.h"
#include "train/average.h"
#include "train/feed.h"
#include "train/fit.h"
#include "train/masked.h"
#include "train/outer.h"
#include "train/reseat.h"
#include "train/save.h"
#include "train/settle.h"
#include "train/stripes.h"
#include "train/tally.h"
#include "train/whole.h"
#include "train/wide.h"

/* Written so that NaN fails. */
static ist_status check_number(bool fits, double value, const char *field, const char *expected, ist__error *error)
{
    if (fits) return IST_OK;
    return ist__fail(error, IST_E_ARGUMENT, "%s is %g, expected %s", field, value, expected);
}

static double first_lr(const ist_train_config *c)
{
    return c->lr > 0 ? c->lr : ist_default_lr(c->optimizer);
}

ist_status ist__train_config_check(const ist_train_config *c, ist__error *error)
{
    ist_status s = ist__phases_check(c, error);
    if (!s)
        s = check_number(first_lr(c) * c->weight_decay < 1, c->weight_decay, "weight_decay",
                         "0 or more, and lr * weight_decay below 1", error);
    if (!s) s = ist__outer_check(c, error);
    if (!s && c->method != IST_METHOD_IST && (c->balance || c->shares || c->repartition_fraction < 1))
        s = ist__fail(error, IST_E_ARGUMENT, "%s: for the method IST alone",
                      c->balance  ? "balance"
                      : c->shares ? "shares"
                                  : "repartition_fraction");
    if (!s && c->balance == IST_BALANCE_ADAPTIVE && c->shares)
        s = ist__fail(error, IST_E_ARGUMENT, "balance is adaptive, which begins with even shares: shares must be NULL");
    if (!s && c->balance == IST_BALANCE_ADAPTIVE && c->repartition_fraction < 1)
        s = ist__fail(error, IST_E_ARGUMENT, "balance is adaptive, which moves seats: repartition_fraction must be 1");
    return s;
}

/* With the number of subnets resolved. */
ist_status ist__train_shares_check(const ist_train_config *c, const ist__shape *shape, ist__error *error)
{
    ist_status s = IST_OK;
    for (int32_t i = 0; c->shares && i < c->subnets && !s; i++)
        s = check_number(c->shares[i] >= 1e-6 && c->shares[i] <= 1e6, c->shares[i], "a share", "1e-6 .. 1e6", error);
    bool uneven = c->balance == IST_BALANCE_ADAPTIVE;
    for (int32_t i = 1; c->shares && i < c->subnets; i++) uneven |= c->shares[i] != c->shares[0];
    if (!s && uneven && shape->hidden_count > 1 && shape->hidden_norm == IST_NORM_NONE)
        s = ist__fail(error, IST_E_ARGUMENT,
                      "%s: not with several hidden layers without norm, whose scale is right for even widths alone",
                      c->shares ? "shares" : "balance");
    return s;
}

int32_t ist__team_of_subnet(int32_t subnet, int32_t subnets, int32_t teams)
{
    return (int32_t)((int64_t)subnet * teams / subnets);
}

/* What rows that are sparse cannot have. */
static ist_status check_sparse(const ist_dataset *data, const ist_train_config *config, ist__error *error)
{
    if (config->method == IST_METHOD_DATA_PARALLEL)
        return ist__fail(error, IST_E_ARGUMENT,
                         "data parallel sums gradients of all weights, which sparse rows are there to avoid: with one "
                         "step a round local SGD computes the same");
    if (ist__masks(config))
        return ist__fail(error, IST_E_ARGUMENT,
                         "a masked step leaves a gradient of all weights of its neurons: not for sparse rows");
    const int64_t fewest = data->rows / config->subnets;
    const ist__extent extent = ist__dataset_extent(data, config->batch, fewest > 0 ? fewest : 1);
    if (extent.batch_nonzeros < INT32_MAX / 2) return IST_OK;
    return ist__fail(error, IST_E_ARGUMENT, "a batch of %d rows may have %lld values, at most %d can be used",
                     config->batch, (long long)extent.batch_nonzeros, INT32_MAX / 2);
}

static ist_status check_fit(const ist__engine *engine, const ist__net *net, const ist_dataset *data,
                            const ist_train_config *config, ist__error *error)
{
    const ist__shape *shape = &net->shape;
    const ist__extent extent = ist__dataset_extent(data, 1, 1);
    ist_status status = ist__fit_features(engine, net, data, error);
    if (!status && data->sparse.rows > 0) status = check_sparse(data, config, error);
    if (!status) status = ist__fit_answers(net, data, error);
    if (!status) status = ist__wide_check(engine, shape, &extent, config, error);
    if (status) return status;
    if (ist__shape_regresses(shape) && config->label_smoothing > 0)
        return ist__fail(error, IST_E_ARGUMENT, "label_smoothing is %g, but a regression has no labels",
                         config->label_smoothing);
    if (ist__shape_regresses(shape) && config->method == IST_METHOD_ENSEMBLE)
        return ist__fail(error, IST_E_ARGUMENT,
                         "an ensemble sums what its members say of classes: not for a regression");
    if (data->rows < config->subnets)
        return ist__fail(error, IST_E_SHAPE, "%lld rows cannot be dealt to %d subnets", (long long)data->rows,
                         config->subnets);
    bool scaled = false;
    for (int32_t l = 0; l < shape->layer_count; l++) scaled |= l > 0 && shape->layer[l].norm == IST_NORM_NONE;
    if (ist__trains_replicas(config) || ist__masks(config))
        return net->subnets == 1 || !scaled ? IST_OK
                                            : ist__fail(error, IST_E_ARGUMENT,
                                                        "replicas train the whole net, but this model has layers "
                                                        "without norm and was made for %d subnets",
                                                        net->subnets);
    if (config->method == IST_METHOD_ENSEMBLE && scaled)
        return ist__fail(error, IST_E_ARGUMENT,
                         "an ensemble needs batch norm on the output, and on all hidden layers but the first");
    if (scaled && ist__has_full_width(config) && net->subnets != 1)
        return ist__fail(error, IST_E_ARGUMENT,
                         "%s: the whole net is trained, but this model has layers without norm and was made for %d "
                         "subnets",
                         config->warmup_epochs > 0 ? "warmup_epochs" : "full_width_epochs", net->subnets);
    if (scaled && config->subnets != net->subnets)
        return ist__fail(error, IST_E_ARGUMENT,
                         "%d subnets, but this model has layers without norm and was made for %d subnets",
                         config->subnets, net->subnets);
    return ist__train_shares_check(config, shape, error);
}

/* Before anything is allocated: whose memory each team takes, and is there room. */
static ist_status settle(ist__training *t, ist__error *error)
{
    const ist__shape *shape = &t->net->shape;
    const ist_status status = ist__settle(&t->plan, &t->host, shape, &t->config, &t->extent, error);
    if (status) return status;
    t->host.plan = &t->plan;
    return ist__training_room(&t->host, shape, &t->config, &t->extent, error);
}

bool ist__trains_replicas(const ist_train_config *config)
{
    return config->method == IST_METHOD_DATA_PARALLEL || config->method == IST_METHOD_LOCAL_SGD;
}

/* Members of an ensemble have no weights to each other's neurons. */
static void part_members(ist__training *t)
{
    const ist__shape *shape = &t->net->shape;
    ist__deal_round(&t->deal, t->config.seed, 0);
    for (int32_t l = 1; l < shape->hidden_count; l++) {
        const ist__layer *layer = &shape->layer[l];
        for (int32_t s = 0; s < t->config.subnets; s++) {
            const int32_t *outputs, *inputs;
            const int32_t output_count = ist__deal_group(&t->deal, l, s, &outputs);
            const int32_t input_count = ist__deal_group(&t->deal, l - 1, s, &inputs);
            for (int32_t o = 0; o < output_count; o++) {
                float *row = t->net->param + layer->weight + (int64_t)outputs[o] * layer->inputs;
                for (int32_t i = 0, mine = 0; i < layer->inputs; i++) {
                    if (mine < input_count && inputs[mine] == i) mine++;
                    else row[i] = 0;
                }
            }
        }
    }
    ist__net_changed(t->net);
}

/* like: whose clone this is to be, or NULL. */
static ist_status build(ist__training *t, const ist__training *like, ist__error *error)
{
    const int32_t n = t->config.subnets, teams = t->host.plan->team_count;
    ist_status status = settle(t, error);
    if (!status) status = ist__reseat_create(t, t->config.shares, error);
    if (!status && like) memcpy(t->shares, like->shares, (size_t)n * sizeof *t->shares); /* to the bit */
    if (!status) status = ist__training_deal(&t->deal, &t->net->shape, &t->config, error);
    if (status) return status;
    t->subnets = ist__alloc(n, sizeof *t->subnets);
    t->teams = ist__alloc(teams, sizeof *t->teams);
    if (!t->subnets || !t->teams) return ist__fail(error, IST_E_MEMORY, "no memory for %d subnets", n);
    for (int32_t s = 0; s < n && !status; s++) {
        ist__subnet *subnet = &t->subnets[s];
        subnet->shape = ist__deal_shape(&t->deal, &t->net->shape, s, t->host.engine.kind == IST_ENGINE_NATIVE);
        subnet->number = s;
        subnet->team = ist__team_of_subnet(s, n, teams);
        status = ist__batches_make(&subnet->batches, t->config.seed, t->config.data, t->data->rows, n, s, NULL, error);
    }
    for (int32_t i = 0; i < t->state_count && !status && t->config.state == IST_STATE_CARRIED; i++)
        status =
            ist__stripes_create(&t->master_state[i], &t->host, (size_t)t->net->shape.floats * sizeof(float), error);
    for (int32_t i = 0; i < t->state_count && !status && t->config.method == IST_METHOD_DATA_PARALLEL; i++)
        status = ist__stripes_create(&t->shared_state[i], &t->host, (size_t)t->subnets[0].shape.floats * sizeof(float),
                                     error);
    if (!status)
        status = ist__homes_create(&t->homes, t->host.plan, (size_t)t->net->shape.floats * sizeof(float), error);
    if (!status && ist__outer_rolls(&t->config))
        status = ist__stripes_create(&t->velocity, &t->host, (size_t)t->net->shape.floats * sizeof(float), error);
    if (!status && ist__averages(&t->config))
        status = ist__stripes_create(&t->average, &t->host, (size_t)t->net->shape.floats * sizeof(float), error);
    if (!status) status = ist__whole_create(t, error);
    if (!status) status = ist__training_place(t, error);
    if (!status && t->config.background_saves) status = ist__save_prepare(t, error);
    if (!status && like) status = ist__training_note(t, like->note, like->note_bytes, error);
    if (status) return status;
    if (!like && t->config.method == IST_METHOD_ENSEMBLE) part_members(t);
    ist__reseat_begin(t);
    return IST_OK;
}

/* resolved: checked, and no field waits for its default. */
static ist_status open_training(ist__training **out, const ist__host *host, ist__net *net, const ist_dataset *data,
                                const ist_train_config *resolved, const ist__training *like, ist__error *error)
{
    ist__training *t = ist__alloc(1, sizeof *t);
    if (!t) return ist__fail(error, IST_E_MEMORY, "no memory for a trainer");
    ist_status status = ist__dataset_use(data, error);
    if (status) {
        ist__free(t);
        return status;
    }
    t->host = *host;
    t->net = net;
    t->data = data;
    t->config = *resolved;
    const int64_t fewest = data->rows / resolved->subnets; /* of a subnet's, in an epoch */
    t->extent = ist__dataset_extent(data, resolved->batch, fewest > 0 ? fewest : 1);
    t->state_count = ist__optimizer_states(resolved->optimizer);
    t->progress.struct_size = sizeof t->progress;
    t->phases = ist__phases_of(resolved, data->rows);
    t->progress.steps = t->phases.steps;
    t->progress.rounds = t->phases.rounds;
    t->progress.lr = ist__training_last_lr(t);
    ist__phases_tell(&t->phases, &t->progress);
    atomic_init(&t->diverged, 0);
    atomic_init(&t->stop, 0);
    if (t->extent.sparse && resolved->data == IST_DATA_REPLICATE && host->log)
        ist__log_line(host->log, IST_LOG_INFO, "sparse rows are not copied: each step fetches those of its batch");
    status = build(t, like, error);
    if (!status) status = ist__feed_create(t, error);
    if (status) ist__training_destroy(t);
    else *out = t;
    return status;
}

ist_status ist__training_create(ist__training **out, const ist__host *host, ist__net *net, const ist_dataset *data,
                                const ist_train_config *config, ist__error *error)
{
    if (!host->crew)
        return ist__fail(error, IST_E_PLACEMENT,
                         "this context was made from a topology text: it plans, but cannot run");
    ist_status status = ist__train_config_check(config, error);
    if (status) return status;
    ist_train_config resolved = *config;
    if (resolved.subnets == 0) resolved.subnets = net->subnets;
    resolved.lr = first_lr(config);
    status = check_fit(&host->engine, net, data, &resolved, error);
    return status ? status : open_training(out, host, net, data, &resolved, NULL, error);
}

ist_status ist__training_clone(ist__training **out, const ist__host *host, ist__net *net, const ist__training *like,
                               ist__error *error)
{
    return open_training(out, host, net, like->data, &like->config, like, error);
}

void ist__training_destroy(ist__training *t)
{
    if (!t) return;
    ist__save_destroy(t);
    ist__feed_destroy(t);
    ist__dataset_leave(t->data);
    for (int32_t s = 0; t->subnets && s < t->config.subnets; s++) ist__region_destroy(&t->subnets[s].region);
    for (int32_t k = 0; t->teams && k < t->host.plan->team_count; k++) ist__region_destroy(&t->teams[k].region);
    for (int i = 0; i < 2; i++) ist__region_destroy(&t->master_state[i]);
    ist__homes_destroy(&t->homes);
    for (int i = 0; i < 2; i++) ist__region_destroy(&t->shared_state[i]);
    ist__region_destroy(&t->velocity);
    ist__region_destroy(&t->average);
    ist__whole_destroy(t);
    ist__reseat_destroy(t);
    ist__deal_destroy(&t->deal);
    ist__proof_destroy(&t->proof);
    ist__free(t->note);
    ist__free(t->subnets);
    ist__free(t->teams);
    ist__plan_free(&t->plan);
    ist__free(t);
}
