/* save.c - checkpoints that are written while rounds go on.
 *
 * All threads of the teams copy the state into memory that lies as the master does, stripe by stripe: that is all the time
 * that a checkpoint takes from a run.  Then a thread of lowest priority (numa/helper.h) sums and writes the copy.  What is
 * written is the copy alone, so a round may do with the master what it likes.
 *
 * One save at a time: each function that saves, resumes or destroys ends the one under way first.  Its result waits here for
 * whoever asks next.
 *
 * Floor: train.
 */
#define _POSIX_C_SOURCE 200809L
#include "train/save.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "numa/errno_name.h"
#include "numa/helper.h"
#include "train/average.h"
#include "train/outer.h"
#include "train/slow.h"
#include "train/stripes.h"

struct ist__saver {
    ist__region copy[IST__SAVE_REGIONS];  /* parameters, then as IST__RUN_* */
    ist__net net;                         /* its own small arrays, param the copy */
    ist__run_state run;                   /* into the copies and into memory of ours */
    const float *from[IST__SAVE_REGIONS]; /* what is copied; NULL: nothing */
    char *path;
    char *swept; /* the path whose leftovers were looked for; NULL: none yet */
    ist__helper helper;
    bool begun;  /* and not ended */
    pid_t owner; /* who began it: a child of a fork has no such thread */
    atomic_bool written;
    ist_status status; /* of the writing, with its line; read when it is joined */
    ist__error error;
    ist_saves sums;
};

int ist__save_arrays(const ist_train_config *config)
{
    const int states = config->state == IST_STATE_CARRIED ? ist__optimizer_states(config->optimizer) : 0;
    return 1 + states + ist__outer_rolls(config) + ist__averages(config);
}

static size_t net_bytes(const ist__training *t)
{
    return (size_t)t->net->shape.floats * sizeof(float);
}

/* ----------------------------------------------------------------------------------------------------- memory -- */

/* What this run can ever have: the mean exists from some round on, but its place is known. */
static bool has_array(const ist__training *t, int i)
{
    const bool carried = t->config.state == IST_STATE_CARRIED;
    switch (i - 1) {
    case -1: return true;
    case IST__RUN_STATE1: return carried && t->state_count > 0;
    case IST__RUN_STATE2: return carried && t->state_count > 1;
    case IST__RUN_VELOCITY: return ist__outer_rolls(&t->config);
    default: return ist__averages(&t->config);
    }
}

static ist_status room_for_copy(const ist__training *t, ist__error *error)
{
    ist__need *needs = ist__alloc(t->host.machine->node_count, sizeof *needs);
    if (!needs) return ist__fail(error, IST_E_MEMORY, "no memory for %d nodes", t->host.machine->node_count);
    ist__stripes_need(&t->host, net_bytes(t), ist__save_arrays(&t->config), needs);
    const ist_status status = ist__room_check(&t->host, needs, "a copy of this run", error);
    ist__free(needs);
    return status;
}

static ist_status take_memory(ist__training *t, ist__error *error)
{
    struct ist__saver *saver = t->saver;
    const size_t tail = ((size_t)t->config.subnets + IST__SLOW_NUMBERS) * sizeof *t->shares;
    ist_status status = IST_OK;
    saver->run.run = ist__alloc(1, ist__record_bytes());
    saver->run.tail = ist__alloc(1, tail);
    saver->run.note = ist__alloc(1, IST__NOTE_MOST);
    if (!saver->run.run || !saver->run.tail || !saver->run.note)
        return ist__fail(error, IST_E_MEMORY, "no memory for the record of a run");
    status = ist__net_create(&saver->net, &t->net->shape, t->net->subnets, error);
    for (int i = 0; i < IST__SAVE_REGIONS && !status; i++)
        if (has_array(t, i)) status = ist__stripes_create(&saver->copy[i], &t->host, net_bytes(t), error);
    saver->net.param = (float *)(void *)saver->copy[0].base;
    return status;
}

static void release(ist__training *t)
{
    struct ist__saver *saver = t->saver;
    if (!saver) return;
    for (int i = 0; i < IST__SAVE_REGIONS; i++) ist__region_destroy(&saver->copy[i]);
    ist__net_destroy(&saver->net);
    ist__free(saver->run.run);
    ist__free(saver->run.tail);
    ist__free(saver->run.note);
    ist__free(saver->path);
    ist__free(saver->swept);
    ist__free(saver);
    t->saver = NULL;
}

ist_status ist__save_prepare(ist__training *t, ist__error *error)
{
    if (t->saver) return IST_OK;
    t->saver = ist__alloc(1, sizeof *t->saver);
    if (!t->saver) return ist__fail(error, IST_E_MEMORY, "no memory for saving");
    atomic_init(&t->saver->written, false);
    const ist_status status = take_memory(t, error);
    if (status) release(t);
    return status;
}

const ist__region *ist__save_regions(const ist__training *t)
{
    return t->saver ? t->saver->copy : NULL;
}

/* ---------------------------------------------------------------------------------------------------- copying -- */

static void copy_part(void *argument, ist__worker *worker)
{
    const ist__training *t = argument;
    const struct ist__saver *saver = t->saver;
    int64_t first, last;
    ist__stripe_part(&saver->copy[0], t->net->shape.floats, worker, &first, &last);
    for (int i = 0; i < IST__SAVE_REGIONS && first < last; i++)
        if (saver->from[i])
            memcpy((float *)(void *)saver->copy[i].base + first, saver->from[i] + first,
                   (size_t)(last - first) * sizeof(float));
}

