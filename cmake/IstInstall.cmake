# Install rules: library, header, man pages, and the two ways to find us (CMake package, pkg-config).
include(CMakePackageConfigHelpers)
set(ist_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ist)

install(TARGETS ist EXPORT ist-targets
  FILE_SET HEADERS COMPONENT development
  RUNTIME COMPONENT runtime
  LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE COMPONENT development)
install(EXPORT ist-targets NAMESPACE ist:: DESTINATION ${ist_cmake_dir} COMPONENT development)
if(EXISTS ${PROJECT_SOURCE_DIR}/include/ist/ist.f90)
  install(FILES ${PROJECT_SOURCE_DIR}/include/ist/ist.f90 DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ist COMPONENT development)
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/ist-config.cmake.in ${PROJECT_BINARY_DIR}/ist-config.cmake
  INSTALL_DESTINATION ${ist_cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ist-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ist-config.cmake ${PROJECT_BINARY_DIR}/ist-config-version.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindOpenBLASOpenMP.cmake DESTINATION ${ist_cmake_dir} COMPONENT development)

set(requires "zlib, jansson")
if(IST_WITH_HWLOC)
  string(APPEND requires ", hwloc >= 2.5")
endif()
get_filename_component(blas ${OpenBLASOpenMP_LIBRARY} NAME_WE)
string(REGEX REPLACE "^lib" "" blas ${blas})
set(libs "-L${OpenBLASOpenMP_LIBRARY_DIR} -l${blas} -Wl,-rpath,${OpenBLASOpenMP_LIBRARY_DIR} ${OpenMP_C_FLAGS} -lm")
# What the shared library keeps to itself, whoever links a static one has to link too.
if(BUILD_SHARED_LIBS)
  set(ist_pc_lines "Requires.private: ${requires}\nLibs.private: ${libs}\nLibs: -L\${libdir} -list")
else()
  set(ist_pc_lines "Requires: ${requires}\nLibs: -L\${libdir} -list ${libs}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/ist.pc.in ${PROJECT_BINARY_DIR}/ist.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ist.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

foreach(section 1 3 7)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.${section})
  if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT runtime)
  endif()
endforeach()
