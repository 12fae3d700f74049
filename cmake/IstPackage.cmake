# Debian packages: cmake --preset deb && cmake --build --preset deb && (cd build/deb && cpack -G DEB)
#   libist0      libist.so.0                       component runtime
#   libist-dev   header, libist.a, CMake, examples  component development
#   ist-tools    the command, man pages            component tools
# debian/stage.cmake and debian/finish.cmake add what Debian wants beside that.  IST_DEB_MAINTAINER signs.
set(IST_DEB_MAINTAINER "The libist authors <maintainers@libist.invalid>" CACHE STRING "Who packs: NAME <ADDRESS>")
mark_as_advanced(IST_DEB_MAINTAINER)
set(soversion ${PROJECT_VERSION_MAJOR})

set(CPACK_PACKAGE_NAME libist)
set(CPACK_PACKAGE_VENDOR "The libist authors")
set(CPACK_PACKAGE_CONTACT "${IST_DEB_MAINTAINER}")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL runtime development)
if(NOT BUILD_SHARED_LIBS)
  list(REMOVE_ITEM CPACK_COMPONENTS_ALL runtime)
endif()
if(IST_BUILD_TOOLS)
  list(APPEND CPACK_COMPONENTS_ALL tools)
endif()
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/stage.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/finish.cmake)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/debian/check.cmake)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(release 0ist1) # packed here, not by Debian
set(CPACK_DEBIAN_PACKAGE_RELEASE ${release})
set(CPACK_DEBIAN_PACKAGE_SOURCE libist)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_LIBRARY_OUTPUT_DIRECTORY} ${OpenBLASOpenMP_LIBRARY_DIR})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # the first lines of those below
set(whole "Independent subnet training deals the hidden neurons of a wide net to
teams of threads, one a NUMA node, which train them without traffic
between nodes. What comes out does not depend on how many there are.")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libist${soversion})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
# All builds of OpenBLAS have one soname, and ours is not the one that the loader would find.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "libopenblas0-openmp")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "training of multilayer perceptrons on NUMA servers - library
${whole}")

set(needs_library)
if(BUILD_SHARED_LIBS)
  set(needs_library "libist${soversion} (= ${PROJECT_VERSION}-${release}), ")
endif()
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libist-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${needs_library}libopenblas-openmp-dev, zlib1g-dev, libjansson-dev")
if(IST_WITH_HWLOC)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libhwloc-dev")
endif()
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "training of multilayer perceptrons on NUMA servers - development
${whole}

Header, Fortran module, static library, CMake package, pkg-config, examples.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME ist-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION science)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "${needs_library}libopenblas0-openmp")
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "training of multilayer perceptrons on NUMA servers - commands
${whole}

The command ist trains, evaluates and predicts, and tells how it would use
a machine.")

# For check.cmake and stage.cmake.
set(CPACK_IST_SOURCE_DIR ${PROJECT_SOURCE_DIR})
set(CPACK_IST_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_IST_LIBDIR ${CMAKE_INSTALL_LIBDIR})
set(CPACK_IST_BLAS_DIR ${OpenBLASOpenMP_LIBRARY_DIR})
set(CPACK_IST_SONAME libist.so.${soversion})
set(CPACK_IST_SONAME_FILE libist.so.${PROJECT_VERSION})
set(CPACK_IST_STRIP ${CMAKE_STRIP})
include(CPack)
