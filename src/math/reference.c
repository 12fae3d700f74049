/* reference.c - a whole training step from the definitions, in double precision; and the plain matrix product.
 *
 * Why: an oracle must be believed by reading it.  So nothing here is fast, nothing is shared with the fast path, even
 * the layout differs: activations are (sample, neuron), the output layer is stored like every other.  The naive net
 * takes masks instead of gathered blocks: an inactive neuron is skipped in every loop, as if it did not exist.  What
 * the fast path does to a gathered subnet must equal what this does to the masked whole net.
 *
 * Formulas: docs/math.md [M1] [M4] [M6].  Floor: math.
 */
#include "math/reference.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* ------------------------------------------------------------------------------------------------ training step -- */

/* One layer while a step runs: `out` neurons, `in` inputs, (batch, .) arrays. */
typedef struct layer {
    int32_t batch, in, out;
    const unsigned char *active_in, *active_out;
    bool norm, linear;
    int32_t activation;                         /* unless linear */
    double scale;                               /* of what it gives: of logits */
    const double *weight, *gamma, *beta, *bias; /* gamma and beta NULL: norm without affine part; bias NULL with norm */
    const double *x;                            /* (batch, in) what comes in */
    const double *kept;                         /* (batch, in) and is multiplied with; NULL: 1 */
    double *z, *y;                              /* (batch, out) product; what the layer gives on */
    double *xhat, *inv_std;                     /* (batch, out) and (out), of batch norm */
    double *d;                                  /* (batch, out) dL/dy, then dL/dz */
} layer;

/* Input i of sample b, behind dropout. */
static double input_at(const layer *l, int32_t b, int32_t i)
{
    const int64_t at = (int64_t)b * l->in + i;
    return l->kept ? l->x[at] * l->kept[at] : l->x[at];
}

static void product(layer *l)
{
    for (int32_t b = 0; b < l->batch; b++) {
        for (int32_t o = 0; o < l->out; o++) {
            if (!l->active_out[o]) continue;
            double sum = l->bias ? l->bias[o] : 0;
            for (int32_t i = 0; i < l->in; i++)
                if (l->active_in[i]) sum += l->weight[(int64_t)o * l->in + i] * input_at(l, b, i);
            l->z[(int64_t)b * l->out + o] = sum;
        }
    }
}

static void normalise(layer *l, double epsilon)
{
    for (int32_t o = 0; o < l->out; o++) {
        if (!l->active_out[o]) continue;
        double mean = 0, variance = 0;
        for (int32_t b = 0; b < l->batch; b++) mean += l->z[(int64_t)b * l->out + o] / l->batch;
        for (int32_t b = 0; b < l->batch; b++) {
            const double off = l->z[(int64_t)b * l->out + o] - mean;
            variance += off * off / l->batch;
        }
        l->inv_std[o] = 1 / sqrt(variance + epsilon);
        for (int32_t b = 0; b < l->batch; b++) {
            const int64_t at = (int64_t)b * l->out + o;
            l->xhat[at] = (l->z[at] - mean) * l->inv_std[o];
        }
    }
}

static double sigmoid(double t)
{
    return 1 / (1 + exp(-t));
}

static const double pi = 3.14159265358979323846;

static double activated(int32_t activation, double v)
{
    switch (activation) {
    case IST_GELU: return v / 2 * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 * v * v * v)));
    case IST_TANH: return tanh(v);
    case IST_SILU: return v * sigmoid(v);
    default: return v <= 0 ? 0 : v; /* NaN stays */
    }
}

static double slope(int32_t activation, double v)
{
    if (activation == IST_GELU) {
        const double t = tanh(sqrt(2 / pi) * (v + 0.044715 * v * v * v));
        return (1 + t) / 2 + v / 2 * (1 - t * t) * sqrt(2 / pi) * (1 + 3 * 0.044715 * v * v);
    }
    if (activation == IST_TANH) return 1 - tanh(v) * tanh(v);
    if (activation == IST_SILU) return sigmoid(v) + v * sigmoid(v) * (1 - sigmoid(v));
    return v <= 0 ? 0 : 1;
}

/* What the activation is of. */
static double before_activation(const layer *l, int32_t b, int32_t o)
{
    const int64_t at = (int64_t)b * l->out + o;
    const double v = l->norm ? l->xhat[at] : l->z[at];
    return l->gamma ? l->gamma[o] * v + l->beta[o] : v;
}

static void forward(layer *l, double epsilon)
{
    product(l);
    if (l->norm) normalise(l, epsilon);
    for (int32_t b = 0; b < l->batch; b++) {
        for (int32_t o = 0; o < l->out; o++) {
            if (!l->active_out[o]) continue;
            const double v = before_activation(l, b, o);
            l->y[(int64_t)b * l->out + o] = l->linear ? v * l->scale : activated(l->activation, v);
        }
    }
}

