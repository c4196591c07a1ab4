/* What the files of a net share: one layer's room, and its parts. */
#ifndef TRIT_TRAIN_INTERNAL_H
#define TRIT_TRAIN_INTERNAL_H

#include "runtime/train/net.h"

/* Tokens of a piece of work. The pieces are always the same, whatever the threads. */
enum { TRIT_TRAIN_TOKENS = 256 };

/* What a layer keeps of a pass for the way back, [tokens][...] each. The inverse root mean squares
   of norms are one for each token, those of q and k one for each head. */
struct trit_train_kept {
    trit_real *x, *x_mid; /* the residual stream before each half */
    trit_real *attn_r, *sub_r, *ffn_r, *ffn_sub_r;
    trit_real *qkv_in, *o_in, *ffn_in, *down_in; /* quantised inputs of the matrices */
    trit_real *q, *k, *v;                        /* as attention takes them */
    trit_real *q_raw, *k_raw, *q_r, *k_r;        /* before their norms; NULL: there are none */
    trit_real *o;                                /* what attention gives */
    trit_real *gate, *up;
};

/* Gradients on their way back through one layer, [tokens][...]. */
struct trit_train_grads {
    trit_real *x;            /* of the residual stream, all layers */
    trit_real *x_down, *x_o; /* of it behind each half, for the weights of Wdown and Wo */
    trit_real *q, *k, *v, *o;
    trit_real *gate, *up;
    trit_real *norms; /* [pieces][...]: of the weights of norms, to be added up */
};

struct trit_train_room {
    struct trit_train_kept *layers;
    struct trit_train_grads d;
    trit_real *x, *head_in, *head_r; /* behind the last layer; its normed values; of the norm */
    trit_real *logits;               /* of some tokens */
    trit_real *cosine, *sine;        /* [length][head_dim / 2] */
    trit_real *scratch;              /* of each thread */
    size_t scratch_each, norms_each;
    trit_real *block; /* what all of these lie in */
    size_t floats;
};

/* One pass. */
struct trit_train_pass {
    struct trit_train_net *net;
    const int32_t *tokens;
    size_t n; /* sequences */
    size_t m; /* tokens, n * length */
    trit_real scale, *nll;
    bool back;
    size_t layer;
};

/* The sizes that a layer's rows have. */
struct trit_train_widths {
    size_t hidden, q, kv, ffn;
};
static inline struct trit_train_widths trit_train_widths(const struct trit_train_shape *s)
{
    return (struct trit_train_widths){ s->hidden, (size_t)s->heads * s->head_dim,
                                       (size_t)s->kv_heads * s->head_dim, s->ffn };
}

/* Elements of the widest rows that a layer's matrices take. */
size_t trit_train_widest(const struct trit_train_shape *shape);
/* Of a thread's scratch, for attention; tokens whose logits are there at once. */
size_t trit_train_attention_scratch(size_t length);
size_t trit_train_logits(size_t tokens);

/* fn over the pass's pieces of tokens. */
void trit_train_over_tokens(const struct trit_train_pass *p, trit_job_fn *fn);

/* Embedding, layer after layer, and back. */
void trit_train_embed(const struct trit_train_pass *p);
void trit_train_embed_back(const struct trit_train_pass *p);
void trit_train_layer(const struct trit_train_pass *p);
void trit_train_layer_back(const struct trit_train_pass *p);
/* Norm, logits, nll; back: the gradients of head and norm, and of the stream before it. */
void trit_train_head(const struct trit_train_pass *p);
/* o of q, k and v; back: the gradients of q, k and v from that of o. */
void trit_train_attention(const struct trit_train_pass *p);

/* A linear layer: y (+)= x w^T for so many rows, w of wq. */
struct trit_train_linear {
    const struct trit_train_tensor *t;
    const trit_real *x;
    trit_real *y;
};
void trit_train_linear(const struct trit_train_net *net, const struct trit_train_linear *l,
                       size_t rows, bool add);
/* dx (+)= dy w: l->x is dy there, l->y dx. */
void trit_train_linear_back(const struct trit_train_net *net, const struct trit_train_linear *l,
                            size_t rows, bool add);
/* g of n matrices += dy^T x, over m tokens, by pieces of rows: l->x inputs, l->y dy. */
enum { TRIT_TRAIN_LINEARS = 8 };
void trit_train_linear_weights(const struct trit_train_net *net,
                               const struct trit_train_linear *list, size_t n, size_t m);

#endif
