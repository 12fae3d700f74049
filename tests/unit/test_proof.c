/* test_proof.c - the sums and the verdict on pages, by answers made up for the purpose, so that they are tested where there
 * is one node; then a real run.  The last cases need several nodes: tests/e2e/numa_vm_wrong_placement.sh has them. */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/fixture_run.h"
#include "api/handles.h"
#include "numa/near.h"
#include "train/proof.h"

enum { NODES = 4, PAGES = 10 };

/* A machine of four nodes, and the pages of ten addresses that nobody has. */
static ist__node fake_nodes[NODES] = {{.os_index = 0}, {.os_index = 1}, {.os_index = 2}, {.os_index = 3}};
static const ist__machine fake_machine = {.node_count = NODES, .nodes = fake_nodes, .this_system = true};
static int16_t fake_page[PAGES];
static int fake_refusal;

static unsigned char *fake_base(void)
{
    return (unsigned char *)(uintptr_t)(ist__page_bytes() * 16);
}

static int fake_ask(const ist__machine *machine, const void *base, size_t pages, int16_t *nodes)
{
    const size_t first = (size_t)((const unsigned char *)base - fake_base()) / ist__page_bytes();
    if (machine != &fake_machine || first + pages > PAGES) return EINVAL;
    for (size_t i = 0; i < pages; i++) nodes[i] = fake_refusal ? 77 : fake_page[first + i];
    return fake_refusal;
}

/* Two stretches, pages 0-5 and 6-9.  Weights of subnet 0 (team 0, node 0): pages 0, 1 and half of 2; its state: the rest
 * of 2, and 3; scratch of team 1 (node 1): a quarter of page 6 to a quarter of page 8; its stripe of the master: page 9. */
static void fake_ranges(ist__proof *proof)
{
    const size_t page = ist__page_bytes();
    unsigned char *base = fake_base();
    ist__proof_add_stretch(proof, base, 5 * page + 1); /* a page begun is a page */
    ist__proof_add_range(proof, IST__KIND_WEIGHTS, 0, 0, 0, base, 2 * page + page / 2);
    ist__proof_add_range(proof, IST__KIND_STATE, 0, 0, 0, base + 2 * page + page / 2, page + page / 2);
    ist__proof_add_range(proof, IST__KIND_DATA, 0, 0, 0, NULL, 5); /* what is not there */
    ist__proof_add_range(proof, IST__KIND_DATA, 0, 0, 0, base, 0);
    ist__proof_add_stretch(proof, base + 6 * page, 4 * page);
    ist__proof_add_range(proof, IST__KIND_SCRATCH, 1, -1, 1, base + 6 * page + page / 4, 2 * page);
    ist__proof_add_range(proof, IST__KIND_MASTER, 1, -1, 1, base + 9 * page, page);
}

static ist__proof fake_proof(int32_t placement)
{
    static const int16_t at_home[PAGES] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1};
    memcpy(fake_page, at_home, sizeof fake_page);
    fake_refusal = 0;
    ist__proof proof;
    ist__proof_init(&proof, &fake_machine, placement, fake_ask);
    fake_ranges(&proof);
    CHECK_EQ(proof.range_count, 4);
    CHECK_EQ(ist__proof_begin(&proof, NULL), IST_OK);
    fake_ranges(&proof);
    CHECK_EQ(proof.page_count, PAGES);
    return proof;
}

static ist__verdict judged(ist__proof *proof)
{
    ist__verdict verdict;
    ist__proof_check(proof);
    CHECK_EQ(ist__proof_judge(proof, &verdict, NULL), IST_OK);
    CHECK_EQ(verdict.local_bytes + verdict.remote_bytes + verdict.unknown_bytes, verdict.bytes);
    return verdict;
}

static long long integer(const json_t *object, const char *key)
{
    CHECK(json_is_integer(json_object_get(object, key)));
    return json_integer_value(json_object_get(object, key));
}

