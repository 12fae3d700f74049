# What every target of this project is compiled with.

# ist_sanitize(target PUBLIC|PRIVATE): the sanitizers of IST_SANITIZE.  PUBLIC on libraries, because whoever links an
# instrumented library needs the run time too.
function(ist_sanitize target scope)
  if(IST_SANITIZE)
    target_compile_options(${target} ${scope} -fsanitize=${IST_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} ${scope} -fsanitize=${IST_SANITIZE})
  endif()
endfunction()

# ist_setup_target(target): language, optimisation, warnings.
function(ist_setup_target target)
  target_compile_features(${target} PRIVATE c_std_11)
  set_target_properties(${target} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF C_VISIBILITY_PRESET hidden)
  # No silent fusing of a*b+c: the same bits from every compiler and instruction set is a promise of the library.
  target_compile_options(${target} PRIVATE -ffp-contract=off $<$<CONFIG:Release>:-g>)
  if(IST_SANITIZE)
    target_compile_definitions(${target} PRIVATE LANES_ROLLED=1)   # unrolled kernels take minutes to instrument
  else()
    target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O3>)
  endif()
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow $<$<BOOL:${IST_WERROR}>:-Werror>)
  if(IST_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)   # gcc guesses wrong in instrumented code
  endif()
  ist_sanitize(${target} PRIVATE)
endfunction()
