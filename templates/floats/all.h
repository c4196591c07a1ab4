/* What follows from any vocabulary. */
/* vi_add to the sums at `acc`, and vi_scale of them. */
static inline void vi_add_at(int32_t *acc, va part)
{
    vi v;
    memcpy(&v, acc, sizeof v), v = vi_add(v, part), memcpy(acc, &v, sizeof v);
}
static inline void vi_scale_at(float *y, const int32_t *acc, int32_t sum, const float *d, float s)
{
    vi v;
    memcpy(&v, acc, sizeof v);
    vi_scale(y, v, sum, d, s);
}
/* c5: puts the sums of its vector v where they belong: 16 bytes are four neighbouring rows. */
static inline void vi_unmix(int32_t *rows, size_t v, const void *sums)
{
    rows += v % 5 * 64 + v / 20 * sizeof(vi) + v / 5 % 4 * 4;
    for (size_t lane = 0; lane < sizeof(vi) / 16; lane++)
        memcpy(rows + 16 * lane, (const char *)sums + 16 * lane, 16);
}
/* The tree at the end of R16. */
static inline float vf_sum(vf p)
{
    for (int by = 8; by > 0; by /= 2)
        p = vf_add(p, vf_fold(p, by));
    return vf_first(p);
}
/* R16 of the squares. */
static inline float vf_squares(size_t k, const float *x)
{
    vf p = vf_set1(0.0f);
    size_t i = 0;
    for (; i + 16 <= k; i += 16) {
        const vf v = vf_load(x + i);
        p = vf_add(p, vf_mul(v, v));
    }
    if (i < k) {
        const vf v = vf_load_n(x + i, k - i);
        p = vf_add(p, vf_mul(v, v));
    }
    return vf_sum(p);
}
/* The largest of the lanes. */
static inline float vf_most(vf m)
{
    for (int by = 8; by > 0; by /= 2)
        m = vf_max(vf_fold(m, by), m);
    return vf_first(m);
}
/* exp of CONVENTIONS.md for x <= 0 and for NaN, which the lower bound replaces: the upper one does
   nothing there. In two halves: n, as vf_ldexp takes it, and what it leaves; the polynomial. */
typedef struct {
    vf shifted, rest;
} vf_exp_parts;
static inline vf_exp_parts vf_exp_begin(vf x)
{
    const vf magic = vf_set1(12582912.0f);
    x = vf_max(x, vf_set1(-87.0f));
    const vf shifted = vf_add(vf_mul(x, vf_set1(1.44269504f)), magic), n = vf_sub(shifted, magic);
    const vf high = vf_sub(x, vf_mul(n, vf_set1(0.693145752f)));
    return (vf_exp_parts){ shifted, vf_sub(high, vf_mul(n, vf_set1(1.42860677e-6f))) };
}
static inline vf vf_exp_end(vf_exp_parts x)
{
    static const float c[] = { 8.33333377e-3f, 4.16666679e-2f, 1.66666672e-1f, 0.5f, 1.0f, 1.0f };
    vf p = vf_set1(1.38888892e-3f);
    for (int i = 0; i < 6; i++)
        p = vf_add(vf_mul(p, x.rest), vf_set1(c[i]));
    return vf_ldexp(p, x.shifted);
}
static inline vf vf_exp(vf x) { return vf_exp_end(vf_exp_begin(x)); }
/* x / (1 + exp(-g)), for any g. */
static inline vf vf_gate(vf x, vf g)
{
    const vf low = vf_max(vf_sub(vf_set1(0.0f), g), vf_set1(-87.0f));
    return vf_div(x, vf_add(vf_set1(1.0f), vf_exp(vf_min(low, vf_set1(88.0f)))));
}
