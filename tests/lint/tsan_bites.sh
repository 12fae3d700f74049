#!/usr/bin/env bash
# tsan_bites.sh PROGRAM - a program with a race must end with TSan's report.
set -u
output=$("$1" 2>&1) && { printf 'the race went unseen\n'; exit 1; }
grep -F 'WARNING: ThreadSanitizer: data race' <<<"$output" || { printf '%s\n' "$output"; exit 1; }
