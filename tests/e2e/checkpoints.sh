#!/usr/bin/env bash
# checkpoints.sh - when checkpoints are written, how many are kept, from which a run goes on, what it refuses, what signals do.
# Killed runs are kill.sh's.
#
# Run as `bash checkpoints.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

make() {
    awk -v name="$1" -v rows="$2" -v classes="${3:-4}" 'BEGIN { srand(7); for (i = 0; i < rows; i++) { c = int(rand() * classes)
        print c > name "y.csv"; line = ""
        for (p = 0; p < 20; p++) line = line (p ? "," : "") sprintf("%.3f", 2 * rand() + (int(p / 5) == c) * 0.6)
        print line > name "x.csv" } }'
}
make t 300
net=(--hidden "24,20" --subnets 2 --local-steps 5 --batch 16)
command=("$ist" train --train tx.csv:ty.csv --quiet "${net[@]}")

# The round after which a checkpoint was written: that of the start event of who goes on from it.
stands() { run 0 --rounds 20 --resume "$1" --log stands.jsonl && jq -r 'select(.event == "start") | .round' stands.jsonl && rm stands.jsonl; }

# CASE wrong: intervals, numbers and options that need each other, in one line each
case_wrong() {
    local text
    for text in 0r 1.5r -3 10x 0s 1e10h r m nan 1e300; do
        wrong "checkpoint-every: \"$text\" is neither" --rounds 2 --checkpoint c.ckpt --checkpoint-every="$text"
    done
    wrong 'checkpoint-every: needs --checkpoint' --checkpoint-every 5r
    wrong 'keep: needs --checkpoint' --keep 2
    wrong 'keep: "0" is not a whole number from 1' --checkpoint c.ckpt --keep 0
    wrong 'resume-any: needs --resume' --resume-any
    for text in 0 auto 0.5 3r 90s 10m 2h 0.01s; do
        run 0 --rounds 2 --checkpoint c.ckpt --checkpoint-every $text --log l.jsonl
    done
    jq -es '.[0].options["checkpoint-every"] == "0.01s" and .[-1].checkpoints.written >= 1' l.jsonl >/dev/null || fail "$(cat l.jsonl)"
}

# CASE keep: every N rounds, K files, the newest first; a resumed run rotates on; nothing stays of a larger K or of another run
case_keep() {
    run 0 --rounds 20 --checkpoint c.ckpt --checkpoint-every 4r --keep 3 --model whole.ist
    [ "$(echo c.ckpt*)" = "c.ckpt c.ckpt.1 c.ckpt.2" ] || fail "files: $(echo c.ckpt*)"
    [ "$(stands c.ckpt) $(stands c.ckpt.1) $(stands c.ckpt.2)" = "20 16 12" ] || fail "rounds $(stands c.ckpt) $(stands c.ckpt.1) $(stands c.ckpt.2)"
    cp c.ckpt.1 p.ckpt
    run 0 --rounds 20 --resume c.ckpt.2 --checkpoint c.ckpt --checkpoint-every 4r --keep 2 --model m.ist
    if ! cmp m.ist whole.ist || ! cmp c.ckpt.1 p.ckpt; then fail "another run"; fi
    # What was resumed from stays until two newer ones are there; what is beyond K goes.
    [ "$(stands c.ckpt) $(stands c.ckpt.1) $(echo c.ckpt*)" = "20 16 c.ckpt c.ckpt.1" ] || fail "files: $(ls)"
    run 0 --rounds 20 --checkpoint c.ckpt --checkpoint-every 0 --keep 5 --seed 2 # another run: its own files alone
    [ "$(echo c.ckpt*)" = c.ckpt ] || fail "of another run: $(echo c.ckpt*)"
}

