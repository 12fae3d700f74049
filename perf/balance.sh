#!/usr/bin/env bash
# balance.sh IST [ROUNDS] - how much teams wait for each other when they are uneven, with even and with adaptive shares.
#
# Two teams of one thread, on two cores.  `subnets`: three subnets, so the first team trains two of them.  `busy core`:
# two subnets, and a loop that takes half of the second core, as if that team had half the threads.  Prints a table in
# Markdown: of the two teams' time, the part that one waited for the other.  Made data; nothing else should be running.
set -u -o pipefail
[ $# -ge 1 ] || { printf 'usage: balance.sh IST [ROUNDS]\n' >&2; exit 2; }
ist=$1 rounds=${2:-60} work=$(mktemp -d) burner=
trap '[ -n "$burner" ] && kill "$burner" 2>/dev/null; rm -rf "$work"' EXIT

mapfile -t cores < <(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' |
    awk -F- '{ for (c = $1; c <= ($2 == "" ? $1 : $2); c++) print c }')
[ ${#cores[@]} -ge 2 ] || { printf 'balance.sh: needs two processors\n' >&2; exit 1; }

awk 'BEGIN { srand(7); for (i = 0; i < 2000; i++) { c = int(rand() * 4); print c > "'"$work"'/y.csv"
    for (p = 0; p < 64; p++) printf "%s%.3f", p ? "," : "", rand() + (int(p / 16) == c); print "" } }' >"$work/x.csv"

# row NAME SUBNETS BALANCE
row() {
    local out
    out=$(taskset -c "${cores[0]},${cores[1]}" "$ist" train --train "$work/x.csv:$work/y.csv" --hidden 1024,1024 \
        --subnets "$2" --teams 2 --threads 1 --team-at core --local-steps 10 --batch 128 --rounds "$rounds" --eval-every 0 \
        --quiet --json --balance "$3") || { printf 'balance.sh: a run failed\n' >&2; exit 1; }
    jq -r --arg name "$1" --arg balance "$3" '(.team_wait_s | add) as $wait | (.team_busy_s | add) as $busy |
        "| \($name) | \($balance) | \(100 * $wait / ($wait + $busy) * 10 | round / 10) % | " +
        (.team_share | map(. * 1000 | round / 1000 | tostring) | join(" ")) + " | \(.seconds * 100 | round / 100) |"' <<<"$out"
}

printf '| teams are uneven by | balance | time waited | shares at the end | seconds |\n|---|---|---|---|---|\n'
for balance in even adaptive; do row subnets 3 $balance; done
taskset -c "${cores[1]}" sh -c 'while :; do :; done' &
burner=$!
for balance in even adaptive; do row 'a busy core' 2 $balance; done
