/* proof.c - sums of what the kernel says about the pages of a run, and the verdict on them.
 *
 * Two bytes a page are kept, so that a check can tell which pages are no longer where they were: by NUMA balancing, by
 * migratepages, by whoever.  A page that the kernel does not tell of for a while (it was swapped out, or is being watched
 * by NUMA balancing) keeps the node it had before in its code: only a page found on another node has moved.
 *
 * Floor: train.  Cold.
 */
#include "train/proof.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "numa/errno_name.h"

/* ---------------------------------------------------------------------------------------------------- building -- */

void ist__proof_init(ist__proof *proof, const ist__machine *machine, int32_t placement, ist__ask ask)
{
    *proof = (ist__proof){.machine = machine, .placement = placement, .ask = ask, .page_bytes = ist__page_bytes()};
}

void ist__proof_add_stretch(ist__proof *proof, const void *base, size_t bytes)
{
    const size_t pages = (bytes + proof->page_bytes - 1) / proof->page_bytes;
    if (proof->stretches)
        proof->stretches[proof->stretch_count] =
            (ist__stretch){.base = base, .pages = pages, .first = proof->page_count};
    proof->stretch_count++;
    proof->page_count += pages;
}

void ist__proof_add_range(ist__proof *proof, int32_t kind, int32_t team, int32_t subnet, int32_t node, const void *base,
                          size_t bytes)
{
    if (!base || bytes == 0) return;
    if (proof->ranges)
        proof->ranges[proof->range_count] = (ist__range){.kind = kind,
                                                         .team = team,
                                                         .subnet = subnet,
                                                         .node = node,
                                                         .base = base,
                                                         .bytes = bytes,
                                                         .stretch = proof->stretch_count - 1};
    proof->range_count++;
}

ist_status ist__proof_begin(ist__proof *proof, ist__error *error)
{
    proof->stretches = ist__alloc(proof->stretch_count, sizeof *proof->stretches);
    proof->ranges = ist__alloc(proof->range_count, sizeof *proof->ranges);
    proof->found = ist__alloc((int64_t)proof->page_count, sizeof *proof->found);
    if (!proof->stretches || !proof->ranges || !proof->found) {
        ist__proof_destroy(proof);
        return ist__fail(error, IST_E_MEMORY, "no memory to keep the places of %zu pages", proof->page_count);
    }
    for (size_t i = 0; i < proof->page_count; i++) proof->found[i] = IST__PAGE_UNKNOWN;
    proof->stretch_count = proof->range_count = 0;
    proof->page_count = 0;
    return IST_OK;
}

void ist__proof_destroy(ist__proof *proof)
{
    ist__free(proof->stretches);
    ist__free(proof->ranges);
    ist__free(proof->found);
    *proof = (ist__proof){0};
}

/* ---------------------------------------------------------------------------------------------------- checking -- */

/* Codes of `found`: a node, IST__PAGE_*, or below these a node where the page was when it was last known. */
enum { LAST_KNOWN = IST__PAGE_ELSEWHERE - 1 };

static int16_t known_before(int16_t code)
{
    return (int16_t)(code <= LAST_KNOWN ? LAST_KNOWN - code : code);
}

/* The page's new code; *moved when it was known to be elsewhere before. */
static int16_t follow(int16_t code, int16_t answer, bool *moved)
{
    const int16_t before = known_before(code);
    *moved = answer != IST__PAGE_UNKNOWN && before != IST__PAGE_UNKNOWN && answer != before;
    if (answer != IST__PAGE_UNKNOWN || before < 0) return answer;
    return (int16_t)(LAST_KNOWN - before);
}

