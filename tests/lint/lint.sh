# shellcheck shell=bash
# lint.sh - what the lints share.  A lint is `bash NAME.sh ROOT`: it looks at the tree under ROOT (by default the
# checkout it is in), prints a line for each thing it objects to, and exits with 1 if there was one.

set -u -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "${1:-$here/../..}" && pwd) || exit 2
objections=0

object() {
    printf '%s\n' "$*"
    objections=$((objections + 1))
}

# files NAME_PATTERN...: files of the tree with such names, without builds and without our own bad examples.
files() {
    local names=() pattern
    for pattern; do names+=(-o -name "$pattern"); done
    find . \( -path ./.git -o -path ./build -o -path './build-*' -o -path ./tests/lint/fixtures \) -prune \
        -o -type f \( "${names[@]:1}" \) -print | sed 's|^\./||' | LC_ALL=C sort
}

# skip REASON: ctest reports the lint as skipped.
skip() {
    printf 'SKIP: %s\n' "$*"
    exit 77
}

finish() {
    [ "$objections" -eq 0 ] || exit 1
    exit 0
}

cd "$root" || exit 2
