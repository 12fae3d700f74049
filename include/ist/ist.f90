! ist.f90 - libist for Fortran: the constants, types and functions of ist/ist.h, which says what they mean.
!
! Build.      Compile this file with yours (a compiled module is of one compiler); CMake: ${ist_FORTRAN_MODULE} after
!             find_package(ist), pkg-config: $(pkg-config --variable=includedir ist)/ist/ist.f90.
! Types.      A variable of a type has the defaults of its IST_.._INIT, and struct_size is set.
! Handles.    type(c_ptr), c_null_ptr at first.  Destroying c_null_ptr is fine.
! Optional.   What may be NULL in C and is no array that the library keeps: leave it out.
! Strings.    End with c_null_char: 'net.ist' // c_null_char.  ist_text makes a Fortran string of what C gives.
! Arrays.     C's (rows, features) is x(features, rows) here; c_loc of a `target` where the library keeps the address.
! Callbacks.  c_funloc of a bind(c) procedure; type(ist_progress) comes by reference.
! tests/lint/fortran.sh checks that nothing is missing and that every place and default is that of C.
module ist
  use, intrinsic :: iso_c_binding
  implicit none
  public

  integer(c_int32_t), parameter :: IST_VERSION_NUMBER = 100
  character(len=*), parameter :: IST_VERSION_STRING = '0.1.0'

  integer(c_int32_t), parameter :: IST_OK = 0, IST_E_ARGUMENT = -1, IST_E_MEMORY = -2, IST_E_SHAPE = -3, &
    IST_E_PLACEMENT = -4, IST_E_FORMAT = -5, IST_E_IO = -6, IST_E_DIVERGED = -7, IST_E_BLAS = -8
  integer(c_int32_t), parameter :: IST_PLACE_NONE = 0, IST_PLACE_TRY = 1, IST_PLACE_STRICT = 2
  integer(c_int32_t), parameter :: IST_AT_NUMA = 0, IST_AT_L3 = 1, IST_AT_PACKAGE = 2, IST_AT_CORE = 3, &
    IST_AT_MACHINE = 4
  integer(c_int32_t), parameter :: IST_ENGINE_AUTO = 0, IST_ENGINE_OPENBLAS = 1, IST_ENGINE_REFERENCE = 2, &
    IST_ENGINE_NATIVE = 3, IST_ENGINE_NATIVE_AVX512 = 4, IST_ENGINE_NATIVE_AVX2 = 5, IST_ENGINE_NATIVE_PORTABLE = 6
  integer(c_int32_t), parameter :: IST_LOG_ERROR = 0, IST_LOG_WARNING = 1, IST_LOG_INFO = 2
  integer(c_int32_t), parameter :: IST_UINT8 = 0, IST_FLOAT32 = 1, IST_INT32 = 2, IST_FLOAT64 = 3
  integer(c_int32_t), parameter :: IST_TEXT_AUTO = 0, IST_TEXT_XMC = 1, IST_TEXT_LIBSVM = 2
  integer(c_int32_t), parameter :: IST_ROWS_DENSE = 0, IST_ROWS_SPARSE = 1, IST_ROWS_AUTO = 2
  integer(c_int32_t), parameter :: IST_NORM_NONE = 0, IST_NORM_BATCH = 1
  integer(c_int32_t), parameter :: IST_RELU = 0, IST_GELU = 1, IST_TANH = 2, IST_SILU = 3
  integer(c_int32_t), parameter :: IST_LOSS_CROSS_ENTROPY = 0, IST_LOSS_MSE = 1, IST_LOSS_HUBER = 2, &
    IST_LOSS_BINARY = 3
  integer(c_int32_t), parameter :: IST_MAX_HIDDEN = 32
  integer(c_int32_t), parameter :: IST_NORMALIZE_NONE = 0, IST_NORMALIZE_GLOBAL = 1, IST_NORMALIZE_ZSCORE = 2
  integer(c_int32_t), parameter :: IST_FILE_AUTO = 0, IST_FILE_SAFETENSORS = 1, IST_FILE_NPZ = 2, IST_FILE_ONNX = 3
  integer(c_int32_t), parameter :: IST_ANSWER_PROBABILITIES = 0, IST_ANSWER_LOGITS = 1
  integer(c_int32_t), parameter :: IST_STATISTICS_STORED = 0, IST_STATISTICS_BATCH = 1
  integer(c_int32_t), parameter :: IST_ORDER_FILE = 0, IST_ORDER_SHUFFLED = 1
  integer(c_int32_t), parameter :: IST_RANKS = 5, IST_TOP_MOST = 1024
  integer(c_int32_t), parameter :: IST_SGD = 0, IST_MOMENTUM = 1, IST_NESTEROV = 2, IST_ADAM = 3
  integer(c_int32_t), parameter :: IST_STATE_CARRIED = 0, IST_STATE_RESET = 1
  integer(c_int32_t), parameter :: IST_LR_CONSTANT = 0, IST_LR_COSINE = 1, IST_LR_STEP = 2
  integer(c_int32_t), parameter :: IST_METHOD_IST = 0, IST_METHOD_DATA_PARALLEL = 1, IST_METHOD_LOCAL_SGD = 2, &
    IST_METHOD_ENSEMBLE = 3, IST_METHOD_MASKED = 4
  integer(c_int32_t), parameter :: IST_BALANCE_EVEN = 0, IST_BALANCE_ADAPTIVE = 1
  integer(c_int32_t), parameter :: IST_DATA_SHARD = 0, IST_DATA_REPLICATE = 1, IST_DATA_SHARED = 2
  integer(c_int32_t), parameter :: IST_ENDED_RUN = 0, IST_ENDED_ACCURACY = 1, IST_ENDED_LOSS = 2, IST_ENDED_ASKED = 3
  integer(c_int32_t), parameter :: IST_PHASE_SUBNETS = 0, IST_PHASE_WARMUP = 1, IST_PHASE_FULL_WIDTH = 2
  integer(c_int32_t), parameter :: IST_NOTE_BYTES = 4096, IST_TENSOR_NAME_BYTES = 32

  type, bind(c) :: ist_range
    integer(c_size_t) :: struct_size = 48_c_size_t
    real(c_double) :: least, most, standard
    integer(c_int32_t) :: least_belongs, most_belongs, whole, reserved0
  end type

  type, bind(c) :: ist_allocator
    integer(c_size_t) :: struct_size = 32_c_size_t
    type(c_funptr) :: allocate = c_null_funptr, release = c_null_funptr
    type(c_ptr) :: user = c_null_ptr
  end type

  type, bind(c) :: ist_context_config
    integer(c_size_t) :: struct_size = 64_c_size_t
    integer(c_int32_t) :: teams = 0, threads_per_team = 0, team_at = IST_AT_NUMA, placement = IST_PLACE_TRY, &
        engine = IST_ENGINE_AUTO, reserved0 = 0
    type(c_ptr) :: topology = c_null_ptr
    type(c_funptr) :: log = c_null_funptr
    type(c_ptr) :: log_user = c_null_ptr
    integer(c_int32_t) :: part = 0, parts = 0
  end type

  type, bind(c) :: ist_dataset_config
    integer(c_size_t) :: struct_size = 56_c_size_t
    integer(c_int32_t) :: text = IST_TEXT_AUTO, index_base = 1, features = 0, sparse = 0, need_labels = 0, &
        targets = 0
    integer(c_int64_t) :: dense_limit_bytes = 0_c_int64_t
    integer(c_int32_t) :: log1p = 0
    real(c_double) :: row_length = 0.0_c_double
  end type

  type, bind(c) :: ist_sparse_rows
    integer(c_size_t) :: struct_size = 48_c_size_t
    integer(c_int64_t) :: rows = 0_c_int64_t, values = 0_c_int64_t, labels = 0_c_int64_t, &
        batch_values = 0_c_int64_t, batch_labels = 0_c_int64_t
  end type

  type, bind(c) :: ist_dataset_info
    integer(c_size_t) :: struct_size = 64_c_size_t
    integer(c_int64_t) :: rows
    integer(c_int32_t) :: features, classes
    integer(c_int64_t) :: values, labels, content_bytes
    integer(c_int32_t) :: text, sparse, targets, lists
  end type

  type, bind(c) :: ist_dataset_arrays
    integer(c_size_t) :: struct_size = 80_c_size_t
    integer(c_int64_t) :: rows = 0_c_int64_t
    type(c_ptr) :: x = c_null_ptr
    integer(c_int64_t) :: x_row_stride_bytes = 0_c_int64_t
    integer(c_int32_t) :: x_type = IST_FLOAT32, features = 0
    type(c_ptr) :: labels = c_null_ptr
    integer(c_int32_t) :: classes = 0, targets = 0
    type(c_ptr) :: y = c_null_ptr
    integer(c_int64_t) :: y_row_stride_bytes = 0_c_int64_t
    integer(c_int32_t) :: y_type = IST_FLOAT32, copy = 0
  end type

  type, bind(c) :: ist_rows_config
    integer(c_size_t) :: struct_size = 40_c_size_t
    integer(c_int64_t) :: rows = 0_c_int64_t
    integer(c_int32_t) :: features = 0, x_type = IST_FLOAT32, classes = 0, targets = 0
    integer(c_int64_t) :: rows_at_once = 0_c_int64_t
  end type

  type, bind(c) :: ist_csr
    integer(c_size_t) :: struct_size = 64_c_size_t
    integer(c_int64_t) :: rows = 0_c_int64_t
    integer(c_int32_t) :: features = 0, labels = 0
    type(c_ptr) :: row_begin = c_null_ptr, feature = c_null_ptr, value = c_null_ptr, label_begin = c_null_ptr, &
        label = c_null_ptr
  end type

  type, bind(c) :: ist_model_config
    integer(c_size_t) :: struct_size = 72_c_size_t
    integer(c_int32_t) :: features = 0, classes = 0, hidden_count = 0, hidden_norm = IST_NORM_BATCH
    type(c_ptr) :: hidden = c_null_ptr
    integer(c_int32_t) :: output_norm = IST_NORM_BATCH, subnets = 1
    integer(c_int64_t) :: seed = 1_c_int64_t
    real(c_double) :: output_scale = 1.0_c_double
    integer(c_int32_t) :: activation = IST_RELU, loss = IST_LOSS_CROSS_ENTROPY
    real(c_double) :: huber_delta = 1.0_c_double
  end type

  type, bind(c) :: ist_export_config
    integer(c_size_t) :: struct_size = 24_c_size_t
    integer(c_int32_t) :: format = IST_FILE_AUTO, fold = 0, answer = IST_ANSWER_PROBABILITIES, reserved0 = 0
  end type

  type, bind(c) :: ist_subnet_config
    integer(c_size_t) :: struct_size = 40_c_size_t
    integer(c_int32_t) :: subnet = 0, subnets = 0
    integer(c_int64_t) :: seed = 1_c_int64_t, round = 0_c_int64_t
    type(c_ptr) :: shares = c_null_ptr
  end type

  type, bind(c) :: ist_predictor_config
    integer(c_size_t) :: struct_size = 16_c_size_t
    integer(c_int32_t) :: answer = IST_ANSWER_PROBABILITIES, rows_at_once = 128
  end type

  type, bind(c) :: ist_evaluate_config
    integer(c_size_t) :: struct_size = 24_c_size_t
    integer(c_int32_t) :: statistics = IST_STATISTICS_STORED, batch = 0, order = IST_ORDER_FILE
  end type

  type, bind(c) :: ist_evaluation
    integer(c_size_t) :: struct_size = 80_c_size_t
    integer(c_int64_t) :: rows = 0_c_int64_t, correct = 0_c_int64_t
    real(c_double) :: accuracy = 0.0_c_double, loss = 0.0_c_double, seconds = 0.0_c_double, flops = 0.0_c_double, &
        rmse = 0.0_c_double, mae = 0.0_c_double, r2 = 0.0_c_double
  end type

  type, bind(c) :: ist_ranking
    integer(c_size_t) :: struct_size = 176_c_size_t
    integer(c_int64_t) :: rows = 0_c_int64_t, labels = 0_c_int64_t, rows_without = 0_c_int64_t
    real(c_double) :: loss = 0.0_c_double, seconds = 0.0_c_double, flops = 0.0_c_double
    real(c_double) :: precision(5) = 0.0_c_double, ndcg(5) = 0.0_c_double, psp(5) = 0.0_c_double
  end type

  type, bind(c) :: ist_train_config
    integer(c_size_t) :: struct_size = 288_c_size_t
    integer(c_int32_t) :: subnets = 0, local_steps = 50, batch = 128, optimizer = IST_MOMENTUM, &
        state = IST_STATE_CARRIED, schedule = IST_LR_COSINE, data = IST_DATA_SHARD, calibration_batches = 16
    real(c_double) :: epochs = 20.0_c_double
    integer(c_int64_t) :: rounds = 0_c_int64_t
    real(c_double) :: lr = 0.0_c_double, momentum = 0.9_c_double, beta1 = 0.9_c_double, beta2 = 0.999_c_double, &
        epsilon = 1e-8_c_double, weight_decay = 0.0_c_double
    integer(c_int64_t) :: seed = 1_c_int64_t
    integer(c_int32_t) :: method = IST_METHOD_IST, balance = IST_BALANCE_EVEN
    real(c_double) :: repartition_fraction = 1.0_c_double
    type(c_ptr) :: shares = c_null_ptr
    real(c_double) :: lr_ramp = 0.0_c_double, lr_floor = 0.0_c_double, lr_step_every = 0.25_c_double, &
        lr_step_factor = 0.1_c_double
    integer(c_int32_t) :: local_steps_last = 0, full_width_schedule = IST_LR_COSINE
    real(c_double) :: warmup_epochs = 0.0_c_double, full_width_epochs = 0.0_c_double, warmup_lr = 0.0_c_double, &
        full_width_lr = 0.0_c_double, label_smoothing = 0.0_c_double, input_dropout = 0.0_c_double, &
        hidden_dropout = 0.0_c_double, outer_lr = 1.0_c_double, outer_momentum = 0.0_c_double, &
        average_from = 1.0_c_double, average_decay = 0.0_c_double
    integer(c_int32_t) :: background_saves = 0, reserved1 = 0
    integer(c_int64_t) :: logits_bytes = 0_c_int64_t
    integer(c_int32_t) :: sampled_labels = 0, reserved2 = 0
  end type

  type, bind(c) :: ist_progress
    integer(c_size_t) :: struct_size = 176_c_size_t
    integer(c_int64_t) :: round, rounds, step, steps, samples
    real(c_double) :: epoch, loss, lr, seconds, gather_s, train_s, wait_s, writeback_s, flops, bytes_moved, &
        bytes_crossed
    integer(c_int64_t) :: averaged
    integer(c_int32_t) :: phase, local_steps
    real(c_double) :: lr_scale
    integer(c_int64_t) :: lr_scalings, fed
  end type

  type, bind(c) :: ist_feed
    integer(c_size_t) :: struct_size = 80_c_size_t
    integer(c_int64_t) :: rows = 0_c_int64_t
    type(c_ptr) :: x = c_null_ptr
    integer(c_int64_t) :: x_row_stride_bytes = 0_c_int64_t
    integer(c_int32_t) :: x_type = IST_FLOAT32, y_type = IST_FLOAT32
    type(c_ptr) :: labels = c_null_ptr, y = c_null_ptr
    integer(c_int64_t) :: y_row_stride_bytes = 0_c_int64_t
    type(c_ptr) :: line = c_null_ptr
    integer(c_size_t) :: line_bytes = 0_c_size_t
  end type

  type, bind(c) :: ist_goal
    integer(c_size_t) :: struct_size = 40_c_size_t
    type(c_ptr) :: dataset = c_null_ptr
    real(c_double) :: accuracy = 0.0_c_double, loss = 0.0_c_double
    integer(c_int64_t) :: every_rounds = 1_c_int64_t
  end type

  type, bind(c) :: ist_team_times
    integer(c_size_t) :: struct_size = 48_c_size_t
    integer(c_int32_t) :: team, node, threads, subnets
    real(c_double) :: busy_s, wait_s, share
  end type

  type, bind(c) :: ist_thread_state
    integer(c_size_t) :: struct_size = 80_c_size_t
    integer(c_int32_t) :: team, node, rank, processor
    integer(c_int64_t) :: round
    integer(c_int32_t) :: subnet, waiting
    integer(c_int64_t) :: beats
    character(kind=c_char) :: doing(32)
  end type

  type, bind(c) :: ist_tensor
    integer(c_size_t) :: struct_size = 80_c_size_t
    character(kind=c_char) :: name(32)
    integer(c_int32_t) :: type, dims
    integer(c_int64_t) :: size(2), bytes
    integer(c_int32_t) :: known, reserved0
  end type

  type, bind(c) :: ist_saves
    integer(c_size_t) :: struct_size = 56_c_size_t
    integer(c_int64_t) :: count, failed
    real(c_double) :: copy_s, write_s, write_cpu_s
    integer(c_int32_t) :: under_way, reserved0
  end type

  type, bind(c) :: ist_difference
    integer(c_size_t) :: struct_size = 120_c_size_t
    character(kind=c_char) :: field(48), saved(32), present(32)
  end type

  type, bind(c) :: ist_placement
    integer(c_size_t) :: struct_size = 232_c_size_t
    integer(c_int64_t) :: bytes = 0_c_int64_t, local_bytes = 0_c_int64_t, remote_bytes = 0_c_int64_t, &
        unknown_bytes = 0_c_int64_t, hot_bytes = 0_c_int64_t, hot_local_bytes = 0_c_int64_t, &
        hot_unknown_bytes = 0_c_int64_t, moved_bytes = 0_c_int64_t, balanced_pages = 0_c_int64_t, checks = 0_c_int64_t
    real(c_double) :: seconds = 0.0_c_double
    integer(c_int32_t) :: nodes = 0, wrong = 0
    character(kind=c_char) :: worst(128) = c_null_char
  end type

  type, bind(c) :: ist_rates
    integer(c_size_t) :: struct_size = 208_c_size_t
    real(c_double) :: forward_gflops = 0.0_c_double, pull_gflops = 0.0_c_double, update_gflops(4) = 0.0_c_double, &
        norm_forward_s = 0.0_c_double, norm_backward_s = 0.0_c_double, loss_s = 0.0_c_double, &
        assemble_s = 0.0_c_double, gather_rows_gb_per_s = 0.0_c_double, gather_columns_gb_per_s = 0.0_c_double, &
        write_rows_gb_per_s = 0.0_c_double, write_columns_gb_per_s = 0.0_c_double, mean_gb_per_s = 0.0_c_double, &
        fill_gb_per_s = 0.0_c_double, barrier_thread_s = 0.0_c_double, barrier_team_s = 0.0_c_double, &
        step_s = 0.0_c_double, round_s = 0.0_c_double, deal_s = 0.0_c_double, step_factor = 0.0_c_double, &
        cache_bytes = 0.0_c_double, node_gb_per_s = 0.0_c_double, between_gb_per_s = 0.0_c_double
  end type

  type, bind(c) :: ist_prediction
    integer(c_size_t) :: struct_size = 176_c_size_t
    real(c_double) :: round_s, step_s, gather_s, train_s, mean_s, writeback_s, between_s, products_s, vectors_s, &
        memory_s, copies_s, link_s, barriers_s, wait_s
    integer(c_int32_t) :: teams, idle_teams
    real(c_double) :: samples, samples_per_s, flops, gflops, bytes_moved, bytes_crossed
  end type

  type, bind(c) :: ist_trace_config
    integer(c_size_t) :: struct_size = 32_c_size_t
    integer(c_int64_t) :: events_per_thread = 65000_c_int64_t, first_round = 0_c_int64_t, &
        last_round = huge(0_c_int64_t)
  end type

  interface
    function ist_version() bind(c)
      import
      integer(c_int32_t) :: ist_version
    end function
    function ist_strerror(status) bind(c)
      import
      type(c_ptr) :: ist_strerror
      integer(c_int32_t), value :: status
    end function
    function ist_bounds(field, out) bind(c)
      import
      integer(c_int32_t) :: ist_bounds
      character(kind=c_char), intent(in) :: field(*)
      type(ist_range), intent(inout) :: out
    end function
    function ist_set_allocator(allocator) bind(c)
      import
      integer(c_int32_t) :: ist_set_allocator
      type(ist_allocator), intent(in), optional :: allocator
    end function
    function ist_context_create(out, config) bind(c)
      import
      integer(c_int32_t) :: ist_context_create
      type(c_ptr), intent(inout) :: out
      type(ist_context_config), intent(in), optional :: config
    end function
    subroutine ist_context_destroy(context) bind(c)
      import
      type(c_ptr), value :: context
    end subroutine
    function ist_context_error(context) bind(c)
      import
      type(c_ptr) :: ist_context_error
      type(c_ptr), value :: context
    end function
    function ist_context_report(context, buffer, capacity_bytes, need_bytes) bind(c)
      import
      integer(c_int32_t) :: ist_context_report
      type(c_ptr), value :: context
      character(kind=c_char), intent(inout), optional :: buffer(*)
      integer(c_size_t), value :: capacity_bytes
      integer(c_size_t), intent(inout) :: need_bytes
    end function
    function ist_dataset_open(context, out, x_path, y_path) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_open
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      character(kind=c_char), intent(in) :: x_path(*)
      character(kind=c_char), intent(in), optional :: y_path(*)
    end function
    function ist_dataset_open_as(context, out, x_path, y_path, config) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_open_as
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      character(kind=c_char), intent(in) :: x_path(*)
      character(kind=c_char), intent(in), optional :: y_path(*)
      type(ist_dataset_config), intent(in), optional :: config
    end function
    function ist_dataset_save(context, dataset, path) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_save
      type(c_ptr), value :: context, dataset
      character(kind=c_char), intent(in) :: path(*)
    end function
    function ist_dataset_describe(dataset, out) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_describe
      type(c_ptr), value :: dataset
      type(ist_dataset_info), intent(inout) :: out
    end function
    function ist_dataset_wrap(context, out, x, type, rows, features, row_stride_bytes, labels, classes) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_wrap
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      type(c_ptr), value :: x
      integer(c_int32_t), value :: type
      integer(c_int64_t), value :: rows
      integer(c_int32_t), value :: features
      integer(c_int64_t), value :: row_stride_bytes
      type(c_ptr), value :: labels
      integer(c_int32_t), value :: classes
    end function
    function ist_dataset_from_arrays(context, out, arrays) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_from_arrays
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      type(ist_dataset_arrays), intent(in) :: arrays
    end function
    function ist_dataset_from_rows(context, out, config, fill, user) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_from_rows
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      type(ist_rows_config), intent(in) :: config
      type(c_funptr), value :: fill
      type(c_ptr), value :: user
    end function
    function ist_dataset_from_csr(context, out, csr, config) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_from_csr
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      type(ist_csr), intent(in) :: csr
      type(ist_dataset_config), intent(in), optional :: config
    end function
    function ist_dataset_split(context, dataset, fraction, seed, rest, held) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_split
      type(c_ptr), value :: context
      type(c_ptr), value :: dataset
      real(c_double), value :: fraction
      integer(c_int64_t), value :: seed
      type(c_ptr), intent(inout) :: rest
      type(c_ptr), intent(inout) :: held
    end function
    subroutine ist_dataset_destroy(dataset) bind(c)
      import
      type(c_ptr), value :: dataset
    end subroutine
    function ist_dataset_rows(dataset) bind(c)
      import
      integer(c_int64_t) :: ist_dataset_rows
      type(c_ptr), value :: dataset
    end function
    function ist_dataset_features(dataset) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_features
      type(c_ptr), value :: dataset
    end function
    function ist_dataset_classes(dataset) bind(c)
      import
      integer(c_int32_t) :: ist_dataset_classes
      type(c_ptr), value :: dataset
    end function
    function ist_model_create(context, out, config) bind(c)
      import
      integer(c_int32_t) :: ist_model_create
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      type(ist_model_config), intent(in) :: config
    end function
    subroutine ist_model_destroy(model) bind(c)
      import
      type(c_ptr), value :: model
    end subroutine
    function ist_model_describe(model, config) bind(c)
      import
      integer(c_int32_t) :: ist_model_describe
      type(c_ptr), value :: model
      type(ist_model_config), intent(inout) :: config
    end function
    function ist_model_parameter_count(model) bind(c)
      import
      integer(c_int64_t) :: ist_model_parameter_count
      type(c_ptr), value :: model
    end function
    function ist_model_set_normalization(model, count, shift, factor) bind(c)
      import
      integer(c_int32_t) :: ist_model_set_normalization
      type(c_ptr), value :: model
      integer(c_int32_t), value :: count
      real(c_float), intent(in) :: shift(*), factor(*)
    end function
    function ist_model_measure_normalization(model, dataset, mode) bind(c)
      import
      integer(c_int32_t) :: ist_model_measure_normalization
      type(c_ptr), value :: model, dataset
      integer(c_int32_t), value :: mode
    end function
    function ist_model_set_target_normalization(model, count, shift, factor) bind(c)
      import
      integer(c_int32_t) :: ist_model_set_target_normalization
      type(c_ptr), value :: model
      integer(c_int32_t), value :: count
      real(c_float), intent(in) :: shift(*), factor(*)
    end function
    function ist_model_measure_target_normalization(model, dataset) bind(c)
      import
      integer(c_int32_t) :: ist_model_measure_target_normalization
      type(c_ptr), value :: model, dataset
    end function
    function ist_model_copy(out, from) bind(c)
      import
      integer(c_int32_t) :: ist_model_copy
      type(c_ptr), value :: out, from
    end function
    function ist_model_save(model, path) bind(c)
      import
      integer(c_int32_t) :: ist_model_save
      type(c_ptr), value :: model
      character(kind=c_char), intent(in) :: path(*)
    end function
    function ist_model_load(context, out, path) bind(c)
      import
      integer(c_int32_t) :: ist_model_load
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      character(kind=c_char), intent(in) :: path(*)
    end function
    function ist_model_save_bytes(model, buffer, capacity_bytes, need_bytes) bind(c)
      import
      integer(c_int32_t) :: ist_model_save_bytes
      type(c_ptr), value :: model, buffer
      integer(c_size_t), value :: capacity_bytes
      integer(c_size_t), intent(inout) :: need_bytes
    end function
    function ist_model_load_bytes(context, out, bytes, count) bind(c)
      import
      integer(c_int32_t) :: ist_model_load_bytes
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      type(c_ptr), value :: bytes
      integer(c_size_t), value :: count
    end function
    function ist_model_tensor_count(model) bind(c)
      import
      integer(c_int32_t) :: ist_model_tensor_count
      type(c_ptr), value :: model
    end function
    function ist_model_tensor(model, index, out) bind(c)
      import
      integer(c_int32_t) :: ist_model_tensor
      type(c_ptr), value :: model
      integer(c_int32_t), value :: index
      type(ist_tensor), intent(inout) :: out
    end function
    function ist_model_get_tensor(model, name, out, bytes) bind(c)
      import
      integer(c_int32_t) :: ist_model_get_tensor
      type(c_ptr), value :: model
      character(kind=c_char), intent(in) :: name(*)
      type(c_ptr), value :: out
      integer(c_size_t), value :: bytes
    end function
    function ist_model_set_tensor(model, name, in, bytes) bind(c)
      import
      integer(c_int32_t) :: ist_model_set_tensor
      type(c_ptr), value :: model
      character(kind=c_char), intent(in) :: name(*)
      type(c_ptr), value :: in
      integer(c_size_t), value :: bytes
    end function
    function ist_model_export(model, path, config) bind(c)
      import
      integer(c_int32_t) :: ist_model_export
      type(c_ptr), value :: model
      character(kind=c_char), intent(in) :: path(*)
      type(ist_export_config), intent(in), optional :: config
    end function
    function ist_model_import(context, out, path) bind(c)
      import
      integer(c_int32_t) :: ist_model_import
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      character(kind=c_char), intent(in) :: path(*)
    end function
    function ist_model_subnet(from, out, config) bind(c)
      import
      integer(c_int32_t) :: ist_model_subnet
      type(c_ptr), value :: from
      type(c_ptr), intent(inout) :: out
      type(ist_subnet_config), intent(in) :: config
    end function
    function ist_model_calibrate(model, dataset, rows, seed) bind(c)
      import
      integer(c_int32_t) :: ist_model_calibrate
      type(c_ptr), value :: model, dataset
      integer(c_int64_t), value :: rows, seed
    end function
    function ist_model_evaluate(model, dataset, config, out) bind(c)
      import
      integer(c_int32_t) :: ist_model_evaluate
      type(c_ptr), value :: model, dataset
      type(ist_evaluate_config), intent(in), optional :: config
      type(ist_evaluation), intent(inout) :: out
    end function
    function ist_model_predict(model, dataset, config, out) bind(c)
      import
      integer(c_int32_t) :: ist_model_predict
      type(c_ptr), value :: model, dataset
      type(ist_evaluate_config), intent(in), optional :: config
      real(c_float), intent(inout) :: out(*)
    end function
    function ist_model_rank(model, dataset, propensity, config, out) bind(c)
      import
      integer(c_int32_t) :: ist_model_rank
      type(c_ptr), value :: model, dataset, propensity
      type(ist_evaluate_config), intent(in), optional :: config
      type(ist_ranking), intent(inout) :: out
    end function
    function ist_model_top(model, dataset, config, k, labels, scores) bind(c)
      import
      integer(c_int32_t) :: ist_model_top
      type(c_ptr), value :: model, dataset
      type(ist_evaluate_config), intent(in), optional :: config
      integer(c_int32_t), value :: k
      integer(c_int32_t), intent(inout) :: labels(*)
      real(c_float), intent(inout), optional :: scores(*)
    end function
    function ist_predictor_create(model, out, config) bind(c)
      import
      integer(c_int32_t) :: ist_predictor_create
      type(c_ptr), value :: model
      type(c_ptr), intent(inout) :: out
      type(ist_predictor_config), intent(in), optional :: config
    end function
    subroutine ist_predictor_destroy(predictor) bind(c)
      import
      type(c_ptr), value :: predictor
    end subroutine
    function ist_predictor_run(predictor, x, type, rows, row_stride_bytes, out) bind(c)
      import
      integer(c_int32_t) :: ist_predictor_run
      type(c_ptr), value :: predictor, x
      integer(c_int32_t), value :: type
      integer(c_int64_t), value :: rows, row_stride_bytes
      real(c_float), intent(inout) :: out(*)
    end function
    function ist_predictor_run_teams(predictor, x, type, rows, row_stride_bytes, out) bind(c)
      import
      integer(c_int32_t) :: ist_predictor_run_teams
      type(c_ptr), value :: predictor, x
      integer(c_int32_t), value :: type
      integer(c_int64_t), value :: rows, row_stride_bytes
      real(c_float), intent(inout) :: out(*)
    end function
    function ist_default_lr(optimizer) bind(c)
      import
      real(c_double) :: ist_default_lr
      integer(c_int32_t), value :: optimizer
    end function
    function ist_trainer_create(context, out, model, dataset, config) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_create
      type(c_ptr), value :: context
      type(c_ptr), intent(inout) :: out
      type(c_ptr), value :: model, dataset
      type(ist_train_config), intent(in), optional :: config
    end function
    subroutine ist_trainer_destroy(trainer) bind(c)
      import
      type(c_ptr), value :: trainer
    end subroutine
    function ist_trainer_progress(trainer, out) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_progress
      type(c_ptr), value :: trainer
      type(ist_progress), intent(inout) :: out
    end function
    function ist_trainer_rounds_until(trainer, epochs) bind(c)
      import
      integer(c_int64_t) :: ist_trainer_rounds_until
      type(c_ptr), value :: trainer
      real(c_double), value :: epochs
    end function
    function ist_trainer_teams(trainer, out, capacity, count) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_teams
      type(c_ptr), value :: trainer
      type(ist_team_times), intent(inout), optional :: out(*)
      integer(c_int32_t), value :: capacity
      integer(c_int32_t), intent(inout) :: count
    end function
    function ist_trainer_threads(trainer, out, capacity, count) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_threads
      type(c_ptr), value :: trainer
      type(ist_thread_state), intent(inout), optional :: out(*)
      integer(c_int32_t), value :: capacity
      integer(c_int32_t), intent(inout) :: count
    end function
    function ist_trainer_clone(trainer, out, model) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_clone
      type(c_ptr), value :: trainer
      type(c_ptr), intent(inout) :: out
      type(c_ptr), value :: model
    end function
    function ist_trainer_run(trainer, rounds, on_round, user) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_run
      type(c_ptr), value :: trainer
      integer(c_int64_t), value :: rounds
      type(c_funptr), value :: on_round
      type(c_ptr), value :: user
    end function
    function ist_trainer_run_until(trainer, goal, on_round, user, last, ended) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_run_until
      type(c_ptr), value :: trainer
      type(ist_goal), intent(in) :: goal
      type(c_funptr), value :: on_round
      type(c_ptr), value :: user
      type(ist_evaluation), intent(inout), optional :: last
      integer(c_int32_t), intent(inout), optional :: ended
    end function
    function ist_trainer_feed(trainer, rows) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_feed
      type(c_ptr), value :: trainer
      type(ist_feed), intent(in) :: rows
    end function
    function ist_trainer_scale_lr(trainer, factor) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_scale_lr
      type(c_ptr), value :: trainer
      real(c_double), value :: factor
    end function
    subroutine ist_trainer_stop(trainer) bind(c)
      import
      type(c_ptr), value :: trainer
    end subroutine
    function ist_trainer_calibrate(trainer) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_calibrate
      type(c_ptr), value :: trainer
    end function
    function ist_trainer_average(trainer, out) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_average
      type(c_ptr), value :: trainer, out
    end function
    function ist_trainer_save(trainer, path) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_save
      type(c_ptr), value :: trainer
      character(kind=c_char), intent(in) :: path(*)
    end function
    function ist_trainer_save_begin(trainer, path) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_save_begin
      type(c_ptr), value :: trainer
      character(kind=c_char), intent(in) :: path(*)
    end function
    function ist_trainer_save_end(trainer, wait, busy) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_save_end
      type(c_ptr), value :: trainer
      integer(c_int32_t), value :: wait
      integer(c_int32_t), intent(inout), optional :: busy
    end function
    function ist_trainer_saves(trainer, out) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_saves
      type(c_ptr), value :: trainer
      type(ist_saves), intent(inout) :: out
    end function
    function ist_trainer_set_note(trainer, bytes, count) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_set_note
      type(c_ptr), value :: trainer, bytes
      integer(c_size_t), value :: count
    end function
    function ist_trainer_note(trainer, buffer, capacity_bytes, need_bytes) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_note
      type(c_ptr), value :: trainer, buffer
      integer(c_size_t), value :: capacity_bytes
      integer(c_size_t), intent(inout) :: need_bytes
    end function
    function ist_trainer_resume(trainer, path) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_resume
      type(c_ptr), value :: trainer
      character(kind=c_char), intent(in) :: path(*)
    end function
    function ist_trainer_save_bytes(trainer, buffer, capacity_bytes, need_bytes) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_save_bytes
      type(c_ptr), value :: trainer, buffer
      integer(c_size_t), value :: capacity_bytes
      integer(c_size_t), intent(inout) :: need_bytes
    end function
    function ist_trainer_resume_bytes(trainer, bytes, count) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_resume_bytes
      type(c_ptr), value :: trainer, bytes
      integer(c_size_t), value :: count
    end function
    function ist_trainer_difference(trainer, out) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_difference
      type(c_ptr), value :: trainer
      type(ist_difference), intent(inout) :: out
    end function
    function ist_trainer_report(trainer, buffer, capacity_bytes, need_bytes) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_report
      type(c_ptr), value :: trainer
      character(kind=c_char), intent(inout), optional :: buffer(*)
      integer(c_size_t), value :: capacity_bytes
      integer(c_size_t), intent(inout) :: need_bytes
    end function
    function ist_trainer_verify(trainer, out) bind(c)
      import
      integer(c_int32_t) :: ist_trainer_verify
      type(c_ptr), value :: trainer
      type(ist_placement), intent(inout), optional :: out
    end function
    function ist_plan_report(context, model, train, dataset_rows, dataset_type, buffer, capacity_bytes, &
        need_bytes) bind(c)
      import
      integer(c_int32_t) :: ist_plan_report
      type(c_ptr), value :: context
      type(ist_model_config), intent(in) :: model
      type(ist_train_config), intent(in) :: train
      integer(c_int64_t), value :: dataset_rows
      integer(c_int32_t), value :: dataset_type
      character(kind=c_char), intent(inout), optional :: buffer(*)
      integer(c_size_t), value :: capacity_bytes
      integer(c_size_t), intent(inout) :: need_bytes
    end function
    function ist_plan_sparse(context, model, train, rows, buffer, capacity_bytes, need_bytes) bind(c)
      import
      integer(c_int32_t) :: ist_plan_sparse
      type(c_ptr), value :: context
      type(ist_model_config), intent(in) :: model
      type(ist_train_config), intent(in) :: train
      type(ist_sparse_rows), intent(in) :: rows
      character(kind=c_char), intent(inout), optional :: buffer(*)
      integer(c_size_t), value :: capacity_bytes
      integer(c_size_t), intent(inout) :: need_bytes
    end function
    function ist_plan_predict(context, model, train, dataset_rows, dataset_type, rates, out) bind(c)
      import
      integer(c_int32_t) :: ist_plan_predict
      type(c_ptr), value :: context
      type(ist_model_config), intent(in) :: model
      type(ist_train_config), intent(in) :: train
      integer(c_int64_t), value :: dataset_rows
      integer(c_int32_t), value :: dataset_type
      type(ist_rates), intent(in) :: rates
      type(ist_prediction), intent(inout) :: out
    end function
    function ist_trace_start(context, config) bind(c)
      import
      integer(c_int32_t) :: ist_trace_start
      type(c_ptr), value :: context
      type(ist_trace_config), intent(in), optional :: config
    end function
    function ist_trace_write(context, path, dropped) bind(c)
      import
      integer(c_int32_t) :: ist_trace_write
      type(c_ptr), value :: context
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int64_t), intent(inout), optional :: dropped
    end function
    subroutine ist_trace_stop(context) bind(c)
      import
      type(c_ptr), value :: context
    end subroutine
  end interface

contains

  ! A Fortran string of what ist_strerror and ist_context_error give.
  function ist_text(text) result(string)
    type(c_ptr), intent(in) :: text
    character(len=:), allocatable :: string
    character(kind=c_char), pointer :: bytes(:)
    integer :: i
    interface
      pure function strlen(s) bind(c)
        import
        type(c_ptr), intent(in), value :: s
        integer(c_size_t) :: strlen
      end function
    end interface
    call c_f_pointer(text, bytes, [strlen(text)])
    allocate (character(len=size(bytes)) :: string)
    do i = 1, size(bytes)
      string(i:i) = bytes(i)
    end do
  end function
end module
