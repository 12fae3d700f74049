/* Timelines: slices nest, agree with the times of the log, and cost no bit of the result; regions for likwid, whose
 * functions this program plays. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fixture_run.h"

/* ------------------------------------------------------------------------------------- a timeline, read line by line */

enum { ROWS_MOST = 16, DEPTH_MOST = 16, NAME_BYTES = 32 };

typedef struct slice {
    int row;
    char name[NAME_BYTES];
    int64_t begin_ns, end_ns;
    int64_t number; /* the first of args; -1: none */
} slice;

typedef struct timeline {
    slice *slices;
    int64_t count, counts; /* slices; values of counters */
    int rows;
    int64_t id[ROWS_MOST];
    char row_name[ROWS_MOST][NAME_BYTES];
    int64_t dropped;
} timeline;

static int row_of(const timeline *t, int64_t id)
{
    for (int i = 0; i < t->rows; i++)
        if (t->id[i] == id) return i;
    return -1;
}

/* "123.045" microseconds; the three digits are always there. */
static int64_t ns_of(const char *text)
{
    char *end = NULL;
    const int64_t us = strtoll(text, &end, 10);
    CHECK(*end == '.');
    char *stop = NULL;
    const int64_t ns = strtoll(end + 1, &stop, 10);
    CHECK_EQ(stop - end, 4);
    return us * 1000 + ns;
}

static void read_slice(timeline *t, const char *line)
{
    slice *s = &t->slices[t->count];
    const char *ts = strstr(line, "\"ts\":"), *dur = strstr(line, "\"dur\":"), *args = strstr(line, "\"args\":{");
    long long id = 0;
    CHECK(ts && dur && args);
    CHECK_EQ(sscanf(line, "{\"ph\":\"X\",\"name\":\"%31[^\"]\",\"pid\":%*d,\"tid\":%lld", s->name, &id), 2);
    s->row = row_of(t, id);
    CHECK(s->row >= 0);
    s->begin_ns = ns_of(ts + 5);
    s->end_ns = s->begin_ns + ns_of(dur + 6);
    const char *colon = strstr(args + 8, "\":");
    s->number = colon ? strtoll(colon + 2, NULL, 10) : -1;
    t->count++;
}

/* The file of the context's timeline. */
static timeline timeline_read(ist_context *context)
{
    const char *path = scratch_path("trace.json");
    timeline t = {.dropped = -1};
    CHECK_EQ(ist_trace_write(context, path, &t.dropped), IST_OK);
    file_bytes bytes = file_read(path);
    char *text = table_room((int64_t)bytes.count + 1, 1);
    memcpy(text, bytes.data, bytes.count);
    file_free(&bytes);
    int64_t lines = 0;
    for (const char *c = text; *c; c++) lines += *c == '\n';
    t.slices = table_room(lines, sizeof *t.slices);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strstr(line, "\"name\":\"thread_name\"")) {
            CHECK(t.rows < ROWS_MOST);
            long long id = 0;
            CHECK_EQ(
                sscanf(line,
                       "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%*d,\"tid\":%lld,\"args\":{\"name\":\"%31[^\"]",
                       &id, t.row_name[t.rows]),
                2);
            CHECK_EQ(row_of(&t, id), -1);
            t.id[t.rows++] = id;
        } else if (strstr(line, "{\"ph\":\"X\"") == line) {
            read_slice(&t, line);
        } else if (strstr(line, "{\"ph\":\"C\"") == line) {
            t.counts++;
        }
    }
    free(text);
    return t;
}

static void timeline_free(timeline *t)
{
    free(t->slices);
}

/* Slices of a row stand in order of their beginnings, and none ends behind one that it lies in. */
static void check_nests(const timeline *t)
{
    const slice *open[ROWS_MOST][DEPTH_MOST];
    int depth[ROWS_MOST] = {0};
    for (int64_t i = 0; i < t->count; i++) {
        const slice *s = &t->slices[i];
        int *d = &depth[s->row];
        CHECK(s->end_ns >= s->begin_ns);
        while (*d > 0 && open[s->row][*d - 1]->end_ns <= s->begin_ns) --*d;
        if (*d > 0) CHECK(s->begin_ns >= open[s->row][*d - 1]->begin_ns && s->end_ns <= open[s->row][*d - 1]->end_ns);
        CHECK(*d < DEPTH_MOST);
        open[s->row][(*d)++] = s;
    }
}

