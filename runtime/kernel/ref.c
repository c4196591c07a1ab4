/* The definitions of CONVENTIONS.md ("Numbers") as plain loops: what every kernel is compared with.
   Each written operation is one binary32 operation, which needs -ffp-contract=off. */
#include <assert.h>
#include <math.h>

#include "runtime/base/half.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/ref.h"

/* The state of one R16: partial sum i % 16 takes element i. */
struct r16 {
    float p[16];
    size_t i;
};

static void r16_add(struct r16 *r, float t)
{
    r->p[r->i % 16] = r->p[r->i % 16] + t;
    r->i++;
}

static float r16_sum(struct r16 *r)
{
    for (int half = 8; half >= 2; half /= 2)
        for (int j = 0; j < half; j++)
            r->p[j] = r->p[j] + r->p[j + half];
    return r->p[0] + r->p[1];
}

/* A NaN in a gives b, as in x86's maxps and minps. */
static float max(float a, float b)
{
    return a > b ? a : b;
}

static float min(float a, float b)
{
    return a < b ? a : b;
}

float trit_ref_r16(const float *t, size_t n)
{
    struct r16 r = { { 0 }, 0 };
    for (size_t i = 0; i < n; i++)
        r16_add(&r, t[i]);
    return r16_sum(&r);
}

float trit_ref_exp(float x)
{
    x = min(max(x, -87.0f), 88.0f);
    float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
    float p = 1.38888892e-3f;
    p = p * r + 8.33333377e-3f;
    p = p * r + 4.16666679e-2f;
    p = p * r + 1.66666672e-1f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return trit_bits_f32(trit_f32_bits(p) + ((uint32_t)(int32_t)n << 23));
}

void trit_ref_mm(size_t m, size_t n, size_t k, const int8_t *w, const float *d, const int8_t *a,
                 size_t lda, const float *s, float *y, size_t ldy)
{
    assert(k <= TRIT_MAX_K);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            int32_t acc = 0;
            for (size_t x = 0; x < k; x++)
                acc += a[i * lda + x] * w[j * k + x];
            y[i * ldy + j] = (float)acc * (d[j] / s[i]);
        }
}

void trit_ref_mm_groups(const struct trit_ref_groups *p, float *y, size_t ldy)
{
    const size_t groups = p->k / p->group;
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            float sum = 0.0f;
            for (size_t g = 0; g < groups; g++) {
                int32_t acc = 0;
                for (size_t x = g * p->group; x < (g + 1) * p->group; x++)
                    acc += p->a[i * p->lda + x] * p->w[j * p->k + x];
                sum = sum + (float)acc * (p->d[j * groups + g] * p->r[i * groups + g]);
            }
            y[i * ldy + j] = sum;
        }
}

/* x times s within low .. high, rounded; their sum. */
static int32_t codes(size_t k, size_t kp, const float *x, float s, float low, float high, int8_t *a)
{
    int32_t sum = 0;
    for (size_t i = 0; i < kp; i++) {
        float v = i < k ? min(max(x[i] * s, low), high) : 0.0f;
        /* |v| <= 128: the sum's last bit is 1, so the addition rounds half to even. */
        a[i] = (int8_t)((v + 12582912.0f) - 12582912.0f);
        sum += a[i];
    }
    return sum;
}

void trit_ref_quant(size_t k, size_t kp, const float *x, int8_t *a, float *s, int32_t *sum)
{
    float m = 0.0f;
    for (size_t i = 0; i < k; i++)
        m = max(fabsf(x[i]), m);
    *s = 127.0f / max(m, 1e-5f);
    *sum = codes(k, kp, x, *s, -128.0f, 127.0f, a);
}

void trit_ref_quant4(size_t k, size_t kp, const float *x, int8_t *a, float *s, int32_t *sum)
{
    struct r16 all = { { 0 }, 0 };
    for (size_t i = 0; i < k; i++)
        r16_add(&all, fabsf(x[i]));
    *s = 2.64575131f / max(r16_sum(&all) / (float)k, 1e-5f);
    *sum = codes(k, kp, x, *s, -8.0f, 7.0f, a);
}

