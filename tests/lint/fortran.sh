#!/usr/bin/env bash
# fortran.sh ROOT - include/ist/ist.f90 says what include/ist/ist.h says: all functions with types that fit, all constants
# with their values, all types with each member at its place and its default.  CC and FC are the compilers.
# shellcheck source=lint.sh
source "$(dirname "$0")/lint.sh"
# shellcheck source=abi_declared.sh
source "$here/abi_declared.sh"
cc=${CC:-cc} fc=${FC:-gfortran} header=$root/include/ist/ist.h module=$root/include/ist/ist.f90
command -v "$fc" >/dev/null || skip "$fc is not installed (tools/install-packages.sh test)"
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
declared "$header" "$cc" "$scratch" >"$scratch/c" || exit 2

# Statements in one line each, without comments.
awk '{ sub(/^ */, ""); sub(/ *!.*$/, "") } /&$/ { sub(/&$/, ""); held = held $0; next } { print held $0; held = "" }' \
    "$module" >"$scratch/statements"

# Functions: a line `name result (argument, ..)` of each side, in words that both know; * is any one pointer.
awk '/^function/ {
    name = $2
    text = $0
    sub(/^function [^ ]* /, "", text)
    gsub(/const /, "", text); gsub(/ist_status/, "int32_t", text); gsub(/uint64_t/, "int64_t", text); gsub(/ist_fill_fn/, "ist_round_fn", text)
    gsub(/(ist_context|ist_dataset|ist_model|ist_predictor|ist_trainer|void) \*\*/, "**", text)
    gsub(/(ist_context|ist_dataset|ist_model|ist_predictor|ist_trainer|void) \*/, "*", text)
    result = text; sub(/ \(.*/, "", result)
    if (result ~ /\*$/) result = "*"
    sub(/^[^(]*/, "", text)
    sub(/\(void\)/, "()", text)
    print name, result, text
}' "$scratch/c" | sort >"$scratch/functions.c"
awk '
    function key(declaration) {
        if (declaration ~ /^type\(c_ptr\), *value/) return "*"
        if (declaration ~ /^type\(c_ptr\)/) return "**"
        if (declaration ~ /^type\(c_funptr\), *value/) return "ist_round_fn"
        word = declaration
        sub(/^[a-z]+\((kind=)?/, "", word); sub(/\).*/, "", word)
        sub(/^c_/, "", word)
        return word (declaration ~ /, *value/ ? "" : " *")
    }
    /^interface/ { inside = 1 }
    /^contains/ { inside = 0 }
    !inside { next }
    match($0, /^(function|subroutine) ist_[a-z0-9_]+\(/) {
        name = $2; sub(/\(.*/, "", name)
        list = $0; sub(/^[^(]*\(/, "", list); sub(/\).*/, "", list)
        result = /^function/ ? "?" : "void"
        split("", type)
    }
    /::/ {
        declaration = $0; sub(/ *::.*/, "", declaration)
        names = $0; sub(/.*:: */, "", names)
        n = split(names, part, / *, */)
        for (i = 1; i <= n; i++) {
            sub(/\(.*/, "", part[i])
            if (part[i] == name) { result = key(declaration); sub(/ \*$/, "", result); if (result == "**") result = "*" }
            else type[part[i]] = key(declaration)
        }
    }
    /^end (function|subroutine)/ {
        n = split(list, part, / *, */)
        all = ""
        for (i = 1; i <= n; i++) all = all (i > 1 ? ", " : "") type[part[i]]
        print name, result, "(" all ")"
    }' "$scratch/statements" | sort >"$scratch/functions.f"
while IFS= read -r line; do object "$line"; done < <(awk '
    # A pointer to numbers may be type(c_ptr), value where the library keeps it.
    function fits(c, f,    n, i, a, b) {
        gsub(/[()]/, "", c); gsub(/[()]/, "", f)
        n = split(c, a, ", ")
        if (split(f, b, ", ") != n) return 0
        for (i = 1; i <= n; i++) if (a[i] != b[i] && !(b[i] == "*" && a[i] ~ /[^*]\*$/)) return 0
        return 1
    }
    { text = $0; sub(/^[^ ]* [^ ]* /, "", text) }
    FNR == NR { result[$1] = $2; list[$1] = text; next }
    { seen[$1] = 1 }
    !($1 in list) { print "ist.f90: " $1 " is no function of ist.h"; next }
    result[$1] != $2 || !fits(list[$1], text) { print "ist.f90: " $1 " is " $2 " " text ", want " result[$1] " " list[$1] }
    END { for (name in list) if (!(name in seen)) print "ist.f90: no function " name }' "$scratch/functions.c" "$scratch/functions.f" | sort)

# Constants and types: a program prints them as abi_declared.sh does, and hands each type with its defaults to C.
awk '
    function variables(text,    depth, i, c, one) { # names of a declaration, without defaults and shapes
        count = 0; depth = 0; one = ""
        for (i = 1; i <= length(text) + 1; i++) {
            c = substr(text, i, 1)
            if (c == "(") depth++
            if (c == ")") depth--
            if (i > length(text) || (c == "," && depth == 0)) {
                sub(/=.*/, "", one); sub(/\(.*/, "", one); gsub(/ /, "", one)
                list[++count] = one
                one = ""
            } else one = one c
        }
    }
    BEGIN {
        print "program check\n  use ist\n  implicit none"
        print "  interface\n    subroutine defaults(name, bytes) bind(c)\n      import\n      character(kind=c_char), intent(in) :: name(*)"
        print "      type(c_ptr), value :: bytes\n    end subroutine\n  end interface"
    }
    /^integer\(c_int32_t\), parameter ::/ {
        sub(/.*:: */, "")
        variables($0)
        for (i = 1; i <= count; i++) body = body "  write(*, \"(3a,i0)\") \"constant \", \"" list[i] "\", \" \", " list[i] "\n"
    }
    /^type, bind\(c\) ::/ {
        type = $NF
        print "  type(" type "), target, save :: v_" type
        body = body "  write(*, \"(a,i0)\") \"struct " type " size \", c_sizeof(v_" type ")\n"
        body = body "  call defaults(\"" type "\" // c_null_char, c_loc(v_" type "))\n"
        next
    }
    /^end type/ { type = "" }
    type != "" && /::/ {
        sub(/.*:: */, "")
        variables($0)
        for (i = 1; i <= count; i++) {
            v = "v_" type "%" list[i]
            body = body "  write(*, \"(2(a,i0))\") \"member " type "." list[i] " at \", &\n    transfer(c_loc(" v "), 0_c_intptr_t) - transfer(c_loc(v_" type \
                "), 0_c_intptr_t), \" size \", c_sizeof(" v ")\n"
        }
    }
    END { printf "%send program\n", body }' "$scratch/statements" >"$scratch/check.f90"
{
    printf '#include <stdio.h>\n#include <string.h>\n#include "%s"\nvoid defaults(const char *name, const void *bytes);\n' "$header"
    printf 'void defaults(const char *name, const void *bytes)\n{\n'
    while read -r type; do
        init=$(awk -v type="$type" '/^#define IST_[A-Z_]+_INIT/ { name = $2 } name != "" && index($0, "sizeof(" type ")") { print name; exit }' "$header")
        if [ -n "$init" ]; then
            printf '    static const %s of_%s = %s;\n' "$type" "$type" "$init"
            printf '    if (!strcmp(name, "%s") && memcmp(bytes, &of_%s, sizeof of_%s)) puts("defaults of %s are not %s");\n' "$type" "$type" "$type" "$type" "$init"
        elif grep -q "^struct $type .* may grow" "$scratch/c"; then
            printf '    if (!strcmp(name, "%s") && *(const size_t *)bytes != sizeof(%s)) puts("struct_size of %s is not its size");\n' "$type" "$type" "$type"
        fi
    done < <(awk '/^struct/ { print $2 }' "$scratch/c")
    printf '    fflush(stdout);\n}\n'
} >"$scratch/defaults.c"
if ! "$cc" -std=c11 -c -o "$scratch/defaults.o" "$scratch/defaults.c" ||
    ! "$fc" -std=f2018 -Wall -Wextra -pedantic -Werror -J"$scratch" -c -o "$scratch/module.o" "$module" ||
    ! "$fc" -std=f2018 -ffree-line-length-none -O0 -I"$scratch" -o "$scratch/check" "$scratch/check.f90" "$scratch/module.o" "$scratch/defaults.o"; then
    object "ist.f90: does not compile"
    finish
fi
# The functions of the module are called nowhere: nothing is undefined.
"$scratch/check" >"$scratch/f" || object "the program that looks at ist.f90 failed"
while IFS= read -r line; do object "ist.f90: $line"; done < <(grep -E '^(defaults|struct_size) ' "$scratch/f")
# An integer constant of the module that is a macro in C.
version=$(awk '$2 == "IST_VERSION_NUMBER" { print "constant IST_VERSION_NUMBER " $3 }' "$header")
while IFS= read -r line; do object "ist.f90: no \"$line\""; done < <(
    { printf '%s\n' "$version"; awk '/^constant/ { print } /^struct/ { print $1, $2, $3, $4 } /^member/ { print $1, $2, $3, $4, $5, $6 }' "$scratch/c"; } |
        grep . | sort | comm -23 - <(grep -E '^(constant|struct|member) ' "$scratch/f" | sort)
)
finish
