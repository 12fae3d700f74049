/* seeds.c - writes small valid files of every format, one folder a target: FOLDER/npy/.., FOLDER/model/.. and so on.
 *
 * usage: fuzz_seeds FOLDER
 *
 * They are made here and not kept, so that they follow the formats. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/sparse.h"
#include "fuzz.h"
#include "fuzz_run.h"

static const char *root;

/* A growing string of bytes. */
typedef struct text {
    uint8_t byte[1 << 16];
    size_t count;
} text;

static text t; /* the file that is being made */

static void add(const void *bytes, size_t count)
{
    fuzz_require(count <= sizeof t.byte - t.count);
    memcpy(t.byte + t.count, bytes, count);
    t.count += count;
}

static void add_text(const char *format, ...)
{
    char line[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    add(line, strlen(line));
}

static void add_number(uint64_t value, int size, bool big_endian)
{
    for (int i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)(value >> (8 * (big_endian ? size - 1 - i : i)));
        add(&byte, 1);
    }
}

static const char *place(const char *folder, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, folder);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", root, folder, name);
    return path;
}

/* Write what was made, and begin anew. */
static void put(const char *folder, const char *name)
{
    FILE *file = fopen(place(folder, name), "wb");
    fuzz_require(file && fwrite(t.byte, 1, t.count, file) == t.count && fclose(file) == 0);
    t.count = 0;
}

static void put_packed(const char *folder, const char *name, int members)
{
    size_t length;
    void *gzip = fuzz_gzip(t.byte, t.count, members, &length);
    t.count = 0;
    add(gzip, length);
    free(gzip);
    put(folder, name);
}

/* ------------------------------------------------------------------------------------------------------- tables -- */

static void make_idx(int type, int bytes, int dims, const int *size)
{
    const uint8_t head[4] = {0, 0, (uint8_t)type, (uint8_t)dims};
    int count = 1;
    add(head, sizeof head);
    for (int d = 0; d < dims; d++) {
        add_number((uint64_t)size[d], 4, true);
        count *= size[d];
    }
    for (int i = 0; i < count; i++) add_number((uint64_t)(i * 7 % 5), bytes, true);
}

static void idx_seeds(void)
{
    static const struct {
        int type, bytes;
    } types[] = {{0x08, 1}, {0x09, 1}, {0x0b, 2}, {0x0c, 4}, {0x0d, 4}, {0x0e, 8}};
    static const int size[4] = {4, 3, 2, 1};
    char name[40];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int dims = 1; dims <= 4; dims++) {
            snprintf(name, sizeof name, "%02x-%d", (unsigned)types[i].type, dims);
            make_idx(types[i].type, types[i].bytes, dims, size);
            put("idx", name);
        }
}

static void make_npy(const char *descr, int bytes, int version, const char *shape, int count)
{
    char head[200];
    const int length =
        snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape);
    add("\x93NUMPY", 6);
    add_number((uint64_t)version, 1, false);
    add_number(0, 1, false);
    add_number((uint64_t)length, version == 1 ? 2 : 4, false);
    add(head, (size_t)length);
    for (int i = 0; i < count; i++) add_number((uint64_t)(i * 7 % 5), bytes, *descr == '>');
}

static void npy_seeds(void)
{
    static const char *const descr[] = {"|u1", "|i1", "<u2", ">i2", "<u4", ">i4", "<u8", ">i8", "<f4", ">f4", "<f8"};
    static const int bytes[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 4, 8};
    static const char *const shape[] = {"(6,)", "(3, 2)", "(2, 3, 1)"};
    char name[40];
    for (int i = 0; i < 11; i++) {
        snprintf(name, sizeof name, "%s-%d", descr[i] + 1, i);
        make_npy(descr[i], bytes[i], 1 + i % 3, shape[i % 3], 6);
        put("npy", name);
    }
}

