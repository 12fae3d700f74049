#!/usr/bin/env bash
# nohwloc.sh LIBIST.so - a library built without hwloc asks for none of its functions.
set -u
symbols=$(nm -D --undefined-only "$1") || exit 2
! grep -E '[[:blank:]]hwloc_' <<<"$symbols"
