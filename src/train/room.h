/* room.h - does what is planned fit into the memory that there is?  Said before anything is allocated: later the kernel
 * would say it, by ending the process. */
#ifndef IST_TRAIN_ROOM_H
#define IST_TRAIN_ROOM_H

#include <jansson.h>

#include "numa/capacity.h"
#include "train/host.h"

/* Bytes that a node must give, by what they are for. */
typedef struct ist__need {
    int64_t master;  /* its stripes of the master's parameters, and of their optimiser state */
    int64_t weights; /* blocks of its subnets, their optimiser state, the order of their rows */
    int64_t data;    /* shards, copies */
    int64_t work;    /* work space of its teams */
    int64_t later;   /* what is taken on the way: calibration */
} ist__need;

int64_t ist__need_bytes(const ist__need *need); /* the sum */

typedef enum ist__room_kind {
    IST__ROOM_ENOUGH,
    IST__ROOM_SPILLS,    /* some node lacks it and the machine does not: pages go to other nodes */
    IST__ROOM_SWAPS,     /* only with swap space */
    IST__ROOM_TOO_LITTLE /* for the machine, the control group or a limit of the process */
} ist__room_kind;

typedef struct ist__room_verdict {
    ist__room_kind kind;
    ist_status status; /* what a caller must end with; IST_OK: go on, and tell `line` as a warning unless it is "" */
    int32_t node;      /* of which the line tells, -1: of none */
    char line[400];    /* what is needed, what is there, where, and what would help; "" with ENOUGH */
} ist__room_verdict;

/* A pure function.  needs (capacity->node_count); placement IST_PLACE_*: STRICT ends for a node that certainly lacks
 * room, NONE only warns; who: what needs it, "this training".  What is unknown is enough. */
ist__room_verdict ist__room_judge(const ist__capacity *capacity, const ist__machine *machine, const ist__need *needs,
                                  int32_t placement, const char *who);

/* Ask the system and judge; a warning goes to host->log.  needs: as above.  Contexts made from a text: IST_OK.
 * IST_E_MEMORY, IST_E_PLACEMENT. */
ist_status ist__room_check(const ist__host *host, const ist__need *needs, const char *who, ist__error *error);

/* The same before there is anything: dataset_bytes will be gone by then, wherever they lie.
 * {"fits": "yes" | "spills" | "swaps" | "no", "line": text or null}; NULL when out of memory. */
json_t *ist__room_report(const ist__host *host, const ist__need *needs, int64_t dataset_bytes, const char *who);

#endif
