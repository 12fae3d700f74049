#!/usr/bin/env bash
# paper.sh [OPTION..] - the paper's experiments: methods x subnets x local steps x seeds, on real speech and digits.
#
#   --quick         the small grid instead of the long one: 10 minutes on two cores
#   --data DIR      folder with asc/ and mnist/ (default: data in $IST_SHARED, or in ../shared beside the checkout)
#   --results DIR   where paper.csv and the other tables grow (default: docs/results; with --quick: build/paper-quick)
#   --only WORD     runs whose name contains it: an experiment (speech-2, speech-3, mnist), a method
#   --minutes M     begin no run later than that; the same command goes on another time
#   --list          print what would run, and run nothing
#   --rates         measure the speed of each method, all in turn, instead of training; wants a quiet machine.  Then predict
#                   it (ist info --predict) for 1, 2, 4 and 8 sockets of 32 cores each
#   --report        only write the tables and pictures: docs/results.md; with --quick print the tables
#   --build DIR     the build to use, made if it is not there (default: build/paper)
#
# Every number of paper.csv is a function of its options and seed, whichever machine computes it; so runs may be stopped,
# and go on elsewhere: what the table has is not run again.  Tuning comes first: each method has the same number of
# trials on the validation split, one seed; the best trial's options are then run with five seeds.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")
fail() { printf 'paper.sh: %s\n' "$1" >&2; exit 1; }

quick='' data='' results='' only='' minutes='' list='' rates='' report='' build=$root/build/paper
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --list) list=yes ;;
    --rates) rates=yes ;;
    --report) report=yes ;;
    --data | --results | --only | --minutes | --build)
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
    if [ -n "$quick" ]; then results=$root/build/paper-quick; else results=$root/docs/results; fi
fi
mkdir -p "$results" || exit 1
table=$results/paper.csv

if [ -z "$report$list" ]; then
    command -v jq >/dev/null || fail "jq is missing: tools/install-packages.sh perf"
    [ -r "$data/asc/train-logmel.idx3.gz" ] || fail "no asc/train-logmel.idx3.gz in $data"
    [ -r "$data/mnist/train-images-idx3-ubyte.gz" ] || fail "no mnist/train-images-idx3-ubyte.gz in $data"
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

if [ -z "$report$list" ]; then
    new=()
    if [ ! -f "$build/CMakeCache.txt" ]; then new=(-DCMAKE_BUILD_TYPE=Release -DIST_BUILD_TESTS=OFF); fi
    { cmake -S "$root" -B "$build" "${new[@]}" && cmake --build "$build" --target ist_command --parallel; } >"$work/log" 2>&1 ||
        { cat "$work/log" >&2; fail "the build failed"; }
fi
ist=$build/bin/ist

# ------------------------------------------------------------------------------------------------------ experiments

# MNIST comes without a validation split: its last 10,000 training rows are ours.
split_mnist() {
    local images=$data/mnist/train-images-idx3-ubyte.gz labels=$data/mnist/train-labels-idx1-ubyte.gz
    { printf '\0\0\10\3\0\0\303\120\0\0\0\34\0\0\0\34'; zcat "$images" | tail -c +17 | head -c $((50000 * 784)); } >"$work/train-x.idx"
    { printf '\0\0\10\3\0\0\47\20\0\0\0\34\0\0\0\34'; zcat "$images" | tail -c $((10000 * 784)); } >"$work/valid-x.idx"
    { printf '\0\0\10\1\0\0\303\120'; zcat "$labels" | tail -c +9 | head -c 50000; } >"$work/train-y.idx"
    { printf '\0\0\10\1\0\0\47\20'; zcat "$labels" | tail -c 10000; } >"$work/valid-y.idx"
}

# set_experiment NAME: `given`, the options that all its runs share.
set_experiment() {
    local view=logmel
    case $1 in quick-*) view=logmel32x32 ;; esac
    case $1 in
    mnist)
        [ -f "$work/train-x.idx" ] || split_mnist
        given=(--train "$work/train-x.idx:$work/train-y.idx" --valid "$work/valid-x.idx:$work/valid-y.idx"
            --test "$data/mnist/t10k-images-idx3-ubyte.gz:$data/mnist/t10k-labels-idx1-ubyte.gz") ;;
    *)
        given=(--train "$data/asc/train-$view.idx3.gz:$data/asc/train-labels.idx1.gz"
            --valid "$data/asc/val-$view.idx3.gz:$data/asc/val-labels.idx1.gz"
            --test "$data/asc/test-$view.idx3.gz:$data/asc/test-labels.idx1.gz") ;;
    esac
    case $1 in
    mnist) given+=(--hidden "1024,1024") ;;
    speech-2) given+=(--hidden 4096) ;;
    speech-3) given+=(--hidden "8192,8192") ;;
    quick-2) given+=(--hidden 1024) ;;
    quick-3) given+=(--hidden "1024,1024") ;;
    esac
}

