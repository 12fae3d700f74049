/* narrow.h - one subnet as a net of its own. [M2] [M3] */
#ifndef IST_MODEL_NARROW_H
#define IST_MODEL_NARROW_H

#include "model/params.h"
#include "model/partition.h"

/* The net of a subnet in a deal that has been dealt: *out with param NULL, made for 1 subnet; normalization, scale of the
 * logits, and the statistics of the first layer, whose inputs are the same, come from the whole net.  IST_E_MEMORY. */
ist_status ist__narrow_open(ist__net *out, const ist__net *whole, const ist__deal *deal, int32_t subnet,
                            ist__error *error);
/* Its parameters. */
void ist__narrow_fill(ist__net *net, const ist__net *whole, const ist__deal *deal, int32_t subnet);

#endif
