# shellcheck shell=bash
# abi_declared.sh - what a header like ist/ist.h declares, one line a function, constant, structure and member, with
# sizes and places as a compiler has them.  Source it; then `declared HEADER CC SCRATCH_FOLDER`.

# declared_program HEADER CC: a C program that prints the list; the header without comments and macros goes through awk.
declared_program() {
    local header=$1 cc=$2
    printf '#include <stdio.h>\n#include <stddef.h>\n#include "%s"\n#define MEMBER(s, m, type) \\\n' "$header"
    printf '    printf("member %%s.%%s at %%zu size %%zu %%s\\n", #s, #m, offsetof(s, m), sizeof(((s *)0)->m), type)\nint main(void)\n{\n'
    "$cc" -E -P -DIST_API= "$header" | awk '
        function words(text) { gsub(/[ \t]+/, " ", text); gsub(/^ | $/, "", text); return text }
        # A list of parameters without their names.
        function types(list,    n, i, part, all) {
            n = split(list, part, ",")
            for (i = 1; i <= n; i++) {
                part[i] = words(part[i])
                if (part[i] ~ /[ *][a-z_0-9]+$/) sub(/[a-z_0-9]+$/, "", part[i])
                all = all (i > 1 ? ", " : "") words(part[i])
            }
            return all
        }
        function members(name, body,    n, i, k, d, list, part, base, type, member) {
            n = split(body, list, ";")
            for (i = 1; i <= n; i++) {
                d = words(list[i])
                if (d == "") continue
                if (match(d, /\(\*[a-z_0-9]+\)/)) {
                    member = substr(d, RSTART + 2, RLENGTH - 3)
                    type = substr(d, 1, RSTART + 1) ")" substr(d, RSTART + RLENGTH)
                    printf "    MEMBER(%s, %s, \"%s\");\n", name, member, type
                    continue
                }
                k = split(d, part, ",")
                base = part[1]
                sub(/[a-z_0-9]+(\[[^]]*\])*$/, "", base)
                part[1] = substr(part[1], length(base) + 1)
                for (d = 1; d <= k; d++) {
                    member = part[d]
                    type = member
                    gsub(/\[.*| /, "", member)
                    sub(/^[^[]*/, "", type)
                    printf "    MEMBER(%s, %s, \"%s\");\n", name, member, words(base) type
                }
            }
        }
        { text = text " " $0 }
        END {
            n = split(text, piece, ";")
            statement = ""
            for (p = 1; p <= n; p++) {
                statement = statement (statement == "" ? "" : ";") piece[p]
                opened = gsub(/\{/, "{", statement); closed = gsub(/\}/, "}", statement)
                if (opened > closed) continue
                s = words(statement)
                statement = ""
                if (s ~ /^enum \{/) {
                    sub(/^enum \{/, "", s); sub(/\}$/, "", s)
                    k = split(s, part, ",")
                    for (i = 1; i <= k; i++) {
                        sub(/=.*/, "", part[i])
                        name = words(part[i])
                        if (name ~ /^IST_/) printf "    printf(\"constant %s %%d\\n\", (int)%s);\n", name, name
                    }
                } else if (s ~ /^typedef struct \{.*\} ist_[a-z0-9_]+$/) {
                    name = s
                    sub(/.*\} /, "", name)
                    body = s
                    sub(/^typedef struct \{/, "", body); sub(/\}[^}]*$/, "", body)
                    how = body ~ /^ *size_t struct_size;/ ? "may grow" : "fixed"
                    printf "    printf(\"struct %s size %%zu %s\\n\", sizeof(%s));\n", name, how, name
                    members(name, body)
                } else if (s ~ /^typedef .*ist_[a-z0-9_]+/ && s !~ /^typedef struct ist_[a-z0-9_]+ ist_/) {
                    printf "    puts(\"%s\");\n", s
                } else if (match(s, /ist_[a-z0-9_]+ ?\(/) && s !~ /^typedef/) {
                    name = substr(s, RSTART, RLENGTH)
                    sub(/ ?\($/, "", name)
                    list = substr(s, RSTART + RLENGTH)
                    sub(/\)[^)]*$/, "", list)
                    printf "    puts(\"function %s %s (%s)\");\n", name, words(substr(s, 1, RSTART - 1)), types(list)
                }
            }
        }'
    printf '    return 0;\n}\n'
}

declared() {
    local cc=$2 scratch=$3
    declared_program "$1" "$cc" >"$scratch/declared.c" || return 1
    # No sanitizer here, whatever the library was built with: nothing of it is called.
    "$cc" -std=c11 -o "$scratch/declared" "$scratch/declared.c" && "$scratch/declared"
}
