#!/usr/bin/env bash
# phases.sh - epochs of the whole net before and after the rounds of subnets, and local steps that follow a schedule, as the
# command ist has them.
#
# Run as `bash phases.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

awk 'BEGIN { srand(5); for (i = 0; i < 320; i++) { c = int(rand() * 4)
    print c > "y.csv"; line = ""
    for (p = 0; p < 20; p++) line = line (p ? "," : "") sprintf("%.3f", 2 * rand() + (int(p / 5) == c) * 0.6)
    print line > "x.csv" } }'

command=("$ist" train --train x.csv:y.csv --test x.csv:y.csv --hidden 24,20 --output-norm batch --subnets 2 --local-steps 5 --batch 16)

phases="--epochs 8 --warmup-epochs 1.5 --full-width-epochs 2 --warmup-lr 0.05 --full-width-lr 0.1"

# CASE wrong: what cannot be together says so in one line
case_wrong() {
    wrong 'warmup-epochs: for --method ist' --warmup-epochs 1 --method local-sgd
    wrong 'full-width-epochs: for --method ist' --full-width-epochs 1 --method ensemble
    wrong 'full-width-epochs: a part of --epochs' --full-width-epochs 1 --rounds 3
    wrong 'local-steps-last: a part of --epochs' --local-steps-last 9 --rounds 3
    wrong 'more than --epochs 3' --epochs 3 --warmup-epochs 2 --full-width-epochs 1.5
    wrong 'warmup-epochs: "-1" is not' --warmup-epochs=-1
    wrong 'warmup-lr: "0" is not' --warmup-lr 0
    wrong 'local-steps-last: "0" is not' --local-steps-last 0
    wrong 'full-width-schedule: "sine" is not' --full-width-schedule sine
    wrong 'layers without norm and was made for 2 subnets' --output-norm none --warmup-epochs 1
    run 0 --epochs 2 --warmup-epochs 2 # all of it
}

# CASE log: phases are told in the log and in lines, with their step sizes; evaluations come by epochs, not by rounds
case_log() {
    # shellcheck disable=SC2086
    run 0 $phases --eval-every 1 --log r.jsonl
    # 30 steps of 16 rows; 4.5 epochs, 45 steps of 32; 40 steps of 16
    jq -es 'map(select(.event == "round")) | length == 23 and (map(.phase) == ([range(6) | "warmup"] + [range(9) | "subnets"]
        + [range(8) | "full-width"])) and all(.local_steps == 5) and (.[:6] | all(.lr > 0.0499 and .lr < 0.0501)) and
        .[22].lr < 0.001 and (.[15].lr > 0.09) and .[22].samples == 2560 and .[5].samples == 480' r.jsonl >/dev/null ||
        fail "rounds: $(jq -c 'select(.event == "round") | [.round, .phase, .local_steps, .lr, .samples]' r.jsonl)"
    # The first rounds that end at or after 1, 2, .. 8 epochs; a round of subnets has half an epoch, others a quarter.
    [ "$(jq -r 'select(.event == "eval") | .round' r.jsonl | xargs)" = "4 7 9 11 13 15 19 23" ] ||
        fail "evaluations: $(jq -c 'select(.event == "eval") | [.round, .epoch]' r.jsonl)"
    grep -q '^warmup, round 4/23 ' err && grep -q '^subnets, round 7/23 ' err && grep -q '^full-width, round 23/23 ' err ||
        fail "lines: $(cat err)"
    jq -es '.[-1] | .report.full_width | length == 3' r.jsonl >/dev/null || fail "report: $(tail -n 1 r.jsonl)"
    run 0 --epochs 2 --log r.jsonl
    grep -q '^round ' err || fail "a run without phases tells of them: $(cat err)"
    jq -es 'map(select(.event != "start")) | all(.phase == "subnets")' r.jsonl >/dev/null || fail "phases of a run that has none"
}

# CASE crews: the same model on any teams and threads, also where there are more teams than subnets
case_crews() {
    local crew
    # shellcheck disable=SC2086
    run 0 $phases --teams 1 --threads 1 --model a.ist
    for crew in "1 2" "2 1" "3 2"; do
        # shellcheck disable=SC2086
        run 0 $phases --teams "${crew% *}" --threads "${crew#* }" --placement none --model b.ist --log r.jsonl
        cmp a.ist b.ist || fail "teams and threads $crew: another model"
        jq -es '.[-1].report | .planned_bytes == .region_bytes' r.jsonl >/dev/null || fail "bytes: $(tail -n 1 r.jsonl)"
    done
}

# CASE resume: broken in any phase, the run comes to the same end with the same evaluations
case_resume() {
    local stop
    # shellcheck disable=SC2086
    run 0 $phases --eval-every 0.7 --local-steps-last 9 --checkpoint-every 0.7 --checkpoint all.ckpt --log all.jsonl
    for stop in 0.7 0.87 0.885; do # in the first phase, the second, the third
        # shellcheck disable=SC2086
        run 0 $phases --eval-every 0.7 --local-steps-last 9 --checkpoint part.ckpt --target-accuracy $stop --log part.jsonl
        jq -es '.[-1].reason == "target"' part.jsonl >/dev/null || fail "$stop is never reached"
        # shellcheck disable=SC2086
        run 0 $phases --eval-every 0.7 --local-steps-last 9 --resume part.ckpt --checkpoint part.ckpt --log part.jsonl
        cmp all.ckpt part.ckpt || fail "resumed after accuracy $stop: another checkpoint"
        [ "$(jq -c 'select(.event == "eval") | [.round, .loss]' all.jsonl)" = \
            "$(jq -c 'select(.event == "eval") | [.round, .loss]' part.jsonl)" ] || fail "resumed: other evaluations"
    done
    # shellcheck disable=SC2086
    wrong 'warmup-epochs: the checkpoint has 1.5, this run 1 ' $phases --warmup-epochs 1 --local-steps-last 9 --resume part.ckpt
}

# CASE local_steps: rounds grow as the schedule says
case_local_steps() {
    run 0 --epochs 20 --local-steps 2 --local-steps-last 40 --log r.jsonl # 200 steps
    jq -es 'map(select(.event == "round") | .local_steps) | .[0] == 2 and .[-2] > 20 and (.[:-1] | . == sort) and
        add == 200' r.jsonl >/dev/null || fail "$(jq -c 'select(.event == "round") | .local_steps' r.jsonl | xargs)"
}

declare -F "case_${1:-}" >/dev/null || fail "no case ${1:-}"
"case_$1"
