#!/usr/bin/env bash
# regression.sh - regressions by the command: trained, resumed, judged by their loss, told in the targets' own units; what makes no
# sense together.
#
# Run as `bash regression.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

# Two targets of different size, smooth in two numbers.
awk 'BEGIN { srand(3); for (i = 0; i < 600; i++) { a = 2 * rand() - 1; b = 2 * rand() - 1; f = i < 400 ? "t" : "v"
    printf "%.5f,%.5f\n", a, b > f "x.csv"; printf "%.5f,%.7f\n", 100 * a * b + 7, 0.01 * (a * a + b) > f "y.csv"
    print i % 3 > f "c.csv" } }'
command=("$ist" train --train tx.csv:ty.csv --hidden 48 --norm none --subnets 2 --batch 16 --local-steps 10 --optimizer adam --lr 0.01)
split="--valid vx.csv:vy.csv"

# CASE wrong: options that make no sense together, and files that do not fit, say so in one line
case_wrong() {
    wrong 'huber-delta: needs --loss huber' --huber-delta 2
    wrong 'huber-delta: needs --loss huber' --loss mse --huber-delta 2
    wrong 'huber-delta: "0" is not a number' --loss huber --huber-delta 0
    wrong 'targets: needs --loss' --targets none
    wrong 'target-accuracy: a regression has errors' --loss mse --target-accuracy 0.5
    wrong 'target-loss: needs --valid or --test' --loss mse --target-loss 0.1
    wrong 'output-norm: a regression has linear' --loss mse --output-norm batch
    wrong 'output-scale: a regression' --loss mse --output-scale 2
    wrong 'label-smoothing: a regression' --loss huber --label-smoothing 0.1
    wrong 'method: an ensemble' --loss mse --method ensemble
    wrong 'loss: "l1" is not one of' --loss l1
    wrong 'needs a file of targets' --loss mse --train tx.csv
    run 3 --rounds 1 --loss mse --train tx.csv:vy.csv
    grep -q '400 rows, but .*vy.csv: 200 rows of targets' err || fail "$(cat err)"
    run 3 --rounds 1 --loss mse --valid vx.csv:vc.csv
    grep -q 'valid: vc.csv has 1 targets a row, the training rows have 2' err || fail "$(cat err)"
    sed '7s/,.*/,inf/' ty.csv >bad.csv
    run 3 --rounds 1 --loss mse --train tx.csv:bad.csv
    grep -q 'bad.csv: row 7, column 2' err || fail "$(cat err)"
    run 3 --rounds 1 # numbers are no classes
    grep -q 'ty.csv' err || fail "$(cat err)"
}

# CASE learns: log, summary, ist eval and ist predict tell the same errors
case_learns() {
    # shellcheck disable=SC2086
    run 0 --loss mse --epochs 60 $split --model m.ist --log run.jsonl
    grep -q '^valid error  *rmse .*R2 0.9' out || fail "$(head -n 3 out)"
    jq -es '(.[0] | .targets == 2 and (has("classes") | not)) and (.[-1] | .final.valid.r2 > 0.9 and .rmse == .final.valid.rmse and
        (has("accuracy") | not) and (.final.valid | has("accuracy") or has("correct") | not)) and
        ([.[] | select(.event == "eval") | has("rmse") and has("r2") and (has("accuracy") | not)] | all)' run.jsonl >/dev/null ||
        fail "$(tail -n 1 run.jsonl)"
    "$ist" eval m.ist --data vx.csv:vy.csv --json >eval.json || fail "ist eval"
    [ "$(jq -c '[.rmse, .r2, .loss]' eval.json)" = "$(tail -n 1 run.jsonl | jq -c '.final.valid | [.rmse, .r2, .loss]')" ] || fail "$(cat eval.json)"
    "$ist" eval m.ist --data vx.csv:vy.csv | grep -q '^error  *rmse' || fail "ist eval: no table"
    "$ist" predict m.ist --data vx.csv --out p.npy || fail "ist predict"
    # float32 (200, 2) behind a header of 128 bytes
    od -An -v -w8 -tf4 -j128 p.npy | paste -d' ' - <(tr ',' ' ' <vy.csv) |
        awk -v told="$(jq .rmse eval.json)" '{ s += ($1 - $3) ^ 2 + ($2 - $4) ^ 2 } END { r = sqrt(s / 2 / NR)
            exit !(NR == 200 && r > told * 0.9999 && r < told * 1.0001) }' || fail "the errors of p.npy are not those of ist eval"
    command=("$ist")
    wrong 'top-k: the model is a regression' predict m.ist --data vx.csv --out p.npy --top-k 1
    wrong 'needs a file of targets' eval m.ist --data vx.csv
}

# CASE ends: --target-loss, --keep-best and a resumed run go by the loss
case_ends() {
    # shellcheck disable=SC2086
    run 0 --loss huber --huber-delta 0.5 --epochs 60 $split --target-loss 0.05 --eval-every 2 --log run.jsonl
    jq -es '.[-1] | .reason == "target" and .final.valid.loss <= 0.05' run.jsonl >/dev/null || fail "$(tail -n 1 run.jsonl)"
    # shellcheck disable=SC2086
    run 0 --loss mse --epochs 20 $split --eval-every 2 --keep-best --lr 0.1 --model best.ist --log best.jsonl
    jq -es '([.[] | select(.event == "eval") | .loss] | min) == .[-1].best.loss and .[-1].final.valid.loss == .[-1].best.loss' \
        best.jsonl >/dev/null || fail "$(tail -n 1 best.jsonl | jq -c .best)"
    run 0 --loss mse --targets none --rounds 9 --model whole.ist
    run 0 --loss mse --targets none --rounds 4 --checkpoint half.ckpt --lr-schedule constant
    run 0 --loss mse --targets none --rounds 9 --model two.ist --resume half.ckpt --lr-schedule constant
    run 0 --loss mse --targets none --rounds 9 --model one.ist --lr-schedule constant
    cmp one.ist two.ist || fail "a resumed run is another one"
    wrong 'loss: the checkpoint has mse' --loss huber --rounds 9 --resume half.ckpt --lr-schedule constant
}

case ${1:-} in
    wrong | learns | ends) "case_$1" ;;
    *) fail "unknown case '${1:-}'" ;;
esac