void ist__proof_check(ist__proof *proof)
{
    enum { CHUNK = 2048 };
    int16_t answers[CHUNK];
    const double began = ist__seconds();
    int64_t moved_pages = 0;
    proof->refusal = 0;
    for (int32_t s = 0; s < proof->stretch_count; s++) {
        const ist__stretch *stretch = &proof->stretches[s];
        for (size_t at = 0; at < stretch->pages; at += CHUNK) {
            const size_t count = stretch->pages - at < CHUNK ? stretch->pages - at : CHUNK;
            const int refusal = proof->ask(proof->machine, stretch->base + at * proof->page_bytes, count, answers);
            if (refusal) proof->refusal = refusal;
            for (size_t i = 0; i < count; i++) {
                int16_t *code = &proof->found[stretch->first + at + i];
                bool moved;
                *code = follow(*code, (int16_t)(refusal ? IST__PAGE_UNKNOWN : answers[i]), &moved);
                moved_pages += moved;
            }
        }
    }
    proof->before = proof->now;
    proof->now = ist__pages_balanced();
    if (proof->checks++ == 0) proof->first = proof->before = proof->now;
    proof->moved_bytes = moved_pages * (int64_t)proof->page_bytes;
    proof->moved_total += proof->moved_bytes;
    proof->seconds = ist__seconds() - began;
}

/* ----------------------------------------------------------------------------------------------------- summing -- */

void ist__proof_sum(const ist__proof *proof, const ist__range *range, int64_t *by_node)
{
    const int32_t nodes = proof->machine->node_count, elsewhere = nodes, unknown = nodes + 1;
    const ist__stretch *stretch = &proof->stretches[range->stretch];
    const size_t first = (size_t)(range->base - stretch->base), end = first + range->bytes;
    for (int32_t n = 0; n <= unknown; n++) by_node[n] = 0;
    for (size_t at = first; at < end;) {
        const size_t page = at / proof->page_bytes, next = (page + 1) * proof->page_bytes;
        const int16_t code = proof->found[stretch->first + page];
        const int32_t slot = code >= 0 ? code : code == IST__PAGE_ELSEWHERE ? elsewhere : unknown;
        by_node[slot] += (int64_t)((next < end ? next : end) - at);
        at = next;
    }
}

static bool is_hot(int32_t kind)
{
    return kind < IST__KIND_MASTER;
}

/* Where most bytes are that are not at `home`; -1: on a node that is not among ours. */
static int32_t most_remote(const int64_t *by_node, int32_t nodes, int32_t home)
{
    int32_t most = -1;
    int64_t bytes = by_node[nodes]; /* elsewhere */
    for (int32_t n = 0; n < nodes; n++) {
        if (n == home || by_node[n] <= bytes) continue;
        most = n;
        bytes = by_node[n];
    }
    return most;
}

static void judge_range(const ist__proof *proof, const ist__range *range, const int64_t *by_node, ist__verdict *v)
{
    const int32_t nodes = proof->machine->node_count;
    const int64_t bytes = (int64_t)range->bytes, local = by_node[range->node], unknown = by_node[nodes + 1];
    const int64_t remote = bytes - local - unknown;
    v->bytes += bytes;
    v->local_bytes += local;
    v->unknown_bytes += unknown;
    v->remote_bytes += remote;
    if (is_hot(range->kind)) {
        v->hot_bytes += bytes;
        v->hot_local_bytes += local;
        v->hot_unknown_bytes += unknown;
    }
    if (remote == 0) return;
    v->wrong++;
    if (remote <= v->worst_bytes) return;
    v->worst = *range;
    v->worst_bytes = remote;
    v->worst_got = most_remote(by_node, nodes, range->node);
}

static int64_t *make_sums(const ist__proof *proof, int64_t rows)
{
    return ist__alloc(rows * ((int64_t)proof->machine->node_count + 2), sizeof(int64_t));
}

ist_status ist__proof_judge(const ist__proof *proof, ist__verdict *out, ist__error *error)
{
    ist__verdict verdict = {.worst_got = -1};
    int64_t *by_node = make_sums(proof, 1);
    if (!by_node) return ist__fail(error, IST_E_MEMORY, "no memory to count pages");
    for (int32_t i = 0; i < proof->range_count; i++) {
        ist__proof_sum(proof, &proof->ranges[i], by_node);
        judge_range(proof, &proof->ranges[i], by_node, &verdict);
    }
    ist__free(by_node);
    *out = verdict;
    return IST_OK;
}

