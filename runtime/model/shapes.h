/* Model shapes by name, or spelt out as numbers. */
#ifndef TRIT_SHAPES_H
#define TRIT_SHAPES_H

#include "runtime/model/family.h"
#include "runtime/model/model.h"

enum { TRIT_SHAPE_LAYERS = 1024 }; /* of one that is spelt out, at most */

struct trit_shape {
    char name[64]; /* as it was asked for */
    size_t hidden, ffn, layers, heads, kv_heads;
    size_t head_dim; /* 0: hidden / heads */
    size_t vocab, context;
    bool untied;           /* the head is a tensor of its own */
    const char *arch;      /* of the models that have it, a name of a family's; NULL: the first's */
    size_t yarn, original; /* rotations stretched so many times from that context; 0: as they are */
    size_t k_heads; /* of layers with the delta rule; 0: half or a third of their heads of values,
                       which have as many elements as the heads of attention in all */
    bool norms_in;  /* a norm before every projection, in families that have it; such models have
                       matrices of type I2_S and rows of floats */
};

/* Shape i of the table, in order of size; NULL past the last. */
const struct trit_shape *trit_shape_get(size_t i);

/* "2b4t", ... of the table, or "HIDDENxFFNxLAYERSxHEADSxKV[xHEAD_DIM]" with a vocabulary of 32768,
   a context of 4096 and a tied head. TRIT_EARGUMENT says what is wrong with the text. */
enum trit_code trit_shape_parse(struct trit_shape *shape, const char *text,
                                struct trit_error *error);

/* The family that arch names. */
const struct trit_family *trit_shape_family(const struct trit_shape *shape);

/* The type in which matrices of the family are usually stored, with that shape. */
uint32_t trit_shape_type(const struct trit_shape *shape, const struct trit_family *family);

/* The hyper-parameters of a model of the family with that shape. */
void trit_shape_config(const struct trit_shape *shape, const struct trit_family *family,
                       struct trit_config *config);

#endif
