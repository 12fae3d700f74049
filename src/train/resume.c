/* resume.c - a run as a file: its identity, its position, its optimiser state.
 *
 * Since every deal and every batch is computed from (seed, round) and (seed, step), the position is a handful of numbers.
 * Times are not stored: equal runs give equal files.
 *
 * Floor: train.  Cold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/checkpoint.h"
#include "train/average.h"
#include "train/reseat.h"
#include "train/save.h"
#include "train/slow.h"

/* What a run is, in the order of `identify`, then where it stands.  8-byte numbers only: no gaps. */
enum { IDENTITY_NUMBERS = 43 };
typedef struct run_record {
    double identity[IDENTITY_NUMBERS];
    uint64_t seed;
    int64_t round, step, samples, averaged;
    double loss, flops, bytes_moved;
} run_record;

typedef struct identity {
    const char *name;
    double value;
} identity;

/* clang-format off */
static void identify(const ist__training *t, identity out[IDENTITY_NUMBERS])
{
    const ist_train_config *c = &t->config;
    const identity all[IDENTITY_NUMBERS] = {
        {"subnets", c->subnets}, {"local_steps", c->local_steps}, {"batch", c->batch}, {"optimizer", c->optimizer},
        {"state", c->state}, {"schedule", c->schedule}, {"data", c->data},
        {"calibration_batches", c->calibration_batches}, {"epochs", c->epochs}, {"rounds", (double)c->rounds},
        {"lr", c->lr}, {"momentum", c->momentum}, {"beta1", c->beta1}, {"beta2", c->beta2}, {"epsilon", c->epsilon},
        {"weight_decay", c->weight_decay}, {"engine", t->host.engine.kind == IST_ENGINE_OPENBLAS}, {"dataset rows", (double)t->data->rows},
        {"dataset features", t->data->features}, {"dataset classes", t->data->classes},
        {"model subnets", t->net->subnets}, {"method", c->method}, {"repartition_fraction", c->repartition_fraction},
        {"balance", c->balance}, {"lr_ramp", c->lr_ramp}, {"lr_floor", c->lr_floor},
        {"lr_step_every", c->lr_step_every}, {"lr_step_factor", c->lr_step_factor},
        {"local_steps_last", c->local_steps_last}, {"full_width_schedule", c->full_width_schedule},
        {"warmup_epochs", c->warmup_epochs}, {"full_width_epochs", c->full_width_epochs}, {"warmup_lr", c->warmup_lr},
        {"full_width_lr", c->full_width_lr}, {"label_smoothing", c->label_smoothing},
        {"input_dropout", c->input_dropout}, {"hidden_dropout", c->hidden_dropout}, {"outer_lr", c->outer_lr},
        {"outer_momentum", c->outer_momentum}, {"average_from", c->average_from},
        {"average_decay", c->average_decay}, {"output_scale", t->net->output_scale}, {"sampled_labels", c->sampled_labels}};
    memcpy(out, all, sizeof all);
}
/* clang-format on */

static void describe(const ist__training *t, run_record *out)
{
    identity all[IDENTITY_NUMBERS];
    identify(t, all);
    memset(out, 0, sizeof *out);
    for (int i = 0; i < IDENTITY_NUMBERS; i++) out->identity[i] = all[i].value;
    out->seed = t->config.seed;
    out->round = t->progress.round;
    out->step = t->progress.step;
    out->samples = t->progress.samples;
    out->averaged = t->progress.averaged;
    out->loss = t->progress.loss;
    out->flops = t->progress.flops;
    /* With a sticky deal it depends on where the run was stopped, and equal runs give equal files. */
    out->bytes_moved = ist__deal_sticks(&t->deal) ? 0 : t->progress.bytes_moved;
}

size_t ist__record_bytes(void)
{
    return sizeof(run_record);
}

/* By record->averaged: whether there is a mean. */
static ist__run_state state_of(const ist__training *t, run_record *record)
{
    const bool carried = t->config.state == IST_STATE_CARRIED;
    ist__run_state run = {.run = record, .run_bytes = sizeof *record};
    for (int32_t i = 0; carried && i < t->state_count; i++)
        run.array[IST__RUN_STATE1 + i] = (float *)(void *)t->master_state[i].base;
    run.array[IST__RUN_VELOCITY] = (float *)(void *)t->velocity.base;
    if (record->averaged > 0) run.array[IST__RUN_MEAN] = (float *)(void *)t->average.base;
    return run;
}

