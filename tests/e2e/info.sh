#!/usr/bin/env bash
# info.sh - what ist info draws and tells of machines that nobody here owns, literally.
#
# Run as `bash info.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable,
# IST_SOURCE the checkout.  Exit status: 0 passed, 1 failed, 77 skipped with a reason.
source_dir=${IST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq
machines=$source_dir/tests/unit/topologies
"$ist" info --json | jq -r .context.machine.source | grep -q ^none && skip "built without hwloc: no topology texts"

info() { "$ist" info "$@" >out 2>err || fail "ist info $* -- $(cat err)"; }

# draws WORDS..: the drawing of ist info WORDS must be what stands on stdin.
draws() {
    info "$@"
    sed -n '/^[+|]/p' out >drawn
    cat >expected
    diff expected drawn >difference || fail "ist info $*, expected (<) and drawn (>): $(cat difference)"
    awk 'length > 100' out | grep '^[+|]' && fail "ist info $* draws beyond 100 columns"
}

eight='pack:8 numa:1(memory=1TiB) l3:1 core:60 pu:2(indexes=2*480:1*2)'

# CASE eight: eight sockets, a line a team, with the bytes of a training
case_eight() {
    draws --topology "$eight" --hidden 16384,16384 --rows 10000000 --subnets 8 --engine native <<'END'
+- package 0 -------------------------------------------------------+
| node 0  60 cores  1.3 GB of 1.1 TB  team 0  60 threads on 0-59    |
+- package 1 -------------------------------------------------------+
| node 1  60 cores  1.3 GB of 1.1 TB  team 1  60 threads on 60-119  |
+- package 2 -------------------------------------------------------+
| node 2  60 cores  1.3 GB of 1.1 TB  team 2  60 threads on 120-179 |
+- package 3 -------------------------------------------------------+
| node 3  60 cores  1.3 GB of 1.1 TB  team 3  60 threads on 180-239 |
+- package 4 -------------------------------------------------------+
| node 4  60 cores  1.3 GB of 1.1 TB  team 4  60 threads on 240-299 |
+- package 5 -------------------------------------------------------+
| node 5  60 cores  1.3 GB of 1.1 TB  team 5  60 threads on 300-359 |
+- package 6 -------------------------------------------------------+
| node 6  60 cores  1.3 GB of 1.1 TB  team 6  60 threads on 360-419 |
+- package 7 -------------------------------------------------------+
| node 7  60 cores  1.3 GB of 1.1 TB  team 7  60 threads on 420-479 |
+-------------------------------------------------------------------+
END
    info --topology "$eight" --hidden 16384,16384 --rows 10000000 --subnets 8 --engine native --json
    jq -e '.context.machine.nodes | length == 8 and all(.cores == 60 and .cores_all == 60 and (.pus | length) == 60
        and .packages == [.node, .node] and .memory_bytes == 1099511627776)' out >/dev/null || fail "nodes: $(cat out)"
    jq -e '.context.plan.teams | length == 8 and all(.node == .team and .why == "local" and .far == 0 and
        .nodes == [.team] and .pus == [range(60 * .team; 60 * .team + 60)])' out >/dev/null || fail "teams: $(cat out)"
    jq -e '.plan | (.by_node | add) == .planned_bytes and (.by_node | length) == 8' out >/dev/null || fail "plan: $(cat out)"
    info --hidden 512 --features 135909 --classes 670091 --rows 490449 --nonzeros 76 --labels 5.45 --subnets 8 --engine native --json
    jq -e '.plan | .peak_bytes > .planned_bytes and .data_parallel_bytes > 2 * .peak_bytes' out >/dev/null || fail "sparse: $(cat out)"
}

# CASE kinds: memory of two kinds, and a GPU's
case_kinds() {
    draws --topology "$machines/hbm_flat.xml" <<'END'
+- package 0 -------------------------------------------------------------------------+
| node 0         fallback  68.7 GB                                                    |
| node 1 (os 4)   3 cores  17.2 GB  HBM  team 0  3 threads on 0-2, home by bandwidth  |
| node 2 (os 1)  fallback  68.7 GB                                                    |
| node 3 (os 5)   3 cores  17.2 GB  HBM  team 1  3 threads on 3-5, home by bandwidth  |
+- package 1 -------------------------------------------------------------------------+
| node 4 (os 2)  fallback  68.7 GB                                                    |
| node 5 (os 6)   3 cores  17.2 GB  HBM  team 2  3 threads on 6-8, home by bandwidth  |
| node 6 (os 3)  fallback  68.7 GB                                                    |
| node 7          3 cores  17.2 GB  HBM  team 3  3 threads on 9-11, home by bandwidth |
+-------------------------------------------------------------------------------------+
END
    draws --topology "$machines/grace.xml" <<'END'
+- package 0 -----------------------------------------------------------------+
| node 0            72 cores  515 GB             team 0  72 threads on 0-71   |
| node 1 (os 2)  memory only  103 GB  GPUMemory                               |
+- package 1 -----------------------------------------------------------------+
| node 2 (os 1)     72 cores  515 GB             team 1  72 threads on 72-143 |
| node 3         memory only  103 GB  GPUMemory                               |
+-----------------------------------------------------------------------------+
END
    info --topology "$machines/hbm_flat.xml" --json
    jq -e '.context.machine.nodes[1] | .os_index == 4 and .kind == "HBM" and .bandwidth_mibs == 210000 and .next == 0' out \
        >/dev/null || fail "$(cat out)"
    jq -e '.context.machine.nodes[0] | .kind == null and .bandwidth_mibs == 65000 and .next == null' out >/dev/null ||
        fail "$(cat out)"
    jq -e '.context.plan.teams | all(.why == "bandwidth")' out >/dev/null || fail "$(cat out)"
}

