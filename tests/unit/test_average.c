/* The mean of the master over rounds is the one that is taken by hand, number by number, from the masters of a run that
 * is stopped after every round. */
#define _GNU_SOURCE
#include <jansson.h>
#include <math.h>

#include "api/fixture_run.h"
#include "api/handles.h"

static const float *mean_of(const run *r)
{
    return (const float *)(const void *)r->trainer->training->average.base;
}

static int32_t rounds_seen(void *user, const ist_progress *progress)
{
    *(int64_t *)user = progress->averaged;
    return 0;
}

/* Bit for bit; and all in one call gives what one call a round gave. */
static void check_mean(const run_spec *spec)
{
    run stopped = run_open(spec), whole = run_open(spec);
    const int64_t floats = stopped.model->net.shape.floats;
    const ist_train_config *c = &spec->train;
    float *mean = table_room(floats, sizeof *mean);
    int64_t count = 0, seen = -1;
    for (;;) {
        const ist_progress before = run_progress(&stopped);
        if (before.round == before.rounds) break;
        run_go(&stopped, 1);
        const ist_progress now = run_progress(&stopped);
        const float *param = stopped.model->net.param;
        if ((double)now.step > c->average_from * (double)now.steps) {
            count++;
            const float part = count == 1 ? 1 : c->average_decay > 0 ? (float)(1 - c->average_decay) : 1 / (float)count;
            for (int64_t i = 0; i < floats; i++)
                mean[i] = count == 1 ? param[i] : mean[i] + (param[i] - mean[i]) * part;
        }
        CHECK_EQ(now.averaged, count);
        if (count > 0) CHECK_MEM(mean_of(&stopped), mean, (size_t)floats * sizeof *mean);
    }
    CHECK_EQ(ist_trainer_run(whole.trainer, 0, rounds_seen, &seen), IST_OK);
    CHECK_EQ(seen, count);
    CHECK(count > 1);
    CHECK_MEM(mean_of(&whole), mean, (size_t)floats * sizeof *mean);
    CHECK(memcmp(mean, whole.model->net.param, (size_t)floats * sizeof *mean) != 0);
    free(mean);
    run_close(&stopped);
    run_close(&whole);
}

static run_spec averaged(double from, double decay)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = 7;
    spec.train.average_from = from;
    spec.train.average_decay = decay;
    return spec;
}

TEST(the_mean_is_that_of_the_masters_of_its_rounds)
{
    const double from[] = {0, 0.3, 0.5, 0.71};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        for (int decay = 0; decay < 2; decay++) {
            const run_spec spec = averaged(from[i], decay * 0.8);
            check_mean(&spec);
        }
}

TEST(the_mean_does_not_depend_on_the_crew)
{
    run_spec spec = averaged(0.2, 0);
    spec.hidden[0] = 700; /* a master of several huge pages: more than one stripe */
    spec.hidden[1] = 1100;
    spec.train.rounds = 3;
    for (int32_t teams = 1; teams <= 3; teams += 2)
        for (int32_t threads = 1; threads <= 2; threads++) {
            spec.teams = teams;
            spec.threads = threads;
            check_mean(&spec);
        }
}

TEST(every_method_and_a_sticky_deal_have_a_mean)
{
    for (int32_t method = IST_METHOD_IST; method <= IST_METHOD_MASKED; method++) {
        run_spec spec = averaged(0.4, 0.5);
        spec.train.method = method;
        spec.output_norm = IST_NORM_BATCH;
        spec.train.subnets = 3;
        spec.teams = 2;
        check_mean(&spec);
    }
    for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
        run_spec spec = averaged(0.4, 0);
        spec.train.repartition_fraction = 0.3;
        spec.train.state = state;
        check_mean(&spec);
    }
}

TEST(a_run_is_the_same_with_and_without_a_mean)
{
    const double fraction[] = {1, 0.3};
    for (int i = 0; i < 2; i++) {
        run_spec spec = averaged(0.4, 0), without = averaged(1, 0);
        spec.train.repartition_fraction = without.train.repartition_fraction = fraction[i];
        run a = run_open(&spec), b = run_open(&without);
        CHECK(b.trainer->training->average.base == NULL);
        ist_model *mean = run_model(a.context, &spec);
        run_go(&a, 5);
        CHECK_EQ(ist_trainer_average(a.trainer, mean), IST_OK); /* nor does asking for it change a thing */
        run_go(&a, 0);
        run_go(&b, 0);
        file_check_same(model_bytes(a.model), model_bytes(b.model));
        ist_model_destroy(mean);
        run_close(&a);
        run_close(&b);
    }
}

TEST(a_round_that_fails_does_not_join)
{
    run_spec spec = averaged(0, 0);
    spec.hidden_norm = IST_NORM_NONE;
    run good = run_open(&spec), bad = run_open(&spec);
    run_go(&good, 3);
    run_go(&bad, 3);
    bad.trainer->training->phases.phase[0].lr = 1e30;
    CHECK_EQ(ist_trainer_run(bad.trainer, 0, NULL, NULL), IST_E_DIVERGED);
    CHECK_EQ(run_progress(&bad).averaged, 3);
    CHECK_MEM(mean_of(&bad), mean_of(&good), (size_t)good.model->net.shape.floats * sizeof(float));
    run_close(&good);
    run_close(&bad);
}

static json_t *report_of(const run *r)
{
    static char text[1 << 17];
    size_t need = 0;
    CHECK_EQ(ist_trainer_report(r->trainer, text, sizeof text, &need), IST_OK);
    CHECK(need <= sizeof text);
    return json_loads(text, 0, NULL);
}

static int64_t integer(const json_t *object, const char *key)
{
    CHECK(json_is_integer(json_object_get(object, key)));
    return json_integer_value(json_object_get(object, key));
}

static int64_t kind_bytes(const json_t *report, const char *name)
{
    size_t i;
    const json_t *kind;
    json_array_foreach(json_object_get(json_object_get(report, "proof"), "kinds"), i, kind)
    {
        if (strcmp(json_string_value(json_object_get(kind, "kind")), name) == 0) return integer(kind, "bytes");
    }
    return -1;
}

TEST(its_bytes_are_planned_reported_and_proved)
{
    run_spec spec = averaged(0.4, 0), without = averaged(1, 0);
    spec.teams = without.teams = 2;
    run a = run_open(&spec), b = run_open(&without);
    json_t *with = report_of(&a), *plain = report_of(&b);
    const int64_t bytes = integer(json_object_get(with, "average"), "bytes");
    CHECK(bytes >= a.model->net.shape.floats * (int64_t)sizeof(float));
    CHECK(json_object_get(plain, "average") == NULL);
    CHECK_EQ(integer(with, "planned_bytes"), integer(with, "region_bytes"));
    CHECK_EQ(integer(plain, "planned_bytes"), integer(plain, "region_bytes"));
    CHECK_EQ(integer(with, "planned_bytes") - integer(plain, "planned_bytes"), bytes);
    CHECK_EQ(kind_bytes(with, "average"), bytes);
    CHECK_EQ(kind_bytes(plain, "average"), -1); /* not there */
    json_decref(with);
    json_decref(plain);
    run_close(&a);
    run_close(&b);
}
