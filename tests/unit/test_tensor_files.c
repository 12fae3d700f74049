/* What of files of tensors no small model shows: long fields of protobuf, archives of 4 GiB and more. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/tensor_file.h"
#include "ist_test.h"
#include "train/export.h"
#include "train/protobuf.h"

TEST(varints_are_seven_bits_a_byte_lowest_first)
{
    static const unsigned char expected[] = {0x08, 0x00, 0x08, 0x7f, 0x08, 0x80, 0x01, 0x08, 0xac, 0x02, 0xa0, 0x01,
                                             0x01, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    ist__message m = {.count = 0};
    ist__message_int(&m, 1, 0);
    ist__message_int(&m, 1, 127);
    ist__message_int(&m, 1, 128);
    ist__message_int(&m, 1, 300);
    ist__message_int(&m, 20, 1); /* a key of two bytes */
    ist__message_int(&m, 1, -1);
    CHECK_EQ(m.count, sizeof expected);
    CHECK_MEM(m.byte, expected, sizeof expected);
    CHECK(!m.full);
}

TEST(fields_of_bytes_have_their_length_before_them)
{
    static const unsigned char expected[] = {0x12, 2,    'a',  'b',  0x1d, 0,    0,   0x80,
                                             0x3f, 0x2a, 0x80, 0x80, 0x80, 0x80, 0x10};
    ist__message m = {.count = 0};
    ist__message_text(&m, 2, "ab");
    ist__message_float(&m, 3, 1);
    ist__message_open(&m, 5, UINT64_C(1) << 32);
    CHECK_EQ(m.count, sizeof expected);
    CHECK_MEM(m.byte, expected, sizeof expected);
}

TEST(a_message_that_is_full_says_so_to_whoever_holds_it)
{
    ist__message m = {.count = 0}, outer = {.count = 0};
    for (int i = 0; i < IST__MESSAGE_BYTES / 2; i++) ist__message_int(&m, 1, 1);
    CHECK(!m.full && m.count == IST__MESSAGE_BYTES);
    ist__message_int(&m, 1, 1);
    CHECK(m.full && m.count == IST__MESSAGE_BYTES);
    ist__message_message(&outer, 1, &m);
    CHECK(outer.full);
}

/* ----------------------------------------------------------------------------------------------- 4 GiB and more -- */

/* An NPZ archive of one large member and one small one behind it, as export_npz.c lays them out, in a file with a hole where
 * the numbers of the large one would be. */
static void put(FILE *file, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) fputc(i < 8 ? (int)(value >> (8 * i) & 0xff) : 0, file);
}

enum { HEAD = 30, NPY = 128 };
static const uint64_t rows = UINT64_C(1) << 30; /* of one float: 4 GiB */

static void put_npy(FILE *file, uint64_t count)
{
    fwrite("\x93NUMPY\1\0\x76\0", 1, 10, file);
    const int length =
        fprintf(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu,), }", (unsigned long long)count);
    fprintf(file, "%*s\n", NPY - 10 - 1 - length, "");
}

static void put_common(FILE *file, uint64_t bytes, int name_bytes)
{
    put(file, 45, 2);
    put(file, 0, 8);
    put(file, 0, 4);
    put(file, bytes, 4);
    put(file, bytes, 4);
    put(file, (uint64_t)name_bytes, 2);
}

