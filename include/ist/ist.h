/* ist.h - independent subnet training (IST) of multilayer perceptrons on one NUMA machine.
 *
 * Model.    A context owns the plan of the machine: topology, teams of threads, memory policy.  A model owns parameters
 *           (the master).  A trainer changes one model with the data of one dataset.  Of the process there is one thing only:
 *           whose allocator is asked (ist_set_allocator).
 * Threads.  Different contexts: any threads at once.  A context and all that was created from it: one caller at a time,
 *           except the functions marked [any thread].  Do not call from inside an OpenMP parallel region; after fork()
 *           the child may only destroy.
 * Errors.   A fallible function returns an ist_status and leaves its out-parameters untouched on failure.  What went
 *           wrong is told in one line by ist_context_error().  The library never exits, prints or installs handlers,
 *           and leaves the affinity mask of the caller and of its OpenMP threads as it found them.
 * Memory.   Who creates, destroys.  "borrowed": must outlive the call, or the handle where that is said.  Destroy
 *           trainers before their model and dataset, and all of these before their context.
 * Results.  A function of (data, model, seed, subnets, batch, local steps); never of the number of teams, threads or
 *           nodes, nor of where they stand, nor of the processor.  The engine OPENBLAS alone has bits of its own, which
 *           depend on its core type.
 * Shapes.   (B, D) is B rows of D contiguous elements.  Units stand in names: _bytes, _s, _gflops.  Losses in nats.
 * Source.   [M1].. are entries of docs/math.md, each with its paper and section.
 */
#ifndef IST_IST_H
#define IST_IST_H

#include <stddef.h>
#include <stdint.h>

#ifndef IST_API
#  define IST_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------ version and status -- */

#define IST_VERSION_NUMBER 100     /* 10000 major + 100 minor + patch */
#define IST_VERSION_STRING "0.1.0" /* the same in words */

/* The version number of the library that is loaded.  [any thread] */
IST_API int32_t ist_version(void);

typedef int32_t ist_status; /* values are frozen once released, new ones are appended */
enum {
    IST_OK = 0,
    IST_E_ARGUMENT = -1,  /* NULL, zero size, or out of the documented range */
    IST_E_MEMORY = -2,    /* an allocation failed, or would not fit into the machine; handles are as before the call */
    IST_E_SHAPE = -3,     /* data do not fit the model: features, classes */
    IST_E_PLACEMENT = -4, /* IST_PLACE_STRICT and the system refused, or the threads asked for cannot be had */
    IST_E_FORMAT = -5,    /* not our file, or damaged: the line names file and byte or row */
    IST_E_IO = -6,        /* the system could not open, read or write a file */
    IST_E_DIVERGED = -7,  /* the loss is not finite; the parameters are those of the last whole round */
    IST_E_BLAS = -8       /* OPENBLAS is to multiply, but the build that was loaded cannot (see docs/numa.md) */
};

/* A sentence for a status.  Static, never NULL.  [any thread] */
IST_API const char *ist_strerror(ist_status status);

/* ------------------------------------------------------------------------------------------------------- bounds -- */

/* What a field of a configuration may be.  Rules between fields are told at the fields. */
typedef struct {
    size_t struct_size;
    double least, most;                  /* INFINITY: no bound but what other fields allow */
    double standard;                     /* of the INIT macro; 0 of arrays */
    int32_t least_belongs, most_belongs; /* 0: values above it, below it alone */
    int32_t whole;                       /* 1: whole numbers alone */
    int32_t reserved0;                   /* 0 */
} ist_range;
/* The table that the library itself checks by: of fields that are numbers, like "ist_train_config.batch", and of each number of
 * "ist_model_config.hidden".  out->struct_size set.  IST_E_ARGUMENT for a field that it does not have.  [any thread] */
IST_API ist_status ist_bounds(const char *field, ist_range *out);

/* ------------------------------------------------------------------------------------------------------- memory -- */

/* Who gives the memory of handles and tables, of the whole process.  Both functions are called by any of our threads, several
 * at once; they call nothing of this library, and return.  Start from IST_ALLOCATOR_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    /* More than 0 bytes at a multiple of `alignment`, a power of 2 up to 64.  NULL: there are none, and what cannot do without
     * ends with IST_E_MEMORY. */
    void *(*allocate)(void *user, size_t bytes, size_t alignment);
    void (*release)(void *user, void *memory); /* what allocate gave; never NULL */
    void *user;                                /* first argument of both */
} ist_allocator;
/* clang-format off */
#define IST_ALLOCATOR_INIT { sizeof(ist_allocator), NULL, NULL, NULL }
/* clang-format on */

/* NULL: the system's aligned_alloc and free again, as at first.  Parameters, blocks and copies of data are no part of this: they
 * are placed on nodes (mmap); nor is what other libraries allocate (docs/embedding.md).
 * IST_E_ARGUMENT, without a line, while any handle is there, or a call works; or for a function that is NULL.  [any thread] */
IST_API ist_status ist_set_allocator(const ist_allocator *allocator);

/* ----------------------------------------------------------------------------------------------------- context -- */

typedef struct ist_context ist_context; /* opaque: topology, plan, teams, log, last error */
typedef struct ist_dataset ist_dataset; /* opaque: rows of features, and a class or targets for each */
typedef struct ist_model ist_model;     /* opaque: the master parameters of one net */
typedef struct ist_trainer ist_trainer; /* opaque: a model in training: optimiser state, round */

enum { IST_PLACE_NONE = 0, IST_PLACE_TRY = 1, IST_PLACE_STRICT = 2 };
enum { IST_AT_NUMA = 0, IST_AT_L3 = 1, IST_AT_PACKAGE = 2, IST_AT_CORE = 3, IST_AT_MACHINE = 4 };
enum {
    IST_ENGINE_AUTO = 0,      /* NATIVE where the processor multiplies and adds in one instruction, else OPENBLAS */
    IST_ENGINE_OPENBLAS = 1,  /* cblas_sgemm, single-threaded, from each of our threads */
    IST_ENGINE_REFERENCE = 2, /* plain loops, slow: the bits of NATIVE, for tests */
    IST_ENGINE_NATIVE = 3,    /* our kernels, for the widest registers of this processor */
    IST_ENGINE_NATIVE_AVX512 = 4,
    IST_ENGINE_NATIVE_AVX2 = 5,
    IST_ENGINE_NATIVE_PORTABLE = 6 /* 128-bit registers (SSE2, NEON); without fused multiply-add exact, but slow */
};
enum { IST_LOG_ERROR = 0, IST_LOG_WARNING = 1, IST_LOG_INFO = 2 };

/* Start from IST_CONTEXT_CONFIG_INIT.  Append-only: struct_size tells the library which fields the caller knows. */
typedef struct {
    size_t struct_size;
    int32_t teams;            /* subnets trained at once, 0 .. 4096; 0: one for each place of `team_at` */
    int32_t threads_per_team; /* 0 .. 4096; 0: the physical cores of the team's place that we may use */
    int32_t team_at;          /* IST_AT_*: what one team is bound to; IST_AT_MACHINE: one team over everything */
    int32_t placement;        /* IST_PLACE_NONE binds nothing; TRY reports refusals and goes on; STRICT fails */
    int32_t engine;           /* IST_ENGINE_*: who multiplies matrices */
    int32_t reserved0;        /* 0 */
    const char *topology; /* NULL: this machine.  Else an hwloc XML file or synthetic text, e.g. "numa:2 core:4 pu:1":
                                 such a context plans and reports, but refuses to train (IST_E_PLACEMENT).
                                 hwloc reads the file, and does not survive all damaged ones: trusted */
    void (*log)(void *user, int32_t level, const char *line); /* NULL: silent.  Called by the calling thread only */
    void *log_user;                                           /* first argument of log */
    int32_t part, parts; /* of several processes on one machine: this one takes share `part`, 0 .. parts - 1, of the
                            cores allowed to it, in machine order, so that the processes of a node stand together; the
                            first shares have a core more than the rest.  parts 0 or 1 (with part 0): all of them;
                            parts 2 .. 65536, more than there are cores is IST_E_PLACEMENT */
} ist_context_config;
/* clang-format off */
#define IST_CONTEXT_CONFIG_INIT \
    { sizeof(ist_context_config), 0, 0, IST_AT_NUMA, IST_PLACE_TRY, IST_ENGINE_AUTO, 0, NULL, NULL, NULL, 0, 0 }
/* clang-format on */

/* Scan the machine (milliseconds to seconds on large ones: keep the context) and plan the teams.
 * config  NULL: all defaults.  When this function fails there is no handle to ask: the line goes to config->log. */
IST_API ist_status ist_context_create(ist_context **out, const ist_context_config *config);
IST_API void ist_context_destroy(ist_context *context); /* NULL is fine */

/* One line about the last call that failed on this context or on what was created from it; "" if none did.
 * Belongs to the context, valid until its next failing call. */
IST_API const char *ist_context_error(const ist_context *context);

/* The machine, the plan, asked against got, engine and kernels, BLAS build and core type, huge pages, NUMA balancing,
 * refusals: one JSON object.  buffer may be NULL when capacity_bytes is 0.  *need_bytes: the full length with its final
 * NUL; when it is more than capacity_bytes nothing is written and the status is still IST_OK. */
