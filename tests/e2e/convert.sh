#!/usr/bin/env bash
# convert.sh - sparse files: ist convert, and training on them.
#
# Run as `bash convert.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable,
# IST_SHARED a folder with data that is not part of the project (may be empty).
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

# Three classes, 20 features of which some rows lack the last ones; the same rows as csv.  Rows from $2 to $3.
make() {
    awk -v name="$1" -v from="$2" -v to="$3" 'BEGIN { srand(3); for (i = 0; i < to; i++) { c = int(rand() * 3)
        line = c; x = ""
        for (f = 1; f <= 20; f++) {
            v = rand() < 0.4 || f % 3 == c ? sprintf("%.3f", rand() + (f % 3 == c)) : 0
            if (f == 20 && name == "e") v = 0
            if (v != 0) line = line " " f ":" v
            x = x (f > 1 ? "," : "") v
        }
        if (i < from) continue
        print line > name ".svm"; print x > name "x.csv"; print c > name "y.csv" } }'
}

# field EXPRESSION VALUE: of the JSON in out.
field() {
    local got
    got=$(jq -c "$1" out) || fail "no JSON: $(cat out)"
    [ "$got" = "$2" ] || fail "$1 is $got, not $2: $(cat out)"
}

# CASE wrong: wrong command lines and files are told in one line, and nothing is written
case_wrong() {
    printf '1 1:1\n0 2:x\n' >a.svm
    wrong 'IN is missing' convert
    wrong 'one OUT.isd is enough' convert a b c
    wrong 'OUT.isd: a.svm is IN itself' convert a.svm a.svm
    ln a.svm b.svm
    wrong 'OUT.isd: b.svm is IN itself' convert a.svm b.svm
    wrong 'index-base: "2" is not a whole number from 0 to 1' convert a.svm --index-base 2
    wrong 'features: "0" is not' convert a.svm --features 0
    wrong 'text: "csv" is not' convert a.svm --text csv
    run 3 convert a.svm a.isd
    [ "$(cat err)" = "ist convert: a.svm: line 2, column 5: expected a finite number, found \"x\"" ] || fail "$(cat err)"
    run 3 convert nosuch.svm a.isd
    run 3 convert a.svm --text xmc
    printf '1,2\n' >c.txt
    run 3 convert c.txt
    grep -q 'neither XMC nor libsvm text' err || fail "$(cat err)"
    [ ! -e a.isd ] || fail "a.isd was written"
    printf '1 1:1\n0 2:2\n' >a.svm
    run 1 convert a.svm nosuch/a.isd
    [ "$(find . -name '*.tmp*')" = "" ] || fail "a temporary file is left"
}

# CASE text: XMC and libsvm text, packed or not, become the same data file, whatever the number of threads
case_text() {
    printf '3 6 4\n2,0 0:1 5:0.25\n 3:2\n3\n' >a.txt
    gzip -k a.txt
    run 0 convert a.txt a.isd --json
    field .rows 3; field .features 6; field .classes 4; field .values 3; field .labels 3; field .format '"xmc"'
    field .in_bytes "$(stat -c %s a.txt)"; field .out_bytes "$(stat -c %s a.isd)"; field '.labels_a_row' 1
    run 0 convert a.txt.gz b.isd --threads 1
    grep -q '^features  *6, 3 values, 1.0 a row' out || fail "$(cat out)"
    cmp a.isd b.isd || fail "another file from packed text"
    run 0 convert a.isd b.isd
    cmp a.isd b.isd || fail "another file from a data file"
    printf '0,2 1:1 6:.25 # one\n4:2e0\n3\n' >a.svm
    run 0 convert a.svm b.isd --json
    cmp a.isd b.isd || fail "another file from libsvm text"
    field .format '"libsvm"'
    printf '2,0 0:1 5:0.25\n3:2\n3\n' >b.svm
    run 0 convert b.svm b.isd --index-base 0
    cmp a.isd b.isd || fail "another file from libsvm text from 0"
    run 0 convert a.svm --features 9 --json
    field .features 9; field .out null
    run 3 convert a.svm --features 5
    run 0 convert a.isd --json
    field .format '"data file"'
}

# CASE train: what is learned from sparse files is what is learned from the same rows as csv, to the last byte
case_train() {
    local words="--hidden 16 --epochs 3 --batch 20 --seed 5"
    make t 0 300
    make e 300 400
    run 0 convert t.svm t.isd
    # shellcheck disable=SC2086
    run 0 train --train tx.csv:ty.csv --test ex.csv:ey.csv $words --model csv.ist
    for file in t.svm t.isd; do
        # shellcheck disable=SC2086
        run 0 train --train $file --test e.svm $words --model sparse.ist # e.svm has 19 features
        cmp csv.ist sparse.ist || fail "another model from $file"
    done
    run 0 eval csv.ist --data ex.csv:ey.csv --json
    jq 'del(.seconds, .gflops)' out >csv.json
    run 0 eval csv.ist --data e.svm --json
    jq 'del(.seconds, .gflops)' out | cmp - csv.json || fail "another evaluation"
    run 0 predict csv.ist --data ex.csv --out csv.npy
    run 0 predict csv.ist --data e.svm --out svm.npy
    cmp csv.npy svm.npy || fail "other predictions"
}

