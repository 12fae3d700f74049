#!/usr/bin/env bash
# predict.sh - ist info --predict on the command line: rates from files and from this machine, labels, refusals.
#
# Run as `bash predict.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

cat >rates.json <<'END'
{"on": "a made one", "rates": {
  "forward_gflops": 50, "pull_gflops": 50, "update_sgd_gflops": 50, "update_momentum_gflops": 40, "update_nesterov_gflops": 40,
  "update_adam_gflops": 30, "gather_rows_gb_per_s": 4, "gather_columns_gb_per_s": 3, "write_rows_gb_per_s": 4,
  "write_columns_gb_per_s": 2, "mean_gb_per_s": 8, "between_gb_per_s": {"value": 20, "is": "measured"}}}
END
net=(--hidden "4096,4096" --features 4096 --classes 35 --rows 80000)

command=("$ist" info)
hwloc() { "$ist" info --json | jq -r .context.machine.source | grep -q ^none && skip "built without hwloc: no topology texts"; }
one() { jq -r ".prediction.methods[] | select(.method == \"$1\") | .$2" out; }
holds() { awk "BEGIN { exit !($1) }" || fail "not so: $1 -- $(cat out)"; }

# CASE file: rates of a file, by method, in JSON and as a table, every number with its label
case_file() {
    hwloc
    local eight=(--topology 'pack:8 numa:1 core:16 pu:1')
    run 0 "${eight[@]}" "${net[@]}" --subnets 8 --predict rates.json --json
    jq -e '[.prediction.methods[].method] == ["ist", "sgd", "data-parallel", "local-sgd", "ensemble"]' out >/dev/null || fail "$(cat out)"
    jq -e '.prediction.methods | all(.is == "predicted" and .round_s > 0 and .samples_per_s > 0 and .seconds == null)' out \
        >/dev/null || fail "$(cat out)"
    jq -e '.prediction.rates | .forward_gflops == {"value": 50.0, "is": "given"} and .between_gb_per_s.is == "measured" and
        .barrier_team_s.is == "assumed"' out >/dev/null || fail "$(cat out)"
    jq -e '(.prediction.methods[] | select(.method == "ist") | .bytes_moved) == .plan.traffic.round_bytes_moved' out >/dev/null ||
        fail "two answers for bytes: $(cat out)"
    jq -e '(.prediction.methods[] | select(.method == "sgd")) | .subnets == 1 and .teams == 1 and .idle_teams == 0' out >/dev/null ||
        fail "$(cat out)"
    holds "$(one ist samples_per_s) > 4 * $(one sgd samples_per_s)"
    holds "$(one data-parallel bytes_crossed) > 20 * $(one ist bytes_crossed)"
    holds "$(one local-sgd step_s) > 3 * $(one ist step_s)"
    jq '.rates.barrier_thread_s = {"value": 1e-3, "is": "measured"}' rates.json >busy.json # by few threads: of no use here
    run 0 "${eight[@]}" "${net[@]}" --subnets 8 --predict busy.json --json
    jq -e '.prediction.rates.barrier_thread_s == {"value": 1e-7, "is": "assumed"}' out >/dev/null || fail "$(cat out)"
    run 0 "${eight[@]}" "${net[@]}" --subnets 8 --predict rates.json --samples 1e6 --json
    holds "$(one ist seconds) * $(one ist samples_per_s) / 1e6 - 1 < 1e-6 && $(one ist seconds) > 0"
    run 0 "${eight[@]}" "${net[@]}" --subnets 8 --predict rates.json --samples 1e6
    grep -q '^predicted, for rounds of 50 steps of 128 rows a subnet:$' out || fail "$(cat out)"
    grep -q '^from rates of a made one$' out || fail "$(cat out)"
    grep -q '^given: forward_gflops 50, pull_gflops 50' out || fail "$(cat out)"
    grep -q '^measured: between_gb_per_s 20$' out || fail "$(cat out)"
    grep -q '^assumed: ' out && grep -q 'barrier_team_s 5e-07' out || fail "$(cat out)"
    grep -qE '^  data-parallel  +8  +8  .*(between nodes|copies|products)$' out || fail "$(cat out)"
}

