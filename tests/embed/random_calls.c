/* random_calls N [SEED] - N calls of functions of <ist/ist.h> in random order with random arguments, many of them wrong: NULL
 * handles, sizes of structs, numbers out of range or not finite, files that are none, use in the wrong state.  Never handles
 * that were destroyed, arrays that are too short, or several callers: those are undefined.
 *
 * Each status must be one that docs/embedding.md lists for the function (IST_SOURCE: where that is), a failing call leaves its
 * out-parameters alone and tells one line, and in the end a run gives the bits that it gave before.
 * Exit status: 0; 1 when something was wrong: the line tells the call and the seed, with which all calls are the same again.
 */
#define _GNU_SOURCE
#include <ftw.h>
#include <unistd.h>

#include "random_uses.h"

/* ---------------------------------------------------------------------------------------- create, and destroy in order -- */

static void drop_trainer(int i)
{
    ist_trainer_destroy(trainers[i].handle);
    trainers[i].handle = NULL;
}

static void drop_model(int i)
{
    for (int t = 0; t < TRAINERS; t++)
        if (trainers[t].handle && trainers[t].model == i) drop_trainer(t);
    ist_model_destroy(models[i].handle);
    models[i].handle = NULL;
}

static void drop_dataset(int i)
{
    for (int t = 0; t < TRAINERS; t++)
        if (trainers[t].handle && trainers[t].dataset == i) drop_trainer(t);
    ist_dataset_destroy(datasets[i].handle);
    datasets[i].handle = NULL;
}

static void drop_context(int i)
{
    for (int t = 0; t < TRAINERS; t++)
        if (trainers[t].handle && trainers[t].context == i) drop_trainer(t);
    for (int m = 0; m < MODELS; m++)
        if (models[m].handle && models[m].context == i) drop_model(m);
    for (int d = 0; d < DATASETS; d++)
        if (datasets[d].handle && datasets[d].context == i) drop_dataset(d);
    ist_context_destroy(contexts[i].handle);
    contexts[i].handle = NULL;
}

static void call_destroy(void)
{
    const int which = random_below(40), i = random_below(5);
    if (which == 0) drop_context(i % CONTEXTS);
    else if (which < 10) drop_dataset(i % DATASETS);
    else if (which < 20) drop_model(i % MODELS);
    else drop_trainer(i % TRAINERS);
}

/* Note what a call made; `fine` without a handle, or a handle without, is wrong. */
static void keep(thing *all, int place, int fine, void *made, thing as)
{
    if (!fine && made != UNTOUCHED) complain("touches the handle and fails");
    if (fine && (!made || made == UNTOUCHED)) complain("makes no handle and succeeds");
    if (!fine || !made || made == UNTOUCHED) return;
    as.handle = made;
    all[place] = as;
}

static void ignore_line(void *user, int32_t level, const char *line)
{
    (void)level;
    if (!*line || strchr(line, '\n')) *(int *)user = 1;
}

static void call_context_create(void)
{
    const int place = free_place(contexts, CONTEXTS);
    if (place < 0) {
        if (one_in(30)) drop_context(random_below(CONTEXTS));
        return;
    }
    ist_context_config config = any_context();
    ist_context *made = UNTOUCHED;
    if (one_in(2)) config.log = ignore_line;
    static int user; /* outlives the call: lines come later, too */
    config.log_user = &user;
    const int none = one_in(30);
    const int fine = judge("ist_context_create", ist_context_create(none ? NULL : &made, &config), NULL);
    if (user) complain("a log line is not one line");
    keep(contexts, place, fine, made, (thing){.handle = NULL});
}

static void call_dataset_wrap(void)
{
    const int place = free_place(datasets, DATASETS), c = any_of(contexts, CONTEXTS);
    if (place < 0) return;
    ist_dataset *made = UNTOUCHED;
    int32_t type = one_in(20) ? any_int() : one_in(4) ? IST_UINT8 : IST_FLOAT32;
    const int32_t bytes = type == IST_UINT8 ? 1 : 4;
    int64_t count = one_in(12) ? any_long() : 1 + random_below(ROWS), stride = (int64_t)sizeof x[0];
    int32_t features = one_in(12) ? any_int() : one_in(6) ? 5 : FEATURES;
    int32_t classes = one_in(8) ? any_int() : one_in(6) ? 3 : CLASSES;
    if (one_in(10)) stride = any_long();
    /* What would be read must be there. */
    if (count > ROWS && (stride < INT64_MAX / count)) count = ROWS;
    if (features > FEATURES && features * (int64_t)bytes <= stride) features = FEATURES;
    if (stride > (int64_t)sizeof x[0] && count > 1 && stride <= INT64_MAX / count) stride = (int64_t)sizeof x[0];
    const int32_t *given = one_in(6) ? NULL : labels;
    if (!given && one_in(2)) classes = 0;
    const void *from = one_in(30) ? NULL : one_in(30) ? (const void *)((const char *)x + 1) : x;
    if (from != x && from && type == IST_UINT8) from = x;
    const int fine = judge("ist_dataset_wrap",
                           ist_dataset_wrap(handle_of(contexts, c), one_in(30) ? NULL : &made, from, type, count,
                                            features, stride, given, classes),
                           handle_of(contexts, c));
    keep(datasets, place, fine, made, (thing){.context = c, .answers = count});
}

