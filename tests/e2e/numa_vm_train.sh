#!/usr/bin/env bash
# A whole training run in a guest with four real NUMA nodes: every subnet's bytes on its node, read back by move_pages,
# and a model file equal to the host's, byte for byte.  The guest's processor has AVX2 and no AVX-512, so that where the
# host has both, the same bits come from other kernels; and once more from those for any x86-64.
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
# its calibration; `wide` has blocks and a master of several huge pages; `tiny` is for kernels without fused multiply-adds.
data=(--train "$digits/digits-images.idx3.gz:$digits/digits-labels.idx1.gz" --subnets 4 --rounds 2)
norm=(--hidden 1021,127 --local-steps 3 --batch 16 --calibration-batches 1)
wide=(--hidden 4093,1021 --local-steps 2 --batch 4 --norm none --output-norm none)
tiny=(--hidden 37,23 --local-steps 2 --batch 21 --optimizer adam --weight-decay 0.01 --calibration-batches 2)

# both WHERE OPTIONS..: the two runs, leaving WHERE-norm.ist, WHERE-norm.jsonl and so on
both() {
    local where=$1
    shift
    "$IST" train "${data[@]}" "${norm[@]}" --model "$where-norm.ist" --log "$where-norm.jsonl" --quiet "$@" &&
        "$IST" train "${data[@]}" "${wide[@]}" --model "$where-wide.ist" --log "$where-wide.jsonl" --quiet "$@"
}

# small WHERE ENGINE: the tiny run, leaving WHERE-ENGINE.ist
small() {
    "$IST" train "${data[@]}" "${tiny[@]}" --model "$1-$2.ist" --quiet --engine "$2"
}

# kernels WHERE: which the engine auto takes there, into WHERE-kernels.txt
kernels() {
    "$IST" info --json | jq -r '.context.blas | "\(.engine) \(.kernels)"' >"$1-kernels.txt"
}

both host && kernels host && small host auto || fail "training on the host"
{
    declare -p IST data norm wide tiny
    declare -f both small kernels
    # Waiting threads of the run time would take the processor from those that work: all are threads of one emulator.
    printf '%s\n' 'export OMP_WAIT_POLICY=passive' 'echo always >/sys/kernel/mm/transparent_hugepage/enabled' \
        'cat /sys/kernel/mm/transparent_hugepage/enabled >thp.txt' \
        'both guest --placement strict && kernels guest && small guest auto && small guest native-portable || exit 1' \
        'small guest native-avx512 2>avx512.txt; echo $? >>avx512.txt'
} >inside.sh
"$vm" --nodes 4 --cpus-per-node 2 --timeout 540 -- bash inside.sh
status=$?
[ $status -ne 125 ] || skip "the guest could not be started"
[ $status -eq 0 ] || fail "training in the guest: status $status"

read -r engine inside <guest-kernels.txt
read -r _ outside <host-kernels.txt
printf 'engine %s in the guest: %s kernels, and portable; on the host: %s kernels\n' "$engine" "$inside" "$outside"
[ "$engine" = native ] || fail "the guest's engine is not native"
for run in auto native-portable; do
    cmp host-auto.ist "guest-$run.ist" || fail "the guest's model from engine $run differs from the host's"
done
if [ "$inside" = avx512 ]; then
    printf 'the guest has AVX-512: nothing to refuse\n'
else
    grep -q 'the avx512 kernels cannot run' avx512.txt && [ "$(tail -n 1 avx512.txt)" = 2 ] && [ ! -e guest-native-avx512.ist ] ||
        fail "native-avx512 was not refused in the guest: $(cat avx512.txt)"
fi

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