# CASE any: a damaged or missing newest is refused, the older whole one is named, and taken when asked; it is not pushed out
case_any() {
    local bad
    run 0 --rounds 20 --checkpoint whole.ckpt --checkpoint-every 4r --keep 4 --model whole.ist
    for bad in missing damaged both; do
        rm -f c.ckpt* && for f in whole.ckpt*; do cp "$f" "c${f#whole}"; done
        case $bad in
            missing) rm c.ckpt ;;
            damaged) printf x | dd of=c.ckpt bs=1 seek=2000 conv=notrunc 2>dd.err ;;
            both) : >c.ckpt && head -c 3000 whole.ckpt.1 >c.ckpt.1 ;;
        esac
        local good=c.ckpt.1 round=16
        [ $bad = both ] && good=c.ckpt.2 round=12
        run 3 --rounds 20 --resume c.ckpt
        [ "$(wc -l <err)" = 1 ] && grep -q "^ist train: c.ckpt: .*; $good is whole, after round $round: --resume-any takes it" err ||
            fail "$bad: $(cat err)"
        cp $good kept
        run 0 --rounds 20 --resume c.ckpt --resume-any --checkpoint c.ckpt --checkpoint-every 0 --keep 2 --model m.ist
        cmp m.ist whole.ist || fail "$bad: another model"
        cmp c.ckpt whole.ckpt && cmp $good kept || fail "$bad: the one that was gone on from is no more"
    done
    rm c.ckpt*
    run 3 --rounds 20 --resume c.ckpt --resume-any
    : >c.ckpt
    run 3 --rounds 20 --resume c.ckpt --resume-any
    cp whole.ckpt c.ckpt.1
    wrong 'lr: the checkpoint has .*, this run 0.31' --rounds 20 --resume c.ckpt --resume-any --lr 0.31
}

# CASE log: it reads as if the run had never stopped; another run's, or one that is too short, is refused and not touched
case_log() {
    local told='select(.event == "round" or .event == "eval") | [.event, .round, .loss, .accuracy]'
    command+=(--rounds 20 --eval-every 0.9 --test tx.csv:ty.csv)
    run 0 --log whole.jsonl --model whole.ist
    run 0 --checkpoint c.ckpt --checkpoint-every 0 --log l.jsonl --time-limit 0.000001
    cp c.ckpt one.ckpt
    run 0 --checkpoint c.ckpt --resume c.ckpt --log l.jsonl
    cmp <(jq -c "$told" l.jsonl) <(jq -c "$told" whole.jsonl) || fail "another log"
    jq -es '[.[] | select(.event == "start") | [.round, .events]] == [[0, 0], [1, 1]]' l.jsonl >/dev/null || fail "$(grep start l.jsonl)"
    [ "$(grep -c '"event":"end"' l.jsonl)" = 1 ] || fail "the end of the first process is still there"
    # Once more from the first checkpoint: the rounds behind it are cut off.
    run 0 --resume one.ckpt --log l.jsonl
    cmp <(jq -c "$told" l.jsonl) <(jq -c "$told" whole.jsonl) || fail "double rounds"
    # Half a line, as of a killed process.
    head -c -100 whole.jsonl >half.jsonl && printf '{"event":"rou' >>half.jsonl
    run 0 --resume one.ckpt --log half.jsonl
    cmp <(jq -c "$told" half.jsonl) <(jq -c "$told" whole.jsonl) || fail "behind half a line"
    # At the end of the run again, and one that begins in the middle.
    run 0 --resume c.ckpt --log l.jsonl
    cmp <(jq -c "$told" l.jsonl) <(jq -c "$told" whole.jsonl) || fail "resumed at the end"
    run 0 --resume one.ckpt --log late.jsonl --checkpoint d.ckpt --time-limit 0.000001
    run 0 --resume d.ckpt --log late.jsonl
    cmp <(jq -c "$told" late.jsonl) <(jq -c "$told" whole.jsonl | tail -n +2) || fail "a log that began later"
    # Refused, and as it was.
    run 0 --seed 2 --log other.jsonl
    head -n 1 whole.jsonl >short.jsonl
    echo "my poem" >poem.jsonl
    for file in other short poem; do
        cp $file.jsonl before
        run 2 --resume one.ckpt --log $file.jsonl
        [ "$(wc -l <err)" = 1 ] && grep -q "log: $file.jsonl: .*give another file" err || fail "$file: $(cat err)"
        cmp before $file.jsonl || fail "$file was touched"
    done
    run 0 --resume one.ckpt --log /dev/null
}

