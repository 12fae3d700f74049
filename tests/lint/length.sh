#!/usr/bin/env bash
# length.sh - a file of the library or the tools has at most 600 lines, or says why not in a comment
# "lint: long because ...".
# shellcheck source=lint.sh
source "$(dirname "$0")/lint.sh"
limit=${LIMIT:-600} # other values are for the fixture
while IFS= read -r file; do
    case $file in src/* | numa/* | tools/*) ;; *) continue ;; esac
    lines=$(wc -l <"$file")
    if [ "$lines" -gt "$limit" ] && ! grep -q 'lint: long because [^ ]' "$file"; then
        object "$file: $lines lines, more than $limit; split it, or say why in a comment 'lint: long because ...'"
    fi
done < <(files '*')
finish
