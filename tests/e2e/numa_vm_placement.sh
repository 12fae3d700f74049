#!/usr/bin/env bash
# numa_vm_placement.sh - the unit tests of placement on a machine that has four nodes: a guest of numa-vm.
#
# On one node every page is local, whatever we do.  Here the kernel has four: regions bound to the nodes of their teams
# must be there to the last byte (move_pages), with huge pages on; and regions that the wrong team touched unbound must
# be told as remote, or the count proves nothing.  What a test skips here for want of nodes is a failure.
set -u

skip() { echo "SKIP: $*"; exit 77; }
vm=${IST_SHARED:-}/numa-vm
if [ -z "${IST_SHARED:-}" ] || [ ! -x "$vm" ]; then skip "no numa-vm"; fi
tests=${IST_BUILD:?is not set}/tests/unit
for name in pages bind team topology; do
    [ -x "$tests/test_$name" ] || { echo "$tests/test_$name is not built"; exit 1; }
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset OMP_PLACES OMP_PROC_BIND OMP_NUM_THREADS

# One boot for all.  Runs in the guest; the statuses are told by the lines "status NAME N".
cat >inside.sh <<'INSIDE'
echo "nodes $(ls -d /sys/devices/system/node/node[0-9]* | wc -l)"
echo always >/sys/kernel/mm/transparent_hugepage/enabled
echo "huge pages $(cat /sys/kernel/mm/transparent_hugepage/enabled)"
echo 0 >/proc/sys/kernel/numa_balancing # it hides unbound pages from move_pages (test_pages.c)
tests=$1
run() { local name=$1; shift; "$tests/test_$name" "$@" 2>&1; echo "status $name $?"; }
run pages
echo 1 >/proc/sys/kernel/numa_balancing
run pages every_byte_is_on_the_node_of_its_team bound_regions_are_at_home_whoever_touches \
    stripes_of_one_region_are_on_their_nodes
run bind
run topology this_machine_is_read the_affinity_mask_restricts omp_places_count_in_place_of_the_mask
# A process each: a mask that one case lost would be what the next one finds, and takes for right.
run team every_worker_is_seen_once
run team barriers_order_writes
run team masks_are_set_inside_and_restored_after
run team masks_come_back_under_omp_proc_bind
run team one_refusal_stops_all_under_strict
INSIDE
"$vm" --nodes 4 --cpus-per-node 2 --mem 2048 --timeout 540 -- bash inside.sh "$tests" >out 2>err
status=$?
cat out
if [ "$status" -eq 125 ]; then
    cat err
    skip "the guest does not start"
fi

failed=0
fail() { echo "FAILED: $*"; failed=1; }
[ "$status" -eq 0 ] || { cat err; fail "numa-vm ends with status $status"; }
grep -q '^nodes 4$' out || fail "the guest has not four nodes"
grep -q '^huge pages \[always\]' out || fail "huge pages are not on"
grep 'SKIP' out && fail "a test skipped where there are four nodes"
for name in pages bind topology team; do
    grep -q "^status $name 0\$" out || fail "test_$name was not run"
    grep "^status $name [^0]" out && fail "test_$name failed"
done
for name in every_byte_is_on_the_node_of_its_team bound_regions_are_at_home_whoever_touches \
    unbound_regions_touched_from_elsewhere_are_remote stripes_of_one_region_are_on_their_nodes; do
    grep -q "$name \.\.\.passed" out || fail "$name did not pass"
done
exit $failed
