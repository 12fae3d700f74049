#!/usr/bin/env bash
# coverage.sh [--report] - which lines and branches of src, numa and tools the tests reach.
#
# Builds with gcc's counters, runs unit, api and e2e tests, prints a table by file and the sums; pages to read are in
# build/coverage/report.  Not the guests (what runs there leaves no counts here) and not the long trainings of e2e.asc.
# Threads count without locks: a number may be too small, never the question whether a line was reached at all.
# --report: the table of the last run again.
# Ends with status 1 when fewer than 90 % of the lines are reached, 2 when it cannot be told.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 2

build=build/coverage
if [ "${1:-}" != --report ]; then
    bash tools/install-packages.sh analyze || printf 'going on with what is here\n' >&2
    { cmake --preset coverage && cmake --build --preset coverage; } >"$build.log" 2>&1 || { tail -n 30 "$build.log" >&2; exit 2; }
    find "$build" -name '*.gcda' -delete
    # A test that fails is the business of tools/test.sh; here it only says that less was reached.
    ctest --test-dir "$build" -j "$(nproc)" -L '^(unit|api|e2e|fuzz)$' -E '^e2e\.asc\.' --output-on-failure </dev/null 2>&1 |
        grep -vE '^ *Start +[0-9]+:| Passed +[0-9.]+ sec|^$'
fi
command -v gcovr >/dev/null || { printf 'coverage.sh: gcovr is missing: tools/install-packages.sh analyze\n' >&2; exit 2; }
mkdir -p "$build/report" || exit 2
gcovr --root . --object-directory "$build" --filter 'src/' --filter 'numa/' --filter 'tools/' --exclude-unreachable-branches \
    --print-summary --html-details "$build/report/index.html" --fail-under-line 90 "$build"
status=$?
if [ $status -gt 1 ]; then exit 1; fi
exit $status
