#!/usr/bin/env bash
# run.sh [--afl] [--coverage] [--no-build] MINUTES [TARGET..] - builds the fuzz targets and runs each for so many minutes.
#
# As many targets at once as there are cores; with more cores than targets each has as many processes as come to it.
#
#   --afl       AFL++ (Debian: afl++) instead of libFuzzer
#   --no-build  the targets are there
#   --coverage  afterwards, which lines of src, numa and tools the corpora reach (llvm-cov)
#
# Builds are in build/fuzz or build/afl (FUZZ_BUILD overrides), corpora grow in build/fuzz-corpus/TARGET (FUZZ_CORPUS): a later
# run goes on from there.  Inputs that are a finding are kept in build/fuzz-findings/TARGET (FUZZ_KEEP).  Limits of one input:
# 2 seconds, 256 MiB.  Prints a row a target; exit status 0 without a finding, 1 with one, 2 when nothing could be run.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 2

engine=fuzz coverage=no make=yes
while :; do
    case ${1:-} in
    --afl) engine=afl ;;
    --coverage) coverage=yes ;;
    --no-build) make=no ;;
    *) break ;;
    esac
    shift
done
minutes=${1:-}
case $minutes in '' | *[!0-9.]*)
    echo "usage: run.sh [--afl] [--coverage] [--no-build] MINUTES [TARGET..]" >&2
    exit 2
    ;;
esac
shift
seconds=$(awk -v m="$minutes" 'BEGIN { printf "%d", 60 * m }')
build=${FUZZ_BUILD:-build/$engine} corpora=${FUZZ_CORPUS:-build/fuzz-corpus} keep=${FUZZ_KEEP:-build/fuzz-findings}
logs=$build/fuzz-logs

fail() { echo "run.sh: $*" >&2; exit 2; }

# ------------------------------------------------------------------------------------------------------------- build --

if [ $engine = afl ] && ! command -v afl-fuzz >/dev/null; then fail "no afl-fuzz (tools/install-packages.sh fuzz)"; fi
mkdir -p "$build" "$keep"
if [ $make = yes ] && ! { cmake --preset $engine -B "$build" && cmake --build "$build" --target fuzz_targets; } >"$build/build.log" 2>&1; then
    tail -n 30 "$build/build.log" >&2
    fail "the build failed, see $build/build.log"
