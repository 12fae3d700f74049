/* test_reader.c - what a file says comes back exactly, and what it cannot say is refused with its place. */
#define _POSIX_C_SOURCE 200809L
#include "ist_test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/reader.h"
#include "temp_files.h"

enum { BIG = 300000 }; /* several buffers */

/* Bytes that do not compress to nothing, and do not repeat with any power of two. */
static unsigned char *pattern(size_t count)
{
    unsigned char *data = malloc(count + 1);
    uint32_t state = 12345;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525U + 1013904223U;
        data[i] = (unsigned char)((state >> 24) & 0x3f);
    }
    return data;
}

/* The whole file through requests of varying size: IST_OK and the bytes in to (capacity), *count of them. */
static ist_status read_all(const char *path, unsigned char *to, size_t capacity, size_t *count, ist__error *error)
{
    ist__reader *reader = NULL;
    *count = 0;
    ist_status status = ist__reader_open(&reader, path, error);
    for (size_t request = 1, got = 1; !status && got > 0; request = request * 3 % 100003 + 1) {
        const size_t room = capacity - *count;
        status = ist__reader_some(reader, to + *count, request < room ? request : room, &got, error);
        *count += got;
        if (!status) CHECK_EQ(ist__reader_offset(reader), *count);
    }
    ist__reader_close(reader);
    return status;
}

static void check_reads(const char *path, const unsigned char *data, size_t count)
{
    ist__error error = {0};
    unsigned char *back = malloc(count + 1);
    size_t got;
    CHECK_EQ(read_all(path, back, count + 1, &got, &error), IST_OK);
    CHECK_EQ(got, count);
    CHECK_MEM(back, data, count);
    free(back);
}

/* The error text of an opened file that is read to its end, "" when all is well. */
static const char *fault_of(const char *path)
{
    static ist__error error;
    static unsigned char to[2 * BIG];
    size_t got;
    error.text[0] = '\0';
    const ist_status status = read_all(path, to, sizeof to, &got, &error);
    if (!status) return "";
    CHECK_EQ(error.status, status);
    CHECK_EQ(status, IST_E_FORMAT);
    return error.text;
}

TEST(plain_and_gzip_bytes_come_back)
{
    unsigned char *data = pattern(BIG);
    const size_t sizes[] = {1, 2, 3, 65535, 65536, 65537, BIG};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_reads(temp_put("plain", data, sizes[i]), data, sizes[i]);
        check_reads(temp_put_gzip("packed", data, sizes[i]), data, sizes[i]);
    }
    free(data);
}

TEST(one_large_request_gets_everything)
{
    unsigned char *data = pattern(BIG), *back = malloc(BIG);
    for (int packed = 0; packed < 2; packed++) {
        const char *path = packed ? temp_put_gzip("file", data, BIG) : temp_put("file", data, BIG);
        ist__reader *reader;
        memset(back, 0, BIG);
        CHECK_EQ(ist__reader_open(&reader, path, NULL), IST_OK);
        CHECK_EQ(ist__reader_bytes(reader, back, 5, "a start", NULL), IST_OK);
        CHECK_EQ(ist__reader_bytes(reader, back + 5, BIG - 5, "the rest", NULL), IST_OK);
        CHECK_EQ(ist__reader_offset(reader), BIG);
        CHECK_EQ(ist__reader_end(reader, NULL), IST_OK);
        CHECK_MEM(back, data, BIG);
        ist__reader_close(reader);
    }
    free(data);
    free(back);
}

TEST(gzip_members_follow_one_another)
{
    unsigned char *data = pattern(BIG), *packed = malloc(2 * BIG);
    size_t length = 0;
    const size_t cuts[] = {0, 7, 7, 100000, BIG}; /* an empty member is the second */
    for (int i = 0; i < 4; i++)
        length += temp_gzip(data + cuts[i], cuts[i + 1] - cuts[i], packed + length, 2 * BIG - length);
    check_reads(temp_put("members", packed, length), data, BIG);
    free(data);
    free(packed);
}

TEST(an_empty_file_is_at_its_end)
{
    ist__reader *reader;
    CHECK_EQ(ist__reader_open(&reader, temp_put("empty", "", 0), NULL), IST_OK);
    CHECK_EQ(ist__reader_end(reader, NULL), IST_OK);
    CHECK_EQ(ist__reader_rest(reader), 0);
    ist__reader_close(reader);
}

