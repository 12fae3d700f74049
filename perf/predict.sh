#!/usr/bin/env bash
# predict.sh IST [TURNS] - are the predictions of ist info --predict true on this machine?  (perf/README.md)
#
# Measures rates with the command IST, runs short real trainings in turn (TURNS of each, default 7), measures rates again,
# and prints predicted against measured seconds of a round.  BUILD: the build to use, made if it is not there (default
# build/perf).  ONLY: a pattern of awk; only configurations that match it.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    printf 'usage: predict.sh IST [TURNS]\n' >&2
    exit 2
fi
ist=$(readlink -f "$1") turns=${2:-7} build=${BUILD:-build/perf}
for tool in jq awk; do command -v $tool >/dev/null || { printf 'SKIP: %s is not installed\n' $tool; exit 77; }; done
new=()
if [ ! -f "$build/CMakeCache.txt" ]; then new=(-DCMAKE_BUILD_TYPE=Release -DIST_BUILD_TESTS=OFF); fi
{ cmake -S . -B "$build" -DIST_BUILD_PERF=ON "${new[@]}" && cmake --build "$build" --target ist-bench-predict; } >&2 || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# method:configuration; all threads of the machine in one team, but where teams are said.  The first is the reference.
cores=$(nproc) one=teams=1,threads=$(nproc)
two=teams=2,threads=$((cores / 2 > 0 ? cores / 2 : 1))
flat=net=1024-2048-40 wide=net=4096-4096-35 deep=net=4096-4096-4096-35
all=(
    "sgd:$flat,steps=5,optimizer=momentum,$one"
    "ist:$flat,subnets=2,steps=10,optimizer=sgd,$one"
    "ist:$flat,subnets=4,steps=50,optimizer=momentum,$two"
    "ist:$flat,subnets=8,steps=50,optimizer=adam,$two"
    "local-sgd:$flat,subnets=2,steps=10,optimizer=momentum,$two"
    "data-parallel:$flat,subnets=2,steps=10,optimizer=momentum,$two"
    "data-parallel:$flat,subnets=4,steps=10,optimizer=adam,$one"
    "sgd:$wide,steps=10,optimizer=adam,$one"
    "ist:$wide,subnets=4,steps=10,optimizer=momentum,$one"
    "ensemble:$wide,subnets=8,steps=10,optimizer=sgd,$two"
    "local-sgd:$wide,subnets=4,steps=5,optimizer=sgd,$one"
    "sgd:$deep,steps=3,optimizer=sgd,$one"
    "ist:$deep,subnets=2,steps=10,optimizer=adam,$two"
    "ist:$deep,subnets=4,steps=10,optimizer=momentum,$one"
    "ist:$deep,subnets=8,steps=10,optimizer=sgd,$two"
    "data-parallel:$deep,subnets=2,steps=3,optimizer=momentum,$two"
)
if [ -n "${ONLY:-}" ]; then
    mapfile -t all < <(printf '%s\n' "${all[@]}" | awk -v only="$ONLY" 'NR == 1 || $0 ~ only')
fi

# rates WHEN: of a core, while as many work as in the trainings, in the same teams.
rates() {
    local plan
    for plan in "1 $cores" "2 $((cores / 2 > 0 ? cores / 2 : 1))"; do
        "$ist" info --predict --rates-out "$work/$1.${plan/ /x}" --teams "${plan% *}" --threads "${plan#* }" --hidden 64 \
            >/dev/null 2>"$work/err" || { cat "$work/err" >&2; exit 1; }
    done
}
rates before
"$build/bin/ist-bench-predict" "$turns" "${all[@]}" >"$work/measured" || exit 1
rates after
for file in "$work"/before.*; do # the mean of both
    jq -s '.[1].rates as $after | .[0] | .rates |= with_entries(.value.value = (.value.value + $after[.key].value) / 2)' \
        "$file" "$work/after.${file##*.}" >"$work/rates.${file##*.}" || exit 1
done

# Predicted seconds of a round, behind each line.
while IFS=$'\t' read -r method net optimizer subnets teams threads steps batch rows rest; do
    IFS=- read -ra widths <<<"$net"
    hidden=$(printf ',%s' "${widths[@]:1:${#widths[@]}-2}")
    s=$("$ist" info --json --predict "$work/rates.${teams}x$threads" --method "$method" --hidden "${hidden:1}" --features "${widths[0]}" \
        --classes "${widths[-1]}" --rows "$rows" --subnets "$subnets" --optimizer "$optimizer" --local-steps "$steps" \
        --batch "$batch" --teams "$teams" --threads "$threads" | jq '.prediction.methods[0].round_s') || exit 1
    printf '%s\t%s\t%s\t%s\t%s x %s\t%s\t%s\t%s\n' "$method" "$net" "$optimizer" "$subnets" "$teams" "$threads" "$steps" "$rest" "$s"
done <"$work/measured" >"$work/both" || exit 1

for file in "$work"/rates.*; do
    printf 'rates: %s\n' "$(jq -r .on "$file")"
    jq -r '.rates | to_entries | map("\(.key) \(.value.value | if . == 0 then . else (log10 | floor) as $e | . / pow(10; $e - 2) |
        round * pow(10; $e - 2) end)") | join(", ")' "$file"
done
printf 'time of round: predicted, and measured (median and quartiles of %s turns), s; measured / reference of the turn against\n' "$turns"
printf 'predicted / predicted reference; cpu: part of the wall time that threads had their processor\n'
awk -F'\t' '
    function insert(list, n, value,  i) {
        for (i = n; i > 1 && list[i - 1] > value; i--) list[i] = list[i - 1]
        list[i] = value
    }
    NR == 1 { reference = $NF }
    {
        absolute = $NF / $7 - 1; relative = ($NF / reference) / $10 - 1
        printf "%-13s %-18s %-9s n %-2s teams %-6s J %-3s %9.4f %9.4f [%.4f %.4f] %+6.1f %%  ratio %7.3f %7.3f [%.3f %.3f] %+6.1f %%  cpu %.2f\n",
            $1, $2, $3, $4, $5, $6, $NF, $7, $8, $9, 100 * absolute, $NF / reference, $10, $11, $12, 100 * relative, $13
        if (NR > 1) {
            n++
            insert(e, n, relative < 0 ? -relative : relative)
            insert(a, n, absolute < 0 ? -absolute : absolute)
            inside += relative <= .1 && relative >= -.1
        }
    }
    END {
        printf "error of ratios: median %.1f %%, largest %.1f %%, %d of %d within 10 %%; of seconds: median %.1f %%, largest %.1f %%\n",
            50 * (e[int((n + 1) / 2)] + e[int((n + 2) / 2)]), 100 * e[n], inside, n,
            50 * (a[int((n + 1) / 2)] + a[int((n + 2) / 2)]), 100 * a[n]
    }' "$work/both"