IST_API ist_status ist_context_report(ist_context *context, char *buffer, size_t capacity_bytes, size_t *need_bytes);

/* ----------------------------------------------------------------------------------------------------- dataset -- */

enum { IST_UINT8 = 0, IST_FLOAT32 = 1, IST_INT32 = 2, IST_FLOAT64 = 3 };
enum { IST_TEXT_AUTO = 0, IST_TEXT_XMC = 1, IST_TEXT_LIBSVM = 2 }; /* of sparse text; AUTO: by its first line */

/* What sparse rows become: DENSE ones, as nets take from any engine; SPARSE, which a net with hidden layers and inputs that
 * are not normalized takes with the native engine: memory and work are those of the values that are there, and a row may have
 * any number of labels; AUTO: dense where each row has one class and dense_limit_bytes allows it, else sparse. */
enum { IST_ROWS_DENSE = 0, IST_ROWS_SPARSE = 1, IST_ROWS_AUTO = 2 };

/* Open features and, unless y_path is NULL, one class id (0 .. C-1) for each row.
 * x_path  .npy (2 or more dimensions: rows, then features), idx (.gz), .csv; unsigned bytes stay bytes in memory, all
 *         other types become float32.  A feature that is not finite is refused.  Or a sparse file: see
 *         ist_dataset_open_as, which this calls with its defaults
 * y_path  .npy (1 dimension, integers), idx (.gz), .csv (one column).  NULL: no labels, or those inside a sparse file
 * Errors: IST_E_IO, IST_E_FORMAT (names file and byte or row), IST_E_SHAPE (rows of X and Y differ), IST_E_MEMORY. */
IST_API ist_status ist_dataset_open(ist_context *context, ist_dataset **out, const char *x_path, const char *y_path);

/* What the caller says of a sparse file: XMC repository text, libsvm text (both .gz, too; with labels inside), or the data
 * file that ist_dataset_save writes.  It is recognised by its content, and read by the threads of the context.
 * docs/data.md tells the formats and what is refused.  Start from IST_DATASET_CONFIG_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    int32_t text;        /* IST_TEXT_*; other than AUTO: x_path is such text, whatever it looks like */
    int32_t index_base;  /* of libsvm text: the number of the first feature, 1 as LIBSVM has it, or 0 */
    int32_t features;    /* of sparse files: so many, those that a file does not know are 0, and a file with more is
                           refused; 0: as many as the file has */
    int32_t sparse;      /* IST_ROWS_*: what the rows of a sparse file become */
    int32_t need_labels; /* 1: one class for each dense row, and any label at all of sparse ones, or IST_E_SHAPE.  0:
                            dense rows of a sparse file that has none, or several, in a row are a dataset without labels */
    int32_t targets;     /* 1: y_path has the targets of a regression, not classes: .npy of floats (rows) or (rows,
                           targets), or .csv with a column for each; they become float32, and must be finite */
    int64_t
        dense_limit_bytes; /* how many dense rows of a sparse file may take, or IST_E_SHAPE; 0: 64 MiB, and 512 bytes
                                  for each value that the file has */
    int32_t log1p;     /* 1: values v of a sparse file become log(1 + v); one of -1 or less is refused.  The logarithm
                          is the library's own: the same bits everywhere */
    double row_length; /* above 0: then each of its rows that is not 0 is scaled to this Euclidean length */
} ist_dataset_config;
/* clang-format off */
#define IST_DATASET_CONFIG_INIT { sizeof(ist_dataset_config), IST_TEXT_AUTO, 1, 0, 0, 0, 0, 0, 0, 0.0 }
/* clang-format on */

/* As ist_dataset_open.  config NULL: defaults. */
IST_API ist_status ist_dataset_open_as(ist_context *context, ist_dataset **out, const char *x_path, const char *y_path,
                                       const ist_dataset_config *config);

/* Write sparse rows as a data file, atomically: it opens at the speed of memory (docs/format.md).
 * Errors: IST_E_ARGUMENT for a dataset that was not opened as sparse rows, IST_E_IO, IST_E_MEMORY. */
IST_API ist_status ist_dataset_save(ist_context *context, const ist_dataset *dataset, const char *path);

/* What a dataset has. */
typedef struct {
    size_t struct_size;
    int64_t rows;              /* of features, with a label each or without */
    int32_t features, classes; /* classes: labels are 0 .. classes - 1 */
    int64_t values;            /* of all rows: those that a sparse file has, rows * features of dense ones */
    int64_t labels;            /* of all rows */
    int64_t content_bytes;     /* of a sparse file, unpacked; else 0 */
    int32_t text;              /* IST_TEXT_* that sparse rows were read from; AUTO: no text */
    int32_t sparse;            /* 1: opened as sparse rows */
    int32_t targets;           /* of a regression, for each row; 0: none */
    int32_t lists;             /* 1: sparse rows of any number of labels, not one class each */
} ist_dataset_info;
/* out->struct_size must be set.  [any thread] */
IST_API ist_status ist_dataset_describe(const ist_dataset *dataset, ist_dataset_info *out);

/* A dataset over the caller's memory.
 * x       (rows, features) of `type` (IST_UINT8 or IST_FLOAT32), rows row_stride_bytes apart; borrowed by the dataset.
 *         Values must be finite (not checked here: this costs nothing).
 * labels  (rows) class ids 0 .. classes-1 (checked), borrowed by the dataset; NULL: no labels, then classes is 0. */
IST_API ist_status ist_dataset_wrap(ist_context *context, ist_dataset **out, const void *x, int32_t type, int64_t rows,
                                    int32_t features, int64_t row_stride_bytes, const int32_t *labels, int32_t classes);

/* Arrays of the caller as a dataset: the long form of ist_dataset_wrap, for targets, doubles, and memory that does not
 * stay.  Start from IST_DATASET_ARRAYS_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    int64_t rows;               /* 1 .. 2^32 - 2 */
    const void *x;              /* (rows, features) of x_type */
    int64_t x_row_stride_bytes; /* from row to row; 0: they stand without gaps */
    int32_t x_type;             /* IST_UINT8, IST_FLOAT32 or IST_FLOAT64 */
    int32_t features;           /* 1 .. 2^24 */
    const int32_t *labels;      /* of a classification: (rows) class ids 0 .. classes - 1 (checked); or NULL */
    int32_t classes;            /* 0 without labels */
    int32_t targets;            /* of a regression: 1 .. 2^24 for each row; 0 without.  Labels or targets, not both */
    const void *y;              /* (rows, targets) of y_type, finite (checked); NULL without */
    int64_t y_row_stride_bytes; /* as of x */
    int32_t y_type;             /* IST_FLOAT32 or IST_FLOAT64 */
    int32_t
        copy; /* 1: everything is copied, values of x must be finite (checked), and the arrays are the caller's again
                     when the call returns.  0: borrowed by the dataset; but doubles become float32 in memory of the
                     library, and are checked and the caller's again, too.  float32 and bytes of x are not checked */
} ist_dataset_arrays;
/* clang-format off */
#define IST_DATASET_ARRAYS_INIT \
    { sizeof(ist_dataset_arrays), 0, NULL, 0, IST_FLOAT32, 0, NULL, 0, 0, NULL, 0, IST_FLOAT32, 0 }
/* clang-format on */

/* Errors: IST_E_ARGUMENT names the field, or row and column of a value that is refused (counted from 0, as arrays are);
 * IST_E_MEMORY. */
IST_API ist_status ist_dataset_from_arrays(ist_context *context, ist_dataset **out, const ist_dataset_arrays *arrays);

/* Rows that a function of the caller writes into memory of the library.  Start from IST_ROWS_CONFIG_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    int64_t rows;         /* 1 .. 2^32 - 2 */
    int32_t features;     /* 1 .. 2^24 */
    int32_t x_type;       /* IST_UINT8 or IST_FLOAT32 */
    int32_t classes;      /* of a classification: labels are 0 .. classes - 1; 0: no labels */
    int32_t targets;      /* of a regression, for each row; 0: none.  Classes or targets, not both */
    int64_t rows_at_once; /* asked for in one call at most; 0: as many as take about 1 MiB */
} ist_rows_config;
/* clang-format off */
#define IST_ROWS_CONFIG_INIT { sizeof(ist_rows_config), 0, 0, IST_FLOAT32, 0, 0, 0 }
/* clang-format on */

/* Write rows first_row .. first_row + count - 1: x (count, features) of x_type, labels (count) or NULL, y (count, targets) or
 * NULL, all without gaps, and 0 as yet.  Other than 0 ends the call.  It calls nothing of this context. */
typedef int32_t (*ist_fill_fn)(void *user, int64_t first_row, int64_t count, void *x, int32_t *labels, float *y);

/* All rows in order, by the calling thread; then each batch is checked: numbers must be finite, labels in range.
 * Errors: IST_E_ARGUMENT names row and column of what is refused (counted from 0), or says how `fill` ended; IST_E_MEMORY. */
IST_API ist_status ist_dataset_from_rows(ist_context *context, ist_dataset **out, const ist_rows_config *config,
                                         ist_fill_fn fill, void *user);

