/* trace.c - lanes of slices, and their JSON.
 *
 * A lane belongs to one thread and lies in a region of its own on that thread's node: nobody else writes there, so there
 * is no lock, no atomic and no shared cache line.  A slice is stored when it ends; slices that are open stand on a
 * small stack.  A full lane goes on at its beginning: the end of a run is kept, whatever its length, and enclosing slices are
 * newer than what they hold, so that what is kept still nests.
 *
 * Times are CLOCK_MONOTONIC, unshifted: `perf record -k CLOCK_MONOTONIC` has the same, and perf/perf.sh joins the two.
 *
 * Floor: numa.  Warm while a run is traced.
 */
#define _GNU_SOURCE /* gettid */
#include "numa/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/reader.h"
#include "numa/marks.h"

enum { OPEN_MOST = 16, COUNT = IST__MARKS }; /* kinds from COUNT on are counts */

typedef struct event {
    int64_t begin_ns, end_ns;
    double value; /* bytes of a slice, or the value of a count */
    int32_t number;
    int32_t kind; /* IST__MARK_*, or COUNT + IST__COUNT_* */
} event;
_Static_assert(sizeof(event) == 32, "two events a cache line");

struct ist__trace_lane {
    int64_t first_round, last_round;
    bool on;
    int32_t depth; /* open slices, those beyond OPEN_MOST too */
    int64_t thread_id;
    int64_t room, count, next; /* events that there is place for; that are there; where the next one goes */
    int64_t dropped;
    event open[OPEN_MOST];
    event *events; /* (room), a ring */
};

struct ist__trace {
    const ist__plan *plan;
    ist__region *regions; /* (threads) a lane at the start of each, then its events */
    int64_t rounds[2];    /* first, last */
};

/* ---------------------------------------------------------------------------------------------- create, destroy -- */

static ist_status make_lanes(ist__trace *trace, const ist__topology *topology, int64_t events, int32_t placement,
                             ist__refusals *refusals, ist__error *error)
{
    const size_t head = ist__region_size(sizeof(ist__trace_lane));
    int32_t thread = 0;
    for (int32_t t = 0; t < trace->plan->team_count; t++) {
        for (int32_t r = 0; r < trace->plan->teams[t].threads; r++, thread++) {
            ist__region *region = &trace->regions[thread];
            const ist_status status = ist__region_create(region, topology, head + (size_t)events * sizeof(event),
                                                         trace->plan->teams[t].node, placement, refusals, error);
            if (status) return status;
        }
    }
    return IST_OK;
}

ist_status ist__trace_create(ist__trace **out, const ist__topology *topology, const ist__plan *plan, int64_t events,
                             int64_t first_round, int64_t last_round, int32_t placement, ist__refusals *refusals,
                             ist__error *error)
{
    ist__trace *trace = ist__alloc(1, sizeof *trace);
    if (!trace) return ist__fail(error, IST_E_MEMORY, "no memory for a trace");
    *trace = (ist__trace){.plan = plan,
                          .regions = ist__alloc(plan->thread_count, sizeof *trace->regions),
                          .rounds = {first_round, last_round}};
    ist_status status = IST_OK;
    if (!trace->regions) status = ist__fail(error, IST_E_MEMORY, "no memory for a trace");
    else status = make_lanes(trace, topology, events, placement, refusals, error);
    if (status) ist__trace_destroy(trace);
    else *out = trace;
    return status;
}

void ist__trace_destroy(ist__trace *trace)
{
    if (!trace) return;
    for (int32_t i = 0; trace->regions && i < trace->plan->thread_count; i++) ist__region_destroy(&trace->regions[i]);
    ist__free(trace->regions);
    ist__free(trace);
}

/* ------------------------------------------------------------------------------------------------------- lanes -- */

