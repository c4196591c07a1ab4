/* What the two outputs of `tritmill inspect` share: the options, and the file taken apart. */
#ifndef TRIT_CMD_INSPECT_H
#define TRIT_CMD_INSPECT_H

#include "runtime/gguf.h"

struct trit_inspect {
    int format; /* index in "text|json" */
    bool tensors, all;
};

/* What the file holds of one tensor type. */
struct trit_inspect_share {
    uint32_t type;
    size_t tensors;
    uint64_t elements, bytes;
};
/* The types in the file, most bytes first; free() them. NULL without memory. */
struct trit_inspect_share *trit_inspect_shares(const struct trit_gguf *gguf, size_t *count);

uint64_t trit_inspect_elements(const struct trit_gguf_tensor *t);

/* "I2_S", or "type 99", made in room, for one that is not known. */
const char *trit_inspect_type(uint32_t type, char room[16]);

/* Bytes that follow the last tensor and its padding. 0 also where a size is unknown. */
uint64_t trit_inspect_trailing(const struct trit_gguf *gguf);

/* What a model made of the file takes in memory, in bytes. */
struct trit_inspect_memory {
    uint64_t trits;   /* weights of the ternary matrices: 5 of them to a byte, or 4 */
    uint64_t plane;   /* of the head: 4 bits of every element */
    uint64_t kv;      /* f16, per token */
    char cache[4096]; /* where its packed cache is, "" where there is none */
    uint64_t cache_bytes;
};
/* False where no model can be made of it. */
bool trit_inspect_memory(const struct trit_gguf *gguf, struct trit_inspect_memory *memory);

/* The elements of a metadata value, one after another. */
enum trit_inspect_kind {
    TRIT_IS_TEXT,
    TRIT_IS_BOOL,
    TRIT_IS_SIGNED,
    TRIT_IS_UNSIGNED,
    TRIT_IS_F32,
    TRIT_IS_F64
};
struct trit_inspect_item {
    enum trit_inspect_kind kind;
    struct trit_text text; /* TEXT */
    uint64_t bits;         /* BOOL, UNSIGNED; SIGNED: of an int64_t */
    double real;           /* F32, F64 */
};
struct trit_inspect_walk {
    const uint8_t *next; /* starts as kv->data */
    uint64_t i;          /* starts as 0 */
};
/* False past the last. */
bool trit_inspect_next(const struct trit_gguf_kv *kv, struct trit_inspect_walk *walk,
                       struct trit_inspect_item *item);

/* Write to stdout. */
enum trit_code trit_inspect_text(const struct trit_gguf *gguf, const struct trit_inspect *options,
                                 struct trit_error *error);
enum trit_code trit_inspect_json(const struct trit_gguf *gguf, const struct trit_inspect *options,
                                 struct trit_error *error);

#endif