/* The small things; and what the teams are to copy. */
static void take_state(ist__training *t)
{
    struct ist__saver *saver = t->saver;
    ist__run_state *own = &saver->run;
    const ist__run_state now = ist__training_state(t, own->run);
    memcpy(own->tail, now.tail, now.tail_bytes);
    if (now.note_bytes > 0) memcpy(own->note, now.note, now.note_bytes);
    own->run_bytes = now.run_bytes;
    own->tail_bytes = now.tail_bytes;
    own->note_bytes = now.note_bytes;
    saver->from[0] = t->net->param;
    for (int i = 0; i < IST__RUN_ARRAYS; i++) {
        saver->from[1 + i] = now.array[i];
        own->array[i] = now.array[i] ? (float *)(void *)saver->copy[1 + i].base : NULL;
    }
    ist__net_copy_small(&saver->net, t->net);
}

/* ---------------------------------------------------------------------------------------------------- writing -- */

static double thread_cpu_s(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) return 0;
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

static void write_copy(void *argument)
{
    struct ist__saver *saver = argument;
    const double began_s = ist__seconds();
    saver->status = ist__net_write(&saver->net, &saver->run, saver->path, &saver->error);
    saver->sums.write_s += ist__seconds() - began_s;
    saver->sums.write_cpu_s += thread_cpu_s();
    atomic_store(&saver->written, true);
}

ist_status ist__training_save_end(ist__training *t, bool wait, bool *busy, ist__error *error)
{
    struct ist__saver *saver = t->saver;
    *busy = saver && saver->begun && !wait && !atomic_load(&saver->written);
    if (!saver || !saver->begun || *busy) return IST_OK;
    ist__helper_join(&saver->helper);
    saver->begun = false;
    saver->sums.count += saver->status == IST_OK;
    saver->sums.failed += saver->status != IST_OK;
    return saver->status ? ist__fail(error, saver->status, "%s", saver->error.text) : IST_OK;
}

/* What a killed process left of this path; looked for once. */
static void sweep(struct ist__saver *saver, const char *path)
{
    if (saver->swept && strcmp(saver->swept, path) == 0) return;
    ist__free(saver->swept);
    saver->swept = ist__copy_string(path);
    (void)ist__writer_sweep(path);
}

ist_status ist__training_save_begin(ist__training *t, const char *path, ist__error *error)
{
    bool busy;
    ist_status status = ist__training_save_end(t, true, &busy, error);
    if (!status && !t->saver) status = room_for_copy(t, error);
    if (!status) status = ist__save_prepare(t, error);
    if (status) return status;
    struct ist__saver *saver = t->saver;
    char *own = ist__copy_string(path);
    if (!own) return ist__fail(error, IST_E_MEMORY, "no memory for saving");
    ist__free(saver->path);
    saver->path = own;
    sweep(saver, path);
    const double began_s = ist__seconds();
    take_state(t);
    status = ist__crew_run(t->host.crew, copy_part, t, error);
    saver->sums.copy_s += ist__seconds() - began_s;
    if (status) return status;
    saver->helper = (ist__helper){.machine = t->host.machine,
                                  .placement = t->host.placement,
                                  .name = "ist/save",
                                  .work = write_copy,
                                  .argument = saver};
    atomic_store(&saver->written, false);
    const int refusal = ist__helper_start(&saver->helper);
    if (refusal)
        return ist__fail(error, IST_E_MEMORY, "no thread to write a checkpoint: %s (%d)", ist__errno_name(refusal),
                         refusal);
    saver->begun = true;
    saver->owner = getpid();
    return IST_OK;
}

/* Straight from the master: nobody changes it meanwhile, so no copy is needed. */
ist_status ist__training_save(ist__training *t, const char *path, ist__error *error)
{
    bool busy;
    ist_status status = ist__training_save_end(t, true, &busy, error);
    if (status) return status;
    void *record = ist__alloc(1, ist__record_bytes());
    if (!record) return ist__fail(error, IST_E_MEMORY, "no memory for the record of a run");
    const ist__run_state run = ist__training_state(t, record);
    (void)ist__writer_sweep(path);
    status = ist__net_write(t->net, &run, path, error);
    ist__free(record);
    return status;
}

ist_status ist__training_save_memory(ist__training *t, void *to, size_t capacity, size_t *need, ist__error *error)
{
    bool busy;
    const ist_status status = ist__training_save_end(t, true, &busy, error);
    if (status) return status;
    void *record = ist__alloc(1, ist__record_bytes());
    if (!record) return ist__fail(error, IST_E_MEMORY, "no memory for the record of a run");
    const ist__run_state run = ist__training_state(t, record);
    ist__net_write_memory(t->net, &run, to, capacity, need);
    ist__free(record);
    return IST_OK;
}

ist_saves ist__training_saves(const ist__training *t)
{
    const struct ist__saver *saver = t->saver;
    if (!saver) return (ist_saves){0};
    ist_saves sums = {.count = saver->sums.count, .failed = saver->sums.failed, .copy_s = saver->sums.copy_s};
    sums.under_way = saver->begun;
    if (saver->begun && !atomic_load(&saver->written)) return sums; /* the writer is adding to the others */
    sums.write_s = saver->sums.write_s;
    sums.write_cpu_s = saver->sums.write_cpu_s;
    return sums;
}

void ist__save_destroy(ist__training *t)
{
    bool busy;
    if (t->saver && t->saver->begun && t->saver->owner == getpid()) (void)ist__training_save_end(t, true, &busy, NULL);
    release(t);
}
