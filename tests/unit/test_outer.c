/* The outer step, against its definition: a twin run that copies plainly says what a round's subnets have learned; the
 * deal says which numbers were theirs; the step is taken number by number. */
#define _GNU_SOURCE
#include <jansson.h>

#include "api/fixture_run.h"
#include "api/handles.h"

static run_spec outer_run(double lr, double momentum)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = 6;
    spec.train.outer_lr = lr;
    spec.train.outer_momentum = momentum;
    return spec;
}

/* The subnet of each neuron of hidden layer h in the round that the deal is of; table_room. */
static int32_t *owners(const ist__deal *deal, int32_t h, int32_t width)
{
    int32_t *owner = table_room(width, sizeof *owner);
    for (int32_t s = 0; s < deal->subnets; s++) {
        const int32_t *neurons, count = ist__deal_group(deal, h, s, &neurons);
        for (int32_t i = 0; i < count; i++) owner[neurons[i]] = s;
    }
    return owner;
}

/* Which numbers of the master belonged to a subnet; what nobody has, gaps of alignment, is nobody's. */
static unsigned char *owned_numbers(const ist__deal *deal, const ist__shape *shape)
{
    unsigned char *owned = table_room(shape->floats, 1);
    for (int32_t l = 0; l < shape->layer_count; l++) {
        const ist__layer *layer = &shape->layer[l];
        int32_t *of_input = l > 0 ? owners(deal, l - 1, layer->inputs) : NULL;
        int32_t *of_output = layer->is_output ? NULL : owners(deal, l, layer->outputs);
        for (int32_t o = 0; o < layer->outputs; o++) {
            if (layer->gain >= 0) owned[layer->gain + o] = 1;
            if (layer->offset >= 0) owned[layer->offset + o] = 1;
            for (int32_t i = 0; i < layer->inputs; i++) {
                const int64_t at = layer->is_output ? (int64_t)i * layer->outputs + o : (int64_t)o * layer->inputs + i;
                owned[layer->weight + at] = !of_input || !of_output || of_input[i] == of_output[o];
            }
        }
        free(of_input);
        free(of_output);
    }
    return owned;
}

static float *velocity_of(const run *r)
{
    return (float *)(void *)r->trainer->training->velocity.base;
}

static void check_outer(const run_spec *spec)
{
    run_spec plain = *spec;
    plain.train.outer_lr = 1;
    plain.train.outer_momentum = 0;
    run stepped = run_open(spec), twin = run_open(&plain);
    const ist__shape *shape = &stepped.model->net.shape;
    const float lr = (float)spec->train.outer_lr, momentum = (float)spec->train.outer_momentum;
    const size_t bytes = (size_t)shape->floats * sizeof(float);
    float *expected = table_room(shape->floats, sizeof *expected);
    float *velocity = table_room(shape->floats, sizeof *velocity);
    int64_t rested = 0;
    memcpy(expected, stepped.model->net.param, bytes);
    CHECK((velocity_of(&stepped) != NULL) == (momentum > 0));
    for (int64_t round = 0; round < run_progress(&twin).rounds; round++) {
        memcpy(twin.model->net.param, stepped.model->net.param, bytes);
        run_go(&stepped, 1);
        run_go(&twin, 1);
        if (run_progress(&twin).phase != IST_PHASE_SUBNETS) memcpy(expected, twin.model->net.param, bytes);
        unsigned char *owned = owned_numbers(&twin.trainer->training->deal, shape);
        for (int64_t i = 0; run_progress(&twin).phase == IST_PHASE_SUBNETS && i < shape->floats; i++) {
            rested += !owned[i];
            if (!owned[i]) continue;
            velocity[i] = momentum * velocity[i] + (twin.model->net.param[i] - expected[i]);
            expected[i] += lr * velocity[i];
        }
        free(owned);
        CHECK_MEM(stepped.model->net.param, expected, bytes);
        if (momentum > 0) CHECK_MEM(velocity_of(&stepped), velocity, bytes);
    }
    if (spec->hidden_count > 1 && stepped.trainer->training->config.subnets > 1) CHECK(rested > 0);
    CHECK((memcmp(expected, twin.model->net.param, bytes) != 0) == (run_progress(&twin).phase == IST_PHASE_SUBNETS));
    free(expected);
    free(velocity);
    run_close(&stepped);
    run_close(&twin);
}