ist__run_state ist__training_state(ist__training *t, void *record)
{
    describe(t, record);
    ist__run_state run = state_of(t, record);
    run.tail = t->shares;
    run.tail_bytes = ist__slow_tail_bytes(t);
    run.note = t->note;
    run.note_bytes = t->note_bytes;
    return run;
}

ist_status ist__training_note(ist__training *t, const void *bytes, size_t count, ist__error *error)
{
    if (count > IST_NOTE_BYTES)
        return ist__fail(error, IST_E_ARGUMENT, "a note of %zu bytes, expected at most %d", count, IST_NOTE_BYTES);
    unsigned char *note = ist__alloc((int64_t)count, 1);
    if (!note) return ist__fail(error, IST_E_MEMORY, "no memory for a note of %zu bytes", count);
    if (count > 0) memcpy(note, bytes, count);
    ist__free(t->note);
    t->note = note;
    t->note_bytes = count;
    return IST_OK;
}

/* ------------------------------------------------------------------------------------------------- comparing -- */

/* Keep both values for whoever wants to say it in other words, and refuse. */
static ist_status differs(ist__training *t, const char *field, const char *saved, const char *present, const char *path,
                          ist__error *error)
{
    ist_difference *d = &t->difference;
    memset(d, 0, sizeof *d);
    snprintf(d->field, sizeof d->field, "%s", field);
    snprintf(d->saved, sizeof d->saved, "%s", saved);
    snprintf(d->present, sizeof d->present, "%s", present);
    return ist__fail(error, IST_E_ARGUMENT, "%s: %s was %s when this run began, now it is %s", path, field, saved,
                     present);
}

/* In as few digits as say which number it is. */
static const char *show(char out[32], double value)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value) break;
    }
    return out;
}

static ist_status differ(ist__training *t, const char *field, double saved, double present, const char *path,
                         ist__error *error)
{
    char a[32], b[32];
    return differs(t, field, show(a, saved), show(b, present), path, error);
}

/* What layers are, beside their widths. */
typedef struct shape_kind {
    const char *name;
    int32_t saved, present;
} shape_kind;
enum { SHAPE_KINDS = 4 };

/* The first that differs; NULL: none. */
static const shape_kind *other_kind(const shape_kind kinds[SHAPE_KINDS])
{
    for (int i = 0; i < SHAPE_KINDS; i++)
        if (kinds[i].saved != kinds[i].present) return &kinds[i];
    return NULL;
}

static ist_status compare_shapes(ist__training *t, const ist__shape *found, const char *path, ist__error *error)
{
    const ist__shape *now = &t->net->shape;
    if (ist__shape_same(found, now)) return IST_OK;
    char field[48] = "hidden_count";
    int32_t saved = found->hidden_count, present = now->hidden_count;
    const int32_t layers = now->layer_count;
    const shape_kind kinds[SHAPE_KINDS] = {{"hidden_norm", found->hidden_norm, now->hidden_norm},
                                           {"output_norm", found->output_norm, now->output_norm},
                                           {"activation", found->activation, now->activation},
                                           {"loss", found->loss, now->loss}},
                     *kind;
    if (found->width[0] != now->width[0]) {
        snprintf(field, sizeof field, "features");
        saved = found->width[0];
        present = now->width[0];
    } else if (found->width[found->layer_count] != now->width[layers]) {
        snprintf(field, sizeof field, "classes");
        saved = found->width[found->layer_count];
        present = now->width[layers];
    } else if (saved == present && (kind = other_kind(kinds))) {
        snprintf(field, sizeof field, "%s", kind->name);
        saved = kind->saved;
        present = kind->present;
    } else if (saved == present && found->huber_delta != now->huber_delta) {
        return differ(t, "huber_delta", (double)found->huber_delta, (double)now->huber_delta, path, error);
    } else if (saved == present) {
        int32_t l = 1;
        while (l < layers - 1 && found->width[l] == now->width[l]) l++;
        snprintf(field, sizeof field, "hidden[%d]", l - 1);
        saved = found->width[l];
        present = now->width[l];
    }
    (void)differ(t, field, saved, present, path, NULL);
    return ist__fail(error, IST_E_ARGUMENT,
                     "%s: holds a net of another shape: %s was %d when this run began, now it is %d", path, field,
                     saved, present);
}

