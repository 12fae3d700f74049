#!/usr/bin/env bash
# A whole training run in a guest with four real NUMA nodes: every subnet's bytes on its node, read back by move_pages,
# and a model file equal to the host's, byte for byte.
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

work=$(mktemp -d) || fail "no temporary folder"
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# Little arithmetic, for a guest that is emulated does some 20 MFLOP/s.  Widths that 4 does not divide.  `norm` has batch norm and
# its calibration; `wide` has blocks and a master of several huge pages.
data=(--train "$digits/digits-images.idx3.gz:$digits/digits-labels.idx1.gz" --subnets 4 --rounds 2)
norm=(--hidden 1021,127 --local-steps 3 --batch 16 --calibration-batches 1)
wide=(--hidden 4093,1021 --local-steps 2 --batch 4 --norm none --output-norm none)

# both WHERE OPTIONS..: the two runs, leaving WHERE-norm.ist, WHERE-norm.jsonl and so on
both() {
    local where=$1
    shift
    "$IST" train "${data[@]}" "${norm[@]}" --model "$where-norm.ist" --log "$where-norm.jsonl" --quiet "$@" &&
        "$IST" train "${data[@]}" "${wide[@]}" --model "$where-wide.ist" --log "$where-wide.jsonl" --quiet "$@"
}

both host || fail "training on the host"
{
    declare -p IST data norm wide
    declare -f both
    # Waiting threads of the run time would take the processor from those that work: all are threads of one emulator.
    printf '%s\n' 'export OMP_WAIT_POLICY=passive' 'echo always >/sys/kernel/mm/transparent_hugepage/enabled' \
        'cat /sys/kernel/mm/transparent_hugepage/enabled >thp.txt' 'both guest --placement strict'
} >inside.sh
"$vm" --nodes 4 --cpus-per-node 2 --timeout 540 -- bash inside.sh
status=$?
[ $status -ne 125 ] || skip "the guest could not be started"
[ $status -eq 0 ] || fail "training in the guest: status $status"

printf 'huge pages in the guest: %s\n' "$(cat thp.txt)"
grep -q '\[always\]' thp.txt || fail "transparent huge pages are not on in the guest"
for run in norm wide; do
    cmp "host-$run.ist" "guest-$run.ist" || fail "the guest's model differs from the host's"
    jq -c 'select(.event == "end") | .report.subnets[], .report.teams[], .report.master
           | {subnet, team, node, bytes, local_bytes, unknown_bytes}' "guest-$run.jsonl" || fail "no placement report"
    jq -e -s 'map(select(.event == "end"))[0].report
              | (.subnets | length == 4) and (.subnets | map(.node) | unique | length == 4)
                and ([.subnets[], .teams[], .master] | all(.local_bytes >= 0.999 * .bytes and .bytes > 0))' \
        "guest-$run.jsonl" >/dev/null || fail "less than 99.9 % of a region is on its node, or two subnets share a node"
done
printf 'four subnets on four nodes, at least 99.9 %% of every region at home, models equal to the host'"'"'s\n'