static void call_dataset_arrays(void)
{
    const int place = free_place(datasets, DATASETS), c = any_of(contexts, CONTEXTS);
    if (place < 0) return;
    ist_dataset *made = UNTOUCHED;
    const ist_dataset_arrays config = any_arrays(*x, ROWS, FEATURES, labels, CLASSES);
    const int fine =
        judge("ist_dataset_from_arrays",
              ist_dataset_from_arrays(handle_of(contexts, c), one_in(30) ? NULL : &made, one_in(30) ? NULL : &config),
              handle_of(contexts, c));
    keep(datasets, place, fine, made, (thing){.context = c, .answers = config.rows});
}

static int32_t fill_some(void *user, int64_t first_row, int64_t count, void *at, int32_t *ids, float *y)
{
    const ist_rows_config *c = user;
    (void)first_row;
    for (int64_t i = 0; c->x_type == IST_FLOAT32 && i < count * c->features; i++)
        ((float *)at)[i] = one_in(2000) ? any_float() : x[i % ROWS][0];
    for (int64_t i = 0; ids && i < count; i++) ids[i] = one_in(400) ? any_int() : labels[i % ROWS];
    for (int64_t i = 0; y && i < count * c->targets; i++) y[i] = one_in(400) ? any_float() : 0.5F;
    return one_in(60) ? any_int() : 0;
}

static void call_dataset_rows(void)
{
    const int place = free_place(datasets, DATASETS), c = any_of(contexts, CONTEXTS);
    if (place < 0) return;
    ist_dataset *made = UNTOUCHED;
    ist_rows_config config = IST_ROWS_CONFIG_INIT;
    config.rows = one_in(12) ? -random_below(3) : 1 + random_below(ROWS);
    config.features = one_in(12) ? -random_below(3) : FEATURES;
    config.x_type = one_in(8) ? any_int() : one_in(4) ? IST_UINT8 : IST_FLOAT32;
    config.classes = one_in(12) ? any_int() : one_in(3) ? CLASSES : 0;
    if (config.classes == 0 || one_in(12)) config.targets = one_in(12) ? -random_below(3) : random_below(5);
    config.rows_at_once = one_in(4) ? any_long() : random_below(9);
    config.struct_size = any_size(sizeof config);
    const int fine = judge("ist_dataset_from_rows",
                           ist_dataset_from_rows(handle_of(contexts, c), one_in(30) ? NULL : &made,
                                                 one_in(30) ? NULL : &config, one_in(30) ? NULL : fill_some, &config),
                           handle_of(contexts, c));
    keep(datasets, place, fine, made, (thing){.context = c, .answers = config.rows});
}

/* Arrays are as long as the largest number in them says, which is seldom what it should be. */
static void call_dataset_csr(void)
{
    enum { ENTRIES = 2 * ROWS };
    const int place = free_place(datasets, DATASETS), c = any_of(contexts, CONTEXTS);
    if (place < 0) return;
    static float value[ENTRIES];
    int64_t begin[ROWS + 1], label_begin[ROWS + 1];
    int32_t feature[ENTRIES], label[ENTRIES];
    ist_dataset *made = UNTOUCHED;
    ist_csr csr = IST_CSR_INIT;
    const ist_dataset_config config = any_opening();
    for (int i = 0; i <= ROWS; i++) begin[i] = one_in(900) ? random_below(ENTRIES) : 2 * i;
    for (int i = 0; i <= ROWS; i++) label_begin[i] = one_in(900) ? random_below(ENTRIES) : i;
    for (int i = 0; i < ENTRIES; i++) feature[i] = one_in(900) ? any_int() : 2 * (i % 2) + random_below(2);
    for (int i = 0; i < ENTRIES; i++) label[i] = one_in(900) ? any_int() : random_below(CLASSES);
    for (int i = 0; i < ENTRIES; i++) value[i] = one_in(900) ? any_float() : 1.5F;
    csr.rows = one_in(12) ? -random_below(3) : 1 + random_below(ROWS);
    csr.features = one_in(12) ? any_int() : FEATURES;
    csr.labels = one_in(12) ? any_int() : CLASSES;
    csr.row_begin = one_in(30) ? NULL : begin;
    csr.feature = one_in(30) ? NULL : feature;
    csr.value = one_in(3) ? NULL : value;
    csr.label_begin = one_in(3) ? NULL : label_begin;
    csr.label = one_in(12) ? NULL : label;
    csr.struct_size = any_size(sizeof csr);
    const int fine = judge("ist_dataset_from_csr",
                           ist_dataset_from_csr(handle_of(contexts, c), one_in(30) ? NULL : &made,
                                                one_in(30) ? NULL : &csr, one_in(4) ? NULL : &config),
                           handle_of(contexts, c));
    keep(datasets, place, fine, made, (thing){.context = c, .answers = csr.rows});
}

