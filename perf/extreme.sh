#!/usr/bin/env bash
# extreme.sh [OPTION..] - extreme classification: accuracy on two real sets, speed beside PyTorch, and the size of Amazon-670k.
#
#   --speed         instead of accuracy: samples a second on wordnet-xmc beside the same net in PyTorch, in turn
#   --size          instead of accuracy: samples a second, memory and shares of peak and triad at the size of Amazon-670k, on
#                   synthetic rows (ist generate)
#   --report        only write the tables: docs/results.md; with --quick print them
#   --quick         a few short runs, to see that all works: two minutes on two cores
#   --data DIR      folder with wordnet-xmc/ and debian-xmc/ (default: data in $IST_SHARED, or in ../shared beside the checkout)
#   --results DIR   where extreme.csv and the other tables grow (default: docs/results; with --quick: build/extreme-quick)
#   --only WORD     runs whose name contains it: a set (wordnet, debian), a method; of --size: a name of --list
#   --minutes M     begin no run later than that; the same command goes on another time
#   --list          print what would run, and run nothing
#   --turns N       of --speed (default: 7)
#   --hidden H      of --size (default: 512)
#   --steps N       of --size: steps of each of two rounds, of which the second is measured (default: 4)
#   --no-torch      of --size: without PyTorch, which needs 12 GB there
#   --build DIR     the build to use, made if it is not there (default: build/perf)
#
# Accuracies are functions of options and seed; seconds are of the machine, and tell something if nothing else runs there.
# What the tables have is not run again.  PYTHON names a Python that has PyTorch, by default the one of Debian's python3-torch.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")
fail() { printf 'extreme.sh: %s\n' "$1" >&2; exit 1; }

quick='' data='' results='' only='' minutes='' list='' report='' what=accuracy turns=7 hidden=512 steps=4 torch=yes build=$root/build/perf
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --list) list=yes ;;
    --report) report=yes ;;
    --speed | --size) what=${1#--} ;;
    --no-torch) torch='' ;;
    --data | --results | --only | --minutes | --build | --turns | --hidden | --steps)
        [ $# -ge 2 ] || fail "$1 wants a value"
        declare "${1#--}=$2"
        shift
        ;;
    *)
        sed -n '2,/^set/ { /^#/ s/^# \{0,1\}//p; }' "$0" >&2
        exit 2
        ;;
    esac
    shift
done
if [ -z "$data" ]; then
    if [ -n "${IST_SHARED:-}" ]; then data=$IST_SHARED/data; else data=$root/../shared/data; fi
fi
if [ -z "$results" ]; then
    if [ -n "$quick" ]; then results=$root/build/extreme-quick; else results=$root/docs/results; fi
fi
mkdir -p "$results" || exit 1
table=$results/extreme.csv
python=${PYTHON:-/usr/bin/python3}

if [ -n "$report" ]; then exec "$here/extreme_report.py" "$results" ${quick:+--quick}; fi
command -v jq >/dev/null || fail "jq is missing: tools/install-packages.sh perf"

work=$(mktemp -d) || exit 1
torch_pid=''
end() {
    if [ -n "$torch_pid" ]; then kill "$torch_pid" 2>/dev/null; fi
    rm -rf "$work"
}
trap end EXIT

build_it() {
    local new=()
    if [ ! -f "$build/CMakeCache.txt" ]; then new=(-DCMAKE_BUILD_TYPE=Release -DIST_BUILD_TESTS=OFF); fi
    { cmake -S "$root" -B "$build" -DIST_BUILD_PERF=ON "${new[@]}" &&
        cmake --build "$build" --target ist_command ist-bench-step --parallel; } >"$work/log" 2>&1 ||
        { cat "$work/log" >&2; fail "the build failed"; }
}
if [ -z "$list" ]; then build_it; fi
ist=$build/bin/ist

# convert_set SET: its data files, parsed once
convert_set() {
    local split
    for split in train test; do
        [ -r "$data/$1-xmc/$split.txt.gz" ] || fail "no $1-xmc/$split.txt.gz in $data"
        [ -f "$work/$1-$split.isd" ] || "$ist" convert "$data/$1-xmc/$split.txt.gz" "$work/$1-$split.isd" >/dev/null || exit 1
    done
}

# ---------------------------------------------------------------------------------------------------------- the grid