static void gzip_seeds(void)
{
    static const int size[2] = {400, 3}, vector[1] = {400};
    make_idx(0x08, 1, 2, size);
    put_packed("gzip", "idx", 1);
    make_idx(0x08, 1, 1, vector);
    put_packed("gzip", "labels", 2);
    make_npy("<f4", 4, 1, "(40, 3)", 120);
    put_packed("gzip", "npy", 3);
    for (int i = 0; i < 60000; i++) add_number(0, 1, false);
    put_packed("gzip", "zeros", 1);
    put_packed("gzip", "nothing", 1);
    static const uint8_t named[] = {0x1f, 0x8b, 8, 0x1e, 1, 2,    3,    4, 0, 3, 2, 0, 'x', 'y', 'n', 0, 'c', 0,
                                    0,    0,    1, 2,    0, 0xfd, 0xff, 0, 0, 0, 0, 0, 0,   0,   2,   0, 0,   0};
    add(named, sizeof named); /* all optional fields, and a stored block */
    put("gzip", "fields");
}

static void csv_seeds(void)
{
    add_text("1,2,3\n4,5,6\n-7.5e-3,+8,.5\n");
    put("csv", "plain");
    add_text("a,\"b,c\",d\r\n1, 2 ,3\r\n4,5,6\r\n\r\n");
    put("csv", "header");
    add_text("\xef\xbb\xbf"
             "1;2\n3;4\n");
    put("csv", "semicolon");
    add_text("1\t2\n3\t1e38\n");
    put("csv", "tab");
    for (int i = 0; i < 40; i++) add_text("%d\n", i % 4);
    put("csv", "labels");
    add_text("nan,1\n2,inf\n");
    put("csv", "not-finite");
    for (int i = 0; i < 300; i++) add_text("%d,", i);
    add_text("0.1234567890123456789012345678901234567890e-20\n");
    put("csv", "wide");
}

static void sparse_seeds(void)
{
    add_text("3,1 1:0.5 4:2 7:-1e-3\n0 2:1\n\n# words\n2.0 3:.5 # more\n");
    put("libsvm", "some");
    add_text("+1 1:1\r\n-1 2:+1\r\n-1\r\n");
    put("libsvm", "two-classes");
    for (int i = 0; i < 30; i++) add_text("%d %d:%d %d:0.25\n", i % 4, 1 + i % 7, i, 9 + i);
    put("libsvm", "rows");
    add_text("2 9 8\n3,7 1:0.5 4:2\n0 8:-1e2\n");
    put("xmc", "some");
    add_text("4 5 3\n 1:1 2:2\n2,1\n\n0:4\n");
    put("xmc", "empty");
    add_text("3 90 80\n");
    for (int i = 0; i < 3; i++) {
        for (int label = 0; label < 12; label++) add_text("%s%d", label > 0 ? "," : "", 5 * label + i);
        for (int feature = 0; feature < 20; feature++) add_text(" %d:%d.%d", 4 * feature + i, feature % 3, feature);
        add_text("\n");
    }
    put("xmc", "rows");
}

/* The sparse text made above, as data files. */
static void data_file_seeds(void)
{
    static const char *const from[] = {"xmc/some", "xmc/empty", "xmc/rows", "libsvm/two-classes"};
    const ist__sparse_ask ask = {.index_base = 0};
    char path[4096], name[8];
    for (int i = 0; i < 4; i++) {
        ist__sparse rows = {0};
        snprintf(path, sizeof path, "%s/%s", root, from[i]);
        fuzz_require(ist__sparse_load(path, &ask, NULL, &rows, NULL) == IST_OK);
        snprintf(name, sizeof name, "%d", i);
        fuzz_require(ist__sparse_save(&rows, place("datafile", name), NULL) == IST_OK);
        ist__sparse_destroy(&rows);
    }
}

/* ------------------------------------------------------------------------------------------------------- models -- */

/* As other programs' files, too. */
static void import_seeds(ist_model *model, const char *name)
{
    static const char *const end[] = {"safetensors", "npz"};
    char file[64];
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s.%s", name, end[i]);
        fuzz_require(ist_model_export(model, place("import", file), NULL) == IST_OK);
    }
}

