/* Up to which share of open gates skipping rows pays. */
#include "runtime/model/internal.h"

#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/multiply.h"

enum { ROUNDS = 4 };
static const float unmeasured = 0.6f, least = 0.1f;

/* All rows of Wup, or one of every two. */
struct trial {
    const struct trit_matrix *up;
    const uint32_t *list; /* one of rows 2i, 2i + 1; NULL: all */
    const int8_t *a;
    float *y;
};

static void piece(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct trial *j = arg;
    const struct trit_matrix *x = j->up;
    const size_t nr = (size_t)x->pair.decode->nr, from = begin * nr,
                 to = end * nr < x->n ? end * nr : x->n;
    const float s = 1;
    const int32_t sum = 0;
    if (j->list)
        x->skip->fn.rows((to - from) / 2, j->list + from / 2, x->kp, x->w, x->d, j->a, s, sum,
                         j->y);
    else
        x->pair.decode->fn.gemv(1, to - from, x->kp, x->w + begin * x->block, x->d + from, j->a,
                                x->kp, &s, &sum, j->y + from, x->n);
}

static double seconds_of(struct trit_pool *pool, struct trial *trial)
{
    const size_t blocks = trit_product_blocks(trial->up, trial->up->n);
    const uint64_t begin = trit_clock();
    trit_multiply_split(pool, TRIT_PART_GATE_UP, blocks, 0, piece, trial);
    return 1e-9 * (double)(trit_clock() - begin);
}

/* Each layer is touched once, so that its rows come from memory. */
void trit_skip_measure(struct trit_model *model)
{
    const struct trit_matrix *up = &model->layers[0].m[TRIT_UP];
    const size_t rounds = model->config.layers / 2 < ROUNDS ? model->config.layers / 2 : ROUNDS;
    uint32_t *list = trit_alloc(up->n, sizeof *list);
    int8_t *a = trit_alloc(up->kp, 1);
    float *y = trit_alloc(up->n, sizeof *y);
    double all = 0, half = 0;
    for (size_t i = 0; list && i < up->n / 2; i++)
        list[i] = (uint32_t)(2 * i + (i * 2654435761u >> 16) % 2);
    for (size_t i = 0; list && a && y && i < rounds; i++) {
        const struct trit_layer *two = model->layers + 2 * i;
        all += seconds_of(model->pool, &(struct trial){ &two[0].m[TRIT_UP], NULL, a, y });
        half += seconds_of(model->pool, &(struct trial){ &two[1].m[TRIT_UP], list, a, y });
    }
    const float most = half > 0 ? (float)(0.5 * all / half) : unmeasured;
    model->skip_most = most < least ? least : most > 1 ? 1 : most;
    free(list);
    free(a);
    free(y);
}