# How rows look, for all: and the recipe of the prototype, for all methods alike.  Options hold no commas.
rows_options=(--log1p --row-length 3)
recipe='--batch 256 --optimizer adam --hidden-dropout 0.3 --output-norm none'
rate() { case $1 in *) echo '--lr 0.002' ;; esac; }

sets() { echo wordnet debian; }

# run_of METHOD SUBNETS HIDDEN EPOCHS [MORE]: what stands in the table as options.  Epochs count the rows that all subnets or
# replicas see together: n subnets of H / n neurons cost for n E epochs what a net of H / n costs for n E, and one of H for E.
run_of() {
    local words
    words="--method $1 --hidden $3 --epochs $4 $recipe $(rate "$1")"
    case $1 in sgd) ;; *) words+=" --subnets $2 --local-steps 50" ;; esac
    echo "$1,$2,$3,$words${5:+ $5}"
}

# A line a run: set,method,subnets,hidden,options,seed; what matters most first.
runs() {
    local set seed n h
    if [ -n "$quick" ]; then
        for set in $(sets); do
            echo "$set,$(run_of sgd 1 32 1),1"
            echo "$set,$(run_of ist 4 128 1),1"
        done
        return
    fi
    for seed in 1 2 3; do # one net 256 wide; four subnets of the same cost a step, for as many rows and for as many steps
        for set in $(sets); do
            echo "$set,$(run_of sgd 1 256 8),$seed"
            echo "$set,$(run_of ist 4 1024 32),$seed"
            echo "$set,$(run_of ist 4 1024 8),$seed"
        done
    done
    for h in 128 512 1024 2048; do # accuracy against width, at the same cost: E epochs of one net, 4 E of four subnets
        for set in $(sets); do
            echo "$set,$(run_of sgd 1 $h 8),1"
            if [ $h != 1024 ]; then echo "$set,$(run_of ist 4 $h 32),1"; fi
        done
    done
    for n in 2 8 1; do # subnets as wide as the one net, and replicas of it
        for set in $(sets); do
            echo "$set,$(run_of ist $n $((256 * n)) $((8 * n))),1"
            if [ $n != 1 ]; then echo "$set,$(run_of local-sgd $n 256 $((8 * n))),1"; fi
        done
    done
    for set in $(sets); do echo "$set,$(run_of local-sgd 4 256 32),1"; done
}

# Of the lines that `runs` gave, those that the table does not have.
missing() {
    local known=$table
    [ -f "$known" ] || known=/dev/null
    awk -F, -v only="$only" '
        FNR == NR && FILENAME != "-" { done[$1 "," $5 "," $6] = 1; next }
        index($1 "/" $2, only) && !(($1 "," $5 "," $6) in done) && !($0 in told) { told[$0] = 1; print }' "$known" -
}

# run SET METHOD SUBNETS HIDDEN OPTIONS SEED: a line of the table for each evaluation
run() {
    local -a words
    read -ra words <<<"$5"
    convert_set "$1"
    "$ist" train --train "$work/$1-train.isd" --test "$work/$1-test.isd" --sparse "${rows_options[@]}" "${words[@]}" --seed "$6" \
        --quiet --log "$work/run.jsonl" 2>"$work/log" ||
        { cat "$work/log" >&2; fail "this failed: ist train, $1: ${rows_options[*]} $5 --seed $6"; }
    jq -r --arg head "$1,$2,$3,$4,$5,$6" 'select(.event == "eval") |
        [$head, .round, .epoch, .samples, .train_s + .gather_s + .wait_s + .writeback_s, .flops, .loss, .accuracy,
            .precision_at_3, .precision_at_5] | map(tostring) | join(",")' "$work/run.jsonl" >"$work/rows.csv" ||
        fail "cannot read the log"
    cat "$work/rows.csv" >>"$table"
    rm -f "$work/run.jsonl"
}

