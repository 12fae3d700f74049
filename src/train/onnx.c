/* onnx.c - writes a net as an ONNX graph, by hand: protobuf.h tells how little that takes.
 *
 *     x (rows, features)  [Sub input.shift, Mul input.factor]
 *     for each layer      Gemm (weights transposed, bias), or Gemm, Mul net.scale, Add bias where there is a 1/n scale
 *                         [BatchNormalization], the activation but for the output: Relu; Tanh; Sigmoid and Mul (SiLU); or Mul,
 *                         Mul net.gelu_cubic, Add net.gelu_linear, Mul, Sigmoid, Mul (GELU)
 *     [Mul net.output_scale] = logits, [Softmax] = probabilities (rows, classes); of a regression
 *     [Div target.factor, Add target.shift] = targets (rows, targets)
 *
 * What is in brackets is there where the net has it.  All operators are as old as opset 13; `rows` is a name and no number, so
 * that a batch may have any.  Initializers have the names and shapes of docs/export.md.
 *
 * The graph is a message inside a message, so its length is written before it: it is written twice, to nowhere and then to the
 * file.  Numbers of the fields are those of onnx.proto; a struct below says what each belongs to.
 *
 * Floor: train.  Cold.
 * Source: onnx.proto and Operators.md of the ONNX project.
 */
#include <stdio.h>
#include <string.h>

#include "math/kernels.h"
#include "train/export.h"
#include "train/protobuf.h"

enum { IR_VERSION = 7, OPSET = 13 }; /* IR 7 came with opset 13 */
enum { MODEL_IR = 1, MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum { OPSET_DOMAIN = 1, OPSET_VERSION = 2 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OPERATOR = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_FLOAT = 2, ATTRIBUTE_INT = 3, ATTRIBUTE_TYPE = 20 };
enum { IS_FLOAT = 1, IS_INT = 2 }; /* ATTRIBUTE_TYPE */
enum { TENSOR_DIM = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_BYTES = 9 };
enum { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_TYPE_ELEMENT = 1, TENSOR_TYPE_SHAPE = 2 };
enum { SHAPE_DIM = 1, DIM_VALUE = 1, DIM_NAME = 2 };
enum { FLOAT = 1 }; /* of TENSOR_TYPE, TENSOR_TYPE_ELEMENT */

enum { NAME_BYTES = 40 };

typedef struct graph {
    ist__sink *sink;
    const ist__net_view *view;
    char value[NAME_BYTES]; /* what the last node gave */
} graph;

static void put_message(ist__sink *sink, const ist__message *m)
{
    if (m->full && !sink->status)
        sink->status = ist__fail(sink->error, IST_E_MEMORY, "a node of the graph is too long");
    ist__sink_put(sink, m->byte, m->count);
}

static void put_field(ist__sink *sink, int32_t field, const ist__message *inner)
{
    ist__message m = {.count = 0};
    ist__message_open(&m, field, inner->count);
    put_message(sink, &m);
    put_message(sink, inner);
}

/* ------------------------------------------------------------------------------------------------------- nodes -- */

static void float_attribute(ist__message *node, const char *name, float value)
{
    ist__message m = {.count = 0};
    ist__message_text(&m, ATTRIBUTE_NAME, name);
    ist__message_float(&m, ATTRIBUTE_FLOAT, value);
    ist__message_int(&m, ATTRIBUTE_TYPE, IS_FLOAT);
    ist__message_message(node, NODE_ATTRIBUTE, &m);
}

static void int_attribute(ist__message *node, const char *name, int64_t value)
{
    ist__message m = {.count = 0};
    ist__message_text(&m, ATTRIBUTE_NAME, name);
    ist__message_int(&m, ATTRIBUTE_INT, value);
    ist__message_int(&m, ATTRIBUTE_TYPE, IS_INT);
    ist__message_message(node, NODE_ATTRIBUTE, &m);
}

/* An input that belongs to a layer: "norms.3.bias". */
static void layer_input(ist__message *node, const char *format, int32_t layer)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, format, layer);
    ist__message_text(node, NODE_INPUT, name);
}