static void model_seed(const char *name, int32_t hidden_count, int32_t hidden_norm, int32_t output_norm, double scale,
                       int32_t activation)
{
    static const int32_t hidden[3] = {3, 2, 4};
    ist_model *model;
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = 3;
    net.classes = 2;
    net.hidden = hidden;
    net.hidden_count = hidden_count;
    net.hidden_norm = hidden_norm;
    net.output_norm = output_norm;
    net.subnets = hidden_count > 0 ? 2 : 1;
    net.output_scale = scale;
    net.activation = activation;
    fuzz_require(ist_model_create(fuzz_context(), &model, &net) == IST_OK);
    fuzz_require(ist_model_save(model, place("model", name)) == IST_OK);
    import_seeds(model, name);
    ist_model_destroy(model);
}

static void model_seeds(void)
{
    model_seed("plain", 1, IST_NORM_NONE, IST_NORM_NONE, 1, IST_RELU);
    model_seed("deep", 3, IST_NORM_BATCH, IST_NORM_BATCH, 1, IST_RELU);
    model_seed("linear", 0, IST_NORM_NONE, IST_NORM_NONE, 1, IST_RELU);
    model_seed("scaled", 2, IST_NORM_BATCH, IST_NORM_NONE, 0.5, IST_RELU);
    model_seed("smooth", 2, IST_NORM_BATCH, IST_NORM_NONE, 1, IST_SILU);
}

static void checkpoint_seeds(void)
{
    static const int64_t rounds[] = {0, 1, 4, 3};
    char name[16];
    fuzz_run run = fuzz_run_open(fuzz_context());
    for (int i = 0; i < 4; i++) {
        if (rounds[i] > 0) fuzz_require(ist_trainer_run(run.trainer, rounds[i], NULL, NULL) == IST_OK);
        snprintf(name, sizeof name, "%d", i);
        fuzz_require(ist_trainer_save(run.trainer, place("checkpoint", name)) == IST_OK);
        if (i == 2) fuzz_require(ist_trainer_calibrate(run.trainer) == IST_OK);
        fuzz_require(ist_trainer_save(run.trainer, place("model", name)) == IST_OK);
        if (i == 2) import_seeds(run.model, name);
    }
    fuzz_run_close(&run);
}

/* ---------------------------------------------------------------------------------------------------- the others -- */

static void topology_seeds(void)
{
    add_text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
             "<topology version=\"2.0\">\n"
             "  <object type=\"Machine\" os_index=\"0\" cpuset=\"0x00000003\" complete_cpuset=\"0x00000003\" "
             "allowed_cpuset=\"0x00000003\" nodeset=\"0x00000001\" complete_nodeset=\"0x00000001\" "
             "allowed_nodeset=\"0x00000001\" gp_index=\"1\">\n"
             "    <object type=\"NUMANode\" os_index=\"0\" cpuset=\"0x00000003\" complete_cpuset=\"0x00000003\" "
             "nodeset=\"0x00000001\" complete_nodeset=\"0x00000001\" gp_index=\"4\" local_memory=\"1048576\"/>\n");
    for (int i = 0; i < 2; i++)
        add_text("    <object type=\"Core\" os_index=\"%d\" cpuset=\"0x%08x\" complete_cpuset=\"0x%08x\" "
                 "nodeset=\"0x00000001\" complete_nodeset=\"0x00000001\" gp_index=\"%d\">\n"
                 "      <object type=\"PU\" os_index=\"%d\" cpuset=\"0x%08x\" complete_cpuset=\"0x%08x\" "
                 "nodeset=\"0x00000001\" complete_nodeset=\"0x00000001\" gp_index=\"%d\"/>\n    </object>\n",
                 i, 1 << i, 1 << i, 2 + 3 * i, i, 1 << i, 1 << i, 3 + 3 * i);
    add_text("  </object>\n</topology>\n");
    put("topology", "two-cores");
}

