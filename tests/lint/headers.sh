#!/usr/bin/env bash
# headers.sh - every header compiles alone, in any order, in plain C11; the public one also as C++17.
# CC, CXX, CFLAGS (include paths of what is not ours) come from CMake.
# shellcheck source=lint.sh
source "$(dirname "$0")/lint.sh"
cc=${CC:-cc}
read -ra flags <<<"${CFLAGS:-}"
strict=(-fsyntax-only -Wall -Wextra -Wpedantic -Werror -Iinclude -Isrc -I. -Itools -Itests "${flags[@]}")

alone() { # what language-options... : the header $file by itself, twice (include guard)
    local what=$1
    shift
    if ! printf '#include "%s"\n#include "%s"\nextern int ist_lint_not_empty;\n' "$root/$file" "$root/$file" |
        "$@" "${strict[@]}" - 2>&1; then
        object "$file: does not compile alone as $what"
    fi
}

while IFS= read -r file; do
    case $file in include/* | src/* | numa/* | tools/* | tests/* | perf/* | examples/*) ;; *) continue ;; esac
    # Helpers of tests are compiled as part of a test, which says which system interfaces it wants.
    case $file in tests/*) system=(-D_GNU_SOURCE -fopenmp -Itests/api) ;; *) system=() ;; esac
    alone C11 "$cc" -xc -std=c11 "${system[@]}"
    case $file in include/*)
        alone "C11 with -Wconversion" "$cc" -xc -std=c11 -Wconversion -Wshadow -Wstrict-prototypes
        if [ -n "${CXX:-}" ]; then alone C++17 "$CXX" -xc++ -std=c++17 -Wconversion -Wshadow; fi
        ;;
    esac
done < <(files '*.h')
finish
