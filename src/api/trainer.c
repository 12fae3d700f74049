/* trainer.c - public functions of trainers. */
#include <string.h>

#include "api/tell.h"
#include "base/floats.h"
#include "base/json.h"
#include "base/mem.h"
#include "numa/report.h"
#include "train/evaluate.h"
#include "train/slow.h"
#include "train/stripes.h"

/* By config, or as a clone of `like`, whose dataset and configuration it has then. */
static ist_status make(ist_trainer **out, ist_model *model, const ist_dataset *dataset, const ist_train_config *config,
                       const ist__training *like)
{
    ist_context *context = model->context;
    ist_trainer *trainer = ist__alloc(1, sizeof *trainer);
    if (!trainer) return ist__refuse(context, IST_E_MEMORY, "no memory for a trainer");
    trainer->context = context;
    trainer->model = model;
    ist_status status =
        like ? ist__training_clone(&trainer->training, &context->host, &model->net, like, &context->error)
             : ist__training_create(&trainer->training, &context->host, &model->net, dataset, config, &context->error);
    if (!status && context->host.placement == IST_PLACE_STRICT) {
        status = ist__training_verify(trainer->training, &model->region, NULL, &context->error);
        if (status) ist__training_destroy(trainer->training);
    }
    if (!status) ist__tell_refusals(context, &model->region);
    if (status) {
        ist__free(trainer);
        return status;
    }
    if (like) ist__training_follow(trainer->training, like);
    *out = trainer;
    return IST_OK;
}

ist_status ist_trainer_create(ist_context *context, ist_trainer **out, ist_model *model, const ist_dataset *dataset,
                              const ist_train_config *config)
{
    IST__OUR_FLOATS;
    if (!context || !out || !model || !dataset || !config)
        return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    if (model->context != context) return ist__refuse(context, IST_E_ARGUMENT, "the model was made in another context");
    ist_train_config known = IST_TRAIN_CONFIG_INIT;
    ist_status status = ist__take_config(context, &known, sizeof known, config, config->struct_size, sizeof known);
    if (status) return status;
    return make(out, model, dataset, &known, NULL);
}

ist_status ist_trainer_clone(ist_trainer *trainer, ist_trainer **out, ist_model *model)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    ist_context *context = trainer->context;
    if (!out || !model) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    if (model->context != context) return ist__refuse(context, IST_E_ARGUMENT, "the model was made in another context");
    if (model == trainer->model) return ist__refuse(context, IST_E_ARGUMENT, "model is the one in training");
    if (!ist__shape_same(&model->net.shape, &trainer->model->net.shape))
        return ist__refuse(context, IST_E_SHAPE, "model and the model in training have different shapes");
    return make(out, model, NULL, NULL, trainer->training);
}

void ist_trainer_destroy(ist_trainer *trainer)
{
    if (!trainer) return;
    ist__training_destroy(trainer->training);
    ist__free(trainer);
}

/* A struct of ours to a caller whose struct is not older. */
static ist_status give(const ist_trainer *trainer, void *out, const size_t *caller_knows, const void *from,
                       size_t *from_bytes, size_t bytes)
{
    ist__error *error = &trainer->context->error;
    if (!out) return ist__fail(error, IST_E_ARGUMENT, "out is NULL");
    if (*caller_knows < bytes)
        return ist__fail(error, IST_E_ARGUMENT, "struct_size is %zu, expected at least %zu", *caller_knows, bytes);
    *from_bytes = *caller_knows;
    memcpy(out, from, bytes);
    return IST_OK;
}

ist_status ist_trainer_progress(const ist_trainer *trainer, ist_progress *out)
{
    if (!trainer) return IST_E_ARGUMENT;
    if (!out) return ist__refuse(trainer->context, IST_E_ARGUMENT, "out is NULL");
    const size_t caller_knows = out->struct_size;
    if (caller_knows < sizeof *out)
        return ist__fail(&trainer->context->error, IST_E_ARGUMENT, "struct_size is %zu, expected at least %zu",
                         caller_knows, sizeof *out);
    memcpy(out, &trainer->training->progress, sizeof *out);
    out->struct_size = caller_knows;
    return IST_OK;
}

