/* import.c - makes a net of named tensors.
 *
 * The names tell the shape: as many layers as there are `layers.N.weight`; a layer with a bias has no norm, one without has
 * batch norm.  Then the list of tensors that such a net has (tensors.c) must be the list of the file.  `num_batches_tracked`,
 * which PyTorch counts beside its statistics, is passed over.
 *
 * Floor: train.  Cold.
 */
#include "train/import.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static ist_status bad(const ist__import *import, ist__error *error, const char *what)
{
    return ist__fail(error, IST_E_FORMAT, "%s: byte 0: %s", ist__reader_path(import->file.reader), what);
}

static const ist__entry *find(const ist__import *import, const char *format, int32_t layer)
{
    char name[IST__TENSOR_NAME_BYTES];
    snprintf(name, sizeof name, format, layer);
    return ist__tensor_file_find(&import->file, name);
}

/* Type and shape of what the file has for a tensor. */
static ist_status check_entry(const ist__import *import, const ist__tensor *t, const ist__entry *entry,
                              ist__error *error)
{
    static const ist__dtype types[] = {[IST_UINT8] = IST__DTYPE_OTHER,
                                       [IST_FLOAT32] = IST__DTYPE_F32,
                                       [IST_INT32] = IST__DTYPE_I32,
                                       [IST_FLOAT64] = IST__DTYPE_F64};
    char what[96], columns[24] = "";
    if (!entry) {
        snprintf(what, sizeof what, "there is no tensor \"%s\"", t->name);
        return bad(import, error, what);
    }
    const uint64_t second = t->dims == 2 ? (uint64_t)t->size[1] : 1;
    if (entry->type == types[t->type] && entry->dims == t->dims && entry->size[0] == (uint64_t)t->size[0] &&
        entry->size[1] == second)
        return IST_OK;
    if (t->dims == 2) snprintf(columns, sizeof columns, " %lld", (long long)t->size[1]);
    snprintf(what, sizeof what, "expected %s (%lld,%s)",
             t->type == IST_FLOAT64 ? "float64"
             : t->type == IST_INT32 ? "int32"
                                    : "float32",
             (long long)t->size[0], columns);
    return ist__tensor_file_refuse(&import->file, entry, 0, what, error);
}

/* ------------------------------------------------------------------------------------------------------- shape -- */

/* Widths of all layers; they must fit each other. */
static ist_status take_widths(const ist__import *import, ist_model_config *config, int32_t *hidden, ist__error *error)
{
    enum { WIDEST = 1 << 24 };
    int32_t layers = 0, width = 0;
    for (const ist__entry *e; (e = find(import, "layers.%d.weight", layers)); layers++) {
        if (e->type != IST__DTYPE_F32 || e->dims != 2 || e->size[0] > WIDEST || e->size[1] > WIDEST)
            return ist__tensor_file_refuse(&import->file, e, 0, "expected float32 (outputs, inputs)", error);
        if (layers > IST_MAX_HIDDEN) return ist__tensor_file_refuse(&import->file, e, 0, "too many layers", error);
        if (layers > 0 && e->size[1] != (uint64_t)width)
            return ist__tensor_file_refuse(&import->file, e, 0, "its inputs are not the outputs of the layer before",
                                           error);
        if (layers == 0) config->features = (int32_t)e->size[1];
        else hidden[layers - 1] = width;
        width = (int32_t)e->size[0];
    }
    if (layers == 0) return bad(import, error, "there is no tensor \"layers.0.weight\"");
    config->classes = width;
    config->hidden_count = layers - 1;
    config->hidden = hidden;
    if (layers > 1) config->hidden_norm = find(import, "layers.%d.bias", 0) ? IST_NORM_NONE : IST_NORM_BATCH;
    config->output_norm = find(import, "layers.%d.bias", layers - 1) ? IST_NORM_NONE : IST_NORM_BATCH;
    return IST_OK;
}

/* A number of the net, where the file has it. */
static ist_status take_number(const ist__import *import, const char *name, int32_t type, void *to, ist__error *error)
{
    ist__tensor t = {.type = type, .dims = 1, .size = {1, 1}};
    const ist__entry *entry = ist__tensor_file_find(&import->file, name);
    if (!entry) return IST_OK;
    snprintf(t.name, sizeof t.name, "%s", name);
    const ist_status status = check_entry(import, &t, entry, error);
    ist__tensor_reading reading = {.file = &import->file, .entry = entry};
    return status ? status : ist__tensor_read(&reading, to, (size_t)ist__tensor_item_bytes(type), error);
}

static ist_status make_net(const ist__import *import, ist__net *net, ist__error *error)
{
    int32_t hidden[IST_MAX_HIDDEN];
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    ist__shape shape;
    ist__error detail = {IST_OK, ""};
    ist_status status = take_widths(import, &config, hidden, error);
    if (!status) status = take_number(import, "net.subnets", IST_INT32, &config.subnets, error);
    if (!status) status = take_number(import, "net.activation", IST_INT32, &config.activation, error);
    if (!status) status = take_number(import, "net.loss", IST_INT32, &config.loss, error);
    if (!status) status = take_number(import, "net.huber_delta", IST_FLOAT64, &config.huber_delta, error);
    if (!status) status = take_number(import, "net.output_scale", IST_FLOAT64, &config.output_scale, error);
    if (status) return status;
    status = ist__shape_make(&shape, &config, &detail);
    if (!status) status = ist__net_create(net, &shape, config.subnets, &detail);
    if (!status) status = ist__net_set_output_scale(net, config.output_scale, &detail);
    if (status == IST_E_ARGUMENT) return bad(import, error, detail.text);
    return status ? ist__fail(error, status, "%s", detail.text) : IST_OK;
}

