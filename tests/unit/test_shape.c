/* Layout of a net's arrays, what a configuration may say, and the counts that follow from it. */
#define _GNU_SOURCE
#include <math.h>

#include "api/fixture_run.h"
#include "model/params.h"
#include "model/shape.h"

static ist_model_config config_of(int32_t hidden_count, const int32_t *hidden, int32_t hidden_norm, int32_t output_norm)
{
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = 7;
    config.classes = 5;
    config.hidden_count = hidden_count;
    config.hidden = hidden;
    config.hidden_norm = hidden_norm;
    config.output_norm = output_norm;
    return config;
}

static ist__shape shape_of(int32_t hidden_count, const int32_t *hidden, int32_t hidden_norm, int32_t output_norm)
{
    const ist_model_config config = config_of(hidden_count, hidden, hidden_norm, output_norm);
    ist__shape shape;
    CHECK_EQ(ist__shape_make(&shape, &config, NULL), IST_OK);
    return shape;
}

static const int32_t widths[3] = {9, 17, 4};

TEST(arrays_are_aligned_apart_and_inside_the_block)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++) {
            const ist__shape shape = shape_of(depth, widths, norms & 1, norms >> 1);
            unsigned char *used = table_room(shape.floats, 1);
            int64_t numbers = 0;
            for (int32_t l = 0; l < shape.layer_count; l++)
                for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
                    ist__array a;
                    if (!ist__shape_array(&shape, l, which, &a)) continue;
                    CHECK_EQ(a.offset % 16, 0);
                    CHECK(a.offset + a.rows * a.columns <= shape.floats);
                    CHECK_EQ(a.decays, which == 0);
                    for (int64_t i = 0; i < a.rows * a.columns; i++) CHECK_EQ(used[a.offset + i]++, 0);
                    numbers += a.rows * a.columns;
                }
            CHECK_EQ(numbers, shape.parameters);
            free(used);
        }
}

TEST(parameters_are_counted_as_the_definition_says)
{
    CHECK_EQ(shape_of(0, NULL, IST_NORM_BATCH, IST_NORM_NONE).parameters, 7 * 5 + 5);
    CHECK_EQ(shape_of(0, NULL, IST_NORM_BATCH, IST_NORM_BATCH).parameters, 7 * 5);
    const int64_t weights = 7 * 9 + 9 * 17 + 17 * 5, neurons = 9 + 17;
    CHECK_EQ(shape_of(2, widths, IST_NORM_BATCH, IST_NORM_BATCH).parameters, weights + 2 * neurons);
    CHECK_EQ(shape_of(2, widths, IST_NORM_BATCH, IST_NORM_NONE).parameters, weights + 2 * neurons + 5);
    CHECK_EQ(shape_of(2, widths, IST_NORM_NONE, IST_NORM_NONE).parameters, weights + neurons + 5);
    CHECK_EQ(shape_of(2, widths, IST_NORM_NONE, IST_NORM_BATCH).parameters, weights + neurons);
}

TEST(statistics_are_kept_for_normed_layers_alone)
{
    for (int32_t norms = 0; norms < 4; norms++) {
        const ist__shape shape = shape_of(2, widths, norms & 1, norms >> 1);
        for (int32_t l = 0; l < shape.layer_count; l++) {
            const ist__layer *layer = &shape.layer[l];
            CHECK_EQ(layer->norm, l < 2 ? norms & 1 : norms >> 1);
            CHECK_EQ(layer->statistics >= 0, layer->norm == IST_NORM_BATCH);
            CHECK(layer->statistics + 2 * layer->outputs <= shape.statistics_floats || layer->statistics < 0);
        }
        CHECK_EQ(shape.statistics_floats > 0, norms != 0);
    }
}

TEST(rows_of_the_output_layer_are_its_inputs)
{
    const ist__shape shape = shape_of(1, widths, IST_NORM_BATCH, IST_NORM_NONE);
    ist__array hidden, output;
    CHECK(ist__shape_array(&shape, 0, 0, &hidden) && ist__shape_array(&shape, 1, 0, &output));
    CHECK_EQ(hidden.rows, 9);
    CHECK_EQ(hidden.columns, 7);
    CHECK_EQ(output.rows, 9);
    CHECK_EQ(output.columns, 5);
}

