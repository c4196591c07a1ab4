/* A small valid GGUF in memory, whose every field can be found and spoiled; and a walk through all
   that a reader offers. */
#ifndef TRIT_LIB_GGUF_H
#define TRIT_LIB_GGUF_H

#include "runtime/format/gguf.h"

/* Fields of the file, each at a place that trit_tiny.at tells. */
enum trit_tiny_field {
    TINY_MAGIC,
    TINY_VERSION,
    TINY_NTENSORS,
    TINY_NKEYS,
    TINY_KEY_LENGTH, /* of "general.architecture" */
    TINY_KEY,
    TINY_KEY_TYPE, /* string */
    TINY_STRING_LENGTH,
    TINY_ALIGNMENT_TYPE, /* of "general.alignment", u32 */
    TINY_ALIGNMENT,
    TINY_BOOL,       /* the value of "tiny.a" */
    TINY_BOOLS_ITEM, /* of "tiny.b", an array of 3 bools */
    TINY_BOOLS_COUNT,
    TINY_BOOLS,
    TINY_TEXTS_KEY, /* "tiny.c", an array of 3 strings */
    TINY_TEXTS_ITEM,
    TINY_TEXTS_COUNT,
    TINY_TEXTS,       /* the first string's length */
    TINY_NAME_LENGTH, /* of tensor 0: "a" */
    TINY_NAME,
    TINY_NDIMS,  /* 2 */
    TINY_NE0,    /* 4 */
    TINY_NE1,    /* 3 */
    TINY_TYPE,   /* F32 */
    TINY_OFFSET, /* 0; 48 bytes */
    TINY_NAME_B, /* tensor 1: "b", I2_S, 128 x 2, 96 bytes at 64 */
    TINY_NE0_B,
    TINY_TYPE_B,
    TINY_OFFSET_B,
    TINY_NAME_C, /* tensor 2: "c", TQ2_0, 256, 66 bytes at 160, the last ones of the file */
    TINY_NE0_C,
    TINY_TYPE_C,
    TINY_OFFSET_C,
    TINY_DATA, /* the first byte of the tensor data */
    TINY_FIELDS
};

enum { TRIT_TINY_ROOM = 1024 };
struct trit_tiny {
    uint8_t bytes[TRIT_TINY_ROOM];
    size_t size, at[TINY_FIELDS];
};

void trit_tiny_make(struct trit_tiny *tiny);

/* Calls every getter with every key, and reads every byte of every value and tensor. The result
   only keeps the compiler from leaving it out. */
uint64_t trit_gguf_walk(const struct trit_gguf *gguf);

#endif