TEST(bytes_are_counted_to_the_byte_where_ranges_share_pages)
{
    const int64_t page = (int64_t)ist__page_bytes();
    ist__proof proof = fake_proof(IST_PLACE_TRY);
    fake_page[1] = 2;
    fake_page[2] = 3;
    fake_page[6] = IST__PAGE_UNKNOWN;
    fake_page[8] = IST__PAGE_ELSEWHERE;
    ist__proof_check(&proof);
    const int64_t expected[4][NODES + 2] = {{page, 0, page, page / 2, 0, 0},
                                            {page, 0, 0, page / 2, 0, 0},
                                            {0, page, 0, 0, page / 4, page - page / 4},
                                            {0, page, 0, 0, 0, 0}};
    for (int i = 0; i < 4; i++) {
        int64_t by_node[NODES + 2];
        ist__proof_sum(&proof, &proof.ranges[i], by_node);
        CHECK_MEM(by_node, expected[i], sizeof by_node);
    }
    ist__proof_destroy(&proof);
}

TEST(a_verdict_names_the_worst_and_keeps_hot_bytes_apart)
{
    const int64_t page = (int64_t)ist__page_bytes();
    ist__proof proof = fake_proof(IST_PLACE_TRY);
    ist__verdict v = judged(&proof);
    CHECK_EQ(v.bytes, 7 * page);
    CHECK_EQ(v.local_bytes, 7 * page);
    CHECK_EQ(v.hot_bytes, 6 * page);
    CHECK_EQ(v.hot_local_bytes, 6 * page);
    CHECK_EQ(v.wrong, 0);

    fake_page[2] = 3; /* half of it weights, half state */
    fake_page[7] = 0;
    fake_page[8] = 2;
    fake_page[9] = IST__PAGE_UNKNOWN;
    v = judged(&proof);
    CHECK_EQ(v.wrong, 3);
    CHECK_EQ(v.remote_bytes, page + page + page / 4);
    CHECK_EQ(v.unknown_bytes, page);
    CHECK_EQ(v.hot_unknown_bytes, 0); /* the master is not hot */
    CHECK_EQ(v.hot_local_bytes, 6 * page - v.remote_bytes);
    CHECK_EQ(v.worst.kind, IST__KIND_SCRATCH);
    CHECK_EQ(v.worst.team, 1);
    CHECK_EQ(v.worst_bytes, page + page / 4);
    CHECK_EQ(v.worst_got, 0);

    fake_page[7] = fake_page[8] = IST__PAGE_ELSEWHERE;
    CHECK_EQ(judged(&proof).worst_got, -1);
    ist__proof_destroy(&proof);
}

TEST(strict_refuses_what_is_wrong_or_not_told)
{
    for (int32_t placement = IST_PLACE_NONE; placement <= IST_PLACE_STRICT; placement++) {
        const ist_status when_wrong = placement == IST_PLACE_STRICT ? IST_E_PLACEMENT : IST_OK;
        ist__error error = {0};
        ist__proof proof = fake_proof(placement);
        ist__verdict v = judged(&proof);
        CHECK_EQ(ist__proof_enforce(&proof, &v, &error), IST_OK);
        fake_page[0] = IST__PAGE_UNKNOWN; /* swapped out, say: that is no wrong place */
        v = judged(&proof);
        CHECK_EQ(ist__proof_enforce(&proof, &v, &error), IST_OK);
        fake_page[3] = 2;
        v = judged(&proof);
        CHECK_EQ(ist__proof_enforce(&proof, &v, &error), when_wrong);
        if (when_wrong) {
            char expected[160];
            snprintf(expected, sizeof expected,
                     "strict placement: state of subnet 0 of team 0: %zu of %zu bytes are on node 2, asked for node 0",
                     ist__page_bytes(), ist__page_bytes() * 3 / 2);
            CHECK(strstr(error.text, expected) != NULL);
        }
        fake_refusal = EPERM;
        v = judged(&proof);
        CHECK_EQ(v.unknown_bytes, v.bytes);
        CHECK_EQ(ist__proof_enforce(&proof, &v, &error), when_wrong);
        if (when_wrong) CHECK(strstr(error.text, "does not tell where pages are: EPERM") != NULL);
        ist__proof_destroy(&proof);
    }
}

