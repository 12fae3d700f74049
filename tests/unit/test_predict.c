/* The cost model against arithmetic done by hand, on machines given as text; [M17]. */
#define _GNU_SOURCE
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/fixture_run.h"

/* Nets of widths that fill panels and threads evenly, so that the arithmetic fits in a head. */
typedef struct question {
    const char *topology;
    int32_t method, subnets, optimizer, state, depth, teams;
    bool normed; /* batch norm on the output */
    double fraction;
} question;

enum { FEATURES = 32, WIDTH = 64, CLASSES = 16, BATCH = 16, STEPS = 5 };

static ist_status ask(question q, const ist_rates *rates, ist_prediction *out)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    config.topology = q.topology;
    config.engine = IST_ENGINE_NATIVE_PORTABLE;
    config.teams = q.teams;
    ist_context *context = NULL;
    if (ist_context_create(&context, &config) != IST_OK) SKIP("built without hwloc: no topology texts");
    static const int32_t hidden[3] = {WIDTH, WIDTH, WIDTH};
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = FEATURES;
    net.classes = CLASSES;
    net.hidden = hidden;
    net.hidden_count = q.depth;
    net.output_norm = q.normed ? IST_NORM_BATCH : IST_NORM_NONE;
    ist_train_config train = IST_TRAIN_CONFIG_INIT;
    train.method = q.method;
    train.subnets = q.subnets;
    train.optimizer = q.optimizer;
    train.state = q.state;
    train.batch = BATCH;
    train.local_steps = STEPS;
    if (q.fraction > 0) train.repartition_fraction = q.fraction;
    *out = (ist_prediction){.struct_size = sizeof *out};
    const ist_status status = ist_plan_predict(context, &net, &train, 1000, IST_UINT8, rates, out);
    if (status) check_one_line(context);
    ist_context_destroy(context);
    return status;
}

static ist_prediction answer(question q, const ist_rates *rates)
{
    ist_prediction p;
    CHECK_EQ(ask(q, rates, &p), IST_OK);
    CHECK_NEAR(p.gather_s + p.train_s + p.mean_s + p.writeback_s + p.between_s, p.round_s, 1e-12 * p.round_s);
    CHECK_NEAR(p.products_s + p.vectors_s + p.memory_s + p.copies_s + p.link_s + p.barriers_s, p.round_s,
               1e-12 * p.round_s);
    CHECK_NEAR(p.samples_per_s * p.round_s, p.samples, 1e-9 * p.samples);
    CHECK_NEAR(p.gflops * p.round_s, 1e-9 * p.flops, 1e-15 * p.flops);
    return p;
}

/* Products alone: 1, 2 and 4 GFLOP/s. */
static ist_rates products(void)
{
    ist_rates r = IST_RATES_INIT;
    r.forward_gflops = 1;
    r.pull_gflops = 2;
    for (int i = 0; i < 4; i++) r.update_gflops[i] = 4;
    return r;
}

static void check_seconds(double got, double expected)
{
    CHECK_NEAR(got, expected, 1e-9 * expected);
}

TEST(products_of_a_step_on_one_core)
{
    const ist_rates r = products();
    const ist_prediction p = answer((question){"numa:1 core:1 pu:1", .subnets = 1, .depth = 1}, &r);
    const double first = 2.0 * BATCH * FEATURES * WIDTH, second = 2.0 * BATCH * WIDTH * CLASSES;
    const double step = (first + second) / 1e9 + second / 2e9 + (first + second) / 4e9;
    check_seconds(p.step_s, step);
    check_seconds(p.round_s, STEPS * step);
    CHECK_EQ((int64_t)p.samples, STEPS * BATCH);
    check_seconds(p.flops, STEPS * (2 * first + 3 * second));
    CHECK_EQ(p.teams, 1);
    CHECK_EQ(p.idle_teams, 0);
}

/* Each thread of four has 16 neurons of 64; of 16 classes one has all. */
TEST(threads_share_neurons_by_panels)
{
    const ist_rates r = products();
    const ist_prediction p = answer((question){"numa:1 core:4 pu:1", .subnets = 1, .depth = 1}, &r);
    const double first = 2.0 * BATCH * FEATURES * WIDTH, second = 2.0 * BATCH * WIDTH * CLASSES;
    check_seconds(p.step_s, first / 4e9 + second / 1e9 + second / 8e9 + (first + second) / 16e9);
}