/* Can a run of this kind end earlier or later, and no round before that is another? */
static bool length_is_free(const ist_train_config *c)
{
    return c->schedule == IST_LR_CONSTANT && c->lr_ramp == 0 && c->full_width_epochs == 0 && c->local_steps_last == 0 &&
           (c->average_from == 0 || c->average_from == 1);
}

/* Of two runs that may have different lengths, or of which both count rounds. */
static bool no_matter(const ist__training *t, const identity *field, bool in_rounds)
{
    const bool epochs = strcmp(field->name, "epochs") == 0, rounds = strcmp(field->name, "rounds") == 0;
    return ((epochs || rounds) && length_is_free(&t->config)) || (epochs && in_rounds);
}

static ist_status compare(ist__training *t, const run_record *found, const char *path, ist__error *error)
{
    identity all[IDENTITY_NUMBERS];
    identify(t, all);
    bool in_rounds = false;
    for (int i = 0; i < IDENTITY_NUMBERS; i++)
        if (strcmp(all[i].name, "rounds") == 0) in_rounds = found->identity[i] > 0 && all[i].value > 0;
    for (int i = 0; i < IDENTITY_NUMBERS; i++) {
        if (found->identity[i] == all[i].value || no_matter(t, &all[i], in_rounds)) continue;
        return differ(t, all[i].name, found->identity[i], all[i].value, path, error);
    }
    if (found->seed != t->config.seed) {
        char saved[32], present[32];
        snprintf(saved, sizeof saved, "%llu", (unsigned long long)found->seed);
        snprintf(present, sizeof present, "%llu", (unsigned long long)t->config.seed);
        return differs(t, "seed", saved, present, path, error);
    }
    if (length_is_free(&t->config) && found->round > t->phases.rounds)
        return ist__fail(error, IST_E_ARGUMENT, "%s: has done %lld rounds, this run is to have %lld", path,
                         (long long)found->round, (long long)t->phases.rounds);
    if (found->round < 0 || found->round > t->phases.rounds || found->samples < 0 || found->averaged < 0 ||
        found->averaged > (ist__averages(&t->config) ? found->round : 0))
        return ist__fail(error, IST_E_FORMAT, "%s: the run's position is out of range", path);
    if (found->step == ist__phases_steps_before(&t->phases, found->round)) return IST_OK;
    if (length_is_free(&t->config))
        return ist__fail(error, IST_E_ARGUMENT,
                         "%s: the run has ended, with a shorter round: a longer one would have gone on otherwise",
                         path);
    return ist__fail(error, IST_E_FORMAT, "%s: the run's position is out of range", path);
}

/* Shares are given, and then they must be the same; or they followed the teams, and then they are taken on. */
static ist_status compare_shares(ist__training *t, const ist__run_state *run, const double *found, const char *path,
                                 ist__error *error)
{
    if (!ist__slow_fits(t, found, run->tail_found))
        return ist__fail(error, IST_E_FORMAT, "%s: the run has not one share a subnet, or a learning rate out of range",
                         path);
    if (t->config.balance == IST_BALANCE_ADAPTIVE)
        return ist__reseat_fits(t, found)
                   ? IST_OK
                   : ist__fail(error, IST_E_FORMAT, "%s: the run's shares are out of range", path);
    for (int32_t s = 0; s < t->config.subnets; s++) {
        char name[48];
        snprintf(name, sizeof name, "share of subnet %d", s);
        if (!(found[s] == t->shares[s])) return differ(t, name, found[s], t->shares[s], path, error);
    }
    return IST_OK;
}

/* The file has the arrays that such a run has there. */
static ist_status compare_arrays(ist__training *t, run_record *record, const ist__run_state *run, const char *path,
                                 ist__error *error)
{
    const ist__run_state expected = state_of(t, record);
    for (int i = 0; i < IST__RUN_ARRAYS; i++)
        if (run->found[i] != (expected.array[i] != NULL))
            return ist__fail(error, IST_E_FORMAT, "%s: array %d of the run is %s", path, i,
                             run->found[i] ? "there, and should not be" : "missing");
    return IST_OK;
}

