#!/usr/bin/env bash
# latency.sh [--net 4096-4096-35] [--turns N] [--threads N] - how long answers of a predictor take (perf/README.md).
set -u -o pipefail
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
build=$root/build/perf

new=()
if [ ! -f "$build/CMakeCache.txt" ]; then new=(-DCMAKE_BUILD_TYPE=Release -DIST_BUILD_TESTS=OFF -DIST_BUILD_TOOLS=OFF); fi
{ cmake -S "$root" -B "$build" -DIST_BUILD_PERF=ON "${new[@]}" &&
    cmake --build "$build" --target ist-bench-latency --parallel; } >&2 || exit 2

exec "$build/bin/ist-bench-latency" "$@"