TEST(other_work_and_barriers_of_a_step)
{
    ist_rates r = products();
    const question q = {"numa:1 core:2 pu:1", .subnets = 1, .depth = 2, .normed = true};
    const double plain = answer(q, &r).step_s;
    r.norm_forward_s = 1e-6; /* 32 neurons of either hidden layer, and all 16 classes by one thread */
    check_seconds(answer(q, &r).step_s - plain, 1e-6 * BATCH * (WIDTH + CLASSES));
    r.norm_forward_s = 0;
    r.norm_backward_s = 1e-6;
    check_seconds(answer(q, &r).step_s - plain, 1e-6 * BATCH * (WIDTH + CLASSES));
    r.norm_backward_s = 0;
    r.loss_s = 1e-6; /* a vector of 16 samples is one thread's */
    check_seconds(answer(q, &r).step_s - plain, 1e-6 * BATCH * CLASSES);
    r.loss_s = 0;
    r.assemble_s = 1e-6;
    check_seconds(answer(q, &r).step_s - plain, 1e-6 * BATCH * FEATURES / 2);
    r.assemble_s = 0;
    r.barrier_thread_s = 1e-6; /* 7 barriers, one more with batch norm on the output; and around the steps */
    const ist_prediction p = answer(q, &r);
    check_seconds(p.step_s - plain, 8 * 2e-6);
    check_seconds(p.barriers_s, STEPS * 8 * 2e-6 + 2 * 2e-6 + 3 * 2e-6);
    r.barrier_thread_s = 0;
    r.step_s = 1e-6;
    check_seconds(answer(q, &r).step_s - plain, 1e-6);
    r.step_factor = 1.25;
    check_seconds(answer(q, &r).step_s, 1.25 * (plain + 1e-6));
    r.round_s = 1;
    check_seconds(answer(q, &r).between_s, 1);
}

/* Two subnets of 32 neurons on two nodes: 32 x 32 + 32 + 32 + 32 x 16 numbers each.  The small master lies on node 0. */
TEST(two_nodes_of_known_bandwidth)
{
    ist_rates r = products();
    const question q = {"numa:2 core:2 pu:1", .subnets = 2, .depth = 1, .normed = true};
    const double bytes = 4.0 * (32 * 32 + 64 + 32 * 16);
    ist_prediction p = answer(q, &r);
    check_seconds(p.bytes_moved, 4 * bytes);
    check_seconds(p.bytes_crossed, 2 * bytes);
    CHECK_NEAR(p.gather_s, 0, 0);
    r.gather_rows_gb_per_s = 2; /* of each of two threads */
    r.write_rows_gb_per_s = 1;
    p = answer(q, &r);
    check_seconds(p.gather_s, bytes / 4e9);
    check_seconds(p.writeback_s, bytes / 2e9);
    check_seconds(p.copies_s, p.gather_s + p.writeback_s);
    CHECK_NEAR(p.wait_s, 0, 1e-15);
    r.between_gb_per_s = 0.25; /* now team 1 waits for its block to cross */
    p = answer(q, &r);
    check_seconds(p.gather_s, bytes / 0.25e9);
    check_seconds(p.writeback_s, bytes / 0.25e9);
    check_seconds(p.link_s, 2 * bytes / 0.25e9 - bytes / 4e9 - bytes / 2e9);
    check_seconds(p.wait_s, (bytes / 0.25e9 - bytes / 4e9) / 2);
    r.barrier_team_s = 1e-3;
    check_seconds(answer(q, &r).barriers_s, 3 * 2e-3);
    r.deal_s = 1;
    check_seconds(answer(q, &r).between_s, WIDTH + 3 * 2e-3);
}

/* n gradients read and n replicas written in a step; half of each crosses. */
TEST(data_parallel_moves_every_gradient_in_every_step)
{
    ist_rates r = products();
    question q = {"numa:2 core:2 pu:1", IST_METHOD_DATA_PARALLEL, .subnets = 2, .depth = 1, .normed = true};
    const double block = 4.0 * (64 * 32 + 128 + 64 * 16);
    const double plain = answer(q, &r).step_s;
    r.mean_gb_per_s = 1;
    ist_prediction p = answer(q, &r);
    check_seconds(p.mean_s, STEPS * 4 * block / 4e9);
    check_seconds(p.step_s - plain, block / 1e9);
    check_seconds(p.bytes_moved, block * (2 + 4 * STEPS + 1));
    q.optimizer = IST_MOMENTUM;
    check_seconds(answer(q, &r).mean_s, STEPS * 6 * block / 4e9);
    q.optimizer = IST_SGD;
    r.between_gb_per_s = 0.1;
    check_seconds(answer(q, &r).mean_s, STEPS * 2 * 0.5 * block / 0.1e9);
    q.method = IST_METHOD_LOCAL_SGD;
    p = answer(q, &r);
    check_seconds(p.mean_s, 0.5 * block / 0.1e9);
    check_seconds(p.bytes_moved, block * (2 + 2 + 2));
}