/* Sparse rows in memory of the caller.  Start from IST_CSR_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    int64_t rows;             /* 1 .. 2^32 - 2 */
    int32_t features;         /* 1 or more: feature numbers are 0 .. features - 1 */
    int32_t labels;           /* labels are 0 .. labels - 1; 0 without */
    const int64_t *row_begin; /* (rows + 1) row r has the entries row_begin[r] .. row_begin[r + 1] - 1, from 0 on, of */
    const int32_t *feature;   /* (row_begin[rows]) ascending in each row, none twice */
    const float *value;       /* (row_begin[rows]) finite; NULL: all are 1 */
    const int64_t *label_begin; /* (rows + 1) likewise, of `label`; NULL: each row has one */
    const int32_t *label;       /* (label_begin[rows], or rows) ascending in each row; NULL: no labels */
} ist_csr;
/* clang-format off */
#define IST_CSR_INIT { sizeof(ist_csr), 0, 0, 0, NULL, NULL, NULL, NULL, NULL }
/* clang-format on */

/* What ist_dataset_open_as makes of a file with these rows: a copy, dense or sparse as `config` says (NULL: defaults) by
 * features, sparse, need_labels and dense_limit_bytes.  All is checked, by the threads of the context.
 * Errors: IST_E_ARGUMENT, also for the first row that is not as said (counted from 1, as of files); IST_E_SHAPE for what cannot
 * be dense rows; IST_E_MEMORY. */
IST_API ist_status ist_dataset_from_csr(ist_context *context, ist_dataset **out, const ist_csr *csr,
                                        const ist_dataset_config *config);

/* Hold some rows out, for validation: two datasets that own copies, each in the order of the whole, which stays as it is.
 * fraction  of the rows that *held gets, above 0 and below 1: rounded, but at least one row, and never all
 * seed      the same seed and number of rows: the same choice, of which all are as likely
 * Errors: IST_E_ARGUMENT; IST_E_SHAPE for a dataset of one row, or of 2^32; IST_E_MEMORY. */
IST_API ist_status ist_dataset_split(ist_context *context, const ist_dataset *dataset, double fraction, uint64_t seed,
                                     ist_dataset **rest, ist_dataset **held);
IST_API void ist_dataset_destroy(ist_dataset *dataset); /* NULL is fine */

IST_API int64_t ist_dataset_rows(const ist_dataset *dataset);     /* [any thread] */
IST_API int32_t ist_dataset_features(const ist_dataset *dataset); /* [any thread] */
/* One more than the largest label, or what ist_dataset_wrap was told; 0 without labels.  [any thread] */
IST_API int32_t ist_dataset_classes(const ist_dataset *dataset);

/* ------------------------------------------------------------------------------------------------------- model -- */

enum { IST_NORM_NONE = 0, IST_NORM_BATCH = 1 };
enum { IST_MAX_HIDDEN = 32 }; /* hidden layers */
enum { IST_RELU = 0, IST_GELU = 1, IST_TANH = 2, IST_SILU = 3 };
enum { IST_LOSS_CROSS_ENTROPY = 0, IST_LOSS_MSE = 1, IST_LOSS_HUBER = 2, IST_LOSS_BINARY = 3 };

/* A net: features -> hidden[0] -> .. -> hidden[hidden_count - 1] -> classes.  Every hidden layer is a product, a norm
 * (batch norm with gamma and beta, or none with a bias) and an activation; the output is a product, then batch norm without
 * affine part, or a bias.  hidden_count 0 is multinomial logistic regression.  [M1]
 * Start from IST_MODEL_CONFIG_INIT. */
typedef struct {
    size_t struct_size;
    int32_t features;      /* d, 1 .. 2^24 */
    int32_t classes;       /* C, 2 .. 2^24; 1 .. 2^24 targets of a regression */
    int32_t hidden_count;  /* 0 .. IST_MAX_HIDDEN */
    int32_t hidden_norm;   /* IST_NORM_* */
    const int32_t *hidden; /* (hidden_count) widths, 1 .. 2^24; borrowed for the call */
    int32_t output_norm;   /* IST_NORM_* */
    int32_t subnets;       /* n >= 1, at most the narrowest hidden layer (1 without hidden layers): how many subnets
                              this net is made for.  Sets the fan-in of the initial weights, and the 1/n scale of the
                              whole net where no norm absorbs it [M7] */
    uint64_t seed;         /* of the initial weights */
    double output_scale;   /* 1e-4 .. 1e4: logits are this times what the norm, or the bias, of the output gives; in
                            training, evaluation and prediction.  Stored in the model [M1] */
    int32_t activation;    /* IST_RELU .., of all hidden layers; GELU is its tanh form [M1] */
    int32_t loss;          /* IST_LOSS_*: what the net is for.  CROSS_ENTROPY: one of C classes.  MSE, HUBER: a
                              regression of C targets, with linear outputs: output_norm NONE, output_scale 1.  BINARY: each
                              of C labels is there or not, by itself: sigmoids, output_norm NONE [M4] */
    double huber_delta; /* 1e-6 .. 1e6, of HUBER: the error of a normalized target from which on the loss is a line */
} ist_model_config;
/* clang-format off */
#define IST_MODEL_CONFIG_INIT \
    { sizeof(ist_model_config), 0, 0, 0, IST_NORM_BATCH, NULL, IST_NORM_BATCH, 1, 1, 1.0, IST_RELU, \
      IST_LOSS_CROSS_ENTROPY, 1.0 }
/* clang-format on */

/* Uniform weights from (seed, layer), He's (with tanh LeCun's) [M7]; gamma 1, beta and bias 0 (of BINARY's
 * output a sigmoid of about 1 / C).  The memory is striped over
 * the nodes of the plan, and must fit as ist_trainer_create tells. */
IST_API ist_status ist_model_create(ist_context *context, ist_model **out, const ist_model_config *config);
IST_API void ist_model_destroy(ist_model *model); /* NULL is fine */

/* What the net is.  `hidden` of the answer belongs to the model.  config->struct_size must be set. [any thread] */
IST_API ist_status ist_model_describe(const ist_model *model, ist_model_config *config);
IST_API int64_t ist_model_parameter_count(const ist_model *model); /* trained numbers, statistics not counted */

/* Inputs are seen as (x - shift) * factor, stored in the model and applied by training, evaluate and predict.
 * count 1: the same for all features; else it must be the number of features.  Factors finite, not 0. */
IST_API ist_status ist_model_set_normalization(ist_model *model, int32_t count, const float *shift,
                                               const float *factor);
enum { IST_NORMALIZE_NONE = 0, IST_NORMALIZE_GLOBAL = 1, IST_NORMALIZE_ZSCORE = 2 };
/* Measure the normalization on a dataset: GLOBAL one mean and deviation for all values, ZSCORE one for each feature
 * (a constant feature gets factor 1). */
IST_API ist_status ist_model_measure_normalization(ist_model *model, const ist_dataset *dataset, int32_t mode);

/* Of a regression: the net is trained towards (y - shift) * factor of each target y, and losses are of that; predictions
 * are in the targets' own units again.  Stored in the model; at first shift 0, factor 1.
 * count 1: the same for all targets; else their number.  Factors finite, not 0.  IST_E_ARGUMENT, also for a net of classes. */
IST_API ist_status ist_model_set_target_normalization(ist_model *model, int32_t count, const float *shift,
                                                      const float *factor);
/* Measure it on the targets of a dataset: mean and deviation of each (a constant target gets factor 1).
 * Errors: IST_E_ARGUMENT for a net of classes, IST_E_SHAPE for a dataset without as many targets. */
IST_API ist_status ist_model_measure_target_normalization(ist_model *model, const ist_dataset *dataset);

/* Make `out` what `from` is: parameters, statistics, normalization, the number of subnets it was made for.  Both are of
 * one context (else IST_E_ARGUMENT) and of one shape: layers, widths and norms (else IST_E_SHAPE). */
IST_API ist_status ist_model_copy(ist_model *out, const ist_model *from);

/* Write atomically (temporary file, fsync, rename): docs/format.md. */
IST_API ist_status ist_model_save(ist_model *model, const char *path);
/* Read a model, or the model inside a checkpoint. */
IST_API ist_status ist_model_load(ist_context *context, ist_model **out, const char *path);
/* The bytes of that file in memory of the caller.  *need_bytes: how many; when that is more than capacity_bytes nothing is
 * written and the status is still IST_OK.  buffer may be NULL when capacity_bytes is 0. */
IST_API ist_status ist_model_save_bytes(ist_model *model, void *buffer, size_t capacity_bytes, size_t *need_bytes);
/* As ist_model_load, from `count` bytes that are borrowed for the call; error lines call them "the bytes given".  They are
 * trusted no more than a file is. */
IST_API ist_status ist_model_load_bytes(ist_context *context, ist_model **out, const void *bytes, size_t count);

enum { IST_TENSOR_NAME_BYTES = 32 };
/* What a model has under a name of docs/export.md, where all of them are told.  Append-only. */
typedef struct {
    size_t struct_size;
    char name[IST_TENSOR_NAME_BYTES]; /* "layers.0.weight" */
    int32_t type;                     /* IST_FLOAT32, IST_FLOAT64 or IST_INT32 */
    int32_t dims;                     /* 1 or 2 */
    int64_t size[2];                  /* (outputs, inputs) of weights; (count, 1) of all others */
    int64_t bytes;                    /* of all numbers */
    int32_t known;                    /* 0: statistics of batch norm that the present parameters have none of */
    int32_t reserved0;                /* 0 */
} ist_tensor;
/* How many there are: all that a net of this shape can have, whatever an export would leave out; of a regression target.shift and
 * target.factor, too: its outputs are (y - shift) * factor. */
