/* The memory of phases at full width: what is planned is what is taken, all of it is told, striped or with its team; and
 * runs without such phases have none. */
#define _GNU_SOURCE
#include <stdatomic.h>

#include "api/fixture_run.h"
#include "api/handles.h"
#include "train/whole.h"

/* Two subnets for three teams: one of them has nothing to do but at full width. */
static run_spec phased(void)
{
    run_spec spec = run_spec_wide();
    spec.made_for = 2;
    spec.output_norm = IST_NORM_BATCH;
    spec.teams = 3;
    spec.threads = 2;
    spec.train.rounds = 0;
    spec.train.epochs = 3;
    spec.train.warmup_epochs = spec.train.full_width_epochs = 0.6;
    return spec;
}

static long long number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

TEST(planned_bytes_are_taken_and_every_one_is_in_the_proof)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
            run_spec spec = phased();
            spec.train.optimizer = optimizer;
            spec.train.data = data;
            run r = run_open(&spec);
            const ist__training *t = r.trainer->training;
            json_t *report = ist__training_report(t);
            CHECK_EQ(number(report, "planned_bytes"), number(report, "region_bytes"));
            CHECK_EQ(json_array_size(json_object_get(report, "full_width")), 2 + t->state_count);
            CHECK_EQ(json_array_size(json_object_get(report, "teams")), 3);
            json_decref(report);

            int64_t used = (int64_t)r.model->region.bytes + (int64_t)t->whole->work.bytes;
            for (int i = 0; i < 3; i++) used += (int64_t)t->whole->block[i].bytes;
            for (int i = 0; i < 2; i++) used += (int64_t)t->master_state[i].bytes;
            for (int32_t s = 0; s < 2; s++) used += (int64_t)t->subnets[s].region.used_bytes;
            for (int32_t k = 0; k < 3; k++) used += (int64_t)t->teams[k].region.used_bytes;
            used += 3 * (int64_t)ist__page_bytes(); /* of the teams' barriers */
            ist_placement found = IST_PLACEMENT_INIT;
            CHECK_EQ(ist_trainer_verify(r.trainer, &found), IST_OK);
            CHECK(found.bytes <= used && found.bytes > used - 64 * 30);
            if (found.unknown_bytes < found.bytes) CHECK_EQ(found.unknown_bytes, 0); /* every page was touched */
            json_t *proof = ist__training_proof(r.trainer->training, &r.model->region);
            CHECK_EQ(json_array_size(json_object_get(proof, "not_placed")), 2); /* stacks, and rows of the dataset */
            json_decref(proof);
            run_close(&r);
        }
}

static bool lies_in(const ist__region *region, const void *at, size_t bytes)
{
    const unsigned char *first = at;
    return first >= region->base && first + bytes <= region->base + region->bytes;
}

TEST(what_is_read_in_every_step_is_striped_or_with_the_team)
{
    run_spec spec = phased();
    spec.train.optimizer = IST_ADAM;
    run r = run_open(&spec);
    const ist__training *t = r.trainer->training;
    const ist__whole *w = t->whole;
    run_go(&r, 1);
    CHECK_EQ(run_progress(&r).phase, IST_PHASE_WARMUP);
    CHECK(lies_in(&w->block[0], w->subnet.param, w->subnet.room_bytes));
    for (int i = 0; i < 2; i++) CHECK(lies_in(&w->block[1 + i], w->subnet.state[i], w->subnet.room_bytes));
    CHECK(lies_in(&t->teams[0].region, w->subnet.batches.order, 90 * sizeof(uint32_t)));
    for (int32_t k = 0; k < 3; k++) {
        const ist__desk *desk = t->teams[k].desk;
        const size_t own = (size_t)desk->scratch.own_floats * sizeof(float);
        CHECK(lies_in(&t->teams[k].region, desk, sizeof *desk));
        CHECK(lies_in(&t->teams[k].region, desk->scratch.own, 2 * own));
        CHECK(lies_in(&w->work, desk->scratch.z[1], 205 * 8 * sizeof(float)));
        CHECK_EQ(desk->shape.width[1], 290);
    }
    run_go(&r, 0);
    for (int32_t k = 0; k < 3; k++) CHECK(lies_in(&w->work, t->teams[k].desk->scratch.input[0], 1));
    run_close(&r);
}

