#!/usr/bin/env bash
# trace_cost.sh [-n TURNS] [--] DEMO-OPTIONS.. - what a timeline costs: ist demo with and without --trace, in turn.
#
#   trace_cost.sh                                            pictures of 784 numbers, two layers of 1024
#   trace_cost.sh -n 31 --hidden 64,64 --epochs 60           small layers: many slices a second
#
# Prints the median and the quartiles of seconds with / seconds without, within a turn, of the run with subnets.
# Environment: IST, the command (default: build/bin/ist).
set -u -o pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
ist=${IST:-$here/build/bin/ist}

turns=11
while [ $# -gt 0 ]; do
    case $1 in
    -n) turns=${2:?a number is needed}; shift 2 ;;
    --) shift; break ;;
    *) break ;;
    esac
done
[ -x "$ist" ] || { printf 'trace_cost.sh: there is no command %s; build it, or name it in IST\n' "$ist" >&2; exit 1; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

seconds() { "$ist" demo --quiet --json "$@" | jq -r '.runs[2].seconds'; }
for ((i = 0; i < turns; i++)); do
    if ((i % 2)); then
        with=$(seconds --trace "$folder/t.json" "$@") && without=$(seconds "$@") || exit 1
    else
        without=$(seconds "$@") && with=$(seconds --trace "$folder/t.json" "$@") || exit 1
    fi
    printf '%s %s\n' "$with" "$without"
done | awk '{ print $1 / $2, $2 }' | sort -n | awk '{ ratio[NR] = $1 }
    function at(share) { return ratio[1 + int(share * (NR - 1) + 0.5)] }
    END { printf "with / without a timeline: %.4f (quartiles %.4f - %.4f, %d turns)\n", at(0.5), at(0.25), at(0.75), NR }'
jq -r '[.traceEvents[] | select(.ph == "X")] | "\(length) slices in \(((map(.ts + .dur) | max) - (map(.ts) | min)) / 1e6) s"' \
    "$folder/t.json"