IST_API int32_t ist_model_tensor_count(const ist_model *model);
/* Number `index`, from 0, in the order of the layers; out->struct_size set.  IST_E_ARGUMENT, without a line. */
IST_API ist_status ist_model_tensor(const ist_model *model, int32_t index, ist_tensor *out);
/* All numbers of a tensor to or from an array of yours, whose bytes must be as many as it has; weights (outputs, inputs) row
 * by row, as they are exported.
 * Set: of a model in training it counts from the next round on.  Numbers must be finite, variances not negative, factors not
 * 0; net.subnets and net.activation can only be what they are; shifts and factors have one number
 * or one a feature (target), and where that is another count than before the other one begins anew, with shift 0, factor 1.
 * Statistics of a batch norm hold until something before it is set: normalization, weights of its layer, anything but the
 * statistics of a layer before.  Then it is to be calibrated, or its mean and variance set.  Who sets all that another model
 * has, in order, has the same model, to the bit.
 * Errors, with nothing changed: IST_E_ARGUMENT names the tensor and what was expected; IST_E_MEMORY. */
IST_API ist_status ist_model_get_tensor(ist_model *model, const char *name, void *out, size_t bytes);
/* See ist_model_get_tensor. */
IST_API ist_status ist_model_set_tensor(ist_model *model, const char *name, const void *in, size_t bytes);

enum {
    IST_FILE_AUTO = 0, /* by the end of the path: .safetensors, .npz, .onnx */
    IST_FILE_SAFETENSORS = 1,
    IST_FILE_NPZ = 2,
    IST_FILE_ONNX = 3 /* opset 13, one file of at most 2 GiB, any number of rows */
};
enum { IST_ANSWER_PROBABILITIES = 0, IST_ANSWER_LOGITS = 1 };
/* How to write a model for other programs: docs/export.md names the tensors.  Start from IST_EXPORT_CONFIG_INIT.
 * Append-only. */
typedef struct {
    size_t struct_size;
    int32_t format; /* IST_FILE_* */
    int32_t fold; /* 1: batch norm, the 1/n scale [M7] and output_scale become part of weights and biases, so that each
                       layer is W x + b.  0: they stand by themselves */
    int32_t answer;    /* IST_ANSWER_*: what the graph of an ONNX file ends with */
    int32_t reserved0; /* 0 */
} ist_export_config;
/* clang-format off */
#define IST_EXPORT_CONFIG_INIT { sizeof(ist_export_config), IST_FILE_AUTO, 0, IST_ANSWER_PROBABILITIES, 0 }
/* clang-format on */

/* Write a model for other programs, atomically.  Weights are written from where they lie, not copied.  Equal models give
 * equal files.  config NULL: defaults.
 * Errors: IST_E_ARGUMENT: a field is out of range, AUTO does not know the end of the path, ONNX or `fold` of a net with
 * batch norm and no statistics (ist_model_calibrate), ONNX beyond 2 GiB; IST_E_IO, IST_E_MEMORY. */
IST_API ist_status ist_model_export(ist_model *model, const char *path, const ist_export_config *config);
/* Read a safetensors or NPZ file with tensors of those names, recognised by its content: what ist_model_export wrote is the
 * same model, to the bit, unless it was folded; then it is the same function, without norms.
 * Errors: IST_E_FORMAT (names file, byte and tensor), IST_E_IO, IST_E_MEMORY, IST_E_PLACEMENT. */
IST_API ist_status ist_model_import(ist_context *context, ist_model **out, const char *path);

/* Which subnet.  Start from IST_SUBNET_CONFIG_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    int32_t subnet;       /* 0 .. subnets - 1 */
    int32_t subnets;      /* 0: what the model was made for */
    uint64_t seed;        /* of the training */
    int64_t round;        /* 0 .. 2^31 - 1: the deal of this round, counted from the first one of subnets */
    const double *shares; /* (subnets) of the training, above 0, of any sum; borrowed for the call.  NULL: even */
} ist_subnet_config;
/* clang-format off */
#define IST_SUBNET_CONFIG_INIT { sizeof(ist_subnet_config), 0, 0, 1, 0, NULL }
/* clang-format on */

/* One subnet alone: the narrow net of the hidden neurons that it has in the deal of a round [M2] [M3], as a model of its
 * own, made for 1 subnet, of the same context.  With seed and shares of the training, and the number of its last round, it is
 * the net that was trained last, but for an output bias, which all subnets share; of any other round, a net of neurons
 * that were dealt together only then.  Not for deals with a repartition_fraction below 1, which are others.
 * Statistics of batch norm hold in the first layer alone: where more layers have it, calibrate the new model.
 * Errors: IST_E_ARGUMENT, IST_E_MEMORY. */
IST_API ist_status ist_model_subnet(ist_model *from, ist_model **out, const ist_subnet_config *config);

/* Measure the statistics of batch norm of a net that has none (a checkpoint between two evaluations), as a trainer does: on
 * `rows` rows of a dataset (1 or more; all, where it has fewer), drawn by `seed` [M6].  With the training rows, the seed of
 * the run and calibration_batches x batch rows they are those that ist_trainer_calibrate would have measured, to the bit.
 * Errors: IST_E_ARGUMENT, IST_E_SHAPE, IST_E_MEMORY, IST_E_PLACEMENT. */
IST_API ist_status ist_model_calibrate(ist_model *model, const ist_dataset *dataset, int64_t rows, uint64_t seed);

enum { IST_STATISTICS_STORED = 0, IST_STATISTICS_BATCH = 1 };
enum { IST_ORDER_FILE = 0, IST_ORDER_SHUFFLED = 1 };
/* How to evaluate and predict.  Start from IST_EVALUATE_CONFIG_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    int32_t statistics; /* of batch norm: STORED ones [M6], or the paper's: those of each evaluation batch [M6] */
    int32_t batch;      /* rows at a time; 0: 128.  With STORED statistics no answer depends on it, to the last bit */
    int32_t
        order; /* IST_ORDER_*, of BATCH statistics: which rows are a batch.  FILE: neighbours, so that rows sorted by
                           class are judged by statistics of one class, and most are wrong; SHUFFLED: drawn from all
                           rows, always the same for so many */
} ist_evaluate_config;
/* clang-format off */
#define IST_EVALUATE_CONFIG_INIT { sizeof(ist_evaluate_config), IST_STATISTICS_STORED, 0, IST_ORDER_FILE }
/* clang-format on */

/* What an evaluation found.  Start from IST_EVALUATION_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    int64_t rows, correct; /* argmax equal to the label, or one of the row's; of equal logits the first counts.  0 of a
                              regression */
    double accuracy;       /* correct / rows; 0 of a regression */
    double loss;      /* mean cross-entropy, nats; of a regression its loss in normalized targets, as in training */
    double seconds;   /* wall time */
    double flops;     /* of products */
    double rmse, mae; /* of a regression, over all rows and targets, in the targets' own units: root of the mean square,
                         and mean size, of the error; else 0 */
    double r2;        /* coefficient of determination, the mean over targets; one that does not vary counts as 1 where
                         it is met exactly, else as 0 */
} ist_evaluation;
/* clang-format off */
#define IST_EVALUATION_INIT { sizeof(ist_evaluation), 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0 }
/* clang-format on */

/* Loss and accuracy of the whole net on a dataset with labels, or loss and errors on one with targets; of rows with several labels
 * ist_model_rank tells more.  config NULL: defaults.  out->struct_size set.  A net with batch norm needs statistics for STORED (the trainer measures them:
 * ist_trainer_calibrate), else IST_E_ARGUMENT. */
IST_API ist_status ist_model_evaluate(ist_model *model, const ist_dataset *dataset, const ist_evaluate_config *config,
                                      ist_evaluation *out);
/* Class probabilities of every row: out (rows, classes); of a regression the targets, in their own units: out (rows,
 * targets).  Label and targets of the dataset are not needed. */
IST_API ist_status ist_model_predict(ist_model *model, const ist_dataset *dataset, const ist_evaluate_config *config,
                                     float *out);

enum { IST_RANKS = 5, IST_TOP_MOST = 1024 };
/* How good the best labels of rows are, which may have any number of labels each.  Start from IST_RANKING_INIT.  Append-only.
 * Index k - 1 of the arrays: at k. [M20] */
typedef struct {
    size_t struct_size;
    int64_t rows, labels;        /* labels: of all rows together */
    int64_t rows_without;        /* without any label: they count as 0 in all that follows */
    double loss;                 /* as training has it, mean over rows, nats; of softmax 0 for rows without labels */
    double seconds;              /* wall time */
    double flops;                /* of products */
    double precision[IST_RANKS]; /* of the k best labels, how many are the row's; at 1: ist_evaluation.accuracy */
    double ndcg[IST_RANKS];      /* the same with weights 1 / log2(place + 1), of what could be had */
    double psp[IST_RANKS];       /* propensity-scored precision, of what could be had; 0 without propensities */
} ist_ranking;
/* clang-format off */
#define IST_RANKING_INIT { sizeof(ist_ranking), 0, 0, 0, 0.0, 0.0, 0.0, { 0.0 }, { 0.0 }, { 0.0 } }
/* clang-format on */