TEST(a_narrow_shape_keeps_inputs_outputs_and_norms)
{
    const int32_t narrow[2] = {3, 6};
    const ist__shape whole = shape_of(2, widths, IST_NORM_BATCH, IST_NORM_BATCH);
    const ist__shape part = ist__shape_narrow(&whole, narrow, false),
                     same = shape_of(2, narrow, IST_NORM_BATCH, IST_NORM_BATCH);
    CHECK_EQ(part.floats, same.floats);
    CHECK_EQ(part.parameters, same.parameters);
    CHECK_MEM(part.width, same.width, 4 * sizeof(int32_t));
    CHECK_EQ(part.layer[1].inputs, 3);
    CHECK_EQ(part.layer[2].outputs, 5);
    CHECK_EQ(ist__shape_widest(&whole), 17);
    CHECK_EQ(ist__shape_widest(&part), 6);
}

/* ------------------------------------------------------------------------------------------------------ panels -- */

TEST(a_plain_shape_is_panels_of_one_neuron_and_one_of_all_classes)
{
    const ist__shape shape = shape_of(2, widths, IST_NORM_BATCH, IST_NORM_NONE);
    CHECK(!shape.panels);
    for (int32_t l = 0; l < 3; l++) {
        CHECK_EQ(shape.layer[l].panel, l < 2 ? 1 : 5);
        CHECK_EQ(shape.layer[l].panel_stride, (int64_t)shape.layer[l].inputs * shape.layer[l].panel);
    }
}

TEST(panels_lie_a_gap_apart_and_vectors_follow)
{
    const int32_t narrow[2] = {33, 16};
    const ist__shape whole = shape_of(2, narrow, IST_NORM_BATCH, IST_NORM_NONE);
    const ist__shape shape = ist__shape_narrow(&whole, narrow, true);
    const int64_t gap = 128, strides[3] = {7 * 16 + gap, 33 * 16 + gap, 16 * 16 + gap}, panels[3] = {3, 1, 1};
    const int64_t vectors[3] = {48 + 48, 16 + 16, 16}; /* of 33, 16 and 5 numbers, in whole lines */
    int64_t at = 0;
    CHECK(shape.panels);
    CHECK_EQ(shape.parameters, whole.parameters);
    CHECK_EQ(shape.statistics_floats, whole.statistics_floats);
    for (int32_t l = 0; l < 3; l++) {
        const ist__layer *layer = &shape.layer[l];
        CHECK_EQ(layer->panel, IST__PANEL);
        CHECK_EQ(layer->panel_stride, strides[l]);
        CHECK_EQ(layer->weight, at);
        at += panels[l] * strides[l];
        CHECK_EQ(layer->gain, l < 2 ? at : -1);
        CHECK_EQ(layer->offset, l < 2 ? at + vectors[l] / 2 : at);
        at += vectors[l];
    }
    CHECK_EQ(shape.floats, at);
}

/* Weights, vectors, idle lanes and gaps: each has a place of its own inside the block. */
TEST(arrays_in_panels_are_aligned_apart_and_inside_the_block)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++) {
            const ist__shape whole = shape_of(depth, widths, norms & 1, norms >> 1);
            const ist__shape shape = ist__shape_narrow(&whole, widths, true);
            unsigned char *used = table_room(shape.floats, 1);
            int64_t numbers = 0;
            for (int32_t l = 0; l < shape.layer_count; l++) {
                const ist__layer *layer = &shape.layer[l];
                CHECK_EQ(layer->weight % 16, 0);
                CHECK_EQ(layer->panel_stride % 16, 0);
                for (int32_t o = 0; o < (layer->outputs + 15) / 16 * 16; o++)
                    for (int32_t i = 0; i < layer->inputs; i++) {
                        const int64_t at = layer->weight + (o / 16) * layer->panel_stride + i * 16 + o % 16;
                        CHECK(at < shape.floats);
                        CHECK_EQ(used[at]++, 0);
                        numbers += o < layer->outputs;
                    }
                for (int32_t which = 1; which < IST__ARRAYS_PER_LAYER; which++) {
                    ist__array a;
                    if (!ist__shape_array(&shape, l, which, &a)) continue;
                    CHECK_EQ(a.offset % 16, 0);
                    CHECK_EQ(a.rows, layer->outputs);
                    CHECK(a.offset + a.rows <= shape.floats);
                    for (int64_t i = 0; i < a.rows; i++) CHECK_EQ(used[a.offset + i]++, 0);
                    numbers += a.rows;
                }
            }
            CHECK_EQ(numbers, shape.parameters);
            free(used);
        }
}