/* Reading it before the thread has joined gives zeros, from a page that this makes: only when writing. */
static ist__trace_lane *lane_of(const ist__trace *trace, int32_t thread)
{
    return (ist__trace_lane *)(void *)trace->regions[thread].base;
}

ist__trace_lane *ist__trace_join(ist__trace *trace, int32_t thread)
{
    ist__region *region = &trace->regions[thread];
    ist__trace_lane *lane = lane_of(trace, thread);
    if (region->used_bytes == 0) { /* its first run */
        ist__pages_touch(region->base, region->bytes);
        lane = ist__region_take(region, sizeof *lane);
        lane->first_round = trace->rounds[0];
        lane->last_round = trace->rounds[1];
        lane->room = (int64_t)((region->bytes - region->used_bytes) / sizeof *lane->events);
        lane->events = ist__region_take(region, (size_t)lane->room * sizeof *lane->events);
    }
    lane->thread_id = gettid();
    lane->depth = 0;
    ist__trace_round(lane, 0);
    return lane;
}

void ist__trace_round(ist__trace_lane *lane, int64_t round)
{
    lane->on = round >= lane->first_round && round <= lane->last_round;
}

static void store(ist__trace_lane *lane, event e)
{
    lane->events[lane->next] = e;
    lane->next = lane->next + 1 < lane->room ? lane->next + 1 : 0;
    if (lane->count < lane->room) lane->count++;
    else lane->dropped++;
}

void ist__trace_begin(ist__trace_lane *lane, int32_t mark, int64_t number, int64_t now_ns)
{
    const int32_t depth = lane->depth++;
    if (depth >= OPEN_MOST) return;
    if (!lane->on) lane->open[depth] = (event){.begin_ns = -1};
    else
        lane->open[depth] = (event){
            .begin_ns = now_ns == IST__MARK_NOW ? ist__nanoseconds() : now_ns, .number = (int32_t)number, .kind = mark};
}

void ist__trace_end(ist__trace_lane *lane, int64_t now_ns)
{
    if (lane->depth == 0 || --lane->depth >= OPEN_MOST) return;
    event e = lane->open[lane->depth];
    if (e.begin_ns < 0) return;
    e.end_ns = now_ns == IST__MARK_NOW ? ist__nanoseconds() : now_ns;
    store(lane, e);
}

void ist__trace_bytes(ist__trace_lane *lane, double bytes)
{
    if (lane->depth > 0 && lane->depth <= OPEN_MOST) lane->open[lane->depth - 1].value = bytes;
}

void ist__trace_count(ist__trace_lane *lane, int32_t count, double value)
{
    if (lane->on) store(lane, (event){.begin_ns = ist__nanoseconds(), .value = value, .kind = COUNT + count});
}

/* -------------------------------------------------------------------------------------------------------- JSON -- */

/* A writer that remembers its first failure: the lines of a file are many, and all fail for one reason. */
typedef struct sink {
    ist__writer *writer;
    ist_status status;
    ist__error *error;
    bool comma;
} sink;

