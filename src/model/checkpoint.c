/* checkpoint.c - writes and reads model files and checkpoints; the layout is told in docs/format.md.
 *
 * Why sections with a checksum each: a reader can refuse a damaged file by naming the part, and a checkpoint is a model
 * file that goes on.  No time, no host, no thread count is written: equal runs give equal files.
 *
 * Floor: model.  Cold.
 */
#include "model/checkpoint.h"

#include <string.h>

#include "base/crc.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "model files are little-endian and written as memory lies");

static const unsigned char MAGIC[8] = {0x89, 'I', 'S', 'T', '\r', '\n', 0x1a, '\n'};
/* What a net is beyond ReLU and classes makes a file of a later version, which older readers refuse; all others are what
 * they were.  Version 2: logits have a scale.  Version 3: another activation, or a regression. */
enum {
    FORMAT_VERSION = 1,
    SCALED_VERSION = 2,
    PURPOSE_VERSION = 3,
    MODEL_SECTIONS = 4,
    SHAPE_FIELDS = 7,
    CHUNK = 1 << 18
};
enum { SECTIONS_MOST = MODEL_SECTIONS + 1 + IST__RUN_ARRAYS + 1 };

typedef struct header {
    unsigned char magic[8];
    uint32_t version, sections;
} header;

typedef struct section {
    char tag[4];
    uint32_t zero;
    uint64_t bytes; /* of the payload; a CRC-32 of tag, zero, bytes and payload follows it */
} section;

/* --------------------------------------------------------------------------------------------------- writing -- */

typedef struct output {
    ist__writer *writer; /* NULL: into memory */
    unsigned char *to;   /* NULL, without a writer: bytes are counted and not summed */
    size_t count;        /* without a writer: bytes so far */
    ist__error *error;
    ist_status status; /* of the first failure; later calls do nothing */
    uint32_t crc;      /* of the open section */
} output;

/* In pieces, so that what was summed is in the cache still when it is written. */
static void put(output *out, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    if (!out->writer) out->count += count;
    if (!out->writer && !out->to) return;
    for (size_t left = count; left > 0 && !out->status;) {
        const size_t piece = left < CHUNK ? left : CHUNK;
        out->crc = ist__crc(out->crc, at, piece);
        if (out->writer) out->status = ist__writer_bytes(out->writer, at, piece, out->error);
        else out->to = (unsigned char *)memcpy(out->to, at, piece) + piece;
        at += piece;
        left -= piece;
    }
}

static void begin_section(output *out, const char *tag, uint64_t bytes)
{
    section head = {.zero = 0, .bytes = bytes};
    memcpy(head.tag, tag, sizeof head.tag);
    out->crc = 0;
    put(out, &head, sizeof head);
}

static void end_section(output *out)
{
    const uint32_t crc = out->crc;
    put(out, &crc, sizeof crc);
}

/* All arrays of a block in layer order, without the gaps of alignment. */
static void put_block(output *out, const char *tag, const ist__shape *shape, const float *block)
{
    begin_section(out, tag, (uint64_t)shape->parameters * sizeof(float));
    for (int32_t l = 0; l < shape->layer_count; l++)
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
            ist__array a;
            if (!ist__shape_array(shape, l, which, &a)) continue;
            put(out, block + a.offset, (size_t)(a.rows * a.columns) * sizeof(float));
        }
    end_section(out);
}

static uint32_t version_of(const ist__net *net)
{
    const ist__shape *shape = &net->shape;
    if (shape->activation != IST_RELU || shape->loss != IST_LOSS_CROSS_ENTROPY) return PURPOSE_VERSION;
    return net->output_scale != 1 ? SCALED_VERSION : FORMAT_VERSION;
}

/* What follows the widths from version 3 on; version 2 has the scale alone. */
typedef struct purpose {
    double output_scale;
    int32_t activation, loss;
    double huber_delta;
} purpose;

static size_t purpose_bytes(uint32_t version)
{
    return version >= PURPOSE_VERSION ? sizeof(purpose) : version == SCALED_VERSION ? sizeof(double) : 0;
}

