#!/usr/bin/env bash
# profile.sh - what profilers see of a training: timelines, names of threads, perf, probes, likwid.
#
# Run as `bash profile.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable,
# IST_SOURCE the checkout.  Exit status: 0 passed, 1 failed, 77 skipped with a reason.
source_dir=${IST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
small=(--rows 400 --test-rows 40 --hidden "40,30" --subnets 2 --local-steps 3 --epochs 2 --teams 2 --threads 1)

# A recipe of perf/: its own reason to skip is ours.
recipe() {
    IST=$ist bash "$source_dir/perf/$1" "${@:2}" >out 2>err
    local status=$?
    if [ $status = 77 ]; then sed -n 's/^SKIP: /SKIP: /p' out; exit 77; fi
    [ $status = 0 ] || fail "perf/$1 ended with $status: $(head -c 400 err)"
}

# CASE trace: --trace writes JSON that has a row for each thread, slices that nest, and the times of the log
case_trace() {
    need jq
    "$ist" demo "${small[@]}" --trace t.json --json >out 2>err || fail "$(cat err)"
    jq -e '.otherData.dropped == 0 and .otherData.clock == "CLOCK_MONOTONIC" and (.traceEvents | length > 100)' t.json \
        >/dev/null || fail "$(head -c 300 t.json)"
    jq -e '[.traceEvents[] | select(.name == "thread_name") | .args.name] == ["ist/t0.c0", "ist/t1.c0"]' t.json \
        >/dev/null || fail "rows: $(jq -c '[.traceEvents[] | select(.ph == "M")]' t.json)"
    # Slices of a row, outer ones first: none ends behind one that it lies in (half a nanosecond for sums of decimals).
    jq -e '[.traceEvents[] | select(.ph == "X")] | group_by(.tid) | all(reduce .[] as $s ({open: [], well: true};
            .open |= map(select(. > $s.ts + 0.0005)) | .well = (.well and all(.open[]; . >= $s.ts + $s.dur - 0.0005)) |
            .open += [$s.ts + $s.dur]) | .well)' t.json >/dev/null || fail "slices overlap"
    jq -s -e '(.[0].runs[2]) as $run | [.[1].traceEvents[] | select(.ph == "X")] as $x |
        def sum(name): [$x[] | select(.name == name) | .dur] | add * 1e-6 / 2;
        (sum("gather") - $run.gather_s | fabs) < 1e-6 and sum("train") >= $run.train_s and
        sum("train") <= $run.train_s + $run.wait_s + 1e-6 and
        ([$x[] | select(.name == "round") | .args.round] | max) == $run.round' out t.json >/dev/null ||
        fail "times: $(jq -c '.runs[2] | [.gather_s, .train_s, .wait_s, .round]' out)"
    "$ist" demo "${small[@]}" --trace t.json --trace-rounds 2-2 --quiet >out 2>err || fail "$(cat err)"
    jq -e '[.traceEvents[] | select(.name == "round") | .args.round] == [2, 2]' t.json >/dev/null || fail "not round 2 alone"
    local words
    for words in '--trace-rounds 2' '--trace t.json --trace-rounds 0' '--trace t.json --trace-rounds 3-2' \
        '--trace t.json --trace-rounds x' '--trace no/where.json'; do
        # shellcheck disable=SC2086
        "$ist" demo "${small[@]}" $words >out 2>err && fail "taken: $words"
        [ "$(wc -l <err)" = 1 ] || fail "not one line for $words: $(cat err)"
    done
}

