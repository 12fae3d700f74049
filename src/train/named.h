/* named.h - one tensor of a net by its name, to and from an array of the host. */
#ifndef IST_TRAIN_NAMED_H
#define IST_TRAIN_NAMED_H

#include "train/tensors.h"

/* All that a net of this shape can have, statistics that are not known too.  Returns how many. */
int32_t ist__named_list(const ist__net *net, ist__tensor out[IST__TENSORS_MOST]);

/* Are there numbers?  Statistics may be of parameters that are no more. */
bool ist__named_known(const ist__net *net, const ist__tensor *tensor);

/* `bytes` must be those of the tensor.  IST_E_ARGUMENT, IST_E_MEMORY, with nothing changed. */
ist_status ist__named_get(const ist__net *net, const char *name, void *out, size_t bytes, ist__error *error);
ist_status ist__named_set(ist__net *net, const char *name, const void *in, size_t bytes, ist__error *error);

#endif
