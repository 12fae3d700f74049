#!/usr/bin/env bash
# symbols.sh LIBIST.so - what the library gives to its host and what it may do to it: exports ist_* (not ist__*) only,
# and imports nothing that ends the process, prints, or changes state that is the host's.  A folder instead of a library
# is compiled first (that is how the fixture works).
set -u
library=$1
if [ -d "$library" ]; then
    scratch=$(mktemp -d) || exit 2
    trap 'rm -rf "$scratch"' EXIT
    "${CC:-cc}" -shared -fPIC -O1 -o "$scratch/lib.so" "$library"/*.c || exit 2
    library=$scratch/lib.so
fi
[ -f "$library" ] || { printf 'no such library: %s\n' "$library"; exit 2; }

bad=0
# Versions stand in the table, too, as absolute names.
exported=$(nm -D --defined-only "$library" | awk '!($2 == "A" && $3 ~ /^IST_[0-9.]+$/) { sub(/@.*/, "", $NF); print $NF }') || exit 2
while IFS= read -r name; do
    case $name in
    ist__*) printf 'exports an internal name: %s\n' "$name"; bad=1 ;;
    ist_*) ;;
    *) printf 'exports a name that is not ist_*: %s\n' "$name"; bad=1 ;;
    esac
done <<<"$exported"

imported=$(nm -D --undefined-only "$library" | awk '{ sub(/@.*/, "", $NF); print $NF }') || exit 2
while IFS= read -r name; do
    plain=$name # without what fortification and C11 aliases add
    case $name in __*_chk) plain=${name#__} plain=${plain%_chk} ;; esac
    case $plain in
    exit | _exit | _Exit | quick_exit | abort | __assert_fail | __assert_perror_fail) why='ends the process' ;;
    printf | vprintf | fprintf | vfprintf | dprintf | vdprintf | puts | putchar | putchar_unlocked | perror) why='prints' ;;
    stdout | stderr | stdin) why="the host's stream" ;;
    rand | srand | random | srandom | drand48 | srand48 | lrand48 | mrand48) why="the host's random numbers" ;;
    signal | sigaction | __sysv_signal | __bsd_signal | sigprocmask | sigaltstack | setitimer | alarm | setlocale | uselocale | \
        setenv | putenv | unsetenv | clearenv | chdir | fchdir | umask | setrlimit | fesetround | feenableexcept | mallopt)
        why="the host's settings" ;;
    omp_set_* | kmp_set_* | openblas_set_num_threads* | goto_set_num_threads) why="the host's threads" ;;
    *) continue ;;
    esac
    printf 'imports %s (%s)\n' "$name" "$why"
    bad=1
done <<<"$imported"
exit $bad
