/* Exact logits of rows. */
#include "runtime/head/internal.h"

/* Logits of n rows, TRIT_HEAD_PIECE apart for each state. Rows in the kernel's form: at once where
   all are in memory or in the mapped file; one by one what is few. */
static void rows_of(struct trit_head *h, struct trit_states states, size_t row, size_t n, float *y,
                    int thread)
{
    const struct trit_rows *r = h->rows;
    const size_t groups = (h->k + TRIT_HEAD_GROUP - 1) / TRIT_HEAD_GROUP;
    trit_head_fn *fn = h->kernel->fn.head;
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

void trit_head_rows(struct trit_head *h, size_t row, size_t n, float *logits, int thread)
{
    rows_of(h, (struct trit_states){ h->x, h->m, h->ldx }, row, n, logits, thread);
}

float trit_head_exact(struct trit_head *h, size_t row, const float *x, int thread)
{
    float logit;
    rows_of(h, (struct trit_states){ x, 1, h->ldx }, row, 1, &logit, thread);
    return logit;
}
