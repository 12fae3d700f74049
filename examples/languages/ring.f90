! ring.f90 - ring.c in Fortran, through the module that is installed beside the header.
! Build: CMakeLists.txt in this folder, or
!        gfortran $(pkg-config --variable=includedir ist)/ist/ist.f90 ring.f90 $(pkg-config --libs ist)
program ring
  use ist
  implicit none
  integer, parameter :: rows = 2048, features = 2, classes = 2, told = 8
  real(c_float), target :: point(features, rows)
  integer(c_int32_t), target :: label(rows)
  integer(c_int32_t), target :: hidden(1) = [256]
  real(c_float) :: chance(classes, rows)
  type(c_ptr) :: context = c_null_ptr, data = c_null_ptr, model = c_null_ptr, trainer = c_null_ptr
  type(ist_model_config) :: net
  type(ist_train_config) :: run
  type(ist_evaluation) :: result
  integer :: i

  call make_data()

  net%features = features
  net%classes = classes
  net%hidden = c_loc(hidden)
  net%hidden_count = size(hidden)
  net%output_norm = IST_NORM_NONE
  net%subnets = 2
  net%seed = 7

  run%epochs = 60
  run%local_steps = 10
  run%seed = 7

  call check(ist_context_create(context))
  call check(ist_dataset_wrap(context, data, c_loc(point), IST_FLOAT32, int(rows, c_int64_t), features, &
    features * c_sizeof(0.0_c_float), c_loc(label), classes))
  call check(ist_model_create(context, model, net))
  call check(ist_trainer_create(context, trainer, model, data, run))
  call check(ist_trainer_run(trainer, 0_c_int64_t, c_null_funptr, c_null_ptr))
  call check(ist_trainer_calibrate(trainer))
  call check(ist_model_evaluate(model, data, out=result))
  call check(ist_model_predict(model, data, out=chance))

  write (*, '(a,i0,a,i0)') 'right ', result%correct, ' of ', rows
  do i = 1, told
    write (*, '(i0,2(1x,es14.8))') label(i), chance(:, i)
  end do

  call ist_trainer_destroy(trainer)
  call ist_model_destroy(model)
  call ist_dataset_destroy(data)
  call ist_context_destroy(context)

contains

  subroutine make_data()
    integer(c_int64_t) :: state, at(features), square
    integer :: f, row
    state = 1
    do row = 1, rows
      do f = 1, features
        state = mod(state * 1103515245 + 12345, 2147483648_c_int64_t)
        at(f) = state / 32768 - 32768
      end do
      point(:, row) = real(at, c_float) / 32768
      square = sum(at * at)
      label(row) = merge(1, 0, square > 268435456 .and. square < 805306368)
    end do
  end subroutine

  subroutine check(status)
    use, intrinsic :: iso_fortran_env, only: error_unit
    integer(c_int32_t), intent(in) :: status
    if (status == IST_OK) return
    write (error_unit, '(a)') ist_text(ist_strerror(status))
    if (c_associated(context)) write (error_unit, '(a)') ist_text(ist_context_error(context))
    error stop 1
  end subroutine
end program
