#!/usr/bin/env bash
# doxygen.sh ROOT - the API reference comes out without a warning: every function, constant that is a macro, structure and
# member is documented, and documented parameters exist.
# shellcheck source=lint.sh
source "$(dirname "$0")/lint.sh"
command -v doxygen >/dev/null || skip "doxygen is not installed (tools/install-packages.sh test)"
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
IST_DOCS_VERSION=lint IST_DOCS_OUTPUT=$scratch IST_DOCS_INCLUDE=$root/include IST_DOCS_FILTER=$here/../../docs/doxygen.awk \
    doxygen "$here/../../docs/Doxyfile" >"$scratch/log" 2>&1 || printf '(by doxygen %s)\n' "$(doxygen --version)" >>"$scratch/log"
while IFS= read -r line; do object "${line#"$root"/}"; done <"$scratch/log"
# And it has found the functions at all.
if [ "$(grep -ohE 'id="[a-z0-9]+"' "$scratch"/html/group__*.html | sort -u | wc -l)" -lt 3 ]; then object "the reference is empty"; fi
finish