static void make_large(const char *path, uint64_t claimed)
{
    const uint64_t bytes = NPY + 4 * rows, second = HEAD + 5 + 20 + bytes, small = NPY + 4;
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    put(file, 0x04034b50, 4);
    put_common(file, 0xffffffff, 5);
    put(file, 20, 2);
    fwrite("a.npy", 1, 5, file);
    put(file, 1, 2);
    put(file, 16, 2);
    put(file, bytes, 8);
    put(file, bytes, 8);
    put_npy(file, rows);
    CHECK_EQ(fseek(file, (long)(4 * rows), SEEK_CUR), 0);
    put(file, 0x04034b50, 4);
    put_common(file, small, 5);
    put(file, 0, 2);
    fwrite("b.npy", 1, 5, file);
    put_npy(file, 1);
    put(file, 0x3f800000, 4);
    const uint64_t place = (uint64_t)ftell(file);
    CHECK_EQ(place, second + HEAD + 5 + small);
    put(file, 0x02014b50, 4);
    put(file, 45, 2);
    put_common(file, 0xffffffff, 5);
    put(file, 20, 2);
    put(file, 0, 10);
    put(file, 0, 4);
    fwrite("a.npy", 1, 5, file);
    put(file, 1, 2);
    put(file, 16, 2);
    put(file, bytes, 8);
    put(file, bytes, 8);
    put(file, 0x02014b50, 4);
    put(file, 45, 2);
    put_common(file, small, 5);
    put(file, 12, 2);
    put(file, 0, 10);
    put(file, 0xffffffff, 4);
    fwrite("b.npy", 1, 5, file);
    put(file, 1, 2);
    put(file, 8, 2);
    put(file, second, 8);
    const uint64_t end = (uint64_t)ftell(file);
    put(file, 0x06064b50, 4);
    put(file, 44, 8);
    put(file, 45, 2);
    put(file, 45, 2);
    put(file, 0, 8);
    put(file, 2, 8);
    put(file, 2, 8);
    put(file, end - place, 8);
    put(file, claimed ? claimed : place, 8);
    put(file, 0x07064b50, 4);
    put(file, 0, 4);
    put(file, end, 8);
    put(file, 1, 4);
    put(file, 0x06054b50, 4);
    put(file, 0, 4);
    put(file, 2, 2);
    put(file, 2, 2);
    put(file, end - place, 4);
    put(file, 0xffffffff, 4);
    put(file, 0, 2);
    CHECK_EQ(fclose(file), 0);
}

TEST(an_archive_of_more_than_4_gib_is_read_by_its_zip64_fields)
{
    char path[] = "/tmp/ist-large-XXXXXX";
    const int made = mkstemp(path);
    CHECK(made >= 0);
    close(made);
    make_large(path, 0);
    ist__tensor_file file;
    ist__error error = {IST_OK, ""};
    const ist_status status = ist__tensor_file_open(&file, path, &error);
    make_large(path, UINT64_MAX - 100);
    ist__tensor_file none;
    const ist_status refused = ist__tensor_file_open(&none, path, &error);
    unlink(path);
    CHECK_EQ(status, IST_OK);
    CHECK_EQ(refused, IST_E_FORMAT);
    CHECK(strstr(error.text, "a directory that is not in the file") != NULL);
    const ist__entry *a = ist__tensor_file_find(&file, "a"), *b = ist__tensor_file_find(&file, "b");
    CHECK(a && b && file.count == 2);
    CHECK(a->size[0] == rows && a->bytes == 4 * rows && a->place == HEAD + 5 + 20 + NPY);
    CHECK(b->size[0] == 1 && b->bytes == 4 && b->place > a->place + a->bytes);
    ist__tensor_file_close(&file);
}

/* The other way: where tensors are large, the writer counts, and nothing is written. */
TEST(a_graph_of_more_than_2_gib_is_counted_and_refused)
{
    const int32_t hidden[2] = {1 << 15, 1 << 15}; /* 4 GiB between them, of which nobody looks at one */
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = 4;
    config.classes = 2;
    config.hidden_count = 2;
    config.hidden = hidden;
    config.hidden_norm = config.output_norm = IST_NORM_NONE;
    ist__shape shape;
    ist__net net;
    ist__error error = {IST_OK, ""};
    CHECK_EQ(ist__shape_make(&shape, &config, &error), IST_OK);
    CHECK_EQ(ist__net_create(&net, &shape, 1, &error), IST_OK);
    CHECK_EQ(ist__net_export(&net, IST_FILE_ONNX, false, IST_ANSWER_LOGITS, "/nowhere/at-all.onnx", &error),
             IST_E_ARGUMENT);
    CHECK(strstr(error.text, "write safetensors") != NULL);
    ist__net_destroy(&net);
}
