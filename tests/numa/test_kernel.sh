#!/usr/bin/env bash
# test_kernel.sh - what the kernel does with memory: huge pages, NUMA balancing, full nodes, nodes that are taken away
# while a run goes on.
# shellcheck source=guest.sh
source "$(dirname "$0")/guest.sh"

huge_pages() {
    machine --nodes 2 --cpus-per-node 2 --mem 1024
    inside "echo $1 >/sys/kernel/mm/transparent_hugepage/enabled"
    run two "${wide[@]}" --subnets 2
    run four "${wide[@]}" --subnets 4
    inside 'grep -E "^thp_fault_alloc " /proc/vmstat >vmstat'
    boot
    nodes_are 0-1 0-1
    value_is two end .report.system.huge_pages "$1"
    # Regions and stripes of many huge pages, or this shows nothing.
    value_is two end '[.report.subnets[], .report.master] | all(.bytes >= 6291456)' true
    well two four
}

# CASE thp_always: transparent huge pages always, as distributions have it
case_thp_always() {
    huge_pages always
    [ "$(cut -d' ' -f2 vmstat)" -ge 8 ] || fail "the kernel gave hardly any huge page: $(cat vmstat)"
}

# CASE thp_madvise: transparent huge pages for those that ask
case_thp_madvise() {
    huge_pages madvise
    [ "$(cut -d' ' -f2 vmstat)" -ge 8 ] || fail "the kernel gave hardly any huge page: $(cat vmstat)"
}

# CASE thp_never: no transparent huge pages
case_thp_never() { huge_pages never; }

# CASE balancing_on: NUMA balancing that scans without rest does not move our pages
case_balancing_on() {
    machine --nodes 4 --cpus-per-node 1 --mem 1024
    inside 'cd /sys/kernel/debug/sched/numa_balancing && echo 10 >scan_delay_ms && echo 10 >scan_period_min_ms &&
        echo 20 >scan_period_max_ms; cd "$OLDPWD"'
    run four "${long[@]}" --subnets 4
    run eight "${long[@]}" --subnets 8 --data shared
    inside 'sed -n "s/^numa_pte_updates //p" /proc/vmstat >updates'
    boot
    [ "$(cat updates)" -gt 0 ] || fail "the kernel has not balanced at all"
    value_is four end .report.system.numa_balancing 1
    teams_are four '0:0 1:1 2:2 3:3'
    subnets_on eight '0 1 2 3'
    well four eight
}

# CASE balancing_off: a kernel without NUMA balancing, by its command line
case_balancing_off() {
    machine --nodes 4 --cpus-per-node 1 --mem 1024 --append numa_balancing=disable
    run four "${small[@]}" --subnets 4
    run eight "${small[@]}" --subnets 8
    boot
    value_is four end .report.system.numa_balancing 0
    teams_are four '0:0 1:1 2:2 3:3'
    subnets_on eight '0 1 2 3'
    well four eight
}

# Leaves node 1 with about MIB, where there is less already with that: files fill it, and then the other node.
leave() {
    printf '%s\n' 'mkdir -p full; mount -t tmpfs -o mpol=prefer:1,size=90% full full' \
        "mib=\$(awk '/MemFree/ { print int(\$4 / 1024) - $1 }' /sys/devices/system/node/node1/meminfo)" \
        "[ \$mib -le 0 ] || head -c \${mib}M /dev/zero >full/file"
}

# CASE full_node: a node that is nearly full: pages spill to another, the report tells how many, the run is the same
case_full_node() {
    machine --nodes 2 --cpus-per-node 1 --mem 1024
    inside "$(leave 4)"
    placement=try
    run two "${wide[@]}" --subnets 2
    boot
    clean two
    same_model two
    value_is two end "$regions | any(.local_bytes < .bytes)" true
    value_is two end "$regions | map(select(has(\"by_node\"))) | all((.by_node | add) + .unknown_bytes == .bytes)" true
    value_is two end '.report.subnets[1] | .by_node[0] > 0 and .by_node[1] == .local_bytes' true
}

# CASE filled_meanwhile: another process fills a node during the run: what was touched stays
case_filled_meanwhile() {
    machine --nodes 2 --cpus-per-node 2 --mem 1024
    during "$(leave 4)" two "${long[@]}" --subnets 2
    inside 'grep MemFree /sys/devices/system/node/node1/meminfo >free'
    boot
    awk '{ exit !($4 < 32768) }' free || fail "node 1 was not filled: $(cat free)"
    teams_are two '0:0,1 1:2,3'
    well two
}

# CASE memory_taken: a cgroup loses a node's memory during the run: the kernel moves the pages, and the report says it
case_memory_taken() {
    machine --nodes 2 --cpus-per-node 2 --mem 1024
    cpuset cpuset.mems=0-1
    placement=try
    during 'echo 0 >/sys/fs/cgroup/part/cpuset.mems' two "${long[@]}" --subnets 2
    placement=strict
    inside 'echo 0-1 >/sys/fs/cgroup/part/cpuset.mems'
    during 'echo 0 >/sys/fs/cgroup/part/cpuset.mems' strict "${long[@]}" --subnets 2
    boot
    clean two
    same_model two
    value_is two end '.report.subnets | map(.local_bytes == .bytes) | map(tostring) | join(" ")' 'true false'
    value_is two end '.report.subnets[1] | .node == 1 and .by_node[0] == .bytes' true
    # What is allocated after that, for the evaluation, cannot be where it should: `strict` ends there.
    value_is two end '.report.system | .memory_refused > 0' true
    [ "$(cat strict.status)" = 1 ] && grep -q placement strict.err ||
        fail "strict: exit status $(cat strict.status): $(cat strict.err)"
}

# CASE processors_taken: a cgroup loses a node's processors during the run: it ends, and the report says it
case_processors_taken() {
    machine --nodes 2 --cpus-per-node 2 --mem 1024
    cpuset cpuset.cpus=0-3
    placement=try
    during 'echo 0-1 >/sys/fs/cgroup/part/cpuset.cpus' two "${long[@]}" --subnets 2
    boot
    clean two
    same_model two
    value_is two end '.report.system | "\(.bind_refused) \(.bind_error)"' '2 EINVAL'
    value_is two end '.report.plan.teams | map(.bound | join(",")) | join(" ")' '0,1 -1,-1'
}

main "$@"