static void make_wav(int format, int bits, int channels, int frames)
{
    const int bytes = bits / 8 * channels;
    add("RIFF", 4);
    add_number((uint64_t)(36 + frames * bytes), 4, false);
    add("WAVEfmt ", 8);
    add_number(16, 4, false);
    add_number((uint64_t)format, 2, false);
    add_number((uint64_t)channels, 2, false);
    add_number(8000, 4, false);
    add_number((uint64_t)(8000 * bytes), 4, false);
    add_number((uint64_t)bytes, 2, false);
    add_number((uint64_t)bits, 2, false);
    add("data", 4);
    add_number((uint64_t)(frames * bytes), 4, false);
    for (int i = 0; i < frames * channels; i++) add_number((uint64_t)(i * 37 % 100), bits / 8, false);
}

static void wav_seeds(void)
{
    static const int kind[][3] = {{1, 8, 1},  {1, 16, 1}, {1, 16, 2}, {1, 24, 1}, {1, 32, 1},
                                  {3, 32, 1}, {3, 64, 1}, {6, 8, 1},  {7, 8, 1}};
    char name[40];
    for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) {
        snprintf(name, sizeof name, "%d-%d-%d", kind[i][0], kind[i][1], kind[i][2]);
        make_wav(kind[i][0], kind[i][1], kind[i][2], 40);
        put("wav", name);
    }
}

static void rates_seeds(void)
{
    add_text("{\"on\": \"a machine\", \"rates\": {\"forward_gflops\": 100, \"pull_gflops\": 90.5, "
             "\"update_sgd_gflops\": 20, "
             "\"update_momentum_gflops\": 15, \"update_nesterov_gflops\": {\"value\": 14, \"is\": \"measured\"}, "
             "\"update_adam_gflops\": 10}}");
    put("rates", "least");
    add_text(
        "{\"rates\": {\"forward_gflops\": 1e3, \"pull_gflops\": 1, \"update_sgd_gflops\": 1, "
        "\"update_momentum_gflops\": 1, \"update_nesterov_gflops\": 1, \"update_adam_gflops\": 1, "
        "\"barrier_thread_s\": 1e-7, \"barrier_team_s\": 1e-6, \"step_factor\": 1.5, \"cache_bytes\": 2097152, "
        "\"gather_rows_gb_per_s\": 10, \"gather_columns_gb_per_s\": 3, \"write_rows_gb_per_s\": 8, "
        "\"write_columns_gb_per_s\": 2, \"mean_gb_per_s\": 5, \"fill_gb_per_s\": 5, \"node_gb_per_s\": 50, "
        "\"between_gb_per_s\": 20, \"step_s\": 1e-6, \"round_s\": 1e-5, \"deal_s\": 1e-8, \"norm_forward_s\": 1e-9, "
        "\"norm_backward_s\": 1e-9, \"loss_s\": 1e-9, \"assemble_s\": 1e-9}}");
    put("rates", "all");
}

static void options_seeds(void)
{
    add_text("model.ist\n--train\nx.idx:y.idx\n--hidden=40,24\n--shares\n2,1,1\n--normalize\nzscore\n--teams\nauto\n--"
             "part\n1/4");
    put("options", "some");
    add_text("--normalize=128,0.01\n--trace-rounds\n3-9\n--trace\nt.json\n--time-limit\n2h\n--patience\n3\n--keep-"
             "best\n--\n-file");
    put("options", "others");
    add_text("--label-smoothing\n0.1\n--lr-schedule\ncosine\n--momentum=0.9\n--file\n--batch\n12\n--"
             "engine\nreference\n--help");
    put("options", "help");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
        return 2;
    }
    root = argv[1];
    mkdir(root, 0777);
    idx_seeds();
    npy_seeds();
    gzip_seeds();
    csv_seeds();
    sparse_seeds();
    data_file_seeds();
    model_seeds();
    checkpoint_seeds();
    topology_seeds();
    wav_seeds();
    rates_seeds();
    options_seeds();
    return 0;
}
