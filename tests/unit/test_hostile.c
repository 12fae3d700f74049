/* test_hostile.c - files that claim what they do not hold, that hold more than they say, and that change while they are
 * read: refused, and with no more memory than they justify. */
#define _GNU_SOURCE
#include "ist_test.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/reader.h"
#include "data/formats.h"
#include "model/checkpoint.h"
#include "temp_files.h"

enum { MIB = 1 << 20 };

static long most_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* An idx file, packed: a matrix of `claimed` MiB, and so many MiB that pack well. */
static const char *put_packed(const char *name, int claimed, int held)
{
    bytes all = {0};
    bytes_int(&all, 0x00000802, 4, 1);
    bytes_int(&all, (uint64_t)claimed, 4, 1);
    bytes_int(&all, MIB, 4, 1);
    const size_t count = (size_t)held * MIB;
    unsigned char *content = malloc(count);
    CHECK(content != NULL);
    for (size_t i = 0; i < count; i++) content[i] = (unsigned char)(i / 200 * 31);
    bytes_add(&all, content, count);
    free(content);
    const char *path = temp_put_gzip(name, all.data, all.count);
    free(all.data);
    return path;
}

static ist_status load(const char *path, ist__error *error)
{
    ist__matrix matrix = {0};
    const ist_status status = ist__load_features(path, &matrix, error);
    ist__free(matrix.x);
    return status;
}

/* In a process of its own, as all cases are: the memory of one load is what this one has at most. */
static long growth_of(const char *path, ist_status expected, const char *words)
{
    ist__error error = {0};
    const int status_fd = memfd_create("growth", 0);
    const pid_t child = fork();
    CHECK(status_fd >= 0 && child >= 0);
    if (child == 0) {
        const long before = most_kib();
        const ist_status status = load(path, &error);
        const long grown = most_kib() - before;
        const bool well = status == expected && strstr(error.text, words);
        if (!well) fprintf(stderr, "status %d: %s\n", status, error.text);
        _exit(well && write(status_fd, &grown, sizeof grown) == sizeof grown ? 0 : 1);
    }
    int how;
    long grown = 0;
    CHECK_EQ(waitpid(child, &how, 0), child);
    CHECK_EQ(how, 0);
    CHECK_EQ(pread(status_fd, &grown, sizeof grown, 0), (ssize_t)sizeof grown);
    close(status_fd);
    return grown;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define SANITIZED 1
#else
#  define SANITIZED 0
#endif

TEST(a_packed_file_that_lies_gets_no_memory)
{
    const char *path = put_packed("lies", 48, 47);
    const long grown = growth_of(path, IST_E_FORMAT, "but the file holds 49283072");
    if (!SANITIZED) CHECK(grown < 4096);
}

TEST(a_packed_file_that_tells_the_truth_is_read)
{
    const char *path = put_packed("true", 48, 48);
    growth_of(path, IST_OK, "");
}

TEST(a_packed_file_that_goes_on_is_not_unpacked_to_its_end)
{
    const char *path = put_packed("long", 1, 48);
    const long grown = growth_of(path, IST_E_FORMAT, "the data should end here");
    if (!SANITIZED) CHECK(grown < 6144);
}

TEST(a_damaged_packed_file_with_a_large_claim_is_refused)
{
    const char *path = put_packed("cut", 48, 48);
    struct stat about;
    CHECK_EQ(stat(path, &about), 0);
    CHECK_EQ(truncate(path, about.st_size * 3 / 4), 0);
    growth_of(path, IST_E_FORMAT, "truncated");
}

/* ----------------------------------------------------------------------------------------------------- shrinking -- */

static ist__reader *open_then_cut(const char *path, off_t length)
{
    ist__reader *reader = NULL;
    CHECK_EQ(ist__reader_open(&reader, path, NULL), IST_OK);
    CHECK_EQ(truncate(path, length), 0);
    return reader;
}

TEST(a_file_that_shrinks_while_it_is_read_is_refused)
{
    enum { COUNT = 1 << 18 };
    static unsigned char data[COUNT], back[COUNT];
    uint32_t state = 1;
    for (int i = 0; i < COUNT; i++) data[i] = (unsigned char)((state = state * 1664525U + 1013904223U) >> 24);
    for (int packed = 0; packed <= 1; packed++) {
        const char *path = packed ? temp_put_gzip("p", data, COUNT) : temp_put("p", data, COUNT);
        ist__error error = {0};
        ist__reader *reader = open_then_cut(path, 100000);
        CHECK_EQ(ist__reader_justify(reader, COUNT, "data", &error), IST_OK); /* it was that long */
        CHECK_EQ(ist__reader_bytes(reader, back, COUNT, "data", &error), IST_E_FORMAT);
        CHECK(strstr(error.text, "truncated"));
        ist__reader_close(reader);
    }
}

TEST(a_file_that_grows_is_read_to_the_end_it_had_or_refused)
{
    static unsigned char data[100000];
    const char *path = temp_put("g", data, sizeof data);
    ist__reader *reader = NULL;
    ist__error error = {0};
    CHECK_EQ(ist__reader_open(&reader, path, &error), IST_OK);
    FILE *file = fopen(path, "ab");
    CHECK(file && fputs("more", file) >= 0 && fclose(file) == 0);
    CHECK_EQ(ist__reader_bytes(reader, data, sizeof data, "data", &error), IST_OK);
    CHECK_EQ(ist__reader_rest(reader), 0);
    CHECK_EQ(ist__reader_end(reader, &error), IST_E_FORMAT);
    ist__reader_close(reader);
}

TEST(a_model_that_shrinks_while_it_is_read_is_refused)
{
    const int32_t hidden[1] = {300};
    const ist_model_config config = {.struct_size = sizeof config,
                                     .features = 300,
                                     .classes = 2,
                                     .hidden = hidden,
                                     .hidden_count = 1,
                                     .huber_delta = 1};
    ist__shape shape;
    ist__net net, found;
    CHECK_EQ(ist__shape_make(&shape, &config, NULL), IST_OK);
    CHECK_EQ(ist__net_create(&net, &shape, 1, NULL), IST_OK);
    net.param = ist__alloc(shape.floats, sizeof *net.param);
    CHECK(net.param != NULL);
    const char *path = temp_path("model");
    CHECK_EQ(ist__net_write(&net, NULL, path, NULL), IST_OK);

    ist__reader *reader = NULL;
    ist__error error = {0};
    int32_t sections;
    CHECK_EQ(ist__reader_open(&reader, path, &error), IST_OK);
    CHECK_EQ(ist__net_read_open(reader, &found, &sections, &error), IST_OK);
    CHECK_EQ(truncate(path, 200000), 0);
    found.param = net.param;
    CHECK_EQ(ist__net_read_params(reader, &found, &error), IST_E_FORMAT);
    CHECK(strstr(error.text, "truncated"));
    ist__reader_close(reader);
    ist__net_destroy(&found);
    ist__free(net.param);
    ist__net_destroy(&net);
}

TEST(an_error_line_is_one_line_whatever_is_in_it)
{
    ist__error error;
    CHECK_EQ(ist__fail(&error, IST_E_FORMAT, "a%sb%c", "\n\t\x1b[2J", 127), IST_E_FORMAT);
    CHECK_STR(error.text, "a???[2Jb?");
}
