/* A pass through a feed-forward half of experts. Each expert that some token goes through is read
   once for all of its tokens, the others are not touched. What a token gets does not depend on the
   others: its sum runs over its experts from the best one down. */
#include <stdatomic.h>
#include <string.h>

#include "runtime/kernel/multiply.h"
#include "runtime/model/internal.h"

enum {
    SCORE_EXPERTS = 8, /* rows of the router in a piece of work, */
    SCORE_TOKENS = 48, /* and tokens: their inputs stay in a cache while its rows go by */
    CHOOSE_TOKENS = 4, /* likewise, whose experts are chosen */
    ROWS = 4,          /* likewise, of inputs */
    SUM_COLUMNS = 512, /* likewise, of sums */
};

struct half {
    struct trit_work *w;
    const struct trit_layer *layer;
    _Atomic size_t wrong; /* the first token of which a value is not finite */
};

static void look(struct half *h, const float *x, size_t n, size_t token)
{
    size_t first =
        trit_finite_all(x, n) ? 0 : atomic_load_explicit(&h->wrong, memory_order_relaxed);
    while (token < first && !atomic_compare_exchange_weak(&h->wrong, &first, token))
        ;
}

/* --- the router --- */

static size_t pieces_of(size_t n, size_t size)
{
    return (n + size - 1) / size;
}

/* (tokens, experts) of the scores. */
static void score(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct half *half = arg;
    const struct trit_work *w = half->w;
    const struct trit_rows *x = &half->layer->rows[0];
    const size_t hidden = x->k, experts = x->n, scales = pieces_of(hidden, TRIT_HEAD_GROUP),
                 across = pieces_of(experts, SCORE_EXPERTS);
    for (size_t i = begin; i < end; i++) {
        const size_t token = i / across * SCORE_TOKENS, expert = i % across * SCORE_EXPERTS,
                     m = w->m - token < SCORE_TOKENS ? w->m - token : SCORE_TOKENS,
                     n = experts - expert < SCORE_EXPERTS ? experts - expert : SCORE_EXPERTS;
        (w->m == 1 ? w->model->ops.rows[0] : w->model->ops.route)
            ->fn.head(m, n, hidden, (const uint8_t *)x->data + expert * (x->data_bytes / experts),
                      x->scale ? x->scale + expert * scales : NULL, w->h + token * hidden, hidden,
                      w->routes.scores + token * experts + expert, experts);
    }
}

/* The ids of the `used` largest of n scores, the largest first; of equal ones the lower id. */
static void choose(size_t n, const float *scores, size_t used, size_t *ids)
{
    size_t have = 0;
    for (size_t id = 0; id < n; id++) {
        if (have == used && !(scores[id] > scores[ids[used - 1]]))
            continue;
        size_t at = have < used ? have++ : used - 1;
        for (; at > 0 && scores[id] > scores[ids[at - 1]]; at--)
            ids[at] = ids[at - 1];
        ids[at] = id;
    }
}

/* Experts and weights of tokens: exp(score - the largest), divided by their sum. */
static void route(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct half *half = arg;
    const struct trit_work *w = half->w;
    const struct trit_routes *to = &w->routes;
    const size_t experts = w->model->config.experts.count, used = w->model->config.experts.used;
    for (size_t i = begin; i < end; i++) {
        const float *scores = to->scores + i * experts;
        size_t *ids = to->expert + i * used;
        float *weights = to->weight + i * used, most, tree, sum = 0;
        look(half, scores, experts, i);
        choose(experts, scores, used, ids);
        for (size_t j = 0; j < used; j++)
            weights[j] = scores[ids[j]];
        w->model->ops.softmax->fn.softmax(1, 1, used, used, 1, weights, used, &most, &tree);
        for (size_t j = 0; j < used; j++)
            sum = sum + weights[j];
        for (size_t j = 0; j < used; j++)
            weights[j] = weights[j] / sum;
    }
}