static int64_t count_slices(const timeline *t, int row, const char *name)
{
    int64_t count = 0;
    for (int64_t i = 0; i < t->count; i++)
        count += (row < 0 || t->slices[i].row == row) && strcmp(t->slices[i].name, name) == 0;
    return count;
}

static bool is_barrier(const slice *s)
{
    return strstr(s->name, "barrier") != NULL;
}

/* Seconds of all rows in slices of that name, waiting at barriers inside not counted. */
static double busy_s(const timeline *t, const char *name, double *waited_s)
{
    int64_t busy = 0, waited = 0;
    for (int64_t i = 0; i < t->count; i++) {
        const slice *s = &t->slices[i];
        if (strcmp(s->name, name) != 0) continue;
        busy += s->end_ns - s->begin_ns;
        for (int64_t k = i + 1; k < t->count && t->slices[k].row == s->row && t->slices[k].begin_ns < s->end_ns; k++)
            if (is_barrier(&t->slices[k])) waited += t->slices[k].end_ns - t->slices[k].begin_ns;
    }
    *waited_s += 1e-9 * (double)waited;
    return 1e-9 * (double)(busy - waited);
}

/* What lies between the last round and the end of the call is in no time of the log yet. */
static void forget_the_end(timeline *t)
{
    int64_t end_ns[ROWS_MOST] = {0};
    for (int64_t i = 0; i < t->count; i++)
        if (strcmp(t->slices[i].name, "round") == 0) end_ns[t->slices[i].row] = t->slices[i].end_ns;
    for (int64_t i = 0; i < t->count; i++)
        if (t->slices[i].begin_ns >= end_ns[t->slices[i].row]) t->slices[i].name[0] = '\0';
}

/* ---------------------------------------------------------------------------------------------------------- tests -- */

TEST(slices_nest_and_add_up_to_the_times_of_the_log)
{
    enum { TEAMS = 2, THREADS = 2, ROUNDS = 3, STEPS = 5, SUBNETS = 3 };
    run_spec spec = run_spec_wide();
    spec.teams = TEAMS;
    spec.threads = THREADS;
    spec.train.subnets = SUBNETS;
    spec.train.rounds = ROUNDS;
    spec.train.local_steps = STEPS;
    run r = run_open(&spec);
    CHECK_EQ(ist_trace_start(r.context, NULL), IST_OK);
    run_go(&r, 0);
    const ist_progress p = run_progress(&r);
    timeline t = timeline_read(r.context);
    CHECK_EQ(t.dropped, 0);
    CHECK_EQ(t.rows, TEAMS * THREADS);
    CHECK_STR(t.row_name[0], "ist/t0.c0");
    CHECK_STR(t.row_name[3], "ist/t1.c1");
    check_nests(&t);

    const int64_t steps = (int64_t)SUBNETS * ROUNDS * STEPS * THREADS; /* a step is a step of all threads of a team */
    CHECK_EQ(count_slices(&t, -1, "round"), ROUNDS * t.rows);
    CHECK_EQ(count_slices(&t, -1, "step"), steps);
    CHECK_EQ(count_slices(&t, -1, "loss"), steps);
    CHECK_EQ(count_slices(&t, -1, "assemble"), steps);
    CHECK_EQ(count_slices(&t, -1, "forward"), 3 * steps);
    CHECK_EQ(count_slices(&t, -1, "subnet"), 3 * SUBNETS * ROUNDS * THREADS);
    CHECK_EQ(count_slices(&t, 0, "deal"), ROUNDS + 1); /* the last one finds that nothing is left */
    CHECK_EQ(count_slices(&t, 1, "deal"), 0);
    CHECK_EQ(t.counts, 2 * ROUNDS);
    CHECK(count_slices(&t, -1, "backward") > 0 && count_slices(&t, -1, "update") > 0);
    CHECK_EQ(count_slices(&t, -1, "evaluate"), 0);

    forget_the_end(&t);
    double waited_s = 0;
    const double threads = t.rows;
    CHECK_NEAR(busy_s(&t, "gather", &waited_s) / threads, p.gather_s, 1e-6);
    CHECK_NEAR(busy_s(&t, "train", &waited_s) / threads, p.train_s, 1e-6);
    CHECK_NEAR(busy_s(&t, "write back", &waited_s) / threads, p.writeback_s, 1e-6);
    waited_s += busy_s(&t, "between rounds", &waited_s);
    CHECK_NEAR(waited_s / threads, p.wait_s, 1e-6);
    timeline_free(&t);

    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &(ist_evaluation)IST_EVALUATION_INIT), IST_OK);
    t = timeline_read(r.context); /* it went on */
    check_nests(&t);
    CHECK_EQ(count_slices(&t, -1, "calibrate"), t.rows);
    CHECK_EQ(count_slices(&t, -1, "evaluate"), t.rows);
    CHECK_EQ(count_slices(&t, -1, "round"), ROUNDS * t.rows);
    timeline_free(&t);
    run_close(&r);
}