static void put(sink *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(sink *s, const char *format, ...)
{
    char line[320];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (!s->status && length > 0)
        s->status = ist__writer_bytes(s->writer, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1,
                                      s->error);
}

/* Begins the next object of the list: what every event has. */
static void put_head(sink *s, char phase, const char *name, int64_t thread_id)
{
    put(s, "%s\n{\"ph\":\"%c\",\"name\":\"%s\",\"pid\":%ld,\"tid\":%" PRId64, s->comma ? "," : "", phase, name,
        (long)getpid(), thread_id);
    s->comma = true;
}

/* Microseconds, as the format wants them, and not a nanosecond lost. */
static void put_us(sink *s, const char *key, int64_t ns)
{
    put(s, ",\"%s\":%" PRId64 ".%03d", key, ns / 1000, (int)(ns % 1000));
}

/* With a point, whatever the host's locale has there. */
static void put_number(sink *s, double value)
{
    char text[64];
    snprintf(text, sizeof text, "%.9g", value);
    size_t used = 0;
    for (const char *c = text; *c; c++) {
        const bool ours = (*c >= '0' && *c <= '9') || *c == '-' || *c == '+' || *c == 'e';
        if (ours) text[used++] = *c;
        else if (used > 0 && text[used - 1] != '.') text[used++] = '.'; /* one for all bytes of theirs */
    }
    text[used] = '\0';
    put(s, "%s", text);
}

static void put_event(sink *s, const event *e, int64_t thread_id)
{
    if (e->kind >= COUNT) {
        const bool finite = e->value - e->value == 0;
        put_head(s, 'C', ist__count_name(e->kind - COUNT), thread_id);
        put_us(s, "ts", e->begin_ns);
        put(s, ",\"args\":{\"value\":");
        put_number(s, finite ? e->value : 0);
        put(s, "}}");
        return;
    }
    const char *counts = ist__mark_counts(e->kind);
    put_head(s, 'X', ist__mark_name(e->kind), thread_id);
    put_us(s, "ts", e->begin_ns);
    put_us(s, "dur", e->end_ns - e->begin_ns);
    put(s, ",\"args\":{");
    if (counts) put(s, "\"%s\":%d", counts, e->number);
    if (e->value > 0) put(s, "%s\"bytes\":%.0f", counts ? "," : "", e->value);
    put(s, "}}");
}

/* Readers want what encloses before what is enclosed. */
static int by_begin(const void *one, const void *other)
{
    const event *a = one, *b = other;
    if (a->begin_ns != b->begin_ns) return a->begin_ns < b->begin_ns ? -1 : 1;
    if (a->end_ns != b->end_ns) return a->end_ns > b->end_ns ? -1 : 1;
    return a->kind - b->kind;
}

static void put_lane(sink *s, ist__trace_lane *lane, int32_t team, int32_t rank, int32_t thread)
{
    /* A thread that has not run yet has a row all the same, under a number that no thread of the system has. */
    const int64_t id = lane->room > 0 ? lane->thread_id : INT64_C(1000000000) + thread;
    put_head(s, 'M', "thread_name", id);
    put(s, ",\"args\":{\"name\":\"ist/t%d.c%d\"}}", team, rank);
    put_head(s, 'M', "thread_sort_index", id);
    put(s, ",\"args\":{\"sort_index\":%d}}", thread);
    if (lane->count > 0) qsort(lane->events, (size_t)lane->count, sizeof *lane->events, by_begin);
    lane->next = lane->count < lane->room ? lane->count : 0; /* so the oldest goes first, as before */
    for (int64_t i = 0; i < lane->count && !s->status; i++) put_event(s, &lane->events[i], id);
}

ist_status ist__trace_write(ist__trace *trace, const char *path, int64_t *dropped, ist__error *error)
{
    sink s = {.error = error};
    const ist_status status = ist__writer_open(&s.writer, path, error);
    if (status) return status;
    int64_t gone = 0;
    int32_t thread = 0;
    put(&s, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
    put_head(&s, 'M', "process_name", getpid());
    put(&s, ",\"args\":{\"name\":\"libist\"}}");
    for (int32_t t = 0; t < trace->plan->team_count; t++) {
        for (int32_t r = 0; r < trace->plan->teams[t].threads; r++, thread++) {
            ist__trace_lane *lane = lane_of(trace, thread);
            gone += lane->dropped;
            put_lane(&s, lane, t, r, thread);
        }
    }
    put(&s, "\n],\"otherData\":{\"version\":\"%s\",\"clock\":\"CLOCK_MONOTONIC\",\"dropped\":%" PRId64 "}}\n",
        IST_VERSION_STRING, gone);
    if (!s.status) s.status = ist__writer_commit(s.writer, error);
    else ist__writer_abandon(s.writer);
    if (!s.status && dropped) *dropped = gone;
    return s.status;
}
