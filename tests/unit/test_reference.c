/* The naive net against finite differences, and its masks against a net that is really smaller. */
#include "ist_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/reference.h"

enum { LAYERS = 4, BATCH = 6 };

typedef struct net {
    ist__reference_net ref;
    int32_t width[LAYERS + 1];
    double *weight[LAYERS], *gamma[LAYERS], *beta[LAYERS], *bias[LAYERS];
    unsigned char mask[LAYERS + 1][8];
    const unsigned char *active[LAYERS + 1];
    double kept[LAYERS][BATCH * 8];
    const double *keeps[LAYERS];
} net;

static const int32_t widths[LAYERS][LAYERS + 1] = {{5, 3}, {5, 7, 3}, {5, 7, 6, 3}, {4, 7, 6, 5, 3}};

static double noise(uint32_t *state) /* -1 .. 1 */
{
    *state = *state * 1664525U + 1013904223U;
    return (*state >> 8) * 0x1p-23 - 1;
}

static double *vector(int64_t count, double scale, double shift, uint32_t *seed)
{
    double *at = malloc((size_t)count * sizeof *at);
    for (int64_t i = 0; i < count; i++) at[i] = shift + scale * noise(seed);
    return at;
}

/* All arrays are there, also those that the norms do not use: writing to them would show. */
static net *make_net(int32_t layers, const int32_t *width, int32_t hidden_norm, int32_t output_norm, uint32_t seed)
{
    net *n = calloc(1, sizeof *n);
    for (int32_t l = 0; l <= layers; l++) {
        n->width[l] = width[l];
        memset(n->mask[l], 1, sizeof n->mask[l]);
        n->active[l] = n->mask[l];
    }
    for (int32_t l = 0; l < layers; l++) {
        n->weight[l] = vector((int64_t)width[l] * width[l + 1], 1, 0, &seed);
        n->gamma[l] = vector(width[l + 1], 0.5, 1, &seed);
        n->beta[l] = vector(width[l + 1], 0.3, 0.2, &seed);
        n->bias[l] = vector(width[l + 1], 0.3, 0.2, &seed);
    }
    n->ref =
        (ist__reference_net){layers,    n->width, hidden_norm, output_norm, 1e-5, n->weight, n->gamma, n->beta, n->bias,
                             n->active, IST_RELU, 1,           0,           NULL, NULL,      0,        0};
    return n;
}

static void free_net(net *n)
{
    for (int32_t l = 0; l < n->ref.layers; l++) {
        free(n->weight[l]);
        free(n->gamma[l]);
        free(n->beta[l]);
        free(n->bias[l]);
    }
    free(n);
}

static void mask_some(net *n)
{
    n->mask[0][1] = 0; /* inputs and classes too, though no subnet drops those */
    for (int32_t l = 1; l < n->ref.layers; l++) n->mask[l][0] = n->mask[l][3] = n->mask[l][4 + l % 2] = 0;
}

typedef struct batch {
    double x[BATCH * 8];
    int32_t labels[BATCH];
} batch;

static batch make_batch(const net *n)
{
    batch b;
    uint32_t seed = 5;
    for (int32_t i = 0; i < BATCH * n->width[0]; i++) b.x[i] = noise(&seed);
    for (int32_t i = 0; i < BATCH; i++) b.labels[i] = i % n->width[n->ref.layers];
    return b;
}

static double loss_of(const net *n, const batch *b)
{
    double loss = -1;
    CHECK_EQ(ist__reference_step(&n->ref, BATCH, b->x, b->labels, &loss, NULL, NULL), IST_OK);
    return loss;
}

static void check_slopes(net *n, const batch *b, double *at, const double *gradient, int64_t count)
{
    const double h = 1e-6;
    for (int64_t i = 0; i < count; i++) {
        const double here = at[i];
        at[i] = here + h;
        double slope = loss_of(n, b);
        at[i] = here - h;
        slope = (slope - loss_of(n, b)) / (2 * h);
        at[i] = here;
        CHECK_NEAR(gradient[i], slope, 2e-8 * (1 + fabs(slope)) + 1e-8);
    }
}

