/* Exact logits of rows. */
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/head/internal.h"
#include "runtime/kernel/multiply.h"

/* States first .. first+m-1 with rows row .. row+n-1. */
struct patch {
    size_t first, m, row, n;
};

static size_t packed_nr(const struct trit_head *h)
{
    return (size_t)h->product.gemv->nr;
}

/* Logits apart of a piece that may begin within a block. */
static size_t packed_ld(size_t nr)
{
    return TRIT_HEAD_PIECE + nr;
}

size_t trit_head_packed_scratch(size_t nr)
{
    return trit_round_up(TRIT_HEAD_STATES * packed_ld(nr) * sizeof(float), TRIT_ALIGN);
}

void trit_head_quantise(struct trit_head *h)
{
    const size_t kp = h->product.kp, groups = kp / h->product.group;
    for (size_t i = 0; i < h->m; i++) {
        const struct trit_inputs to = { .k = h->k,
                                        .kp = kp,
                                        .group = h->product.group,
                                        .a = h->a + i * kp,
                                        .s = h->reciprocals + i * groups,
                                        .sum = h->sums + i * groups };
        trit_quantise(h->quant, &to, h->state[i].x);
    }
}

/* By whole blocks of packed rows. */
static void packed_rows(struct trit_head *h, const struct patch *p, float *y, int thread)
{
    const struct trit_head_product *product = &h->product;
    const size_t nr = packed_nr(h), before = p->row % nr, ld = packed_ld(nr),
                 groups = product->kp / product->group;
    float *out = (float *)(void *)(h->scratch + (size_t)thread * h->scratch_bytes);
    const struct trit_multiply mm = { .kernel = p->m == 1 ? product->gemv : product->gemm,
                                      .kp = product->kp,
                                      .block = product->block,
                                      .w = product->w + p->row / nr * product->block,
                                      .group = product->group,
                                      .lda = product->kp,
                                      .a = h->a + p->first * product->kp,
                                      .s = h->reciprocals + p->first * groups,
                                      .sum = h->sums + p->first * groups,
                                      .y = out,
                                      .ldy = ld };
    trit_multiply_tile(&mm, 0, p->m, 0, before + p->n);
    for (size_t i = 0; i < p->m; i++)
        memcpy(y + i * TRIT_HEAD_PIECE, out + i * ld + before, p->n * sizeof *y);
}

uint64_t trit_head_full_bytes(const struct trit_head *h)
{
    if (!h->product.w)
        return h->rows->data_bytes + h->rows->scale_bytes;
    const size_t nr = packed_nr(h);
    return (h->n + nr - 1) / nr * h->product.block;
}

/* Logits of rows of floats, TRIT_HEAD_PIECE apart for each state. Rows in the kernel's form: at
   once where all are in memory or in the mapped file; one by one what is few. */
static void float_rows(struct trit_head *h, struct trit_states states, size_t row, size_t n,
                       float *y, int thread)
{
    const struct trit_rows *r = h->rows;
    const size_t groups = (h->k + TRIT_HEAD_GROUP - 1) / TRIT_HEAD_GROUP;
    trit_head_fn *fn = (states.m > 1 ? h->many : h->kernel)->fn.head;
    if (r->data && n > 1) {
        fn(states.m, n, h->k, (const uint8_t *)r->data + row * (r->data_bytes / r->n),
           r->scale ? r->scale + row * groups : NULL, states.x, states.ld, y, TRIT_HEAD_PIECE);
        return;
    }
    for (size_t j = 0; j < n; j++) {
        const float *scale;
        const void *w =
            trit_rows_one(r, row + j, h->scratch + (size_t)thread * h->scratch_bytes, &scale);
        fn(states.m, 1, h->k, w, scale, states.x, states.ld, y + j, TRIT_HEAD_PIECE);
    }
}

static void rows_of(struct trit_head *h, const struct patch *p, float *y, int thread)
{
    const struct trit_states states = { h->x + p->first * h->ldx, p->m, h->ldx };
    if (h->product.w)
        packed_rows(h, p, y, thread);
    else
        float_rows(h, states, p->row, p->n, y, thread);
}

void trit_head_rows(struct trit_head *h, size_t row, size_t n, float *logits, int thread)
{
    rows_of(h, &(struct patch){ 0, h->m, row, n }, logits, thread);
}

float trit_head_exact(struct trit_head *h, size_t row, size_t i, int thread)
{
    float logit;
    rows_of(h, &(struct patch){ i, 1, row, 1 }, &logit, thread);
    return logit;
}