trit_inputs_fn *trit_ref_inputs(enum trit_op op)
{
    return op == TRIT_OP_quant4 ? trit_ref_quant4 : trit_ref_quant;
}

/* R16 of the squares. */
static float squares(size_t k, const float *x)
{
    struct r16 sum = { { 0 }, 0 };
    for (size_t i = 0; i < k; i++)
        r16_add(&sum, x[i] * x[i]);
    return r16_sum(&sum);
}

void trit_ref_norm(size_t k, const float *x, const float *w, float eps, float *y)
{
    float r = 1.0f / sqrtf(squares(k, x) / (float)k + eps);
    for (size_t i = 0; i < k; i++)
        y[i] = (x[i] * r) * w[i];
}

void trit_ref_relu2(size_t k, const float *g, const float *u, float *f)
{
    for (size_t i = 0; i < k; i++) {
        float r = max(g[i], 0.0f);
        f[i] = (r * r) * u[i];
    }
}

void trit_ref_silu(size_t k, const float *g, const float *u, float *f)
{
    for (size_t i = 0; i < k; i++) {
        float e = trit_ref_exp(-g[i]);
        f[i] = (g[i] / (1.0f + e)) * u[i];
    }
}

void trit_ref_sigmoid(size_t k, const float *g, const float *u, float *f)
{
    for (size_t i = 0; i < k; i++)
        f[i] = u[i] / (1.0f + trit_ref_exp(-g[i]));
}

void trit_ref_gelu(size_t k, const float *g, const float *u, float *f)
{
    for (size_t i = 0; i < k; i++) {
        float z = g[i] * (0.0713548139f * (g[i] * g[i]) + 1.59576917f);
        f[i] = (g[i] / (1.0f + trit_ref_exp(-z))) * u[i];
    }
}

trit_gated_fn *trit_ref_gated(enum trit_op op)
{
    static trit_gated_fn *const all[TRIT_NOP] = {
        [TRIT_OP_relu2] = trit_ref_relu2,
        [TRIT_OP_silu] = trit_ref_silu,
        [TRIT_OP_sigmoid] = trit_ref_sigmoid,
        [TRIT_OP_gelu] = trit_ref_gelu,
    };
    return all[op];
}

void trit_ref_rotate(size_t k, size_t block, const float *before, const float *after,
                     const float *x, float *y)
{
    const float r = 1.0f / sqrtf((float)block);
    for (size_t i = 0; i < k; i++)
        y[i] = before ? before[i] * x[i] : x[i];
    for (size_t d = 1; d < block; d *= 2)
        for (size_t i = 0; i < k; i++)
            if ((i & d) == 0) {
                float a = y[i], b = y[i + d];
                y[i] = a + b;
                y[i + d] = a - b;
            }
    for (size_t i = 0; i < k; i++) {
        y[i] = y[i] * r;
        y[i] = after ? after[i] * y[i] : y[i];
    }
}

void trit_ref_conv(size_t m, size_t n, size_t taps, const float *x, size_t ldx, const float *w,
                   const float *state, float *next, size_t ldw, float *y, size_t ldy)
{
    for (size_t c = 0; c < n; c++) {
        float in[TRIT_MAX_TAPS] = { 0 }; /* the last inputs, the newest at taps - 1 */
        for (size_t j = 1; j < taps; j++)
            in[j] = state[(j - 1) * ldw + c];
        for (size_t t = 0; t < m; t++) {
            float sum = 0.0f;
            for (size_t j = 0; j + 1 < taps; j++)
                in[j] = in[j + 1];
            in[taps - 1] = x[t * ldx + c];
            for (size_t j = 0; j < taps; j++)
                sum = sum + w[j * ldw + c] * in[j];
            y[t * ldy + c] = sum / (1.0f + trit_ref_exp(-sum));
        }
        for (size_t j = 1; next && j < taps; j++)
            next[(j - 1) * ldw + c] = in[j];
    }
}

void trit_ref_l2(size_t k, const float *x, float scale, float *y)
{
    float r = 1.0f / sqrtf(squares(k, x) + 1e-6f);
    for (size_t i = 0; i < k; i++)
        y[i] = (x[i] * r) * scale;
}

