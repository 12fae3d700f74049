#!/usr/bin/env bash
# rank.sh - labels ranked by the command: in evaluations of a run, by ist eval, and the best of each row by ist predict.
#
# Run as `bash rank.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq od

# field EXPRESSION VALUE: of the JSON in out, a number within 1e-5, or a word.
field() {
    local got
    got=$(jq -r "$1" out) || fail "no JSON: $(cat out)"
    awk -v a="$got" -v b="$2" 'BEGIN { exit !(a == b || (a + 0 == a && a - b < 1e-5 && b - a < 1e-5)) }' ||
        fail "$1 is $got, not $2: $(cat out)"
}

# Fifty classes of numbers up to 4999, of which rows tell by eight features.
classes() {
    awk 'BEGIN { srand(5); for (i = 0; i < 600; i++) { c = int(rand() * 50); x = ""
        for (f = 0; f < 8; f++) x = x (f ? "," : "") sprintf("%.3f", (int(c / 2 ^ f) % 2) + 0.8 * rand())
        print x > "x.csv"; print c * 102 + 1 > "y.csv" } }'
}

# best FILE.npy K LABELS: precision at K of the class ids in FILE, of rows with one label each.
best() {
    local begin
    begin=$(($(od -An -tu2 -j8 -N2 "$1") + 10))
    od -An -v -tu4 -w$((4 * $2)) -j$begin "$1" | paste - "$3" | awk -v k="$2" '{ for (i = 1; i <= k; i++) s += $i == $NF }
        END { printf "%.9f\n", s / k / NR }'
}

# CASE wide: thousands of classes: evaluations, ist eval and ist predict say the same of the best labels
case_wide() {
    classes
    run 0 train --train x.csv:y.csv --test x.csv:y.csv --hidden 32 --output-norm none --rounds 10 --local-steps 20 \
        --batch 32 --optimizer adam --lr 0.01 --eval-every 0 --subnets 2 --seed 3 --model m.ist --log log.jsonl
    grep -q '^test precision at 1, 3, 5 ' out || fail "$(cat out)"
    run 0 eval m.ist --data x.csv:y.csv --propensity x.csv:y.csv --json
    cp out eval.json
    for k in 1 3 5; do
        run 0 predict m.ist --data x.csv --top-k $k --out p.npy
        cp eval.json out
        field .precision_at_$k "$(best p.npy $k y.csv)"
        field ".ndcg_at_$k >= .precision_at_$k" true
    done
    field .accuracy "$(jq .precision_at_1 eval.json)"
    field '.psp_at_3 > 2 * .precision_at_3 and .psp_at_5 <= 1' true # of what could be had, which is one label
    field '.accuracy > 0.4 and .precision_at_5 < 0.2000001' true
    for key in accuracy precision_at_3 ndcg_at_5 loss; do
        [ "$(jq "select(.event == \"eval\") | .$key" log.jsonl | tail -n 1)" = "$(jq ".$key" eval.json)" ] || fail "$key"
        [ "$(jq "select(.event == \"end\") | .final.test.$key" log.jsonl)" = "$(jq ".$key" eval.json)" ] || fail "$key"
    done
    run 0 eval m.ist --data x.csv:y.csv
    grep -q '^nDCG at 1, 3, 5  *0\.[0-9]*, ' out || fail "$(cat out)"
    if grep -q psp out; then fail "no propensities were given: $(cat out)"; fi
}

# CASE narrow: few classes are not ranked unless propensities are given, and a regression never
case_narrow() {
    classes
    awk '{ print ($1 - 1) / 102 % 6 }' y.csv >few.csv
    run 0 train --train x.csv:few.csv --hidden 8 --rounds 3 --model m.ist
    run 0 eval m.ist --data x.csv:few.csv --json
    field 'has("precision_at_3")' false
    run 0 eval m.ist --data x.csv:few.csv --json --propensity x.csv:few.csv
    field 'has("precision_at_3") and .psp_at_1 > 0' true
    run 0 train --train x.csv:few.csv --loss mse --hidden 8 --rounds 3 --model r.ist
    wrong 'propensity: the model is a regression' eval r.ist --data x.csv:few.csv --propensity x.csv:few.csv
    head -n 2 x.csv >two.csv
    head -n 2 few.csv >twoy.csv
    "$ist" eval m.ist --data x.csv:few.csv --propensity two.csv:twoy.csv 2>err && fail "two rows tell no propensities"
    grep -q 'propensities of 2 rows' err || fail "$(cat err)"
}

# CASE lists: rows with several labels or none are learned, evaluated and predicted; what is told is what the best labels are worth
case_lists() {
    local small="--features 300 --labels 60 --values-per-row 12 --labels-per-row 2 --signal 0.9"
    # shellcheck disable=SC2086
    run 0 generate synthetic-train.txt $small --rows 1500
    # shellcheck disable=SC2086
    run 0 generate synthetic-test.txt $small --rows 300 --first-row 1500
    # Some rows have no label at all.
    awk 'NR > 1 && NR % 10 == 0 { sub(/^[^ ]*/, "") } { print }' synthetic-test.txt >test.txt
    run 0 train --train synthetic-train.txt --test test.txt --hidden 64 --epochs 8 --batch 32 --local-steps 20 \
        --optimizer adam --lr 0.005 --subnets 2 --seed 3 --model m.ist --log log.jsonl
    run 0 eval m.ist --data test.txt --propensity synthetic-train.txt --json
    cp out eval.json
    run 0 predict m.ist --data test.txt --top-k 5 --out p.npy
    # Hits among the first k of each row, by the text itself.
    od -An -v -tu4 -w20 -j$(($(od -An -tu2 -j8 -N2 p.npy) + 10)) p.npy | paste - <(tail -n +2 test.txt | sed 's/ .*//') | awk '
        { n = split($6, own, ","); for (i = 1; i <= 5; i++) { hit = 0; for (j = 1; j <= n; j++) hit += own[j] == $i
            for (k = i; k <= 5; k++) s[k] += hit / k } }
        END { print s[1] / NR; print s[3] / NR; print s[5] / NR }' >worth
    cp eval.json out
    field .accuracy "$(sed -n 1p worth)"
    field .precision_at_3 "$(sed -n 2p worth)"
    field .precision_at_5 "$(sed -n 3p worth)"
    field '.accuracy > 0.2 and .psp_at_1 > 0 and .ndcg_at_5 > .precision_at_5' true
    [ "$(jq 'select(.event == "eval") | .accuracy' log.jsonl | tail -n 1)" = "$(jq .accuracy eval.json)" ] || fail "the log"
}

case ${1:-} in
    wide | narrow | lists) "case_$1" ;;
    *) fail "unknown case '${1:-}'" ;;
esac
