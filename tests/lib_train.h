/* A model as if it had been trained: a shape, random masters and a small vocabulary. */
#ifndef TRIT_LIB_TRAIN_H
#define TRIT_LIB_TRAIN_H

#include "runtime/train/export.h"
#include "tests/lib_vocabulary.h"

struct trit_trained {
    struct trit_train_shape shape;
    struct trit_train_layout layout;
    float *w;
    struct trit_words words; /* 256 bytes, "ab", "<|pad|>", "<|endoftext|>" */
    uint8_t *image;
    struct trit_gguf *vocabulary;
    struct trit_train_export export; /* of all that, types AUTO, without facts */
};

/* What has groups: nothing, inputs, weights too. */
enum trit_trained_groups { GROUPS_NONE, GROUPS_INPUTS, GROUPS_ALL };

/* Two layers of 256 x 384, 4 heads of 64 over 2; all of it may be changed before it is made. */
struct trit_train_shape trit_trained_shape(enum trit_train_family family,
                                           enum trit_train_weights weights,
                                           enum trit_trained_groups groups);
/* Fails the test where the shape is refused. Norms are about 1; what layers add is about as large
   as the embedding. */
void trit_trained_make(struct trit_trained *t, const struct trit_train_shape *shape,
                       struct trit_pool *pool);
void trit_trained_free(struct trit_trained *t);
/* The tensor of that name, which there must be: its place in the layout's list. */
size_t trit_trained_find(const struct trit_trained *t, const char *name);
/* The tensor of the layout's list as a source has it, which must have it: its number there. */
size_t trit_trained_source(const struct trit_trained *t, const struct trit_source *s,
                           size_t tensor);

#endif