/* A node takes the value of the last one as its first input; what it gives is called `name`, as it is. */
static ist__message open_node(const graph *g)
{
    ist__message node = {.count = 0};
    ist__message_text(&node, NODE_INPUT, g->value);
    return node;
}

static void close_node(graph *g, ist__message *node, const char *operator_name, const char *name)
{
    snprintf(g->value, sizeof g->value, "%s", name);
    ist__message_text(node, NODE_OUTPUT, name);
    ist__message_text(node, NODE_NAME, name);
    ist__message_text(node, NODE_OPERATOR, operator_name);
    put_field(g->sink, GRAPH_NODE, node);
}

static void put_binary(graph *g, const char *operator_name, const char *other, const char *name)
{
    ist__message node = open_node(g);
    ist__message_text(&node, NODE_INPUT, other);
    close_node(g, &node, operator_name, name);
}

static bool has_norm(const ist__net_view *view, int32_t l)
{
    return view->net->shape.layer[l].norm == IST_NORM_BATCH && !view->folded;
}

/* The 1/n scale of a layer is a node of its own, and its bias then, too: Gemm has an attribute for it that OpenCV 4.6 overlooks. */
static bool has_scale(const ist__net_view *view, int32_t l)
{
    return !view->folded && ist__net_scale(view->net, l) != 1;
}

static void put_product(graph *g, int32_t l)
{
    const bool bias = !has_norm(g->view, l), scaled = has_scale(g->view, l);
    char name[NAME_BYTES];
    ist__message gemm = open_node(g);
    layer_input(&gemm, "layers.%d.weight", l);
    if (bias && !scaled) layer_input(&gemm, "layers.%d.bias", l);
    int_attribute(&gemm, "transB", 1);
    snprintf(name, sizeof name, scaled ? "products.%d" : "layers.%d", l);
    close_node(g, &gemm, "Gemm", name);
    if (!scaled) return;
    snprintf(name, sizeof name, "means.%d", l);
    put_binary(g, "Mul", "net.scale", name);
    ist__message add = open_node(g);
    layer_input(&add, "layers.%d.bias", l);
    snprintf(name, sizeof name, "layers.%d", l);
    close_node(g, &add, "Add", name);
}

static void put_unary(graph *g, const char *operator_name, const char *format, int32_t l)
{
    char name[NAME_BYTES];
    ist__message node = open_node(g);
    snprintf(name, sizeof name, format, l);
    close_node(g, &node, operator_name, name);
}

/* v times what is there, named by format. */
static void put_times(graph *g, const char *v, const char *format, int32_t l)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, format, l);
    put_binary(g, "Mul", v, name);
}

/* Opset 13 has no Gelu and no Swish. */
static void put_activation(graph *g, int32_t activation, int32_t l)
{
    char v[NAME_BYTES], name[NAME_BYTES];
    snprintf(v, sizeof v, "%s", g->value);
    if (activation == IST_RELU) put_unary(g, "Relu", "relu.%d", l);
    if (activation == IST_TANH) put_unary(g, "Tanh", "tanh.%d", l);
    if (activation == IST_GELU) { /* the argument of the sigmoid */
        put_times(g, v, "squares.%d", l);
        put_times(g, "net.gelu_cubic", "cubics.%d", l);
        snprintf(name, sizeof name, "slopes.%d", l);
        put_binary(g, "Add", "net.gelu_linear", name);
        put_times(g, v, "arguments.%d", l);
    }
    if (activation != IST_GELU && activation != IST_SILU) return;
    put_unary(g, "Sigmoid", "sigmoid.%d", l);
    put_times(g, v, activation == IST_GELU ? "gelu.%d" : "silu.%d", l);
}

