/* Model shapes by name, or spelt out as numbers. */
#ifndef TRIT_SHAPES_H
#define TRIT_SHAPES_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/error.h"

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

/* The matrices of a layer as they are run: those that take the same inputs are one. */
enum { TRIT_MODEL_MATRICES = 4 };
struct trit_model_matrix {
    const char *name; /* "q|k|v", "o", "gate|up", "down" */
    size_t n, k;
};
void trit_shape_matrices(const struct trit_shape *shape,
                         struct trit_model_matrix matrices[TRIT_MODEL_MATRICES]);

#endif
