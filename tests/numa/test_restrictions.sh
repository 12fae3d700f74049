#!/usr/bin/env bash
# test_restrictions.sh - parts of machines: masks, cpusets, policies, other processes; who stands where, all at home.
# shellcheck source=guest.sh
source "$(dirname "$0")/guest.sh"

# CASE mask_nodes: a mask over two of four nodes, with one core of each
case_mask_nodes() {
    machine --nodes 4 --cpus-per-node 2 --mem 1024
    under=(taskset -c 3,4)
    run two "${small[@]}" --subnets 2
    run four "${small[@]}" --subnets 4
    boot
    nodes_are 0-3 0-3
    value_is two start '.context.machine | "\(.pus) \(.pus_allowed)"' '8 2'
    teams_are two '1:3 2:4'
    teams_are four '1:3 2:4'
    subnets_on four '1 2'
    well two four
}

# CASE mask_cut: a mask that takes one core of one node, as a batch system's 13 of 16
case_mask_cut() {
    machine --nodes 2 --cpus-per-node 4 --mem 1024
    under=(taskset -c 0-2,4-7)
    run two "${small[@]}" --subnets 2
    run four "${small[@]}" --subnets 4
    boot
    teams_are two '0:0,1,2 1:4,5,6,7'
    teams_are four '0:0,1,2 1:4,5,6,7'
    well two four
}

# CASE smt_half: half of the hardware threads: a core with any of them has one thread of ours
case_smt_half() {
    machine --nodes 2 --cpus-per-node 4 --threads 2 --mem 1024
    under=(taskset -c 1,3,4,5)
    run two "${small[@]}" --subnets 2
    run four "${small[@]}" --subnets 4
    boot
    value_is two start '.context.machine | "\(.pus) \(.pus_allowed) \(.cores)"' '8 4 3'
    teams_are two '0:1,3 1:4'
    teams_are four '0:1,3 1:4'
    well two four
}

# CASE cpuset_cpus: a cgroup that cuts a node, and a mask that cuts another
case_cpuset_cpus() {
    machine --nodes 2 --cpus-per-node 4 --mem 1024
    cpuset cpuset.cpus=0-2,4-7
    run two "${small[@]}" --subnets 2
    under=(taskset -c 1-6)
    run four "${small[@]}" --subnets 4
    boot
    teams_are two '0:0,1,2 1:4,5,6,7'
    teams_are four '0:1,2 1:4,5,6'
    well two four
}

# CASE cpuset_mems: a cgroup that takes a node's memory: its cores belong to a node that is left
case_cpuset_mems() {
    machine --nodes 4 --cpus-per-node 1 --mem 1024
    cpuset cpuset.mems=0,2
    run two "${small[@]}" --subnets 2
    run four "${small[@]}" --subnets 4
    boot
    nodes_are 0-3 0-3
    value_is two start '.context.machine.nodes | map(.os_index) | join(" ")' '0 2'
    teams_are two '0:0,1 2:2,3'
    teams_are four '0:0,1 2:2,3'
    subnets_on two '0 2'
    well two four
}

# CASE membind: numactl --membind takes memory as a cgroup does; with --cpunodebind only a node is left
case_membind() {
    command -v numactl >/dev/null || skip "numactl is not installed"
    machine --nodes 4 --cpus-per-node 1 --mem 1024
    under=(numactl --membind=1,3)
    run two "${small[@]}" --subnets 2
    under=(numactl --membind=2 --cpunodebind=2)
    run one "${small[@]}" --subnets 2
    boot
    teams_are two '1:0,1 3:2,3'
    subnets_on two '1 3'
    teams_are one '2:2'
    subnets_on one 2
    well two one
}

# CASE offline: processors that are switched off, one of a node and all of another
case_offline() {
    machine --nodes 3 --cpus-per-node 2 --mem 768
    inside 'for i in 1 4 5; do echo 0 >/sys/devices/system/cpu/cpu$i/online; done'
    run two "${small[@]}" --subnets 2
    run four "${small[@]}" --subnets 4
    boot
    teams_are two '0:0 1:2,3'
    teams_are four '0:0 1:2,3'
    subnets_on four '0 1'
    well two four
}

# CASE omp_places: places of the user count in place of the mask, and the report says so
case_omp_places() {
    machine --nodes 2 --cpus-per-node 4 --mem 1024
    under=(env 'OMP_PLACES={1},{2},{4},{5},{6}' OMP_PROC_BIND=close)
    run two "${small[@]}" --subnets 2
    under=(env OMP_PROC_BIND=spread)
    run four "${small[@]}" --subnets 4
    boot
    value_is two start .context.machine.omp_places true
    teams_are two '0:1,2 1:4,5,6'
    teams_are four '0:0,1,2,3 1:4,5,6,7'
    well two four
}

# CASE processes: three at once on one machine, each with its part
case_processes() {
    machine --nodes 4 --cpus-per-node 2 --mem 1024
    under=(taskset -c 0-3)
    alongside first "${small[@]}" --subnets 4
    under=(taskset -c 4,5)
    alongside second "${small[@]}" --subnets 2
    under=(taskset -c 6,7)
    alongside third "${small[@]}" --subnets 4 --seed 2
    inside wait
    boot
    teams_are first '0:0,1 1:2,3'
    teams_are second '2:4,5'
    teams_are third '3:6,7'
    subnets_on first '0 1'
    subnets_on second 2
    subnets_on third 3
    well first second third
}

# CASE refused: a container that refuses mbind, set_mempolicy and move_pages: told and counted; strict ends with an error
case_refused() {
    [ -n "${REFUSE:-}" ] && [ -x "$REFUSE" ] || skip "the program refuse was not built"
    machine --nodes 2 --cpus-per-node 2 --mem 1024
    under=("$REFUSE" EPERM mbind,set_mempolicy,move_pages --)
    placement=try
    run two "${small[@]}" --subnets 2
    placement=strict
    run strict "${small[@]}" --subnets 2
    boot
    clean two
    same_model two
    teams_are two '0:0,1 1:2,3'
    value_is two end '.report.system | "\(.bind_refused) \(.memory_refused > 0) \(.memory_error)"' '0 true EPERM'
    value_is two end '.report.subnets | all(.unknown_bytes == .bytes)' true
    value_is two end '.report.proof.verdict | .hot_unknown_bytes == .hot_bytes and .refused == "EPERM"' true
    [ "$(cat strict.status)" = 1 ] && grep -q 'strict placement.*EPERM' strict.err && [ ! -e strict.ist ] ||
        fail "strict: exit status $(cat strict.status): $(cat strict.err)"
}

main "$@"
