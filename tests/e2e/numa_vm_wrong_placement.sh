#!/usr/bin/env bash
# numa_vm_wrong_placement.sh - a build that places the memory of team 1 wrongly, on purpose, on a machine of two nodes: the
# report, --verify-placement and --placement strict must each say so, and nothing may be said of the right build.  And
# pages that somebody moves during a run are noticed.
set -u -o pipefail

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}
skip() {
    printf 'SKIP: %s\n' "$*"
    exit 77
}

vm=${IST_SHARED:+$IST_SHARED/numa-vm}
digits=${IST_SHARED:+$IST_SHARED/data/digits}
[ -n "$vm" ] && [ -x "$vm" ] || skip "no numa-vm in a folder shared beside the checkout: no machine with several nodes"
[ -r "$digits/digits-images.idx3.gz" ] || skip "no data/digits in a folder shared beside the checkout"
command -v jq >/dev/null || skip "jq is not installed"
[ -n "${IST_WRONG_TOUCH:-}" ] || skip "wrong-touch was not built (IST_TEST_WRONG_TOUCH)"
proof=${IST_BUILD:?is not set}/tests/unit/test_proof
[ -x "$proof" ] || fail "$proof is not built"

work=$(mktemp -d) || fail "no temporary folder"
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

train=(train --train "$digits/digits-images.idx3.gz:$digits/digits-labels.idx1.gz" --hidden 32 --subnets 2 --rounds 1
    --local-steps 2 --batch 8 --calibration-batches 1 --teams 2 --threads 1 --quiet)
{
    declare -p IST IST_WRONG_TOUCH proof train
    # Pages that NUMA balancing watches are unknown for a while, which is another test's matter.
    cat <<'INSIDE'
echo 0 >/proc/sys/kernel/numa_balancing
export OMP_WAIT_POLICY=passive
"$IST_WRONG_TOUCH" "${train[@]}" --verify-placement --log wrong.jsonl --model wrong.ist 2>wrong.err || exit 1
"$IST_WRONG_TOUCH" "${train[@]}" --placement strict --model strict.ist 2>strict.err
echo $? >strict.status
"$IST" "${train[@]}" --placement strict --verify-placement --log right.jsonl --model right.ist 2>right.err || exit 1
"$proof" pages_that_somebody_moved_are_noticed stacks_follow_their_threads >proof.out 2>&1
echo $? >proof.status
INSIDE
} >inside.sh
"$vm" --nodes 2 --cpus-per-node 1 --mem 1024 --timeout 540 -- bash inside.sh
status=$?
[ $status -ne 125 ] || skip "the guest could not be started"
[ $status -eq 0 ] || fail "training in the guest: status $status, $(cat wrong.err right.err)"

# What was wrong on purpose is team 1, on node 0 instead of 1: all kinds of its memory, in every check and at the end.
jq -e -s 'map(select(.event == "placement")) | length == 2 and all(.nodes == 2 and .wrong > 0 and .unknown_bytes == 0
    and .hot_local_bytes < .hot_bytes and (.worst | test("team 1: .* on node 0, asked for node 1$")))' wrong.jsonl >/dev/null ||
    fail "--verify-placement did not see it: $(jq -c 'select(.event == "placement")' wrong.jsonl)"
jq -e 'select(.event == "end") | .report.wrong_on_purpose and (.report.proof.verdict | .words == "wrong" and .local_share < 1
    and ([.wrong[] | .kind] | unique | contains(["data", "scratch", "state", "weights"]))
    and all(.wrong[]; .team == 1 and .node == 1 and .got == 0 and .remote_bytes == .bytes))' wrong.jsonl >/dev/null ||
    fail "the report did not see it: $(jq -c 'select(.event == "end") | .report.proof.verdict' wrong.jsonl)"
[ "$(cat strict.status)" = 1 ] && [ ! -e strict.ist ] && [ "$(wc -l <strict.err)" = 1 ] &&
    grep -q '^ist train: strict placement: .* of team 1: .* bytes are on node 0, asked for node 1' strict.err ||
    fail "strict placement went on: status $(cat strict.status), $(cat strict.err)"

# And the right build, under the same eyes.
jq -e -s 'map(select(.event == "placement")) | length == 2 and all(.nodes == 2 and .wrong == 0 and .worst == null
    and .bytes > 0 and .local_bytes == .bytes and .moved_bytes == 0)' right.jsonl >/dev/null ||
    fail "the right build: $(jq -c 'select(.event == "placement")' right.jsonl)"
jq -e 'select(.event == "end") | (.report | has("wrong_on_purpose") | not) and (.report.proof.verdict | .words == "right"
    and .local_share == 1 and .hot_local_bytes == .hot_bytes and .wrong == [])' right.jsonl >/dev/null ||
    fail "the right build: $(jq -c 'select(.event == "end") | .report.proof' right.jsonl)"
jq -e 'select(.event == "end") | .report.proof | ([.kinds[].kind] | contains(["control", "order"])) and
    (.not_placed[0] | (.what | test("stacks")) and .bytes > 0 and .local_bytes == .bytes)' right.jsonl >/dev/null ||
    fail "stacks of the right build: $(jq -c 'select(.event == "end") | .report.proof.not_placed' right.jsonl)"
cmp right.ist wrong.ist || fail "where the memory is changed the model"
[ "$(cat proof.status)" = 0 ] || fail "pages that were moved: $(cat proof.out)"
printf 'seen: %s\n' "$(cat strict.err)"
