#!/usr/bin/env bash
# best.sh - which net of a run is its result, and when a run ends early: averages over rounds, the best on the valid split,
# patience, time limits; and that a broken run comes to the same end.
#
# Run as `bash best.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

# Classes that overlap, so that the valid split goes up and down.
make() {
    awk -v seed="$2" -v rows="$3" -v name="$1" 'BEGIN { srand(seed); for (i = 0; i < rows; i++) { c = int(rand() * 4)
        print c > name "y.csv"; line = ""
        for (p = 0; p < 20; p++) line = line (p ? "," : "") sprintf("%.3f", 2 * rand() + (int(p / 5) == c) * 0.6)
        print line > name "x.csv" } }'
}
make t 7 400
make v 8 200
make e 9 200

command=("$ist" train --train tx.csv:ty.csv --hidden 24,20 --subnets 2 --local-steps 5 --batch 16)

splits="--valid vx.csv:vy.csv --test ex.csv:ey.csv"
long="--epochs 40 --eval-every 1.3"

# CASE held_out: rows that are held out are no longer trained on, are the split valid, and stay so when a run goes on
case_held_out() {
    local held=(--valid-fraction 0.25 --epochs 8 --eval-every 2 --keep-best)
    "${command[@]}" "${held[@]}" --log a.jsonl --model a.ist --quiet
    head -1 a.jsonl | jq -e '.rows | .train == 300 and .valid == 100' >/dev/null ||
        fail "$(head -1 a.jsonl)"
    "${command[@]}" "${held[@]}" --checkpoint c.ckpt --checkpoint-every 2 --time-limit 0.000001 --quiet
    "${command[@]}" "${held[@]}" --resume c.ckpt --model b.ist --quiet
    cmp a.ist b.ist || fail "another net after a resume"
    "${command[@]}" "${held[@]}" --seed 2 --log s.jsonl --quiet
    [ "$(jq -c 'select(.split == "valid") | .accuracy' a.jsonl)" != "$(jq -c 'select(.split == "valid") | .accuracy' s.jsonl)" ] ||
        fail "the seed draws no other rows"
}

# CASE wrong: options that need a split, or each other, say so in one line
case_wrong() {
    wrong 'keep-best: needs --valid' --keep-best
    wrong 'keep-best: needs --valid' --keep-best --test ex.csv:ey.csv
    wrong 'patience: needs --valid' --patience 2
    wrong '--valid and --valid-fraction' --valid vx.csv:vy.csv --valid-fraction 0.1
    wrong 'valid-fraction: "0.6" is not a number in' --valid-fraction 0.6
    # shellcheck disable=SC2086
    wrong 'patience: with --eval-every 0' $splits --patience 2 --eval-every 0
    wrong 'patience: "0" is not a whole number from 1' --patience 0
    wrong 'time-limit: "0" is not a time' --time-limit 0
    wrong 'time-limit: "10x" is not a time' --time-limit 10x
    wrong 'time-limit: "m" is not a time' --time-limit m
    wrong 'time-limit: "-3s" is not a time' --time-limit=-3s
    wrong 'average-from: "1.5" is not a number in \[0, 1\]' --average-from 1.5
    wrong 'average-decay: "1" is not a number in \[0, 1)' --average-decay 1
    wrong 'average-decay: needs --average-from' --average-decay 0.9
    # shellcheck disable=SC2086
    wrong 'same file: c.ckpt.best' $splits --keep-best --checkpoint c.ckpt --model c.ckpt.best
    run 0 --rounds 1 --checkpoint c.ckpt --model c.ckpt.best --time-limit 2h # nobody asks for the best
}

# check_kept NAME WORDS..: a run with these splits gives the net of its first best round
check_kept() {
    local name=$1
    shift
    # shellcheck disable=SC2086
    run 0 "$@" $long --keep-best --model best.ist --log run.jsonl
    grep -q '^best .*its net is the result' out || fail "$(cat out)"
    jq -es '[.[] | select(.event == "eval" and .split == "valid")] as $e | .[-1] as $last |
        ($e | map(.accuracy) | max) as $max | ($e | map(select(.accuracy == $max)) | first) as $first |
        $last.best.round == $first.round and $last.best.accuracy == $max and $last.best.loss == $first.loss and
        $last.best.epoch == $first.epoch and $last.best.weights == "master" and $last.evaluated_round == $first.round and
        $last.final.valid.accuracy == $max and $last.round > $first.round and $last.reason == "finished" and
        $last.final.test.loss == (.[] | select(.event == "eval" and .split == "test" and .round == $first.round) | .loss)' \
        run.jsonl >/dev/null || fail "$name: $(tail -n 1 run.jsonl | jq -c '[.best, .final, .evaluated_round, .round]')"
}

