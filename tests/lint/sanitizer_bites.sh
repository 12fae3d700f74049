#!/usr/bin/env bash
# sanitizer_bites.sh PROGRAM REPORT [ARGUMENT] - a program that errs must end badly, with this line in its report.
set -u
program=$1 report=$2
shift 2
output=$("$program" "$@" 2>&1) && { printf 'the error went unseen\n'; exit 1; }
grep -F -- "$report" <<<"$output" || { printf '%s\n' "$output"; exit 1; }
