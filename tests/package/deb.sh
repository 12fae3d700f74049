#!/usr/bin/env bash
# deb.sh - Debian packages, as cpack makes them.
#
# CASE packages: built for /usr, packed, looked at by lintian, unpacked, and a program built over them
# CASE refused: a build for another prefix is not packed
# shellcheck source=../e2e/scene.sh
source "$(dirname "$0")/../e2e/scene.sh"
need cmake cpack dpkg-deb dpkg-shlibdeps
cached() { sed -n "s/^$1:[A-Z]*=//p" "$IST_BUILD/CMakeCache.txt"; }

case_refused() {
    if [ "$(cached CMAKE_INSTALL_PREFIX)" = /usr ]; then skip "this build is for /usr"; fi
    [ -f "$IST_BUILD/CPackConfig.cmake" ] || skip "the build has no install rules (IST_INSTALL)"
    cpack -G DEB --config "$IST_BUILD/CPackConfig.cmake" -B "$work/packed" >out 2>&1 && fail "it was packed"
    grep -q 'CMAKE_INSTALL_PREFIX=/usr' out || fail "it does not say why: $(cat out)"
    if find . -name '*.deb' | grep .; then fail "there are packages"; fi
}

control() { dpkg-deb -f "$1" "$2"; }
has() { case ", $(control "$1" "$2"), " in *", $3"[,\ ]*) ;; *) fail "$1: $3 is not in $2: $(control "$1" "$2")" ;; esac }

case_packages() {
    need ninja pkg-config
    # The flags of the other runs, so that a compiler cache has the objects.
    (cd "$IST_SOURCE" && cmake --preset deb -B "$work/build" -DCMAKE_C_COMPILER="$(cached CMAKE_C_COMPILER)" -DIST_WERROR="$(cached IST_WERROR)") >log 2>&1 ||
        fail "configure: $(tail -n 5 log)"
    cmake --build build >log 2>&1 || fail "build: $(tail -n 5 log)"
    mkdir packed
    cpack -G DEB --config build/CPackConfig.cmake -B packed >log 2>&1 || fail "cpack: $(tail -n 20 log)"
    mv packed/*.deb . || fail "no packages: $(cat log)"
    local runtime development tools
    runtime=$(echo libist0_*.deb) development=$(echo libist-dev_*.deb) tools=$(echo ist-tools_*.deb)
    ls -l -- "$runtime" "$development" "$tools" || fail "not these packages: $(ls)"

    has "$runtime" Depends libopenblas0-openmp
    has "$runtime" Depends libgomp1
    has "$runtime" Depends libc6
    if [ "$(cached IST_WITH_HWLOC)" = ON ]; then has "$runtime" Depends libhwloc15; fi
    has "$development" Depends "libist0 (= $(control "$runtime" Version))"
    has "$development" Depends libopenblas-openmp-dev
    has "$tools" Depends "libist0 (= $(control "$runtime" Version))"
    dpkg-deb -I "$runtime" shlibs | grep -q '^libist 0 libist0 (>= ' || fail "no shlibs"
    dpkg-deb -I "$runtime" triggers | grep -q ldconfig || fail "no trigger for ldconfig"

    dpkg-deb -I "$runtime" symbols | grep -q '^ ist_context_create@IST_0.1 0.1.0$' || fail "no symbols"
    if dpkg-deb -I "$runtime" | grep -E 'postinst|postrm'; then fail "scripts of cpack's own"; fi

    local deb
    for deb in *.deb; do dpkg-deb -x "$deb" root || fail "$deb"; done
    root/usr/bin/ist --version >out 2>&1 && fail "the command has a run path: the loader found libist.so.0"
    LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name libist.so.0)") root/usr/bin/ist --version >out || fail "ist --version"
    zgrep -q 'ist train' root/usr/share/man/man1/ist.1.gz || fail "no manual page"
    grep -q BSD-3-Clause root/usr/share/doc/libist0/copyright || fail "no copyright"
    zgrep -q "^libist ($(control "$runtime" Version))" root/usr/share/doc/libist0/changelog.Debian.gz || fail "no changelog"
    # A program over what was unpacked: the examples of libist-dev by its pkg-config.
    local flags lib
    lib=$(dirname "$(find "$work/root" -name libist.so.0)")
    read -ra flags <<<"$(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --cflags --libs ist)"
    "$(cached CMAKE_C_COMPILER)" -o ring root/usr/share/doc/libist-dev/examples/languages/ring.c "${flags[@]}" || fail "ring.c"
    LD_LIBRARY_PATH=$lib ./ring | grep -q '^right ' || fail "ring does not run"

    command -v lintian >/dev/null || skip "all but lintian: it is not installed"
    lintian --allow-root --fail-on error,warning --tag-display-limit 0 --info -- *.deb >out 2>&1 || fail "lintian: $(cat out)"
    cat out
}

"case_${1:?the name of a case}"
