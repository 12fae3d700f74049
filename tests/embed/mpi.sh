#!/usr/bin/env bash
# mpi.sh [CASE] - ranks of MPI on this machine, each with a context of its own (mpi_ranks.c).
#
# RANKS: other than 4.  Needs mpicc and mpirun: tools/install-packages.sh mpi.  IST_BUILD: where lib/libist.so is; IST_SOURCE: the checkout.
# CASE four_ranks_with_masks_of_their_own: as a launcher binds them
# CASE four_ranks_with_parts: not bound, each tells its part
set -u
case ${1:-four_ranks_with_masks_of_their_own} in
four_ranks_with_masks_of_their_own) way=mask ;;
four_ranks_with_parts) way=part ;;
*) printf 'no such case: %s\n' "$1" >&2; exit 2 ;;
esac
skip() {
    printf 'SKIP: %s\n' "$*"
    exit 77
}
source=${IST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)} build=${IST_BUILD:-$source/build/dev}
command -v mpicc >/dev/null && command -v mpirun >/dev/null || skip 'no MPI here (tools/install-packages.sh mpi)'
[ -e "$build/lib/libist.so" ] || skip "no shared library in $build/lib"
nm -D "$build/lib/libist.so" | grep -qE '__(asan|tsan)_init' && skip "mpicc does not link what sanitizers instrument"
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
printf '#include <mpi.h>\nint main(void) { return MPI_Initialized(&(int){0}); }\n' >"$scratch/probe.c"
mpicc -c -o "$scratch/probe.o" "$scratch/probe.c" 2>/dev/null || skip "mpicc has no mpi.h (tools/install-packages.sh mpi)"
mpicc -std=gnu11 -O1 -Wall -Wextra -I "$source/include" -o "$scratch/ranks" "$source/tests/embed/mpi_ranks.c" \
    -L "$build/lib" -list -Wl,-rpath,"$build/lib" || exit 1
# One machine without a network is enough; as root and with more ranks than cores, which tests may have.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl=self,vader OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
timeout 100 mpirun -n "${RANKS:-4}" "$scratch/ranks" $way
