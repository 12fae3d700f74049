#!/usr/bin/env bash
# mutate.sh COUNT [SEED] - mutated files through the commands: each file that ist and speech-features read, changed at random.
#
# Environment: IST the command; FUZZ_TOOLS the folder with fuzz_seeds and fuzz_mutate; SPEECH_FEATURES may be empty or missing.
# Without them they are looked for in build/dev.  What counts as a finding: mutate.c.  Files that are one are kept in
# ${FUZZ_KEEP:-fuzz-findings}.  Exit status: 0 no finding, 1 some, 77 skipped.
set -u -o pipefail
export LC_ALL=C OMP_WAIT_POLICY=passive ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=86

count=${1:?usage: mutate.sh COUNT [SEED]} seed=${2:-1}
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
ist=${IST:-$root/build/dev/bin/ist} tools=${FUZZ_TOOLS:-$root/build/dev/tests/fuzz}
speech=${SPEECH_FEATURES-$root/build/dev/bin/speech-features}
for program in "$ist" "$tools/fuzz_seeds" "$tools/fuzz_mutate"; do
    [ -x "$program" ] || { echo "SKIP: $program is not there"; exit 77; }
done
ist=$(realpath "$ist") tools=$(realpath "$tools")
keep=${FUZZ_KEEP:-$PWD/fuzz-findings}
mkdir -p "$keep" || exit 1
work=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)") || exit 1
trap 'rm -rf "$work"' EXIT

fail() { echo "FAIL: $*" >&2; exit 1; }

# ------------------------------------------------------------------------------------------------------------- seeds --

seeds=$work/seeds
picked=$work/picked
mkdir "$picked"
"$tools/fuzz_seeds" "$seeds" || fail "no seeds"

# What stands beside the file that is changed: 24 rows of 3 features and their labels, as idx.
mkdir "$work/with"
{ printf '\0\0\x08\x02\0\0\0\x18\0\0\0\x03'; head -c 72 /dev/zero | tr '\0' '\7'; } >"$work/with/x"
{ printf '\0\0\x08\x01\0\0\0\x18'; printf '\0\1\2%.0s' 1 2 3 4 5 6 7 8; } >"$work/with/y"
x=$work/with/x y=$work/with/y

# pick FOLDER FILE..: a folder of seeds that go with those, the first of them first.
pick() {
    local folder=$picked/$1 number=0 file
    shift
    mkdir "$folder"
    for file; do cp "$file" "$folder/$((100 + number++))-$(basename "$file")" || fail "no seed $file"; done
}
crew=(--teams 1 --threads 1 --placement none)
net=(--hidden 4 --subnets 2 --batch 8 --epochs 1 --quiet)
(
    cd "$work/with" || exit 1
    "$ist" train --train "$x:$y" "${net[@]}" --optimizer adam --model model.ist --checkpoint run.ist "${crew[@]}" >/dev/null
) || fail "no model"
pick models "$work/with/model.ist" "$work/with/run.ist"
pick runs "$work/with/run.ist"
for end in safetensors npz; do
    "$ist" export "$work/with/model.ist" --out "$work/with/model.$end" >/dev/null || fail "no model.$end"
done
pick imports "$work/with/model.safetensors" "$work/with/model.npz" "$seeds"/import/*
printf '1.5,2,3\n%.0s' {1..24} >"$work/with/x.csv"
printf '%d\n' {0..23} >"$work/with/y.csv"
pick csvs "$work/with/x.csv"
pick csv_labels "$work/with/y.csv" "$seeds/csv/labels"
pick idx_features "$x" "$seeds/idx/08-2" "$seeds/idx/0d-3" "$seeds/idx/0e-4"
pick idx_labels "$y" "$seeds/idx/0c-1"
for i in {0..23}; do printf '%d 1:%d.5 3:-2e1 # row\n' $((i % 3)) "$i"; done >"$work/with/x.svm"
pick svms "$work/with/x.svm" "$seeds"/libsvm/*
{
    printf '24 3 3\n'
    for i in {0..23}; do printf '%d 0:%d 2:.5\n' $((i % 3)) "$i"; done
} >"$work/with/x.xmc"
pick xmcs "$work/with/x.xmc" "$seeds"/xmc/*
"$ist" convert "$work/with/x.svm" "$work/with/x.isd" >/dev/null || fail "no data file"
pick isds "$work/with/x.isd" "$seeds"/datafile/*
{
    printf '\x93NUMPY\1\0\x76\0%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (24, 3), }"
    head -c 288 /dev/zero
} >"$work/with/x.npy"
pick npys "$work/with/x.npy" "$seeds"/npy/u1-0 "$seeds"/npy/f8-10
gzip -c "$x" >"$work/with/x.gz"
pick packed "$work/with/x.gz" "$seeds"/gzip/*
pick topologies "$seeds/topology/two-cores" "$root"/tests/unit/topologies/*.xml
pick rates "$seeds"/rates/*
pick wavs "$seeds/wav/1-16-1" "$seeds"/wav/*

# -------------------------------------------------------------------------------------------------------------- plan --

# plan NAME FLAGS SEEDS FILE WORD..: a line of the plan.
plan() {
    local IFS=$'\t'
    printf '%s\n' "$*" >>"$work/plan"
}
train() { plan "$1" "$2" "$picked/$3" "$4" "$ist" train --train "$5" "${net[@]}" "${crew[@]}" --model out.ist; }
train train-npy z npys x @/x:"$y"
train train-idx z idx_features x @/x:"$y"
train train-csv z csvs x.csv @/x.csv:"$y"
train train-gzip - packed x @/x:"$y"
train train-libsvm z svms x.svm @/x.svm
train train-xmc z xmcs x.txt @/x.txt
train train-data-file - isds x.isd @/x.isd
plan convert-text z "$picked/xmcs" x.txt "$ist" convert @/x.txt out.isd
plan convert-data-file - "$picked/isds" x.isd "$ist" convert @/x.isd
train labels-idx z idx_labels y "$x":@/y
train labels-csv z csv_labels y.csv "$x":@/y.csv
plan eval-model zm "$picked/models" m "$ist" eval @/m --data "$x:$y" "${crew[@]}"
plan predict-model zm "$picked/models" m "$ist" predict @/m --data "$x" --out p.npy "${crew[@]}"
plan import z "$picked/imports" m "$ist" import @/m --out out.ist "${crew[@]}"
plan predict-data z "$picked/npys" x "$ist" predict "$work/with/model.ist" --data @/x --out p.npy "${crew[@]}"
plan resume zm "$picked/runs" run "$ist" train --train "$x:$y" "${net[@]}" --optimizer adam "${crew[@]}" --resume @/run
if "$ist" info --topology "$seeds/topology/two-cores" >/dev/null 2>&1; then
    plan topology - "$picked/topologies" t.xml "$ist" info --topology @/t.xml
    plan rates - "$picked/rates" r.json "$ist" info --topology 'numa:2 core:2 pu:1' --hidden 8 --predict @/r.json --json
fi
if [ -n "$speech" ] && [ -x "$speech" ]; then
    plan wav - "$picked/wavs" words/one/a_nohash_0.wav "$(realpath "$speech")" --rate 8000 --valid 0 --test 0 --threads 1 \
        @/words out
fi

"$tools/fuzz_mutate" "$count" "$work/plan" "$work" "$keep" "$seed"
status=$?
rmdir "$keep" 2>/dev/null
exit $status
