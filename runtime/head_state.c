/* States as the planes take them, and how far a score by planes may be from the exact logit.

   Let L = R16(e[i] * x[i]) be a row's logit, p what its planes stand for, X the state as one or two
   int8 vectors stand for it (the second has what the first leaves), y the computed score. Then

     |L - e.x| <= G |e| |x| + tiny    G = (ceil(k/16) + 6) u: one product, at most ceil(k/16) sums
   of a lane and four of the tree, u = 2^-24 each; products that underflow are off by at most
   2^-150, k of them by tiny |e.x - p.X| <= |e - p| |x| + |p| |x - X| (Cauchy-Schwarz) |p.X - y| <=
   R (|p| + |e|) (|X1| + |X2|)    the roundings of y

   y sums, for each vector and plane, float(acc) * (d / s), of three roundings, and for all vectors
   at once d * shift, of at most five; then a few sums. Without the halves of its codes p is within
   d/2 sqrt(k) <= 0.2 |e| of itself, and sqrt(k) d/2 |X| bounds the halves' part; so no term is
   above 1.4 (|p| + |e|) |X|, and R = 2^-18 = 64 u holds with room for the roundings of the bound
   itself: r * norm + N * slack + tiny, three of them, and of its sum with y. So with N >= |e| + r
   >= |p|,

     L <= y + r norm + N slack + tiny,   slack = |x - X| + (G + R) (|x| + |X1| + |X2|)

   norm >= |x|, |x - X|, |X1| and |X2| are computed in binary64 (relative error far below 2^-18 / k)
   and rounded up. States outside 2^+-60, and heads whose N is above 2^60, are left to the full
   pass: nothing overflows, and d / s (d >= 2^-50 or 0, s <= 127e5) does not underflow. */
#include <math.h>

#include "runtime/head_parts.h"

static const double ROUNDINGS = 0x1p-18;

/* Above this part of a state left over by its int8 vector a second one pays. */
static const double SECOND_TERM = 1.0 / 64;

/* |v - X| and |X| for X = a / s, and v - X in its place. */
struct rest {
    double left, part;
};

static struct rest take(float *v, const int8_t *a, float s, size_t k)
{
    double left[4] = { 0 }, part[4] = { 0 };
    const double unit = 1 / (double)s;
    for (size_t i = 0; i < k; i++) {
        const double at = a[i] * unit, rest = (double)v[i] - at;
        left[i % 4] += rest * rest;
        part[i % 4] += at * at;
        v[i] = (float)rest;
    }
    const double grow = 1 + (double)k * 0x1p-50;
    return (struct rest){ sqrt(left[0] + left[1] + left[2] + left[3]) * grow,
                          sqrt(part[0] + part[1] + part[2] + part[3]) * grow };
}

static double norm_of(const float *x, size_t k)
{
    double p[4] = { 0 };
    for (size_t i = 0; i < k; i++)
        p[i % 4] += (double)x[i] * (double)x[i];
    return sqrt(p[0] + p[1] + p[2] + p[3]) * (1 + (double)k * 0x1p-50);
}

/* The state's vectors; what they leave is measured on a copy in v. */
static void quantise(struct trit_head *h, size_t i, float *v)
{
    const struct trit_head_state *state = &h->state[i];
    struct rest rest = { 0 };
    double sizes = (double)state->norm;
    for (size_t j = 0; j < h->k; j++)
        v[j] = state->x[j];
    float shift = 0;
    for (size_t t = i * h->terms; t < (i + 1) * h->terms; t++) {
        int8_t *a = h->a + t * h->kp;
        h->quant->fn.quant(h->k, h->kp, v, a, &h->s[t], &h->sum[t]);
        shift += 0.5f * (float)h->sum[t] / h->s[t];
        rest = take(v, a, h->s[t], h->k);
        sizes += rest.part;
    }
    h->state[i].shift = shift;
    const double order = (double)((h->k + 15) / 16 + 6) * 0x1p-23;
    h->state[i].slack = (float)(rest.left + (order + ROUNDINGS) * sizes) * (1 + 0x1p-22f);
    h->state[i].coarse = rest.left > SECOND_TERM * (double)h->state[i].norm;
}

static void prepare(void *arg, size_t begin, size_t end, int thread)
{
    struct trit_head *h = arg;
    for (size_t i = begin; i < end; i++)
        quantise(h, i, (float *)(void *)(h->scratch + (size_t)thread * h->scratch_bytes));
}

static void prepare_all(struct trit_head *h, size_t terms)
{
    h->terms = terms;
    if (h->m > 1)
        trit_region(h->pool, TRIT_PART_OUTPUT_NORM, h->m, 1, prepare, h);
    else
        prepare(h, 0, 1, 0);
}

bool trit_head_prepare(struct trit_head *h)
{
    bool coarse = h->deep;
    for (size_t i = 0; i < h->m; i++) {
        const double norm = norm_of(h->state[i].x, h->k);
        h->state[i].norm = (float)norm * (1 + 0x1p-22f);
        if (!(norm > 0x1p-60 && norm < 0x1p60) || !(h->most < 0x1p60f))
            return false;
    }
    /* One vector where that is enough: half of the products. */
    if (!coarse)
        prepare_all(h, 1);
    for (size_t i = 0; i < h->m && !coarse; i++)
        coarse = h->state[i].coarse;
    if (coarse)
        prepare_all(h, TRIT_HEAD_TERMS);
    return true;
}
