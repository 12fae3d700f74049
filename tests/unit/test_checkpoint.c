/* Files of models and checkpoints as bytes: damage of every kind is refused, and what was written is what is read. */
#define _GNU_SOURCE
#include <math.h>
#include <zlib.h>

#include "api/fixture_run.h"
#include "api/handles.h"

/* A small run with all kinds of arrays, trained a little, with normalization and statistics. */
static run small_run_with(double output_scale)
{
    run_spec spec = run_spec_small();
    spec.output_scale = output_scale;
    spec.features = 2;
    spec.classes = 2;
    spec.hidden[0] = spec.hidden[1] = 3;
    run r = run_open(&spec);
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    run_go(&r, 1);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    return r;
}

static run small_run(void)
{
    return small_run_with(1);
}

enum { HEADER = 16, HEAD = 16, CRC = 4 };

/* Where section `index` begins. */
static size_t section_at(const file_bytes *file, int index)
{
    size_t at = HEADER;
    for (int i = 0; i < index; i++) {
        uint64_t bytes;
        memcpy(&bytes, file->data + at + 8, sizeof bytes);
        at += HEAD + (size_t)bytes + CRC;
    }
    return at;
}

/* Load from these bytes; the model or NULL.  From memory and from a file: both are read alike, to the line that refuses. */
static ist_status load_bytes(run *r, const unsigned char *data, size_t count, ist_model **out)
{
    const char *path = scratch_path("damaged.ist");
    char line[512];
    ist_model *model = NULL;
    const ist_status status = ist_model_load_bytes(r->context, &model, data, count);
    snprintf(line, sizeof line, "%s", ist_context_error(r->context));
    ist_model_destroy(model);
    file_write(path, data, count);
    CHECK_EQ(ist_model_load(r->context, out, path), status);
    const char *named = strstr(ist_context_error(r->context), "damaged.ist");
    if (status) CHECK(named != NULL);
    if (status) CHECK_STR(named + 11, line + 15);
    return status;
}

/* A file for each would take most of the time: one of five is enough to see that both are read alike. */
static void check_refused(run *r, const unsigned char *data, size_t count)
{
    static unsigned calls;
    ist_model *model = NULL;
    const ist_status status =
        calls++ % 5 == 0 ? load_bytes(r, data, count, &model) : ist_model_load_bytes(r->context, &model, data, count);
    CHECK_EQ(status, IST_E_FORMAT);
    CHECK(model == NULL);
    check_one_line(r->context);
}

TEST(a_model_is_written_and_read_as_the_same_bytes)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++) {
            run_spec spec = run_spec_small();
            spec.hidden_count = depth;
            spec.hidden[2] = 5;
            spec.hidden_norm = norms & 1;
            spec.output_norm = norms >> 1;
            spec.made_for = depth == 0 ? 1 : 3;
            run r = run_open(&spec);
            run_go(&r, 1);
            CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
            const file_bytes first = model_bytes(r.model);
            ist_model *model = NULL;
            CHECK_EQ(load_bytes(&r, first.data, first.count, &model), IST_OK);
            const ist__net *a = &r.model->net, *b = &model->net;
            CHECK_MEM(b->param, a->param, (size_t)a->shape.floats * sizeof(float));
            CHECK_MEM(b->statistics, a->statistics, (size_t)a->shape.statistics_floats * sizeof(float));
            CHECK(a->subnets == b->subnets && a->calibrated == b->calibrated);
            file_check_same(first, model_bytes(model));
            ist_model_destroy(model);
            run_close(&r);
        }
}

TEST(a_checkpoint_is_read_as_the_model_inside_it)
{
    run r = small_run();
    file_bytes checkpoint = trainer_bytes(r.trainer);
    ist_model *model = NULL;
    CHECK_EQ(load_bytes(&r, checkpoint.data, checkpoint.count, &model), IST_OK);
    file_check_same(model_bytes(model), model_bytes(r.model));
    ist_model_destroy(model);
    file_free(&checkpoint);
    run_close(&r);
}

/* Of a checkpoint every byte is tried by tests/api/test_resume.c, which need not make a model each time. */
TEST(a_model_truncated_anywhere_is_refused)
{
    run r = small_run();
    file_bytes file = model_bytes(r.model);
    for (size_t count = 0; count < file.count; count++) check_refused(&r, file.data, count);
    file_free(&file);
    run_close(&r);
}

