# Read by cpack before it packs: Debian's folders are those of a build that was configured for /usr.
if(CPACK_GENERATOR STREQUAL "DEB" AND NOT CPACK_IST_PREFIX STREQUAL "/usr")
  message(FATAL_ERROR "Debian packages are of a build with -DCMAKE_INSTALL_PREFIX=/usr (cmake --preset deb), not ${CPACK_IST_PREFIX}")
endif()
