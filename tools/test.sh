#!/usr/bin/env bash
# test.sh [--quick] [--all] [--no-install] - all tests, as CI runs them.
#
#   dev      gcc, -Werror                 everything: unit, api, embed, e2e, numa-vm, lint
#   clang    clang and libomp, -Werror    unit, build (tsan has api: the same compiler)
#   asan     gcc, address, undefined      unit, api, build, short e2e, but tests that repeat the rounds of others
#   tsan     clang, libomp, archer        unit, api, build, but tests without races of their own to find
#   nohwloc  gcc, without hwloc           unit, api, build, but tests that know no places
#            and in each of the last four a part of embed (label embed-short)
#
# build: what one build has to show for itself, such as that a sanitizer sees planted errors.
# --quick: dev alone.  --all: nothing left out, neither suites nor guests of the label `more` (variants of others).
# --no-install: never call apt-get.  Builds are in build/<name>, logs in build/test-logs.
# The last line is the sum over all runs, `N passed, M failed, K skipped`; the status is 1 if anything failed (a build
# that fails counts as one) or nothing ran.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

runs=(dev clang asan tsan nohwloc)
install=yes all=no
for argument; do
    case $argument in
    --quick) runs=(dev) ;;
    --all) all=yes ;;
    --no-install) install=no ;;
    *)
        printf 'usage: test.sh [--quick] [--all] [--no-install]\n' >&2
        exit 2
        ;;
    esac
done

# Tests that time things or boot machines ask ctest for several of these slots (PROCESSORS).
cores=$(nproc)
logs=build/test-logs
mkdir -p "$logs" || exit 1
rm -f "$logs"/*
if [ $install = yes ]; then
    # What cannot be installed shows below, as a build that fails or a test that is skipped.
    bash tools/install-packages.sh test || printf 'going on with what is here\n'
fi

# Runs whose sources come to the same behind the preprocessor compile them once, wherever they build.
if command -v ccache >/dev/null && [ -z "${CMAKE_C_COMPILER_LAUNCHER+set}" ]; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache CCACHE_DIR=$PWD/build/ccache CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
fi

# results RUN XML: a line for each test, RUN|passed, failed or skipped|name|reason.  ctest's XML has one tag a line.
results() {
    awk -v run="$1" '
        function attribute(name,    text) {
            if (!match($0, " " name "=\"[^\"]*\"")) return ""
            text = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
            return text
        }
        function plain(text) {
            gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text); gsub(/&apos;/, "\047", text)
            gsub(/&amp;/, "\\&", text)
            return text
        }
        /<testcase / { name = attribute("name"); status = attribute("status"); why = ""; skipped = 0 }
        /<skipped /  { skipped = 1; if (why == "") why = attribute("message") }
        /<failure /  { if (why == "") why = attribute("message") }
        sub(/^.*SKIP: /, "") { if (name != "") why = $0; sub(/<\/system-out>.*/, "", why) }
        /<\/testcase>/ {
            verdict = status == "run" ? "passed" : status == "fail" ? "failed" : skipped ? "skipped" : "failed"
            printf "%s|%s|%s|%s\n", run, verdict, name, verdict == "passed" ? "" : plain(why)
            name = ""
        }' "$2"
}

# one_run NAME [ctest options...]
one_run() {
    local run=$1 begin=$SECONDS xml=$logs/$1.xml prefix=()
    shift
    printf '\n=== %s\n' "$run"
    if ! { cmake --preset "$run" && cmake --build --preset "$run"; } >"$logs/$run-build.log" 2>&1; then
        grep -E -A5 'error|Error|FAILED|warning' "$logs/$run-build.log" | head -n 60
        printf '%s|failed|%s.build|see %s\n' "$run" "$run" "$logs/$run-build.log" >>"$logs/results"
    else
        # TSan's fixed memory layout does not fit kernels that randomise addresses widely.
        if [ "$run" = tsan ] && setarch "$(uname -m)" -R true 2>/dev/null; then prefix=(setarch "$(uname -m)" -R); fi
        "${prefix[@]}" ctest --test-dir "build/$run" -j "$cores" --no-tests=error --output-on-failure \
            --test-output-size-passed 65536 --output-junit "$PWD/$xml" "$@" </dev/null 2>&1 |
            tee "$logs/$run-tests.log" | grep -vE '^ *Start +[0-9]+:| Passed +[0-9.]+ sec|^Internal ctest|^Test project|^$'
        if [ -s "$xml" ]; then
            results "$run" "$xml" >>"$logs/results"
        else
            printf '%s|failed|%s.ctest|no test, or ctest failed\n' "$run" "$run" >>"$logs/results"
        fi
    fi
    printf '%s|seconds|%d\n' "$run" $((SECONDS - begin)) >>"$logs/results"
}