# shellcheck source=paper_grid.sh
source "$here/paper_grid.sh"

# --------------------------------------------------------------------------------------------------------- the table

header=experiment,stage,method,subnets,seed,options,round,epoch,samples,flops,bytes_moved,valid,test
if [ ! -s "$table" ] && [ -z "$list" ]; then printf '%s\n' "$header" >"$table"; fi

# best_of EXPERIMENT METHOD: the tuned part of its best trial on the validation split; of equal ones the first.  Fails
# while trials are missing.
best_of() {
    local part best='' most=-1 valid on
    on=$(tuned_on "$1")
    while IFS= read -r part; do
        valid=$(awk -F, -v e="$on" -v o="$(options "$on" "$2" 4 50) $part" '$1 == e && $5 == 1 && $6 == o { v = $12 } END { print v }' "$table")
        [ -n "$valid" ] || return 1
        if awk "BEGIN { exit !($valid > $most) }"; then most=$valid best=$part; fi
    done < <(tuned "$2")
    printf '%s\n' "$best"
}

# A line a run: experiment,stage,method,subnets,seed,options; what matters most first.  Options that wait for tuning are `?`.
runs() {
    local experiment
    for experiment in $(experiments); do
        if [ "$(tuned_on "$experiment")" = "$experiment" ]; then tuning "$experiment"; fi
    done
    for experiment in $(experiments); do finals "$experiment" first | final_runs "$experiment"; done
    explorations
    curves
    for experiment in $(experiments); do finals "$experiment" more | final_runs "$experiment"; done
}

tuning() {
    local method part subnets
    for method in $(methods); do
        subnets=4
        if [ "$method" = sgd ]; then subnets=1; fi
        while IFS= read -r part; do
            printf '%s,tune,%s,%s,1,%s\n' "$1" "$method" $subnets "$(options "$1" "$method" 4 50) $part"
        done < <(tuned "$method")
    done
}

# Final runs of data parallel once more, the same to the last bit, but evaluated more often.  A round of four replicas is 3.6
# epochs of speech: too seldom to tell when it reaches an accuracy.
curves() {
    local experiment every part options seed
    for experiment in $(experiments); do
        every=$(curve_every "$experiment") options='?'
        [ -n "$every" ] || continue
        if part=$(best_of "$experiment" data-parallel 2>/dev/null); then
            options="$(options "$experiment" data-parallel 4 50) $part --local-steps 5 --eval-every $every"
        fi
        for seed in $(seeds); do printf '%s,curve,data-parallel,4,%s,%s\n' "$experiment" "$seed" "$options"; done
    done
}

# What `finals` prints, for an experiment, with the tuned part and all seeds.
final_runs() {
    local method subnets steps part seed options
    while read -r method subnets steps; do
        options='?'
        if part=$(best_of "$1" "$method" 2>/dev/null); then options="$(options "$1" "$method" "$subnets" "$steps") $part"; fi
        for seed in $(seeds); do printf '%s,final,%s,%s,%s,%s\n' "$1" "$method" "$subnets" "$seed" "$options"; done
    done
}

# Of the lines that `runs` gave, those that the table does not have.
missing() {
    local known=$table
    [ -f "$known" ] || known=/dev/null
    awk -F, -v only="$only" '
        FNR == NR && FILENAME != "-" { done[$1 "," $5 "," $6] = 1; next }
        index($1 "/" $3, only) && !(($1 "," $5 "," $6) in done) && !($0 in told) { told[$0] = 1; print }' "$known" -
}

began=$SECONDS
# run EXPERIMENT STAGE METHOD SUBNETS SEED OPTIONS
run() {
    local -a words
    read -ra words <<<"$6"
    set_experiment "$1"
    "$ist" train "${given[@]}" "${words[@]}" --seed "$5" --quiet --log "$work/run.jsonl" 2>"$work/log" ||
        { cat "$work/log" >&2; fail "this failed: ist train ${given[*]} $6 --seed $5"; }
    jq -r --arg head "$1,$2,$3,$4,$5,$6" -s '
        [.[] | select(.event == "eval")] | group_by(.round)[] |
        (map({(.split): .accuracy}) | add) as $accuracy | .[0] |
        [$head, .round, .epoch, .samples, .flops, .bytes_moved, $accuracy.valid, $accuracy.test] | map(tostring) | join(",")' \
        "$work/run.jsonl" >"$work/rows.csv" || fail "cannot read the log"
    cat "$work/rows.csv" >>"$table"
    rm -f "$work/run.jsonl"
}

