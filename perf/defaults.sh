#!/usr/bin/env bash
# defaults.sh IST FOLDER - the runs behind docs/defaults.md, as a table in Markdown.
#
#   IST     the program
#   FOLDER  Arabic Speech Commands as idx files: train-, val-, test-logmel32x32.idx3.gz and -labels.idx1.gz
#
# Accuracies are repeatable to the last digit, on every machine.  About 30 runs of 5 to 30 seconds on two cores.
set -u -o pipefail
[ $# -eq 2 ] || { printf 'usage: defaults.sh IST FOLDER\n' >&2; exit 2; }
ist=$1 data=$2

split() { printf '%s' "$data/$1-logmel32x32.idx3.gz:$data/$1-labels.idx1.gz"; }

# row OPTIONS..: one run
row() {
    local out accuracies
    out=$("$ist" train --train "$(split train)" --valid "$(split val)" --test "$(split test)" --hidden 2048 \
        --eval-every 0 --quiet --json "$@") || { printf 'defaults.sh: %s failed\n' "$*" >&2; exit 1; }
    accuracies=$(jq -r '.final | [.valid.accuracy, .test.accuracy] | map(. * 10000 | round / 10000 | tostring) | join(" | ")' <<<"$out")
    printf '| `%s` | %s |\n' "$*" "$accuracies"
}

printf '| options | valid | test |\n|---|---|---|\n'
for seed in 1 2 3; do row --subnets 4 --seed $seed; done
for lr in 0.03 0.1 1; do row --subnets 4 --lr $lr; done
for steps in 10 25 100 200; do row --subnets 4 --local-steps $steps; done
for batch in 32 64; do row --subnets 4 --batch $batch; done
row --subnets 4 --output-norm none
row --subnets 4 --output-norm none --lr 0.1
row --subnets 4 --output-norm none --lr 0.3 --batch 32
for policy in replicate shared; do row --subnets 4 --data $policy; done
row --subnets 4 --data shared --local-steps 100
row --subnets 4 --state reset
row --subnets 4 --weight-decay 0.0005
row --subnets 4 --normalize zscore
for lr in 0.3 1 3; do row --subnets 4 --optimizer sgd --lr $lr; done
for lr in 0.001 0.003 0.01; do row --subnets 4 --optimizer adam --lr $lr; done
for subnets in 2 8; do row --subnets $subnets; done
for seed in 1 2 3; do row --method sgd --seed $seed; done
row --method sgd --lr 0.1
row --method sgd --output-norm none --lr 0.1
