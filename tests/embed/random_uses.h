/* random_uses.h - the calls of random_calls.c that use what there is. */
#ifndef IST_TESTS_RANDOM_USES_H
#define IST_TESTS_RANDOM_USES_H

#include "random_world.h"

static inline void call_of_dataset(void)
{
    const int d = any_of(datasets, DATASETS), c = any_of(contexts, CONTEXTS);
    if (one_in(3)) {
        judge("ist_dataset_save", ist_dataset_save(handle_of(contexts, c), handle_of(datasets, d), any_path(1)),
              handle_of(contexts, c));
        return;
    }
    ist_dataset_info *out = any_out(sizeof *out);
    check_out(judge("ist_dataset_describe", ist_dataset_describe(handle_of(datasets, d), out), NULL), sizeof *out);
    if (ist_dataset_rows(handle_of(datasets, d)) < 0 || ist_dataset_features(handle_of(datasets, d)) < 0 ||
        ist_dataset_classes(handle_of(datasets, d)) < 0)
        complain("a number below 0");
}

static inline void call_of_model(void)
{
    const int m = any_of(models, MODELS), d = any_of(datasets, DATASETS), other = any_of(models, MODELS);
    ist_model *model = handle_of(models, m);
    float shift[64], factor[64];
    ist_model_config *out;
    switch (random_below(8)) {
    case 6:
        for (int i = 0; i < 64; i++) shift[i] = factor[i] = one_in(40) ? any_float() : 0.25F;
        judge("ist_model_set_target_normalization",
              ist_model_set_target_normalization(model,
                                                 one_in(3)   ? any_int()
                                                 : one_in(2) ? 1
                                                             : CLASSES,
                                                 one_in(20) ? NULL : shift, one_in(20) ? NULL : factor),
              context_of(models, m));
        return;
    case 7:
        judge("ist_model_measure_target_normalization",
              ist_model_measure_target_normalization(model, handle_of(datasets, d)), context_of(models, m));
        return;
    case 0:
        out = any_out(sizeof *out);
        check_out(judge("ist_model_describe", ist_model_describe(model, out), NULL), sizeof *out);
        (void)ist_model_parameter_count(model);
        return;
    case 1:
        for (int i = 0; i < 64; i++) shift[i] = one_in(40) ? any_float() : 0.25F;
        for (int i = 0; i < 64; i++) factor[i] = one_in(40) ? any_float() : 2;
        judge("ist_model_set_normalization",
              ist_model_set_normalization(model,
                                          one_in(3)   ? any_int()
                                          : one_in(2) ? 1
                                                      : 6,
                                          one_in(20) ? NULL : shift, one_in(20) ? NULL : factor),
              context_of(models, m));
        return;
    case 2:
        judge("ist_model_measure_normalization",
              ist_model_measure_normalization(model, handle_of(datasets, d), one_in(8) ? any_int() : random_below(3)),
              context_of(models, m));
        return;
    case 3: judge("ist_model_copy", ist_model_copy(model, handle_of(models, other)), context_of(models, m)); return;
    case 4: judge("ist_model_save", ist_model_save(model, any_path(1)), context_of(models, m)); return;
    default:
        judge("ist_model_calibrate",
              ist_model_calibrate(model, handle_of(datasets, d), one_in(4) ? any_long() : 1 + random_below(50),
                                  random_bits()),
              context_of(models, m));
    }
}

static inline void call_of_tensor(void)
{
    static const char *const names[] = {"", "layers.0.weight", "norms.0.running_var", "input.shift", "a\nb"};
    const int m = any_of(models, MODELS);
    ist_model *model = handle_of(models, m);
    const int32_t count = ist_model_tensor_count(model);
    ist_tensor *out = any_out(sizeof *out);
    const int32_t index = one_in(8) || count < 1 ? any_int() : random_below(count);
    const int fine = judge("ist_model_tensor", ist_model_tensor(model, index, out), NULL);
    check_out(fine, sizeof *out);
    const ist_tensor tensor = fine ? *out : (ist_tensor){.bytes = 4};
    const char *name = one_in(20) ? NULL : fine && !one_in(8) ? tensor.name : names[random_below(COUNT_OF(names))];
    const int64_t bytes = one_in(8) ? random_below(100) : one_in(8) ? 24 : tensor.bytes;
    if (bytes > ROOM) return;
    if (one_in(2)) {
        judge("ist_model_get_tensor", ist_model_get_tensor(model, name, one_in(20) ? NULL : room.bytes, (size_t)bytes),
              context_of(models, m));
        return;
    }
    for (int i = 0; i < ROOM / 4; i++) memcpy(room.bytes + 4 * i, &(float){0.25F}, 4);
    if (tensor.type == IST_FLOAT64) memcpy(room.bytes, &(double){1.5}, 8);
    if (one_in(8)) memcpy(room.bytes, &(float){any_float()}, 4);
    judge("ist_model_set_tensor", ist_model_set_tensor(model, name, one_in(20) ? NULL : room.bytes, (size_t)bytes),
          context_of(models, m));
}