go() {
    local experiment stage method subnets seed options done_now=0
    while runs | missing >"$work/missing" && grep -m 1 -v ',?$' "$work/missing" >"$work/next"; do
        if [ -n "$minutes" ] && [ $((SECONDS - began)) -ge $((minutes * 60)) ]; then
            printf '%d runs left: the same command goes on\n' "$(wc -l <"$work/missing")" >&2
            return 0
        fi
        IFS=, read -r experiment stage method subnets seed options <"$work/next"
        printf '%d done, %d left, %d min: %s %s n=%s seed %s: %s\n' $done_now "$(wc -l <"$work/missing")" \
            $(((SECONDS - began) / 60)) "$experiment" "$method" "$subnets" "$seed" "$options" >&2
        run "$experiment" "$stage" "$method" "$subnets" "$seed" "$options"
        done_now=$((done_now + 1))
    done
    printf '%d runs done, none left\n' $done_now >&2
}

# ------------------------------------------------------------------------------------------------------------- rates

# Seconds a sample of every final configuration, phases apart, all in turn; a line a turn, to paper-rates.csv.
measure_rates() {
    local turn turns=5 experiment name options line
    local -a words
    if [ -n "$quick" ]; then turns=3; fi
    printf 'experiment,name,turn,seconds_per_sample,samples\n' >"$work/rates.csv"
    for turn in $(seq $turns); do
        for experiment in $(experiments); do
            case $experiment in *"$only"*) ;; *) continue ;; esac
            set_experiment "$experiment"
            while read -r name options; do
                printf 'turn %d of %d: %s %s\n' "$turn" $turns "$experiment" "$name" >&2
                read -ra words <<<"$options"
                line=$("$ist" train "${given[@]}" "${words[@]}" --eval-every 0 --quiet --json 2>"$work/log" |
                    jq -r '[.seconds / .samples, .samples] | map(tostring) | join(",")') || { cat "$work/log" >&2; fail "a rate failed"; }
                printf '%s,%s,%d,%s\n' "$experiment" "$name" "$turn" "$line" >>"$work/rates.csv"
            done < <(rate_runs "$experiment")
        done
    done
    mv "$work/rates.csv" "$results/paper-rates.csv"
}

# Samples a second that the cost model gives for larger machines, one subnet or replica a socket, from rates measured here.
predict() {
    local experiment sockets line
    local -a net words
    "$ist" info --predict measure --rates-out "$results/paper-rates.json" --hidden 64 >/dev/null || fail "no rates"
    printf 'experiment,sockets,method,samples_per_s,gflops,bound_by,round_s,products_s,vectors_s,copies_s,memory_s,link_s,barriers_s,assumed\n' >"$work/predicted.csv"
    for experiment in $(experiments); do
        set_experiment "$experiment"
        net=()
        words=("${given[@]}")
        while [ "${words[0]}" != --hidden ]; do words=("${words[@]:1}"); done
        case $experiment in
        mnist) net=(--features 784 --classes 10 --rows 50000) ;;
        quick-*) net=(--features 1024 --classes 40 --rows 7200) ;;
        *) net=(--features 4096 --classes 40 --rows 7200) ;;
        esac
        for sockets in 1 2 4 8; do # one socket: for the whole net alone
            line=$("$ist" info --predict "$results/paper-rates.json" --topology "pack:$sockets numa:1 core:32 pu:1" \
                "${words[@]}" "${net[@]}" --subnets $sockets --json) || fail "no prediction"
            jq -r --arg head "$experiment,$sockets" --argjson sockets $sockets '.prediction |
                ([.rates | to_entries[] | select(.value.is != "measured") | "\(.key) \(.value.value)"] | join(" ")) as $assumed |
                .methods[] | select($sockets > 1 or .method == "sgd") |
                [$head, .method, .samples_per_s, .gflops, .bound_by, .round_s, .products_s, .vectors_s, .copies_s, .memory_s, .link_s,
                    .barriers_s, $assumed] | map(tostring) | join(",")' <<<"$line" >>"$work/predicted.csv"
        done
    done
    mv "$work/predicted.csv" "$results/paper-predicted.csv"
}

if [ -n "$list" ]; then
    runs | missing
elif [ -n "$rates" ]; then
    measure_rates
    predict
elif [ -z "$report" ]; then
    go
fi
if [ -z "$list" ]; then
    only='' # what is left of all
    "$here/paper_report.py" "$results" "$(runs | missing | wc -l)" ${quick:+--quick}
fi