TEST(a_model_with_any_byte_flipped_is_refused)
{
    run r = small_run();
    file_bytes file = model_bytes(r.model);
    for (size_t at = 0; at < file.count; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            if (at >= HEADER && bit != at % 8) continue; /* only the header has no checksum */
            file.data[at] = (unsigned char)(file.data[at] ^ (1U << bit));
            check_refused(&r, file.data, file.count);
            file.data[at] = (unsigned char)(file.data[at] ^ (1U << bit));
        }
    file_free(&file);
    run_close(&r);
}

TEST(a_checkpoint_cut_or_damaged_behind_its_parameters_is_no_model_either)
{
    run r = small_run();
    file_bytes file = trainer_bytes(r.trainer);
    for (int section = 4; section < 6; section++) check_refused(&r, file.data, section_at(&file, section));
    for (size_t at = section_at(&file, 4); at < file.count; at += 7) {
        check_refused(&r, file.data, at);
        file.data[at] ^= 0x10;
        check_refused(&r, file.data, file.count);
        file.data[at] ^= 0x10;
    }
    file_free(&file);
    run_close(&r);
}

TEST(a_file_that_goes_on_is_refused)
{
    run r = small_run();
    file_bytes whole = model_bytes(r.model);
    unsigned char *longer = table_room((int64_t)whole.count + 64, 1);
    memcpy(longer, whole.data, whole.count);
    for (size_t more = 1; more <= 64; more++) check_refused(&r, longer, whole.count + more);
    free(longer);
    file_free(&whole);
    run_close(&r);
}

/* ------------------------------------------------------------------------- lies that have the right checksum -- */

/* Put `value` at byte `within` of the section and make its checksum right again. */
static void forge(file_bytes *file, int index, size_t within, int32_t value)
{
    const size_t at = section_at(file, index);
    uint64_t bytes;
    memcpy(&bytes, file->data + at + 8, sizeof bytes);
    memcpy(file->data + at + within, &value, sizeof value);
    const size_t length = HEAD + (size_t)bytes;
    const uint32_t crc = (uint32_t)crc32(0, file->data + at, (unsigned)length);
    memcpy(file->data + at + length, &crc, sizeof crc);
}

static void check_forged(run *r, int index, size_t within, int32_t value)
{
    file_bytes file = model_bytes(r->model);
    forge(&file, index, within, value);
    check_refused(r, file.data, file.count);
    file_free(&file);
}

TEST(numbers_out_of_range_are_refused_though_their_checksum_is_right)
{
    run r = small_run();
    const int32_t odd[] = {0, -1, 5, 1 << 24, INT32_MAX, INT32_MIN};
    for (int32_t field = 0; field < 7; field++) /* features, classes, norms, subnets, calibrated, hidden_count */
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            if (field == 5) continue;                                /* any number says yes or no */
            if ((field == 2 || field == 3) && odd[i] == 0) continue; /* IST_NORM_NONE: refused below, by lengths */
            check_forged(&r, 0, HEAD + 4 * (size_t)field, odd[i]);
        }
    check_forged(&r, 0, HEAD + 8, IST_NORM_NONE);
    check_forged(&r, 0, HEAD + 12, IST_NORM_BATCH);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        check_forged(&r, 0, HEAD + 28, odd[i]); /* the first hidden width */
        check_forged(&r, 1, HEAD, odd[i]);      /* entries of the normalization */
    }
    check_forged(&r, 1, HEAD, 1);
    for (int section = 0; section < 4; section++) {
        check_forged(&r, section, 4, 1); /* the reserved field */
        int32_t tag;
        memcpy(&tag, "WHAT", sizeof tag);
        check_forged(&r, section, 0, tag);
    }
    run_close(&r);
}

TEST(claims_of_length_beyond_the_file_are_refused_before_memory_is_taken)
{
    run r = small_run();
    const uint64_t claims[] = {0, 1, 1ULL << 40, UINT64_MAX, UINT64_MAX - 15, 1ULL << 63};
    for (int section = 0; section < 4; section++)
        for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
            file_bytes file = model_bytes(r.model);
            memcpy(file.data + section_at(&file, section) + 8, &claims[i], sizeof claims[i]);
            check_refused(&r, file.data, file.count);
            file_free(&file);
        }
    run_close(&r);
}