TEST(a_page_has_moved_when_it_is_found_on_another_node)
{
    const int64_t page = (int64_t)ist__page_bytes();
    ist__proof proof = fake_proof(IST_PLACE_TRY);
    fake_page[4] = IST__PAGE_UNKNOWN;
    static const struct {
        int at, node, moved;
    } step[] = {{0, 0, 0}, /* the first check has nothing to compare with */
                {1, 3, 1},
                {1, 3, 0}, /* told once */
                {4, 2, 0}, /* unknown so far */
                {2, IST__PAGE_UNKNOWN, 0},
                {2, 0, 0}, /* hidden for a while, and still there */
                {2, IST__PAGE_UNKNOWN, 0},
                {3, 0, 0},
                {2, 1, 1}, /* moved while it was hidden */
                {5, IST__PAGE_ELSEWHERE, 1},
                {5, 0, 1}};
    int64_t total = 0;
    for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
        fake_page[step[i].at] = (int16_t)step[i].node;
        ist__proof_check(&proof);
        CHECK_EQ(proof.moved_bytes, step[i].moved * page);
        total += proof.moved_bytes;
    }
    CHECK_EQ(proof.moved_total, total);
    CHECK_EQ(proof.checks, sizeof step / sizeof *step);
    fake_refusal = ENOSYS; /* all are hidden, none has moved, then or after */
    ist__proof_check(&proof);
    CHECK_EQ(proof.moved_bytes, 0);
    fake_refusal = 0;
    ist__proof_check(&proof);
    CHECK_EQ(proof.moved_bytes, 0);
    ist__proof_destroy(&proof);
}

TEST(the_report_sums_kinds_and_nodes_and_lists_offenders)
{
    const int64_t page = (int64_t)ist__page_bytes();
    ist__proof proof = fake_proof(IST_PLACE_TRY);
    fake_page[2] = 3;
    fake_page[9] = IST__PAGE_ELSEWHERE;
    ist__proof_check(&proof);
    json_t *json = ist__proof_json(&proof);
    const json_t *kinds = json_object_get(json, "kinds"), *ranges = json_object_get(json, "ranges"), *kind;
    const json_t *verdict = json_object_get(json, "verdict"), *wrong = json_object_get(verdict, "wrong");
    static const char *const names[] = {"weights", "state", "scratch", "master"};
    CHECK_EQ(json_array_size(kinds), 4);
    CHECK_EQ(json_array_size(ranges), 4);
    long long bytes = 0, by_node[NODES] = {0}, elsewhere = 0;
    size_t i;
    json_array_foreach(kinds, i, kind)
    {
        CHECK_STR(json_string_value(json_object_get(kind, "kind")), names[i]);
        CHECK_STR(json_string_value(json_object_get(kind, "used")), i == 3 ? "round" : "step");
        bytes += integer(kind, "bytes");
        for (size_t n = 0; n < NODES; n++)
            by_node[n] += json_integer_value(json_array_get(json_object_get(kind, "by_node"), n));
        if (json_object_get(kind, "elsewhere_bytes")) elsewhere += integer(kind, "elsewhere_bytes");
    }
    CHECK_EQ(bytes, 7 * page);
    CHECK_EQ(by_node[0], 3 * page);
    CHECK_EQ(by_node[1], 2 * page);
    CHECK_EQ(by_node[3], page);
    CHECK_EQ(elsewhere, page);
    CHECK_EQ(integer(verdict, "hot_bytes"), 6 * page);
    CHECK_EQ(integer(verdict, "hot_local_bytes"), 5 * page);
    CHECK_EQ(integer(verdict, "remote_bytes"), 2 * page);
    CHECK_EQ(integer(verdict, "wrong_ranges"), 3);
    CHECK_NEAR(json_real_value(json_object_get(verdict, "local_share")), 5.0 / 6, 1e-12);
    CHECK_STR(json_string_value(json_object_get(verdict, "words")), "wrong");
    CHECK_EQ(json_array_size(wrong), 3);
    CHECK_STR(json_string_value(json_object_get(json_array_get(wrong, 0), "kind")), "weights");
    CHECK_EQ(integer(json_array_get(wrong, 0), "subnet"), 0);
    CHECK_EQ(integer(json_array_get(wrong, 0), "got"), 3);
    CHECK_EQ(integer(json_array_get(wrong, 0), "remote_bytes"), page / 2);
    CHECK(json_is_null(json_object_get(json_array_get(wrong, 2), "got")));
    json_decref(json);

    fake_refusal = EPERM;
    ist__proof_check(&proof);
    json = ist__proof_json(&proof);
    verdict = json_object_get(json, "verdict");
    CHECK_STR(json_string_value(json_object_get(verdict, "words")), "unknown");
    CHECK_STR(json_string_value(json_object_get(verdict, "refused")), "EPERM");
    CHECK(json_is_null(json_object_get(verdict, "local_share")));
    json_decref(json);
    ist__proof_destroy(&proof);
}

