/* Models and checkpoints in memory of the caller: the bytes of the files, and refused as files are.  Damage of every kind is
 * tried by tests/unit/test_checkpoint.c, which loads from files and from memory. */
#define _GNU_SOURCE
#include "fixture_run.h"

static file_bytes model_in_memory(ist_model *model)
{
    file_bytes bytes = {.data = NULL};
    CHECK_EQ(ist_model_save_bytes(model, NULL, 0, &bytes.count), IST_OK);
    bytes.data = table_room((int64_t)bytes.count, 1);
    CHECK_EQ(ist_model_save_bytes(model, bytes.data, bytes.count, &bytes.count), IST_OK);
    return bytes;
}

static file_bytes trainer_in_memory(ist_trainer *trainer)
{
    file_bytes bytes = {.data = NULL};
    CHECK_EQ(ist_trainer_save_bytes(trainer, NULL, 0, &bytes.count), IST_OK);
    bytes.data = table_room((int64_t)bytes.count, 1);
    CHECK_EQ(ist_trainer_save_bytes(trainer, bytes.data, bytes.count, &bytes.count), IST_OK);
    return bytes;
}

/* Of every kind: an optimiser with two states, a mean, a velocity, a note, a learning rate that was lowered, with a scale of
 * the logits. */
static run_spec spec_with_all(void)
{
    run_spec spec = run_spec_small();
    spec.output_scale = 2.5;
    spec.train.optimizer = IST_ADAM;
    spec.train.average_from = 0.1;
    spec.train.outer_momentum = 0.5;
    return spec;
}

static run run_with_all(const run_spec *spec)
{
    run r = run_open(spec);
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    CHECK_EQ(ist_trainer_set_note(r.trainer, "twelve bytes", 12), IST_OK);
    run_go(&r, 1);
    CHECK_EQ(ist_trainer_scale_lr(r.trainer, 0.5), IST_OK);
    run_go(&r, 1);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    return r;
}

TEST(bytes_in_memory_are_those_of_the_files)
{
    run_spec specs[] = {run_spec_small(), spec_with_all(), run_spec_wide()};
    for (int i = 0; i < 3; i++) {
        run r = run_with_all(&specs[i]);
        file_check_same(model_in_memory(r.model), model_bytes(r.model));
        file_check_same(trainer_in_memory(r.trainer), trainer_bytes(r.trainer));
        run_close(&r);
    }
}

TEST(a_model_comes_back_from_memory_and_from_a_checkpoint_in_memory)
{
    const run_spec spec = spec_with_all();
    run r = run_with_all(&spec);
    file_bytes bytes[] = {model_in_memory(r.model), trainer_in_memory(r.trainer)};
    for (int i = 0; i < 2; i++) {
        ist_model *model = NULL;
        CHECK_EQ(ist_model_load_bytes(r.context, &model, bytes[i].data, bytes[i].count), IST_OK);
        file_check_same(model_bytes(model), model_bytes(r.model));
        ist_model_destroy(model);
        file_free(&bytes[i]);
    }
    run_close(&r);
}

TEST(a_run_goes_on_from_memory_bit_for_bit)
{
    const run_spec spec = spec_with_all();
    run first = run_with_all(&spec), second = run_open(&spec);
    file_bytes bytes = trainer_in_memory(first.trainer);
    char note[16];
    size_t need = 0;
    run_go(&second, 1); /* it stands elsewhere */
    CHECK_EQ(ist_trainer_resume_bytes(second.trainer, bytes.data, bytes.count), IST_OK);
    file_check_same(trainer_in_memory(second.trainer), bytes);
    CHECK_EQ(ist_trainer_note(second.trainer, note, sizeof note, &need), IST_OK);
    CHECK_EQ(need, 12);
    run_go(&first, 0);
    run_go(&second, 0);
    file_check_same(trainer_bytes(first.trainer), trainer_bytes(second.trainer));
    run_close(&first);
    run_close(&second);
}

TEST(a_buffer_that_is_too_small_is_left_alone)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    file_bytes whole = model_in_memory(r.model);
    unsigned char *room = table_room((int64_t)whole.count + 1, 1);
    for (size_t capacity = 0; capacity <= whole.count; capacity++) {
        size_t need = 0;
        memset(room, 0x5a, whole.count + 1);
        CHECK_EQ(ist_model_save_bytes(r.model, room, capacity, &need), IST_OK);
        CHECK_EQ(need, whole.count);
        if (capacity == whole.count) CHECK_MEM(room, whole.data, whole.count);
        for (size_t i = capacity == whole.count ? capacity : 0; i <= whole.count; i++) CHECK(room[i] == 0x5a);
    }
    size_t need = 0;
    memset(room, 0x5a, whole.count + 1);
    CHECK_EQ(ist_trainer_save_bytes(r.trainer, room, whole.count, &need), IST_OK);
    CHECK(need > whole.count);
    for (size_t i = 0; i <= whole.count; i++) CHECK(room[i] == 0x5a);
    free(room);
    file_free(&whole);
    run_close(&r);
}

