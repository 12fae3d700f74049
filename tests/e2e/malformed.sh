#!/usr/bin/env bash
# malformed.sh - what strangers give us: damaged data and model files, made here byte by byte.
#
# Each must end with exit status 3 and exactly one line on standard error that names the file, and leave no file behind.
# Environment: IST the executable.  Exit status: 0 passed, 1 failed with the list of inputs that misbehaved, 77 skipped.
# CASE data: damaged features and labels, given to train and eval
# CASE models: damaged model files, given to eval and predict
# CASE machines: damaged topologies and rates, given to info
# LABELS: short
set -u
export LC_ALL=C

ist=${IST:-}
[ -n "$ist" ] && [ -x "$ist" ] || { echo "SKIP: the command ist was not built"; exit 77; }
case $ist in /*) ;; *) ist=$PWD/$ist ;; esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir in run
checked=0
faults=()

# --------------------------------------------------------------------------------------------------------- builders --

# int SIZE NUMBER..: big-endian numbers of SIZE bytes.
int() {
    local size=$1 number shift text=
    shift
    for number; do
        for ((shift = 8 * (size - 1); shift >= 0; shift -= 8)); do
            text+=$(printf '\\x%02x' $(((number >> shift) & 255)))
        done
    done
    printf '%b' "$text"
}

# repeat COUNT BYTE: a byte (as printf writes it) many times.
repeat() { head -c "$1" /dev/zero | tr '\000' "$2"; }

# ramp COUNT: features, bytes that are not all the same.
ramp() {
    local i text=
    for ((i = 0; i < $1; i++)); do text+=$(printf '\\x%02x' $((i * 37 % 251))); done
    printf '%b' "$text"
}

# idx TYPE SIZE..: the head of an idx file.
idx() {
    local type=$1
    shift
    int 4 $((type << 8 | $#)) "$@"
}

# npy DESCR SHAPE [ORDER]: the head of an NPY file, 128 bytes.
npy() { npy_text "{'descr': '$1', 'fortran_order': ${3:-False}, 'shape': $2, }"; }
npy_text() { printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$1"; }

# rows COUNT COLUMNS: lines of a CSV file.
rows() {
    local row column
    for ((row = 0; row < $1; row++)); do
        for ((column = 1; column < $2; column++)); do printf '%d,' $(((row * 7 + column) % 10)); done
        printf '%d\n' $((row % 3))
    done
}

# flip FILE BYTE: change the lowest bit of a byte, in place.
flip() {
    local old
    old=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf '%b' "$(printf '\\x%02x' $((old ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# ---------------------------------------------------------------------------------------------------------- checking --

# refused NAME WORDS..: ist WORDS must refuse the input called NAME; it runs in the empty folder run/.
refused() {
    local name=$1 status why=
    shift
    (cd run && exec timeout 100 "$ist" "$@" >../out 2>../err </dev/null)
    status=$?
    checked=$((checked + 1))
    [ "$status" = 3 ] || why="exit status $status"
    [ "$(wc -l <err)" = 1 ] && [ "$(tail -c 1 err | od -An -tu1 | tr -d ' ')" = 10 ] || why="$why; not one line"
    grep -qF -- "$name" err || why="$why; the file is not named"
    if [ -n "$(ls -A run)" ]; then
        why="$why; left behind: $(ls -A run | tr '\n' ' ')"
        rm -rf run
        mkdir run
    fi
    [ -z "$why" ] || faults+=("$name (ist $1):${why#;} -- $(head -c 300 err | tr '\n' '|')")
}

train=(train --hidden 8 --epochs 1 --model out.ist)
features() { refused "$1" "${train[@]}" --train "../in/$1:../in/y"; } # the file in/NAME as features
labels() { refused "$1" "${train[@]}" --train "../in/x:../in/$1"; }   # .. as labels

finish() {
    printf '%d inputs, %d misbehaved\n' "$checked" "${#faults[@]}"
    [ "$checked" -ge "$1" ] || { echo "FAIL: fewer inputs than this script has"; exit 1; }
    [ "${#faults[@]}" -eq 0 ] || { printf 'FAIL: %s\n' "${faults[@]}"; exit 1; }
    exit 0
}

# What is right, 64 rows of 12 bytes and 3 classes, and the proof that the command takes it.
good() {
    local i text=
    { idx 8 64 12; ramp 768; } >in/x
    for ((i = 0; i < 64; i++)); do text+="\\x0$((i % 3))"; done
    { idx 8 64; printf '%b' "$text"; } >in/y
    if ! (cd run && "$ist" "${train[@]}" --train ../in/x:../in/y >../out 2>../err) || [ ! -s run/out.ist ]; then
        echo "FAIL: good data are refused: $(cat err)"
        exit 1
    fi
    mv run/out.ist in/model.ist
    [ -z "$(ls -A run)" ] || { echo "FAIL: beside the model there is: $(ls -A run)"; exit 1; }
}

# ------------------------------------------------------------------------------------------------------------- data --

bad_files() {
    : >in/empty
    mkdir in/folder
    labels empty
    features empty
    features folder
    labels folder
    features missing
    labels missing
    if [ "$(id -u)" != 0 ]; then
        cp in/x in/forbidden
        chmod 0 in/forbidden
        features forbidden
    fi
    mkfifo in/pipe
    features pipe
    printf 'once upon a time\n' >in/story.txt
    features story.txt
    labels story.txt
    features model.ist
    labels model.ist
    printf '\x89PNG\r\n\x1a\n' >in/picture.png
    features picture.png
}

bad_gzip() {
    local length
    gzip -c in/x >in/whole.gz
    length=$(wc -c <in/whole.gz)
    head -c 3 in/whole.gz >in/cut3.gz
    head -c $((length / 2)) in/whole.gz >in/half.gz
    head -c $((length - 1)) in/whole.gz >in/cut1.gz
    head -c $((length - 8)) in/whole.gz >in/nocrc.gz
    cp in/whole.gz in/crc.gz
    flip in/crc.gz $((length - 8))
    cp in/whole.gz in/size.gz
    flip in/size.gz $((length - 4))
    cp in/whole.gz in/body.gz
    flip in/body.gz $((length / 2))
    { cat in/whole.gz; printf 'junk'; } >in/junk.gz
    cat in/whole.gz in/whole.gz >in/twice.gz
    { idx 8 1000 784; repeat 5000 '\001'; } | gzip -c >in/claim.gz
    { idx 8 4294967295 784; repeat 5000 '\001'; } | gzip -c >in/giant.gz
    : | gzip -c >in/nothing.gz
    local name
    for name in cut3 half cut1 nocrc crc size body junk twice claim giant nothing; do features $name.gz; done
    gzip -c in/y | head -c 30 >in/labels.gz
    labels labels.gz
}

bad_idx() {
    { int 4 $((0x00010802)) 64 12; ramp 768; } >in/magic.idx
    { int 4 $((0x00000a02)) 64 12; ramp 768; } >in/type.idx
    { int 4 $((0x00000800)); ramp 768; } >in/dims0.idx
    { int 4 $((0x00000805)) 64 12 1 1 1; ramp 768; } >in/dims5.idx
    { idx 8 64; ramp 64; } >in/flat.idx
    printf '\x00\x00\x08\x02\x00\x00' >in/head.idx
    idx 8 64 12 >in/nodata.idx
    { idx 8 64 12; ramp 767; } >in/short.idx
    { idx 8 64 12; ramp 769; } >in/long.idx
    { idx 8 0 12; } >in/norows.idx
    { idx 8 64 0; } >in/nofeatures.idx
    { idx 8 4294967295 784; ramp 768; } >in/claim.idx
    { idx 14 4294967295 4294967295 4294967295 4294967295; ramp 768; } >in/overflow.idx
    { idx 13 64 3; repeat 764 '\000'; int 4 $((0x7fc00000)); } >in/nan.idx
    { idx 13 64 3; int 4 $((0x7f800000)); repeat 764 '\000'; } >in/inf.idx
    { idx 8 63 12; ramp 756; } >in/fewer.idx
    local name
    for name in magic type dims0 dims5 flat head nodata short long norows nofeatures claim overflow nan inf fewer; do
        features $name.idx
    done

    { idx 8 64 1; repeat 64 '\001'; } >in/matrix.y
    { idx 8 63; repeat 63 '\001'; } >in/fewer.y
    { idx 8 65; repeat 65 '\001'; } >in/more.y
    { idx 8 0; } >in/none.y
    { idx 9 64; repeat 63 '\001'; printf '\xff'; } >in/minus.y
    { idx 12 64; repeat 252 '\000'; int 4 -1; } >in/minus4.y
    { idx 12 64; int 4 $((1 << 24)); repeat 252 '\000'; } >in/large.y
    { idx 13 64; int 4 $((0x3f000000)); repeat 252 '\000'; } >in/half.y
    { idx 12 4294967295; repeat 256 '\000'; } >in/claim.y
    for name in matrix fewer more none minus minus4 large half claim; do labels $name.y; done
}

bad_npy() {
    { npy '|u1' '(64, 12)' True; ramp 768; } >in/fortran.npy
    { npy '<c8' '(64, 12)'; repeat 6144 '\000'; } >in/complex.npy
    { npy '|O' '(64, 12)'; ramp 768; } >in/object.npy
    { npy '=f4' '(64, 3)'; ramp 768; } >in/native.npy
    { npy '|u1' '(1099511627776, 784)'; ramp 768; } >in/claim.npy
    { npy '<f8' '(18446744073709551615, 18446744073709551615)'; ramp 768; } >in/overflow.npy
    { npy '|u1' '(99999999999999999999, 1)'; ramp 768; } >in/digits.npy
    { npy '|u1' '(0, 12)'; } >in/norows.npy
    { npy '|u1' '(64, 0)'; } >in/nofeatures.npy
    { npy '|u1' '()'; ramp 1; } >in/scalar.npy
    { npy '|u1' '(64,)'; ramp 64; } >in/flat.npy
    { npy '|u1' '(64, -12)'; ramp 768; } >in/minus.npy
    { npy '|u1' '(64, 12'; ramp 768; } >in/open.npy
    { npy '|u1' '(64, 12)'; ramp 769; } >in/long.npy
    { npy '|u1' '(64, 12)'; ramp 767; } >in/short.npy
    { npy '<f4' '(64, 3)'; repeat 764 '\000'; printf '\x00\x00\xc0\x7f'; } >in/nan.npy
    { npy '<f4' '(64, 3)'; printf '\x00\x00\x80\xff'; repeat 764 '\000'; } >in/inf.npy
    { npy '>f8' '(64, 3)'; printf '\x7f\xef\xff\xff\xff\xff\xff\xff'; repeat 1528 '\000'; } >in/double.npy
    { npy_text "{'descr': '|u1', 'shape': (64, 12), }"; ramp 768; } >in/missingkey.npy
    { npy_text "{'descr': '|u1', 'fortran_order': False, 'shape': (64, 12), 'x': 1}"; ramp 768; } >in/morekeys.npy
    { npy_text 'import os'; ramp 768; } >in/python.npy
    { npy '|u1' '(64, 12)' | tr '\n' ' '; ramp 768; } >in/newline.npy
    { npy '|u1' '(64, 12)'; ramp 768; } | head -c 90 >in/header.npy
    { printf '\x93NUMPY\x01\x00\xff\xff'; ramp 768; } >in/headlong.npy
    { printf '\x93NUMPY\x02\x00\xff\xff\xff\xff'; ramp 768; } >in/headhuge.npy
    { printf '\x93NUMPY\x09\x00\x76\x00'; ramp 768; } >in/version.npy
    printf '\x93NUMPY\x01' >in/magic.npy
    local name
    for name in fortran complex object native claim overflow digits norows nofeatures scalar flat minus open long short \
        nan inf double missingkey morekeys python newline header headlong headhuge version magic; do
        features $name.npy
    done
    { npy '<i8' '(64,)'; repeat 504 '\000'; repeat 8 '\377'; } >in/minus8.npy
    { npy '<u4' '(64,)'; repeat 252 '\000'; printf '\x00\x00\x00\x01'; } >in/large4.npy
    { npy '<f4' '(64,)'; repeat 252 '\000'; printf '\x00\x00\xc0\x7f'; } >in/nanlabel.npy
    { npy '|u1' '(1099511627776,)'; ramp 768; } >in/claimlabel.npy
    for name in minus8 large4 nanlabel claimlabel; do labels $name.npy; done
}

bad_csv() {
    : >in/empty.csv
    printf 'a,b,c\n' >in/header.csv
    { rows 63 3; printf '1,2\n'; } >in/fewer.csv
    { rows 63 3; printf '1,2,3,4\n'; } >in/more.csv
    { rows 63 3; printf '1,two,3\n'; } >in/text.csv
    { rows 63 3; printf '1,,3\n'; } >in/hole.csv
    { rows 63 3; printf '1,2,nan\n'; } >in/nan.csv
    { rows 63 3; printf '1,-inf,3\n'; } >in/inf.csv
    { rows 63 3; printf '1,1e39,3\n'; } >in/large.csv
    { rows 30 3; printf '\n'; rows 34 3; } >in/gap.csv
    { rows 63 3; printf '1,2\x003,3\n'; } >in/nul.csv
    { rows 63 3; printf '1,2,3'; repeat 5000 x; printf '\n'; } >in/wide.csv
    head -c 5000 in/model.ist >in/binary.csv
    printf '%s' '"a' >in/quote.csv
    rows 63 3 >in/short.csv
    local name
    for name in empty header fewer more text hole nan inf large gap nul wide binary quote short; do
        features $name.csv
    done
    { rows 63 1; printf -- '-1\n'; } >in/minus.y.csv
    { rows 63 1; printf '16777216\n'; } >in/large.y.csv
    { rows 63 1; printf '1.5\n'; } >in/half.y.csv
    { rows 63 1; printf 'cat\n'; } >in/text.y.csv
    rows 64 2 >in/columns.y.csv
    for name in minus large half text columns; do labels $name.y.csv; done
}

case_data() {
    bad_files
    bad_gzip
    bad_idx
    bad_npy
    bad_csv
    refused short.idx "${train[@]}" --train ../in/x:../in/y --test ../in/short.idx:../in/y
    refused minus.y "${train[@]}" --train ../in/x:../in/y --valid ../in/x:../in/minus.y
    refused short.idx eval ../in/model.ist --data ../in/short.idx:../in/y
    refused short.idx predict ../in/model.ist --data ../in/short.idx --out p.npy
    finish 100
}

# ----------------------------------------------------------------------------------------------------------- models --

model() {
    refused "$1" eval "../in/$1" --data ../in/x:../in/y
    refused "$1" predict "../in/$1" --data ../in/x --out p.npy
}

case_models() {
    local length=0 at name
    length=$(wc -c <in/model.ist)
    : >in/empty.ist
    mkdir in/folder.ist
    for at in 1 7 8 15 16 40 100 $((length / 2)) $((length - 4)) $((length - 1)); do
        head -c "$at" in/model.ist >"in/cut$at.ist"
        model "cut$at.ist"
    done
    for at in 0 4 12 16 20 24 32 36 60 80 120 $((length / 3)) $((length / 2)) $((length - 5)) $((length - 1)); do
        cp in/model.ist "in/flip$at.ist"
        flip "in/flip$at.ist" "$at"
        model "flip$at.ist"
    done
    cp in/model.ist in/version.ist
    printf '\x63' | dd of=in/version.ist bs=1 seek=8 conv=notrunc status=none
    cp in/model.ist in/claim.ist # a first section of 2^56 bytes
    printf '\x01' | dd of=in/claim.ist bs=1 seek=31 conv=notrunc status=none
    tr '\n' '\r' <in/model.ist >in/text.ist
    { cat in/model.ist; printf 'more'; } >in/long.ist
    cat in/model.ist in/model.ist >in/twice.ist
    gzip -c in/model.ist | head -c $((length / 4)) >in/half.gz.ist
    repeat "$length" '\000' >in/zeros.ist
    printf 'not a model\n' >in/words.ist
    cp in/x in/data.ist
    for name in empty folder missing version claim text long twice half.gz zeros words data; do model $name.ist; done
    refused words.ist "${train[@]}" --train ../in/x:../in/y --resume ../in/words.ist
    finish 60
}

# --------------------------------------------------------------------------------------------------------- machines --

# core NUMBER: a core with one processing unit, as hwloc writes it.
core() {
    local set
    set=$(printf '0x%08x' $((1 << $1)))
    local sets="cpuset=\"$set\" complete_cpuset=\"$set\" nodeset=\"0x00000001\" complete_nodeset=\"0x00000001\""
    printf '<object type="Core" os_index="%d" %s gp_index="%d">\n' "$1" "$sets" $((10 + $1))
    printf '<object type="PU" os_index="%d" %s gp_index="%d"/>\n</object>\n' "$1" "$sets" $((20 + $1))
}

# machine CORE..: a machine of two processing units.
machine() {
    local sets='cpuset="0x00000003" complete_cpuset="0x00000003" nodeset="0x00000001" complete_nodeset="0x00000001"'
    printf '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE topology SYSTEM "hwloc2.dtd">\n<topology version="2.0">\n'
    printf '<object type="Machine" os_index="0" %s allowed_cpuset="0x00000003" allowed_nodeset="0x00000001" gp_index="1">\n' "$sets"
    printf '<object type="NUMANode" os_index="0" %s gp_index="2" local_memory="1048576"/>\n' "$sets"
    local number
    for number; do core "$number"; done
    printf '</object>\n</topology>\n'
}

topology() { refused "$1" info --topology "../in/$1"; }
rates() { refused "$1" info --topology 'numa:2 core:2 pu:1' --hidden 8 --predict "../in/$1"; }

case_machines() {
    local length name
    machine 0 1 >in/machine.xml
    if ! (cd run && "$ist" info --topology ../in/machine.xml >../out 2>../err) || [ -s err ]; then
        grep -q 'neither a file nor text\|without hwloc' err && { echo "SKIP: built without hwloc"; exit 77; }
        echo "FAIL: a good topology is refused: $(cat err)"
        exit 1
    fi
    length=$(wc -c <in/machine.xml)
    : >in/empty.xml
    head -c $((length / 2)) in/machine.xml >in/half.xml
    sed 's/ complete_cpuset="0x00000002"//' in/machine.xml >in/crash1.xml # hwloc 2.9 follows a null pointer
    sed 's/ complete_nodeset="0x00000001"//' in/machine.xml >in/crash2.xml
    sed '/NUMANode/d' in/machine.xml >in/noisy1.xml # hwloc prints
    machine 1 0 >in/noisy2.xml
    sed 's/version="2.0"/version="9.0"/' in/machine.xml >in/version.xml
    sed 's/os_index="1"/os_index="2000000000"/' in/machine.xml >in/number.xml
    cp in/x in/data.xml
    printf 'not a machine\n' >in/story.xml
    { printf '<?xml version="1.0"?>\n'; repeat 100000 '<'; } >in/open.xml
    for name in empty half crash1 crash2 noisy1 noisy2 version number data story open; do topology $name.xml; done

    local good='"forward_gflops": 1, "pull_gflops": 1, "update_sgd_gflops": 1, "update_momentum_gflops": 1'
    good="$good, \"update_nesterov_gflops\": 1"
    : >in/empty.json
    repeat 100000 '[' >in/deep.json
    printf '[1, 2]' >in/list.json
    printf '{"rates": 3}' >in/number.json
    printf '{"rates": {%s}}' "$good" >in/missing.json
    printf '{"rates": {%s, "update_adam_gflops": -1}}' "$good" >in/minus.json
    printf '{"rates": {%s, "update_adam_gflops": 1e999}}' "$good" >in/huge.json
    printf '{"rates": {%s, "update_adam_gflops": {"value": 1, "is": "guessed"}}}' "$good" >in/word.json
    printf '{"rates": {%s, "update_adam_gflops": 1, "x\\u0007y": 1}}' "$good" >in/unknown.json
    printf '{"rates": {%s, "update_adam_gflops": 1' "$good" >in/cut.json
    for name in empty deep list number missing minus huge word unknown cut; do rates $name.json; done
    refused missing.json info --topology 'numa:2 core:2 pu:1' --hidden 8 --predict ../in/missing.json --json
    finish 20
}

good
case ${1:-all} in
data) case_data ;;
models) case_models ;;
machines) case_machines ;;
all) bash "$0" data && bash "$0" models && bash "$0" machines ;;
*)
    echo "usage: $0 [data|models|machines]" >&2
    exit 2
    ;;
esac