TEST(one_node_says_so_and_unknown_is_never_called_right)
{
    static ist__node node = {.os_index = 0};
    static const ist__machine single = {.node_count = 1, .nodes = &node, .this_system = true};
    static const char *const words[] = {"1 node: nothing can be wrong", "right", "right as far as the kernel tells"};
    for (int i = 0; i < 3; i++) {
        ist__proof proof = fake_proof(IST_PLACE_TRY);
        if (i == 0) memset(fake_page, 0, sizeof fake_page);
        if (i == 2) fake_page[6] = IST__PAGE_UNKNOWN;
        ist__proof_check(&proof);
        if (i == 0) {
            proof.machine = &single;
            proof.ranges[2].node = proof.ranges[3].node = 0;
        }
        json_t *json = ist__proof_json(&proof);
        CHECK_STR(json_string_value(json_object_get(json_object_get(json, "verdict"), "words")), words[i]);
        json_decref(json);
        ist__proof_destroy(&proof);
    }
}

/* -------------------------------------------------------------------------------------------------- a real run -- */

typedef struct witness {
    ist_trainer *trainer;
    int32_t calls;
    int64_t bytes;
} witness;

static int32_t verify_in_round(void *user, const ist_progress *progress)
{
    witness *w = user;
    ist_placement found = IST_PLACEMENT_INIT;
    w->calls += progress->round > 0 && ist_trainer_verify(w->trainer, &found) == IST_OK;
    w->bytes = found.bytes;
    return 0;
}

