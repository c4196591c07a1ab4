/* States as the planes take them, and how far a score by planes may be from the exact logit.

   L = R16(e[i] * x[i]) is a row's logit, p what its planes stand for, X = X1 + X2 the state as its
   int8 vectors stand for it (one or two: the second has what the first leaves), y the computed
   score, u = 2^-24. Then

     |L - e.x|    <=  G |e| |x| + tiny

     |e.x - p.X|  <=  |e - p| |x| + |p| |x - X|

     |p.X - y|    <=  14 u N (|X1| + |X2|)

   The first: a product, at most ceil(k/16) sums of a lane and four of the tree are that many
   roundings; G = 2 (ceil(k/16) + 6) u has room for their products. Products that underflow are off
   by at most 2^-150; tiny is above k of them.

   The second is Cauchy-Schwarz, twice.

   The third: N >= |e| + r, with r >= |e - p|, is at least |e| and |p|. y sums, for each vector and
   plane, float(acc) * (d / s), of three roundings, and for all vectors at once d * shift, of at
   most five; each then goes through at most three sums: eight roundings of a term. The terms
   without the halves of the codes are those of plane 1 less d/2 in each element, and of plane 2, at
   most d/2; d sqrt(k) <= 0.4 |e|, so that all terms are together at most

     (|p1| + 0.2 |e|  +  0.2 |e|  +  0.2 |e| + 0.05 |e|) (|X1| + |X2|)  <=  1.65 N (|X1| + |X2|)

   So with R = 64 u, of which the other 50 are for the roundings of the bound itself (r * norm,
   N * slack, + tiny, their sum, its sum with y: below 9 u of N (|x| + |X1| + |X2|)) and of what X1
   leaves when it is made binary32 for X2 (u |x - X1|),

     L      <=  y + r norm + N slack + tiny

     slack  =   |x - X| + (G + R) (|x| + |X1| + |X2|)

   norm >= |x|, |x - X|, |X1| and |X2| are computed in binary64, grown by their own error, and
   rounded up. States outside 2^+-60, and heads whose N is above 2^60, are left to the full pass:
   nothing overflows, and d / s (d >= 2^-50 or 0, s <= 127e5) does not underflow. Rows of step 0
   have p = 0, y = 0 and r >= |e|. */
#include <math.h>

#include "runtime/head/internal.h"

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
