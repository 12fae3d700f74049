#!/usr/bin/env bash
# compare.sh REV [-- OPTIONS AND CONFIGURATIONS] - this tree's library against that of REV, in turn in one run.
#
#   compare.sh HEAD~1
#   compare.sh v0.1.0 -- --samples 30 subnets=4,engine=native subnets=4,engine=native,optimizer=adam
#
# The benchmark is this tree's in both cases: only the library differs.  What follows -- goes to ist-bench-step
# (ist-bench-step --help); without configurations: SGD with 1, 2 and 4 subnets.  The line of a configuration with a star
# is REV's; `ratio` of the other line is its speed for one of REV.  Builds are in build/compare.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
if [ $# -lt 1 ] || { [ $# -gt 1 ] && [ "$2" != -- ]; }; then
    printf 'usage: compare.sh REV [-- OPTIONS AND CONFIGURATIONS]\n' >&2
    exit 2
fi
commit=$(git rev-parse --verify --quiet "$1^{commit}") || { printf 'compare.sh: no revision %s\n' "$1" >&2; exit 2; }
if [ $# -gt 1 ]; then shift 2; else shift; fi

options=() configs=()
while [ $# -gt 0 ]; do
    case $1 in
    --samples | --seconds) options+=("$1" "${2:?a number is needed}") && shift ;;
    -*) options+=("$1") ;;
    *) configs+=("$1") ;;
    esac
    shift
done
if [ ${#configs[@]} -eq 0 ]; then configs=(engine=native subnets=2,engine=native subnets=4,engine=native); fi

plain=(-DCMAKE_BUILD_TYPE=Release -DIST_BUILD_TESTS=OFF -DIST_BUILD_TOOLS=OFF)
old=build/compare/$commit new=build/compare/new
build() {
    git worktree prune # a build folder that was removed leaves its entry behind
    if [ ! -d "$old" ]; then git worktree add --detach "$old" "$commit" || return 1; fi
    cmake -S "$old" -B "$old/build" "${plain[@]}" && cmake --build "$old/build" --target ist --parallel &&
        cmake -S . -B "$new" "${plain[@]}" -DIST_BUILD_PERF=ON -DIST_PERF_OTHER="$PWD/$old" &&
        cmake --build "$new" --target ist-bench-step ist-bench-step-other --parallel
}
build >&2 || exit 1
# The programs of the two must be what they seem to be.
if ! ldd "$new/bin/ist-bench-step-other" | grep -qF "$PWD/$old/build/lib/libist.so"; then
    printf 'compare.sh: the program does not load the library of %s\n' "$commit" >&2
    exit 1
fi
# shellcheck source=coretype.sh
source perf/coretype.sh
exec "$new/bin/ist-bench-step" "${options[@]}" --exec "$new/bin/ist-bench-step-other" "${configs[@]}"
