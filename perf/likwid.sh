#!/usr/bin/env bash
# likwid.sh [-g GROUP[,GROUP..]] [--] IST-ARGUMENTS.. - hardware counters of each phase and thread, by likwid.
#
#   likwid.sh train --train x.npy:y.npy --hidden 4096,4096 --epochs 1
#   likwid.sh -g MEM,UPI demo
#
# One run for each group of counters; without -g: arithmetic, memory traffic, and traffic between sockets, of these groups
# those that likwid has for the processor.  Regions: gather, assemble, forward, loss, backward, update, barrier, write_back.
#
# Processors are given with -c, not -C: -C would have likwid pin the threads before ist looks where it may run, and ist would
# then find one processor.  ist binds its threads itself, to the processors that `ist info` names with the same options, and
# these are the ones that likwid must count on.
#
# Environment: IST, the command (default: build/bin/ist).  Exit status: that of ist; 77 with one line where likwid cannot count.
set -u -o pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
ist=${IST:-$here/build/bin/ist}

fail() { printf 'likwid.sh: %s\n' "$1" >&2; exit "${2:-2}"; }
skip() { printf 'SKIP: likwid.sh: %s\n' "$1"; exit 77; }

groups=
while [ $# -gt 0 ]; do
    case $1 in
    -g) groups=${2:?a group is needed}; shift 2 ;;
    --) shift; break ;;
    -*) fail 'usage: likwid.sh [-g GROUP[,GROUP..]] [--] IST-ARGUMENTS..' ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || fail 'usage: likwid.sh [-g GROUP[,GROUP..]] [--] IST-ARGUMENTS..'
[ -x "$ist" ] || fail "there is no command $ist; build it, or name it in IST" 1
command -v likwid-perfctr >/dev/null || skip 'likwid-perfctr is not installed (Debian: likwid)'
command -v jq >/dev/null || skip 'jq is not installed'

# The options that say where threads stand, of all that were given.
machine=() next=
for word in "${@:2}"; do
    if [ -n "$next" ]; then machine+=("$word") next=; continue; fi
    case $word in
    --teams | --threads | --team-at | --placement | --part) machine+=("$word") next=yes ;;
    --teams=* | --threads=* | --team-at=* | --placement=* | --part=*) machine+=("$word") ;;
    esac
done
report=$("$ist" info --json "${machine[@]}") || fail "ist info ${machine[*]} failed" 1
processors=$(jq -r '[.context.plan.teams[].pus[]] | unique | join(",")' <<<"$report") || exit 1

# Does it count here at all?  It says in one line why not: "Unsupported Processor", "Cannot get access to MSRs", ..
if [ -z "$groups" ]; then
    known=$(likwid-perfctr -a 2>/dev/null | awk 'NF > 1 { print $1 }')
    for group in FLOPS_SP MEM UPI QPI NUMA; do
        if grep -qx "$group" <<<"$known"; then groups+=${groups:+,}$group; fi
    done
    [ -n "$groups" ] || skip 'likwid knows no group of counters for this processor'
fi
if ! why=$(likwid-perfctr -c "${processors%%,*}" -g "${groups%%,*}" true 2>&1); then
    why=$(grep -viE '^-*$|^CPU (name|type|clock)|^WARN' <<<"$why" | head -n 1)
    skip "likwid does not count on this machine: ${why:-no reason given}"
fi

printf 'processors %s, groups %s\n' "$processors" "$groups"
for group in ${groups//,/ }; do
    likwid-perfctr -f -m -c "$processors" -g "$group" "$ist" "$@" || exit
done