TEST(without_such_phases_there_is_nothing)
{
    run_spec spec = phased();
    spec.train.warmup_epochs = spec.train.full_width_epochs = 0;
    run r = run_open(&spec);
    const ist__training *t = r.trainer->training;
    CHECK(t->whole == NULL);
    CHECK(t->teams[0].whole_own == NULL);
    int32_t idle = 0;
    for (int32_t k = 0; k < 3; k++) idle += t->teams[k].region.base == NULL;
    CHECK_EQ(idle, 1);
    json_t *report = ist__training_report(t);
    CHECK_EQ(json_array_size(json_object_get(report, "full_width")), 0);
    json_decref(report);
    run_close(&r);
}

/* Shares follow the teams' speed in rounds of subnets alone. */
TEST(adaptive_shares_are_not_led_by_the_phases)
{
    run_spec spec = phased();
    spec.teams = 2;
    spec.train.local_steps = 1;
    spec.train.epochs = 12;
    spec.train.warmup_epochs = 4;
    spec.train.balance = IST_BALANCE_ADAPTIVE;
    run r = run_open(&spec);
    ist__training *t = r.trainer->training;
    const int64_t before = t->phases.phase[0].rounds;
    run_go(&r, before);
    CHECK_EQ(t->look.rounds, 0);
    CHECK(t->teams[0].busy_s > 0);
    run_go(&r, 1);
    CHECK_EQ(t->look.rounds, 1);
    CHECK(t->look.busy_s[0] > 0 && t->look.busy_s[0] < t->teams[0].busy_s); /* from where the first phase ended */
    run_go(&r, 0);
    CHECK_EQ(run_progress(&r).round, t->phases.rounds);
    run_close(&r);
}

/* ----------------------------------------------------------------------------------------------- all as one team -- */

enum { MOST = 16 };

typedef struct board {
    int written[MOST][16]; /* plain numbers: only the barrier orders them */
    atomic_int stale, seats[MOST], wrong;
    int rounds;
} board;

static void write_and_read(void *argument, ist__worker *worker)
{
    board *b = argument;
    ist__worker all = ist__worker_of_all(worker);
    if (all.team != 0 || all.teams != 1 || all.home != worker->team || all.home_rank != worker->rank)
        atomic_fetch_add(&b->wrong, 1);
    atomic_fetch_add(&b->seats[all.rank], 1);
    for (int round = 1; round <= b->rounds; round++) {
        b->written[all.rank][0] = round;
        ist__team_barrier(&all);
        for (int32_t i = 0; i < all.size; i++)
            if (b->written[i][0] != round) atomic_fetch_add(&b->stale, 1);
        if (round % 3 == 0) ist__all_barrier(worker); /* the kinds may take turns */
        else ist__team_barrier(&all);
        if (round % 5 == 0) ist__team_barrier(worker);
    }
}

TEST(one_team_of_all_threads_meets_at_its_barrier)
{
    for (int32_t teams = 1; teams <= 4; teams++)
        for (int32_t threads = 1; threads <= 3; threads++) {
            static board b;
            memset(&b, 0, sizeof b);
            b.rounds = 100;
            ist_context *context = run_context(teams, threads, IST_ENGINE_AUTO);
            CHECK_EQ(ist__crew_run(context->host.crew, write_and_read, &b, NULL), IST_OK);
            CHECK_EQ(b.stale, 0);
            CHECK_EQ(b.wrong, 0);
            for (int i = 0; i < teams * threads; i++) CHECK_EQ(b.seats[i], 1);
            ist_context_destroy(context);
        }
}
