/* feed.c - rows that are fed while rounds go on: a queue, and their way into the training set.
 *
 * The training set is a window: row i of all that are fed takes place i mod rows, where the oldest one is.  Feeders copy rows
 * into a ring; when a round opens the ring is exchanged for another one, so that feeders and teams never touch the same, and
 * each team copies what belongs to it.  Where rows lie in a ring is their number mod its capacity, which is at most `rows`: what
 * would be overwritten in the window before a round has seen it is overwritten here already.
 *
 * Nothing of this depends on teams or threads: results are a function of which rows were there when which round opened.
 *
 * Floor: train.  Cold without feeding: a lock a round.  Else a copy of each row, or two.
 */
#include "train/feed.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

typedef struct ring {
    int64_t capacity; /* rows */
    unsigned char *x, *answers;
} ring;

typedef struct ist__feed {
    pthread_mutex_t lock; /* of the next four */
    bool ready;           /* the dataset is ours alone, and the lists are there */
    int64_t end;          /* rows fed so far */
    int64_t first;        /* of them, the first that waits */
    ring waiting;
    ring joining; /* of the teams, and of who opens a round */
    int64_t join_first, join_end;
    uint32_t **lists; /* SHARD: (subnets) places of the shard of each, ascending */
} ist__feed;

/* ---------------------------------------------------------------------------------------------------------- rings -- */

static void free_ring(ring *r)
{
    ist__free(r->x);
    ist__free(r->answers);
    *r = (ring){.capacity = 0};
}

static unsigned char *x_of(const ist_dataset *d, const ring *r, int64_t number)
{
    return r->x + (size_t)(number % r->capacity) * ist__dataset_row_bytes(d);
}

static unsigned char *answer_of(const ist_dataset *d, const ring *r, int64_t number)
{
    return r->answers + (size_t)(number % r->capacity) * ist__dataset_answer_bytes(d);
}

/* Room for rows up to `end`; rows from `first` on stay. */
static ist_status make_room(const ist_dataset *d, ist__feed *f, int64_t first, int64_t end, ist__error *error)
{
    const ring old = f->waiting;
    if (end - first <= old.capacity) return IST_OK;
    int64_t capacity = 2 * old.capacity > end - first ? 2 * old.capacity : end - first;
    if (capacity > d->rows) capacity = d->rows;
    ring r = {.capacity = capacity,
              .x = ist__alloc_raw(capacity, ist__dataset_row_bytes(d)),
              .answers = ist__alloc_raw(capacity, ist__dataset_answer_bytes(d))};
    if (!r.x || !r.answers) {
        free_ring(&r);
        return ist__fail(error, IST_E_MEMORY, "feed: no memory for %lld rows that wait", (long long)capacity);
    }
    for (int64_t i = first; i < f->end; i++) {
        memcpy(x_of(d, &r, i), x_of(d, &old, i), ist__dataset_row_bytes(d));
        memcpy(answer_of(d, &r, i), answer_of(d, &old, i), ist__dataset_answer_bytes(d));
    }
    free_ring(&f->waiting);
    f->waiting = r;
    return IST_OK;
}

/* ---------------------------------------------------------------------------------------------------------- feeding -- */

ist_status ist__feed_create(ist__training *t, ist__error *error)
{
    t->feed = ist__alloc(1, sizeof *t->feed);
    if (!t->feed) return ist__fail(error, IST_E_MEMORY, "no memory for a trainer");
    (void)pthread_mutex_init(&t->feed->lock, NULL); /* of the default kind: glibc and musl cannot fail */
    return IST_OK;
}

void ist__feed_destroy(ist__training *t)
{
    ist__feed *f = t->feed;
    if (!f) return;
    for (int32_t s = 0; f->lists && s < t->config.subnets; s++) ist__free(f->lists[s]);
    ist__free(f->lists);
    free_ring(&f->waiting);
    free_ring(&f->joining);
    (void)pthread_mutex_destroy(&f->lock);
    ist__free(f);
}

/* Where the places of each shard are, again: few runs are fed, and those that are not have let go of it. */
static ist_status list_shards(ist__training *t, ist__feed *f, ist__error *error)
{
    const int32_t n = t->config.subnets;
    if (t->config.data != IST_DATA_SHARD) return IST_OK;
    if (!f->lists) f->lists = ist__alloc(n, sizeof *f->lists);
    ist_status status = f->lists ? IST_OK : ist__fail(error, IST_E_MEMORY, "feed: no memory for %d subnets", n);
    for (int32_t s = 0; s < n && !status; s++) {
        if (f->lists[s]) continue;
        uint32_t *list = ist__alloc(ist__shard_rows(t->data->rows, n, s), sizeof *list);
        if (!list) return ist__fail(error, IST_E_MEMORY, "feed: no memory for the rows of subnet %d", s);
        status = ist__shard_list(t->config.seed, t->data->rows, n, s, list, error);
        if (status) ist__free(list);
        else f->lists[s] = list;
    }
    return status;
}