static void put_shape(output *out, const ist__net *net)
{
    const ist__shape *shape = &net->shape;
    const int32_t fields[SHAPE_FIELDS] = {shape->width[0],    shape->width[shape->layer_count],
                                          shape->hidden_norm, shape->output_norm,
                                          net->subnets,       net->calibrated,
                                          shape->hidden_count};
    const purpose tail = {net->output_scale, shape->activation, shape->loss, (double)shape->huber_delta};
    const size_t tail_bytes = purpose_bytes(version_of(net));
    begin_section(out, "SHAP", sizeof fields + (size_t)shape->hidden_count * sizeof(int32_t) + tail_bytes);
    put(out, fields, sizeof fields);
    put(out, &shape->width[1], (size_t)shape->hidden_count * sizeof(int32_t));
    put(out, &tail, tail_bytes);
    end_section(out);
}

static void put_normalization(output *out, const ist__net *net)
{
    const int32_t count = net->normalization_count;
    const size_t bytes = (size_t)count * sizeof(float);
    const size_t target_bytes = (size_t)net->target_count * sizeof(float);
    const size_t tail_bytes = version_of(net) >= PURPOSE_VERSION ? sizeof net->target_count + 2 * target_bytes : 0;
    begin_section(out, "NORM", sizeof count + 2 * bytes + tail_bytes);
    put(out, &count, sizeof count);
    put(out, net->shift, bytes);
    put(out, net->factor, bytes);
    if (tail_bytes > 0) {
        put(out, &net->target_count, sizeof net->target_count);
        put(out, net->target_shift, target_bytes);
        put(out, net->target_factor, target_bytes);
    }
    end_section(out);
}

static uint64_t statistics_bytes(const ist__shape *shape)
{
    uint64_t bytes = 0;
    for (int32_t l = 0; l < shape->layer_count; l++)
        if (shape->layer[l].statistics >= 0) bytes += 2 * (uint64_t)shape->layer[l].outputs * sizeof(float);
    return bytes;
}

static void put_statistics(output *out, const ist__net *net)
{
    begin_section(out, "STAT", statistics_bytes(&net->shape));
    for (int32_t l = 0; l < net->shape.layer_count; l++) {
        const ist__layer *layer = &net->shape.layer[l];
        if (layer->statistics < 0) continue;
        put(out, net->statistics + layer->statistics, 2 * (size_t)layer->outputs * sizeof(float));
    }
    end_section(out);
}

static const char *const RUN_TAGS[IST__RUN_ARRAYS] = {"OPT1", "OPT2", "VELO", "MEAN"};
static const char NOTE_TAG[] = "NOTE";

static void put_all(output *out, const ist__net *net, const ist__run_state *run)
{
    header head = {.version = version_of(net), .sections = MODEL_SECTIONS};
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    for (int i = 0; run && i < IST__RUN_ARRAYS; i++) head.sections += run->array[i] != NULL;
    if (run) head.sections += run->note_bytes > 0 ? 2 : 1;
    put(out, &head, sizeof head);
    put_shape(out, net);
    put_normalization(out, net);
    put_statistics(out, net);
    put_block(out, "PARM", &net->shape, net->param);
    if (run) {
        begin_section(out, "RUN ", run->run_bytes + run->tail_bytes);
        put(out, run->run, run->run_bytes);
        put(out, run->tail, run->tail_bytes);
        end_section(out);
        for (int i = 0; i < IST__RUN_ARRAYS; i++)
            if (run->array[i]) put_block(out, RUN_TAGS[i], &net->shape, run->array[i]);
        if (run->note_bytes > 0) {
            begin_section(out, NOTE_TAG, run->note_bytes);
            put(out, run->note, run->note_bytes);
            end_section(out);
        }
    }
}

ist_status ist__net_write(const ist__net *net, const ist__run_state *run, const char *path, ist__error *error)
{
    output out = {.error = error};
    const ist_status status = ist__writer_open(&out.writer, path, error);
    if (status) return status;
    put_all(&out, net, run);
    if (!out.status) return ist__writer_commit(out.writer, error);
    ist__writer_abandon(out.writer);
    return out.status;
}

void ist__net_write_memory(const ist__net *net, const ist__run_state *run, void *to, size_t capacity, size_t *need)
{
    output counted = {.to = NULL};
    put_all(&counted, net, run);
    *need = counted.count;
    if (counted.count > capacity) return;
    output out = {.to = to};
    put_all(&out, net, run);
}

/* --------------------------------------------------------------------------------------------------- reading -- */

typedef struct input {
    ist__reader *reader;
    ist__error *error;
    uint32_t crc;
    char tag[4]; /* of the section opened last */
} input;