/* ------------------------------------------------------------------------------------------------- what follows -- */

TEST(flops_are_those_of_the_products)
{
    const ist__shape shape = shape_of(2, widths, IST_NORM_BATCH, IST_NORM_NONE);
    const double first = 7 * 9, others = 9 * 17 + 17 * 5;
    CHECK(ist__shape_step_flops(&shape, 10) == 2 * 10 * (2 * first + 3 * others));
    CHECK(ist__shape_forward_flops(&shape, 10) == 2 * 10 * (first + others));
    const ist__shape flat = shape_of(0, NULL, IST_NORM_BATCH, IST_NORM_NONE);
    CHECK(ist__shape_step_flops(&flat, 3) == 2 * 3 * 2 * 35.0);
}

static void check_refused(const ist_model_config *config, const char *field)
{
    ist__shape shape;
    ist__error error = {IST_OK, ""};
    memset(&shape, 0x5a, sizeof shape);
    const ist__shape before = shape;
    CHECK_EQ(ist__shape_make(&shape, config, &error), IST_E_ARGUMENT);
    CHECK(strstr(error.text, field) != NULL);
    CHECK_MEM(&shape, &before, sizeof shape);
}

TEST(fields_out_of_range_are_refused_by_name)
{
    const int32_t over = (1 << 24) + 1;
    int32_t hidden[2] = {9, 0};
    ist_model_config c = config_of(1, hidden, IST_NORM_BATCH, IST_NORM_NONE);
    c.features = 0;
    check_refused(&c, "features");
    c.features = over;
    check_refused(&c, "features");
    c.features = 7;
    c.classes = 1;
    check_refused(&c, "classes");
    c.classes = over;
    check_refused(&c, "classes");
    c.classes = 5;
    c.hidden_norm = 2;
    check_refused(&c, "hidden_norm");
    c.hidden_norm = -1;
    check_refused(&c, "hidden_norm");
    c.hidden_norm = IST_NORM_NONE;
    c.output_norm = 2;
    check_refused(&c, "output_norm");
    c.output_norm = IST_NORM_NONE;
    c.hidden_count = -1;
    check_refused(&c, "hidden_count");
    c.hidden_count = IST_MAX_HIDDEN + 1;
    check_refused(&c, "hidden_count");
    c.hidden_count = 2;
    check_refused(&c, "hidden is"); /* the second is 0 */
    hidden[1] = over;
    check_refused(&c, "hidden is");
    c.hidden = NULL;
    check_refused(&c, "hidden");
}

TEST(the_most_hidden_layers_are_accepted)
{
    int32_t hidden[IST_MAX_HIDDEN];
    for (int32_t h = 0; h < IST_MAX_HIDDEN; h++) hidden[h] = h + 1;
    const ist__shape shape = shape_of(IST_MAX_HIDDEN, hidden, IST_NORM_BATCH, IST_NORM_NONE);
    CHECK_EQ(shape.layer_count, IST_MAX_HIDDEN + 1);
    CHECK_EQ(shape.layer[IST_MAX_HIDDEN].inputs, IST_MAX_HIDDEN);
}

/* --------------------------------------------------------------------------------------------------------- the net -- */

static ist__net net_of(const ist__shape *shape, int32_t subnets, uint64_t seed)
{
    ist__net net;
    CHECK_EQ(ist__net_create(&net, shape, subnets, NULL), IST_OK);
    net.param = table_room(shape->floats, sizeof *net.param);
    ist__net_initialize(&net, seed);
    return net;
}

static void free_net(ist__net *net)
{
    free(net->param);
    ist__net_destroy(net);
}

