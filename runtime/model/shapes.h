/* Model shapes by name, or spelt out as numbers. */
#ifndef TRIT_SHAPES_H
#define TRIT_SHAPES_H

#include "runtime/model/family.h"
#include "runtime/model/model.h"

/* Head dimension: hidden / heads. */
struct trit_shape {
    char name[64]; /* as it was asked for */
    size_t hidden, ffn, layers, heads, kv_heads;
    size_t vocab, context;
    bool untied; /* the head is a tensor of its own */
};

/* Shape i of the table, in order of size; NULL past the last. */
const struct trit_shape *trit_shape_get(size_t i);

/* "2b4t", ... of the table, or "HIDDENxFFNxLAYERSxHEADSxKV" with a vocabulary of 32768, a context
   of 4096 and a tied head. TRIT_EARGUMENT says what is wrong with the text. */
enum trit_code trit_shape_parse(struct trit_shape *shape, const char *text,
                                struct trit_error *error);

/* The hyper-parameters of a model of the family with that shape. */
void trit_shape_config(const struct trit_shape *shape, const struct trit_family *family,
                       struct trit_config *config);

#endif
