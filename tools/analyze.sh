#!/usr/bin/env bash
# analyze.sh [clang-tidy|cppcheck|gcc]... - static analysis of src, numa and tools; all three without an argument.
#
#   clang-tidy   the checks of .clang-tidy
#   cppcheck     warning, performance, portability
#   gcc          -fanalyzer, but for kernels_avx512.c: kernels_avx2.c is the same source, and with the wider vectors it takes hours
#
# Half an hour of one core in all.  Ends with status 1 if any of them finds something, 2 if one of them is missing.
# What is left alone stands at its line with a reason, or in .clang-tidy.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

bash tools/install-packages.sh analyze || printf 'going on with what is here\n' >&2
build=build/analyze
mkdir -p "$build" || exit 1
mapfile -t files < <(find src numa tools -name '*.c' | sort)

needs() {
    if ! command -v "$1" >/dev/null; then
        printf 'analyze.sh: %s is missing\n' "$1" >&2
        exit 2
    fi
}

configure() { # configure COMPILER FLAGS
    cmake -S . -B "$build/$1" -G Ninja -DCMAKE_C_COMPILER="$1" -DCMAKE_C_FLAGS="$2" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
        -DIST_BUILD_TESTS=OFF -DCMAKE_BUILD_TYPE=Debug >"$build/$1.log" 2>&1 || { cat "$build/$1.log" >&2; exit 2; }
}

run_clang_tidy() {
    needs clang-tidy
    configure clang ''
    printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p "$build/clang" 2>/dev/null
}

run_cppcheck() {
    needs cppcheck
    cppcheck --std=c11 --enable=warning,performance,portability --inline-suppr --suppress=missingIncludeSystem --quiet \
        --error-exitcode=1 -j "$(nproc)" -I include -I src -I . src numa tools 2>&1
}

run_gcc() {
    needs jq
    configure gcc '-fanalyzer -Werror -DLANES_ROLLED=1' # unrolled kernels take it hours
    jq -r '.[] | select(.file | endswith("kernels_avx512.c") | not) |
        "cd \(.directory) && \(.command | sub(" -o [^ ]+"; " -o /dev/null"))"' "$build/gcc/compile_commands.json" |
        xargs -P "$(nproc)" -d '\n' -n 1 sh -c 2>&1
}

analyze() {
    case $1 in
    clang-tidy) run_clang_tidy ;;
    cppcheck) run_cppcheck ;;
    gcc) run_gcc ;;
    *)
        printf 'usage: analyze.sh [clang-tidy|cppcheck|gcc]...\n' >&2
        exit 2
        ;;
    esac
}

tools=("$@") status=0
if [ ${#tools[@]} -eq 0 ]; then tools=(clang-tidy cppcheck gcc); fi
for tool in "${tools[@]}"; do
    if analyze "$tool"; then
        printf '%s: %d files, nothing found\n' "$tool" ${#files[@]}
    else
        printf '%s: see above\n' "$tool"
        status=1
    fi
done
exit $status
