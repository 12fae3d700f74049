#!/usr/bin/env bash
# probes.sh [--] IST-ARGUMENTS.. - how long each phase takes, as a histogram in nanoseconds, by bpftrace and the probes that
# libist has (provider ist: phase_begin, phase_end; arguments: team, rank, name, round).
#
#   probes.sh demo
#
# Needs root, bpftrace, and a libist that was built with sys/sdt.h (Debian: systemtap-sdt-dev).  A probe that is watched costs
# a trap, about a microsecond; one that is not costs a nop.
# Environment: IST, the command (default: build/bin/ist).  Exit status: that of ist; 77 with one line where it cannot watch.
set -u -o pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
ist=${IST:-$here/build/bin/ist}

fail() { printf 'probes.sh: %s\n' "$1" >&2; exit "${2:-2}"; }
skip() { printf 'SKIP: probes.sh: %s\n' "$1"; exit 77; }

if [ "${1:-}" = -- ]; then shift; fi
[ $# -gt 0 ] || fail 'usage: probes.sh [--] IST-ARGUMENTS..'
[ -x "$ist" ] || fail "there is no command $ist; build it, or name it in IST" 1
command -v bpftrace >/dev/null || skip 'bpftrace is not installed (Debian: bpftrace)'
library=$(ldd "$ist" | awk '$1 ~ /^libist\.so/ { print $3 }')
library=$(realpath "${library:-$ist}")
readelf -n "$library" 2>/dev/null | grep -q 'Provider: ist$' || skip "$library has no probes (built without sys/sdt.h)"

folder=$(mktemp -d) || exit 1
watcher=
trap '[ -n "$watcher" ] && kill "$watcher" 2>/dev/null; rm -rf "$folder"' EXIT
cat >"$folder/phases.bt" <<BT
BEGIN { printf("watching\n"); }
usdt:$library:ist:phase_begin { @at[tid, arg2] = nsecs; }
usdt:$library:ist:phase_end /@at[tid, arg2]/ {
    @ns[str(arg2)] = hist(nsecs - @at[tid, arg2]);
    @sum_us[str(arg2)] = sum((nsecs - @at[tid, arg2]) / 1000);
    delete(@at[tid, arg2]);
}
END { clear(@at); }
BT
bpftrace -B line "$folder/phases.bt" >"$folder/out" 2>"$folder/err" &
watcher=$!
for ((i = 0; i < 300; i++)); do
    if grep -q watching "$folder/out" 2>/dev/null; then break; fi
    kill -0 "$watcher" 2>/dev/null || break
    sleep 0.1
done
grep -q watching "$folder/out" 2>/dev/null ||
    skip "bpftrace cannot watch here: $(grep -v RLIMIT_MEMLOCK "$folder/err" | head -n 1)"
sleep 0.5 # until the probes are in place, which it does not tell
"$ist" "$@"
status=$?
kill -INT "$watcher"
wait "$watcher"
watcher=
grep -v -e '^watching$' -e '^Attaching' "$folder/out" | cat -s
exit $status