static void call_dataset_split(void)
{
    const int place = free_place(datasets, DATASETS), c = any_of(contexts, CONTEXTS), d = any_of(datasets, DATASETS);
    if (place < 0) return;
    ist_dataset *rest = UNTOUCHED, *held = UNTOUCHED;
    const double fraction = one_in(8) ? (double)any_float() : 0.25;
    const int fine = judge("ist_dataset_split",
                           ist_dataset_split(handle_of(contexts, c), handle_of(datasets, d), fraction,
                                             (uint64_t)random_below(9), one_in(30) ? NULL : &rest, &held),
                           handle_of(contexts, c));
    if (fine) ist_dataset_destroy(rest);
    keep(datasets, place, fine, held, (thing){.context = c, .answers = fine ? ist_dataset_rows(held) : 0});
}

static void call_dataset_open(void)
{
    const int place = free_place(datasets, DATASETS), c = any_of(contexts, CONTEXTS);
    if (place < 0) return;
    ist_dataset *made = UNTOUCHED;
    char first[8192];
    const char *given = any_path(0);
    if (given) snprintf(first, sizeof first, "%s", given);
    const ist_dataset_config config = any_opening();
    const char *second = one_in(2) ? NULL : any_path(0);
    const int as = one_in(2);
    const ist_status status = as ? ist_dataset_open_as(handle_of(contexts, c), &made, given ? first : NULL, second,
                                                       one_in(6) ? NULL : &config)
                                 : ist_dataset_open(handle_of(contexts, c), &made, given ? first : NULL, second);
    const int fine = judge(as ? "ist_dataset_open_as" : "ist_dataset_open", status, handle_of(contexts, c));
    keep(datasets, place, fine, made, (thing){.context = c, .answers = fine ? ist_dataset_rows(made) : 0});
}

static void call_model_create(void)
{
    const int place = free_place(models, MODELS), c = any_of(contexts, CONTEXTS);
    if (place < 0) return;
    int32_t hidden[IST_MAX_HIDDEN];
    const ist_model_config config = any_model(hidden);
    ist_model *made = UNTOUCHED;
    const int fine =
        judge("ist_model_create",
              ist_model_create(handle_of(contexts, c), one_in(30) ? NULL : &made, one_in(30) ? NULL : &config),
              handle_of(contexts, c));
    keep(models, place, fine, made, (thing){.context = c, .classes = config.classes});
}

static void call_model_load(void)
{
    const int place = free_place(models, MODELS), c = any_of(contexts, CONTEXTS);
    if (place < 0) return;
    ist_model *made = UNTOUCHED;
    ist_model_config described = IST_MODEL_CONFIG_INIT;
    const int fine =
        judge("ist_model_load", ist_model_load(handle_of(contexts, c), one_in(30) ? NULL : &made, any_path(0)),
              handle_of(contexts, c));
    if (fine) (void)ist_model_describe(made, &described);
    keep(models, place, fine, made, (thing){.context = c, .classes = described.classes});
}

