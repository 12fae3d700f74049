#!/usr/bin/env bash
# step.sh [--json|--csv] [--quick] [--build DIR] - speed of whole training runs, the standard list (perf/README.md).
#
#   --json, --csv  a line for each configuration instead of tables
#   --quick        the first group, 5 samples each: one minute instead of seven on two cores
#   --build DIR    the build to use, made if it is not there (default: build/perf)
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

format=() samples=15 build=build/perf
while [ $# -gt 0 ]; do
    case $1 in
    --json | --csv) format=("$1") ;;
    --quick) samples=5 ;;
    --build) shift && build=${1:?a folder is needed} ;;
    *)
        printf 'usage: step.sh [--json|--csv] [--quick] [--build DIR]\n' >&2
        exit 2
        ;;
    esac
    shift
done

new=()
if [ ! -f "$build/CMakeCache.txt" ]; then new=(-DCMAKE_BUILD_TYPE=Release -DIST_BUILD_TESTS=OFF -DIST_BUILD_TOOLS=OFF); fi
{ cmake -S . -B "$build" -DIST_BUILD_PERF=ON "${new[@]}" &&
    cmake --build "$build" --target ist-bench-step --parallel; } >&2 || exit 1

# shellcheck source=coretype.sh
source perf/coretype.sh

status=0 first_line=1
# group TITLE CONFIG...: configurations that are measured in turn.  All of them are in memory at once, 0.4 GB each for
# SGD, 1 GB for Adam on the whole net.
group() {
    local title=$1
    shift
    if [ ${#format[@]} -eq 0 ]; then printf '\n== %s\n' "$title"; fi
    "$build/bin/ist-bench-step" "${format[@]}" --samples $samples "$@" | tail -n +$first_line || status=1
    if [ "${format[*]}" = --csv ]; then first_line=2; fi # one head for all groups
}

net=net=4096-4096-4096-35,batch=128
sgd=() avx2=() momentum=() adam=()
for n in 1 2 4; do
    sgd+=("$net,subnets=$n,engine=native" "$net,subnets=$n,engine=openblas")
    avx2+=("$net,subnets=$n,engine=native-avx2")
    momentum+=("$net,subnets=$n,engine=native,optimizer=momentum")
    adam+=("$net,subnets=$n,engine=native,optimizer=adam")
done
group 'SGD' "${sgd[@]}" "$net,subnets=8,engine=native"
if [ $samples -lt 15 ]; then exit $status; fi
group 'momentum' "${momentum[@]}"
group 'Adam' "${adam[@]}"
if grep -qw avx2 /proc/cpuinfo; then group 'AVX2' "${avx2[@]}"; fi
group 'a new deal after every 10 steps' "$net,subnets=2,engine=native,steps=10" "$net,subnets=4,engine=native,steps=10"
exit $status
