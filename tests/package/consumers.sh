#!/usr/bin/env bash
# consumers.sh - programs of others over an installed tree: what examples/languages builds from outside of the repository.
# The tree is installed with a prefix, and then moved: nothing in it may know where it was.
#
# CASE tree: what is installed, SONAME and symbol versions, no path of the build in it
# CASE languages: C, C++, Fortran over libist.so and libist.a by find_package, and Python: the same digits
# CASE pkgconfig: C by pkg-config over libist.so and libist.a, Fortran over libist.so, from a DESTDIR
# CASE components: find_package and its components, versions, and projects that are not C
# shellcheck source=../e2e/scene.sh
source "$(dirname "$0")/../e2e/scene.sh"
need cmake ninja
[ -f "$IST_BUILD/cmake_install.cmake" ] || skip "the build has no install rules (IST_INSTALL)"
cached() { sed -n "s/^$1:[A-Z]*=//p" "$IST_BUILD/CMakeCache.txt"; }
[ -z "$(cached IST_SANITIZE)" ] || skip "not with sanitizers"
case $(cached BUILD_SHARED_LIBS) in ON | 1 | TRUE | YES) ;; *) skip "libist.so was not built" ;; esac
cc=$(cached CMAKE_C_COMPILER)
unset LD_LIBRARY_PATH DESTDIR

installed() { # DIRECTORY [OPTIONS..]: the tree, somewhere else than it was installed to
    local to=$1
    shift
    cmake --install "$IST_BUILD" --prefix "$work/first" "$@" >log 2>&1 || fail "cmake --install: $(tail -n 5 log)"
    mv first "$to"
}

configure() { # BUILD SOURCE OPTIONS..
    local build=$1 source=$2
    shift 2
    cmake -G Ninja -S "$source" -B "$build" -DCMAKE_PREFIX_PATH="$work/tree" "$@" >log 2>&1
}

case_tree() {
    need readelf nm
    installed tree
    local lib
    lib=$(dirname "$(find tree -name libist.so)")
    [ -L "$lib/libist.so" ] && [ -L "$lib/libist.so.0" ] || fail "libist.so and libist.so.0 are no links: $(ls -l "$lib")"
    for file in include/ist/ist.h include/ist/ist.f90 bin/ist "${lib#tree/}/libist.a" "${lib#tree/}/cmake/ist/ist-config.cmake" \
        "${lib#tree/}/pkgconfig/ist.pc" "${lib#tree/}/pkgconfig/ist-static.pc" share/man/man1/ist.1; do
        [ -f "tree/$file" ] || fail "not installed: $file"
    done
    readelf -d "$lib/libist.so" | grep -q 'SONAME.*\[libist.so.0\]' || fail "the SONAME is not libist.so.0"
    nm -D --defined-only "$lib/libist.so" | grep -q ' ist_context_create@@IST_0.1$' || fail "ist_context_create has no version"
    # Debug information tells where the source was: texts and symbols of programs may not.
    cp -r tree plain
    find plain -name 'lib*.so*' -type f -exec strip --strip-debug {} + -o -path '*/bin/*' -exec strip --strip-debug {} +
    find plain -name 'lib*.a' -delete
    # clang writes the source of each parallel region into it, for libomp.
    case $("$cc" --version) in *clang*) find plain \( -name 'lib*.so*' -o -path '*/bin/*' \) -delete ;; esac
    if grep -rlF -e "$IST_BUILD" -e "$IST_SOURCE" -e "$work/first" plain; then fail "these know a path of the build"; fi
    "tree/bin/ist" --version >out 2>&1 || fail "the command does not find its library: $(cat out)"
    # Each component alone, and nothing that is in two of them or in none.
    local component
    for component in runtime development tools; do
        installed "$component" --component "$component"
        (cd "$component" && find . ! -type d) >>parts
    done
    (cd tree && find . ! -type d) | sort >whole
    sort parts | diff whole - || fail "components are not the parts of the whole"
    (cd runtime && find . ! -type d) | grep -v '/libist\.so\.0' && fail "not for the runtime"
    return 0
}

case_languages() {
    installed tree
    cp -r "$IST_SOURCE/examples/languages" ring
    local languages='C' name begin=$SECONDS
    cxx=$(command -v g++ || command -v clang++ || command -v c++) && languages+=';CXX'
    command -v gfortran >/dev/null && languages+=';Fortran'
    configure build ring -DLANGUAGES="$languages" -DCMAKE_C_COMPILER="$cc" ${cxx:+-DCMAKE_CXX_COMPILER="$cxx"} -DCMAKE_BUILD_TYPE=Debug \
        -DCMAKE_C_FLAGS='-Wall -Wextra -Wpedantic -Werror' -DCMAKE_CXX_FLAGS='-Wall -Wextra -Wpedantic -Werror' \
        -DCMAKE_Fortran_FLAGS='-Wall -Wextra -Werror' || fail "configure: $(tail -n 20 log)"
    cmake --build build >log 2>&1 || fail "build: $(tail -n 20 log)"
    [ $((SECONDS - begin)) -lt 60 ] || fail "it took $((SECONDS - begin)) s to build them"
    build/ring_C_shared >told 2>err || fail "ring_C_shared: $(cat err)"
    read -r _ right _ rows <told
    [ $((100 * right)) -gt $((92 * rows)) ] || fail "it did not learn: $(head -n 1 told)"
    [ "$(sort -u told | wc -l)" -gt 8 ] || fail "it predicts one and the same: $(cat told)"
    for name in ${languages//;/ }; do
        for form in shared static; do
            ldd "build/ring_${name}_$form" >libraries || fail "ldd"
            case $form/$(grep -c 'libist\.so' libraries) in
            shared/1) grep -qF "$work/tree/" libraries || fail "another libist: $(cat libraries)" ;;
            static/0) ;;
            *) fail "ring_${name}_$form: $(cat libraries)" ;;
            esac
            "build/ring_${name}_$form" >out 2>err || fail "ring_${name}_$form: $(cat err)"
            diff told out || fail "ring_${name}_$form tells other numbers than ring_C_shared"
        done
    done
    printf 'built and run, shared and static: %s\n' "$languages"
    if command -v python3 >/dev/null; then
        IST_LIBRARY=$(find "$work/tree" -name libist.so.0) PYTHONDONTWRITEBYTECODE=1 python3 ring/ring.py >out 2>err || fail "ring.py: $(cat err)"
        diff told out || fail "ring.py tells other numbers"
        # Its structures are those of the header.
        IST_LIBRARY=$(find "$work/tree" -name libist.so.0) PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=ring python3 -c '
