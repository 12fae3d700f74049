/* What ist_trainer_verify promises to callers. */
#define _GNU_SOURCE
#include "fixture_run.h"

TEST(verify_refuses_what_it_cannot_fill)
{
    run_spec spec = run_spec_small();
    run r = run_open(&spec);
    ist_placement found = IST_PLACEMENT_INIT, untouched = IST_PLACEMENT_INIT;
    CHECK_EQ(ist_trainer_verify(NULL, &found), IST_E_ARGUMENT);
    found.struct_size = untouched.struct_size = sizeof found - 1;
    CHECK_EQ(ist_trainer_verify(r.trainer, &found), IST_E_ARGUMENT);
    CHECK_MEM(&found, &untouched, sizeof found);
    check_one_line(r.context);
    CHECK_EQ(ist_trainer_verify(r.trainer, NULL), IST_OK);
    run_close(&r);
}

TEST(verify_keeps_the_size_that_the_caller_knows)
{
    run_spec spec = run_spec_small();
    run r = run_open(&spec);
    struct {
        ist_placement found;
        char more[16];
    } later = {IST_PLACEMENT_INIT, "of a later age"};
    later.found.struct_size = sizeof later;
    CHECK_EQ(ist_trainer_verify(r.trainer, &later.found), IST_OK);
    CHECK_EQ(later.found.struct_size, sizeof later);
    CHECK_STR(later.more, "of a later age");
    CHECK(later.found.bytes > later.found.hot_bytes && later.found.hot_bytes > 0);
    CHECK(later.found.seconds >= 0);
    run_close(&r);
}

/* Strict placement asks after first touch; where everything is at home, nothing changes. */
TEST(a_strict_run_is_verified_when_it_is_made)
{
    run_spec spec = run_spec_small();
    for (int32_t placement = IST_PLACE_TRY; placement <= IST_PLACE_STRICT; placement++) {
        ist_context_config config = IST_CONTEXT_CONFIG_INIT;
        config.placement = placement;
        ist_context *context = NULL;
        CHECK_EQ(ist_context_create(&context, &config), IST_OK);
        table rows = table_make(spec.rows, spec.features, spec.classes);
        ist_dataset *dataset = run_dataset(context, &rows);
        ist_trainer *trainer = NULL;
        ist_model *model = NULL;
        const ist_model_config net = run_model_config(&spec);
        const ist_status status = ist_model_create(context, &model, &net);
        if (status == IST_E_PLACEMENT &&
            placement == IST_PLACE_STRICT) { /* built without hwloc: nothing can be bound */
            CHECK(strstr(ist_context_error(context), "strict") != NULL);
            ist_dataset_destroy(dataset);
            ist_context_destroy(context);
            table_free(&rows);
            SKIP("built without hwloc: strict is refused");
        }
        CHECK_EQ(status, IST_OK);
        CHECK_EQ(ist_trainer_create(context, &trainer, model, dataset, &spec.train), IST_OK);
        ist_placement found = IST_PLACEMENT_INIT;
        CHECK_EQ(ist_trainer_verify(trainer, &found), IST_OK);
        CHECK_EQ(found.checks, placement == IST_PLACE_STRICT ? 2 : 1);
        CHECK_EQ(found.wrong, 0);
        ist_trainer_destroy(trainer);
        ist_model_destroy(model);
        ist_dataset_destroy(dataset);
        ist_context_destroy(context);
        table_free(&rows);
    }
}
