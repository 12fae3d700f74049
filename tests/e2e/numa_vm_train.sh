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

# Two hidden layers whose widths 4 does not divide; a master of several huge pages; little arithmetic, for the guest may
# be emulated.
options=(--train "$digits/digits-images.idx3.gz:$digits/digits-labels.idx1.gz" --hidden 4093,509 --subnets 4
    --local-steps 3 --rounds 2 --batch 16 --calibration-batches 1 --quiet)

"$IST" train "${options[@]}" --model host.ist || fail "training on the host"

"$vm" --nodes 4 --cpus-per-node 2 --timeout 540 -- bash -c '
    echo always >/sys/kernel/mm/transparent_hugepage/enabled
    cat /sys/kernel/mm/transparent_hugepage/enabled >thp.txt
    exec "$0" train "$@" --placement strict --model guest.ist --log guest.jsonl' "$IST" "${options[@]}"
status=$?
[ $status -ne 125 ] || skip "the guest could not be started"
[ $status -eq 0 ] || fail "training in the guest: status $status"

printf 'huge pages in the guest: %s\n' "$(cat thp.txt)"
grep -q '\[always\]' thp.txt || fail "transparent huge pages are not on in the guest"
cmp host.ist guest.ist || fail "the guest's model differs from the host's"

jq -c 'select(.event == "end") | .report.subnets[], .report.teams[], .report.master
       | {subnet, team, node, bytes, local_bytes, unknown_bytes}' guest.jsonl || fail "the log has no placement report"
jq -e -s 'map(select(.event == "end"))[0].report
          | (.subnets | length == 4) and (.subnets | map(.node) | unique | length == 4)
            and ([.subnets[], .teams[], .master] | all(.local_bytes >= 0.999 * .bytes and .bytes > 0))' \
    guest.jsonl >/dev/null || fail "less than 99.9 % of some region is on its node, or two subnets share a node"
printf 'four subnets on four nodes, at least 99.9 %% of every region at home, model equal to the host'"'"'s\n'