int64_t ist_trainer_rounds_until(const ist_trainer *trainer, double epochs)
{
    IST__OUR_FLOATS;
    if (!trainer) return 0;
    const ist__training *t = trainer->training;
    const double samples = epochs * (double)t->data->rows;
    return ist__phases_round_at(&t->phases, samples * (1 - 1e-12), t->config.batch); /* 0.1 * 3 is more than 0.3 */
}

ist_status ist_trainer_teams(const ist_trainer *trainer, ist_team_times *out, int32_t capacity, int32_t *count)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    ist__error *error = &trainer->context->error;
    if (!count || capacity < 0 || (!out && capacity > 0))
        return ist__fail(error, IST_E_ARGUMENT, "an argument is NULL, or capacity is negative");
    const size_t stride = capacity > 0 ? out->struct_size : 0;
    if (capacity > 0 && stride < sizeof *out)
        return ist__fail(error, IST_E_ARGUMENT, "struct_size is %zu, expected at least %zu", stride, sizeof *out);
    const ist__training *t = trainer->training;
    for (int32_t k = 0; k < t->host.plan->team_count && k < capacity; k++) {
        ist_team_times times = ist__training_team(t, k);
        times.struct_size = stride;
        memcpy((unsigned char *)out + (size_t)k * stride, &times, sizeof times);
    }
    *count = t->host.plan->team_count;
    return IST_OK;
}

ist_status ist_trainer_run(ist_trainer *trainer, int64_t rounds, ist_round_fn on_round, void *user)
{
    if (!trainer) return IST_E_ARGUMENT;
    if (rounds < 0) return ist__refuse(trainer->context, IST_E_ARGUMENT, "rounds is negative");
    return ist__training_run(trainer->training, rounds, on_round, user, &trainer->context->error);
}

ist_status ist_trainer_scale_lr(ist_trainer *trainer, double factor)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    return ist__slow_by(trainer->training, factor, &trainer->context->error);
}

void ist_trainer_stop(ist_trainer *trainer)
{
    if (trainer) atomic_store(&trainer->training->stop, 1);
}

ist_status ist_trainer_calibrate(ist_trainer *trainer)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    const ist__training *t = trainer->training;
    return ist__calibrate(&t->host, t->net, t->data, t->config.seed,
                          (int64_t)t->config.calibration_batches * t->config.batch, &trainer->context->error);
}

ist_status ist_trainer_average(ist_trainer *trainer, ist_model *out)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    ist_context *context = trainer->context;
    if (!out) return ist__refuse(context, IST_E_ARGUMENT, "out is NULL");
    if (out->context != context) return ist__refuse(context, IST_E_ARGUMENT, "out was made in another context");
    if (out == trainer->model) return ist__refuse(context, IST_E_ARGUMENT, "out is the model in training");
    if (!ist__shape_same(&out->net.shape, &trainer->model->net.shape))
        return ist__refuse(context, IST_E_SHAPE, "out and the model in training have different shapes");
    return ist__training_average(trainer->training, &out->net, &context->error);
}

ist_status ist_trainer_save(ist_trainer *trainer, const char *path)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    if (!path) return ist__refuse(trainer->context, IST_E_ARGUMENT, "path is NULL");
    return ist__training_save(trainer->training, path, &trainer->context->error);
}

ist_status ist_trainer_save_bytes(ist_trainer *trainer, void *buffer, size_t capacity_bytes, size_t *need_bytes)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    if (!need_bytes || (!buffer && capacity_bytes > 0))
        return ist__refuse(trainer->context, IST_E_ARGUMENT, "an argument is NULL");
    return ist__training_save_memory(trainer->training, buffer, capacity_bytes, need_bytes, &trainer->context->error);
}

ist_status ist_trainer_save_begin(ist_trainer *trainer, const char *path)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    if (!path) return ist__refuse(trainer->context, IST_E_ARGUMENT, "path is NULL");
    return ist__training_save_begin(trainer->training, path, &trainer->context->error);
}

