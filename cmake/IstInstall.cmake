# Install rules: libraries, header, Fortran module, command, man pages, and the two ways to find us (CMake package,
# pkg-config).  Components: runtime (what a program needs that was linked with libist.so), development, tools.
# All of it finds itself by where it stands: the tree may be moved.
include(CMakePackageConfigHelpers)
set(ist_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ist)

# Of the two forms the one that BUILD_SHARED_LIBS says is ist::ist; libist.a comes beside a shared one as ist::ist_static.
set(ist_form static)
if(BUILD_SHARED_LIBS)
  set(ist_form shared)
  install(TARGETS ist_static EXPORT ist-static-targets ARCHIVE COMPONENT development)
  install(EXPORT ist-static-targets NAMESPACE ist:: DESTINATION ${ist_cmake_dir} COMPONENT development)
endif()
install(TARGETS ist EXPORT ist-targets
  FILE_SET HEADERS COMPONENT development
  RUNTIME COMPONENT runtime
  LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE COMPONENT development)
install(EXPORT ist-targets NAMESPACE ist:: DESTINATION ${ist_cmake_dir} COMPONENT development)
# Source, because a compiled module is of one compiler.
install(FILES ${PROJECT_SOURCE_DIR}/include/ist/ist.f90 DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ist COMPONENT development)

# Whoever links libist.a links the OpenMP that it was compiled for: gcc's by any compiler's flag, libomp by name.
set(ist_omp)
set(openmp ${OpenMP_C_FLAGS})
if("omp" IN_LIST OpenMP_C_LIB_NAMES)
  set(ist_omp ${OpenMP_omp_LIBRARY})
  set(openmp ${OpenMP_omp_LIBRARY})
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/ist-config.cmake.in ${PROJECT_BINARY_DIR}/ist-config.cmake
  INSTALL_DESTINATION ${ist_cmake_dir} PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ist-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ist-config.cmake ${PROJECT_BINARY_DIR}/ist-config-version.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindOpenBLASOpenMP.cmake DESTINATION ${ist_cmake_dir} COMPONENT development)

# pkg-config: ist, and ist-static, which takes libist.a though libist.so is beside it.  What libist.a wants is named here,
# not required: the shared libraries of others will do, and --static would ask for all that theirs want, too.
get_filename_component(blas ${OpenBLASOpenMP_LIBRARY} NAME_WE)
string(REGEX REPLACE "^lib" "" blas ${blas})
set(libs "-L${OpenBLASOpenMP_LIBRARY_DIR} -l${blas} -Wl,-rpath,${OpenBLASOpenMP_LIBRARY_DIR} ${openmp} -lz")
set(flags ${ist_jansson_LDFLAGS})
if(IST_WITH_HWLOC)
  list(APPEND flags ${ist_hwloc_LDFLAGS})
endif()
foreach(flag ${flags})
  if(NOT flag MATCHES "^-L(.*)$" OR NOT CMAKE_MATCH_1 IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
    string(APPEND libs " ${flag}")
  endif()
endforeach()
foreach(library ${CMAKE_DL_LIBS} m)
  string(APPEND libs " -l${library}")
endforeach()
file(RELATIVE_PATH ist_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" ist_pc_prefix ${ist_pc_prefix})
# ist_install_pc(name lines): NAME.pc with these lines about libraries
function(ist_install_pc ist_pc_name ist_pc_lines)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/ist.pc.in ${PROJECT_BINARY_DIR}/${ist_pc_name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${ist_pc_name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endfunction()
if(BUILD_SHARED_LIBS)
  ist_install_pc(ist "Libs: -L\${libdir} -list\nLibs.private: ${libs}")
else()
  ist_install_pc(ist "Libs: -L\${libdir} -list ${libs}")
endif()
ist_install_pc(ist-static "Libs: \${libdir}/libist.a ${libs}")

foreach(section 1 3 7)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.${section})
  if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT tools)
  endif()
endforeach()
