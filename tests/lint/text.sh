#!/usr/bin/env bash
# text.sh - sources and documents: no path of somebody's machine, no tab, no blank at the end of a line.
# shellcheck source=lint.sh
source "$(dirname "$0")/lint.sh"
# A folder of the machine the file was written on: it is not there on the next one.
machine_path='(^|[^A-Za-z0-9_.)}~/-])/(work|home|root|Users)(/|[^A-Za-z0-9_.-]|$)'
tab=$(printf '\t')
while IFS= read -r file; do
    while IFS= read -r line; do object "$file:$line: path of a machine"; done < <(grep -nE "$machine_path" "$file")
    while IFS= read -r line; do object "$file:${line%%:*}: blank at the end"; done < <(grep -nE '[[:blank:]]+$' "$file")
    while IFS= read -r line; do object "$file:${line%%:*}: tab"; done < <(grep -nF "$tab" "$file")
done < <(files '*.c' '*.h' '*.inc' '*.cpp' '*.f90' '*.sh' '*.awk' '*.cmake' '*.in' '*.md' '*.json' '*.[137]' \
    CMakeLists.txt run .clang-format .clang-tidy .editorconfig .gitignore)
finish
