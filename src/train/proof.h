/* proof.h - where every byte of a run is, by kind and by node: what is wrong, and what moved since it was asked last.
 *
 * A proof holds stretches of memory, about whose pages the kernel is asked, and ranges inside them: what this part is for
 * and which node it was to be on.  Asking and summing are apart, so that the sums can be tested with any answers.
 *
 * Floor: train.  Cold, and nothing of it exists before somebody asks.
 */
#ifndef IST_TRAIN_PROOF_H
#define IST_TRAIN_PROOF_H

#include <jansson.h>

#include "numa/pages.h"

/* What memory is for.  Those before IST__KIND_MASTER are hot: every local step reads or writes them. */
enum {
    IST__KIND_WEIGHTS, /* of a subnet's block */
    IST__KIND_STATE,   /* of the optimiser */
    IST__KIND_ORDER,   /* of the rows of the epoch */
    IST__KIND_DATA,    /* rows and labels: a subnet's shard, or a node's copy */
    IST__KIND_SCRATCH, /* work space of a team's steps */
    IST__KIND_CONTROL, /* what a team's threads tell one another */
    IST__KIND_MASTER,  /* stripes, read and written once a round */
    IST__KIND_MASTER_STATE,
    IST__KIND_AVERAGE,  /* of the master over rounds */
    IST__KIND_VELOCITY, /* of the master, of the outer step */
    IST__KIND_COPY,     /* of these four, which a checkpoint is written from */
    IST__KINDS
};

typedef struct ist__range {
    int32_t kind;         /* IST__KIND_* */
    int32_t team, subnet; /* whose; subnet -1: of the team as a whole */
    int32_t node;         /* where it was to be: index into machine->nodes */
    const unsigned char *base;
    size_t bytes;
    int32_t stretch; /* private: the one it lies in */
} ist__range;

/* As ist__pages_nodes. */
typedef int (*ist__ask)(const ist__machine *machine, const void *base, size_t pages, int16_t *nodes);

typedef struct ist__stretch {
    const unsigned char *base; /* on a page boundary */
    size_t pages, first;       /* first: index into `found` */
} ist__stretch;

typedef struct ist__proof {
    const ist__machine *machine; /* borrowed */
    int32_t placement;           /* IST_PLACE_* */
    ist__ask ask;                /* who answers: ist__pages_nodes, or a test */
    int32_t stretch_count, range_count;
    ist__stretch *stretches; /* NULL while they are being counted */
    ist__range *ranges;
    size_t page_count;
    size_t page_bytes;
    int16_t *found; /* (page_count) the last answers; private code for pages that were known before and are not now */
    int64_t checks;
    int refusal;                      /* errno of the last check: nothing is known then */
    int64_t moved_bytes, moved_total; /* between the last two checks; between all */
    ist__balanced first, before, now; /* counts at the first check, the last but one, the last */
    double seconds;                   /* that the last check took */
} ist__proof;

/* How to build one: add everything once to count, ist__proof_begin, add everything again.  A range lies in the stretch
 * added last.  machine: borrowed. */
void ist__proof_init(ist__proof *proof, const ist__machine *machine, int32_t placement, ist__ask ask);
void ist__proof_add_stretch(ist__proof *proof, const void *base, size_t bytes);
void ist__proof_add_range(ist__proof *proof, int32_t kind, int32_t team, int32_t subnet, int32_t node, const void *base,
                          size_t bytes);
ist_status ist__proof_begin(ist__proof *proof, ist__error *error);
void ist__proof_destroy(ist__proof *proof); /* a zeroed one is fine */

/* Ask about every page, and compare with the last answers. */
void ist__proof_check(ist__proof *proof);

/* Bytes of a range by the last answers: by_node out (machine->node_count + 2): each node, elsewhere, unknown. */
void ist__proof_sum(const ist__proof *proof, const ist__range *range, int64_t *by_node);

/* All ranges together. */
typedef struct ist__verdict {
    int64_t bytes, local_bytes, remote_bytes, unknown_bytes;
    int64_t hot_bytes, hot_local_bytes, hot_unknown_bytes;
    int32_t wrong; /* ranges with bytes on another node than asked */
    /* Of them the one with the most such bytes, valid if wrong > 0; got: where most of these are, -1 elsewhere. */
    ist__range worst;
    int64_t worst_bytes;
    int32_t worst_got;
} ist__verdict;
ist_status ist__proof_judge(const ist__proof *proof, ist__verdict *out, ist__error *error); /* IST_E_MEMORY */

/* "scratch of team 1: 2097152 of 4194304 bytes are on node 0, asked for node 1"; "" when nothing is wrong. */
void ist__verdict_words(const ist__verdict *verdict, char *out, size_t capacity);

/* IST_E_PLACEMENT under IST_PLACE_STRICT when bytes are on another node than asked, or when there are several nodes and
 * the system does not tell; else IST_OK. */
ist_status ist__proof_enforce(const ist__proof *proof, const ist__verdict *verdict, ist__error *error);

/* {"nodes", "kinds": [{"kind", "used", "bytes", "local_bytes", "by_node", "unknown_bytes"}], "ranges": [{"kind", "team",
 * "subnet", "node", ..}], "verdict": {.., "wrong": [..]}, "migration": {..}}; NULL when out of memory. */
json_t *ist__proof_json(const ist__proof *proof);

#endif
