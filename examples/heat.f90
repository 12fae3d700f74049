! heat.f90 - heat.c in Fortran: a heat-equation code that trains a surrogate of itself while it runs, and then asks it.
! heat.c tells the story; the plates, the net and the check are the same, and so are the errors but for rounding.
! Build: gfortran -O2 -fopenmp $(pkg-config --variable=includedir ist)/ist/ist.f90 heat.f90 $(pkg-config --libs ist)
program heat
  use ist
  implicit none
  integer, parameter :: features = 5, probes = 4, times = 8      ! a row: time_s, spot_x_m, spot_y_m, diffusivity, heating
  integer, parameter :: runs = 1024, window_runs = 512, batch_runs = 64, held_out_runs = 64, plates = 100000, cells = 24
  integer, parameter :: rounds_a_batch = 10, rounds = (runs - window_runs) / batch_runs * rounds_a_batch + 100
  real(c_double), parameter :: plate_m = 0.1d0, spot_m = 0.008d0, end_s = 8, step_s = 0.025d0
  real(c_float), target :: x(features, times, runs + held_out_runs), y(probes, times, runs + held_out_runs)
  integer(c_int32_t), target :: hidden(2) = [64, 64]
  type(c_ptr) :: context = c_null_ptr, model = c_null_ptr, window = c_null_ptr, held_out = c_null_ptr
  type(c_ptr) :: trainer = c_null_ptr, surrogate = c_null_ptr
  type(ist_context_config) :: machine
  type(ist_model_config) :: net
  type(ist_train_config) :: config
  type(ist_evaluation) :: judged
  real(c_float), target :: plate(features), kelvin(probes)
  real(c_float) :: hottest_k
  real(c_double) :: line_k
  integer :: i, run, failed

  machine%threads_per_team = 1   ! layers of 64 neurons are too small to share
  call check(ist_context_create(context, machine))
  net%features = features
  net%classes = probes
  net%hidden = c_loc(hidden)
  net%hidden_count = size(hidden)
  net%hidden_norm = IST_NORM_NONE
  net%output_norm = IST_NORM_NONE
  net%activation = IST_GELU
  net%loss = IST_LOSS_MSE
  call check(ist_model_create(context, model, net))

  call simulate_all(runs + 1, runs + held_out_runs)   ! nobody trains on these
  call simulate_all(1, window_runs)
  held_out = rows_of(runs + 1, runs + held_out_runs)
  window = rows_of(1, window_runs)
  call check(ist_model_measure_normalization(model, window, IST_NORMALIZE_ZSCORE))
  call check(ist_model_measure_target_normalization(model, window))
  config%optimizer = IST_ADAM
  config%lr = 0.01d0
  config%batch = 64
  config%rounds = rounds
  call check(ist_trainer_create(context, trainer, model, window, config))

  do run = window_runs, runs, batch_runs   ! the trainer's turn, between two regions of the solver
    call check(ist_trainer_run(trainer, merge(0_c_int64_t, int(rounds_a_batch, c_int64_t), run == runs), c_null_funptr, &
      c_null_ptr))
    call check(ist_model_evaluate(model, held_out, out=judged))
    if (mod(run, 4 * batch_runs) == 0) print '(a,i0,a,f5.3,a)', 'after ', run, ' runs: RMSE ', judged%rmse, ' K'
    if (run == runs) exit
    call simulate_all(run + 1, run + batch_runs)
    call feed(run + 1, run + batch_runs)
  end do
  call ist_trainer_destroy(trainer)
  call ist_dataset_destroy(window)
  line_k = linear_rmse_k()
  print '(a,i0,2(a,f5.3),a,f0.1,a)', 'on ', held_out_runs, ' other runs: linear regression ', line_k, ' K, surrogate ', &
    judged%rmse, ' K, ', line_k / judged%rmse, ' x less'

  ! The hottest of many plates: each thread of the code's own loop asks for itself.
  call check(ist_predictor_create(model, surrogate))
  hottest_k = 0
  failed = 0
  !$omp parallel do private(plate, kelvin) reduction(max: hottest_k) reduction(+: failed)
  do i = 1, plates
    plate = parameters_of(i)
    failed = failed + abs(ist_predictor_run(surrogate, c_loc(plate), IST_FLOAT32, 1_c_int64_t, int(c_sizeof(plate), &
      c_int64_t), kelvin))
    hottest_k = max(hottest_k, kelvin(probes))
  end do
  if (failed /= 0) error stop 'the surrogate does not answer'
  print '(a,i0,a,f0.1,a)', 'hottest of ', plates, ' plates: ', hottest_k, ' K says the surrogate'

  call ist_predictor_destroy(surrogate)
  call ist_dataset_destroy(held_out)
  call ist_model_destroy(model)
  call ist_context_destroy(context)
  if (line_k < 10 * judged%rmse) error stop 'the surrogate is less than 10 x better than linear regression'