# CASE refuse: what cannot be trained on yet is told with what was found
case_refuse() {
    printf '1 1:1\n0,2 2:1\n' >a.svm
    wrong '--normalize: sparse rows are taken as they are' train --train a.svm --hidden 4 --normalize zscore
    wrong '--output-norm: rows with lists of labels need an output without norm' train --train a.svm --hidden 4 --output-norm batch
    run 2 train --train a.svm --hidden none --output-norm none
    grep -q 'sparse rows need a net with a hidden layer' err || fail "$(cat err)"
    run 2 train --train a.svm --hidden 4 --engine reference --rounds 1
    grep -q 'need the native engine' err || fail "$(cat err)"
    printf '1 1:1\n1:1\n0 2:-1\n' >a.svm
    run 3 train --train a.svm --hidden 4 --log1p
    grep -q 'a.svm: row 3, feature 1: the value -1 has no log(1 + value)' err || fail "$(cat err)"
    printf '1 1:1\n0 2:1\n' >a.svm
    printf '1 1:1\n0 3:1\n' >b.svm
    run 3 train --train a.svm --test b.svm --hidden 4
    grep -q 'b.svm: line 2, column 3: expected a feature from 1 to 2, found "3:1"' err || fail "$(cat err)"
    printf '1,2\n' >x.csv
    run 3 train --train x.csv --hidden 4
    grep -q 'x.csv: has no labels inside' err || fail "$(cat err)"
    wrong '"nosuch" is not X:Y' train --train nosuch --hidden 4
}

# CASE sparse: rows that must stay sparse are trained on, evaluated, predicted; where they need not, sparse is as dense
case_sparse() {
    printf '1 1:1 4:2\n0,2 2:1\n3 3:1\n0 4:1 5:2\n1,3 1:2\n2 5:1\n' >many.svm
    run 0 train --train many.svm --test many.svm --hidden 16 --method sgd --optimizer adam --lr 0.05 --epochs 60 --batch 4 \
        --row-length 1 --model many.ist --log many.jsonl --json
    jq -e '.test.accuracy > 0.9 or .accuracy > 0.9' out >/dev/null || fail "$(cat out)"
    [ "$(jq -r 'select(.event == "start") | .sparse' many.jsonl)" = true ] || fail "the log does not say sparse"
    jq -es '.[-1].report | .planned_bytes == .region_bytes' many.jsonl >/dev/null || fail "bytes: $(tail -n 1 many.jsonl)"
    run 0 eval many.ist --data many.svm --row-length 1 --json
    run 0 predict many.ist --data many.svm --sparse --row-length 1 --top-k 2 --out top.npy
    sed 's/,[0-9]*//' many.svm >one.svm
    run 0 train --train one.svm --hidden 16 --subnets 2 --optimizer sgd --rounds 3 --batch 4 --engine native --normalize none --model dense.ist
    run 0 train --train one.svm --hidden 16 --subnets 2 --optimizer sgd --rounds 3 --batch 4 --engine native --sparse --model sparse.ist
    cmp dense.ist sparse.ist || fail "sparse rows make another net"
}

# CASE real: real extreme-classification sets have the counts that their README tells
case_real() {
    local folder="${IST_SHARED:-}/data"
    for set in wordnet debian; do [ -r "$folder/$set-xmc/train.txt.gz" ] || skip "no $set-xmc in $folder"; done
    run 0 convert "$folder/wordnet-xmc/train.txt.gz" w.isd --json
    field .rows 78464; field .features 55847; field .classes 11993; field .values 1166028; field .labels 80254
    cp out first
    run 0 convert w.isd --json
    [ "$(jq -c '[.rows, .features, .classes, .values, .labels]' out)" = "$(jq -c '[.rows, .features, .classes, .values, .labels]' first)" ] ||
        fail "the data file has other counts: $(cat out)"
    run 0 convert "$folder/debian-xmc/train.txt.gz" --json
    field .rows 45613; field .features 49477; field .classes 20899; field .values 2134559; field .labels 200830
}

case ${1:-} in
    wrong | text | train | refuse | sparse | real) "case_$1" ;;
    *) fail "unknown case '${1:-}'" ;;
esac