/* Shares are the caller's. */
static void take_position(ist__training *t, const run_record *record)
{
    t->progress.round = record->round;
    t->progress.step = record->step;
    t->progress.samples = record->samples;
    t->progress.averaged = record->averaged;
    ist__phases_tell(&t->phases, &t->progress);
    t->progress.epoch = (double)record->samples / (double)t->data->rows;
    t->progress.loss = record->loss;
    t->progress.flops = record->flops;
    t->progress.bytes_moved = record->bytes_moved;
}

/* One pass over the source.  apply false: look at everything, checksums and identity too, and change nothing; so that a
 * damaged file leaves the run as it was.  shares: room for (subnets + IST__SLOW_NUMBERS); note: for IST__NOTE_MOST, *note_bytes: how many
 * there are. */
static ist_status read_run(ist__training *t, const ist__source *source, bool apply, double *shares, void *note,
                           size_t *note_bytes, ist__error *error)
{
    ist__reader *reader = NULL;
    ist__net found;
    memset(&found, 0, sizeof found);
    run_record record = {.averaged = ist__averages(&t->config)}; /* the room that there is */
    ist__run_state run = state_of(t, &record);
    run.tail = shares;
    run.tail_bytes = ((size_t)t->config.subnets + IST__SLOW_NUMBERS) * sizeof *shares;
    if (!apply) memset(run.array, 0, sizeof run.array);
    run.note = note;
    int32_t sections = 0;
    ist_status status = ist__reader_open_source(&reader, source, error);
    if (status) return status;
    const char *shown = ist__reader_path(reader);
    status = ist__net_read_open(reader, &found, &sections, error);
    if (!status) status = compare_shapes(t, &found.shape, shown, error);
    if (!status && apply) found.param = t->net->param;
    if (!status) status = ist__net_read_params(reader, &found, error);
    if (!status) status = ist__net_read_run(reader, &found, sections, &run, error);
    *note_bytes = run.note_found;
    if (!status) status = compare(t, &record, shown, error);
    if (!status) status = compare_shares(t, &run, shares, shown, error);
    if (!status) status = compare_arrays(t, &record, &run, shown, error);
    if (!status && apply) {
        const ist__net old = *t->net;
        *t->net = found;
        found = old;
        take_position(t, &record);
        if (t->config.balance == IST_BALANCE_ADAPTIVE) ist__reseat_to(t, shares);
        ist__slow_to(t, shares, run.tail_found);
        t->progress.lr = ist__training_last_lr(t);
    }
    ist__net_destroy(&found);
    ist__reader_close(reader);
    return status;
}

ist_status ist__training_resume(ist__training *t, const ist__source *source, ist__error *error)
{
    bool busy;
    memset(&t->difference, 0, sizeof t->difference);
    ist_status status = ist__training_save_end(t, true, &busy, error);
    if (status) return status;
    double *shares = ist__alloc((int64_t)t->config.subnets + IST__SLOW_NUMBERS, sizeof *shares);
    void *note = ist__alloc(1, IST__NOTE_MOST);
    if (!shares || !note)
        status = ist__fail(error, IST_E_MEMORY, "no memory for the shares of %d subnets", t->config.subnets);
    size_t note_bytes = 0;
    if (!status) status = read_run(t, source, false, shares, note, &note_bytes, error);
    if (!status) status = read_run(t, source, true, shares, note, &note_bytes, error);
    if (!status) {
        unsigned char *before = t->note;
        t->note = note;
        t->note_bytes = note_bytes;
        note = before;
    }
    ist__free(shares);
    ist__free(note);
    return status;
}

/* ---------------------------------------------------------------------------------------------------- cloning -- */

void ist__training_follow(ist__training *t, const ist__training *like)
{
    run_record record;
    describe(like, &record);
    const ist__run_state from = state_of(like, &record), to = state_of(t, &record);
    for (int i = 0; i < IST__RUN_ARRAYS; i++)
        if (from.array[i]) memcpy(to.array[i], from.array[i], (size_t)like->net->shape.floats * sizeof(float));
    ist__net_copy(t->net, like->net);
    take_position(t, &record);
    ist__slow_to(t, like->shares, ist__slow_tail_bytes(like));
    t->progress.lr = ist__training_last_lr(t);
}
