#!/usr/bin/env bash
# floors.sh - who may include whom (DESIGN, "Rooms"): a file uses its own room and rooms on lower floors; hwloc stays
# in numa/, cblas in src/math/gemm*.c; what stands outside the library sees <ist/ist.h> alone, but for
# perf/bench_kernels*, which time and verify single kernels: those have no public name, so they see math, and base below.
# No file is called numa.h.
# shellcheck source=lint.sh
source "$(dirname "$0")/lint.sh"

while IFS= read -r file; do
    object "$file: no file is called numa.h, that name is libnuma's"
done < <(files numa.h)

sources=()
while IFS= read -r file; do
    case $file in
    include/* | src/* | numa/* | tools/* | examples/* | perf/* | tests/api/* | tests/embed/*) sources+=("$file") ;;
    esac
done < <(files '*.c' '*.h' '*.inc' '*.cc' '*.cpp' '*.hpp')

if [ ${#sources[@]} -gt 0 ]; then
    while IFS= read -r line; do object "$line"; done < <(awk '
        BEGIN {
            # room: what it may include, itself among it
            may["include"] = " ist "
            may["base"]  = " ist base "
            may["numa"]  = may["base"] "numa "
            may["model"] = may["base"] "model "
            may["data"]  = may["base"] "data "
            may["math"]  = may["base"] "math "
            may["train"] = may["base"] "numa model data math train "
            may["api"]   = may["train"] "api "
            may["kernels"] = may["math"] "perf "
            n = split("ist base numa model data math train api src include tools examples perf tests", names, " ")
            for (i = 1; i <= n; i++) is_room[names[i]] = 1
        }
        function object(what) { printf "%s:%d: %s\n", FILENAME, FNR, what }
        function beside(name,    path, line, there) {
            path = folder "/" name
            there = (getline line < path) >= 0
            close(path)
            return there
        }
        FNR == 1 {
            split(FILENAME, part, "/")
            room = part[1] == "src" ? part[2] : part[1]
            if (FILENAME ~ /^perf\/bench_kernels[^\/]*$/) room = "kernels"
            outside = room ~ /^(tools|examples|perf|tests)$/
            folder = FILENAME
            sub("/[^/]*$", "", folder)
        }
        match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]+[>"]/) {
            name = substr($0, 1, RLENGTH)
            quoted = name ~ /"$/
            sub(/^[^<"]*[<"]/, "", name)
            sub(/[>"]$/, "", name)
            split(name, part, "/")
            target = part[1]

            if (name ~ /^hwloc([\/.]|$)/ && room != "numa") object("hwloc is included under numa/ alone")
            if (name ~ /(^|\/)(cblas|f77blas|lapacke|openblas_config)\.h$/ && FILENAME !~ /^src\/math\/gemm[^\/]*\.c$/)
                object("cblas is included in src/math/gemm*.c alone")

            if (name ~ /\.\./) object("no way up in an include: " name)
            else if (name !~ /\//) {
                if (quoted && !beside(name) && !(FILENAME ~ /^tests\/(api|embed)\// && name == "ist_test.h") &&
                    !(FILENAME ~ /^tests\/embed\// && name == "fixture_run.h"))
                    object("\"" name "\" is not in this folder, write \"room/" name "\"")
            } else if (!(target in is_room)) {
                if (quoted) object("\"" name "\" is no room of ours")
            } else if (outside) {
                if (name != "ist/ist.h" && !(quoted && beside(substr(name, length(target) + 2)) && target == room))
                    object(room " sees <ist/ist.h> alone, not " name)
            } else if (!(room in may)) object("a room that the lint does not know: " room)
            else if (index(may[room], " " target " ") == 0) object(room " does not use " target ": " name)
        }' "${sources[@]}")
fi
finish