TEST(another_version_is_refused_with_its_number)
{
    run r = small_run();
    file_bytes file = model_bytes(r.model);
    const uint32_t version = 77;
    memcpy(file.data + 8, &version, sizeof version);
    check_refused(&r, file.data, file.count);
    CHECK(strstr(ist_context_error(r.context), "77") != NULL);
    file_free(&file);
    run_close(&r);
}

TEST(a_scale_of_logits_out_of_range_or_in_the_wrong_version_is_refused)
{
    run r = small_run_with(2.5);
    const double wrong[] = {0, -1, 1e-5, 1e5, (double)NAN, (double)INFINITY};
    const size_t scale_at = HEAD + 4 * 9; /* after seven fields and two widths */
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        file_bytes file = model_bytes(r.model);
        int32_t halves[2];
        memcpy(halves, &wrong[i], sizeof halves);
        forge(&file, 0, scale_at, halves[0]);
        forge(&file, 0, scale_at + 4, halves[1]);
        check_refused(&r, file.data, file.count);
        CHECK(strstr(ist_context_error(r.context), "output_scale") != NULL);
        file_free(&file);
    }
    run plain = small_run();
    for (uint32_t version = 1; version <= 2; version++) { /* each called the other */
        file_bytes file = model_bytes(version == 1 ? r.model : plain.model);
        memcpy(file.data + 8, &version, sizeof version);
        check_refused(&r, file.data, file.count);
        file_free(&file);
    }
    run_close(&plain);
    run_close(&r);
}

TEST(a_scaled_model_truncated_or_flipped_anywhere_is_refused)
{
    run r = small_run_with(2.5);
    file_bytes file = model_bytes(r.model);
    for (size_t count = 0; count < file.count; count++) check_refused(&r, file.data, count);
    for (size_t i = 0; i < file.count; i++) {
        file.data[i] ^= 0x10;
        check_refused(&r, file.data, file.count);
        file.data[i] ^= 0x10;
    }
    file_free(&file);
    run_close(&r);
}

TEST(the_number_of_sections_must_be_theirs)
{
    run r = small_run();
    file_bytes files[] = {model_bytes(r.model), trainer_bytes(r.trainer)}; /* 4, and 6 with momentum */
    for (int f = 0; f < 2; f++) {
        for (uint32_t sections = 0; sections < 9; sections++) {
            memcpy(files[f].data + 12, &sections, sizeof sections);
            if (sections != (f == 0 ? 4 : 6)) check_refused(&r, files[f].data, files[f].count);
        }
        file_free(&files[f]);
    }
    run_close(&r);
}

TEST(a_resumed_file_whose_state_is_missing_changes_nothing)
{
    run r = small_run();
    file_bytes whole = trainer_bytes(r.trainer);
    const uint32_t sections = 5; /* shape, normalization, statistics, parameters, run */
    memcpy(whole.data + 12, &sections, sizeof sections);
    const char *path = scratch_path("stateless.ist");
    file_write(path, whole.data, section_at(&whole, 5));
    run_go(&r, 1);
    file_bytes before = trainer_bytes(r.trainer);
    CHECK_EQ(ist_trainer_resume(r.trainer, path), IST_E_FORMAT);
    check_one_line(r.context);
    file_check_same(before, trainer_bytes(r.trainer));
    file_free(&whole);
    run_close(&r);
}

/* By what they begin with, in memory as in a file. */
TEST(packed_bytes_are_read_too)
{
    run r = small_run();
    file_bytes whole = model_bytes(r.model);
    unsigned char packed[1 << 14];
    z_stream pack = {
        .next_in = whole.data, .avail_in = (unsigned)whole.count, .next_out = packed, .avail_out = sizeof packed};
    CHECK_EQ(deflateInit2(&pack, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    CHECK_EQ(deflate(&pack, Z_FINISH), Z_STREAM_END);
    const size_t count = pack.total_out;
    deflateEnd(&pack);
    ist_model *model = NULL;
    CHECK_EQ(load_bytes(&r, packed, count, &model), IST_OK);
    file_check_same(model_bytes(model), whole);
    for (size_t cut = 0; cut < count; cut++) check_refused(&r, packed, cut);
    ist_model_destroy(model);
    run_close(&r);
}

TEST(equal_runs_write_equal_files)
{
    run a = small_run(), b = small_run();
    file_check_same(model_bytes(a.model), model_bytes(b.model));
    file_check_same(trainer_bytes(a.trainer), trainer_bytes(b.trainer));
    run_close(&a);
    run_close(&b);
}