TEST(only_the_rounds_asked_for_are_kept)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = 6;
    run r = run_open(&spec);
    ist_trace_config config = IST_TRACE_CONFIG_INIT;
    config.first_round = 2;
    config.last_round = 3;
    CHECK_EQ(ist_trace_start(r.context, &config), IST_OK);
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    timeline t = timeline_read(r.context);
    check_nests(&t);
    CHECK_EQ(count_slices(&t, -1, "round"), 2);
    CHECK_EQ(count_slices(&t, -1, "step"), 2 * 3 * spec.train.local_steps);
    CHECK_EQ(count_slices(&t, -1, "calibrate"), 0);
    int64_t seen = 0;
    for (int64_t i = 0; i < t.count; i++)
        if (strcmp(t.slices[i].name, "round") == 0) seen = 10 * seen + t.slices[i].number;
    CHECK_EQ(seen, 23);
    timeline_free(&t);
    run_close(&r);
}

TEST(a_full_timeline_keeps_the_end)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = 60;
    spec.train.local_steps = 100;
    run r = run_open(&spec);
    ist_trace_config config = IST_TRACE_CONFIG_INIT;
    config.events_per_thread = 1 << 10;
    CHECK_EQ(ist_trace_start(r.context, &config), IST_OK);
    run_go(&r, 30);
    timeline t = timeline_read(r.context);
    const int64_t most = t.count;
    CHECK(t.dropped > 0);
    CHECK(most >= 1 << 10);
    timeline_free(&t);
    run_go(&r, 0); /* on, after it has been written */
    t = timeline_read(r.context);
    check_nests(&t);
    CHECK(t.dropped > most);
    CHECK(t.count <= most + 2 * 60 && t.count >= most - 2 * 60); /* counters have room of the same */
    int64_t round = 0;
    for (int64_t i = 0; i < t.count; i++)
        if (strcmp(t.slices[i].name, "round") == 0) round = t.slices[i].number;
    CHECK_EQ(round, 60);
    timeline_free(&t);
    CHECK_EQ(ist_trace_start(r.context, NULL), IST_OK); /* anew */
    t = timeline_read(r.context);
    CHECK_EQ(t.count, 0);
    CHECK_EQ(t.dropped, 0);
    CHECK_EQ(t.rows, 1);
    timeline_free(&t);
    ist_trace_stop(r.context);
    ist_trace_stop(r.context);
    run_close(&r);
}

TEST(a_traced_run_gives_the_same_bytes)
{
    run_spec spec = run_spec_wide();
    spec.teams = 2;
    const file_bytes plain = run_to_the_end(&spec);
    run r = run_open(&spec);
    CHECK_EQ(ist_trace_start(r.context, NULL), IST_OK);
    run_go(&r, 0);
    file_check_same(plain, trainer_bytes(r.trainer));
    run_close(&r);
}