static inline void call_answers(void)
{
    const int m = any_of(models, MODELS), d = any_of(datasets, DATASETS);
    const ist_evaluate_config config = any_evaluation();
    const ist_evaluate_config *given = one_in(4) ? NULL : &config;
    if (one_in(2)) {
        ist_evaluation *out = any_out(sizeof *out);
        const int fine =
            judge("ist_model_evaluate", ist_model_evaluate(handle_of(models, m), handle_of(datasets, d), given, out),
                  context_of(models, m));
        check_out(fine, sizeof *out);
        return;
    }
    if (one_in(3)) {
        const int p = one_in(2) ? -1 : any_of(datasets, DATASETS);
        ist_ranking *out = any_out(sizeof *out);
        const int fine = judge("ist_model_rank",
                               ist_model_rank(handle_of(models, m), handle_of(datasets, d),
                                              p < 0 ? NULL : handle_of(datasets, p), given, out),
                               context_of(models, m));
        check_out(fine, sizeof *out);
        return;
    }
    if (m >= 0 && d >= 0 && datasets[d].answers * models[m].classes * (int64_t)sizeof(float) > ROOM) return;
    float *out = one_in(20) ? NULL : (float *)(void *)room.bytes;
    if (one_in(3)) { /* half of the room for labels, half for scores; more than there are classes are refused */
        const int32_t k = one_in(4) ? any_int() : 1 + (int32_t)random_below(3);
        const int fits = m < 0 || d < 0 || k < 1 || k > models[m].classes || datasets[d].answers * k * 8 <= ROOM;
        if (fits)
            judge("ist_model_top",
                  ist_model_top(handle_of(models, m), handle_of(datasets, d), given, k, (int32_t *)(void *)out,
                                one_in(2) || !out ? NULL : out + ROOM / 8),
                  context_of(models, m));
        return;
    }
    judge("ist_model_predict", ist_model_predict(handle_of(models, m), handle_of(datasets, d), given, out),
          context_of(models, m));
}

static inline void call_of_predictor(void)
{
    const int m = any_of(models, MODELS);
    const ist_predictor_config config = {.struct_size = any_size(sizeof config),
                                         .answer = one_in(8) ? any_int() : random_below(2),
                                         .rows_at_once = one_in(8) ? any_int() : 1 + random_below(40)};
    ist_predictor *made = UNTOUCHED;
    const int fine =
        judge("ist_predictor_create",
              ist_predictor_create(handle_of(models, m), one_in(30) ? NULL : &made, one_in(4) ? NULL : &config),
              context_of(models, m));
    if (!fine && made != UNTOUCHED) complain("out is touched");
    if (!fine) return;
    for (int uses = random_below(3); uses >= 0; uses--) {
        const int64_t count = one_in(8) ? -random_below(3) : 1 + random_below(ROWS);
        const int32_t type = one_in(8) ? any_int() : IST_FLOAT32;
        const int64_t stride = one_in(8) ? random_below(20) : (int64_t)sizeof *x;
        float *out = one_in(20) ? NULL : (float *)(void *)room.bytes;
        const void *from = one_in(20) ? NULL : x;
        if (count * models[m].classes * (int64_t)sizeof(float) > ROOM) continue;
        if (one_in(2))
            judge("ist_predictor_run", ist_predictor_run(one_in(30) ? NULL : made, from, type, count, stride, out),
                  NULL);
        else
            judge("ist_predictor_run_teams", ist_predictor_run_teams(made, from, type, count, stride, out),
                  context_of(models, m));
    }
    ist_predictor_destroy(made);
}