/* 4 bytes a weight forward and for gradients of inputs, 8 for each number that takes its step. */
TEST(a_nodes_bandwidth_bounds_what_fits_no_cache)
{
    ist_rates r = products();
    question q = {"numa:1 core:1 pu:1", .subnets = 1, .depth = 1, .normed = true, .optimizer = IST_ADAM};
    const double first = FEATURES * WIDTH, second = WIDTH * CLASSES;
    r.node_gb_per_s = 1e-3;
    check_seconds(answer(q, &r).step_s, (4 * (first + 2 * second) + 24 * (first + second)) / 1e6);
    CHECK(answer(q, &r).memory_s > 0.9 * answer(q, &r).train_s);
    const ist_rates free_memory = products();
    const double step_s = answer(q, &free_memory).step_s;
    r.cache_bytes = 4 * 3 * (first + second + 2 * WIDTH) - 1;
    CHECK(answer(q, &r).step_s > 2 * step_s);
    r.cache_bytes++;
    check_seconds(answer(q, &r).step_s, step_s);
    q.topology = "numa:2 core:1 pu:1"; /* two teams, and twice the caches: each has half of the net */
    q.subnets = 2;
    r.cache_bytes /= 2;
    check_seconds(answer(q, &r).step_s, answer(q, &free_memory).step_s);
}

TEST(teams_train_several_subnets_in_turn_or_none)
{
    const ist_rates r = products();
    question q = {"numa:2 core:1 pu:1", .subnets = 2, .depth = 2, .normed = true};
    const ist_prediction two = answer(q, &r);
    q.topology = "numa:1 core:1 pu:1";
    const ist_prediction one = answer(q, &r);
    check_seconds(one.train_s, 2 * two.train_s);
    check_seconds(one.step_s, 2 * two.step_s);
    check_seconds(one.samples, two.samples);
    q.topology = "numa:3 core:1 pu:1";
    const ist_prediction three = answer(q, &r);
    check_seconds(three.train_s, two.train_s);
    CHECK_EQ(three.teams, 3);
    CHECK_EQ(three.idle_teams, 1);
    q.topology = "numa:2 core:1 pu:1";
    q.subnets = 3; /* team 0 has two of them: uneven, and waited for */
    CHECK(answer(q, &r).wait_s > 0.2 * answer(q, &r).round_s);
    CHECK_EQ(answer(q, &r).idle_teams, 0);
}

/* All rates, none of them nothing. */
static ist_rates all_rates(void)
{
    ist_rates r = products();
    double *const field = (double *)((char *)&r + offsetof(ist_rates, norm_forward_s));
    const size_t count = (sizeof r - offsetof(ist_rates, norm_forward_s)) / sizeof *field;
    for (size_t i = 0; i < count; i++) field[i] = 1e-6;
    r.gather_rows_gb_per_s = r.gather_columns_gb_per_s = r.write_rows_gb_per_s = r.write_columns_gb_per_s = 0.1;
    r.mean_gb_per_s = r.fill_gb_per_s = 0.1;
    r.node_gb_per_s = 0.02;
    r.between_gb_per_s = 0.001;
    r.step_factor = 1.5;
    return r;
}

TEST(one_subnet_is_sgd_by_every_method_that_says_so)
{
    const ist_rates r = all_rates();
    question q = {"numa:1 core:2 pu:1", .subnets = 1, .depth = 2, .normed = true, .optimizer = IST_MOMENTUM};
    const ist_prediction sgd = answer(q, &r);
    q.method = IST_METHOD_ENSEMBLE;
    check_seconds(answer(q, &r).round_s, sgd.round_s);
    q.method = IST_METHOD_LOCAL_SGD;
    check_seconds(answer(q, &r).round_s, sgd.round_s - 2 * WIDTH * r.deal_s); /* nothing is dealt */
    check_seconds(answer(q, &r).step_s, sgd.step_s);
}

