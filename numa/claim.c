/* claim.c - pieces of bands, by compare and exchange.  Floor: numa.  Hot: once a tile.
 *
 * Order: none is asked of the words themselves.  What a piece reads was written before a barrier, and what it writes is read
 * behind one.
 */
#include "numa/claim.h"

static bool is_shared(const ist__worker *worker)
{
    return worker->size > 1 && !worker->joined;
}

ist__claims ist__claims_begin(ist__worker *worker, int32_t units, int32_t most)
{
    if (is_shared(worker)) worker->walk++;
    return (ist__claims){.worker = worker, .units = units, .most = most};
}

/* A word: the walk's number, and how many units of the band are taken. */
static uint64_t word_of(uint32_t walk, int32_t taken)
{
    return (uint64_t)walk << 32 | (uint32_t)taken;
}

static int32_t taken_of(uint64_t word, uint32_t walk, int32_t units)
{
    const int32_t age = (int32_t)(walk - (uint32_t)(word >> 32));
    return age == 0 ? (int32_t)(uint32_t)word : age > 0 ? 0 : units;
}

/* Some of the `units` units of a band, from *first on; 0: none is left.  At least a third of what is left stays for
 * whoever comes next. */
static int32_t take(const ist__claims *c, ist__claim_word *band, int32_t units, int32_t *first)
{
    const uint32_t walk = c->worker->walk;
    uint64_t seen = atomic_load_explicit(&band->word, memory_order_relaxed);
    for (;;) {
        *first = taken_of(seen, walk, units);
        const int32_t left = units - *first, some = left - left / 3, piece = some < c->most ? some : c->most;
        if (piece == 0 || atomic_compare_exchange_weak_explicit(&band->word, &seen, word_of(walk, *first + piece),
                                                                memory_order_relaxed, memory_order_relaxed))
            return piece;
    }
}

static int32_t take_own(ist__claims *c, int32_t units, int32_t *first)
{
    const int32_t left = units - c->own_taken, piece = left < c->most ? left : c->most;
    *first = c->own_taken;
    c->own_taken += piece;
    return piece;
}

bool ist__claims_next(ist__claims *c, int32_t *first, int32_t *count)
{
    const ist__worker *worker = c->worker;
    const bool shared = is_shared(worker);
    for (const int32_t bands = shared ? worker->size : 1; c->bands_done < bands; c->bands_done++) {
        const int32_t rank = (worker->rank + c->bands_done) % worker->size;
        int64_t begin, end;
        ist__share(c->units, rank, worker->size, &begin, &end);
        const int32_t units = (int32_t)(end - begin);
        *count = shared ? take(c, &worker->claimed[rank], units, first) : take_own(c, units, first);
        *first += (int32_t)begin;
        if (*count > 0) return true;
    }
    return false;
}