static void check_net(int32_t layers, int32_t hidden_norm, int32_t output_norm, bool masked, int32_t activation)
{
    net *n = make_net(layers, widths[layers - 1], hidden_norm, output_norm, 17);
    net *g = make_net(layers, widths[layers - 1], hidden_norm, output_norm, 18); /* garbage, to be overwritten */
    if (masked) mask_some(n);
    n->ref.activation = activation;
    const batch b = make_batch(n);
    double loss, size = 0;
    CHECK_EQ(ist__reference_step(&n->ref, BATCH, b.x, b.labels, &loss, NULL, &g->ref), IST_OK);
    CHECK(loss == loss_of(n, &b) && loss > 0);
    for (int32_t l = 0; l < layers; l++) {
        const bool norm = (l < layers - 1 ? hidden_norm : output_norm) == IST_NORM_BATCH;
        const int64_t weights = (int64_t)n->width[l] * n->width[l + 1];
        check_slopes(n, &b, n->weight[l], g->weight[l], weights);
        if (norm && l < layers - 1) check_slopes(n, &b, n->gamma[l], g->gamma[l], n->width[l + 1]);
        if (norm && l < layers - 1) check_slopes(n, &b, n->beta[l], g->beta[l], n->width[l + 1]);
        if (!norm) check_slopes(n, &b, n->bias[l], g->bias[l], n->width[l + 1]);
        for (int64_t i = 0; i < weights; i++) size += fabs(g->weight[l][i]);
    }
    CHECK(size > 0.01); /* there was something to compare */
    free_net(n);
    free_net(g);
}

static void check_depth(int32_t hidden)
{
    for (int variant = 0; variant < 8; variant++)
        for (int32_t activation = IST_RELU; activation <= IST_SILU; activation++)
            check_net(hidden + 1, variant & 1 ? IST_NORM_BATCH : IST_NORM_NONE,
                      variant & 2 ? IST_NORM_BATCH : IST_NORM_NONE, variant & 4, activation);
}

TEST(gradients_are_slopes_without_hidden_layers)
{
    check_depth(0);
}

TEST(gradients_are_slopes_with_one_hidden_layer)
{
    check_depth(1);
}

TEST(gradients_are_slopes_with_two_hidden_layers)
{
    check_depth(2);
}

TEST(gradients_are_slopes_with_three_hidden_layers)
{
    check_depth(3);
}

/* Indices of the active neurons of layer l. */
static int32_t members(const net *n, int32_t l, int32_t *index)
{
    int32_t count = 0;
    for (int32_t i = 0; i < n->width[l]; i++)
        if (n->mask[l][i]) index[count++] = i;
    return count;
}

/* The net that is left when inactive neurons are cut out. */
static net *cut_out(const net *n)
{
    int32_t width[LAYERS + 1], rows[8], columns[8];
    for (int32_t l = 0; l <= n->ref.layers; l++) width[l] = members(n, l, rows);
    net *s = make_net(n->ref.layers, width, n->ref.hidden_norm, n->ref.output_norm, 1);
    for (int32_t l = 0; l < n->ref.layers; l++) {
        members(n, l, columns);
        members(n, l + 1, rows);
        for (int32_t o = 0; o < width[l + 1]; o++) {
            for (int32_t i = 0; i < width[l]; i++)
                s->weight[l][o * width[l] + i] = n->weight[l][rows[o] * n->width[l] + columns[i]];
            s->gamma[l][o] = n->gamma[l][rows[o]];
            s->beta[l][o] = n->beta[l][rows[o]];
            s->bias[l][o] = n->bias[l][rows[o]];
        }
    }
    return s;
}

/* Inactive weights, parameters and inputs as NaN: if one were used, everything would be. */
static void poison(net *n, batch *b)
{
    for (int32_t l = 0; l < n->ref.layers; l++)
        for (int32_t o = 0; o < n->width[l + 1]; o++) {
            for (int32_t i = 0; i < n->width[l]; i++)
                if (!n->mask[l][i] || !n->mask[l + 1][o]) n->weight[l][o * n->width[l] + i] = (double)NAN;
            if (!n->mask[l + 1][o]) n->gamma[l][o] = n->beta[l][o] = n->bias[l][o] = (double)NAN;
        }
    for (int32_t s = 0; s < BATCH; s++)
        for (int32_t i = 0; i < n->width[0]; i++)
            if (!n->mask[0][i]) b->x[s * n->width[0] + i] = (double)NAN;
}

