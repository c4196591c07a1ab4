/* What the files of the model share: its matrices, its layers, a sequence's cache, the working
   memory of a pass. Private to runtime/model*.c, session.c, work.c, batch.c, layers.c, ffn.c,
   product.c and attention.c. */
#ifndef TRIT_MODEL_PARTS_H
#define TRIT_MODEL_PARTS_H

#include "runtime/cache.h"
#include "runtime/head.h"
#include "runtime/model.h"
#include "runtime/pack.h"
#include "runtime/pick.h"
#include "runtime/rows.h"
#include "runtime/trace.h"

/* A ternary matrix, packed for its pair of kernels: the rows of one tensor of the file, or of
   several that take the same inputs. */
struct trit_matrix {
    char name[48];   /* "blk.0.attn_qkv" */
    size_t n, k, kp; /* kp: k rounded up to the packing's KR */
    const struct trit_packing *packing;
    size_t block;    /* bytes of a block of NR rows */
    size_t w_bytes;  /* of all blocks, rounded up to TRIT_ALIGN */
    size_t bytes;    /* of blocks and scales: a section of the packed cache */
    uint64_t layout; /* of that section */
    bool cached;     /* it lies in the packed cache, else in the model's arena */
    uint8_t *w;      /* packed blocks */
    float *d;        /* row scales, padded with zeros to whole blocks; behind the blocks */
    struct trit_pair pair;
    const struct trit_kernel *skip; /* of rows or columns; NULL: always all of them */
};

/* QKV: the rows of Wq, Wk, Wv; GATE_UP: those of Wgate, Wup. Where zeros are skipped it has
   only Wgate's and UP those of Wup, else there is no UP. */
enum trit_role { TRIT_QKV, TRIT_O, TRIT_GATE_UP, TRIT_DOWN, TRIT_UP, TRIT_NROLES };

enum { TRIT_PARTS = 3 }; /* tensors of a matrix, at most */

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
    float most_up;            /* the largest scale of Wup's rows, where they are skipped */
};

/* One kernel for each of the other operations. */
struct trit_ops {
    const struct trit_kernel *quant, *norm, *relu2, *softmax, *qk, *pv, *merge, *half, *split,
        *head;
    const struct trit_kernel *dot; /* gemm on packing i8, where the KV cache is in int8 */
};

struct trit_model {
    struct trit_config config;
    struct trit_model_cost cost;
    struct trit_pool *pool;
    struct trit_ops ops;
    const struct trit_kv_kind *kv; /* runtime/kv.h: how sessions hold keys and values */
    struct trit_layer *layers;
    float skip_most; /* share of open gates up to which rows of Wup are skipped */
    int nroles;      /* of each layer: TRIT_NROLES where zeros are skipped, else one less */
    struct trit_rows embd, output; /* output is empty where the head is tied */
    struct trit_head *head;        /* over the one or the other */
    float *output_norm;
    float *floats;  /* norms of all layers, output_norm, and the rope frequencies */
    double *rope;   /* radians per position for each pair, rope_dims / 2 */
    uint8_t *arena; /* packed matrices and their scales */
    size_t arena_bytes;
    char head_why[96];
};

/* A sequence: its part of the cache and how much of it is filled. */
struct trit_session {
    struct trit_model *model;
    struct trit_work *work;  /* what its passes run in */
    struct trit_work *owned; /* the same where the session made it, else NULL */
    size_t context, position;
    bool listed;             /* while an evaluation is checked: one of its runs has it */
    uint8_t *k, *v;          /* [layer][KV head][k_bytes], [v_bytes]: as model->kv holds them */
    size_t k_bytes, v_bytes; /* of one head */
    float *parts;            /* trit_attention_parts: chunks that wait to be merged */
};

/* A token of a pass. */
struct trit_token {
    struct trit_session *session;
    size_t position;
    int32_t id;
    float *logits;        /* where all are wanted, else NULL */
    struct trit_top *top; /* where the best are wanted, else NULL */
};