TEST(truncation_is_told_with_byte_and_name)
{
    char byte[8], wanted[600];
    ist__error error;
    ist__reader *reader;
    const char *path = temp_put("short", "abcdefg", 7);
    CHECK_EQ(ist__reader_open(&reader, path, &error), IST_OK);
    CHECK_EQ(ist__reader_bytes(reader, byte, 4, "magic", &error), IST_OK);
    CHECK_EQ(ist__reader_bytes(reader, byte, 8, "weights", &error), IST_E_FORMAT);
    snprintf(wanted, sizeof wanted, "%s: byte 7: truncated, expected 5 more bytes of weights", path);
    CHECK_STR(error.text, wanted);
    ist__reader_close(reader);
}

TEST(a_gzip_file_cut_anywhere_is_refused)
{
    unsigned char *data = pattern(500), packed[2000];
    const size_t length = temp_gzip(data, 500, packed, sizeof packed);
    for (size_t cut = 2; cut < length; cut++) {
        const char *fault = fault_of(temp_put("cut", packed, cut));
        CHECK(strstr(fault, "truncated, the gzip data have no end") != NULL);
        CHECK(strstr(fault, "/cut: byte ") != NULL);
    }
    CHECK_STR(fault_of(temp_put("cut", packed, length)), "");
    free(data);
}