static void check_same_gradients(const net *n, const net *g, const net *small)
{
    for (int32_t l = 0; l < n->ref.layers; l++) {
        const bool norm = (l < n->ref.layers - 1 ? n->ref.hidden_norm : n->ref.output_norm) == IST_NORM_BATCH;
        int32_t so = 0;
        for (int32_t o = 0; o < n->width[l + 1]; o++) {
            const bool alive = n->mask[l + 1][o];
            int32_t si = 0;
            for (int32_t i = 0; i < n->width[l]; i++) {
                const double got = g->weight[l][o * n->width[l] + i];
                if (alive && n->mask[l][i]) CHECK_NEAR(got, small->weight[l][so * small->width[l] + si++], 1e-14);
                else CHECK(got == 0);
            }
            if (norm && l < n->ref.layers - 1) CHECK_NEAR(g->gamma[l][o], alive ? small->gamma[l][so] : 0, 1e-14);
            if (norm && l < n->ref.layers - 1) CHECK_NEAR(g->beta[l][o], alive ? small->beta[l][so] : 0, 1e-14);
            if (!norm) CHECK_NEAR(g->bias[l][o], alive ? small->bias[l][so] : 0, 1e-14);
            so += alive;
        }
    }
}

TEST(inactive_neurons_are_as_if_they_did_not_exist)
{
    for (int32_t layers = 1; layers <= LAYERS; layers++)
        for (int variant = 0; variant < 4; variant++) {
            const int32_t hidden = variant & 1 ? IST_NORM_BATCH : IST_NORM_NONE;
            const int32_t output = variant & 2 ? IST_NORM_BATCH : IST_NORM_NONE;
            net *n = make_net(layers, widths[layers - 1], hidden, output, 23);
            mask_some(n);
            batch b = make_batch(n), small_b = make_batch(n);
            net *small = cut_out(n);
            int32_t kept[8];
            const int32_t inputs = members(n, 0, kept);
            for (int32_t s = 0; s < BATCH; s++)
                for (int32_t i = 0; i < inputs; i++) small_b.x[s * inputs + i] = b.x[s * n->width[0] + kept[i]];
            poison(n, &b);
            net *g = make_net(layers, n->width, hidden, output, 2),
                *small_g = make_net(layers, small->width, hidden, output, 3);
            double loss, small_loss, logits[BATCH * 3], small_logits[BATCH * 3];
            CHECK_EQ(ist__reference_step(&n->ref, BATCH, b.x, b.labels, &loss, logits, &g->ref), IST_OK);
            CHECK_EQ(
                ist__reference_step(&small->ref, BATCH, small_b.x, b.labels, &small_loss, small_logits, &small_g->ref),
                IST_OK);
            CHECK_NEAR(loss, small_loss, 1e-14);
            for (int i = 0; i < BATCH * 3; i++) CHECK_NEAR(logits[i], small_logits[i], 1e-14);
            check_same_gradients(n, g, small_g);
            free_net(n);
            free_net(g);
            free_net(small);
            free_net(small_g);
        }
}

TEST(a_net_that_knows_nothing_has_the_loss_of_a_guess)
{
    net *n = make_net(1, widths[0], IST_NORM_NONE, IST_NORM_NONE, 1);
    memset(n->weight[0], 0, 15 * sizeof(double));
    memset(n->bias[0], 0, 3 * sizeof(double));
    const batch b = make_batch(n);
    CHECK_NEAR(loss_of(n, &b), log(3), 1e-15);
    free_net(n);
}

/* One hidden neuron of each kind by hand: z = 2 x + 1, ReLU, two logits h and -h. */
TEST(a_net_that_fits_on_a_napkin)
{
    const int32_t width[] = {1, 1, 2};
    net *n = make_net(2, width, IST_NORM_NONE, IST_NORM_NONE, 1);
    n->weight[0][0] = 2;
    n->bias[0][0] = 1;
    n->weight[1][0] = 1;
    n->weight[1][1] = -1;
    n->bias[1][0] = n->bias[1][1] = 0;
    const double x[2] = {1, -3}; /* h = 3 and 0 */
    const int32_t labels[2] = {0, 1};
    double loss, logits[4];
    CHECK_EQ(ist__reference_step(&n->ref, 2, x, labels, &loss, logits, NULL), IST_OK);
    CHECK(logits[0] == 3 && logits[1] == -3 && logits[2] == 0 && logits[3] == 0);
    CHECK_NEAR(loss, (log(1 + exp(-6)) + log(2)) / 2, 1e-15);
    free_net(n);
}