/* Mean cross-entropy of the last layer's y; d = its gradient (softmax - target) / batch. */
static double cross_entropy(layer *l, const int32_t *labels, double smoothing)
{
    double loss = 0;
    int32_t classes = 0;
    for (int32_t o = 0; o < l->out; o++) classes += l->active_out[o];
    for (int32_t b = 0; b < l->batch; b++) {
        const double *logit = l->y + (int64_t)b * l->out;
        double top = -INFINITY, sum = 0;
        for (int32_t o = 0; o < l->out; o++)
            if (l->active_out[o] && logit[o] > top) top = logit[o];
        for (int32_t o = 0; o < l->out; o++)
            if (l->active_out[o]) sum += exp(logit[o] - top);
        for (int32_t o = 0; o < l->out; o++) {
            if (!l->active_out[o]) continue;
            const double target = (1 - smoothing) * (o == labels[b]) + smoothing / classes;
            l->d[(int64_t)b * l->out + o] = (exp(logit[o] - top) / sum - target) / l->batch;
        }
        /* cppcheck-suppress invalidFunctionArg ; sum >= 1: the term of the largest logit */
        loss += (log(sum) + top - logit[labels[b]]) / l->batch;
    }
    return loss;
}

/* Mean over batch and outputs of squares or of Huber's function of the error; d = its gradient. */
static double regression(layer *l, const ist__reference_net *net)
{
    double loss = 0;
    int32_t outputs = 0;
    for (int32_t o = 0; o < l->out; o++) outputs += l->active_out[o];
    const double each = 1.0 / l->batch / outputs;
    for (int64_t at = 0; at < (int64_t)l->batch * l->out; at++) {
        if (!l->active_out[at % l->out]) continue;
        const double e = l->y[at] - net->targets[at], size = fabs(e), delta = net->huber_delta;
        if (net->loss == IST_LOSS_MSE) {
            loss += each * e * e;
            l->d[at] = each * 2 * e;
        } else if (size <= delta) {
            loss += each * 0.5 * e * e;
            l->d[at] = each * e;
        } else {
            loss += each * delta * (size - 0.5 * delta);
            l->d[at] = each * (e > 0 ? delta : -delta);
        }
    }
    return loss;
}

/* d from dL/dy to dL/dz of neuron o; gradients of its gamma and beta, or of its bias (NULL under a norm). */
static void backward_neuron(layer *l, int32_t o, double *dgamma, double *dbeta, double *dbias)
{
    double sum = 0, sum_xhat = 0;
    for (int32_t b = 0; b < l->batch; b++) {
        const int64_t at = (int64_t)b * l->out + o;
        l->d[at] *= l->linear ? l->scale : slope(l->activation, before_activation(l, b, o));
        sum += l->d[at];
        if (l->norm) sum_xhat += l->d[at] * l->xhat[at];
    }
    if (dbias) {
        dbias[o] = sum;
        return;
    }
    if (l->gamma) {
        dgamma[o] = sum_xhat;
        dbeta[o] = sum;
    }
    const double gamma = l->gamma ? l->gamma[o] : 1;
    for (int32_t b = 0; b < l->batch; b++) {
        const int64_t at = (int64_t)b * l->out + o;
        l->d[at] = gamma * l->inv_std[o] * (l->d[at] - sum / l->batch - l->xhat[at] * sum_xhat / l->batch);
    }
}

/* dW (out, in), and dx (batch, in) unless NULL, from d = dL/dz. */
static void backward_product(const layer *l, double *dweight, double *dx)
{
    for (int32_t b = 0; b < l->batch; b++) {
        for (int32_t o = 0; o < l->out; o++) {
            if (!l->active_out[o]) continue;
            const double d = l->d[(int64_t)b * l->out + o];
            for (int32_t i = 0; i < l->in; i++) {
                if (!l->active_in[i]) continue;
                const int64_t at = (int64_t)b * l->in + i;
                dweight[(int64_t)o * l->in + i] += d * input_at(l, b, i);
                if (dx) dx[at] += d * l->weight[(int64_t)o * l->in + i] * (l->kept ? l->kept[at] : 1);
            }
        }
    }
}

static void clear(double *array, int64_t count)
{
    if (array) memset(array, 0, (size_t)count * sizeof *array);
}

static void backward(layer *l, int32_t index, ist__reference_net *gradient, double *dx)
{
    double *dgamma = l->gamma ? gradient->gamma[index] : NULL, *dbeta = l->gamma ? gradient->beta[index] : NULL;
    double *dbias = l->norm ? NULL : gradient->bias[index];
    clear(gradient->weight[index], (int64_t)l->out * l->in);
    clear(dgamma, l->out);
    clear(dbeta, l->out);
    clear(dbias, l->out);
    for (int32_t o = 0; o < l->out; o++)
        if (l->active_out[o]) backward_neuron(l, o, dgamma, dbeta, dbias);
    backward_product(l, gradient->weight[index], dx);
}

