#!/usr/bin/env bash
# random.sh [CASE] - functions of the library in random order with random arguments (random_calls.c).
#
# More of them, with other seeds:  IST_SOURCE=. build/asan/bin/random_calls 100000 7
# CASE calls: 2,000 of them
# CASE other_seed: 1,000 that are others
set -u
[ -n "${RANDOM_CALLS:-}" ] || { printf 'SKIP: random_calls is not built\n'; exit 77; }
case ${1:-calls} in
calls) "$RANDOM_CALLS" 2000 1 ;;
other_seed) "$RANDOM_CALLS" 1000 20260101 ;;
*) printf 'no such case: %s\n' "$1" >&2; exit 2 ;;
esac