/* Models and runs through memory, sometimes cut or with a byte that is another. */
static void call_bytes(void)
{
    static unsigned char kept[ROOM];
    static size_t kept_count;
    const int place = free_place(models, MODELS), m = any_of(models, MODELS), t = any_of(trainers, TRAINERS);
    const int c = any_of(contexts, CONTEXTS), of_trainer = one_in(2);
    size_t need = 99;
    if (one_in(2)) {
        unsigned char *buffer;
        const size_t capacity = any_room(&buffer);
        size_t *const told = one_in(20) ? NULL : &need;
        const int fine =
            of_trainer
                ? judge("ist_trainer_save_bytes",
                        ist_trainer_save_bytes(handle_of(trainers, t), buffer, capacity, told), context_of(trainers, t))
                : judge("ist_model_save_bytes", ist_model_save_bytes(handle_of(models, m), buffer, capacity, told),
                        context_of(models, m));
        if (!fine && need != 99) complain("need_bytes is touched");
        if (!fine || need > capacity) return;
        memcpy(kept, buffer, need);
        kept_count = need;
        return;
    }
    const size_t count = one_in(4) ? (size_t)random_below((int)kept_count + 1) : kept_count;
    if (one_in(8) && count > 0) kept[random_below((int)count)] ^= 4;
    const void *bytes = one_in(20) ? NULL : kept;
    if (of_trainer || place < 0) {
        judge("ist_trainer_resume_bytes", ist_trainer_resume_bytes(handle_of(trainers, t), bytes, count),
              context_of(trainers, t));
        return;
    }
    ist_model *made = UNTOUCHED;
    ist_model_config described = IST_MODEL_CONFIG_INIT;
    const int fine = judge("ist_model_load_bytes",
                           ist_model_load_bytes(handle_of(contexts, c), one_in(30) ? NULL : &made, bytes, count),
                           handle_of(contexts, c));
    if (fine) (void)ist_model_describe(made, &described);
    keep(models, place, fine, made, (thing){.context = c, .classes = described.classes});
}

static void call_exchange(void)
{
    const int place = free_place(models, MODELS), m = any_of(models, MODELS), c = any_of(contexts, CONTEXTS);
    const ist_export_config format = any_export();
    double shares[SHARES];
    const ist_subnet_config subnet = any_subnet(shares);
    ist_model *made = UNTOUCHED;
    ist_model_config described = IST_MODEL_CONFIG_INIT;
    if (place < 0 || one_in(3)) {
        judge("ist_model_export", ist_model_export(handle_of(models, m), any_path(1), one_in(3) ? NULL : &format),
              context_of(models, m));
        return;
    }
    const int import = one_in(2),
              fine = import ? judge("ist_model_import",
                                    ist_model_import(handle_of(contexts, c), one_in(30) ? NULL : &made, any_path(0)),
                                    handle_of(contexts, c))
                            : judge("ist_model_subnet",
                                    ist_model_subnet(handle_of(models, m), one_in(30) ? NULL : &made,
                                                     one_in(30) ? NULL : &subnet),
                                    context_of(models, m));
    if (fine) (void)ist_model_describe(made, &described);
    keep(models, place, fine, made,
         (thing){.context = import || m < 0 ? c : models[m].context, .classes = described.classes});
}

static void call_trainer_create(void)
{
    const int place = free_place(trainers, TRAINERS), m = any_of(models, MODELS), d = any_of(datasets, DATASETS);
    if (place < 0) return;
    double shares[SHARES];
    const ist_train_config config = any_training(shares);
    ist_trainer *made = UNTOUCHED;
    const int c = one_in(10) || m < 0 ? any_of(contexts, CONTEXTS) : models[m].context;
    const int fine = judge("ist_trainer_create",
                           ist_trainer_create(handle_of(contexts, c), one_in(30) ? NULL : &made, handle_of(models, m),
                                              handle_of(datasets, d), one_in(30) ? NULL : &config),
                           handle_of(contexts, c));
    keep(trainers, place, fine, made, (thing){.context = c, .model = m, .dataset = d});
}

static void call_trainer_clone(void)
{
    const int place = free_place(trainers, TRAINERS), t = any_of(trainers, TRAINERS), m = any_of(models, MODELS);
    if (place < 0) return;
    ist_trainer *made = UNTOUCHED;
    const int fine = judge("ist_trainer_clone",
                           ist_trainer_clone(handle_of(trainers, t), one_in(30) ? NULL : &made, handle_of(models, m)),
                           context_of(trainers, t));
    keep(trainers, place, fine, made,
         (thing){.context = t < 0 ? 0 : trainers[t].context, .model = m, .dataset = t < 0 ? 0 : trainers[t].dataset});
}

/* --------------------------------------------------------------------------------------------------------- the walk -- */

