/* AdamW and its schedule. */
#include "runtime/train/adamw.h"

#include <math.h>
#include <string.h>

enum { PIECE = 1 << 15, PIECES = 1 << 10 };

struct norm_job {
    const trit_real *g;
    size_t n;
    double *sums;
};

static void add_squares(void *arg, size_t begin, size_t end, int thread)
{
    const struct norm_job *j = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const size_t at = i * PIECE;
        j->sums[i] = trit_train_squares(j->n - at < PIECE ? j->n - at : PIECE, j->g + at);
    }
}

static double norm_of(const struct trit_train_net *net)
{
    double sums[PIECES], sum = 0;
    for (size_t at = 0; at < net->layout.floats; at += (size_t)PIECE * PIECES) {
        const size_t left = net->layout.floats - at, most = (size_t)PIECE * PIECES;
        struct norm_job j = { net->g + at, left < most ? left : most, sums };
        const size_t pieces = (j.n + PIECE - 1) / PIECE;
        trit_pool_for(net->pool, pieces, 1, add_squares, &j);
        for (size_t i = 0; i < pieces; i++)
            sum += sums[i];
    }
    return sqrt(sum);
}

/* Of one tensor. first, second: what the moments are multiplied by, for their beginning as zeros.
 */
struct update_job {
    trit_real *w, *g, *m, *v;
    trit_real lr, decay, scale, first, second;
};

TRIT_TRAIN_WIDE static void update(const struct update_job *j, size_t begin, size_t end)
{
    const trit_real b1 = (trit_real)TRIT_TRAIN_B1, b2 = (trit_real)TRIT_TRAIN_B2,
                    eps = (trit_real)TRIT_TRAIN_EPS, a1 = (trit_real)(1 - TRIT_TRAIN_B1),
                    a2 = (trit_real)(1 - TRIT_TRAIN_B2), lr = j->lr, decay = j->decay,
                    scale = j->scale, first = j->first, second = j->second;
    trit_real *restrict w = j->w, *restrict g = j->g, *restrict m = j->m, *restrict v = j->v;
    for (size_t i = begin; i < end; i++) {
        const trit_real d = g[i] * scale;
        m[i] = b1 * m[i] + a1 * d;
        v[i] = b2 * v[i] + a2 * d * d;
        const trit_real root = (trit_real)sqrt((double)(v[i] * second));
        w[i] -= lr * (m[i] * first / (root + eps) + decay * w[i]);
        g[i] = 0;
    }
}

static void run_update(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    update(arg, begin, end);
}

double trit_train_update(struct trit_train_net *net, trit_real *m, trit_real *v, uint64_t step,
                         const struct trit_train_rate *rate)
{
    const double norm = norm_of(net);
    if (!isfinite(norm))
        return norm;
    const double scale = rate->clip > 0 && norm > rate->clip ? rate->clip / norm : 1;
    for (size_t i = 0; i < net->layout.ntensors; i++) {
        const struct trit_train_tensor *t = &net->layout.list[i];
        const bool decays = t->role != TRIT_TRAIN_NORM;
        struct update_job j = { .w = net->w + t->at,
                                .g = net->g + t->at,
                                .m = m + t->at,
                                .v = v + t->at,
                                .lr = (trit_real)rate->lr,
                                .decay = decays ? (trit_real)rate->decay : 0,
                                .scale = (trit_real)scale,
                                .first = (trit_real)(1 / (1 - pow(TRIT_TRAIN_B1, (double)step))),
                                .second = (trit_real)(1 / (1 - pow(TRIT_TRAIN_B2, (double)step))) };
        trit_pool_for(net->pool, t->n * t->k, PIECE, run_update, &j);
    }
    return norm;
}

struct trit_train_rate trit_train_rate_at(const struct trit_train_schedule *s, uint64_t step)
{
    const bool second = step > s->second;
    const double left = 1 - (double)step / (double)s->steps;
    struct trit_train_rate rate = { second ? s->lr2 * left : s->lr * left, second ? 0 : s->decay,
                                    s->clip };
    if (step <= s->warmup)
        rate.lr *= (double)step / (double)s->warmup;
    return rate;
}