static void put_layer(graph *g, int32_t l)
{
    const ist__net *net = g->view->net;
    char name[NAME_BYTES];
    put_product(g, l);
    if (has_norm(g->view, l)) {
        ist__message norm = open_node(g);
        layer_input(&norm, "norms.%d.weight", l);
        layer_input(&norm, "norms.%d.bias", l);
        layer_input(&norm, "norms.%d.running_mean", l);
        layer_input(&norm, "norms.%d.running_var", l);
        float_attribute(&norm, "epsilon", IST__NORM_EPSILON);
        snprintf(name, sizeof name, "norms.%d", l);
        close_node(g, &norm, "BatchNormalization", name);
    }
    if (net->shape.layer[l].is_output) return;
    put_activation(g, net->shape.activation, l);
}

/* An output is named after what it is: a value that has another name so far passes through a node that does nothing. */
static void put_answer(graph *g, int32_t answer, bool scaled)
{
    const ist__net *net = g->view->net;
    if (ist__shape_regresses(&net->shape)) {
        if (!g->view->folded && ist__targets_are_scaled(net)) {
            put_binary(g, "Div", "target.factor", "spread");
            put_binary(g, "Add", "target.shift", "targets");
            return;
        }
        ist__message same = open_node(g);
        close_node(g, &same, "Identity", "targets");
        return;
    }
    if (answer == IST_ANSWER_PROBABILITIES && net->shape.loss == IST_LOSS_BINARY) {
        ist__message sigmoid = open_node(g);
        close_node(g, &sigmoid, "Sigmoid", "probabilities");
    } else if (answer == IST_ANSWER_PROBABILITIES) {
        ist__message softmax = open_node(g);
        int_attribute(&softmax, "axis", 1);
        close_node(g, &softmax, "Softmax", "probabilities");
    } else if (!scaled) {
        ist__message same = open_node(g);
        close_node(g, &same, "Identity", "logits");
    }
}

/* ------------------------------------------------------------------------------------------------ initializers -- */

/* Everything of a tensor but its bytes, which follow. */
static void open_tensor(ist__sink *sink, const ist__tensor *t)
{
    ist__message tensor = {.count = 0}, head = {.count = 0};
    const uint64_t bytes = ist__tensor_bytes(t);
    for (int32_t d = 0; d < t->dims; d++) ist__message_int(&tensor, TENSOR_DIM, t->size[d]);
    ist__message_int(&tensor, TENSOR_TYPE, FLOAT);
    ist__message_text(&tensor, TENSOR_NAME, t->name);
    ist__message_open(&tensor, TENSOR_BYTES, bytes);
    ist__message_open(&head, GRAPH_INITIALIZER, tensor.count + bytes);
    put_message(sink, &head);
    put_message(sink, &tensor);
}

/* A vector of one number; of an output's norm, which has neither gamma nor beta where ONNX wants both. */
static void put_constant(ist__sink *sink, const char *format, int32_t layer, int64_t count, float value)
{
    ist__tensor t = {.layer = layer, .type = IST_FLOAT32, .dims = 1, .size = {count, 1}};
    snprintf(t.name, sizeof t.name, format, layer);
    open_tensor(sink, &t);
    for (int64_t i = 0; i < count; i++) ist__sink_put(sink, &value, sizeof value);
}