TEST(subnets_out_of_range_are_refused)
{
    const ist__shape deep = shape_of(3, widths, IST_NORM_BATCH, IST_NORM_NONE);
    const ist__shape flat = shape_of(0, NULL, IST_NORM_BATCH, IST_NORM_NONE);
    ist__net net;
    CHECK_EQ(ist__net_create(&net, &deep, 0, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist__net_create(&net, &deep, -1, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist__net_create(&net, &deep, 5, NULL), IST_E_ARGUMENT); /* the narrowest layer has 4 */
    CHECK_EQ(ist__net_create(&net, &flat, 2, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist__net_create(&net, &deep, 4, NULL), IST_OK);
    ist__net_destroy(&net);
    ist__net_destroy(&net);
}

TEST(initial_weights_fill_their_interval_and_nothing_else_is_random)
{
    const int32_t wide[2] = {200, 150};
    const ist__shape shape = shape_of(2, wide, IST_NORM_BATCH, IST_NORM_NONE);
    ist__net net = net_of(&shape, 3, 11);
    for (int32_t l = 0; l < 3; l++) {
        const ist__layer *layer = &shape.layer[l];
        const double fan_in = l == 0 ? 7 : (layer->inputs + 2) / 3; /* of the largest subnet */
        const double bound = sqrt(6 / fan_in);
        const int64_t count = (int64_t)layer->inputs * layer->outputs;
        double sum = 0, squares = 0, most = 0;
        for (int64_t i = 0; i < count; i++) {
            const double w = (double)net.param[layer->weight + i];
            sum += w;
            squares += w * w;
            most = fabs(w) > most ? fabs(w) : most;
        }
        CHECK(most <= bound * 1.000001 && most > 0.97 * bound);
        CHECK(fabs(sum / (double)count) < 5 * bound / sqrt(3.0 * (double)count));
        CHECK_NEAR(squares / (double)count / (bound * bound / 3), 1, 5 / sqrt((double)count));
        for (int32_t i = 0; i < layer->outputs; i++) {
            if (layer->gain >= 0) CHECK(net.param[layer->gain + i] == 1);
            if (layer->offset >= 0) CHECK(net.param[layer->offset + i] == 0);
        }
    }
    free_net(&net);
}

TEST(initial_weights_are_a_function_of_the_seed)
{
    const ist__shape shape = shape_of(2, widths, IST_NORM_BATCH, IST_NORM_NONE);
    ist__net a = net_of(&shape, 2, 1), b = net_of(&shape, 2, 1), c = net_of(&shape, 2, 2);
    const uint64_t far = 1 + (1ULL << 40); /* the upper half of the seed counts */
    ist__net d = net_of(&shape, 2, far);
    CHECK_MEM(a.param, b.param, (size_t)shape.floats * sizeof(float));
    for (int32_t l = 0; l < 3; l++) {
        const int64_t at = shape.layer[l].weight;
        CHECK(memcmp(a.param + at, c.param + at, 16 * sizeof(float)) != 0);
        CHECK(memcmp(a.param + at, d.param + at, 16 * sizeof(float)) != 0);
        if (l > 0) CHECK(a.param[at] != a.param[shape.layer[l - 1].weight]);
    }
    free_net(&a);
    free_net(&b);
    free_net(&c);
    free_net(&d);
}

TEST(the_scale_stands_where_dealt_inputs_meet_no_norm)
{
    const struct {
        int32_t hidden, output;
        float scale[3];
    } cases[] = {{IST_NORM_BATCH, IST_NORM_BATCH, {1, 1, 1}},
                 {IST_NORM_BATCH, IST_NORM_NONE, {1, 1, 0.25F}},
                 {IST_NORM_NONE, IST_NORM_BATCH, {1, 0.25F, 1}},
                 {IST_NORM_NONE, IST_NORM_NONE, {1, 0.25F, 0.25F}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ist__shape shape = shape_of(2, widths, cases[i].hidden, cases[i].output);
        ist__net net = net_of(&shape, 4, 1);
        for (int32_t l = 0; l < 3; l++) CHECK(ist__net_scale(&net, l) == cases[i].scale[l]);
        free_net(&net);
    }
}
