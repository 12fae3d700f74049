/* Several processes on one machine: each context takes a part of the cores.  Contexts of one process stand for them here:
 * the part is a matter of the context alone. */
#define _GNU_SOURCE
#include "fixture_run.h"

enum { MOST_PUS = 1024 };

typedef struct pu_list {
    int count;
    long pu[MOST_PUS];
} pu_list;

/* The numbers of every list "key":[..] of the context's report. */
static pu_list numbers_of(ist_context *context, const char *key)
{
    static pu_list list;
    char mark[32];
    size_t need = 0;
    CHECK_EQ(ist_context_report(context, NULL, 0, &need), IST_OK);
    char *text = table_room((int64_t)need, 1);
    CHECK_EQ(ist_context_report(context, text, need, &need), IST_OK);
    snprintf(mark, sizeof mark, "\"%s\":[", key);
    list.count = 0;
    for (const char *at = strstr(text, mark); at; at = strstr(at, mark))
        for (at += strlen(mark); *at && at[-1] != ']' && list.count < MOST_PUS; at++)
            list.pu[list.count++] = strtol(at, (char **)(uintptr_t)&at, 10);
    free(text);
    return list;
}

static ist_context *part_of(int32_t part, int32_t parts)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    config.part = part;
    config.parts = parts;
    ist_context *context = NULL;
    CHECK_EQ(ist_context_create(&context, &config), IST_OK);
    return context;
}

/* What a run on this part leaves behind; bound: where its threads were. */
static file_bytes train_part(int32_t part, int32_t parts, pu_list *bound)
{
    const run_spec spec = run_spec_small();
    run r = {.table = table_make(spec.rows, spec.features, spec.classes)};
    r.context = part_of(part, parts);
    r.dataset = run_dataset(r.context, &r.table);
    r.model = run_model(r.context, &spec);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec.train), IST_OK);
    run_go(&r, 0);
    const file_bytes bytes = trainer_bytes(r.trainer);
    *bound = numbers_of(r.context, "bound");
    run_close(&r);
    return bytes;
}

TEST(parts_stand_on_different_cores_and_give_the_bits_of_the_whole)
{
    static pu_list all, bound[2];
    file_bytes whole = train_part(0, 0, &all);
    if (all.count < 2) {
        file_free(&whole);
        SKIP("needs two cores");
    }
    for (int32_t part = 0; part < 2; part++) {
        const file_bytes mine = train_part(part, 2, &bound[part]);
        CHECK_EQ(mine.count, whole.count);
        CHECK_MEM(mine.data, whole.data, whole.count);
        free(mine.data);
    }
    CHECK_EQ(bound[0].count + bound[1].count, all.count);
    for (int i = 0; i < all.count; i++) {
        const int first = i < bound[0].count;
        CHECK(all.pu[i] >= 0);
        CHECK_EQ(first ? bound[0].pu[i] : bound[1].pu[i - bound[0].count], all.pu[i]);
    }
    file_free(&whole);
}

TEST(more_parts_than_cores_are_refused_in_one_line)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_context *context = NULL;
    config.parts = 65536;
    CHECK_EQ(ist_context_create(&context, &config), IST_E_PLACEMENT);
    config.part = config.parts;
    CHECK_EQ(ist_context_create(&context, &config), IST_E_ARGUMENT);
    config.part = -1;
    CHECK_EQ(ist_context_create(&context, &config), IST_E_ARGUMENT);
    config.part = 0;
    config.parts = 65537;
    CHECK_EQ(ist_context_create(&context, &config), IST_E_ARGUMENT);
    config.parts = -1;
    CHECK_EQ(ist_context_create(&context, &config), IST_E_ARGUMENT);
    CHECK(context == NULL);
}

/* The fields came later than the struct: callers that do not know them give a smaller size, and get all cores. */
TEST(callers_that_know_no_parts_get_the_whole_machine)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_context *context = NULL;
    config.struct_size = offsetof(ist_context_config, part);
    config.part = 7; /* not looked at */
    config.parts = 3;
    CHECK_EQ(ist_context_create(&context, &config), IST_OK);
    static pu_list whole, mine;
    mine = numbers_of(context, "pus");
    ist_context_destroy(context);
    context = part_of(0, 1);
    whole = numbers_of(context, "pus");
    ist_context_destroy(context);
    CHECK_EQ(mine.count, whole.count);
}
