#!/usr/bin/env bash
# blas.sh WANTED LIBIST.so PROGRAM... - the OpenBLAS that the loader gives each is the build we linked.  All builds
# share a soname, so a lost run path shows nowhere else than here and in wrong or slow results.  The library must have
# one; a program (a unit test that needs no matrix product) may do without.
set -u
wanted=$(readlink -f "$1") library=$2
shift
bad=0
for binary; do
    loaded=$(ldd "$binary" | awk '$1 ~ /^libopenblas/ { print $3 }')
    if [ -z "$loaded" ] && [ "$binary" != "$library" ]; then continue; fi
    if [ "$(readlink -f "${loaded:-/nonexistent}")" = "$wanted" ]; then
        printf '%s: %s\n' "${binary##*/}" "$loaded"
    else
        printf '%s: loads %s, want %s\n' "${binary##*/}" "${loaded:-no OpenBLAS}" "$wanted"
        bad=1
    fi
done
exit $bad
