#!/usr/bin/env bash
# usdt.sh LIBIST.so - a library built with sys/sdt.h has each probe in one place, with four arguments in registers: bpftrace
# and perf do not know every way to address memory.  A folder instead of a library is compiled first (that is how the
# fixture works).
set -u
library=$1
if [ -d "$library" ]; then
    scratch=$(mktemp -d) || exit 2
    trap 'rm -rf "$scratch"' EXIT
    "${CC:-cc}" -shared -fPIC -O1 -o "$scratch/lib.so" "$library"/*.c || exit 2
    library=$scratch/lib.so
fi
command -v readelf >/dev/null || { echo 'SKIP: readelf is not installed'; exit 77; }
notes=$(readelf -n "$library") || exit 2
bad=0
for probe in phase_begin phase_end; do
    arguments=$(awk -v probe="$probe" '$1 == "Provider:" { ours = $2 == "ist" } $1 == "Name:" { here = ours && $2 == probe }
        $1 == "Arguments:" && here { $1 = ""; print }' <<<"$notes")
    case $(grep -c . <<<"$arguments") in
    0) printf 'no probe ist:%s\n' "$probe"; bad=1 ;;
    1) [ "$(wc -w <<<"$arguments")" = 4 ] || { printf 'ist:%s has not four arguments:%s\n' "$probe" "$arguments"; bad=1; } ;;
    *) printf 'ist:%s is in more than one place\n' "$probe"; bad=1 ;;
    esac
    case $arguments in *\(*) printf 'ist:%s has an argument in memory:%s\n' "$probe" "$arguments"; bad=1 ;; esac
done
exit $bad