# CASE keep_best: the model that was best on the valid split is written and tested, and the log says which one it was
case_keep_best() {
    # Of a split of nine rows many rounds are equally good: the first of them counts.
    head -n 9 vx.csv >fewx.csv
    head -n 9 vy.csv >fewy.csv
    check_kept few --valid fewx.csv:fewy.csv --test ex.csv:ey.csv
    # shellcheck disable=SC2086
    check_kept many $splits
    local split file
    for split in valid:vx.csv:vy.csv test:ex.csv:ey.csv; do
        file=${split#*:}
        "$ist" eval best.ist --data "$file" --json >eval.json 2>err || fail "$(cat err)"
        [ "$(jq -c '[.accuracy, .loss]' eval.json)" = \
            "$(jq -c "select(.event == \"end\") | .final.${split%%:*} | [.accuracy, .loss]" run.jsonl)" ] || fail "eval $file"
    done
    # shellcheck disable=SC2086
    run 0 $splits $long --model last.ist --json
    jq -e '.best == null and .weights == "master"' out >/dev/null || fail "$(cat out)"
    cmp -s best.ist last.ist && fail "the best is the last: this test shows nothing"
    return 0
}

# CASE patience: the run ends after so many evaluations without a better one, and no earlier
case_patience() {
    local n
    for n in 1 3; do
        # shellcheck disable=SC2086
        run 0 $splits $long --patience $n --log run.jsonl --model m.ist
        grep -q "^ended .*after $n evaluation" out || fail "$(cat out)"
        jq -es --argjson n $n '[.[] | select(.event == "eval" and .split == "valid") | .accuracy] as $a | .[-1] as $last |
            ($a | length) as $m | $last.reason == "patience" and $last.status == 0 and $last.round < $last.rounds and
            ($a[:$m - $n] | max) == $last.best.accuracy and ($a[$m - $n - 1]) == $last.best.accuracy and
            ($a[$m - $n:] | max) <= $last.best.accuracy and $last.evaluated_round == $last.round' run.jsonl >/dev/null ||
            fail "$(jq -c 'select(.event == "eval" and .split == "valid") | [.round, .accuracy]' run.jsonl)"
    done
    # shellcheck disable=SC2086
    run 0 $splits $long --patience 1000 --json
    jq -e '.reason == "finished"' out >/dev/null || fail "$(cat out)"
}

# CASE time_limit: the run ends after the round in which its time is over, evaluated, with a checkpoint that goes on
case_time_limit() {
    # shellcheck disable=SC2086
    run 0 $splits --rounds 1000000 --time-limit 0.3s --checkpoint c.ckpt --model m.ist --log run.jsonl
    grep -q '^ended .*time-limit' out || fail "$(cat out)"
    jq -es '.[0].reproducible == false and .[0].options["time-limit"] == "0.3" and (.[-1] | .reason == "time" and
        .status == 0 and .round < .rounds and .seconds >= 0.3 and .evaluated_round == .round and .reproducible == false)
        and (map(select(.event == "round") | .seconds) | .[:-1] | all(. < 0.3))' run.jsonl >/dev/null ||
        fail "$(tail -n 1 run.jsonl)"
    [ -s c.ckpt ] && [ -s m.ist ] || fail "no checkpoint or no model"
    # shellcheck disable=SC2086
    run 0 $splits --rounds 1000000 --time-limit 0.000001h --resume c.ckpt --json
    jq -e --argjson before "$(jq 'select(.event == "end") | .round' run.jsonl)" '.round > $before' out >/dev/null || fail "$(cat out)"
    # shellcheck disable=SC2086
    run 0 $splits --rounds 20 --time-limit 10m --json
    jq -e '.reason == "finished" and .reproducible' out >/dev/null || fail "$(cat out)"
}

# CASE average: from its part of the run on the average is evaluated, logged as such, and written
case_average() {
    # shellcheck disable=SC2086
    run 0 $splits $long --average-from 0.5 --model average.ist --log run.jsonl --checkpoint c.ckpt
    grep -q '^weights .*the average over [0-9]* rounds' out || fail "$(cat out)"
    jq -es '.[-1] as $last | [.[] | select(.event == "eval")] | all(.weights == (if .round > $last.rounds / 2 then "average" else "master" end))
        and (map(.weights) | unique == ["average", "master"]) and $last.weights == "average"' run.jsonl >/dev/null ||
        fail "$(jq -c 'select(.event == "eval") | [.round, .weights]' run.jsonl)"
    "$ist" eval average.ist --data ex.csv:ey.csv --json >eval.json || fail "eval"
    [ "$(jq .loss eval.json)" = "$(jq 'select(.event == "end") | .final.test.loss' run.jsonl)" ] || fail "another model was written"
    # shellcheck disable=SC2086
    run 0 $splits $long --model master.ist --checkpoint d.ckpt --quiet
    cmp -s average.ist master.ist && fail "the master was written"
    "$ist" eval c.ckpt --data ex.csv:ey.csv --json | jq .loss >a && "$ist" eval d.ckpt --data ex.csv:ey.csv --json | jq .loss >b
    cmp a b || fail "the checkpoint's net is not the master"
    # shellcheck disable=SC2086
    run 0 $splits $long --average-from 0.2 --average-decay 0.7 --keep-best --json
    jq -e '.best.weights == "average" or .best.round <= .rounds * 0.2' out >/dev/null || fail "$(cat out)"
}

# in_pieces NAME WORDS..: the same run, one round a process, gives the same model, the same checkpoints, the same end
in_pieces() {
    local name=$1 rounds i last
    shift
    rm -f ./*.ckpt ./*.best ./*.ist
    # shellcheck disable=SC2086
    run 0 $splits "$@" --checkpoint whole.ckpt --model whole.ist --json
    last=$(jq -c '[.round, .best, .final, .weights, .evaluated_round, .reason]' out)
    rounds=$(jq .round out)
    [ "$rounds" -gt 5 ] || fail "$name: the run is too short to show anything: $last"
    # shellcheck disable=SC2086
    run 0 $splits "$@" --checkpoint piece.ckpt --model piece.ist --time-limit 0.000001 --json
    for ((i = 1; i < rounds; i++)); do
        # shellcheck disable=SC2086
        run 0 $splits "$@" --checkpoint piece.ckpt --resume piece.ckpt --model piece.ist --time-limit 0.000001 --json
        [ "$(jq .round out)" = $((i + 1)) ] || fail "$name: not one round: $(cat out)"
    done
    # Whoever goes on behind the end comes to the same end; from a copy elsewhere, too.
    mkdir -p elsewhere
    cp piece.ckpt elsewhere/c.ckpt
    if [ -e piece.ckpt.best ]; then cp piece.ckpt.best elsewhere/c.ckpt.best; fi
    # shellcheck disable=SC2086
    run 0 $splits "$@" --checkpoint piece.ckpt --resume elsewhere/c.ckpt --model piece.ist --json
    [ "$(jq -c '[.round, .best, .final, .weights, .evaluated_round, .reason]' out)" = "$last" ] ||
        fail "$name: $last in one piece, $(jq -c '[.round, .best, .final, .weights, .evaluated_round, .reason]' out) in many"
    cmp whole.ist piece.ist || fail "$name: another model"
    cmp whole.ckpt piece.ckpt || fail "$name: another checkpoint"
    [ ! -e whole.ckpt.best ] || cmp whole.ckpt.best piece.ckpt.best || fail "$name: another best"
}

# CASE resume: a run in pieces of one round ends with the same best net, bit for bit, as an unbroken one
case_resume() {
    in_pieces plain --rounds 22 --eval-every 0.7 --keep-best
    in_pieces rare --rounds 22 --eval-every 1.9 --checkpoint-every 0.8 --keep-best
    in_pieces average --rounds 22 --eval-every 0.7 --keep-best --average-from 0.3 --average-decay 0.5
    in_pieces patience --rounds 60 --eval-every 0.7 --patience 3
    in_pieces both --rounds 60 --eval-every 0.7 --patience 4 --keep-best
}

# CASE resume_missing: a checkpoint whose best net is missing, or of another run, is refused by name
case_resume_missing() {
    # shellcheck disable=SC2086
    run 0 $splits --rounds 12 --keep-best --checkpoint c.ckpt --quiet
    mv c.ckpt.best away
    # shellcheck disable=SC2086
    run 3 $splits --rounds 12 --keep-best --resume c.ckpt
    grep -q 'c.ckpt.best' err || fail "$(cat err)"
    # shellcheck disable=SC2086
    run 0 $splits --rounds 12 --resume c.ckpt --quiet # nobody asks for the best
    # shellcheck disable=SC2086
    run 0 $splits --rounds 12 --keep-best --checkpoint d.ckpt --seed 2 --quiet
    cp d.ckpt.best c.ckpt.best
    # shellcheck disable=SC2086
    run 2 $splits --rounds 12 --keep-best --resume c.ckpt
    grep -q 'c.ckpt.best.*seed' err || fail "$(cat err)"
    # A new run under the name of an old one does not take the old one's best for its own.
    # shellcheck disable=SC2086
    run 0 $splits --rounds 12 --keep-best --checkpoint c.ckpt --time-limit 0.000001 --eval-every 10 --quiet
    [ -e c.ckpt.best ] && fail "the best of another run lies beside the checkpoint"
    return 0
}

case ${1:-} in
    wrong | held_out | keep_best | patience | time_limit | average | resume | resume_missing) "case_$1" ;;
    *) fail "unknown case '${1:-}'" ;;
esac
