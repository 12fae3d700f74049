/* marks.h - what a thread is doing, told to whoever listens: the timeline of a run (trace.h), likwid, and the probes that
 * perf and bpftrace attach to.
 *
 * One pair of calls serves all listeners.  While nobody listens a mark is a call, a nop and a branch: a few nanoseconds
 * for work of microseconds and more.
 */
#ifndef IST_NUMA_MARKS_H
#define IST_NUMA_MARKS_H

#include <stdbool.h>

#include "numa/team.h"

/* A function that profilers shall find by its name, because it is a phase. */
#define IST__PHASE __attribute__((noinline))

/* What a mark is called, in the order of nesting, and what its number counts.  Slices of a thread nest. */
enum {
    IST__MARK_BETWEEN,      /* rounds: barriers, and the deal on worker (0, 0) */
    IST__MARK_CLOSE,        /* the last round's mean of shared parameters, and the caller's function; number: round */
    IST__MARK_DEAL,         /* number: round, counted from 1, as in the log */
    IST__MARK_ROUND,        /* number: round */
    IST__MARK_GATHER,       /* phases of a round, as the log counts them */
    IST__MARK_TRAIN,        /* */
    IST__MARK_WRITE_BACK,   /* */
    IST__MARK_SUBNET,       /* inside these; number: subnet, bytes: moved by this thread's team */
    IST__MARK_WHOLE,        /* the same for the whole net by all teams, in phases at full width */
    IST__MARK_STEP,         /* number: step of the round, from 0 */
    IST__MARK_ASSEMBLE,     /* rows of data become a batch */
    IST__MARK_FORWARD,      /* number: layer, from 0 */
    IST__MARK_LOSS,         /* softmax, loss and its gradient */
    IST__MARK_BACKWARD,     /* number: layer whose gradients are formed */
    IST__MARK_UPDATE,       /* number: layer whose weights take their step */
    IST__MARK_TEAM_BARRIER, /* waiting there; arriving last is no wait */
    IST__MARK_ALL_BARRIER,  /* */
    IST__MARK_CALIBRATE,    /* statistics of batch norm */
    IST__MARK_EVALUATE,     /* */
    IST__MARKS
};

/* "write back": what people read.  mark: 0 .. IST__MARKS - 1. */
const char *ist__mark_name(int32_t mark);
/* What the number of a mark counts: "round", "subnet", "step", "layer", or NULL: nothing. */
const char *ist__mark_counts(int32_t mark);

/* The slice of this worker begins, ends.  Every begin has its end, and inner slices end first. */
void ist__mark_begin(const ist__worker *worker, int32_t mark, int64_t number);
void ist__mark_end(const ist__worker *worker, int32_t mark);
/* The same, at a time that the caller has read from ist__nanoseconds. */
enum { IST__MARK_NOW = -1 };
void ist__mark_begin_at(const ist__worker *worker, int32_t mark, int64_t number, int64_t now_ns);
void ist__mark_end_at(const ist__worker *worker, int32_t mark, int64_t now_ns);

/* Slices that begin from here on belong to this round. */
void ist__mark_round(ist__worker *worker, int64_t round);
/* Bytes that the innermost open slice moves. */
void ist__mark_bytes(const ist__worker *worker, double bytes);

enum { IST__COUNT_LOSS, IST__COUNT_GFLOPS, IST__COUNTS };
const char *ist__count_name(int32_t count);
/* A number that goes up and down with time. */
void ist__mark_count(const ist__worker *worker, int32_t count, double value);

/* ------------------------------------------------------------------------------------------------ for team.c alone -- */

struct ist__trace;
struct ist__trace_lane;

/* likwid's marker functions where they are part of this process: the host, or the command ist, has loaded likwid and
 * called likwid_markerInit.  All NULL where not, or where this library was built without. */
typedef struct ist__likwid {
    void (*thread_init)(void);
    int (*start_region)(const char *region);
    int (*stop_region)(const char *region);
} ist__likwid;
ist__likwid ist__likwid_find(void);

/* Who listens to one thread. */
typedef struct ist__listener {
    struct ist__trace_lane *lane; /* NULL: no trace */
    const ist__likwid *likwid;    /* NULL: no regions */
} ist__listener;

/* Before the work of a run: worker->listener becomes `listener`, or NULL when nobody listens.  By the worker itself, bound. */
void ist__marks_join(ist__worker *worker, ist__listener *listener, struct ist__trace *trace, int32_t thread,
                     const ist__likwid *likwid);

#endif
