#!/usr/bin/env bash
# peers.sh [OPTION..] - libist beside PyTorch, and beside the trainer of the paper's authors, on the same machine in turn.
#
#   --json               one JSON object instead of a table
#   --samples N          turns (default: 9; quartiles want 7 or more)
#   --seconds S          length of a sample (default: 1)
#   --net NET            only this net, as 4096-4096-4096-35; may be repeated
#   --ist-reference DIR  checkout of the authors' released trainers
#   --build DIR          the build to use, made if it is not there (default: build/perf)
#
# All use two threads and the same kernels of OpenBLAS (OPENBLAS_CORETYPE).  PYTHON names a Python that has PyTorch, by
# default the one of Debian's python3-torch.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")
fail() { printf 'peers.sh: %s\n' "$1" >&2; exit 1; }

json='' samples=9 seconds=1 nets=() reference='' build=$root/build/perf
while [ $# -gt 0 ]; do
    case $1 in
    --json) json=yes ;;
    --samples | --seconds | --net | --ist-reference | --build)
        [ $# -ge 2 ] || fail "$1 wants a value"
        case $1 in
        --samples) samples=$2 ;;
        --seconds) seconds=$2 ;;
        --net) nets+=("$2") ;;
        --ist-reference) reference=$(cd "$2" && pwd) || exit 1 ;;
        --build) build=$2 ;;
        esac
        shift
        ;;
    *)
        sed -n '2,/^set/ { /^#/ s/^# \{0,1\}//p; }' "$0" >&2
        exit 2
        ;;
    esac
    shift