TEST(a_run_can_be_verified_before_in_and_after_its_rounds)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec spec = run_spec_small();
        spec.teams = 2;
        spec.train.optimizer = IST_ADAM;
        spec.train.data = data;
        run r = run_open(&spec);
        ist_placement found = IST_PLACEMENT_INIT;
        CHECK_EQ(ist_trainer_verify(r.trainer, &found), IST_OK);
        CHECK_EQ(found.checks, 1);
        CHECK_EQ(found.moved_bytes, 0);
        CHECK_EQ(found.nodes, r.context->host.machine->node_count);
        CHECK_EQ(found.local_bytes + found.remote_bytes + found.unknown_bytes, found.bytes);
        if (found.nodes == 1) CHECK_EQ(found.remote_bytes, 0);
        if (found.unknown_bytes < found.bytes) CHECK_EQ(found.unknown_bytes, 0); /* every page was touched */
        /* The parts of the regions that are in use: all but their tails, of less than 2 MiB each. */
        const ist__training *t = r.trainer->training;
        int64_t used = (int64_t)r.model->region.bytes + 2 * (int64_t)t->master_state[0].bytes;
        for (int32_t s = 0; s < t->config.subnets; s++) used += (int64_t)t->subnets[s].region.used_bytes;
        for (int32_t k = 0; k < 2; k++) used += (int64_t)t->teams[k].region.used_bytes;
        used += 2 * (int64_t)ist__page_bytes(); /* of the teams' barriers */
        CHECK(found.bytes <= used && found.bytes > used - 64 * 20);
        CHECK_EQ(found.bytes - found.hot_bytes, (int64_t)r.model->region.bytes + 2 * (int64_t)t->master_state[0].bytes);

        witness w = {r.trainer, 0, 0};
        CHECK_EQ(ist_trainer_run(r.trainer, 3, verify_in_round, &w), IST_OK);
        CHECK_EQ(w.calls, 3);
        CHECK_EQ(w.bytes, found.bytes);
        CHECK_EQ(ist_trainer_verify(r.trainer, NULL), IST_OK);
        CHECK_EQ(ist_trainer_verify(r.trainer, &found), IST_OK);
        CHECK_EQ(found.checks, 6);
        json_t *json = ist__training_proof(r.trainer->training, &r.model->region);
        const json_t *others = json_object_get(json, "not_placed"), *stacks = json_array_get(others, 0);
        CHECK_EQ(json_array_size(others), 1 + (data == IST_DATA_SHARED));
        CHECK(integer(stacks, "bytes") >= 2 * (long long)ist__page_bytes());
        if (found.nodes == 1) CHECK_EQ(integer(stacks, "local_bytes"), integer(stacks, "bytes"));
        json_decref(json);
        run_close(&r);
    }
}

static bool lies_in(const ist__region *region, const void *at, size_t bytes)
{
    const unsigned char *first = at;
    return first >= region->base && first + bytes <= region->base + region->used_bytes;
}

/* What a step reads or writes through pointers is in the team's own regions or on its own page, whoever made it. */
TEST(what_steps_use_lies_with_the_team)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec spec = run_spec_small();
        spec.teams = 2;
        spec.threads = 2;
        spec.train.data = data;
        run r = run_open(&spec);
        const ist__training *t = r.trainer->training;
        float shift[6] = {1, 2, 3, 4, 5, 6}, factor[6] = {6, 5, 4, 3, 2, 1};
        run_go(&r, 1);
        CHECK_EQ(ist_model_set_normalization(r.model, 6, shift, factor), IST_OK); /* between two calls */
        run_go(&r, 1);
        for (int32_t k = 0; k < 2; k++) {
            const ist__team_space *team = &t->teams[k];
            const ist__desk *desk = team->desk;
            CHECK(lies_in(&team->region, desk, sizeof *desk));
            CHECK(lies_in(&team->region, desk->scaling.shift, sizeof shift));
            CHECK(lies_in(&team->region, desk->scaling.factor, sizeof factor));
            CHECK_MEM(desk->scaling.shift, shift, sizeof shift);
            CHECK_MEM(desk->scaling.factor, factor, sizeof factor);
            CHECK(!desk->scaling.uniform);
            for (int i = 0; i < 2; i++) CHECK(lies_in(&team->region, desk->scratch.index[i], 8 * sizeof(uint32_t)));
            CHECK(lies_in(&t->subnets[desk->batches.subnet].region, desk->batches.order, sizeof(uint32_t)));
        }
        for (int32_t s = 0; s < 3; s++) {
            const ist__batches *batches = &t->subnets[s].batches;
            const int64_t order = data == IST_DATA_SHARD ? batches->rows : 61;
            CHECK(lies_in(&t->subnets[s].region, batches->order, (size_t)order * sizeof(uint32_t)));
            CHECK(batches->epoch >= 0); /* it came back from the desk */
        }
        const ist__crew_state last = ist__crew_last(r.context->host.crew);
        for (int i = 0; i < 4; i++) CHECK(last.stack[i] != NULL);
        run_close(&r);
    }
}

