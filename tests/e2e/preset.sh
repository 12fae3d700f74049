#!/usr/bin/env bash
# preset.sh - recipes by name: what they set, that what is typed beside them wins, and that logs and help tell.
#
# Run as `bash preset.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

# Rows in the order of their classes.
awk 'BEGIN { srand(7); for (i = 0; i < 400; i++) { c = int(i / 100); print c > "y.csv"
    for (p = 0; p < 8; p++) printf "%s%.3f", p ? "," : "", rand() + (int(p / 2) == c); print "" } }' >x.csv

command=("$ist" train --train x.csv:y.csv --test x.csv:y.csv --subnets 2)

# CASE values: the recipe's values are in the log's start event and in the help, and the net is what it says
case_values() {
    run 0 --preset paper-speech-2 --rounds 1 --log run.jsonl --quiet
    jq -es '.[0].options | .preset == "paper-speech-2" and .hidden == "4096" and .method == "ist" and .optimizer == "sgd" and
        .lr == 0.01 and .["lr-schedule"] == "constant" and .["lr-ramp"] == 0 and .["weight-decay"] == 0 and .batch == 128 and
        .["local-steps"] == 20 and .data == "replicate" and .normalize == "none" and .norm == "batch" and
        .["output-norm"] == "batch" and .activation == "relu" and .["output-scale"] == 1 and .statistics == "batch" and .["eval-order"] == "shuffled" and
        .["eval-every"] == 1 and .["label-smoothing"] == 0 and .["input-dropout"] == 0 and .["hidden-dropout"] == 0 and
        .["repartition-fraction"] == 1 and .shares == "even" and .balance == "even" and .["outer-lr"] == 1 and
        .["outer-momentum"] == 0 and .["warmup-epochs"] == 0 and .["full-width-epochs"] == 0 and .["local-steps-last"] == "auto" and .["average-from"] == 1' run.jsonl >/dev/null || fail "$(head -n 1 run.jsonl | jq -c .options)"
    jq -es '.[0].parameters == 8 * 4096 + 2 * 4096 + 4096 * 4' run.jsonl >/dev/null || fail "the net has other parameters"
    "$ist" train --preset paper-speech-3 --help | tr -s ' \n' ' ' >out
    for text in '--hidden W[^(]*(default: 8192,8192)' '--local-steps J [^(]*(default: 20)' '--epochs E [^(]*(default: 100)' \
        '--optimizer [^(]*(default: sgd)'; do
        grep -q -e "$text" out || fail "help does not show $text"
    done
    "$ist" train --help | tr -s ' \n' ' ' | grep -q -e '--optimizer [^(]*(default: momentum)' || fail "help without a preset"
}

# CASE beside: an option given beside a preset wins, before it or behind it, and the last preset counts
case_beside() {
    run 0 --lr 0.2 --preset paper-speech-3 --hidden 16 --preset=paper-speech-2 --epochs 3 --optimizer momentum --log run.jsonl --quiet
    jq -es '.[0].options | .preset == "paper-speech-2" and .hidden == "16" and .lr == 0.2 and .optimizer == "momentum" and
        .epochs == 3 and .batch == 128 and .["local-steps"] == 20' run.jsonl >/dev/null || fail "$(head -n 1 run.jsonl)"
    run 0 --preset none --hidden 16 --epochs 3 --log run.jsonl --quiet
    jq -es '.[0].options | .optimizer == "momentum" and .["local-steps"] == 50' run.jsonl >/dev/null || fail "none sets something"
    run 2 --preset paper --hidden 16
    grep -q 'preset: "paper" is not one of none, paper-speech-2, paper-speech-3' err || fail "$(cat err)"
    run 2 --preset
    run 2 --rounds 2
    grep -q 'hidden is missing' err || fail "$(cat err)"
}

# CASE sorted: on rows in the order of their classes batch statistics need shuffled rows, and stored ones do not care
case_sorted() {
    run 0 --preset paper-speech-2 --hidden 64 --lr 0.3 --epochs 100 --eval-every 0 --model m.ist --json
    jq -e '.final.test.accuracy > 0.8' out >/dev/null || fail "$(cat out)"
    local order accuracy=()
    for order in shuffled file; do
        "$ist" eval m.ist --data x.csv:y.csv --statistics batch --batch 50 --eval-order $order --json >out 2>err || fail "$(cat err)"
        accuracy+=("$(jq .accuracy out)")
    done
    awk -v good="${accuracy[0]}" -v bad="${accuracy[1]}" 'BEGIN { exit !(good > 0.8 && bad < 0.6) }' || fail "${accuracy[*]}"
    run 0 --preset paper-speech-2 --hidden 64 --lr 0.3 --epochs 100 --eval-every 0 --statistics stored --json
    jq -e '.final.test.accuracy > 0.8' out >/dev/null || fail "$(cat out)"
}

case ${1:-} in
    values | beside | sorted) "case_$1" ;;
    *) fail "unknown case '${1:-}'" ;;
esac