static ist_status get(input *in, void *to, size_t bytes, const char *what)
{
    const ist_status status = ist__reader_bytes(in->reader, to, bytes, what, in->error);
    if (!status) in->crc = ist__crc(in->crc, to, bytes);
    return status;
}

static ist_status bad(const input *in, const char *what)
{
    return ist__fail(in->error, IST_E_FORMAT, "%s: byte %llu: %s", ist__reader_path(in->reader),
                     (unsigned long long)ist__reader_offset(in->reader), what);
}

static ist_status wrong_length(const input *in, uint64_t found, uint64_t expected)
{
    return ist__fail(in->error, IST_E_FORMAT, "%s: section \"%.4s\" claims %llu bytes, expected %llu",
                     ist__reader_path(in->reader), in->tag, (unsigned long long)found, (unsigned long long)expected);
}

/* bytes UINT64_MAX: any length that the file can hold, given in *got. */
static ist_status open_section(input *in, const char *tag, uint64_t bytes, uint64_t *got)
{
    section head;
    in->crc = 0;
    const ist_status status = get(in, &head, sizeof head, "a section's head");
    if (status) return status;
    if (tag && memcmp(head.tag, tag, sizeof head.tag) != 0)
        return ist__fail(in->error, IST_E_FORMAT, "%s: byte %llu: expected section \"%.4s\"",
                         ist__reader_path(in->reader),
                         (unsigned long long)(ist__reader_offset(in->reader) - sizeof head), tag);
    if (head.zero != 0) return bad(in, "a reserved field is not 0");
    memcpy(in->tag, head.tag, sizeof in->tag);
    if (bytes != UINT64_MAX && head.bytes != bytes) return wrong_length(in, head.bytes, bytes);
    if (got) *got = head.bytes;
    return ist__reader_justify(in->reader, head.bytes, "a section", in->error);
}

static ist_status close_section(input *in)
{
    const uint32_t expected = in->crc;
    uint32_t found = 0;
    const ist_status status = get(in, &found, sizeof found, "a section's checksum");
    if (status) return status;
    return found == expected ? IST_OK : bad(in, "checksum of a section is wrong: the file is damaged");
}

/* Read past bytes that nobody keeps, for their checksum's sake. */
static ist_status skip_bytes(input *in, uint64_t bytes, const char *what)
{
    char chunk[4096];
    ist_status status = IST_OK;
    for (uint64_t left = bytes; left > 0 && !status;) {
        const size_t take = left < sizeof chunk ? (size_t)left : sizeof chunk;
        status = get(in, chunk, take, what);
        left -= take;
    }
    return status;
}

static uint64_t block_bytes(const ist__shape *shape)
{
    return (uint64_t)shape->parameters * sizeof(float);
}

/* Of a section that is open.  block NULL: look at everything, keep nothing. */
static ist_status get_block(input *in, const ist__shape *shape, float *block)
{
    const uint64_t bytes = block_bytes(shape);
    ist_status status = IST_OK;
    if (!block) status = skip_bytes(in, bytes, "parameters");
    for (int32_t l = 0; block && l < shape->layer_count; l++)
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER && !status; which++) {
            ist__array a;
            if (!ist__shape_array(shape, l, which, &a)) continue;
            status = get(in, block + a.offset, (size_t)(a.rows * a.columns) * sizeof(float), "parameters");
        }
    return status ? status : close_section(in);
}

static ist_status get_header(input *in, int32_t *sections, uint32_t *version)
{
    header head;
    const ist_status status = get(in, &head, sizeof head, "the header of a model file");
    if (status) return status;
    if (memcmp(head.magic, MAGIC, sizeof MAGIC) != 0)
        return ist__fail(in->error, IST_E_FORMAT, "%s: byte 0: not an ist model file", ist__reader_path(in->reader));
    if (head.version < FORMAT_VERSION || head.version > PURPOSE_VERSION)
        return ist__fail(in->error, IST_E_FORMAT, "%s: byte 8: format version %u, this library reads versions %d to %d",
                         ist__reader_path(in->reader), head.version, FORMAT_VERSION, PURPOSE_VERSION);
    *version = head.version;
    if (head.sections < MODEL_SECTIONS || head.sections > SECTIONS_MOST)
        return ist__fail(in->error, IST_E_FORMAT, "%s: byte 12: %u sections, expected %d .. %d",
                         ist__reader_path(in->reader), head.sections, MODEL_SECTIONS, SECTIONS_MOST);
    *sections = (int32_t)head.sections;
    return IST_OK;
}

