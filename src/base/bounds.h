/* bounds.h - the one table of what fields of configurations may be: what checks refuse by, and what ist_bounds tells. */
#ifndef IST_BASE_BOUNDS_H
#define IST_BASE_BOUNDS_H

#include <stdbool.h>

#include "base/status.h"

/* All fields of a structure ("ist_train_config") that stand by themselves; IST_E_ARGUMENT names the first that is out of its
 * bounds, and them.  NaN is. */
ist_status ist__bounds_check(const char *structure, const void *config, ist__error *error);

/* One number of a field ("ist_train_config.batch"), wherever it comes from. */
ist_status ist__bound_check(const char *field, double value, ist__error *error);

/* What ist_bounds tells; false for a field that the table does not have. */
bool ist__bound_of(const char *field, ist_range *out);

#endif