/* Textbook values at 1 and -1, of a hidden neuron that gives its input on. */
TEST(activations_are_what_their_papers_say)
{
    const int32_t width[] = {1, 1, 2};
    const double known[][3] = {{IST_RELU, 1, 0},
                               {IST_GELU, 0.8411919906082768, -0.15880800939172324},
                               {IST_TANH, 0.7615941559557649, -0.7615941559557649},
                               {IST_SILU, 0.7310585786300049, -0.2689414213699951}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        net *n = make_net(2, width, IST_NORM_NONE, IST_NORM_NONE, 1);
        n->ref.activation = (int32_t)known[k][0];
        n->weight[0][0] = n->weight[1][0] = n->weight[1][1] = 1;
        n->bias[0][0] = n->bias[1][0] = n->bias[1][1] = 0;
        const double x[2] = {1, -1};
        const int32_t labels[2] = {0, 1};
        double loss, logits[4];
        CHECK_EQ(ist__reference_step(&n->ref, 2, x, labels, &loss, logits, NULL), IST_OK);
        CHECK_NEAR(logits[0], known[k][1], 1e-15);
        CHECK_NEAR(logits[2], known[k][2], 1e-15);
        free_net(n);
    }
}

/* Dropout of one in three, and logits times 2.5. */
static void drop_and_scale(net *n)
{
    uint32_t seed = 77;
    for (int32_t l = 0; l < n->ref.layers; l++) {
        for (int32_t i = 0; i < BATCH * n->width[l]; i++) n->kept[l][i] = noise(&seed) < -1.0 / 3 ? 0 : 1.5;
        n->keeps[l] = n->kept[l];
    }
    n->ref.kept = n->keeps;
    n->ref.output_scale = 2.5;
}

TEST(gradients_are_slopes_behind_dropout_and_under_a_scale)
{
    for (int32_t layers = 1; layers <= LAYERS; layers++)
        for (int variant = 0; variant < 4; variant++) {
            net *n = make_net(layers, widths[layers - 1], variant & 1, variant >> 1, 17);
            net *g = make_net(layers, widths[layers - 1], variant & 1, variant >> 1, 18);
            const batch b = make_batch(n);
            double loss;
            const double as_it_was = loss_of(n, &b);
            drop_and_scale(n);
            CHECK_EQ(ist__reference_step(&n->ref, BATCH, b.x, b.labels, &loss, NULL, &g->ref), IST_OK);
            CHECK(fabs(loss - as_it_was) > 1e-3);
            for (int32_t l = 0; l < layers; l++)
                check_slopes(n, &b, n->weight[l], g->weight[l], (int64_t)n->width[l] * n->width[l + 1]);
            free_net(n);
            free_net(g);
        }
}

/* The gradient is linear in the target: a smoothed one is the mean over what it mixes. */
TEST(smoothed_labels_give_the_mixed_gradient_and_the_plain_loss)
{
    const double smoothing = 0.3;
    net *n = make_net(2, widths[1], IST_NORM_BATCH, IST_NORM_BATCH, 17);
    net *g = make_net(2, widths[1], IST_NORM_BATCH, IST_NORM_BATCH, 18);
    const int32_t classes = n->width[2], weights = n->width[0] * n->width[1];
    const batch b = make_batch(n);
    double loss, mixed[64] = {0};
    for (int32_t k = -1; k < classes; k++) {
        int32_t labels[BATCH];
        for (int32_t i = 0; i < BATCH; i++) labels[i] = k < 0 ? b.labels[i] : k;
        CHECK_EQ(ist__reference_step(&n->ref, BATCH, b.x, labels, &loss, NULL, &g->ref), IST_OK);
        for (int32_t i = 0; i < weights; i++)
            mixed[i] += (k < 0 ? 1 - smoothing : smoothing / classes) * g->weight[0][i];
    }
    const double plain = loss_of(n, &b);
    n->ref.smoothing = smoothing;
    CHECK_EQ(ist__reference_step(&n->ref, BATCH, b.x, b.labels, &loss, NULL, &g->ref), IST_OK);
    CHECK(loss == plain);
    for (int32_t i = 0; i < weights; i++) CHECK_NEAR(g->weight[0][i], mixed[i], 1e-14);
    free_net(n);
    free_net(g);
}
