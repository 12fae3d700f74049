/* What is predicted of a run against what the run itself counts: bytes, products, samples; for every method. */
#define _GNU_SOURCE
#include <math.h>

#include "fixture_run.h"

static ist_rates some_rates(void)
{
    ist_rates r = IST_RATES_INIT;
    r.forward_gflops = r.pull_gflops = 10;
    for (int i = 0; i < 4; i++) r.update_gflops[i] = 10;
    return r;
}

static ist_prediction predict(const run *r, const run_spec *spec)
{
    const ist_model_config model = run_model_config(spec);
    const ist_rates rates = some_rates();
    ist_prediction p = {.struct_size = sizeof p};
    CHECK_EQ(ist_plan_predict(r->context, &model, &spec->train, spec->rows, IST_FLOAT32, &rates, &p), IST_OK);
    return p;
}

/* The plan's report tells the same. */
static void check_report(const run *r, const run_spec *spec, const ist_prediction *p)
{
    const ist_model_config model = run_model_config(spec);
    size_t need = 0;
    CHECK_EQ(ist_plan_report(r->context, &model, &spec->train, spec->rows, IST_FLOAT32, NULL, 0, &need), IST_OK);
    char *text = table_room((int64_t)need, 1);
    CHECK_EQ(ist_plan_report(r->context, &model, &spec->train, spec->rows, IST_FLOAT32, text, need, &need), IST_OK);
    const char *moved = strstr(text, "\"round_bytes_moved\":");
    CHECK(moved != NULL);
    CHECK_NEAR(strtod(moved + strlen("\"round_bytes_moved\":"), NULL), p->bytes_moved, 1e-6 * p->bytes_moved);
    free(text);
}

static run_spec spec_of(int32_t method, int32_t subnets, int32_t optimizer, int32_t state)
{
    run_spec spec = run_spec_wide();
    spec.output_norm = IST_NORM_BATCH;
    spec.made_for = method == IST_METHOD_ENSEMBLE ? subnets : 1;
    spec.train.method = method;
    spec.train.subnets = subnets;
    spec.train.optimizer = optimizer;
    spec.train.state = state;
    return spec;
}

TEST(bytes_products_and_samples_are_those_of_the_run)
{
    for (int32_t method = IST_METHOD_IST; method <= IST_METHOD_ENSEMBLE; method++)
        for (int32_t subnets = 1; subnets <= 5; subnets += 4)
            for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer += IST_ADAM - IST_SGD)
                for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
                    run_spec spec = spec_of(method, subnets, optimizer, state);
                    spec.teams = 2;
                    run r = run_open(&spec);
                    const ist_prediction p = predict(&r, &spec);
                    run_go(&r, 0);
                    const ist_progress done = run_progress(&r);
                    CHECK_EQ(done.round, 3);
                    CHECK_NEAR(3 * p.bytes_moved, done.bytes_moved, 1e-9 * done.bytes_moved);
                    CHECK_NEAR(3 * p.bytes_crossed, done.bytes_crossed,
                               1e-9 * done.bytes_moved); /* one node here: none */
                    CHECK_NEAR(3 * p.flops, done.flops, 1e-9 * done.flops);
                    CHECK_NEAR(3 * p.samples, (double)done.samples, 0);
                    check_report(&r, &spec, &p);
                    run_close(&r);
                }
}

TEST(a_masked_round_is_planned_but_not_predicted)
{
    run_spec spec = spec_of(IST_METHOD_MASKED, 5, IST_ADAM, IST_STATE_CARRIED);
    spec.teams = 2;
    run r = run_open(&spec);
    run_go(&r, 0);
    ist_prediction p = {.struct_size = sizeof p, .bytes_moved = run_progress(&r).bytes_moved / 3};
    check_report(&r, &spec, &p);
    const ist_model_config model = run_model_config(&spec);
    const ist_rates rates = some_rates();
    CHECK_EQ(ist_plan_predict(r.context, &model, &spec.train, spec.rows, IST_FLOAT32, &rates, &p), IST_E_ARGUMENT);
    check_one_line(r.context);
    run_close(&r);
}

/* Which neurons change hands is drawn, so a round moves what is told on average: 40 rounds come near. */
TEST(a_sticky_deal_moves_what_is_predicted_on_average)
{
    run_spec spec = spec_of(IST_METHOD_IST, 3, IST_MOMENTUM, IST_STATE_CARRIED);
    spec.train.repartition_fraction = 0.2;
    spec.train.local_steps = 1;
    spec.train.rounds = 50;
    run r = run_open(&spec);
    const ist_prediction p = predict(&r, &spec);
    run_go(&r, 5);
    const double before = run_progress(&r).bytes_moved;
    run_go(&r, 40); /* the call gathers all at its beginning, and writes all back at its end */
    const double each = (run_progress(&r).bytes_moved - before) / 40;
    spec.train.repartition_fraction = 1;
    const double all = predict(&r, &spec).bytes_moved;
    CHECK_NEAR((each - all / 40) / (39 * p.bytes_moved / 40), 1, 0.03);
    CHECK(p.bytes_moved < 0.5 * all);
    run_close(&r);
}

TEST(a_failing_call_leaves_the_answer_alone)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    const ist_model_config model = run_model_config(&spec);
    const ist_rates rates = some_rates();
    ist_rates none = IST_RATES_INIT;
    ist_prediction p = {.struct_size = sizeof p, .round_s = 7};
    CHECK_EQ(ist_plan_predict(NULL, &model, &spec.train, 1, IST_UINT8, &rates, &p), IST_E_ARGUMENT);
    CHECK_EQ(ist_plan_predict(r.context, NULL, &spec.train, 1, IST_UINT8, &rates, &p), IST_E_ARGUMENT);
    CHECK_EQ(ist_plan_predict(r.context, &model, NULL, 1, IST_UINT8, &rates, &p), IST_E_ARGUMENT);
    CHECK_EQ(ist_plan_predict(r.context, &model, &spec.train, 1, IST_UINT8, NULL, &p), IST_E_ARGUMENT);
    CHECK_EQ(ist_plan_predict(r.context, &model, &spec.train, 1, IST_UINT8, &rates, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_plan_predict(r.context, &model, &spec.train, -1, IST_UINT8, &rates, &p), IST_E_ARGUMENT);
    CHECK_EQ(ist_plan_predict(r.context, &model, &spec.train, 1, 9, &rates, &p), IST_E_ARGUMENT);
    CHECK_EQ(ist_plan_predict(r.context, &model, &spec.train, 1, IST_UINT8, &none, &p), IST_E_ARGUMENT);
    check_one_line(r.context);
    CHECK(strstr(ist_context_error(r.context), "forward_gflops") != NULL);
    p.struct_size = sizeof p - 1;
    CHECK_EQ(ist_plan_predict(r.context, &model, &spec.train, 1, IST_UINT8, &rates, &p), IST_E_ARGUMENT);
    CHECK_NEAR(p.round_s, 7, 0);
    p.struct_size = sizeof p;
    CHECK_EQ(ist_plan_predict(r.context, &model, &spec.train, 1, IST_UINT8, &rates, &p), IST_OK);
    CHECK(p.round_s > 0 && p.round_s < 7);
    run_close(&r);
}
