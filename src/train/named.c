/* named.c - one tensor of a net by its name.
 *
 * Statistics of batch norm hold for the parameters before them and for no others.  So whoever sets a parameter takes the
 * statistics of the layers behind away, and gives them back by calibrating, or by setting mean and variance of each.  In the
 * order of the list nothing is taken away that was set before.
 *
 * Floor: train.  Cold.
 */
#include "train/named.h"

#include <string.h>

#include "base/mem.h"
#include "base/reader.h"

int32_t ist__named_list(const ist__net *net, ist__tensor out[IST__TENSORS_MOST])
{
    const ist__net_view view = {.net = net, .all = true};
    return ist__net_view_tensors(&view, out);
}

bool ist__named_known(const ist__net *net, const ist__tensor *tensor)
{
    if (net->calibrated) return true;
    if (tensor->kind == IST__TENSOR_MEAN) return net->means >> tensor->layer & 1;
    return tensor->kind != IST__TENSOR_VARIANCE || (net->variances >> tensor->layer & 1);
}

static ist_status find(const ist__net *net, const char *name, ist__tensor *out, ist__error *error)
{
    ist__tensor all[IST__TENSORS_MOST];
    const int32_t count = ist__named_list(net, all);
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(all[i].name, name) != 0) continue;
        *out = all[i];
        return IST_OK;
    }
    char shown[IST__SHOWN_PATH_BYTES];
    ist__show_path(shown, name);
    return ist__fail(error, IST_E_ARGUMENT, "%s: no tensor of this model, which has \"%s\" to \"%s\"", shown,
                     all[0].name, all[count - 1].name);
}

static ist_status wrong_bytes(const ist__tensor *t, size_t bytes, ist__error *error)
{
    static const char *const types[] = {[IST_FLOAT32] = "float32", [IST_INT32] = "int32", [IST_FLOAT64] = "float64"};
    return ist__fail(error, IST_E_ARGUMENT, "%s: %zu bytes, expected %llu, %s (%lld, %lld)", t->name, bytes,
                     (unsigned long long)ist__tensor_bytes(t), types[t->type], (long long)t->size[0],
                     (long long)t->size[1]);
}

/* ------------------------------------------------------------------------------------------------------------- out -- */

static ist_status take(void *user, const void *bytes, size_t count)
{
    unsigned char **to = user;
    memcpy(*to, bytes, count);
    *to += count;
    return IST_OK;
}

ist_status ist__named_get(const ist__net *net, const char *name, void *out, size_t bytes, ist__error *error)
{
    ist__tensor t;
    ist__net_view view;
    unsigned char *to = out;
    ist_status status = find(net, name, &t, error);
    if (status) return status;
    if (bytes != ist__tensor_bytes(&t)) return wrong_bytes(&t, bytes, error);
    if (!ist__named_known(net, &t))
        return ist__fail(error, IST_E_ARGUMENT, "%s: the model has no statistics for its present parameters", t.name);
    status = ist__net_view_open(&view, net, false, error);
    if (status) return status;
    status = ist__net_view_stream(&view, &t, take, &to);
    ist__net_view_close(&view);
    return status;
}

/* -------------------------------------------------------------------------------------------------------------- in -- */

static bool is_of_inputs(ist__tensor_kind kind)
{
    return kind == IST__TENSOR_SHIFT || kind == IST__TENSOR_FACTOR;
}

/* How many numbers a tensor of a normalization has where it has not one for all; 0: it is of none. */
static int32_t most_of(const ist__net *net, ist__tensor_kind kind)
{
    if (is_of_inputs(kind)) return net->shape.width[0];
    const bool targets = kind == IST__TENSOR_TARGET_SHIFT || kind == IST__TENSOR_TARGET_FACTOR;
    return targets ? net->shape.width[net->shape.layer_count] : 0;
}

/* With another count than before the other half of the normalization begins anew. */
static void set_count(ist__net *net, ist__tensor_kind kind, int32_t count)
{
    const bool inputs = is_of_inputs(kind);
    int32_t *now = inputs ? &net->normalization_count : &net->target_count;
    float *shift = inputs ? net->shift : net->target_shift, *factor = inputs ? net->factor : net->target_factor;
    if (*now == count) return;
    *now = count;
    for (int32_t i = 0; i < count; i++) {
        shift[i] = 0;
        factor[i] = 1;
    }
}