static inline void ask_teams(ist_trainer *trainer, const void *context)
{
    ist_team_times *out = any_out(sizeof *out);
    int32_t count = -7;
    const int32_t capacity = one_in(3) ? any_int() : random_below(4);
    if (!judge("ist_trainer_teams", ist_trainer_teams(trainer, out, capacity, one_in(20) ? NULL : &count), context) &&
        count != -7)
        complain("count is touched");
}

static inline void ask_threads(ist_trainer *trainer)
{
    ist_thread_state *out = any_out(sizeof *out);
    int32_t count = -7;
    const int32_t capacity = one_in(3) ? any_int() : random_below(4);
    if (!judge("ist_trainer_threads", ist_trainer_threads(trainer, out, capacity, one_in(20) ? NULL : &count), NULL) &&
        count != -7)
        complain("count is touched");
}

static inline void write_note(ist_trainer *trainer, const void *context)
{
    unsigned char *buffer;
    size_t need = 99;
    if (one_in(2)) {
        const size_t count = one_in(4) ? (size_t)any_int() : (size_t)random_below(IST_NOTE_BYTES + 2);
        judge("ist_trainer_set_note", ist_trainer_set_note(trainer, one_in(8) ? NULL : room.bytes, count), context);
        return;
    }
    const size_t capacity = any_room(&buffer);
    if (!judge("ist_trainer_note", ist_trainer_note(trainer, buffer, capacity, one_in(20) ? NULL : &need), context) &&
        need != 99)
        complain("need_bytes is touched");
}

/* Rows that fit the dataset most of the time. */
static inline void feed_some(int t, ist_trainer *trainer)
{
    ist_feed feed = IST_FEED_INIT;
    const ist_dataset *data = t < 0 ? NULL : handle_of(datasets, trainers[t].dataset);
    ist_dataset_info about = {.struct_size = sizeof about};
    if (data) (void)ist_dataset_describe(data, &about);
    if (about.features > FEATURES || about.targets > FEATURES) return;
    char line[300] = "";
    feed.rows = one_in(8) ? -random_below(3) : 1 + random_below(ROWS);
    feed.x = one_in(20) ? NULL : x;
    feed.x_type = one_in(8) ? any_int() : IST_FLOAT32;
    if (feed.x_type == IST_FLOAT64) feed.rows = 1, feed.x_row_stride_bytes = one_in(2) ? 0 : -8;
    else feed.x_row_stride_bytes = one_in(8) ? random_below(24) : one_in(2) ? 0 : (int64_t)sizeof *x;
    feed.y_type = one_in(8) ? any_int() : IST_FLOAT32;
    if (feed.y_type == IST_FLOAT64) feed.rows = 1;
    if (about.targets > 0 ? one_in(20) : !one_in(20)) feed.labels = labels;
    else feed.y = one_in(20) ? (const void *)((const char *)x + 1) : x;
    feed.line = one_in(2) ? line : NULL;
    feed.line_bytes = one_in(4) ? 1 : sizeof line;
    feed.struct_size = any_size(sizeof rows);
    const int fine =
        judge("ist_trainer_feed", ist_trainer_feed(one_in(30) ? NULL : trainer, one_in(30) ? NULL : &feed), NULL);
    if ((fine && *line) || strchr(line, '\n')) complain("a line of nothing, or not one line");
}

static inline void call_of_trainer(void)
{
    const int t = any_of(trainers, TRAINERS), m = any_of(models, MODELS);
    ist_trainer *trainer = handle_of(trainers, t);
    const void *context = context_of(trainers, t);
    ist_progress *progress;
    ist_saves *saves;
    ist_difference *difference;
    ist_placement *placement;
    switch (random_below(15)) {
    case 0:
        progress = any_out(sizeof *progress);
        check_out(judge("ist_trainer_progress", ist_trainer_progress(trainer, progress), context), sizeof *progress);
        return;
    case 1: ask_teams(trainer, context); return;
    case 2: ask_threads(trainer); return;
    case 3:
        saves = any_out(sizeof *saves);
        check_out(judge("ist_trainer_saves", ist_trainer_saves(trainer, saves), context), sizeof *saves);
        return;
    case 4:
        difference = any_out(sizeof *difference);
        check_out(judge("ist_trainer_difference", ist_trainer_difference(trainer, difference), context),
                  sizeof *difference);
        return;
    case 5:
        placement = any_out(sizeof *placement);
        check_out(judge("ist_trainer_verify", ist_trainer_verify(trainer, placement), context), sizeof *placement);
        return;
    case 6: write_note(trainer, context); return;
    case 7:
        judge("ist_trainer_scale_lr", ist_trainer_scale_lr(trainer, one_in(2) ? 0.75 : any_number()), context);
        return;
    case 8: judge("ist_trainer_calibrate", ist_trainer_calibrate(trainer), context); return;
    case 9: judge("ist_trainer_average", ist_trainer_average(trainer, handle_of(models, m)), context); return;
    case 10: judge("ist_trainer_resume", ist_trainer_resume(trainer, any_path(0)), context); return;
    case 11: ist_trainer_stop(trainer); return;
    case 12:
    case 13: feed_some(t, trainer); return;
    default:
        if (ist_trainer_rounds_until(trainer, any_number()) < 0) complain("ist_trainer_rounds_until is below 0");
    }
}

