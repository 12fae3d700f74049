#!/usr/bin/env bash
# abi.sh LIBIST.so - what programs that were built before rely on, against the kept list libist.abi beside this file: the
# SONAME, each exported function with its version and types, the size of each public structure and the place of each
# member, the value of each constant.  It objects to what breaks them, and to what is new and not in the list.
#
#     RENEW=1 bash tests/lint/abi.sh build/dev/lib/libist.so       writes the list anew; look at the difference before you keep it
#
# Structures whose first member is struct_size may grow at their end, and a reserved member may get a name.  Sizes are
# those of 64-bit systems.  CC compiles a program that prints them.  A folder instead of a library is compiled first, and
# has its header and its list inside (that is how the fixture works).
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
library=$1 header=$here/../../include/ist/ist.h kept=$here/libist.abi cc=${CC:-cc}
# shellcheck source=abi_declared.sh
source "$here/abi_declared.sh"
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
if [ -d "$library" ]; then
    header=$library/header.h kept=$library/kept.abi
    "$cc" -shared -fPIC -Wl,-soname,libfixture.so.0 -Wl,--version-script="$library/map" -o "$scratch/lib.so" "$library"/*.c || exit 2
    library=$scratch/lib.so
fi
[ -f "$library" ] || { printf 'no such library: %s\n' "$library"; exit 2; }
for tool in nm readelf; do
    command -v $tool >/dev/null || { printf 'SKIP: %s is not installed\n' $tool; exit 77; }
done
[ "$(getconf LONG_BIT)" = 64 ] || { echo 'SKIP: the list is of 64-bit systems'; exit 77; }

{
    readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/soname \1/p'
    nm -D --defined-only --with-symbol-versions "$library" | awk '$2 != "A" { sub(/@+/, " ", $3); print "version of " $3 }' | sort
    declared "$header" "$cc" "$scratch" || exit 2
} >"$scratch/now"

if [ -n "${RENEW:-}" ]; then
    {
        printf '# The ABI of libist: see abi.sh, which writes this file (RENEW=1) and checks it.\n'
        cat "$scratch/now"
    } >"$kept"
    exit 0
fi
bad=0
# Every function that is declared is there, and nothing else.
awk '/^function/ { print $2 }' "$scratch/now" | sort >"$scratch/functions"
awk '/^version of/ { print $3 }' "$scratch/now" | sort >"$scratch/exported"
while read -r name; do printf 'declared, but not exported: %s\n' "$name"; bad=1; done < <(comm -23 "$scratch/functions" "$scratch/exported")
while read -r name; do printf 'exported, but not declared: %s\n' "$name"; bad=1; done < <(comm -13 "$scratch/functions" "$scratch/exported")

[ -s "$kept" ] || { printf 'no list: %s\n' "$kept"; exit 1; }
awk '
    FNR == NR { if ($0 !~ /^#/) { was[$0] = 1; order[++n] = $0; if ($1 == "struct") size[$2] = $4 }; next }
    { now[$0] = 1; if ($1 == "struct" && ($2 in size) && /may grow$/ && $4 + 0 > size[$2] + 0) grown[$2] = $4 }
    !($0 in was) { new[++m] = $0 }
    END {
        for (i = 1; i <= n; i++) {
            line = order[i]
            if (line in now) continue
            split(line, word, " ")
            if (word[1] == "struct" && (word[2] in grown)) continue
            if (word[1] == "member" && word[2] ~ /\.reserved[0-9]+$/) continue
            printf "breaks programs built before: no more \"%s\"\n", line
            broken = 1
        }
        for (i = 1; i <= m; i++) printf "%s: \"%s\"\n", broken ? "instead, or new" : "new", new[i]
        exit broken || m
    }' "$kept" "$scratch/now" || bad=1
if [ $bad = 1 ]; then
    printf 'What is new goes into the list: RENEW=1 bash tests/lint/abi.sh %s\n' "${1##*/}"
    printf 'What breaks needs another SONAME (SOVERSION in CMakeLists.txt); better, leave the old as it is and append.\n'
fi
exit $bad
