#!/usr/bin/env bash
# wide.sh - outputs of very many labels: what they may take of memory, sampled labels, sigmoids.
#
# Run as `bash wide.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

# Four groups of rows; the classes of three of them are far from each other.
awk 'BEGIN { srand(7); for (i = 0; i < 200; i++) { c = i % 4; print c == 3 ? 4199 : c * 1000 > "y.csv"
    for (p = 0; p < 8; p++) printf "%s%.3f", p ? "," : "", rand() + (int(p / 2) == c); print "" } }' >x.csv

command=("$ist" train --train x.csv:y.csv --hidden 32 --method sgd --optimizer adam --lr 0.01 --batch 20 --teams 1 --threads 2
    --output-norm none --quiet)

# CASE memory: what logits may take shows in the plan and not in the model, and a size that is none is refused in one line
case_memory() {
    local size
    run 0 --epochs 2 --model all.ist
    for size in 1 100kB 0.2MiB; do
        run 0 --epochs 2 --logits-memory $size --model some.ist
        cmp -s all.ist some.ist || fail "another model with $size"
    done
    for size in 0 -1 2XB MB 1.2.3MB nan 2000GiB ''; do wrong 'logits-memory: ' --epochs 2 --logits-memory "$size"; done
    local few all words=(info --topology 'numa:1 core:2 pu:1' --hidden 32 --features 8 --classes 100000 --rows 1000 --batch 256 --nonzeros 5 --labels 2
        --method sgd --json)
    few=$("$ist" "${words[@]}" --logits-memory 1MB 2>err | jq '[.. | .planned_bytes? // empty] | max') || fail "$(cat err)"
    all=$("$ist" "${words[@]}" --logits-memory 1GiB 2>err | jq '[.. | .planned_bytes? // empty] | max') || fail "$(cat err)"
    [ "$few" -lt "$all" ] || fail "planned: $few and $all"
}

# CASE sampled: a sample of labels trains, is part of the run's identity, and is refused where there is nothing to sample from
case_sampled() {
    run 0 --epochs 20 --sampled-labels 200 --test x.csv:y.csv --checkpoint c.ckpt --log run.jsonl
    jq -es 'map(select(.event == "eval")) | last | .accuracy > 0.9' run.jsonl >/dev/null || fail "$(tail -n 2 run.jsonl)"
    run 2 --epochs 20 --sampled-labels 100 --resume c.ckpt
    grep -q -e '--sampled-labels: the checkpoint has 200, this run 100' err || fail "$(cat err)"
    run 2 --epochs 1 --sampled-labels 100 --output-norm batch
    grep -q 'sampled_labels is 100, but this output is not wide' err || fail "$(cat err)"
    run 2 --epochs 1 --sampled-labels 100 --label-smoothing 0.1
    run 2 --epochs 1 --sampled-labels 100 --loss binary
    wrong 'sampled-labels: ' --epochs 1 --sampled-labels -1
}

# CASE binary: sigmoids of every label train, are told, and answer with numbers that need not add up to 1
case_binary() {
    run 0 --epochs 20 --loss binary --test x.csv:y.csv --model m.ist --log run.jsonl
    jq -es 'map(select(.event == "eval")) | last | .accuracy > 0.9 and .loss < 2' run.jsonl >/dev/null || fail "$(tail -n 2 run.jsonl)"
    "$ist" eval m.ist --data x.csv:y.csv --json >out 2>err || fail "$(cat err)"
    jq -e '.accuracy > 0.9' out >/dev/null || fail "$(cat out)"
    wrong 'output-norm: ' --epochs 1 --loss binary --output-norm batch
    wrong 'label-smoothing: ' --epochs 1 --loss binary --label-smoothing 0.1
    wrong 'method: ' --epochs 1 --loss binary --method data-parallel
    run 2 --epochs 1 --loss binary --engine openblas
    grep -q 'need the native engine' err || fail "$(cat err)"
}

case ${1:-} in
    memory | sampled | binary) "case_$1" ;;
    *) fail "unknown case '${1:-}'" ;;
esac
