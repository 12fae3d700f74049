/* tensors.c - public functions of parameters by name. */
#include <string.h>

#include "api/handles.h"
#include "base/floats.h"
#include "train/named.h"

_Static_assert((int)IST_TENSOR_NAME_BYTES == (int)IST__TENSOR_NAME_BYTES, "names go from one to the other");

int32_t ist_model_tensor_count(const ist_model *model)
{
    ist__tensor all[IST__TENSORS_MOST];
    return model ? ist__named_list(&model->net, all) : 0;
}

ist_status ist_model_tensor(const ist_model *model, int32_t index, ist_tensor *out)
{
    ist__tensor all[IST__TENSORS_MOST];
    if (!model || !out || out->struct_size < sizeof *out) return IST_E_ARGUMENT;
    const int32_t count = ist__named_list(&model->net, all);
    if (index < 0 || index >= count) return IST_E_ARGUMENT;
    const ist__tensor *t = &all[index];
    ist_tensor found = {.struct_size = out->struct_size,
                        .type = t->type,
                        .dims = t->dims,
                        .size = {t->size[0], t->size[1]},
                        .bytes = (int64_t)ist__tensor_bytes(t),
                        .known = ist__named_known(&model->net, t)};
    memcpy(found.name, t->name, sizeof found.name);
    memcpy(out, &found, sizeof found);
    return IST_OK;
}

ist_status ist_model_get_tensor(ist_model *model, const char *name, void *out, size_t bytes)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    if (!name || !out) return ist__refuse(model->context, IST_E_ARGUMENT, "an argument is NULL");
    return ist__named_get(&model->net, name, out, bytes, &model->context->error);
}

ist_status ist_model_set_tensor(ist_model *model, const char *name, const void *in, size_t bytes)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    if (!name || !in) return ist__refuse(model->context, IST_E_ARGUMENT, "an argument is NULL");
    return ist__named_set(&model->net, name, in, bytes, &model->context->error);
}