TEST(wrong_arguments_are_refused)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    unsigned char byte = 0x5a;
    ist_model *untouched = r.model;
    size_t need = 77;
    CHECK_EQ(ist_model_save_bytes(NULL, &byte, 1, &need), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_save_bytes(r.model, NULL, 1, &need), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_save_bytes(r.model, &byte, 1, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_save_bytes(NULL, &byte, 1, &need), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_save_bytes(r.trainer, NULL, 1, &need), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_save_bytes(r.trainer, &byte, 1, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_load_bytes(NULL, &untouched, &byte, 1), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_load_bytes(r.context, NULL, &byte, 1), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_load_bytes(r.context, &untouched, NULL, 1), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_resume_bytes(NULL, &byte, 1), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_resume_bytes(r.trainer, NULL, 0), IST_E_ARGUMENT);
    check_one_line(r.context);
    CHECK(untouched == r.model && need == 77 && byte == 0x5a);
    for (size_t count = 0; count < 2; count++) {
        CHECK_EQ(ist_model_load_bytes(r.context, &untouched, &byte, count), IST_E_FORMAT);
        CHECK(strncmp(ist_context_error(r.context), "the bytes given: byte ", 22) == 0);
        CHECK_EQ(ist_trainer_resume_bytes(r.trainer, &byte, count), IST_E_FORMAT);
        CHECK(strncmp(ist_context_error(r.context), "the bytes given: byte ", 22) == 0);
    }
    CHECK(untouched == r.model);
    run_close(&r);
}

/* No byte behind the end is read: they stand against memory that is not ours (ASan), and the end is told. */
TEST(a_checkpoint_cut_or_damaged_anywhere_changes_nothing)
{
    run_spec spec = spec_with_all();
    spec.features = spec.classes = 2;
    spec.hidden[0] = spec.hidden[1] = 3;
    run r = run_with_all(&spec);
    file_bytes whole = trainer_in_memory(r.trainer);
    run_go(&r, 1);
    const file_bytes before = trainer_in_memory(r.trainer);
    for (size_t at = 0; at < whole.count; at++) {
        unsigned char *cut = malloc(at > 0 ? at : 1);
        CHECK(cut != NULL);
        memcpy(cut, whole.data, at);
        CHECK_EQ(ist_trainer_resume_bytes(r.trainer, cut, at), IST_E_FORMAT);
        free(cut);
        whole.data[at] ^= 0x10;
        CHECK_EQ(ist_trainer_resume_bytes(r.trainer, whole.data, whole.count), IST_E_FORMAT);
        whole.data[at] ^= 0x10;
    }
    check_one_line(r.context);
    file_check_same(before, trainer_in_memory(r.trainer));
    CHECK_EQ(ist_trainer_resume_bytes(r.trainer, whole.data, whole.count), IST_OK);
    file_check_same(whole, trainer_in_memory(r.trainer));
    run_close(&r);
}

TEST(a_save_under_way_is_ended_first_and_its_failure_told)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    size_t need = 77;
    CHECK_EQ(ist_trainer_save_begin(r.trainer, "/dev/full/x"), IST_OK);
    CHECK_EQ(ist_trainer_save_bytes(r.trainer, NULL, 0, &need), IST_E_IO);
    CHECK_EQ(need, 77);
    CHECK_EQ(ist_trainer_save_bytes(r.trainer, NULL, 0, &need), IST_OK);
    CHECK(need > 77);
    run_close(&r);
}

TEST(a_difference_is_told_by_name)
{
    run_spec spec = run_spec_small();
    run first = run_open(&spec);
    file_bytes bytes = trainer_in_memory(first.trainer);
    spec.train.batch = 9;
    run second = run_open(&spec);
    ist_difference difference = {.struct_size = sizeof difference};
    CHECK_EQ(ist_trainer_resume_bytes(second.trainer, bytes.data, bytes.count), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(second.context), "the bytes given: batch was 8") != NULL);
    CHECK_EQ(ist_trainer_difference(second.trainer, &difference), IST_OK);
    CHECK_STR(difference.field, "batch");
    file_free(&bytes);
    run_close(&first);
    run_close(&second);
}
