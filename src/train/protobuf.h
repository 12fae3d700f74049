/* protobuf.h - as much of Protocol Buffers as writes an ONNX file.
 *
 * A message is a row of fields.  Each begins with a key, field number * 8 + wire type, as a varint: seven bits a byte, lowest
 * first, the eighth bit set where more follow.  Three wire types are used:
 *
 *     0  a varint: integers and enums
 *     2  a length as a varint, then so many bytes: strings, bytes, and messages inside messages
 *     5  four bytes: a float
 *
 * A message inside another needs its length before its bytes.  Small ones are built in memory and put whole; of a large one
 * only the key and length are put, and its bytes follow from elsewhere.
 *
 * Source: "Encoding" in the documentation of Protocol Buffers.
 */
#ifndef IST_TRAIN_PROTOBUF_H
#define IST_TRAIN_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IST__MESSAGE_BYTES = 1024 };

/* A message that is being built; begin with zeros. */
typedef struct ist__message {
    unsigned char byte[IST__MESSAGE_BYTES];
    size_t count;
    bool full; /* something did not fit, and is not there */
} ist__message;

void ist__message_int(ist__message *m, int32_t field, int64_t value);
void ist__message_float(ist__message *m, int32_t field, float value);
void ist__message_text(ist__message *m, int32_t field, const char *text);
void ist__message_message(ist__message *m, int32_t field, const ist__message *inner);
/* Key and length of a field of wire type 2 whose bytes follow from elsewhere. */
void ist__message_open(ist__message *m, int32_t field, uint64_t bytes);

#endif
