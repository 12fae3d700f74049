#!/usr/bin/env bash
# test_units.sh - the unit tests of placement on a machine that has four nodes.
#
# On one node every page is local, whatever we do.  Here the kernel has four: regions bound to the nodes of their teams
# must be there to the last byte (move_pages), with huge pages on; and regions that the wrong team touched unbound must
# be told as remote, or the count proves nothing.  What a test skips here for want of nodes is a failure.
# shellcheck source=guest.sh
source "$(dirname "$0")/guest.sh"

# CASE placement: pages, bindings, masks, topology, barriers
case_placement() {
    local tests=${IST_BUILD:?is not set}/tests/unit name
    for name in pages bind team topology; do
        [ -x "$tests/test_$name" ] || die "$tests/test_$name is not built"
    done
    machine --nodes 4 --cpus-per-node 2 --mem 2048
    printf 'tests=%q\n' "$tests" >>inside.sh
    cat >>inside.sh <<'INSIDE'
unset OMP_WAIT_POLICY
echo always >/sys/kernel/mm/transparent_hugepage/enabled
echo "huge pages $(cat /sys/kernel/mm/transparent_hugepage/enabled)"
echo 0 >/proc/sys/kernel/numa_balancing # it hides unbound pages from move_pages (test_pages.c)
run() { local name=$1; shift; "$tests/test_$name" "$@" 2>&1; echo "status $name $?"; }
run pages
echo 1 >/proc/sys/kernel/numa_balancing
run pages bound_regions_are_at_home_whoever_touches
run bind
run topology this_machine_is_read the_affinity_mask_restricts omp_places_count_in_place_of_the_mask
# A process each: a mask that one case lost would be what the next one finds, and takes for right.
run team every_worker_is_seen_once
run team masks_are_set_inside_and_restored_after
run team masks_come_back_under_omp_proc_bind
run team one_refusal_stops_all_under_strict
INSIDE
    boot
    nodes_are 0-3 0-3
    grep -q '^huge pages \[always\]' boot.out || fail "huge pages are not on"
    ! grep 'SKIP' boot.out || fail "a test skipped where there are four nodes"
    for name in pages bind topology team; do
        grep -q "^status $name 0\$" boot.out || fail "test_$name was not run"
        ! grep "^status $name [^0]" boot.out || fail "test_$name failed"
    done
    for name in every_byte_is_on_the_node_of_its_team bound_regions_are_at_home_whoever_touches \
        unbound_regions_touched_from_elsewhere_are_remote stripes_of_one_region_are_on_their_nodes; do
        grep -q "$name \.\.\.passed" boot.out || fail "$name did not pass"
    done
}

main "$@"