/* Rank the labels of every row of a dataset, dense or sparse, and tell what the ranking is worth.  No array of rows or columns times
 * classes is made: memory besides the model is 24 bytes a row, a few MiB a thread, and 16 bytes a class, as many more a team.
 * propensity  the training data, whose labels tell how likely each is to be missing (of N rows N_l with label l: 1 / p_l = 1 + C (N_l +
 *             1.5)^-.55, C = (log N - 1) 2.5^.55), 3 rows or more; NULL: psp is 0
 * config      as of ist_model_evaluate.  out->struct_size set.  Not for a regression.
 * Errors: IST_E_ARGUMENT, IST_E_SHAPE, IST_E_MEMORY, IST_E_PLACEMENT. */
IST_API ist_status ist_model_rank(ist_model *model, const ist_dataset *dataset, const ist_dataset *propensity,
                                  const ist_evaluate_config *config, ist_ranking *out);
/* The k best labels of every row, best first; of equal ones the lowest first, and what is not a number last.
 * k       1 .. IST_TOP_MOST, and at most as many as there are classes
 * labels  out (rows, k)
 * scores  out (rows, k) their probabilities; NULL: not wanted
 * Labels of the dataset are not needed.  The same memory, besides 2 KiB a thread for each k; errors as above. */
IST_API ist_status ist_model_top(ist_model *model, const ist_dataset *dataset, const ist_evaluate_config *config,
                                 int32_t k, int32_t *labels, float *scores);

/* A net frozen for answers: for the inside of a host's own loops, where a row is asked about now and a few then.  Its
 * answers are those of ist_model_predict with STORED statistics, with the native engine to the last bit, however many
 * rows are asked about at once, and whoever works. */
typedef struct ist_predictor ist_predictor; /* opaque: a copy of the weights, each core's share on its node */

/* Start from IST_PREDICTOR_CONFIG_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    int32_t answer;       /* IST_ANSWER_* */
    int32_t rows_at_once; /* 1 .. 65536: rows that go through the layers together.  Work space is two buffers of so many
                             columns of the widest layer, one pair for each thread that asks at the same time */
} ist_predictor_config;
/* clang-format off */
#define IST_PREDICTOR_CONFIG_INIT { sizeof(ist_predictor_config), IST_ANSWER_PROBABILITIES, 128 }
/* clang-format on */

/* Take a copy of the model as it is now; what becomes of the model does not matter to it.  Destroy it before its context.
 * config NULL: defaults.
 * Errors: IST_E_ARGUMENT, also for a net with batch norm and no statistics (ist_model_calibrate); IST_E_MEMORY;
 * IST_E_PLACEMENT. */
IST_API ist_status ist_predictor_create(ist_model *model, ist_predictor **out, const ist_predictor_config *config);
IST_API void ist_predictor_destroy(ist_predictor *predictor); /* NULL is fine */

/* Answers to rows by the calling thread alone, which may be any, many at once, also inside OpenMP parallel regions.  Takes
 * no lock; allocates when more threads ask at once than ever before.
 * x     (rows, features) of `type`, IST_UINT8, IST_FLOAT32 or IST_FLOAT64 (rounded to float32), rows row_stride_bytes apart,
 *       as the model was given them in training: the normalization of inputs is applied
 * out   (rows, classes); of a regression the targets, in their own units, whatever `answer` says
 * Errors, without a line: IST_E_ARGUMENT, IST_E_MEMORY.  [any thread] */
IST_API ist_status ist_predictor_run(const ist_predictor *predictor, const void *x, int32_t type, int64_t rows,
                                     int64_t row_stride_bytes, float *out);
/* The same by all threads of the context together, each neuron by a core of the node its weights lie on: the way to the
 * earliest answer where one core's memory bandwidth is not enough.  Errors: those, and IST_E_PLACEMENT, with a line. */
IST_API ist_status ist_predictor_run_teams(ist_predictor *predictor, const void *x, int32_t type, int64_t rows,
                                           int64_t row_stride_bytes, float *out);

/* ----------------------------------------------------------------------------------------------------- trainer -- */

enum { IST_SGD = 0, IST_MOMENTUM = 1, IST_NESTEROV = 2, IST_ADAM = 3 };
enum { IST_STATE_CARRIED = 0, IST_STATE_RESET = 1 };
enum { IST_LR_CONSTANT = 0, IST_LR_COSINE = 1, IST_LR_STEP = 2 };
enum {
    IST_METHOD_IST = 0,           /* subnets of neurons dealt anew each round; 1 subnet is plain SGD of the whole net */
    IST_METHOD_DATA_PARALLEL = 1, /* baselines [M11]: `subnets` replicas of the whole net, their gradients averaged in
                                     every step */
    IST_METHOD_LOCAL_SGD = 2,     /* replicas averaged once a round */
    IST_METHOD_ENSEMBLE = 3,      /* dealt once and never exchanged: narrow nets side by side, logits summed */
    IST_METHOD_MASKED = 4         /* dealt anew as subnets are, but each goes forward and back through a replica of the
                                     whole net, and only weights between its own neurons take a step.  Not for sparse
                                     rows, lists of labels, sigmoids [M21] */
};
enum { IST_BALANCE_EVEN = 0, IST_BALANCE_ADAPTIVE = 1 };
enum { IST_DATA_SHARD = 0, IST_DATA_REPLICATE = 1, IST_DATA_SHARED = 2 };

/* How to train.  The fields are the identity of a run: same values, same bits.
 * Start from IST_TRAIN_CONFIG_INIT, whose values were chosen by measurement (docs/defaults.md). */
typedef struct {
    size_t struct_size;
    int32_t subnets;             /* n; 0: what the model was made for.  1 is plain SGD of the whole net */
    int32_t local_steps;         /* J >= 1: steps of a round between two deals */
    int32_t batch;               /* B >= 1: rows of a step of one subnet */
    int32_t optimizer;           /* IST_SGD .. IST_ADAM */
    int32_t state;               /* IST_STATE_*: the optimiser state moves with its neuron, or is zeroed each round */
    int32_t schedule;            /* IST_LR_* over the whole run */
    int32_t data;                /* IST_DATA_*: SHARD each subnet keeps its rows; REPLICATE all rows, dealt anew each
                                    epoch, a copy on each team's node; SHARED the same without copies */
    int32_t calibration_batches; /* K >= 1: training batches behind the stored statistics of batch norm [M6] */
    double epochs;   /* above 0, up to 1e6: passes over the data, counted over all subnets; ignored when rounds > 0 */
    int64_t rounds;  /* > 0: train for so many whole rounds */
    double lr;       /* at its height, up to 1e6; 0: what suits the optimizer (ist_default_lr) */
    double momentum; /* [0, 1): of momentum and nesterov */
    double beta1, beta2; /* [0, 1): of adam */
    double epsilon;      /* 1e-20 .. 1: of adam */
    double weight_decay; /* >= 0, decoupled: a step multiplies weights by 1 - lr weight_decay; not gamma, beta, bias */
    uint64_t seed;       /* of deals, shards, batch order and dropout */
    int32_t method;      /* IST_METHOD_*.  Replicas and MASKED want a model made for 1 subnet */
    int32_t balance;     /* IST_BALANCE_*.  ADAPTIVE gives up reproducibility: shares follow the measured speed of the
                            teams, from even ones on.  Not with shares, nor with a repartition_fraction below 1, nor
                            where shares are refused [M12] */
    double repartition_fraction; /* above 0, up to 1: of each hidden layer so many neurons are dealt anew in a round, at
                                    least two; all others stay with their subnet, and their weights in its block.  1:
                                    all.  0 would be no exchange at all: n nets that never meet [M2] */
    const double *shares;        /* (subnets), above 0, of any sum; borrowed for the call: seats of each hidden layer in
                                    these proportions, at least one a subnet.  NULL: even.  Not for two or more hidden
                                    layers without norm, whose 1/n scale holds for even widths [M7], and
                                    for the method IST alone, as is repartition_fraction below 1 */
    /* The learning rate within a phase, f = 0 .. 1 of its steps done: lr x ramp x schedule. */
    double lr_ramp;              /* [0, 1): part of the first phase's steps over which lr rises in a line; the first
                                    step has one of so many parts of it, not 0 */
    double lr_floor;             /* 0 .. 1: part of lr where the cosine ends, and below which steps do not go */
    double lr_step_every;        /* above 0, up to 1, of IST_LR_STEP: after each such part of the phase .. */
    double lr_step_factor;       /* .. the learning rate is multiplied by this; above 0, up to 1 */
    int32_t local_steps_last;    /* J at the end of the rounds of subnets (replicas, members), which begin with
                                    local_steps: a round that begins where part f of their steps is done has
                                    local_steps (local_steps_last / local_steps)^f, rounded.  0: as local_steps;
                                    else not with `rounds` */
    int32_t full_width_schedule; /* IST_LR_* of the phase at full width behind */
    /* Phases at full width [M16]: the whole net, trained by all threads together, one batch a step and local_steps steps
     * a round, before and after the rounds of subnets; schedules begin anew in each phase.  For the method IST; not with
     * `rounds`, nor with layers without norm in a model made for several subnets. */
    double warmup_epochs, full_width_epochs; /* >= 0, together at most `epochs`, which counts them too */
    double warmup_lr, full_width_lr;         /* 0: as lr.  The warm-up's lr stays as it is, but for lr_ramp */
    /* Regularisation; not used in evaluation. */
    double label_smoothing; /* [0, 1): part of the target that is spread over all classes.  Gradients follow it [M4];
                               losses told are those of the labels as they are */
    double input_dropout, hidden_dropout; /* [0, 1): chance of a feature, a hidden neuron's output, to be 0 for a sample
                                             of a step; the nearest 1/65536.  The others grow to keep the mean [M15] */
    /* What becomes of a round's change of the master. */
    double outer_lr, outer_momentum; /* above 0, up to 10; [0, 1): 1 and 0 is a plain copy.  For the method IST */
    double average_from;  /* 0 .. 1: part of the run's steps after which the master is averaged over rounds; 1:
                                        it is not.  ist_trainer_average gives the mean */
    double average_decay; /* [0, 1): of a running mean; 0: all rounds count the same */
    /* No part of the identity. */
    int32_t
        background_saves; /* 1: ist_trainer_save_begin will be called.  The copy that it writes from is counted in what
                                 must fit, and taken when the trainer is created; 0: when it is called first */
    int32_t reserved1;    /* 0 */
    int64_t logits_bytes; /* 0 .. 2^40: memory of a team for the logits of a wide output, one tile of labels a thread at
                             least; 0: 256 MiB.  Less takes longer: what does not fit is computed twice.  An output is wide
                             where rows have lists of labels, with IST_LOSS_BINARY, and from 4096 classes on without
                             norm, with the native engine, but for data parallel [M4].  No part of the identity */
    int32_t
        sampled_labels; /* 0 .. 2^24, of a wide output with softmax, a part of the identity: a step sees the labels of its
                               batch and so many others, drawn evenly by seed, step and subnet, whose logits are
                               corrected for it; weights of all others rest.  0: all labels [M4] */
    int32_t reserved2; /* 0 */
} ist_train_config;
/* clang-format off */
#define IST_TRAIN_CONFIG_INIT \
    { sizeof(ist_train_config), 0, 50, 128, IST_MOMENTUM, IST_STATE_CARRIED, IST_LR_COSINE, IST_DATA_SHARD, 16, 20.0, \
      0, 0.0, 0.9, 0.9, 0.999, 1e-8, 0.0, 1, IST_METHOD_IST, IST_BALANCE_EVEN, 1.0, \
      NULL, 0.0, 0.0, 0.25, 0.1, 0, IST_LR_COSINE, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0, 0, 0, 0, 0 }
