#!/usr/bin/env bash
# perf.sh [-F HERTZ] [-o FOLDER] [--] IST-ARGUMENTS.. - where the time of a training goes, sampled by perf: by phase, by
# function inside each phase, by team.
#
#   perf.sh demo
#   perf.sh -o /tmp/p train --train x.npy:y.npy --hidden 4096,4096 --epochs 1
#
# A sample belongs to the phase that the timeline of the run (--trace) shows for its thread and time: both clocks are
# CLOCK_MONOTONIC.  So phases are right in stripped builds, too, without call graphs, probes or privileges.  The call graphs
# are in the recording all the same: `perf report --children -i FOLDER/perf.data` shows gather, forward, backward_tile, ..
#
# Event: cycles, or cpu-clock where the processor's counters are out of reach, as in most virtual machines; the first line
# says which.  The timeline holds the last 65 000 slices of each thread; samples outside are counted as such.
# Environment: IST, the command (default: build/bin/ist).  Exit status: that of ist; 77 with one line where perf may not sample.
set -u -o pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
ist=${IST:-$here/build/bin/ist}

fail() { printf 'perf.sh: %s\n' "$1" >&2; exit "${2:-2}"; }
skip() { printf 'SKIP: perf.sh: %s\n' "$1"; exit 77; }

hertz=499 folder=
while [ $# -gt 0 ]; do
    case $1 in
    -F) hertz=${2:?a number is needed}; shift 2 ;;
    -o) folder=${2:?a folder is needed}; shift 2 ;;
    --) shift; break ;;
    -*) fail 'usage: perf.sh [-F HERTZ] [-o FOLDER] [--] IST-ARGUMENTS..' ;;
    *) break ;;
    esac
done
case ${1:-} in
train | demo) ;;
*) fail 'usage: perf.sh [-F HERTZ] [-o FOLDER] [--] IST-ARGUMENTS..: ist train or ist demo' ;;
esac
[ -x "$ist" ] || fail "there is no command $ist; build it, or name it in IST" 1
command -v perf >/dev/null || skip 'perf is not installed (Debian: linux-perf)'
command -v jq >/dev/null || skip 'jq is not installed'
if [ -n "$folder" ]; then
    mkdir -p "$folder" || exit 1
else
    folder=$(mktemp -d) || exit 1
    trap 'rm -rf "$folder"' EXIT
fi

event=
for try in cycles cpu-clock; do
    # Where there are no counters perf may take another event in silence, or take this one and never sample.
    if perf record -q -e "$try" -o "$folder/try.data" -- seq 1000000 >/dev/null 2>&1 &&
        perf evlist -i "$folder/try.data" 2>/dev/null | grep -q "^$try" &&
        [ "$(perf script -i "$folder/try.data" 2>/dev/null | wc -l)" -gt 0 ]; then
        event=$try
        break
    fi
done
rm -f "$folder/try.data"
[ -n "$event" ] || skip "perf may not sample here (kernel.perf_event_paranoid is $(cat /proc/sys/kernel/perf_event_paranoid 2>/dev/null))"

perf record -q -e "$event" -F "$hertz" -k CLOCK_MONOTONIC --call-graph dwarf,16384 -o "$folder/perf.data" -- \
    "$ist" "$@" --trace "$folder/trace.json" >"$folder/out" 2>"$folder/err"
status=$?
if [ $status -ne 0 ]; then tail -n 3 "$folder/err" >&2; fail "ist ended with $status" $status; fi

# One list, by thread and time: slices begin (B) and end (E), samples (S) stand between.
{
    jq -r '.traceEvents[] | select(.ph == "M" and .name == "thread_name") | "\(.tid) 0 R \(.args.name)"' "$folder/trace.json"
    jq -r '.traceEvents[] | select(.ph == "X") | [.tid, .ts, .dur, .name] | @tsv' "$folder/trace.json" |
        awk -F '\t' '{ gsub(" ", "_", $4); printf "%s %.3f B %s %d\n%s %.3f E\n", $1, $2, $4, ++n, $1, $2 + $3 }'
    perf script -i "$folder/perf.data" --ns -G -F tid,time,ip,sym 2>/dev/null |
        awk '{ sub(":", "", $2); name = $4 == "" ? "[unknown]" : $4; printf "%s %.3f S %s\n", $1, $2 * 1e6, name }'
} | LC_ALL=C sort -s -k1,1n -k2,2n >"$folder/joined"

printf 'event %s, %s a second, counters of the processor: %s\n\n' "$event" "$hertz" \
    "$([ "$event" = cycles ] && echo yes || echo 'none here, so samples are of time')"
awk '
    NR == FNR { if ($3 == "B" && !($1 in first)) first[$1] = $2; if ($3 == "E") last[$1] = $2; next }
    $1 != tid { depth = 0; tid = $1 }
    $3 == "R" { split($4, part, /[\/.]/); team[$1] = part[2] }
    $3 == "B" { open[++depth] = $4 }
    $3 == "E" { if (depth > 0) depth-- }
    $3 == "S" {
        if (!(tid in first) || $2 < first[tid] || $2 > last[tid]) { outside++; next }
        at = depth; while (at > 1 && open[at] == "subnet") at-- # it is part of gather, train or write back
        phase = at > 0 ? open[at] : "(no_slice)"
        all++; of_phase[phase]++; of_both[phase, team[tid]]++; of_team[team[tid]]++; of_name[phase " " $4]++
    }
    END {
        if (all == 0) { print "no sample"; exit 1 }
        sort = "sort -k2,2nr -k1,1"
        printf "%-16s %7s", "phase", "share"
        n = 0
        for (t in of_team) order[++n] = t
        for (i = 2; i <= n; i++) for (k = i; k > 1 && order[k] + 0 <= order[k - 1] + 0 && order[k] < order[k - 1]; k--) {
            swap = order[k]; order[k] = order[k - 1]; order[k - 1] = swap
        }
        for (i = 1; i <= n; i++) printf " %7s", "team " substr(order[i], 2)
        print ""
        for (p in of_phase) {
            line = sprintf("%-16s %6.1f%%", p, 100 * of_phase[p] / all)
            for (i = 1; i <= n; i++) line = line sprintf(" %6.1f%%", 100 * of_both[p, order[i]] / of_team[order[i]])
            print line | sort
        }
        close(sort)
        printf "\n%-16s %7s  %s\n", "phase", "share", "function"
        for (x in of_name) {
            split(x, part, " ")
            if (of_name[x] / all >= 0.005) printf "%-16s %6.1f%%  %s\n", part[1], 100 * of_name[x] / all, part[2] | sort
        }
        close(sort)
        printf "\n%d samples in the timeline of our threads, %d outside\n", all, outside
    }' "$folder/joined" "$folder/joined"