/* Tokens begin .. end-1 of a pass: one session, positions that follow each other. */
struct trit_span {
    size_t begin, end;
};

/* What one thread did in the feed-forward half of a layer; zeros between the passes. */
struct trit_share {
    size_t open, rows, columns; /* open gates; rows of Wup and columns of Wdown that were read */
    bool begun;                 /* it has sums of Wdown's columns */
    char apart[64 - 3 * sizeof(size_t) - sizeof(bool)];
};

/* The working memory of a pass of m tokens, m <= chunk. */
struct trit_work {
    struct trit_model *model;
    size_t chunk, m, nspans;
    struct trit_counts counts;
    uint8_t *memory; /* what the pointers below point into; M stands for the chunk */
    size_t bytes;
    struct trit_token *tokens; /* [M] */
    struct trit_span *spans;   /* [M]: of the tokens, in order */
    float *x, *h;              /* [M][hidden]: the residual stream; what is to be added to it */
    float *qkv;                /* [M][qkv_ld]: q, k, v; then, in q's place, what attention gives */
    float *gate_up;            /* [M][2 * ffn]: gate, up; then, in gate's place, their product */
    float *angles;             /* [M][rope_dims/2][2]: cosine, sine */
    int8_t *a;                 /* [M][a_ld]: the quantised inputs of the next product */
    float *s;                  /* [M] */
    int32_t *sum;              /* [M] */
    float *row;                /* per thread, [row_floats]: one token's values between norm and
                                  quantiser */
    uint32_t *list;            /* [ffn]: features that are not skipped, if any are; */
    int8_t *live;              /* [ffn]: their values; */
    int32_t *partial;          /* per thread, [rows of Wdown, padded]: sums of columns; */
    struct trit_share *shares; /* per thread */
    struct trit_range *ranges; /* per thread, for trit_stream */
    size_t *wanted;            /* [M]: tokens that the head is wanted for, their answers' places */
    float **logits;            /* [M] */
    struct trit_top **tops;    /* [M] */
    float *scratch;            /* per thread, [scratch_floats], for attention */
    size_t qkv_ld, a_ld, row_floats, scratch_floats;
};

/* Fills matrix->w and matrix->d, in parallel, with the rows of up to TRIT_PARTS checked tensors
   (NULL: no further ones), one after the other; the mapped originals leave memory. */
enum trit_code trit_matrix_pack(struct trit_matrix *matrix, const struct trit_gguf *gguf,
                                const struct trit_gguf_tensor *const parts[TRIT_PARTS],
                                struct trit_pool *pool, struct trit_error *error);

/* A fingerprint of how the matrix's packing lays out bytes, 0 without memory; of `first`, the first
   layer, the matrices before this one have theirs already. */
uint64_t trit_matrix_layout(const struct trit_matrix *matrix, const struct trit_layer *first);
/* Whether the packed cache (NULL: there is none) holds weights that are laid out to be skipped. */
bool trit_cache_skips(const struct trit_cache *cache);
/* The matrix's blocks and scales in the packed cache, NULL where they are not there. */
const void *trit_matrix_cached(const struct trit_matrix *matrix, struct trit_cache *cache,
                               struct trit_pool *pool);
/* One more that was looked for in the packed cache (NULL: there is none). */
void trit_cost_section(struct trit_model_cost *cost, const struct trit_cache *cache, bool cached);

/* The head's rows: the output matrix or the embedding. */
const struct trit_rows *trit_model_head(const struct trit_model *model);

/* Parts of a pass over all its tokens. */
void trit_layers(struct trit_work *work);
void trit_attention(struct trit_work *work, size_t layer);
size_t trit_attention_scratch(const struct trit_model *model);               /* floats per thread */
size_t trit_attention_parts(const struct trit_model *model, size_t context); /* floats */
void trit_ffn(struct trit_work *work, const struct trit_layer *layer);

/* a, s, sum = the quantised norm of each token's k values at in + token * ld. */
void trit_norm_quant(struct trit_work *work, enum trit_part part, const float *in, size_t ld,
                     size_t k, const float *weights);

#endif