/* Gives every token its rows. */
static void sort_rows(const struct trit_work *w, struct trit_routes *r)
{
    const size_t experts = w->model->config.experts.count, used = w->model->config.experts.used,
                 rows = w->m * used;
    size_t *next = r->taken;
    memset(r->first, 0, (experts + 1) * sizeof *r->first);
    for (size_t i = 0; i < rows; i++)
        r->first[r->expert[i] + 1]++;
    for (size_t e = 0; e < experts; e++) {
        r->first[e + 1] += r->first[e];
        next[e] = r->first[e];
    }
    for (size_t i = 0; i < rows; i++) {
        r->row[i] = next[r->expert[i]]++;
        r->token[r->row[i]] = i / used;
    }
    r->ntaken = 0;
    for (size_t e = 0; e < experts; e++)
        if (r->first[e + 1] > r->first[e])
            r->taken[r->ntaken++] = e;
}

/* The inputs of rows, of their tokens' that were quantised. */
static void gather(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct half *half = arg;
    const struct trit_work *w = half->w;
    const struct trit_routes *r = &w->routes;
    const struct trit_matrix *x = &half->layer->m[TRIT_GATE_UP];
    const size_t groups = trit_matrix_groups(x);
    for (size_t i = begin; i < end; i++) {
        const size_t token = r->token[i];
        memcpy(r->a + i * w->a_ld, w->a + token * w->a_ld, x->kp);
        memcpy(r->s + i * groups, w->s + token * groups, groups * sizeof *r->s);
        memcpy(r->sum + i * groups, w->sum + token * groups, groups * sizeof *r->sum);
    }
}

static void find_routes(struct half *half)
{
    struct trit_work *w = half->w;
    struct trit_pool *pool = w->model->pool;
    const struct trit_rows *rows = &half->layer->rows[0];
    const size_t experts = rows->n, used = w->model->config.experts.used;
    trit_multiply_split(pool, TRIT_PART_ROUTER,
                        pieces_of(w->m, SCORE_TOKENS) * pieces_of(experts, SCORE_EXPERTS), 0, score,
                        half);
    trit_region(pool, TRIT_PART_ROUTER, w->m, CHOOSE_TOKENS, route, half);
    trit_finite_token(w, TRIT_PART_ROUTER, half->wrong);
    sort_rows(w, &w->routes);
    if (w->m > 1)
        trit_region(pool, TRIT_PART_ROUTER, w->m * used, ROWS, gather, half);
    trit_count(&w->counts, TRIT_PART_ROUTER, rows->data_bytes + rows->scale_bytes,
               w->m * experts * rows->k);
}

/* --- their matrices --- */

/* Rows of inputs times the matrices of their experts. */
struct product {
    const struct trit_work *w;
    const struct trit_matrix *x;
    size_t blocks; /* of an expert */
    bool shared;   /* all rows have the inputs of one token */
};

/* Outputs row .. last-1 of one expert. */
static void multiply(const struct product *p, size_t expert, size_t row, size_t last)
{
    const struct trit_work *w = p->w;
    const struct trit_routes *r = &w->routes;
    const struct trit_matrix *x = p->x;
    const size_t groups = trit_matrix_groups(x), nr = (size_t)x->pair.decode->nr,
                 first = r->first[expert], m = r->first[expert + 1] - first,
                 block = expert * p->blocks;
    const struct trit_multiply mm = {
        .kernel = m == 1 ? x->pair.decode : x->pair.prefill,
        .mc = x->pair.mc,
        .n = x->n,
        .kp = x->kp,
        .block = x->block,
        .w = x->w + block * x->block,
        .group = x->packing->group,
        .d = x->d ? x->d + block * nr : NULL,
        .m = m,
        .lda = w->a_ld,
        .a = p->shared ? w->a : r->a + first * w->a_ld,
        .s = p->shared ? w->s : r->s + first * groups,
        .sum = p->shared ? w->sum : r->sum + first * groups,
        .y = w->gate_up + first * w->gate_up_ld,
        .ldy = w->gate_up_ld,
    };
    trit_multiply_rows(&mm, row, last);
}

/* Blocks of the experts that are taken, one behind the other. */
static void blocks(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct product *p = arg;
    const size_t nr = (size_t)p->x->pair.decode->nr;
    for (size_t at = begin, n; at < end; at += n) {
        const size_t first = at % p->blocks, left = p->blocks - first;
        n = end - at < left ? end - at : left;
        const size_t last = (first + n) * nr;
        multiply(p, p->w->routes.taken[at / p->blocks], first * nr,
                 last < p->x->n ? last : p->x->n);
    }
}

