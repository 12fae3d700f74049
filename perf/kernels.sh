#!/usr/bin/env bash
# kernels.sh [OPTION..] - builds ist-bench-kernels in build/perf and runs it: speed and errors of each kernel of a step.
#
#   --json, --csv, --kernel NAME, --size OUTxIN[xBATCH], --set NAME, --threads N, --samples N, --check: its --help
set -u -o pipefail
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
build=$root/build/perf

new=()
if [ ! -f "$build/CMakeCache.txt" ]; then new=(-DCMAKE_BUILD_TYPE=Release -DIST_BUILD_TESTS=OFF -DIST_BUILD_TOOLS=OFF); fi
{ cmake -S "$root" -B "$build" -DIST_BUILD_PERF=ON "${new[@]}" &&
    cmake --build "$build" --target ist-bench-kernels --parallel; } >&2 || exit 2

# shellcheck source=coretype.sh
source "$root/perf/coretype.sh"
exec "$build/bin/ist-bench-kernels" "$@"