ist_status ist_trainer_save_end(ist_trainer *trainer, int32_t wait, int32_t *busy)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    if (wait != 0 && wait != 1) return ist__refuse(trainer->context, IST_E_ARGUMENT, "wait is neither 0 nor 1");
    bool goes_on;
    const ist_status status = ist__training_save_end(trainer->training, wait == 1, &goes_on, &trainer->context->error);
    if (!status && busy) *busy = goes_on;
    return status;
}

ist_status ist_trainer_saves(const ist_trainer *trainer, ist_saves *out)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    ist_saves sums = ist__training_saves(trainer->training);
    return give(trainer, out, out ? &out->struct_size : NULL, &sums, &sums.struct_size, sizeof sums);
}

ist_status ist_trainer_set_note(ist_trainer *trainer, const void *bytes, size_t count)
{
    if (!trainer) return IST_E_ARGUMENT;
    if (!bytes && count > 0) return ist__refuse(trainer->context, IST_E_ARGUMENT, "bytes is NULL");
    return ist__training_note(trainer->training, bytes, count, &trainer->context->error);
}

ist_status ist_trainer_note(const ist_trainer *trainer, void *buffer, size_t capacity_bytes, size_t *need_bytes)
{
    if (!trainer) return IST_E_ARGUMENT;
    if (!need_bytes || (!buffer && capacity_bytes > 0))
        return ist__refuse(trainer->context, IST_E_ARGUMENT, "an argument is NULL");
    const ist__training *t = trainer->training;
    if (t->note_bytes > 0 && t->note_bytes <= capacity_bytes) memcpy(buffer, t->note, t->note_bytes);
    *need_bytes = t->note_bytes;
    return IST_OK;
}

ist_status ist_trainer_difference(const ist_trainer *trainer, ist_difference *out)
{
    if (!trainer) return IST_E_ARGUMENT;
    ist_difference found = trainer->training->difference;
    return give(trainer, out, out ? &out->struct_size : NULL, &found, &found.struct_size, sizeof found);
}

ist_status ist_trainer_resume(ist_trainer *trainer, const char *path)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    if (!path) return ist__refuse(trainer->context, IST_E_ARGUMENT, "path is NULL");
    return ist__training_resume(trainer->training, &(ist__source){.path = path}, &trainer->context->error);
}

ist_status ist_trainer_resume_bytes(ist_trainer *trainer, const void *bytes, size_t count)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    if (!bytes) return ist__refuse(trainer->context, IST_E_ARGUMENT, "bytes is NULL");
    const ist__source source = {.bytes = bytes, .count = count};
    return ist__training_resume(trainer->training, &source, &trainer->context->error);
}

ist_status ist_trainer_verify(ist_trainer *trainer, ist_placement *out)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    ist_placement found = IST_PLACEMENT_INIT;
    const size_t caller_knows = out ? out->struct_size : sizeof found;
    if (caller_knows < sizeof found)
        return ist__fail(&trainer->context->error, IST_E_ARGUMENT, "struct_size is %zu, expected at least %zu",
                         caller_knows, sizeof found);
    const ist_status status =
        ist__training_verify(trainer->training, &trainer->model->region, &found, &trainer->context->error);
    if (status || !out) return status;
    memcpy(out, &found, sizeof found);
    out->struct_size = caller_knows;
    return IST_OK;
}

ist_status ist_trainer_report(ist_trainer *trainer, char *buffer, size_t capacity_bytes, size_t *need_bytes)
{
    IST__OUR_FLOATS;
    if (!trainer) return IST_E_ARGUMENT;
    if (!buffer && capacity_bytes > 0) return ist__refuse(trainer->context, IST_E_ARGUMENT, "buffer is NULL");
    json_t *report = ist__training_report(trainer->training);
    if (report) {
        ist__json_set(report, "master", ist__stripes_report(&trainer->model->region, &trainer->context->host));
        ist__json_set(
            report, "plan",
            ist__report_plan(trainer->context->host.machine, trainer->context->host.plan, trainer->context->host.crew));
        ist__json_set(report, "proof", ist__training_proof(trainer->training, &trainer->model->region));
    }
    return ist__give_json(trainer->context, report, buffer, capacity_bytes, need_bytes);
}