/* clang-format on */

/* The learning rate that lr 0 stands for; 0 for an unknown optimizer.  [any thread] */
IST_API double ist_default_lr(int32_t optimizer);

/* model and dataset: borrowed by the trainer.  Places the data, allocates node-local blocks, all of which must fit into
 * what the machine, the control group and this process have left: IST_E_MEMORY before anything is allocated, where it
 * does not (docs/numa.md, Limits; PLACE_NONE only warns).  The model's parameters
 * change with training and are between two calls those of the last whole round. */
IST_API ist_status ist_trainer_create(ist_context *context, ist_trainer **out, ist_model *model,
                                      const ist_dataset *dataset, const ist_train_config *config);
IST_API void ist_trainer_destroy(ist_trainer *trainer); /* NULL is fine */
/* Another run that goes on by itself from where this one stands, with its dataset and configuration: left alone, both give the
 * same bits; ist_trainer_scale_lr tries two learning rates from one point.  `model`, of the same context and shape and in no
 * other training, is borrowed, and becomes a copy of the one in training.  Note and optimiser state are copied, times begin
 * at 0.  It takes as much memory as ist_trainer_create.  Not while ist_trainer_run works.
 * Errors, with nothing changed: IST_E_ARGUMENT, IST_E_SHAPE, IST_E_MEMORY, IST_E_PLACEMENT. */
IST_API ist_status ist_trainer_clone(ist_trainer *trainer, ist_trainer **out, ist_model *model);

enum {
    IST_PHASE_SUBNETS = 0,   /* and of the baselines: replicas, members */
    IST_PHASE_WARMUP = 1,    /* the whole net, before them */
    IST_PHASE_FULL_WIDTH = 2 /* the whole net, after them */
};

/* Where a run stands; all times are sums since the trainer was created or resumed.  Phases are means over threads.
 * wait_s: at barriers, those inside steps among them, and while a round is dealt; the other phases hold no waiting. */
typedef struct {
    size_t struct_size;
    int64_t round, rounds;                         /* done; of the whole run */
    int64_t step, steps;                           /* local steps of each subnet: done; of the whole run */
    int64_t samples;                               /* rows trained on, all subnets together */
    double epoch;                                  /* samples / rows of the dataset */
    double loss;                                   /* mean over subnets and steps of the last round */
    double lr;                                     /* of the last step */
    double seconds;                                /* wall time inside ist_trainer_run */
    double gather_s, train_s, wait_s, writeback_s; /* phases of that time */
    double flops;                                  /* of products in local steps */
    double bytes_moved;                            /* between master and blocks, both directions */
    double bytes_crossed; /* those of them that went to or came from another node, as planned: counted from the deals
                             and the stripes of the master.  Since the trainer was created or resumed, as times are */
    int64_t averaged;     /* rounds in the mean of the master (average_from) */
    int32_t phase;        /* IST_PHASE_* of the last round; before any, of the first */
    int32_t local_steps;  /* of that round */
    double lr_scale;      /* what ist_trainer_scale_lr made of the learning rate; 1 without */
    int64_t lr_scalings;  /* how often */
    int64_t fed;          /* rows of ist_trainer_feed that have joined the training set; see there */
} ist_progress;
IST_API ist_status ist_trainer_progress(const ist_trainer *trainer, ist_progress *out); /* out->struct_size set */
/* How many rounds of the run it takes until ist_progress.epoch is `epochs` or more; all, where it never is. */
IST_API int64_t ist_trainer_rounds_until(const ist_trainer *trainer, double epochs);

/* How long the teams worked and waited, as wall time of rounds; sums since the trainer was created or resumed. */
typedef struct {
    size_t struct_size;
    int32_t team, node; /* node: index as in the context's report */
    int32_t threads;    /* of the team */
    int32_t subnets;    /* that it trains, one after another */
    double busy_s;      /* gather, steps, write back, and what its threads wait for each other in between */
    double wait_s;      /* until the slowest team was done */
    double share;       /* of the neurons of hidden layers that its subnets hold now */
} ist_team_times;
/* All teams, team 0 first: at most `capacity` of them into out, *count: how many there are.  out[0].struct_size must be
 * set, and is the distance of the elements in bytes; out may be NULL when capacity is 0.  May be called from an
 * ist_round_fn. */
IST_API ist_status ist_trainer_teams(const ist_trainer *trainer, ist_team_times *out, int32_t capacity, int32_t *count);

/* What a thread of ours does just now. */
typedef struct {
    size_t struct_size;
    int32_t team, node, rank; /* rank: in its team */
    int32_t processor;        /* it is bound to; -1: to none */
    int64_t round;            /* it works on, counted from 1 */
    int32_t subnet;           /* the last it began; -1: none */
    int32_t waiting;          /* 1: for other threads */
    int64_t beats;            /* pieces of work begun so far: of one that stands still, the same at the next look */
    char doing[32];           /* "forward 2": the piece begun last; "": it is not in a call */
} ist_thread_state;
/* All threads, team 0 first: at most `capacity` of them, out and *count as for ist_trainer_teams.  It may be called while
 * ist_trainer_run works, and is for a watchdog: of a run that stands still those that do not wait are those that the
 * others wait for.  Failing tells no line.  [any thread] */
IST_API ist_status ist_trainer_threads(const ist_trainer *trainer, ist_thread_state *out, int32_t capacity,
                                       int32_t *count);

/* Called after every round by the calling thread while the teams wait: be quick, and of this context call
 * ist_trainer_verify, ist_trainer_teams and ist_trainer_feed alone.  Returning other than 0 ends the call after this round. */
typedef int32_t (*ist_round_fn)(void *user, const ist_progress *progress);

/* Train at most `rounds` rounds (0: to the end of the run), or until ist_trainer_stop.  A round: deal [M2], gather [M3],
 * J local steps without traffic between teams [M4], barrier, write the disjoint blocks back [M5]. */
IST_API ist_status ist_trainer_run(ist_trainer *trainer, int64_t rounds, ist_round_fn on_round, void *user);

