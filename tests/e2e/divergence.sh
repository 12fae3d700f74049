#!/usr/bin/env bash
# divergence.sh - ist train when the loss or the weights are no longer finite: stop, keep the last good net, or go back and on.
#
# Run as `bash divergence.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
source "$(dirname "$0")/scene.sh"
need jq

# 400 rows of 16 features in 4 classes, by the feature that is large.
awk 'BEGIN { srand(3); for (i = 0; i < 400; i++) { c = int(rand() * 4); print c > "y.csv"
    for (f = 0; f < 16; f++) printf "%s%.3f", f ? "," : "", rand() + (f % 4 == c ? 1 : 0)
    print "" } }' >x.csv
# Well in the warm-up, and not finite in the first round behind it.
wild=(train --train x.csv:y.csv --valid x.csv:y.csv --hidden 16,16 --norm none --output-norm none --optimizer sgd --local-steps 5 --batch 16
    --epochs 12 --subnets 1 --warmup-epochs 3 --warmup-lr 0.1 --lr 1e6 --eval-every 1 --quiet --log l.jsonl --model m.ist)

events() { jq -c "select(.event == \"$1\")" l.jsonl; }
one_line() { [ "$(wc -l <err)" = 1 ] && grep -Eq -e "$1" err || fail "\"$1\" is not the line: $(cat err)"; }

# CASE stop: by default no model is written, and the checkpoint holds the state before that round
case_stop() {
    echo old >m.ist
    run 1 "${wild[@]}" --checkpoint c.ist
    one_line '^ist train: diverged in round 16 .*; try a smaller --lr; the model is not written; the state before that round is in c.ist$'
    [ "$(cat m.ist)" = old ] || fail "the old model was overwritten"
    run 0 eval c.ist --data x.csv:y.csv --json
    [ "$(events retry)" = "" ] && [ "$(events end | jq -c '[.reason, .retries, .round]')" = '["diverged",0,15]' ] || fail "$(events end)"
}

# CASE keep: the net of the last good round, or the best, is the model, and the status is 1 all the same
case_keep() {
    run 1 "${wild[@]}" --on-divergence keep
    one_line '^ist train: diverged in round 16 .*; the model is that of round 15$'
    run 0 eval m.ist --data x.csv:y.csv --json
    [ "$(jq .accuracy out)" = "$(events eval | tail -n 1 | jq .accuracy)" ] || fail "the model is another: $(cat out)"
    run 1 "${wild[@]}" --on-divergence keep --keep-best
    best=$(events end | jq .best.round)
    one_line "; the model is that of round $best\$"
    run 0 eval m.ist --data x.csv:y.csv --json
    [ "$(jq .accuracy out)" = "$(events end | jq .best.accuracy)" ] || fail "the model is not the best"
    # Nothing was good yet.
    rm m.ist
    run 1 "${wild[@]}" --on-divergence keep --warmup-epochs 0
    one_line '^ist train: diverged in round 1 .*; the model is not written$'
    [ ! -e m.ist ] || fail "a model was written"
}

# CASE retry: back to the last good round and on with a smaller step; the same with other teams, resumed before it and behind it
case_retry() {
    local retry=(--on-divergence retry --retry-lr-factor 1e-6)
    run 0 "${wild[@]}" "${retry[@]}" --json
    mv m.ist whole.ist
    [ "$(events retry | jq -c '[.round, .retry, .retries, .lr_scale]')" = '[15,1,3,1e-06]' ] || fail "the event: $(events retry)"
    [ "$(jq -c '[.reason, .retries]' out)" = '["finished",1]' ] || fail "the end: $(cat out)"
    [ "$(events round | jq -s 'map(select(.round > 15 and .lr > 1)) | length')" = 0 ] || fail "the step size told is the old one"
    run 0 "${wild[@]}" "${retry[@]}" --teams 1 --threads 2
    cmp m.ist whole.ist || fail "the model depends on the threads"
    # Stopped before the round that diverges, and then with a retry.
    run 1 "${wild[@]}" --checkpoint c.ist
    run 0 "${wild[@]}" "${retry[@]}" --resume c.ist
    cmp m.ist whole.ist || fail "resumed before the retry: the model differs"
    # Stopped behind it: the step size is that of the retry.
    run 0 "${wild[@]}" "${retry[@]}" --checkpoint c.ist --target-accuracy 1
    round=$(events end | jq .round)
    [ "$round" -gt 15 ] && [ "$round" -lt 60 ] || fail "it stopped in round $round"
    run 0 "${wild[@]}" "${retry[@]}" --resume c.ist
    cmp m.ist whole.ist || fail "resumed in round $round: the model differs"
}

# CASE spent: after the last retry the last good net is kept; a resumed run has no more of them
case_spent() {
    run 1 "${wild[@]}" --on-divergence retry --retry-lr-factor 0.9 --retries 2 --checkpoint c.ist
    one_line '^ist train: diverged in round 16 .*; the model is that of round 15; the state before that round is in c.ist$'
    [ "$(events retry | jq -c .retry | xargs)" = "1 2" ] || fail "not two retries: $(events retry)"
    run 1 "${wild[@]}" --on-divergence retry --retry-lr-factor 0.9 --retries 2 --resume c.ist
    [ "$(events retry | wc -l)" = 2 ] || fail "it tried again: $(events retry)"
    wrong '^ist train: --retries: needs --on-divergence retry' "${wild[@]}" --retries 2
    wrong '^ist train: --retry-lr-factor: needs --on-divergence retry' "${wild[@]}" --retry-lr-factor 0.1 --on-divergence keep
    wrong '^ist train: --retry-lr-factor' "${wild[@]}" --on-divergence retry --retry-lr-factor 1
}

"case_$1"