/* clang-format off */
static const struct {
    void (*call)(void);
    int weight;
} walk[] = {{call_context_create, 4},
            {call_dataset_wrap, 10},
            {call_dataset_arrays, 8},
            {call_dataset_rows, 5},
            {call_dataset_csr, 5},       {call_dataset_split, 3},
            {call_dataset_open, 10},
            {call_model_create, 10},
            {call_model_load, 4},
            {call_exchange, 8},
            {call_bytes, 8},
            {call_trainer_create, 16},
            {call_trainer_clone, 4},
            {call_destroy, 6},
            {call_of_dataset, 8},
            {call_of_model, 12},
            {call_of_tensor, 8},
            {call_answers, 12},
            {call_of_predictor, 6},
            {call_of_trainer, 24},
            {call_run, 14},
            {call_run_until, 4},
            {call_save, 6},
            {call_plan, 6},
            {call_report, 5},
            {call_trace, 3},
            {call_allocator, 2},
            {call_about_nothing, 3}};
/* clang-format on */

static void step(void)
{
    int sum = 0;
    for (int i = 0; i < COUNT_OF(walk); i++) sum += walk[i].weight;
    int at = random_below(sum), i = 0;
    while (at >= walk[i].weight) at -= walk[i++].weight;
    walk[i].call();
}

static void write_file(const char *name, const char *text, size_t bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(text, 1, bytes, file) != bytes || fclose(file) != 0) exit(2);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

/* A run in a context of its own, whose answers are the same before and after all that. */
static int known_answers(float out[ROWS * CLASSES])
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    ist_train_config train = IST_TRAIN_CONFIG_INIT;
    const int32_t hidden[] = {9, 7};
    ist_context *context = NULL;
    ist_dataset *data = NULL;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    config.teams = 2;
    config.threads_per_team = 1;
    net.features = FEATURES;
    net.classes = CLASSES;
    net.hidden_count = 2;
    net.hidden = hidden;
    net.subnets = 2;
    train.batch = 4;
    train.rounds = 5;
    train.local_steps = 2;
    ist_status s = ist_context_create(&context, &config);
    if (!s) s = ist_dataset_wrap(context, &data, x, IST_FLOAT32, ROWS, FEATURES, sizeof x[0], labels, CLASSES);
    if (!s) s = ist_model_create(context, &model, &net);
    if (!s) s = ist_trainer_create(context, &trainer, model, data, &train);
    if (!s) s = ist_trainer_run(trainer, 0, NULL, NULL);
    if (!s) s = ist_trainer_calibrate(trainer);
    if (!s) s = ist_model_predict(model, data, NULL, out);
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(data);
    ist_context_destroy(context);
    return s == IST_OK;
}

int main(int argc, char **argv)
{
    static float before[ROWS * CLASSES], after[ROWS * CLASSES];
    const long long count = argc > 1 ? atoll(argv[1]) : 0;
    if (count < 1 || !read_table()) {
        fprintf(stderr, "usage: random_calls N [SEED]\n");
        return 2;
    }
    seed_used = argc > 2 ? atoll(argv[2]) : 1;
    random_state = (uint64_t)seed_used;
    snprintf(folder, sizeof folder, "/tmp/ist-random-XXXXXX");
    if (!mkdtemp(folder)) return 2;
    for (int i = 0; i < ROWS; i++) {
        labels[i] = (i * 7 + i / 5) % 3; /* of three classes, so that fewer can be said */
        for (int f = 0; f < FEATURES; f++) x[i][f] = (float)((i * 31 + f * 17) % 23) / 23 + (float)labels[i];
    }
    write_file("x.csv", "1,2,3,4,5,6\n3.5,4,5,6,7,8\n", 26);
    write_file("y.csv", "0\n1\n", 4);
    write_file("sparse.txt", "0 1:1.5 3:2 6:1\n1 2:0.5\n", 24);
    write_file("garbage.bin", "ISTM\1\2\3\377garbage and more of it", 30);
    write_file("empty", "", 0);
    write_file("cut.ist", "", 0);
    if (!known_answers(before)) complain("the known run fails before all calls");
    for (long long last = -1; calls_made < count && complaints < 20;) {
        step();
        if (calls_made / 10000 != last && calls_made > 0 && count >= 20000) {
            last = calls_made / 10000;
            printf("%lld calls\n", calls_made);
            fflush(stdout);
        }
    }
    for (int c = 0; c < CONTEXTS; c++) drop_context(c);
    if (!known_answers(after) || memcmp(before, after, sizeof before) != 0)
        complain("the known run is another afterwards");
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    printf("%lld calls, seed %lld, %d complaints;", calls_made, seed_used, complaints);
    for (int s = 0; s < COUNT_OF(status_names); s++)
        if (seen[s]) printf(" %s %lld", status_names[s], seen[s]);
    printf("\n");
    return complaints > 0;
}