/* When ist_trainer_run_until is to end.  Start from IST_GOAL_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    const ist_dataset *dataset; /* to evaluate on; borrowed for the call */
    double accuracy;            /* 0 .. 1: it or more is the goal; 0: not asked, as of a regression it must be */
    double loss;                /* 0 or more: it or less is the goal; 0: not asked */
    int64_t every_rounds;       /* 1 .. 2^31 - 1: from one evaluation to the next; and at the end of the run */
} ist_goal;
/* clang-format off */
#define IST_GOAL_INIT { sizeof(ist_goal), NULL, 0.0, 0.0, 1 }
/* clang-format on */
enum {
    IST_ENDED_RUN = 0,      /* the run is over, and the goal was not met */
    IST_ENDED_ACCURACY = 1, /* met */
    IST_ENDED_LOSS = 2,     /* met */
    IST_ENDED_ASKED = 3     /* by on_round or ist_trainer_stop, before the end of the run */
};
/* Train until an evaluation of the model meets the goal, or to the end of the run.  Every so many rounds it calls
 * ist_trainer_calibrate and ist_model_evaluate: the run's bits are those of ist_trainer_run, and the model has its statistics.  It is
 * the model in training that is evaluated, not its mean over rounds.
 * last   the last evaluation, rows 0 where it was ended before the first; struct_size set; may be NULL
 * ended  IST_ENDED_*; may be NULL
 * Errors: those of the three functions that it calls; both out-parameters are as before then. */
IST_API ist_status ist_trainer_run_until(ist_trainer *trainer, const ist_goal *goal, ist_round_fn on_round, void *user,
                                         ist_evaluation *last, int32_t *ended);

/* Rows that join the training set while rounds go on.  Start from IST_FEED_INIT.  Append-only. */
typedef struct {
    size_t struct_size;
    int64_t rows;               /* 1 .. 2^32 - 2 */
    const void *x;              /* (rows, features of the dataset) of x_type, finite (checked) */
    int64_t x_row_stride_bytes; /* from row to row; 0: they stand without gaps */
    int32_t x_type;        /* IST_UINT8 for a dataset of bytes; else IST_FLOAT32 or IST_FLOAT64, which is rounded */
    int32_t y_type;        /* IST_FLOAT32 or IST_FLOAT64 */
    const int32_t *labels; /* of a classification: (rows) class ids below ist_dataset_classes (checked); else NULL */
    const void *y;         /* of a regression: (rows, targets of the dataset) of y_type, finite (checked); else NULL */
    int64_t y_row_stride_bytes; /* as of x */
    char *line;                 /* what was wrong, should something be, is told here, with a 0 behind it; or NULL */
    size_t line_bytes;          /* room for it */
} ist_feed;
/* clang-format off */
#define IST_FEED_INIT { sizeof(ist_feed), 0, NULL, 0, IST_FLOAT32, IST_FLOAT32, NULL, NULL, 0, NULL, 0 }
/* clang-format on */

/* Feed rows: all are copied into a queue, or none, and the arrays are the caller's again.  What waits when a round opens joins the
 * training set then.  That is a window of as many rows as the dataset had when the trainer was created: each row takes the place
 * of the oldest one, first of the dataset's in their order, then of fed ones; so row i of all that were fed takes place i mod rows.
 * Results depend on which rows have joined by which round, and on nothing else: rows fed from on_round or between two calls of
 * ist_trainer_run give the same bits for any number of teams and threads.
 * The rows become the dataset's own: it must own its memory (opened, filled, or ist_dataset_from_arrays with copy 1), must have no other
 * trainer, and gets none, nor a clone of this one, until this trainer is destroyed; it may be evaluated between calls.
 * Normalization that was measured stays as it is.  Rows are no part of checkpoints (docs/checkpoints.md).
 * Memory: what waits, at most as many rows as the window has, beside as many that joined last; at the first call 4 bytes a row.
 * Errors, without a line but in rows->line: IST_E_ARGUMENT, with row and column of a value that is refused; IST_E_MEMORY.
 * Also while ist_trainer_run works, and from on_round.  [any thread] */
IST_API ist_status ist_trainer_feed(ist_trainer *trainer, const ist_feed *rows);

/* Multiply the learning rate of all rounds from here on by `factor`, above 0, at most 1; factors of several calls
 * multiply.  For a run that returned IST_E_DIVERGED: it stands behind its last whole round as if the one that failed had
 * not been tried, and goes on from there, the same on every machine.  Part of the state that ist_trainer_save writes.
 * IST_E_ARGUMENT.  Not while ist_trainer_run works. */
IST_API ist_status ist_trainer_scale_lr(ist_trainer *trainer, double factor);

/* Ask a running ist_trainer_run to end after its current round.  [any thread, async-signal-safe] */
IST_API void ist_trainer_stop(ist_trainer *trainer);

/* Measure the statistics of batch norm of the whole net on K training batches and store them in the model [M6].
 * Nothing to do, and IST_OK, for a net without batch norm. */
IST_API ist_status ist_trainer_calibrate(ist_trainer *trainer);

/* The mean of the master over rounds (average_from, average_decay), with statistics of batch norm measured for it as
 * ist_trainer_calibrate does, into `out`: a model of the same shape and context, but not the one in training.  It takes
 * the normalization of inputs, too.  The run goes on as if nobody had asked.  [M13]
 * Errors: IST_E_ARGUMENT when the run is not averaged, or no round is yet (ist_progress.averaged is 0), or `out` is of
 * another context, or in training here; IST_E_SHAPE; IST_E_MEMORY. */
IST_API ist_status ist_trainer_average(ist_trainer *trainer, ist_model *out);

/* A whole run's state: the model file plus optimiser state and position.  Written atomically: when it returns IST_OK the
 * file is safe on disk, else the old one is as it was.  Temporary files that killed processes left of this path are removed.
 * It ends a save that is under way first, and returns the failure of that one instead of its own work. */
IST_API ist_status ist_trainer_save(ist_trainer *trainer, const char *path);

/* The same while rounds go on: all teams copy the state (as long as copying that memory takes), then a thread of the
 * library's own writes the copy.  That thread has the lowest priority and all signals blocked, may run on any core of the
 * context, and ends with its file.  The bytes are those of ist_trainer_save at this point; nothing that is called later
 * changes them.  One save at a time: it waits for the one before, and when that has failed returns its status and begins
 * nothing; call again.  Memory: as much as the file, see background_saves.
 * Errors, before anything is written: IST_E_ARGUMENT, IST_E_MEMORY (room, or no thread can be had), IST_E_PLACEMENT. */
IST_API ist_status ist_trainer_save_begin(ist_trainer *trainer, const char *path);
/* How the save under way ended; IST_OK when there is none.  A failure is told once, by this or the next function that saves
 * or resumes.  ist_trainer_destroy waits, and nobody hears how it ended.
 * wait  1: until it has ended.  0: *busy tells whether it goes on, and then the status is IST_OK
 * busy  may be NULL */
IST_API ist_status ist_trainer_save_end(ist_trainer *trainer, int32_t wait, int32_t *busy);

/* What saves begun by ist_trainer_save_begin cost so far. */
typedef struct {
    size_t struct_size;
    int64_t count, failed; /* that have ended */
    double copy_s;         /* that teams copied instead of training */
    double write_s;        /* that files took to be safe on disk, of those that were written */
    double write_cpu_s;    /* processor time of that, of this process */
    int32_t under_way;     /* 1: there is one, whose writing is not in the sums yet */
    int32_t reserved0;     /* 0 */
} ist_saves;
IST_API ist_status ist_trainer_saves(const ist_trainer *trainer, ist_saves *out); /* out->struct_size set */

enum { IST_NOTE_BYTES = 4096 };
/* Bytes of the caller's own, for the checkpoints saved from now on: 0 .. IST_NOTE_BYTES of them (0: none, as at first).
 * Copied.  A resumed trainer has the note of its checkpoint. */
IST_API ist_status ist_trainer_set_note(ist_trainer *trainer, const void *bytes, size_t count);
/* As many as there are go to *need_bytes; when that is at most capacity_bytes, they go to buffer (NULL with capacity 0). */
IST_API ist_status ist_trainer_note(const ist_trainer *trainer, void *buffer, size_t capacity_bytes,
                                    size_t *need_bytes);

/* Continue, bit for bit as if never stopped.  The trainer must have been created with the same configuration, dataset
 * shape and model shape: what differs is refused by name (IST_E_ARGUMENT).  The length alone (epochs, rounds) may be
 * another, where no round that was done depends on it: with the schedule CONSTANT and lr_ramp 0, no full_width_epochs,
 * local_steps_last 0, average_from 0 or 1; then the run goes on to its new end (docs/checkpoints.md). */
IST_API ist_status ist_trainer_resume(ist_trainer *trainer, const char *path);
/* A checkpoint in memory of the caller: the bytes of ist_trainer_save, after whatever save is under way, as that.  Buffer
 * rules as ist_model_save_bytes. */
IST_API ist_status ist_trainer_save_bytes(ist_trainer *trainer, void *buffer, size_t capacity_bytes,
                                          size_t *need_bytes);
/* As ist_trainer_resume, from `count` bytes that are borrowed for the call. */
IST_API ist_status ist_trainer_resume_bytes(ist_trainer *trainer, const void *bytes, size_t count);

/* What the last ist_trainer_resume, or ist_trainer_resume_bytes, was refused for. */
typedef struct {
    size_t struct_size;
    char field[48];              /* of ist_train_config or ist_model_config, or in words: "engine", "dataset rows", ..;
                                       "": it was nothing of the kind */
    char saved[32], present[32]; /* numbers as texts: of the checkpoint; of this trainer */
} ist_difference;
IST_API ist_status ist_trainer_difference(const ist_trainer *trainer, ist_difference *out); /* out->struct_size set */