fi
mkdir -p "$logs"
bin=$build/tests/fuzz
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for file in tests/fuzz/target_*.c; do
        name=${file##*/target_}
        [ -x "$bin/fuzz_${name%.c}" ] && targets+=("${name%.c}")
    done
fi
for target in "${targets[@]}"; do [ -x "$bin/fuzz_$target" ] || fail "there is no target $target"; done
cores=$(nproc)
at_once=$((${#targets[@]} < cores ? ${#targets[@]} : cores))
each=$((cores / at_once)) # processes of a target

# The threads of OpenMP do not spin between inputs; freed memory is given back soon, so that 256 MiB mean something.
export OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export UBSAN_OPTIONS=print_stacktrace=1
"$bin/fuzz_seeds" "$build/seeds" || fail "no seeds"

# inputs TARGET: the folders that its corpus begins with.
inputs() {
    echo "$build/seeds/$1"
    [ -d "tests/fuzz/regress/$1" ] && echo "tests/fuzz/regress/$1"
    [ "$1" = topology ] && echo tests/unit/topologies
}

# -------------------------------------------------------------------------------------------------------------- runs --

# number PATTERN FILE: the last number behind the pattern.
number() { sed -n "s/.*$1 *\([0-9]*\).*/\1/p" "$2" | tail -n 1; }

# One row: TARGET EXECUTIONS EXEC/S EDGES FEATURES CORPUS FINDINGS
row() { printf '%-11s %12s %8s %7s %9s %7s %9s\n' "$@"; }

with_libfuzzer() {
    local target=$1 log=$logs/$1.log dictionary=() found=$keep/$1/ folders
    [ -f "tests/fuzz/$target.dict" ] && dictionary=("-dict=tests/fuzz/$target.dict")
    mkdir -p "$corpora/$target" "$found"
    mapfile -t folders < <(inputs "$target")
    # ASan limits one allocation, not libFuzzer, which would write findings of the child that topology tries hwloc in.
    ASAN_OPTIONS=quarantine_size_mb=8:detect_leaks=1:max_allocation_size_mb=128:allocator_may_return_null=0 \
        "$bin/fuzz_$target" -fork="$each" -max_total_time="$seconds" -rss_limit_mb=256 -timeout=2 -max_len=16384 \
        -ignore_crashes=1 -ignore_ooms=0 -ignore_timeouts=0 -artifact_prefix="$found" "${dictionary[@]}" "$corpora/$target" "${folders[@]}" >"$log" 2>&1 </dev/null
    local edges features executions findings
    executions=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -n 1)
    edges=$(number 'cov:' "$log")
    features=$(number 'ft:' "$log")
    findings=$(find "$found" -type f -newer "$logs/begin" | wc -l)
    # A run that ended early found something, whatever it kept.
    grep -qE 'DONE|fuzzed for [0-9]+ seconds' "$log" || findings=$((findings > 0 ? findings : 1))
    row "$target" "${executions:-0}" $((${executions:-0} / seconds)) "${edges:-?}" "${features:-?}" \
        "$(find "$corpora/$target" -type f | wc -l)" "$findings"
}

# stat KEY FILE: a value of AFL++'s fuzzer_stats.
stat() { sed -n "s/^$1 *: *//p" "$2" | tr -d '%'; }

with_afl() {
    local target=$1 out=$build/out/$1 k pids=() folder
    rm -rf "$out" "$build/in/$target"
    mkdir -p "$out" "$build/in/$target" "$keep/$target"
    while IFS= read -r folder; do cp "$folder"/* "$build/in/$target/"; done < <(inputs "$target")
    for ((k = 0; k < each; k++)); do
        local role=-S
        [ $k = 0 ] && role=-M
        AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_AUTORESUME=0 AFL_NO_AFFINITY=1 \
            afl-fuzz -i "$build/in/$target" -o "$out" $role "f$k" -V "$seconds" -t 2000 -m none -- "$bin/fuzz_$target" \
            >"$logs/$target.afl.$k.log" 2>&1 </dev/null &
        pids+=($!)
    done
    wait "${pids[@]}"
    local executions=0 findings edges="?"
    for ((k = 0; k < each; k++)); do
        [ -f "$out/f$k/fuzzer_stats" ] || { tail -n 5 "$logs/$target.afl.$k.log" >&2; fail "AFL++ did not run $target"; }
        executions=$((executions + $(stat execs_done "$out/f$k/fuzzer_stats")))
        edges=$(stat edges_found "$out/f$k/fuzzer_stats")
    done
    find "$out" \( -path '*/crashes/id*' -o -path '*/hangs/id*' \) -exec cp {} "$keep/$target/" \;
    findings=$(find "$keep/$target" -type f -newer "$logs/begin" | wc -l)
    row "$target" "$executions" $((executions / seconds)) "$edges" - "$(find "$out" -path '*/queue/id*' | wc -l)" "$findings"
}

# fuzz TARGET: its row goes to standard output.
fuzz() { if [ $engine = afl ]; then with_afl "$1"; else with_libfuzzer "$1"; fi | tee "$logs/$1.row"; }

printf '%s minutes a target, %d at once on %d cores, %s\n' "$minutes" "$at_once" "$cores" \
    "$([ $engine = afl ] && echo AFL++ || echo libFuzzer)"
row target executions exec/s edges features corpus findings
rm -f "$logs"/*.row
touch "$logs/begin"
for target in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n; done
    fuzz "$target" &
done
wait
total=0
for target in "${targets[@]}"; do
    [ -s "$logs/$target.row" ] || fail "no result of $target, see $logs"
    total=$((total + $(awk '{ print $NF }' "$logs/$target.row")))
done

# ---------------------------------------------------------------------------------------------------------- coverage --

# A build that counts lines replays seeds and corpora.
show_coverage() {
    local build=build/fuzz-coverage list=() objects=() target folders
    cmake --preset clang -B "$build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS='-fprofile-instr-generate -fcoverage-mapping' \
        >"$logs/coverage.log" 2>&1 || fail "see $logs/coverage.log"
    cmake --build "$build" --target fuzz_targets >>"$logs/coverage.log" 2>&1 || fail "see $logs/coverage.log"
    for target in "${targets[@]}"; do
        mapfile -t folders < <(inputs "$target")
        LLVM_PROFILE_FILE=$build/$target.profraw "$build/tests/fuzz/fuzz_$target" "$corpora/$target" "${folders[@]}" \
            >/dev/null 2>&1
        [ -f "$build/$target.profraw" ] && list+=("$build/$target.profraw") && objects+=(-object "$build/tests/fuzz/fuzz_$target")
    done
    llvm-profdata-14 merge -o "$build/all.profdata" "${list[@]}" || fail "no profiles"
    llvm-cov-14 report "${objects[@]:1}" -instr-profile "$build/all.profdata" --show-functions=false \
        src/base/reader.c src/data/*.c src/model/checkpoint.c src/train/resume.c numa/topology.c tools/speech_wav.c \
        tools/cli_rates.c tools/cli_options.c tools/cli_number.c tools/cli_shares.c 2>/dev/null |
        awk '/^(Filename|TOTAL)/ || /\.c / { print $1, $8, $9, $10 }' | column -t
}
[ $coverage = no ] || show_coverage

if [ "$total" -gt 0 ]; then
    echo "$total findings: inputs in $keep, logs in $logs"
    exit 1
fi
echo "no finding"
