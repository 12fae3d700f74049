/* hands.h - many hands for one job, for floors that know nothing of threads.
 *
 * A loader cuts its work into parts; somebody above has threads, and lends them as a function.  So src/data needs no
 * OpenMP and no binding, and its results cannot depend on who works: parts are told apart by what they are about, never
 * by who does them.
 */
#ifndef IST_BASE_HANDS_H
#define IST_BASE_HANDS_H

#include <stdint.h>

/* What each hand does: rank 0 .. size - 1; rank 0 is the caller. */
typedef void (*ist__hand)(void *argument, int32_t rank, int32_t size);

typedef struct ist__hands {
    /* Runs work(argument, rank, size) for every rank, at the same time, and returns when all are done; 0 when it could
     * not, and then none has begun.  NULL: nobody helps. */
    int32_t (*run)(void *user, ist__hand work, void *argument);
    void *user;
} ist__hands;

/* Do it with all hands, or alone: hands NULL, or none to be had. */
void ist__hands_run(const ist__hands *hands, ist__hand work, void *argument);

#endif