/* What is allowed inside the callback, and its end. */
static inline int32_t on_round(void *user, const ist_progress *progress)
{
    ist_trainer *trainer = *(ist_trainer **)user;
    ist_placement placement = IST_PLACEMENT_INIT;
    ist_team_times times = {.struct_size = sizeof times};
    int32_t count;
    if (progress->round < 1 || progress->round > progress->rounds) complain("progress of no round");
    if (one_in(4)) (void)ist_trainer_teams(trainer, &times, 1, &count);
    if (one_in(8)) (void)ist_trainer_verify(trainer, &placement);
    if (one_in(8)) ist_trainer_stop(trainer);
    return one_in(4);
}

static inline void call_run(void)
{
    const int t = any_of(trainers, TRAINERS);
    ist_trainer *trainer = handle_of(trainers, t);
    const int calls_back = one_in(2);
    judge("ist_trainer_run",
          ist_trainer_run(trainer,
                          calls_back  ? (one_in(4) ? any_long() : 0)
                          : one_in(8) ? -1 - random_below(3)
                                      : 1 + random_below(3),
                          calls_back ? on_round : NULL, &trainer),
          context_of(trainers, t));
}

static inline void call_run_until(void)
{
    const int t = any_of(trainers, TRAINERS), d = any_of(datasets, DATASETS);
    ist_trainer *trainer = handle_of(trainers, t);
    ist_goal goal = IST_GOAL_INIT;
    ist_evaluation *last = any_out(sizeof *last);
    int32_t ended = -7;
    goal.dataset = handle_of(datasets, d);
    goal.accuracy = one_in(4) ? any_number() : one_in(2) ? 0.3 : 0;
    goal.loss = one_in(4) ? any_number() : one_in(2) ? 1 : 0;
    goal.every_rounds = one_in(4) ? any_long() : 1 + random_below(3);
    goal.struct_size = any_size(sizeof goal);
    const int fine = judge(
        "ist_trainer_run_until",
        ist_trainer_run_until(trainer, one_in(30) ? NULL : &goal, on_round, &trainer, last, one_in(8) ? NULL : &ended),
        context_of(trainers, t));
    check_out(fine, sizeof *last);
    if (!fine && ended != -7) complain("ended is touched");
}

static inline void call_save(void)
{
    const int t = any_of(trainers, TRAINERS);
    ist_trainer *trainer = handle_of(trainers, t);
    const void *context = context_of(trainers, t);
    int32_t busy = 0;
    switch (random_below(3)) {
    case 0: judge("ist_trainer_save", ist_trainer_save(trainer, any_path(1)), context); return;
    case 1: judge("ist_trainer_save_begin", ist_trainer_save_begin(trainer, any_path(1)), context); return;
    default:
        judge("ist_trainer_save_end",
              ist_trainer_save_end(trainer, one_in(8) ? any_int() : random_below(2), one_in(4) ? NULL : &busy),
              context);
    }
}