void trit_ref_gnorm(size_t k, const float *x, const float *w, float eps, const float *z, float *y)
{
    float r = 1.0f / sqrtf(squares(k, x) / (float)k + eps);
    for (size_t i = 0; i < k; i++)
        y[i] = ((x[i] * r) * w[i]) * (z[i] / (1.0f + trit_ref_exp(-z[i])));
}

/* One lane of a state, for one token. Returns its o. */
static float delta_lane(size_t dk, const float *q, const float *k, float decay, float beta, float v,
                        float *s)
{
    float u = 0.0f, o = 0.0f;
    for (size_t i = 0; i < dk; i++) {
        s[i] = s[i] * decay;
        u = u + s[i] * k[i];
    }
    float d = beta * (v - u);
    for (size_t i = 0; i < dk; i++) {
        s[i] = s[i] + k[i] * d;
        o = o + s[i] * q[i];
    }
    return o;
}

void trit_ref_delta(size_t m, size_t dk, size_t dv, const float *q, const float *k, size_t ldk,
                    const float *v, size_t ldv, const float *decay, const float *beta, size_t ldg,
                    const float *s, float *next, float *o, size_t ldo)
{
    assert(dk <= TRIT_MAX_KEY);
    for (size_t j = 0; j < dv; j++) {
        float lane[TRIT_MAX_KEY];
        const size_t at = j / 16 * 16 * dk + j % 16; /* of its first row */
        for (size_t i = 0; i < dk; i++)
            lane[i] = s[at + 16 * i];
        for (size_t t = 0; t < m; t++)
            o[t * ldo + j] = delta_lane(dk, q + t * ldk, k + t * ldk, decay[t * ldg], beta[t * ldg],
                                        v[t * ldv + j], lane);
        for (size_t i = 0; next && i < dk; i++)
            next[at + 16 * i] = lane[i];
    }
}

static void softmax(size_t n, size_t np, float scale, float *s, float *maximum, float *sum)
{
    float m = -INFINITY;
    for (size_t t = 0; t < n; t++) {
        s[t] = s[t] * scale;
        m = max(s[t], m);
    }
    struct r16 l = { { 0 }, 0 };
    for (size_t t = 0; t < n; t++) {
        s[t] = trit_ref_exp(s[t] - m);
        r16_add(&l, s[t]);
    }
    for (size_t t = n; t < np; t++)
        s[t] = 0.0f;
    *maximum = m + 0.0f; /* +0 whichever zero came last */
    *sum = r16_sum(&l);
}

void trit_ref_softmax(size_t m, size_t group, size_t n, size_t np, float scale, float *s,
                      size_t lds, float *maximum, float *sum)
{
    for (size_t i = 0; i < m; i++) {
        size_t seen = n + i / group;
        softmax(seen < np ? seen : np, np, scale, s + i * lds, &maximum[i], &sum[i]);
    }
}

void trit_ref_merge(size_t m, size_t hd, float *maximum, float *sum, float *o, size_t ldo,
                    const float *part_max, const float *part_sum, const float *part, size_t ldp)
{
    for (size_t i = 0; i < m; i++) {
        float top = max(part_max[i], maximum[i]);
        float a = trit_ref_exp(maximum[i] - top), b = trit_ref_exp(part_max[i] - top);
        maximum[i] = top;
        sum[i] = sum[i] * a + part_sum[i] * b;
        for (size_t d = 0; d < hd; d++)
            o[i * ldo + d] = o[i * ldo + d] * a + part[i * ldp + d] * b;
    }
}

void trit_ref_half(size_t k, const float *x, uint16_t *y)
{
    for (size_t i = 0; i < k; i++)
        y[i] = trit_f32_f16(min(max(x[i], -65504.0f), 65504.0f));
}

void trit_ref_split(size_t k, size_t kp, float *x, const float *scale, int8_t *const a[2],
                    float *const s[2], int32_t *const sum[2])
{
    for (size_t i = 0; i < k; i++)
        x[i] = x[i] * scale[i];
    for (int part = 0; part < 2; part++) {
        trit_ref_quant(k, kp, x, a[part], s[part], sum[part]);
        float step = 1.0f / *s[part];
        for (size_t i = 0; i < k; i++)
            x[i] = x[i] - (float)a[part][i] * step;
    }
}