go() {
    local done_now=0 began=$SECONDS set method subnets width options seed
    if [ ! -s "$table" ]; then echo set,method,subnets,hidden,options,seed,round,epoch,samples,seconds,flops,loss,p1,p3,p5 >"$table"; fi
    while runs | missing >"$work/missing" && [ -s "$work/missing" ]; do
        if [ -n "$minutes" ] && [ $((SECONDS - began)) -ge $((minutes * 60)) ]; then
            printf '%d runs left: the same command goes on\n' "$(wc -l <"$work/missing")" >&2
            return 0
        fi
        IFS=, read -r set method subnets width options seed <"$work/missing"
        printf '%d done, %d left, %d min: %s, %s n=%s, %s wide, seed %s\n' $done_now "$(wc -l <"$work/missing")" \
            $(((SECONDS - began) / 60)) "$set" "$method" "$subnets" "$width" "$seed" >&2
        run "$set" "$method" "$subnets" "$width" "$options" "$seed"
        done_now=$((done_now + 1))
    done
    printf '%d runs done, none left\n' $done_now >&2
}

# ------------------------------------------------------------------------------------------------------ beside PyTorch

need_torch() { "$python" -c 'import torch' 2>/dev/null || fail "$python has no torch: tools/install-packages.sh perf, or PYTHON=.."; }

# begin_torch WORDS..: the prototype waits for turns
begin_torch() {
    coproc torch_process { exec "$python" "$here/peer_extreme.py" "$@"; }
    # shellcheck disable=SC2154 # coproc sets it
    torch_pid=$torch_process_PID
    IFS= read -r about <&"${torch_process[0]}" || fail "peer_extreme.py failed"
}
ask_torch() {
    printf '\n' >&"${torch_process[1]}"
    IFS= read -r answer <&"${torch_process[0]}" || fail "peer_extreme.py ended"
}
end_torch() {
    kill "$torch_pid" 2>/dev/null
    wait "$torch_pid" 2>/dev/null
    torch_pid=''
}

# ist_rate WORDS..: samples a second of the rounds behind the first, from the log
ist_rate() {
    "$ist" train "$@" --eval-every 0 --quiet --log "$work/rate.jsonl" 2>"$work/log" || { cat "$work/log" >&2; fail "this failed: ist train $*"; }
    jq -s '[.[] | select(.event == "round")] | (last.samples - first.samples) / (last.seconds - first.seconds)' "$work/rate.jsonl" ||
        fail "cannot read the log"
}

# The same net with two threads, an epoch of ours and some seconds of theirs in turn, the first one changing; Adam of all weights,
# and of those of features that occur.
speed() {
    local seconds=6 turn kind mine theirs set
    need_torch
    if [ -n "$quick" ]; then turns=2 seconds=1; fi
    echo set,turn,optimizer,ist_per_s,torch_per_s >"$work/speed.csv"
    for set in $(sets); do
        case $set in *"$only"*) ;; *) continue ;; esac
        convert_set "$set"
        for kind in adam sparse-adam; do
            begin_torch "$work/$set-train.isd" "${rows_options[@]}" --optimizer $kind --turns $seconds
            printf '%s, PyTorch with %s: %s\n' "$set" $kind "$about" >&2
            for ((turn = 1; turn <= turns; turn++)); do
                if ((turn % 2)); then ask_torch; fi
                # shellcheck disable=SC2046,SC2086
                mine=$(ist_rate --train "$work/$set-train.isd" --sparse "${rows_options[@]}" --method sgd --hidden 256 --epochs 1 $recipe \
                    $(rate sgd) --threads 2) || exit 1
                if ((turn % 2 == 0)); then ask_torch; fi
                theirs=$(jq '.samples / .seconds' <<<"$answer")
                printf '%s,%d,%s,%s,%s\n' "$set" $turn $kind "$mine" "$theirs" | tee -a "$work/speed.csv" >&2
            done
            end_torch
        done
    done
    mv "$work/speed.csv" "$results/extreme-speed.csv"
}

# -------------------------------------------------------------------------------------------- the size of Amazon-670k

# limits: peak of multiply-adds and triad at this moment, "GFLOP/s GB/s"
limits() {
    "$build/bin/ist-bench-step" --json --samples 3 --seconds 0.2 net=256-256-16,subnets=1,teams=1,threads=2 2>/dev/null |
        jq -r '"\(.quiet_peak_gflops) \(.triad_gb_per_s)"'
}

# watched FILE COMMAND..: its greatest resident memory in bytes to FILE
watched() {
    "$python" -c '
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024, file=file)
sys.exit(status)' "$@"
}

