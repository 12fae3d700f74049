/* step.h - the parts of ist-bench-step: a parent asks children, one for each configuration, for samples in turn. */
#ifndef IST_PERF_STEP_H
#define IST_PERF_STEP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ist/ist.h"

/* ------------------------------------------------------------------------------------------------- configurations */

enum { STEP_MAX_WIDTHS = IST_MAX_HIDDEN + 2, STEP_WORD_BYTES = 48 };

typedef struct step_config {
    char net[4 * STEP_WORD_BYTES]; /* "4096-4096-4096-35" */
    int32_t width_count, widths[STEP_MAX_WIDTHS];
    char engine[STEP_WORD_BYTES], optimizer[STEP_WORD_BYTES];
    int32_t engine_value, optimizer_value; /* IST_ENGINE_*, IST_SGD .. */
    int32_t subnets, teams, threads;       /* threads of a team */
    int32_t local_steps, batch, rows;
} step_config;

/* "subnets=4,engine=native,optimizer=adam,steps=30,net=4096-4096-4096-35,batch=128,rows=4096,teams=2,threads=1", all of
 * them optional.  False: a line was printed. */
bool step_config_parse(const char *text, step_config *out);
/* They differ in the engine alone. */
bool step_config_alike(const step_config *a, const step_config *b);
/* Bytes that one sample must move between memory and cores, see step_config.c. */
double step_bytes_per_sample(const step_config *config, double exchange_bytes_per_sample);

/* ------------------------------------------------------------------------------- what a child says, through a pipe */

typedef struct step_hello {
    int32_t failed, isa;
    char error[256];
    char engine[STEP_WORD_BYTES], kernels[STEP_WORD_BYTES], core_type[STEP_WORD_BYTES], huge_pages[STEP_WORD_BYTES];
    double planned_bytes;
} step_hello;

typedef struct step_sample {
    double peak_before_gflops, peak_after_gflops; /* of the engine's instruction set, on all threads of the training */
    double seconds, samples, flops;
    double gather_s, train_s, wait_s, writeback_s, exchange_bytes;
    double peak_rss_bytes; /* so far */
} step_sample;

/* The child's whole life: stdin gives a byte for each sample wanted, stdout takes a hello and the samples. */
int step_child(const char *config_text, double sample_s);

bool step_read(int fd, void *to, size_t bytes);
bool step_write(int fd, const void *from, size_t bytes);

/* --------------------------------------------------------------------------------------------------------- a run */

typedef struct step_member {
    const char *text, *program; /* borrowed */
    bool other;                 /* runs in the program of --exec */
    step_config config;
    step_hello hello;
    pid_t pid;
    int ask, answer; /* pipes to and from the child; -1: closed */
    bool alive;
    int taken;
    step_sample *samples; /* (turns) */
    bool *kept;           /* (turns) */
} step_member;

typedef struct step_run {
    int member_count, turns;
    step_member *members;
} step_run;

bool step_start(step_member *member, double sample_s); /* false: a line was printed */
bool step_ask(step_member *member);                    /* one more sample; false: a line was printed, it is dead now */
void step_end(step_member *member);

/* -------------------------------------------------------------------------------------------------------- reports */

enum { STEP_TABLE, STEP_JSON, STEP_CSV };
void step_report(step_run *run, int format);

#endif