# CASE teams: more teams than subnets idle, fewer train them in turn; other nodes, other prices
case_teams() {
    hwloc
    local ist_only=(--method ist --predict rates.json --json --local-steps 10)
    run 0 --topology 'numa:4 core:8 pu:1' "${net[@]}" --subnets 4 "${ist_only[@]}"
    local four step
    four=$(one ist train_s) step=$(one ist step_s)
    [ "$(jq '.prediction.methods | length' out)" = 1 ] || fail "$(cat out)"
    run 0 --topology 'numa:2 core:8 pu:1' "${net[@]}" --subnets 4 "${ist_only[@]}"
    holds "$(one ist train_s) > 1.999 * $four && $(one ist train_s) < 2.001 * $four"
    holds "$(one ist step_s) > 1.999 * $step && $(one ist step_s) < 2.001 * $step"
    run 0 --topology 'numa:8 core:8 pu:1' "${net[@]}" --subnets 4 "${ist_only[@]}"
    [ "$(one ist idle_teams)" = 4 ] || fail "$(cat out)"
    holds "$(one ist train_s) == $four"
    run 0 --topology 'numa:1 core:8 pu:1' "${net[@]}" --subnets 4 "${ist_only[@]}"
    holds "$(one ist bytes_crossed) == 0"
    run 0 --topology 'numa:4 core:8 pu:1' "${net[@]}" --method data-parallel --subnets 4 --local-steps 10 --json
    jq -e '.plan.traffic | .round_bytes_moved > 0 and .round_bytes_crossed > 0' out >/dev/null || fail "no traffic: $(cat out)"
    sed 's/"value": 20/"value": 0.5/' rates.json >slow.json
    run 0 --topology 'numa:4 core:8 pu:1' "${net[@]}" --method data-parallel --subnets 4 --predict slow.json --json
    [ "$(one data-parallel bound_by)" = 'between nodes' ] || fail "$(cat out)"
}

# CASE measured: rates of this machine are measured, kept, and read again as what they are
case_measured() {
    run 0 --hidden 64 --features 64 --classes 8 --rows 1000 --threads 1 --predict --rates-out kept.json --json
    jq -e '.prediction.rates | .forward_gflops.is == "measured" and .forward_gflops.value > 0.05 and .forward_gflops.value < 2000 and
        (.gather_columns_gb_per_s.value > 0) and (.step_factor.value > 0.3)' out >/dev/null || fail "$(cat out)"
    jq -e '.on | contains("thread")' kept.json >/dev/null || fail "$(cat kept.json)"
    local here
    here=$(one ist round_s)
    run 0 --hidden 64 --features 64 --classes 8 --rows 1000 --threads 1 --predict kept.json --json
    jq -e '.prediction.rates.forward_gflops.is == "measured"' out >/dev/null || fail "$(cat out)"
    holds "$(one ist round_s) / $here > 0.999999 && $(one ist round_s) / $here < 1.000001"
    [ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'ist-rates-*' -newer rates.json -user "$(id -u)")" ] || fail "files stay behind"
}

# CASE refused: files of rates that are bad, and options that do not go together, in one line each
case_refused() {
    run 3 "${net[@]}" --predict missing.json
    local text
    for text in '' '{' '[]' '{"rates": 1}' '{"rates": {"forward_gflops": "fast"}}' '{"rates": {"forwards": 1}}' \
        '{"rates": {"forward_gflops": {"value": 1, "is": "true"}}}' '{"rates": {"forward_gflops": 1, "forward_gflops": 2}}'; do
        printf '%s' "$text" >bad.json
        run 3 "${net[@]}" --predict bad.json
        [ "$(wc -l <err)" = 1 ] && grep -q '^ist info: --predict: bad.json: ' err || fail "for $text: $(cat err)"
    done
    for text in '{"rates": {}}' '{"rates": {"forward_gflops": -1}}' '{"rates": {"forward_gflops": 0}}'; do
        printf '%s' "$text" >bad.json
        run 3 "${net[@]}" --predict bad.json
        [ "$(wc -l <err)" = 1 ] && grep -q 'forward_gflops' err || fail "for $text: $(cat err)"
    done
    run 2 --predict rates.json
    grep -q -- '--hidden' err || fail "$(cat err)"
    run 2 "${net[@]}" --samples 5
    run 2 "${net[@]}" --rates-out kept.json
    run 2 "${net[@]}" --method sgd --subnets 2
    run 2 "${net[@]}" --method local-sgd --shares 2,1
    run 2 "${net[@]}" --predict rates.json --samples -1
}

"case_${1:?which case}"