/* With the lock. */
static ist_status push(ist__training *t, const ist_feed *rows, ist__error *error)
{
    ist__feed *f = t->feed;
    const ist_dataset *d = t->data;
    if (rows->rows > INT64_MAX - f->end) return ist__fail(error, IST_E_ARGUMENT, "feed: more rows than can be counted");
    const int64_t end = f->end + rows->rows;
    const int64_t first = end - f->first > d->rows ? end - d->rows : f->first;
    ist_status status = f->ready ? IST_OK : list_shards(t, f, error);
    if (!status) status = make_room(d, f, first, end, error);
    if (!status && !f->ready) status = ist__dataset_hold(d, error);
    if (status) return status;
    f->ready = true;
    for (int64_t i = f->end > first ? f->end : first; i < end; i++)
        ist__dataset_feed_take(d, rows, i - f->end, x_of(d, &f->waiting, i), answer_of(d, &f->waiting, i));
    f->first = first;
    f->end = end;
    return IST_OK;
}

ist_status ist__feed_rows(ist__training *t, const ist_feed *rows, ist__error *error)
{
    ist_status status = ist__dataset_feed_check(t->data, rows, error);
    if (status) return status;
    (void)pthread_mutex_lock(&t->feed->lock);
    status = push(t, rows, error);
    (void)pthread_mutex_unlock(&t->feed->lock);
    return status;
}

/* ---------------------------------------------------------------------------------------------------------- joining -- */

void ist__feed_open(ist__training *t)
{
    ist__feed *f = t->feed;
    (void)pthread_mutex_lock(&f->lock);
    t->joins = f->end > f->first;
    if (t->joins) {
        const ring full = f->waiting;
        f->waiting = f->joining;
        f->joining = full;
        f->join_first = f->first;
        f->join_end = f->first = f->end;
        t->progress.fed = f->end;
    }
    (void)pthread_mutex_unlock(&f->lock);
}

/* A row to place `at` of rows without gaps. */
static void put(const ist__training *t, int64_t number, int64_t at, void *x, void *answers)
{
    const ist_dataset *d = t->data;
    const size_t row_bytes = ist__dataset_row_bytes(d), answer_bytes = ist__dataset_answer_bytes(d);
    memcpy((unsigned char *)x + (size_t)at * row_bytes, x_of(d, &t->feed->joining, number), row_bytes);
    memcpy((unsigned char *)answers + (size_t)at * answer_bytes, answer_of(d, &t->feed->joining, number), answer_bytes);
}

/* The first of `count` ascending numbers that is `least` or more. */
static int64_t find(const uint32_t *list, int64_t count, int64_t least)
{
    int64_t first = 0;
    while (count > 0) {
        const int64_t half = count / 2;
        if (list[first + half] < least) {
            first += half + 1;
            count -= half + 1;
        } else count = half;
    }
    return first;
}

/* My share of those of rows first .. end - 1 that belong to this shard; their places do not pass the end of the window. */
static void join_shard(const ist__training *t, const ist__subnet *subnet, const ist__worker *worker, int64_t first,
                       int64_t end)
{
    const int64_t place = first % t->data->rows, count = subnet->batches.rows;
    const uint32_t *list = t->feed->lists[subnet->number];
    const int64_t from = find(list, count, place), to = find(list, count, place + end - first);
    int64_t mine, last;
    ist__share(to - from, worker->rank, worker->size, &mine, &last);
    for (int64_t i = from + mine; i < from + last; i++)
        put(t, first + list[i] - place, i, subnet->shard, subnet->shard_answers);
}

void ist__feed_join(ist__training *t, ist__worker *worker)
{
    const ist__feed *f = t->feed;
    const ist_dataset *d = t->data;
    const ist__team_space *team = &t->teams[worker->team];
    const int64_t count = f->join_end - f->join_first, rows = d->rows;
    int64_t first, last;
    ist__share(count, worker->thread, worker->threads, &first, &last);
    for (int64_t i = f->join_first + first; i < f->join_first + last; i++)
        ist__dataset_put(d, i % rows, x_of(d, &f->joining, i), answer_of(d, &f->joining, i));
    ist__share(team->copy ? count : 0, worker->rank, worker->size, &first, &last);
    for (int64_t i = f->join_first + first; i < f->join_first + last; i++)
        put(t, i, i % rows, team->copy, team->copy_answers);
    const int64_t to_the_end = rows - f->join_first % rows;
    const int64_t turn = f->join_first + (to_the_end < count ? to_the_end : count);
    for (int32_t s = 0; f->lists && s < t->config.subnets; s++) {
        if (t->subnets[s].team != worker->team) continue;
        join_shard(t, &t->subnets[s], worker, f->join_first, turn);
        if (turn < f->join_end) join_shard(t, &t->subnets[s], worker, turn, f->join_end);
    }
    ist__all_barrier(worker); /* rows are read by other teams, too: those of the dataset, and a node's copy */
}
