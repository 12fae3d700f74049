/* wide_space.c - which outputs are wide, and the memory of one.  Floor: train.  Cold. */
#include "train/wide.h"

#include "train/masked.h"

enum { TILE = IST__LABEL_TILE, PANEL = IST__PANEL };

bool ist__output_is_wide(const ist__engine *engine, const ist__shape *shape, const ist__extent *data,
                         const ist_train_config *config)
{
    if (engine->kind != IST_ENGINE_NATIVE || ist__keeps_gradients(config)) return false;
    if (ist__shape_regresses(shape) || shape->output_norm != IST_NORM_NONE) return false;
    return data->lists || shape->loss == IST_LOSS_BINARY || shape->width[shape->layer_count] >= IST__WIDE;
}

ist_status ist__wide_check(const ist__engine *engine, const ist__shape *shape, const ist__extent *data,
                           const ist_train_config *config, ist__error *error)
{
    const bool binary = shape->loss == IST_LOSS_BINARY;
    const char *what = data->lists ? "rows with lists of labels" : "the loss of sigmoids";
    if (binary && config->label_smoothing > 0)
        return ist__fail(error, IST_E_ARGUMENT, "label_smoothing is %g, but sigmoids have no sum to spread",
                         config->label_smoothing);
    if (config->sampled_labels > 0 && !ist__output_is_wide(engine, shape, data, config))
        return ist__fail(
            error, IST_E_ARGUMENT,
            "sampled_labels is %d, but this output is not wide: 4096 classes or lists of labels, no norm, the "
            "native engine, not data parallel, not masked",
            config->sampled_labels);
    if (config->sampled_labels > 0 && (binary || config->label_smoothing > 0))
        return ist__fail(error, IST_E_ARGUMENT, "sampled_labels is %d: not with %s", config->sampled_labels,
                         binary ? "sigmoids" : "label_smoothing");
    if (!data->lists && !binary) return IST_OK;
    if (ist__keeps_gradients(config))
        return ist__fail(error, IST_E_ARGUMENT, "%s: not with %s, which keeps all gradients", what,
                         ist__masks(config) ? "the masked method" : "data parallel");
    if (engine->kind != IST_ENGINE_NATIVE)
        return ist__fail(error, IST_E_ARGUMENT, "%s need the native engine, this is %s", what,
                         ist__engine_name(engine));
    if (shape->output_norm != IST_NORM_NONE)
        return ist__fail(error, IST_E_ARGUMENT, "%s need an output without norm", what);
    if (data->sparse && shape->hidden_count == 0)
        return ist__fail(error, IST_E_ARGUMENT, "%s need a hidden layer between sparse features and labels", what);
    return IST_OK;
}

int32_t ist__wide_cut(const ist__wide *wide, int32_t labels, int32_t *tiles)
{
    *tiles = (labels + TILE - 1) / TILE;
    return (*tiles + wide->room - 1) / wide->room;
}

size_t ist__wide_take(ist__wide *w, ist__region *region, const ist__shape *shape, const ist__extent *data,
                      const ist_train_config *config, int64_t ld, int32_t threads)
{
    const int64_t budget = config->logits_bytes > 0 ? config->logits_bytes : IST__LOGITS_BYTES;
    const int64_t targets = ist__label_room(data, ld), fit = budget / (TILE * ld * (int64_t)sizeof(float));
    const ist__layer *layer = &shape->layer[shape->hidden_count];
    ist__sample *s = &w->sample;
    if (config->sampled_labels > 0) ist__sample_size(s, shape, config, targets);
    const int64_t chosen = (int64_t)s->room * PANEL;
    const int32_t labels = s->drawn > 0 && chosen < layer->outputs ? (int32_t)chosen : layer->outputs;
    const int32_t least = threads > 1 ? threads : 1;
    w->tiles = (labels + TILE - 1) / TILE;
    w->room = fit > w->tiles ? w->tiles : fit > least ? (int32_t)fit : least;
    size_t total = 0;
#define BUFFER(pointer, count)                                \
  do {                                                        \
    const size_t bytes = (size_t)(count) * sizeof *(pointer); \
    total += ist__region_size(bytes);                         \
    if (region) (pointer) = ist__region_take(region, bytes);  \
  } while (0)
    BUFFER(w->block, ld * (w->room < w->tiles ? w->room * TILE : labels));
    BUFFER(w->top, w->tiles * ld);
    BUFFER(w->sum, w->tiles * ld);
    BUFFER(w->most, ld);
    BUFFER(w->total, ld);
    BUFFER(w->wanted, ld);
    BUFFER(w->factor, ld);
    BUFFER(w->spread, ld);
    BUFFER(w->logit, targets);
    for (int i = 0; i < 2; i++) {
        BUFFER(w->targets[i].count, 1);
        BUFFER(w->targets[i].target, targets);
        BUFFER(w->targets[i].spare, targets);
        BUFFER(w->targets[i].weight, ld);
    }
    if (s->drawn == 0) return total;
    const int32_t states = ist__optimizer_states(config->optimizer);
    for (int i = 0; i < 2; i++) {
        BUFFER(s->choice[i], 1);
        BUFFER(s->panel[i], s->room);
        BUFFER(s->own[i], s->room);
        if (i >= states) continue;
        BUFFER(s->state[i], s->room * layer->panel_stride);
        BUFFER(s->bias_state[i], chosen);
    }
    BUFFER(s->marks, s->panels / 64 + 1);
    BUFFER(s->weight, s->room * layer->panel_stride);
    BUFFER(s->bias, chosen);
    BUFFER(s->raised, chosen);
#undef BUFFER
    return total;
}