static ist_status open_layer(layer *l, const ist__reference_net *net, int32_t index, int32_t batch, const double *x)
{
    const bool hidden = index < net->layers - 1;
    *l = (layer){.batch = batch,
                 .in = net->width[index],
                 .out = net->width[index + 1],
                 .active_in = net->active[index],
                 .active_out = net->active[index + 1],
                 .norm = (hidden ? net->hidden_norm : net->output_norm) == IST_NORM_BATCH,
                 .linear = !hidden,
                 .activation = net->activation,
                 .scale = hidden ? 1 : net->output_scale,
                 .weight = net->weight[index],
                 .x = x,
                 .kept = net->kept ? net->kept[index] : NULL};
    if (l->norm && hidden) {
        l->gamma = net->gamma[index];
        l->beta = net->beta[index];
    }
    if (!l->norm) l->bias = net->bias[index];
    const int64_t count = (int64_t)batch * l->out;
    l->z = ist__alloc(count, sizeof(double));
    l->y = ist__alloc(count, sizeof(double));
    l->d = ist__alloc(count, sizeof(double));
    l->xhat = ist__alloc(count, sizeof(double));
    l->inv_std = ist__alloc(l->out, sizeof(double));
    return l->z && l->y && l->d && l->xhat && l->inv_std ? IST_OK : IST_E_MEMORY;
}

static void close_layer(layer *l)
{
    ist__free(l->z);
    ist__free(l->y);
    ist__free(l->d);
    ist__free(l->xhat);
    ist__free(l->inv_std);
}

ist_status ist__reference_step(const ist__reference_net *net, int32_t batch, const double *x, const int32_t *labels,
                               double *loss, double *logits, ist__reference_net *gradient)
{
    layer *layers = ist__alloc(net->layers, sizeof *layers);
    if (!layers) return IST_E_MEMORY;
    ist_status status = IST_OK;
    for (int32_t l = 0; l < net->layers && status == IST_OK; l++)
        status = open_layer(&layers[l], net, l, batch, l == 0 ? x : layers[l - 1].y);

    if (status == IST_OK) {
        for (int32_t l = 0; l < net->layers; l++) forward(&layers[l], net->epsilon);
        layer *last = &layers[net->layers - 1];
        *loss = net->targets ? regression(last, net) : cross_entropy(last, labels, net->smoothing);
        if (logits) memcpy(logits, last->y, (size_t)batch * (size_t)last->out * sizeof *logits);
        for (int32_t l = net->layers - 1; gradient && l >= 0; l--)
            backward(&layers[l], l, gradient, l > 0 ? layers[l - 1].d : NULL);
    }
    for (int32_t l = 0; l < net->layers; l++) close_layer(&layers[l]);
    ist__free(layers);
    return status;
}

/* ------------------------------------------------------------------------------------------------ plain product -- */

enum { TILE = 64 }; /* columns of C that are summed at once: their sums stay in registers and the first cache */

/* sum[j] = op(A)[i, :] op(B)[:, j] for `columns` columns of B from b on: each j a chain of its own, p ascending. */
static void row_of_sums(bool transpose_b, int32_t columns, int32_t k, const float *a, int64_t a_step, const float *b,
                        int64_t ldb, float *sum)
{
    for (int32_t j = 0; j < columns; j++) sum[j] = 0;
    for (int32_t p = 0; p < k; p++) {
        const float factor = a[p * a_step];
        if (transpose_b)
            for (int32_t j = 0; j < columns; j++) sum[j] = fmaf(factor, b[j * ldb + p], sum[j]);
        else
            for (int32_t j = 0; j < columns; j++) sum[j] = fmaf(factor, b[p * ldb + j], sum[j]);
    }
}

void ist__reference_gemm(bool transpose_a, bool transpose_b, int32_t m, int32_t n, int32_t k, float alpha,
                         const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    float sum[TILE];
    for (int32_t i = 0; i < m; i++) {
        const float *a_row = transpose_a ? a + i : a + i * lda;
        for (int32_t j = 0; j < n; j += TILE) {
            const int32_t columns = n - j < TILE ? n - j : TILE;
            const float *b_tile = transpose_b ? b + j * ldb : b + j;
            float *c_tile = c + i * ldc + j;
            row_of_sums(transpose_b, columns, k, a_row, transpose_a ? lda : 1, b_tile, ldb, sum);
            for (int32_t s = 0; s < columns; s++)
                c_tile[s] = beta == 0 ? alpha * sum[s] : alpha * sum[s] + beta * c_tile[s];
        }
    }
}