# What a run leaves out because it would show nothing that another run does not: --all runs it.
declare -A left_out=(
    [clang]='^api\.'
    [asan]='^(unit\.((gemm|phase|predict)\.|product\.products|team\.barriers|(outer|replicas|sticky|subnet|training)\..*(drop|_as_its_formula|work_space|every_|epochs|crew|plain_))|api\.((engines|invariance|paper_bugs|recipe)\.|.*(every_|resumed|phases_give|alone|times_of)))'
    [tsan]='^(unit\.((checkpoint|dataset|elementary|formats|gemm|hostile|logmel|phase|predict|product|reader)\.|(outer|replicas|sticky|subnet|training)\..*(drop|_as_its_formula|work_space|every_|plain_))|api\.((engines|export|paper_bugs|predict|slow)\.|.*(every_|resumed|alone|times_of|other_methods)))'
    [nohwloc]='^(unit\.(average|checkpoint|dropout|elementary|evaluate|formats|gemm|kernels|logmel|optimizer|outer|panel|phase|product|reader|reference|replicas|shape|sparse_file|sparse_text|step|sticky|subnet|training|whole)\.|unit\.team\.barriers|api\.(activation|engines|export|outer|paper_bugs|phases|predict|recipe|resume|slow)\.)'
)
for run in "${runs[@]}"; do
    labels='^(unit|api|build|embed-short)$' left=${left_out[$run]:-}
    if [ "$run" = asan ]; then labels='^(unit|api|build|embed-short|short)$'; fi
    if [ $all = yes ]; then left='' labels=${labels/embed-short/embed|example}; fi
    case $run/$all in
    dev/yes) one_run dev ;;
    dev/no) one_run dev -LE '^more$' ;;
    *) one_run "$run" -L "$labels" ${left:+-E "$left"} ;;
    esac
done

printf '\n'
if [ $all = no ]; then
    for run in "${runs[@]}"; do
        case $run in
        dev) which=(-L '^more$') ;;
        *) which=(-R "${left_out[$run]}|^embed\\.|^example\\.(heat|hot_loop)" -LE '^embed-short$') ;;
        esac
        printf 'not run in %s: %d tests; tools/test.sh --all runs them\n' "$run" \
            "$(ctest --test-dir "build/$run" -N "${which[@]}" 2>/dev/null | sed -n 's/^Total Tests: //p')"
    done
fi
awk -F '|' '
    $2 == "seconds" { order[++n] = $1; seconds[$1] = $3; next }
    { count[$1, $2]++; total[$2]++ }
    $2 == "failed"  { failed[++f] = "FAILED  " $1 ": " $3 ($4 == "" ? "" : " (" $4 ")") }
    $2 == "skipped" { skipped[++s] = "SKIPPED " $1 ": " $3 " (" $4 ")" }
    END {
        printf "\n%-8s %7s %7s %7s %8s\n", "run", "passed", "failed", "skipped", "seconds"
        for (i = 1; i <= n; i++) {
            r = order[i]
            printf "%-8s %7d %7d %7d %8d\n", r, count[r, "passed"], count[r, "failed"], count[r, "skipped"], seconds[r]
        }
        if (f + s > 0) print ""
        for (i = 1; i <= s; i++) print skipped[i]
        for (i = 1; i <= f; i++) print failed[i]
        printf "\n%d passed, %d failed, %d skipped\n", total["passed"], total["failed"], total["skipped"]
        exit (total["failed"] > 0 || total["passed"] == 0)
    }' "$logs/results"