# refused LINE WORDS..: the checkpoint c.ckpt is refused with this line
refused() {
    local line="ist train: $1 (c.ckpt)"
    shift
    run 2 --resume c.ckpt "$@"
    [ "$(cat err)" = "$line" ] || fail "not \"$line\" but: $(cat err)"
}

# CASE refused: an option that is part of the run is refused by its name, with both values, for every one of the table
case_refused() {
    make f 300 5
    make r 301
    command=("$ist" train --quiet --train tx.csv:ty.csv --epochs 4 --lr 0.1 "${net[@]}")
    local was='the checkpoint has' option pair
    run 0 --checkpoint c.ckpt
    for pair in subnets:2:3 local-steps:5:6 batch:16:8 optimizer:momentum:adam state:carried:reset lr-schedule:cosine:step \
        data:shard:shared calibration-batches:16:4 epochs:4:5 lr:0.1:0.3 momentum:0.9:0.8 beta1:0.9:0.7 beta2:0.999:0.9 \
        epsilon:1e-08:1e-06 weight-decay:0:0.01 seed:1:18446744073709551615 repartition-fraction:1:0.5 balance:even:adaptive \
        lr-ramp:0:0.1 lr-floor:0:0.1 lr-step-every:0.25:0.5 lr-step-factor:0.1:0.5 local-steps-last:0:9 \
        full-width-schedule:cosine:constant warmup-epochs:0:1 full-width-epochs:0:1 warmup-lr:0:0.01 full-width-lr:0:0.01 \
        label-smoothing:0:0.1 input-dropout:0:0.1 hidden-dropout:0:0.2 outer-lr:1:0.5 outer-momentum:0:0.5 average-from:1:0.5 \
        output-scale:1:2 normalize:global:zscore engine:native:openblas norm:batch:none activation:relu:tanh output-norm:batch:none; do
        option=${pair%%:*}
        case $option in
            norm) refused "--norm: $was batch, this run none" --norm none --subnets 2 ;;
            *)
                pair=${pair#*:}
                refused "--$option: $was ${pair%%:*}, this run ${pair#*:}" --$option "${pair#*:}"
                ;;
        esac
    done
    refused "--hidden: a width: $was 20, this run 21" --hidden 24,21
    refused "--hidden: layers: $was 2, this run 1" --hidden 24
    refused "--train: classes: $was 4, this run 5" --train fx.csv:fy.csv
    refused "--train: rows: $was 300, this run 301" --train rx.csv:ry.csv
    refused "--shares: share of subnet 0: $was 0.5, this run 0.75" --shares 3,1
    refused "--method: $was ist, this run ensemble" --method ensemble
    run 0 --checkpoint e.ckpt --average-from 0.5 --average-decay 0.5
    run 2 --resume e.ckpt --average-from 0.5 --average-decay 0.7
    [ "$(cat err)" = "ist train: --average-decay: $was 0.5, this run 0.7 (e.ckpt)" ] || fail "$(cat err)"
    command=("$ist" train --quiet --train tx.csv:ty.csv --lr 0.1 "${net[@]}")
    run 2 --resume c.ckpt --rounds 7
    grep -q '^ist train: --epochs: the checkpoint has 4, this run 3.7' err || fail "$(cat err)"
    run 0 --checkpoint e.ckpt --rounds 7
    run 2 --resume e.ckpt --rounds 9
    [ "$(cat err)" = "ist train: --rounds: $was 7, this run 9 (e.ckpt)" ] || fail "$(cat err)"
}

