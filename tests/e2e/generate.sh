#!/usr/bin/env bash
# generate.sh - ist generate: synthetic sparse rows.
#
# Run as `bash generate.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

# holds EXPRESSION: is true of the JSON in out
holds() { jq -e "$1" out >/dev/null || fail "not so: $1: $(cat out)"; }

small="--features 300 --labels 50 --values-per-row 12 --labels-per-row 2.5"

# CASE wrong: what cannot be made or written is told in one line before the work
case_wrong() {
    wrong 'OUT is missing' generate
    wrong 'name must have the word synthetic' generate a.txt
    mkdir synthetic
    wrong 'name must have the word synthetic' generate synthetic/a.isd
    wrong 'OUT: synthetic is a folder' generate synthetic
    wrong 'OUT: nosuch/synthetic.isd cannot be written' generate nosuch/synthetic.isd
    wrong 'packed files are not written' generate synthetic.txt.gz
    wrong 'a row of 10 features cannot have 76' generate synthetic.txt --features 10
    wrong 'of 3 labels a row cannot have 5.45' generate synthetic.txt --labels 3
    wrong 'signal: "2" is not' generate synthetic.txt --signal 2
    wrong 'rows: "0" is not' generate synthetic.txt --rows 0
    [ "$(find . -type f ! -name out ! -name err)" = "" ] || fail "a file was written"
}

# CASE rows: text and data file have the same rows, whatever the threads; they begin anywhere, and the seed tells them apart
case_rows() {
    # shellcheck disable=SC2086
    {
        run 0 generate synthetic.txt $small --rows 400 --json
        holds '.synthetic == true and .rows == 400 and .format == "xmc"'
        run 0 generate synthetic.isd $small --rows 400 --threads 1
        grep -q '^synthetic ' out || fail "$(cat out)"
        run 0 convert synthetic.txt from-text.isd # which checks every row
        cmp synthetic.isd from-text.isd || fail "text and data file differ"
        run 0 generate synthetic-2.isd $small --rows 400 --threads 2
        cmp synthetic.isd synthetic-2.isd || fail "another file from two threads"
        run 0 generate synthetic-end.txt $small --rows 100 --first-row 300
        tail -n 100 synthetic.txt | cmp - <(tail -n +2 synthetic-end.txt) || fail "rows depend on where they begin"
        run 0 generate /dev/stdout $small --rows 400 --seed 2
        head -n 401 out | cmp -s - synthetic.txt && fail "the seed changes nothing"
    }
    # Rows that have all that there is end, too.
    run 0 generate synthetic-full.txt --rows 50 --features 12 --values-per-row 12 --labels 3 --labels-per-row 3
    run 0 convert synthetic-full.txt --json
    holds '.values_a_row > 8 and .labels_a_row > 2'
}

# CASE shape: means are those asked for, rows differ, and the most frequent label and feature are as frequent as Zipf says
case_shape() {
    run 0 generate synthetic.txt --rows 8000 --features 1000 --labels 200 --values-per-row 9 --labels-per-row 1 --feature-zipf 0 \
        --label-zipf 1 --signal 0 --json
    holds '.labels_a_row == 1 and .values_a_row > 8.9 and .values_a_row < 9.1'
    # The harmonic number of 200 is 5.878: 1361 rows expected, 136 for the tenth; 8000 * 9 / 1000 = 72 of each feature.
    awk 'NR > 1 { n[$1]++; least = !least || NF < least ? NF : least; most = NF > most ? NF : most
            for (i = 2; i <= NF; i++) { split($i, p, ":"); f[p[1]]++; if (!(p[2] > 0 && p[2] <= 1)) bad = 1 } }
        END { for (l in n) print n[l] | "sort -rn >labels"; for (x in f) print f[x] | "sort -rn >features"
            print least - 1, most - 1, bad + 0 >"rows" }' synthetic.txt
    read -r least most bad <rows
    [ "$least" = 5 ] && [ "$most" = 13 ] && [ "$bad" = 0 ] || [ "$most" = 14 ] || fail "rows of $least to $most values, bad: $bad"
    [ "$(wc -l <features)" = 1000 ] && [ "$(head -n 1 features)" -lt 115 ] || fail "features: $(head -n 3 features)"
    awk 'NR == 1 { ok = $1 > 1230 && $1 < 1490 } NR == 10 { ok = ok && $1 > 95 && $1 < 180 } END { exit !ok }' labels ||
        fail "labels: $(head -n 12 labels | tr '\n' ' ')"
}

# CASE learn: what a net learns holds for rows behind those it was trained on, and for no other seed's
case_learn() {
    local words="--features 500 --labels 20 --values-per-row 12 --labels-per-row 1 --label-zipf 0"
    # shellcheck disable=SC2086
    {
        run 0 generate synthetic-train.isd $words --rows 3000
        run 0 generate synthetic-test.isd $words --rows 500 --first-row 3000
        run 0 generate synthetic-other.isd $words --rows 500 --seed 2
    }
    run 0 train --train synthetic-train.isd --test synthetic-test.isd --hidden 32 --epochs 6 --batch 64 --optimizer adam --lr 0.01 --model m.ist
    run 0 eval m.ist --data synthetic-test.isd --json
    holds '.accuracy > 0.6'
    run 0 eval m.ist --data synthetic-other.isd --json
    holds '.accuracy < 0.15'
}

case ${1:-} in
    wrong | rows | shape | learn) "case_$1" ;;
    *) fail "unknown case '${1:-}'" ;;
esac
