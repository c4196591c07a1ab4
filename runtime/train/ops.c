/* Rows of numbers, forward and back. Sums go to 16 partial ones, so that they are the same for each
   width of vectors. */
#include "runtime/train/ops.h"

#include <math.h>

#include "runtime/base/math.h"

enum { LANES = 16 };

#ifdef TRIT_TRAIN_DOUBLE
static const trit_real to_integer = 0x1.8p52, least_scale = 1e-5;
static trit_real exponential(trit_real x)
{
    return exp(x);
}
#else
static const trit_real to_integer = 0x1.8p23f, least_scale = 1e-5f;
static inline trit_real exponential(trit_real x)
{
    return trit_expf(x);
}
#endif

static inline trit_real largest(trit_real a, trit_real b)
{
    return a > b ? a : b;
}

static inline trit_real least(trit_real a, trit_real b)
{
    return a < b ? a : b;
}

static inline trit_real sum16(trit_real *p)
{
    for (size_t width = LANES / 2; width; width /= 2)
        for (size_t i = 0; i < width; i++)
            p[i] += p[i + width];
    return p[0];
}

TRIT_TRAIN_WIDE trit_real trit_train_dot(size_t n, const trit_real *a, const trit_real *b)
{
    trit_real p[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            p[j] += a[i + j] * b[i + j];
    for (; i < n; i++)
        p[i % LANES] += a[i] * b[i];
    return sum16(p);
}

TRIT_TRAIN_WIDE double trit_train_squares(size_t n, const trit_real *x)
{
    double p[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            p[j] += (double)x[i + j] * (double)x[i + j];
    for (; i < n; i++)
        p[i % LANES] += (double)x[i] * (double)x[i];
    for (size_t width = LANES / 2; width; width /= 2)
        for (size_t j = 0; j < width; j++)
            p[j] += p[j + width];
    return p[0];
}

TRIT_TRAIN_WIDE trit_real trit_train_norm(size_t k, const trit_real *x, const trit_real *w,
                                          trit_real eps, trit_real *y)
{
    const trit_real mean = trit_train_dot(k, x, x) / (trit_real)k;
    const trit_real r = 1 / (trit_real)sqrt((double)(mean + eps));
    for (size_t i = 0; i < k; i++)
        y[i] = x[i] * r * w[i];
    return r;
}

/* With n = x * r: dn = dy * w; dx = r * (dn - n * mean of dn * n); dw = dy * n. */
TRIT_TRAIN_WIDE void trit_train_norm_back(const struct trit_train_norm_back *b)
{
    const trit_real *restrict x = b->x, *restrict w = b->w, *restrict dy = b->dy, r = b->r;
    trit_real *restrict dx = b->dx, *restrict dw = b->dw, p[LANES] = { 0 };
    const size_t k = b->k;
    size_t i = 0;
    for (; i + LANES <= k; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            p[j] += dy[i + j] * w[i + j] * x[i + j];
    for (; i < k; i++)
        p[i % LANES] += dy[i] * w[i] * x[i];
    const trit_real c = sum16(p) * r * r / (trit_real)k;
    for (i = 0; i < k; i++) {
        dx[i] += r * (dy[i] * w[i] - x[i] * c);
        dw[i] += dy[i] * x[i] * r;
    }
}

TRIT_TRAIN_WIDE static trit_real magnitude(size_t n, const trit_real *x)
{
    trit_real p[LANES] = { 0 }, m = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            p[j] = largest((trit_real)fabs((double)x[i + j]), p[j]);
    for (; i < n; i++)
        p[i % LANES] = largest((trit_real)fabs((double)x[i]), p[i % LANES]);
    for (size_t j = 0; j < LANES; j++)
        m = largest(p[j], m);
    return m;
}

TRIT_TRAIN_WIDE static trit_real mean_magnitude(size_t n, const trit_real *x)
{
    trit_real p[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            p[j] += (trit_real)fabs((double)x[i + j]);
    for (; i < n; i++)
        p[i % LANES] += (trit_real)fabs((double)x[i]);
    return sum16(p) / (trit_real)n;
}

/* Rounded to whole steps of 1 / s, of which `low` to `high` there are. */
TRIT_TRAIN_WIDE static void to_steps(size_t n, trit_real s, trit_real low, trit_real high,
                                     const trit_real *x, trit_real *xq)
{
    const trit_real back = 1 / s, magic = to_integer;
    for (size_t i = 0; i < n; i++) {
        const trit_real v = least(largest(x[i] * s, low), high);
        xq[i] = ((v + magic) - magic) * back;
    }
}

void trit_train_quantise_inputs(const struct trit_train_inputs *how, size_t k, const trit_real *x,
                                trit_real *xq)
{
    static const trit_real root7 = 2.64575131f;
    const size_t group = how->group ? how->group : k;
    for (size_t i = 0; i < k; i += group) {
        const size_t n = group < k - i ? group : k - i;
        if (how->bits == 8)
            to_steps(n, 127 / largest(magnitude(n, x + i), least_scale), -128, 127, x + i, xq + i);
        else if (how->bits == 4)
            to_steps(n, root7 / largest(mean_magnitude(n, x + i), least_scale), -8, 7, x + i,
                     xq + i);
        else
            for (size_t j = i; j < i + n; j++)
                xq[j] = x[j];
    }
}

TRIT_TRAIN_WIDE void trit_train_rotate(size_t k, size_t block, trit_real *x)
{
    const trit_real r = 1 / (trit_real)sqrt((double)block);
    for (size_t d = 1; d < block; d *= 2)
        for (size_t i = 0; i < k; i += 2 * d)
            for (size_t j = i; j < i + d; j++) {
                const trit_real a = x[j], b = x[j + d];
                x[j] = a + b;
                x[j + d] = a - b;
            }
    for (size_t i = 0; i < k; i++)
        x[i] *= r;
}

TRIT_TRAIN_WIDE static void relu2(size_t n, const trit_real *g, const trit_real *u, trit_real *f)
{
    for (size_t i = 0; i < n; i++) {
        const trit_real r = largest(g[i], 0);
        f[i] = r * r * u[i];
    }
}

TRIT_TRAIN_WIDE static void silu(size_t n, const trit_real *g, const trit_real *u, trit_real *f)
{
    for (size_t i = 0; i < n; i++)
        f[i] = g[i] / (1 + exponential(-g[i])) * u[i];
}

void trit_train_gate(enum trit_train_gate gate, size_t n, const trit_real *g, const trit_real *u,
                     trit_real *f)
{
    (gate == TRIT_TRAIN_RELU2 ? relu2 : silu)(n, g, u, f);
}

TRIT_TRAIN_WIDE static void relu2_back(const struct trit_train_gate_back *b)
{
    const trit_real *g = b->g, *u = b->u, *df = b->df;
    for (size_t i = 0; i < b->n; i++) {
        const trit_real r = largest(g[i], 0), d = df[i];
        b->dg[i] = d * u[i] * 2 * r;
        b->du[i] = d * r * r;
    }
}

TRIT_TRAIN_WIDE static void silu_back(const struct trit_train_gate_back *b)
{
    const trit_real *g = b->g, *u = b->u, *df = b->df;
    for (size_t i = 0; i < b->n; i++) {
        const trit_real s = 1 / (1 + exponential(-g[i])), d = df[i];
        b->dg[i] = d * u[i] * s * (1 + g[i] * (1 - s));
        b->du[i] = d * g[i] * s;
    }
}

void trit_train_gate_back(enum trit_train_gate gate, const struct trit_train_gate_back *b)
{
    (gate == TRIT_TRAIN_RELU2 ? relu2_back : silu_back)(b);
}

TRIT_TRAIN_WIDE void trit_train_rope(size_t n, const trit_real *cosine, const trit_real *sine,
                                     bool back, trit_real *x)
{
    const trit_real way = back ? -1 : 1;
    trit_real *restrict low = x, *restrict high = x + n / 2;
    for (size_t i = 0; i < n / 2; i++) {
        const trit_real a = low[i], b = high[i], s = way * sine[i];
        low[i] = a * cosine[i] - b * s;
        high[i] = a * s + b * cosine[i];
    }
}

TRIT_TRAIN_WIDE trit_real trit_train_softmax(size_t n, trit_real *x)
{
    trit_real p[LANES], m = x[0];
    size_t i = 0;
    for (size_t j = 0; j < LANES; j++)
        p[j] = x[0];
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            p[j] = largest(x[i + j], p[j]);
    for (; i < n; i++)
        p[i % LANES] = largest(x[i], p[i % LANES]);
    for (size_t j = 0; j < LANES; j++) {
        m = largest(p[j], m);
        p[j] = 0;
    }
    for (i = 0; i < n; i++)
        x[i] = exponential(x[i] - m);
    for (i = 0; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            p[j] += x[i + j];
    for (; i < n; i++)
        p[i % LANES] += x[i];
    const trit_real sum = sum16(p), r = 1 / sum;
    for (i = 0; i < n; i++)
        x[i] *= r;
    return (trit_real)log((double)sum) + m;
}
