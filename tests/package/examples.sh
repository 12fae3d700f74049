#!/usr/bin/env bash
# examples.sh - programs of examples/, and README.md's, built over an installed tree as their first lines say, and run.
# Those of one C compiler, ctest builds and runs as example.*; here they are only built.
#
# CASE c: embed.c, heat.c and hot_loop.c by pkg-config
# CASE fortran: heat.f90, which fails unless its surrogate is 10 x better than linear regression
# CASE ranks: ranks.c, four ranks of MPI
# CASE readme: the twenty lines, what README.md says they print, and that linear regression is 10 x worse
# shellcheck source=../e2e/scene.sh
source "$(dirname "$0")/../e2e/scene.sh"
need cmake pkg-config
[ -f "$IST_BUILD/cmake_install.cmake" ] || skip "the build has no install rules (IST_INSTALL)"
cached() { sed -n "s/^$1:[A-Z]*=//p" "$IST_BUILD/CMakeCache.txt"; }
[ -z "$(cached IST_SANITIZE)" ] || skip "not with sanitizers"
case $(cached BUILD_SHARED_LIBS) in ON | 1 | TRUE | YES) ;; *) skip "libist.so was not built" ;; esac
cc=$(cached CMAKE_C_COMPILER)
unset LD_LIBRARY_PATH DESTDIR
examples=$IST_SOURCE/examples
warn=(-O2 -Wall -Wextra -Wpedantic -Werror)

cmake --install "$IST_BUILD" --prefix "$work/tree" >log 2>&1 || fail "cmake --install: $(tail -n 5 log)"
lib=$(dirname "$(find "$work/tree" -name libist.so)")
export PKG_CONFIG_PATH=$lib/pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs ist) -Wl,-rpath,$lib -lm"
# One core: what these train is too small for more, and other tests have theirs.
alone=()
if command -v taskset >/dev/null; then alone=(taskset -c "$(taskset -cp $$ | sed 's/.*[ ,-]//')"); fi

case_c() {
    local name
    for name in embed heat hot_loop; do
        "$cc" -std=c11 "${warn[@]}" -fopenmp -o "$name" "$examples/$name.c" "${flags[@]}" 2>err || fail "$name: $(cat err)"
    done
}

case_fortran() {
    need gfortran
    gfortran "${warn[@]/-Wpedantic/-std=f2018}" -fopenmp -o heat "$(pkg-config --variable=includedir ist)/ist/ist.f90" "$examples/heat.f90" \
        "${flags[@]}" 2>err || fail "$(cat err)"
    "${alone[@]}" ./heat >out 2>err || fail "heat: $(cat err)"
    cat out
    grep -q 'x less' out || fail "it tells no ratio"
}

case_ranks() {
    need mpicc mpirun
    printf '#include <mpi.h>\nint main(void) { return MPI_Initialized(&(int){0}); }\n' >probe.c
    mpicc -c probe.c 2>/dev/null || skip "mpicc has no mpi.h (tools/install-packages.sh mpi)"
    mpicc -std=c11 -O2 -Wall -Wextra -Werror -o ranks "$examples/ranks.c" "${flags[@]}" 2>err || fail "$(cat err)"
    # As in tests/embed/mpi.sh: one machine without a network, as root, and with more ranks than cores.
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl=self,vader OMPI_MCA_btl_vader_single_copy_mechanism=none
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
    timeout 100 mpirun -n 4 ./ranks >out 2>err || fail "ranks: $(cat out err)"
    cat out
    grep -q '^4 nets' out || fail "not four nets"
}

# The block of README.md that begins with this line, without its indentation.
readme() {
    awk -v first="    $1" '
        $0 == first && !done { on = 1 }
        on && !/^    / { on = 0; done = 1 }
        on { print substr($0, 5) }' "$IST_SOURCE/README.md"
}

case_readme() {
    local net line said
    readme '#include <ist/ist.h>' >surrogate.c
    [ "$(wc -l <surrogate.c)" = 20 ] || fail "not 20 lines, but $(wc -l <surrogate.c)"
    sed 's/net.hidden_count = 2/net.hidden_count = 0/' surrogate.c >line.c
    cmp -s surrogate.c line.c && fail "no hidden_count to change"
    for name in surrogate line; do
        "$cc" "${warn[@]}" -ffp-contract=off -o $name $name.c "$examples/rod.c" "${flags[@]}" 2>err || fail "$name: $(cat err)"
        "${alone[@]}" ./$name >$name.out || fail "$name: status $?"
    done
    cat surrogate.out
    grep -qF "    $(cat surrogate.out)" "$IST_SOURCE/README.md" || fail "README.md says other numbers than: $(cat surrogate.out)"
    net=$(grep -oE '[0-9.]+ K' surrogate.out) line=$(grep -oE '[0-9.]+ K' line.out)
    said=$(grep -F 'hidden_count = 0' "$IST_SOURCE/README.md") # Linear regression ..
    case $said in *"$line"*) ;; *) fail "README.md says another error of linear regression than $line" ;; esac
    awk -v net="${net% K}" -v line="${line% K}" 'BEGIN { exit !(line >= 10 * net) }' || fail "$net is not 10 x below $line"
}

"case_${1:?the name of a case}"
