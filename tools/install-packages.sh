#!/usr/bin/env bash
# install-packages.sh [build|demo|test|analyze|perf|fuzz|mpi] - installs the Debian packages that libist needs and that are missing.
#
#   build   compiler, build tools and libraries of the library and the command ist
#   demo    and what makes and reads speech (speak-words, speech-features)
#   test    and all that tools/test.sh runs: CUnit, clang, sanitizers, emulated NUMA machines
#   analyze and what tools/analyze.sh and tools/coverage.sh look at the source with
#   fuzz    and AFL++, for tests/fuzz/run.sh --afl
#   mpi     and what tests/embed/mpi.sh runs ranks with; without, CI skips it
#   perf    and what perf/ draws, compares and profiles with: gnuplot, PyTorch, jq, perf, likwid, bpftrace
#
# Uses apt-get, through sudo when not root.  Says in one line what is missing when it cannot install.
set -u -o pipefail

build="gcc libc6-dev cmake ninja-build pkg-config libhwloc-dev libopenblas-openmp-dev librandom123-dev libjansson-dev
    libxxhash-dev zlib1g-dev"
demo="libespeak-ng-dev espeak-ng-data libsndfile1-dev libfftw3-dev"
# ccache: runs of tools/test.sh that compile the same do it once.
# clang-14 and libomp-14-dev by version: archer (in libomp-14-dev) and the clang must belong together.  qemu, binutils
# and xz-utils are for emulated NUMA machines; systemtap-sdt-dev, likwid and linux-perf for the marks of profilers.
test="ccache libcunit1-dev g++ clang clang-14 libomp-14-dev libomp-dev libclang-rt-14-dev clang-format-14 clang-format
    gfortran python3 doxygen lintian dpkg-dev fakeroot file
    shellcheck valgrind jq mandoc numactl qemu-system-x86 binutils xz-utils systemtap-sdt-dev likwid linux-perf
    python3-numpy python3-onnx"
analyze="clang clang-tidy cppcheck gcovr"
perf="gnuplot-nox python3-torch jq systemtap-sdt-dev likwid linux-perf bpftrace"

fuzz="afl++ llvm-14"
mpi="libopenmpi-dev openmpi-bin"

purpose=${1:-build}
case $purpose in
build) wanted=$build ;;
demo) wanted="$build $demo" ;;
test) wanted="$build $demo $test" ;;
analyze) wanted="$build $demo $test $analyze" ;;
perf) wanted="$build $perf" ;;
fuzz) wanted="$build $demo $test $fuzz" ;;
mpi) wanted="$build $demo $test $mpi" ;;
*)
    printf 'usage: install-packages.sh [build|demo|test|analyze|perf|fuzz|mpi]\n' >&2
    exit 2
    ;;
esac
if [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ]; then wanted=${wanted/qemu-system-x86/} wanted=${wanted/likwid/}; fi

missing=()
for package in $wanted; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
    installed) ;;
    *) missing+=("$package") ;;
    esac
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

fail() {
    printf 'install-packages.sh: %s; missing: %s\n' "$1" "${missing[*]}" >&2
    exit 1
}
command -v apt-get >/dev/null || fail "no apt-get here"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    # sudo may ask for a password if somebody is there to give it.
    if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && [ ! -t 0 ]; }; then fail "needs root, or sudo"; fi
    as_root=(sudo)
fi

printf 'installing: %s\n' "${missing[*]}"
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1
}
# The lists of a fresh machine are empty or old: fetch them, and go on with what there is if that fails.
"${as_root[@]}" apt-get update -qq >"$log" 2>&1
install || { tail -n 5 "$log" >&2; fail "apt-get could not install"; }