# CASE cut: nodes that a cpuset cut or closed, that have no memory, or more planned than they have
case_cut() {
    draws --topology "$machines/cut.xml" <<'END'
+- machine ----------------------------------------------------------------+
| node 0        16 cores  34.4 GB  team 0  16 threads on 0-7, 24-31, 8 far |
| node 1    5 of 8 cores  34.4 GB  team 1   5 threads on 10-14             |
| node 2    0 of 8 cores  34.4 GB                                          |
| - (os 3)  closed to us  34.4 GB                                          |
+--------------------------------------------------------------------------+
END
    draws --topology "$machines/node_without_memory.xml" --hidden 8192,8192 --subnets 2 --rows 3000000 --engine native <<'END'
+- package 0 -----------------------------------------------------------------+
| node 0      2 cores  1.7 GB of 1.1 GB  team 0  2 threads on 0-1             |
|                                                          more than there is |
+- package 1 -----------------------------------------------------------------+
| node 1      4 cores  1.7 GB of 1.1 GB  team 1  4 threads on 2-5, 2 far      |
|                                                          more than there is |
+- package 2 -----------------------------------------------------------------+
| - (os 2)  no memory                                                         |
+-----------------------------------------------------------------------------+
END
    info --topology "$machines/cut.xml" --json
    jq -e '.context.machine | .cores == 21 and .closed == [{"os_index": 3, "memory_bytes": 34359738368, "packages": null}] and
        (.nodes[1] | .cores == 5 and .cores_all == 8 and .pus == [10, 11, 12, 13, 14])' out >/dev/null || fail "$(cat out)"
}

# CASE lists: processors without order wrap; a team over several nodes says so; UTF-8 has the same columns
case_lists() {
    local text='pack:4 numa:1(memory=8GiB) core:18 pu:1(indexes=4*18:1*4)'
    draws --topology "$text" --team-at machine <<'END'
+- package 0 --------------------------------------------------------------------------------------+
| node 0  18 cores  8.6 GB  team 0  72 threads on 0-4, 18-22, 36-39, 54-57, 5-8, 23-26, 40-44,     |
|                                              58-62, 9-13, 27-31, 45-48, 63-66, 14-17, 32-35,     |
|                                              49-53, 67-71, over nodes 0-3                        |
+- package 1 --------------------------------------------------------------------------------------+
| node 1  18 cores  8.6 GB                                                                         |
+- package 2 --------------------------------------------------------------------------------------+
| node 2  18 cores  8.6 GB                                                                         |
+- package 3 --------------------------------------------------------------------------------------+
| node 3  18 cores  8.6 GB                                                                         |
+--------------------------------------------------------------------------------------------------+
END
    locale -a 2>/dev/null | grep -qix 'C.utf-\?8' || return 0
    LC_ALL=C.UTF-8 "$ist" info --topology "$text" --team-at machine |
        sed -n -e 's/┌\|┐\|├\|┤\|└\|┘/+/g' -e 's/─/-/g' -e 's/│/|/g' -e '/^[+|]/p' >unicode
    cmp -s unicode expected || fail "UTF-8 is drawn otherwise: $(diff expected unicode)"
}

# CASE part: the share of one of several processes
case_part() {
    draws --topology 'numa:2(memory=8GiB) core:4 pu:1' --part 1/2 <<'END'
+- machine ------------------------------------------------------+
| node 0  0 of 4 cores  8.6 GB                                   |
| node 1       4 cores  8.6 GB  team 0  4 threads on 4-7         |
+----------------------------------------------------------------+
END
    grep -q '^part  *1/2: 4 of 8 cores$' out || fail "$(cat out)"
    local part
    for part in 0 1 2; do
        info --topology 'numa:2 core:4 pu:1' --part $part/3 --json
        jq -e ".context.machine | .part == $part and .parts == 3 and .cores_allowed == 8" out >/dev/null || fail "$(cat out)"
        jq -c '[.context.plan.teams[].pus] | add | .[]' out >>taken
    done
    [ "$(paste -sd' ' taken)" = "0 1 2 3 4 5 6 7" ] || fail "the parts have $(paste -sd' ' taken)"
}

[ "$#" = 1 ] && declare -F "case_$1" >/dev/null || fail "usage: info.sh CASE, one of: $(sed -n 's/^# CASE \([a-z_]*\):.*/\1/p' "$0" | tr '\n' ' ')"
"case_$1"
