#!/usr/bin/env bash
# kill.sh [N] - N runs that are killed by SIGKILL at random moments, while a checkpoint is written too, and resumed until they
# end: every final model must be that of the unbroken run, byte for byte, the log must read like its log but for times, and no
# break may lose more than was promised (docs/checkpoints.md).  N: 3, of a few breaks each.
#
# Methods, optimisers, phases, averages, dropout and sticky deals vary from run to run, threads and teams from one process to
# the next.  About half of the kills wait for the temporary file of a checkpoint.  One line is printed at the end.
# Environment: IST the executable; KILL_SEED a number, so that the choices are others.  Exit status: 0 passed, 1 failed, 77
# skipped.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq
runs=${1:-3}
deaths=5
[ "$runs" -lt 10 ] && deaths=2 # of each run: a short look
RANDOM=${KILL_SEED:-4711}

awk 'BEGIN { srand(7); for (i = 0; i < 600; i++) { c = int(rand() * 4); print c > "y.csv"; line = ""
    for (p = 0; p < 20; p++) line = line (p ? "," : "") sprintf("%.3f", 2 * rand() + (int(p / 5) == c) * 0.6)
    print line > "x.csv" } }'
head -n 150 x.csv >vx.csv && head -n 150 y.csv >vy.csv
common=(--train x.csv:y.csv --valid vx.csv:vy.csv --hidden "700,500" --batch 16 --quiet)
kinds=(
    "--method ist --subnets 4 --local-steps 8 --epochs 40"
    "--method sgd --local-steps 10 --epochs 12 --optimizer adam --lr 0.001"
    "--method data-parallel --subnets 2 --local-steps 6 --epochs 16 --optimizer nesterov"
    "--method local-sgd --subnets 2 --local-steps 6 --epochs 16 --optimizer sgd"
    "--method ensemble --subnets 4 --local-steps 8 --epochs 40 --optimizer adam --lr 0.001"
    "--method ist --subnets 3 --local-steps 5 --epochs 30 --repartition-fraction 0.3 --state reset"
    "--method ist --subnets 2 --local-steps 6 --epochs 24 --warmup-epochs 1 --full-width-epochs 1 --keep-best"
    "--method ist --subnets 4 --local-steps 4 --epochs 30 --average-from 0.3 --input-dropout 0.1 --hidden-dropout 0.2"
    "--method ist --subnets 4 --local-steps 8 --epochs 40 --outer-lr 0.9 --outer-momentum 0.3 --data replicate"
    "--method ist --subnets 2 --local-steps 3 --local-steps-last 9 --epochs 24 --lr-schedule step"
)
every=(2r 3r 0.2s 5r 2r 0.4)
crews=("--teams 1 --threads 1" "--teams 1 --threads 2" "--teams 2 --threads 1" "--teams 2 --threads 2")

# What a log tells but for times, the processes, and what a sticky deal moves, which depends on where the run was stopped.
told() {
    jq -c 'select(.event == "round" or .event == "eval") | [.event, .round, .phase, .local_steps, .samples, .loss, .accuracy, .split,
        .weights, .flops, .lr]' "$1"
}

# of the last process that came to writing it
last_start() { grep '^{"event":"start"' run.jsonl 2>/dev/null | tail -n 1 | jq -r "$1"; }
last_round() { tail -n 2 run.jsonl 2>/dev/null | sed -n 's/.*"event":"round","round":\([0-9]*\),.*/\1/p' | tail -n 1; }

# lost_s ROUND: training time between that round and the last one that the killed process told, if it did both itself
lost_s() {
    sed -n 's/^{"event":"round","round":\([0-9]*\),.*"seconds":\([0-9.e-]*\),.*}$/\1 \2/p; s/^{"event":"start".*"round":\([0-9]*\),.*/\1 0/p' killed.jsonl |
        awk -v from="$1" '$1 == from { at = $2; seen = 1 } { last = $2 } END { if (seen && last >= at) print last - at }'
}

