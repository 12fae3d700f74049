# ist-bench-kernels: times and verifies each kernel of a training step.  It reaches internals, so it links ist_internals.
add_executable(ist-bench-kernels bench_kernels.c bench_kernels_check.c bench_kernels_print.c bench_kernels_time.c
  bench_kernels_work.c)
ist_setup_target(ist-bench-kernels)
target_link_libraries(ist-bench-kernels PRIVATE ist_internals ist_probe OpenMP::OpenMP_C m)