/* Where the pages of every subnet's block, data and of the master's stripes are, and where the threads of the last run
 * were, read back from the kernel, with the planned bytes beside them: one JSON object.  Buffer rules as ist_context_report. */
IST_API ist_status ist_trainer_report(ist_trainer *trainer, char *buffer, size_t capacity_bytes, size_t *need_bytes);

/* Where the bytes of a run are now, by the kernel's word on each page.  A range is one kind of memory (weights, optimiser
 * state, rows, work space, stripes of the master, ..) of one team or subnet. */
typedef struct {
    size_t struct_size;
    int64_t bytes;         /* all that has a home; the next three are its parts */
    int64_t local_bytes;   /* at home */
    int64_t remote_bytes;  /* on another node */
    int64_t unknown_bytes; /* not told: not in memory, or watched by NUMA balancing, or the kernel refuses to tell */
    int64_t hot_bytes, hot_local_bytes, hot_unknown_bytes; /* of all: what every local step reads or writes */
    int64_t moved_bytes;    /* on another node than at the last check: by NUMA balancing, migratepages, .. */
    int64_t balanced_pages; /* that NUMA balancing moved for threads of this process since the last check, ours or the
                               host's; -1: the kernel does not tell */
    int64_t checks;         /* so far, this one counted; reports count, too */
    double seconds;         /* that this check took */
    int32_t nodes;          /* with memory that we may use; 1: nothing can be wrong */
    int32_t wrong;          /* ranges with remote bytes */
    char worst[128];        /* the one with the most, in words: where it is and where it was to be; "" none */
} ist_placement;
/* clang-format off */
#define IST_PLACEMENT_INIT { sizeof(ist_placement), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0, 0, "" }
/* clang-format on */

/* Ask where every page is.  Costs some 0.5 us a page of 4 KiB (0.1 s for 1 GB), and two bytes a page from the first call
 * on.  May be called between calls and from on_round; not while ist_trainer_run works.  out->struct_size set; NULL: only check.
 * IST_E_PLACEMENT with IST_PLACE_STRICT: bytes are on another node than asked, or the system does not tell (asked only
 * where there are several nodes).  ist_trainer_create asks the same with IST_PLACE_STRICT, after first touch. */
IST_API ist_status ist_trainer_verify(ist_trainer *trainer, ist_placement *out);

/* The same sums as planned, before anything is allocated: bytes of each node for this model and training, JSON.
 * dataset_rows (0 .. 2^32 - 2), dataset_type: what would be trained on.  Works on contexts made from a topology text. */
IST_API ist_status ist_plan_report(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                                   int64_t dataset_rows, int32_t dataset_type, char *buffer, size_t capacity_bytes,
                                   size_t *need_bytes);

/* Sparse rows that would be trained on.  Start from IST_SPARSE_ROWS_INIT. */
typedef struct {
    size_t struct_size;
    int64_t rows;                       /* 0 .. 2^32 - 2 */
    int64_t values, labels;             /* of all rows; as many labels as rows: one class each */
    int64_t batch_values, batch_labels; /* at most in one batch, which is what work space is made for; 0: four times
                                           the mean.  A dataset's own are the sums of its longest rows */
} ist_sparse_rows;
/* clang-format off */
#define IST_SPARSE_ROWS_INIT { sizeof(ist_sparse_rows), 0, 0, 0, 0, 0 }
/* clang-format on */

/* As ist_plan_report, of sparse rows; train->method may be data parallel, which trains on dense ones alone: so its need can be
 * compared.  "peak_bytes" is planned_bytes, dataset_bytes and what evaluation takes on the way, together. */
IST_API ist_status ist_plan_sparse(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                                   const ist_sparse_rows *rows, char *buffer, size_t capacity_bytes,
                                   size_t *need_bytes);

/* -------------------------------------------------------------------------------------------------- predictions -- */

/* How fast a machine is.  A core's rates are those of one core while all others of its team work, too; measure them with
 * `ist info --predict --rates-out FILE`.  GB are 1e9 bytes.  Start from IST_RATES_INIT, where all is free: a cost of 0 is
 * none, a bandwidth of 0 has no limit. */
typedef struct {
    size_t struct_size;
    double forward_gflops, pull_gflops; /* products: forward; gradients of inputs.  Above 0 */
    double update_gflops[4]; /* weights take their step along their gradient, by IST_SGD .. IST_ADAM.  Above 0 */
    double norm_forward_s, norm_backward_s; /* batch norm, or bias, and activation: a neuron's output of one sample */
    double loss_s;                          /* softmax and loss: a class of one sample */
    double assemble_s;                      /* a batch from rows: a feature of one sample */
    double gather_rows_gb_per_s, gather_columns_gb_per_s; /* master to block: whole rows of the master, as those of the
                                                             first and last layer; columns picked from rows */
    double write_rows_gb_per_s, write_columns_gb_per_s;   /* block to master */
    double mean_gb_per_s; /* the mean of replicas, with the optimiser's step: each number read or written counts */
    double fill_gb_per_s; /* a block that is checked, or set to 0 */
    double barrier_thread_s,
        barrier_team_s;     /* a barrier: for each thread that meets; for each team, where several do */
    double step_s, round_s; /* what a local step, a round takes beside all that */
    double deal_s;          /* a neuron that is dealt */
    double step_factor;     /* a step takes so many times what its parts say; 0: 1 */
    double cache_bytes;   /* of a core: what a team works on and fits into the caches of its cores needs no bandwidth */
    double node_gb_per_s; /* of a node's memory; 0: what the system tells of the node, or no limit */
    double between_gb_per_s; /* of a node from all other nodes together, and as much to them */
} ist_rates;
/* clang-format off */
#define IST_RATES_INIT \
    { sizeof(ist_rates), 0.0, 0.0, {0.0, 0.0, 0.0, 0.0}, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, \
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0 }
/* clang-format on */

/* What a whole round (local_steps steps) of a training costs, by arithmetic alone. [M17]  Seconds by phase add up to round_s,
 * and so do seconds by cause. */
typedef struct {
    size_t struct_size;
    double round_s; /* all of it */
    double step_s;  /* a step of all subnets of the slowest team; with data parallel, its mean too */
    double gather_s, train_s, mean_s, writeback_s,
        between_s; /* by phase, of the slowest team; mean: of replicas; between:
                                                                 barriers of all teams, and the deal */
    double products_s, vectors_s, memory_s, copies_s, link_s,
        barriers_s;                    /* by cause: products; norms, loss, batches; what
                        a node's bandwidth adds; copies of the exchange, means; what bandwidth between nodes adds;
                        barriers, the deal, and all that is no work */
    double wait_s;                     /* of a team that trains: mean of what the slowest takes longer */
    int32_t teams, idle_teams;         /* idle: they train no subnet */
    double samples, samples_per_s;     /* rows of a round, of all subnets; while it lasts */
    double flops, gflops;              /* of products, the same way */
    double bytes_moved, bytes_crossed; /* of a round, as ist_progress counts them; of IST the mean over all deals */
} ist_prediction;

/* Predict a training on the context's teams, which need not be of this machine (a topology text).  Arguments as for
 * ist_plan_report; rates->struct_size and out->struct_size set.  Phases at full width are not in it.
 * IST_E_ARGUMENT names a rate that is not finite, negative, or 0 where it must not be. */
IST_API ist_status ist_plan_predict(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                                    int64_t dataset_rows, int32_t dataset_type, const ist_rates *rates,
                                    ist_prediction *out);

/* ---------------------------------------------------------------------------------------------------- timelines -- */

/* What is kept of what the threads do.  Start from IST_TRACE_CONFIG_INIT. */
typedef struct {
    size_t struct_size;
    int64_t events_per_thread; /* 2^10 .. 2^26, 32 bytes each, on the thread's node; then the oldest go.  A step of
                                        a net with two hidden layers takes about 20 */
    int64_t first_round, last_round; /* of ist_progress, counted from 1; 0: also what belongs to no round: evaluation */
} ist_trace_config;
/* clang-format off */
#define IST_TRACE_CONFIG_INIT { sizeof(ist_trace_config), 65000, 0, INT64_MAX }
/* clang-format on */

/* Keep a timeline of all that the teams of this context do from now on; one that was kept before is forgotten.  It costs
 * a reading of the clock at both ends of each slice (docs/profiling.md).  config NULL: defaults.
 * Errors: IST_E_ARGUMENT, IST_E_MEMORY; IST_E_PLACEMENT for a context made from a topology text. */
IST_API ist_status ist_trace_start(ist_context *context, const ist_trace_config *config);
/* Write it as Chrome's trace format (JSON), atomically: a row for each thread, slices of phases in nanoseconds of
 * CLOCK_MONOTONIC.  May be called again, the timeline goes on.  *dropped (may be NULL): slices that had to go.
 * Errors: IST_E_ARGUMENT when none was started, IST_E_IO. */
IST_API ist_status ist_trace_write(ist_context *context, const char *path, int64_t *dropped);
/* Keep no more, and give the memory back.  Nothing to do is fine. */
IST_API void ist_trace_stop(ist_context *context);

#ifdef __cplusplus
}
#endif
#endif
