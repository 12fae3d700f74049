#!/usr/bin/env bash
# shell.sh - shell scripts parse, shellcheck has no warning where it is installed, and who says #! can be executed.
# shellcheck source=lint.sh
source "$(dirname "$0")/lint.sh"
scripts=()
while IFS= read -r file; do
    case $file in
    *.sh) scripts+=("$file") ;;
    *) IFS= read -r first <"$file" 2>/dev/null && case $first in '#!'*bash* | '#!'*/sh) scripts+=("$file") ;; esac ;;
    esac
done < <(files '*.sh' '*[!.]*' 2>/dev/null | grep -vE '\.(c|h|md|npy|gz|wav|xml|json|txt)$')
for file in "${scripts[@]}"; do
    IFS= read -r first <"$file"
    case $first in '#!'*) [ -x "$file" ] || object "$file: begins with #! and is not executable" ;; esac
    bash -n "$file" 2>&1 || object "$file: does not parse"
    if command -v shellcheck >/dev/null; then
        # SC2054: a comma in an array is an argument of ours (--hidden 40,24).
        shellcheck -x -P SCRIPTDIR -S warning -e SC2054 "$file" || object "$file: shellcheck"
    fi
done
finish