# wait_and_kill PID: at a random moment, mostly behind its first checkpoint, or when the file of one is being written
wait_and_kill() {
    local pid=$1 skip=$((RANDOM % 4))
    if [ $((RANDOM % 8)) != 0 ]; then
        touch begun
        until [ run.ckpt -nt begun ]; do kill -0 "$pid" 2>/dev/null && sleep 0.01 || return 1; done
    fi
    if [ $((RANDOM % 3)) != 0 ]; then
        until compgen -G '.run.ckpt.tmp.*' >/dev/null && [ $((skip--)) -le 0 ]; do # a busy look: it is there for milliseconds
            kill -0 "$pid" 2>/dev/null || return 1
        done
    else
        sleep "0.$(printf '%03d' $((RANDOM % 500)))"
    fi
    kill -KILL "$pid" 2>/dev/null
}

kills=0 writing=0 early=0 resumed=0 most=0 most_s=0 clocked=0 within=0 started=$SECONDS
for ((run = 0; run < runs; run++)); do
    read -ra kind <<<"${kinds[run % ${#kinds[@]}]}"
    each=${every[RANDOM % ${#every[@]}]}
    name=whole$((run % ${#kinds[@]}))
    if [ ! -e $name.ist ]; then
        "$ist" train "${common[@]}" "${kind[@]}" --model $name.ist --log $name.jsonl || fail "the unbroken run: ${kind[*]}"
    fi
    rm -f run.* .run.*
    saves=(--checkpoint run.ckpt --checkpoint-every "$each" --keep $((1 + RANDOM % 3)) --log run.jsonl --model run.ist)
    for ((process = 0; process < 40; process++)); do
        read -ra crew <<<"${crews[RANDOM % ${#crews[@]}]}"
        resume=()
        if [ -e run.ckpt ]; then resume=(--resume run.ckpt); fi
        if [ -e run.jsonl ]; then cp run.jsonl killed.jsonl; fi
        before=$(last_round) starts=$(last_start .wall_s)
        "$ist" train "${common[@]}" "${kind[@]}" "${crew[@]}" "${saves[@]}" "${resume[@]}" 2>err &
        pid=$!
        if [ "$process" -lt $deaths ]; then wait_and_kill $pid; fi
        wait $pid 2>/dev/null
        status=$?
        # What the break before lost: the start line of a resumed process tells where it went on.
        if [ ${#resume[@]} -gt 0 ]; then
            from=$(last_start .round)
            if [ -n "$from" ] && [ -n "$before" ] && [ "$(last_start .wall_s)" != "$starts" ]; then
                resumed=$((resumed + 1))
                lost=$((before - from))
                case $each in
                    *r)
                        [ $lost -le $((2 * ${each%r})) ] || fail "run $run (${kind[*]}, every $each): $lost rounds were lost"
                        [ $lost -gt $most ] && most=$lost
                        ;;
                    *s) # told, not judged: a file may have taken long
                        clocked=$((clocked + 1))
                        time=$(lost_s "$from")
                        most_s=$(awk -v a="$most_s" -v b="${time:-0}" 'BEGIN { print (a > b ? a : b) }')
                        within=$((within + $(awk -v a="${time:-0}" -v b="${each%s}" 'BEGIN { print (a <= b) }')))
                        ;;
                esac
            fi
        fi
        case $status in
            0) break ;;
            137)
                kills=$((kills + 1))
                if compgen -G '.run.ckpt.tmp.*' >/dev/null; then writing=$((writing + 1)); fi
                [ -e run.ckpt ] || early=$((early + 1))
                ;;
            *) fail "run $run, process $process (${kind[*]} ${crew[*]} ${resume[*]}): exit status $status: $(cat err)" ;;
        esac
    done
    [ "$status" = 0 ] || fail "run $run never ends"
    cmp run.ist $name.ist || fail "run $run: another model: ${kind[*]}"
    cmp <(told run.jsonl) <(told $name.jsonl) || fail "run $run: another log: ${kind[*]}"
    [ "$(find . -name '.run.ckpt.tmp.*' | wc -l)" = 0 ] || fail "run $run: a temporary file was left behind"
done
[ $writing -gt 0 ] || fail "no kill fell into the writing of a checkpoint: this shows nothing ($kills kills)"
echo "kill: $runs runs, $kills kills ($writing while a checkpoint was written, $early before the first), $resumed resumed; lost with" \
    "every Nr at most $most rounds, never more than 2 N; with every 0.2s at most $most_s s, not more than that in $within of $clocked;" \
    "all models and logs as unbroken; $((SECONDS - started)) s"