TEST(a_round_steps_the_numbers_of_its_subnets_and_no_others)
{
    const double lr[] = {0.5, 1, 1.7, 0.7}, momentum[] = {0, 0.9, 0, 0.5};
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++)
        for (int i = 0; i < 4; i++) {
            run_spec spec = outer_run(lr[i], momentum[i]);
            spec.engine = engine;
            check_outer(&spec);
        }
}

TEST(every_depth_norm_and_number_of_subnets_is_stepped)
{
    for (int32_t hidden = 0; hidden <= 3; hidden++)
        for (int32_t norm = IST_NORM_NONE; norm <= IST_NORM_BATCH; norm++)
            for (int32_t n = 1; n <= 4; n += hidden > 0 ? 1 : 4) {
                run_spec spec = outer_run(0.8, 0.6);
                spec.hidden_count = hidden;
                spec.hidden[0] = 41;
                spec.hidden[2] = 17;
                spec.hidden_norm = norm;
                spec.output_norm = 1 - norm; /* with a bias, which all share, and without */
                spec.made_for = n;
                check_outer(&spec);
            }
}

TEST(the_optimiser_under_it_may_carry_its_state_or_not)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
            run_spec spec = outer_run(0.8, 0.6);
            spec.train.optimizer = optimizer;
            spec.train.state = state;
            spec.train.lr = 0.01;
            check_outer(&spec);
        }
}

TEST(the_step_does_not_depend_on_the_crew)
{
    run_spec spec = run_spec_wide();
    spec.train.outer_lr = 0.8;
    spec.train.outer_momentum = 0.6;
    for (int32_t teams = 1; teams <= 3; teams++)
        for (int32_t threads = 1; threads <= 3; threads++) {
            spec.teams = teams;
            spec.threads = threads;
            check_outer(&spec);
        }
}

TEST(rounds_at_full_width_are_copied_back)
{
    run_spec spec = outer_run(0.8, 0.6);
    spec.train.rounds = 0;
    spec.train.epochs = 6;
    spec.train.warmup_epochs = spec.train.full_width_epochs = 1;
    spec.output_norm = IST_NORM_BATCH; /* the whole net is trained, too: no 1/n scale */
    check_outer(&spec);
}

static json_t *report_of(const run *r)
{
    static char text[1 << 17];
    size_t need = 0;
    CHECK_EQ(ist_trainer_report(r->trainer, text, sizeof text, &need), IST_OK);
    CHECK(need <= sizeof text);
    return json_loads(text, 0, NULL);
}

TEST(its_bytes_are_planned_reported_and_counted)
{
    const double momentum[] = {0, 0.9};
    for (int i = 0; i < 2; i++) {
        run_spec spec = outer_run(0.9, momentum[i]), without = outer_run(1, 0);
        run a = run_open(&spec), b = run_open(&without);
        json_t *with = report_of(&a), *plain = report_of(&b);
#define INTEGER(object, key) json_integer_value(json_object_get(object, key))
        const json_int_t bytes = INTEGER(json_object_get(with, "velocity"), "bytes");
        CHECK((bytes > 0) == (momentum[i] > 0));
        CHECK_EQ(INTEGER(with, "planned_bytes"), INTEGER(with, "region_bytes"));
        CHECK_EQ(INTEGER(with, "planned_bytes"), INTEGER(plain, "planned_bytes") + bytes);
        json_decref(with);
        json_decref(plain);
        run_go(&a, 0);
        run_go(&b, 0);
        /* Both ways of parameters and velocity of the optimiser; then old master, and velocity twice. */
        const double moved = run_progress(&b).bytes_moved;
        CHECK_NEAR(run_progress(&a).bytes_moved, moved * (i == 0 ? 5 : 7) / 4, 0.5);
        run_close(&a);
        run_close(&b);
    }
}

TEST(what_was_planned_to_move_moves)
{
    run_spec spec = outer_run(0.9, 0.9);
    spec.hidden[0] = 12; /* every deal moves as much as any other */
    spec.hidden[1] = 9;
    run r = run_open(&spec);
    const ist_model_config model = run_model_config(&spec);
    static char text[1 << 16];
    size_t need = 0;
    CHECK_EQ(ist_plan_report(r.context, &model, &spec.train, spec.rows, IST_FLOAT32, text, sizeof text, &need), IST_OK);
    json_t *plan = json_loads(text, 0, NULL);
    run_go(&r, 0);
    CHECK_NEAR(6 * json_number_value(json_object_get(json_object_get(plan, "traffic"), "round_bytes_moved")),
               run_progress(&r).bytes_moved, 0.5);
    json_decref(plan);
    run_close(&r);
}
