#!/usr/bin/env bash
# masked.sh - the method masked as the command ist has it: subnets whose steps go through the whole net.
#
# Run as `bash masked.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

awk 'BEGIN { srand(5); for (i = 0; i < 320; i++) { c = int(rand() * 4)
    print c > "y.csv"; line = ""; pairs = c
    for (p = 0; p < 20; p++) { x = 2 * rand() + (int(p / 5) == c) * 0.6
        line = line (p ? "," : "") sprintf("%.3f", x); pairs = pairs sprintf(" %d:%.3f", p + 1, x) }
    print line > "x.csv"; print pairs > "rows.svm" } }'

command=("$ist" train --train x.csv:y.csv --test x.csv:y.csv --hidden 40,24 --method masked --subnets 3 --local-steps 5
    --batch 16 --epochs 12)

# CASE crews: the same model on any teams and threads, as much memory as planned, and it learns
case_crews() {
    local crew
    run 0 --teams 1 --threads 1 --model a.ist --target-accuracy 0.7 --log r.jsonl
    jq -es '.[-1].reason == "target"' r.jsonl >/dev/null || fail "it does not learn: $(tail -n 1 r.jsonl)"
    for crew in "1 2" "2 1" "3 2"; do
        run 0 --teams "${crew% *}" --threads "${crew#* }" --placement none --model b.ist --target-accuracy 0.7 --log r.jsonl
        cmp a.ist b.ist || fail "teams and threads $crew: another model"
        jq -es '.[-1].report | .planned_bytes == .region_bytes' r.jsonl >/dev/null || fail "bytes: $(tail -n 1 r.jsonl)"
    done
}

# CASE resume: broken in the midst, the run comes to the same end; another method does not go on from there
case_resume() {
    run 0 --optimizer adam --lr 0.005 --checkpoint all.ckpt
    run 0 --optimizer adam --lr 0.005 --checkpoint part.ckpt --target-accuracy 0.6 --log part.jsonl
    jq -es '.[-1].reason == "target"' part.jsonl >/dev/null || fail "the target is never reached"
    run 0 --optimizer adam --lr 0.005 --resume part.ckpt --checkpoint part.ckpt
    cmp all.ckpt part.ckpt || fail "resumed: another checkpoint"
    wrong 'method: the checkpoint has masked, this run local-sgd' --optimizer adam --lr 0.005 --method local-sgd --resume part.ckpt
}

# CASE retry: a round whose gradient was not finite is tried again, here and with data parallel, which keep gradients
case_retry() {
    local method
    for method in masked data-parallel; do
        run 0 --method $method --subnets 2 --norm none --output-norm none --optimizer sgd --lr 1e6 --epochs 2 --on-divergence retry \
            --retry-lr-factor 1e-3 --log r.jsonl
        jq -es 'map(select(.event == "round")) | length > 3 and all(.loss < 100)' r.jsonl >/dev/null || fail "$method: $(cat r.jsonl)"
    done
}

# CASE wrong: what it cannot do says so in one line
case_wrong() {
    wrong 'method: not with --loss binary' --loss binary
    wrong 'warmup-epochs: for --method ist' --warmup-epochs 1
    command=("$ist" train --train rows.svm --sparse --hidden 40 --method masked --subnets 3 --epochs 1)
    wrong 'not for sparse rows'
    command=("$ist" info --hidden 40 --method masked)
    wrong 'method masked would take is not predicted' --predict measure
}

declare -F "case_${1:-}" >/dev/null || fail "no case ${1:-}"
"case_$1"