static ist_status get_shape(input *in, uint32_t version, ist__net *net)
{
    purpose tail = {.output_scale = 1, .huber_delta = 1};
    const size_t tail_bytes = purpose_bytes(version);
    int32_t fields[SHAPE_FIELDS], hidden[IST_MAX_HIDDEN];
    uint64_t bytes = 0;
    ist_status status = open_section(in, "SHAP", UINT64_MAX, &bytes);
    if (!status) status = get(in, fields, sizeof fields, "the shape");
    if (status) return status;
    const int32_t count = fields[6];
    if (count < 0 || count > IST_MAX_HIDDEN || bytes != sizeof fields + (size_t)count * sizeof(int32_t) + tail_bytes)
        return bad(in, "the number of hidden layers is out of range");
    status = get(in, hidden, (size_t)count * sizeof *hidden, "the hidden widths");
    if (!status) status = get(in, &tail, tail_bytes, "what the net is for");
    if (!status) status = close_section(in);
    if (status) return status;
    const ist_model_config config = {.struct_size = sizeof config,
                                     .features = fields[0],
                                     .classes = fields[1],
                                     .hidden_norm = fields[2],
                                     .output_norm = fields[3],
                                     .hidden_count = count,
                                     .hidden = hidden,
                                     .output_scale = tail.output_scale,
                                     .activation = tail.activation,
                                     .loss = tail.loss,
                                     .huber_delta = tail.huber_delta};
    ist__shape shape;
    ist__error detail = {IST_OK, ""};
    status = ist__shape_make(&shape, &config, &detail);
    if (!status)
        status = ist__reader_justify(in->reader, (uint64_t)shape.parameters * sizeof(float), "parameters", &detail);
    if (!status) status = ist__net_create(net, &shape, fields[4], &detail);
    if (!status) status = ist__net_set_output_scale(net, tail.output_scale, &detail);
    if (status == IST_E_ARGUMENT) return bad(in, detail.text);
    if (status) return ist__fail(in->error, status, "%s", detail.text);
    net->calibrated = fields[5] != 0;
    return IST_OK;
}

/* Of inputs, or of targets: how many, so many shifts, so many factors.  *left: bytes of the section behind. */
static ist_status get_scaling(input *in, int32_t most, uint64_t *left, int32_t *count, float *shift, float *factor)
{
    ist_status status = get(in, count, sizeof *count, "the normalization");
    if (status) return status;
    const bool fits = *count == most || (*count == 1 && most > 0);
    const uint64_t bytes = fits ? sizeof *count + 2 * (uint64_t)*count * sizeof(float) : 0;
    if (!fits || *left < bytes) return bad(in, "the normalization has neither one entry nor one a feature");
    *left -= bytes;
    if (*count == 0) return IST_OK;
    status = get(in, shift, (size_t)*count * sizeof(float), "the normalization's shifts");
    return status ? status : get(in, factor, (size_t)*count * sizeof(float), "the normalization's factors");
}

static ist_status get_normalization(input *in, uint32_t version, ist__net *net)
{
    const ist__shape *shape = &net->shape;
    const int32_t targets = ist__shape_regresses(shape) ? shape->width[shape->layer_count] : 0;
    uint64_t left = 0;
    ist_status status = open_section(in, "NORM", UINT64_MAX, &left);
    if (!status) status = get_scaling(in, shape->width[0], &left, &net->normalization_count, net->shift, net->factor);
    if (!status && version >= PURPOSE_VERSION)
        status = get_scaling(in, targets, &left, &net->target_count, net->target_shift, net->target_factor);
    if (status) return status;
    return left == 0 ? close_section(in) : bad(in, "the normalization is longer than it says");
}

static ist_status get_statistics(input *in, ist__net *net)
{
    ist_status status = open_section(in, "STAT", statistics_bytes(&net->shape), NULL);
    for (int32_t l = 0; l < net->shape.layer_count && !status; l++) {
        const ist__layer *layer = &net->shape.layer[l];
        if (layer->statistics < 0) continue;
        status = get(in, net->statistics + layer->statistics, 2 * (size_t)layer->outputs * sizeof(float),
                     "statistics of batch norm");
    }
    return status ? status : close_section(in);
}

