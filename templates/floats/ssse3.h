/* The float vocabulary of SSE2. vi_sum comes from the integer vocabulary. */
/* vf: sixteen floats in four registers, vq: sixteen int32. */
typedef struct {
    __m128 r[4];
} vf;
typedef struct {
    __m128i r[4];
} vq;
static inline vf vf_set1(float x)
{
    const __m128 v = _mm_set1_ps(x);
    return (vf){ { v, v, v, v } };
}
static inline vf vf_load(const float *p)
{
    vf v;
    for (int i = 0; i < 4; i++)
        v.r[i] = _mm_loadu_ps(p + 4 * i);
    return v;
}
static inline void vf_store(float *p, vf v)
{
    for (int i = 0; i < 4; i++)
        _mm_storeu_ps(p + 4 * i, v.r[i]);
}
static inline vf vf_load_n(const float *p, size_t n)
{
    float t[16] = { 0 };
    memcpy(t, p, n * sizeof *p);
    return vf_load(t);
}
static inline void vf_store_n(float *p, vf v, size_t n)
{
    float t[16];
    vf_store(t, v);
    memcpy(p, t, n * sizeof *p);
}
static inline vf vf_add(vf a, vf b)
{
    return (vf){ { a.r[0] + b.r[0], a.r[1] + b.r[1], a.r[2] + b.r[2], a.r[3] + b.r[3] } };
}
static inline vf vf_sub(vf a, vf b)
{
    return (vf){ { a.r[0] - b.r[0], a.r[1] - b.r[1], a.r[2] - b.r[2], a.r[3] - b.r[3] } };
}
static inline vf vf_mul(vf a, vf b)
{
    return (vf){ { a.r[0] * b.r[0], a.r[1] * b.r[1], a.r[2] * b.r[2], a.r[3] * b.r[3] } };
}
static inline vf vf_div(vf a, vf b)
{
    return (vf){ { a.r[0] / b.r[0], a.r[1] / b.r[1], a.r[2] / b.r[2], a.r[3] / b.r[3] } };
}
static inline vf vf_max(vf a, vf b)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = _mm_max_ps(a.r[i], b.r[i]);
    return a;
}
static inline vf vf_min(vf a, vf b)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = _mm_min_ps(a.r[i], b.r[i]);
    return a;
}
static inline vf vf_abs(vf a)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = _mm_andnot_ps(_mm_set1_ps(-0.0f), a.r[i]);
    return a;
}
/* The lanes `by` apart change places; after by = 4 all four registers are alike. */
static inline vf vf_fold(vf v, int by)
{
    if (by >= 4)
        return by == 8 ? (vf){ { v.r[2], v.r[3], v.r[0], v.r[1] } }
                       : (vf){ { v.r[1], v.r[0], v.r[3], v.r[2] } };
    const __m128 x = v.r[0], a = by == 2 ? _mm_shuffle_ps(x, x, 0x4e) : _mm_shuffle_ps(x, x, 0xb1);
    return (vf){ { a, a, a, a } };
}
static inline float vf_first(vf v) { return _mm_cvtss_f32(v.r[0]); }
/* In place of lanes i and i + by, their sum and their difference; by is 1, 2, 4 or 8. */
static inline __m128 butterfly4(__m128 v, int by)
{
    const __m128 other = by == 2 ? _mm_shuffle_ps(v, v, 0x4e) : _mm_shuffle_ps(v, v, 0xb1);
    const float low = by == 2 ? 0.0f : -0.0f, high = by == 2 ? -0.0f : 0.0f;
    return _mm_add_ps(other, _mm_xor_ps(v, _mm_setr_ps(0.0f, low, high, -0.0f)));
}
static inline vf vf_butterfly(vf v, int by)
{
    const __m128 a = v.r[0], b = v.r[1], c = v.r[2], d = v.r[3];
    return by == 8   ? (vf){ { a + c, b + d, a - c, b - d } }
           : by == 4 ? (vf){ { a + b, a - b, c + d, c - d } }
                     : (vf){ { butterfly4(a, by), butterfly4(b, by), butterfly4(c, by),
                               butterfly4(d, by) } };
}
/* Rounds half to even; |v| < 2^31. */
static inline vq vq_round(vf v)
{
    return (vq){ { _mm_cvtps_epi32(v.r[0]), _mm_cvtps_epi32(v.r[1]), _mm_cvtps_epi32(v.r[2]),
                   _mm_cvtps_epi32(v.r[3]) } };
}
/* p * 2^n, given n + 12582912, whose low bits are n: added to the exponent field. */
static inline vf vf_ldexp(vf p, vf n)
{
    for (int i = 0; i < 4; i++)
        p.r[i] = _mm_castsi128_ps(
            _mm_add_epi32(_mm_castps_si128(p.r[i]), _mm_slli_epi32(_mm_castps_si128(n.r[i]), 23)));
    return p;
}

/* For quantising: |v| <= 128. */
static inline vq vq_zero(void) { return (vq){ { _mm_setzero_si128() } }; }
static inline vq vq_add(vq a, vq b)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = _mm_add_epi32(a.r[i], b.r[i]);
    return a;
}
static inline int32_t vq_sum(vq v)
{
    return vi_sum(_mm_add_epi32(_mm_add_epi32(v.r[0], v.r[1]), _mm_add_epi32(v.r[2], v.r[3])));
}
static inline void vq_store_n(int8_t *p, vq v, size_t n)
{
    const __m128i b =
        _mm_packs_epi16(_mm_packs_epi32(v.r[0], v.r[1]), _mm_packs_epi32(v.r[2], v.r[3]));
    memcpy(p, &b, n);
}