import ctypes, ist
for kind in ist.ist_model_config, ist.ist_train_config, ist.ist_evaluation:
    for name, _ in kind._fields_:
        print(f"member {kind.__name__}.{name} at {getattr(kind, name).offset} size {getattr(kind, name).size} ")' >members || fail "members"
        while IFS= read -r line; do
            grep -qF -e "$line" "$IST_SOURCE/tests/lint/libist.abi" || fail "ist.py has another place: $line"
        done <members
        [ -s members ] || fail "no members" # it need not have those that came later
    fi
    case $languages in *CXX*) ;; *) skip "all but C++: no compiler" ;; esac
    case $languages in *Fortran*) ;; *) skip "all but Fortran: gfortran is not installed" ;; esac
    command -v python3 >/dev/null || skip "all but Python: python3 is not installed"
}

case_pkgconfig() {
    need pkg-config
    # A staged tree: what packagers do.
    DESTDIR=$work/stage cmake --install "$IST_BUILD" --prefix /opt/ist >log 2>&1 || fail "cmake --install: $(tail -n 5 log)"
    mv stage/opt/ist tree
    local flags lib ring=$IST_SOURCE/examples/languages/ring.c
    lib=$(dirname "$(find "$work/tree" -name libist.so)")
    export PKG_CONFIG_PATH=$lib/pkgconfig
    [ "$(pkg-config --modversion ist)" = "$("tree/bin/ist" --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)" ] || fail "another version"
    read -ra flags <<<"$(pkg-config --cflags --libs ist)"
    case "${flags[*]}" in *blas* | *hwloc*) fail "a shared libist leaks: ${flags[*]}" ;; esac
    "$cc" -o shared "$ring" "${flags[@]}" -Wl,-rpath,"$lib" || fail "shared: ${flags[*]}"
    ./shared >told || fail "shared does not run"
    read -ra flags <<<"$(pkg-config --cflags --libs ist-static)"
    "$cc" -o static "$ring" "${flags[@]}" || fail "ist-static: ${flags[*]}"
    ./static | diff told - || fail "static tells other numbers"
    # --static names all that libist.a wants: enough where no libist.so is.
    mv "$lib"/libist.so* .
    read -ra flags <<<"$(pkg-config --static --cflags --libs ist)"
    "$cc" -o alone "$ring" "${flags[@]}" || fail "--static: ${flags[*]}"
    ./alone | diff told - || fail "alone tells other numbers"
    mv libist.so* "$lib"
    if ldd ./static ./alone | grep libist; then fail "not static"; fi
    command -v gfortran >/dev/null || skip "all but Fortran: gfortran is not installed"
    read -ra flags <<<"$(pkg-config --libs ist)"
    gfortran -o fortran "$(pkg-config --variable=includedir ist)/ist/ist.f90" "${ring%.c}.f90" "${flags[@]}" -Wl,-rpath,"$lib" || fail "Fortran"
    ./fortran | diff told - || fail "Fortran tells other numbers"
}

# A project of these languages that finds ist with these words, and then says what there is.
project() { # LANGUAGES WORDS
    mkdir -p project
    cat >project/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.16)
project(other LANGUAGES $1)
find_package(ist $2)
foreach(target ist::ist ist::ist_static)
  if(TARGET \${target})
    get_target_property(type \${target} TYPE)
    message(STATUS "\${target} is a \${type}")
  endif()
endforeach()
END
    rm -rf other
    configure other project
}

case_components() {
    installed tree
    project C '0.1 REQUIRED' || fail "$(tail log)"
    grep -q 'ist::ist is a SHARED_LIBRARY' log || fail "not shared: $(cat log)"
    if grep -q 'ist_static' log; then fail "static, and nobody asked"; fi
    project C 'REQUIRED COMPONENTS static' || fail "$(tail log)"
    grep -q 'ist::ist_static is a STATIC_LIBRARY' log || fail "not static: $(cat log)"
    project C '0.2 REQUIRED' && fail "0.1 is no 0.2"
    project C 'REQUIRED COMPONENTS shared sparse' && fail "there is no component sparse"
    grep -q 'sparse' log || fail "the missing component is not named: $(cat log)"
    if command -v g++ >/dev/null; then project CXX 'REQUIRED COMPONENTS static' || fail "C++ alone: $(tail log)"; fi
    if command -v gfortran >/dev/null; then project Fortran 'REQUIRED COMPONENTS static' || fail "Fortran alone: $(tail log)"; fi
}

"case_${1:?the name of a case}"
