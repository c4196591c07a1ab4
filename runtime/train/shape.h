/* What is trained: a family's graph and its sizes, how weights and inputs are quantised while it is
   trained, and the tensors that this makes, which lie one behind the other in one block of floats.
   */
#ifndef TRIT_TRAIN_SHAPE_H
#define TRIT_TRAIN_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

enum trit_train_family { TRIT_TRAIN_BITNET, TRIT_TRAIN_QWEN3, TRIT_TRAIN_FAMILIES };
enum trit_train_weights { TRIT_TRAIN_DENSE, TRIT_TRAIN_TERNARY, TRIT_TRAIN_BINARY };

enum { TRIT_TRAIN_GROUP = 128 };

/* All of it fixes the model; a checkpoint keeps it, and is refused where it differs. The number
   contract is CONVENTIONS.md, "Training". */
struct trit_train_shape {
    uint32_t family;       /* enum trit_train_family */
    uint32_t weights;      /* enum trit_train_weights: of matrices */
    uint32_t weight_group; /* columns that share a scale: 0 (all of the matrix), TRIT_TRAIN_GROUP */
    uint32_t input_group; /* the same of inputs: 0 (all of a token's). With groups of weights inputs
                             have groups */
    uint32_t input_bits;  /* 8 or 4; 0: dense */
    uint32_t hadamard;    /* the block by which inputs of Wo and Wdown are rotated; 0: they are not
                           */
    uint32_t low_rows;    /* 1: embedding and head are quantised, by groups, as matrices are */
    uint32_t vocab, hidden, ffn, layers, heads, kv_heads, head_dim, context;
    float eps, rope_base;
};

/* TRIT_EARGUMENT names the first thing that does not fit. */
enum trit_code trit_train_shape_check(const struct trit_train_shape *shape,
                                      struct trit_error *error);

enum trit_train_role {
    TRIT_TRAIN_MATRIX, /* quantised; weight decay */
    TRIT_TRAIN_ROWS,   /* of embedding and head, which are one; weight decay */
    TRIT_TRAIN_NORM,   /* begins as ones; no weight decay */
};

struct trit_train_tensor {
    char name[64]; /* GGUF's: "blk.0.attn_q.weight" */
    enum trit_train_role role;
    size_t n, k; /* n rows of k; a norm is one row */
    size_t at;   /* of its first float in the block, a multiple of 16 */
};

/* The tensors of a layer, in the order in which they lie; those that a family lacks have k = 0. */
enum trit_train_slot {
    TRIT_TRAIN_ATTN_NORM,
    TRIT_TRAIN_Q,
    TRIT_TRAIN_K,
    TRIT_TRAIN_V,
    TRIT_TRAIN_Q_NORM,
    TRIT_TRAIN_K_NORM,
    TRIT_TRAIN_ATTN_SUB_NORM,
    TRIT_TRAIN_O,
    TRIT_TRAIN_FFN_NORM,
    TRIT_TRAIN_GATE,
    TRIT_TRAIN_UP,
    TRIT_TRAIN_FFN_SUB_NORM,
    TRIT_TRAIN_DOWN,
    TRIT_TRAIN_SLOTS
};

struct trit_train_layout {
    struct trit_train_tensor embd, norm;                  /* token_embd, output_norm */
    struct trit_train_tensor (*layers)[TRIT_TRAIN_SLOTS]; /* [shape.layers] */
    struct trit_train_tensor *list; /* all that there are, in the order of the block: embd, layer
                                       by layer, norm */
    size_t ntensors, floats;        /* of the block, with what lies between tensors, which is 0 */
};

/* Of a checked shape. Freed with trit_train_layout_free. */
enum trit_code trit_train_layout_create(struct trit_train_layout *layout,
                                        const struct trit_train_shape *shape,
                                        struct trit_error *error);
void trit_train_layout_free(struct trit_train_layout *layout); /* one of zeros allowed */

#endif
