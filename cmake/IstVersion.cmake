# The version has one home, project(VERSION) in CMakeLists.txt; the header repeats it as a number, and this says when
# the two part ways.
function(ist_check_version header)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
  file(STRINGS ${header} line REGEX "^#define[ ]+IST_VERSION_NUMBER[ ]+[0-9]+")
  string(REGEX MATCH "IST_VERSION_NUMBER[ ]+([0-9]+)" _ "${line}")
  math(EXPR want "10000 * ${PROJECT_VERSION_MAJOR} + 100 * ${PROJECT_VERSION_MINOR} + ${PROJECT_VERSION_PATCH}")
  if(NOT CMAKE_MATCH_1 STREQUAL want)
    message(FATAL_ERROR "IST_VERSION_NUMBER in ${header} is '${CMAKE_MATCH_1}', but project version ${PROJECT_VERSION} is ${want}")
  endif()
endfunction()
