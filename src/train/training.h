/* training.h - a run: rounds of deal, gather, J local steps, barrier, write back. [M2] [M3] [M4] [M5] */
#ifndef IST_TRAIN_TRAINING_H
#define IST_TRAIN_TRAINING_H

#include <jansson.h>

#include "base/floats.h"
#include "base/reader.h"
#include "data/dataset.h"
#include "model/exchange.h"
#include "model/params.h"
#include "model/traffic.h"
#include "train/phase.h"
#include "train/room.h"
#include "train/proof.h"
#include "train/stopwatch.h"
#include "train/subnet.h"

/* What the threads of a team read in every step beside the large arrays: copies, in the team's own region, of what lies
 * anywhere.  Written by rank 0 of the team. */
typedef struct ist__desk {
    ist__engine engine;
    ist__scratch scratch;
    ist__scaling scaling, target_scaling; /* into the arrays behind; of a call, as are the next two lines */
    ist__dropout dropout;
    float output_scale, smoothing;
    ist__shape shape; /* of the subnet in turn, as are the next two */
    ist__rows rows;
    ist__batches batches;
} ist__desk;

/* A subnet: its block lies in a region on the node of the team that trains it. */
typedef struct ist__subnet {
    ist__shape shape;
    int32_t number, team;
    ist__region region; /* parameters, optimiser state, order of the rows, shard */
    float *param;
    float *state[2];
    float *gradient;   /* data parallel and masked only */
    float *kept[3];    /* of a sticky deal: the block, and carried state, as they were when the round began */
    size_t room_bytes; /* of each of these arrays */
    void *shard; /* (shard rows, features) and labels or targets, with IST_DATA_SHARD; of sparse rows their list */
    void *shard_answers;
    ist__rows rows; /* what it trains on */
    ist__batches batches;
    double loss; /* sum over the round's samples; written by rank 0 of the team */
} ist__subnet;

/* A team's work space, shared by its subnets one after another. */
typedef struct ist__team_space {
    ist__region region; /* scratch; with IST_DATA_REPLICATE also the node's copy, at the node's first team */
    ist__scratch scratch;
    float *whole_own; /* phases at full width: of its threads, as scratch.own */
    ist__desk *desk;
    float *shift, *factor;               /* (features) for desk->scaling */
    float *target_shift, *target_factor; /* likewise, of a regression; else NULL */
    void *copy, *copy_answers;           /* rows, and labels or targets */
    ist__phase_times times;
    double round_busy_s;   /* of the round: gather, steps, write back, the team's own barriers; by rank 0 */
    double busy_s, wait_s; /* of all rounds: that, and what other teams took longer */
} ist__team_space;

typedef struct ist__training {
    ist__host host;          /* its plan is the one below */
    ist__plan plan;          /* the context's, settled */
    ist__net *net;           /* borrowed */
    const ist_dataset *data; /* borrowed */
    ist__extent extent;      /* of it */
    ist_train_config config; /* subnets resolved, shares ours */
    double *shares;          /* (config.subnets) sum 1; and behind them what slow.h tells */
    struct {
        double *share;    /* (teams) sum 1 */
        double *busy_s;   /* (teams) at the last look */
        int32_t *subnets; /* (teams) */
        int32_t rounds;   /* since the last look */
    } look;               /* at the teams' speed */
    ist__deal deal;
    int32_t state_count;
    ist__region master_state[2]; /* striped; carried state only */
    ist__stripe_homes homes;     /* of the master and of its state */
    ist__region shared_state[2]; /* striped; data parallel only: state[] of all replicas */
    ist__region velocity;        /* striped; of the outer step, where it has momentum */
    ist__region average;         /* striped; the mean of the master over rounds, where it is wanted */
    ist__subnet *subnets;        /* (config.subnets) */
    ist__team_space *teams;      /* (plan->team_count) */
    struct ist__whole *whole;    /* NULL: no phase at full width */
    ist__phases phases;
    ist_progress progress;
    /* Of the call in progress; written by worker (0, 0) between barriers. */
    int64_t rounds_left;
    int32_t round_steps;
    struct {
        const ist__phase *phase;
        ist__subnet *subnets; /* (count) ours, or the whole net */
        int32_t count;
        ist__deal *deal;
    } now; /* who trains in this round */
    bool going;
    bool master_whole; /* holds all numbers as of the last round; with a sticky deal some are in blocks alone */
    bool write_all;    /* this round makes it so */
    bool folds;        /* the round that was closed joins the mean */
    bool settle;       /* at the end of the call: blocks, or after a failure what was kept of them, go to the master */
    ist_round_fn on_round;
    void *on_round_user;
    ist__floats floats; /* of the caller, whom on_round is to find as it left */
    double began;       /* clock when the call began, and seconds before it */
    double seconds_before;
    double bytes_stayed;  /* moved within a node, since the trainer was created or resumed */
    double round_began_s; /* clock when its gather began */
    atomic_int diverged;  /* 1 + a subnet whose loss or parameters are not finite */
    atomic_int stop;
    struct ist__saver *saver; /* NULL: nothing was saved yet, and none was announced (save.c) */
    unsigned char *note;      /* (note_bytes) the caller's own, part of checkpoints; NULL: none */
    size_t note_bytes;
    struct ist__feed *feed;    /* rows that wait, or join (feed.h) */
    bool joins;                /* this round begins with rows that join */
    ist_difference difference; /* that the last resume was refused for */
    ist__proof proof;          /* zeroed until somebody asks where the pages are */
} ist__training;

