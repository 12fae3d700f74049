# Finds OpenBLAS's OpenMP build.  Distributions ship several builds (serial, pthread, OpenMP) side by side under one
# soname, and plain -lopenblas takes whichever is selected: the serial build is not safe to call from several threads,
# the pthread build serialises callers.  So we take the library from its own folder, and whoever links it needs that
# folder as a run path (OpenBLASOpenMP_LIBRARY_DIR), or the loader may still pick another build.
#
# Override: -DOpenBLASOpenMP_ROOT=PREFIX, or -DOpenBLASOpenMP_LIBRARY=FILE and -DOpenBLASOpenMP_INCLUDE_DIR=FOLDER.
# Result:   target OpenBLASOpenMP::OpenBLASOpenMP, variable OpenBLASOpenMP_LIBRARY_DIR.

# Known names of the folder or of the library itself: Debian (folder), Fedora (libopenblaso), openSUSE (openblas-openmp).
set(_suffixes openblas-openmp lib/openblas-openmp lib64/openblas-openmp)
if(CMAKE_LIBRARY_ARCHITECTURE)
  list(PREPEND _suffixes ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
endif()
find_library(OpenBLASOpenMP_LIBRARY NAMES openblas PATH_SUFFIXES ${_suffixes}
  NO_CMAKE_SYSTEM_PATH NO_SYSTEM_ENVIRONMENT_PATH NO_CMAKE_ENVIRONMENT_PATH DOC "OpenBLAS, OpenMP build")
foreach(_prefix /usr /usr/local)
  foreach(_suffix ${_suffixes})
    find_library(OpenBLASOpenMP_LIBRARY NAMES openblas PATHS ${_prefix}/${_suffix} NO_DEFAULT_PATH)
  endforeach()
endforeach()
find_library(OpenBLASOpenMP_LIBRARY NAMES openblaso)
get_filename_component(OpenBLASOpenMP_LIBRARY_DIR "${OpenBLASOpenMP_LIBRARY}" DIRECTORY)

find_path(OpenBLASOpenMP_INCLUDE_DIR cblas.h
  PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp openblas-openmp openblas DOC "Folder of its cblas.h")

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenBLASOpenMP
  REQUIRED_VARS OpenBLASOpenMP_LIBRARY OpenBLASOpenMP_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "(Debian: libopenblas-openmp-dev)")
mark_as_advanced(OpenBLASOpenMP_LIBRARY OpenBLASOpenMP_INCLUDE_DIR)

if(OpenBLASOpenMP_FOUND AND NOT TARGET OpenBLASOpenMP::OpenBLASOpenMP)
  add_library(OpenBLASOpenMP::OpenBLASOpenMP UNKNOWN IMPORTED)
  set_target_properties(OpenBLASOpenMP::OpenBLASOpenMP PROPERTIES
    IMPORTED_LOCATION "${OpenBLASOpenMP_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${OpenBLASOpenMP_INCLUDE_DIR}")
endif()
