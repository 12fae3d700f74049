#!/usr/bin/env bash
# test_shapes.sh - machines of all shapes: who stands where, every byte at home, the model of the host.
# shellcheck source=guest.sh
source "$(dirname "$0")/guest.sh"

# CASE nodes_1: what a laptop gets: one node, one team, nothing bound but threads
case_nodes_1() {
    machine --nodes 1 --cpus-per-node 2 --mem 512
    run one "${small[@]}" --subnets 1
    run two "${small[@]}" --subnets 2
    boot
    nodes_are 0 0
    teams_are one '0:0,1'
    teams_are two '0:0,1'
    well one two
}

# CASE nodes_2: two nodes of two cores
case_nodes_2() {
    machine --nodes 2 --cpus-per-node 2 --mem 1024
    run two "${small[@]}" --subnets 2
    run four "${small[@]}" --subnets 4
    boot
    nodes_are 0-1 0-1
    teams_are two '0:0,1 1:2,3'
    teams_are four '0:0,1 1:2,3'
    subnets_on two '0 1'
    subnets_on four '0 1'
    well two four
}

# CASE nodes_4: four nodes of two cores
case_nodes_4() {
    machine --nodes 4 --cpus-per-node 2 --mem 1024
    run four "${small[@]}" --subnets 4
    run eight "${small[@]}" --subnets 8
    boot
    nodes_are 0-3 0-3
    teams_are four '0:0,1 1:2,3 2:4,5 3:6,7'
    teams_are eight '0:0,1 1:2,3 2:4,5 3:6,7'
    subnets_on four '0 1 2 3'
    subnets_on eight '0 1 2 3'
    well four eight
}

# CASE nodes_8: eight nodes of one core
case_nodes_8() {
    machine --nodes 8 --cpus-per-node 1 --mem 2048
    run eight "${small[@]}" --subnets 8
    run sixteen "${small[@]}" --subnets 16
    boot
    nodes_are 0-7 0-7
    teams_are eight '0:0 1:1 2:2 3:3 4:4 5:5 6:6 7:7'
    teams_are sixteen '0:0 1:1 2:2 3:3 4:4 5:5 6:6 7:7'
    subnets_on eight '0 1 2 3 4 5 6 7'
    subnets_on sixteen '0 1 2 3 4 5 6 7'
    well eight sixteen
}

# CASE uneven: four cores and two
case_uneven() {
    machine --node 4:512 --node 2:512
    run two "${small[@]}" --subnets 2
    run four "${small[@]}" --subnets 4
    run even "${small[@]}" --subnets 3 --teams 3 --threads 2
    boot
    nodes_are 0-1 0-1
    teams_are two '0:0,1,2,3 1:4,5'
    teams_are four '0:0,1,2,3 1:4,5'
    teams_are even '0:0,1 0:2,3 1:4,5'
    well two four even
}

# CASE smt: two hardware threads a core: one thread of ours for each core
case_smt() {
    machine --nodes 2 --cpus-per-node 4 --threads 2 --mem 1024
    run two "${small[@]}" --subnets 2
    run four "${small[@]}" --subnets 4
    boot
    value_is two start '.context.machine | "\(.pus) \(.cores)"' '8 4'
    teams_are two '0:0,2 1:4,6'
    teams_are four '0:0,2 1:4,6'
    subnets_on four '0 1'
    well two four
}

# CASE memory_only: a node of memory alone, as CXL memory is, gets no team and no byte
case_memory_only() {
    machine --node 2:512 --node 2:512 --node 0:512
    run two "${small[@]}" --subnets 2
    run four "${small[@]}" --subnets 4
    boot
    nodes_are 0-1 0-2
    value_is two start '.context.machine.nodes | map("\(.os_index):\(.cores)") | join(" ")' '0:2 1:2 2:0'
    teams_are two '0:0,1 1:2,3'
    teams_are four '0:0,1 1:2,3'
    value_is four end "$regions | map(.by_node[2]) | add" 0
    well two four
}

# CASE memoryless: the cores of a node without memory belong to the nearest node that has some
case_memoryless() {
    machine --node 2:512 --node 1:0 --node 2:512 --dist '10,30,20;30,10,15;20,15,10'
    run two "${small[@]}" --subnets 2
    run four "${small[@]}" --subnets 4
    boot
    nodes_are 0-2 0,2
    teams_are two '0:0,1 2:2,3,4'
    teams_are four '0:0,1 2:2,3,4'
    subnets_on two '0 2'
    well two four
}

main "$@"