# CASE names: threads are called ist/t0.c0 .. while they train, as top -H and gdb show them
case_names() {
    [ -r /proc/self/task/self/comm ] || [ -r /proc/$$/comm ] || skip "no /proc here"
    "$ist" demo --rows 4000 --hidden 256,256 --epochs 40 --subnets 2 --teams 2 --threads 1 --quiet >/dev/null 2>&1 &
    local run=$! i names=
    for ((i = 0; i < 200; i++)); do
        names=$(cat /proc/$run/task/*/comm 2>/dev/null | sort -u | tr '\n' ' ')
        case $names in *ist/t0.c0*ist/t1.c0*) break ;; esac
        kill -0 $run 2>/dev/null || break
        sleep 0.1
    done
    kill $run 2>/dev/null
    wait $run 2>/dev/null
    case $names in *ist/t0.c0*ist/t1.c0*) ;; *) fail "threads were called: $names" ;; esac
}

# CASE perf: a recording shows the phases by name: as functions, and joined with the timeline
case_perf() {
    need perf jq
    recipe perf.sh -F 997 -o recorded demo --rows 3000 --test-rows 100 --hidden "320,320" --epochs 16 --teams 2 --threads 1
    local phase
    for phase in forward backward update; do
        grep -q "^$phase .*%" out || fail "no $phase in: $(cat out)"
    done
    grep -q 'team 0 *team 1' out || fail "no column for each team: $(cat out)"
    perf report -i recorded/perf.data --children --stdio -g none --sort sym >functions 2>/dev/null || fail "perf report failed"
    grep -qw train functions || skip "this perf cannot unwind by DWARF; the table by phase is well"
    for phase in forward backward_tile update_tile; do
        grep -qw "$phase" functions || fail "no $phase among the functions"
    done
}

# CASE probes: bpftrace sees each phase begin and end
case_probes() {
    need bpftrace readelf
    recipe probes.sh demo "${small[@]}" --quiet
    local phase
    for phase in gather forward backward update 'write back' deal; do
        grep -qF "@ns[$phase]" out || fail "no $phase in: $(head -c 400 out)"
    done
}

# CASE likwid: under likwid-perfctr regions are counted, or one line says why not
case_likwid() {
    need jq
    recipe likwid.sh demo "${small[@]}" --quiet
    grep -q 'Region forward' out && grep -q 'Region gather' out || fail "no regions in: $(tail -n 20 out)"
}

# CASE likwid_markers: the command starts likwid when likwid-perfctr asks for it, marks regions, and says where it cannot
case_likwid_markers() {
    need cc
    local run=("$ist" demo "${small[@]}")
    "${run[@]}" >out 2>plain || fail "$(cat plain)"
    if grep -qi likwid plain; then fail "speaks of likwid without being asked: $(cat plain)"; fi
    LIKWID_FILEPATH=$work/none "${run[@]}" >out 2>err || fail "$(cat err)"
    if grep -q 'no markers for likwid' err; then skip "this build has no markers for likwid"; fi
    [ "$(grep -c '^ist demo: likwid' err)" = 1 ] || fail "not one line that it cannot count: $(cat err)"
    # A likwid of ours, under the name that the build has found.
    local name
    name=$(strings "$ist" | grep -m1 -E '^liblikwid\.so[.0-9]*$') || fail "the command names no likwid"
    cat >stub.c <<'C'
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
static atomic_int begun, ended;
void likwid_markerInit(void) {}
void likwid_markerThreadInit(void) {}
int likwid_markerRegisterRegion(const char *name) { return name ? 0 : -1; }
int likwid_markerStartRegion(const char *name) { begun += name != 0; return 0; }
int likwid_markerStopRegion(const char *name) { ended += name != 0; return 0; }
void likwid_markerClose(void)
{
    FILE *file = fopen(getenv("LIKWID_FILEPATH"), "w");
    fprintf(file, "%d %d\n", begun, ended);
    fclose(file);
}
C
    cc -shared -fPIC -Wl,-soname,"$name" -o "$name" stub.c || fail "the stub does not compile"
    LD_LIBRARY_PATH=$work LIKWID_FILEPATH=$work/counted "${run[@]}" >out 2>err || fail "$(cat err)"
    if grep -qi likwid err; then fail "says that it cannot: $(cat err)"; fi
    local begun ended
    read -r begun ended <counted || fail "likwid_markerClose was not called"
    [ "$begun" -gt 100 ] && [ "$begun" = "$ended" ] || fail "regions begun $begun, ended $ended"
}

[ "$#" = 1 ] && declare -F "case_$1" >/dev/null || fail "usage: profile.sh CASE, one of: $(sed -n 's/^# CASE \([a-z_]*\):.*/\1/p' "$0" | tr '\n' ' ')"
"case_$1"