TEST(what_is_never_asked_costs_nothing)
{
    run_spec spec = run_spec_small();
    run r = run_open(&spec);
    run_go(&r, 2);
    CHECK(r.trainer->training->proof.found == NULL);
    CHECK_EQ(r.trainer->training->proof.checks, 0);
    run_close(&r);
}

/* ---------------------------------------------------------------------------------------------- several nodes -- */

typedef struct stack_places {
    const ist__machine *machine;
    atomic_int moved, remote;
} stack_places;

/* Move the stack to another node, work, and bring it back as the crew does. */
static void move_stack_away(void *argument, ist__worker *worker)
{
    stack_places *p = argument;
    const int32_t home = worker->team % p->machine->node_count, away = (home + 1) % p->machine->node_count;
    const unsigned char *first;
    const size_t pages = ist__stack_part(worker, &first) / ist__page_bytes();
    int16_t where[64];
    for (int turn = 0; turn < 2; turn++) {
        const int32_t node = turn == 0 ? away : home;
        ist__stack_settle(p->machine, node, worker);
        if (pages > 64 || ist__pages_nodes(p->machine, first, pages, where)) continue;
        for (size_t i = 0; i < pages; i++) {
            if (where[i] == node) atomic_fetch_add(&p->moved, 1);
            else if (where[i] != IST__PAGE_UNKNOWN) atomic_fetch_add(&p->remote, 1);
        }
    }
}

TEST(stacks_follow_their_threads)
{
    run_spec spec = run_spec_small();
    spec.teams = 2;
    run r = run_open(&spec);
    stack_places p = {.machine = r.context->host.machine};
    if (p.machine->node_count < 2) {
        run_close(&r);
        SKIP("one node: every stack is there");
    }
    CHECK_EQ(ist__crew_run(r.context->host.crew, move_stack_away, &p, NULL), IST_OK);
    CHECK_EQ(atomic_load(&p.remote), 0);
    CHECK(atomic_load(&p.moved) >= 4);
    run_close(&r);
}

TEST(pages_that_somebody_moved_are_noticed)
{
    run_spec spec = run_spec_small();
    spec.teams = 2;
    run r = run_open(&spec);
    const ist__machine *machine = r.context->host.machine;
    ist_placement found = IST_PLACEMENT_INIT;
    CHECK_EQ(ist_trainer_verify(r.trainer, &found), IST_OK);
    if (machine->node_count < 2) {
        run_close(&r);
        SKIP("one node: nothing can move");
    }
    CHECK_EQ(found.wrong, 0);
    CHECK_EQ(found.unknown_bytes, 0);
    /* Pages of weights of subnet 0, split from their huge page by the move. */
    enum { MOVED = 3 };
    const int32_t home = r.trainer->training->subnets[0].region.node;
    void *page[MOVED];
    int node[MOVED], answer[MOVED];
    for (int i = 0; i < MOVED; i++) {
        page[i] = r.trainer->training->subnets[0].region.base + (size_t)i * ist__page_bytes();
        node[i] = machine->nodes[home == 0].os_index;
    }
    CHECK_EQ(syscall(SYS_move_pages, 0, (unsigned long)MOVED, page, node, answer, 2 /* MPOL_MF_MOVE */), 0);
    CHECK_EQ(ist_trainer_verify(r.trainer, &found), IST_OK);
    CHECK(found.moved_bytes >= MOVED * (int64_t)ist__page_bytes());
    CHECK(found.wrong > 0 && found.remote_bytes > 0);
    const int64_t remote = found.remote_bytes;
    CHECK_EQ(ist_trainer_verify(r.trainer, &found), IST_OK);
    CHECK_EQ(found.moved_bytes, 0);
    CHECK_EQ(found.remote_bytes, remote);
    r.trainer->training->proof.placement = IST_PLACE_STRICT;
    CHECK_EQ(ist_trainer_verify(r.trainer, &found), IST_E_PLACEMENT);
    run_close(&r);
}
