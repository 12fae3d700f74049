#!/usr/bin/env bash
# make.sh - how the machines in this folder were made: hwloc writes a synthetic text as XML, and here it gets what a text
# cannot say: processors and nodes that are closed or offline, memory of several kinds and its bandwidths.
#
#     bash make.sh          writes the files anew (needs Debian's hwloc 2.9); then look at git diff
#
# smt2_half_allowed.xml and node_without_memory.xml were written by hand.
set -eu
cd "$(dirname "$0")"

# machine FILE TEXT: without what nobody reads, so that the file stays small.
machine() {
    lstopo -i "$2" --of xml - 2>/dev/null | sed -e '/<info /d' -e '/<page_type /d' >"$1"
}

# annotate FILE WORDS..: of hwloc-annotate.
annotate() {
    local file=$1
    shift
    hwloc-annotate "$file" "$file.new" -- "$@"
    sed -e '/<info /d' "$file.new" >"$file"
    rm "$file.new"
}

# kind FILE KIND NODE..: by logical index
kind() {
    local file=$1 word=$2 node
    shift 2
    for node in "$@"; do annotate "$file" "numa:$node" -- subtype "$word"; done
}

# bandwidth FILE MIBS CPUSET NODE: from these processors, as Linux tells it.
bandwidth() { annotate "$1" "numa:$4" -- memattr Bandwidth "$3" "$2"; }

# allow FILE CPUSET [NODESET]: all else is closed to us
allow() {
    sed -i -e "s/allowed_cpuset=\"[^\"]*\"/allowed_cpuset=\"$2\"/" "$1"
    [ "$#" -lt 3 ] || sed -i -e "s/allowed_nodeset=\"[^\"]*\"/allowed_nodeset=\"$3\"/" "$1"
}

# Two packages of two nodes with DDR (0 .. 3) and HBM (4 .. 7), as Linux numbers them.
hbm='pack:2 group:2 [numa(memory=64GiB indexes=0,4,1,5,2,6,3,7)] [numa(memory=16GiB)] core:3 pu:1'
machine hbm_flat.xml "$hbm"
kind hbm_flat.xml HBM 1 3 5 7
for group in 0 1 2 3; do
    bandwidth hbm_flat.xml 65000 "$(printf '0x%x' $((7 << 3 * group)))" $((2 * group))
    bandwidth hbm_flat.xml 210000 "$(printf '0x%x' $((7 << 3 * group)))" $((2 * group + 1))
done

# Two packages with DDR (0, 1), and CXL memory at each (2, 3).
cxl='pack:2 [numa(memory=64GiB indexes=0,2,1,3)] [numa(memory=256GiB)] core:4 pu:1'
machine cxl.xml "$cxl"
kind cxl.xml CXL-DRAM 1 3
cp cxl.xml cxl_half_told.xml
for package in 0 1; do
    cpus=$(printf '0x%x' $((15 << 4 * package)))
    bandwidth cxl.xml 240000 "$cpus" $((2 * package))
    bandwidth cxl.xml 28000 "$cpus" $((2 * package + 1))
    bandwidth cxl_half_told.xml 28000 "$cpus" $((2 * package + 1)) # of the DDR nobody tells
done

# Two Grace: 72 cores and a GPU's memory each, of which the firmware says that it is fast.
machine grace.xml 'pack:2 [numa(memory=480GiB indexes=0,2,1,3)] [numa(memory=96GiB)] pu:72'
kind grace.xml GPUMemory 1 3
cpus=("0xff,0xffffffff,0xffffffff" "0xffff,0xffffffff,0xffffff00,0x0,0x0")
for package in 0 1; do
    bandwidth grace.xml 450000 "${cpus[package]}" $((2 * package))
    bandwidth grace.xml 900000 "${cpus[package]}" $((2 * package + 1))
done

# Four nodes of eight cores: a cpuset cut node 1 (cores 10 to 14 are left) and took the processors of node 2, and the
# memory of node 3.
machine cut.xml 'numa:4(memory=32GiB) core:8 pu:1'
allow cut.xml 0xff007cff 0x7

# Four nodes of four cores: 13 of 16 are ours.
machine thirteen.xml 'pack:1 numa:4(memory=8GiB) core:4 pu:1'
allow thirteen.xml 0x7dfb

# Two packages of four cores with two threads: one thread of each core is ours, of the second package the other one.
machine smt2_one_of_two.xml 'pack:2 numa:1(memory=8GiB) core:4 pu:2(indexes=2*8:1*2)'
allow smt2_one_of_two.xml 0xf00f

# Of two packages with four cores, processors 3 and 6 are offline: hwloc knows them as "complete" alone.
machine offline.xml 'pack:2 numa:1(memory=8GiB) core:4 pu:1'
sed -i -e '/<object type="Core" os_index="[36]"/,/<\/object>/d' -e 's/\([ _d]\)cpuset="0x000000ff"/\1cpuset="0xb7"/g' \
    -e 's/ cpuset="0x0000000f"/ cpuset="0x7"/' -e 's/ cpuset="0x000000f0"/ cpuset="0xb0"/' \
    -e 's/complete_cpuset="0xb7"/complete_cpuset="0xff"/' offline.xml

# A laptop: two P cores with two threads, four E cores.
machine hybrid.xml 'pack:1 numa:1(memory=16GiB) l3:1 core:6 pu:2'
for core in 2 3 4 5; do # an E core loses its second thread
    second=$(printf '0x%08x' $((2 << 2 * core))) both=$(printf '0x%08x' $((3 << 2 * core)))
    first=$(printf '0x%08x' $((1 << 2 * core)))
    sed -i -e "/<object type=\"PU\".*cpuset=\"$second\"/d" -e "s/\"Core\"\(.*\)cpuset=\"$both\"/\"Core\"\1cpuset=\"$first\"/" \
        hybrid.xml
done
sed -i -e 's/cpuset="0x00000fff"/cpuset="0x0000055f"/g' hybrid.xml