/* A rate that is twice as good never makes a round longer, and each makes some round shorter. */
TEST(no_rate_is_without_effect_and_none_has_the_wrong_sign)
{
    static const struct {
        size_t at;
        bool cost;
    } rate[] = {{offsetof(ist_rates, forward_gflops), false},
                {offsetof(ist_rates, pull_gflops), false},
                {offsetof(ist_rates, update_gflops[0]), false},
                {offsetof(ist_rates, update_gflops[1]), false},
                {offsetof(ist_rates, update_gflops[2]), false},
                {offsetof(ist_rates, update_gflops[3]), false},
                {offsetof(ist_rates, norm_forward_s), true},
                {offsetof(ist_rates, norm_backward_s), true},
                {offsetof(ist_rates, loss_s), true},
                {offsetof(ist_rates, assemble_s), true},
                {offsetof(ist_rates, gather_rows_gb_per_s), false},
                {offsetof(ist_rates, gather_columns_gb_per_s), false},
                {offsetof(ist_rates, write_rows_gb_per_s), false},
                {offsetof(ist_rates, write_columns_gb_per_s), false},
                {offsetof(ist_rates, mean_gb_per_s), false},
                {offsetof(ist_rates, fill_gb_per_s), false},
                {offsetof(ist_rates, barrier_thread_s), true},
                {offsetof(ist_rates, barrier_team_s), true},
                {offsetof(ist_rates, step_s), true},
                {offsetof(ist_rates, round_s), true},
                {offsetof(ist_rates, deal_s), true},
                {offsetof(ist_rates, step_factor), true},
                {offsetof(ist_rates, cache_bytes), false},
                {offsetof(ist_rates, node_gb_per_s), false},
                {offsetof(ist_rates, between_gb_per_s), false}};
    for (size_t i = 0; i < sizeof rate / sizeof *rate; i++) {
        ist_rates slow = all_rates();
        if (rate[i].at == offsetof(ist_rates, cache_bytes)) slow.cache_bytes = 20000; /* twice is enough */
        /* All else is so fast, or so cheap, that this one counts. */
        ist_rates alone = products();
        *(double *)((char *)&alone + rate[i].at) = *(double *)((char *)&slow + rate[i].at);
        if (rate[i].at == offsetof(ist_rates, cache_bytes)) alone.node_gb_per_s = 0.02;
        bool shorter = false;
        for (int32_t m = IST_METHOD_IST; m <= IST_METHOD_DATA_PARALLEL; m++)
            for (int32_t o = IST_SGD; o <= IST_ADAM; o++)
                for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++)
                    for (int32_t which = 0; which < 2; which++) {
                        const question q = {"numa:2 core:2 pu:1", m, 2, o, state, .depth = 2, .normed = true};
                        ist_rates before = which ? alone : slow, after = before;
                        double *const value = (double *)((char *)&after + rate[i].at);
                        *value = rate[i].cost ? *value / 2 : *value * 2;
                        const double a = answer(q, &before).round_s, b = answer(q, &after).round_s;
                        CHECK(b <= a * (1 + 1e-12));
                        shorter |= which && b < a * 0.999;
                    }
        if (!shorter) printf("rate %zu\n", i);
        CHECK(shorter);
    }
}

TEST(a_sticky_deal_moves_less)
{
    ist_rates r = products();
    r.gather_rows_gb_per_s = r.gather_columns_gb_per_s = 0.1;
    question q = {"numa:2 core:2 pu:1", .subnets = 2, .depth = 2, .normed = true};
    const ist_prediction all = answer(q, &r);
    q.fraction = 0.25;
    const ist_prediction some = answer(q, &r);
    CHECK(some.bytes_moved < 0.5 * all.bytes_moved);
    CHECK_NEAR(some.gather_s / all.gather_s, some.bytes_moved / all.bytes_moved, 1e-9);
}

TEST(what_makes_no_sense_is_refused)
{
    const question q = {"numa:1 core:1 pu:1", .subnets = 1, .depth = 1};
    ist_prediction p;
    ist_rates r = products();
    for (size_t i = 0; i < (sizeof r - sizeof r.struct_size) / sizeof(double); i++) {
        static const double wrong[] = {-1, NAN, INFINITY};
        for (int k = 0; k < 3; k++) {
            r = products();
            ((double *)(void *)((char *)&r + sizeof r.struct_size))[i] = wrong[k];
            CHECK_EQ(ask(q, &r, &p), IST_E_ARGUMENT);
        }
    }
    r = products();
    r.forward_gflops = 0;
    CHECK_EQ(ask(q, &r, &p), IST_E_ARGUMENT);
    r = products();
    r.update_gflops[IST_ADAM] = 0;
    CHECK_EQ(ask(q, &r, &p), IST_E_ARGUMENT);
    r = products();
    r.struct_size = 8;
    CHECK_EQ(ask(q, &r, &p), IST_E_ARGUMENT);
    r = products();
    question wrong = q;
    wrong.subnets = -1;
    CHECK_EQ(ask(wrong, &r, &p), IST_E_ARGUMENT);
    wrong = q;
    wrong.method = 17;
    CHECK_EQ(ask(wrong, &r, &p), IST_E_ARGUMENT);
}