static void put_initializers(ist__sink *sink, const ist__net_view *view)
{
    ist__tensor tensor[IST__TENSORS_MOST];
    const ist__net *net = view->net;
    const int32_t count = ist__net_view_tensors(view, tensor), last = net->shape.layer_count - 1;
    for (int32_t i = 0; i < count; i++) {
        if (tensor[i].type != IST_FLOAT32) continue; /* numbers of the net: the graph itself has them */
        open_tensor(sink, &tensor[i]);
        ist__sink_tensor(sink, view, &tensor[i]);
    }
    if (has_norm(view, last)) {
        put_constant(sink, "norms.%d.weight", last, net->shape.layer[last].outputs, 1);
        put_constant(sink, "norms.%d.bias", last, net->shape.layer[last].outputs, 0);
    }
    if (net->shape.activation == IST_GELU && last > 0) { /* 2 sqrt(2 / pi), and 0.044715 times that */
        put_constant(sink, "net.gelu_linear", -1, 1, 1.59576912F);
        put_constant(sink, "net.gelu_cubic", -1, 1, 0.0713548163F);
    }
    bool scaled = false;
    for (int32_t l = 0; l <= last; l++) scaled |= has_scale(view, l);
    if (scaled) put_constant(sink, "net.scale", -1, 1, 1.0F / (float)net->subnets);
    if (!view->folded && net->output_scale != 1)
        put_constant(sink, "net.output_scale", -1, 1, (float)net->output_scale);
}

/* ------------------------------------------------------------------------------------------------------- graph -- */

/* A float tensor (rows, columns). */
static void put_value(ist__sink *sink, int32_t field, const char *name, int32_t columns)
{
    ist__message rows = {.count = 0}, width = {.count = 0}, shape = {.count = 0};
    ist__message tensor = {.count = 0}, type = {.count = 0}, value = {.count = 0};
    ist__message_text(&rows, DIM_NAME, "rows");
    ist__message_int(&width, DIM_VALUE, columns);
    ist__message_message(&shape, SHAPE_DIM, &rows);
    ist__message_message(&shape, SHAPE_DIM, &width);
    ist__message_int(&tensor, TENSOR_TYPE_ELEMENT, FLOAT);
    ist__message_message(&tensor, TENSOR_TYPE_SHAPE, &shape);
    ist__message_message(&type, TYPE_TENSOR, &tensor);
    ist__message_text(&value, VALUE_NAME, name);
    ist__message_message(&value, VALUE_TYPE, &type);
    put_field(sink, field, &value);
}

static void put_graph(ist__sink *sink, const ist__net_view *view, int32_t answer)
{
    const ist__net *net = view->net;
    const ist__shape *shape = &net->shape;
    const bool scaled = !view->folded && net->output_scale != 1;
    const bool normalized = net->normalization_count > 1 || net->shift[0] != 0 || net->factor[0] != 1;
    graph g = {.sink = sink, .view = view, .value = "x"};
    ist__message name = {.count = 0};
    if (normalized) {
        put_binary(&g, "Sub", "input.shift", "shifted");
        put_binary(&g, "Mul", "input.factor", "normalized");
    }
    for (int32_t l = 0; l < shape->layer_count; l++) put_layer(&g, l);
    if (scaled) put_binary(&g, "Mul", "net.output_scale", "logits");
    put_answer(&g, answer, scaled);
    ist__message_text(&name, GRAPH_NAME, "mlp");
    put_message(sink, &name);
    put_initializers(sink, view);
    put_value(sink, GRAPH_INPUT, "x", shape->width[0]);
    put_value(sink, GRAPH_OUTPUT, g.value, shape->width[shape->layer_count]);
}

void ist__write_onnx(ist__sink *sink, const ist__net_view *view, int32_t answer)
{
    ist__sink counted = {.error = sink->error};
    ist__message opset = {.count = 0}, model = {.count = 0};
    put_graph(&counted, view, answer);
    ist__message_text(&opset, OPSET_DOMAIN, "");
    ist__message_int(&opset, OPSET_VERSION, OPSET);
    ist__message_int(&model, MODEL_IR, IR_VERSION);
    ist__message_text(&model, MODEL_PRODUCER, "libist");
    ist__message_text(&model, MODEL_PRODUCER_VERSION, IST_VERSION_STRING);
    ist__message_message(&model, MODEL_OPSET, &opset);
    ist__message_open(&model, MODEL_GRAPH, counted.count);
    put_message(sink, &model);
    put_graph(sink, view, answer);
}
