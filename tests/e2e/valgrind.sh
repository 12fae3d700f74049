#!/usr/bin/env bash
# valgrind.sh - a short life of a net under memcheck: trained by two subnets, saved, resumed, evaluated, asked; and a file
# that is refused.  What sanitizers cannot see: the libraries below us, which are not instrumented.
#
# Environment: IST the executable.  Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
need jq

command -v valgrind >/dev/null || skip "valgrind is not installed"
if grep -qa __asan_init "$ist" 2>/dev/null; then skip "the command has a sanitizer of its own"; fi
awk 'BEGIN { srand(3); for (i = 0; i < 60; i++) { line = ""
    for (p = 0; p < 6; p++) line = line (p ? "," : "") sprintf("%.3f", rand() + i % 3)
    print line > "x.csv"; print i % 3 > "y.csv" } }'

# What is lost for good is a leak of ours; what the OpenMP run time still holds at the end is not.
command=(valgrind -q --error-exitcode=99 --leak-check=full "--errors-for-leak-kinds=definite,indirect"
    "--show-leak-kinds=definite,indirect" "$ist")
net=(--train x.csv:y.csv --hidden "16,16" --subnets 2 --threads 2 --teams 1 --batch 8 --local-steps 4 --optimizer adam)
run 0 train "${net[@]}" --epochs 4 --time-limit 0.2s --checkpoint half --quiet
run 0 train "${net[@]}" --epochs 4 --resume half --checkpoint half --model m.ist --test x.csv:y.csv --quiet
run 0 eval m.ist --data x.csv:y.csv
run 0 predict m.ist --data x.csv --out p.npy
head -c 900 m.ist >cut.ist
run 3 eval cut.ist --data x.csv:y.csv
