/* Causal attention, a block of queries after the other. The probabilities are not kept: the way
   back makes them again. */
#include <math.h>
#include <string.h>

#include "runtime/train/gemm.h"
#include "runtime/train/internal.h"

enum { QUERIES = 128 };

/* A head of a sequence, a block of its queries: their number n, and that of the keys they see. */
struct block {
    const struct trit_train_pass *pass;
    const struct trit_train_kept *kept;
    size_t token, head, kv_head; /* token: of the sequence's first */
    size_t first, n, keys;
    trit_real *p, *dp; /* [n][keys] */
};

static const struct trit_train_shape *shape_of(const struct block *b)
{
    return &b->pass->net->shape;
}

/* Where the head's elements of the block's first query, or of the sequence's first key, lie. */
static size_t query_at(const struct block *b)
{
    const struct trit_train_shape *s = shape_of(b);
    return (b->token + b->first) * trit_train_widths(s).q + b->head * s->head_dim;
}

static size_t key_at(const struct block *b)
{
    const struct trit_train_shape *s = shape_of(b);
    return b->token * trit_train_widths(s).kv + b->kv_head * s->head_dim;
}

static trit_real scale_of(const struct block *b)
{
    return 1 / (trit_real)sqrt((double)shape_of(b)->head_dim);
}

/* out[n][keys] = alpha * a b^T, a of queries, b of keys. */
static void by_keys(const struct block *b, const trit_real *a, const trit_real *keys,
                    trit_real alpha, trit_real *out)
{
    const struct trit_train_widths w = trit_train_widths(shape_of(b));
    trit_gemm(&(struct trit_gemm){ .m = b->n,
                                   .n = b->keys,
                                   .k = shape_of(b)->head_dim,
                                   .a = a + query_at(b),
                                   .lda = w.q,
                                   .b = keys + key_at(b),
                                   .ldb = w.kv,
                                   .rows = true,
                                   .c = out,
                                   .ldc = b->keys,
                                   .alpha = alpha });
}

/* out of queries = p keys. */
static void to_queries(const struct block *b, const trit_real *p, const trit_real *keys,
                       trit_real *out)
{
    const struct trit_train_widths w = trit_train_widths(shape_of(b));
    trit_gemm(&(struct trit_gemm){ .m = b->n,
                                   .n = shape_of(b)->head_dim,
                                   .k = b->keys,
                                   .a = p,
                                   .lda = b->keys,
                                   .b = keys + key_at(b),
                                   .ldb = w.kv,
                                   .c = out + query_at(b),
                                   .ldc = w.q,
                                   .alpha = 1 });
}

/* out of keys += p^T queries. */
static void to_keys(const struct block *b, const trit_real *p, const trit_real *queries,
                    trit_real *out)
{
    const struct trit_train_widths w = trit_train_widths(shape_of(b));
    trit_gemm(&(struct trit_gemm){ .m = b->keys,
                                   .n = shape_of(b)->head_dim,
                                   .k = b->n,
                                   .a = p,
                                   .lda = b->keys,
                                   .across = true,
                                   .b = queries + query_at(b),
                                   .ldb = w.q,
                                   .c = out + key_at(b),
                                   .ldc = w.kv,
                                   .alpha = 1,
                                   .beta = 1 });
}

static void probabilities(const struct block *b)
{
    by_keys(b, b->kept->q, b->kept->k, scale_of(b), b->p);
    for (size_t i = 0; i < b->n; i++) {
        trit_real *row = b->p + i * b->keys;
        const size_t seen = b->first + i + 1;
        trit_train_softmax(seen, row);
        memset(row + seen, 0, (b->keys - seen) * sizeof *row);
    }
}

static void forward(const struct block *b)
{
    probabilities(b);
    to_queries(b, b->p, b->kept->v, b->kept->o);
}

/* The gradient of a score is p * (dp - sum of p * dp), and that sum is o * do. */
static void back(const struct block *b)
{
    const struct trit_train_grads *d = &b->pass->net->room->d;
    const size_t hd = shape_of(b)->head_dim, ld = trit_train_widths(shape_of(b)).q;
    const trit_real scale = scale_of(b);
    probabilities(b);
    by_keys(b, d->o, b->kept->v, 1, b->dp);
    to_keys(b, b->p, d->o, d->v);
    for (size_t i = 0; i < b->n; i++) {
        const size_t at = query_at(b) + i * ld;
        const trit_real all = trit_train_dot(hd, b->kept->o + at, d->o + at);
        trit_real *restrict p = b->p + i * b->keys, *restrict dp = b->dp + i * b->keys;
        for (size_t j = 0; j < b->keys; j++)
            dp[j] = p[j] * (dp[j] - all) * scale;
    }
    to_queries(b, b->dp, b->kept->k, d->q);
    to_keys(b, b->dp, b->kept->q, d->k);
}

static void clear_keys(const struct block *b, trit_real *x)
{
    const struct trit_train_shape *s = shape_of(b);
    for (size_t t = 0; t < b->pass->net->length; t++)
        memset(x + key_at(b) + t * trit_train_widths(s).kv, 0, s->head_dim * sizeof *x);
}

/* A kv head of a sequence, with all heads that share it: nobody else adds to its gradients. */
static void attend(void *arg, size_t begin, size_t end, int thread)
{
    const struct trit_train_pass *p = arg;
    const struct trit_train_net *net = p->net;
    const struct trit_train_shape *s = &net->shape;
    const size_t share = s->heads / s->kv_heads;
    trit_real *scratch = net->room->scratch + (size_t)thread * net->room->scratch_each;
    for (size_t i = begin; i < end; i++) {
        struct block b = { .pass = p,
                           .kept = &net->room->layers[p->layer],
                           .token = i / s->kv_heads * net->length,
                           .kv_head = i % s->kv_heads,
                           .p = scratch,
                           .dp = scratch + QUERIES * net->length };
        if (p->back) {
            clear_keys(&b, net->room->d.k);
            clear_keys(&b, net->room->d.v);
        }
        for (size_t h = 0; h < share; h++)
            for (b.first = 0; b.first < net->length; b.first += b.n) {
                b.head = b.kv_head * share + h;
                b.n = net->length - b.first < QUERIES ? net->length - b.first : QUERIES;
                b.keys = b.first + b.n;
                (p->back ? back : forward)(&b);
            }
    }
}

void trit_train_attention(const struct trit_train_pass *p)
{
    struct trit_train_pass way = *p;
    trit_pool_for(p->net->pool, p->n * p->net->shape.kv_heads, 1, attend, &way);
}

size_t trit_train_attention_scratch(size_t length)
{
    return 2 * QUERIES * length;
}
