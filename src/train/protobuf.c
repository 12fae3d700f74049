/* protobuf.c - fields of messages.  Floor: train.  Cold. */
#include "train/protobuf.h"

#include <string.h>

enum { VARINT = 0, LENGTH = 2, FOUR_BYTES = 5, MORE = 0x80 };

static void put(ist__message *m, const void *bytes, size_t count)
{
    if (count > sizeof m->byte - m->count) {
        m->full = true;
        return;
    }
    memcpy(m->byte + m->count, bytes, count);
    m->count += count;
}

static void put_varint(ist__message *m, uint64_t value)
{
    unsigned char byte[10];
    size_t count = 0;
    for (; value >= MORE; value >>= 7) byte[count++] = (unsigned char)(value | MORE);
    byte[count++] = (unsigned char)value;
    put(m, byte, count);
}

static void put_key(ist__message *m, int32_t field, int32_t wire)
{
    put_varint(m, (uint64_t)field * 8 + (uint64_t)wire);
}

void ist__message_int(ist__message *m, int32_t field, int64_t value)
{
    put_key(m, field, VARINT);
    put_varint(m, (uint64_t)value);
}

void ist__message_float(ist__message *m, int32_t field, float value)
{
    put_key(m, field, FOUR_BYTES);
    put(m, &value, sizeof value);
}

void ist__message_open(ist__message *m, int32_t field, uint64_t bytes)
{
    put_key(m, field, LENGTH);
    put_varint(m, bytes);
}

void ist__message_text(ist__message *m, int32_t field, const char *text)
{
    ist__message_open(m, field, strlen(text));
    put(m, text, strlen(text));
}

void ist__message_message(ist__message *m, int32_t field, const ist__message *inner)
{
    ist__message_open(m, field, inner->count);
    put(m, inner->byte, inner->count);
    m->full |= inner->full;
}
