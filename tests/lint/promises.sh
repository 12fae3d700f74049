#!/usr/bin/env bash
# promises.sh - docs/embedding.md promises what tests hold: a promise is a row of a table that begins with a name in bold, its last
# column the tests, in backquotes, * for any characters.  Each must be a test of this tree, and each test of tests/embed must be
# named; and there are 25 promises or more (LEAST).
# shellcheck source=lint.sh
source "$(dirname "$0")/lint.sh"
page=docs/embedding.md
[ -f "$page" ] || { object "$page is missing"; finish; }

# The names that CMake makes of the sources (tests/CMakeLists.txt).
tests=$(
    for file in tests/unit/test_*.c tests/api/test_*.c tests/embed/test_*.c; do
        [ -f "$file" ] || continue
        kind=${file#tests/} suite=${file##*/test_}
        sed -n "s/^TEST(\([A-Za-z0-9_]*\))\$/${kind%%/*}.${suite%.c}.\1/p" "$file"
    done
    for file in tests/e2e/*.sh tests/numa/*.sh tests/embed/*.sh; do
        [ -f "$file" ] && head -n 1 "$file" | grep -q '^#!' || continue
        kind=${file#tests/} name=${file##*/} name=${name%.sh}
        cases=$(sed -n "s/^# CASE \([A-Za-z0-9_]*\):.*/\1/p" "$file")
        for one in ${cases:-.}; do printf '%s.%s.%s\n' "${kind%%/*}" "${name#test_}" "$one"; done | sed 's/\.\.$//'
    done
    for file in tests/lint/*.sh; do
        [ -f "$file" ] || continue
        name=${file##*/}
        printf 'lint.%s\n' "${name%.sh}"
    done
)

promises=0 wanted=()
while IFS= read -r row; do
    promises=$((promises + 1))
    name=${row#*\*\*} name=${name%%\*\**} name=${name%.}
    column=${row%|} column=${column##*|}
    patterns=$(grep -o '`[^`]*`' <<<"$column" | tr -d '\140')
    [ -n "$patterns" ] || object "$page: \"$name\" names no test"
    while IFS= read -r pattern; do
        [ -n "$pattern" ] || continue
        wanted+=("$pattern")
        expression=${pattern//./\\.}
        grep -qxE -- "${expression//\*/.*}" <<<"$tests" || object "$page: \"$name\": no test is called $pattern"
    done <<<"$patterns"
done < <(grep '^| \*\*' "$page")
[ $promises -ge "${LEAST:-25}" ] || object "$page: $promises promises, expected ${LEAST:-25} or more"

while IFS= read -r test; do
    [ -n "$test" ] || continue
    for pattern in "${wanted[@]}"; do
        # shellcheck disable=SC2254 # it is a pattern
        case $test in $pattern) continue 2 ;; esac
    done
    object "$test: no promise of $page names it"
done < <(grep '^embed\.' <<<"$tests")
finish