static inline void call_plan(void)
{
    const int c = any_of(contexts, CONTEXTS);
    int32_t hidden[IST_MAX_HIDDEN];
    double shares[SHARES];
    unsigned char *buffer;
    size_t need = 99;
    const ist_model_config model = any_model(hidden);
    const ist_train_config train = any_training(shares);
    const int64_t count = one_in(4) ? any_long() : random_below(1000);
    const int32_t type = one_in(4) ? any_int() : IST_FLOAT32;
    if (one_in(2)) {
        const size_t capacity = any_room(&buffer);
        if (!judge("ist_plan_report",
                   ist_plan_report(handle_of(contexts, c), one_in(30) ? NULL : &model, one_in(30) ? NULL : &train,
                                   count, type, (char *)buffer, capacity, one_in(20) ? NULL : &need),
                   handle_of(contexts, c)) &&
            need != 99)
            complain("need_bytes is touched");
        return;
    }
    if (one_in(2)) {
        const size_t capacity = any_room(&buffer);
        const ist_sparse_rows thin = {any_size(sizeof thin),           count,
                                      one_in(12) ? any_long() : count, one_in(2) ? count : any_long(),
                                      one_in(2) ? 0 : any_long(),      0};
        judge("ist_plan_sparse",
              ist_plan_sparse(handle_of(contexts, c), one_in(30) ? NULL : &model, one_in(30) ? NULL : &train,
                              one_in(30) ? NULL : &thin, (char *)buffer, capacity, one_in(20) ? NULL : &need),
              handle_of(contexts, c));
        return;
    }
    const ist_rates rates = any_rates();
    ist_prediction *out = any_out(sizeof *out);
    check_out(judge("ist_plan_predict",
                    ist_plan_predict(handle_of(contexts, c), one_in(30) ? NULL : &model, one_in(30) ? NULL : &train,
                                     count, type, one_in(30) ? NULL : &rates, out),
                    handle_of(contexts, c)),
              sizeof *out);
}

static inline void call_report(void)
{
    const int c = any_of(contexts, CONTEXTS), t = any_of(trainers, TRAINERS);
    unsigned char *buffer;
    size_t need = 99;
    const size_t capacity = any_room(&buffer);
    size_t *const told = one_in(20) ? NULL : &need;
    const int fine =
        one_in(2)
            ? judge("ist_context_report", ist_context_report(handle_of(contexts, c), (char *)buffer, capacity, told),
                    handle_of(contexts, c))
            : judge("ist_trainer_report", ist_trainer_report(handle_of(trainers, t), (char *)buffer, capacity, told),
                    context_of(trainers, t));
    if (!fine && need != 99) complain("need_bytes is touched");
}

static inline void call_trace(void)
{
    const int c = any_of(contexts, CONTEXTS);
    ist_context *context = handle_of(contexts, c);
    ist_trace_config config = IST_TRACE_CONFIG_INIT;
    int64_t dropped = 0;
    switch (random_below(3)) {
    case 0:
        config.events_per_thread = one_in(3) ? any_long() : 1024;
        if (config.events_per_thread > 4096 && config.events_per_thread <= 1 << 26) config.events_per_thread = 4096;
        if (one_in(3)) config.first_round = any_long();
        if (one_in(3)) config.last_round = any_long();
        config.struct_size = any_size(sizeof config);
        judge("ist_trace_start", ist_trace_start(context, one_in(8) ? NULL : &config), context);
        return;
    case 1:
        judge("ist_trace_write", ist_trace_write(context, any_path(1), one_in(4) ? NULL : &dropped), context);
        return;
    default: ist_trace_stop(context);
    }
}

static inline void *host_allocate(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    return aligned_alloc(alignment, bytes);
}

static inline void host_release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

/* Seldom with success: only while there is nothing. */
static inline void call_allocator(void)
{
    ist_allocator allocator = IST_ALLOCATOR_INIT;
    if (!one_in(8)) allocator.allocate = host_allocate;
    if (!one_in(8)) allocator.release = host_release;
    allocator.struct_size = any_size(sizeof allocator);
    judge("ist_set_allocator", ist_set_allocator(one_in(4) ? NULL : &allocator), NULL);
}

static inline void call_about_nothing(void)
{
    const int c = any_of(contexts, CONTEXTS);
    if (!ist_strerror(any_int()) || ist_version() != IST_VERSION_NUMBER || !ist_context_error(handle_of(contexts, c)))
        complain("no answer");
    if (!(ist_default_lr(any_int()) >= 0)) complain("a learning rate that is none");
    static const char *const fields[] = {"ist_train_config.lr", "ist_model_config.hidden", "ist_train_config.", "",
                                         "batch"};
    ist_range *out = any_out(sizeof *out);
    check_out(judge("ist_bounds", ist_bounds(one_in(8) ? NULL : fields[random_below(COUNT_OF(fields))], out), NULL),
              sizeof *out);
    ist_context_destroy(NULL);
    ist_dataset_destroy(NULL);
    ist_model_destroy(NULL);
    ist_trainer_destroy(NULL);
}

#endif
