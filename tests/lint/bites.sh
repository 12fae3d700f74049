#!/usr/bin/env bash
# bites.sh LINT [NAME] - runs tests/lint/LINT.sh on tests/lint/fixtures/NAME (default LINT), which it must object to.
# The fixture's file `expect` says how: each line must be in the lint's output, a line that starts with ! must not.
set -u
here=$(cd "$(dirname "$0")" && pwd)
lint=$1
fixture=$here/fixtures/${2:-$1}
output=$(bash "$here/$lint.sh" "$fixture" 2>&1)
status=$?
printf '%s\n' "$output"
if [ $status -eq 77 ]; then exit 77; fi
bad=0
[ $status -eq 1 ] || { printf 'bites: exit status %d, want 1\n' "$status"; bad=1; }
[ -s "$fixture/expect" ] || { printf 'bites: %s/expect is missing or empty\n' "$fixture"; bad=1; }
while IFS= read -r line; do
    case $line in
    !*) grep -qF -- "${line#!}" <<<"$output" && { printf 'bites: objects wrongly to: %s\n' "${line#!}"; bad=1; } ;;
    *) grep -qF -- "$line" <<<"$output" || { printf 'bites: does not object to: %s\n' "$line"; bad=1; } ;;
    esac
done <"$fixture/expect"
exit $bad