contains

  ! Counted from 1; a function of the number alone.
  function parameters_of(run) result(row)
    integer, intent(in) :: run
    real(c_float) :: row(features)
    real(c_double), parameter :: low(features) = [end_s, 0.02d0, 0.02d0, 0.6d-4, 10d0], &
      high(features) = [end_s, 0.08d0, 0.08d0, 1.2d-4, 40d0], step(features) = [0d0, 0.8566748838545029d0, &
      0.7338918566271260d0, 0.6287067210378087d0, 0.5385972572236101d0]
    row = real(low + (high - low) * mod(run * step, 1d0), c_float)
  end function

  subroutine simulate(run)
    integer, intent(in) :: run
    integer, parameter :: steps = nint(end_s / step_s), at(2, probes) = reshape([7, 7, 7, 18, 18, 7, 13, 13], [2, probes])
    real(c_double), parameter :: cell_m = plate_m / (cells + 1)
    real(c_double) :: kelvin(0:cells+1, 0:cells+1), heat_k(cells, cells), exchange
    real(c_float) :: row(features)
    integer :: i, j, p, step, t
    row = parameters_of(run)
    exchange = row(4) * step_s / cell_m**2
    do j = 1, cells
      do i = 1, cells
        heat_k(i, j) = step_s * row(5) * exp(-((i * cell_m - row(2))**2 + (j * cell_m - row(3))**2) / (2 * spot_m**2))
      end do
    end do
    kelvin = 0
    do step = 1, steps
      kelvin(1:cells, 1:cells) = kelvin(1:cells, 1:cells) + heat_k + exchange * (kelvin(0:cells-1, 1:cells) + &
        kelvin(2:cells+1, 1:cells) + kelvin(1:cells, 0:cells-1) + kelvin(1:cells, 2:cells+1) - 4 * kelvin(1:cells, 1:cells))
      if (mod(step * times, steps) /= 0) cycle
      t = step * times / steps
      x(:, t, run) = [real(step * step_s, c_float), row(2:)]
      y(:, t, run) = [(real(kelvin(at(1, p), at(2, p)), c_float), p = 1, probes)]
    end do
  end subroutine

  subroutine simulate_all(first, last)
    integer, intent(in) :: first, last
    integer :: run
    !$omp parallel do schedule(dynamic)
    do run = first, last
      call simulate(run)
    end do
  end subroutine

  function rows_of(first, last) result(dataset)
    integer, intent(in) :: first, last
    type(c_ptr) :: dataset
    type(ist_dataset_arrays) :: arrays
    arrays%rows = (last - first + 1) * times
    arrays%x = c_loc(x(1, 1, first))
    arrays%features = features
    arrays%y = c_loc(y(1, 1, first))
    arrays%targets = probes
    arrays%copy = 1   ! the dataset is then the library's own, and may be fed
    dataset = c_null_ptr
    call check(ist_dataset_from_arrays(context, dataset, arrays))
  end function

  ! Rows of new runs take the places of the oldest ones in the training set, from the next round on.
  subroutine feed(first, last)
    integer, intent(in) :: first, last
    type(ist_feed) :: rows
    rows%rows = (last - first + 1) * times
    rows%x = c_loc(x(1, 1, first))
    rows%y = c_loc(y(1, 1, first))
    call check(ist_trainer_feed(trainer, rows))
  end subroutine

  function linear_rmse_k() result(rmse_k)
    real(c_double) :: rmse_k, a(features + 1, features + 1 + probes), term(features + 1)
    integer :: k, r, run, t
    a = 0
    do run = 1, runs
      do t = 1, times
        term = terms_of(x(:, t, run))
        do r = 1, features + 1
          a(r, :) = a(r, :) + term(r) * [term, real(y(:, t, run), c_double)]
        end do
      end do
    end do
    do k = 1, features + 1   ! Gauss and Jordan
      a(k, :) = a(k, :) / a(k, k)
      do r = 1, features + 1
        if (r /= k) a(r, :) = a(r, :) - a(r, k) * a(k, :)
      end do
    end do
    rmse_k = 0
    do run = runs + 1, runs + held_out_runs
      do t = 1, times
        rmse_k = rmse_k + sum((matmul(terms_of(x(:, t, run)), a(:, features + 2:)) - y(:, t, run))**2)
      end do
    end do
    rmse_k = sqrt(rmse_k / (held_out_runs * times * probes))
  end function

  function terms_of(row) result(term)
    real(c_float), intent(in) :: row(features)
    real(c_double) :: term(features + 1)
    term = [row / [end_s, plate_m, plate_m, 1d-4, 40d0], 1d0]
  end function

  subroutine check(status)
    use, intrinsic :: iso_fortran_env, only: error_unit
    integer(c_int32_t), intent(in) :: status
    if (status == IST_OK) return
    write (error_unit, '(a)') ist_text(ist_strerror(status))
    if (c_associated(context)) write (error_unit, '(a)') ist_text(ist_context_error(context))
    error stop 1
  end subroutine
end program