/* All rows, to their places in gate_up. */
static void product(struct trit_work *w, enum trit_part part, const struct trit_matrix *x,
                    bool shared)
{
    const size_t nc = w->m == 1 ? x->pair.decode_nc : x->pair.nc, taken = w->routes.ntaken;
    struct product p = { w, x, trit_product_blocks(x, x->n), shared };
    trit_multiply_split(w->model->pool, part, taken * p.blocks, trit_product_blocks(x, nc), blocks,
                        &p);
    trit_count(&w->counts, part, taken * trit_product_bytes(x),
               w->m * w->model->config.experts.used * x->n * x->k);
}

/* gate = min(gate, most), up = min(max(up, -most), most). */
static void clamp(size_t n, float most, float *gate, float *up)
{
    for (size_t i = 0; i < n; i++) {
        const float u = up[i] > -most ? up[i] : -most;
        gate[i] = gate[i] < most ? gate[i] : most;
        up[i] = u < most ? u : most;
    }
}

/* The inputs of Wdown, of rows. */
static void activate(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct half *half = arg;
    const struct trit_work *w = half->w;
    const struct trit_routes *r = &w->routes;
    const struct trit_matrix *down = &half->layer->m[TRIT_DOWN];
    const size_t ffn = w->model->config.ffn, group = down->packing->group,
                 groups = trit_matrix_groups(down);
    for (size_t i = begin; i < end; i++) {
        float *gate = w->gate_up + i * w->gate_up_ld, *up = gate + ffn;
        const struct trit_inputs to = { .k = ffn,
                                        .kp = group ? down->kp : trit_padded_k(ffn),
                                        .group = group,
                                        .a = r->a + i * w->a_ld,
                                        .s = r->s + i * groups,
                                        .sum = r->sum + i * groups };
        look(half, gate, 2 * ffn, r->token[i]);
        if (half->layer->clamp > 0)
            clamp(ffn, half->layer->clamp, gate, up);
        w->model->ops.gated->fn.silu(ffn, gate, up, gate);
        look(half, gate, ffn, r->token[i]);
        trit_quantise(w->model->ops.inputs, &to, gate);
    }
}

static void add_weighted(size_t n, float weight, const float *restrict y, float *restrict sum)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = sum[i] + weight * y[i];
}

/* x = x + the weighted sum: (token, columns). */
static void add_sums(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct trit_work *w = arg;
    const struct trit_routes *r = &w->routes;
    const size_t hidden = w->model->config.hidden, used = w->model->config.experts.used,
                 across = pieces_of(hidden, SUM_COLUMNS);
    for (size_t i = begin; i < end; i++) {
        const size_t token = i / across, first = i % across * SUM_COLUMNS,
                     n = hidden - first < SUM_COLUMNS ? hidden - first : SUM_COLUMNS;
        float sum[SUM_COLUMNS] = { 0 }, *x = w->x + token * hidden + first;
        for (size_t j = token * used; j < (token + 1) * used; j++)
            add_weighted(n, r->weight[j], w->gate_up + r->row[j] * w->gate_up_ld + first, sum);
        for (size_t k = 0; k < n; k++)
            x[k] = x[k] + sum[k];
    }
}

void trit_experts_run(struct trit_work *w, const struct trit_layer *layer)
{
    struct half half = { .w = w, .layer = layer, .wrong = SIZE_MAX };
    struct trit_pool *pool = w->model->pool;
    const size_t rows = w->m * w->model->config.experts.used,
                 sums = pieces_of(w->model->config.hidden, SUM_COLUMNS);
    trit_norm_keep(w, TRIT_PART_FFN_NORM, &layer->m[TRIT_GATE_UP], layer->vector[TRIT_FFN_NORM],
                   w->h);
    find_routes(&half);
    product(w, TRIT_PART_GATE_UP, &layer->m[TRIT_GATE_UP], w->m == 1);
    half.wrong = SIZE_MAX;
    trit_region(pool, TRIT_PART_FFN_SUB_NORM, rows, w->m == 1 ? 1 : ROWS, activate, &half);
    trit_finite_token(w, TRIT_PART_GATE_UP, half.wrong);
    product(w, TRIT_PART_DOWN, &layer->m[TRIT_DOWN], false);
    trit_region(pool, TRIT_PART_RESIDUAL, w->m * sums, w->m == 1 ? 1 : sums, add_sums, w);
}
