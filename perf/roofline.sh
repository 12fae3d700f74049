#!/usr/bin/env bash
# roofline.sh OUT.svg [OPTION..] - draws the kernels of a training step under the roof of this machine.
#
#   OUT.svg    the picture; OUT.png makes a PNG
#   OPTION..   for kernels.sh: --size, --samples ..; default: --threads 2
#   CSV=FILE   in the environment: draw this answer of kernels.sh --csv instead of measuring
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd) || exit 1
fail() { printf 'roofline.sh: %s\n' "$1" >&2; exit 1; }
if [ $# -eq 0 ]; then printf 'usage: roofline.sh OUT.svg [options of kernels.sh]\n' >&2; exit 2; fi
out=$1
shift
command -v gnuplot >/dev/null || fail "gnuplot is missing: tools/install-packages.sh perf"

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
csv=${CSV:-}
if [ -z "$csv" ]; then
    if [ $# -eq 0 ]; then set -- --threads 2; fi
    csv=$folder/kernels.csv
    "$here/kernels.sh" --csv "$@" >"$csv" || fail "kernels.sh failed"
fi
terminal='svg size 1000,620 font "Helvetica,13" background "#ffffff"'
case $out in *.png) terminal='pngcairo size 1000,620 font "Helvetica,10" background "#ffffff"' ;; esac
gnuplot -e "csv='$csv'; out='$folder/picture'; set terminal $terminal" "$here/roofline.gp" || fail "gnuplot failed"
mv "$folder/picture" "$out"