/* net and data: borrowed.  Validates config (subnets 0: net->subnets). */
ist_status ist__training_create(ist__training **out, const ist__host *host, ist__net *net, const ist_dataset *data,
                                const ist_train_config *config, ist__error *error);
/* The same run once more, on a net of the same shape, that neither has a state nor a position yet: ist__training_follow gives
 * it both, makes the net a copy of the trained one, and cannot fail. */
ist_status ist__training_clone(ist__training **out, const ist__host *host, ist__net *net, const ist__training *like,
                               ist__error *error);
void ist__training_follow(ist__training *clone, const ist__training *like); /* resume.c */
void ist__training_destroy(ist__training *training);                        /* NULL is fine */

ist_status ist__training_run(ist__training *training, int64_t rounds, ist_round_fn on_round, void *user,
                             ist__error *error);

/* desk.c: its memory; before the rounds of a call; before and after the steps of a subnet.  The last three by rank 0.
 * whole: NULL: of a subnet of the team's own. */
size_t ist__desk_bytes(const ist__shape *shape);
void ist__desk_take(ist__team_space *team, const ist__shape *shape);
void ist__desk_begin(ist__team_space *team, const ist__engine *engine, const ist__net *net,
                     const ist_train_config *config);
void ist__desk_open(ist__team_space *team, const ist__subnet *subnet, const struct ist__whole *whole);
void ist__desk_close(const ist__desk *desk, ist__subnet *subnet);

/* tally.c */
ist_team_times ist__training_team(const ist__training *training, int32_t team);
/* What steps of a subnet by a team have in common; rule, parity and what comes next are the caller's. */
ist__step ist__training_step(const ist__training *training, const ist__subnet *subnet, int32_t team);
/* The optimiser at step j of this round. */
ist__rule ist__training_rule(const ist__training *training, int32_t j);
/* The learning rate of the last step that was done, by this run or the one it goes on; before any, of the first phase. */
double ist__training_last_lr(const ist__training *training);
/* Optimiser state i of a subnet that is trained in this round, before a round: the master's, or 0.  Share of worker `rank` of `size`. */
void ist__training_fill_state(const ist__training *training, const ist__subnet *subnet, int32_t i, int32_t rank,
                              int32_t size);
/* The engine's way from rows to panels. */
ist__panel_moves ist__training_moves(const ist__training *training);
/* reseat.c: what the method deals to the subnets, by config->shares and repartition_fraction. */
ist_status ist__training_deal(ist__deal *out, const ist__shape *whole, const ist_train_config *config,
                              ist__error *error);
/* Does each subnet train the whole net? */
bool ist__trains_replicas(const ist_train_config *config);

/* placement.c: regions and their first touch, and the proof. */
ist_status ist__training_place(ist__training *training, ist__error *error);
json_t *ist__training_report(const ist__training *training);
/* Planned bytes, for a run that need not exist. */
json_t *ist__training_plan(const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                           const ist__extent *data, ist__error *error);

/* ranges.c: where the pages are.  master: the region of net->param.  Not while the run works, but for its on_round. */
ist_status ist__training_verify(ist__training *training, const ist__region *master, ist_placement *out,
                                ist__error *error);
/* What ist__proof_json tells, and "not_placed": what steps use and nobody here placed; NULL when out of memory. */
json_t *ist__training_proof(ist__training *training, const ist__region *master);

/* Add to needs (machine->node_count) what training takes of each node, the model counted. */
ist_status ist__training_needs(const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                               const ist__extent *data, ist__need *needs, ist__error *error);

/* Is there room for what training takes beside the model, which is there already?  As ist__room_check. */
ist_status ist__training_room(const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                              const ist__extent *data, ist__error *error);

/* save.c.  Each of these, resume and destroy end the save under way first, and hand on its failure. */
ist_status ist__training_save_begin(ist__training *training, const char *path, ist__error *error);
ist_status ist__training_save_end(ist__training *training, bool wait, bool *busy, ist__error *error);
ist_saves ist__training_saves(const ist__training *training); /* struct_size is the caller's */
ist_status ist__training_save(ist__training *training, const char *path, ist__error *error);
/* As ist__net_write_memory. */
ist_status ist__training_save_memory(ist__training *training, void *to, size_t capacity, size_t *need,
                                     ist__error *error);
/* resume.c */
ist_status ist__training_note(ist__training *training, const void *bytes, size_t count, ist__error *error);
ist_status ist__training_resume(ist__training *training, const ist__source *source, ist__error *error);

/* average.c: the mean, with statistics of its own, to a net of the same shape. */
ist_status ist__training_average(ist__training *training, ist__net *out, ist__error *error);

/* Check every field but those that need the net. */
ist_status ist__train_config_check(const ist_train_config *config, ist__error *error);

/* The rest: shares, with the number of subnets resolved. */
ist_status ist__train_shares_check(const ist_train_config *config, const ist__shape *shape, ist__error *error);

/* The team that trains subnet s: subnets stand in order, spread evenly over the teams. */
int32_t ist__team_of_subnet(int32_t subnet, int32_t subnets, int32_t teams);

#endif
