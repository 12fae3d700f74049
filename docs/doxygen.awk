# doxygen.awk - the public header as Doxygen wants it.  The comments of ist/ist.h are plain ones; this makes them Doxygen's.
#
#   /* ---- title -- */     a group, up to the next
#   /* text                 before a declaration: its documentation.  The first of all is the main page
#   declaration /* text     documentation of this declaration, enumerator or member
#    * name  text           in a comment: a parameter
#    * Word.  text, Errors: text                a point of a list
# Lines stay lines, so that a warning names the right one.

function told(text) { # a line of a comment, without what opens, leads and closes it
    gsub(/[\\@<>#%*]/, "\\\\&", text)
    if (match(text, /^[a-z_]+  +/)) {
        name = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        gsub(/ /, "", name)
        return "@param " name " " text
    }
    if (match(text, /^[A-Z][a-z]+\.  +/) || match(text, /^Errors: +/)) {
        name = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        gsub(/[.: ]/, "", name)
        return "- **" name "** " text
    }
    gsub(/\.\./, "\\&hellip;", text) # a dot alone would end a list
    return text
}
# The rest of a comment's line, closed where it is closed.
function body(text,    end, after) {
    end = index(text, "*/")
    open = !end
    if (!end) return told(text)
    after = substr(text, end + 2)
    text = substr(text, 1, end - 1)
    sub(/ +$/, "", text)
    return told(text) " */" after
}
BEGIN { first = 1 }
/clang-format off/ { print "/** What to start from: struct_size, and the defaults. */"; next } # it is there for these macros
/clang-format on/ { print ""; next }
match($0, /^\/\* -+ .* -+ \*\/$/) {
    title = $0
    gsub(/^\/\* -+ | -+ \*\/$/, "", title)
    name = title
    gsub(/ /, "_", name)
    print (grouped ? "/** @} */ " : "") "/** @defgroup " name " " toupper(substr(title, 1, 1)) substr(title, 2) " */ /** @{ */"
    grouped = 1
    next
}
open {
    line = $0
    sub(/^ *\* ?/, "", line) || sub(/^ +/, "", line)
    if ($0 ~ /^ *\*\/ *$/) { open = 0; print " */"; next }
    print " * " body(line)
    next
}
/^    size_t struct_size;$/ { print $0 " /**< the size of this structure, as the caller knows it */"; next }
# Several members of one type in a line: what is said behind them is said of all.
/^ +[a-z0-9_]+ [a-z0-9_, ]+,$/ { held = $0; print ""; next } # it goes on in the next line
held != "" { sub(/^ +/, " "); $0 = held $0; held = "" }
/^ +[a-z0-9_]+ [a-z0-9_]+(\[[0-9]+\])?, [^;()]*;/ {
    head = $0
    sub(/;.*/, "", head)
    tail = substr($0, length(head) + 1)
    type = head
    sub(/^ +/, "", type)
    sub(/ .*/, "", type)
    sub(/^ +[a-z0-9_]+ /, "", head)
    count = split(head, member, /, */)
    $0 = ""
    for (i = 1; i <= count; i++) $0 = $0 (i > 1 ? "; " (tail ~ /\/\*/ ? "/**< see " member[count] " */ " : "") : "    ") type " " member[i]
    $0 = $0 tail
}
match($0, /\/\* /) { # not that of a see, which is /**
    before = substr($0, 1, RSTART - 1)
    text = substr($0, RSTART + 3)
    mark = before ~ /[^ ]/ ? "/**< " : "/** "
    if (first) mark = "/** @file */ /** @mainpage "
    first = 0
    print before mark body(text)
    next
}
# The end of the header: the last group is closed before extern "C" is.
/^#ifdef __cplusplus/ && grouped { print "/** @} */"; grouped = 0 }
{ print }