TEST(wrong_uses_are_refused)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    ist_trace_config config = IST_TRACE_CONFIG_INIT;
    int64_t dropped = 7;
    CHECK_EQ(ist_trace_start(NULL, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_trace_write(NULL, "x", NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_trace_write(context, scratch_path("none.json"), &dropped), IST_E_ARGUMENT);
    check_one_line(context);
    ist_trace_stop(NULL);
    const int64_t wrong[][3] = {{1023, 0, 1}, {(1 << 26) + 1, 0, 1}, {65000, -1, 1}, {65000, 3, 2}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        config.events_per_thread = wrong[i][0];
        config.first_round = wrong[i][1];
        config.last_round = wrong[i][2];
        CHECK_EQ(ist_trace_start(context, &config), IST_E_ARGUMENT);
        check_one_line(context);
    }
    config.struct_size = 8;
    CHECK_EQ(ist_trace_start(context, &config), IST_E_ARGUMENT);
    CHECK_EQ(ist_trace_start(context, NULL), IST_OK);
    CHECK_EQ(ist_trace_write(context, NULL, &dropped), IST_E_ARGUMENT);
    CHECK_EQ(ist_trace_write(context, "/nowhere/trace.json", &dropped), IST_E_IO);
    CHECK_EQ(ist_trace_write(context, "/dev/full", &dropped), IST_E_IO);
    check_one_line(context);
    CHECK_EQ(dropped, 7);
    ist_context_destroy(context); /* with the timeline */

    ist_context_config text = IST_CONTEXT_CONFIG_INIT;
    text.topology = "numa:2 core:4 pu:1";
    const ist_status made = ist_context_create(&context, &text);
    if (made != IST_OK) SKIP("this build reads no topology texts");
    CHECK_EQ(ist_trace_start(context, NULL), IST_E_PLACEMENT);
    ist_context_destroy(context);
}

/* ---------------------------------------------------------------------------------------------------------- names -- */

static int32_t look_at_my_name(void *user, const ist_progress *progress)
{
    (void)progress;
    char *name = user;
    pthread_getname_np(pthread_self(), name, 16);
    return 0;
}

TEST(threads_have_names_while_they_work)
{
    char during[16] = "", after[16] = "";
    run_spec spec = run_spec_small();
    spec.teams = 2;
    CHECK_EQ(pthread_setname_np(pthread_self(), "the host's own"), 0);
    run r = run_open(&spec);
    CHECK_EQ(ist_trainer_run(r.trainer, 1, look_at_my_name, during), IST_OK);
    CHECK_STR(during, "ist/t0.c0");
    CHECK_EQ(pthread_getname_np(pthread_self(), after, sizeof after), 0);
    CHECK_STR(after, "the host's own");
    run_close(&r);
}

/* --------------------------------------------------------------------------------------------------------- likwid -- */

enum { REGIONS = 8 };
static const char *const region_name[REGIONS] = {"gather",   "assemble", "forward", "loss",
                                                 "backward", "update",   "barrier", "write_back"};
static atomic_int begun[REGIONS], ended[REGIONS], threads_begun, wrong_calls;
static _Thread_local int open_regions;

static int region_of(const char *name)
{
    for (int i = 0; i < REGIONS; i++)
        if (strcmp(region_name[i], name) == 0) return i;
    atomic_fetch_add(&wrong_calls, 1);
    return 0;
}

/* What likwid exports; libist finds them in this program as it would find likwid's. */
#define EXPORTED __attribute__((visibility("default")))
EXPORTED void likwid_markerThreadInit(void);
EXPORTED int likwid_markerStartRegion(const char *name);
EXPORTED int likwid_markerStopRegion(const char *name);

void likwid_markerThreadInit(void)
{
    atomic_fetch_add(&threads_begun, 1);
}

int likwid_markerStartRegion(const char *name)
{
    if (open_regions++ != 0) atomic_fetch_add(&wrong_calls, 1); /* one in another counts twice */
    atomic_fetch_add(&begun[region_of(name)], 1);
    return 0;
}

int likwid_markerStopRegion(const char *name)
{
    if (--open_regions != 0) atomic_fetch_add(&wrong_calls, 1);
    atomic_fetch_add(&ended[region_of(name)], 1);
    return 0;
}

TEST(likwid_gets_regions_that_begin_and_end)
{
    enum { ROUNDS = 3, STEPS = 4, SUBNETS = 3, THREADS = 2 };
    if (!IST_TEST_LIKWID) SKIP("this build has no markers for likwid");
    run_spec spec = run_spec_wide();
    spec.teams = 2;
    spec.threads = THREADS;
    spec.train.rounds = ROUNDS;
    spec.train.local_steps = STEPS;
    run r = run_open(&spec);
    run_go(&r, 0);
    CHECK(threads_begun >= 4);
    CHECK_EQ(wrong_calls, 0);
    for (int i = 0; i < REGIONS; i++) CHECK_EQ(begun[i], ended[i]);
    CHECK_EQ(begun[0], 2 * THREADS * ROUNDS);
    CHECK_EQ(begun[7], 2 * THREADS * ROUNDS);
    CHECK_EQ(begun[3], THREADS * SUBNETS * ROUNDS * STEPS);
    CHECK_EQ(begun[2], 3 * THREADS * SUBNETS * ROUNDS * STEPS);
    CHECK(begun[4] > 0 && begun[5] > 0);
    run_close(&r);
}