static ist_status check_numbers(const ist__net *net, const ist__tensor *t, const void *in, ist__error *error)
{
    if (t->kind == IST__TENSOR_SUBNETS || t->kind == IST__TENSOR_ACTIVATION) {
        const int32_t expected = t->kind == IST__TENSOR_SUBNETS ? net->subnets : net->shape.activation;
        int32_t given;
        memcpy(&given, in, sizeof given);
        if (given == expected) return IST_OK;
        return ist__fail(error, IST_E_ARGUMENT, "%s is %d, expected %d, which the model was made with", t->name, given,
                         expected);
    }
    if (t->kind == IST__TENSOR_LOSS) {
        int32_t loss;
        memcpy(&loss, in, sizeof loss);
        if (loss == net->shape.loss) return IST_OK;
        return ist__fail(error, IST_E_ARGUMENT, "%s is %d, expected %d, which the model was made with", t->name, loss,
                         net->shape.loss);
    }
    if (t->kind == IST__TENSOR_HUBER_DELTA) {
        double delta;
        memcpy(&delta, in, sizeof delta);
        if (delta == (double)net->shape.huber_delta) return IST_OK;
        return ist__fail(error, IST_E_ARGUMENT, "%s is %g, expected %g, which the model was made with", t->name, delta,
                         (double)net->shape.huber_delta);
    }
    if (t->kind == IST__TENSOR_OUTPUT_SCALE) {
        double scale;
        ist__net checked = *net;
        memcpy(&scale, in, sizeof scale);
        if (ist__shape_regresses(&net->shape) && scale != 1)
            return ist__fail(error, IST_E_ARGUMENT, "%s is %g, expected 1 of a regression", t->name, scale);
        return ist__net_set_output_scale(&checked, scale, error);
    }
    const int64_t count = ist__tensor_count(t);
    for (int64_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, (const unsigned char *)in + (size_t)i * sizeof value, sizeof value);
        const char *objection = ist__tensor_objection(t->kind, value);
        if (objection)
            return ist__fail(error, IST_E_ARGUMENT, "%s: number %lld is %s", t->name, (long long)i, objection);
    }
    return IST_OK;
}

/* Which statistics hold, now that a tensor is set. */
static void note_statistics(ist__net *net, const ist__tensor *t)
{
    const ist__shape *shape = &net->shape;
    if (net->calibrated) net->means = net->variances = UINT64_MAX;
    uint64_t kept = UINT64_MAX;
    switch (t->kind) {
    case IST__TENSOR_SHIFT:
    case IST__TENSOR_FACTOR: kept = 0; break;
    case IST__TENSOR_WEIGHT:
    case IST__TENSOR_BIAS: kept = ((uint64_t)1 << t->layer) - 1; break;
    case IST__TENSOR_GAIN:
    case IST__TENSOR_BETA: kept = ((uint64_t)2 << t->layer) - 1; break;
    case IST__TENSOR_MEAN: net->means |= (uint64_t)1 << t->layer; break;
    case IST__TENSOR_VARIANCE: net->variances |= (uint64_t)1 << t->layer; break;
    default: break;
    }
    net->means &= kept;
    net->variances &= kept;
    net->calibrated = 1;
    for (int32_t l = 0; l < shape->layer_count; l++)
        if (shape->layer[l].statistics >= 0 && !(net->means & net->variances & (uint64_t)1 << l)) net->calibrated = 0;
}

static ist_status give(void *user, void *bytes, size_t count)
{
    const unsigned char **from = user;
    memcpy(bytes, *from, count);
    *from += count;
    return IST_OK;
}

ist_status ist__named_set(ist__net *net, const char *name, const void *in, size_t bytes, ist__error *error)
{
    ist__tensor t;
    const unsigned char *from = in;
    ist_status status = find(net, name, &t, error);
    if (status) return status;
    const int32_t most = most_of(net, t.kind);
    if (most > 0) t.size[0] = bytes == sizeof(float) ? 1 : most;
    if (bytes != ist__tensor_bytes(&t)) return wrong_bytes(&t, bytes, error);
    status = check_numbers(net, &t, in, error);
    if (status) return status;
    const int64_t floats = ist__weight_room(&net->shape);
    float *room = ist__alloc(floats, sizeof *room);
    if (!room) return ist__fail(error, IST_E_MEMORY, "no memory for %lld weights", (long long)floats);
    if (most > 0) set_count(net, t.kind, (int32_t)t.size[0]);
    status = ist__net_fill(net, &t, room, give, &from);
    if (!status) note_statistics(net, &t);
    ist__free(room);
    return status;
}
