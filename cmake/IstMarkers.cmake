# Markers for profilers: what is found decides, unless IST_WITH_* says otherwise.  Neither is linked.
#   ist_likwid  likwid.h is here: libist begins and ends regions, and the command ist starts likwid under likwid-perfctr -m
#   ist_usdt    sys/sdt.h is here: probes of provider ist
include(CheckIncludeFile)

# ist_find_marker(variable option header package)
function(ist_find_marker variable option header package)
  set(${variable} OFF PARENT_SCOPE)
  if(${option} STREQUAL "AUTO" OR ${option})
    check_include_file(${header} ${variable}_header)
    if(${variable}_header)
      set(${variable} ON PARENT_SCOPE)
    elseif(NOT ${option} STREQUAL "AUTO")
      message(FATAL_ERROR "${option} is ON, but there is no ${header} (Debian: ${package})")
    endif()
  endif()
endfunction()

ist_find_marker(ist_likwid IST_WITH_LIKWID likwid-marker.h likwid)
ist_find_marker(ist_usdt IST_WITH_USDT sys/sdt.h systemtap-sdt-dev)
message(STATUS "markers: likwid ${ist_likwid}, USDT ${ist_usdt}")
