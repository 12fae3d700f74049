#!/usr/bin/env bash
# test_checks.sh - a check that passes everything proves nothing: the checks of guest.sh, on a run of this host and on
# copies of its log that tell of something else.
# shellcheck source=guest.sh
source "$(dirname "$0")/guest.sh"

# objects CHECK..: the check must object.
objects() {
    local before=$failures
    "$@" >objection 2>&1
    [ $failures -gt "$before" ] || die "nobody objects: $*"
    sed 's/^FAILED: /objects, as it should: /' objection
    failures=$before
}

# changed FILTER: another log, in which jq's FILTER has changed the event `end` of the run
changed() { jq -c "if .event == \"end\" then $1 else . end" one.jsonl >other.jsonl; }

# CASE object: each check objects to what it is for
case_object() {
    machine --nodes 1
    local command=("$IST" train "${data[@]}" "${small[@]}" --subnets 2 --teams 1 --threads 1 --quiet --log one.jsonl)
    "${command[@]}" --model one.ist 2>one.err
    echo $? >one.status
    echo 0 >cpu_nodes
    echo 0-1 >memory_nodes
    cp one.ist host-one.ist
    local pu
    pu=$(jq -r 'select(.event == "start") | .context.plan.teams[0].pus[0]' one.jsonl)
    nodes_are 0 0-1
    teams_are one "0:$pu"
    subnets_on one 0
    well one
    [ $failures -eq 0 ] || die "the run of the host is not well"

    objects nodes_are 0-1 0-1
    objects nodes_are 0 0
    objects teams_are one "1:$pu"
    objects teams_are one "0:$pu,77"
    objects subnets_on one '0 1'
    objects at_home none
    echo 1 >none.status
    objects clean none
    cp one.status other.status
    echo a warning >other.err
    objects clean other
    cp one.ist other.ist
    cp one.ist host-other.ist
    same_model other
    printf 'x' | dd of=other.ist bs=1 seek=5000 conv=notrunc status=none
    objects same_model other
    local filter
    for filter in '.report.subnets[1].local_bytes -= 4096' '.report.master.local_bytes -= 4096' \
        '.report.teams[0].unknown_bytes += 4096' '.report.master_state[0].local_bytes = 0' '.report.subnets[0].by_node[0] = 0' \
        '.report.system.bind_refused = 1' '.report.system.memory_refused = 1' 'del(.report)' \
        '.report.proof.verdict.hot_local_bytes -= 64' '.report.proof.verdict.wrong_ranges = 1'; do
        changed "$filter"
        objects at_home other
    done
    changed '.report.plan.teams[0].bound[0] = -1'
    objects teams_are other "0:$pu"
    changed .
    at_home other
    teams_are other "0:$pu"
}

main "$@"
