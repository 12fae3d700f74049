#!/usr/bin/env bash
# format.sh - C files are as clang-format leaves them.  Versions differ in taste: ours is 14, the one of Debian 12.
# FIX=1 bash tests/lint/format.sh formats the whole tree.  Where a table is better by hand: /* clang-format off */.
# shellcheck source=lint.sh
source "$(dirname "$0")/lint.sh"
tool=$(command -v clang-format-14 || command -v clang-format) || skip "no clang-format (tools/install-packages.sh test)"
case $("$tool" --version) in *'version 14.'*) ;; *) skip "clang-format is not version 14" ;; esac
mapfile -t sources < <(files '*.c' '*.h' '*.inc')
style=--style=file:$here/../../.clang-format
if [ -n "${FIX:-}" ]; then exec "$tool" "$style" -i "${sources[@]}"; fi
for file in "${sources[@]}"; do
    "$tool" "$style" --dry-run -Werror "$file" 2>&1 || object "$file: not formatted; run $(basename "$tool") -i $file"
done
finish