ist_status ist__net_read_open(ist__reader *reader, ist__net *net, int32_t *sections, ist__error *error)
{
    input in = {.reader = reader, .error = error};
    ist__net found;
    memset(&found, 0, sizeof found);
    uint32_t version = 0;
    ist_status status = get_header(&in, sections, &version);
    if (!status) status = get_shape(&in, version, &found);
    if (!status) status = get_normalization(&in, version, &found);
    if (!status) status = get_statistics(&in, &found);
    if (status) ist__net_destroy(&found);
    else *net = found;
    return status;
}

ist_status ist__net_read_params(ist__reader *reader, ist__net *net, ist__error *error)
{
    input in = {.reader = reader, .error = error};
    const ist_status status = open_section(&in, "PARM", block_bytes(&net->shape), NULL);
    return status ? status : get_block(&in, &net->shape, net->param);
}

/* The `count` sections that nobody asked for, and then the end. */
static ist_status skip_to_end(input *in, int32_t count)
{
    ist_status status = IST_OK;
    for (int32_t i = 0; i < count && !status; i++) {
        uint64_t bytes = 0;
        status = open_section(in, NULL, UINT64_MAX, &bytes);
        if (!status) status = skip_bytes(in, bytes, "a section");
        if (!status) status = close_section(in);
    }
    return status ? status : ist__reader_end(in->reader, in->error);
}

static ist_status get_note(input *in, uint64_t bytes, ist__run_state *run)
{
    if (bytes < 1 || bytes > IST__NOTE_MOST) return bad(in, "a note is longer than notes are, or empty");
    run->note_found = (size_t)bytes;
    ist_status status = run->note ? get(in, run->note, (size_t)bytes, "the note") : skip_bytes(in, bytes, "the note");
    return status ? status : close_section(in);
}

/* The `count` arrays of a run, whichever it has, in the order of RUN_TAGS, then its note. */
static ist_status get_arrays(input *in, const ist__shape *shape, int32_t count, ist__run_state *run)
{
    ist_status status = IST_OK;
    for (int32_t i = 0, which = -1; i < count && !status; i++) {
        uint64_t bytes = 0;
        status = open_section(in, NULL, UINT64_MAX, &bytes);
        if (status) return status;
        if (i == count - 1 && memcmp(NOTE_TAG, in->tag, sizeof in->tag) == 0) return get_note(in, bytes, run);
        do which++;
        while (which < IST__RUN_ARRAYS && memcmp(RUN_TAGS[which], in->tag, sizeof in->tag) != 0);
        if (which >= IST__RUN_ARRAYS) return bad(in, "a section of a run is unknown, or not in its place");
        if (bytes != block_bytes(shape)) return wrong_length(in, bytes, block_bytes(shape));
        run->found[which] = true;
        status = get_block(in, shape, run->array[which]);
    }
    return status;
}

ist_status ist__net_read_run(ist__reader *reader, const ist__net *net, int32_t sections, ist__run_state *run,
                             ist__error *error)
{
    input in = {.reader = reader, .error = error};
    if (!run) return skip_to_end(&in, sections - MODEL_SECTIONS);
    if (sections == MODEL_SECTIONS)
        return ist__fail(error, IST_E_FORMAT, "%s: is no checkpoint: a model without a run", ist__reader_path(reader));
    uint64_t bytes = 0;
    ist_status status = open_section(&in, "RUN ", UINT64_MAX, &bytes);
    if (!status && bytes < run->run_bytes)
        return ist__fail(error, IST_E_FORMAT, "%s: section \"RUN \" claims %llu bytes, expected %zu or more",
                         ist__reader_path(reader), (unsigned long long)bytes, run->run_bytes);
    if (!status) status = get(&in, run->run, run->run_bytes, "the run");
    run->tail_found = (size_t)bytes - run->run_bytes;
    const size_t take = run->tail_found < run->tail_bytes ? run->tail_found : run->tail_bytes;
    if (!status && take > 0) status = get(&in, run->tail, take, "the run's shares");
    if (!status) status = skip_bytes(&in, run->tail_found - take, "the run's shares");
    if (!status) status = close_section(&in);
    memset(run->found, 0, sizeof run->found);
    run->note_found = 0;
    if (!status) status = get_arrays(&in, &net->shape, sections - MODEL_SECTIONS - 1, run);
    return status ? status : skip_to_end(&in, 0);
}
