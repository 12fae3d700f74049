/* ranks.c - an MPI code in which every rank owns a context, and trains a surrogate of its own part of a domain.
 *
 * The domain: a rod, cut into as many pieces as there are ranks.  Each rank has solved its piece (here a formula stands in for
 * the solver) and trains a net on it: place and time -> temperature and heat flow.  Rank 0 collects the nets as bytes, and can
 * then answer for the whole rod.  It checks that its answers are those of the owners, to the bit, and prints the error.
 *
 * Ranks on one machine take disjoint shares of its cores: by `part` and `parts`, told by MPI, or by the masks that the launcher
 * gave them (mpirun --bind-to core: then leave parts 0).
 * Build: mpicc -O2 ranks.c $(pkg-config --cflags --libs ist) -lm; run: mpirun -n 4 ./a.out */
#include <ist/ist.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE, TIME, FEATURES };        /* of the rod's length; of the time it takes to cool */
enum { TEMPERATURE_K, FLOW, TARGETS }; /* flow: kelvin for the rod's length */
enum { ROWS = 2048, CHECK_ROWS = 256, THREADS_MOST = 1024 };

static ist_context *context;
static int rank, ranks;
#define TRY(call) end_on_failure(call, #call)
static void end_on_failure(ist_status status, const char *call)
{
    if (!status) return;
    fprintf(stderr, "rank %d: %s: %s: %s\n", rank, call, ist_strerror(status),
            context ? ist_context_error(context) : "");
    MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
}

/* `rows` points of the piece of a rank: a rod that cools from a profile of four waves.  Evenly spread, others for each `start`. */
static void solve(int piece, double start, int rows, float (*x)[FEATURES], float (*y)[TARGETS])
{
    const double pi = acos(-1.0), wave_k[] = {30, 20, 12, 8};
    for (int i = 0; i < rows; i++) {
        const double place = (piece + fmod((i + start) * 0.7548776662466927, 1)) / ranks;
        const double time = fmod((i + start) * 0.5698402909980532, 1);
        double kelvin = 0, flow = 0;
        for (int k = 1; k <= 4; k++) {
            kelvin += wave_k[k - 1] * sin(k * pi * place) * exp(-k * k * time);
            flow -= wave_k[k - 1] * k * pi * cos(k * pi * place) * exp(-k * k * time);
        }
        x[i][PLACE] = (float)place;
        x[i][TIME] = (float)time;
        y[i][TEMPERATURE_K] = (float)kelvin;
        y[i][FLOW] = (float)flow;
    }
}

/* Train a net on this rank's piece; processors: where the context's threads stood, -1 behind them. */
static ist_model *train_piece(int32_t processors[THREADS_MOST])
{
    static float x[ROWS][FEATURES], y[ROWS][TARGETS];
    static ist_thread_state thread[THREADS_MOST];
    ist_dataset *data = NULL;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    int32_t threads = 0;
    solve(rank, 1, ROWS, x, y);

    ist_dataset_arrays arrays = IST_DATASET_ARRAYS_INIT;
    arrays.rows = ROWS;
    arrays.x = x;
    arrays.features = FEATURES;
    arrays.y = y;
    arrays.targets = TARGETS;
    TRY(ist_dataset_from_arrays(context, &data, &arrays));

    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = FEATURES;
    net.classes = TARGETS;
    net.hidden = (const int32_t[]){32, 32};
    net.hidden_count = 2;
    net.hidden_norm = net.output_norm = IST_NORM_NONE;
    net.activation = IST_TANH;
    net.loss = IST_LOSS_MSE;
    TRY(ist_model_create(context, &model, &net));
    TRY(ist_model_measure_normalization(model, data, IST_NORMALIZE_ZSCORE));
    TRY(ist_model_measure_target_normalization(model, data));

    ist_train_config run = IST_TRAIN_CONFIG_INIT;
    run.optimizer = IST_ADAM;
    run.lr = 0.01;
    run.batch = 64;
    run.rounds = 40;
    TRY(ist_trainer_create(context, &trainer, model, data, &run));
    TRY(ist_trainer_run(trainer, 0, NULL, NULL));

    thread[0].struct_size = sizeof thread[0];
    TRY(ist_trainer_threads(trainer, thread, THREADS_MOST, &threads));
    for (int i = 0; i < THREADS_MOST; i++) processors[i] = i < threads ? thread[i].processor : -1;
    ist_trainer_destroy(trainer);
    ist_dataset_destroy(data);
    return model;
}

static void ask(ist_model *model, const float (*x)[FEATURES], float (*answers)[TARGETS])
{
    ist_predictor *net = NULL;
    TRY(ist_predictor_create(model, &net, NULL));
    TRY(ist_predictor_run(net, x, IST_FLOAT32, CHECK_ROWS, sizeof x[0], answers[0]));
    ist_predictor_destroy(net);
}

static void *room(size_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory) TRY(IST_E_MEMORY);
    return memory;
}