# planned WORDS..: bytes that ist info predicts
planned() {
    local -a words=()
    while [ $# -gt 0 ]; do # what a sampled softmax spares is not planned
        case $1 in --sampled-labels) shift ;; *) words+=("$1") ;; esac
        shift
    done
    "$ist" info "${words[@]}" --features 135909 --classes 670091 --rows "$size_rows" --type float32 --nonzeros "$size_nonzeros" --labels "$size_labels" --json 2>"$work/log" |
        jq .plan.planned_bytes || { cat "$work/log" >&2; fail "ist info has no plan"; }
}

# size_line NAME WORDS..: a run of two rounds; what it planned, took and did, to the table
size_line() {
    local name=$1 plan peak rate peak_gflops triad more
    shift
    case $name in *"$only"*) ;; *) return 0 ;; esac
    if [ -n "$list" ]; then echo "$name: $*"; return 0; fi
    read -r peak_gflops triad < <(limits)
    local -a words=(--hidden "$hidden" --batch 256 --optimizer adam --local-steps "$steps" --data shared "$@")
    plan=$(planned "${words[@]}") || exit 1
    watched "$work/peak" "$ist" train --train "$size_file" --sparse "${words[@]}" --rounds 2 --output-norm none --calibration-batches 1 \
        --eval-every 0 --quiet --log "$work/rate.jsonl" 2>"$work/log" || { cat "$work/log" >&2; fail "this failed: ist train ${words[*]}"; }
    peak=$(cat "$work/peak")
    rate=$(jq -s '[.[] | select(.event == "round")] | (last.samples - first.samples) / (last.seconds - first.seconds)' "$work/rate.jsonl") ||
        fail "cannot read the log"
    more=$(printf '%s,%s,%s,%s,%s,%s,%s,%s' "$name" "$hidden" "$*" "$rate" "$plan" "$peak" "$peak_gflops" "$triad")
    printf '%s\n' "$more" | tee -a "$work/size.csv" >&2
}

size_torch() {
    local name=torch
    case $name in *"$only"*) ;; *) return 0 ;; esac
    if [ -n "$list" ]; then echo "torch: peer_extreme.py --hidden $hidden --optimizer sparse-adam"; return 0; fi
    need_torch
    read -r peak_gflops triad < <(limits)
    begin_torch "$size_file" --hidden "$hidden" --optimizer sparse-adam --turns 10
    ask_torch
    printf 'torch,%s,sparse-adam,%s,,%s,%s,%s\n' "$hidden" "$(jq '.samples / .seconds' <<<"$answer")" "$(jq .peak_rss_bytes <<<"$answer")" \
        "$peak_gflops" "$triad" | tee -a "$work/size.csv" >&2
    end_torch
}

size() {
    local -a shape=()
    size_rows=490449 size_nonzeros=76 size_labels=5.45 size_file=$work/amazon-670k-synthetic.isd
    if [ -n "$quick" ]; then shape=(--rows 20000) hidden=64 steps=2 torch='' size_rows=20000; fi
    if [ -z "$list" ]; then
        "$ist" generate "$size_file" "${shape[@]}" --json >"$work/generated" || exit 1
        size_nonzeros=$(jq .values_a_row "$work/generated") size_labels=$(jq .labels_a_row "$work/generated")
        printf 'name,hidden,options,samples_per_s,planned_bytes,peak_bytes,peak_gflops,triad_gb_per_s\n' >"$work/size.csv"
    fi
    size_line ist-8 --method ist --subnets 8
    size_line ist-1 --method sgd
    if "$ist" help train 2>/dev/null | grep -q -e --sampled-labels; then size_line ist-8-sampled --method ist --subnets 8 --sampled-labels 8192; fi
    if [ -n "$torch" ]; then size_torch; fi
    if [ -z "$list" ]; then
        printf 'data-parallel-8-planned,%s,not run: dense gradients and a replica each,,%s,,,\n' "$hidden" $((8 * 16 * (135909 + 670091) * hidden)) >>"$work/size.csv"
        mv "$work/size.csv" "$results/extreme-size.csv"
    fi
}

if [ -n "$list" ] && [ $what = accuracy ]; then
    runs | missing
elif [ -n "$list" ] && [ $what = speed ]; then
    printf '%s turns of sgd, 256 wide, and of PyTorch: %s\n' "$turns" "$(sets)"
else
    case $what in accuracy) go ;; *) $what ;; esac
fi
if [ -z "$list" ]; then exec "$here/extreme_report.py" "$results" ${quick:+--quick}; fi
