/* What the files of the model share: its matrices, its layers, a sequence's memory. Private to
   runtime/model*.c, runtime/session.c, runtime/layers.c, runtime/attention.c. */
#ifndef TRIT_MODEL_PARTS_H
#define TRIT_MODEL_PARTS_H

#include "runtime/model.h"
#include "runtime/pack.h"
#include "runtime/pick.h"
#include "runtime/rows.h"

/* A ternary matrix, packed for its pair of kernels. */
struct trit_matrix {
    char name[32];
    size_t n, k, kp; /* kp: k rounded up to the packing's KR */
    const struct trit_packing *packing;
    size_t block; /* bytes of a block of NR rows */
    uint8_t *w;   /* packed blocks, in the model's arena */
    float *d;     /* row scales, padded with zeros to whole blocks, in the arena */
    struct trit_pair pair;
};

enum trit_role { TRIT_Q, TRIT_K, TRIT_V, TRIT_O, TRIT_GATE, TRIT_UP, TRIT_DOWN, TRIT_NROLES };

enum trit_norm {
    TRIT_ATTN_NORM,
    TRIT_ATTN_SUB_NORM,
    TRIT_FFN_NORM,
    TRIT_FFN_SUB_NORM,
    TRIT_NNORMS
};

struct trit_layer {
    struct trit_matrix m[TRIT_NROLES];
    float *norm[TRIT_NNORMS]; /* in the model's floats */
};

/* One kernel for each of the other operations. */
struct trit_ops {
    const struct trit_kernel *quant, *norm, *relu2, *softmax, *qk, *pv, *head;
};

struct trit_model {
    struct trit_config config;
    struct trit_model_cost cost;
    struct trit_pool *pool;
    struct trit_ops ops;
    struct trit_layer *layers;
    struct trit_rows embd, output; /* output is empty where the head is tied */
    float *output_norm;
    float *floats;  /* norms of all layers, output_norm, and the rope frequencies */
    double *rope;   /* radians per position for each pair, rope_dims / 2 */
    uint8_t *arena; /* packed matrices and their scales */
    size_t arena_bytes;
    char head_why[96];
};

/* A sequence. M stands for the chunk: the most tokens that go through the layers at once. */
struct trit_session {
    struct trit_model *model;
    size_t context, chunk, position;
    uint16_t *k, *v;    /* per layer and KV head: K in blocks of [hd][16 positions], V rows of hd;
                           context rounded up to 16 */
    size_t cache_bytes; /* of each of the two */
    uint8_t *work;      /* what the pointers below point into */
    size_t work_bytes;
    float *x, *h;           /* [M][hidden], [M][widest matrix input] */
    float *q, *kv_k, *kv_v; /* [M][heads*hd], [M][kv*hd] twice */
    float *gate, *up;       /* [M][ffn] */
    float *angles;          /* [M][rope_dims/2][2]: cosine, sine */
    int8_t *a;              /* [M][a_ld] */
    float *s;               /* [M] */
    int32_t *sum;           /* [M] */
    float *scratch;         /* per thread, for attention */
    size_t a_ld, scratch_floats;
};

/* The head's rows: the output matrix or the embedding. */
const struct trit_rows *trit_model_head(const struct trit_model *model);

/* Parallel parts of a pass; m tokens, position of the first. */
void trit_attention(struct trit_session *session, size_t layer, size_t m);
size_t trit_attention_scratch(const struct trit_config *config); /* floats per thread */
void trit_layers(struct trit_session *session, size_t m);

#endif
