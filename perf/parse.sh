#!/usr/bin/env bash
# parse.sh [MB] [--build DIR] - how fast sparse files are read, beside `wc -l` and `cat`, which only look at each byte.
#
#   MB           of text, 220 unless given: made here, seeded, with the shape of Amazon-670k (135,909 features, 74 a row,
#                670,091 labels, 5 a row): synthetic, the same 5 MB again and again
#   --build DIR  the build to use (default: build/perf, made if it is not there)
#
# Each is timed five times in turn; the table has the fastest and the middle one, in MB (1e6 bytes) of the file a second.
# Memory: the text is in the page cache, so no disk is measured.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

megabytes=220 build=build/perf
while [ $# -gt 0 ]; do
    case $1 in
    --build) shift && build=${1:?a folder is needed} ;;
    [1-9]*) megabytes=$1 ;;
    *)
        printf 'usage: parse.sh [MB] [--build DIR]\n' >&2
        exit 2
        ;;
    esac
    shift
done
for tool in awk jq gzip; do command -v $tool >/dev/null || { printf 'parse.sh: %s is not installed\n' $tool >&2; exit 1; }; done
if [ ! -x "$build/bin/ist" ]; then
    { cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release && cmake --build "$build" --target ist_command --parallel; } >&2 || exit 1
fi
ist=$build/bin/ist work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

awk 'BEGIN { srand(1); for (r = 0; r < 4500; r++) {
    n = 40 + int(rand() * 70); k = 1 + int(rand() * 9); line = ""
    for (i = y = 0; i < k; i++) { y += 1 + int(rand() ^ 3 * 200000); if (y < 670091) line = line (i ? "," : "") y }
    for (i = x = 0; i < n; i++) { x += 1 + int(rand() ^ 3 * 5000); if (x < 135909) line = line " " x ":" sprintf("%.6f", rand() * 0.3) }
    print line } }' >"$work/part"
part_bytes=$(stat -c %s "$work/part")
times=$(((megabytes * 1000000 + part_bytes - 1) / part_bytes))
{
    printf '%d 135909 670091\n' $((4500 * times))
    for ((i = 0; i < times; i++)); do cat "$work/part"; done
} >"$work/a.txt"
gzip -1 -k "$work/a.txt"
"$ist" convert "$work/a.txt" "$work/a.isd" >/dev/null || exit 1

# Seconds of a command that is timed from outside; of ist, what it says itself: reading alone.
outside() {
    local from=$EPOCHREALTIME
    "$@" >/dev/null
    awk -v from="$from" -v to="$EPOCHREALTIME" 'BEGIN { print to - from }'
}
inside() { "$ist" convert "$@" --json | jq .read_s; }

names=("cat, text" "wc -l, text" "text, all threads" "text, 1 thread" "text.gz, all threads" "gzip -dc, text.gz" "data file, all threads")
files=(a.txt a.txt a.txt a.txt a.txt a.txt a.isd)
measure() {
    case $1 in
    0) outside cat "$work/a.txt" ;;
    1) outside wc -l "$work/a.txt" ;;
    2) inside "$work/a.txt" ;;
    3) inside "$work/a.txt" --teams 1 --threads 1 ;;
    4) inside "$work/a.txt.gz" ;;
    5) outside gzip -dc "$work/a.txt.gz" ;;
    6) inside "$work/a.isd" ;;
    esac
}
for ((turn = 0; turn < 5; turn++)); do
    for ((i = 0; i < ${#names[@]}; i++)); do measure $i >>"$work/seconds.$i"; done
done
printf '%s MB of text, %s MB packed, %s MB of data file; load %s on %s processors\n' $(($(stat -c %s "$work/a.txt") / 1000000)) \
    $(($(stat -c %s "$work/a.txt.gz") / 1000000)) $(($(stat -c %s "$work/a.isd") / 1000000)) \
    "$(cut -d' ' -f1 /proc/loadavg)" "$(nproc)"
printf '%-24s %12s %12s\n' "" "best, MB/s" "middle, MB/s"
for ((i = 0; i < ${#names[@]}; i++)); do
    sort -g "$work/seconds.$i" | awk -v name="${names[i]}" -v bytes="$(stat -c %s "$work/${files[i]}")" \
        '{ s[NR] = $1 } END { printf "%-24s %12.0f %12.0f\n", name, bytes / s[1] / 1e6, bytes / s[3] / 1e6 }'
done
