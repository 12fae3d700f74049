/* json.c - remembers what could not be put into a report.  Floor: base.  Cold. */
#include "base/json.h"

static _Thread_local bool lost;

void ist__json_set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) lost = true;
}

void ist__json_append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) lost = true;
}

bool ist__json_lost(void)
{
    const bool was = lost;
    lost = false;
    return was;
}
