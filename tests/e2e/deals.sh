#!/usr/bin/env bash
# deals.sh - what a round's deal can be asked for on the command line: sticky deals, given shares, shares that follow the
# teams; and what they do to traffic and to results.
#
# Run as `bash deals.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

awk 'BEGIN { srand(7); for (i = 0; i < 600; i++) { c = int(rand() * 4); print c > "y.csv"
    for (p = 0; p < 20; p++) printf "%s%.3f", p ? "," : "", rand() + (int(p / 5) == c); print "" } }' >x.csv

command=("$ist" train --train x.csv:y.csv --test x.csv:y.csv --hidden 48,40 --local-steps 5 --batch 16)

# CASE sticky: a sticky run moves less, is the same on any teams, resumes bit for bit, and refuses another fraction by name
case_sticky() {
    local moved=() fraction
    for fraction in 1 0.5 0.1; do
        run 0 --subnets 4 --rounds 20 --eval-every 0 --repartition-fraction $fraction --model "$fraction.ist" --json
        moved+=("$(jq .bytes_moved out)")
    done
    awk -v a="${moved[0]}" -v b="${moved[1]}" -v c="${moved[2]}" 'BEGIN { exit !(a > b && b > c && c > 0) }' ||
        fail "bytes: ${moved[*]}"
    run 0 --subnets 4 --rounds 20 --teams 3 --threads 1 --repartition-fraction 0.1 --model teams.ist --quiet
    cmp 0.1.ist teams.ist || fail "teams, or evaluations in between, change a sticky run"
    cmp -s 1.ist 0.1.ist && fail "the fraction changes nothing"
    run 0 --subnets 4 --rounds 20 --repartition-fraction 0.1 --checkpoint whole.ist --quiet
    run 0 --subnets 4 --rounds 20 --repartition-fraction 0.1 --checkpoint half.ist --quiet --target-accuracy 0.26
    run 0 --subnets 4 --rounds 20 --repartition-fraction 0.1 --checkpoint half.ist --resume half.ist --quiet
    cmp whole.ist half.ist || fail "a sticky run that was resumed is another"
    run 2 --subnets 4 --rounds 20 --repartition-fraction 0.2 --resume half.ist --quiet ||
        fail "exit status of a changed fraction"
    grep -q -e --repartition-fraction err || fail "$(cat err)"
}

# CASE shares: given shares decide widths, are part of the run's identity, and are refused for nets that they do not suit
case_shares() {
    run 0 --shares 2,1,1 --rounds 8 --json --checkpoint c.ist
    jq -e '.subnets == 3 and .reproducible' out >/dev/null || fail "$(cat out)"
    run 0 --shares 4,2,2 --rounds 8 --resume c.ist --quiet
    run 2 --shares 1,1,1 --rounds 8 --resume c.ist --quiet
    grep -q 'share of subnet 0' err || fail "$(cat err)"
    "$ist" train --train x.csv:y.csv --hidden 40,40 --norm none --shares 2,1 --quiet 2>err && fail "no refusal"
    grep -q 'without norm' err || fail "$(cat err)"
    "$ist" info --topology 'numa:4 core:2 pu:1' --hidden 4000,4000 --shares 2,1,1,1 --json >out || fail "info"
    jq -e '.plan.subnets | .[0].parameters > 1.9 * .[1].parameters' out >/dev/null || fail "$(cat out)"
}

# CASE traffic: bytes that cross nodes are told before a run, less of them with sticky deals, and none on one node
case_traffic() {
    local asked="--hidden 2048,2048 --subnets 8 --rows 1000" four one sticky
    # shellcheck disable=SC2086
    {
        four=$("$ist" info --topology 'numa:4 core:2 pu:1' $asked --json | jq '.plan.traffic.round_bytes_crossed / .plan.traffic.round_bytes_moved')
        one=$("$ist" info --topology 'numa:1 core:8 pu:1' $asked --json | jq '.plan.traffic.round_bytes_crossed')
        sticky=$("$ist" info --topology 'numa:4 core:2 pu:1' $asked --repartition-fraction 0.1 --json | jq .plan.traffic.round_bytes_moved)
        all=$("$ist" info --topology 'numa:4 core:2 pu:1' $asked --json | jq .plan.traffic.round_bytes_moved)
    }
    awk -v four="$four" -v one="$one" -v sticky="$sticky" -v all="$all" \
        'BEGIN { exit !(four > 0.7 && four < 0.8 && one == 0 && sticky < 0.2 * all) }' || fail "$four $one $sticky $all"
    "$ist" info --topology 'numa:4 core:2 pu:1' --hidden 2048 | grep -q 'a round moves .* between nodes' || fail "no line"
}

# CASE adaptive: shares stay a whole, begin even, and move; log and summary say that this cannot be repeated
case_adaptive() {
    # Of three subnets the first of two teams trains two.  Whither the shares move is the clock's affair, and asked in
    # tests/unit/test_balance.c with times that are given.
    "$ist" train --train x.csv:y.csv --hidden 512,512 --local-steps 5 --batch 64 --subnets 3 --teams 2 --threads 1 \
        --rounds 60 --balance adaptive --log run.jsonl >out 2>err || fail "$(cat err)"
    grep -q 'cannot be repeated' out || fail "$(cat out)"
    grep -q 'how long each team worked' out || fail "$(cat out)"
    jq -es '.[0].reproducible == false and .[-1].reproducible == false' run.jsonl >/dev/null || fail "reproducible"
    jq -es '[.[] | select(.event == "round") | .team_share] | .[0][1] < 0.34 and (map(.[1]) | max) > (map(.[1]) | min) and
        all(.[]; add > 0.999 and add < 1.001)' run.jsonl >/dev/null ||
        fail "shares: $(jq -c 'select(.event == "round") | [.team_share, .team_busy_s]' run.jsonl | tail -n 3)"
}

case ${1:-} in
    sticky | shares | traffic | adaptive) "case_$1" ;;
    *) fail "unknown case '${1:-}'" ;;
esac