done
# The whole net of the paper's size, and what each of two subnets is.
if [ ${#nets[@]} -eq 0 ]; then nets=(4096-4096-4096-35 4096-2048-2048-35); fi

command -v jq >/dev/null || fail "jq is missing: tools/install-packages.sh perf"
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>/dev/null || fail "$python has no torch: tools/install-packages.sh perf, or PYTHON=.."
if [ -n "$reference" ] && [ ! -f "$reference/distributed_3layer_subnet_centralized_ps_gloo.py" ]; then
    fail "$reference is not a checkout of the authors' trainers"
fi

new=()
if [ ! -f "$build/CMakeCache.txt" ]; then new=(-DCMAKE_BUILD_TYPE=Release -DIST_BUILD_TESTS=OFF -DIST_BUILD_TOOLS=OFF); fi
{ cmake -S "$root" -B "$build" -DIST_BUILD_PERF=ON "${new[@]}" &&
    cmake --build "$build" --target ist-bench-step --parallel; } >&2 || exit 1
# shellcheck source=coretype.sh
source "$here/coretype.sh"

folder=$(mktemp -d) || exit 1
torch_pid=''
end() {
    if [ -n "$torch_pid" ]; then kill "$torch_pid" 2>/dev/null; fi
    rm -rf "$folder"
}
trap end EXIT

# ask_ist CONFIG: samples a second of one run of ist-bench-step
ask_ist() {
    "$build/bin/ist-bench-step" --json --samples 1 --seconds "$seconds" "$1" >"$folder/ist.json" || fail "ist-bench-step failed"
    jq -e .samples_per_s "$folder/ist.json" || fail "ist-bench-step gave no number"
}

# summarise FIELDS.. <PAIRS: "ist peer" lines to an object with medians and quartiles, FIELDS (jq) beside them
summarise() {
    jq -n -R --slurpfile ist "$folder/ist.json" --argjson more "$1" '
        def at(q): sort | .[((length - 1) * q + 0.5) | floor];
        def three: {q1: at(0.25), median: at(0.5), q3: at(0.75)};
        [inputs | split(" ") | map(tonumber)] |
        $more + {samples: length, ist_per_s: map(.[0]) | three, peer_per_s: map(.[1]) | three,
            ratio: map(.[0] / .[1]) | three,
            ist: ($ist[0] | {engine, kernels, core_type, threads, subnets})}'
}

# against_torch NET: both train the same net with two threads, in turn, the first one changing
against_torch() {
    local net=$1 about answer mine its i config="net=$1,subnets=1,teams=1,threads=2,engine=native"
    coproc torch { exec "$python" "$here/peer_torch.py" "$net" "$seconds"; }
    # shellcheck disable=SC2154 # coproc sets it
    torch_pid=$torch_PID
    IFS= read -r about <&"${torch[0]}" || fail "peer_torch.py failed"
    ask_torch() {
        printf '\n' >&"${torch[1]}"
        IFS= read -r answer <&"${torch[0]}" || fail "peer_torch.py ended"
        its=$(jq '.samples / .seconds' <<<"$answer")
    }
    for ((i = 0; i < samples; i++)); do
        if ((i % 2)); then ask_torch; fi
        mine=$(ask_ist "$config") || exit 1
        if ((i % 2 == 0)); then ask_torch; fi
        printf '%s %s\n' "$mine" "$its"
    done >"$folder/pairs" || exit 1
    kill "$torch_pid" 2>/dev/null
    wait "$torch_pid" 2>/dev/null
    torch_pid=''
    summarise "$(jq --arg net "$net" '{peer: "PyTorch", net: $net} + .' <<<"$about")" <"$folder/pairs"
}

# One run of the authors' trainer: two processes, three rounds, of which the first is not counted; samples a second
ask_reference() {
    local rank pids=()
    rm -f "$folder/meeting"
    for rank in 1 0; do
        (cd "$folder" && OMP_NUM_THREADS=1 exec "$python" "$here/peer_ist.py" "$reference" $rank "$folder/meeting" 4) \
            >"$folder/rank$rank" 2>"$folder/rank$rank.errors" &
        pids+=($!)
    done
    wait "${pids[@]}" || { tail -n 3 "$folder"/rank?.errors >&2; fail "the authors' trainer failed"; }
    # 2 workers x 30 steps x 128 rows a round
    awk '/total time/ { if (n++) { s += $NF; rounds++ } } END { if (s > 0) print rounds * 7680 / s; else exit 1 }' "$folder/rank0" ||
        fail "the authors' trainer printed no times"
}

against_reference() {
    local i its mine
    for ((i = 0; i < samples; i++)); do
        its=$(ask_reference) || exit 1
        mine=$(ask_ist "net=4096-4096-4096-35,subnets=2,teams=2,threads=1,steps=30,engine=native") || exit 1
        printf '%s %s\n' "$mine" "$its"
    done >"$folder/pairs" || exit 1
    summarise '{"peer": "authors'"'"' IST trainer", "net": "4096-4096-4096-35 in 2 subnets"}' <"$folder/pairs"
}

for net in "${nets[@]}"; do against_torch "$net" >>"$folder/all" || exit 1; done
if [ -n "$reference" ]; then against_reference >>"$folder/all" || exit 1; fi

processor=$(sed -n 's/^model name[[:blank:]]*: //p' /proc/cpuinfo | head -n 1)
jq -s --arg processor "$processor" --arg coretype "${OPENBLAS_CORETYPE:-}" --arg given "$reference" '
    {processor: $processor, openblas_coretype: $coretype, ist_reference: (if $given == "" then "not given" else "given" end), peers: .}' \
    "$folder/all" >"$folder/report" || exit 1
if [ -n "$json" ]; then
    cat "$folder/report"
    exit 0
fi
jq -r '
    def n: if . >= 100 then round else . * 100 | round / 100 end;
    def show: "\(.median | n) [\(.q1 | n) \(.q3 | n)]";
    "\(.processor), OPENBLAS_CORETYPE=\(.openblas_coretype)",
    (.peers[] | "",
        "\(.net), batch 128, SGD: median [quartiles] of \(.samples) turns",
        "  libist   \(.ist_per_s | show) samples/s, kernels \(.ist.kernels), \(.ist.threads) threads",
        "  \(.peer)  \(.peer_per_s | show) samples/s" +
            (if .torch then ", torch \(.torch), \(.threads) threads, \(.blas | ltrimstr("- Build settings: ")): \(.blas_files | last | split("/") | .[-2:] | join("/")), \(.core_type)" else "" end),
        "  ratio    \(.ratio | show)"),
    "",
    (if .ist_reference == "given" then empty else "The trainer of the paper'"'"'s authors was not given (--ist-reference DIR)." end)' "$folder/report"