static const char *const kind_names[IST__KINDS] = {
    "weights", "state", "order", "data", "scratch", "control", "master", "master_state", "average", "velocity", "copy"};

void ist__verdict_words(const ist__verdict *v, char *out, size_t capacity)
{
    char whose[32] = "", got[32] = "a node that is not ours";
    out[0] = '\0';
    if (v->wrong == 0) return;
    if (v->worst.subnet >= 0) snprintf(whose, sizeof whose, "subnet %d of ", v->worst.subnet);
    if (v->worst_got >= 0) snprintf(got, sizeof got, "node %d", v->worst_got);
    snprintf(out, capacity, "%s of %steam %d: %lld of %zu bytes are on %s, asked for node %d",
             kind_names[v->worst.kind], whose, v->worst.team, (long long)v->worst_bytes, v->worst.bytes, got,
             v->worst.node);
}

ist_status ist__proof_enforce(const ist__proof *proof, const ist__verdict *v, ist__error *error)
{
    char worst[160];
    if (proof->placement != IST_PLACE_STRICT) return IST_OK;
    if (proof->refusal && proof->machine->node_count > 1)
        return ist__fail(error, IST_E_PLACEMENT, "strict placement: the system does not tell where pages are: %s (%d)",
                         ist__errno_name(proof->refusal), proof->refusal);
    if (v->wrong == 0) return IST_OK;
    ist__verdict_words(v, worst, sizeof worst);
    return ist__fail(error, IST_E_PLACEMENT, "strict placement: %s (in all %d of %d ranges, %lld bytes)", worst,
                     v->wrong, proof->range_count, (long long)v->remote_bytes);
}

/* ------------------------------------------------------------------------------------------------------- JSON -- */

/* "bytes", "local_bytes", "by_node", "unknown_bytes" and, where there are any, "elsewhere_bytes" into an object. */
static void put_sums(json_t *object, const int64_t *by_node, int32_t nodes, int64_t local)
{
    json_t *list = json_array();
    int64_t bytes = 0;
    for (int32_t n = 0; n < nodes + 2; n++) bytes += by_node[n];
    for (int32_t n = 0; n < nodes; n++) ist__json_append(list, json_integer(by_node[n]));
    ist__json_set(object, "bytes", json_integer(bytes));
    ist__json_set(object, "local_bytes", json_integer(local));
    ist__json_set(object, "by_node", list);
    ist__json_set(object, "unknown_bytes", json_integer(by_node[nodes + 1]));
    if (by_node[nodes] > 0) ist__json_set(object, "elsewhere_bytes", json_integer(by_node[nodes]));
}

static json_t *range_json(const ist__range *range)
{
    json_t *json = json_pack("{s:s, s:i, s:i}", "kind", kind_names[range->kind], "team", (int)range->team, "node",
                             (int)range->node);
    if (range->subnet >= 0) ist__json_set(json, "subnet", json_integer(range->subnet));
    return json;
}

/* "remote_bytes" of the range are not on its node; null: none of our nodes. */
static json_t *offender_json(const ist__range *range, int64_t remote, int32_t got)
{
    json_t *json = range_json(range);
    ist__json_set(json, "got", got < 0 ? json_null() : json_integer(got));
    ist__json_set(json, "bytes", json_integer((json_int_t)range->bytes));
    ist__json_set(json, "remote_bytes", json_integer(remote));
    return json;
}

static json_t *kinds_json(const ist__proof *proof, const int64_t *sums, const int64_t *local)
{
    const int32_t nodes = proof->machine->node_count;
    json_t *kinds = json_array();
    for (int32_t k = 0; k < IST__KINDS; k++) {
        const int64_t *by_node = sums + (int64_t)k * (nodes + 2);
        int64_t bytes = 0;
        for (int32_t n = 0; n < nodes + 2; n++) bytes += by_node[n];
        if (bytes == 0) continue;
        json_t *kind = json_pack("{s:s, s:s}", "kind", kind_names[k], "used", is_hot(k) ? "step" : "round");
        put_sums(kind, by_node, nodes, local[k]);
        ist__json_append(kinds, kind);
    }
    return kinds;
}

