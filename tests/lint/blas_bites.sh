#!/usr/bin/env bash
# blas_bites.sh WANTED BINARY... - blas.sh must object when the loader finds another library of OpenBLAS's soname first.
set -u
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
: >"$scratch/empty.c"
"${CC:-cc}" -shared -fPIC -Wl,-soname,libopenblas.so.0 -o "$scratch/libopenblas.so.0" "$scratch/empty.c" || exit 2
if output=$(LD_LIBRARY_PATH=$scratch bash "$here/blas.sh" "$@"); then
    printf 'did not object: %s\n' "$output"
    exit 1
fi
printf '%s\n' "$output"
grep -qF "loads $scratch/libopenblas.so.0" <<<"$output"