/* On rank 0: the nets of all ranks, as bytes, one rank after another; bytes[r] of rank r.  The caller frees it. */
static char *collect(ist_model *model, int bytes[])
{
    size_t mine = 0;
    TRY(ist_model_save_bytes(model, NULL, 0, &mine));
    char *const net = room(mine);
    TRY(ist_model_save_bytes(model, net, mine, &mine));

    const int count = (int)mine; /* small nets; MPI counts in int */
    int *const at = rank == 0 ? room((size_t)ranks * sizeof *at) : NULL, all = 0;
    MPI_Gather(&count, 1, MPI_INT, bytes, 1, MPI_INT, 0, MPI_COMM_WORLD);
    for (int r = 0; at && r < ranks; r++) {
        at[r] = all;
        all += bytes[r];
    }
    char *const nets = rank == 0 ? room((size_t)all) : NULL;
    MPI_Gatherv(net, count, MPI_BYTE, nets, bytes, at, MPI_BYTE, 0, MPI_COMM_WORLD);
    free(net);
    free(at);
    return nets;
}

/* Of the contexts of one machine: does a processor belong to two of them? */
static int stand_apart(const int32_t *processors, int contexts)
{
    for (int a = 0; a < contexts * THREADS_MOST; a++)
        for (int b = 0; b < a / THREADS_MOST * THREADS_MOST && processors[a] >= 0; b++)
            if (processors[a] == processors[b]) return 0;
    return 1;
}

int main(int argc, char **argv)
{
    static float x[CHECK_ROWS][FEATURES], y[CHECK_ROWS][TARGETS], told[CHECK_ROWS][TARGETS], owned[CHECK_ROWS][TARGETS];
    static int32_t mine[THREADS_MOST];
    int provided = 0, shared = 0, on_node = 1, failed = 0;
    ist_context_config machine = IST_CONTEXT_CONFIG_INIT;
    MPI_Comm node;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided); /* the library works between calls of MPI */
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &on_node);
    MPI_Comm_rank(node, &machine.part);
    machine.parts = on_node;
    if (ist_context_create(&context, &machine) == IST_E_PLACEMENT) { /* fewer cores than ranks: then they share them */
        shared = 1;
        machine.part = machine.parts = 0;
        machine.threads_per_team = machine.teams = 1;
        TRY(ist_context_create(&context, &machine));
    }
    if (!context) TRY(IST_E_MEMORY);

    ist_model *model = train_piece(mine);
    int *const bytes = rank == 0 ? room((size_t)ranks * sizeof *bytes) : NULL;
    char *const nets = collect(model, bytes);
    solve(rank, 0.5, CHECK_ROWS, x, y);
    ask(model, x, owned);

    /* Where all of rank 0's machine stood, and what the owners would answer. */
    int32_t *const stood = rank == 0 ? room((size_t)on_node * sizeof mine) : NULL;
    float(*const owners)[TARGETS] = rank == 0 ? room((size_t)ranks * sizeof owned) : NULL;
    MPI_Gather(mine, THREADS_MOST, MPI_INT32_T, stood, THREADS_MOST, MPI_INT32_T, 0, node);
    MPI_Gather(owned, CHECK_ROWS * TARGETS, MPI_FLOAT, owners, CHECK_ROWS * TARGETS, MPI_FLOAT, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        double sum_k2 = 0;
        const char *next = nets;
        int same = 1;
        for (int r = 0; r < ranks; next += bytes[r++]) {
            ist_model *piece = NULL;
            TRY(ist_model_load_bytes(context, &piece, next, (size_t)bytes[r]));
            solve(r, 0.5, CHECK_ROWS, x, y);
            ask(piece, x, told);
            same = same && memcmp(told, owners + r * CHECK_ROWS, sizeof told) == 0;
            for (int i = 0; i < CHECK_ROWS; i++)
                sum_k2 += pow((double)(told[i][TEMPERATURE_K] - y[i][TEMPERATURE_K]), 2);
            ist_model_destroy(piece);
        }
        const double rmse_k = sqrt(sum_k2 / (ranks * CHECK_ROWS));
        const int apart = stand_apart(stood, on_node);
        printf("%d nets, %d bytes each: RMSE of the whole rod %.3f K, answers %s their owners'\n", ranks, bytes[0],
               rmse_k, same ? "are" : "are not");
        printf("%s\n", shared  ? "fewer cores than ranks: they share them"
                       : apart ? "all ranks stand on cores of their own"
                               : "two ranks stand on one core");
        failed = !same || (!shared && !apart) || rmse_k > 0.5;
    }
    MPI_Bcast(&failed, 1, MPI_INT, 0, MPI_COMM_WORLD);
    free(owners);
    free(stood);
    free(nets);
    free(bytes);
    ist_model_destroy(model);
    ist_context_destroy(context);
    MPI_Comm_free(&node);
    MPI_Finalize();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
