/* json.h - reports are whole, or not given.
 *
 * jansson tells by a return value when it could not put something into an object, and nobody looks at each of hundreds.  So
 * what builds a report does it through these two, which remember a failure of the calling thread until somebody asks.
 */
#ifndef IST_BASE_JSON_H
#define IST_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>

/* As json_object_set_new and json_array_append_new: they take over `value`.  NULL, for either, is a failure. */
void ist__json_set(json_t *object, const char *key, json_t *value);
void ist__json_append(json_t *array, json_t *value);

/* Was anything lost on this thread since the last call? */
bool ist__json_lost(void);

#endif