/* ----------------------------------------------------------------------------------------------------- tensors -- */

/* What the list of tensors depends on, beside the shape. */
static ist_status look_at_options(const ist__import *import, ist__net *net, ist__error *error)
{
    const ist__shape *shape = &net->shape;
    const ist__entry *shift = ist__tensor_file_find(&import->file, "input.shift");
    for (int32_t l = 0; l < shape->layer_count; l++)
        if (shape->layer[l].statistics >= 0 && find(import, "norms.%d.running_mean", l)) net->calibrated = 1;
    if (shape->statistics_floats == 0) net->calibrated = 1; /* as a trainer leaves a net that has none */
    const ist__entry *targets = ist__tensor_file_find(&import->file, "target.shift");
    const int32_t outputs = shape->width[shape->layer_count];
    if (shift && shift->size[0] != 1 && shift->size[0] != (uint64_t)shape->width[0])
        return ist__tensor_file_refuse(&import->file, shift, 0, "neither one number nor one a feature", error);
    if (shift) net->normalization_count = (int32_t)shift->size[0];
    if (shift) net->shift[0] = 1;                          /* there is one; what it is, comes later */
    if (!targets || net->target_count == 0) return IST_OK; /* a net of classes has no such tensor */
    if (targets->size[0] != 1 && targets->size[0] != (uint64_t)outputs)
        return ist__tensor_file_refuse(&import->file, targets, 0, "neither one number nor one a target", error);
    net->target_count = (int32_t)targets->size[0];
    net->target_shift[0] = 1; /* likewise */
    return IST_OK;
}

static bool is_passed_over(const char *name)
{
    static const char end[] = ".num_batches_tracked";
    const size_t length = strlen(name), tail = sizeof end - 1;
    return strcmp(name, "net.subnets") == 0 || strcmp(name, "net.output_scale") == 0 ||
           strcmp(name, "net.activation") == 0 || strcmp(name, "net.loss") == 0 ||
           strcmp(name, "net.huber_delta") == 0 || /* known by now */
           (strncmp(name, "norms.", 6) == 0 && length > tail && strcmp(name + length - tail, end) == 0);
}

/* Every tensor of the net is in the file, and the file has no others. */
static ist_status match(ist__import *import, const ist__net *net, ist__error *error)
{
    const ist__net_view view = {.net = net};
    import->count = ist__net_view_tensors(&view, import->tensor);
    for (int32_t i = 0; i < import->count; i++) {
        import->entry[i] = ist__tensor_file_find(&import->file, import->tensor[i].name);
        const ist_status status = check_entry(import, &import->tensor[i], import->entry[i], error);
        if (status) return status;
    }
    for (int32_t e = 0; e < import->file.count; e++) {
        const ist__entry *entry = &import->file.entry[e];
        int32_t i = 0;
        while (i < import->count && import->entry[i] != entry) i++;
        if (i == import->count && !is_passed_over(entry->name))
            return ist__tensor_file_refuse(&import->file, entry, 0, "no tensor of such a net", error);
    }
    return IST_OK;
}

ist_status ist__import_open(ist__import *out, const char *path, ist__net *net, ist__error *error)
{
    ist__net made;
    memset(out, 0, sizeof *out);
    memset(&made, 0, sizeof made);
    ist_status status = ist__tensor_file_open(&out->file, path, error);
    if (!status) status = make_net(out, &made, error);
    if (!status) status = look_at_options(out, &made, error);
    if (!status) status = match(out, &made, error);
    if (status) {
        ist__net_destroy(&made);
        ist__import_close(out);
        return status;
    }
    *net = made;
    return IST_OK;
}

void ist__import_close(ist__import *import)
{
    ist__tensor_file_close(&import->file);
}

/* ----------------------------------------------------------------------------------------------------- numbers -- */

typedef struct piece {
    ist__tensor_reading reading;
    ist__tensor_kind kind;
    ist__error *error;
} piece;

static ist_status give(void *user, void *bytes, size_t count)
{
    piece *p = user;
    const uint64_t before = p->reading.done;
    const ist_status status = ist__tensor_read(&p->reading, bytes, count, p->error);
    if (status || p->kind <= IST__TENSOR_ACTIVATION) return status; /* numbers of the net, known by now */
    const float *value = bytes;
    for (size_t i = 0; i < count / sizeof *value; i++) {
        const char *wrong = ist__tensor_objection(p->kind, value[i]);
        if (wrong)
            return ist__tensor_file_refuse(p->reading.file, p->reading.entry, before + i * sizeof *value, wrong,
                                           p->error);
    }
    return IST_OK;
}

ist_status ist__import_params(const ist__import *import, ist__net *net, ist__error *error)
{
    const int64_t floats = ist__weight_room(&net->shape);
    float *room = ist__alloc(floats, sizeof *room);
    ist_status status = room ? IST_OK : ist__fail(error, IST_E_MEMORY, "no memory for %lld weights", (long long)floats);
    for (int32_t i = 0; i < import->count && !status; i++) {
        piece p = {.reading = {.file = &import->file, .entry = import->entry[i]},
                   .kind = import->tensor[i].kind,
                   .error = error};
        status = ist__net_fill(net, &import->tensor[i], room, give, &p);
    }
    ist__free(room);
    return status;
}