static const char *words_of(const ist__proof *proof, const ist__verdict *v)
{
    if (v->wrong > 0 && proof->placement == IST_PLACE_NONE) return "not at home, and nothing was placed";
    if (v->wrong > 0) return "wrong";
    if (proof->machine->node_count == 1) return "1 node: nothing can be wrong";
    if (v->unknown_bytes == v->bytes) return "unknown";
    return v->unknown_bytes > 0 ? "right as far as the kernel tells" : "right";
}

static json_t *verdict_json(const ist__proof *proof, const ist__verdict *v, json_t *wrong)
{
    json_t *json = json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "words", words_of(proof, v), "nodes",
                             (int)proof->machine->node_count, "hot_bytes", (json_int_t)v->hot_bytes, "hot_local_bytes",
                             (json_int_t)v->hot_local_bytes, "hot_unknown_bytes", (json_int_t)v->hot_unknown_bytes,
                             "bytes", (json_int_t)v->bytes, "local_bytes", (json_int_t)v->local_bytes, "remote_bytes",
                             (json_int_t)v->remote_bytes, "unknown_bytes", (json_int_t)v->unknown_bytes, "wrong_ranges",
                             (int)v->wrong);
    const bool told = v->hot_unknown_bytes < v->hot_bytes; /* what is not told counts as not local */
    ist__json_set(json, "local_share",
                  told ? json_real((double)v->hot_local_bytes / (double)v->hot_bytes) : json_null());
    ist__json_set(json, "refused", proof->refusal ? json_string(ist__errno_name(proof->refusal)) : json_null());
    ist__json_set(json, "wrong", wrong);
    return json;
}

static json_t *count_json(int64_t now, int64_t first)
{
    if (now < 0 || first < 0) return json_null();
    return json_integer(now > first ? now - first : 0); /* a thread that ended took its count with it */
}

static json_t *migration_json(const ist__proof *proof)
{
    return json_pack("{s:I, s:I, s:o, s:o}", "checks", (json_int_t)proof->checks, "migrated_bytes",
                     (json_int_t)proof->moved_total, "balanced_pages_process",
                     count_json(proof->now.process, proof->first.process), "balanced_pages_system",
                     count_json(proof->now.system, proof->first.system));
}

json_t *ist__proof_json(const ist__proof *proof)
{
    enum { NAMED_MOST = 8 };
    const int32_t nodes = proof->machine->node_count;
    int64_t *sums = make_sums(proof, IST__KINDS + 1), local[IST__KINDS] = {0};
    if (!sums) return NULL;
    int64_t *by_node = sums + IST__KINDS * ((int64_t)nodes + 2);
    ist__verdict verdict = {.worst_got = -1};
    json_t *ranges = json_array(), *wrong = json_array();
    for (int32_t i = 0; i < proof->range_count; i++) {
        const ist__range *range = &proof->ranges[i];
        const int32_t wrong_before = verdict.wrong;
        ist__proof_sum(proof, range, by_node);
        judge_range(proof, range, by_node, &verdict);
        for (int32_t n = 0; n < nodes + 2; n++) sums[(int64_t)range->kind * (nodes + 2) + n] += by_node[n];
        local[range->kind] += by_node[range->node];
        json_t *one = range_json(range);
        put_sums(one, by_node, nodes, by_node[range->node]);
        ist__json_append(ranges, one);
        if (verdict.wrong > wrong_before && wrong_before < NAMED_MOST)
            ist__json_append(wrong,
                             offender_json(range, (int64_t)range->bytes - by_node[range->node] - by_node[nodes + 1],
                                           most_remote(by_node, nodes, range->node)));
    }
    json_t *json = json_pack("{s:o, s:o, s:o, s:o}", "verdict", verdict_json(proof, &verdict, wrong), "kinds",
                             kinds_json(proof, sums, local), "ranges", ranges, "migration", migration_json(proof));
    ist__free(sums);
    return json;
}