# CASE accepted: other crews, other intervals and splits, another end where no round depends on it: the bits of the long run
case_accepted() {
    command=("$ist" train --quiet --train tx.csv:ty.csv "${net[@]}")
    run 0 --epochs 8 --checkpoint c.ckpt --checkpoint-every 0 --target-accuracy 0.3 --valid tx.csv:ty.csv
    run 0 --epochs 8 --model whole.ist
    run 0 --epochs 8 --resume c.ckpt --teams 2 --threads 1 --placement none --team-at core --eval-every 0.5 --checkpoint d.ckpt \
        --checkpoint-every 2r --keep 2 --valid tx.csv:ty.csv --test tx.csv:ty.csv --engine native-portable --model m.ist
    cmp whole.ist m.ist || fail "other crews: another model"
    local words
    for words in "--lr-schedule constant" "--lr-schedule constant --average-from 0 --optimizer adam --lr 0.001"; do
        # shellcheck disable=SC2086
        run 0 $words --rounds 30 --model whole.ist
        # shellcheck disable=SC2086
        run 0 $words --rounds 12 --checkpoint c.ckpt
        # shellcheck disable=SC2086
        run 0 $words --rounds 30 --resume c.ckpt --model m.ist
        cmp whole.ist m.ist || fail "longer: another model: $words"
        # shellcheck disable=SC2086
        run 2 $words --rounds 11 --resume c.ckpt
        grep -q 'has done 12 rounds, this run is to have 11' err || fail "$(cat err)"
    done
    for words in "--lr-ramp 0.1" "--average-from 0.5" "--local-steps-last 7 --epochs 3"; do
        # shellcheck disable=SC2086
        run 0 --epochs 2 --lr-schedule constant $words --checkpoint c.ckpt
        # shellcheck disable=SC2086
        run 2 --lr-schedule constant ${words% --epochs 3} --epochs 4 --resume c.ckpt
        grep -q 'epochs: the checkpoint has' err || fail "$words: $(cat err)"
    done
    # An end in a short round is no end that a longer run would have passed.
    run 0 --epochs 2.2 --lr-schedule constant --checkpoint c.ckpt
    run 2 --epochs 4 --lr-schedule constant --resume c.ckpt
    grep -q 'ended, with a shorter round' err || fail "$(cat err)"
}

# start WORDS..: in the background, until its log has a round
start() {
    rm -f s.jsonl
    "${command[@]}" --log s.jsonl "$@" >out 2>err &
    pid=$!
    until grep -q '"event":"round"' s.jsonl 2>/dev/null; do kill -0 $pid 2>/dev/null && sleep 0.01 || fail "no round: $(cat err)"; done
}

# CASE signals: SIGUSR1 ends like SIGTERM with 138, SIGUSR2 writes and goes on, a second signal ends at once
case_signals() {
    command=("$ist" train --train tx.csv:ty.csv --hidden 300,300 --subnets 2 --local-steps 5 --batch 16 --rounds 100000)
    start --checkpoint c.ckpt --checkpoint-every 0
    [ ! -e c.ckpt ] || fail "a checkpoint before anybody asked"
    local _
    for _ in 1 2 3; do # two signals in one round are one
        rm -f c.ckpt
        kill -USR2 $pid
        until [ -s c.ckpt ]; do kill -0 $pid 2>/dev/null && sleep 0.01 || fail "SIGUSR2 ended it: $(cat err)"; done
    done
    kill -USR1 $pid
    wait $pid
    [ $? = 138 ] || fail "not 138 after SIGUSR1: $(cat err)"
    grep -q 'stopped by SIGUSR1 after round' err || fail "$(cat err)"
    jq -es '.[-1] | .status == 138 and .reason == "signal" and .checkpoints.written >= 4' s.jsonl >/dev/null || fail "$(tail -n 1 s.jsonl)"
    start
    kill -USR2 $pid
    until grep -q 'SIGUSR2: no --checkpoint' err; do kill -0 $pid 2>/dev/null && sleep 0.01 || fail "SIGUSR2 ended it: $(cat err)"; done
    kill -INT $pid
    wait $pid
    [ $? = 130 ] || fail "not 130 after SIGINT: $(cat err)"
    # The second ends at once: here in the middle of a round without end.
    command=("$ist" train --train tx.csv:ty.csv --hidden 300,300 --subnets 2 --local-steps 100000 --batch 16 --rounds 10)
    "${command[@]}" >out 2>err --log s.jsonl &
    pid=$!
    until grep -q '"event":"start"' s.jsonl 2>/dev/null; do sleep 0.02; done
    sleep 0.3
    kill -TERM $pid && sleep 0.2 && kill -0 $pid || fail "it did not wait for its round"
    kill -USR1 $pid
    wait $pid
    [ $? = 138 ] || fail "the second signal: $(cat err)"
}