TEST(a_gzip_file_with_a_flipped_bit_is_refused)
{
    unsigned char *data = pattern(500), packed[2000];
    const size_t length = temp_gzip(data, 500, packed, sizeof packed);
    for (size_t bit = 8 * 10; bit < 8 * length; bit++) { /* behind the header: body, check sum, length */
        packed[bit / 8] ^= (unsigned char)(1U << bit % 8);
        CHECK(strstr(fault_of(temp_put("flip", packed, length)), ": byte ") != NULL);
        packed[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    packed[length - 6] ^= 4;
    CHECK(strstr(fault_of(temp_put("flip", packed, length)), "byte 500 (unpacked): damaged gzip data") != NULL);
    packed[length - 6] ^= 4;
    memcpy(packed + length, "junk", 4);
    CHECK(strstr(fault_of(temp_put("flip", packed, length + 4)), "byte 500 (unpacked): damaged gzip data") != NULL);
    free(data);
}

TEST(more_than_expected_is_refused)
{
    for (int packed = 0; packed < 2; packed++) {
        char to[8];
        ist__error error;
        ist__reader *reader;
        const char *path = packed ? temp_put_gzip("long", "abcdefg", 7) : temp_put("long", "abcdefg", 7);
        CHECK_EQ(ist__reader_open(&reader, path, NULL), IST_OK);
        CHECK_EQ(ist__reader_bytes(reader, to, 6, "data", NULL), IST_OK);
        CHECK_EQ(ist__reader_end(reader, &error), IST_E_FORMAT);
        CHECK(strstr(error.text, packed ? "byte 6 (unpacked): " : "byte 6: ") != NULL);
        ist__reader_close(reader);
    }
}

TEST(a_plain_file_justifies_exactly_its_rest)
{
    char to[8], wanted[600];
    ist__error error;
    ist__reader *reader;
    const char *path = temp_put("claim", "0123456789", 10);
    CHECK_EQ(ist__reader_open(&reader, path, NULL), IST_OK);
    CHECK_EQ(ist__reader_bytes(reader, to, 4, "magic", NULL), IST_OK);
    CHECK_EQ(ist__reader_rest(reader), 6);
    CHECK_EQ(ist__reader_justify(reader, 6, "rows", &error), IST_OK);
    CHECK_EQ(ist__reader_justify(reader, 7, "rows", &error), IST_E_FORMAT);
    snprintf(wanted, sizeof wanted, "%s: byte 4: claims 7 bytes of rows, but the file can hold at most 6", path);
    CHECK_STR(error.text, wanted);
    CHECK_EQ(ist__reader_justify(reader, UINT64_MAX, "rows", &error), IST_E_FORMAT);
    CHECK(strstr(error.text, "claims more than 2^64 bytes of rows") != NULL);
    CHECK_EQ(ist__reader_justify(reader, 0, "rows", &error), IST_OK);
    ist__reader_close(reader);
}

TEST(a_gzip_file_justifies_all_it_holds_and_not_2_to_40)
{
    /* Zeros pack best, so this is the content nearest to the bound. */
    const size_t count = 8 << 20;
    unsigned char *zeros = calloc(count, 1);
    ist__reader *reader;
    const char *path = temp_put_gzip("zeros", zeros, count);
    struct stat status;
    CHECK_EQ(stat(path, &status), 0);
    CHECK_EQ(ist__reader_open(&reader, path, NULL), IST_OK);
    CHECK_EQ(ist__reader_justify(reader, count, "zeros", NULL), IST_OK);
    CHECK_EQ(ist__reader_rest(reader), 1032 * (uint64_t)status.st_size);
    CHECK_EQ(ist__reader_justify(reader, (uint64_t)1 << 40, "zeros", NULL), IST_E_FORMAT);
    CHECK_EQ(ist__reader_bytes(reader, zeros, count, "zeros", NULL), IST_OK);
    CHECK_EQ(ist__reader_end(reader, NULL), IST_OK);
    ist__reader_close(reader);
    free(zeros);
}

TEST(what_cannot_be_opened_is_io_with_the_reason)
{
    ist__error error;
    ist__reader *reader = NULL;
    CHECK_EQ(ist__reader_open(&reader, temp_path("nothing"), &error), IST_E_IO);
    CHECK(strstr(error.text, "/nothing: cannot open: No such file") != NULL);
    CHECK_EQ(ist__reader_open(&reader, temp_folder, &error), IST_E_IO);
    CHECK(strstr(error.text, "cannot read: Is a directory") != NULL);
    CHECK_EQ(ist__reader_open(&reader, "", &error), IST_E_IO);
    CHECK_EQ(ist__reader_open(&reader, "/dev/zero", &error), IST_E_IO);
    CHECK(strstr(error.text, "/dev/zero: cannot read: not a regular file") != NULL);
    CHECK_EQ(mkfifo(temp_path("pipe"), 0600), 0);
    CHECK_EQ(ist__reader_open(&reader, temp_path("pipe"), &error), IST_E_IO); /* and does not wait for a writer */
    CHECK(reader == NULL);
    CHECK_EQ(ist__reader_open(&reader, temp_path("nothing"), NULL), IST_E_IO);
}

TEST(a_file_without_permission_is_io)
{
    ist__error error;
    ist__reader *reader;
    const char *path = temp_put("secret", "x", 1);
    CHECK_EQ(chmod(path, 0), 0);
    const uid_t user = geteuid(); /* root may read everything: be somebody else for a while */
    if (user == 0 && seteuid(65534) != 0) SKIP("root, and cannot be anybody else");
    const ist_status status = ist__reader_open(&reader, path, &error);
    if (user == 0) CHECK_EQ(seteuid(user), 0);
    CHECK_EQ(status, IST_E_IO);
    CHECK(strstr(error.text, "cannot open: Permission denied") != NULL);
}

TEST(paths_are_shown_on_one_line)
{
    char shown[IST__SHOWN_PATH_BYTES], path[1000];
    ist__show_path(shown, "a\nb\tc\x7f.npy");
    CHECK_STR(shown, "a?b?c?.npy");
    for (size_t length = 150; length < 990; length++) {
        memset(path, 'p', length);
        memcpy(path + length - 5, "/name", 6);
        ist__show_path(shown, path);
        CHECK(strlen(shown) < IST__SHOWN_PATH_BYTES);
        CHECK(length < IST__SHOWN_PATH_BYTES ? strcmp(shown, path) == 0 : strncmp(shown, "...", 3) == 0);
        CHECK_STR(shown + strlen(shown) - 5, "/name");
    }
}

/* ------------------------------------------------------------------------------------------------------ writer -- */

TEST(written_bytes_come_back)
{
    temp_empty();
    unsigned char *data = pattern(BIG);
    const char *path = temp_path("out");
    ist__writer *writer;
    CHECK_EQ(ist__writer_open(&writer, path, NULL), IST_OK);
    size_t done = 0;
    for (size_t some = 1; done < BIG; some = some * 5 % 90001) {
        if (some > BIG - done) some = BIG - done;
        CHECK_EQ(ist__writer_bytes(writer, data + done, some, NULL), IST_OK);
        done += some;
    }
    CHECK_EQ(ist__writer_bytes(writer, data, 0, NULL), IST_OK);
    CHECK_EQ(ist__writer_commit(writer, NULL), IST_OK);
    check_reads(path, data, BIG);
    CHECK_EQ(temp_count(), 1);
    free(data);
}

TEST(a_file_appears_only_with_commit)
{
    temp_empty();
    const char *path = temp_put("out", "old", 3);
    ist__writer *writer;
    CHECK_EQ(ist__writer_open(&writer, path, NULL), IST_OK);
    CHECK_EQ(ist__writer_bytes(writer, "newer", 5, NULL), IST_OK);
    CHECK_EQ(temp_count(), 2);
    check_reads(path, (const unsigned char *)"old", 3);
    CHECK_EQ(ist__writer_commit(writer, NULL), IST_OK);
    check_reads(path, (const unsigned char *)"newer", 5);
    CHECK_EQ(temp_count(), 1);
}

TEST(an_abandoned_file_leaves_nothing)
{
    temp_empty();
    const char *path = temp_path("out");
    ist__writer *writer;
    CHECK_EQ(ist__writer_open(&writer, path, NULL), IST_OK);
    CHECK_EQ(ist__writer_bytes(writer, "x", 1, NULL), IST_OK);
    CHECK_EQ(temp_count(), 1);
    ist__writer_abandon(writer);
    CHECK_EQ(temp_count(), 0);
    ist__writer_abandon(NULL);
}

TEST(permissions_follow_the_umask)
{
    temp_empty();
    const mode_t masks[] = {022, 077, 002};
    for (int i = 0; i < 3; i++) {
        struct stat status;
        ist__writer *writer;
        const mode_t before = umask(masks[i]);
        CHECK_EQ(ist__writer_open(&writer, temp_path("out"), NULL), IST_OK);
        CHECK_EQ(ist__writer_commit(writer, NULL), IST_OK);
        umask(before);
        CHECK_EQ(stat(temp_path("out"), &status), 0);
        CHECK_EQ(status.st_mode & 0777, 0666 & ~masks[i]);
    }
}

TEST(what_cannot_be_created_is_io_with_the_reason)
{
    temp_empty();
    ist__error error;
    ist__writer *writer = NULL;
    CHECK_EQ(ist__writer_open(&writer, temp_path("no/such/out"), &error), IST_E_IO);
    CHECK(strstr(error.text, "no/such/out: cannot create: No such file or directory") != NULL);
    CHECK_EQ(ist__writer_open(&writer, temp_folder, &error), IST_E_IO);
    CHECK_EQ(ist__writer_open(&writer, temp_path(""), &error), IST_E_IO);
    CHECK_EQ(ist__writer_open(&writer, "", &error), IST_E_IO);
    CHECK_EQ(ist__writer_open(&writer, "/dev/null", &error), IST_E_IO);
    CHECK(strstr(error.text, "not a regular file") != NULL);
    CHECK_EQ(temp_count(), 0);
    CHECK(writer == NULL);
}

TEST(names_as_long_as_the_system_allows_can_be_written)
{
    temp_empty();
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    ist__writer *writer;
    CHECK_EQ(ist__writer_open(&writer, temp_path(name), NULL), IST_OK);
    CHECK_EQ(ist__writer_bytes(writer, "x", 1, NULL), IST_OK);
    CHECK_EQ(ist__writer_commit(writer, NULL), IST_OK);
    check_reads(temp_path(name), (const unsigned char *)"x", 1);
}

TEST(a_full_disk_leaves_the_old_file)
{
    temp_empty();
    const char *path = temp_put("out", "old", 3);
    unsigned char *data = pattern(BIG);
    for (int small = 0; small < 2; small++) { /* fails while writing, or only with the flush of commit */
        ist__error error = {0};
        ist__writer *writer;
        const struct rlimit limit = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
        const struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
        signal(SIGXFSZ, SIG_IGN);
        CHECK_EQ(ist__writer_open(&writer, path, NULL), IST_OK);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) SKIP("cannot set a file size limit");
        const size_t count = small ? 5000 : BIG;
        ist_status status = ist__writer_bytes(writer, data, count, &error);
        CHECK_EQ(status, small ? IST_OK : IST_E_IO);
        if (small) status = ist__writer_commit(writer, &error);
        else ist__writer_abandon(writer);
        setrlimit(RLIMIT_FSIZE, &none);
        CHECK_EQ(status, IST_E_IO);
        CHECK(strstr(error.text, "/out: cannot write: File too large") != NULL);
        CHECK_EQ(temp_count(), 1);
        check_reads(path, (const unsigned char *)"old", 3);
    }
    free(data);
}

static const char *contended;

/* Writes the contended file with one repeated byte, many times; argument: that byte. */
static void *write_often(void *argument)
{
    const char *letter = argument;
    unsigned char data[5000];
    memset(data, *letter, sizeof data);
    for (int i = 0; i < 30; i++) {
        ist__writer *writer;
        if (ist__writer_open(&writer, contended, NULL)) return argument;
        if (ist__writer_bytes(writer, data, sizeof data, NULL)) return argument;
        if (ist__writer_commit(writer, NULL)) return argument;
    }
    return NULL;
}

TEST(writers_of_one_name_do_not_mix)
{
    temp_empty();
    pthread_t threads[2];
    char letters[] = "ab";
    void *failed[2];
    unsigned char back[6000];
    size_t got;
    contended = temp_path("same");
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_create(&threads[i], NULL, write_often, &letters[i]), 0);
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_join(threads[i], &failed[i]), 0);
    CHECK(!failed[0] && !failed[1]);
    CHECK_EQ(temp_count(), 1);
    CHECK_EQ(read_all(contended, back, sizeof back, &got, NULL), IST_OK);
    CHECK_EQ(got, 5000);
    for (size_t i = 1; i < got; i++) CHECK_EQ(back[i], back[0]);
}