void trit_ref_qk(size_t m, size_t hd, size_t nt, const float *q, size_t ldq, const uint16_t *k,
                 float *s, size_t lds)
{
    for (size_t i = 0; i < m; i++)
        for (size_t t = 0; t < trit_round_up(nt, 16); t++) {
            const uint16_t *block = k + t / 16 * hd * 16;
            float sum = 0.0f;
            for (size_t d = 0; d < hd; d++)
                sum = sum + q[i * ldq + d] * trit_f16_f32(block[d * 16 + t % 16]);
            s[i * lds + t] = sum;
        }
}

void trit_ref_pv(size_t m, size_t hd, size_t nt, const float *p, size_t ldp, const uint16_t *v,
                 size_t ldv, float *o, size_t ldo)
{
    for (size_t i = 0; i < m; i++)
        for (size_t d = 0; d < hd; d++) {
            float sum = 0.0f;
            for (size_t t = 0; t < nt; t++)
                sum = sum + p[i * ldp + t] * trit_f16_f32(v[t * ldv + d]);
            o[i * ldo + d] = sum;
        }
}

/* Element i of row j, as binary32. */
typedef float element_fn(const void *w, const float *scale, size_t k, size_t j, size_t i);

static float element_f16(const void *w, const float *scale, size_t k, size_t j, size_t i)
{
    (void)scale;
    return trit_f16_f32(((const uint16_t *)w)[j * k + i]);
}

static float element_bf16(const void *w, const float *scale, size_t k, size_t j, size_t i)
{
    (void)scale;
    return trit_bf16_f32(((const uint16_t *)w)[j * k + i]);
}

static float element_f32(const void *w, const float *scale, size_t k, size_t j, size_t i)
{
    (void)scale;
    return ((const float *)w)[j * k + i];
}

static float element_i8(const void *w, const float *scale, size_t k, size_t j, size_t i)
{
    size_t groups = trit_round_up(k, TRIT_HEAD_GROUP) / TRIT_HEAD_GROUP;
    return (float)((const int8_t *)w)[j * k + i] * scale[j * groups + i / TRIT_HEAD_GROUP];
}

static void head(element_fn *element, size_t m, size_t n, size_t k, const void *w,
                 const float *scale, const float *x, size_t ldx, float *y, size_t ldy)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            struct r16 r = { { 0 }, 0 };
            for (size_t l = 0; l < k; l++)
                r16_add(&r, element(w, scale, k, j, l) * x[i * ldx + l]);
            y[i * ldy + j] = r16_sum(&r);
        }
}

void trit_ref_head_f16(size_t m, size_t n, size_t k, const void *w, const float *scale,
                       const float *x, size_t ldx, float *y, size_t ldy)
{
    head(element_f16, m, n, k, w, scale, x, ldx, y, ldy);
}

void trit_ref_head_bf16(size_t m, size_t n, size_t k, const void *w, const float *scale,
                        const float *x, size_t ldx, float *y, size_t ldy)
{
    head(element_bf16, m, n, k, w, scale, x, ldx, y, ldy);
}

void trit_ref_head_f32(size_t m, size_t n, size_t k, const void *w, const float *scale,
                       const float *x, size_t ldx, float *y, size_t ldy)
{
    head(element_f32, m, n, k, w, scale, x, ldx, y, ldy);
}

void trit_ref_head_i8(size_t m, size_t n, size_t k, const void *w, const float *scale,
                      const float *x, size_t ldx, float *y, size_t ldy)
{
    head(element_i8, m, n, k, w, scale, x, ldx, y, ldy);
}

uint64_t trit_ref_read(size_t bytes, const void *p)
{
    uint64_t all = 0, word;
    for (size_t i = 0; i < bytes; i += sizeof word) {
        memcpy(&word, (const char *)p + i, sizeof word);
        all ^= word;
    }
    return all;
}
