/* A clone of a run goes on as the run itself does, bit for bit, and neither changes the other. */
#define _GNU_SOURCE
#include "fixture_run.h"

typedef struct pair {
    run r;
    ist_model *model;
    ist_trainer *clone;
} pair;

static pair pair_open(const run_spec *spec, int64_t rounds)
{
    pair p = {.r = run_open(spec)};
    CHECK_EQ(ist_trainer_set_note(p.r.trainer, "note", 4), IST_OK);
    if (rounds > 0) run_go(&p.r, rounds);
    run_spec other = *spec;
    other.made_for =
        spec->hidden_count > 0 ? spec->made_for % 3 + 1 : 1; /* it takes on what the trained one was made for */
    p.model = run_model(p.r.context, &other);
    CHECK_EQ(ist_trainer_clone(p.r.trainer, &p.clone, p.model), IST_OK);
    return p;
}

static void pair_close(pair *p)
{
    ist_trainer_destroy(p->clone);
    ist_model_destroy(p->model);
    run_close(&p->r);
}

static void go(ist_trainer *trainer, int64_t rounds)
{
    CHECK_EQ(ist_trainer_run(trainer, rounds, NULL, NULL), IST_OK);
}

/* The same file at once, after other pieces of the way, and at the end: that of a run which nobody cloned. */
static void check_clone(const run_spec *spec, int64_t rounds)
{
    pair p = pair_open(spec, rounds);
    file_check_same(trainer_bytes(p.clone), trainer_bytes(p.r.trainer));
    go(p.clone, 1);
    go(p.clone, 0);
    go(p.r.trainer, 0);
    file_check_same(trainer_bytes(p.clone), trainer_bytes(p.r.trainer));
    CHECK_EQ(ist_trainer_set_note(p.clone, NULL, 0), IST_OK);
    file_check_same(trainer_bytes(p.clone), run_to_the_end(spec));
    pair_close(&p);
}

TEST(clones_of_every_optimizer_and_state_give_the_same_bits)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
            run_spec spec = run_spec_small();
            spec.train.optimizer = optimizer;
            spec.train.state = state;
            spec.train.background_saves = state;
            check_clone(&spec, 2);
        }
}

TEST(clones_of_every_method_give_the_same_bits)
{
    for (int32_t method = IST_METHOD_IST; method <= IST_METHOD_MASKED; method++)
        for (int64_t rounds = 0; rounds < 3; rounds += 2) {
            run_spec spec = run_spec_small();
            spec.teams = 2;
            spec.train.method = method;
            spec.output_norm = IST_NORM_BATCH;
            spec.made_for = method == IST_METHOD_IST || method == IST_METHOD_ENSEMBLE ? 3 : 1;
            spec.train.subnets = 3;
            check_clone(&spec, rounds);
        }
}

TEST(clones_with_means_velocities_shares_sticky_deals_and_phases_give_the_same_bits)
{
    static const double uneven[] = {0.5, 0.2, 0.1};
    run_spec spec = run_spec_small();
    spec.train.average_from = 0.3;
    spec.train.outer_momentum = 0.5;
    for (int64_t rounds = 0; rounds < 4; rounds += 3) check_clone(&spec, rounds); /* without a mean, then with one */
    spec = run_spec_small();
    spec.hidden_count = 1;
    spec.train.shares = uneven;
    check_clone(&spec, 1);
    spec = run_spec_small();
    spec.train.repartition_fraction = 0.3;
    spec.train.data = IST_DATA_REPLICATE;
    check_clone(&spec, 2);
    spec = run_spec_small();
    spec.hidden_norm = spec.output_norm = IST_NORM_BATCH;
    spec.train.warmup_epochs = 1;
    spec.train.full_width_epochs = 1;
    spec.train.input_dropout = spec.train.hidden_dropout = 0.2;
    for (int64_t rounds = 1; rounds < 6; rounds += 4) check_clone(&spec, rounds);
}

TEST(a_clone_of_an_adaptive_run_has_its_shares)
{
    run_spec spec = run_spec_small();
    spec.teams = 2;
    spec.hidden_norm = spec.output_norm = IST_NORM_BATCH;
    spec.train.balance = IST_BALANCE_ADAPTIVE;
    spec.train.rounds = 40;
    pair p = pair_open(&spec, 30);
    file_check_same(trainer_bytes(p.clone), trainer_bytes(p.r.trainer));
    go(p.clone, 0);
    pair_close(&p);
}

TEST(a_clone_with_another_learning_rate_leaves_the_run_alone)
{
    const run_spec spec = run_spec_small();
    pair p = pair_open(&spec, 1);
    CHECK_EQ(ist_trainer_set_note(p.r.trainer, NULL, 0), IST_OK);
    CHECK_EQ(ist_trainer_scale_lr(p.clone, 0.25), IST_OK);
    go(p.clone, 0);
    go(p.r.trainer, 0);
    file_bytes lowered = trainer_bytes(p.clone), plain = trainer_bytes(p.r.trainer);
    CHECK(lowered.count != plain.count || memcmp(lowered.data, plain.data, plain.count) != 0);
    file_check_same(plain, run_to_the_end(&spec));
    file_free(&lowered);
    /* And a clone of the clone has its learning rate. */
    ist_model *model = run_model(p.r.context, &spec);
    ist_trainer *again = NULL;
    ist_progress progress = {.struct_size = sizeof progress};
    CHECK_EQ(ist_trainer_clone(p.clone, &again, model), IST_OK);
    CHECK_EQ(ist_trainer_progress(again, &progress), IST_OK);
    CHECK(progress.lr_scale == 0.25 && progress.lr_scalings == 1 && progress.seconds == 0);
    ist_trainer_destroy(again);
    ist_model_destroy(model);
    pair_close(&p);
}

TEST(a_clone_outlives_the_run)
{
    static const double uneven[] = {0.5, 0.2, 0.1};
    run_spec spec = run_spec_small();
    spec.hidden_count = 1;
    spec.train.shares = uneven;
    pair p = pair_open(&spec, 1);
    ist_trainer_destroy(p.r.trainer);
    p.r.trainer = NULL;
    CHECK_EQ(ist_trainer_set_note(p.clone, NULL, 0), IST_OK);
    go(p.clone, 0);
    file_check_same(trainer_bytes(p.clone), run_to_the_end(&spec));
    pair_close(&p);
}

TEST(a_refused_clone_changes_nothing)
{
    run_spec spec = run_spec_small();
    run r = run_open(&spec);
    run_go(&r, 1);
    ist_context *elsewhere = run_context(1, 1, IST_ENGINE_AUTO);
    ist_model *there = run_model(elsewhere, &spec), *same = run_model(r.context, &spec);
    spec.hidden[0]++;
    ist_model *wider = run_model(r.context, &spec);
    ist_trainer *untouched = r.trainer;
    const file_bytes before = model_bytes(wider);
    CHECK_EQ(ist_trainer_clone(NULL, &untouched, same), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_clone(r.trainer, NULL, same), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_clone(r.trainer, &untouched, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_clone(r.trainer, &untouched, there), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_clone(r.trainer, &untouched, r.model), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_clone(r.trainer, &untouched, wider), IST_E_SHAPE);
    check_one_line(r.context);
    CHECK(untouched == r.trainer);
    file_check_same(before, model_bytes(wider));
    ist_model_destroy(wider);
    ist_model_destroy(same);
    ist_model_destroy(there);
    ist_context_destroy(elsewhere);
    run_close(&r);
}
