# shellcheck shell=bash
# coretype.sh - names the kernels of OpenBLAS unless the caller has done so (OPENBLAS_CORETYPE): versions that do not know
# a processor choose slower ones, and a comparison must say which ones it had.
if [ "$(uname -m)" = x86_64 ] && [ -z "${OPENBLAS_CORETYPE:-}" ]; then
    OPENBLAS_CORETYPE=Haswell
    if grep -qw avx512f /proc/cpuinfo; then OPENBLAS_CORETYPE=SkylakeX; fi
    export OPENBLAS_CORETYPE
fi
