# shellcheck shell=bash
# scene.sh - what scripts of cases share: a folder of their own, ways to end, and the command under test.
#
# Source it; then set `command`, the words before those of a case: the command alone unless set.  Environment: IST the executable.
# Exit status of such a script: 0 passed, 1 failed, 77 skipped with a reason.
set -u
export LC_ALL=C

skip() { echo "SKIP: $*"; exit 77; }
fail() { echo "FAIL: $*" >&2; exit 1; }
need() { for tool in "$@"; do command -v "$tool" >/dev/null || skip "$tool is not installed"; done; }

ist=${IST:-}
[ -n "$ist" ] && [ -x "$ist" ] || skip "the command ist was not built"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
command=("$ist")

# run STATUS WORDS..: the command with these words must exit with STATUS; its output is in the files out and err.
run() {
    local want=$1 got
    shift
    "${command[@]}" "$@" >out 2>err
    got=$?
    [ "$got" = "$want" ] || fail "exit status $got instead of $want: $* -- $(head -c 400 err)"
}

# wrong PATTERN WORDS..: a wrong command line: status 2, nothing on stdout, one line on stderr that has PATTERN.
wrong() {
    local pattern=$1
    shift
    run 2 "$@"
    [ -s out ] && fail "standard output is not empty: $*"
    [ "$(wc -l <err)" = 1 ] || fail "not one line on standard error: $* -- $(cat err)"
    grep -q -e "$pattern" err || fail "\"$pattern\" is not in: $(cat err)"
}
