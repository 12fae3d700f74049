/* mpi_ranks mask|part - what each of several ranks of MPI does: a context of its own, on its mask or on its part of the machine,
 * trains; the ranks then compare where their threads stood, what MPI's state was before and after, and their answers.  Rank 0
 * prints a line and the status is 0 when all is well.  Compiled and run by mpi.sh.
 */
#define _GNU_SOURCE
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ist/ist.h>

enum { ROWS = 60, FEATURES = 5, CLASSES = 3, THREADS_MOST = 64, RANKS_MOST = 16 };

static int rank, ranks, wrong;

static void check(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "rank %d: %s\n", rank, what);
    wrong = 1;
}

/* Gives rank r every processor number r, r + ranks, .. of those that all may use; fewer processors than ranks: shares them. */
static void take_mask(void)
{
    cpu_set_t all, mine;
    int found = 0;
    CPU_ZERO(&mine);
    check(sched_getaffinity(0, sizeof all, &all) == 0, "no mask");
    const int count = CPU_COUNT(&all);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all) && found++ % (count < ranks ? count : ranks) == rank % count) CPU_SET(cpu, &mine);
    check(sched_setaffinity(0, sizeof mine, &mine) == 0, "the mask is refused");
}

/* A run as any program would do it; answers: (ROWS, CLASSES); processors: where the threads stood, -1 behind them. */
static void train(const ist_context_config *config, float *answers, int32_t processors[THREADS_MOST])
{
    float x[ROWS][FEATURES];
    int32_t labels[ROWS], count = 0;
    const int32_t hidden[] = {12, 9};
    ist_context *context = NULL;
    ist_dataset *data = NULL;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    ist_train_config training = IST_TRAIN_CONFIG_INIT;
    static ist_thread_state states[THREADS_MOST];
    for (int i = 0; i < ROWS; i++) {
        labels[i] = (i * 7 + i / 5) % CLASSES;
        for (int f = 0; f < FEATURES; f++) x[i][f] = (float)((i * 31 + f * 17) % 23) / 23 + (float)labels[i];
    }
    net.features = FEATURES;
    net.classes = CLASSES;
    net.hidden_count = 2;
    net.hidden = hidden;
    net.subnets = 3;
    training.batch = 8;
    training.local_steps = 4;
    training.rounds = 10;
    ist_status s = ist_context_create(&context, config);
    if (!s) s = ist_dataset_wrap(context, &data, x, IST_FLOAT32, ROWS, FEATURES, sizeof x[0], labels, CLASSES);
    if (!s) s = ist_model_create(context, &model, &net);
    if (!s) s = ist_trainer_create(context, &trainer, model, data, &training);
    if (!s) s = ist_trainer_run(trainer, 0, NULL, NULL);
    if (!s) s = ist_trainer_calibrate(trainer);
    if (!s) s = ist_model_predict(model, data, NULL, answers);
    states[0].struct_size = sizeof *states;
    if (!s) s = ist_trainer_threads(trainer, states, THREADS_MOST, &count);
    check(s == IST_OK, s ? ist_context_error(context) : "");
    for (int i = 0; i < THREADS_MOST; i++) processors[i] = i < count ? states[i].processor : -1;
    check(count > 0 && count <= THREADS_MOST, "a context without threads");
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(data);
    ist_context_destroy(context);
}

/* On rank 0: no processor belongs to two ranks. */
static void check_apart(const int32_t *processors)
{
    for (int a = 0; a < ranks * THREADS_MOST; a++)
        for (int b = 0; b < a / THREADS_MOST * THREADS_MOST; b++)
            check(processors[a] < 0 || processors[a] != processors[b], "two ranks share a processor");
}

int main(int argc, char **argv)
{
    static float answers[ROWS * CLASSES], first[ROWS * CLASSES];
    static int32_t mine[THREADS_MOST], all[RANKS_MOST * THREADS_MOST];
    int provided = -1, after = -1, sum = 0, apart = 1;
    cpu_set_t before, now, allowed;
    MPI_Errhandler handler, handler_after;
    MPI_Comm node;
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &rank);
    MPI_Comm_size(node, &ranks);
    check(argc == 2 && ranks <= RANKS_MOST, "usage: mpi_ranks mask|part");
    check(sched_getaffinity(0, sizeof allowed, &allowed) == 0, "no mask");
    apart = CPU_COUNT(&allowed) >= ranks;
    if (argc == 2 && strcmp(argv[1], "mask") == 0) {
        take_mask();
    } else if (apart) {
        config.part = rank;
        config.parts = ranks;
    }
    check(sched_getaffinity(0, sizeof before, &before) == 0, "no mask");
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &handler);

    train(&config, answers, mine);
    MPI_Allreduce(&wrong, &sum, 1, MPI_INT, MPI_SUM, node); /* MPI between two uses */
    train(&config, answers, mine);

    check(sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &before), "the mask is another");
    for (int i = 0; i < THREADS_MOST; i++)
        check(mine[i] < 0 || CPU_ISSET((size_t)mine[i], &before), "a thread stood outside its rank's mask");
    MPI_Query_thread(&after);
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &handler_after);
    check(after == provided && handler == handler_after, "MPI is in another state");
    if (rank == 0) memcpy(first, answers, sizeof first);
    MPI_Bcast(first, ROWS * CLASSES, MPI_FLOAT, 0, node);
    check(memcmp(first, answers, sizeof first) == 0, "the ranks have different answers");
    MPI_Gather(mine, THREADS_MOST, MPI_INT32_T, all, THREADS_MOST, MPI_INT32_T, 0, node);
    if (rank == 0 && apart) check_apart(all);
    MPI_Allreduce(&wrong, &sum, 1, MPI_INT, MPI_SUM, node);
    if (rank == 0)
        printf("%d ranks by %s: %s%s\n", ranks, argc == 2 ? argv[1] : "?", sum ? "wrong" : "well",
               apart ? ", no processor shared" : "; fewer processors than ranks, which share them");
    MPI_Comm_free(&node);
    MPI_Finalize();
    return sum > 0;
}
