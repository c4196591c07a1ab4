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

/* Sixteen stored elements as floats. */
static inline __m128 f16x4(__m128i h)
{
    const __m128i mag = _mm_and_si128(h, _mm_set1_epi32(0x7fff)), e = _mm_set1_epi32(0x38000000),
                  is_tiny = _mm_cmplt_epi32(mag, _mm_set1_epi32(0x400)),
                  is_top = _mm_cmpgt_epi32(mag, _mm_set1_epi32(0x7bff));
    const __m128 tiny = _mm_mul_ps(_mm_cvtepi32_ps(mag), _mm_set1_ps(0x1p-24f));
    __m128i v = _mm_add_epi32(_mm_slli_epi32(mag, 13), _mm_add_epi32(e, _mm_and_si128(is_top, e)));
    v = _mm_andnot_si128(is_tiny, v);
    v = _mm_or_si128(v, _mm_and_si128(is_tiny, _mm_castps_si128(tiny)));
    return _mm_castsi128_ps(_mm_or_si128(v, _mm_slli_epi32(_mm_srli_epi32(h, 15), 31)));
}
static inline vf vf_f16(const void *p)
{
    const __m128i *h = p, x = _mm_loadu_si128(h), y = _mm_loadu_si128(h + 1),
                  z = _mm_setzero_si128();
    return (vf){ { f16x4(_mm_unpacklo_epi16(x, z)), f16x4(_mm_unpackhi_epi16(x, z)),
                   f16x4(_mm_unpacklo_epi16(y, z)), f16x4(_mm_unpackhi_epi16(y, z)) } };
}
/* To nearest even; within the range of f16, no NaN. Below 2^-14 the sum's last bit is 2^-24, and
   its rounding is ours. */
static inline __m128i to_f16x4(__m128 x)
{
    const __m128i bits = _mm_castps_si128(x), mag = _mm_and_si128(bits, _mm_set1_epi32(0x7fffffff)),
                  is_tiny = _mm_cmplt_epi32(mag, _mm_set1_epi32(0x38800000)),
                  odd = _mm_and_si128(_mm_srli_epi32(mag, 13), _mm_set1_epi32(1)),
                  up = _mm_add_epi32(odd, _mm_set1_epi32(0xfff - 0x38000000)),
                  big = _mm_srli_epi32(_mm_add_epi32(mag, up), 13);
    const __m128 sum = _mm_add_ps(_mm_castsi128_ps(mag), _mm_set1_ps(0.5f));
    const __m128i tiny = _mm_sub_epi32(_mm_castps_si128(sum), _mm_set1_epi32(0x3f000000)),
                  h = _mm_or_si128(_mm_and_si128(is_tiny, tiny), _mm_andnot_si128(is_tiny, big));
    const __m128i sign = _mm_slli_epi32(_mm_srli_epi32(bits, 31), 15);
    return _mm_srai_epi32(_mm_slli_epi32(_mm_or_si128(h, sign), 16), 16);
}
static inline void vf_to_f16(uint16_t *p, vf v)
{
    for (int i = 0; i < 2; i++)
        _mm_storeu_si128((__m128i *)p + i,
                         _mm_packs_epi32(to_f16x4(v.r[2 * i]), to_f16x4(v.r[2 * i + 1])));
}
static inline vf vf_bf16(const void *p)
{
    const __m128i *h = p, x = _mm_loadu_si128(h), y = _mm_loadu_si128(h + 1),
                  z = _mm_setzero_si128();
    return (vf){
        { _mm_castsi128_ps(_mm_unpacklo_epi16(z, x)), _mm_castsi128_ps(_mm_unpackhi_epi16(z, x)),
          _mm_castsi128_ps(_mm_unpacklo_epi16(z, y)), _mm_castsi128_ps(_mm_unpackhi_epi16(z, y)) }
    };
}
static inline vf vf_f32(const void *p) { return vf_load(p); }
static inline __m128 top4(__m128i v) { return _mm_cvtepi32_ps(_mm_srai_epi32(v, 24)); }
static inline vf vf_i8(const void *p)
{
    const __m128i v = _mm_loadu_si128(p), x = _mm_unpacklo_epi8(v, v), y = _mm_unpackhi_epi8(v, v);
    return (vf){ { top4(_mm_unpacklo_epi16(x, x)), top4(_mm_unpackhi_epi16(x, x)),
                   top4(_mm_unpacklo_epi16(y, y)), top4(_mm_unpackhi_epi16(y, y)) } };
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