# CASE calibrate: a checkpoint by the clock has no statistics; eval and predict say so, and measure the trainer's to the bit
case_calibrate() {
    run 0 --rounds 20 --checkpoint c.ckpt --checkpoint-every 10r --keep 2 --seed 5 --calibration-batches 4
    local words
    for words in "eval c.ckpt.1 --data tx.csv:ty.csv" "predict c.ckpt.1 --data tx.csv --out p.npy"; do
        # shellcheck disable=SC2086
        "$ist" $words 2>err && fail "it has statistics"
        [ "$(wc -l <err)" = 1 ] && grep -q "c.ckpt.1 has no statistics of batch norm.*--calibrate X" err || fail "$(cat err)"
        # shellcheck disable=SC2086
        "$ist" $words --calibrate tx.csv >/dev/null || fail "$words"
    done
    "$ist" eval c.ckpt.1 --data tx.csv:ty.csv --statistics batch >/dev/null || fail "statistics of batches"
    # The last one has statistics: the same as measured now.
    "$ist" eval c.ckpt --data tx.csv:ty.csv --json | jq .loss >a
    "$ist" eval c.ckpt --data tx.csv:ty.csv --json --calibrate tx.csv --calibrate-rows 64 --calibrate-seed 5 | jq .loss >b
    cmp a b || fail "other statistics: $(cat a b)"
    "$ist" eval c.ckpt --data tx.csv:ty.csv --json --calibrate tx.csv --calibrate-rows 64 --calibrate-seed 6 | jq .loss >b
    cmp -s a b && fail "the seed is of no account"
    command=("$ist")
    run 3 eval c.ckpt --data tx.csv:ty.csv --calibrate none.csv
    run 2 eval c.ckpt --data tx.csv:ty.csv --calibrate tx.csv --calibrate-rows 0
    run 3 eval c.ckpt --data tx.csv:ty.csv --calibrate ty.csv # one feature
}

# CASE failing: a checkpoint that cannot be written is told, the run goes on, the last one decides
case_failing() {
    mkdir folder
    command=("$ist" train --train tx.csv:ty.csv --hidden 24,20 --subnets 2 --local-steps 5 --batch 16)
    "${command[@]}" --rounds 100000 --checkpoint folder/c.ckpt --checkpoint-every 0.05s --log s.jsonl >out 2>err &
    pid=$!
    until [ -s folder/c.ckpt ]; do kill -0 $pid 2>/dev/null && sleep 0.01 || fail "$(cat err)"; done
    mv folder away
    until grep -q 'folder/c.ckpt: .*the run goes on without that checkpoint' err; do
        kill -0 $pid 2>/dev/null && sleep 0.01 || fail "it ended: $(cat err)"
    done
    mv away folder
    kill -TERM $pid
    wait $pid
    [ $? = 143 ] || fail "the last one was written: $(cat err)"
    jq -es '.[-1].checkpoints | .failed >= 1 and .written >= 2' s.jsonl >/dev/null || fail "$(tail -n 1 s.jsonl | jq -c .checkpoints)"
    "${command[@]}" --rounds 100000 --checkpoint folder/c.ckpt --checkpoint-every 0.05s >out 2>err &
    pid=$!
    until [ folder/c.ckpt -nt s.jsonl ]; do kill -0 $pid 2>/dev/null && sleep 0.01 || fail "$(cat err)"; done
    mv folder away
    kill -TERM $pid
    wait $pid
    [ $? = 1 ] || fail "the last one was not written: $(cat err)"
}

declare -F "case_${1:-}" >/dev/null || fail "no case ${1:-}"
"case_$1"
